"""Deleting what nobody needs: live -> condemned -> deleting -> gone.

Strategy (docs/store.md section 6). Every arrow is one statement that looks again, and bytes go while the lock of their row is held, so that a
save beside it either finds the blob and keeps it, or waits and writes it anew. Objects that the catalog does not know get a row first, and go the same way.

The one rule: what an artifact, a card, an attachment or a session needs is not touched, and what was just written is not garbage yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from holdfast.errors import Corrupt, Unavailable, UnsupportedVersion
from holdfast.store import catalog as c
from holdfast.store.amounts import OnBytes, OnStage
from holdfast.store.blobs import Object
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.database import now
from holdfast.store.lines import adopt_all, lines
from holdfast.store.objects import artifact_name, blob_name, digest_in, layout_name

if TYPE_CHECKING:
    from holdfast.store.store import Store

GRACE = 86400.0
"""Seconds between the time when a blob is needed no more and its end."""
SWEPT = 86400.0
"""Seconds after which a file in ``tmp/`` has no writer any more."""
BATCH = 16
"""Blobs whose rows are locked at a time while their bytes go."""
MANY = 500
"""Names that are looked up at a time."""


class Held(NamedTuple):
    """Bytes that no version needs, and that stay.

    Attributes:
        by: who or what keeps them.
        until: when that ends, in seconds since 1970.
        blobs: how many.
        size: bytes of them.
    """

    by: str
    until: float
    blobs: int
    size: int


class Collected(NamedTuple):
    """What `collect` did, or would do.

    Attributes:
        freed: bytes of the blobs that went.
        blobs: how many blobs went.
        artifacts: how many layouts with their manifests went.
        condemned: blobs that are needed no more since now.
        unknown: objects that the catalog did not know and that are garbage now.
        sessions: sessions that had ended without a word.
        swept: files of ``tmp/`` whose writers are gone.
        adopted: records whose writers did not come to their commit, and that count now.
        held: what no version needs, and stays.
        dry_run: whether nothing was done.
    """

    freed: int = 0
    blobs: int = 0
    artifacts: int = 0
    condemned: int = 0
    unknown: int = 0
    sessions: int = 0
    swept: int = 0
    adopted: int = 0
    held: tuple[Held, ...] = ()
    dry_run: bool = False

    def __str__(self) -> str:
        """Say it in lines."""
        would = "would be freed" if self.dry_run else "freed"
        said = [f"{self.freed} bytes {would}, of {self.blobs} blobs and {self.artifacts} manifests"]
        return "\n".join(said + [f"{one.size} bytes of {one.blobs} blobs are held by {one.by}" for one in self.held])


def collect(store: Store, grace: float = GRACE, dry_run: bool = False, on_bytes: OnBytes | None = None, on_stage: OnStage | None = None) -> Collected:
    """Delete what nobody needs; see `Admin.collect`."""
    if not grace >= 0:
        raise ValueError(f"grace is a number of seconds from 0 on, and not {grace!r}")
    if store.database.alone and not isinstance(store.blobs, MemoryBlobs):
        raise Unavailable("a bucket without a database is not collected from: nobody knows what others are about to save; connect with postgresql://host/database?blobs=...", file=store.shown)
    adopted = 0 if dry_run else _adopt(store)
    blobs, database = store.blobs, store.database
    moment = now()
    with database.reading() as on:  # listing takes time, so nobody waits for it; whatever is found is looked at again under the lock
        orphans = list(_without_row(on, c.blob.c.digest, blobs.list("blobs/"), moment - grace))
        alone = [one for prefix in ("artifacts/", "layouts/") for one in _without_row(on, c.artifact.c.id, blobs.list(prefix), moment)]
    with database.writing() as on:
        trial = on.begin_nested()
        sessions = _end_sessions(on, moment)
        first = on.scalar(sa.select(sa.func.min(c.session.c.began)))  # what is younger than a session may be part of what goes on
        unknown = sum(_know(on, part) for part in _parts(one for one in orphans if first is None or one.written < first))
        condemned = on.execute(_condemn(moment)).rowcount
        on.execute(_doom(moment - grace))
        gone, freed = on.execute(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(c.blob.c.size), 0)).where(c.blob.c.state == "deleting")).one()
        held = _held(on, grace)
        strays = _strays(on, {digest_in(one.name): None for one in alone if first is None or one.written < first}, moment, grace)
        if dry_run:
            trial.rollback()
        else:
            trial.commit()
    old = [one.name for one in blobs.list("tmp/") if one.written < moment - SWEPT]
    artifacts = len(strays)
    if not dry_run:
        for name in old:
            blobs.delete(name)
        if on_stage is not None:
            on_stage("deleting", int(freed))
        gone, freed = _remove(store, on_bytes)
        artifacts = sum(_remove_stray(store, id_) for id_ in strays)
    return Collected(int(freed), int(gone), artifacts, condemned, unknown, sessions, len(old), adopted, held, dry_run)


def _adopt(store: Store) -> int:
    """Make rows of records that have none: what they name is not garbage.

    Raises:
        Corrupt: a record cannot be read, so that what it needs is not known.
        UnsupportedVersion: a newer holdfast wrote it.
    """
    count, refused = adopt_all(store.journal, lines(store.blobs))
    if refused:
        newer = isinstance(refused[0], UnsupportedVersion)
        raise (UnsupportedVersion if newer else Corrupt)(f"{refused[0].message}; nothing is collected before it is known what that record needs: holdfast check, with --repair-from if there is another copy", file=store.shown)
    return count


def _parts(found: Iterable[Object]) -> Iterator[list[Object]]:
    ours = (one for one in found if digest_in(one.name) is not None)
    while part := list(islice(ours, MANY)):
        yield part


def _without_row(on: Any, column: Any, listed: Iterable[Object], before: float) -> Iterator[Object]:
    """Yield the objects named by digests that a column does not hold, and that are old enough."""
    for part in _parts(listed):
        known = set(on.scalars(sa.select(column).where(column.in_([digest_in(one.name) for one in part]))))
        yield from (one for one in part if digest_in(one.name) not in known and one.written <= before)


def _end_sessions(on: Any, moment: float) -> int:
    ended = sa.select(c.session.c.id).where(c.session.c.ends < moment)
    on.execute(sa.delete(c.session_blob).where(c.session_blob.c.session.in_(ended)))
    on.execute(sa.delete(c.session_artifact).where(c.session_artifact.c.session.in_(ended)))
    return int(on.execute(sa.delete(c.session).where(c.session.c.ends < moment)).rowcount)


def _know(on: Any, part: list[Object]) -> int:
    """Give rows to blobs that have none, as garbage of the age that they have."""
    digests = {digest_in(one.name): one for one in part}
    known = set(on.scalars(sa.select(c.blob.c.digest).where(c.blob.c.digest.in_(digests))))
    fresh = [{"digest": digest, "size": one.size, "state": "condemned", "condemned": one.written} for digest, one in digests.items() if digest not in known]
    return len(c.insert_missing(on, c.blob, "digest", fresh))


def _unneeded() -> Any:
    of = c.blob.c.digest
    return ~sa.or_(c.needs(of), sa.exists().where(c.session_blob.c.blob == of))


def _free(*conditions: Any) -> Any:
    """Return the blobs of which some things hold and that nobody needs, but for those that somebody is about to pin: waiting for them could be for each other."""
    return sa.select(c.blob.c.digest).where(*conditions, _unneeded()).order_by(c.blob.c.digest).with_for_update(skip_locked=True)


def _condemn(moment: float) -> Any:
    return sa.update(c.blob).where(c.blob.c.digest.in_(_free(c.blob.c.state == "live"))).values(state="condemned", condemned=moment)


def _doom(before: float) -> Any:
    wanted = _free(c.blob.c.state == "condemned", c.blob.c.condemned <= before)
    return sa.update(c.blob).where(c.blob.c.digest.in_(wanted)).values(state="deleting")


def _length(seconds: float) -> str:
    """Return a length of time as people say it.

    >>> _length(86400.0), _length(90.0)
    ('24 h', '90 s')
    """
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"


def _held(on: Any, grace: float) -> tuple[Held, ...]:
    count, size = sa.func.count(), sa.func.coalesce(sa.func.sum(c.blob.c.size), 0)
    found = []
    waiting = on.execute(sa.select(count, size, sa.func.min(c.blob.c.condemned)).where(c.blob.c.state == "condemned")).one()
    if waiting[0]:
        found.append(Held(f"the grace of {_length(grace)} (--grace)", waiting[2] + grace, waiting[0], int(waiting[1])))
    s = c.session.c
    free = ~c.needs(c.blob.c.digest)
    pinned = sa.select(s.id, s.kind, s.ends, count, size).join_from(c.session, c.session_blob).join(c.blob).where(free).group_by(s.id, s.kind, s.ends).order_by(s.began)
    found += [Held(f"a {row[1]} that goes on ({row[0][:8]})", row[2], row[3], int(row[4])) for row in on.execute(pinned)]
    return tuple(found)


def _remove(store: Store, on_bytes: OnBytes | None) -> tuple[int, int]:
    """Take doomed blobs away, those of a collect that was stopped too."""
    count = freed = 0
    while True:
        with store.database.writing() as on:
            wanted = sa.select(c.blob.c.digest, c.blob.c.size).where(c.blob.c.state == "deleting").limit(BATCH).with_for_update(skip_locked=True)
            rows = on.execute(wanted).all()
            for row in rows:
                store.blobs.delete(blob_name(row.digest))
                on.execute(sa.delete(c.blob).where(c.blob.c.digest == row.digest))
                count += 1
                freed += row.size
                if on_bytes is not None:
                    on_bytes(row.size)
        if not rows:
            return count, freed


def _strays(on: Any, found: dict[str | None, None], moment: float, grace: float) -> list[str]:
    """Note which artifacts have objects and no row; return those that had none for as long as the grace."""
    since = {row.artifact: row.since for row in on.execute(sa.select(c.stray.c.artifact, c.stray.c.since))}
    # two collects may note the same at once: neither fails, and both go in one order, so that neither waits for the other for ever
    for id_ in sorted(since.keys() - found.keys()):
        on.execute(sa.delete(c.stray).where(c.stray.c.artifact == id_))
    c.insert_missing(on, c.stray, "artifact", [{"artifact": id_, "since": moment} for id_ in sorted(one for one in found if one is not None) if id_ not in since])
    return [id_ for id_ in found if id_ is not None and since.get(id_, moment) <= moment - grace]


def _remove_stray(store: Store, id_: str) -> bool:
    with store.database.writing() as on:
        c.guard(on, shared=False)
        needed = on.scalar(sa.select(c.artifact.c.id).where(c.artifact.c.id == id_)) or on.scalar(sa.select(c.session_artifact.c.session).where(c.session_artifact.c.artifact == id_).limit(1))
        if needed is None:
            store.blobs.delete(layout_name(id_))
            store.blobs.delete(artifact_name(id_))
        on.execute(sa.delete(c.stray).where(c.stray.c.artifact == id_))
        return needed is None
