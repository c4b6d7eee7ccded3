"""A version on its way: everything that is known of it, in one small object that goes between stores, into packs and into registries.

The one rule: where a version was born (store, model, number) stays with it, however often it is carried on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from holdfast.errors import Corrupt, LimitExceeded, quoted
from holdfast.store import catalog as c
from holdfast.store import said
from holdfast.store.objects import FILE_NAME, FORMAT_NAME, MEDIA_TYPE, read_format
from holdfast.values import limits
from holdfast.values.digest import is_digest
from holdfast.values.reference import LATEST, checked_name, reference

if TYPE_CHECKING:
    from holdfast.store.store import Store
    from holdfast.store.version import Version

DOCUMENT_BYTES = 16 * 1024 * 1024
"""Bytes of one version's document: ten thousand tags of a thousand characters."""
PAGE = 500


class Carried(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One version, as it stood where it came from.

    Attributes:
        model: the model's name there.
        n: its number there.
        artifact: the artifact id.
        at: when it was saved.
        who: author.
        note: text.
        parent: what it was made of.
        metrics: name -> value.
        tags: key -> value.
        data: name -> digest.
        code: commit.
        origin: where it was born: ``store``, ``model``, ``n``.
        card: blob of its model card, or None.
        attachments: name -> blob and media type of files that are kept with it.
        aliases: that pointed at it.
    """

    model: str
    n: int
    artifact: str
    at: float
    origin: dict[str, Any]
    who: str = ""
    note: str = ""
    parent: str | None = None
    metrics: dict[str, float | int | str | bool | None] = {}
    tags: dict[str, str] = {}
    data: dict[str, str] = {}
    code: dict[str, Any] = {}
    card: str | None = None
    aliases: list[str] = []
    attachments: dict[str, tuple[str, str]] = {}

    def __str__(self) -> str:
        """Return the reference that it had."""
        return f"{self.model}:{self.n}"

    @property
    def beside(self) -> list[str]:
        """Blobs that it needs beside those of its artifact."""
        return [*([] if self.card is None else [self.card]), *(blob for blob, _ in self.attachments.values())]

    @property
    def birth(self) -> tuple[Any, ...]:
        """Store, model and number that it was born as, and its artifact: copied folders share the first three."""
        return (*birth(self.origin), self.artifact)


def birth(origin: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return where an origin says that a version was born."""
    return origin.get("store"), origin.get("model"), origin.get("n")


def store_id(store: Store) -> str:
    """Return the id of a store."""
    return read_format(store.blobs.get(FORMAT_NAME), store.shown).store


def carried_of(store: Store, refs: str | Iterable[str] | None) -> list[Carried]:
    """Return versions of a store as they are carried on: by model, the smallest number first.

    Args:
        store: where they are.
        refs: such as ``churn:7``, ``churn@production``, or ``churn`` for all of its versions; None for everything.

    Raises:
        NotFound: a reference names nothing.
    """
    found: dict[tuple[str, int], Version] = {}
    for version in _wanted(store, refs):
        found[(version.model, version.n)] = version
    id_ = store_id(store)
    more = _more(store, list(found))
    return [_carried(found[key], *more[key], id_) for key in sorted(found) if key in more]


def _wanted(store: Store, refs: str | Iterable[str] | None) -> Iterable[Version]:
    if refs is None:
        after: str | None = None
        while page := store.models(limit=PAGE, after=after):
            for name in page:
                yield from _all_of(store, name)
            after = page[-1]
        return
    for ref in [refs] if isinstance(refs, str) else refs:
        wanted = reference(ref)
        if wanted.number is None and wanted.alias is None:
            yield from _all_of(store, wanted.model)
        else:
            yield store.find(ref)


def _all_of(store: Store, name: str) -> Iterable[Version]:
    before: int | None = None
    while page := store.versions(name, limit=PAGE, before=before):
        yield from page
        before = page[-1].n


_More = tuple[dict[str, Any], str | None, dict[str, tuple[str, str]]]


def _more(store: Store, keys: list[tuple[str, int]]) -> dict[tuple[str, int], _More]:
    """Return the origin, the card and the attachments of versions."""
    found: dict[tuple[str, int], _More] = {}
    v, of = c.version.c, c.attachment.c
    with store.database.reading() as on:
        for start in range(0, len(keys), 300):
            chosen = sa.select(c.model.c.name, v.n, v.origin, v.card).join_from(c.version, c.model, c.model.c.id == v.model)
            for row in on.execute(chosen.where(c.these(on, c.model.c.name, v.n, keys[start : start + 300]))):
                found[(row.name, row.n)] = json.loads(row.origin), row.card, {}
            chosen = sa.select(c.model.c.name.label("of"), of.n, of.name, of.blob, of.media_type).join_from(c.attachment, c.model, c.model.c.id == of.model)
            for row in on.execute(chosen.where(c.these(on, c.model.c.name, of.n, keys[start : start + 300]))):
                if (row.of, row.n) in found:
                    found[row.of, row.n][2][row.name] = (row.blob, row.media_type)
    return found


def _carried(version: Version, origin: dict[str, Any], card: str | None, attachments: dict[str, tuple[str, str]], id_: str) -> Carried:
    born = origin if all(key in origin for key in ("store", "model", "n")) else {**origin, "store": id_, "model": version.model, "n": version.n}
    return Carried(
        version.model, version.n, version.artifact, version.at, born, version.who, version.note, version.parent, dict(version.metrics), dict(version.tags),
        dict(version.data), dict(version.code), card, list(version.aliases), attachments,
    )  # fmt: skip


def checked(one: Carried, place: str) -> Carried:
    """Return a version that came from outside, if a store can give it a name and its objects theirs.

    Raises:
        Corrupt: it cannot; says why.
    """
    try:
        for name, what in ((one.model, "model"), *((alias, "alias") for alias in one.aliases)):
            if checked_name(name, what) != name:
                raise ValueError(f"the {what} {quoted(name, 80)!r} is not written in the form in which names are kept")
        said.checked(one, one.note)
        # text alone: a registry of another kind may have had other names
        if [type(part) for part in birth(one.origin)] != [str, str, int]:
            raise ValueError("it does not say where it was born")
    except (ValueError, TypeError) as error:
        raise Corrupt(f"the version {quoted(one, 80)} could not stand in a store: {quoted(error, 200)}", file=place) from None
    for holds, what in (
        (1 <= one.n < 10**12, "its number"), (is_digest(one.artifact), "its artifact"), (one.card is None or is_digest(one.card), "its card"), (LATEST not in one.aliases, "an alias"),
        (len(one.attachments) <= limits.ATTACHMENTS, "how many attachments it has"),
        (all(FILE_NAME.match(name) and is_digest(blob) and MEDIA_TYPE.match(kind) for name, (blob, kind) in one.attachments.items()), "an attachment"),
    ):  # fmt: skip
        if not holds:
            raise Corrupt(f"the version {quoted(one, 80)} could not stand in a store: {what} is not what a store writes", file=place)
    return one


_decode = msgspec.json.Decoder(Carried, strict=True).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def to_json(one: Carried) -> bytes:
    """Return the one JSON of a version on its way."""
    return _encode(one)


def from_json(data: bytes, place: str) -> Carried:
    """Return a version that was written by `to_json`, checked.

    Raises:
        Corrupt: it is none, or one that no store could hold.
        LimitExceeded: it is larger than such a thing may be.
    """
    if len(data) > DOCUMENT_BYTES:
        raise LimitExceeded(f"what is said of a version takes {len(data)} bytes, more than {DOCUMENT_BYTES} (DOCUMENT_BYTES)", file=place)
    try:
        found = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"what is said of a version cannot be read ({quoted(error, 120)}); get the file again from where it was made", file=place) from None
    return checked(found, place)
