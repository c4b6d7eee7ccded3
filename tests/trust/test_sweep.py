"""Genuine models along the axes of what users vary: scorers, splitters, labels, targets, seeds, frames, and what is inside what.

Each is saved, loaded with nothing trusted, and answers the same to the last bit. Nothing here is named in a list: what was
mined has to hold for what was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import sklearn
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, LeavePOut, RandomizedSearchCV, StratifiedShuffleSplit, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC

import holdfast
from holdfast.errors import InvalidState
from holdfast.testing import zoo
from holdfast.testing.zoo_helpers import helpers, kernels, scorers, selectors, splitters
from holdfast.testing.zoo_variants import recipes_of
from holdfast.trust.catalog import catalog

pytestmark = pytest.mark.filterwarnings("ignore")

ROWS = 60
rng = np.random.default_rng(0)
X = np.abs(rng.normal(size=(ROWS, 4)))
FRAME = pd.DataFrame(X, columns=list("abcd"))
TWO, THREE = (X[:, 0] > X[:, 1]).astype(int), np.arange(ROWS) % 3
NUMBERS = X[:, 0] + rng.normal(size=ROWS) / 10
KINDS = zoo.Kinds()


def comes_back(model: Any, rows: Any = X) -> None:
    again = holdfast.loads(holdfast.dumps(model))
    before, after = zoo.answers(model, rows), zoo.answers(again, rows)
    assert zoo.equal(before, after)
    if not before:  # it only describes what it was fitted on
        assert vars(again).keys() == vars(model).keys()


def all_come_back(uses: Iterator[tuple[str, Callable[[], Any], Any]]) -> None:
    """Try all, and say of each that fails which it is; what its own library does not fit is no use of it."""
    count, failed = 0, []
    for name, make, rows in uses:
        try:
            with zoo.quiet():
                model = make()
        except Exception:  # each library has errors of its own
            continue
        count += 1
        try:
            comes_back(model, rows)
        except Exception as error:
            failed.append(f"{name}: {error}")
    assert count
    assert not failed, "\n".join(failed)


# -- what stands beside an estimator -----------------------------------------------------------------------------------


def test_everything_that_stands_beside_an_estimator_comes_back() -> None:
    for one in helpers():
        again = holdfast.loads(holdfast.dumps(one))
        assert type(again) is type(one)
        assert vars(again).keys() == vars(one).keys()


@pytest.mark.parametrize("name", scorers())
def test_a_search_by_any_scorer(name: str) -> None:
    comes_back(GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2, scoring=scorers()[name]).fit(X, TWO))


@pytest.mark.parametrize("scoring", [["accuracy", "roc_auc"], {"area": "roc_auc", "f": make_scorer(fbeta_score, beta=2)}], ids=["names", "scorers"])
def test_a_search_by_several_scorers(scoring: Any) -> None:
    comes_back(GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2, scoring=scoring, refit="roc_auc" if isinstance(scoring, list) else "area").fit(X, TWO))


def test_estimators_that_look_by_scorers_themselves() -> None:
    comes_back(LogisticRegressionCV(cv=2, Cs=3, scoring="roc_auc").fit(X, TWO))
    comes_back(LogisticRegressionCV(cv=2, Cs=3).fit(X, THREE))
    comes_back(TunedThresholdClassifierCV(LogisticRegression(), scoring="roc_auc", cv=2).fit(X, TWO))


def test_a_search_by_any_splitter() -> None:
    def uses() -> Iterator[tuple[str, Callable[[], Any], Any]]:
        for one in splitters():
            if not isinstance(one, LeavePOut):  # it would fit thousands of times
                yield repr(one), lambda one=one: GridSearchCV(Ridge(), {"alpha": [0.1]}, cv=one).fit(X, TWO, groups=np.arange(ROWS) % 5), X

    all_come_back(uses())


@pytest.mark.parametrize("cls", [GaussianProcessRegressor, GaussianProcessClassifier])
def test_any_kernel_of_gaussian_processes(cls: Any) -> None:
    all_come_back((repr(one), lambda one=one: cls(one, optimizer=None).fit(X[:, :2], TWO), X[:, :2]) for one in kernels())


def test_columns_that_are_selected_by_kind_or_name() -> None:
    table = FRAME.assign(place=["north", "south"] * (ROWS // 2), there=TWO > 0)
    for one in selectors():
        comes_back(make_column_transformer((OneHotEncoder(), one), remainder="drop").fit(table), table)
        comes_back(make_column_transformer(("drop", one)).fit(table), table)


@pytest.mark.parametrize(
    "values", [scipy.stats.uniform(0, 1), scipy.stats.loguniform(0.1, 1), scipy.stats.randint(1, 4), scipy.stats.expon(scale=np.float64(2)), scipy.stats.truncnorm(-1, 1, 2, 1)], ids=lambda one: one.dist.name
)  # fmt: skip
@pytest.mark.parametrize("search", ["RandomizedSearchCV", "HalvingRandomSearchCV"])
def test_a_search_among_distributions(search: str, values: Any) -> None:
    model = getattr(KINDS, search)(Ridge(), {"alpha": values}, cv=2, random_state=np.int64(0))
    comes_back(model.fit(X, NUMBERS))
    comes_back(RandomizedSearchCV(Ridge(), [{"alpha": values}, {"alpha": [1, 2]}], n_iter=2, cv=2, random_state=0).fit(FRAME, NUMBERS), FRAME)


def test_settings_out_of_an_array_of_settings() -> None:
    """A search over arrays sets numpy's scalars, which native checks read as the Python ones that they equal."""
    found = GridSearchCV(SVC(), {"kernel": np.array(["rbf", "linear"]), "C": np.array([0.5, 1]), "shrinking": np.array([True, False])}, cv=2).fit(X, TWO)
    assert type(found.best_estimator_.kernel) is np.str_
    comes_back(found)


