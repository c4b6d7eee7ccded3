"""A native file into a store and out of one: the same artifact on both sides.

The one rule: what is put in is compared with its digests while it is read, and what is written out is byte for byte what `holdfast.save` writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from holdfast.artifact.atomic import replacing
from holdfast.artifact.load import Opening
from holdfast.artifact.pack import BATCH, Encoded
from holdfast.artifact.save import Prepared
from holdfast.artifact.shards import KEY
from holdfast.errors import FormatError, UnsupportedModel, UnsupportedTarget
from holdfast.frameworks.walk import Dumped
from holdfast.native.container import PartPlaces
from holdfast.store.cutting import ALONE
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import elements
from holdfast.values.tree import Arrays, Tensor


def prepared(opening: Opening) -> Prepared:
    """Return an open file as what a save would have prepared, so that it is published as any save is.

    Raises:
        FormatError: it is not a native file.
        UnsupportedModel: it is one of several files that belong together.
        Corrupt: a digest does not match.
    """
    opened = opening.opened
    if opened is None:
        raise FormatError("this is a plain safetensors file and no native one; load it and save what it gives", file=opening.source.name)
    if KEY in opened.manifest.extra:
        raise UnsupportedModel("this model lies in several files; load it, and save it into the store as a whole", file=opening.source.name)
    opening.check_digests()
    example = None if opened.example is None else _encoded(opening, opened.example)
    return Prepared(None, _encoded(opening, opened.content), example, None, opened.manifest, [], {})


def _encoded(opening: Opening, places: PartPlaces) -> Encoded:
    tree = bytes(opening.source.private(opening.header.data_start + places.tree.start, places.tree.nbytes))
    items = _items(opening, places)
    tensors = [
        Tensor(one.name, one.dtype, tuple(one.shape), one.raw_bytes, partial(_pieces, opening, places, at), items.get(at)) for at, one in enumerate(places.tensors)
    ]
    return Encoded(Dumped(None, tensors, [], []), tree)  # type: ignore[arg-type]


def _items(opening: Opening, places: PartPlaces) -> dict[int, Callable[[], list[int]]]:
    """Return what gives the bytes of the arrays of each large pool, so that it is cut where a save cuts it, and shares blocks with what was saved from memory."""
    found: dict[int, Callable[[], list[int]]] = {}
    for table in opening.graph(places).tables:
        if type(table) is Arrays and table.pooled and places.tensors[table.tensor].raw_bytes >= ALONE:
            size = parse_dtype(table.dtype).itemsize
            sizes = [count * size for count in elements(table, table.rows)]
            if sum(sizes) == places.tensors[table.tensor].raw_bytes:  # a load refuses the others
                found[table.tensor] = lambda sizes=sizes: sizes  # type: ignore[misc]
    return found


def _pieces(opening: Opening, places: PartPlaces, tensor: int) -> Iterator[Any]:
    # tensors of their own each time: one that is stored compressed would otherwise stay in memory until the last is done
    yield opening.tensors(places, False).buffer(tensor)


def write_out(opening: Opening, path: str | os.PathLike[str], durable: bool, on_bytes: Callable[[int], None] | None) -> int:
    """Write an open artifact out as a file, and return its bytes.

    Raises:
        UnsupportedTarget: the name has the suffix of another format.
        Corrupt: a digest does not match; nothing was written.
        NotFound, NoSpace, Unavailable: the file cannot be written; an older one is as it was.
    """
    name = os.fspath(path)
    if os.path.splitext(name)[1].lower() != ".safetensors":
        raise UnsupportedTarget("a version is written out as a .safetensors file; turn that into another format with holdfast convert", file=name)
    opening.check_digests()
    size = opening.source.size
    with replacing(name, durable) as sink:
        for start in range(0, size, BATCH):
            length = min(BATCH, size - start)
            sink.write(opening.source.view(start, length))
            if on_bytes is not None:
                on_bytes(length)
    return size
