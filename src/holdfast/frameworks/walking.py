"""The state of a walk over an object graph: which objects were met, how columns refer to them, and the rows so far.

The one rule: an object gets its number when it is first met, and its row exactly once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import repeat
from typing import Any

import numpy as np

from holdfast.frameworks.columns import Cells, Fresh, Ref, Scalars
from holdfast.frameworks.groups import Group
from holdfast.frameworks.naming import TensorNames
from holdfast.values import limits
from holdfast.values.hashes import check_hashes

SCALARS = frozenset({type(None), bool, int, float, str})
MANY = 16
"""Objects of one type in a wave from which they are expanded together."""


class Walking:
    """What a walk knows while it goes on: the objects met, their numbers, and the groups of rows.

    Attributes:
        plain_only: whether scalars are taken as they are; see `careful`.
        queue: the objects met, by provisional number; it also keeps temporaries alive, so that no id is used twice.
        parents: by which node each was met first.
        current: the node that is being expanded.
        groups: by kind and key.
        spans: (start, stop, label) of nodes that were all met first under one label.
    """

    def __init__(self, plain_only: bool) -> None:
        self.plain_only = plain_only
        self.queue: list[Any] = []
        self.parents: list[int] = []
        self.current = -1
        self.groups: dict[Any, Group] = {}
        self.spans: list[tuple[int, int, str]] = []
        self.memo: dict[int, int] = {}
        self.by_value: dict[Any, Ref] = {}
        self.by_object: dict[int, tuple[Any, Ref]] = {}  # with the object, so that its id stays its own
        self.owners: dict[int, Group] = {}

    def ref(self, obj: Any) -> Ref:
        """Return the number of an object, a new one when it is met for the first time."""
        key = id(obj)
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = len(self.queue)
            self.queue.append(obj)  # the queue also keeps temporaries alive, so that no id is used twice
            self.parents.append(self.current)
        return Ref(found)

    def value(self, obj: Any) -> Any:
        """Return what a column holds for an object: the scalar itself, or a reference."""
        kind = type(obj)
        if kind not in SCALARS:
            return self.ref(obj)
        return obj if self.plain_only else self.careful(obj)

    def values(self, items: Iterable[Any]) -> Cells:
        """Return what a column holds for each of the objects that the current one holds."""
        row = list(items)
        if not self.plain_only:
            return [self.careful(v) if type(v) in SCALARS else self.ref(v) for v in row]
        if len(row) > MANY:
            return self.cells(row, repeat(self.current, len(row)))
        ref = self.ref
        return [v if type(v) in SCALARS else ref(v) for v in row]

    def cells(self, objects: Iterable[Any], nodes: Iterable[int]) -> Cells:
        """Return what a column holds for many objects.

        Args:
            objects: the objects.
            nodes: by which node each is held.
        """
        values = Scalars(objects)
        kinds = set(map(type, values))
        if SCALARS.issuperset(kinds):
            return values
        memo, queue, parents = self.memo, self.queue, self.parents
        if SCALARS.isdisjoint(kinds):
            start, count = len(queue), len(values)
            met = dict(zip(map(id, values), range(start, start + count), strict=True))
            if len(met) == count and memo.keys().isdisjoint(met):
                memo.update(met)
                queue += values
                parents += nodes
                return Fresh(start, start + count)
        made = []
        for value, node in zip(values, nodes, strict=True):
            if type(value) in SCALARS:
                made.append(value)
                continue
            key = id(value)
            found = memo.get(key)
            if found is None:
                found = memo[key] = len(queue)
                queue.append(value)
                parents.append(node)
            made.append(Ref(found))
        return made

    def hashed(self, keys: Collection[Any]) -> Cells:
        """Return what a column holds for keys; those that no reader would take are refused now, and not when the model is needed."""
        row = self.values(keys)
        if len(row) > limits.SAME_HASH and (type(row) is Fresh or Ref in set(map(type, row))):
            check_hashes(keys)
        return row

    def careful(self, scalar: Any) -> Any:
        """Return a scalar that fits a column, or a reference to an atom for one that does not."""
        kind = type(scalar)
        if kind is int and not -(2**63) <= scalar < 2**64:
            return self.atom_by_value(scalar)
        if kind is str and not scalar.isascii():
            try:
                scalar.encode()
            except UnicodeEncodeError:
                return self.atom_by_value(scalar)
        return scalar

    def atom_by_value(self, scalar: Any) -> Ref:
        """Return the number of a scalar by value, not by id: two equal integers are one object or two by accident of the process."""
        same = self.by_object.get(id(scalar))
        if same is not None:
            return same[1]
        # bytes, whose hashes nobody can foresee: of integers, any number can have one hash
        value = scalar.to_bytes(scalar.bit_length() // 8 + 1, "little", signed=True) if type(scalar) is int else scalar
        found = self.by_value.get(value)
        if found is None:
            found = self.by_value[value] = Ref(len(self.queue))
            self.queue.append(scalar)
            self.parents.append(self.current)
        self.by_object[id(scalar)] = (scalar, found)
        return found

    def group(self, kind: type, key: Any) -> Group:
        """Return the group of a kind and a key, a new one when there is none."""
        found = self.groups.get((kind, key))
        if found is None:
            found = self.groups[(kind, key)] = Group(kind, key)
        return found

    def add(self, group: Group, row: Any) -> None:
        """Append the row of the current object, its cells done."""
        group.rows.append(row)
        group.nodes.append(self.current)

    def add_together(self, group: Group, nodes: list[int], columns: Iterable[Iterable[Any]], labels: Iterable[str] | None = None) -> None:
        """Append many rows of objects, which become cells column by column; labels say how a path calls the columns."""
        group.settle()
        made = [self.cells(objects, nodes) for objects in columns]
        for cells, label in zip(made, labels, strict=True) if labels is not None else ():
            if type(cells) is Fresh:
                self.spans.append((cells.start, cells.stop, label))
        group.extend(made)
        group.nodes += nodes

    def group_of(self, node: int) -> Group | None:
        """Return the group that the row of a node is in, or None while it has no row."""
        found = self.owners.get(node)
        if found is None:
            for group in self.groups.values():
                if group.nodes and group.nodes[-1] not in self.owners:
                    self.owners.update(zip(group.nodes, repeat(group)))
            found = self.owners.get(node)
        return found

    def in_order(self) -> None:
        """Let the nodes of every group ascend, which is what finds a row and what makes the order of rows that of the graph."""
        for group in self.groups.values():
            group.in_order()

    def path_of(self, node: int) -> str:
        """Return the path on which a node was met first."""
        self.in_order()
        return TensorNames(self, "").path(node)


def alike(marks: list[Any], nodes: list[int], objects: list[Any]) -> Iterator[tuple[Any, list[int], list[Any]]]:
    """Yield each different mark, with the nodes and the objects that have it."""
    numbers = {mark: number for number, mark in enumerate(dict.fromkeys(marks))}
    if len(numbers) == 1:
        yield marks[0], nodes, objects
        return
    which = np.fromiter(map(numbers.__getitem__, marks), np.intp, len(marks))
    for mark, number in numbers.items():
        places = np.flatnonzero(which == number).tolist()
        yield mark, [nodes[place] for place in places], [objects[place] for place in places]
