"""Which tensors of two files differ, and how far: read where they lie, a block at a time, without building a model.

The one rule: tensors of one digest are equal and are not read; others are read once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from holdfast.artifact.compression import decompress
from holdfast.artifact.load import Opening
from holdfast.comparing.pools import pooled
from holdfast.comparing.result import TensorDifference
from holdfast.errors import HoldfastError
from holdfast.native.container import Stored
from holdfast.values import tree as t
from holdfast.values.dtypes import NUMPY, parse_dtype
from holdfast.values.graph import Graph, Node
from holdfast.values.paths import Paths

BLOCK = 1 << 23
"""Bytes of a tensor that are compared at a time."""
POOL = "~"
"""How the names begin of tensors in which small arrays lie together."""
BFLOAT16: Any = "bfloat16"
"""Items that numpy has no dtype for."""


def tensor_differences(first: Opening, second: Opening) -> tuple[list[TensorDifference], int]:
    """Return the tensors that differ, and how many are equal.

    Raises:
        FormatError: a file is damaged where it has to be read.
    """
    sides = (_Side(first), _Side(second))
    ours, theirs = (one.tensors for one in sides)
    pools = {name for name in (*ours, *theirs) if name.startswith(POOL) and _digest(ours.get(name)) != _digest(theirs.get(name))}
    for one in sides:
        one.take_apart(pools)
    found: list[TensorDifference] = []
    equal = 0
    for name in dict.fromkeys([*sides[0].tensors, *sides[1].tensors]):
        difference = _difference(name, *sides)
        if difference is None:
            equal += 1
        else:
            found.append(difference)
    return found, equal


class _Side:
    """The tensors of one file by name, and what their items are."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        if opening.opened is not None:
            self.tensors = {one.name: one for one in opening.opened.content.tensors}
        else:
            self.tensors = {
                name: Stored(name, e.dtype, e.shape, e.data_offsets[0], e.data_offsets[1] - e.data_offsets[0], "", "") for name, e in opening.header.entries.items()
            }
        self._items: dict[str, Any] | None = None
        self._graph: Graph | None = None
        self._pools: dict[str, tuple[Stored, int]] = {}
        self._raw: tuple[str, Any] = ("", b"")

    def graph(self) -> Graph | None:
        """Return the graph of a native file.

        Raises:
            FormatError: it is damaged.
        """
        if self._graph is None and self.opening.opened is not None:
            try:
                self._graph = self.opening.graph(self.opening.opened.content)
            except HoldfastError as error:
                raise error.at(self.opening.source.name) from None
        return self._graph

    def take_apart(self, pools: set[str]) -> None:
        """Put the arrays of pools in their place, by their own names."""
        graph = self.graph() if pools & set(self.tensors) else None
        if graph is None or self.opening.opened is None:
            return
        for pool, rows in pooled(graph, self.opening.opened.content.tensors, pools).items():
            whole = self.tensors.pop(pool)
            for one in rows:
                shape = [one.nbytes] if whole.dtype == "U8" and str(one.item) != "uint8" else one.shape  # items that the file has no name for are bytes
                self.tensors[one.name] = Stored(one.name, whole.dtype, shape, whole.start + one.offset, one.nbytes, whole.encoding, "")
                self._pools[one.name] = (whole, one.offset)
                self.items()[one.name] = one.item

    def items(self) -> dict[str, Any]:
        """Return what the items of tensors are, where the tree says it: the file itself has no name for structured ones."""
        if self._items is None:
            graph = self.graph()
            self._items = {} if graph is None or self.opening.opened is None else _items_of(graph, [one.name for one in self.opening.opened.content.tensors])
        return self._items

    def item(self, name: str) -> Any:
        """Return what the items of a tensor are: a dtype of numpy, ``bfloat16``, or None."""
        items = self.items()
        if name in items:
            return items[name]
        stored = self.tensors[name].dtype
        return BFLOAT16 if stored == "BF16" else np.dtype(NUMPY[stored]) if stored in NUMPY else None

    def blocks(self, one: Stored, step: int) -> Iterator[Any]:
        """Yield the raw bytes of a tensor, ``step`` at a time."""
        source, start = self.opening.source, self.opening.header.data_start + one.start
        if one.encoding:
            raw = self._decoded(one)
            yield from (raw[at : at + step] for at in range(0, len(raw), step))
        else:
            yield from (source.view(start + at, min(step, one.nbytes - at)) for at in range(0, one.nbytes, step))


    def _decoded(self, one: Stored) -> Any:
        """Return the raw bytes of a compressed tensor, or of an array in a compressed pool, which is kept for the next one."""
        whole, offset = self._pools.get(one.name, (one, 0))
        if self._raw[0] != whole.name:
            stored = self.opening.source.view(self.opening.header.data_start + whole.start, whole.nbytes)
            self._raw = (whole.name, decompress(stored, whole))
        return self._raw[1][offset : offset + one.nbytes] if one is not whole else self._raw[1]


