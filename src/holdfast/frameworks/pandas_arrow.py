"""Arrays of pandas that Arrow keeps: text, which is the default in pandas 3, and the ``[pyarrow]`` dtypes.

They are stored as what Arrow's columns consist of: values, or offsets and bytes of text, and a mask of what is missing.

The one rule: buffers are copied and checked before Arrow reads them, and what is behind a missing value is zero.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel, quoted
from holdfast.frameworks.adapter import Adapter, type_name
from holdfast.frameworks.pandas_scalars import expect_array, named, pandas, record

_DTYPES = {
    "halffloat": "f2", "float": "f4", "double": "f8", "date32[day]": "i4", "date64[ms]": "i8", "bool": "b1",
    **{f"{sign}int{bits}": f"{sign or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"time32[{unit}]": "i4" for unit in ("s", "ms")},
    **{f"{kind}[{unit}]": "i8" for kind in ("timestamp", "duration") for unit in ("s", "ms", "us", "ns")},
    **{f"time64[{unit}]": "i8" for unit in ("us", "ns")},
}  # fmt: skip
"""Arrow type of one fixed width -> dtype of its values."""

OFFSETS = {"string": "i4", "binary": "i4", "large_string": "i8", "large_binary": "i8"}
"""Arrow type of varying width -> dtype of its offsets."""

_AWARE = re.compile(r"timestamp\[(s|ms|us|ns), tz=([A-Za-z0-9+_:-]+(?:/[A-Za-z0-9+_-]+)*)\]\Z")


def _pyarrow() -> Any:
    return importlib.import_module("pyarrow")


def width(text: str) -> str | None:
    """Return the dtype of the values of an Arrow type of fixed width, or None."""
    return "i8" if _AWARE.match(text) else _DTYPES.get(text)


def _type_text(cls: type, kind: Any) -> str:
    text = str(kind)
    if width(text) is None and text not in OFFSETS and text != "null":
        raise UnsupportedModel(
            f"cannot save {type_name(cls)} of the Arrow type {quoted(text)!r}: only numbers, bool, times, text and bytes have a "
            "form in the file; convert it with astype() first, as to object or category"
        )
    return text


def _type_of(text: Any) -> Any:
    if type(text) is str:
        zoned = _AWARE.match(text)
        if zoned:
            return _pyarrow().timestamp(zoned[1], tz=zoned[2])
        if text in _DTYPES or text in OFFSETS or text == "null":
            return _pyarrow().type_for_alias(text)
    raise InvalidState(f"pandas: {quoted(text)!r} is not an Arrow type that a file can hold")


def _dump(values: Any) -> dict[str, Any]:
    column = values.__arrow_array__()
    text = _type_text(type(values), column.type)
    array = column.combine_chunks()
    if not isinstance(array, _pyarrow().Array):
        raise UnsupportedModel(f"cannot save {type_name(type(values))}: more than 2 GiB of {text}; convert it to large_{text}")
    fields: dict[str, Any] = {"length": len(array)} if text == "null" else {}
    mask = array.is_null().to_numpy(zero_copy_only=False) if array.null_count and text != "null" else None
    if text in OFFSETS:
        fields.update(_dump_text(array if mask is None else array.fill_null(b"" if "binary" in text else ""), OFFSETS[text]))
    elif text == "bool":
        fields["values"] = (array if mask is None else array.fill_null(False)).to_numpy(zero_copy_only=False)
    elif text != "null":
        found = _buffer(array.buffers()[1], width(text), array.offset, len(array))
        fields["values"] = found if mask is None else np.where(mask, found.dtype.type(0), found)
    return {"type": text, **fields, "mask": mask}


def _buffer(buffer: Any, dtype: Any, start: int, count: int) -> Any:
    # Arrow may leave out the buffers of an empty array.
    if buffer is None or not count:
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype, count, start * np.dtype(dtype).itemsize)


def _dump_text(array: Any, dtype: str) -> dict[str, Any]:
    _, offsets, data = array.buffers()
    ends = _buffer(offsets, dtype, array.offset, len(array) + 1) if len(array) else np.zeros(1, dtype)
    return {"offsets": (ends - ends[0]).astype("i8"), "text": _buffer(data, "u1", int(ends[0]), int(ends[-1] - ends[0]))}


def _load(f: dict[str, Any]) -> Any:
    """Return the Arrow array of the fields."""
    pa, text, mask = _pyarrow(), f["type"], f["mask"]
    kind = _type_of(text)
    if text == "null":
        if type(f["length"]) is not int or not 0 <= f["length"] < 2**31:
            raise InvalidState("pandas Arrow array: bad length")
        return pa.nulls(f["length"])
    if text in OFFSETS:
        ends = expect_array("Arrow array", f["offsets"], "i").astype("i8")
        data = expect_array("Arrow array", f["text"], "u")
        if data.dtype != np.uint8 or not ends.size or ends[0] or ends[-1] != data.size or (np.diff(ends) < 0).any():
            raise InvalidState("pandas Arrow array: offsets do not ascend from 0 to the end of the text")
        if data.size > np.iinfo(OFFSETS[text]).max:
            raise InvalidState(f"pandas Arrow array: more text than {text} can hold")
        count, buffers = ends.size - 1, [ends.astype(OFFSETS[text]), data.copy()]
    else:
        found = expect_array("Arrow array", f["values"], "biuf")
        if found.dtype != np.dtype(width(text)):
            raise InvalidState(f"pandas Arrow array: values of {text} as {found.dtype}")
        count, buffers = found.size, [np.packbits(found, bitorder="little") if text == "bool" else found.copy()]
    valid = None
    if mask is not None:
        if expect_array("Arrow array", mask, "b").size != count:
            raise InvalidState(f"pandas Arrow array: {count} values with a mask of {mask.size}")
        valid = pa.py_buffer(np.packbits(~mask, bitorder="little"))
    made = pa.Array.from_buffers(kind, count, [valid, *map(pa.py_buffer, buffers)])
    if text in OFFSETS:
        made.validate(full=True)  # text is UTF-8
    return made


def _dump_dtype(dtype: Any) -> dict[str, Any]:
    return {"type": _type_text(type(dtype), dtype.pyarrow_dtype)}


def _build_dtype(f: dict[str, Any]) -> Any:
    return pandas().ArrowDtype(_type_of(f["type"]))


def _build_array(f: dict[str, Any]) -> Any:
    return pandas().arrays.ArrowExtensionArray(_load(f))


def _build_text(f: dict[str, Any]) -> Any:
    dtype = f["dtype"]
    in_arrow = type(dtype) is pandas().StringDtype and dtype.storage.startswith("pyarrow")
    if not in_arrow or f["type"] not in ("string", "large_string"):
        raise InvalidState("pandas ArrowStringArray: its dtype is not text in Arrow's storage")
    return dtype.__from_arrow__(_load(f))


_TEXT = record(lambda values: {"dtype": values.dtype, **_dump(values)}, _build_text)

ARROW: dict[str, Adapter] = named(
    {
        ("pandas.ArrowDtype", "pandas.core.dtypes.dtypes"): record(_dump_dtype, _build_dtype),
        ("pandas.arrays.ArrowExtensionArray", "pandas.core.arrays.arrow.array"): record(_dump, _build_array),
        ("pandas.arrays.ArrowStringArray", "pandas.core.arrays.string_arrow"): _TEXT,
        ("pandas.core.arrays.string_arrow.ArrowStringArrayNumpySemantics", "pandas.core.arrays.string_arrow"): _TEXT,
    }
)
