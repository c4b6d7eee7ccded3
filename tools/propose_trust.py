"""Propose the lists of trusted types from the installed libraries; a person reviews the difference before it is committed.

What it does: fits every scikit-learn estimator in many ways (`holdfast.testing.zoo`), walks each fitted model, and
notes for every class in it which attributes there are, of what kinds, and which lengths always agree. Parameters are
taken from scikit-learn's own constraints as well, since a user may give any of what those allow, and `widening` adds
the other forms of what means the same.

Run: python tools/propose_trust.py [--quick] [--check]
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import dataclasses
import inspect
import itertools
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from widening import LABEL_KINDS, RANDOM, is_helper, widened_by_meaning

from holdfast.errors import HoldfastError
from holdfast.frameworks import numpy_, pandas_, python_, scipy_, sklearn_
from holdfast.frameworks.adapter import Record
from holdfast.frameworks.walk import dump
from holdfast.trust.schema import CONTAINERS, DERIVED, SCALAR_KINDS, kinds_of
from holdfast.trust.view import View
from holdfast.values import tree as t
from holdfast.values.graph import Graph, Node

DATA = Path(__file__).parent.parent / "src" / "holdfast" / "trust" / "data"
ROWS_KEPT = 3000
FEWEST_VALUES, MANY = 3, 30
BASES = ("n_features_in_", "classes_.0")

SCALARS_TOGETHER = ({"int", "number:i", "number:u"}, {"float", "number:f"}, {"bool", "number:b"}, {"str", "number:U"})
ARRAY_LIKE = [f"array:{kind}{n}" for kind in "biufUO" for n in (0, 1, 2, 3)] + ["list", "tuple"]
SPARSE = [
    f"type:scipy.sparse._{name}.{name}_{suffix}"
    for name in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
    for suffix in ("matrix", "array")
]

TRAINING = {
    "_fit_X",
    "X_fit_",
    "X_train_",
    "y_train_",
    "support_vectors_",
    "X_",
    "_y",
    "oob_prediction_",
    "oob_decision_function_",
    "_X_fit",
    "X_transformed_fit_",
    "transduction_",
    "label_distributions_",
    "_fit_X_",
    "X_fit_gram",
}
TRAINING_OF = {
    "sklearn.kernel_approximation.Nystroem": ["components_"],
    "sklearn.neighbors._kde.KernelDensity": ["tree_"],
    "sklearn.feature_extraction.text.CountVectorizer": ["stop_words_"],
    "sklearn.feature_extraction.text.TfidfVectorizer": ["stop_words_"],
}

UNRELIABLE = {
    # lengths that agreed in every fit that was tried, and need not: seen in review, each with its reason
    "n_iter_": "PLS stops early when what is left is constant",
    "loss_curve_": "partial_fit after an early-stopped fit lengthens it alone",
    "validation_scores_": "as loss_curve_",
    "estimator_errors_": "AdaBoostRegressor keeps the length it planned when it stops early",
    "explained_variance_ratio_@LinearDiscriminantAnalysis": "shorter on rank-deficient data",
    "coefs_paths_": "of the search, not of the model",
    "scores_@LogisticRegressionCV": "of the search, not of the model",
    "_raw_data": "rows with missing values",
    "train_score_": "grows with warm starts",
    "max_features_": "a setting of the trees; most trees are seen inside forests that use all",
    "estimator_weights_": "as estimator_errors_",
    "estimators_@OneVsRestClassifier": "several labels at once: two labels are two, where two classes are one",
    "C_": "of the search, not of the model",
    "l1_ratio_": "of the search, not of the model",
}
"""Attribute, or attribute@class -> why its length is not taken for a rule."""

ALSO = {
    # a score of each target gives results of samples, targets and alphas
    "cv_results_@RidgeCV": {"array:f3"},
    "cv_results_@RidgeClassifierCV": {"array:f3"},
    # several outputs give samples, classes and outputs
    "oob_decision_function_@RandomForestClassifier": {"array:f3"},
    "oob_decision_function_@ExtraTreesClassifier": {"array:f3"},
    # the parameter as it was given, which may be "auto"
    "_n_features_out@GaussianRandomProjection": {"str", "int"},
    "_n_features_out@SparseRandomProjection": {"str", "int"},
    # None for each class where no ratio was asked for
    "l1_ratio_@LogisticRegressionCV": {"array:O1"},
}
"""Attribute@class -> kinds that are genuine, and that too few fits show for the miner to see them each time."""

BEFORE_FIT = {"_sklearn_output_config", "_metadata_request"}
"""What ``set_output`` and ``set_fit_request`` leave on an estimator; it says nothing of whether it is fitted."""

OF_THE_USER = {"scorer_", "cv_results_", "_metric_params", "effective_metric_params_"}
"""Containers of state that hold what a user has put into a parameter."""

NOT_ALWAYS = {
    # it is taken from the estimator inside, and one that begins with texts has none
    *(f"n_features_in_@{name}" for name in ("CalibratedClassifierCV", "OutputCodeClassifier", "FixedThresholdClassifier")),
    *(f"n_features_in_@{name}" for name in ("TunedThresholdClassifierCV", "MultiOutputClassifier", "MultiOutputRegressor")),
    "n_features_in_@_ConstantPredictor",
    # where all columns are dropped
    "output_indices_@ColumnTransformer",
    "sparse_output_@ColumnTransformer",
    # with a kernel of the user's own the rows may be anything
    *(f"n_features_in_@{name}" for name in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")),
    *(f"n_features_in_@GaussianProcess{name}" for name in ("Classifier", "Regressor")),
}
"""Attribute@class of what every fit has shown, and what another way to use the class leaves out."""

PYTHON_VALUES = [
    f"builtins.{n}"
    for n in (
        "bool",
        "bytes",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "object",
        "set",
        "str",
        "tuple",
        "abs",
        "len",
        "max",
        "min",
        "round",
        "sorted",
        "sum",
    )
]
PYTHON_VALUES += [
    "collections.OrderedDict",
    "collections.Counter",
    "collections.defaultdict",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "decimal.Decimal",
]
STR_METHODS = ["builtins.str.lower", "builtins.str.upper", "builtins.str.strip", "builtins.str.split"]


class Seen:
    """What the fits have shown of one class."""

    def __init__(self) -> None:
        self.kinds: dict[str, set[str]] = collections.defaultdict(set)
        self.items: dict[str, set[str]] = collections.defaultdict(set)
        self.always: set[str] | None = None
        self.fitted: set[str] | None = None
        self.rows: dict[tuple[tuple[str, int], ...], None] = {}
        self.count = 0


def observe(model: Any, seen: dict[str, Seen], values: set[str]) -> None:
    dumped = dump(model)
    graph = Graph(dumped.tree, len(dumped.tensors))
    view = View(graph, None)  # type: ignore[arg-type]
    values.update(dumped.functions)
    for table in graph.tables:
        if type(table) not in (t.Objects, t.Records):
            continue
        one = seen[table.type]
        fields = set(table.fields)
        one.always = fields if one.always is None else one.always & fields
        own = fields - set(given_names(table.type)) - BEFORE_FIT
        if own:
            one.fitted = own if one.fitted is None else one.fitted & own
        for field, column in zip(table.fields, table.columns, strict=True):
            one.kinds[field] |= kinds_of(view, column, table.rows)
            for cell in graph.cells(column, table.rows):
                if type(cell) is Node and view.kind(cell) in CONTAINERS:
                    one.items[field].update(view.kind(item) if type(item) is Node else SCALAR_KINDS[type(item)] for item in view.items(cell))
        if len(one.rows) < ROWS_KEPT:
            one.rows.update(dict.fromkeys(tuple(row.items()) for row in terms(view, table, set(param_names(table.type)))[:4]))
        one.count += table.rows


def terms(view: View, table: Any, params: set[str]) -> list[dict[str, int]]:
    """Return the lengths and counts of each row, without parameters: what a user sets is no relation of the class."""
    rows: list[dict[str, int]] = [{} for _ in range(table.rows)]
    for field, column in zip(table.fields, table.columns, strict=True):
        if field in params:
            continue
        for row, cell in zip(rows, view.graph.cells(column, table.rows), strict=True):
            if type(cell) is int:
                row[field] = cell
            elif type(cell) is Node:
                shape = view.shape(cell)
                kind = view.kind(cell)
                if shape is not None:
                    row.update({f"{field}.{axis}": length for axis, length in enumerate(shape)})
                    if shape:
                        row[f"{field}.-1"] = shape[-1]
                    if field in ("classes_", "classes") and len(shape) == 1:
                        row.update({f"{field}.{derived}": of(shape[0]) for derived, of in DERIVED.items()})
                elif kind in ("list", "tuple", "dict"):
                    row[f"{field}.len"] = len(view.items(cell))
                elif kind in ("number:i", "number:u"):
                    row[field] = int(view.value(cell))
    return rows


_params: dict[str, list[str]] = {}


def class_of(name: str) -> Any:
    import importlib

    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise LookupError(name)


def param_names(name: str) -> list[str]:
    found = _params.get(name)
    if found is None:
        cls = class_of(name)
        lister = getattr(cls, "_get_param_names", None)
        found = _params[name] = list(lister()) if inspect.ismethod(lister) else []
    return found


_given: dict[str, list[str]] = {}


def given_names(name: str) -> list[str]:
    """Return what every instance of an estimator has before it is fitted: its parameters, and what its class sets beside them."""
    found = _given.get(name)
    if found is None:
        found = param_names(name)
        if found:
            from holdfast.testing import zoo
            from holdfast.testing.zoo_variants import recipes_of

            cls = class_of(name)
            # one that needs an argument, and of which there is no recipe, is not for users
            with contextlib.suppress(TypeError):
                found = sorted({*found, *vars(zoo.build(cls, recipes_of(cls)[0][1]))})
        _given[name] = found
    return found


def from_constraints(cls: Any) -> dict[str, set[str]]:
    """Return the kinds that scikit-learn's own parameter validation accepts."""
    found: dict[str, set[str]] = {}
    for name, constraints in getattr(cls, "_parameter_constraints", {}).items():
        kinds: set[str] = set()
        if constraints == "no_validation":
            found[name] = {"any"}
            continue
        for one in constraints:
            kinds |= kinds_of_constraint(one)
        found[name] = kinds
    return found


