"""A store as its users hold it: save, load, and everything about versions and aliases.

The one rule: what changes anything goes through the journal; what is rare is grouped in `admin` and `transfer`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.artifact import save as saving
from holdfast.artifact.load import Opening, replayed
from holdfast.artifact.replay import Proof, replay
from holdfast.errors import AlreadyExists, Conflict, Corrupt, NotFound, ProofFailed
from holdfast.store import catalog as c
from holdfast.store.blobs import Blobs
from holdfast.store.database import Database, now
from holdfast.store.journal import Journal
from holdfast.store.objects import Record, artifact_name, blob_name, layout_name, read_layout
from holdfast.store.pieces import as_file
from holdfast.store.publish import Put, Session, put
from holdfast.trust.policy import Policy, policy
from holdfast.values.digest import digest
from holdfast.values.manifest import read_manifest
from holdfast.values.reference import LATEST, Reference, checked_name, reference


class Version(NamedTuple):
    """One version of a model.

    Attributes:
        model: the model's name.
        n: its number.
        artifact: the artifact id.
        content: the content digest.
        type: exact name of the model's type.
        size: bytes of its tensors and trees.
        at: when it was saved, in seconds since 1970, UTC.
        who: author, as given.
        note: as given.
        parent: the version or artifact it was made of, or None.
        metrics: name -> value.
        tags: key -> value.
        aliases: that point at it.
        data: name -> digest of data it was made with.
        code: commit, and whether there were changes beside it.
        proof: of a save with an example.
    """

    model: str
    n: int
    artifact: str
    content: str
    type: str
    size: int
    at: float
    who: str = ""
    note: str = ""
    parent: str | None = None
    metrics: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    aliases: tuple[str, ...] = ()
    data: Mapping[str, str] = {}
    code: Mapping[str, Any] = {}
    proof: Proof | None = None

    def __str__(self) -> str:
        """Return the reference, such as ``churn:7``."""
        return f"{self.model}:{self.n}"


class Moved(NamedTuple):
    """One entry of a history: who changed what, when and why."""

    seq: int
    kind: str
    at: float
    who: str
    why: str
    n: int | None = None
    alias: str | None = None
    old: int | None = None
    new: int | None = None
    key: str | None = None
    value: Any = None


class Store:
    """Many models with their versions; made by `holdfast.connect`."""

    def __init__(self, blobs: Blobs, database: Database, shown: str, who: str = "") -> None:
        self._blobs = blobs
        self._database = database
        self._journal = Journal(blobs, database)
        self.shown = shown
        self.who = who

    def __repr__(self) -> str:
        """Say where it is."""
        return f"holdfast.connect({self.shown!r})"

    def close(self) -> None:
        """Give connections back."""
        self._database.close()

    # -- saving ---------------------------------------------------------------------------------------------------------

    def save(
        self,
        model: Any,
        name: str,
        *,
        example: Any = None,
        metrics: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        note: str = "",
        parent: str | Version | None = None,
        data: Mapping[str, Any] | None = None,
        code: Mapping[str, Any] | None = None,
        alias: str | None = None,
        who: str | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> Version:
        """Save a model as the next version of a name."""
        name = checked_name(name)
        if alias is not None:
            alias = checked_name(alias, "alias")
        tags = _tags(tags)
        ready = saving.prepare(model, example, metrics, extra)
        with Session.opened(self._database) as session:
            done = put(self._blobs, session, ready, on_bytes)
            proof = self._proved(ready, done) if ready.kept is not None else None
            author = self.who if who is None else who
            record = self._journal.write(
                lambda on, row: Record(
                    name, 0, "version", now(), author, "", "", n=row.next_number, artifact=done.id, blobs=list(done.parts.blobs), parent=None if parent is None else str(parent),
                    metrics=dict(done.manifest.metrics), tags=tags, data=dict(data or {}), code=dict(code or {}), text=note or None,
                ),
                name, done.parts, session.end,
            )  # fmt: skip
        saving.notice(ready)
        assert record.n is not None
        if alias is not None:
            self.alias(f"{name}@{alias}", record.n, who=author)
        return self._version(name, record.n)._replace(proof=proof)

    def _proved(self, ready: saving.Prepared, done: Put) -> Proof:
        live = policy(saving.live_classes(ready), saving.live_functions(ready))
        source = as_file(done.manifest, done.raw, done.layout, f"{self.shown}", self._open_blob)
        with Opening(source) as opening:
            proof = replay(opening.load(live), ready.kept, done.manifest, done.id, 0.0, digests=False)
        if proof.verdict != "bit-equal":
            raise ProofFailed(f"the model does not answer after loading as it does now, so it was not saved.\n{proof}")
        return proof

    # -- loading --------------------------------------------------------------------------------------------------------

    def _open_blob(self, digest_: str) -> Any:
        return self._blobs.open(blob_name(digest_))

    def open(self, ref: str | Version) -> Opening:
        """Open a version as the file that it is."""
        version = self.find(ref)
        raw = self._blobs.get(artifact_name(version.artifact))
        if digest(raw) != version.artifact:
            raise Corrupt(f"the manifest of {version} does not match its id; holdfast check says what is hurt", file=self.shown)
        where = read_layout(self._blobs.get(layout_name(version.artifact)), version.artifact, self.shown)
        return Opening(as_file(read_manifest(raw), raw, where, f"{self.shown}#{version}", self._open_blob))

    def load(self, ref: str | Version, *, trusted: Iterable[Any] | None = None, trusted_functions: Iterable[Any] | None = None, part: str | None = None,
             digests: str = "needed", replay: bool = False, max_memory: int | None = None, device: Any = None) -> Any:  # fmt: skip
        """Load a version; see `holdfast.load`."""
        allowed: Policy = policy(trusted, trusted_functions)
        with self.open(ref) as opening:
            model = opening.load(allowed, part, digests, max_memory, device)
            return replayed(opening, model) if replay else model

    # -- finding --------------------------------------------------------------------------------------------------------

    def find(self, ref: str | Version) -> Version:
        """Return the version that a reference names."""
        if isinstance(ref, Version):
            return ref
        wanted = reference(ref)
        with self._database.reading() as on:
            return self._find(on, wanted)

    __getitem__ = find

    def _find(self, on: Any, wanted: Reference) -> Version:
        model = on.execute(sa.select(c.model.c.id, c.model.c.latest).where(c.model.c.name == wanted.model)).one_or_none()
        if model is None:
            raise NotFound(f"there is no model {wanted.model!r}{self._near(on, wanted.model)}", file=self.shown)
        n = wanted.number
        if wanted.alias == LATEST:
            n = model.latest
        elif wanted.alias is not None:
            n = on.scalar(sa.select(c.alias.c.n).where(c.alias.c.model == model.id, c.alias.c.name == wanted.alias))
        if n is None or wanted == Reference(wanted.model):
            aliases = on.execute(sa.select(c.alias.c.name, c.alias.c.n).where(c.alias.c.model == model.id).order_by(c.alias.c.name)).all()
            known = ", ".join([f"{wanted.model}@{row.name} (:{row.n})" for row in aliases[:10]] + ([f"{wanted.model}@latest (:{model.latest})"] if model.latest else []))
            said = f"{wanted} names no version" if wanted.alias is None else f"there is no alias {wanted}"
            raise NotFound(f"{said}; there are {known or 'no versions'}", file=self.shown)
        return self._read(on, model.id, wanted.model, n)

    def _read(self, on: Any, model: int, name: str, n: int) -> Version:
        v, a = c.version.c, c.artifact.c
        row = on.execute(
            sa.select(v.artifact, v.at, v.who, v.note, v.parent, v.data, v.code, a.content, a.type, a.size).join_from(c.version, c.artifact).where(v.model == model, v.n == n)
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no version {name}:{n}", file=self.shown)

        def rows(table: Any, *columns: Any) -> Any:
            return on.execute(sa.select(*columns).where(table.c.model == model, table.c.n == n).order_by(columns[0])).all()

        metrics = {key: number if text is None and number is not None else text for key, number, text in rows(c.metric, c.metric.c.key, c.metric.c.number, c.metric.c.text)}
        return Version(
            name, n, row.artifact, row.content, row.type, row.size, row.at, row.who, row.note, row.parent, metrics,
            {key: value for key, value in rows(c.tag, c.tag.c.key, c.tag.c.value)}, tuple(one.name for one in rows(c.alias, c.alias.c.name)), json.loads(row.data), json.loads(row.code),
        )  # fmt: skip

    def _version(self, name: str, n: int) -> Version:
        with self._database.reading() as on:
            return self._find(on, Reference(name, n))

    def _near(self, on: Any, name: str) -> str:
        names = on.scalars(sa.select(c.model.c.name).where(c.model.c.latest.is_not(None)).order_by(c.model.c.changed.desc()).limit(8)).all()
        return f"; there are {', '.join(sorted(names))}" if names else "; the store is empty"

    # -- aliases --------------------------------------------------------------------------------------------------------

    def alias(self, ref: str, to: str | int | Version | None, *, why: str = "", who: str | None = None) -> Version | None:
        """Point an alias at a version, or take it away with None."""
        wanted = reference(ref)
        if wanted.alias is None or wanted.alias == LATEST:
            raise ValueError(f"{ref!r} is no alias that can be set; give one such as {wanted.model}@production")
        n = self._number(wanted.model, to)

        def make(on: Any, row: Any) -> Record:
            old = on.scalar(sa.select(c.alias.c.n).where(c.alias.c.model == row.id, c.alias.c.name == wanted.alias))
            if old == n:
                raise _Same
            return Record(wanted.model, 0, "alias", now(), self.who if who is None else who, why, "", alias=wanted.alias, old=old, new=n)

        try:
            self._journal.write(make, wanted.model)
        except _Same:
            pass
        return None if n is None else self._version(wanted.model, n)

    def rollback(self, ref: str, *, why: str = "", who: str | None = None) -> Version:
        """Undo the last move of an alias."""
        wanted = reference(ref)
        if wanted.alias is None:
            raise ValueError(f"{ref!r} is no alias; give one such as {wanted.model}@production")
        found: list[int] = []

        def make(on: Any, row: Any) -> Record:
            e = c.event.c
            moves = on.execute(sa.select(e.old, e.new, e.why).where(e.model == row.id, e.kind == "alias", e.alias == wanted.alias).order_by(e.seq)).all()
            stack: list[int | None] = []
            for move in moves:
                if move.why.startswith(_UNDO) and stack:
                    stack.pop()
                else:
                    stack.append(move.old)
            if not stack or stack[-1] is None:
                raise Conflict(f"{wanted} has nothing to go back to", file=self.shown)
            found.append(stack[-1])
            return Record(wanted.model, 0, "alias", now(), self.who if who is None else who, f"{_UNDO}{why}", "", alias=wanted.alias, old=moves[-1].new, new=stack[-1])

        self._journal.write(make, wanted.model)
        return self._version(wanted.model, found[-1])

    def _number(self, model: str, to: str | int | Version | None) -> int | None:
        if to is None or isinstance(to, int):
            return to
        version = self.find(to)
        if version.model != model:
            raise ValueError(f"{version} is a version of another model than {model}")
        return version.n


class _Same(Exception):
    """The alias points there already."""


_UNDO = "rollback: "


def _tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    found = {}
    for key, value in (tags or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"tags are text: {key!r}={value!r}")
        found[key] = value
    return found


__all__ = ["AlreadyExists", "Moved", "Store", "Version"]
