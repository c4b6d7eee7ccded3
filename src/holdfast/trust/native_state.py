"""Which state native code will believe, and the check that stands before it.

The one rule: a type whose state reaches C or Cython unchecked by its own library has a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.trust.state.tree import check_trees
from holdfast.trust.view import View
from holdfast.values import tree as t
from holdfast.values.graph import Node

Validator = Callable[[View, int], None]


def rows_as_fields(view: View, index: int, names: tuple[str, ...] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a table of objects or records as plain fields, arrays as private copies."""
    table: Any = view.graph.tables[index]
    wanted = [name for name in table.fields if names is None or name in names]
    columns = [[view.value(cell) for cell in view.column(index, name)] for name in wanted]
    if not columns:
        return [{} for _ in range(table.rows)]
    return [dict(zip(wanted, row, strict=True)) for row in zip(*columns, strict=True)]


def where_of(view: View, index: int) -> Callable[[int], str]:
    """Return how a message names a row of a table."""
    name = view.graph.tables[index].type.rpartition(".")[2]  # type: ignore[union-attr]
    base = view.graph.bases[index]
    return lambda row: view.paths.path(base + row) or name


def _trees(view: View, index: int) -> None:
    check_trees(rows_as_fields(view, index), where_of(view, index))


VALIDATORS: dict[str, Validator] = {"sklearn.tree._tree.Tree": _trees}


def needed_tensors(view: View, tables: list[tuple[int, str]]) -> list[int]:
    """Return the tensors that the validators of these tables will look at."""
    needed: dict[int, None] = {}
    for index, name in tables:
        if name in VALIDATORS:
            table: Any = view.graph.tables[index]
            for column in table.columns:
                for cell in view.graph.cells(column, table.rows):
                    if type(cell) is Node:
                        tensor = view.tensor_of(cell)
                        if tensor is not None:
                            needed[tensor] = None
    return list(needed)


__all__ = ["VALIDATORS", "needed_tensors", "rows_as_fields", "t", "where_of"]
