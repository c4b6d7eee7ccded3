"""PyTorch: how tensors, parameters and modules are pickled.

A tensor is a window into a storage: an offset, lengths and strides. Storages come from outside the pickle (`torch_.py`), or,
in a plain pickle, as bytes that are a small file of torch.save themselves.

The one rule: a window stays inside its storage, and what comes out has exactly the fields of `holdfast.frameworks.torch_`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import FormatError, LimitExceeded, UnsupportedModel
from holdfast.foreign.made import Made, plain_object
from holdfast.frameworks.torch_ import DTYPES, HOOKS
from holdfast.trust.catalog import catalog
from holdfast.values import limits
from holdfast.values.outline import Members, Named, Outline, Pairs

_LEGACY = {
    "Double": "float64", "Float": "float32", "Half": "float16", "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "BFloat16": "bfloat16", "ComplexDouble": "complex128", "ComplexFloat": "complex64", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32",
}  # fmt: skip
_QUANTIZED = {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}


class Storage:
    """The memory of tensors.

    Attributes:
        memory: its bytes; one array a storage, so that tensors over it share it.
        dtype: what its kind says its items are, or None for plain bytes.
    """

    __slots__ = ("dtype", "memory")

    def __init__(self, memory: memoryview, dtype: str | None) -> None:
        self.memory = np.frombuffer(memory, np.uint8)
        self.dtype = dtype


def storage_dtype(kind: Any) -> str | None:
    """Return the dtype of a kind of storage, None for bytes.

    Raises:
        FormatError: there is no such kind.
    """
    name = kind.name if type(kind) is Named else ""
    if name in ("torch.storage.UntypedStorage", "torch.storage._UntypedStorage"):
        return None
    short = name.removeprefix("torch.").removesuffix("Storage")
    if name != f"torch.{short}Storage" or short not in _LEGACY:
        raise FormatError(f"a tensor lies in a storage of the kind {name or type(kind).__name__!r}, which there is not")
    return _LEGACY[short]


def window(storage: Any, offset: Any, size: Any, stride: Any, dtype: str | None) -> tuple[Any, str]:
    """Return the array that a tensor is, and the name of its dtype."""
    if type(storage) is Made:
        storage = storage.finish()
    if type(storage) is not Storage:
        raise TypeError("its storage")
    name = dtype or storage.dtype or ""
    plain = np.dtype(DTYPES[_QUANTIZED.get(name, name)])
    shape, strides = _ints(size), _ints(stride)
    if len(shape) != len(strides) or type(offset) is not int or offset < 0 or len(shape) > limits.DIMENSIONS:
        raise ValueError("its shape")
    if not math.prod(shape):
        return np.zeros(shape, plain), name
    last = offset + sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    if (last + 1) * plain.itemsize > storage.memory.nbytes:
        raise FormatError(f"a tensor of shape {shape} reaches outside its storage of {storage.memory.nbytes} bytes; the file is damaged or was altered.")
    if math.prod(shape) > 1_000_000 + limits.VIEW_ELEMENTS * storage.memory.nbytes:
        raise LimitExceeded(f"a tensor of shape {shape} shows a storage of {storage.memory.nbytes} bytes over and over (VIEW_ELEMENTS)")
    return np.ndarray(shape, plain, storage.memory, offset * plain.itemsize, tuple(step * plain.itemsize for step in strides)), name


def _ints(value: Any) -> tuple[int, ...]:
    if type(value) is Made and value.name == "torch.Size":
        value = value.args[0]
    if type(value) not in (tuple, list) or not all(type(one) is int and 0 <= one < 2**62 for one in value):
        raise ValueError("its lengths")
    return tuple(value)


def _no_hooks(hooks: Any) -> None:
    pairs = hooks.pairs if type(hooks) is Made else hooks
    if pairs is not None and not (type(pairs) is Pairs and not pairs.keys):
        raise UnsupportedModel("a tensor of the file has hooks, which are code; save it without them")


def _tensor(made: Made) -> Any:
    made.only()
    storage, offset, size, stride, needs_grad, hooks, *_ = (*made.args, False, None) if made.name.endswith("_rebuild_tensor") else made.args
    _no_hooks(hooks)
    dtype = _dtype_name(made.args[6]) if made.name.endswith("_v3") else None
    array, name = window(storage, offset, size, stride, dtype)
    return Outline("torch.Tensor", {"array": array, "dtype": name, **({"requires_grad": True} if needs_grad else {})}, True)


def _fields_of(value: Any) -> dict[str, Any]:
    told = value.finish() if type(value) is Made else value
    if type(told) is not Outline or told.type != "torch.Tensor":
        raise TypeError("its tensor")
    return told.fields


def _parameter(made: Made) -> Any:
    made.only()
    tensor, needs_grad, hooks, *state = made.args
    _no_hooks(hooks)
    fields = {key: value for key, value in _fields_of(tensor).items() if key != "requires_grad"}
    more = {"attributes": state[0].fields("a parameter")} if state and type(state[0]) is Pairs and state[0].keys else {}
    return Outline("torch.nn.parameter.Parameter", {**fields, **more, "requires_grad": bool(needs_grad)}, True)


def _quantized(made: Made) -> Any:
    made.only()
    storage, offset, size, stride, told, needs_grad, hooks = made.args
    _no_hooks(hooks)
    array, name = window(storage, offset, size, stride, None)
    values = Outline("torch.Tensor", {"array": array, "dtype": _QUANTIZED[name]}, True)
    fields: dict[str, Any] = {"layout": "quantized", "dtype": name, "values": values, "scale": told[1], "zero_point": told[2]}
    if len(told) > 3:
        fields["axis"] = told[3]
    return Outline("torch.Tensor", {**fields, **({"requires_grad": True} if needs_grad else {})}, True)


def _sparse(made: Made) -> Any:
    made.only()
    layout, parts = made.args
    if type(layout) is Made and layout.name == "torch.serialization._get_layout" and len(layout.args) == 1:
        layout = Named(layout.args[0]) if type(layout.args[0]) is str else None  # PyTorch pickles its layouts by their names
    name = layout.name.removeprefix("torch.") if type(layout) is Named else ""
    if name == "sparse_coo":
        indices, values, size, *coalesced = parts
        fields = {"layout": name, "shape": _ints(size), "indices": indices, "values": values, "coalesced": bool(coalesced and coalesced[0])}
    elif name in ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"):
        pointers, indices, values, size = parts
        fields = {"layout": name, "shape": _ints(size), "indptr": pointers, "indices": indices, "values": values}
    else:
        raise ValueError("its layout")
    return Outline("torch.Tensor", fields, True)


def _meta(made: Made) -> Any:
    made.only()
    dtype, size, _, needs_grad = made.args
    return Outline("torch.Tensor", {"layout": "meta", "shape": _ints(size), "dtype": _dtype_name(dtype), **({"requires_grad": True} if needs_grad else {})}, True)


def _dtype_name(value: Any) -> str:
    if type(value) is Made and value.name.startswith("torch."):
        return value.name.removeprefix("torch.")
    raise TypeError("its dtype")


def _with_attributes(made: Made) -> Any:
    func, cls, args, state = made.args
    inner = Made(made.names, func.name, "reduce", args)
    told = inner.finish()
    if type(cls) is not Named or cls.name not in ("torch.Tensor", "torch.nn.parameter.Parameter") or type(told) is not Outline:
        raise UnsupportedModel(f"a tensor of the file is of the class {cls.name if type(cls) is Named else '?'!r}, which is not PyTorch's own")
    attributes = state[0] if type(state) is tuple else state
    return Outline(told.type, {**told.fields, **({"attributes": attributes} if type(attributes) is Pairs and attributes.keys else {})}, True)


def _from_bytes(made: Made) -> Any:
    """``torch.storage._load_from_bytes``: a storage in a plain pickle is a file of torch.save inside it."""
    from holdfast.foreign.rules_numpy import raw_view
    from holdfast.foreign.torch_ import read_legacy

    made.only()
    return read_legacy(raw_view(made.args[0]), made.names, inner=True)


def _device(made: Made) -> Any:
    made.only()
    kind, *index = made.args
    return Outline("torch.device", {"name": f"{kind}:{index[0]}" if index else kind}, True)


def module_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a module as the adapter has them: without the tables of hooks, which have to be empty.

    Raises:
        UnsupportedModel: there are hooks, which are code.
    """
    kept = dict(fields)
    for name in HOOKS:
        hooks = kept.pop(name, None)
        pairs = hooks.pairs if type(hooks) is Made else hooks
        if (type(pairs) is Pairs and pairs.keys) or (type(pairs) is Members and pairs.items):
            raise UnsupportedModel(f"a module of the file has {name.strip('_').replace('_', ' ')}, which are code; save it without them")
    kept.pop("_flat_weights", None)
    kept.pop("_flat_weight_refs", None)
    return kept


