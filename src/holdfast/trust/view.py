"""What schemas and validators see of a graph: cells, kinds, and private copies of arrays.

The one rule: an array that a validator has looked at is the one that is built from later.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from holdfast.errors import Corrupt
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import Graph, Node, elements
from holdfast.values.hashes import check_hashes
from holdfast.values.paths import Paths


class Tensors(Protocol):
    """The tensors of one artifact part, by index."""

    def private(self, tensor: int) -> Any:
        """Return a private copy of the raw bytes, checked against their digest."""

    def prefetch(self, tensors: list[int]) -> None:
        """Make private copies of these now, several at a time."""

    def buffer(self, tensor: int) -> Any:
        """Return the raw bytes to build from: the private copy if there is one, else the mapping."""


class Opaque:
    """Stands for an object in what a check is given. Not the `Node`: that is an integer, and a check would take it for one."""

    __slots__ = ("node",)

    def __init__(self, node: int) -> None:
        self.node = node


class View:
    """A graph with its tensors, for reading only."""

    def __init__(self, graph: Graph, tensors: Tensors) -> None:
        self.graph = graph
        self.tensors = tensors
        self._kinds: dict[int, str] = {}
        self._offsets: dict[int, list[int]] = {}
        self.paths = Paths(graph)

    def kind(self, node: int) -> str:
        """Return the kind of a node, as schemas name it."""
        return self.table_kind(self.graph.locate(node)[0])

    def table_kind(self, index: int) -> str:
        """Return the kind of the nodes of a table."""
        found = self._kinds.get(index)
        if found is None:
            found = self._kinds[index] = _kind(self.graph.tables[index])
        return found

    def column(self, index: int, field: str) -> list[Any]:
        """Return the cells of one field of a table of objects or records."""
        table: Any = self.graph.tables[index]
        number = table.fields.index(field)
        return self.graph.cells(table.columns[number], table.rows)

    def shape(self, node: int) -> tuple[int, ...] | None:
        """Return the shape of an array, or None for anything else."""
        index, row = self.graph.locate(node)
        table: Any = self.graph.tables[index]
        if type(table) not in (t.Arrays, t.ObjectArrays, t.Views):
            return None
        return tuple(table.shapes[row * table.ndim : row * table.ndim + table.ndim])

    def tensor_of(self, node: int) -> int | None:
        """Return the tensor that an array lies in, or None."""
        index, row = self.graph.locate(node)
        table: Any = self.graph.tables[index]
        if type(table) is t.Views:
            return self.tensor_of(table.buffers[row])
        if type(table) is not t.Arrays:
            return None
        return int(table.tensor) if table.pooled else int(table.tensor) + row

    def array(self, node: int, mapped: bool = False) -> Any:
        """Return an array of a node of plain numbers: in a private copy, or as it is mapped where only its shape matters."""
        index, row = self.graph.locate(node)
        table: Any = self.graph.tables[index]
        ndim = table.ndim
        shape = table.shapes[row * ndim : row * ndim + ndim]
        dtype = parse_dtype(table.dtype)
        if type(table) is t.Views:
            memory = self.array(table.buffers[row], mapped)
            return np.ndarray(shape, dtype, memory, table.offsets[row], table.strides[row * ndim : row * ndim + ndim])
        counts = self._offsets.get(index)
        if counts is None:
            counts = [0]
            for count in elements(table, table.rows):
                counts.append(counts[-1] + count)
            self._offsets[index] = counts
        tensor = int(table.tensor) if table.pooled else int(table.tensor) + row
        raw = self.tensors.buffer(tensor) if mapped else self.tensors.private(tensor)
        start = counts[row] * dtype.itemsize if table.pooled else 0
        size = (counts[row + 1] - counts[row]) * dtype.itemsize
        if (len(raw) != counts[-1] * dtype.itemsize) if table.pooled else (len(raw) != size):
            raise Corrupt(f"the array at {self.paths.path(node) or 'the root'} has {len(raw)} bytes, which do not fit its shape {shape}")
        if not size:
            return np.zeros(shape, dtype, table.order)
        return np.ndarray(shape, dtype, raw, start, order=table.order)

    def value(self, cell: Any, depth: int = 4, mapped: bool = False) -> Any:
        """Return a cell as a plain value: scalars, arrays, and containers of such; an object is `Opaque`."""
        if type(cell) is not Node:
            return cell
        index, row = self.graph.locate(cell)
        table: Any = self.graph.tables[index]
        kind = type(table)
        if kind is t.Arrays or kind is t.Views:
            return self.array(cell, mapped)
        if kind is t.Numbers:
            number = np.frombuffer(table.data, parse_dtype(table.dtype))[row]
            return bool(number) if number.dtype == bool else number
        if depth and kind in (t.Lists, t.Tuples, t.LongTuples, t.ObjectArrays):
            items = [self.value(child, depth - 1, mapped) for _, child in self.paths.children(cell)]
            return items if kind is t.Lists else tuple(items) if kind is not t.ObjectArrays else _objects(items, self.shape(cell))
        if depth and kind in (t.Maps, t.Dicts):
            pairs = [(self.value(key, depth - 1), self.value(child, depth - 1, mapped)) for key, child in self.paths.pairs(cell)]
            try:
                if kind is t.Dicts and type(table.keys) not in (t.Plain, t.Same):
                    check_hashes([key for key, _ in pairs])
                return dict(pairs)
            except TypeError:
                return Opaque(cell)  # a key that cannot be one; nothing asks for such a dict by its keys
        return Opaque(cell)

    def items(self, cell: Any) -> list[Any]:
        """Return the cells inside a list, a tuple or an object array."""
        return [child for _, child in self.paths.children(cell)] if type(cell) is Node else []


def _objects(items: list[Any], shape: Any) -> Any:
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array.reshape(shape)


def _kind(table: Any) -> str:
    kind = type(table)
    if kind is t.Arrays or kind is t.Views:
        return f"array:{parse_dtype(table.dtype).kind}{table.ndim}"
    if kind is t.ObjectArrays:
        return f"array:O{table.ndim}"
    if kind is t.Numbers:
        return f"number:{parse_dtype(table.dtype).kind}"
    if kind is t.Objects or kind is t.Records:
        return f"type:{table.type}"
    if kind is t.Atoms:
        return str(table.kind)
    return _SIMPLE[kind]


_SIMPLE: dict[type, str] = {
    t.Tuples: "tuple",
    t.LongTuples: "tuple",
    t.Lists: "list",
    t.Maps: "dict",
    t.Dicts: "dict",
    t.Sets: "set",
    t.FrozenSets: "frozenset",
    t.Names: "name",
}
