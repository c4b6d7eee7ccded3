"""Files made by hand: any tree, any tensors, any header and any manifest, with digests and seals that hold.

Damage is found by digests; a hostile file has good ones. So everything here is sealed again after it was altered, and
what refuses it has to be the check that is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from holdfast.native.codec import encode_tree
from holdfast.native.container import EXAMPLE, MANIFEST, PAD, SEAL, TREE, Section, layout, seal
from holdfast.values import tree as t
from holdfast.values.digest import digest
from holdfast.values.dtypes import SAFETENSORS
from holdfast.values.manifest import Manifest, Part, content_digest, manifest_bytes, read_manifest

Edit = Callable[[bytes], bytes]


class Piece(NamedTuple):
    """A tensor: what the manifest says of it, and how the file stores it when that is something else."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    raw: bytes
    stored_name: str = ""
    stored: bytes = b""

    @property
    def section(self) -> Section:
        """The tensor as the header names it."""
        if not self.stored_name:
            return Section(self.name, self.dtype, self.shape, len(self.raw), lambda: iter((self.raw,)), None)
        size = len(self.stored)
        return Section(self.stored_name, "U8", (size,), size, lambda: iter((self.stored,)), None)


def array_piece(name: str, array: np.ndarray[Any, Any]) -> Piece:
    """Return the tensor that the writer would make of an array in C order."""
    known = SAFETENSORS.get(array.dtype.str)
    return Piece(name, known or "U8", array.shape if known else (array.nbytes,), array.tobytes())


def part_of(tree: bytes, pieces: Sequence[Piece]) -> Part:
    """Return what the manifest says of a tree and its tensors."""
    tensors = [(one.name, one.dtype, list(one.shape), digest(one.raw)) for one in pieces]
    return Part(content_digest(digest(tree), tensors), digest(tree), tensors)


def manifest_of(tree: bytes, pieces: Sequence[Piece] = (), example: Part | None = None, **changes: Any) -> Manifest:
    """Return a manifest that fits a tree and its tensors, with some of its fields changed."""
    fields: dict[str, Any] = {
        "format": 1, "type": "builtins.object", "content": part_of(tree, pieces), "example": example, "types": [], "functions": [],
        "libraries": {}, "python": "3.11", "signature": None, "params": {}, "metrics": {}, "training_rows": [], "extra": {},
    }  # fmt: skip
    return Manifest(**(fields | changes))


def sealed(sections: Sequence[Section], manifest: bytes, header: Edit | None = None) -> bytes:
    """Return a file of these sections and this manifest; ``header`` alters the JSON of the header before it is sealed."""
    head, placed = layout(list(sections), len(manifest))
    if header is not None:
        head = framed(header(head[8:].rstrip(b" ")))
    body = b"".join(bytes(piece) for one in placed if one.pieces is not None for piece in one.pieces())
    return head + body + manifest + seal(head, manifest)


def framed(text: bytes, align: int = 64) -> bytes:
    """Return the length, the JSON, and the spaces that align what follows."""
    text += b" " * (-(8 + len(text)) % align)
    return len(text).to_bytes(8, "little") + text


def tree_section(raw: bytes, name: str = TREE) -> Section:
    """Return the section of a tree."""
    return Section(name, "U8", (len(raw),), len(raw), lambda: iter((raw,)), None)


def packed(tree: t.Tree | bytes, pieces: Sequence[Piece] = (), header: Edit | None = None, **changes: Any) -> bytes:
    """Return a whole file of any tree and any tensors."""
    raw = tree if isinstance(tree, bytes) else encode_tree(tree)
    manifest = manifest_of(raw, pieces, **changes)
    return sealed([tree_section(raw), *(one.section for one in pieces)], manifest_bytes(manifest), header)


def packed_arrays(*arrays: np.ndarray[Any, Any], **changes: Any) -> bytes:
    """Return a file whose model is a list of these arrays, each as a table of its own."""
    tables: list[t.Table] = [
        t.Arrays(one.dtype.str, one.ndim, "C", True, 1, list(one.shape), False, i) for i, one in enumerate(arrays)
    ]
    tables.append(t.Lists(1, t.Same(len(arrays)), t.Run(0)))
    return packed(tree_of(*tables), [array_piece(f"a{i}", one) for i, one in enumerate(arrays)], **changes)


def tree_of(*tables: t.Table) -> t.Tree:
    """Return a tree whose root is its last node."""
    return t.Tree(t.TREE_VERSION, t.SameRef(sum(map(t.row_count, tables)) - 1), list(tables))


def plain_list(*values: Any) -> t.Lists:
    """Return a table of one list of scalars."""
    return t.Lists(1, t.Same(len(values)), t.Plain(list(values)))


def objects(name: str, /, **fields: t.Column) -> t.Objects:
    """Return a table of one object made of attributes."""
    return t.Objects(name, list(fields), 1, list(fields.values()))


def record(name: str, /, **fields: t.Column) -> t.Records:
    """Return a table of one value made in one step."""
    return t.Records(name, list(fields), 1, list(fields.values()))


class Taken(NamedTuple):
    """A file taken apart."""

    tree: bytes
    pieces: list[Piece]
    manifest: Manifest


def taken(blob: bytes) -> Taken:
    """Take a file that holdfast wrote apart, without example and without compression."""
    from holdfast.native.header import read_header

    size = int.from_bytes(blob[:8], "little")
    header = read_header(blob[8 : 8 + size], len(blob))
    parts = {name: blob[header.data_start + e.data_offsets[0] : header.data_start + e.data_offsets[1]] for name, e in header.entries.items()}
    skip = (TREE, EXAMPLE, MANIFEST, SEAL)
    pieces = [
        Piece(name, e.dtype, tuple(e.shape), parts[name])
        for name, e in header.entries.items()
        if name not in skip and not name.startswith(PAD)
    ]
    return Taken(parts[TREE], pieces, read_manifest(parts[MANIFEST]))


def altered(blob: bytes, header: Edit | None = None, manifest: Edit | None = None, tree: Callable[[t.Tree], t.Tree] | None = None) -> bytes:
    """Return a file with its header, its manifest or its tree altered, and sealed again."""
    import msgspec

    from holdfast.native.codec import decode_tree

    old = taken(blob)
    raw = old.tree if tree is None else encode_tree(tree(decode_tree(old.tree)))
    new = msgspec.structs.replace(old.manifest, content=part_of(raw, old.pieces))
    text = manifest_bytes(new)
    return sealed([tree_section(raw), *(one.section for one in old.pieces)], text if manifest is None else manifest(text), header)
