"""Cutting an artifact into blobs: large sections alone, pools at the ends of items, the small ones together.

The one rule: where a cut is made follows from the bytes beside it, so that what did not change is cut as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from blake3 import blake3

from holdfast.native.container import Section
from holdfast.values.digest import PREFIX

ALONE = 1024 * 1024
"""Bytes from which a section is a blob of its own, or several."""
LEAST, MOST = 256 * 1024, 4 * 1024 * 1024
"""Bytes of a block of a pool."""
MEAN_ITEMS_MASK = 0x0F
"""A block may end after an item whose digest has these bits zero: one in sixteen."""
ALIGN = 64


class Blob(NamedTuple):
    """Bytes that become a blob: its size, what gives them, and which (section, length) lie in it at which offset."""

    nbytes: int
    pieces: Callable[[], Iterator[Any]]
    holds: list[tuple[int, int, int]]


def cut(made: list[Section]) -> list[Blob]:
    """Return the blobs of an artifact's sections.

    Args:
        made: trees and tensors, in the order of the file.

    Returns:
        Blobs; ``holds`` lists (section, offset in the blob, length).
    """
    blobs: list[Blob] = []
    riders: list[int] = []
    for number, section in enumerate(made):
        assert section.pieces is not None
        if not section.nbytes:
            continue
        if section.nbytes < ALONE:
            riders.append(number)
            continue
        items = list(section.pieces())
        for block in _blocks(items) if len(items) > 1 else [items]:
            size = sum(map(len, block))
            blobs.append(Blob(size, lambda block=block: iter(block), [(number, 0, size)]))  # type: ignore[misc]
    if riders:
        blobs.append(_together(made, riders))
    return blobs


def _blocks(items: list[Any]) -> Iterator[list[Any]]:
    block: list[Any] = []
    size = 0
    for item in items:
        block.append(item)
        size += len(item)
        if size >= MOST or (size >= LEAST and not blake3(item).digest()[0] & MEAN_ITEMS_MASK):
            yield block
            block, size = [], 0
    if block:
        yield block


def _together(made: list[Section], riders: list[int]) -> Blob:
    holds = []
    at = 0
    for number in riders:
        at += -at % ALIGN
        holds.append((number, at, made[number].nbytes))
        at += made[number].nbytes

    def pieces() -> Iterator[Any]:
        end = 0
        for number, offset, length in holds:
            if offset > end:
                yield bytes(offset - end)
            yield from made[number].pieces()  # type: ignore[misc]
            end = offset + length

    return Blob(at, pieces, holds)


def digest_of(blob: Blob) -> str:
    """Return the digest of a blob's bytes."""
    hasher = blake3()
    for piece in blob.pieces():
        hasher.update(piece)
    return PREFIX + hasher.hexdigest()
