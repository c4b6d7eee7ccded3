"""skops files: a zip archive with a ``schema.json`` of nested nodes, and the arrays beside it.

Each node names a class and a loader; the loader is a key into the table here, and the class goes where a pickle's names go. An
object that is held twice is told twice, with the same ``__id__``, and becomes one again. Source: skops 0.16, ``skops/io``.

The one rule: what the schema says becomes the same stand-ins as a pickle's, so the same rules and the same plan judge both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import FormatError, UnsupportedModel, quoted
from holdfast.foreign.archive import Archive
from holdfast.foreign.made import NEXT, Made
from holdfast.foreign.npz_ import read_npy
from holdfast.foreign.reading import Given, Reading
from holdfast.foreign.rules_numpy import CLASSES, as_class, lengths_of, object_array
from holdfast.foreign.strict_json import parse
from holdfast.values import limits
from holdfast.values.outline import Members, Named, Outline, Pairs

Node = dict[str, Any]


def read(given: Given) -> Reading:
    """Return what a skops file holds.

    Raises:
        FormatError: it is damaged.
        UnsupportedModel: a node is of a kind that is not read.
    """
    archive = Archive(given.data)
    raw = archive.content("schema.json")
    schema = parse(bytes(raw), "schema.json")
    if type(schema) is not dict or type(schema.get("protocol")) is not int:
        raise FormatError("schema.json is not one of skops; the file is damaged or was altered")
    reader = _Reader(archive, given)
    root = reader.value(schema)
    return Reading(f"skops {quoted(schema.get('_skops_version', '?'), 20)}, protocol {schema['protocol']}", root, {}, archive.decoded)


class _Reader:
    def __init__(self, archive: Archive, given: Given) -> None:
        self.archive = archive
        self.names = given.names
        self.names.read += archive.decoded
        self.known: dict[int, Any] = {}
        self.depth = 0

    def value(self, node: Any) -> Any:
        """Return what a node stands for."""
        if type(node) is not dict or type(node.get("__loader__")) is not str:
            raise FormatError("a node of schema.json is none; the file is damaged or was altered")
        number = node.get("__id__")
        if type(number) is int and number in self.known:
            return self.known[number]
        load = _LOADERS.get(node["__loader__"])
        if load is None:
            raise UnsupportedModel(f"the skops file holds a {quoted(node['__loader__'], 60)}, which holdfast does not read; {NEXT}")
        self.depth += 1
        if self.depth > limits.SKOPS_DEPTH:
            raise FormatError(f"schema.json nests deeper than {limits.SKOPS_DEPTH} (SKOPS_DEPTH)")
        try:
            made = load(self, node)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            if isinstance(error, FormatError | UnsupportedModel):
                raise
            raise FormatError(f"a {quoted(node['__loader__'], 60)} of schema.json is none ({type(error).__name__}: {quoted(error)}); the file is damaged or was altered") from None
        self.depth -= 1
        if type(number) is int:
            self.known[number] = made
        return made

    def name(self, node: Node) -> str:
        """Return the name of the class or function that a node names."""
        module, name = node["__module__"], node["__class__"]
        if type(module) is not str or type(name) is not str:
            raise TypeError("its name")
        return str(self.names.named(module, name, 0, 4).name)

    def made(self, name: str, how: str, args: tuple[Any, ...], state: Any = None) -> Made:
        """Return what a pickle would have made of a class."""
        if type(args) is not tuple:
            raise TypeError("its arguments")
        self.names.called(name, 0)
        found = Made(self.names, name, how, args)
        if state is not None:
            found.states.append(state)
        return found

    def file(self, node: Node) -> memoryview:
        """Return the content of the member that a node names."""
        if type(node["file"]) is not str or node["file"] not in self.archive:
            raise FormatError(f"the file {quoted(node['file'], 60)!r} that schema.json names is not in the archive; it is damaged or was altered")
        return self.archive.content(node["file"])


def _dict(r: _Reader, node: Node) -> Any:
    kinds = [kind.name if type(kind) is Named else "" for kind in r.value(node["key_types"])]
    pairs = Pairs()
    for kind, (key, inner) in zip(kinds, node["content"].items(), strict=True):
        pairs.keys.append(_KEYS[kind](key))
        pairs.values.append(r.value(inner))
    name = r.name(node)
    if name == "builtins.dict":
        return pairs
    made = r.made(name, "new" if name not in _CALLED else "reduce", ())
    made.pairs = pairs
    return made


def _truth(key: str) -> bool:
    return {"true": True, "false": False}[key]


_KEYS: dict[str, Callable[[str], Any]] = {
    "builtins.str": str, "builtins.int": int, "builtins.float": float, "builtins.bool": _truth, "numpy.str_": str,
    "numpy.int64": lambda key: np.int64(int(key)), "numpy.int32": lambda key: np.int32(int(key)), "numpy.float64": lambda key: np.float64(float(key)),
    "numpy.bool": lambda key: np.bool_(_truth(key)), "numpy.bool_": lambda key: np.bool_(_truth(key)),
}  # fmt: skip
"""Type of a key -> what makes it of the text that JSON has for it."""
_CALLED = ("collections.OrderedDict", "collections.Counter", "sklearn.utils._bunch.Bunch")


def _default(r: _Reader, node: Node) -> Any:
    made = r.made("collections.defaultdict", "reduce", (r.value(node["content"]["default_factory"]),))
    made.pairs = r.value(node["content"]["main"])
    return made


def _items(r: _Reader, node: Node) -> list[Any]:
    return [r.value(inner) for inner in node["content"]]


def _tuple(r: _Reader, node: Node) -> Any:
    items, name = tuple(_items(r, node)), r.name(node)
    return items if name == "builtins.tuple" else r.made(name, "new", items)


def _set(r: _Reader, node: Node) -> Any:
    return Members(_items(r, node), r.name(node) == "builtins.frozenset")


def _object(r: _Reader, node: Node) -> Any:
    return r.made(r.name(node), "new", (), r.value(node["content"]) if node.get("content") is not None else None)


def _reduced(r: _Reader, node: Node) -> Any:
    state = r.value(node["content"])
    empty = state == () or (type(state) is Pairs and not state.keys)
    return r.made(r.name(node), "reduce", r.value(node["__reduce__"]["args"]), None if empty else state)


def _constructed(r: _Reader, node: Node) -> Any:
    return r.made(r.name(node), "reduce", r.value(node["content"]))


def _partial(r: _Reader, node: Node) -> Any:
    parts = node["content"]
    state = (r.value(parts["func"]), r.value(parts["args"]), r.value(parts["kwds"]), r.value(parts["namespace"]))
    return r.made("functools.partial", "new", (), state)


def _slice(_: _Reader, node: Node) -> Any:
    parts = node["content"]
    if any(type(parts[name]) is not int and parts[name] is not None for name in ("start", "stop", "step")):
        raise ValueError("its numbers")
    return Outline("builtins.slice", {name: parts[name] for name in ("start", "stop", "step")}, True)


def _json(_: _Reader, node: Node) -> Any:
    value = parse(node["content"].encode(), "a value of schema.json") if node["content"] not in ("NaN", "Infinity", "-Infinity") else float(node["content"])
    return _plain(value)


def _plain(value: Any) -> Any:
    if type(value) is dict:
        pairs = Pairs()
        pairs.keys, pairs.values = list(value), [_plain(one) for one in value.values()]
        return pairs
    return [_plain(one) for one in value] if type(value) is list else value


def _array(r: _Reader, node: Node) -> Any:
    name = r.name(node)
    if node["type"] == "numpy":
        array = read_npy(r.file(node))
        if type(array) is Made:
            raise FormatError("an array of a skops file is one of Python objects, which skops does not write so; refused")
        if name not in CLASSES and name.startswith("numpy.") and array.ndim == 0:
            return array[()]  # a scalar of numpy's
        return as_class(Named(name), array)
    items, shape = _items(r, node), lengths_of(tuple(r.value(node["shape"])))
    for length in shape[1:]:
        if not all(type(row) is list and len(row) == length for row in items):
            raise ValueError("its shape")
        items = [one for row in items for one in row]
    return object_array(items, shape)


def _sparse(r: _Reader, node: Node) -> Any:
    parts = Archive(r.file(node))
    found = {name.removesuffix(".npy"): read_npy(parts.content(name)) for name in parts.names}
    state = Pairs()
    fields = {"_shape": tuple(map(int, found["shape"])), **{key: value for key, value in found.items() if key not in ("format", "shape", "_is_array")}}
    state.keys, state.values = list(fields), list(fields.values())
    return r.made(r.name(node), "new", (), state)


def _masked(r: _Reader, node: Node) -> Any:
    data, mask = r.value(node["content"]["data"]), r.value(node["content"]["mask"])
    fields = {"data": data, "mask": mask if isinstance(mask, np.ndarray) and mask.shape else None, "fill_value": None, "hard_mask": False}
    return Outline("numpy.ma.MaskedArray", fields, True)


def _random_state(r: _Reader, node: Node) -> Any:
    return r.made("numpy.random._pickle.__randomstate_ctor", "reduce", ("MT19937",), r.value(node["content"]))


def _generator(r: _Reader, node: Node) -> Any:
    state, seed = r.value(node["content"]["bit_generator"]), r.value(node["content"]["seed_seq"]).fields("a seed")
    told = (seed["entropy"], seed["n_children_spawned"], None, seed["pool_size"], tuple(seed["spawn_key"]))
    sequence = r.made("numpy.random.bit_generator.__pyx_unpickle_SeedSequence", "reduce", (), told)
    name = state.fields("a random state")["bit_generator"]
    bits = r.made("numpy.random._pickle.__bit_generator_ctor", "reduce", (name,), (state, sequence))
    return r.made("numpy.random._pickle.__generator_ctor", "reduce", (bits,))


def _named(r: _Reader, node: Node) -> Any:
    return r.names.named(node["__module__"], node["__class__"], 0, 4)


def _dtype(r: _Reader, node: Node) -> Any:
    return r.value(node["content"]).dtype


_LOADERS: dict[str, Callable[[_Reader, Node], Any]] = {
    "DictNode": _dict, "DefaultDictNode": _default, "ListNode": _items, "TupleNode": _tuple, "SetNode": _set, "ObjectNode": _object, "TreeNode": _reduced,
    "LossNode": _reduced, "SGDNode": _reduced, "ConstructorFromReduceNode": _constructed, "PartialNode": _partial, "SliceNode": _slice, "JsonNode": _json,
    "NdArrayNode": _array, "SparseMatrixNode": _sparse, "MaskedArrayNode": _masked, "RandomStateNode": _random_state, "RandomGeneratorNode": _generator,
    "FunctionNode": _named, "TypeNode": _named, "DTypeNode": _dtype,
    "BytesNode": lambda r, node: bytes(r.file(node)), "BytearrayNode": lambda r, node: bytearray(r.file(node)),
}  # fmt: skip
"""Loader of a node -> what reads it; the closed list."""
