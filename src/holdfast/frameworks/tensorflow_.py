"""TensorFlow: tensors, variables, random generators, and modules with whatever they hold; models of Keras are in ``keras_``.

Strategy. A variable is its value and what it was made with. A module is its name and its attributes: the lists and dicts that
TensorFlow tracks are kept as the plain ones they wrap, and are wrapped again when they are set. Text is kept as bytes.

The one rule: a module is an empty ``tf.Module`` and its attributes; its ``__init__`` never runs, and no graph is kept.
"""

from __future__ import annotations

import importlib
from math import prod
from typing import Any

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Record, Shell
from holdfast.frameworks.asking import plain_inputs
from holdfast.frameworks.making import check_fields

PUBLIC = {
    "tensorflow.python.framework.dtypes.DType": "tensorflow.DType",
    "tensorflow.python.framework.ops.EagerTensor": "tensorflow.Tensor",
    "tensorflow.python.framework.tensor_shape.TensorShape": "tensorflow.TensorShape",
    "tensorflow.python.module.module.Module": "tensorflow.Module",
    "tensorflow.python.ops.resource_variable_ops.ResourceVariable": "tensorflow.Variable",
    "tensorflow.python.ops.stateful_random_ops.Generator": "tensorflow.random.Generator",
}
"""Where a class is defined -> the name that TensorFlow documents, which is the one that files know: modules move."""


def public_name(cls: Any) -> str | None:
    """Return the name of a class as files know it, or None."""
    return PUBLIC.get(f"{cls.__module__}.{getattr(cls, '__qualname__', '')}")


_BITS = {"bfloat16": "<u2", "float8_e5m2": "|u1", "float8_e4m3fn": "|u1"}
"""Dtypes that numpy does not have -> the unsigned integers that their bits are kept as."""

AXES = 8
"""Most axes of a tensor of texts; of more than 32, TensorFlow ends the process."""

_DTYPES = {
    "float64": "<f8", "float32": "<f4", "float16": "<f2", "int64": "<i8", "int32": "<i4", "int16": "<i2", "int8": "|i1",
    "uint64": "<u8", "uint32": "<u4", "uint16": "<u2", "uint8": "|u1", "bool": "|b1", "complex64": "<c8", "complex128": "<c16", **_BITS,
}  # fmt: skip


def _tf() -> Any:
    return importlib.import_module("tensorflow")


# -- values --------------------------------------------------------------------------------------------------------------


def _dump_value(value: Any) -> dict[str, Any]:
    name = value.dtype.name
    if name == "string":
        if len(value.shape) > AXES:
            raise UnsupportedModel(f"cannot save a tensor of texts with more than {AXES} axes")
        array = value.numpy()
        return {"dtype": name, "texts": np.asarray(array, object).ravel().tolist(), "shape": tuple(value.shape)}
    if name not in _DTYPES:
        raise UnsupportedModel(f"cannot save a tensor of dtype {name}: it has no form in the file")
    array = np.asarray(value.numpy())
    return {"dtype": name, "array": array.view(_BITS[name]) if name in _BITS else array}


def _build_value(fields: dict[str, Any]) -> Any:
    """Return an array, or a tensor of texts."""
    name = fields["dtype"]
    if name == "string":
        texts, shape = fields["texts"], fields["shape"]
        lengths = len(shape) <= AXES and all(type(one) is int and 0 <= one < 2**31 for one in shape)
        if not lengths or not all(type(one) is bytes for one in texts) or len(texts) != prod(shape):
            raise InvalidState("a tensor of texts does not hold texts of its shape; the file is damaged or was altered.")
        flat = np.empty(len(texts), object)
        flat[:] = texts
        return flat.reshape(shape)
    array = fields["array"]
    if name not in _DTYPES or type(array) is not np.ndarray or array.dtype.str != _DTYPES[name]:
        raise InvalidState("a tensor does not hold an array of its dtype; the file is damaged or was altered.")
    return array.view(getattr(_tf(), name).as_numpy_dtype) if name in _BITS else array


def _build_tensor(fields: dict[str, Any]) -> Any:
    return _tf().constant(_build_value(fields), dtype=fields["dtype"])


def _dump_variable(variable: Any) -> dict[str, Any]:
    if variable.constraint is not None:
        raise UnsupportedModel("cannot save a tf.Variable with a constraint, which is code; make it without, and apply the constraint in training")
    return {
        **_dump_value(variable),
        "name": variable.name.partition(":")[0],
        "trainable": bool(variable.trainable),
        "lengths": None if variable.shape.rank is None else tuple(variable.shape.as_list()),
        "synchronization": variable.synchronization.name,
        "aggregation": variable.aggregation.name,
    }


