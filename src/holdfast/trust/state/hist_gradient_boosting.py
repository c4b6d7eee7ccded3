"""State of HistGradientBoosting: predict walks 32-bit child numbers and feature numbers without any bound.

The one rule: every node is reached from the root exactly once, by child numbers that only grow, and what a node
reads - a column, a row of a bitset - is there. ``X`` is checked for its width before the model's own preprocessor
changes it, so the preprocessor's width is part of the state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from holdfast.errors import quoted
from holdfast.trust.state.fields import (
    FLOAT64,
    Array,
    Fields,
    array,
    contiguous,
    field,
    first,
    integer,
    is_int,
    matrix,
    refuse,
    sequence,
    vector,
)

__all__ = ["PREDICTOR_DTYPE", "check_bin_mapper", "check_hist_gradient_boosting", "check_predictor", "check_predictors"]

PREDICTOR_DTYPE: Final = np.dtype(
    [
        ("value", "<f8"), ("count", "<u4"), ("feature_idx", "<i8"), ("num_threshold", "<f8"), ("missing_go_to_left", "u1"),
        ("left", "<u4"), ("right", "<u4"), ("gain", "<f8"), ("depth", "<u4"), ("is_leaf", "u1"), ("bin_threshold", "u1"),
        ("is_categorical", "u1"), ("bitset_idx", "<u4"),
    ]
)  # fmt: skip
"""scikit-learn's PREDICTOR_RECORD_DTYPE where pointers have 64 bits: packed, 56 bytes."""

_BITSETS = (np.dtype(np.uint32),)
_FLAGS = (np.dtype(np.uint8),)
_BLOCK = 8192  # work arrays below the size that malloc fetches from the system anew each time, which doubles the cost
_MOST_FEATURES = 2**31 - 1


def check_predictor(fields: Fields, where: str) -> None:
    """Check one predictor: nodes, binned_left_cat_bitsets, raw_left_cat_bitsets, and from the model n_features and is_categorical.

    ``n_features`` is the number of columns after preprocessing; ``is_categorical`` is the bin mapper's array of 0 and 1.
    Both may be missing, for a look at a predictor alone: then the model has not been shown to be safe.
    """
    check_predictors([fields], lambda _: where)


def check_predictors(predictors: Sequence[Fields], where_of: Callable[[int], str]) -> None:
    """Check many predictors; ``where_of(i)`` is asked only for the one that is refused."""
    sizes = _quick_frames(predictors) or [_check_frame(fields, where_of(i)) for i, fields in enumerate(predictors)]
    start = 0
    while start < len(predictors):
        stop, total = start, 0
        while stop < len(predictors) and (stop == start or total + sizes[stop] <= _BLOCK):
            total += sizes[stop]
            stop += 1
        _check_block(predictors[start:stop], np.array(sizes[start:stop], np.intp), start, where_of)
        start = stop


def _quick_frames(predictors: Sequence[Fields]) -> list[int] | None:
    """Return the node counts when all arrays are of the right kind and shape; else None."""
    try:
        nodes = [fields["nodes"] for fields in predictors]
        sets = [fields[name] for fields in predictors for name in ("binned_left_cat_bitsets", "raw_left_cat_bitsets")]
    except KeyError:
        return None
    if {*map(type, nodes), *map(type, sets)} != {np.ndarray} or {a.dtype for a in nodes} != {PREDICTOR_DTYPE}:
        return None
    if {a.dtype for a in sets} != {*_BITSETS} or {a.ndim for a in nodes} != {1} or {a.shape[1:] for a in sets} != {(8,)}:
        return None
    sizes = [*map(len, nodes)]
    if not 0 < min(sizes) <= max(sizes) < _MOST_FEATURES or [*map(len, sets[::2])] != [*map(len, sets[1::2])]:
        return None
    return sizes if all(a.flags.c_contiguous for a in nodes) and all(a.flags.c_contiguous for a in sets) else None


