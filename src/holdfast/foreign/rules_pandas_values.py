"""What pandas' series and indexes are made of, as it is pickled: dtypes and extension arrays.

The one rule: what comes out has exactly the fields of ``frameworks/pandas_values.py`` and ``pandas_arrow.py``, which check them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from holdfast.errors import UnsupportedModel, quoted
from holdfast.foreign.made import NEXT, Made, kind_of
from holdfast.foreign.rules_arrow import arrow_fields, arrow_type
from holdfast.foreign.rules_pandas_scalars import NA, SCALARS, Rule, named_twice, zone_of
from holdfast.foreign.rules_python import as_new
from holdfast.values.outline import Outline, Pairs


def part_only(made: Made) -> Any:
    """Refuse what is pickled as a part of something of pandas', and is nothing by itself."""
    raise UnsupportedModel(f"{quoted(made.name)} is known as a part of a series, an index or a frame of pandas alone; {NEXT}")


def array_of(value: Any) -> Any:
    """Return an array of numpy, finished when it waits for its state."""
    made = value.finish() if type(value) is Made else value
    if not isinstance(made, np.ndarray):
        raise TypeError(f"{kind_of(value)} in place of an array")
    return made


def is_array(value: Any) -> bool:
    """Say whether something is an array of numpy, or the call that would make one."""
    return isinstance(value, np.ndarray) or (type(value) is Made and value.name in _ARRAYS)


# -- dtypes ----------------------------------------------------------------------------------------------------------------


def _fields(**renamed: str) -> Rule:
    """An object of attributes that go by other names in a record."""

    def make(made: Made) -> Any:
        state = made.fields()
        return Outline(made.name, {name: state[attribute] for name, attribute in renamed.items()}, True)

    return make


def _zoned_dtype(made: Made) -> Any:
    state = made.fields()
    return Outline(made.name, {"unit": state["unit"], "tz": zone_of(state["tz"])}, True)


def _period_dtype(made: Made) -> Any:
    made.only()
    (text,) = made.args
    return Outline(made.name, {"freq": text.removeprefix("period[").removesuffix("]")}, True)


def _string_dtype(made: Made) -> Any:
    # before pandas 2.3 there was a state with a storage, and NaN in place of NA was a storage of its own
    storage, *na = made.args if made.args else (made.fields()["storage"],)
    nan = storage.endswith("_numpy") or (bool(na) and type(na[0]) is float)
    if na and type(na[0]) is not float and not (type(na[0]) is Made and na[0].name in NA):
        raise TypeError("its missing value")
    return Outline(made.name, {"storage": storage.removesuffix("_numpy"), "na": "NaN" if nan else "NA"}, True)


# -- arrays ----------------------------------------------------------------------------------------------------------------

_BACKED = "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked"
_TIMES = ("DatetimeArray", "TimedeltaArray")


class Backed(NamedTuple):
    """An extension array over an array of numpy.

    Attributes:
        name: its class.
        dtype: its dtype, which may wait for its state.
        array: the array, likewise.
        more: further attributes.
        bare: whether numpy has its dtype as well: a time or a span of time without a zone.
    """

    name: str
    dtype: Any
    array: Any
    more: dict[str, Any]
    bare: bool


def backed(value: Any) -> Backed | None:
    """Return the parts of an extension array over an array of numpy, or None for anything else."""
    if type(value) is not Made or value.name != _BACKED:
        return None
    name, state = value.args[0].name, value.state()
    if type(state) is Pairs:
        told = state.fields("an array of pandas")
        array = next(told.pop(key) for key in ("_ndarray", "_data", "_codes") if key in told)
        dtype = told.pop("_dtype")
    else:
        one, two, *more = state
        dtype, array = (two, one) if is_array(one) else (one, two)
        told = more[0].fields("an array of pandas") if more else {}
    plain = type(dtype) is Made and dtype.name == "numpy.dtype"
    return Backed(name, dtype, array, told, plain and name.rpartition(".")[2] in _TIMES)


_ARRAYS = ("numpy._core.multiarray._reconstruct", "numpy._core.numeric._frombuffer", "numpy._core._multiarray_umath._reconstruct", "dill._dill._create_array")
"""What makes an array of numpy in a pickle."""


def times(value: Any, row: int | None = None) -> dict[str, Any]:
    """Return the fields of an array of times.

    Args:
        value: the array as it is pickled.
        row: which row of a two-dimensional one, or None.
    """
    held = backed(value)
    if held is None or held.name.rpartition(".")[2] not in _TIMES:
        raise TypeError(f"{kind_of(value)} in place of an array of times")
    array = array_of(held.array)
    fields: dict[str, Any] = {"values": array if row is None else array[row]}
    if held.name.endswith("DatetimeArray"):
        fields["tz"] = None if held.bare else zone_of(as_new(held.dtype).fields()["tz"])
    freq = held.more.get("_freq")
    return fields if freq is None else {**fields, "freq": freq}


def backed_array(made: Made, row: int | None = None) -> Any:
    """Return an extension array over an array of numpy, or over a row of it."""
    held = backed(made)
    assert held is not None
    kind = held.name.rpartition(".")[2]
    if kind in _TIMES:
        return Outline(held.name, times(made, row), True)
    array = array_of(held.array)
    array = array if row is None else array[row]
    if kind == "NumpyExtensionArray":
        return Outline(held.name, {"values": array}, True)
    field = {"Categorical": "codes", "PeriodArray": "ordinals", "StringArray": "values", "StringArrayNumpySemantics": "values"}[kind]
    return Outline(held.name, {field: array, "dtype": held.dtype}, True)


