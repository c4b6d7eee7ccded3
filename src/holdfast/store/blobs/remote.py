"""Objects in a bucket (S3 and what speaks like it, Google Cloud Storage, Azure), over obstore.

The one rule: what a server answers is looked at again: a PUT by the size that is there afterwards, an "already exists" by the bytes
that are there, and a read by its length.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import obstore
from obstore import exceptions as failures

from holdfast.artifact.source import Source, aligned
from holdfast.errors import HoldfastError, NotFound, Truncated, Unavailable, quoted
from holdfast.store.blobs import Object
from holdfast.store.blobs.ranges import AT_ONCE, fill

ONE_PUT = 16 << 20
"""Bytes up to which an object goes in one request, so that no upload is left half done."""
PART = 16 << 20
"""Bytes of one part of a larger one, at least: S3 takes 10,000 parts."""
PARTS = 9_000

_STATUS = re.compile(r"status code: (\d{3})")


class RemoteBlobs:
    """Objects in a bucket.

    Attributes:
        place: the address of the bucket at its server, by which a note of what it can do is known again.
    """

    def __init__(self, store: Any, prefix: str, shown: str, place: str) -> None:
        """Take a store of obstore; `holdfast.store.blobs.places` makes one from an address."""
        self._store = store
        self._prefix = f"{prefix}/" if prefix else ""
        self.shown = shown
        self.place = place
        self.creates = True

    def _path(self, name: str) -> str:
        return self._prefix + name

    def put(self, name: str, pieces: Iterable[Any], size: int) -> None:
        """See `Blobs`. Large ones go in parts; parts of an upload that failed are taken away again."""
        path = self._path(name)
        counted = _Counted(pieces, size, name, self.shown)
        try:
            if size <= ONE_PUT:
                obstore.put(self._store, path, b"".join(counted), mode="overwrite", use_multipart=False)
            else:
                obstore.put(self._store, path, counted, use_multipart=True, chunk_size=max(PART, -(-size // PARTS)), max_concurrency=AT_ONCE // 2)
        except HoldfastError:
            raise
        except Exception as error:
            raise self._translated(error, f"the object {name} could not be written", writing=True) from error
        there = self.size(name)
        if there != size:
            raise Unavailable(f"the object {name} was written with {size} bytes, and the server says that it has {there}; save it again", file=self.shown, passing=True)

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Blobs`. An answer that got lost looks like somebody else's object: it is read, and our own bytes count as written by us."""
        if not self.creates and (there := self._there(name)) is not None:
            # this place takes the condition and writes over what is there, so it is not let near an object that is
            return there == data
        try:
            obstore.put(self._store, self._path(name), data, mode="create")
        except failures.AlreadyExistsError:
            there = self._there(name)
            if there is None:  # "somebody else is just writing it", and then nobody did
                raise Unavailable(f"the object {name} was being written by somebody else, and is not there; try again", file=self.shown, passing=True) from None
            return there == data
        except Exception as error:
            raise self._translated(error, f"the object {name} could not be written", writing=True) from error
        return self.creates or self._there(name) == data

    def _there(self, name: str) -> bytes | None:
        try:
            return self.get(name)
        except NotFound:
            return None

    def get(self, name: str) -> bytes:
        """See `Blobs`."""
        try:
            answer = obstore.get(self._store, self._path(name))
            data = bytes(answer.bytes())
        except Exception as error:
            raise self._translated(error, f"the object {name} could not be read", name) from error
        self._whole(name, 0, len(data), answer.meta["size"])
        return data

    def open(self, name: str) -> Source:
        """See `Blobs`. Nothing is fetched before it is asked for."""
        size = self.size(name)
        if size is None:
            raise _gone(name, self.shown)
        return RemoteSource(self, name, size)

    def read_into(self, name: str, start: int, out: memoryview) -> None:
        """Fill a buffer with the bytes of an object that begin at ``start``.

        Raises:
            NotFound: there is no such object.
            Unavailable: the server does not answer, or gave fewer bytes.
        """
        if not len(out):
            return
        try:
            data = memoryview(obstore.get_range(self._store, self._path(name), start=start, length=len(out)))
        except Exception as error:
            raise self._translated(error, f"bytes {start}..{start + len(out)} of the object {name} could not be read", name) from error
        self._whole(name, start, len(data), len(out))
        out[:] = data

    def _whole(self, name: str, start: int, got: int, wanted: int) -> None:
        if got != wanted:
            raise Unavailable(f"{got} bytes of the object {name} came from {start} on, and {wanted} were wanted; try again", file=self.shown, passing=True)

    def size(self, name: str) -> int | None:
        """See `Blobs`."""
        try:
            return int(obstore.head(self._store, self._path(name))["size"])
        except FileNotFoundError:  # which obstore raises in place of its own NotFoundError
            return None
        except Exception as error:
            raise self._translated(error, f"the object {name} could not be looked at") from error

    def list(self, prefix: str) -> Iterator[Object]:
        """See `Blobs`."""
        try:
            pages = obstore.list(self._store, self._path(prefix), chunk_size=1000)
            for page in pages:
                for one in page:
                    yield Object(str(one["path"])[len(self._prefix) :], int(one["size"]), one["last_modified"].timestamp())
        except Exception as error:
            raise self._translated(error, f"the objects below {prefix} could not be listed") from error

    def delete(self, name: str) -> None:
        """See `Blobs`."""
        try:
            obstore.delete(self._store, self._path(name))
        except FileNotFoundError:
            pass
        except Exception as error:
            raise self._translated(error, f"the object {name} could not be deleted", writing=True) from error

    def _translated(self, error: Exception, what: str, name: str | None = None, writing: bool = False) -> HoldfastError:
        """Return our error for one of obstore's; its own text is long, and holds the whole answer of the server."""
        if isinstance(error, HoldfastError):
            return error
        text = str(error).partition("\n\nDebug source")[0]
        if "NoSuchBucket" in text or "ContainerNotFound" in text:
            return NotFound(f"{what}: there is no such bucket; make it first, or correct the address", file=self.shown)
        if isinstance(error, FileNotFoundError) and name is not None:
            return _gone(name, self.shown)
        status = _STATUS.search(text)
        said = quoted(text.partition(": ")[2] or text, 300)
        if isinstance(error, failures.PermissionDeniedError | failures.UnauthenticatedError) or (status is not None and status[1] in ("401", "403")):
            right = "write to" if writing else "read"
            return Unavailable(f"{what}: the server refuses it (status {status[1] if status else '403'}); check the key, and that it may {right} this bucket", file=self.shown)
        lasting = status is not None and status[1].startswith("4") and status[1] not in ("408", "409", "425", "429")
        return Unavailable(f"{what}: {said}", file=self.shown, passing=not lasting)


