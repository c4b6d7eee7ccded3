"""What pandas objects are after a save and a load: exactly what they were, or refused by name."""

from __future__ import annotations

import datetime
import importlib.util
import struct
import sys
import warnings
import zoneinfo
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import InvalidState, LibraryMissing, UnsupportedModel, VersionMismatch
from holdfast.frameworks.adapter import Record, type_name
from holdfast.frameworks.pandas_ import ADAPTERS
from holdfast.frameworks.walk import dump

pd = pytest.importorskip("pandas")
PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
ARROW = importlib.util.find_spec("pyarrow") is not None
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def record(name: str) -> Record:
    adapter = ADAPTERS[name]
    assert isinstance(adapter, Record)
    return adapter


def again(model: Any) -> Any:
    return holdfast.loads(holdfast.dumps(model))


def difference(a: Any, b: Any, path: str = "it") -> str | None:
    """Return where two objects differ in anything a user can see, or None."""
    if type(a) is not type(b):
        return f"{path}: {type(a)} is now {type(b)}"
    if a is b:
        return None
    if isinstance(a, float):
        return None if struct.pack("<d", a) == struct.pack("<d", b) else f"{path}: {a} is now {b}"
    if isinstance(a, np.ndarray):
        return _array_difference(a, b, path)
    if isinstance(a, np.generic):
        return None if a.dtype == b.dtype and a.tobytes() == b.tobytes() else f"{path}: {a!r} is now {b!r}"
    if isinstance(a, list | tuple):
        pairs = [(f"{path}[{i}]", x, y) for i, (x, y) in enumerate(zip(a, b, strict=False))]
        return f"{path}: lengths {len(a)}, {len(b)}" if len(a) != len(b) else _first(pairs)
    if isinstance(a, dict):
        return _first([(f"{path} keys", list(a), list(b)), (f"{path} values", list(a.values()), list(b.values()))])
    ours, theirs = _attributes(a), _attributes(b)
    if ours is not None and theirs is not None:
        return _first([(f"{path}.{name}", x, theirs[name]) for name, x in ours.items()])
    return None if a == b and repr(a) == repr(b) else f"{path}: {a!r} is now {b!r}"


def _first(pairs: list[tuple[str, Any, Any]]) -> str | None:
    return next((found for path, x, y in pairs if (found := difference(x, y, path))), None)


def _array_difference(a: Any, b: Any, path: str) -> str | None:
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{path}: {a.dtype} {a.shape} is now {b.dtype} {b.shape}"
    if a.dtype == object:
        return difference(a.ravel().tolist(), b.ravel().tolist(), path)
    return None if a.tobytes() == b.tobytes() else f"{path}: {a} is now {b}"


def _attributes(obj: Any) -> dict[str, Any] | None:
    """Return what makes out an object of pandas, in parts that can be compared; None for all that has ``==``."""
    if isinstance(obj, pd.DataFrame):
        columns = [obj.iloc[:, i].array for i in range(obj.shape[1])]
        return {"columns": obj.columns, "index": obj.index, "values": columns, **_notes(obj)}
    if isinstance(obj, pd.Series):
        return {"values": obj.array, "name": obj.name, "index": obj.index, **_notes(obj)}
    if isinstance(obj, pd.MultiIndex):
        return {"levels": list(obj.levels), "codes": list(obj.codes), "names": list(obj.names), "sortorder": obj.sortorder}
    if isinstance(obj, pd.RangeIndex):
        return {"range": (obj.start, obj.stop, obj.step), "name": obj.name}
    if isinstance(obj, pd.Index):
        return {"values": obj.array, "name": obj.name, "freq": getattr(obj, "freq", None)}
    if isinstance(obj, pd.api.extensions.ExtensionArray):
        return {"dtype": obj.dtype, "missing": np.asarray(obj.isna()), **_raw(obj)}
    if isinstance(obj, pd.CategoricalDtype):
        return {"categories": obj.categories, "ordered": obj.ordered}
    if isinstance(obj, pd.StringDtype):
        return {"storage": obj.storage, "na_value": obj.na_value}
    if isinstance(obj, pd.DatetimeTZDtype):
        return {"unit": obj.unit, "tz": obj.tz}
    if isinstance(obj, pd.SparseDtype):
        return {"subtype": obj.subtype, "fill_value": obj.fill_value}
    if isinstance(obj, pd.Timestamp):
        return {"value": obj.asm8, "unit": obj.unit, "tz": obj.tz, "fold": obj.fold}
    if isinstance(obj, pd.Timedelta):
        return {"value": obj.asm8, "unit": obj.unit}
    if isinstance(obj, pd.Interval):
        return {"left": obj.left, "right": obj.right, "closed": obj.closed}
    return None


def _notes(obj: Any) -> dict[str, Any]:
    return {"attrs": obj.attrs, "duplicates": obj.flags.allows_duplicate_labels}


