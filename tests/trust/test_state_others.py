"""Splines, generators, encoders, clusterings and plain linear models: genuine ones pass, altered ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.interpolate import BSpline
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, Birch, BisectingKMeans, FeatureAgglomeration, KMeans, MiniBatchKMeans
from sklearn.cluster._hdbscan._tree import HIERARCHY_dtype
from sklearn.covariance import EllipticEnvelope, EmpiricalCovariance, LedoitWolf
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Perceptron, SGDClassifier, SGDOneClassSVM, SGDRegressor
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, PolynomialFeatures, SplineTransformer

from holdfast.errors import InvalidState
from holdfast.trust.state import clusters, encoders, others, random_states, splines
from tests.trust import live_state
from tests.trust.live_state import Fields, at, check_model

pytestmark = pytest.mark.filterwarnings("ignore")  # what scikit-learn says about odd data is not what is tested here

RNG = np.random.RandomState(0)
X = RNG.randn(60, 4)
WORDS = np.array(list("abcdefgh"), dtype=object)[RNG.poisson(2, (60, 3)).clip(0, 7)]
HOLES = np.where(RNG.rand(60, 3) < 0.1, None, WORDS)
CLASSES = np.arange(60) % 3


def refused(check: Callable[[Fields, str], None], fields: Fields, **change: Any) -> None:
    check(fields, "m")
    with pytest.raises(InvalidState, match=at("m")):
        check({**fields, **change}, "m")


# -- splines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extrapolation", ["error", "constant", "linear", "continue", "periodic"])
def test_genuine_splines_pass(extrapolation: Any) -> None:
    for degree in (0, 1, 3, 5):
        for settings in ({}, {"include_bias": False}, {"knots": "quantile"}, {"n_knots": 20}, {"sparse_output": True}):
            try:
                model = SplineTransformer(degree=degree, extrapolation=extrapolation, **settings).fit(X)
            except ValueError:
                continue
            assert check_model(model) > 4


SPLINE = live_state.bspline_fields(BSpline(np.arange(12.0), np.ones((8, 2)), 3))
FALLING = np.arange(12.0)[::-1].copy()
ENDLESS = np.r_[np.arange(11.0), np.inf]


@pytest.mark.parametrize(
    "change",
    [
        {"t": FALLING},
        {"t": ENDLESS},
        {"t": np.zeros(12)},
        {"t": np.arange(7.0)},
        {"t": np.arange(13.0)},
        {"t": np.arange(12)},
        {"c": np.ones((7, 2))},
        {"c": np.ones((8, 2), "f4")},
        {"c": np.array(1.0)},
        {"c": None},
        {"k": -1},
        {"k": 2},
        {"k": 2**40},
        {"k": 3.0},
        {"axis": 2},
        {"extrapolate": "linear"},
        {"extrapolate": 1},
    ],
    ids=str,
)
def test_an_altered_spline_is_refused(change: dict[str, Any]) -> None:
    refused(splines.check_bspline, SPLINE, **change)


def test_splines_that_do_not_fit_their_transformer_are_refused() -> None:
    fields = live_state.spline_transformer_fields(SplineTransformer().fit(X))
    for change in (
        {"splines": fields["splines"][:3]},
        {"degree": 2},
        {"n_features_out_": 27},
        {"include_bias": False},
        {"n_features_in_": 3},
    ):
        refused(splines.check_spline_transformer, fields, **change)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_genuine_isotonic_regressions_pass(kind: Any) -> None:
    for rows in (1, 2, 60):
        for settings in ({}, {"increasing": False}, {"increasing": "auto"}, {"out_of_bounds": "clip"}, {"y_min": 0.0}):
            model = IsotonicRegression(**settings).fit(X[:rows, 0].astype(kind), X[:rows, 1].astype(kind))
            assert check_model(model) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"X_thresholds_": np.r_[1.0, 0.0]},
        {"X_thresholds_": np.r_[0.0, np.nan]},
        {"X_thresholds_": np.r_[0.0, 0.0]},
        {"X_thresholds_": np.zeros(0)},
        {"y_thresholds_": np.r_[2.0, 1.0]},
        {"y_thresholds_": np.r_[1.0]},
        {"y_thresholds_": None},
        {"X_min_": -1.0},
        {"X_max_": None},
        {"out_of_bounds": "extend"},
        {"increasing_": False},
    ],
    ids=str,
)
def test_an_altered_isotonic_regression_is_refused(change: dict[str, Any]) -> None:
    fields = {"X_thresholds_": np.r_[0.0, 1.0], "y_thresholds_": np.r_[1.0, 2.0], "X_min_": 0.0, "X_max_": 1.0}
    refused(splines.check_isotonic, {**fields, "out_of_bounds": "clip", "increasing_": True}, **change)


def test_an_altered_interpolation_is_refused() -> None:
    fields: Fields = {"x": np.r_[0.0, 1.0], "y": np.r_[2.0, 3.0]}
    for change in ({"x": np.r_[1.0, 0.0]}, {"y": np.r_[1.0]}, {"x": np.zeros(0), "y": np.zeros(0)}, {"x": np.r_[0.0, np.inf]}):
        refused(splines.check_interp1d, fields, **change)


# -- random generators ---------------------------------------------------------------------------------------------------

GENERATORS = (np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64)


@pytest.mark.parametrize("kind", GENERATORS, ids=lambda kind: kind.__name__)
def test_genuine_generators_pass_at_every_position(kind: Any) -> None:
    for seed in (None, 0, 2**200, [1, 2, 3]):
        generator = np.random.Generator(kind(seed))
        for _ in range(700):
            generator.integers(0, 9, dtype=np.uint32)
            random_states.check_bit_generator(generator.bit_generator.state, "g")
        for child in (generator, *generator.spawn(2)):
            random_states.check_seed_sequence(live_state.seed_sequence_fields(child.bit_generator.seed_seq), "s")
        legacy = np.random.RandomState(kind(seed))
        legacy.randn(3)
        random_states.check_random_state_mt19937(legacy.get_state(legacy=False), "r")


def _state(kind: Any) -> Any:
    return kind(0).state


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (np.random.MT19937, {"pos": 625}),
        (np.random.MT19937, {"pos": -1}),
        (np.random.MT19937, {"pos": 1.0}),
        (np.random.MT19937, {"key": np.zeros(623, "u4")}),
        (np.random.MT19937, {"key": np.zeros(624, "u8")}),
        (np.random.MT19937, {"key": [0] * 624}),
        (np.random.PCG64, {"inc": 2}),
        (np.random.PCG64, {"inc": 2**128 + 1}),
        (np.random.PCG64, {"state": -1}),
        (np.random.PCG64DXSM, {"state": 2**128}),
        (np.random.Philox, {"counter": np.zeros(3, "u8")}),
        (np.random.Philox, {"key": np.zeros(4, "u8")}),
        (np.random.SFC64, {"state": np.zeros(3, "u8")}),
    ],
    ids=str,
)
def test_an_altered_word_of_a_generator_is_refused(kind: Any, change: dict[str, Any]) -> None:
    state = _state(kind)
    refused(random_states.check_bit_generator, state, state={**state["state"], **change})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (np.random.Philox, {"buffer_pos": 5}),
        (np.random.Philox, {"buffer_pos": -1}),
        (np.random.Philox, {"buffer": np.zeros(5, "u8")}),
        (np.random.PCG64, {"has_uint32": 2}),
        (np.random.PCG64, {"uinteger": 2**32}),
        (np.random.PCG64, {"bit_generator": "MT19937"}),
        (np.random.PCG64, {"bit_generator": "os.system"}),
        (np.random.PCG64, {"state": None}),
    ],
    ids=str,
)
def test_an_altered_generator_is_refused(kind: Any, change: dict[str, Any]) -> None:
    refused(random_states.check_bit_generator, _state(kind), **change)


def test_an_altered_random_state_is_refused() -> None:
    state = np.random.RandomState(0).get_state(legacy=False)
    refused(random_states.check_random_state_mt19937, state, has_gauss=2)
    refused(random_states.check_random_state_mt19937, state, gauss="0")


def test_an_altered_seed_sequence_is_refused() -> None:
    fields = live_state.seed_sequence_fields(np.random.SeedSequence(5))
    changes = (
        {"pool_size": 3},
        {"pool_size": 2**40},
        {"spawn_key": (-1,)},
        {"entropy": "5"},
        {"entropy": [1, None]},
        {"n_children_spawned": -1},
    )
    for change in (*changes, {"entropy": np.array([-1])}, {"entropy": -1}):
        refused(random_states.check_seed_sequence, fields, **change)


# -- encoders --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop", [None, "first", "if_binary"])
@pytest.mark.parametrize(
    "settings", [{}, {"max_categories": 1}, {"max_categories": 3}, {"min_frequency": 9}, {"min_frequency": 999}], ids=str
)
def test_genuine_one_hot_encoders_pass(settings: dict[str, Any], drop: Any) -> None:
    for data in (WORDS, HOLES, WORDS[:1], (WORDS > "b").astype(int), X.round()):
        assert check_model(OneHotEncoder(drop=drop, **settings).fit(data)) > 0
    assert check_model(KBinsDiscretizer(4).fit(X)) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"_n_features_outs": [9, 9, 9]},
        {"_n_features_outs": [3, 3]},
        {"_n_features_outs": None},
        {"n_categories": [2**40, 1, 1]},
        {"n_features_in_": 2},
        {"infrequent": [None, None, None]},
        {"infrequent": [99, 99, 99]},
        {"mappings": [None, None, None]},
        {"mappings": [np.array([9] * 8)] * 3},
        {"mappings": [np.array([0])] * 3},
        {"_drop_idx_after_grouping": [3, 3, 3]},
        {"_drop_idx_after_grouping": [-1, 0, 0]},
    ],
    ids=str,
)
def test_an_altered_one_hot_encoder_is_refused(change: dict[str, Any]) -> None:
    refused(encoders.check_one_hot, live_state.one_hot_fields(OneHotEncoder(max_categories=3).fit(WORDS)), **change)


def test_genuine_vocabularies_pass() -> None:
    texts = [" ".join(row) for row in np.char.add("w", WORDS.astype(str))]
    for settings in ({}, {"max_features": 3}, {"ngram_range": (1, 2)}, {"vocabulary": ["wa", "wb"]}, {"analyzer": "char"}):
        for kind in (CountVectorizer, TfidfVectorizer):
            assert check_model(kind(**settings).fit(texts)) > 0
    assert check_model(DictVectorizer().fit([{"a": 1, "b": "x"}, {"c": 2}])) > 0


@pytest.mark.parametrize(
    "table",
    [
        {"a": 0, "b": 2},
        {"a": 0, "b": 0},
        {"a": 0, "b": -1},
        {"a": 0, "b": 2**70},
        {"a": 0, "b": 1.0},
        {"a": 0, "b": True},
        {"a": 0, "b": None},
        np.array([0, 2]),
        np.array([0.0, 1.0]),
        ["a", "b"],
        None,
    ],
    ids=str,
)
def test_an_altered_vocabulary_is_refused(table: Any) -> None:
    refused(encoders.check_vocabulary, {"vocabulary": {"a": 1, "b": 0}}, vocabulary=table)


def test_a_vocabulary_of_another_size_than_its_weights_is_refused() -> None:
    refused(encoders.check_vocabulary, {"vocabulary": np.array([1, 0]), "size": 2}, size=3)


@pytest.mark.parametrize("count", [0, -1, 2**31, 2.0, None])
def test_hashing_into_no_columns_is_refused(count: Any) -> None:
    refused(encoders.check_hashing, {"n_features": 8}, n_features=count)


@pytest.mark.parametrize("span", [(1, 2**40), (-(2**40), 1), (2, 1), (1,), (1, 2.0), None, "12"], ids=str)
def test_n_grams_that_would_take_forever_are_refused(span: Any) -> None:
    refused(encoders.check_ngrams, {"ngram_range": (1, 2)}, ngram_range=span)


@pytest.mark.parametrize("degree", [0, 1, 2, 5, (0, 2), (2, 3), (3, 3)], ids=str)
def test_genuine_polynomials_pass(degree: Any) -> None:
    for settings in ({}, {"interaction_only": True}, {"include_bias": False}):
        try:
            assert check_model(PolynomialFeatures(degree, **settings).fit(X)) > 0
        except ValueError:
            assert degree == 0  # no column would be left


def test_a_polynomial_that_would_take_forever_is_refused() -> None:
    model = PolynomialFeatures(2).fit(X)
    names = ("n_features_in_", "_min_degree", "_max_degree", "interaction_only", "include_bias", "n_output_features_", "_n_out_full")
    fields = {name: getattr(model, name) for name in names}
    for change in (
        {"_max_degree": 1000},
        {"_max_degree": 2**40},
        {"_max_degree": 3},
        {"_min_degree": 3},
        {"n_output_features_": 14},
        {"n_features_in_": 10**6},
    ):
        refused(encoders.check_polynomial, fields, **change)


# -- clusterings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans, BisectingKMeans])
def test_genuine_centers_pass(kind: Any) -> None:
    for data in (X, X.astype(np.float32), sp.csr_matrix(X)):
        assert check_model(kind(3, random_state=0).fit(data)) > 0


def test_altered_centers_are_refused() -> None:
    model = MiniBatchKMeans(3, random_state=0).fit(X)
    fields = {name: getattr(model, name) for name in ("n_features_in_", "cluster_centers_", "_n_threads", "labels_", "_counts")}
    centers = model.cluster_centers_
    changes = ({"cluster_centers_": centers[:, :3].copy()}, {"cluster_centers_": centers[:0]}, {"cluster_centers_": centers.astype(object)})
    for change in (*changes, {"_n_threads": -1}, {"_n_threads": 10**9}, {"labels_": model.labels_ + 1}, {"_counts": np.ones(2)}):
        refused(clusters.check_centers, fields, **change)


def test_genuine_clusterings_pass() -> None:
    holes = X.copy()
    holes[0], holes[3], holes[30, 1] = np.nan, np.inf, np.nan
    models: tuple[Any, ...] = (
        Birch(threshold=0.2),
        Birch(n_clusters=None),
        AgglomerativeClustering(3),
        AgglomerativeClustering(n_clusters=None, distance_threshold=0.5),
        AgglomerativeClustering(connectivity=sp.eye(60, k=1) + sp.eye(60, k=-1), compute_full_tree=False, n_clusters=5),
        FeatureAgglomeration(2),
        HDBSCAN(min_cluster_size=2),
        HDBSCAN(algorithm="brute"),
    )
    for model in models:
        assert check_model(model.fit(X)) > 0
    assert check_model(HDBSCAN(min_cluster_size=3).fit(holes)) > 0


def test_an_altered_birch_is_refused() -> None:
    model = Birch(threshold=0.2).fit(X)
    fields = {name: getattr(model, name) for name in ("subcluster_centers_", "_subcluster_norms", "subcluster_labels_", "n_features_in_")}
    for name in ("subcluster_centers_", "_subcluster_norms", "subcluster_labels_"):
        refused(clusters.check_birch, fields, **{name: fields[name][:-1].copy()})
    refused(clusters.check_birch, fields, n_features_in_=3)


@pytest.mark.parametrize("value", [-1, 2, 10**6, 2**63 - 1])
def test_a_label_out_of_range_is_refused(value: int) -> None:
    labels = np.array([0, 1, 1])
    refused(clusters.check_labels, {"labels_": labels, "size": 3, "n_clusters": 2}, labels_=np.where(labels, value, 0))


def test_altered_merges_are_refused() -> None:
    model = AgglomerativeClustering(3).fit(X)
    fields = {"children_": model.children_, "n_leaves_": 60}
    for place, value in ((0, -1), (0, 60), (0, 2**40), (30, 200)):
        children = model.children_.copy()
        children[place, 0] = value
        refused(clusters.check_merges, fields, children_=children)
    refused(clusters.check_merges, fields, children_=np.repeat(model.children_[:1], 2, axis=0))
    refused(clusters.check_merges, fields, n_leaves_=59)


def test_an_altered_single_linkage_tree_is_refused() -> None:
    assert HIERARCHY_dtype == clusters.LINKAGE_DTYPE
    model = HDBSCAN().fit(X)
    fields = {"_single_linkage_tree_": model._single_linkage_tree_, "n_samples": 60}
    for name, value in (("left_node", -1), ("left_node", 60), ("right_node", 2**40), ("right_node", -(2**40))):
        table = model._single_linkage_tree_.copy()
        table[name][0] = value
        refused(clusters.check_single_linkage, fields, _single_linkage_tree_=table)
    refused(clusters.check_single_linkage, fields, n_samples=61)
    refused(clusters.check_single_linkage, fields, _single_linkage_tree_=model._single_linkage_tree_["value"])


@pytest.mark.parametrize("kind", [EmpiricalCovariance, LedoitWolf, EllipticEnvelope])
def test_a_covariance_of_another_size_is_refused(kind: Any) -> None:
    assert check_model(kind(store_precision=False).fit(X)) > 0
    model = kind().fit(X)
    fields = {name: getattr(model, name) for name in ("location_", "covariance_", "precision_", "n_features_in_")}
    for name in ("location_", "covariance_", "precision_"):
        refused(clusters.check_covariance, fields, **{name: fields[name][:-1].copy()})
    refused(clusters.check_covariance, fields, precision_=np.eye(5))


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_altered_mixtures_are_refused(kind: Any) -> None:
    assert check_model(BayesianGaussianMixture(n_components=2, covariance_type=kind).fit(X)) > 0
    model = GaussianMixture(2, covariance_type=kind).fit(X)
    names = ("covariance_type", "weights_", "means_", "covariances_", "precisions_cholesky_", "precisions_", "n_features_in_")
    fields = {name: getattr(model, name) for name in names}
    refused(clusters.check_mixture, fields, covariance_type="free")
    refused(clusters.check_mixture, fields, weights_=np.ones(3))
    refused(clusters.check_mixture, fields, covariances_=fields["covariances_"] * np.inf)
    refused(clusters.check_mixture, fields, precisions_cholesky_=fields["precisions_cholesky_"][:-1].copy())


def test_threads_below_one_are_refused() -> None:
    clusters.check_threads({}, "m")
    for name in ("n_threads", "_n_threads"):
        refused(clusters.check_threads, {name: 2}, **{name: -1})


# -- plain models ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("average", [False, True])
def test_genuine_sgd_models_pass(average: bool) -> None:
    for data in (X, X.astype(np.float32), sp.csr_matrix(X)):
        for model in (SGDClassifier(average=average), SGDRegressor(average=average), SGDOneClassSVM(average=average), Perceptron()):
            for target in (CLASSES, CLASSES > 0):
                assert check_model(model.fit(data, target)) > 0
    assert check_model(SGDClassifier().fit(X, CLASSES).sparsify()) > 0


@pytest.mark.parametrize("name", ["coef_", "_standard_coef", "_average_coef", "intercept_", "_standard_intercept", "_average_intercept"])
def test_an_altered_sgd_model_is_refused(name: str) -> None:
    for model in (SGDRegressor(average=True).fit(X, CLASSES), SGDClassifier(average=True).fit(X, CLASSES)):
        fields = {
            key: value
            for key, value in vars(model).items()
            if key in ("n_features_in_", "classes_") or "coef" in key or "intercept_" in key
        }
        refused(others.check_sgd, fields, **{name: np.ones(0)})
        refused(others.check_sgd, fields, **{name: np.ones(9)})
        refused(others.check_sgd, fields, **{name: [1.0] * 4})


@pytest.mark.parametrize("value", [-1, 10**9, 2**70, 1.5, "4"])
def test_a_count_that_would_fill_the_memory_is_refused(value: Any) -> None:
    refused(others.check_counts, {"n_features_in_": 4, "n_outputs_": None, "n_classes_": np.array([2])}, n_features_in_=value)
