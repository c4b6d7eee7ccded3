"""Objects that are read by ranges, several on their way at once: a server takes as long to begin each answer as to give it.

The one rule: bytes are given in their order, each once, and nothing is under way any more when the reader has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from holdfast.artifact.source import Source

RANGE = 8 << 20
"""Bytes of one ranged GET, and of one read of a file."""
AT_ONCE = 8
"""Requests under way at once for one object."""


def pieces_of(source: Source, length: int = RANGE) -> Generator[Any]:
    """Yield all bytes of an object, as copies that nobody else can change. Those of a server are asked for ahead; what lies here is read as it is wanted.

    Args:
        source: the object.
        length: bytes of a piece.
    """
    parts = ((at, min(length, source.size - at)) for at in range(0, source.size, length))
    if source.whole or source.status() is not None or source.size <= length:
        for part in parts:
            yield source.private(*part)
        return
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(AT_ONCE, "holdfast-fetch") as threads:
        try:
            for part in parts:
                waiting.append(threads.submit(source.private, *part))
                if len(waiting) > AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            threads.shutdown(wait=True, cancel_futures=True)
            raise


def fill(out: memoryview, read: Any) -> None:
    """Fill a buffer by ranges, several at once; ``read`` takes a start and a part of the buffer."""
    ranges = [(at, out[at : at + RANGE]) for at in range(0, len(out), RANGE)]
    if len(ranges) < 2:
        for at, part in ranges:
            read(at, part)
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(ranges)), "holdfast-fetch") as threads:
        try:
            for _ in threads.map(lambda one: read(*one), ranges):
                pass
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
