"""Versions from one store to another: which are lacking, their blobs, and a record for each.

What arrived stays: a carry that was stopped goes on where it was. A version is known again by where it was born, so that it is carried once.

The one rule: bytes come first, pinned by a session; a version is named when everything of it is there and was compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from holdfast.errors import Conflict, NotFound
from holdfast.store import catalog as c
from holdfast.store.apply import Parts
from holdfast.store.arriving import check_sections, copy_blobs, layout_of, manifest_of
from holdfast.store.carried import Carried, birth, carried_of, store_id
from holdfast.store.database import now
from holdfast.store.journal import nbytes_of
from holdfast.store.objects import Layout, Record, artifact_name, blob_name, layout_name, to_json
from holdfast.store.publish import Session
from holdfast.values.reference import reference

if TYPE_CHECKING:
    from holdfast.store.store import Store


BATCH = 100
"""Versions whose blobs travel before their records are written: what is known of them is held in memory."""


class Arrived(NamedTuple):
    """What became of one version.

    Attributes:
        ref: what it is called at the target.
        source: what it is called at the source.
        new: whether it arrived now; False when it was there.
    """

    ref: str
    source: str
    new: bool


class Transferred(NamedTuple):
    """What a transfer did.

    Attributes:
        versions: one entry a version.
        blobs: how many travelled; the others were there.
        nbytes: bytes of those that travelled.
        exports: paths of files that went along and were written.
    """

    versions: list[Arrived]
    blobs: int
    nbytes: int
    exports: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in a line."""
        new = [one for one in self.versions if one.new]
        there = len(self.versions) - len(new)
        named = ", ".join(one.ref if one.ref == one.source else f"{one.ref} (from {one.source})" for one in new[:10]) + (", …" if len(new) > 10 else "")
        return f"{len(new)} versions arrived{f': {named}' if named else ''}; {there} were there; {self.blobs} blobs, {self.nbytes} bytes"


class Place(NamedTuple):
    """Where a version goes: its number there, or None for the next that is free; and whether it is there."""

    one: Carried
    n: int | None
    there: bool


def carry(
    source: Store,
    target: Store,
    refs: str | Iterable[str] | None = None,
    *,
    aliases: bool = False,
    renumber: bool = False,
    on_bytes: Callable[[int], None] | None = None,
) -> Transferred:
    """Bring versions from one store to another; see `holdfast.store.transfer.Transfer.pull`."""
    items = carried_of(source, refs)
    came, target_id = store_id(source), store_id(target)
    known = {model: known_of(target, model, target_id) for model in dict.fromkeys(one.model for one in items)}
    places = [place_of(one, known[one.model], renumber, target) for one in items]
    # those that keep their numbers come first, so that nobody is given one of them
    places.sort(key=lambda place: place.n is None)
    arrived: list[Arrived] = []
    numbers: dict[str, int] = {}
    count = nbytes = 0
    with Session.opened(target.database, "carry") as session:
        for start in range(0, len(places), BATCH):
            batch = places[start : start + BATCH]
            cards = {place.one.card for place in batch if place.one.card is not None}
            found = _artifacts(source, target, session, {place.one.artifact for place in batch if not place.there}, cards, on_bytes)
            count += found.blobs
            nbytes += found.nbytes
            for place in batch:
                one = place.one
                n = place.n
                if not place.there:
                    parent = _parent(one, numbers, known, source)
                    n = Coming(one, place.n, parent, {**one.origin, "from": came, "arrived": now()}, renumber).write(target, target_id, found.parts[one.artifact])
                assert n is not None
                numbers[str(one)] = n
                if one.card is not None:
                    _write_card(target, one, n)
                arrived.append(Arrived(f"{one.model}:{n}", str(one), not place.there))
        with target.database.writing() as on:
            session.end(on)
    if aliases:
        for one in items:
            for alias in one.aliases:
                target.alias(f"{one.model}@{alias}", numbers[str(one)], why=f"as in {source.shown}"[:500])
    return Transferred(arrived, count, nbytes)


# -- numbers --------------------------------------------------------------------------------------------------------------