def _build_variable(fields: dict[str, Any]) -> Any:
    tf = _tf()
    value = _build_value(fields)
    try:
        return tf.Variable(
            value,
            trainable=fields["trainable"],
            name=fields["name"],
            dtype=fields["dtype"],
            shape=tf.TensorShape(fields["lengths"]),
            synchronization=tf.VariableSynchronization[fields["synchronization"]],
            aggregation=tf.VariableAggregation[fields["aggregation"]],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidState(f"a tf.Variable cannot be made as its state says ({str(error)[:200]}); the file is damaged or was altered.") from None


def _build_generator(fields: dict[str, Any]) -> Any:
    state, algorithm = fields["state"], fields["algorithm"]
    if type(state) is not np.ndarray or state.dtype.str != "<i8" or (algorithm, state.shape) not in ((1, (3,)), (2, (2,)), (2, (3,))):
        raise InvalidState("a tf.random.Generator has not the state of its algorithm; the file is damaged or was altered.")
    return _tf().random.Generator(state=state, alg=algorithm)


def _build_dtype(fields: dict[str, Any]) -> Any:
    try:
        return _tf().dtypes.as_dtype(fields["name"])
    except TypeError:
        raise InvalidState("a tf.DType has the name of none; the file is damaged or was altered.") from None


def _build_shape(fields: dict[str, Any]) -> Any:
    lengths = fields["lengths"]
    if lengths is not None and not all(one is None or (type(one) is int and one >= 0) for one in lengths):
        raise InvalidState("a tf.TensorShape is not made of lengths; the file is damaged or was altered.")
    return _tf().TensorShape(lengths)


# -- modules -------------------------------------------------------------------------------------------------------------

_WRAPPED = "tensorflow.python.trackable.data_structures"


def _unwrapped(value: Any, known: dict[int, Any]) -> Any:
    """Return the plain container that TensorFlow tracks, all the way down; anything else as it is."""
    kind = type(value)
    if kind.__module__ != _WRAPPED:
        return value
    if id(value) in known:
        return known[id(value)]
    if kind.__name__ in ("ListWrapper", "List"):
        plain: Any = []
        known[id(value)] = plain
        plain += [_unwrapped(one, known) for one in value]
    elif kind.__name__ in ("_DictWrapper", "Mapping"):
        plain = type(getattr(value, "__wrapped__", {}))()
        known[id(value)] = plain
        plain.update((key, _unwrapped(one, known)) for key, one in value.items())
    elif kind.__name__ == "_TupleWrapper":
        inner = value.__wrapped__
        items = [_unwrapped(one, known) for one in value]
        plain = known[id(value)] = type(inner)(*items) if hasattr(inner, "_fields") else tuple(items)
    else:
        raise UnsupportedModel(f"cannot save a {kind.__name__} of TensorFlow; keep a plain list, tuple or dict in its place")
    return plain


def _is_of_tracking(name: str) -> bool:
    return name.startswith("_self_") or name in ("_name", "_scope_name", "_name_scope", "_obj_reference_counts_dict")


def _module(cls: type) -> Shell:
    def dump(module: Any) -> dict[str, Any]:
        known: dict[int, Any] = {}
        attributes = {name: _unwrapped(value, known) for name, value in vars(module).items() if not _is_of_tracking(name)}
        # of a class of its own, the attributes are those of the class; a bare module is a bag that holds anything
        return {"[name]": module._name, **({"[attributes]": attributes} if public_name(cls) else attributes)}

    def fill(module: Any, fields: dict[str, Any]) -> None:
        tf = _tf()
        try:
            tf.Module.__init__(module, name=fields["[name]"])
        except ValueError:
            raise InvalidState("a tf.Module has a name that is no identifier; the file is damaged or was altered.") from None
        # past the class's own __setattr__, and through the one that tracks variables
        track = importlib.import_module("tensorflow.python.trackable.autotrackable").AutoTrackable.__setattr__
        attributes = fields["[attributes]"] if public_name(cls) else {name: fields[name] for name in fields if name != "[name]"}
        if not all(type(name) is str for name in attributes) or any(map(_is_of_tracking, attributes)):
            raise InvalidState("a tf.Module has an attribute that its tracking makes; the file is damaged or was altered.")
        check_fields(cls, cls.__qualname__, tuple(attributes))
        for name, value in attributes.items():
            track(module, name, value)

    return Shell(dump, lambda: object.__new__(cls), fill)


# -- asking --------------------------------------------------------------------------------------------------------------


def call(module: Any, rows: Any) -> Any:
    """Return what a module answers when it is called with rows, or with a dict of named inputs, as arrays."""
    tf = _tf()
    like = next((one.dtype for one in module.trainable_variables if one.dtype.is_floating), None)

    def tensor(value: Any) -> Any:
        made = tf.convert_to_tensor(value)
        return tf.cast(made, like) if like is not None and made.dtype.is_floating else made

    given = plain_inputs(rows)
    answer = module(**{name: tensor(value) for name, value in given.items()}) if isinstance(given, dict) else module(tensor(given))
    return tf.nest.map_structure(lambda one: one.numpy() if hasattr(one, "numpy") else one, answer)


ASKED = {"tensorflow.python.module.module.Module": {"call": call}}
"""Class -> what models below it are asked in place of the methods that they do not have."""

ADAPTERS: dict[str, Adapter] = {
    "tensorflow.DType": Record(lambda dtype: {"name": dtype.name}, _build_dtype),
    "tensorflow.Tensor": Record(_dump_value, _build_tensor),
    "tensorflow.TensorShape": Record(lambda shape: {"lengths": None if shape.rank is None else tuple(shape.as_list())}, _build_shape),
    "tensorflow.Variable": Record(_dump_variable, _build_variable),
    "tensorflow.random.Generator": Record(lambda made: {"state": made.state.numpy(), "algorithm": int(made.algorithm)}, _build_generator),
}

FAMILIES = {"tensorflow.python.module.module.Module": _module}
"""Exact name of a class -> what makes the adapter of a class below it."""
