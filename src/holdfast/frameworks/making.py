"""How single values are made from what a file says, and the refusals on the way.

The one rule: a value is made by its own constructor or not at all, and what cannot be is the file's fault, said by name.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import Corrupt, FormatError, InvalidState, quoted
from holdfast.frameworks.objects import misfit
from holdfast.values import tree as t
from holdfast.values.hashes import check_hashes

COPIED = 1 << 20
"""Bytes up to which an array over read-only memory is copied, so that it can be written to; some of scikit-learn's C code insists."""


def own_memory(buffer: Any) -> Any:
    """Return writeable memory of the same content; the buffer itself when it is writeable already."""
    return bytearray(buffer) if memoryview(buffer).readonly else buffer


def check_text(array: Any) -> None:
    """Refuse fixed-width text with numbers that are no code points.

    Raises:
        Corrupt: numpy would make a broken string of it.
    """
    dtype = array.dtype
    if dtype.names is not None:
        for name in dtype.names:
            check_text(array[name])
    elif dtype.kind == "U" and array.size and dtype.itemsize:
        words = np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(dtype.byteorder))
        if int(words.max()) > 0x10FFFF:
            raise Corrupt("an array of text holds a number that is no code point; the file is damaged or was altered.")


def read_only(array: Any) -> Any:
    """Return an array that was made read-only on purpose; over read-only bytes in memory of its own, to be told from one that merely lies there."""
    if not array.flags.writeable:
        array = array.copy(order="K")
    array.flags.writeable = False
    return array


def put_keys(put: Callable[[Any], Any], items: Any, asked: Any) -> Any:
    """Call what puts items into a set or a dict, once the hashes of those asked have been looked at.

    An item without a hash is the file's fault.
    """
    try:
        check_hashes(asked)
        return put(items)
    except TypeError as error:
        raise FormatError(f"a key, or an item of a set, cannot be one: {quoted(error)}") from None


class Used(dict[str, Any]):
    """Fields that remember which of them were asked for, so that a field nobody asks for can be refused."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.used: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.used.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.used.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Ask for one field."""
        self.used.add(key)
        return super().get(key, default)

    def __iter__(self) -> Any:
        self.used.update(super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        """Ask for all fields."""
        self.used.update(super().keys())
        return super().keys()

    def items(self) -> Any:
        """Ask for all fields."""
        self.used.update(super().keys())
        return super().items()

    def check(self, name: str) -> None:
        """Refuse a field that nobody asked for.

        Raises:
            InvalidState: names it.
        """
        surplus = sorted(set(super().keys()) - self.used)
        if surplus:
            raise InvalidState(
                f"{quoted(name)} has the field {quoted(surplus[0])!r}, which its type does not have; the file is damaged or was altered."
            )


def not_rebuilt(name: str, error: BaseException) -> InvalidState:
    """Return the refusal of fields that a constructor did not take."""
    return InvalidState(
        f"{quoted(name)} cannot be rebuilt from its fields ({type(error).__name__}: {quoted(error)}); the file is damaged or was altered."
    )


def distinct(made: Any, count: int) -> Any:
    """Return a set or a dict that has as many items as the file says.

    Raises:
        Corrupt: it has fewer.
    """
    if len(made) != count:
        raise Corrupt("a set or a dict holds an item or a key twice")
    return made


def atom(kind: str, value: bytes) -> Any:
    """Return the value of an atom.

    Raises:
        FormatError: it is not in its one form.
    """
    if kind == "bytes":
        # Python keeps one object for each single byte, and not all that a model holds need be it: two stay two
        return value[0].to_bytes(1, "big") if len(value) == 1 else bytes(value)
    if kind == "bytearray":
        return bytearray(value)
    if kind == "complex" and len(value) == 16:
        return complex(np.frombuffer(value, "<c16")[0])
    if kind == "int":
        from holdfast.values import limits

        if len(value) <= limits.INT_DIGITS and set(value.removeprefix(b"-")) <= set(b"0123456789abcdef") and value not in (b"", b"-"):
            number = int(value, 16)
            if format(number, "x").encode() == value and not -(2**63) <= number < 2**64:
                return number
    elif kind == "surrogates":
        try:
            text = value.decode("utf-8", "surrogatepass")
            text.encode()
        except UnicodeDecodeError:
            pass
        except UnicodeEncodeError:
            return text
    elif kind == "singleton" and value in t.SINGLETONS:
        return t.SINGLETONS[value]
    raise FormatError(f"an atom of kind {quoted(kind)!r} is not in its one canonical form")


def member(cls: Any, fields: tuple[str, ...], row: tuple[Any, ...]) -> Any:
    """Return the member of an enumeration.

    Raises:
        InvalidState: there is none of that name.
    """
    state = dict(zip(fields, row, strict=True))
    name = state.get("name")
    if type(name) is str and name in cls.__members__:
        return cls.__members__[name]
    if issubclass(cls, enum.Flag) and type(state.get("value")) is int:
        return cls(state["value"])
    raise InvalidState(f"{quoted(cls.__qualname__)} has no member {quoted(name)!r}; the file is damaged or was altered.")


def check_fields(cls: type, name: str, fields: tuple[str, ...]) -> None:
    """Refuse attributes that would change what the class does.

    Raises:
        InvalidState: names the attribute.
    """
    wrong = misfit(cls, fields)
    if wrong is not None:
        raise InvalidState(f"{quoted(name)}: {wrong}; the file is damaged or was altered.")


def put_attributes(obj: Any, state: dict[str, Any]) -> None:
    """Give an object attributes, past its class's own ``__setattr__``.

    Raises:
        InvalidState: one of them would shadow a method or a property of the class.
    """
    cls = type(obj)
    if not all(type(name) is str for name in state):
        raise InvalidState(f"{quoted(cls.__qualname__)}: an attribute has a name that is no text; the file is damaged or was altered.")
    check_fields(cls, cls.__qualname__, tuple(state))
    vars(obj).update(state)
