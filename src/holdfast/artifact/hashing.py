"""Digests of large things: several threads, pieces of bounded size, progress.

The one rule: BLAKE3 lets the interpreter go on while it works, so a second thread is a second core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from blake3 import blake3

from holdfast.errors import Corrupt, quoted
from holdfast.native.container import Stored
from holdfast.values.digest import PREFIX

PIECE = 32 * 1024 * 1024
"""Bytes hashed between two reports of progress."""

ALL_CORES = 1 << 20
"""Bytes from which one digest is computed on all cores."""


def digest_of(raw: Any, on_bytes: Callable[[int], None] | None = None) -> str:
    """Return the digest text of a buffer of any size."""
    if len(raw) < ALL_CORES:
        text = PREFIX + blake3(raw).hexdigest()
        if on_bytes is not None:
            on_bytes(len(raw))
        return text
    hasher = blake3(max_threads=blake3.AUTO)
    whole = np.frombuffer(raw, np.uint8)
    for start in range(0, len(whole), PIECE):
        piece = whole[start : start + PIECE]
        hasher.update(piece)  # type: ignore[arg-type]
        if on_bytes is not None:
            on_bytes(len(piece))
    return PREFIX + hasher.hexdigest()


def checked_in_parallel(items: list[tuple[Stored, Any]], on_bytes: Callable[[int], None] | None = None) -> None:
    """Compare tensors with their digests: large ones on all cores, small ones one after the other.

    Raises:
        Corrupt: names the first that does not match.
    """
    from holdfast.artifact.compression import decompress

    for place, tensors in items:
        stored = tensors.source.view(tensors.data_start + place.start, place.nbytes)
        raw = decompress(stored, place) if place.encoding else stored
        if digest_of(raw, on_bytes) != place.digest:
            raise Corrupt(f"tensor {quoted(place.name)!r} does not match its digest: the file is damaged or was altered")
