"""Rows made to hurt: what an export is asked beside the examples.

Strategy. Columns are drawn from the ranges of the example and from what the model itself knows; kinds of rows are made of them, each
aimed at one way in which translated models go wrong: thresholds, values that float32 cannot hold, values far outside, missing
values, categories never seen, one row alone, a large batch.

The one rule: the same model and example give the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from holdfast.artifact.synthetic import categories_of
from holdfast.exports.cuts import cuts_of
from holdfast.exports.families import family_of, parts

SPREAD = 1000
"""Rows drawn from the ranges of the columns."""
AT_THRESHOLDS = 3000
"""Rows on thresholds and beside them, at most."""
LARGE = 2000
"""Rows of the large batch."""
FEW = 100
"""Rows of each other kind."""
ALONE = 12
"""Rows that are also asked one at a time."""
CELLS = 40_000_000
"""Numbers in one batch, at most: fewer rows are made of models that take images."""
UNHOLDABLE = np.array([2**24 + 1, 2**25 + 3, 1_234_567.89, 7_654_321.123, 1e6 + 1e-3, 0.1, 1 + 2**-30, -(2**24) - 1])
"""Numbers that float32 rounds."""
STRANGE_TEXTS = ["", " ", "zzqx never seen", "ÄÖÜ straße naïve", "a-b_c.d,e;f!", "123 45.6", "two\nlines\ttab", "UPPER lower MiXeD"]


def hard_rows(model: Any, example: Any) -> Iterator[tuple[str, Any]]:
    """Yield kinds of rows and the rows, in the form of the example.

    Args:
        model: what will be asked; its thresholds and categories are looked up.
        example: an array, a frame, a list of texts, or a dict of arrays.
    """
    rng = np.random.default_rng(0)
    yield "examples", example
    if isinstance(example, dict):
        yield from _tensors(example, rng)
    elif is_texts(example):
        yield from _texts(model, list(example), rng)
    elif is_table(model, example):
        yield from Table(model, example).kinds(rng)
    else:
        for kind, given in _tensors({"": np.asarray(example)}, rng):
            yield kind, given[""]


def is_texts(example: Any) -> bool:
    """Say whether an example is a list of rows, such as texts."""
    return isinstance(example, list | tuple) or (isinstance(example, np.ndarray) and example.dtype.kind in "OU" and example.ndim == 1)


def is_table(model: Any, example: Any) -> bool:
    """Say whether an example is a table of columns, each with a range of its own."""
    return hasattr(example, "columns") or (np.ndim(example) == 2 and family_of(model) != "net")


def rows_at(rows: Any, places: Any) -> Any:
    """Return some rows of a table, in its own form."""
    if isinstance(rows, dict):
        return {name: value[places] for name, value in rows.items()}
    if hasattr(rows, "iloc"):
        return rows.iloc[places].reset_index(drop=True)
    if isinstance(rows, list | tuple):
        return [rows[place] for place in np.asarray(places).tolist()]
    return rows[places]


def length(rows: Any) -> int:
    """Return how many rows there are."""
    if isinstance(rows, dict):
        return len(next(iter(rows.values())))
    return int(rows.shape[0]) if hasattr(rows, "shape") else len(rows)


class Table:
    """Columns of numbers and of categories, and how rows are made of them.

    Attributes:
        columns: the values of the example, column by column.
        numbers: places of columns of numbers.
        categories: place of any other column -> its known values.
        cuts: place -> thresholds of the model's trees.
    """

    def __init__(self, model: Any, example: Any) -> None:
        self.frame = hasattr(example, "columns")
        self.example = example
        self.width = len(example.columns) if self.frame else example.shape[1]
        known = categories_of(model, self.width)
        self.columns = [self._values(place) for place in range(self.width)]
        self.categories = {place: list(known.get(place, np.array([], object))) for place in range(self.width) if place in known or self.columns[place].dtype.kind not in "fiub"}
        for place, values in self.categories.items():
            values.extend(one for one in dict.fromkeys(self.columns[place].tolist()) if one not in values)
        self.cuts = {column: values for column, values in cuts_of(model).items() if column not in self.categories and column < self.width}
        self.numbers = [place for place in range(self.width) if place not in self.categories]
        self.low, self.high = np.zeros(self.width), np.ones(self.width)
        for place in self.numbers:
            values = self.columns[place].astype(float)
            seen = np.concatenate([values[np.isfinite(values)], self.cuts.get(place, np.array([]))])
            if len(seen):
                self.low[place], self.high[place] = seen.min(), seen.max()
            if self.high[place] <= self.low[place]:
                self.high[place] = self.low[place] + max(1.0, abs(self.low[place]))

    def _values(self, place: int) -> Any:
        if not self.frame:
            return np.asarray(self.example[:, place].toarray().ravel() if hasattr(self.example, "tocsr") else self.example[:, place])
        column = self.example.iloc[:, place]
        return column.to_numpy(dtype=float, na_value=np.nan) if column.dtype.kind in "fiub" else column.to_numpy(dtype=object)

    def kinds(self, rng: Any) -> Iterator[tuple[str, Any]]:
        """Yield each kind of rows."""
        yield "spread", self.made(self.drawn(SPREAD, rng))
        if self.cuts:
            yield "thresholds", self.made(self.at_thresholds(rng))
        if self.numbers:
            yield "beyond float32", self.made(self.replaced(rng, lambda place: rng.choice(UNHOLDABLE)))
            far = np.array([-1000.0, -10.0, 10.0, 1000.0])
            yield "out of range", self.made(self.replaced(rng, lambda place: self.low[place] + rng.choice(far) * (self.high[place] - self.low[place])))
            yield "zeros", self.made(self.replaced(rng, lambda place: rng.choice([0.0, -0.0, 1e-40, -1e-300]), share=0.6))
            yield "missing", self.made(self.replaced(rng, lambda place: np.nan))
        if self.categories:
            yield "unseen categories", self.made(self.strange(rng))
            yield "missing categories", self.made(self.strange(rng, missing=True))
        yield "alone", self.made(self.drawn(ALONE, rng))
        yield "large batch", self.made(self.drawn(LARGE, rng))

    def drawn(self, count: int, rng: Any) -> list[Any]:
        """Return columns of rows within the ranges, and of values of the example."""
        columns: list[Any] = []
        for place in range(self.width):
            if place in self.categories:
                values = self.categories[place]
                chosen = rng.integers(0, len(values), count)
                columns.append(_objects([values[one] for one in chosen.tolist()]))
                continue
            seen = self.columns[place].astype(float)
            seen = seen[np.isfinite(seen)] if np.isfinite(seen).any() else np.zeros(1)
            way = rng.random(count)
            column = np.where(way < 0.5, rng.uniform(self.low[place], self.high[place], count), rng.choice(seen, count))
            noise = rng.standard_normal(count) * (float(seen.std()) or (self.high[place] - self.low[place]) / 4)
            column = np.where((way >= 0.5) & (way < 0.8), column + noise, column)
            columns.append(np.where(rng.random(count) < 0.5, np.round(column), column) if _whole(seen) else column)
        return columns

    def inside(self, count: int, rng: Any) -> list[Any]:
        """Return columns of rows between the least and the greatest value of the example."""
        columns = self.resampled(count, rng)
        for place in self.numbers:
            seen = self.columns[place].astype(float)
            seen = seen[np.isfinite(seen)]
            if len(seen):
                column = rng.uniform(seen.min(), seen.max(), count)
                columns[place] = np.round(column) if _whole(seen) else column
        return columns

    def resampled(self, count: int, rng: Any) -> list[Any]:
        """Return columns of rows, each of values that the column has in the example."""
        return [values[rng.integers(0, len(values), count)] for values in self.columns]

    def between(self, count: int, rng: Any) -> list[Any]:
        """Return columns of rows that lie between two rows of the example."""
        first, second = rng.integers(0, len(self.columns[0]), (2, count))
        share = rng.random(count)
        columns = [values[first] for values in self.columns]
        for place in self.numbers:
            values = self.columns[place].astype(float)
            column = values[first] * share + values[second] * (1 - share)
            columns[place] = np.round(column) if _whole(values[np.isfinite(values)]) else column
        return columns

    def at_thresholds(self, rng: Any) -> list[Any]:
        """Return columns of rows of which one value, or most of them, lies on a threshold or beside it."""
        total = sum(map(len, self.cuts.values()))
        one = min(total, AT_THRESHOLDS // 2)
        many = AT_THRESHOLDS // 2
        columns = self.drawn(one + many, rng)
        pairs = [(place, value) for place, values in self.cuts.items() for value in values.tolist()]
        for row, chosen in enumerate(rng.permutation(total)[:one].tolist()):
            place, value = pairs[chosen]
            columns[place][row] = value
        for place, values in self.cuts.items():
            column = columns[place]
            column[one:] = np.where(rng.random(many) < 0.7, rng.choice(values, many), column[one:])
        return columns

    def replaced(self, rng: Any, value: Any, share: float = 0.3) -> list[Any]:
        """Return columns of rows some of whose numbers are others, at least one a row."""
        columns = self.drawn(FEW, rng)
        always = rng.choice(self.numbers, FEW)
        for row in range(FEW):
            for place in self.numbers:
                if place == always[row] or rng.random() < share / max(1, len(self.numbers) / 8):
                    columns[place][row] = value(place)
        return columns

    def strange(self, rng: Any, missing: bool = False) -> list[Any]:
        """Return columns of rows with categories that are not known, or are missing."""
        columns = self.drawn(FEW, rng)
        for place, values in self.categories.items():
            text = all(isinstance(one, str) or one is None or one != one for one in values)
            for row in np.flatnonzero(rng.random(FEW) < 0.5).tolist():
                columns[place][row] = None if missing and text else np.nan if missing else str(rng.choice(STRANGE_TEXTS)) if text else 987654.0
        return columns

    def made(self, columns: list[Any]) -> Any:
        """Return columns in the form of the example."""
        if not self.frame:
            if not self.categories or all(column.dtype.kind in "fiub" for column in columns):
                return np.column_stack([column.astype(float) for column in columns])
            table = np.empty((len(columns[0]), self.width), object)
            for place, column in enumerate(columns):
                table[:, place] = column
            return table
        import pandas as pd

        made = {}
        for place, name in enumerate(self.example.columns):
            dtype = self.example.iloc[:, place].dtype
            column = pd.Series(columns[place])
            if place in self.categories:
                column = column.astype(dtype) if dtype.kind not in "iub" or not column.isna().any() else column.astype(float)
            made[name] = column
        return pd.DataFrame(made)


def _whole(values: Any) -> bool:
    """Say whether a column has whole numbers, and more than one."""
    return bool((values == np.round(values)).all()) and len(np.unique(values)) > 1


def _objects(values: list[Any]) -> Any:
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _texts(model: Any, example: list[Any], rng: Any) -> Iterator[tuple[str, Any]]:
    words = sorted({str(word) for text in example for word in str(text).split()})
    for part in parts(model):
        known = getattr(part, "vocabulary_", None)
        if isinstance(known, dict):
            words += sorted(map(str, known))[:20_000]
    words = words or ["word"]

    def some(count: int) -> list[str]:
        return [" ".join(rng.choice(words, size=int(rng.integers(1, 30)))) for _ in range(count)]

    yield "spread", some(SPREAD)
    yield "unseen words", [f"{text} {strange}" for text, strange in zip(some(FEW), np.resize(STRANGE_TEXTS, FEW).tolist(), strict=True)] + STRANGE_TEXTS
    yield "alone", some(ALONE)
    yield "large batch", some(LARGE)


def _tensors(example: dict[str, Any], rng: Any) -> Iterator[tuple[str, Any]]:
    arrays = {name: np.asarray(value) for name, value in example.items()}
    cells = max(1, sum(int(np.prod(value.shape[1:])) for value in arrays.values()))

    def some(count: int, scale: float = 1.0) -> dict[str, Any]:
        count = max(ALONE, min(count, CELLS // cells))
        return {name: _like(value, count, scale, rng) for name, value in arrays.items()}

    yield "spread", some(SPREAD)
    yield "out of range", some(FEW, 10.0)
    yield "zeros", {name: np.zeros((ALONE, *value.shape[1:]), value.dtype) for name, value in arrays.items()}
    yield "alone", some(ALONE)
    yield "large batch", some(LARGE)


def _like(value: Any, count: int, scale: float, rng: Any) -> Any:
    shape = (count, *value.shape[1:])
    if value.dtype.kind in "iub":
        return rng.integers(int(value.min()), int(value.max()) + 1, shape).astype(value.dtype)
    if value.dtype.kind in "OU":
        return rng.choice([*{str(one) for one in value.ravel().tolist()}, *STRANGE_TEXTS], shape).astype(object)
    spread = float(value.std()) or 1.0
    return (float(value.mean()) + scale * spread * rng.standard_normal(shape)).astype(value.dtype)
