"""The model files of XGBoost (UBJ and JSON), LightGBM (text) and CatBoost (cbm).

What such a file leaves out is how the model was trained: a loaded one answers, and is a booster, not the scikit-learn wrapper
that may have written it.

The one rule: the bytes are taken apart, or read line by line, by the same code as those of a native file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import FormatError, HoldfastError, UnsupportedModel, quoted
from holdfast.foreign.reading import Given, Reading
from holdfast.foreign.rules_boosters import catboost_fields, lightgbm_fields, xgboost_fields
from holdfast.foreign.strict_json import parse
from holdfast.frameworks import ubj
from holdfast.values.outline import Outline

_CATEGORIES = b"pandas_categorical:"


def read(given: Given) -> Reading:
    """Return the booster of a model file.

    Raises:
        FormatError: it is damaged.
        UnsupportedModel: it is of a form that this holdfast does not know.
    """
    start = bytes(given.data[:5])
    if start[:4] == b"CBM1":
        return Reading("CatBoost cbm", Outline("catboost.core.CatBoost", catboost_fields({}, given.data, [], {})), {}, len(given.data))
    if start == b"tree\n":
        return Reading("LightGBM text", _lightgbm(bytes(given.data)), {}, len(given.data))
    if start[:2] in (b"{L", b"{l"):
        form, model = "XGBoost UBJ", xgboost_fields(bytes(given.data))
    else:
        form, model = "XGBoost JSON", _xgboost_json(bytes(given.data))
    version = model.get("version")
    text = ".".join(map(str, version)) if type(version) is list else ""
    if set(model) != {"learner", "version"}:
        raise FormatError(f"the file holds {', '.join(quoted(key, 30) for key in list(model)[:4])} and not one model of XGBoost; it is damaged or was altered")
    return Reading(form, Outline("xgboost.core.Booster", {"Model": model, "[attributes]": {}}), {"xgboost": text} if text else {}, len(given.data))


def _lightgbm(text: bytes) -> Outline:
    categories: Any = None
    last = text.rstrip().rpartition(b"\n")[2]
    if last.startswith(_CATEGORIES):
        categories = parse(last[len(_CATEGORIES) :], "the categories of the LightGBM model")
    attributes = {
        "_network": False, "_train_data_name": "training", "_Booster__set_objective_to_none": False, "best_iteration": -1, "best_score": {},
        "pandas_categorical": categories, "params": _parameters(text),
    }  # fmt: skip
    return Outline("lightgbm.basic.Booster", lightgbm_fields(text, attributes))


def _parameters(text: bytes) -> dict[str, Any]:
    """Return the parameters that a model's text says it was trained with, as text: ``[name: value]``, a line each."""
    _, found, rest = text.partition(b"\nparameters:\n")
    lines = rest.partition(b"\nend of parameters")[0].decode("utf-8", "replace").splitlines() if found else []
    pairs = (line[1:-1].partition(": ") for line in lines if line.startswith("[") and line.endswith("]"))
    return {name: value for name, _, value in pairs}


# -- XGBoost's JSON -------------------------------------------------------------------------------------------------------

_TYPED = {
    **dict.fromkeys(("base_weights", "loss_changes", "split_conditions", "sum_hessian", "leaf_weights", "weights"), "<f4"),
    **dict.fromkeys(("categories", "categories_nodes", "left_children", "right_children", "parents", "split_indices"), "<i4"),
    **dict.fromkeys(("categories_segments", "categories_sizes"), "<i8"),
    **dict.fromkeys(("default_left", "split_type"), "|u1"),
    **dict.fromkeys(("feature_segments", "sorted_idx"), "<i4"),
}  # fmt: skip
"""Key -> the type of its items, which JSON does not say and XGBoost's own binary form does."""


def _xgboost_json(raw: bytes) -> dict[str, Any]:
    told = parse(raw, "the XGBoost model")
    if type(told) is not dict:
        raise FormatError("the JSON holds no model of XGBoost")
    try:
        made: dict[str, Any] = _typed(told)
        if ubj.read(bytes(ubj.write(made))).keys() != made.keys():
            raise ValueError("its keys")
        return made
    except HoldfastError:
        raise
    except (ubj.Unknown, ValueError, TypeError, KeyError, OverflowError, AttributeError, RecursionError) as error:
        raise FormatError(f"the JSON is not a model as XGBoost writes it ({type(error).__name__}: {quoted(error)}); it is damaged or was altered") from None


def _typed(value: Any, key: str = "") -> Any:
    if type(value) is dict:
        if value.get("enc"):
            raise UnsupportedModel("the XGBoost model keeps its categories in JSON, which holdfast does not read; save it with booster.save_model('m.ubj')")
        return {name: _trees(part) if name == ubj.TREES else _typed(part, name) for name, part in value.items()}
    if type(value) is list:
        if key in _TYPED:
            return _array(value, _TYPED[key])
        return [np.float32(one) if type(one) is float else _typed(one) for one in value]
    return np.float32(value) if type(value) is float else value


def _trees(value: Any) -> Any:
    if not value:
        return {ubj.ALL: 0}
    return ubj.columns_of([_typed(one) for one in value])


def _array(value: list[Any], dtype: str) -> np.ndarray[Any, Any]:
    kinds = {bool, int} if dtype == "|u1" else {int} if "i" in dtype else {int, float}
    if not set(map(type, value)) <= kinds:
        raise ValueError("an item of another kind")
    return np.array(value, np.float64).astype(dtype) if "f" in dtype else np.array(value, np.int64).astype(dtype)


