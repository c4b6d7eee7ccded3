"""The table of the README that sets holdfast beside pickle, joblib, skops and MLflow: each cell that can be tried is tried.

The rows are those of the table; the versions are those of ``constraints.txt``. A peer that has learned something makes a test
here fail, and then the table has to say so. What is not tried here is another version of scikit-learn, and other languages.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import holdfast

ROOT = Path(__file__).parent.parent
X = np.random.RandomState(0).randn(40, 3)
Y = (X[:, 0] > 0).astype(int)


def _joblib(model: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return buffer.getvalue()


def _skops(blob: bytes) -> Any:
    return skops.io.loads(blob, trusted=skops.io.get_untrusted_types(data=blob))


SAVE: dict[str, Callable[[Any], bytes]] = {"holdfast": holdfast.dumps, "pickle": pickle.dumps, "joblib": _joblib, "skops": skops.io.dumps}
LOAD: dict[str, Callable[[bytes], Any]] = {"holdfast": holdfast.loads, "pickle": pickle.loads, "joblib": lambda blob: joblib.load(io.BytesIO(blob)), "skops": _skops}
PEERS = ("pickle", "joblib", "skops")


class Payload:
    """Asks to be made by calling something."""

    ran: list[str] = []  # noqa: RUF012

    def __reduce__(self) -> Any:
        return _run, ("it ran",)


def _run(what: str) -> str:
    Payload.ran.append(what)
    return what


def cells(row: str) -> list[str]:
    """Return the cells of a row of the table, after its name."""
    line = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(f"| {row}"))
    return [cell.strip() for cell in line.strip("|").split("|")[1:]]


def test_the_columns_are_those_that_are_tried_here() -> None:
    heads = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| | holdfast"))
    assert re.findall(r"\w+", heads) == ["holdfast", "pickle", "joblib", "skops", "MLflow"]


def test_who_runs_code_from_the_file() -> None:
    assert cells("loads without running code")[:4] == ["yes", "no", "no", "yes"]
    for peer in ("pickle", "joblib"):
        Payload.ran.clear()
        LOAD[peer](SAVE[peer]([Payload()]))
        assert Payload.ran == ["it ran"]
    Payload.ran.clear()
    with pytest.raises(holdfast.UnsupportedModel):
        holdfast.dumps([Payload()])
    with pytest.raises(Exception, match=r"[Uu]ntrusted"):
        skops.io.loads(skops.io.dumps(LogisticRegression(class_weight=_run)), trusted=[])
    assert Payload.ran == []


def test_who_asks_for_trust_in_a_tree_of_scikit_learn() -> None:
    assert cells("every fitted scikit-learn estimator")[:4] == ["yes", "yes", "yes", "no"]
    model = DecisionTreeClassifier().fit(X, Y)
    assert skops.io.get_untrusted_types(data=skops.io.dumps(model)) == ["sklearn.tree._tree.Tree"]
    for system in ("holdfast", "pickle", "joblib"):
        assert (LOAD[system](SAVE[system](model)).predict(X) == Y).all()


def test_who_looks_at_a_tree_before_native_code_does() -> None:
    assert cells("state of trees")[:4] == ["yes", "no", "no", "no"]
    model = DecisionTreeClassifier(max_depth=2).fit(X, Y)
    model.tree_.children_left[0] = 10**6
    for peer in PEERS:
        assert LOAD[peer](SAVE[peer](model)).tree_.children_left[0] == 10**6
    with pytest.raises(holdfast.InvalidState, match="left child 1000000"):
        holdfast.loads(holdfast.dumps(model))


def test_who_notices_a_flipped_bit_in_the_weights() -> None:
    assert cells("digests of everything")[:4] == ["yes", "no", "no", "no"]
    model = {"weights": np.arange(1000.0)}
    for system in ("pickle", "joblib"):
        damaged = bytearray(SAVE[system](model))
        damaged[4001] ^= 1
        assert not np.array_equal(LOAD[system](bytes(damaged))["weights"], model["weights"])
    blob = bytearray(holdfast.dumps(model))
    blob[4001] ^= 1
    with pytest.raises(holdfast.Corrupt):
        holdfast.loads(blob)
    # skops leaves it to the checksums of zip, which anyone can put right
    made, other = io.BytesIO(), np.lib.format
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            array = io.BytesIO()
            if name.endswith(".npy"):
                other.write_array(array, np.zeros(1000))
            new.writestr(name, array.getvalue() or old.read(name))
    assert not _skops(made.getvalue())["weights"].any()


SAME = """
import sys
from tests.test_comparison import SAVE
sys.stdout.buffer.write(SAVE[sys.argv[1]]({"labels": {"ham", "spam", "eggs", "tofu", "rice"}, "n": [1]}))
"""


@pytest.mark.long
@pytest.mark.parametrize("system", ["holdfast", *PEERS])
def test_who_gives_the_same_bytes_in_another_process(system: str) -> None:
    column = ["holdfast", *PEERS].index(system)
    found = set()
    for seed in ("1", "2", "3"):
        environment = dict(os.environ, PYTHONHASHSEED=seed, PYTHONPATH=os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
        found.add(subprocess.run([sys.executable, "-c", SAME, system], env=environment, capture_output=True, check=True).stdout)
    assert (len(found) == 1) is (cells("the same model gives the same bytes")[column] == "yes")


def test_who_maps_arrays_that_can_be_written_to(tmp_path: Path) -> None:
    assert cells("arrays mapped")[:4] == ["yes", "no", 'with `mmap_mode="c"`', "no"]
    path = tmp_path / "m.joblib"
    joblib.dump({"w": np.zeros(300_000)}, path)
    before = path.read_bytes()
    weights = joblib.load(path, mmap_mode="c")["w"]
    weights[:] = 1
    assert path.read_bytes() == before
    path = tmp_path / "m.safetensors"
    holdfast.save({"w": np.zeros(300_000)}, path)
    before = path.read_bytes()
    weights = holdfast.load(path)["w"]
    assert not weights.ctypes.data % 64
    weights[:] = 1
    assert path.read_bytes() == before


def _cycle() -> Any:
    made: list[Any] = [1]
    made.append(made)
    return made


class Slotted:
    __slots__ = ("a",)


@pytest.mark.parametrize("make", [_cycle, lambda: {(1, 2): 3}, lambda: {1: "a", "1": "b"}, Slotted], ids=["cycle", "tuple keys", "number and text keys", "slots"])
def test_who_keeps_what_python_allows(make: Callable[[], Any]) -> None:
    assert cells("objects with cycles")[:4] == ["yes", "yes", "yes", "no"]
    model = make()
    for system in ("pickle", "joblib"):
        assert type(LOAD[system](SAVE[system](model))) is type(model)
    assert type(holdfast.loads(holdfast.dumps(model), trusted=[Slotted])) is type(model)
    try:
        back = _skops(skops.io.dumps(model))
    except (RecursionError, TypeError):
        return
    assert back != model


@pytest.mark.parametrize("system", ["holdfast", *PEERS])
def test_nobody_keeps_a_function_without_a_name(system: str) -> None:
    assert cells("keeps functions that have no importable name")[["holdfast", *PEERS].index(system)] == "no"
    with pytest.raises((pickle.PicklingError, AttributeError, holdfast.UnsupportedModel, skops.io.exceptions.UntrustedTypesFoundException)):
        skops.io.loads(skops.io.dumps(lambda x: x), trusted=[]) if system == "skops" else SAVE[system](lambda x: x)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_mlflow_writes_skops_and_asks_for_trust(tmp_path: Path) -> None:
    import mlflow.sklearn
    from mlflow.exceptions import MlflowException

    mlflow.sklearn.save_model(LogisticRegression().fit(X, Y), tmp_path / "a", pip_requirements=["scikit-learn"])
    assert (tmp_path / "a" / "model.skops").exists()
    with pytest.raises(MlflowException, match=re.escape("sklearn.tree._tree.Tree")):
        mlflow.sklearn.save_model(DecisionTreeClassifier().fit(X, Y), tmp_path / "b", pip_requirements=["scikit-learn"])
    keeps = tmp_path / "c"
    mlflow.sklearn.save_model(
        LogisticRegression(class_weight={0: 1, 1: 2}).fit(X, Y), keeps, pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
    )
    assert (keeps / "model.pkl").exists()
