"""The order in which the items of a set are written.

The one rule: it depends on the items alone, as far as they have an order, and never on where they lie in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from holdfast.frameworks.adapter import type_name
from holdfast.frameworks.objects import is_enum, problem, reader_of


def canonical_order(items: Iterable[Any]) -> list[Any]:
    """Return the items of a set in an order that depends on them alone, as far as they have one.

    Plain values, numpy scalars, enum members and tuples of such are sorted; other objects follow in iteration order.
    """
    rows = list(items)
    if len(set(map(type, rows))) == 1 and type(rows[0]) in (str, int):
        return sorted(rows)
    keyed = []
    rest = []
    for item in rows:
        key = _sort_key(item, 0)
        if key is None:
            rest.append(item)
        else:
            keyed.append((key, item))
    keyed.sort(key=lambda pair: pair[0])
    return [item for _, item in keyed] + rest


def _sort_key(item: Any, depth: int) -> Any:
    kind = type(item)
    name = type_name(kind)
    if kind is float:
        return (name, float(item).hex())
    if kind in (bool, int, str, bytes):
        return (name, item)
    if item is None:
        return (name, 0)
    if isinstance(item, np.generic):
        return (name, item.tobytes())
    if is_enum(kind):
        return (name, str(item.name))
    if kind in (tuple, frozenset) and depth < 16:
        parts = [_sort_key(part, depth + 1) for part in item]
        if any(part is None for part in parts):
            return None
        return (name, tuple(parts if kind is tuple else sorted(parts)))
    if depth < 16 and kind.__eq__ is not object.__eq__ and problem(kind) is None:  # type: ignore[arg-type, comparison-overlap]
        # objects that are told apart by their content, such as frozen dataclasses, have an order by it too
        state = [(field, _sort_key(value, depth + 1)) for field, value in reader_of(kind)(item).items()]
        if all(key is not None for _, key in state):
            return (name, tuple(state))
    return None
