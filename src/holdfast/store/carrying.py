"""Versions from one store to another: which are lacking, their blobs, and a record for each.

What arrived stays: a carry that was stopped goes on where it was. A version is known again by where it was born, so that it is carried once.

The one rule: bytes come first, pinned by a session; a version is named when everything of it is there and was compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from holdfast.errors import NotFound
from holdfast.store import catalog as c
from holdfast.store.amounts import OnBytes, OnStage, needed, sizes_of
from holdfast.store.apply import Parts
from holdfast.store.arriving import BESIDE, check_sections, copy_blobs, layout_of, manifest_of
from holdfast.store.carried import carried_of, checked, store_id
from holdfast.store.coming import Coming, Known, Place, known_of, parent_of, place_of, write_beside
from holdfast.store.database import now
from holdfast.store.journal import nbytes_of
from holdfast.store.objects import Layout, artifact_name, blob_name, layout_name, to_json
from holdfast.store.sessions import Session
from holdfast.values.manifest import Manifest

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
        arrived = f"{len(new)} version{'s' * (len(new) != 1)} arrived{f': {named}' if named else ''}"
        return f"{arrived}; {there} were there; {self.blobs} blob{'s' * (self.blobs != 1)}, {self.nbytes} bytes"


def carry(
    source: Store,
    target: Store,
    refs: str | Iterable[str] | None = None,
    *,
    aliases: bool = False,
    renumber: bool = False,
    on_bytes: OnBytes | None = None,
    on_stage: OnStage | None = None,
    dry_run: bool = False,
) -> Transferred:
    """Bring versions from one store to another; see `holdfast.store.transfer.Transfer.pull`."""
    # a catalog is a file that others may have written: what becomes the name of an object is looked at
    items = [checked(one, source.shown) for one in carried_of(source, refs)]
    came, target_id = store_id(source), store_id(target)
    known = {model: known_of(target, model, target_id) for model in dict.fromkeys(one.model for one in items)}
    places = [place_of(one, known[one.model], renumber, target) for one in items]
    # those that keep their numbers come first, so that nobody is given one of them
    places.sort(key=lambda place: place.n is None)
    if dry_run:
        return _planned(source, target, places, known)
    if on_stage is not None:
        on_stage("copying", _expected(source, target, places))
    arrived: list[Arrived] = []
    numbers: dict[str, int] = {}
    count = nbytes = 0
    with Session.opened(target.database, "carry") as session:
        for start in range(0, len(places), BATCH):
            batch = places[start : start + BATCH]
            found = _artifacts(source, target, session, batch, on_bytes)
            count += found.blobs
            nbytes += found.nbytes
            for place in batch:
                one = place.one
                n = place.n
                if not place.there:
                    parent = parent_of(one, numbers, known, source)
                    n = Coming(one, place.n, parent, {**one.origin, "from": came, "arrived": now()}, renumber).write(target, target_id, found.parts[one.artifact])
                assert n is not None
                numbers[str(one)] = n
                if one.beside:
                    write_beside(target, one, n)
                arrived.append(Arrived(f"{one.model}:{n}", str(one), not place.there))
        with target.database.writing() as on:
            session.end(on)
    if aliases:
        for one in items:
            for alias in one.aliases:
                target.alias(f"{one.model}@{alias}", numbers[str(one)], why=f"as in {source.shown}"[:500])
    return Transferred(arrived, count, nbytes)


def _planned(source: Store, target: Store, places: list[Place], known: dict[str, Known]) -> Transferred:
    """Return what a transfer would do."""
    following = {model: max(one.used, default=0) for model, one in known.items()}
    for place in places:
        following[place.one.model] = max(following[place.one.model], place.n or 0)
    arrived = []
    for place in places:
        n = place.n
        if n is None:
            n = following[place.one.model] = following[place.one.model] + 1
        arrived.append(Arrived(f"{place.one.model}:{n}", str(place.one), not place.there))
    sizes: dict[str, int] = {}
    for start in range(0, len(places), BATCH):
        sizes |= _wanted(source, target, places[start : start + BATCH])[1]
    with ThreadPoolExecutor(BESIDE, "holdfast-ask") as workers:
        there = workers.map(lambda blob: target.blobs.size(blob_name(blob)) == sizes[blob], sizes)
        lacking = [blob for blob, found in zip(sizes, there, strict=True) if not found]
    return Transferred(arrived, len(lacking), sum(sizes[blob] for blob in lacking))


# -- bytes ----------------------------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    parts: dict[str, Parts]
    blobs: int
    nbytes: int


_Read = dict[str, tuple[bytes, Manifest, Layout]]


def _wanted(source: Store, target: Store, places: list[Place]) -> tuple[_Read, dict[str, int]]:
    """Return the manifests and layouts of versions that come, and the bytes of every blob that they, their cards and their attachments need."""
    ids = sorted({place.one.artifact for place in places if not place.there})
    read = {id_: (*manifest_of(source.blobs, id_), _layout(source, target, id_)) for id_ in ids}
    sizes = sizes_of(source, read)
    wanted: dict[str, int] = {}
    for id_, (_, _, where) in read.items():
        for blob, _, _ in where.pieces:
            wanted[blob] = sizes[id_, blob] if (id_, blob) in sizes else _size_of(source, target, blob)
    for place in places:
        for blob in place.one.beside:
            wanted[blob] = _size_of(source, target, blob)
    return read, wanted


def _expected(source: Store, target: Store, places: list[Place]) -> int:
    """Return how many bytes `_artifacts` will tell of, batch by batch."""
    total = 0
    for start in range(0, len(places), BATCH):
        batch = places[start : start + BATCH]
        ids = {place.one.artifact for place in batch if not place.there}
        here = {id_ for id_, _ in sizes_of(target, ids)}  # those keep the layout that they have there
        beside = [blob for place in batch for blob in place.one.beside]
        total += sum({**needed(target, here), **needed(source, ids - here, beside)}.values())
    return total


def _artifacts(source: Store, target: Store, session: Session, places: list[Place], on_bytes: OnBytes | None) -> _Found:
    """Bring over what versions need, with their cards and attachments, and compare it."""
    read, wanted = _wanted(source, target, places)
    new: set[str] = set()
    digests = list(wanted)
    for start in range(0, len(digests), 500):
        new |= session.pin({blob: wanted[blob] for blob in digests[start : start + 500]})
    count, nbytes = copy_blobs(source.blobs, target.blobs, wanted, new, lambda: session.pin({}), on_bytes)
    parts = {}
    for id_, (raw, manifest, where) in read.items():
        session.pin({}, id_)
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


def _size_of(source: Store, target: Store, blob: str) -> int:
    for store in (source, target):
        size = store.blobs.size(blob_name(blob))
        if size is not None:
            return size
    raise NotFound(f"the object {blob_name(blob)} is not there; run holdfast check there", file=source.shown)
