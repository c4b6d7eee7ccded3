"""What a folder stands on: which file system, and whether its promises hold.

The one rule: SQLite beside others is only as good as the locks of the file system, and those of network file systems lie; a store that
lies there has one writer, claimed by an exclusive create, which does not.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from holdfast.artifact.atomic import Sink, sync_folder
from holdfast.errors import Unavailable, quoted

# <linux/magic.h>, statfs(2), and the sources of Lustre, GPFS, BeeGFS and PanFS
SHARED = {
    0x6969: "NFS", 0x517B: "SMB", 0xFF534D42: "CIFS", 0xFE534D42: "SMB", 0x65735546: "FUSE", 0x0BD00BD0: "Lustre", 0x47504653: "GPFS", 0x01021997: "9p",
    0x00C36400: "Ceph", 0x5346414F: "AFS", 0x6B414653: "AFS", 0x73757245: "Coda", 0x19830326: "BeeGFS", 0xAAD7AAEA: "PanFS", 0x01161970: "GFS2", 0x7461636F: "OCFS2",
    0x786F4256: "a shared folder of VirtualBox", 0xBACBACBC: "a shared folder of VMware",
}  # fmt: skip
CLAIM = "writer.json"


class Found(NamedTuple):
    """What a folder stands on.

    Attributes:
        shared: name of a file system that other machines may write to at the same time, or None.
        links: whether a hard link has one winner.
        case: whether names that differ only in case are two.
        locks: whether the lock of one process keeps another one out.
    """

    shared: str | None
    links: bool = True
    case: bool = True
    locks: bool = True


def kind_of(folder: str) -> str | None:
    """Return the name of a file system of the network, or None for one of this machine, and where the system does not say."""
    if not sys.platform.startswith("linux"):
        return None
    held = ctypes.create_string_buffer(512)  # struct statfs begins with f_type, a long
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(folder), held):
        return None
    return SHARED.get(ctypes.c_ulong.from_buffer(held).value & 0xFFFFFFFF)


def look(folder: str) -> Found:
    """Find out what a folder stands on, by files that are taken away again.

    Raises:
        Unavailable: what is flushed there is refused, or an exclusive create has two winners, or a rename loses bytes.
    """
    shared = kind_of(folder)
    base = os.path.join(folder, "tmp", f"Probe-{os.getpid()}-{os.urandom(8).hex()}")
    other, low = base + ".other", os.path.join(folder, "tmp", os.path.basename(base).lower())
    what = "a file cannot be created and flushed"
    try:
        os.makedirs(os.path.dirname(base), exist_ok=True)
        _create(base, b"first", flush=True)
        what = "a folder cannot be flushed"
        sync_folder(os.path.dirname(base))
        what = "a name that was created exclusively can be created again"
        with contextlib.suppress(FileExistsError):
            _create(base, b"second")
            raise OSError("both were told that they were first")
        case = not os.path.exists(low)
        links = _links(base, other)
        what = "a rename does not take the place of the file that was there"
        _create(other + ".new", b"third")
        os.replace(other + ".new", other)
        with open(other, "rb") as file:
            if file.read() != b"third":
                raise OSError("the old bytes are still there")
        # local file systems have locks that hold; asking takes a process
        locks = shared is None or _locks(base)
    except OSError as error:
        raise Unavailable(
            f"this folder is no place for a store: {what} ({error.strerror or error}). Use another folder, read it with read_only=True, or keep the catalog in PostgreSQL and the bytes in a bucket", file=folder
        ) from None
    finally:
        for one in (base, other, other + ".new"):
            with contextlib.suppress(OSError):
                os.unlink(one)
    return Found(shared, links, case, locks)


def _create(path: str, data: bytes, flush: bool = False) -> None:
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        Sink(fd, path).write(data)
        if flush:
            os.fsync(fd)
    finally:
        os.close(fd)


def _links(base: str, other: str) -> bool:
    try:
        os.link(base, other)
    except OSError:
        _create(other, b"")
        return False
    try:
        os.link(base, other)
    except FileExistsError:
        return True
    return False


_OTHER = "import fcntl, sys\ntry:\n fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)\nexcept OSError:\n print('kept out')"


def _locks(path: str) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        with open(path, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            asked = subprocess.run([sys.executable, "-I", "-S", "-c", _OTHER, path], capture_output=True, timeout=30, check=False)
            return asked.stdout.strip() == b"kept out"
    except (OSError, subprocess.SubprocessError):
        return False


class Claim:
    """The one writer of a store in a folder of the network."""

    def __init__(self, folder: str, why: str) -> None:
        """Claim the folder.

        Raises:
            Unavailable: somebody else writes there.
        """
        self._path = os.path.join(folder, CLAIM)
        self._pid = os.getpid()
        self._told = json.dumps({"at": time.time(), "host": socket.gethostname(), "pid": self._pid, **_life(self._pid), "claim": os.urandom(16).hex()})
        for _ in range(2):
            try:
                _create(self._path, self._told.encode(), flush=True)
                atexit.register(self.release)
                return
            except FileExistsError:
                holder = self._holder()
                if holder.get("host") != socket.gethostname() or _lives(holder):
                    break
                self._take_away(holder)
            except OSError as error:
                raise Unavailable(f"the folder cannot be claimed for writing ({error.strerror or error}); connect with read_only=True", file=folder) from None
        who = f"process {quoted(holder.get('pid', '(it does not say which)'), 40)} on {quoted(holder.get('host', 'another machine'), 100)}"
        raise Unavailable(
            f"{who} writes to this store, and {why}, so there is one writer at a time. Connect with read_only=True, or wait; for several writers keep the catalog in PostgreSQL: "
            f"postgresql://host/database?blobs=file://{folder}. If that process is gone for good, delete {CLAIM}",
            file=folder,
        )

    def _take_away(self, holder: dict[str, object]) -> None:
        """Take away the claim of a process of this machine that is gone, and give it back if it is another one by now."""
        aside = f"{self._path}.{os.urandom(8).hex()}"
        with contextlib.suppress(OSError):
            os.rename(self._path, aside)
            if self._holder(aside) != holder:
                os.link(aside, self._path)
            os.unlink(aside)

    def _holder(self, path: str | None = None) -> dict[str, object]:
        try:
            with open(path or self._path, encoding="utf-8") as file:
                found = json.loads(file.read(4096))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def release(self) -> None:
        """Let others write; what a fork copied lets go of nothing."""
        atexit.unregister(self.release)
        if self._pid != os.getpid():
            return
        with contextlib.suppress(OSError):
            with open(self._path, encoding="utf-8") as file:
                ours = file.read(4096) == self._told
            if ours:
                os.unlink(self._path)


def _lives(holder: dict[str, object]) -> bool:
    """Say whether a process of this machine may be alive; where that cannot be told, it is."""
    pid = holder.get("pid")
    if not isinstance(pid, int) or pid <= 0 or os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    # a number is given again: the same start of the machine, the same numbers, and another start of the process are another process
    now = _life(pid)
    return not now or any(holder.get(key) != now[key] for key in ("boot", "numbers")) or holder.get("start") == now["start"]


def _life(pid: int) -> dict[str, str]:
    """Return what tells a process from others that have had its number: which start of the machine, whose numbers, and when it began; nothing where Linux does not say it."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot, open(f"/proc/{pid}/stat", "rb") as stat:
            # the second field is the name of the program, in parentheses and with anything in it
            return {"boot": boot.read().strip(), "numbers": os.readlink("/proc/self/ns/pid"), "start": stat.read().rpartition(b")")[2].split()[19].decode()}
    except (OSError, IndexError):
        return {}
