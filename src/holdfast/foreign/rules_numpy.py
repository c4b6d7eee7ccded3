"""numpy: how arrays, scalars, dtypes and random states are pickled; the arrays come out as arrays over the file's own bytes.

The one rule: a dtype is one that a native file may have, and an array has exactly the bytes that its shape needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import FormatError, LimitExceeded, quoted
from holdfast.foreign.made import HeldBytearray, Made, kind_of
from holdfast.values import limits
from holdfast.values.dtypes import dtype_text, numpy_dtype, parse_dtype
from holdfast.values.outline import Named, Outline, Pairs

AnyArray = np.ndarray[Any, Any]


# -- dtypes ---------------------------------------------------------------------------------------------------------------


def dtype_of(value: Any, depth: int = 0) -> np.dtype[Any]:
    """Return the dtype that a pickled one stands for.

    Raises:
        FormatError: it is not one that holdfast knows.
    """
    if type(value) is Made and value.name == "numpy.dtype":
        if depth > limits.DTYPE_DEPTH:
            raise LimitExceeded("a structured dtype is deeper than DTYPE_DEPTH")
        if depth and value.result is None:
            value.result = _dtype(value, depth)  # once: many fields may hold it
        made = value.finish()
        if isinstance(made, np.dtype):
            return made
    raise FormatError(f"an array has the dtype {kind_of(value)}, which is none; the file is damaged or was altered.")


def _dtype(made: Made, depth: int = 0) -> np.dtype[Any]:
    made.only(state=True)
    text = made.args[0]
    state = made.state()
    order = "|"
    if type(text) is not str:
        raise TypeError("its text")
    if state is not None:
        if type(state) is not tuple or len(state) < 8:
            raise ValueError("its state")
        _, order, sub, names, fields, itemsize, _, _ = state[:8]
        if names is not None:
            return _checked(_structured(names, fields, itemsize, bool(made.args[1]), depth))
        if sub is not None:
            raise ValueError("a dtype of sub-arrays")
    if text in ("O", "O8", "O4", "object"):
        return np.dtype(object)
    if text in ("M8", "m8") and state is not None and len(state) > 8:
        text = _times(text, state[8])
    if order not in ("<", ">", "|", "="):
        raise ValueError("its byte order")
    plain = numpy_dtype(text.lstrip("<>|="))
    return _checked(plain.newbyteorder(order) if order in "<>" else plain)  # type: ignore[arg-type]


def _checked(dtype: np.dtype[Any]) -> np.dtype[Any]:
    text = dtype_text(dtype)
    if text is None:
        raise FormatError(f"arrays of dtype {str(dtype)[:60]!r} have no form in a tree; save the model anew in one that has")
    return parse_dtype(text)


def _times(text: str, metadata: Any) -> str:
    unit, number, _, _ = metadata[1]
    unit = unit.decode("ascii") if type(unit) is bytes else unit
    if unit == "generic":
        return text
    # numpy divides by the number, whatever it is
    if type(number) is not int or not 0 < number < 2**31 or not str(unit).isalpha():
        raise ValueError("its unit")
    return f"{text}[{number if number != 1 else ''}{unit}]"


def _structured(names: Any, fields: Any, itemsize: Any, align: bool, depth: int) -> np.dtype[Any]:
    if type(names) is not tuple or not all(type(name) is str for name in names):
        raise TypeError("its names")
    if depth > limits.DTYPE_DEPTH or len(names) > limits.DTYPE_FIELDS:
        raise LimitExceeded("a structured dtype is deeper than DTYPE_DEPTH, or has more fields than DTYPE_FIELDS")
    told = fields.fields("a dtype")
    formats = [_field(told[name][0], depth + 1) for name in names]
    if sum(_leaves(one[0] if type(one) is tuple else one) for one in formats) > limits.DTYPE_FIELDS:
        raise LimitExceeded("a structured dtype has more fields than DTYPE_FIELDS, those of its fields counted")
    offsets = [told[name][1] for name in names]
    if any(type(offset) is not int or not 0 <= offset < 2**31 for offset in offsets) or not 0 <= itemsize < 2**31:
        raise ValueError("its offsets")
    if any(offset + (one[0].itemsize * math.prod(one[1]) if type(one) is tuple else one.itemsize) > itemsize for one, offset in zip(formats, offsets, strict=True)):
        raise ValueError("a field that reaches outside its item")
    return np.dtype({"names": list(names), "formats": formats, "offsets": offsets, "itemsize": itemsize}, align=align)


def _leaves(dtype: np.dtype[Any]) -> int:
    if dtype.fields is None:
        return 1
    return sum(_leaves(one[0].base) for one in dtype.fields.values())


def _field(value: Any, depth: int) -> Any:
    state = value.state() if type(value) is Made and value.name == "numpy.dtype" else None
    if type(state) is tuple and len(state) >= 8 and state[2] is not None:
        base, shape = state[2]
        return dtype_of(base, depth), lengths_of(shape)
    return dtype_of(value, depth)


# -- arrays ---------------------------------------------------------------------------------------------------------------


def lengths_of(shape: Any) -> tuple[int, ...]:
    """Return the lengths of an array's axes, when they can be some."""
    shape = (shape,) if type(shape) is int else shape
    if type(shape) is not tuple or not all(type(one) is int and 0 <= one < 2**62 for one in shape) or len(shape) > limits.DIMENSIONS:
        raise ValueError("its shape")
    if math.prod(shape) > limits.TENSOR_ELEMENTS:
        raise ValueError("its shape has too many elements")
    return tuple(shape)


