"""State of scipy's sparse matrices and arrays: products and conversions follow the stored indices without any bound.

The one rule: every index points inside the shape, and every pointer inside the arrays. scipy's constructors do not
look (``csr_matrix((data, indices, indptr))`` takes index 2**31 and ``@`` crashes). Order and duplicates are legal;
the sorted and canonical flags are therefore never stored, scipy finds them out again.

A matrix that carries more room than entries (``len(data) > indptr[-1]``) is legal for scipy too; the writer drops
the rest, so a reader refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from holdfast.trust.state.fields import INDEX_DTYPES, Array, Fields, array, choice, field, first, is_int, refuse, sequence, vector

__all__ = ["check_bsr", "check_coo", "check_csc", "check_csr", "check_dia", "check_dok", "check_lil", "check_sparse"]

_MOST = 2**63 - 1


def check_sparse(fields: Fields, where: str) -> None:
    """Check a matrix by its ``format``."""
    _CHECKS[choice(fields, "format", where, tuple(_CHECKS))](fields, where)


def check_csr(fields: Fields, where: str) -> None:
    """Check shape (1 or 2 axes), data, indices, indptr."""
    shape = _shape(fields, where, (1, 2))
    if len(shape) == 1:
        shape = (1, *shape)
    _check_compressed(fields, where, shape[0], shape[1], 1)


def check_csc(fields: Fields, where: str) -> None:
    """Check shape, data, indices, indptr."""
    shape = _shape(fields, where, (2,))
    _check_compressed(fields, where, shape[1], shape[0], 1)


def check_bsr(fields: Fields, where: str) -> None:
    """Check shape, data (blocks of equal size), indices, indptr."""
    shape = _shape(fields, where, (2,))
    data = array(field(fields, "data", where), "data", where, 3)
    high, wide = data.shape[1:]
    if high < 1 or wide < 1 or shape[0] % high or shape[1] % wide:
        refuse(where, f"blocks of {high} x {wide} do not fill a shape of {shape[0]} x {shape[1]}")
    _check_compressed(fields, where, shape[0] // high, shape[1] // wide, 3)


def check_coo(fields: Fields, where: str) -> None:
    """Check shape, data and coords (a list or tuple with one array an axis), or row and col."""
    shape = _shape(fields, where, None)
    coords = field(fields, "coords", where) if "coords" in fields else [field(fields, "row", where), field(fields, "col", where)]
    if type(coords) not in (list, tuple) or len(coords) != len(shape):
        refuse(where, f"there are not {len(shape)} arrays of coordinates")
    data = _data(fields, where, 1)
    for axis, (value, size) in enumerate(zip(coords, shape, strict=True)):
        index = array(value, f"coords[{axis}]", where, 1, INDEX_DTYPES)
        if len(index) != len(data):
            refuse(where, f"coords[{axis}] has {len(index)} elements, data {len(data)}")
        _inside(index, size, f"coords[{axis}]", where)


def check_dia(fields: Fields, where: str) -> None:
    """Check shape, data (one row a diagonal), offsets."""
    shape = _shape(fields, where, (2,))
    data = _data(fields, where, 2)
    offsets = vector(fields, "offsets", where, INDEX_DTYPES, len(data))
    if len(offsets) and not (-shape[0] < offsets.min() and offsets.max() < shape[1]):
        refuse(where, f"offsets hold a diagonal outside {1 - shape[0]}..{shape[1] - 1}")
    if len(np.unique(offsets)) != len(offsets):
        refuse(where, "offsets name a diagonal twice")


def check_lil(fields: Fields, where: str) -> None:
    """Check shape, rows and data: for each row a list of ascending columns and a list of values."""
    shape = _shape(fields, where, (2,))
    rows, data = sequence(fields, "rows", where, shape[0]), sequence(fields, "data", where, shape[0])
    for i, (columns, values) in enumerate(zip(rows, data, strict=True)):
        if type(columns) is not list or type(values) is not list or len(columns) != len(values):
            refuse(where, f"row {i} is not a list of indices with a list of as many values")
        if not all(map(is_int, columns)) or any(a >= b for a, b in pairwise(columns)):
            refuse(where, f"row {i} has indices that do not ascend")
        if columns and not (columns[0] >= 0 and columns[-1] < shape[1]):
            refuse(where, f"row {i} has an index outside 0..{shape[1] - 1}")


def check_dok(fields: Fields, where: str) -> None:
    """Check shape and items: a mapping, or the list of its keys, from index tuples (or integers for one axis)."""
    shape = _shape(fields, where, (1, 2))
    items = field(fields, "items", where)
    for i, key in enumerate(list(items) if isinstance(items, Mapping) else sequence(fields, "items", where)):
        places = key if type(key) is tuple else (key,)
        if len(places) != len(shape) or not all(map(is_int, places)):
            refuse(where, f"key {i} is not made of {len(shape)} integers")
        if not all(0 <= place < size for place, size in zip(places, shape, strict=True)):
            refuse(where, f"key {i} is {places}, outside the shape {shape}")


_CHECKS: dict[str, Callable[[Fields, str], None]] = {
    "csr": check_csr,
    "csc": check_csc,
    "coo": check_coo,
    "bsr": check_bsr,
    "dia": check_dia,
    "lil": check_lil,
    "dok": check_dok,
}


def _shape(fields: Fields, where: str, axes: tuple[int, ...] | None) -> tuple[int, ...]:
    shape = field(fields, "shape", where)
    if type(shape) not in (tuple, list) or not all(is_int(n) and 0 <= n <= _MOST for n in shape):
        refuse(where, "shape is not a tuple of sizes")
    if len(shape) < 1 or (axes is not None and len(shape) not in axes):
        refuse(where, f"shape has {len(shape)} axes")
    return tuple(int(n) for n in shape)


def _data(fields: Fields, where: str, ndim: int) -> Array:
    data = array(field(fields, "data", where), "data", where, ndim)
    if data.dtype.kind not in "biufc":
        refuse(where, "data has elements that are not numbers")
    return data


def _check_compressed(fields: Fields, where: str, major: int, minor: int, ndim: int) -> None:
    data = _data(fields, where, ndim)
    indptr = vector(fields, "indptr", where, INDEX_DTYPES, major + 1)
    indices = vector(fields, "indices", where, INDEX_DTYPES, len(data))
    if indptr[0] != 0:
        refuse(where, f"indptr[0] is {indptr[0]}, 0 expected")
    if (wrong := indptr[1:] < indptr[:-1]).any():
        at = first(wrong) + 1
        refuse(where, f"indptr[{at}] is {indptr[at]}, less than the one before")
    if indptr[-1] != len(indices):
        refuse(where, f"indptr ends at {indptr[-1]}, and there are {len(indices)} entries")
    _inside(indices, minor, "indices", where)


def _inside(index: Array, size: int, name: str, where: str) -> None:
    # One pass: a negative number is a very large one without a sign.
    unsigned: Any = index.view(np.uint32 if index.dtype.itemsize == 4 else np.uint64) if index.flags.c_contiguous else None
    if unsigned is None or (len(index) and int(unsigned.max()) >= size):
        wrong = (index < 0) | (index >= size)
        if wrong.any():
            refuse(where, f"{name}[{first(wrong)}] is {index[first(wrong)]}, outside 0..{size - 1}")
