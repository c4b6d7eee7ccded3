"""Which versions and aliases need an object.

The one rule: who is served something is named first, so aliases are part of every answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from holdfast.store import catalog as c
from holdfast.store.objects import digest_in, place_in_log
from holdfast.values.reference import key_of

if TYPE_CHECKING:
    from holdfast.store.store import Store


class Hurt(NamedTuple):
    """Versions that need something, and aliases that point at those."""

    versions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def hurt_by(store: Store, names: Iterable[str]) -> dict[str, Hurt]:
    """Return what each object is needed by.

    Args:
        store: whose objects they are.
        names: of objects.
    """
    with store.database.reading() as on:
        models = {row.id: row.name for row in on.execute(sa.select(c.model.c.id, c.model.c.name))}
        keys = {key_of(name): id_ for id_, name in models.items()}
        return {name: _of(on, models, _versions(on, keys, name)) for name in names}


def _versions(on: Any, keys: dict[str, int], name: str) -> list[tuple[int, int]]:
    v = c.version.c
    place = place_in_log(name)
    if place is not None:
        e = c.event.c
        row = on.execute(sa.select(e.n, e.new).where(e.model == keys.get(place[0]), e.seq == place[1])).one_or_none()
        n = None if row is None else row.new if row.n is None else row.n
        return [] if n is None else [tuple(one) for one in on.execute(sa.select(v.model, v.n).where(v.model == keys[place[0]], v.n == n))]
    digest = digest_in(name)
    wanted = sa.select(v.model, v.n).order_by(v.model, v.n)
    if name.startswith("blobs/"):
        needing = sa.select(c.artifact_blob.c.artifact).where(c.artifact_blob.c.blob == digest)
        beside = sa.exists().where(c.attachment.c.model == v.model, c.attachment.c.n == v.n, c.attachment.c.blob == digest)
        wanted = wanted.where(sa.or_(v.artifact.in_(needing), v.card == digest, beside))
    elif digest is not None:
        wanted = wanted.where(v.artifact == digest)
    return [tuple(one) for one in on.execute(wanted)]  # of anything else, all


def _of(on: Any, models: dict[int, str], versions: list[tuple[int, int]]) -> Hurt:
    a = c.alias.c
    aliases: list[str] = []
    for start in range(0, len(versions), 300):
        rows = on.execute(sa.select(a.model, a.name).where(c.these(on, a.model, a.n, versions[start : start + 300])))
        aliases += [f"{models[row.model]}@{row.name}" for row in rows]
    return Hurt(tuple(f"{models[model]}:{n}" for model, n in versions), tuple(sorted(aliases)))
