"""Compressed streams as joblib writes them, decompressed within bounds.

The one rule: memory is asked for in pieces, and never more of it than a limit allows for the bytes that are there.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Any

from holdfast.errors import FormatError, LibraryMissing, LimitExceeded, Truncated
from holdfast.foreign.sniff import sniff
from holdfast.values import limits

_PIECE = 1 << 20


def decompressed(data: memoryview) -> tuple[Any, str]:
    """Return the content of a stream, and how it was compressed; "" when it was not.

    Raises:
        FormatError, Truncated: it is damaged.
        LimitExceeded: it becomes larger than its size can account for.
        LibraryMissing: it is LZ4, and the package for that is not installed.
    """
    found = sniff(bytes(data[:64]), len(data))
    if not found.startswith("compressed "):
        return data, ""
    how = found.removeprefix("compressed ")
    if how == "z-file":
        return z_file(data), "zlib"
    return _whole(_pieces(data, how), len(data)), how


def _whole(pieces: Iterator[bytes], stored: int) -> bytearray:
    out = bytearray()
    most = max(limits.SMALL_DECODED, limits.DECODED_BYTES_PER_STORED * stored)
    for piece in pieces:
        if len(out) + len(piece) > most:
            raise LimitExceeded(f"the compressed stream of {stored} bytes holds more than {most} (DECODED_BYTES_PER_STORED); nothing more was read")
        out += piece
    return out


def _pieces(data: memoryview, how: str) -> Iterator[bytes]:
    try:
        if how in ("zlib", "gzip"):
            yield from _zlib(data, 15 if how == "zlib" else 31)
        elif how == "bz2":
            yield from _stream(bz2.BZ2Decompressor(), data)
        elif how in ("xz", "lzma"):
            yield from _stream(lzma.LZMADecompressor(lzma.FORMAT_XZ if how == "xz" else lzma.FORMAT_ALONE, memlimit=limits.LZMA_MEMORY), data)
        else:
            yield from _lz4(data)
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, RuntimeError) as error:
        raise FormatError(f"the {how} stream is damaged: {error}") from None


def _zlib(data: memoryview, bits: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(bits)
    waiting: Any = data
    while not decoder.eof:
        piece = decoder.decompress(waiting[:_PIECE] if len(waiting) > _PIECE else waiting, _PIECE)
        rest = waiting[_PIECE:] if len(waiting) > _PIECE else b""
        yield piece
        tail = decoder.unconsumed_tail
        while tail and not decoder.eof:
            yield decoder.decompress(tail, _PIECE)
            tail = decoder.unconsumed_tail
        waiting = rest
        if not len(waiting) and not decoder.eof:
            last = decoder.flush()
            yield last
            if not decoder.eof:
                raise Truncated("the compressed stream ends before its end mark: truncated")
    if decoder.unused_data or len(waiting):
        raise FormatError("bytes follow the end of the compressed stream; it is damaged or was altered")


def _stream(decoder: Any, data: memoryview) -> Iterator[bytes]:
    at = 0
    while not decoder.eof:
        if decoder.needs_input:
            if at >= len(data):
                raise Truncated("the compressed stream ends before its end mark: truncated")
            given = bytes(data[at : at + _PIECE])
            at += len(given)
        else:
            given = b""
        yield decoder.decompress(given, _PIECE)
    if decoder.unused_data or at < len(data):
        raise FormatError("bytes follow the end of the compressed stream; it is damaged or was altered")


def _lz4(data: memoryview) -> Iterator[bytes]:
    try:
        import lz4.frame
    except ImportError:
        raise LibraryMissing("the file is compressed with LZ4, which Python reads with the package lz4; install it with: pip install lz4") from None
    yield from _stream(lz4.frame.LZ4FrameDecompressor(), data)


def z_file(data: memoryview) -> bytearray:
    """Return the content of a file that joblib before 0.10 compressed: a length in hexadecimal, then a zlib stream."""
    head = bytes(data[:22])  # a mark, nineteen characters of length, and of Python 2 a space
    if not head.startswith(b"ZF0x"):
        raise FormatError("a compressed array of an old joblib file does not begin as one; it is damaged or was altered")
    try:
        announced = int(head[2:21].strip(), 16)
    except ValueError:
        raise FormatError("a compressed array of an old joblib file has no length; it is damaged or was altered") from None
    body = data[22:] if head[21:] == b" " else data[21:]
    made = _whole(_pieces(body, "zlib"), len(body))
    if len(made) != announced:
        raise FormatError(f"a compressed array of an old joblib file announces {announced} bytes and holds {len(made)}; it is damaged or was altered")
    return made
