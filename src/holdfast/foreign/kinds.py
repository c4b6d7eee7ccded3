"""Which kind of zip archive is this? Its members tell.

The one rule: an archive is of the one kind whose own members it has, and of no kind when there is doubt.
"""

from __future__ import annotations

from holdfast.foreign.archive import Archive


def kind_of_archive(data: memoryview) -> str:
    """Return the kind of an archive: ``torch``, ``torch script``, ``torch program``, ``npz``, ``skops``, ``keras`` or ``zip``.

    Raises:
        FormatError: it is not a whole, plain archive.
    """
    names = Archive(data).names
    below = {name.partition("/")[2] for name in names}
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        return "keras"
    if "schema.json" in names:
        return "skops"
    if "archive_format" in below or "models/model.json" in below or "serialized_exported_program.json" in names:
        return "torch program"
    if "constants.pkl" in below or any(one.startswith("code/") for one in below):
        return "torch script"
    if "data.pkl" in below:
        return "torch"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    return "zip"
