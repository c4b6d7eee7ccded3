"""Small arrays that lie together in one tensor of a file, each by its own name again: where it sits in the model.

The one rule: names are the paths that `holdfast.load(part=)` takes; the graph is walked once, and only as far as a comparison needs.
"""

from __future__ import annotations

from collections import deque
from itertools import accumulate
from typing import Any, NamedTuple

from holdfast.native.container import Stored
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import Graph, Node, elements
from holdfast.values.paths import Paths

NODES = 500_000
"""Nodes that are walked to find names; beyond, pools are compared as they lie."""
ROWS = 50_000
"""Arrays of one pool that are compared one by one."""


class Pooled(NamedTuple):
    """One array of a pool: where it lies in it, its shape as it would be stored by itself, and what its items are."""

    name: str
    offset: int
    nbytes: int
    shape: list[int]
    item: Any


def pooled(graph: Graph, places: list[Stored], wanted: set[str]) -> dict[str, list[Pooled]]:
    """Return the arrays of pools, by the name of the pool; of pools that are too large to be taken apart, nothing.

    Args:
        graph: of the model.
        places: its tensors.
        wanted: names of pools.
    """
    if graph.total > NODES:
        return {}
    names: dict[int, str] | None = None
    found: dict[str, list[Pooled]] = {}
    taken: set[str] = set()
    for index, table in enumerate(graph.tables):
        if type(table) is not t.Arrays or not table.pooled or table.rows > ROWS or places[table.tensor].name not in wanted:
            continue
        if names is None:
            names = _names(graph)
        item = parse_dtype(table.dtype)
        sizes = [count * item.itemsize for count in elements(table, table.rows)]
        rows = []
        for row, (size, end) in enumerate(zip(sizes, accumulate(sizes), strict=True)):
            base = names.get(graph.bases[index] + row) or f"{places[table.tensor].name}.{row}"
            name = base
            while name in taken:  # what a file calls twice is told apart
                name += "~"
            taken.add(name)
            shape = table.shapes[row * table.ndim : row * table.ndim + table.ndim]
            rows.append(Pooled(name, end - size, size, shape[::-1] if table.order == "F" else shape, item))
        found[places[table.tensor].name] = rows
    return found


def _names(graph: Graph) -> dict[int, str]:
    """Return the shortest path to every node that the root leads to."""
    if type(graph.root) is not Node:
        return {}
    paths = Paths(graph)
    found = {int(graph.root): ""}
    waiting = deque(found)
    while waiting:
        node = waiting.popleft()
        step = paths.step_name(node)
        for label, value in paths.labelled(node):
            if type(value) is Node and int(value) not in found:
                above = found[node]
                label = "" if step is not None and label == "1" else label[:200]
                found[int(value)] = f"{above}.{label}" if above and label else above or label
                waiting.append(int(value))
    return found
