"""State of KDTree and BallTree: queries follow stored row numbers and node ranges without any bound.

The one rule: a tree's levels are exactly those that its builder makes from the number of rows - each node is halved,
the left half is the smaller - and ``idx_array`` is a permutation. The distance inside fits the width of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from holdfast.trust.state.fields import (
    FLOAT32,
    FLOAT64,
    INTP,
    Array,
    Fields,
    choice,
    contiguous,
    field,
    first,
    integer,
    matrix,
    real,
    refuse,
    vector,
)

__all__ = ["NODE_DATA_DTYPE", "check_binary_tree", "check_ckdtree", "check_distance_metric"]

NODE_DATA_DTYPE: Final = np.dtype([("idx_start", "<i8"), ("idx_end", "<i8"), ("is_leaf", "<i8"), ("radius", "<f8")])
"""scikit-learn's NodeData where pointers have 64 bits."""

TREES: Final = ("KDTree", "BallTree", "KDTree64", "BallTree64", "KDTree32", "BallTree32")

# The exponent that each distance carries besides its formula; Minkowski brings its own.
_SQUARES: Final = (
    "Euclidean", "SEuclidean", "Mahalanobis", "Hamming", "Canberra", "BrayCurtis", "Jaccard", "Matching", "Dice", "Kulsinski",
    "RogersTanimoto", "RussellRao", "SokalMichener", "SokalSneath", "Haversine", "PyFunc",
)  # fmt: skip
_POWERS: Final = {"Manhattan": 1.0, "Chebyshev": float("inf")} | dict.fromkeys(_SQUARES, 2.0)
_KD_POWERS: Final = ("Euclidean", "Manhattan", "Chebyshev", "Minkowski")
_INT = (INTP,)
_F8 = (FLOAT64,)
_MOST = 2**31 - 1


def check_binary_tree(fields: Fields, where: str) -> None:
    """Check a KDTree or BallTree.

    Fields: type (its class name), data, idx_array, node_data, node_bounds, leaf_size, n_levels, n_nodes, n_trims,
    n_leaves, n_splits, n_calls, sample_weight (or None), and dist_metric, a mapping as check_distance_metric takes it.
    """
    kind = choice(fields, "type", where, TREES)
    floats = (FLOAT32,) if kind.endswith("32") else _F8
    data = contiguous(matrix(fields, "data", where, floats), "data", where)
    rows, columns = data.shape
    if rows < 1 or columns < 1:
        refuse(where, f"data has shape {data.shape}, at least one row and one column expected")
    integer(fields, "leaf_size", where, 1)
    levels = integer(fields, "n_levels", where, 1, 62)
    nodes = integer(fields, "n_nodes", where, 2**levels - 1, 2**levels - 1)
    if rows < 2 ** (levels - 1):
        refuse(where, f"n_levels is {levels}, too many for {rows} rows")
    for name in ("n_trims", "n_leaves", "n_splits", "n_calls"):
        integer(fields, name, where, -(2**31), _MOST)
    _check_permutation(contiguous(vector(fields, "idx_array", where, _INT, rows), "idx_array", where), where)
    ranges = contiguous(vector(fields, "node_data", where, (NODE_DATA_DTYPE,), nodes), "node_data", where)
    _check_ranges(ranges, rows, levels, where)
    bounds = (2 if kind.startswith("KD") else 1, nodes, columns)
    contiguous(matrix(fields, "node_bounds", where, floats, bounds), "node_bounds", where)
    if field(fields, "sample_weight", where) is not None:
        contiguous(vector(fields, "sample_weight", where, floats, rows), "sample_weight", where)
    metric = field(fields, "dist_metric", where)
    if not isinstance(metric, Mapping):
        refuse(where, f"dist_metric is of type {type(metric).__name__}, a distance is expected")
    check_distance_metric({**metric, "n_features": columns}, f"{where}.dist_metric")
    name = str(metric["type"])
    if name.endswith("32") != kind.endswith("32"):
        refuse(where, f"dist_metric is a {name}, which a {kind} cannot hold")
    if kind.startswith("KD") and name[: -len("Distance64")] not in _KD_POWERS:
        refuse(where, f"dist_metric is a {name}, one of {', '.join(_KD_POWERS)} is expected")


