"""pandas: how series, frames and every kind of index are pickled, since pandas 1.3.

What they are made of is in ``rules_pandas_values.py``.

The one rule: what comes out has exactly the fields of `holdfast.frameworks.pandas_`, which checks them when it builds; nothing of pandas is imported to read them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import UnsupportedModel, quoted
from holdfast.foreign.made import NEXT, Made
from holdfast.foreign.rules_pandas_scalars import named_twice
from holdfast.foreign.rules_pandas_values import VALUES, array_of, backed, backed_array, is_array, part_only, times
from holdfast.foreign.rules_python import as_new
from holdfast.values.outline import Named, Outline, Pairs

# -- indexes ---------------------------------------------------------------------------------------------------------------

_RANGE = ("pandas.RangeIndex", "pandas.core.indexes.range.RangeIndex")
_MULTI = ("pandas.MultiIndex", "pandas.core.indexes.multi.MultiIndex")
_PLAIN = (
    "pandas.Index", "pandas.core.indexes.base.Index", "pandas.CategoricalIndex", "pandas.core.indexes.category.CategoricalIndex", "pandas.PeriodIndex",
    "pandas.core.indexes.period.PeriodIndex",
)  # fmt: skip


def _given(made: Made) -> tuple[str, dict[str, Any]]:
    """Return the class of an index and what it would be made with."""
    made.only()
    cls, given = made.args
    if type(cls) is not Named:
        raise TypeError("its class")
    return cls.name, given.fields("an index")


def _index(made: Made) -> Any:
    name, f = _given(made)
    if name in _RANGE:
        fields = {key: f[key] for key in ("start", "stop", "step", "name")}
    elif name in _MULTI:
        fields = {"levels": f["levels"], "codes": [array_of(codes) for codes in f["codes"]], "names": f["names"], "sortorder": f["sortorder"]}
    elif name in _PLAIN:
        fields = {"values": f["data"], "name": f["name"]}
    else:
        raise UnsupportedModel(f"holdfast does not know how the index {quoted(name)} is pickled; {NEXT}")
    return Outline(name, fields, True)


def _time_index(made: Made) -> Any:
    name, f = _given(made)
    fields = times(f["data"])
    held = fields.pop("freq", None)  # pandas 2 keeps it in the array
    return Outline(name, {**fields, "freq": f.get("freq", held), "name": f["name"]}, True)


def _interval_index(made: Made) -> Any:
    name, f = _given(made)
    values = Outline("pandas.arrays.IntervalArray", {"left": f["left"], "right": f["right"], "closed": f["closed"]}, True)
    return Outline(name, {"values": values, "name": f["name"]}, True)


# -- series and frames -----------------------------------------------------------------------------------------------------


def _notes(state: dict[str, Any]) -> dict[str, Any]:
    flags = state.get("_flags")
    unique = flags.fields("flags").get("allows_duplicate_labels", True) if type(flags) is Pairs else True
    return {"attrs": state.get("attrs", Pairs()), "allows_duplicate_labels": unique}


def _manager(state: dict[str, Any], names: tuple[str, ...]) -> Made:
    manager = as_new(state["_mgr"])
    if manager.name not in names:
        raise TypeError("its manager")
    return manager


_PLACE = "pandas.core.internals.managers"
_SINGLE = (f"{_PLACE}.SingleBlockManager", "pandas.api.internals.SingleBlockManager")
_BLOCKS = (f"{_PLACE}.BlockManager", "pandas.api.internals.BlockManager")
_BLOCK = "pandas._libs.internals._unpickle_block"
_OBJECTS = "pandas.arrays.NumpyExtensionArray"


def _series(made: Made) -> Any:
    state = made.fields()
    axes, values, *_ = _manager(state, _SINGLE).state()
    (index,), (values,) = axes, values
    name = state["_name"] if "_name" in state else state.get("name")
    return Outline(made.name, {"values": _column(values), "index": index, "name": name, **_notes(state)}, True)


def _column(values: Any) -> Any:
    """Return the values of one column as the adapter tells them: times without a zone are an array of numpy."""
    held = backed(values)
    return array_of(held.array) if held is not None and held.bare else values


def _frame(made: Made) -> Any:
    state = made.fields()
    blocks, (columns, index) = _manager(state, _BLOCKS).args
    cells: dict[int, tuple[Any, int]] = {}  # place of a column -> the values of its block, and its place there
    for block in blocks:
        values, place, dims = block.args
        if block.name != _BLOCK or dims != 2:
            raise TypeError("a block")
        held = backed(values)
        values = array_of(held.array) if held is not None and held.bare else array_of(values) if is_array(values) else values
        places = _places(place, made)
        if isinstance(values, np.ndarray) and (values.ndim != 2 or len(values) != len(places)):
            raise ValueError("the shape of a block")
        for row, column in enumerate(places):
            if column in cells:
                raise ValueError("two blocks for one column")
            cells[column] = (values, row)
    if cells and max(cells) != len(cells) - 1:
        raise ValueError("a column without a block")
    fields = {"parts": _parts([cells[column] for column in range(len(cells))], made), "columns": columns, "index": index, **_notes(state)}
    return Outline(made.name, fields, True)


def _places(place: Any, made: Made) -> list[int]:
    """Return the columns of a block."""
    if type(place) is Made and place.name == "builtins.slice":
        start, stop, step = place.args
        places = range(start, stop, 1 if step is None else step)
        made.names.pay(len(places))
        found = list(places)
    else:
        array = array_of(place)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise TypeError("the columns of a block")
        made.names.pay(len(array))
        found = array.tolist()
    if any(column < 0 for column in found):
        raise ValueError("the columns of a block")
    return found


def _parts(cells: list[tuple[Any, int]], made: Made) -> list[Any]:
    """Return the columns as the adapter does: neighbours of one numpy dtype as one 2-d array, others one by one."""
    parts: list[Any] = []
    start = 0
    while start < len(cells):
        values, row = cells[start]
        stop = start + 1
        if not isinstance(values, np.ndarray):
            parts.append(_single(values, row, made))
            start = stop
            continue
        together = True
        while stop < len(cells) and isinstance(cells[stop][0], np.ndarray) and cells[stop][0].dtype == values.dtype:
            together = together and cells[stop][0] is values and cells[stop][1] == row + stop - start
            stop += 1
        if together:
            part = values[row : row + stop - start]
        else:
            made.names.pay(sum(one[at].nbytes for one, at in cells[start:stop]))
            part = np.stack([one[at] for one, at in cells[start:stop]])
        parts.append(Outline(_OBJECTS, {"values": part.T}, True) if part.dtype.hasobject else part.T)
        start = stop
    return parts


def _single(values: Any, row: int, made: Made) -> Any:
    """Return one column of an extension type: those with a time zone share a block."""
    held = backed(values)
    if held is None or array_of(held.array).ndim == 1:
        if row:
            raise ValueError("the shape of a block")
        return values
    return backed_array(values, row)


RULES: dict[str, Callable[[Made], Any]] = {
    **VALUES,
    "pandas.core.indexes.base._new_Index": _index,
    "pandas.core.indexes.datetimes._new_DatetimeIndex": _time_index,
    "pandas.core.indexes.timedeltas._new_TimedeltaIndex": _time_index,
    "pandas.core.indexes.interval._new_IntervalIndex": _interval_index,
    **named_twice({("pandas.Series", "pandas.core.series"): _series, ("pandas.DataFrame", "pandas.core.frame"): _frame}),
    **dict.fromkeys((*_SINGLE, *_BLOCKS, _BLOCK), part_only),
}