class Known(NamedTuple):
    """What a store has of a model: birth -> number, number -> artifact, and every number that was ever given."""

    born: dict[tuple[Any, ...], int]
    there: dict[int, str]
    used: set[int]


def known_of(store: Store, model: str, id_: str) -> Known:
    """Return what a store has of a model.

    Args:
        store: the store.
        model: the model's name.
        id_: the id of the store.
    """
    with store.database.reading() as on:
        row = on.scalar(sa.select(c.model.c.id).where(c.model.c.name == model))
        if row is None:
            return Known({}, {}, set())
        v, e = c.version.c, c.event.c
        rows = on.execute(sa.select(v.n, v.artifact, v.origin).where(v.model == row)).all()
        used = set(on.scalars(sa.select(e.n).where(e.model == row, e.kind == "version")))
    return Known({_birth(one, id_, model): one.n for one in rows}, {one.n: one.artifact for one in rows}, used)


def _birth(row: Any, store: str, model: str) -> tuple[Any, ...]:
    origin = birth(json.loads(row.origin))
    return (*((store, model, row.n) if None in origin else origin), row.artifact)


def place_of(one: Carried, known: Known, renumber: bool, target: Store) -> Place:
    """Return where a version goes.

    Raises:
        Conflict: its number is taken, and it may not get another.
    """
    there = known.born.get(one.birth)
    if there is not None:
        return Place(one, there, True)
    if one.n not in known.used:
        return Place(one, one.n, False)
    if not renumber:
        raise Conflict(_taken(one, one.n in known.there), file=target.shown)
    return Place(one, None, False)


def _taken(one: Carried, there: bool) -> str:
    said = "is another version there" if there else "was deleted there, and numbers are not given again"
    return f"{one} {said}; nothing was changed. To let it have the next number there, give renumber=True"


def _parent(one: Carried, numbers: dict[str, int], known: dict[str, Known], source: Store) -> str | None:
    """Return what a version was made of, as the target calls it: a number there, or else the artifact."""
    try:
        wanted = reference(one.parent or "")
    except ValueError:
        return one.parent
    if wanted.number is None:
        return one.parent
    if one.parent in numbers:
        return f"{wanted.model}:{numbers[one.parent]}"
    try:
        parent = source.find(str(one.parent))
    except NotFound:
        return one.parent
    same = wanted.model in known and known[wanted.model].there.get(wanted.number) == parent.artifact
    return one.parent if same else parent.artifact


# -- bytes ----------------------------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    parts: dict[str, Parts]
    blobs: int
    nbytes: int


def _artifacts(source: Store, target: Store, session: Session, ids: set[str], cards: set[str], on_bytes: Callable[[int], None] | None) -> _Found:
    """Bring over what artifacts and cards need, and compare it."""
    read = {id_: (*manifest_of(source.blobs, id_), _layout(source, target, id_)) for id_ in sorted(ids)}
    sizes = _sizes(source, set(read))
    wanted: dict[str, int] = {}
    for id_, (_, _, where) in read.items():
        for blob, _, _ in where.pieces:
            wanted[blob] = sizes[id_, blob] if (id_, blob) in sizes else _size_of(source, target, blob)
    for card in cards:
        wanted[card] = _size_of(source, target, card)
    new: set[str] = set()
    digests = list(wanted)
    for start in range(0, len(digests), 500):
        new |= session.pin({blob: wanted[blob] for blob in digests[start : start + 500]})
    count, nbytes = copy_blobs(source.blobs, target.blobs, wanted, new, lambda: session.pin({}), on_bytes)
    parts = {}
    for id_, (raw, manifest, where) in read.items():
        session.claim(id_)
        own = {blob: wanted[blob] for blob, _, _ in where.pieces}
        check_sections(target.blobs, raw, manifest, where, own)
        _keep(target, id_, raw, where)
        parts[id_] = Parts(manifest.content.digest, manifest.type, nbytes_of(manifest, where.trees), own)
    return _Found(parts, count, nbytes)


