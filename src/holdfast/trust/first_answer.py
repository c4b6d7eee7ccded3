"""How many rows and columns does an estimator answer with, as far as its state tells?

GradientBoosting asks its first estimator, and C code then adds to what it said, as many rows and columns as the trees
have: one short is a write behind somebody else's memory. The first estimator is the user's choice, and so may be nearly
anything on the list.

Why this is enough. What is asked gets rows, and multiplies, adds and votes. None of that makes fewer rows, unless
something it meets is empty, or is one of the few things made to change rows: those are looked for in all of what the
estimator holds. How many columns a classifier answers with follows from its classes, or from whom it asks in turn.
Classes and functions that are not on the list are only here because the caller vouches for them.

The one rule: what cannot be told from the state is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from holdfast.trust.catalog import catalog
from holdfast.trust.fields_of import cells_of, refuse, type_of
from holdfast.trust.view import View
from holdfast.values import tree as t
from holdfast.values.graph import Node

_CHANGING_ROWS = frozenset({"sklearn.feature_extraction.image.PatchExtractor"})
_FUNCTIONS = {"sklearn.preprocessing._function_transformer.FunctionTransformer": ("func", "inverse_func")}
_KERNELS = dict.fromkeys((f"sklearn.svm._classes.{name}" for name in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")), ("kernel",))
_CHECKED = frozenset({"sklearn.tree._tree.Tree", *_KERNELS})
"""State that is checked to the last length elsewhere; that of a libsvm model holds empty arrays."""

_KEEPING_ROWS = frozenset(
    {
        "sklearn.utils.validation.check_array", "builtins.abs",
        *(f"sklearn.metrics.pairwise.{name}" for name in ("linear_kernel", "polynomial_kernel", "sigmoid_kernel", "rbf_kernel",
          "laplacian_kernel", "cosine_similarity", "chi2_kernel", "additive_chi2_kernel", "euclidean_distances", "manhattan_distances",
          "cosine_distances", "haversine_distances", "nan_euclidean_distances")),
        *(f"numpy.{name}" for name in ("absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "array", "asarray", "cbrt",
          "ceil", "clip", "cos", "cosh", "deg2rad", "degrees", "exp", "exp2", "expm1", "fabs", "floor", "isfinite", "isinf", "isnan", "log",
          "log10", "log1p", "log2", "logical_not", "nan_to_num", "negative", "positive", "rad2deg", "radians", "reciprocal", "rint", "round",
          "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc")),
        *(f"scipy.special.{name}" for name in ("erf", "erfc", "erfinv", "expit", "gamma", "gammaln", "logit", "log1p", "expm1", "softmax")),
    }
)  # fmt: skip
"""Functions of the lists that answer with a row for each row."""

_NOTES = ("score_", "scores_", "_improvement_")
"""Ends of the names of what a fit has noted down about itself, and of which there may be nothing."""

_VOUCHED = -1
"""Stands for the columns of a class of the user's own."""

_ASKED = {
    "sklearn.model_selection._search.GridSearchCV": "best_estimator_",
    "sklearn.model_selection._search.RandomizedSearchCV": "best_estimator_",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV": "best_estimator_",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV": "best_estimator_",
    "sklearn.semi_supervised._self_training.SelfTrainingClassifier": "estimator_",
    "sklearn.model_selection._classification_threshold.FixedThresholdClassifier": "estimator_",
    "sklearn.model_selection._classification_threshold.TunedThresholdClassifierCV": "estimator_",
    "sklearn.ensemble._stacking.StackingClassifier": "final_estimator_",
    "sklearn.feature_selection._rfe.RFE": "estimator_",
    "sklearn.feature_selection._rfe.RFECV": "estimator_",
    "sklearn.frozen._frozen.FrozenEstimator": "estimator",
    "sklearn.gaussian_process._gpc.GaussianProcessClassifier": "base_estimator_",
}
"""Classes that give the answer of another estimator as theirs, and where they keep it."""


