"""Objects in a folder: written beside, flushed, renamed, and the folder flushed.

obstore's own local store is not used: it never flushes (0.12.1). The one rule: what is acknowledged is on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from typing import Any

from holdfast.artifact.atomic import Sink, sync_folder, translate
from holdfast.artifact.source import Source, open_source
from holdfast.errors import FormatError, HoldfastError, NotFound, Unavailable
from holdfast.store.blobs import Object

TMP = "tmp"
NO_LINKS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
"""What file systems without hard links say."""
CLAIM_SECONDS = 30.0
"""How long another writer of the same name is waited for, where there are no hard links."""


class LocalBlobs:
    """Objects in a folder."""

    def __init__(self, folder: str, links: bool = True) -> None:
        """Take the folder, and whether its hard links are to be believed; see `holdfast.store.blobs.filesystem.look`."""
        self.creates = True
        self.folder = os.path.abspath(folder)
        self.shown = folder
        self._links = links

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, *name.split("/"))

    def put(self, name: str, pieces: Iterable[Any], size: int) -> None:
        """See `Blobs`."""
        with self._written(name, pieces, size) as temporary:
            os.replace(temporary, self._path(name))

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Blobs`. A hard link has one winner on every file system that has hard links; elsewhere a name is claimed by an exclusive create."""
        with self._written(name, [data], len(data)) as temporary:
            try:
                if not self._links:
                    return self._claimed(temporary, self._path(name))
                os.link(temporary, self._path(name))
            except FileExistsError:
                # over a network the answer may have got lost and the question been asked again: then it is our own link that is there
                return os.stat(temporary).st_nlink == 2
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                return self._claimed(temporary, self._path(name))
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
        return True

    def _claimed(self, temporary: str, path: str) -> bool:
        claim = path + ".claim"
        deadline = time.monotonic() + CLAIM_SECONDS
        while True:
            try:
                os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444))
                break
            except FileExistsError:
                if os.path.lexists(path):
                    return False
                if time.monotonic() > deadline:
                    raise Unavailable(f"somebody began to write {os.path.basename(path)} and does not end; if no process writes to this store, delete the file {claim}", file=self.shown) from None
                time.sleep(0.01)
        try:
            if os.path.lexists(path):
                return False
            os.replace(temporary, path)
            return True
        finally:
            os.unlink(claim)

    @contextlib.contextmanager
    def _written(self, name: str, pieces: Iterable[Any], size: int) -> Iterator[str]:
        """Give a temporary file that is flushed; after the block the folder of the object is flushed."""
        path = self._path(name)
        folder = os.path.dirname(path)
        temporary = os.path.join(self.folder, TMP, f"{os.getpid()}-{os.urandom(8).hex()}")
        try:
            self._make(folder)
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o444)
            try:
                sink = Sink(fd, temporary)
                for piece in pieces:
                    sink.write(piece)
                if os.fstat(fd).st_size != size:
                    raise OSError(f"{os.fstat(fd).st_size} bytes were written of {size}")
                os.fsync(fd)
            finally:
                os.close(fd)
            yield temporary
            sync_folder(folder)
        except OSError as error:
            if isinstance(error, HoldfastError):
                raise
            raise translate(error, self.shown, "the store could not be written") from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def _make(self, folder: str) -> None:
        """Make a folder and those above it, each known to the disk."""
        for one in (os.path.join(self.folder, TMP), folder):
            missing = []
            while not os.path.isdir(one):
                missing.append(one)
                one = os.path.dirname(one)
            for part in reversed(missing):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part)
                sync_folder(os.path.dirname(part))

    def get(self, name: str) -> bytes:
        """See `Blobs`."""
        with self.open(name) as source:
            return bytes(source.private(0, source.size))

    def open(self, name: str) -> Source:
        """See `Blobs`."""
        try:
            return open_source(self._path(name))
        except (NotFound, FormatError):
            raise NotFound(f"the object {name} is not there; holdfast check names the versions that this hurts", file=self.shown) from None

    def size(self, name: str) -> int | None:
        """See `Blobs`."""
        try:
            status = os.stat(self._path(name), follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"the object {name} cannot be looked at: {error.strerror}", file=self.shown) from None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def list(self, prefix: str) -> Iterator[Object]:
        """See `Blobs`."""
        root = self._path(prefix.rstrip("/"))
        # what is still to be listed, the next one last: folders, and files with what a listing says of them
        waiting: list[tuple[str, str, Object | None]] = [(root, prefix.rstrip("/"), None)]
        while waiting:
            folder, name, found = waiting.pop()
            if found is not None:
                yield found
                continue
            try:
                with os.scandir(folder) as entries:
                    inside = [self._listed(entry, name) for entry in entries if not entry.name.endswith(".claim")]
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
        path = self._path(name)
        try:
            os.unlink(path)
            sync_folder(os.path.dirname(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise translate(error, self.shown, f"the object {name} could not be deleted") from None
