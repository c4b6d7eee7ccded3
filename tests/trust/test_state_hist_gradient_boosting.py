"""HistGradientBoosting: genuine models pass in many configurations, and every altered number is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from threadpoolctl import threadpool_limits

from holdfast.errors import InvalidState
from holdfast.trust.state import hist_gradient_boosting as hgb
from tests.trust.live_state import Fields, at, bin_mapper_fields, check_model, hist_fields, predictor_fields

pytestmark = pytest.mark.filterwarnings("ignore")  # what scikit-learn says about odd data is not what is tested here

RNG = np.random.RandomState(0)
X = np.c_[RNG.randint(0, 3, 300), RNG.randint(0, 40, 300), RNG.randn(300, 2), np.zeros(300)]
X[RNG.rand(300) < 0.2, 4] = np.nan
HOLES = np.where(RNG.rand(*X.shape) < 0.2, np.nan, X)
ENDLESS = np.where(RNG.rand(*X.shape) < 0.1, np.inf, X)
NUMBERS = np.abs(RNG.randn(300)) + X[:, 0] + 5 * np.isnan(X[:, 4]) + 0.1
CLASSES = (NUMBERS.astype(int) % 3).astype(int)

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"categorical_features": [0, 1]},
    {"categorical_features": [4], "min_samples_leaf": 1},
    {"max_bins": 2},
    {"max_bins": 50, "categorical_features": [1]},
    {"max_depth": 1},
    {"max_leaf_nodes": None, "min_samples_leaf": 1},
    {"early_stopping": True, "n_iter_no_change": 2},
    {"monotonic_cst": [0, 0, 1, -1, 0]},
    {"interaction_cst": "no_interactions"},
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine take a hundred times as long as these small fits."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "gamma", "poisson", "quantile", "log_loss"])
def test_genuine_models_pass(loss: str, settings: dict[str, Any]) -> None:
    for data in (X, HOLES, ENDLESS, X[:1], X[:25]):
        more = {"quantile": 0.3} if loss == "quantile" else {}
        kind = HistGradientBoostingClassifier if loss == "log_loss" else HistGradientBoostingRegressor
        y = CLASSES if loss == "log_loss" and "monotonic_cst" not in settings else NUMBERS
        y = (y > 1).astype(int) if loss == "log_loss" and "monotonic_cst" in settings else y
        try:
            model = kind(loss=loss, max_iter=2, random_state=0, **settings, **more).fit(data, y[: len(data)])
        except ValueError:
            continue  # a combination that scikit-learn itself refuses
        assert check_model(model) > 3


def test_a_model_of_a_data_frame_with_categories_passes() -> None:
    frame = pd.DataFrame({"a": X[:, 2], "b": pd.Categorical(RNG.choice(list("xyz"), 300)), "c": X[:, 3]})
    model = HistGradientBoostingRegressor(max_iter=10).fit(frame, NUMBERS)
    assert check_model(model) > 3


def test_the_node_layout_is_that_of_scikit_learn() -> None:
    assert hgb.PREDICTOR_DTYPE == PREDICTOR_RECORD_DTYPE


with threadpool_limits(1):
    MODEL = HistGradientBoostingClassifier(max_iter=4, categorical_features=[0, 1], random_state=0).fit(X, CLASSES)


def genuine() -> Fields:
    live = next(p for stage in MODEL._predictors for p in stage if p.nodes["is_categorical"].any())
    return predictor_fields(live, MODEL._bin_mapper)


def _set(name: str, place: str, value: Any) -> Callable[[Fields], None]:
    def alter(fields: Fields) -> None:
        nodes = fields["nodes"]
        places = {
            "root": 0,
            "leaf": int(np.flatnonzero(nodes["is_leaf"])[0]),
            "category": int(np.flatnonzero(nodes["is_categorical"])[0]),
            "number": int(np.flatnonzero((nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0))[0]),
        }
        nodes[name][places[place]] = value

    return alter


ALTERATIONS: dict[str, Callable[[Fields], Any]] = {
    **{f"{side} child {value}": _set(side, "root", value) for side in ("left", "right") for value in (0, 2**20, 2**32 - 1)},
    "two equal children": lambda f: f["nodes"]["right"].__setitem__(0, f["nodes"]["left"][0]),
    "a leaf that splits": _set("is_leaf", "leaf", 0),
    "a split that is a leaf": _set("is_leaf", "root", 1),
    "is_leaf 2": _set("is_leaf", "leaf", 2),
    "feature at the end": _set("feature_idx", "root", 5),
    "feature negative": _set("feature_idx", "root", -1),
    "feature huge": _set("feature_idx", "root", 2**40),
    "a bitset that is not there": _set("bitset_idx", "category", 200),
    "a bitset far away": _set("bitset_idx", "category", 2**32 - 1),
    "a number taken for a category": _set("is_categorical", "number", 1),
    "a threshold NaN": _set("num_threshold", "number", np.nan),
    "another depth": _set("depth", "leaf", 99),
    "another depth of the root": lambda f: f["nodes"]["depth"].__iadd__(1),
    "no nodes": lambda f: f.__setitem__("nodes", f["nodes"][:0]),
    "one node less": lambda f: f.__setitem__("nodes", f["nodes"][:-1].copy()),
    "nodes of another layout": lambda f: f.__setitem__("nodes", f["nodes"].view("u1")),
    "no bitsets": lambda f: f.update(raw_left_cat_bitsets=f["raw_left_cat_bitsets"][:0]),
    "narrow bitsets": lambda f: f.update(raw_left_cat_bitsets=f["raw_left_cat_bitsets"][:, :7].copy()),
    "fewer binned bitsets": lambda f: f.update(binned_left_cat_bitsets=f["binned_left_cat_bitsets"][:-1]),
    "bitsets of another type": lambda f: f.update(raw_left_cat_bitsets=f["raw_left_cat_bitsets"].astype("u8")),
    "fewer features": lambda f: f.update(n_features=1),
    "bitsets missing": lambda f: f.pop("raw_left_cat_bitsets"),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_an_altered_predictor_is_refused_alone_and_among_others(alter: Callable[[Fields], Any]) -> None:
    fields = genuine()
    alter(fields)
    with pytest.raises(InvalidState, match=at("p")):
        hgb.check_predictor(fields, "p")
    with pytest.raises(InvalidState, match=r"^predictor 2: "):
        hgb.check_predictors([genuine(), genuine(), fields, genuine()], lambda i: f"predictor {i}")


def test_blocks_of_any_size_give_the_same_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    predictors = [genuine() for _ in range(9)]
    predictors[7]["nodes"]["feature_idx"][0] = 9
    for block in (1, 50, 10**6):
        monkeypatch.setattr(hgb, "_BLOCK", block)
        with pytest.raises(InvalidState, match=r"^7: node 0 splits on feature 9"):
            hgb.check_predictors(predictors, str)
        hgb.check_predictors(predictors[:7], str)


MAPPER_ALTERATIONS: dict[str, Callable[[Fields], Any]] = {
    "thresholds that fall": lambda f: f["bin_thresholds_"].__setitem__(2, f["bin_thresholds_"][2][::-1].copy()),
    "a threshold less": lambda f: f["bin_thresholds_"].__setitem__(2, f["bin_thresholds_"][2][1:]),
    "a feature less": lambda f: f["bin_thresholds_"].pop(),
    "thresholds of float32": lambda f: f["bin_thresholds_"].__setitem__(2, f["bin_thresholds_"][2].astype("f4")),
    "thresholds in an array": lambda f: f.update(bin_thresholds_=np.zeros((5, 3))),
    "a category 256": lambda f: f["bin_thresholds_"].__setitem__(0, np.array([0.0, 1.0, 256.0])),
    "a category of one half": lambda f: f["bin_thresholds_"].__setitem__(0, np.array([0.0, 0.5, 1.0])),
    "another bin for missing values": lambda f: f.update(missing_values_bin_idx_=0),
    "too many bins": lambda f: f.update(n_bins=257),
    "a flag 2": lambda f: f.update(is_categorical_=np.array([2, 1, 0, 0, 0], "u1")),
    "fewer flags": lambda f: f.update(is_categorical_=np.array([1, 1, 0, 0], "u1")),
    "used bins of another type": lambda f: f.update(n_bins_non_missing_=f["n_bins_non_missing_"].astype("i8")),
}


@pytest.mark.parametrize("alter", MAPPER_ALTERATIONS.values(), ids=MAPPER_ALTERATIONS.keys())
def test_an_altered_bin_mapper_is_refused(alter: Callable[[Fields], Any]) -> None:
    fields = bin_mapper_fields(MODEL._bin_mapper)
    fields["bin_thresholds_"] = list(fields["bin_thresholds_"])
    hgb.check_bin_mapper(fields, "m")
    alter(fields)
    with pytest.raises(InvalidState, match=at("m")):
        hgb.check_bin_mapper(fields, "m")


@pytest.mark.parametrize(
    "change",
    [
        {"n_features": 4},
        {"n_features_in_": 4},
        {"preprocessed": 4},
        {"n_trees_per_iteration_": 2},
        {"n_trees_per_iteration_": True},
        {"predictors_per_iteration": [3, 3, 3, 4]},
        {"_baseline_prediction": np.zeros((1, 2))},
        {"_baseline_prediction": np.zeros(3)},
    ],
    ids=str,
)
def test_predictors_that_do_not_fit_together_are_refused(change: dict[str, Any]) -> None:
    fields = hist_fields(MODEL)
    hgb.check_hist_gradient_boosting(fields, "h")
    with pytest.raises(InvalidState, match=at("h")):
        hgb.check_hist_gradient_boosting({**fields, **change}, "h")
