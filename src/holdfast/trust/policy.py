"""What one call to `load` may trust, beyond the lists that holdfast ships.

The one rule: exact names or class objects, given in code. No wildcard, no flag that turns checking off, nothing from the environment.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any, NamedTuple

_RECIPE = 'pass a list of exact names or class objects, as in trusted=["acme.encoders.TargetMean"] or trusted=[TargetMean]'


class Policy(NamedTuple):
    """The names and classes that the caller of one load trusts.

    Attributes:
        names: exact type names.
        classes: type name -> class object, for classes that were given as objects.
        functions: exact names of functions.
        callables: name -> function object, for functions that were given as objects.
    """

    names: frozenset[str] = frozenset()
    classes: dict[str, type] = {}  # noqa: RUF012 - never changed, and a NamedTuple needs a default
    functions: frozenset[str] = frozenset()
    callables: dict[str, Any] = {}  # noqa: RUF012


NOTHING_MORE = Policy()

REGISTERED_CLASSES: dict[str, type] = {}
"""Classes registered in code by `holdfast.register`, by the name files use. A file can never add to it."""


def policy(trusted: Iterable[Any] | None = None, trusted_functions: Iterable[Any] | None = None) -> Policy:
    """Return the policy for the arguments of one call.

    Args:
        trusted: exact type names or class objects.
        trusted_functions: exact function names or function objects.

    Raises:
        TypeError: True, "*", a bare string, or the name of something in __main__; says why and shows the recipe.

    Examples:
        >>> policy(["acme.encoders.TargetMean"]).names
        frozenset({'acme.encoders.TargetMean'})
    """
    if not trusted and not trusted_functions and trusted is not True and trusted != "":  # type: ignore[comparison-overlap]
        return NOTHING_MORE
    names: set[str] = set()
    classes: dict[str, type] = {}
    functions: set[str] = set()
    callables: dict[str, Any] = {}
    for item in _items(trusted, "trusted"):
        if isinstance(item, type):
            classes[f"{item.__module__}.{item.__qualname__}"] = item
        elif isinstance(item, str):
            names.add(_name(item, "trusted"))
        else:
            raise TypeError(f"trusted holds {type(item).__name__} {item!r:.80}; {_RECIPE}")
    for item in _items(trusted_functions, "trusted_functions"):
        if isinstance(item, str):
            functions.add(_name(item, "trusted_functions"))
        elif isinstance(item, types.FunctionType | types.BuiltinFunctionType):
            callables[f"{item.__module__}.{item.__qualname__}"] = item
        else:
            raise TypeError(f'trusted_functions holds {item!r:.80}; pass exact names, as in trusted_functions=["acme.features.log_ratio"]')
    return Policy(frozenset(names), classes, frozenset(functions), callables)


def _items(given: Any, argument: str) -> Iterable[Any]:
    if given is None:
        return ()
    if given is True or given is False:
        raise TypeError(f"{argument}={given} would trust whatever a file names, and there is no such switch; {_RECIPE}")
    if isinstance(given, str):
        raise TypeError(f"{argument}={given!r:.80} is one string and not a list; {_RECIPE}")
    if isinstance(given, type):
        raise TypeError(f"{argument} is one class and not a list; write {argument}=[{given.__name__}]")
    if not isinstance(given, Iterable):
        raise TypeError(f"{argument}={given!r:.80} is not a list; {_RECIPE}")
    return list(given)


def _name(name: str, argument: str) -> str:
    if "*" in name:
        raise TypeError(
            f"{argument} holds the pattern {name!r:.80}; there are no wildcards, because 'everything under x' is how such lists are bypassed; {_RECIPE}"
        )
    if name.startswith("__main__."):
        raise TypeError(
            f"{argument} holds {name!r:.80}: __main__ is another module in every process, so the name says nothing; give the class itself, "
            f"as in {argument}=[{name.rpartition('.')[2]}]"
        )
    if not all(part.isidentifier() and part.isascii() for part in name.split(".")) or "." not in name:
        raise TypeError(f"{argument} holds {name!r:.80}, which is not the exact name of anything; {_RECIPE}")
    return name
