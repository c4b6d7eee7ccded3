"""Which state native code will believe, and the check that stands before it.

The checks themselves take plain fields (``trust.state``); here the fields are read out of a graph. Arrays whose content no
check looks at, such as the data of a KD-tree, stay mapped: only their dtype and shape matter.

The one rule: a type whose state reaches C or Cython unchecked by its own library has a line here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.trust.boosters import BOOSTERS
from holdfast.trust.fields_of import NOTHING, Validator, cells_of, refuse, rows_as_fields, type_of, where_of
from holdfast.trust.first_answer import check_first_answer
from holdfast.trust.native_families import FAMILIES
from holdfast.trust.plain_families import PLAIN_FAMILIES
from holdfast.trust.state.binary_tree import check_binary_tree
from holdfast.trust.state.hist_gradient_boosting import check_bin_mapper, check_hist_gradient_boosting, check_predictors
from holdfast.trust.state.neighbors import check_metric_params, check_neighbors_base
from holdfast.trust.state.sparse import check_sparse
from holdfast.trust.state.svm import check_libsvm
from holdfast.trust.state.tree import check_trees
from holdfast.trust.torch_state import TORCH
from holdfast.trust.view import Opaque, View
from holdfast.values import tree as t
from holdfast.values.graph import Node

# -- trees -----------------------------------------------------------------------------------------------------------

TREE = "sklearn.tree._tree.Tree"
TREE_MAPPED = frozenset({"values"})


LARGE_FOREST = 100_000
"""Nodes in all from which trees are checked while others are read."""
AT_A_TIME = 16


def _trees(view: View, index: int) -> None:
    """A few trees at a time, while the next ones are being read."""
    where = where_of(view, index)
    table: Any = view.graph.tables[index]
    large = view.lengths(table.columns[table.fields.index("nodes")], table.rows, 0) if "nodes" in table.fields else []
    step = AT_A_TIME if sum(length or 0 for length in large) > LARGE_FOREST else table.rows
    for start in range(0, table.rows, step):
        rows = range(start, min(start + step, table.rows))
        check_trees(rows_as_fields(view, index, TREE_MAPPED, rows), lambda i, start=start: where(start + i))  # type: ignore[misc]


def _tree_widths(view: View, index: int) -> None:
    """A decision tree is asked with rows of n_features_in_ columns."""
    table: Any = view.graph.tables[index]
    if "tree_" not in table.fields:
        return
    where = where_of(view, index)
    widths = view.column(index, "n_features_in_") if "n_features_in_" in table.fields else [None] * table.rows
    grown = view.fields(view.column(index, "tree_"), TREE, "n_features")
    for row, (got, width) in enumerate(zip(grown, widths, strict=True)):
        if got != width or got is None:
            raise refuse(where(row), f"n_features_in_ is {width}, and its tree was grown on {got}")


def _gradient_boosting(view: View, index: int) -> None:
    """Stages are added into a matrix of n_trees_per_iteration_ columns by C code that asks each tree directly."""
    table: Any = view.graph.tables[index]
    if "estimators_" not in table.fields:
        return
    where = where_of(view, index)
    for row in range(table.rows):
        fields = cells_of(view, Node(view.graph.bases[index] + row))
        stages = fields["estimators_"]
        shape = view.shape(stages) if type(stages) is Node else None
        per = fields.get("n_trees_per_iteration_")
        if shape is None or len(shape) != 2 or shape[1] != per:
            raise refuse(where(row), f"estimators_ has shape {shape}, where {per} trees a stage are expected")
        _check_start(view, fields, int(shape[1]), where(row))
        width = fields.get("n_features_in_")
        trees = view.fields(view.items(stages), "", "tree_")
        outputs, widths, classes = (view.fields(trees, TREE, name) for name in ("n_outputs", "n_features", "n_classes"))
        for place, (output, got, kinds) in enumerate(zip(outputs, widths, classes, strict=True)):
            if output is None:
                raise refuse(f"{where(row)}.estimators_.{place}", "it is not a fitted tree")
            if got != width or output != 1 or _most(view, kinds) != 1:
                raise refuse(f"{where(row)}.estimators_.{place}", f"it is not a regression tree of one output on {width} columns")


def _check_start(view: View, fields: dict[str, Any], columns: int, where: str) -> None:
    """What the first estimator answers is what C code then adds to: it has to be as wide as a stage."""
    classes = max(columns, 2)
    if (type_of(view, fields.get("_loss")) == "sklearn._loss.loss.HalfMultinomialLoss") is not (columns > 1):
        raise refuse(where, f"its loss is not one for {columns} trees a stage")
    first = fields.get("init_")
    state = cells_of(view, first)
    kind = type_of(view, first)

    def shape(name: str) -> Any:
        return view.shape(state[name]) if type(state.get(name)) is Node else None

    if kind == "sklearn.dummy.DummyClassifier":
        good = _plain(view, state.get("n_outputs_")) == 1 and _plain(view, state.get("n_classes_")) == classes
        good = good and shape("class_prior_") == (classes,) and shape("classes_") == (classes,)
    elif kind == "sklearn.dummy.DummyRegressor":
        good = _plain(view, state.get("n_outputs_")) == 1 and shape("constant_") == (1, 1) and columns == 1
    elif type(first) is Node and kind:
        check_first_answer(view, first, classes, where)
        good = True
    else:
        good = first == "zero"
    if not good:
        raise refuse(where, f"init_ does not answer with {columns} columns")


def _most(view: View, cell: Any) -> int:
    values = view.value(cell)
    return int(max(values.ravel().tolist())) if isinstance(values, np.ndarray) and values.size else 0


# -- histogram gradient boosting ---------------------------------------------------------------------------------------

_HGB = "sklearn.ensemble._hist_gradient_boosting."


def _predictors(view: View, index: int) -> None:
    """Predictors that a model holds were checked with it; here is what holds for each alone."""
    base = view.graph.bases[index]
    if view.checked.issuperset(range(base, base + view.graph.tables[index].rows)):  # type: ignore[union-attr]
        return
    alone = [(row, fields) for row, fields in enumerate(rows_as_fields(view, index)) if base + row not in view.checked]
    where = where_of(view, index)
    check_predictors([fields for _, fields in alone], lambda i: where(alone[i][0]))


def _bin_mappers(view: View, index: int) -> None:
    where = where_of(view, index)
    for row, fields in enumerate(rows_as_fields(view, index)):
        if "bin_thresholds_" in fields:
            check_bin_mapper(fields, where(row))


def _hist_gradient_boosting(view: View, index: int) -> None:
    table: Any = view.graph.tables[index]
    if "_predictors" not in table.fields:
        return
    where = where_of(view, index)
    for row in range(table.rows):
        fields = cells_of(view, Node(view.graph.bases[index] + row))
        place = where(row)
        mapper = cells_of(view, fields["_bin_mapper"])
        flags = view.value(mapper.get("is_categorical_"))
        if not isinstance(flags, np.ndarray) or flags.ndim != 1:
            raise refuse(place, "its bin mapper has no is_categorical_")
        stages = view.items_of(view.items(fields["_predictors"]))
        preprocessor = fields.get("_preprocessor")
        check_hist_gradient_boosting(
            {
                "n_features": len(flags),
                "n_features_in_": _plain(view, fields.get("n_features_in_")),
                "n_trees_per_iteration_": _plain(view, fields.get("n_trees_per_iteration_")),
                "predictors_per_iteration": [len(stage) for stage in stages],
                "_baseline_prediction": view.value(fields.get("_baseline_prediction")),
                "preprocessed": None if preprocessor is None else _preprocessed(view, preprocessor, place),
            },
            place,
        )
        cells = [cell for stage in stages for cell in stage]
        if not view.kinds(cells) <= {f"type:{_HGB}predictor.TreePredictor"}:
            raise refuse(place, "_predictors holds something that is not a predictor")
        tables = {index: rows_as_fields(view, index) for index in view.graph.tables_of(cells)}
        states = [tables[index][at] for index, at in map(view.graph.locate, cells)]
        for state in states:
            state.update(n_features=len(flags), is_categorical=flags)
        check_predictors(states, lambda i, place=place: f"{place}._predictors[{i}]")  # type: ignore[misc]
        view.checked.update(cells)


def _plain(view: View, cell: Any) -> Any:
    return view.value(cell) if type(cell) is Node else cell


def _preprocessed(view: View, cell: Any, where: str) -> int:
    """Return how many columns the model's own preprocessor makes: one for each that its two parts take."""
    total = 0
    for step in view.items(cells_of(view, cell).get("transformers_")):
        parts = view.items(step)
        if len(parts) != 3:
            raise refuse(where, "its preprocessor is not the one that scikit-learn makes")
        if parts[1] == "drop":
            continue
        inner = type_of(view, parts[1])
        if inner == "sklearn.preprocessing._function_transformer.FunctionTransformer":
            func = cells_of(view, cells_of(view, parts[1]).get("func"))
            index, row = view.graph.locate(func["func"]) if type(func.get("func")) is Node else (-1, 0)
            table = view.graph.tables[index] if index >= 0 else None
            if type(table) is not t.Names or table.names[row] != "sklearn.utils.validation.check_array":
                raise refuse(where, "its preprocessor does something else than checking columns")
        elif inner != "sklearn.preprocessing._encoders.OrdinalEncoder":
            raise refuse(where, "its preprocessor is not the one that scikit-learn makes")
        chosen = view.value(parts[2])
        if isinstance(chosen, np.ndarray) and chosen.ndim == 1:
            total += int(chosen.sum()) if chosen.dtype == bool else len(chosen)
        elif isinstance(chosen, list):
            total += len(chosen)
        else:
            raise refuse(where, "its preprocessor takes columns in a way that scikit-learn's does not")
    return total