def _check_frame(fields: Fields, where: str) -> int:
    nodes = contiguous(vector(fields, "nodes", where, (PREDICTOR_DTYPE,)), "nodes", where)
    if not 0 < len(nodes) < _MOST_FEATURES:
        refuse(where, f"there are {len(nodes)} nodes, outside 1..{_MOST_FEATURES - 1}")
    raw = contiguous(matrix(fields, "raw_left_cat_bitsets", where, _BITSETS, (None, 8)), "raw_left_cat_bitsets", where)
    contiguous(matrix(fields, "binned_left_cat_bitsets", where, _BITSETS, (len(raw), 8)), "binned_left_cat_bitsets", where)
    return len(nodes)


def _check_block(predictors: Sequence[Fields], sizes: Array, offset: int, where_of: Callable[[int], str]) -> None:
    nodes = np.frombuffer(b"".join([fields["nodes"] for fields in predictors]), PREDICTOR_DTYPE)
    starts = np.cumsum(sizes) - sizes
    base = np.repeat(starts, sizes)

    def stop_at(wrong: Array, what: Callable[[Any], str], where: Array | None = None) -> None:
        """Refuse the first wrong node; ``where`` maps the mask's places to nodes."""
        if wrong.any():
            at = first(wrong) if where is None else int(where[first(wrong)])
            which = int(np.searchsorted(starts, at, "right")) - 1
            refuse(where_of(offset + which), f"node {at - starts[which]} {what(nodes[at])}")

    leaf, depth = nodes["is_leaf"], np.ascontiguousarray(nodes["depth"])
    stop_at(leaf > 1, lambda node: f"has is_leaf {node['is_leaf']}, 0 or 1 expected")
    inner = np.flatnonzero(leaf == 0)
    below = depth[inner] + np.uint32(1)
    ends = (starts + sizes)[np.searchsorted(starts, inner, "right") - 1]
    children = []
    for side in ("left", "right"):
        child = nodes[side][inner] + base[inner]
        stop_at((child <= inner) | (child >= ends), lambda node, side=side: f"has {side} child {node[side]}, out of range", inner)  # type: ignore[misc]
        stop_at(depth[child] != below, lambda node: f"has depth {node['depth']}, one more than its parent's is expected", child)
        children.append(child)
    parents = np.bincount(np.concatenate([starts, *children]), minlength=len(nodes))
    stop_at(parents != 1, lambda node: "has no parent or several, one is expected")
    stop_at(depth[starts] != 0, lambda node: f"is the root and has depth {node['depth']}, 0 expected", starts)

    feature, category = nodes["feature_idx"][inner], nodes["is_categorical"][inner] != 0
    width = _each(_widths(predictors, offset, where_of), sizes, inner)
    stop_at((feature < 0) | (feature >= width), lambda node: f"splits on feature {node['feature_idx']}, out of range", inner)
    stop_at(np.isnan(nodes["num_threshold"][inner]) & ~category, lambda node: "has the threshold NaN", inner)
    if category.any():
        sets = _each([len(fields["raw_left_cat_bitsets"]) for fields in predictors], sizes, inner)
        bitset = nodes["bitset_idx"][inner]
        stop_at(category & (bitset >= sets), lambda node: f"has bitset {node['bitset_idx']}, out of range", inner)
        which = np.searchsorted(starts, inner, "right") - 1
        for i in np.unique(which[category]).tolist():
            known = _known(predictors[i], partial(where_of, offset + i))
            mine = np.flatnonzero(category & (which == i))
            if known is not None:
                stop_at(known[feature[mine]] == 0, lambda node: f"reads feature {node['feature_idx']} as a category", inner[mine])


