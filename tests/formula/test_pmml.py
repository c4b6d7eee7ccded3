"""Expressions in PMML: every function of the table in jpmml-evaluator, and pipelines, against our own evaluation.

A conversion starts Java, so all functions go into one document: a column says which of them is asked.
"""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import holdfast
from holdfast.errors import UnsupportedOperation
from holdfast.formula.pmml_ import for_pmml
from holdfast.formula.table import TABLE
from holdfast.formula.transformer import Expression
from tests.formula.hard import HARD, NUMERIC, ROWS, TEXTS, TEXTUAL, call, differing

pytestmark = pytest.mark.filterwarnings("ignore")
sklearn2pmml = pytest.importorskip("sklearn2pmml")
jpmml_evaluator = pytest.importorskip("jpmml_evaluator")
pytest.importorskip("jpype")
if shutil.which("java") is None:
    pytest.skip("there is no Java", allow_module_level=True)

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(60, 3)), columns=["a", "b", "c"])
FRAME["city"] = RNG.choice(["Aarhus", "Århus", "Skive"], 60)
TARGET = (FRAME["a"] * FRAME["b"] > 0).astype(int)


@pytest.fixture(scope="module")
def java() -> Any:
    return jpmml_evaluator.make_backend("jpype")


def exported(model: Any, columns: list[str], java: Any, folder: Path) -> Any:
    path = str(folder / "model.pmml")
    sklearn2pmml.sklearn2pmml(sklearn2pmml.make_pmml_pipeline(for_pmml(model), columns, ["y"]), path, with_repr=False)
    return jpmml_evaluator.make_evaluator(path, backend=java).verify()


def asked(evaluator: Any, rows: pd.DataFrame, output: str) -> Any:
    """Return the answers for rows; what is missing goes in and comes out as NaN."""
    answers = evaluator.evaluateAll(rows.astype(object).where(rows.notna(), None))[output]
    return np.array([np.nan if answer is None else answer for answer in answers], float)


def summed(count: int) -> LinearRegression:
    """Return a model that adds up what it is given."""
    model = LinearRegression()
    model.coef_, model.intercept_, model.n_features_in_ = np.ones(count), 0.0, count
    return model


def chosen(texts: list[str], rows: Any, java: Any, folder: Path) -> Any:
    """Return how expressions answer over rows, one array each: each is the only one that is not 0 where ``which`` is its number.

    One of the first column alone is asked about as many rows as there are hard values, which are all that this column has.
    """
    width = rows.shape[1]
    columns = [f"in{place}" for place in range(width)] + ["which"]
    frame = pd.DataFrame({name: rows[:, place] for place, name in enumerate(columns[:-1])}).assign(which=0.0)
    expression = Expression(tuple(f"where(x{width} == {number}, {text}, 0)" for number, text in enumerate(texts))).fit(frame.to_numpy())
    evaluator = exported(make_pipeline(expression, summed(len(texts))), columns, java, folder)
    return [asked(evaluator, frame[: len(frame) if "x1" in text else len(HARD)].assign(which=float(number)), "y") for number, text in enumerate(texts)]


def test_every_function_agrees_over_hard_values(java: Any, tmp_path: Path) -> None:
    names = [name for name in NUMERIC if TABLE[name].pmml is not None]
    rows = ROWS + 0.0  # the evaluator does not know -0.0 from 0.0, and divides by one as by the other
    rows[rows == 0] = 0.0
    got = chosen([call(name) for name in names], rows, java, tmp_path)
    for number, name in enumerate(names):
        wanted = holdfast.expression(call(name)).fit_transform(rows)[: len(got[number]), 0]
        assert len(wanted) >= len(HARD)
        wrong = differing(wanted, got[number], name=name)
        assert not len(wrong), (name, [(rows[i].tolist(), wanted[i], got[number][i]) for i in wrong[:5]])


def test_every_function_of_texts_agrees(java: Any, tmp_path: Path) -> None:
    names = [name for name in TEXTUAL if TABLE[name].pmml is not None]
    rows = np.vstack([TEXTS, np.array([[None, "Aarhus"], ["x", None], [None, None]], object)])
    got = chosen([TEXTUAL[name] for name in names], rows, java, tmp_path)
    assert np.array_equal(np.column_stack(got), np.column_stack([holdfast.expression(TEXTUAL[name]).fit_transform(rows)[:, 0] for name in names]))


@pytest.mark.parametrize("name", [name for name, line in TABLE.items() if line.pmml is None and not name.startswith("_")])
def test_what_cannot_be_said_is_refused_by_name(name: str) -> None:
    made = holdfast.expression(f"where(x0 > 1, 2, {call(name)})" if name in NUMERIC else TEXTUAL[name])
    with pytest.raises(UnsupportedOperation, match=f"the function {name}"):
        for_pmml(make_pipeline(made, LogisticRegression()).set_params().fit(*(((ROWS[:20] > 1).astype(float) + 1, [0, 1] * 10) if name in NUMERIC else (TEXTS[:4], [0, 1] * 2))))


