"""Numbers that size a loop, a list or a pool of threads, in whatever class they stand.

No array has to be as long as these say, so nothing else bounds them: a scaler without state takes rows of any width, and
makes as many names as ``n_features_in_`` says when it is asked for them; ``n_jobs`` starts that many processes.

The one rule: an attribute of one of these names is refused when no machine could do what it asks for.
"""

from __future__ import annotations

from typing import Any

from holdfast.trust.fields_of import where_of
from holdfast.trust.state.fields import integer
from holdfast.trust.state.others import COUNTS, JOBS, LARGEST_COUNT
from holdfast.trust.view import View
from holdfast.values import tree as t
from holdfast.values.graph import Node

_BOUNDS: dict[str, tuple[int, int]] = {**dict.fromkeys(COUNTS, (0, LARGEST_COUNT)), "n_jobs": (-JOBS, JOBS)}


def check_amounts(view: View, index: int) -> None:
    """Check the attributes of one table of objects; what is not a number is for the schema to judge.

    Raises:
        InvalidState: names the attribute and its bounds.
    """
    table: Any = view.graph.tables[index]
    for name, column in zip(table.fields, table.columns, strict=True):
        if name in _BOUNDS:
            low, high = _BOUNDS[name]
            for row, number in enumerate(_numbers(view, column, table.rows)):
                if number is not None and not low <= number <= high:
                    integer({name: number}, name, where_of(view, index)(row), low, high)


def _numbers(view: View, column: t.Column, rows: int) -> list[int | None]:
    if type(column) is t.Same:
        return view.numbers(column, 1)
    found = view.numbers(column, rows)
    if type(column) is t.Plain or None not in found:
        return found
    # an integer that is a node of its own is one that 64 bits do not hold
    cells = view.graph.cells(column, rows)
    return [2**64 if type(cell) is Node and view.kind(cell) == "int" else n for cell, n in zip(cells, found, strict=True)]
