"""Single values of pandas as they are pickled: points and spans of time, intervals, what is missing, and calendar offsets.

The one rule: what comes out has exactly the fields of ``frameworks/pandas_scalars.py``, which checks them.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.errors import UnsupportedModel, quoted
from holdfast.foreign.made import NEXT, Made, kind_of
from holdfast.frameworks.pandas_scalars import OFFSETS
from holdfast.values.outline import Named, Outline

Rule = Callable[[Made], Any]


def named_twice(table: Mapping[tuple[str, str], Rule]) -> dict[str, Rule]:
    """Return rules by name: that of pandas 3, and that of the module in pandas 2."""
    return {one: rule for (name, module), rule in table.items() for one in (name, f"{module}.{name.rpartition('.')[2]}")}


# -- time zones ------------------------------------------------------------------------------------------------------------


def zone_of(value: Any) -> Any:
    """Return a time zone as the adapter has it: of the standard library, or the library and name of another."""
    if value is None:
        return None
    if type(value) is Made:
        if value.name in ("zoneinfo.ZoneInfo._unpickle", "datetime.timezone"):
            return value
        if value.name == "pytz._UTC":
            return ("pytz", "UTC")
        if value.name == "pytz._p" and type(value.args[0]) is str:
            return ("pytz", value.args[0])
        if value.name == "pytz.FixedOffset" and type(value.args[0]) is int:
            return ("pytz", value.args[0])
        cls = value.args[0] if value.name == "copyreg._reconstructor" else None
        if "dateutil.tz.tz.tzutc" in (value.name, cls.name if type(cls) is Named else ""):
            if cls is not None and type(value.args[2]) is Made and value.args[2].name == "datetime.tzinfo":
                value.names.excuse(value.args[2])  # the base of the class, made empty
            return ("dateutil", "UTC")
    raise UnsupportedModel(f"a time of pandas is in a time zone that is pickled as {kind_of(value)}, which holdfast does not read; {NEXT}")


def _fold(value: int, unit: str, tz: Any) -> int:
    """Say whether a time is the second of its wall clock: pandas finds it again from the zone, and so does this."""
    key = tz.args[0] if type(tz) is Made and tz.name.startswith("zoneinfo") else tz[1] if type(tz) is tuple else None
    if type(key) is not str:
        return 0
    try:
        seconds = value // 10 ** {"s": 0, "ms": 3, "us": 6, "ns": 9}[unit]
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).astimezone(zoneinfo.ZoneInfo(key)).fold
    except (ValueError, OverflowError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return 0  # the adapter says what is wrong with it


# -- scalars ---------------------------------------------------------------------------------------------------------------

_UNITS = {7: "s", 8: "ms", 9: "us", 10: "ns"}


def _timestamp(made: Made) -> Any:
    made.only()
    value, freq, tz, *unit = made.args
    if type(value) is not int or freq is not None:
        raise TypeError("its value")
    fields = {"value": value, "unit": _UNITS[unit[0] if unit else 10], "tz": zone_of(tz)}
    return Outline("pandas.Timestamp", {**fields, "fold": _fold(value, fields["unit"], fields["tz"])}, True)


def _timedelta(made: Made) -> Any:
    made.only()
    value, *unit = made.args
    return Outline("pandas.Timedelta", {"value": value, "unit": _UNITS[unit[0] if unit else 10]}, True)


def _period(made: Made) -> Any:
    made.only()
    nothing, freq, ordinal = made.args
    if nothing is not None:
        raise TypeError("its value")
    return Outline(made.name, {"ordinal": ordinal, "freq": _freq_text(freq)}, True)


_MONTHS = ("", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_SPANS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Day": ("D", ()), "Hour": ("h", ()), "Minute": ("min", ()), "Second": ("s", ()), "Milli": ("ms", ()), "Micro": ("us", ()), "Nano": ("ns", ()), "BusinessDay": ("B", ()),
    "MonthEnd": ("M", ()), "Week": ("W-", _DAYS), "QuarterEnd": ("Q-", _MONTHS), "YearEnd": ("Y-", _MONTHS),
}  # fmt: skip
"""Offset of a period -> its letter, and what its parameter counts."""


def _freq_text(freq: Any) -> str:
    """Return the text of the offset of a period."""
    if type(freq) is str:
        return freq
    if type(freq) is not Made or not freq.name.startswith(_OFFSET):
        raise TypeError("its freq")
    letter, kinds = _SPANS[freq.name.removeprefix(_OFFSET)]
    n = freq.args[0]
    if type(n) is not int or n < 1:
        raise ValueError("its freq")
    return ("" if n == 1 else str(n)) + letter + (kinds[freq.args[2]] if kinds else "")


def _interval(made: Made) -> Any:
    made.only()
    return Outline(made.name, dict(zip(("left", "right", "closed"), made.args, strict=True)), True)


def _one(name: str) -> Rule:
    return lambda made: Outline(name, {}, True)


# -- offsets ---------------------------------------------------------------------------------------------------------------

_OFFSET = "pandas._libs.tslibs.offsets."


def _offset(kind: str) -> Rule:
    names = ["n", "normalize", *OFFSETS[kind]]
    if "holidays" in names:
        names.insert(names.index("holidays") + 1, "calendar")

    def make(made: Made) -> Any:
        made.only()
        if len(made.args) > len(names) + (kind == "Easter"):
            raise TypeError("its parameters")
        fields = {"n": 1, "normalize": False, **dict(zip([*names, "method"], made.args, strict=False))}
        if fields.pop("calendar", None) is not None:
            raise UnsupportedModel(f"{quoted(made.name)} has a calendar in its pickle, which holdfast does not read; make it with weekmask= and holidays=")
        if fields.get("method") == 3:
            del fields["method"]
        return Outline(made.name, fields, True)

    return make


def _date_offset(made: Made) -> Any:
    state = made.fields()
    kwds = {name: value for name, value in state.items() if name[0] != "_" and name not in ("n", "normalize")}
    return Outline(made.name, {"n": state["n"], "normalize": state["normalize"], **kwds}, True)


NA = ("pandas.NA", "pandas._libs.missing.NA")

SCALARS: dict[str, Rule] = {
    "pandas._libs.tslibs.timestamps._unpickle_timestamp": _timestamp,
    "pandas._libs.tslibs.timedeltas._timedelta_unpickle": _timedelta,
    "pandas._libs.tslibs.nattype._nat_unpickle": _one("pandas.api.typing.NaTType"),
    "pandas._libs.tslibs.nattype.__nat_unpickle": _one("pandas.api.typing.NaTType"),  # pandas 2
    **dict.fromkeys(NA, _one("pandas.api.typing.NAType")),
    **{f"{_OFFSET}{kind}": _offset(kind) for kind in OFFSETS},
    **named_twice({
        ("pandas.Period", "pandas._libs.tslibs.period"): _period,
        ("pandas.Interval", "pandas._libs.interval"): _interval,
        ("pandas.DateOffset", "pandas._libs.tslibs.offsets"): _date_offset,
    }),
}  # fmt: skip
