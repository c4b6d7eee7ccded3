"""Putting an artifact into a store: blobs that are not there, its layout, its manifest, and a proof, before any record names it.

The one rule: what a version will need is pinned to a session before it is relied on, so that nobody collects it in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from holdfast.artifact.pack import closed, sections
from holdfast.artifact.save import Prepared
from holdfast.errors import Corrupt, NotFound
from holdfast.native.container import Section
from holdfast.store.apply import Parts
from holdfast.store.blobs import Blobs, put_all
from holdfast.store.cutting import Blob, cut, hashed
from holdfast.store.objects import Layout, artifact_name, blob_name, blobs_of, layout_name, read_layout, to_json
from holdfast.store.sessions import Session
from holdfast.values.digest import digest as digest_of
from holdfast.values.manifest import Manifest, artifact_id, manifest_bytes

_EMPTY = digest_of(b"")
BATCH = 64 * 1024 * 1024
"""Bytes of blobs that are written together, while the next are hashed."""
MANY = 32
"""Blobs of one batch: each is an open file on its way."""


class Put(NamedTuple):
    """An artifact that is in the store, and that no version names yet."""

    id: str
    manifest: Manifest
    raw: bytes
    layout: Layout
    parts: Parts


def put(blobs: Blobs, session: Session, ready: Prepared, on_bytes: Callable[[int], None] | None = None) -> Put:
    """Put an artifact into a store.

    Args:
        blobs: where to.
        session: what pins it until a version names it.
        ready: what `holdfast.artifact.save.prepare` gave.
        on_bytes: told how many more bytes are done.
    """
    made = sections(ready.content, ready.example, False)
    planned = cut(made)
    digests: list[str] = []
    slots = dict.fromkeys(range(len(made)), _EMPTY)
    *first, last = _batches(planned)
    for batch, found in _hashed(made, [*first, last]):
        for digest, ended in found:
            digests.append(digest)
            slots.update(ended)
        if batch is not last:
            _write(blobs, session, batch, digests[-len(batch) :], None, [], on_bytes)
    manifest = closed(ready.manifest, {made[number].slot: digest for number, digest in slots.items()})  # type: ignore[misc]
    raw = manifest_bytes(manifest)
    id_ = artifact_id(raw)
    layout = _layout(id_, made, planned, digests)
    sizes = {digest: one.nbytes for digest, one in zip(digests, planned, strict=True)}
    stands = blobs.size(layout_name(id_)) is not None
    beside = [] if stands else [(layout_name(id_), to_json(layout))]  # whoever else writes it at this moment writes the same
    _write(blobs, session, last, digests[-len(last) :], id_, [*beside, (artifact_name(id_), raw)], on_bytes)
    if stands:
        layout, sizes = put_layout(blobs, session, layout, sizes)
    parts = Parts(manifest.content.digest, manifest.type, sum(one.nbytes for one in made), sizes)
    return Put(id_, manifest, raw, layout, parts)


def _batches(planned: list[Blob]) -> Iterator[list[Blob]]:
    batch: list[Blob] = []
    size = 0
    for one in planned:
        if batch and (size + one.nbytes > BATCH or len(batch) == MANY):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.nbytes
    yield batch


def _hashed(made: list[Section], batches: list[list[Blob]]) -> Iterator[tuple[list[Blob], list[tuple[str, dict[int, str]]]]]:
    """Yield each batch with its digests; the next is hashed while this one is written."""
    begun: dict[int, Any] = {}

    def work(batch: list[Blob]) -> list[tuple[str, dict[int, str]]]:
        return [hashed(made, one, begun) for one in batch]

    if len(batches) == 1:
        yield batches[0], work(batches[0])
        return
    with ThreadPoolExecutor(1, "holdfast-digest") as ahead:
        waiting = [(batch, ahead.submit(work, batch)) for batch in batches]
        try:
            for batch, future in waiting:
                yield batch, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _write(blobs: Blobs, session: Session, batch: list[Blob], digests: list[str], artifact: str | None, beside: list[tuple[str, bytes]], on_bytes: Callable[[int], None] | None) -> None:
    """Write the blobs of a batch that are not there, and what belongs beside the last."""
    wanted = dict(zip(digests, batch, strict=True))
    new = session.pin({digest: one.nbytes for digest, one in wanted.items()}, artifact)
    objects: list[tuple[str, Any, int]] = [
        (blob_name(digest), session.alive(one.pieces()), one.nbytes) for digest, one in wanted.items() if digest in new or blobs.size(blob_name(digest)) != one.nbytes
    ]
    put_all(blobs, [*objects, *((name, [data], len(data)) for name, data in beside)])
    if on_bytes is not None:
        on_bytes(sum(one.nbytes for one in batch))


def put_layout(blobs: Blobs, session: Session, layout: Layout, sizes: dict[str, int]) -> tuple[Layout, dict[str, int]]:
    """Write a layout if there is none; one that is there stays, as long as its blobs do.

    Args:
        blobs: where to.
        session: which has claimed the artifact, and pinned these blobs.
        layout: of the artifact.
        sizes: of its blobs.

    Returns:
        The layout that is there now, and the sizes of its blobs, all pinned.
    """
    name = layout_name(layout.artifact)
    data = to_json(layout)
    if blobs.put_new(name, data):
        return layout, sizes
    try:
        found = read_layout(blobs.get(name), layout.artifact, blobs.shown)
    except (Corrupt, NotFound):
        found = None
    if found is not None and found != layout:  # cut by other rules: a version may need its blobs
        others = blobs_of(found)
        if not session.pin(others) and all(blobs.size(blob_name(digest)) == size for digest, size in others.items()):
            return found, others
    if found != layout:
        blobs.put(name, [data], len(data))
    return layout, sizes


def _layout(id_: str, made: list[Section], planned: list[Blob], digests: list[str]) -> Layout:
    held: list[list[tuple[str, int, int]]] = [[] for _ in made]
    for one, digest in zip(planned, digests, strict=True):
        for number, offset, length in one.holds:
            held[number].append((digest, offset, length))
    trees = [section.nbytes for section in made if section.slot is not None and section.slot[1] < 0]
    return Layout(id_, trees, [piece for pieces in held for piece in pieces], [len(pieces) for pieces in held])
