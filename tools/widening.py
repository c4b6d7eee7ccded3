"""Rules that widen what mining has seen to what users write: the same thing in other words, for every class alike.

A zoo shows labels of some dtypes, seeds of one kind and a splitter in one setting; users have all others. What Python code
reads may come in any of these forms. What compiled code reads has checks of its own in ``holdfast.trust.state``, which
no rule here reaches, and the arrays, counts and objects it gets keep the kinds that were seen.

The one rule: a rule speaks of what an attribute means, never of one class.
"""

from __future__ import annotations

from typing import Any

LABEL_KINDS = [f"array:{kind}1" for kind in "biufUSOM"]
"""Forms of the labels of one output."""
LABELS = {"classes_", "_classes", "classes"}
"""Attributes that hold the labels a classifier was fitted on, each once."""

NAME_KINDS = {"array:O1", "array:U1"}
NAMES = {"feature_names_in_"}
"""Attributes that hold names of columns: of objects as pandas gives them, of text as LightGBM and XGBoost make them of that."""

RANDOM = {"int", "none", "number:i", "number:u", "type:numpy.random.mtrand.RandomState", "type:numpy.random._generator.Generator"}
SEEDS = {"random_state"}
"""Parameters that say where random numbers come from."""

GIVEN = ["none", "bool", "int", "float", "str", "list", "tuple", "dict", "number:b", "number:i", "number:u", "number:f", "object", "name"]
"""Kinds that users give for a parameter of which no constraint is known."""

SETTINGS = {"list": {"tuple"}, "tuple": {"list"}, "name": {"object"}}
"""Kind -> kinds that users give for it as a setting of a splitter, a scorer or a kernel, which is Python and looks at it when it is used."""

TARGETS = {"_y", "y_train_"}
TARGET_KINDS = {f"array:{kind}{axes}" for kind in "biufO" for axes in (1, 2)}
"""Attributes of regressors that hold targets as they were given, for numpy to average; those of classifiers hold numbers of classes."""

REQUEST = "_metadata_request"
"""What ``set_fit_request`` and its like leave on an object."""


def is_helper(cls: Any) -> bool:
    """Say whether a class is Python that works beside an estimator, with no constraints of its own: splitters, scorers, kernels, selectors of columns."""
    from sklearn.compose import make_column_selector
    from sklearn.gaussian_process.kernels import Kernel

    if not isinstance(cls, type):
        return False
    return cls.__module__ in ("sklearn.model_selection._split", "sklearn.metrics._scorer") or issubclass(cls, Kernel | make_column_selector)


def _is_regressor(cls: Any) -> bool:
    from sklearn.base import RegressorMixin

    return isinstance(cls, type) and issubclass(cls, RegressorMixin)


def widened_by_meaning(kinds: dict[str, list[str]], cls: Any = None) -> dict[str, list[str]]:
    """Return the kinds of each attribute of a class, with all forms in which users have the same thing.

    Args:
        kinds: attribute -> kinds that were seen.
        cls: the class itself, where it says more than the names of its attributes do.
    """
    wide = {field: set(seen) for field, seen in kinds.items()}
    for field, seen in wide.items():
        if "any" in seen:
            continue
        if field in SEEDS:
            seen |= {kind for kind in RANDOM if "object" not in seen or not kind.startswith("type:")}
        if field in NAMES:
            seen |= NAME_KINDS
        if field in LABELS and any(kind.startswith("array:") for kind in seen):
            seen |= set(LABEL_KINDS)
        if field != REQUEST and is_helper(cls):
            seen |= set().union(*(SETTINGS.get(kind, set()) for kind in seen))
        if field in TARGETS and _is_regressor(cls):
            seen |= TARGET_KINDS
    if hasattr(cls, "get_metadata_routing"):
        wide.setdefault(REQUEST, {"type:sklearn.utils._metadata_requests.MetadataRequest"})
    return {field: sorted(seen) for field, seen in sorted(wide.items())}
