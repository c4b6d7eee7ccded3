"""Single values of pandas: points and spans of time, intervals, missing values and calendar offsets.

The one rule: a value is its explicit fields given to its public constructor, and pandas' refusal of them becomes
``InvalidState``.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, InvalidState, LibraryMissing, UnsupportedModel, VersionMismatch, quoted
from holdfast.frameworks.adapter import Adapter, Record, type_name

UNITS = ("s", "ms", "us", "ns")
_ZONE_NAME = re.compile(r"[A-Za-z0-9+_-]+(?:/[A-Za-z0-9+_-]+)*\Z")
_REFUSALS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, NotImplementedError)


def pandas() -> Any:
    """Return pandas, imported when it is first needed."""
    return importlib.import_module("pandas")


def record(dump: Callable[[Any], dict[str, Any]], build: Callable[[dict[str, Any]], Any]) -> Record:
    """Return an adapter whose build answers fields that pandas refuses with ``InvalidState``."""

    def guarded(fields: dict[str, Any]) -> Any:
        try:
            return build(fields)
        except HoldfastError:
            raise
        except ImportError as error:
            missing = error.name or ("pyarrow" if "pyarrow" in str(error) else "a library that pandas needs")
            raise LibraryMissing(f"this part of the model needs {missing}: pip install {missing}") from error
        except _REFUSALS as error:
            raise InvalidState(f"pandas refuses the stored fields {', '.join(fields)}: {quoted(error)}") from error

    return Record(dump, guarded)


def numpy_values(values: Any) -> Any:
    """Return an array of pandas' own memory without the read-only flag that pandas puts on what it gives away."""
    if not values.flags.forc:
        return values.copy(order="K")
    if not values.flags.writeable:
        values = values.view()
        with contextlib.suppress(ValueError):  # the memory itself may be read-only, as of a mapped file
            values.flags.writeable = True
    return values


def expect_array(what: str, values: Any, kinds: str) -> Any:
    """Return a one-dimensional array of numpy of one of the dtype kinds, or refuse."""
    if type(values) is not np.ndarray or values.ndim != 1 or values.dtype.kind not in kinds:
        raise InvalidState(f"pandas {what}: a field is not a one-dimensional array of kind {'/'.join(kinds)}")
    return values


# -- time zones --------------------------------------------------------------------------------------------------------


