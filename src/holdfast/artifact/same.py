"""Are two answers the same, to the last bit?

The one rule: type, dtype, shape and every byte; two NaNs are the same when their bits are.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def same(a: Any, b: Any) -> bool:
    """Say whether two answers are the same to the last bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        if a.dtype.hasobject:
            return all(same(x, y) for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
        return a.tobytes() == b.tobytes()  # type: ignore[no-any-return]
    if isinstance(a, np.generic):
        return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "tocoo"):
        left, right = a.tocoo(), b.tocoo()
        return a.shape == b.shape and all(same(x, y) for x, y in ((left.data, right.data), (left.row, right.row), (left.col, right.col)))
    if hasattr(a, "equals"):
        names_same = list(map(str, getattr(a, "dtypes", []))) == list(map(str, getattr(b, "dtypes", []))) if hasattr(a, "columns") else True
        return bool(a.equals(b)) and names_same
    if isinstance(a, float):
        return a.hex() == b.hex()  # type: ignore[no-any-return]
    return bool(a == b)
