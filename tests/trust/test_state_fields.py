"""Each field of each state, one after the other: gone, of another kind, of another dtype, with another axis, strided, out of range.

The genuine fields come from fitted models. What a table here does not leave out, with its reason, has to be refused, and the
refusal has to name the place and the field.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.interpolate import BSpline
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, Birch, KMeans, MiniBatchKMeans
from sklearn.covariance import EmpiricalCovariance
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import SGDClassifier, SGDOneClassSVM
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer, TargetEncoder
from sklearn.svm import SVC, SVR

from holdfast.errors import InvalidState
from holdfast.trust.state import (
    binary_tree,
    clusters,
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
HIST = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3, categorical_features=[3]).fit(np.c_[X[:, :3], np.arange(40) % 3], Y)
FOREST = RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, Y)
ISOLATION = IsolationForest(n_estimators=3, max_features=3, random_state=0).fit(X)
SGD = SGDClassifier(average=True).fit(X, Y)
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
    "boosted trees": (tree.check_boosted_trees, live.boosted_fields(GradientBoostingClassifier(n_estimators=2).fit(X, Y))),
    "predictor": (hist_gradient_boosting.check_predictor, live.predictor_fields(HIST._predictors[0][0], HIST._bin_mapper)),
    "bin mapper": (hist_gradient_boosting.check_bin_mapper, live.bin_mapper_fields(HIST._bin_mapper)),
    "histogram boosting": (hist_gradient_boosting.check_hist_gradient_boosting, live.hist_fields(HIST)),
    "kd tree": (binary_tree.check_binary_tree, live.binary_tree_fields(KDTree(X, leaf_size=5))),
    "ball tree": (binary_tree.check_binary_tree, live.binary_tree_fields(BallTree(X, leaf_size=5, metric="minkowski", p=3, w=np.ones(4)))),
    "neighbours": (neighbors.check_neighbors_base, live.neighbors_fields(KNeighborsClassifier(algorithm="kd_tree").fit(X, Y))),
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
    "target encoder": (encoders.check_target_encoder, named(TargetEncoder(cv=2).fit(X.round(), Y % 2), "n_features_in_", "categories_", "encodings_", "target_type_", "classes_")),
    "target encoder of three classes": (encoders.check_target_encoder, named(TargetEncoder(cv=2).fit(X.round(), Y), "n_features_in_", "categories_", "encodings_", "target_type_",
                                                                             "classes_")),
    "label sets": (encoders.check_label_sets, {"classes_": np.array([3, 5, 8]), "_cached_dict": {3: 0, 5: 1, 8: 2}}),
    "linear model": (linear.check_linear, {"n_features_in_": 4, "coef_shape": [3, 4], "intercept_shape": [3]}),
    "network": (linear.check_network, named(MLPClassifier([5, 3], solver="lbfgs", max_iter=2000).fit(X, Y), "n_features_in_", "n_layers_", "coefs_", "intercepts_", "n_outputs_")),
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
    "stochastic gradient for one class": (others.check_sgd, sgd_fields(SGDOneClassSVM().fit(X))),
    "stochastic gradient, thinned": (others.check_sgd, sgd_fields(SGDClassifier().fit(X, Y)) | {"coef_": live.sparse_fields(sp.csr_matrix(np.where(SGD.coef_ > 0, SGD.coef_, 0)))}),
    "sample steps": (others.check_sample_steps, {"sample_steps": 2}),
}  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each field, and to the fields of the mappings and lists inside."""
    if path:
        yield path
    inside: Any = value.items() if isinstance(value, dict) and all(type(key) is str for key in value) else enumerate(value) if type(value) is list else ()
    for key, part in list(inside)[:2] if type(value) is list else inside:
        yield from places(part, (*path, key))


