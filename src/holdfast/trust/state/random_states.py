"""State of numpy's random generators: C code indexes its buffers with the stored position, which nobody checks.

The one rule: every word has its exact width, and every position lies within its buffer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.trust.state.fields import Fields, choice, contiguous, field, integer, real, refuse, vector
from holdfast.values import limits

__all__ = ["check_bit_generator", "check_random_state_mt19937", "check_seed_sequence"]

_U32 = (np.dtype(np.uint32),)
_U64 = (np.dtype(np.uint64),)
_KINDS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_WORD = 2**32 - 1
_LARGEST_SEED = 2**limits.SEED_BITS - 1
_WIDE = 2**128 - 1


def check_random_state_mt19937(fields: Fields, where: str) -> None:
    """Check a RandomState: bit_generator, state, has_gauss, gauss, as ``get_state(legacy=False)`` gives them."""
    check_bit_generator(fields, where)
    integer(fields, "has_gauss", where, 0, 1)
    real(fields, "gauss", where)


def check_bit_generator(fields: Fields, where: str) -> None:
    """Check a bit generator: bit_generator (its name), state (a mapping), and the other keys of its ``state``."""
    kind = choice(fields, "bit_generator", where, _KINDS)
    state = field(fields, "state", where)
    if not isinstance(state, Mapping):
        refuse(where, f"state is of type {type(state).__name__}, a mapping is expected")
    inner = f"{where}.state"
    if kind == "MT19937":
        contiguous(vector(state, "key", inner, _U32, 624), "key", inner)
        integer(state, "pos", inner, 0, 624)
        return
    if kind == "SFC64":
        contiguous(vector(state, "state", inner, _U64, 4), "state", inner)
    elif kind == "Philox":
        contiguous(vector(state, "counter", inner, _U64, 4), "counter", inner)
        contiguous(vector(state, "key", inner, _U64, 2), "key", inner)
        contiguous(vector(fields, "buffer", where, _U64, 4), "buffer", where)
        integer(fields, "buffer_pos", where, 0, 4)
    else:
        integer(state, "state", inner, 0, _WIDE)
        if integer(state, "inc", inner, 0, _WIDE) % 2 == 0:
            refuse(inner, "inc is even, an odd number is expected")
    integer(fields, "has_uint32", where, 0, 1)
    integer(fields, "uinteger", where, 0, _WORD)


def check_seed_sequence(fields: Fields, where: str) -> None:
    """Check a SeedSequence: entropy (an integer, a sequence of them, or None), spawn_key, pool_size, n_children_spawned."""
    integer(fields, "pool_size", where, 4, 2**16)
    integer(fields, "n_children_spawned", where, 0, _WORD)
    entropy, key = field(fields, "entropy", where), field(fields, "spawn_key", where)
    for name, value in (("entropy", entropy), ("spawn_key", key)):
        if isinstance(value, np.ndarray):
            vector({name: value}, name, where, None)
            if value.dtype.kind not in "iu" or (value.size and value.min() < 0):
                refuse(where, f"{name} holds elements that are not integers of at least 0")
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                _unsigned(item, f"{name}[{i}]", where)
        elif not (name == "entropy" and value is None):
            _unsigned(value, name, where)


def _unsigned(value: Any, name: str, where: str) -> None:
    integer({name: value}, name, where, 0, _LARGEST_SEED)
