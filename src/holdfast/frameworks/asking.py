"""How a model of any library is asked for an answer: by its own methods, or by the call that its library has instead.

The one rule: a model is as it was before it was asked.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from holdfast.frameworks import FAMILIES, LIBRARIES
from holdfast.frameworks.adapter import defining_name

METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
CALLS = ("forward", "call")
"""Names of the answers of models that have no method of their own for it; see ``ASKED`` in the module of their library."""


def plain_inputs(rows: Any) -> Any:
    """Return rows as an array, or as a dict of arrays where they are named."""
    if isinstance(rows, dict):
        return {name: plain_inputs(value) for name, value in rows.items()}
    return np.asarray(rows.to_numpy() if hasattr(rows, "to_numpy") else rows)


def stacked(columns: dict[str, Any]) -> Any:
    """Return named columns as the one array of a model that takes one."""
    return np.column_stack([np.asarray(value) for value in columns.values()])


def text_columns(frame: Any) -> list[Any]:
    """Return the names of the columns of a frame that hold texts, or objects such as texts."""
    return [name for name in frame.columns if frame[name].dtype == object or str(frame[name].dtype) in ("string", "str")]


def _of_library(model: Any, table: str) -> Any:
    """Return what the module of a model's library has for its class, or the nearest above, in one of its tables; or None."""
    for owner in type(model).__mro__:
        name = defining_name(owner)
        library = FAMILIES.get(name) or LIBRARIES.get(name.partition(".")[0])
        found = getattr(importlib.import_module(library), table, {}) if library else {}
        if name in found:
            return found[name]
    return None


def ways_to_ask(model: Any) -> dict[str, Callable[[Any], Any]]:
    """Return what a model can be asked: method -> a function of rows."""
    asked: dict[str, Callable[[Any, Any], Any]] | None = _of_library(model, "ASKED")
    if asked is not None:
        return {method: lambda rows, ask=ask: ask(model, rows) for method, ask in asked.items()}  # type: ignore[misc]
    return {method: ask for method in METHODS if callable(ask := getattr(model, method, None))}


def takes_names(model: Any) -> bool:
    """Say whether a model is asked by its library's function, which takes named inputs as they are."""
    return _of_library(model, "ASKED") is not None and _of_library(model, "FRAMES") is None


class Input(NamedTuple):
    """What a model takes at one of its inputs: its name where there are several, the shape of one row, and the dtype."""

    name: str | None
    shape: tuple[int, ...]
    dtype: str


def inputs_of(model: Any) -> list[Input]:
    """Return what a model takes, where its library says so in ``INPUTS`` and the model knows it; else nothing."""
    known: Callable[[Any], list[Input]] | None = _of_library(model, "INPUTS")
    return known(model) if known is not None else []


def in_frame(model: Any, frame: Any) -> Any:
    """Return a frame as the library of a model takes it: with categories where it was trained on categories."""
    prepare = _of_library(model, "FRAMES")
    return frame if prepare is None or not hasattr(frame, "columns") else prepare(model, frame)
