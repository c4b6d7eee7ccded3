"""How deep trees are, level by level, for boosters of any library.

The one rule: nothing recurses over a tree that is deeper than `DEPTH`, because their native code does.
"""

from __future__ import annotations

import numpy as np

from holdfast.trust.state.fields import Array, refuse

DEPTH = 1024
"""Levels of one tree: loading and explaining recurse over them, and explanations hold a square of them in memory."""


def check_levels(roots: Array, left: Array, right: Array, where: str) -> int:
    """Walk down from the roots and return how many nodes were reached.

    Args:
        roots: numbers of the nodes to begin with.
        left: of each node the number of a child among all nodes, or -1.
        right: likewise.
        where: what a refusal names.

    Raises:
        InvalidState: there are more levels than `DEPTH`, as there are when a tree leads back into itself.
    """
    level, reached = roots, 0
    for _ in range(DEPTH):
        reached += len(level)
        level = np.concatenate([left[level], right[level]])
        level = level[level >= 0]
        if not len(level):
            break
    else:
        refuse(where, f"a tree is deeper than {DEPTH}, or leads back into itself")
    return reached
