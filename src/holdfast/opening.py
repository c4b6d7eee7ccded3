"""Opening anything that a user hands over: a path, a folder, an address in a bucket, an open file or bytes, as what its bytes say it is.

The one rule: the bytes decide what a file is; a suffix that contradicts them is refused, and nothing is handed on to a weaker reader.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from holdfast.artifact.load import Opening
from holdfast.artifact.source import Source, buffer_source, open_source
from holdfast.artifact.stranger import Stranger, kind_of
from holdfast.errors import FormatError, HoldfastError, UnsupportedModel, UnsupportedOperation
from holdfast.foreign.sniff import check_suffix
from holdfast.trust.policy import Policy

if TYPE_CHECKING:
    from holdfast.exports.about import Description

EXPORTS = ("onnx", "pmml")
"""Kinds of files that are models in another runtime's form; also their suffixes."""


class Export(Stranger):
    """A model in another runtime's form: it is opened there, and not rebuilt here."""

    def load(
        self, policy: Policy, part: str | None = None, digests: str = "needed", max_memory: int | None = None, device: Any = None
    ) -> Any:
        """Return a `Predictor`; nothing of the file is built here, so there is nothing to trust.

        Raises:
            UnsupportedOperation: a part of it, a bound or a device was asked for, which the runtime does not know.
        """
        if part is not None or max_memory is not None or device is not None:
            raise UnsupportedOperation("an export is opened whole, by its own runtime on the processor; give no part, max_memory or device", file=self.source.name)
        from holdfast.exports.opening import open_export

        return open_export(self.source.name, self.kind)

    def describe(self) -> Description:
        """Say what is in the file; see `holdfast.inspect`."""
        from holdfast.exports.opening import describe_export

        return describe_export(self.source.name, self.kind)


BUCKETS = ("s3://", "gs://", "az://")


def is_export_name(name: str) -> bool:
    """Say whether a path has the suffix of a model in another runtime's form."""
    return os.path.splitext(name)[1].lower().removeprefix(".") in EXPORTS


def path_text(path: Any) -> str:
    """Return a path as text.

    Raises:
        TypeError: it is no path.
        FormatError: there is a NUL in it.
    """
    name = os.fspath(path)
    if not isinstance(name, str):
        name = os.fsdecode(name)
    if "\0" in name:
        raise FormatError("a path holds no NUL character", file=name)
    return name


def is_saved(source: Any) -> bool:
    """Say whether something is a path, an open file or bytes, and not a model."""
    return isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(source, "read")


def open_saved(source: Any) -> Opening | Stranger:
    """Open a path, a folder that is one model, ``s3://bucket/name`` (``gs://``, ``az://``), an open binary file, or bytes.

    Returns:
        An `Opening` of a native file, which also judges what nobody knows; an `Export`; or else a `Stranger`. Close it.

    Raises:
        FormatError: it is damaged, something that is no model, or called something else than it is.
        UnsupportedModel: it is a program.
        TypeError: it is open as text.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return open_bytes(source)
    if hasattr(source, "read"):
        data = source.read()
        if isinstance(data, str):
            raise TypeError("the file is open as text; open it with mode 'rb'")
        return open_bytes(bytearray(data))
    name = path_text(source)
    if name.startswith(BUCKETS):
        from holdfast.store.blobs.places import fetched

        return _opened(fetched(name), named=True, on_disk=False)
    return _folder(name) if os.path.isdir(name) else _opened(open_source(name), named=True)


def open_bytes(data: Any, copy: bool = False) -> Opening | Stranger:
    """Open anything with the buffer protocol; ``copy`` gives the model arrays of its own."""
    return _opened(buffer_source(data, copy), named=False)


def _opened(source: Source, named: bool, on_disk: bool = True) -> Opening | Stranger:
    try:
        kind = kind_of(source)
        if named:
            check_suffix(source.name, kind, source.size)
    except HoldfastError as error:
        source.close()
        raise error.at(source.name) from None
    if kind in ("safetensors", "unknown"):
        return Opening(source)
    # a runtime opens a path; bytes are told to be given as one
    return Export(source, kind) if named and on_disk and kind in EXPORTS else Stranger(source, kind)


def _folder(name: str) -> Stranger:
    if os.path.isfile(os.path.join(name, "MLmodel")):
        from holdfast.artifact.mlflow import MlflowFolder

        folder = MlflowFolder(name)
        return Export(folder.source, folder.kind) if folder.kind in EXPORTS else folder
    if os.path.isfile(os.path.join(name, "saved_model.pb")):
        raise UnsupportedModel(
            "this is a SavedModel of TensorFlow, which is a program; load it with tf.saved_model.load where you trust it, or take the Keras model "
            "that it was made from and save that with holdfast.save",
            file=name,
        )
    raise FormatError("this is a folder; a model is one file, or a folder with an MLmodel file; for a folder of files: holdfast convert", file=name)
