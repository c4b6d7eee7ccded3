"""How many bytes a piece of work is about, so that whoever waits sees how much is left.

The one rule: the catalog is asked, never each object; what it says is for people, and nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from holdfast.store import catalog as c

if TYPE_CHECKING:
    from holdfast.store.store import Store

OnBytes = Callable[[int], None]
"""Told how many more bytes are done."""
OnStage = Callable[[str, int], None]
"""Told what begins, in a word such as ``copying``, and how many bytes it is about."""

OTHERS = 4
"""Models that are looked at for a blob that they share."""


def sizes_of(store: Store, ids: Iterable[str]) -> dict[tuple[str, str], int]:
    """Return the bytes of the blobs that artifacts need, from the catalog: asking each object costs a round trip.

    Args:
        store: which knows the artifacts; of others nothing is said.
        ids: of artifacts.
    """
    found: dict[tuple[str, str], int] = {}
    listed = sorted(set(ids))
    a = c.artifact_blob.c
    with store.database.reading() as on:
        for start in range(0, len(listed), 300):
            chosen = sa.select(a.artifact, a.blob, c.blob.c.size).join_from(c.artifact_blob, c.blob, c.blob.c.digest == a.blob)
            found.update({(row.artifact, row.blob): row.size for row in on.execute(chosen.where(a.artifact.in_(listed[start : start + 300])))})
    return found


def needed(store: Store, artifacts: Iterable[str], blobs: Iterable[str] = ()) -> dict[str, int]:
    """Return the blobs that artifacts need, and some others, with their bytes.

    Args:
        store: which knows them.
        artifacts: their ids.
        blobs: other blobs.
    """
    found = {blob: size for (_, blob), size in sizes_of(store, artifacts).items()}
    listed = sorted(set(blobs))
    b = c.blob.c
    with store.database.reading() as on:
        for start in range(0, len(listed), 300):
            found.update({row.digest: row.size for row in on.execute(sa.select(b.digest, b.size).where(b.digest.in_(listed[start : start + 300])))})
    return found


def models_with(store: Store, blob: str, but: str) -> list[str]:
    """Return a few other models of which a version needs a blob.

    Args:
        store: which knows them.
        blob: the blob, or "".
        but: the model that is not meant.
    """
    v = c.version.c
    wanted = sa.select(c.model.c.name).distinct().join_from(c.model, c.version, c.model.c.id == v.model).join(c.artifact_blob, c.artifact_blob.c.artifact == v.artifact)
    with store.database.reading() as on:
        return list(on.scalars(wanted.where(c.artifact_blob.c.blob == blob, c.model.c.name != but).order_by(c.model.c.name).limit(OTHERS)))


class Counted:
    """Tells of the bytes of one thing, each once, however often it is sent."""

    def __init__(self, size: int, told: OnBytes | None) -> None:
        """Take how many bytes there are to tell of, and who is told."""
        self._left = size
        self._sent = 0
        self._told = told

    def passing(self, pieces: Iterable[Any]) -> Iterator[Any]:
        """Give pieces on, and tell of those that did not pass before."""
        at = 0
        for piece in pieces:
            yield piece
            at += len(piece)
            if at > self._sent:
                self._tell(at - self._sent)
                self._sent = at

    def end(self) -> None:
        """Tell of the rest: it is there."""
        self._tell(self._left)

    def _tell(self, count: int) -> None:
        count = min(count, self._left)
        self._left -= count
        if count and self._told is not None:
            self._told(count)
