"""Cutting an artifact into blobs: large sections alone, pools and small sections in blocks of whole items.

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
LEAST, MOST = 256 * 1024, 2 * 1024 * 1024
"""From how many bytes on a block of items ends where an item says so: of a small model and of a large one."""
BLOCKS = 128
"""Blocks that a large model should not have many more of: each is a file to flush."""
FULL = 16
"""How many times as much as the least a block may hold."""
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
    least = _least(sum(section.nbytes for section in made if section.nbytes < ALONE))
    size = 0  # of the riders
    for number, section in enumerate(made):
        assert section.pieces is not None
        if not section.nbytes:
            continue
        if section.nbytes < ALONE:
            riders.append(number)
            size += section.nbytes
            if _ends(size, least, section.nbytes, section.pieces):
                blobs.append(_together(made, riders))
                riders, size = [], 0
        elif section.items is None:
            blobs.append(Blob(section.nbytes, section.pieces, [(number, 0, section.nbytes)]))
        else:
            for block in _blocks(section.pieces(), section.items(), _least(section.nbytes)):
                length = sum(map(len, block))
                blobs.append(Blob(length, lambda block=block: iter(block), [(number, 0, length)]))  # type: ignore[misc]
    if riders:
        blobs.append(_together(made, riders))
    return blobs


def _least(total: int) -> int:
    """Return from how many bytes on a block ends, of so many bytes in all: in steps, so that what grows is seldom cut otherwise."""
    least = LEAST
    while least < MOST and 2 * least * BLOCKS <= total:
        least *= 2
    return least


def _ends(size: int, least: int, nbytes: int, pieces: Callable[[], Iterator[Any]]) -> bool:
    """Say whether a block of so many bytes ends with its last item: about one in ``least`` bytes does, by what it holds, so blocks are alike whatever the items are."""
    if size < least:
        return False
    if size >= FULL * least:
        return True
    hasher = blake3()
    for piece in pieces():
        hasher.update(piece)
    return int.from_bytes(hasher.digest()[:4], "little") * least < nbytes << 32


def _blocks(pieces: Iterator[Any], items: list[int], least: int) -> Iterator[list[Any]]:
    """Yield the blocks of a pool."""
    block: list[Any] = []
    size = 0  # of the block
    wanted = iter(items)
    for piece in pieces:
        view = memoryview(piece).cast("B")
        begin = end = 0  # of what belongs to the block and is not in it yet
        while end < len(view):
            item = next(wanted)
            end += item
            size += item
            if _ends(size, least, item, lambda view=view, end=end, item=item: iter((view[end - item : end],))):  # type: ignore[misc]
                yield [*block, view[begin:end]]
                block, size, begin = [], 0, end
        if end > begin:
            block.append(view[begin:end])
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


def hashed(made: list[Section], blob: Blob, begun: dict[int, Any]) -> tuple[str, dict[int, str]]:
    """Return the digest of a blob's bytes, and those of the sections that end in it.

    Args:
        made: sections of the artifact.
        blob: the next one, in the order of `cut`.
        begun: hashes of sections of which earlier blobs held a part; changed.
    """
    digest = _digest(blob.pieces())
    if len(blob.holds) > 1:
        return digest, {number: _digest(made[number].pieces()) for number, _, _ in blob.holds}  # type: ignore[misc]
    ((number, _, length),) = blob.holds
    if length == made[number].nbytes:
        return digest, {number: digest}
    hasher, left = begun.pop(number, None) or (blake3(), made[number].nbytes)
    for piece in blob.pieces():
        hasher.update(piece)
    if left > length:
        begun[number] = hasher, left - length
        return digest, {}
    return digest, {number: PREFIX + hasher.hexdigest()}


def _digest(pieces: Iterator[Any]) -> str:
    hasher = blake3()
    for piece in pieces:
        hasher.update(piece)
    return PREFIX + hasher.hexdigest()
