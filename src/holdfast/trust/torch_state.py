"""The state of PyTorch's layers, as the plain fields that checks take.

The one rule: only shapes are asked of tensors; weights stay mapped.
"""

from __future__ import annotations

from typing import Any

from holdfast.trust.fields_of import Validator, cells_of, where_of
from holdfast.trust.state.torch_layers import MODES, check_attention, check_packed_recurrent, check_recurrent
from holdfast.trust.view import View
from holdfast.values.graph import Node

PARAMETER = "torch.nn.parameter.Parameter"


def _recurrent(view: View, index: int) -> None:
    where = where_of(view, index)
    table: Any = view.graph.tables[index]
    for row in range(table.rows):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        fields = {name: view.value(cell, 3) for name, cell in cells.items() if name not in ("_parameters", "_buffers", "_modules")}
        shapes: dict[str, tuple[int, ...] | None] = {}
        for name, cell in cells_of(view, cells.get("_parameters")).items():
            held = cells_of(view, cell)
            array = held.get("array")
            shapes[name] = view.shape(array) if type(array) is Node else _stated(view, held.get("shape"))
        if cells_of(view, cells.get("_modules")).get("parametrizations") is not None:
            fields["parametrizations"] = True
        check_recurrent(table.type.rpartition(".")[2], fields, shapes, where(row))


def _attention(view: View, index: int) -> None:
    where = where_of(view, index)
    table: Any = view.graph.tables[index]
    for row in range(table.rows):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        check_attention({name: view.value(cells[name]) for name in ("embed_dim", "num_heads") if name in cells}, where(row))


def _packed_recurrent(view: View, index: int) -> None:
    where = where_of(view, index)
    table: Any = view.graph.tables[index]
    for row in range(table.rows):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        fields = {name: view.value(cell, 3) for name, cell in cells.items() if name not in ("_parameters", "_buffers", "_modules")}
        held = cells_of(view, cells_of(view, cells.get("_modules")).get("_all_weight_values"))
        parts = [cells_of(view, cells_of(view, one).get("param")) for one in cells_of(view, held.get("_modules")).values()]
        shapes = [tuple(_packed_shape(view, one) for one in view.items(part.get("weights"))) for part in parts]
        check_packed_recurrent(table.type.rpartition(".")[2], fields, shapes, where(row))


def _packed_shape(view: View, cell: Any) -> tuple[int, ...] | None:
    """Return the shape of the weight that a packed one is made from."""
    tensor = cells_of(view, cells_of(view, cell).get("weight"))
    array = cells_of(view, tensor.get("values")).get("array") if "values" in tensor else tensor.get("array")
    return view.shape(array) if type(array) is Node else None


def _stated(view: View, cell: Any) -> tuple[int, ...] | None:
    """Return the shape that a tensor without data states."""
    shape = view.value(cell) if type(cell) is Node else None
    return shape if isinstance(shape, tuple) and all(type(length) is int for length in shape) else None


TORCH: dict[str, Validator] = {
    **dict.fromkeys((f"torch.nn.modules.rnn.{name}" for name in MODES), _recurrent),
    "torch.nn.modules.activation.MultiheadAttention": _attention,
    **dict.fromkeys((f"torch.ao.nn.quantized.dynamic.modules.rnn.{name}" for name in ("LSTM", "GRU")), _packed_recurrent),
}
"""Exact type name -> what checks all rows of a table of it."""
