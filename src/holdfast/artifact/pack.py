"""From a model to the sections of a file, and those sections to bytes.

Strategy. The tree is encoded first, so the size of everything is known, the header can be written first, and digests,
which have a fixed width, go into the manifest at the end. Above `THREADED` bytes a second thread hashes what the first
one writes.

The one rule: each byte is read once, written once and hashed once.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from blake3 import blake3

from holdfast.artifact.compression import compress
from holdfast.artifact.tensors import THREADED
from holdfast.errors import UnsupportedModel
from holdfast.frameworks.walk import Dumped, dump
from holdfast.native.codec import encode_tree
from holdfast.native.container import MANIFEST, SEAL, Section, layout, seal, sections_of
from holdfast.values.digest import PREFIX
from holdfast.values.manifest import NO_DIGEST, Manifest, Part, artifact_id, content_digest, manifest_bytes

BATCH = 16 * 1024 * 1024
"""Most bytes handed to the kernel and to the hashing thread at a time. Large ones: what the page cache takes for a file depends on
how much is written at once, and on virtual machines pages taken by the megabyte cost four times as much; see decision 8."""

PARTS = 4
"""Batches at least, so that writing and hashing go on beside each other in a file of few megabytes too."""

SMALL_BATCH = 256 * 1024
"""Fewest bytes of a batch."""

AHEAD = 2
"""Batches that the hashing thread may be behind; temporary copies live that long."""

Write = Callable[[list[Any]], None]


class Encoded(NamedTuple):
    """One tree, encoded, with its tensors."""

    dumped: Dumped
    tree: bytes

    def part(self) -> Part:
        """Return what the manifest says of it, digests still open."""
        return Part(NO_DIGEST, NO_DIGEST, [(one.name, one.dtype, list(one.shape), NO_DIGEST) for one in self.dumped.tensors])


def encode(model: Any, prefix: str = "") -> Encoded:
    """Return the encoded tree of a model.

    Raises:
        UnsupportedModel: a part of it cannot be saved.
    """
    dumped = dump(model, prefix)
    try:
        return Encoded(dumped, encode_tree(dumped.tree))
    except (UnicodeEncodeError, OverflowError):
        dumped = dump(model, prefix, careful=True)
    try:
        return Encoded(dumped, encode_tree(dumped.tree))
    except (UnicodeEncodeError, OverflowError) as error:
        raise UnsupportedModel(f"the name of an attribute, a key or a type cannot be written as UTF-8: {error}") from None


class Written(NamedTuple):
    """What was written: the artifact's id, its manifest, and bytes in all."""

    id: str
    manifest: Manifest
    nbytes: int


def sections(content: Encoded, example: Encoded | None, compressed: bool) -> list[Section]:
    """Return the sections of a file, in order."""
    made = sections_of("content", content.tree, content.dumped.tensors)
    if example is not None:
        made += sections_of("example", example.tree, example.dumped.tensors)
    return [_compressed(one) for one in made] if compressed else made


def _compressed(section: Section) -> Section:
    assert section.slot is not None
    if section.slot[1] < 0 or section.nbytes < 512:
        return section
    raw = section.pieces
    assert raw is not None
    whole = np.empty(section.nbytes, np.uint8)
    end = 0
    for piece in raw():
        flat = np.frombuffer(piece, np.uint8)
        whole[end : end + len(flat)] = flat
        end += len(flat)
    encoding, stored = compress(whole, section.dtype)
    if len(stored) >= section.nbytes:
        return section
    return Section(section.name + encoding, "U8", (len(stored),), len(stored), lambda: iter((stored,)), section.slot, raw)


def write_sections(made: list[Section], manifest: Manifest, write: Write, on_bytes: Callable[[int], None] | None = None) -> Written:
    """Write a whole file, front to back.

    Args:
        made: the sections.
        manifest: with digests still open.
        write: takes lists of buffers, in order.
        on_bytes: told how many more bytes are done.
    """
    open_bytes = manifest_bytes(manifest)
    header, placed = layout(made, len(open_bytes))
    total = len(header) + sum(one.nbytes for one in placed)
    if total < THREADED:
        digests = _write_small(header, placed, write)
    else:
        digests = _write_large(header, placed, write, on_bytes)
    final = closed(manifest, digests)
    raw = manifest_bytes(final)
    assert len(raw) == len(open_bytes)
    write([raw + seal(header, raw)])
    return Written(artifact_id(raw), final, total)


