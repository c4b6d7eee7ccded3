"""Reading exports: asking one, and saying what is in it.

The one rule: a file may come from anywhere, so it is looked at by our own code before a runtime sees it.
"""

from __future__ import annotations

import os
from typing import Any

from holdfast.errors import FormatError, NotFound, Truncated, Unavailable, quoted
from holdfast.exports.about import Description
from holdfast.exports.exporting import target_of
from holdfast.exports.predictor import ExportPredictor

_STRANGERS = {
    b"<!DOCTYPE html": "an HTML page, so the download went wrong", b"<html": "an HTML page, so the download went wrong",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself with: git lfs pull", b"PK\x03\x04": "a zip archive",
    b"\x80\x04": "a pickle", b"\x80\x05": "a pickle",
}  # fmt: skip
"""How files begin that are often taken for others."""


def open_export(path: str | os.PathLike[str], target: str | None = None) -> ExportPredictor:
    """Open an exported model, ours or another's, to ask it for predictions.

    Args:
        path: an ``.onnx`` or ``.pmml`` file.
        target: which of them it is, where the suffix does not say it.

    Returns:
        A `Predictor`: ``predict(rows)``, ``predict_proba(rows)`` and ``ask(method, rows)`` take arrays (rows, columns), frames and dicts of
        columns, by name where the file knows names, and answer with arrays: labels as the user had them (texts, integers or bools), float32 or float64
        otherwise.

    Raises:
        FormatError: the file is damaged, or refers to what a model has no business with.
        LimitExceeded: it is larger or deeper than a named limit.
        LibraryMissing, EnvironmentMissing: holds the install command.

    Examples:
        >>> from holdfast.exports.opening import open_export
        >>> open_export("nothing.onnx")
        Traceback (most recent call last):
        ...
        holdfast.errors.NotFound: nothing.onnx: there is no such file
    """
    name = _checked(path)
    runtime, signature = target_of(name, target).open_stranger(name)
    return ExportPredictor(runtime, signature, name)


def describe_export(path: str | os.PathLike[str], target: str | None = None) -> Description:
    """Say what is in an exported file: inputs, outputs, versions and, when holdfast made it, its proof. No runtime is imported.

    Args:
        path: an ``.onnx`` or ``.pmml`` file.
        target: which of them it is, where the suffix does not say it.

    Raises:
        FormatError, LimitExceeded: as `open_export`.
        LibraryMissing: ONNX files are read with the package onnx.
    """
    name = _checked(path)
    found: Description = target_of(name, target).describe(name)
    return found


def _checked(path: Any) -> str:
    name = os.fspath(path)
    name = os.fsdecode(name) if isinstance(name, bytes) else name
    try:
        with open(name, "rb") as file:
            start = file.read(64)
    except FileNotFoundError:
        raise NotFound("there is no such file", file=name) from None
    except (OSError, ValueError) as error:
        raise Unavailable(f"cannot be read: {quoted(error)}", file=name) from None
    if not start:
        raise Truncated("the file is empty", file=name)
    for begins, what in _STRANGERS.items():
        if start.lstrip().lower().startswith(begins.lower()):
            raise FormatError(f"this is {what}", file=name)
    return name
