"""Transformers of columns of numbers as nodes of ONNX, in the precision of the rows: filled, multiplied, chosen, made normal.

The one rule: each function gives the columns that the transformer gives, in its order; a setting that is not written here is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports import onnx_trees
from holdfast.exports.onnx_writer import Writer


def polynomial(w: Writer, model: Any, rows: str, kind: Any) -> str:
    """Write products of columns: as many factors for each as the degree, the missing ones being a column of ones."""
    powers = np.asarray(model.powers_)
    width = powers.shape[1]
    factors = [np.repeat(np.arange(width), row) for row in powers]
    longest = max(1, int(powers.sum(axis=1).max()))
    places = np.array([np.concatenate([one, np.full(longest - len(one), width)]) for one in factors], np.int64)
    first = w.node("Gather", [rows, w.constant(np.array([0], np.int64))], axis=1)
    ones = w.node("Add", [w.node("Mul", [first, w.constant(np.zeros(1, kind))]), w.constant(np.ones(1, kind))])
    padded = w.node("Concat", [rows, ones], axis=1)
    product = w.node("Gather", [padded, w.constant(places[:, 0])], axis=1)
    for factor in range(1, longest):
        product = w.node("Mul", [product, w.node("Gather", [padded, w.constant(places[:, factor])], axis=1)])
    return product


def imputed(w: Writer, model: Any, rows: str, kind: Any) -> str:
    """Write values in place of missing ones, and where they were missing if the imputer tells."""
    values = np.asarray(model.statistics_)
    if values.dtype.kind not in "fiu" or model.missing_values == model.missing_values:
        raise UnsupportedOperation(f"SimpleImputer with missing_values={model.missing_values!r} of these columns cannot be exported; known are numbers that are missing as NaN")
    if not np.isfinite(values).all():
        raise UnsupportedOperation("SimpleImputer with a column of which no value was known when it was fitted cannot be exported; leave that column out")
    missing = w.node("IsNaN", [rows])
    filled = w.node("Where", [missing, w.constant(values.astype(kind)[None, :]), rows])
    told = _indicated(model)
    if not len(told):
        return filled
    marks = w.node("Cast", [w.node("Gather", [missing, w.constant(told)], axis=1)], to=onnx_trees.DOUBLE if kind is np.float64 else onnx_trees.FLOAT)
    return w.node("Concat", [filled, marks], axis=1)


def _indicated(model: Any) -> Any:
    """Return the columns of which an imputer tells where they were missing (``add_indicator``)."""
    indicator = getattr(model, "indicator_", None)
    return np.asarray([] if indicator is None else indicator.features_, np.int64)


def chosen(w: Writer, model: Any, rows: str, kind: Any) -> str:
    """Write the columns that a selector keeps."""
    return w.node("Gather", [rows, w.constant(_kept(model))], axis=1)


def _kept(model: Any) -> Any:
    return np.asarray(model.get_support(indices=True), np.int64)


def powered(w: Writer, model: Any, rows: str, kind: Any) -> str:
    """Write the powers of Yeo and Johnson, or of Box and Cox, and the scaling after them."""
    powers = np.asarray(model.lambdas_, float)
    one, zero = w.constant(np.ones(1, kind)), w.constant(np.zeros(1, kind))

    def raised(base: str, exponents: Any) -> str:
        """Write (base ** exponent - 1) / exponent, or the logarithm where the exponent is zero."""
        flat = np.abs(exponents) < np.spacing(1.0)
        safe = np.where(flat, 1.0, exponents)
        risen = w.node("Div", [w.node("Sub", [w.node("Pow", [base, w.constant(safe.astype(kind)[None, :])]), one]), w.constant(safe.astype(kind)[None, :])])
        return w.node("Where", [w.constant(flat[None, :]), w.node("Log", [base]), risen])

    if model.method == "yeo-johnson":
        above = raised(w.node("Add", [w.node("Max", [rows, zero]), one]), powers)
        below = w.node("Neg", [raised(w.node("Sub", [one, w.node("Min", [rows, zero])]), 2.0 - powers)])
        made = w.node("Where", [w.node("GreaterOrEqual", [rows, zero]), above, w.node("Where", [w.node("IsNaN", [rows]), rows, below])])
    else:
        made = raised(rows, powers)
    if not model.standardize:
        return made
    scaler = model._scaler
    centred = w.node("Sub", [made, w.constant(np.asarray(scaler.mean_, kind)[None, :])])
    return w.node("Div", [centred, w.constant(np.asarray(scaler.scale_, kind)[None, :])])


WRITTEN: dict[str, tuple[Callable[[Writer, Any, str, Any], str], Callable[[Any], int]]] = {
    "PolynomialFeatures": (polynomial, lambda model: int(model.n_output_features_)),
    "SimpleImputer": (imputed, lambda model: len(model.statistics_) + len(_indicated(model))),
    "PowerTransformer": (powered, lambda model: len(model.lambdas_)),
    **dict.fromkeys(
        ("SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe", "GenericUnivariateSelect", "SelectFromModel", "SequentialFeatureSelector", "VarianceThreshold", "RFE", "RFECV"),
        (chosen, lambda model: len(_kept(model))),
    ),
}
"""Class -> what writes it, and how many columns it gives."""