def _raw(obj: Any) -> dict[str, Any]:
    if isinstance(obj, pd.Categorical):
        return {"codes": np.asarray(obj.codes)}
    if isinstance(obj, pd.arrays.IntervalArray):
        return {"left": obj.left, "right": obj.right}
    if isinstance(obj, pd.arrays.SparseArray):
        index = obj.sp_index.to_int_index()
        return {"values": obj.sp_values, "kind": obj.kind, "at": index.indices, "of": index.length}
    if hasattr(obj, "asi8"):
        return {"i8": obj.asi8}
    if hasattr(obj, "_mask"):
        return {"mask": obj._mask, "data": obj._data[~obj._mask]}
    if hasattr(obj, "__arrow_array__") and "Arrow" in type(obj).__name__:
        column = obj.__arrow_array__()
        return {"type": str(column.type), "nulls": column.null_count, "items": column.to_pylist()}
    return {"values": obj.to_numpy()}


def _frame(**columns: Any) -> Any:
    return pd.DataFrame(columns)


def _duplicates() -> Any:
    frame = _frame(a=[1.5, np.nan], b=["x", None], c=[1, 2])
    frame.columns = ["a", "a", "b"]
    return frame


def _noted(obj: Any) -> Any:
    obj.attrs = {"source": "sensor", "runs": [1, {"deep": (2, 3)}]}
    return obj.set_flags(allows_duplicate_labels=False)


def _mixed() -> Any:
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("xyz"))
    frame["when"] = pd.date_range("2024-01-01", periods=4, tz="Europe/Berlin")
    frame["naive"] = pd.to_datetime(["2024-01-01", None, "2024-01-03", "2024-01-04"])
    frame["took"] = pd.to_timedelta([1, 2, None, 4], unit="s")
    frame["kind"] = pd.Categorical(["b", "a", None, "b"], categories=["b", "a", "never"], ordered=True)
    frame["text"] = ["p", "q", None, "s"]
    frame["object"] = pd.Series([1, "one", None, pd.NA], dtype=object)
    frame["count"] = pd.array([1, None, 3, 4], dtype="Int16")
    frame["flag"] = [True, False, True, False]
    frame["more"] = np.float32(0.1)
    return frame


def _objects() -> Any:
    items = np.empty(11, object)
    items[:] = [None, float("nan"), pd.NA, pd.NaT, np.float64("nan"), 1, True, "text", b"bytes", pd.Timestamp("2024"), [1, [2]]]
    return items


def _index_of_objects() -> Any:
    return pd.Index([1, "a", None, (1, 2), float("nan")], dtype=object, name=("a", 1))


def _missing_in_both() -> Any:
    return pd.MultiIndex.from_arrays([[1.0, np.nan, 1.0], ["x", None, "y"]], names=[None, "letter"])


STAMPS = pd.date_range("2024-03-30", periods=4, freq="D", tz=BERLIN, name="day")

