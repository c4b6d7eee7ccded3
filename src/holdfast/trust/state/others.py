"""State of models that are plain arrays, where C code meets it only in ``partial_fit``; and counts that size a loop.

The one rule: an array has the width that the model says its rows have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.trust.state.fields import FLOAT32, FLOAT64, Fields, integer, refuse, vector
from holdfast.trust.state.sparse import check_sparse

__all__ = ["COUNTS", "JOBS", "LARGEST_COUNT", "check_counts", "check_sample_steps", "check_sgd"]

COUNTS = (
    "n_features_in_",
    "_n_features_out",
    "n_components_",
    "_n_components",
    "n_outputs_",
    "n_classes_",
    "n_clusters_",
    "n_leaves_",
)
"""Attributes that Python code takes for the length of a list or an array, such as in ``get_feature_names_out``."""

_MOST = 2**31 - 1
LARGEST_COUNT = 2**28
"""A hashed text has as many columns as a user asks for; beyond this the names of the columns alone fill any memory."""
JOBS = 4096
"""Processes or threads that a model may ask for: more than any machine has cores. ``n_jobs`` of them are started at once."""
_MOST_STEPS = 100_000
_FLOATS = (FLOAT64, FLOAT32)
_WIDE = ("coef_", "_standard_coef", "_average_coef")
_NARROW = ("intercept_", "offset_", "_standard_intercept", "_average_intercept")


def check_sgd(fields: Fields, where: str) -> None:
    """Check SGD models, Perceptron and PassiveAggressive: C code runs over all of them for the width of the rows.

    Fields: n_features_in_, and where the model has them coef_, _standard_coef, _average_coef (arrays, or a mapping with
    the parts of a sparse matrix), intercept_ or offset_, _standard_intercept, _average_intercept, classes_.
    """
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    classes = len(vector(fields, "classes_", where)) if "classes_" in fields else 0
    rows = classes if classes > 2 else 1
    for name in _WIDE:
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, Mapping):
            check_sparse(value, f"{where}.{name}")
            shape = tuple(value["shape"])
        else:
            shape = _shape(value, name, where)
        if shape not in ((rows, columns), (columns,)) or (rows > 1 and len(shape) == 1):
            refuse(where, f"{name} has shape {shape}, {(rows, columns)} expected")
    for name in _NARROW:
        value = fields.get(name)
        if value is not None and _shape(value, name, where) != (rows,):
            refuse(where, f"{name} has shape {np.shape(value)}, ({rows},) expected")


def check_sample_steps(fields: Fields, where: str) -> None:
    """Check sample_steps of AdditiveChi2Sampler: each is a round of a loop and two columns for each feature."""
    integer(fields, "sample_steps", where, 1, _MOST_STEPS)


def check_counts(fields: Fields, where: str) -> None:
    """Check the counts among some attributes: absent, None, or integers that no loop takes hours over."""
    for name in COUNTS:
        value = fields.get(name)
        if value is None or isinstance(value, (list, tuple, np.ndarray)):
            continue
        integer(fields, name, where, 0, LARGEST_COUNT)


def _shape(value: Any, name: str, where: str) -> tuple[int, ...]:
    if type(value) is not np.ndarray or value.dtype not in _FLOATS:
        refuse(where, f"{name} is not an array of floats")
    shape: tuple[int, ...] = value.shape
    return shape
