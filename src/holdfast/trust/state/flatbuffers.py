"""Reading FlatBuffers by a schema, every offset compared with the bytes that are there.

The one rule: what a schema does not name is refused, and so is an offset that leads outside or a table that is met too often.

Source: the FlatBuffers binary format, flatbuffers.dev/internals.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from holdfast.trust.state.fields import refuse

_SCALARS = {"bool": ("<?", 1), "byte": ("<b", 1), "int": ("<i", 4), "uint": ("<I", 4), "float": ("<f", 4), "double": ("<d", 8)}


class Schema(NamedTuple):
    """A table.

    Attributes:
        fields: name -> kind, in the order of their numbers. A kind is ``int float double bool byte uint``, ``string``, ``[<f4``
            and the like for a vector of numbers or structs as numpy knows them, ``[string``, a `Schema`, a list with one
            `Schema` for a vector of tables, or ``16`` for a struct of so many bytes.
    """

    fields: Mapping[str, Any]


class Reader:
    """One buffer.

    Attributes:
        raw: its bytes.
        where: what a refusal names.
    """

    def __init__(self, raw: bytes, where: str) -> None:
        self.raw = raw
        self.where = where
        # parts may be shared, and a small file could name one without end
        self.left = 64 + len(raw)

    def root(self, schema: Schema) -> dict[str, Any]:
        """Return the root table.

        Raises:
            InvalidState: the bytes are not a buffer of this schema.
        """
        return self.table(schema, self._offset(0))

    def _spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            refuse(self.where, "it refers to the same bytes too often")

    def _at(self, at: int, size: int) -> int:
        if at < 0 or at + size > len(self.raw):
            refuse(self.where, "an offset leads outside of its bytes")
        return at

    def _offset(self, at: int) -> int:
        """Follow the offset that stands at a place."""
        return at + int(struct.unpack_from("<I", self.raw, self._at(at, 4))[0])

    def table(self, schema: Schema, at: int) -> dict[str, Any]:
        """Return a table: the fields that are there; scalars that are not are left out."""
        self._spend(4)
        raw = self.raw
        names = at - int(struct.unpack_from("<i", raw, self._at(at, 4))[0])
        size, table_size = struct.unpack_from("<HH", raw, self._at(names, 4))
        if size < 4 or size % 2 or table_size < 4:
            refuse(self.where, "a table has no size")
        self._at(names, size)
        self._at(at, table_size)
        places = struct.unpack_from(f"<{(size - 4) // 2}H", raw, names + 4)
        if any(places[len(schema.fields) :]):
            refuse(self.where, "a table has a field that is not known")
        made: dict[str, Any] = {}
        for (name, kind), place in zip(schema.fields.items(), places, strict=False):
            if place:
                width = kind if type(kind) is int else _SCALARS[kind][1] if type(kind) is str and kind in _SCALARS else 4
                if place < 4 or place + width > table_size:
                    refuse(self.where, f"{name} lies outside of its table")
                made[name] = self._field(kind, at + place)
        return made

    def _field(self, kind: Any, at: int) -> Any:
        if type(kind) is str and kind in _SCALARS:
            return struct.unpack_from(_SCALARS[kind][0], self.raw, at)[0]
        if type(kind) is int:
            return self.raw[at : at + kind]
        if kind == "string":
            return self._string(self._offset(at))
        if isinstance(kind, Schema):
            return self.table(kind, self._offset(at))
        start = self._offset(at)
        count = int(struct.unpack_from("<I", self.raw, self._at(start, 4))[0])
        start += 4
        if type(kind) is list or kind == "[string":
            self._at(start, 4 * count)
            places = [start + 4 * i for i in range(count)]
            if kind == "[string":
                return [self._string(self._offset(place)) for place in places]
            return [self.table(kind[0], self._offset(place)) for place in places]
        dtype = np.dtype(kind[1:] if type(kind) is str else kind)
        self._at(start, count * dtype.itemsize)
        widest = dtype.itemsize if dtype.names is None else max(dtype[name].itemsize for name in dtype.names)
        if count and start % widest:
            refuse(self.where, "numbers do not lie where numbers of their size do")
        self._spend(count * dtype.itemsize // 8)
        return np.frombuffer(self.raw, dtype, count, start)

    def _string(self, at: int) -> bytes:
        count = int(struct.unpack_from("<I", self.raw, self._at(at, 4))[0])
        self._at(at + 4, count + 1)
        self._spend(1 + count // 8)
        if self.raw[at + 4 + count]:
            refuse(self.where, "text does not end where it says")
        return self.raw[at + 4 : at + 4 + count]
