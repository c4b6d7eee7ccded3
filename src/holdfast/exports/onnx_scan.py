"""Looking at an ONNX file before a runtime does: sizes, versions, names, data in other files, and the tables of trees.

A runtime believes much of what a graph says: where its weights lie, which node follows which, which column a tree looks at. So all
of that is compared here first.

The one rule: no path from a file is followed unless it is a plain name of a plain file beside it.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from typing import Any

from holdfast.errors import FormatError, LimitExceeded, UnsupportedVersion, quoted
from holdfast.exports.onnx_scan_trees import check_trees
from holdfast.values import limits

EXTERNAL = 1
"""Number by which a tensor says that its data lies elsewhere."""
GRAPH, GRAPHS, TENSOR, TENSORS, SPARSE, SPARSES = 5, 10, 4, 9, 11, 12
"""Numbers of the kinds of attributes that hold more than numbers and texts."""


def read_graph(path: str) -> Any:
    """Return the checked graph of a file, as a ``ModelProto``; data in other files is looked at and not read.

    Raises:
        FormatError: it is damaged, or refers to what it may not.
        LimitExceeded: it is larger or deeper than a named limit.
        UnsupportedVersion: it needs a newer onnx.
    """
    import onnx

    size = os.path.getsize(path)
    if size > limits.EXPORT_BYTES:
        raise LimitExceeded(f"the file has {size} bytes, and ONNX files have at most {limits.EXPORT_BYTES} (EXPORT_BYTES)", file=path)
    model = onnx.ModelProto()
    with open(path, "rb") as file:
        data = file.read()
    try:
        model.ParseFromString(data)
    except Exception as error:
        raise FormatError(f"this is not an ONNX file, or it ends too early ({type(error).__name__})", file=path) from None
    try:
        _check(model, os.path.dirname(os.path.abspath(path)))
    except FormatError as error:
        raise error.at(path) from None
    return model


def _check(model: Any, folder: str) -> None:
    import onnx

    if not model.HasField("graph") or not model.opset_import or not model.graph.output:
        raise FormatError("this is not an ONNX file: it has no graph, no version of its operators or no outputs")
    if model.ir_version < 1 or model.ir_version > onnx.IR_VERSION:
        raise UnsupportedVersion(f"the file says version {model.ir_version} of the format, and the installed onnx knows 1 to {onnx.IR_VERSION}; update onnx and onnxruntime")
    _check_opsets(model)
    if model.training_info:
        raise FormatError("the file holds a training graph, which has no part in predictions")
    counted = 0
    for body in model.functions:
        counted = _check_body(body, set(body.input), folder, 1, counted, {})
    counted = _check_body(model.graph, set(), folder, 1, counted, {})


def _check_opsets(model: Any) -> None:
    from onnx import defs

    known = {"": defs.onnx_opset_version(), "ai.onnx": defs.onnx_opset_version(), "ai.onnx.ml": 5}
    for one in model.opset_import:
        newest = known.get(one.domain, 1000)
        if not 1 <= one.version <= newest:
            raise UnsupportedVersion(f"the file asks for version {one.version} of the operators of {quoted(one.domain) or 'ai.onnx'}, and 1 to {newest} are known; update onnx and onnxruntime")


def _check_body(body: Any, outer: set[str], folder: str, depth: int, counted: int, widths: dict[str, int]) -> int:
    """Check a graph, or the body of a function, and what is inside its nodes; returns the nodes counted so far."""
    if depth > limits.GRAPH_DEPTH:
        raise LimitExceeded(f"graphs nest deeper than {limits.GRAPH_DEPTH} (GRAPH_DEPTH)")
    counted += len(body.node)
    if counted > limits.GRAPH_NODES:
        raise LimitExceeded(f"the graph has more than {limits.GRAPH_NODES} nodes (GRAPH_NODES)")
    known = set(outer)
    if hasattr(body, "initializer"):
        for tensor in body.initializer:
            _check_tensor(tensor, folder)
        for sparse in body.sparse_initializer:
            _check_sparse(sparse, folder)
        known |= {one.name for one in body.input} | {one.name for one in body.initializer} | {one.values.name for one in body.sparse_initializer}
        widths = {**widths, **_widths(body)}
    made = _check_names(body, known)
    for node in body.node:
        check_trees(node, widths)
        for one in node.attribute:
            for tensor in ([one.t] if one.type == TENSOR else one.tensors):
                _check_tensor(tensor, folder)
            for sparse in ([one.sparse_tensor] if one.type == SPARSE else one.sparse_tensors):
                _check_sparse(sparse, folder)
            for graph in ([one.g] if one.type == GRAPH else one.graphs):
                counted = _check_body(graph, known | made, folder, depth + 1, counted, widths)
    for output in body.output:
        name = output if isinstance(output, str) else output.name
        if name not in known and name not in made:
            raise FormatError(f"no node gives the output {quoted(name)!r}")
    return counted


def _widths(body: Any) -> dict[str, int]:
    """Return the columns of inputs with two axes, by name."""
    found = {}
    for one in body.input:
        lengths = one.type.tensor_type.shape.dim
        if len(lengths) == 2 and lengths[1].HasField("dim_value"):
            found[one.name] = int(lengths[1].dim_value)
    for node in body.node:  # what keeps the width of its first input
        if node.op_type in ("Cast", "Identity", "Where") and node.input:
            source = node.input[-1] if node.op_type == "Where" else node.input[0]
            if source in found and node.output:
                found[node.output[0]] = found[source]
    return found


def _check_names(body: Any, known: set[str]) -> set[str]:
    """Check that each name is given once, and that no node waits for itself; returns the names that nodes give.

    Nodes may stand in any order, so that only what nobody gives, or what waits in a circle, is refused.
    """
    made: dict[str, int] = {}
    for place, node in enumerate(body.node):
        for name in node.output:
            if name and (name in made or name in known):
                raise FormatError(f"{quoted(name)!r} is given twice")
            if name:
                made[name] = place
    waiting = []
    followers: dict[int, list[int]] = {}
    for place, node in enumerate(body.node):
        needs = set()
        for name in _wanted(node):
            if name in made:
                needs.add(made[name])
            elif name not in known:
                raise FormatError(f"the node {quoted(node.name or node.op_type)!r} takes {quoted(name)!r}, which nothing gives: an initialiser is missing")
        waiting.append(len(needs))
        for one in needs:
            followers.setdefault(one, []).append(place)
    ready = [place for place, count in enumerate(waiting) if not count]
    done = 0
    while ready:
        done += 1
        for place in followers.get(ready.pop(), ()):
            waiting[place] -= 1
            if not waiting[place]:
                ready.append(place)
    if done < len(waiting):
        stuck = next(body.node[place] for place, count in enumerate(waiting) if count)
        raise FormatError(f"the graph runs in a circle, at the node {quoted(stuck.name or stuck.op_type)!r}")
    return set(made)


def _wanted(node: Any) -> Iterator[str]:
    return (name for name in node.input if name)


def _check_sparse(sparse: Any, folder: str) -> None:
    _check_tensor(sparse.values, folder)
    _check_tensor(sparse.indices, folder)
    if any(length < 0 for length in sparse.dims):
        raise FormatError("a sparse tensor has a negative length")


def _check_tensor(tensor: Any, folder: str) -> None:
    import onnx

    name = quoted(tensor.name)
    lengths = list(tensor.dims)
    if any(length < 0 for length in lengths) or len(lengths) > limits.DIMENSIONS:
        raise FormatError(f"the tensor {name!r} has an impossible shape")
    count = math.prod(lengths)
    if count > limits.TENSOR_ELEMENTS:
        raise LimitExceeded(f"the tensor {name!r} has {count} elements, and at most {limits.TENSOR_ELEMENTS} are allowed (TENSOR_ELEMENTS)")
    if tensor.data_type not in onnx.TensorProto.DataType.values() or tensor.data_type == onnx.TensorProto.UNDEFINED:
        raise FormatError(f"the tensor {name!r} has the unknown dtype {tensor.data_type}")
    size = _size(tensor, count)
    if tensor.data_location == EXTERNAL or tensor.external_data:
        _check_external(tensor, name, folder, size)
    elif tensor.raw_data and size is not None and len(tensor.raw_data) != size:
        raise FormatError(f"the tensor {name!r} has {len(tensor.raw_data)} bytes, and its shape asks for {size}")
    elif not tensor.raw_data and count:
        held = max(len(getattr(tensor, field)) for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data"))
        if held * 8 < count:  # several small numbers may share one
            raise FormatError(f"the tensor {name!r} has {held} values, and its shape asks for {count}")


def _size(tensor: Any, count: int) -> int | None:
    """Return the bytes of a tensor's data, or None for those of less than a byte and for texts."""
    import onnx

    if tensor.data_type == onnx.TensorProto.STRING:
        return None
    try:
        kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except Exception:
        return None
    small = onnx.TensorProto.DataType.Name(tensor.data_type)
    return None if small.endswith(("INT4", "INT2", "E2M1")) else count * int(kind.itemsize)


