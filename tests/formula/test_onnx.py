"""Expressions in ONNX: every function of the table in onnxruntime, alone and in pipelines, against our own evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import holdfast
from holdfast.errors import UnsupportedOperation
from holdfast.formula.onnx_ import register_onnx
from holdfast.formula.table import TABLE
from tests.formula.hard import NUMERIC, ROWS, TEXTS, TEXTUAL, call, differing

pytestmark = pytest.mark.filterwarnings("ignore")
onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
FRAME = pd.DataFrame({"age": RNG.uniform(1, 90, 80), "income": RNG.uniform(0, 5, 80).round(), "city": RNG.choice(["Aarhus", "Århus", "Skive"], 80)})
TARGET = (FRAME["age"] / (FRAME["income"] + 1) > 20).astype(int)
TYPES = [("age", DoubleTensorType([None, 1])), ("income", DoubleTensorType([None, 1])), ("city", StringTensorType([None, 1]))]


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    register_onnx()


def exported(model: Any, types: Any, **options: Any) -> Any:
    made = skl2onnx.to_onnx(model, initial_types=types, options={"zipmap": False} if hasattr(model, "predict") else None, **options)
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


def asked(session: Any, rows: Any) -> Any:
    feed = {one.name: rows[[one.name]].to_numpy() for one in session.get_inputs()} if isinstance(rows, pd.DataFrame) else {session.get_inputs()[0].name: rows}
    return session.run(None, feed)


@pytest.mark.parametrize("name", NUMERIC)
def test_a_function_agrees_over_hard_values(name: str) -> None:
    made = holdfast.expression(call(name)).fit(ROWS)
    (got,) = asked(exported(made, [("rows", DoubleTensorType([None, 3]))]), ROWS)
    assert got.dtype == np.float64
    assert got.shape == (len(ROWS), 1)
    wrong = differing(made.transform(ROWS)[:, 0], got[:, 0], name=name)
    assert not len(wrong), [(ROWS[i].tolist(), made.transform(ROWS[i : i + 1])[0, 0], got[i, 0]) for i in wrong[:5]]


@pytest.mark.parametrize("name", TEXTUAL)
def test_a_function_of_texts_agrees_or_is_refused_by_name(name: str) -> None:
    made = holdfast.expression(TEXTUAL[name]).fit(TEXTS)
    types = [("rows", StringTensorType([None, 2]))]
    if TABLE[name].onnx is None:
        with pytest.raises(UnsupportedOperation, match=rf"\b{name.partition(' ')[0]}\b"):
            exported(made, types)
    else:
        assert np.array_equal(asked(exported(made, types), TEXTS)[0], made.transform(TEXTS))


def test_every_line_of_the_table_is_tried() -> None:
    assert {*NUMERIC, *TEXTUAL} == {name for name in TABLE if not name.startswith("_")}


def test_functions_inside_one_another_do_not_grow() -> None:
    text = "x0"
    for name in ("log1p", "atan", "sinh", "expm1", "acos", "floor", "cosh", "log10") * 4:
        text = f"{name}({text} * 0.3 // 0.7)"
    made = holdfast.expression(text).fit(ROWS)
    model = skl2onnx.to_onnx(made, initial_types=[("rows", DoubleTensorType([None, 3]))])
    assert len(model.graph.node) < 3000
    (got,) = asked(onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]), ROWS)
    assert not len(differing(made.transform(ROWS)[:, 0], got[:, 0], 1e-6))


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(5, random_state=0)], ids=["logistic", "forest"])
@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, FloatTensorType), (np.float64, DoubleTensorType)], ids=["float32", "float64"])
def test_a_pipeline_agrees(model: Any, dtype: Any, kind: Any) -> None:
    rows = X.astype(dtype)
    made = make_pipeline(StandardScaler(), holdfast.expression("x0 * x1", "clip(x0 / x2, -9, 9)", "x1 > 0", keep=True), model).fit(rows, Y)
    label, share = asked(exported(made, [("rows", kind([None, 3]))]), rows)
    assert np.array_equal(label, made.predict(rows))
    assert np.allclose(share, made.predict_proba(rows), atol=1e-6)


def test_float32_goes_in_and_comes_out_and_is_reckoned_with_in_float64() -> None:
    rows = np.array([[16777216.0, 1.0], [3.0, 0.1]], np.float32)
    made = holdfast.expression("(x0 + x1) - x0", "x0 / 0").fit(rows)
    (got,) = asked(exported(made, [("rows", FloatTensorType([None, 2]))]), rows)
    assert got.dtype == np.float32
    assert np.array_equal(got, made.transform(rows).astype(np.float32))
    assert got[0].tolist() == [1.0, np.inf]


def test_a_forest_takes_nan_and_divisions_by_zero() -> None:
    rows = X.copy()
    rows[::5, 0], rows[::7, 2], rows[::11, 1] = np.nan, 0, np.inf
    made = make_pipeline(holdfast.expression("x0 * x1", "clip(x0 / x2, -9, 9)", "where(isnan(x0), -1, minimum(x0, 5))", "clip(x1, -5, 5)"), holdfast.expression("fillna(x0, -7)", "x1", "x2", "fillna(x3, 0)"))
    made = make_pipeline(*(step for _, step in made.steps), holdfast.expression("where(abs(x0) > 1e9, 0, x0)", "fillna(x1, 99)", "x2", "x3"), RandomForestClassifier(5, random_state=0)).fit(rows, Y)
    label, share = asked(exported(made, [("rows", DoubleTensorType([None, 3]))]), rows)
    assert np.array_equal(label, made.predict(rows))
    assert np.allclose(share, made.predict_proba(rows), atol=1e-6)


def test_columns_of_a_frame_are_inputs_of_their_own() -> None:
    parts = make_column_transformer((holdfast.expression("age / (income + 1)", "income > 2"), ["age", "income"]), (holdfast.expression("city == 'Århus' or is_in(city, 'Skive')"), ["city"]), (OneHotEncoder(), ["city"]))
    for first in (parts, holdfast.expression("log1p(age) / (income + 1)", "city != 'Skive'", "where(city == 'Aarhus', age, 3)", "2")):
        made = make_pipeline(first, holdfast.expression("clip(x0, 0, 1000)", "x2 + 1"), LogisticRegression()).fit(FRAME, TARGET)
        assert np.allclose(asked(exported(made, TYPES), FRAME)[1], made.predict_proba(FRAME), atol=1e-12)


def test_a_union_and_integers() -> None:
    rows = RNG.integers(1, 9, (40, 3))
    made = make_pipeline(FeatureUnion([("ratio", holdfast.expression("x0 / x1")), ("all", "passthrough")]), LogisticRegression()).fit(rows, Y[:40])
    assert np.allclose(asked(exported(made, [("rows", Int64TensorType([None, 3]))]), rows)[1], made.predict_proba(rows), atol=1e-6)


def test_no_rows_and_constants() -> None:
    made = holdfast.expression("2", "x0", "1 > 2", keep=True, names=["a", "b", "c"]).fit(X)
    session = exported(made, [("rows", DoubleTensorType([None, 3]))])
    for rows in (X, X[:1], X[:0]):
        assert np.array_equal(asked(session, rows)[0], made.transform(rows))


def test_the_oldest_operators_will_do_for_numbers() -> None:
    made = holdfast.expression(*(call(name) for name in NUMERIC)).fit(ROWS)
    (got,) = asked(exported(made, [("rows", DoubleTensorType([None, 3]))], target_opset=13), ROWS)
    wanted = made.transform(ROWS)
    assert not [name for place, name in enumerate(NUMERIC) if len(differing(wanted[:, place], got[:, place], name=name))]
    with pytest.raises(UnsupportedOperation, match="needs opset 13 of ONNX, and 12 was asked for"):
        exported(made, [("rows", DoubleTensorType([None, 3]))], target_opset=12)


def test_what_cannot_be_said_is_refused() -> None:
    texts = holdfast.expression("city == 'Skive'").fit(FRAME)
    with pytest.raises(UnsupportedOperation, match="give target_opset=19"):
        exported(texts, TYPES, target_opset=15)
    with pytest.raises(UnsupportedOperation, match="fitted on 3 columns, and the inputs have 2"):
        exported(texts, TYPES[:2])
    with pytest.raises(UnsupportedOperation, match="column 2 is used as texts, and the input city holds numbers"):
        exported(texts, [*TYPES[:2], ("city", FloatTensorType([None, 1]))])
    with pytest.raises(UnsupportedOperation, match="column 2 is used as numbers, and the input city holds texts"):
        exported(holdfast.expression("x2 + 1").fit(X), TYPES)
    with pytest.raises(UnsupportedOperation, match="does not say how many columns"):
        exported(holdfast.expression("x2 + 1").fit(X), [("rows", FloatTensorType([None, None]))])
