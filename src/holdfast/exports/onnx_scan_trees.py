"""Looking at the tables of trees in an ONNX graph, which a runtime walks without looking.

The one rule: every node has at most one parent and a place in the table, so that no walk leaves it or runs in a circle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import FormatError

OLD = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")


def check_trees(node: Any, widths: dict[str, int]) -> None:
    """Check one node, when it is one of trees.

    Args:
        node: a ``NodeProto``.
        widths: columns of what goes into nodes, where that is known.

    Raises:
        FormatError: the tables contradict each other.
    """
    if node.op_type not in (*OLD, "TreeEnsemble"):
        return
    fields = {one.name: one for one in node.attribute}

    def ints(name: str) -> Any:
        return np.asarray(fields[name].ints, np.int64) if name in fields else np.zeros(0, np.int64)

    features = ints("nodes_featureids")
    width = widths.get(node.input[0]) if node.input else None
    if len(features) and (features.min() < 0 or (width is not None and features.max() >= width)):
        raise FormatError(f"trees look at column {int(features.max())}, and the rows have {width}")
    if node.op_type == "TreeEnsemble":
        _check_new(fields, ints)
    else:
        _check_old(fields, ints)


def _check_new(fields: dict[str, Any], ints: Any) -> None:
    roots, yes, no = ints("tree_roots"), ints("nodes_truenodeids"), ints("nodes_falsenodeids")
    yes_leaf, no_leaf = ints("nodes_trueleafs"), ints("nodes_falseleafs")
    targets, count = ints("leaf_targetids"), len(yes)
    leaves = len(targets)
    wide = int(fields["n_targets"].i) if "n_targets" in fields else 1
    if not len({len(no), len(yes_leaf), len(no_leaf), len(ints("nodes_featureids")), count}) == 1 or not count or not len(roots):
        raise FormatError("the tables of trees have different lengths")
    for name in ("nodes_splits", "nodes_modes"):
        if name not in fields or list(fields[name].t.dims) != [count]:
            raise FormatError(f"the table {name} of trees has another length than the others")
    if "leaf_weights" not in fields or list(fields["leaf_weights"].t.dims) != [leaves]:
        raise FormatError("the tables of leaves have different lengths")
    if leaves and (targets.min() < 0 or targets.max() >= wide):
        raise FormatError("a leaf adds to a column that the answer does not have")
    ends = np.concatenate([yes[yes_leaf != 0], no[no_leaf != 0]])
    inner = np.concatenate([yes[yes_leaf == 0], no[no_leaf == 0]])
    if (len(ends) and (ends.min() < 0 or ends.max() >= leaves)) or (len(inner) and (inner.min() < 0 or inner.max() >= count)):
        raise FormatError("a branch of a tree leads out of the table")
    if roots.min() < 0 or roots.max() >= count:
        raise FormatError("a tree begins outside of the table")
    parents = np.bincount(inner, minlength=count)
    parents[roots] += np.bincount(roots, minlength=count)[roots] > 0
    if (parents > 1).any():
        raise FormatError("a node of a tree has two parents, so a walk could run in a circle")


def _check_old(fields: dict[str, Any], ints: Any) -> None:
    tree, place, yes, no = ints("nodes_treeids"), ints("nodes_nodeids"), ints("nodes_truenodeids"), ints("nodes_falsenodeids")
    modes = list(fields["nodes_modes"].strings) if "nodes_modes" in fields else []
    if len({len(tree), len(place), len(yes), len(no), len(modes), len(ints("nodes_featureids"))}) != 1 or not len(tree):
        raise FormatError("the tables of trees have different lengths")
    where = {pair: number for number, pair in enumerate(zip(tree.tolist(), place.tolist(), strict=True))}
    if len(where) != len(tree):
        raise FormatError("two nodes of a tree have one number")
    parents = np.zeros(len(tree), int)
    for number, mode in enumerate(modes):
        if mode == b"LEAF":
            continue
        for child in {int(yes[number]), int(no[number])}:
            found = where.get((int(tree[number]), child))
            if found is None:
                raise FormatError("a branch of a tree leads out of the table")
            parents[found] += 1
    if (parents > 1).any():
        raise FormatError("a node of a tree has two parents, so a walk could run in a circle")
    for kind in ("class", "target"):
        owners = list(zip(ints(f"{kind}_treeids").tolist(), ints(f"{kind}_nodeids").tolist(), strict=False))
        if any(pair not in where for pair in owners):
            raise FormatError("a leaf has a weight and no node")
