"""XGBoost boosters: trees, their categories, and the numbers that say how many of what there are.

XGBoost checks some of it when a model is loaded, and nothing of it when it predicts: a child, a feature or a category out of
range is read outside of memory.

The one rule: everything that is an index or a count is compared with what it points into.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.trust.state.fields import FLOAT32, Array, Fields, choice, field, first, refuse, sequence, vector
from holdfast.trust.state.tree_levels import check_levels

INT32, INT64, UINT8 = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.uint8)
MOST = 2**31 - 1
CATEGORY_BITS = 1 << 30
"""Bits of all sets of categories together: a set has as many as its largest category."""

DELETED = 2**31 - 1
"""The feature of a node that pruning has deleted."""

THREADS = 1024
FEATURES = 1 << 24
"""Columns of a row, which is laid out in full when it is predicted."""

GROUPS = 10_000
"""Numbers that are predicted for a row, as long as no trees or weights stand behind each of them."""

SHARED = 1 << 26
"""Bytes, about, that a file holds once and a snapshot again and again."""

_TREE_ARRAYS: dict[str, np.dtype[Any]] = {
    "base_weights": FLOAT32, "categories": INT32, "categories_nodes": INT32, "categories_segments": INT64, "categories_sizes": INT64,
    "default_left": UINT8, "leaf_weights": FLOAT32, "left_children": INT32, "loss_changes": FLOAT32, "parents": INT32,
    "right_children": INT32, "split_conditions": FLOAT32, "split_indices": INT32, "split_type": UINT8, "sum_hessian": FLOAT32,
}  # fmt: skip
_TREE_KEYS = frozenset({*_TREE_ARRAYS, "id", "tree_param", "[all]", "[lengths]"})
_KINDS: dict[int, np.dtype[Any]] = {7: FLOAT32, 8: np.dtype(np.float64), 9: np.dtype(np.int8), 10: UINT8, 11: np.dtype(np.int16), 13: INT32, 15: INT64}
"""Numbers that XGBoost has for kinds of arrays, as far as categories come in them."""

_LARGE = (dict, list, str, np.ndarray)


def check_xgboost(fields: Fields, where: str) -> None:
    """Check a booster.

    Args:
        fields: ``Model`` and ``Config``, nested dicts as XGBoost has them, with the columns of `frameworks.ubj` for trees. A model
            file of XGBoost's has no ``Config``, which says how to go on training.

    Raises:
        InvalidState: names the field.
    """
    if set(fields) - {"Config"} != {"Model", "[attributes]"}:
        refuse(where, "its parts are not Model and Config")
    attributes = field(fields, "[attributes]", where)
    if type(attributes) is not dict or "handle" in attributes:
        refuse(where, "its attributes are not ones that a booster has")
    model, config = _part(fields, "Model", where), _part(fields, "Config", where) if "Config" in fields else None
    _check_shared([model, config or {}], where)
    _keys(model, {"learner", "version"}, where, "Model")
    if not all(type(n) is int and 0 <= n < 10_000 for n in sequence(model, "version", where, 3)):
        refuse(where, "version is not three numbers")
    learner = _part(model, "learner", where)
    known = {"attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"}
    _keys(learner, known, where, "the learner")
    params = _part(learner, "learner_model_param", where)
    features = _number(params, "num_feature", where, FEATURES)
    classes, targets = (_number(params, name, where, MOST) for name in ("num_class", "num_target"))
    groups = max(1, classes) * max(1, targets)
    scores = _text(params, "base_score", where)
    if scores.startswith("[") and scores.count(",") + 1 not in (1, groups):
        refuse(where, f"base_score has {scores.count(',') + 1} numbers, {groups} expected")
    _texts(_part(learner, "attributes", where), where, "attributes")
    for name in ("feature_names", "feature_types"):
        listed = sequence(learner, name, where)
        if len(listed) not in (0, features) or not all(type(text) is str for text in listed):
            refuse(where, f"{name} are not {features} texts")
    _objective(_part(learner, "objective", where), classes, targets, where)
    booster = _part(learner, "gradient_booster", where)
    trees = _booster(booster, features, groups, where)
    if config is not None:
        _config(config, trees, params, where)


def _check_shared(parts: list[Any], where: str) -> None:
    """Refuse what grows when it is written: a part that stands in several places is written in each, and they may nest."""
    left = SHARED
    seen: set[int] = set()
    while parts:
        one = parts.pop()
        if id(one) in seen:
            left -= one.nbytes if type(one) is np.ndarray else 8 + len(one) if type(one) is str else 64 + len(one)
            if left < 0:
                refuse(where, "it refers to the same parts too often")
        seen.add(id(one))
        parts += [inner for inner in (one.values() if type(one) is dict else one if type(one) is list else ()) if type(inner) in _LARGE]


def _booster(booster: Fields, features: int, groups: int, where: str) -> int | None:
    name = choice(booster, "name", where, ("gbtree", "gblinear", "dart"))
    if name == "dart":
        _keys(booster, {"name", "gbtree", "weight_drop"}, where, "the booster")
        inner = _part(booster, "gbtree", where)
        choice(inner, "name", where, ("gbtree",))
        made = _booster(inner, features, groups, where)
        drops = sequence(booster, "weight_drop", where, made)
        if not all(isinstance(drop, float | np.floating) for drop in drops):
            refuse(where, "weight_drop holds something else than numbers")
        return made
    _keys(booster, {"name", "model"}, where, "the booster")
    model = _part(booster, "model", where)
    if name == "gblinear":
        _keys(model, {"boosted_rounds", "weights"}, where, "the linear model")
        weights = vector(model, "weights", where, [FLOAT32])
        if len(weights) not in (0, (features + 1) * groups):
            refuse(where, f"weights has {len(weights)} elements, {(features + 1) * groups} expected")
        if groups > max(GROUPS, len(weights)):
            refuse(where, f"it predicts {groups} numbers, and has no weights")
        return None
    _keys(model, {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"}, where, "the trees")
    param = _part(model, "gbtree_model_param", where)
    _texts(param, where, "gbtree_model_param")
    count = _number(param, "num_trees", where, MOST)
    _number(param, "num_parallel_tree", where, MOST, low=1)
    info = _ints(model, "tree_info", where, count)
    rounds = _ints(model, "iteration_indptr", where)
    if (count or len(rounds)) and (not len(rounds) or rounds[0] != 0 or rounds[-1] != count or (np.diff(rounds) < 0).any()):
        refuse(where, "iteration_indptr does not lead from 0 to the number of trees")
    _categories(_part(model, "cats", where), features, where)
    trees = _part(model, "trees", where)
    width = _trees(trees, count, features, groups, where) if count else 1
    if groups > max(GROUPS, count, width):
        refuse(where, f"it predicts {groups} numbers, and has {count} trees")
    if not count and (set(trees) != {"[all]"} or trees["[all]"] != 0):
        refuse(where, "there are trees, and num_trees is 0")
    if count and (int(info.min()) < 0 or int(info.max()) >= (1 if width > 1 else groups)):
        refuse(where, "tree_info names a group that is not there")
    return count


def _trees(trees: Fields, count: int, features: int, groups: int, where: str) -> int:
    if not set(trees) <= _TREE_KEYS or field(trees, "[all]", where) != count or type(trees["[all]"]) is not int:
        refuse(where, f"the trees have other fields than XGBoost's, or are not {count}")
    lengths = _part(trees, "[lengths]", where)
    sizes = vector(lengths, "base_weights", where, [INT64], count)
    if next(iter(lengths)) != "base_weights":
        refuse(where, "the lengths that cut all other fields do not come first")
    for name, each in lengths.items():
        vector(lengths, name, where, [INT64], count)
        if int(each.min()) < 0 or int(each.max()) > MOST or name not in _TREE_ARRAYS:
            refuse(where, f"the lengths of {name} are not lengths")
    params = _part(trees, "tree_param", where)
    columns = [_column(params, name, count, where) for name in ("num_nodes", "num_deleted", "num_feature", "size_leaf_vector")]
    _keys(params, {"num_nodes", "num_deleted", "num_feature", "size_leaf_vector"}, where, "tree_param")
    nodes, deleted, widths, leaf = columns
    width = max(1, int(leaf[0]))
    if (leaf != leaf[0]).any() or (width > 1 and width != groups):
        refuse(where, f"size_leaf_vector is {int(leaf[0])}, and {groups} numbers are predicted")
    if (widths != features).any():
        refuse(where, f"num_feature of a tree is not {features}")
    if int(nodes.min()) < 1 or (sizes != nodes * width).any():
        refuse(where, "num_nodes of a tree does not fit its arrays")
    per = {"base_weights": width, "leaf_weights": None, "sum_hessian": None}
    arrays: dict[str, Array] = {}
    for name, dtype in _TREE_ARRAYS.items():
        if name == "leaf_weights" and name not in trees:
            continue
        arrays[name] = array = vector(trees, name, where, [dtype])
        each = lengths[name] if name in lengths else np.zeros(count, np.int64) if not len(array) else sizes
        if len(array) != int(each.sum()):
            refuse(where, f"{name} has {len(array)} elements, {int(each.sum())} expected")
        if name.startswith("categories") or name == "leaf_weights":
            continue
        times = per.get(name, 1) or width
        if (each != nodes * times).any() and not (width > 1 and name == "sum_hessian" and (each == nodes).all()):
            refuse(where, f"{name} has not one element a node")
    ids = sequence(trees, "id", where, count)
    if ids != list(range(count)):
        refuse(where, "id of a tree is not its number")
    _check_nodes(arrays, nodes, deleted, features, width, where)
    _check_categories(arrays, lengths, nodes, where)
    if width > 1:
        leaves = np.bincount(np.repeat(np.arange(count), nodes)[arrays["left_children"] == -1], minlength=count)
        if "leaf_weights" not in arrays or ("leaf_weights" not in lengths and len(arrays["leaf_weights"]) != int(sizes.sum())):
            refuse(where, "leaf_weights is missing")
        each = lengths.get("leaf_weights", sizes)
        if (each != leaves * width).any():
            refuse(where, "leaf_weights has not one row a leaf")
        leaf_at = (arrays["left_children"] == -1).nonzero()[0]
        index = arrays["right_children"][leaf_at]
        if (index < 0).any() or (index >= np.repeat(leaves, leaves)).any():
            refuse(where, "a leaf names a row of weights that is not there")
    elif "leaf_weights" in arrays and len(arrays["leaf_weights"]):
        refuse(where, "there are weights of leaves, and leaves are numbers")
    return width


def _check_nodes(arrays: dict[str, Array], nodes: Array, deleted: Array, features: int, width: int, where: str) -> None:
    left, right, index = arrays["left_children"], arrays["right_children"], arrays["split_indices"]
    inner = left != -1
    size = np.repeat(nodes, nodes)
    ends = np.cumsum(nodes)
    start = np.repeat(ends - nodes, nodes)
    for name, child in (("left", left), ("right", right)):
        wrong = inner & ((child < 1) | (child >= size))
        if wrong.any():
            refuse(where, f"node {first(wrong)} of its trees has {name} child {int(child[first(wrong)])}, outside its tree")
    if width == 1 and (right[~inner] != -1).any():
        refuse(where, "a leaf has a right child")
    gone = ~inner & (index == DELETED)
    if (np.add.reduceat(gone, ends - nodes, dtype=np.int64) != deleted).any() or gone[ends - nodes].any():
        refuse(where, "num_deleted is not the number of deleted nodes")
    wrong = ~gone & ((index < 0) | (index >= max(1, features)))
    if wrong.any():
        refuse(where, f"node {first(wrong)} of its trees splits on feature {int(index[first(wrong)])}, outside 0..{features - 1}")
    if inner.any() and not features:
        refuse(where, "a tree splits, and there are no features")
    kind = arrays["split_type"]
    if int(kind.max()) > 1 or int(arrays["default_left"].max()) > 1:
        refuse(where, "split_type or default_left is neither 0 nor 1")
    numeric = inner & (kind == 0)
    if not np.isfinite(arrays["split_conditions"][numeric]).all():
        refuse(where, "a threshold is not finite")
    here = inner.nonzero()[0]
    children = np.concatenate([left[here] + start[here], right[here] + start[here]])
    seen = np.bincount(children, minlength=len(left))
    roots = np.zeros(len(left), bool)
    roots[ends - nodes] = True
    if (seen[roots] != 0).any() or (seen[~roots & ~gone] != 1).any() or seen[gone].any():
        refuse(where, "a node of its trees has no parent, or two")
    parents = arrays["parents"]
    if (parents[children] != np.concatenate([here, here]) - start[children]).any():
        refuse(where, "parents do not agree with children")
    if not np.isin(parents[roots], (-1, MOST)).all():
        refuse(where, "a root has a parent")
    # those of deleted nodes are looked at as well
    if ((parents[~roots] < 0) | (parents[~roots] >= size[~roots])).any():
        refuse(where, "a node has a parent outside its tree")
    reached = check_levels(ends - nodes, np.where(inner, left + start, -1), np.where(inner, right + start, -1), where)
    if reached != len(left) - int(gone.sum()):
        refuse(where, "some nodes of its trees cannot be reached")


def _check_categories(arrays: dict[str, Array], lengths: Fields, nodes: Array, where: str) -> None:
    count = len(nodes)
    # deleted nodes keep their kind
    split = (arrays["split_type"] == 1) & (arrays["left_children"] != -1)
    listed = arrays["categories_nodes"]
    none = np.zeros(count, np.int64)
    each = lengths["categories_nodes"] if "categories_nodes" in lengths else none if not len(listed) else lengths["base_weights"]
    for name in ("categories_segments", "categories_sizes"):
        if (lengths.get(name, none if not len(arrays[name]) else lengths["base_weights"]) != each).any():
            refuse(where, f"{name} has not one element for each node that splits on categories")
    starts = np.cumsum(nodes) - nodes
    owner = np.repeat(np.arange(count), each)
    if (listed < 0).any() or (listed >= nodes[owner]).any():
        refuse(where, "categories_nodes names a node that is not there")
    places = listed + starts[owner]
    if (np.diff(places) <= 0).any():
        refuse(where, "categories_nodes are not in order")
    marked = np.zeros(len(split), bool)
    marked[places] = True
    if (split & ~marked).any():
        refuse(where, "a node that splits on categories has none")
    categories = arrays["categories"]
    held = lengths["categories"] if "categories" in lengths else none if not len(categories) else lengths["base_weights"]
    begin, size = arrays["categories_segments"], arrays["categories_sizes"]
    if (begin < 0).any() or (size < 0).any() or (begin > held[owner]).any() or (size > held[owner] - begin).any():
        refuse(where, "categories_segments lead outside categories")
    if len(categories):
        if int(categories.min()) < 0 or int(categories.max()) >= 1 << 24:
            refuse(where, "a category is not one that XGBoost has")
        # each set is as long as its largest category; sets of one tree that overlap are counted each time
        if int(categories.max() + 32) * len(listed) > CATEGORY_BITS:
            refuse(where, f"its sets of categories take more than {CATEGORY_BITS} bits")


def _categories(cats: Fields, features: int, where: str) -> None:
    _keys(cats, {"enc", "feature_segments", "sorted_idx"}, where, "cats")
    encoded = sequence(cats, "enc", where)
    segments, order = (_ints(cats, name, where) for name in ("feature_segments", "sorted_idx"))
    if not encoded:
        if len(segments) or len(order):
            refuse(where, "there are segments of categories and no categories")
        return
    if len(encoded) != features or len(segments) != features + 1 or segments[0] != 0 or (np.diff(segments) < 0).any() or segments[-1] != len(order):
        refuse(where, "feature_segments do not fit the features and the categories")
    for number, one in enumerate(encoded):
        if type(one) is not dict:
            refuse(where, "the categories of a feature are not a dict")
        if "offsets" in one:
            _keys(one, {"offsets", "values"}, where, "the categories of a feature")
            offsets, values = _ints(one, "offsets", where), vector(one, "values", where, [np.dtype(np.int8), UINT8])
            if (len(offsets) and (offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != len(values))) or (not len(offsets) and len(values)):
                refuse(where, "offsets do not cut the names of categories")
            held = max(0, len(offsets) - 1)
        else:
            _keys(one, {"type", "values"}, where, "the categories of a feature")
            kind = choice(one, "type", where, tuple(_KINDS))
            held = len(vector(one, "values", where, [_KINDS[kind]]))
        low, high = int(segments[number]), int(segments[number + 1])
        if held != high - low or not np.array_equal(np.sort(order[low:high]), np.arange(held)):
            refuse(where, "sorted_idx is not an order of the categories")


def _objective(objective: Fields, classes: int, targets: int, where: str) -> None:
    _text(objective, "name", where)
    for name, part in objective.items():
        if name in ("ti+", "tj-"):  # how much a position is looked at, as a ranker has learned it
            vector(objective, name, where, [FLOAT32])
        elif name != "name":
            _texts(_part(objective, name, where), where, name)
            if name == "softmax_multiclass_param" and _number(part, "num_class", where, MOST) != classes:
                refuse(where, f"num_class of the objective is not {classes}")
            for key in ("quantile_alpha", "expectile_alpha"):
                if key in part and part[key].startswith("[") and part[key].count(",") + 1 != targets:
                    refuse(where, f"{key} has not one number for each of {targets} targets")


def _config(config: Fields, trees: int | None, params: Fields, where: str) -> None:
    """Check the training parameters: text nested in dicts, and a few of them by what they say."""
    waiting: list[Any] = [config]
    while waiting:
        one = waiting.pop()
        if type(one) is dict:
            for name, value in one.items():
                if type(name) is not str:
                    refuse(where, "Config has a key that is not text")
                if name in ("nthread", "n_jobs") and (type(value) is not str or not -1 <= _parsed(value, name, where) <= THREADS):
                    refuse(where, f"{name} is more than {THREADS}")
                if name == "trees":  # `ubj.write` would write columns for it
                    refuse(where, "Config holds trees")
                if name == "num_trees" and value != str(trees):
                    refuse(where, "num_trees of Config is not that of Model")
            waiting += one.values()
        elif type(one) is list:
            waiting += one
        elif type(one) not in (str, bool, int) and one is not None and not (type(one) is np.ndarray and one.ndim == 1):
            refuse(where, f"Config holds a {type(one).__name__}")
    learner = _part(config, "learner", where)
    if learner.get("learner_model_param") != params:
        refuse(where, "learner_model_param of Config is not that of Model")


# -- fields ------------------------------------------------------------------------------------------------------------


def _part(fields: Fields, name: str, where: str) -> dict[str, Any]:
    value = field(fields, name, where)
    if type(value) is not dict:
        refuse(where, f"{name} is not a dict")
    return value


def _keys(fields: Fields, known: Sequence[str] | set[str], where: str, what: str) -> None:
    extra = sorted(str(key) for key in set(fields) - set(known))
    if extra:
        refuse(where, f"{what} has the field {extra[0][:60]!r}, which is not known")


def _text(fields: Fields, name: str, where: str) -> str:
    value = field(fields, name, where)
    if type(value) is not str:
        refuse(where, f"{name} is not text")
    return value


def _texts(fields: Fields, where: str, what: str) -> None:
    if not all(type(key) is str and type(value) is str for key, value in fields.items()):
        refuse(where, f"{what} holds something else than text")


def _parsed(text: str, name: str, where: str) -> int:
    if not text.removeprefix("-").isdecimal() or len(text) > 20 or not text.isascii():
        refuse(where, f"{name} is not a number")
    return int(text)


def _number(fields: Fields, name: str, where: str, high: int, low: int = 0) -> int:
    number = _parsed(_text(fields, name, where), name, where)
    if not low <= number <= high:
        refuse(where, f"{name} is {number}, outside {low}..{high}")
    return number


def _ints(fields: Fields, name: str, where: str, size: int | None = None) -> Array:
    """Return a list or an array of integers as an array."""
    value = fields.get(name)
    if type(value) is list:
        if set(map(type, value)) - {int} or any(abs(number) > MOST for number in value):
            refuse(where, f"{name} holds something else than indices")
        fields = {name: np.array(value, np.int64)}
    return vector(fields, name, where, [INT32, INT64], size)


def _column(fields: Fields, name: str, count: int, where: str) -> Array:
    texts = sequence(fields, name, where, count)
    known: dict[str, int] = {}
    for text in set(map(str, texts)):
        known[text] = _parsed(text, name, where)
        if not 0 <= known[text] <= MOST:
            refuse(where, f"{name} of a tree is {known[text]}")
    return np.array([known[str(text)] for text in texts], np.int64)
