"""Expressions as a transformer of scikit-learn.

Strategy. The whole state is what the constructor was given, and what `fit` saw of the columns: their number and their names. Trees are made
of the texts when they are needed, and kept beside by text, so that pickle, joblib, clone and a file see plain attributes only.

The one rule: a text is parsed again wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from holdfast.errors import InvalidExpression
from holdfast.formula.columns import Rows, place_of, places
from holdfast.formula.evaluate import evaluate
from holdfast.formula.expand import placed
from holdfast.formula.kinds import Resolved, resolve
from holdfast.formula.parse import parse
from holdfast.formula.tree import Column, columns_of
from holdfast.values import limits


class Output(NamedTuple):
    """One output of a transformer that was fitted.

    Attributes:
        name: the name of its column.
        text: its text.
        resolved: its tree, with the kinds of everything.
        places: key of a column in the tree -> its place among the inputs.
    """

    name: str
    text: str
    resolved: Resolved
    places: dict[int | str, int]


@lru_cache(maxsize=1024)
def _read(text: str) -> tuple[Resolved, tuple[Column, ...]]:
    tree = parse(text)
    return resolve(tree, text), tuple(columns_of(tree))


def checked_texts(expressions: Any) -> tuple[str, ...]:
    """Return the texts of a transformer, once all of them are expressions.

    Raises:
        InvalidExpression: one of them is not; or there are none, or too many.
    """
    texts = (expressions,) if isinstance(expressions, str) else tuple(expressions) if isinstance(expressions, Iterable) else ()
    if not texts:
        raise InvalidExpression("give at least one expression, as in expression('x0 / x1')")
    if len(texts) > limits.EXPRESSIONS:
        raise InvalidExpression(f"there are {len(texts)} expressions; {limits.EXPRESSIONS} are allowed in one transformer")
    for text in texts:
        if type(text) is not str:
            raise InvalidExpression(f"an expression is a text, and not {type(text).__name__}; write one as in 'x0 / x1'")
        _read(text)
    return texts


def checked_names(names: Any, texts: Sequence[str]) -> list[str]:
    """Return the names of the outputs: those that were given, or the texts themselves.

    Raises:
        InvalidExpression: there are not as many names as outputs, or two are the same.
    """
    if names is None:
        made = [text.strip() for text in texts]
        doubled = "two expressions are the same text; give names="
    else:
        made = [names] if isinstance(names, str) else list(names)
        doubled = "two outputs have the same name"
    if len(made) != len(texts) or not all(type(name) is str for name in made):
        raise InvalidExpression(f"names= are {len(made)}, and the expressions are {len(texts)}; give one text for each")
    if len(set(made)) != len(made):
        raise InvalidExpression(doubled)
    return made


class Expression(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """New columns by expressions over columns; what `holdfast.expression` makes.

    Args:
        expressions: one text or several, see docs/expressions.md.
        names: names of the outputs; by default the texts.
        keep: pass the inputs through before the outputs; they have to be numbers.

    Attributes:
        n_features_in_: columns that `fit` saw.
        feature_names_in_: their names, when they had names.

    Examples:
        >>> Expression(("x0 / x1", "x0 > 1"), names=("ratio", "large")).fit_transform([[1.0, 2.0], [3.0, 0.0]])
        array([[0.5, 0. ],
               [inf, 1. ]])
    """

    def __init__(self, expressions: Any = (), *, names: Any = None, keep: bool = False) -> None:
        self.expressions = expressions
        self.names = names
        self.keep = keep

    def fit(self, X: Any, y: Any = None) -> Expression:
        """Look at the columns, and at nothing else of the rows.

        Args:
            X: rows of shape (rows, columns): an array, a frame, or lists.
            y: not looked at.

        Raises:
            InvalidExpression: a text is not an expression, or names a column that is not there.
        """
        rows = Rows(X)
        self.check()
        validate_data(self, rows.given, skip_check_array=True)
        self.outputs()
        names = list(self.get_feature_names_out())
        if len(set(names)) != len(names):
            raise InvalidExpression("an output has the name of an input that is kept; give names=")
        return self

    def check(self) -> None:
        """Look at the parameters.

        Raises:
            InvalidExpression: a text is not an expression, or the names do not fit.
        """
        checked_names(self.names, checked_texts(self.expressions))
        if type(self.keep) is not bool:
            raise InvalidExpression(f"keep={self.keep!r} is neither True nor False")

    def outputs(self) -> list[Output]:
        """Return the outputs of a transformer that was fitted, for what evaluates or translates them.

        Raises:
            InvalidExpression: a text is not an expression, or names a column that is not there.
        """
        texts = checked_texts(self.expressions)
        known = places(getattr(self, "feature_names_in_", None))
        made = []
        for name, text in zip(checked_names(self.names, texts), texts, strict=True):
            resolved, columns = _read(text)
            made.append(Output(name, text, resolved, {one.key: place_of(one, text, known, self.n_features_in_) for one in columns}))
        return made

    def transform(self, X: Any) -> Any:
        """Return the values of the expressions.

        Args:
            X: rows of shape (rows, columns) with the columns that `fit` saw.

        Returns:
            float64 of shape (rows, outputs), after the inputs with ``keep``; truths are 1.0 and 0.0. A frame after ``set_output``.

        Raises:
            TypeError: a column holds something else than the expression needs.
            ValueError: the columns are not those of `fit`.
        """
        check_is_fitted(self, "n_features_in_")
        rows = Rows(X)
        validate_data(self, rows.given, reset=False, skip_check_array=True)
        made = [_placed(one) for one in self.outputs()]

        def column(place: Any, text: bool) -> Any:
            return rows.texts(place) if text else rows.numbers(place)

        values = evaluate(made, column, rows.length)
        if not self.keep:
            return values
        return np.hstack([np.column_stack([rows.numbers(place) for place in range(rows.width)]), values])

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the outputs, after those of the inputs with ``keep``, as an array of objects."""
        check_is_fitted(self, "n_features_in_")
        names = checked_names(self.names, checked_texts(self.expressions))
        held = list(_check_feature_names_in(self, input_features)) if self.keep else []
        return np.array(held + names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def _placed(output: Output) -> Resolved:
    """Return an output over columns by place, so that a column with two names is read once."""
    tree = placed(output.resolved.tree, output.places)
    return Resolved(tree, frozenset(output.places[key] for key in output.resolved.texts))
