"""Damage to foreign files: bytes, opcodes of pickles, and what lies inside archives and compressed streams."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickletools
import random
import re
import zipfile
import zlib
from collections.abc import Callable

NUMBERS = (0, 1, 2, 3, 7, 8, 63, 64, 127, 128, 255)
_LENGTHS = (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x01\x00\x00\x00", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\xff\xff\xff\xff\xff\xff\xff\x7f")
_PIECES = (
    b"N", b"\x88", b"K\x00", b"K\x05", b"J\xff\xff\xff\xff", b"\x8a\x09" + b"\xff" * 8 + b"\x7f", b"G\x7f\xf8" + b"\0" * 6, b"G\x7f\xf0" + b"\0" * 6, b")", b"]", b"}", b"\x8f",
    b"(t", b"(l", b"(d", b"(\x91", b"X\0\0\0\0", b"X\x01\0\0\0a", b"C\0", b"C\x03abc", b"cos\nsystem\n", b"cbuiltins\neval\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"2", b"0",
    b"(", b"1", b"b", b"R", b"\x81", b"\x85", b"\x86", b"\x87", b"a", b"s", b"e", b"u", b"t", b"d", b"l", b".", b"h\x00", b"h\x01", b"h\x05", b"q\x00", b"\x94", b"\x90", b"Q", b"o", b"\x92", b"\x93",
)  # fmt: skip
_TEXTS = (b"-1", b"0", b"1", b"null", b"[]", b"{}", b'""', b"1e999", b"9" * 30, b"true", b'"a"', b"-9223372036854775808", b"2147483648")


def bytes_changed(data: bytes, dice: random.Random) -> bytes:
    """Return a file with a few bytes other than they were."""
    made = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        how, at = dice.random(), dice.randrange(len(made))
        if how < 0.4:
            made[at] = dice.choice((made[at] ^ (1 << dice.randrange(8)), dice.randrange(256), *NUMBERS))
        elif how < 0.55:
            part = dice.choice(_LENGTHS)
            made[at : at + len(part)] = part
        elif how < 0.7:
            del made[at : at + dice.choice((1, 1, 2, 8, 64, 500))]
        elif how < 0.85:
            made[at:at] = dice.choice(_PIECES)
        else:
            other, count = dice.randrange(len(made)), dice.choice((1, 4, 16, 100))
            made[at : at + count] = made[other : other + count]
        if not made:
            return b""
    return bytes(made)


def cut(data: bytes, dice: random.Random) -> bytes:
    """Return the beginning of a file."""
    return data[: dice.randrange(len(data))]


def opcodes_changed(data: bytes, dice: random.Random) -> bytes:
    """Return a pickle whose opcodes are whole, and not what they were: left out, twice, in another place, or with other arguments."""
    parts = opcodes(data)
    if len(parts) < 3:
        return bytes_changed(data, dice)
    for _ in range(dice.choice((1, 1, 2, 3))):
        at, how = dice.randrange(1, len(parts)), dice.random()
        if how < 0.2:
            del parts[at]
        elif how < 0.35:
            parts.insert(at, parts[dice.randrange(len(parts))])
        elif how < 0.5:
            other = dice.randrange(1, len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        elif how < 0.6:
            parts[at] = parts[dice.randrange(len(parts))]
        elif how < 0.85:
            parts[at] = dice.choice(_PIECES)
        else:
            parts.insert(at, dice.choice(_PIECES))
        if len(parts) < 3:
            break
    return b"".join(parts)


def opcodes(data: bytes) -> list[bytes]:
    """Return the opcodes of a stream with their arguments, without frames; what cannot be read is one piece."""
    places = []
    try:
        for op, _, at in pickletools.genops(data):
            places.append((at, op.name))
    except Exception:
        pass
    ends = [at for at, _ in places[1:]] + [len(data)]
    return [data[at:end] for (at, name), end in zip(places, ends, strict=True) if name != "FRAME"]


def text_changed(data: bytes, dice: random.Random) -> bytes:
    """Return JSON or other text with a number, a value or a name that is another."""
    found = list(re.finditer(rb'-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|"(?:[^"\\]|\\.)*"|null|true|false', data))
    if not found:
        return bytes_changed(data, dice)
    one = dice.choice(found)
    new = dice.choice((*_TEXTS, dice.choice(found).group(), dice.choice(found).group()))
    return data[: one.start()] + new + data[one.end() :]


def members_changed(data: bytes, dice: random.Random) -> bytes:
    """Return an archive that is whole, with a member that is not what it was."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    names = sorted(members)
    name = dice.choice(names)
    for one in names:
        if one.endswith(("data.pkl", "schema.json")) and dice.random() < 0.7:
            name = one
    how = dice.random()
    if how < 0.05:
        del members[name]
    elif how < 0.1:
        members[name] = members[dice.choice(names)]
    elif members[name]:
        members[name] = inner_changed(members[name], dice)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for one, content in members.items():
            archive.writestr(one, content)
    return made.getvalue()