def _ends(value: Any) -> Any:
    """Return the ends of intervals as an index, which the adapter has them in."""
    if backed(value) is not None:
        fields = times(value)
        fields.pop("freq", None)
        return Outline("pandas.DatetimeIndex" if "tz" in fields else "pandas.TimedeltaIndex", {**fields, "freq": None, "name": None}, True)
    return Outline("pandas.Index", {"values": value, "name": None}, True) if is_array(value) else value


def _interval_array(made: Made) -> Any:
    name, (told,) = made.args[0].name, made.state()
    if name not in _INTERVALS:
        raise TypeError("its class")
    state = told.fields("intervals")
    closed = state["_closed"] if "_closed" in state else as_new(state["_dtype"]).fields()["closed"]
    return Outline(name, {"left": _ends(state["_left"]), "right": _ends(state["_right"]), "closed": closed}, True)


_INTERVALS = ("pandas.arrays.IntervalArray", "pandas.core.arrays.interval.IntervalArray")


def _masked(made: Made) -> Any:
    state = made.fields()
    values, mask = array_of(state["_data"]), array_of(state["_mask"])
    if values.dtype.hasobject or mask.dtype != np.bool_ or values.shape != mask.shape:
        raise TypeError("its values or its mask")
    if mask.any():
        made.names.pay(values.nbytes)
        values = np.where(mask, values.dtype.type(0), values)
    return Outline(made.name, {"values": values, "mask": mask}, True)


def _sparse(made: Made) -> Any:
    state = made.fields()
    index, values = state["_sparse_index"], array_of(state["_sparse_values"])
    kind = index.name.rpartition(".")[2]
    if kind == "IntIndex":
        length, positions = index.args
        positions = array_of(positions)
    elif kind == "BlockIndex":
        length, starts, counts = index.args
        starts, counts = array_of(starts).astype(np.int64), array_of(counts).astype(np.int64)
        if starts.shape != counts.shape or starts.ndim != 1 or (counts < 0).any() or counts.sum() != values.size:
            raise ValueError("its blocks")
        made.names.pay(values.size)
        positions = (np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(values.size)).astype(np.int32)
    else:
        raise TypeError("its index")
    fields = {"values": values, "positions": positions, "length": length, "kind": "block" if kind == "BlockIndex" else "integer"}
    return Outline(made.name, {**fields, "dtype": state["_dtype"]}, True)


def _arrow_array(made: Made) -> Any:
    return Outline(made.name, arrow_fields(made.fields()["_pa_array"]), True)


def _arrow_text(made: Made) -> Any:
    state = made.fields()
    return Outline(made.name, {"dtype": state["_dtype"], **arrow_fields(state["_pa_array"])}, True)


_KINDS = ("IntegerArray", "integer"), ("FloatingArray", "floating"), ("BooleanArray", "boolean")
_DTYPES = "pandas.core.dtypes.dtypes"

VALUES: dict[str, Rule] = {
    **SCALARS,
    _BACKED: backed_array,
    "pandas._libs.interval.__pyx_unpickle_IntervalMixin": _interval_array,
    **named_twice({
        ("pandas.api.typing.FrozenList", "pandas.core.indexes.frozen"): lambda made: Outline(made.name, {"items": made.args[0] if made.args else made.items}, True),
        ("pandas.CategoricalDtype", _DTYPES): _fields(categories="categories", ordered="ordered"),
        ("pandas.DatetimeTZDtype", _DTYPES): _zoned_dtype,
        ("pandas.PeriodDtype", _DTYPES): _period_dtype,
        ("pandas.IntervalDtype", _DTYPES): _fields(subtype="subtype", closed="closed"),
        ("pandas.SparseDtype", _DTYPES): _fields(subtype="_dtype", fill_value="_fill_value"),
        ("pandas.StringDtype", "pandas.core.arrays.string_"): _string_dtype,
        ("pandas.core.dtypes.dtypes.NumpyEADtype", _DTYPES): _fields(dtype="_dtype"),
        ("pandas.ArrowDtype", _DTYPES): lambda made: Outline(made.name, {"type": arrow_type(made.fields()["pyarrow_dtype"])}, True),
        ("pandas.BooleanDtype", "pandas.core.arrays.boolean"): lambda made: Outline(made.name, {}, True),
        **{(f"pandas.{sign}Int{bits}Dtype", "pandas.core.arrays.integer"): lambda made: Outline(made.name, {}, True) for sign in ("", "U") for bits in (8, 16, 32, 64)},
        **{(f"pandas.Float{bits}Dtype", "pandas.core.arrays.floating"): lambda made: Outline(made.name, {}, True) for bits in (32, 64)},
        **{(f"pandas.arrays.{kind}", f"pandas.core.arrays.{module}"): _masked for kind, module in _KINDS},
        ("pandas.arrays.SparseArray", "pandas.core.arrays.sparse.array"): _sparse,
        ("pandas.arrays.ArrowExtensionArray", "pandas.core.arrays.arrow.array"): _arrow_array,
        ("pandas.arrays.ArrowStringArray", "pandas.core.arrays.string_arrow"): _arrow_text,
        ("pandas.core.arrays.string_arrow.ArrowStringArrayNumpySemantics", "pandas.core.arrays.string_arrow"): _arrow_text,
    }),
    **dict.fromkeys(("pandas._libs.sparse.IntIndex", "pandas._libs.sparse.BlockIndex"), part_only),
}  # fmt: skip
