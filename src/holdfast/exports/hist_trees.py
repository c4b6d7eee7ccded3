"""The trees of scikit-learn's histogram gradient boosting, with their splits by category.

The one rule: columns are those of the rows that the user gives; scikit-learn itself puts columns of categories first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports.members import HALF, Questions
from holdfast.exports.tree_tables import Tree, Trees

LINKS = {"IdentityLink": "identity", "LogLink": "exp", "LogitLink": "logistic", "HalfLogitLink": "logistic", "MultinomialLogit": "softmax"}
"""Class of the loss' link -> what is done with the sum."""


def hist_trees(model: Any, coded: frozenset[int] = frozenset()) -> Trees:
    """Return the trees of a model of histogram gradient boosting.

    Args:
        model: the model.
        coded: columns whose categories come as their numbers, as texts do.

    Raises:
        UnsupportedOperation: its link is not known.
    """
    inverse = type(model._loss.link).__name__
    if inverse not in LINKS:
        raise UnsupportedOperation(f"{type(model).__name__} with the link {inverse} cannot be exported")
    base = np.asarray(model._baseline_prediction, float).ravel()
    questions = Questions(int(model.n_features_in_))
    places = np.arange(questions.width)
    codes: dict[int, Any] = {}
    if getattr(model, "_preprocessor", None) is not None:
        chosen = np.asarray(model.is_categorical_, bool)
        places = np.concatenate([np.flatnonzero(chosen), np.flatnonzero(~chosen)])
        encoder = model._preprocessor.named_transformers_["encoder"]
        for number, categories in enumerate(encoder.categories_):
            known = [code for code, one in enumerate(categories) if one == one and one is not None]
            codes[number] = known
            place = int(places[number])
            as_given = place not in coded and np.asarray(categories).dtype.kind in "fiub"
            questions.knows(place, np.asarray(categories)[known].astype(float) if as_given else np.arange(len(known), dtype=float))
    trees = [_tree(one, target, questions, places, codes) for stage in model._predictors for target, one in enumerate(stage)]
    return Trees(questions.placed(trees), len(base), rounds=False, base=base, link=LINKS[inverse], columns=tuple(questions.columns()))


def _tree(predictor: Any, target: int, questions: Questions, places: Any, codes: dict[int, Any]) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    feature = np.where(leaf, 0, places[np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64)])
    split = nodes["num_threshold"].astype(float)
    missing = nodes["missing_go_to_left"].astype(bool)
    for number in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf):
        bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][number]]
        known = codes[int(nodes["feature_idx"][number])]
        answers = [bool(bits[code // 32] >> (code % 32) & 1) for code in known] + [bool(missing[number])] * 2
        feature[number] = questions.ask(int(feature[number]), answers)
        split[number] = HALF
    return Tree(feature, split, nodes["left"].astype(np.int64), nodes["right"].astype(np.int64), leaf, nodes["value"].astype(float)[:, None], missing, target)
