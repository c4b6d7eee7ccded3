"""CatBoost: a model is the bytes that it serialises to, its parameters, and what training found out.

Strategy. What training leaves in CatBoost's own object and not in its bytes - the best iteration, the scores of each iteration -
is kept beside them, and answered by the loaded object in the same calls.

The one rule: bytes that `trust.state.catboost` would refuse are not saved either.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Shell
from holdfast.frameworks.making import put_attributes
from holdfast.trust.state.catboost import check_catboost

_KEPT = {"best_iteration": "_get_best_iteration", "best_score": "_get_best_score", "evals_result": "_get_metrics_evals", "test_evals": "_get_test_evals"}
_DERIVED = ("_object", "_init_params", "_is_fitted_", "_tree_count", "_canonized_params")
"""Attributes that are dumped by another name, or that CatBoost sets from its bytes."""


def _dump_model(model: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "params": dict(model._init_params),
        "attributes": {name: value for name, value in vars(model).items() if name not in _DERIVED and value is not None},
    }
    if not model.is_fitted():
        return fields
    # CatBoost writes its texts in the order of a hash table that training filled; one that a load has filled has the same order each time
    settled = importlib.import_module("_catboost")._CatBoost()
    settled._deserialize_model(model._serialize_model())
    fields["model"] = np.frombuffer(bytearray(settled._serialize_model()), np.uint8)
    try:
        check_catboost(fields, type(model).__name__)
    except InvalidState as error:
        import catboost

        said = error.message.partition("; the file is damaged")[0]
        raise UnsupportedModel(
            f"cannot save a {type(model).__name__} of CatBoost {catboost.__version__}: {said}. Text and embedding features, and forms of "
            "later releases, are not kept yet; save it with model.save_model"
        ) from None
    fields["training"] = {name: getattr(model._object, ask)() for name, ask in _KEPT.items()}
    return fields


@lru_cache(maxsize=1)
def _object_class() -> Any:
    """Return CatBoost's own class, with what a training found out kept as long as there was no other one."""
    base = importlib.import_module("_catboost")._CatBoost

    class Remembering(base):  # type: ignore[misc, valid-type]
        """A model of CatBoost that remembers its training."""

        kept: dict[str, Any] | None = None

        def _train(self, *args: Any, **options: Any) -> Any:
            self.kept = None
            return super()._train(*args, **options)

        def _get_best_iteration(self) -> Any:
            return super()._get_best_iteration() if self.kept is None else self.kept["best_iteration"]

        def _get_best_score(self) -> Any:
            return super()._get_best_score() if self.kept is None else self.kept["best_score"]

        def _get_metrics_evals(self) -> Any:
            return super()._get_metrics_evals() if self.kept is None else self.kept["evals_result"]

        def _get_test_evals(self) -> Any:
            return super()._get_test_evals() if self.kept is None else self.kept["test_evals"]

    return Remembering


def _adapter(name: str) -> Shell:
    def make() -> Any:
        cls = getattr(importlib.import_module("catboost.core"), name)
        model = cls.__new__(cls)
        model._object = _object_class()()
        model._init_params = {}
        return model

    def fill(model: Any, fields: dict[str, Any]) -> None:
        state = {**fields["params"], **fields["attributes"]}
        known = {key: state.pop(key) for key in list(state) if key in fields["attributes"]}
        if "model" in fields:
            state["__model"] = fields["model"].tobytes()
        model.__setstate__(state)
        put_attributes(model, known)
        if "model" in fields and set(fields["training"]) == set(_KEPT):
            model._object.kept = fields["training"]

    return Shell(_dump_model, make, fill)


ADAPTERS: dict[str, Adapter] = {
    f"catboost.core.{name}": _adapter(name) for name in ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")
}
