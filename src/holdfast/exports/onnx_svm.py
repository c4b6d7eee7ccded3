"""Support vector machines of one decision as nodes of ONNX, in float64: its own operator computes in float32.

The one rule: the kernel is the model's, term by term; one that is not known is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports.onnx_writer import Writer


def decision(w: Writer, model: Any, rows: str) -> str:
    """Write the decision function; returns (rows, 1).

    Args:
        w: where nodes go.
        model: an ``SVR``, ``NuSVR``, ``OneClassSVM``, or an ``SVC`` or ``NuSVC`` of two classes.
        rows: float64.
    """
    vectors = model.support_vectors_
    vectors = np.asarray(vectors.toarray() if hasattr(vectors, "toarray") else vectors, float)
    weights = np.asarray(model.dual_coef_.toarray() if hasattr(model.dual_coef_, "toarray") else model.dual_coef_, float)
    kernel = _kernel(w, model, rows, vectors)
    return w.node("Add", [w.node("MatMul", [kernel, w.constant(weights.T)]), w.constant(np.asarray(model.intercept_, float))])


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