def raw_view(raw: Any) -> memoryview:
    """Return the bytes of a byte string, wherever they are."""
    if type(raw) is HeldBytearray:
        return raw.view
    if type(raw) is str:  # as Python 2 wrote them
        return memoryview(bytearray(raw.encode("latin-1")))
    if type(raw) not in (bytes, bytearray, memoryview):
        raise TypeError(f"its bytes are a {kind_of(raw)}")
    return memoryview(raw)


def array_over(raw: Any, dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool = False) -> AnyArray:
    """Return an array over bytes, without a copy; it may lie where its items must not, and is copied before it is used.

    Raises:
        FormatError: the bytes are more or fewer than the shape needs.
    """
    view = raw_view(raw)
    needed = math.prod(shape) * dtype.itemsize
    if len(view) != needed:
        raise FormatError(f"an array of shape {shape} and dtype {dtype} needs {needed} bytes and has {len(view)}; the file is damaged or was altered.")
    if not needed:
        return np.zeros(shape, dtype, order="F" if fortran else "C")
    made = np.frombuffer(view, np.uint8).view(dtype)
    return made.reshape(shape, order="F") if fortran else made.reshape(shape)


def object_array(items: Any, shape: tuple[int, ...], fortran: bool = False) -> AnyArray:
    """Return an array of objects, which may be stand-ins."""
    if type(items) is not list or len(items) != math.prod(shape):
        raise FormatError(f"an array of objects of shape {shape} does not have as many; the file is damaged or was altered.")
    flat = np.fromiter(items, object, len(items))
    return flat.reshape(shape, order="F") if fortran else flat.reshape(shape)


def make_array(dtype: Any, shape: Any, raw: Any, fortran: bool) -> AnyArray:
    """Return the array of a dtype, a shape and the content as pickle has them."""
    if type(dtype) is not np.dtype and not isinstance(dtype, np.dtype):
        dtype = dtype_of(dtype)
    return object_array(raw, lengths_of(shape), fortran) if dtype.hasobject else array_over(raw, dtype, lengths_of(shape), fortran)


CLASSES = {"numpy.ndarray": None, "numpy.memmap": None, "numpy.matrix": "numpy.matrix", "numpy.rec.recarray": "numpy.rec.recarray", "numpy.recarray": "numpy.rec.recarray"}
"""Class of an array -> the type of the record that holds it, None for a plain one."""


def as_class(cls: Any, array: AnyArray) -> Any:
    """Return an array as one of its class."""
    if type(cls) is not Named or cls.name not in CLASSES:
        raise FormatError(f"an array is of the class {kind_of(cls) if type(cls) is not Named else quoted(cls.name)}, which holdfast does not know as one")
    record = CLASSES[cls.name]
    return array if record is None else Outline(record, {"data": array}, True)


def _reconstruct(made: Made) -> Any:
    made.only(state=True)
    state = made.state()
    if type(state) is not tuple or len(state) not in (4, 5):
        raise ValueError("its state")
    shape, dtype, fortran, raw = state[-4:]
    return as_class(made.args[0], make_array(dtype, shape, raw, bool(fortran)))


def _frombuffer(made: Made) -> Any:
    made.only()
    raw, dtype, shape, order, *axes = made.args
    array = make_array(dtype, shape, raw, order == "F")
    if not axes or axes[0] is None:
        return array
    (turned,) = axes
    if type(turned) is not tuple or not all(type(axis) is int for axis in turned) or sorted(turned) != list(range(array.ndim)):
        raise ValueError("its axes")
    return array.transpose(turned)


