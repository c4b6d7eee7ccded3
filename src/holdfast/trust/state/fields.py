"""Reading one field of a state: there, of the right kind, of the right shape, or refused.

The one rule: a check trusts nothing about a value until a function here has returned it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import InvalidState, quoted

Array: TypeAlias = NDArray[Any]
Fields: TypeAlias = Mapping[str, Any]

INTP = np.dtype(np.intp)
FLOAT64 = np.dtype(np.float64)
FLOAT32 = np.dtype(np.float32)
INDEX_DTYPES = (np.dtype(np.int32), np.dtype(np.int64))
_LARGEST = int(np.iinfo(np.int64).max)


def refuse(where: str, what: str) -> NoReturn:
    """Raise the refusal; ``what`` says which element is wrong and what would be right."""
    raise InvalidState(f"{where}: {what}; the file is damaged or was altered.")


def field(fields: Fields, name: str, where: str) -> Any:
    """Return a field that has to be there."""
    if name not in fields:
        refuse(where, f"{name} is missing")
    return fields[name]


def integer(fields: Fields, name: str, where: str, low: int = 0, high: int = _LARGEST) -> int:
    """Return an integer of ``low..high``; a bool is not one, a 0-d array neither."""
    value = field(fields, name, where)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        refuse(where, f"{name} is {_kind(value)}, an integer is expected")
    number = int(value)
    if not low <= number <= high:
        refuse(where, f"{name} is {_shown(number)}, outside {_shown(low)}..{_shown(high)}")
    return number


def real(fields: Fields, name: str, where: str) -> float:
    """Return a float or an integer as a float; NaN and infinity are up to the caller."""
    value = field(fields, name, where)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        refuse(where, f"{name} is {_kind(value)}, a number is expected")
    return float(value)


def choice(fields: Fields, name: str, where: str, allowed: Sequence[Any]) -> Any:
    """Return a scalar that equals one of ``allowed`` and has its type."""
    value = field(fields, name, where)
    if not any(type(value) is type(item) and value == item for item in allowed):
        listed = ", ".join(str(item) for item in allowed[:8]) + (", ..." if len(allowed) > 8 else "")
        refuse(where, f"{name} is {quoted(value, 60)}, one of {listed} is expected")
    return value


def flag(fields: Fields, name: str, where: str) -> bool:
    """Return a bool, numpy's included."""
    value = field(fields, name, where)
    if not isinstance(value, (bool, np.bool_)):
        refuse(where, f"{name} is {_kind(value)}, true or false is expected")
    return bool(value)


def sequence(fields: Fields, name: str, where: str, size: int | None = None) -> list[Any]:
    """Return a list, a tuple or an array of one axis as a list."""
    value = field(fields, name, where)
    if type(value) is np.ndarray and value.ndim == 1:
        value = value.tolist()
    if type(value) not in (list, tuple):
        refuse(where, f"{name} is {_kind(value)}, a list is expected")
    if size is not None and len(value) != size:
        refuse(where, f"{name} has {len(value)} elements, {size} expected")
    return list(value)


def is_int(value: Any) -> bool:
    """Say whether a value is an integer that is not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def array(value: Any, name: str, where: str, ndim: int, dtypes: Sequence[np.dtype[Any]] | None = None) -> Array:
    """Return a C-ordered array of exactly ``ndim`` axes and of one of ``dtypes``; subclasses of ndarray are refused."""
    if type(value) is not np.ndarray:
        refuse(where, f"{name} is {_kind(value)}, an array is expected")
    if value.ndim != ndim:
        refuse(where, f"{name} has {value.ndim} axes, {ndim} expected")
    if dtypes is not None and value.dtype not in dtypes:
        refuse(where, f"{name} has elements of {quoted(value.dtype, 60)}, {' or '.join(str(d) for d in dtypes)} expected")
    return value


def vector(fields: Fields, name: str, where: str, dtypes: Sequence[np.dtype[Any]] | None = None, size: int | None = None) -> Array:
    """Return a one-dimensional array, of ``size`` elements if that is known."""
    value = array(field(fields, name, where), name, where, 1, dtypes)
    if size is not None and len(value) != size:
        refuse(where, f"{name} has {len(value)} elements, {size} expected")
    return value


def matrix(
    fields: Fields,
    name: str,
    where: str,
    dtypes: Sequence[np.dtype[Any]] | None = None,
    shape: tuple[int | None, ...] = (None, None),
) -> Array:
    """Return an array with the axes of ``shape``; None stands for any length."""
    value = array(field(fields, name, where), name, where, len(shape), dtypes)
    if any(want is not None and got != want for got, want in zip(value.shape, shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        refuse(where, f"{name} has shape {value.shape}, ({wanted}) expected")
    return value


def contiguous(value: Array, name: str, where: str) -> Array:
    """Return an array that C code may read as one block in C order."""
    if not value.flags.c_contiguous:
        refuse(where, f"{name} is not in C order")
    return value


def first(mask: Array) -> int:
    """Return the place of the first True."""
    return int(np.flatnonzero(mask)[0])


def _shown(number: int) -> str:
    """Return a number as text; Python refuses to write out one of many thousand digits."""
    return str(number) if number.bit_length() < 200 else f"a number of {number.bit_length()} bits"


def _kind(value: Any) -> str:
    return f"of type {quoted(type(value).__name__, 60)}"
