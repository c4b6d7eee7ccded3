"""From an address to a store: which place for its objects, which catalog.

The one rule: an address says everything; nothing is read from the environment.
"""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from holdfast.artifact.atomic import sync_folder, translate
from holdfast.errors import Corrupt, FormatError, HoldfastWarning, NotFound, Unavailable, UnsupportedVersion
from holdfast.store.blobs import SCHEMES, Blobs
from holdfast.store.blobs.filesystem import Claim, Found, look
from holdfast.store.blobs.local import LocalBlobs, made
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.blobs.wrapped import ReadOnlyBlobs, RetryingBlobs
from holdfast.store.database import Database
from holdfast.store.journal import Journal
from holdfast.store.objects import FORMAT, FORMAT_NAME, Format, read_format, to_json
from holdfast.store.replaying import replay_all, snapshot, told
from holdfast.store.store import Store

CATALOG = "catalog.sqlite"
IN_MEMORY = "sqlite:///:memory:"
SHOWN = ("blobs", "sslmode", "application_name", "connect_timeout")
"""Options of an address that hold no secret."""


def connect(
    url: str | os.PathLike[str], *, who: str = "", read_only: bool = False, blob_options: Mapping[str, Any] | None = None, cache: str | os.PathLike[str] | None = None
) -> Store:
    """Open a store, or make one where there is none; see `holdfast.connect`."""
    text = os.fspath(url)
    if not text or "\0" in text or not _writable(text):
        raise ValueError(f"{text!r} is no address of a store; give a folder, or postgresql://host/database?blobs=s3://bucket/prefix")
    shown = _shown(text)
    blobs, catalog, found = _parts(text, shown, read_only, blob_options, cache)
    claim = _claimed(found, blobs, read_only)
    try:
        damaged = _check_format(blobs, read_only)
        database = _catalog(blobs, catalog, shown, read_only, claim)
        if damaged is not None:
            database.refused = f"{damaged}; nothing is written before it is healed: holdfast check --repair-from URL takes it from a copy of this store"
            warnings.warn(f"{shown}: {damaged}; the store is read, and not written to", HoldfastWarning, stacklevel=3)
        return Store(blobs, database, shown, who)
    except BaseException:
        if claim is not None:
            claim.release()
        raise


