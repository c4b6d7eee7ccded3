"""Example rows made up from a model alone, for those who may not keep real ones.

Ranges come from what the model knows: means and scales of a scaler, minima and maxima, bin edges, categories, tree
thresholds, a vocabulary; where it knows nothing, a standard normal. The same model gives the same rows.

The one rule: rows are made from parameters of the model, never from stored training rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import UnsupportedModel, quoted
from holdfast.frameworks.asking import Input, inputs_of

ROWS = 16
_Array = np.ndarray[Any, Any]


def synthetic_rows(model: Any) -> Any:
    """Return rows that a model can answer to.

    Raises:
        UnsupportedModel: it does not say what it takes.
    """
    rng = np.random.default_rng(0)
    parts = list(_parts(model))
    vocabulary = next((part.vocabulary_ for part in parts if isinstance(getattr(part, "vocabulary_", None), dict)), None)
    if vocabulary is not None and not hasattr(model, "n_features_in_"):
        words = sorted(map(str, vocabulary))
        return [" ".join(rng.choice(words, size=min(8, len(words)))) for _ in range(ROWS)]
    if known := inputs_of(model):
        made = {one.name: _of_shape(one, rng) for one in known}
        return made if len(made) > 1 else made.popitem()[1]
    count = _safe(model, "n_features_in_")
    if isinstance(count, int | np.integer) and count == 0:  # a CatBoost out of its own file knows its features by name only
        count = len(_safe(model, "feature_names_") or ())
    if not isinstance(count, int | np.integer) or count < 1:
        raise UnsupportedModel(
            f"example='synthetic' needs a fitted model that knows its n_features_in_, and {type(model).__name__} does not; give rows instead"
        )
    count = int(count)
    columns: list[Any] = [rng.standard_normal(ROWS) for _ in range(count)]
    for part in parts:
        _numbers(part, columns, count, rng)
    categories = categories_of(model, count)
    names = _safe(model, "feature_names_in_")
    if categories:
        for place, values in categories.items():
            columns[place] = rng.choice(np.asarray(values, object), ROWS)
    if isinstance(names, np.ndarray) and len(names) == count:
        import pandas as pd

        return pd.DataFrame({str(name): column for name, column in zip(names.tolist(), columns, strict=True)})
    if categories:
        rows = np.empty((ROWS, count), object)
        for place, column in enumerate(columns):
            rows[:, place] = column
        return rows
    return np.column_stack([np.asarray(column, float) for column in columns])


def _of_shape(one: Input, rng: np.random.Generator) -> _Array:
    shape = (ROWS, *one.shape)
    if one.dtype.startswith(("int", "uint", "bool")):
        return rng.integers(0, 2, shape).astype(one.dtype)  # a place in any table of two rows or more
    if not one.dtype.startswith(("float", "bfloat")):
        raise UnsupportedModel(f"rows of {quoted(one.dtype, 40)} cannot be made up; give rows")
    return rng.standard_normal(shape).astype(one.dtype if one.dtype.startswith("float") else "float32")


def _safe(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:
        return None


def _parts(model: Any, depth: int = 0) -> Any:
    yield model
    if depth > 4:
        return
    for name in ("steps", "transformers_", "estimators_"):
        inside = _safe(model, name)
        # gradient boosting keeps its trees in a matrix
        for step in inside.ravel().tolist() if isinstance(inside, np.ndarray) else inside or []:
            inner = step[1] if isinstance(step, tuple) and len(step) > 1 else step
            if hasattr(inner, "__dict__"):
                yield from _parts(inner, depth + 1)
    for name in ("best_estimator_", "estimator_", "estimator"):
        inner = _safe(model, name)
        if hasattr(inner, "__dict__"):
            yield from _parts(inner, depth + 1)


def _numbers(part: Any, columns: list[Any], count: int, rng: np.random.Generator) -> None:
    low, high = _safe(part, "data_min_"), _safe(part, "data_max_")
    mean, scale = _safe(part, "mean_"), _safe(part, "scale_")
    tree = _safe(part, "tree_")
    if _fits(low, count) and _fits(high, count):
        for i in range(count):
            columns[i] = rng.uniform(low[i], high[i] if high[i] > low[i] else low[i] + 1, ROWS)
    elif _fits(mean, count):
        spread = scale if _fits(scale, count) else np.ones(count)
        for i in range(count):
            columns[i] = mean[i] + spread[i] * rng.standard_normal(ROWS)
    elif tree is not None and getattr(tree, "n_features", None) == count:
        for i in range(count):
            cuts = tree.threshold[tree.feature == i]
            if len(cuts):
                width = float(np.ptp(cuts)) or max(1.0, abs(float(cuts[0])))
                columns[i] = rng.uniform(cuts.min() - width / 2, cuts.max() + width / 2, ROWS)


def _fits(values: Any, count: int) -> bool:
    return isinstance(values, np.ndarray) and values.shape == (count,) and bool(np.isfinite(values).all())


def categories_of(model: Any, count: int) -> dict[int, Any]:
    """Return place of a column -> the values that an encoder in the model knows for it."""
    found: dict[int, Any] = {}
    direct = _safe(model, "categories_")
    if isinstance(direct, list) and len(direct) == count:
        return dict(enumerate(direct))
    names = _safe(model, "feature_names_in_")
    places = {str(name): i for i, name in enumerate(names.tolist())} if isinstance(names, np.ndarray) else {}
    for part in _parts(model):
        for step in _safe(part, "transformers_") or []:
            if len(step) != 3 or isinstance(step[1], str):
                continue
            inner = next((one for one in _parts(step[1]) if isinstance(_safe(one, "categories_"), list)), None)
            chosen = step[2]
            if inner is None or not isinstance(chosen, list | np.ndarray) or len(chosen) != len(inner.categories_):
                continue
            for column, values in zip(chosen, inner.categories_, strict=True):
                place = places.get(str(column), column if isinstance(column, int | np.integer) else None)
                if place is not None:
                    found[int(place)] = values
    return found
