"""Objects in a folder: written beside, flushed, renamed, and the folder flushed.

obstore's own local store is not used: it never flushes (0.12.1). The one rule: what is acknowledged is on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache, partial
from typing import Any

from holdfast.artifact.atomic import Sink, sync_folder, translate
from holdfast.artifact.source import Source, open_source
from holdfast.errors import FormatError, HoldfastError, NoSpace, NotFound, Unavailable
from holdfast.store.blobs import Object

TMP = "tmp"
NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
"""What file systems without hard links say."""
TURN = "names.lock"
TURN_SECONDS = 30.0
"""How long another writer is waited for who gives an object its name, where there are no hard links."""


def made(folder: str) -> set[str]:
    """Make a folder and those above it; returns the folders in which one was made, which are to be flushed."""
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for part in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(part)
    return {os.path.dirname(part) for part in missing}


class LocalBlobs:
    """Objects in a folder."""

    def __init__(self, folder: str, links: bool = True) -> None:
        """Take the folder, and whether its hard links are to be believed; see `holdfast.store.blobs.filesystem.look`."""
        self.creates = True
        self.folder = os.path.abspath(folder)
        self.shown = folder
        self._links = links

    def path_of(self, name: str) -> str:
        """Return the file that an object is."""
        return os.path.join(self.folder, *name.split("/"))

    def put(self, name: str, pieces: Iterable[Any], size: int) -> None:
        """See `Blobs`."""
        self.put_all([(name, pieces, size)])

    def put_all(self, objects: list[tuple[str, Iterable[Any], int]]) -> None:
        """Write several objects; their flushes wait for the disk together. See `holdfast.store.blobs.put_all`."""
        with self._translated(sum(size for _, _, size in objects)), contextlib.ExitStack() as stack:
            files = [(stack.enter_context(self._temporary(pieces, size)), self.path_of(name)) for name, pieces, size in objects]
            folders = {self.path_of(name.rpartition("/")[0]) for name, _, _ in objects}
            changed = folders.union(*(made(folder) for folder in folders))
            _each([partial(os.fsync, fd) for (fd, _), _ in files])
            for (_, temporary), path in files:
                os.replace(temporary, path)
            _each([partial(sync_folder, folder) for folder in changed])

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Blobs`. A hard link has one winner on every file system that has hard links; elsewhere writers give names one after another."""
        path = self.path_of(name)
        with self._translated(len(data)), self._temporary([data], len(data)) as (fd, temporary):
            changed = {os.path.dirname(path), *made(os.path.dirname(path))}
            os.fsync(fd)
            try:
                if not self._links:
                    if not self._named(temporary, path):
                        return False
                else:
                    os.link(temporary, path)
            except FileExistsError:
                # over a network the answer may have got lost and the question been asked again: then it is our own link that is there
                if os.fstat(fd).st_nlink != 2:
                    return False
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                if not self._named(temporary, path):
                    return False
            _each([partial(sync_folder, folder) for folder in changed])
            return True

    def _named(self, temporary: str, path: str) -> bool:
        """Give a file its name without a hard link; says whether there was none of that name."""
        if os.name == "nt":
            try:
                os.rename(temporary, path)  # refuses there what it does elsewhere: to take the place of another file
            except FileExistsError:
                return False
            return True
        with self._turn():
            if os.path.lexists(path):
                return False
            os.replace(temporary, path)
            return True

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the only one here who gives names. The system lets go of the lock of a process that dies, so nobody has to find out who lives."""
        import fcntl

        fd = os.open(os.path.join(self.folder, TURN), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            deadline = time.monotonic() + TURN_SECONDS
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise Unavailable(f"another process has held {TURN} for {TURN_SECONDS:g} s: it was stopped while it wrote, or hangs; end it, and try again", file=self.shown) from None
                    time.sleep(0.01)
            try:
                yield
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)  # and not only closed: a fork of this process has the file open, too
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _temporary(self, pieces: Iterable[Any], size: int) -> Iterator[tuple[int, str]]:
        """Give a written file that has no name yet, by descriptor and path; afterwards the path is gone."""
        made(os.path.join(self.folder, TMP))
        temporary = os.path.join(self.folder, TMP, f"{os.getpid()}-{os.urandom(8).hex()}")
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o444)
        try:
            sink = Sink(fd, temporary)
            for piece in pieces:
                sink.write(piece)
            if os.fstat(fd).st_size != size:
                raise OSError(f"{os.fstat(fd).st_size} bytes were written of {size}")
            yield fd, temporary
        finally:
            os.close(fd)
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    @contextlib.contextmanager
    def _translated(self, needed: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, HoldfastError):
                raise
            if error.errno == errno.ENOENT:
                said = f"a file on its way is gone from {TMP}/: somebody took it away, or swept it with a clock that is ahead by a day; nothing was changed, try again"
                raise Unavailable(said, file=self.shown) from None
            told = translate(error, self.shown, "the store could not be written")
            if isinstance(told, NoSpace):
                told.message += f"; what was to be written needs {needed} bytes{self._room(error)}"
            raise told from None

    def _room(self, error: OSError) -> str:
        """Say what the disk has, where it is the disk that is full, and not a quota or a limit of this process."""
        if error.errno != errno.ENOSPC:
            return ""
        try:
            return f", and the disk has {shutil.disk_usage(self.folder).free}"
        except OSError:
            return ""

    def get(self, name: str) -> bytes:
        """See `Blobs`."""
        with self.open(name) as source:
            return bytes(source.private(0, source.size))

    def open(self, name: str) -> Source:
        """See `Blobs`."""
        try:
            return open_source(self.path_of(name), one_of_many=True)
        except (NotFound, FormatError):
            raise NotFound(f"the object {name} is not there; holdfast check names the versions that this hurts", file=self.shown) from None

    def size(self, name: str) -> int | None:
        """See `Blobs`."""
        try:
            status = os.stat(self.path_of(name), follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"the object {name} cannot be looked at: {error.strerror}", file=self.shown) from None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def list(self, prefix: str) -> Iterator[Object]:
        """See `Blobs`."""
        root = self.path_of(prefix.rstrip("/"))
        # what is still to be listed, the next one last: folders, and files with what a listing says of them
        waiting: list[tuple[str, str, Object | None]] = [(root, prefix.rstrip("/"), None)]
        while waiting:
            folder, name, found = waiting.pop()
            if found is not None:
                yield found
                continue
            try:
                with os.scandir(folder) as entries:
                    inside = [self._listed(entry, name) for entry in entries]
            except FileNotFoundError:
                continue
            except OSError as error:
                raise Unavailable(f"the folder {name} cannot be listed: {error.strerror}", file=self.shown) from None
            # a folder stands where its objects stand, so that the order is that of a bucket
            waiting += sorted((one for one in inside if one is not None), key=lambda one: one[1] + ("/" if one[2] is None else ""), reverse=True)

    @staticmethod
    def _listed(entry: os.DirEntry[str], folder: str) -> tuple[str, str, Object | None] | None:
        name = f"{folder}/{entry.name}"
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # taken away since
            return None
        if stat.S_ISDIR(status.st_mode):
            return entry.path, name, None
        return (entry.path, name, Object(name, status.st_size, status.st_mtime)) if stat.S_ISREG(status.st_mode) else None

    def delete(self, name: str) -> None:
        """See `Blobs`."""
        path = self.path_of(name)
        try:
            os.unlink(path)
            sync_folder(os.path.dirname(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise translate(error, self.shown, f"the object {name} could not be deleted") from None


def _each(flushes: list[Callable[[], Any]]) -> None:
    """Do several flushes beside each other: a file system makes them one where it can.

    Raises:
        OSError: one failed; it is not tried again.
    """
    if len(flushes) == 1:
        flushes[0]()
        return
    waited = [_pool().submit(one) for one in flushes[1:]]
    try:
        flushes[0]()
    finally:
        wait(waited)  # whoever gives up now would close and delete files that are being flushed
    for done in waited:
        done.result()


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads that flush, which are kept: to begin one takes longer than many a flush."""
    return ThreadPoolExecutor(16, "holdfast-flush")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not come along
