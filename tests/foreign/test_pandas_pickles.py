"""What pandas pickles next to a model: the same tree as that of the unpickled object, at every protocol, and forged states refused."""

from __future__ import annotations

import io
import pickle
import random
import time
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import holdfast
from holdfast.errors import FormatError, HoldfastError, LimitExceeded
from tests.foreign import pickles
from tests.foreign.samples import dumped

pd = pytest.importorskip("pandas")
pytestmark = pytest.mark.filterwarnings("ignore")


def scalars() -> dict[str, Any]:
    berlin = [pd.Timestamp(f"2024-10-27 0{hour}:30", tz="UTC").tz_convert("Europe/Berlin") for hour in (0, 1)]
    periods = [pd.Period("2024-01-01", freq=freq) for freq in ("D", "h", "s", "ns", "B", "M", "W-MON", "Q-MAR", "Y-JUN", "3D", "2Q-FEB")]
    stamps = [pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-01", tz="UTC"), pd.Timestamp("1890-01-01").as_unit("s"), pd.Timestamp("2024-05-01 10:00:00.000000001"), *berlin]
    return {
        "stamps": stamps, "deltas": [pd.Timedelta("1D"), pd.Timedelta(1, "ns"), pd.Timedelta("-3s").as_unit("ms")], "missing": [pd.NaT, pd.NA, pd.NA], "periods": periods,
        "intervals": [pd.Interval(0, 1), pd.Interval(pd.Timestamp("2024"), pd.Timestamp("2025"), closed="both")],
    }  # fmt: skip


def offsets() -> dict[str, Any]:
    o = pd.offsets
    made = [
        o.Day(2), o.Hour(), o.Nano(3), o.MonthEnd(), o.BusinessMonthBegin(2), o.QuarterEnd(startingMonth=2), o.YearEnd(month=6), o.Week(weekday=1), o.WeekOfMonth(week=1, weekday=2), o.LastWeekOfMonth(weekday=3),
        o.SemiMonthEnd(), o.BusinessDay(), o.BusinessHour(start="08:00"), o.CustomBusinessDay(holidays=["2024-01-01"]), o.CustomBusinessHour(start="08:00"), o.Easter(), o.FY5253(weekday=4, startingMonth=2),
        o.FY5253Quarter(weekday=4, startingMonth=2, qtr_with_extra_week=1), pd.DateOffset(months=1, days=2),
    ]  # fmt: skip
    return {type(one).__name__: one for one in made}


def indexes() -> dict[str, Any]:
    return {
        "range": pd.RangeIndex(1, 9, 2, name="r"), "numbers": pd.Index([1, 2]), "objects": pd.Index([1, "a"], dtype=object, name=("a", 1)), "text": pd.Index(["a", "b"]), "times": pd.date_range("2024", periods=3),
        "zone": pd.date_range("2024", periods=2, tz="Europe/Berlin"), "spans": pd.timedelta_range("1D", periods=2), "periods": pd.period_range("2024", periods=2, freq="M"),
        "multi": pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["x", None]), "categories": pd.CategoricalIndex(["a", "b", "a"]), "intervals": pd.IntervalIndex.from_breaks([0, 1, 2]),
        "bare": pd.DatetimeIndex(["2024-01-01", "2024-01-05"]), "names": pd.MultiIndex.from_tuples([(1, 2)]).names,
    }  # fmt: skip


def arrays() -> dict[str, Any]:
    return {
        "integers": pd.array([1, None], dtype="Int64"), "small": pd.array([1, 2], dtype="UInt8"), "floats": pd.array([1.5, None], dtype="Float32"), "truths": pd.array([True, None], dtype="boolean"),
        "categories": pd.Categorical(["b", None, "a"], ordered=True), "sparse": pd.arrays.SparseArray([0, 0, 1]), "blocks": pd.arrays.SparseArray([0, 0, 1, 1, 0, 3], kind="block"),
        "python": pd.array(["a", None], dtype="string[python]"), "times": pd.array(pd.to_datetime(["2024", None])), "spans": pd.array(pd.to_timedelta(["1D"])), "wrapped": pd.arrays.NumpyExtensionArray(np.arange(2)),
        "intervals": pd.arrays.IntervalArray.from_breaks([0, 1, 2]), "periods": pd.array(pd.period_range("2024", periods=2, freq="Q")), "dtypes": [
            pd.CategoricalDtype(), pd.CategoricalDtype(["a", "b"], ordered=True), pd.DatetimeTZDtype("ns", "UTC"), pd.PeriodDtype("M"), pd.IntervalDtype("int64", "left"), pd.SparseDtype("int64"), pd.StringDtype("python"),
            pd.Int64Dtype(), pd.Float64Dtype(), pd.BooleanDtype(),
        ],
    }  # fmt: skip


