"""What series and indexes of pandas are made of: dtypes and extension arrays.

The one rule: numbers that C code will trust (codes, masks, positions) are copied and checked before pandas sees them;
everything else goes through public constructors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import InvalidState, VersionMismatch
from holdfast.frameworks.adapter import Adapter, Record
from holdfast.frameworks.pandas_arrow import ARROW
from holdfast.frameworks.pandas_scalars import (
    SCALARS,
    UNITS,
    aware,
    expect_array,
    fields_of,
    named,
    numpy_values,
    pandas,
    record,
    zone,
    zone_fields,
)

# -- dtypes ------------------------------------------------------------------------------------------------------------


def _dump_string_dtype(dtype: Any) -> dict[str, Any]:
    # pandas 2.1 and 2.2 know the NaN flavour as a storage of its own.
    nan = dtype.na_value is not pandas().NA
    return {"storage": dtype.storage.removesuffix("_numpy"), "na": "NaN" if nan else "NA"}


def _build_string_dtype(f: dict[str, Any]) -> Any:
    pd = pandas()
    if f["storage"] not in ("python", "pyarrow") or f["na"] not in ("NA", "NaN"):
        raise InvalidState("pandas StringDtype: unknown storage or missing value")
    if f["na"] == "NA":
        return pd.StringDtype(f["storage"])
    try:
        return pd.StringDtype(f["storage"], na_value=np.nan)
    except TypeError:
        if f["storage"] == "python":
            raise VersionMismatch(f"pandas {pd.__version__} has no text with NaN in Python's storage: pip install -U pandas") from None
        return pd.StringDtype("pyarrow_numpy")


def _dump_period_dtype(dtype: Any) -> dict[str, Any]:
    return {"freq": dtype.name.removeprefix("period[").removesuffix("]")}


def _build_interval_dtype(f: dict[str, Any]) -> Any:
    pd = pandas()
    return pd.IntervalDtype() if f["subtype"] is None else pd.IntervalDtype(_no_text("IntervalDtype", f["subtype"]), f["closed"])


def _no_text(what: str, dtype: Any) -> Any:
    """Return a dtype that is one, and no text that numpy would read as one: it ends the process over some."""
    if not isinstance(dtype, np.dtype | pandas().api.extensions.ExtensionDtype):
        raise InvalidState(f"pandas {what}: the dtype in it is none")
    return dtype


def _dump_ea_dtype(dtype: Any) -> dict[str, Any]:
    return {"dtype": dtype.numpy_dtype}


def _build_ea_dtype(f: dict[str, Any]) -> Any:
    return pandas().arrays.NumpyExtensionArray(np.empty(0, _no_text("NumpyEADtype", f["dtype"]))).dtype


def _expect_dtype(what: str, dtype: Any, kind: str) -> Any:
    if type(dtype) is not getattr(pandas(), kind):
        raise InvalidState(f"pandas {what}: dtype is not a {kind}")
    return dtype


# -- arrays ------------------------------------------------------------------------------------------------------------


def _dump_categorical(values: Any) -> dict[str, Any]:
    return {"codes": numpy_values(np.asarray(values.codes)), "dtype": values.dtype}


def _build_categorical(f: dict[str, Any]) -> Any:
    dtype = _expect_dtype("Categorical", f["dtype"], "CategoricalDtype")
    codes = expect_array("Categorical", f["codes"], "i").copy()
    if dtype.categories is None:
        raise InvalidState("pandas Categorical: its dtype has no categories")
    if codes.size and not -1 <= codes.min() <= codes.max() < len(dtype.categories):
        raise InvalidState(f"pandas Categorical: codes outside -1..{len(dtype.categories) - 1}")
    return pandas().Categorical.from_codes(codes, dtype=dtype)


def _dump_times(values: Any) -> dict[str, Any]:
    tz = zone_fields(values.tz, type(values)) if hasattr(values, "tz") else {}
    fields = {"values": numpy_values(values.asi8).view(f"{'M' if tz else 'm'}8[{values.unit}]"), **tz}
    # pandas 3 keeps freq on the index alone.
    return fields if getattr(values, "freq", None) is None else {**fields, "freq": values.freq}


def _times(kind: str) -> Record:
    def build(f: dict[str, Any]) -> Any:
        values = expect_array(kind, f["values"], "M" if kind == "DatetimeArray" else "m")
        if np.datetime_data(values.dtype)[0] not in UNITS or np.datetime_data(values.dtype)[1] != 1:
            raise InvalidState(f"pandas {kind}: {values.dtype} counts neither s, ms, us nor ns")
        made = pandas().array(values, dtype=values.dtype, copy=True)
        made = aware(made, f) if kind == "DatetimeArray" else made
        if f.get("freq") is not None and hasattr(made, "freq"):
            made.freq = f["freq"]
        return made

    return record(_dump_times, build)


def _dump_periods(values: Any) -> dict[str, Any]:
    return {"ordinals": numpy_values(values.asi8), "dtype": values.dtype}


def _build_periods(f: dict[str, Any]) -> Any:
    dtype = _expect_dtype("PeriodArray", f["dtype"], "PeriodDtype")
    ordinals = expect_array("PeriodArray", f["ordinals"], "i")
    if ordinals.dtype != np.int64:
        raise InvalidState("pandas PeriodArray: ordinals are not int64")
    return pandas().arrays.PeriodArray(ordinals.copy(), dtype=dtype)


def _build_intervals(f: dict[str, Any]) -> Any:
    pd, left, right = pandas(), f["left"], f["right"]
    if not isinstance(left, pd.Index) or not isinstance(right, pd.Index) or len(left) != len(right):
        raise InvalidState("pandas IntervalArray: left and right are not indexes of one length")
    if f["closed"] not in ("left", "right", "both", "neither"):
        raise InvalidState("pandas IntervalArray: closed is neither left, right, both nor neither")
    made = pd.arrays.IntervalArray.from_arrays(left, right, closed=f["closed"], copy=True)
    if made.left.dtype != left.dtype or made.right.dtype != right.dtype:
        raise InvalidState(f"pandas IntervalArray: ends of {left.dtype} and {right.dtype} came out as {made.left.dtype}")
    return made


def _dump_masked(values: Any) -> dict[str, Any]:
    data, mask = values._data, values._mask
    if mask.any():
        # What is under the mask is left over from before; a file has no business with it.
        data = np.where(mask, data.dtype.type(0), data)
    return {"values": data, "mask": mask}


def _masked(kind: str, kinds: str) -> Record:
    def build(f: dict[str, Any]) -> Any:
        values, mask = expect_array(kind, f["values"], kinds), expect_array(kind, f["mask"], "b")
        if len(values) != len(mask):
            raise InvalidState(f"pandas {kind}: {len(values)} values with a mask of {len(mask)}")
        return getattr(pandas().arrays, kind)(values.copy(), mask.copy())

    return record(_dump_masked, build)


def _dump_strings(values: Any) -> dict[str, Any]:
    return {"values": values.to_numpy(dtype=object), "dtype": values.dtype}


def _build_strings(f: dict[str, Any]) -> Any:
    pd, values = pandas(), expect_array("StringArray", f["values"], "O")
    dtype = _expect_dtype("StringArray", f["dtype"], "StringDtype")
    if dtype.storage != "python" or pd.api.types.infer_dtype(values, skipna=True) not in ("string", "empty"):
        raise InvalidState("pandas StringArray: its values are not text in Python's storage")
    return pd.array(values, dtype=dtype, copy=True)


def _dump_sparse(values: Any) -> dict[str, Any]:
    return {
        "values": values.sp_values,
        "positions": values.sp_index.to_int_index().indices,
        "length": len(values),
        "kind": values.kind,
        "dtype": values.dtype,
    }


def _build_sparse(f: dict[str, Any]) -> Any:
    pd, values, length = pandas(), f["values"], f["length"]
    dtype = _expect_dtype("SparseArray", f["dtype"], "SparseDtype")
    positions = expect_array("SparseArray", f["positions"], "i").astype(np.int32, casting="safe", copy=True)
    if type(length) is not int or not 0 <= length < 2**31 or f["kind"] not in ("integer", "block"):
        raise InvalidState("pandas SparseArray: bad length or kind")
    if type(values) is not np.ndarray or values.shape != positions.shape or values.dtype != dtype.subtype:
        raise InvalidState("pandas SparseArray: values do not go with positions and dtype")
    if positions.size and (positions[0] < 0 or positions[-1] >= length or (np.diff(positions) <= 0).any()):
        raise InvalidState("pandas SparseArray: positions do not ascend within the length")
    values, cls = values.copy(), pd.arrays.SparseArray
    if hasattr(cls, "from_indices"):
        made = cls.from_indices(values, positions, length, fill_value=dtype.fill_value, kind=f["kind"], dtype=dtype.subtype)
    else:  # before pandas 3.1: the class of the index has no public name, and an empty array has one to lend
        index = type(cls([], dtype="int64").sp_index)(length, positions)
        made = cls(values, sparse_index=index.to_block_index() if f["kind"] == "block" else index, dtype=dtype)
    if made.dtype != dtype:
        raise InvalidState(f"pandas SparseArray: {dtype} cannot be made of these values")
    return made


def _dump_wrapped(values: Any) -> dict[str, Any]:
    return {"values": values.to_numpy()}


def _build_wrapped(f: dict[str, Any]) -> Any:
    if not isinstance(f["values"], np.ndarray):
        raise InvalidState("pandas NumpyExtensionArray: its values are not an array of numpy")
    return pandas().arrays.NumpyExtensionArray(f["values"])


def _masked_dtype(name: str) -> Record:
    return record(lambda dtype: {}, lambda f: getattr(pandas(), name)())


_DTYPES = "pandas.core.dtypes.dtypes"
_ARRAYS = "pandas.core.arrays"

_INTEGER_DTYPES = tuple(f"{sign}Int{bits}Dtype" for sign in ("", "U") for bits in (8, 16, 32, 64))
_STRINGS = record(_dump_strings, _build_strings)

VALUES: dict[str, Adapter] = {
    **SCALARS,
    **ARROW,
    **named(
        {
            ("pandas.CategoricalDtype", _DTYPES): record(
                fields_of("categories", "ordered"), lambda f: pandas().CategoricalDtype(f["categories"], ordered=f["ordered"])
            ),
            ("pandas.DatetimeTZDtype", _DTYPES): record(
                lambda dtype: {"unit": dtype.unit, **zone_fields(dtype.tz, type(dtype))},
                lambda f: pandas().DatetimeTZDtype(f["unit"], zone(f["tz"])),
            ),
            ("pandas.PeriodDtype", _DTYPES): record(_dump_period_dtype, lambda f: pandas().PeriodDtype(f["freq"])),
            ("pandas.IntervalDtype", _DTYPES): record(fields_of("subtype", "closed"), _build_interval_dtype),
            ("pandas.SparseDtype", _DTYPES): record(
                fields_of("subtype", "fill_value"), lambda f: pandas().SparseDtype(_no_text("SparseDtype", f["subtype"]), f["fill_value"])
            ),
            ("pandas.StringDtype", f"{_ARRAYS}.string_"): record(_dump_string_dtype, _build_string_dtype),
            ("pandas.BooleanDtype", f"{_ARRAYS}.boolean"): _masked_dtype("BooleanDtype"),
            **{(f"pandas.{k}", f"{_ARRAYS}.integer"): _masked_dtype(k) for k in _INTEGER_DTYPES},
            **{(f"pandas.{k}", f"{_ARRAYS}.floating"): _masked_dtype(k) for k in ("Float32Dtype", "Float64Dtype")},
            ("pandas.core.dtypes.dtypes.NumpyEADtype", _DTYPES): record(_dump_ea_dtype, _build_ea_dtype),
            ("pandas.Categorical", f"{_ARRAYS}.categorical"): record(_dump_categorical, _build_categorical),
            ("pandas.arrays.DatetimeArray", f"{_ARRAYS}.datetimes"): _times("DatetimeArray"),
            ("pandas.arrays.TimedeltaArray", f"{_ARRAYS}.timedeltas"): _times("TimedeltaArray"),
            ("pandas.arrays.PeriodArray", f"{_ARRAYS}.period"): record(_dump_periods, _build_periods),
            ("pandas.arrays.IntervalArray", f"{_ARRAYS}.interval"): record(fields_of("left", "right", "closed"), _build_intervals),
            ("pandas.arrays.IntegerArray", f"{_ARRAYS}.integer"): _masked("IntegerArray", "iu"),
            ("pandas.arrays.FloatingArray", f"{_ARRAYS}.floating"): _masked("FloatingArray", "f"),
            ("pandas.arrays.BooleanArray", f"{_ARRAYS}.boolean"): _masked("BooleanArray", "b"),
            ("pandas.arrays.StringArray", f"{_ARRAYS}.string_"): _STRINGS,
            ("pandas.core.arrays.string_.StringArrayNumpySemantics", f"{_ARRAYS}.string_"): _STRINGS,
            ("pandas.arrays.SparseArray", f"{_ARRAYS}.sparse.array"): record(_dump_sparse, _build_sparse),
            ("pandas.arrays.NumpyExtensionArray", f"{_ARRAYS}.numpy_"): record(_dump_wrapped, _build_wrapped),
        }
    ),
}
