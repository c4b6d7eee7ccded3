"""Where a node sits in a model, and which node sits at a place.

A path is attribute names, dict keys and list positions joined by dots; a named step ``("clf", model)`` is known by its
name: ``steps.clf.coef_``. The same words name tensors (``frameworks/naming.py``).

The one rule: only the graph is read; nothing is built to answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

from holdfast.errors import NotFound, quoted
from holdfast.values import modules
from holdfast.values import tree as t
from holdfast.values.graph import Graph, Node, elements


class Paths:
    """Access to single nodes of a graph, by way of their parents."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.columns: dict[tuple[int, int], list[Any]] = {}
        self.starts: dict[int, list[int]] = {}

    def _cells(self, index: int, number: int, column: t.Column, rows: int) -> list[Any]:
        key = (index, number)
        found = self.columns.get(key)
        if found is None:
            found = self.columns[key] = self.graph.cells(column, rows)
        return found

    def cells(self, index: int, number: int) -> list[Any]:
        """Return the cells of a column of a table with a column for each field, kept for the next time."""
        table: Any = self.graph.tables[index]
        return self._cells(index, number, table.columns[number], table.rows)

    def _items(self, index: int, table: Any, row: int, number: int, column: t.Column, counts: list[int]) -> list[Any]:
        starts = self.starts.get(index)
        if starts is None:
            starts = self.starts[index] = [0, *accumulate(counts)]
        cells = self._cells(index, number, column, starts[-1])
        return cells[starts[row] : starts[row + 1]]

    def children(self, node: int) -> Iterator[tuple[str, Any]]:
        """Yield label and value (a scalar or a `Node`) of everything that a node holds, in order."""
        index, row = self.graph.locate(node)
        table: Any = self.graph.tables[index]
        kind = type(table)
        rows = t.row_count(table)
        if kind in (t.Objects, t.Records, t.Maps, t.Tuples):
            labels = table.keys if kind is t.Maps else [str(i) for i in range(len(table.columns))] if kind is t.Tuples else table.fields
            for number, (label, column) in enumerate(zip(labels, table.columns, strict=True)):
                yield label, self._cells(index, number, column, rows)[row]
        elif kind in (t.Lists, t.LongTuples, t.Sets, t.FrozenSets):
            counts = self._cells(index, 0, table.lengths, rows)
            for position, value in enumerate(self._items(index, table, row, 1, table.items, counts)):
                yield str(position), value
        elif kind is t.Dicts:
            counts = self._cells(index, 0, table.lengths, rows)
            keys = self._items(index, table, row, 1, table.keys, counts)
            values = self._items(index, table, row, 2, table.values, counts)
            for position, (key, value) in enumerate(zip(keys, values, strict=True)):
                if type(key) is Node:
                    yield f"key#{position}", key
                yield (f"#{position}" if type(key) is Node or not isinstance(key, str | int | float) else str(key)), value
        elif kind is t.ObjectArrays:
            counts = elements(table, rows)
            for position, value in enumerate(self._items(index, table, row, 1, table.items, counts)):
                yield str(position), value
        elif kind is t.Views:
            yield "", Node(table.buffers[row])

    def items(self, node: int) -> list[Any]:
        """Return the cells inside a list, a tuple, a set or an object array; what `children` yields, without labels."""
        index, row = self.graph.locate(node)
        table: Any = self.graph.tables[index]
        kind = type(table)
        if kind in (t.Lists, t.LongTuples, t.Sets, t.FrozenSets):
            starts = self.starts.get(index)
            if starts is not None:
                return self.columns[(index, 1)][starts[row] : starts[row + 1]]
            if table.rows == 1:
                return self._cells(index, 1, table.items, self._cells(index, 0, table.lengths, 1)[0])
            return self._items(index, table, row, 1, table.items, self._cells(index, 0, table.lengths, table.rows))
        if kind is t.ObjectArrays:
            return self._items(index, table, row, 1, table.items, elements(table, table.rows))
        return [cell for _, cell in self.children(node)]

    def rows(self, index: int) -> list[list[Any]]:
        """Return the cells inside each list of a table of lists."""
        table: Any = self.graph.tables[index]
        ends = list(accumulate(self._cells(index, 0, table.lengths, table.rows)))
        flat = self._cells(index, 1, table.items, ends[-1])
        return [flat[start:end] for start, end in pairwise((0, *ends))]

    def pairs(self, node: int) -> list[tuple[Any, Any]]:
        """Return the cells of keys and values of a dict."""
        index, row = self.graph.locate(node)
        table: Any = self.graph.tables[index]
        if type(table) is t.Maps:
            return list(self.children(node))
        counts = self._cells(index, 0, table.lengths, table.rows)
        keys = self._items(index, table, row, 1, table.keys, counts)
        return list(zip(keys, self._items(index, table, row, 2, table.values, counts), strict=True))

    def labelled(self, node: int) -> Iterator[tuple[str, Any]]:
        """Yield as `children` does, with named steps known by their names."""
        index, _ = self.graph.locate(node)
        named = type(self.graph.tables[index]) is t.Lists
        for label, value in self.children(node):
            step = self.step_name(value) if named and type(value) is Node else None
            yield (step or label), value

    def step_name(self, node: int) -> str | None:
        """Return the name of a named step: a tuple of two or three that starts with text; or None."""
        index, row = self.graph.locate(node)
        table = self.graph.tables[index]
        if type(table) is not t.Tuples or len(table.columns) not in (2, 3):
            return None
        first = self._cells(index, 0, table.columns[0], table.rows)[row]
        return first if type(first) is str and first else None

    def path(self, wanted: int) -> str:
        """Return the shortest path from the root to a node."""
        if type(self.graph.root) is not Node:
            return ""
        came: dict[int, tuple[int, str]] = {int(self.graph.root): (-1, "")}
        queue = deque([int(self.graph.root)])
        while queue and wanted not in came:
            node = queue.popleft()
            step = self.step_name(node)
            for label, value in self.labelled(node):
                if type(value) is Node and int(value) not in came:
                    came[int(value)] = (node, "" if step is not None and label == "1" else label)
                    queue.append(int(value))
        if wanted not in came:
            return "a part that nothing refers to"
        parts: list[str] = []
        while wanted != -1:
            wanted, label = came[wanted]
            if label:
                parts.append(label)
        return ".".join(reversed(parts))

    def find(self, path: str) -> Any:
        """Return the scalar or `Node` at a path.

        Raises:
            NotFound: nothing is there; names what is.
        """
        value: Any = self.graph.root
        rest = path
        while rest:
            if type(value) is not Node:
                raise NotFound(
                    f"there is nothing at {quoted(path)!r}: {quoted(path[: len(path) - len(rest)].rstrip('.'))!r} holds a plain value"
                )
            options: dict[str, Any] = {}
            for label, child in self.labelled(int(value)):
                if type(child) is Node and self.step_name(child) == label:
                    child = self._inside(child)
                options.setdefault(label, child)
            # the longest label that fits, since a dict key may hold dots
            fits = [label for label in options if rest == label or rest.startswith(label + ".")]
            if not fits and modules.is_module(self.graph, int(value)):
                options = dict(modules.shown(self, int(value)))
                fits = [label for label in options if rest == label or rest.startswith(label + ".")]
            if not fits:
                shown = ", ".join(quoted(label, 40) for label in list(options)[:12]) or "nothing"
                raise NotFound(
                    f"there is no {quoted(rest)!r} in {quoted(path[: len(path) - len(rest)].rstrip('.')) or 'the model'}; there is {shown}"
                )
            label = max(fits, key=len)
            value = options[label]
            rest = rest[len(label) + 1 :]
        return value

    def _inside(self, step: int) -> Any:
        return dict(self.children(step))["1"]


