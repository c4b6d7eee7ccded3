"""What the reader of a foreign format gives, and what it is given.

The one rule: a reader gets bytes and gives data; files and paths are somebody else's, but for the neighbours of a file that
its format keeps beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from holdfast.foreign.made import NameTable


class Given(NamedTuple):
    """A foreign file.

    Attributes:
        name: how messages name it; its last part is the file's own name.
        data: all of its bytes: in memory of our own, or mapped privately when nothing of it will be used.
        names: gets what the file names and would call, also when it turns out later to be damaged.
        neighbour: opens a file that lies beside it, by its bare name, and returns its bytes.
    """

    name: str
    data: memoryview
    names: NameTable
    neighbour: Callable[[str], memoryview] | None = None


class Reading(NamedTuple):
    """What a foreign file holds.

    Attributes:
        format: what it turned out to be, in words, such as ``joblib (zlib), pickle protocol 4``.
        root: the model: plain values, arrays and stand-ins.
        versions: distribution -> version that the file as a whole says; what its objects say is in the table of names.
        nbytes: bytes that were read, decompressed: what the tree may cost is in proportion to them.
        signature: inputs and outputs, where the format has them.
        example: rows that lie with the model, or None.
        extra: what else the file says, as JSON can hold it.
    """

    format: str
    root: Any
    versions: dict[str, str]
    nbytes: int
    signature: Any = None
    example: Any = None
    extra: dict[str, Any] = {}  # noqa: RUF012 - never changed, and a NamedTuple needs a default


class Refused(NamedTuple):
    """What a file is that is recognised and not read."""

    what: str
    advice: str
