"""What a CatBoost model says about itself beside its trees: its loss and its classes, as JSON.

CatBoost makes answers by it and believes it: a class that is not there is written outside of memory, and a loss that it does not
know ends the process when it is asked for.

The one rule: what CatBoost's own parser is given was read here by a stricter one, and each name stands once.

Source: ``GetLossDescription`` in ``model.cpp``, ``class_label_options.cpp`` and ``external_label_helper.cpp`` of CatBoost 1.2.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.trust.state.fields import Fields, refuse

DEPTH = 64
CLASSES = 100_000
"""Classes that a model says it has: each is a column of what it predicts."""

DERIVED = frozenset({"_object", "_init_params", "_is_fitted_", "_tree_count", "_canonized_params"})
"""Attributes that CatBoost makes itself; a file that sets one would stand in for what was checked."""

LOSSES = frozenset({
    "Logloss", "CrossEntropy", "CtrFactor", "Focal", "RMSE", "LogCosh", "Lq", "MAE", "Quantile", "MultiQuantile", "Expectile", "LogLinQuantile",
    "MAPE", "Poisson", "MSLE", "MedianAbsoluteError", "SMAPE", "Huber", "Tweedie", "Cox", "RMSPE", "RMSEWithUncertainty", "MultiClass",
    "MultiClassOneVsAll", "PairLogit", "PairLogitPairwise", "YetiRank", "YetiRankPairwise", "QueryRMSE", "GroupQuantile", "QuerySoftMax",
    "QueryCrossEntropy", "StochasticFilter", "LambdaMart", "StochasticRank", "PythonUserDefinedPerObject", "PythonUserDefinedMultiTarget",
    "SurvivalAft", "MultiRMSE", "MultiRMSEWithMissingValues", "MultiLogloss", "MultiCrossEntropy", "Combination",
})  # fmt: skip
TWO = "RMSEWithUncertainty"
"""The loss of which two numbers are read for each row."""

_CLASS_KEYS = {"class_label_type", "class_names", "class_to_label", "classes_count"}
_LABEL_TYPES = ("Integer", "Float", "String", "Boolean", "None")


def check_beside(fields: Fields, where: str) -> None:
    """Check what stands beside the bytes: nothing that takes the place of what is made of them.

    Raises:
        InvalidState: names the parameter or the attribute.
    """
    for name in ("params", "attributes"):
        part = fields.get(name, {})
        if type(part) is not dict or "__model" in part or (name == "attributes" and DERIVED & set(part)):
            refuse(where, f"{name} hold what CatBoost makes itself")


def check_info(entries: Sequence[dict[str, bytes]], width: int, params: Fields, where: str) -> None:
    """Check all entries.

    Args:
        entries: of ``Key`` and ``Value``.
        width: how many numbers the trees give for a row.
        params: what the model was made with, in Python.
        where: what a refusal names.

    Raises:
        InvalidState: names the entry.
    """
    info: dict[bytes, bytes] = {}
    for one in entries:
        if "Key" not in one or "Value" not in one or one["Key"] in info:
            refuse(where, "InfoMap has an entry without a key or a value, or one twice")
        info[one["Key"]] = one["Value"]
        _check_depth(one["Value"], where)
    losses = [params.get("loss_function"), params.get("objective")]
    if b"loss_function" in info:
        losses.append(_loss(_parsed(info[b"loss_function"], "loss_function", where), where))
    if info.get(b"params"):
        said = _parsed(info[b"params"], "params", where)
        if "loss_function" in said:
            losses.append(_loss(said["loss_function"], where))
    if width != 2 and any(isinstance(loss, str) and loss.startswith(TWO) for loss in losses):
        refuse(where, f"{TWO} needs two numbers a row, and the trees give {width}")
    for name in ("class_params", "multiclass_params"):
        if name.encode() in info:
            _check_classes(_parsed(info[name.encode()], name, where), width, where)


def _check_depth(text: bytes, where: str) -> None:
    """Refuse JSON that nests deeply: a parser recurses over it. What stands in a string does not nest."""
    outside = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    letters = np.frombuffer(b"".join(outside), np.uint8)
    steps = np.isin(letters, (91, 123)).astype(np.int64) - np.isin(letters, (93, 125))
    if len(letters) and int(np.cumsum(steps).max()) > DEPTH:
        refuse(where, f"InfoMap nests deeper than {DEPTH}")


def _parsed(text: bytes, name: str, where: str) -> dict[str, Any]:
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        twice.extend(["twice"] * (len(found) - len(made)))
        return made

    try:
        made = json.loads(text, object_pairs_hook=pairs)
        msgspec.json.decode(text)  # stricter about numbers and letters
    except (ValueError, msgspec.DecodeError):
        refuse(where, f"{name} of InfoMap is not JSON")
    if type(made) is not dict or twice:
        refuse(where, f"{name} of InfoMap is not a dict, or holds a name twice")
    return made


def _loss(said: Any, where: str) -> str:
    texts = said.get("params", {}) if type(said) is dict else None
    kind = said.get("type") if type(said) is dict else None
    if type(texts) is not dict or set(said) - {"type", "params"} or type(kind) is not str or kind not in LOSSES or set(map(type, texts.values())) - {str}:
        refuse(where, "its loss_function is not one that CatBoost 1.2 has")
    return kind


def _check_classes(said: dict[str, Any], width: int, where: str) -> None:
    names, labels, count = said.get("class_names", []), said.get("class_to_label"), said.get("classes_count", 0)
    if set(said) - _CLASS_KEYS or said.get("class_label_type", "None") not in _LABEL_TYPES or type(names) is not list or type(labels) is not list:
        refuse(where, "its classes are not described as CatBoost does")
    if type(count) is not int or not 0 <= count <= CLASSES:
        refuse(where, f"classes_count is {count!r:.40}, outside 0..{CLASSES}")
    kinds = set(map(type, names))
    if kinds - {str} and kinds - {bool} and kinds - {int, float}:
        refuse(where, "class_names are not of one kind")
    total = max(count, len(names))
    known = {label for label in labels if type(label) in (int, float) and (label in range(total) or not total)}
    if width > 1 and not len(known) == len(labels) == width:
        refuse(where, f"class_to_label does not name one of {total} classes for each of {width} numbers")
