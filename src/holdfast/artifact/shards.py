"""Models over a size that the caller names, as several files with an index.

Strategy. The tensors go into numbered files of at most that size, each a file of holdfast's that any safetensors reader opens, and an
index beside them says which name is where, as other tools write it. The model itself, with tensors that have only a shape,
is the file that the caller named; it holds the ids of the others, so none can be exchanged.

The one rule: the file that the caller named is written last, and a shard that is not the one it was saved with is refused.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from holdfast.errors import Corrupt, FormatError, NotFound, UnsupportedModel, quoted

KEY = "holdfast.shards"
"""The key of ``extra`` that names the shards."""

INDEX_SUFFIX = ".safetensors.index.json"
INDEX_BYTES = 64 * 1024 * 1024
_NAME = re.compile(r"[^/\\\0]{1,200}-[0-9]{5}-of-[0-9]{5}\.safetensors")
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def bytes_of(size: int | str) -> int:
    """Return a size in bytes.

    Raises:
        ValueError: it is not one.

    >>> bytes_of("2GB")
    2000000000
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]?I?B?)", str(size).upper()) if not isinstance(size, bool) else None
    if match is None or match[2] not in _UNITS or not float(match[1]) > 0:
        raise ValueError(f"shard_bytes={size!r} is not a size; give a number of bytes, or text such as '2GB'")
    return int(float(match[1]) * _UNITS[match[2]])


_DICTS = (dict, OrderedDict)


# -- writing -------------------------------------------------------------------------------------------------------------


def tensors_of(model: Any) -> dict[str, Any]:
    """Return the tensors of a module or of a flat dict of tensors by name; those that are tied once.

    Raises:
        UnsupportedModel: it is neither.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        found: dict[str, Any] = {}
        seen: set[int] = set()
        for name, tensor in model.state_dict(keep_vars=True).items():
            if id(tensor) not in seen and isinstance(tensor, torch.Tensor):
                seen.add(id(tensor))
                found[name] = tensor
        return found
    if type(model) in _DICTS and model and all(type(name) is str and _is_tensor(value) for name, value in model.items()):
        return dict(model)
    raise UnsupportedModel("shard_bytes is for modules of PyTorch and for dicts of tensors by name; save this model as one file")


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return isinstance(value, np.ndarray) or (torch is not None and isinstance(value, torch.Tensor))


def divided(tensors: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """Return tensors in groups of at most so many bytes, in order; a larger one is alone."""
    groups: list[dict[str, Any]] = [{}]
    filled = 0
    for name, tensor in tensors.items():
        if groups[-1] and filled + tensor.nbytes > limit:
            groups.append({})
            filled = 0
        groups[-1][name] = tensor
        filled += tensor.nbytes
    return groups


def without_tensors(model: Any, tensors: Mapping[str, Any]) -> Any:
    """Return what takes the model's place in its file: the same with tensors that have only a shape."""
    if type(model) in _DICTS:
        return type(model)((name, None) for name in model)
    import copy

    torch = sys.modules["torch"]
    memo: dict[int, Any] = {}
    for tensor in tensors.values():
        empty = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
        is_parameter = isinstance(tensor, torch.nn.Parameter)
        memo[id(tensor)] = torch.nn.Parameter(empty, tensor.requires_grad) if is_parameter else empty
    return copy.deepcopy(model, memo)


def save_sharded(model: Any, path: str, limit: int, save: Callable[[Any, str, dict[str, Any]], Any]) -> Any:
    """Save a model whose tensors take more than a size as several files; as one when they do not.

    Args:
        model: a module, or a dict of tensors.
        path: where the model goes; the shards go beside it.
        limit: bytes of one shard.
        save: saves one object under a name with something more in its ``extra``, and returns its `Saved`.
    """
    tensors = tensors_of(model)
    groups = divided(tensors, limit)
    if len(groups) == 1:
        return save(model, path, {})
    stem = path.removesuffix(".safetensors")
    if stem == path:
        raise FormatError("a model in several files has a name that ends in .safetensors", file=path)
    files: dict[str, str] = {}
    where: dict[str, str] = {}
    for number, group in enumerate(groups, 1):
        name = f"{stem}-{number:05}-of-{len(groups):05}.safetensors"
        plain = {key: value if isinstance(value, np.ndarray) else value.detach() for key, value in group.items()}
        files[os.path.basename(name)] = save(plain, name, {}).id
        where.update(dict.fromkeys(group, os.path.basename(name)))
    index = {"metadata": {"total_size": sum(one.nbytes for one in tensors.values())}, "weight_map": where}
    from holdfast.artifact.atomic import replacing

    with replacing(stem + INDEX_SUFFIX, True) as sink:
        sink.write_all([json.dumps(index, indent=1).encode()])
    return save(without_tensors(model, tensors), path, {KEY: files})


