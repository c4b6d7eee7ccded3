"""Blobs that were compared with their digests on this host, so that this is done once and not at every load.

Strategy. A large file that was compared is remembered by its inode, size and times, in this process and as an empty file in a folder of this user's own below the
system's folder for temporary files. A mark ends after a month, because disks rot without a trace in the times. Small blobs are compared whenever they are read.

The one rule: a mark only ever saves time; whatever is odd about it, the bytes are compared.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from typing import Any

from blake3 import blake3

from holdfast.artifact.hashing import digest_of
from holdfast.errors import Corrupt
from holdfast.store.objects import blob_name

COUNTS = 30 * 86400.0
"""Seconds that a mark counts."""
SETTLED = 2.0
"""Seconds after its last change from which a file's times tell a later change apart."""
SWEEP = 256
"""One in so many new marks takes the old ones away."""


class Verified:
    """What was compared on this host."""

    def __init__(self, folder: str | None = None) -> None:
        """Take the folder of marks; by default one of this user's own."""
        owner = os.getuid() if hasattr(os, "getuid") else "user"
        self.folder = folder or os.path.join(tempfile.gettempdir(), f"holdfast-verified-{owner}")
        self._seen: set[str] = set()

    def check(self, source: Any, digest: str) -> Any:
        """Return a source whose bytes are those of its digest.

        Raises:
            Corrupt: they are not.
        """
        key = None if source.whole else _key(source, digest)
        if key is not None and (key in self._seen or self._marked(key)):
            self._seen.add(key)
            return source
        if source.size and digest_of(source.view(0, source.size)) != digest:
            name = source.name
            source.close()
            raise Corrupt(f"the object {blob_name(digest)} does not match its digest; holdfast check --full says what that hurts, and --repair-from heals it", file=name)
        if key is not None:
            self._seen.add(key)
            self._mark(key)
        return source

    def _marked(self, key: str) -> bool:
        try:
            status = os.lstat(os.path.join(self.folder, key))
            return self._ours() and stat.S_ISREG(status.st_mode) and abs(time.time() - status.st_mtime) < COUNTS
        except OSError:
            return False

    def _ours(self) -> bool:
        """Say whether nobody else can put a mark here."""
        status = os.lstat(self.folder)
        return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o022))

    def _mark(self, key: str) -> None:
        with contextlib.suppress(OSError):  # without a mark, the next process compares again
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.folder, 0o700)
            if not self._ours():
                return
            path = os.path.join(self.folder, key)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            if int(key[:4], 16) % SWEEP == 0:
                self._sweep()

    def _sweep(self) -> None:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > COUNTS:
                    os.unlink(entry.path)


def _key(source: Any, digest: str) -> str | None:
    """Return what a file is told from others by, or None when it changed just now."""
    status = source.status()
    if status is None or time.time() - max(status.st_mtime, status.st_ctime) < SETTLED:
        return None
    told = f"{digest}|{status.st_dev}|{status.st_ino}|{status.st_size}|{status.st_mtime_ns}|{status.st_ctime_ns}"
    return blake3(told.encode()).hexdigest()
