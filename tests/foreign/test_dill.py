"""dill's files are read as the pickles of the same models are, and what it would evaluate is not evaluated."""

from __future__ import annotations

import collections
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import holdfast
from tests.foreign import pickles

dill = pytest.importorskip("dill")
X = np.random.default_rng(0).normal(size=(40, 3))
VALUES = {
    "type": float, "types": (int, str, bytes, list, object), "numpy": np.float32, "slice": slice(1, None, 2), "ellipsis": ..., "not": NotImplemented, "range": range(3), "back": range(9, -(10**20), -2),
    "bytes": b"x", "long": bytes(5000), "bytearray": bytearray(b"ab"), "complex": 1j, "set": {1, 2}, "frozen": frozenset({"a"}), "default": collections.defaultdict(list, {1: [2]}), "array": np.arange(3.0),
    "objects": np.array([1, "a", None], object), "dtype": np.dtype("M8[ns]"), "rng": np.random.RandomState(0).get_state(), "empty": (b"", bytearray(), set(), (), [], {}),
}  # fmt: skip


def models() -> list[Any]:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    scaled = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", "passthrough", slice(2, 3))])
    return [make_pipeline(scaled, SVR()).fit(X, X[:, 0]), RandomForestRegressor(3, random_state=0).fit(X, X[:, 0]), CountVectorizer(dtype=np.float32).fit(["aa bb", "bb cc"])]


def content(value: Any) -> str:
    return holdfast.inspect(holdfast.dumps(value)).content


@pytest.mark.parametrize("protocol", range(6))
def test_values_come_back(protocol: int) -> None:
    back = holdfast.loads(dill.dumps(VALUES, protocol))
    assert repr(back) == repr(VALUES)
    assert content(back) == content(pickle.loads(pickle.dumps(VALUES, 4)))


@pytest.mark.parametrize("protocol", range(6))
def test_models_come_back(protocol: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model in models():
            assert content(holdfast.loads(dill.dumps(model, protocol))) == content(holdfast.loads(pickle.dumps(model, protocol)))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_boosters_come_back(protocol: int) -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBRegressor(n_estimators=2).fit(X, X[:, 0])
    assert holdfast.loads(dill.dumps(model, protocol)).predict(X).tobytes() == model.predict(X).tobytes()


@pytest.mark.parametrize("text", ["__import__('os').system('true')", "range(1, 2) or 3", "range(1, 2, 3, 4)", "range(1, " + "9" * 500 + ")", "range(١, 2)", "Ellipsis ", "print", ""])
def test_what_dill_would_evaluate_is_refused(text: str) -> None:
    evaluated = pickles.call("dill._dill._eval_repr", pickles.text(text))
    with pytest.raises(holdfast.UntrustedType, match="eval"):
        holdfast.loads(pickles.pickled(evaluated))
    dropped = pickles.pickled(evaluated + b"0" + b"K\x01")
    with pytest.raises(holdfast.UntrustedType, match=r"would call builtins\.eval on the way"):
        holdfast.loads(dropped)
    assert "builtins.eval" in str(holdfast.inspect(dropped))


@pytest.mark.parametrize("name", ["FunctionType", "CodeType", "LambdaType", "ModuleType", "super", "memoryview", "FileType", "AttrGetterType", "nothing", ""])
def test_types_that_reach_code_stay_calls(name: str) -> None:
    loaded = pickles.call("dill._dill._load_type", pickles.text(name))
    for made in (loaded, loaded + b")R", loaded + b")R0K\x01"):
        with pytest.raises(holdfast.UntrustedType):
            holdfast.loads(pickles.pickled(made))


def test_a_class_of_the_file_itself_stays_a_call() -> None:
    made = pickles.call("dill._dill._create_type", pickles.call("dill._dill._load_type", pickles.text("type")), pickles.text("A"), b")", b"}")
    with pytest.raises(holdfast.UntrustedType, match="allow-pickle"):
        holdfast.loads(pickles.pickled(made))


def test_a_range_of_zero_steps_is_refused() -> None:
    with pytest.raises(holdfast.InvalidState):
        holdfast.loads(pickles.pickled(pickles.call("dill._dill._eval_repr", pickles.text("range(0, 1, 0)"))))
