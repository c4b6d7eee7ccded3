"""Arrow's arrays as they are pickled, for the sake of pandas' text: their buffers, taken apart as ``frameworks/pandas_arrow.py`` has them.

The one rule: no buffer is read beyond its end, and what is behind a missing value is zero; nothing of pyarrow is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import UnsupportedModel, quoted
from holdfast.foreign.made import NEXT, Made
from holdfast.foreign.rules_numpy import raw_view
from holdfast.frameworks.pandas_arrow import OFFSETS, width


def arrow_type(value: Any) -> str:
    """Return the text of a type of Arrow's."""
    if type(value) is Made:
        if value.name == "pyarrow.lib.type_for_alias" and type(value.args[0]) is str:
            return str(value.args[0])
        if value.name == "pyarrow.lib.timestamp":
            unit, zone = value.args
            return f"timestamp[{unit}]" if zone is None else f"timestamp[{unit}, tz={zone}]"
    raise UnsupportedModel(f"an array of pandas is of a type of Arrow's that has no form in a tree; {NEXT}")


def arrow_fields(value: Any) -> dict[str, Any]:
    """Return the fields of an array of Arrow's."""
    if type(value) is not Made or value.name != "pyarrow.lib._restore_array":
        raise UnsupportedModel(f"an array of pandas is kept in several parts by Arrow; {NEXT}")
    kind, length, _, start, buffers, children, dictionary = value.args[0]
    text = arrow_type(kind)
    if type(length) is not int or type(start) is not int or length < 0 or start < 0 or children or dictionary is not None:
        raise TypeError("its parts")
    if text == "null":
        return {"type": text, "length": length, "mask": None}
    raw = [None if one is None else _buffer(one) for one in buffers]
    made = value.names
    mask = None if raw[0] is None else ~_bits(raw[0], start, length, made)
    if mask is not None and not mask.any():
        mask = None
    if text in OFFSETS:
        fields = _text(raw, OFFSETS[text], start, length, mask, made)
    elif text == "bool":
        values = _bits(raw[1], start, length, made)
        fields = {"values": values if mask is None else values & ~mask}
    else:
        dtype = width(text)
        if dtype is None:
            raise UnsupportedModel(f"an array of pandas is of Arrow's type {quoted(text, 60)}, which has no form in a tree; {NEXT}")
        values = _numbers(raw[1], dtype, start, length)
        if mask is not None:
            made.pay(values.nbytes)
            values = np.where(mask, values.dtype.type(0), values)
        fields = {"values": values}
    return {"type": text, **fields, "mask": mask}


def _buffer(value: Any) -> memoryview:
    if type(value) is not Made or value.name != "pyarrow.lib.py_buffer":
        raise TypeError("a buffer")
    return raw_view(value.args[0])


def _numbers(raw: memoryview | None, dtype: str, start: int, count: int) -> Any:
    """Return numbers of a buffer; Arrow may leave out that of an empty array."""
    if not count:
        return np.empty(0, dtype)
    size = np.dtype(dtype).itemsize
    if raw is None or len(raw) < (start + count) * size:
        raise ValueError("a buffer is too short")
    return np.frombuffer(raw, np.uint8, count * size, start * size).view(dtype)


def _bits(raw: memoryview | None, start: int, count: int, names: Any) -> Any:
    if not count:
        return np.empty(0, np.bool_)
    if raw is None or 8 * len(raw) < start + count:
        raise ValueError("a buffer is too short")
    names.pay(count // 8)
    first = start // 8
    packed = np.frombuffer(raw, np.uint8, (start + count + 7) // 8 - first, first)
    return np.unpackbits(packed, bitorder="little")[start % 8 : start % 8 + count].astype(np.bool_)


def _text(raw: list[Any], dtype: str, start: int, length: int, mask: Any, names: Any) -> dict[str, Any]:
    ends = _numbers(raw[1], dtype, start, length + 1).astype("i8") if length else np.zeros(1, "i8")
    sizes = np.diff(ends)
    data = np.frombuffer(b"" if raw[2] is None else raw[2], np.uint8)
    if ends[0] < 0 or (sizes < 0).any() or ends[-1] > data.size:
        raise ValueError("its offsets")
    names.pay(ends.nbytes)
    data = data[ends[0] : ends[-1]]
    if mask is not None and sizes[mask].any():
        names.pay(data.size)
        data = data[np.repeat(~mask, sizes)]
        ends = np.concatenate([np.zeros(1, "i8"), np.cumsum(np.where(mask, 0, sizes))])
    return {"offsets": ends - ends[0], "text": data}


def _part(made: Made) -> Any:
    raise UnsupportedModel(f"{quoted(made.name)} is known inside of series and indexes of pandas alone; {NEXT}")


RULES: dict[str, Callable[[Made], Any]] = dict.fromkeys(
    ("pyarrow.lib._restore_array", "pyarrow.lib.type_for_alias", "pyarrow.lib.py_buffer", "pyarrow.lib.timestamp"), _part
)
