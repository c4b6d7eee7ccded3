"""Files of torch.save: a zip archive with a pickle and the storages beside it, and the older form, one after the other.

Source: PyTorch's ``torch/serialization.py``. In the archive all is below one folder: ``data.pkl``, ``data/<key>``, ``byteorder``.
The older form is five pickles (a magic number, a protocol, the system, the object, the keys of its storages), then for each key a
count of eight bytes and the storage's bytes.

The one rule: the pickle is read as data, and a storage has the bytes that the pickle says.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.errors import FormatError, Truncated
from holdfast.foreign.archive import Archive
from holdfast.foreign.made import NameTable
from holdfast.foreign.opcodes import Machine
from holdfast.foreign.reading import Given, Reading
from holdfast.foreign.rules_torch import Storage, storage_dtype
from holdfast.frameworks.torch_ import DTYPES
from holdfast.values.outline import Pairs

_MAGIC = 0x1950A86A20F9469CFC6C
_QUANTIZED = {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}


def read(given: Given) -> Reading:
    """Return what a file of torch.save holds.

    Raises:
        FormatError: it is damaged, or does what torch.save does not write.
    """
    if bytes(given.data[:2]) == b"PK":
        archive = Archive(given.data)
        root = read_archive(archive, given.names)
        return Reading("torch.save (zip)", root, {}, archive.decoded)
    return Reading("torch.save (before 1.6)", read_legacy(given.data, given.names), {}, len(given.data))


def read_archive(archive: Archive, names: NameTable) -> Any:
    """Return what the pickle of an archive holds, its storages taken from beside it."""
    folder = next(name for name in archive.names if name.endswith("/data.pkl")).removesuffix("data.pkl")
    order = bytes(archive.content(f"{folder}byteorder")) if f"{folder}byteorder" in archive else b"little"
    if order != b"little":
        raise FormatError("the tensors are in big-endian order; load it with torch on such a machine, and save it anew")
    made: dict[str, Storage] = {}

    def storage(told: Any) -> Storage:
        if type(told) is not tuple or len(told) != 5 or told[0] != "storage" or type(told[2]) is not str or type(told[4]) is not int:
            raise FormatError("the pickle refers to something that is no storage; the file is damaged or was altered.")
        _, kind, key, _, count = told
        if key not in made:
            name = f"{folder}data/{key}"
            if name not in archive:
                raise FormatError(f"the storage {key[:40]!r} of a tensor is not in the archive; the file is damaged or was altered.")
            dtype = storage_dtype(kind)
            content = archive.content(name)
            if len(content) != count * _itemsize(dtype):
                raise FormatError(f"the storage {key[:40]!r} has {len(content)} bytes and not {count} items; the file is damaged or was altered.")
            made[key] = Storage(content, dtype)
        return made[key]

    machine = Machine(archive.content(f"{folder}data.pkl"), 0, names)
    machine.persistent = storage
    root = machine.run()
    if machine.pos != machine.size:
        raise FormatError("bytes follow the end of the pickle; something is hidden there, or it is damaged")
    return root


def _itemsize(dtype: str | None) -> int:
    return 1 if dtype is None else np.dtype(DTYPES[_QUANTIZED.get(dtype, dtype)]).itemsize


def read_legacy(data: memoryview, names: NameTable, inner: bool = False) -> Any:
    """Return what a file of torch.save from before 1.6 holds.

    Args:
        data: its bytes.
        names: gets what it names.
        inner: whether it lies in another stream.

    Raises:
        FormatError: it is damaged.
    """
    at = 0
    parts: list[Any] = []
    made: dict[str, Storage] = {}
    sizes: dict[str, tuple[str | None, int]] = {}

    def storage(told: Any) -> Any:
        if type(told) is tuple and len(told) == 4 and told[0] == "module":
            return told[1]  # a class, with its source beside it, which nobody needs
        if type(told) is not tuple or len(told) < 5 or told[0] != "storage" or type(told[2]) is not str or type(told[4]) is not int or told[4] < 0:
            raise FormatError("the pickle refers to something that is no storage; the file is damaged or was altered.")
        if len(told) > 5 and told[5] is not None:
            raise FormatError("a storage is a view of another one, as PyTorch before 0.4 wrote them; load it with torch and save it anew")
        key = told[2]
        if key not in made:
            dtype = storage_dtype(told[1])
            count = told[4]
            if count * _itemsize(dtype) + sum(one * _itemsize(kind) for kind, one in sizes.values()) > len(data):
                raise Truncated(f"a storage claims {count} items, and the file has {len(data)} bytes: truncated or altered")
            made[key] = Storage(memoryview(bytearray(count * _itemsize(dtype))), dtype)
            sizes[key] = (dtype, count)
        return made[key]

    for step in range(5):
        machine = Machine(data, at, names, inner=inner or step > 0)
        machine.persistent = storage if step == 3 else None
        parts.append(machine.run())
        at = machine.pos
    magic, _, system, root, keys = parts
    if magic != _MAGIC or type(keys) is not list:
        raise FormatError("this is no file of torch.save, or a damaged one")
    if type(system) is Pairs and (system.by_text() or {}).get("little_endian") is False:
        raise FormatError("the tensors are in big-endian order; load it with torch on such a machine, and save it anew")
    if not all(type(key) is str for key in keys) or sorted(keys) != sorted(made):
        raise FormatError("the storages of the file are not those of its tensors; it is damaged or was altered.")
    for key in keys:
        dtype, count = sizes[key]
        size = count * _itemsize(dtype)
        if at + 8 + size > len(data):
            raise Truncated("the file ends within its tensors: truncated")
        if int.from_bytes(data[at : at + 8], "little") != count:
            raise FormatError("a storage has another length than its tensors say; the file is damaged or was altered.")
        made[key].memory[:] = np.frombuffer(data[at + 8 : at + 8 + size], np.uint8)
        at += 8 + size
    if at != len(data):
        raise FormatError("bytes follow the end of the tensors; something is hidden there, or the file is damaged")
    return root
