"""PyTorch: tensors, parameters, and modules with whatever they hold; data only, no code and no pickled storage.

Strategy. A tensor is a numpy array over the same memory, so it is written without a copy and mapped when it is loaded; what
numpy has no dtype for is kept as its bits, with the name of the dtype beside it. Tensors that share memory look into one array
of bytes, so they share it in the file too. A module is its attributes; the tables of hooks, which hold code, are left out when
they are empty and refused when they are not.

The one rule: a module is an empty ``torch.nn.Module`` and its attributes; its ``__init__`` and ``__setstate__`` never run.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks import torch_packed, torch_program
from holdfast.frameworks.adapter import Adapter, Record, Shell
from holdfast.frameworks.asking import stacked
from holdfast.frameworks.devices import chosen
from holdfast.frameworks.making import put_attributes
from holdfast.trust.state.torch_layers import MODES, check_attention, check_recurrent

_BITS = {
    "bfloat16": "<u2",
    "float8_e4m3fn": "|u1",
    "float8_e4m3fnuz": "|u1",
    "float8_e5m2": "|u1",
    "float8_e5m2fnuz": "|u1",
    "float8_e8m0fnu": "|u1",
}
"""Names of dtypes that numpy does not have -> the unsigned integers that their bits are kept as."""

_SAME = {
    "float64": "<f8", "float32": "<f4", "float16": "<f2", "int64": "<i8", "int32": "<i4", "int16": "<i2", "int8": "|i1",
    "uint64": "<u8", "uint32": "<u4", "uint16": "<u2", "uint8": "|u1", "bool": "|b1", "complex64": "<c8", "complex128": "<c16",
}  # fmt: skip
"""Names of dtypes -> numpy's, where both mean the same bytes."""

DTYPES = {**_SAME, **_BITS}

