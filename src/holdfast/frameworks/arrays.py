"""How arrays go into the tree: their group, their bytes, and arrays that share memory.

The one rule: what is digested is defined. Padding inside structured items is zeroed, and memory is only stored once
when two arrays of one model really look into the same bytes.
"""

from __future__ import annotations

import mmap
import sys
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import numpy as np

from holdfast.values import tree as t
from holdfast.values.dtypes import padding

SMALL = 16 * 1024
"""Bytes up to which an array may ride in a pool."""

MOST_WITH_GAPS = 64 * 1024 * 1024
"""Bytes up to which an array with gaps keeps them; a larger one is stored without."""

PIECE = 8 * 1024 * 1024
"""Bytes of the largest temporary copy while an array is written."""

AnyArray = np.ndarray[Any, Any]
_MEMORY = (np.ndarray, memoryview, mmap.mmap, bytearray, bytes)


def array_key(array: AnyArray, text: str) -> tuple[str, int, str, bool, bool]:
    """Return what arrays of one table share: dtype, rank, order, writeable, small."""
    return (text, array.ndim, memory_order(array), is_writeable(array), array.nbytes <= SMALL)


def memory_order(array: AnyArray) -> str:
    """Return the order, C or F, in which an array is stored: its own, or for a strided one the nearer of the two.

    Linear algebra libraries give other last bits for another order, so a slice of a Fortran array stays Fortran.
    """
    flags = array.flags
    if flags.c_contiguous:
        return "C"
    if flags.f_contiguous:
        return "F"
    strides = [abs(stride) for stride, length in zip(array.strides, array.shape, strict=True) if length > 1]
    return "F" if strides != sorted(strides, reverse=True) and strides == sorted(strides) else "C"


def is_writeable(array: AnyArray) -> bool:
    """Say whether an array is meant to be writeable.

    One that looks into bytes or into a read-only map cannot be written to, and is no different model for that.
    """
    if array.flags.writeable:
        return True
    base = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, bytes | mmap.mmap) or (isinstance(base, memoryview) and base.readonly)


def is_string_array(array: AnyArray) -> bool:
    """Say whether an array holds numpy's variable-width strings."""
    return array.dtype.kind == "T"  # type: ignore[no-any-return]


def number_bytes(number: np.generic) -> bytes:
    """Return the bytes of a numpy scalar with its padding zeroed."""
    if not number.dtype.itemsize:
        return b""  # empty text, of which numpy gives out a character
    if padding(number.dtype):
        return b"".join(bytes(piece) for piece in pieces(np.asarray(number).reshape(1)))
    return number.tobytes()


def pieces(array: AnyArray) -> Iterator[Any]:
    """Yield contiguous buffers that together are the array's bytes, in C order (Fortran arrays: of the transpose)."""
    if memory_order(array) == "F":
        array = array.T
    if not array.flags.c_contiguous:
        yield from _copied(array)
        return
    if array.nbytes == 0:
        return
    if array.dtype.names is not None or array.dtype.itemsize == 16:
        holes = padding(array.dtype)
        if holes and not _clean(array.reshape(-1), holes):
            yield from zeroed(array.reshape(-1), holes)
            return
    yield array.reshape(-1).view(np.uint8)


