"""What an adapter is, and where adapters are found.

The one rule: an adapter is chosen by the exact name of a type; a subclass is another type, but for the families of ``FAMILIES``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from holdfast.errors import UnsupportedModel
from holdfast.frameworks import FAMILIES, LIBRARIES
from holdfast.frameworks.names import public_name

Fields = Mapping[str, Any]


class Record(NamedTuple):
    """An adapter for values that are built in one step.

    Attributes:
        dump: object -> its explicit fields, an ordered mapping of name to value.
        build: fields -> an equal object. Called only with fields that the plan has accepted.
    """

    dump: Callable[[Any], dict[str, Any]]
    build: Callable[[dict[str, Any]], Any]


class Shell(NamedTuple):
    """An adapter for objects that are made empty first and filled later, so that they may take part in cycles.

    Attributes:
        dump: object -> its explicit fields.
        make: () -> an empty object.
        fill: (object, fields) puts the state in.
    """

    dump: Callable[[Any], dict[str, Any]]
    make: Callable[[], Any]
    fill: Callable[[Any, dict[str, Any]], None]


Adapter = Record | Shell


class Registered(NamedTuple):
    """What ``holdfast.register`` keeps for a class of a third party: see ``docs/extend/framework.md``."""

    cls: type
    name: str
    adapter: Adapter | None


REGISTERED: dict[type, Registered] = {}
"""Classes registered in code, by class. A file can never add to it."""


def type_name(cls: type) -> str:
    """Return the exact name of a class, as files know it.

    >>> type_name(dict)
    'builtins.dict'
    """
    public = public_name(cls)
    if public is not None:
        return public
    if cls.__module__ == "torch.nn.utils.parametrize" and cls.__name__.startswith("Parametrized") and cls.__bases__:
        return type_name(cls.__bases__[0])  # a class made for one object, which its parametrizations make again
    return defining_name(cls)


def defining_name(cls: type) -> str:
    """Return the name of a class where it is defined."""
    return f"{cls.__module__}.{cls.__qualname__}"


_tables: dict[str, Mapping[str, Adapter]] = {}


def adapter_named(name: str) -> Adapter | None:
    """Return the adapter that holdfast ships for a type name, or None."""
    library = LIBRARIES.get(name.partition(".")[0])
    if library is None:
        return None
    table = _tables.get(library)
    if table is None:
        table = _tables[library] = importlib.import_module(library).ADAPTERS
    return table.get(name)


def adapter_for(cls: type) -> Adapter | None:
    """Return the adapter of a class: a registered one, or a shipped one for its exact name."""
    registered = REGISTERED.get(cls)
    if registered is not None:
        return registered.adapter
    return adapter_named(type_name(cls)) or family_adapter(cls)


@lru_cache(maxsize=4096)
def family_adapter(cls: type) -> Adapter | None:
    """Return the adapter of a class for whose sake it is below a known one, or None: the user's own modules are made as PyTorch's are."""
    for owner in cls.__mro__[:-1]:
        library = FAMILIES.get(defining_name(owner))
        if library is not None:
            return importlib.import_module(library).FAMILIES[defining_name(owner)](cls)  # type: ignore[no-any-return]
    return None


def refuse(obj: object, path: str, reason: str) -> UnsupportedModel:
    """Return the error for an object that cannot be saved."""
    place = f" at {path}" if path else ""
    return UnsupportedModel(f"cannot save {type_name(type(obj))}{place}: {reason}")