def inner_changed(data: bytes, dice: random.Random) -> bytes:
    """Return the content of a file or a member, changed in the way that fits it best."""
    for magic, unpack, pack in _CODECS:
        if data.startswith(magic):
            return pack(inner_changed(unpack(data), dice))
    if dice.random() < 0.15:
        return bytes_changed(data, dice)
    if data.startswith(b"PK"):
        return members_changed(data, dice)
    if data.startswith(b"\x93NUMPY"):
        return header_changed(data, dice)
    if data[:1] in (b"{", b"t") and data[:2] != b"{L":
        return text_changed(data, dice)
    if data[:1] in (b"\x80", b"(", b"]", b"c", b"}"):
        return opcodes_changed(data, dice)
    return bytes_changed(data, dice)


_DESCRIPTIONS = (
    b"'<f8'", b"'|O'", b"'O,i4'", b"None", b"5", b"()", b"[]", b"[()]", b"[('a',)]", b"[((),'<f8')]", b"[(('t','a'),'<f8')]", b"[('a','<f8',(2**31,))]", b"[('a','<f8',(-1,))]",
    b"[('','|V8')]", b"[('a','<f8'),('a','<f8')]", b"'|V0'", b"'<U0'", b"'<U999999999'", b"'f8,('", b"{'names':['a'],'formats':['f8']}", b"('<f8',(3,))", b"b'<f8'", b"'<M8[ns]'", b"'>f8'", b"[[]]", b"{'a':('f8',0)}",
    b"[('a','|V2000000000'),('b','|V2000000000')]", b"[('a',[('b',[('c','<f8')])])]", b"[(1,'<f8')]", b"[('a',5)]", b"'m8[25s]'", b"'float64'", b"'<f16'", b"'='", b"''",
)  # fmt: skip
_SHAPES = (b"()", b"(0,)", b"(-1,)", b"(5,)", b"(2**62,)", b"(4611686018427387903,)", b"(1,)*70", b"5", b"(5.0,)", b"(True,)", b"(0,4611686018427387903,9)", b"('a',)", b"(1,1,5)", b"((5,),)", b"[5]", b"(5", b"None")


def header_changed(data: bytes, dice: random.Random) -> bytes:
    """Return a ``.npy`` file with another header, whose length is right."""
    width = 2 if data[6] == 1 else 4
    start = 8 + width
    length = int.from_bytes(data[8:start], "little")
    header, rest = data[start : start + length], data[start + length :]
    how = dice.random()
    if how < 0.5:
        header = re.sub(rb"(?<='descr': ).*(?=, 'fortran)", lambda _: dice.choice(_DESCRIPTIONS), header)
    elif how < 0.8:
        header = re.sub(rb"(?<='shape': )\([^)]*\)", lambda _: dice.choice(_SHAPES), header)
    elif how < 0.9:
        header = bytes_changed(header, dice)
    else:
        return data[: start + length] + opcodes_changed(rest, dice) if rest[:1] == b"\x80" else bytes_changed(data, dice)
    return data[:8] + len(header).to_bytes(width, "little")[:width] + header + rest


_CODECS: tuple[tuple[bytes, Callable[[bytes], bytes], Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", gzip.decompress, lambda raw: gzip.compress(raw, mtime=0)), (b"BZh", bz2.decompress, bz2.compress),
    (b"\xfd7zXZ", lzma.decompress, lzma.compress), (b"\x5d\x00\x00", lzma.decompress, lambda raw: lzma.compress(raw, lzma.FORMAT_ALONE)),
    *((bytes([0x78, second]), zlib.decompress, zlib.compress) for second in (0x01, 0x5E, 0x9C, 0xDA)),
)  # fmt: skip


def mutant(data: bytes, seed: str) -> bytes:
    """Return a damaged file; the same one for the same seed."""
    dice = random.Random(seed)
    how = dice.random()
    if how < 0.1:
        return cut(data, dice)
    if how < 0.25:
        return bytes_changed(data, dice)
    return inner_changed(data, dice)
