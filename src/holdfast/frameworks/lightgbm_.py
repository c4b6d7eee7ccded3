"""LightGBM: a booster is its own text, whole, and its attributes; the wrappers are their attributes.

Strategy. The text holds more than half of its numbers with 17 digits; to make them anew when a model is loaded would take
longer than LightGBM takes to read it, so the bytes are kept as they are, and `trust.state.lightgbm` reads every line of them.

The one rule: the text is all of a booster that LightGBM itself is given.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from holdfast.errors import UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Shell
from holdfast.frameworks.asking import Input, text_columns

LEFT_OUT = ("_handle", "train_set", "valid_sets")
"""Attributes that are of the process, which LightGBM's own pickling leaves out too."""

SIZES: dict[str, Any] = {
    "_Booster__init_predictor": None, "_Booster__inner_predict_buffer": [], "_Booster__is_predicted_cur_iter": [], "_Booster__num_dataset": 0,
    "_Booster__num_inner_eval": 0, "_Booster__name_inner_eval": [], "_Booster__higher_better_inner_eval": [],
    "_Booster__need_reload_eval_info": True, "_Booster__num_class": 1,
}  # fmt: skip
"""Attributes that size buffers which LightGBM writes to, as they are when there is no training; the last is read from the model."""


KNOWN = b"tree\nversion=v4\n"
"""How the text of a model begins that `trust.state.lightgbm` reads."""


def _text(booster: Any) -> bytes:
    """Return the text of a booster.

    Through a file in memory where the system has such, because ``model_to_string`` makes a model of a megabyte twice.
    """
    if not hasattr(os, "memfd_create"):
        return booster.model_to_string(num_iteration=-1).encode()  # type: ignore[no-any-return]
    file = os.memfd_create("model")
    try:
        booster.save_model(f"/proc/self/fd/{file}", num_iteration=-1)
        return os.pread(file, os.fstat(file).st_size, 0)
    finally:
        os.close(file)


def _dump_booster(booster: Any) -> dict[str, Any]:
    if booster._handle is None:
        raise UnsupportedModel("cannot save a LightGBM booster without a model in it")
    state = {name: value for name, value in vars(booster).items() if name not in LEFT_OUT and name not in SIZES}
    text = _text(booster)
    if not text.startswith(KNOWN):
        import lightgbm

        raise UnsupportedModel(
            f"cannot save a booster of LightGBM {lightgbm.__version__}: it writes models in a form that this holdfast does not know; "
            "update holdfast, or save it with booster.save_model"
        )
    return {"model": np.frombuffer(bytearray(text), np.uint8), "attributes": state}


def _make_booster() -> Any:
    cls = importlib.import_module("lightgbm.basic").Booster
    booster = cls.__new__(cls)
    booster._handle = None
    return booster


def _fill_booster(booster: Any, fields: dict[str, Any]) -> None:
    text = fields["model"].tobytes().decode()
    kept = {name: value for name, value in fields["attributes"].items() if name not in LEFT_OUT and name not in SIZES}
    sizes = {name: list(value) if type(value) is list else value for name, value in SIZES.items()}
    sizes["_Booster__num_class"] = int(text.partition("num_class=")[2].partition("\n")[0])
    booster.__setstate__({**kept, **sizes, "_handle": text})


def _with_categories(model: Any, frame: Any) -> Any:
    """Return a frame whose texts are the categories that LightGBM was trained on, which it keeps in the order of the columns."""
    known = getattr(getattr(model, "booster_", model), "pandas_categorical", None) or []
    texts = text_columns(frame)
    if not texts or len(texts) != len(known):
        return frame
    import pandas as pd

    return frame.astype({name: pd.CategoricalDtype(categories) for name, categories in zip(texts, known, strict=True)})


FRAMES = {"lightgbm.basic.Booster": _with_categories, "lightgbm.sklearn.LGBMModel": _with_categories}
"""Class -> what puts a frame into the form that models of it take."""

INPUTS = {"lightgbm.basic.Booster": lambda booster: [] if booster.pandas_categorical else [Input(None, (booster.num_feature(),), "float64")]}
"""Class -> what says which rows models of it take."""

ADAPTERS: dict[str, Adapter] = {"lightgbm.basic.Booster": Shell(_dump_booster, _make_booster, _fill_booster)}
