"""What a manifest says about a live model: its parameters and its signature.

The one rule: describing never fails a save. A property of the user's class that raises means that nothing is known.
"""

from __future__ import annotations

import inspect
import types
from typing import Any, NamedTuple

import numpy as np

from holdfast.errors import quoted
from holdfast.values.manifest import Feature, Signature


class _Names(NamedTuple):
    """Names of parameters, attributes that hold others by name, and whether None is left out."""

    names: tuple[str, ...]
    places: tuple[str, ...]
    without_none: bool


_PARAMS = 500
_known: dict[type, _Names] = {}
_NAMED = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.mean))
"""Types of functions, which are told by their names."""
_GIVEN = {"xgboost": ("kwargs",), "lightgbm": ("_other_params", "params"), "catboost": ("_init_params",)}
"""Where estimators of a library keep parameters that their constructors do not name."""


def params_of(model: Any) -> dict[str, str]:
    """Return constructor parameters, nested ones as ``step__name``, each as text of at most 200 characters."""
    found: dict[str, str] = {}
    _params(model, "", found, 0)
    _training(model, found)
    return found


def _params(model: Any, prefix: str, found: dict[str, str], depth: int) -> None:
    cls = type(model)
    known = _known.get(cls)
    if known is None:
        known = _known[cls] = _names_of(cls)
    state = getattr(model, "__dict__", {})
    values = {name: state[name] for name in known.names if name in state}
    for given in map(state.get, known.places):
        if type(given) is dict:
            values.update({key: value for key, value in given.items() if type(key) is str})
    if known.without_none:
        values = {name: value for name, value in values.items() if value is not None}
    for name, value in values.items():
        if len(found) >= _PARAMS:
            break
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
        elif kind in (list, tuple, dict) and _plain(value):
            found[key] = quoted(repr(value), 200)
        elif kind in _NAMED or issubclass(kind, type):
            found[key] = quoted(f"{value.__module__}.{value.__name__}", 200)
        else:
            found[key] = f"<{quoted(kind.__qualname__, 100)}>"


def _plain(value: Any, depth: int = 0) -> bool:
    """Say whether a short container holds nothing but plain values, so that its text is the same in every process."""
    kind = type(value)
    if kind in (list, tuple, dict):
        parts = [*value, *value.values()] if kind is dict else value
        return depth < 4 and len(value) <= 50 and all(_plain(part, depth + 1) for part in parts)
    return kind in (int, float, bool, str) or value is None


def _names_of(cls: type) -> _Names:
    """Return the constructor's parameters; where it hands others on to the class below, those of that one too."""
    names: dict[str, None] = {}
    for one in cls.__mro__:
        lister = getattr(one, "_get_param_names", None)
        try:
            names.update(dict.fromkeys(lister() if callable(lister) else ()))
            hands_on = any(part.kind is part.VAR_KEYWORD for part in inspect.signature(one.__init__).parameters.values())  # type: ignore[misc]
        except Exception:
            break
        if not hands_on:
            break
    roots = {base.__module__.partition(".")[0] for base in cls.__mro__}
    # None is what was not given to XGBoost, of forty parameters
    return _Names(tuple(names), tuple(place for root, places in _GIVEN.items() if root in roots for place in places), "xgboost" in roots)


def _training(model: Any, found: dict[str, str]) -> None:
    """Add how a model of Keras is trained on, where it says so."""
    if not any(base.__module__.partition(".")[0] == "keras" for base in type(model).__mro__):
        return
    optimizer, loss = _get(model, "optimizer"), _get(model, "loss")
    try:
        config = optimizer.get_config() if optimizer is not None else {}
    except Exception:
        return
    if optimizer is not None:
        found["optimizer"] = quoted(type(optimizer).__name__, 100)
    for name, value in config.items():
        if isinstance(name, str) and value is not None and name != "name" and len(found) < _PARAMS:
            # a schedule is told as what makes it
            shown = value.get("class_name", "") if isinstance(value, dict) else value
            found[f"optimizer__{name}"] = quoted(repr(shown), 200)
    if isinstance(loss, str):
        found["loss"] = quoted(repr(loss), 200)


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