def kinds_of_constraint(one: Any) -> set[str]:
    import numbers

    kind = type(one).__name__
    if kind == "Hidden":
        return kinds_of_constraint(one.constraint)
    if one is None:
        return {"none"}
    if isinstance(one, str):
        table = {
            "array-like": ARRAY_LIKE + ["type:pandas.Series", "type:pandas.DataFrame", "type:pandas.Index"],
            "sparse matrix": SPARSE,
            "random_state": sorted(RANDOM),
            "boolean": ["bool", "number:b"],
            "verbose": ["bool", "int", "number:i", "number:b"],
            "cv_object": ["int", "none", "number:i", "list", "object"],
            "missing_values": ["none", "int", "float", "str", "number:i", "number:f", "number:U", "type:pandas.NA", "object"],
            "nan": ["float", "number:f"],
        }
        return set(table.get(one, ["any"]))
    if kind == "Interval":
        return {"int", "number:i", "number:u"} if one.type is numbers.Integral else {"int", "float", "number:i", "number:u", "number:f"}
    if kind in ("StrOptions",):
        return {"str", "number:U"}
    if kind == "Options":
        return {"bool", "int", "float", "str", "none", "number:i", "number:f", "name"} if one.type is not str else {"str", "number:U"}
    if kind in ("_NanConstraint", "_PandasNAConstraint", "MissingValues"):
        return {"none", "int", "float", "str", "number:i", "number:f", "number:U", "object"}
    if kind in ("HasMethods", "_CVObjects", "_IterablesNotString", "_Callables"):
        return {"object", "name", "list", "tuple", "int", "none"}
    if one is callable:
        return {"name", "object"}
    if isinstance(one, type):
        simple = {
            int: {"int", "number:i"},
            float: {"float", "number:f"},
            str: {"str"},
            bool: {"bool"},
            dict: {"dict"},
            list: {"list"},
            tuple: {"tuple"},
            set: {"set"},
            slice: {"type:builtins.slice"},
            type: {"name"},
        }
        if one in simple:
            return simple[one]
        if one is numbers.Integral:
            return {"int", "bool", "number:i", "number:u", "number:b"}
        if one is numbers.Real:
            return {"int", "float", "number:i", "number:u", "number:f"}
        return {"object", "dict", "list", "name"}
    return {"any"}


