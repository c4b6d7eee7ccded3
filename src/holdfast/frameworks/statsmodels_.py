"""statsmodels: results with the model and the data inside them, by their attributes.

Strategy. Results are plain Python objects over arrays and frames. What is not: a wrapper that shows the text of its results as its
own, design information that only a formula can make again, and caches of compiled filters, which fill themselves when asked.

The one rule: a formula is Python that would be evaluated; only one made of columns, arithmetic and known functions is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import MethodType
from typing import Any

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Shell

FUNCTIONS = frozenset({"C", "I", "Q", "center", "scale", "standardize", "bs", "cr", "cc", "poly", "Treatment", "Sum", "Poly", "Diff", "Helmert"})
"""Functions that formulas have of their own."""
NUMPY = frozenset({"log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "abs", "sin", "cos", "tan", "power", "square", "sign", "maximum", "minimum"})
"""Functions of numpy, as ``np.log`` or by name alone."""
_ARITHMETIC = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.BitOr, ast.USub, ast.UAdd, ast.Load)

_CACHES = {
    "Representation": ("_statespaces", "_kalman_filters", "_kalman_smoothers", "_representations"),
    "Initialization": ("_initializations", "_representations"),
}
"""Attributes that hold compiled parts by kind of number, made when they are asked for."""


def check_formula(formula: Any) -> None:
    """Refuse a formula that is more than columns, arithmetic and known functions.

    Raises:
        InvalidState: says what it holds.
    """
    if type(formula) is not str or len(formula) > 10_000:
        raise InvalidState("a formula is not text, or longer than any; the file is damaged or was altered.")
    for side in formula.split("~"):
        try:
            # an interaction is written with a colon, which means nothing in an expression of Python
            tree = ast.parse(side.strip().replace(":", "*") or "0", mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise InvalidState(f"the formula {formula[:80]!r} cannot be read; the file is damaged or was altered.") from None
        for node in ast.walk(tree):
            known = isinstance(node, (*_ARITHMETIC, ast.Constant, ast.keyword))
            known = known or (isinstance(node, ast.Name) and not node.id.startswith("_"))
            if isinstance(node, ast.Call):
                called = node.func
                known = isinstance(called, ast.Name) and called.id in FUNCTIONS | NUMPY
                known = known or (isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "np" and called.attr in NUMPY)
            elif isinstance(node, ast.Attribute):
                known = isinstance(node.value, ast.Name) and node.value.id == "np" and node.attr in NUMPY
            if not known:
                raise InvalidState(
                    f"the formula {formula[:80]!r} holds {ast.unparse(node)[:60]!r}, and a formula is evaluated as Python; only columns, arithmetic "
                    f"and functions such as C, np.log and np.exp are"
                )


def _shell(cls: type, dump: Callable[[Any], dict[str, Any]], fill: Callable[[Any, dict[str, Any]], None]) -> Shell:
    return Shell(dump, lambda: object.__new__(cls), fill)


def _fill_plainly(obj: Any, fields: dict[str, Any]) -> None:
    object.__getattribute__(obj, "__dict__").update(fields)


# -- wrappers, data, state spaces ------------------------------------------------------------------------------------------


def _wrapper(cls: type) -> Shell:
    def fill(obj: Any, fields: dict[str, Any]) -> None:
        _fill_plainly(obj, fields)
        object.__setattr__(obj, "__doc__", type(fields["_results"]).__doc__)

    return _shell(cls, lambda obj: {key: value for key, value in object.__getattribute__(obj, "__dict__").items() if key != "__doc__"}, fill)


def _data(cls: type) -> Shell:
    def dump(data: Any) -> dict[str, Any]:
        fields = {key: _plain_frame(value) for key, value in vars(data).items() if key != "model_spec"}
        if "model_spec" in vars(data):
            try:
                check_formula(fields.get("formula"))
            except InvalidState as error:
                raise UnsupportedModel(f"cannot save results of a formula: {error.message}; make the columns first, and use their names") from None
            fields["[model_spec]"] = True
        return fields

    def fill(data: Any, fields: dict[str, Any]) -> None:
        state = {key: fields[key] for key in fields}
        if state.pop("[model_spec]", False):
            check_formula(state["formula"])
            state["restore_model_spec"] = True
            data.__setstate__(state)
        else:
            data.__dict__.update(state)

    return _shell(cls, dump, fill)


def _plain_frame(value: Any) -> Any:
    """Return a frame without the design information that a formula puts on it."""
    return value.copy(deep=False) if "design_info" in getattr(value, "__dict__", ()) else value


def _bunch(name: str) -> Shell:
    def make() -> Any:
        import importlib

        module, _, cls = name.rpartition(".")
        return getattr(importlib.import_module(module), cls)()

    return Shell(lambda obj: {"[items]": dict(obj)}, make, lambda obj, fields: obj.update(fields["[items]"]))


def _state(cls: type) -> Shell:
    """Results and models: their attributes under a name that no attribute has, since some stand in for a method of the class."""

    def dump(obj: Any) -> dict[str, Any]:
        # methods that fitting puts on the object, which its own initialising puts there again
        state = {key: value for key, value in vars(obj).items() if not isinstance(value, MethodType) and not key.startswith("__")}
        if type(state.get("mle_settings")) is dict:
            # how the optimum was searched; functions in it have done their work
            state["mle_settings"] = {key: None if callable(value) else value for key, value in state["mle_settings"].items()}
        return {"[state]": state}

    def fill(obj: Any, fields: dict[str, Any]) -> None:
        obj.__dict__.update(fields["[state]"])
        if type(obj).__name__ in _INITIALISED:
            obj._initialize()

    return _shell(cls, dump, fill)


_INITIALISED = ("NegativeBinomial",)
"""Classes whose ``_initialize`` puts methods on the object."""


def _cached(cls: type) -> Shell:
    caches = [name for owner in cls.__mro__ for name in _CACHES.get(owner.__name__, ())]

    def dump(obj: Any) -> dict[str, Any]:
        return {key: value for key, value in vars(obj).items() if key not in caches}

    def fill(obj: Any, fields: dict[str, Any]) -> None:
        obj.__dict__.update(fields)
        for name in caches:
            obj.__dict__.setdefault(name, {})

    return _shell(cls, dump, fill)


ADAPTERS: dict[str, Adapter] = {"statsmodels.tools.tools.Bunch": _bunch("statsmodels.tools.tools.Bunch")}

FAMILIES = {
    "statsmodels.base.model.Model": _state,
    "statsmodels.genmod.families.family.Family": _state,
    "statsmodels.genmod.families.links.Link": _state,
    **{f"statsmodels.genmod.families.varfuncs.{name}": _state for name in ("VarianceFunction", "Power", "Binomial", "NegativeBinomial")},
    "statsmodels.base.model.Results": _state,
    "statsmodels.base.wrapper.ResultsWrapper": _wrapper,
    "statsmodels.base.data.ModelData": _data,
    "statsmodels.tsa.statespace.initialization.Initialization": _cached,
    "statsmodels.tsa.statespace.representation.Representation": _cached,
}
"""Exact name of a class -> what makes the adapter of a class below it."""