def at(fields: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        fields = fields[key]
    return fields


def changed(fields: Fields, path: tuple[Any, ...], value: Any) -> Fields:
    made = copy.deepcopy(fields)
    at(made, path[:-1])[path[-1]] = value
    return made


class Strange:
    """Of a kind that no state holds."""


def refusal(check: Check, fields: Fields, path: tuple[Any, ...]) -> str | None:
    """Return what is wrong with how a state is refused, or nothing."""
    try:
        check(fields, "here")
    except InvalidState as error:
        text = error.message
        if not re.fullmatch(live.at("here"), text):
            return f"does not name the place: {text}"
        name = next(str(key) for key in reversed(path) if type(key) is str)
        return None if re.search(f"{re.escape(name)}|{SHOWN.get(name, name)}", text) else f"does not name {name}: {text}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "is accepted"


SHOWN = {
    "coef_shape": "(coef|intercept)_ has shape",
    "intercept_shape": "intercept_ has shape",
    "coords": "coordinates|row",
    "n_clusters": "labels_",
    "n_samples": "rows",
    "predictors_per_iteration": r"_predictors\[",
    "size": "elements",
    "tree_n_features": "was grown on",
    "tree_n_outputs": "outputs",
    "tree_type": "_tree",
    "tree_value_width": "values a node",
}
"""Field -> what a refusal says instead, where the field is made up for the check and is none of the model."""

LEGAL = {
    "fit_sparse": "made up for the check, which does not need it for a tree",
    "effective_metric_": "only a distance that is given beforehand matters",
    "format": "the caller has looked at it",
    "classes_": "labels may be objects, and there are none to look at for two",
    "categories_": "categories may be objects",
    "coefs_": "numpy multiplies objects as well, and the list of trusted states asks for floats",
    "intercepts_": "numpy adds objects as well, and the list of trusted states asks for floats",
    "state.state": "a word of 128 bits",
    "entropy": "a seed may be as large as it likes",
    "rows": "a list of lists, or an array of them",
    "data": "a list of lists, or an array of them",
    "coef_": "one row may stand without its axis",
}
"""Field -> why something that looks wrong is accepted; which values that are is below."""
ACCEPTED = {
    ("neighbours", "fit_sparse"): {"something strange", "text", "a number"},
    ("neighbours", "effective_metric_"): {"something strange", "another word"},
    **{("sparse support vectors", f"{part}.format"): {"something strange", "another word"} for part in ("support_vectors_", "dual_coef_", "_dual_coef_")},
    **{(name, "classes_"): {"objects"} for name in ("neighbours", "support vectors", "sparse support vectors", "support vectors of a callable",
                                                    "stochastic gradient", "stochastic gradient, thinned")},
    **{(f"generator {name}", "state.state"): {"far above"} for name in ("PCG64", "PCG64DXSM")},
    **{("seed", f"entropy.{i}"): {"far above"} for i in range(2)},
    **{("sparse lil", field): {"objects", "a list"} for field in ("rows", "data")},
    ("stochastic gradient for one class", "coef_"): {"an axis more"},
    **{(name, f"categories_.{i}"): {"objects"} for name in ("categories", "target encoder", "target encoder of three classes") for i in range(2)},
    **{("network", f"{part}.{i}"): {"objects"} for part in ("coefs_", "intercepts_") for i in range(2)},
    ("target encoder", "classes_"): {"something strange", "objects", "an axis more", "a list", "a subclass"},
    **{(name, "classes_"): {"objects"} for name in ("target encoder of three classes", "label sets")},
}  # fmt: skip


@pytest.mark.parametrize("name", GENUINE)
def test_the_genuine_state_passes(name: str) -> None:
    check, fields = GENUINE[name]
    check(fields, "here")


def wrong_values(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"something strange": Strange()}
    if type(value) is np.ndarray:
        found |= {"objects": value.astype(object) if value.dtype.names is None else np.empty(value.shape, object), "an axis more": value[None], "a list": value.tolist()}
        if value.size > 1 and value.ndim:
            found["a subclass"] = value.view(np.recarray if value.dtype.names else np.matrix if value.ndim == 2 else np.ma.MaskedArray)
    elif isinstance(value, bool | np.bool_):
        found |= {"text": "True", "a number": 2}
    elif isinstance(value, int | np.integer):
        found |= {"text": str(value), "a fraction": value + 0.5, "far below": -(2**40), "far above": 2**70}
    elif isinstance(value, float):
        found |= {"text": str(value), "a flag": True}
    elif isinstance(value, str):
        found |= {"another word": "otherwise"}
    return found


CASES = [(name, path) for name, (_, fields) in GENUINE.items() for path in places(fields)]


@pytest.mark.parametrize(("name", "path"), CASES, ids=[f"{name}: {'.'.join(map(str, path))}" for name, path in CASES])
def test_a_field_of_another_kind_is_refused_by_name(name: str, path: tuple[Any, ...]) -> None:
    check, fields = GENUINE[name]
    accepted = ACCEPTED.get((name, ".".join(map(str, path))), set())
    found = {what: refusal(check, changed(fields, path, value), path) for what, value in wrong_values(at(fields, path)).items()}
    assert {what: how for what, how in found.items() if how} == dict.fromkeys(accepted, "is accepted")


def test_what_is_accepted_has_a_reason() -> None:
    assert {path for _, path in ACCEPTED if not LEGAL.keys() & {path, path.rpartition(".")[2], path.partition(".")[0]}} == set()


OPTIONAL = {
    "tree_n_outputs", "n_outputs_", "estimators_features_", "_max_features", "is_categorical", "n_features", "effective_metric_", "fit_sparse", "format", "class_weight_",
    "_y", "classes_", "tree_shape", "tree_type", "infrequent", "mappings", "_drop_idx_after_grouping", "size", "labels_", "_counts", "_n_threads", "lowest", "n_clusters",
    "precision_", "precisions_", "coef_", "_standard_coef", "_average_coef", "intercept_", "offset_", "_standard_intercept", "_average_intercept", "n_features_in_",
    "init_columns", "multiclass", "_cached_dict",
}  # fmt: skip
"""Fields that some genuine models do not have, or that are made up for the check only where they are known."""
REQUIRED = [(name, path) for name, path in CASES if type(path[-1]) is str and path[-1] not in OPTIONAL]


@pytest.mark.parametrize(("name", "path"), REQUIRED, ids=[f"{name}: {'.'.join(map(str, path))}" for name, path in REQUIRED])
def test_a_field_that_is_gone_is_refused_by_name(name: str, path: tuple[Any, ...]) -> None:
    check, fields = GENUINE[name]
    made = copy.deepcopy(fields)
    del at(made, path[:-1])[path[-1]]
    assert refusal(check, made, path) is None


IN_ONE_BLOCK = {
    "tree": "nodes values",
    "predictor": "nodes",
    "bin mapper": "is_categorical_",
    "kd tree": "data idx_array node_data node_bounds",
    "ball tree": "data idx_array node_data dist_metric.vec",
    "support vectors": "support_vectors_ _n_support dual_coef_ _dual_coef_ intercept_ _intercept_ _probA _probB",
    "sparse support vectors": "support_vectors_.data support_vectors_.indices support_vectors_.indptr _n_support dual_coef_.data _dual_coef_.data "
    "intercept_ _intercept_ _probA _probB",
    "support vectors of a regression": "support_vectors_ _n_support",
    "support vectors of a callable": "_n_support dual_coef_ _dual_coef_ intercept_ _intercept_",
    "interpolation": "x",
    "isotonic regression": "X_thresholds_ y_thresholds_",
    "generator MT19937": "state.key",
    "generator Philox": "state.counter state.key buffer",
    "generator SFC64": "state.state",
    "random state": "state.key",
    "centers": "cluster_centers_ _counts",
    "centers of k-means": "cluster_centers_",
    "birch": "subcluster_centers_ _subcluster_norms",
    "single linkage": "_single_linkage_tree_",
    "covariance": "covariance_ precision_",
}
"""Arrays whose address C code takes for that of one block."""
BLOCKS = [(name, path) for name, paths in IN_ONE_BLOCK.items() for path in paths.split()]


@pytest.mark.parametrize(("name", "path"), BLOCKS, ids=[f"{name}: {path}" for name, path in BLOCKS])
def test_an_array_with_gaps_is_refused_where_c_reads_it_as_one_block(name: str, path: str) -> None:
    check, fields = GENUINE[name]
    keys = tuple(path.split("."))
    gaps = np.repeat(at(fields, keys), 2, axis=0)[::2]
    assert not gaps.flags.c_contiguous
    made = copy.deepcopy(fields)
    at(made, keys[:-1])[keys[-1]] = gaps
    assert refusal(check, made, keys) is None


def spline_with(**change: Any) -> list[Fields]:
    kept = [dict(one) for one in GENUINE["spline transformer"][1]["splines"]]
    kept[2] |= change
    return kept


SPLINES = GENUINE["spline transformer"][1]["splines"]
THIN = GENUINE["stochastic gradient, thinned"][1]["coef_"]
TARGETS = GENUINE["target encoder"][1]
COEFFICIENTS = GENUINE["sparse support vectors"][1]["dual_coef_"]
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("spline", {"k": 2**15 + 1}, r"^here: k is 32769, outside 0\.\.32768"),
    ("spline", {"t": np.arange(7.0)}, "^here: t has 7 knots, at least 8 expected for degree 3"),
    ("spline transformer", {"n_features_in_": 2**31}, "^here: n_features_in_ is 2147483648"),
    ("spline transformer", {"degree": 2**15 + 1}, "^here: degree is 32769"),
    ("spline transformer", {"splines": [SPLINES[0], None, *SPLINES[2:]]}, r"^here: bsplines_\[1\] is of type NoneType"),
    ("spline transformer", {"splines": spline_with(t=SPLINES[2]["t"][::-1])}, r"^here\.bsplines_\[2\]: t\[1\]"),
    ("spline transformer", {"splines": spline_with(c=SPLINES[2]["c"][:, :, None])}, r"^here: bsplines_\[2\]\.c has 3 axes"),
    ("spline transformer", {"splines": spline_with(c=SPLINES[2]["c"][:, :-1])}, "^here: bsplines_ make different numbers of columns"),
    ("isotonic regression", {"X_thresholds_": np.zeros(1), "y_thresholds_": np.zeros(1)}, "^here: X_min_ and X_max_ are"),
    ("isotonic regression", {"X_thresholds_": np.r_[0.0, 0.0], "y_thresholds_": np.r_[0.0, 1.0], "X_min_": 0.0, "X_max_": 0.0}, r"^here: X_thresholds_\[1\] is 0\.0"),
    ("seed", {"entropy": np.zeros((2, 2), int)}, "^here: entropy has 2 axes"),
    ("seed", {"n_children_spawned": 2**32}, "^here: n_children_spawned is 4294967296"),
    ("random state", {"bit_generator": "SFC64"}, "^here"),
    ("random state", {"state": {"key": np.zeros(624, np.uint32), "pos": 625}}, r"^here\.state: pos is 625"),
    ("sparse csr", {"indptr": np.r_[1, GENUINE["sparse csr"][1]["indptr"][1:]]}, r"^here: indptr\[0\] is 1, 0 expected"),
    ("sparse csc", {"shape": (160,)}, "^here: shape has 1 axes"),
    ("sparse csr", {"shape": (2, 2, 40)}, "^here: shape has 3 axes"),
    ("sparse bsr", {"data": np.zeros(3)}, "^here: data has 1 axes, 3 expected"),
    ("sparse coo", {"data": np.zeros((2, 2))}, "^here: data has 2 axes, 1 expected"),
    ("sparse dia", {"data": np.zeros(3)}, "^here: data has 1 axes, 2 expected"),
    ("sparse lil", {"rows": [[]] * 39}, "^here: rows has 39 elements, 40 expected"),
    ("sparse lil", {"data": [[]] * 41}, "^here: data has 41 elements, 40 expected"),
    ("stochastic gradient", {"n_features_in_": 2**31}, "^here: n_features_in_ is 2147483648"),
    ("stochastic gradient, thinned", {"coef_": THIN | {"indices": THIN["indices"] + 4}}, r"^here\.coef_: indices\[0\] is"),
    ("sample steps", {"sample_steps": 100_001}, "^here: sample_steps is 100001"),
    ("sample steps", {"sample_steps": 0}, "^here: sample_steps is 0"),
    ("sparse support vectors", {"dual_coef_": COEFFICIENTS | {"indices": COEFFICIENTS["indices"] + 1}}, r"^here\.dual_coef_: indices"),
    ("sparse support vectors", {"dual_coef_": COEFFICIENTS | {"shape": (2, COEFFICIENTS["shape"][1] + 1)}}, "^here: dual_coef_ has shape"),
    ("sparse support vectors", {"dual_coef_": live.sparse_fields(sp.csr_matrix(COEFFICIENTS["shape"]))}, r"^here\.dual_coef_: data has 0 elements"),
    ("centers of k-means", {"cluster_centers_": np.zeros((0, 4))}, "^here: cluster_centers_ is empty"),
    ("birch", {"subcluster_centers_": np.zeros((0, 4)), "_subcluster_norms": np.zeros(0), "subcluster_labels_": np.zeros(0, int)}, "^here: subcluster_centers_ is empty"),
    ("categories", {"categories_": [np.zeros((2, 2))]}, r"^here\.categories_\[0\]: it is not an array of one axis"),
    ("categories", {"categories_": [np.arange(3.0), np.r_[0.0, 2.0, 1.0]]}, r"^here\.categories_\[1\]: its element 2 is not above"),
    ("categories", {"categories_": [np.r_[1.0, np.nan, 2.0]]}, r"^here\.categories_\[0\]: its element 1 is not above"),
    ("categories", {"categories_": [np.r_[1, 1]]}, r"^here\.categories_\[0\]: its element 1 is not above"),
    ("target encoder", {"n_features_in_": 3}, "^here: categories_ has 4 elements, 3 expected"),
    ("target encoder", {"n_features_in_": 2**31}, "^here: n_features_in_ is 2147483648"),
    ("target encoder", {"encodings_": TARGETS["encodings_"][:-1]}, "^here: encodings_ has 3 elements, 4 expected"),
    ("target encoder", {"encodings_": [TARGETS["encodings_"][0][:-1], *TARGETS["encodings_"][1:]]}, r"^here\.encodings_\[0\]: encoding has"),
    ("target encoder", {"categories_": [np.r_[2.0, 1.0], *TARGETS["categories_"][1:]]}, r"^here\.categories_\[0\]: its element 1"),
    ("target encoder of three classes", {"encodings_": TARGETS["encodings_"]}, "^here: encodings_ has 4 elements, 12 expected"),
    ("label sets", {"classes_": np.array([3, 5, 5])}, "^here: classes_ names a class twice"),
    ("label sets", {"classes_": np.array([3, 5, None], object)[[0, 1, 1]]}, "^here: classes_ names a class twice"),
    ("label sets", {"classes_": np.array([3, [5]], object)}, "^here: classes_ holds something that is neither"),
    ("label sets", {"_cached_dict": {3: 0, 5: 1}}, r"^here\._cached_dict: size is 3, outside 2\.\.2"),
    ("label sets", {"_cached_dict": {3: 0, 5: 1, 8: 3}}, r"^here\._cached_dict: vocabulary has the number 3"),
    ("linear model", {"coef_shape": [3, 5]}, r"^here: coef_ has shape \(3, 5\), and there are 4 columns"),
    ("linear model", {"coef_shape": [0, 4]}, r"^here: coef_ has shape \(0, 4\)"),
    ("linear model", {"coef_shape": []}, r"^here: coef_ has shape \(\)"),
    ("linear model", {"coef_shape": [1, 3, 4]}, r"^here: coef_ has shape \(1, 3, 4\)"),
    ("linear model", {"intercept_shape": [4]}, r"^here: intercept_ has shape \(4,\), a number or \(3,\) expected"),
    ("linear model", {"n_features_in_": 2**31}, "^here: n_features_in_ is 2147483648"),
    ("network", {"coefs_": [np.zeros((4, 5)), np.zeros((6, 3)), np.zeros((3, 3))]}, r"^here: coefs_\[1\] has shape \(6, 3\), and 5 columns come in"),
    ("network", {"coefs_": [np.zeros((4, 0)), np.zeros((0, 3)), np.zeros((3, 3))]}, r"^here: coefs_\[0\] has shape \(4, 0\)"),
    ("network", {"intercepts_": [np.zeros(5), np.zeros(2), np.zeros(3)]}, r"^here: intercepts_\[1\] has 2 elements, 3 expected"),
    ("network", {"intercepts_": [np.zeros(5), np.zeros(3)]}, "^here: intercepts_ has 2 elements, 3 expected"),
    ("network", {"n_layers_": 3}, "^here: coefs_ has 3 elements, 2 expected"),
    ("network", {"n_layers_": 1}, "^here: n_layers_ is 1"),
    ("network", {"n_outputs_": 2}, "^here: n_outputs_ is not 3"),
    ("support vectors", {"degree": 2**31}, "^here: degree is 2147483648"),
    ("support vectors", {"n_features_in_": 2**31}, "^here: n_features_in_ is 2147483648"),
    ("support vectors", {"shape_fit_": (0, 4)}, r"^here: shape_fit_\[0\] is 0, at least 1 expected"),
    ("support vectors", {"shape_fit_": (40, -1)}, r"^here: shape_fit_\[1\] is -1"),
]


@pytest.mark.parametrize(("name", "change", "says"), WRONG, ids=[f"{name}: {says[1:50]}" for name, _, says in WRONG])
def test_a_relation_that_does_not_hold_is_refused_by_what_it_is(name: str, change: dict[str, Any], says: str) -> None:
    check, fields = GENUINE[name]
    with pytest.raises(InvalidState, match=says):
        check({**fields, **change}, "here")