def texts() -> dict[str, Any]:
    pytest.importorskip("pyarrow")
    return {
        "text": pd.array(["a", None, "ccc"] * 5, dtype="str"), "slice": pd.array(["a", None, "ccc"] * 5, dtype="string[pyarrow]")[2:9], "whole": pd.array([1, None], dtype="int64[pyarrow]"),
        "truths": pd.array([True, None, False] * 9, dtype="bool[pyarrow]")[5:20], "zone": pd.array(pd.date_range("2024", periods=2, tz="UTC")).astype("timestamp[us, tz=UTC][pyarrow]"), "type": pd.ArrowDtype(__import__("pyarrow").int64()),
        "nothing": pd.array([], dtype="str"),
    }  # fmt: skip


def frames() -> dict[str, Any]:
    noted = pd.Series([1]).set_flags(allows_duplicate_labels=False)
    noted.attrs["unit"] = ["m"]
    loose = pd.DataFrame({"a": [1.0, 2.0]})
    loose["z"] = [1.0, 3.0]
    loose["q"] = [5.0, 6.0]
    mixed = {"a": [1.0, 2.0], "b": pd.Categorical(["x", "y"]), "c": [1, 2], "d": [3.0, 4.0], "e": [True, False], "o": np.array([1, "a"], object), "s": ["x", "y"], "t": pd.to_timedelta(["1D", "2D"])}
    zoned = {"a": pd.date_range("2024", periods=3, tz="UTC"), "b": pd.date_range("2025", periods=3, tz="UTC"), "c": pd.date_range("2025", periods=3)}
    return {
        "series": pd.Series([1.0, 2.0], name="n"), "times": pd.Series(pd.date_range("2024", periods=2)), "zone": pd.Series(pd.date_range("2024", periods=2, tz="Europe/Berlin")), "noted": noted, "loose": loose,
        "mixed": pd.DataFrame(mixed), "zoned": pd.DataFrame(zoned), "wide": pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"), index=pd.date_range("2024", periods=4)),
        "reordered": pd.DataFrame({"a": [1.0, 2.0], "x": [1, 2], "b": [3.0, 4.0]})[["b", "x", "a"]], "empty": pd.DataFrame(), "rows": pd.DataFrame(index=[1, 2]), "periods": pd.DataFrame({"p": pd.period_range("2024", periods=2, freq="M")}),
    }  # fmt: skip


KINDS = [scalars, offsets, indexes, arrays, texts, frames]


def content(value: Any) -> str:
    return holdfast.inspect(holdfast.dumps(value)).content


@pytest.mark.parametrize("make", KINDS)
def test_the_tree_is_that_of_the_unpickled_object_at_every_protocol(make: Any) -> None:
    for name, value in make().items():
        whole = {"model": value}
        expected = content(pickle.loads(pickle.dumps(whole, 4)))  # an unpickled protocol 5 has arrays that are read-only where the others are not
        for protocol in range(6):
            assert content(holdfast.loads(pickle.dumps(whole, protocol))) == expected, f"{name} at protocol {protocol}"


@pytest.mark.parametrize("make", KINDS)
def test_joblib_and_dill_write_the_same(make: Any) -> None:
    dill = pytest.importorskip("dill")
    value = make()
    for data in (dumped(joblib.dump, value), dumped(joblib.dump, value, compress=3), dill.dumps(value, 4), dill.dumps(value, 0)):
        own = dill.loads(data) if data[:1] in b"\x80(" and b"dill" in data else joblib.load(io.BytesIO(data))
        assert content(holdfast.loads(data)) == content(own)


def test_a_frame_next_to_a_model_is_equal() -> None:
    for name, frame in frames().items():
        back = holdfast.loads(pickle.dumps([frame]))[0]
        (pd.testing.assert_series_equal if isinstance(frame, pd.Series) else pd.testing.assert_frame_equal)(back, frame)
        assert back.attrs == frame.attrs, name


def test_what_a_file_names_of_pandas_is_known() -> None:
    for make in KINDS:
        verdicts = {one.name: one.verdict for one in holdfast.inspect(pickle.dumps(make())).names}
        assert {name for name, verdict in verdicts.items() if verdict != "known" and name.startswith(("pandas", "pyarrow"))} == set()


