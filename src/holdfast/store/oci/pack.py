"""One file with versions in it: an OCI image layout in an uncompressed tar, read where it lies.

The one rule: everything of a pack is compared before anything of it appears in a store; a pack is mapped, never unpacked to be read.
"""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.artifact.atomic import replacing
from holdfast.artifact.source import Source, open_source
from holdfast.errors import Corrupt, LimitExceeded, NotFound
from holdfast.store.amounts import Counted, OnBytes, OnStage
from holdfast.store.arriving import CHUNK
from holdfast.store.carried import Carried, carried_of
from holdfast.store.oci import documents as d
from holdfast.store.oci.making import Exports, Layer, Making, exports_of, put_bytes
from holdfast.store.oci.shelf import Region, Shelf
from holdfast.store.oci.tar import Member, TarWriter, members
from holdfast.values import limits

if TYPE_CHECKING:
    from holdfast.store.store import Store

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class Packed(NamedTuple):
    """What was packed: the file, its versions, and its bytes."""

    path: str
    versions: list[str]
    nbytes: int


def pack(
    store: Store,
    path: str | os.PathLike[str],
    refs: str | Iterable[str] | None,
    exports: Exports | None,
    on_bytes: OnBytes | None,
    on_stage: OnStage | None = None,
) -> Packed:
    """Write versions into one file; see `holdfast.store.transfer.Transfer.pack`."""
    items = carried_of(store, refs)
    if not items:
        raise NotFound(f"there is no version to pack; {'the store is empty' if refs is None else 'refs names none: leave it out for all of them'}", file=store.shown)
    files = exports_of(store, items, exports)
    with replacing(path) as sink:
        tar = TarWriter(sink)
        tar.file("oci-layout", LAYOUT)

        def put_all(layers: list[Layer]) -> list[str]:
            return [tar.blob(Counted(one.size, on_bytes).passing(one.pieces()), one.size) for one in layers]

        if on_stage is not None:
            on_stage("packing", put_bytes(store, items, files))
        making = Making(store, put_all)
        listed = []
        for one in items:
            made = making.artifact(one, files.get(str(one), ()))
            tar.blob([made.manifest], len(made.manifest))
            listed.append(d.Descriptor(d.MANIFEST, f"sha256:{made.sha}", len(made.manifest), d.ARTIFACT, {d.VERSION: str(one), "org.opencontainers.image.ref.name": d.tag_of(one)}))
        tar.file("index.json", d.index_of(listed))
        tar.end()
        return Packed(os.fspath(path), [str(one) for one in items], tar.at)


class Pack:
    """A pack that was opened: its index and documents are compared, the bytes of models not yet."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.source = open_source(path)
        self.shown = os.fspath(path)
        self.items: list[Carried] = []
        self._shelf = Shelf(self.shown, self._layer)
        # views and stores of a pack live as long as anybody holds them, and the descriptor with them
        self._closing = weakref.finalize(self.source, _close, self.source._fd)
        try:
            self.members = members(self.source)
            self.id = self._read()
        except BaseException:
            self._closing()
            raise

    def store(self) -> Store:
        """Return the versions as a store for reading; its blobs are mapped where they lie."""
        return self._shelf.store(self.items, self.id)

    def _layer(self, sha: str) -> Source:
        member = self._member(f"blobs/sha256/{sha}")
        return Region(self.source, member.start, member.size, f"{self.shown}#{sha}")

    def _member(self, name: str) -> Member:
        found = self.members.get(name)
        if found is None:
            raise Corrupt(f"the member {name} is not there; get the file again", file=self.shown)
        return found

    def _small(self, one: d.Descriptor, most: int) -> bytes:
        """Return a small member whose digest holds."""
        member = self._described(one)
        if member.size > most:
            raise LimitExceeded(f"the document {one.digest} has {member.size} bytes, more than {most}", file=self.shown)
        data = bytes(self.source.private(member.start, member.size))
        if hashlib.sha256(data).hexdigest() != one.sha:
            raise Corrupt(f"the member blobs/sha256/{one.sha} does not match its digest: damaged; get the file again", file=self.shown)
        return data

    def _described(self, one: d.Descriptor) -> Member:
        member = self._member(f"blobs/sha256/{one.sha}")
        if member.size != one.size:
            raise Corrupt(f"the member blobs/sha256/{one.sha} has {member.size} bytes and not {one.size}; get the file again", file=self.shown)
        return member

    def _read(self) -> str:
        """Read index and documents; returns the id of the store that was packed."""
        member = self._member("index.json")
        if "oci-layout" not in self.members or member.size > limits.MANIFEST_BYTES:
            raise Corrupt("this is no image layout of OCI, and so no pack", file=self.shown)
        index = d.read_index(bytes(self.source.private(member.start, member.size)), self.shown)
        needed = {"oci-layout", "index.json"}
        ids: list[str] = []
        for one in index:
            raw = self._small(one, d.MANIFEST_BYTES)
            manifest = d.read_manifest(raw, self.shown)
            needed.update(f"blobs/sha256/{held.sha}" for held in (one, manifest.config, *manifest.layers))
            if manifest.artifact_type != d.ARTIFACT or d.VERSION not in manifest.annotations:
                continue  # something that others put beside our versions, such as a signature
            for held in (manifest.config, *manifest.layers):
                self._described(held)
            self._version(manifest.layers)
            ids.append(manifest.annotations.get(d.STORE, ""))
        if not self.items:
            raise Corrupt("the pack holds no version that holdfast wrote", file=self.shown)
        if surplus := sorted(set(self.members) - needed):
            raise Corrupt(f"the member {surplus[0]} belongs to nothing in the pack; nothing was unpacked", file=self.shown)
        return ids[0]

    def _version(self, layers: list[d.Descriptor]) -> None:
        self.items.append(self._shelf.read(layers, lambda layer: self._small(layer, limits.MANIFEST_BYTES)))

    def check(self, on_bytes: OnBytes | None = None, on_stage: OnStage | None = None) -> None:
        """Compare every member that is named by its digest.

        Args:
            on_bytes: told how many more bytes are compared.
            on_stage: told what begins, and how many bytes it is about.

        Raises:
            Corrupt: names the first that does not match.
        """
        named = [name for name in self.members if name.startswith("blobs/")]
        if on_stage is not None:
            on_stage("comparing", sum(self.members[name].size for name in named))
        lock = threading.Lock()

        def told(count: int) -> None:
            if on_bytes is not None:
                with lock:
                    on_bytes(count)

        with ThreadPoolExecutor(4, "holdfast-digest") as workers:
            for _ in workers.map(lambda name: self._check(name, told), named):
                pass

    def _check(self, name: str, told: OnBytes) -> None:
        hasher = hashlib.sha256()
        for piece in Counted(self.members[name].size, told).passing(self._pieces(self.members[name])):
            hasher.update(piece)
        if not name.endswith(f"/{hasher.hexdigest()}"):
            raise Corrupt(f"the member {name} does not match its digest: damaged; get the file again", file=self.shown)

    def _pieces(self, member: Member) -> Iterator[Any]:
        for start in range(0, member.size, CHUNK):
            yield self.source.private(member.start + start, min(CHUNK, member.size - start))


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
