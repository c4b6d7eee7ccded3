"""A zoo of imbalanced-learn: every sampler and classifier with its defaults, and pipelines of both.

The one rule: seeded, and as small as each of them allows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen

NAMES = (
    "combine.SMOTEENN", "combine.SMOTETomek", "ensemble.BalancedBaggingClassifier", "ensemble.BalancedRandomForestClassifier",
    "ensemble.EasyEnsembleClassifier", "ensemble.RUSBoostClassifier", "over_sampling.ADASYN", "over_sampling.BorderlineSMOTE",
    "over_sampling.KMeansSMOTE", "over_sampling.RandomOverSampler", "over_sampling.SMOTE", "over_sampling.SMOTEN", "over_sampling.SMOTENC",
    "over_sampling.SVMSMOTE", "under_sampling.AllKNN", "under_sampling.ClusterCentroids", "under_sampling.CondensedNearestNeighbour",
    "under_sampling.EditedNearestNeighbours", "under_sampling.InstanceHardnessThreshold", "under_sampling.NearMiss",
    "under_sampling.NeighbourhoodCleaningRule", "under_sampling.OneSidedSelection", "under_sampling.RandomUnderSampler",
    "under_sampling.RepeatedEditedNearestNeighbours", "under_sampling.TomekLinks",
)  # fmt: skip


def _data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(80, 4)), rng.normal(1.2, 0.7, size=(24, 4))])
    return rows, np.repeat([0, 1], [80, 24])


_SETTINGS: dict[str, dict[str, Any]] = {
    "SMOTENC": {"categorical_features": [3]},
    "KMeansSMOTE": {"cluster_balance_threshold": 0.05},
    "BalancedRandomForestClassifier": {"n_estimators": 4},
    "EasyEnsembleClassifier": {"n_estimators": 2},
    "BalancedBaggingClassifier": {"n_estimators": 3},
    "RUSBoostClassifier": {"n_estimators": 4},
}


def _seeded(cls: Any, settings: dict[str, Any]) -> Any:
    made = cls(**settings)
    return made.set_params(random_state=0) if "random_state" in made.get_params() else made


def _one(name: str) -> Specimen:
    import importlib

    module, _, cls_name = name.partition(".")
    rows, y = _data()
    if cls_name in ("SMOTENC", "SMOTEN"):
        rows[:, 3] = np.round(rows[:, 3])
    made = _seeded(getattr(importlib.import_module(f"imblearn.{module}"), cls_name), _SETTINGS.get(cls_name, {}))
    if hasattr(made, "fit_resample"):
        made.fit_resample(rows, y)
        return Specimen(made, lambda one: list(one.fit_resample(rows, y)))
    made.fit(rows, y)
    return Specimen(made, lambda one: [one.predict(rows), one.predict_proba(rows), one.classes_])


def _pipeline() -> Specimen:
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import Pipeline
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rows, y = _data()
    made = Pipeline([("scale", StandardScaler()), ("more", SMOTE(random_state=0)), ("model", LogisticRegression())]).fit(rows, y)
    return Specimen(made, lambda one: [one.predict(rows), one.predict_proba(rows)])


MAKERS: dict[str, Callable[[], Specimen]] = {**{name.partition(".")[2]: partial(_one, name) for name in NAMES}, "Pipeline": _pipeline}
"""Name -> what makes a specimen."""
