"""The sections of a native file: what is laid out where, and what binds it.

A file is: tree, tensors, example tree, example tensors, manifest, seal; zero padding in between where a tensor would
not begin at a multiple of 64. The seal is the digest of the header and the digest of the manifest; the manifest holds
the digest of everything else. So the header can be written first, and everything is written in one pass.

The one rule: every byte of a file is bound, by the seal, by the manifest, or by having to be zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from holdfast.errors import Corrupt, FormatError, LimitExceeded, UnsupportedVersion, quoted
from holdfast.native.header import ALIGN, Entry, Header, write_header
from holdfast.values import limits
from holdfast.values.digest import is_digest, raw_digest
from holdfast.values.manifest import FORMAT_VERSION, Manifest, Part, content_digest, manifest_bytes, read_manifest
from holdfast.values.tree import Tensor

TREE = "holdfast.tree"
EXAMPLE = "holdfast.example"
EXAMPLE_PREFIX = "holdfast.example/"
MANIFEST = "holdfast.manifest"
SEAL = "holdfast.seal"
PAD = "holdfast.pad."
SEAL_BYTES = 64
ENCODING = re.compile(r"\|zstd(?:-shuffle([1-9][0-9]{0,3}))?\Z")
"""How the bytes of a compressed tensor are stored, behind its name; the number is the distance of the shuffle in bytes."""


class Section(NamedTuple):
    """A part of a file that is about to be written.

    Attributes:
        name: stored name.
        dtype: stored safetensors dtype.
        shape: stored shape.
        nbytes: stored bytes.
        pieces: () -> buffers to write.
        slot: where the digest of the raw bytes goes: part ("content" or "example") and position; -1 is the tree.
        raw: () -> buffers to digest, when they are not those that are written.
        items: () -> bytes of each array, when it is a pool of arrays.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    pieces: Callable[[], Iterator[Any]] | None
    slot: tuple[str, int] | None
    raw: Callable[[], Iterator[Any]] | None = None
    items: Callable[[], list[int]] | None = None


def sections_of(part: str, tree: bytes, tensors: list[Tensor]) -> list[Section]:
    """Return the sections of one tree and its tensors, in file order."""
    name = TREE if part == "content" else EXAMPLE
    return [
        Section(name, "U8", (len(tree),), len(tree), lambda: iter((tree,)), (part, -1)),
        *(Section(one.name, one.dtype, one.shape, one.nbytes, one.pieces, (part, i), None, one.items) for i, one in enumerate(tensors)),
    ]


def layout(sections: list[Section], manifest_size: int) -> tuple[bytes, list[Section]]:
    """Return the header, and the sections with padding, manifest and seal put in."""
    placed: list[Section] = []
    entries: dict[str, Entry] = {}
    position = 0

    def place(section: Section) -> None:
        nonlocal position
        placed.append(section)
        entries[section.name] = Entry(section.dtype, list(section.shape), (position, position + section.nbytes))
        position += section.nbytes

    pads = 0
    for section in sections:
        gap = -position % ALIGN
        if gap:
            zeros = bytes(gap)
            place(Section(f"{PAD}{pads}", "U8", (gap,), gap, lambda zeros=zeros: iter((zeros,)), None))  # type: ignore[misc]
            pads += 1
        place(section)
    place(Section(MANIFEST, "U8", (manifest_size,), manifest_size, None, None))
    place(Section(SEAL, "U8", (SEAL_BYTES,), SEAL_BYTES, None, None))
    return write_header(entries), placed


def seal(header: Any, manifest: bytes) -> bytes:
    """Return the seal of a file: digest of the header (with its length and padding), digest of the manifest."""
    return raw_digest(header) + raw_digest(manifest)


class Stored(NamedTuple):
    """Where and how the raw bytes of a tensor are stored."""

    name: str
    dtype: str
    shape: list[int]
    start: int
    nbytes: int
    encoding: str
    digest: str

    @property
    def raw_bytes(self) -> int:
        """Bytes once decoded."""
        return self.nbytes if not self.encoding else logical_bytes(self.dtype, self.shape)


