"""Many small arrays that lie one after the other in one tensor.

The one rule: a pool holds exactly what the shapes of its arrays need.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from holdfast.errors import Corrupt
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import elements


def cut_pool(raw: Any, table: t.Arrays) -> list[Any]:
    """Return the arrays of a table that lie one after the other in one tensor, as views of it.

    Raises:
        Corrupt: the tensor does not hold what their shapes need.
    """
    dtype, ndim, shapes, order = parse_dtype(table.dtype), table.ndim, table.shapes, table.order
    ends = list(accumulate(elements(table, table.rows)))
    if len(raw) != ends[-1] * dtype.itemsize:
        raise Corrupt(f"a pool of arrays holds {len(raw)} bytes, where its shapes need {ends[-1] * dtype.itemsize}")
    flat = np.frombuffer(raw, dtype) if len(raw) else np.zeros(0, dtype)
    if ndim > 1 and order == "C" and all(shapes[1:ndim]) and all(len(set(shapes[axis::ndim])) == 1 for axis in range(1, ndim)):
        # rows of one shape: cut along the first axis, which gives each array its own shape at once
        flat, ends = flat.reshape(-1, *shapes[1:ndim]), list(accumulate(shapes[::ndim]))
        return [flat[start:end] for start, end in pairwise((0, *ends))]
    made = [flat[start:end] for start, end in pairwise((0, *ends))]
    if ndim == 1:
        return made
    return [one.reshape(shapes[row * ndim : row * ndim + ndim], order=order) for row, one in enumerate(made)]  # type: ignore[call-overload]