# -- neighbours --------------------------------------------------------------------------------------------------------

_BINARY_MAPPED = frozenset({"data", "node_bounds", "sample_weight"})
_POWERS = {"ManhattanDistance": 1.0, "ChebyshevDistance": float("inf")}


def _binary_trees(view: View, index: int) -> None:
    where = where_of(view, index)
    name = view.graph.tables[index].type.rpartition(".")[2]
    for row, fields in enumerate(rows_as_fields(view, index, _BINARY_MAPPED)):
        kept = fields.get("dist_metric")
        metric = Node(kept.node) if isinstance(kept, Opaque) else None
        kind = type_of(view, metric).rpartition(".")[2]
        given = {label: view.value(cell) for label, cell in cells_of(view, metric).items()}
        empty = np.zeros(0) if kind.startswith("Minkowski") else np.zeros(1)
        fields["dist_metric"] = {
            "type": kind,
            "p": given.get("p", _POWERS.get(kind[:-2], 2.0)),
            "vec": given.get("V", given.get("w") if given.get("w") is not None else empty),
            "mat": given.get("VI", np.zeros((1, 1))),
        }
        check_binary_tree({**fields, "type": name}, where(row))


def _neighbors(view: View, index: int) -> None:
    where = where_of(view, index)
    table: Any = view.graph.tables[index]
    if "_fit_method" not in table.fields:
        return
    for row in range(table.rows):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        tree, fit = cells.get("_tree"), cells.get("_fit_X")
        tree_type = type_of(view, tree).rpartition(".")[2] or None
        tree_data = cells_of(view, tree).get("data")
        shape: Any = view.shape(fit) if type(fit) is Node else None
        if shape is None and type(fit) is Node:
            shape = _plain_shape(view, fit)
        if shape is None or len(shape) != 2:
            raise refuse(where(row), "_fit_X is not a matrix")
        fields: dict[str, Any] = {
            "_fit_method": cells["_fit_method"],
            "n_samples_fit_": _plain(view, cells.get("n_samples_fit_")),
            "n_features_in_": _plain(view, cells.get("n_features_in_")),
            "fit_shape": tuple(shape),
            "tree_type": tree_type,
            "tree_shape": view.shape(tree_data) if type(tree_data) is Node else None,
            "effective_metric_": cells.get("effective_metric_") if type(cells.get("effective_metric_")) is str else None,
        }
        for name in ("_y", "classes_"):
            if name in cells:
                fields[name] = view.value(cells[name])
        check_neighbors_base(fields, where(row))
        for name in ("effective_metric_params_", "metric_params"):
            # What a distance of the user's own takes is between it and him.
            if fields["effective_metric_"] is not None and name in cells:
                check_metric_params({"params": view.value(cells[name]), "n_features": fields["n_features_in_"]}, where(row))


