"""What is saved and loaded: one table, a builder each.

The one rule: a builder is deterministic and gives what a person would have in hand, a freshly fitted model or a plain container.
Fitted models are kept between runs in a git-ignored folder, so that a second run is quick.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import nets

CACHE = Path(__file__).resolve().parent.parent / "build" / "bench-models"
"""Fitted models, pickled by us on this machine; safe to delete."""


class Workload(NamedTuple):
    """One thing that every system saves and loads.

    Attributes:
        name: what ``--only`` takes.
        title: how tables name it.
        group: "suite" counts towards the geometric means of the design, "containers", "more" and "libraries" do not.
        build: quick -> the model; quick makes it small.
        ask: the model's answer, compared between the live model and every loaded one before anything is timed.
        fitted: whether it is worth keeping between runs.
    """

    name: str
    title: str
    group: str
    build: Callable[[bool], Any]
    ask: Callable[[Any], Any]
    fitted: bool = True

    def model(self, quick: bool) -> Any:
        """Return the model, from the folder of fitted ones where it is there already."""
        if not self.fitted:
            return self.build(quick)
        import sklearn

        path = CACHE / f"{self.name}-{'quick' if quick else 'full'}-sklearn{sklearn.__version__}-numpy{np.__version__}.pkl"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an MLP that has not converged serves as well
                model = self.build(quick)
            # protocol 4 gives back arrays that own their memory, as fitted ones do; those of protocol 5 are views
            path.write_bytes(pickle.dumps(model, protocol=4))
        with path.open("rb") as file:
            return pickle.load(file)


def _rows(rows: int, columns: int) -> tuple[Any, Any]:
    from sklearn.datasets import make_classification

    features, labels = make_classification(rows, columns, n_informative=columns // 2, random_state=7)
    return features, labels


def _predicts(columns: int) -> Callable[[Any], Any]:
    rows = np.random.default_rng(3).normal(size=(20, columns))
    return lambda model: model.predict(rows)


def _logistic(quick: bool) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*_rows(1000, 20))


def _forest(trees: int) -> Callable[[bool], Any]:
    def build(quick: bool) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        model = RandomForestClassifier(trees, random_state=0, n_jobs=-1).fit(*_rows(1000 if quick else 20_000, 40))
        return model.set_params(n_jobs=None)

    return build


def _boosting(quick: bool) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=30 if quick else 300, random_state=0).fit(*_rows(5000, 20))


def _histogram(quick: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # early stopping would end long before 500
    return HistGradientBoostingClassifier(max_iter=50 if quick else 500, early_stopping=False, random_state=0).fit(
        *_rows(20_000, 40)
    )


def _adaboost(quick: bool) -> Any:
    from sklearn.ensemble import AdaBoostClassifier

    return AdaBoostClassifier(n_estimators=20 if quick else 200, random_state=0).fit(*_rows(2000, 20))


def _words(count: int) -> list[str]:
    """Return different made-up words of 4 to 12 letters."""
    rng = np.random.default_rng(11)
    words: dict[str, None] = {}
    while len(words) < count:
        letters = rng.integers(97, 123, size=(count, 12), dtype=np.uint8)
        for row, length in zip(letters, rng.integers(4, 13, size=count), strict=True):
            words[row[:length].tobytes().decode()] = None
    return list(words)[:count]


def _tfidf(quick: bool) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = _words(20_000 if quick else 500_000)
    return TfidfVectorizer().fit([" ".join(words[start : start + 100]) for start in range(0, len(words), 100)])


def _neighbours(quick: bool) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(5)
    rows = rng.normal(size=(20_000 if quick else 655_360, 20))  # 100 MiB of float64
    return KNeighborsClassifier(algorithm="kd_tree").fit(rows, rng.integers(0, 3, size=len(rows)))


def _svc(quick: bool) -> Any:
    from sklearn.svm import SVC

    return SVC().fit(*_rows(500 if quick else 10_000, 20))


def _mlp(quick: bool) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((64,) if quick else (512, 256), max_iter=5, random_state=0).fit(*_rows(2000, 40))


def _dense(arrays: int, floats: int) -> Callable[[bool], Any]:
    def build(quick: bool) -> Any:
        rng = np.random.default_rng(1)
        return {
            f"layer{at}.weight": rng.standard_normal((floats // 1000 // (20 if quick else 1), 1000), np.float32)
            for at in range(arrays)
        }

    return build


def _dicts(quick: bool) -> Any:
    return [
        {"id": at, "name": f"user {at}", "score": at * 0.37, "active": at % 3 == 0, "group": f"group {at % 20}"}
        for at in range(5000 if quick else 100_000)
    ]


def _mixed(quick: bool) -> Any:
    return [
        (at, f"item {at}", at * 0.5) if at % 2 else {"at": at, f"key {at % 7}": (at, None, f"text {at}")}
        for at in range(2500 if quick else 50_000)
    ]


def _tuple_keys(quick: bool) -> Any:
    return {(at, f"key {at % 1000}"): at * 3 for at in range(5000 if quick else 100_000)}


def _floats(quick: bool) -> Any:
    return np.random.default_rng(2).random(25_000 if quick else 500_000).tolist()


def _strings(quick: bool) -> Any:
    return {f"member {at}" for at in range(10_000 if quick else 200_000)}


def _categories(quick: bool) -> Any:
    from sklearn.preprocessing import OneHotEncoder

    column = np.array([f"category {at}" for at in range(5000 if quick else 100_000)], object)
    return OneHotEncoder(handle_unknown="ignore").fit(column[:, None])


def _weights(vectorizer: Any) -> Any:
    return vectorizer.transform([" ".join([*vectorizer.vocabulary_][:50])]).toarray()


def _columns(encoder: Any) -> Any:
    return encoder.transform(np.array([["category 17"], ["none"]], object)).indices


def _itself(model: Any) -> Any:
    return model


WORKLOADS: tuple[Workload, ...] = (
    Workload("logistic", "scaler + logistic regression", "suite", _logistic, _predicts(20)),
    Workload("forest_100", "random forest, 100 trees", "suite", _forest(100), _predicts(40)),
    Workload("forest_500", "random forest, 500 trees", "suite", _forest(500), _predicts(40)),
    Workload("boosting", "gradient boosting, 300 trees", "suite", _boosting, _predicts(20)),
    Workload("histogram", "hist gradient boosting, 500 iterations", "suite", _histogram, _predicts(40)),
    Workload("tfidf", "tf-idf, 500,000 words", "suite", _tfidf, _weights),
    Workload("neighbours", "kNN over 100 MB, kd_tree", "suite", _neighbours, _predicts(20)),
    Workload("svc", "SVC", "suite", _svc, _predicts(20)),
    Workload("mlp", "MLP", "suite", _mlp, _predicts(40)),
    Workload("dense_1gb", "1 GB of dense float32", "suite", _dense(10, 25_000_000), _itself, fitted=False),
    Workload("adaboost", "AdaBoost, 200 stumps", "more", _adaboost, _predicts(20)),
    Workload("dense_100mb", "100 MB of dense float32", "more", _dense(10, 2_500_000), _itself, fitted=False),
    Workload("dicts", "100k dicts with the same keys", "containers", _dicts, _itself, fitted=False),
    Workload("mixed", "50k mixed tuples and dicts", "containers", _mixed, _itself, fitted=False),
    Workload("tuple_keys", "dict with 100k tuple keys", "containers", _tuple_keys, _itself, fitted=False),
    Workload("floats", "500k floats", "containers", _floats, _itself, fitted=False),
    Workload("strings", "set of 200k strings", "containers", _strings, _itself, fitted=False),
    Workload("categories", "OneHotEncoder, 100k object categories", "containers", _categories,
             _columns, fitted=False),
    Workload("resnet", "net of ResNet-50's size", "libraries", nets.resnet, nets.net_answer, fitted=False),
    Workload("resnet_state", "its state dict, 102 MB", "libraries", nets.state(nets.resnet), nets.net_answer, fitted=False),
    Workload("bert", "net of BERT-base's size", "libraries", nets.bert, nets.net_answer, fitted=False),
    Workload("bert_state", "its state dict, 440 MB", "libraries", nets.state(nets.bert), nets.net_answer, fitted=False),
    Workload("xgboost", "XGBoost, 500 trees", "libraries", nets.xgboost, nets.booster_answer),
    Workload("lightgbm", "LightGBM, 500 trees", "libraries", nets.lightgbm, nets.booster_answer),
    Workload("catboost", "CatBoost, 500 trees", "libraries", nets.catboost, nets.booster_answer),
    Workload("keras", "Keras, dense, trained with Adam", "libraries", nets.keras, nets.keras_answer, fitted=False),
)  # fmt: skip

BY_NAME = {workload.name: workload for workload in WORKLOADS}


def same(expected: Any, found: Any) -> bool:
    """Say whether two answers agree, types of containers included."""
    if isinstance(expected, np.ndarray):
        return bool(np.array_equal(expected, found))
    if type(expected) is not type(found):
        return False
    if isinstance(expected, dict) and any(isinstance(value, np.ndarray) for value in expected.values()):
        return list(expected) == list(found) and all(same(value, found[key]) for key, value in expected.items())
    return bool(expected == found)
