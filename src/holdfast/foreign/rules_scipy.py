"""scipy: how sparse matrices, splines and frozen distributions are pickled.

The one rule: what comes out has exactly the fields of `holdfast.frameworks.scipy_`, and index arrays are checked there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.foreign.made import Made
from holdfast.foreign.rules_python import as_new
from holdfast.values.outline import Named, Outline, Pairs


def _array(value: Any) -> Any:
    made = value.finish() if type(value) is Made else value
    if not isinstance(made, np.ndarray):
        raise TypeError("an attribute that is no array")
    return made


def _lengths(value: Any) -> tuple[int, ...]:
    parts = tuple(one.finish() if type(one) is Made else one for one in value)
    return tuple(int(one) for one in parts if isinstance(one, int | np.integer))


def _compressed(made: Made) -> Any:
    state = made.fields()
    indptr = _array(state["indptr"])
    used = int(indptr[-1])
    fields = {"shape": _lengths(state["_shape"]), "data": _array(state["data"]), "indices": _array(state["indices"]), "indptr": indptr}
    for name in ("data", "indices"):
        if 0 <= used < len(fields[name]):
            fields[name] = fields[name][:used]
    return Outline(made.name, fields, True)


def _coo(made: Made) -> Any:
    state = made.fields()
    coords = state["coords"] if "coords" in state else (state["row"], state["col"])
    return Outline(made.name, {"shape": _lengths(state["_shape"]), "data": _array(state["data"]), "coords": tuple(map(_array, coords))}, True)


def _dia(made: Made) -> Any:
    state = made.fields()
    return Outline(made.name, {"shape": _lengths(state["_shape"]), "data": _array(state["data"]), "offsets": _array(state["offsets"])}, True)


def _lil(made: Made) -> Any:
    state = made.fields()
    return Outline(made.name, {"shape": _lengths(state["_shape"]), "dtype": state["dtype"], "rows": state["rows"], "data": state["data"]}, True)


def _dok(made: Made) -> Any:
    state = made.fields()
    items = Pairs()
    for key, value in zip(state["_dict"].keys, state["_dict"].values, strict=True):
        items.keys.append(_lengths(key) if type(key) is tuple else int(key.finish() if type(key) is Made else key))
        items.values.append(value)
    return Outline(made.name, {"shape": _lengths(state["_shape"]), "dtype": state["dtype"], "items": items}, True)


def _spline(made: Made) -> Any:
    state = made.fields()
    t, c = (state["_t"], state["_c"]) if "_t" in state else (state["t"], state["c"])
    fields = {"t": np.ascontiguousarray(_array(t)), "c": np.ascontiguousarray(_array(c)), "k": int(state["k"]), "extrapolate": state["extrapolate"], "axis": int(state["axis"])}
    return Outline(made.name, fields, True)


_GENERIC = re.compile(r"scipy\.stats\.(?:_continuous_distns|_discrete_distns|_levy_stable)\.\w+_gen\Z", re.ASCII)


def _frozen(made: Made) -> Any:
    state = made.fields()
    dist = as_new(state["dist"]) if type(state["dist"]) is Made else None
    if dist is None or not _GENERIC.match(dist.name) or dist.how != "new" or dist.args:
        raise TypeError("its distribution")
    told = dist.fields()
    if type(told["name"]) is not str or type(state["args"]) is not tuple or type(state["kwds"]) is not Pairs:
        raise TypeError("its parameters")
    # scipy makes the distribution anew from its name, which is all that is kept of the rest
    made.names.excuse(state["dist"])
    _excuse_entropy(state["dist"], told.get("vecentropy"))
    # The pickle holds random numbers of its own, as scipy's does that were never given any: those of numpy at that moment.
    return Outline(made.name, {"name": told["name"], "args": state["args"], "kwds": state["kwds"], "random_state": told.get("_random_state")}, True)


def _excuse_entropy(dist: Made, vectorized: Any) -> None:
    """Know the one method that a discrete distribution takes along in its state: ``vectorize(self._entropy)``."""
    if type(vectorized) is not Made or as_new(vectorized).name != "numpy.vectorize":
        return
    calls = [vectorized, as_new(vectorized).fields().get("pyfunc")]
    if type(calls[1]) is Made and calls[1].name == "types.MethodType":  # dill: the function out of the class, and the object
        function, owner = calls[1].args
        if type(function) is Made:
            calls.append(function)
            known = owner is dist and function.name == "builtins.getattr" and type(function.args[0]) is Named and function.args[1] == "_entropy"
        else:
            known = owner is dist and type(function) is Named and function.name.endswith("._entropy")
    else:
        known = type(calls[1]) is Made and calls[1].name == "builtins.getattr" and calls[1].args[0] is dist and calls[1].args[1] == "_entropy"
    for call in calls if known else ():
        if type(call) is Made:
            dist.names.excuse(call)


_COMPRESSED = ("csr", "csc", "bsr")
_OTHERS = {"coo": _coo, "dia": _dia, "lil": _lil, "dok": _dok}

RULES: dict[str, Callable[[Made], Any]] = {
    **{
        f"scipy.sparse._{name}.{name}_{suffix}": _OTHERS.get(name, _compressed)
        for name in (*_COMPRESSED, *_OTHERS)
        for suffix in ("matrix", "array")
    },
    "scipy.interpolate._bsplines.BSpline": _spline,
    "scipy.stats._distn_infrastructure.rv_continuous_frozen": _frozen,
    "scipy.stats._distn_infrastructure.rv_discrete_frozen": _frozen,
    "scipy.optimize._optimize.OptimizeResult": lambda made: Outline(made.name, {"[items]": made.pairs}),
}


def otherwise(made: Made) -> Callable[[Made], Any] | None:
    """Return the rule for a name without one: before scipy 1.8 the modules of sparse matrices had no underscore."""
    parts = made.name.split(".")
    renamed = ".".join([*parts[:2], f"_{parts[2]}", *parts[3:]]) if len(parts) == 4 else ""
    if renamed not in RULES:
        return None

    def again(old: Made) -> Any:
        found = RULES[renamed](old)
        found.type = renamed
        return found

    return again
