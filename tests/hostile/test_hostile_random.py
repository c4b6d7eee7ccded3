"""Random models come back exactly, and random damage is a typed error or no damage at all."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import HoldfastError
from tests.hostile.mutations import Mutator, sealed_again
from tests.hostile.oracle import ROOT, Case, Watcher, check
from tests.hostile.random_models import Maker, digests, portrait, shared

QUICK = settings(max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
SEEDS = range(400)


# -- exactness ------------------------------------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(st.characters(codec=None), max_size=8), st.binary(max_size=5), st.complex_numbers()
)  # fmt: skip
keys = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.tuples(st.integers(), st.text(max_size=2)), st.binary(max_size=3))
models = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=20),
        st.lists(inner, max_size=18).map(tuple),
        st.dictionaries(keys, inner, max_size=6),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
        st.sets(keys, max_size=6),
        st.frozensets(keys, max_size=6),
        st.lists(inner, max_size=3).map(lambda items: [items, items]),
    ),
    max_leaves=30,
)


@QUICK
@given(models)
def test_any_graph_of_plain_python_comes_back_exactly(model: Any) -> None:
    blob = holdfast.dumps(model)
    back = holdfast.loads(blob)
    assert portrait(back) == portrait(model)
    assert holdfast.dumps(back) == blob, "a model that was loaded is the same model"
    assert holdfast.dumps(model) == blob, "the same model gives the same bytes"


@pytest.mark.parametrize("start", SEEDS[::100])
def test_random_graphs_of_python_and_numpy_come_back_exactly(start: int) -> None:
    for seed in range(start, start + 100):
        model = Maker(seed).model()
        blob = holdfast.dumps(model)
        for load in (lambda b: holdfast.loads(bytearray(b)), lambda b: holdfast.loads(b, digests="all", copy=True)):
            back = load(blob)
            assert portrait(back) == portrait(model), seed
            assert shared(back) == shared(model), seed
        assert holdfast.dumps(holdfast.loads(blob)) == blob, seed


@pytest.mark.parametrize("start", SEEDS[::200])
def test_random_graphs_come_back_exactly_from_compressed_files(start: int) -> None:
    for seed in range(start, start + 50):
        model = {"model": Maker(seed).model(), "large": np.arange(300.0) + seed, "names": [f"name{i}" for i in range(50)]}
        plain, small = holdfast.dumps(model), holdfast.dumps(model, compress="zstd")
        assert portrait(holdfast.loads(small, copy=True)) == portrait(model), seed
        assert holdfast.inspect(small).id == holdfast.inspect(plain).id


def test_random_graphs_are_the_same_bytes_in_processes_of_other_hash_seeds() -> None:
    found = {}
    for hash_seed in ("0", "1", "4242"):
        environment = dict(os.environ, PYTHONHASHSEED=hash_seed, PYTHONPATH=os.pathsep.join([str(Path(holdfast.__file__).parents[1]), str(ROOT)]))
        done = subprocess.run([sys.executable, "-m", "tests.hostile.random_models", "0", "150"], env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
        found[hash_seed] = done.stdout.split("\n")
    assert found["0"] == found["1"] == found["4242"] == digests(range(150))


@pytest.mark.parametrize(
    "model",
    [
        {float("nan"): 1}, {float("nan"), 1.0}, frozenset({float("nan"), float("inf") - float("inf")}), {float("nan"): 1, float("inf") - float("inf"): 2},
        {float("nan"), float("inf") - float("inf")}, [float("nan")] * 3, (float("nan"), -float("nan")), {(float("nan"),): 1, (float("inf") - float("inf"),): 2},
    ],
    ids=["key", "set", "frozen set", "two keys", "set of two", "list", "tuple", "keys inside"],
)  # fmt: skip
def test_a_nan_comes_back_wherever_python_allows_one(model: Any) -> None:
    back = holdfast.loads(holdfast.dumps(model))
    assert len(back) == len(model)
    assert portrait(back) == portrait(model)


# -- damage without a good seal --------------------------------------------------------------------------------------------

BLOB = holdfast.dumps(
    {"a": np.arange(40.0), "b": [1, "x", None], "c": {"d": (1.5, True)}, "e": np.array(["a", "bc"]), "f": [np.zeros(2)] * 2, "g": {1, 2}}, extra={"k": 1}
)
WHOLE = portrait(holdfast.loads(BLOB))


def either_refused_or_the_same(blob: bytes) -> None:
    try:
        back = holdfast.loads(blob)
    except HoldfastError as error:
        assert str(error)
        return
    assert portrait(back) == WHOLE


@QUICK
@given(st.lists(st.tuples(st.integers(0, len(BLOB) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_bytes_that_were_overwritten_are_noticed(edits: list[tuple[int, int]]) -> None:
    damaged = bytearray(BLOB)
    for place, value in edits:
        damaged[place] = value
    either_refused_or_the_same(bytes(damaged))


@QUICK
@given(st.integers(0, len(BLOB)), st.integers(0, len(BLOB)), st.binary(max_size=80))
def test_bytes_that_were_cut_out_or_put_in_are_noticed(start: int, stop: int, new: bytes) -> None:
    either_refused_or_the_same(BLOB[:start] + new + BLOB[stop:])


@QUICK
@given(st.integers(0, len(BLOB) - 64), st.integers(0, len(BLOB) - 64), st.integers(1, 64))
def test_bytes_that_changed_places_are_noticed(one: int, two: int, count: int) -> None:
    damaged = bytearray(BLOB)
    damaged[one : one + count], damaged[two : two + count] = damaged[two : two + count], damaged[one : one + count]
    either_refused_or_the_same(bytes(damaged[: len(BLOB)]))


@QUICK
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    for act in (holdfast.loads, holdfast.inspect, holdfast.verify):
        with pytest.raises(HoldfastError):
            act(data)
    with pytest.raises(HoldfastError):
        holdfast.loads(len(data).to_bytes(8, "little") + data)


# -- damage that was sealed again -----------------------------------------------------------------------------------------


def sources() -> dict[str, bytes]:
    """Return the files that mutants are made of."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    X, y = np.arange(40.0).reshape(20, 2) % 7, np.array(["a", "b"] * 10)
    import datetime
    import decimal

    base = np.arange(10.0)
    plain = {
        "views": [base, base[::2]], "objects": np.array([1, "a", None], object), "atoms": [1 << 70, b"x", 1j], "sets": ({1, 2}, frozenset({"a"})),
        "values": [datetime.datetime(2020, 1, 2), decimal.Decimal("1.5"), slice(1, 2), range(3), np.float32(1)], "dict": {1: 2, (1, 2): 3}, "names": [len, np.log1p],
        "random": np.random.default_rng(1), "structure": np.zeros(3, [("a", "<i4"), ("b", "<f8")]), "text": np.array(["a", "bc"]), "long": tuple(range(20)),
    }  # fmt: skip
    import scipy.sparse as sp

    return {
        "plain": holdfast.dumps(plain),
        "small": BLOB,
        "sparse": holdfast.dumps({"csr": sp.csr_matrix(np.eye(3)), "coo": sp.coo_array(np.eye(3)), "dia": sp.dia_matrix(np.eye(3)), "lil": sp.lil_matrix(np.eye(2))}),
        "logistic": holdfast.dumps(LogisticRegression().fit(X, y)),
        "scaler": holdfast.dumps(StandardScaler().fit(X)),
        "tree": holdfast.dumps(DecisionTreeClassifier(max_depth=2).fit(X, y)),
    }


