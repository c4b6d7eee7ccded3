"""Trees made of trees: columns put in their places, and functions written with others.

The one rule: a part that is used twice is one object, so that a tree that is written out does not grow with its depth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from holdfast.formula.kinds import resolve_any
from holdfast.formula.parse import parse_form
from holdfast.formula.table import TABLE, Function, Said
from holdfast.formula.tree import Apply, Column, Node, fold

Forms = Callable[[Function], Any]


def placed(tree: Node, places: Mapping[int | str, int]) -> Node:
    """Return a tree with all columns by place.

    >>> placed(Column("age"), {"age": 3})
    Column(key=3)
    """
    return replaced(tree, lambda column: Column(places[column.key], column.span))


def replaced(tree: Node, of: Callable[[Column], Node]) -> Node:
    """Return a tree with something else in place of its columns."""

    def make(node: Node, args: list[Node]) -> Node:
        if type(node) is Column:
            return of(node)
        return Apply(node.name, tuple(args), node.span) if type(node) is Apply else node

    return fold(tree, make)


def expanded(tree: Node, forms: Forms) -> Node:
    """Return a tree in which every function that a target knows as an expression only is that expression.

    Args:
        tree: a tree with its kinds worked out.
        forms: line of a function -> its form for the target.
    """

    def make(node: Node, args: list[Node]) -> Node:
        if type(node) is not Apply:
            return node
        if type(forms(TABLE[node.name])) is not Said:
            return Apply(node.name, tuple(args), node.span)
        return replaced(_form(node.name, forms), lambda column: args[int(column.key)])

    return fold(tree, make)


@lru_cache(maxsize=256)
def _form(name: str, forms: Forms) -> Node:
    """Return the tree of a form, itself without functions that the target lacks."""
    line = TABLE[name]
    said = forms(line)
    texts = frozenset(place for place, kind in enumerate(line.takes) if kind == "s")
    return expanded(resolve_any(parse_form(said.text), said.text, texts)[0], forms)
