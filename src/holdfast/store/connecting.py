"""From an address to a store: which place for its objects, which catalog.

The one rule: an address says everything; nothing is read from the environment.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from holdfast.errors import Corrupt, FormatError, Unavailable, UnsupportedVersion
from holdfast.store.blobs import SCHEMES, Blobs
from holdfast.store.blobs.filesystem import Claim, Found, look
from holdfast.store.blobs.local import LocalBlobs
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.blobs.wrapped import ReadOnlyBlobs, RetryingBlobs
from holdfast.store.database import Database
from holdfast.store.objects import FORMAT, FORMAT_NAME, Format, read_format, to_json
from holdfast.store.store import Store

CATALOG = "catalog.sqlite"
SHOWN = ("blobs", "sslmode", "application_name", "connect_timeout")
"""Options of an address that hold no secret."""


def connect(
    url: str | os.PathLike[str], *, who: str = "", read_only: bool = False, blob_options: Mapping[str, Any] | None = None, cache: str | os.PathLike[str] | None = None
) -> Store:
    """Open a store, or make one where there is none; see `holdfast.connect`."""
    text = os.fspath(url)
    scheme, _, rest = text.partition("://")
    shown = _shown(text)
    blobs: Blobs
    found: Found | None = None
    if "://" not in text or scheme == "file":
        folder = rest if "://" in text else text
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise FormatError("this is a file; a store is a folder, or the address of a database", file=folder)
        if not read_only:
            os.makedirs(folder, exist_ok=True)
        blobs, found = _folder(folder, read_only)
        database_url = f"sqlite:///{os.path.join(os.path.abspath(folder), CATALOG)}"
    elif scheme == "memory":
        blobs = MemoryBlobs(text)
        database_url = "sqlite:///:memory:"
    elif scheme in ("postgresql", "postgres"):
        parts = urlsplit(text)
        asked = parse_qs(parts.query)
        place = asked.get("blobs", [""])[0]
        if not place:
            raise ValueError(f"{shown} says nothing of where the bytes lie; give ...?blobs=s3://bucket/prefix, or blobs=file:///folder")
        blobs = blobs_at(place, read_only=read_only, options=blob_options, cache=cache)
        kept = "&".join(f"{key}={value}" for key, values in asked.items() if key != "blobs" for value in values)
        database_url = f"postgresql+psycopg://{parts.netloc}{parts.path}{'?' + kept if kept else ''}"
    elif scheme in SCHEMES:
        raise ValueError(f"{shown} has no catalog that several writers can share; give postgresql://host/database?blobs={shown}")
    else:
        raise ValueError(f"{shown} is no address of a store; give a folder, or postgresql://host/database?blobs=s3://bucket/prefix")
    claim = _claimed(found, blobs, read_only)
    try:
        _check_format(blobs, read_only)
        database = Database(database_url, shown, read_only, shared=claim is not None, on_close=claim.release if claim is not None else None)
        if not read_only:
            database.make()
        else:
            database.check_format()
    except BaseException:
        if claim is not None:
            claim.release()
        raise
    return Store(blobs, database, shown, who)


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
    local = LocalBlobs(folder)
    if read_only:
        return ReadOnlyBlobs(local), None
    os.makedirs(folder, exist_ok=True)
    return local, look(folder)


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


def _check_format(blobs: Any, read_only: bool) -> None:
    if not read_only and blobs.size(FORMAT_NAME) is None:
        blobs.put_new(FORMAT_NAME, to_json(Format("store", FORMAT, uuid.uuid4().hex)))
    found = read_format(blobs.get(FORMAT_NAME), blobs.shown)
    if found.holdfast != "store":
        raise Corrupt(f"the object {FORMAT_NAME} is not that of a store", file=blobs.shown)
    if found.format > FORMAT and not read_only:
        raise UnsupportedVersion(f"the store has format {found.format}, and this holdfast writes {FORMAT}; upgrade with: pip install -U holdfast, or connect with read_only=True", file=blobs.shown)


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
