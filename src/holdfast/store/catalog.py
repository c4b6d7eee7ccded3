"""The catalog: tables that answer quickly what the records say, the same on SQLite and PostgreSQL.

The one rule: nothing stands here alone; every row but those of sessions follows from the objects, and can be made from them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import dialects
from sqlalchemy.dialects import postgresql, sqlite  # noqa: F401 - by name below

FORMAT = 1

tables = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)


def _ordered(length: int) -> Any:
    """Return the type of text that is sorted by: by code points everywhere, as SQLite has it; the order of a server's own language may differ from host to host."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


_NAME = sa.String(200)
_DIGEST = sa.String(80)
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

about = sa.Table("about", tables, sa.Column("key", sa.String(40), primary_key=True), sa.Column("value", sa.String(200), nullable=False))

model = sa.Table(
    "model", tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", _ordered(200), nullable=False, unique=True),
    sa.Column("seq", sa.Integer, nullable=False, default=0),  # of its last record
    sa.Column("next_number", sa.Integer, nullable=False, default=1),  # never given twice, so rows of models stay
    sa.Column("latest", sa.Integer),  # the largest number that is there
    sa.Column("versions", sa.Integer, nullable=False, default=0),
    sa.Column("changed", sa.Float, nullable=False, default=0.0),
)  # fmt: skip

blob = sa.Table(
    "blob", tables,
    sa.Column("digest", _DIGEST, primary_key=True),
    sa.Column("size", _BIG, nullable=False),
    sa.Column("state", sa.String(12), nullable=False, default="live"),  # live, condemned, deleting
    sa.Column("condemned", sa.Float),
)  # fmt: skip

artifact = sa.Table(
    "artifact", tables,
    sa.Column("id", _DIGEST, primary_key=True),
    sa.Column("content", _DIGEST, nullable=False, index=True),
    sa.Column("type", _ordered(300), nullable=False),
    sa.Column("size", _BIG, nullable=False, index=True),
)  # fmt: skip

