"""Fitted models of many families, small and seeded: name -> a function that gives a model and its example."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Made = tuple[Any, Any]


@functools.cache
def data() -> tuple[Any, Any, Any, Any]:
    """Rows with a column of large integers, three classes, texts for them, and a value."""
    from sklearn.datasets import make_classification

    rng = np.random.default_rng(0)
    x, y = make_classification(300, 6, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0)
    x[:, 0] = np.round(x[:, 0] * 1e6)
    x[:, 1] = rng.integers(0, 2**25, 300)
    return x, y, np.array(["low", "mid", "high"])[y], x[:, 2] * 10 + x[:, 3] ** 2 + x[:, 0] / 1e6


@functools.cache
def frame() -> Any:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(data()[0][:, :4], columns=["a", "big one", "c (cm)", "d"])
    return table.assign(city=rng.choice(["Bern", "Köln", "São Paulo"], 300), size=rng.choice(["S", "M", "L"], 300), n=rng.integers(0, 5, 300))


def _arrays() -> dict[str, Callable[[], Any]]:
    from sklearn import (
        calibration,
        cluster,
        decomposition,
        discriminant_analysis,
        ensemble,
        linear_model,
        naive_bayes,
        neighbors,
        neural_network,
        svm,
        tree,
    )
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    x, y, s, r = data()
    yes = y > 0

    def scaled(model: Any) -> Any:
        return make_pipeline(StandardScaler(), model)

    return {
        "logistic": lambda: scaled(linear_model.LogisticRegression()).fit(x, s),
        "logistic of bools": lambda: scaled(linear_model.LogisticRegression()).fit(x, yes),
        "linear": lambda: linear_model.LinearRegression().fit(x, r),
        "ridge": lambda: scaled(linear_model.Ridge()).fit(x, r),
        "lasso": lambda: make_pipeline(MinMaxScaler(), linear_model.Lasso()).fit(x, r),
        "ridge classifier": lambda: scaled(linear_model.RidgeClassifier()).fit(x, y),
        "sgd": lambda: scaled(linear_model.SGDClassifier(random_state=0)).fit(x, y),
        "discriminant": lambda: scaled(discriminant_analysis.LinearDiscriminantAnalysis()).fit(x, y),
        "bayes": lambda: naive_bayes.GaussianNB().fit(x, y),
        "net": lambda: scaled(neural_network.MLPClassifier((10,), max_iter=60, random_state=0)).fit(x, s),
        "net for values": lambda: scaled(neural_network.MLPRegressor(hidden_layer_sizes=(10,), max_iter=60, random_state=0)).fit(x, r),
        "neighbours": lambda: scaled(neighbors.KNeighborsClassifier()).fit(x, y),
        "neighbours for values": lambda: scaled(neighbors.KNeighborsRegressor()).fit(x, r),
        "svc": lambda: scaled(svm.SVC(random_state=0)).fit(x, y),
        "svr": lambda: scaled(svm.SVR()).fit(x, r),
        "linear svc": lambda: scaled(svm.LinearSVC(random_state=0)).fit(x, y),
        "one-class svm": lambda: scaled(svm.OneClassSVM()).fit(x),
        "tree": lambda: tree.DecisionTreeClassifier(random_state=0).fit(x, s),
        "tree for values": lambda: tree.DecisionTreeRegressor(random_state=0).fit(x, r),
        "forest": lambda: ensemble.RandomForestClassifier(20, random_state=0).fit(x, s),
        "scaled forest": lambda: scaled(ensemble.RandomForestClassifier(20, random_state=0)).fit(x, y),
        "forest for values": lambda: ensemble.RandomForestRegressor(20, random_state=0).fit(x, r),
        "extra trees": lambda: ensemble.ExtraTreesClassifier(20, random_state=0).fit(x, yes),
        "gradient boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=15, random_state=0).fit(x, y),
        "gradient boosting of two": lambda: ensemble.GradientBoostingClassifier(n_estimators=15, random_state=0).fit(x, yes),
        "gradient boosting for values": lambda: ensemble.GradientBoostingRegressor(n_estimators=15, random_state=0).fit(x, r),
        "histogram boosting": lambda: ensemble.HistGradientBoostingClassifier(max_iter=15, random_state=0).fit(x, y),
        "histogram boosting of two": lambda: ensemble.HistGradientBoostingClassifier(max_iter=15, random_state=0).fit(x, yes),
        "histogram boosting for values": lambda: ensemble.HistGradientBoostingRegressor(max_iter=15, random_state=0).fit(x, r),
        "histogram boosting for counts": lambda: ensemble.HistGradientBoostingRegressor(max_iter=15, loss="poisson", random_state=0).fit(x, np.abs(r)),
        "adaptive boosting": lambda: ensemble.AdaBoostClassifier(n_estimators=10, random_state=0).fit(x, y),
        "adaptive boosting for values": lambda: ensemble.AdaBoostRegressor(n_estimators=10, random_state=0).fit(x, r),
        "bagging": lambda: ensemble.BaggingClassifier(n_estimators=10, max_features=4, random_state=0).fit(x, y),
        "isolation forest": lambda: ensemble.IsolationForest(n_estimators=20, random_state=0).fit(x),
        "stacking": lambda: ensemble.StackingClassifier([("f", ensemble.RandomForestClassifier(10, random_state=0)), ("l", scaled(linear_model.LogisticRegression()))]).fit(x, y),
        "voting": lambda: ensemble.VotingClassifier([("f", ensemble.RandomForestClassifier(10, random_state=0)), ("l", scaled(linear_model.LogisticRegression()))], voting="soft").fit(x, y),
        "voting for values": lambda: ensemble.VotingRegressor([("f", ensemble.RandomForestRegressor(10, random_state=0)), ("l", scaled(linear_model.Ridge()))]).fit(x, r),
        "calibrated forest": lambda: calibration.CalibratedClassifierCV(ensemble.RandomForestClassifier(10, random_state=0), cv=2).fit(x, y),
        "k-means": lambda: scaled(cluster.KMeans(4, n_init=2, random_state=0)).fit(x),
        "components": lambda: scaled(decomposition.PCA(3)).fit(x),
        "scaler": lambda: StandardScaler().fit(x),
        **_boosters(),
    }


def _boosters() -> dict[str, Callable[[], Any]]:
    import catboost
    import lightgbm
    import xgboost
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y, s, r = data()
    cat = {"iterations": 15, "depth": 4, "verbose": 0, "allow_writing_files": False, "random_seed": 0}
    light = {"n_estimators": 15, "verbose": -1, "random_state": 0}
    return {
        "xgboost": lambda: xgboost.XGBClassifier(n_estimators=15).fit(x, y),
        "xgboost of two": lambda: xgboost.XGBClassifier(n_estimators=15).fit(x, (y > 0).astype(int)),
        "xgboost for values": lambda: xgboost.XGBRegressor(n_estimators=15).fit(x, r),
        "xgboost for counts": lambda: xgboost.XGBRegressor(n_estimators=15, objective="count:poisson").fit(x, np.abs(r)),
        "xgboost booster": lambda: xgboost.XGBRegressor(n_estimators=15).fit(x, r).get_booster(),
        "scaled xgboost": lambda: make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=15)).fit(x, y),
        "lightgbm": lambda: lightgbm.LGBMClassifier(**light).fit(x, s),
        "lightgbm of two": lambda: lightgbm.LGBMClassifier(**light).fit(x, y > 0),
        "lightgbm for values": lambda: lightgbm.LGBMRegressor(**light).fit(x, r),
        "lightgbm booster": lambda: lightgbm.LGBMClassifier(**light).fit(x, s).booster_,
        "scaled lightgbm": lambda: make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**light)).fit(x, y),
        "catboost": lambda: catboost.CatBoostClassifier(**cat).fit(x, y),
        "catboost of two": lambda: catboost.CatBoostClassifier(**cat).fit(x, s == "low"),
        "catboost for values": lambda: catboost.CatBoostRegressor(**cat).fit(x, r),
    }


def _frames() -> dict[str, Callable[[], Made]]:
    import lightgbm
    import xgboost
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    x, y, s, _ = data()
    table = frame()
    numbers = table[["a", "big one", "c (cm)", "d"]]
    holes = x.copy()
    holes[np.random.default_rng(1).random(x.shape) < 0.1] = np.nan
    texts = [f"{'good nice fine' if k % 2 else 'bad awful poor'} movie number {k % 7} it was {'great fun' if k % 3 else 'so boring'}" for k in range(60)]

    def columns() -> Any:
        return ColumnTransformer([("num", StandardScaler(), ["a", "big one", "c (cm)", "d", "n"]), ("cat", OneHotEncoder(handle_unknown="ignore"), ["city", "size"])])

    def texts_first() -> Any:
        return ColumnTransformer([("cat", OneHotEncoder(handle_unknown="ignore"), ["city", "size"]), ("num", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "d"])])

    few = table[["city", "size", "a", "d", "n"]]
    rng = np.random.default_rng(3)
    kinds = np.column_stack([x[:, 2], rng.integers(0, 12, 300), x[:, 3], rng.integers(0, 5, 300) * 3.0])
    kinds[rng.random(kinds.shape) < 0.05] = np.nan
    of_kinds = (y + np.nan_to_num(kinds[:, 1]).astype(int) % 3) % 3
    typed = table[["a", "city", "n"]].astype({"city": "category", "n": "category"})
    return {
        "forest with holes": lambda: (RandomForestClassifier(15, random_state=0).fit(holes, y), holes[:20]),
        "histogram boosting with holes": lambda: (HistGradientBoostingClassifier(max_iter=15, random_state=0).fit(holes, y), holes[:20]),
        "lightgbm with holes": lambda: (lightgbm.LGBMClassifier(n_estimators=15, verbose=-1, random_state=0).fit(holes, y), holes[:20]),
        "xgboost with holes": lambda: (xgboost.XGBClassifier(n_estimators=15).fit(holes, y), holes[:20]),
        "imputer and forest": lambda: (make_pipeline(SimpleImputer(), RandomForestClassifier(15, random_state=0)).fit(holes, y), holes[:20]),
        "forest of a frame": lambda: (RandomForestClassifier(15, random_state=0).fit(numbers, y), numbers[:20]),
        "xgboost of a frame": lambda: (xgboost.XGBClassifier(n_estimators=15).fit(numbers, y), numbers[:20]),
        "lightgbm of a frame": lambda: (lightgbm.LGBMClassifier(n_estimators=15, verbose=-1, random_state=0).fit(numbers, y), numbers[:20]),
        "mixed logistic": lambda: (make_pipeline(columns(), LogisticRegression()).fit(table, s), table[:20]),
        "mixed forest": lambda: (make_pipeline(columns(), RandomForestClassifier(15, random_state=0)).fit(table, s), table[:20]),
        "mixed boosting": lambda: (make_pipeline(columns(), GradientBoostingClassifier(n_estimators=15, random_state=0)).fit(table, s), table[:20]),
        "mixed lightgbm": lambda: (make_pipeline(columns(), lightgbm.LGBMClassifier(n_estimators=15, verbose=-1, random_state=0)).fit(table, s), table[:20]),
        "texts first": lambda: (make_pipeline(texts_first(), LogisticRegression()).fit(few, y), few[:20]),
        "histogram boosting of categories": lambda: (HistGradientBoostingClassifier(max_iter=15, categorical_features=[1, 3], random_state=0).fit(kinds, of_kinds), kinds[:20]),
        "lightgbm of categories": lambda: (lightgbm.LGBMClassifier(n_estimators=15, min_data_per_group=5, verbose=-1, random_state=0).fit(kinds, of_kinds, categorical_feature=[1, 3]), kinds[:20]),
        "xgboost of categories": lambda: (xgboost.XGBClassifier(n_estimators=15, feature_types=["q", "c", "q", "c"], enable_categorical=True, max_cat_to_onehot=2).fit(kinds, of_kinds), kinds[:20]),
        "histogram boosting of a frame of categories": lambda: (HistGradientBoostingClassifier(max_iter=15, random_state=0).fit(typed, of_kinds), typed[:20]),
        "lightgbm of a frame of categories": lambda: (lightgbm.LGBMClassifier(n_estimators=15, min_data_per_group=5, verbose=-1, random_state=0).fit(typed, of_kinds), typed[:20]),
        "tf-idf": lambda: (make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [k % 2 for k in range(60)]), texts[:10]),
        "counts": lambda: (make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [k % 2 for k in range(60)]), texts[:10]),
    }


def _of_array(make: Callable[[], Any]) -> Made:
    return make(), data()[0][:20]


def zoo() -> dict[str, Callable[[], Made]]:
    """Return every model: name -> what makes it and its example."""
    return {**{name: functools.partial(_of_array, make) for name, make in _arrays().items()}, **_frames()}


@functools.cache
def made(name: str) -> Made:
    """Return one model and its example, fitted once."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return zoo()[name]()


NAMES = list(zoo())
