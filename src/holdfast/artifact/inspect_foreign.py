"""Looking at a foreign file: what it is, what it names, and what it would do if somebody ran it.

The one rule: nothing of it is run, and the content of its arrays is not read.
"""

from __future__ import annotations

import importlib
from typing import Any

import msgspec

from holdfast.artifact.environment import installed
from holdfast.artifact.inspect import LINES, Inspection, root_type, tree_lines
from holdfast.artifact.stranger import Stranger, told
from holdfast.errors import HoldfastError, UnsupportedModel, quoted
from holdfast.foreign.verdicts import Verdict, verdict_on
from holdfast.trust.catalog import catalog
from holdfast.trust.plan import NEVER
from holdfast.values import tree as t
from holdfast.values.outline import CALL


class ForeignInspection(Inspection, frozen=True):
    """What a foreign file holds.

    Attributes:
        names: every class and function that the file names, with a verdict and the reason.
        trouble: why it cannot be read to its end or as a model; "" when it can.
        said: what the file says of itself in words, such as its compression and protocol.
    """

    names: list[Verdict] = []  # noqa: RUF012 - msgspec copies it for each
    trouble: str = ""
    said: str = ""

    def __str__(self) -> str:
        """Say it as a person would read it."""
        text = super().__str__()
        head, _, tree = text.partition("\n\n")
        lines = [head.replace("\nverdict", f"\nformat{' ' * max(1, _width(head) - 6)}{quoted(self.said)}\nverdict", 1)]
        if self.trouble:
            lines.append(f"trouble{' ' * max(1, _width(head) - 7)}{quoted(self.trouble, 600)}")
        if self.names:
            lines += ["", f"it names {len(self.names)} thing{'s' * (len(self.names) > 1)}; nothing was imported or run:"]
            wide = min(60, max(len(quoted(one.name, 60)) for one in self.names))
            lines += [f"  {one.verdict:<9} {quoted(one.name, 60):<{wide}}  {one.why}" for one in self.names[:40]]
            if len(self.names) > 40:
                lines.append(f"  … and {len(self.names) - 40} more")
        return "\n".join(lines) + (f"\n\n{tree}" if tree else "")


def _width(head: str) -> int:
    first = head.partition("\n")[0]
    return len(first) - len(first.removeprefix("file").lstrip()) if first.startswith("file") else 12


def inspect_stranger(stranger: Stranger) -> ForeignInspection:
    """Return what a foreign file holds; see `holdfast.inspect`."""
    if stranger.kind in DESCRIBED:
        return _described(stranger)
    said, trouble = stranger.kind, ""
    found: dict[str, Any] = {"type": "", "tensors": [], "types": [], "functions": [], "tree": [], "versions": {}}
    try:
        reading = stranger.read(mapped=True)
        said = reading.format
        found["extra"] = reading.extra
        found["signature"] = reading.signature
        dumped, graph = told(reading)
        found["versions"] = {**reading.versions, **stranger.names.said()}
        found.update(
            type=root_type(graph),
            tensors=[(one.name, one.dtype, list(one.shape), one.nbytes) for one in dumped.tensors],
            types=[name for name in dumped.types if not _is_call(graph, name)],
            calls=[name for name in dumped.types if _is_call(graph, name)],
            functions=list(dict.fromkeys(dumped.functions)),
            tree=tree_lines(graph),
        )
    except HoldfastError as error:
        if stranger.kind in ("json", "zip", "tar") or (not stranger.names.found and not isinstance(error, UnsupportedModel)):
            raise
        trouble = error.message
    except (RecursionError, MemoryError):
        trouble = "the file nests deeper, or needs more memory, than there is"
    explained = stranger.names.explained().difference(found["types"], found["functions"]) if not trouble else set()
    names = [
        Verdict(name, "known", "part of a value that holdfast makes by itself", True) if name in explained else verdict_on(name, name in stranger.names.calls)
        for name in stranger.names.found
    ]
    names.sort(key=lambda one: (_ORDER[one.verdict], one.name))
    return _inspection(stranger, said, trouble, found, names)


DESCRIBED = {"gguf": "holdfast.foreign.gguf_"}
"""Kinds of files that are only looked at -> the module whose ``describe`` does it."""


def _described(stranger: Stranger) -> ForeignInspection:
    try:
        said, extra, tensors = importlib.import_module(DESCRIBED[stranger.kind]).describe(stranger.source.view(0, stranger.source.size))
    except HoldfastError as error:
        raise error.at(stranger.source.name) from None
    found = {"type": "", "tensors": tensors, "types": [], "functions": [], "tree": [], "versions": {}, "extra": extra}
    made = _inspection(stranger, said, "", found, [])
    lines = [f"{quoted(name, 80)}  {dtype}{shape}" for name, dtype, shape, _ in tensors[:LINES]]
    return msgspec.structs.replace(made, verdict="looked at", tree=lines + (["…"] if len(tensors) > LINES else []))


_ORDER = {"dangerous": 0, "unknown": 1, "known": 2}


def _is_call(graph: Any, name: str) -> bool:
    return any(type(table) is t.Records and table.type == name and CALL in table.fields for table in graph.tables)


def _inspection(stranger: Stranger, said: str, trouble: str, found: dict[str, Any], names: list[Verdict]) -> ForeignInspection:
    lists = catalog()
    untrusted = [name for name in found["types"] if name not in lists.types] + [name for name in found["functions"] if name not in lists.values]
    never = [name for name in untrusted if name in NEVER]
    calls = found.get("calls", [])
    dangerous = any(one.verdict == "dangerous" for one in names)
    verdict = "dangerous" if dangerous or never else "unread" if trouble or calls else "needs trust" if untrusted else "loads as data"
    return ForeignInspection(
        file=stranger.source.name, kind=stranger.kind, id="", content="", format=0, type=found["type"], nbytes=stranger.source.size,
        tensors=found["tensors"], types=found["types"], functions=found["functions"], untrusted=[n for n in untrusted if n not in NEVER], never=never,
        verdict=verdict, libraries={name: (version, installed(name)) for name, version in found["versions"].items()}, python="",
        signature=found.get("signature"), params={}, metrics={}, extra=found.get("extra") or {}, has_example=False, training_rows=[], compressed=False,
        tree=found["tree"], names=names, trouble=trouble, said=said,
    )  # fmt: skip


