"""A comparison as plain lines.

The one rule: nothing from a file reaches a terminal unescaped.
"""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import Any

from holdfast.comparing.result import Answers, Checked, Comparison, TensorDifference
from holdfast.errors import quoted

SHOWN = 30
"""Tensors that are named, those that changed most."""
LINES = 200
"""Parameters, metrics, libraries or changes of the signature that are named."""
SHOWN_ROWS = 3
"""Rows that are named of each question."""


def text(found: Comparison) -> str:
    """Return a comparison as lines."""
    if found.same:
        rest = [name for name, group in (("metrics", found.metrics), ("libraries", found.libraries), ("other fields", found.fields)) if group]
        note = f" (different: {', '.join(rest)})" if rest else ""
        lines = [f"the same model{note}: every tensor and the whole tree are equal, {found.equal_tensors} tensors"]
        return "\n".join([*lines, *_metrics(found), *_asked(found), *map(limit_line, found.limits)])
    lines = ["different models"]
    signature = ("inputs", "classes") if found.signature else ()  # said below, with what it means
    lines += _pairs("", {name: pair for name, pair in found.fields.items() if name not in signature})
    alone = [name for name, pair in found.params.items() if None in pair] if "type" in found.fields else []
    lines += _pairs("parameter ", {name: pair for name, pair in found.params.items() if name not in alone})
    if alone:
        lines.append(f"  {len(alone)} parameters are of one type alone")
    lines += _metrics(found)
    lines += _pairs("library ", found.libraries)
    if found.sizes[0] != found.sizes[1]:
        lines.append(f"  size: {found.sizes[0]:,} -> {found.sizes[1]:,} bytes")
    for one in found.signature[:LINES]:
        name = f" {quoted(one.name, 60)}" if one.name else ""
        lines.append(f"  {'BREAKING ' if one.breaking else ''}{one.what}{name}: {quoted(one.first, 100)} -> {quoted(one.second, 100)} ({quoted(one.why, 200)})")
    lines += _more(found.signature)
    chosen = most_changed(found.tensors)[:SHOWN] if len(found.tensors) > SHOWN else found.tensors
    lines += [f"  tensor {quoted(one.name, 80)}: {how_far(one)}" for one in chosen]
    if len(found.tensors) > SHOWN:
        lines.append(f"  … {len(found.tensors) - SHOWN} more tensors differ")
    lines.append(f"  {found.equal_tensors} tensors are equal")
    return "\n".join([*lines, *_asked(found), *map(limit_line, found.limits)])


def most_changed(tensors: list[TensorDifference]) -> list[TensorDifference]:
    """Return tensors, those first that cannot be set side by side, and then by how much they changed."""
    return sorted(tensors, key=lambda one: (one.what == "values", -(one.relative or 0.0), -(one.share or 0.0)))


def how_far(one: TensorDifference) -> str:
    """Return how far a tensor changed, as a phrase."""
    if one.what in ("shape", "dtype"):
        return f"{one.what} ({one.first} -> {one.second})" if one.first != one.second else one.what
    if one.changed is None:
        return one.what
    said = f"{one.what}, {one.changed} of {one.elements} elements"
    if one.worst is not None and one.mean is not None and one.relative is not None:
        said += f", by up to {one.worst:.3g}, mean {one.mean:.3g}, relative {one.relative:.3g}"
    return said


def question(one: Answers) -> str:
    """Return how both answered one question, as a phrase."""
    said = f"{share(one.agreement)} of {one.rows} rows agree"
    if one.labels:
        return f"{said}, {one.changed_labels} labels changed"
    if one.quantiles and min(one.quantiles.values()) == math.inf:
        return f"{said}; no answer can be set beside the other: they have other shapes, or one is no number"
    quantiles = ", ".join(f"{float(name):.0%} up to {value:.3g}" for name, value in one.quantiles.items())
    return f"{said}; deviation (relative beyond 1): {quantiles}" if one.worst else said


def share(part: float) -> str:
    """Return a share as text that says all only of all, and none only of none."""
    if part in (0.0, 1.0):
        return f"{part:.0%}"
    return f"{min(max(part, 0.0001), 0.9999):.2%}"


def limit_line(one: Checked) -> str:
    """Return whether a limit holds, as a line."""
    value = "nothing to compare it with" if one.value is None else f"found {one.value:.6g}"
    why = f" ({quoted(one.why, 300)})" if one.why else ""
    return f"  limit {quoted(one.name, 80)} {one.bound:g}: {'holds' if one.held else 'DOES NOT HOLD'}, {value}{why}"


def _metrics(found: Comparison) -> list[str]:
    lines = []
    for name, pair in list(found.metrics.items())[:LINES]:
        numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in pair)
        lines.append(_pair("metric ", name, pair) + (f" ({pair[1] - pair[0]:+.6g})" if numbers else ""))
    return lines + _more(found.metrics)


def _asked(found: Comparison) -> list[str]:
    lines = []
    for one in found.predictions:
        lines.append(f"  {quoted(one.method, 80)}, {one.rows_of}: {question(one)}")
        for row in one.worst_rows[:SHOWN_ROWS]:
            inputs = quoted(", ".join(row.inputs), 160)
            lines.append(f"    row {row.row}: {quoted(row.first, 80)} -> {quoted(row.second, 80)}; its values: {inputs}")
    lines += [f"  note: {quoted(one, 400)}" for one in found.notes]
    return lines + [f"  not compared: {quoted(one, 600)}" for one in found.not_asked]


def _pairs(title: str, group: dict[str, Any]) -> list[str]:
    return [_pair(title, name, pair) for name, pair in list(group.items())[:LINES]] + _more(group)


def _more(group: Sized) -> list[str]:
    return [f"  … {len(group) - LINES} more of these differ"] if len(group) > LINES else []


def _pair(title: str, name: str, pair: tuple[Any, Any]) -> str:
    before, after = ("absent" if one is None else str(one) for one in pair)
    return f"  {title}{quoted(name, 60)}: {quoted(before, 80)} -> {quoted(after, 80)}"
