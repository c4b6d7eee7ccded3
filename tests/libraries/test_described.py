"""Which parameters a manifest says of models of boosters and of Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.artifact.describe import params_of

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def test_what_a_booster_was_made_with_is_compared(tmp_path: Path) -> None:
    """XGBoost's classes hand most parameters on to the class below, where their names have to be looked for."""
    xgboost = pytest.importorskip("xgboost")
    for count, name in ((3, "a"), (5, "b")):
        holdfast.save(xgboost.XGBClassifier(n_estimators=count, max_depth=2, random_state=0).fit(X, Y), tmp_path / f"{name}.safetensors")
    assert holdfast.compare(tmp_path / "a.safetensors", tmp_path / "b.safetensors").params == {"n_estimators": ("3", "5")}
    found = params_of(xgboost.XGBRFRegressor(n_estimators=4, strange=1))
    assert (found["n_estimators"], found["learning_rate"], found["strange"]) == ("4", "1.0", "1")
    assert "None" not in found.values()


def test_parameters_that_no_constructor_names_are_said() -> None:
    lightgbm, catboost = pytest.importorskip("lightgbm"), pytest.importorskip("catboost")
    found = params_of(lightgbm.LGBMClassifier(n_estimators=5, min_gain=3))
    assert (found["n_estimators"], found["min_gain"]) == ("5", "3")
    assert params_of(lightgbm.train({"num_leaves": 4, "verbose": -1}, lightgbm.Dataset(X, Y), 2))["num_leaves"] == "4"
    assert params_of(catboost.CatBoostClassifier(iterations=5, depth=3)) == {"iterations": "5", "depth": "3"}


def test_how_a_model_of_keras_is_trained_on_is_said() -> None:
    keras = pytest.importorskip("keras")
    model: Any = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    assert params_of(model) == {}
    model.compile(optimizer=keras.optimizers.SGD(0.5, momentum=0.25), loss="mse")
    found = params_of(model)
    assert (found["optimizer"], found["optimizer__learning_rate"], found["optimizer__momentum"], found["loss"]) == ("SGD", "0.5", "0.25", "'mse'")
    model.compile(optimizer=keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)))
    assert params_of(model)["optimizer__learning_rate"] == "'ExponentialDecay'"


def test_an_optimizer_that_fails_to_say_stops_no_save() -> None:
    keras = pytest.importorskip("keras")

    class Silent(keras.optimizers.SGD):  # type: ignore[misc]
        def get_config(self) -> Any:
            raise RuntimeError

    model: Any = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer=Silent(0.5))
    assert params_of(model) == {}
