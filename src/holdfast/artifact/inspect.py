"""Looking at a file without loading it: what it says of itself, what it would need, and a picture of the model.

The one rule: nothing is built and no machine-learning library is imported; everything shown is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from holdfast.artifact.environment import installed
from holdfast.artifact.load import Opening
from holdfast.errors import Corrupt, HoldfastError, quoted
from holdfast.trust.catalog import catalog
from holdfast.trust.plan import NEVER
from holdfast.values import modules
from holdfast.values import tree as t
from holdfast.values.graph import Graph, Node
from holdfast.values.manifest import Signature
from holdfast.values.paths import Paths

LINES = 60
CHILDREN = 12
DEPTH = 6


class Inspection(msgspec.Struct, frozen=True):
    """What a file holds.

    Attributes:
        file: its name.
        kind: ``holdfast`` or ``safetensors``.
        id: the artifact id, "" for a plain safetensors file.
        content: the content digest.
        format: format version.
        type: exact name of the model's type.
        nbytes: size of the file.
        tensors: name, dtype, shape, stored bytes of every tensor.
        types: exact names of all classes in it.
        functions: exact names of all functions and classes held as values.
        untrusted: those of them that a load would ask to be trusted.
        never: those of them that are never loaded.
        verdict: ``loads``, ``needs trust``, ``refused``, or ``plain arrays``.
        libraries: distribution -> (version at save, version here or None).
        python: Python at save.
        signature: inputs and outputs.
        params: constructor parameters.
        metrics: numbers given at save.
        extra: what the caller put in.
        has_example: whether an example is stored, so that `verify` can replay it.
        training_rows: paths of stored arrays that hold rows the model was trained on.
        compressed: whether tensors are stored compressed.
        tree: the model as indented lines.
    """

    file: str
    kind: str
    id: str
    content: str
    format: int
    type: str
    nbytes: int
    tensors: list[tuple[str, str, list[int], int]]
    types: list[str]
    functions: list[str]
    untrusted: list[str]
    never: list[str]
    verdict: str
    libraries: dict[str, tuple[str, str | None]]
    python: str
    signature: Signature | None
    params: dict[str, str]
    metrics: dict[str, Any]
    extra: dict[str, Any]
    has_example: bool
    training_rows: list[str]
    compressed: bool
    tree: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, in a stable shape."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    def __str__(self) -> str:
        """Say it as a person would read it."""
        rows: list[tuple[str, str]] = [("file", f"{quoted(self.file, 300)}   {size_text(self.nbytes)}")]
        if self.kind == "holdfast":
            rows += [("model", quoted(self.type)), ("id", self.id), ("content", self.content)]
        rows.append(("verdict", VERDICTS[self.verdict]))
        if self.untrusted:
            rows.append(("needs trust", ", ".join(quoted(name) for name in self.untrusted[:8])))
        if self.never:
            rows.append(("never loaded", ", ".join(quoted(name) for name in self.never[:8])))
        if self.libraries:
            rows.append(("libraries", ", ".join(_library(name, *both) for name, both in self.libraries.items())))
        if self.signature is not None:
            rows += _signature_rows(self.signature)
        if self.params:
            shown = [f"{quoted(name, 60)}={quoted(value, 60)}" for name, value in list(self.params.items())[:12]]
            rows.append(("parameters", ", ".join(shown) + (f", … {len(self.params)} in all" if len(self.params) > 12 else "")))
        if self.metrics:
            rows.append(("metrics", ", ".join(f"{quoted(k, 60)}={quoted(v, 60)}" for k, v in self.metrics.items())))
        if self.extra:
            rows.append(("extra", quoted(self.extra, 200)))
        rows.append(("example", "stored; holdfast verify replays it" if self.has_example else "none stored"))
        if self.training_rows:
            rows.append(("notice", f"holds rows the model was trained on: {', '.join(quoted(p, 60) for p in self.training_rows[:6])}"))
        stored = sum(one[3] for one in self.tensors)
        rows.append(("tensors", f"{len(self.tensors)}, {size_text(stored)}{', compressed' if self.compressed else ''}"))
        width = max(len(name) for name, _ in rows)
        text = "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
        return text + "\n\n" + "\n".join(self.tree) if self.tree else text


VERDICTS = {
    "loads": "loads without trusting anything more; no code is in it",
    "needs trust": "loads once the types below are trusted; no code is in it",
    "refused": "is refused: it names what no genuine model needs",
    "plain arrays": "a plain safetensors file; loads as a dict of arrays",
    "loads as data": "loads without trusting anything more; it is read as data, and nothing in it is run",
    "looked at": "is looked at only; it runs in its own runtime, and holdfast does not load it",
    "unread": "cannot be read as data; whoever unpickles it runs what it names",
    "dangerous": "DANGEROUS: whoever unpickles it runs what no genuine model needs",
}


def size_text(count: int) -> str:
    """Return bytes as a person says them.

    >>> size_text(1536)
    '1.5 kB'
    """
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if amount < 100 else f"{amount:.0f} {unit}"
    return f"{amount:.0f} TB"


def _library(name: str, saved: str, here: str | None) -> str:
    if saved == here:
        return f"{quoted(name, 60)} {quoted(saved, 40)}"
    return f"{quoted(name, 60)} {quoted(saved, 40)} ({'here ' + here if here else 'not installed here'})"


def _signature_rows(signature: Signature) -> Iterator[tuple[str, str]]:
    shown = [
        f"{quoted(one.name, 40) + ': ' if one.name is not None else ''}{quoted(one.dtype, 40)}{_shape(one.shape)}"
        for one in signature.inputs[:8]
    ]
    more = f", … {len(signature.inputs)} in all" if len(signature.inputs) > 8 else ""
    if shown:
        yield "inputs", f"{quoted(signature.kind, 20)}  {', '.join(shown)}{more}"
    if signature.outputs:
        yield (
            "outputs",
            ", ".join(f"{quoted(name, 40)}: {quoted(one.dtype, 40)}{_shape(one.shape)}" for name, one in signature.outputs.items()),
        )
    if signature.classes is not None:
        labels = ", ".join(quoted(label, 40) for label in signature.classes[:12])
        yield "classes", labels + (f", … {len(signature.classes)} in all" if len(signature.classes) > 12 else "")


def _shape(shape: list[int | None]) -> str:
    if shape == [None]:
        return ""
    return f"[{', '.join('rows' if n is None else str(n) for n in shape)}]"


def inspect_opening(opening: Opening) -> Inspection:
    """Return what an opened file holds; see `holdfast.inspect`."""
    try:
        return _plain(opening) if opening.opened is None else _native(opening)
    except HoldfastError as error:
        raise error.at(opening.source.name) from None


def _plain(opening: Opening) -> Inspection:
    entries = opening.header.entries
    tensors = [(name, e.dtype, e.shape, e.data_offsets[1] - e.data_offsets[0]) for name, e in entries.items()]
    lines = [f"{quoted(name, 80)}  {dtype}{shape}" for name, dtype, shape, _ in tensors[:LINES]]
    return Inspection(
        opening.source.name, "safetensors", "", "", 0, "builtins.dict", opening.source.size, tensors, ["builtins.dict"], [], [], [],
        "plain arrays", {}, "", None, {}, {}, dict(opening.header.metadata), False, [], False, lines,
    )  # fmt: skip


def _native(opening: Opening) -> Inspection:
    opened = opening.opened
    assert opened is not None
    manifest = opened.manifest
    graph = opening.graph(opened.content)
    # from the tree that would be built, not from what the manifest says of it
    types = list(dict.fromkeys(table.type for table in graph.tables if isinstance(table, t.Objects | t.Records)))
    functions = [name for table in graph.tables if isinstance(table, t.Names) for name in table.names]
    lists = catalog()
    untrusted = [name for name in types if name not in lists.types] + [name for name in functions if name not in lists.values]
    never = [name for name in untrusted if name in NEVER]
    untrusted = [name for name in untrusted if name not in NEVER]
    return Inspection(
        file=opening.source.name,
        kind="holdfast",
        id=opening.id,
        content=manifest.content.digest,
        format=manifest.format,
        type=root_type(graph),
        nbytes=opening.source.size,
        tensors=[(one.name, one.dtype, list(one.shape), one.nbytes) for one in opened.content.tensors],
        types=types,
        functions=functions,
        untrusted=untrusted,
        never=never,
        verdict="refused" if never else "needs trust" if untrusted else "loads",
        libraries={name: (version, installed(name)) for name, version in manifest.libraries.items()},
        python=manifest.python,
        signature=manifest.signature,
        params=manifest.params,
        metrics=manifest.metrics,
        extra=manifest.extra,
        has_example=manifest.example is not None,
        training_rows=manifest.training_rows,
        compressed=any(one.encoding for one in opened.content.tensors),
        tree=tree_lines(graph),
    )


def root_type(graph: Graph) -> str:
    """Return the type of what would be built, and not what the manifest says it is."""
    root = graph.root
    if type(root) is not Node:
        return f"builtins.{type(root).__name__}"
    table = graph.tables[graph.locate(root)[0]]
    if isinstance(table, t.Objects | t.Records):
        return table.type
    return _SIMPLE_TYPES.get(type(table).__name__, "numpy.ndarray")


_SIMPLE_TYPES = {
    "Tuples": "builtins.tuple", "LongTuples": "builtins.tuple", "Lists": "builtins.list", "Maps": "builtins.dict", "Dicts": "builtins.dict",
    "Sets": "builtins.set", "FrozenSets": "builtins.frozenset", "Numbers": "numpy.generic", "Names": "a class or a function", "Atoms": "a scalar",
}  # fmt: skip


def tree_lines(graph: Graph) -> list[str]:
    """Return the model as indented lines: types, shapes, scalars; long lists are cut and counted."""
    lines: list[str] = []
    paths = Paths(graph)
    seen: set[int] = set()

    # depth is bounded by DEPTH, so recursion is
    def show(label: str, value: Any, depth: int) -> None:
        if len(lines) >= LINES:
            return
        indent = "  " * depth
        head = f"{indent}{label}: " if label else indent
        if type(value) is not Node:
            lines.append(f"{head}{quoted(repr(value), 60)}")
            return
        text, inner = _said(graph, paths, int(value))
        if int(value) in seen and inner:
            lines.append(f"{head}{text} (shown above)")
            return
        seen.add(int(value))
        children = _children(paths, int(value)) if inner and depth < DEPTH else []
        if children and all(type(child) is not Node for _, child in children) and len(children) <= 6 and "(" not in text:
            lines.append(f"{head}{text} {', '.join(quoted(repr(child), 30) for _, child in children)}")
            return
        lines.append(head + text)
        for position, (name, child) in enumerate(children):
            if position == CHILDREN and len(children) > CHILDREN + 2 and "items" in text:
                lines.append(f"{indent}  … {len(children) - CHILDREN} more")
                break
            if type(child) is Node and paths.step_name(int(child)) == name:
                child = dict(paths.children(int(child)))["1"]
            show(quoted(name, 60), child, depth + 1)

    show("", graph.root, 0)
    if len(lines) >= LINES:
        lines.append("…")
    return lines


def _children(paths: Paths, node: int) -> list[tuple[str, Any]]:
    return modules.shown(paths, node) if modules.is_module(paths.graph, node) else list(paths.labelled(node))


def _said(graph: Graph, paths: Paths, node: int) -> tuple[str, bool]:
    tensor = modules.tensor_text(paths, node)
    if tensor is not None:
        return quoted(tensor, 80), False
    index, row = graph.locate(node)
    table: Any = graph.tables[index]
    kind = type(table)
    if kind is t.Objects or kind is t.Records:
        return quoted(table.type.rpartition(".")[2], 80), True
    if kind in (t.Arrays, t.ObjectArrays, t.Views):
        shape = table.shapes[row * table.ndim : row * table.ndim + table.ndim]
        dtype = (
            "objects" if kind is t.ObjectArrays else "structured" if table.dtype.startswith("{") else quoted(table.dtype.lstrip("<|"), 40)
        )
        return f"array {dtype}{shape}", False
    if kind is t.Numbers:
        import numpy as np

        from holdfast.values.dtypes import parse_dtype

        dtype = parse_dtype(table.dtype)  # type: ignore[assignment]
        try:
            return (quoted(np.frombuffer(table.data, dtype)[row], 40) if dtype.itemsize else "''"), False  # type: ignore[attr-defined]
        except (SystemError, ValueError):
            raise Corrupt("a numpy scalar of text holds a number that is no code point") from None
    if kind is t.Names:
        return quoted(table.names[row], 80), False
    if kind is t.Atoms:
        return quoted(f"{table.kind} of {len(table.values[row])} bytes", 60), False
    count = sum(1 for _ in paths.children(node))
    word = {t.Lists: "list", t.Maps: "dict", t.Dicts: "dict", t.Sets: "set", t.FrozenSets: "frozenset"}.get(kind, "tuple")  # type: ignore[call-overload]
    return f"{word} of {count} items", count <= 10_000
