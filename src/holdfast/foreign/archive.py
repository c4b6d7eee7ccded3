"""Zip archives, read strictly: every byte of the file belongs to exactly one member or to the directory.

A zip file says everything twice, and readers disagree about which of the two to believe; here both have to agree. Source:
APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3 to 4.5.

The one rule: nothing overlaps, nothing lies between, nothing is before or after; and sizes are believed only when they hold.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple

from holdfast.errors import FormatError, LimitExceeded, Truncated, quoted
from holdfast.values import limits

_END = struct.Struct("<4sHHHHIIH")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_PLACE64 = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_NAME = re.compile(r"[A-Za-z0-9_.+=@ ()\[\],'~#$%&!;^{}-]+(/[A-Za-z0-9_.+=@ ()\[\],'~#$%&!;^{}-]+)*\Z")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)", re.IGNORECASE)


class _Member(NamedTuple):
    name: str
    method: int
    crc: int
    packed: int
    size: int
    start: int
    begin: int = -1


class Archive:
    """The members of a zip file.

    Attributes:
        names: their names, in the order of the directory; folders are left out.
        decoded: bytes that were decoded so far, and those of stored members.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._members = self._directory()
        self.names = [name for name in self._members if not name.endswith("/")]
        self._check_places()
        self._given = 0
        self.decoded = sum(one.size for one in self._members.values())

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def content(self, name: str) -> memoryview:
        """Return the bytes of a member, without a copy when it is stored; its checksum has been compared.

        Raises:
            FormatError: it is damaged.
            LimitExceeded: it becomes larger than its size can account for.
        """
        one = self._members[name]
        self._given += one.size
        if self._given > limits.SMALL_DECODED + 4 * self.decoded:
            raise LimitExceeded("the file asks for the same members of its archive over and over; refused")
        raw = self._data[one.begin : one.begin + one.packed]
        if one.method == 0:
            content: memoryview = raw
        else:
            if one.size > max(limits.SMALL_DECODED, limits.DECODED_BYTES_PER_STORED * one.packed):
                raise LimitExceeded(f"member {quoted(name)!r} claims {one.size} bytes out of {one.packed} (DECODED_BYTES_PER_STORED)")
            decoder = zlib.decompressobj(-15)
            try:
                made = decoder.decompress(raw, one.size + 1)
            except zlib.error as error:
                raise FormatError(f"member {quoted(name)!r} of the archive is damaged: {error}") from None
            if len(made) != one.size or not decoder.eof or decoder.unused_data or decoder.unconsumed_tail:
                raise FormatError(f"member {quoted(name)!r} of the archive is not {one.size} bytes long, as it says; it is damaged or was altered")
            content = memoryview(bytearray(made))
        if zlib.crc32(content) != one.crc:
            raise FormatError(f"member {quoted(name)!r} of the archive does not match its checksum; it is damaged")
        return content

    # -- the directory ----------------------------------------------------------------------------------------------------

    def _directory(self) -> dict[str, _Member]:
        data = self._data
        end = len(data) - _END.size
        if end < 0 or bytes(data[end : end + 4]) != b"PK\x05\x06":
            raise Truncated("the archive does not end with its directory: truncated, or something follows it")
        _, disk, first, here, count, size, start, comment = _END.unpack(data[end:])
        limit = end
        if comment:
            raise FormatError("the archive has a comment, in which something may hide; pack it anew")
        if 0xFFFF in (here, count) or 0xFFFFFFFF in (size, start) or bytes(data[max(0, end - 20) : max(0, end - 16)]) == b"PK\x06\x07":
            place = end - _PLACE64.size
            if place < 0 or bytes(data[place : place + 4]) != b"PK\x06\x07":
                raise FormatError("the directory of the archive says that it is large, and is not; it is damaged or was altered")
            _, disk, at, disks = _PLACE64.unpack(data[place:end])
            if disks > 1 or at + _END64.size != place:
                raise FormatError("the archive is of several parts, or has gaps; it is damaged or was altered")
            _, _, _, _, disk, first, here, count, size, start = _END64.unpack(data[at:place])
            limit = at
        if disk or first or here != count:
            raise FormatError("the archive is one part of several; put them together first")
        if count > limits.ARCHIVE_MEMBERS:
            raise LimitExceeded(f"the archive has {count} members, more than {limits.ARCHIVE_MEMBERS} (ARCHIVE_MEMBERS)")
        if start + size != limit:
            raise FormatError("the directory of the archive is not where the archive says; something is before or after it, or it was altered")
        self._start = start
        found: dict[str, _Member] = {}
        folded: set[str] = set()
        at = start
        for _ in range(count):
            one, at = self._entry(at, limit)
            if one.name.lower() in folded:
                raise FormatError(f"the archive holds {quoted(one.name)!r} twice, or in two spellings; it is damaged or was altered")
            folded.add(one.name.lower())
            found[one.name] = one
        if at != limit:
            raise FormatError("the directory of the archive has more in it than its members; it is damaged or was altered")
        return found

    def _entry(self, at: int, limit: int) -> tuple[_Member, int]:
        data = self._data
        if at + _ENTRY.size > limit:
            raise Truncated("the directory of the archive ends too early: truncated")
        mark, made_by, _, flags, method, _, _, crc, packed, size, name_len, extra_len, comment, disk, _, mode, start = _ENTRY.unpack(data[at : at + _ENTRY.size])
        end = at + _ENTRY.size + name_len + extra_len + comment
        if mark != b"PK\x01\x02" or end > limit:
            raise FormatError("the directory of the archive is damaged")
        name = _checked_name(bytes(data[at + _ENTRY.size : at + _ENTRY.size + name_len]))
        extra = bytes(data[at + _ENTRY.size + name_len : at + _ENTRY.size + name_len + extra_len])
        size, packed, start = _wide(extra, size, packed, start)
        if flags & 0x1 or method not in (0, 8) or disk or comment:
            raise FormatError(f"member {quoted(name)!r} of the archive is encrypted, in another part, or packed in a way that is not read (method {method})")
        if made_by >> 8 == 3 and (mode >> 28) not in (0, 4, 8):
            raise FormatError(f"member {quoted(name)!r} of the archive is a link or a device and no file; it is refused")
        if method == 0 and size != packed:
            raise FormatError(f"member {quoted(name)!r} of the archive is stored in {packed} bytes and claims {size}; it was altered")
        return _Member(name, method, crc, packed, size, start), end

    def _check_places(self) -> None:
        """Compare each member with what stands before it, and see that together they fill the file."""
        data = self._data
        end = 0
        placed: dict[str, _Member] = {}
        for one in sorted(self._members.values(), key=lambda member: member.start):
            if one.start != end:
                raise FormatError(f"there are bytes before member {quoted(one.name)!r} of the archive that belong to none, or it overlaps another; refused")
            if one.start + _LOCAL.size > self._start:
                raise Truncated("the archive ends too early: truncated")
            mark, _, flags, method, _, _, crc, packed, size, name_len, extra_len = _LOCAL.unpack(data[one.start : one.start + _LOCAL.size])
            name_end = one.start + _LOCAL.size + name_len
            begin = name_end + extra_len
            if mark != b"PK\x03\x04" or bytes(data[one.start + _LOCAL.size : name_end]) != one.name.encode():
                raise FormatError(f"the archive calls its member {quoted(one.name)!r} something else where it lies; it was altered")
            described = bool(flags & 0x8)
            size, packed, _ = _wide(bytes(data[name_end:begin]), size, packed, 0)
            if method != one.method or (not described and (crc, packed, size) != (one.crc, one.packed, one.size)):
                raise FormatError(f"the archive says two things about its member {quoted(one.name)!r}; it was altered")
            end = begin + one.packed
            if end > self._start:
                raise Truncated(f"member {quoted(one.name)!r} of the archive reaches beyond it: truncated or altered")
            if described:
                end = self._descriptor(end, one)
            placed[one.name] = one._replace(begin=begin)
        if end != self._start:
            raise FormatError("there are bytes between the members of the archive and its directory that belong to none; refused")
        self._members = {name: placed[name] for name in self._members}

    def _descriptor(self, at: int, one: _Member) -> int:
        """Return where what follows a member's bytes ends: its checksum and sizes once more."""
        for wide in ("<4sIQQ", "<4sIII", "<IQQ", "<III"):
            form = struct.Struct(wide)
            raw = self._data[at : at + form.size]
            if len(raw) < form.size:
                continue
            parts = form.unpack(raw)
            if (parts[0] == b"PK\x07\x08" or len(parts) == 3) and parts[-3:] == (one.crc, one.packed, one.size):
                return at + form.size
        raise FormatError(f"the archive says two things about its member {quoted(one.name)!r}; it was altered")


def _checked_name(raw: bytes) -> str:
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError:
        raise FormatError(f"the archive holds the name {quoted(raw[:80])}, which is no plain text") from None
    parts = name.removesuffix("/").split("/")
    if not _NAME.match(name.removesuffix("/")) or any(part in (".", "..") or part.endswith((".", " ")) or _DEVICES.match(part) for part in parts):
        raise FormatError(f"the archive holds the name {quoted(name)!r}, which leads elsewhere or means something to a system; refused")
    return name


def _wide(extra: bytes, size: int, packed: int, start: int) -> tuple[int, int, int]:
    """Return sizes and place, from the extra field where they are too large for their own."""
    wanted = [one == 0xFFFFFFFF for one in (size, packed, start)]
    values = [size, packed, start]
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == 1 and any(wanted):
            numbers = [int.from_bytes(body[i : i + 8], "little") for i in range(0, len(body) - 7, 8)]
            for index in (i for i, one in enumerate(wanted) if one):
                if not numbers:
                    raise FormatError("a member of the archive says that it is large, and not how large; it was altered")
                values[index] = numbers.pop(0)
            return values[0], values[1], values[2]
    return size, packed, start
