"""A file appears whole or not at all.

Strategy: write a temporary file in the same folder, flush it to the disk, rename it over the name, flush the folder.
What is under the name afterwards behaves as if it had been opened with ``open(path, "wb")``: symlinks are followed, an
existing file keeps its mode, a new one gets the mode that the umask gives.

The one rule: after any failure, Ctrl-C included, the old file is there as it was and the temporary one is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import Any

from holdfast.errors import FormatError, HoldfastError, NoSpace, NotFound, Unavailable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Sink:
    """Where a file's bytes go before it has its name."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path

    def write(self, buffer: Any) -> None:
        """Write all of a buffer."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            count = os.write(self.fd, view[done:] if done else view)
            if count <= 0:
                raise OSError(errno.EIO, "the system wrote nothing")
            done += count

    def write_all(self, buffers: list[Any]) -> None:
        """Write all of many buffers: small ones joined, others one by one.

        One call for all of them (``writev``) is a tenth quicker at its best, and twice as slow where the memory for the file
        has to be fetched from a host.
        """
        small: list[Any] = []
        for buffer in buffers:
            if len(buffer) < JOINED:
                small.append(buffer)
                continue
            self._join(small)
            self.write(buffer)
        self._join(small)

    def _join(self, small: list[Any]) -> None:
        if small:
            self.write(b"".join(small) if len(small) > 1 else small[0])
            small.clear()


JOINED = 64 * 1024
"""Bytes below which a buffer is written together with its neighbours."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], durable: bool = True) -> Iterator[Sink]:
    """Give a sink; when the block ends well, its content is what `path` names.

    Args:
        path: the file to make or to replace.
        durable: flush file and folder to the disk before and after the rename.

    Raises:
        NotFound: the folder does not exist.
        NoSpace: the disk or the quota is full.
        Unavailable: the system refuses to write.
    """
    name = os.fspath(path)
    target = os.path.realpath(name) if os.path.islink(name) else name
    folder = os.path.dirname(target) or "."
    mode = _mode_of(target, name)
    temporary = os.path.join(folder, f".{os.path.basename(target)[:200]}.{os.urandom(6).hex()}.tmp")
    try:
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise translate(error, name, "cannot be written") from None
    done = False
    try:
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(fd, mode)
        yield Sink(fd, temporary)
        if durable:
            os.fsync(fd)
        os.close(fd)
        fd = -1
        os.replace(temporary, target)
        done = True
        if durable:
            sync_folder(folder)
    except OSError as error:
        if isinstance(error, HoldfastError):
            raise
        raise translate(error, name, "was not saved") from None
    finally:
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
        if not done:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _mode_of(target: str, name: str) -> int | None:
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Unavailable(f"cannot be written: {getattr(error, 'strerror', None) or error}", file=name) from None
    if not stat.S_ISREG(status.st_mode):
        raise FormatError("this is not a regular file, so it cannot be replaced; to write to a pipe use holdfast.dumps", file=name)
    if not os.access(target, os.W_OK):
        raise Unavailable("is there and may not be written (permission denied)", file=name)
    return stat.S_IMODE(status.st_mode)


def sync_folder(folder: str) -> None:
    """Flush a folder to the disk, so that the name of a file in it is there after a power cut."""
    if os.name == "nt":
        return  # Windows has no handle to flush a folder with; its rename is journaled
    fd = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def translate(error: OSError, name: str, what: str) -> HoldfastError:
    """Return our error for one of the system."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return NoSpace(
            f"{what}: {reason}. Nothing was left behind, and an older file of that name is as it was; free space, or save elsewhere",
            file=name,
        )
    if error.errno == errno.ENOENT:
        return NotFound(f"{what}: the folder {os.path.dirname(name)!r} does not exist; make it first", file=name)
    return Unavailable(f"{what}: {reason}. Nothing was left behind", file=name)
