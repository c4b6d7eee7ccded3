"""State of the neighbour models around their tree: KNeighbors, RadiusNeighbors, NearestNeighbors, LocalOutlierFactor.

The one rule: the rows that were fitted, their targets, the tree and the distance's parameters are of one size; class
numbers are written to by brute-force votes, and a Mahalanobis matrix is read as if it were as wide as the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.trust.state.fields import FLOAT64, INTP, Fields, choice, contiguous, field, first, integer, matrix, real, refuse, vector

__all__ = ["check_metric_params", "check_neighbors_base"]

_NUMBERS = (FLOAT64, np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.int32))


def check_neighbors_base(fields: Fields, where: str) -> None:
    """Check what every neighbour model carries besides its tree.

    Fields: _fit_method, n_samples_fit_, n_features_in_, fit_shape (of _fit_X, or of _tree.data), fit_sparse,
    tree_shape (of _tree.data, or None), tree_type (its class name, or None), effective_metric_ (None for a callable);
    _y and classes_ (an array, or a list of arrays for several outputs) where the model has them.
    """
    method = choice(fields, "_fit_method", where, ("brute", "kd_tree", "ball_tree"))
    rows, columns = field(fields, "fit_shape", where)
    samples = integer(fields, "n_samples_fit_", where, 1)
    if rows != samples:
        refuse(where, f"n_samples_fit_ is {samples}, and _fit_X has {rows} rows")
    integer(fields, "n_features_in_", where, columns, columns)
    if fields.get("effective_metric_") == "precomputed" and (rows != columns or method != "brute"):
        refuse(where, f"a precomputed distance of {rows} x {columns} is not square, or it is searched by {method}")
    kind = fields.get("tree_type")
    wanted = {"brute": ("",), "kd_tree": ("KDTree", "KDTree64"), "ball_tree": ("BallTree", "BallTree64")}[method]
    if (kind or "") not in wanted:
        refuse(where, f"_fit_method is {method}, and _tree is {kind or 'None'}")
    if kind is not None and tuple(fields["tree_shape"]) != (rows, columns):
        refuse(where, f"_tree holds data of shape {tuple(fields['tree_shape'])}, _fit_X has ({rows}, {columns})")
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
        if name in ("VI", "V") and (name == "VI" or getattr(value, "ndim", 0) == 2):
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
    lengths = [len(part) for part in classes] if type(classes) is list else [len(classes)]
    table = targets.reshape(rows, -1)
    if targets.dtype != INTP or table.shape[1] != len(lengths):
        refuse(where, f"_y has elements of {targets.dtype} in {table.shape[1]} columns, {INTP} in {len(lengths)} expected")
    for column, count in enumerate(lengths):
        if (wrong := (table[:, column] < 0) | (table[:, column] >= count)).any():
            refuse(where, f"_y[{first(wrong)}] is class {table[first(wrong), column]}, outside 0..{count - 1}")


def _as_weights(value: Any, name: str, columns: int, where: str) -> None:
    values = np.asarray(value) if type(value) in (list, tuple) else value
    contiguous(vector({name: values}, name, where, _NUMBERS, columns), name, where)
