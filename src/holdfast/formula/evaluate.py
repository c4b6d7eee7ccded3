"""The value of an expression for some rows, with numpy.

The one rule: all arithmetic is that of float64: nothing overflows into an error, divisions by zero and logarithms of negative numbers give
inf and nan, and nobody is warned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from holdfast.formula.kinds import Resolved
from holdfast.formula.table import TABLE
from holdfast.formula.tree import Column, Node, Number, Text, fold

AT_A_TIME = 8192
"""Rows that are evaluated together: they stay in the cache of a core, and the largest expression takes some 130 MB for them."""


def evaluate(expressions: Sequence[Resolved], column: Callable[[int | str, bool], Any], rows: int) -> Any:
    """Return the values of expressions, one column each.

    Args:
        expressions: what `resolve` made.
        column: key and whether it is a text -> the whole column: float64, or objects that are str or None.
        rows: how many rows there are.

    Returns:
        An array of float64 of shape (rows, expressions).

    >>> from holdfast.formula.parse import parse
    >>> from holdfast.formula.kinds import resolve
    >>> evaluate([resolve(parse("x0 / x1"))], lambda key, text: np.array([[1.0, 0.0], [2.0, 0.0]][key]), 2)
    array([[0.5],
           [nan]])
    """
    out = np.empty((rows, len(expressions)), np.float64)
    held: dict[tuple[int | str, bool], Any] = {}

    def whole(key: int | str, text: bool) -> Any:
        if (key, text) not in held:
            held[key, text] = column(key, text)
        return held[key, text]

    with np.errstate(all="ignore"):
        for place, one in enumerate(expressions):
            for start in range(0, rows, AT_A_TIME):
                part = slice(start, start + AT_A_TIME)

                def value(node: Node, args: list[Any], one: Resolved = one, part: slice = part) -> Any:
                    if type(node) is Number:
                        return np.float64(node.value)
                    if type(node) is Text:
                        return np.array(node.value, object)
                    if type(node) is Column:
                        return whole(node.key, node.key in one.texts)[part]
                    return TABLE[node.name].run(*args)  # type: ignore[union-attr]

                out[part, place] = fold(one.tree, value)
    return out
