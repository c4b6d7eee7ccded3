"""Classifiers made of classifiers that have no probabilities, to ONNX: support vector machines, one against the rest, one against one, bags."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.svm import SVC, LinearSVC, NuSVC

import holdfast
from holdfast.errors import UnsupportedOperation

pytest.importorskip("skl2onnx")


def rows() -> tuple[Any, dict[str, Any]]:
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = np.arange(60) % 3
    x[:, 0] += y
    return x, {"three": y, "texts": np.array(["low", "mid", "top"])[y], "two": y > 0, "several": np.eye(3, dtype=int)[y]}


MODELS = {
    "svc": (SVC(), "texts"), "svc of a polynomial": (SVC(kernel="poly"), "three"), "nu-svc": (NuSVC(nu=0.3), "three"), "svc of pairs": (SVC(decision_function_shape="ovo"), "three"),
    "svc without ties": (SVC(break_ties=True), "texts"), "rest svc": (OneVsRestClassifier(SVC()), "three"), "rest svc of two": (OneVsRestClassifier(SVC()), "two"),
    "rest linear": (OneVsRestClassifier(LinearSVC()), "texts"), "rest logistic": (OneVsRestClassifier(LogisticRegression()), "texts"),
    "rest logistic of two": (OneVsRestClassifier(LogisticRegression()), "two"), "rest perceptron": (OneVsRestClassifier(Perceptron()), "three"),
    "rest sgd": (OneVsRestClassifier(SGDClassifier(random_state=0)), "three"), "rest logistic of several": (OneVsRestClassifier(LogisticRegression()), "several"),
    "pairs svc": (OneVsOneClassifier(SVC()), "three"), "pairs svc of two": (OneVsOneClassifier(SVC()), "two"), "pairs linear": (OneVsOneClassifier(LinearSVC()), "texts"),
    "pairs logistic": (OneVsOneClassifier(LogisticRegression()), "texts"), "pairs ridge": (OneVsOneClassifier(RidgeClassifier()), "texts"),
    "bag of svc": (BaggingClassifier(SVC(), 3, random_state=0), "texts"), "bag of columns": (BaggingClassifier(SVC(), 5, max_features=2, random_state=0), "two"),
    "bag of ridges": (BaggingClassifier(RidgeClassifier(), 3, random_state=0), "three"), "calibrated svc": (CalibratedClassifierCV(SVC(), cv=2), "three"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(MODELS))
def test_it_answers_as_before(name: str, tmp_path: Path) -> None:
    x, targets = rows()
    model, target = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, targets[target])
    done = holdfast.export(model, tmp_path / "m.onnx", example=x)
    assert done.proof.worst < 1e-7
    assert done.proof.changed_labels == 0
    assert len(done.proof.methods) == 2
    assert holdfast.load(done.path).predict(x).tolist() == model.predict(x).tolist()


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    x, targets = rows()
    with pytest.raises(UnsupportedOperation, match=r"several labels a row, of SVC, cannot be exported; export its estimators_"):
        holdfast.export(OneVsRestClassifier(SVC()).fit(x, targets["several"]), tmp_path / "m.onnx", example=x)
    unknown = type("Own", (RidgeClassifier,), {})
    with pytest.raises(UnsupportedOperation, match="Own inside BaggingClassifier has no translation to ONNX; put another classifier in its place"):
        holdfast.export(BaggingClassifier(unknown(), 3).fit(x, targets["three"]), tmp_path / "m.onnx", example=x)
    assert list(tmp_path.iterdir()) == []
