"""Leaving a format behind: a foreign file becomes a native one, and is proven to be the same model before anybody relies on it.

The proof has two halves. The content: the tree read from the old file and the tree of the model that was saved have one digest. The
answers: the model out of the old file and the model out of the new one are asked the same rows, made up from the model alone or
kept with it, and answer with the same bits.

The one rule: the old file is only read, and a new one gets its name after the proof.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec
from blake3 import blake3

from holdfast.artifact import save as saving
from holdfast.artifact.atomic import replacing
from holdfast.artifact.load import Opening
from holdfast.artifact.pack import sections, write_sections
from holdfast.artifact.replay import Proof, answers, row_count
from holdfast.artifact.same import same
from holdfast.artifact.stranger import Stranger
from holdfast.artifact.synthetic import synthetic_rows
from holdfast.errors import HoldfastError, ProofFailed, UnsupportedModel
from holdfast.foreign.reading import Reading
from holdfast.frameworks.adapter import type_name
from holdfast.frameworks.walk import Dumped
from holdfast.native.codec import encode_tree
from holdfast.trust.policy import Policy
from holdfast.values.digest import PREFIX
from holdfast.values.manifest import content_digest


class Converted(msgspec.Struct, frozen=True):
    """What became of one file.

    Attributes:
        source: the old file.
        target: the new one, "" when there is none.
        status: ``converted``, ``refused`` or ``skipped``.
        format: what the old file is, in words.
        type: exact name of the model's type.
        same_content: whether the trees of old and new file have one digest; None when that was not compared.
        rows: rows that both models were asked, 0 when they can be asked nothing.
        same_answers: whether they answered with the same bits; None when they were not asked.
        reason: why it was refused or skipped; for a converted one, what to know.
        error: name of the error's class, "" without one.
        old_bytes: size of the old file.
        new_bytes: size of the new one.
        needs_trust: types and functions that a load of the new file will ask to be trusted.
        ran: for a pickle that was run in a child: what it imported, named and ran.
    """

    source: str
    target: str = ""
    status: str = "converted"
    format: str = ""
    type: str = ""
    same_content: bool | None = None
    rows: int = 0
    same_answers: bool | None = None
    reason: str = ""
    error: str = ""
    old_bytes: int = 0
    new_bytes: int = 0
    needs_trust: list[str] = []
    ran: dict[str, list[str]] = {}

    @property
    def proof(self) -> str:
        """Say in words what was proven."""
        parts = []
        if self.same_content is not None:
            parts.append("same content" if self.same_content else "content written anew")
        if self.same_answers is not None:
            parts.append(f"same answers to {self.rows} rows" if self.same_answers else f"other answers to {self.rows} rows")
        return "; ".join(part for part in (", ".join(parts), self.reason) if part) or "nothing to compare with"


def convert_stranger(stranger: Stranger, target: str, policy: Policy, durable: bool = True) -> Converted:
    """Convert an opened foreign file.

    Args:
        stranger: the old file.
        target: path of the new one; a file of that name is replaced.
        policy: what may be trusted beyond the lists.
        durable: see `holdfast.save`.

    Raises:
        HoldfastError: as for a load of the old file, or a save of the model.
        ProofFailed: the new file does not give the same model; it is not left behind.
    """
    reading = stranger.read()
    model, dumped = stranger.built(reading, policy)
    digest = told_digest(dumped)
    extra = {"converted_from": reading.format, **reading.extra}
    ready = prepared(model, reading, extra)
    same_content: bool | None = None
    rows, same_answers = 0, None
    with replacing(target, durable) as sink:
        written = write_sections(sections(ready.content, ready.example, False), ready.manifest, sink.write_all)
        same_content = written.manifest.content.digest == digest
        with Opening.of_path(sink.path, shown=target) as opening:
            rows, same_answers = asked(model, opening.load(policy), reading.example)
        if same_answers is False:
            raise ProofFailed(f"the new file answers differently to {rows} rows than the old one, so it was not kept", file=stranger.source.name)
    unproven = not same_content and same_answers is None
    return Converted(
        stranger.source.name, target, "converted", reading.format, ready.manifest.type, same_content, rows, same_answers,
        "its library wrote it anew, and no rows are known to ask it: ask both files rows of yours" if unproven else "",
        old_bytes=stranger.source.size, new_bytes=written.nbytes, needs_trust=ready.needs_trust,
    )  # fmt: skip


def prepared(model: Any, reading: Reading, extra: dict[str, Any]) -> saving.Prepared:
    """Return what will be written; an example that the model cannot answer to is left behind, and not the model."""
    try:
        ready = saving.prepare(model, reading.example, None, extra)
    except UnsupportedModel:
        if reading.example is None:
            raise
        ready = saving.prepare(model, None, None, extra)
    if ready.kept is None and reading.signature is not None:
        ready = ready._replace(manifest=msgspec.structs.replace(ready.manifest, signature=reading.signature))
    return ready


def run_pickle(stranger: Stranger, target: str) -> Converted:
    """Convert a pickle by running it in a confined child; see `holdfast.artifact.unpickle`."""
    from holdfast.artifact.unpickle import convert

    # what the reading as data met says whose pickle it is; dill has names of its own for the builtins and for __main__
    by_dill = stranger.kind == "pickle" and any(name.startswith("dill.") for name in stranger.names.found)
    done = convert(stranger.source.name, target, "dill" if by_dill else stranger.kind)
    with Opening.of_path(target) as opening:
        assert opening.opened is not None
        type_ = opening.opened.manifest.type
        size = opening.source.size
    confined = ", ".join(f"{what}: {how}" for what, how in done.level.items() if what != "limits")
    return Converted(
        stranger.source.name, target, "converted", f"{stranger.kind}, run in a child ({confined})", type_, reason="it was run; what it holds is what running it gave",
        old_bytes=stranger.source.size, new_bytes=size, needs_trust=done.needs_trust, ran=done.noted,
    )  # fmt: skip


def told_digest(dumped: Dumped) -> str:
    """Return the content digest of a tree that was read."""
    tensors = []
    for one in dumped.tensors:
        hasher = blake3()
        for piece in one.pieces():
            hasher.update(piece)
        tensors.append((one.name, one.dtype, list(one.shape), PREFIX + hasher.hexdigest()))
    return content_digest(PREFIX + blake3(encode_tree(dumped.tree)).hexdigest(), tensors)


def asked(old: Any, new: Any, example: Any) -> tuple[int, bool | None]:
    """Ask two models the same rows, and say how many and whether they answered alike."""
    rows = example
    if rows is None:
        try:
            rows = synthetic_rows(old)
        except UnsupportedModel:
            return 0, None
    try:
        first = answers(old, rows)
        again = answers(old, rows)
    except Exception:
        return 0, None  # made-up rows are not always rows that a model takes
    steady = [method for method in first if same(first[method], again[method])]
    if not steady:
        return 0, None
    second = answers(new, rows)
    return row_count(rows), all(same(first[method], second.get(method)) for method in steady)


def written(opening: Any, target: str, model: Any, saved: saving.Saved) -> Converted:
    """Return the record of a file that was written in another format, which proved itself."""
    proof, format_ = saved.proof, getattr(opening, "kind", "holdfast")
    sizes: Any = {"old_bytes": opening.source.size, "new_bytes": saved.nbytes}
    if proof is not None and not isinstance(proof, Proof):  # of an export: how far off, on how many rows
        said = f"{proof.count} rows, worst deviation {proof.worst:.3g}, {proof.changed_labels} changed labels"
        return Converted(opening.source.name, target, "converted", format_, type_name(type(model)), reason=said, **sizes)
    rows, ok = (0, None) if proof is None else (proof.rows, proof.ok)
    return Converted(opening.source.name, target, "converted", format_, type_name(type(model)), rows=rows, same_answers=ok, **sizes)


def refused(source: str, error: HoldfastError, format_: str = "") -> Converted:
    """Return the record of a file that was refused."""
    size = os.path.getsize(source) if os.path.isfile(source) else 0
    return Converted(source, status="refused", format=format_, reason=error.message, error=type(error).__name__, old_bytes=size)
