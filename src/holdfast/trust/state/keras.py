"""The configuration of a Keras model: which classes it names, and that it names nothing else.

Keras makes a model from a nested description in which each part says its class; a part can also be a function, a lambda, or a
path to a file. What a description may name was asked of the trusted list before; here it is read whole, and compared.

The one rule: a description names the classes that stand beside it, and none of the forms that hold code or lead to a file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from holdfast.trust.state.fields import refuse

DEPTH = 200
LENGTH = 64 * 1024 * 1024
"""Bytes of a description; a large vocabulary is part of it."""

VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"})
"""Parts that are values and no objects."""

CODE = frozenset({"__lambda__", "__typespec__"})
PATHS = frozenset({"vocabulary", "idf_weights", "filepath", "file_path", "filename", "directory", "call_endpoint", "weights_path"})
"""Fields of layers that may be a path, which would be opened when the layer is made."""

NEVER = frozenset(f"keras.layers.{name}" for name in ("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"))
"""Layers that are code or hold it; no list and no caller makes them loadable."""


def parse(text: Any, where: str) -> dict[str, Any]:
    """Return a description.

    Raises:
        InvalidState: it is not one.
    """
    if type(text) is not str or len(text) > LENGTH:
        refuse(where, "its description is not text, or longer than any")
    try:
        made = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        refuse(where, f"its description cannot be read ({error})"[:200])
    if type(made) is not dict:
        refuse(where, "its description is not a dict")
    return made


def parts(description: Any, where: str) -> list[dict[str, Any]]:
    """Return all parts of a description that name a class or a function, in order.

    Raises:
        InvalidState: a part is code, leads to a file, or nests too deeply.
    """
    found: list[dict[str, Any]] = []
    waiting: list[tuple[Any, int]] = [(description, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEPTH:
            refuse(where, f"its description nests deeper than {DEPTH}")
        if type(one) is list:
            waiting.extend((inner, depth + 1) for inner in one if type(inner) in (list, dict))
        elif type(one) is dict:
            kind = one.get("class_name")
            if kind is not None:
                if type(kind) is not str or kind in CODE:
                    refuse(where, f"its description holds a {str(kind)[:60]!r}, which is code")
                if kind not in VALUES:
                    found.append(one)
            for name, inner in one.items():
                if name in PATHS and type(inner) is str:
                    refuse(where, f"{name} is a path, and loading a model opens no file but its own")
                if type(inner) in (list, dict):
                    waiting.append((inner, depth + 1))
    return found


def name_of_part(part: Mapping[str, Any], where: str) -> tuple[str, str | None]:
    """Return the exact name of the class or function of a part, and under which name it is registered when it is not Keras' own."""
    module, kind, registered = part.get("module"), part["class_name"], part.get("registered_name")
    if kind == "function":
        if type(part.get("config")) is not str:
            refuse(where, "a function in its description has no name")
        return "function", part["config"]
    if type(module) is not str:
        # the short form that losses and metrics may have inside a compiled model
        return f"keras.{kind}", None
    own = module == "keras" or module.startswith("keras.")
    if own and registered not in (None, kind):
        refuse(where, f"{kind[:60]!r} says that it is Keras' own, and is registered as {str(registered)[:60]!r}")
    return f"{module}.{kind}", None if own else str(registered if registered is not None else kind)


def check_keras(text: Any, named: Collection[str], custom: Mapping[str, str], where: str) -> dict[str, Any]:
    """Check a description, and return it.

    Args:
        text: the description, as JSON.
        named: exact names of the Keras classes that stand beside it.
        custom: name under which a class or function is registered -> its exact name.
        where: what a refusal names.

    Raises:
        InvalidState: it names something that does not stand beside it, or what it may never name.
    """
    description = parse(text, where)
    for part in parts(description, where):
        name, registered = name_of_part(part, where)
        if name in NEVER:
            refuse(where, f"it holds a {name}, which is code; no file that holds one is loaded")
        if name == "function":
            if registered not in custom:
                refuse(where, f"its description names the function {str(registered)[:80]!r}, which does not stand beside it")
        elif registered is None:
            if name not in named:
                refuse(where, f"its description names {name[:120]!r}, which does not stand beside it")
        elif custom.get(registered) != name:
            refuse(where, f"its description names {name[:120]!r} as {registered[:80]!r}, which does not stand beside it")
    return description
