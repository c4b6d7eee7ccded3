"""An artifact in blobs, read as the file that it is: every reader of files takes it.

The one rule: the bytes of this source are those of the native file, wherever they lie.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from holdfast.artifact.source import SMALL_FILE, Source, aligned
from holdfast.errors import Corrupt, Truncated
from holdfast.native.container import Section, layout, logical_bytes, seal
from holdfast.native.container import sections_of as sections_of_tree
from holdfast.store.objects import Layout
from holdfast.values.manifest import Manifest, Part
from holdfast.values.tree import Tensor

KEPT = 32
"""Blobs of a model whose descriptors are kept while it is loaded."""

Open = Callable[[str], Source]


class PiecesSource(Source):
    """Bytes that lie in pieces: in memory, or in blobs that are opened when they are first wanted."""

    def __init__(self, name: str, pieces: list[tuple[Any, int, int]], open_blob: Open) -> None:
        """Take pieces in order: (bytes, 0, length), or (blob, offset, length)."""
        self.starts: list[int] = []
        size = 0
        for _, _, length in pieces:
            self.starts.append(size)
            size += length
        super().__init__(name, size, None)
        self._pieces = pieces
        self._open = open_blob
        self._opened: dict[str, Source] = {}

    def _blob(self, digest: str) -> Source:
        found = self._opened.get(digest)
        if found is None:
            found = self._opened[digest] = self._open(digest)
            if len(self._opened) > KEPT:  # a process has few descriptors, and a model may lie in thousands of blobs
                found.release()
        return found

    def _parts(self, start: int, length: int) -> list[tuple[Any, int, int]]:
        """Return the pieces that hold these bytes."""
        if start < 0 or length < 0 or start + length > self.size:
            raise Truncated(f"bytes {start}..{start + length} were wanted, and there are {self.size}", file=self.name)
        found = []
        number = bisect_right(self.starts, start) - 1
        while length > 0:
            holder, offset, held = self._pieces[number]
            skip = start - self.starts[number]
            taken = min(length, held - skip)
            if taken > 0:
                found.append((holder, offset + skip, taken))
            start += taken
            length -= taken
            number += 1
        return found

    def view(self, start: int, length: int) -> memoryview:
        """Return bytes, without a copy where they lie in one piece."""
        parts = self._parts(start, length)
        if len(parts) == 1:
            holder, offset, taken = parts[0]
            return self._blob(holder).view(offset, taken) if type(holder) is str else memoryview(holder)[offset : offset + taken]
        memory = aligned(length)
        self.read_into(start, memory)
        return memory

    def private(self, start: int, length: int) -> Any:
        """Return a copy of bytes that nobody else can change."""
        memory = aligned(length)
        self.read_into(start, memory)
        return memory

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill a buffer."""
        at = 0
        for holder, offset, taken in self._parts(start, len(out)):
            part = out[at : at + taken]
            if type(holder) is not str:
                part[:] = memoryview(holder)[offset : offset + taken]
            else:
                blob = self._blob(holder)
                if blob.whole:
                    part[:] = blob.view(offset, taken)
                else:
                    blob.read_into(offset, part)
            at += taken

    def close(self) -> None:
        """Give descriptors back; views stay valid."""
        for one in self._opened.values():
            one.close()


def empty_sections(manifest: Manifest, trees: list[int]) -> list[Section]:
    """Return the sections of an artifact without what gives their bytes.

    Args:
        manifest: of the artifact.
        trees: bytes of its trees, as its layout has them.

    Raises:
        Corrupt: there are more or fewer trees than the manifest has.
    """
    parts: list[tuple[str, Part]] = [("content", manifest.content)]
    if manifest.example is not None:
        parts.append(("example", manifest.example))
    if len(parts) != len(trees):
        raise Corrupt(f"the layout has {len(trees)} trees, and the manifest {len(parts)}")
    found: list[Section] = []
    for (label, part), nbytes in zip(parts, trees, strict=True):
        tensors = [Tensor(name, dtype, tuple(shape), logical_bytes(dtype, shape), _nothing) for name, dtype, shape, _ in part.tensors]
        tree, *rest = sections_of_tree(label, b"", tensors)
        found += [tree._replace(shape=(nbytes,), nbytes=nbytes), *rest]
    return found


def _nothing() -> Any:
    return iter(())


def as_file(manifest: Manifest, raw: bytes, where: Layout, name: str, open_blob: Open) -> Source:
    """Return an artifact as the file that it is.

    Args:
        manifest: parsed.
        raw: its canonical bytes.
        where: its layout.
        name: how messages call it.
        open_blob: digest -> its bytes.

    Raises:
        Corrupt: layout and manifest do not fit together.
    """
    made = empty_sections(manifest, where.trees)
    if len(made) != len(where.cuts):
        raise Corrupt(f"the layout has {len(where.cuts)} sections, and the manifest {len(made)}", file=name)
    header, placed = layout(made, len(raw))
    pieces: list[tuple[Any, int, int]] = [(header, 0, len(header))]
    cuts = iter(zip(made, where.cuts, strict=True))
    taken = 0
    for section in placed:
        if section.slot is not None:
            expected, count = next(cuts)
            own = where.pieces[taken : taken + count]
            taken += count
            if sum(length for _, _, length in own) != expected.nbytes:
                raise Corrupt(f"the layout gives section {section.name!r} other bytes than it has", file=name)
            pieces += own
        elif section.pieces is not None:
            pieces.append((bytes(section.nbytes), 0, section.nbytes))
    closing = raw + seal(header, raw)
    pieces.append((closing, 0, len(closing)))
    source = PiecesSource(name, pieces, open_blob)
    if source.size > SMALL_FILE:
        return source
    memory = aligned(source.size)
    source.read_into(0, memory)
    source.close()
    return Source(name, len(memory), memory)