def _plain_shape(view: View, cell: Any) -> tuple[int, ...] | None:
    shape = cells_of(view, cell).get("shape")
    values = view.value(shape) if type(shape) is Node else None
    return tuple(values) if isinstance(values, tuple) and all(type(n) is int for n in values) else None


# -- sparse matrices, support vectors ------------------------------------------------------------------------------------


def _sparse(view: View, index: int) -> None:
    where = where_of(view, index)
    name = view.graph.tables[index].type.rpartition(".")[2].partition("_")[0]
    mapped = frozenset({"data"}) if name not in ("lil", "dok") else NOTHING
    for row, fields in enumerate(rows_as_fields(view, index, mapped)):
        for part in ("rows", "data") if name == "lil" else ():
            if type(fields.get(part)) is not np.ndarray:
                raise refuse(where(row), f"{part} is not an array")
        check_sparse({**fields, "format": name}, where(row))


_SVM = ("support_", "support_vectors_", "_n_support", "dual_coef_", "_dual_coef_", "intercept_", "_intercept_", "_probA", "_probB",
        "shape_fit_", "_sparse", "_gamma", "degree", "kernel", "_effective_probability", "n_features_in_", "class_weight_", "classes_")  # fmt: skip
_SVM_MAPPED = frozenset({"dual_coef_", "_dual_coef_", "intercept_", "_intercept_", "_probA", "_probB", "class_weight_"})


