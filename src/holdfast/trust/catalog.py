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

ALWAYS = ("python", "numpy")
"""Lists that are read at once; Python's has names of many modules."""

LIBRARIES = ("scipy", "pandas", "sklearn", "torch", "xgboost", "lightgbm", "catboost", "keras", "tensorflow", "imblearn", "statsmodels", "jax", "transformers", "onnx", "prophet", "holdfast")
"""Lists that are read when a name is asked for that begins so."""

SHARED = {"peft": "transformers", "jaxlib": "jax", "flax": "jax", "optax": "jax"}
"""Beginnings of names whose list is that of another library."""


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
    """One data file: classes, the functions and classes that may be held as values, and the operators of programs."""

    tried_with: dict[str, str] = {}
    types: dict[str, Entry] = {}
    values: list[str] = []
    operators: list[str] = []


class Catalog:
    """All lists together; that of a library is read when the first of its names is asked for.

    Attributes:
        types: exact name -> what the list says of the class.
        values: exact names of functions and classes that may be held as values.
        operators: names of the operators that exported programs may use.
    """

    def __init__(self) -> None:
        self.types = _Types(self)
        self.values = _Values(self)
        self._operators: set[str] = set()
        self._read: set[str] = set()
        for name in ALWAYS:
            self._add(name)

    def want(self, name: str) -> None:
        """Read the list that a name would be in."""
        top = name.partition(".")[0]
        top = SHARED.get(top, top)
        if top in LIBRARIES and top not in self._read:
            self._add(top)

    @property
    def operators(self) -> set[str]:
        """Names of operators of PyTorch, such as ``aten.linear``."""
        self.want("torch")
        return self._operators

    def want_all(self) -> None:
        """Read all lists."""
        for name in LIBRARIES:
            self.want(name)

    def _add(self, library: str) -> None:
        # not importlib.resources, which takes longer to import than the lists to read
        read = _decode(get_data("holdfast.trust", f"data/{library}.json") or b"")
        dict.update(self.types, read.types)
        set.update(self.values, read.values)
        self._operators |= set(read.operators)
        self._read.add(library)


class _Types(dict[str, Entry]):
    """Entries by name, of the lists that were read and those that will be."""

    def __init__(self, owner: Catalog) -> None:
        super().__init__()
        self._owner = owner

    def __contains__(self, name: object) -> bool:
        self._owner.want(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the entry of a name."""
        self._owner.want(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Entry:
        self._owner.want(name)
        return super().__getitem__(name)

    def __iter__(self) -> Any:
        self._owner.want_all()
        return super().__iter__()

    def keys(self) -> Any:
        """Return all names."""
        self._owner.want_all()
        return super().keys()

    def items(self) -> Any:
        """Return all names with their entries."""
        self._owner.want_all()
        return super().items()


class _Values(set[str]):
    """Names, likewise."""

    def __init__(self, owner: Catalog) -> None:
        super().__init__()
        self._owner = owner

    def __contains__(self, name: object) -> bool:
        self._owner.want(str(name))
        return super().__contains__(name)

    def __iter__(self) -> Any:
        self._owner.want_all()
        return super().__iter__()


_loaded: Catalog | None = None
_decode = msgspec.json.Decoder(Library).decode


def catalog() -> Catalog:
    """Return the shipped lists."""
    global _loaded
    if _loaded is None:
        _loaded = Catalog()
    return _loaded


def registered_entry(name: str, entry: Any) -> None:
    """Put the entry of a class that was registered in code; only `holdfast.register` calls this."""
    catalog().types[name] = entry
