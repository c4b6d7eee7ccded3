"""A record becomes rows: the one place where the catalog is changed, for what was just written and for what is replayed.

The one rule: rows follow from the record and the rows before it alone, so that a replay gives the same catalog.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.errors import Conflict, NotFound
from holdfast.store import catalog as c
from holdfast.store.objects import Record


class Parts(NamedTuple):
    """What an artifact of a version record is, for the rows of it: content digest, type, bytes, and the sizes of its blobs."""

    content: str
    type: str
    size: int
    blobs: dict[str, int]


# statements that are made once: making one anew costs more than SQLite needs to do it
ROW = sa.select(c.model.c.id, c.model.c.seq, c.model.c.next_number, c.model.c.latest, c.model.c.versions).where(c.model.c.name == sa.bindparam("model"))
_MOVE_ON = sa.update(c.model).where(c.model.c.id == sa.bindparam("moved"))
_EVENT, _VERSION, _METRIC, _TAG, _PART = (sa.insert(table) for table in (c.event, c.version, c.metric, c.tag, c.artifact_blob))
_IS_THERE = sa.select(c.version.c.n).where(c.version.c.model == sa.bindparam("model"), c.version.c.n == sa.bindparam("n"))


def apply(on: Any, record: Record, parts: Parts | None, row: Any = None, pinned: bool = False) -> None:
    """Make the rows of a record, and move the model's line on.

    Args:
        on: a connection in a transaction that holds the model's row.
        record: whose ``seq`` is the model's next.
        parts: for a record of a version; of a card or an attachment that is replayed, its blob.
        row: of the model, as `ROW` gives it in this transaction.
        pinned: a session relies on the blobs until this transaction ends, so they have rows and are live.

    Raises:
        Conflict: the record expects what is not so; nothing of it may count.
        NotFound: it is about a version that is not there.
    """
    row = on.execute(ROW, {"model": record.model}).one() if row is None else row
    if record.seq != row.seq + 1:
        raise Conflict(f"the record {record.seq} of {record.model} does not follow {row.seq}")
    changes = {"seq": record.seq, "changed": record.at, "next_number": row.next_number, "latest": row.latest, "versions": row.versions}
    if record.kind == "version":
        _version(on, row.id, record, parts, changes, pinned)
    else:
        _KINDS[record.kind](on, row.id, record, parts, changes)
    said = {name: getattr(record, name) for name in ("seq", "kind", "at", "who", "why", "n", "alias", "old", "new", "key")}
    on.execute(_EVENT, {"model": row.id, **said, "value": value_text(record)})
    on.execute(_MOVE_ON, {"moved": row.id, **changes})


def value_text(record: Record) -> str | None:
    """Return what the history shows as the value of a record."""
    if record.kind == "note":
        return record.text
    return None if record.value is None else json.dumps(record.value)


def _version(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any], pinned: bool) -> None:
    assert parts is not None
    assert record.n is not None
    digests = list(parts.blobs)
    if not pinned:
        c.insert_missing(on, c.blob, "digest", _live(parts))
        for start in range(0, len(digests), 500):
            chosen = c.blob.c.digest.in_(digests[start : start + 500])
            on.execute(sa.update(c.blob).where(chosen, c.blob.c.state != "live").values(state="live", condemned=None))
    new = c.insert_missing(on, c.artifact, "id", [{"id": record.artifact, "content": parts.content, "type": parts.type[:300], "size": parts.size}])
    if new and digests:
        on.execute(_PART, [{"artifact": record.artifact, "blob": digest} for digest in parts.blobs])
    whole = {name: json.dumps(getattr(record, name), sort_keys=True) for name in ("data", "code", "origin")}
    said = {"artifact": record.artifact, "at": record.at, "who": record.who, "note": record.text or "", "parent": record.parent}
    on.execute(_VERSION, {"model": model, "n": record.n, **said, **whole})
    if record.metrics:
        on.execute(_METRIC, [{"model": model, "n": record.n, "key": key, **_metric(value)} for key, value in record.metrics.items()])
    if record.tags:
        on.execute(_TAG, [{"model": model, "n": record.n, "key": key, "value": value} for key, value in record.tags.items()])
    changes.update(next_number=max(changes["next_number"], record.n + 1), versions=changes["versions"] + 1, latest=max(changes["latest"] or 0, record.n))


def _live(parts: Parts) -> list[dict[str, Any]]:
    return [{"digest": digest, "size": size, "state": "live", "condemned": None} for digest, size in parts.blobs.items()]


def _metric(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"number": float(value), "text": None}
    if isinstance(value, int | float):
        return {"number": float(value), "text": None}
    return {"number": None, "text": None if value is None else str(value)[:1000]}


def _there(on: Any, model: int, record: Record) -> None:
    if on.scalar(_IS_THERE, {"model": model, "n": record.n}) is None:
        raise NotFound(f"there is no version {record.model}:{record.n}")


def _alias(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any]) -> None:
    mine = (c.alias.c.model == model, c.alias.c.name == record.alias)
    found = on.scalar(sa.select(c.alias.c.n).where(*mine))
    if found != record.old:
        said = "is not there" if found is None else f"is at {record.model}:{found}"
        raise Conflict(f"the alias {record.model}@{record.alias} {said}; somebody moved it at the same time: look at holdfast log, and try again")
    if record.new is None:
        on.execute(sa.delete(c.alias).where(*mine))
    elif record.old is None:
        _there(on, model, Record(record.model, 0, "", 0, "", "", "", n=record.new))
        on.execute(sa.insert(c.alias).values(model=model, name=record.alias, n=record.new))
    else:
        _there(on, model, Record(record.model, 0, "", 0, "", "", "", n=record.new))
        on.execute(sa.update(c.alias).where(*mine).values(n=record.new))


def _tag(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any]) -> None:
    _set(on, c.tag, model, record, None if record.value is None else {"value": str(record.value)})


def _set_metric(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any]) -> None:
    _set(on, c.metric, model, record, None if record.value is None else _metric(record.value))


def _set(on: Any, table: Any, model: int, record: Record, values: dict[str, Any] | None) -> None:
    _there(on, model, record)
    mine = (table.c.model == model, table.c.n == record.n, table.c.key == record.key)
    on.execute(sa.delete(table).where(*mine))
    if values is not None:
        on.execute(sa.insert(table).values(model=model, n=record.n, key=record.key, **values))


def _note(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any]) -> None:
    _there(on, model, record)
    on.execute(sa.update(c.version).where(c.version.c.model == model, c.version.c.n == record.n).values(note=record.text or ""))


def _card(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any]) -> None:
    _there(on, model, record)
    if parts is not None:
        c.insert_missing(on, c.blob, "digest", _live(parts))
    on.execute(sa.update(c.version).where(c.version.c.model == model, c.version.c.n == record.n).values(card=record.blob))


def _attachment(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any]) -> None:
    _there(on, model, record)
    if parts is not None:
        c.insert_missing(on, c.blob, "digest", _live(parts))
    of = c.attachment.c
    on.execute(sa.delete(c.attachment).where(of.model == model, of.n == record.n, of.name == record.key))
    if record.blob is not None:
        on.execute(sa.insert(c.attachment).values(model=model, n=record.n, name=record.key, media_type=str(record.value), blob=record.blob))


def _delete(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any]) -> None:
    _there(on, model, record)
    mine = (c.version.c.model == model, c.version.c.n == record.n)
    id_ = on.scalar(sa.select(c.version.c.artifact).where(*mine))
    held = on.scalars(sa.select(c.alias.c.name).where(c.alias.c.model == model, c.alias.c.n == record.n)).all()
    if held:
        raise Conflict(f"{record.model}:{record.n} is what {', '.join(f'{record.model}@{name}' for name in held[:5])} points at; move or remove that first")
    on.execute(sa.delete(c.version).where(*mine))
    if on.scalar(sa.select(sa.func.count()).select_from(c.version).where(c.version.c.artifact == id_)) == 0:
        on.execute(sa.delete(c.artifact).where(c.artifact.c.id == id_))
    changes.update(latest=on.scalar(sa.select(sa.func.max(c.version.c.n)).where(c.version.c.model == model)), versions=changes["versions"] - 1)


_KINDS = {"alias": _alias, "rollback": _alias, "tag": _tag, "metric": _set_metric, "note": _note, "card": _card, "attachment": _attachment, "delete": _delete}
