"""Splits by category, as columns of zeros and ones: one for each set of categories that a tree asks about.

Operators for trees compare numbers. A question "is it one of these" becomes a column that holds its answer, looked up in a table by the
category; the tree then compares that column with one half. Values that are no category, and missing ones, have a line of
their own in the table, so that each library's own rule for them is kept.

The one rule: an answer is looked up for a value as it is given; nothing is ordered or rounded but what the library itself rounds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from holdfast.exports.onnx_writer import Writer
from holdfast.exports.tree_tables import Tree

HALF = 0.5
INT64, BOOL = 7, 9


class Column(NamedTuple):
    """A column of categories and the questions that trees ask about it.

    Attributes:
        place: the column of the rows.
        categories: its values, as numbers; the order is that of the answers.
        answers: array (categories + 2, questions), 0 for yes and 1 for no; the last two lines are for other values and for missing ones.
        whole: what is done with values before they are looked up: nothing, ``cut`` to whole numbers, or ``floor``.
    """

    place: int
    categories: Any
    answers: Any
    whole: str


class Questions:
    """Collects questions while trees are read.

    Attributes:
        width: columns of the rows; questions are numbered from there.
    """

    def __init__(self, width: int, whole: str = "") -> None:
        self.width = width
        self._whole = whole
        self._asked: dict[tuple[int, bytes], int] = {}
        self._categories: dict[int, Any] = {}

    def knows(self, place: int, categories: Any) -> None:
        """Say which categories a column has."""
        self._categories[place] = np.asarray(categories, float)

    def categories(self, place: int) -> Any:
        """Return the categories of a column."""
        return self._categories[place]

    def ask(self, place: int, answers: Any) -> int:
        """Return the number of a question.

        Args:
            place: the column.
            answers: whether each category goes to ``yes``, then whether other values do, then whether missing ones do.
        """
        key = (place, np.asarray(answers, bool).tobytes())
        return self._asked.setdefault(key, self.width + len(self._asked))

    def columns(self) -> list[Column]:
        """Return the columns with their questions."""
        found = []
        for place in sorted({place for place, _ in self._asked}):
            answers = [1.0 - np.frombuffer(key, bool).astype(float) for where, key in self._asked if where == place]
            found.append(Column(place, self._categories[place], np.column_stack(answers), self._whole))
        return found

    def placed(self, trees: list[Tree]) -> list[Tree]:
        """Return trees whose questions are numbered by column, as `columns` gives them."""
        order = sorted(self._asked, key=lambda key: key[0])
        numbers = np.zeros(self.width + len(order), np.int64)
        numbers[: self.width] = np.arange(self.width)
        for number, key in enumerate(order):
            numbers[self._asked[key]] = self.width + number
        return [tree._replace(feature=numbers[tree.feature]) for tree in trees]


def widened(w: Writer, rows: str, columns: list[Column], kind: Any) -> str:
    """Write rows, of the numpy dtype `kind`, with a column more for each question."""
    return w.node("Concat", [rows, *(_answered(w, rows, column, kind) for column in columns)], axis=1)


def _answered(w: Writer, rows: str, column: Column, kind: Any) -> str:
    value = w.node("Gather", [rows, w.constant(np.array([column.place], np.int64))], axis=1)
    missing = w.node("IsNaN", [value])
    if column.whole == "floor":
        value = w.node("Floor", [value])
    elif column.whole == "cut":
        value = w.node("Mul", [w.node("Sign", [value]), w.node("Floor", [w.node("Abs", [value])])])
    count = len(column.categories)
    other = w.constant(np.array([count], np.int64))
    if count:
        same = w.node("Cast", [w.node("Equal", [value, w.constant(column.categories[None, :].astype(kind))])], to=INT64)
        found = w.node("Cast", [w.node("ReduceMax", [same, w.constant(np.array([1], np.int64))], keepdims=1)], to=BOOL)
        place = w.node("Where", [found, w.node("ArgMax", [same], axis=1, keepdims=1), other])
    else:
        place = w.node("Where", [missing, other, other])
    place = w.node("Where", [missing, w.constant(np.array([count + 1], np.int64)), place])
    flat = w.node("Reshape", [place, w.constant(np.array([-1], np.int64))])
    return w.node("Gather", [w.constant(column.answers.astype(kind)), flat], axis=0)
