"""Which of the rows made to hurt a model takes at all, and gentler rows in place of those that it refuses.

A logarithm behind which no missing value may stand, a kernel of positive numbers, an encoder that knows its categories: such models
refuse a part of the rows that are drawn from ranges. They are asked in halves, and halves of halves, until the refused rows are found.

The one rule: a row is left out only because the model itself refused it, or because looking for such rows took too long; both are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from holdfast.errors import quoted
from holdfast.exports.rows import Table, is_table, is_texts, length, rows_at

ASKS = 600
"""Questions, at most, in search of the refused rows of one kind: what was not looked at by then is left out."""
PROBE = 12
"""Rows that are asked alone at first: where none is taken, the kind is not searched."""

Ask = Callable[[Any], Any]
"""Asks a model some rows; raises what the model raises."""


class Sifted(NamedTuple):
    """What a model takes of some rows.

    Attributes:
        rows: those that it takes, in their own form; None where it takes none.
        why: what it said to one that it refuses.
    """

    rows: Any
    why: str


def sifted(ask: Ask, rows: Any) -> Sifted:
    """Return those rows that a model takes.

    Args:
        ask: asks the model; it is known to refuse all rows together.
        rows: a table in any form.
    """
    count = length(rows)
    why = ""

    def refused(places: Any) -> bool:
        nonlocal why
        try:
            ask(rows_at(rows, places))
        except Exception as error:
            why = why or said(error, 120)
            return True
        return False

    probe = np.unique(np.linspace(0, count - 1, min(PROBE, count)).astype(int))
    if all(refused(np.array([place])) for place in probe.tolist()):
        return Sifted(None, why)
    kept: list[Any] = []
    open_, left = [*reversed(np.array_split(np.arange(count), 2))], ASKS
    while open_ and left:
        places, left = open_.pop(), left - 1
        if not len(places):
            continue
        if not refused(places):
            kept.append(places)
        elif len(places) > 1:
            open_ += reversed(np.array_split(places, 2))
    return Sifted(rows_at(rows, np.concatenate(kept)) if kept else None, why)


def with_gentler(ask: Ask, kept: Any, model: Any, example: Any, count: int) -> Any:
    """Return rows that a model takes, filled up with gentler ones made from the example.

    Args:
        ask: asks the model.
        kept: rows that it takes, or None.
        model: what is asked.
        example: rows that it takes.
        count: how many rows are wanted.

    Returns:
        As many rows as are wanted, or fewer where the model takes no more; None where it takes none.
    """
    found = [] if kept is None else [kept]
    for rows in _gentler(model, example, count, np.random.default_rng(1)):
        lacking = count - sum(map(length, found))
        if lacking <= 0:
            break
        try:
            ask(rows)
            taken = rows
        except Exception:
            taken = sifted(ask, rows).rows
        if taken is not None:
            found.append(rows_at(taken, np.arange(min(lacking, length(taken)))))
    return _joined(found) if found else None


def said(error: Exception, limit: int) -> str:
    """Return what an error says, on one line."""
    return f"{type(error).__name__}: {quoted(' '.join(str(error).split()), limit)}"


def _gentler(model: Any, example: Any, count: int, rng: Any) -> Iterator[Any]:
    """Yield rows, the less gentle first: inside the ranges of the example, of its values column by column, between two of its rows, its rows again."""
    if isinstance(example, dict):
        yield from _tensors({name: np.asarray(value) for name, value in example.items()}, count, rng)
    elif is_texts(example):
        words = [word for text in example for word in str(text).split()] or ["word"]
        yield [" ".join(rng.choice(words, size=int(rng.integers(1, 30)))) for _ in range(count)]
    elif is_table(model, example):
        table = Table(model, example)
        yield from (table.made(columns) for columns in (table.inside(count, rng), table.resampled(count, rng), table.between(count, rng)))
    else:
        yield from (one[""] for one in _tensors({"": np.asarray(example)}, count, rng))
    yield rows_at(list(example) if is_texts(example) else example, rng.integers(0, length(example), count))


def _tensors(example: dict[str, Any], count: int, rng: Any) -> Iterator[dict[str, Any]]:
    def inside(value: Any) -> Any:
        shape = (count, *value.shape[1:])
        if value.dtype.kind in "iub":
            return rng.integers(int(value.min()), int(value.max()) + 1, shape).astype(value.dtype)
        if value.dtype.kind != "f":
            return value[rng.integers(0, len(value), count)]
        return rng.uniform(float(value.min()), float(value.max()), shape).astype(value.dtype)

    yield {name: inside(value) for name, value in example.items()}
    first, second = rng.integers(0, length(example), (2, count))
    share = rng.random(count)

    def between(value: Any) -> Any:
        if value.dtype.kind != "f":
            return value[first]
        own = share.reshape(-1, *[1] * (value.ndim - 1))
        return (value[first] * own + value[second] * (1 - own)).astype(value.dtype)

    yield {name: between(value) for name, value in example.items()}


def _joined(found: list[Any]) -> Any:
    """Return rows of one form as one table."""
    if len(found) == 1:
        return found[0]
    if isinstance(found[0], dict):
        return {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    if hasattr(found[0], "iloc"):
        import pandas as pd

        return pd.concat(found, ignore_index=True)
    if isinstance(found[0], list):
        return [row for one in found for row in one]
    return np.concatenate(found)
