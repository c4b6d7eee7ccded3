"""Metrics of a model: name -> number, text, truth or null.

The one rule: what a file or a record could not be read back with is refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import quoted


def checked_metric(value: Any, what: str) -> Any:
    """Return the value of a metric as a plain number, text, truth or None.

    Args:
        value: as given; a number of numpy is made one of Python.
        what: how messages call it.

    Raises:
        TypeError: it is of another type, or too large for a number of 64 bits.

    >>> checked_metric(0.5, "the metric 'auc'")
    0.5
    """
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is not None and not isinstance(value, bool | int | float | str):
        raise TypeError(f"{what} is a number, text, a truth or None, and not {type(value).__name__}; versions are ordered by it, so put the rest into extra=")
    if isinstance(value, int) and not -1.7e308 < value < 1.7e308:
        raise TypeError(f"{what} is a whole number that no number of 64 bits comes near to; give it as text")
    return value


def checked_metrics(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metrics that somebody gave, with numbers of numpy as numbers of Python.

    Raises:
        TypeError: they are no mapping of text to what a metric can be; says which.

    >>> import numpy as np
    >>> checked_metrics({"auc": np.float64(0.5), "rows": 100})
    {'auc': 0.5, 'rows': 100}
    """
    found = {}
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"metrics is a mapping such as {{'key': value}}, and not {type(given).__name__}")
    for key, value in (given or {}).items():
        if not isinstance(key, str):
            raise TypeError(f"metrics has the key {quoted(repr(key), 80)}; keys are text")
        found[key] = checked_metric(value, f"metrics[{quoted(repr(key), 80)}]")
    return found
