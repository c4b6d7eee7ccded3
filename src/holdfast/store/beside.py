"""What is kept beside an artifact and is no part of it: a model card, and attachments such as signatures, each a blob that a record names.

The one rule: the bytes are there and pinned before the record names them, and are compared with their digest whenever they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from holdfast.errors import Corrupt, LimitExceeded, NotFound, quoted
from holdfast.store import catalog as c
from holdfast.store.apply import Parts
from holdfast.store.database import now
from holdfast.store.journal import Trial
from holdfast.store.objects import FILE_NAME, MEDIA_TYPE, Record, blob_name
from holdfast.store.sessions import Session
from holdfast.values import limits
from holdfast.values.digest import digest

if TYPE_CHECKING:
    from holdfast.store.store import Store
    from holdfast.store.version import Version


class Attachment(NamedTuple):
    """A file that is kept with a version.

    Attributes:
        name: its name.
        media_type: what kind of file it is.
        blob: the digest of its bytes.
        size: how many they are.
    """

    name: str
    media_type: str
    blob: str
    size: int


def keep(store: Store, model: str, raw: bytes, make: Callable[[Any, Any, str], Record], kind: str) -> None:
    """Write bytes, and the record that names them.

    Args:
        store: that they go to.
        model: whose record it is.
        raw: the bytes.
        make: given a connection, the row of the model and the blob, the record.
        kind: of the session.
    """
    blob = digest(raw)
    parts = Parts("", "", 0, {blob: len(raw)})
    if isinstance(store.journal, Trial):  # only tried: its bytes are not written
        store.journal.write(lambda on, row: make(on, row, blob), model, parts)
        return
    with Session.opened(store.database, kind) as session:
        if session.pin({blob: len(raw)}) or store.blobs.size(blob_name(blob)) != len(raw):
            store.blobs.put(blob_name(blob), [raw], len(raw))
        store.journal.write(lambda on, row: make(on, row, blob), model, parts, session.end)


def held(store: Store, blob: str, most: int, what: str, remedy: str) -> bytes:
    """Return bytes that are kept beside an artifact.

    Args:
        store: that has them.
        blob: their digest.
        most: how many they may be.
        what: they are, for messages.
        remedy: what to do about damage.

    Raises:
        Corrupt: they do not match their digest.
        LimitExceeded: they are more than they may be; another tool wrote them.
        NotFound: they are gone.
    """
    size = store.blobs.size(blob_name(blob))
    if size is not None and size > most:
        raise LimitExceeded(f"{what} takes {size} bytes, more than {most}; {remedy}", file=store.shown)
    raw = bytes(store.blobs.get(blob_name(blob)))
    if digest(raw) != blob:
        raise Corrupt(f"{what} does not match its digest; {remedy}, or run holdfast check", file=store.shown)
    return raw


def attach(store: Store, version: Version, name: str, data: bytes | None, media_type: str, who: str, why: str) -> None:
    """Keep a file with a version, or take it away; see `Store.attach`."""
    if not FILE_NAME.match(name):
        raise ValueError(f"{quoted(name, 80)!r} cannot be the name of an attachment: it is of letters, digits and ._-, begins with a letter or a digit, and has at most 100 characters")
    if not MEDIA_TYPE.match(media_type):
        raise ValueError(f"{quoted(media_type, 80)!r} is no media type; give one such as application/json, in small letters")
    if data is None:
        store.journal.write(lambda on, row: _gone(on, row, version, name, who, why), version.model)
        return
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"an attachment is bytes, and not {type(data).__name__}; read the file first")
    raw = bytes(data)
    if len(raw) > limits.ATTACHMENT_BYTES:
        raise LimitExceeded(f"the attachment {name} takes {len(raw)} bytes, more than {limits.ATTACHMENT_BYTES} (ATTACHMENT_BYTES); let it go along as an export", file=store.shown)

    def make(on: Any, row: Any, blob: str) -> Record:
        there = _names(on, row.id, version.n)
        if len(there | {name}) > limits.ATTACHMENTS:
            raise LimitExceeded(f"{version} has {len(there)} attachments, and a version has at most {limits.ATTACHMENTS} (ATTACHMENTS)", file=store.shown)
        return Record(version.model, 0, "attachment", now(), who, why, "", n=version.n, key=name, value=media_type, blob=blob)

    keep(store, version.model, raw, make, "attachment")


def _gone(on: Any, row: Any, version: Version, name: str, who: str, why: str) -> Record:
    if name not in _names(on, row.id, version.n):
        raise NotFound(f"{version} has no attachment {quoted(name, 80)!r}")
    return Record(version.model, 0, "attachment", now(), who, why, "", n=version.n, key=name)


def _names(on: Any, model: int, n: int) -> set[str]:
    return set(on.scalars(sa.select(c.attachment.c.name).where(c.attachment.c.model == model, c.attachment.c.n == n)))


def attachments(store: Store, version: Version) -> dict[str, Attachment]:
    """Return the files that are kept with a version, by their names; see `Store.attachments`."""
    of = c.attachment.c
    wanted = sa.select(of.name, of.media_type, of.blob, c.blob.c.size).join_from(c.attachment, c.model, c.model.c.id == of.model).join(c.blob, c.blob.c.digest == of.blob)
    with store.database.reading() as on:
        rows = on.execute(wanted.where(c.model.c.name == version.model, of.n == version.n).order_by(of.name)).all()
    return {row.name: Attachment(*row) for row in rows}


def attached(store: Store, version: Version, name: str) -> bytes:
    """Return the bytes of an attachment.

    Raises:
        NotFound: there is none of that name.
        Corrupt: it is damaged.
    """
    found = attachments(store, version)
    if name not in found:
        raise NotFound(f"{version} has no attachment {quoted(name, 80)!r}; it has {', '.join(found) or 'none'}", file=store.shown)
    return held(store, found[name].blob, limits.ATTACHMENT_BYTES, f"the attachment {name} of {version}", "attach it anew")