artifact_blob = sa.Table(
    "artifact_blob", tables,
    sa.Column("artifact", _DIGEST, sa.ForeignKey("artifact.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("blob", _DIGEST, sa.ForeignKey("blob.digest", ondelete="RESTRICT"), primary_key=True, index=True),
)  # fmt: skip

version = sa.Table(
    "version", tables,
    sa.Column("model", sa.Integer, sa.ForeignKey("model.id", ondelete="RESTRICT"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("artifact", _DIGEST, sa.ForeignKey("artifact.id", ondelete="RESTRICT"), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("who", _ordered(200), nullable=False, default=""),
    sa.Column("note", sa.Text, nullable=False, default=""),
    sa.Column("parent", sa.String(300)),
    sa.Column("data", sa.Text, nullable=False, default="{}"),
    sa.Column("code", sa.Text, nullable=False, default="{}"),
    sa.Column("origin", sa.Text, nullable=False, default="{}"),
    sa.Column("card", _DIGEST, sa.ForeignKey("blob.digest", ondelete="RESTRICT"), index=True),
)  # fmt: skip

_of_version = (["model", "n"], ["version.model", "version.n"])

alias = sa.Table(
    "alias", tables,
    sa.Column("model", sa.Integer, primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    # a version that an alias points at cannot go
    sa.ForeignKeyConstraint(*_of_version, ondelete="RESTRICT"),
)  # fmt: skip

event = sa.Table(
    "event", tables,
    sa.Column("model", sa.Integer, sa.ForeignKey("model.id", ondelete="RESTRICT"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", _NAME, nullable=False, default=""),
    sa.Column("why", sa.Text, nullable=False, default=""),
    sa.Column("n", sa.Integer),
    sa.Column("alias", _NAME),
    sa.Column("old", sa.Integer),
    sa.Column("new", sa.Integer),
    sa.Column("key", _NAME),
    sa.Column("value", sa.Text),
)  # fmt: skip
sa.Index("ix_event_model_alias_seq", event.c.model, event.c.alias, event.c.seq)

tag = sa.Table(
    "tag", tables,
    sa.Column("model", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("key", _NAME, primary_key=True),
    sa.Column("value", _ordered(1000), nullable=False),
    sa.ForeignKeyConstraint(*_of_version, ondelete="CASCADE"),
)  # fmt: skip
sa.Index("ix_tag_key_value_model_n", tag.c.key, tag.c.value, tag.c.model, tag.c.n)

metric = sa.Table(
    "metric", tables,
    sa.Column("model", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("key", _NAME, primary_key=True),
    sa.Column("number", sa.Float),
    sa.Column("text", _ordered(1000)),
    sa.ForeignKeyConstraint(*_of_version, ondelete="CASCADE"),
)  # fmt: skip
sa.Index("ix_metric_key_number_model_n", metric.c.key, metric.c.number, metric.c.model, metric.c.n)

# what is kept beside an artifact, such as signatures
attachment = sa.Table(
    "attachment", tables,
    sa.Column("model", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("media_type", _NAME, nullable=False),
    sa.Column("blob", _DIGEST, sa.ForeignKey("blob.digest", ondelete="RESTRICT"), nullable=False, index=True),
    sa.ForeignKeyConstraint(*_of_version, ondelete="CASCADE"),
)  # fmt: skip

session = sa.Table(
    "session", tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("began", sa.Float, nullable=False),
    sa.Column("ends", sa.Float, nullable=False),
)  # fmt: skip

session_blob = sa.Table(
    "session_blob", tables,
    sa.Column("session", sa.String(32), sa.ForeignKey("session.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("blob", _DIGEST, sa.ForeignKey("blob.digest", ondelete="RESTRICT"), primary_key=True, index=True),
)  # fmt: skip

# artifacts whose layout and manifest a session relies on, before a version names them
session_artifact = sa.Table(
    "session_artifact", tables,
    sa.Column("session", sa.String(32), sa.ForeignKey("session.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("artifact", _DIGEST, primary_key=True, index=True),
)  # fmt: skip

# layouts and manifests that collect found without an artifact, and since when
stray = sa.Table("stray", tables, sa.Column("artifact", _DIGEST, primary_key=True), sa.Column("since", sa.Float, nullable=False))


def needs(digest: Any) -> Any:
    """Return the condition that an artifact, a card or an attachment needs a blob."""
    return sa.or_(sa.exists().where(artifact_blob.c.blob == digest), sa.exists().where(version.c.card == digest), sa.exists().where(attachment.c.blob == digest))


def guard(on: Any, shared: bool) -> None:
    """Let those who rely on the objects of artifacts go on beside each other, and whoever deletes such objects alone.

    On SQLite a writer is alone anyway.
    """
    if on.engine.dialect.name != "sqlite":
        on.execute(sa.select(about.c.value).where(about.c.key == "format").with_for_update(read=shared))


def these(on: Any, model: Any, n: Any, wanted: Iterable[tuple[Any, int]]) -> Any:
    """Return the condition that a row is of one of some versions.

    For SQLite, pairs are grouped by their models: it looks through the whole table for pairs in a list, and in an index for numbers in one. PostgreSQL takes
    pairs, and a quarter of the time.

    Args:
        on: a connection.
        model: the column that says of which model.
        n: the column of the number.
        wanted: model and number of each.
    """
    if on.engine.dialect.name == "postgresql":
        return sa.tuple_(model, n).in_(list(wanted))
    groups: dict[Any, list[int]] = {}
    for one, number in wanted:
        groups.setdefault(one, []).append(number)
    return sa.or_(sa.false(), *[sa.and_(model == one, n.in_(numbers)) for one, numbers in groups.items()])


def insert_missing(on: Any, table: Any, key: str, rows: list[dict[str, Any]]) -> set[Any]:
    """Insert rows but for those whose key is there already; returns the keys of those that were not.

    What an ``INSERT`` counts is not asked: a driver may not know it.
    """
    return set(on.scalars(_insert_missing(on.engine.dialect.name, table.name, key), rows)) if rows else set()


@cache
def _insert_missing(dialect: str, table: str, key: str) -> Any:
    insert = getattr(dialects, dialect).insert(tables.tables[table])
    return insert.on_conflict_do_nothing(index_elements=[key]).returning(insert.table.c[key])
