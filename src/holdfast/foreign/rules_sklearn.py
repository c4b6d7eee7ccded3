"""scikit-learn: how its C types are pickled, and the few Python classes whose attributes are not enough.

The one rule: what comes out has exactly the fields of `holdfast.frameworks.sklearn_`, and `trust.state` looks at every element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.foreign.made import Made
from holdfast.frameworks.objects import ADDRESSES, REDUNDANT
from holdfast.frameworks.sklearn_ import BINARY_TREE, BINARY_TREES, DIST_METRICS, LOSSES
from holdfast.values.outline import Named, Outline


def _tree(made: Made) -> Any:
    features, classes, outputs = made.args
    state = made.fields()
    fields = {"n_features": features, "n_classes": classes, "n_outputs": outputs}
    return Outline(made.name, {**fields, **{name: state[name] for name in ("max_depth", "node_count", "nodes", "values")}}, True)


def _new(rules: dict[str, Callable[[Made, str], Any]]) -> Callable[[Made], Any]:
    """``newObj(cls)``: how Cython classes are made empty, to be given their state."""

    def make(made: Made) -> Any:
        (cls,) = made.args
        if type(cls) is not Named:
            raise TypeError("its class")
        return rules[cls.name](made, cls.name)

    return make


def _array(value: Any) -> Any:
    made = value.finish() if type(value) is Made else value
    return np.asarray(made) if isinstance(made, np.ndarray) else made


def _binary_tree(made: Made, name: str) -> Any:
    fields = dict(zip(BINARY_TREE, made.state(), strict=True))
    fields.update(n_trims=0, n_leaves=0, n_splits=0, n_calls=0)
    return Outline(name, {key: value if key == "dist_metric" else _array(value) for key, value in fields.items()}, True)


def _metric(made: Made, name: str) -> Any:
    p, vec, mat = made.state()[:3]
    kind = name.rpartition(".")[2].rstrip("0123456789")
    if kind == "MinkowskiDistance":
        vector = _array(vec)
        if vector is not None and not isinstance(vector, np.ndarray):
            raise TypeError("its weights")
        fields: dict[str, Any] = {"p": float(p.finish() if type(p) is Made else p), "w": vector if vector is not None and vector.size > 1 else None}
    elif kind == "SEuclideanDistance":
        fields = {"V": _array(vec)}
    elif kind == "MahalanobisDistance":
        fields = {"VI": _array(mat)}
    else:
        fields = {}
    return Outline(name, fields, True)


def _loss(made: Made) -> Any:
    return Outline(made.name, {"args": made.args}, True)


def _unpickled_loss(made: Made) -> Any:
    cls = made.args[0]
    if type(cls) is not Named or cls.name not in LOSSES:
        raise TypeError("its class")
    return Outline(cls.name, {"args": ()}, True)


def _isotonic(made: Made) -> Any:
    return Outline(made.name, {key: value for key, value in made.fields().items() if key != "f_"})


def _bunch(made: Made) -> Any:
    return Outline(made.name, {"[items]": made.pairs if made.pairs.keys or not made.states else made.state()})


def _triplet(made: Made) -> Any:
    made.only()
    return Outline(made.name, dict(zip(("feat_idx", "neighbor_feat_idx", "estimator"), made.args, strict=True)), True)


def _without(dropped: str) -> Callable[[Made], Any]:
    return lambda made: Outline(made.name, {key: value for key, value in made.fields().items() if key != dropped})


RULES: dict[str, Callable[[Made], Any]] = {
    "sklearn.tree._tree.Tree": _tree,
    **dict.fromkeys(
        ("sklearn.neighbors._kd_tree.newObj", "sklearn.neighbors._ball_tree.newObj"), _new(dict.fromkeys(BINARY_TREES, _binary_tree))
    ),
    "sklearn.metrics._dist_metrics.newObj": _new(dict.fromkeys(DIST_METRICS, _metric)),
    # skops tells their state under their own names
    **{name: lambda made: _binary_tree(made, made.name) for name in BINARY_TREES},
    **{name: lambda made: _metric(made, made.name) for name in DIST_METRICS},
    **dict.fromkeys(LOSSES, _loss),
    **{f"sklearn._loss._loss.__pyx_unpickle_{name.rpartition('.')[2]}": _unpickled_loss for name in LOSSES},
    "sklearn.isotonic.IsotonicRegression": _isotonic,
    "sklearn.utils._bunch.Bunch": _bunch,
    "sklearn.impute._iterative._ImputerTriplet": _triplet,
    **{name: _without(dropped) for name, dropped in {**REDUNDANT, **ADDRESSES}.items()},
}
