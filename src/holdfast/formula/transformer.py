"""Expressions as a transformer of scikit-learn.

Strategy. The whole state is what the constructor was given, and what `fit` saw of the columns: their number and their names. Trees are made
of the texts when they are needed, and kept beside by text, so that pickle, joblib, clone and a file see plain attributes only.

The one rule: a text is parsed again wherever it comes from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from holdfast.formula.columns import Rows, places
from holdfast.formula.evaluate import evaluate
from holdfast.formula.expand import placed
from holdfast.formula.kinds import Resolved
from holdfast.formula.state import Output, check_state, checked_names, checked_texts, outputs_of


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
            ValueError: there are no rows or no columns.
        """
        rows = Rows(X)
        check_state(self.expressions, self.names, self.keep, None, None)
        places(rows.names)
        if not rows.length or not rows.width:
            raise ValueError(f"Found array with {rows.length} sample(s) and {rows.width} feature(s) (shape={(rows.length, rows.width)}) while a minimum of 1 is required.")
        validate_data(self, rows.given, skip_check_array=True)
        check_state(self.expressions, self.names, self.keep, self.n_features_in_, self._names_in())
        return self

    def outputs(self) -> list[Output]:
        """Return the outputs of a transformer that was fitted, for what evaluates or translates them.

        Raises:
            InvalidExpression: a text is not an expression, or names a column that is not there.
        """
        return outputs_of(self.expressions, self.names, self.n_features_in_, self._names_in())

    def _names_in(self) -> list[str] | None:
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

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
