"""XGBoost: a booster is what it serialises to, taken apart into text, numbers and arrays; the wrappers are their attributes.

Strategy. XGBoost's own snapshot (model and training parameters) is Universal Binary JSON. It is read into plain values, with one
array a field for all trees together, and written again byte for byte when a booster is built, from values that
`trust.state.xgboost` has looked at. So its parser sees only what was written here.

The one rule: a booster is saved only if its snapshot can be written again to the last byte.
"""

from __future__ import annotations

import importlib
from typing import Any

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks import ubj
from holdfast.frameworks.adapter import Adapter, Shell
from holdfast.frameworks.asking import Input, text_columns


def _dump_booster(booster: Any) -> dict[str, Any]:
    state = booster.__getstate__()
    raw = state.pop("handle")
    if raw is None:
        raise UnsupportedModel("cannot save an XGBoost booster without a model in it")
    try:
        return {**ubj.read(bytes(raw)), "[attributes]": state}
    except ubj.Unknown as error:
        import xgboost

        raise UnsupportedModel(
            f"cannot save a booster of XGBoost {xgboost.__version__}: it writes models in a form that this holdfast does not know"
            f" ({error}); update holdfast, or save it with booster.save_model"
        ) from None


def _make_booster() -> Any:
    cls = importlib.import_module("xgboost.core").Booster
    booster = cls.__new__(cls)
    booster.handle = None
    return booster


def _fill_booster(booster: Any, fields: dict[str, Any]) -> None:
    try:
        alone = "Config" not in fields
        snapshot = ubj.write(fields["Model"] if alone else {key: fields[key] for key in fields if key != "[attributes]"})
    except (ubj.Unknown, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InvalidState(f"xgboost.Booster: its state has no form ({error}); the file is damaged or was altered.") from None
    if alone:
        booster.__init__()
        booster.load_model(snapshot)
        vars(booster).update(fields["[attributes]"])
        return
    booster.__setstate__({"handle": snapshot, **fields["[attributes]"]})


def predict(booster: Any, rows: Any) -> Any:
    """Return what a booster answers to rows: an array, a frame, or a matrix of XGBoost's own."""
    xgboost = importlib.import_module("xgboost")
    if not isinstance(rows, xgboost.DMatrix):
        names = {} if hasattr(rows, "columns") else {"feature_names": booster.feature_names, "feature_types": booster.feature_types}
        rows = xgboost.DMatrix(rows, enable_categorical=True, **names)
    return booster.predict(rows)


def _with_categories(_: Any, frame: Any) -> Any:
    """Return a frame whose texts are categories; XGBoost finds them again among those that it was trained on."""
    texts = text_columns(frame)
    return frame.astype(dict.fromkeys(texts, "category")) if texts else frame


FRAMES = {"xgboost.core.Booster": _with_categories, "xgboost.sklearn.XGBModel": _with_categories}
"""Class -> what puts a frame into the form that models of it take."""

ASKED = {"xgboost.core.Booster": {"predict": predict}}
"""Class -> what models of it are asked in place of their own methods, which take matrices of XGBoost's."""



def _inputs(booster: Any) -> list[Input]:
    numbers = all(kind != "c" for kind in booster.feature_types or ())
    return [Input(None, (booster.num_features(),), "float32")] if numbers else []


INPUTS = {"xgboost.core.Booster": _inputs}
"""Class -> what says which rows models of it take."""

ADAPTERS: dict[str, Adapter] = {"xgboost.core.Booster": Shell(_dump_booster, _make_booster, _fill_booster)}
