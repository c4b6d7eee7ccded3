"""ONNX models as models: the graph in its own bytes, the weights as tensors of the file.

Strategy. Initialisers that carry raw data leave it behind as arrays, so that they are written once, shared and mapped as all weights
are; what remains is the graph. Both are put together again when the model is loaded.

The one rule: no path is followed. A model whose data lies in other files is neither saved nor loaded.
"""

from __future__ import annotations

import importlib
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


ADAPTERS: dict[str, Adapter] = {"onnx.onnx_ml_pb2.ModelProto": Record(_dump, _build)}