def check_first_answer(view: View, first: Node, classes: int, where: str) -> None:
    """Check that an estimator answers with a row for each row, and as a classifier of more than two classes with that many columns.

    Raises:
        InvalidState: says what it is that does not go.
    """
    for node in _reachable(view, first):
        name = type_of(view, node)
        if name in _CHANGING_ROWS:
            raise refuse(where, f"init_ holds a {name.rpartition('.')[2]}, which does not answer with a row for each row")
        cells = cells_of(view, node)
        for field in (*_FUNCTIONS.get(name, ()), *_KERNELS.get(name, ())):
            function = _name(view, cells.get(field))
            if function in catalog().values and function not in _KEEPING_ROWS:
                raise refuse(where, f"init_ holds the function {function}, of which nobody knows that it answers with a row for each row")
        entry = catalog().types.get(name)
        if entry is not None and entry.params and name not in _CHECKED:
            for field, cell in cells.items():
                if _empty(view, field, cell):
                    raise refuse(where, f"init_ holds an empty {field}, with which it cannot answer")
    if classes > 2:
        found = _columns(view, first, 16)
        if found not in (classes, _VOUCHED):
            raise refuse(where, f"init_ answers for {found} classes, and there are {classes}")


def _reachable(view: View, first: Node) -> Iterator[Node]:
    """Yield every object that is held by another, however deep, but for what is inside of checked ones."""
    seen, waiting = {int(first)}, deque([first])
    while waiting:
        node = waiting.popleft()
        if type_of(view, node):
            yield node
            if type_of(view, node) in _CHECKED:
                continue
        for _, cell in view.paths.children(node):
            if type(cell) is Node and int(cell) not in seen:
                seen.add(int(cell))
                waiting.append(cell)


def _name(view: View, cell: Any) -> str:
    """Return the name of a function on its own, or of one that a wrapper keeps."""
    if type(cell) is not Node:
        return ""
    index, row = view.graph.locate(cell)
    table = view.graph.tables[index]
    if type(table) is t.Names:
        return str(table.names[row])
    return next((found for _, child in view.paths.children(cell) if (found := _name(view, child))), "")


def _empty(view: View, field: str, cell: Any) -> bool:
    if type(cell) is not Node:
        return False
    if field == "estimators_":
        return view.kind(cell) in ("list", "tuple") and not view.items(cell)
    if field.endswith(_NOTES):
        return False
    shape = view.shape(cell)
    return shape is not None and 0 in shape and (field == "_y" or view.kind(cell).startswith("array:f"))


def _columns(view: View, cell: Any, deep: int) -> int | None:
    """Return how many columns ``predict_proba`` has, or nothing where the state does not tell."""
    name = type_of(view, cell)
    if not name or not deep:
        return None
    if name not in catalog().types:
        return _VOUCHED
    cells = cells_of(view, cell)
    if name in _ASKED:
        return _columns(view, cells.get(_ASKED[name]), deep - 1)
    if name == "sklearn.pipeline.Pipeline":
        steps = view.items(cells.get("steps"))
        return _columns(view, view.items(steps[-1])[-1], deep - 1) if steps and view.items(steps[-1]) else None
    if name == "sklearn.ensemble._voting.VotingClassifier":
        found = {_columns(view, member, deep - 1) for member in view.items(cells.get("estimators_"))}
        return found.pop() if len(found) == 1 else None
    if name == "sklearn.multiclass.OneVsRestClassifier":
        return len(view.items(cells.get("estimators_")))
    if name == "sklearn.neural_network._multilayer_perceptron.MLPClassifier":
        return view.value(cells.get("n_outputs_"))  # type: ignore[no-any-return]
    shape = view.shape(cells["classes_"]) if type(cells.get("classes_")) is Node else None
    return shape[0] if shape is not None and len(shape) == 1 else None
