"""The tensors of one part of an artifact, read when they are needed.

The one rule: bytes that were checked are kept and used; bytes are checked at most once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.artifact.compression import decompress
from holdfast.artifact.source import Source
from holdfast.errors import Corrupt, quoted
from holdfast.native.container import Stored
from holdfast.values.digest import PREFIX

THREADED = 2 * 1024 * 1024
"""Bytes from which reading and hashing is spread over two threads; both let the interpreter go on."""


class PartTensors:
    """Tensors by index, from a source.

    Attributes:
        places: where each is stored.
        check_all: whether every tensor that is used is compared with its digest, and not only those a validator reads.
    """

    def __init__(self, source: Source, data_start: int, places: list[Stored], check_all: bool) -> None:
        self.source = source
        self.data_start = data_start
        self.places = places
        self.check_all = check_all
        self.checked: dict[int, Any] = {}

    def private(self, tensor: int) -> Any:
        """Return a private copy of the raw bytes, checked against their digest.

        Raises:
            Corrupt: the digest does not match.
        """
        found = self.checked.get(tensor)
        if found is None:
            found = self.checked[tensor] = self._read(tensor)
        return found

    def buffer(self, tensor: int) -> Any:
        """Return the raw bytes to build from."""
        found = self.checked.get(tensor)
        if found is not None:
            return found
        place = self.places[tensor]
        if place.encoding:
            return self.private(tensor)
        view = self.source.view(self.data_start + place.start, place.nbytes)
        if self.check_all:
            check(view, place)
            self.checked[tensor] = view
        return view

    def prefetch(self, tensors: list[int]) -> None:
        """Make private copies of these now, on two threads when they are large."""
        waiting = [tensor for tensor in tensors if tensor not in self.checked]
        if sum(self.places[tensor].nbytes for tensor in waiting) < THREADED or len(waiting) < 2:
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as pool:
            for tensor, made in zip(waiting, pool.map(self._read, waiting), strict=True):
                self.checked[tensor] = made

    def check_everything(self, on_bytes: Any = None) -> None:
        """Compare every tensor with its digest, without keeping it.

        Raises:
            Corrupt: names the first that does not match.
        """
        from holdfast.artifact.hashing import checked_in_parallel

        checked_in_parallel([(place, self) for tensor, place in enumerate(self.places) if tensor not in self.checked], on_bytes)

    def _read(self, tensor: int) -> Any:
        place = self.places[tensor]
        if place.encoding:
            raw = decompress(self.source.view(self.data_start + place.start, place.nbytes), place)
        else:
            raw = self.source.private(self.data_start + place.start, place.nbytes)
        check(raw, place)
        return raw


def check(raw: Any, place: Stored) -> None:
    """Compare raw bytes with their digest.

    Raises:
        Corrupt: names the tensor.
    """
    from blake3 import blake3

    if PREFIX + blake3(np.frombuffer(raw, np.uint8) if len(raw) else b"").hexdigest() != place.digest:  # type: ignore[arg-type]
        raise Corrupt(f"tensor {quoted(place.name)!r} does not match its digest: the file is damaged or was altered")