# -- labels and targets ------------------------------------------------------------------------------------------------

DTYPES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
LABELS: dict[str, Any] = {
    "text": np.array(["no", "yes", "maybe"]),
    "objects": np.array(["no", "yes", "maybe"], object),
    "numbers in objects": np.array([0, 1, 2], object),
    "bools": np.array([False, True]),
    "bytes": np.array([b"no", b"yes", b"maybe"]),
    "dates": np.array(["2020-01-01", "2021-01-01"], "M8[D]"),
    **{dtype: np.arange(3, dtype=dtype) for dtype in DTYPES},
}


def made(cls: Any) -> Any:
    return zoo.build(cls, recipes_of(cls)[0][1])


def _classes(of: Callable[[Any], bool]) -> list[str]:
    found = []
    for cls in zoo.estimator_classes():
        if of(made(cls)):
            found.append(cls.__name__)
    return found


def of_labels(make: Callable[[], Any]) -> Iterator[tuple[str, Callable[[], Any], Any]]:
    for name, labels in LABELS.items():
        yield f"two of {name}", lambda labels=labels: make().fit(X, labels[TWO]), X
        yield f"a series of {name}", lambda labels=labels: make().fit(FRAME, pd.Series(labels[TWO])), FRAME
        yield f"a series of categories of {name}", lambda labels=labels: make().fit(FRAME, pd.Series(labels[TWO]).astype("category")), FRAME
        yield f"a series that may have gaps of {name}", lambda labels=labels: make().fit(FRAME, pd.Series(labels[TWO]).convert_dtypes()), FRAME
        yield f"a list of {name}", lambda labels=labels: make().fit(X, labels[TWO].tolist()), X
        if len(labels) > 2:
            yield f"three of {name}", lambda labels=labels: make().fit(X, labels[THREE]), X


@pytest.mark.parametrize("name", ["LogisticRegression", "MultinomialNB", "ComplementNB", "GaussianNB", "DecisionTreeClassifier"])
def test_classifiers_of_labels_of_any_kind(name: str) -> None:
    all_come_back(of_labels(lambda: made(getattr(KINDS, name))))


@pytest.mark.long
@pytest.mark.parametrize("name", _classes(is_classifier))
def test_every_classifier_of_labels_of_any_kind(name: str) -> None:
    if name not in ("ClassifierChain", "MultiOutputClassifier"):  # they take several labels at once
        all_come_back(of_labels(lambda: made(getattr(KINDS, name))))


