"""dill: what it adds to pickle for arrays. Functions, classes and code out of a file stay what they are: refused.

The one rule: only what holds no code has a rule here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.foreign.made import Made
from holdfast.values.outline import Named, Pairs


def _array(made: Made) -> Any:
    """``_create_array(reconstruct, args, state, attributes)``: an array of numpy's, with attributes that only subclasses have."""
    func, args, state, *attributes = made.args
    if type(func) is not Named or func.name != "numpy._core.multiarray._reconstruct":
        raise TypeError("its maker")
    if attributes and attributes[0] is not None and not (type(attributes[0]) is Pairs and not attributes[0].keys):
        raise ValueError("it has attributes")
    inner = Made(made.names, func.name, "reduce", args)
    inner.states = [state]
    return inner.finish()


RULES: dict[str, Callable[[Made], Any]] = {"dill._dill._create_array": _array}
