"""One column of values, in its one encoding.

The one rule: the choice follows from the values alone. In order: one scalar throughout, scalars, one node throughout,
consecutive nodes, nodes, a mixture.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import Any, overload

from holdfast.values import tree as t


class Ref(int):
    """A provisional node number, told from an integer by its type."""

    __slots__ = ()


class Fresh:
    """References to nodes with consecutive provisional numbers, as a column has them whose objects are all met for the first time."""

    __slots__ = ("start", "stop")

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop

    def __len__(self) -> int:
        return self.stop - self.start

    @overload
    def __getitem__(self, place: int) -> Ref: ...
    @overload
    def __getitem__(self, place: slice) -> Fresh: ...
    def __getitem__(self, place: int | slice) -> Ref | Fresh:
        if isinstance(place, slice):
            some = range(self.start, self.stop)[place]
            return Fresh(some.start, some.stop)
        return Ref(range(self.start, self.stop)[place])

    def __iter__(self) -> Iterator[Ref]:
        return map(Ref, range(self.start, self.stop))


class Scalars(list[Any]):
    """Cells among which there is no reference, so that nobody looks for one again."""

    __slots__ = ()


Cells = list[Any] | Fresh
"""What is known of a column while the walk goes on."""

COMPACT = 16
"""Rows up to which a column of a large tree may still be constant or a run."""


def column(values: Cells, final: list[int], large: bool = False) -> t.Column:
    """Return the column of these values.

    Args:
        values: scalars and references.
        final: provisional node number -> final one.
        large: whether the tree is so large that constant columns and runs would make a small file ask for much memory.
    """
    count = len(values)
    if not count:
        return t.Plain([])
    compact = not large or count <= COMPACT
    if type(values) is Fresh:
        return _references(final[values.start : values.stop], compact)
    first = values[0]
    if type(values) is Scalars:
        alike = compact and (values[-1] == first or first != first) and len(set(map(type, values))) == 1
        return t.Same(first) if alike and _all_same(values, first) else t.Plain(values)
    if not compact:
        return _long(list(values), final)
    if count == 1:
        return t.SameRef(final[first]) if type(first) is Ref else t.Same(first)
    values = list(values) if type(values) is not list else values
    kinds = set(map(type, values))
    if Ref not in kinds:
        return t.Same(first) if len(kinds) == 1 and _all_same(values, first) else t.Plain(values)
    if len(kinds) > 1:
        refs = [i for i, v in enumerate(values) if type(v) is Ref]
        return t.Mixed([final[v] if type(v) is Ref else v for v in values], refs)
    return _references([final[v] for v in values], True)


def _references(nodes: list[int], compact: bool) -> t.Column:
    start, count = nodes[0], len(nodes)
    if compact:
        if nodes[-1] == start and nodes.count(start) == count:
            return t.SameRef(start)
        if nodes[-1] == start + count - 1 and nodes == list(range(start, start + count)):
            return t.Run(start)
    return t.Refs(nodes)


def _long(values: list[Any], final: list[int]) -> t.Column:
    kinds = set(map(type, values))
    if Ref not in kinds:
        return t.Plain(values)
    if len(kinds) == 1:
        return t.Refs([final[v] for v in values])
    refs = [i for i, v in enumerate(values) if type(v) is Ref]
    return t.Mixed([final[v] if type(v) is Ref else v for v in values], refs)


def _all_same(values: list[Any], first: Any) -> bool:
    if type(first) is float:
        # By bits: 0.0 equals -0.0, and a NaN equals nothing, not even another NaN of the same bits.
        if values[-1] != first and first == first:
            return False
        return array("d", values).tobytes() == struct.pack("d", first) * len(values)
    return values.count(first) == len(values)
