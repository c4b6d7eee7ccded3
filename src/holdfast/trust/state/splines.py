"""State of fitted curves: BSpline (SplineTransformer), interp1d and isotonic regression.

The one rule: knots and thresholds ascend and are finite, and there are as many values as they call for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from holdfast.trust.state.fields import (
    FLOAT32,
    FLOAT64,
    Array,
    Fields,
    array,
    choice,
    contiguous,
    field,
    first,
    flag,
    integer,
    real,
    refuse,
    sequence,
    vector,
)

__all__ = ["check_bspline", "check_interp1d", "check_isotonic", "check_spline_transformer"]

_FLOATS = (FLOAT64, FLOAT32)
_COEFFICIENTS = (FLOAT64, np.dtype(np.complex128))


def check_bspline(fields: Fields, where: str) -> None:
    """Check t, c (its first axis is the spline's, whatever ``axis`` says), k, extrapolate, axis."""
    k = integer(fields, "k", where, 0, 2**15)
    t = vector(fields, "t", where, (FLOAT64,))  # a column of a table in genuine models; scipy copies it
    c = field(fields, "c", where)
    if type(c) is not np.ndarray or c.dtype not in _COEFFICIENTS or c.ndim < 1:
        refuse(where, "c is not an array of floats with at least one axis")
    integer(fields, "axis", where, 0, c.ndim - 1)
    choice(fields, "extrapolate", where, (True, False, "periodic"))
    _ascending(t, "t", where, strictly=False)
    n = len(t) - k - 1
    if n < k + 1:
        refuse(where, f"t has {len(t)} knots, at least {2 * k + 2} expected for degree {k}")
    if t[k] == t[n]:
        refuse(where, f"t[{k}..{n}] are all equal, two different inner knots are expected")
    if len(c) < n:
        refuse(where, f"c has {len(c)} rows, at least {n} expected for {len(t)} knots of degree {k}")


def check_spline_transformer(fields: Fields, where: str) -> None:
    """Check n_features_in_, n_features_out_, degree, include_bias, and splines (a list of the fields of ``bsplines_``)."""
    columns = integer(fields, "n_features_in_", where, 1, 2**31 - 1)
    degree = integer(fields, "degree", where, 0, 2**15)
    splines = sequence(fields, "splines", where, columns)
    per_column = set()
    for i, spline in enumerate(splines):
        if not isinstance(spline, Mapping):
            refuse(where, f"bsplines_[{i}] is of type {type(spline).__name__}, a spline is expected")
        check_bspline(spline, f"{where}.bsplines_[{i}]")
        if spline["k"] != degree or spline["axis"] != 0:
            refuse(where, f"bsplines_[{i}] has degree {spline['k']} along axis {spline['axis']}, {degree} along 0 expected")
        if spline["c"].ndim != 2:
            refuse(where, f"bsplines_[{i}].c has {spline['c'].ndim} axes, 2 expected")
        per_column.add(spline["c"].shape[1])
    if len(per_column) != 1:
        refuse(where, "bsplines_ make different numbers of columns")
    made = columns * per_column.pop() - (0 if choice(fields, "include_bias", where, (True, False)) else columns)
    integer(fields, "n_features_out_", where, made, made)


def check_interp1d(fields: Fields, where: str) -> None:
    """Check x and y of a linear interp1d; everything else is made again from them."""
    x = contiguous(vector(fields, "x", where, _FLOATS), "x", where)
    y = array(field(fields, "y", where), "y", where, 1, _FLOATS)
    if not len(x) or len(x) != len(y):
        refuse(where, f"x has {len(x)} elements and y {len(y)}")
    _ascending(x, "x", where, strictly=False)


def check_isotonic(fields: Fields, where: str) -> None:
    """Check X_thresholds_, y_thresholds_, X_min_, X_max_, increasing_, out_of_bounds."""
    x = contiguous(vector(fields, "X_thresholds_", where, _FLOATS), "X_thresholds_", where)
    y = contiguous(vector(fields, "y_thresholds_", where, _FLOATS), "y_thresholds_", where)
    if not len(x) or len(x) != len(y):
        refuse(where, f"X_thresholds_ has {len(x)} elements and y_thresholds_ {len(y)}")
    choice(fields, "out_of_bounds", where, ("nan", "clip", "raise"))
    up = flag(fields, "increasing_", where)
    _ascending(x, "X_thresholds_", where, strictly=True)
    _ascending(y if up else y[::-1], "y_thresholds_", where, strictly=False)
    low, high = real(fields, "X_min_", where), real(fields, "X_max_", where)
    if low != x[0] or high != x[-1]:
        refuse(where, f"X_min_ and X_max_ are {low} and {high}, the thresholds go from {x[0]} to {x[-1]}")


def _ascending(values: Array, name: str, where: str, *, strictly: bool) -> None:
    if (odd := ~np.isfinite(values)).any():
        refuse(where, f"{name}[{first(odd)}] is {values[first(odd)]}, a finite number is expected")
    wrong = values[1:] <= values[:-1] if strictly else values[1:] < values[:-1]
    if wrong.any():
        refuse(where, f"{name}[{first(wrong) + 1}] is {values[first(wrong) + 1]}, not above the one before")
