"""The fields of live scikit-learn objects, as an adapter hands them to the checks, and all checks over one fitted model.

The one rule: fields are copies of plain values; what a check refuses never depends on the live object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.interpolate import BSpline
from sklearn.base import BaseEstimator
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, Birch, BisectingKMeans, FeatureAgglomeration, KMeans, MiniBatchKMeans
from sklearn.covariance import EmpiricalCovariance
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, IsolationForest
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import SGDOneClassSVM
from sklearn.linear_model._stochastic_gradient import BaseSGD
from sklearn.metrics import DistanceMetric
from sklearn.mixture._base import BaseMixture
from sklearn.neighbors._ball_tree import BallTree32, BallTree64
from sklearn.neighbors._base import NeighborsBase
from sklearn.neighbors._kd_tree import KDTree32, KDTree64
from sklearn.preprocessing import MultiLabelBinarizer, OneHotEncoder, PolynomialFeatures, SplineTransformer
from sklearn.svm._base import BaseLibSVM
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from holdfast.trust.state import (
    binary_tree,
    clusters,
    encoders,
    hist_gradient_boosting,
    neighbors,
    others,
    random_states,
    sparse,
    splines,
    svm,
    tree,
)

Fields = dict[str, Any]


def at(where: str) -> str:
    """Return what the text of a refusal has to look like: it begins with the place that the check was told, and ends as all of them."""
    return rf"^{where}[.:\[(].*; the file is damaged or was altered\.$"


def tree_fields(live: Tree) -> Fields:
    state = live.__getstate__()
    return {
        "n_features": int(live.n_features),
        "n_classes": np.array(live.n_classes),
        "n_outputs": int(live.n_outputs),
        "max_depth": int(state["max_depth"]),
        "node_count": int(state["node_count"]),
        "nodes": state["nodes"].copy(),
        "values": state["values"].copy(),
    }


def ensemble_fields(model: Any, trees: list[Tree], **more: Any) -> Fields:
    return {"n_features_in_": model.n_features_in_, "tree_n_features": [t.n_features for t in trees], **more}


def boosted_fields(model: Any) -> Fields:
    trees = [one.tree_ for one in model.estimators_.ravel()]
    init = model.init_
    return ensemble_fields(
        model,
        trees,
        tree_value_width=[t.n_outputs * t.max_n_classes for t in trees],
        estimators_shape=model.estimators_.shape,
        n_trees_per_iteration_=model.n_trees_per_iteration_,
        multiclass=model._loss.is_multiclass,
        init_columns=len(init.classes_) if hasattr(init, "classes_") else None,
    )


def predictor_fields(live: TreePredictor, mapper: Any = None) -> Fields:
    names = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")
    fields = {name: getattr(live, name).copy() for name in names}
    if mapper is not None:
        fields |= {"n_features": len(mapper.is_categorical_), "is_categorical": mapper.is_categorical_}
    return fields


def bin_mapper_fields(live: Any) -> Fields:
    names = ("n_bins", "bin_thresholds_", "n_bins_non_missing_", "missing_values_bin_idx_", "is_categorical_")
    return {name: getattr(live, name) for name in names}


def hist_fields(model: Any) -> Fields:
    return {
        "n_features": len(model._bin_mapper.is_categorical_),
        "n_features_in_": model.n_features_in_,
        "n_trees_per_iteration_": model.n_trees_per_iteration_,
        "predictors_per_iteration": [len(stage) for stage in model._predictors],
        "_baseline_prediction": model._baseline_prediction,
    }


def distance_fields(live: DistanceMetric) -> Fields:
    p, vec, mat, *_ = live.__getstate__()
    return {"type": type(live).__name__, "p": p, "vec": np.array(vec), "mat": np.array(mat)}


def binary_tree_fields(live: Any) -> Fields:
    names = "data idx_array node_data node_bounds leaf_size n_levels n_nodes n_trims n_leaves n_splits n_calls dist_metric sample_weight"
    fields = dict(zip(names.split(), live.__getstate__(), strict=True))
    fields |= {name: value.copy() for name, value in fields.items() if isinstance(value, np.ndarray)}
    return fields | {"type": type(live).__name__, "dist_metric": distance_fields(fields["dist_metric"])}


def neighbors_fields(model: Any) -> Fields:
    live = model._tree
    fields = {
        "_fit_method": model._fit_method,
        "n_samples_fit_": model.n_samples_fit_,
        "n_features_in_": model.n_features_in_,
        "fit_shape": model._fit_X.shape,
        "fit_sparse": sp.issparse(model._fit_X),
        "tree_shape": None if live is None else live.data.shape,
        "tree_type": None if live is None else type(live).__name__,
        "effective_metric_": model.effective_metric_ if isinstance(model.effective_metric_, str) else None,
    }
    return fields | {name: getattr(model, name) for name in ("_y", "classes_") if hasattr(model, name)}


def sparse_fields(live: Any) -> Fields:
    names = {"coo": ("data", "coords"), "dia": ("data", "offsets"), "lil": ("rows", "data"), "dok": ()}
    fields = {name: getattr(live, name) for name in names.get(live.format, ("data", "indices", "indptr"))}
    if live.format == "dok":
        fields["items"] = dict(live.items())
    return fields | {"format": live.format, "shape": live._shape}


def libsvm_fields(model: Any) -> Fields:
    names = "support_ support_vectors_ _n_support dual_coef_ _dual_coef_ intercept_ _intercept_ _probA _probB shape_fit_ _sparse _gamma"
    names += " degree kernel _effective_probability n_features_in_ class_weight_ classes_"
    fields = {name: model.__dict__[name] for name in names.split() if name in model.__dict__}
    fields = {name: sparse_fields(value) if sp.issparse(value) else value for name, value in fields.items()}
    if callable(model.kernel):
        fields |= {"kernel": None, "x_fit_rows": model._BaseLibSVM__Xfit.shape[0]}
    return fields


def bspline_fields(live: BSpline) -> Fields:
    return {"t": live._t, "c": live._c, "k": live.k, "extrapolate": live.extrapolate, "axis": live.axis}


def spline_transformer_fields(model: Any) -> Fields:
    names = ("n_features_in_", "n_features_out_", "degree", "include_bias")
    return {name: getattr(model, name) for name in names} | {"splines": [bspline_fields(one) for one in model.bsplines_]}


def one_hot_fields(model: Any) -> Fields:
    dropped = model._drop_idx_after_grouping
    fields = {
        "n_features_in_": model.n_features_in_,
        "n_categories": [len(part) for part in model.categories_],
        "_n_features_outs": model._n_features_outs,
        "_drop_idx_after_grouping": None if dropped is None else list(dropped),
    }
    if hasattr(model, "_infrequent_indices"):
        fields["infrequent"] = [None if part is None else part.size for part in model._infrequent_indices]
        fields["mappings"] = model._default_to_infrequent_mappings
    return fields


def seed_sequence_fields(live: np.random.SeedSequence) -> Fields:
    return {name: getattr(live, name) for name in ("entropy", "spawn_key", "pool_size", "n_children_spawned")}


def _named(model: Any, *names: str) -> Fields:
    return {name: getattr(model, name) for name in names if hasattr(model, name)}


def checks_of(live: Any) -> Iterator[Callable[[], None]]:
    """Yield the checks that an adapter runs on one object, in no order."""
    where = type(live).__name__
    if isinstance(live, Tree):
        yield lambda: tree.check_tree(tree_fields(live), where)
    elif isinstance(live, (KDTree64, KDTree32, BallTree64, BallTree32)):
        yield lambda: binary_tree.check_binary_tree(binary_tree_fields(live), where)
    elif isinstance(live, TreePredictor):
        yield lambda: hist_gradient_boosting.check_predictor(predictor_fields(live), where)
    elif isinstance(live, BSpline):
        yield lambda: splines.check_bspline(bspline_fields(live), where)
    elif sp.issparse(live):
        yield lambda: sparse.check_sparse(sparse_fields(live), where)
    elif isinstance(live, np.random.RandomState):
        yield lambda: random_states.check_random_state_mt19937(live.get_state(legacy=False), where)
    elif isinstance(live, np.random.Generator):
        yield lambda: random_states.check_bit_generator(live.bit_generator.state, where)
    elif isinstance(live, _BinMapper):
        yield lambda: hist_gradient_boosting.check_bin_mapper(bin_mapper_fields(live), where)
        yield lambda: clusters.check_threads(_named(live, "n_threads"), where)
    elif isinstance(live, BaseEstimator):
        yield from _checks_of_estimator(live, where)


def _checks_of_estimator(live: Any, where: str) -> Iterator[Callable[[], None]]:
    state = live.__dict__
    if isinstance(live, BaseDecisionTree) and "tree_" in state:
        outputs = {"n_outputs_": live.n_outputs_, "tree_n_outputs": [live.tree_.n_outputs]}
        yield lambda: tree.check_ensemble(ensemble_fields(live, [live.tree_], **outputs), where)
    if isinstance(live, BaseForest) and "estimators_" in state:
        trees = [one.tree_ for one in live.estimators_]
        outputs = {"n_outputs_": live.n_outputs_, "tree_n_outputs": [one.n_outputs for one in trees]}
        yield lambda: tree.check_ensemble(ensemble_fields(live, trees, **outputs), where)
    if isinstance(live, IsolationForest) and "estimators_" in state:
        trees = [one.tree_ for one in live.estimators_]
        choice = _named(live, "estimators_features_", "_max_features")
        yield lambda: tree.check_ensemble(ensemble_fields(live, trees, **choice), where)
    if isinstance(live, (GradientBoostingClassifier, GradientBoostingRegressor)) and "estimators_" in state:
        yield lambda: tree.check_boosted_trees(boosted_fields(live), where)
    if isinstance(live, BaseHistGradientBoosting) and "_predictors" in state:
        predictors = [predictor_fields(one, live._bin_mapper) for stage in live._predictors for one in stage]
        yield lambda: hist_gradient_boosting.check_predictors(predictors, lambda i: f"{where}._predictors {i}")
        yield lambda: hist_gradient_boosting.check_hist_gradient_boosting(hist_fields(live), where)
    if isinstance(live, NeighborsBase) and "_fit_method" in state:
        yield lambda: neighbors.check_neighbors_base(neighbors_fields(live), where)
        for name in ("effective_metric_params_", "metric_params"):
            params = {"params": getattr(live, name), "n_features": live.n_features_in_}
            yield lambda params=params: neighbors.check_metric_params(params, where)  # type: ignore[misc]
    if isinstance(live, BaseLibSVM) and "support_" in state:
        yield lambda: svm.check_libsvm(libsvm_fields(live), where)
    if isinstance(live, SplineTransformer) and "bsplines_" in state:
        yield lambda: splines.check_spline_transformer(spline_transformer_fields(live), where)
    if isinstance(live, IsotonicRegression) and "X_thresholds_" in state:
        names = ("X_thresholds_", "y_thresholds_", "X_min_", "X_max_", "increasing_", "out_of_bounds")
        yield lambda: splines.check_isotonic(_named(live, *names), where)
    if isinstance(live, OneHotEncoder) and "categories_" in state:
        yield lambda: encoders.check_one_hot(one_hot_fields(live), where)
    if isinstance(live, (CountVectorizer, DictVectorizer)) and "vocabulary_" in state:
        yield lambda: encoders.check_vocabulary({"vocabulary": live.vocabulary_}, where)
    if isinstance(live, (CountVectorizer, HashingVectorizer)):
        yield lambda: encoders.check_ngrams(_named(live, "ngram_range"), where)
    if isinstance(live, MultiLabelBinarizer) and getattr(live, "_cached_dict", None) is not None:
        yield lambda: encoders.check_vocabulary({"vocabulary": live._cached_dict, "size": len(live.classes_)}, where)
    if isinstance(live, (FeatureHasher, HashingVectorizer)):
        yield lambda: encoders.check_hashing(_named(live, "n_features"), where)
    if isinstance(live, PolynomialFeatures) and "_max_degree" in state:
        names = ("n_features_in_", "_min_degree", "_max_degree", "interaction_only", "include_bias")
        yield lambda: encoders.check_polynomial(_named(live, *names, "n_output_features_", "_n_out_full"), where)
    if isinstance(live, (KMeans, MiniBatchKMeans, BisectingKMeans)) and "cluster_centers_" in state:
        yield lambda: clusters.check_centers(_named(live, "n_features_in_", "cluster_centers_", "_n_threads", "labels_", "_counts"), where)
    if isinstance(live, Birch) and "subcluster_centers_" in state:
        names = ("subcluster_centers_", "_subcluster_norms", "subcluster_labels_", "n_features_in_")
        yield lambda: clusters.check_birch(_named(live, *names), where)
    if isinstance(live, (AgglomerativeClustering, FeatureAgglomeration)) and "children_" in state:
        yield lambda: clusters.check_merges(_named(live, "children_", "n_leaves_"), where)
        size = live.n_features_in_ if isinstance(live, FeatureAgglomeration) else len(live.labels_)
        fields = {"labels_": live.labels_, "size": size, "n_clusters": live.n_clusters_}
        yield lambda: clusters.check_labels(fields, where)
    if isinstance(live, HDBSCAN) and "_single_linkage_tree_" in state:
        fields = {"_single_linkage_tree_": live._single_linkage_tree_, "n_samples": len(live.labels_)}
        yield lambda: clusters.check_single_linkage(fields, where)
    if isinstance(live, EmpiricalCovariance) and "covariance_" in state:
        yield lambda: clusters.check_covariance(_named(live, "location_", "covariance_", "precision_", "n_features_in_"), where)
    if isinstance(live, (BaseSGD, SGDOneClassSVM)) and "n_features_in_" in state:
        names = ("n_features_in_", "coef_", "_standard_coef", "_average_coef", "intercept_", "offset_")
        fields = _named(live, *names, "_standard_intercept", "_average_intercept", "classes_")
        fields = {name: sparse_fields(value) if sp.issparse(value) else value for name, value in fields.items()}
        yield lambda: others.check_sgd(fields, where)
    yield lambda: others.check_counts(_named(live, *others.COUNTS), where)
    if isinstance(live, BaseMixture) and "covariances_" in state:
        names = ("covariance_type", "weights_", "means_", "covariances_", "precisions_cholesky_", "precisions_", "n_features_in_")
        yield lambda: clusters.check_mixture(_named(live, *names), where)


def objects_in(root: Any) -> Iterator[Any]:
    """Yield every object in a model that is not a scalar or a plain array."""
    seen: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        live = waiting.pop()
        if id(live) in seen or live is None or isinstance(live, (str, bytes, int, float, type, np.generic)):
            continue
        seen[id(live)] = live
        if isinstance(live, dict):
            waiting.extend(live.values())
        elif isinstance(live, (list, tuple, set)):
            waiting.extend(live)
        elif isinstance(live, np.ndarray):
            waiting.extend(live.ravel() if live.dtype == object else [])
        else:
            yield live
            if not callable(live) or isinstance(live, (BaseEstimator, BSpline)):
                waiting.extend(getattr(live, "__dict__", {}).values())


def check_model(model: Any) -> int:
    """Run every check on every object of a model and return how many ran."""
    count = 0
    for live in objects_in(model):
        for check in checks_of(live):
            check()
            count += 1
    return count
