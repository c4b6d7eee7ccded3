"""Keras 3 on any backend: a model is its description, the classes that this names, and its variables as arrays.

Strategy. The description is what ``keras.saving.serialize_keras_object`` gives, as JSON. Beside it stand the classes and functions
that it names, as names of the file, so that the list of trusted names and the caller decide about them before anything is made;
then `trust.state.keras` compares. A model is made without values for its variables, their shapes are compared with what is stored,
and only then memory is taken: nothing is initialised at random to be overwritten.

The one rule: a lambda is never saved and never loaded, and no name is looked up that the plan has not accepted.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, InvalidState, UnsupportedModel, VersionMismatch
from holdfast.frameworks.adapter import Adapter, Record
from holdfast.frameworks.asking import Input, stacked
from holdfast.frameworks.names import find_live, name_of
from holdfast.trust.state.keras import check_keras, name_of_part, parts

BITS = {"bfloat16": "<u2", "float8_e4m3fn": "|u1", "float8_e5m2": "|u1"}
"""Dtypes that numpy does not have -> the unsigned integers that their bits are kept as."""


def _keras() -> Any:
    return importlib.import_module("keras")


def public_name(obj: Any) -> str | None:
    """Return the name that Keras' public API has for one of its classes, which stays when its modules move."""
    api = sys.modules.get("keras.src.api_export")
    return None if api is None else api.get_name_from_symbol(obj)


_SEEN = frozenset({"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"})
"""Dtypes that the buffers of TensorFlow's tensors have."""


# -- from a model ----------------------------------------------------------------------------------------------------------


def _dump(model: Any) -> dict[str, Any]:
    keras = _keras()
    kind = type(model).__name__
    try:
        description = keras.saving.serialize_keras_object(model)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise UnsupportedModel(
            f"cannot save a {kind}: Keras cannot describe it ({str(error).splitlines()[0][:200]}). Give the class a get_config that returns the "
            "arguments of its constructor, or save model.get_weights()"
        ) from None
    if not getattr(model, "compiled", False):
        description.pop("compile_config", None)
    own, custom = _named(description, kind)
    fields: dict[str, Any] = {
        "description": json.dumps(description, separators=(",", ":")),
        "classes": tuple(own),
        "custom": custom,
        "variables": _named_arrays(model),
        "vocabularies": {layer.name: list(layer.get_vocabulary()) for layer in _lookups(model)},
    }
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and getattr(optimizer, "built", False):
        fields["optimizer"] = [_array(variable) for variable in optimizer.variables]
    if custom:
        _rebuild_to_see(fields, kind)
    return fields