def check_distance_metric(fields: Fields, where: str) -> None:
    """Check a distance: type (such as EuclideanDistance64), p, vec, mat, and n_features of the data if it is known."""
    names = tuple(f"{name}Distance{bits}" for name in (*_POWERS, "Minkowski") for bits in (64, 32))
    kind = choice(fields, "type", where, names)[: -len("Distance64")]
    vec = contiguous(vector(fields, "vec", where, _F8), "vec", where)
    mat = contiguous(matrix(fields, "mat", where, _F8), "mat", where)
    p = real(fields, "p", where)
    if kind == "Minkowski" and not 0 < p < float("inf"):
        refuse(where, f"p is {p}, a finite number above 0 is expected")
    if kind != "Minkowski" and p != _POWERS[kind]:
        refuse(where, f"p is {p}, {_POWERS[kind]} expected")
    if kind == "Minkowski" and not (vec >= 0).all():
        refuse(where, f"vec[{first(~(vec >= 0))}] is not a weight of at least 0")
    columns = fields.get("n_features")
    if columns is not None and kind == "Haversine" and columns != 2:
        refuse(where, f"the data has {columns} columns, Haversine takes 2")
    free = (columns, 0) if kind == "Minkowski" else (columns,)
    if len(vec) not in (free if kind in ("Minkowski", "SEuclidean") else (1,)) and columns is not None:
        refuse(where, f"vec has {len(vec)} elements for {columns} columns")
    side = mat.shape[0] if columns is None else columns
    if mat.shape != ((side, side) if kind == "Mahalanobis" else (1, 1)):
        refuse(
            where,
            f"mat has shape {mat.shape}, ({side}, {side}) expected"
            if kind == "Mahalanobis"
            else f"mat has shape {mat.shape}, (1, 1) expected",
        )


def check_ckdtree(fields: Fields, where: str) -> None:
    """Check the input that a scipy KDTree is built from again: data, leafsize, boxsize (or None).

    The nodes of a stored cKDTree cannot be validated from outside; they are never stored.
    """
    data = contiguous(matrix(fields, "data", where, _F8), "data", where)
    if not np.isfinite(data).all():
        refuse(where, "data holds NaN or infinity")
    integer(fields, "leafsize", where, 1)
    if fields.get("boxsize") is not None and not (vector(fields, "boxsize", where, _F8, data.shape[1]) >= 0).all():
        refuse(where, "boxsize holds a number that is not at least 0")


def _check_permutation(index: Array, where: str) -> None:
    if (wrong := (index < 0) | (index >= len(index))).any():
        refuse(where, f"idx_array[{first(wrong)}] is {index[first(wrong)]}, outside 0..{len(index) - 1}")
    seen = np.zeros(len(index), bool)
    seen[index] = True
    if not seen.all():
        refuse(where, f"idx_array does not hold {first(~seen)}, and another number twice")


def _check_ranges(ranges: Array, rows: int, levels: int, where: str) -> None:
    """Compare with the ranges that the builder makes: it halves each node, level after level."""
    start, end = np.zeros(1, np.intp), np.full(1, rows, np.intp)
    for level in range(levels):
        part = slice(2**level - 1, 2 ** (level + 1) - 1)
        nodes = ranges[part]
        leaf = int(level == levels - 1)
        wrong = (nodes["idx_start"] != start) | (nodes["idx_end"] != end) | (nodes["is_leaf"] != leaf)
        if wrong.any():
            at = first(wrong)
            got = f"{nodes['idx_start'][at]}..{nodes['idx_end'][at]} and is_leaf {nodes['is_leaf'][at]}"
            refuse(where, f"node_data[{part.start + at}] has {got}, {start[at]}..{end[at]} and {leaf} expected")
        middle = start + (end - start) // 2
        start, end = np.stack([start, middle], 1).ravel(), np.stack([middle, end], 1).ravel()
