"""A field of any kind at all is taken or refused; no check ends in an error of Python or numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, Birch, MiniBatchKMeans
from sklearn.covariance import EmpiricalCovariance
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, IsolationForest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from holdfast.errors import InvalidState
from holdfast.trust.state import (
    binary_tree,
    clusters,
    encoders,
    formula,
    hist_gradient_boosting,
    neighbors,
    others,
    random_states,
    sparse,
    splines,
    svm,
    tree,
)
from tests.trust import live_state as live

pytestmark = pytest.mark.filterwarnings("ignore")  # what scikit-learn says about odd data is not what is tested here

RNG = np.random.RandomState(0)
X = RNG.rand(40, 3)
Y = np.arange(40) % 3

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, 2**70, -(2**70), 0.0, 1.5, float("nan"), float("inf"), "", "x", "csr", b"x", 1j,
    [], [None], [1, 2], [[1]], ["a"], [np.zeros(2)], (), (1,), (3, -1), (None, None), (2**70, 1), ("a",), {}, {"a": 1}, {1: None}, {(0, 0): 1}, set(),
    np.float64(1), np.int64(3), np.bool_(True), np.array(1), np.array(1.0), np.zeros(0), np.zeros(3), np.zeros((0, 0)), np.zeros((3, 3)),
    np.zeros((2, 2, 2)), np.zeros(3, "i8"), np.zeros(3, "i4"), np.zeros(3, "u8"), np.full(3, -1), np.full(40, 2**62), np.zeros(3, "f4"),
    np.zeros(3, "c16"), np.zeros(3, bool), np.zeros(3, "U3"), np.zeros(3, "S3"), np.zeros(3, "M8[s]"), np.zeros(3, ">i8"), np.zeros(3, "V8"),
    np.array([None, "a", 1], object), np.array([1, 2, 3], object), np.zeros(3, [("a", "i8")]), np.ma.zeros(3), np.zeros((0, 8), "u4"),
)  # fmt: skip


def _cases() -> dict[str, tuple[Callable[[Any, str], None], dict[str, Any]]]:
    forest = IsolationForest(n_estimators=2, max_features=2, random_state=0).fit(X)
    boosted = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    hist = HistGradientBoostingClassifier(max_iter=2, categorical_features=[0], min_samples_leaf=2).fit((X * 9).astype(int), Y)
    knn = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    birch, kmeans, hdbscan = Birch(threshold=0.1).fit(X), MiniBatchKMeans(2).fit(X), HDBSCAN().fit(X)
    mixture, cov, poly = GaussianMixture(2).fit(X), EmpiricalCovariance().fit(X), PolynomialFeatures().fit(X)
    iso, sgd = IsotonicRegression().fit(X[:, 0], X[:, 1]), SGDClassifier(average=True).fit(X, Y)
    spline = SplineTransformer().fit(X)
    choice = {"estimators_features_": forest.estimators_features_, "_max_features": 2, "n_outputs_": 1, "tree_n_outputs": [1, 1]}
    predictor = live.predictor_fields(hist._predictors[0][0], hist._bin_mapper)
    one_hot = live.one_hot_fields(OneHotEncoder(max_categories=3, drop="first").fit((X * 9).astype(int)))
    csr = sp.csr_matrix(np.eye(3))
    cases: dict[str, tuple[Any, dict[str, Any]]] = {
        "tree": (tree.check_tree, live.tree_fields(DecisionTreeClassifier().fit(X, Y).tree_)),
        "ensemble": (tree.check_ensemble, live.ensemble_fields(forest, [t.tree_ for t in forest.estimators_], **choice)),
        "boosted": (tree.check_boosted_trees, live.boosted_fields(boosted)),
        "predictor": (hist_gradient_boosting.check_predictor, predictor),
        "bin mapper": (hist_gradient_boosting.check_bin_mapper, live.bin_mapper_fields(hist._bin_mapper)),
        "hist": (hist_gradient_boosting.check_hist_gradient_boosting, {**live.hist_fields(hist), "preprocessed": 3}),
        "kd tree": (binary_tree.check_binary_tree, live.binary_tree_fields(KDTree(X))),
        "ball tree": (binary_tree.check_binary_tree, live.binary_tree_fields(BallTree(X, metric="mahalanobis", VI=np.eye(3)))),
        "distance": (binary_tree.check_distance_metric, {"type": "EuclideanDistance64", "p": 2.0, "vec": np.zeros(1), "mat": np.zeros((1, 1)), "n_features": 3}),
        "ckdtree": (binary_tree.check_ckdtree, {"data": X, "leafsize": 3, "boxsize": np.ones(3)}),
        "neighbors": (neighbors.check_neighbors_base, live.neighbors_fields(knn)),
        "metric params": (neighbors.check_metric_params, {"params": {"VI": np.eye(3)}, "n_features": 3}),
        "svc": (svm.check_libsvm, live.libsvm_fields(SVC().fit(X, Y))),
        "sparse svc": (svm.check_libsvm, live.libsvm_fields(SVC().fit(sp.csr_matrix(X), Y))),
        "svr": (svm.check_libsvm, live.libsvm_fields(SVR().fit(X, Y))),
        "bspline": (splines.check_bspline, live.bspline_fields(spline.bsplines_[0])),
        "spline transformer": (splines.check_spline_transformer, live.spline_transformer_fields(spline)),
        "interp1d": (splines.check_interp1d, {"x": np.arange(3.0), "y": np.arange(3.0)}),
        "isotonic": (splines.check_isotonic, {k: getattr(iso, k) for k in ("X_thresholds_", "y_thresholds_", "X_min_", "X_max_", "increasing_", "out_of_bounds")}),
        "seed": (random_states.check_seed_sequence, live.seed_sequence_fields(np.random.SeedSequence(1))),
        "random state": (random_states.check_random_state_mt19937, np.random.RandomState(0).get_state(legacy=False)),
        "one hot": (encoders.check_one_hot, one_hot),
        "vocabulary": (encoders.check_vocabulary, {"vocabulary": {"a": 0}, "size": 1}),
        "hashing": (encoders.check_hashing, {"n_features": 3}),
        "ngrams": (encoders.check_ngrams, {"ngram_range": (1, 2)}),
        "polynomial": (encoders.check_polynomial, {k: getattr(poly, k) for k in ("n_features_in_", "_min_degree", "_max_degree", "interaction_only", "include_bias", "n_output_features_", "_n_out_full")}),
        "centers": (clusters.check_centers, {k: getattr(kmeans, k) for k in ("n_features_in_", "cluster_centers_", "_n_threads", "labels_", "_counts")}),
        "birch": (clusters.check_birch, {k: getattr(birch, k) for k in ("subcluster_centers_", "_subcluster_norms", "subcluster_labels_", "n_features_in_")}),
        "labels": (clusters.check_labels, {"labels_": Y, "size": 40, "n_clusters": 3, "lowest": 0}),
        "merges": (clusters.check_merges, {"children_": AgglomerativeClustering(2).fit(X).children_, "n_leaves_": 40}),
        "linkage": (clusters.check_single_linkage, {"_single_linkage_tree_": hdbscan._single_linkage_tree_, "n_samples": 40}),
        "covariance": (clusters.check_covariance, {k: getattr(cov, k) for k in ("location_", "covariance_", "precision_", "n_features_in_")}),
        "mixture": (clusters.check_mixture, {k: getattr(mixture, k) for k in ("covariance_type", "weights_", "means_", "covariances_", "precisions_cholesky_", "precisions_", "n_features_in_")}),
        "threads": (clusters.check_threads, {"_n_threads": 2, "n_threads": 2}),
        "sgd": (others.check_sgd, {k: v for k, v in vars(sgd).items() if k in ("n_features_in_", "classes_", "coef_", "intercept_", "_average_coef", "_average_intercept")}),
        "expression": (formula.check_expression, {"expressions": ("a / b", "1"), "names": ["c", "d"], "keep": False, "n_features_in_": 2, "feature_names_in_": np.array(["a", "b"], object)}),
        "counts": (others.check_counts, {"n_features_in_": 3}),
    }  # fmt: skip
    for name in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok"):
        cases[name] = (sparse.check_sparse, live.sparse_fields(csr.asformat(name)))
    for kind in (np.random.PCG64, np.random.Philox, np.random.SFC64):
        cases[kind.__name__] = (random_states.check_bit_generator, kind(0).state)
    return cases


CASES = _cases()


@pytest.mark.parametrize("name", CASES)
def test_any_value_in_any_field_is_taken_or_refused(name: str) -> None:
    check, fields = CASES[name]
    check(fields, "m")

    def try_out(changed: dict[str, Any]) -> None:
        refusals = []
        try:
            check(changed, "m")
        except InvalidState as refusal:
            refusals.append(refusal.message)
        assert all(said.startswith("m") and len(said) < 600 for said in refusals)

    for key in fields:
        try_out({other: value for other, value in fields.items() if other != key})
        for odd in ODD:
            try_out({**fields, key: odd})
        if isinstance(fields[key], dict):
            for inner in fields[key]:
                for odd in ODD:
                    try_out({**fields, key: {**fields[key], inner: odd}})
        if isinstance(fields[key], (list, tuple)) and fields[key]:
            for odd in ODD:
                try_out({**fields, key: type(fields[key])([odd, *fields[key][1:]])})
    try_out({})
