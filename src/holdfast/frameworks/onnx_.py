"""ONNX models as models: the graph in its own bytes, the weights as tensors of the file.

Strategy. Initialisers that carry raw data leave it behind as arrays, so that they are written once, shared and mapped as all weights
are; what remains is the graph. Both are put together again when the model is loaded.

The one rule: no path is followed. A model whose data lies in other files is neither saved nor loaded.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Record

SMALL = 1024
"""Bytes up to which the data of an initialiser stays in the graph."""


def _dump(model: Any) -> dict[str, Any]:
    copy = type(model)()
    copy.CopyFrom(model)
    if _outside(copy):
        raise UnsupportedModel("cannot save an ONNX model whose data lies in other files; load it with onnx.load, which reads them in")
    weights = {}
    for number, tensor in enumerate(copy.graph.initializer):
        if len(tensor.raw_data) > SMALL:
            weights[f"{number}"] = np.frombuffer(bytearray(tensor.raw_data), np.uint8)
            tensor.ClearField("raw_data")
    return {"graph": np.frombuffer(bytearray(copy.SerializeToString(deterministic=True)), np.uint8), "weights": weights}


def _outside(model: Any) -> bool:
    return any(tensor.data_location or tensor.external_data for tensor in model.graph.initializer)


def _build(fields: dict[str, Any]) -> Any:
    onnx = importlib.import_module("onnx")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(fields["graph"].tobytes())
        initializers = model.graph.initializer
        for number, raw in fields["weights"].items():
            initializers[int(number)].raw_data = raw.tobytes()
    except Exception as error:
        raise InvalidState(f"an ONNX model cannot be read ({type(error).__name__}); the file is damaged or was altered.") from None
    if _outside(model):
        raise InvalidState("an ONNX model says that its data lies in other files, which are not read; the file was altered.")
    return model


def predict(model: Any, rows: Any) -> Any:
    """Return what a graph answers to rows, run by onnxruntime where it is installed and by ONNX' reference otherwise.

    Args:
        model: a ``ModelProto``.
        rows: an array for a graph of one input, or a dict of arrays by the names of its inputs; floats become what the input takes.

    Returns:
        An array, or a dict of arrays by the names of several outputs.
    """
    onnx = importlib.import_module("onnx")
    known = {one.name for one in model.graph.initializer}
    inputs = {one.name: one for one in model.graph.input if one.name not in known}
    outputs = [one.name for one in model.graph.output]
    given = rows if isinstance(rows, dict) else {next(iter(inputs)): rows}
    fed = {}
    for name, value in given.items():
        kind = inputs[name].type.tensor_type.elem_type
        fed[name] = np.asarray(value).astype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    if importlib.util.find_spec("onnxruntime") is not None:
        session: Any = importlib.import_module("onnxruntime").InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    else:
        session = importlib.import_module("onnx.reference").ReferenceEvaluator(model)
    found = dict(zip(outputs, session.run(outputs, fed), strict=True))
    return found if len(found) > 1 else found[outputs[0]]


ASKED = {"onnx.onnx_ml_pb2.ModelProto": {"predict": predict}}
"""Class -> what models of it are asked, which have no methods of their own for it."""

ADAPTERS: dict[str, Adapter] = {"onnx.onnx_ml_pb2.ModelProto": Record(_dump, _build)}