def _widths(predictors: Sequence[Fields], offset: int, where_of: Callable[[int], str]) -> list[int]:
    known = predictors[0].get("n_features")
    if type(known) is int and all(fields.get("n_features") is known for fields in predictors):  # they belong to one model
        return [_width(predictors[0], partial(where_of, offset))] * len(predictors)
    return [_width(fields, partial(where_of, offset + i)) for i, fields in enumerate(predictors)]


def _width(fields: Fields, where_of: Callable[[], str]) -> int:
    width = fields.get("n_features", _MOST_FEATURES)
    if type(width) is not int or not 0 < width <= _MOST_FEATURES:
        return integer(fields, "n_features", where_of(), 1, _MOST_FEATURES)
    return width


def _known(fields: Fields, where_of: Callable[[], str]) -> Array | None:
    if fields.get("is_categorical") is None:
        return None
    return vector(fields, "is_categorical", where_of(), _FLAGS, _width(fields, where_of))


def _each(values: list[int], sizes: Array, inner: Array) -> Any:
    """Return one value for all when they are equal, else one a node."""
    return values[0] if min(values) == max(values) else np.repeat(values, sizes)[inner]


def check_bin_mapper(fields: Fields, where: str) -> None:
    """Check the bin mapper: n_bins, bin_thresholds_, n_bins_non_missing_, missing_values_bin_idx_, is_categorical_."""
    bins = integer(fields, "n_bins", where, 3, 256)
    integer(fields, "missing_values_bin_idx_", where, bins - 1, bins - 1)
    flags = contiguous(vector(fields, "is_categorical_", where, _FLAGS), "is_categorical_", where)
    if (flags > 1).any():
        refuse(where, f"is_categorical_[{first(flags > 1)}] is {flags.max()}, 0 or 1 expected")
    used = vector(fields, "n_bins_non_missing_", where, _BITSETS, len(flags))
    thresholds = field(fields, "bin_thresholds_", where)
    if type(thresholds) is not list or len(thresholds) != len(flags):
        refuse(where, f"bin_thresholds_ is not a list with one array for each of {len(flags)} features")
    for i, value in enumerate(thresholds):
        name = f"bin_thresholds_[{i}]"
        edges = array(value, name, where, 1, (FLOAT64,))
        if (wrong := edges[1:] < edges[:-1]).any():
            refuse(where, f"{name}[{first(wrong) + 1}] is {edges[first(wrong) + 1]}, less than the one before")
        if len(edges) + 1 - int(flags[i]) != used[i] or used[i] >= bins:
            refuse(where, f"n_bins_non_missing_[{i}] is {used[i]}, and there are {len(edges)} thresholds and {bins} bins")
        if flags[i] and not ((edges >= 0) & (edges < 256) & (edges == np.floor(edges))).all():
            refuse(where, f"{name} holds a category that is not a whole number of 0..255")


def check_hist_gradient_boosting(fields: Fields, where: str) -> None:
    """Check what holds the predictors together.

    Fields: n_features (columns after preprocessing: the length of the bin mapper's is_categorical_), n_features_in_,
    n_trees_per_iteration_, predictors_per_iteration (a list of lengths), _baseline_prediction, and, where the model
    has a preprocessor, preprocessed (how many columns it makes).
    """
    columns = integer(fields, "n_features", where, 1, _MOST_FEATURES)
    made = integer(fields, "n_features_in_", where, 1, _MOST_FEATURES)
    if fields.get("preprocessed") is not None:
        made = integer(fields, "preprocessed", where, 1, _MOST_FEATURES)
    if made != columns:
        refuse(where, f"rows of {made} columns reach trees that were grown on {columns}")
    trees = integer(fields, "n_trees_per_iteration_", where, 1, _MOST_FEATURES)
    for i, count in enumerate(sequence(fields, "predictors_per_iteration", where)):
        if not is_int(count) or count != trees:
            refuse(where, f"_predictors[{i}] has {quoted(count, 40)} trees, {trees} expected")
    matrix(fields, "_baseline_prediction", where, (FLOAT64, np.dtype(np.float32)), (1, trees))
