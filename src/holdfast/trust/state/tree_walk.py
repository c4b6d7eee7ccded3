"""The walk over many decision trees at once: every child, feature, threshold and depth, in whole-array steps.

The one rule: a number is compared as it is stored, before anything is indexed with it.

Trees are laid one after the other, a block at a time, because numpy costs the same for 20 nodes as for 2000.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import numpy as np

from holdfast.trust.state.fields import Array, Fields, first, refuse

__all__ = ["NODE_DTYPE", "Block", "Work", "limit_for"]

NODE_DTYPE: Final = np.dtype(
    {
        "names": [
            "left_child",
            "right_child",
            "feature",
            "threshold",
            "impurity",
            "n_node_samples",
            "weighted_n_node_samples",
            "missing_go_to_left",
        ],
        "formats": ["<i8", "<i8", "<i8", "<f8", "<f8", "<i8", "<f8", "u1"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56],
        "itemsize": 64,
    }
)
"""scikit-learn's NODE_DTYPE where pointers have 64 bits; the last 7 bytes are padding."""

_BLOCK = 65_536  # nodes at a time: 16 ns a node; 20 in blocks of 16k, where the levels of the walk cost more
_SMALL_BLOCK = 8192  # the same for trees so small that a slice of one costs more than its nodes
_SMALL = 128


def limit_for(nodes: int, trees: int) -> int:
    """Return how many nodes to check at a time."""
    return _SMALL_BLOCK if nodes < _SMALL * trees else _BLOCK


class Work:
    """Arrays for one block after the other: fresh ones would be fetched from the system each time, at twice the cost."""

    def __init__(self, nodes: int) -> None:
        self.children = np.empty((nodes, 2), np.intp)
        self.feature = np.empty(nodes, np.int64)
        self.threshold = np.empty(nodes)
        self.inner = np.empty(nodes, bool)
        self.depth = np.empty(nodes, np.int32)
        self.here = np.arange(nodes)


class Block:
    """Some trees, one after the other in the work arrays; children are numbers within the block."""

    def __init__(self, trees: Sequence[Fields], sizes: list[int], width: int, work: Work, where_of: Callable[[int], str]) -> None:
        self.trees, self.sizes, self.width, self.where_of = trees, np.array(sizes, np.intp), width, where_of
        self.starts = np.cumsum(self.sizes) - self.sizes
        total = int(self.sizes.sum())
        self.children, self.feature, self.threshold = work.children[:total], work.feature[:total], work.threshold[:total]
        self.inner, self.depth, self.here = work.inner[:total], work.depth[:total], work.here[:total]
        if total < _SMALL * len(sizes):
            nodes = np.frombuffer(b"".join([tree["nodes"] for tree in trees]), NODE_DTYPE)
            self._take(slice(0, total), nodes, np.repeat(self.starts, self.sizes))
        else:
            for tree, start, size in zip(trees, self.starts.tolist(), sizes, strict=True):
                self._take(slice(start, start + size), tree["nodes"], start)

    def _take(self, part: slice, nodes: Array, base: Array | int) -> None:
        left = nodes["left_child"]
        np.not_equal(left, -1, out=self.inner[part])
        # A number so large that this overflows becomes negative, and is caught as such.
        np.add(left, base, out=self.children[part, 0])
        np.add(nodes["right_child"], base, out=self.children[part, 1])
        self.feature[part] = nodes["feature"]
        self.threshold[part] = nodes["threshold"]

    def check(self) -> None:
        """Refuse the first node that leads outside, twice to one place, or nowhere."""
        left, right, inner, here = self.children[:, 0], self.children[:, 1], self.inner, self.here
        if (wrong := (self.feature.view(np.uint64) >= self.width) & inner).any():
            self._refuse(wrong, lambda node: f"splits on feature {node['feature']}, outside 0..{self.width - 1}")
        if np.isnan(self.threshold.min()):  # min() passes a NaN on
            self._refuse(np.isnan(self.threshold), lambda node: "has the threshold NaN")
        if (wrong := (left == right) == inner).any():  # a leaf has -1 twice, another node two different children
            self._refuse(wrong, lambda node: f"has children {node['left_child']} and {node['right_child']}, both or neither are -1")
        ends = self.starts + self.sizes
        for side, child in (("left", left), ("right", right)):
            wrong = (child <= here) & inner
            if (np.maximum.reduceat(child, self.starts) >= ends).any():
                wrong |= child >= np.repeat(ends, self.sizes)
            if wrong.any():
                self._refuse_child(wrong, side)
        self._check_depths()

    def _check_depths(self) -> None:
        """Walk all trees level by level: everything is reached, nothing twice, and the last level is ``max_depth``."""
        inner, depth, total = self.inner, self.depth, len(self.inner)
        pairs = self.children.view(np.complex128).ravel()  # 16 bytes, so that one take fetches both children
        depth.fill(-1)
        level, reached, at = 0, 0, self.starts
        while len(at):
            reached += len(at)
            if reached > total:  # somebody has two parents: a crafted lattice would double at every level
                break
            depth[at] = level
            at = pairs.take(at.compress(inner.take(at, mode="clip")), mode="clip").view(np.intp)  # all in range by now: no second look
            level += 1
        if reached != total or depth.min() < 0:
            parents = np.bincount(self.children[inner].ravel(), minlength=total)
            parents[self.starts] = 1
            self._refuse(parents != 1, lambda node: "has no parent or several, one is expected")
        stated = np.array([tree["max_depth"] for tree in self.trees])
        deepest = np.maximum.reduceat(depth, self.starts)
        if (wrong := deepest != stated).any():
            tree = first(wrong)
            refuse(self.where_of(tree), f"max_depth is {stated[tree]}, and the nodes are {deepest[tree]} deep")

    def _refuse(self, wrong: Array, what: Callable[[Any], str]) -> NoReturn:
        tree, place = self._place(wrong)
        refuse(self.where_of(tree), f"node {place} {what(self.trees[tree]['nodes'][place])}")

    def _refuse_child(self, wrong: Array, side: str) -> NoReturn:
        tree, place = self._place(wrong)
        child = self.trees[tree]["nodes"][f"{side}_child"][place]
        refuse(self.where_of(tree), f"node {place} has {side} child {child}, outside {place + 1}..{self.sizes[tree] - 1}")

    def _place(self, wrong: Array) -> tuple[int, int]:
        at = first(wrong)
        tree = int(np.searchsorted(self.starts, at, "right")) - 1
        return tree, at - int(self.starts[tree])
