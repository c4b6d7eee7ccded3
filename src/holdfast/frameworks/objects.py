"""Objects whose state is their attributes: estimators, the user's own classes, enums and named tuples.

The one rule: state is read from ``__dict__`` and slots and written back there. ``__reduce__``, ``__getstate__`` and
``__setstate__`` are never called; a class that needs them is refused with the recipe for registering it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import lru_cache
from types import MemberDescriptorType, MethodType
from typing import Any, NamedTuple

from holdfast.errors import quoted

GENERIC_HOOKS = {
    "sklearn.base.BaseEstimator",
    "sklearn.base._HTMLDocumentationLinkMixin",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.BaseHistGradientBoosting",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils._metadata_requests._MetadataRequester",
    "sklearn.utils._metadata_requests.MetadataRequest",
}
"""Classes whose pickle hooks only add or drop what can be recomputed; checked one by one, see decision 6."""


_HGB = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting"

REDUNDANT = {f"{_HGB}Classifier": "_raw_predict", f"{_HGB}Regressor": "_raw_predict"}
"""Class -> a method that its fit leaves behind as an attribute of the instance, bound to the instance itself."""


ADDRESSES = {f"sklearn.feature_extraction.text.{name}Vectorizer": "_stop_words_id" for name in ("Count", "Hashing", "Tfidf")}
"""Class -> an attribute that holds where an object lay in memory. The class sets it again when it is not there; see decision 4."""


class Attributes(NamedTuple):
    """How the state of one class is read: the names of its slots, and whether it has a ``__dict__``."""

    slots: tuple[str, ...]
    has_dict: bool


@lru_cache(maxsize=4096)
def problem(cls: type) -> str | None:
    """Return why instances of a class cannot be saved by their attributes, or None when they can."""
    for name in ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"):
        for owner in cls.__mro__:
            if name in vars(owner):
                if owner is not object and f"{owner.__module__}.{owner.__qualname__}" not in GENERIC_HOOKS:
                    return f"it defines its own {name}, which holdfast never runs; register the class: docs/extend/framework.md"
                break
    if cls.__new__ is not object.__new__ and not _plain_new(cls):  # type: ignore[comparison-overlap]
        return "it is made by a C type or its own __new__; register the class: docs/extend/framework.md"
    return None


def _plain_new(cls: type) -> bool:
    # typing.Generic and Protocol define __new__ in old versions only; object.__new__ through them is the same.
    for owner in cls.__mro__:
        if "__new__" in vars(owner):
            # scikit-learn's @deprecated wraps __new__ to warn, and then calls object.__new__.
            return owner.__module__ in ("typing", "sklearn.utils.deprecation") or _is_deprecation(vars(owner)["__new__"])
    return True


def _is_deprecation(new: Any) -> bool:
    function = getattr(new, "__func__", new)
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename.replace("\\", "/").endswith("sklearn/utils/deprecation.py")


@lru_cache(maxsize=4096)
def attributes_of(cls: type) -> Attributes:
    """Return how to read the state of a class."""
    slots: dict[str, None] = {}
    for owner in reversed(cls.__mro__):
        for name, value in vars(owner).items():
            if isinstance(value, MemberDescriptorType) and not (name.startswith("__") and name.endswith("__")):
                slots[name] = None
    return Attributes(tuple(slots), bool(getattr(cls, "__dictoffset__", 0)))


def reader_of(cls: type) -> Callable[[Any], dict[str, Any]]:
    """Return a function that reads the attributes of an instance, slots first."""
    slots, has_dict = attributes_of(cls)
    redundant = REDUNDANT.get(f"{cls.__module__}.{cls.__qualname__}")
    address = ADDRESSES.get(f"{cls.__module__}.{cls.__qualname__}")
    if address is not None:
        return lambda obj: {name: value for name, value in vars(obj).items() if name != address}
    if redundant is not None:
        return lambda obj: {name: value for name, value in vars(obj).items() if name != redundant or not _is_own(obj, name, value)}
    if not slots:
        return vars

    def read(obj: Any) -> dict[str, Any]:
        state = {name: getattr(obj, name) for name in slots if hasattr(obj, name)}
        if has_dict:
            state.update(vars(obj))
        return state

    return read


def _is_own(obj: Any, name: str, value: Any) -> bool:
    """Say whether an attribute is the object's own method under its own name, which the class gives anyway."""
    return isinstance(value, MethodType) and value.__self__ is obj and value.__func__ is getattr(type(obj), name, None)


def is_enum(cls: type) -> bool:
    """Say whether a class is an enumeration."""
    return isinstance(cls, enum.EnumMeta)


def is_named_tuple(cls: type) -> bool:
    """Say whether a class is a named tuple without state beside its items."""
    fields = getattr(cls, "_fields", None)
    return (
        issubclass(cls, tuple)
        and type(fields) is tuple
        and all(type(name) is str for name in fields)
        and not getattr(cls, "__dictoffset__", 0)
    )


@lru_cache(maxsize=4096)
def misfit(cls: type, fields: tuple[str, ...]) -> str | None:
    """Return which of these attributes would shadow a method, a property or the machinery of Python, and how; or None."""
    slots = attributes_of(cls).slots
    for field in fields:
        if not field.isidentifier() and not field.replace(".", "_").isidentifier() and (not field or field.startswith("_")):
            return f"an attribute has the odd name {quoted(field)!r}"
        if field.startswith("__") and field.endswith("__"):
            return f"the attribute {quoted(field)!r} would change how Python treats the object; it is never loaded"
        found = getattr_static(cls, field)
        if found is not None and field not in slots and (callable(found) or hasattr(type(found), "__get__")):
            return f"the attribute {quoted(field)!r} would shadow a method or a property of the class"
    return None


def getattr_static(cls: type, field: str) -> Any:
    """Return what a class itself holds under a name, without running any of it."""
    for owner in cls.__mro__:
        if field in vars(owner):
            return vars(owner)[field]
    return None
