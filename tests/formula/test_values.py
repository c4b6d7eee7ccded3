"""What expressions are worth: every function against numpy, and random expressions against a second reading of the language."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.formula.evaluate import AT_A_TIME, evaluate
from holdfast.formula.kinds import resolve
from holdfast.formula.parse import parse
from holdfast.formula.write import write
from tests.formula.hard import NUMERIC, ROWS, TEXTS, call

# -- each function, against numpy written out ---------------------------------------------------------------------------

EXPECTED: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b, "**": lambda a, b: a**b,
    "neg": lambda a: -a, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "and": lambda a, b: (a != 0) & (b != 0), "or": lambda a, b: (a != 0) | (b != 0), "not": lambda a: a == 0,
    "abs": np.absolute, "sqrt": np.sqrt, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "log10": np.log10, "log2": np.log2,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "floor": np.floor, "ceil": np.ceil, "round": np.round, "sign": np.sign, "minimum": np.minimum, "maximum": np.maximum,
    "clip": lambda a, b, c: np.minimum(np.maximum(a, b), c), "where": lambda a, b, c: np.where(a != 0, b, c), "isnan": np.isnan,
    "fillna": lambda a, b: np.where(np.isnan(a), b, a), "is_in": lambda a, b, c: (a == b) | (a == c),
}  # fmt: skip


def ask(text: str, rows: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        columns = {place: rows[:, place] for place in range(rows.shape[1])}
        return evaluate([resolve(parse(text), text)], lambda key, is_text: columns[key], len(rows))[:, 0]


@pytest.mark.parametrize("name", NUMERIC)
def test_a_function_is_that_of_numpy_over_hard_values(name: str) -> None:
    text = call(name)
    arguments = text.count("x0") + text.count("x1") + text.count("x2")
    with np.errstate(all="ignore"):
        wanted = np.asarray(EXPECTED[name](*ROWS.T[:arguments]), np.float64)
    got = ask(text, ROWS)
    assert got.dtype == np.float64
    assert np.array_equal(wanted, got, equal_nan=True)
    assert np.array_equal(np.signbit(wanted[wanted == 0]), np.signbit(got[got == 0]))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x0 == 'Aarhus'", [1, 0, 0, 0, 0, 0]), ("x0 != 'Aarhus'", [0, 1, 1, 1, 1, 1]), ("text(x0) == x1", [1, 0, 0, 1, 0, 0]), ("text(x0) != x1", [0, 1, 1, 0, 1, 1]), ("isnan(text(x0))", [0, 0, 0, 0, 0, 1]),
        ("fillna(x0, 'Aarhus') == 'Aarhus'", [1, 0, 0, 0, 0, 1]), ("is_in(x0, 'Aarhus', x1)", [1, 0, 0, 1, 0, 0]), ("len(x0)", [6, 6, 0, 5, 5, np.nan]), ("lower(x0) == 'aarhus'", [1, 1, 0, 0, 0, 0]),
        ("upper(x0) == 'ÅRHUS'", [0, 0, 0, 1, 0, 0]), ("where(x1 == 'x', x0, 'y') == 'y'", [1, 1, 0, 1, 0, 1]), ("where(x0 == 'Aarhus', len(x0), len(x1))", [6, 5, 1, 5, 1, np.nan]),
        ("lower('AB') == 'ab' and len(x0) >= 0", [1, 1, 1, 1, 1, 0]), ("'a' == 'a'", [1] * 6), ("len('abc') + 1", [4] * 6), ("isnan(text(x0)) == isnan(text(x1))", [1] * 6),
    ],
)  # fmt: skip
def test_texts_are_compared_and_a_missing_one_equals_nothing(text: str, wanted: list[float]) -> None:
    rows = np.vstack([TEXTS, np.array([[None, None]], object)])
    assert np.array_equal(np.array(wanted, float), ask(text, rows), equal_nan=True)


def test_constants_fill_the_rows_and_no_rows_are_no_answer() -> None:
    assert ask("9**9**9**9", ROWS[:3]).tolist() == [np.inf] * 3
    assert ask("x0 / x1", ROWS[:0]).shape == (0,)
    assert ask("2", ROWS[:0]).shape == (0,)


def test_many_rows_are_evaluated_a_part_at_a_time_with_the_same_answer() -> None:
    rows = np.arange(2.0 * (3 * AT_A_TIME + 5)).reshape(-1, 2)
    assert np.array_equal(ask("x0 * 2 + sqrt(x1)", rows), rows[:, 0] * 2 + np.sqrt(rows[:, 1]))


# -- random expressions ---------------------------------------------------------------------------------------------------
#
# A random expression is drawn together with its value, which is reckoned here on the way by numpy's operators alone. Its text is
# drawn with more parentheses and spaces than it needs, so that reading does not depend on how writing does it.

SMALL = ROWS[::13]
Drawn = tuple[str, Any]
_DYADIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide, "//": np.floor_divide, "%": np.mod, "**": np.power,
}  # fmt: skip
_COMPARED: dict[str, Callable[[Any, Any], Any]] = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal}
_MONADIC = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "log10", "log2", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "floor", "ceil", "round", "sign")
_SPACE = st.sampled_from(["", " ", "\n  ", "\t"])


def quiet(function: Callable[..., Any], *args: Any) -> Any:
    with np.errstate(all="ignore"):
        return function(*args)


def as_number(value: Any) -> Any:
    return value.astype(float) if value.dtype == bool else value


def as_truth(value: Any) -> Any:
    return value if value.dtype == bool else value != 0


def full(value: float) -> Any:
    return np.full(len(SMALL), value)


LEAVES = st.one_of(
    st.sampled_from([0, 1, 2]).map(lambda place: (f"x{place}", SMALL[:, place].copy())),
    st.integers(0, 10**6).map(lambda number: (str(number), full(float(number)))),
    st.floats(0, 1e300, allow_nan=False).map(lambda number: (repr(number), full(number))),
)


def grown(inner: st.SearchStrategy[Drawn]) -> st.SearchStrategy[Drawn]:
    @st.composite
    def dyadic(draw: Any) -> Drawn:
        (left, a), (right, b), space = draw(inner), draw(inner), draw(_SPACE)
        table = draw(st.sampled_from([_DYADIC, _COMPARED]))
        sign = draw(st.sampled_from(sorted(table)))
        return f"({left}){space}{sign}{space}({right})", quiet(table[sign], as_number(a), as_number(b))

    @st.composite
    def joined(draw: Any) -> Drawn:
        parts = draw(st.lists(inner, min_size=2, max_size=4))
        word, how = draw(st.sampled_from([("and", np.logical_and), ("or", np.logical_or)]))
        return f" {word} ".join(f"({text})" for text, _ in parts), how.reduce([as_truth(value) for _, value in parts])

    @st.composite
    def called(draw: Any) -> Drawn:
        (first, a), (second, b), (third, c), space = draw(inner), draw(inner), draw(inner), draw(_SPACE)
        n, m, o = as_number(a), as_number(b), as_number(c)
        name = draw(st.sampled_from((*_MONADIC, "-", "+", "not", "minimum", "maximum", "clip", "where", "isnan", "fillna", "is_in")))
        if name in _MONADIC:
            return f"{name}({space}{first})", quiet(EXPECTED[name], n)
        if name in ("-", "+"):
            return f"{name}{space}({first})", -n if name == "-" else n
        if name == "not":
            return f"not ({first})", ~as_truth(a)
        if name == "where":
            return f"where({first},{space}{second}, {third})", np.array([y if x else z for x, y, z in zip(as_truth(a), m, o, strict=True)])
        if name == "isnan":
            return f"isnan({first})", n != n
        if name == "fillna":
            return f"fillna({first}, {second})", np.array([y if x != x else x for x, y in zip(n, m, strict=True)])
        if name == "is_in":
            return f"is_in({first}, {second}, {third})", (n == m) | (n == o)
        if name == "clip":
            return f"clip({first}, {second}, {third})", np.minimum(np.maximum(n, m), o)
        return f"{name}({first}, {second})", {"minimum": np.minimum, "maximum": np.maximum}[name](n, m)

    return st.one_of(dyadic(), joined(), called())


EXPRESSIONS = st.recursive(LEAVES, grown, max_leaves=12)


@settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(EXPRESSIONS)
def test_a_random_expression_is_worth_what_numpy_says(drawn: Drawn) -> None:
    text, wanted = drawn
    assert np.array_equal(as_number(wanted), ask(text, SMALL), equal_nan=True)


@settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(EXPRESSIONS)
def test_text_to_tree_to_text_is_stable(drawn: Drawn) -> None:
    tree = parse(drawn[0])
    assert parse(write(tree)) == tree
    assert write(parse(write(tree))) == write(tree)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.text(alphabet=st.sampled_from("x01 .+-*/%()<>=!&|~,'\"[]{}:_abcdefinlorstw\\#@\n"), max_size=40))
def test_any_text_is_read_or_refused_by_our_own_error(text: str) -> None:
    from holdfast.errors import InvalidExpression

    try:
        tree = parse(text)
        resolve(tree, text)
    except InvalidExpression as error:
        assert str(error)
    else:
        assert parse(write(tree)) == tree
