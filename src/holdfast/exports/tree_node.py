"""Tables of trees as one ``TreeEnsemble`` of ONNX, whose thresholds, leaves and sums are float64 or float32 throughout.

Older operators for trees answer in float32 whatever goes in. This one, of ``ai.onnx.ml`` 5, does not; it gives each leaf one
column of the answer, so a tree with a value a class is written once for each class.

The one rule: leaves are added in the order in which the library adds them, beginning with its base, so that sums have the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports.tree_tables import Tree, Trees
from holdfast.values import limits

LEQ, LT = 0, 1


def attributes(trees: Trees) -> dict[str, Any]:
    """Return the attributes of a ``TreeEnsemble`` node.

    Raises:
        UnsupportedOperation: there are more nodes than one file takes.
    """
    import onnx

    kind = np.float32 if trees.single else np.float64
    single = [_constant(value, target) for target, value in enumerate(trees.base if trees.base is not None else ()) if value]
    copies = single + [copy for tree in trees.trees for copy in _by_target(tree, trees.targets)]
    total = sum(len(tree.leaf) for tree in copies)
    if total > limits.TREE_NODES:
        raise UnsupportedOperation(f"the trees have {total} nodes (one tree for each class), and an export holds {limits.TREE_NODES} (TREE_NODES); train fewer or smaller trees")
    inner = [_nodes(tree) for tree in copies]
    starts = np.cumsum([0, *(len(one["split"]) for one in inner)])
    leaves = np.cumsum([0, *(len(one["weight"]) for one in inner)])
    for place, one in enumerate(inner):
        for way in ("yes", "no"):
            one[way] = one[way] + np.where(one[f"{way}_leaf"], leaves[place], starts[place])

    def joined(name: str) -> Any:
        return np.concatenate([one[name] for one in inner])

    targets = np.repeat([tree.target or 0 for tree in copies], np.diff(leaves))
    modes = np.full(int(starts[-1]), LT if trees.below else LEQ, np.uint8)
    return {
        "aggregate_function": 1,
        "post_transform": 0,
        "n_targets": trees.targets,
        "tree_roots": starts[:-1].tolist(),
        "nodes_featureids": joined("feature").tolist(),
        "nodes_splits": onnx.numpy_helper.from_array(joined("split").astype(kind), "nodes_splits"),
        "nodes_modes": onnx.numpy_helper.from_array(modes, "nodes_modes"),
        "nodes_truenodeids": joined("yes").tolist(),
        "nodes_falsenodeids": joined("no").tolist(),
        "nodes_trueleafs": joined("yes_leaf").astype(int).tolist(),
        "nodes_falseleafs": joined("no_leaf").astype(int).tolist(),
        "nodes_missing_value_tracks_true": joined("nan_yes").astype(int).tolist(),
        "leaf_targetids": targets.tolist(),
        "leaf_weights": onnx.numpy_helper.from_array(joined("weight").astype(kind), "leaf_weights"),
    }


def _constant(value: float, target: int) -> Tree:
    """Return a tree of one leaf."""
    nothing = np.zeros(1, np.int64)
    return Tree(nothing, np.zeros(1), nothing, nothing, np.ones(1, bool), np.full((1, 1), value), np.zeros(1, bool), target)


def _by_target(tree: Tree, targets: int) -> list[Tree]:
    """Return a tree for each column of the answer that it adds to."""
    if tree.target is not None:
        return [tree]
    return [tree._replace(value=tree.value[:, [target]], target=target) for target in range(targets)]


def _nodes(tree: Tree) -> dict[str, Any]:
    """Return a tree as its inner nodes and its leaves, each counted from zero."""
    if len(tree.leaf) == 1 or tree.leaf[0]:
        zero, one = np.zeros(1, np.int64), np.ones(1, bool)
        return {"feature": zero, "split": np.zeros(1), "yes": zero, "no": zero, "yes_leaf": one, "no_leaf": one, "nan_yes": ~one, "weight": tree.value[:1, 0]}
    inner = np.flatnonzero(~tree.leaf)
    place = np.zeros(len(tree.leaf), np.int64)
    place[inner] = np.arange(len(inner))
    ends = np.flatnonzero(tree.leaf)
    place[ends] = np.arange(len(ends))
    yes, no = tree.yes[inner], tree.no[inner]
    return {
        "feature": tree.feature[inner].astype(np.int64), "split": tree.split[inner], "yes": place[yes], "no": place[no],
        "yes_leaf": tree.leaf[yes], "no_leaf": tree.leaf[no], "nan_yes": tree.nan_yes[inner], "weight": tree.value[ends, 0],
    }  # fmt: skip
