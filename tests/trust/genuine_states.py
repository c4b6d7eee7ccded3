"""One genuine state for each check of native state, as plain fields, from fitted models.

The one rule: each passes its check as it is; ``test_state_fields.py`` changes one thing at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.interpolate import BSpline
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, Birch, KMeans, MiniBatchKMeans
from sklearn.covariance import EmpiricalCovariance
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.linear_model import SGDClassifier, SGDOneClassSVM
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer, TargetEncoder
from sklearn.svm import SVC, SVR

from holdfast.trust.state import (
    binary_tree,
    clusters,
    columns,
    encoders,
    hist_gradient_boosting,
    linear,
    neighbors,
    others,
    random_states,
    sparse,
    splines,
    svm,
    tree,
)
from tests.trust import live_state as live
from tests.trust.live_state import Fields

X = np.random.RandomState(0).randn(40, 4)
Y = np.arange(40) % 3
HIST = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3, categorical_features=[3], random_state=0).fit(np.c_[X[:, :3], np.arange(40) % 3], Y)
FOREST = RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, Y)
ISOLATION = IsolationForest(n_estimators=3, max_features=3, random_state=0).fit(X)
SGD = SGDClassifier(average=True, random_state=0).fit(X, Y)
MERGED = AgglomerativeClustering(3).fit(X)


def named(model: Any, *names: str) -> Fields:
    return {name: getattr(model, name) for name in names}


def sgd_fields(model: Any) -> Fields:
    keep = ("n_features_in_", "classes_", "offset_")
    return {key: value for key, value in vars(model).items() if key in keep or "coef" in key or key in ("intercept_", "_standard_intercept", "_average_intercept")}


Check = Callable[[Fields, str], None]
GENUINE: dict[str, tuple[Check, Fields]] = {
    "tree": (tree.check_tree, live.tree_fields(FOREST.estimators_[0].tree_)),
    "forest": (tree.check_ensemble, live.ensemble_fields(FOREST, [e.tree_ for e in FOREST.estimators_], n_outputs_=1, tree_n_outputs=[1, 1, 1])),
    "isolation forest": (tree.check_ensemble, live.ensemble_fields(ISOLATION, [e.tree_ for e in ISOLATION.estimators_],
                                                                   **named(ISOLATION, "estimators_features_", "_max_features"))),
    "boosted trees": (tree.check_boosted_trees, live.boosted_fields(GradientBoostingClassifier(n_estimators=2, random_state=0).fit(X, Y))),
    "predictor": (hist_gradient_boosting.check_predictor, live.predictor_fields(HIST._predictors[0][0], HIST._bin_mapper)),
    "bin mapper": (hist_gradient_boosting.check_bin_mapper, live.bin_mapper_fields(HIST._bin_mapper)),
    "histogram boosting": (hist_gradient_boosting.check_hist_gradient_boosting, live.hist_fields(HIST)),
    "kd tree": (binary_tree.check_binary_tree, live.binary_tree_fields(KDTree(X, leaf_size=5))),
    "ball tree": (binary_tree.check_binary_tree, live.binary_tree_fields(BallTree(X, leaf_size=5, metric="minkowski", p=3, w=np.ones(4)))),
    "neighbours": (neighbors.check_neighbors_base, live.neighbors_fields(KNeighborsClassifier(algorithm="kd_tree").fit(X, Y))),
    "parameters of a distance": (neighbors.check_metric_params, {"params": {"w": np.ones(4), "p": 3}, "n_features": 4}),
    "support vectors": (svm.check_libsvm, live.libsvm_fields(SVC(probability=True, random_state=0).fit(X, Y))),
    "sparse support vectors": (svm.check_libsvm, live.libsvm_fields(SVC(probability=True, random_state=0).fit(sp.csr_matrix(X), Y))),
    "support vectors of a regression": (svm.check_libsvm, live.libsvm_fields(SVR().fit(X, X[:, 0]))),
    "support vectors of a callable": (svm.check_libsvm, live.libsvm_fields(SVC(kernel=lambda a, b: a @ b.T).fit(X, Y))),
    "spline": (splines.check_bspline, live.bspline_fields(BSpline(np.arange(12.0), np.ones((8, 2)), 3))),
    "spline transformer": (splines.check_spline_transformer, live.spline_transformer_fields(SplineTransformer().fit(X))),
    "interpolation": (splines.check_interp1d, {"x": np.r_[0.0, 1.0], "y": np.r_[2.0, 3.0]}),
    "isotonic regression": (splines.check_isotonic, named(IsotonicRegression().fit(X[:, 0], X[:, 0] * 2 + X[:, 1]), "X_thresholds_", "y_thresholds_", "X_min_",
                                                          "X_max_", "increasing_", "out_of_bounds")),
    **{f"generator {kind.__name__}": (random_states.check_bit_generator, kind(0).state)
       for kind in (np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64)},
    "random state": (random_states.check_random_state_mt19937, np.random.RandomState(0).get_state(legacy=False)),
    "seed": (random_states.check_seed_sequence, live.seed_sequence_fields(np.random.SeedSequence([1, 2], spawn_key=(3,)))),
    **{f"sparse {kind}": (sparse.check_sparse, live.sparse_fields(sp.csr_matrix(np.where(X > 0.5, X, 0)).asformat(kind))) for kind in sparse._CHECKS},
    "one-hot encoder": (encoders.check_one_hot, live.one_hot_fields(OneHotEncoder(max_categories=3, drop="first").fit(X.round()))),
    "categories": (encoders.check_categories, {"categories_": OneHotEncoder().fit(X.round()).categories_}),
    "target encoder": (encoders.check_target_encoder, named(TargetEncoder(cv=2, random_state=0).fit(X.round(), Y % 2), "n_features_in_", "categories_", "encodings_", "target_type_", "classes_")),
    "target encoder of three classes": (encoders.check_target_encoder, named(TargetEncoder(cv=2, random_state=0).fit(X.round(), Y), "n_features_in_", "categories_", "encodings_", "target_type_",
                                                                             "classes_")),
    "label sets": (encoders.check_label_sets, {"classes_": np.array([3, 5, 8]), "_cached_dict": {3: 0, 5: 1, 8: 2}}),
    "linear model": (linear.check_linear, {"n_features_in_": 4, "coef_shape": [3, 4], "intercept_shape": [3]}),
    "network": (linear.check_network, named(MLPClassifier([5, 3], solver="lbfgs", max_iter=2000, random_state=0).fit(X, Y), "n_features_in_", "n_layers_", "coefs_", "intercepts_", "n_outputs_")),
    "polynomials": (encoders.check_polynomial, named(PolynomialFeatures(2).fit(X), "n_features_in_", "_min_degree", "_max_degree", "interaction_only", "include_bias",
                                                     "n_output_features_", "_n_out_full")),
    "hashing": (encoders.check_hashing, {"n_features": 8}),
    "vocabulary": (encoders.check_vocabulary, {"vocabulary": np.array([1, 0]), "size": 2}),
    "centers": (clusters.check_centers, named(MiniBatchKMeans(3, random_state=0).fit(X), "n_features_in_", "cluster_centers_", "_n_threads", "labels_", "_counts")),
    "centers of k-means": (clusters.check_centers, named(KMeans(3, random_state=0).fit(X), "n_features_in_", "cluster_centers_", "_n_threads", "labels_")),
    "birch": (clusters.check_birch, named(Birch(threshold=0.2).fit(X), "subcluster_centers_", "_subcluster_norms", "subcluster_labels_", "n_features_in_")),
    "merges": (clusters.check_merges, named(MERGED, "children_", "n_leaves_")),
    "labels": (clusters.check_labels, {"labels_": MERGED.labels_, "size": 40, "n_clusters": 3, "lowest": 0}),
    "single linkage": (clusters.check_single_linkage, {"_single_linkage_tree_": HDBSCAN(copy=True).fit(X)._single_linkage_tree_, "n_samples": 40}),
    "covariance": (clusters.check_covariance, named(EmpiricalCovariance().fit(X), "location_", "covariance_", "precision_", "n_features_in_")),
    **{f"mixture {kind}": (clusters.check_mixture, named(GaussianMixture(2, covariance_type=kind, random_state=0).fit(X), "covariance_type", "weights_", "means_",
                                                         "covariances_", "precisions_cholesky_", "precisions_", "n_features_in_"))
       for kind in ("full", "tied", "diag", "spherical")},
    "stochastic gradient": (others.check_sgd, sgd_fields(SGD)),
    "stochastic gradient for one class": (others.check_sgd, sgd_fields(SGDOneClassSVM(random_state=0).fit(X))),
    "stochastic gradient, thinned": (others.check_sgd, sgd_fields(SGDClassifier(random_state=0).fit(X, Y)) | {"coef_": live.sparse_fields(sp.csr_matrix(np.where(SGD.coef_ > 0, SGD.coef_, 0)))}),
    "bags": (columns.check_bags, {"n_features_in_": 4, "estimators_features_": [np.r_[0, 3], np.r_[1, 2, 3]], "widths": [2, 3],
                                  "_average_path_length_per_tree": [np.ones(3), np.ones(5)], "_decision_path_lengths": [np.ones(3), np.ones(5)], "nodes": [3, 5]}),
    "count sketch": (columns.check_count_sketch, named(PolynomialCountSketch(n_components=8, random_state=0).fit(X), "n_components", "indexHash_", "bitHash_")),
    "imputation": (columns.check_imputation, {"n_features_in_": 4, "feat_idx": [0, 3], "neighbor_feat_idx": [np.r_[1, 2, 3], np.r_[0, 1]]}),
    "chain": (columns.check_chain, {"members": 3, "order_": np.r_[1, 0, 2]}),
    "chain as a list": (columns.check_chain, {"members": 3, "order_": [1, 0, 2]}),
    "missing columns": (columns.check_indicator, {"features_": np.r_[0, 2], "_n_features": 4}),
    "sample steps": (others.check_sample_steps, {"sample_steps": 2}),
}  # fmt: skip
