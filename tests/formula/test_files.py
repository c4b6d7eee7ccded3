"""Expressions in files: saved and loaded with nothing trusted, and refused where a file says what no expression is."""

from __future__ import annotations

import io
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import holdfast
from holdfast.errors import FormatError, InvalidState, UnsupportedModel
from holdfast.frameworks.holdfast_ import ADAPTERS
from holdfast.trust.catalog import Catalog
from holdfast.values import limits

RNG = np.random.default_rng(3)
FRAME = pd.DataFrame({"age": RNG.uniform(20, 80, 60), "income": RNG.uniform(0, 9, 60).round(), "city": RNG.choice(["Aarhus", "Århus", "Skive"], 60)})
TARGET = (FRAME["income"] / FRAME["age"] > 0.08).astype(int)


def pipeline() -> Any:
    first = make_column_transformer((holdfast.expression("income / age", "city == 'Aarhus'", names=["ratio", "there"]), ["age", "income", "city"]), (StandardScaler(), ["age"]))
    return make_pipeline(first, holdfast.expression("x0 * 100", "where(x1 > 0, x2, -x2)", keep=True), LogisticRegression()).fit(FRAME, TARGET)


def test_a_pipeline_loads_with_nothing_trusted_and_answers_the_same(tmp_path: Path) -> None:
    model = pipeline()
    path = tmp_path / "model.safetensors"
    saved = holdfast.save(model, path, example=FRAME[:5])
    assert saved.proof is not None
    assert saved.proof.ok
    back = holdfast.load(path)
    assert np.array_equal(back.predict_proba(FRAME), model.predict_proba(FRAME))
    assert back.named_steps["expression"].get_params() == model.named_steps["expression"].get_params()
    assert holdfast.verify(path).ok
    assert "income / age" in str(holdfast.inspect(path))
    assert holdfast.inspect(holdfast.dumps(back)).content == holdfast.inspect(holdfast.dumps(model)).content


def test_a_predictor_takes_records() -> None:
    model = pipeline()
    answer = holdfast.predictor(holdfast.dumps(model, example=FRAME[:5])).predict_proba(FRAME[:7].to_dict("records"))
    assert np.array_equal(answer, model.predict_proba(FRAME[:7]))


def test_one_that_was_not_fitted_is_kept_as_well() -> None:
    back = holdfast.loads(holdfast.dumps(holdfast.expression("x0 / x1", names="ratio")))
    assert back.fit_transform([[1.0, 2.0]]).tolist() == [[0.5]]


@pytest.mark.parametrize("suffix", [".pkl", ".joblib", ".skops", ".dill", ".cloudpickle"])
def test_other_formats_are_read_as_data(suffix: str, tmp_path: Path) -> None:
    model = pipeline()
    saved = holdfast.save(model, tmp_path / f"m{suffix}", example=FRAME[:5])
    assert saved.proof.ok
    back = holdfast.load(tmp_path / f"m{suffix}")
    assert np.array_equal(back.predict_proba(FRAME), model.predict_proba(FRAME))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_gives_the_tree_of_the_live_transformer(protocol: int) -> None:
    for made in (holdfast.expression("x0 / x1", names="ratio"), holdfast.expression("age / income", "age", keep=False).fit(FRAME)):
        back = holdfast.loads(pickle.dumps(made, protocol))
        assert holdfast.inspect(holdfast.dumps(back)).content == holdfast.inspect(holdfast.dumps(made)).content


@pytest.mark.parametrize("wrong", [{"expressions": ("age +",)}, {"expressions": ("__import__('os')", "income")}, {"names": ("a",)}, {"keep": 1}, {"expressions": None}])
def test_a_pickle_of_what_is_no_transformer_is_refused(wrong: dict[str, Any]) -> None:
    made = holdfast.expression("age", "income").fit(FRAME)
    vars(made).update(wrong)
    with pytest.raises(InvalidState):
        holdfast.loads(pickle.dumps(made))


def test_a_pickle_that_gives_a_transformer_arguments_is_refused() -> None:
    called = b"\x80\x04\x8c\x1choldfast.formula.transformer\x94\x8c\x0aExpression\x94\x93\x8c\x02x0\x85R."
    with pytest.raises(FormatError, match="is not one"):
        holdfast.loads(called)


NAME = "holdfast.formula.transformer.Expression"


def test_what_a_load_would_refuse_is_not_saved() -> None:
    made = holdfast.expression("age", "income").fit(FRAME)
    for wrong in ({"expressions": ("age +",)}, {"expressions": ("years", "income")}, {"names": ("a",)}, {"keep": 1}):
        with pytest.raises(UnsupportedModel, match="cannot save an Expression"):
            holdfast.dumps(make_pipeline(clone(made).fit(FRAME).set_params(**wrong)))


