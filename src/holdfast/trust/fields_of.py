"""Reading the attributes of objects out of a graph, as the plain fields that checks take.

The one rule: what is given to a check is what will be built from.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import InvalidState, quoted
from holdfast.trust.view import View
from holdfast.values.graph import Node

Validator = Callable[[View, int], None]
NOTHING: frozenset[str] = frozenset()


def rows_as_fields(view: View, index: int, mapped: frozenset[str] = NOTHING, rows: range | None = None) -> list[dict[str, Any]]:
    """Return rows of a table of objects or records, all unless told, as plain fields: arrays as private copies, or mapped ones by name."""
    table: Any = view.graph.tables[index]
    rows = range(table.rows) if rows is None else rows
    columns = [view.values(column, table.rows, name in mapped, rows) for name, column in zip(table.fields, table.columns, strict=True)]
    if not columns:
        return [{} for _ in rows]
    return [dict(zip(table.fields, row, strict=True)) for row in zip(*columns, strict=True)]


def where_of(view: View, index: int) -> Callable[[int], str]:
    """Return how a message names a row of a table: a mark, for which `with_paths` puts the path when a check has refused.

    Finding a path means looking at the whole graph, and nearly all checks pass.
    """
    base = view.graph.bases[index]
    return lambda row: f"‹{base + row}›"


def with_paths(view: View, error: InvalidState) -> InvalidState:
    """Return a refusal with paths where the checks have left marks."""

    def path(mark: re.Match[str]) -> str:
        index, _ = view.graph.locate(int(mark[1]))
        return quoted(view.paths.path(int(mark[1]))) or str(getattr(view.graph.tables[index], "type", "")).rpartition(".")[2]

    return InvalidState(re.sub("‹([0-9]{1,12})›", path, error.message))


def refuse(where: str, what: str) -> InvalidState:
    """Return the refusal of a state."""
    return InvalidState(f"{where}: {what}; the file is damaged or was altered.")


def cells_of(view: View, cell: Any) -> dict[str, Any]:
    """Return label -> cell of the node that a cell refers to."""
    return dict(view.paths.children(cell)) if type(cell) is Node else {}


def type_of(view: View, cell: Any) -> str:
    """Return the exact type name of the object that a cell refers to, or nothing."""
    kind = view.kind(cell) if type(cell) is Node else ""
    return kind[5:] if kind.startswith("type:") else ""


def array_from_list(values: list[Any]) -> Any:
    """Return integers as an array; a list that holds anything else stays a list, for the check to refuse."""
    if set(map(type, values)) == {int}:
        try:
            return np.frombuffer(array("q", values), np.int64)  # twice as fast as numpy's own way from a list
        except OverflowError:
            return values
    if values and all(isinstance(value, np.integer) for value in values):
        return np.array(values)
    return values if values else np.zeros(0, np.int64)