def is_module(fields: dict[str, Any]) -> bool:
    """Say whether attributes are those of a module."""
    return "_parameters" in fields and "_modules" in fields


def otherwise(made: Made) -> Callable[[Made], Any] | None:
    """Return the rule for a name without one: all modules are pickled alike."""
    entry = catalog().types.get(made.name)
    if entry is None or entry.how != "shell" or made.how != "new" or made.args:
        return None
    return _of_state


def _of_state(made: Made) -> Any:
    """Modules, and optimizers, which say their state in three parts."""
    fields = made.fields()
    if is_module(fields):
        return Outline(made.name, module_fields(fields))
    if made.name == "torch.optim.lbfgs.LBFGS" or set(fields) != {"defaults", "state", "param_groups"}:
        return plain_object(made)
    state = fields["state"].pairs if type(fields["state"]) is Made else fields["state"]
    steps = list(zip(state.keys, state.values, strict=True))
    return Outline(made.name, {"[defaults]": fields["defaults"], "[groups]": fields["param_groups"], "[state]": steps, "[counted]": False, "[attributes]": {}})


def _kind(made: Made) -> Any:
    raise TypeError("a kind of storage that is called")


RULES: dict[str, Callable[[Made], Any]] = {
    **dict.fromkeys(("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"), _tensor),
    **dict.fromkeys(("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"), _parameter),
    "torch._utils._rebuild_qtensor": _quantized,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _sparse,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta,
    "torch._tensor._rebuild_from_type_v2": _with_attributes,
    "torch.storage._load_from_bytes": _from_bytes,
    "torch.device": _device,
    "torch.Size": lambda made: Outline("torch.Size", {"lengths": tuple(made.args[0])}, True),
    **{f"torch.{name}": lambda made: Outline("torch.dtype", {"name": made.name.removeprefix("torch.")}, True) for name in DTYPES},
    **{f"torch.{name}Storage": _kind for name in _LEGACY},
    "torch.storage.UntypedStorage": _kind,
    "torch.serialization._get_layout": _kind,  # a part of sparse tensors, which read it themselves
}
