"""From an address to a store: which place for its objects, which catalog.

The one rule: an address says everything; nothing is read from the environment.
"""

from __future__ import annotations

import os
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

from holdfast.errors import Corrupt, FormatError, Unavailable, UnsupportedVersion
from holdfast.store.blobs import Blobs
from holdfast.store.blobs.local import LocalBlobs
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.database import Database
from holdfast.store.journal import Journal
from holdfast.store.objects import FORMAT, FORMAT_NAME, Format, read_format, to_json
from holdfast.store.replaying import replay_all, snapshot, told
from holdfast.store.store import Store

CATALOG = "catalog.sqlite"


def connect(url: str | os.PathLike[str], *, who: str = "", read_only: bool = False) -> Store:
    """Open a store, or make one where there is none; see `holdfast.connect`."""
    text = os.fspath(url)
    scheme, _, rest = text.partition("://")
    blobs: Blobs
    if "://" not in text or scheme == "file":
        folder = rest if scheme == "file" else text
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise FormatError("this is a file; a store is a folder, or the address of a database", file=folder)
        blobs = LocalBlobs(folder)
        database_url = f"sqlite:///{os.path.join(os.path.abspath(folder), CATALOG)}"
        if not read_only:
            os.makedirs(folder, exist_ok=True)
    elif scheme == "memory":
        blobs = MemoryBlobs(text)
        database_url = "sqlite:///:memory:"
    elif scheme in ("postgresql", "postgres"):
        parts = urlsplit(text)
        asked = parse_qs(parts.query)
        place = asked.get("blobs", [""])[0]
        if not place:
            raise ValueError(f"{_shown(text)} says nothing of where the bytes lie; give ...?blobs=s3://bucket/prefix, or blobs=file:///folder")
        blobs = blobs_at(place)
        kept = "&".join(f"{key}={value}" for key, values in asked.items() if key != "blobs" for value in values)
        database_url = f"postgresql+psycopg://{parts.netloc}{parts.path}{'?' + kept if kept else ''}"
    else:
        raise ValueError(f"{_shown(text)} is no address of a store; give a folder, or postgresql://host/database?blobs=s3://bucket/prefix")
    _check_format(blobs, read_only)
    return Store(blobs, _catalog(blobs, database_url, _shown(text), read_only), _shown(text), who)


def _catalog(blobs: Blobs, url: str, shown: str, read_only: bool) -> Database:
    """Open the catalog; where there is none, make it from the records, for a reader in memory."""
    file = url.removeprefix("sqlite:///") if url.startswith("sqlite:///") and url != "sqlite:///:memory:" else None
    if not read_only:
        database = Database(url, shown)
        try:
            database.make(lambda on: told(replay_all(on, Journal(blobs, database)), shown))
        except Unavailable as error:
            if file is not None and ("malformed" in error.message or "not a database" in error.message):
                raise Unavailable(f"{error.message}; move {CATALOG} away and connect again: it is made anew from the records", file=shown) from None
            raise
        return database
    if file is not None and not os.path.exists(file):
        return snapshot(blobs, shown)
    database = Database(url, shown, read_only)
    try:
        database.format()
    except Unavailable:
        if file is None:
            raise
        return snapshot(blobs, shown)  # damaged, or on a disk that does not let SQLite have its lock beside it
    return database


def blobs_at(place: str) -> Blobs:
    """Return the place for objects that an address names."""
    scheme, _, rest = place.partition("://")
    if "://" not in place or scheme == "file":
        return LocalBlobs(rest or place)
    if scheme == "memory":
        return MemoryBlobs(place)
    raise ValueError(f"{_shown(place)} is no place for objects that holdfast knows; there are file://, memory://")


def _check_format(blobs: Any, read_only: bool) -> None:
    if not read_only and blobs.size(FORMAT_NAME) is None:
        blobs.put_new(FORMAT_NAME, to_json(Format("store", FORMAT, uuid.uuid4().hex)))
    found = read_format(blobs.get(FORMAT_NAME), blobs.shown)
    if found.holdfast != "store":
        raise Corrupt(f"the object {FORMAT_NAME} is not that of a store", file=blobs.shown)
    if found.format > FORMAT and not read_only:
        raise UnsupportedVersion(f"the store has format {found.format}, and this holdfast writes {FORMAT}; upgrade with: pip install -U holdfast, or connect with read_only=True", file=blobs.shown)


def _shown(url: str) -> str:
    """Return an address without its password."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url
