"""Which tensor each array lies in: its own, or a pool of many small ones.

The one rule: arrays of one table are either all pooled or all on their own, so a table needs one tensor number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from holdfast.frameworks.arrays import PIECE, pieces, zeroed
from holdfast.frameworks.naming import TensorNames
from holdfast.values import tree as t
from holdfast.values.dtypes import SAFETENSORS, padding, parse_dtype

POOL_FROM = 16
"""Small arrays of one table from which a pool pays; fewer keep their own names, for other tools to read."""
POOL_STEP = PIECE // (16 * 1024)
"""Arrays of a pool that are written as one piece."""


class Place(NamedTuple):
    """Where the arrays of one table are."""

    pooled: bool
    tensor: int


class Placed(NamedTuple):
    """The places of all tables of arrays, by the id of their group, and the tensors."""

    of: dict[int, Place]
    tensors: list[t.Tensor]


def place_arrays(groups: list[Any], names: TensorNames) -> Placed:
    """Give every array of a walk its tensor."""
    of: dict[int, Place] = {}
    tensors: list[t.Tensor] = []
    pools = 0
    for group in groups:
        if group.kind is not t.Arrays:
            continue
        dtype, _, order, _, small = group.key
        stored = SAFETENSORS.get(dtype)
        pooled = small and len(group.rows) >= POOL_FROM
        of[id(group)] = Place(pooled, len(tensors))
        if pooled:
            total = sum(array.nbytes for array in group.rows)
            item = parse_dtype(dtype).itemsize if stored else 1
            name = names.unused(f"{names.prefix}~pool{pools}")
            tensors.append(t.Tensor(name, stored or "U8", (total // item,), total, _pool(group.rows, dtype), partial(_sizes, group.rows)))
            pools += 1
            continue
        for node, array in zip(group.nodes, group.rows, strict=True):
            shape = (array.shape if order == "C" else array.shape[::-1]) if stored else (array.nbytes,)
            tensors.append(t.Tensor(names.name(node), stored or "U8", shape, array.nbytes, _single(array)))
    return Placed(of, tensors)


def _single(array: Any) -> Callable[[], Iterator[Any]]:
    return lambda: pieces(array)


def _sizes(arrays: list[Any]) -> list[int]:
    return [array.nbytes for array in arrays]


def _pool(arrays: list[Any], dtype: str) -> Callable[[], Iterator[Any]]:
    def parts() -> Iterator[Any]:
        item = parse_dtype(dtype)
        holes = padding(item)
        for start in range(0, len(arrays), POOL_STEP):
            some = arrays[start : start + POOL_STEP]
            if item.kind in "mM" or not all(array.flags.c_contiguous for array in some):
                yield b"".join(bytes(piece) for array in some for piece in pieces(array))
            elif holes:
                # joined as bytes, because numpy's concatenate would pack the items and drop their padding
                yield from zeroed(np.frombuffer(bytearray(b"".join(some)), item), holes)
            else:
                yield b"".join(some)

    return parts
