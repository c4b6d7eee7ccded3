"""Random models come back exactly, and random damage is a typed error or no damage at all."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import HoldfastError, UnsupportedModel
from holdfast.values import limits
from tests.hostile import strangers
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


def seed_name(entropy: Any) -> str:
    return f"{entropy.bit_length()} bits" if isinstance(entropy, int) else f"{type(entropy).__name__} of {len(entropy)}"


@pytest.mark.parametrize("entropy", [0, 7, 2**64, 2**128 - 1, 2**128, 2**300, 2**4000, 2**limits.SEED_BITS - 1, [1, 2, 3], [2**200, 5], (1, 2**64)], ids=seed_name)
def test_a_generator_of_any_seed_comes_back(entropy: Any) -> None:
    made = np.random.default_rng(np.random.SeedSequence(entropy))
    made.standard_normal(3)
    back = holdfast.loads(holdfast.dumps({"rng": made, "seed": np.random.SeedSequence(entropy)}))
    assert back["seed"].entropy == entropy
    assert back["seed"].generate_state(4).tolist() == np.random.SeedSequence(entropy).generate_state(4).tolist()
    assert back["rng"].bit_generator.seed_seq.entropy == entropy
    assert back["rng"].standard_normal(5).tolist() == made.standard_normal(5).tolist()


@pytest.mark.parametrize("entropy", [2**limits.SEED_BITS, range(3), [1, "2"], [1, 2**limits.SEED_BITS]], ids=seed_name)
def test_a_seed_that_no_reader_would_take_is_refused_when_it_is_saved(entropy: Any) -> None:
    with pytest.raises(UnsupportedModel, match="entropy"):
        holdfast.dumps(np.random.SeedSequence(entropy))
    with pytest.raises(UnsupportedModel, match="entropy"):
        holdfast.dumps(np.random.default_rng(np.random.SeedSequence(entropy)))


def test_the_place_of_a_seed_among_its_siblings_comes_back_with_any_key() -> None:
    made = np.random.SeedSequence(3, spawn_key=(1, 2**200))
    back = holdfast.loads(holdfast.dumps(made))
    assert back.spawn_key == made.spawn_key
    assert back.generate_state(4).tolist() == made.generate_state(4).tolist()


TABLE = np.arange(4000.0).reshape(400, 10)
LAYOUTS: dict[str, list[Callable[[int], Any]]] = {
    "long tuples": [lambda i: tuple(range(i, i + 17)), lambda i: tuple(range(i, i + 18)), lambda i: tuple(f"{i}{j}" for j in range(20))],
    "tuples": [lambda i: (i,), lambda i: (i, [i]), lambda i: (), lambda i: (str(i), (i,))],
    "dicts": [lambda i: {"a": i}, lambda i: {"b": i, "a": [i]}, lambda i: {f"{i}": 1}, lambda i: {i: 1}, lambda i: {"\u00e9": i}, lambda i: {}],
    "lists": [lambda i: [i], lambda i: [[i], i], lambda i: []],
    "sets": [lambda i: {i}, lambda i: frozenset({i, str(i)}), lambda i: {(i, i)}],
    "arrays": [
        lambda i: np.arange(5.0) + i, lambda i: TABLE[:5, i % 10], lambda i: TABLE[i % 400], lambda i: np.zeros((2, i % 3)) + i,
        lambda i: np.asfortranarray(np.arange(6.0).reshape(2, 3) + i), lambda i: np.array([i, None], object), lambda i: np.arange(3, dtype=">i4") + i, lambda i: TABLE[:3],
    ],
    "objects": [lambda i: types.SimpleNamespace(a=i), lambda i: types.SimpleNamespace(a=[i], b=np.arange(2) + i), lambda i: slice(i, None), lambda i: np.float32(i)],
    "big integers": [lambda i: 2**70 + i, lambda i: (2**70, i), lambda i: [2**71 * i]],
}  # fmt: skip
LAYOUTS["everything"] = [make for some in LAYOUTS.values() for make in some]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("mixed", ["in turn", "at random", "one after the other"])
def test_many_objects_of_several_layouts_come_back_each_in_its_place(name: str, mixed: str) -> None:
    """Objects of one type are saved together, layout by layout: in whatever order they come, none takes the place of another."""
    makers, dice = LAYOUTS[name], random.Random(name)
    count = 60 * len(makers)
    chosen = {"in turn": range(count), "at random": [dice.randrange(count) for _ in range(count)], "one after the other": [i // 60 for i in range(count)]}[mixed]
    model = [makers[which % len(makers)](i) for i, which in enumerate(chosen)]
    blob = holdfast.dumps(model)
    back = holdfast.loads(blob, copy=True)
    assert portrait_of_many(back) == portrait_of_many(model)
    assert shared(back) == shared(model)
    assert holdfast.dumps(back) == blob


def test_equal_dtypes_stay_as_many_as_they_were() -> None:
    one, other = np.dtype("<U3"), np.dtype("<U3")
    plain = np.dtype("<f8")
    model = [one, other, one, plain, np.dtype("<f8"), np.dtype([("a", "<f4")]), np.dtype([("a", "<f4")])]
    blob = holdfast.dumps(model)
    back = holdfast.loads(blob)
    assert back == model
    assert back[0] is back[2] is not back[1]
    assert back[3] is back[4] is plain
    assert holdfast.dumps(back) == blob


def test_equal_bytes_stay_as_many_as_they_were() -> None:
    one, other = (10).to_bytes(1, "big"), (10).to_bytes(1, "big")
    assert one is not other
    for model in ([one, other, one], [b"\n", b"\n"], [one, {b"\n"}], [b"", b""], [b"ab", bytes(bytearray(b"ab"))]):
        blob = holdfast.dumps(model)
        back = holdfast.loads(blob)
        assert back == model
        assert holdfast.dumps(back) == blob


@pytest.mark.parametrize("model", [[np.str_("")], [np.str_(""), np.str_("")], [np.bytes_(b"")], [np.str_("a"), np.str_("")], {np.str_(""): 1}], ids=repr)
def test_empty_text_of_numpy_comes_back(model: Any) -> None:
    back = holdfast.loads(holdfast.dumps(model))
    assert portrait(back) == portrait(model)


SEEDS_TOGETHER = 30


@pytest.mark.parametrize("start", range(0, 8 * SEEDS_TOGETHER, SEEDS_TOGETHER))
def test_many_random_models_in_one_come_back_exactly(start: int) -> None:
    """Alone, a random model has too few objects of one type for them to be saved together."""
    model = [Maker(seed).model() for seed in range(start, start + SEEDS_TOGETHER)]
    blob = holdfast.dumps(model)
    back = holdfast.loads(blob, copy=True)
    assert portrait(back) == portrait(model)
    assert shared(back) == shared(model)
    assert holdfast.dumps(back) == blob


def portrait_of_many(model: list[Any]) -> Any:
    return portrait([vars(one) if isinstance(one, types.SimpleNamespace) else one for one in model])


def deep(levels: int) -> Any:
    made: Any = 1
    for _ in range(levels):
        made = [made]
    return made


def wide_object() -> Any:
    made = strangers.Plain()
    vars(made).update({f"a{i}": i for i in range(70_000)})
    return made


def deep_dtype(levels: int) -> Any:
    dtype = np.dtype("<f8")
    for _ in range(levels):
        dtype = np.dtype([("a", dtype)])
    return dtype


BORDERS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "an integer of five million bits": (lambda: 1 << 5_000_000, {}),
    "an object of 70,000 attributes": (wide_object, {}),
    "a structure of 5,000 fields": (lambda: np.zeros(1, [(f"f{i}", "u1") for i in range(5000)]), {}),
    "a structure of 12 levels": (lambda: np.zeros(1, deep_dtype(12)), {}),
    "a pattern of 150,000 characters": (lambda: re.compile("a" * 150_000), {}),
    "a pool of 8,192 words": (lambda: np.random.SeedSequence(1, pool_size=8192), {}),
    "extra 100 deep": (lambda: [1], {"extra": {"a": deep(100)}}),
    "extra 2,000 deep": (lambda: [1], {"extra": {"a": deep(2000)}}),
    "extra with integers of 100 digits": (lambda: [1], {"extra": {"a": 10**100}}),
    "metrics with integers of 30 digits": (lambda: [1], {"metrics": {"a": 10**30}}),
    "extra with lone surrogates": (lambda: [1], {"extra": {"a": "\ud800"}}),
    "extra with a key of lone surrogates": (lambda: [1], {"extra": {"\ud800": 1}}),
    "a key of lone surrogates": (lambda: {"\ud800": np.zeros(3), chr(0xDFFF): 1}, {}),
    "a class with a name of 400 characters": (lambda: type("X" * 400, (), {"__module__": "acme"})(), {}),
    "an attribute with a name of 100,000 characters": (lambda: types.SimpleNamespace(**{"a" * 100_000: np.zeros(3)}), {}),
    "an attribute that is no identifier": (lambda: types.SimpleNamespace(**{"a b": 1, "": 2, "_x-y": 3}), {}),
    "an attribute of a class that is no identifier": (lambda: with_attributes(strangers.Plain(), {"a b": 1, "_x-y": 3}), {}),
    "an attribute that shadows a method": (lambda: with_attributes(strangers.Plain(), {"predict": 1}), {}),
    "an attribute that is a dunder": (lambda: with_attributes(strangers.Plain(), {"__note__": 1}), {}),
    "an item of no bytes": (lambda: np.zeros(3, "V0"), {}),
    "an empty array of a large shape": (lambda: np.empty((0, 2**58)), {}),
    "an array of 64 axes": (lambda: np.zeros([1] * 64), {}),
    "a structure with a title": (lambda: np.zeros(2, [(("title", "a"), "<f8")]), {}),
    "a structure of overlapping fields": (lambda: np.zeros(2, {"names": ["a", "b"], "formats": ["<i4", "<i2"], "offsets": [0, 2], "itemsize": 8}), {}),
    "3,000 dict layouts": (lambda: [{f"k{i}": 1} for i in range(3000)], {}),
}  # fmt: skip


def with_attributes(made: Any, attributes: dict[str, Any]) -> Any:
    vars(made).update(attributes)
    return made


@pytest.mark.parametrize("name", BORDERS)
def test_what_a_reader_would_refuse_is_refused_when_it_is_saved(name: str) -> None:
    """A limit or a rule of the reader is one of the writer too: nobody finds out when the model is needed."""
    make, options = BORDERS[name]
    model = make()
    try:
        blob = holdfast.dumps(model, **options)
    except (HoldfastError, TypeError):
        return
    trusted = [type(model)] if type(model).__module__ in ("acme", strangers.__name__) else None
    back = holdfast.loads(blob, trusted=trusted, copy=True)
    assert type(back) is type(model)
    assert holdfast.dumps(back, **options) == blob
    str(holdfast.inspect(blob))


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
    assume(not data.endswith(b"."))  # a few bytes of text may be a whole pickle of protocol 0
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