def altered(**state: Any) -> bytes:
    """Return a file, whole in every other way, whose transformer has another state."""
    adapter = ADAPTERS[NAME]
    made = holdfast.expression("age", "income", names=["a", "b"]).fit(FRAME)
    vars(made).update(state)
    for name in [name for name, value in state.items() if value is ...]:
        del vars(made)[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ADAPTERS, NAME, adapter._replace(dump=lambda one: dict(vars(one))))
        return holdfast.dumps(made)


HOSTILE = [
    "__import__('os').system('touch /tmp/holdfast')", "__import__('os')", "eval('1')", "(lambda: 1)()", "().__class__", "age.__class__", "[c for c in (1,)]", "f'{age}'", "age if age else eval", "open('x')",
    "\\\n__import__('os')", "age\n;import os", "'a' 'b'.format(age)", "x0(x0)", "abs(*[])", "exec\0", "9" * 9000, "(" * 9000, "-" * 9999 + "1", "not " * 2400 + "1", "9**" * 3000 + "9", "x" * (limits.EXPRESSION_CHARACTERS + 1),
    "x" * 1_000_000, "is_in(" + "1," * 4000 + "1)", "+".join(["age"] * 200), "", " ", "nothing", "x3", "x999999999", "'text'", "age + 'a'", "col(age)", "_fmod(age, 1)", "\ud800"[:0] + "\u202e", "yield",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=[repr(text[:20]) for text in HOSTILE])
def test_a_text_that_is_no_expression_is_refused_before_anything_is_built(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = altered(expressions=(text, "income"))
    monkeypatch.setattr("holdfast.artifact.load.build", None)
    start = time.perf_counter()
    with pytest.raises(InvalidState) as caught:
        holdfast.loads(blob)
    assert time.perf_counter() - start < 2
    assert len(str(caught.value)) < 2000
    assert "\u202e" not in str(caught.value)


@pytest.mark.parametrize(
    "state",
    [
        {"expressions": ()}, {"expressions": ("age", 3)}, {"expressions": {"age": 1}}, {"expressions": None}, {"expressions": ("age", ("income",))}, {"expressions": ("age",) * 2, "names": None},
        {"expressions": [f"age + {i}" for i in range(limits.EXPRESSIONS + 1)], "names": None}, {"names": ("a",)}, {"names": ("a", "a")}, {"names": ("a", 1)}, {"names": 3}, {"names": {"a": 1}}, {"keep": "yes"}, {"keep": 1}, {"keep": None},
        {"n_features_in_": 2}, {"n_features_in_": 0}, {"n_features_in_": -1}, {"n_features_in_": 2**40}, {"n_features_in_": "3"}, {"n_features_in_": 1.5}, {"n_features_in_": ...}, {"feature_names_in_": ...},
        {"feature_names_in_": np.array(["age", "city"], object)}, {"feature_names_in_": np.array(["age", "income", 3], object)}, {"feature_names_in_": np.array([["age", "income", "city"]], object)}, {"feature_names_in_": np.zeros(3)},
        {"feature_names_in_": np.array(["age", "income", "age"], object)}, {"feature_names_in_": ["age", "income", "city"]}, {"feature_names_in_": np.array(["age", "x0", "income"], object), "expressions": ("x0", "age")},
        {"names": ("age", "b"), "keep": True}, {"expressions": ...}, {"keep": ...}, {"names": ...}, {"__class__x": np.sum},
    ],
    ids=range(35),
)  # fmt: skip
def test_a_state_that_cannot_be_one_is_refused(state: dict[str, Any]) -> None:
    blob = altered(**state)
    with pytest.raises(InvalidState):
        holdfast.loads(blob)


def test_powers_of_powers_are_floats_and_take_no_time() -> None:
    start = time.perf_counter()
    back = holdfast.loads(altered(expressions=("9**9**9**9 + 0 * age", "0 * age - 10**400")))
    assert back.transform(FRAME)[0].tolist() == [np.inf, -np.inf]
    assert time.perf_counter() - start < 2


def test_the_largest_expression_is_read_and_evaluated_in_little_time() -> None:
    text = "is_in(" + ",".join(["age"] * (limits.EXPRESSION_NODES - 1)) + ")"
    rows = pd.DataFrame({"age": np.arange(1000.0), "income": 1.0, "city": "a"})
    start = time.perf_counter()
    assert holdfast.loads(altered(expressions=(text, "income"))).transform(rows)[:, 0].all()
    assert time.perf_counter() - start < 5


def test_our_own_list_is_read_alone() -> None:
    lists = Catalog()
    assert "holdfast.formula.transformer.Expression" in lists.types
    assert "holdfast.frameworks.transformers_.LoadedAdapter" in lists.types
    assert "transformers" not in lists._read


def test_a_file_is_looked_at_without_scikit_learn() -> None:
    import subprocess

    blob = holdfast.dumps(holdfast.expression("age / income", "is_in(city, 'a')").fit(FRAME))
    code = "import sys, holdfast; print(holdfast.inspect(sys.stdin.buffer.read())); assert 'sklearn' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], input=blob, capture_output=True, check=True)
    assert b"age / income" in done.stdout
    assert io.BytesIO(blob).read() == blob
