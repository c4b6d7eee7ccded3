"""The manifest: what an artifact says about itself. Its canonical JSON is what the artifact id digests.

The one rule: a fixed set of keys plus one map ``extra`` that survives a re-save; nothing about layout, time or host.
``docs/format.md`` section 6 is normative.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.values.digest import digest

FORMAT_VERSION = 1
NO_DIGEST = "blake3:" + "0" * 64


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tree and its tensors, with the digest of each.

    Attributes:
        digest: the content digest, of everything below.
        tree: digest of the encoded tree.
        tensors: name, dtype, shape and digest of the raw bytes of every tensor, in file order.
    """

    digest: str
    tree: str
    tensors: list[tuple[str, str, list[int], str]]


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One named input or output of ``predict``.

    Attributes:
        name: column name, or None for arrays without names.
        dtype: numpy dtype text, or a pandas dtype name.
        shape: lengths; None stands for the number of rows.
    """

    name: str | None
    dtype: str
    shape: list[int | None]


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Named, typed inputs and outputs of a model, and the labels that a classifier answers with."""

    kind: str = "array"
    inputs: list[Feature] = []
    outputs: dict[str, Feature] = {}
    classes: list[Any] | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an artifact says about itself.

    Attributes:
        format: version of the file format.
        type: exact name of the root's type.
        content: the model's tree and tensors.
        example: the stored example's tree and tensors, or None.
        types: exact names of all classes in the model.
        functions: exact names of all functions and classes that the model holds as values.
        libraries: distribution name -> version, of the libraries that the types come from.
        python: major and minor version of Python.
        signature: inputs and outputs, or None when nothing is known.
        params: constructor parameters, as text.
        metrics: numbers given at save.
        training_rows: paths of stored arrays that hold rows the model was trained on.
        extra: whatever the caller put in; kept as it is.
    """

    format: int
    type: str
    content: Part
    example: Part | None
    types: list[str]
    functions: list[str]
    libraries: dict[str, str]
    python: str
    signature: Signature | None
    params: dict[str, str]
    metrics: dict[str, float | int | str | bool | None]
    training_rows: list[str]
    extra: dict[str, Any]


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Manifest, strict=True).decode


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the one canonical JSON of a manifest: fixed key order, sorted maps, no spaces, UTF-8."""
    return _encode(manifest)


def read_manifest(data: Any) -> Manifest:
    """Parse a manifest; raises msgspec.MsgspecError, UnicodeDecodeError or RecursionError on anything else."""
    return _decode(data)


def content_digest(tree: str, tensors: list[tuple[str, str, list[int], str]]) -> str:
    """Return the digest of a tree and its logical tensors: same model, same digest, in any process."""
    return digest(_encode([tree, tensors]))


def artifact_id(manifest: bytes) -> str:
    """Return the id of an artifact: the digest of its canonical manifest."""
    return digest(manifest)
