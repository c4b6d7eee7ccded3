"""What two models answer to the same rows: their stored examples, and rows that are given.

The one rule: both are asked here and now, in one thread, through the one interface; why rows were not asked is always said.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from holdfast.artifact.deviation import differences, shown_row
from holdfast.artifact.replay import one_thread, row_count
from holdfast.artifact.same import same
from holdfast.comparing.result import Answers, WorstRow
from holdfast.comparing.sides import Side
from holdfast.errors import HoldfastError, quoted
from holdfast.trust.policy import Policy
from holdfast.values.predictor import Predictor

CLOSE = 1e-9
"""The deviation up to which numbers agree."""
QUANTILES = (0.5, 0.9, 0.99, 1.0)
BOUNDS = (0.0, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, float("inf"))
"""Upper bounds of the columns of the histogram."""
WORST = 5
"""Rows that are shown of each question."""


class Asked(NamedTuple):
    """What came of asking.

    Attributes:
        answers: how both answered.
        not_asked: why rows were not asked, or not of both.
        notes: what else to know.
    """

    answers: list[Answers]
    not_asked: list[str]
    notes: list[str]


def ask_both(first: Side, second: Side, given: Any, examples: bool, policy: Policy) -> Asked:
    """Ask both sides the rows that are at hand.

    Args:
        first: one side.
        second: the other.
        given: rows of the caller, or None.
        examples: ask the stored examples as well.
        policy: for loading the models.
    """
    found = Asked([], [], [])
    questions = _examples(first, second, found.not_asked) if examples else []
    if given is not None:
        questions.append(("given rows", given))
    if not questions:
        return found
    sides: list[Predictor] = []
    for one in (first, second):
        try:
            sides.append(one.predictor(policy))
        except HoldfastError as error:
            found.not_asked.append(f"{quoted(one.name, 200)} cannot be asked here: {quoted(error.message, 400)}")
    if len(sides) < 2:
        return found
    methods = [name for name in sides[0].methods if name in sides[1].methods]
    alone = [name for name in (*sides[0].methods, *sides[1].methods) if name not in methods]
    if all(getattr(one, "predict_is", None) in methods for one in sides):
        methods.remove("predict")  # it would be asked under its own name again
    if alone:
        found.notes.append(f"asked of one side alone, and not compared: {', '.join(alone)}")
    if not methods:
        found.not_asked.append("the two have no method in common")
    for rows_of, rows in questions:
        for method in methods:
            try:
                with one_thread(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    both = [one.ask(method, rows) for one in sides]
                found.answers.extend(_compared(rows_of, method, rows, both, sides))
            except HoldfastError as error:
                found.not_asked.append(f"{rows_of}, {method}: {quoted(error, 400)}")
            except (ValueError, TypeError) as error:  # answers that are no table, such as lists of several lengths
                found.not_asked.append(f"{rows_of}, {method}: the answers cannot be compared ({quoted(error, 200)})")
    return found


def _examples(first: Side, second: Side, not_asked: list[str]) -> list[tuple[str, Any]]:
    kept = []
    for one in (first, second):
        try:
            kept.append(one.example())
        except HoldfastError as error:
            kept.append(None)
            not_asked.append(f"the example of {quoted(one.name, 200)} cannot be read: {quoted(error.message, 300)}")
    if kept[0] is not None and kept[1] is not None and same(kept[0], kept[1]):
        return [("example of both", kept[0])]
    return [(name, rows) for name, rows in zip(("example of the first", "example of the second"), kept, strict=True) if rows is not None]


def _compared(rows_of: str, method: str, rows: Any, both: list[Any], sides: list[Predictor]) -> list[Answers]:
    a, b = map(_outputs, both)
    found = []
    for name in [name for name in a if name in b]:
        x, y = (one.toarray() if hasattr(one, "toarray") else np.asarray(one) for one in (a[name], b[name]))
        classes = any(one.classes is not None for one in sides)
        labels = x.dtype.kind not in "fiub" or y.dtype.kind not in "fiub" or (method == "predict" and (classes or x.dtype.kind != "f" or y.dtype.kind != "f"))
        found.append(_one(rows_of, f"{method}{name}", rows, x, y, labels))
    if set(a) != set(b):
        raise ValueError(f"the outputs are {' and '.join(', '.join(one) or 'one array' for one in (a, b))}")
    return found


def _outputs(answer: Any) -> dict[str, Any]:
    if isinstance(answer, dict):
        return {f"[{name}]": value for name, value in answer.items()}
    return {f"[{place}]": value for place, value in enumerate(answer)} if isinstance(answer, tuple) else {"": answer}


def _one(rows_of: str, method: str, rows: Any, a: Any, b: Any, labels: bool) -> Answers:
    difference = differences(a, b, labels)
    off, changed = np.asarray(difference.off), np.asarray(difference.changed)
    count = len(off)
    if not count:
        return Answers(rows_of, method, 0, labels, 1.0)
    if labels:
        places = np.flatnonzero(changed)[:WORST].tolist()
        worst = [_row(rows, place, None, a, b) for place in places]
        return Answers(rows_of, method, count, True, float(1 - changed.mean()), int(changed.sum()), worst_rows=worst)
    places = [place for place in np.argsort(-off, kind="stable")[:WORST].tolist() if off[place] > 0]
    edges = np.asarray(BOUNDS)
    filled = np.bincount(np.searchsorted(edges, off), minlength=len(edges))
    return Answers(
        rows_of, method, count, False, float((off <= CLOSE).mean()), 0, float(off.max()), float(difference.mean),
        {f"{share:g}": float(np.quantile(off, share, method="higher")) for share in QUANTILES},
        list(zip(BOUNDS, filled.tolist(), strict=True)),
        [_row(rows, place, float(off[place]), a, b) for place in places],
    )  # fmt: skip


def _row(rows: Any, place: int, deviation: float | None, a: Any, b: Any) -> WorstRow:
    inputs = shown_row(rows, place) if place < row_count(rows) else []
    return WorstRow(place, deviation, inputs, _answer(a, place), _answer(b, place))


def _answer(answers: Any, place: int) -> str:
    """Return the answer to one row as short text."""
    flat = np.asarray(answers[place] if answers.ndim and place < len(answers) else answers).ravel()
    shown = ", ".join(f"{value:.6g}" if isinstance(value, float) else str(value)[:80] for value in flat[:8].tolist())
    return shown + (f", … ({len(flat)} values)" if len(flat) > 8 else "")
