"""Where bytes come from: a file by its descriptor, or a buffer in memory.

The one rule: only regular files are opened, by descriptor, and what is checked and what is used are the same bytes.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import stat
import sys
import weakref
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.errors import FormatError, NotFound, Truncated, Unavailable, quoted

SMALL_FILE = 1024 * 1024
"""Bytes up to which a file is read whole instead of mapped: quicker, and nobody can change it behind our back."""


class Source:
    """The bytes of one file or buffer.

    Attributes:
        name: how messages name it.
        size: bytes.
        whole: whether everything is in private memory already.
        call: what loads it, up to its further arguments, where that is not ``holdfast.load(name``.
    """

    call = ""

    def __init__(self, name: str, size: int, memory: memoryview | None, fd: int = -1, one_of_many: bool = False) -> None:
        self.name = name
        self._one_of_many = one_of_many
        self.size = size
        self.whole = memory is not None and fd < 0
        self._memory = memory
        self._fd = fd

    def view(self, start: int, length: int) -> memoryview:
        """Return bytes without a copy where that is possible."""
        if start < 0 or length < 0 or start + length > self.size:
            raise Truncated(f"bytes {start}..{start + length} were wanted, and there are {self.size}", file=self.name)
        if self._memory is None:
            self._memory = _map(self._fd, self.size, self.name, self._one_of_many)
        return self._memory[start : start + length]

    def private(self, start: int, length: int) -> Any:
        """Return a copy of bytes that nobody else can change."""
        if self.whole:
            return self.view(start, length)
        out = np.empty(length, np.uint8)
        self.read_into(start, memoryview(out))  # type: ignore[arg-type]
        return memoryview(out)  # type: ignore[arg-type]

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill a buffer from the file."""
        done = 0
        length = len(out)
        if self._fd < 0:
            out[:] = self.view(start, length)
            return
        while done < length:
            count = (
                os.preadv(self._fd, [out[done : done + (1 << 30)]], start + done)
                if hasattr(os, "preadv")
                else self._read(start + done, out[done:])
            )
            if count == 0:
                raise Truncated(
                    f"the file ends at {start + done}, where {start + length} bytes were expected: truncated while it was read",
                    file=self.name,
                )
            done += count

    def _read(self, start: int, out: memoryview) -> int:
        os.lseek(self._fd, start, os.SEEK_SET)
        part = os.read(self._fd, min(len(out), 1 << 24))
        out[: len(part)] = part
        return len(part)

    def status(self) -> os.stat_result | None:
        """Return what the system says of the file, or None of what is none or is closed."""
        return os.fstat(self._fd) if self._fd >= 0 else None

    def release(self) -> None:
        """Give the descriptor back, and stay readable: what is not in memory yet is mapped."""
        if self._fd >= 0:
            self.view(0, self.size)
            self.close()

    def close(self) -> None:
        """Give the descriptor back; views stay valid."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _map(fd: int, size: int, name: str, one_of_many: bool) -> memoryview:
    try:
        # private and writeable: a model can be changed in memory, and never writes back to its file
        if sys.version_info >= (3, 13):
            return memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_COPY, trackfd=False))
        return _map_alone(fd, size) if one_of_many and os.name != "nt" else memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_COPY))
    except (OSError, ValueError) as error:
        raise Unavailable(f"the file cannot be mapped into memory ({error}); free memory, or load it elsewhere", file=name) from None


def _map_alone(fd: int, size: int) -> memoryview:
    """Map a file without the descriptor of its own that Python's `mmap` keeps for each mapping before 3.13."""
    system = _system()
    address = system.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, fd, 0)
    if address is None or address == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    held = (ctypes.c_ubyte * size).from_address(address)
    weakref.finalize(held, system.munmap, address, size).atexit = False  # arrays may outlive what runs at the end
    return memoryview(held).cast("B")


@cache
def _system() -> Any:
    system = ctypes.CDLL(None, use_errno=True)
    system.mmap.restype = ctypes.c_void_p
    system.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
    system.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return system


def open_source(path: str | os.PathLike[str], one_of_many: bool = False) -> Source:
    """Open a file for reading.

    Args:
        path: of the file.
        one_of_many: a model may lie in thousands of such files, so what is mapped holds no descriptor.

    Raises:
        NotFound: there is no such file.
        FormatError: it is not a regular file.
        Unavailable: it cannot be read.
    """
    name = os.fspath(path)
    try:
        # O_NONBLOCK: opening a fifo must not wait for a writer that never comes
        fd = os.open(name, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise NotFound(f"there is no such file{_near(name)}", file=name) from None
    except (OSError, ValueError) as error:
        if isinstance(error, IsADirectoryError):
            raise FormatError("this is a folder; a model is one file", file=name) from None
        raise Unavailable(f"cannot be opened: {getattr(error, 'strerror', None) or error}", file=name) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, a pipe or a socket"
            raise FormatError(f"this is {kind} and not a regular file; nothing was read", file=name)
        if status.st_size > SMALL_FILE or status.st_size == 0:
            return Source(name, status.st_size, memoryview(b"") if status.st_size == 0 else None, fd, one_of_many)
        memory = aligned(status.st_size)
        source = Source(name, status.st_size, memory, fd)
        source.read_into(0, memory)
        source.close()
        source.whole = True
        return source
    except BaseException as error:
        try:
            os.close(fd)
        except OSError as closing:
            if closing.errno != errno.EBADF:
                raise
        if isinstance(error, OSError) and not isinstance(error, Unavailable | NotFound):
            raise Unavailable(f"cannot be read: {error.strerror or error}", file=name) from None
        raise


def _near(name: str) -> str:
    folder = Path(name).parent
    try:
        found = sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".safetensors")[:5]
    except OSError:
        return f"; the folder {str(folder)!r} is not there either" if str(folder) != "." else ""
    return f"; in that folder there are: {', '.join(quoted(one, 80) for one in found)}" if found else ""


def aligned(size: int) -> memoryview:
    """Return private memory that begins at a multiple of 64."""
    raw = np.empty(size + 64, np.uint8)
    skip = -int(raw.__array_interface__["data"][0]) % 64
    return memoryview(raw)[skip : skip + size]  # type: ignore[arg-type]


def buffer_source(buffer: Any, copy: bool = False, name: str = "these bytes") -> Source:
    """Return a source over a bytes-like object, without copying it unless asked to."""
    try:
        memory = memoryview(buffer).cast("B")
    except TypeError:
        raise TypeError(
            f"loads takes bytes, a bytearray, a memoryview or an mmap, not {type(buffer).__name__}; for a path use holdfast.load"
        ) from None
    if copy:
        private = aligned(len(memory))
        private[:] = memory
        memory = private
    return Source(name, len(memory), memory)
