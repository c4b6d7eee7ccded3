"""Writing other people's formats, by their own libraries: a table of suffix to writer.

The one rule: a writer gets a model that lives in this process, and writes exactly one file at the path it is given.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from holdfast.errors import LibraryMissing, UnsupportedTarget


class Writer(NamedTuple):
    """How one format is written.

    Attributes:
        format: its name, for ``format=``.
        kind: what the bytes of such a file are; see `holdfast.foreign.sniff`.
        write: ``write(model, path)``.
        takes: what it writes, in words, for whoever gives something else.
    """

    format: str
    kind: str
    write: Callable[[Any, str], None]
    takes: str


def _library(name: str, install: str = "") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise LibraryMissing(f"this format is written by {name.partition('.')[0]}; install it with: pip install {install or name.partition('.')[0]}") from None


def _pickled(library: str) -> Callable[[Any, str], None]:
    def write(model: Any, path: str) -> None:
        module = _library(library)
        with open(path, "wb") as file:
            module.dump(model, file, protocol=5)

    return write


def _joblib(model: Any, path: str) -> None:
    _library("joblib").dump(model, path)


def _skops(model: Any, path: str) -> None:
    _library("skops.io", "skops").dump(model, path)


def _npz(model: Any, path: str) -> None:
    import numpy as np

    if not isinstance(model, dict) or not all(isinstance(key, str) and isinstance(value, np.ndarray) for key, value in model.items()):
        raise UnsupportedTarget("a .npz file holds a dict of arrays by name")
    with open(path, "wb") as file:
        np.savez(file, **model, allow_pickle=False)


def _npy(model: Any, path: str) -> None:
    import numpy as np

    with open(path, "wb") as file:
        np.save(file, np.asarray(model), allow_pickle=False)


def _torch(model: Any, path: str) -> None:
    _library("torch").save(model, path)


def _program(model: Any, path: str) -> None:
    _library("torch").export.save(model, path)


def _keras(model: Any, path: str) -> None:
    model.save(path)


def core_of(model: Any) -> Any:
    """Return the booster inside a wrapper of scikit-learn's kind, or the model itself."""
    if hasattr(model, "get_booster"):
        return model.get_booster()
    return model.booster_ if hasattr(model, "booster_") else model


def _xgboost(model: Any, path: str) -> None:
    core = core_of(model)
    if type(core).__module__ != "xgboost.core":
        raise UnsupportedTarget("a .ubj or .json file holds an XGBoost model")
    core.save_model(path)


def _lightgbm(model: Any, path: str) -> None:
    core = core_of(model)
    if type(core).__module__ != "lightgbm.basic":
        raise UnsupportedTarget("a .txt file holds a LightGBM model")
    core.save_model(path, num_iteration=-1)


def _catboost(model: Any, path: str) -> None:
    if type(model).__module__ != "catboost.core":
        raise UnsupportedTarget("a .cbm file holds a CatBoost model")
    model.save_model(path, format="cbm")


_ANY = "any object that can be pickled"
WRITERS: dict[str, Writer] = {
    ".pkl": Writer("pickle", "pickle", _pickled("pickle"), _ANY),
    ".pickle": Writer("pickle", "pickle", _pickled("pickle"), _ANY),
    ".joblib": Writer("joblib", "pickle", _joblib, _ANY),
    ".dill": Writer("dill", "pickle", _pickled("dill"), _ANY),
    ".cloudpickle": Writer("cloudpickle", "pickle", _pickled("cloudpickle"), _ANY),
    ".skops": Writer("skops", "skops", _skops, "an estimator of scikit-learn"),
    ".npz": Writer("npz", "npz", _npz, "a dict of arrays by name"),
    ".npy": Writer("npy", "npy", _npy, "an array"),
    ".pt": Writer("torch", "torch", _torch, "a module or a dict of tensors of PyTorch"),
    ".pth": Writer("torch", "torch", _torch, "a module or a dict of tensors of PyTorch"),
    ".pt2": Writer("torch.export", "torch program", _program, "a program of torch.export"),
    ".keras": Writer("keras", "keras", _keras, "a Keras model"),
    ".ubj": Writer("xgboost", "xgboost", _xgboost, "an XGBoost model"),
    ".json": Writer("xgboost-json", "xgboost json", _xgboost, "an XGBoost model"),
    ".txt": Writer("lightgbm", "lightgbm", _lightgbm, "a LightGBM model"),
    ".cbm": Writer("catboost", "catboost", _catboost, "a CatBoost model"),
}
"""Suffix -> how such a file is written."""