def _items_of(graph: Graph, names: list[str]) -> dict[str, Any]:
    """Return what the items of tensors are, as the tree says it."""
    found: dict[str, Any] = {}
    for table in graph.tables:
        if type(table) is t.Arrays:
            for place in range(1 if table.pooled else table.rows):
                found[names[table.tensor + place]] = parse_dtype(table.dtype)
    for index, table in enumerate(graph.tables):
        if type(table) is t.Records and {"array", "dtype"} <= set(table.fields):
            for tensor in _bfloats(graph, index, table):
                found[names[tensor]] = BFLOAT16
    return found


def _bfloats(graph: Graph, index: int, table: t.Records) -> Iterator[int]:
    """Yield the tensors of records that say that theirs holds bfloat16, which numpy has no name for."""
    paths = Paths(graph)
    arrays, dtypes = (paths.cells(index, table.fields.index(field)) for field in ("array", "dtype"))
    for array, dtype in zip(arrays, dtypes, strict=True):
        if dtype == BFLOAT16 and type(array) is Node:
            where, row = graph.locate(array)
            held: Any = graph.tables[where]
            if type(held) is t.Arrays and not held.pooled and held.dtype == "<u2":
                yield held.tensor + row


def _digest(one: Stored | None) -> tuple[Any, ...] | None:
    return None if one is None or not one.digest else (one.digest, one.dtype, one.shape)


def _text(one: Stored | None) -> str:
    return f"{one.dtype}{one.shape}" if one is not None else ""


def _difference(name: str, first: _Side, second: _Side) -> TensorDifference | None:
    a, b = first.tensors.get(name), second.tensors.get(name)
    if a is None or b is None:
        return TensorDifference(name, "only in the second" if a is None else "only in the first", _text(a), _text(b))
    if a.digest and a.digest == b.digest and a.dtype == b.dtype and a.shape == b.shape:
        return None
    item = first.item(name)
    if a.dtype != b.dtype or str(item) != str(second.item(name)):
        return TensorDifference(name, "dtype", _text(a), _text(b))
    if a.shape != b.shape:
        return TensorDifference(name, "shape", _text(a), _text(b))
    sums = _Sums(item)
    step = max(BLOCK - BLOCK % sums.size, sums.size)
    for x, y in zip(first.blocks(a, step), second.blocks(b, step), strict=True):
        sums.add(x, y)
    return sums.difference(name, a, b)


class _Sums:
    """What is known of the difference of two tensors so far.

    Attributes:
        size: bytes of an item.
    """

    def __init__(self, item: Any) -> None:
        self.item = item
        self.size = 2 if item is BFLOAT16 else max(item.itemsize, 1) if item is not None else 1
        self.numbers = item is BFLOAT16 or (item is not None and item.kind in "fiuc")
        self.elements = self.changed = 0
        self.other_bytes = False
        self.worst = self.total = self.squares = self.before = 0.0

    def add(self, x: Any, y: Any) -> None:
        """Take the next bytes of both."""
        a, b = self._values(x), self._values(y)
        self.elements += len(a)
        if a.ndim > 1:
            different = (a != b).any(axis=1)
        else:
            different = (a != b) & ~((a != a) & (b != b))
        count = int(np.count_nonzero(different))
        self.changed += count
        self.other_bytes = self.other_bytes or count > 0 or bytes(x) != bytes(y)
        if not self.numbers:
            return
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            before = np.abs(a.astype(wide))
            self.before += float(np.square(before[np.isfinite(before)]).sum())
            if count:
                off = np.abs(a[different].astype(wide) - b[different].astype(wide))
                off[off != off] = np.inf  # NaN against a number is infinitely far
                self.worst = max(self.worst, float(off.max()))
                self.total += float(off.sum())
                self.squares += float(np.square(off).sum())

    def _values(self, raw: Any) -> Any:
        if self.item is BFLOAT16:
            return (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        if self.item is None or self.item.kind == "V":
            flat = np.frombuffer(raw, np.uint8)
            return flat.reshape(-1, self.size) if self.size > 1 and len(flat) % self.size == 0 else flat
        return np.frombuffer(raw, self.item)

    def difference(self, name: str, a: Stored, b: Stored) -> TensorDifference | None:
        """Return what was found, or None when every byte is equal."""
        if not self.other_bytes:
            return None
        if not self.numbers or not self.changed:
            return TensorDifference(name, "values", _text(a), _text(b), None, self.changed, elements=self.elements)
        relative = math.sqrt(self.squares) / math.sqrt(self.before) if self.before else math.inf
        return TensorDifference(name, "values", _text(a), _text(b), self.worst, self.changed, self.total / self.elements, relative, self.elements)