# -- reading -------------------------------------------------------------------------------------------------------------


def fill(model: Any, files: Any, path: str, load: Callable[[str, str | None], Any]) -> Any:
    """Put the tensors of the shards into a model that was loaded without them.

    Args:
        model: the model.
        files: what its manifest says: name of a shard -> its id.
        path: the model's file.
        load: loads a file, and refuses it when it has another id.

    Raises:
        NotFound, Corrupt: a shard is missing, or another than it was.
    """
    if type(files) is not dict or not all(type(id_) is str and _NAME.fullmatch(name) for name, id_ in files.items()):
        raise FormatError("the names of its shards are not names of shards", file=path)
    tensors: dict[str, Any] = {}
    for name, id_ in files.items():
        shard = os.path.join(os.path.dirname(path), name)
        if not os.path.exists(shard):
            raise NotFound(f"the shard {quoted(name)} is missing; it belongs beside the model", file=path)
        found = load(shard, id_)
        if type(found) is not dict:
            raise Corrupt(f"the shard {quoted(name)} does not hold tensors by name", file=path)
        tensors.update(found)
    if type(model) in _DICTS:
        if set(model) != set(tensors):
            raise Corrupt("the shards do not hold the tensors that the model names", file=path)
        return type(model)((name, tensors[name]) for name in model)
    return _filled(model, tensors, path)


def _filled(module: Any, tensors: dict[str, Any], path: str) -> Any:
    torch: Any = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise FormatError("it names shards, and is not a model that has any", file=path)
    made: dict[int, Any] = {}
    for name, empty in module.state_dict(keep_vars=True).items():
        if isinstance(empty, torch.Tensor) and empty.is_meta and id(empty) not in made:
            tensor = tensors.pop(name, None)
            if not isinstance(tensor, torch.Tensor) or tensor.shape != empty.shape or tensor.dtype != empty.dtype:
                raise Corrupt(f"the shards hold no {quoted(name, 80)} of the shape and dtype that the model has", file=path)
            made[id(empty)] = torch.nn.Parameter(tensor, empty.requires_grad) if isinstance(empty, torch.nn.Parameter) else tensor
    if tensors:
        raise Corrupt(f"the shards hold {quoted(next(iter(tensors)), 80)}, which the model does not have", file=path)
    for part in module.modules():
        for table in (part._parameters, part._buffers):
            for name, empty in table.items():
                if id(empty) in made:
                    table[name] = made[id(empty)]
        if hasattr(part, "_init_flat_weights"):
            part._init_flat_weights()
    return module


def load_index(path: str, load: Callable[[str, str | None], Any]) -> dict[str, Any]:
    """Return the tensors of all files that an index names, mapped.

    Raises:
        FormatError: it is not an index, or names a file elsewhere.
        NotFound: a file that it names is missing.
    """
    raw = Path(path)
    if not raw.exists():
        raise NotFound("there is no such file", file=path)
    if raw.stat().st_size > INDEX_BYTES:
        raise FormatError(f"an index has at most {INDEX_BYTES} bytes", file=path)
    try:
        index = msgspec.json.decode(raw.read_bytes())
        where = index["weight_map"]
        names = dict.fromkeys(where.values())
        right = all(type(name) is str and type(file) is str for name, file in where.items())
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, RecursionError):
        raise FormatError('it is not an index of tensors: a JSON object with a "weight_map"', file=path) from None
    if not right or any(file != os.path.basename(file) or not file.endswith(".safetensors") or "\\" in file or "\0" in file for file in names):
        raise FormatError("an index names files beside it that end in .safetensors, and nothing else", file=path)
    found: dict[str, Any] = {}
    for file in names:
        shard = os.path.join(os.path.dirname(path), file)
        if not os.path.exists(shard):
            raise NotFound(f"the file {quoted(file)}, which the index names, is missing", file=path)
        held = load(shard, None)
        for name, its in where.items():
            if its == file:
                if type(held) is not dict or name not in held:
                    raise Corrupt(f"{quoted(file)} does not hold {quoted(name, 80)}, which the index says it does", file=path)
                found[name] = held[name]
    return {name: found[name] for name in where}
