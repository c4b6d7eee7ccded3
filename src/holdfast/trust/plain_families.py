"""Families whose state Python reads, and numpy or scipy then takes at its word: encoders, linear models, networks,
numbers of columns.

The one rule: as in ``native_families.py``; a type that is there and here is checked by both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.trust.fields_of import Validator, cells_of, rows_as_fields, type_of, where_of
from holdfast.trust.native_families import FAMILIES, _fitted, _one_hot
from holdfast.trust.state import columns, encoders, formula, linear, others
from holdfast.trust.view import View
from holdfast.values import tree as t
from holdfast.values.graph import Node


def _both(one: Validator, other: Validator) -> Validator:
    def validate(view: View, index: int) -> None:
        one(view, index)
        other(view, index)

    return validate


def _ngrams(view: View, index: int) -> None:
    """Read that one parameter alone: beside it stands a vocabulary of a million words."""
    table: Any = view.graph.tables[index]
    where = where_of(view, index)
    for row, cell in enumerate(view.column(index, "ngram_range") if "ngram_range" in table.fields else ()):
        encoders.check_ngrams({"ngram_range": view.value(cell)}, where(row))


def _one_hot_encoder(fields: dict[str, Any], where: str) -> None:
    encoders.check_categories(fields, where)
    encoders.check_one_hot({**fields, **_one_hot(fields)}, where)


def _label_sets(view: View, index: int) -> None:
    table: Any = view.graph.tables[index]
    if "classes_" not in table.fields:
        return
    where = where_of(view, index)
    for row, fields in enumerate(rows_as_fields(view, index)):
        kept = view.column(index, "classes_")[row]
        if type(kept) is Node and view.kind(kept) == "array:O1":
            labels = [_label(view, item) for item in view.items(kept)]
            fields["classes_"] = np.empty(len(labels), object)
            for i, label in enumerate(labels):
                fields["classes_"][i] = label
        encoders.check_label_sets(fields, where(row))


def _label(view: View, cell: Any) -> Any:
    """Return a label, and for one that is kept as text of its own what stands for it: where this differs, they do."""
    if type(cell) is Node:
        index, row = view.graph.locate(cell)
        table: Any = view.graph.tables[index]
        if type(table) is t.Atoms and table.kind in ("bytes", "int", "surrogates"):
            return (table.kind, bytes(table.values[row]))
    return view.value(cell)


_SGD = ("coef_", "_standard_coef", "_average_coef", "intercept_", "offset_", "_standard_intercept", "_average_intercept")


def _sgd(view: View, index: int) -> None:
    """Coefficients stay mapped, as only their shapes matter; those of ``sparsify()`` are given as their parts."""
    table: Any = view.graph.tables[index]
    if "coef_" not in table.fields:
        return
    where = where_of(view, index)
    for row in range(table.rows):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        fields = {
            name: _sparse_parts(view, cells[name]) if type_of(view, cells[name]) else view.value(cells[name], mapped=True)
            for name in (*_SGD, "n_features_in_", "classes_")
            if name in cells
        }
        others.check_sgd(fields, where(row))


def _sparse_parts(view: View, cell: Any) -> dict[str, Any]:
    parts = {part: view.value(inner) for part, inner in cells_of(view, cell).items()}
    return {**parts, "format": type_of(view, cell).rpartition(".")[2].partition("_")[0]}


def _linear(view: View, index: int) -> None:
    """Only shapes matter; the numbers are never looked at."""
    table: Any = view.graph.tables[index]
    if "coef_" not in table.fields or "intercept_" not in table.fields:
        return
    where = where_of(view, index)
    widths = view.column(index, "n_features_in_") if "n_features_in_" in table.fields else [None] * table.rows
    for row, (coef, intercept, width) in enumerate(zip(view.column(index, "coef_"), view.column(index, "intercept_"), widths, strict=True)):
        shapes = {"coef_shape": _shape(view, coef), "intercept_shape": _shape(view, intercept), "n_features_in_": view.value(width)}
        linear.check_linear(shapes, where(row))


def _shape(view: View, cell: Any) -> Any:
    """Return the shape of an array or of a sparse matrix, and () for anything else, which the schema takes for a number."""
    if type_of(view, cell):
        return view.value(cells_of(view, cell).get("shape"))
    return (view.shape(cell) or ()) if type(cell) is Node else ()


def _bags(view: View, index: int) -> None:
    table: Any = view.graph.tables[index]
    if "estimators_features_" not in table.fields:
        return
    where = where_of(view, index)
    for row in range(table.rows):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        members = [cells_of(view, member) for member in view.items(cells.get("estimators_"))]
        fields = {
            "n_features_in_": view.value(cells.get("n_features_in_")),
            "estimators_features_": view.value(cells["estimators_features_"]),
            "widths": [view.value(member.get("n_features_in_")) for member in members],
        }
        if paths := columns.PATHS.intersection(cells):
            fields |= {name: view.value(cells[name]) for name in paths}
            fields["nodes"] = [view.value(cells_of(view, member.get("tree_")).get("node_count")) for member in members]
        columns.check_bags(fields, where(row))


def _imputation(view: View, index: int) -> None:
    table: Any = view.graph.tables[index]
    if "imputation_sequence_" not in table.fields:
        return
    where = where_of(view, index)
    for row, steps in enumerate(view.column(index, "imputation_sequence_")):
        cells = [cells_of(view, step) for step in view.items(steps)]
        fields = {
            "n_features_in_": view.value(view.column(index, "n_features_in_")[row]),
            **{name: [view.value(one.get(name)) for one in cells] for name in ("feat_idx", "neighbor_feat_idx")},
        }
        columns.check_imputation(fields, where(row))


def _chain(fields: dict[str, Any], where: str) -> None:
    columns.check_chain({**fields, "members": len(fields.get("estimators_") or ())}, where)


_TEXT = "sklearn.feature_extraction.text."
_LINEAR = "sklearn.linear_model._"

_LINEAR_MODELS = (
    "linear_model._base.LinearRegression", "linear_model._bayes.ARDRegression", "linear_model._bayes.BayesianRidge",
    "linear_model._coordinate_descent.ElasticNet", "linear_model._coordinate_descent.ElasticNetCV",
    "linear_model._coordinate_descent.Lasso", "linear_model._coordinate_descent.LassoCV",
    "linear_model._coordinate_descent.MultiTaskElasticNet", "linear_model._coordinate_descent.MultiTaskElasticNetCV",
    "linear_model._coordinate_descent.MultiTaskLasso", "linear_model._coordinate_descent.MultiTaskLassoCV",
    "linear_model._glm.glm.GammaRegressor", "linear_model._glm.glm.PoissonRegressor", "linear_model._glm.glm.TweedieRegressor",
    "linear_model._huber.HuberRegressor", "linear_model._least_angle.Lars", "linear_model._least_angle.LarsCV",
    "linear_model._least_angle.LassoLars", "linear_model._least_angle.LassoLarsCV", "linear_model._least_angle.LassoLarsIC",
    "linear_model._logistic.LogisticRegression", "linear_model._logistic.LogisticRegressionCV",
    "linear_model._omp.OrthogonalMatchingPursuit", "linear_model._omp.OrthogonalMatchingPursuitCV",
    "linear_model._quantile.QuantileRegressor", "linear_model._ridge.Ridge", "linear_model._ridge.RidgeCV",
    "linear_model._ridge.RidgeClassifier", "linear_model._ridge.RidgeClassifierCV", "linear_model._theil_sen.TheilSenRegressor",
    "svm._classes.LinearSVC", "svm._classes.LinearSVR", "discriminant_analysis.LinearDiscriminantAnalysis",
    "cross_decomposition._pls.CCA", "cross_decomposition._pls.PLSCanonical", "cross_decomposition._pls.PLSRegression",
)  # fmt: skip

PLAIN_FAMILIES: dict[str, Validator] = {
    "holdfast.formula.transformer.Expression": _fitted(formula.check_expression, "expressions"),
    "sklearn.preprocessing._encoders.OneHotEncoder": _fitted(_one_hot_encoder, "categories_"),
    "sklearn.preprocessing._encoders.OrdinalEncoder": _fitted(encoders.check_categories, "categories_"),
    "sklearn.preprocessing._target_encoder.TargetEncoder": _fitted(encoders.check_target_encoder, "categories_"),
    "sklearn.preprocessing._label.MultiLabelBinarizer": _label_sets,
    "sklearn.kernel_approximation.AdditiveChi2Sampler": _fitted(others.check_sample_steps, "n_features_in_"),
    **{f"{_TEXT}{name}": _both(FAMILIES[f"{_TEXT}{name}"], _ngrams) for name in ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")},
    **dict.fromkeys(
        (
            f"{_LINEAR}{name}"
            for name in (
                "stochastic_gradient.SGDClassifier", "stochastic_gradient.SGDRegressor", "stochastic_gradient.SGDOneClassSVM",
                "perceptron.Perceptron", "passive_aggressive.PassiveAggressiveClassifier", "passive_aggressive.PassiveAggressiveRegressor",
            )
        ),
        _sgd,
    ),
    **dict.fromkeys((f"sklearn.{name}" for name in _LINEAR_MODELS), _linear),
    **dict.fromkeys(
        (f"sklearn.ensemble.{name}" for name in ("_bagging.BaggingClassifier", "_bagging.BaggingRegressor", "_iforest.IsolationForest")),
        _bags,
    ),
    **dict.fromkeys(("sklearn.multioutput.ClassifierChain", "sklearn.multioutput.RegressorChain"), _fitted(_chain, "order_")),
    "sklearn.kernel_approximation.PolynomialCountSketch": _fitted(columns.check_count_sketch, "indexHash_"),
    "sklearn.impute._iterative.IterativeImputer": _imputation,
    "sklearn.impute._base.MissingIndicator": _fitted(columns.check_indicator, "features_"),
    **dict.fromkeys(
        (f"sklearn.neural_network._multilayer_perceptron.{name}" for name in ("MLPClassifier", "MLPRegressor")),
        _fitted(linear.check_network, "coefs_", ("coefs_", "intercepts_", "_best_coefs", "_best_intercepts")),
    ),
}  # fmt: skip
"""Exact type name -> what checks all rows of a table of it."""
