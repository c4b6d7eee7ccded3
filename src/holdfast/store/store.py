"""A store as its users hold it: save, load, and everything about versions and aliases.

The one rule: what changes anything goes through the journal; what is rare is grouped in `admin` and `transfer`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import sqlalchemy as sa

from holdfast.artifact import save as saving
from holdfast.artifact.load import Opening, replayed
from holdfast.artifact.replay import Proof, replay
from holdfast.errors import Conflict, Corrupt, NotFound, ProofFailed
from holdfast.store import catalog as c
from holdfast.store.blobs import Blobs
from holdfast.store.database import Database, now
from holdfast.store.journal import Journal, Trial
from holdfast.store.keeping import Deleted, keep, pointing
from holdfast.store.lineage import code_state, data_digests, parent_text
from holdfast.store.objects import Record, artifact_name, blob_name, layout_name, read_layout
from holdfast.store.pieces import as_file
from holdfast.store.publish import Put, put
from holdfast.store.said import checked_key, checked_metric, checked_record, checked_tag, metrics_of, tags_of
from holdfast.store.sessions import Session
from holdfast.store.verified import Verified
from holdfast.trust.policy import Policy, policy
from holdfast.values.digest import digest
from holdfast.values.manifest import read_manifest
from holdfast.values.reference import LATEST, Reference, checked_name, reference

if TYPE_CHECKING:
    from holdfast.store.admin import Admin
    from holdfast.store.beside import Attachment
    from holdfast.store.transfer import Transfer


class _Version(NamedTuple):
    """The fields of a version."""

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


class Version(_Version):
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

    _store: Store | None = None  # where it was found; no part of what it is, so two are equal without it

    def __str__(self) -> str:
        """Return the reference, such as ``churn:7``."""
        return f"{self.model}:{self.n}"

    def _replace(self, **changes: Any) -> Version:
        """Return a version with other values, found in the same store."""
        return super()._replace(**changes)._of(self._store)

    def _of(self, store: Store | None) -> Version:
        self._store = store
        return self

    def __getstate__(self) -> None:
        """Leave the store out of copies in other processes."""

    def __holdfast_opening__(self) -> Opening:
        """Open it as the file that it is: how `holdfast.compare` takes versions."""
        if self._store is None:
            raise NotFound(f"{self} was not found in a store here; ask the store for it: store[{str(self)!r}]")
        return self._store.open(self)


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


_BY_NUMBER = sa.select(c.version.c.n, c.version.c.artifact).join(c.model, c.model.c.id == c.version.c.model).where(
    c.model.c.name == sa.bindparam("model"), c.version.c.n == sa.bindparam("n")
)  # fmt: skip
_BY_ALIAS = (
    sa.select(c.version.c.n, c.version.c.artifact)
    .join(c.alias, sa.and_(c.alias.c.model == c.version.c.model, c.alias.c.n == c.version.c.n))
    .join(c.model, c.model.c.id == c.version.c.model)
    .where(c.model.c.name == sa.bindparam("model"), c.alias.c.name == sa.bindparam("alias"))
)


class Page(list[Version]):
    """Versions that a search found.

    Attributes:
        after: the cursor of the next page, to be given to `Store.search`; None when this is the last.
    """

    def __init__(self, versions: Iterable[Version], after: str | None) -> None:
        super().__init__(versions)
        self.after = after


class Store:
    """Many models with their versions; made by `holdfast.connect`."""

    def __init__(self, blobs: Blobs, database: Database, shown: str, who: str = "") -> None:
        self.blobs = blobs
        self.database = database
        self.journal = Journal(blobs, database)
        self.shown = shown
        self.who = who
        self.verified = Verified()

    def __repr__(self) -> str:
        """Say where it is."""
        return f"holdfast.connect({self.shown!r})"

    def __enter__(self) -> Store:
        """Give the store; its connections are given back at the end of the block."""
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        """Refuse to be copied: connections are of one process."""
        raise TypeError("a store is of one process; send its address, and call holdfast.connect there")

    def close(self) -> None:
        """Give connections back."""
        self.database.close()

    @property
    def admin(self) -> Admin:
        """What is rare: ``collect``, ``check``, ``du``."""
        from holdfast.store.admin import Admin

        return Admin(self)

    @property
    def transfer(self) -> Transfer:
        """Between stores: ``push``, ``pull``, ``pack``, ``unpack``, imports."""
        from holdfast.store.transfer import Transfer

        return Transfer(self)

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
        code: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        alias: str | None = None,
        who: str | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> Version:
        """Save a model as the next version of a name: whole or not at all.

        Args:
            model: any object that `holdfast.save` takes.
            name: the model's name; it begins with its first version.
            example: a few rows, kept with the answers; the version is loaded again and asked before anything names it. See `holdfast.save`.
            metrics: name -> number, kept in the artifact and in the catalog.
            tags: key -> text.
            extra: anything JSON can hold, kept in the artifact.
            note: a line for people.
            parent: what it was made of: a version, a reference (an alias is kept as the version that it points at now), what `holdfast.save` returned, an
                artifact id, or a line of text.
            data: name -> data that it was made with (an array, a frame, a path, bytes, or a digest); its digest alone is kept.
            code: such as ``{"commit": ..., "dirty": False}``, or a folder under git, whose commit is kept and whether there were other changes.
            alias: to point at the new version.
            who: author; that of the store unless told.
            on_bytes: told how many more bytes are done.

        Returns:
            The new version, with its proof where there is an example.

        Raises:
            UnsupportedModel: a part of the model cannot be saved; names it and the path to it.
            ProofFailed: the saved model does not answer as the live one; no version names it.
            ValueError, TypeError: a name, key, text or number that no store keeps (`docs/store.md`, section 4); nothing was written.
            NotFound: the alias given as parent, or a file given as data, is not there.
            NoSpace, Unavailable: the store cannot be written; no version was made.
        """
        name = checked_name(name)
        if alias is not None:
            alias = _settable(alias, name)
        metrics_of(metrics)  # before the model is walked
        return self._publish(saving.prepare(model, example, metrics, extra), name, None, {}, tags, note, parent, data, code, alias, who, on_bytes)

    def add(
        self,
        file: Any,
        name: str,
        *,
        metrics: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        note: str = "",
        parent: str | Version | None = None,
        data: Mapping[str, Any] | None = None,
        code: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        alias: str | None = None,
        who: str | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> Version:
        """Put a native file into the store as the next version of a name. Nothing is loaded, and the artifact keeps its id, metrics and example.

        Args:
            file: its path, or an `Opening` of it. Foreign files are converted first; ``holdfast save`` does that.
            name: the model's name.
            metrics: name -> number, of this version, beside those of the file and before them; the file keeps its own.
            tags: key -> text.
            note: a line for people.
            parent: the version or artifact that it was made of.
            data: name -> data that it was made with (an array, a frame, a path, bytes, or a digest); its digest alone is kept.
            code: such as ``{"commit": ..., "dirty": False}``, or a folder under git, whose commit is kept and whether there were other changes.
            alias: to point at the new version.
            who: author; that of the store unless told.
            on_bytes: told how many more bytes are done.

        Returns:
            The new version.

        Raises:
            FormatError: it is not a native file.
            UnsupportedModel: it is one of several files that belong together.
            Corrupt: a digest does not match, or the file was changed while it was read; no version names it.
        """
        from holdfast.store.filing import prepared

        if not isinstance(file, Opening):
            with Opening.of_path(file) as opening:
                return self.add(opening, name, metrics=metrics, tags=tags, note=note, parent=parent, data=data, code=code, alias=alias, who=who, on_bytes=on_bytes)
        name = checked_name(name)
        alias = None if alias is None else _settable(alias, name)
        return self._publish(prepared(file), name, file, metrics_of(metrics), tags, note, parent, data, code, alias, who, on_bytes)

    def _publish(self, ready: saving.Prepared, name: str, file: Opening | None, metrics: dict[str, Any], tags: Mapping[str, str] | None, note: str, parent: str | Version | None,
                 data: Mapping[str, Any] | None, code: Mapping[str, Any] | str | os.PathLike[str] | None, alias: str | None, who: str | None, on_bytes: Callable[[int], None] | None) -> Version:  # fmt: skip
        author = self.who if who is None else who
        # what the record will say is looked at before bytes travel for it
        told = Record(name, 0, "version", 0.0, author, "", "", parent=parent_text(self, parent), tags=tags_of(tags), data=data_digests(data), code=code_state(code), text=note or None)
        told = checked_record(msgspec.structs.replace(told, metrics=metrics_of({**ready.manifest.metrics, **metrics})))
        with Session.opened(self.database) as session:
            done = put(self.blobs, session, ready, on_bytes)
            if file is not None and done.id != file.id:
                raise Corrupt("the file was changed while it was read; try again", file=file.source.name)
            proof = self._proved(ready, done) if ready.kept is not None else None
            record = self.journal.write(
                lambda on, row: msgspec.structs.replace(told, at=now(), n=row.next_number, artifact=done.id, blobs=list(done.parts.blobs)), name, done.parts, session.end
            )
        saving.notice(ready)
        assert record.n is not None
        if alias is not None:
            self.alias(f"{name}@{alias}", record.n, who=author)
        return Version(
            name, record.n, done.id, done.parts.content, done.parts.type, done.parts.size, record.at, author, note, record.parent, record.metrics, record.tags,
            () if alias is None else (alias,), record.data, record.code, proof,
        )._of(self)  # fmt: skip

    def _proved(self, ready: saving.Prepared, done: Put) -> Proof:
        assert ready.kept is not None
        live = policy(saving.live_classes(ready), saving.live_functions(ready))
        source = as_file(done.manifest, done.raw, done.layout, f"{self.shown}", self._open_blob)
        with Opening(source) as opening:
            proof = replay(opening.load(live), ready.kept, done.manifest, done.id, 0.0, digests=False)
        if proof.verdict != "bit-equal":
            raise ProofFailed(f"the model does not answer after loading as it does now, so it was not saved.\n{proof}")
        return proof

    # -- loading --------------------------------------------------------------------------------------------------------

    def _open_blob(self, digest_: str) -> Any:
        return self.blobs.open(blob_name(digest_))

    def _open_compared(self, digest_: str) -> Any:
        return self.verified.check(self._open_blob(digest_), digest_)

    def open(self, ref: str | Version, *, digests: str = "once") -> Opening:
        """Open a version as the file that it is; everything that reads files reads it.

        Args:
            ref: such as ``churn@production``.
            digests: see `load`.

        Raises:
            NotFound: there is no such version.
            Corrupt: what the store holds does not match its digests.
        """
        if digests not in ("once", "all", "never"):
            raise ValueError(f"digests is once, all or never, and not {digests!r}")
        wanted, id_ = self._artifact_of(ref)
        raw = self.blobs.get(artifact_name(id_))
        if digest(raw) != id_:
            raise Corrupt(f"the manifest of {wanted} does not match its id; holdfast check says what is hurt", file=self.shown)
        where = read_layout(self.blobs.get(layout_name(id_)), id_, self.shown)
        return Opening(as_file(read_manifest(raw), raw, where, f"{self.shown}#{wanted}", self._open_compared if digests == "once" else self._open_blob))

    def _artifact_of(self, ref: str | Version) -> tuple[str, str]:
        """Return how a version is called, and its artifact, by one question."""
        if isinstance(ref, Version):
            return str(ref), ref.artifact
        wanted = reference(ref)
        with self.database.reading() as on:
            if wanted.number is not None:
                row = on.execute(_BY_NUMBER, {"model": wanted.model, "n": wanted.number}).one_or_none()
            else:
                row = on.execute(_BY_ALIAS, {"model": wanted.model, "alias": wanted.alias}).one_or_none() if wanted.alias not in (None, LATEST) else None
            if row is not None:
                return f"{wanted.model}:{row.n}", row.artifact
            found = self._find(on, wanted)
            return str(found), found.artifact

    def file(self, ref: str | Version, path: str | os.PathLike[str], *, durable: bool = True, on_bytes: Callable[[int], None] | None = None) -> int:
        """Write a version out as a file, byte for byte as `holdfast.save` would have; a file of that name is replaced.

        Args:
            ref: such as ``churn@production``.
            path: ends with ``.safetensors``.
            durable: flush to the disk before the file takes its name.
            on_bytes: told how many more bytes are done.

        Returns:
            Bytes of the file.

        Raises:
            NotFound: there is no such version, or no such folder.
            UnsupportedTarget: the name has the suffix of another format.
            Corrupt: the store's bytes do not match their digests; nothing was written.
        """
        from holdfast.store.filing import write_out

        with self.open(ref) as opening:
            return write_out(opening, path, durable, on_bytes)

    def trial(self) -> Store:
        """Return this store as one whose changes of aliases, tags, metrics, notes and versions are refused or allowed as ever, and not made."""
        found = Store(self.blobs, self.database, self.shown, self.who)
        found.journal = Trial(self.blobs, self.database)
        return found

    def load(self, ref: str | Version, *, trusted: Iterable[Any] | None = None, trusted_functions: Iterable[Any] | None = None, part: str | None = None,
             digests: str = "once", replay: bool = False, max_memory: int | None = None, device: Any = None) -> Any:  # fmt: skip
        """Load a version.

        Args:
            ref: such as ``churn:7``, ``churn@production`` or ``churn@latest``; or a `Version`.
            trusted: see `holdfast.load`.
            trusted_functions: see `holdfast.load`.
            part: see `holdfast.load`.
            digests: ``"once"`` compares each blob with its digest the first time that this host reads it, and again when its file
                was touched; ``"all"`` compares every tensor now; ``"never"`` only what a check of state reads.
            replay: see `holdfast.load`.
            max_memory: see `holdfast.load`.
            device: see `holdfast.load`.

        Raises:
            NotFound: there is no such version; names what there is.
            Corrupt: what the store holds does not match its digests.
            HoldfastError: as `holdfast.load`.
        """
        allowed: Policy = policy(trusted, trusted_functions)
        with self.open(ref, digests=digests) as opening:
            model = opening.load(allowed, part, "all" if digests == "all" else "needed", max_memory, device)
            return replayed(opening, model) if replay else model

    # -- finding --------------------------------------------------------------------------------------------------------

    def find(self, ref: str | Version) -> Version:
        """Return the version that a reference names."""
        if isinstance(ref, Version):
            return ref
        wanted = reference(ref)
        with self.database.reading() as on:
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
        found = self._read_many(on, [(model, n)])
        if not found:
            raise NotFound(f"there is no version {name}:{n}", file=self.shown)
        return found[0]

    def _read_many(self, on: Any, wanted: list[tuple[int, int]]) -> list[Version]:
        """Return versions in the order in which they are wanted, in five questions however many they are."""
        v, a = c.version.c, c.artifact.c

        def of(table: Any, *columns: Any) -> dict[tuple[int, int], list[Any]]:
            found: dict[tuple[int, int], list[Any]] = {}
            for start in range(0, len(wanted), 300):
                chosen = c.these(on, table.c.model, table.c.n, wanted[start : start + 300])
                for row in on.execute(sa.select(table.c.model, table.c.n, *columns).where(chosen).order_by(*columns[:1])):
                    found.setdefault((row[0], row[1]), []).append(row[2:])
            return found

        metrics = of(c.metric, c.metric.c.key, c.metric.c.number, c.metric.c.text)
        tags = of(c.tag, c.tag.c.key, c.tag.c.value)
        aliases = of(c.alias, c.alias.c.name)
        rows: dict[tuple[int, int], Any] = {}
        for start in range(0, len(wanted), 300):
            chosen = sa.select(c.model.c.name, v.model, v.n, v.artifact, v.at, v.who, v.note, v.parent, v.data, v.code, a.content, a.type, a.size)
            chosen = chosen.join_from(c.version, c.artifact).join(c.model, c.model.c.id == v.model).where(c.these(on, v.model, v.n, wanted[start : start + 300]))
            rows.update({(row.model, row.n): row for row in on.execute(chosen)})
        return [
            Version(
                row.name, row.n, row.artifact, row.content, row.type, row.size, row.at, row.who, row.note, row.parent,
                {key: _number_or_text(number, text) for key, number, text in metrics.get(key_, [])},
                dict(tags.get(key_, [])), tuple(name for (name,) in aliases.get(key_, [])), json.loads(row.data), json.loads(row.code),
            )._of(self)
            for key_ in wanted if (row := rows.get(key_)) is not None
        ]  # fmt: skip

    def _version(self, name: str, n: int) -> Version:
        with self.database.reading() as on:
            return self._find(on, Reference(name, n))

    def _near(self, on: Any, name: str) -> str:
        names = on.scalars(sa.select(c.model.c.name).where(c.model.c.latest.is_not(None)).order_by(c.model.c.changed.desc()).limit(8)).all()
        return f"; there are {', '.join(sorted(names))}" if names else "; the store is empty"

    # -- aliases --------------------------------------------------------------------------------------------------------

    def alias(self, ref: str, to: str | int | Version | None, *, why: str = "", who: str | None = None) -> Version | None:
        """Point an alias at a version, or take it away with None."""
        wanted = reference(ref)
        if wanted.alias is None:
            raise ValueError(f"{ref!r} is no alias that can be set; give one such as {wanted.model}@production")
        _settable(wanted.alias, wanted.model)
        n = self._number(wanted.model, to)

        def make(on: Any, row: Any) -> Record:
            old = on.scalar(sa.select(c.alias.c.n).where(c.alias.c.model == row.id, c.alias.c.name == wanted.alias))
            if old == n:
                raise _Same
            return Record(wanted.model, 0, "alias", now(), self.who if who is None else who, why, "", alias=wanted.alias, old=old, new=n)

        with contextlib.suppress(_Same):
            self.journal.write(make, wanted.model)
        return None if n is None else self._version(wanted.model, n)

    def rollback(self, ref: str, *, why: str = "", who: str | None = None) -> Version:
        """Undo the last move of an alias."""
        wanted = reference(ref)
        if wanted.alias is None:
            raise ValueError(f"{ref!r} is no alias; give one such as {wanted.model}@production")
        _settable(wanted.alias, wanted.model)
        found: list[int] = []

        def make(on: Any, row: Any) -> Record:
            e = c.event.c
            moves = on.execute(sa.select(e.kind, e.old, e.new).where(e.model == row.id, e.alias == wanted.alias).order_by(e.seq)).all()
            before: list[int | None] = []
            for move in moves:
                if move.kind == "rollback":
                    before.pop()
                else:
                    before.append(move.old)
            if not before or before[-1] is None:
                raise Conflict(f"{wanted} has nothing to go back to; its moves: holdfast log {wanted.model}", file=self.shown)
            found.append(before[-1])
            return Record(wanted.model, 0, "rollback", now(), self.who if who is None else who, why, "", alias=wanted.alias, old=moves[-1].new, new=before[-1])

        self.journal.write(make, wanted.model)
        return self._version(wanted.model, found[-1])

    def _number(self, model: str, to: str | int | Version | None) -> int | None:
        if to is None or isinstance(to, int):
            return to
        version = self.find(to)
        if version.model != model:
            raise ValueError(f"{version} is a version of another model than {model}")
        return version.n

    # -- what is written about versions -----------------------------------------------------------------------------------

    def tag(self, ref: str | Version, values: Mapping[str, str | None] | None = None, /, *, why: str = "", who: str | None = None, **tags: str | None) -> Version:
        """Set tags of a version, by their names or as a mapping, which may hold any key; None takes one away."""
        return self._each(ref, "tag", checked_tag, {**(values or {}), **tags}, why, who)

    def metric(self, ref: str | Version, *, why: str = "", who: str | None = None, **metrics: float | int | str | None) -> Version:
        """Set metrics of a version, such as those of a later evaluation; None takes one away. The artifact keeps those of its save."""
        return self._each(ref, "metric", checked_metric, metrics, why, who)

    def _each(self, ref: str | Version, kind: str, checked: Callable[[str, Any], Any], given: Mapping[str, Any], why: str, who: str | None) -> Version:
        # all of them are looked at before the first is written
        wanted = {(kept := checked_key(key, kind)): None if value is None else checked(kept, value) for key, value in given.items()}
        version = self.find(ref)
        for key, value in wanted.items():
            self.journal.write(self._about(version, kind, why, who, key=key, value=value), version.model)
        return self._version(version.model, version.n)

    def note(self, ref: str | Version, text: str, *, why: str = "", who: str | None = None) -> Version:
        """Give a version another note."""
        version = self.find(ref)
        self.journal.write(self._about(version, "note", why, who, text=text), version.model)
        return self._version(version.model, version.n)

    def card(self, ref: str | Version, text: str | None = None, *, why: str = "", who: str | None = None) -> str:
        """Return the model card of a version, or keep another one with it.

        Args:
            ref: such as ``churn@production``.
            text: Markdown to keep. Without it nothing is changed; an empty one takes away what was kept.
            why: for the history.
            who: author; that of the store unless told.

        Returns:
            The card that was kept with the version; or one made of what the store knows: what it is, metrics, signature, parameters, digests of the
            data, parents and code, how to load it, and limits.

        Raises:
            NotFound: there is no such version.
            LimitExceeded: the text is longer than a card may be.
            Corrupt: the card that was kept is damaged.
        """
        from holdfast.store import card

        version = self.find(ref)
        if text is not None:
            card.write(self, version, text, self.who if who is None else who, why)
        return card.read(self, version)

    def attach(
        self, ref: str | Version, name: str, data: bytes | None, media_type: str = "application/octet-stream", *, why: str = "", who: str | None = None
    ) -> dict[str, Attachment]:  # fmt: skip
        """Keep a small file with a version, such as a signature or a report; it goes along wherever the version goes.

        Args:
            ref: such as ``churn@production``.
            name: of the file; one of that name is replaced.
            data: its bytes; None takes it away.
            media_type: what kind of file it is.
            why: for the history.
            who: author; that of the store unless told.

        Returns:
            All attachments of the version, by their names.

        Raises:
            NotFound: there is no such version, or no such attachment to take away.
            LimitExceeded: it is larger than an attachment may be, or there are too many.
            ValueError: the name is none that every file system takes, or the media type is none.
        """
        from holdfast.store import beside

        version = self.find(ref)
        beside.attach(self, version, name, data, media_type, self.who if who is None else who, why)
        return beside.attachments(self, version)

    def attachments(self, ref: str | Version) -> dict[str, Attachment]:
        """Return the files that are kept with a version, by their names."""
        from holdfast.store import beside

        return beside.attachments(self, self.find(ref))

    def attached(self, ref: str | Version, name: str) -> bytes:
        """Return the bytes of an attachment, compared with their digest.

        Raises:
            NotFound: there is no such version, or no such attachment.
            Corrupt: it is damaged.
        """
        from holdfast.store import beside

        return beside.attached(self, self.find(ref), name)

    def delete(self, ref: str | Version, *, why: str = "", who: str | None = None) -> Deleted:
        """Take a version out of the store. Its number is not given again; its bytes go with a later `collect`, if nobody else needs them.

        Args:
            ref: the version.
            why: kept in the history.
            who: author, if it is another than that of this store.

        Returns:
            What still points at it, and what its end frees.

        Raises:
            Conflict: an alias points at it.
            NotFound: it is not there.
        """
        version = self.find(ref)
        found = pointing(self, version)
        self.journal.write(self._about(version, "delete", why, who), version.model)
        return found

    def keep(self, name: str, last: int = 10, *, days: float | None = None, dry_run: bool = False, why: str = "", who: str | None = None) -> list[Deleted]:
        """Delete the old versions of a model: all but the last, and but those that an alias points at.

        Args:
            name: of the model.
            last: how many of the newest stay.
            days: those that are younger stay too.
            dry_run: delete nothing, and say what would go.
            why: kept in the history.
            who: author, if it is another than that of this store.

        Returns:
            What went, the oldest first.

        Raises:
            NotFound: there is no such model.
            ValueError: a number is negative.
        """
        return keep(self, name, last, days, dry_run, why, who)

    def _about(self, version: Version, kind: str, why: str, who: str | None, **more: Any) -> Callable[[Any, Any], Record]:
        return lambda on, row: Record(version.model, 0, kind, now(), self.who if who is None else who, why, "", n=version.n, **more)

    # -- listing --------------------------------------------------------------------------------------------------------

    def models(self, *, limit: int = 100, after: str | None = None) -> list[str]:
        """Return the names of models that have versions, in order, a page at a time.

        Args:
            limit: names of a page.
            after: the last name of the page before.
        """
        of = c.model.c
        wanted = sa.select(of.name).where(of.latest.is_not(None)).order_by(of.name).limit(_page(limit))
        with self.database.reading() as on:
            return list(on.scalars(wanted if after is None else wanted.where(of.name > after)))

    def versions(self, name: str, *, limit: int = 100, before: int | None = None) -> list[Version]:
        """Return versions of a model, the newest first, a page at a time.

        Args:
            name: the model's name.
            limit: versions of a page.
            before: the number of the last version of the page before.

        Raises:
            NotFound: there is no such model.
        """
        with self.database.reading() as on:
            model = self._model(on, checked_name(name))
            v = c.version.c
            wanted = sa.select(v.model, v.n).where(v.model == model).order_by(v.n.desc()).limit(_page(limit))
            return self._read_many(on, [tuple(row) for row in on.execute(wanted if before is None else wanted.where(v.n < before))])

    def numbered(self, name: str, numbers: Iterable[int]) -> list[Version]:
        """Return the versions of a model that have these numbers, the smallest first; those that are not there are left out.

        Raises:
            NotFound: there is no such model.
        """
        with self.database.reading() as on:
            model = self._model(on, checked_name(name))
            return self._read_many(on, [(model, n) for n in sorted(set(numbers))])

    def next_number(self, name: str) -> int:
        """Return the number that the next version of a name will have, if nobody saves one before."""
        with self.database.reading() as on:
            return on.scalar(sa.select(c.model.c.next_number).where(c.model.c.name == checked_name(name))) or 1

    def search(self, query: str = "", *, order: str = "at desc", limit: int = 50, after: str | None = None) -> Page:
        """Find versions of all models, a page at a time.

        Args:
            query: such as ``"metrics.auc > 0.9 and tags.team = 'risk'"``; the language is in ``docs/store.md``. All versions when it is empty.
            order: a field, and ``desc`` for the largest first. Versions that have no such metric or tag come last.
            limit: versions of a page, at most 1000.
            after: the cursor of the page before.

        Returns:
            A list of versions, whose ``after`` is the cursor of the next page, or None.

        Raises:
            InvalidQuery: it is no question; shows where. Or the cursor is none, or of another question.
        """
        from holdfast.store.search import asked

        wanted = asked(query, order, limit, after)
        with self.database.reading() as on:
            found, cursor = wanted.page(on)
            return Page(self._read_many(on, found), cursor)

    def history(self, ref: str, *, limit: int = 100, before: int | None = None) -> list[Moved]:
        """Return what was changed of a model, or of one alias of it: who, when, why, from where, to where; the newest first.

        Args:
            ref: a model such as ``churn``, or an alias such as ``churn@production``.
            limit: entries of a page.
            before: ``seq`` of the last entry of the page before.

        Raises:
            NotFound: there is no such model, or never was such an alias or version.
        """
        wanted = reference(ref)
        with self.database.reading() as on:
            model = self._model(on, wanted.model)
            e = c.event.c
            chosen = sa.select(e.seq, e.kind, e.at, e.who, e.why, e.n, e.alias, e.old, e.new, e.key, e.value).where(e.model == model).order_by(e.seq.desc()).limit(_page(limit))
            if wanted.alias is not None:
                chosen = chosen.where(e.alias == wanted.alias)
            if wanted.number is not None:
                chosen = chosen.where(sa.or_(e.n == wanted.number, e.old == wanted.number, e.new == wanted.number))
            if before is not None:
                chosen = chosen.where(e.seq < before)
            found = [Moved(*row) for row in on.execute(chosen)]
            if not found and before is None and wanted != Reference(wanted.model):
                self._find(on, wanted)  # nothing was ever said of it: is it there at all?
            return found

    def _model(self, on: Any, name: str) -> int:
        found = on.scalar(sa.select(c.model.c.id).where(c.model.c.name == name))
        if found is None:
            raise NotFound(f"there is no model {name!r}{self._near(on, name)}", file=self.shown)
        return int(found)


class _Same(Exception):
    """The alias points there already."""


def _number_or_text(number: float | None, text: str | None) -> Any:
    return text if number is None else number


def _settable(alias: str, model: str) -> str:
    """Return the name of an alias that somebody may point at a version."""
    found = checked_name(alias, "alias")
    if found == LATEST:
        raise ValueError(f"'{model}@{LATEST}' is no alias that can be set; give one such as {model}@production")
    return found


def _page(limit: Any) -> int:
    """Return the length of a page; a negative one would be everything on SQLite, and an error on PostgreSQL."""
    if not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit={limit!r} is no number of a page; give 1 or more")
    return limit
