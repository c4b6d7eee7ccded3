"""Modules of PyTorch as people know them: ``0.weight``, and not ``_modules.0._parameters.weight``.

The one rule: this is about names that are shown and asked for; what is stored keeps its attributes.
"""

from __future__ import annotations

from typing import Any

from holdfast.values import tree as t
from holdfast.values.graph import Graph, Node

PLACES = ("_parameters", "_buffers", "_modules")
"""Attributes of a module that hold its parts by name."""

_KEPT_QUIET = frozenset({*PLACES, "_non_persistent_buffers_set", "_is_full_backward_hook", "training"})
_TENSORS = frozenset({"torch.Tensor", "torch.nn.parameter.Parameter"})


def is_module(graph: Graph, node: int) -> bool:
    """Say whether a node is a module."""
    table: Any = graph.tables[graph.locate(node)[0]]
    return type(table) is t.Objects and set(PLACES) <= set(table.fields)


def shown(paths: Any, node: int) -> list[tuple[str, Any]]:
    """Return the parts of a module and its own settings, by name."""
    held = list(paths.children(node))
    return [(name, child) for name, child in held if name not in _KEPT_QUIET] + parts(paths, node)


def parts(paths: Any, node: int) -> list[tuple[str, Any]]:
    """Return the parameters, buffers and modules of a module, by name."""
    held = dict(paths.children(node))
    return [pair for place in PLACES if type(held[place]) is Node for pair in paths.children(held[place])]


def tensor_text(paths: Any, node: int) -> str | None:
    """Return one line about a tensor, or None for anything else."""
    graph: Graph = paths.graph
    table: Any = graph.tables[graph.locate(node)[0]]
    if type(table) is not t.Records or table.type not in _TENSORS:
        return None
    held = dict(paths.children(node))
    array = held.get("array")
    shape: Any = None
    if type(array) is Node:
        index, row = graph.locate(array)
        inner: Any = graph.tables[index]
        if type(inner) in (t.Arrays, t.Views):
            shape = inner.shapes[row * inner.ndim : row * inner.ndim + inner.ndim]
    if shape is None or type(held.get("dtype")) is not str:
        return None
    frozen = table.type.endswith("Parameter") and held.get("requires_grad") is False
    return f"{table.type.rpartition('.')[2].lower()} {held['dtype']}{list(shape)}{', frozen' if frozen else ''}"