CASES: dict[str, Any] = {
    # single values
    "NA": pd.NA,
    "NaT": pd.NaT,
    "a timestamp with nanoseconds": pd.Timestamp("2024-02-29 12:34:56.123456789"),
    "a timestamp in seconds": pd.Timestamp("1500-01-01").as_unit("s"),
    "a timestamp in the repeated hour": pd.Timestamp("2024-10-27 02:30:00+01:00").tz_convert(BERLIN),
    "a naive timestamp with fold": pd.Timestamp("2024-10-27 02:30").replace(fold=1),
    "a timestamp in a zone with fold": pd.Timestamp("2024-05-01", tz=BERLIN).replace(fold=1),
    "a timestamp in UTC": pd.Timestamp("2024-01-01", tz="UTC"),
    "a timestamp at a fixed offset": pd.Timestamp("2024-01-01", tz=datetime.timezone(datetime.timedelta(hours=5, minutes=30))),
    "a timedelta": pd.Timedelta(days=-3, nanoseconds=7),
    "a timedelta in milliseconds": pd.Timedelta(5, "ms").as_unit("ms"),
    "a period": pd.Period("2024Q2", freq="Q-NOV"),
    "a period of several units": pd.Period("2024-01", freq="3M"),
    "an interval": pd.Interval(0.0, 1.5, closed="both"),
    "an interval of times": pd.Interval(pd.Timestamp("2024"), pd.Timestamp("2025"), closed="neither"),
    "offsets": [
        pd.offsets.Day(2), pd.offsets.Hour(-3), pd.offsets.Nano(9), pd.offsets.MonthEnd(normalize=True),
        pd.offsets.Week(), pd.offsets.Week(weekday=2), pd.offsets.QuarterEnd(startingMonth=2), pd.offsets.BQuarterBegin(2),
        pd.offsets.YearEnd(month=3), pd.offsets.BYearBegin(), pd.offsets.SemiMonthEnd(day_of_month=10),
        pd.offsets.WeekOfMonth(week=1, weekday=3),
        pd.offsets.LastWeekOfMonth(weekday=4), pd.offsets.BusinessDay(offset=datetime.timedelta(hours=1)), pd.offsets.BMonthEnd(),
        pd.offsets.FY5253(weekday=2, startingMonth=7, variation="last"),
        pd.offsets.FY5253Quarter(weekday=1, qtr_with_extra_week=2),
        pd.offsets.BusinessHour(start=["09:00", "13:00"], end=["12:00", "17:30"]), pd.offsets.Easter(),
        pd.offsets.CustomBusinessDay(weekmask="Sun Mon Tue", holidays=["2024-01-01"]), pd.offsets.CustomBusinessMonthBegin(),
        pd.offsets.CustomBusinessHour(holidays=["2024-12-24"], start="08:00"), pd.DateOffset(months=2, days=1), pd.DateOffset(3),
        pd.DateOffset(hour=4, n=2),
    ],
    # dtypes
    "dtypes": [
        pd.CategoricalDtype(), pd.CategoricalDtype(["b", "a"], ordered=True), pd.DatetimeTZDtype("ms", BERLIN),
        pd.PeriodDtype("3D"), pd.PeriodDtype("Y-MAR"), pd.IntervalDtype(), pd.IntervalDtype("float64", "left"),
        pd.IntervalDtype(pd.DatetimeTZDtype("ns", "UTC"), "both"),
        pd.Int8Dtype(), pd.Int16Dtype(), pd.Int32Dtype(), pd.Int64Dtype(), pd.UInt8Dtype(), pd.UInt16Dtype(), pd.UInt32Dtype(),
        pd.UInt64Dtype(), pd.Float32Dtype(), pd.Float64Dtype(), pd.BooleanDtype(), pd.StringDtype("python"),
        pd.SparseDtype("float64"), pd.SparseDtype("int8", 3), pd.array([1], dtype=np.dtype("int8")).dtype,
        pd.arrays.NumpyExtensionArray(np.array([1.0])).dtype,
    ],
    # arrays
    "a categorical": pd.Categorical(["b", None, "a"], categories=["c", "b", "a"], ordered=True),
    "a categorical of 300": pd.Categorical(range(300)),
    "a categorical of nothing": pd.Categorical([]),
    "a categorical of times": pd.Categorical(pd.date_range("2024", periods=3, tz="UTC")),
    "nullable integers": pd.array([1, None, 2**63 - 1], dtype="Int64"),
    "nullable small integers": pd.array([1, None, 255], dtype="UInt8"),
    "nullable floats": pd.array([1.5, None, -0.0], dtype="Float64"),
    "nullable floats with a NaN": pd.arrays.FloatingArray(np.array([1.0, np.nan, 3]), np.array([False, False, True])),
    "nullable booleans": pd.array([True, None, False], dtype="boolean"),
    "text with NA in Python": pd.array(["a", None, "ü", ""], dtype=pd.StringDtype("python")),
    "naive times": pd.array(np.array(["2024-01-01", "NaT"], "M8[s]")),
    "times in a zone": pd.Series(STAMPS).array,
    "timedeltas": pd.array(np.array([1, -5], "m8[ms]")),
    "periods": pd.array([pd.Period("2024", "Y"), pd.NaT], dtype="period[Y-DEC]"),
    "intervals": pd.arrays.IntervalArray.from_breaks([0.0, 1.5, 2.0], closed="left"),
    "intervals with missing": pd.arrays.IntervalArray.from_tuples([(0, 1), None, (2, 3)]),
    "intervals of times": pd.arrays.IntervalArray.from_breaks(STAMPS),
    "intervals of nullable integers": pd.arrays.IntervalArray.from_arrays(pd.array([1, 2]), pd.array([2, 3])),
    "intervals of small integers": pd.arrays.IntervalArray.from_arrays(np.array([1], "i1"), np.array([2], "i1")),
    "sparse floats": pd.arrays.SparseArray([np.nan, 1.0, np.nan, 0.0]),
    "sparse integers by blocks": pd.arrays.SparseArray([7, 7, 1, 2, 7, 3], fill_value=7, kind="block"),
    "sparse objects": pd.arrays.SparseArray(np.array([np.nan, "a", pd.Timestamp("2024"), 1], object)),
    "sparse text as objects": pd.arrays.SparseArray(np.array(["", "a", ""], object), fill_value=""),
    "sparse times": pd.arrays.SparseArray(np.array(["2024-01-01", "NaT"], "M8[s]")),
    "sparse booleans, empty": pd.arrays.SparseArray(np.zeros(0, bool)),
    "a wrapped numpy array": pd.arrays.NumpyExtensionArray(np.array(["a", None, 1], object)),
    # indexes
    "an index of integers": pd.Index([3, 1, 1], name="n"),
    "an index of small integers": pd.Index(np.array([1, 2], "u1")),
    "an index of booleans": pd.Index([True, False]),
    "an index of objects": _index_of_objects(),
    "an index of text": pd.Index(["a", "b", None]),
    "an index of object text": pd.Index(["a", "b"], dtype=object),
    "an index of tuples": pd.Index([(1, 2), (3, 4)], tupleize_cols=False),
    "an index of nullable integers": pd.Index(pd.array([1, None])),
    "a range": pd.RangeIndex(5, -7, -3, name="r"),
    "an empty range": pd.RangeIndex(0, 0, 4),
    "days in a zone, through a change of the clock": STAMPS,
    "times without freq": pd.DatetimeIndex(["2024-01-02", None, "2024-01-01"]),
    "month ends": pd.date_range("2024-01-31", periods=3, freq=pd.offsets.MonthEnd(2)),
    "business days": pd.bdate_range("2024-01-01", periods=9, freq="C", holidays=["2024-01-03"], weekmask="Mon Tue Wed"),
    "times in seconds": pd.date_range("2024", periods=2, unit="s"),
    "an index of timedeltas": pd.timedelta_range("1h", periods=3, freq="90min", name="lag"),
    "an index of periods": pd.period_range("2024-01", periods=3, freq="2M", name="p"),
    "an index of intervals": pd.interval_range(0, 3, closed="neither", name="i"),
    "an index of intervals of times": pd.interval_range(pd.Timestamp("2024"), periods=2, freq="MS"),
    "an index of categories": pd.CategoricalIndex(["a", "b", None], categories=["b", "a"], ordered=True, name="c"),
    "a multi-index": pd.MultiIndex.from_product([STAMPS, ["a", "b"], pd.CategoricalIndex(["u"])], names=["day", None, "k"]),
    "a multi-index with unused levels": pd.MultiIndex.from_product([["x", "y"], [1, 2]])[2:],
    "a multi-index with missing labels": _missing_in_both(),
    "a multi-index with a sortorder": pd.MultiIndex(levels=[[1, 2], [3]], codes=[[0, 1], [0, 0]], sortorder=1),
    "an empty multi-index": pd.MultiIndex.from_arrays([[], []], names=["a", "b"]),
    "names of a multi-index": pd.MultiIndex.from_arrays([[1], [2]], names=["a", None]).names,
    # series
    "a series": pd.Series([1.5, np.nan, -0.0], index=["a", "b", "b"], name="s"),
    "a series of objects": pd.Series(_objects(), name=3),
    "a series of object text": pd.Series(["a", "b"], dtype=object),
    "a series of text": pd.Series(["a", None, "\u00fc\0"]),
    "a series of complex numbers": pd.Series([1j, 2 + 0j]),
    "a series of half floats": pd.Series(np.array([1, 2], "f2")),
    "a series of the other byte order": pd.Series(np.array([1, 2], ">i4")),
    "a series of days in seconds": pd.Series(np.array(["2024-01-01", "NaT"], "M8[s]")),
    "a series of periods": pd.Series(pd.period_range("2024", periods=2, freq="W-WED")),
    "a series of sparse values": pd.Series(pd.arrays.SparseArray([0, 0, 1])),
    "a series of wrapped values": pd.Series(pd.arrays.NumpyExtensionArray(np.array([1, 2]))),
    "an empty series": pd.Series([], dtype="float64"),
    "a series with notes": _noted(pd.Series([1, 2], index=["a", "b"])),
    "a series with a multi-index": pd.Series(range(4), index=pd.MultiIndex.from_product([[1, 2], ["a", "b"]])),
    # frames
    "a frame of floats": pd.DataFrame(np.random.default_rng(0).normal(size=(5, 3)), columns=["a", "b", "c"]),
    "a frame of everything": _mixed(),
    "a frame with equal column names": _duplicates(),
    "a frame with notes": _noted(_frame(a=[1, 2], b=["x", "y"])),
    "a frame without rows": _mixed().iloc[:0],
    "a frame without columns": pd.DataFrame(index=pd.Index(["a", "b"], name="row")),
    "a frame of nothing": pd.DataFrame(),
    "a frame of object columns": pd.DataFrame({"a": [[1], {"k": [2]}], "b": [None, "x"]}, dtype=object),
    "a frame with a multi-index on both sides": _frame(a=[1, 2], b=[3, 4]).set_index("a", append=True).T,
    "a frame of columns that alternate": _frame(a=[1.0], b=["x"], c=[2.0], d=["y"], e=[3]),
    "every second row of a frame": _mixed().iloc[::2],
    "a frame with columns of times": pd.DataFrame([[1, 2]], columns=pd.date_range("2024", periods=2)),
    "a frame of sparse columns": _frame(a=pd.arrays.SparseArray([0, 1, 0]), b=pd.arrays.SparseArray([1.0, np.nan, np.nan])),
    "a frame of nullable columns": _frame(a=[1, None], b=["x", None], c=[True, None]).convert_dtypes(),
}  # fmt: skip


