"""Saving and loading: files, bytes, open files, parts, digests, memory, examples."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import holdfast
from tests.artifact.models import data, forest, neighbours, pipeline


def test_a_pipeline_comes_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    X, _ = data()
    saved = holdfast.save(pipeline(), path, example=X[:5], metrics={"auc": 0.91}, extra={"ticket": [1, "a"]})
    back = holdfast.load(path)
    assert back.predict_proba(X).tobytes() == pipeline().predict_proba(X).tobytes()
    found = holdfast.inspect(path)
    assert (
        (found.id, found.content, found.nbytes) == (saved.id, saved.content, saved.nbytes) == (found.id, found.content, path.stat().st_size)
    )
    assert found.metrics == {"auc": 0.91}
    assert found.extra == {"ticket": [1, "a"]}
    assert found.params["clf__C"] == "1.0"
    assert found.libraries["scikit-learn"][0] == found.libraries["scikit-learn"][1]
    assert found.signature is not None
    assert found.signature.classes == [0, 1]
    assert found.signature.inputs[0].shape == [None, 4]
    assert found.signature.outputs["predict_proba"].shape == [None, 2]
    assert saved.proof is not None
    assert saved.proof.verdict == "bit-equal"


def test_a_frame_gives_named_inputs(tmp_path: Path) -> None:
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    X = pd.DataFrame({"age": [1.0, 2.0, 3.0], "height": [3.0, 1.0, 2.0]})
    saved = tmp_path / "m.safetensors"
    holdfast.save(LinearRegression().fit(X, [1, 2, 3]), saved, example=X)
    signature = holdfast.inspect(saved).signature
    assert signature is not None
    assert [(one.name, one.dtype) for one in signature.inputs] == [("age", "float64"), ("height", "float64")]


def test_a_stock_reader_opens_every_file_and_finds_the_weights_by_name(tmp_path: Path) -> None:
    for name, options in {"plain": {}, "zipped": {"compress": "zstd"}}.items():
        path = tmp_path / f"{name}.safetensors"
        holdfast.save(pipeline(), path, **options)  # type: ignore[arg-type]
        found = load_file(path)
        if name == "plain":
            assert found["steps.scale.mean_"].tobytes() == pipeline()[0].mean_.tobytes()


def test_a_plain_safetensors_file_loads_as_a_dict_of_arrays(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    arrays = {"b": np.arange(3, dtype="i2"), "a": np.eye(2, dtype="f4"), "empty": np.zeros((0, 4)), "flag": np.array([True, False])}
    save_file(arrays, path, metadata={"format": "np"})
    back = holdfast.load(path)
    assert set(back) == set(arrays)
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape, back[name].tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert holdfast.load(path, part="b").tolist() == [0, 1, 2]
    assert holdfast.inspect(path).verdict == "plain arrays"


def test_bfloat16_of_a_plain_file_loads_with_ml_dtypes(tmp_path: Path) -> None:
    import ml_dtypes

    from holdfast.native.header import Entry

    header = b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    assert Entry
    path = tmp_path / "b.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + np.array([1.5, -2], ml_dtypes.bfloat16).tobytes())
    assert holdfast.load(path)["w"].astype(float).tolist() == [1.5, -2.0]


def test_dumps_gives_the_bytes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    X, _ = data()
    holdfast.save(pipeline(), path, example=X)
    assert holdfast.dumps(pipeline(), example=X) == path.read_bytes()


def test_loads_does_not_copy_the_buffer() -> None:
    blob = bytearray(holdfast.dumps({"w": np.arange(1000.0)}))
    back = holdfast.loads(blob)
    place = blob.find(np.arange(1000.0).tobytes())
    blob[place : place + 8] = np.float64(7).tobytes()
    assert back["w"][0] == 7
    assert holdfast.loads(holdfast.dumps([np.ones(3)]))[0].flags.writeable
    assert not holdfast.loads(holdfast.dumps([np.ones(200_000)]))[0].flags.writeable
    assert holdfast.loads(holdfast.dumps([np.ones(200_000)]), copy=True)[0].flags.writeable


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_loads_takes_any_buffer(wrap: Any) -> None:
    assert holdfast.loads(wrap(holdfast.dumps([1, "a"]))) == [1, "a"]


def test_open_binary_files_are_written_and_read_from_where_they_stand() -> None:
    file = io.BytesIO(b"before")
    file.seek(6)
    holdfast.save([1, 2], file)
    file.seek(6)
    assert holdfast.load(file) == [1, 2]
    with pytest.raises(TypeError, match="rb"):
        holdfast.load(io.StringIO("text"))
    with pytest.raises(TypeError, match="loads"):
        holdfast.load(b"bytes")


def test_the_same_model_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); import holdfast; from tests.artifact.models import forest, pipeline, neighbours; "
        "sys.stdout.write(' '.join(holdfast.inspect(holdfast.dumps(m)).content for m in (pipeline(), forest(), neighbours())) + "
        "' ' + holdfast.inspect(holdfast.dumps({'a', 'b', ('c', 1), None, 2.5})).content)"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PATH": ""}, cwd=Path(__file__).parent.parent.parent,
                       capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1
    assert len(runs.pop().split()) == 4


def test_using_a_model_does_not_make_another_of_it() -> None:
    X, _ = data()
    before = holdfast.dumps(neighbours())
    neighbours().predict(X)
    assert holdfast.dumps(neighbours()) == before


def test_compression_changes_neither_id_nor_content(tmp_path: Path) -> None:
    a = holdfast.save(forest(), tmp_path / "a.safetensors")
    b = holdfast.save(forest(), tmp_path / "b.safetensors", compress="zstd")
    assert (a.id, a.content) == (b.id, b.content)
    assert b.nbytes < a.nbytes
    X, _ = data()
    assert holdfast.load(tmp_path / "b.safetensors").predict_proba(X).tobytes() == forest().predict_proba(X).tobytes()


@pytest.mark.parametrize(
    ("path", "kind"), [("steps.clf", "LogisticRegression"), ("steps.clf.coef_", "ndarray"), ("steps.clf.C", "float"), ("steps", "list")]
)
def test_a_part_is_loaded_alone(path: str, kind: str, tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    holdfast.save(pipeline(), file)
    part = holdfast.load(file, part=path)
    assert type(part).__name__ == kind
    if path == "steps.clf":
        X, _ = data()
        scaled = pipeline()[0].transform(X)
        assert part.predict_proba(scaled).tobytes() == pipeline()[1].predict_proba(scaled).tobytes()


def test_a_part_of_a_forest_reads_only_its_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.artifact.source import Source

    file = tmp_path / "m.safetensors"
    holdfast.save({"big": np.zeros(1_000_000), "forest": forest()}, file)
    read = 0
    view, private = Source.view, Source.private

    def counted(self: Source, start: int, length: int, which: Any) -> Any:
        nonlocal read
        read += length
        return which(self, start, length)

    monkeypatch.setattr(Source, "view", lambda self, s, n: counted(self, s, n, view))
    monkeypatch.setattr(Source, "private", lambda self, s, n: counted(self, s, n, private))
    tree = holdfast.load(file, part="forest.estimators_.3")
    X, _ = data()
    assert tree.predict(X).tobytes() == forest().estimators_[3].predict(X).tobytes()
    assert read < 200_000


def test_a_part_that_is_not_there_says_what_is() -> None:
    blob = holdfast.dumps(pipeline())
    with pytest.raises(holdfast.NotFound, match="scale, clf"):
        holdfast.loads(blob, part="steps.clv")


def test_max_memory_is_decided_before_anything_is_allocated(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    holdfast.save({"w": np.zeros(1000)}, path)
    with pytest.raises(holdfast.LimitExceeded, match="max_memory"):
        holdfast.load(path, max_memory=7000)
    assert holdfast.load(path, max_memory=100_000)["w"].shape == (1000,)


def test_weights_stay_mapped_writeable_and_never_write_back(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    holdfast.save({"w": np.zeros(500_000)}, path)
    before = path.read_bytes()
    back = holdfast.load(path)["w"]
    address = back.__array_interface__["data"][0]
    assert address % 64 == 0
    back[:] = 5
    assert path.read_bytes() == before
    assert holdfast.load(path)["w"][0] == 0


def test_digests_all_reads_what_needed_does_not(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    holdfast.save({"w": np.zeros(500_000)}, path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    holdfast.load(path)
    with pytest.raises(holdfast.Corrupt, match="'w'"):
        holdfast.load(path, digests="all")
    with pytest.raises(holdfast.Corrupt, match="'w'"):
        holdfast.verify(path)


def test_a_synthetic_example_is_made_from_the_model_alone(tmp_path: Path) -> None:
    for model in (pipeline(), forest()):
        saved = holdfast.save(model, tmp_path / "m.safetensors", example="synthetic")
        assert saved.proof is not None
        assert saved.proof.rows == 16
    assert holdfast.load(tmp_path / "m.safetensors", replay=True).n_estimators == 10


def test_a_synthetic_example_is_made_where_the_trees_are_a_matrix() -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    X = np.random.RandomState(0).normal(size=(40, 3)) * 10
    model = GradientBoostingClassifier(n_estimators=2).fit(X, X[:, 0] > 0)
    assert holdfast.inspect(holdfast.dumps(model, example="synthetic")).has_example


def test_replay_without_an_example_says_so(tmp_path: Path) -> None:
    holdfast.save(pipeline(), tmp_path / "m.safetensors")
    with pytest.raises(holdfast.ProofFailed, match="no example"):
        holdfast.load(tmp_path / "m.safetensors", replay=True)
    assert holdfast.verify(tmp_path / "m.safetensors").verdict == "no example"


class Drifts:
    """Answers with something that is not in the object, so that it differs once loaded."""

    def __init__(self) -> None:
        self.key = id(self)

    def predict(self, X: Any) -> Any:
        return np.full(len(X), float(id(self) == self.key))


def test_a_model_that_answers_differently_after_loading_is_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(holdfast.ProofFailed, match="5 rows beyond"):
        holdfast.save(Drifts(), path, example=np.zeros((5, 1)))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_verify_shows_how_far_a_changed_model_is(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    X, y = data()
    path = tmp_path / "m.safetensors"
    holdfast.save(LinearRegression().fit(X, y), path, example=X[:7])
    with pytest.MonkeyPatch.context() as patch:
        real = LinearRegression.predict
        patch.setattr(LinearRegression, "predict", lambda self, X: real(self, X) + np.linspace(0, 1e-3, len(X)))
        proof = holdfast.verify(path)
        assert (proof.verdict, proof.ok) == ("differs", False)
        assert proof.methods[0].beyond == 6
        assert proof.methods[0].worst_row == 6
        assert proof.methods[0].worst == pytest.approx(1e-3)
        assert "beyond" in str(proof)
        assert holdfast.verify(path, tolerance=1).verdict == "within tolerance"
        with pytest.raises(holdfast.ProofFailed):
            holdfast.load(path, replay=True)
    assert holdfast.verify(path).verdict == "bit-equal"


def test_training_rows_are_a_notice_and_in_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.warns(holdfast.HoldfastWarning, match="rows it was trained on"):
        saved = holdfast.save(neighbours(), path)
    assert "_fit_X" in saved.training_rows
    assert holdfast.inspect(path).training_rows == saved.training_rows


def test_a_secret_in_a_parameter_is_a_notice() -> None:
    with pytest.warns(holdfast.HoldfastWarning, match="password"):
        holdfast.dumps({"url": "postgresql://me:hunter22@db/x"})


def test_nothing_about_the_host_is_in_a_file(tmp_path: Path) -> None:
    import getpass
    import socket

    holdfast.save(pipeline(), tmp_path / "m.safetensors", example=data()[0][:3])
    raw = (tmp_path / "m.safetensors").read_bytes()
    for private in (socket.gethostname(), str(tmp_path), str(Path.home()) + "/", getpass.getuser() + "@"):
        assert private.encode() not in raw


def test_metrics_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(TypeError, match="metrics"):
        holdfast.dumps([], metrics={"a": float("nan")})
    with pytest.raises(TypeError, match="extra"):
        holdfast.dumps([], extra={"a": object()})
    assert holdfast.inspect(holdfast.dumps([], metrics={"a": np.float64(0.5)})).metrics == {"a": 0.5}


def test_compare_says_what_differs(tmp_path: Path) -> None:
    from sklearn.base import clone

    X, y = data()
    a, b, c = (tmp_path / f"{n}.safetensors" for n in "abc")
    holdfast.save(pipeline(), a, metrics={"auc": 0.9})
    holdfast.save(clone(pipeline()).set_params(clf__C=0.1).fit(X, y), b, metrics={"auc": 0.8})
    holdfast.save(pipeline(), c, example=X[:2])
    found = holdfast.compare(a, b)
    assert not found.same
    assert found.params == {"clf__C": ("1.0", "0.1")}
    assert found.metrics == {"auc": (0.9, 0.8)}
    assert {one.name for one in found.tensors} >= {"steps.clf.coef_", "steps.clf.intercept_"}
    assert "clf__C" in str(found)
    assert holdfast.compare(a, c).same


@pytest.mark.parametrize("suffix", [".pkl", ".joblib", ".onnx"])
def test_a_suffix_that_says_something_else_is_refused(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"m{suffix}").write_bytes(holdfast.dumps([]))
    with pytest.raises(holdfast.FormatError, match="rename"):
        holdfast.load(tmp_path / f"m{suffix}")


@pytest.mark.parametrize(("trees", "depth"), [(600, 5), (200, 9)], ids=["in a pool", "each on its own"])
def test_bytes_that_change_after_they_were_checked_are_not_what_is_built(tmp_path: Path, trees: int, depth: int) -> None:
    """The file is mapped, and somebody else may write to it: what native code believes is built from the copy that was checked."""
    from sklearn.ensemble import RandomForestRegressor

    from holdfast.artifact import load as loading

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 5)), rng.normal(size=3000)
    model = RandomForestRegressor(trees, random_state=0, max_depth=depth).fit(X, y)
    path = tmp_path / "forest.safetensors"
    holdfast.save(model, path)
    assert path.stat().st_size > 2**20, "a smaller file is read at once and not mapped"
    checked = loading.make_plan

    def then_overwritten(*given: Any) -> Any:
        plan = checked(*given)
        nodes = [place for place in given[2].places if "nodes" in place.name or "pool" in place.name]
        assert nodes
        with path.open("r+b") as file:
            for place in nodes:
                file.seek(given[2].data_start + place.start)
                file.write(b"\x7f" * place.nbytes)
        return plan

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "make_plan", then_overwritten)
        back = holdfast.load(path)
    leaves = [tree.tree_.children_left for tree in back.estimators_]
    assert all(np.array_equal(tree.tree_.children_left, found) for tree, found in zip(model.estimators_, leaves, strict=True))
    assert all(np.array_equal(a.tree_.feature, b.tree_.feature) for a, b in zip(model.estimators_, back.estimators_, strict=True))
