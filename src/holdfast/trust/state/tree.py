"""State of ``sklearn.tree._tree.Tree``: predict walks child numbers and feature numbers without any bound.

The one rule: every node is reached from the root exactly once, by child numbers that only grow, so that a walk ends
inside the arrays. ``decision_path`` writes ``max_depth + 1`` numbers a row into a buffer: the depth has to be true.
The walk itself is in ``tree_walk``; forests and boosted trees hand their rows to trees unchecked, so they are checked too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from holdfast.errors import quoted
from holdfast.trust.state.fields import (
    FLOAT64,
    Fields,
    contiguous,
    field,
    first,
    flag,
    integer,
    is_int,
    matrix,
    refuse,
    sequence,
    vector,
)
from holdfast.trust.state.tree_walk import NODE_DTYPE, Block, Work, limit_for

__all__ = ["NODE_DTYPE", "check_boosted_trees", "check_ensemble", "check_tree", "check_trees"]

_MOST = 2**31 - 1
_COUNTS = (np.dtype(np.int64), np.dtype(np.int32))


def check_tree(fields: Fields, where: str) -> None:
    """Check one tree: n_features, n_classes, n_outputs, max_depth, node_count, nodes, values."""
    check_trees([fields], lambda _: where)


def check_trees(trees: Sequence[Fields], where_of: Callable[[int], str]) -> None:
    """Check many trees at about 16 ns a node; ``where_of(i)`` is asked only for the tree that is refused."""
    if not trees:
        return
    sizes = _quick_frames(trees) or [_check_frame(tree, where_of(i)) for i, tree in enumerate(trees)]
    limit = limit_for(sum(sizes), len(sizes))
    work = Work(max(min(limit, sum(sizes)), max(sizes)))
    start = 0
    while start < len(trees):
        stop, total, width = start, 0, trees[start]["n_features"]
        while stop < len(trees) and trees[stop]["n_features"] == width and (stop == start or total + sizes[stop] <= limit):
            total += sizes[stop]
            stop += 1
        Block(trees[start:stop], sizes[start:stop], width, work, partial(_later, where_of, start)).check()
        start = stop


def check_ensemble(fields: Fields, where: str) -> None:
    """Check that trees agree with the model that hands them rows without looking at their width.

    Fields: n_features_in_, tree_n_features (one a tree); tree_n_outputs with n_outputs_ where the model has it;
    estimators_features_ (index arrays, one a tree) with _max_features where each tree sees a choice of columns. A
    single tree model is an ensemble of one.
    """
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    widths = sequence(fields, "tree_n_features", where)
    seen = columns
    if fields.get("estimators_features_") is not None:
        seen = integer(fields, "_max_features", where, 1, columns)
        for i, chosen in enumerate(sequence(fields, "estimators_features_", where, len(widths))):
            index = vector({f"estimators_features_[{i}]": chosen}, f"estimators_features_[{i}]", where, _COUNTS, seen)
            if not 0 <= index.min() <= index.max() < columns:
                refuse(where, f"estimators_features_[{i}] has a number outside 0..{columns - 1}")
    for i, width in enumerate(widths):
        if not is_int(width) or width != seen:
            refuse(where, f"tree {i} was grown on {quoted(width, 40)} features, {seen} will be given to it")
    if "n_outputs_" in fields:
        outputs = integer(fields, "n_outputs_", where, 1, _MOST)
        for i, got in enumerate(sequence(fields, "tree_n_outputs", where, len(widths))):
            if not is_int(got) or got != outputs:
                refuse(where, f"tree {i} has {quoted(got, 40)} outputs, {outputs} expected")


def check_boosted_trees(fields: Fields, where: str) -> None:
    """Check GradientBoosting: C code adds tree k of a stage to column k of an array that others have sized.

    Fields: n_features_in_, tree_n_features, tree_value_width (n_outputs * max(n_classes), one a tree),
    estimators_shape, n_trees_per_iteration_, multiclass (whether ``_loss`` has a column for each class), init_columns
    (columns that ``init_`` predicts probabilities for, or None when there are none or it is "zero").
    """
    check_ensemble(
        {"n_features_in_": field(fields, "n_features_in_", where), "tree_n_features": field(fields, "tree_n_features", where)},
        where,
    )
    trees = integer(fields, "n_trees_per_iteration_", where, 1, _MOST)
    shape = sequence(fields, "estimators_shape", where, 2)
    total = len(sequence(fields, "tree_n_features", where))
    if not all(is_int(size) for size in shape) or shape[1] != trees or shape[0] * shape[1] != total:
        refuse(where, f"estimators_ has shape {quoted(shape, 60)} for {total} trees, {trees} in a stage")
    for i, width in enumerate(sequence(fields, "tree_value_width", where, total)):
        if not is_int(width) or width != 1:
            refuse(where, f"tree {i} has {quoted(width, 40)} values a node, 1 expected")
    columns = None if fields.get("init_columns") is None else integer(fields, "init_columns", where, 1, _MOST)
    if flag(fields, "multiclass", where) != (trees > 1) or (trees > 1 and columns not in (None, trees)):
        refuse(where, f"the first guess does not have one column for each of {trees} trees in a stage")


def _later(where_of: Callable[[int], str], start: int, i: int) -> str:
    return where_of(start + i)


def _quick_frames(trees: Sequence[Fields]) -> list[int] | None:
    """Return the node counts when all is well around the nodes, at a microsecond a tree; else None."""
    try:
        nodes, values, classes = ([tree[name] for tree in trees] for name in ("nodes", "values", "n_classes"))
        outputs, counts, widths, depths = (
            [tree[name] for tree in trees] for name in ("n_outputs", "node_count", "n_features", "max_depth")
        )
    except KeyError:
        return None
    if {*map(type, nodes), *map(type, values), *map(type, classes)} != {np.ndarray}:
        return None
    if {*map(type, outputs), *map(type, counts), *map(type, widths), *map(type, depths)} != {int}:
        return None
    if {a.dtype for a in nodes} != {NODE_DTYPE} or {a.dtype for a in values} != {FLOAT64} or not {a.dtype for a in classes} <= {*_COUNTS}:
        return None
    if {a.ndim for a in classes} != {1} or min(counts) < 1 or max(counts) > _MOST or min(widths) < 1 or max(widths) > _MOST:
        return None
    lists = [a.tolist() for a in classes]
    if min(outputs) < 1 or [*map(len, lists)] != outputs or min(map(min, lists)) < 1:
        return None
    shapes = list(zip(counts, outputs, map(max, lists), strict=True))
    if [a.shape for a in values] != shapes or [a.shape for a in nodes] != [(count,) for count in counts]:
        return None
    return counts if all(a.flags.c_contiguous for a in nodes) and all(a.flags.c_contiguous for a in values) else None


def _check_frame(tree: Fields, where: str) -> int:
    integer(tree, "n_features", where, 1, _MOST)
    outputs = integer(tree, "n_outputs", where, 1, _MOST)
    classes = vector(tree, "n_classes", where, _COUNTS, outputs)
    if classes.min() < 1:
        refuse(where, f"n_classes[{first(classes < 1)}] is {classes.min()}, at least 1 expected")
    nodes = contiguous(vector(tree, "nodes", where, (NODE_DTYPE,)), "nodes", where)
    if not 0 < len(nodes) <= _MOST:
        refuse(where, f"there are {len(nodes)} nodes, outside 1..{_MOST}")
    integer(tree, "node_count", where, len(nodes), len(nodes))
    integer(tree, "max_depth", where, 0, len(nodes))
    contiguous(matrix(tree, "values", where, (FLOAT64,), (len(nodes), outputs, int(classes.max()))), "values", where)
    return len(nodes)