def block(values: bytes, place: bytes) -> bytes:
    return pickles.call("pandas._libs.internals._unpickle_block", values, place, b"K\x02")


def frame(*blocks: bytes, columns: bytes = b"N", index: bytes = b"N") -> bytes:
    manager = pickles.call("pandas.core.internals.managers.BlockManager", b"(" + b"".join(blocks) + b"t", b"](" + columns + index + b"e")
    return pickles.pickled(pickles.name("pandas.DataFrame") + b")\x81}(" + pickles.text("_mgr") + manager + b"ub")


def array(shape: bytes, kind: str, raw: bytes) -> bytes:
    return pickles.call("numpy._core.multiarray._reconstruct", pickles.name("numpy.ndarray"), b"K\x00\x85", b"C\x01b") + b"(K\x01" + shape + pickles.dtype(kind) + b"\x89" + pickles.content(raw) + b"tb"


def span(start: int, stop: int, step: int = 1) -> bytes:
    return pickles.call("builtins.slice", *map(pickles.number, (start, stop, step)))


def index(length: int) -> bytes:
    given = b"}(" + b"".join(pickles.text(key) + value for key, value in {"name": b"N", "start": b"K\x00", "stop": pickles.number(length), "step": b"K\x01"}.items()) + b"u"
    return pickles.call("pandas.core.indexes.base._new_Index", pickles.name("pandas.RangeIndex"), given)


