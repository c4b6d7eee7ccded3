"""JAX, Flax and Optax: arrays, keys, pytrees of them, nnx modules by their attributes, linen modules by their fields.

Strategy. A JAX array is a numpy array over the same memory. A pytree is what it is made of: dicts, lists, tuples, named tuples. An
nnx module is its attributes, a linen module the arguments it was made with; functions in them go by their names, and an argument
that is still the default of its class is not written.

The one rule: no function is traced or called to save or to load.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Record, Shell
from holdfast.frameworks.making import put_attributes

_BITS = {
    "bfloat16": "<u2", "float8_e4m3fn": "|u1", "float8_e5m2": "|u1", "float8_e4m3b11fnuz": "|u1", "float8_e4m3fnuz": "|u1", "float8_e5m2fnuz": "|u1",
    "float8_e8m0fnu": "|u1", "int4": "|i1", "uint4": "|u1",
}  # fmt: skip
"""Dtypes that numpy does not have -> what their bits are kept as."""


def _jax() -> Any:
    return importlib.import_module("jax")


# -- arrays --------------------------------------------------------------------------------------------------------------


def _dump_array(array: Any) -> dict[str, Any]:
    if not array.is_fully_addressable:
        raise UnsupportedModel("cannot save a JAX array that is spread over other processes; gather it first, with jax.device_get on one of them")
    made = np.asarray(array)
    name = str(array.dtype)
    fields: dict[str, Any] = {"array": made.view(_BITS[name]) if name in _BITS else made}
    if name in _BITS:
        fields["dtype"] = name
    if array.weak_type:
        fields["weak_type"] = True
    return fields


def _build_array(fields: dict[str, Any]) -> Any:
    jax = _jax()
    array, name = fields["array"], fields.get("dtype")
    if type(array) is not np.ndarray:
        raise InvalidState("a JAX array is stored as something else; the file is damaged or was altered.")
    if name is not None:
        if array.dtype.str != _BITS.get(name):
            raise InvalidState("a JAX array is not stored as its dtype is; the file is damaged or was altered.")
        array = array.view(getattr(importlib.import_module("ml_dtypes"), name))
    if array.dtype.itemsize == 8 and array.dtype.kind in "iuf" and not jax.config.jax_enable_x64:
        raise InvalidState(
            f"the model holds a JAX array of {array.dtype}, and 64 bits are switched off here; "
            'run jax.config.update("jax_enable_x64", True) before loading'
        )
    made = jax.device_put(array)
    if fields.get("weak_type"):
        # of no public name: an array whose dtype gives way to another's, as that of a plain Python number does
        return importlib.import_module("jax._src.lax.lax")._convert_element_type(made, weak_type=True)
    return made


def _dump_key(key: Any) -> dict[str, Any]:
    jax = _jax()
    return {"data": np.asarray(jax.random.key_data(key)), "kind": str(jax.random.key_impl(key))}


def _build_key(fields: dict[str, Any]) -> Any:
    jax = _jax()
    if fields["kind"] not in ("threefry2x32", "rbg", "unsafe_rbg"):
        raise InvalidState("a JAX key is of an unknown kind; the file is damaged or was altered.")
    return jax.random.wrap_key_data(jax.numpy.asarray(fields["data"]), impl=fields["kind"])


# -- flax ----------------------------------------------------------------------------------------------------------------


def _variable(cls: type) -> Shell:
    def dump(variable: Any) -> dict[str, Any]:
        return {"[value]": variable.get_raw_value(), "[metadata]": dict(variable.get_metadata())}

    def fill(variable: Any, fields: dict[str, Any]) -> None:
        made = cls(fields["[value]"], **fields["[metadata]"])
        for name in ("_raw_value", "_trace_state", "_var_metadata"):
            object.__setattr__(variable, name, object.__getattribute__(made, name))

    return Shell(dump, lambda: object.__new__(cls), fill)


def _pytree(cls: type) -> Shell:
    def dump(module: Any) -> dict[str, Any]:
        state = {name: value for name, value in vars(module).items() if not name.startswith("_pytree__")}
        return {"[state]": state, "[nodes]": {name: bool(is_node) for name, is_node in module._pytree__nodes.items()}}

    def fill(module: Any, fields: dict[str, Any]) -> None:
        lib = importlib.import_module("flax.nnx.pytreelib")
        state = vars(module)
        state["_pytree__state"] = lib.PytreeState()
        state["_pytree__nodes"] = importlib.import_module("flax.typing").HashableMapping(fields["[nodes]"])
        put_attributes(module, fields["[state]"])

    return Shell(dump, lambda: object.__new__(cls), fill)


def _linen(cls: type) -> Record:
    def dump(module: Any) -> dict[str, Any]:
        if module.scope is not None:
            raise UnsupportedModel("cannot save a linen module that is bound to variables; save module.unbind(), the module and its variables")
        fields: dict[str, Any] = {}
        for field in dataclasses.fields(module):
            value = getattr(module, field.name, None)
            if field.init and field.name not in ("parent", "name") and value is not field.default:
                fields[field.name] = value
        return {"[arguments]": fields, "[name]": module.name}

    def build(fields: dict[str, Any]) -> Any:
        return cls(**fields["[arguments]"], **({} if fields["[name]"] is None else {"name": fields["[name]"]}))

    return Record(dump, build)


def _build_frozen(fields: dict[str, Any]) -> Any:
    return importlib.import_module("flax.core.frozen_dict").FrozenDict(fields["items"])


def _fill_state(state: Any, fields: dict[str, Any]) -> None:
    object.__setattr__(state, "_mapping", fields["[items]"])


def _make_state() -> Any:
    return importlib.import_module("flax.nnx.statelib").State({})


# -- asking ---------------------------------------------------------------------------------------------------------------


def call(module: Any, inputs: Any) -> Any:
    """Return what an nnx module answers to rows, in evaluation mode, as arrays; a copy is asked, since random layers count."""
    nnx = importlib.import_module("flax.nnx")
    copy = nnx.merge(*nnx.split(module))
    copy.eval()
    answer = copy(**{name: np.asarray(value) for name, value in inputs.items()}) if isinstance(inputs, dict) else copy(np.asarray(inputs))
    return _jax().tree.map(np.asarray, answer)


ASKED = {"flax.nnx.pytreelib.Pytree": {"call": call}}
"""Class -> what models below it are asked in place of the methods that they do not have."""

ADAPTERS: dict[str, Adapter] = {
    "jaxlib._jax.ArrayImpl": Record(_dump_array, _build_array),
    "jax._src.random.prng.PRNGKeyArray": Record(_dump_key, _build_key),
    "flax.core.frozen_dict.FrozenDict": Record(lambda frozen: {"items": dict(frozen._dict)}, _build_frozen),
    "flax.nnx.statelib.State": Shell(lambda state: {"[items]": dict(state._mapping)}, _make_state, _fill_state),
}

FAMILIES = {
    "flax.linen.module.Module": _linen,
    "flax.nnx.pytreelib.Pytree": _pytree,
    "flax.nnx.variablelib.Variable": _variable,
}
"""Exact name of a class -> what makes the adapter of a class below it."""
