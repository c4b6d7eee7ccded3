"""Classifiers that are made of others which decide without probabilities: one against the rest, one against one, and bags that vote.

skl2onnx reads probabilities out of the inner classifiers, and these have none: support vector machines, ridges, perceptrons.

The one rule: votes and decisions are counted as scikit-learn counts them; inner classifiers are written by their own translation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports import onnx_trees
from holdfast.exports.onnx_writer import ContainerWriter, Writer

DECIDING = ("SVC", "NuSVC")
"""Classifiers whose translation of ours gives the decision of two classes as one column."""
LINEAR = ("LogisticRegression", "LogisticRegressionCV", "LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron", "SGDClassifier", "PassiveAggressiveClassifier")
"""Classifiers whose decision is a product and a sum, and is written here for all of them at once."""


def is_voting(model: Any) -> bool:
    """Say whether a model is one that is written here: where labels come out of decisions, or of votes, and not of probabilities."""
    inside = getattr(model, "estimators_", None)
    if type(model).__name__ == "BaggingClassifier":
        return bool(inside) and not any(hasattr(one, "predict_proba") for one in inside or ())
    if type(model).__name__ not in ("OneVsRestClassifier", "OneVsOneClassifier"):
        return False
    if not inside or (type(model).__name__ == "OneVsRestClassifier" and model.multilabel_ and hasattr(inside[0], "predict_proba")):
        return False
    return all(type(one).__name__ in DECIDING and not hasattr(one, "predict_proba") for one in inside) or (
        all(type(one).__name__ in LINEAR for one in inside) and (type(model).__name__ == "OneVsOneClassifier" or _sigmoid(model) or not hasattr(inside[0], "predict_proba"))
    )


def _sigmoid(model: Any) -> bool:
    """Say whether probabilities of inner classifiers are the logistic function of their decisions."""
    return all(type(one).__name__.startswith("LogisticRegression") or getattr(one, "loss", None) == "log_loss" for one in model.estimators_)


def pair_scores(w: Writer, second: str, confidences: str, count: int) -> str:
    """Write the score of each class out of decisions between each two classes; returns (rows, classes).

    Args:
        w: where nodes go.
        second: float64 (rows, pairs), 1 where the second class of a pair is decided for, else 0.
        confidences: float64 (rows, pairs), how much for the second class.
        count: how many classes.
    """
    first_of, second_of = _pairs(count)
    votes = pair_votes(w, second, count)
    sums = w.node("MatMul", [confidences, w.constant(second_of - first_of)])
    bound = w.node("Mul", [w.node("Add", [w.node("Abs", [sums]), w.constant(np.array([1.0]))]), w.constant(np.array([3.0]))])
    return w.node("Add", [votes, w.node("Div", [sums, bound])])


def pair_votes(w: Writer, second: str, count: int) -> str:
    """Write how many pairs decide for each class; returns (rows, classes). See `pair_scores`."""
    first_of, second_of = _pairs(count)
    return w.node("Add", [w.node("MatMul", [second, w.constant(second_of - first_of)]), w.constant(first_of.sum(axis=0)[None, :])])


def _pairs(count: int) -> tuple[Any, Any]:
    """Return which class is the first and which the second of each pair, as matrices (pairs, classes)."""
    first, second = np.triu_indices(count, 1)
    return np.eye(count)[first], np.eye(count)[second]


def decided(w: ContainerWriter, operator: Any) -> tuple[str, str]:
    """Write the scores, or the probabilities where there are any, and the place of the label of one against the rest, or one against one.

    Args:
        w: where nodes go.
        operator: what skl2onnx hands to a converter.
    """
    model = operator.raw_operator
    against_rest = type(model).__name__ == "OneVsRestClassifier"
    if against_rest and model.multilabel_:
        raise UnsupportedOperation(f"OneVsRestClassifier of several labels a row, of {type(model.estimators_[0]).__name__}, cannot be exported; export its estimators_ one by one")
    if type(model.estimators_[0]).__name__ in LINEAR:
        together = _linear(w, operator)
        second = w.node("Cast", [w.node("Greater", [together, w.constant(np.zeros(1))])], to=onnx_trees.DOUBLE)
    else:
        labels, scores = zip(*(_inner(w, operator, number, one, len(one.classes_)) for number, one in enumerate(model.estimators_)), strict=True)
        together = w.node("Concat", list(scores), axis=1)
        second = w.node("Cast", [w.node("Concat", [_column(w, one) for one in labels], axis=1)], to=onnx_trees.DOUBLE)
    if against_rest:
        places = onnx_trees.argmax(w, together) if len(model.estimators_) > 1 else onnx_trees.above(w, together, np.zeros(1))
        return (_shares(w, together, len(model.estimators_)) if hasattr(model, "predict_proba") else together), places
    scores_of = pair_scores(w, second, together, len(model.classes_))
    if len(model.classes_) > 2:
        return scores_of, onnx_trees.argmax(w, scores_of)
    of_second = w.node("Gather", [scores_of, w.constant(np.array([1], np.int64))], axis=1)
    return of_second, onnx_trees.above(w, of_second, np.zeros(1))


def _linear(w: ContainerWriter, operator: Any) -> str:
    """Write the decisions of all inner classifiers as one product; returns (rows, classifiers)."""
    inside = operator.raw_operator.estimators_
    weights = np.vstack([np.asarray(one.coef_, float).reshape(1, -1) for one in inside])
    offsets = np.array([float(np.ravel(one.intercept_)[0]) for one in inside])
    rows = w.node("Cast", [operator.inputs[0].full_name], to=onnx_trees.DOUBLE)
    return w.node("Add", [w.node("MatMul", [rows, w.constant(weights.T)]), w.constant(offsets)])


def _shares(w: Writer, decisions: str, count: int) -> str:
    """Write probabilities out of decisions for each class against the rest."""
    own = w.node("Sigmoid", [decisions])
    if count == 1:
        return w.node("Concat", [w.node("Sub", [w.constant(np.array([[1.0]])), own]), own], axis=1)
    return w.node("Div", [own, w.node("ReduceSum", [own, w.constant(np.array([1], np.int64))], keepdims=1)])


def voted(w: ContainerWriter, operator: Any) -> str:
    """Write the share of votes for each class of a bag; returns (rows, classes)."""
    model = operator.raw_operator
    rows = operator.inputs[0]
    shares: list[str] = []
    for number, (one, columns) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        own = rows
        if list(columns) != list(range(model.n_features_in_)):
            own = w.scope.declare_local_variable(f"columns_{number}", type(rows.type)([None, len(columns)]))
            w.node("Gather", [rows.full_name, w.constant(np.asarray(columns, np.int64))], [own.full_name], axis=1)
        label, _ = _inner(w, operator, number, one, len(one.classes_), own)
        same = w.node("Equal", [_column(w, label), w.constant(np.arange(len(model.classes_), dtype=np.int64)[None, :])])
        shares.append(w.node("Cast", [same], to=onnx_trees.DOUBLE))
    total = w.node("Sum", shares)
    return w.node("Div", [total, w.constant(np.array([float(len(shares))]))])


def _column(w: Writer, label: str) -> str:
    return w.node("Reshape", [label, w.constant(np.array([-1, 1], np.int64))])


def _inner(w: ContainerWriter, operator: Any, number: int, model: Any, classes: int, rows: Any = None) -> tuple[str, str]:
    """Let an inner classifier be written; returns its label and its scores."""
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType

    kind = sklearn_operator_name_map.get(type(model))
    if kind is None or np.asarray(model.classes_).dtype.kind not in "iu":
        raise UnsupportedOperation(f"{type(model).__name__} inside {type(operator.raw_operator).__name__} has no translation to ONNX; put another classifier in its place")
    inner = w.scope.declare_local_operator(kind, model)
    inner.inputs = list(operator.inputs) if rows is None else [rows]
    label = w.scope.declare_local_variable(f"label_{number}", Int64TensorType([None]))
    scores = w.scope.declare_local_variable(f"scores_{number}", DoubleTensorType([None, classes]))
    inner.outputs += [label, scores]
    return label.full_name, scores.full_name