TARGETS: dict[str, Any] = {
    **{dtype: np.round(np.abs(NUMBERS) * 9).astype(dtype) for dtype in DTYPES},
    "bools": TWO.astype(bool), "objects": NUMBERS.astype(object), "list": NUMBERS.tolist(), "series": pd.Series(NUMBERS), "column": NUMBERS[:, None],
    "gaps": pd.Series(NUMBERS).astype("Float64"), "two": np.stack([NUMBERS, NUMBERS], 1), "two f4": np.stack([NUMBERS, NUMBERS], 1).astype("f4"),
    "two counts": np.stack([TWO, THREE], 1), "two objects": np.stack([NUMBERS, NUMBERS], 1).astype(object), "frame": pd.DataFrame({"p": NUMBERS, "q": NUMBERS}),
}  # fmt: skip


def of_targets(make: Callable[[], Any]) -> Iterator[tuple[str, Callable[[], Any], Any]]:
    for name, target in TARGETS.items():
        yield name, lambda target=target: make().fit(X, target), X


@pytest.mark.parametrize("name", ["RadiusNeighborsRegressor", "KNeighborsRegressor", "GaussianProcessRegressor", "Ridge"])
def test_regressors_of_targets_of_any_kind(name: str) -> None:
    all_come_back(of_targets(lambda: made(getattr(KINDS, name))))


@pytest.mark.long
@pytest.mark.parametrize("name", _classes(is_regressor))
def test_every_regressor_of_targets_of_any_kind(name: str) -> None:
    if name != "IsotonicRegression":  # it takes one column
        all_come_back(of_targets(lambda: made(getattr(KINDS, name))))


# -- seeds -------------------------------------------------------------------------------------------------------------

SEEDS: dict[str, Any] = {"int64": np.int64(3), "int32": np.int32(1), "uint32": np.uint32(1), "state": np.random.RandomState(1)}


def test_every_list_knows_every_kind_of_seed() -> None:
    wanted = {"none", "int", "number:i", "number:u", "type:numpy.random.mtrand.RandomState", "type:numpy.random._generator.Generator"}
    count = 0
    for name, entry in catalog().types.items():
        seed = set(entry.kinds.get("random_state", ()))
        if seed and "any" not in seed:
            count += 1
            assert {one for one in wanted if not ("object" in seed and one.startswith("type:"))} <= seed, name
    assert count > 100


def test_every_list_knows_names_of_columns_as_text() -> None:
    """LightGBM and XGBoost make text of them, and estimators around them take theirs over."""
    known = [set(entry.kinds["feature_names_in_"]) for name, entry in catalog().types.items() if name.startswith("sklearn.") and "feature_names_in_" in entry.kinds]
    assert len(known) > 150
    assert all(kinds >= {"array:O1", "array:U1"} for kinds in known)


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_every_estimator_with_any_seed(seed: str) -> None:
    def uses() -> Iterator[tuple[str, Callable[[], Any], Any]]:
        for cls in zoo.estimator_classes():
            if "random_state" in made(cls).get_params(False):
                name, settings = recipes_of(cls)[0]
                data = zoo.datasets()[name]
                yield cls.__name__, lambda cls=cls, data=data, settings=settings: zoo.fit(zoo.build(cls, {**settings, "random_state": SEEDS[seed]}), data), data.X

    all_come_back(uses())


# -- boosters, and what stands around them -----------------------------------------------------------------------------


def booster(library: str, kind: str) -> Any:
    """Return a small booster; ``kind`` is Classifier or Regressor."""
    module = pytest.importorskip(library)
    name = {"lightgbm": "LGBM", "xgboost": "XGB", "catboost": "CatBoost"}[library]
    settings: dict[str, dict[str, Any]] = {
        "lightgbm": {"n_estimators": 3, "verbose": -1, "n_jobs": 1, "min_child_samples": 3},
        "xgboost": {"n_estimators": 3, "n_jobs": 1},
        "catboost": {"iterations": 3, "thread_count": 1, "verbose": 0, "allow_writing_files": False},
    }
    return getattr(module, name + kind)(**settings[library])


