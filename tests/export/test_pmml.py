"""Exports to PMML, run by jpmml-evaluator on Java."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import holdfast
from holdfast.errors import EnvironmentMissing, ProofFailed, UnsupportedOperation, VersionMismatch
from holdfast.exports import pmml_target
from holdfast.exports.opening import describe_export, open_export
from tests.export.models import made

pytest.importorskip("sklearn2pmml")
pytest.importorskip("jpmml_evaluator")
java = pytest.mark.skipif(shutil.which("java") is None, reason="needs Java: apt-get install default-jre-headless")

QUICK = ["logistic", "logistic of bools", "ridge", "mixed logistic"]
MORE = [
    "linear", "lasso", "discriminant", "net", "net for values", "neighbours for values", "svr", "one-class svm", "tree", "tree for values", "forest", "scaled forest", "forest for values",
    "extra trees", "gradient boosting", "gradient boosting of two", "gradient boosting for values", "histogram boosting", "histogram boosting of two",
    "histogram boosting for values", "adaptive boosting for values", "isolation forest", "voting", "k-means", "xgboost", "xgboost of two", "xgboost for values", "xgboost for counts",
    "scaled xgboost", "lightgbm", "lightgbm of two", "lightgbm for values", "scaled lightgbm", "forest with holes", "lightgbm with holes", "xgboost with holes",
    "imputer and forest", "forest of a frame", "mixed forest", "mixed boosting", "mixed lightgbm", "texts first",
]  # fmt: skip


def _proven(name: str, folder: Path) -> None:
    model, example = made(name)
    done = holdfast.export(model, folder / "m.pmml", example=example)
    assert done.proof.ok
    assert done.proof.changed_labels == 0
    assert done.proof.beyond == 0
    assert done.proof.count >= 3000
    assert done.proof.runtime.startswith("jpmml-evaluator")
    asked = open_export(done.path)
    for method in done.proof.methods:
        expected, got = np.asarray(getattr(model, method)(example)), asked.ask(method, example)
        assert got.shape == expected.shape
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
        else:
            assert got.tolist() == expected.tolist()
    said = describe_export(done.path)
    assert said.about is not None
    assert said.about.proof is not None
    assert said.about.proof.worst == done.proof.worst


@java
@pytest.mark.parametrize("name", QUICK)
def test_a_model_is_exported_and_answers_as_before(name: str, tmp_path: Path) -> None:
    _proven(name, tmp_path)


@java
@pytest.mark.long
@pytest.mark.parametrize("name", MORE)
def test_more_models_are_exported_and_answer_as_before(name: str, tmp_path: Path) -> None:
    _proven(name, tmp_path)


@java
def test_what_sklearn2pmml_gets_wrong_is_refused(tmp_path: Path) -> None:
    """It leaves out the exponential of histogram boosting for counts: a value of e to the x becomes x."""
    model, example = made("histogram boosting for counts")
    with pytest.raises(ProofFailed) as caught:
        holdfast.export(model, tmp_path / "m.pmml", example=example)
    assert "NOT proven" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@java
def test_missing_values_are_refused_where_pmml_would_answer_wrong(tmp_path: Path) -> None:
    """LightGBM takes a missing value for zero after the scaler; PMML cannot say that, so the export answers none of these rows."""
    model, example = made("scaled lightgbm")
    done = holdfast.export(model, tmp_path / "m.pmml", example=example)
    assert done.plan == "missing values refused"
    assert "missing" in done.proof.not_taken
    assert "refused by the export" in str(done.proof)
    holes = example.copy()
    holes[0, 0] = np.nan
    with pytest.raises(UnsupportedOperation, match="refuses rows"):
        open_export(done.path).predict(holes)


@java
def test_what_pmml_cannot_express_is_refused(tmp_path: Path) -> None:
    for name in ("components", "catboost", "lightgbm booster"):
        model, example = made(name)
        with pytest.raises(UnsupportedOperation, match=r"\.onnx"):
            holdfast.export(model, tmp_path / "m.pmml", example=example)
    assert list(tmp_path.iterdir()) == []


@java
def test_files_that_others_made_are_asked_as_well(tmp_path: Path) -> None:
    import sklearn2pmml

    model, example = made("logistic")
    path = str(tmp_path / "other.pmml")
    sklearn2pmml.sklearn2pmml(sklearn2pmml.make_pmml_pipeline(model, [f"f{k}" for k in range(6)], ["level"]), path, java_opts=pmml_target.NO_REPORTS)
    asked = open_export(path)
    assert asked.methods == ("predict", "predict_proba")
    assert asked.classes == ["high", "low", "mid"]
    assert asked.predict(example).tolist() == model.predict(example).tolist()
    np.testing.assert_allclose(asked.predict_proba(example), model.predict_proba(example), atol=1e-9)
    assert describe_export(path).about is None


@java
def test_a_copy_is_translated(tmp_path: Path) -> None:
    model, example = made("ridge")
    before = holdfast.dumps(model)
    holdfast.export(model, tmp_path / "m.pmml", example=example)
    assert holdfast.dumps(model) == before


def test_without_java_the_install_command_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    model, example = made("logistic")
    with pytest.raises(EnvironmentMissing, match="apt-get install default-jre-headless") as caught:
        holdfast.export(model, tmp_path / "m.pmml", example=example)
    assert caught.value.exit_code == 5


def test_a_scikit_learn_that_sklearn2pmml_does_not_know_is_said() -> None:
    said = "SEVERE: Failed\njava.lang.IllegalArgumentException: Scikit-Learn version '1.9.1' is not supported. Please downgrade to version 1.9.0"
    found = pmml_target._translated(RuntimeError("The SkLearn2PMML application has failed"), said)
    assert isinstance(found, VersionMismatch)
    assert "pip install scikit-learn==1.9.0" in str(found)
    assert isinstance(pmml_target._translated(RuntimeError(""), "The SkLearn2PMML package has expired"), VersionMismatch)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("The object (Python class a.b.Odd) is not a supported Transformer\nException: Cannot cast net.razorvine.pickle.objects.ClassDict to sklearn.Step", "PMML has no translation of the step Odd, or of a part of it; try .onnx"),
        ("the estimator object (Python class a.Last) to PMML\nSchemaException: Expected 4 features, got 6", "what comes before the step Last: it has another number of columns there, as with add_indicator=True"),
        ("the object (Python class a.Some) to PMML\nInvalidAttributeException: Attribute 'x' has an unsupported value 'y'", "the step Some with its settings \\(Attribute 'x' has an unsupported value 'y'\\); try .onnx, or keep"),
        ("NullPointerException: null", "PMML cannot express this model with its settings; try .onnx"),
    ],
)
def test_what_java_says_is_put_into_words(said: str, wanted: str) -> None:
    with pytest.raises(UnsupportedOperation, match=wanted):
        raise pmml_target._translated(RuntimeError("The application has failed"), said)