def _arrow_cases() -> dict[str, Any]:
    pa = importlib.import_module("pyarrow")
    cases: dict[str, Any] = {}
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5)
    for kind, item in (
        *((kind, 3) for kind in (pa.int8(), pa.uint16(), pa.int64(), pa.float32(), pa.float64())),
        (pa.float16(), np.float16(3)),
        (pa.bool_(), True),
        (pa.string(), "ü"),
        (pa.large_string(), "text"),
        (pa.binary(), b"\0\xff"),
        (pa.date32(), moment.date()),
        (pa.date64(), moment.date()),
        (pa.time32("s"), moment.time()),
        (pa.time64("ns"), moment.time()),
        (pa.timestamp("ms"), moment),
        (pa.timestamp("us", tz="Europe/Berlin"), moment.replace(tzinfo=BERLIN)),
        (pa.timestamp("us", tz="+02:00"), moment.replace(tzinfo=datetime.UTC)),
        (pa.duration("s"), datetime.timedelta(seconds=5)),
        (pa.null(), None),
    ):
        column = pa.chunked_array([pa.array([item, None], kind), pa.array([item], kind)])
        cases[f"Arrow {kind}"] = pd.arrays.ArrowExtensionArray(column)
        cases[f"Arrow {kind}, a part"] = pd.arrays.ArrowExtensionArray(column)[1:]
    cases["Arrow NaN that is not null"] = pd.arrays.ArrowExtensionArray(pa.array([1.0, float("nan"), None], from_pandas=False))
    cases["an empty Arrow array"] = pd.arrays.ArrowExtensionArray(pa.chunked_array([], pa.int64()))
    cases["an Arrow dtype"] = [pd.ArrowDtype(pa.timestamp("ns", tz="UTC")), pd.ArrowDtype(pa.string()), pd.StringDtype("pyarrow")]
    cases["text with NA in Arrow"] = pd.array(["a", None, "ü", ""], dtype=pd.StringDtype("pyarrow"))
    cases["a part of text in Arrow"] = pd.array(["a", None, "ü", "long", ""], dtype=pd.StringDtype("pyarrow"))[2:4]
    cases["a part of text in Arrow without gaps"] = pd.array(["a", "long", "ü"], dtype=pd.StringDtype("pyarrow"))[1:]
    cases["no text in Arrow"] = pd.array([], dtype=pd.StringDtype("pyarrow"))
    cases["a frame of Arrow columns"] = _frame(a=[1, None], b=["x", None]).convert_dtypes(dtype_backend="pyarrow")
    cases["an index of Arrow values"] = pd.Index(pd.array([1, None], dtype="int64[pyarrow]"), name="arrow")
    if PANDAS >= (2, 3):
        for storage in ("python", "pyarrow"):
            dtype = pd.StringDtype(storage, na_value=np.nan)
            cases[f"text with NaN in {storage}"] = pd.array(["a", None, "ü"], dtype=dtype)
            cases[f"the dtype of text with NaN in {storage}"] = dtype
    return cases


