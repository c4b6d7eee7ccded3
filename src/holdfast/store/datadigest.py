"""Digests of data: files by their bytes, arrays and frames by their values.

The one rule: the same values give the same digest, in every process, on every machine and whatever memory they lie in; a value that has no one
form is refused. What is digested: a head that says what it is, then shapes and values, each behind its length.
"""

from __future__ import annotations

import datetime
import decimal
import os
import stat
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from blake3 import blake3

from holdfast.artifact.source import open_source
from holdfast.errors import FormatError, quoted
from holdfast.values.digest import PREFIX

BLOCK = 1 << 20
"""Bytes of a file that are read at a time."""
CELLS = 1 << 16
"""Values of an object array that are encoded at a time."""
_encode = msgspec.msgpack.Encoder().encode


def data_digest(data: Any) -> str:
    """Return the digest of data.

    Args:
        data: a path (of a file: the digest of its bytes; of a folder: of its files with their names); bytes; an array, a sparse matrix or a tensor; a
            frame or a column, where row numbers are left out and any other index counts; or lists and dicts of these.

    Returns:
        ``blake3:<64 hex digits>``.

    Raises:
        TypeError: it is none of these, or holds values that have no one form.
        NotFound, Unavailable, FormatError: a file cannot be read, or is none.

    Examples:
        >>> import numpy as np
        >>> data_digest(np.arange(3)) == data_digest(np.arange(6)[:3].copy())
        True
    """
    if isinstance(data, str | os.PathLike):
        return _path(os.fspath(data))
    if isinstance(data, bytes | bytearray | memoryview):
        return PREFIX + blake3(data).hexdigest()
    hasher = blake3()
    _value(hasher, data)
    return PREFIX + hasher.hexdigest()


def _path(path: Any) -> str:
    if not os.path.isdir(path):
        return _file(path)
    found = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            whole = os.path.join(folder, name)
            if not stat.S_ISREG(os.stat(whole, follow_symlinks=False).st_mode):
                raise FormatError("this folder holds something that is no file, such as a link; a digest of data is of files", file=whole)
            found.append((os.path.relpath(whole, path).replace(os.sep, "/"), whole))
    hasher = blake3()
    _head(hasher, "folder", len(found))
    for name, whole in sorted(found):
        _put(hasher, os.fsencode(name))
        _put(hasher, _file(whole).encode())
    return PREFIX + hasher.hexdigest()


def _file(path: Any) -> str:
    hasher = blake3()
    with open_source(path) as source:
        for start in range(0, source.size, BLOCK):
            hasher.update(source.private(start, min(BLOCK, source.size - start)))
    return PREFIX + hasher.hexdigest()


def _put(hasher: Any, part: Any) -> None:
    raw = memoryview(part).cast("B") if len(part) else b""
    hasher.update(len(raw).to_bytes(8, "little"))
    hasher.update(raw)


def _head(hasher: Any, kind: str, *facts: Any) -> None:
    _put(hasher, _encode([kind, *facts]))


def _value(hasher: Any, data: Any) -> None:
    if hasattr(data, "iloc"):
        _pandas(hasher, data)
    elif hasattr(data, "to_pandas"):  # polars and Arrow
        _pandas(hasher, data.to_pandas())
    elif hasattr(data, "tocsr"):
        _sparse(hasher, data)
    elif isinstance(data, dict):
        if not all(isinstance(name, str) for name in data):
            raise TypeError("a dict of data has names as keys")
        _head(hasher, "dict", sorted(data))
        for name in sorted(data):
            _value(hasher, data[name])
    elif isinstance(data, list | tuple):
        _list(hasher, data)
    elif hasattr(data, "__array__"):
        detached = data.detach().cpu() if hasattr(data, "detach") else data
        _array(hasher, np.asarray(detached))
    else:
        raise TypeError(f"a {type(data).__name__} is no data that has a digest; give an array, a frame, a path, bytes, or a digest")