COLUMN = array(b"K\x01K\x02\x86", "f8", bytes(16))
FORGED = {
    "none": frame(), "no column": frame(block(COLUMN, span(1, 2)), columns=index(1), index=index(2)), "two": frame(block(COLUMN, span(0, 1)), block(COLUMN, span(0, 1)), columns=index(1), index=index(2)),
    "negative": frame(block(COLUMN, span(-1, 0)), columns=index(1), index=index(2)), "no step": frame(block(COLUMN, span(0, 1, 0)), columns=index(1), index=index(2)), "rows": frame(block(COLUMN, span(0, 1)), columns=index(1), index=index(3)),
    "columns": frame(block(COLUMN, span(0, 1)), columns=index(2), index=index(2)), "more": frame(block(COLUMN, span(0, 2)), columns=index(2), index=index(2)), "text": frame(block(pickles.text("a"), span(0, 1)), columns=index(1), index=index(2)),
    "flat": frame(block(array(b"K\x02\x85", "f8", bytes(16)), span(0, 2)), columns=index(2), index=index(1)), "huge": frame(block(COLUMN, span(0, 1)), columns=index(1), index=index(2**70)),
    "period": pickles.pickled(pickles.call("pandas.Period", b"N", pickles.text("nothing"), b"K\x01")), "stamp": pickles.pickled(pickles.call("pandas._libs.tslibs.timestamps._unpickle_timestamp", pickles.text("a"), b"N", b"N", b"K\x09")),
    "unit": pickles.pickled(pickles.call("pandas._libs.tslibs.timestamps._unpickle_timestamp", b"K\x01", b"N", b"N", b"K\x01")), "delta": pickles.pickled(pickles.call("pandas._libs.tslibs.timedeltas._timedelta_unpickle", b"N", b"K\x09")),
    "zone": pickles.pickled(pickles.call("pandas._libs.tslibs.timestamps._unpickle_timestamp", b"K\x01", b"N", pickles.call("acme.Zone"), b"K\x09")), "block": pickles.pickled(block(COLUMN, span(0, 1))),
    "buffer": pickles.pickled(pickles.call("pyarrow.lib.py_buffer", b"C\x01a")), "relative": pickles.pickled(pickles.name("dateutil.relativedelta.relativedelta") + b")\x81"), "pytz": pickles.pickled(pickles.call("pytz._UTC")),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_state_is_refused(name: str) -> None:
    with pytest.raises(HoldfastError):
        holdfast.loads(FORGED[name])


def arrow(length: int, start: int, *buffers: bytes | None, kind: str = "large_string") -> bytes:
    made = b"](" + b"".join(b"N" if one is None else pickles.call("pyarrow.lib.py_buffer", pickles.content(one)) for one in buffers) + b"e"
    restored = pickles.call("pyarrow.lib._restore_array", b"(" + pickles.call("pyarrow.lib.type_for_alias", pickles.text(kind)) + pickles.number(length) + b"K\x00" + pickles.number(start) + made + b"]Nt")
    dtype = pickles.call("pandas.StringDtype", pickles.text("pyarrow"), b"G\x7f\xf8" + bytes(6))
    return pickles.pickled(pickles.name("pandas.arrays.ArrowStringArray") + b")\x81}(" + pickles.text("_pa_array") + restored + pickles.text("_dtype") + dtype + b"ub")


def ends(*numbers: int) -> bytes:
    return np.array(numbers, "i8").tobytes()


def test_arrows_buffers_are_not_read_beyond_their_ends() -> None:
    pytest.importorskip("pyarrow")
    assert list(holdfast.loads(arrow(2, 0, None, ends(0, 1, 3), b"abc"))) == ["a", "bc"]
    assert list(holdfast.loads(arrow(1, 1, None, ends(0, 1, 3), b"abc"))) == ["bc"]
    assert list(holdfast.loads(arrow(2, 0, b"\x02", ends(0, 1, 3), b"abc")).isna()) == [True, False]
    wrong = [
        arrow(3, 0, None, ends(0, 1, 3), b"abc"), arrow(2, 1, None, ends(0, 1, 3), b"abc"), arrow(2, 0, None, ends(0, 1, 9), b"abc"), arrow(2, 0, None, ends(0, 2, 1), b"abc"), arrow(2, 0, None, ends(-1, 1, 3), b"abc"),
        arrow(2, 0, b"", ends(0, 1, 3), b"abc"), arrow(2, 0, None, None, b"abc"), arrow(2, 0, None, ends(0, 1, 3), None), arrow(-1, 0, None, ends(0), b""), arrow(2**60, 0, None, ends(0), b""), arrow(2, 0), arrow(1, 0, None, ends(0, 1), b"\xff"),
        arrow(2, 0, None, ends(0, 1, 3), b"abc", kind="nothing"), arrow(2, 0, None, ends(0, 1, 3), b"abc", kind="int8"),
    ]  # fmt: skip
    for data in wrong:
        with pytest.raises(HoldfastError):
            holdfast.loads(data)


def test_columns_without_rows_cost_no_more_than_their_file_pays_for() -> None:
    start = time.perf_counter()
    for number in (10**9, 2**61):
        empty = array(b"(" + pickles.number(number) + b"K\x00t", "f8", b"")
        with pytest.raises((LimitExceeded, FormatError)):
            holdfast.loads(frame(block(empty, span(0, number)), columns=index(number), index=index(0)))
    assert time.perf_counter() - start < 3


def test_one_array_in_many_blocks_is_paid_for() -> None:
    part = array(b"(" + pickles.number(1) + pickles.number(200_000) + b"t", "f8", bytes(1_600_000))
    blocks = [pickles.put(7)[:-1] if not number else b"" for number in range(200)]
    many = [block((part + blocks[0]) if not number else pickles.get(7), span(number, number + 1)) for number in range(200)]
    with pytest.raises(LimitExceeded, match="COPIES_PER_BYTE"):
        holdfast.loads(frame(*many, columns=index(200), index=index(200_000)))


def test_damage_is_refused_or_harmless() -> None:
    rng = random.Random(7)
    files = [pickle.dumps(make(), protocol) for make in KINDS for protocol in (2, 4)]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while time.perf_counter() - start < 3:
            data = bytearray(rng.choice(files))
            for _ in range(rng.choice((1, 2))):
                data[rng.randrange(len(data))] = rng.choice((0, 1, 127, 255, rng.randrange(256)))
            try:
                holdfast.loads(bytes(data))
            except HoldfastError as error:
                assert len(str(error)) > 10


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_what_pandas_2_pickled_is_equal(protocol: int) -> None:
    """Files of pandas 2.2.3, which ``old/write_pandas.py`` wrote there; pandas of today unpickles them, and so says what they hold."""
    raw = (Path(__file__).parent / "old" / f"pandas2.{protocol}.pkl").read_bytes()
    found, expected = holdfast.loads(raw), pickle.loads(raw)
    assert list(found) == list(expected)
    for name, value in expected.items():
        if isinstance(value, pd.DataFrame | pd.Series):
            (pd.testing.assert_series_equal if isinstance(value, pd.Series) else pd.testing.assert_frame_equal)(found[name], value)
        elif isinstance(value, pd.Index):
            pd.testing.assert_index_equal(found[name], value)
        else:
            assert all(one is two or one == two for one, two in zip(found[name], value, strict=True)) if isinstance(value, list) else found[name] == value, name


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_the_missing_time_of_pandas_2_which_pandas_3_does_not_unpickle(protocol: int) -> None:
    raw = (Path(__file__).parent / "old" / f"pandas2_nat.{protocol}.pkl").read_bytes()
    (found,) = holdfast.loads(raw)
    assert found is pd.NaT
