"""Plain Python: standard-library values that turn up in models.

The one rule: every value is rebuilt by its public constructor from explicit fields.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import pathlib
import random
import re
import types
import uuid
from collections.abc import Callable
from typing import Any

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Record, Shell
from holdfast.values import limits


def _attributes(obj: Any) -> dict[str, Any]:
    """Return instance attributes beside the items of a container, under a name no attribute can have."""
    state = dict(getattr(obj, "__dict__", {}))
    return {"[attributes]": state} if state else {}


def _mapping(cls: type) -> Shell:
    def fill(obj: Any, fields: dict[str, Any]) -> None:
        obj.update(fields["[items]"])

    return Shell(lambda obj: {"[items]": dict(obj)}, cls, fill)


def _fill_default(obj: Any, fields: dict[str, Any]) -> None:
    factory = fields["default_factory"]
    if factory is not None and not callable(factory):
        raise InvalidState("collections.defaultdict: default_factory is neither a class, a function nor None")
    obj.default_factory = factory
    obj.update(fields["[items]"])


def _dump_partial(obj: Any) -> dict[str, Any]:
    return {"func": obj.func, "args": obj.args, "keywords": dict(obj.keywords), **_attributes(obj)}


def _build_partial(fields: dict[str, Any]) -> Any:
    if type(fields["args"]) is not tuple or type(fields["keywords"]) is not dict:
        raise InvalidState("functools.partial: args is not a tuple, or keywords not a dict")
    if not isinstance(fields["func"], type) and not callable(fields["func"]):
        raise InvalidState("functools.partial: func is not callable")
    made = functools.partial(fields["func"], *fields["args"], **fields["keywords"])
    made.__dict__.update(fields.get("[attributes]", {}))
    return made


def _dump_pattern(obj: Any) -> dict[str, Any]:
    if len(obj.pattern) > limits.PATTERN:
        raise UnsupportedModel(f"cannot save a re.Pattern of {len(obj.pattern)} characters, more than {limits.PATTERN} (PATTERN)")
    return {"pattern": obj.pattern, "flags": int(obj.flags) & ~int(re.DEBUG)}


def _build_pattern(fields: dict[str, Any]) -> Any:
    # A pattern is data until it is matched; compiling has no side effect. Its length is bounded against slow compiles.
    if len(fields["pattern"]) > limits.PATTERN:
        raise InvalidState(f"re.Pattern: a pattern of more than {limits.PATTERN} characters (PATTERN)")
    if type(fields["flags"]) is not int or fields["flags"] & int(re.DEBUG):
        raise InvalidState("re.Pattern: its flags are not those of a compiled pattern")
    return re.compile(fields["pattern"], fields["flags"])


def _time_fields(obj: Any) -> dict[str, Any]:
    return {"text": obj.isoformat(), "fold": obj.fold, "zone": obj.tzinfo}


def _build_datetime(fields: dict[str, Any]) -> Any:
    zone = fields["zone"]
    parsed = datetime.datetime.fromisoformat(fields["text"])
    return parsed.replace(tzinfo=zone, fold=fields["fold"])


def _build_time(fields: dict[str, Any]) -> Any:
    return datetime.time.fromisoformat(fields["text"]).replace(tzinfo=fields["zone"], fold=fields["fold"])


def _dump_timezone(obj: Any) -> dict[str, Any]:
    args = obj.__getinitargs__()
    return {"offset": args[0], "name": args[1] if len(args) > 1 else None}


def _build_timezone(fields: dict[str, Any]) -> Any:
    if fields["name"] is None:
        return datetime.UTC if not fields["offset"] else datetime.timezone(fields["offset"])
    return datetime.timezone(fields["offset"], fields["name"])


def _build_zone(fields: dict[str, Any]) -> Any:
    import zoneinfo

    if not re.fullmatch(r"[A-Za-z0-9+_-]+(/[A-Za-z0-9+_-]+)*", fields["key"]):
        raise InvalidState("zoneinfo.ZoneInfo: the key is not the name of a time zone")
    return zoneinfo.ZoneInfo(fields["key"])


def _build_decimal(fields: dict[str, Any]) -> Any:
    return decimal.Decimal(fields["text"])


def _build_path(cls: type) -> Callable[[dict[str, Any]], Any]:
    return lambda fields: cls(fields["path"])


def _fill_random(obj: Any, fields: dict[str, Any]) -> None:
    if type(fields["[state]"]) is not tuple or len(fields["[state]"]) != 625:
        raise InvalidState("random.Random: its state is not a tuple of 625 numbers")
    obj.setstate((fields["[version]"], tuple(fields["[state]"]), fields["[gauss]"]))


def _dump_random(obj: Any) -> dict[str, Any]:
    version, state, gauss = obj.getstate()
    return {"[version]": version, "[state]": state, "[gauss]": gauss}


def _plain(*names: str) -> Callable[[Any], dict[str, Any]]:
    return lambda obj: {name: getattr(obj, name) for name in names}


ADAPTERS: dict[str, Adapter] = {
    "builtins.slice": Record(_plain("start", "stop", "step"), lambda f: slice(f["start"], f["stop"], f["step"])),
    "builtins.range": Record(_plain("start", "stop", "step"), lambda f: range(f["start"], f["stop"], f["step"])),
    "builtins.mappingproxy": Record(lambda obj: {"items": dict(obj)}, lambda f: types.MappingProxyType(f["items"])),
    "collections.OrderedDict": _mapping(collections.OrderedDict),
    "collections.Counter": Shell(
        lambda obj: {"[items]": dict(obj)}, collections.Counter, lambda obj, fields: dict.update(obj, fields["[items]"])
    ),
    "collections.defaultdict": Shell(
        lambda obj: {"default_factory": obj.default_factory, "[items]": dict(obj)}, collections.defaultdict, _fill_default
    ),
    "collections.deque": Record(
        lambda obj: {"maxlen": obj.maxlen, "items": list(obj)}, lambda f: collections.deque(f["items"], f["maxlen"])
    ),
    "functools.partial": Record(_dump_partial, _build_partial),
    "re.Pattern": Record(_dump_pattern, _build_pattern),
    "datetime.datetime": Record(lambda obj: _time_fields(obj) | {"text": obj.replace(tzinfo=None).isoformat()}, _build_datetime),
    "datetime.date": Record(lambda obj: {"text": obj.isoformat()}, lambda f: datetime.date.fromisoformat(f["text"])),
    "datetime.time": Record(lambda obj: _time_fields(obj) | {"text": obj.replace(tzinfo=None).isoformat()}, _build_time),
    "datetime.timedelta": Record(
        _plain("days", "seconds", "microseconds"), lambda f: datetime.timedelta(f["days"], f["seconds"], f["microseconds"])
    ),
    "datetime.timezone": Record(_dump_timezone, _build_timezone),
    "zoneinfo.ZoneInfo": Record(_plain("key"), _build_zone),
    "decimal.Decimal": Record(lambda obj: {"text": str(obj)}, _build_decimal),
    "fractions.Fraction": Record(_plain("numerator", "denominator"), lambda f: fractions.Fraction(f["numerator"], f["denominator"])),
    "uuid.UUID": Record(lambda obj: {"hex": obj.hex}, lambda f: uuid.UUID(hex=f["hex"])),
    "random.Random": Shell(_dump_random, random.Random, _fill_random),
    "types.SimpleNamespace": Shell(
        lambda obj: {"[items]": dict(vars(obj))}, types.SimpleNamespace, lambda o, f: vars(o).update(f["[items]"])
    ),
    **{
        f"pathlib.{cls.__name__}": Record(lambda obj: {"path": str(obj)}, _build_path(cls))
        for cls in (pathlib.PurePosixPath, pathlib.PureWindowsPath)
    },
    "pathlib.PosixPath": Record(lambda obj: {"path": str(obj)}, _build_path(pathlib.Path)),
    "pathlib.WindowsPath": Record(lambda obj: {"path": str(obj)}, _build_path(pathlib.Path)),
}
