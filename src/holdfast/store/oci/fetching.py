"""Layers come out of a registry, each as something to read from; one that breaks off goes on where it broke.

The one rule: a layer is read by nobody before all of it was compared with its digest.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import weakref
from collections.abc import Callable

from holdfast.artifact.source import Source
from holdfast.errors import Corrupt, Unavailable
from holdfast.store.oci.http import Client


class Fetched:
    """Layers of a registry, fetched into files without a name when they are wanted.

    Attributes:
        id: of the store that the first version came from.
        places: SHA-256 -> repository and bytes.
        told: told how many more bytes came.
    """

    def __init__(self, client: Client, shown: str) -> None:
        self.client = client
        self.shown = shown
        self.id = ""
        self.told: Callable[[int], None] | None = None
        self.places: dict[str, tuple[str, int]] = {}
        self._kept: weakref.WeakValueDictionary[str, Source] = weakref.WeakValueDictionary()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def tell(self, told: Callable[[int], None] | None) -> None:
        """Say from now on how many bytes come; see `Shelf`."""
        self.told = told

    def layer(self, sha: str) -> Source:
        """Return a layer, compared with its digest."""
        with self._lock:
            lock = self._locks.setdefault(sha, threading.Lock())
        with lock:  # several blobs may lie in one layer
            found = self._kept.get(sha)
            if found is None:
                found = self._kept[sha] = self._fetch(sha)
            return found

    def _fetch(self, sha: str) -> Source:
        repo, size = self.places[sha]
        shown = self.shown
        file = tempfile.TemporaryFile(prefix="holdfast-")  # noqa: SIM115 - it lives as long as what reads it
        try:
            hasher = hashlib.sha256()
            at = 0

            def into(piece: bytes) -> None:
                nonlocal at
                at += len(piece)
                if at > size:
                    raise Corrupt(f"the layer sha256:{sha} goes on behind its {size} bytes", file=shown)
                hasher.update(piece)
                file.write(piece)
                if self.told is not None:
                    self.told(len(piece))

            broken = 0
            while at < size:
                before = at
                headers = {"Range": f"bytes={at}-{size - 1}"} if at else {}
                try:
                    answer = self.client.ask("GET", f"/v2/{repo}/blobs/sha256:{sha}", f"repository:{repo}:pull", headers=headers, fine=(206,) if at else (200,), into=into, again=False)
                    if at < size:
                        raise Unavailable(f"the layer sha256:{sha} ends after {at} bytes of {size}", file=answer.url)
                except Unavailable:
                    broken = broken + 1 if at == before else 0
                    if broken > 2:
                        raise
            if hasher.hexdigest() != sha:
                raise Corrupt(f"the layer sha256:{sha} does not match its digest: damaged there, or on the way", file=shown)
            file.flush()
            source = Source(f"{shown}#{sha}", size, memoryview(b"") if not size else None, file.fileno())
            weakref.finalize(source, file.close)
            return source
        except BaseException:
            file.close()
            raise
