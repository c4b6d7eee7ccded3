"""ONNX and PMML through the same calls as every other format: save, load, inspect, verify, predictor, and expressions inside."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast

pytestmark = pytest.mark.filterwarnings("ignore")
TARGETS = ["onnx", pytest.param("pmml", marks=pytest.mark.skipif(shutil.which("java") is None, reason="needs Java"))]


@pytest.fixture(scope="module")
def flowers() -> tuple[Any, Any, Any]:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, labels), X, labels


@pytest.mark.parametrize("target", TARGETS)
def test_an_export_is_saved_loaded_and_looked_at_by_its_suffix(target: str, flowers: Any, tmp_path: Path) -> None:
    model, X, _ = flowers
    path = tmp_path / f"iris.{target}"
    saved = holdfast.save(model, path, example=X[:20])
    assert saved.proof.ok
    assert saved.proof.count > 1000
    assert saved.nbytes == path.stat().st_size
    for back in (holdfast.load(path), holdfast.predictor(path)):
        assert back.predict(X).tolist() == model.predict(X).tolist()
        assert back.predict(X[X.columns[::-1]]).tolist() == model.predict(X).tolist()
        np.testing.assert_allclose(back.predict_proba(X), model.predict_proba(X), atol=1e-9)
        assert back.classes == ["setosa", "versicolor", "virginica"]
    described = holdfast.inspect(path)
    assert described.to_dict()["about"]["proof"]["changed_labels"] == 0
    assert holdfast.verify(path).ok


@pytest.mark.parametrize("target", TARGETS)
def test_the_format_may_be_given_where_the_suffix_says_none(target: str, flowers: Any, tmp_path: Path) -> None:
    model, X, _ = flowers
    path = tmp_path / "iris.model"
    holdfast.save(model, path, example=X[:20], format=target)
    assert holdfast.load(path).predict(X[:3]).tolist() == ["setosa"] * 3
    assert holdfast.inspect(path).target == target


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("head", ["linear", "forest"])
def test_expressions_inside_a_pipeline_are_exported(target: str, head: str, tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    X = np.random.default_rng(0).random((300, 3)) + 0.5
    y = (X[:, 0] / X[:, 1] > 1).astype(int)
    last = LogisticRegression() if head == "linear" else RandomForestClassifier(20, random_state=0)
    text = "x0 - x1" if (target, head) == ("pmml", "forest") else "x0 / x1"
    model = make_pipeline(holdfast.expression(text, "log1p(x2)", keep=True), last).fit(X, y)
    path = tmp_path / f"m.{target}"
    assert holdfast.save(model, path, example=X[:50]).proof.ok
    np.testing.assert_allclose(holdfast.load(path).predict_proba(X), model.predict_proba(X), atol=1e-6)


def test_a_quotient_before_trees_is_another_in_pmml_and_refused(tmp_path: Path) -> None:
    """The columns of trees enter as float32 there, so that a divisor below what float32 has becomes zero."""
    pytest.importorskip("sklearn2pmml")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    X = np.random.default_rng(0).random((300, 3)) + 0.5
    model = make_pipeline(holdfast.expression("x0 / x1", keep=True), RandomForestClassifier(20, random_state=0)).fit(X, X[:, 0] > X[:, 1])
    with pytest.raises(holdfast.ProofFailed, match="zeros"):
        holdfast.save(model, tmp_path / "m.pmml", example=X[:50])


def test_an_expression_that_pmml_does_not_know_is_refused_by_the_name_of_its_function(tmp_path: Path) -> None:
    pytest.importorskip("sklearn2pmml")
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    X = np.random.default_rng(0).random((60, 2)) + 0.5
    model = make_pipeline(holdfast.expression("x0 % x1"), LinearRegression()).fit(X, X[:, 0])
    with pytest.raises(holdfast.UnsupportedOperation, match="%"):
        holdfast.save(model, tmp_path / "m.pmml", example=X[:10])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["m.onnx", "m.pmml", "m.pkl"])
def test_what_does_not_look_like_its_suffix_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"\0\1\2\3 nothing of the kind" * 10)
    with pytest.raises(holdfast.FormatError, match="does not look like one"):
        holdfast.load(path)
