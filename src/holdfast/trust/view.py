"""What schemas and validators see of a graph: cells, kinds, and private copies of arrays.

The one rule: an array that a validator has looked at is the one that is built from later.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from holdfast.errors import Corrupt
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import Graph, Node
from holdfast.values.hashes import check_hashes
from holdfast.values.paths import Paths
from holdfast.values.pools import cut_pool

PLAIN_SCALARS = "bU"
"""Kinds of numpy scalars that a check sees as Python's own: a setting out of an array of settings says the same."""


class Tensors(Protocol):
    """The tensors of one artifact part, by index."""

    def private(self, tensor: int) -> Any:
        """Return a private copy of the raw bytes, checked against their digest."""

    def prefetch(self, tensors: list[int]) -> None:
        """Begin to make private copies of these."""

    def settle(self) -> None:
        """Return when nothing is read any more."""

    def buffer(self, tensor: int) -> Any:
        """Return the raw bytes to build from: the private copy if there is one, else the mapping."""


class Opaque:
    """Stands for an object in what a check is given. Not the `Node`: that is an integer, and a check would take it for one."""

    __slots__ = ("node",)

    def __init__(self, node: int) -> None:
        self.node = node


class View:
    """A graph with its tensors, for reading only.

    Attributes:
        graph: the graph.
        tensors: its tensors.
        paths: where its nodes are.
        checked: nodes whose state was checked together with that of the object that holds them.
        inside: container -> the kinds of its items, as far as a schema has asked.
        inside_tables: table of containers -> the kinds of everything in it, likewise.
    """

    def __init__(self, graph: Graph, tensors: Tensors) -> None:
        self.graph = graph
        self.tensors = tensors
        self._kinds: dict[int, str] = {}
        self._pools: dict[tuple[int, bool], list[Any]] = {}
        self.paths = Paths(graph)
        self.checked: set[int] = set()
        self.inside: dict[int, dict[str, None]] = {}
        self.inside_tables: dict[int, set[str]] = {}

    def kinds(self, cells: list[Any]) -> set[str]:
        """Return the kinds of the nodes that cells refer to; an empty word for a scalar."""
        nodes = [cell for cell in cells if type(cell) is Node]
        found = {""} if len(nodes) < len(cells) else set()
        return found | set(map(self.table_kind, self.graph.tables_of(nodes)))

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

    def fields(self, cells: list[Any], kind: str, name: str) -> list[Any]:
        """Return the cells of one field of the objects that cells refer to; None for what is no object of this exact type."""
        if cells and set(map(type, cells)) == {Node}:
            low, high = min(cells), max(cells)
            index, _ = self.graph.locate(low)
            if high - self.graph.bases[index] < t.row_count(self.graph.tables[index]):  # all are in one table
                found = self._field(index, kind, name)
                base = self.graph.bases[index]
                return [None] * len(cells) if found is None else [found[cell - base] for cell in cells]
        return [self.field(cell, kind, name) for cell in cells]

    def field(self, cell: Any, kind: str, name: str) -> Any:
        """Return the cell of one field of the object that a cell refers to; None when it is no object of this exact type."""
        if type(cell) is not Node:
            return None
        index, row = self.graph.locate(cell)
        found = self._field(index, kind, name)
        return None if found is None else found[row]

    def _field(self, index: int, kind: str, name: str) -> list[Any] | None:
        table: Any = self.graph.tables[index]
        if type(table) not in (t.Objects, t.Records) or (kind and table.type != kind) or name not in table.fields:
            return None
        return self.paths.cells(index, table.fields.index(name))

    def shape(self, node: int) -> tuple[int, ...] | None:
        """Return the shape of an array, or None for anything else."""
        index, row = self.graph.locate(node)
        table: Any = self.graph.tables[index]
        if type(table) not in (t.Arrays, t.ObjectArrays, t.Views):
            return None
        return tuple(table.shapes[row * table.ndim : row * table.ndim + table.ndim])

    def numbers(self, column: t.Column, rows: int) -> list[int | None]:
        """Return a column of integers, Python's or numpy's; None for anything else."""
        kind = type(column)
        if kind is t.Same:
            return [column.value if type(column.value) is int else None] * rows
        if kind is t.Plain and set(map(type, column.values)) == {int}:
            return column.values  # type: ignore[return-value]
        if kind is t.Run:
            index, row = self.graph.locate(column.start)
            table: Any = self.graph.tables[index]
            if type(table) is t.Numbers and row + rows <= table.rows:
                dtype = parse_dtype(table.dtype)
                return np.frombuffer(table.data, dtype)[row : row + rows].tolist() if dtype.kind in "iu" else [None] * rows
        return [self.number(cell) for cell in self.graph.cells(column, rows)]

    def number(self, cell: Any) -> int | None:
        """Return a cell that is an integer, Python's or numpy's; None for anything else."""
        if type(cell) is not Node:
            return cell if type(cell) is int else None
        return int(self.value(cell)) if self.kind(cell) in ("number:i", "number:u") else None

    def lengths(self, column: t.Column, rows: int, axis: int) -> list[int | None]:
        """Return the length along an axis of each array of a column; None for what is no array or has no such axis."""
        if type(column) is t.Run:
            index, row = self.graph.locate(column.start)
            table: Any = self.graph.tables[index]
            if type(table) in (t.Arrays, t.ObjectArrays) and row + rows <= table.rows:
                if not table.ndim or axis >= table.ndim:
                    return [None] * rows
                return table.shapes[axis % table.ndim :: table.ndim][row : row + rows]  # type: ignore[no-any-return]
        shapes = [self.shape(cell) if type(cell) is Node else None for cell in self.graph.cells(column, rows)]
        return [shape[axis] if shape and axis < len(shape) else None for shape in shapes]

    def tensor_of(self, node: int) -> int | None:
        """Return the tensor that an array lies in, or None."""
        index, row = self.graph.locate(node)
        table: Any = self.graph.tables[index]
        if type(table) is t.Views:
            return self.tensor_of(table.buffers[row])
        if type(table) is not t.Arrays:
            return None
        return int(table.tensor) if table.pooled else int(table.tensor) + row

    def tensors_of(self, column: t.Column, rows: int) -> list[int]:
        """Return the tensors that the arrays of a column lie in."""
        if type(column) is t.Run:
            index, row = self.graph.locate(column.start)
            table: Any = self.graph.tables[index]
            if type(table) is t.Arrays and row + rows <= table.rows:
                return [table.tensor] if table.pooled else list(range(table.tensor + row, table.tensor + row + rows))
        found = (self.tensor_of(cell) for cell in self.graph.cells(column, rows) if type(cell) is Node)
        return [tensor for tensor in found if tensor is not None]

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
        if table.pooled:
            return self._pool(index, table, mapped)[row]
        raw = self._raw(int(table.tensor) + row, mapped)
        count = 1
        for length in shape:
            count *= length
        if len(raw) != count * dtype.itemsize:
            raise Corrupt(f"the array at {self.paths.path(node) or 'the root'} has {len(raw)} bytes, which do not fit its shape {shape}")
        return np.ndarray(shape, dtype, raw, order=table.order) if len(raw) else np.zeros(shape, dtype, table.order)

    def _raw(self, tensor: int, mapped: bool) -> Any:
        return self.tensors.buffer(tensor) if mapped else self.tensors.private(tensor)

    def _pool(self, index: int, table: t.Arrays, mapped: bool) -> list[Any]:
        """Return all arrays of a table that lie in one tensor; made once, because it is nearly always all of them that are asked for."""
        made = self._pools.get((index, mapped))
        if made is None:
            made = self._pools[(index, mapped)] = cut_pool(self._raw(int(table.tensor), mapped), table)
        return made

    def looked_at(self, index: int) -> list[Any]:
        """Return the private arrays of a table that were given to a check, for the last time; or nothing."""
        return self._pools.pop((index, False), [])

    def values(self, column: t.Column, count: int, mapped: bool = False, rows: range | None = None) -> list[Any]:
        """Return a column of so many rows, or consecutive rows of it, as plain values; see `value`."""
        kind = type(column)
        rows = range(count) if rows is None else rows
        if kind is t.Plain:
            return column.values[rows.start : rows.stop]
        if kind is t.Same:
            return [column.value] * len(rows)
        if kind is t.Run and rows:
            index, row = self.graph.locate(column.start + rows.start)
            table: Any = self.graph.tables[index]
            if type(table) is t.Arrays and table.pooled and row + len(rows) <= table.rows:
                return self._pool(index, table, mapped)[row : row + len(rows)]
            if type(table) is t.Numbers and row + len(rows) <= table.rows:
                found = np.frombuffer(table.data, parse_dtype(table.dtype))[row : row + len(rows)]
                return found.tolist() if found.dtype.kind in PLAIN_SCALARS else list(found)
        cells = [Node(column.start + row) for row in rows] if kind is t.Run else self.graph.cells(column, count)[rows.start : rows.stop]
        return [self.value(cell, mapped=mapped) for cell in cells]

    def value(self, cell: Any, depth: int = 4, mapped: bool = False, seen: dict[tuple[int, int], Any] | None = None) -> Any:
        """Return a cell as a plain value: scalars, arrays, and containers of such; an object is `Opaque`.

        A container that is held many times becomes one value a depth: expanded, a file of a kilobyte would be endless.
        """
        if type(cell) is not Node:
            return cell
        seen = {} if seen is None else seen
        if (cell, depth) not in seen:
            seen[cell, depth] = self._value(cell, depth, mapped, seen)
        return seen[cell, depth]

    def _value(self, cell: Node, depth: int, mapped: bool, seen: dict[tuple[int, int], Any]) -> Any:
        index, row = self.graph.locate(cell)
        table: Any = self.graph.tables[index]
        kind = type(table)
        if kind is t.Arrays or kind is t.Views:
            return self.array(cell, mapped)
        if kind is t.Numbers:
            number = np.frombuffer(table.data, parse_dtype(table.dtype))[row]
            return number.item() if number.dtype.kind in PLAIN_SCALARS else number
        if depth and kind in (t.Lists, t.Tuples, t.LongTuples, t.ObjectArrays):
            items = self.paths.items(cell)
            if Node in set(map(type, items)):
                items = [self.value(child, depth - 1, mapped, seen) for child in items]
            return list(items) if kind is t.Lists else tuple(items) if kind is not t.ObjectArrays else _objects(items, self.shape(cell))
        if depth and kind in (t.Maps, t.Dicts):
            pairs = self.paths.pairs(cell)
            if kind is t.Maps or not (_plain(table.keys) and _plain(table.values)):
                pairs = [(self.value(key, depth - 1, False, seen), self.value(child, depth - 1, mapped, seen)) for key, child in pairs]
            try:
                if kind is t.Dicts and not _plain(table.keys):
                    check_hashes([key for key, _ in pairs])
                return dict(pairs)
            except TypeError:
                return Opaque(cell)  # a key that cannot be one; nothing asks for such a dict by its keys
        return Opaque(cell)

    def items_of(self, cells: list[Any]) -> list[list[Any]]:
        """Return what `items` does, for each of many cells."""
        if cells and set(map(type, cells)) == {Node}:
            index = self.graph.locate(cells[0])[0]
            table: Any = self.graph.tables[index]
            if type(table) is t.Lists and 2 * len(cells) > table.rows and self.graph.tables_of(cells) == {index}:
                rows, base = self.paths.rows(index), self.graph.bases[index]
                return [rows[cell - base] for cell in cells]
        return [self.items(cell) for cell in cells]

    def items(self, cell: Any) -> list[Any]:
        """Return the cells inside a list, a tuple or an object array."""
        return self.paths.items(cell) if type(cell) is Node else []


def _plain(column: t.Column) -> bool:
    return type(column) is t.Plain or type(column) is t.Same


def _objects(items: list[Any], shape: Any) -> Any:
    return np.fromiter(items, object, len(items)).reshape(shape)


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
