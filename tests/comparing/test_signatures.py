"""Changes of a signature: which break callers, and why."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import holdfast
from holdfast.comparing.signatures import signature_changes
from holdfast.values.manifest import Feature, Signature


def frame(*columns: tuple[str, str]) -> Signature:
    return Signature("frame", [Feature(name, dtype, [None]) for name, dtype in columns])


def array(width: int | None, dtype: str = "float64", outputs: dict[str, Feature] | None = None, classes: Any = None) -> Signature:
    return Signature("array", [Feature(None, dtype, [None, width])], outputs or {}, classes)


ANSWER = Feature(None, "float64", [None, 2])
CASES: list[tuple[str, Signature | None, Signature | None, list[tuple[str, bool]]]] = [
    ("nothing", array(3), array(3), []),
    ("both unknown", None, None, []),
    ("known now", None, array(3), [("signature", False)]),
    ("unknown now", array(3), None, [("signature", True)]),
    ("wider", array(3), array(4), [("input", True)]),
    ("any width", array(3), array(None), [("input", False)]),
    ("narrower items", array(3), array(3, "float32"), [("input", False)]),
    ("integers", array(3), array(3, "int64"), [("input", True)]),
    ("numeric", array(3), array(3, "numeric"), [("input", False)]),
    ("a new column", frame(("a", "int64")), frame(("a", "int64"), ("b", "int64")), [("input", True)]),
    ("a column less", frame(("a", "int64"), ("b", "int64")), frame(("a", "int64")), [("input", True)]),
    ("another order", frame(("a", "int64"), ("b", "int64")), frame(("b", "int64"), ("a", "int64")), [("input", True)]),
    ("wider column", frame(("a", "int64")), frame(("a", "float64")), [("input", False)]),
    ("text instead", frame(("a", "int64")), frame(("a", "str")), [("input", True)]),
    ("other text", frame(("a", "object")), frame(("a", "str")), [("input", False)]),
    ("category instead", frame(("a", "str")), frame(("a", "category")), [("input", True)]),
    ("names come", array(2), frame(("a", "float64"), ("b", "float64")), [("kind", False), ("input", False)]),
    ("names and columns come", array(2), frame(("a", "float64")), [("kind", False), ("input", True)]),
    ("texts instead", array(2), Signature("rows", [Feature(None, "str", [None])]), [("kind", True), ("input", True), ("input", True)]),
    ("an answer less", array(2, outputs={"predict": ANSWER, "predict_proba": ANSWER}), array(2, outputs={"predict": ANSWER}), [("output", True)]),
    ("an answer more", array(2, outputs={"predict": ANSWER}), array(2, outputs={"predict": ANSWER, "predict_proba": ANSWER}), [("output", False)]),
    ("answers unknown", array(2, outputs={"predict": ANSWER}), array(2), []),
    ("other answers", array(2, outputs={"predict": ANSWER}), array(2, outputs={"predict": Feature(None, "int64", [None, 3])}), [("output", False), ("output", True)]),
    ("floats for integers", array(2, outputs={"predict": Feature(None, "int64", [None])}), array(2, outputs={"predict": Feature(None, "float64", [None])}), [("output", True)]),
    ("labels more", array(2, classes=[0, 1]), array(2, classes=[0, 1, 2]), [("classes", True)]),
    ("labels less", array(2, classes=[0, 1, 2]), array(2, classes=[0, 1]), [("classes", True)]),
    ("labels in another order", array(2, classes=["a", "b"]), array(2, classes=["b", "a"]), [("classes", True)]),
    ("labels no more", array(2, classes=[0, 1]), array(2), [("classes", True)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "first", "second", "expected"), CASES, ids=[one[0] for one in CASES])
def test_each_change_is_named_and_judged(name: str, first: Signature | None, second: Signature | None, expected: list[tuple[str, bool]]) -> None:
    found = signature_changes(first, second)
    assert [(one.what, one.breaking) for one in found] == expected
    assert all(one.why and one.first != one.second for one in found)


def test_a_model_that_wants_another_column_breaks_the_gate() -> None:
    table = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "income": [5.0, 1.0, 2.0, 3.0]})
    y = [0, 1, 0, 1]
    found = holdfast.compare(LogisticRegression().fit(table[["age"]], y), LogisticRegression().fit(table, y), limits={"breaking": 0})
    assert (found.breaking, found.passed) == (1, False)
    assert "BREAKING input income: absent -> any(rows) (callers do not give it)" in str(found)
    assert holdfast.compare(LogisticRegression().fit(table, y), LinearRegression().fit(table, y), limits={"breaking": 0}).signature[0].what == "classes"
