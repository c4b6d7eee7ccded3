"""numpy beside plain arrays and scalars: dtypes, random states, masked arrays, records, variable-width strings.

The one rule: a bit generator is made by its own class and given a state that was checked; `__setstate__` is never called.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Record
from holdfast.values import limits
from holdfast.values.dtypes import dtype_text, parse_dtype

_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def _dump_dtype(dtype: Any) -> dict[str, Any]:
    if dtype == np.dtype(object) and dtype.names is None:
        return {"dtype": "object"}
    if dtype.kind == "T":
        return {"dtype": "string", "coerce": dtype.coerce, **_na(dtype)}
    text = dtype_text(dtype)
    if text is None:
        raise UnsupportedModel(f"cannot save the numpy dtype {dtype!r}: it has no form in the file")
    return {"dtype": text}


def _na(dtype: Any) -> dict[str, Any]:
    return {"na_object": dtype.na_object} if hasattr(dtype, "na_object") else {}


def _build_dtype(fields: dict[str, Any]) -> Any:
    text = fields["dtype"]
    if text == "object":
        return np.dtype(object)
    if text == "string":
        return np.dtypes.StringDType(**{key: fields[key] for key in ("coerce", "na_object") if key in fields})
    # past the cache: numpy makes a new object each time for all dtypes but the plainest, and two of a model stay two
    return parse_dtype.__wrapped__(text)


def _dump_strings(array: Any) -> dict[str, Any]:
    flags = array.flags
    order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    items = array.ravel("C").tolist()
    return {
        "coerce": array.dtype.coerce,
        **_na(array.dtype),
        "shape": array.shape,
        "order": order,
        "writeable": flags.writeable,
        "items": items,
    }


def _build_strings(fields: dict[str, Any]) -> Any:
    dtype = np.dtypes.StringDType(**{key: fields[key] for key in ("coerce", "na_object") if key in fields})
    items = fields["items"]
    shape = fields["shape"]
    flat = np.empty(len(items), dtype)
    for i, item in enumerate(items):
        flat[i] = item
    array = flat.reshape(shape)
    if fields["order"] == "F":
        array = np.asfortranarray(array)
    array.flags.writeable = fields["writeable"]
    return array


def _hex(value: Any) -> Any:
    """Write integers as hexadecimal text: they have 128 bits, and a model with one would need the careful walk."""
    if type(value) is dict:
        return {key: part if key == "bit_generator" else _hex(part) for key, part in value.items()}
    return f"{value:x}" if type(value) is int else value


def _unhex(value: Any) -> Any:
    if type(value) is dict:
        return {key: part if key == "bit_generator" else _unhex(part) for key, part in value.items()}
    return int(value, 16) if type(value) is str else value


def _dump_seed_sequence(seq: Any) -> dict[str, Any]:
    if seq.pool_size > limits.SEED_POOL:
        raise UnsupportedModel(f"cannot save a numpy SeedSequence with a pool of {seq.pool_size} words, more than {limits.SEED_POOL} (SEED_POOL)")
    for name in ("entropy", "spawn_key"):
        value = getattr(seq, name)
        for item in value if type(value) in (list, tuple) else [value]:
            whole = isinstance(item, int | np.integer) and item >= 0 and int(item).bit_length() <= limits.SEED_BITS
            if not whole and item is not None and type(item) is not np.ndarray:
                # as text or a range, which numpy takes for a seed as well, nobody can bound what it costs
                raise UnsupportedModel(f"cannot save a numpy SeedSequence whose {name} is not made of integers of at most {limits.SEED_BITS} bits")
    return {
        "entropy": _hex(seq.entropy),
        "spawn_key": seq.spawn_key,
        "pool_size": seq.pool_size,
        "n_children_spawned": seq.n_children_spawned,
    }


def _build_seed_sequence(fields: dict[str, Any]) -> Any:
    if type(fields["spawn_key"]) not in (tuple, list):
        raise InvalidState("numpy SeedSequence: spawn_key is not a tuple")
    if not 4 <= fields["pool_size"] <= limits.SEED_POOL:
        raise InvalidState(f"numpy SeedSequence: pool_size {fields['pool_size']} is outside 4..{limits.SEED_POOL}")
    return np.random.SeedSequence(
        _unhex(fields["entropy"]),
        spawn_key=tuple(fields["spawn_key"]),
        pool_size=fields["pool_size"],
        n_children_spawned=fields["n_children_spawned"],
    )


def _dump_bit_generator(bits: Any) -> dict[str, Any]:
    seed_seq = bits.seed_seq
    # RandomState(int) leaves a stand-in without entropy; what it would give for spawn() cannot be had from it either.
    state = bits.state
    inner = state.pop("state")
    return {**_hex(state), "state": _hex(inner), "seed_seq": seed_seq if type(seed_seq) is np.random.SeedSequence else None}


def _bit_generator(name: str) -> Record:
    def build(fields: dict[str, Any]) -> Any:
        # checked by trust.state.random_states before anything was built
        state = _unhex({key: value for key, value in fields.items() if key != "seed_seq"})
        cls = getattr(np.random, name)
        seed_seq = fields["seed_seq"]
        if seed_seq is None:
            made = np.random.RandomState(0)._bit_generator if name == "MT19937" else cls(0)
        elif type(seed_seq) is np.random.SeedSequence:
            made = cls(seed_seq)
        else:
            raise InvalidState(f"numpy {name}: seed_seq is not a SeedSequence")
        made.state = state
        return made

    return Record(_dump_bit_generator, build)


def _dump_random_state(state: Any) -> dict[str, Any]:
    legacy = state.get_state(legacy=False)
    return {
        "bit_generator": state._bit_generator,
        "has_gauss": int(legacy.get("has_gauss", 0)),
        "gauss": float(legacy.get("gauss", 0.0)),
    }


def _build_random_state(fields: dict[str, Any]) -> Any:
    bits = fields["bit_generator"]
    if type(bits).__name__ not in _BIT_GENERATORS:
        raise InvalidState("numpy RandomState: bit_generator is not a bit generator")
    made = np.random.RandomState(bits)
    state = made.get_state(legacy=False)
    state["has_gauss"], state["gauss"] = fields["has_gauss"], fields["gauss"]
    made.set_state(state)
    return made


def _build_generator(fields: dict[str, Any]) -> Any:
    bits = fields["bit_generator"]
    if type(bits).__name__ not in _BIT_GENERATORS:
        raise InvalidState("numpy Generator: bit_generator is not a bit generator")
    return np.random.Generator(bits)


def _dump_masked(array: Any) -> dict[str, Any]:
    mask = np.ma.getmask(array)
    return {
        "data": np.asarray(array.data),
        "mask": None if mask is np.ma.nomask else mask,
        "fill_value": None if array._fill_value is None else np.asarray(array._fill_value),
        "hard_mask": bool(array._hardmask),
    }


def _build_masked(fields: dict[str, Any]) -> Any:
    mask = fields["mask"]
    if mask is not None and mask.shape != fields["data"].shape:
        raise InvalidState(f"numpy MaskedArray: mask has shape {mask.shape}, data has {fields['data'].shape}")
    made = np.ma.MaskedArray(fields["data"], mask=np.ma.nomask if mask is None else mask, hard_mask=fields["hard_mask"])
    if fields["fill_value"] is not None:
        made._fill_value = np.asarray(fields["fill_value"], made.dtype).reshape(np.shape(fields["fill_value"]))  # type: ignore[attr-defined]
    return made


def _subclass(cls: type) -> Record:
    return Record(lambda obj: {"data": obj.view(np.ndarray)}, lambda f: f["data"].view(cls))


def _build_recarray(fields: dict[str, Any]) -> Any:
    return fields["data"].view(np.recarray)


def _memmap(obj: Any) -> dict[str, Any]:
    return {"data": np.array(obj)}


_DTYPES = Record(_dump_dtype, _build_dtype)

ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(sorted({f"{c.__module__}.{c.__qualname__}" for c in vars(np.dtypes).values() if isinstance(c, type)}), _DTYPES),
    "numpy.dtype": _DTYPES,
    "numpy.StringArray": Record(_dump_strings, _build_strings),
    "numpy.random.bit_generator.SeedSequence": Record(_dump_seed_sequence, _build_seed_sequence),
    **{f"numpy.random._{name.lower()}.{name}": _bit_generator(name) for name in ("MT19937", "Philox", "SFC64")},
    "numpy.random._pcg64.PCG64": _bit_generator("PCG64"),
    "numpy.random._pcg64.PCG64DXSM": _bit_generator("PCG64DXSM"),
    "numpy.random.mtrand.RandomState": Record(_dump_random_state, _build_random_state),
    "numpy.random._generator.Generator": Record(lambda obj: {"bit_generator": obj.bit_generator}, _build_generator),
    "numpy.ma.MaskedArray": Record(_dump_masked, _build_masked),
    "numpy.ma.core.MaskedArray": Record(_dump_masked, _build_masked),
    "numpy.rec.recarray": Record(lambda obj: {"data": np.asarray(obj).view(_plain_record(obj.dtype), np.ndarray)}, _build_recarray),
    "numpy.matrix": _subclass(np.matrix),
    "numpy.memmap": Record(_memmap, lambda f: f["data"]),
}


def _plain_record(dtype: Any) -> Any:
    return np.dtype((np.void, dtype))