ALL = CASES | (_arrow_cases() if ARROW else {})


@pytest.mark.parametrize("name", ALL)
def test_an_object_comes_back_exactly_as_it_was(name: str) -> None:
    before = ALL[name]
    assert difference(before, again(before)) is None


@pytest.mark.parametrize("name", ALL)
def test_saving_what_came_back_gives_the_same_bytes(name: str) -> None:
    first = holdfast.dumps(ALL[name])
    assert holdfast.dumps(holdfast.loads(first)) == first


def test_missing_values_keep_their_identity() -> None:
    back = again([pd.NA, pd.NaT, pd.Series([pd.NA, None, pd.NaT], dtype=object)])
    assert back[0] is pd.NA
    assert back[1] is pd.NaT
    assert [id(item) for item in back[2]] == [id(pd.NA), id(None), id(pd.NaT)]


def test_sums_keep_their_last_bit_because_the_layout_is_kept() -> None:
    values = np.random.default_rng(0).normal(size=(1000, 7))
    for given in (values, np.asfortranarray(values)):
        frame = pd.DataFrame(given, copy=False)
        frame["text"] = "x"
        assert difference(frame.sum(numeric_only=True), again(frame).sum(numeric_only=True)) is None


def test_what_comes_back_can_be_written_to() -> None:
    frame = again(_mixed())
    for column in range(frame.shape[1]):
        frame.iloc[0, column] = frame.iloc[3, column]
    series = again(pd.Series([1, 2]))
    series.iloc[0] = 5
    assert series.tolist() == [5, 2]


@pytest.mark.parametrize("dtype", ["float64", "Int64", "string", "category", "datetime64[s]", "object"])
def test_copies_on_write_stay_independent(dtype: str) -> None:
    series = pd.Series([1, 2, 3]).astype("str" if dtype == "string" else "int64").astype(dtype)
    frame = pd.DataFrame({"a": series})
    for parts in ([series, series.copy(deep=False), frame], [frame, series, frame.copy(deep=False)]):
        changed, *others = again(parts)
        first, last = ((0, 0), (2, 0)) if isinstance(changed, pd.DataFrame) else (0, 2)
        changed.iloc[first] = changed.iloc[last]
        for other in others:
            assert difference(series.tolist(), other.squeeze().tolist()) is None


def test_shared_indexes_and_dtypes_stay_shared() -> None:
    index, dtype = pd.Index(["a", "b"]), pd.CategoricalDtype(["u", "v"])
    back = again([index, index, dtype, dtype])
    assert back[0] is back[1]
    assert back[2] is back[3]


def test_lists_and_dicts_inside_a_frame_arrive_filled() -> None:
    shared = {"k": [1, {"deep": [2]}]}
    frame = pd.DataFrame({"a": [shared, [shared]], "b": [1, 2]})
    frame.attrs["shared"] = shared
    back = again({"frame": frame, "shared": shared})
    assert back["shared"] == shared
    assert back["frame"].iloc[0, 0] is back["shared"]
    assert back["frame"].iloc[1, 0][0] is back["shared"]
    assert back["frame"].attrs["shared"] is back["shared"]


def test_what_was_deleted_under_a_mask_is_not_saved() -> None:
    secret = pd.array([123456789, 2], dtype="Int64")
    secret[0] = pd.NA
    assert again(secret)._data[0] == 0


def test_every_class_of_pandas_3_and_2_has_its_name_in_the_table() -> None:
    kinds = {type_name(type(value)) for value in ALL.values() if type(value) is not list}
    kinds |= {type_name(type(item)) for value in ALL.values() if type(value) is list for item in value}
    assert kinds <= set(ADAPTERS)
    assert {"pandas.DataFrame", "pandas.core.frame.DataFrame", "pandas.core.arrays.integer.Int64Dtype"} <= set(ADAPTERS)


# -- what is refused when it is saved ----------------------------------------------------------------------------------


class Special(pd.DataFrame):  # type: ignore[misc, name-defined]
    """A subclass, which is another type."""


def _with_own_attribute() -> Any:
    series = pd.Series([1])
    object.__setattr__(series, "unit", "kg")
    return series


