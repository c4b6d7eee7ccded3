"""Blobs of a bucket, kept in a folder of this machine and mapped from there: a version that was loaded once is loaded from here.

The one rule: a file of the cache is used only when its bytes were compared with the digest in its name, and nobody touched it since.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import threading
import time
from typing import Any

from blake3 import blake3

from holdfast.artifact.atomic import Sink, translate
from holdfast.artifact.source import Source, buffer_source, open_source
from holdfast.errors import Corrupt, FormatError, NotFound, StoreError, Unavailable
from holdfast.store.blobs import Blobs
from holdfast.store.blobs.ranges import pieces_of
from holdfast.store.blobs.wrapped import Wrapped, opened_once

SIZE = 20 << 30
"""Bytes of the cache, unless told."""
KEPT = 0.8
"""Part of that which is left when the oldest are taken away."""
DIGESTED = ("blobs/", "artifacts/")
"""What is named by the digest of its bytes."""
TMP = "tmp"
LOCKS = 64
SWEPT = 86400.0
"""Seconds after which a file on its way has no writer any more."""


def default_folder() -> str:
    """Return the folder of this user's cache, below the system's folder for temporary files."""
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    return os.path.join(tempfile.gettempdir(), f"holdfast-cache-{owner}")


class CachedBlobs(Wrapped):
    """A place whose blobs are fetched once and then mapped from a folder. Several processes and stores may share it."""

    def __init__(self, inner: Blobs, folder: str | None = None, size: int = SIZE) -> None:
        """Take the folder (one of this user's own in the system's folder for temporary files, unless told) and how many bytes it may hold.

        Raises:
            Unavailable: somebody else may write to the folder.
        """
        super().__init__(inner)
        self.folder = os.path.abspath(folder or default_folder())
        self._size = size
        self._locks = [threading.Lock() for _ in range(LOCKS)]
        self._counting = threading.Lock()
        self._new = 0  # bytes fetched since the folder was counted, and how many more there may be before it is counted again
        self._free = 0
        self._claim()

    def _claim(self) -> None:
        try:
            with contextlib.suppress(FileExistsError):
                os.makedirs(os.path.dirname(self.folder), exist_ok=True)
                os.mkdir(self.folder, 0o700)
            status = os.lstat(self.folder)
            if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022)):
                raise Unavailable("this folder for the cache of blobs is not yours alone to write to; take it away, or connect with another one: cache='/folder'", file=self.folder)
            os.makedirs(os.path.join(self.folder, TMP), 0o700, exist_ok=True)
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise translate(error, self.folder, "the cache of blobs cannot be made") from None

    # -- reading --------------------------------------------------------------------------------------------------------

    def get(self, name: str) -> bytes:
        """See `Blobs`. Manifests are kept as well; they are named by their digests."""
        if not name.startswith(DIGESTED):
            return self.inner.get(name)
        with self.open(name) as source:
            return bytes(source.private(0, source.size))

    def open(self, name: str) -> Any:
        """See `Blobs`.

        Raises:
            Corrupt: what came is not what the name says; it is not kept.
        """
        if not name.startswith(DIGESTED):
            return self.inner.open(name)
        with self._locks[hash(name) % LOCKS]:
            found = self._trusted(name)
            if found is None:
                with self.inner.open(name) as source:
                    return self._fetched(name, source)
        return found

    def open_once(self, name: str) -> Any:
        """See `Wrapped`: what is not kept here is not kept for one reading either."""
        if name.startswith(DIGESTED):
            with self._locks[hash(name) % LOCKS]:
                found = self._trusted(name)
            if found is not None:
                return found
        return opened_once(self.inner, name)

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, *name.split("/"))

    def _trusted(self, name: str) -> Source | None:
        """Return the file of the cache, if it is as it was when it was compared, or else compare it."""
        path = self._path(name)
        try:
            source = open_source(path, one_of_many=True)
        except (NotFound, FormatError):
            return None
        status = source.status()  # of the open file; a small one is in memory already, and compared each time
        if status is None or _known(path) != _mark(status):
            if blake3(source.view(0, source.size)).hexdigest() != name.rpartition("/")[2]:
                source.close()
                self._forget(path)
                return None
            self._trust(path, status)
        with contextlib.suppress(OSError):
            os.utime(path + ".ok")  # when it was last used
        return source

    def _fetched(self, name: str, source: Source) -> Source:
        """Bring an object here, part by part, and compare it on the way."""
        if source.size == 0:
            return buffer_source(b"", name=source.name)
        self._room(source.size)
        path = self._path(name)
        temporary = os.path.join(self.folder, TMP, f"{os.getpid()}-{os.urandom(8).hex()}")
        try:
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o400)
            try:
                found = _transfer(source, Sink(fd, temporary))
                os.fsync(fd)  # a mark of a file whose bytes a power cut took would be worth nothing
            finally:
                os.close(fd)
            if found != name.rpartition("/")[2]:
                raise Corrupt(f"the object {name} does not match its digest: it has other bytes than were saved; holdfast check names the versions that this hurts", file=self.shown)
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            os.replace(temporary, path)
            self._trust(path, os.stat(path))
            return open_source(path, one_of_many=True)
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise translate(error, self.folder, "the cache of blobs could not be written") from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    # -- what is trusted ------------------------------------------------------------------------------------------------

    def _trust(self, path: str, status: os.stat_result | None) -> None:
        with contextlib.suppress(OSError), open(path + ".ok", "w", encoding="ascii") as file:
            file.write("" if status is None else _mark(status))

    def _forget(self, path: str) -> None:
        for one in (path + ".ok", path):
            with contextlib.suppress(OSError):  # on Windows, a mapped file stays until it is let go
                os.unlink(one)

    # -- room -----------------------------------------------------------------------------------------------------------

    def _room(self, more: int) -> None:
        """Take away what was not used for longest, when the cache would become too large. A file that is mapped stays readable."""
        with self._counting:
            self._new += more
            if self._new <= self._free:
                return
            files = self._files()  # counted anew: others fill this folder too
            held = sum(size for _, size, _ in files)
            if held + more > self._size:
                for _, size, path in sorted(files):
                    self._forget(path)
                    held -= size
                    if held + more <= self._size * KEPT:
                        break
            self._new = more
            self._free = min(max(0, self._size - held), self._size // 8)

    def _files(self) -> list[tuple[float, int, str]]:
        """Return when each file was last used, its bytes, and its path; what a process that was ended left behind goes."""
        found = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    status = os.stat(path)
                    if os.path.basename(folder) == TMP:
                        if time.time() - status.st_mtime > SWEPT:
                            os.unlink(path)
                    elif not name.endswith(".ok"):
                        used = status.st_mtime
                        with contextlib.suppress(OSError):
                            used = os.stat(path + ".ok").st_mtime
                        found.append((used, status.st_size, path))
        return found


def _known(path: str) -> str:
    try:
        with open(path + ".ok", encoding="ascii") as file:
            return file.read(200)
    except (OSError, UnicodeDecodeError):
        return ""


def _mark(status: os.stat_result) -> str:
    """Return what changes when somebody touches a file."""
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _transfer(source: Source, sink: Sink) -> str:
    """Write an object into a file by ranges, several on their way at once, and return the digest of what was written.

    Not through a mapping: a full disk would end the process there, instead of raising.
    """
    hasher = blake3()
    with contextlib.closing(pieces_of(source)) as pieces:
        for part in pieces:
            sink.write(part)
            hasher.update(part)
    return hasher.hexdigest()
