"""Sessions: what a save or a transfer will need, pinned before it is relied on.

The one rule: a session that gives no sign of life is ended by `collect`, and whoever held it learns this before a record names what may be gone.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from holdfast.errors import Unavailable
from holdfast.store import catalog as c
from holdfast.store.database import Database, now

LEASE = 3600.0
"""Seconds that a session lives without a sign of life."""
WAIT = 60.0
"""Seconds that a save waits for a blob that is being deleted."""

# statements that are made once: making one anew costs more than SQLite needs to do it
_BEGIN, _PIN, _CLAIM = (sa.insert(table) for table in (c.session, c.session_blob, c.session_artifact))
_MOVE_ON = sa.update(c.session).where(c.session.c.id == sa.bindparam("moved"))
_END = sa.delete(c.session).where(c.session.c.id == sa.bindparam("ended"))
_HELD = sa.select(c.session_blob.c.blob).where(c.session_blob.c.session == sa.bindparam("session"))
_CLAIMED = sa.select(c.session_artifact.c.artifact).where(c.session_artifact.c.session == sa.bindparam("session"), c.session_artifact.c.artifact == sa.bindparam("artifact"))
_STATES = sa.select(c.blob.c.digest, c.blob.c.state).where(c.blob.c.digest.in_(sa.bindparam("digests", expanding=True))).order_by(c.blob.c.digest).with_for_update()


class Session:
    """Blobs that somebody relies on and no version needs yet."""

    def __init__(self, database: Database, kind: str = "save") -> None:
        self.database = database
        self.kind = kind
        self.id = uuid.uuid4().hex
        self.begun = False
        self._moved = 0.0
        self._lock = threading.Lock()  # several blobs travel beside each other

    @classmethod
    @contextlib.contextmanager
    def opened(cls, database: Database, kind: str = "save") -> Iterator[Session]:
        """Give a session, which begins with the first thing that it relies on, and end it when the block fails."""
        session = cls(database, kind)
        try:
            yield session
        except BaseException:
            with contextlib.suppress(Exception), database.writing(durable=False) as on:
                session.end(on)
            raise

    def end(self, on: Any) -> None:
        """Let go of its blobs, in the transaction that names them.

        Raises:
            Unavailable: the session had ended already, so that what it relies on may be gone.
        """
        if not self.begun:
            return
        if not on.execute(_END, {"ended": self.id}).rowcount:  # what it relied on goes with it
            raise self._ended()

    @contextlib.contextmanager
    def _relying(self) -> Iterator[Any]:
        """Give a transaction of this session, which begins with it or gives a sign of life."""
        with self.database.writing(durable=False) as on:
            if self.begun:
                self.move_on(on)
            else:
                on.execute(_BEGIN, {"id": self.id, "kind": self.kind, "began": now(), "ends": now() + LEASE})
            yield on
        self.begun = True
        self._moved = time.monotonic()

    def move_on(self, on: Any) -> None:
        """Give a sign of life.

        Raises:
            Unavailable: the session has ended.
        """
        if not on.execute(_MOVE_ON, {"moved": self.id, "ends": now() + LEASE}).rowcount:
            raise self._ended()
        self._moved = time.monotonic()

    def _ended(self) -> Unavailable:
        said = f"this save gave no sign of life for {LEASE / 3600:g} h, or a clock was put forward, so what it relied on may be collected"
        return Unavailable(f"{said}; nothing was changed, save again", file=self.database.shown)

    def alive(self, pieces: Iterable[Any]) -> Iterator[Any]:
        """Give pieces on, and signs of life while they travel."""
        for piece in pieces:
            yield piece
            if time.monotonic() - self._moved > LEASE / 10:
                with self._lock, self.database.writing(durable=False) as on:
                    self.move_on(on)

    def pin(self, blobs: dict[str, int], artifact: str | None = None) -> set[str]:
        """Rely on blobs; returns those that the catalog did not know: their bytes have to be written.

        Args:
            blobs: digest -> bytes.
            artifact: whose layout and manifest are relied on too, before they are looked for or written.

        Raises:
            Unavailable: a blob is being deleted, and this does not end.
        """
        deadline = time.monotonic() + WAIT
        while True:
            with self._relying() as on:
                if artifact is not None:
                    self._claim(on, artifact)
                new = self._pinned(on, blobs) if blobs else set()
            if new is not None:
                return new
            if time.monotonic() > deadline:
                raise Unavailable("a part of this model is just being deleted, and this does not end; run holdfast collect, and try again", file=self.database.shown)
            time.sleep(0.05)

    def _claim(self, on: Any, artifact: str) -> None:
        c.guard(on, shared=True)
        mine = {"session": self.id, "artifact": artifact}
        if on.scalar(_CLAIMED, mine) is None:
            on.execute(_CLAIM, mine)

    def _pinned(self, on: Any, blobs: dict[str, int]) -> set[str] | None:
        """Pin blobs unless one is being deleted; returns those that the catalog did not know."""
        blobs = dict(sorted(blobs.items()))  # two that lock the same rows do so in one order
        states = self._states(on, list(blobs))
        if "deleting" in states.values():
            return None
        absent = [digest for digest in blobs if digest not in states]
        new: set[str] = c.insert_missing(on, c.blob, "digest", [{"digest": digest, "size": blobs[digest], "state": "live", "condemned": None} for digest in absent])
        if others := [digest for digest in absent if digest not in new]:  # somebody who saves the same was quicker
            states.update(self._states(on, others))
            if "deleting" in states.values():
                return None
        back = [digest for digest, state in states.items() if state == "condemned"]
        for start in range(0, len(back), 500):
            on.execute(sa.update(c.blob).where(c.blob.c.digest.in_(back[start : start + 500])).values(state="live", condemned=None))
        held = set(on.scalars(_HELD, {"session": self.id})) if self.begun else set()
        if fresh := [digest for digest in blobs if digest not in held]:
            on.execute(_PIN, [{"session": self.id, "blob": digest} for digest in fresh])
        return new

    @staticmethod
    def _states(on: Any, digests: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(digests), 500):
            rows = on.execute(_STATES, {"digests": digests[start : start + 500]})
            found.update({row.digest: row.state for row in rows})
        return found
