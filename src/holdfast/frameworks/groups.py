"""From the groups of a walk to the tables of a tree.

A group is the rows of one future table. Values that are built in one step (tuples, records, frozen sets) must come after
what they hold, so their groups are split by *rank*, the longest chain of such values below them.

The one rule: the order of tables and rows follows from the graph alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Any

from holdfast.errors import UnsupportedModel
from holdfast.frameworks.adapter import type_name
from holdfast.frameworks.columns import Cells, Fresh, Ref, column
from holdfast.values import tree as t

LARGE = 1_000_000
"""Nodes and cells from which every column pays for its rows in bytes; see `holdfast.values.limits.FREE_CELLS`."""

_LEAVES = frozenset({t.Arrays, t.Views, t.Numbers, t.Names, t.Atoms})
_CONTAINERS = frozenset({t.Lists, t.Maps, t.Dicts, t.Sets, t.ObjectArrays})
_STRICT = frozenset({t.Records, t.Tuples, t.LongTuples, t.FrozenSets})
WITH_COLUMNS = frozenset({t.Objects, t.Records, t.Tuples, t.Maps})
_WITH_ITEMS = frozenset({t.Lists, t.LongTuples, t.Sets, t.FrozenSets})


class Group:
    """The rows of one future table, with the provisional numbers of their nodes, which ascend.

    Tables with a column for each field keep columns; rows that come one by one wait until there are many of them.
    """

    __slots__ = ("columns", "key", "kind", "nodes", "rows")

    def __init__(self, kind: type, key: Any) -> None:
        self.kind = kind
        self.key = key
        self.rows: list[Any] = []
        self.columns: list[Cells] = []
        self.nodes: list[int] = []

    def settle(self) -> None:
        """Turn waiting rows into columns."""
        if self.rows and self.kind in WITH_COLUMNS:
            self.extend(list(map(list, zip(*self.rows, strict=True))))
            self.rows = []

    def extend(self, columns: Sequence[Cells]) -> None:
        """Append to the columns."""
        if self.columns:
            self.columns = [[*have, *more] for have, more in zip(self.columns, columns, strict=True)]
        else:
            self.columns = list(columns)

    def in_order(self) -> None:
        """Let the nodes ascend: what a wave expands together, layout by layout, does not come in the order of the nodes."""
        nodes = self.nodes
        ascending = sorted(nodes)
        if nodes == ascending:
            return
        self.settle()
        order = sorted(range(len(nodes)), key=nodes.__getitem__)
        self.nodes = ascending
        self.columns = [[cells[place] for place in order] for cells in self.columns]
        self.rows = [self.rows[place] for place in order] if self.rows else []

    def row(self, node: int) -> Any:
        """Return what the row of a node holds."""
        place = bisect_left(self.nodes, node)
        waiting = place - (len(self.nodes) - len(self.rows))
        return self.rows[waiting] if waiting >= 0 else [column[place] for column in self.columns]


def cell_count(group: Group) -> int:
    """Return how many cells the rows of a group have."""
    rows = group.rows
    if group.kind in WITH_COLUMNS:
        return len(group.nodes) * len(group.columns)
    if group.kind is t.Dicts or group.kind is t.ObjectArrays:
        return sum(2 * len(row[1]) for row in rows)
    return sum(map(len, rows)) if group.kind in _WITH_ITEMS else 0


def final_numbers(groups: list[Group], count: int) -> list[int]:
    """Return, by provisional number, the number of each node in the tree."""
    final = [0] * count
    base = 0
    for group in groups:
        nodes = group.nodes
        rows = len(nodes)
        if nodes[-1] - nodes[0] == rows - 1:  # consecutive, because they ascend
            final[nodes[0] : nodes[0] + rows] = range(base, base + rows)
        else:
            for number, node in enumerate(nodes, base):
                final[node] = number
        base += rows
    return final


def table(group: Group, final: list[int], placed: Any, buffers: Any, large: bool) -> t.Table:
    """Return the table of a group.

    Args:
        group: at least one row.
        final: provisional number -> number in the tree.
        placed: where its arrays are.
        buffers: the walk's `SharedMemory`.
        large: see `holdfast.frameworks.columns.column`.
    """
    kind, key, rows = group.kind, group.key, group.rows
    count = len(group.nodes)
    if kind in WITH_COLUMNS:
        columns = [column(cells, final, large) for cells in group.columns]
        if kind is t.Tuples:
            return t.Tuples(count, columns)
        if kind is t.Maps:
            return t.Maps(list(key), count, columns)
        return kind(key[0], list(key[1]), count, columns)  # type: ignore[no-any-return]
    if kind in _WITH_ITEMS:
        return kind(count, column(list(map(len, rows)), final, large), column(_flat(rows), final, large))  # type: ignore[no-any-return, return-value]
    if kind is t.Dicts:
        keys, values = [row[0] for row in rows], [row[1] for row in rows]
        lengths = column(list(map(len, keys)), final, large)
        return t.Dicts(count, lengths, column(_flat(keys), final, large), column(_flat(values), final, large))
    if kind is t.Arrays:
        place = placed.of[id(group)]
        dtype, ndim, order, writeable, _ = key
        shapes = [n for array in rows for n in array.shape]
        return t.Arrays(dtype, ndim, order, writeable, count, shapes, place.pooled, place.tensor)
    if kind is t.ObjectArrays:
        ndim, order, writeable = key
        shapes = [n for row in rows for n in row[0]]
        return t.ObjectArrays(ndim, order, writeable, count, shapes, column(_flat([row[1] for row in rows]), final, large))
    if kind is t.Numbers:
        return t.Numbers(key, count, b"".join(rows))
    if kind is t.Views:
        return buffers.table(group, final)  # type: ignore[no-any-return]
    if kind is t.Names:
        return t.Names(rows)
    return t.Atoms(key, rows)


def _flat(rows: list[Any]) -> Cells:
    if len(rows) == 1:
        return rows[0]  # type: ignore[no-any-return]
    if set(map(type, rows)) == {Fresh} and all(one.stop == other.start for one, other in pairwise(rows)):
        return Fresh(rows[0].start, rows[-1].stop)
    return list(chain.from_iterable(rows))


def ranked(walker: Any) -> list[Group]:
    """Return the groups of a walk in table order: leaves, one-step values by rank, then everything made empty first."""
    leaves, strict, shells = [], [], []  # type: ignore[var-annotated]
    for group in walker.groups.values():
        if not group.nodes:
            continue
        group.settle()
        (leaves if group.kind in _LEAVES else strict if group.kind in _STRICT else shells).append(group)
    # Views are built from the byte arrays they look into, so those come first.
    leaves.sort(key=lambda group: group.kind is t.Views)
    return [*leaves, *_split_by_rank(walker, strict), *shells]


def _split_by_rank(walker: Any, groups: list[Group]) -> list[Group]:
    below = _held(walker, groups)
    if not below:
        return groups
    rank: dict[int, int] = {}
    most = 2 * sum(len(group.nodes) for group in groups) + 2
    for start in below:
        stack = [start]
        while stack:
            node = stack[-1]
            waiting = [child for child in below.get(node, ()) if child not in rank]
            if node in rank or not waiting:
                stack.pop()
                rank[node] = 1 + max((rank[child] for child in below.get(node, ())), default=-1)
            else:
                for child in waiting:
                    if child in below:
                        stack.append(child)
                    else:
                        rank[child] = 0
                if len(stack) > most:
                    raise UnsupportedModel(
                        f"cannot save {type_name(type(walker.queue[node]))} at {walker.path_of(node)}: it holds itself through values "
                        "that are built in one step (tuples, frozen sets, records)"
                    )
    split: dict[tuple[int, int], Group] = {}
    for order, group in enumerate(groups):
        levels = [rank.get(node, 0) for node in group.nodes]
        if len(set(levels)) == 1:
            split[(levels[0], order)] = group
            continue
        for level in set(levels):
            split[(level, order)] = Group(group.kind, group.key)
            split[(level, order)].columns = [[] for _ in group.columns]
        parts = [split[(level, order)] for level in levels]  # each row goes to its part at once: there may be as many levels as rows
        for part, node in zip(parts, group.nodes, strict=True):
            part.nodes.append(node)
        if group.rows:
            for part, row in zip(parts, group.rows, strict=True):
                part.rows.append(row)
        for number, cells in enumerate(group.columns):
            for part, cell in zip(parts, cells, strict=True):
                part.columns[number].append(cell)
    return [split[key] for key in sorted(split)]


def _refers(cells: Cells) -> bool:
    return type(cells) is Fresh or Ref in set(map(type, cells))


def _held(walker: Any, groups: list[Group]) -> dict[int, list[int]]:
    """Return, for each one-step value that holds other such values, which."""
    holders = [group for group in groups if any(_refers(cells) for cells in (*group.columns, *group.rows))]
    if not holders:
        return {}
    members = set(chain.from_iterable(group.nodes for group in groups))
    below: dict[int, list[int]] = {}
    early: set[int] = set()  # those and the containers that a record is given filled, once one asks
    for group in holders:
        # Records and frozen sets are given containers that are already filled, so what those hold counts as well.
        deep = group.kind is t.Records or group.kind is t.FrozenSets
        objects = group.kind is t.FrozenSets
        rows: Any = group.rows
        if group.columns:
            if deep and not early:
                early = members.union(*(one.nodes for one in walker.groups.values() if one.kind in _CONTAINERS))
            matter = early if deep else members
            some = [cells for cells in group.columns if _refers(cells) and not matter.isdisjoint(_nodes(cells))]
            if not some:
                continue
            rows = zip(*some, strict=True)
        for node, row in zip(group.nodes, rows, strict=True):
            refs = [int(v) for v in row if type(v) is Ref and v in members]
            if deep:
                for v in row:
                    if type(v) is Ref and v not in members and _is_filled_early(walker, v, objects):
                        refs += [int(w) for w in _direct(walker, v) if w in members]
            if refs:
                below[node] = refs
    return below


def _nodes(cells: Cells) -> Iterable[int]:
    return range(cells.start, cells.stop) if type(cells) is Fresh else [cell for cell in cells if type(cell) is Ref]


def _is_filled_early(walker: Any, node: int, objects: bool) -> bool:
    kind = walker.group_of(node).kind
    return kind in _CONTAINERS or (objects and kind is t.Objects)


def _direct(walker: Any, node: int) -> list[Ref]:
    """Return what a container that is filled early refers to."""
    group = walker.group_of(node)
    row = group.row(node)
    if group.kind is t.Dicts:
        row = [*row[0], *row[1]]
    elif group.kind is t.ObjectArrays:
        row = row[1]
    return [v for v in row if type(v) is Ref]
