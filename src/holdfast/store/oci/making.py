"""A version becomes an artifact of OCI: its layers, config and manifest, wherever they are put.

The one rule: bytes are compared with their digest while they are packed, so that a damaged store gives no pack.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.artifact.source import open_source
from holdfast.errors import LimitExceeded, NotFound, quoted
from holdfast.store.amounts import needed
from holdfast.store.arriving import CHUNK, compared, layout_of, manifest_of
from holdfast.store.carried import Carried, store_id, to_json
from holdfast.store.objects import blob_name
from holdfast.store.objects import to_json as layout_json
from holdfast.store.oci import documents as d

if TYPE_CHECKING:
    from holdfast.store.store import Store

Pieces = Callable[[], Iterator[Any]]


class Layer(NamedTuple):
    """A layer that is about to be put.

    Attributes:
        pieces: gives its bytes, as often as they are wanted.
        size: how many they are.
        blob: the one that it is, where it is one alone; else "".
    """

    pieces: Pieces
    size: int
    blob: str = ""


DOCUMENTS_BYTES = 4096
"""About what the documents of a version take, without what they say of each blob."""
BLOB_BYTES = 400
"""About what they say of a blob."""
Exports = Mapping[str, str | os.PathLike[str] | Iterable[str | os.PathLike[str]]]
"""Version -> files that go along with it."""
PutAll = Callable[[list[Layer]], list[str]]
"""Puts layers somewhere, and returns the SHA-256 of each."""


class Made(NamedTuple):
    """An artifact: its manifest, and what names that in an index."""

    manifest: bytes
    sha: str


class Making:
    """Makes artifacts of versions of one store, in one place."""

    def __init__(self, store: Store, put_all: PutAll) -> None:
        self.store = store
        self.id = store_id(store)
        self._put_all = put_all
        self._put: dict[tuple[str, ...], str] = {}

    def artifact(self, one: Carried, exports: Iterable[str | os.PathLike[str]] = (), kept: Iterable[d.Descriptor] = ()) -> Made:
        """Put everything of a version but its manifest, and return that.

        Args:
            one: the version.
            exports: files that go along.
            kept: files that are there already and stay, but for those of the same names.

        Raises:
            Corrupt: the store is damaged.
            LimitExceeded: there are more exports than an artifact may have layers.
        """
        blobs = self.store.blobs
        raw, manifest = manifest_of(blobs, one.artifact)
        where = layout_of(blobs, one.artifact)
        sizes = {blob: self._size(blob) for blob in dict.fromkeys(blob for blob, _, _ in where.pieces)}
        files = [os.fspath(path) for path in exports]
        named = {d.EXPORTS + os.path.basename(path) for path in files}
        stay = [layer for layer in kept if layer.annotations[d.PATH] not in named]
        beside = [*([] if one.card is None else [(d.DOC, d.CARD, one.card)]), *((kind, d.ATTACHMENTS + name, blob) for name, (blob, kind) in sorted(one.attachments.items()))]
        room = d.LAYERS - len(d.DOCUMENTS) - len(files) - len(stay) - len(one.attachments) - 1  # one for a card, also where there is none: it may come later
        if room < 1:
            raise LimitExceeded(f"{len(files) + len(stay)} files go along with {one}, and an artifact has {d.LAYERS} layers; put them into one archive")
        if len(named) < len(files):
            raise ValueError(f"two of the files that go along with {one} have one name; rename one")
        layers = self._blobs(sizes, room)
        spots: dict[str, tuple[str, int, int]] = {}
        listed: list[d.Descriptor] = []
        for layer, sha in layers:
            spots.update({spot.blob: (sha, spot.offset, spot.length) for spot in layer})
            name = layer[0].blob.partition(":")[2] if len(layer) == 1 else f"joined-{sha[:16]}"
            listed.append(d.described(d.WEIGHT, sha, layer[-1].offset + layer[-1].length, f"holdfast/blobs/{name}"))
        for kind, path, blob in beside:
            size = self._size(blob)
            ((_, sha),) = self._blobs({blob: size}, 1)
            spots[blob] = (sha, 0, size)
            listed.append(d.described(kind, sha, size, path))
        texts = {"version": to_json(one), "manifest": raw, "layout": layout_json(where), "blobs": d.where_json(spots)}
        shas = self._put_all([Layer(_given(data), len(data)) for data in texts.values()])
        small = [d.described(d.SETTING, sha, len(data), f"holdfast/{name}.json") for (name, data), sha in zip(texts.items(), shas, strict=True)]
        listed = small + listed + stay + [self._export(path) for path in files]
        config = d.config_of(one, manifest.type, listed)
        (sha,) = self._put_all([Layer(_given(config), len(config))])
        made = d.manifest_of(d.Descriptor(d.CONFIG, f"sha256:{sha}", len(config)), listed, one, self.id)
        return Made(made, hashlib.sha256(made).hexdigest())

    def _blobs(self, sizes: dict[str, int], room: int) -> list[tuple[list[d.Spot], str]]:
        """Put blobs as layers; those that are there already are not put again."""
        layers = d.grouped(sizes, room)
        keys = [tuple(spot.blob for spot in layer) for layer in layers]
        new = [number for number, key in enumerate(keys) if key not in self._put]
        given = [self._layer(layers[number]) for number in new]
        for number, sha in zip(new, self._put_all(given), strict=True):
            self._put[keys[number]] = sha
        return [(layer, self._put[key]) for layer, key in zip(layers, keys, strict=True)]

    def _layer(self, layer: list[d.Spot]) -> Layer:
        return Layer(partial(self._pieces, layer), layer[-1].offset + layer[-1].length, layer[0].blob if len(layer) == 1 else "")

    def _pieces(self, layer: list[d.Spot]) -> Iterator[Any]:
        end = 0
        for spot in layer:
            if spot.offset > end:
                yield bytes(spot.offset - end)
            with self.store.blobs.open(blob_name(spot.blob)) as source:
                yield from compared(source, spot.blob)
            end = spot.offset + spot.length

    def _size(self, blob: str) -> int:
        size = self.store.blobs.size(blob_name(blob))
        if size is None:
            raise NotFound(f"the object {blob_name(blob)} is not there; holdfast check names the versions that this hurts", file=self.store.shown)
        return size

    def _export(self, path: str) -> d.Descriptor:
        name = export_name(os.path.basename(path))
        with open_source(path) as source:

            def pieces() -> Iterator[Any]:
                for start in range(0, source.size, CHUNK):
                    yield source.private(start, min(CHUNK, source.size - start))

            (sha,) = self._put_all([Layer(pieces, source.size)])
            return d.described(d.WEIGHT, sha, source.size, d.EXPORTS + name)


def exports_of(store: Store, items: Iterable[Carried], exports: Exports | None) -> dict[str, list[str]]:
    """Return the files that go along with versions, by the references of those.

    Raises:
        NotFound: a reference names nothing.
        ValueError: a version is named that does not travel, or a file has a name that not every file system takes.
        TypeError: it is no mapping.
    """
    files: dict[str, list[str]] = {}
    if exports is not None and not isinstance(exports, Mapping):
        raise TypeError(f"exports is a mapping such as {{'churn:1': ['model.onnx']}}, and not {type(exports).__name__}")
    for ref, paths in (exports or {}).items():
        listed = [paths] if isinstance(paths, str | os.PathLike) else paths
        files.setdefault(str(store.find(ref)), []).extend(os.fspath(path) for path in listed)
    if strange := set(files) - {str(one) for one in items}:
        raise ValueError(f"exports are given for {', '.join(sorted(strange))}, which is not packed or pushed; add it to refs")
    for path in (path for paths in files.values() for path in paths):
        export_name(os.path.basename(path))
    return files


def put_bytes(store: Store, items: list[Carried], files: dict[str, list[str]]) -> int:
    """Return about how many bytes there are to put when versions go to one place.

    Args:
        store: that they are in.
        items: the versions.
        files: version -> files that go along.
    """
    blobs = needed(store, {one.artifact for one in items}, (blob for one in items for blob in one.beside))
    documents = DOCUMENTS_BYTES * len(items) + BLOB_BYTES * len(blobs)
    return documents + sum(blobs.values()) + sum(os.stat(path).st_size for one in items for path in files.get(str(one), ()) if os.path.exists(path))


def _given(data: bytes) -> Pieces:
    return lambda: iter([data])


def export_name(name: str) -> str:
    """Return the name of a file that goes along with a version.

    Raises:
        ValueError: it is no name that every file system takes.
    """
    if not d.FILE_NAME.match(name):
        raise ValueError(f"{quoted(name, 80)!r} cannot go along: the name of a file is of letters, digits and ._-, begins with a letter or a digit, and has at most 100 characters; rename it")
    return name
