"""A catalog compared with what the records say.

The one rule: every table is compared but those of what goes on (sessions, and what collect remembers), which no record holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from holdfast.store import catalog as c
from holdfast.store.database import Database
from holdfast.store.journal import Journal
from holdfast.store.replaying import replay_all

if TYPE_CHECKING:
    from holdfast.store.store import Store

TRIES = 3
"""How often a comparison begins anew when somebody writes beside it."""


def contents(on: Any) -> dict[str, set[tuple[Any, ...]]]:
    """Return the rows of a catalog, free of the numbers that a database gives models.

    Args:
        on: a connection.
    """
    names = {row.id: row.name for row in on.execute(sa.select(c.model.c.id, c.model.c.name))}
    found: dict[str, set[tuple[Any, ...]]] = {"model": {tuple(row) for row in on.execute(sa.select(*[column for column in c.model.c if column.name != "id"]))}}
    for table in (c.version, c.alias, c.event, c.tag, c.metric, c.attachment):
        found[table.name] = {(names.get(row[0]), *row[1:]) for row in on.execute(sa.select(table))}
    for table in (c.artifact, c.artifact_blob):
        found[table.name] = {tuple(row) for row in on.execute(sa.select(table))}
    found["blob"] = {tuple(row) for row in on.execute(sa.select(c.blob.c.digest, c.blob.c.size, c.blob.c.state).where(c.needs(c.blob.c.digest)))}
    return found


def unlike(store: Store) -> dict[str, str]:
    """Say whether the catalog is another one than its records make.

    Args:
        store: all of whose objects are whole.

    Returns:
        Nothing, or what is wrong with ``catalog``.
    """
    wrong: list[str] = []
    for _ in range(TRIES):
        with store.database.reading() as on:
            ours = contents(on)
        other = Database("sqlite:///:memory:", store.shown)
        theirs: dict[str, set[tuple[Any, ...]]] = {}

        def fill(on: Any, into: dict[str, set[tuple[Any, ...]]] = theirs, other: Database = other) -> None:
            replay_all(on, Journal(store.blobs, other))
            into.update(contents(on))

        other.make(fill)
        other.close()
        wrong = [name for name in ours if ours[name] != theirs[name]]
        with store.database.reading() as on:
            if not wrong or contents(on)["model"] == ours["model"]:
                break
    return {"catalog": f"the rows of {', '.join(wrong)} are not what the records say; holdfast check --rebuild makes them anew"} if wrong else {}