def logical_bytes(dtype: str, shape: list[int]) -> int:
    """Return the bytes that a tensor of this dtype and shape takes."""
    from holdfast.values.dtypes import ITEM_BITS

    bits = ITEM_BITS.get(dtype)
    if bits is None or bits % 8:
        raise FormatError(f"the manifest names the unknown dtype {quoted(dtype)!r}")
    count = bits // 8
    for length in shape:
        if not 0 <= length <= limits.TENSOR_ELEMENTS:
            raise FormatError(f"the manifest declares a tensor of shape {shape}")
        count *= length
    if count > limits.TENSOR_ELEMENTS:
        raise LimitExceeded("the manifest declares a tensor of more than 2**62 bytes (TENSOR_ELEMENTS)")
    return count


class PartPlaces(NamedTuple):
    """Where one tree and its tensors are."""

    tree: Stored
    tensors: list[Stored]


class Opened(NamedTuple):
    """A native file whose header and manifest have been checked against each other and against the seal."""

    header: Header
    manifest: Manifest
    manifest_bytes: bytes
    content: PartPlaces
    example: PartPlaces | None
    pads: list[tuple[int, int]]


def open_container(header: Header, raw_header: Any, read: Callable[[int, int], Any], check_seal: bool = True) -> Opened:
    """Check manifest, seal and header against each other.

    Args:
        header: the parsed header of a native file.
        raw_header: its bytes, with the length in front.
        read: (offset in the data, length) -> bytes.
        check_seal: compare the digests of header and manifest.

    Raises:
        FormatError: a part is missing, surplus or different from what another part says.
    """
    entries = dict(header.entries)
    if list(entries)[-2:] != [MANIFEST, SEAL] or entries[SEAL].shape != [SEAL_BYTES]:
        raise FormatError("the file carries holdfast's mark and does not end with a manifest and a seal")
    if any(entries[name].dtype != "U8" or len(entries[name].shape) != 1 for name in (MANIFEST, SEAL)):
        raise FormatError("the manifest or the seal is not stored as bytes")
    where = entries.pop(MANIFEST).data_offsets
    if where[1] - where[0] > limits.MANIFEST_BYTES:
        raise LimitExceeded(f"the manifest takes {where[1] - where[0]} bytes, more than {limits.MANIFEST_BYTES} (MANIFEST_BYTES)")
    raw = bytes(read(where[0], where[1] - where[0]))
    sealed = bytes(read(entries.pop(SEAL).data_offsets[0], SEAL_BYTES))
    if check_seal and seal(raw_header, raw) != sealed:
        raise Corrupt("the digest of the header or of the manifest does not match: the file is damaged or was altered")
    try:
        manifest = read_manifest(raw)
        same = manifest_bytes(manifest) == raw
    except (msgspec.MsgspecError, UnicodeDecodeError, UnicodeEncodeError, RecursionError, OverflowError, TypeError) as error:
        raise FormatError(f"the manifest cannot be read: {quoted(error)}") from None
    if not same:
        raise Corrupt("the manifest is not written in its one canonical form")
    if manifest.format > FORMAT_VERSION:
        raise UnsupportedVersion(
            f"the manifest has format version {quoted(manifest.format, 30)}, and this holdfast reads up to {FORMAT_VERSION}; "
            "upgrade with: pip install -U holdfast"
        )
    if manifest.format != FORMAT_VERSION:
        raise FormatError(f"the manifest has format version {quoted(manifest.format, 30)}, and the header {FORMAT_VERSION}")
    _check_depth(manifest.extra)
    walk = iter(entries.items())
    pads: list[tuple[int, int]] = []
    content = _part("content", TREE, manifest.content, walk, pads)
    example = _part("example", EXAMPLE, manifest.example, walk, pads) if manifest.example is not None else None
    rest = next(walk, None)
    if rest is not None:
        raise Corrupt(f"the file holds {quoted(rest[0])!r}, which its manifest does not know")
    return Opened(header, manifest, raw, content, example, pads)


