"""Limits that a comparison has to keep, for gates before a model is promoted.

| name | holds when |
| --- | --- |
| ``changed_labels`` | at most so many labels differ, in the worst question |
| ``deviation`` | numbers deviate by at most so much: absolute up to one, relative beyond |
| ``agreement`` | at least this share of the rows agrees, in the worst question |
| ``metric:NAME`` | below 0: the metric falls by at most so much; above 0: it rises by at most so much; 0: it stays |
| ``breaking`` | at most so many changes of the signature break callers |
| ``tensors`` | at most so many tensors differ |
| ``size`` | the second takes at most so many times the bytes of the first |

The one rule: what could not be found out does not hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from holdfast.comparing.result import Checked, Comparison
from holdfast.errors import quoted

NAMES = ("agreement", "breaking", "changed_labels", "deviation", "size", "tensors")
METRIC = "metric:"
ROUNDING = 1e-12
"""Share of a metric by which its change may pass a limit: 0.89 - 0.9 is a little less than -0.01."""


def checked_limits(limits: Mapping[str, Any] | None) -> dict[str, float]:
    """Return limits as numbers.

    Raises:
        ValueError: there is no such limit, or its bound is no number.
    """
    found = {}
    for name, bound in (limits or {}).items():
        if name not in NAMES and not (isinstance(name, str) and name.startswith(METRIC) and len(name) > len(METRIC)):
            raise ValueError(f"there is no limit {quoted(name, 80)!r}; there are {', '.join(NAMES)} and metric:NAME")
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
            raise ValueError(f"the limit {quoted(name, 80)} is a number, and not {quoted(repr(bound), 80)}")
        if bound < 0 and not name.startswith(METRIC):
            raise ValueError(f"the limit {name} is {bound}, and cannot be below 0; only metric:NAME can")
        found[name] = bound
    return found


def check(found: Comparison, limits: Mapping[str, float], metrics: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]) -> list[Checked]:
    """Return whether limits hold.

    Args:
        found: the comparison, with the predictions.
        limits: of `checked_limits`.
        metrics: of both sides, those too that do not differ; None for a side that has no tensors and says nothing of itself.
    """
    told = [{} if one is None else one for one in metrics]
    return [_metric(name, bound, told[0], told[1]) if name.startswith(METRIC) else _one(found, name, bound, None not in metrics) for name, bound in limits.items()]


def _one(found: Comparison, name: str, bound: float, tensors: bool) -> Checked:
    if name == "tensors" and not tensors:
        return Checked(name, bound, None, False, "one of them is in another runtime's form, without tensors to compare")
    if name in ("breaking", "tensors"):
        value = found.breaking if name == "breaking" else len(found.tensors)
        return Checked(name, bound, value, value <= bound)
    if name == "size":
        before, after = found.sizes
        return Checked(name, bound, after / max(before, 1), after <= bound * before, f"{before} bytes, then {after}")
    return _predictions(found, name, bound)


def _predictions(found: Comparison, name: str, bound: float) -> Checked:
    if found.same and not found.predictions and not found.not_asked:
        return Checked(name, bound, 1.0 if name == "agreement" else 0.0, True, "the same model")
    wanted = [one for one in found.predictions if name == "agreement" or one.labels == (name == "changed_labels")]
    if found.not_asked or not wanted:
        what = "labels" if name == "changed_labels" else "numbers" if name == "deviation" else "answers"
        why = found.not_asked[0] if found.not_asked else f"there are no {what} of both to the same rows; give rows with on=, or save with example="
        return Checked(name, bound, None, False, why)
    values = [float(one.agreement if name == "agreement" else one.changed_labels if name == "changed_labels" else one.worst) for one in wanted]
    value = min(values) if name == "agreement" else max(values)
    where = wanted[values.index(value)]
    return Checked(name, bound, value, value >= bound if name == "agreement" else value <= bound, f"{where.method}, {where.rows_of}")


def _metric(name: str, bound: float, first: Mapping[str, Any], second: Mapping[str, Any]) -> Checked:
    key = name.removeprefix(METRIC)
    before, after = first.get(key), second.get(key)
    for value, which in ((before, "first"), (after, "second")):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Checked(name, bound, None, False, f"the {which} has no number for this metric")
    change = after - before  # type: ignore[operator]
    slack = ROUNDING * max(abs(before), abs(after))  # type: ignore[arg-type]
    held = change >= bound - slack if bound < 0 else change <= bound + slack if bound > 0 else abs(change) <= slack
    return Checked(name, bound, change, held, f"{before}, then {after}")
