"""The catalog made anew from the records: for a store that lost it, and for a reader who never had one.

The one rule: what can be read counts, whatever else is damaged, and everything that could not be is said.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from holdfast.errors import Conflict, Corrupt, HoldfastError, HoldfastWarning, NotFound, quoted
from holdfast.store import catalog as c
from holdfast.store.apply import Parts, apply
from holdfast.store.blobs import Blobs, Object
from holdfast.store.database import Database
from holdfast.store.journal import Journal
from holdfast.store.lines import lines, model_of
from holdfast.store.objects import BESIDE, Record, digest_in, read_record


class Replayed(NamedTuple):
    """What a replay found.

    Attributes:
        records: how many count.
        damaged: object or version -> what is wrong with it.
        partial: versions, as (model, number), that are not all there.
    """

    records: int
    damaged: dict[str, str]
    partial: list[tuple[str, int]]


def replay_all(on: Any, journal: Journal) -> Replayed:
    """Make the rows of all records.

    Args:
        on: a connection in a transaction, to a catalog that holds nothing but sessions.
        journal: of the store.
    """
    blobs = journal.blobs
    sizes = {digest_in(one.name): one.size for one in blobs.list("blobs/")}
    maker = _Replay(on, journal, sizes)
    first: list[tuple[float, str, str, dict[int, Object]]] = []
    for key, numbers in lines(blobs).items():
        try:
            name = model_of(blobs, key, numbers)
            first.append((next((record.at for record in _readable(blobs, numbers)), 0.0), key, name, numbers))
        except Corrupt as error:
            maker.damaged.update((one.name, error.message) for one in numbers.values())
    for _, _, name, numbers in sorted(first, key=lambda one: one[:2]):  # in the order in which models came, so that they get the numbers they had
        maker.line(name, numbers)
    return Replayed(maker.count, maker.damaged, maker.partial)


def _readable(blobs: Blobs, numbers: dict[int, Object]) -> Iterator[Record]:
    for one in numbers.values():
        try:
            yield read_record(blobs.get(one.name), one.name, blobs.shown)
        except HoldfastError:
            continue


class _Replay:
    """One replay; what it has found so far."""

    def __init__(self, on: Any, journal: Journal, sizes: dict[str | None, int]) -> None:
        self.on = on
        self.journal = journal
        self.sizes = sizes
        self.count = 0
        self.damaged: dict[str, str] = {}
        self.partial: list[tuple[str, int]] = []
        self._parts: dict[str, Parts] = {}

    def line(self, name: str, numbers: dict[int, Object]) -> None:
        """Make the rows of one model."""
        blobs = self.journal.blobs
        found: list[tuple[Object, Record]] = []
        for number, one in numbers.items():
            try:
                record = read_record(blobs.get(one.name), one.name, blobs.shown)
                if (record.model, record.seq) != (name, number):
                    raise Corrupt("the record is that of something else")
                found.append((one, record))
            except HoldfastError as error:
                self.damaged[one.name] = error.message
        self.on.execute(sa.insert(c.model).values(name=name, seq=0, next_number=1, versions=0, changed=0.0))
        deleted = {record.n for _, record in found if record.kind == "delete"}
        seq = 0
        for one, record in found:
            if record.seq != seq + 1:
                for lost in range(seq + 1, record.seq):
                    self.damaged.setdefault(f"{one.name.rpartition('/')[0]}/{lost:012d}.json", "the record is not there")
                self._skip(record)
            seq = record.seq
            self._one(one, record, deleted)

    def _skip(self, record: Record) -> None:
        """Move the line to a record whose forerunner is lost, and take from this one what that one said of an alias."""
        of = c.model.c
        self.on.execute(sa.update(c.model).where(of.name == record.model).values(seq=record.seq - 1))
        if record.alias is None:
            return
        model = self.on.scalar(sa.select(of.id).where(of.name == record.model))
        self.on.execute(sa.delete(c.alias).where(c.alias.c.model == model, c.alias.c.name == record.alias))
        there = self.on.scalar(sa.select(c.version.c.n).where(c.version.c.model == model, c.version.c.n == record.old))
        if there is not None:
            self.on.execute(sa.insert(c.alias).values(model=model, name=record.alias, n=record.old))

    def _one(self, one: Object, record: Record, deleted: set[int | None]) -> None:
        parts = None
        if record.kind == "version":
            parts = self._parts_of(record, record.n in deleted)
        elif record.kind in BESIDE and record.blob is not None:
            parts = Parts("", "", 0, {record.blob: self.sizes.get(record.blob, 0)})
        trial = self.on.begin_nested()
        try:
            apply(self.on, record, parts)
            trial.commit()
            self.count += 1
        except (Conflict, NotFound, sa.exc.IntegrityError) as error:
            trial.rollback()
            self._skip(msgspec.structs.replace(record, seq=record.seq + 1, alias=None))
            self.damaged[one.name] = f"the record does not follow from those before it ({quoted(error, 200)})"

    def _parts_of(self, record: Record, deleted: bool) -> Parts:
        id_ = record.artifact or ""
        if id_ in self._parts:
            return self._parts[id_]
        try:
            parts = self.journal.parts_of(id_, self.sizes.get)
        except HoldfastError as error:
            if not deleted:  # of a version that was deleted, the objects may be gone
                assert record.n is not None
                self.partial.append((record.model, record.n))
                self.damaged[f"{record.model}:{record.n}"] = error.message
            # a stand-in, so that what was said about the version since then has its place
            return Parts("", "", 0, {} if deleted else {digest: self.sizes.get(digest, 0) for digest in record.blobs})
        self._parts = {id_: parts}  # versions of one artifact follow one another
        return parts


def drop_partial(on: Any, partial: list[tuple[str, int]]) -> None:
    """Take versions that are not all there out of a catalog that nobody writes, with all that was said about them; aliases stay where they were before."""
    gone: dict[int, set[int]] = {}
    for name, n in partial:
        gone.setdefault(on.scalar(sa.select(c.model.c.id).where(c.model.c.name == name)), set()).add(n)
    for model, numbers in gone.items():
        e, v = c.event.c, c.version.c
        on.execute(sa.delete(c.event).where(e.model == model, sa.or_(e.n.in_(numbers), e.new.in_(numbers))))
        for alias in on.scalars(sa.select(c.alias.c.name).where(c.alias.c.model == model, c.alias.c.n.in_(numbers))).all():
            mine = (c.alias.c.model == model, c.alias.c.name == alias)
            before = on.scalar(sa.select(e.new).where(e.model == model, e.alias == alias).order_by(e.seq.desc()).limit(1))
            there = before is not None and on.scalar(sa.select(v.n).where(v.model == model, v.n == before)) is not None
            on.execute(sa.update(c.alias).where(*mine).values(n=before) if there else sa.delete(c.alias).where(*mine))
        on.execute(sa.delete(c.version).where(v.model == model, v.n.in_(numbers)))
        latest, count = on.execute(sa.select(sa.func.max(v.n), sa.func.count()).where(v.model == model)).one()
        on.execute(sa.update(c.model).where(c.model.c.id == model).values(latest=latest, versions=count))
    on.execute(sa.delete(c.artifact).where(~sa.exists().where(c.version.c.artifact == c.artifact.c.id)))


def rebuild(journal: Journal) -> Replayed:
    """Make the catalog anew, in one transaction; what sessions rely on stays pinned.

    Args:
        journal: of the store.
    """
    with journal.database.writing() as on:
        if on.engine.dialect.name == "postgresql":
            on.execute(sa.text("LOCK TABLE model IN ACCESS EXCLUSIVE MODE"))
        for table in (c.alias, c.tag, c.metric, c.attachment, c.event, c.version, c.artifact_blob, c.artifact, c.model):
            on.execute(sa.delete(table))
        on.execute(sa.delete(c.blob).where(~sa.exists().where(c.session_blob.c.blob == c.blob.c.digest)))
        return replay_all(on, journal)


def snapshot(blobs: Blobs, shown: str) -> Database:
    """Return a catalog in memory, of what is all there, that cannot be written.

    Args:
        blobs: where the objects lie.
        shown: how messages call the store.
    """
    database = Database("sqlite:///:memory:", shown)

    def fill(on: Any) -> None:
        done = replay_all(on, Journal(blobs, database))
        drop_partial(on, done.partial)
        told(done, shown)

    database.make(fill)
    database.read_only = True
    return database


def told(done: Replayed, shown: str) -> None:
    """Warn of what could not be read."""
    if done.damaged:
        first = [f"{name}: {what}" for name, what in list(done.damaged.items())[:3]]
        warnings.warn(f"{shown}: {len(done.damaged)} records or versions could not be read whole ({quoted('; '.join(first), 500)}); run holdfast check", HoldfastWarning, stacklevel=2)
