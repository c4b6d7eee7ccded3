"""The trees of XGBoost, LightGBM and CatBoost, read from what these libraries themselves write about their models.

The one rule: a model with anything that is not read here is refused by name, and never exported without it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation, quoted
from holdfast.exports.members import HALF, Questions
from holdfast.exports.tree_tables import Tree, Trees

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
    questions = Questions(int(about["num_feature"]), "floor")  # a negative value is no category, even above -1
    asked = _xgboost_categories(inner["trees"][:kept])
    for column, known in asked.items():
        questions.knows(column, sorted(known))
    trees = [_xgboost_tree(one, info, questions, 1.0 if weights is None else weights[place])
             for place, (one, info) in enumerate(zip(inner["trees"][:kept], inner["tree_info"][:kept], strict=True))]  # fmt: skip
    base = np.resize(np.array(json.loads(about["base_score"]) if about["base_score"].startswith("[") else [float(about["base_score"])], np.float32), targets)
    with np.errstate(all="ignore"):
        base = -np.log(np.float32(1) / base - np.float32(1)) if links == "logistic" else np.log(base) if links == "exp" else base
    return Trees(questions.placed(trees), targets, columns=tuple(questions.columns()), below=True, single=True, base=base.astype(float), link=links)


def _rounds(model: Any, booster: Any, inner: dict[str, Any], targets: int) -> int:
    """Return how many trees answer: those up to the best iteration where training stopped early."""
    try:
        best = model.best_iteration if model is not booster else None
    except AttributeError:
        best = None
    ends = inner.get("iteration_indptr")
    return len(inner["trees"]) if best is None or ends is None else int(ends[min(best + 1, len(ends) - 1)])


def _xgboost_sets(one: dict[str, Any]) -> Iterator[tuple[int, set[int]]]:
    """Yield the nodes of a tree that split by category, with their categories."""
    values = one["categories"]
    for node, start, size in zip(one["categories_nodes"], one["categories_segments"], one["categories_sizes"], strict=True):
        yield int(node), set(map(int, values[start : start + size]))


def _xgboost_categories(trees: list[dict[str, Any]]) -> dict[int, set[int]]:
    """Return column -> every category that a tree asks about."""
    found: dict[int, set[int]] = {}
    for one in trees:
        for node, chosen in _xgboost_sets(one):
            found.setdefault(int(one["split_indices"][node]), set()).update(chosen)
    return found


def _xgboost_tree(one: dict[str, Any], target: int, questions: Questions, weight: float) -> Tree:
    if int(one["tree_param"]["size_leaf_vector"]) > 1:
        raise UnsupportedOperation("XGBoost's trees with several values a leaf cannot be exported; train with multi_strategy='one_output_per_tree'")
    left, right = np.array(one["left_children"]), np.array(one["right_children"])
    leaf = left < 0
    conditions = np.array(one["split_conditions"], np.float32)
    value = (conditions * np.float32(weight)).astype(float)
    feature, split = np.where(leaf, 0, np.array(one["split_indices"])), conditions.astype(float)
    missing = np.array(one["default_left"], bool)
    for node, chosen in _xgboost_sets(one):
        # a category of the set goes right; what is no category goes left
        answers = [int(known) not in chosen for known in questions.categories(int(feature[node]))]
        feature[node] = questions.ask(int(feature[node]), [*answers, True, bool(missing[node])])
        split[node] = HALF
    return Tree(feature, split, left, right, leaf, value[:, None], missing, int(target))


# -- LightGBM --------------------------------------------------------------------------------------------------------------

LIGHTGBM_LINKS = {
    "binary": "logistic", "cross_entropy": "logistic", "multiclass": "softmax", "multiclassova": "one-vs-all", "poisson": "exp", "gamma": "exp",
    "tweedie": "exp", "regression": "identity", "regression_l1": "identity", "huber": "identity", "fair": "identity", "quantile": "identity",
    "mape": "identity", "lambdarank": "identity", "rank_xendcg": "identity",
}  # fmt: skip
"""Objective -> what LightGBM does with the sum."""


NEAR_ZERO = float(np.float32(1e-35))
"""LightGBM takes a value no farther from zero than this for zero."""


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
    questions = Questions(int(about["max_feature_idx"]) + 1, "cut")
    for column, known in _lightgbm_categories(about).items():
        questions.knows(column, sorted(known))
    trees = [_lightgbm_tree(one["tree_structure"], place % targets, questions) for place, one in enumerate(about["tree_info"])]
    return Trees(questions.placed(trees), targets, columns=tuple(questions.columns()), rounds=False, link=link, scale=float(options.get("sigmoid", 1.0)), over=len(trees) / targets if about.get("average_output") else 0.0, zero=NEAR_ZERO)


def _lightgbm_nodes(about: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [one["tree_structure"] for one in about["tree_info"]]
    while waiting:
        node = waiting.pop()
        if "leaf_value" not in node:
            yield node
            waiting += [node["left_child"], node["right_child"]]


def _lightgbm_categories(about: dict[str, Any]) -> dict[int, set[int]]:
    """Return column -> every category that a tree asks about."""
    found: dict[int, set[int]] = {}
    for node in _lightgbm_nodes(about):
        if node["decision_type"] == "==":
            found.setdefault(node["split_feature"], set()).update(map(int, node["threshold"].split("||")))
    return found


def _lightgbm_tree(root: dict[str, Any], target: int, questions: Questions) -> Tree:
    nodes = [root]
    rows = []
    for node in nodes:
        if "leaf_value" in node:
            rows.append((0, 0.0, -1, -1, True, node["leaf_value"], False))
            continue
        if node["decision_type"] == "==":
            # a missing value, and one that is no category, is never one of the set
            known = questions.categories(node["split_feature"])
            chosen = set(map(int, node["threshold"].split("||")))
            asked = questions.ask(node["split_feature"], [*(int(one) in chosen for one in known), False, False])
            rows.append((asked, HALF, len(nodes), len(nodes) + 1, False, 0.0, False))
            nodes += [node["left_child"], node["right_child"]]
            continue
        if node["decision_type"] != "<=":
            raise UnsupportedOperation(f"LightGBM's comparison {quoted(node['decision_type'])} cannot be exported")
        if node["missing_type"] == "Zero":
            raise UnsupportedOperation("LightGBM models trained with zero_as_missing cannot be exported; train without it")
        # where no value was missing in training, LightGBM takes a missing one for zero
        nan_yes = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
        rows.append((node["split_feature"], node["threshold"], len(nodes), len(nodes) + 1, False, 0.0, nan_yes))
        nodes += [node["left_child"], node["right_child"]]
    feature, split, yes, no, leaf, value, nan_yes = (np.array(column) for column in zip(*rows, strict=True))
    return Tree(feature.astype(np.int64), split.astype(float), yes.astype(np.int64), no.astype(np.int64), leaf, value.astype(float)[:, None], nan_yes.astype(bool), target)


# -- CatBoost --------------------------------------------------------------------------------------------------------------

CATBOOST_LINKS = {
    "Logloss": "logistic", "CrossEntropy": "logistic", "MultiClass": "softmax", "RMSE": "identity", "MAE": "identity", "Quantile": "identity", "MAPE": "identity",
    "Huber": "identity", "LogCosh": "identity", "Expectile": "identity", "Lq": "identity", "Poisson": "exp", "Tweedie": "exp",
}  # fmt: skip
"""Loss -> what CatBoost does with the sum."""


def catboost_trees(model: Any) -> Trees:
    """Return the trees of a model of CatBoost: symmetric ones, of columns of numbers."""
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "model.json")
        model.save_model(place, format="json")
        with open(place, encoding="utf-8") as file:
            about = json.load(file)
    loss = str(model.get_all_params().get("loss_function", "")).partition(":")[0]
    if loss not in CATBOOST_LINKS:
        raise UnsupportedOperation(f"CatBoost's loss {quoted(loss)} cannot be exported; known are {', '.join(sorted(CATBOOST_LINKS))}")
    known = set(about["features_info"])
    if "oblivious_trees" not in about or any(about["features_info"][name] for name in known - {"float_features"}):
        raise UnsupportedOperation("CatBoost models of categories, texts or other than symmetric trees cannot be exported; encode categories with OneHotEncoder")
    scale, base = about["scale_and_bias"]
    features = about["features_info"]["float_features"]
    columns = np.array([one["flat_feature_index"] for one in features])
    last = np.array([one["nan_value_treatment"] == "AsTrue" for one in features])
    trees = [tree for one in about["oblivious_trees"] for tree in _catboost_tree(one, len(base), columns, last, float(scale))]
    return Trees(trees, len(base), base=np.asarray(base, float), link=CATBOOST_LINKS[loss])


def _catboost_tree(one: dict[str, Any], targets: int, columns: Any, last: Any, scale: float) -> list[Tree]:
    """Return a symmetric tree, which compares the same on each level, with all its nodes; one for each column of the answer."""
    splits = one["splits"] or []
    if any(split["split_type"] != "FloatFeature" for split in splits):
        raise UnsupportedOperation("CatBoost's splits by category cannot be exported; encode categories with OneHotEncoder")
    depth = len(splits)
    count = 2 ** (depth + 1) - 1
    level = np.floor(np.log2(np.arange(count) + 1)).astype(int)
    leaf = level == depth
    at = np.minimum(level, max(depth - 1, 0))
    # the children of node n are 2n+1 and 2n+2; the first comparison decides the lowest bit of the leaf's number
    index = np.array([split["float_feature_index"] for split in splits] or [0])
    border = np.array([split["border"] for split in splits] or [0.0], np.float32).astype(float)
    path = np.arange(count) + 1 - 2**level
    number = np.zeros(count, int)
    for place in range(depth):
        number |= ((path >> np.maximum(level - 1 - place, 0)) & 1) << place
    values = np.asarray(one["leaf_values"], float).reshape(-1, targets)
    yes = 2 * np.arange(count) + 1
    feature = np.where(leaf, 0, columns[index[at]])
    return [
        Tree(feature, border[at], yes, yes + 1, leaf, np.where(leaf, values[np.where(leaf, number, 0), target], 0.0)[:, None] * scale, ~last[index[at]], target)
        for target in range(targets)
    ]


READERS = {"xgboost": xgboost_trees, "lightgbm": lightgbm_trees, "catboost": catboost_trees}
"""Library -> what reads the trees of its models."""
