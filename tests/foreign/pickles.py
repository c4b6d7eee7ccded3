"""Pickles that no pickler writes, put together opcode by opcode."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

PROTO = b"\x80\x04"
EMPTY_ITEMS = b"]("


def text(value: str) -> bytes:
    """Push a text."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(whole: str) -> bytes:
    """Push a class or a function."""
    module, _, last = whole.rpartition(".")
    return text(module) + text(last) + b"\x93"


def content(raw: bytes) -> bytes:
    """Push bytes."""
    return b"\x8e" + struct.pack("<Q", len(raw)) + raw


def number(value: int) -> bytes:
    """Push an integer."""
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(raw)) + raw


def put(index: int) -> bytes:
    """Move the top into the memo."""
    return b"r" + struct.pack("<I", index) + b"0"


def get(index: int) -> bytes:
    """Push what is in the memo."""
    return b"j" + struct.pack("<I", index)


def call(whole: str, *args: bytes) -> bytes:
    """Push the result of a call."""
    return name(whole) + b"(" + b"".join(args) + b"tR"


def pickled(body: bytes) -> bytes:
    """Return the whole pickle."""
    return PROTO + body + b"."


def pairs_of_pairs(levels: int, leaf: bytes = b"K\x01") -> bytes:
    """Push tuples of two of the same tuple: as many parts as 2 to the power of the levels, in two bytes a level."""
    return leaf + b"2\x86" * levels


def lists_of_lists(levels: int, start: int = 1000) -> bytes:
    """Push lists of two of the same list."""
    made = b"K\x01" + put(start)
    for level in range(levels):
        made += b"]" + get(start + level) + b"a" + get(start + level) + b"a" + put(start + level + 1)
    return made + get(start + levels)


def dtype(kind: str = "f8") -> bytes:
    """Push a dtype."""
    return call("numpy.dtype", text(kind), b"\x89", b"\x88")


def zipped(members: Mapping[str, bytes | str], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for one, data in members.items():
            archive.writestr(one, data)
    return out.getvalue()


def storage(key: str, count: int, more: bytes = b"") -> bytes:
    """Push a storage of PyTorch's."""
    return b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + b"J" + struct.pack("<i", count) + more + b"tQ"


def old_torch(root: bytes, keys: bytes = b"]", tail: bytes = b"", system: bytes = b"}") -> bytes:
    """Return a file of torch.save from before 1.6."""
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    return magic + b"\x80\x02M\xe9\x03." + b"\x80\x04" + system + b"." + b"\x80\x02" + root + b"." + b"\x80\x04" + keys + b"." + tail


def npy(descr: str, shape: str = "(1,)", body: bytes = bytes(8)) -> bytes:
    """Return a ``.npy`` file with a header as it is given."""
    return npy_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()) + body


def npy_header(header: bytes) -> bytes:
    """Return the beginning of a ``.npy`` file."""
    return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header
