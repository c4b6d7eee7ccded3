"""Small fitted models for tests that are not about scikit-learn."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


@cache
def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


@cache
def pipeline() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = data()
    return Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression())]).fit(X, y)


@cache
def forest(trees: int = 10) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    X, y = data()
    return RandomForestClassifier(trees, random_state=0).fit(X, y)


@cache
def neighbours() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    X, y = data()
    return KNeighborsClassifier(algorithm="kd_tree").fit(X, y)
