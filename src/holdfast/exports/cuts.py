"""The thresholds of a model's trees, in the columns of the rows that the model is given.

Rows that lie exactly on a threshold, or one step of a float beside it, are where translated trees go wrong first. Thresholds behind
a scaler are carried back through it, so that the scaled value is the threshold again, to the last bits.

The one rule: a threshold that cannot be carried back is left out, and no row is made up for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

FARTHEST = 1e30
"""Thresholds beyond this stand for infinity in some libraries; no row is made for them."""

Cuts = dict[int, Any]
"""Column -> array of float64 values."""


def around(values: Any) -> Any:
    """Return values, their neighbours in float64, the two of float32 around them, and what lies between those.

    Args:
        values: an array of float64.
    """
    values = np.asarray(values, float)
    with np.errstate(all="ignore"):
        below = values.astype(np.float32)
        below = np.where(below.astype(float) > values, np.nextafter(below, np.float32(-np.inf)), below).astype(np.float32)
        above = np.nextafter(below, np.float32(np.inf)).astype(float)
        low = below.astype(float)
        found = np.concatenate([values, np.nextafter(values, -np.inf), np.nextafter(values, np.inf), low, above, low + (above - low) / 2])
    return found[np.abs(found) < FARTHEST]


def cuts_of(model: Any) -> Cuts:
    """Return the values of each column of a model's rows at which, and beside which, its trees decide."""
    found: dict[int, list[Any]] = {}
    for column, values in _cuts(model):
        found.setdefault(column, []).append(values)
    return {column: np.unique(np.concatenate(values)) for column, values in sorted(found.items())}


def _cuts(model: Any) -> Iterator[tuple[int, Any]]:
    name = type(model).__name__
    module = type(model).__module__.partition(".")[0]
    state = getattr(model, "__dict__", {})
    if "steps" in state:
        yield from _behind([step for _, step in model.steps[:-1]], dict_of(_cuts(model.steps[-1][1])))
    elif hasattr(model, "tree_"):
        yield from _by_column(model.tree_.feature, model.tree_.threshold)
    elif "_predictors" in state:
        from holdfast.exports.hist_trees import hist_trees

        for tree in hist_trees(model).trees:
            seen = ~tree.leaf & (tree.feature < model.n_features_in_)
            yield from _by_column(np.where(seen, tree.feature, -1), tree.split)
    elif module in ("xgboost", "lightgbm", "catboost"):
        yield from _of_booster(module, model)
    elif "estimators_" in state and name not in ("OneVsRestClassifier", "StackingClassifier", "StackingRegressor"):
        yield from _of_members(model)
    elif "estimators_" in state:
        for one in model.estimators_:
            yield from _cuts(one)
    for attribute in ("estimator_", "best_estimator_"):
        if hasattr(state.get(attribute), "__dict__") and "estimators_" not in state:
            yield from _cuts(state[attribute])


def dict_of(pairs: Any) -> Cuts:
    """Return pairs of column and values with the values of each column joined."""
    found: dict[int, list[Any]] = {}
    for column, values in pairs:
        found.setdefault(column, []).append(values)
    return {column: np.concatenate(values) for column, values in found.items()}


def _by_column(features: Any, thresholds: Any) -> Iterator[tuple[int, Any]]:
    for column in np.unique(features[features >= 0]).tolist():
        yield int(column), around(np.unique(thresholds[features == column]))


def _of_members(model: Any) -> Iterator[tuple[int, Any]]:
    members = model.estimators_
    members = members.ravel().tolist() if isinstance(members, np.ndarray) else members
    chosen = getattr(model, "estimators_features_", None)
    for place, one in enumerate(members):
        if not hasattr(one, "__dict__"):
            continue
        for column, values in _cuts(one):
            yield (int(chosen[place][column]) if chosen is not None else column), values


def _of_booster(module: str, model: Any) -> Iterator[tuple[int, Any]]:
    from holdfast.errors import UnsupportedOperation
    from holdfast.exports.boosters import READERS

    try:
        trees = READERS[module](model).trees
    except UnsupportedOperation:
        return
    for tree in trees:
        yield from _by_column(np.where(tree.leaf, -1, tree.feature), tree.split)


def _behind(steps: list[Any], cuts: Cuts) -> Iterator[tuple[int, Any]]:
    """Yield thresholds as values of what goes into some steps, the last of which gives what the thresholds are compared with."""
    for step in reversed(steps):
        cuts = _before(step, cuts)
    yield from cuts.items()


def _before(step: Any, cuts: Cuts) -> Cuts:
    if step in (None, "passthrough"):
        return cuts
    state = getattr(step, "__dict__", {})
    if "steps" in state:
        return dict_of(_behind([inner for _, inner in step.steps], cuts))
    if "transformers_" in state:
        return dict_of(_before_columns(step, cuts))
    if hasattr(step, "get_support"):
        kept = step.get_support(indices=True)
        return {int(kept[column]): values for column, values in cuts.items() if column < len(kept)}
    if type(step).__name__ in ("SimpleImputer", "KNNImputer"):
        return cuts
    return _inverted(step, cuts)


def _inverted(step: Any, cuts: Cuts) -> Cuts:
    width = getattr(step, "n_features_in_", 0)
    if not hasattr(step, "inverse_transform") or type(step).__module__.startswith("sklearn.decomposition"):
        return {}
    found = {}
    for column, values in cuts.items():
        if column >= width:
            continue
        table = np.zeros((len(values), width))
        table[:, column] = values
        try:
            back = np.asarray(step.inverse_transform(table), float)[:, column]
        except Exception:
            continue
        near = np.concatenate([back, np.nextafter(back, -np.inf), np.nextafter(back, np.inf)])
        found[column] = near[np.isfinite(near)]
    return found


def _before_columns(step: Any, cuts: Cuts) -> Iterator[tuple[int, Any]]:
    names = list(getattr(step, "feature_names_in_", ()))
    for name, inner, columns in step.transformers_:
        where = step.output_indices_.get(name)
        if where is None or (isinstance(inner, str) and inner == "drop"):
            continue
        try:
            chosen = list(range(step.n_features_in_))[columns] if isinstance(columns, slice) else list(np.atleast_1d(columns))
            places = [names.index(one) if isinstance(one, str) else int(one) for one in chosen]
        except (TypeError, ValueError):
            continue
        inside = {column - where.start: values for column, values in cuts.items() if where.start <= column < where.stop}
        back = _before(None if isinstance(inner, str) else inner, inside)
        for column, values in back.items():
            if column < len(places):
                yield places[column], values