def _refused() -> dict[str, tuple[Any, str]]:
    relativedelta, tz = importlib.import_module("dateutil.relativedelta"), importlib.import_module("dateutil.tz")

    cases = {
        "a subclass": (Special({"a": [1]}), "Special"),
        "an attribute of its own": (_with_own_attribute(), "'unit'"),
        "an offset with a weekday object": (pd.DateOffset(weekday=relativedelta.MO), "weekday=0"),
        "a calendar of numpy": (pd.offsets.CustomBusinessDay(calendar=np.busdaycalendar("1110000")), "weekmask="),
        "a zone of dateutil": (pd.Timestamp("2024", tz=tz.tzoffset("x", 3600)), "zoneinfo"),
        "times with a freq they do not have": (pd.date_range("2024", periods=9, freq="ms").as_unit("s"), "freq = None"),
        "a series that holds itself": (_cycle(), "holds itself"),
    }
    if ARROW:
        pa = importlib.import_module("pyarrow")
        for kind, item in ((pa.list_(pa.int64()), [1]), (pa.struct([("a", pa.int8())]), {"a": 1}), (pa.decimal128(5, 2), None)):
            cases[f"Arrow {kind}"] = (pd.arrays.ArrowExtensionArray(pa.array([item], kind)), "astype")
            cases[f"the dtype of Arrow {kind}"] = (pd.ArrowDtype(kind), "astype")
        cases["Arrow dictionaries"] = (pd.arrays.ArrowExtensionArray(pa.array(["a"]).dictionary_encode()), "category")
    return cases


def _cycle() -> Any:
    items: Any = np.empty(1, object)
    series = pd.Series(items, dtype=object, copy=False)
    items[0] = series
    return series if series.iloc[0] is series else pd.Series([1])


REFUSED = _refused()


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_exact_form_is_refused_by_name_and_with_advice(name: str) -> None:
    obj, word = REFUSED[name]
    with pytest.raises(UnsupportedModel, match=word):
        dump(obj)


# -- altered state -----------------------------------------------------------------------------------------------------

CODES = np.array([0, 1], np.int8)
ZEROS = np.zeros((2, 1))
LEVELS = [pd.Index([1, 2]), pd.Index(["a"])]
NOTES = {"attrs": {}, "allows_duplicate_labels": True}
TWICE = {"parts": [np.zeros((2, 2))], "columns": pd.Index(["a", "a"]), "index": pd.RangeIndex(2), **NOTES}

GENUINE: dict[str, dict[str, Any]] = {
    "pandas.Categorical": {"codes": CODES, "dtype": pd.CategoricalDtype(["a", "b"])},
    "pandas.CategoricalDtype": {"categories": pd.Index(["a"]), "ordered": True},
    "pandas.CategoricalIndex": {"values": pd.Categorical(["a"]), "name": None},
    "pandas.DataFrame": {"parts": [ZEROS], "columns": pd.Index(["a"]), "index": pd.RangeIndex(2), **NOTES},
    "pandas.DateOffset": {"n": 1, "normalize": False, "days": 1},
    "pandas.DatetimeIndex": {"values": np.array([0, 86400], "M8[s]"), "tz": None, "freq": pd.offsets.Day(), "name": None},
    "pandas.Index": {"values": np.arange(2), "name": None},
    "pandas.Interval": {"left": 0, "right": 1, "closed": "left"},
    "pandas.IntervalDtype": {"subtype": np.dtype("i8"), "closed": "left"},
    "pandas.MultiIndex": {"levels": LEVELS, "codes": [CODES, CODES * 0], "names": [None, None], "sortorder": None},
    "pandas.Period": {"ordinal": 1, "freq": "D"},
    "pandas.PeriodDtype": {"freq": "D"},
    "pandas.RangeIndex": {"start": 0, "stop": 1, "step": 1, "name": None},
    "pandas.Series": {"values": np.zeros(2), "index": pd.RangeIndex(2), "name": None, **NOTES},
    "pandas.StringDtype": {"storage": "python", "na": "NA"},
    "pandas.Timedelta": {"value": 0, "unit": "s"},
    "pandas.Timestamp": {"value": 0, "unit": "s", "tz": None, "fold": 0},
    "pandas.arrays.BooleanArray": {"values": np.zeros(2, bool), "mask": np.zeros(2, bool)},
    "pandas.arrays.DatetimeArray": {"values": np.zeros(1, "M8[s]"), "tz": None},
    "pandas.arrays.FloatingArray": {"values": np.zeros(2), "mask": np.zeros(2, bool)},
    "pandas.arrays.IntegerArray": {"values": np.zeros(2, int), "mask": np.zeros(2, bool)},
    "pandas.arrays.IntervalArray": {"left": pd.Index([0, 1]), "right": pd.Index([1, 2]), "closed": "right"},
    "pandas.arrays.PeriodArray": {"ordinals": np.arange(2), "dtype": pd.PeriodDtype("D")},
    "pandas.arrays.SparseArray": {
        "values": np.ones(2), "positions": np.array([0, 3], "i4"), "length": 4, "kind": "block",
        "dtype": pd.SparseDtype("float64"),
    },
    "pandas.arrays.StringArray": {"values": np.array(["a"], object), "dtype": pd.StringDtype("python")},
    "pandas._libs.tslibs.offsets.Day": {"n": 1, "normalize": False},
    "pandas._libs.tslibs.offsets.Week": {"n": 1, "normalize": False, "weekday": 1},
}  # fmt: skip

