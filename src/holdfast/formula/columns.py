"""Columns of what people give as rows: arrays, frames and lists, as numbers or as texts.

The one rule: nothing is guessed. A column that holds something else than the expression needs is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from holdfast.errors import InvalidExpression, quoted
from holdfast.formula.parse import wrong
from holdfast.formula.tree import Column

_NUMBERS = "biuf"


class Rows:
    """Rows of an array or of a frame, column by column.

    Attributes:
        given: the array or the frame.
        names: names of the columns, where they are all texts; else None.
        width: how many columns there are.
        length: how many rows.
    """

    def __init__(self, given: Any) -> None:
        self.given = given
        if hasattr(given, "columns") and hasattr(given, "shape"):
            names = list(given.columns)
            self.names = names if all(type(name) is str or isinstance(name, str) for name in names) else None
        else:
            if hasattr(given, "toarray"):
                raise TypeError("sparse input is not supported by expressions; give dense rows, X.toarray()")
            self.given = given = given if isinstance(given, np.ndarray) else _array(given)
            self.names = None
        if len(given.shape) != 2:
            raise ValueError(f"rows have two axes, and these have {len(given.shape)}. Reshape your data: X.reshape(-1, 1) for one column, X.reshape(1, -1) for one row")
        if getattr(getattr(given, "dtype", None), "kind", "") == "c":
            raise ValueError("Complex data not supported: expressions are over real numbers")
        self.length, self.width = (int(one) for one in given.shape)

    def column(self, place: int) -> Any:
        """Return a column as it was given."""
        if isinstance(self.given, np.ndarray):
            return self.given[:, place]
        if hasattr(self.given, "iloc"):
            return self.given.iloc[:, place]
        return self.given[self.given.columns[place]]

    def shown(self, place: int) -> str:
        """Return how a message names a column."""
        return f"column {quoted(self.names[place])!r}" if self.names else f"column x{place}"

    def numbers(self, place: int) -> Any:
        """Return a column as float64, with NaN where there is nothing.

        Raises:
            TypeError: it holds something that is no number.
        """
        column = self.column(place)
        try:
            if hasattr(column, "iloc") and not isinstance(column.dtype, np.dtype):
                column = column.to_numpy(dtype=object, na_value=np.nan)
            array = np.asarray(column)
            if array.dtype.kind == "O":
                array = _plain_numbers(array)
            if array.dtype.kind in _NUMBERS:
                return np.ascontiguousarray(array, np.float64)  # numpy has other loops, with other last digits, for what does not lie together
        except (TypeError, ValueError):
            array = None
        kind = "" if array is None or array.dtype.kind == "O" else f" ({array.dtype})"
        raise TypeError(f"{self.shown(place)} is used as numbers, and holds something else{kind}; an expression can compare texts, as in city == 'Aarhus', and text(city) says that a column holds such")

    def texts(self, place: int) -> Any:
        """Return a column as objects that are str, or None where there is nothing.

        Raises:
            TypeError: it holds something that is no text.
        """
        column = self.column(place)
        if hasattr(column, "iloc"):
            array = column.to_numpy(dtype=object, na_value=None)
        else:
            array = np.asarray(column).astype(object)
        made = np.empty(len(array), object)
        for row, value in enumerate(array.tolist()):
            if type(value) is str or value is None:
                made[row] = value
            elif isinstance(value, str):
                made[row] = str(value)
            elif not (isinstance(value, float) and value != value) and type(value).__name__ not in ("NAType", "NaTType"):
                raise TypeError(f"{self.shown(place)} is used as texts, and holds a {type(value).__name__} in row {row}")
        return made


def _array(given: Any) -> Any:
    if isinstance(given, Sequence) and not isinstance(given, str) and given and isinstance(given[0], Sequence) and any(isinstance(one, str) or one is None for one in given[0]):
        return np.array(given, dtype=object)  # numpy would make texts of its numbers
    return np.asarray(given)


def _plain_numbers(array: Any) -> Any:
    """Return an array of objects as float64; texts that look like numbers are not taken for such."""
    if any(isinstance(value, (str, bytes)) for value in array.tolist()):
        return array
    return np.array([np.nan if value is None or type(value).__name__ == "NAType" else value for value in array.tolist()]).astype(np.float64)


def place_of(column: Column, text: str, names: Mapping[str, int] | None, width: int) -> int:
    """Return the place of a column of an expression among the columns that there are.

    Args:
        column: the column.
        text: the whole expression, for the message.
        names: name -> place; None when the columns have no names.
        width: how many columns there are.

    Raises:
        InvalidExpression: there is no such column, or it is not clear which is meant.
    """
    key = column.key
    if type(key) is int:
        if key >= width:
            raise wrong(text, column.span, f"there is no column x{key}: there are {width}, x0 to x{width - 1}")
        if names and names.get(f"x{key}", key) != key:
            raise wrong(text, column.span, f"x{key} is the column in place {key}, and another column has this name", f'For the one of this name write col("x{key}").')
        return key
    if names is None:
        raise wrong(text, column.span, f"{quoted(key)!r} is the name of a column, and these rows have no names", f"Write x0 to x{width - 1}, or fit on a frame.")
    if key not in names:
        raise wrong(text, column.span, f"there is no column {quoted(key)!r}", f"There are: {_listed(list(names))}.")
    return names[str(key)]


def _listed(names: list[str]) -> str:
    shown = ", ".join(quoted(name, 60) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"


def places(names: Sequence[str] | None) -> dict[str, int] | None:
    """Return name -> place.

    Raises:
        InvalidExpression: two columns have one name.
    """
    if names is None:
        return None
    found = {str(name): place for place, name in enumerate(names)}
    if len(found) != len(names):
        raise InvalidExpression("two columns have the same name; an expression would not know which is meant")
    return found
