"""The family of a model: how far its export may deviate, and why.

The figures stand in ``tolerances.json``, which was written before anything was measured.

The one rule: a pipeline may deviate as far as its loosest step, and no further.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np

MODULES = {
    "sklearn.linear_model": "linear", "sklearn.discriminant_analysis": "linear", "sklearn.cross_decomposition": "linear", "sklearn.dummy": "preprocessing",
    "sklearn.preprocessing": "preprocessing", "sklearn.impute": "preprocessing", "sklearn.feature_selection": "preprocessing",
    "sklearn.decomposition": "decomposition", "sklearn.random_projection": "decomposition", "sklearn.kernel_approximation": "kernel",
    "sklearn.naive_bayes": "bayes", "sklearn.neighbors": "neighbours", "sklearn.cluster": "clusters", "sklearn.mixture": "bayes",
    "sklearn.gaussian_process": "kernel", "sklearn.kernel_ridge": "kernel", "sklearn.svm": "svm", "sklearn.tree": "tree",
    "sklearn.neural_network": "mlp", "sklearn.feature_extraction": "text", "sklearn.isotonic": "preprocessing",
    "xgboost": "gbdt", "lightgbm": "gbdt", "catboost": "gbdt", "torch": "net", "keras": "net",
}  # fmt: skip
"""Start of a module's name -> family of what is defined there."""

CLASSES = {
    "RandomForestClassifier": "forest", "RandomForestRegressor": "forest", "ExtraTreesClassifier": "forest", "ExtraTreesRegressor": "forest",
    "IsolationForest": "forest", "RandomTreesEmbedding": "forest", "GradientBoostingClassifier": "gbdt", "GradientBoostingRegressor": "gbdt",
    "HistGradientBoostingClassifier": "gbdt", "HistGradientBoostingRegressor": "gbdt", "AdaBoostClassifier": "tree", "AdaBoostRegressor": "tree",
    "LinearSVC": "linear", "LinearSVR": "linear",
}  # fmt: skip
"""Class -> family, where its module says too little."""

CONTAINERS = ("sklearn.pipeline", "sklearn.compose", "sklearn.ensemble", "sklearn.multiclass", "sklearn.multioutput", "sklearn.calibration", "sklearn.model_selection", "sklearn2pmml")
"""Modules of models that are made of other models, which are looked at instead."""


@functools.cache
def tolerances() -> dict[str, dict[str, Any]]:
    """Return family -> its tolerance and the reason for it."""
    text = files("holdfast.exports").joinpath("tolerances.json").read_text(encoding="utf-8")
    return json.loads(text)["families"]  # type: ignore[no-any-return]


def parts(model: Any, depth: int = 0) -> Iterator[Any]:
    """Yield a model and the models inside it, as far as they say so."""
    yield model
    if depth > 6 or type(model).__module__.partition(".")[0] in ("torch", "keras"):
        return
    state = getattr(model, "__dict__", {})
    for name in ("steps", "transformers_", "transformer_list", "estimators_", "calibrated_classifiers_"):
        inside = state.get(name)
        for one in inside.ravel().tolist() if isinstance(inside, np.ndarray) else inside or []:
            inner = one[1] if isinstance(one, tuple) and len(one) > 1 else one
            if hasattr(inner, "__dict__"):
                yield from parts(inner, depth + 1)
    for name in ("best_estimator_", "estimator_", "final_estimator_", "estimator", "regressor_", "transformer_"):
        if hasattr(state.get(name), "__dict__"):
            yield from parts(state[name], depth + 1)


def family_of(model: Any) -> str:
    """Return the family of one class, ``""`` for what is made of others."""
    for cls in type(model).__mro__:
        name = cls.__module__
        if cls.__name__ in CLASSES and name.startswith("sklearn"):
            return CLASSES[cls.__name__]
        if name.startswith(CONTAINERS):
            return ""
        found = next((family for start, family in MODULES.items() if name == start or name.startswith(start + ".")), None)
        if found is not None:
            return found
    return "other"


def families_of(model: Any) -> tuple[str, float]:
    """Return the family that counts for a model, and its tolerance.

    Returns:
        The name of its last step's family, or of the loosest where another step is looser, and the loosest tolerance of all steps.
    """
    known = tolerances()
    found = [family for one in parts(model) if (family := family_of(one))] or ["other"]
    loosest = max(found, key=lambda family: known[family]["tolerance"])
    tolerance = float(known[loosest]["tolerance"])
    last = family_of(model.steps[-1][1] if hasattr(model, "steps") else model)
    return (last if last and known[last]["tolerance"] == tolerance else loosest), tolerance


def has_trees(model: Any) -> bool:
    """Say whether trees are a part of a model."""
    return any(family_of(one) in ("tree", "forest", "gbdt") for one in parts(model))


def has_classes(model: Any) -> bool:
    """Say whether a model is a classifier. CatBoost's regressors have an empty list of classes."""
    classes = getattr(model, "classes_", None)
    return classes is not None and len(classes) > 0
