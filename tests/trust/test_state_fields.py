"""Each field of each state, one after the other: gone, of another kind, of another dtype, with another axis, strided, out of range.

The genuine fields come from fitted models. What a table here does not leave out, with its reason, has to be refused, and the
refusal has to name the place and the field.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from holdfast.errors import InvalidState
from tests.trust import live_state as live
from tests.trust.genuine_states import GENUINE, Check
from tests.trust.live_state import Fields


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
    "nodes": "node",
    "params": "parameters",
    "predictors_per_iteration": r"_predictors\[",
    "size": "elements",
    "tree_n_features": "was grown on",
    "tree_n_outputs": "outputs",
    "tree_type": "_tree",
    "tree_value_width": "values a node",
    "widths": "its member takes",
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
    "params.w": "users give lists as well",
    "params.p": "any power above 0 is one",
    "rows": "a list of lists, or an array of them",
    "data": "a list of lists, or an array of them",
    "coef_": "one row may stand without its axis",
    "order_": "an order of whole numbers is one in a list and among objects as well",
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
    ("parameters of a distance", "params.w"): {"a list"},
    ("parameters of a distance", "params.p"): {"a fraction", "far above"},
    ("chain", "order_"): {"objects", "a list"},
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
    "init_columns", "multiclass", "_cached_dict", "w", "p", "_average_path_length_per_tree", "_decision_path_lengths",
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
WEIGHTED = GENUINE["ball tree"][1]["dist_metric"]
TARGETS = GENUINE["target encoder"][1]
ONE_HOT = GENUINE["one-hot encoder"][1]
SKETCH = GENUINE["count sketch"][1]
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
    *((name, {"n_features_in_": 2**31}, r"^here: n_features_in_ is 2147483648, outside 1\.\.2147483647")
      for name in ("centers", "birch", "covariance", "mixture full", "forest", "isolation forest", "boosted trees")),
    ("labels", {"size": -1}, "^here: size is -1"),
    ("labels", {"n_clusters": 2**31}, "^here: n_clusters is 2147483648"),
    ("labels", {"lowest": -4}, "^here: lowest is -4"),
    ("labels", {"lowest": 1}, "^here: lowest is 1"),
    ("merges", {"n_leaves_": 2**31}, "^here: n_leaves_ is 2147483648"),
    ("merges", {"n_leaves_": 39, "children_": np.zeros((39, 2), int)}, "^here: children_ has 39 merges of 39 leaves"),
    ("single linkage", {"n_samples": 2**31}, "^here: n_samples is 2147483648"),
    ("neighbours", {"n_samples_fit_": 0, "fit_shape": (0, 4), "tree_shape": (0, 4)}, "^here: n_samples_fit_ is 0"),
    ("neighbours", {"fit_shape": (40, 4, 1)}, "^here: fit_shape has 3 elements, 2 expected"),
    ("neighbours", {"tree_shape": (40,)}, "^here: tree_shape has 1 elements, 2 expected"),
    ("parameters of a distance", {"n_features": 0}, "^here: n_features is 0"),
    ("parameters of a distance", {"params": {"VI": np.repeat(np.eye(4), 2, axis=0)[::2]}}, "^here: VI is not in C order"),
    ("parameters of a distance", {"params": {"VI": np.eye(3)}}, r"^here: VI has shape \(3, 3\), \(4, 4\) expected"),
    ("parameters of a distance", {"params": {"w": np.ones(8)[::2]}}, "^here: w is not in C order"),
    ("parameters of a distance", {"params": {"w": [1.0, 2.0, "3", 4.0]}}, r"^here: w\[2\] is of type str, a number is expected"),
    ("parameters of a distance", {"params": {"w": np.ones(3)}}, "^here: w has 3 elements, 4 expected"),
    ("parameters of a distance", {"params": {"p": 0}}, "^here: p is 0, a number above 0 is expected"),
    ("kd tree", {"data": np.zeros((0, 4))}, r"^here: data has shape \(0, 4\), at least one row"),
    ("kd tree", {"n_levels": 63}, "^here: n_levels is 63"),
    ("kd tree", {"n_levels": 0}, "^here: n_levels is 0"),
    ("kd tree", {"n_nodes": 8}, "^here: n_nodes is 8"),
    ("kd tree", {"n_levels": 7, "n_nodes": 127}, "^here: n_levels is 7, too many for 40 rows"),
    ("kd tree", {"sample_weight": np.ones(80)[::2]}, "^here: sample_weight is not in C order"),
    ("kd tree", {"sample_weight": np.ones(39)}, "^here: sample_weight has 39 elements, 40 expected"),
    ("ball tree", {"dist_metric": WEIGHTED | {"mat": np.zeros((2, 2))[:, ::2]}}, r"^here\.dist_metric: mat is not in C order"),
    ("tree", {"n_classes": np.array([0])}, r"^here: n_classes\[0\] is 0, at least 1 expected"),
    ("tree", {"n_outputs": 2**31}, "^here: n_outputs is 2147483648"),
    ("tree", {"nodes": GENUINE["tree"][1]["nodes"][:0].copy()}, "^here: there are 0 nodes, outside"),
    ("tree", {"max_depth": -1}, "^here: max_depth is -1"),
    ("tree", {"max_depth": 2}, "^here: max_depth is 2, and the nodes are 3 deep"),
    ("forest", {"n_outputs_": 0}, "^here: n_outputs_ is 0"),
    ("forest", {"tree_n_outputs": [1, 1]}, "^here: tree_n_outputs has 2 elements, 3 expected"),
    ("isolation forest", {"_max_features": 5}, r"^here: _max_features is 5, outside 1\.\.4"),
    ("boosted trees", {"n_trees_per_iteration_": 0}, "^here: n_trees_per_iteration_ is 0"),
    ("boosted trees", {"tree_value_width": [1] * 5}, "^here: tree_value_width has 5 elements, 6 expected"),
    ("boosted trees", {"init_columns": 0}, "^here: init_columns is 0"),
    ("bin mapper", {"is_categorical_": np.array([0, 0, 0, 2], np.uint8)}, r"^here: is_categorical_\[3\] is 2, 0 or 1 expected"),
    ("one-hot encoder", {"infrequent": [None] * 4, "_n_features_outs": [n - 1 for n in ONE_HOT["n_categories"]]}, r"^here: _default_to_infrequent_mappings\[0\] is there"),
    ("one-hot encoder", {"mappings": [ONE_HOT["mappings"][0], ONE_HOT["mappings"][1] + 1, *ONE_HOT["mappings"][2:]]}, r"^here\._default_to_infrequent_mappings\[1\]: a category is mapped"),
    ("one-hot encoder", {"mappings": [ONE_HOT["mappings"][0] - 1, *ONE_HOT["mappings"][1:]]}, r"^here\._default_to_infrequent_mappings\[0\]: a category is mapped"),
    ("polynomials", {"_max_degree": 1_000_000}, "^here: degree 1000000 of 4 features makes more than 2147483647 columns"),
    ("bags", {"widths": [3, 3]}, r"^here: estimators_features_\[0\] has 2 columns, and its member takes 3"),
    ("bags", {"estimators_features_": [np.r_[0, 3], np.r_[1, 2, 4]]}, r"^here: estimators_features_\[1\]\[2\] is 4, outside 0\.\.3"),
    ("bags", {"estimators_features_": [np.r_[0, -1], np.r_[1, 2, 3]]}, r"^here: estimators_features_\[0\]\[1\] is -1, outside 0\.\.3"),
    ("bags", {"nodes": [3, 4]}, "^here: _average_path_length_per_tree does not have one element for each node"),
    ("bags", {"_decision_path_lengths": [np.ones(3)]}, "^here: _decision_path_lengths does not have one element for each node"),
    ("count sketch", {"bitHash_": SKETCH["bitHash_"] * 2}, "^here: bitHash_ holds something else than 1 and -1"),
    ("count sketch", {"bitHash_": SKETCH["bitHash_"][:, :3]}, r"^here: bitHash_ has shape"),
    ("count sketch", {"n_components": 2}, r"^here: indexHash_\[\d+\] is \d, outside 0\.\.1"),
    ("imputation", {"feat_idx": [4, 0]}, r"^here\.imputation_sequence_\[0\]: feat_idx is 4, outside 0\.\.3"),
    ("imputation", {"neighbor_feat_idx": [np.r_[1], np.r_[-1]]}, r"^here\.imputation_sequence_\[1\]: neighbor_feat_idx\[0\] is -1"),
    ("chain", {"order_": np.r_[1, 1, 2]}, "^here: order_ is not an order of its 3 estimators"),
    ("chain", {"order_": np.r_[1, 2]}, "^here: order_ is not an order of its 3 estimators"),
    ("chain", {"order_": np.r_[0.0, 1.0, 2.0]}, "^here: order_ is not an order of its 3 estimators"),
    ("missing columns", {"features_": np.r_[0, 4]}, r"^here: features_\[1\] is 4, outside 0\.\.3"),
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
