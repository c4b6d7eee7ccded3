"""The contract that every adapter keeps: saved, loaded and asked again, a model answers the same to the last bit.

Written for people who add a library: make a zoo of its models (`holdfast.testing.specimen`) and call `judge` on each.

The one rule: what is compared are bits, and what was asked is the loaded model.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

import holdfast
from holdfast.errors import UntrustedType
from holdfast.frameworks.adapter import type_name
from holdfast.frameworks.walk import dump
from holdfast.testing.specimen import Specimen
from holdfast.values import tree as t

OPAQUE: dict[str, tuple[str, ...]] = {
    "lightgbm.basic.Booster": ("model",),
    **dict.fromkeys((f"catboost.core.{name}" for name in ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")), ("model",)),
    "onnx.onnx_ml_pb2.ModelProto": ("graph",),
    "spacy.lang.en.English": ("files",),
}
"""Type -> fields whose bytes are another library's own: read by our checks in the first two, by that library alone in the others."""


class Verdict(NamedTuple):
    """What came of saving a model and loading it.

    Attributes:
        type: exact name of its type.
        same_answer: the loaded model answered the same to the last bit.
        deviation: the largest difference between numbers of the answers, when they differ.
        same_bytes: saved again, the loaded model has the same content digest.
        trusted: it loaded with nothing trusted.
        opaque: share of the bytes that is another library's own, 0 to 1.
        nbytes: bytes of the file.
    """

    type: str
    same_answer: bool
    deviation: float
    same_bytes: bool
    trusted: bool
    opaque: float
    nbytes: int


def judge(specimen: Specimen) -> Verdict:
    """Save a model, load it, ask both, and save it again.

    Raises:
        HoldfastError: it cannot be saved or loaded.
    """
    before = specimen.ask(specimen.model)
    blob = holdfast.dumps(specimen.model)
    trusted = True
    try:
        back = holdfast.loads(blob, copy=True)
    except UntrustedType:
        trusted = False
        back = holdfast.loads(blob, copy=True, trusted=list(specimen.trusted))
    again = holdfast.inspect(holdfast.dumps(back)).content == holdfast.inspect(blob).content
    after = specimen.ask(back)
    same = bits(before) == bits(after)
    return Verdict(type_name(type(specimen.model)), same, 0.0 if same else _deviation(before, after), again, trusted, opaque_share(specimen.model), len(blob))


def bits(value: Any) -> Any:
    """Return what has to be equal of an answer."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous().reshape(-1)
        return ("tensor", str(value.dtype), tuple(value.shape), flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return ("objects", value.shape, [bits(one) for one in value.ravel().tolist()])
        return ("array", value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes())
    if isinstance(value, Mapping):
        return ("dict", [(bits(key), bits(one)) for key, one in value.items()])
    if isinstance(value, list | tuple):
        return ("list", [bits(one) for one in value])
    if isinstance(value, np.generic):
        return ("number", value.dtype.str, value.tobytes())
    if hasattr(value, "to_numpy"):
        return ("frame", bits(value.to_numpy()))
    return (type(value).__name__, repr(value))


def opaque_share(model: Any) -> float:
    """Return the share of the bytes of a saved model that is another library's own."""
    made = dump(model)
    opaque: set[int] = set()
    bases = [0]
    for table in made.tree.tables:
        bases.append(bases[-1] + t.row_count(table))
    for table in made.tree.tables:
        for name in OPAQUE.get(getattr(table, "type", ""), ()):
            if name in table.fields:
                opaque |= _nodes(table.columns[table.fields.index(name)])
    # a dict of arrays is opaque when it is
    for table, base in zip(made.tree.tables, bases, strict=False):
        if type(table) is t.Maps and any(base + row in opaque for row in range(table.rows)):
            for column in table.columns:
                opaque |= _nodes(column)
    total = held = 0
    for table, base in zip(made.tree.tables, bases, strict=False):
        if type(table) is t.Arrays and not table.pooled:
            for row in range(table.rows):
                size = made.tensors[table.tensor + row].nbytes
                total += size
                held += size * (base + row in opaque)
        elif type(table) is t.Arrays:
            total += made.tensors[table.tensor].nbytes
    return held / total if total else 0.0


def _nodes(column: Any) -> set[int]:
    kind = type(column)
    if kind is t.SameRef:
        return {column.node}
    if kind is t.Refs:
        return set(column.nodes)
    if kind is t.Run:
        return set(range(column.start, column.start + 100_000))
    return {column.values[i] for i in column.refs} if kind is t.Mixed else set()


def _deviation(before: Any, after: Any) -> float:
    try:
        pairs = zip(_numbers(before), _numbers(after), strict=True)
        return max((float(np.max(np.abs(a - b), initial=0.0)) for a, b in pairs), default=float("inf"))
    except (ValueError, TypeError):
        return float("inf")


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for one in value for number in _numbers(one)]
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    return [array.astype(float)] if array.dtype.kind in "biuf" else []
