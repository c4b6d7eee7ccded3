"""numpy's own files: ``.npy``, one array, and ``.npz``, an archive of them. Source: NEP 1, and numpy's ``lib/_format_impl.py``.

The one rule: an array of Python objects is a pickle, and is read as one: as data.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import FormatError, Truncated, quoted
from holdfast.foreign.archive import Archive
from holdfast.foreign.literals import literal
from holdfast.foreign.made import Made, NameTable
from holdfast.foreign.opcodes import Machine
from holdfast.foreign.reading import Given, Reading
from holdfast.foreign.rules_numpy import array_over
from holdfast.values import limits
from holdfast.values.dtypes import dtype_text, numpy_dtype, parse_dtype
from holdfast.values.outline import Pairs

_MAGIC = b"\x93NUMPY"


def read(given: Given) -> Reading:
    """Return the array of a ``.npy`` file, or the arrays of a ``.npz`` archive by their names.

    Raises:
        FormatError: it is damaged.
    """
    names = given.names
    if bytes(given.data[:6]) == _MAGIC:
        return Reading("npy", read_npy(given.data, names), {}, len(given.data))
    archive = Archive(given.data)
    found = Pairs()
    for member in archive.names:
        if not member.endswith(".npy"):
            raise FormatError(f"the archive holds {quoted(member)!r}, which is no array of numpy's; it is no .npz file")
        found.keys.append(member.removesuffix(".npy"))
        found.values.append(read_npy(archive.content(member), names))
    return Reading("npz", found, {}, archive.decoded)


def read_npy(data: memoryview, names: NameTable | None = None) -> Any:
    """Return the array of a ``.npy`` file, over its bytes; objects are stand-ins.

    Raises:
        FormatError: it is not one, or has a dtype that holdfast does not know.
        Truncated: it ends too early.
    """
    if bytes(data[:6]) != _MAGIC or len(data) < 10:
        raise FormatError("an array does not begin as a .npy file does; it is damaged or was altered")
    width = {1: 2, 2: 4, 3: 4}.get(data[6])
    if width is None:
        raise FormatError(f"a .npy file of version {data[6]}.{data[7]}, and there are 1.0, 2.0 and 3.0")
    start = 8 + width
    length = int.from_bytes(data[8:start], "little")
    if length > limits.NPY_HEADER or start + length > len(data):
        raise Truncated(f"the header of a .npy file claims {length} bytes, more than there are or than NPY_HEADER ({limits.NPY_HEADER})")
    dtype, fortran, shape = _header(bytes(data[start : start + length]))
    content = data[start + length :]
    if dtype.hasobject:
        machine = Machine(content, 0, names)
        made = machine.run()
        if type(made) is not Made or machine.pos != machine.size:
            raise FormatError("an array of objects in a .npy file is not followed by its pickle alone; it is damaged or was altered")
        return made
    return array_over(content, dtype, shape, fortran)


def _header(raw: bytes) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    try:
        told = literal(raw.decode("utf-8").strip())
        dtype, fortran, shape = _dtype(told["descr"]), told["fortran_order"], told["shape"]
        if set(told) != {"descr", "fortran_order", "shape"} or type(fortran) is not bool or type(shape) is not tuple:
            raise ValueError("its keys")
        if len(shape) > limits.DIMENSIONS or not all(type(one) is int and 0 <= one < 2**62 for one in shape):
            raise ValueError("its shape")
    except FormatError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, MemoryError) as error:
        raise FormatError(f"the header of a .npy file is none ({type(error).__name__}: {quoted(error)}); it is damaged or was altered") from None
    return dtype, fortran, shape


def _described(described: Any) -> np.dtype[Any]:
    """Return the dtype of a text, a list of fields, or a pair of one and the shape in which it is repeated."""
    if type(described) is list:
        return _structured(described)
    if type(described) is tuple:
        inner, shape = described
        return _repeated(_described(inner), shape)
    return numpy_dtype(described)


def _repeated(part: np.dtype[Any], shape: Any) -> np.dtype[Any]:
    lengths = shape if type(shape) is tuple else (shape,)
    if not all(type(one) is int for one in lengths):
        raise TypeError("the shape of a field")
    return np.dtype((part, shape))


def _structured(described: list[Any]) -> np.dtype[Any]:
    """Return the dtype of a list of fields; those without a name are the room between others, which a list cannot say otherwise."""
    names, formats, offsets, at = [], [], [], 0
    for name, inner, *shape in described:
        part = _described(inner)
        whole = _repeated(part, shape[0]) if shape else part
        if name != "" or part.kind != "V" or part.names is not None:
            names.append(name[1] if type(name) is tuple else name)
            formats.append(whole)
            offsets.append(at)
        at += whole.itemsize
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": at})


def _dtype(described: Any) -> np.dtype[Any]:
    if type(described) not in (str, list, tuple):
        raise TypeError("its dtype")
    if described in ("|O", "O", "|O8"):
        return np.dtype(object)
    try:
        dtype = _described(described)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, SyntaxError, RecursionError) as error:
        raise FormatError(f"the dtype of a .npy file is none ({quoted(error)}); it is damaged or was altered") from None
    text = None if dtype.hasobject else dtype_text(dtype)
    if text is None:
        raise FormatError(f"arrays of dtype {quoted(dtype)!r} are not read; save them in a plain one")
    return parse_dtype(text)
