"""Writing other libraries' formats: read back and asked before a file takes its name, and converting to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.cli.main import main
from holdfast.errors import UnsupportedModel

pytestmark = pytest.mark.filterwarnings("ignore")
X = np.random.default_rng(0).normal(size=(80, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


@pytest.fixture(scope="module")
def pipeline() -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC()).fit(X, Y)


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".skops"])
def test_a_pipeline_is_written_read_back_and_asked(suffix: str, pipeline: Any, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    saved = holdfast.save(pipeline, path, example=X[:7])
    assert saved.proof.verdict == "bit-equal"
    assert saved.proof.rows == 7
    assert saved.nbytes == path.stat().st_size
    assert holdfast.load(path).decision_function(X).tobytes() == pipeline.decision_function(X).tobytes()
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_boosters_and_nets_are_written_in_their_own_formats(tmp_path: Path) -> None:
    catboost, lightgbm, torch, xgboost = map(pytest.importorskip, ("catboost", "lightgbm", "torch", "xgboost"))
    trees = xgboost.XGBClassifier(n_estimators=4).fit(X, Y)
    for suffix in (".ubj", ".json"):
        holdfast.save(trees, tmp_path / f"x{suffix}", example=X[:5])
        assert bytes(holdfast.load(tmp_path / f"x{suffix}").save_raw("ubj")) == bytes(trees.get_booster().save_raw("ubj"))
    light = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(X, Y)
    assert holdfast.save(light, tmp_path / "l.txt", example=X[:5]).proof.ok
    cat = catboost.CatBoostClassifier(iterations=4, verbose=0, allow_writing_files=False, thread_count=1).fit(X, Y)
    assert holdfast.save(cat, tmp_path / "c.cbm", example=X[:5]).proof.ok
    torch.manual_seed(0)
    net = torch.nn.Linear(4, 2)
    assert holdfast.save(net, tmp_path / "n.pt", example=X[:5].astype(np.float32)).proof.ok
    assert torch.equal(holdfast.load(tmp_path / "n.pt").weight, net.weight)


def test_arrays_are_written_as_numpy_does(tmp_path: Path) -> None:
    holdfast.save({"a": X, "b": Y}, tmp_path / "m.npz")
    holdfast.save(X, tmp_path / "m.npy")
    assert holdfast.load(tmp_path / "m.npz")["b"].tolist() == Y.tolist() == np.load(tmp_path / "m.npz")["b"].tolist()
    assert holdfast.load(tmp_path / "m.npy").tobytes() == np.load(tmp_path / "m.npy").tobytes()
    with pytest.raises(holdfast.UnsupportedTarget, match="dict of arrays"):
        holdfast.save({"a": 1}, tmp_path / "n.npz")


class Stranger:
    """A class of somebody's own, whose pickle holdfast does not load without being told."""

    def __init__(self, mean: float) -> None:
        self.mean = mean

    def predict(self, rows: Any) -> Any:
        return np.full(len(rows), self.mean)


class Forgetful(Stranger):
    """One whose pickle is another model."""

    def __getstate__(self) -> dict[str, float]:
        return {"mean": self.mean + 1}


def test_a_class_of_ones_own_is_written_and_proven_by_its_live_class(tmp_path: Path) -> None:
    assert holdfast.save(Stranger(2.0), tmp_path / "m.pkl", example=X[:3]).proof.verdict == "bit-equal"
    with pytest.raises(holdfast.UntrustedType):
        holdfast.load(tmp_path / "m.pkl")
    assert holdfast.load(tmp_path / "m.pkl", trusted=[Stranger]).mean == 2.0


