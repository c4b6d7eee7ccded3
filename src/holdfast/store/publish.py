"""Putting an artifact into a store: blobs that are not there, its layout, its manifest, and a proof, before any record names it.

The one rule: what a version will need is pinned to a session before it is relied on, so that nobody collects it in between.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import sqlalchemy as sa
from blake3 import blake3

from holdfast.artifact.pack import closed, sections
from holdfast.artifact.save import Prepared
from holdfast.errors import Corrupt, NotFound, Unavailable
from holdfast.native.container import Section
from holdfast.store import catalog as c
from holdfast.store.apply import Parts
from holdfast.store.blobs import Blobs, put_all
from holdfast.store.cutting import Blob, cut, digest_of
from holdfast.store.database import Database, now
from holdfast.store.objects import Layout, artifact_name, blob_name, blobs_of, layout_name, read_layout, to_json
from holdfast.values.digest import PREFIX
from holdfast.values.manifest import Manifest, artifact_id, manifest_bytes

LEASE = 3600.0
"""Seconds that a session lives without a sign of life."""
LARGE = 4 * 1024 * 1024
"""Bytes from which a blob is hashed and written by itself; smaller ones are written together."""
WAIT = 60.0
"""Seconds that a save waits for a blob that is being deleted."""


# statements that are made once: making one anew costs more than SQLite needs to do it
_BEGIN, _PIN, _CLAIM = (sa.insert(table) for table in (c.session, c.session_blob, c.session_artifact))
_MOVE_ON = sa.update(c.session).where(c.session.c.id == sa.bindparam("moved"))
_END = sa.delete(c.session).where(c.session.c.id == sa.bindparam("ended"))
_HELD = sa.select(c.session_blob.c.blob).where(c.session_blob.c.session == sa.bindparam("session"))
_CLAIMED = sa.select(c.session_artifact.c.artifact).where(c.session_artifact.c.session == sa.bindparam("session"), c.session_artifact.c.artifact == sa.bindparam("artifact"))
_STATES = sa.select(c.blob.c.digest, c.blob.c.state).where(c.blob.c.digest.in_(sa.bindparam("digests", expanding=True))).order_by(c.blob.c.digest).with_for_update()


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
        self._moved = 0.0

    @classmethod
    @contextlib.contextmanager
    def opened(cls, database: Database, kind: str = "save") -> Iterator[Session]:
        """Give a session, which begins with the first thing that it relies on, and end it when the block fails."""
        session = cls(database, kind)
        try:
            yield session
        except BaseException:
            with contextlib.suppress(Exception), database.writing(durable=False) as on:
                session.end(on)
            raise

    def end(self, on: Any) -> None:
        """Let go of its blobs, in the transaction that names them.

        Raises:
            Unavailable: the session had ended already, so that what it relies on may be gone.
        """
        if not self.begun:
            return
        if not on.execute(_END, {"ended": self.id}).rowcount:  # what it relied on goes with it
            raise self._ended()

    @contextlib.contextmanager
    def _relying(self) -> Iterator[Any]:
        """Give a transaction of this session, which begins with it or gives a sign of life."""
        with self.database.writing(durable=False) as on:
            if self.begun:
                self.move_on(on)
            else:
                on.execute(_BEGIN, {"id": self.id, "kind": self.kind, "began": now(), "ends": now() + LEASE})
            yield on
        self.begun = True
        self._moved = time.monotonic()

    def move_on(self, on: Any) -> None:
        """Give a sign of life.

        Raises:
            Unavailable: the session has ended.
        """
        if not on.execute(_MOVE_ON, {"moved": self.id, "ends": now() + LEASE}).rowcount:
            raise self._ended()
        self._moved = time.monotonic()

    def _ended(self) -> Unavailable:
        said = f"this save gave no sign of life for {LEASE / 3600:g} h, or a clock was put forward, so what it relied on may be collected"
        return Unavailable(f"{said}; nothing was changed, save again", file=self.database.shown)

    def alive(self, pieces: Iterable[Any]) -> Iterator[Any]:
        """Give pieces on, and signs of life while they travel."""
        for piece in pieces:
            yield piece
            if time.monotonic() - self._moved > LEASE / 10:
                with self.database.writing(durable=False) as on:
                    self.move_on(on)

    def pin(self, blobs: dict[str, int], artifact: str | None = None) -> set[str]:
        """Rely on blobs; returns those that the catalog did not know: their bytes have to be written.

        Args:
            blobs: digest -> bytes.
            artifact: whose layout and manifest are relied on too, before they are looked for or written.

        Raises:
            Unavailable: a blob is being deleted, and this does not end.
        """
        deadline = time.monotonic() + WAIT
        while True:
            with self._relying() as on:
                if artifact is not None:
                    self._claim(on, artifact)
                new = self._pinned(on, blobs) if blobs else set()
            if new is not None:
                return new
            if time.monotonic() > deadline:
                raise Unavailable("a part of this model is just being deleted, and this does not end; run holdfast collect, and try again", file=self.database.shown)
            time.sleep(0.05)

    def _claim(self, on: Any, artifact: str) -> None:
        c.guard(on, shared=True)
        mine = {"session": self.id, "artifact": artifact}
        if on.scalar(_CLAIMED, mine) is None:
            on.execute(_CLAIM, mine)

    def _pinned(self, on: Any, blobs: dict[str, int]) -> set[str] | None:
        """Pin blobs unless one is being deleted; returns those that the catalog did not know."""
        blobs = dict(sorted(blobs.items()))  # two that lock the same rows do so in one order
        states = self._states(on, list(blobs))
        if "deleting" in states.values():
            return None
        absent = [digest for digest in blobs if digest not in states]
        new: set[str] = c.insert_missing(on, c.blob, "digest", [{"digest": digest, "size": blobs[digest], "state": "live", "condemned": None} for digest in absent])
        if others := [digest for digest in absent if digest not in new]:  # somebody who saves the same was quicker
            states.update(self._states(on, others))
            if "deleting" in states.values():
                return None
        back = [digest for digest, state in states.items() if state == "condemned"]
        for start in range(0, len(back), 500):
            on.execute(sa.update(c.blob).where(c.blob.c.digest.in_(back[start : start + 500])).values(state="live", condemned=None))
        held = set(on.scalars(_HELD, {"session": self.id})) if self.begun else set()
        if fresh := [digest for digest in blobs if digest not in held]:
            on.execute(_PIN, [{"session": self.id, "blob": digest} for digest in fresh])
        return new

    @staticmethod
    def _states(on: Any, digests: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(digests), 500):
            rows = on.execute(_STATES, {"digests": digests[start : start + 500]})
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
                blobs.put(blob_name(digest), session.alive(one.pieces()), one.nbytes)
                written += one.nbytes
            if on_bytes is not None:
                on_bytes(one.nbytes)
        manifest = closed(ready.manifest, _slots(made) if slots is None else slots.result())
    raw = manifest_bytes(manifest)
    id_ = artifact_id(raw)
    digests = [found[id(one)] for one in planned]
    sizes = {digest: one.nbytes for digest, one in zip(digests, planned, strict=True)}
    new = session.pin({found[id(one)]: one.nbytes for one in small}, id_)
    layout = _layout(id_, made, planned, digests)
    objects: list[tuple[str, Any, int]] = [
        (blob_name(found[id(one)]), one.pieces(), one.nbytes) for one in small if found[id(one)] in new or blobs.size(blob_name(found[id(one)])) != one.nbytes
    ]
    written += sum(size for _, _, size in objects)
    if blobs.size(layout_name(id_)) is None:  # whoever else writes it at this moment writes the same
        placed = to_json(layout)
        objects.append((layout_name(id_), [placed], len(placed)))
    else:
        layout, sizes = put_layout(blobs, session, layout, sizes)
    put_all(blobs, [*objects, (artifact_name(id_), [raw], len(raw))])
    parts = Parts(manifest.content.digest, manifest.type, sum(one.nbytes for one in made), sizes)
    return Put(id_, manifest, raw, layout, parts, written)


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


