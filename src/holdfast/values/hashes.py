"""Keys of a dict, and items of a set, that share a hash: each is compared with all before it.

A file can hold a hundred thousand different integers, decimals, tuples or frozen sets of one hash, because Python makes
those hashes from the value alone. Text and bytes are safe: their hashes depend on a secret of the process. So are numbers
of up to 64 bits: fewer than 500 of them, floats included, have the same hash.

The one rule: it is asked before a dict or a set is filled with anything but such scalars, and takes linear time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from holdfast.errors import LimitExceeded
from holdfast.values import limits


def check_hashes(keys: Collection[Any]) -> None:
    """Refuse keys of which more than SAME_HASH have one hash.

    Raises:
        LimitExceeded: says how many there may be.
        TypeError: a key has no hash.
    """
    if len(keys) <= limits.SAME_HASH:
        return
    found = np.fromiter(map(hash, keys), np.int64, len(keys))
    found.sort()
    if (found[limits.SAME_HASH :] == found[: -limits.SAME_HASH]).any():
        raise LimitExceeded(
            f"more than {limits.SAME_HASH} keys of a dict, or items of a set, share one hash (SAME_HASH): "
            "each is compared with all of the others, which takes for ever"
        )