def _list(hasher: Any, values: Any) -> None:
    if all(one is None or isinstance(one, str | int | float | bool | np.generic) for one in values):
        _head(hasher, "values", len(values))
        _scalars(hasher, values)
        return
    _head(hasher, "list", len(values))
    for one in values:
        _put(hasher, data_digest(one).encode()) if isinstance(one, bytes) else _value(hasher, one)


def _array(hasher: Any, array: Any) -> None:
    if array.dtype.hasobject and array.dtype.names is None:
        _head(hasher, "objects", list(array.shape))
        _scalars(hasher, array.ravel().tolist())
    elif array.dtype.names is not None:  # field by field: bytes between fields are of no value
        _head(hasher, "fields", list(array.dtype.names), list(array.shape))
        for name in array.dtype.names:
            _array(hasher, array[name])
    else:
        if array.dtype.kind not in "biufcmMSU" or (array.dtype == np.longdouble and array.dtype.itemsize > 8):
            raise TypeError(f"an array of {array.dtype} has no one form on every machine; give it as float64, or digest a file of it")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        _head(hasher, "array", array.dtype.str, list(array.shape))
        _put(hasher, np.ascontiguousarray(array).reshape(-1).view(np.uint8) if array.size and array.dtype.itemsize else b"")


def _sparse(hasher: Any, matrix: Any) -> None:
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()
    rows.sort_indices()
    _head(hasher, "sparse", list(rows.shape))
    for part in (rows.indptr.astype("<i8"), rows.indices.astype("<i8"), rows.data):
        _array(hasher, part)


def _pandas(hasher: Any, data: Any) -> None:
    import pandas as pd

    if isinstance(data, pd.Series):
        _head(hasher, "column", len(data))
        _column(hasher, data)
    else:
        names: list[Any] = []
        for name in data.columns:
            names += name if isinstance(name, tuple) else [name]
        _head(hasher, "frame", list(data.shape), data.columns.nlevels)
        _scalars(hasher, names)
        for place in range(data.shape[1]):
            _column(hasher, data.iloc[:, place])
    index = data.index
    if index.nlevels == 1 and pd.api.types.is_integer_dtype(index.dtype):
        return  # numbers of rows: they change when rows are drawn, and say nothing of them
    _head(hasher, "index", index.nlevels)
    for level in range(index.nlevels):
        _column(hasher, index.get_level_values(level).to_series())


def _column(hasher: Any, column: Any) -> None:
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        _head(hasher, "category", bool(dtype.ordered))
        _column(hasher, dtype.categories.to_series())
        _array(hasher, column.cat.codes.to_numpy().astype("<i8"))
    elif isinstance(dtype, pd.DatetimeTZDtype):
        _head(hasher, "times", str(dtype))
        _array(hasher, np.asarray(column.array.asi8))
    elif isinstance(dtype, np.dtype) and not dtype.hasobject:
        _array(hasher, column.to_numpy())
    else:
        # texts are the same values whatever pandas keeps them in
        _head(hasher, "values" if isinstance(dtype, np.dtype | pd.StringDtype) else str(dtype), len(column))
        missing = column.isna().to_numpy()
        _scalars(hasher, (None if lost else one for one, lost in zip(column.tolist(), missing, strict=True)))


def _scalars(hasher: Any, values: Iterable[Any]) -> None:
    part: list[Any] = []
    for one in values:
        part.append(one if type(one) is str else _scalar(one))
        if len(part) == CELLS:
            _put(hasher, _encode(part))
            part = []
    _put(hasher, _encode(part))


def _scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | str | bytes):
        return value
    if isinstance(value, float):
        return None if value != value else float(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else ["int", str(int(value))]
    if isinstance(value, datetime.date | datetime.time):
        return [type(value).__name__, value.isoformat()]
    if isinstance(value, datetime.timedelta | decimal.Decimal | uuid.UUID | complex) or type(value).__module__.startswith("pandas._libs"):
        return [type(value).__name__, str(value)]
    if isinstance(value, list | tuple | dict | np.ndarray):
        return ["inner", data_digest(value)]
    raise TypeError(f"the data holds a {quoted(type(value).__name__, 60)}, which has no one form; make it text or numbers first")