def _copied(array: AnyArray) -> Iterator[Any]:
    step = max(1, PIECE // max(1, array.nbytes // len(array)))
    for start in range(0, len(array), step):
        yield from pieces(np.ascontiguousarray(array[start : start + step]))


def _clean(array: AnyArray, holes: tuple[int, ...]) -> bool:
    """Say whether the padding of structured items is zero already; looking is cheaper than copying, and brings them near for the write."""
    size = array.dtype.itemsize
    if size % 8 or int(array.__array_interface__["data"][0]) % 8:
        return False
    words = array.view(np.uint64).reshape(-1, size // 8)
    for place in {hole // 8 for hole in holes}:
        mask = bytes(255 if place * 8 + i in holes else 0 for i in range(8))
        if int(np.bitwise_or.reduce(words[:, place])) & int.from_bytes(mask, sys.byteorder):
            return False
    return True


def zeroed(array: AnyArray, holes: tuple[int, ...]) -> Iterator[Any]:
    """Yield copies of a contiguous array of structured items, piece by piece, their padding zeroed."""
    size = array.dtype.itemsize
    rows = array.view(np.uint8).reshape(-1, size)
    runs: list[list[int]] = []
    for hole in holes:
        if runs and runs[-1][1] == hole:
            runs[-1][1] = hole + 1
        else:
            runs.append([hole, hole + 1])
    step = max(1, PIECE // size // 8)
    for start in range(0, len(rows), step):
        piece = rows[start : start + step].copy()
        for low, high in runs:
            piece[:, low:high] = 0
        yield piece.reshape(-1)


def _bounds(array: AnyArray) -> tuple[int, int]:
    start = int(array.__array_interface__["data"][0])
    if array.flags.forc:
        return start, start + array.nbytes
    low, high = np.lib.array_utils.byte_bounds(array)
    return int(low), int(high)


class SharedMemory:
    """Finds the arrays of a walk that share memory, and stores that memory once.

    An array that is a window with gaps (a slice of columns, say) is stored as such too, alone: linear algebra gives other
    last bits for another layout. The gaps are zero in the file, so nothing that the model does not show gets into it.
    """

    def __init__(self) -> None:
        self.by_base: dict[int, list[tuple[int, AnyArray]]] = {}

    def see(self, node: int, array: AnyArray) -> None:
        """Note an array that does not own its memory."""
        base = array.base
        if base is not None and array.size and isinstance(base, _MEMORY):
            self.by_base.setdefault(id(base), []).append((node, array))

    def settle(self, walker: Any) -> SharedMemory:
        """Turn arrays that overlap another array of the model, and those with gaps, into views of a stored buffer."""
        clusters: list[list[Any]] = []
        for base, members in list(self.by_base.items()):
            owner = walker.memo.get(base)
            if owner is not None and walker.group_of(owner).kind is t.Arrays:
                members.append((int(owner), walker.queue[owner]))
            elif len(members) == 1 and members[0][1].flags.forc:
                continue
            clusters += _clusters(sorted((*_bounds(array), node, array) for node, array in members))
        # in the order in which the model holds them: addresses are an accident of the process
        for cluster in sorted(clusters, key=lambda one: min(span[2] for span in one)):
            self._share(walker, cluster)
        return self

    def _share(self, walker: Any, cluster: list[Any]) -> None:
        low, high = cluster[0][0], max(span[1] for span in cluster)
        whole = next((array for start, end, _, array in cluster if (start, end) == (low, high) and _is_plain(array)), None)
        # the largest one is stored as it stands where it covers all others; else what they cover together is put together
        memory = np.zeros(high - low, np.uint8) if whole is None else whole.ravel("K").view(np.uint8)
        first = min(span[2] for span in cluster)
        buffer = len(walker.queue)
        walker.queue.append(memory)
        walker.parents.append(first if len(cluster) == 1 else walker.parents[first])
        walker.current = buffer
        walker.add(walker.group(t.Arrays, ("|u1", 1, "C", True, memory.nbytes <= SMALL)), memory)
        for _, _, node, array in sorted(cluster, key=lambda span: span[2]):
            offset = _first(array) - low
            if whole is None:
                np.ndarray(array.shape, array.dtype, memory, offset, array.strides)[...] = array
            old = walker.group_of(node)
            place = bisect_left(old.nodes, node)
            del old.nodes[place], old.rows[place]
            group = walker.group(t.Views, (old.key[0], array.ndim, is_writeable(array)))
            group.nodes.append(node)
            group.rows.append((buffer, offset, array))
            walker.owners[node] = group

    def table(self, group: Any, final: list[int]) -> t.Views:
        """Return the table of a group of views."""
        dtype, ndim, writeable = group.key
        return t.Views(
            dtype,
            ndim,
            writeable,
            len(group.rows),
            [final[row[0]] for row in group.rows],
            [row[1] for row in group.rows],
            [n for row in group.rows for n in row[2].shape],
            [n for row in group.rows for n in row[2].strides],
        )


def _is_plain(array: AnyArray) -> bool:
    """Say whether the bytes of an array are all its own: nothing between its items, and nothing inside them."""
    return bool(array.flags.forc) and not padding(array.dtype)


def _first(array: AnyArray) -> int:
    return int(array.__array_interface__["data"][0])


def _clusters(spans: list[Any]) -> Iterator[list[Any]]:
    """Yield the groups of overlapping spans, and alone those arrays whose gaps are worth keeping."""
    cluster: list[Any] = []
    end = -1
    for span in [*spans, (float("inf"), 0, 0, None)]:
        if span[0] >= end:
            if len(cluster) > 1 or (cluster and _keeps_gaps(cluster[0])):
                yield cluster
            cluster = []
        cluster.append(span)
        end = max(end, span[1])


def _keeps_gaps(span: Any) -> bool:
    low, high, _, array = span
    return not array.flags.forc and array.ndim > 1 and high - low <= MOST_WITH_GAPS