def _named(description: dict[str, Any], kind: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the Keras classes that a description names, and by registered name those that are not Keras' own."""
    keras = _keras()
    own: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    try:
        found = parts(description, kind)
    except InvalidState as error:
        said = error.message.partition("; the file is damaged")[0].partition(": ")[2]
        raise UnsupportedModel(
            f"cannot save a {kind}: {said}. A Lambda layer is Python code: write a Layer class with a call method, and trust it by name when loading"
        ) from None
    for part in found:
        if str(part.get("module")).startswith("keras.src.backend."):
            part["module"] = "keras.optimizers"  # PyTorch has optimizers of its own, which stand for these; so has none other
            part["registered_name"] = None
        name, registered = name_of_part(part, kind)
        if name == "keras.layers.Lambda":
            raise UnsupportedModel(
                f"cannot save a {kind} with a Lambda layer, which is Python code; write a Layer class with a call method, and trust it by name when loading"
            )
        if name == "function":
            live = keras.saving.get_registered_object(str(registered))
            if live is None:
                raise UnsupportedModel(
                    f"cannot save a {kind} that uses the function {registered!r}: Keras keeps no module for it. Register it with "
                    '@keras.saving.register_keras_serializable("your_package")'
                )
            custom[str(registered)] = live
        elif registered is None:
            if name not in own:
                own[name] = _symbol(name)
        elif registered not in custom:
            live = keras.saving.get_registered_object(registered) or find_live(name)
            if name_of(live) != name:
                raise UnsupportedModel(
                    f"cannot save a {kind}: the class {name!r} cannot be found again by its name; define it at the top level of a module"
                )
            custom[registered] = live
    return [own[name] for name in sorted(own)], {key: custom[key] for key in sorted(custom)}


def _symbol(name: str) -> Any:
    found = importlib.import_module("keras.src.api_export").get_symbol_from_name(name) or find_live(name)
    if found is None:
        raise UnsupportedModel(f"cannot save a Keras model: nothing is called {name!r} here")
    return found


def _variables(model: Any) -> list[Any]:
    """Return the variables of a model or layer but those of its metrics, which begin anew with each epoch."""
    return list(model.variables)


def _lookups(model: Any) -> list[Any]:
    """Return the layers that hold a vocabulary which their description may leave to a file of its own."""
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else []
    return [layer for layer in layers if hasattr(layer, "set_vocabulary") and hasattr(layer, "get_vocabulary")]


def _named_arrays(model: Any) -> dict[str, Any]:
    """Return the arrays of all variables by layer and name; their own paths depend on how the model was put together."""
    names: dict[int, str] = {}
    for layer in model._flatten_layers():
        generators = [(one, f"{layer.name}.seed") for one in getattr(layer, "_seed_generators", ())]
        for variable in (*layer._trainable_variables, *layer._non_trainable_variables):
            names.setdefault(id(variable), f"{layer.name}.{variable.name}")
        for generator, name in generators:
            names.setdefault(id(generator.state), name)
    made: dict[str, Any] = {}
    for variable in _variables(model):
        name = names.get(id(variable), variable.name)
        while name in made:
            name += "+"
        made[name] = _array(variable)
    return made


def _array(variable: Any) -> Any:
    """Return the value of a variable, over its memory where the backend lets it be seen; bits where numpy has no such numbers."""
    keras, value = _keras(), variable.value
    if keras.backend.backend() == "tensorflow" and str(variable.dtype) in _SEEN:
        # its own conversion copies; a tensor that is looked at is not written to, training gives the variable another one
        array = np.asarray(memoryview(importlib.import_module("tensorflow").convert_to_tensor(value)))
    else:
        array = np.asarray(keras.ops.convert_to_numpy(value))
    return array.view(BITS[str(variable.dtype)]) if str(variable.dtype) in BITS else array


def _rebuild_to_see(fields: dict[str, Any], kind: str) -> None:
    """Refuse a model of the user's own classes that could not be made again from its description."""
    try:
        _build(fields)
    except Exception as error:
        raise UnsupportedModel(
            f"cannot save a {kind}: it cannot be made again from its description ({str(error)[:300]}). Its get_config has to return what its "
            "constructor takes, and its build has to make its variables"
        ) from None


# -- to a model ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _only(custom: dict[str, Any]) -> Iterator[None]:
    """Let Keras know these registered names and no others; what this process has registered is not what the caller trusts."""
    registry = importlib.import_module("keras.src.saving.object_registration").GLOBAL_CUSTOM_OBJECTS
    before = dict(registry)
    registry.clear()
    try:
        with _keras().saving.custom_object_scope(custom):
            yield
    finally:
        registry.update(before)


def _build(fields: dict[str, Any]) -> Any:
    keras = _keras()
    custom = fields["custom"]
    named = {name for live in fields["classes"] if (name := name_of(live)) is not None}
    description = check_keras(fields["description"], named, {key: str(name_of(live)) for key, live in custom.items()}, "a Keras model")
    state = importlib.import_module("keras.src.backend.common.global_state")
    waiting = state.get_global_attribute("uninitialized_variables", [], set_to_default=True)
    mark = len(waiting)
    try:
        compiled = description.pop("compile_config", None)
        with _only(custom), keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(description, custom_objects=custom, safe_mode=True)
        vocabularies = fields["vocabularies"]
        for layer in _lookups(model):
            if layer.name in vocabularies:
                layer.set_vocabulary(vocabularies[layer.name])
        stored = fields["variables"]
        if "[weights]" not in fields:
            _assign(_variables(model), stored.items(), "variables")
        else:  # those of a .keras file find their variables by walking over the model, once they have values at all
            for variable in waiting[mark:]:
                if variable._value is None:
                    variable._deferred_initialize()
        for layer in model._flatten_layers():
            if callable(getattr(layer, "finalize_state", None)):
                layer.finalize_state()  # what layers that were adapted to data derive from their variables
        if compiled:
            with _only(custom):
                model.compile_from_config(compiled)
            model.compiled = True
        if "[weights]" in fields:
            from holdfast.frameworks.keras_weights import assign

            assign(model, fields["[weights]"], fields["[bits]"], fields["[assets]"])
        if "optimizer" in fields:
            model.optimizer.build(model.trainable_variables)
            _assign(model.optimizer.variables, enumerate(fields["optimizer"]), "variables of its optimizer")
        for variable in waiting[mark:]:
            if variable._value is None:  # what is stored for none: counters of metrics and the like
                variable._deferred_initialize()
    except HoldfastError:
        raise
    except Exception as error:
        raise VersionMismatch(
            f"Keras {keras.__version__} on {keras.backend.backend()} cannot make the model again ({type(error).__name__}: {str(error)[:300]}); "
            "load it with the version and the backend that it was saved with (holdfast inspect shows them)"
        ) from None
    finally:
        del waiting[mark:]
    return model


def _assign(variables: Any, named: Any, what: str) -> None:
    """Give variables their values, once all shapes and dtypes agree.

    Raises:
        InvalidState: they do not.
    """
    variables, arrays = list(variables), list(named)
    # backends count in integers of other widths
    arrays = [(name, _as_counted(array, variable)) for variable, (name, array) in zip(variables, arrays, strict=False)] + arrays[len(variables) :]
    if len(variables) != len(arrays):
        raise InvalidState(f"a Keras model has {len(variables)} {what}, and {len(arrays)} are stored; the file is damaged or was altered.")
    for variable, (name, array) in zip(variables, arrays, strict=True):
        dtype = BITS.get(str(variable.dtype), np.dtype(str(variable.dtype)).str if str(variable.dtype) not in BITS else "")
        if type(array) is not np.ndarray or array.shape != tuple(variable.shape) or array.dtype.str != dtype:
            raise InvalidState(
                f"{what}: {name} is stored as {getattr(array, 'dtype', type(array).__name__)}{getattr(array, 'shape', '')}, and the model has "
                f"{variable.dtype}{tuple(variable.shape)} there; the file is damaged or was altered."
            )
    for variable, (_, array) in zip(variables, arrays, strict=True):
        value = array
        if str(variable.dtype) in BITS:
            value = array.view(getattr(importlib.import_module("ml_dtypes"), str(variable.dtype)))
        if variable._value is None:
            variable._initialize(_keras().ops.convert_to_tensor(value, dtype=variable.dtype))
            variable._initializer = None
        else:
            variable.assign(value)


def _as_counted(array: Any, variable: Any) -> Any:
    """Return integers in the width that a variable has here, when nothing is lost."""
    wanted = str(variable.dtype)
    if type(array) is np.ndarray and array.dtype.kind in "iu" and wanted not in BITS and np.dtype(wanted).kind in "iu" and array.dtype.str != np.dtype(wanted).str:
        changed = array.astype(wanted)
        return changed if np.array_equal(changed, array) else array
    return array


def _layer_adapter(cls: type) -> Record:
    return Record(_dump, _build)


# -- asking ------------------------------------------------------------------------------------------------------------------


def predict(model: Any, rows: Any) -> Any:
    """Return what a model predicts for rows: an array, or a dict or list of arrays for several outputs; without a progress bar.

    Args:
        model: a model or a layer.
        rows: an array or a frame for one input; for several a dict or a frame with a column each, or a list of arrays.
    """
    inputs = {one.name: one for one in getattr(model, "inputs", None) or ()}
    if hasattr(rows, "columns"):
        rows = {str(name): rows[name].to_numpy() for name in rows.columns} if len(inputs) > 1 else rows.to_numpy()
    if isinstance(rows, dict):
        if len(inputs) == 1 and set(rows) != set(inputs):
            rows = stacked(rows)  # columns of one input
        else:
            rows = {name: _as_input(value, inputs.get(name)) for name, value in rows.items()}
    elif isinstance(rows, list | tuple) and len(inputs) > 1 and len(rows) == len(inputs):
        rows = [_as_input(value, one) for value, one in zip(rows, inputs.values(), strict=True)]
    else:
        rows = _as_input(rows, next(iter(inputs.values()), None))
    if not hasattr(model, "predict"):
        return np.asarray(_keras().ops.convert_to_numpy(model(rows, training=False)))
    return model.predict(rows, verbose=0)


def _as_input(value: Any, wanted: Any) -> Any:
    """Return an array as an input takes it: texts as a tensor of texts, a plain column with an axis of its own."""
    array = value if hasattr(value, "shape") else np.asarray(value)
    if wanted is not None and len(array.shape) == len(wanted.shape) - 1 and wanted.shape[-1] == 1:
        array = array[..., None]
    if isinstance(array, np.ndarray) and (array.dtype.kind in "US" or (array.dtype == object and all(isinstance(one, str | bytes) for one in array.ravel()))):
        return importlib.import_module("tensorflow").constant(array.astype(object))
    return array


_SOME = 4
"""Length of an axis that a model leaves open."""


def _inputs(model: Any) -> list[Input]:
    known = getattr(model, "inputs", None) or []
    return [Input(one.name if len(known) > 1 else None, tuple(_SOME if size is None else size for size in one.shape[1:]), str(one.dtype)) for one in known]


INPUTS = {"keras.src.layers.layer.Layer": _inputs}
"""Class -> what says which rows models of it take."""

ASKED = {"keras.src.layers.layer.Layer": {"predict": predict}}
"""Class -> what models below it are asked in place of their own methods."""

ADAPTERS: dict[str, Adapter] = {}

FAMILIES = {"keras.src.layers.layer.Layer": _layer_adapter}
"""Exact name of a class -> what makes the adapter of a class below it."""
