"""State of libsvm's models (SVC, NuSVC, SVR, NuSVR, OneClassSVM): C code takes all sizes from two of the arrays.

The one rule: with l support vectors and k classes every other array has exactly the size that libsvm computes from
l and k; scikit-learn compares only one sum, and a short array is read past its end without a sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.trust.state.fields import (
    FLOAT64,
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
from holdfast.trust.state.sparse import check_csr

__all__ = ["check_libsvm"]

_KERNELS = ("linear", "poly", "rbf", "sigmoid", "precomputed")
_SPARSE_KERNELS = _KERNELS[:4]
_INT32 = (np.dtype(np.int32),)
_F8 = (FLOAT64,)
_MOST = 2**31 - 1


def check_libsvm(fields: Fields, where: str) -> None:
    """Check one fitted model.

    Fields, named as the attributes are: support_, support_vectors_, _n_support, dual_coef_, _dual_coef_, intercept_,
    _intercept_, _probA, _probB, shape_fit_, _sparse, _gamma, degree, kernel (a string, or None for a callable),
    _effective_probability, n_features_in_ (not for a callable); class_weight_ and classes_ for classifiers and
    absent otherwise; x_fit_rows (rows of the training data that a callable kernel keeps). A sparse matrix is a
    mapping with data, indices, indptr, shape.
    """
    sparse = choice(fields, "_sparse", where, (True, False))
    called = field(fields, "kernel", where) is None
    kernel = "precomputed" if called else choice(fields, "kernel", where, _SPARSE_KERNELS if sparse else _KERNELS)
    support = vector(fields, "support_", where, _INT32)
    total = len(support)
    classes = _check_counts(fields, total, where)
    pairs = classes * (classes - 1) // 2
    for name in ("_intercept_", "intercept_"):
        contiguous(vector(fields, name, where, _F8, pairs), name, where)
    _check_probability(fields, pairs, where)
    real(fields, "_gamma", where)
    integer(fields, "degree", where, 0, _MOST)
    rows = _check_training_shape(fields, called, where)
    if (wrong := (support < 0) | (support >= rows)).any():
        refuse(where, f"support_[{first(wrong)}] is {support[first(wrong)]}, outside 0..{rows - 1}")
    width = None if called else integer(fields, "n_features_in_", where, 1, _MOST)
    for name in ("dual_coef_", "_dual_coef_"):
        (_check_sparse_coefficients if sparse else _check_dense_coefficients)(fields, name, classes - 1, total, where)
    _check_vectors(fields, kernel, total, width, sparse, where)


def _check_counts(fields: Fields, total: int, where: str) -> int:
    """Check _n_support and return the number of classes; libsvm takes a regression for one with two."""
    counts = contiguous(vector(fields, "_n_support", where, _INT32), "_n_support", where)
    classifier = "classes_" in fields
    classes = len(vector(fields, "classes_", where)) if classifier else 2
    if len(counts) != classes or classes < 2:
        refuse(where, f"_n_support has {len(counts)} elements for {classes} classes")
    if classifier and (counts < 0).any():
        refuse(where, f"_n_support[{first(counts < 0)}] is {counts.min()}, at least 0 expected")
    if classifier and int(counts.sum(dtype=np.int64)) != total:
        refuse(where, f"_n_support adds up to {counts.sum(dtype=np.int64)}, and there are {total} support vectors")
    # On sparse data scikit-learn 1.9 leaves whatever was in memory there for a regression; nothing reads it.
    if not classifier and not fields["_sparse"] and (counts != total).any():
        refuse(where, f"_n_support is {counts.tolist()}, {total} twice expected")
    if classifier:
        vector(fields, "class_weight_", where, _F8, classes)
    elif "class_weight_" in fields:
        vector(fields, "class_weight_", where, _F8)
    return classes


def _check_probability(fields: Fields, pairs: int, where: str) -> None:
    used = choice(fields, "_effective_probability", where, (True, False))
    for name in ("_probA", "_probB"):
        contiguous(vector(fields, name, where, _F8, pairs if used else 0), name, where)


def _check_training_shape(fields: Fields, called: bool, where: str) -> int:
    shape = field(fields, "shape_fit_", where)
    if type(shape) is not tuple or not 1 <= len(shape) <= 3:
        refuse(where, "shape_fit_ is not a tuple of sizes")
    sizes = {f"shape_fit_[{i}]": size for i, size in enumerate(shape)}
    rows, *_ = [integer(sizes, name, where, 0) for name in sizes]
    if rows < 1:
        refuse(where, "shape_fit_[0] is 0, at least 1 expected")
    if called:
        integer(fields, "x_fit_rows", where, rows, rows)
    elif fields.get("kernel") == "precomputed":
        integer(fields, "n_features_in_", where, rows, rows)
    return rows


def _check_dense_coefficients(fields: Fields, name: str, rows: int, total: int, where: str) -> None:
    contiguous(matrix(fields, name, where, _F8, (rows, total)), name, where)


def _check_sparse_coefficients(fields: Fields, name: str, rows: int, total: int, where: str) -> None:
    parts, place = _parts(fields, name, where)
    check_csr(parts, place)
    if not total:
        return
    if tuple(parts["shape"]) != (rows, total):
        refuse(where, f"{name} has shape {tuple(parts['shape'])}, ({rows}, {total}) expected")
    # C code reads the data alone, as rows of l numbers: every element has to be stored.
    data = contiguous(vector(parts, "data", place, _F8), "data", place)
    if len(data) != rows * total:
        refuse(place, f"data has {len(data)} elements, {rows * total} expected")


def _check_vectors(fields: Fields, kernel: str, total: int, width: int | None, sparse: bool, where: str) -> None:
    name = "support_vectors_"
    if not sparse:
        # A precomputed kernel stores none, and libsvm then looks at support_ alone.
        shape = (0, 0) if kernel == "precomputed" else (total, width)
        contiguous(matrix(fields, name, where, _F8, shape), name, where)
        return
    parts, place = _parts(fields, name, where)
    check_csr(parts, place)
    if tuple(parts["shape"]) != (total, width):
        refuse(where, f"{name} has shape {tuple(parts['shape'])}, ({total}, {width}) expected")
    for part, dtypes in (("data", _F8), ("indices", _INT32), ("indptr", _INT32)):
        contiguous(vector(parts, part, place, dtypes), part, place)
    _check_ascending(parts, place)


def _check_ascending(parts: Mapping[str, Any], place: str) -> None:
    """Refuse columns that do not ascend within a row: the kernels walk two rows in step."""
    indices: Array = parts["indices"]
    steps = indices[1:] > indices[:-1]
    starts = parts["indptr"][1:-1]
    steps[starts[(starts > 0) & (starts < len(indices))] - 1] = True
    if not steps.all():
        refuse(place, f"indices[{first(~steps) + 1}] does not follow the one before in its row")


def _parts(fields: Fields, name: str, where: str) -> tuple[Mapping[str, Any], str]:
    parts = field(fields, name, where)
    if not isinstance(parts, Mapping):
        refuse(where, f"{name} is of type {type(parts).__name__}, a sparse matrix is expected")
    return parts, f"{where}.{name}"
