"""A tree whose structure has been checked: every reference leads somewhere, in an order in which things can be built.

The one rule: after `Graph(tree)` returned, no later code has to ask whether a node number, a length or a shape fits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, pairwise, repeat
from operator import mul
from typing import Any

from holdfast.errors import Corrupt, FormatError, LimitExceeded, quoted
from holdfast.values import limits
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype

_LEAVES = frozenset({t.Arrays, t.Views, t.Numbers, t.Names, t.Atoms})
_STRICT = frozenset({t.Records, t.Tuples, t.LongTuples, t.FrozenSets})
_SHAPED = frozenset({t.Arrays, t.ObjectArrays, t.Views})


class Node(int):
    """A node number among scalars, told from an integer by its type."""

    __slots__ = ()


class Graph:
    """A checked tree, with random access.

    Attributes:
        tables: the tables.
        bases: number of the first node of each table.
        total: number of nodes.
        shells: number of the first node that is made empty and filled later.
        root: the root, a scalar or a `Node`.
    """

    __slots__ = ("bases", "cells_seen", "keyed", "root", "shells", "tables", "total")

    def __init__(self, tree: t.Tree, tensors: int, nbytes: int | None = None) -> None:
        if len(tree.tables) > limits.TABLES:
            raise LimitExceeded(f"the tree has {len(tree.tables)} tables, more than the limit of {limits.TABLES} (TABLES)")
        self.tables = tree.tables
        counts = [t.row_count(table) for table in tree.tables]
        if counts and min(counts) < 1:
            raise FormatError("the tree has a table without rows")
        self.bases = [0, *accumulate(counts)]
        self.total = self.bases.pop()
        if self.total > limits.NODES:
            raise LimitExceeded(f"the tree has {self.total} nodes, more than the limit of {limits.NODES} (NODES)")
        self.shells = self._shell_base()
        self.keyed = False
        self.cells_seen = self.total
        taken = 0
        for index, table in enumerate(self.tables):
            taken = self._check(index, table, counts[index], taken)
        if taken != tensors:
            raise Corrupt(f"the tree uses {taken} tensors, and the file has {tensors}")
        self._check_column(tree.root, 1, self.total, "the root")
        if nbytes is not None and self.cells_seen > limits.FREE_CELLS + limits.CELLS_PER_BYTE * nbytes:
            raise LimitExceeded(
                f"the tree has {self.cells_seen} nodes and cells in {nbytes} bytes, more than its bytes can pay for (CELLS_PER_BYTE)"
            )
        if self.keyed:
            self._check_keys()
        self.root = self.cells(tree.root, 1)[0]

    # -- access ----------------------------------------------------------------------------------------------------

    def locate(self, node: int) -> tuple[int, int]:
        """Return the index of the table that a node is in, and its row there."""
        index = bisect_right(self.bases, node) - 1
        return index, node - self.bases[index]

    def tables_of(self, nodes: Iterable[int]) -> set[int]:
        """Return the indices of the tables that nodes are in."""
        return {after - 1 for after in set(map(bisect_right, repeat(self.bases), nodes))}

    def cells(self, column: t.Column, rows: int) -> list[Any]:
        """Return a column as a list of scalars and `Node` numbers."""
        kind = type(column)
        if kind is t.Plain:
            return column.values
        if kind is t.Same:
            return [column.value] * rows
        if kind is t.SameRef:
            return [Node(column.node)] * rows
        if kind is t.Run:
            return [Node(column.start + i) for i in range(rows)]
        if kind is t.Refs:
            return [Node(n) for n in column.nodes]
        values: list[Any] = list(column.values)
        for i in column.refs:
            values[i] = Node(values[i])
        return values

    # -- structure -------------------------------------------------------------------------------------------------

    def _shell_base(self) -> int:
        phase = 0
        shells = self.total
        for base, table in zip(self.bases, self.tables, strict=True):
            kind = type(table)
            now = 0 if kind in _LEAVES else 1 if kind in _STRICT else 2
            if now < phase:
                raise FormatError("the tables of the tree are out of order")
            if now == 2 and phase < 2:
                shells = base
            phase = now
        return shells

    def _check(self, index: int, table: Any, rows: int, taken: int) -> int:
        kind = type(table)
        base = self.bases[index]
        where = f"table {index} ({kind.__name__})"
        if kind is t.Objects or kind is t.Records or kind is t.Maps:
            names = table.keys if kind is t.Maps else table.fields
            if len(names) > limits.FIELDS:
                raise LimitExceeded(f"{where} has {len(names)} fields, more than the limit of {limits.FIELDS} (FIELDS)")
            if len(set(names)) != len(names):
                raise FormatError(f"{where} names a field twice")
            if kind is not t.Maps and len(table.type) > limits.TYPE_NAME_BYTES:
                raise LimitExceeded(f"{where} has a type name longer than {limits.TYPE_NAME_BYTES} (TYPE_NAME_BYTES)")
            if len(table.columns) != len(names):
                raise FormatError(f"{where} has {len(names)} fields and {len(table.columns)} columns")
        elif kind in _SHAPED:
            if not 0 <= table.ndim <= limits.DIMENSIONS or len(table.shapes) != rows * table.ndim:
                raise FormatError(f"{where} has shapes that do not fit its number of axes")
            if table.shapes and not 0 <= min(table.shapes) <= max(table.shapes) <= limits.TENSOR_ELEMENTS:
                raise FormatError(f"{where} has a length that is negative or too large")
            if kind is not t.Views and table.order not in ("C", "F"):
                raise FormatError(f"{where} has the unknown memory order {quoted(table.order)!r}")
            _check_extents(table, rows, where)
        elif kind is t.Tuples and len(table.columns) > t.WIDE:
            raise FormatError(f"{where} has tuples of {len(table.columns)} places, which are stored another way")
        if kind is t.Arrays:
            parse_dtype(table.dtype)
            if table.tensor != taken:
                raise FormatError(f"{where} begins at tensor {table.tensor}, where {taken} was expected")
            taken += 1 if table.pooled else rows
        elif kind is t.Views:
            self._check_views(table, rows, base, where)
        elif kind is t.Numbers:
            if parse_dtype(table.dtype).itemsize == 0:
                self.cells_seen += 16 * rows
            if len(table.data) != rows * parse_dtype(table.dtype).itemsize:
                raise FormatError(f"{where} has {len(table.data)} bytes for {rows} numbers of dtype {quoted(table.dtype)}")
        elif kind is t.Atoms and table.kind not in t.ATOM_KINDS:
            raise FormatError(f"{where} has the unknown kind {quoted(table.kind)!r}")
        elif kind is t.Names and max(map(len, table.names)) > limits.TYPE_NAME_BYTES:
            raise LimitExceeded(f"{where} has a name longer than {limits.TYPE_NAME_BYTES} (TYPE_NAME_BYTES)")
        below = base if kind in _STRICT else self.total
        if kind in (t.Lists, t.LongTuples, t.Sets, t.FrozenSets):
            count = self._length(table.lengths, rows, where)
            if kind is t.LongTuples and min([table.lengths.value] if type(table.lengths) is t.Same else table.lengths.values) <= t.WIDE:
                raise FormatError(f"{where} has a tuple of at most {t.WIDE} places, which is stored another way")
            self.cells_seen += count
            self.keyed |= kind is t.Sets or kind is t.FrozenSets
            self._check_column(table.items, count, below, where)
        elif kind is t.Dicts:
            count = self._length(table.lengths, rows, where)
            self.cells_seen += 2 * count
            self.keyed |= type(table.keys) not in (t.Plain, t.Same)
            self._check_column(table.keys, count, below, where)
            self._check_column(table.values, count, below, where)
        elif kind is t.ObjectArrays:
            count = sum(elements(table, rows))
            self.cells_seen += count
            self._check_column(table.items, count, below, where)
        else:
            columns = t.columns_of(table)
            self.cells_seen += rows * len(columns)
            for column in columns:
                self._check_column(column, rows, below, where)
        return taken

    def _length(self, lengths: t.Column, rows: int, where: str) -> int:
        kind = type(lengths)
        if kind is t.Same:
            values = [lengths.value]
        elif kind is t.Plain and len(lengths.values) == rows:
            values = lengths.values
        else:
            raise FormatError(f"{where} has no length for each row")
        if set(map(type, values)) != {int} or min(values) < 0 or max(values) > limits.TENSOR_ELEMENTS:  # type: ignore[operator, type-var]
            raise FormatError(f"{where} has a length that is no count")
        return values[0] * rows if kind is t.Same else sum(values)  # type: ignore[arg-type, operator, return-value]

    def _check_column(self, column: t.Column, rows: int, below: int, where: str) -> None:
        """Check that a column has its rows, and that its references lead to nodes below `below` or to shells."""
        kind = type(column)
        if kind is t.Same:
            return
        if kind is t.Plain:
            if len(column.values) != rows:
                raise FormatError(f"{where} has a column of {len(column.values)} values, where {rows} were expected")
            return
        if kind is t.SameRef:
            nodes = [column.node]
        elif kind is t.Run:
            nodes = [column.start, column.start + rows - 1]
            if nodes[0] < below <= nodes[1]:
                raise FormatError(f"{where} refers to a node that cannot be there yet")
        elif kind is t.Refs:
            nodes = column.nodes
            if len(nodes) != rows:
                raise FormatError(f"{where} has a column of {len(nodes)} references, where {rows} were expected")
        else:
            values, refs = column.values, column.refs
            if len(values) != rows or not 0 < len(refs) < rows or refs[0] < 0 or refs[-1] >= rows:
                raise FormatError(f"{where} has a mixed column that does not fit its {rows} rows")
            if any(a >= b for a, b in pairwise(refs)):
                raise FormatError(f"{where} has a mixed column whose references are out of order")
            nodes = [values[i] for i in refs]
            if set(map(type, nodes)) != {int}:
                raise FormatError(f"{where} has a reference that is no node number")
        if nodes and (min(nodes) < 0 or max(nodes) >= self.total):
            raise FormatError(f"{where} refers to node {max(nodes)}, and the tree has {self.total}")
        if below < self.total and any(below <= node < self.shells for node in nodes):
            raise FormatError(f"{where} refers to a node that cannot be there yet")

    def _check_keys(self) -> None:
        """Refuse keys and items of sets that hashing would recurse into too deep, or visit for too long."""
        depth: dict[int, int] = {}
        parts: dict[int, int] = {}
        for base, table in zip(self.bases, self.tables, strict=True):
            if type(table) is t.Atoms and table.kind == "int":  # the hash of an integer visits all of it, each time
                parts.update((base + row, 1 + len(value) // 64) for row, value in enumerate(table.values) if len(value) > 64)
            if type(table) in _STRICT:
                rows = t.row_count(table)
                columns = t.columns_of(table)
                if all(type(one) in (t.Same, t.Plain) for one in columns):
                    if type(table) is t.LongTuples:
                        parts.update((base + row, 1 + length) for row, length in enumerate(self.cells(table.lengths, rows)))
                    continue
                for row, children in enumerate(self._children(table, rows)):
                    depth[base + row] = 1 + max((depth.get(child, 1) for child in children), default=0)
                    # a frozen set keeps its hash, so what holds it does not visit it again
                    if type(table) is not t.FrozenSets:
                        parts[base + row] = min(limits.KEY_PARTS + 1, 1 + sum(parts.get(child, 1) for child in children))
        if not parts and not depth:
            return
        visits = 0
        one: Any
        for one in self.tables:
            kind, table = type(one), one
            if kind is t.Dicts or kind is t.Sets or kind is t.FrozenSets:
                column = table.keys if kind is t.Dicts else table.items
                count = sum(self.cells(table.lengths, table.rows))
                keys = [int(cell) for cell in self.cells(column, count) if type(cell) is Node]
                visits += sum(parts.get(node, 1) for node in keys)
                if visits > limits.KEY_PARTS + 16 * self.cells_seen:
                    raise LimitExceeded("the keys of the file have more parts, shared ones counted each time, than its cells can account for (KEY_PARTS)")
                for node in set(keys):
                    if depth.get(node, 0) > limits.KEY_DEPTH:
                        raise LimitExceeded(f"a key nests {depth[node]} deep, more than {limits.KEY_DEPTH} (KEY_DEPTH)")
                    if parts.get(node, 0) > limits.KEY_PARTS:
                        raise LimitExceeded(f"a key has more than {limits.KEY_PARTS} parts (KEY_PARTS)")

    def _children(self, table: Any, rows: int) -> list[list[int]]:
        """Return the nodes that each row of a one-step table refers to."""
        found: list[list[int]] = [[] for _ in range(rows)]
        if type(table) is t.LongTuples or type(table) is t.FrozenSets:
            lengths = self.cells(table.lengths, rows)
            cells = self.cells(table.items, sum(lengths))
            start = 0
            for row, length in enumerate(lengths):
                found[row] = [int(cell) for cell in cells[start : start + length] if type(cell) is Node]
                start += length
            return found
        for column in table.columns:
            for row, cell in enumerate(self.cells(column, rows)):
                if type(cell) is Node:
                    found[row].append(int(cell))
        return found

    def _check_views(self, table: t.Views, rows: int, base: int, where: str) -> None:
        itemsize = parse_dtype(table.dtype).itemsize
        ndim = table.ndim
        if not len(table.buffers) == len(table.offsets) == rows or len(table.strides) != rows * ndim:
            raise FormatError(f"{where} has columns of different lengths")
        for row in range(rows):
            node = table.buffers[row]
            if not 0 <= node < base:
                raise FormatError(f"{where} looks into node {node}, which is not there before it")
            index, place = self.locate(node)
            buffer = self.tables[index]
            if type(buffer) is not t.Arrays or buffer.dtype != "|u1" or buffer.ndim != 1:
                raise FormatError(f"{where} looks into a node that is no array of bytes")
            size = buffer.shapes[place]
            shape = table.shapes[row * ndim : row * ndim + ndim]
            strides = table.strides[row * ndim : row * ndim + ndim]
            low = high = table.offsets[row]
            count = 1
            for length in shape:
                count *= length
            if count > 2**20 + limits.VIEW_ELEMENTS * size or any(abs(stride) > 2**62 for stride in strides):
                raise LimitExceeded(f"{where} has a view of {count} elements in {size} bytes (VIEW_ELEMENTS)")
            for length, stride in zip(shape, strides, strict=True):
                if length == 0:
                    raise FormatError(f"{where} has a view without elements")
                if stride < 0:
                    low += stride * (length - 1)
                else:
                    high += stride * (length - 1)
            if low < 0 or high + itemsize > size:
                raise FormatError(f"{where} has a view that reaches outside its {size} bytes")


def _check_extents(table: Any, rows: int, where: str) -> None:
    """Refuse shapes that numpy would not make even when another length is zero."""
    itemsize = 8 if type(table) is t.ObjectArrays else max(1, parse_dtype(table.dtype).itemsize)
    ndim, shapes = table.ndim, table.shapes
    if not shapes or (max(shapes) < 2**16 and ndim <= 2):
        return
    for row in range(rows):
        extent = itemsize
        for length in shapes[row * ndim : row * ndim + ndim]:
            extent *= length or 1
        if extent > limits.TENSOR_ELEMENTS:
            raise FormatError(f"{where} has a shape of {extent} bytes (TENSOR_ELEMENTS)")


def elements(table: Any, rows: int) -> list[int]:
    """Return the number of elements of each array of a table.

    Raises:
        FormatError: a product is beyond TENSOR_ELEMENTS.
    """
    ndim, shapes = table.ndim, table.shapes
    if ndim == 1:
        return list(shapes)
    counts = [1] * rows
    for axis in range(ndim):
        counts = list(map(mul, counts, shapes[axis::ndim]))
    if counts and max(counts) > limits.TENSOR_ELEMENTS:
        raise FormatError(f"an array declares {max(counts)} elements (TENSOR_ELEMENTS)")
    return counts
