"""The closed set of array dtypes, as text, and what safetensors calls them.

The one rule: text from a file becomes a numpy dtype only if this grammar accepts it and numpy writes the same text
back. ``docs/format.md`` section 5 is normative.

Grammar: ``<f8`` style type strings for bool, integers, floats, complex, fixed text and bytes, dates and times and raw
void; ``longdouble:x86`` for the 80-bit float in 16 bytes; structured dtypes are a JSON document
``{"fields":[[name,dtype,offset,[subshape]],...],"itemsize":n,"align":bool}``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from holdfast.errors import FormatError, quoted
from holdfast.values import limits

_FIXED = {
    f"{order}{kind}{size}"
    for kind, sizes in {"i": (2, 4, 8), "u": (2, 4, 8), "f": (2, 4, 8), "c": (8, 16)}.items()
    for size in sizes
    for order in "<>"
} | {"|b1", "|i1", "|u1"}
_SIZED = re.compile(r"(?:[<>]U|\|S|\|V)(?:0|[1-9][0-9]{0,8})\Z")
_TIMES = re.compile(r"[<>][mM]8(?:\[(?:[1-9][0-9]{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?\Z")
_WRITTEN = re.compile(r"[<>|=]?(?:\?|[biufcSUVa][0-9]{0,9}|[mM]8?(?:\[(?:[1-9][0-9]{0,8})?[A-Za-z]{1,7}\])?|[bBhHiIlLqQefdgFDG])\Z", re.ASCII)
_LONGDOUBLE = "longdouble:x86"

SAFETENSORS = {
    "<f8": "F64",
    "<f4": "F32",
    "<f2": "F16",
    "<i8": "I64",
    "<i4": "I32",
    "<i2": "I16",
    "|i1": "I8",
    "<u8": "U64",
    "<u4": "U32",
    "<u2": "U16",
    "|u1": "U8",
    "|b1": "BOOL",
}
"""numpy type string -> safetensors dtype, where both mean the same bytes."""

NUMPY = {name: text for text, name in SAFETENSORS.items()}

ITEM_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32,
    "U16": 16, "U8": 8, "BOOL": 8, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
"""Bits of one element of every dtype that safetensors 0.8 knows."""


class _Structured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fields: list[tuple[str, str, int, list[int]]]
    itemsize: int
    align: bool


_decode = msgspec.json.Decoder(_Structured).decode


def has_x86_longdouble() -> bool:
    """Say whether numpy's long double is the 80-bit float in 16 bytes."""
    return np.dtype(np.longdouble).itemsize == 16 and np.finfo(np.longdouble).nmant == 63


@lru_cache(maxsize=4096)
def dtype_text(dtype: np.dtype[Any]) -> str | None:
    """Return the text of a dtype, or None when the format has none for it (objects, unknown extensions)."""
    if dtype.names is not None:
        assert dtype.fields is not None
        fields: list[tuple[str, str, int, list[int]]] = []
        for name in dtype.names:
            sub, offset = dtype.fields[name][:2]
            base, shape = sub.subdtype if sub.subdtype is not None else (sub, ())
            text = dtype_text(base)
            if text is None or len(dtype.fields[name]) > 2:
                return None
            fields.append((name, text, offset, list(shape)))
        if dtype.metadata is not None:
            return None
        return msgspec.json.encode(_Structured(fields, dtype.itemsize, dtype.isalignedstruct)).decode()
    if dtype.metadata is not None or dtype.subdtype is not None:
        return None
    text = dtype.str
    if dtype.type is np.longdouble and dtype.itemsize == 16:
        return _LONGDOUBLE if has_x86_longdouble() and dtype.isnative else None
    if text in _FIXED or _SIZED.match(text) or _TIMES.match(text):
        return text
    return None


