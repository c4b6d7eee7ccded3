"""From stand-ins to a tree: the walk over what the reader of a foreign file gives.

The same walk as over a live model, so that a pickle of a model and the model itself give the same tree. Stand-ins that
wait for their state are finished when they are met.

The one rule: nothing is hashed, compared or sorted here unless it is plain scalars; a file can make that cost for ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.frameworks.set_order import canonical_order
from holdfast.frameworks.walk import Dumped, _Walker
from holdfast.frameworks.walking import SCALARS, alike
from holdfast.values import tree as t
from holdfast.values.outline import Members, Named, Outline, Pairs, Unfinished

_SORTED = SCALARS | {bytes}


def dump_told(root: Any, careful: bool = False) -> Dumped:
    """Return the tree of a model that is told by stand-ins.

    Args:
        root: a graph of plain values, arrays and what `holdfast.values.outline` has; it has to live until this returns.
        careful: see `holdfast.frameworks.walk.dump`.

    Raises:
        FormatError: a stand-in cannot be what it claims.
        UnsupportedModel: a part of it has no form in a tree.
    """
    return _Teller(plain_only=not careful).run(root, "")


class _Teller(_Walker):
    """A walk over stand-ins."""

    def __init__(self, plain_only: bool) -> None:
        super().__init__(plain_only)
        self.kept: list[Any] = []  # what was finished lives on, so that no id is used twice
        self.dispatch[Outline] = self.expand_outline
        self.many[Outline] = self.expand_outlines
        self.dispatch[Named] = lambda obj: self.add(self.group(t.Names, None), obj.name)
        # keys and items are hashed when they are built, after the graph has seen what that will cost
        self.dispatch[Pairs] = lambda obj: self.add(self.group(t.Dicts, None), (self.values(obj.keys), self.values(obj.values)))
        self.dispatch[Members] = lambda obj: self.add(
            self.group(t.FrozenSets if obj.frozen else t.Sets, None), self.values(in_order(obj.items))
        )

    def settle(self, wave: range) -> None:
        """Finish what waits for its state."""
        queue = self.queue
        for number in wave:
            obj = queue[number]
            kind = type(obj)
            if kind is Pairs:
                made = obj.by_text()
                if made is not None:
                    self.kept.append(obj)
                    queue[number] = made
            elif kind is memoryview:
                self.kept.append(obj)
                queue[number] = bytes(obj)
            elif isinstance(obj, Unfinished):
                self.kept.append(obj)
                queue[number] = self._finished(number, obj)

    def _finished(self, number: int, obj: Unfinished) -> Any:
        try:
            return obj.finish()
        except HoldfastError as error:
            path = self.path_of(number)
            raise type(error)(f"at {path}: {error.message}" if path else error.message) from None

    def expand_outline(self, obj: Outline) -> None:
        """Make the row of one stand-in."""
        group = self.group(t.Records if obj.one_step else t.Objects, (obj.type, tuple(obj.fields)))
        self.add(group, self.values(obj.fields.values()))

    def expand_outlines(self, nodes: list[int], outlines: list[Outline]) -> None:
        """Make the rows of many."""
        marks = [(one.type, one.one_step, tuple(one.fields)) for one in outlines]
        for (name, one_step, fields), some, mine in alike(marks, nodes, outlines):
            group = self.group(t.Records if one_step else t.Objects, (name, fields))
            if fields:
                self.add_together(group, some, zip(*(one.fields.values() for one in mine), strict=True), fields)
            else:
                for node, one in zip(some, mine, strict=True):
                    self.current = node
                    self.expand_outline(one)


def in_order(items: list[Any]) -> list[Any]:
    """Return the items of a foreign set in canonical order where comparing them costs no more than their number; else as they came."""
    made = [one.finish() if isinstance(one, Unfinished) else one for one in items]
    flat = [part for one in made for part in (one if type(one) is tuple else (one,))]
    plain = _SORTED.issuperset(set(map(type, flat))) or all(isinstance(part, np.generic) for part in flat)
    return canonical_order(made) if plain else made
