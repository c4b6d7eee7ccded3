"""Genuine models that no list of settings shows: texts inside, kernels of the user's own, label sets, what a fit is followed by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, PassiveAggressiveClassifier, Perceptron, Ridge, RidgeClassifier, SGDClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer, OneHotEncoder, OrdinalEncoder
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, NuSVR, OneClassSVM

import holdfast

rng = np.random.default_rng(0)
TEXTS = [" ".join(rng.choice(["red", "green", "blue"], 4)) for _ in range(40)]
X = rng.normal(size=(40, 3))
TWO, THREE = np.arange(40) % 2, np.arange(40) % 3
PAIRS = np.stack([TWO, THREE > 0], 1).astype(int)


def comes_back(model: Any, rows: Any, method: str = "predict") -> None:
    again = holdfast.loads(holdfast.dumps(model))
    said, wanted = (getattr(one, method)(rows) for one in (again, model))
    if hasattr(said, "toarray"):
        said, wanted = said.toarray(), wanted.toarray()
    # rows that are the very ones of the fit are multiplied in another order
    np.testing.assert_allclose(said, wanted, rtol=1e-12)


def texts(last: Any) -> Any:
    return make_pipeline(TfidfVectorizer(), last)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (CalibratedClassifierCV(texts(LinearSVC())), THREE),
        (CalibratedClassifierCV(texts(MultinomialNB()), ensemble=False), THREE),
        (OutputCodeClassifier(texts(LogisticRegression()), random_state=0), THREE),
        (OneVsRestClassifier(texts(LogisticRegression())), THREE),
        (FixedThresholdClassifier(texts(LogisticRegression())), TWO),
        (TunedThresholdClassifierCV(texts(LogisticRegression())), TWO),
        (MultiOutputClassifier(texts(LogisticRegression())), PAIRS),
        (MultiOutputRegressor(texts(Ridge())), PAIRS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_estimators_of_texts_have_no_number_of_columns(model: Any, y: Any) -> None:
    comes_back(model.fit(TEXTS, y), TEXTS)


@pytest.mark.parametrize("kind", [SVC, NuSVC, SVR, NuSVR, OneClassSVM])
def test_a_kernel_of_the_users_own(kind: Any) -> None:
    comes_back(kind(kernel=rbf_kernel).fit(X, TWO), X)


@pytest.mark.parametrize("model", [RidgeClassifier(), MLPClassifier((2,), max_iter=300, tol=1), OneVsRestClassifier(LogisticRegression())], ids=str)
def test_two_labels_at_once_are_not_two_classes(model: Any) -> None:
    comes_back(model.fit(X, PAIRS), X)
    comes_back(model.fit(X, TWO), X)


@pytest.mark.parametrize("model", [LogisticRegression(), LinearSVC(), SGDClassifier(), Perceptron(), PassiveAggressiveClassifier()], ids=str)
@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_coefficients_that_were_made_sparse(model: Any, y: Any) -> None:
    comes_back(model.fit(X, y).sparsify(), X)


@pytest.mark.parametrize(
    "labels",
    [[("a", "b"), ("c",)], [(1, 2.5), (2**70,)], [(1.5,), (2,)], [(b"a",), (b"b", b"c")], [((1, "x"),), ((1, "y"),)]],
    ids=repr,
)
def test_label_sets_of_anything_that_is_text_or_a_number(labels: Any) -> None:
    comes_back(MultiLabelBinarizer().fit(labels), labels, "transform")


@pytest.mark.parametrize("encoder", [OneHotEncoder, OrdinalEncoder])
def test_categories_in_the_order_of_the_user(encoder: Any) -> None:
    rows = np.array([["low", 3], ["high", 1], ["low", None]], object)
    again = holdfast.loads(holdfast.dumps(encoder(categories=[["low", "high"], [3, 1, None]]).fit(rows)))
    assert [list(part) for part in again.categories_] == [["low", "high"], [3, 1, None]]
    comes_back(encoder().fit([[2.5, np.nan], [1.0, 1.0]]), [[1.0, np.nan]], "transform")
