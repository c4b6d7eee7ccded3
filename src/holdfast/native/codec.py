"""Trees as bytes: canonical MessagePack, checked while decoding.

The one rule: after decoding, encoding must give the same bytes; a tree has one encoding.
Source: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.errors import Corrupt, FormatError, LimitExceeded, UnsupportedVersion, quoted
from holdfast.values import limits
from holdfast.values import tree as t

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(t.Tree, strict=True).decode


def encode_tree(tree: t.Tree) -> bytes:
    """Return the bytes of a tree.

    Raises:
        UnicodeEncodeError, OverflowError: a scalar that a column cannot hold; the walk handles both.
    """
    return _encode(tree)


def decode_tree(data: Any) -> t.Tree:
    """Return the tree that the bytes hold.

    Raises:
        FormatError: the bytes are not a tree, or not its canonical encoding.
    """
    if len(data) > limits.TREE_BYTES:
        raise LimitExceeded(f"the tree takes {len(data)} bytes, more than the limit of {limits.TREE_BYTES} (TREE_BYTES)")
    if bytes(data[:2]) not in (b"\x93\x01", b""):
        version = data[1] if len(data) > 1 and bytes(data[:1]) == b"\x93" else None
        if version is not None and version != t.TREE_VERSION:
            raise UnsupportedVersion(
                f"the tree has version {version}; this holdfast reads {t.TREE_VERSION}; upgrade with: pip install -U holdfast"
            )
    try:
        tree = _decode(data)
        same = _encode(tree) == bytes(data)  # a memoryview would be compared item by item
    except (msgspec.MsgspecError, UnicodeDecodeError, UnicodeEncodeError, RecursionError, OverflowError) as error:
        raise FormatError(f"the tree cannot be read: {quoted(error)}") from None
    if not same:
        raise Corrupt("the tree is not written in its one canonical form")
    return tree
