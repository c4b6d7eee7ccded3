"""scikit-learn: its C types, rebuilt from explicit fields, and the few Python classes whose attributes are not enough.

All other estimators are plain attributes and need no line here: see ``objects.py``.

The one rule: a C type is made by its own constructor; ``__setstate__`` of one is called only with arrays that
``trust.state`` has checked element by element, because scikit-learn itself believes them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import InvalidState
from holdfast.frameworks.adapter import Adapter, Record, Shell


def _class(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _dump_tree(tree: Any) -> dict[str, Any]:
    state = tree.__getstate__()
    return {
        "n_features": tree.n_features,
        "n_classes": tree.n_classes,
        "n_outputs": tree.n_outputs,
        "max_depth": state["max_depth"],
        "node_count": state["node_count"],
        "nodes": state["nodes"],
        "values": state["values"],
    }


_tree_class: Any = None


def _build_tree(f: dict[str, Any]) -> Any:
    global _tree_class
    if _tree_class is None:
        _tree_class = _class("sklearn.tree._tree.Tree")
    made = _tree_class(f["n_features"], f["n_classes"], f["n_outputs"])
    made.__setstate__({key: f[key] for key in ("max_depth", "node_count", "nodes", "values")})
    return made


BINARY_TREE = (
    "data", "idx_array", "node_data", "node_bounds", "leaf_size", "n_levels", "n_nodes", "n_trims", "n_leaves", "n_splits", "n_calls",
    "dist_metric", "sample_weight",
)  # fmt: skip


def _dump_binary_tree(tree: Any) -> dict[str, Any]:
    fields = dict(zip(BINARY_TREE, tree.__getstate__(), strict=True))
    # What queries have cost so far: answering a question must not make another model of it.
    fields.update(n_trims=0, n_leaves=0, n_splits=0, n_calls=0)
    return {key: np.asarray(value) if isinstance(value, np.ndarray | memoryview) else value for key, value in fields.items()}


def _binary_tree(name: str) -> Record:
    def build(f: dict[str, Any]) -> Any:
        cls = _class(name)
        made = cls.__new__(cls)
        made.__setstate__(tuple(f[key] for key in BINARY_TREE))
        return made

    return Record(_dump_binary_tree, build)


def _dump_metric(metric: Any) -> dict[str, Any]:
    p, vec, mat = metric.__getstate__()[:3]
    kind = type(metric).__name__.rstrip("0123456789")
    if kind == "MinkowskiDistance":
        return {"p": float(p), "w": np.asarray(vec) if np.size(vec) > 1 else None}
    if kind == "SEuclideanDistance":
        return {"V": np.asarray(vec)}
    if kind == "MahalanobisDistance":
        return {"VI": np.asarray(mat)}
    return {}


def _metric(name: str) -> Record:
    def build(f: dict[str, Any]) -> Any:
        cls = _class(name)
        if "VI" in f:
            return cls(VI=f["VI"])
        if "V" in f:
            return cls(f["V"])
        return cls(f["p"], f["w"]) if "p" in f else cls()

    return Record(_dump_metric, build)


def _dump_loss(loss: Any) -> dict[str, Any]:
    made = loss.__reduce__()
    args = made[1] if made[0] is type(loss) else ()
    return {"args": tuple(args)}


def _loss(name: str) -> Record:
    def build(f: dict[str, Any]) -> Any:
        if not all(type(arg) in (float, int) for arg in f["args"]) or len(f["args"]) > 1:
            raise InvalidState(f"{name}: its parameter is not a number")
        return _class(name)(*f["args"])

    return Record(_dump_loss, build)


def _fill_isotonic(obj: Any, fields: dict[str, Any]) -> None:
    vars(obj).update(fields)
    if "X_thresholds_" in fields and "y_thresholds_" in fields:
        obj._build_f(obj.X_thresholds_, obj.y_thresholds_)


def _new(name: str) -> Callable[[], Any]:
    def make() -> Any:
        cls = _class(name)
        return cls.__new__(cls)

    return make


def _dump_bunch(bunch: Any) -> dict[str, Any]:
    return {"[items]": dict(bunch)}


_LOSSES = (
    "CyHalfSquaredError", "CyAbsoluteError", "CyPinballLoss", "CyHuberLoss", "CyHalfPoissonLoss", "CyHalfGammaLoss", "CyHalfTweedieLoss",
    "CyHalfTweedieLossIdentity", "CyHalfBinomialLoss", "CyHalfMultinomialLoss", "CyExponentialLoss",
)  # fmt: skip
_SGD_LOSSES = ("Hinge", "SquaredHinge", "ModifiedHuber", "EpsilonInsensitive", "SquaredEpsilonInsensitive")
_METRICS = (
    "EuclideanDistance", "SEuclideanDistance", "ManhattanDistance", "ChebyshevDistance", "MinkowskiDistance", "MahalanobisDistance",
    "HammingDistance", "CanberraDistance", "BrayCurtisDistance", "JaccardDistance", "MatchingDistance", "DiceDistance",
    "RogersTanimotoDistance", "RussellRaoDistance", "SokalMichenerDistance", "SokalSneathDistance", "HaversineDistance",
)  # fmt: skip
LOSSES = (*(f"sklearn._loss._loss.{loss}" for loss in _LOSSES), *(f"sklearn.linear_model._sgd_fast.{loss}" for loss in _SGD_LOSSES))
DIST_METRICS = tuple(f"sklearn.metrics._dist_metrics.{metric}{bits}" for metric in _METRICS for bits in ("", "32", "64"))
BINARY_TREES = tuple(
    f"sklearn.neighbors.{module}.{kind}{bits}"
    for module, kind in (("_kd_tree", "KDTree"), ("_ball_tree", "BallTree"))
    for bits in ("", "32", "64")
)

ADAPTERS: dict[str, Adapter] = {
    "sklearn.tree._tree.Tree": Record(_dump_tree, _build_tree),
    **{name: _binary_tree(name) for name in BINARY_TREES},
    **{name: _metric(name) for name in DIST_METRICS},
    **{name: _loss(name) for name in LOSSES},
    "sklearn.isotonic.IsotonicRegression": Shell(
        lambda obj: {key: value for key, value in vars(obj).items() if key != "f_"},
        _new("sklearn.isotonic.IsotonicRegression"),
        _fill_isotonic,
    ),
    "sklearn.utils._bunch.Bunch": Shell(
        _dump_bunch, lambda: _class("sklearn.utils._bunch.Bunch")(), lambda obj, fields: dict.update(obj, fields["[items]"])
    ),
}