def _layout(source: Store, target: Store, id_: str) -> Layout:
    """Return the layout that an artifact will have: that of the target where a version there stands on it, else that of the source."""
    with target.database.reading() as on:
        stands = on.scalar(sa.select(c.artifact.c.id).where(c.artifact.c.id == id_)) is not None
    return layout_of(target.blobs if stands else source.blobs, id_)


def _keep(target: Store, id_: str, raw: bytes, where: Layout) -> None:
    data = to_json(where)
    if not target.blobs.put_new(layout_name(id_), data) and target.blobs.get(layout_name(id_)) != data:
        # left behind by a save or a carry that was stopped: no version stands on it
        target.blobs.put(layout_name(id_), [data], len(data))
    if target.blobs.size(artifact_name(id_)) != len(raw):
        target.blobs.put(artifact_name(id_), [raw], len(raw))


def _sizes(store: Store, ids: set[str]) -> dict[tuple[str, str], int]:
    """Return the bytes of the blobs that artifacts need, from the catalog: asking each object costs a round trip."""
    found: dict[tuple[str, str], int] = {}
    listed = sorted(ids)
    a = c.artifact_blob.c
    with store.database.reading() as on:
        for start in range(0, len(listed), 300):
            chosen = sa.select(a.artifact, a.blob, c.blob.c.size).join_from(c.artifact_blob, c.blob, c.blob.c.digest == a.blob)
            found.update({(row.artifact, row.blob): row.size for row in on.execute(chosen.where(a.artifact.in_(listed[start : start + 300])))})
    return found


def _size_of(source: Store, target: Store, blob: str) -> int:
    for store in (source, target):
        size = store.blobs.size(blob_name(blob))
        if size is not None:
            return size
    raise NotFound(f"the object {blob_name(blob)} is not there; run holdfast check there", file=source.shown)


# -- records --------------------------------------------------------------------------------------------------------------


class Coming(NamedTuple):
    """A version that is about to get its record at the target."""

    one: Carried
    n: int | None
    parent: str | None
    origin: dict[str, Any]
    renumber: bool

    def write(self, target: Store, target_id: str, parts: Parts) -> int:
        """Write the record; returns the number."""
        one = self.one
        there: list[int] = []

        def make(on: Any, row: Any) -> Record:
            # looked at again under the lock: somebody may have been quicker
            v = c.version.c
            same = on.execute(sa.select(v.n, v.artifact, v.origin).where(v.model == row.id, v.artifact == one.artifact)).all()
            there.extend(other.n for other in same if _birth(other, target_id, one.model) == one.birth)
            if there:
                raise _There
            return Record(
                one.model, 0, "version", one.at, one.who, f"from {one} of the store {self.origin['from'][:8]}", "", n=self._number(on, row, target), artifact=one.artifact,
                blobs=list(parts.blobs), parent=self.parent, metrics=one.metrics, tags=one.tags, data=one.data, code=one.code, origin=self.origin, text=one.note or None,
            )  # fmt: skip

        try:
            record = target.journal.write(make, one.model, parts)
        except _There:
            return there[0]
        assert record.n is not None
        return record.n

    def _number(self, on: Any, row: Any, target: Store) -> int:
        if self.n is None:
            return int(row.next_number)
        e = c.event.c
        if self.n >= row.next_number or on.scalar(sa.select(e.seq).where(e.model == row.id, e.kind == "version", e.n == self.n).limit(1)) is None:
            return self.n
        if not self.renumber:
            raise Conflict(_taken(self.one, True), file=target.shown)
        return int(row.next_number)


def _write_card(target: Store, one: Carried, n: int) -> None:
    """Give a version its card, unless it has one."""

    def make(on: Any, row: Any) -> Record:
        if on.scalar(sa.select(c.version.c.card).where(c.version.c.model == row.id, c.version.c.n == n)) is not None:
            raise _There
        return Record(one.model, 0, "card", now(), target.who, f"came with {one}", "", n=n, blob=one.card)

    try:
        target.journal.write(make, one.model)
    except _There:
        return


class _There(Exception):
    """It is there already."""

