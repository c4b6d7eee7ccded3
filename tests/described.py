"""Any value as JSON, to the last bit: what a golden file has to come back as, written down without holdfast.

Numbers are kept as their bytes, objects as their attributes or, for those of C, as what they give to pickle. An object that
is met again is the number of its first sight, so that sharing and cycles are part of the description.

The one rule: two values have the same description only when no program can tell them apart.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import random
import re
import struct
import types
import uuid
import zoneinfo
from typing import Any

import numpy as np

_BY_REPR = (datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, decimal.Decimal, fractions.Fraction, pathlib.PurePath, uuid.UUID,
            range, slice, re.Pattern, zoneinfo.ZoneInfo)  # fmt: skip
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.mean))


def described(value: Any) -> Any:
    """Return the description of a value.

    Raises:
        TypeError: nothing here knows how to look into a part of it.
    """
    return _Describer().of(value)


def array_of(description: Any) -> Any:
    """Return the array of plain numbers or text that a description is of; golden files keep rows to ask about in this way."""
    given = description["array"]
    return np.frombuffer(bytes.fromhex(given["bytes"]), given["dtype"]).reshape(given["shape"]).copy()


class _Describer:
    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.kept: list[Any] = []

    def of(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return value if value.isprintable() else {"text": [ord(letter) for letter in value]}
        if kind is int:
            return {"int": format(value, "x")}
        if kind is float:
            return {"float": struct.pack(">d", value).hex()}
        if kind is complex:
            return {"complex": struct.pack(">dd", value.real, value.imag).hex()}
        if value is Ellipsis or value is NotImplemented:
            return {"single": repr(value)}
        if isinstance(value, np.generic):
            return {"number": str(value.dtype), "bytes": _raw(np.asarray(value))}
        if isinstance(value, _NAMED):
            return {"name": f"{getattr(value, '__module__', None) or 'numpy'}.{getattr(value, '__qualname__', value.__name__)}"}
        if isinstance(value, _BY_REPR):
            return {"repr": repr(value)}
        if id(value) in self.numbers:
            return {"again": self.numbers[id(value)]}
        self.numbers[id(value)] = len(self.numbers)
        self.kept.append(value)  # an id stays taken while its object lives
        return self.part(value, kind)

    def part(self, value: Any, kind: type) -> Any:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if kind is np.ndarray:
            return self.array(value)
        if isinstance(value, np.dtype):
            return {"dtype": repr(value)}
        if isinstance(value, bytes | bytearray):
            return {kind.__name__: value.hex()}
        if name.partition(".")[0] == "pandas":
            return {"pandas": kind.__qualname__, **{label: self.of(part) for label, part in _pandas(value).items()}}
        if isinstance(value, dict) and not hasattr(value, "tocsr"):
            pairs = [[self.of(key), self.of(item)] for key, item in value.items()]
            return {"map": name, "items": pairs, "factory": self.of(getattr(value, "default_factory", None))}
        if isinstance(value, set | frozenset):
            return {"set": name, "items": sorted((self.of(item) for item in value), key=repr)}
        if isinstance(value, list | tuple) or hasattr(value, "maxlen"):
            return {"row": name, "items": [self.of(item) for item in value], "most": self.of(getattr(value, "maxlen", None))}
        return {"object": name, **{label: self.of(part) for label, part in sorted(_state(value, kind).items())}}

    def array(self, value: Any) -> Any:
        flags = value.flags
        # strides with gaps are not kept, and are none of the value
        order = "".join(o for o in "CF" if flags[f"{o}_CONTIGUOUS"]) if value.ndim > 1 else ""
        made = {"shape": list(value.shape), "writeable": flags.writeable, "order": order}
        if value.dtype.kind in "OT":
            return {"objects": made | {"dtype": str(value.dtype), "items": [self.of(item) for item in value.ravel().tolist()]}}
        dtype = value.dtype.str if value.dtype.names is None else repr(value.dtype)
        return {"array": made | {"dtype": dtype, "bytes": _raw(value)}}


def _raw(array: Any) -> str:
    """Return the bytes of an array in C order, without those that mean nothing."""
    if array.dtype.names is not None:
        return " ".join(_raw(np.ascontiguousarray(array[name])) for name in array.dtype.names)
    if array.dtype.kind == "f" and array.dtype.itemsize == 16:
        parts = [array.ravel()[i : i + 1].tobytes()[:10].hex() for i in range(array.size)]  # 80 bits, then padding
        return " ".join(parts)
    return str(array.tobytes().hex())


def _state(value: Any, kind: type) -> dict[str, Any]:
    if isinstance(value, np.random.Generator):
        return {"bits": value.bit_generator}
    if isinstance(value, np.random.BitGenerator):
        return {"state": value.state}
    if isinstance(value, np.random.RandomState):
        return {"state": value.get_state(legacy=False)}
    if isinstance(value, np.random.SeedSequence):
        return value.state  # type: ignore[no-any-return]
    if isinstance(value, random.Random):
        return {"state": value.getstate()}
    if isinstance(value, np.ma.MaskedArray):
        return {"data": np.asarray(value.data), "mask": np.ma.getmaskarray(value), "fill": value.fill_value, "hard": bool(value.hardmask)}
    if isinstance(value, np.ndarray):
        return {"array": np.asarray(value)}
    if hasattr(value, "func") and hasattr(value, "keywords"):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    if kind.__module__.startswith("scipy.sparse.") and hasattr(value, "format"):
        found = dict(vars(value))
        # indices of these two are of numpy or of Python, as they were made
        if value.format == "lil":
            found["rows"] = [[int(i) for i in row] for row in value.rows]
        elif value.format == "dok":
            found["_dict"] = {tuple(map(int, place)): item for place, item in value.items()}
        return {label: part for label, part in found.items() if label != "maxprint"} | {"format": value.format}
    found = dict(getattr(value, "__dict__", {}))
    found.pop("_stop_words_id", None)  # where an object lay in memory
    for owner in kind.__mro__:
        slots = vars(owner).get("__slots__", ())
        found |= {slot: getattr(value, slot) for slot in ((slots,) if isinstance(slots, str) else slots) if hasattr(value, slot)}
    if not found and not hasattr(value, "__dict__"):
        reduced = value.__reduce__()  # what a C type gives to pickle is all there is to it
        found = {"made": list(reduced[1]), "state": reduced[2] if len(reduced) > 2 else None}
    return found


def _pandas(value: Any) -> dict[str, Any]:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, i].array for i in range(value.shape[1])]
        return {"columns": value.columns, "index": value.index, "values": columns, "attrs": value.attrs}
    if isinstance(value, pd.Series):
        return {"values": value.array, "name": value.name, "index": value.index, "attrs": value.attrs}
    if isinstance(value, pd.MultiIndex):
        return {"levels": list(value.levels), "codes": [np.asarray(codes) for codes in value.codes], "names": list(value.names)}
    if isinstance(value, pd.RangeIndex):
        return {"range": [value.start, value.stop, value.step], "name": value.name}
    if isinstance(value, pd.Index):
        return {"values": value.array, "name": value.name, "freq": str(getattr(value, "freq", None))}
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return {"dtype": repr(value.dtype), "missing": np.asarray(value.isna()), "items": [repr(item) for item in value]}
    return {"repr": repr(value)}


def difference(one: Any, other: Any, path: str = "") -> str:
    """Return where two descriptions differ first, and how; nothing when they are the same."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next((found for key in one if (found := difference(one[key], other[key], f"{path}.{key}"))), "")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next((found for i, pair in enumerate(zip(one, other, strict=True)) if (found := difference(*pair, f"{path}[{i}]"))), "")
    return "" if type(one) is type(other) and one == other else f"{path}: {str(one)[:200]} is not {str(other)[:200]}"
