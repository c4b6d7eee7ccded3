"""The one kind of tar that packs are: members with nothing but names of an OCI image layout, the bytes of each at a multiple of a page.

Source: POSIX.1-2017, pax interchange format. The one rule: a reader takes no other member than a writer makes, and no other order of bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from holdfast.artifact.atomic import Sink
from holdfast.artifact.source import Source
from holdfast.errors import Corrupt, FormatError, LimitExceeded, Truncated, quoted
from holdfast.values import limits

BLOCK = 512
PAGE = 4096
"""What the bytes of a member begin at a multiple of, so that they are mapped where they lie."""
LARGE = 8**11
"""Bytes from which the field for the size does not do."""
NAME = re.compile(r"oci-layout\Z|index\.json\Z|blobs/sha256/[0-9a-f]{64}\Z")
FOLDERS = ("", "blobs", "blobs/sha256")
PAX_BYTES = 64 * 1024
"""Bytes of one extended header; ours take less than a page."""


class Member(NamedTuple):
    """Where the bytes of a member lie."""

    start: int
    size: int


class TarWriter:
    """Writes members one after the other; those that are named by their digest get their header when they are written."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.at = 0
        self.names: set[str] = set()

    def blob(self, pieces: Iterable[Any], size: int) -> str:
        """Write a member that is named by its SHA-256; one that is there already is not written again.

        Args:
            pieces: its bytes.
            size: how many they are.

        Returns:
            The digest in hex.
        """
        before = self.at
        front = _front(before, size)
        self.sink.write(bytes(front + BLOCK))
        hasher = hashlib.sha256()
        done = 0
        for piece in pieces:
            hasher.update(piece)
            self.sink.write(piece)
            done += len(piece)
        if done != size:
            raise Truncated(f"{done} bytes came of {size}: changed while it was packed")
        self.sink.write(bytes(-size % BLOCK))
        name = f"blobs/sha256/{hasher.hexdigest()}"
        if name in self.names:
            os.ftruncate(self.sink.fd, before)
            os.lseek(self.sink.fd, before, os.SEEK_SET)
            return hasher.hexdigest()
        end = before + front + BLOCK + size + -size % BLOCK
        os.lseek(self.sink.fd, before, os.SEEK_SET)
        self.sink.write(_headers(name, front, size))
        os.lseek(self.sink.fd, end, os.SEEK_SET)
        self.at = end
        self.names.add(name)
        return hasher.hexdigest()

    def file(self, name: str, data: bytes) -> None:
        """Write a member of a given name."""
        front = _front(self.at, len(data))
        self.sink.write(_headers(name, front, len(data)) + data + bytes(-len(data) % BLOCK))
        self.at += front + BLOCK + len(data) + -len(data) % BLOCK
        self.names.add(name)

    def end(self) -> None:
        """Write what a tar ends with."""
        self.sink.write(bytes(2 * BLOCK))
        self.at += 2 * BLOCK


