"""Transformers of columns, steps that pass rows through, and discriminants, to ONNX in float64."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import PolynomialFeatures, PowerTransformer, StandardScaler

import holdfast
from holdfast.errors import UnsupportedOperation
from holdfast.frameworks.asking import ways_to_ask

pytest.importorskip("skl2onnx")


def rows(positive: bool = False) -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(80, 4))
    y = np.arange(80) % 3
    x[:, 0] += y
    return (np.abs(x) + 0.1 if positive else x), y


MODELS: dict[str, Any] = {
    "yeo-johnson": PowerTransformer(), "yeo-johnson as it is": PowerTransformer(standardize=False), "box-cox": make_pipeline(PowerTransformer("box-cox"), LogisticRegression()),
    "products": PolynomialFeatures(3, interaction_only=True), "best": SelectKBest(k=2), "varying": VarianceThreshold(), "of a model": SelectFromModel(LogisticRegression()),
    "left over": make_pipeline(RFE(LogisticRegression(), n_features_to_select=2), LogisticRegression()), "left over in folds": make_pipeline(RFECV(LogisticRegression(), cv=2), LogisticRegression()),
    "side by side": make_pipeline(make_union(PCA(2), SelectKBest(k=1)), LogisticRegression()), "passed through": make_pipeline("passthrough", StandardScaler(), LogisticRegression()),
    "none": Pipeline([("a", StandardScaler()), ("b", None), ("c", make_pipeline("passthrough", PCA(2))), ("d", LogisticRegression())]), "discriminant": LinearDiscriminantAnalysis(n_components=1),
}  # fmt: skip


@pytest.mark.parametrize("name", list(MODELS))
def test_it_answers_as_before(name: str, tmp_path: Path) -> None:
    x, y = rows(name == "box-cox")
    model = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y)
    before = holdfast.dumps(model)
    done = holdfast.export(model, tmp_path / "m.onnx", example=x)
    assert done.proof.worst < 1e-9
    assert done.proof.changed_labels == 0
    assert holdfast.dumps(model) == before
    for method in done.proof.methods:
        np.testing.assert_allclose(holdfast.load(done.path).ask(method, x), ways_to_ask(model)[method](x), atol=1e-9)


def test_powers_of_zero_and_two_are_logarithms(tmp_path: Path) -> None:
    x, _ = rows()
    model = PowerTransformer().fit(x)
    model.lambdas_[:] = [0.0, 2.0, 1.0, -1.5]
    assert holdfast.export(model, tmp_path / "m.onnx", example=x).proof.worst < 1e-9


def test_a_discriminant_of_two_classes_has_probabilities(tmp_path: Path) -> None:
    x, y = rows()
    model = LinearDiscriminantAnalysis().fit(x, y > 0)
    proof = holdfast.export(model, tmp_path / "m.onnx", example=x).proof
    assert proof.methods == ["predict", "predict_proba"]
    assert proof.worst < 1e-12


def test_what_chooses_and_predicts_at_once_is_refused(tmp_path: Path) -> None:
    x, y = rows()
    model = RFE(LogisticRegression(), n_features_to_select=2).fit(x, y)
    with pytest.raises(UnsupportedOperation, match=r"RFE chooses columns and predicts from them.*export its estimator_"):
        holdfast.export(model, tmp_path / "m.onnx", example=x)
