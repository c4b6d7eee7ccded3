"""A zoo of XGBoost models: every wrapper, every kind of booster, and the settings that change what is stored.

The one rule: small, seeded, on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen

ROWS = 120


def rows_and_target() -> tuple[Any, Any]:
    """Return rows of five numbers with gaps, and a target of two classes."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(ROWS, 5))
    rows[rng.random(rows.shape) < 0.05] = np.nan
    return rows, (np.nan_to_num(rows[:, 0]) + rng.normal(size=ROWS) / 2 > 0).astype(int)


def frame() -> Any:
    """Return rows as a frame with names, categories of text and of numbers, and truth."""
    import pandas as pd

    rows, _ = rows_and_target()
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rows, columns=["age", "income", "city", "code", "member"])
    table["city"] = pd.Categorical(rng.choice(["Aarhus", "Bo", "Çeşme"], ROWS))
    table["code"] = pd.Categorical(rng.integers(0, 9, ROWS))
    table["member"] = table["member"] > 0
    return table


def _fitted(cls: str, target: Callable[[Any, Any], Any] = lambda rows, y: y, *, table: bool = False, fit: dict[str, Any] | None = None, **params: Any) -> Specimen:
    import xgboost

    rows, y = rows_and_target()
    x = frame() if table else rows
    settings = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1, **params}
    given = {key: value(x, y) if callable(value) else value for key, value in (fit or {}).items()}
    model = getattr(xgboost, cls)(**settings).fit(x, target(rows, y), **given)

    def ask(model: Any) -> Any:
        found = [model.predict(x), getattr(model, "best_iteration", None) if params.get("early_stopping_rounds") else None]
        if hasattr(model, "predict_proba"):
            found += [model.predict_proba(x), model.classes_]
        if params.get("booster") != "gblinear":
            found.append(model.feature_importances_)
        return found

    return Specimen(model, ask)


def _trained(**params: Any) -> Specimen:
    import xgboost

    rows, y = rows_and_target()
    data = xgboost.DMatrix(rows, y, feature_names=list("abcde"), nthread=1)
    booster = xgboost.train({"max_depth": 2, "nthread": 1, **params}, data, 3)
    booster.set_attr(made_by="a test")
    return Specimen(booster, lambda one: [one.predict(data), one.attributes(), one.feature_names, one.predict(data, pred_contribs=True)])


def _pruned() -> Specimen:
    return _fitted("XGBRegressor", lambda rows, y: np.nan_to_num(rows[:, 0]) + rows.shape[0], tree_method="exact", gamma=3.0, max_depth=5)


def _three(rows: Any, _: Any) -> Any:
    return np.nan_to_num(rows[:, :3])


MAKERS: dict[str, Callable[[], Specimen]] = {
    "classifier": lambda: _fitted("XGBClassifier"),
    "classifier that stops early": lambda: _fitted("XGBClassifier", n_estimators=40, early_stopping_rounds=2, eval_metric=["logloss", "auc"], fit={"eval_set": lambda x, y: [(x, y)], "verbose": False}),
    "classifier of four classes": lambda: _fitted("XGBClassifier", lambda rows, y: np.arange(len(y)) % 4),
    "classifier of categories": lambda: _fitted("XGBClassifier", table=True, enable_categorical=True, max_cat_to_onehot=1),
    "classifier of categories, one at a time": lambda: _fitted("XGBClassifier", table=True, enable_categorical=True, max_cat_to_onehot=20),
    "classifier with constraints": lambda: _fitted("XGBClassifier", monotone_constraints=(1, 0, 0, 0, -1), interaction_constraints="[[0, 1], [2, 3, 4]]"),
    "regressor": lambda: _fitted("XGBRegressor"),
    "regressor of three targets": lambda: _fitted("XGBRegressor", _three),
    "regressor of three targets, one tree": lambda: _fitted("XGBRegressor", _three, multi_strategy="multi_output_tree"),
    "regressor of quantiles": lambda: _fitted("XGBRegressor", objective="reg:quantileerror", quantile_alpha=[0.1, 0.5]),
    "regressor with dropout": lambda: _fitted("XGBRegressor", booster="dart", rate_drop=0.5),
    "regressor, linear": lambda: _fitted("XGBRegressor", booster="gblinear", max_depth=None),
    "regressor, pruned": _pruned,
    "regressor by leaves": lambda: _fitted("XGBRegressor", grow_policy="lossguide", max_leaves=6, max_depth=0),
    **{f"regressor for {name}": (lambda name=name: _fitted("XGBRegressor", lambda rows, y: (y + 1) / 3, objective=name)) for name in (
        "count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "reg:absoluteerror", "reg:pseudohubererror", "reg:logistic", "reg:squaredlogerror")},
    "ranker": lambda: _fitted("XGBRanker", fit={"qid": np.repeat(range(ROWS // 10), 10)}),
    "ranker by pairs": lambda: _fitted("XGBRanker", objective="rank:pairwise", lambdarank_pair_method="mean", fit={"qid": np.repeat(range(ROWS // 10), 10)}),
    "random forest classifier": lambda: _fitted("XGBRFClassifier"),
    "random forest regressor": lambda: _fitted("XGBRFRegressor"),
    "booster": _trained,
    "booster of classes": lambda: _trained(objective="multi:softprob", num_class=3),
    "booster for survival": lambda: _trained(objective="survival:cox"),
}  # fmt: skip
"""Name -> what makes a specimen."""
