"""What every estimator class is fitted on and with, and the ways to vary that; ``zoo`` is the way in.

The settings come from three places: the constraints that a class declares for its parameters, a table of values
that no constraint can tell (inner estimators, kernels, arrays that fit the data), and a table of settings that
only work together. Each is tried on data of the class's role, in turns, so that settings and data are crossed
without fitting every pair.

The one rule: which variants there are follows from the seed, save that a fit slower than ``_PATIENCE`` is dropped.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.testing.zoo import Data, Kinds, Specimen, answers, build, datasets, fit, qualified, quiet

__all__ = ["recipes_of", "variants_of"]

_PATIENCE = 2.0  # seconds
_MIXED = 24  # how many fits of a recipe have several parameters changed at once
# These only matter while fitting, where they print or start processes; they are set on the fitted model instead.
_LATE = {"verbose": [True, 1, 2, np.int64(1)], "n_jobs": [1, -1, 2, np.int64(1)]}
# Each fit of these is many fits, the more the more columns there are.
_COSTLY = {
    *("SequentialFeatureSelector", "RFECV", "GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"),
    *("GraphicalLasso", "GraphicalLassoCV", "OPTICS"),
}


@dataclass(frozen=True)
class _Per:
    """A value that depends on the data it is used with."""

    make: Callable[[Data], Any]


def recipes_of(cls: type) -> list[tuple[str, dict[str, Any]]]:
    """Return what to fit a class on and with which settings; the first is the specimen's."""
    found = _recipes().get(cls.__name__)
    if found is not None:
        return found
    base = importlib.import_module("sklearn.base")
    if issubclass(cls, base.ClassifierMixin):
        return [("classes/three", {})]
    return [("numbers/plain" if issubclass(cls, base.RegressorMixin) else "rows/plain", {})]