def of_the_users_choice(name: str) -> bool:
    """Say whether an object of this class stands where a user may have put any other: estimators, scorers, kernels, splitters."""
    from sklearn.base import BaseEstimator
    from sklearn.gaussian_process.kernels import Kernel

    if not name.startswith("sklearn."):
        return False
    cls = class_of(name)
    if name.rpartition(".")[2].startswith("_"):
        return name.startswith("sklearn.metrics._scorer.")
    return issubclass(cls, BaseEstimator | Kernel) or name.startswith("sklearn.model_selection._split.")


def widened(kinds: set[str], fitted: bool) -> set[str]:
    """Return kinds with those that differ only by how the user wrote the same thing."""
    wide = set(kinds)
    for group in SCALARS_TOGETHER:
        if wide & group:
            wide |= group
    labels = {kind for kind in wide if kind in LABEL_KINDS}
    if len({kind[6] for kind in labels} & set("iuUObM")) >= 2:
        wide |= set(LABEL_KINDS)
    objects = {kind for kind in wide if kind.startswith("type:")}
    if len(objects) >= 3 or (objects and not fitted) or any(of_the_users_choice(kind[5:]) for kind in objects):
        wide = (wide - objects) | {"object"}
    # counts and exact scores are integers where others are floats; native code has its own checks of dtypes
    wide |= {f"array:{other}{kind[7:]}" for kind in wide if kind.startswith("array:f") for other in "iu"}
    if fitted:
        # several outputs add an axis
        wide |= {f"{kind[:7]}{n}" for kind in wide if kind[:7] in ("array:f", "array:i", "array:u") and kind[7:] in "12" for n in "12"}
    if "float" in wide:
        wide |= SCALARS_TOGETHER[0]
    return {"any"} if "any" in wide else wide