def _write_small(header: bytes, placed: list[Section], write: Write) -> dict[tuple[str, int], str]:
    digests: dict[tuple[str, int], str] = {}
    parts: list[Any] = [header]
    for section in placed:
        if section.pieces is None:
            continue
        got = list(section.pieces())
        parts += got
        if section.slot is not None:
            raw = got if section.raw is None else list(section.raw())
            hasher = blake3(raw[0]) if raw else blake3()
            for piece in raw[1:]:
                hasher.update(piece)
            digests[section.slot] = PREFIX + hasher.hexdigest()
    write([b"".join(parts)])
    return digests


def _write_large(header: bytes, placed: list[Section], write: Write, on_bytes: Callable[[int], None] | None) -> dict[tuple[str, int], str]:
    digests: dict[tuple[str, int], str] = {}
    hashing = _Hashing(digests)
    batch = max(SMALL_BATCH, min(BATCH, sum(one.nbytes for one in placed) // PARTS))
    out: list[Any] = [header]
    told: list[Any] = []

    def hand_over() -> None:
        hashing.put(told.copy())
        write(out)
        if on_bytes is not None:
            on_bytes(sum(map(len, out)))
        told.clear()
        out.clear()

    try:
        size = len(header)
        for section in placed:
            if section.pieces is None:
                continue
            for piece in _cut(section.pieces(), batch):
                out.append(piece)
                if section.slot is not None and section.raw is None:
                    told.append(piece)
                size += len(piece)
                if size >= batch:
                    hand_over()
                    size = 0
            if section.slot is not None:
                if section.raw is not None:
                    # what is stored is compressed, and the digest is of the bytes before
                    for piece in _cut(section.raw(), batch):
                        hashing.put([*told, piece])
                        told.clear()
                told.append(section.slot)
        hand_over()
    finally:
        hashing.finish()
    return digests


class _Hashing:
    """A thread that is told what was written: pieces, and after those of a section its slot, which then gets their digest."""

    def __init__(self, digests: dict[tuple[str, int], str]) -> None:
        self._digests = digests
        self._told: queue.SimpleQueue[list[Any] | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._work, name="holdfast-digest", daemon=True)
        self._thread.start()

    def put(self, told: list[Any]) -> None:
        """Hand pieces and slots over, once there is room."""
        self._room.acquire()
        self._told.put(told)

    def finish(self) -> None:
        """Return when everything is hashed.

        Raises:
            BaseException: what went wrong there.
        """
        self._told.put(None)
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def _work(self) -> None:
        hasher = blake3()
        while (told := self._told.get()) is not None:
            try:
                for item in told if not self._failed else ():
                    if type(item) is tuple:
                        self._digests[item] = PREFIX + hasher.hexdigest()
                        hasher = blake3()
                    else:
                        hasher.update(item)
            except BaseException as error:
                self._failed.append(error)
            self._room.release()


def _cut(pieces: Iterator[Any], size: int) -> Iterator[Any]:
    for piece in pieces:
        if len(piece) <= size:
            yield piece
        else:
            whole = memoryview(piece)
            for start in range(0, len(whole), size):
                yield whole[start : start + size]


def closed(manifest: Manifest, digests: dict[tuple[str, int], str]) -> Manifest:
    import msgspec

    def close(label: str, part: Part) -> Part:
        tensors = [(name, dtype, shape, digests[(label, i)]) for i, (name, dtype, shape, _) in enumerate(part.tensors)]
        tree = digests[(label, -1)]
        return Part(content_digest(tree, tensors), tree, tensors)

    example = None if manifest.example is None else close("example", manifest.example)
    return msgspec.structs.replace(manifest, content=close("content", manifest.content), example=example)


__all__ = ["MANIFEST", "SEAL", "Encoded", "Written", "encode", "sections", "write_sections"]