def _writable(text: str) -> bool:
    """Say whether a system can have such a name; halves of characters stand for bytes in some names, and for nothing in others."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _parts(text: str, shown: str, read_only: bool, options: Mapping[str, Any] | None, cache: str | os.PathLike[str] | None) -> tuple[Blobs, str | None, Found | None]:
    """Return the place of the objects, the address of the catalog, if there is one, and what a folder stands on."""
    scheme, _, rest = text.partition("://")
    if "://" not in text or scheme == "file":
        folder = rest if "://" in text else text
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise FormatError("this is a file; a store is a folder, or the address of a database", file=folder)
        blobs, found = _folder(folder, read_only)
        return blobs, f"sqlite:///{os.path.join(os.path.abspath(folder), CATALOG)}", found
    if scheme == "memory":
        return MemoryBlobs(text), IN_MEMORY, None
    if scheme in ("postgresql", "postgres"):
        parts = urlsplit(text)
        asked = parse_qs(parts.query.replace("+", "%2B"))  # a plus stands for itself, as in keys
        place = asked.get("blobs", [""])[0]
        if not place:
            raise ValueError(f"{shown} says nothing of where the bytes lie; give ...?blobs=s3://bucket/prefix, or blobs=file:///folder")
        kept = "&".join(f"{key}={value}" for key, values in asked.items() if key != "blobs" for value in values)
        return blobs_at(place, read_only=read_only, options=options, cache=cache), f"postgresql+psycopg://{parts.netloc}{parts.path}{'?' + kept if kept else ''}", None
    if scheme in SCHEMES:
        blobs = blobs_at(text, read_only=read_only, options=options, cache=cache)
        if read_only:
            return blobs, None, None
        if not blobs.creates:
            raise Unavailable(
                f"this bucket lets several writers win one conditional PUT, so that it cannot keep them apart by itself; give postgresql://host/database?blobs={shown}, or read it with read_only=True", file=shown
            )
        return blobs, IN_MEMORY, None  # the records keep the order: of those who put one under a number, one wins, and the others read it
    raise ValueError(f"{shown} is no address of a store; give a folder, or postgresql://host/database?blobs=s3://bucket/prefix")


def _catalog(blobs: Blobs, url: str | None, shown: str, read_only: bool, claim: Claim | None) -> Database:
    """Open the catalog; where there is none, make it from the records, for a reader in memory."""
    file = url.removeprefix("sqlite:///") if url is not None and url.startswith("sqlite:///") and url != IN_MEMORY else None
    if url is None or (read_only and (url == IN_MEMORY or (file is not None and not os.path.exists(file)))):
        return snapshot(blobs, shown)
    if not read_only:
        database = Database(url, shown, shared=claim is not None, on_close=None if claim is None else claim.release, alone=url == IN_MEMORY)
        try:
            database.make(lambda on: told(replay_all(on, Journal(blobs, database)), shown))
        except BaseException as error:
            database.engine.dispose()  # whoever asked for the store gets none that could be closed
            if isinstance(error, Unavailable) and file is not None and ("malformed" in error.message or "not a database" in error.message):
                raise Unavailable(f"{error.message}; move {CATALOG} away and connect again: it is made anew from the records", file=shown) from None
            raise
        return database
    database = Database(url, shown, read_only)
    try:
        found = database.format()
    except Unavailable:
        database.close()
        if file is None:
            raise
        found = None  # damaged, or on a disk that does not let SQLite have its lock beside it
    return snapshot(blobs, shown) if found is None else database


def blobs_at(place: str, *, read_only: bool = False, options: Mapping[str, Any] | None = None, cache: str | os.PathLike[str] | None = None) -> Blobs:
    """Return the place for objects that an address names, after a look at what it really does.

    Args:
        place: ``s3://``, ``gs://`` or ``az://bucket/prefix``, ``file:///folder``, ``memory://``.
        read_only: never write there.
        options: of a bucket, beside those of its address; see `holdfast.store.blobs.places.bucket`.
        cache: folder that blobs of a bucket are kept in on this machine; one of this user's own unless told.

    Raises:
        ValueError: it is no address of a place, or an option is not known.
        Unavailable: it cannot be reached, or does not keep what a store needs.
    """
    scheme, _, rest = place.partition("://")
    if "://" not in place or scheme == "file":
        return _folder(rest if "://" in place else place, read_only)[0]
    if scheme == "memory":
        return ReadOnlyBlobs(MemoryBlobs(place)) if read_only else MemoryBlobs(place)
    if scheme in SCHEMES:
        # here, because obstore takes 40 ms that a folder does not need
        from holdfast.store.blobs.cached import CachedBlobs
        from holdfast.store.blobs.places import bucket
        from holdfast.store.blobs.probe import probe

        remote = bucket(place, options)
        blobs: Blobs = CachedBlobs(RetryingBlobs(remote), None if cache is None else os.fspath(cache))
        probe(blobs, remote.place, write=not read_only)
        return ReadOnlyBlobs(blobs) if read_only else blobs
    raise ValueError(f"{_shown(place)} is no place for objects that holdfast knows; there are s3://, gs://, az://, file://, memory://")


def _folder(folder: str, read_only: bool) -> tuple[Blobs, Found | None]:
    """Return a folder as a place for objects, and what it stands on, if that can be tried."""
    if read_only:
        return ReadOnlyBlobs(LocalBlobs(folder)), None
    try:
        for changed in made(os.path.abspath(folder)):
            sync_folder(changed)  # or a power cut takes the whole store
    except OSError as error:
        raise translate(error, folder, "the folder of the store could not be made") from None
    found = look(folder)
    return LocalBlobs(folder, found.links), found


def _claimed(found: Found | None, blobs: Blobs, read_only: bool) -> Claim | None:
    """Claim a folder that other machines may write to.

    Raises:
        Unavailable: somebody else writes there, or locks do not hold.
    """
    if found is None or found.shared is None or read_only:
        return None
    if not found.locks:
        raise Unavailable(
            f"this folder is on {found.shared}, where the lock of one process does not keep another one out, and two writers would spoil the catalog. Read it with read_only=True, or keep the catalog "
            f"in PostgreSQL: postgresql://host/database?blobs=file://{os.path.abspath(blobs.shown)}",
            file=blobs.shown,
        )
    return Claim(os.path.abspath(blobs.shown), f"a lock on {found.shared} is not seen by every machine")


def _check_format(blobs: Any, read_only: bool) -> str | None:
    """Make sure that this is a store of a format that we know; says what is wrong when that cannot be told, and it is a store all the same."""
    there = blobs.size(FORMAT_NAME) is not None
    records = not there and next(blobs.list("log/"), None) is not None
    if records and blobs.size(FORMAT_NAME) is None:  # it comes before the first record, so it was there
        return f"the object {FORMAT_NAME} is not there, and there are records"
    if not (there or read_only or records):
        blobs.put_new(FORMAT_NAME, to_json(Format("store", FORMAT, uuid.uuid4().hex)))
    try:
        found = read_format(blobs.get(FORMAT_NAME), blobs.shown)
    except NotFound:
        raise NotFound("there is no store here; correct the address, or connect without read_only=True to make one", file=blobs.shown) from None
    except Corrupt as error:
        return error.message
    if found.holdfast != "store":
        raise Corrupt(f"the object {FORMAT_NAME} is not that of a store", file=blobs.shown)
    if found.format > FORMAT and not read_only:
        raise UnsupportedVersion(f"the store has format {found.format}, and this holdfast writes {FORMAT}; upgrade with: pip install -U holdfast, or connect with read_only=True", file=blobs.shown)
    return None


def _shown(url: str) -> str:
    """Return an address without its password, and without the options of its bucket: there may be keys in them."""
    parts = urlsplit(url)
    if parts.scheme in SCHEMES:
        return url.partition("?")[0]
    if parts.password:
        url = url.replace(f":{parts.password}@", ":***@")
    head, mark, query = url.partition("?")
    if not mark or "://" not in head:
        return url
    asked = [(key, value.partition("?")[0] if key == "blobs" else value) for key, value in parse_qsl(query)]
    return f"{head}?{'&'.join(f'{key}={value if key in SHOWN else chr(42) * 3}' for key, value in asked)}"
