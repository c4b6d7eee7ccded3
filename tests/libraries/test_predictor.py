"""One ``predict`` for models of every library: arrays, frames, records and dicts of named inputs in, the same arrays out."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import holdfast
from holdfast.errors import UnsupportedOperation
from holdfast.testing.specimen import makers

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(60, 4))
TARGET = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
NAMES = ["age", "income", "debt", "years"]
FRAME = pd.DataFrame(ROWS, columns=NAMES)


def _logistic(rows: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(rows, TARGET)


def _xgboost(rows: Any) -> Any:
    import xgboost

    return xgboost.XGBClassifier(n_estimators=4, n_jobs=1).fit(rows, TARGET)


def _xgboost_booster(rows: Any) -> Any:
    import xgboost

    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(rows, TARGET), 4)


def _lightgbm(rows: Any) -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=4, n_jobs=1, verbose=-1).fit(rows, TARGET)


def _lightgbm_booster(rows: Any) -> Any:
    import lightgbm

    return lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, TARGET), 4)


def _catboost(rows: Any) -> Any:
    import catboost

    return catboost.CatBoostClassifier(iterations=4, thread_count=1, verbose=0, allow_writing_files=False).fit(rows, TARGET)


FITTED: dict[str, Callable[[Any], Any]] = {
    "scikit-learn": _logistic,
    "XGBoost": _xgboost,
    "XGBoost booster": _xgboost_booster,
    "LightGBM": _lightgbm,
    "LightGBM booster": _lightgbm_booster,
    "CatBoost": _catboost,
}


@lru_cache
def kept(name: str, named: bool) -> holdfast.Predictor:
    return holdfast.predictor(holdfast.dumps(FITTED[name](FRAME if named else ROWS)))


FORMS: dict[str, Callable[[], Any]] = {
    "an array": lambda: ROWS[:3],
    "lists": lambda: ROWS[:3].tolist(),
    "a frame": lambda: FRAME[:3],
    "a dict of columns": lambda: {name: FRAME[name][:3].to_numpy() for name in NAMES},
    "records": lambda: FRAME[:3].to_dict("records"),
}
BY_NAME: dict[str, Callable[[], Any]] = {
    "a frame in another order": lambda: FRAME[:3][NAMES[::-1]],
    "a frame with a column more": lambda: FRAME[:3].assign(more=1.0),
    "a dict in another order": lambda: {name: FRAME[name][:3].to_numpy() for name in NAMES[::-1]},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("named", [True, False], ids=["names", "no names"])
@pytest.mark.parametrize("name", FITTED)
def test_rows_may_come_in_any_form(name: str, named: bool, form: str) -> None:
    predictor = kept(name, named)
    expected = FITTED[name](FRAME if named else ROWS)
    plain = holdfast.predictor(expected).predict(FRAME[:3] if named else ROWS[:3])
    answer = predictor.predict(FORMS[form]())
    assert type(answer) is np.ndarray
    assert len(answer) == 3
    assert answer.dtype == plain.dtype
    assert (answer == plain).all()


@pytest.mark.parametrize("form", BY_NAME)
@pytest.mark.parametrize("name", FITTED)
def test_columns_are_found_by_their_names(name: str, form: str) -> None:
    predictor = kept(name, True)
    assert (predictor.predict(BY_NAME[form]()) == predictor.predict(FRAME[:3])).all()


@pytest.mark.parametrize("name", FITTED)
def test_a_single_row_is_a_dict_of_values(name: str) -> None:
    predictor = kept(name, True)
    assert (predictor.predict(FRAME.iloc[0].to_dict()) == predictor.predict(FRAME[:1])).all()


@pytest.mark.parametrize("name", [name for name in FITTED if "booster" not in name])
def test_probabilities_have_a_column_for_each_class(name: str) -> None:
    predictor = kept(name, True)
    assert predictor.classes == [0, 1]
    assert predictor.predict_proba(FRAME[:3]).shape == (3, 2)
    assert {"predict", "predict_proba"} <= set(predictor.methods)


@pytest.mark.parametrize(
    ("named", "rows", "said"),
    [
        (True, FRAME[["age", "debt"]], "the rows lack 'income', 'years'; the model takes 'age', 'income', 'debt', 'years', and the rows have 'age', 'debt'"),
        (True, ROWS[:, :3], "the rows are an array of shape (60, 3), and the model takes 4 columns: 'age', 'income', 'debt', 'years'"),
        (True, ROWS[0], "give a single row as [row]"),
        (False, ROWS[0], "the rows are an array of shape (4,), and the model takes (rows, 4); give a single row as [row]"),
        (False, ROWS[:, :2], "the rows are an array of shape (60, 2), and the model takes (rows, 4)"),
        (True, FRAME.assign(age="old"), "the model cannot answer these rows: "),
    ],
    ids=["columns missing", "too few columns", "one row of names", "one row", "another width", "words"],
)
def test_rows_that_do_not_fit_are_refused_with_what_fits(named: bool, rows: Any, said: str) -> None:
    with pytest.raises(UnsupportedOperation) as caught:
        kept("scikit-learn", named).predict(rows)
    assert said in str(caught.value)


def test_what_has_nothing_to_ask_is_no_predictor() -> None:
    with pytest.raises(UnsupportedOperation, match="dict has nothing to ask"):
        holdfast.predictor(holdfast.dumps({"a": 1}))
    from sklearn.linear_model import LinearRegression

    fitted = holdfast.predictor(LinearRegression().fit(ROWS, TARGET))
    with pytest.raises(UnsupportedOperation, match="LinearRegression has no predict_proba; it has predict"):
        fitted.predict_proba(ROWS)


def test_texts() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = ["good fine", "bad worse", "fine good good", "worse bad bad"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["y", "n", "y", "n"])
    predictor = holdfast.predictor(holdfast.dumps(model, example=texts[:2]))
    for rows in (texts, pd.DataFrame({"text": texts}), {"text": texts}, np.array(texts)):
        assert predictor.predict(rows).tolist() == ["y", "n", "y", "n"]
    assert predictor.predict("fine").tolist() == ["y"]


def test_a_module_of_several_inputs_takes_them_by_name() -> None:
    import torch

    from tests.frameworks.nets import TwoInputs

    torch.manual_seed(0)
    net = TwoInputs()
    given = {"left": ROWS[:5, :3].astype("float32"), "right": ROWS[:5, 1:].astype("float32")}
    predictor = holdfast.predictor(holdfast.dumps(net, example=given), trusted=[TwoInputs])
    expected = net.eval()(**{name: torch.tensor(value) for name, value in given.items()}).detach().numpy()
    assert (predictor.predict(given) == expected).all()
    assert (predictor.ask("forward", given) == expected).all()
    assert not net.training
    assert predictor.methods == ("predict", "forward")
    with pytest.raises(UnsupportedOperation, match="the inputs lack 'right'; the model takes 'left', 'right'"):
        predictor.predict({"left": given["left"]})
    with pytest.raises(UnsupportedOperation, match="takes several inputs by name"):
        predictor.predict(given["left"])


def other(name: str) -> Any:
    return next(make for key, make in makers(name.partition(":")[0]).items() if key.startswith(name))()


def test_an_onnx_graph_answers_with_arrays() -> None:
    specimen = other("onnx")
    rows = np.ones((2, specimen.model.graph.input[0].type.tensor_type.shape.dim[1].dim_value))
    answer = holdfast.predictor(holdfast.dumps(specimen.model)).predict(rows)
    assert type(answer) is np.ndarray
    assert len(answer) == 2


def test_a_text_pipeline_answers_with_documents() -> None:
    answer = holdfast.predictor(other("spacy").model).predict(["Two words"])
    assert len(answer) == 1
    assert answer[0]["text"] == "Two words"
    assert len(answer[0]["tokens"]) == 2


def test_a_forecast_answers_with_its_columns() -> None:
    forecast = holdfast.predictor(other("prophet").model).predict(pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=3)}))
    assert forecast["yhat"].shape == (3,)
    assert forecast["yhat"].dtype == float


def test_a_transformer_answers_to_tokens_by_name() -> None:
    answer = holdfast.predictor(other("transformers: BERT, classifier").model).predict({"input_ids": np.array([[1, 2, 3]])})
    assert answer["logits"].shape == (1, 3)


def test_a_regression_of_statsmodels_answers_to_a_frame() -> None:
    import statsmodels.formula.api as formulas

    fitted = formulas.ols("debt ~ age + income", FRAME).fit()
    predictor = holdfast.predictor(holdfast.dumps(fitted))
    assert (predictor.predict(FRAME[:3]) == fitted.predict(FRAME[:3]).to_numpy()).all()
    assert (predictor.predict({"age": 1.0, "income": 2.0}) == fitted.predict(pd.DataFrame({"age": [1.0], "income": [2.0]})).to_numpy()).all()


@pytest.mark.parametrize("rows", [None, [], {}, (one for one in [1]), pd.DataFrame, iter([1.0])], ids=["None", "list", "dict", "generator", "class", "iterator"])
@pytest.mark.parametrize("named", [True, False])
def test_what_is_no_rows_is_named(rows: Any, named: bool) -> None:
    with pytest.raises(UnsupportedOperation, match=r"rows are an array, a frame, a list of rows or records, or a dict of columns; .* was given"):
        kept("scikit-learn", named).predict(rows)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"age": [1.0, 2.0], "income": [1.0], "debt": [1.0], "years": [1.0]}, "the rows cannot be put into the form that the model takes: ValueError: All arrays must be of the same length"),
        ([{"age": 1.0, "income": 1.0, "debt": 1.0, "years": 1.0}, {"age": 1.0}], "record 1 lacks 'income', 'debt', 'years', which others have; give None where nothing is known"),
        ([[1.0, 2.0], [3.0]], "the rows cannot be put into the form that the model takes: ValueError"),
        ([{}], "the rows lack 'age', 'income', 'debt', 'years'; the model takes 'age', 'income', 'debt', 'years', and the rows have none"),
    ],
    ids=["columns of other lengths", "a record that lacks columns", "ragged rows", "an empty record"],
)
def test_rows_without_a_form_are_refused(rows: Any, said: str) -> None:
    with pytest.raises(UnsupportedOperation) as caught:
        kept("scikit-learn", True).predict(rows)
    assert said in str(caught.value)


def test_texts_in_a_column_are_texts_without_an_example_too() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = ["good fine", "bad worse", "fine good good", "worse bad bad"]
    predictor = holdfast.predictor(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["y", "n", "y", "n"]))
    frame = pd.DataFrame({"text": texts})
    for rows in (frame, frame.to_dict("records"), {"text": texts}):
        assert predictor.predict(rows).tolist() == ["y", "n", "y", "n"]
    with pytest.raises(UnsupportedOperation, match="the model gave 2 answers to 4 rows"):
        predictor.predict(frame.assign(more=1))


CITIES = pd.DataFrame({"size": RNG.normal(size=90), "city": RNG.choice(["rome", "oslo", "lima"], 90)})


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("native", [False, True], ids=["classifier", "booster"])
def test_texts_are_found_among_the_categories_of_training(library: str, native: bool) -> None:
    frame, target = CITIES.astype({"city": "category"}), (CITIES.city == "oslo").astype(int)
    if library == "xgboost":
        import xgboost

        model: Any = xgboost.XGBClassifier(n_estimators=5, n_jobs=1, enable_categorical=True).fit(frame, target)
        model = model.get_booster() if native else model
    else:
        import lightgbm

        model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, min_child_samples=2, min_data_per_group=2, n_jobs=1).fit(frame, target)
        model = model.booster_ if native else model
    predictor = holdfast.predictor(holdfast.dumps(model))
    method = "predict" if native else "predict_proba"
    expected = predictor.ask(method, frame[:6])
    assert len(np.unique(expected.round(6), axis=0)) > 1
    assert (predictor.ask(method, CITIES[:6].to_dict("records")) == expected).all()
    assert (predictor.ask(method, CITIES[:6]) == expected).all()
    assert (predictor.ask(method, CITIES.iloc[0].to_dict()) == expected[:1]).all()


def test_a_formula_takes_records() -> None:
    import statsmodels.formula.api as formulas

    table = FRAME.assign(city=["a", "b"] * 30)
    fitted = formulas.ols("debt ~ age + C(city) + np.log(income ** 2)", table).fit()
    predictor = holdfast.predictor(holdfast.dumps(fitted))
    assert (predictor.predict(table[:4].to_dict("records")) == fitted.predict(table[:4]).to_numpy()).all()


def test_whole_numbers_become_what_a_net_takes() -> None:
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    expected = net(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).detach().numpy()
    predictor = holdfast.predictor(holdfast.dumps(net))
    for rows in ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]]), pd.DataFrame({"a": [1, 3], "b": [2, 4]}), [{"a": 1, "b": 2}, {"a": 3, "b": 4}]):
        assert (predictor.predict(rows) == expected).all()
    for rows in (torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)):
        assert (predictor.predict(rows) == expected).all()
    ids = torch.nn.Sequential(torch.nn.Embedding(5, 2))
    assert holdfast.predictor(ids).predict([[1, 2]]).shape == (1, 2, 2)


def test_a_program_takes_its_inputs_by_name_or_in_order() -> None:
    import torch

    from holdfast.frameworks.torch_program import NAME
    from tests.frameworks.nets import TwoInputs

    torch.manual_seed(0)
    rows = torch.randn(4, 3)
    program = torch.export.export(TwoInputs().eval(), (rows, rows))
    predictor = holdfast.predictor(holdfast.dumps(program), trusted=[NAME])
    expected = program.module()(rows, rows).detach().numpy()
    assert (predictor.predict({"left": rows.numpy(), "right": rows.numpy()}) == expected).all()
    assert (predictor.predict((rows.numpy(), rows.numpy())) == expected).all()
    assert predictor.predict({"left": np.ones((4, 3), int), "right": np.ones((4, 3))}).shape == (4, 2)
    with pytest.raises(UnsupportedOperation, match="the program takes left, right; there is no right"):
        predictor.predict({"left": rows.numpy()})


def test_a_keras_model_of_several_inputs_and_outputs() -> None:
    import keras

    keras.utils.set_random_seed(0)
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    both = keras.layers.Concatenate()([a, b])
    model = keras.Model([a, b], [keras.layers.Dense(1, name="price")(both), keras.layers.Dense(2, name="kind")(both)])
    predictor = holdfast.predictor(holdfast.dumps(model))
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.5, 1.5, 2.5]})
    price, kind = model.predict({name: table[[name]].to_numpy() for name in table}, verbose=0)
    for rows in (table, table.to_dict("records"), table.to_dict("list"), {name: table[name].to_numpy() for name in table}):
        answer = predictor.predict(rows)
        assert list(answer) == ["price", "kind"]
        assert (answer["price"] == price).all()
        assert (answer["kind"] == kind).all()


def test_a_booster_without_a_model_knows_nothing() -> None:
    import xgboost

    assert holdfast.predictor(xgboost.Booster()).signature is None