MASKS = [np.zeros(3, bool), np.zeros(2, "i1"), None, np.zeros((2, 1), bool)]
NO_NUMBERS = [np.zeros(2, "O"), np.zeros(2, "c16"), [1, 2], ZEROS]
ALTERED: dict[tuple[str, str], list[Any]] = {
    ("pandas.Categorical", "codes"): [
        *(np.array(codes) for codes in ([0, 2], [-2], [2**40], [0.0], [[0]], [None])), np.array([1], "u8"), [0, 1],
    ],
    ("pandas.Categorical", "dtype"): [pd.CategoricalDtype(), pd.Int8Dtype(), None, "category"],
    ("pandas.CategoricalDtype", "categories"): [pd.Index(["a", "a"]), pd.Index([None]), 3],
    ("pandas.CategoricalIndex", "values"): [np.array([1]), None],
    ("pandas.DataFrame", "parts"): [
        [np.zeros((3, 1))], [np.zeros(2)], [np.zeros((2, 2))], [], [None], [np.zeros((2, 1), "U3")], [np.zeros((2, 1), "M8[D]")],
        [ZEROS, ZEROS[:1]], [pd.array([1])], None,
    ],
    ("pandas.DataFrame", "columns"): [["a"], pd.Index([]), None],
    ("pandas.DataFrame", "index"): [np.arange(2), pd.RangeIndex(3), None],
    ("pandas.DateOffset", "days"): ["x"],
    ("pandas.DatetimeIndex", "values"): [np.arange(2), np.zeros(2, "m8[s]"), np.zeros(2, "M8[Y]"), np.zeros(2, "M8[s]")],
    ("pandas.DatetimeIndex", "freq"): [pd.offsets.Hour(), "D"],
    ("pandas.DatetimeIndex", "tz"): ["Europe/Berlin", ("pytz", "../etc/passwd"), ("os", "UTC"), 3],
    ("pandas.Index", "values"): [
        np.zeros(2, "M8[s]"), np.array(["a"]), np.zeros((2, 2)), [1, 2], None, pd.Categorical(["a"]), np.zeros(2, "V3"),
    ],
    ("pandas.Interval", "right"): [-1, "x"],
    ("pandas.IntervalDtype", "subtype"): [np.dtype("O"), 5],
    ("pandas.MultiIndex", "codes"): [
        [CODES + 1, CODES * 0], [CODES, CODES], [CODES - 2, CODES * 0], [CODES, CODES[:1] * 0], [CODES], [CODES, [0, 0]],
        [CODES, CODES.astype(object)], [CODES, CODES * 0.0],
    ],
    ("pandas.MultiIndex", "levels"): [[], LEVELS[:1], [LEVELS[0], ["a"]], [LEVELS[0], pd.Index([])]],
    ("pandas.MultiIndex", "names"): [[None], [[], {}]],
    ("pandas.MultiIndex", "sortorder"): [3, "x"],
    ("pandas.Period", "freq"): ["nonsense", 3],
    ("pandas.Period", "ordinal"): [2**70, -(2**63), 0.5],
    ("pandas.PeriodDtype", "freq"): [3, "nonsense"],
    ("pandas.RangeIndex", "step"): [0, True, 0.5],
    ("pandas.RangeIndex", "stop"): [2**64, None],
    ("pandas.RangeIndex", "name"): [[]],
    ("pandas.Series", "values"): [np.zeros(3), np.array(["a", "b"]), ZEROS, pd.arrays.NumpyExtensionArray(np.zeros(2)), [1, 2]],
    ("pandas.Series", "index"): [[0, 1], None],
    ("pandas.Series", "name"): [[]],
    ("pandas.Series", "attrs"): [[], None],
    ("pandas.Series", "allows_duplicate_labels"): [1, None],
    ("pandas.StringDtype", "storage"): ["disk", None],
    ("pandas.StringDtype", "na"): ["None", None],
    ("pandas.Timedelta", "unit"): ["Y", None],
    ("pandas.Timestamp", "value"): [2**63, -(2**63), 0.5],
    ("pandas.Timestamp", "unit"): ["D", None],
    ("pandas.Timestamp", "fold"): [2, None],
    ("pandas.arrays.BooleanArray", "mask"): MASKS,
    ("pandas.arrays.BooleanArray", "values"): [*NO_NUMBERS, np.zeros(2)],
    ("pandas.arrays.DatetimeArray", "values"): [np.zeros(1, dtype) for dtype in ("M8[D]", "M8[25s]", "m8[s]", "M8")],
    ("pandas.arrays.FloatingArray", "mask"): MASKS,
    ("pandas.arrays.FloatingArray", "values"): [*NO_NUMBERS, np.zeros(2, int)],
    ("pandas.arrays.IntegerArray", "mask"): MASKS,
    ("pandas.arrays.IntegerArray", "values"): [*NO_NUMBERS, np.zeros(2)],
    ("pandas.arrays.IntervalArray", "left"): [
        pd.Index([0]), pd.Index([5, 6]), pd.Index(["a", "b"]), np.array([0, 1]), pd.Index([0.5, np.nan]),
    ],
    ("pandas.arrays.IntervalArray", "closed"): ["ajar", None],
    ("pandas.arrays.PeriodArray", "ordinals"): [np.arange(2, dtype="i4"), np.zeros(2), np.zeros((1, 2), int), [1]],
    ("pandas.arrays.PeriodArray", "dtype"): [np.dtype("int64"), "period[D]"],
    ("pandas.arrays.SparseArray", "positions"): [
        np.array(positions) for positions in ([0, 4], [-1, 0], [1, 1], [2, 1], [0], [0, 2**40], [0.0, 1.0])
    ],
    ("pandas.arrays.SparseArray", "length"): [3, -1, 2**31, None, 4.0],
    ("pandas.arrays.SparseArray", "kind"): ["hashed", None],
    ("pandas.arrays.SparseArray", "values"): [np.ones(2, int), np.ones(3)],
    ("pandas.arrays.SparseArray", "dtype"): [pd.SparseDtype("int64"), np.dtype("float64")],
    ("pandas.arrays.StringArray", "values"): [np.array([item, None], object)[:1] for item in (1, b"a", ["a"])],
    ("pandas.arrays.StringArray", "dtype"): [None, pd.Int8Dtype()],
    ("pandas._libs.tslibs.offsets.Day", "n"): ["x", None],
    ("pandas._libs.tslibs.offsets.Week", "weekday"): [9, "x"],
}  # fmt: skip

