"""What a manifest says about a live model: its parameters and its signature.

The one rule: describing never fails a save. A property of the user's class that raises means that nothing is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import quoted
from holdfast.values.manifest import Feature, Signature

_PARAMS = 500
_param_names: dict[type, tuple[str, ...]] = {}


def params_of(model: Any) -> dict[str, str]:
    """Return constructor parameters, nested ones as ``step__name``, each as text of at most 200 characters."""
    found: dict[str, str] = {}
    _params(model, "", found, 0)
    return found


def _params(model: Any, prefix: str, found: dict[str, str], depth: int) -> None:
    cls = type(model)
    names = _param_names.get(cls)
    if names is None:
        lister = getattr(cls, "_get_param_names", None)
        try:
            names = tuple(lister()) if callable(lister) else ()
        except Exception:
            names = ()
        _param_names[cls] = names
    state = getattr(model, "__dict__", {})
    for name in names:
        if name not in state or len(found) >= _PARAMS:
            continue
        value = state[name]
        kind = type(value)
        key = prefix + name
        if kind in (int, float, bool, str) or value is None:
            found[key] = quoted(repr(value), 200)
        elif kind is list and depth < 4 and all(type(step) is tuple and len(step) >= 2 and type(step[0]) is str for step in value):
            found[key] = ", ".join(quoted(step[0], 60) for step in value)
            for step in value:
                _params(step[1], f"{prefix}{step[0]}__", found, depth + 1)
        elif hasattr(kind, "_get_param_names") and depth < 4:
            found[key] = kind.__qualname__
            _params(value, key + "__", found, depth + 1)
        elif isinstance(value, np.generic):
            found[key] = quoted(repr(value.item()), 200)
        else:
            found[key] = f"<{quoted(kind.__qualname__, 100)}>"


def _get(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:
        return None


def signature_of(model: Any, inputs: Any = None, outputs: dict[str, Any] | None = None) -> Signature | None:
    """Return the signature of a model: from the example where there is one, else from what the fitted model knows."""
    classes = _classes(_get(model, "classes_"))
    if inputs is not None:
        kind, features = _inputs(inputs)
    else:
        kind, features = _fitted_inputs(model)
    made = {name: _feature(None, value) for name, value in (outputs or {}).items()}
    if not features and classes is None and not made:
        return None
    return Signature(kind, features, made, classes)


def _classes(classes: Any) -> list[Any] | None:
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) > 10_000:
        return None
    return [value if type(value) in (int, float, str, bool) else str(value) for value in classes.tolist()]


def _fitted_inputs(model: Any) -> tuple[str, list[Feature]]:
    names = _names(model)
    if names and any(name not in (str(place), f"Column_{place}", f"f{place}") for place, name in enumerate(names)):
        return "frame", [Feature(name, "any", [None]) for name in names]
    count = _get(model, "n_features_in_")
    if count is None and type(model).__module__ == "xgboost.core":
        count = _called(_get(model, "num_features"))
    count = len(names) or None if count is None else count
    if isinstance(count, int | np.integer) and not isinstance(count, bool):
        return "array", [Feature(None, "numeric", [None, int(count)])]
    return "array", []


def _called(method: Any) -> Any:
    """Return what a booster says, or None where it has no model yet."""
    try:
        return method()
    except Exception:
        return None


def _names(model: Any) -> list[str]:
    """Return the names of columns that a fitted model knows. Boosters make up names of numbers where they were given none."""
    for name in ("feature_names_in_", "feature_names_", "feature_names", "feature_name"):
        found = _get(model, name)
        if name == "feature_name" and type(model).__module__ == "lightgbm.basic":
            found = _called(found)
        if isinstance(found, np.ndarray | list) and np.ndim(found) == 1 and len(found):
            return [str(one) for one in found]
    return []


def _inputs(inputs: Any) -> tuple[str, list[Feature]]:
    if hasattr(inputs, "columns") and hasattr(inputs, "dtypes"):
        return "frame", [Feature(str(name), str(dtype), [None]) for name, dtype in zip(inputs.columns, inputs.dtypes, strict=True)]
    if isinstance(inputs, dict):
        return "dict", [_feature(str(name), value) for name, value in inputs.items()]
    if isinstance(inputs, list | tuple):
        return "rows", [Feature(None, type(inputs[0]).__name__ if len(inputs) else "any", [None])]
    return ("sparse" if hasattr(inputs, "tocsr") else "array"), [_feature(None, inputs)]


def _feature(name: str | None, value: Any) -> Feature:
    dtype = getattr(value, "dtype", None)
    shape = getattr(value, "shape", None)
    if shape is None:
        return Feature(name, type(value).__name__, [None])
    return Feature(name, str(dtype) if dtype is not None else type(value).__name__, [None, *map(int, shape[1:])])