MUTANTS = 60


@pytest.fixture(scope="module")
def mutants() -> dict[str, Case]:
    made = {}
    for name, blob in sources().items():
        for number in range(MUTANTS):
            mutant = sealed_again(blob, Mutator(random.Random(f"{name}{number}")))
            actions = ("loads", "inspect")
            made[f"{name} {number}"] = Case(mutant, HoldfastError, lenient=("loads", "inspect"), actions=actions, may_import=("*",))
    return made


@pytest.fixture(scope="module")
def answers(mutants: dict[str, Case], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    with Watcher(tmp_path_factory.mktemp("mutants"), mutants, sklearn=True, memory=512 << 20, seconds=8) as watcher:
        yield watcher


@pytest.mark.parametrize("name", ["plain", "small", "sparse", "logistic", "scaler", "tree"])
def test_a_tree_that_was_changed_at_random_and_sealed_again_is_refused_by_name_or_harmless(name: str, mutants: dict[str, Case], answers: Watcher) -> None:
    """Coverage of what nobody thought of: every mutant is accepted whole, or refused by a typed error."""
    wrong = []
    refused = 0
    for number in range(MUTANTS):
        found = answers[f"{name} {number}"]
        refused += "error" in found["loads"]
        try:
            check(mutants[f"{name} {number}"], found)
        except AssertionError as error:
            wrong.append(f"{name} {number}: {str(error)[:160]}")
    assert not wrong, f"{len(wrong)} of {MUTANTS}\n" + "\n".join(wrong)
    assert refused > MUTANTS // 4


def test_the_seal_of_a_mutant_holds() -> None:
    """Else the tests above would only test digests."""

    class Nothing(Mutator):
        def tree(self, tree: Any) -> Any:
            return tree

    for blob in (BLOB, sources()["scaler"]):
        same = sealed_again(blob, Nothing(random.Random(0)))
        assert same == blob
