"""Calls of a pickle that are plain values: they have their value as soon as they are met, for others ask for it at once.

The one rule: a value here follows from literal arguments by a table or a constructor of Python's own containers; no name is looked up anywhere.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from typing import Any

from holdfast.values.outline import Members, Named, Outline, Pairs


def _encoded(args: tuple[Any, ...]) -> Any:
    text, encoding = args if len(args) == 2 else (*args, "utf-8")
    if type(text) is not str or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise TypeError("text in an encoding that pickle does not use")
    return text.encode(encoding)


def _bytes(args: tuple[Any, ...]) -> Any:
    if not args:
        return b""
    return bytes(args[0]) if len(args) == 1 and type(args[0]) in (bytes, bytearray, memoryview) else None


def _bytearray(args: tuple[Any, ...]) -> Any:
    if not args:
        return bytearray()
    if type(args[0]) is str:
        return bytearray(_encoded(args))
    return bytearray(args[0]) if len(args) == 1 and type(args[0]) in (bytes, memoryview) else None


def _complex(args: tuple[Any, ...]) -> Any:
    return complex(*args) if len(args) == 2 and all(type(one) in (float, int) for one in args) else None


def _set(frozen: bool) -> Callable[[tuple[Any, ...]], Any]:
    return lambda args: Members(list(args[0]) if args else [], frozen) if not args or (len(args) == 1 and type(args[0]) in (list, tuple)) else None


def _empty(make: Callable[[], Any]) -> Callable[[tuple[Any, ...]], Any]:
    return lambda args: make() if not args else None


# -- dill's ways to say what pickle names ---------------------------------------------------------------------------------

_BUILTIN = ("bool", "bytearray", "bytes", "classmethod", "complex", "dict", "enumerate", "filter", "float", "frozenset", "int", "list", "map", "object", "property", "range", "reversed", "set", "slice", "staticmethod", "str", "tuple", "type", "zip")
_TYPES = {
    **{name: f"builtins.{name}" for name in _BUILTIN},
    **{name: f"builtins.{name}" for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException) and kind.__name__ == name},
    "NoneType": "builtins.NoneType", "EllipsisType": "builtins.ellipsis", "NotImplementedType": "builtins.NotImplementedType",
    "MappingProxyType": "builtins.mappingproxy", "PartialType": "functools.partial",
    "MethodType": "types.MethodType",
}  # fmt: skip
"""dill's names of types that hold no code, and of methods, which a rule may know -> the names that pickle and our files have for them."""
_VALUES = {"Ellipsis": ..., "NotImplemented": NotImplemented}
_RANGE = re.compile(r"range\((-?\d{1,40}), (-?\d{1,40})(?:, (-?\d{1,40}))?\)\Z", re.ASCII)


def _dill_type(args: tuple[Any, ...]) -> Any:
    known = _TYPES.get(args[0]) if len(args) == 1 and type(args[0]) is str else None
    return None if known is None else Named(known)


def _dill_text(args: tuple[Any, ...]) -> Any:
    """``_eval_repr(text)``: what dill writes for a range and for the two values that have no other form."""
    text = args[0] if len(args) == 1 and type(args[0]) is str else ""
    if text in _VALUES:
        return _VALUES[text]
    match = _RANGE.match(text)
    if match is None:
        return None
    start, stop, step = match.groups(default="1")
    return Outline("builtins.range", {"start": int(start), "stop": int(stop), "step": int(step)}, True)


_METHODS = {("zoneinfo.ZoneInfo", "_unpickle"): "zoneinfo.ZoneInfo._unpickle"}


def _named_inside(args: tuple[Any, ...]) -> Any:
    """``getattr(cls, name)``: how protocols before 4 spell a name inside of a class."""
    known = _METHODS.get((args[0].name, args[1])) if len(args) == 2 and type(args[0]) is Named and type(args[1]) is str else None
    return None if known is None else Named(known)


NOW: dict[str, Callable[[tuple[Any, ...]], Any]] = {
    "_codecs.encode": _encoded,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytearray,
    "builtins.complex": _complex,
    "builtins.set": _set(False),
    "builtins.frozenset": _set(True),
    "builtins.dict": _empty(Pairs),
    "builtins.list": _empty(list),
    "builtins.getattr": _named_inside,
    "dill._dill._load_type": _dill_type,
    "dill._dill._eval_repr": _dill_text,
}
"""Calls that are plain values; each gives None for arguments that no pickler writes."""
OTHERWISE = {"dill._dill._eval_repr": "builtins.eval"}
"""Name of a call that is a plain value for some arguments -> what it is for all others."""
SPELLING = frozenset({"builtins.getattr"})
"""Names of calls that, where they are known, only spell a name, and count as no call."""