def test_every_line_of_the_table_is_tried() -> None:
    assert {*NUMERIC, *TEXTUAL} == {name for name in TABLE if not name.startswith("_")}


PRODUCT = ("a * b", "clip(a / c, -9, 9)", "b > 0")
MODELS = {
    "logistic": lambda: make_pipeline(holdfast.expression(*PRODUCT, keep=True), LogisticRegression()),
    "forest": lambda: make_pipeline(holdfast.expression(*PRODUCT, "2"), RandomForestClassifier(5, random_state=0)),
    "scaled first": lambda: make_pipeline(StandardScaler(), holdfast.expression("x0 * x1", "x1 > 0"), LogisticRegression()),
    "union of two that share a text": lambda: make_pipeline(FeatureUnion([("one", holdfast.expression("a / b", "a")), ("two", holdfast.expression("a / b")), ("all", "passthrough")]), LogisticRegression()),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_pipeline_agrees(name: str, java: Any, tmp_path: Path) -> None:
    rows = FRAME[["a", "b", "c"]]
    model = MODELS[name]().fit(rows, TARGET)
    assert np.allclose(asked(exported(model, list(rows), java, tmp_path), rows, "probability(1)"), model.predict_proba(rows)[:, 1], atol=1e-12)


def test_columns_of_numbers_and_texts_agree(java: Any, tmp_path: Path) -> None:
    parts = make_column_transformer((holdfast.expression("a * b", "city == 'Skive'", "a > c"), ["a", "b", "c", "city"]), (OneHotEncoder(), ["city"]))
    model = make_pipeline(parts, holdfast.expression("x0 + x1", "x2", "x3"), LogisticRegression()).fit(FRAME, TARGET)
    assert np.allclose(asked(exported(model, list(FRAME), java, tmp_path), FRAME, "probability(1)"), model.predict_proba(FRAME)[:, 1], atol=1e-12)


def test_a_forest_takes_nan_and_divisions_by_zero(java: Any, tmp_path: Path) -> None:
    rows = FRAME[["a", "b", "c"]].copy()
    rows.iloc[::5, 0], rows.iloc[::7, 2], rows.iloc[::11, 1] = np.nan, 0, np.inf
    forest = RandomForestClassifier(5, random_state=0)
    model = make_pipeline(holdfast.expression("where(b > 9, 0, a * b)", "clip(a / c, -9, 9)", "where(isnan(a), -1, minimum(a, b))"), forest).fit(rows, TARGET)
    forest.pmml_options_ = {"allow_missing": True}
    assert np.isnan(model[0].transform(rows)).any()
    assert np.allclose(asked(exported(model, list(rows), java, tmp_path), rows, "probability(1)"), model.predict_proba(rows)[:, 1], atol=1e-12)


def test_functions_inside_one_another_do_not_grow(java: Any, tmp_path: Path) -> None:
    text = "a"
    for name in ("log1p", "clip", "sinh", "minimum", "expm1", "**", "floor", "cosh", "maximum", "log10"):
        text = {"clip": f"clip({text} * 3, -7, b)", "**": f"({text} + b) ** 0.5"}.get(name, f"{name}({text}, c)" if name.endswith("imum") else f"{name}({text} / 2)")
    rows = FRAME[["a", "b", "c"]] * 3
    model = make_pipeline(holdfast.expression(f"fillna({text}, -1)", "a"), summed(2))
    model[0].fit(rows)
    wanted = model[0].transform(rows).sum(axis=1)
    assert not len(differing(wanted, asked(exported(model, list(rows), java, tmp_path), rows, "y"), 1e-6))
    assert len(set(wanted)) > 10
    with pytest.raises(UnsupportedOperation, match="more than 45 operations are inside one another"):
        for_pmml(holdfast.expression(" + ".join(["a"] * 47)).fit(rows))


def test_it_is_found_wherever_it_is() -> None:
    rows = FRAME[["a", "b", "c"]]
    held = CalibratedClassifierCV(make_pipeline(holdfast.expression("a * b"), LogisticRegression()), cv=2).fit(rows, TARGET)
    made = for_pmml(held)
    assert [type(one.estimator[0]).__name__ for one in made.calibrated_classifiers_] == ["Pipeline", "Pipeline"]
    alone = for_pmml(holdfast.expression("a * b").fit(rows))
    assert [name for name, _ in alone.steps] == ["inputs", "field0", "outputs"]


def test_the_model_itself_stays_as_it_was() -> None:
    rows = FRAME[["a", "b", "c"]]
    model = make_pipeline(make_column_transformer((holdfast.expression("a / b"), ["a", "b"])), LogisticRegression()).fit(rows, TARGET)
    before = holdfast.dumps(model)
    made = for_pmml(model)
    assert holdfast.dumps(model) == before
    assert "Expression(" not in repr(made).replace("ExpressionTransformer(", "")
    assert copy.deepcopy(made[-1]).coef_.tolist() == model[-1].coef_.tolist()
