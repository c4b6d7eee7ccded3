"""Plain Python: how the standard library's values are pickled.

The one rule: what comes out has exactly the fields of `holdfast.frameworks.python_`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.errors import FormatError, quoted
from holdfast.foreign.made import Made
from holdfast.values.outline import Named, Outline, Pairs


def _call(*names: str) -> Callable[[Made], Any]:
    """Records whose arguments are their fields."""

    def make(made: Made) -> Any:
        made.only()
        if len(made.args) != len(names):
            raise TypeError(f"{len(made.args)} arguments")
        return Outline(made.name, dict(zip(names, made.args, strict=True)), True)

    return make


def _range_of_old(made: Made) -> Any:
    made.only()
    start, stop, step = made.args
    return Outline("builtins.range", {"start": start, "stop": stop, "step": step}, True)


def _items(made: Made) -> Pairs:
    """Return the content of a dict of a kind: what it was made with, and what was put into it."""
    found = Pairs()
    for arg in made.args:
        if type(arg) is Pairs:
            found.keys += arg.keys
            found.values += arg.values
        elif type(arg) is list:  # pairs, as Python 2 wrote them
            for key, value in arg:
                found.keys.append(key)
                found.values.append(value)
        else:
            raise TypeError("arguments")
    found.keys += made.pairs.keys
    found.values += made.pairs.values
    return found


def _mapping(made: Made) -> Any:
    made.only(pairs=True, state=True)  # a state dict of PyTorch's has attributes of no consequence, which a native file leaves out too
    return Outline(made.name, {"[items]": _items(made)})


def _default(made: Made) -> Any:
    made.only(pairs=True)
    factory = made.args[0] if made.args else None
    if factory is not None and type(factory) is not Named:
        raise TypeError("its factory is neither a name nor None")
    fresh = Pairs()
    fresh.keys, fresh.values = made.pairs.keys, made.pairs.values
    return Outline(made.name, {"default_factory": factory, "[items]": fresh})


def _deque(made: Made) -> Any:
    made.only(items=True)
    maxlen = made.args[1] if len(made.args) > 1 else None
    return Outline(made.name, {"maxlen": maxlen, "items": [*(made.args[0] if made.args else ()), *made.items]}, True)


def _partial(made: Made) -> Any:
    func, args, keywords, attributes = made.state()
    fields = {"func": func, "args": args, "keywords": keywords if keywords is not None else Pairs()}
    return Outline(made.name, {**fields, **({"[attributes]": attributes} if attributes is not None and attributes.keys else {})}, True)


def _raw(value: Any) -> bytes:
    return value.encode("latin-1") if type(value) is str else bytes(value)


def _datetime(made: Made) -> Any:
    made.only()
    raw = _raw(made.args[0])
    if len(raw) != 10:
        raise ValueError("its bytes")
    month = raw[2] & 0x7F
    date = f"{raw[0] * 256 + raw[1]:04d}-{month:02d}-{raw[3]:02d}"
    return Outline(made.name, {"text": f"{date}T{_clock(raw[4:])}", "fold": raw[2] >> 7, "zone": made.args[1] if len(made.args) > 1 else None}, True)


def _clock(raw: bytes) -> str:
    micro = raw[3] << 16 | raw[4] << 8 | raw[5]
    return f"{raw[0] & 0x7F:02d}:{raw[1]:02d}:{raw[2]:02d}" + (f".{micro:06d}" if micro else "")


def _date(made: Made) -> Any:
    made.only()
    raw = _raw(made.args[0])
    return Outline(made.name, {"text": f"{raw[0] * 256 + raw[1]:04d}-{raw[2]:02d}-{raw[3]:02d}"}, True)


def _time(made: Made) -> Any:
    made.only()
    raw = _raw(made.args[0])
    return Outline(made.name, {"text": _clock(raw), "fold": raw[0] >> 7, "zone": made.args[1] if len(made.args) > 1 else None}, True)


def _timezone(made: Made) -> Any:
    made.only()
    return Outline(made.name, {"offset": made.args[0], "name": made.args[1] if len(made.args) > 1 else None}, True)


def _fraction(made: Made) -> Any:
    made.only()
    top, bottom = made.args if len(made.args) == 2 else map(int, made.args[0].partition("/")[::2])
    return Outline(made.name, {"numerator": top, "denominator": bottom}, True)


def _path(made: Made) -> Any:
    made.only()
    if not all(type(part) is str for part in made.args):
        raise TypeError("parts")
    parts = list(made.args)
    joined = "/".join(parts).replace("//", "/", 1) if parts and parts[0] == "/" else "/".join(parts)
    return Outline(made.name, {"path": joined or "."}, True)


def _uuid(made: Made) -> Any:
    number = made.fields()["int"]
    if type(number) is not int or not 0 <= number < 2**128:
        raise ValueError("its number")
    return Outline(made.name, {"hex": f"{number:032x}"}, True)


def _namespace(made: Made) -> Any:
    state = made.state()
    return Outline(made.name, {"[items]": state if state is not None else Pairs()})


def _pattern(made: Made) -> Any:
    made.only()
    pattern, flags = made.args
    return Outline("re.Pattern", {"pattern": pattern, "flags": flags}, True)


def _random(made: Made) -> Any:
    version, state, gauss = made.state()
    return Outline(made.name, {"[version]": version, "[state]": state, "[gauss]": gauss})


def as_new(made: Made) -> Made:
    """Return a call of ``copyreg._reconstructor``, with which protocols 0 and 1 make an object, as the newer ones make it; any other as it is."""
    if made.name != "copyreg._reconstructor":
        return made
    cls, base, content = made.args
    if type(cls) is not Named or type(base) is not Named:
        raise TypeError("its class")
    inner = Made(made.names, cls.name, "new", ())
    inner.states, inner.items, inner.pairs = made.states, made.items, made.pairs
    if base.name != "builtins.object":
        if base.name == "builtins.dict" and type(content) is Pairs:
            inner.pairs = Pairs()
            inner.pairs.keys, inner.pairs.values = content.keys + made.pairs.keys, content.values + made.pairs.values
        elif base.name == "builtins.tuple" and type(content) is tuple:
            inner.args = content
        elif base.name in ("builtins.list", "builtins.set") and type(content) is list:
            inner.items = content + made.items
        else:
            raise FormatError(f"an object of {quoted(cls.name)!r} is made from a {quoted(base.name)}, which holdfast does not read")
    return inner


RULES: dict[str, Callable[[Made], Any]] = {
    "copyreg._reconstructor": lambda made: as_new(made).finish(),
    "builtins.slice": _call("start", "stop", "step"),
    "builtins.range": _call("start", "stop", "step"),
    "builtins.xrange": _range_of_old,
    "collections.OrderedDict": _mapping,
    "collections.Counter": _mapping,
    "collections.defaultdict": _default,
    "collections.deque": _deque,
    "functools.partial": _partial,
    "re._compile": _pattern,
    "datetime.datetime": _datetime,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.timedelta": _call("days", "seconds", "microseconds"),
    "datetime.timezone": _timezone,
    "zoneinfo.ZoneInfo._unpickle": lambda made: Outline("zoneinfo.ZoneInfo", {"key": made.args[0]}, True),
    "decimal.Decimal": _call("text"),
    "fractions.Fraction": _fraction,
    "uuid.UUID": _uuid,
    "random.Random": _random,
    "types.SimpleNamespace": _namespace,
    **dict.fromkeys(("pathlib.PosixPath", "pathlib.PurePosixPath"), _path),
}
