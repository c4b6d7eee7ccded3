"""Is the state of a bit generator one that its C code can run from?

The one rule: shapes, types and ranges are checked here, then handed to the public ``state`` property.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import InvalidState

_WORDS = {"MT19937": np.uint32}

_STATE: dict[str, dict[str, tuple[str, int]]] = {
    "MT19937": {"key": ("array", 624), "pos": ("int", 625)},
    "PCG64": {"state": ("int", 2**128), "inc": ("int", 2**128)},
    "PCG64DXSM": {"state": ("int", 2**128), "inc": ("int", 2**128)},
    "Philox": {"counter": ("array", 4), "key": ("array", 2)},
    "SFC64": {"state": ("array", 4)},
}
_HALF_USED = {"has_uint32": ("int", 2), "uinteger": ("int", 2**32)}
_BESIDE: dict[str, dict[str, tuple[str, int]]] = {
    "MT19937": {},
    "PCG64": _HALF_USED,
    "PCG64DXSM": _HALF_USED,
    "Philox": {"buffer": ("array", 4), "buffer_pos": ("int", 5), **_HALF_USED},
    "SFC64": _HALF_USED,
}


def check_bit_generator(name: str, state: Any) -> dict[str, Any]:
    """Return the state of a bit generator when it is one that its class can have.

    Raises:
        InvalidState: a part is missing, of another kind, or out of range.
    """

    def wrong(what: str) -> InvalidState:
        return InvalidState(f"numpy {name} state: {what}; the file is damaged or was altered.")

    if type(state) is not dict or state.get("bit_generator") != name or type(state.get("state")) is not dict:
        raise wrong("it is not the state of this generator")
    if set(state) != {"bit_generator", "state", *_BESIDE[name]} or set(state["state"]) != set(_STATE[name]):
        raise wrong("parts are missing or unknown")
    word = _WORDS.get(name, np.uint64)
    for part, wanted in ((state["state"], _STATE[name]), (state, _BESIDE[name])):
        for key, (kind, limit) in wanted.items():
            value = part[key]
            if kind == "array":
                if type(value) is not np.ndarray or value.dtype != word or value.shape != (limit,):
                    raise wrong(f"{key} is not an array of {limit} words")
            elif type(value) is not int or not 0 <= value < limit:
                raise wrong(f"{key} is not within 0..{limit - 1}")
    return state
