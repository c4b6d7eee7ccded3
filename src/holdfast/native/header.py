"""The safetensors header: one strict reader, one canonical writer.

The one rule: what the reader accepts in the holdfast profile is byte for byte what the writer would have written.
Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from holdfast.errors import Corrupt, FormatError, LimitExceeded, Truncated, UnsupportedVersion, quoted
from holdfast.values import limits
from holdfast.values.dtypes import ITEM_BITS
from holdfast.values.manifest import FORMAT_VERSION

ALIGN = 64
MARK = b'{"__metadata__":{"holdfast":"'


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of a safetensors header."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


class Header(NamedTuple):
    """A parsed header.

    Attributes:
        native: whether the file is in the holdfast profile.
        entries: tensors by name, in data order.
        data_start: offset of the data in the file.
        metadata: free text of a plain file.
    """

    native: bool
    entries: dict[str, Entry]
    data_start: int
    metadata: dict[str, str]


_encode = msgspec.json.Encoder().encode
_entries = msgspec.json.Decoder(dict[str, Entry], strict=True).decode
_plain = msgspec.json.Decoder(dict[str, msgspec.Raw], strict=True).decode
_entry = msgspec.json.Decoder(Entry, strict=True).decode
_metadata = msgspec.json.Decoder(dict[str, str], strict=True).decode
_JSON_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)


def write_header(entries: dict[str, Entry], features: tuple[str, ...] = ()) -> bytes:
    """Return the length, the JSON and the spaces that align the data, for a native file."""
    version = " ".join((str(FORMAT_VERSION), *features)).encode()
    body = MARK + version + b'"}' + (b"," + _encode(entries)[1:] if entries else b"}")
    body += b" " * (-(8 + len(body)) % ALIGN)
    return len(body).to_bytes(8, "little") + body


def header_length(start: bytes, size: int) -> int:
    """Return how many bytes of JSON follow the first eight.

    Raises:
        FormatError: this is not the start of a safetensors file.
    """
    if len(start) < 8:
        if size == 0:
            raise Truncated("the file is empty")
        raise Truncated(f"the file ends after {size} bytes; a header alone takes 8")
    length = int.from_bytes(start[:8], "little")
    if length > limits.HEADER_BYTES and start[:8].isascii() and start[:8].decode().replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        raise FormatError(f"this is text and no model: it begins with {start[:8].decode()!r}")
    if length > limits.HEADER_BYTES:
        raise LimitExceeded(f"the header claims {length} bytes, more than the limit of {limits.HEADER_BYTES} (HEADER_BYTES)")
    if 8 + length > size:
        raise Truncated(f"the header claims {length} bytes, and only {size - 8} follow: truncated at {size} of at least {8 + length} bytes")
    if length < 2:
        raise FormatError(f"the header claims {length} bytes, fewer than any header has")
    return length


def read_header(raw: bytes, size: int) -> Header:
    """Parse the JSON of a header.

    Args:
        raw: the JSON, as long as `header_length` said.
        size: bytes in the whole file.

    Raises:
        FormatError: anything that is not a valid header, or not the canonical one of a native file.
    """
    start = 8 + len(raw)
    if raw.startswith(MARK):
        return _native(raw, size, start)
    if raw[:1] != b"{":
        raise FormatError("the header does not begin with '{'")
    return _foreign(raw, size, start)


def _native(raw: bytes, size: int, start: int) -> Header:
    end = raw.find(b'"', len(MARK))
    version = raw[len(MARK) : end].decode("ascii", "replace")
    features = _check_version(version)
    rest = raw[end + 1 :]
    if rest[:2] == b"},":
        body = b"{" + rest[2:]
    elif rest[:2] == b"}}":
        body = b"{" + rest[1:]
    else:
        raise FormatError("the header's __metadata__ is not the one that holdfast writes; the file was changed by another tool")
    try:
        entries = _entries(body)
    except _JSON_ERRORS as error:
        raise FormatError(f"the header is not valid JSON of tensors: {quoted(error)}") from None
    if raw != write_header(entries, features)[8:]:
        raise FormatError("the header is not written in its one canonical form; the file was changed by another tool")
    _check_entries(entries, size - start, aligned=True)
    return Header(True, entries, start, {})


def _check_version(text: str) -> tuple[str, ...]:
    number, *features = text.split(" ")
    if not number.isascii() or not number.isdigit() or number != str(int(number[:10])) or int(number[:10]) < 1:
        raise FormatError(f"the format version {quoted(text)!r} is not a version")
    if int(number) > FORMAT_VERSION:
        raise UnsupportedVersion(
            f"the file has format version {int(number)}, and this holdfast reads up to {FORMAT_VERSION}; upgrade with: pip install -U holdfast"
        )
    if features:
        raise UnsupportedVersion(
            f"the file needs the feature {quoted(features[0])!r}, which this holdfast does not know; upgrade with: pip install -U holdfast"
        )
    return ()


def _foreign(raw: bytes, size: int, start: int) -> Header:
    if raw.count(b'"data_offsets"') > limits.TENSORS or raw.count(b":") > 8 * limits.TENSORS:
        raise LimitExceeded(f"the header names more than {limits.TENSORS} tensors (TENSORS)")
    import json

    try:
        parts = _plain(raw)
        metadata = _metadata(parts.pop("__metadata__")) if "__metadata__" in parts else {}
        entries = {name: _entry(part) for name, part in parts.items()}
        pairs = json.loads(raw, object_pairs_hook=_no_duplicates)
    except Corrupt:
        raise
    except _JSON_ERRORS as error:
        raise FormatError(f"the header is not valid JSON of tensors: {quoted(error)}") from None
    del pairs
    if "holdfast" in metadata or any(name.startswith("holdfast.") for name in entries):
        raise FormatError(
            "the header carries holdfast's mark and is not as holdfast writes it: the file was changed by another tool; "
            "go back to the file as it was saved"
        )
    entries = dict(sorted(entries.items(), key=lambda item: item[1].data_offsets))
    _check_entries(entries, size - start, aligned=False)
    return Header(False, entries, start, metadata)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Corrupt("the header names a tensor or a key twice")
    return found


def _check_entries(entries: dict[str, Entry], available: int, aligned: bool) -> None:
    if len(entries) > limits.TENSORS:
        raise LimitExceeded(f"the header names {len(entries)} tensors, more than the limit of {limits.TENSORS} (TENSORS)")
    position = 0
    for name, entry in entries.items():
        if len(name.encode("utf-8", "surrogatepass")) > limits.TENSOR_NAME_BYTES:
            raise LimitExceeded(f"tensor {quoted(name)!r}: its name is longer than {limits.TENSOR_NAME_BYTES} bytes (TENSOR_NAME_BYTES)")
        bits = ITEM_BITS.get(entry.dtype)
        if bits is None:
            raise FormatError(f"tensor {quoted(name)!r} has the unknown dtype {quoted(entry.dtype)!r}")
        if len(entry.shape) > limits.DIMENSIONS:
            raise LimitExceeded(f"tensor {quoted(name)!r} has {len(entry.shape)} axes, more than {limits.DIMENSIONS} (DIMENSIONS)")
        count = 1
        for length in entry.shape:
            if length < 0:
                raise FormatError(f"tensor {quoted(name)!r} has the negative length {length}")
            count *= length
            if count > limits.TENSOR_ELEMENTS or length > limits.TENSOR_ELEMENTS:
                raise LimitExceeded(f"tensor {quoted(name)!r} declares more than 2**62 elements (TENSOR_ELEMENTS)")
        begin, end = entry.data_offsets
        if begin != position or end < begin:
            raise FormatError(
                f"tensor {quoted(name)!r} lies at {begin}..{end}, where {position} was expected: a gap, an overlap or a disorder"
            )
        if (end - begin) * 8 != count * bits:
            raise FormatError(
                f"tensor {quoted(name)!r} of dtype {entry.dtype} and shape {entry.shape} declares {count * bits // 8} bytes, "
                f"and {end - begin} are set aside for it"
            )
        if end > available:
            raise Truncated(f"tensor {quoted(name)!r} ends at {end}, and only {available} bytes of data are present: truncated")
        position = end
    if position != available:
        raise FormatError(f"{available - position} bytes follow the last tensor; a file ends where its tensors end")
