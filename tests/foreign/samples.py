"""Small honest files of every foreign format, each of a few kilobytes: what damage is done to."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import io
import pathlib
import pickle
import random
import re
import types
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

X = np.arange(40.0).reshape(20, 2) % 7
Y = np.array([0, 1] * 10)


def plain() -> dict[str, Any]:
    """Return values of every kind that Python, numpy and scipy pickle in their own way."""
    import scipy.sparse as sp

    return {
        "array": np.arange(40.0), "list": [1, "x", None], "set": {1, 2}, "frozen": frozenset({"a"}), "when": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
        "decimal": decimal.Decimal("1.5"), "objects": np.array([1, "a", None], object), "structure": np.zeros(3, [("a", "<i4"), ("b", "<f8", (2,))]),
        "rng": np.random.default_rng(1), "state": np.random.RandomState(1), "ordered": collections.OrderedDict(a=1), "deque": collections.deque([1], 3),
        "default": collections.defaultdict(list, {1: [2]}), "partial": functools.partial(max, 1), "pattern": re.compile("a"), "slice": slice(1, 2), "range": range(3),
        "fraction": fractions.Fraction(1, 2), "bytes": b"abc", "bytearray": bytearray(b"abc"), "big": 1 << 200, "complex": 1j, "f32": np.float32(1), "dtype": np.dtype("M8[ns]"),
        "masked": np.ma.MaskedArray([1, 2], [0, 1]), "csr": sp.csr_matrix(np.eye(3)), "coo": sp.coo_array(np.eye(3)), "lil": sp.lil_matrix(np.eye(2)), "dok": sp.dok_array(np.eye(2)),
        "matrix": np.matrix(np.eye(2)), "uuid": uuid.UUID(int=5), "space": types.SimpleNamespace(a=1), "path": pathlib.PurePosixPath("/a/b"), "random": random.Random(1),
        "times": np.array(["2020"], "M8[D]"), "text": np.array(["a", "bc"]), "function": np.log1p,
    }  # fmt: skip


def of_pandas() -> dict[str, Any]:
    """Return a frame, an index and scalars of pandas."""
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2.0], "s": ["x", "y"], "c": pd.Categorical(["x", "y"]), "t": pd.date_range("2024", periods=2, tz="UTC")}, index=pd.Index([3, 4]))
    return {"frame": frame, "when": pd.Timestamp("2024-05-01"), "span": pd.Timedelta("1D"), "missing": [pd.NaT, pd.NA], "steps": pd.period_range("2024", periods=2, freq="M")}


def written(write: Callable[..., Any], *values: Any, **options: Any) -> bytes:
    """Return what a function writes to a file that is its first argument."""
    out = io.BytesIO()
    write(out, *values, **options)
    return out.getvalue()


def dumped(write: Callable[..., Any], value: Any, **options: Any) -> bytes:
    """Return what a function writes to a file that is its second argument."""
    out = io.BytesIO()
    write(value, out, **options)
    return out.getvalue()


def python_files() -> dict[str, bytes]:
    """Return pickles, joblib and skops files, and those of numpy."""
    import joblib
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    tree = DecisionTreeClassifier(max_depth=2).fit(X, Y)
    small = {"array": np.arange(5.0), "objects": np.array([1, "a", None], object), "model": StandardScaler().fit(X)}
    everything = plain()
    some = {name: everything[name] for name in ("array", "list", "set", "objects", "partial", "slice", "bytes", "bytearray", "csr", "rng", "state", "default", "masked")}
    made = {f"plain{protocol}.pkl": pickle.dumps(everything, protocol) for protocol in range(6)}
    made |= {f"pipe{protocol}.pkl": pickle.dumps(pipe, protocol) for protocol in (0, 2, 4)}
    made |= {f"small_{how}.joblib": dumped(joblib.dump, small, compress=(how, 3)) for how in ("zlib", "gzip", "bz2", "xz", "lzma")}
    return made | {
        "tree.pkl": pickle.dumps(tree), "neighbours.pkl": pickle.dumps(KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)), "plain.joblib": dumped(joblib.dump, everything),
        "small.joblib": dumped(joblib.dump, small), "pipe.skops": skops.io.dumps(pipe), "tree.skops": skops.io.dumps(tree), "plain.skops": skops.io.dumps(some),
        "frame.pkl": pickle.dumps(of_pandas()), "frame.joblib": dumped(joblib.dump, of_pandas()),
        "plain.npz": written(np.savez, a=np.arange(5.0), o=np.array([1, None], object)), "packed.npz": written(np.savez_compressed, a=np.arange(50.0), b=everything["structure"]),
        "plain.npy": written(np.save, np.arange(5.0)), "objects.npy": written(np.save, np.array([1, "a"], object)), "structure.npy": written(np.save, everything["structure"]),
    }  # fmt: skip


def torch_files() -> dict[str, bytes]:
    """Return files of torch.save, and a pickle with tensors in it."""
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls some of these forms new
        return {"kinds.pt": dumped(torch.save, kinds_of_tensors(net))} | {
            "net.pt": dumped(torch.save, net), "state.pt": dumped(torch.save, net.state_dict()), "old.pt": dumped(torch.save, net, _use_new_zipfile_serialization=False),
            "net.pkl": pickle.dumps(net),
        }  # fmt: skip


def kinds_of_tensors(net: Any) -> dict[str, Any]:
    """Return tensors of every layout, and what PyTorch pickles in its own way."""
    import torch

    return {
        "optimizer": torch.optim.Adam(net.parameters()).state_dict(), "coo": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr(), "size": torch.Size([1]),
        "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "device": torch.device("cpu"), "half": torch.ones(2, dtype=torch.bfloat16), "dtype": torch.float32,
    }  # fmt: skip


def booster_files(folder: pathlib.Path) -> dict[str, bytes]:
    """Return the files of the libraries of boosters, and pickles of their models."""
    import catboost
    import lightgbm
    import xgboost

    trees = xgboost.XGBClassifier(n_estimators=2, max_depth=2).fit(X, Y)
    leaves = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=1, verbose=-1).fit(X, Y)
    cat = catboost.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False).fit(X, Y)
    cat.save_model(str(folder / "cat.cbm"))
    booster = trees.get_booster()
    return {
        "xgb.ubj": bytes(booster.save_raw("ubj")), "xgb.json": bytes(booster.save_raw("json")), "xgb.pkl": pickle.dumps(trees), "lgb.txt": leaves.booster_.model_to_string().encode(),
        "lgb.pkl": pickle.dumps(leaves), "cat.cbm": (folder / "cat.cbm").read_bytes(), "cat.pkl": pickle.dumps(cat),
    }  # fmt: skip