def equalities(name: str, one: Seen, listed: list[list[str]]) -> list[tuple[str, str]]:
    """Return pairs of lengths that agreed in every fit that had both, with enough different values to mean something.

    Three different values are enough for any two lengths. Of what every model is made of, the number of columns and of
    classes, two are: that another number follows both by chance, in all fits, is not what happens.
    """
    short = name.rpartition(".")[2]
    rows = [dict(row) for row in one.rows]
    axes: dict[str, set[int]] = collections.defaultdict(set)
    for row in rows:
        for head in {term.partition(".")[0] for term in row if term.endswith(".0")}:
            axes[head].add(sum(f"{head}.{axis}" in row for axis in range(4)))

    def speaks(term: str) -> bool:
        head, _, part = term.partition(".")
        return head not in UNRELIABLE and f"{head}@{short}" not in UNRELIABLE and (part != "-1" or len(axes[head]) > 1)

    names = sorted({term for row in rows for term in row if speaks(term)})
    often = collections.Counter(term for row in rows for term in row)
    names.sort(key=lambda term: (term != "n_features_in_", term != "classes_.0", -often[term], term))

    def together(a: str, b: str, values: int = FEWEST_VALUES) -> bool:
        if a.partition(".")[0] == b.partition(".")[0] and (a.endswith(".-1") or b.endswith(".-1")):
            return False  # the last axis is one of the others
        both = {(row[a], row[b]) for row in rows if a in row and b in row}
        return all(x == y for x, y in both) and len(both) >= values

    bases = [term for term in names if term in BASES]
    if not takes_label_sets(name):  # two labels at once are two of everything, where two classes are one
        bases += [f"classes_.{derived}" for derived in DERIVED]
    ordinary = [term for term in names if term.partition(".")[2] not in DERIVED]
    placed: set[str] = set()
    found: list[tuple[str, str]] = []
    for term in ordinary:
        if term in placed:
            continue
        group = [other for other in ordinary if other != term and other not in placed and together(term, other)]
        if group:
            placed.update(group)
            found.extend((term, other) for other in group)
    for other in ordinary:
        if other in placed or other in BASES:
            continue
        following = [base for base in bases if together(base, other, 2)]
        if len(following) == 1:  # with classes of one number only, more than one would be found, and nothing be known
            found.append((following[0], other))
    # what was on the list, and was not seen to be wrong, stays; all are compared with the first of their group
    found += [(a, b) for a, b in listed if {a, b} <= {*names} and together(a, b, 1) and (a, b) not in found and (b, a) not in found]
    return [(a, b) for a, b in found if (a, f"{b.partition('.')[0]}.-1") not in found or b.endswith(".-1")]


