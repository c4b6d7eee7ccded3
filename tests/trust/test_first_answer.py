"""What GradientBoosting asks first has to answer with a row for each row, whatever estimator it is; and numbers that size a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier, VotingClassifier
from sklearn.feature_extraction.image import PatchExtractor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.svm import SVC, SVR

import holdfast
from holdfast.errors import InvalidState

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
THREE = np.arange(60) % 3
LINE = X @ [1.0, 2.0, 3.0, 4.0]


class Own(LinearRegression):
    """An estimator of the user's own."""


def classifier(first: Any, y: Any = THREE) -> GradientBoostingClassifier:
    return GradientBoostingClassifier(n_estimators=2, init=first).fit(X, y)


def regressor(first: Any) -> GradientBoostingRegressor:
    return GradientBoostingRegressor(n_estimators=2, init=first).fit(X, LINE)


FIRSTS = {
    "logistic": LogisticRegression(),
    "bayes": GaussianNB(),
    "vectors": SVC(probability=True),
    "a pipeline": make_pipeline(FunctionTransformer(np.arctan), StandardScaler(), LogisticRegression()),
    "a search": GridSearchCV(LogisticRegression(), {"C": [1, 2]}, scoring="accuracy"),
    "a vote": VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
    "one against the rest": OneVsRestClassifier(LogisticRegression()),
    "frozen": FrozenEstimator(GaussianNB().fit(X, THREE)),
    "a network": MLPClassifier((3,), max_iter=400, tol=1),
    "histograms": HistGradientBoostingClassifier(max_iter=2),
}


@pytest.mark.parametrize("first", FIRSTS.values(), ids=FIRSTS)
def test_a_genuine_first_estimator_loads(first: Any) -> None:
    for labels in (THREE,) if first is FIRSTS["frozen"] else (THREE, THREE > 0):
        model = classifier(first, labels)
        assert (holdfast.loads(holdfast.dumps(model)).predict_proba(X) == model.predict_proba(X)).all()


@pytest.mark.parametrize("first", [Ridge(), KNeighborsRegressor(), SVR(), Own(), MultiOutputRegressor(Ridge())], ids=str)
def test_a_genuine_first_regressor_loads(first: Any) -> None:
    y = LINE if not isinstance(first, MultiOutputRegressor) else LINE[:, None]
    model = regressor(Ridge())
    model.init_ = first.fit(X, y)
    assert (holdfast.loads(holdfast.dumps(model), trusted=[Own]).predict(X) == model.predict(X)).all()


def mean_first() -> Any:
    return FunctionTransformer(np.mean).fit(X)


def with_kernel() -> Any:
    return changed(SVR(kernel=lambda a, b: a @ b.T).fit(X, LINE), kernel=np.minimum)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "rows of patches": (lambda: make_pipeline(PatchExtractor(), Ridge().fit(X, LINE)), "PatchExtractor"),
    "a function that sums up": (lambda: make_pipeline(mean_first(), Ridge().fit(X, LINE)), "numpy.mean"),
    "deep inside": (lambda: FrozenEstimator(make_pipeline(mean_first(), Ridge().fit(X, LINE))), "numpy.mean"),
    "a kernel that is none": (with_kernel, "numpy.minimum"),
    "no targets": (lambda: changed(KNeighborsRegressor().fit(X, LINE), _y=np.zeros((60, 0))), "empty _y"),
    "no members": (lambda: changed(MultiOutputRegressor(Ridge()).fit(X, LINE[:, None]), estimators_=[]), "empty estimators_"),
    "no intercept": (lambda: changed(Ridge().fit(X, LINE), intercept_=np.zeros(0)), "intercept_"),
}


def changed(model: Any, **attributes: Any) -> Any:
    model.__dict__.update(attributes)
    return model


@pytest.mark.parametrize("name", WRONG)
def test_a_first_regressor_that_may_answer_with_fewer_rows_is_refused(name: str) -> None:
    make, words = WRONG[name]
    blob = holdfast.dumps(changed(regressor(Ridge()), init_=make()))
    with pytest.raises(InvalidState, match=words):
        holdfast.loads(blob)


@pytest.mark.parametrize("first", FIRSTS.values(), ids=FIRSTS)
def test_a_first_classifier_of_fewer_classes_is_refused(first: Any) -> None:
    fewer = (GaussianNB() if first is FIRSTS["frozen"] else first).fit(X, THREE > 0)
    blob = holdfast.dumps(changed(classifier(GaussianNB()), init_=FrozenEstimator(fewer)))
    with pytest.raises(InvalidState, match=r"init_ answers for [12] classes, and there are 3"):
        holdfast.loads(blob)


@pytest.mark.parametrize("amount", [-1, 2**29, 2**40, 2**70, np.int64(-1), np.uint64(2**63)], ids=str)
def test_a_number_of_columns_that_no_machine_has_is_refused(amount: Any) -> None:
    with pytest.raises(InvalidState, match="n_features_in_"):
        holdfast.loads(holdfast.dumps(changed(Normalizer().fit(X), n_features_in_=amount)))


@pytest.mark.parametrize("jobs", [10_000, -10_000, 2**40, 2**70])
def test_thousands_of_processes_are_refused(jobs: int) -> None:
    for model in (LinearRegression().fit(X, LINE), make_pipeline(LinearRegression())):
        inner = model if isinstance(model, LinearRegression) else model[0]
        with pytest.raises(InvalidState, match="n_jobs"):
            holdfast.loads(holdfast.dumps((changed(inner, n_jobs=jobs), model)))
    assert holdfast.loads(holdfast.dumps(LinearRegression(n_jobs=-1))).n_jobs == -1