def _masked(made: Made) -> Any:
    made.only(state=True)
    _, shape, dtype, fortran, raw, mask, fill = made.state()
    data = make_array(dtype, shape, raw, bool(fortran))
    plain = Made(made.names, "numpy.dtype", "reduce", ("b1", False, True))
    masks = make_array(plain if data.dtype.names is None else dtype, shape, mask, bool(fortran))
    fill = fill.finish() if type(fill) is Made else fill
    if not isinstance(fill, np.generic | np.ndarray) and type(fill) not in (int, float, complex, bool, str, bytes, type(None)):
        raise TypeError("its fill value")
    fields = {"data": data, "mask": masks, "fill_value": fill if fill is None or isinstance(fill, np.ndarray) else np.asarray(fill, data.dtype), "hard_mask": False}
    return Outline("numpy.ma.MaskedArray", fields, True)


def _scalar(made: Made) -> Any:
    made.only()
    dtype = dtype_of(made.args[0])
    if dtype.hasobject or len(made.args) != 2:
        raise ValueError("its dtype")
    return array_over(made.args[1], dtype, ())[()]


# -- random states --------------------------------------------------------------------------------------------------------


def _hex(value: Any, depth: int = 0) -> Any:
    """Write integers as the adapter does: as hexadecimal text, since they have 128 bits."""
    if type(value) is Pairs:
        if depth > 2:  # one that is held twice on every level would be written out for ever
            raise ValueError("its depth")
        return {key: part if key == "bit_generator" else _hex(part, depth + 1) for key, part in value.fields("a random state").items()}
    return f"{value:x}" if type(value) is int else value


_BITS = {name: f"numpy.random._{name.lower()}.{name}" for name in ("MT19937", "Philox", "SFC64")} | {name: f"numpy.random._pcg64.{name}" for name in ("PCG64", "PCG64DXSM")}


def _bit_generator(made: Made) -> Any:
    made.only(state=True)
    which = made.args[0]
    name = which if type(which) is str else which.name.rpartition(".")[2]
    state = made.state()
    state, seed = state if type(state) is tuple else (state, None)
    told = state.fields("a random state")
    inner = told.pop("state")
    return Outline(_BITS[name], {**_hex_of(told), "state": _hex(inner), "seed_seq": seed if type(seed) is Made else None}, True)


def _hex_of(told: dict[str, Any]) -> dict[str, Any]:
    return {key: part if key == "bit_generator" else _hex(part) for key, part in told.items()}


def _bits(made: Made) -> Any:
    bits = made.args[0] if made.args else "MT19937"
    if type(bits) is str:  # before numpy 1.24, the state of the bit generator is that of what holds it
        inner = Made(made.names, "numpy.random._pickle.__bit_generator_ctor", "reduce", (bits,))
        state = made.state().fields("a random state")
        kept = Pairs()
        for key, value in state.items():
            if key not in ("has_gauss", "gauss"):
                kept.keys.append(key)
                kept.values.append(value)
        inner.states = [(kept, None)]
        return inner
    if type(bits) is not Made or bits.name != "numpy.random._pickle.__bit_generator_ctor":
        raise TypeError("its bit generator")
    return bits


def _random_state(made: Made) -> Any:
    told = made.state().fields("a random state")
    fields = {"bit_generator": _bits(made), "has_gauss": int(told.get("has_gauss", 0)), "gauss": float(told.get("gauss", 0.0))}
    return Outline("numpy.random.mtrand.RandomState", fields, True)


def _seed_sequence(made: Made) -> Any:
    state = made.state() if made.states else made.args[2]
    entropy, spawned, _, size, key = state
    return Outline("numpy.random.bit_generator.SeedSequence", {"entropy": _hex(entropy), "spawn_key": key, "pool_size": size, "n_children_spawned": spawned}, True)


RULES: dict[str, Callable[[Made], Any]] = {
    "numpy.dtype": _dtype,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy._core.numeric._frombuffer": _frombuffer,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.ma.core._mareconstruct": _masked,
    "numpy.random._pickle.__bit_generator_ctor": _bit_generator,
    "numpy.random._pickle.__randomstate_ctor": _random_state,
    "numpy.random._pickle.__generator_ctor": lambda made: Outline("numpy.random._generator.Generator", {"bit_generator": _bits(made)}, True),
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence": _seed_sequence,
    "numpy._core._multiarray_umath._reconstruct": _reconstruct,
    "numpy._core._ufunc_reconstruct": lambda made: Named(f"{made.args[0].replace('numpy.core', 'numpy').replace('numpy._core', 'numpy')}.{made.args[1]}"),
}
