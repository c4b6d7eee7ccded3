"""What versions cost: bytes of their own, and bytes that they share.

The one rule: a blob counts once in all, however many versions need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from holdfast.store import catalog as c

if TYPE_CHECKING:
    from holdfast.store.store import Store


class Cost(NamedTuple):
    """What a version or a model costs.

    Attributes:
        name: such as ``churn:7`` or ``churn``.
        own: bytes that only it needs; they go with it.
        shared: bytes that others need too.
        versions: how many.
    """

    name: str
    own: int
    shared: int
    versions: int = 1

    @property
    def total(self) -> int:
        """Bytes that it would take alone."""
        return self.own + self.shared


class Usage(NamedTuple):
    """What a store holds.

    Attributes:
        versions: each version, the models in order, the newest first.
        models: each model that has versions.
        stored: bytes of all blobs that a version needs.
        alone: bytes that the versions would take if nothing was shared.
        garbage: bytes that no version needs: of saves that go on, and what `collect` will take.
    """

    versions: tuple[Cost, ...]
    models: tuple[Cost, ...]
    stored: int
    alone: int
    garbage: int


def usage(store: Store) -> Usage:
    """Say what each version costs; see `Admin.du`."""
    v, b, edge = c.version.c, c.blob.c, c.artifact_blob.c
    # cards and attachments count like the blobs of the artifact
    need = sa.union(
        sa.select(v.model, v.n, edge.blob).join_from(c.version, c.artifact_blob, edge.artifact == v.artifact),
        sa.select(v.model, v.n, v.card.label("blob")).where(v.card.is_not(None)),
        sa.select(c.attachment.c.model, c.attachment.c.n, c.attachment.c.blob),
    ).subquery()
    of_versions = sa.select(need.c.blob, sa.func.count().label("users")).group_by(need.c.blob).subquery()
    per_model = sa.select(need.c.model, need.c.blob).distinct().subquery()
    of_models = sa.select(per_model.c.blob, sa.func.count().label("users")).group_by(per_model.c.blob).subquery()
    with store.database.reading() as on:
        wanted = sa.select(c.model.c.name, need.c.n, _own(of_versions), _all()).join_from(need, c.model, c.model.c.id == need.c.model)
        wanted = wanted.join(c.blob, b.digest == need.c.blob).join(of_versions, of_versions.c.blob == need.c.blob)
        versions = tuple(
            Cost(f"{name}:{n}", int(own), int(total - own)) for name, n, own, total in on.execute(wanted.group_by(c.model.c.name, need.c.n).order_by(c.model.c.name, need.c.n.desc()))
        )
        wanted = sa.select(c.model.c.name, c.model.c.versions, _own(of_models), _all()).join_from(per_model, c.model, c.model.c.id == per_model.c.model)
        wanted = wanted.join(c.blob, b.digest == per_model.c.blob).join(of_models, of_models.c.blob == per_model.c.blob)
        models = tuple(
            Cost(name, int(own), int(total - own), count) for name, count, own, total in on.execute(wanted.group_by(c.model.c.name, c.model.c.versions).order_by(c.model.c.name))
        )
        everything = int(on.scalar(sa.select(sa.func.coalesce(sa.func.sum(b.size), 0))))
        stored = int(on.scalar(sa.select(sa.func.coalesce(sa.func.sum(b.size), 0)).where(b.digest.in_(sa.select(need.c.blob)))))
    return Usage(versions, models, stored, sum(one.total for one in versions), everything - stored)


def _own(users: sa.Subquery) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((users.c.users == 1, c.blob.c.size), else_=0))


def _all() -> sa.ColumnElement[int]:
    return sa.func.sum(c.blob.c.size)