@functools.cache
def _recipes() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return the recipes of the classes that need one: an inner estimator, other data, or less work than by default."""
    k = Kinds()
    logistic, ridge, tree, scale = k.LogisticRegression(), k.Ridge(), k.DecisionTreeClassifier, k.StandardScaler()
    classify, regress = [("lr", logistic), ("tree", tree(max_depth=2))], [("ridge", ridge), ("line", k.LinearRegression())]
    prefit = {
        c: fit(m, datasets()[d])
        for c, m, d in (
            ("classes", k.LogisticRegression(), "classes/two"),
            ("numbers", k.Ridge(), "numbers/plain"),
            ("rows", k.StandardScaler(), "classes/two"),  # frozen, it still asks for a target
        )
    }
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}

    def on(data: str, names: str, **settings: Any) -> None:
        for name in names.split():
            found.setdefault(name, []).append((data, settings))

    # Less work than by default.
    on("classes/three", "AdaBoostClassifier", n_estimators=4, estimator=tree(max_depth=2))
    on("numbers/plain", "AdaBoostRegressor", n_estimators=4, estimator=k.DecisionTreeRegressor(max_depth=2))
    on("classes/three", "BaggingClassifier", n_estimators=3, estimator=logistic)
    on("numbers/plain", "BaggingRegressor", n_estimators=3, estimator=ridge)
    on("classes/three", "RandomForestClassifier ExtraTreesClassifier", n_estimators=3)
    on("numbers/plain", "RandomForestRegressor ExtraTreesRegressor", n_estimators=3)
    on("rows/plain", "RandomTreesEmbedding IsolationForest", n_estimators=3)
    on("classes/three", "GradientBoostingClassifier", n_estimators=3, max_depth=2)
    on("numbers/plain", "GradientBoostingRegressor", n_estimators=4, max_depth=2)
    on("classes/three", "HistGradientBoostingClassifier", max_iter=3, min_samples_leaf=5, max_leaf_nodes=7)
    on("numbers/plain", "HistGradientBoostingRegressor", max_iter=3, min_samples_leaf=5, max_leaf_nodes=7)
    on("table/dtype", "HistGradientBoostingClassifier HistGradientBoostingRegressor", max_iter=3, min_samples_leaf=5)
    on("classes/three", "LogisticRegressionCV", Cs=3, cv=3, use_legacy_attributes=False, l1_ratios=(0.0,))
    on("classes/three", "MLPClassifier", hidden_layer_sizes=(6,), max_iter=20)
    on("numbers/plain", "MLPRegressor", hidden_layer_sizes=(6,), max_iter=20)
    on("classes/three", "SVC NuSVC", max_iter=2000)
    on("numbers/plain", "SVR NuSVR", max_iter=2000)
    on("classes/three", "LinearSVC", max_iter=300)
    on("numbers/plain", "LinearSVR", max_iter=300)
    on("classes/three", "GaussianProcessClassifier")
    on("numbers/plain", "ElasticNetCV LassoCV", alphas=4, cv=3)
    on("numbers/two-outputs", "MultiTaskElasticNetCV MultiTaskLassoCV", alphas=4, cv=3)
    on("numbers/two-outputs", "MultiTaskElasticNet MultiTaskLasso PLSCanonical PLSRegression PLSSVD CCA")
    on("numbers/positive", "GammaRegressor PoissonRegressor TweedieRegressor")
    on("numbers/plain", "TheilSenRegressor", max_subpopulation=60)
    on("classes/counts", "MultinomialNB ComplementNB BernoulliNB")
    on("categories/ints-three", "CategoricalNB")
    on("classes/counts-int", "CategoricalNB")
    on("rows/plain", "KMeans BisectingKMeans SpectralClustering SpectralCoclustering", n_clusters=3, n_init=1)
    on("rows/plain", "MiniBatchKMeans", n_clusters=3, n_init=1, batch_size=30)
    on("rows/unit", "SpectralBiclustering", n_clusters=3, n_init=1)
    on("rows/plain", "GaussianMixture BayesianGaussianMixture", n_components=2, max_iter=30)
    on("rows/unit", "BernoulliRBM", n_components=4, n_iter=2)
    on("rows/plain", "DictionaryLearning MiniBatchDictionaryLearning SparsePCA MiniBatchSparsePCA", n_components=3, max_iter=5)
    on("rows/plain", "FactorAnalysis FastICA PCA IncrementalPCA TruncatedSVD KernelPCA", n_components=2)
    on("rows/unit", "NMF MiniBatchNMF", n_components=2)
    on("rows/counts", "LatentDirichletAllocation", n_components=3, max_iter=2)
    on("rows/counts", "TfidfTransformer AdditiveChi2Sampler")
    on("rows/plain", "Nystroem RBFSampler PolynomialCountSketch", n_components=8)
    on("rows/unit", "SkewedChi2Sampler", n_components=8)
    on("rows/plain", "GaussianRandomProjection SparseRandomProjection", n_components=3)
    on("rows/plain", "QuantileTransformer", n_quantiles=20)
    on("rows/plain", "MDS", max_iter=20, n_init=1, init="random")
    on("rows/plain", "TSNE", perplexity=5, max_iter=250)
    on("rows/plain", "GraphicalLassoCV", alphas=2, cv=3, n_refinements=2)
    on("rows/missing", "IterativeImputer", max_iter=3)
    on("rows/missing", "SimpleImputer KNNImputer MissingIndicator")
    on("rows/gram", "KernelCenterer")
    on("rows/plain", "SparseCoder", dictionary=np.eye(5)[:4] + 0.1)
    on("classes/three", "NeighborhoodComponentsAnalysis", n_components=2, max_iter=10)
    on("rows/plain", "LocalOutlierFactor", novelty=True)
    on("rows/plain", "LocalOutlierFactor")
    on("rows/plain", "FunctionTransformer", func=np.tanh)
    # Other data than rows of numbers.
    on("line/plain", "IsotonicRegression", out_of_bounds="clip")
    on("text/list", "CountVectorizer TfidfVectorizer")
    on("text/list", "HashingVectorizer", n_features=32)
    on("records/dicts", "DictVectorizer")
    on("records/dicts", "FeatureHasher", n_features=16)
    on("images/gray", "PatchExtractor", patch_size=(3, 3), max_patches=4)
    on("labels/three-text", "LabelEncoder LabelBinarizer")
    on("sets/text", "MultiLabelBinarizer")
    on("categories/objects", "OneHotEncoder OrdinalEncoder TargetEncoder")
    # Selection asks for a target of either kind.
    on("classes/three", "SelectKBest", k=2)
    on("classes/three", "SelectPercentile", percentile=50)
    on("classes/three", "SelectFdr SelectFpr SelectFwe GenericUnivariateSelect")
    selecting = "SelectKBest SelectPercentile SelectFdr SelectFpr SelectFwe GenericUnivariateSelect"
    on("numbers/plain", selecting, score_func=importlib.import_module("sklearn.feature_selection").f_regression)
    on("classes/three", "RFE SelectFromModel", estimator=logistic)
    on("classes/three", "RFECV", estimator=k.RidgeClassifier(), cv=2)
    on("classes/three", "SequentialFeatureSelector", estimator=k.GaussianNB(), n_features_to_select=2, cv=2)
    on("numbers/plain", "RFE SelectFromModel", estimator=ridge)
    on("numbers/plain", "RFECV SequentialFeatureSelector", estimator=ridge, cv=2)
    # Estimators of estimators.
    on("classes/three", "OneVsRestClassifier OneVsOneClassifier OutputCodeClassifier", estimator=logistic)
    on("classes/label-sets", "ClassifierChain MultiOutputClassifier", estimator=logistic)
    on("numbers/two-outputs", "RegressorChain MultiOutputRegressor", estimator=ridge)
    on("classes/unlabelled", "SelfTrainingClassifier", estimator=logistic)
    on("classes/three", "CalibratedClassifierCV", estimator=logistic, cv=3)
    on("classes/two", "TunedThresholdClassifierCV", estimator=logistic, cv=3, thresholds=10)
    on("classes/two", "FixedThresholdClassifier", estimator=logistic, threshold=0.4)
    on("classes/three", "VotingClassifier", estimators=classify)
    on("numbers/plain", "VotingRegressor", estimators=regress)
    on("classes/three", "StackingClassifier", estimators=classify, final_estimator=k.GaussianNB(), cv=3)
    on("numbers/plain", "StackingRegressor", estimators=regress, final_estimator=k.LinearRegression(), cv=3)
    for search in ("GridSearchCV", "HalvingGridSearchCV"):
        on("classes/three", search, estimator=logistic, param_grid={"C": [0.1, 1.0]}, cv=3)
        on("numbers/plain", search, estimator=ridge, param_grid={"alpha": [0.1, 1.0]}, cv=3)
    for search in ("RandomizedSearchCV", "HalvingRandomSearchCV"):
        few = {"n_iter": 2} if search == "RandomizedSearchCV" else {"n_candidates": 3}
        on("classes/three", search, estimator=logistic, param_distributions={"C": [0.1, 1.0, 3.0]}, cv=3, **few)
        on("numbers/plain", search, estimator=ridge, param_distributions={"alpha": [0.1, 1.0, 3.0]}, cv=3, **few)
    on("numbers/plain", "TransformedTargetRegressor", regressor=ridge, transformer=scale)
    on("numbers/plain", "RANSACRegressor", estimator=k.LinearRegression(), max_trials=10)
    for role, model in prefit.items():
        on("numbers/plain" if role == "numbers" else "classes/two", "FrozenEstimator", estimator=model)
    on("classes/three", "Pipeline", steps=[("scale", scale), ("model", logistic)])
    on("numbers/plain", "Pipeline", steps=[("pca", k.PCA(n_components=2)), ("model", ridge)])
    on("rows/plain", "Pipeline", steps=[("scale", scale), ("pca", k.PCA(n_components=2))])
    on("rows/plain", "FeatureUnion", transformer_list=[("pca", k.PCA(n_components=2)), ("scale", scale)])
    columns = [("numbers", scale, ["size", "crew"]), ("names", k.OneHotEncoder(handle_unknown="ignore"), ["port", "flag"])]
    on("table/frame", "ColumnTransformer", transformers=columns)
    whole = k.Pipeline([("columns", k.ColumnTransformer(columns)), ("model", logistic)])
    on("table/frame", "Pipeline", steps=whole.steps)
    on("text/labelled", "Pipeline", steps=[("words", k.TfidfVectorizer()), ("model", logistic)])
    on("table/frame", "GridSearchCV", estimator=whole, param_grid={"model__C": [0.1, 1.0]}, cv=2)
    on("table/array", "ColumnTransformer", transformers=[("a", scale, [0, 1]), ("b", k.MinMaxScaler(), slice(2, 4))])
    return found


def _width(d: Data) -> int:
    return int(np.shape(d.X)[1]) if not hasattr(d.X, "toarray") else int(d.X.shape[1])


def _dense(d: Data) -> Any:
    return np.asarray(d.X.toarray() if hasattr(d.X, "toarray") else d.X, dtype=float)


def _labels(d: Data) -> list[Any]:
    return list(np.unique(np.asarray(d.y)).tolist())


def _column_values(d: Data) -> list[Any]:
    X = np.asarray(d.X, dtype=object)
    return [np.array(sorted(set(X[:, i].tolist()))) for i in range(X.shape[1])]


def _graph(d: Data) -> Any:
    return importlib.import_module("sklearn.neighbors").kneighbors_graph(_dense(d), 6, include_self=False)


# The two tables are wide: one setting to a line would be a thousand lines of brackets.
# fmt: off
@functools.cache
def _by_hand() -> dict[str, list[Any]]:
    """Return values for parameters, by ``parameter`` or ``Class.parameter``; the second stands in for the first."""
    import pandas as pd
    from scipy import stats
    from sklearn import feature_selection as fs
    from sklearn import metrics
    from sklearn import model_selection as ms
    from sklearn.gaussian_process import kernels as g

    k = Kinds()
    tree, logistic = k.DecisionTreeClassifier, k.LogisticRegression
    scaled = k.Pipeline([("scale", k.StandardScaler()), ("model", logistic(C=0.5))])
    inner = [
        logistic(C=2), tree(max_depth=3, random_state=0), k.GaussianNB(), k.SVC(max_iter=500), k.KNeighborsClassifier(3), scaled,
        k.RandomForestClassifier(n_estimators=2, random_state=0), k.LinearSVC(), k.SGDClassifier(random_state=0),
        k.Ridge(alpha=2), k.DecisionTreeRegressor(max_depth=3, random_state=0), k.SVR(), k.KNeighborsRegressor(3),
        k.RandomForestRegressor(n_estimators=2, random_state=0), k.Lasso(alpha=0.1), k.BayesianRidge(),
        k.HistGradientBoostingRegressor(max_iter=2), k.FrozenEstimator(fit(k.Ridge(), datasets()["numbers/plain"])),
        k.Pipeline([("scale", k.MinMaxScaler()), ("pca", k.PCA(2)), ("model", k.Ridge())]),
    ]
    with importlib.import_module("sklearn").config_context(enable_metadata_routing=True):
        routed = logistic().set_fit_request(sample_weight=True).set_score_request(sample_weight="importance")
        inner += [routed, k.Ridge().set_fit_request(sample_weight=False)]
    light = [inner[1], inner[2], inner[9], inner[10], inner[14], routed]
    fitted = (k.GaussianNB, tree, k.SVC, k.PCA, k.KNeighborsClassifier, k.KMeans)
    prefit = [fit(build(c, {}), datasets()["classes/two"]) for c in fitted]
    scorers = [
        "accuracy", "f1_macro", "roc_auc_ovr", "neg_log_loss", "r2", "neg_mean_squared_error", "explained_variance",
        "neg_mean_absolute_error", metrics.make_scorer(metrics.accuracy_score), metrics.get_scorer("balanced_accuracy"),
        metrics.make_scorer(metrics.fbeta_score, beta=0.5, average="macro"),
        metrics.make_scorer(metrics.log_loss, greater_is_better=False, response_method="predict_proba"),
        metrics.make_scorer(metrics.mean_squared_error, greater_is_better=False), metrics.make_scorer(metrics.r2_score),
        metrics.make_scorer(metrics.mean_pinball_loss, alpha=0.3, greater_is_better=False),
    ]
    splitters = [
        None, 3, np.int64(2), ms.KFold(3), ms.KFold(3, shuffle=True, random_state=0), ms.StratifiedKFold(3),
        ms.ShuffleSplit(2, random_state=1), ms.StratifiedShuffleSplit(2, test_size=0.3, random_state=np.random.RandomState(2)),
        ms.RepeatedKFold(n_splits=2, n_repeats=2, random_state=0), ms.RepeatedStratifiedKFold(n_splits=2, n_repeats=1),
        ms.TimeSeriesSplit(3), ms.PredefinedSplit(np.arange(30) % 3), ms.LeavePOut(1), ms.GroupKFold(2),
        [(np.arange(0, 20), np.arange(20, 30)), (np.arange(10, 30), np.arange(0, 10))],
    ]
    kernels = [
        g.RBF(0.5), g.RBF(2.0, "fixed"), g.Matern(1.0, nu=0.5), g.Matern(nu=1.5), g.Matern(nu=2.5), g.Matern(nu=np.inf),
        g.RationalQuadratic(alpha=0.5), g.ExpSineSquared(1.0, 2.0), g.DotProduct(), g.DotProduct(0.0, "fixed") ** 2,
        g.ConstantKernel(2.0) * g.RBF() + g.WhiteKernel(0.1), 1.0 * g.RBF(1.0), g.RBF() + g.Matern(), g.WhiteKernel(),
        g.RBF() * g.RationalQuadratic() + 0.5 * g.DotProduct() + g.WhiteKernel(1e-2, (1e-5, 1e1)), g.PairwiseKernel(metric="rbf"),
        g.Exponentiation(g.RationalQuadratic(), 2), g.ConstantKernel(1, constant_value_bounds=(1e-2, 10)),
        g.PairwiseKernel(gamma=0.5, metric="laplacian"), _Per(lambda d: g.RBF(np.ones(_width(d)))),
        _Per(lambda d: g.RBF([1.0] * _width(d), [(1e-2, 1e2)] * _width(d)) + g.WhiteKernel()), g.Sum(g.RBF(), g.ConstantKernel()),
    ]
    dtypes = [np.float32, np.float64, np.int64, np.int32, "float32", np.dtype("float64"), int, float, bool]
    uneven = _Per(lambda d: {v: 1.0 + i for i, v in enumerate(_labels(d))})
    flat = [_Per(lambda d: [1 / len(_labels(d))] * len(_labels(d))),
        _Per(lambda d: np.full(len(_labels(d)), 1 / len(_labels(d))))]
    grid = [{"C": [0.5, 1.0]}, [{"C": [1.0]}, {"fit_intercept": [False]}], {"alpha": np.logspace(-1, 1, 2)}, {"alpha": (1, 2)}]
    draws: list[Any] = [{"C": stats.uniform(0.1, 1)}, {"C": stats.loguniform(0.01, 1)}, {"alpha": stats.expon()},
        {"alpha": np.array([1.0, 2])}]
    draws += [[{"C": [1.0, 2.0]}, {"fit_intercept": [True, False]}], {"fit_intercept": [True, False], "tol": [1e-3, 1e-2]}]
    forest = k.RandomForestRegressor(n_estimators=3, random_state=0)
    found: dict[str, list[Any]] = {
        "estimator": inner, "SequentialFeatureSelector.estimator": light, "RFECV.estimator": light,
        "BaggingRegressor.estimator": inner[9:], "FrozenEstimator.estimator": prefit, "regressor": inner[9:],
        "final_estimator": inner, "scoring": scorers, "cv": splitters,
        "GaussianProcessRegressor.kernel": kernels, "GaussianProcessClassifier.kernel": kernels,
        "GaussianProcessRegressor.alpha": [_Per(lambda d: np.full(len(_dense(d)), 0.1))],
        "class_weight": [uneven, _Per(lambda d: {v: np.float64(2) for v in _labels(d)}), _Per(lambda d: {_labels(d)[0]: 5}),
                         [{0: 1, 1: 2, 2: 1}, {0: 1, 1: 3}]],
        "class_prior": flat, "priors": [*flat, _Per(lambda d: tuple([1 / len(_labels(d))] * len(_labels(d))))],
        "alphas": [2, [0.1, 1.0], (0.1, 1.0, 10.0), np.array([0.5, 2.0]), 0.7], "Cs": [2, [0.1, 1.0], np.array([0.5, 5.0])],
        "ElasticNetCV.l1_ratio": [[0.2, 0.9]], "MultiTaskElasticNetCV.l1_ratio": [np.array([0.2, 0.9])],
        "l1_ratios": [[0.0], np.array([0.0])], "alpha": [_Per(lambda d: np.full(_width(d), 0.5)), _Per(lambda d: [0.5, 2.0])],
        "hidden_layer_sizes": [(4, 3), [5], 4, np.array([3, 2]), (np.int64(4),), (2, 2, 2)],
        "KMeans.init": [_Per(lambda d: _dense(d)[:3]), _Per(lambda d: _dense(d)[:3].tolist())],
        "MiniBatchKMeans.init": [_Per(lambda d: _dense(d)[:3])],
        "TSNE.init": [_Per(lambda d: np.ones((len(d.X), 2)).cumsum(axis=0))],
        "NeighborhoodComponentsAnalysis.init": [_Per(lambda d: np.eye(2, _width(d)))],
        "GradientBoostingClassifier.init": [k.DummyClassifier(), logistic(), tree(max_depth=1)],
        "GradientBoostingRegressor.init": [k.DummyRegressor(), k.Ridge()],
        "connectivity": [_Per(_graph), _Per(lambda d: _graph(d).toarray())],
        "monotonic_cst": [_Per(lambda d: [1] + [0] * (_width(d) - 1)), _Per(lambda d: np.eye(1, _width(d), dtype=np.int8)[0]),
                          {"column a": 1, "column b": -1}, {"size": 1}],
        "interaction_cst": [[(0, 1), (2, 3)], [{0, 1}], ({0, 2}, [1, 3])],
        "categorical_features": [[0], np.array([1]), _Per(lambda d: [True] + [False] * (_width(d) - 1)), ["column a"], ["flag"],
            None],
        "categories": [_Per(_column_values), _Per(lambda d: [v.tolist() for v in _column_values(d)]),
                       _Per(lambda d: [np.array([*v, "Weser"], dtype=object) for v in _column_values(d)])],
        "drop": [_Per(lambda d: [v[0] for v in _column_values(d)]), _Per(lambda d: np.array([v[-1] for v in _column_values(d)]))],
        "dtype": dtypes, "fill_value": [0, 1.5, -1, "none", np.float64(2.5)],
        "missing_values": [-1, 0, None, "Ems", np.nan, pd.NA],
        "DummyClassifier.constant": [_Per(lambda d: _labels(d)[0]), _Per(lambda d: [_labels(d)[0]])],
        "DummyRegressor.constant": [1.5, [2.0], np.array([1.0]), 3],
        "min_categories": [9, _Per(lambda d: [9] * _width(d)), _Per(lambda d: np.full(_width(d), 8))],
        "min_value": [-9.0, _Per(lambda d: np.full(_width(d), -9.0))], "max_value": [9.0, _Per(lambda d: [9.0] * _width(d))],
        "metric_params": [None, {}], "kernel_params": [{}, {"gamma": 0.3}], "weights_init": [[0.4, 0.6], np.array([0.5, 0.5])],
        "means_init": [_Per(lambda d: _dense(d)[:2])], "precisions_init": [_Per(lambda d: np.stack([np.eye(_width(d))] * 2))],
        "mean_prior": [_Per(lambda d: np.zeros(_width(d))), _Per(lambda d: [0.0] * _width(d))],
        "covariance_prior": [_Per(lambda d: np.eye(_width(d)))], "noise_variance_init": [_Per(lambda d: np.ones(_width(d)))],
        "KBinsDiscretizer.n_bins": [_Per(lambda d: [3] * _width(d)), _Per(lambda d: np.arange(_width(d)) + 2)],
        "knots": [_Per(lambda d: np.linspace(-3, 3, 4)[:, None] * np.ones(_width(d)))], "degree": [(1, 2), [0, 2], 3],
        "ngram_range": [(1, 2), (2, 2), [1, 3]], "stop_words": [["and", "the"]], "encoding": ["latin-1"],
        "vocabulary": [{"buoy": 0, "keel": 1}, ["gaff", "jib"], ("buoy", "of"), {"jib", "keel"}],
        "token_pattern": [r"\w+", r"\b\w(\w+)"],
        "quantile_range": [(10.0, 90.0), (5, 95), [25, 75]],
        "feature_range": [(-1, 1), (0.0, 2.5), (np.float64(0), np.float64(3))],
        "patch_size": [(2, 2), (3, 4), None], "separator": [":"],
        "MultiLabelBinarizer.classes": [["sea", "air", "land"], [1, 2, 3, 4]],
        "order": [_Per(lambda d: list(range(np.shape(d.y)[1]))[::-1]), _Per(lambda d: np.arange(np.shape(d.y)[1])[::-1])],
        "chain_method": [["predict_proba", "predict"], ("decision_function", "predict")],
        "VotingClassifier.weights": [[1, 2], np.array([0.3, 0.7])], "VotingRegressor.weights": [[1, 2], (0.5, 0.5)],
        "outlier_label": [_Per(lambda d: _labels(d)[0]), "most_frequent", _Per(lambda d: [_labels(d)[0]])],
        "preference": [-50, _Per(lambda d: np.full(len(_dense(d)), -9.0))],
        "precompute": [_Per(lambda d: _dense(d).T @ _dense(d)), True, False],
        "SelectFromModel.max_features": [2], "IsolationForest.max_features": [2, 0.5], "SequentialFeatureSelector.tol": [0.01],
        "Birch.n_clusters": [k.KMeans(2, n_init=1, random_state=0), k.AgglomerativeClustering(2), None],
        "SpectralBiclustering.n_clusters": [(2, 3)], "refit": [False, True, "r2", "accuracy"],
        "pre_dispatch": ["all", 2, "n_jobs"],
        "resource": ["n_samples"], "estimators": [
            [("nb", k.GaussianNB()), ("svc", k.SVC(max_iter=500))], [("tree", tree(max_depth=2)), ("out", "drop")],
            [("scaled", scaled), ("forest", k.RandomForestClassifier(n_estimators=2, random_state=0)),
                ("k", k.KNeighborsClassifier(3))],
            [("svr", k.SVR()), ("forest", forest)],
            [("k", k.KNeighborsRegressor(3)), ("none", "drop"), ("lasso", k.Lasso(alpha=0.1))]],
        "remainder": [k.StandardScaler(), k.Pipeline([("i", k.SimpleImputer()), ("s", k.MinMaxScaler())]), k.SimpleImputer()],
        "transformer": [k.QuantileTransformer(n_quantiles=10), k.MinMaxScaler(), k.PowerTransformer(), k.PCA(), None],
        "FunctionTransformer.func": [np.log1p, np.abs, np.sqrt, np.isnan, np.sign, None], "inverse_func": [np.expm1, np.arctanh],
        "kw_args": [{}, {"dtype": np.float32}], "inv_kw_args": [{}], "pooling_func": [np.max, np.median, np.min],
        "score_func": [fs.f_classif, fs.chi2, fs.mutual_info_classif, fs.f_regression, fs.mutual_info_regression,
            fs.r_regression],
        "importance_getter": ["coef_", "auto"],
        "SelectFromModel.threshold": ["mean", "median", "1.25*mean", "0.5*median", 0.1, -np.inf],
        "thresholds": [5, [0.2, 0.5, 0.8], np.array([0.3, 0.6])], "FixedThresholdClassifier.threshold": [0.3, 0, np.float64(0.7)],
        "Binarizer.threshold": [0.5, 1, np.float64(-0.5)], "pos_label": [_Per(lambda d: _labels(d)[-1]), 2],
        "neg_label": [-1, -2],
        "GridSearchCV.param_grid": grid, "HalvingGridSearchCV.param_grid": grid, "param_distributions": draws,
        "transformer_weights": [{"pca": 2.0}, {"pca": 1, "scale": 0.5}, {"numbers": 3.0, "a": 2}],
        "transform_input": [["sample_weight"]],
        "verbose_feature_names_out": [True, False, "{feature_name}__{transformer_name}"],
        "covariance_estimator": [k.LedoitWolf(), k.ShrunkCovariance(shrinkage=0.2)], "error_score": [np.nan, "raise", 0.0, -1],
        "LinearSVR.epsilon": [0.1, 1], "encoded_missing_value": [-1, -2.0], "fun_args": [{"alpha": 1.5}],
        "w_init": [np.eye(2), [[0, 1], [1, 0]]],
        "code_init": [_Per(lambda d: np.ones((len(d.X), 3)))], "dict_init": [_Per(lambda d: np.eye(3, _width(d)))],
        "U_init": [_Per(lambda d: np.ones((len(d.X), 3)))], "V_init": [_Per(lambda d: np.eye(3, _width(d)))],
        "dictionary": [_Per(lambda d: np.eye(_width(d))), _Per(lambda d: np.eye(2, _width(d), dtype=np.float32)),
            np.eye(5)[:3].tolist()],
        "seeds": [_Per(lambda d: _dense(d)[:3])], "solver_options": [{}, {"presolve": True}],
        "n_subsamples": [_Per(lambda d: _width(d) + 2)],
        "MDS.metric": ["cityblock", "cosine", "precomputed"], "ClassicalMDS.metric": ["cityblock", "cosine", "precomputed"],
        "beta_loss": [1.5, 0],
        "steps": [[("model", logistic())], [("none", "passthrough"), ("s", k.StandardScaler()), ("m", tree(max_depth=2))],
                  [("outer", k.Pipeline([("s", k.StandardScaler()), ("p", k.PCA(2))])), ("m", k.GaussianNB())],
                  [("u", k.FeatureUnion([("p", k.PCA(2)), ("s", k.SelectKBest(k=2))])), ("m", logistic())],
                  [("i", k.SimpleImputer(add_indicator=True)), ("f", forest)],
                  [("s", k.StandardScaler()), ("c", k.KMeans(2, n_init=1))],
                  [("s", k.RobustScaler()), ("g", k.GridSearchCV(k.Ridge(), {"alpha": [1.0, 2.0]}, cv=2))],
                  [("s", k.StandardScaler()), ("p", None)], [("s", k.StandardScaler()), ("m", routed)]],
        "transformer_list": [[("s", k.StandardScaler()), ("drop", "drop")], [("pass", "passthrough"), ("p", k.PCA(1))],
                             [("q", k.Pipeline([("s", k.MinMaxScaler()), ("n", k.Normalizer())])), ("b", k.KBinsDiscretizer(3))]],
        "transformers": [
            [("a", k.StandardScaler(), ["size"]), ("b", "passthrough", ["crew"]), ("c", "drop", ["flag"])],
            [("a", k.MinMaxScaler(), [0])],
            [("a", k.SimpleImputer(), "age"), ("b", k.OrdinalEncoder(), ["port", "flag"])][1:],
            [("a", k.StandardScaler(), [-1, 0])],
            [("a", k.Pipeline([("i", k.SimpleImputer()), ("s", k.StandardScaler())]), ["age", "size"]),
                ("t", k.TfidfVectorizer(), "port")],
            [("a", k.StandardScaler(), [True, False, True, False])],
            [("a", k.StandardScaler(), [True, False, True, False, False])],
            [("a", k.OneHotEncoder(sparse_output=False), slice("port", "crew")), ("b", k.KBinsDiscretizer(3), ["size"])],
            [("a", k.TargetEncoder(), ["port"]), ("b", k.OneHotEncoder(), np.array(["flag"]))], [("a", k.PCA(1), slice(0, 2))],
            [("n", k.ColumnTransformer([("s", k.StandardScaler(), ["size"])], remainder="passthrough"), ["size", "crew"])],
            [("none", k.StandardScaler(), []), ("a", k.MaxAbsScaler(), np.array([1, 2]))]],
    }
    return found


@functools.cache
def _together() -> dict[str, list[dict[str, Any]]]:
    """Return settings that only mean something together, by class."""
    import pandas as pd
    from sklearn import metrics
    from sklearn.metrics import DistanceMetric

    k = Kinds()
    found: dict[str, list[dict[str, Any]]] = {}

    def add(names: str, *many: dict[str, Any]) -> None:
        for name in names.split():
            found.setdefault(name, []).extend(many)

    spread, inverse = _Per(lambda d: {"V": _dense(d).var(axis=0)}), _Per(lambda d: {"VI": np.linalg.inv(np.cov(_dense(d).T))})
    near = "NearestNeighbors KNeighborsClassifier KNeighborsRegressor KNeighborsTransformer LocalOutlierFactor "
    near += "RadiusNeighborsClassifier RadiusNeighborsRegressor RadiusNeighborsTransformer"
    for algorithm in ("kd_tree", "ball_tree", "brute"):
        add(f"{near} DBSCAN OPTICS HDBSCAN", *({"algorithm": algorithm, "metric": m} for m in
            ("euclidean", "manhattan", "chebyshev", "cosine", "haversine", "hamming", "precomputed", "canberra", "braycurtis")))
        add(f"{near} DBSCAN OPTICS", {"algorithm": algorithm, "metric": "minkowski", "p": 3}, {"algorithm": algorithm, "p": 1.5})
        add(f"{near} DBSCAN OPTICS KernelDensity", {"algorithm": algorithm, "metric": "minkowski", "metric_params": {"p": 3}})
    for algorithm in ("ball_tree", "brute"):
        add(f"{near} DBSCAN OPTICS HDBSCAN KernelDensity",
            {"algorithm": algorithm, "metric": "seuclidean", "metric_params": spread},
            {"algorithm": algorithm, "metric": "mahalanobis", "metric_params": inverse})
    add(near, {"metric": "minkowski", "metric_params": _Per(lambda d: {"w": np.ones(_width(d))})},
        {"leaf_size": 2, "algorithm": "ball_tree"},
        {"metric": DistanceMetric.get_metric("manhattan"), "algorithm": "ball_tree"},
        {"metric": DistanceMetric.get_metric("minkowski", p=3), "algorithm": "kd_tree"})
    add("KNeighborsClassifier KNeighborsRegressor RadiusNeighborsClassifier RadiusNeighborsRegressor",
        *({"weights": "distance", "algorithm": a} for a in ("kd_tree", "ball_tree", "brute")))
    add("LocalOutlierFactor", *({"novelty": True, "metric": m, "contamination": 0.2} for m in ("euclidean", "cosine",
        "manhattan")))
    add("KernelDensity", *({"algorithm": a, "kernel": q, "metric": m} for a in ("kd_tree", "ball_tree")
        for q in ("gaussian", "tophat", "linear") for m in ("euclidean", "manhattan", "chebyshev")))
    add("AgglomerativeClustering FeatureAgglomeration", *({"linkage": "average", "metric": m} for m in (
        "l2", "cosine", "manhattan", "chebyshev", "hamming", "canberra", "braycurtis", "correlation", "jaccard", "sqeuclidean")))
    add("TSNE", {"metric": "precomputed", "init": "random"}, {"method": "exact", "metric": "cosine", "init": "random"})
    add("KernelRidge Nystroem", {"kernel": "chi2", "gamma": 0.5}, {"kernel": "poly", "degree": 2, "coef0": 1.0})
    add("GaussianRandomProjection SparseRandomProjection", {"n_components": "auto", "eps": 0.95})
    add("QuantileTransformer", {"subsample": 25}, {"subsample": 300, "output_distribution": "normal"},
        {"subsample": None, "n_quantiles": 10})
    add("NMF", {"solver": "mu", "beta_loss": "itakura-saito", "init": "nndsvdar"}, {"solver": "mu", "beta_loss": 0.5})
    add("LinearSVR", {"loss": "squared_epsilon_insensitive", "dual": False},
        {"loss": "squared_epsilon_insensitive", "dual": True})
    add("DictionaryLearning MiniBatchDictionaryLearning",
        *({"fit_algorithm": "cd", "positive_code": True, "transform_algorithm": a}
        for a in ("lasso_cd", "threshold")))
    add("StackingClassifier", {"stack_method": "decision_function",
        "estimators": [("lr", k.LogisticRegression()), ("svc", k.LinearSVC())]})
    add("RANSACRegressor", *({"estimator": e, "min_samples": 10} for e in (k.Ridge(), k.SVR(),
        k.DecisionTreeRegressor(max_depth=2))))
    grids = {"GridSearchCV": "param_grid", "HalvingGridSearchCV": "param_grid", "RandomizedSearchCV": "param_distributions"}
    for search, grid in grids.items():  # an empty grid is one candidate, and so suits any estimator
        add(search, *({"estimator": e, grid: {}, "cv": 2} for e in _by_hand()["estimator"]))
    elastic = [{"solver": "saga", "l1_ratio": r, "max_iter": 30} for r in (0.0, 0.5, 1.0)]
    add("LogisticRegression", *elastic, {"solver": "liblinear", "l1_ratio": 1.0}, {"solver": "liblinear", "dual": True},
        {"C": np.inf},
        {"solver": "liblinear", "penalty": "l1"},
        *({"solver": s, "penalty": p, "l1_ratio": 0.5} for s in ("lbfgs", "saga") for p in ("l2", "elasticnet", None)))
    add("LogisticRegressionCV", {"solver": "saga", "penalty": "elasticnet", "l1_ratios": [0.5], "max_iter": 20},
        {"penalty": "l2"})
    add("LogisticRegressionCV", {"solver": "saga", "l1_ratios": [0.2, 1.0], "max_iter": 30},
        {"refit": False, "solver": "liblinear"},
        {"use_legacy_attributes": True}, {"use_legacy_attributes": True, "solver": "saga", "l1_ratios": (0.0, 0.5),
            "max_iter": 20},
        {"scoring": "neg_log_loss", "refit": False, "use_legacy_attributes": True})
    add("LinearSVC", {"penalty": "l1", "dual": False}, {"loss": "hinge", "dual": True}, {"multi_class": "crammer_singer"})
    add("SVC NuSVC", {"probability": True}, {"probability": True, "kernel": "linear"},
        {"decision_function_shape": "ovo", "break_ties": False},
        {"break_ties": True}, {"kernel": "poly", "degree": 2, "coef0": 1.0}, {"kernel": "precomputed", "probability": True})
    for loss in ("hinge", "log_loss", "modified_huber", "perceptron", "squared_error", "huber", "epsilon_insensitive"):
        add("SGDClassifier SGDRegressor", *({"loss": loss, "penalty": p, "learning_rate": r, "eta0": 0.01, "average": a}
            for p, r, a in (("l1", "constant", False), ("elasticnet", "adaptive", True), (None, "invscaling", 3))))
    add("SGDClassifier SGDRegressor Perceptron MLPClassifier MLPRegressor PassiveAggressiveClassifier PassiveAggressiveRegressor",
        {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 2}, {"early_stopping": True, "warm_start": True})
    add("MLPClassifier MLPRegressor", *({"solver": s, "activation": a, "learning_rate": r, "early_stopping": e}
        for s in ("sgd", "adam", "lbfgs") for a, r in (("tanh", "adaptive"), ("logistic", "invscaling")) for e in (False, True)))
    forests = "RandomForestClassifier ExtraTreesClassifier RandomForestRegressor ExtraTreesRegressor"
    add(f"{forests} BaggingClassifier BaggingRegressor",
        {"bootstrap": True, "oob_score": True, "n_estimators": 12}, {"bootstrap": True, "max_samples": 0.5},
        {"warm_start": True, "max_samples": 20, "bootstrap": True}, {"bootstrap": True, "oob_score": metrics.accuracy_score},
        {"bootstrap": True, "oob_score": metrics.r2_score},
        {"bootstrap_features": True, "max_features": 0.5}, {"criterion": "poisson"}, {"estimator": None},
        {"monotonic_cst": _Per(lambda d: [1, -1] + [0] * (_width(d) - 2)), "max_depth": 3})
    add("GradientBoostingClassifier GradientBoostingRegressor", {"n_iter_no_change": 1, "validation_fraction": 0.2},
        {"subsample": 0.7},
        *({"loss": s, "subsample": 0.8, "init": i, "alpha": 0.8} for s in ("huber", "quantile", "absolute_error") for i in (None,
            "zero")),
        {"loss": "exponential", "init": "zero"}, {"init": "zero", "warm_start": True, "max_features": "sqrt"})
    early = {"early_stopping": True, "n_iter_no_change": 1}
    add("HistGradientBoostingClassifier HistGradientBoostingRegressor", early, {**early, "scoring": None},
        {**early, "scoring": "r2"},
        {**early, "scoring": "accuracy", "validation_fraction": None}, {"categorical_features": ["crew", "flag"], "max_bins": 16},
        {"loss": "quantile", "quantile": 0.3}, {"categorical_features": [0], "interaction_cst": [{0, 1}]}, {"loss": "gamma"},
        {"loss": "poisson", "monotonic_cst": _Per(lambda d: [1] + [0] * (_width(d) - 1))}, {"warm_start": True, **early})
    add("OneHotEncoder", {"handle_unknown": "infrequent_if_exist", "min_frequency": 5},
        {"max_categories": 2, "handle_unknown": "warn"},
        {"drop": "first", "sparse_output": False}, {"drop": "if_binary", "handle_unknown": "ignore"},
        {"min_frequency": 0.3, "drop": "first"},
        {"categories": _Per(_column_values), "drop": _Per(lambda d: [v[0] for v in _column_values(d)])},
        {"dtype": np.int8, "sparse_output": False})
    unknown = {"handle_unknown": "use_encoded_value"}
    add("OrdinalEncoder", {**unknown, "unknown_value": -1}, {**unknown, "unknown_value": np.nan},
        {"max_categories": 2, "min_frequency": 3},
        {**unknown, "unknown_value": -1, "encoded_missing_value": -2, "dtype": np.int64},
        {**unknown, "unknown_value": 99, "dtype": "int32"})
    add("SimpleImputer", *({"strategy": "constant", "fill_value": v, "add_indicator": a} for v in (0, -1.5, "none",
        None) for a in (False, True)),
        {"strategy": "most_frequent", "add_indicator": True}, {"strategy": "most_frequent", "missing_values": "Ems"},
        {"strategy": "median", "keep_empty_features": True, "missing_values": 0},
        {"strategy": "constant", "missing_values": pd.NA})
    add("IterativeImputer", *({"estimator": e, "add_indicator": a, "n_nearest_features": 2} for a in (False, True)
        for e in (k.Ridge(), k.DecisionTreeRegressor(max_depth=2), k.KNeighborsRegressor(3), k.LinearRegression(),
            k.BayesianRidge())),
        {"sample_posterior": True, "imputation_order": "random"}, {"initial_strategy": "constant", "fill_value": 1.0},
        {"sample_posterior": True, "random_state": np.random.RandomState(5)})
    add("SplineTransformer", *({"extrapolation": e, "sparse_output": s, "include_bias": b, "degree": g, "knots": q}
        for e in ("constant", "linear", "continue", "periodic", "error") for s in (False, True)
        for b, g, q in ((True, 3, "quantile"), (False, 2, "uniform"))))
    add("KBinsDiscretizer", *({"encode": e, "strategy": s, "n_bins": 3, "dtype": t} for e in ("onehot", "onehot-dense", "ordinal")
        for s, t in (("uniform", None), ("quantile", np.float32), ("kmeans", np.float64))))
    add("TargetEncoder", *({"categories": _Per(_column_values), "smooth": s, "cv": 3} for s in ("auto", 2.0, 5)))
    add("TweedieRegressor", *({"power": p, "link": q} for p in (0, 1, 1.5, 2, 3) for q in ("auto", "log", "identity")))
    add("NMF MiniBatchNMF", *({"solver": "mu", "beta_loss": b, "init": "nndsvda"} for b in ("frobenius", "kullback-leibler",
        1.5)),
        {"beta_loss": "kullback-leibler", "init": "random"}, {"alpha_W": 0.1, "alpha_H": 0.2, "l1_ratio": 0.5})
    add("PCA", {"svd_solver": "full", "n_components": 0.8}, {"svd_solver": "full", "n_components": "mle"}, {"whiten": True},
        {"svd_solver": "arpack", "n_components": 2}, {"n_components": None},
        {"n_components": np.float64(0.5), "svd_solver": "full"})
    add("KernelPCA", *({"kernel": q, "fit_inverse_transform": True, "eigen_solver": s} for q in ("rbf", "poly", "linear",
        "sigmoid", "cosine")
        for s in ("dense", "randomized")), {"n_components": None, "remove_zero_eig": True}, {"kernel": "precomputed"})
    add("LinearDiscriminantAnalysis", *({"solver": s, "shrinkage": h} for s in ("lsqr", "eigen") for h in ("auto", 0.3, None)),
        {"solver": "lsqr", "covariance_estimator": k.LedoitWolf()},
        {"solver": "svd", "store_covariance": True, "n_components": 1})
    add("QuadraticDiscriminantAnalysis", {"solver": "eigen", "shrinkage": 0.2},
        {"solver": "eigen", "covariance_estimator": k.OAS()})
    add("RidgeCV RidgeClassifierCV", {"store_cv_results": True}, {"store_cv_results": True, "scoring": "r2"},
        {"cv": 3, "scoring": "r2"},
        {"alpha_per_target": True}, {"gcv_mode": "eigen"}, {"gcv_mode": "svd", "store_cv_results": True})
    many = ({"scoring": ["accuracy", "f1_macro"], "refit": "accuracy"},
        {"scoring": ("r2", "neg_mean_squared_error"), "refit": "r2"},
            {"scoring": {"a": "accuracy", "b": metrics.make_scorer(metrics.accuracy_score)}, "refit": "b"}, {"refit": False},
            {"scoring": {"a": "r2"}, "refit": False}, {"return_train_score": True, "cv": 2})
    add("GridSearchCV RandomizedSearchCV", *many)
    add("GridSearchCV HalvingGridSearchCV",
        {"estimator": k.Pipeline([("s", k.StandardScaler()), ("m", k.SVC())]), "param_grid": {"m__C": [1, 2]}},
        {"estimator": k.Pipeline([("s", k.StandardScaler()), ("m", k.Ridge())]),
            "param_grid": {"s": [k.MinMaxScaler(), "passthrough"]}},
        {"estimator": k.DecisionTreeClassifier(), "param_grid": {"max_depth": [1, None], "criterion": ["gini", "entropy"]}},
        {"estimator": k.KMeans(n_init=1), "param_grid": {"n_clusters": [2, 3]}},
        {"estimator": k.RandomForestRegressor(n_estimators=2), "param_grid": [{"max_depth": [1, 2]}], "cv": 2})
    add("HalvingGridSearchCV HalvingRandomSearchCV", {"min_resources": 20, "factor": 2, "aggressive_elimination": True},
        {"cv": 2},
        {"estimator": k.RandomForestClassifier(n_estimators=2), "resource": "n_estimators", "max_resources": 6,
            "min_resources": 2,
         "param_grid": {"max_depth": [1, 2]}})
    add("CalibratedClassifierCV", *({"method": m, "ensemble": e} for m in ("sigmoid", "isotonic", "temperature") for e in (True,
        False)),
        *({"estimator": k.FrozenEstimator(fit(k.GaussianNB(), datasets()["classes/two"])), "method": m} for m in ("sigmoid",
            "isotonic")))
    add("TunedThresholdClassifierCV", {"cv": 0.3, "refit": False}, {"cv": "prefit", "refit": False, "store_cv_results": True,
        "estimator": fit(k.LogisticRegression(), datasets()["classes/two"])}, {"store_cv_results": True, "scoring": "f1_macro"})
    add("StackingClassifier StackingRegressor", {"passthrough": True},
        {"passthrough": True, "final_estimator": k.DecisionTreeClassifier()},
        *({"cv": "prefit", "estimators": [("fitted", fit(m, datasets()[d]))], "final_estimator": f} for m, d, f in (
            (k.LogisticRegression(), "classes/two", None), (k.Ridge(), "numbers/plain", k.Ridge()))))
    add("VotingClassifier", {"voting": "soft", "flatten_transform": False}, {"voting": "soft", "weights": [1, 3]})
    add("ClassifierChain RegressorChain", {"cv": 3}, {"cv": 3, "order": "random"},
        {"estimator": k.SVC(), "chain_method": "decision_function"})
    add("SelfTrainingClassifier", {"criterion": "k_best", "k_best": 3}, {"max_iter": None}, {"threshold": 0.5, "max_iter": 1})
    add("RFE RFECV SelectFromModel", *({"estimator": e, "importance_getter": g} for e, g in (
        (k.RandomForestRegressor(n_estimators=2), "feature_importances_"), (k.DecisionTreeClassifier(), "auto"),
        (k.LinearSVC(), "coef_"),
        (k.TransformedTargetRegressor(k.Ridge()), "regressor_.coef_"))))
    add("SelectFromModel", {"prefit": True, "estimator": fit(k.Ridge(), datasets()["numbers/plain"])},
        {"max_features": 1, "threshold": -np.inf})
    add("GenericUnivariateSelect", *({"mode": m, "param": p} for m,
        p in (("k_best", 2), ("k_best", "all"), ("percentile", 40.0), ("fdr", 0.1))))
    add("TransformedTargetRegressor", {"func": np.log1p, "inverse_func": np.expm1, "transformer": None},
        {"func": np.exp, "inverse_func": np.log, "transformer": None, "regressor": None},
        {"transformer": k.StandardScaler(), "check_inverse": False},
        {"regressor": k.Pipeline([("s", k.StandardScaler()), ("m", k.Lasso(alpha=0.1))])})
    add("FunctionTransformer", {"func": np.log1p, "inverse_func": np.expm1, "validate": True},
        {"func": np.abs, "feature_names_out": "one-to-one"},
        {"func": np.clip, "kw_args": {"a_min": -1, "a_max": 1}}, {"func": np.add, "kw_args": {"x2": 1.0}, "accept_sparse": True})
    add("AgglomerativeClustering FeatureAgglomeration", {"n_clusters": None, "distance_threshold": 2.0},
        {"linkage": "single", "metric": "cosine"},
        {"compute_distances": True, "compute_full_tree": True}, *({"linkage": q, "metric": m} for q in ("average", "complete")
        for m in ("l1", "cosine", "precomputed", "cityblock")))
    add("GaussianMixture BayesianGaussianMixture",
        *({"covariance_type": c, "init_params": i} for c in ("full", "tied", "diag", "spherical")
        for i in ("kmeans", "random", "random_from_data")), {"warm_start": True, "n_init": 2, "max_iter": 2})
    add("HDBSCAN", *({"store_centers": c, "min_samples": 2, "copy": True} for c in ("centroid", "medoid", "both")))
    add("OPTICS", {"cluster_method": "dbscan", "eps": 1.0}, {"metric": "precomputed"}, {"min_cluster_size": 0.2, "max_eps": 3.0})
    add("SpectralClustering SpectralEmbedding", {"affinity": "precomputed"},
        {"affinity": "precomputed_nearest_neighbors", "n_neighbors": 5},
        {"affinity": "nearest_neighbors", "n_neighbors": 5, "eigen_solver": "lobpcg"}, {"affinity": "rbf", "gamma": 0.2})
    add("Isomap", {"n_neighbors": None, "radius": 5.0}, {"metric": "precomputed"}, {"metric": "cosine"},
        {"path_method": "D", "p": 1})
    add("LocallyLinearEmbedding", *({"method": m, "n_neighbors": 12, "eigen_solver": "dense"} for m in ("hessian", "modified",
        "ltsa")))
    add("PowerTransformer", {"method": "box-cox"}, {"method": "box-cox", "standardize": False})
    add("MultiTaskElasticNet ElasticNet Lasso MultiTaskLasso", {"selection": "random", "warm_start": True},
        {"positive": True, "precompute": True})
    add("FastICA", {"whiten": False, "n_components": None}, {"whiten": "arbitrary-variance", "whiten_solver": "eigh"},
        {"fun": "exp"})
    add("DictionaryLearning MiniBatchDictionaryLearning SparseCoder",
        *({"transform_algorithm": a, "transform_alpha": 0.1, "positive_code": p}
        for a in ("lasso_cd", "threshold", "lasso_lars", "omp", "lars") for p in (False, True)), {"split_sign": True},
        {"fit_algorithm": "cd", "positive_dict": True, "positive_code": True}, {"transform_n_nonzero_coefs": 1})
    add("MeanShift", {"bandwidth": 3.0, "bin_seeding": True}, {"cluster_all": False, "bandwidth": 1.0})
    add("Birch", {"n_clusters": None, "threshold": 1.0}, {"branching_factor": 3, "threshold": 0.2})
    add("GaussianRandomProjection SparseRandomProjection", {"compute_inverse_components": True, "n_components": 2})
    add("Lars LassoLars", {"fit_path": False}, {"jitter": 1e-3, "random_state": 3}, {"n_nonzero_coefs": 2}, {"positive": True})
    add("RANSACRegressor", {"estimator": None}, {"loss": "squared_error", "residual_threshold": 3.0},
        {"min_samples": 0.5, "max_trials": 5})
    add("CountVectorizer TfidfVectorizer HashingVectorizer", {"analyzer": "char", "ngram_range": (2, 3)},
        {"analyzer": "char_wb", "lowercase": False},
        {"ngram_range": (1, 2), "max_features": 5}, {"stop_words": "english", "min_df": 2, "max_df": 0.8},
        {"binary": True, "dtype": np.float32},
        {"vocabulary": ["buoy", "gaff"], "strip_accents": "unicode"}, {"norm": None, "alternate_sign": False})
    add("TfidfVectorizer", {"vocabulary": {"buoy": 1, "gaff": 0}}, {"use_idf": False, "sublinear_tf": True},
        {"dtype": np.float32})
    add("FeatureHasher", {"input_type": "pair", "n_features": 8}, {"input_type": "string", "dtype": np.float32, "n_features": 8})
    add("LabelBinarizer", {"neg_label": -1, "pos_label": 2}, {"sparse_output": True, "pos_label": 3})
    add("Pipeline", {"memory": None, "steps": [("t", k.TfidfVectorizer()), ("m", k.LogisticRegression())]})
    add("DummyClassifier", {"strategy": "constant", "constant": _Per(lambda d: _labels(d)[0])},
        {"strategy": "uniform", "random_state": None})
    add("DummyRegressor", {"strategy": "quantile", "quantile": 0.3}, {"strategy": "constant", "constant": 2},
        {"strategy": "constant", "constant": [1, 2]})
    add("OneVsRestClassifier OneVsOneClassifier OutputCodeClassifier BaggingClassifier AdaBoostClassifier",
        *({"estimator": e} for e in (
        k.Perceptron(), k.MultinomialNB(), k.LinearDiscriminantAnalysis(), k.ExtraTreeClassifier(random_state=0),
        k.RidgeClassifier())))
    return found
# fmt: on


# ---------------------------------------------------------------- from constraints to values


def _within(interval: Any, candidates: list[Any]) -> list[Any]:
    return [c for c in candidates if interval.is_satisfied_by(c)]


def _numbers(interval: Any, usual: Any) -> list[Any]:
    """Return a few values of an interval: small ones, its closed ends, and a numpy scalar."""
    if interval.type.__name__ == "Integral":
        ends: list[Any] = [int(e) for e in (interval.left, interval.right) if e is not None and abs(e) < 300]
        small = [v for v in dict.fromkeys(_within(interval, [2, 3, *ends, 5, 300])) if v != usual][:3]
        return [*small, *map(np.int64, _within(interval, [usual] if isinstance(usual, int) else small[:1]))]
    ends = [float(e) for e in (interval.left, interval.right) if e is not None]
    small = [v for v in dict.fromkeys(_within(interval, [0.5, 0.1, *ends, 1.5, 1e-3, 20.0])) if v != usual][:4]
    return [*small, *_within(interval, [1, np.float32(0.5)]), *map(np.float64, _within(interval, [usual, *small])[:1])]


def _derived(constraint: Any, usual: Any) -> list[Any]:
    """Return values that meet one constraint of a parameter; none where it takes knowledge to make one."""
    kind = type(constraint).__name__
    if kind == "StrOptions":
        # The forty scorers and more would be forty times the same; the table has some of each sort.
        return sorted(constraint.options - constraint.deprecated) if len(constraint.options) < 40 else []
    if kind == "Options":
        return sorted(constraint.options, key=str)
    if kind == "Interval":
        return _numbers(constraint, usual)
    if constraint is None:
        return [None]
    if isinstance(constraint, str):
        known: dict[str, list[Any]] = {"boolean": [True, False], "random_state": [None, 7, np.int64(5), np.random.RandomState(3)]}
        return known.get(constraint, [])
    return []


def _values(cls: Any, parameter: str, usual: Any) -> list[Any]:
    by_hand = _by_hand()
    values = list(by_hand.get(f"{cls.__name__}.{parameter}", by_hand.get(parameter, [])))
    constraints = getattr(cls, "_parameter_constraints", {}).get(parameter, [])
    for constraint in constraints if isinstance(constraints, list) else []:
        values += _derived(constraint, usual)
    return [v for v in values if not (type(v) is type(usual) and isinstance(v, (int, float, str, bool)) and v == usual)]


def _as_numpy(value: Any) -> Any:
    """Return a number or a truth value as users get it out of an array."""
    return np.asarray(value)[()] if isinstance(value, (bool, int, float)) else value


def _short(value: Any) -> str:
    if isinstance(value, (bool, int, float, np.generic)) or value is None:
        return repr(value)
    if isinstance(value, str):
        return value
    if isinstance(value, type) or inspect.isroutine(value) or isinstance(value, np.ufunc):
        return str(value.__name__)
    return "of-data" if isinstance(value, _Per) else type(value).__name__


# ---------------------------------------------------------------- fitting them


@dataclass
class _Walk:
    """The variants of one recipe of a class."""

    cls: Any
    first: str
    base: dict[str, Any]
    seed: int
    taken: set[str]
    slow: set[str] = field(default_factory=set)
    costly: bool = False
    turn: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, len(self.cls.__name__), *self.cls.__name__.encode()])
        everything = datasets(self.seed)
        role = everything[self.first].role
        self.costly = self.cls.__name__ in _COSTLY
        self.data = [everything[self.first], *(d for d in everything.values() if d.role == role and d.name != self.first)]
        if self.costly:
            self.data = [d for d in self.data if not d.name.endswith(("/wide", "/broad", "/nine", "/seven", "/four"))]
        self.accepted: list[Data] = []
        self.usual = {
            name: self.base.get(name, p.default)
            for name, p in inspect.signature(self.cls.__init__).parameters.items()
            if name != "self" and p.kind is not p.VAR_KEYWORD
        }
        self.values = {name: _values(self.cls, name, usual) for name, usual in self.usual.items() if name not in _LATE}

    def attempt(self, label: str, settings: dict[str, Any], data: Data, how: Callable[[Any, Data], Any] = fit) -> Specimen | None:
        """Return the fitted specimen, or None when this does not fit, or not soon enough."""
        if label in self.slow:
            return None
        started = time.perf_counter()
        try:
            with quiet():
                settings = {k: v.make(data) if isinstance(v, _Per) else v for k, v in settings.items()}
                model = how(build(self.cls, {**self.base, **settings}), data)
        except Exception:  # a setting that this data does not allow; the next data may
            model = None
        if time.perf_counter() - started > _PATIENCE:
            self.slow.add(label)
            return None
        if model is None:
            return None
        name = stem = f"{qualified(self.cls)}/{label}/{data.name}"
        again = 2
        while name in self.taken:
            name, again = f"{stem}#{again}", again + 1
        self.taken.add(name)
        return Specimen(name, model, data.X, data.y, data.name)

    def somewhere(self, label: str, settings: dict[str, Any], times: int = 1) -> Iterator[Specimen]:
        """Fit on the data whose turn it is, or on whatever else these settings allow."""
        self.turn += 1
        start = self.turn % max(1, len(self.accepted))
        turns = [*self.accepted[start:], *self.accepted[:start]]
        rest = [d for d in self.data if d not in turns]
        for data in [*turns, *rest] if times == 1 else [*turns[::2], *turns[1::2], *rest]:
            found = self.attempt(label, settings, data)
            if found is not None:
                yield found
                times -= 1
            if not times:
                return

    def everything(self) -> Iterator[Specimen]:
        for data in self.data:
            found = self.attempt("default", {}, data)
            if found is not None:
                self.accepted.append(data)
                yield found
        for parameter, values in self.values.items():
            for value in values:
                # An option changes which attributes there are, a number mostly does not.
                number = isinstance(value, (int, float, np.generic)) and not isinstance(value, bool)
                times = 1 if number or self.costly else 2
                yield from self.somewhere(f"{parameter}={_short(value)}", {parameter: value}, times)
        for settings in _together().get(self.cls.__name__, []):
            if settings.keys() <= self.usual.keys():
                label = ",".join(f"{p}={_short(v)}" for p, v in settings.items())
                yield from self.somewhere(label, settings, 1 if self.costly else 2)
        yield from self.mixed()
        yield from self.ways()

    def mixed(self) -> Iterator[Specimen]:
        """Yield fits with two to four parameters changed at once, now and then to numpy scalars."""
        names = [name for name, values in self.values.items() if values]
        for _ in range(_MIXED if names and self.accepted else 0):
            picked = self.rng.choice(len(names), size=min(len(names), int(self.rng.integers(2, 5))), replace=False)
            settings = {names[i]: self.values[names[i]][int(self.rng.integers(len(self.values[names[i]])))] for i in picked}
            if self.rng.random() < 0.4:
                settings = {name: _as_numpy(value) for name, value in settings.items()}
            data = self.accepted[int(self.rng.integers(len(self.accepted)))]
            found = self.attempt(",".join(f"{p}={_short(v)}" for p, v in settings.items()), settings, data)
            if found is not None:
                yield found

    def ways(self) -> Iterator[Specimen]:
        """Yield models that came to be, or were treated, in another way than by one fit."""
        few = self.accepted[:1] + self.accepted[2::5][:3]
        for data in few:
            for label, how in _WAYS.items():
                found = self.attempt(label, {}, data, how)
                if found is not None:
                    yield found
            for other in few:
                if other is not data:
                    found = self.attempt("refit", {}, data, functools.partial(_refit, other))
                    if found is not None:
                        yield found
                    break
        for parameter, values in _LATE.items():
            for value in values if parameter in self.usual and few else []:
                found = self.attempt(f"{parameter}={_short(value)}", {}, few[0], functools.partial(_set, {parameter: value}))
                if found is not None:
                    yield found


def _set(settings: dict[str, Any], model: Any, data: Data) -> Any:
    return fit(model, data).set_params(**settings)


def _refit(other: Data, model: Any, data: Data) -> Any:
    return fit(fit(model, other), data)


def _used(model: Any, data: Data) -> Any:
    """Some attributes appear only once a method has been called."""
    fit(model, data)
    answers(model, data.X)
    return model


def _pandas(model: Any, data: Data) -> Any:
    return fit(model.set_output(transform="pandas"), data)


def _default_output(model: Any, data: Data) -> Any:
    return fit(model, data).set_output(transform="default")


def _warm(model: Any, data: Data) -> Any:
    """Fit, ask for more, and fit on."""
    model.set_params(warm_start=True)
    fit(model, data)
    for parameter in ("n_estimators", "max_iter"):
        if hasattr(model, parameter):
            model.set_params(**{parameter: getattr(model, parameter) + 2})
            break
    return fit(model, data)


def _partly(model: Any, data: Data) -> Any:
    """Fit in two steps, the classes told beforehand where they have to be."""
    data, known = data.copied(), {}
    if "classes" in inspect.signature(model.partial_fit).parameters:
        outputs = np.ndim(data.y) > 1 and not hasattr(model, "sparse_output")
        known["classes"] = [np.unique(c) for c in np.asarray(data.y).T] if outputs else np.unique(np.asarray(data.y))
    half = len(data.y) // 2 if data.y is not None else (data.X.shape[0] if hasattr(data.X, "shape") else len(data.X)) // 2
    for part in (slice(None, half), slice(half, None)):
        X = data.X.iloc[part] if hasattr(data.X, "iloc") else data.X[part]
        y = data.y.iloc[part] if hasattr(data.y, "iloc") else None if data.y is None else data.y[part]
        model.partial_fit(X, *(() if y is None else (y,)), **known)
        known = {}
    return model


def _fit_transformed(model: Any, data: Data) -> Any:
    """Fit as a pipeline does, which is another path through some classes."""
    data, call = data.copied(), getattr(model, "fit_transform", None) or model.fit_predict
    call(data.X, *(() if data.y is None else (data.y,)))
    return model


def _requesting(value: Any, model: Any, data: Data) -> Any:
    """Ask for metadata by every request method there is."""
    asked = 0
    with importlib.import_module("sklearn").config_context(enable_metadata_routing=True):
        for method in sorted(m for m in dir(type(model)) if m.startswith("set_") and m.endswith("_request")):
            keys = [p for p in inspect.signature(getattr(model, method)).parameters if p != "self"]
            getattr(model, method)(**dict.fromkeys(keys, value))
            asked += len(keys)
        if not asked:
            raise TypeError("nothing to request")
        return fit(model, data)


def _copied(model: Any, data: Data) -> Any:
    return copy.deepcopy(fit(model, data))


_WAYS: dict[str, Callable[[Any, Data], Any]] = {
    "used": _used,
    "pandas": _pandas,
    "default-output": _default_output,
    "warm": _warm,
    "partial": _partly,
    "fit-transform": _fit_transformed,
    "copied": _copied,
    "requests=True": functools.partial(_requesting, True),
    "requests=False": functools.partial(_requesting, False),
    "requests=alias": functools.partial(_requesting, "importance"),
}


def variants_of(cls: Any, seed: int) -> Iterator[Specimen]:
    """Yield the variants of one class: every recipe of it, walked."""
    taken: set[str] = set()
    for first, base in recipes_of(cls):
        yield from _Walk(cls, first, base, seed, taken).everything()