def takes_label_sets(name: str) -> bool:
    """Say whether a classifier can be asked for several labels at once."""
    from holdfast.testing import zoo
    from holdfast.testing.zoo_variants import recipes_of

    cls = class_of(name)
    if not hasattr(cls, "__sklearn_tags__"):
        return False
    try:
        tags = zoo.build(cls, recipes_of(cls)[0][1]).__sklearn_tags__().classifier_tags
    except TypeError:
        return True
    return tags is not None and bool(tags.multi_label)


def items_of(one: Seen, params: list[str]) -> dict[str, list[str]]:
    """Return, for each container of state that held nothing but objects or arrays, of what kinds these were."""
    found = {}
    for field in sorted(one.items):
        kinds = one.items[field]
        if field in params or field in OF_THE_USER:
            continue
        if kinds and all(kind.startswith(("type:", "array:")) and not kind.startswith("array:O") for kind in kinds):
            found[field] = LABEL_KINDS if field == "classes_" else sorted(widened(kinds, fitted=True))
    return found


def sklearn_types(seen: dict[str, Seen], how: dict[str, str]) -> dict[str, Any]:
    from sklearn.base import BaseEstimator

    listed = json.loads((DATA / "sklearn.json").read_text())["types"]
    types: dict[str, Any] = {}
    for name in sorted(seen):
        if not name.startswith("sklearn."):
            continue
        one = seen[name]
        cls = class_of(name)
        params, own = given_names(name), param_names(name)
        entry: dict[str, Any] = {"how": how.get(name, "object")}
        constrained = from_constraints(cls)
        kinds: dict[str, list[str]] = {}
        for field in sorted(one.kinds):
            mined = one.kinds[field] | ALSO.get(f"{field}@{name.rpartition('.')[2]}", set())
            if field in own:
                mined = mined | constrained.get(field, set())
            kinds[field] = sorted(widened(mined, fitted=field not in own))
        for field in own:
            kinds.setdefault(field, sorted(widened(constrained.get(field, {"any"}), fitted=False)))
        for field, known in listed.get(name, {}).get("kinds", {}).items():
            # a model that loads goes on to load: what was seen with other settings stays until a reviewer takes it out
            kinds[field] = sorted({*known, *kinds.get(field, known)})
        for field in set(kinds) - set(own):
            # labels have one axis; and what has two with any data has a row for something, be it one
            wrong = "12" if field == "classes_" else "21" if one.count > MANY else ""
            seen_axes = {kind[7:] for kind in one.kinds.get(field, ()) if kind.startswith("array:")}
            if wrong and seen_axes == {wrong[0]}:
                kinds[field] = [kind for kind in kinds[field] if not (kind.startswith("array:") and kind[7:] == wrong[1])]
        kinds = widened_by_meaning(kinds, cls)
        if kinds:
            entry["kinds"] = kinds
        if params or issubclass(cls, BaseEstimator):
            entry["params"] = sorted(own)
            entry["made"] = sorted(set(params) - set(own))
            short = name.rpartition(".")[2]
            entry["fitted"] = sorted(field for field in (one.fitted or set()) - set(params) if f"{field}@{short}" not in NOT_ALWAYS)
        else:
            entry["params"] = sorted(one.always or ())
        items = items_of(one, params)
        if items:
            entry["items"] = items
        pairs = [] if is_helper(cls) else equalities(name, one, listed.get(name, {}).get("equal", []))
        if pairs:
            entry["equal"] = pairs
        training = sorted((TRAINING & set(one.kinds)) | set(TRAINING_OF.get(name, [])))
        if training:
            entry["training"] = training
        types[name] = {key: value for key, value in entry.items() if value not in ([], {})}
    return types


