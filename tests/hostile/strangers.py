"""Classes and functions of somebody's own, that do something when they are called: nothing of it may happen at a load."""

from __future__ import annotations

import collections
import enum
from typing import Any, NamedTuple

CALLED: list[str] = []


class Plain:
    """An ordinary class with attributes."""

    scale = 2.0

    def predict(self, rows: Any) -> Any:
        CALLED.append("predict")
        return rows

    @property
    def size(self) -> int:
        CALLED.append("size")
        return 1

    @staticmethod
    def helper() -> None:
        CALLED.append("helper")

    @classmethod
    def made(cls) -> Plain:
        CALLED.append("made")
        return cls()


class Child(Plain):
    """A subclass of an ordinary class."""


class Started:
    def __init__(self) -> None:
        CALLED.append("__init__")
        self.x = 1


class Restored:
    def __setstate__(self, state: Any) -> None:
        CALLED.append("__setstate__")


class Reduced:
    def __reduce__(self) -> Any:
        CALLED.append("__reduce__")
        return Plain, ()


class ReducedEx:
    def __reduce_ex__(self, protocol: Any) -> Any:
        CALLED.append("__reduce_ex__")
        return Plain, ()


class Made:
    def __new__(cls) -> Any:
        CALLED.append("__new__")
        return super().__new__(cls)


class NewArguments:
    def __getnewargs__(self) -> Any:
        CALLED.append("__getnewargs__")
        return ()


class Meta(type):
    def __call__(cls, *arguments: Any) -> Any:
        CALLED.append("Meta.__call__")
        return super().__call__(*arguments)

    def __getattribute__(cls, name: str) -> Any:
        if name == "trap":
            CALLED.append("Meta.__getattribute__")
        return super().__getattribute__(name)


class OfMeta(metaclass=Meta):
    """A class whose class does something when it is called."""


class Setter:
    def __setattr__(self, name: str, value: Any) -> None:
        CALLED.append("__setattr__")
        super().__setattr__(name, value)


class Slotted:
    __slots__ = ("x",)


class Deleted:
    def __del__(self) -> None:
        CALLED.append("__del__")


class Colour(enum.Enum):
    RED = 1

    @classmethod
    def _missing_(cls, value: Any) -> Any:
        CALLED.append("_missing_")
        return cls.RED


class Pair(NamedTuple):
    a: int
    b: int


Triple = collections.namedtuple("Triple", "a b c")
Alias = Plain


def doubled(value: Any) -> Any:
    CALLED.append("doubled")
    return 2 * value


class Outer:
    class Inner:
        """A class within a class."""