class RemoteSource(Source):
    """An object that is read in ranges, and held in memory as a whole from the first view of it: what is checked there is what is used."""

    def __init__(self, blobs: RemoteBlobs, name: str, size: int) -> None:
        super().__init__(f"{blobs.shown}/{name}", size, None)
        self._blobs = blobs
        self._object = name
        self._lock = threading.Lock()

    def view(self, start: int, length: int) -> memoryview:
        """Return bytes of the object; see `Source`."""
        if start < 0 or length < 0 or start + length > self.size:
            raise Truncated(f"bytes {start}..{start + length} were wanted, and there are {self.size}", file=self.name)
        with self._lock:
            if self._memory is None:
                memory = aligned(self.size)
                fill(memory, lambda at, part: self._blobs.read_into(self._object, at, part))
                self._memory = memory
                self.whole = True
        return self._memory[start : start + length]

    def private(self, start: int, length: int) -> Any:
        """Return a copy of bytes of the object; only these are fetched."""
        memory = aligned(length)
        self.read_into(start, memory)
        return memory

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill a buffer; from the server, as long as nothing else of the object was asked for."""
        if self._memory is not None:
            out[:] = self.view(start, len(out))
        elif start < 0 or start + len(out) > self.size:
            raise Truncated(f"bytes {start}..{start + len(out)} were wanted, and there are {self.size}", file=self.name)
        else:
            fill(out, lambda at, part: self._blobs.read_into(self._object, start + at, part))


def _gone(name: str, shown: str) -> NotFound:
    return NotFound(f"the object {name} is not there; holdfast check names the versions that this hurts", file=shown)


class _Counted:
    """Pieces on their way, as obstore takes them; fewer or more bytes than announced end the upload before it counts."""

    def __init__(self, pieces: Iterable[Any], size: int, name: str, shown: str) -> None:
        self._pieces = iter(pieces)
        self._left = size
        self._name = name
        self._shown = shown

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> memoryview:
        for piece in self._pieces:
            view = memoryview(piece)
            if not view.nbytes:
                continue
            flat = view.cast("B")
            self._left -= len(flat)
            if self._left < 0:
                raise Truncated(f"{-self._left} bytes more were given for the object {self._name} than announced", file=self._shown)
            return flat
        if self._left:
            raise Truncated(f"{self._left} bytes fewer were given for the object {self._name} than announced", file=self._shown)
        raise StopIteration
