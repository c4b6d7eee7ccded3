"""Stand-ins: what a foreign file says about objects, before anything of it is trusted, imported or built.

A reader of somebody else's format gives a graph of plain values and of these, and the walk turns it into the same tree as
the live model would give: so a pickle goes through the plan, the validators and the build of a native file.

The one rule: a stand-in is data. Nothing here has a hash of its own, looks anything up, or calls anything.
"""

from __future__ import annotations

from typing import Any

from holdfast.errors import FormatError, quoted

CALL = "[call]"
"""The field of what a foreign file would have called: no type has one of this name, and the plan refuses it always."""


class Outline:
    """An object that is told by the name of its type and its fields.

    Attributes:
        type: exact name of the type.
        fields: name -> value, in order.
        one_step: whether the type is built in one step from its fields, as records are.
    """

    __slots__ = ("fields", "one_step", "type")

    def __init__(self, type_: str, fields: dict[str, Any], one_step: bool = False) -> None:
        self.type = type_
        self.fields = fields
        self.one_step = one_step


class Named:
    """A class or a function as a value, by its exact name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Pairs:
    """A dict whose keys were not hashed yet: a hash may cost more than the file that asks for it."""

    __slots__ = ("keys", "values")

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.values: list[Any] = []

    def fields(self, where: str = "a state") -> dict[str, Any]:
        """Return the dict, when its keys are different texts.

        Raises:
            FormatError: they are not.
        """
        found = self.by_text()
        if found is None:
            raise FormatError(f"{quoted(where)} has keys that are no texts, or the same twice; the file is damaged or was altered.")
        return found

    def by_text(self) -> dict[str, Any] | None:
        """Return the dict when its keys are different texts, else None."""
        keys = self.keys
        if not keys:
            return {}
        if set(map(type, keys)) != {str}:
            return None
        made = dict(zip(keys, self.values, strict=True))
        return made if len(made) == len(keys) else None


class Members:
    """A set, or a frozen set, whose items were not hashed yet."""

    __slots__ = ("frozen", "items")

    def __init__(self, items: list[Any], frozen: bool) -> None:
        self.items = items
        self.frozen = frozen


class Unfinished:
    """What becomes a value, or another stand-in, once everything about it was read."""

    __slots__ = ()

    def finish(self) -> Any:
        """Return what it stands for; the same object each time.

        Raises:
            FormatError: it cannot be what it claims.
            UnsupportedModel: holdfast does not know how such objects are pickled.
        """
        raise NotImplementedError