def zone_fields(tz: Any, cls: type) -> dict[str, Any]:
    """Return the field of a time zone: an object of the standard library, or the library and name of another."""
    name = type_name(type(tz))
    if tz is None or name == "datetime.timezone" or (name == "zoneinfo.ZoneInfo" and tz.key is not None):
        return {"tz": tz}
    if name.startswith("pytz."):
        return {"tz": ("pytz", tz.zone if tz.zone is not None else int(tz.utcoffset(None).total_seconds() // 60))}
    if name == "dateutil.tz.tz.tzutc":
        return {"tz": ("dateutil", "UTC")}
    raise UnsupportedModel(
        f"cannot save {type_name(cls)} in a time zone of {name} without a name; convert it to zoneinfo.ZoneInfo with tz_convert"
    )


def zone(tz: Any) -> Any:
    """Return the time zone of a field."""
    if tz is None or type_name(type(tz)) in ("datetime.timezone", "zoneinfo.ZoneInfo"):
        return tz
    if type(tz) is tuple and len(tz) == 2:
        library, name = tz
        if library == "dateutil" and name == "UTC":
            return importlib.import_module("dateutil.tz").UTC
        if library == "pytz":
            if type(name) is int:
                return importlib.import_module("pytz").FixedOffset(name)
            if type(name) is str and _ZONE_NAME.match(name):
                return importlib.import_module("pytz").timezone(name)
    raise InvalidState("pandas: tz is not a time zone")


def aware(made: Any, f: dict[str, Any]) -> Any:
    """Return times, given in UTC, in the zone of the fields."""
    tz = zone(f["tz"])
    return made if tz is None else made.tz_localize("UTC").tz_convert(tz)


# -- scalars -----------------------------------------------------------------------------------------------------------


def _count(f: dict[str, Any], kind: str) -> Any:
    value, unit = f["value"], f["unit"]
    if type(value) is not int or not -(2**63) < value < 2**63 or unit not in UNITS:
        raise InvalidState(f"pandas {kind}: value is not a 64-bit count of s, ms, us or ns")
    return (np.datetime64 if kind == "Timestamp" else np.timedelta64)(value, unit)


def _dump_timestamp(ts: Any) -> dict[str, Any]:
    return {"value": int(ts.asm8.view("i8")), "unit": ts.unit, **zone_fields(ts.tz, type(ts)), "fold": ts.fold}


def _build_timestamp(f: dict[str, Any]) -> Any:
    given = pandas().Timestamp(_count(f, "Timestamp"))
    made = aware(given, f)
    if made.fold != f["fold"]:
        made = made.replace(fold=f["fold"])
        if made.fold != f["fold"] or made.asm8 != given.asm8:
            raise InvalidState("pandas Timestamp: fold does not go with the time")
    return made


def _dump_timedelta(delta: Any) -> dict[str, Any]:
    return {"value": int(delta.asm8.view("i8")), "unit": delta.unit}


def _build_timedelta(f: dict[str, Any]) -> Any:
    return pandas().Timedelta(_count(f, "Timedelta"))


def _dump_period(period: Any) -> dict[str, Any]:
    return {"ordinal": period.ordinal, "freq": period.freqstr}


def _build_period(f: dict[str, Any]) -> Any:
    if type(f["ordinal"]) is not int or not -(2**63) < f["ordinal"] < 2**63:
        raise InvalidState("pandas Period: ordinal is not a 64-bit integer")
    return pandas().Period(ordinal=f["ordinal"], freq=f["freq"])


def _build_interval(f: dict[str, Any]) -> Any:
    return pandas().Interval(f["left"], f["right"], closed=f["closed"])


# -- offsets -----------------------------------------------------------------------------------------------------------

_ENDS = ("Begin", "End")
OFFSETS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano"), ()),
    **dict.fromkeys(("MonthBegin", "MonthEnd", "BusinessMonthBegin", "BusinessMonthEnd", "Easter"), ()),
    **{f"{span}{end}": ("startingMonth",) for span in ("Quarter", "BQuarter", "HalfYear", "BHalfYear") for end in _ENDS},
    **{f"{span}{end}": ("month",) for span in ("Year", "BYear") for end in _ENDS},
    **dict.fromkeys(("SemiMonthBegin", "SemiMonthEnd"), ("day_of_month",)),
    "Week": ("weekday",),
    "WeekOfMonth": ("week", "weekday"),
    "LastWeekOfMonth": ("weekday",),
    "BusinessDay": ("offset",),
    "BusinessHour": ("start", "end", "offset"),
    "FY5253": ("weekday", "startingMonth", "variation"),
    "FY5253Quarter": ("weekday", "startingMonth", "qtr_with_extra_week", "variation"),
    **{f"CustomBusiness{span}": ("weekmask", "holidays", "offset") for span in ("Day", "MonthBegin", "MonthEnd")},
    "CustomBusinessHour": ("weekmask", "holidays", "start", "end", "offset"),
}
"""The parameters of each offset, beside ``n`` and ``normalize``."""


def _offset(kind: str) -> Record:
    def dump(offset: Any) -> dict[str, Any]:
        fields = {"n": offset.n, "normalize": offset.normalize, **{name: getattr(offset, name) for name in OFFSETS[kind]}}
        if kind == "Easter" and getattr(offset, "method", 3) != 3:  # pandas 2 knows the western Easter alone, which is 3
            fields["method"] = offset.method
        if "holidays" in fields:
            made = build(fields)
            if made != offset or not _same_calendar(made.calendar, offset.calendar):
                raise UnsupportedModel(
                    f"cannot save {type_name(type(offset))} with a calendar that its weekmask and holidays do not tell; "
                    "make it with weekmask= and holidays="
                )
        return fields

    def build(f: dict[str, Any]) -> Any:
        cls = getattr(pandas().offsets, kind, None)
        if cls is None:
            raise VersionMismatch(f"pandas {pandas().__version__} has no offset {kind}; install a newer one: pip install -U pandas")
        if not {"n", "normalize", "method", *OFFSETS[kind]}.issuperset(f):
            raise InvalidState(f"pandas {kind}: a field that it does not have")  # calendar=, of which pandas would call a method
        lists = {key: list(value) for key, value in f.items() if type(value) is tuple}
        return cls(**{**f, **lists})

    return record(dump, build)


def _same_calendar(one: Any, other: Any) -> bool:
    return np.array_equal(one.weekmask, other.weekmask) and np.array_equal(one.holidays, other.holidays)


def _dump_date_offset(offset: Any) -> dict[str, Any]:
    kwds = dict(offset.kwds)
    if not all(type(value) is int for value in kwds.values()):
        raise UnsupportedModel("cannot save a pandas.DateOffset whose parameters are not all integers; use weekday=0, not MO")
    return {"n": offset.n, "normalize": offset.normalize, **kwds}


def _build_date_offset(f: dict[str, Any]) -> Any:
    if not all(type(value) in (int, bool) for value in f.values()):
        raise InvalidState("pandas DateOffset: a field is not an integer")
    return pandas().DateOffset(**f)


def fields_of(*names: str) -> Callable[[Any], dict[str, Any]]:
    """Return a dump that reads attributes of those names."""
    return lambda obj: {name: getattr(obj, name) for name in names}


def named(table: dict[tuple[str, str], Record]) -> dict[str, Adapter]:
    """Return adapters by exact type name: under the name in pandas 3, and under that of the module in pandas 2."""
    return {
        **{name: adapter for (name, _), adapter in table.items()},
        **{f"{module}.{name.rpartition('.')[2]}": adapter for (name, module), adapter in table.items()},
    }


SCALARS: dict[str, Adapter] = {
    **named(
        {
            ("pandas.Timestamp", "pandas._libs.tslibs.timestamps"): record(_dump_timestamp, _build_timestamp),
            ("pandas.Timedelta", "pandas._libs.tslibs.timedeltas"): record(_dump_timedelta, _build_timedelta),
            ("pandas.Period", "pandas._libs.tslibs.period"): record(_dump_period, _build_period),
            ("pandas.Interval", "pandas._libs.interval"): record(fields_of("left", "right", "closed"), _build_interval),
            ("pandas.api.typing.NAType", "pandas._libs.missing"): Record(lambda obj: {}, lambda f: pandas().NA),
            ("pandas.api.typing.NaTType", "pandas._libs.tslibs.nattype"): Record(lambda obj: {}, lambda f: pandas().NaT),
            ("pandas.DateOffset", "pandas._libs.tslibs.offsets"): record(_dump_date_offset, _build_date_offset),
        }
    ),
    **{f"pandas._libs.tslibs.offsets.{kind}": _offset(kind) for kind in OFFSETS},
}
