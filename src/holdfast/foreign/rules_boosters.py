"""XGBoost, LightGBM and CatBoost: a pickled booster is its library's own bytes, and attributes.

The one rule: the bytes are taken apart, or read line by line, by the same code as those of a native file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import FormatError, UnsupportedModel
from holdfast.foreign.made import Made
from holdfast.foreign.rules_numpy import raw_view
from holdfast.frameworks import ubj
from holdfast.frameworks.lightgbm_ import KNOWN, LEFT_OUT, SIZES
from holdfast.values.outline import Outline


def xgboost_fields(raw: bytes) -> dict[str, Any]:
    """Return the fields of an XGBoost booster from its snapshot or its model file.

    Raises:
        FormatError: it is not in the form that XGBoost writes.
    """
    try:
        found = ubj.read(raw)
    except (ubj.Unknown, RecursionError, MemoryError) as error:
        raise FormatError(f"the bytes of the XGBoost model are not in the form that XGBoost writes ({error}); it is damaged or was altered.") from None
    if type(found) is not dict:
        raise FormatError("the bytes of the XGBoost model hold none; it is damaged or was altered.")
    return found


def _xgboost(made: Made) -> Any:
    state = made.fields()
    raw = state.pop("handle")
    if raw is None:
        raise FormatError("an XGBoost booster without a model in it")
    return Outline(made.name, {**xgboost_fields(bytes(raw_view(raw))), "[attributes]": state})


def lightgbm_fields(text: bytes, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a LightGBM booster from its text.

    Raises:
        UnsupportedModel: it is of another version of the text form.
    """
    if not text.startswith(KNOWN):
        raise UnsupportedModel("the text of the LightGBM model is not of version v4; load it with lightgbm, and save it with holdfast")
    return {"model": np.frombuffer(bytearray(text), np.uint8), "attributes": attributes}


def _lightgbm(made: Made) -> Any:
    state = made.fields()
    text = state.get("_handle", state.get("handle"))
    if type(text) is not str:
        raise FormatError("a LightGBM booster without a model in it")
    return Outline(made.name, lightgbm_fields(text.encode(), {name: value for name, value in state.items() if name not in LEFT_OUT and name not in SIZES}))


def _catboost(made: Made) -> Any:
    state = made.fields()
    raw = state.pop("__model", None)
    evals = state.pop("_test_evals", [])
    attributes: dict[str, Any] = {name: state.pop(name) for name in ("_prediction_values_change", "_loss_value_change") if name in state}
    return Outline(made.name, catboost_fields(state, raw, evals, attributes))


def catboost_fields(params: dict[str, Any], raw: Any, evals: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a CatBoost model from its bytes, None for one that is not fitted."""
    fields: dict[str, Any] = {"params": params, "attributes": attributes}
    if raw is not None:
        fields["model"] = np.frombuffer(bytearray(raw_view(raw)), np.uint8)
        fields["training"] = {}  # what CatBoost's own bytes say of the training counts
        if evals:
            fields["params"] = {**params, "_test_evals": evals}
    return fields


RULES: dict[str, Callable[[Made], Any]] = {
    "xgboost.core.Booster": _xgboost,
    "lightgbm.basic.Booster": _lightgbm,
    **{f"catboost.core.{name}": _catboost for name in ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")},
}


