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


def apply(on: Any, record: Record, parts: Parts | None) -> None:
    """Make the rows of a record, and move the model's line on.

    Args:
        on: a connection in a transaction that holds the model's row.
        record: whose ``seq`` is the model's next.
        parts: for a record of a version; of a card or an attachment, its blob.

    Raises:
        Conflict: the record expects what is not so; nothing of it may count.
        NotFound: it is about a version that is not there.
    """
    of = c.model.c
    model = on.execute(sa.select(of.id, of.seq, of.next_number).where(of.name == record.model)).one()
    if record.seq != model.seq + 1:
        raise Conflict(f"the record {record.seq} of {record.model} does not follow {model.seq}")
    changes: dict[str, Any] = {"seq": record.seq, "changed": record.at}
    _KINDS[record.kind](on, model.id, record, parts, changes)
    on.execute(
        sa.insert(c.event).values(
            model=model.id, seq=record.seq, kind=record.kind, at=record.at, who=record.who, why=record.why, n=record.n, alias=record.alias, old=record.old,
            new=record.new, key=record.key, value=value_text(record),
        )
    )  # fmt: skip
    on.execute(sa.update(c.model).where(of.id == model.id).values(**changes))


def value_text(record: Record) -> str | None:
    """Return what the history shows as the value of a record."""
    if record.kind == "note":
        return record.text
    return None if record.value is None else json.dumps(record.value)


def _version(on: Any, model: int, record: Record, parts: Parts | None, changes: dict[str, Any]) -> None:
    assert parts is not None
    assert record.n is not None
    c.insert_missing(on, c.blob, "digest", _live(parts))
    digests = list(parts.blobs)
    for start in range(0, len(digests), 500):
        chosen = c.blob.c.digest.in_(digests[start : start + 500])
        on.execute(sa.update(c.blob).where(chosen, c.blob.c.state != "live").values(state="live", condemned=None))
    new = c.insert_missing(on, c.artifact, "id", [{"id": record.artifact, "content": parts.content, "type": parts.type[:300], "size": parts.size}])
    if new and digests:
        on.execute(sa.insert(c.artifact_blob), [{"artifact": record.artifact, "blob": digest} for digest in parts.blobs])
    on.execute(
        sa.insert(c.version).values(
            model=model, n=record.n, artifact=record.artifact, at=record.at, who=record.who, note=record.text or "", parent=record.parent,
            data=json.dumps(record.data, sort_keys=True), code=json.dumps(record.code, sort_keys=True), origin=json.dumps(record.origin, sort_keys=True),
        )
    )  # fmt: skip
    for key, value in record.metrics.items():
        on.execute(sa.insert(c.metric).values(model=model, n=record.n, key=key, **_metric(value)))
    if record.tags:
        on.execute(sa.insert(c.tag), [{"model": model, "n": record.n, "key": key, "value": value} for key, value in record.tags.items()])
    of = c.model.c
    changes.update(next_number=sa.case((of.next_number > record.n, of.next_number), else_=record.n + 1), versions=of.versions + 1)
    changes.update(latest=sa.case((of.latest > record.n, of.latest), else_=record.n))


def _live(parts: Parts) -> list[dict[str, Any]]:
    return [{"digest": digest, "size": size, "state": "live", "condemned": None} for digest, size in parts.blobs.items()]


def _metric(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"number": float(value), "text": None}
    if isinstance(value, int | float):
        return {"number": float(value), "text": None}
    return {"number": None, "text": None if value is None else str(value)[:1000]}


def _there(on: Any, model: int, record: Record) -> None:
    where = (c.version.c.model == model, c.version.c.n == record.n)
    if on.scalar(sa.select(c.version.c.n).where(*where)) is None:
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
    last = sa.select(sa.func.max(c.version.c.n)).where(c.version.c.model == model).scalar_subquery()
    changes.update(latest=last, versions=c.model.c.versions - 1)


_KINDS = {"version": _version, "alias": _alias, "rollback": _alias, "tag": _tag, "metric": _set_metric, "note": _note, "card": _card, "attachment": _attachment, "delete": _delete}
