"""The small JSON of an artifact in OCI's form: manifest, config and index, and which layers hold which blobs.

A version is an artifact of the ModelPack kind. Its layers are its small documents (`holdfast/version.json`, `manifest.json`, `layout.json`, `blobs.json`), its model card, and its
blobs, the smallest of them joined where there are more than a registry takes.

Sources: https://github.com/opencontainers/image-spec, https://github.com/modelpack/model-spec. The one rule: what is read is matched
against the digests that name it before it is parsed, and its parts are taken by their names alone.
"""

from __future__ import annotations

import heapq
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from holdfast.errors import Corrupt, LimitExceeded, quoted
from holdfast.store.carried import Carried
from holdfast.store.objects import FILE_NAME as FILE_NAME
from holdfast.values.digest import is_digest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARTIFACT = "application/vnd.cncf.model.manifest.v1+json"
CONFIG = "application/vnd.cncf.model.config.v1+json"
WEIGHT = "application/vnd.cncf.model.weight.v1.raw"
SETTING = "application/vnd.cncf.model.weight.config.v1.raw"
DOC = "application/vnd.cncf.model.doc.v1.raw"
PATH = "org.cncf.model.filepath"
VERSION = "holdfast.version"
STORE = "holdfast.store"
LAYERS = 500
"""Layers of one artifact: a registry takes milliseconds for each, and 4 MiB of manifest in all."""
MANIFEST_BYTES = 4 * 1024 * 1024
"""Bytes of a manifest that registries take."""
ALIGN = 64
EXPORTS = "exports/"
ATTACHMENTS = "attachments/"
CARD = "README.md"
DOCUMENTS = ("version", "manifest", "layout", "blobs")


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What names a blob of OCI."""

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: dict[str, str] = {}

    @property
    def sha(self) -> str:
        """The digest in hex."""
        return self.digest.removeprefix("sha256:")


class OciManifest(msgspec.Struct, frozen=True, rename="camel"):
    """An artifact."""

    schema_version: int
    media_type: str
    artifact_type: str
    config: Descriptor
    layers: list[Descriptor]
    annotations: dict[str, str] = {}


class _Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An artifact, as others may have written it."""

    config: Descriptor
    layers: list[Descriptor]
    media_type: str = ""
    artifact_type: str = ""
    annotations: dict[str, str] = {}


class _Index(msgspec.Struct, frozen=True, rename="camel"):
    manifests: list[Descriptor]


class Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which layer holds which blob: blob -> SHA-256 of the layer, offset, length."""

    blobs: dict[str, tuple[str, int, int]]


class Spot(NamedTuple):
    """A blob in a layer."""

    blob: str
    offset: int
    length: int


_encode = msgspec.json.Encoder(order="deterministic").encode
_SHA = re.compile(r"sha256:[0-9a-f]{64}\Z")


def grouped(sizes: dict[str, int], room: int) -> list[list[Spot]]:
    """Return the layers for blobs, at most as many as there is room for: the smallest are joined, two by two.

    Args:
        sizes: blob -> bytes.
        room: how many layers there may be.

    >>> [[spot.blob for spot in layer] for layer in grouped({"a": 9, "b": 1, "c": 2}, 2)]
    [['a'], ['b', 'c']]
    """
    waiting = [(size, [blob]) for blob, size in sorted(sizes.items())]
    heapq.heapify(waiting)
    while len(waiting) > room:
        first, second = heapq.heappop(waiting), heapq.heappop(waiting)
        heapq.heappush(waiting, (first[0] + second[0], sorted(first[1] + second[1])))
    layers = []
    for _, held in sorted(waiting, key=lambda one: one[1]):
        at = 0
        layer = []
        for blob in held:
            at += -at % ALIGN
            layer.append(Spot(blob, at, sizes[blob]))
            at += sizes[blob]
        layers.append(layer)
    return layers


def described(media_type: str, sha: str, size: int, path: str) -> Descriptor:
    """Return the descriptor of a layer."""
    return Descriptor(media_type, f"sha256:{sha}", size, None, {PATH: path})


def config_of(one: Carried, type_: str, layers: list[Descriptor]) -> bytes:
    """Return the config of a version's artifact, as other tools read it."""
    at = datetime.fromtimestamp(one.at, UTC).isoformat() if 0 <= one.at < 1e11 else ""
    told: dict[str, Any] = {"name": one.model, "version": str(one.n), **({"createdAt": at} if at else {}), **({"authors": [one.who]} if one.who else {})}
    if one.note:
        told["description"] = one.note[:1000]
    if type(one.code.get("commit")) is str:
        told["revision"] = one.code["commit"]
    return _encode({"descriptor": told, "config": {"format": "holdfast", "architecture": type_}, "modelfs": {"type": "layers", "diffIds": [layer.digest for layer in layers]}})


def manifest_of(config: Descriptor, layers: list[Descriptor], one: Carried, store: str) -> bytes:
    """Return the manifest of a version's artifact.

    Raises:
        LimitExceeded: registries would not take it.
    """
    raw = _encode(OciManifest(2, MANIFEST, ARTIFACT, config, layers, {VERSION: str(one), STORE: store}))
    if len(raw) > MANIFEST_BYTES or len(layers) > LAYERS:
        raise LimitExceeded(f"the artifact of {one} has {len(layers)} layers and {len(raw)} bytes of manifest; registries take {LAYERS} and {MANIFEST_BYTES}: give fewer exports")
    return raw


def index_of(manifests: list[Descriptor]) -> bytes:
    """Return the index of an image layout."""
    return _encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})


def tag_of(one: Carried) -> str:
    """Return what a version is called where only letters, digits and ``._-`` are names; not always its own."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', one.model).lstrip('.-')[:100] or 'model'}-{one.n}"


def read_index(data: bytes, place: str) -> list[Descriptor]:
    """Return the manifests that an index names.

    Raises:
        Corrupt: it is no index.
    """
    found: _Index = _read(data, _Index, "index.json", place)
    return [_checked(one, place) for one in found.manifests]


def read_manifest(data: bytes, place: str) -> _Manifest:
    """Return a manifest.

    Raises:
        Corrupt: it is none, or one of something that holdfast did not write.
    """
    found: _Manifest = _read(data, _Manifest, "manifest", place)
    for one in (found.config, *found.layers):
        _checked(one, place)
    return found


def read_where(data: bytes, place: str) -> Where:
    """Return which layer holds which blob.

    Raises:
        Corrupt: it is no such document.
    """
    found: Where = _read(data, Where, "blobs.json", place)
    for blob, (sha, offset, length) in found.blobs.items():
        if not is_digest(blob) or not _SHA.match(f"sha256:{sha}") or offset < 0 or length < 0:
            raise Corrupt("the document blobs.json names what is no blob; get it again from where it was made", file=place)
    return found


def where_json(found: dict[str, tuple[str, int, int]]) -> bytes:
    """Return the document that says which layer holds which blob."""
    return _encode(Where(found))


def _checked(one: Descriptor, place: str) -> Descriptor:
    if not _SHA.match(one.digest) or one.size < 0:
        raise Corrupt(f"{quoted(one.digest, 80)!r} is named, which is no SHA-256; get it again from where it was made", file=place)
    return one


def _read(data: bytes, kind: Any, what: str, place: str) -> Any:
    try:
        return msgspec.json.decode(data, type=kind, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"the {what} cannot be read ({quoted(error, 120)}); get it again from where it was made", file=place) from None
