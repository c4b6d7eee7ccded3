"""What an export says when a translator stops: a sentence with the step and what to do, and never an exception from its inside."""

from __future__ import annotations

import errno
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer

import holdfast
from holdfast.errors import NoSpace, Unavailable, UnsupportedOperation, UnsupportedTarget
from holdfast.exports import onnx_target
from holdfast.exports.reasons import typed

pytest.importorskip("skl2onnx")

INSIDES = ("KeyError", "TypeError", "AttributeError", "<class", "not supported between", "register", "skl2onnx", "https:")


def rows(holes: bool = False) -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(60, 3))
    if holes:
        x[::7, 1] = np.nan
    return x, np.arange(60) % 3


def fitted(model: Any, holes: bool = False) -> tuple[Any, Any]:
    x, y = rows(holes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y), x


def _with_catboost() -> Any:
    import catboost

    inner = catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False)
    return StackingClassifier([("c", inner), ("l", LogisticRegression())], cv=2)


REFUSED = {
    "function": (lambda: make_pipeline(FunctionTransformer(np.abs), LogisticRegression()), "the step FunctionTransformer of this Pipeline.*write the formula with holdfast.expression"),
    "catboost inside": (_with_catboost, "no translation of the step CatBoostClassifier of this StackingClassifier; export the CatBoost model by itself"),
    "splines": (lambda: make_pipeline(SplineTransformer(), LogisticRegression()), "no translation of the step SplineTransformer of this Pipeline; put another step in its place"),
    "alone": (SplineTransformer, "no translation of this SplineTransformer; keep the model as .safetensors"),
    "neighbours": (lambda: make_pipeline(KNNImputer(), LogisticRegression()), "cannot express the step KNNImputer of this Pipeline with its settings; put another"),
    "target": (lambda: TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1), "this TransformedTargetRegressor; export its regressor_"),
    "other missing values": (lambda: SimpleImputer(missing_values=-1), "SimpleImputer with missing_values=-1 of these columns cannot be exported"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REFUSED))
def test_the_step_is_named_and_what_to_do(name: str, tmp_path: Path) -> None:
    make, wanted = REFUSED[name]
    model, x = fitted(make())
    with pytest.raises(UnsupportedOperation, match=wanted) as caught:
        holdfast.export(model, tmp_path / "m.onnx", example=x)
    assert not [one for one in INSIDES if one in str(caught.value)]
    assert list(tmp_path.iterdir()) == []


def test_a_column_that_was_never_known_is_said(tmp_path: Path) -> None:
    x, _ = rows()
    x[:, 1] = np.nan
    model = SimpleImputer(keep_empty_features=False).fit(x)
    with pytest.raises(UnsupportedOperation, match="a column of which no value was known when it was fitted"):
        holdfast.export(model, tmp_path / "m.onnx", example=x)


@pytest.mark.parametrize("holes", [True, False])
def test_an_imputer_tells_where_values_were_missing(holes: bool, tmp_path: Path) -> None:
    model, x = fitted(make_pipeline(SimpleImputer(strategy="median", add_indicator=True), LogisticRegression()), holes)
    proof = holdfast.export(model, tmp_path / "m.onnx", example=x).proof
    assert proof.worst < 1e-12
    assert proof.rows["missing"] == 100


@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture])
def test_mixtures_are_exported(kind: Any, tmp_path: Path) -> None:
    model, x = fitted(kind(n_components=2, random_state=0))
    done = holdfast.export(model, tmp_path / "m.onnx", example=x)
    assert done.proof.worst < 1e-7
    assert holdfast.load(done.path).predict(x).tolist() == model.predict(x).tolist()


@pytest.mark.parametrize("raised", [AttributeError("'X' object has no attribute 'y'"), KeyError("k"), RecursionError("deep"), AssertionError()])
def test_nothing_but_errors_of_holdfast_leaves_an_export(raised: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is raised: by what lists the plans, by a plan, or by what runs the file."""
    model, x = fitted(LogisticRegression())

    def stops(*_: Any, **__: Any) -> Any:
        raise raised

    for place in ("plans", "finished", "open_runtime", "labels"):
        with monkeypatch.context() as patch:
            patch.setattr(onnx_target, place, stops)
            patch.setattr("holdfast.exports.exporting.has_classes", lambda _: place != "labels")  # noqa: B023
            with pytest.raises(UnsupportedOperation, match="cannot express this LogisticRegression"):
                holdfast.export(model, tmp_path / "m.onnx", example=x)
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_says_is_typed(tmp_path: Path) -> None:
    with pytest.raises(NoSpace, match="free space"), typed(None, "onnx", "m.onnx"):
        raise OSError(errno.ENOSPC, "no space left")
    with pytest.raises(Unavailable, match="cannot be written"), typed(None, "onnx", "m.onnx"):
        raise OSError(errno.EIO, "broken")
    with pytest.raises(UnsupportedOperation), typed(None, "onnx", "m.onnx"):
        raise OSError("of a converter")
    (tmp_path / "m.onnx").mkdir()
    model, x = fitted(LogisticRegression())
    with pytest.raises(Unavailable, match="cannot be written"):
        holdfast.export(model, tmp_path / "m.onnx", example=x)


@pytest.mark.parametrize("wrong", [-1, 1.5, "2", True])
def test_changed_labels_are_a_whole_number(wrong: Any, tmp_path: Path) -> None:
    model, x = fitted(LogisticRegression())
    with pytest.raises(ValueError, match="allow_changed_labels"):
        holdfast.export(model, tmp_path / "m.onnx", example=x, allow_changed_labels=wrong)
    with pytest.raises(UnsupportedTarget, match="no export to 3"):
        holdfast.export(model, tmp_path / "m.onnx", example=x, target=3)  # type: ignore[arg-type]
