"""A zoo of CatBoost models: every wrapper, every shape of tree, and the settings that change what is stored.

The one rule: small, seeded, on one thread, and nothing written to a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen
from holdfast.testing.zoo_xgboost import ROWS, frame, rows_and_target


def _frame() -> Any:
    table = frame()
    for name in ("city", "code", "member"):
        table[name] = table[name].astype(str)
    return table


def _fitted(cls: str, target: Callable[[Any, Any], Any] = lambda rows, y: y, *, table: bool = False, fit: dict[str, Any] | None = None, **params: Any) -> Specimen:
    import catboost

    rows, y = rows_and_target()
    x = _frame() if table else rows
    more = {"cat_features": ["city", "code", "member"]} if table else {}
    settings = {"iterations": 4, "depth": 3, "thread_count": 1, "verbose": 0, "allow_writing_files": False, "random_seed": 0, **more, **params}
    if settings.get("grow_policy") == "Lossguide":
        del settings["depth"]
    given = {key: value(x, y) if callable(value) else value for key, value in (fit or {}).items()}
    made = catboost.CatBoost(settings) if cls == "CatBoost" else getattr(catboost, cls)(**settings)
    model = made.fit(x, target(rows, y), **given)

    def ask(model: Any) -> Any:
        found = [model.predict(x, thread_count=1), model.get_params(), model.feature_names_, model.best_iteration_, model.best_score_, model.evals_result_]
        if hasattr(model, "predict_proba"):
            found += [model.predict_proba(x, thread_count=1), model.classes_]
        return [*found, model.feature_importances_ if hasattr(model, "feature_importances_") and not cls.endswith("Ranker") else None]

    return Specimen(model, ask)


def _unfitted() -> Specimen:
    import catboost

    return Specimen(catboost.CatBoostClassifier(iterations=3, depth=2), lambda model: [model.get_params(), model.is_fitted()])


MAKERS: dict[str, Callable[[], Specimen]] = {
    "classifier": lambda: _fitted("CatBoostClassifier"),
    "classifier of text classes": lambda: _fitted("CatBoostClassifier", lambda rows, y: np.array(["no", "yes"])[y]),
    "classifier of four classes": lambda: _fitted("CatBoostClassifier", lambda rows, y: np.arange(len(y)) % 4),
    "classifier that stops early": lambda: _fitted("CatBoostClassifier", iterations=40, early_stopping_rounds=2, fit={"eval_set": lambda x, y: (x[:40], 1 - y[:40])}),
    "classifier of categories": lambda: _fitted("CatBoostClassifier", table=True),
    "classifier of categories in values": lambda: _fitted("CatBoostClassifier", table=True, one_hot_max_size=100),
    "classifier of categories in combinations": lambda: _fitted("CatBoostClassifier", table=True, max_ctr_complexity=3, iterations=12, depth=4),
    "classifier of categories by counts": lambda: _fitted("CatBoostClassifier", table=True, simple_ctr=["Counter", "Buckets"], one_hot_max_size=1),
    "regressor": lambda: _fitted("CatBoostRegressor"),
    "regressor of categories by means": lambda: _fitted("CatBoostRegressor", table=True, simple_ctr=["BinarizedTargetMeanValue"], one_hot_max_size=1),
    "regressor by leaves": lambda: _fitted("CatBoostRegressor", grow_policy="Lossguide", max_leaves=5),
    "regressor by depth": lambda: _fitted("CatBoostRegressor", grow_policy="Depthwise"),
    "regressor of many borders": lambda: _fitted("CatBoostRegressor", border_count=1024, iterations=30, depth=6),
    "regressor of two targets": lambda: _fitted("CatBoostRegressor", lambda rows, y: np.nan_to_num(rows[:, :2]), loss_function="MultiRMSE"),
    "regressor with uncertainty": lambda: _fitted("CatBoostRegressor", loss_function="RMSEWithUncertainty"),
    **{f"regressor for {name}": (lambda name=name: _fitted("CatBoostRegressor", loss_function=name)) for name in ("MAE", "Quantile:alpha=0.3", "Poisson", "Tweedie:variance_power=1.5")},
    "ranker": lambda: _fitted("CatBoostRanker", fit={"group_id": np.repeat(range(ROWS // 10), 10)}),
    "plain model": lambda: _fitted("CatBoost", loss_function="Logloss"),
    "not fitted": _unfitted,
}  # fmt: skip
"""Name -> what makes a specimen."""
