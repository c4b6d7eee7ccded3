"""State that says which columns: numpy takes -1 for the last one, so a wrong number answers with another column's values.

The one rule: a number of a column is one of 0..n-1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import quoted
from holdfast.trust.state.fields import FLOAT64, INDEX_DTYPES, Fields, array, field, first, integer, matrix, refuse, sequence, vector

__all__ = ["PATHS", "check_bags", "check_chain", "check_count_sketch", "check_imputation", "check_indicator"]

PATHS = frozenset({"_average_path_length_per_tree", "_decision_path_lengths"})
"""Attributes of a forest of isolation trees with one number for each node of each tree."""

_MOST = 2**31 - 1
_LENGTHS = (FLOAT64, *INDEX_DTYPES)


def check_bags(fields: Fields, where: str) -> None:
    """Check Bagging and IsolationForest: which columns each member is asked about.

    Fields: n_features_in_, estimators_features_, widths (n_features_in_ of each member, None where it has none); and where
    the model has them, those of `PATHS` (one array for each member) and nodes (how many nodes each member's tree has).
    """
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    widths = sequence(fields, "widths", where)
    for i, chosen in enumerate(sequence(fields, "estimators_features_", where, len(widths))):
        _check_columns(chosen, f"estimators_features_[{i}]", columns, where)
        if widths[i] is not None and widths[i] != len(chosen):
            refuse(where, f"estimators_features_[{i}] has {len(chosen)} columns, and its member takes {quoted(widths[i], 40)}")
    for name in sorted(PATHS.intersection(fields)):
        sizes = [len(array(part, f"{name}[{i}]", where, 1, _LENGTHS)) for i, part in enumerate(sequence(fields, name, where))]
        if sizes != field(fields, "nodes", where):
            refuse(where, f"{name} does not have one element for each node of each tree")


def check_count_sketch(fields: Fields, where: str) -> None:
    """Check PolynomialCountSketch: n_components, indexHash_, bitHash_; each feature goes to one of the components, with a sign."""
    count = integer(fields, "n_components", where, 1, _MOST)
    places = matrix(fields, "indexHash_", where, INDEX_DTYPES)
    signs = matrix(fields, "bitHash_", where, INDEX_DTYPES, places.shape)
    _check_columns(places.ravel(), "indexHash_", count, where)
    if not (np.abs(signs) == 1).all():
        refuse(where, "bitHash_ holds something else than 1 and -1")


def check_imputation(fields: Fields, where: str) -> None:
    """Check IterativeImputer: n_features_in_, and of each of its steps feat_idx, the column that is filled in, and neighbor_feat_idx, from which."""
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    filled = sequence(fields, "feat_idx", where)
    for i, (one, others) in enumerate(zip(filled, sequence(fields, "neighbor_feat_idx", where, len(filled)), strict=True)):
        place = f"{where}.imputation_sequence_[{i}]"
        integer({"feat_idx": one}, "feat_idx", place, 0, columns - 1)
        _check_columns(others, "neighbor_feat_idx", columns, place)


def check_chain(fields: Fields, where: str) -> None:
    """Check the order_ of a chain of estimators: how many (members) there are, each once; what it leaves out is never written to."""
    members = integer(fields, "members", where, 1, _MOST)
    order = field(fields, "order_", where)
    numbers = order.tolist() if type(order) is np.ndarray else sequence(fields, "order_", where)
    if not all(type(number) is int for number in numbers) or sorted(numbers) != list(range(members)):
        refuse(where, f"order_ is not an order of its {members} estimators")


def check_indicator(fields: Fields, where: str) -> None:
    """Check MissingIndicator: which of its _n_features columns it tells about, in features_."""
    _check_columns(field(fields, "features_", where), "features_", integer(fields, "_n_features", where, 0, _MOST), where)


def _check_columns(values: Any, name: str, count: int, where: str) -> None:
    numbers = vector({name: values}, name, where, INDEX_DTYPES)
    if (wrong := (numbers < 0) | (numbers >= count)).any():
        refuse(where, f"{name}[{first(wrong)}] is {numbers[first(wrong)]}, outside 0..{count - 1}")
