"""State of the neighbour models around their tree: KNeighbors, RadiusNeighbors, NearestNeighbors, LocalOutlierFactor.

The one rule: the rows that were fitted, their targets, the tree and the distance's parameters are of one size; class
numbers are written to by brute-force votes, and a Mahalanobis matrix is read as if it were as wide as the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.errors import quoted
from holdfast.trust.state.fields import (
    FLOAT64,
    INTP,
    Fields,
    choice,
    contiguous,
    field,
    first,
    integer,
    matrix,
    real,
    refuse,
    sequence,
    vector,
)

__all__ = ["check_metric_params", "check_neighbors_base"]

_NUMBERS = (FLOAT64, np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.int32))


def check_neighbors_base(fields: Fields, where: str) -> None:
    """Check what every neighbour model carries besides its tree.

    Fields: _fit_method, n_samples_fit_, n_features_in_, fit_shape (of _fit_X, or of _tree.data), fit_sparse,
    tree_shape (of _tree.data, or None), tree_type (its class name, or None), effective_metric_ (None for a callable);
    _y and classes_ (an array, or a list of arrays for several outputs) where the model has them.
    """
    method = choice(fields, "_fit_method", where, ("brute", "kd_tree", "ball_tree"))
    rows, columns = _shape(fields, "fit_shape", where)
    samples = integer(fields, "n_samples_fit_", where, 1)
    if rows != samples:
        refuse(where, f"n_samples_fit_ is {samples}, and _fit_X has {rows} rows")
    integer(fields, "n_features_in_", where, columns, columns)
    metric = fields.get("effective_metric_")
    if type(metric) is str and metric == "precomputed" and (rows != columns or method != "brute"):
        refuse(where, f"a precomputed distance of {rows} x {columns} is not square, or it is searched by {method}")
    kind = fields.get("tree_type")
    wanted = {"brute": ("",), "kd_tree": ("KDTree", "KDTree64"), "ball_tree": ("BallTree", "BallTree64")}[method]
    if ("" if kind is None else kind if type(kind) is str and kind else "?") not in wanted:
        refuse(where, f"_fit_method is {method}, and _tree is {quoted(kind, 40)}")
    if kind is not None and _shape(fields, "tree_shape", where) != [rows, columns]:
        refuse(where, f"_tree holds data of another shape than _fit_X, ({rows}, {columns})")
    if "_y" in fields:
        _check_targets(fields, rows, where)


def check_metric_params(fields: Fields, where: str) -> None:
    """Check params (``effective_metric_params_`` or ``metric_params``; None is none) against n_features of the data."""
    params = field(fields, "params", where)
    columns = integer(fields, "n_features", where, 1)
    if params is None:
        return
    if not isinstance(params, Mapping):
        refuse(where, f"the distance's parameters are of type {type(params).__name__}, a mapping is expected")
    for name, value in params.items():
        if name == "VI" or (name == "V" and type(value) is np.ndarray and value.ndim == 2):
            contiguous(matrix(params, name, where, _NUMBERS, (columns, columns)), name, where)
        elif name in ("V", "w") and value is not None:
            _as_weights(value, name, columns, where)
        elif name == "p" and not real(params, name, where) > 0:
            refuse(where, f"p is {value}, a number above 0 is expected")


def _check_targets(fields: Fields, rows: int, where: str) -> None:
    """Class numbers index arrays in C when neighbours vote by brute force."""
    targets = field(fields, "_y", where)
    if type(targets) is not np.ndarray or targets.ndim not in (1, 2) or len(targets) != rows:
        refuse(where, f"_y is not an array with one row for each of {rows} samples")
    if "classes_" not in fields:
        return
    classes = fields["classes_"]
    parts = classes if type(classes) is list else [classes]
    if not all(type(part) is np.ndarray and part.ndim == 1 for part in parts):
        refuse(where, "classes_ is neither an array nor a list of them")
    lengths = [len(part) for part in parts]
    table = targets.reshape(rows, -1)
    if targets.dtype != INTP or table.shape[1] != len(lengths):
        refuse(where, f"_y has elements of {targets.dtype} in {table.shape[1]} columns, {INTP} in {len(lengths)} expected")
    for column, count in enumerate(lengths):
        if (wrong := (table[:, column] < 0) | (table[:, column] >= count)).any():
            refuse(where, f"_y[{first(wrong)}] is class {table[first(wrong), column]}, outside 0..{count - 1}")


def _as_weights(value: Any, name: str, columns: int, where: str) -> None:
    if type(value) in (list, tuple):
        for i, number in enumerate(sequence({name: value}, name, where, columns)):
            real({f"{name}[{i}]": number}, f"{name}[{i}]", where)
        return
    contiguous(vector({name: value}, name, where, _NUMBERS, columns), name, where)


def _shape(fields: Fields, name: str, where: str) -> list[int]:
    sizes = {f"{name}[{i}]": size for i, size in enumerate(sequence(fields, name, where, 2))}
    return [integer(sizes, part, where) for part in sizes]