def sklearn_values() -> set[str]:
    import sklearn.feature_selection
    import sklearn.gaussian_process.kernels
    import sklearn.metrics
    import sklearn.metrics.pairwise
    import sklearn.model_selection

    from holdfast.frameworks.names import name_of

    found = set()
    modules = [sklearn.metrics, sklearn.metrics.pairwise, sklearn.feature_selection]
    for module in modules:
        for public in module.__all__ if hasattr(module, "__all__") else dir(module):
            value = getattr(module, public, None)
            if (
                callable(value)
                and not isinstance(value, type)
                and (name := name_of(value)) is not None
                and name.startswith("sklearn.metrics")
            ) or name_of_selection(value):
                found.add(name_of(value))
    for public in sklearn.model_selection.__all__:
        value = getattr(sklearn.model_selection, public)
        if isinstance(value, type) and value.__module__.endswith("_split"):
            found.add(f"{value.__module__}.{value.__qualname__}")
    for scorer in map(sklearn.metrics.get_scorer, sklearn.metrics.get_scorer_names()):
        found.add(name_of(scorer._score_func))  # two of them are public by the name of their scorer only
    found |= {
        "sklearn.utils.validation.check_array",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
    }
    return {name for name in found if name}


def name_of_selection(value: Any) -> bool:
    return callable(value) and not isinstance(value, type) and getattr(value, "__module__", "").startswith("sklearn.feature_selection")


def numpy_values() -> list[str]:
    import numpy as np

    from holdfast.frameworks.names import name_of

    found = {f"numpy.{name}" for name, value in vars(np).items() if isinstance(value, np.ufunc) and name_of(value) == f"numpy.{name}"}
    for name in (
        "mean",
        "median",
        "max",
        "min",
        "sum",
        "std",
        "var",
        "abs",
        "average",
        "nanmean",
        "nanmedian",
        "nanmax",
        "nanmin",
        "nansum",
        "nanstd",
        "ptp",
        "percentile",
        "quantile",
        "prod",
        "clip",
        "round",
        "ravel",
        "asarray",
        "array",
        "nan_to_num",
        "argmax",
        "argmin",
        "cumsum",
        "diff",
        "transpose",
        "squeeze",
        "reshape",
        "dot",
        "matmul",
        "linalg.norm",
    ):
        value: Any = np
        for part in name.split("."):
            value = getattr(value, part)
        known = name_of(value)
        if known is not None:
            found.add(known)
    found |= {
        f"numpy.{cls.__name__}"
        for cls in (
            np.float64,
            np.float32,
            np.float16,
            np.int64,
            np.int32,
            np.int16,
            np.int8,
            np.uint64,
            np.uint32,
            np.uint16,
            np.uint8,
            np.bool_,
            np.complex64,
            np.complex128,
            np.str_,
            np.bytes_,
            np.datetime64,
            np.timedelta64,
            np.ndarray,
            np.longdouble,
            # of no number, only of kinds: what columns are selected by
            np.generic,
            np.number,
            np.integer,
            np.signedinteger,
            np.unsignedinteger,
            np.inexact,
            np.floating,
            np.complexfloating,
            np.flexible,
            np.character,
        )
    }
    return sorted(found)


