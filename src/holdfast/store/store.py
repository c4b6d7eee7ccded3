"""A store as its users hold it: save and load; what is listed and changed comes from the classes below it.

The one rule: what changes anything goes through the journal; what is rare is grouped in `admin` and `transfer`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from holdfast.artifact import save as saving
from holdfast.artifact.load import Opening, replayed
from holdfast.artifact.replay import Proof, replay
from holdfast.errors import Corrupt, ProofFailed
from holdfast.store import catalog as c
from holdfast.store.blobs import Blobs
from holdfast.store.changing import Changing, settable
from holdfast.store.database import Database, now
from holdfast.store.journal import Journal, Trial
from holdfast.store.lineage import code_state, data_digests, parent_text
from holdfast.store.objects import Record, artifact_name, blob_name, layout_name, read_layout
from holdfast.store.pieces import as_file
from holdfast.store.publish import Put, put
from holdfast.store.said import checked_record, metrics_of, tags_of
from holdfast.store.sessions import Session
from holdfast.store.verified import Verified
from holdfast.store.version import Version
from holdfast.trust.policy import Policy, policy
from holdfast.values.digest import digest
from holdfast.values.manifest import read_manifest
from holdfast.values.reference import LATEST, checked_name, reference

if TYPE_CHECKING:
    from holdfast.store.admin import Admin
    from holdfast.store.transfer import Transfer


_BY_NUMBER = sa.select(c.version.c.n, c.version.c.artifact).join(c.model, c.model.c.id == c.version.c.model).where(
    c.model.c.name == sa.bindparam("model"), c.version.c.n == sa.bindparam("n")
)  # fmt: skip
_BY_ALIAS = (
    sa.select(c.version.c.n, c.version.c.artifact)
    .join(c.alias, sa.and_(c.alias.c.model == c.version.c.model, c.alias.c.n == c.version.c.n))
    .join(c.model, c.model.c.id == c.version.c.model)
    .where(c.model.c.name == sa.bindparam("model"), c.alias.c.name == sa.bindparam("alias"))
)


class Store(Changing):
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
            alias = settable(alias, name)
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
        alias = None if alias is None else settable(alias, name)
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
        source = as_file(read_manifest(raw), raw, where, f"{self.shown}#{wanted}", self._open_compared if digests == "once" else self._open_blob)
        source.call = f"store.load({wanted!r}"
        return Opening(source)

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
