"""Our own classes that models are made of: expressions, and adapters of PEFT without their body.

The one rule: what a load would refuse is refused when it is saved.
"""

from __future__ import annotations

import importlib
from typing import Any

from holdfast.errors import InvalidExpression, UnsupportedModel
from holdfast.formula.state import check_state
from holdfast.frameworks import transformers_
from holdfast.frameworks.adapter import Adapter, Shell
from holdfast.frameworks.making import put_attributes


def _dump(expression: Any) -> dict[str, Any]:
    state = dict(vars(expression))
    names = state.get("feature_names_in_")
    try:
        check_state(state.get("expressions"), state.get("names"), state.get("keep"), state.get("n_features_in_"), None if names is None else list(names))
    except InvalidExpression as error:
        raise UnsupportedModel(f"cannot save an Expression: {error.message}") from None
    return state


def _make() -> Any:
    cls = importlib.import_module("holdfast.formula.transformer").Expression
    return cls.__new__(cls)


ADAPTERS: dict[str, Adapter] = {**transformers_.ADAPTERS, "holdfast.formula.transformer.Expression": Shell(_dump, _make, put_attributes)}