def numpy_dtype(text: str) -> np.dtype[Any]:
    """Return the dtype of a text as numpy and its pickles write it, which may have no form in a tree.

    numpy is not asked about any other text: it reads commas, and ends the process over a unit that is divided by zero.

    Raises:
        ValueError: the text is not how numpy writes a plain dtype.
    """
    if not _WRITTEN.match(text):
        raise ValueError(f"the dtype {quoted(text, 60)!r}")
    try:
        return np.dtype(text)
    except TypeError as error:
        raise ValueError(quoted(error)) from None


@lru_cache(maxsize=4096)
def parse_dtype(text: str, depth: int = 0) -> np.dtype[Any]:
    """Return the dtype that a text from a file stands for.

    Raises:
        FormatError: the text is outside the grammar, or is not how its dtype is written.
    """
    if text in _FIXED or _SIZED.match(text) or _TIMES.match(text):
        try:
            dtype = np.dtype(text)
        except (TypeError, ValueError):
            raise FormatError(f"array dtype {quoted(text)!r} is larger than any that numpy has") from None
    elif text == _LONGDOUBLE:
        if not has_x86_longdouble():
            raise FormatError("the file holds 80-bit long doubles, which this processor does not have; convert them to float64 first")
        dtype = np.dtype(np.longdouble)
    elif text.startswith("{") and depth < limits.DTYPE_DEPTH:
        dtype = _structured(text, depth)
    else:
        raise FormatError(f"unknown array dtype {quoted(text)!r}")
    if dtype_text(dtype) != text:
        raise FormatError(f"array dtype {quoted(text)!r} is not written in its one canonical form")
    return dtype


def _structured(text: str, depth: int) -> np.dtype[Any]:
    try:
        spec = _decode(text.encode())
        if len(spec.fields) > limits.DTYPE_FIELDS or not 0 <= spec.itemsize < 2**31:
            raise FormatError(f"structured dtype {quoted(text)!r} is too large")
        formats: list[Any] = []
        sizes: list[int] = []
        for _, base, _, shape in spec.fields:
            if any(not 0 <= n < 2**31 for n in shape) or len(shape) > limits.DIMENSIONS:
                raise FormatError(f"structured dtype {quoted(text)!r} has a bad sub-array")
            inner = parse_dtype(base, depth + 1)
            count = 1
            for length in shape:
                count *= length
            sizes.append(inner.itemsize * count)
            formats.append((inner, tuple(shape)) if shape else inner)
        if any(not 0 <= offset < 2**31 for _, _, offset, _ in spec.fields):
            raise FormatError(f"structured dtype {quoted(text)!r} has a bad offset")
        if any(offset + size > spec.itemsize for (_, _, offset, _), size in zip(spec.fields, sizes, strict=True)):
            raise FormatError(f"structured dtype {quoted(text)!r} has a field that reaches outside its item")
        return np.dtype(
            {
                "names": [name for name, _, _, _ in spec.fields],
                "formats": formats,
                "offsets": [offset for _, _, offset, _ in spec.fields],
                "itemsize": spec.itemsize,
            },
            align=spec.align,
        )
    except FormatError:
        raise
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise FormatError(f"structured dtype {quoted(text)!r} is not valid: {quoted(error)}") from None


@lru_cache(maxsize=1024)
def padding(dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the offsets, within one item, of bytes that belong to no field; their content is undefined."""
    used = np.zeros(dtype.itemsize, bool)
    _mark(dtype, 0, used)
    return tuple(int(i) for i in np.flatnonzero(~used))


def _mark(dtype: np.dtype[Any], start: int, used: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    if dtype.names is not None:
        assert dtype.fields is not None
        for name in dtype.names:
            sub, offset = dtype.fields[name][:2]
            _mark(sub, start + offset, used)
    elif dtype.subdtype is not None:
        base, _ = dtype.subdtype
        for i in range(dtype.itemsize // base.itemsize if base.itemsize else 0):
            _mark(base, start + i * base.itemsize, used)
    elif dtype.type is np.longdouble and dtype.itemsize == 16:
        used[start : start + 10] = True
    else:
        used[start : start + dtype.itemsize] = True
