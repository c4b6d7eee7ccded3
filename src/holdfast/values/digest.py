"""Digests as text: the algorithm is part of it, so that a second algorithm can never be mistaken for the first.

The one rule: a digest is always of raw bytes, BLAKE3, 256 bits, written ``blake3:<64 hex digits>``.
Source: https://github.com/BLAKE3-team/BLAKE3-specs
"""

from __future__ import annotations

import re
from typing import Any

from blake3 import blake3

PREFIX = "blake3:"
_SHAPE = re.compile(r"blake3:[0-9a-f]{64}\Z")


def digest(data: Any) -> str:
    """Return the digest of a bytes-like object.

    >>> digest(b"")[:15]
    'blake3:af1349b9'
    """
    return PREFIX + blake3(data).hexdigest()


def raw_digest(*parts: Any) -> bytes:
    """Return the 32 raw bytes of the digest of the parts, one after the other."""
    hasher = blake3()
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def is_digest(text: object) -> bool:
    """Say whether this is the text of a digest that we can check."""
    return type(text) is str and _SHAPE.match(text) is not None
