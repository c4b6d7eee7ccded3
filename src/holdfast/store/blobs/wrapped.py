"""Places for objects that stand before others: for reading alone, and for trying again.

The one rule: a wrapper changes what it is named after and nothing else, and what is wrong for good is told as it was found.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from holdfast.artifact.source import Source
from holdfast.errors import Unavailable
from holdfast.store.blobs import Blobs, Object

T = TypeVar("T")

TRIES = 4
FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0
REPLAYED = 16 << 20
"""Bytes of an object up to which its pieces are held, to be given once more."""


def opened_there(blobs: Blobs, name: str) -> Any:
    """Open an object where it lies: for whoever wants to know what is there, and not what was.

    Args:
        blobs: a place, with or without wrappers.
        name: of the object.

    Raises:
        NotFound: there is none.
    """
    return blobs.open_there(name) if isinstance(blobs, Wrapped) else blobs.open(name)


def opened_once(blobs: Blobs, name: str) -> Any:
    """Open an object for whoever reads it once and keeps it elsewhere: from what is kept here, or else where it lies, and then nothing is kept here.

    Args:
        blobs: a place, with or without wrappers.
        name: of the object.

    Raises:
        NotFound: there is none.
    """
    return blobs.open_once(name) if isinstance(blobs, Wrapped) else blobs.open(name)


class Wrapped:
    """A place that hands everything on to another."""

    def __init__(self, inner: Blobs) -> None:
        self.inner = inner
        self.shown = inner.shown

    @property
    def creates(self) -> bool:
        """Whether `put_new` has one winner; see `Blobs`."""
        return self.inner.creates

    @creates.setter
    def creates(self, value: bool) -> None:
        self.inner.creates = value

    @property
    def tells(self) -> Callable[[Callable[[int], None] | None], None] | None:
        """Where objects are brought here as a whole before they are read: given who wants to know how many bytes come, or None when nobody does any more."""
        found: Callable[[Callable[[int], None] | None], None] | None = getattr(self.inner, "tells", None)
        return found

    def put(self, name: str, pieces: Iterable[Any], size: int) -> None:
        """See `Blobs`."""
        self.inner.put(name, pieces, size)

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Blobs`."""
        return self.inner.put_new(name, data)

    def get(self, name: str) -> bytes:
        """See `Blobs`."""
        return self.inner.get(name)

    def open(self, name: str) -> Any:
        """See `Blobs`."""
        return self.inner.open(name)

    def open_there(self, name: str) -> Any:
        """Open an object where it lies, and not a copy of it that was kept on the way; see `opened_there`."""
        return opened_there(self.inner, name)

    def open_once(self, name: str) -> Any:
        """Open an object that is read once; see `opened_once`."""
        return opened_once(self.inner, name)

    def size(self, name: str) -> int | None:
        """See `Blobs`."""
        return self.inner.size(name)

    def list(self, prefix: str) -> Iterator[Object]:
        """See `Blobs`."""
        return self.inner.list(prefix)

    def delete(self, name: str) -> None:
        """See `Blobs`."""
        self.inner.delete(name)


class ReadOnlyBlobs(Wrapped):
    """A place that is looked at, and never written to."""

    def put(self, name: str, pieces: Iterable[Any], size: int) -> None:
        """Refuse.

        Raises:
            Unavailable: always.
        """
        raise self._refused(name)

    def put_new(self, name: str, data: bytes) -> bool:
        """Refuse.

        Raises:
            Unavailable: always.
        """
        raise self._refused(name)

    def delete(self, name: str) -> None:
        """Refuse.

        Raises:
            Unavailable: always.
        """
        raise self._refused(name)

    def _refused(self, name: str) -> Unavailable:
        return Unavailable(f"the object {name} is not touched: this store was opened for reading alone; connect without read_only=True", file=self.shown)


class RetryingBlobs(Wrapped):
    """A place whose passing faults are tried again, a few times and with growing waits; every step may be done twice."""

    def __init__(self, inner: Blobs, tries: int = TRIES, first_wait: float = FIRST_WAIT, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take how often a step is done at most, and the seconds before the second time; each wait is up to twice as long as the one before."""
        super().__init__(inner)
        self._tries = tries
        self._first = first_wait
        self._sleep = sleep

    def again(self, step: Callable[[], T]) -> T:
        """Do a step until it is done, or until its fault is no passing one, or until there were enough tries; then raise what the last one raised."""
        failed = 0
        while True:
            try:
                return step()
            except Unavailable as error:
                failed += 1
                self._wait(failed, error)

    def _wait(self, failed: int, error: Unavailable) -> None:
        """Wait before the next try, or raise the error."""
        if not error.passing:
            raise error
        if failed >= self._tries:
            error.message += f" (tried {failed} times)"
            raise error
        # at random, so that those who were refused together do not come back together
        self._sleep(min(self._first * 2 ** (failed - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0))

    def put(self, name: str, pieces: Iterable[Any], size: int) -> None:
        """See `Blobs`. Pieces of a large object that can be given only once are given once; obstore sends its parts again by itself."""
        if size <= REPLAYED:
            pieces = [bytes(piece) for piece in pieces]
        if iter(pieces) is pieces:
            self.inner.put(name, pieces, size)
        else:
            self.again(lambda: self.inner.put(name, pieces, size))

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Blobs`. When the first answer got lost, the second try meets our own object, which counts as written."""
        tried = False

        def step() -> bool:
            nonlocal tried
            again, tried = tried, True
            return self.inner.put_new(name, data) or (again and self.inner.get(name) == data)

        return self.again(step)

    def get(self, name: str) -> bytes:
        """See `Blobs`."""
        return self.again(lambda: self.inner.get(name))

    def open(self, name: str) -> Any:
        """See `Blobs`; ranges are tried again one by one."""
        return self._retrying(self.again(lambda: self.inner.open(name)))

    def open_there(self, name: str) -> Any:
        """See `Wrapped`."""
        return self._retrying(self.again(lambda: opened_there(self.inner, name)))

    def open_once(self, name: str) -> Any:
        """See `Wrapped`."""
        return self._retrying(self.again(lambda: opened_once(self.inner, name)))

    def _retrying(self, source: Source) -> Source:
        return source if source.whole else _RetryingSource(source, self.again)

    def size(self, name: str) -> int | None:
        """See `Blobs`."""
        return self.again(lambda: self.inner.size(name))

    def list(self, prefix: str) -> Iterator[Object]:
        """See `Blobs`. A listing that breaks off is begun again, without what was given already: not every server has the same order twice."""
        given: set[str] = set()
        failed = 0
        while True:
            try:
                for one in self.inner.list(prefix):
                    if one.name not in given:
                        given.add(one.name)
                        failed = 0
                        yield one
                return
            except Unavailable as error:
                failed += 1
                self._wait(failed, error)

    def delete(self, name: str) -> None:
        """See `Blobs`."""
        self.again(lambda: self.inner.delete(name))


class _RetryingSource(Source):
    def __init__(self, inner: Source, again: Callable[[Callable[[], Any]], Any]) -> None:
        super().__init__(inner.name, inner.size, None)
        self._inner = inner
        self._again = again

    def view(self, start: int, length: int) -> memoryview:
        found: memoryview = self._again(lambda: self._inner.view(start, length))
        return found

    def private(self, start: int, length: int) -> Any:
        return self._again(lambda: self._inner.private(start, length))

    def read_into(self, start: int, out: memoryview) -> None:
        self._again(lambda: self._inner.read_into(start, out))

    def close(self) -> None:
        self._inner.close()
