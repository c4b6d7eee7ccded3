"""Versions that lie in layers somewhere, as a store that is open for reading alone.

The one rule: what a document says is believed after the digest that names it was compared; what a layer holds, after that of the blob was.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Container, Iterator
from typing import Any, NoReturn

import msgspec
import sqlalchemy as sa

from holdfast.artifact.atomic import replacing
from holdfast.artifact.source import Source, buffer_source
from holdfast.errors import Conflict, Corrupt, NotFound, Truncated, Unavailable, quoted
from holdfast.store import catalog as c
from holdfast.store.apply import apply
from holdfast.store.arriving import CHUNK
from holdfast.store.blobs import Object
from holdfast.store.carried import Carried, from_json
from holdfast.store.database import Database
from holdfast.store.objects import BESIDE, FORMAT, FORMAT_NAME, Format, Record, artifact_name, blob_name, layout_name, to_json
from holdfast.store.oci import documents as d
from holdfast.store.store import Store
from holdfast.values.digest import digest
from holdfast.values.reference import key_of


class Region(Source):
    """A part of another source."""

    def __init__(self, of: Source, start: int, size: int, name: str) -> None:
        super().__init__(name, size, None)
        self.whole = of.whole
        self._of = of
        self._start = start

    def _check(self, start: int, length: int) -> int:
        if start < 0 or length < 0 or start + length > self.size:
            raise Truncated(f"bytes {start}..{start + length} were wanted, and there are {self.size}", file=self.name)
        return self._start + start

    def view(self, start: int, length: int) -> memoryview:
        """Return bytes without a copy where that is possible."""
        return self._of.view(self._check(start, length), length)

    def private(self, start: int, length: int) -> Any:
        """Return a copy of bytes that nobody else can change."""
        return self._of.private(self._check(start, length), length)

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill a buffer."""
        at = self._check(start, len(out))
        if self._of.whole:
            out[:] = self._of.view(at, len(out))
        else:
            self._of.read_into(at, out)

    def status(self) -> os.stat_result | None:
        """Return what the system says of the file that this is a part of."""
        return self._of.status()

    def close(self) -> None:
        """The whole stays open: others read it too."""


