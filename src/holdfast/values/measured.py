"""Metrics of a model: name -> number, text, truth or null.

The one rule: what a file or a record could not be read back with is refused before anything is written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from holdfast.errors import quoted


def checked_metrics(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metrics that somebody gave, with numbers of numpy as numbers of Python.

    Raises:
        TypeError: a name is no text, or a value is neither a number nor text, or a number that has no place in an order.

    Examples:
        >>> import numpy as np
        >>> checked_metrics({"auc": np.float64(0.5), "rows": 100})
        {'auc': 0.5, 'rows': 100}
    """
    found = {}
    for key, value in (given or {}).items():
        if not isinstance(key, str):
            raise TypeError(f"metrics has the key {quoted(repr(key), 80)}; keys are text")
        one = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
        where = f"metrics[{quoted(repr(key), 80)}]"
        if not (one is None or isinstance(one, bool | int | float | str)):
            raise TypeError(f"{where} is a {type(value).__name__}; versions are ordered by numbers and text, so give one of those, and put the rest into extra=")
        if isinstance(one, int | float) and not _finite(one):
            raise TypeError(f"{where} holds {quoted(one, 40)}, which JSON has no number for; give None or text")
        found[key] = one
    return found


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float is near
        return False
