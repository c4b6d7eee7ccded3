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

_ALIVE = ("_handle", "train_set", "valid_sets", "_Booster__init_predictor", "_Booster__inner_predict_buffer", "_Booster__is_predicted_cur_iter")
"""Attributes that are of the process, or of the training that is over; the first three are left out by LightGBM's own pickling too."""


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
    state = {name: value for name, value in vars(booster).items() if name not in _ALIVE}
    return {"model": np.frombuffer(bytearray(_text(booster)), np.uint8), "attributes": state}


def _make_booster() -> Any:
    cls = importlib.import_module("lightgbm.basic").Booster
    booster = cls.__new__(cls)
    booster._handle = None
    return booster


def _fill_booster(booster: Any, fields: dict[str, Any]) -> None:
    state: dict[str, Any] = {"_Booster__init_predictor": None, "_Booster__inner_predict_buffer": [], "_Booster__is_predicted_cur_iter": []}
    booster.__setstate__({**state, **fields["attributes"], "_handle": fields["model"].tobytes().decode()})


ADAPTERS: dict[str, Adapter] = {"lightgbm.basic.Booster": Shell(_dump_booster, _make_booster, _fill_booster)}
