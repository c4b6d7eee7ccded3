"""A zoo of LightGBM models: every wrapper, every kind of booster, and the settings that change what is stored.

The one rule: small, seeded, on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen
from holdfast.testing.zoo_xgboost import ROWS, frame, rows_and_target


def _fitted(cls: str, target: Callable[[Any, Any], Any] = lambda rows, y: y, *, table: bool = False, fit: dict[str, Any] | None = None, **params: Any) -> Specimen:
    import lightgbm

    rows, y = rows_and_target()
    x = frame() if table else rows
    settings = {"n_estimators": 4, "num_leaves": 5, "min_child_samples": 5, "n_jobs": 1, "verbose": -1, "random_state": 0, **params}
    given = {key: value(x, y) if callable(value) else value for key, value in (fit or {}).items()}
    model = getattr(lightgbm, cls)(**settings).fit(x, target(rows, y), **given)

    def ask(model: Any) -> Any:
        found = [model.predict(x), model.best_iteration_, model.feature_importances_, model.feature_name_]
        if hasattr(model, "predict_proba"):
            found += [model.predict_proba(x), model.classes_]
        return found

    return Specimen(model, ask)


def _trained(**params: Any) -> Specimen:
    import lightgbm

    rows, y = rows_and_target()
    kept = params.pop("kept", False)
    data = lightgbm.Dataset(rows, y, feature_name=list("abcde"), free_raw_data=False)
    settings = {"num_leaves": 4, "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5, "seed": 0, **params}
    booster = lightgbm.train(settings, data, 3, keep_training_booster=kept)
    return Specimen(booster, lambda one: [one.predict(rows), one.feature_name(), one.num_trees(), one.predict(rows, pred_contrib=not params.get("linear_tree", False))])


MAKERS: dict[str, Callable[[], Specimen]] = {
    "classifier": lambda: _fitted("LGBMClassifier"),
    "classifier of text classes": lambda: _fitted("LGBMClassifier", lambda rows, y: np.array(["no", "yes"])[y], class_weight="balanced"),
    "classifier that stops early": lambda: _fitted("LGBMClassifier", n_estimators=40, early_stopping_rounds=2, fit={"eval_set": lambda x, y: [(x, y)], "eval_metric": ["auc", "binary_logloss"]}),
    "classifier of four classes": lambda: _fitted("LGBMClassifier", lambda rows, y: np.arange(len(y)) % 4),
    "classifier of one against the rest": lambda: _fitted("LGBMClassifier", lambda rows, y: np.arange(len(y)) % 3, objective="multiclassova"),
    "classifier of categories": lambda: _fitted("LGBMClassifier", table=True, min_data_per_group=5, cat_smooth=1, max_cat_to_onehot=1),
    "classifier with constraints": lambda: _fitted("LGBMClassifier", monotone_constraints=[1, 0, 0, 0, -1]),
    "regressor": lambda: _fitted("LGBMRegressor"),
    "regressor with linear leaves": lambda: _fitted("LGBMRegressor", lambda rows, y: np.nan_to_num(rows[:, 0] * 3 + rows[:, 1]), linear_tree=True),
    "regressor by dropout": lambda: _fitted("LGBMRegressor", boosting_type="dart", drop_rate=0.5),
    "regressor by random forest": lambda: _fitted("LGBMRegressor", boosting_type="rf", subsample=0.5, subsample_freq=1),
    "regressor of nothing to learn": lambda: _fitted("LGBMRegressor", min_child_samples=1000),
    **{f"regressor for {name}": (lambda name=name: _fitted("LGBMRegressor", lambda rows, y: (y + 1) / 3, objective=name)) for name in (
        "poisson", "gamma", "tweedie", "quantile", "regression_l1", "huber", "fair", "mape", "cross_entropy")},
    "ranker": lambda: _fitted("LGBMRanker", fit={"group": [10] * (ROWS // 10)}),
    "ranker by xendcg": lambda: _fitted("LGBMRanker", objective="rank_xendcg", fit={"group": [10] * (ROWS // 10)}),
    "booster": _trained,
    "booster that can be trained on": lambda: _trained(kept=True),
    "booster of classes": lambda: _trained(objective="multiclass", num_class=3),
    "booster with linear leaves": lambda: _trained(linear_tree=True),
}  # fmt: skip
"""Name -> what makes a specimen."""