def adapters(module: Any) -> dict[str, Any]:
    return {name: {"how": "record" if isinstance(adapter, Record) else "shell"} for name, adapter in sorted(module.ADAPTERS.items())}


def write(name: str, types: dict[str, Any], values: list[str], tried: dict[str, str], check: bool) -> bool:
    """Write one data file, a class a line, so that a review reads lines."""
    lines = ["{", f' "tried_with": {json.dumps(tried, sort_keys=True)},', ' "types": {']
    rows = [f"  {json.dumps(key)}: {json.dumps(value, sort_keys=True)}" for key, value in types.items()]
    lines += [",\n".join(rows), " },", ' "values": [', ",\n".join(f"  {json.dumps(value)}" for value in values), " ]", "}", ""]
    text = "\n".join(lines)
    path = DATA / f"{name}.json"
    if check:
        return path.read_text() == text
    path.write_text(text)
    return True


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--quick", action="store_true", help="one fit a class instead of many; for trying the script itself")
    options.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file would change")
    args = options.parse_args()
    warnings.simplefilter("ignore")
    import numpy
    import pandas
    import scipy
    import sklearn

    from holdfast.testing.zoo import specimens, variants
    from holdfast.testing.zoo_helpers import helpers

    seen: dict[str, Seen] = collections.defaultdict(Seen)
    values: set[str] = set()
    refused: collections.Counter[str] = collections.Counter()
    source = specimens() if args.quick else itertools.chain(specimens(), variants())
    for number, specimen in enumerate(itertools.chain.from_iterable(map(with_sparse, source))):
        if number % 200 == 0 and sys.stderr.isatty():
            print(f"\r{number} fits, {len(seen)} classes", end="", file=sys.stderr)
        try:
            observe(specimen.model, seen, values)
        except HoldfastError as error:
            refused[str(error)[:160]] += 1
    for helper in helpers():
        observe(helper, seen, values)
    for text, count in refused.most_common():
        print(f"refused {count}: {text}", file=sys.stderr)
    how = {name: ("record" if isinstance(adapter, Record) else "shell") for name, adapter in sklearn_.ADAPTERS.items()}
    how |= {name: entry["how"] for name, entry in enums_and_tuples().items()}
    types = adapters(sklearn_) | enums_and_tuples() | sklearn_types(seen, how)
    python = {"python": sys.version.split()[0]}
    same = [
        write("python", adapters(python_), sorted(PYTHON_VALUES + STR_METHODS), {}, args.check),
        write("numpy", adapters(numpy_), numpy_values(), {"numpy": numpy.__version__}, args.check),
        write(
            "scipy",
            # what a reviewer has put down of a record stays
            {name: {**json.loads((DATA / "scipy.json").read_text())["types"].get(name, {}), **one} for name, one in adapters(scipy_).items()},
            [
                f"scipy.special.{n}"
                for n in ("erf", "erfc", "erfinv", "expit", "gamma", "gammaln", "logit", "log1p", "expm1", "softmax", "xlogy")
            ],
            {"scipy": scipy.__version__},
            args.check,
        ),
        write("pandas", adapters(pandas_), [], {"pandas": pandas.__version__}, args.check),
        write(
            "sklearn",
            dict(sorted(types.items())),
            sorted(sklearn_values() | {v for v in values if v.startswith("sklearn.")}),
            {"scikit-learn": sklearn.__version__} | python,
            args.check,
        ),
    ]
    print(f"{len(seen)} classes seen; {len(types)} scikit-learn types listed; " + ("unchanged" if all(same) else "some would change"))
    return 0 if all(same) else 1


def with_sparse(specimen: Any) -> Iterator[Any]:
    """Yield a specimen, and where its class can be made sparse after the fit, what that makes of it."""
    yield specimen
    if hasattr(specimen.model, "sparsify"):
        yield dataclasses.replace(specimen, model=copy.deepcopy(specimen.model).sparsify())


def enums_and_tuples() -> dict[str, Any]:
    return {"sklearn.impute._iterative._ImputerTriplet": {"how": "record"}}


if __name__ == "__main__":
    sys.exit(main())
