"""Writing FlatBuffers by a schema of `trust.state.flatbuffers`, for tests that alter what such a buffer says.

The one rule: what is written says exactly what was given, in as plain a layout as there is; nothing is shared.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from holdfast.trust.state.flatbuffers import _SCALARS, Schema


def written(schema: Schema, values: dict[str, Any]) -> bytes:
    """Return a buffer with a table of some values; a field without one is left out."""
    writer = _Writer()
    struct.pack_into("<I", writer.out, 0, writer.table(schema, values))
    return bytes(writer.out)


class _Writer:
    def __init__(self) -> None:
        self.out = bytearray(4)

    def _pad(self, align: int, ahead: int = 0) -> None:
        """Fill up until what follows, so many bytes later, is aligned."""
        self.out.extend(bytes(-(len(self.out) + ahead) % align))

    def _begin(self, place: int, count: int) -> None:
        """Let an offset lead here, where a count begins."""
        struct.pack_into("<I", self.out, place, len(self.out) - place)
        self.out.extend(struct.pack("<I", count))

    def table(self, schema: Schema, values: dict[str, Any]) -> int:
        """Write a table and what it refers to, and return where it is."""
        size = 4 + 2 * len(schema.fields)
        self._pad(8, size)
        names = len(self.out)
        self.out.extend(bytes(size))
        at = len(self.out)
        self.out.extend(struct.pack("<i", at - names))
        places, later = [], []
        for name, kind in schema.fields.items():
            form, width = _SCALARS[kind] if type(kind) is str and kind in _SCALARS else ("", 4)
            if name not in values:
                places.append(0)
                continue
            self._pad(width)
            places.append(len(self.out) - at)
            if not form:
                later.append((len(self.out), kind, values[name]))
            self.out.extend(struct.pack(form, values[name]) if form else bytes(width))
        struct.pack_into(f"<HH{len(places)}H", self.out, names, size, len(self.out) - at, *places)
        for place, kind, value in later:
            self._behind(place, kind, value)
        return at

    def _behind(self, place: int, kind: Any, value: Any) -> None:
        """Write what the offset at a place leads to."""
        if isinstance(kind, Schema):
            at = self.table(kind, value)
            struct.pack_into("<I", self.out, place, at - place)
        elif kind == "string":
            self._pad(4)
            self._begin(place, len(value))
            self.out.extend(value + b"\0")
        elif type(kind) is list or kind == "[string":
            self._pad(4)
            self._begin(place, len(value))
            start = len(self.out)
            self.out.extend(bytes(4 * len(value)))
            for number, one in enumerate(value):
                self._behind(start + 4 * number, "string" if kind == "[string" else kind[0], one)
        else:
            dtype = np.dtype(kind[1:] if type(kind) is str else kind)
            array = np.asarray(value, dtype)
            widest = dtype.itemsize if dtype.names is None else max(dtype[name].itemsize for name in dtype.names)
            self._pad(max(4, widest), 4)
            self._begin(place, len(array))
            self.out.extend(array.tobytes())
