"""What models of trees compute, as nodes of ONNX: sum of leaves, link, label.

The one rule: each step is the library's own, in its order and its precision; where it rounds rows to float32, so does the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports.boosters import READERS
from holdfast.exports.hist_trees import hist_trees
from holdfast.exports.members import widened
from holdfast.exports.onnx_writer import ML, Writer
from holdfast.exports.tree_node import attributes
from holdfast.exports.tree_tables import Trees, sklearn_tree

FLOAT, INT64, DOUBLE = 1, 7, 11
"""Numbers that ONNX has for dtypes."""


def summed(w: Writer, rows: str, trees: Trees) -> str:
    """Write the sum of the leaves; returns (rows, targets), float32 or float64 as the library computes."""
    if trees.rounds:
        rows = w.node("Cast", [rows], to=FLOAT)
    if not (trees.rounds and trees.single):
        rows = w.node("Cast", [rows], to=FLOAT if trees.single else DOUBLE)
    if trees.zero:
        near = w.node("LessOrEqual", [w.node("Abs", [rows]), w.constant(_number(trees.zero, trees))])
        rows = w.node("Where", [near, w.constant(_number(0.0, trees)), rows])
    if trees.columns:
        rows = widened(w, rows, list(trees.columns), np.float32 if trees.single else np.float64)
    total = w.node("TreeEnsemble", [rows], domain=ML, **attributes(trees))
    if trees.over:
        total = w.node("Div", [total, w.constant(_number(trees.over, trees))])
    return total


def _number(value: float, trees: Trees) -> Any:
    return np.array([value], np.float32 if trees.single else np.float64)


def linked(w: Writer, total: str, trees: Trees) -> str:
    """Write what is done with the sum."""
    if trees.scale != 1.0 and trees.link in ("logistic", "one-vs-all"):
        total = w.node("Mul", [total, w.constant(_number(trees.scale, trees))])
    if trees.link == "logistic":
        return _logistic(w, total, trees)
    if trees.link == "softmax":
        return w.node("Softmax", [total], axis=1)
    if trees.link == "one-vs-all":
        return _logistic(w, total, trees)
    if trees.link == "exp":
        return w.node("Exp", [total])
    if trees.link == "square":
        return w.node("Mul", [total, w.node("Abs", [total])])
    return total


def _logistic(w: Writer, total: str, trees: Trees) -> str:
    # written out, because the runtime's own Sigmoid is an approximation in float64
    one = w.constant(_number(1.0, trees))
    return w.node("Div", [one, w.node("Add", [one, w.node("Exp", [w.node("Neg", [total])])])])


def both(w: Writer, second: str, trees: Trees) -> str:
    """Write the probabilities of two classes, from (rows, 1) of the second."""
    first = w.node("Sub", [w.constant(_number(1.0, trees)), second])
    return w.node("Concat", [first, second], axis=1)


def labelled(w: Writer, places: str, classes: Any, output: str) -> None:
    """Write the labels from places in the list of classes."""
    classes = np.asarray(classes)
    known = classes.astype(np.int64) if classes.dtype.kind in "iubf" else classes
    w.node("Gather", [w.constant(known), places], [output])


def argmax(w: Writer, scores: str) -> str:
    """Write the place of the largest value of each row, the first where there are several."""
    return w.node("ArgMax", [scores], axis=1, keepdims=0)


def above(w: Writer, scores: str, limit: Any, inclusive: bool = False) -> str:
    """Write 1 for rows of (rows, 1) above a limit, else 0."""
    flat = w.node("Reshape", [scores, w.constant(np.array([-1], np.int64))])
    bound = w.constant(limit)
    over = w.node("GreaterOrEqual" if inclusive else "Greater", [flat, bound])
    return w.node("Cast", [over], to=INT64)


# -- scikit-learn ----------------------------------------------------------------------------------------------------------


def forest(w: Writer, model: Any, rows: str) -> str:
    """Write a tree or a forest; returns (rows, classes) or (rows, 1)."""
    members = [model] if hasattr(model, "tree_") else list(model.estimators_)
    if getattr(model, "n_outputs_", 1) != 1:
        raise UnsupportedOperation(f"{type(model).__name__} of several outputs cannot be exported; export a model for each output")
    tables = [sklearn_tree(one.tree_) for one in members]
    return summed(w, rows, Trees(tables, tables[0].value.shape[1], over=0.0 if hasattr(model, "tree_") else float(len(tables))))


def boosting(w: Writer, model: Any, rows: str) -> tuple[str, Trees]:
    """Write gradient boosting; returns the sums, and what was summed."""
    stages = model.estimators_
    width = stages.shape[1]
    if type(model.init_).__name__ not in ("DummyClassifier", "DummyRegressor") and model.init_ != "zero":
        raise UnsupportedOperation(f"{type(model).__name__} with init={type(model.init_).__name__} cannot be exported; train it with the default init")
    base = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32)).ravel()
    tables = [sklearn_tree(one.tree_, model.learning_rate, target) for stage in stages for target, one in enumerate(stage)]
    loss = getattr(model, "loss", "")
    link = "identity" if not hasattr(model, "classes_") else "logistic" if width == 1 else "softmax"
    trees = Trees(tables, width, base=base, link=link, scale=2.0 if loss == "exponential" else 1.0)
    return summed(w, rows, trees), trees


def hist_boosting(w: Writer, model: Any, rows: str, coded: frozenset[int] = frozenset()) -> tuple[str, Trees]:
    """Write histogram gradient boosting; returns the sums, and what was summed."""
    trees = hist_trees(model, coded)
    return summed(w, rows, trees), trees


def adaptive(w: Writer, model: Any, rows: str) -> tuple[str, str]:
    """Write AdaBoost of trees; returns probabilities and places of labels."""
    count = model.n_classes_
    tables = []
    for one, weight in zip(model.estimators_, model.estimator_weights_, strict=False):
        votes = one.tree_.value[:, 0, :].argmax(axis=1)
        own = model.classes_.searchsorted(one.classes_[votes])
        tables.append(sklearn_tree(one.tree_, values=np.where(own[:, None] == np.arange(count), weight, -1 / (count - 1) * weight)))
    trees = Trees(tables, count, over=float(model.estimator_weights_.sum()))
    total = summed(w, rows, trees)
    if count > 2:
        return w.node("Softmax", [w.node("Div", [total, w.constant(np.array([count - 1.0]))])], axis=1), argmax(w, total)
    signed = w.node("Mul", [total, w.constant(np.array([[-1.0, 1.0]]))])
    decided = w.node("ReduceSum", [signed, w.constant(np.array([1], np.int64))], keepdims=1)
    halves = w.node("Div", [w.node("Concat", [w.node("Neg", [decided]), decided], axis=1), w.constant(np.array([2.0]))])
    return w.node("Softmax", [halves], axis=1), above(w, decided, np.zeros(1))


def isolation(w: Writer, model: Any, rows: str) -> tuple[str, str]:
    """Write an isolation forest; returns labels (rows,) and ``decision_function`` (rows, 1)."""
    from sklearn.ensemble._iforest import _average_path_length

    tables = []
    for place, (one, columns) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        depth = model._decision_path_lengths[place] + model._average_path_length_per_tree[place] - 1.0
        tables.append(sklearn_tree(one.tree_, target=0, columns=columns, values=np.asarray(depth, float)[:, None]))
    trees = Trees(tables, 1)
    total = summed(w, rows, trees)
    shallow = float(np.ravel(_average_path_length([model._max_samples]))[0]) * len(tables)
    parts = w.node("Div", [total, w.constant(_number(-shallow, trees))]) if shallow else total
    scores = w.node("Neg", [w.node("Pow", [w.constant(_number(2.0, trees)), parts])])
    decided = w.node("Sub", [scores, w.constant(_number(float(model.offset_), trees))])
    inside = above(w, decided, np.zeros(1), inclusive=True)
    two = w.node("Mul", [inside, w.constant(np.array([2], np.int64))])
    return w.node("Sub", [two, w.constant(np.array([1], np.int64))]), decided


# -- boosters --------------------------------------------------------------------------------------------------------------


def classifier_answers(w: Writer, total: str, trees: Trees, zero: str) -> tuple[str, str]:
    """Write probabilities and places of labels from sums.

    Args:
        w: where nodes go.
        total: the sums, (rows, targets).
        trees: what was summed.
        zero: how a library of two classes decides: ``sum>=0``, ``sum>0``, ``probability>0.5``, or ``argmax`` of both probabilities.
    """
    answer = linked(w, total, trees)
    if trees.targets > 1:
        if trees.link == "one-vs-all" and zero == "argmax":
            return answer, argmax(w, answer)
        return answer, argmax(w, total if zero != "argmax" else answer)
    together = both(w, answer, trees)
    if zero == "argmax":
        return together, argmax(w, together)
    if zero == "probability>0.5":
        return together, above(w, answer, _number(0.5, trees))
    return together, above(w, total, _number(0.0, trees), inclusive=zero == "sum>=0")


def booster_answers(w: Writer, model: Any, rows: str) -> tuple[str, Trees, str]:
    """Write a booster's model; returns the sums, what was summed, and how it decides between two classes."""
    module = type(model).__module__.partition(".")[0]
    if module == "_catboost":
        module = "catboost"
    trees = READERS[module](model)
    return summed(w, rows, trees), trees, ZERO[module]


ZERO = {"xgboost": "probability>0.5", "lightgbm": "argmax", "catboost": "sum>0"}
"""Library -> how it decides between two classes; see `classifier_answers`."""