def _check_depth(free: Any) -> None:
    """Refuse free data that nests deeper than JSON_DEPTH, without recursion."""
    waiting = [(free, 2)]
    while waiting:
        one, depth = waiting.pop()
        if depth > limits.JSON_DEPTH:
            raise LimitExceeded(f"the manifest nests deeper than {limits.JSON_DEPTH} (JSON_DEPTH)")
        if isinstance(one, dict):
            waiting.extend((part, depth + 1) for part in one.values())
        elif isinstance(one, list):
            waiting.extend((part, depth + 1) for part in one)


def _part(label: str, tree_name: str, part: Part, walk: Iterator[tuple[str, Entry]], pads: list[tuple[int, int]]) -> PartPlaces:
    if part.digest != content_digest(part.tree, part.tensors):
        raise Corrupt(f"the {label} digest in the manifest is not that of its tree and tensors")
    names = {name for name, _, _, _ in part.tensors}
    if len(names) != len(part.tensors):
        raise FormatError(f"the manifest names a tensor of its {label} twice")
    tree = _stored(tree_name, "U8", None, part.tree, walk, pads)
    tensors = []
    for name, dtype, shape, text in part.tensors:
        tensors.append(_stored(name, dtype, shape, text, walk, pads))
    return PartPlaces(tree, tensors)


def _stored(
    name: str, dtype: str, shape: list[int] | None, text: str, walk: Iterator[tuple[str, Entry]], pads: list[tuple[int, int]]
) -> Stored:
    if not is_digest(text):
        raise FormatError(f"the digest of {quoted(name)!r} is not a digest that this holdfast can check: {quoted(text)}")
    found = next(walk, None)
    if found is not None and found[0].startswith(PAD):
        if (
            found[0] != f"{PAD}{len(pads)}"
            or found[1].dtype != "U8"
            or len(found[1].shape) != 1
            or not 0 < found[1].data_offsets[1] - found[1].data_offsets[0] < ALIGN
        ):
            raise FormatError(f"the padding {quoted(found[0])!r} is out of place")
        pads.append(found[1].data_offsets)
        if found[1].data_offsets[1] % ALIGN:
            raise FormatError(f"the padding {quoted(found[0])!r} does not align what follows")
        found = next(walk, None)
    if found is None:
        raise Corrupt(f"the manifest names {quoted(name)!r}, which the file does not hold")
    stored, entry = found
    begin, end = entry.data_offsets
    if begin % ALIGN:
        raise FormatError(f"tensor {quoted(stored)!r} does not begin at a multiple of {ALIGN}")
    if len(shape or ()) > limits.DIMENSIONS:
        raise LimitExceeded(f"tensor {quoted(name)!r} has {len(shape or ())} axes, more than {limits.DIMENSIONS} (DIMENSIONS)")
    if shape is None and len(entry.shape) != 1:
        raise FormatError(f"{quoted(name)!r} is not stored as bytes")
    if stored == name:
        if entry.dtype != dtype or (shape is not None and entry.shape != shape):
            raise Corrupt(f"tensor {quoted(name)!r}: header and manifest disagree about its dtype or shape")
        return Stored(name, dtype, entry.shape if shape is None else shape, begin, end - begin, "", text)
    encoding = stored[len(name) :]
    if stored.startswith(name) and shape is not None and ENCODING.match(encoding):
        if entry.dtype != "U8" or len(entry.shape) != 1:
            raise FormatError(f"the compressed tensor {quoted(name)!r} is not stored as bytes")
        return Stored(name, dtype, shape, begin, end - begin, encoding, text)
    raise Corrupt(f"the file holds {quoted(stored)!r} where its manifest names {quoted(name)!r}")
