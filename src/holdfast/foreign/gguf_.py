"""GGUF files of llama.cpp: what they say of themselves, and their tensors; they are looked at and not loaded.

Source: the specification in ggml's ``docs/gguf.md``, versions 2 and 3, little-endian.

The one rule: every count and length is compared with the bytes that are left before anything is done so often or so long.
"""

from __future__ import annotations

import struct
from typing import Any

from holdfast.errors import FormatError, LimitExceeded, Truncated, UnsupportedVersion, quoted
from holdfast.values import limits

_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 10: "<Q", 11: "<q", 12: "<d"}
_BOOL, _TEXT, _LIST = 7, 8, 9
_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
"""Number of a tensor's type -> its name, elements of a block, bytes of a block."""
_SHOWN = 8


def describe(data: memoryview) -> tuple[str, dict[str, Any], list[tuple[str, str, list[int], int]]]:
    """Return what a GGUF file is in words, its metadata, and its tensors as (name, dtype, shape, bytes).

    Raises:
        FormatError, Truncated, LimitExceeded: it is damaged, or claims what its bytes cannot hold.
        UnsupportedVersion: it is of a version that is not known.
    """
    reader = _Reader(data)
    version = reader.number("<I")
    if version not in (2, 3):
        raise UnsupportedVersion(f"a GGUF file of version {version}, and 2 and 3 are known (or it is of a big-endian machine)")
    tensors, pairs = reader.number("<Q"), reader.number("<Q")
    reader.check_count(tensors, 24, "tensors")
    reader.check_count(pairs, 13, "pieces of metadata")
    if tensors > limits.TENSORS:
        raise LimitExceeded(f"the file claims {tensors} tensors, more than {limits.TENSORS} (TENSORS)")
    said: dict[str, Any] = {}
    for _ in range(pairs):
        key = reader.text()
        if key in said:
            raise FormatError(f"the metadata {quoted(key, 60)!r} stands twice in the GGUF file; it was altered")
        said[key] = reader.value(reader.number("<I"), 0)
    alignment = said.get("general.alignment", 32)
    if type(alignment) is not int or alignment < 8 or alignment & (alignment - 1) or alignment > 1 << 20:
        raise FormatError(f"the alignment of the GGUF file is {quoted(alignment, 20)}, which is no power of two from 8 on")
    listed = _tensors(reader, tensors, alignment, len(data))
    name = said.get("general.name", said.get("general.architecture", "a model"))
    return f"GGUF version {version}, {quoted(name, 80)}", said, listed


def _tensors(reader: _Reader, count: int, alignment: int, size: int) -> list[tuple[str, str, list[int], int]]:
    found: list[tuple[str, str, list[int], int]] = []
    spans: list[tuple[int, int]] = []
    names: set[str] = set()
    for _ in range(count):
        name = reader.text()
        axes = reader.number("<I")
        if name in names or not 0 < axes <= 4:
            raise FormatError(f"the tensor {quoted(name, 60)!r} of the GGUF file stands twice, or has {axes} axes")
        names.add(name)
        shape = [reader.number("<Q") for _ in range(axes)]
        kind, offset = reader.number("<I"), reader.number("<Q")
        if kind not in _TYPES:
            raise FormatError(f"the tensor {quoted(name, 60)!r} of the GGUF file is of type {kind}, which there is not")
        dtype, block, block_bytes = _TYPES[kind]
        elements = 1
        for length in shape:
            elements *= length
        if elements > limits.TENSOR_ELEMENTS or shape[0] % block or offset % alignment:
            raise FormatError(f"the tensor {quoted(name, 60)!r} of the GGUF file has a shape or a place that it cannot have")
        nbytes = elements // block * block_bytes
        found.append((name, dtype, shape[::-1], nbytes))
        spans.append((offset, offset + nbytes))
    start = -(-reader.at // alignment) * alignment
    end = 0
    for low, high in sorted(spans):
        if low < end:
            raise FormatError("two tensors of the GGUF file overlap; it was altered")
        end = high
    if start + end > size:
        raise Truncated(f"the tensors of the GGUF file end at byte {start + end}, and the file at {size}: truncated")
    return found


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 4

    def take(self, count: int) -> memoryview:
        if self.at + count > len(self.data):
            raise Truncated(f"the GGUF file ends at byte {len(self.data)}, where {count} more bytes were announced: truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self) -> str:
        raw = bytes(self.take(self.number("<Q")))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise FormatError("the GGUF file holds a text that is no UTF-8; it is damaged or was altered") from None

    def check_count(self, count: int, each: int, what: str) -> None:
        if count * each > len(self.data) - self.at:
            raise LimitExceeded(f"the GGUF file claims {count} {what}, for which it has not the bytes")

    def value(self, kind: int, depth: int) -> Any:
        """Return a value; long lists by their length and their beginning."""
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _BOOL:
            return bool(self.number("<B"))
        if kind == _TEXT:
            return quoted(self.text(), 400)
        if kind != _LIST or depth > 3:
            raise FormatError(f"the metadata of the GGUF file holds a value of type {kind}, which there is not")
        inner, count = self.number("<I"), self.number("<Q")
        if inner in _NUMBERS:
            width = struct.calcsize(_NUMBERS[inner])
            self.check_count(count, width, "numbers")
            raw = self.take(count * width)
            return _shortened([one[0] for one in struct.iter_unpack(_NUMBERS[inner], raw[: _SHOWN * width])], count)
        self.check_count(count, 1 if inner == _BOOL else 8 if inner == _TEXT else 12, "items")
        items = []
        for place in range(count):
            one = self.value(inner, depth + 1)
            if place < _SHOWN:
                items.append(one)
        return _shortened(items, count)


def _shortened(items: list[Any], count: int) -> Any:
    return items if count <= _SHOWN else [*items, f"… {count} in all"]
