"""The trees of any library as one kind of table: which column, which value, which way.

The one rule: a table says what the library's own code computes, in the precision in which it computes it; what it cannot say is refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from holdfast.errors import UnsupportedOperation


class Tree(NamedTuple):
    """One tree: arrays with an entry for each node, the root first.

    Attributes:
        feature: column that is compared.
        split: value it is compared with, float64.
        yes: node to go to when the comparison holds.
        no: node to go to when it does not.
        leaf: whether the node is a leaf.
        value: array (nodes, columns of the answer); only leaves count.
        nan_yes: whether a missing value goes to ``yes``.
        target: the column of the answer that the one column of ``value`` adds to, or None when it has all of them.
    """

    feature: Any
    split: Any
    yes: Any
    no: Any
    leaf: Any
    value: Any
    nan_yes: Any
    target: int | None = None


class Trees(NamedTuple):
    """Trees whose leaves are summed.

    Attributes:
        trees: in the order in which they are summed.
        targets: columns of the answer.
        below: the comparison is ``<``; otherwise it is ``<=``.
        single: the library computes in float32; otherwise in float64.
        rounds: the library rounds rows to float32 before it compares.
        base: what the sum begins with, for each column.
        link: what is done with the sum: ``identity``, ``logistic``, ``softmax``, ``exp``, ``one-vs-all``, ``square``.
        scale: what the sum is multiplied with before the link.
        zero: rows this close to zero, or closer, count as zero.
        columns: columns of categories, whose questions are columns behind those of the rows; see `holdfast.exports.members`.
        over: what the sum is divided by, such as the number of trees, or 0.
    """

    trees: list[Tree]
    targets: int
    below: bool = False
    single: bool = False
    rounds: bool = True
    base: Any = None
    link: str = "identity"
    scale: float = 1.0
    over: float = 0.0
    zero: float = 0.0
    columns: Any = ()


def sklearn_tree(tree: Any, scale: float = 1.0, target: int | None = None, columns: Any = None, values: Any = None) -> Tree:
    """Return a tree of scikit-learn.

    Args:
        tree: a ``sklearn.tree._tree.Tree``.
        scale: what its leaves are multiplied with.
        target: see `Tree`.
        columns: columns of the rows that its columns are, for trees that see some.
        values: leaves to use in place of its own, an array (nodes, columns).
    """
    leaf = tree.children_left < 0
    if values is None:
        if tree.value.shape[1] != 1:
            raise UnsupportedOperation("trees of several outputs cannot be exported; export a model for each output")
        values = tree.value[:, 0, :] * scale if scale != 1.0 else tree.value[:, 0, :]
    feature = np.where(leaf, 0, tree.feature)
    missing = getattr(tree, "missing_go_to_left", None)
    return Tree(feature if columns is None else np.asarray(columns)[feature], tree.threshold.astype(float), tree.children_left, tree.children_right,
                leaf, np.asarray(values, float), np.zeros(len(leaf), bool) if missing is None else np.asarray(missing, bool), target)  # fmt: skip
