"""The lists of trusted types, as data: one reviewed JSON file a library under ``trust/data``.

A line says which class, how it is rebuilt, and how its state may look: the kinds of each attribute, which attributes a
fitted one has to have, and which lengths have to agree. ``tools/propose_trust.py`` proposes the files from the installed
library; a person reviews the difference.

The one rule: exact names only. Nothing is imported here, and nothing a file says is added.
"""

from __future__ import annotations

from pkgutil import get_data
from typing import Any

import msgspec

LIBRARIES = ("python", "numpy", "scipy", "pandas", "sklearn", "torch")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the list says about one class.

    Attributes:
        how: ``object`` (attributes), ``record`` or ``shell`` (explicit fields of an adapter).
        kinds: attribute -> kinds it may have; see `trust.schema`.
        params: attributes that every instance has.
        fitted: attributes that every fitted instance has, beside params.
        equal: pairs of lengths or counts that have to be equal; see `trust.schema`.
        training: attributes that hold rows the model was trained on.
        made: attributes that every instance has beside params, as its class sets them.
        items: attribute -> kinds that the items may have, where it is a container.
    """

    how: str
    kinds: dict[str, list[str]] = {}
    params: list[str] = []
    fitted: list[str] = []
    equal: list[tuple[str, str]] = []
    training: list[str] = []
    made: list[str] = []
    items: dict[str, list[str]] = {}


class Library(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One data file: classes, and the functions and classes that may be held as values."""

    tried_with: dict[str, str] = {}
    types: dict[str, Entry] = {}
    values: list[str] = []


class Catalog:
    """All lists together."""

    def __init__(self, libraries: list[Library]) -> None:
        self.types: dict[str, Entry] = {}
        self.values: set[str] = set()
        for library in libraries:
            self.types.update(library.types)
            self.values.update(library.values)


_loaded: Catalog | None = None
_decode = msgspec.json.Decoder(Library).decode


def catalog() -> Catalog:
    """Return the shipped lists, read once a process."""
    global _loaded
    if _loaded is None:
        # not importlib.resources, which takes longer to import than the lists to read
        _loaded = Catalog([_decode(get_data("holdfast.trust", f"data/{name}.json") or b"") for name in LIBRARIES])
    return _loaded


def registered_entry(name: str, entry: Any) -> None:
    """Put the entry of a class that was registered in code; only `holdfast.register` calls this."""
    catalog().types[name] = entry