HOOKS = (
    "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs",
    "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)  # fmt: skip
"""Attributes of a module that hold functions to call."""

_memories: WeakValueDictionary[tuple[int, int], Any] = WeakValueDictionary()
"""(address, bytes) of a storage -> the array over it, while a save goes on: what makes two tensors of one storage share it."""


def _torch() -> Any:
    import torch

    return torch


# -- tensors -------------------------------------------------------------------------------------------------------------


def _array(tensor: Any) -> tuple[Any, str]:
    """Return the array over a dense tensor's memory, and the name of its dtype."""
    torch = _torch()
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise UnsupportedModel(f"cannot save a tensor of dtype {name}: it has no form in the file; convert it, for example with .float()")
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    dtype = np.dtype(DTYPES[name])
    if not plain.numel():
        return np.zeros(tuple(plain.shape), dtype), name
    storage = plain.untyped_storage()
    place = (storage.data_ptr(), storage.nbytes())
    memory = _memories.get(place)
    if memory is None:
        memory = _memories[place] = torch.empty(0, dtype=torch.uint8).set_(storage).numpy()
    strides = tuple(stride * dtype.itemsize for stride in plain.stride())
    return np.ndarray(tuple(plain.shape), dtype, memory, plain.storage_offset() * dtype.itemsize, strides), name


def _dump_tensor(tensor: Any) -> dict[str, Any]:
    torch = _torch()
    if tensor.grad_fn is not None:
        raise UnsupportedModel("cannot save a tensor that is the result of a computation with a graph behind it; save tensor.detach()")
    if tensor._backward_hooks:
        raise UnsupportedModel("cannot save a tensor with hooks, which are code; remove them first")
    more: dict[str, Any] = {"requires_grad": True} if tensor.requires_grad else {}
    if vars(tensor):
        more["attributes"] = dict(vars(tensor))
    if tensor.is_meta:
        return {"layout": "meta", "shape": tuple(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch."), **more}
    if tensor.is_quantized:
        return {**_dump_quantized(tensor), **more}
    if tensor.layout is torch.strided:
        array, name = _array(tensor)
        return {"array": array, "dtype": name, **more}
    if tensor.layout is torch.sparse_coo:
        flat = tensor.detach()
        parts = {"indices": flat._indices(), "values": flat._values(), "coalesced": flat.is_coalesced()}
        return {"layout": "sparse_coo", "shape": tuple(tensor.shape), **parts, **more}
    if tensor.layout in _COMPRESSED():
        flat = tensor.detach()
        rows = tensor.layout in (torch.sparse_csr, torch.sparse_bsr)
        parts = {
            "indptr": flat.crow_indices() if rows else flat.ccol_indices(),
            "indices": flat.col_indices() if rows else flat.row_indices(),
            "values": flat.values(),
        }
        return {"layout": str(tensor.layout).removeprefix("torch."), "shape": tuple(tensor.shape), **parts, **more}
    raise UnsupportedModel(f"cannot save a tensor of layout {tensor.layout}; convert it with .to_dense()")


def _dump_quantized(tensor: Any) -> dict[str, Any]:
    torch = _torch()
    fields = {"layout": "quantized", "dtype": str(tensor.dtype).removeprefix("torch."), "values": tensor.int_repr()}
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return {**fields, "scale": tensor.q_scale(), "zero_point": tensor.q_zero_point()}
    if tensor.dtype not in (torch.qint8, torch.quint8, torch.qint32):
        raise UnsupportedModel(f"cannot save a tensor of dtype {fields['dtype']}: several numbers share a byte; save tensor.dequantize()")
    if tensor.qscheme() not in (torch.per_channel_affine, torch.per_channel_symmetric, torch.per_channel_affine_float_qparams):
        raise UnsupportedModel(f"cannot save a tensor quantized as {tensor.qscheme()}; save tensor.dequantize()")
    return {**fields, "scale": tensor.q_per_channel_scales(), "zero_point": tensor.q_per_channel_zero_points(), "axis": tensor.q_per_channel_axis()}


def _build_quantized(fields: dict[str, Any]) -> Any:
    torch = _torch()
    values, scale, zero = fields["values"], fields["scale"], fields["zero_point"]
    kinds = {"qint8": torch.int8, "quint8": torch.uint8, "qint32": torch.int32}
    if fields["dtype"] not in kinds or not isinstance(values, torch.Tensor) or values.dtype is not kinds[fields["dtype"]]:
        raise InvalidState("a quantized tensor does not hold integers of its dtype; the file is damaged or was altered.")
    if "axis" not in fields:
        if type(scale) is not float or type(zero) is not int or not 0 < scale < float("inf") or not -(2**31) <= zero < 2**31:
            raise InvalidState("a quantized tensor has no scale; the file is damaged or was altered.")
        return torch._make_per_tensor_quantized_tensor(values, scale, zero)
    axis = fields["axis"]
    if type(axis) is not int or not 0 <= axis < values.dim() or not all(
        isinstance(one, torch.Tensor) and one.shape == (values.shape[axis],) and one.layout is torch.strided and not one.is_quantized for one in (scale, zero)
    ):
        raise InvalidState("a quantized tensor has not one scale for each channel; the file is damaged or was altered.")
    by_rows = (scale.dtype, zero.dtype) == (torch.float32, torch.float32)
    if not by_rows and (scale.dtype, zero.dtype) != (torch.float64, torch.int64):
        raise InvalidState("the scales of a quantized tensor are of another dtype; the file is damaged or was altered.")
    if not bool((torch.isfinite(scale) & torch.isfinite(zero) & (scale > 0)).all()):
        raise InvalidState("a channel of a quantized tensor has no scale; the file is damaged or was altered.")
    return torch._make_per_channel_quantized_tensor(values, scale, zero, axis)


def _COMPRESSED() -> tuple[Any, ...]:
    torch = _torch()
    return (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


def _dense(array: Any, name: str) -> Any:
    torch = _torch()
    wanted = DTYPES.get(name)
    if wanted is None or type(array) is not np.ndarray or array.dtype.str != wanted:
        raise InvalidState("a tensor does not hold an array of its dtype; the file is damaged or was altered.")
    if not array.size:
        return torch.empty(array.shape, dtype=getattr(torch, name))
    if not array.flags.writeable:
        array = array.copy()  # a tensor cannot be read-only
    if name in _BITS:
        # through signed integers, which older releases of PyTorch have as well
        return torch.from_numpy(array.view(array.dtype.str.replace("u", "i"))).view(getattr(torch, name))
    return torch.from_numpy(array)


def _build_tensor(fields: dict[str, Any]) -> Any:
    device = chosen()
    if device is None or fields.get("layout") == "meta":
        return _build_here(fields)
    made = _build_here({key: fields[key] for key in fields})
    moved = made.detach().to(device).requires_grad_(made.requires_grad)
    moved.__dict__.update(made.__dict__)
    return moved


def _build_here(fields: dict[str, Any]) -> Any:
    torch = _torch()
    layout = fields.get("layout")
    needs_grad, attributes = fields.get("requires_grad", False), fields.get("attributes")
    if layout is None:
        made = _dense(fields["array"], fields["dtype"])
    else:
        if layout == "quantized":
            return _build_quantized(fields)
        shape = tuple(fields["shape"])
        if not all(type(length) is int and length >= 0 for length in shape):
            raise InvalidState("the shape of a tensor is not made of lengths; the file is damaged or was altered.")
        if layout == "meta":
            if fields["dtype"] not in DTYPES:
                raise InvalidState("a tensor has an unknown dtype; the file is damaged or was altered.")
            made = torch.empty(shape, dtype=getattr(torch, fields["dtype"]), device="meta")
        elif layout == "sparse_coo":
            made = torch.sparse_coo_tensor(fields["indices"], fields["values"], shape, check_invariants=True)
            made = made._coalesced_(_coalesced(fields))
        elif layout in ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"):
            make = getattr(torch, f"{layout}_tensor")
            made = make(fields["indptr"], fields["indices"], fields["values"], shape, check_invariants=True)
        else:
            raise InvalidState("a tensor has an unknown layout; the file is damaged or was altered.")
    if needs_grad:
        made.requires_grad_(True)
    if attributes:
        put_attributes(made, attributes)
    return made


def _coalesced(fields: dict[str, Any]) -> bool:
    """Return whether a sparse tensor is coalesced: sorted, each place once. C code believes it, so it is looked at."""
    if not fields["coalesced"]:
        return False
    places = fields["indices"].numpy()
    order = np.lexsort(places[::-1])
    sorted_places = places[:, order]
    twice = bool((np.diff(sorted_places, axis=1) == 0).all(axis=0).any()) if places.shape[1] > 1 else False
    if twice or not (order == np.arange(len(order))).all():
        raise InvalidState("a sparse tensor says that it is coalesced, and is not; the file is damaged or was altered.")
    return True


def _dump_parameter(parameter: Any) -> dict[str, Any]:
    fields = _dump_tensor(parameter)
    fields["requires_grad"] = bool(parameter.requires_grad)
    return fields


def _build_parameter(fields: dict[str, Any]) -> Any:
    torch = _torch()
    needs_grad, attributes = fields["requires_grad"], fields.get("attributes")
    made = torch.nn.Parameter(_build_tensor({key: fields[key] for key in fields if key not in ("requires_grad", "attributes")}), needs_grad)
    if attributes:
        put_attributes(made, attributes)
    return made


# -- small values --------------------------------------------------------------------------------------------------------


def _build_dtype(fields: dict[str, Any]) -> Any:
    found = getattr(_torch(), str(fields["name"]), None)
    if type(found) is not _torch().dtype:
        raise InvalidState("torch.dtype: there is none of this name; the file is damaged or was altered.")
    return found


def _build_generator(fields: dict[str, Any]) -> Any:
    made = _torch().Generator(device="cpu")
    made.set_state(fields["state"])
    return made


def _dump_generator(generator: Any) -> dict[str, Any]:
    if generator.device.type != "cpu":
        raise UnsupportedModel(f"cannot save a random generator of device {generator.device}; save torch.get_rng_state() of the CPU")
    return {"state": generator.get_state()}


# -- modules -------------------------------------------------------------------------------------------------------------


def _is_for_old_names(hook: Any) -> bool:
    """Say whether a hook is PyTorch's own, for state dicts from before a parametrization had its name."""
    return str(getattr(getattr(hook, "hook", hook), "__module__", "")).startswith("torch.nn.utils.parametriz")


def _dump_module(module: Any) -> dict[str, Any]:
    state = dict(vars(module))
    for name in HOOKS:
        hooks = state.pop(name, None)
        if hooks and isinstance(module, _torch().nn.modules.lazy.LazyModuleMixin):
            raise UnsupportedModel(f"cannot save {type(module).__name__}: a lazy layer has no weights yet; call the model once with real rows, then save")
        if hooks and not all(map(_is_for_old_names, hooks.values())):
            kind = name.strip("_").replace("_", " ")
            raise UnsupportedModel(
                f"cannot save {type(module).__name__}: it has {kind}, which are code; remove them with the handle that registering gave, "
                "and put them on again after loading"
            )
    # a list of the parameters, and weak references to them, that recurrent layers keep beside the parameters
    state.pop("_flat_weights", None)
    state.pop("_flat_weight_refs", None)
    parametrized = _torch().nn.utils.parametrize.is_parametrized(module)
    return {**state, "[parametrized]": tuple(module.parametrizations)} if parametrized else state


def _parametrize(module: Any, names: Any) -> None:
    """Give a module the class that computes some of its tensors from others, as registering the parametrizations did."""
    parametrize = _torch().nn.utils.parametrize
    if type(names) is not tuple or not all(type(name) is str and name.isidentifier() for name in names):
        raise InvalidState("the parametrized tensors of a module have no names; the file is damaged or was altered.")
    parametrize._inject_new_class(module)
    for name in names:
        parametrize._inject_property(module, name)


# -- optimizers ------------------------------------------------------------------------------------------------------------

_OPTIMIZER_HOOKS = (
    "_optimizer_step_pre_hooks", "_optimizer_step_post_hooks", "_optimizer_state_dict_pre_hooks", "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks", "_optimizer_load_state_dict_post_hooks",
)  # fmt: skip


def _optimizer_adapter(cls: type) -> Shell:
    """Optimizers, with the parameters that they step: those of the model when both are in one file."""

    def dump(optimizer: Any) -> dict[str, Any]:
        state = dict(vars(optimizer))
        for name in _OPTIMIZER_HOOKS:
            if state.pop(name, None):
                raise UnsupportedModel(f"cannot save {cls.__name__}: it has hooks, which are code; remove them, and put them on again after loading")
        state.pop("_zero_grad_profile_name", None)
        for name in ("_warned_capturable_if_run_uncaptured", "_patch_step_function"):
            state.pop(name, None)
        step = state.pop("step", None)  # a scheduler counts the steps by wrapping the method; see the adapter of schedulers
        fields = {"defaults": state.pop("defaults"), "groups": state.pop("param_groups"), "state": [(key, value) for key, value in state.pop("state").items()]}
        return {**{f"[{name}]": value for name, value in fields.items()}, "[counted]": step is not None, "[attributes]": state}

    def fill(optimizer: Any, fields: dict[str, Any]) -> None:
        from collections import OrderedDict, defaultdict

        attributes = optimizer.__dict__
        attributes.update(defaults=fields["[defaults]"], param_groups=fields["[groups]"])
        attributes.update({name: OrderedDict() for name in _OPTIMIZER_HOOKS})
        attributes["state"] = defaultdict(dict, dict(fields["[state]"]))
        put_attributes(optimizer, fields["[attributes]"])
        attributes["_zero_grad_profile_name"] = f"Optimizer.zero_grad#{cls.__name__}.zero_grad"
        optimizer._patch_step_function()
        if fields["[counted]"]:
            _count_steps(optimizer)

    return Shell(dump, lambda: object.__new__(cls), fill)


def _count_steps(optimizer: Any) -> None:
    """Wrap the step of an optimizer as schedulers do, which warn when it was not taken before theirs."""
    import functools
    import weakref

    function = optimizer.step.__func__
    weak = weakref.ref(optimizer)  # or the optimizer would hold itself

    @functools.wraps(function)
    def counted(*args: Any, **options: Any) -> Any:
        owner: Any = weak()
        owner._opt_called = True
        return function.__get__(owner, type(owner))(*args, **options)

    counted._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = counted


def _module_adapter(cls: type) -> Shell:
    torch = _torch()

    def make() -> Any:
        return object.__new__(cls)

    def fill(module: Any, fields: dict[str, Any]) -> None:
        attributes = module.__dict__
        parametrized = fields.get("[parametrized]")
        for name in fields:  # in the order in which they were set
            if name != "[parametrized]":
                attributes[name] = fields[name]
        if parametrized:
            _parametrize(module, parametrized)
        for name, value in vars(torch.nn.Module()).items():
            attributes.setdefault(name, value)
        if isinstance(module, torch.nn.RNNBase):
            _check_below(module)
            module._init_flat_weights()
        elif isinstance(module, torch.nn.MultiheadAttention):
            check_attention(vars(module), cls.__qualname__)

    return Shell(_dump_module, make, fill)


def _check_below(module: Any) -> None:
    """Check a recurrent layer of a class of the user's below PyTorch's own, whose kernels believe its numbers as well."""
    torch, state = _torch(), vars(module)
    kind = next((name for name in MODES if isinstance(module, getattr(torch.nn, name))), None)
    if kind is None or type(module) is getattr(torch.nn, kind):
        return
    names = state.get("_flat_weights_names", ())
    shapes = {name: None if one is None else tuple(one.shape) for name, one in state["_parameters"].items() if name in names}
    more = {"parametrizations": True} if "parametrizations" in state["_modules"] else {}
    check_recurrent(kind, {**state, **more}, shapes, type(module).__qualname__)


# -- asking --------------------------------------------------------------------------------------------------------------


def forward(module: Any, inputs: Any) -> Any:
    """Return what a module answers to rows: in evaluation mode, without gradients, as arrays.

    Args:
        module: any module.
        inputs: an array, a tensor, a frame, or a dict of such for the arguments of ``forward`` by name. Floats become what
            the module's parameters are.
    """
    torch = _torch()
    like = next((one for one in module.parameters() if one.is_floating_point()), None)
    training = [one for one in module.modules() if one.training]
    ids = any(isinstance(one, torch.nn.Embedding | torch.nn.EmbeddingBag) for one in module.modules()) or type(module).__module__.startswith(("transformers.", "peft."))
    try:
        module.eval()
        with torch.inference_mode():
            if isinstance(inputs, dict) and not _takes(module, inputs):
                inputs = stacked(inputs)  # columns of one input
            if isinstance(inputs, dict):
                return arrays_of(module(**{name: tensor_of(value, like, ids) for name, value in inputs.items()}))
            return arrays_of(module(tensor_of(inputs, like, ids)))
    finally:
        for one in training:
            one.training = True


def _takes(module: Any, inputs: dict[str, Any]) -> bool:
    """Say whether a module's ``forward`` has arguments of these names."""
    import inspect

    known = inspect.signature(module.forward).parameters
    return set(inputs) <= set(known) or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())


def tensor_of(value: Any, like: Any, ids: bool = True) -> Any:
    """Return rows as a tensor on the device of a parameter, floats in its dtype; whole numbers too, unless they may be ids."""
    torch = _torch()
    tensor = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.array(value.to_numpy() if hasattr(value, "to_numpy") else value))
    if like is None:
        return tensor
    return tensor.to(like.device, like.dtype) if tensor.is_floating_point() or not ids else tensor.to(like.device)


def arrays_of(answer: Any) -> Any:
    """Return the tensors of an answer as arrays, in the containers that they are in."""
    if isinstance(answer, _torch().Tensor):
        dense = answer.detach().cpu()
        dense = dense if str(dense.dtype).removeprefix("torch.") in _SAME else dense.float()
        return dense.resolve_conj().resolve_neg().numpy()
    if isinstance(answer, dict):
        return {name: arrays_of(value) for name, value in answer.items()}
    return tuple(map(arrays_of, answer)) if isinstance(answer, tuple | list) else answer


ASKED = {"torch.nn.modules.module.Module": {"forward": forward}, **torch_program.ASKED}
"""Class -> what models below it are asked in place of the methods that they do not have."""

ADAPTERS: dict[str, Adapter] = {
    "torch.Tensor": Record(_dump_tensor, _build_tensor),
    "torch.nn.parameter.Parameter": Record(_dump_parameter, _build_parameter),
    "torch.Size": Record(lambda size: {"lengths": tuple(size)}, lambda fields: _torch().Size(fields["lengths"])),
    "torch.dtype": Record(lambda dtype: {"name": str(dtype).removeprefix("torch.")}, _build_dtype),
    "torch.device": Record(lambda device: {"name": str(device)}, lambda fields: _torch().device(fields["name"])),
    "torch._C.Generator": Record(_dump_generator, _build_generator),
    **torch_packed.ADAPTERS,
    **torch_program.ADAPTERS,
}

FAMILIES = {
    "torch.nn.modules.module.Module": _module_adapter,
    "torch.optim.optimizer.Optimizer": _optimizer_adapter,
}
"""Exact name of a class -> what makes the adapter of a class below it."""
