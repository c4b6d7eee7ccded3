"""The table of operators and functions: what each takes and gives, and its form in numpy, in ONNX and in PMML.

Kinds are letters: ``n`` a number (float64), ``t`` a truth, ``s`` a text, ``v`` a number or a text, the same for all ``v`` of one call;
``*`` says that the last may be given more than once. A function of ``v`` has a second line, ``NAME text``, for texts.

A form in ONNX is an operator, or an expression of this language over ``x0, x1, ...``, which stand for the arguments, so that a function
that a runtime lacks is written with those it has. A form in PMML is one field of it, or likewise an expression. None says that the target has no such thing. Names with a space or a leading underscore are never read from a text of a user.

The one rule: what is not in this table cannot be said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Op(NamedTuple):
    """An operator of ONNX.

    Attributes:
        name: its name.
        attributes: its attributes.
        gives: kind of what it gives; the runtime is told.
        single: it exists in float32 only, and is asked so.
        opset: the oldest set of operators that has it for these kinds.
    """

    name: str
    attributes: tuple[tuple[str, int], ...] = ()
    gives: str = "n"
    single: bool = False
    opset: int = 13


class Step(NamedTuple):
    """One field of PMML, by an expression of sklearn2pmml over fields and constants. A truth is 1.0 or 0.0 there, and NaN is what is missing.

    Attributes:
        text: the expression; ``{0}``, ``{1}`` stand for the arguments.
        missing: what it gives when an argument is missing; "" where the expression itself says it.
        invalid: it is one operation, and a result that is NaN makes the field missing. Elsewhere NaN is kept out by the text itself.
    """

    text: str
    missing: str = "None"
    invalid: bool = False


class Said(NamedTuple):
    """A form that is an expression over the arguments ``x0, x1, ...``."""

    text: str


class Function(NamedTuple):
    """A line of the table.

    Attributes:
        takes: kinds of the arguments.
        gives: kind of the result.
        run: the function in numpy: arrays of float64, bool, or objects (str, and None where there is none) to such an array.
        onnx: its form in ONNX.
        pmml: its form in PMML.
    """

    takes: str
    gives: str
    run: Callable[..., Any]
    onnx: Op | Said | None = None
    pmml: Step | Said | None = None


def _missing(text: Any) -> Any:
    return np.asarray(np.asarray(text, object) == None, bool)  # noqa: E711  of each, as objects


def _same_text(a: Any, b: Any) -> Any:
    # a text that is missing is not the same as another one, as NaN is not the same as NaN
    return np.asarray(np.asarray(a, object) == np.asarray(b, object), bool) & ~_missing(a)


def _any_of(value: Any, *among: Any) -> Any:
    return np.logical_or.reduce(np.broadcast_arrays(*(np.equal(value, one) for one in among)))


def _any_text_of(value: Any, *among: Any) -> Any:
    return np.logical_or.reduce(np.broadcast_arrays(*(_same_text(value, one) for one in among)))


def _all(*truths: Any) -> Any:
    return np.logical_and.reduce(np.broadcast_arrays(*truths))


def _some(*truths: Any) -> Any:
    return np.logical_or.reduce(np.broadcast_arrays(*truths))


def _each(function: Callable[[str], Any]) -> Callable[[Any], Any]:
    made: Callable[[Any], Any] = np.frompyfunc(lambda text: None if text is None else function(text), 1, 1)
    return lambda text: np.asarray(made(text), object)


def _length(text: Any) -> Any:
    return np.asarray(_each(len)(text), np.float64)


_TRUTH = "t"
_LAST_LOG = "where({base} ** round(log(x0) / {ln}) == x0, round(log(x0) / {ln}), log(x0) / {ln})"
_APART = "_fmod(x0, x1) != 0 and (x1 < 0) != (_fmod(x0, x1) < 0)"
"""The remainder of a division has another sign than the divisor."""

TABLE: dict[str, Function] = {
    # -- operators
    "+": Function("nn", "n", np.add, Op("Add"), Step("{0} + {1}", "", True)),
    "-": Function("nn", "n", np.subtract, Op("Sub"), Step("{0} - {1}", "", True)),
    "*": Function("nn", "n", np.multiply, Op("Mul"), Step("{0} * {1}", "", True)),
    "/": Function("nn", "n", np.divide, Op("Div"), Step("{0} / {1}", "", True)),
    "//": Function("nn", "n", np.floor_divide, Said(f"where(x1 == 0, x0 / x1, round((x0 - _fmod(x0, x1)) / x1 - where({_APART}, 1, 0)))")),
    "%": Function("nn", "n", np.remainder, Said(f"where({_APART}, _fmod(x0, x1) + x1, _fmod(x0, x1))")),
    "**": Function("nn", "n", np.power, Op("Pow"), Said("where(isnan(x0), where(x1 == 0, 1, x0), where(isnan(x1), where(x0 == 1, 1, x1), "
                   "where(abs(x0) == 1 and _isinf(x1), 1, _power(fillna(x0, 1), fillna(x1, 1)))))")),
    "neg": Function("n", "n", np.negative, Op("Neg"), Step("-{0}", "")),
    "<": Function("nn", "t", np.less, Op("Less", gives=_TRUTH), Step("1.0 if {0} < {1} else 0.0", "0.0")),
    "<=": Function("nn", "t", np.less_equal, Op("LessOrEqual", gives=_TRUTH), Step("1.0 if {0} <= {1} else 0.0", "0.0")),
    ">": Function("nn", "t", np.greater, Op("Greater", gives=_TRUTH), Step("1.0 if {0} > {1} else 0.0", "0.0")),
    ">=": Function("nn", "t", np.greater_equal, Op("GreaterOrEqual", gives=_TRUTH), Step("1.0 if {0} >= {1} else 0.0", "0.0")),
    "==": Function("vv", "t", np.equal, Op("Equal", gives=_TRUTH), Step("1.0 if {0} == {1} else 0.0", "0.0")),
    "== text": Function("ss", "t", _same_text, Op("Equal", gives=_TRUTH, opset=19), Step("1.0 if {0} == {1} else 0.0", "0.0")),
    "!=": Function("vv", "t", np.not_equal, Said("not x0 == x1"), Step("1.0 if {0} != {1} else 0.0", "1.0")),
    "!= text": Function("ss", "t", lambda a, b: ~_same_text(a, b), Said("not x0 == x1"), Step("1.0 if {0} != {1} else 0.0", "1.0")),
    "and": Function("tt*", "t", _all, Op("And", gives=_TRUTH), Step("1.0 if {0} == 1.0 and {1} == 1.0 else 0.0", "")),
    "or": Function("tt*", "t", _some, Op("Or", gives=_TRUTH), Step("1.0 if {0} == 1.0 or {1} == 1.0 else 0.0", "")),
    "not": Function("t", "t", np.logical_not, Op("Not", gives=_TRUTH), Step("1.0 - {0}", "")),
    # -- functions
    "abs": Function("n", "n", np.abs, Op("Abs"), Step("numpy.absolute({0})")),
    "sqrt": Function("n", "n", np.sqrt, Op("Sqrt"), Step("numpy.sqrt({0}) if {0} >= 0.0 else None")),
    "exp": Function("n", "n", np.exp, Op("Exp"), Step("numpy.exp({0})")),
    "expm1": Function("n", "n", np.expm1, Said("where(abs(x0) < 1, where(abs(x0) < 1e-300, x0, 2 * tanh(x0 / 2) / (1 - tanh(x0 / 2))), exp(x0) - 1)"), Step("numpy.expm1({0})")),
    "log": Function("n", "n", np.log, Op("Log"), Step("numpy.log({0}) if {0} >= 0.0 else None")),
    "log1p": Function("n", "n", np.log1p, Said("where(1 + x0 == 1, x0, where(_isinf(x0), log(x0), log(1 + x0) * (x0 / (1 + x0 - 1))))"), Step("numpy.log1p({0}) if {0} >= -1.0 else None")),
    "log10": Function("n", "n", np.log10, Said(_LAST_LOG.format(base=10, ln=repr(float(np.log(10))))), Step("numpy.log10({0}) if {0} >= 0.0 else None")),
    "log2": Function("n", "n", np.log2, Said(_LAST_LOG.format(base=2, ln=repr(float(np.log(2))))), Said(_LAST_LOG.format(base=2, ln=repr(float(np.log(2)))))),
    "sin": Function("n", "n", np.sin, Op("Sin"), Step("numpy.sin({0}) if numpy.absolute({0}) <= {most} else None")),
    "cos": Function("n", "n", np.cos, Op("Cos"), Step("numpy.cos({0}) if numpy.absolute({0}) <= {most} else None")),
    "tan": Function("n", "n", np.tan, Said("sin(x0) / cos(x0)"), Step("numpy.tan({0}) if numpy.absolute({0}) <= {most} else None")),
    "asin": Function("n", "n", np.arcsin, Said("atan(x0 / sqrt((1 - x0) * (1 + x0)))"), Step("numpy.arcsin({0}) if numpy.absolute({0}) <= 1.0 else None")),
    "acos": Function("n", "n", np.arccos, Said("2 * atan(sqrt((1 - x0) / (1 + x0)))"), Step("numpy.arccos({0}) if numpy.absolute({0}) <= 1.0 else None")),
    "atan": Function("n", "n", np.arctan, Said("_atan32(x0) + where(_isinf(x0), sign(x0) * 1.5707963267948966 - _atan32(x0), "
                     "(x0 * cos(_atan32(x0)) - sin(_atan32(x0))) / (cos(_atan32(x0)) + x0 * sin(_atan32(x0))))"), Step("numpy.arctan({0})")),
    "sinh": Function("n", "n", np.sinh, Said("where(abs(x0) < 1, (expm1(x0) - expm1(-x0)) / 2, (exp(x0 / 2) / 2) * exp(x0 / 2) - (exp(-x0 / 2) / 2) * exp(-x0 / 2))"), Step("numpy.sinh({0})")),
    "cosh": Function("n", "n", np.cosh, Said("(exp(x0 / 2) / 2) * exp(x0 / 2) + (exp(-x0 / 2) / 2) * exp(-x0 / 2)"), Step("numpy.cosh({0})")),
    "tanh": Function("n", "n", np.tanh, Op("Tanh"), Step("numpy.tanh({0})")),
    "floor": Function("n", "n", np.floor, Op("Floor"), Step("numpy.rint({0}) - 1.0 if numpy.rint({0}) > {0} else numpy.rint({0})")),
    "ceil": Function("n", "n", np.ceil, Op("Ceil"), Step("numpy.rint({0}) + 1.0 if numpy.rint({0}) < {0} else numpy.rint({0})")),
    "round": Function("n", "n", np.rint, Op("Round"), Step("numpy.rint({0})")),
    "sign": Function("n", "n", np.sign, Op("Sign"), Step("numpy.sign({0})")),
    "minimum": Function("nn", "n", np.minimum, Said("where(x0 < x1 or isnan(x0), x0, x1)"), Step("{0} if {0} < {1} else {1}")),
    "maximum": Function("nn", "n", np.maximum, Said("where(x0 > x1 or isnan(x0), x0, x1)"), Step("{0} if {0} > {1} else {1}")),
    "clip": Function("nnn", "n", lambda x, low, high: np.minimum(np.maximum(x, low), high), Said("minimum(maximum(x0, x1), x2)"), Said("minimum(maximum(x0, x1), x2)")),
    "where": Function("tvv", "v", np.where, Op("Where"), Step("{1} if {0} == 1.0 else {2}", "")),
    "where text": Function("tss", "s", np.where, Op("Where", gives="s"), Step("{1} if {0} == 1.0 else {2}", "")),
    "isnan": Function("v", "t", np.isnan, Op("IsNaN", gives=_TRUTH), Step("1.0 if numpy.isnan({0}) else 0.0", "")),
    "isnan text": Function("s", "t", _missing, None, Step("1.0 if pandas.isnull({0}) else 0.0", "")),
    "fillna": Function("vv", "v", lambda x, value: np.where(np.isnan(x), value, x), Said("where(isnan(x0), x1, x0)"), Step("{1} if numpy.isnan({0}) else {0}", "")),
    "fillna text": Function("ss", "s", lambda x, value: np.where(_missing(x), value, x), None, Step("{1} if pandas.isnull({0}) else {0}", "")),
    "is_in": Function("vv*", "t", _any_of, Op("Equal", gives=_TRUTH), Step("1.0 if {0} == {1} else 0.0", "0.0")),
    "is_in text": Function("ss*", "t", _any_text_of, Op("Equal", gives=_TRUTH, opset=19), Step("1.0 if {0} == {1} else 0.0", "0.0")),
    "text": Function("s", "s", lambda text: text, Said("x0"), Said("x0")),
    "len": Function("s", "n", _length),
    "lower": Function("s", "s", _each(str.lower)),
    "upper": Function("s", "s", _each(str.upper)),
    # -- never read from a text: how kinds are made of one another, and what forms are written with
    "_number": Function("t", "n", lambda truth: np.asarray(truth, np.float64), Op("Cast"), Said("x0")),
    "_truth": Function("n", "t", lambda number: np.not_equal(number, 0.0), Said("not x0 == 0"), Step("1.0 if {0} != 0.0 else 0.0", "1.0")),
    "_fmod": Function("nn", "n", np.fmod, Op("Mod", (("fmod", 1),))),
    "_isinf": Function("n", "t", np.isinf, Op("IsInf", gives=_TRUTH), Step("1.0 if numpy.absolute({0}) > {most} else 0.0", "0.0")),
    "_power": Function("nn", "n", np.power, Op("Pow"), Step("{0} ** {1}", "", True)),
    "_atan32": Function("n", "n", np.arctan, Op("Atan", single=True)),
}  # fmt: skip
"""Name -> its line."""

OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "neg", "<", "<=", ">", ">=", "==", "!=", "and", "or", "not")
"""Lines that are written as signs or words between their arguments."""

FUNCTIONS = tuple(name for name in TABLE if name not in OPERATORS and name.isidentifier() and not name.startswith("_"))
"""Names of functions that a text may call."""

HIDDEN = tuple(name for name in TABLE if name.startswith("_"))
"""Names that only forms in this table may call."""


def arity(takes: str) -> tuple[int, int | None]:
    """Return the fewest and the most arguments.

    >>> arity("vv*"), arity("nn")
    ((2, None), (2, 2))
    """
    return (len(takes) - 1, None) if takes.endswith("*") else (len(takes), len(takes))


def kinds_taken(takes: str, count: int) -> str:
    """Return the kind of each of so many arguments."""
    return takes if not takes.endswith("*") else takes[:-1] + takes[-2] * (count - len(takes) + 1)
