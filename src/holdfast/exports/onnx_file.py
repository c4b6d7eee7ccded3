"""An ONNX graph as holdfast hands it over: named outputs, one dynamic batch, versions, and what it says about itself.

The one rule: answers are tensors, never sequences of maps, so that every runtime and every language can read them.
"""

from __future__ import annotations

import os
from typing import Any

from holdfast.errors import UnsupportedOperation
from holdfast.exports.about import KEY, About, about_text, read_about
from holdfast.values import limits

ML = "ai.onnx.ml"
ML_WITH_TREES = 5


def with_outputs(graph: Any, names: list[str]) -> None:
    """Give the outputs of a graph these names, in order.

    Args:
        graph: a ``ModelProto``, changed in place.
        names: one for each output.
    """
    import onnx

    taken = {name for node in graph.graph.node for name in (*node.input, *node.output)}
    taken |= {one.name for one in graph.graph.input} | {one.name for one in graph.graph.initializer}
    for output, name in zip(graph.graph.output, names, strict=True):
        if output.name == name:
            continue
        if name in taken:
            raise UnsupportedOperation(f"the graph has something else of the name {name!r}; rename the column of that name")
        graph.graph.node.append(onnx.helper.make_node("Identity", [output.name], [name], name=f"name_{name}"))
        output.name = name


def with_types(graph: Any) -> None:
    """Announce the dtypes that outputs have: a converter announces float32 for float64 where the first input is a text."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(graph)
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("elem_type")
        output.type.tensor_type.ClearField("shape")
        output.ClearField("type")
    try:
        known = {one.name: one for one in onnx.shape_inference.infer_shapes(bare).graph.output}
    except Exception:
        return  # the runtime says what is wrong with it
    for output in graph.graph.output:
        kind = known[output.name].type.tensor_type.elem_type
        if kind:
            output.type.tensor_type.elem_type = kind


def without_traces(graph: Any) -> None:
    """Take out where a graph came from: paths, lines of code and names that its maker put beside the nodes."""
    del graph.metadata_props[:]
    graph.doc_string = ""
    waiting = [graph.graph, *graph.functions]
    while waiting:
        body = waiting.pop()
        body.doc_string = ""
        inner = [*body.node, *body.value_info]
        if hasattr(body, "initializer"):
            inner += [*body.input, *body.output, *body.initializer]
        for one in [body, *inner]:
            one.doc_string = ""
            if hasattr(one, "metadata_props"):
                del one.metadata_props[:]
        for node in body.node:
            waiting += [attribute.g for attribute in node.attribute if attribute.type == 5]


def without_zipmap(graph: Any) -> None:
    """Take maps of probabilities off, which leaves the tensor they were made of."""
    import onnx

    for node in [one for one in graph.graph.node if one.op_type == "ZipMap"]:
        for output in graph.graph.output:
            if output.name == node.output[0]:
                output.CopyFrom(onnx.helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, [None, None]))
        graph.graph.node.remove(node)


def with_versions(graph: Any) -> None:
    """Announce the version of the operators of trees that the graph uses.

    Raises:
        UnsupportedOperation: it uses operators of both versions, of which one forbids the other.
    """
    kinds = {node.op_type for node in graph.graph.node if node.domain == ML}
    if "TreeEnsemble" not in kinds:
        return
    if kinds & {"TreeEnsembleClassifier", "TreeEnsembleRegressor"}:
        raise UnsupportedOperation("trees of this model were translated in two ways that do not fit into one graph")
    for one in graph.opset_import:
        if one.domain == ML:
            one.version = ML_WITH_TREES


def seal(graph: Any, about: About) -> None:
    """Put what an export says about itself into it."""
    del graph.metadata_props[:]
    one = graph.metadata_props.add()
    one.key, one.value = KEY, about_text(about)
    graph.producer_name, graph.producer_version = "holdfast", ""


def write(graph: Any, path: str) -> list[str]:
    """Write a graph, its large weights beside it when one file would not do.

    Returns:
        The files, the graph first.
    """
    import onnx

    weights = sum(len(one.raw_data) for one in graph.graph.initializer)
    if weights < limits.EXPORT_BYTES:
        data = graph.SerializeToString()
        if len(data) < limits.EXPORT_BYTES:
            with open(path, "wb") as file:
                file.write(data)
            return [path]
    beside = os.path.basename(path) + ".data"
    onnx.save_model(graph, path, save_as_external_data=True, all_tensors_to_one_file=True, location=beside, size_threshold=1024)
    return [path, os.path.join(os.path.dirname(path), beside)]


def about_in(graph: Any) -> About | None:
    """Return what holdfast wrote into a graph, or None."""
    return next((read_about(one.value) for one in graph.metadata_props if one.key == KEY), None)
