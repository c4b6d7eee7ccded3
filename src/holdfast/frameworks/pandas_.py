"""pandas: series, frames and every kind of index.

What they are made of is in ``pandas_values.py`` (arrays and dtypes), ``pandas_arrow.py`` and ``pandas_scalars.py``.

The one rule: what is built goes through pandas' public constructors, and is refused unless it came out in exactly the
class and dtype that the fields announce. Containers that can be written to copy their values, as pandas does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel, quoted
from holdfast.frameworks.adapter import Adapter, Record, type_name
from holdfast.frameworks.pandas_scalars import aware, expect_array, named, numpy_values, pandas, record, zone_fields
from holdfast.frameworks.pandas_values import VALUES


def _refuse_own_attributes(obj: Any) -> None:
    """Refuse what pandas itself forgets when it copies or pickles: attributes that were set on the instance."""
    cls = type(obj)
    for name in vars(obj):
        # Names that the class knows too are accessors (``.str``, ``.dt``) that some versions keep on the instance.
        if name[0] != "_" and name != "sortorder" and not hasattr(cls, name):
            raise UnsupportedModel(
                f"cannot save {type_name(cls)}: it has an attribute {quoted(name)!r} of its own, which pandas does not carry "
                "along; keep it in .attrs or beside the object"
            )


def _values_of(series: Any) -> Any:
    """Return the values of a series or an index: an array of numpy where numpy has the dtype, else the extension array."""
    return numpy_values(series.to_numpy()) if isinstance(series.dtype, np.dtype) else series.array


def _is_extension(values: Any) -> bool:
    return isinstance(values, pandas().api.extensions.ExtensionArray)


def _check_values(what: str, values: Any, dims: int) -> None:
    if not (isinstance(values, np.ndarray) and values.ndim == dims) and not _is_extension(values):
        raise InvalidState(f"pandas {what}: values are neither a {dims}-dimensional array nor an array of pandas")


def _check_made(what: str, made: Any, cls: Any, dtype: Any) -> Any:
    if type(made) is not cls or type(made.dtype) is not type(dtype) or made.dtype != dtype:
        raise InvalidState(f"pandas {what}: values of dtype {quoted(dtype)} cannot be in it")
    return made


# -- series and frames -------------------------------------------------------------------------------------------------


def _dump_series(series: Any) -> dict[str, Any]:
    _refuse_own_attributes(series)
    return {"values": _values_of(series), "index": series.index, "name": series.name, **_notes(series)}


def _notes(obj: Any) -> dict[str, Any]:
    return {"attrs": obj.attrs, "allows_duplicate_labels": obj.flags.allows_duplicate_labels}


def _set_notes(made: Any, f: dict[str, Any]) -> Any:
    if type(f["attrs"]) is not dict or type(f["allows_duplicate_labels"]) is not bool:
        raise InvalidState(f"pandas {type(made).__name__}: attrs is not a dict, or allows_duplicate_labels is not a bool")
    made.attrs = f["attrs"]
    if not f["allows_duplicate_labels"]:
        made.flags.allows_duplicate_labels = False
    return made


def _index_of_length(what: str, index: Any, length: int) -> Any:
    if not isinstance(index, pandas().Index) or len(index) != length:
        raise InvalidState(f"pandas {what}: its index is not an Index of {length} entries")
    return index


def _build_series(f: dict[str, Any]) -> Any:
    pd, values = pandas(), f["values"]
    _check_values("Series", values, 1)
    index = _index_of_length("Series", f["index"], len(values))
    # The dtype is given, so that objects stay objects; the copy breaks ties that copy-on-write had kept safe.
    made = pd.Series(values.copy(), index=index, dtype=values.dtype, name=f["name"], copy=False)
    return _set_notes(_check_made("Series", made, pd.Series, values.dtype), f)


def _dump_frame(frame: Any) -> dict[str, Any]:
    _refuse_own_attributes(frame)
    return {"parts": _parts(frame), "columns": frame.columns, "index": frame.index, **_notes(frame)}


def _parts(frame: Any) -> list[Any]:
    """Return the columns from left to right: neighbours of one numpy dtype as one 2-d array, others one by one."""
    pd = pandas()
    dtypes = frame.dtypes.tolist()
    bare = pd.DataFrame(frame)  # shares the values; slicing the frame itself would deep-copy its attrs each time
    parts: list[Any] = []
    start = 0
    while start < len(dtypes):
        dtype, stop = dtypes[start], start + 1
        if not isinstance(dtype, np.dtype):
            parts.append(bare.iloc[:, start].array)
        else:
            while stop < len(dtypes) and isinstance(dtypes[stop], np.dtype) and dtypes[stop] == dtype:
                stop += 1
            part = numpy_values((bare if stop - start == len(dtypes) else bare.iloc[:, start:stop]).to_numpy())
            # An object array is filled before a record that holds it directly, and not when a list is in between.
            parts.append(pd.arrays.NumpyExtensionArray(part) if dtype.kind == "O" else part)
        start = stop
    return parts


def _build_frame(f: dict[str, Any]) -> Any:
    pd, columns, index = pandas(), f["columns"], f["index"]
    frames, width = [], 0
    for part in f["parts"]:
        if type(part) is pd.arrays.NumpyExtensionArray:
            part = part.to_numpy()
        _check_values("DataFrame", part, 2)
        if len(part) != len(index):
            raise InvalidState(f"pandas DataFrame: a part has {len(part)} rows, the index has {len(index)}")
        if isinstance(part, np.ndarray):
            # Order is kept, for the last bit of a sum over a column depends on how the block lies in memory.
            made = pd.DataFrame(np.array(part, order="K"), dtype=part.dtype, copy=False)
        else:
            made = pd.DataFrame({0: part.copy()}, copy=False)
        if made.shape[1] and (type(made.dtypes.iloc[0]) is not type(part.dtype) or made.dtypes.iloc[0] != part.dtype):
            raise InvalidState(f"pandas DataFrame: a column cannot have dtype {quoted(part.dtype)}")
        width += made.shape[1]
        frames.append(made)
    _index_of_length("DataFrame's columns", columns, width)
    _index_of_length("DataFrame", index, len(index))
    if not frames:
        return _set_notes(pd.DataFrame(index=index, columns=columns), f)
    made = frames[0] if len(frames) == 1 else _beside(frames)
    made.columns, made.index = columns, index
    return _set_notes(made, f)


def _beside(frames: list[Any]) -> Any:
    pd = pandas()
    # pandas 3 never copies here, and warns about being told so.
    options = {"copy": False} if pd.__version__.startswith("2.") else {}
    return pd.concat(frames, axis=1, ignore_index=True, **options)


# -- indexes -----------------------------------------------------------------------------------------------------------


def _dump_index(index: Any) -> dict[str, Any]:
    _refuse_own_attributes(index)
    return {"values": _values_of(index), "name": index.name}


def _index(kind: str) -> Record:
    def build(f: dict[str, Any]) -> Any:
        pd, values = pandas(), f["values"]
        cls = getattr(pd, kind)
        _check_values(kind, values, 1)
        if kind == "Index":
            made = pd.Index(values, dtype=values.dtype, name=f["name"], copy=False, tupleize_cols=False)
        else:
            made = cls(values, name=f["name"], copy=False)
        return _check_made(kind, made, cls, values.dtype)

    return record(_dump_index, build)


def _dump_range(index: Any) -> dict[str, Any]:
    _refuse_own_attributes(index)
    return {"start": index.start, "stop": index.stop, "step": index.step, "name": index.name}


def _build_range(f: dict[str, Any]) -> Any:
    bounds = (f["start"], f["stop"], f["step"])
    if any(type(n) is not int or not -(2**63) <= n < 2**63 for n in bounds):
        raise InvalidState("pandas RangeIndex: start, stop and step are not 64-bit integers")
    return pandas().RangeIndex(*bounds, name=f["name"])


def _dump_times(index: Any) -> dict[str, Any]:
    _refuse_own_attributes(index)
    zone = zone_fields(index.tz, type(index)) if hasattr(index, "tz") else {}
    values = numpy_values(index.asi8).view(f"{'M' if zone else 'm'}8[{index.unit}]")
    return {"values": values, **zone, "freq": index.freq, "name": index.name}


def _times(kind: str) -> Record:
    def dump(index: Any) -> dict[str, Any]:
        fields = _dump_times(index)
        if index.freq is not None:
            try:
                build(fields)
            except ValueError as error:
                # pandas keeps a freq through some operations after which it no longer holds, and then takes it from nobody.
                raise UnsupportedModel(
                    f"cannot save {type_name(type(index))} with a freq of {quoted(index.freq)} that its values do not have; "
                    "set .freq = None first"
                ) from error
        return fields

    def build(f: dict[str, Any]) -> Any:
        pd = pandas()
        cls = getattr(pd, kind)
        values = expect_array(kind, f["values"], "M" if kind == "DatetimeIndex" else "m")
        made = _check_made(kind, cls(values, name=f["name"], copy=False), cls, values.dtype)
        made = aware(made, f) if kind == "DatetimeIndex" else made
        if f["freq"] is not None:
            if not isinstance(f["freq"], pd.offsets.BaseOffset):
                raise InvalidState(f"pandas {kind}: freq is not an offset")
            made.freq = f["freq"]  # pandas compares it with the values
        return made

    return record(dump, build)


def _dump_multi(index: Any) -> dict[str, Any]:
    _refuse_own_attributes(index)
    return {
        "levels": list(index.levels),
        "codes": [np.asarray(codes) for codes in index.codes],
        "names": list(index.names),
        "sortorder": index.sortorder,
    }


def _build_multi(f: dict[str, Any]) -> Any:
    pd, levels, names, sortorder = pandas(), list(f["levels"]), list(f["names"]), f["sortorder"]
    codes = [expect_array("MultiIndex", part, "i").copy() for part in f["codes"]]
    if not levels or not len(levels) == len(codes) == len(names):
        raise InvalidState("pandas MultiIndex: levels, codes and names are not equally many")
    if len(set(map(len, codes))) != 1:
        raise InvalidState("pandas MultiIndex: codes of unequal length")
    for level, part in zip(levels, codes, strict=True):
        if not isinstance(level, pd.Index) or isinstance(level, pd.MultiIndex):
            raise InvalidState("pandas MultiIndex: a level is not an Index")
        if part.size and not -1 <= part.min() <= part.max() < len(level):
            raise InvalidState(f"pandas MultiIndex: codes outside -1..{len(level) - 1}")
    # pandas' own check would also rewrite codes of missing values, so it is asked only about a claim it alone can judge.
    if sortorder is not None:
        pd.MultiIndex(levels=levels, codes=codes, sortorder=sortorder, names=names)
    return pd.MultiIndex(levels=levels, codes=codes, sortorder=sortorder, names=names, verify_integrity=False)


def _dump_frozen_list(names: Any) -> dict[str, Any]:
    return {"items": list(names)}


def _build_frozen_list(f: dict[str, Any]) -> Any:
    return type(pandas().MultiIndex.from_arrays([[]]).names)(f["items"])


ADAPTERS: dict[str, Adapter] = {
    **VALUES,
    **named(
        {
            ("pandas.Series", "pandas.core.series"): record(_dump_series, _build_series),
            ("pandas.DataFrame", "pandas.core.frame"): record(_dump_frame, _build_frame),
            ("pandas.Index", "pandas.core.indexes.base"): _index("Index"),
            ("pandas.CategoricalIndex", "pandas.core.indexes.category"): _index("CategoricalIndex"),
            ("pandas.IntervalIndex", "pandas.core.indexes.interval"): _index("IntervalIndex"),
            ("pandas.PeriodIndex", "pandas.core.indexes.period"): _index("PeriodIndex"),
            ("pandas.RangeIndex", "pandas.core.indexes.range"): record(_dump_range, _build_range),
            ("pandas.DatetimeIndex", "pandas.core.indexes.datetimes"): _times("DatetimeIndex"),
            ("pandas.TimedeltaIndex", "pandas.core.indexes.timedeltas"): _times("TimedeltaIndex"),
            ("pandas.MultiIndex", "pandas.core.indexes.multi"): record(_dump_multi, _build_multi),
            ("pandas.api.typing.FrozenList", "pandas.core.indexes.frozen"): record(_dump_frozen_list, _build_frozen_list),
        }
    ),
}
