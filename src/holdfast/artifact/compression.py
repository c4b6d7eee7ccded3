"""Compressed tensors: zstd, with the bytes of items put side by side first where that helps.

The one rule: identity is that of the raw bytes.
The stored name says how: ``|zstd``, or ``|zstd-shuffle8`` for bytes at a distance of 8 put side by side.
Source: https://www.rfc-editor.org/rfc/rfc8878
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import Corrupt, LibraryMissing, LimitExceeded, quoted
from holdfast.native.container import Stored
from holdfast.values import limits

LEVEL = 3


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise LibraryMissing("compressed models need zstandard; install it with: pip install 'holdfast[zstd]'") from None
    return zstandard


def item_size(dtype: str, raw: int) -> int:
    """Return the distance at which bytes of one meaning lie: the item's, or 64 for rows of nodes stored as bytes."""
    from holdfast.values.dtypes import ITEM_BITS

    bits = ITEM_BITS.get(dtype, 8) // 8
    return bits if bits > 1 else (64 if raw % 64 == 0 else 56 if raw % 56 == 0 else 1)


def compress(raw: Any, dtype: str) -> tuple[str, bytes]:
    """Return the stored encoding and the stored bytes of a tensor; shuffled where its items have several bytes."""
    zstandard = _zstandard()
    flat = np.frombuffer(raw, np.uint8)
    item = item_size(dtype, len(flat))
    if item > 1 and len(flat) % item == 0 and len(flat):
        shuffled = np.ascontiguousarray(flat.reshape(-1, item).T).reshape(-1)
        return f"|zstd-shuffle{item}", zstandard.ZstdCompressor(level=LEVEL).compress(shuffled)
    return "|zstd", zstandard.ZstdCompressor(level=LEVEL).compress(flat)


def decompress(stored: Any, place: Stored) -> Any:
    """Return the raw bytes of a compressed tensor.

    Raises:
        LimitExceeded: it declares more than it can reasonably hold; nothing was allocated.
        Corrupt: it does not decode to the declared size.
    """
    zstandard = _zstandard()
    size = place.raw_bytes
    if size > limits.SMALL_DECODED and size > limits.DECODED_BYTES_PER_STORED * len(stored):
        raise LimitExceeded(
            f"tensor {quoted(place.name)!r} declares {size} bytes decoded from {len(stored)}, more than "
            f"{limits.DECODED_BYTES_PER_STORED} for one (DECODED_BYTES_PER_STORED)"
        )
    try:
        if zstandard.get_frame_parameters(bytes(stored[:64])).content_size != size:
            raise Corrupt(f"tensor {quoted(place.name)!r} declares another size inside than outside: the file is damaged or was altered")
        decoder = zstandard.ZstdDecompressor().decompressobj()
        raw = decoder.decompress(stored)
        if not decoder.eof or decoder.unused_data:
            raise Corrupt(f"tensor {quoted(place.name)!r} is not one whole frame: the file is damaged or was altered")
    except zstandard.ZstdError as error:
        raise Corrupt(
            f"tensor {quoted(place.name)!r} cannot be decompressed ({quoted(error)}): the file is damaged or was altered"
        ) from None
    if len(raw) != size:
        raise Corrupt(f"tensor {quoted(place.name)!r} decodes to {len(raw)} bytes, where {size} were declared")
    out = np.frombuffer(raw, np.uint8)
    if place.encoding != "|zstd":
        item = int(place.encoding.removeprefix("|zstd-shuffle"))
        if item < 2 or size % item:
            raise Corrupt(f"tensor {quoted(place.name)!r} is stored shuffled, and its size does not allow that")
        return memoryview(np.ascontiguousarray(out.reshape(item, -1).T).reshape(-1))  # type: ignore[arg-type]
    return memoryview(out.copy())  # type: ignore[arg-type]
