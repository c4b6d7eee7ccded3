"""Paths to the parts of a model, and from them the names of its tensors.

A path is what a person would write: attribute names, dict keys and list positions joined by dots; a named step
``("clf", model)`` of a pipeline is known by its name: ``steps.clf.coef_``.

The one rule: a name is for people and other tools. It is unique and deterministic, and no reader takes it apart.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import Any

from holdfast.frameworks.columns import Ref
from holdfast.frameworks.groups import WITH_COLUMNS, Group
from holdfast.values import limits
from holdfast.values import tree as t
from holdfast.values.modules import PLACES

TENSORS = frozenset({"torch.Tensor", "torch.nn.parameter.Parameter"})
"""Records that are an array with a little beside it, which goes by their name."""


class TensorNames:
    """Names for the tensors of one walk."""

    def __init__(self, walker: Any, prefix: str) -> None:
        self.walker = walker
        self.prefix = prefix
        self.taken: set[str] = set()
        self.known: dict[int, str] = {-1: ""}
        self.labels: dict[int, dict[int, str]] = {}

    def name(self, node: int) -> str:
        """Return an unused name for the array of a node."""
        path = self.path(node)
        parent = self.walker.parents[node]
        owner = self.walker.group_of(parent) if parent >= 0 else None
        if owner is not None and owner.kind is t.Records and owner.key[0] in TENSORS:
            # as other tools know weights: "0.weight", and not "_modules.0._parameters.weight.array"
            path = ".".join(part for part in self.path(parent).split(".") if part not in PLACES)
        return self.unused(self.prefix + _clean(path or "array"))

    def unused(self, wanted: str) -> str:
        """Return a name that no tensor has yet: the wanted one, or it with a number."""
        name, count = wanted, 2
        while name in self.taken:
            name = f"{wanted}~{count}"
            count += 1
        self.taken.add(name)
        return name

    def path(self, node: int) -> str:
        """Return the path of the first way on which a node was met; the root's is empty."""
        chain: list[int] = []
        at = node
        while at not in self.known:
            chain.append(at)
            at = self.walker.parents[at]
        path = self.known[at]
        for step in reversed(chain):
            label = self.label(self.walker.parents[step], step)
            if label:
                path = f"{path}.{label}" if path else label
            self.known[step] = path
        return path

    def label(self, parent: int, node: int) -> str:
        """Return how a parent calls a node: an attribute, a key, a position, the name of a step."""
        group = self.walker.group_of(parent) if parent >= 0 else None
        if parent < 0 or (group is not None and group.kind is t.Views):
            return ""  # the root, and the memory of an array with gaps, which goes by the name of that array
        spans = self.walker.spans
        place = bisect_right(spans, node, key=_start) - 1
        if place >= 0 and node < spans[place][1]:
            return str(spans[place][2])
        if group is not None and group.kind in WITH_COLUMNS:
            return self._field(group, parent, node)
        labels = self.labels.get(parent)
        if labels is None:
            labels = self.labels[parent] = self._labels(parent)
        return labels.get(node, "?")

    def _field(self, group: Group, parent: int, node: int) -> str:
        """Return the first field of an object, a dict or a tuple that holds a node."""
        row = group.row(parent)
        keys: Any = _pair_keys(row) if group.kind is t.Tuples else group.key if group.kind is t.Maps else group.key[1]
        for key, value in zip(keys, row, strict=True):
            if value == node and type(value) is Ref:
                return str(key)
        return "?"

    def _labels(self, parent: int) -> dict[int, str]:
        group = self.walker.group_of(parent)
        if group is None:
            return {}
        row = group.row(parent)
        kind = group.kind
        keys: Any
        if kind is t.Dicts:
            keys, values = [str(k) if isinstance(k, str | int | float) else f"#{i}" for i, k in enumerate(row[0])], row[1]  # type: ignore[misc]
            found = {int(v): f"key#{i}" for i, v in enumerate(row[0]) if type(v) not in _SCALARS}  # type: ignore[misc]
            found.update({int(v): k for k, v in reversed(list(zip(keys, values, strict=True))) if type(v) not in _SCALARS})
            return found
        if kind is t.ObjectArrays:
            keys, values = range(len(row[1])), row[1]  # type: ignore[misc]
        elif kind is t.Lists:
            keys, values = [self._step_name(v, i) for i, v in enumerate(row)], row
        elif kind in (t.Sets, t.FrozenSets, t.LongTuples):
            keys, values = range(len(row)), row
        else:
            return {}
        return {int(v): str(k) for k, v in reversed(list(zip(keys, values, strict=True))) if type(v) not in _SCALARS}

    def _step_name(self, value: Any, position: int) -> str:
        if type(value) not in _SCALARS:
            item = self.walker.queue[value]
            if is_step(item):
                return str(item[0])
        return str(position)


_start = itemgetter(0)
_SCALARS = frozenset({type(None), bool, int, float, str})


def is_step(item: Any) -> bool:
    """Say whether a list item is a named step: a tuple that starts with a name, such as ``("clf", model)``."""
    return type(item) is tuple and len(item) in (2, 3) and type(item[0]) is str and bool(item[0])


def _pair_keys(row: Any) -> list[str]:
    if len(row) in (2, 3) and type(row[0]) is str and row[0]:
        return ["0", "", "2"][: len(row)]
    return [str(i) for i in range(len(row))]


def _clean(path: str) -> str:
    name = path
    if not path.isprintable() or "|" in path or "/" in path:
        name = "".join(c if c.isprintable() and c not in "|/" else "_" for c in path)
    if name.startswith(("holdfast.", "__", "~")):
        name = "_" + name
    raw = name.encode("utf-8", "replace")
    if len(raw) > limits.TENSOR_NAME_BYTES // 2:
        import hashlib

        keep = limits.TENSOR_NAME_BYTES // 2 - 20
        name = raw[:keep].decode("utf-8", "ignore") + "~" + hashlib.sha256(raw).hexdigest()[:16]
    return name
