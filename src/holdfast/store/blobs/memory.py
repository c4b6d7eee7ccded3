"""Objects in memory, for tests and for trying things out.

The one rule: what was put cannot be changed by who put it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from holdfast.artifact.source import Source, buffer_source
from holdfast.errors import NotFound, Truncated
from holdfast.store.blobs import Object


class MemoryBlobs:
    """Objects in the memory of this process."""

    def __init__(self, shown: str = "memory://") -> None:
        self.creates = True
        self.shown = shown
        self._held: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def put(self, name: str, pieces: Iterable[Any], size: int) -> None:
        """See `Blobs`."""
        data = b"".join(bytes(piece) for piece in pieces)
        if len(data) != size:
            raise Truncated(f"{len(data)} bytes were given of {size} for {name}", file=self.shown)
        with self._lock:
            self._held[name] = data, time.time()

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Blobs`."""
        with self._lock:
            if name in self._held:
                return False
            self._held[name] = bytes(data), time.time()
            return True

    def get(self, name: str) -> bytes:
        """See `Blobs`."""
        found = self._held.get(name)
        if found is None:
            raise NotFound(f"the object {name} is not there; holdfast check names the versions that this hurts", file=self.shown)
        return found[0]

    def open(self, name: str) -> Source:
        """See `Blobs`."""
        return buffer_source(self.get(name), name=f"{self.shown}{name}")

    def size(self, name: str) -> int | None:
        """See `Blobs`."""
        found = self._held.get(name)
        return None if found is None else len(found[0])

    def list(self, prefix: str) -> Iterator[Object]:
        """See `Blobs`."""
        with self._lock:
            listed = [Object(name, len(data), written) for name, (data, written) in self._held.items() if name.startswith(prefix)]
        yield from sorted(listed)

    def delete(self, name: str) -> None:
        """See `Blobs`."""
        with self._lock:
            self._held.pop(name, None)