LIBRARIES = ("lightgbm", "xgboost", "catboost")


@pytest.mark.parametrize("library", [pytest.param(one, marks=() if one == "lightgbm" else pytest.mark.long) for one in LIBRARIES])
def test_boosters_of_labels_targets_and_seeds_of_any_kind(library: str) -> None:
    booster(library, "Classifier")
    all_come_back(of_labels(lambda: booster(library, "Classifier")))
    all_come_back(of_targets(lambda: booster(library, "Regressor")))
    seeds = {**SEEDS, "generator": np.random.default_rng(1)}
    all_come_back((name, lambda seed=seed: booster(library, "Classifier").set_params(random_state=seed).fit(X, TWO), X) for name, seed in seeds.items())


def around(one: Callable[[str], Any], rows: Any) -> dict[str, Callable[[], Any]]:
    """Return what makes each of scikit-learn's estimators that take another, around a booster, fitted."""
    k, pair = KINDS, np.stack([NUMBERS, NUMBERS * 2], 1)
    classifier, regressor = (lambda: one("Classifier")), (lambda: one("Regressor"))
    text, depth = np.array(["no", "yes"])[TWO], {"max_depth": [2, 3]}
    drawn = {"max_depth": scipy.stats.randint(2, 4)}
    return {
        "grid": lambda: k.GridSearchCV(regressor(), depth, cv=2).fit(rows, NUMBERS),
        "random": lambda: k.RandomizedSearchCV(classifier(), drawn, n_iter=2, cv=2, random_state=0).fit(rows, TWO),
        "halving": lambda: k.HalvingGridSearchCV(classifier(), depth, cv=2).fit(rows, TWO),
        "halving at random": lambda: k.HalvingRandomSearchCV(classifier(), drawn, cv=2, random_state=0).fit(rows, TWO),
        "target": lambda: TransformedTargetRegressor(regressor(), func=np.log1p, inverse_func=np.expm1).fit(rows, np.abs(NUMBERS)),
        "target scaled": lambda: TransformedTargetRegressor(regressor(), transformer=StandardScaler()).fit(rows, NUMBERS),
        "calibrated": lambda: k.CalibratedClassifierCV(classifier(), cv=2).fit(rows, TWO),
        "calibrated after": lambda: k.CalibratedClassifierCV(FrozenEstimator(classifier().fit(rows, TWO)), method="isotonic").fit(rows, TWO),
        "stacked": lambda: k.StackingRegressor([("l", regressor()), ("k", Ridge())], cv=2).fit(rows, NUMBERS),
        "stacked classes": lambda: k.StackingClassifier([("l", classifier())], cv=2, passthrough=True).fit(rows, TWO),
        "voting": lambda: k.VotingClassifier([("l", classifier())], voting="soft").fit(rows, text),
        "voting of numbers": lambda: k.VotingRegressor([("l", regressor()), ("r", Ridge())]).fit(rows, NUMBERS),
        "selected": lambda: k.SelectFromModel(regressor()).fit(rows, NUMBERS),
        "eliminated": lambda: k.RFE(regressor(), n_features_to_select=2).fit(rows, NUMBERS),
        "eliminated by scores": lambda: k.RFECV(classifier(), cv=2).fit(rows, TWO),
        "added": lambda: k.SequentialFeatureSelector(regressor(), n_features_to_select=1, cv=2).fit(rows, NUMBERS),
        "outputs": lambda: k.MultiOutputRegressor(regressor()).fit(rows, pair),
        "outputs of classes": lambda: k.MultiOutputClassifier(classifier()).fit(rows, np.stack([TWO, THREE], 1)),
        "chain": lambda: k.RegressorChain(regressor()).fit(rows, pair),
        "chain of classes": lambda: k.ClassifierChain(classifier()).fit(rows, np.stack([TWO, 1 - TWO], 1)),
        "one against the rest": lambda: k.OneVsRestClassifier(classifier()).fit(rows, THREE),
        "one against one": lambda: k.OneVsOneClassifier(classifier()).fit(rows, THREE),
        "codes": lambda: k.OutputCodeClassifier(classifier(), random_state=0).fit(rows, THREE),
        "pipeline": lambda: make_pipeline(StandardScaler().set_output(transform="pandas"), classifier()).fit(rows, TWO),
        "bagged": lambda: k.BaggingClassifier(classifier(), 2, random_state=0).fit(rows, TWO),
        "boosted": lambda: k.AdaBoostRegressor(regressor(), n_estimators=2, random_state=0).fit(rows, NUMBERS),
        "threshold": lambda: k.FixedThresholdClassifier(classifier()).fit(rows, TWO),
        "threshold tuned": lambda: k.TunedThresholdClassifierCV(classifier(), cv=2).fit(rows, TWO),
        "self-trained": lambda: SelfTrainingClassifier(classifier()).fit(rows, np.where(np.arange(ROWS) % 5 == 0, -1, TWO)),
        "columns": lambda: make_pipeline(make_column_transformer((StandardScaler(), [0, 1]), remainder="passthrough"), regressor()).fit(rows, NUMBERS),
        "consensus": lambda: k.RANSACRegressor(regressor(), min_samples=20, random_state=0).fit(rows, NUMBERS),
        "imputed": lambda: k.IterativeImputer(regressor(), max_iter=2, random_state=0).fit(rows),
    }


