"""The trees of any library as one kind of table: which column, which value, which way.

The one rule: a table says what the library's own code computes, in the precision in which it computes it; what it cannot say is refused.
"""

from __future__ import annotations

import json
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


def hist_tree(predictor: Any, target: int) -> Tree:
    """Return a tree of scikit-learn's histogram gradient boosting."""
    nodes = predictor.nodes
    if nodes["is_categorical"].any():
        raise UnsupportedOperation("histogram gradient boosting with categorical columns cannot be exported; encode them with OneHotEncoder before it")
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64), nodes["num_threshold"].astype(float), nodes["left"].astype(np.int64), nodes["right"].astype(np.int64),
                leaf, nodes["value"].astype(float)[:, None], nodes["missing_go_to_left"].astype(bool), target)  # fmt: skip


# -- XGBoost ---------------------------------------------------------------------------------------------------------------

XGBOOST_LINKS = {
    "binary:logistic": "logistic", "reg:logistic": "logistic", "multi:softprob": "softmax", "multi:softmax": "softmax", "count:poisson": "exp",
    "reg:gamma": "exp", "reg:tweedie": "exp", "reg:squarederror": "identity", "reg:absoluteerror": "identity", "reg:pseudohubererror": "identity",
    "reg:squaredlogerror": "identity", "reg:quantileerror": "identity", "rank:ndcg": "identity", "rank:pairwise": "identity", "rank:map": "identity",
}  # fmt: skip
"""Objective -> what XGBoost does with the sum."""


def xgboost_trees(model: Any) -> Trees:
    """Return the trees of a booster of XGBoost, or of a model of its scikit-learn interface."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    objective = learner["objective"]["name"]
    if objective not in XGBOOST_LINKS:
        raise UnsupportedOperation(f"XGBoost's objective {objective} cannot be exported; known are {', '.join(sorted(XGBOOST_LINKS))}")
    boosted = learner["gradient_booster"]
    weights = None
    if boosted["name"] == "dart":
        weights, boosted = boosted["weight_drop"], boosted["gbtree"]
    elif boosted["name"] != "gbtree":
        raise UnsupportedOperation(f"XGBoost's booster {boosted['name']} cannot be exported; train with booster='gbtree'")
    inner = boosted["model"]
    links = XGBOOST_LINKS[objective]
    about = learner["learner_model_param"]
    targets = max(int(about["num_class"]), int(about["num_target"]), 1)
    kept = _rounds(model, booster, inner, targets)
    trees = [_xgboost_tree(one, info, 1.0 if weights is None else weights[place])
             for place, (one, info) in enumerate(zip(inner["trees"][:kept], inner["tree_info"][:kept], strict=True))]  # fmt: skip
    base = np.resize(np.array(json.loads(about["base_score"]) if about["base_score"].startswith("[") else [float(about["base_score"])], np.float32), targets)
    with np.errstate(all="ignore"):
        base = -np.log(np.float32(1) / base - np.float32(1)) if links == "logistic" else np.log(base) if links == "exp" else base
    return Trees(trees, targets, below=True, single=True, base=base.astype(float), link=links)


def _rounds(model: Any, booster: Any, inner: dict[str, Any], targets: int) -> int:
    """Return how many trees answer: those up to the best iteration where training stopped early."""
    try:
        best = model.best_iteration if model is not booster else None
    except AttributeError:
        best = None
    ends = inner.get("iteration_indptr")
    return len(inner["trees"]) if best is None or ends is None else int(ends[min(best + 1, len(ends) - 1)])


def _xgboost_tree(one: dict[str, Any], target: int, weight: float) -> Tree:
    if int(one["tree_param"]["size_leaf_vector"]) > 1:
        raise UnsupportedOperation("XGBoost's trees with several values a leaf cannot be exported; train with multi_strategy='one_output_per_tree'")
    if any(one["split_type"]):
        raise UnsupportedOperation("XGBoost's splits by category cannot be exported; encode categories with OneHotEncoder")
    left, right = np.array(one["left_children"]), np.array(one["right_children"])
    leaf = left < 0
    conditions = np.array(one["split_conditions"], np.float32)
    value = (conditions * np.float32(weight)).astype(float)
    return Tree(np.where(leaf, 0, np.array(one["split_indices"])), conditions.astype(float), left, right, leaf, value[:, None], np.array(one["default_left"], bool), int(target))


# -- LightGBM --------------------------------------------------------------------------------------------------------------

LIGHTGBM_LINKS = {
    "binary": "logistic", "cross_entropy": "logistic", "multiclass": "softmax", "multiclassova": "one-vs-all", "poisson": "exp", "gamma": "exp",
    "tweedie": "exp", "regression": "identity", "regression_l1": "identity", "huber": "identity", "fair": "identity", "quantile": "identity",
    "mape": "identity", "lambdarank": "identity", "rank_xendcg": "identity",
}  # fmt: skip
"""Objective -> what LightGBM does with the sum."""


def lightgbm_trees(model: Any) -> Trees:
    """Return the trees of a booster of LightGBM, or of a model of its scikit-learn interface."""
    booster = getattr(model, "booster_", model)
    about = booster.dump_model()
    words = str(about.get("objective", "")).split()
    if not words or words[0] not in LIGHTGBM_LINKS:
        raise UnsupportedOperation(f"LightGBM's objective {' '.join(words) or '(a function)'} cannot be exported; known are {', '.join(sorted(LIGHTGBM_LINKS))}")
    options = dict(word.partition(":")[::2] for word in words[1:])
    targets = int(about["num_tree_per_iteration"])
    link = "square" if "sqrt" in options else LIGHTGBM_LINKS[words[0]]
    trees = [_lightgbm_tree(one["tree_structure"], place % targets) for place, one in enumerate(about["tree_info"])]
    return Trees(trees, targets, rounds=False, link=link, scale=float(options.get("sigmoid", 1.0)), over=len(trees) / targets if about.get("average_output") else 0.0)


def _lightgbm_tree(root: dict[str, Any], target: int) -> Tree:
    nodes = [root]
    rows = []
    for node in nodes:
        if "leaf_value" in node:
            rows.append((0, 0.0, -1, -1, True, node["leaf_value"], False))
            continue
        if node["decision_type"] != "<=":
            raise UnsupportedOperation("LightGBM's splits by category cannot be exported; encode categories with OneHotEncoder")
        if node["missing_type"] == "Zero":
            raise UnsupportedOperation("LightGBM models trained with zero_as_missing cannot be exported; train without it")
        # where no value was missing in training, LightGBM takes a missing one for zero
        nan_yes = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
        rows.append((node["split_feature"], node["threshold"], len(nodes), len(nodes) + 1, False, 0.0, nan_yes))
        nodes += [node["left_child"], node["right_child"]]
    feature, split, yes, no, leaf, value, nan_yes = (np.array(column) for column in zip(*rows, strict=True))
    return Tree(feature.astype(np.int64), split.astype(float), yes.astype(np.int64), no.astype(np.int64), leaf, value.astype(float)[:, None], nan_yes.astype(bool), target)