if ARROW:
    GENUINE |= {
        "pandas.ArrowDtype": {"type": "int64"},
        "pandas.arrays.ArrowExtensionArray": {"type": "int64", "values": np.arange(2), "mask": None},
        "pandas.arrays.ArrowStringArray": {
            "dtype": pd.StringDtype("pyarrow"), "type": "large_string", "offsets": np.array([0, 1, 2]),
            "text": np.array([97, 98], "u1"), "mask": None,
        },
    }  # fmt: skip
    ALTERED |= {
        ("pandas.ArrowDtype", "type"): ["list<int64>", "timestamp[ns, tz=../x y]", None, "extension", "int65"],
        ("pandas.arrays.ArrowExtensionArray", "type"): ["int32", "double", "bool", "string", "null", None],
        ("pandas.arrays.ArrowExtensionArray", "values"): [*NO_NUMBERS, np.zeros(2), np.arange(2, dtype="i4")],
        ("pandas.arrays.ArrowExtensionArray", "mask"): [MASKS[0], MASKS[1], MASKS[3]],
        ("pandas.arrays.ArrowStringArray", "offsets"): [
            *(np.array(offsets) for offsets in ([0, 9, 2], [0, 1, 3], [1, 1, 2], [0, 1], [0.0, 1.0, 2.0])),
            np.zeros(0, int), None,
        ],
        ("pandas.arrays.ArrowStringArray", "text"): [np.array([97, 255], "u1"), np.array([97, 98]), np.array([97], "u1"), "ab"],
        ("pandas.arrays.ArrowStringArray", "mask"): [MASKS[0], MASKS[1], MASKS[3]],
        ("pandas.arrays.ArrowStringArray", "type"): ["int64", "binary", "string_view", None],
        ("pandas.arrays.ArrowStringArray", "dtype"): [None, pd.StringDtype("python")],
    }  # fmt: skip

ONE_BY_ONE = [(name, field, value) for (name, field), values in ALTERED.items() for value in values]


@pytest.mark.parametrize("name", GENUINE)
def test_the_genuine_fields_of_the_altered_ones_are_accepted(name: str) -> None:
    built = record(name).build(dict(GENUINE[name]))
    assert type(built).__name__ == name.rpartition(".")[2]


@pytest.mark.parametrize(
    ("name", "field", "value"), ONE_BY_ONE, ids=[f"{name}-{field}-{i}" for i, (name, field, _) in enumerate(ONE_BY_ONE)]
)
def test_fields_that_no_genuine_object_has_are_refused(name: str, field: str, value: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InvalidState):
            record(name).build({**GENUINE[name], field: value})


def test_columns_of_unequal_length_are_not_padded() -> None:
    with pytest.raises(InvalidState, match="rows"):
        record("pandas.DataFrame").build({**TWICE, "parts": [ZEROS, ZEROS[:1]]})


def test_a_frame_that_forbids_equal_labels_and_has_them_is_refused() -> None:
    with pytest.raises(InvalidState):
        record("pandas.DataFrame").build({**TWICE, "allows_duplicate_labels": False})


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_type_without_its_fields_is_refused_or_has_none(name: str) -> None:
    try:
        built = record(name).build({})
    except (InvalidState, VersionMismatch, LibraryMissing):
        return
    # Every parameter of an offset has a default.
    assert isinstance(built, pd.offsets.BaseOffset) or record(name).dump(built) == {}


def test_a_calendar_object_is_not_taken_from_a_file() -> None:
    class Calendar:
        def holidays(self) -> None:
            pytest.fail("pandas was let call a method of an object in the file")

    with pytest.raises(InvalidState):
        record("pandas._libs.tslibs.offsets.CustomBusinessDay").build({"n": 1, "calendar": Calendar()})


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytz", None)
    with pytest.raises(LibraryMissing, match="pip install pytz"):
        record("pandas.DatetimeTZDtype").build({"unit": "ns", "tz": ("pytz", "Europe/Berlin")})
