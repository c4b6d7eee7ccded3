"""A booster alone as an ONNX graph of our own, without a converter.

The one rule: answers are those of the booster's own ``predict``.
"""

from __future__ import annotations

from typing import Any

from holdfast.exports import onnx_trees
from holdfast.exports.onnx_file import ML_WITH_TREES
from holdfast.exports.onnx_writer import GraphWriter

IR = 10
"""Version of the file format, which onnxruntime 1.18 and later read."""


def graph_of(model: Any, width: int, classes: Any = None) -> tuple[Any, dict[str, str]]:
    """Return a graph, and output -> method.

    Args:
        model: a booster, or a model of CatBoost.
        width: columns of its rows.
        classes: labels of a classifier, or None.
    """
    import onnx

    w = GraphWriter()
    info = onnx.helper.make_tensor_value_info
    total, trees, zero = onnx_trees.booster_answers(w, model, "X")
    kind = onnx_trees.FLOAT if trees.single else onnx_trees.DOUBLE
    if classes is None:
        w.node("Cast", [onnx_trees.linked(w, total, trees)], ["value"], to=kind)
        outputs = [info("value", kind, [None, trees.targets])]
        answers = {"value": "predict"}
    else:
        answer, places = onnx_trees.classifier_answers(w, total, trees, zero)
        onnx_trees.labelled(w, places, classes, "label")
        w.node("Cast", [answer], ["probabilities"], to=kind)
        text = classes.dtype.kind not in "iubf"
        outputs = [info("label", onnx.TensorProto.STRING if text else onnx.TensorProto.INT64, [None]), info("probabilities", kind, [None, len(classes)])]
        answers = {"label": "predict", "probabilities": "predict_proba"}
    made = onnx.helper.make_graph(w.nodes, "holdfast", [info("X", onnx_trees.DOUBLE, [None, width])], outputs, w.constants)
    versions = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("ai.onnx.ml", ML_WITH_TREES)]
    return onnx.helper.make_model(made, opset_imports=versions, ir_version=IR), answers