def _libsvm(view: View, index: int) -> None:
    where = where_of(view, index)
    table: Any = view.graph.tables[index]
    if "support_" not in table.fields:
        return
    for row in range(table.rows):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        fields: dict[str, Any] = {}
        for name in _SVM:
            if name in cells:
                cell = cells[name]
                fields[name] = _matrix(view, cell) if type_of(view, cell) else view.value(cell, mapped=name in _SVM_MAPPED)
        if type(fields.get("kernel")) is not str:
            fields["kernel"] = None
            kept = cells.get("_BaseLibSVM__Xfit")
            shape = view.shape(kept) if type(kept) is Node else None
            fields["x_fit_rows"] = shape[0] if shape else None
        elif (
            fields["kernel"] != "precomputed"
            and type(cells.get("support_vectors_")) is Node
            and not type_of(view, cells["support_vectors_"])
        ):
            fields["support_vectors_"] = view.value(cells["support_vectors_"], mapped=True)
        check_libsvm(fields, where(row))


def _matrix(view: View, cell: Any) -> dict[str, Any]:
    """Return the parts of a sparse matrix."""
    return {label: view.value(part) for label, part in cells_of(view, cell).items()}


_NEIGHBORS = (
    "_classification.KNeighborsClassifier", "_classification.RadiusNeighborsClassifier", "_regression.KNeighborsRegressor",
    "_regression.RadiusNeighborsRegressor", "_unsupervised.NearestNeighbors", "_graph.KNeighborsTransformer",
    "_graph.RadiusNeighborsTransformer", "_lof.LocalOutlierFactor",
)  # fmt: skip
_SPARSE_NAMES = [
    f"scipy.sparse._{name}.{name}_{suffix}" for name in ("csr", "csc", "bsr", "coo", "dia", "lil", "dok") for suffix in ("matrix", "array")
]

VALIDATORS: dict[str, Validator] = {
    **FAMILIES,
    **PLAIN_FAMILIES,
    **BOOSTERS,
    **TORCH,
    TREE: _trees,
    **dict.fromkeys(
        (f"sklearn.tree._classes.{kind}Tree{task}" for kind in ("Decision", "Extra") for task in ("Classifier", "Regressor")), _tree_widths
    ),
    **dict.fromkeys((f"sklearn.ensemble._gb.GradientBoosting{task}" for task in ("Classifier", "Regressor")), _gradient_boosting),
    _HGB + "predictor.TreePredictor": _predictors,
    _HGB + "binning._BinMapper": _bin_mappers,
    **dict.fromkeys(
        (f"{_HGB}gradient_boosting.HistGradientBoosting{task}" for task in ("Classifier", "Regressor")), _hist_gradient_boosting
    ),
    **dict.fromkeys(
        (
            f"sklearn.neighbors.{m}.{kind}{bits}"
            for m, kind in (("_kd_tree", "KDTree"), ("_ball_tree", "BallTree"))
            for bits in ("", "32", "64")
        ),
        _binary_trees,
    ),
    **dict.fromkeys((f"sklearn.neighbors.{name}" for name in _NEIGHBORS), _neighbors),
    **dict.fromkeys(_SPARSE_NAMES, _sparse),
    **dict.fromkeys((f"sklearn.svm._classes.{name}" for name in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")), _libsvm),
}
"""Exact type name -> what checks all rows of a table of it."""

OWNERS = frozenset(f"{_HGB}gradient_boosting.HistGradientBoosting{task}" for task in ("Classifier", "Regressor"))
"""Types that are checked first, because their check covers objects that they hold."""

PREFETCHED: dict[str, frozenset[str]] = {TREE: TREE_MAPPED, _HGB + "predictor.TreePredictor": NOTHING}
"""Types whose arrays are many or large, so that they are read and hashed on two threads first; with the fields that stay mapped."""


def needed_tensors(view: View, tables: list[tuple[int, str]]) -> list[int]:
    """Return the tensors that the validators of these tables will look at, as far as reading them early pays."""
    needed: dict[int, None] = {}
    for index, name in tables:
        if name in PREFETCHED:
            table: Any = view.graph.tables[index]
            for field, column in zip(table.fields, table.columns, strict=True):
                if field not in PREFETCHED[name]:
                    needed.update(dict.fromkeys(view.tensors_of(column, table.rows)))
    return list(needed)