def test_a_file_that_gives_another_model_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pickle says one more than the model: read as data, that is noticed."""
    monkeypatch.setattr("holdfast.frameworks.objects.GENERIC_HOOKS", {f"{Forgetful.__module__}.Forgetful"})
    monkeypatch.setattr("holdfast.frameworks.building.problem", lambda cls: None)
    (tmp_path / "m.pkl").write_bytes(b"before")
    with pytest.raises(holdfast.ProofFailed, match="does not answer"):
        holdfast.save(Forgetful(2.0), tmp_path / "m.pkl", example=X[:3])
    assert (tmp_path / "m.pkl").read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_format_does_not_take_is_refused_by_name(pipeline: Any, tmp_path: Path) -> None:
    for suffix, says in ((".ubj", "XGBoost"), (".txt", "LightGBM"), (".cbm", "CatBoost"), (".keras", "keras")):
        with pytest.raises(holdfast.UnsupportedTarget, match=says):
            holdfast.save(pipeline, tmp_path / f"m{suffix}")
    with pytest.raises(holdfast.UnsupportedTarget, match="pickle"):
        holdfast.save({"f": lambda x: x}, tmp_path / "m.pkl")
    for options in ({"metrics": {"auc": 1.0}}, {"compress": "zstd"}, {"wait": False}, {"keep_last": 2}):
        with pytest.raises(ValueError, match="keeps the model alone"):
            holdfast.save(pipeline, tmp_path / "m.joblib", **options)
    for format_, says in (("nonsense", "not known"), ("skops", "two things")):
        with pytest.raises(ValueError, match=says):
            holdfast.save(pipeline, tmp_path / "m.joblib", format=format_)
    assert list(tmp_path.iterdir()) == []


def test_a_format_may_be_given_where_the_suffix_says_none(pipeline: Any, tmp_path: Path) -> None:
    holdfast.save(pipeline, tmp_path / "model", format="joblib", example=X[:3])
    assert "joblib" in str(holdfast.inspect(tmp_path / "model"))
    holdfast.save(pipeline, tmp_path / "model2", format="holdfast")
    assert holdfast.inspect(tmp_path / "model2").kind == "holdfast"


def test_files_are_converted_from_one_format_to_another(pipeline: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holdfast.save(pipeline, tmp_path / "m.safetensors", example=X[:7])
    assert main(["convert", str(tmp_path / "m.safetensors"), str(tmp_path / "m.joblib"), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["files"]
    assert (told["status"], told["rows"], told["same_answers"]) == ("converted", 7, True)
    assert holdfast.convert(tmp_path / "m.joblib", tmp_path / "m.skops").proof == "same answers to 16 rows"
    assert "0 changed labels" in holdfast.convert(tmp_path / "m.skops", tmp_path / "m.onnx").proof
    with pytest.raises(holdfast.AlreadyExists, match="replace"):
        holdfast.convert(tmp_path / "m.joblib", tmp_path / "m.skops")
    holdfast.convert(tmp_path / "m.joblib", tmp_path / "m.skops", replace=True)
    with pytest.raises(holdfast.UnsupportedModel, match="export"):
        holdfast.convert(tmp_path / "m.onnx", tmp_path / "n.safetensors")
    with pytest.raises(holdfast.FormatError, match="already"):
        holdfast.convert(tmp_path / "m.safetensors", tmp_path / "n.safetensors")


@pytest.mark.parametrize(("suffix", "start"), [(".gz", b"\x1f\x8b"), (".bz2", b"BZh"), (".xz", b"\xfd7zXZ"), (".lzma", b"\x5d\x00\x00"), (".z", b"\x78")])
def test_joblib_is_compressed_as_its_suffix_says(suffix: str, start: bytes, pipeline: Any, tmp_path: Path) -> None:
    import joblib

    path = tmp_path / f"m.joblib{suffix}"
    assert holdfast.save(pipeline, path, example=X[:5]).proof.verdict == "bit-equal"
    assert path.read_bytes().startswith(start)
    for back in (holdfast.load(path), joblib.load(path)):
        assert back.decision_function(X).tobytes() == pipeline.decision_function(X).tobytes()


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_torch_script_is_told_what_to_do_under_the_suffix_that_people_give_it(suffix: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / f"m{suffix}"
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 1), torch.ones(1, 2)), path)
    with pytest.raises(UnsupportedModel, match=r"TorchScript archive, which is code; .*state_dict"):
        holdfast.load(path)
