"""What the objects of a store are called, and what is in the small ones.

The one rule: ``docs/store.md`` sections 2 to 4; a name here is made of digests and encoded names alone.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from holdfast.errors import Corrupt, UnsupportedVersion, quoted
from holdfast.values.digest import PREFIX, digest, is_digest
from holdfast.values.reference import key_of

FORMAT = 1
FORMAT_NAME = "format.json"


def blob_name(digest: str) -> str:
    """Return the name of a blob."""
    return _by_digest("blobs", digest)


def artifact_name(id_: str) -> str:
    """Return the name of an artifact's manifest."""
    return _by_digest("artifacts", id_)


def layout_name(id_: str) -> str:
    """Return the name of an artifact's layout."""
    return _by_digest("layouts", id_)


def _by_digest(kind: str, digest: str) -> str:
    key = digest.partition(":")[2]
    return f"{kind}/{key[:2]}/{key}"


def log_prefix(model: str) -> str:
    """Return what the names of a model's records begin with."""
    return f"log/{key_of(model)}/"


def record_name(model: str, seq: int) -> str:
    """Return the name of a record."""
    return f"{log_prefix(model)}{seq:012d}.json"


_BY_DIGEST = re.compile(r"(?:blobs|artifacts|layouts)/([0-9a-f]{2})/(\1[0-9a-f]{62})\Z")
_LOGGED = re.compile(r"log/([^/]+)/([0-9]{12})\.json\Z")


def digest_in(name: str) -> str | None:
    """Return the digest that the name of a blob, a manifest or a layout holds, or None for what is none of ours."""
    found = _BY_DIGEST.match(name)
    return None if found is None else PREFIX + found[2]


def place_in_log(name: str) -> tuple[str, int] | None:
    """Return the encoded model and the number that the name of a record holds, or None for what is none of ours."""
    found = _LOGGED.match(name)
    return None if found is None else (found[1], int(found[2]))


class Format(msgspec.Struct, frozen=True):
    """What a store says about itself; see `docs/store.md` section 2."""

    holdfast: str
    format: int
    store: str


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the sections of an artifact lie.

    Attributes:
        artifact: its id.
        trees: bytes of its tree, and of the tree of its example if there is one.
        pieces: blob, offset and length, those of one section after those of the section before.
        cuts: how many pieces each section has.
    """

    artifact: str
    trees: list[int]
    pieces: list[tuple[str, int, int]]
    cuts: list[int]


def blobs_of(layout: Layout) -> dict[str, int]:
    """Return the blobs of a layout with their sizes: a blob ends where its last piece does."""
    found: dict[str, int] = {}
    for blob, offset, length in layout.pieces:
        found[blob] = max(found.get(blob, 0), offset + length)
    return found


class Record(msgspec.Struct, frozen=True, omit_defaults=True, rename={"old": "from", "new": "to"}):
    """One change of a model; see `docs/store.md` section 4."""

    model: str
    seq: int
    kind: str
    at: float
    who: str
    why: str
    writer: str
    n: int | None = None
    artifact: str | None = None
    blobs: list[str] = []
    parent: str | None = None
    metrics: dict[str, float | int | str | bool | None] = {}
    tags: dict[str, str] = {}
    data: dict[str, str] = {}
    code: dict[str, Any] = {}
    origin: dict[str, Any] = {}
    alias: str | None = None
    old: int | None = None
    new: int | None = None
    key: str | None = None
    value: float | int | str | bool | None = None
    text: str | None = None
    blob: str | None = None


_encode = msgspec.json.Encoder(order="deterministic").encode
_SEAL = b',"seal":"'


def to_json(one: msgspec.Struct) -> bytes:
    """Return the one JSON of an object, sealed."""
    return sealed(_encode(one))


def sealed(body: bytes) -> bytes:
    """Return JSON with its seal as its last key, so that no byte of it can change unseen."""
    return body[:-1] + _SEAL + digest(body).encode() + b'"}'


def _unsealed(data: bytes, name: str, place: str) -> bytes:
    body, mark, seal = bytes(data).rpartition(_SEAL)
    if not mark or seal != digest(body + b"}").encode() + b'"}':
        raise Corrupt(f"the object {name} does not match its seal: it is damaged or was altered; holdfast check says what it hurts", file=place)
    return body + b"}"


def read_format(data: bytes, place: str) -> Format:
    """Return what a store says about itself.

    Raises:
        Corrupt: it is not that.
    """
    found: Format = _read(data, Format, FORMAT_NAME, place)
    return found


def read_layout(data: bytes, id_: str, place: str) -> Layout:
    """Return the layout of an artifact.

    Raises:
        Corrupt: it is none, or another artifact's.
    """
    found: Layout = _read(data, Layout, layout_name(id_), place)
    whole = found.artifact == id_ and sum(found.cuts) == len(found.pieces) and min([0, *found.cuts, *found.trees]) == 0
    # names of objects are made of these digests: anything else could lead out of the store
    if not whole or any(offset < 0 or length <= 0 or not is_digest(blob) for blob, offset, length in found.pieces):
        raise Corrupt(f"the object {layout_name(id_)} is not the layout of that artifact; holdfast check says what it hurts", file=place)
    return found


def read_record(data: bytes, name: str, place: str) -> Record:
    """Return a record.

    Raises:
        Corrupt: it is none.
        UnsupportedVersion: it says what only a newer holdfast knows.
    """
    found: Record = _read(data, Record, name, place)
    if not all(map(is_digest, found.blobs)) or not all(one is None or is_digest(one) for one in (found.artifact, found.blob)):
        raise Corrupt(f"the record {name} names an object by something that is no digest; holdfast check says what it hurts", file=place)
    if found.kind not in KINDS:
        raise UnsupportedVersion(f"the record {name} is a {quoted(found.kind, 40)!r}, which this holdfast does not know; upgrade with: pip install -U holdfast", file=place)
    return found


KINDS = ("version", "alias", "rollback", "tag", "metric", "note", "card", "attachment", "delete")
BESIDE = ("card", "attachment")
"""Kinds whose ``blob`` is kept beside the artifact."""
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
"""Names that every file system and every registry takes."""
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,98}/[a-z0-9][a-z0-9!#$&^_.+-]{0,98}\Z")


def _read(data: bytes, kind: Any, name: str, place: str) -> Any:
    try:
        return msgspec.json.decode(_unsealed(data, name, place), type=kind, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"the object {name} cannot be read ({quoted(error, 120)}); holdfast check says what it hurts", file=place) from None
