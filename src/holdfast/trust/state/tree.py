"""State of ``sklearn.tree._tree.Tree``: predict walks child numbers and feature numbers without any bound.

The one rule: every node is reached from the root exactly once, by child numbers that only grow, so that a walk ends
inside the arrays. ``decision_path`` writes ``max_depth + 1`` numbers a row into a buffer: the depth has to be true.

Many trees are checked together in blocks, because numpy costs the same for 20 nodes as for 2000.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NoReturn

import numpy as np

from holdfast.trust.state.fields import FLOAT64, Array, Fields, contiguous, field, first, integer, matrix, refuse, vector

__all__ = ["NODE_DTYPE", "check_ensemble", "check_tree", "check_trees"]

_NAMES = ["left_child", "right_child", "feature", "threshold", "impurity", "n_node_samples", "weighted_n_node_samples", "missing_go_to_left"]
NODE_DTYPE: Final = np.dtype(
    {
        "names": _NAMES,
        "formats": ["<i8", "<i8", "<i8", "<f8", "<f8", "<i8", "<f8", "u1"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56],
        "itemsize": 64,
    }
)
"""scikit-learn's NODE_DTYPE where pointers have 64 bits; the last 7 bytes are padding."""

_BLOCK = 65_536  # nodes checked at a time: 16 ns a node; 22 in blocks of 16k, where the levels of the walk cost more
_SMALL_BLOCK = 8192  # the same for trees so small that a slice of one costs more than its nodes
_SMALL = 128
_MOST_NODES = 2**31 - 1
_COUNTS = (np.dtype(np.int64), np.dtype(np.int32))


class _Work:
    """Arrays for one block after the other: fresh ones would be fetched from the system each time, at twice the cost."""

    def __init__(self, nodes: int) -> None:
        self.children = np.empty((nodes, 2), np.intp)
        self.feature = np.empty(nodes, np.int64)
        self.threshold = np.empty(nodes)
        self.inner = np.empty(nodes, bool)
        self.depth = np.empty(nodes, np.int32)
        self.here = np.arange(nodes)


def check_tree(fields: Fields, where: str) -> None:
    """Check one tree: n_features, n_classes, n_outputs, max_depth, node_count, nodes, values."""
    check_trees([fields], lambda _: where)


def check_trees(trees: Sequence[Fields], where_of: Callable[[int], str]) -> None:
    """Check many trees at about 16 ns a node; ``where_of(i)`` is asked only for the tree that is refused."""
    sizes = [_check_frame(tree, i, where_of) for i, tree in enumerate(trees)]
    if not sizes:
        return
    limit = _SMALL_BLOCK if sum(sizes) < _SMALL * len(sizes) else _BLOCK
    work = _Work(max(min(limit, sum(sizes)), max(sizes)))
    start = 0
    while start < len(trees):
        stop, total, width = start, 0, trees[start]["n_features"]
        while stop < len(trees) and trees[stop]["n_features"] == width and (stop == start or total + sizes[stop] <= limit):
            total += sizes[stop]
            stop += 1
        _Block(trees[start:stop], sizes[start:stop], width, work, partial(_later, where_of, start)).check()
        start = stop


def check_ensemble(fields: Fields, where: str) -> None:
    """Check that trees agree with the model that hands them rows without looking at their width.

    Fields: n_features_in_, tree_n_features (a list, one a tree); n_outputs with tree_n_outputs, and max_n_classes
    with tree_n_classes (lists of lists), where the model has them; estimators_features_ (a list of index arrays, or
    None) where each tree sees a choice of columns.
    """
    columns = integer(fields, "n_features_in_", where, 1)
    widths = list(field(fields, "tree_n_features", where))
    chosen = fields.get("estimators_features_")
    if chosen is not None and len(chosen) != len(widths):
        refuse(where, f"estimators_features_ has {len(chosen)} entries for {len(widths)} trees")
    for i, width in enumerate(widths):
        seen = columns if chosen is None else len(chosen[i])
        if width != seen:
            refuse(where, f"tree {i} was grown on {width} features, {seen} will be given to it")
        if chosen is not None and len(chosen[i]) and not 0 <= int(np.min(chosen[i])) <= int(np.max(chosen[i])) < columns:
            refuse(where, f"estimators_features_[{i}] has a number outside 0..{columns - 1}")
    for ours, theirs in (("n_outputs", "tree_n_outputs"), ("n_classes", "tree_n_classes")):
        for i, got in enumerate(fields.get(theirs, ())):
            if got != fields[ours]:
                refuse(where, f"tree {i} has {ours} {got}, the model {fields[ours]}")


def _check_frame(tree: Fields, i: int, where_of: Callable[[int], str]) -> int:
    """Check what surrounds the nodes and return how many there are; the quick way through takes 1 µs a tree."""
    nodes, values, classes = tree.get("nodes"), tree.get("values"), tree.get("n_classes")
    if type(nodes) is type(values) is type(classes) is np.ndarray and nodes.dtype == NODE_DTYPE and values.dtype == FLOAT64:
        outputs, count, width, low = tree.get("n_outputs"), tree.get("node_count"), tree.get("n_features"), classes.tolist()
        if (
            type(outputs) is type(count) is type(width) is type(tree.get("max_depth")) is int
            and classes.dtype in _COUNTS
            and classes.shape == (outputs,)
            and nodes.shape == (count,)
            and 0 < count <= _MOST_NODES
            and 0 < width <= _MOST_NODES
            and outputs >= 1
            and min(low) >= 1
            and values.shape == (count, outputs, max(low))
            and nodes.flags.c_contiguous
            and values.flags.c_contiguous
        ):
            return count
    return _explain_frame(tree, where_of(i))


def _explain_frame(tree: Fields, where: str) -> int:
    integer(tree, "n_features", where, 1, _MOST_NODES)
    outputs = integer(tree, "n_outputs", where, 1, _MOST_NODES)
    classes = vector(tree, "n_classes", where, _COUNTS, outputs)
    if classes.min() < 1:
        refuse(where, f"n_classes[{first(classes < 1)}] is {classes.min()}, at least 1 expected")
    nodes = contiguous(vector(tree, "nodes", where, (NODE_DTYPE,)), "nodes", where)
    if not 0 < len(nodes) <= _MOST_NODES:
        refuse(where, f"there are {len(nodes)} nodes, outside 1..{_MOST_NODES}")
    integer(tree, "node_count", where, len(nodes), len(nodes))
    integer(tree, "max_depth", where, 0, len(nodes))
    contiguous(matrix(tree, "values", where, (FLOAT64,), (len(nodes), outputs, int(classes.max()))), "values", where)
    return len(nodes)


def _later(where_of: Callable[[int], str], start: int, i: int) -> str:
    return where_of(start + i)


class _Block:
    """Some trees, one after the other in the work arrays; children are numbers within the block."""

    def __init__(self, trees: Sequence[Fields], sizes: list[int], width: int, work: _Work, where_of: Callable[[int], str]) -> None:
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
