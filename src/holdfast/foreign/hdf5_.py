"""HDF5 files: their arrays by path, read by h5py in a confined child, because the C library behind it trips over hostile files.

The one rule: links out of the file, datasets kept elsewhere and virtual ones are refused; the child computes nothing else.
"""

from __future__ import annotations

import os
import struct
from typing import Any

import numpy as np

from holdfast.errors import FormatError, LibraryMissing, WorkerCrashed, quoted
from holdfast.foreign.reading import Given, Reading
from holdfast.isolate.child import Failed, run
from holdfast.values import limits
from holdfast.values.dtypes import parse_dtype
from holdfast.values.outline import Pairs

MEMORY = 8 * 1024**3
SECONDS = 300


def read(given: Given) -> Reading:
    """Return the arrays of an HDF5 file as nested dicts.

    Raises:
        FormatError: it is damaged, or leads out of itself; or it is a whole model of Keras 2's.
    """
    arrays, attributes, bits = contents(given.data)
    if bits:
        raise FormatError(f"{quoted(next(iter(bits)), 80)!r} of the HDF5 file holds {next(iter(bits.values()))}, for which numpy has no dtype; save it as float32")
    if "model_config" in attributes:
        raise FormatError(
            "this is a whole model in the old HDF5 form of Keras, which says too little to be rebuilt safely; load it with keras.saving.load_model, "
            "and save the model as .keras or with holdfast.save"
        )
    return Reading("HDF5", _nested(arrays), {}, len(given.data))


def _nested(arrays: dict[str, Any]) -> Pairs:
    root = Pairs()
    folders: dict[str, Pairs] = {"": root}
    for path, array in arrays.items():
        parent = ""
        for part in path.split("/")[:-1]:
            inner = f"{parent}/{part}" if parent else part
            if inner not in folders:
                folders[inner] = Pairs()
                folders[parent].keys.append(part)
                folders[parent].values.append(folders[inner])
            parent = inner
        folders[parent].keys.append(path.rpartition("/")[2])
        folders[parent].values.append(array)
    return root


def contents(data: memoryview) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """Return the arrays of an HDF5 file by path, the attributes of its root that are text, and which arrays are the bits of what dtype.

    Raises:
        FormatError: it is damaged, or leads out of itself.
        LibraryMissing: h5py is not installed.
    """
    source, target = _memory("source"), _memory("target")
    try:
        written = 0
        while written < len(data):
            written += os.write(source, data[written : written + (1 << 30)])
        most = max(limits.SMALL_DECODED, limits.DECODED_BYTES_PER_STORED * len(data))
        try:
            done = run("holdfast.foreign.hdf5_:work", {"source": source, "target": target, "most": most}, descriptors=(source, target), memory=MEMORY,
                       seconds=SECONDS, written=most, required=False)  # fmt: skip
        except WorkerCrashed as error:
            raise FormatError(f"the HDF5 library ended over this file ({error.message}); it is damaged or was altered") from None
        except Failed as error:
            raise FormatError(f"the HDF5 library cannot read this file ({error.message}); it is damaged or was altered") from None
        size = os.fstat(target).st_size
        raw = np.empty(size, np.uint8)
        filled = 0
        while filled < size:
            filled += os.preadv(target, [memoryview(raw)[filled : filled + (1 << 30)]], filled)  # type: ignore[arg-type]
        listed = done.result["arrays"]
        return {entry[0]: _array(raw, *entry[1:5]) for entry in listed}, done.result["attributes"], {entry[0]: entry[5] for entry in listed if entry[5]}
    finally:
        os.close(source)
        os.close(target)


def _array(raw: np.ndarray[Any, Any], dtype: Any, shape: Any, start: Any, nbytes: Any) -> np.ndarray[Any, Any]:
    """Return one array; what the child says is looked at as what the file says is."""
    made = parse_dtype(dtype)
    if not all(type(one) is int and one >= 0 for one in (*shape, start, nbytes)) or start + nbytes > len(raw):
        raise FormatError("an array of the HDF5 file does not lie where it should")
    if int(np.prod(shape, dtype=object)) * made.itemsize != nbytes:
        raise FormatError("an array of the HDF5 file does not have the bytes that its shape needs")
    return raw[start : start + nbytes].view(made).reshape(shape) if nbytes else np.zeros(shape, made)


def _memory(name: str) -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    import tempfile

    descriptor, path = tempfile.mkstemp()
    os.unlink(path)
    return descriptor


# -- in the child ---------------------------------------------------------------------------------------------------------


def prepare(_: dict[str, Any]) -> None:
    """Import what is needed before the process is confined."""
    try:
        import h5py  # noqa: F401
    except ImportError:
        raise LibraryMissing("HDF5 files are read with h5py; install it with: pip install h5py") from None


def work(source: int, target: int, most: int) -> dict[str, Any]:
    """Copy every dataset of an HDF5 file, one behind the other, and return where each lies."""
    import h5py

    listed: list[Any] = []
    at = 0
    with os.fdopen(source, "rb", closefd=False) as stream, h5py.File(stream, "r") as file:
        waiting: list[tuple[str, Any]] = [("", file)]
        seen: set[bytes] = set()
        while waiting:
            path, group = waiting.pop()
            token = struct.pack("<Q", h5py.h5o.get_info(group.id).addr)
            if token in seen:
                raise FormatError(f"the group {quoted(path, 80)!r} of the HDF5 file holds itself")
            seen.add(token)
            inner = []
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise FormatError(f"{quoted(f'{path}/{name}', 80)!r} of the HDF5 file is a link that leads elsewhere; refused")
                item = group[name]
                inner_path = f"{path}/{name}" if path else name
                if isinstance(item, h5py.Group):
                    inner.append((inner_path, item))
                    continue
                if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
                    raise FormatError(f"{quoted(inner_path, 80)!r} of the HDF5 file is kept in other files, or is no array; refused")
                at = _copy(item, inner_path, target, at, most, listed)
            waiting += reversed(inner)
            if len(listed) > limits.TENSORS or len(seen) > limits.TENSORS:
                raise FormatError("the HDF5 file has more arrays or groups than TENSORS")
        attributes = {str(key): _text(value) for key, value in file.attrs.items() if _text(value) is not None}
    return {"arrays": listed, "attributes": attributes}


def _copy(item: Any, path: str, target: int, at: int, most: int, listed: list[Any]) -> int:
    dtype = item.dtype
    bits = "bfloat16" if dtype.kind == "V" and dtype.names is None and dtype.itemsize == 2 and item.attrs.get("dtype") == "bfloat16" else ""
    if dtype.hasobject or (dtype.kind not in "biufc" and not bits):
        raise FormatError(f"{quoted(path, 80)!r} of the HDF5 file is of dtype {quoted(dtype, 60)}, which is not read")
    count = int(np.prod(item.shape, dtype=object)) if item.shape else 1
    if at + count * dtype.itemsize > most:
        raise FormatError(f"{quoted(path, 80)!r} of the HDF5 file claims {count} items, more than the file can account for (DECODED_BYTES_PER_STORED)")
    array = np.ascontiguousarray(item[()])
    if bits:
        array = array.view(np.uint16)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    raw = memoryview(array.reshape(-1).view(np.uint8)) if array.nbytes else memoryview(b"")  # type: ignore[arg-type]
    written = 0
    while written < len(raw):
        written += os.pwrite(target, raw[written : written + (1 << 30)], at + written)
    listed.append([path, array.dtype.str, list(item.shape), at, array.nbytes, bits])
    return at + -(-array.nbytes // 64) * 64


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