@pytest.mark.parametrize("rows", [FRAME, X], ids=["frame", "array"])
@pytest.mark.parametrize("library", [pytest.param(one, marks=() if one == "lightgbm" else pytest.mark.long) for one in LIBRARIES])
def test_boosters_inside_estimators(library: str, rows: Any) -> None:
    booster(library, "Classifier")
    all_come_back((name, make, rows) for name, make in around(lambda kind: booster(library, kind), rows).items())


@pytest.mark.long
@pytest.mark.parametrize("name", ["BalancedBaggingClassifier", "EasyEnsembleClassifier", "BalancedRandomForestClassifier", "RUSBoostClassifier"])
def test_balanced_ensembles_of_labels_of_any_kind(name: str) -> None:
    cls = getattr(pytest.importorskip("imblearn.ensemble"), name)
    all_come_back(of_labels(lambda: cls(n_estimators=2, random_state=0)))


# -- what no rule widens -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "field", "kinds"),
    [
        ("sklearn.neighbors._classification.KNeighborsClassifier", "_y", "array:i"),
        ("sklearn.ensemble._gb.GradientBoostingClassifier", "estimators_", "array:O2"),
        ("sklearn.svm._classes.SVC", "support_", "array:i"),
        ("sklearn.gaussian_process.kernels.Sum", "k1", "object"),
        ("sklearn.model_selection._split.KFold", "shuffle", ("bool", "number:b")),
    ],
)
def test_what_compiled_code_reads_keeps_the_kinds_that_were_seen(name: str, field: str, kinds: Any) -> None:
    assert all(one.startswith(kinds) for one in catalog().types[name].kinds[field])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (KFold(2, shuffle=True, random_state=1), "'random_state' is text"),
        (StratifiedShuffleSplit(2, random_state=1), "'random_state' is text"),
        (make_scorer(fbeta_score, beta=2), "'_score_func' is text"),
        (LogisticRegression().fit(FRAME, TWO), "'feature_names_in_' is text"),
        (LogisticRegression().fit(FRAME, TWO), "'classes_' is text"),
    ],
)
def test_text_is_refused_where_no_user_writes_it(model: Any, said: str) -> None:
    setattr(model, said.split("'")[1], "eval")
    with pytest.warns(), pytest.raises(InvalidState, match=said):
        holdfast.loads(holdfast.dumps(model))


# -- requests for metadata ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Ridge", "SVC", "KMeans", "DecisionTreeRegressor", "BayesianRidge", "StandardScaler", "GaussianNB", "HistGradientBoostingRegressor"])
def test_requests_for_metadata_come_back(name: str) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        model = made(getattr(KINDS, name)).set_fit_request(sample_weight=True).fit(X, TWO)
        comes_back(model)
        assert str(holdfast.loads(holdfast.dumps(model)).get_metadata_routing()) == str(model.get_metadata_routing())
