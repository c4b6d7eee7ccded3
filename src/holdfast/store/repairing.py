"""One damaged object: looked at, kept aside, written anew from another store.

The one rule: what takes its place is compared with its digest, or with the rows that were made of it, before it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from blake3 import blake3

from holdfast.errors import HoldfastError, NotFound
from holdfast.store import catalog as c
from holdfast.store.apply import value_text
from holdfast.store.blobs import Blobs
from holdfast.store.blobs.ranges import pieces_of
from holdfast.store.blobs.wrapped import opened_there
from holdfast.store.lines import lines
from holdfast.store.objects import FORMAT, FORMAT_NAME, blobs_of, digest_in, place_in_log, read_format, read_layout, read_record
from holdfast.values.digest import PREFIX

if TYPE_CHECKING:
    from holdfast.store.store import Store


def fault(blobs: Blobs, name: str) -> str | None:
    """Say what is wrong with the bytes of an object, or None."""
    try:
        digest = digest_in(name)
        if name == FORMAT_NAME:
            read_format(blobs.get(name), blobs.shown)
        elif place_in_log(name) is not None:
            read_record(blobs.get(name), name, blobs.shown)
        elif digest is not None and name.startswith("layouts/"):
            read_layout(blobs.get(name), digest, blobs.shown)
        elif digest is not None:
            hasher = blake3()
            with opened_there(blobs, name) as source:
                for piece in pieces_of(source):
                    hasher.update(piece)
            if PREFIX + hasher.hexdigest() != digest:
                return "its bytes do not match its digest"
    except NotFound:
        return "it is not there"
    except HoldfastError as error:
        return f"it cannot be read: {error.message.removesuffix('; holdfast check says what it hurts')}"
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    return None


def put_aside(blobs: Blobs, name: str) -> bool:
    """Move an object to ``aside/``; says whether it is away, and kept."""
    try:
        kept = f"aside/{name}"
        number = 1
        while blobs.size(kept) is not None:
            number += 1
            kept = f"aside/{name}.{number}"
        with opened_there(blobs, name) as source:
            blobs.put(kept, pieces_of(source), source.size)
        blobs.delete(name)
    except (HoldfastError, OSError):
        return False  # there is nothing to keep, or no way to keep it: it stays where it is
    return True


def repaired(store: Store, other: Store, name: str) -> bool:
    """Write an object anew from another store.

    Args:
        store: that lacks it, or has it damaged.
        other: that may have it.
        name: of the object.

    Returns:
        Whether it was there, fits, and is now in its place.
    """
    if fault(other.blobs, name) is not None or not _fits(store, other, name):
        return False
    if store.blobs.size(name) is not None and not put_aside(store.blobs, name):
        return False
    with other.blobs.open(name) as source:
        store.blobs.put(name, pieces_of(source), source.size)
    return fault(store.blobs, name) is None


def _fits(store: Store, other: Store, name: str) -> bool:
    """Say whether what another store calls so is the same: two stores may lay an artifact out differently, and count their own records."""
    if name == FORMAT_NAME:
        return read_format(other.blobs.get(name), other.shown).format <= FORMAT and _shares_records(store.blobs, other.blobs)
    digest = digest_in(name)
    if digest is not None and not name.startswith("layouts/"):
        return True
    if digest is not None:
        theirs = blobs_of(read_layout(other.blobs.get(name), digest, other.shown))
        with store.database.reading() as on:
            wanted = sa.select(c.blob.c.digest, c.blob.c.size).join_from(c.artifact_blob, c.blob).where(c.artifact_blob.c.artifact == digest)
            return theirs == {row.digest: row.size for row in on.execute(wanted)}
    place = place_in_log(name)
    if place is None:
        return False
    record = read_record(other.blobs.get(name), name, other.shown)
    e = c.event.c
    with store.database.reading() as on:
        wanted = sa.select(e.kind, e.at, e.who, e.why, e.n, e.alias, e.old, e.new, e.key, e.value)
        row = on.execute(wanted.join_from(c.event, c.model).where(c.model.c.name == record.model, e.seq == record.seq)).one_or_none()
    if row is not None:
        return tuple(row) == (record.kind, record.at, record.who, record.why, record.n, record.alias, record.old, record.new, record.key, value_text(record))
    # no rows to compare it with: it counts if the other store is a copy of this one
    if fault(other.blobs, FORMAT_NAME) is not None:
        return False
    ours, theirs_ = (read_format(one.blobs.get(FORMAT_NAME), one.shown) for one in (store, other))
    return ours.store == theirs_.store


def _shares_records(ours: Blobs, theirs: Blobs) -> bool:
    """Say whether one store is a copy of another, where the id of one is lost: each record holds a number that its writer drew, so no two stores have one in common."""
    there = lines(theirs)
    for key, numbers in lines(ours).items():
        for seq in numbers.keys() & there.get(key, {}).keys():
            name = numbers[seq].name
            if fault(ours, name) is None and ours.get(name) == theirs.get(name):
                return True
    return False
