"""A version that comes from elsewhere gets its number and its record.

A number is kept where it was never given; a version that is there already, known by where it was born, is not written again.

The one rule: what was seen before the lock was taken is looked at again under it.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from holdfast.errors import Conflict, NotFound
from holdfast.store import catalog as c
from holdfast.store.apply import Parts
from holdfast.store.carried import Carried, birth
from holdfast.store.database import now
from holdfast.store.objects import Record
from holdfast.values.reference import reference

if TYPE_CHECKING:
    from holdfast.store.store import Store


class Place(NamedTuple):
    """Where a version goes: its number there, or None for the next that is free; and whether it is there."""

    one: Carried
    n: int | None
    there: bool


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
    return f"{one} {said}; nothing was changed. To let it have the next number there, give renumber=True (--renumber)"


def parent_of(one: Carried, numbers: dict[str, int], known: dict[str, Known], source: Store) -> str | None:
    """Return what a version was made of, as the target calls it: a number there, or else the artifact.

    Args:
        one: the version.
        numbers: reference at the source -> number at the target, of those that came before it.
        known: what the target has.
        source: where it comes from.
    """
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


def write_beside(target: Store, one: Carried, n: int) -> None:
    """Give a version its card and its attachments, but for what it has already."""

    def write(there: Any, **more: Any) -> None:
        def make(on: Any, row: Any) -> Record:
            if on.scalar(there(row)) is not None:
                raise _There
            return Record(model=one.model, seq=0, at=now(), who=target.who, why=f"came with {one}", writer="", n=n, **more)

        with contextlib.suppress(_There):
            target.journal.write(make, one.model)

    v, of = c.version.c, c.attachment.c
    if one.card is not None:
        write(lambda row: sa.select(v.card).where(v.model == row.id, v.n == n), kind="card", blob=one.card)
    for name, (blob, media_type) in sorted(one.attachments.items()):
        write(lambda row, name=name: sa.select(of.name).where(of.model == row.id, of.n == n, of.name == name), kind="attachment", key=name, value=media_type, blob=blob)


class _There(Exception):
    """It is there already."""
