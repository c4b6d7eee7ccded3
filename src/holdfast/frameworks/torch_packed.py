"""PyTorch: the packed parameters of quantized layers, which the engine of each machine lays out in its own way.

Strategy. What is kept is what they were packed from: the quantized weight, the bias, and the numbers of a convolution. They are
packed again for the engine that is there when they are loaded, as PyTorch does with its own files.

The one rule: the operators that pack are in C++ and believe what they are given, so every number and shape is looked at before.
"""

from __future__ import annotations

import importlib
from typing import Any, NoReturn

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Record

_PREFIX = "__torch__.torch.classes."
_SPACES = {"quantized.Conv2dPackedParamsBase": 2, "quantized.Conv3dPackedParamsBase": 3}
_MOST = 2**15 - 1
"""Largest number that PyTorch itself keeps for a convolution."""


def _torch() -> Any:
    return importlib.import_module("torch")


def _dump(packed: Any) -> dict[str, Any]:
    name = packed._type().qualified_name()
    kind = name.removeprefix(_PREFIX)
    state = packed.__getstate__()[0]
    if kind == "quantized.LinearPackedParamsBase":
        return {"kind": "linear", "weight": state[0], "bias": state[1]}
    if kind in _SPACES and state[0] == "2":
        numbers, weight = state[1][:2]
        return {"kind": "convolution", "weight": weight, "bias": state[2][0] if state[2] else None, "numbers": tuple(numbers.tolist())}
    if kind == "quantized.EmbeddingPackedParamsBase" and state[3] == [8]:
        return {"kind": "embedding", "weight": state[1][0]}
    if kind == "rnn.CellParamsBase" and state[0] == "quantized_dynamic":
        return {"kind": "cells", "weights": tuple(state[4]), "biases": tuple(state[1]), "reduced": bool(state[3][0])}
    if kind == "rnn.CellParamsBase" and state[0] == "quantized_fp16":
        return {"kind": "cells", "weights": tuple(state[4])}
    raise UnsupportedModel(f"cannot save a {name.rpartition('.')[2]} of PyTorch's: it is compiled code, or packed in a way with no form in the file; save the float model")


def _refuse(why: str) -> NoReturn:
    raise InvalidState(f"packed parameters of a quantized layer {why}; the file is damaged or was altered.")


def _weight(fields: dict[str, Any], dims: int, *dtypes: str) -> Any:
    weight = fields.get("weight")
    if not isinstance(weight, _torch().Tensor) or str(weight.dtype).removeprefix("torch.") not in dtypes or weight.dim() != dims or not weight.numel():
        _refuse(f"have no weight of {' or '.join(dtypes)} with {dims} axes")
    if weight.is_quantized and not str(weight.qscheme()).endswith("float_qparams") and weight.qscheme() != _torch().per_tensor_affine and weight.q_per_channel_axis() != 0:
        _refuse("are not quantized by their first axis")
    return weight


def _bias(bias: Any, rows: int) -> Any:
    if bias is None:
        return None
    if not isinstance(bias, _torch().Tensor) or bias.dtype is not _torch().float32 or tuple(bias.shape) != (rows,):
        _refuse(f"have no bias of {rows} numbers")
    return bias


def _linear(fields: dict[str, Any]) -> Any:
    ops = _torch().ops.quantized
    weight = _weight(fields, 2, "qint8", "float32")
    bias = _bias(fields.get("bias"), weight.shape[0])
    return ops.linear_prepack(weight, bias) if weight.is_quantized else ops.linear_prepack_fp16(weight, bias)


def _convolution(fields: dict[str, Any]) -> Any:
    numbers = fields.get("numbers")
    if type(numbers) is not tuple or not all(type(one) is int and 0 <= one <= _MOST for one in numbers) or not numbers or numbers[0] not in (2, 3):
        _refuse("have no numbers of a convolution")
    space = numbers[0]
    if len(numbers) != 3 + 4 * space:
        _refuse("have no numbers of a convolution")
    stride, padding, dilation, more = (list(numbers[1 + place * space : 1 + (place + 1) * space]) for place in range(4))
    groups, transposed = numbers[-2:]
    weight = _weight(fields, 2 + space, "qint8")
    channels = weight.shape[0] if not transposed else weight.shape[1] * groups
    if min(*stride, *dilation, groups) < 1 or weight.shape[0] % groups or transposed not in (0, 1):
        _refuse("have a stride, dilation or number of groups that no convolution has")
    if max(more) >= max(*stride, *dilation) if transposed else any(more):
        _refuse("have an output_padding that no convolution has")
    bias = _bias(fields.get("bias"), channels)
    ops = _torch().ops.quantized
    try:
        if transposed:
            return getattr(ops, f"conv_transpose{space}d_prepack")(weight, bias, stride, padding, more, dilation, groups)
        return getattr(ops, f"conv{space}d_prepack")(weight, bias, stride, padding, dilation, groups)
    except RuntimeError as error:
        _refuse(f"cannot be packed ({str(error).splitlines()[0][:200]})")


def _embedding(fields: dict[str, Any]) -> Any:
    weight = _weight(fields, 2, "quint8")
    if weight.qscheme() != _torch().per_channel_affine_float_qparams or weight.q_per_channel_axis() != 0:
        _refuse("of an embedding are not quantized by rows")
    return _torch().ops.quantized.embedding_bag_prepack(weight)


def _cells(fields: dict[str, Any]) -> Any:
    torch = _torch()
    weights, biases = fields.get("weights"), fields.get("biases")
    if type(weights) is not tuple or len(weights) != 2 or not all(_is_linear(one) for one in weights):
        _refuse("of a recurrent layer are not two packed weights")
    if biases is None:
        return torch.ops.quantized.make_quantized_cell_params_fp16(*weights)
    rows = [one.__getstate__()[0][0].shape[0] for one in weights]
    if type(biases) is not tuple or len(biases) != 2 or rows[0] != rows[1] or type(fields.get("reduced")) is not bool:
        _refuse("of a recurrent layer do not belong together")
    return torch.ops.quantized.make_quantized_cell_params_dynamic(*weights, *(_bias(bias, rows[0]) for bias in biases), fields["reduced"])


def _is_linear(packed: Any) -> bool:
    return isinstance(packed, _torch().ScriptObject) and packed._type().qualified_name() == f"{_PREFIX}quantized.LinearPackedParamsBase"


_KINDS = {"linear": _linear, "convolution": _convolution, "embedding": _embedding, "cells": _cells}


def _build(fields: dict[str, Any]) -> Any:
    make = _KINDS.get(fields["kind"])
    if make is None:
        _refuse("are of no known kind")
    return make(fields)


ADAPTERS: dict[str, Adapter] = {"torch.ScriptObject": Record(_dump, _build)}
