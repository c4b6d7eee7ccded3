"""Rows that a model itself refuses are left out of the replay and replaced, and examples may come in any form that `predict` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import holdfast
from holdfast.errors import HoldfastError, UnsupportedOperation
from holdfast.exports.replaying import Replay
from holdfast.exports.rows import length, rows_at
from holdfast.exports.taken import sifted

pytest.importorskip("skl2onnx")


def incomes() -> tuple[Any, Any]:
    table = pd.DataFrame({"income": np.random.default_rng(0).lognormal(8, 1, 100), "age": np.arange(100) % 70})
    return table, (table.income > 3000).astype(int)


@pytest.mark.parametrize("text", ["log1p(income)", "sqrt(income)", "log(income)"])
def test_a_logarithm_before_a_model_that_takes_no_missing_values(text: str, tmp_path: Path) -> None:
    """Rows drawn from the ranges lie below zero too, and there the pipeline itself refuses them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    table, y = incomes()
    model = make_pipeline(holdfast.expression(text, "age"), LogisticRegression(max_iter=1000)).fit(table, y)
    proof = holdfast.export(model, tmp_path / "m.onnx", example=table[:50]).proof
    assert proof.ok
    assert proof.rows["spread"] == 1000
    assert proof.rows["large batch"] == 2000
    assert proof.rows["alone"] == 12
    assert 0 < proof.left_out_rows["spread"] < 600
    assert proof.left_out_rows["missing"] == 100
    assert f"the model itself does not take: spread {proof.left_out_rows['spread']}" in str(proof)


class Narrow:
    """A model that refuses rows as it is told."""

    def __init__(self, takes: Any) -> None:
        self.takes = takes

    def predict(self, rows: Any) -> Any:
        if not all(self.takes(row) for row in rows):
            raise ValueError("refused")
        return np.array([float(len(str(row))) for row in rows])


def test_what_the_search_finds_is_what_the_model_takes() -> None:
    rows = np.arange(200.0).reshape(-1, 1)
    found = sifted(Narrow(lambda row: row[0] % 10 != 3).predict, rows)
    assert found.rows.ravel().tolist() == [one for one in range(200) if one % 10 != 3]
    assert found.why == "ValueError: refused"
    assert sifted(Narrow(lambda row: False).predict, rows).rows is None


@pytest.mark.parametrize("form", ["array", "frame", "tensors", "texts", "images"])
def test_gentler_rows_take_the_place_of_refused_ones(form: str) -> None:
    """The model takes nothing but the rows of the example, or what lies between them, and a thousand rows are replayed all the same."""
    low, high = np.array([1.0, 2.0, 5.0]), np.array([2.0, 3.0, 9.0])
    array = np.linspace(low, high, 20)
    example: Any = {
        "array": array, "frame": pd.DataFrame(array, columns=["a", "b", "c"]), "tensors": {"x": array}, "texts": ["first words", "second words", "third"] * 5,
        "images": np.tile(array[:, :, None, None], (1, 1, 2, 2)),
    }[form]  # fmt: skip

    class Model:
        def predict(self, rows: Any) -> Any:
            if isinstance(rows, list):
                bad = any(one not in example for one in rows)
                values = np.array([float(len(one)) for one in rows])
            else:
                values = np.asarray(rows["x"] if isinstance(rows, dict) else rows, float)
                values = values.reshape(len(values), 3, -1).mean(axis=2)
                bad = bool((values < low).any() or (values > high).any())
            if bad:
                raise ValueError("refused")
            return values.sum(axis=1) if values.ndim > 1 else values

    replay = Replay(Model(), example)
    rows = {one.kind: length(one.rows) for one in replay.batches}
    assert rows["spread"] == 1000
    assert rows["large batch"] == 2000
    assert replay.left_out_rows["spread"] > 100
    assert replay.left_out["spread"] == "ValueError: refused"
    again = Replay(Model(), example)
    assert all(np.array_equal(one.expected["predict"], two.expected["predict"]) for one, two in zip(replay.batches, again.batches, strict=True))


def test_a_model_that_answers_nothing_but_its_example_together_is_refused() -> None:
    rows = np.arange(6.0).reshape(3, 2)

    class Model:
        def predict(self, given: Any) -> Any:
            if len(given) != 3:
                raise ValueError("three rows")
            return given[:, 0]

    with pytest.raises(UnsupportedOperation, match="answers the example, and no other rows"):
        Replay(Model(), rows)


def test_rows_of_any_form_are_picked() -> None:
    assert rows_at(("a", "b"), np.array([1])) == ["b"]


TEXTS = ["good fast cat", "bad slow dog", "good blue cat", "bad red dog"] * 5
FORMS = {
    "list": TEXTS, "tuple": tuple(TEXTS), "array": np.array(TEXTS), "objects": np.array(TEXTS, object), "column": np.array(TEXTS, object)[:, None], "series": pd.Series(TEXTS),
    "series of another index": pd.Series(TEXTS, index=range(40, 60), dtype=object), "frame": pd.DataFrame({"words": TEXTS}), "nothing": None,
}  # fmt: skip


@pytest.mark.parametrize("form", list(FORMS))
def test_texts_may_come_in_any_form(form: str, tmp_path: Path) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0] * 10)
    done = holdfast.export(model, tmp_path / "m.onnx", example=FORMS[form])
    assert done.proof.ok
    assert holdfast.load(done.path).predict(TEXTS[:3]).tolist() == model.predict(TEXTS[:3]).tolist()


@pytest.mark.parametrize("wrong", [[[1.0], [1.0, 2.0]], {"a": [[1], [1, 2]]}, object()])
def test_what_has_no_rows_is_refused(wrong: Any, tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(np.eye(3), [1, 2, 3])
    with pytest.raises(HoldfastError, match="give example= as predict takes it"):
        holdfast.export(model, tmp_path / "m.onnx", example=wrong)
