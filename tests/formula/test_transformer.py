"""Expressions as a transformer of scikit-learn: arrays and frames, pipelines, names, pickles."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

import holdfast
from holdfast.errors import InvalidExpression, LibraryMissing
from holdfast.formula.onnx_ import register_onnx
from holdfast.formula.pmml_ import for_pmml

ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 0.0, 6.0], [np.nan, 8.0, 9.0]])
FRAME = pd.DataFrame({"age": [31, 44, 27], "monthly income": [1000.0, np.nan, 10.0], "city": ["Aarhus", None, "Århus"]}, index=["a", "b", "c"])


@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_finds_nothing_against_it() -> None:
    results = check_estimator(holdfast.expression("x0 + 1"), on_skip=None)
    assert {one["status"] for one in results} <= {"passed", "skipped"}


def test_it_answers_float64_of_one_column_an_expression() -> None:
    made = holdfast.expression("x0 / x1", "x2 > 5", names=["ratio", "large"]).fit(ROWS)
    answer = made.transform(ROWS)
    assert answer.dtype == np.float64
    assert np.array_equal(answer, [[0.5, 0], [np.inf, 1], [np.nan, 1]], equal_nan=True)
    assert made.get_feature_names_out().tolist() == ["ratio", "large"]
    assert made.n_features_in_ == 3


@pytest.mark.parametrize(
    "rows", [ROWS.tolist(), ROWS.astype(np.float32), np.asfortranarray(ROWS), ROWS.astype(object), pd.DataFrame(ROWS), pd.DataFrame(ROWS, columns=list("abc")), pd.DataFrame(ROWS).astype("Float64")],
    ids=["lists", "float32", "Fortran", "objects", "frame of numbers", "frame of names", "nullable"],
)  # fmt: skip
def test_rows_come_in_many_forms(rows: Any) -> None:
    assert np.array_equal(holdfast.expression("exp(x0) / x1", "x2").fit_transform(rows), holdfast.expression("exp(x0) / x1", "x2").fit_transform(ROWS), equal_nan=True)


def test_integers_and_truths_are_numbers() -> None:
    rows = pd.DataFrame({"a": [2**62, 1], "b": [True, False], "c": pd.array([1, None], dtype="Int64"), "d": pd.array([True, None], dtype="boolean"), "e": pd.Categorical([1.5, None])})
    assert np.array_equal(holdfast.expression("a * 4", "b + 1", "c", "d", "e").fit_transform(rows), [[2.0**64, 2, 1, 1, 1.5], [4, 1, np.nan, np.nan, np.nan]], equal_nan=True)


def test_columns_of_a_frame_go_by_name_or_by_place() -> None:
    made = holdfast.expression("col('monthly income') / age", "x1 / x0", "city == 'Aarhus'", names=["a", "b", "c"]).fit(FRAME)
    answer = made.transform(FRAME)
    assert np.array_equal(answer[:, 0], answer[:, 1], equal_nan=True)
    assert answer[:, 2].tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="same order"):
        made.transform(FRAME[["city", "age", "monthly income"]])


@pytest.mark.parametrize("kind", ["object", "string", "category", "large_string[pyarrow]"])
def test_texts_come_in_many_forms(kind: str) -> None:
    rows = FRAME.astype({"city": kind})
    assert holdfast.expression("city == 'Aarhus'", "isnan(text(city))").fit_transform(rows).tolist() == [[1, 0], [0, 1], [0, 0]]
    assert holdfast.expression("x0 == 'a'").fit_transform(np.array([["a"], ["b"]])).tolist() == [[1], [0]]
    assert holdfast.expression("x1 == 'a'", "x0").fit_transform([[1.5, "a"], [2, None]]).tolist() == [[1, 1.5], [0, 2]]


def test_keep_passes_the_inputs_through_first() -> None:
    made = holdfast.expression("x0 + x1", keep=True).fit(ROWS)
    assert np.array_equal(made.transform(ROWS), np.column_stack([ROWS, ROWS[:, 0] + ROWS[:, 1]]), equal_nan=True)
    assert made.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x0 + x1"]
    with pytest.raises(TypeError, match="column 'city' is used as numbers"):
        holdfast.expression("age", names="years", keep=True).fit_transform(FRAME)
    with pytest.raises(InvalidExpression, match="name of an input that is kept, 'age'"):
        holdfast.expression("age + 1", names=["age"], keep=True).fit(FRAME)


def test_frames_come_out_where_they_are_wanted() -> None:
    answer = holdfast.expression("age * 2", names=["twice"]).set_output(transform="pandas").fit_transform(FRAME)
    assert list(answer.columns) == ["twice"]
    assert list(answer.index) == ["a", "b", "c"]


def test_it_works_inside_what_scikit_learn_has_to_put_things_together() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    target = (frame["a"] * frame["b"] > 0).astype(int)
    columns = make_column_transformer((holdfast.expression("a * b", names=["product"]), ["a", "b"]), (StandardScaler(), ["c"]), remainder="drop")
    union = FeatureUnion([("product", holdfast.expression("x0 * x1")), ("all", "passthrough")])
    for model in (make_pipeline(columns, DecisionTreeClassifier(max_depth=2)), make_pipeline(union, DecisionTreeClassifier(max_depth=2)), make_pipeline(StandardScaler(with_mean=False), holdfast.expression("x0 * x1"), DecisionTreeClassifier(max_depth=2))):
        assert clone(model).fit(frame, target).score(frame, target) == 1.0
    assert columns.fit(frame).get_feature_names_out().tolist() == ["expression__product", "standardscaler__c"]
    named = make_pipeline(ColumnTransformer([("keep", "passthrough", ["a", "c"])], verbose_feature_names_out=False).set_output(transform="pandas"), holdfast.expression("a + c"))
    assert np.array_equal(named.fit_transform(frame)[:, 0], frame["a"] + frame["c"])
    searched = GridSearchCV(make_pipeline(holdfast.expression("a"), DecisionTreeClassifier(max_depth=2)), {"expression__expressions": [("c",), ("a * b",)]}, cv=2).fit(frame, target)
    assert searched.best_params_ == {"expression__expressions": ("a * b",)}


def test_parameters_are_kept_as_given() -> None:
    made = holdfast.expression("x0", "x1", names=["a", "b"], keep=True)
    assert made.get_params() == {"expressions": ("x0", "x1"), "names": ("a", "b"), "keep": True}
    assert clone(made).get_params() == made.get_params()
    assert made.set_params(expressions="x0 + 1", names=None).fit(ROWS).get_feature_names_out().tolist() == ["x0", "x1", "x2", "x0 + 1"]
    with pytest.raises(NotFittedError):
        holdfast.expression("x0").transform(ROWS)


@pytest.mark.parametrize("through", ["pickle", "joblib"])
def test_it_goes_through_pickle_and_joblib(through: str) -> None:
    made = holdfast.expression("age + 1", "city == 'Aarhus'", names=["a", "b"]).fit(FRAME)
    if through == "pickle":
        back = pickle.loads(pickle.dumps(made))
    else:
        held = io.BytesIO()
        joblib.dump(made, held)
        back = joblib.load(held)
    assert np.array_equal(back.transform(FRAME), made.transform(FRAME))
    assert set(vars(made)) == {"expressions", "names", "keep", "n_features_in_", "feature_names_in_"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: holdfast.expression(), "give at least one expression"), (lambda: holdfast.expression("x0 +"), "not an expression"), (lambda: holdfast.expression(lambda X: X), "is a text, and not function"),
        (lambda: holdfast.expression(["x0"]), "is a text, and not list"), (lambda: holdfast.expression("x0", names=["a", "b"]), "one text for each of the 1 expressions, and holds 2"),
        (lambda: holdfast.expression("x0", "x1", names=["a", "a"]), "two outputs have the same name"), (lambda: holdfast.expression("x0", " x0"), "two expressions are the same text"),
        (lambda: holdfast.expression("x0", keep="yes"), "neither True nor False"), (lambda: holdfast.expression(*(f"x{i}" for i in range(1001))), "1001 expressions; 1000 are allowed"),
        (lambda: holdfast.expression("x3").fit(ROWS), "there is no column x3: there are 3, x0 to x2"), (lambda: holdfast.expression("age").fit(ROWS), "these rows have no names"),
        (lambda: holdfast.expression("agee").fit(FRAME), "there is no column 'agee'"), (lambda: holdfast.expression("x1").fit(pd.DataFrame({"x1": [1], "b": [2]})), "another column has this name"),
        (lambda: holdfast.expression("a").fit(pd.DataFrame([[1, 2]], columns=["a", "a"])), "two columns have the same name"),
        (lambda: holdfast.expression("x0").set_params(names=3).fit(ROWS), "one text for each"), (lambda: holdfast.expression("x0").set_params(expressions=3).fit(ROWS), "give at least one"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_at_once(call: Any, said: str) -> None:
    with pytest.raises(InvalidExpression, match=said):
        call()


def test_a_place_that_is_the_name_of_the_same_column_is_clear() -> None:
    frame = pd.DataFrame({"x0": [1.0], "x1": [2.0]})
    assert holdfast.expression("x0 + 2 * x1").fit_transform(frame).tolist() == [[5.0]]
    assert holdfast.expression("col('x1')").fit_transform(frame[["x1", "x0"]]).tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("text", "rows", "said"),
    [
        ("city + 1", FRAME, "column 'city' is used as numbers"), ("text(age) == 'a'", FRAME, "column 'age' is used as texts, and holds a int in row 0"), ("x0 + 1", np.array([["1", "2"]]), "column x0 is used as numbers"),
        ("x0 + 1", np.array([["1", 2]], object), "column x0 is used as numbers"), ("x0 + 1", np.array([[b"1"]]), "used as numbers"), ("x0", np.array([[1, 2]], "M8[s]"), "used as numbers"),
        ("x0", pd.DataFrame({"a": pd.to_datetime(["2026-01-01"])}), "used as numbers"), ("x0", np.array([[{}]], object), "used as numbers"), ("x0", pd.DataFrame({"a": pd.Categorical(["b"])}), "used as numbers"),
    ],
)  # fmt: skip
def test_a_column_that_holds_something_else_is_refused_by_name(text: str, rows: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        holdfast.expression(text).fit_transform(rows)


def test_rows_of_another_width_are_refused() -> None:
    made = holdfast.expression("x0").fit(ROWS)
    for wrong in (ROWS[:, :2], np.zeros((2, 4))):
        with pytest.raises(ValueError, match="features"):
            made.transform(wrong)


def test_the_answer_of_a_row_does_not_depend_on_the_others_or_on_how_they_lie() -> None:
    rng = np.random.default_rng(1)
    rows = np.exp(rng.normal(size=(1000, 2)) * 20)
    made = holdfast.expression("x0 ** 0.3 + log(x1)", "sin(x0) * tanh(x1)", "expm1(x1 / x0) - 2 ** x0").fit(rows)
    whole = made.transform(rows)
    assert np.array_equal(whole, made.transform(np.asfortranarray(rows)), equal_nan=True)
    assert np.array_equal(whole, np.vstack([made.transform(rows[i : i + 1]) for i in range(len(rows))]), equal_nan=True)


def test_scikit_learn_is_imported_when_a_transformer_is_made_and_not_before() -> None:
    code = "import sys, holdfast, holdfast.formula.state, holdfast.formula.onnx_, holdfast.formula.pmml_; assert not {'sklearn', 'pandas', 'onnx'} & set(sys.modules); holdfast.expression('x0'); assert 'sklearn' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("missing", "call", "said"),
    [
        ("holdfast.formula.transformer", lambda: holdfast.expression("x0"), r"pip install 'holdfast\[sklearn\]'"),
        ("skl2onnx", register_onnx, "pip install skl2onnx"),
        ("sklearn2pmml", lambda: for_pmml(holdfast.expression("x0").fit(ROWS)), "pip install sklearn2pmml"),
    ],
)
def test_a_library_that_is_not_there_is_named_with_how_to_get_it(missing: str, call: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(LibraryMissing, match=said):
        call()
