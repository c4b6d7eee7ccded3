"""Changes of models, each a record first: the one way to write to a store beside others.

Strategy (decision 13). The lock of the model's row is taken; the rows are changed, which refuses what cannot be; the record is put under
the next number of the model's line, if absent; commit. A record that is there already was put by somebody who did not come to the commit: its rows are made first.

The one rule: a record is there before anybody sees its rows, in the order in which rows change.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from holdfast.errors import Conflict, Corrupt, NotFound, Unavailable
from holdfast.native.container import logical_bytes
from holdfast.store import catalog as c
from holdfast.store.apply import ROW, Parts, apply
from holdfast.store.blobs import Blobs
from holdfast.store.database import Database, now
from holdfast.store.objects import (
    BESIDE,
    Record,
    artifact_name,
    blob_name,
    blobs_of,
    layout_name,
    read_layout,
    read_record,
    record_name,
    to_json,
)
from holdfast.store.said import checked_record
from holdfast.values.digest import digest
from holdfast.values.manifest import read_manifest

TRIES = 1000
"""Records of others that a writer makes rows of before it gives up."""


_LOCKED = ROW.with_for_update()


class _Taken(Exception):
    """There is a record under that number, of somebody who did not come to the commit."""


class Journal:
    """The records of a store, and the catalog that follows them."""

    def __init__(self, blobs: Blobs, database: Database) -> None:
        self.blobs = blobs
        self.database = database

    def write(self, make: Callable[[Any, Any], Record], model: str, parts: Parts | None = None, before: Callable[[Any], None] | None = None) -> Record:
        """Write one change.

        Args:
            make: given a connection and the model's row (id, seq, next_number), the record, with ``seq`` still open; raises to change nothing.
            model: its name.
            parts: for a version.
            before: lets go of what a session relies on, in the same transaction.

        Returns:
            The record as it was written.
        """
        writer = uuid.uuid4().hex
        for _ in range(TRIES):
            with contextlib.suppress(_Taken), self.database.writing() as on:
                row = self._locked(on, model)
                record = checked_record(make(on, row))
                record = msgspec.structs.replace(record, seq=row.seq + 1, writer=writer, at=record.at or now())
                # rows first, not committed yet: what they refuse must not have a record in the line
                if before is not None:
                    before(on)
                apply(on, record, parts, row, pinned=before is not None)
                name = record_name(model, record.seq)
                if not self.blobs.put_new(name, to_json(record)) and not self._is_ours(name, writer):
                    raise _Taken
                return record
            self.adopt(model)
        raise Unavailable(f"others wrote {TRIES} records of {model} while this one waited; try again", file=self.blobs.shown)

    def _is_ours(self, name: str, writer: str) -> bool:
        """Say whether a record is one that we put, and whose answer got lost."""
        try:
            return read_record(self.blobs.get(name), name, self.blobs.shown).writer == writer
        except NotFound:
            return False

    def _locked(self, on: Any, model: str) -> Any:
        row = on.execute(_LOCKED, {"model": model}).one_or_none()
        if row is None:
            c.insert_missing(on, c.model, "name", [{"name": model, "seq": 0, "next_number": 1, "versions": 0, "changed": now()}])
            row = on.execute(_LOCKED, {"model": model}).one()
        return row

    def adopt(self, model: str) -> int:
        """Make the rows of records that are there and have none; returns of how many.

        Raises:
            Corrupt: a record cannot be read, or what it needs is not there.
        """
        count = 0
        while True:
            with self.database.writing() as on:
                row = self._locked(on, model)
                name = record_name(model, row.seq + 1)
                try:
                    record = read_record(self.blobs.get(name), name, self.blobs.shown)
                except NotFound:
                    return count
                if record.model != model or record.seq != row.seq + 1:
                    raise Corrupt(f"the object {name} is the record of something else; holdfast check says what it hurts", file=self.blobs.shown)
                self.replay(on, record)
                count += 1

    def replay(self, on: Any, record: Record) -> None:
        """Make the rows of a record that was found."""
        parts = None
        if record.kind == "version" and record.artifact is not None:
            parts = self.parts_of(record.artifact)
        elif record.kind in BESIDE and record.blob is not None:
            parts = Parts("", "", 0, {record.blob: self.blobs.size(blob_name(record.blob)) or 0})
        try:
            apply(on, record, parts)
        except (Conflict, NotFound) as error:
            raise Corrupt(f"the record {record_name(record.model, record.seq)} does not follow from those before it ({error.message})", file=self.blobs.shown) from None

    def parts_of(self, id_: str, size_of: Callable[[str], int | None] | None = None) -> Parts:
        """Return what an artifact is, read from its objects.

        Args:
            id_: of the artifact.
            size_of: digest -> bytes of a blob, where somebody has listed them.

        Raises:
            Corrupt: an object of it is missing or is another one.
        """
        try:
            raw = self.blobs.get(artifact_name(id_))
            if digest(raw) != id_:
                raise Corrupt(f"the object {artifact_name(id_)} does not match its digest", file=self.blobs.shown)
            manifest = read_manifest(raw)
            where = read_layout(self.blobs.get(layout_name(id_)), id_, self.blobs.shown)
            sizes = blobs_of(where)
            for one, size in sizes.items():
                found = self.blobs.size(blob_name(one)) if size_of is None else size_of(one)
                if found is None:
                    raise NotFound(f"the object {blob_name(one)} is not there", file=self.blobs.shown)
                if found != size:
                    raise Corrupt(f"the object {blob_name(one)} has {found} bytes and not {size}", file=self.blobs.shown)
        except NotFound as error:
            raise Corrupt(f"{error.message}: a version needs it", file=self.blobs.shown) from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Corrupt(f"the object {artifact_name(id_)} is no manifest", file=self.blobs.shown) from None
        return Parts(manifest.content.digest, manifest.type, nbytes_of(manifest, where.trees), sizes)


class Trial(Journal):
    """A journal that refuses what it would refuse, and writes nothing."""

    def write(self, make: Callable[[Any, Any], Record], model: str, parts: Parts | None = None, before: Callable[[Any], None] | None = None) -> Record:
        """Return the record that would be written, once its rows could be made."""
        with self.database.writing() as on:
            try:
                row = self._locked(on, model)
                record = msgspec.structs.replace(checked_record(make(on, row)), seq=row.seq + 1)
                apply(on, record, parts)
                return record
            finally:
                on.get_transaction().rollback()


def nbytes_of(manifest: Any, trees: list[int]) -> int:
    """Return the bytes of an artifact's trees and tensors."""
    parts = [manifest.content, *([manifest.example] if manifest.example is not None else [])]
    return sum(trees) + sum(logical_bytes(dtype, shape) for part in parts for _, dtype, shape, _ in part.tensors)
