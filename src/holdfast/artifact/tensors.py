"""The tensors of one part of an artifact, read when they are needed.

The one rule: bytes that were checked are kept and used; bytes are checked at most once.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from holdfast.artifact.compression import decompress
from holdfast.artifact.source import Source, aligned
from holdfast.errors import Corrupt, quoted
from holdfast.native.container import Stored
from holdfast.native.header import ALIGN
from holdfast.values.digest import PREFIX
from holdfast.values.threads import Ahead, Once

THREADED = 2 * 1024 * 1024
"""Bytes from which reading and hashing is spread over two threads; both let the interpreter go on."""

RUN = 1024 * 1024
"""Bytes that are read at a time, and hashed while they are still near the processor."""


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
        self.coming: dict[int, Once] = {}
        self.ahead: Ahead | None = None

    def private(self, tensor: int) -> Any:
        """Return a private copy of the raw bytes, checked against their digest.

        Raises:
            Corrupt: the digest does not match.
        """
        found = self.checked.get(tensor)
        if found is None:
            if tensor in self.coming:
                self.coming[tensor].do()
                return self.checked[tensor]
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
        """Begin to make private copies of these in a second thread, when they are large; whoever wants one before reads it himself."""
        waiting = [tensor for tensor in tensors if tensor not in self.checked]
        if sum(self.places[tensor].nbytes for tensor in waiting) < THREADED or len(waiting) < 2:
            return
        alone = [tensor for tensor in waiting if self.places[tensor].encoding or self.source.whole]
        others = sorted({*waiting}.difference(alone), key=lambda tensor: self.places[tensor].start)
        jobs = [(run, Once(partial(self._read_run, run, memory))) for run, memory in self._runs(others)]
        jobs += [([tensor], Once(partial(self._keep, tensor))) for tensor in alone]
        self.coming = {tensor: once for run, once in jobs for tensor in run}
        self.ahead = Ahead([once for _, once in jobs[1:]])

    def settle(self) -> None:
        """Return when nothing is read any more."""
        if self.ahead is not None:
            self.ahead.stop()

    def _keep(self, tensor: int) -> None:
        self.checked[tensor] = self._read(tensor)

    def _runs(self, tensors: list[int]) -> list[tuple[list[int], Any]]:
        """Return tensors that lie behind each other in the file, so many as are read at a time, with the memory to read them into."""
        runs: list[list[int]] = []
        end, size = -1, 0
        for tensor in tensors:
            place = self.places[tensor]
            if not runs or place.start - end >= ALIGN or size > RUN:
                runs.append([])
                size = 0
            runs[-1].append(tensor)
            end = place.start + place.nbytes
            size += place.nbytes
        spans = [self.places[run[-1]].start + self.places[run[-1]].nbytes - self.places[run[0]].start for run in runs]
        # a piece of memory for each: one for all would be fetched from the system anew each time, in large pages that a virtual
        # machine may have to get back from its host
        return [(run, aligned(span)) for run, span in zip(runs, spans, strict=True)]

    def _read_run(self, run: list[int], memory: Any) -> None:
        first = self.places[run[0]].start
        self.source.read_into(self.data_start + first, memory)
        for tensor in run:
            place = self.places[tensor]
            raw = memory[place.start - first : place.start - first + place.nbytes]
            check(raw, place)
            self.checked[tensor] = raw

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
