"""How far two answers to the same rows lie apart, and the row where they do, for people.

The one rule: a number that cannot be compared counts as infinitely far.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

SHOWN_CELLS = 40
"""Values of a row that are shown."""


class Difference(msgspec.Struct):
    """How far two answers to the same rows lie apart.

    Attributes:
        off: the deviation of each row.
        mean: the mean deviation of all elements.
        changed: whether the label of each row differs.
    """

    off: Any
    mean: float
    changed: Any


def differences(expected: Any, got: Any, labels: bool) -> Difference:
    """Compare two answers.

    Args:
        expected: an array (rows, ...), what the model answers.
        got: the same from the export.
        labels: whether these are labels, which are the same or not.
    """
    a, b = _dense(expected), _dense(got)
    count = len(a)
    if (a.ndim == 2 and a.shape[1] == 1) or (b.ndim == 2 and b.shape[1] == 1):
        a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    if a.shape != b.shape:
        return Difference(np.full(count, np.inf), np.inf, np.ones(count, bool))
    if labels or a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        changed = ~_same_labels(a, b).reshape(count, -1).all(axis=1)
        return Difference(np.zeros(count), 0.0, changed)
    a, b = a.astype(float), b.astype(float)
    with np.errstate(all="ignore"):
        off = np.abs(a - b) / np.maximum(1.0, np.abs(a))
    off = np.where((a == b) | (a != a) & (b != b), 0.0, off)
    off = np.where(off != off, np.inf, off).reshape(count, -1)
    return Difference(off.max(axis=1, initial=0.0), float(off.mean()) if off.size else 0.0, np.zeros(count, bool))


def _same_labels(a: Any, b: Any) -> Any:
    if a.dtype.kind in "fiub" and b.dtype.kind in "fiub":
        return (a == b) | ((a != a) & (b != b))
    return np.asarray([type(x) is bool and str(int(x)) == str(int(y)) if type(y) is bool else str(x) == str(y)
                       for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)]).reshape(a.shape)  # fmt: skip


def _dense(value: Any) -> Any:
    value = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
    return value.reshape(1) if value.ndim == 0 else value


def shown_row(rows: Any, place: int) -> list[str]:
    """Return the values of one row as short texts."""
    if isinstance(rows, dict):
        return [f"{name}={_short(value[place])}" for name, value in list(rows.items())[:SHOWN_CELLS]]
    if hasattr(rows, "iloc"):
        return [f"{str(name)[:60]}={_short(value)}" for name, value in list(rows.iloc[place].items())[:SHOWN_CELLS]]
    one = rows[[place]].toarray() if hasattr(rows, "tocsr") else rows[place]
    if isinstance(one, dict):
        return [f"{str(name)[:60]}={_short(value)}" for name, value in list(one.items())[:SHOWN_CELLS]]
    return [_short(one)] if isinstance(one, str) else [_short(value) for value in np.asarray(one).ravel()[:SHOWN_CELLS].tolist()]


def _short(value: Any) -> str:
    return repr(value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value)[:80]
