"""Texts in ONNX: words are counted in float32, which is exact, and weighed in float64; the locale in which letters are made small.

skl2onnx writes the one of the United States, which many machines lack, and then the file does not open. The plain one of C is
everywhere, and knows no letters beyond ASCII.

The one rule: which locale answers as the model is found out by replay, with texts of many alphabets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports.families import family_of, parts
from holdfast.exports.onnx_writer import Writer

LOCALES = ("C.UTF-8", "en_US.UTF-8", "C")
"""Tried in this order."""


def locales(model: Any) -> tuple[str, ...]:
    """Return the locales to try for a model; one empty text for a model without texts."""
    return LOCALES if any(family_of(one) == "text" for one in parts(model)) else ("",)


def with_locale(graph: Any, locale: str) -> None:
    """Set the locale of every node that has one."""
    if not locale:
        return
    for node in graph.graph.node:
        if node.op_type == "StringNormalizer":
            for one in [one for one in node.attribute if one.name == "locale"]:
                node.attribute.remove(one)
            one = node.attribute.add()
            one.name, one.type, one.s = "locale", 3, locale.encode()


def shapes(operator: Any) -> None:
    """Announce what a vectorizer answers."""
    from skl2onnx.common.data_types import DoubleTensorType

    operator.outputs[0].type = DoubleTensorType([None, _width(operator.raw_operator)])


def _width(model: Any) -> int:
    return int(max(model.vocabulary_.values())) + 1


def convert_texts(scope: Any, operator: Any, container: Any) -> None:
    """Write a vectorizer: skl2onnx's counts, then our weights."""
    import copy

    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.operator_converters.text_vectoriser import convert_sklearn_text_vectorizer

    from holdfast.exports.onnx_writer import ContainerWriter

    w, model = ContainerWriter(scope, container), operator.raw_operator
    counts = scope.declare_local_variable("counts", FloatTensorType([None, _width(model)]))
    counting = copy.copy(operator)
    counting.outputs = [counts]
    convert_sklearn_text_vectorizer(scope, counting, container)
    values = w.node("Cast", [counts.full_name], to=11)
    if model.binary:
        values = w.node("Min", [values, w.constant(np.array([1.0]))])
    if type(model).__name__ == "TfidfVectorizer":
        values = _weighed(w, model, values)
    w.node("Identity", [values], [operator.outputs[0].full_name])


def _weighed(w: Writer, model: Any, values: str) -> str:
    zero = w.constant(np.array([0.0]))
    one = w.constant(np.array([1.0]))
    if model.sublinear_tf:
        logged = w.node("Add", [w.node("Log", [w.node("Max", [values, one])]), one])
        values = w.node("Where", [w.node("Greater", [values, zero]), logged, zero])
    if model.use_idf:
        values = w.node("Mul", [values, w.constant(np.asarray(model.idf_, float)[None, :])])
    if model.norm is None:
        return values
    axis = w.constant(np.array([1], np.int64))
    if model.norm == "l2":
        lengths = w.node("Sqrt", [w.node("ReduceSum", [w.node("Mul", [values, values]), axis], keepdims=1)])
    elif model.norm == "l1":
        lengths = w.node("ReduceSum", [w.node("Abs", [values]), axis], keepdims=1)
    else:
        raise UnsupportedOperation(f"TfidfVectorizer with norm={model.norm!r} cannot be exported; known are l1 and l2")
    return w.node("Div", [values, w.node("Where", [w.node("Greater", [lengths, zero]), lengths, one])])
