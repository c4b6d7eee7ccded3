"""Putting an artifact into a store: blobs that are not there, its layout, its manifest, and a proof, before any record names it.

The one rule: what a version will need is pinned to a session before it is relied on, so that nobody collects it in between.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import sqlalchemy as sa
from blake3 import blake3

from holdfast.artifact.pack import closed, sections
from holdfast.artifact.save import Prepared
from holdfast.errors import Corrupt, Unavailable
from holdfast.native.container import Section
from holdfast.store import catalog as c
from holdfast.store.apply import Parts
from holdfast.store.blobs import Blobs, put_all
from holdfast.store.cutting import Blob, cut, digest_of
from holdfast.store.database import Database, now
from holdfast.store.objects import Layout, artifact_name, blob_name, layout_name, read_layout, to_json
from holdfast.values.digest import PREFIX
from holdfast.values.manifest import Manifest, artifact_id, manifest_bytes

LEASE = 3600.0
"""Seconds that a session lives without a sign of life."""
LARGE = 4 * 1024 * 1024
"""Bytes from which a blob is hashed and written by itself; smaller ones are written together."""
WAIT = 60.0
"""Seconds that a save waits for a blob that is being deleted."""


class Put(NamedTuple):
    """An artifact that is in the store, and that no version names yet."""

    id: str
    manifest: Manifest
    raw: bytes
    layout: Layout
    parts: Parts
    written: int


class Session:
    """Blobs that somebody relies on and no version needs yet."""

    def __init__(self, database: Database, kind: str = "save") -> None:
        self.database = database
        self.kind = kind
        self.id = uuid.uuid4().hex
        self.begun = False

    @classmethod
    @contextlib.contextmanager
    def opened(cls, database: Database, kind: str = "save") -> Iterator[Session]:
        """Give a session, and end it."""
        session = cls(database, kind)
        try:
            yield session
        except BaseException:
            with contextlib.suppress(Exception), database.writing(durable=False) as on:
                session.end(on)
            raise

    def end(self, on: Any) -> None:
        """Let go of its blobs, in the transaction that names them."""
        on.execute(sa.delete(c.session_blob).where(c.session_blob.c.session == self.id))
        on.execute(sa.delete(c.session).where(c.session.c.id == self.id))

    def pin(self, blobs: dict[str, int]) -> set[str]:
        """Rely on blobs; returns those that the catalog did not know, or that were going: their bytes have to be written.

        Raises:
            Unavailable: a blob is being deleted, and this does not end.
        """
        deadline = time.monotonic() + WAIT
        while True:
            with self.database.writing(durable=False) as on:
                if self.begun:
                    on.execute(sa.update(c.session).where(c.session.c.id == self.id).values(ends=now() + LEASE))
                else:
                    on.execute(sa.insert(c.session).values(id=self.id, kind=self.kind, ends=now() + LEASE))
                states = self._states(on, list(blobs))
                done = False
                if "deleting" not in states.values():
                    absent = [digest for digest in blobs if digest not in states]
                    if absent:
                        on.execute(sa.insert(c.blob), [{"digest": digest, "size": blobs[digest], "state": "live", "condemned": None} for digest in absent])
                    back = [digest for digest, state in states.items() if state == "condemned"]
                    for start in range(0, len(back), 500):
                        on.execute(sa.update(c.blob).where(c.blob.c.digest.in_(back[start : start + 500])).values(state="live", condemned=None))
                    held = set(on.scalars(sa.select(c.session_blob.c.blob).where(c.session_blob.c.session == self.id)))
                    if fresh := [digest for digest in blobs if digest not in held]:
                        on.execute(sa.insert(c.session_blob), [{"session": self.id, "blob": digest} for digest in fresh])
                    done = True
            if done:
                self.begun = True
                return set(absent)
            if time.monotonic() > deadline:
                raise Unavailable("a part of this model is just being deleted, and this does not end; run holdfast collect, and try again", file=self.database.shown)
            time.sleep(0.05)

    @staticmethod
    def _states(on: Any, digests: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(digests), 500):
            rows = on.execute(sa.select(c.blob.c.digest, c.blob.c.state).where(c.blob.c.digest.in_(digests[start : start + 500])).with_for_update())
            found.update({row.digest: row.state for row in rows})
        return found


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
    large = [one for one in planned if one.nbytes >= LARGE]
    small = [one for one in planned if one.nbytes < LARGE]
    found: dict[int, str] = {id(one): digest_of(one) for one in small}
    written = 0
    with ThreadPoolExecutor(1, "holdfast-digest") as ahead:  # the next blob is hashed while this one is written
        futures = [(one, ahead.submit(digest_of, one)) for one in large]
        slots = ahead.submit(_slots, made) if large else None
        for one, future in futures:
            digest = found[id(one)] = future.result()
            if session.pin({digest: one.nbytes}) or blobs.size(blob_name(digest)) != one.nbytes:
                blobs.put(blob_name(digest), one.pieces(), one.nbytes)
                written += one.nbytes
            if on_bytes is not None:
                on_bytes(one.nbytes)
        manifest = closed(ready.manifest, _slots(made) if slots is None else slots.result())
    digests = [found[id(one)] for one in planned]
    raw = manifest_bytes(manifest)
    id_ = artifact_id(raw)
    layout = _layout(id_, made, planned, digests)
    new = session.pin({found[id(one)]: one.nbytes for one in small})
    objects: list[tuple[str, Any, int]] = [
        (blob_name(found[id(one)]), one.pieces(), one.nbytes) for one in small if found[id(one)] in new or blobs.size(blob_name(found[id(one)])) != one.nbytes
    ]
    written += sum(size for _, _, size in objects)
    if blobs.size(artifact_name(id_)) is None or blobs.size(layout_name(id_)) is None:
        placed = to_json(layout)
        objects += [(layout_name(id_), [placed], len(placed)), (artifact_name(id_), [raw], len(raw))]
    elif (kept := read_layout(blobs.get(layout_name(id_)), id_, blobs.shown)) != layout:
        # laid out by another release: what is there is used, and pinned
        held = {one: blobs.size(blob_name(one)) for one in dict.fromkeys(blob for blob, _, _ in kept.pieces)}
        sizes = {one: size for one, size in held.items() if size is not None}
        if len(sizes) < len(held):
            raise Corrupt(f"the artifact {id_} is there without all of its blobs; run holdfast check", file=blobs.shown)
        session.pin(sizes)
        return Put(id_, manifest, raw, kept, Parts(manifest.content.digest, manifest.type, sum(one.nbytes for one in made), sizes), written)
    put_all(blobs, objects)
    sizes = {digest: one.nbytes for digest, one in zip(digests, planned, strict=True)}
    parts = Parts(manifest.content.digest, manifest.type, sum(one.nbytes for one in made), sizes)
    return Put(id_, manifest, raw, layout, parts, written)


def _slots(made: list[Section]) -> dict[tuple[str, int], str]:
    """Return the digest of every section."""
    found = {}
    for section in made:
        hasher = blake3()
        for piece in section.pieces():  # type: ignore[misc]
            hasher.update(piece)
        found[section.slot] = PREFIX + hasher.hexdigest()
    return found  # type: ignore[return-value]


def _layout(id_: str, made: list[Section], planned: list[Blob], digests: list[str]) -> Layout:
    held: list[list[tuple[str, int, int]]] = [[] for _ in made]
    for one, digest in zip(planned, digests, strict=True):
        for number, offset, length in one.holds:
            held[number].append((digest, offset, length))
    trees = [section.nbytes for section in made if section.slot is not None and section.slot[1] < 0]
    return Layout(id_, trees, [piece for pieces in held for piece in pieces], [len(pieces) for pieces in held])


