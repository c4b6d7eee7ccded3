"""The tree of an expression: four kinds of frozen nodes, and the one way to walk them.

The one rule: walking does not recurse, and visits a node that is shared once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

Span = tuple[int, int]
"""First character of a node in its text, and the first one after it."""
NOWHERE: Span = (0, 0)


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, always finite and never negative: a minus before it is an operation."""

    value: float
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A constant text."""

    value: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its place, from 0, or by its name."""

    key: int | str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or a function of the table, with its arguments."""

    name: str
    args: tuple[Node, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


Node = Number | Text | Column | Apply
T = TypeVar("T")


def ordered(tree: Node) -> list[Node]:
    """Return all nodes, each once and after those it is made of.

    >>> ordered(Apply("abs", (Column(0),)))[0]
    Column(key=0)
    """
    found: dict[int, Node] = {}
    waiting: list[tuple[Node, bool]] = [(tree, False)]
    while waiting:
        node, ready = waiting.pop()
        if id(node) in found:
            continue
        if ready or type(node) is not Apply:
            found[id(node)] = node
        else:
            waiting.append((node, True))
            waiting.extend((arg, False) for arg in reversed(node.args))
    return list(found.values())


def fold(tree: Node, make: Callable[[Node, list[T]], T]) -> T:
    """Return what ``make`` makes of a tree: it is called with each node and what it made of the node's arguments."""
    made: dict[int, T] = {}
    for node in ordered(tree):
        made[id(node)] = make(node, [made[id(arg)] for arg in node.args] if type(node) is Apply else [])
    return made[id(tree)]


def columns_of(tree: Node) -> list[Column]:
    """Return the columns of an expression, each once, in the order in which they are first named."""
    return list(dict.fromkeys(node for node in ordered(tree) if type(node) is Column))
