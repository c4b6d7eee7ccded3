"""Which blobs of a folder were compared with their digests on this host, so that the next load need not.

The one rule: a blob is trusted as long as its file is the one that was compared: by device, inode, size and times.
"""

from __future__ import annotations

import contextlib
import os
import stat

from blake3 import blake3

from holdfast.artifact.source import Source
from holdfast.errors import Corrupt
from holdfast.store.blobs.cached import default_folder, mark_of

MODES = ("once", "needed", "all", "never")
"""What ``digests=`` of a load may say; ``needed`` is another word for ``once``."""


class Verified:
    """Marks of one place, in a folder of this user's own; a mark that cannot be written is made again with the next load."""

    def __init__(self, place: str, folder: str | None = None) -> None:
        self.place = place
        self.folder = os.path.join(folder or default_folder(), "verified", blake3(os.path.abspath(place).encode("utf-8", "surrogateescape")).hexdigest()[:32])

    def check(self, digest: str, path: str, source: Source) -> None:
        """Compare a blob with its digest, unless that was done and nobody touched it since.

        Args:
            digest: of its bytes.
            path: its file.
            source: its bytes, opened.

        Raises:
            Corrupt: it does not match.
        """
        key = digest.partition(":")[2]
        noted = os.path.join(self.folder, key[:2], key)
        with contextlib.suppress(OSError, UnicodeDecodeError), open(noted, encoding="ascii") as file:
            if file.read(200) == mark_of(path):
                return
        before = mark_of(path)
        if blake3(source.view(0, source.size), max_threads=blake3.AUTO).hexdigest() != key:
            raise Corrupt(f"the blob {key} does not match its digest: it is damaged or was altered; holdfast check names the versions that this hurts", file=self.place)
        self._note(noted, before)

    def _note(self, noted: str, mark: str) -> None:
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(noted), 0o700, exist_ok=True)
            status = os.lstat(self.folder)
            if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022):
                return  # somebody else could say that a blob was compared
            temporary = f"{noted}.{os.getpid()}"
            with open(temporary, "w", encoding="ascii") as file:
                file.write(mark)
            os.replace(temporary, noted)