def _check_external(tensor: Any, name: str, folder: str, size: int | None) -> None:
    said: dict[str, str] = {}
    for one in tensor.external_data:
        if one.key in said:
            raise FormatError(f"the tensor {name!r} says twice where its {quoted(one.key)} is")
        said[one.key] = one.value
    location = said.get("location", "")
    if not location or location in (".", "..") or location != os.path.basename(location) or any(sign in location for sign in "/\\:\0") or len(location) > 255:
        raise FormatError(f"the tensor {name!r} points to {quoted(location)!r}; only a plain name of a file beside this one is followed")
    try:
        offset, length = (int(said[key]) if key in said else None for key in ("offset", "length"))
    except ValueError:
        raise FormatError(f"the tensor {name!r} has a place in its file that is no number") from None
    path = os.path.join(folder, location)
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        raise FormatError(f"the file {quoted(location)!r} with the tensor {name!r} is not beside this one; it belongs to the export") from None
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise FormatError(f"the tensor {name!r} points to {quoted(location)!r}, which is a link or no plain file; that is not followed")
    if status.st_size > limits.EXTERNAL_BYTES:
        raise LimitExceeded(f"{quoted(location)!r} has {status.st_size} bytes, and at most {limits.EXTERNAL_BYTES} are read (EXTERNAL_BYTES)")
    start = offset or 0
    taken = length if length is not None else size if size is not None else 0
    if start < 0 or taken < 0 or start + taken > status.st_size or (size is not None and taken != size):
        raise FormatError(f"the tensor {name!r} lies at {start} to {start + taken} of {quoted(location)!r}, which has {status.st_size} bytes, and its shape asks for {size}")


def classes_in(model: Any) -> list[Any] | None:
    """Return the labels that a classifier's node names, for a graph that does not say otherwise."""
    for node in reversed(model.graph.node):
        for one in node.attribute:
            if one.name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints") and (one.strings or one.ints):
                return [text.decode("utf-8", "replace") for text in one.strings] or list(one.ints)
    return None
