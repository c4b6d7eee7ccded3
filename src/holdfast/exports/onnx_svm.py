"""Support vector machines as nodes of ONNX, in float64: its own operator computes in float32.

The one rule: the kernel is the model's, term by term; one that is not known is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports import onnx_trees
from holdfast.exports.onnx_votes import pair_scores, pair_votes
from holdfast.exports.onnx_writer import Writer


def decision(w: Writer, model: Any, rows: str) -> str:
    """Write the decision function; returns (rows, 1), or (rows, pairs of classes) of a classifier of several classes.

    Args:
        w: where nodes go.
        model: an ``SVR``, ``NuSVR``, ``OneClassSVM``, ``SVC`` or ``NuSVC``.
        rows: float64.
    """
    vectors = model.support_vectors_
    vectors = np.asarray(vectors.toarray() if hasattr(vectors, "toarray") else vectors, float)
    weights = np.asarray(model.dual_coef_.toarray() if hasattr(model.dual_coef_, "toarray") else model.dual_coef_, float)
    kernel = _kernel(w, model, rows, vectors)
    if len(getattr(model, "classes_", ())) > 2:
        weights = _of_pairs(model, weights)
    return w.node("Add", [w.node("MatMul", [kernel, w.constant(weights.T)]), w.constant(np.asarray(model.intercept_, float))])


def classified(w: Writer, model: Any, decided: str) -> tuple[str, str]:
    """Write the scores and the place of the label of a classifier.

    Args:
        w: where nodes go.
        model: an ``SVC`` or ``NuSVC``.
        decided: what `decision` gave.
    """
    count = len(model.classes_)
    if count == 2:
        return decided, onnx_trees.above(w, decided, np.zeros(1))
    zero = w.constant(np.zeros(1))
    second = w.node("Cast", [w.node("Less", [decided, zero])], to=onnx_trees.DOUBLE)
    scores = pair_scores(w, second, w.node("Neg", [decided]), count)
    if model.break_ties and model.decision_function_shape == "ovr":
        return scores, onnx_trees.argmax(w, scores)
    # a decision of exactly zero is one for the second class, and none for either score
    not_first = w.node("Cast", [w.node("LessOrEqual", [decided, zero])], to=onnx_trees.DOUBLE)
    places = onnx_trees.argmax(w, pair_votes(w, not_first, count))
    return (scores if model.decision_function_shape == "ovr" else decided), places


def _of_pairs(model: Any, weights: Any) -> Any:
    """Return the weights of each pair of classes: of the first class those against the second, and the other way round."""
    ends = np.cumsum(model.n_support_)
    starts = ends - model.n_support_
    first, second = np.triu_indices(len(ends), 1)
    made = np.zeros((len(first), weights.shape[1]))
    for pair, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        made[pair, starts[i] : ends[i]] = weights[j - 1, starts[i] : ends[i]]
        made[pair, starts[j] : ends[j]] = weights[i, starts[j] : ends[j]]
    return made


def _kernel(w: Writer, model: Any, rows: str, vectors: Any) -> str:
    products = w.node("MatMul", [rows, w.constant(vectors.T)])
    if model.kernel == "linear":
        return products
    gamma = w.constant(np.array([model._gamma]))
    if model.kernel == "rbf":
        squares = w.node("ReduceSum", [w.node("Mul", [rows, rows]), w.constant(np.array([1], np.int64))], keepdims=1)
        own = w.constant((vectors**2).sum(axis=1)[None, :])
        apart = w.node("Sub", [w.node("Add", [squares, own]), w.node("Mul", [products, w.constant(np.array([2.0]))])])
        return w.node("Exp", [w.node("Neg", [w.node("Mul", [apart, gamma])])])
    shifted = w.node("Add", [w.node("Mul", [products, gamma]), w.constant(np.array([float(model.coef0)]))])
    if model.kernel == "poly":
        return w.node("Pow", [shifted, w.constant(np.array([float(model.degree)]))])
    if model.kernel == "sigmoid":
        return w.node("Tanh", [shifted])
    raise UnsupportedOperation(f"{type(model).__name__} with the kernel {model.kernel!r} cannot be exported; known are linear, rbf, poly and sigmoid")