def extract(graph: Graph, root: Any) -> tuple[t.Tree, list[int]]:
    """Return the tree of a part alone, and which tensors of the whole it uses, in its own order.

    Args:
        graph: the whole.
        root: the scalar or `Node` that becomes the root.
    """
    if type(root) is not Node:
        return t.Tree(t.TREE_VERSION, t.Same(root), []), []
    paths = Paths(graph)
    seen = {int(root)}
    queue = deque(seen)
    while queue:
        for _, value in paths.children(queue.popleft()):
            if type(value) is Node and int(value) not in seen:
                seen.add(int(value))
                queue.append(int(value))
    kept = sorted(seen)
    new = {node: place for place, node in enumerate(kept)}
    rows: dict[int, list[int]] = {}
    for node in kept:
        index, row = graph.locate(node)
        rows.setdefault(index, []).append(row)
    tables: list[t.Table] = []
    tensors: list[int] = []
    for index, some in rows.items():
        tables.append(_cut(graph, paths, index, some, new, tensors))
    return t.Tree(t.TREE_VERSION, t.SameRef(new[int(root)]), tables), tensors


def _cut(graph: Graph, paths: Paths, index: int, rows: list[int], new: dict[int, int], tensors: list[int]) -> t.Table:
    table: Any = graph.tables[index]
    kind = type(table)
    count = t.row_count(table)
    base = graph.bases[index]

    def column(values: list[Any]) -> t.Column:
        refs = [i for i, v in enumerate(values) if type(v) is Node]
        plain = [new[int(v)] if type(v) is Node else v for v in values]
        if not refs:
            return t.Plain(plain)
        return t.Refs(plain) if len(refs) == len(values) else t.Mixed(plain, refs)

    if kind in (t.Objects, t.Records, t.Maps, t.Tuples):
        columns = []
        for one in table.columns:
            cells = graph.cells(one, count)
            columns.append(column([cells[row] for row in rows]))
        if kind is t.Tuples:
            return t.Tuples(len(rows), columns)
        if kind is t.Maps:
            return t.Maps(table.keys, len(rows), columns)
        return kind(table.type, table.fields, len(rows), columns)  # type: ignore[no-any-return]
    if kind in (t.Lists, t.LongTuples, t.Sets, t.FrozenSets):
        parts = [[value for _, value in paths.children(base + row)] for row in rows]
        return kind(len(rows), t.Plain([len(p) for p in parts]), column([v for p in parts for v in p]))  # type: ignore[no-any-return]
    if kind is t.Dicts:
        lengths = graph.cells(table.lengths, count)
        total = sum(lengths)
        keys, values = graph.cells(table.keys, total), graph.cells(table.values, total)
        starts = [sum(lengths[:row]) for row in rows]
        picks = [i for start, row in zip(starts, rows, strict=True) for i in range(start, start + lengths[row])]
        return t.Dicts(
            len(rows), t.Plain([lengths[row] for row in rows]), column([keys[i] for i in picks]), column([values[i] for i in picks])
        )
    ndim = getattr(table, "ndim", 0)
    shapes = [n for row in rows for n in table.shapes[row * ndim : row * ndim + ndim]] if hasattr(table, "shapes") else []
    if kind is t.Arrays:
        first = len(tensors)
        if table.pooled and len(rows) < count:
            # a part of a pool: the caller cuts the pool's bytes by these rows
            tensors.append((table.tensor, index, tuple(rows)))  # type: ignore[arg-type]
        elif table.pooled:
            tensors.append(table.tensor)
        else:
            tensors.extend(table.tensor + row for row in rows)
        return t.Arrays(table.dtype, ndim, table.order, table.writeable, len(rows), shapes, table.pooled, first)
    if kind is t.ObjectArrays:
        parts = [[value for _, value in paths.children(base + row)] for row in rows]
        return t.ObjectArrays(ndim, table.order, table.writeable, len(rows), shapes, column([v for p in parts for v in p]))
    if kind is t.Views:
        strides = [n for row in rows for n in table.strides[row * ndim : row * ndim + ndim]]
        buffers = [new[table.buffers[row]] for row in rows]
        return t.Views(table.dtype, ndim, table.writeable, len(rows), buffers, [table.offsets[row] for row in rows], shapes, strides)
    if kind is t.Numbers:
        size = len(table.data) // count
        return t.Numbers(table.dtype, len(rows), b"".join(table.data[row * size : row * size + size] for row in rows))
    if kind is t.Names:
        return t.Names([table.names[row] for row in rows])
    return t.Atoms(table.kind, [table.values[row] for row in rows])
