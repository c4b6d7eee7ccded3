"""Save a trained model once, load it anywhere: safely, fast, and provably the same.

    import holdfast

    holdfast.save(model, "churn.safetensors", example=X[:5])
    model = holdfast.load("churn.safetensors")

Importing this package imports nothing else; each function brings what it needs when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.api import compare, connect, convert, dumps, export, expression, inspect, load, loads, predictor, register, save, verify
    from holdfast.artifact.background import Saving
    from holdfast.artifact.convert import Converted
    from holdfast.artifact.inspect import Inspection
    from holdfast.artifact.replay import Proof
    from holdfast.artifact.save import Saved
    from holdfast.comparing.result import Comparison
    from holdfast.errors import *  # noqa: F403
    from holdfast.exports.about import Exported
    from holdfast.store.store import Store
    from holdfast.store.version import Version
    from holdfast.values.predictor import Predictor

__version__ = "0.1.0"

_FUNCTIONS = ("compare", "connect", "convert", "dumps", "export", "expression", "inspect", "load", "loads", "predictor", "register", "save", "verify")
_VALUES = {"Comparison": "comparing.result", "Converted": "artifact.convert", "Exported": "exports.about", "Inspection": "artifact.inspect", "Proof": "artifact.replay", "Saved": "artifact.save", "Saving": "artifact.background", "Predictor": "values.predictor", "Store": "store.store", "Version": "store.store"}

__all__ = ["Comparison", "Converted", "Exported", "Inspection", "Predictor", "Proof", "Saved", "Saving", "Store", "Version", "compare", "connect", "convert", "dumps", "export", "expression", "inspect", "load", "loads", "predictor", "register", "save", "verify"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _FUNCTIONS:
        found = getattr(import_module("holdfast.api"), name)
    elif name in _VALUES:
        found = getattr(import_module(f"holdfast.{_VALUES[name]}"), name)
    else:
        errors = import_module("holdfast.errors")
        if name not in errors.__all__:
            raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
        found = getattr(errors, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    from holdfast import errors

    return sorted({*globals(), *__all__, *errors.__all__})