class Shelf:
    """Objects of a store that lie in layers; see `holdfast.store.blobs.Blobs`. Whoever opens a blob compares it, as with every store.

    Attributes:
        exports: model, number and name of the files that go along with versions -> SHA-256 of their layers.
        tells: where layers are brought here as a whole before they are read, see `holdfast.store.blobs.wrapped.Wrapped`.
    """

    creates = False

    def __init__(self, shown: str, layer: Callable[[str], Source], tells: Callable[[Callable[[int], None] | None], None] | None = None) -> None:
        self.shown = shown
        self.tells = tells
        self.exports: dict[tuple[str, int, str], str] = {}
        self._layer = layer
        self._small: dict[str, bytes] = {}
        self._places: dict[str, tuple[str, int, int]] = {}

    def read(self, layers: list[d.Descriptor], fetch: Callable[[d.Descriptor], bytes]) -> Carried:
        """Take in the version that an artifact is.

        Args:
            layers: of its manifest.
            fetch: gives a small layer whose digest holds.

        Returns:
            The version.

        Raises:
            Corrupt: the artifact is not as holdfast writes one.
        """
        paths: dict[str, d.Descriptor] = {}
        for layer in layers:
            if paths.setdefault(layer.annotations.get(d.PATH, layer.digest), layer) is not layer:
                raise Corrupt(f"two layers of one version are called {quoted(layer.annotations.get(d.PATH), 80)!r}", file=self.shown)
        texts = {}
        for name in d.DOCUMENTS:
            if f"holdfast/{name}.json" not in paths:
                raise Corrupt(f"a version has no document holdfast/{name}.json; get it again from where it was made", file=self.shown)
            texts[name] = fetch(paths[f"holdfast/{name}.json"])
        one = from_json(texts["version"], self.shown)
        where = d.read_where(texts["blobs"], self.shown)
        self._check_beside(one, paths, where)
        self.take(one, texts["manifest"], texts["layout"], where, {layer.sha: layer.size for layer in layers})
        for name, layer in ((path.removeprefix(d.EXPORTS), layer) for path, layer in paths.items() if path.startswith(d.EXPORTS)):
            if not d.FILE_NAME.match(name):
                raise Corrupt(f"the file {quoted(name, 80)!r} of {quoted(one, 80)} has a name that leads elsewhere; nothing was unpacked", file=self.shown)
            self.exports[one.model, one.n, name] = layer.sha
        return one

    def _check_beside(self, one: Carried, paths: dict[str, d.Descriptor], where: d.Where) -> None:
        """Compare what other tools show as the card and the attachments of a version with what a store takes for them: the layers must be the same."""
        told = {**({} if one.card is None else {d.CARD: one.card}), **{d.ATTACHMENTS + name: blob for name, (blob, _) in one.attachments.items()}}
        shown = {path: (layer.sha, 0, layer.size) for path, layer in paths.items() if path == d.CARD or path.startswith(d.ATTACHMENTS)}
        if shown != {path: where.blobs.get(blob) for path, blob in told.items()}:
            raise Corrupt(f"the card or an attachment of {quoted(one, 80)} is shown as another layer than the version says; get it again from where it was made", file=self.shown)

    def write_exports(self, folder: str | os.PathLike[str], versions: Container[str]) -> tuple[str, ...]:
        """Write the files that go along with versions below a folder, those of ``churn:7`` below ``churn-7``.

        Args:
            folder: where to; it is made.
            versions: such as ``churn:7``; the files of others stay where they are.

        Returns:
            Their paths.

        Raises:
            Corrupt: a file does not match its digest; nothing of it was written.
        """
        written = []
        for (model, n, name), sha in self.exports.items():
            if f"{model}:{n}" not in versions:
                continue
            place = os.path.join(os.fspath(folder), f"{key_of(model)}-{n}")
            os.makedirs(place, exist_ok=True)
            layer = self._layer(sha)
            with replacing(os.path.join(place, name)) as sink:
                hasher = hashlib.sha256()
                for start in range(0, layer.size, CHUNK):
                    piece = layer.private(start, min(CHUNK, layer.size - start))
                    hasher.update(piece)
                    sink.write(piece)
                if hasher.hexdigest() != sha:
                    raise Corrupt(f"the file {name} does not match its digest: damaged; get the file again", file=self.shown)
            written.append(os.path.join(place, name))
        return tuple(written)

    def take(self, one: Carried, manifest: bytes, layout: bytes, where: d.Where, layers: dict[str, int]) -> None:
        """Take a version in.

        Args:
            one: the version.
            manifest: of its artifact.
            layout: of its artifact.
            where: its blobs.
            layers: SHA-256 -> bytes of the layers that its manifest names.

        Raises:
            Corrupt: these do not belong together.
        """
        if digest(manifest) != one.artifact:
            raise Corrupt(f"the manifest of {quoted(one, 80)} is not that of its artifact; get it again from where it was made", file=self.shown)
        self._small[artifact_name(one.artifact)] = manifest
        self._small.setdefault(layout_name(one.artifact), layout)
        for blob, (sha, offset, length) in where.blobs.items():
            if offset + length > layers.get(sha, 0):
                raise Corrupt(f"the blob {quoted(blob, 80)} should lie where no layer of {quoted(one, 80)} is", file=self.shown)
            held = self._places.setdefault(blob_name(blob), (sha, offset, length))
            if held[2] != length:
                raise Corrupt(f"two versions disagree about the bytes of {blob_name(blob)}", file=self.shown)

    def store(self, listed: list[Carried], id_: str) -> Store:
        """Return a store of the versions that were taken in.

        Raises:
            Corrupt: they could not stand in one store.
        """
        if not re.fullmatch(r"[0-9a-f]{32}", id_):
            raise Corrupt(f"{quoted(id_, 60)!r} is no id of a store; get it again from where it was made", file=self.shown)
        self._small[FORMAT_NAME] = to_json(Format("store", FORMAT, id_))
        database = Database("sqlite:///:memory:", self.shown)
        database.make()
        store = Store(self, database, self.shown)
        try:
            with database.writing() as on:
                for model in dict.fromkeys(one.model for one in listed):
                    on.execute(sa.insert(c.model).values(name=model, seq=0, next_number=1, versions=0, changed=0.0))
                    records = _records(sorted((one for one in listed if one.model == model), key=lambda one: one.n))
                    for seq, record in enumerate(records, 1):
                        if record.kind in BESIDE and on.scalar(sa.select(c.blob.c.digest).where(c.blob.c.digest == record.blob)) is None:
                            on.execute(sa.insert(c.blob).values(digest=record.blob, size=self._sized(blob_name(str(record.blob))), state="live"))
                        parts = store.journal.parts_of(str(record.artifact)) if record.kind == "version" else None
                        apply(on, msgspec.structs.replace(record, seq=seq), parts)
        except (Conflict, NotFound) as error:
            raise Corrupt(f"the versions could not stand in one store ({quoted(error.message, 200)}); get them again from where they were made", file=self.shown) from None
        database.read_only = True
        return store

    def _sized(self, name: str) -> int:
        size = self.size(name)
        if size is None:
            raise NotFound(f"the object {name} is not there", file=self.shown)
        return size

    # -- as `Blobs` -------------------------------------------------------------------------------------------------------

    def get(self, name: str) -> bytes:
        """See `Blobs`."""
        held = self._small.get(name)
        if held is not None:
            return held
        with self.open(name) as source:
            return bytes(source.private(0, source.size))

    def open(self, name: str) -> Source:
        """See `Blobs`."""
        if name in self._small:
            return buffer_source(self._small[name], name=f"{self.shown}#{name}")
        place = self._places.get(name)
        if place is None:
            raise NotFound(f"the object {name} is not there", file=self.shown)
        sha, offset, length = place
        return Region(self._layer(sha), offset, length, f"{self.shown}#{name}")

    def size(self, name: str) -> int | None:
        """See `Blobs`."""
        if name in self._small:
            return len(self._small[name])
        place = self._places.get(name)
        return None if place is None else place[2]

    def list(self, prefix: str) -> Iterator[Object]:
        """See `Blobs`."""
        for name in sorted(one for one in (*self._small, *self._places) if one.startswith(prefix)):
            yield Object(name, self._sized(name), 0.0)

    def put(self, name: str, pieces: Any, size: int) -> None:
        """See `Blobs`."""
        self._refuse()

    def put_new(self, name: str, data: bytes) -> bool:
        """See `Blobs`."""
        self._refuse()

    def delete(self, name: str) -> None:
        """See `Blobs`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise Unavailable("this is open for reading alone; take its versions into a store: store.transfer.unpack, or pull", file=self.shown)


def _records(listed: list[Carried]) -> Iterator[Record]:
    """Yield what a store would have written for versions of one model; ``seq`` is still open."""
    for one in listed:
        yield Record(
            one.model, 0, "version", one.at, one.who, "", "", n=one.n, artifact=one.artifact, parent=one.parent, metrics=one.metrics, tags=one.tags, data=one.data, code=one.code,
            origin=one.origin, text=one.note or None,
        )  # fmt: skip
        if one.card is not None:
            yield Record(one.model, 0, "card", one.at, one.who, "", "", n=one.n, blob=one.card)
        for name, (blob, media_type) in sorted(one.attachments.items()):
            yield Record(one.model, 0, "attachment", one.at, one.who, "", "", n=one.n, key=name, value=media_type, blob=blob)
    for one in listed:
        for alias in one.aliases:
            yield Record(one.model, 0, "alias", one.at, one.who, "", "", alias=alias, old=None, new=one.n)
