"""Comparing two sides: manifests, signatures, tensors, and answers, in this order.

The one rule: nothing is loaded but to be asked, and what cannot be loaded here is said and not raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from holdfast.comparing.limits import check
from holdfast.comparing.predictions import Asked, ask_both
from holdfast.comparing.result import Comparison, TensorDifference
from holdfast.comparing.sides import Side
from holdfast.comparing.signatures import signature_changes
from holdfast.comparing.tensors import tensor_differences
from holdfast.trust.policy import Policy


def compare_sides(first: Side, second: Side, on: Any, limits: Mapping[str, float], policy: Policy, predictions: bool = True) -> Comparison:
    """Return what differs between two sides; see `holdfast.compare`.

    Args:
        first: one side.
        second: the other.
        on: rows to ask both, or None.
        limits: of `holdfast.comparing.limits.checked_limits`.
        policy: for loading the models.
        predictions: ask both their stored examples.
    """
    a, b = _facts(first), _facts(second)
    if first.version is not None and second.version is not None:
        a["fields"].update(first.origin)
        b["fields"].update(second.origin)
    tensors: list[TensorDifference] = []
    equal = 0
    if first.opening is None or second.opening is None:  # it says no more of itself, and what is not said is no difference
        a, b = ({**one, "fields": {"type": one["fields"]["type"]}, "params": {}, "libraries": {}} for one in (a, b))
    else:
        tensors, equal = tensor_differences(first.opening, second.opening)
    same = _same(first, second, bool(tensors))
    asked = Asked([], [], [])
    examples = predictions and not same
    if on is not None or examples:
        asked = ask_both(first, second, on, examples, policy)
    found = Comparison(
        first.name,
        second.name,
        same,
        _pairs(a["fields"], b["fields"]),
        _pairs(a["params"], b["params"]),
        {} if first.opening is None or second.opening is None else _pairs(a["metrics"], b["metrics"]),
        _pairs(a["libraries"], b["libraries"]),
        tensors,
        equal,
        [] if same else signature_changes(_signature(first), _signature(second)),
        (first.size, second.size),
        asked.answers,
        asked.not_asked,
        asked.notes,
    )
    return msgspec.structs.replace(found, limits=check(found, limits, (None if first.opening is None else a["metrics"], None if second.opening is None else b["metrics"]))) if limits else found


def _same(first: Side, second: Side, differ: bool) -> bool:
    if first.manifest is None or second.manifest is None:
        return first.manifest is None and second.manifest is None and first.opening is not None and second.opening is not None and not differ
    return first.manifest.content.digest == second.manifest.content.digest


def _pairs(a: dict[str, Any], b: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)}


def _signature(one: Side) -> Any:
    return one.manifest.signature if one.manifest is not None else one.told_signature


def _facts(one: Side) -> dict[str, dict[str, Any]]:
    manifest = one.manifest
    if manifest is None:
        return {"fields": {"type": one.kind}, "params": {}, "metrics": {}, "libraries": {}}
    signature = msgspec.to_builtins(manifest.signature) if manifest.signature is not None else {}
    fields = {
        "type": manifest.type,
        "inputs": [f"{feature['name'] or ''}:{feature['dtype']}{feature['shape']}" for feature in signature.get("inputs", [])] or None,
        "classes": signature.get("classes"),
        "python": manifest.python,
    }
    return {"fields": fields, "params": manifest.params, "metrics": dict(one.metrics), "libraries": manifest.libraries}