def _front(at: int, size: int) -> int:
    """Return the bytes of the extended header that put the member's bytes at a multiple of a page; 0 when none is needed."""
    if (at + BLOCK) % PAGE == 0 and size < LARGE:
        return 0
    blocks = -((at + 2 * BLOCK) // BLOCK) % (PAGE // BLOCK)
    return BLOCK + (blocks or PAGE // BLOCK) * BLOCK


def _headers(name: str, front: int, size: int) -> bytes:
    own = _header(name, 0 if size >= LARGE else size, b"0")
    if not front:
        return own
    room = front - BLOCK
    told = b""
    if size >= LARGE:
        value = f"size={size}\n"
        told = f"{len(value) + 3} {value}".encode()
        assert len(told) == len(value) + 3
    left = room - len(told)
    start = f"{left} comment="
    told += (start + " " * (left - len(start) - 1) + "\n").encode()
    return _header(f"PaxHeaders/{name}"[:100], len(told), b"x") + told + own


def _header(name: str, size: int, kind: bytes) -> bytes:
    fields = [name.encode().ljust(100, b"\0"), b"0000644\0", b"0000000\0" * 2, f"{size:011o}\0".encode(), b"00000000000\0", b" " * 8, kind, bytes(100), b"ustar\x0000", bytes(64)]
    raw = b"".join(fields) + b"0000000\0" * 2
    raw = raw.ljust(BLOCK, b"\0")
    return raw[:148] + f"{sum(raw):06o}\0 ".encode() + raw[156:]


def members(source: Source) -> dict[str, Member]:
    """Return where the members of a pack lie.

    Args:
        source: the tar.

    Raises:
        FormatError: it is no tar, or has members that a pack does not have: links, other paths, one name twice.
        Truncated: it ends too early.
        LimitExceeded: it has more members than a pack may have.
        Corrupt: a header does not match its sum, or something follows the end.
    """
    found: dict[str, Member] = {}
    at = 0
    size: int | None = None
    while True:
        if at == 0 and source.size < BLOCK and 0 not in bytes(source.private(0, source.size)):
            raise FormatError("this is no tar, and so no pack", file=source.name)  # a text: a header is filled with zeros
        raw = _bytes(source, at, BLOCK)
        if not any(raw):
            _check_end(source, at)
            return found
        kind, name, own = _read_header(raw, at, source.name)
        start = at + BLOCK
        if kind == b"x":
            if own > PAX_BYTES:
                raise LimitExceeded(f"the extended header at byte {at} has {own} bytes, more than {PAX_BYTES} (PAX_BYTES)", file=source.name)
            size = _pax_size(_bytes(source, start, own), at, source.name)
            at = start + own + -own % BLOCK
            continue
        taken, size = own if size is None else size, None
        if start + taken > source.size:
            raise Truncated(f"the member {quoted(name, 100)!r} should have {taken} bytes, and the file ends before; get it again", file=source.name)
        if kind == b"5":
            if name.rstrip("/") not in FOLDERS or taken:
                raise FormatError(f"the folder {quoted(name, 100)!r} is none of a pack; nothing was unpacked", file=source.name)
        elif not NAME.match(name):
            raise FormatError(f"the member {quoted(name, 100)!r} is none of a pack, which has oci-layout, index.json and blobs/sha256/...; nothing was unpacked", file=source.name)
        elif name in found:
            raise FormatError(f"the member {quoted(name, 100)!r} is there twice; nothing was unpacked", file=source.name)
        else:
            found[name] = Member(start, taken)
            if len(found) > limits.PACK_MEMBERS:
                raise LimitExceeded(f"the pack has more than {limits.PACK_MEMBERS} members (PACK_MEMBERS)", file=source.name)
        at = start + taken + -taken % BLOCK


def _bytes(source: Source, at: int, length: int) -> bytes:
    if at + length > source.size:
        raise Truncated(f"the file ends at byte {source.size}, in the middle of a pack; get it again", file=source.name)
    return bytes(source.private(at, length))


def _read_header(raw: bytes, at: int, place: str) -> tuple[bytes, str, int]:
    if raw[257:262] != b"ustar":
        raise FormatError(f"there is no tar header at byte {at}: this is no pack, or a damaged one" if at else "this is no tar, and so no pack", file=place)
    if _number(raw[148:156], at, place) != sum(raw) - sum(raw[148:156]) + 8 * 32:
        raise Corrupt(f"the header at byte {at} does not match its sum: damaged; get the file again", file=place)
    kind = raw[156:157]
    if kind not in (b"0", b"\0", b"x", b"5"):
        raise FormatError(f"the member at byte {at} is a link, a device or something else that no pack has (kind {kind!r}); nothing was unpacked", file=place)
    prefix = raw[345:500].split(b"\0")[0] if raw[257:265] == b"ustar\x0000" else b""
    name = (prefix + b"/" if prefix else b"") + raw[:100].split(b"\0")[0]
    text = name.decode("ascii", "backslashreplace").removeprefix("./")
    return b"0" if kind == b"\0" else kind, text, _number(raw[124:136], at, place)


def _number(field: bytes, at: int, place: str) -> int:
    if field[0] == 0x80:  # how GNU's tar writes large ones
        return int.from_bytes(field[1:], "big")
    text = field.rstrip(b"\0 ").lstrip(b" ")
    if not re.fullmatch(rb"[0-7]+", text):
        raise FormatError(f"the header at byte {at} holds {field!r} where a number should be", file=place)
    return int(text, 8)


def _pax_size(told: bytes, at: int, place: str) -> int | None:
    """Return the size that an extended header gives, and refuse one that gives anything else that matters."""
    size = None
    while told:
        head, _, _ = told.partition(b" ")
        if not re.fullmatch(rb"[1-9][0-9]{0,5}", head) or not len(head) + 3 <= int(head) <= len(told) or told[int(head) - 1 : int(head)] != b"\n":
            raise FormatError(f"the extended header at byte {at} cannot be read", file=place)
        key, _, value = told[len(head) + 1 : int(head) - 1].partition(b"=")
        if key == b"size" and re.fullmatch(rb"[0-9]{1,19}", value):
            size = int(value)
        elif key not in (b"comment", b"mtime", b"atime", b"ctime", b"uid", b"gid", b"uname", b"gname"):
            raise FormatError(f"the extended header at byte {at} gives {quoted(key.decode('ascii', 'replace'), 60)!r}, which no pack has; nothing was unpacked", file=place)
        told = told[int(head) :]
    return size


def _check_end(source: Source, at: int) -> None:
    if at + 2 * BLOCK > source.size:
        raise Truncated("the pack has no end; get the file again", file=source.name)
    if source.size - at > 1024 * 1024 or any(source.private(at, source.size - at)):
        raise Corrupt("something follows the end of the pack; get the file again", file=source.name)
