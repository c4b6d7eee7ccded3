"""A catalog's database: opened, probed, and written by one transaction at a time.

The one rule: whoever writes holds the lock of the row of the model, or on SQLite of the whole file, and never while bytes of models travel.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from holdfast.errors import (
    Conflict,
    Corrupt,
    EnvironmentMissing,
    LibraryMissing,
    NoSpace,
    NotFound,
    Unavailable,
    UnsupportedVersion,
    quoted,
)
from holdfast.store import catalog

BUSY_SECONDS = 60
"""How long a writer waits for another."""


class Database:
    """A catalog that can be asked and changed.

    Attributes:
        shown: how messages call it.
        refused: why nothing is written, as long as that is so.
    """

    def __init__(self, url: str, shown: str, read_only: bool = False, shared: bool = False, on_close: Callable[[], None] | None = None, alone: bool = False) -> None:
        """Open a catalog.

        Args:
            url: of SQLAlchemy's kind.
            shown: how messages call it.
            read_only: refuse to write.
            shared: it is a file of SQLite on a file system of the network.
            on_close: called once it is closed.
            alone: it is of this connection alone, so that it holds nothing of what others rely on at this moment.
        """
        self.shown = shown
        self.alone = alone
        self.refused: str | None = None
        self._on_close = on_close
        self._reads: dict[str, Any] = {"holdfast_reads": True}
        self.read_only = read_only
        self._url = url
        self._shared = shared
        self._idle: set[Any] = set()  # connections that nobody uses at this moment
        self._turn = _turn(url)
        self.engine = self._connected()
        _OPEN.add(self)

    def _connected(self) -> sa.Engine:
        try:
            engine = sa.create_engine(self._url, **_options(self._url))
        except ModuleNotFoundError as error:
            raise LibraryMissing(f"this catalog needs {error.name}; install it with: pip install 'holdfast[postgres]'", file=self.shown) from None
        except sa.exc.ArgumentError as error:
            raise EnvironmentMissing(f"this is no address of a database ({quoted(error, 120)})", file=self.shown) from None
        if engine.dialect.name == "postgresql":
            # each question would see what was committed last; SQLite shows a reader one state anyway
            self._reads |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        if engine.dialect.name == "sqlite":
            shared, read_only = self._shared, self.read_only
            sa.event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, shared, read_only))
            sa.event.listen(engine, "begin", _begin_sqlite)
            sa.event.listen(engine, "checkin", lambda connection, _: self._idle.add(connection))
            sa.event.listen(engine, "checkout", lambda connection, *_: self._idle.discard(connection))
            sa.event.listen(engine, "close", lambda connection, _: self._idle.discard(connection))
        return engine

    def forked(self) -> None:
        """Connect anew in a process that a fork made: what came along is the parent's.

        Two processes that talk over one connection to PostgreSQL read each other's answers; and SQLite's locks are a process's own, so that the parent would
        take away a log that this one still writes to.
        """
        self._turn = _turn(self._url)
        if ":memory:" in self._url:
            return  # copied as a whole, and shared with nobody
        idle, self._idle = self._idle, set()
        self._parents = self.engine  # kept: what is thrown away says good-bye to the server
        self.engine = self._connected()
        for connection in idle:  # while the parent has it open: it is then not the last to go, and SQLite takes nothing away
            with contextlib.suppress(Exception):
                connection.close()

    def make(self, fill: Callable[[Any], None] | None = None) -> None:
        """Make the tables that are not there, bring older ones to today's form, and refuse a catalog of a newer holdfast.

        Args:
            fill: given a connection, puts into a catalog that is new what it should hold; it is new as long as this has not ended well.

        Raises:
            UnsupportedVersion: it has a newer format.
        """
        if self.format() == catalog.FORMAT:
            return
        from holdfast.store.migrating import migrate

        with self.writing() as on:
            if self.engine.dialect.name == "postgresql":
                on.execute(sa.text("SELECT pg_advisory_xact_lock(748220391)"))  # two that connect first at the same time
            found = _format(on)
            if found is not None and found > catalog.FORMAT:
                raise UnsupportedVersion(
                    f"the catalog has format {found}, and this holdfast writes {catalog.FORMAT}; upgrade with: pip install -U holdfast, or connect with read_only=True",
                    file=self.shown,
                )
            if found != catalog.FORMAT:
                migrate(on)
            if found is None and fill is not None:
                fill(on)

    def format(self) -> int | None:
        """Return the format of the catalog, or None when it has no tables yet."""
        with self.reading() as on:
            return _format(on)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Any]:
        """Give a connection that sees one state of the catalog."""
        with self._turn, self._translated(), self.engine.connect().execution_options(**self._reads) as on:
            yield on

    @contextlib.contextmanager
    def writing(self, durable: bool = True) -> Iterator[Any]:
        """Give a connection whose changes are all made, or none.

        Args:
            durable: what was committed is there after a power cut. Sessions are not: who held them is gone then, too.
        """
        if self.read_only:
            raise Unavailable("this store was opened for reading alone", file=self.shown)
        if self.refused is not None:
            raise Corrupt(self.refused, file=self.shown)
        with self._turn, self._translated(), self.engine.connect().execution_options(holdfast_durable=durable) as on, on.begin():
            yield on

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (Conflict, NotFound) as error:
            error.at(self.shown)  # of a record that does not fit: it does not know where
            raise
        except sa.exc.IntegrityError as error:
            raise Conflict(f"somebody else changed the store at the same time ({quoted(error.orig, 200)}); try again", file=self.shown) from error
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.DatabaseError) as error:
            if "disk is full" in str(error.orig) or "No space left" in str(error.orig):
                raise NoSpace("the disk that the catalog is on is full; nothing was changed: free space, and try again", file=self.shown) from error
            raise Unavailable(f"the catalog cannot be used: {quoted(error.orig or error, 300)}", file=self.shown) from error

    def close(self) -> None:
        """Give connections back."""
        self.engine.dispose()
        if self._on_close is not None:
            self._on_close()


_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()


def _forked() -> None:
    for one in list(_OPEN):
        one.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _turn(url: str) -> Any:
    """Return what one transaction holds at a time: a catalog in memory has one connection for all threads."""
    return threading.RLock() if ":memory:" in url else contextlib.nullcontext()


def _format(on: Any) -> int | None:
    if not sa.inspect(on).has_table(catalog.about.name):
        return None
    found = on.scalar(sa.select(catalog.about.c.value).where(catalog.about.c.key == "format"))
    return None if found is None else int(found)


def _options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}, **({"poolclass": sa.pool.StaticPool} if ":memory:" in url else {})}
    return {"pool_pre_ping": True, "pool_size": 4, "max_overflow": 12}


def _prepare_sqlite(connection: Any, shared: bool, read_only: bool) -> None:
    connection.isolation_level = None  # we begin transactions ourselves; Python's own way begins too late
    cursor = connection.cursor()
    # WAL needs memory that all processes share, which a network does not have; a catalog that comes from elsewhere is taken out of it first
    modes = ("PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=DELETE", "PRAGMA locking_mode=NORMAL") if shared else ("PRAGMA journal_mode=WAL",)
    for line in (*(() if read_only else modes), "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}"):
        cursor.execute(line)
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    options = connection.get_execution_options()
    if options.get("holdfast_reads"):
        connection.exec_driver_sql("BEGIN")
        return
    wanted = "FULL" if options.get("holdfast_durable", True) else "NORMAL"
    if connection.info.get("synchronous") != wanted:
        connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
        connection.info["synchronous"] = wanted
    # IMMEDIATE: whoever reads first and writes later would otherwise be refused when somebody wrote in between
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def now() -> float:
    """Return seconds since 1970; for people to read, never to decide an order."""
    return time.time()
