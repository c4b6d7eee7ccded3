"""Which versions stay, and what still leads to one that went.

The one rule: what an alias points at stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from holdfast.errors import Conflict, NotFound
from holdfast.store import catalog as c
from holdfast.store.database import now
from holdfast.values.reference import checked_name

if TYPE_CHECKING:
    from holdfast.store.store import Store
    from holdfast.store.version import Version

DAY = 86400.0


class Deleted(NamedTuple):
    """A version that went.

    Attributes:
        version: such as ``churn:7``.
        same: versions that are the same artifact; they stay as they are.
        children: versions that name it as their parent.
        frees: bytes that nobody else needs, which the next `collect` takes after the grace.
    """

    version: str
    same: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    frees: int = 0

    def __str__(self) -> str:
        """Say it in one line."""
        said = [f"{self.version} is deleted"]
        if self.same:
            said.append(f"{', '.join(self.same[:5])} {'are' if len(self.same) > 1 else 'is'} the same artifact")
        if self.children:
            said.append(f"{', '.join(self.children[:5])} {'were' if len(self.children) > 1 else 'was'} made of it")
        return "; ".join([*said, f"collect will free {self.frees} bytes"])


def pointing(store: Store, version: Version) -> Deleted:
    """Return what still points at a version, and what its end frees."""
    v, edge = c.version.c, c.artifact_blob.c
    with store.database.reading() as on:

        def named(*where: Any) -> tuple[str, ...]:
            rows = on.execute(sa.select(c.model.c.name, v.n).join_from(c.version, c.model).where(*where).order_by(c.model.c.name, v.n))
            return tuple(f"{row.name}:{row.n}" for row in rows if (row.name, row.n) != (version.model, version.n))

        same = named(v.artifact == version.artifact)
        children = named(sa.or_(v.parent == str(version), v.parent == version.artifact))
        others = c.artifact_blob.alias()
        alone = ~sa.exists().where(others.c.blob == edge.blob, others.c.artifact != version.artifact)
        frees = 0 if same else on.scalar(sa.select(sa.func.coalesce(sa.func.sum(c.blob.c.size), 0)).join_from(c.artifact_blob, c.blob).where(edge.artifact == version.artifact, alone))
    return Deleted(str(version), same, children, int(frees or 0))


def keep(store: Store, name: str, last: int, days: float | None, dry_run: bool, why: str, who: str | None) -> list[Deleted]:
    """Delete the versions of a model that nobody asked to keep; see `Store.keep`."""
    if last < 0 or (days is not None and not days >= 0):
        raise ValueError(f"last and days are 0 or more, and not {last!r} and {days!r}")
    name = checked_name(name)
    v = c.version.c
    with store.database.reading() as on:
        model = on.scalar(sa.select(c.model.c.id).where(c.model.c.name == name))
        if model is None:
            raise NotFound(f"there is no model {name!r}", file=store.shown)
        pointed = set(on.scalars(sa.select(c.alias.c.n).where(c.alias.c.model == model)))
        rows = on.execute(sa.select(v.n, v.at).where(v.model == model).order_by(v.n.desc())).all()
    oldest = now() if days is None else now() - days * DAY
    going = [row.n for row in rows[last:] if row.n not in pointed and (days is None or row.at < oldest)]
    found = []
    for n in reversed(going):
        try:
            found.append(pointing(store, store.find(f"{name}:{n}")) if dry_run else store.delete(f"{name}:{n}", why=why or f"keep last={last}", who=who))
        except (Conflict, NotFound):
            continue  # meanwhile an alias came to it, or somebody else deleted it
    return found
