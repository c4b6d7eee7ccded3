"""Propose the list of trusted PyTorch types: ``python tools/propose_torch.py``.

Every class of ``torch.nn`` that the zoo has is put down with the attributes that its instances have, and the kinds of each;
a person reviews the difference. Written: ``src/holdfast/trust/data/torch.json``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import torch

from holdfast.frameworks.names import name_of
from holdfast.frameworks.torch_ import HOOKS
from holdfast.frameworks.walk import dump
from holdfast.testing.zoo_torch import specimens
from holdfast.trust.catalog import Entry, Library
from holdfast.trust.schema import kinds_of
from holdfast.trust.view import View
from holdfast.values import tree as t
from holdfast.values.graph import Graph

TARGET = Path(__file__).resolve().parents[1] / "src" / "holdfast" / "trust" / "data" / "torch.json"
WIDER = [{"int", "float"}, {"none", "int"}, {"int", "tuple"}, {"list", "tuple"}]
"""Kinds that users give for one another: where one of a set was seen, the others are proposed as well."""
PARTS = {
    "_parameters": ["none", "type:torch.nn.parameter.Parameter"],
    "_buffers": ["none", "type:torch.Tensor"],
    "_modules": ["none", "object"],
}
FUNCTIONS = (
    "relu", "relu6", "gelu", "silu", "mish", "elu", "selu", "celu", "leaky_relu", "hardswish", "hardtanh", "hardsigmoid", "softplus", "softsign",
    "tanh", "sigmoid", "logsigmoid", "tanhshrink", "pairwise_distance", "cosine_similarity", "pdist",
)  # fmt: skip
"""Functions of ``torch.nn.functional`` and of ``torch`` that layers hold: activations and distances, pure arithmetic."""
TENSOR = {
    "array": ["any"], "dtype": ["str"], "requires_grad": ["bool"], "attributes": ["dict"], "layout": ["str"], "shape": ["tuple"],
    "indices": ["type:torch.Tensor"], "values": ["type:torch.Tensor"], "indptr": ["type:torch.Tensor"], "coalesced": ["bool"],
}  # fmt: skip
FIXED = {
    "torch.Tensor": Entry("record", TENSOR),
    "torch.nn.parameter.Parameter": Entry("record", TENSOR, ["requires_grad"]),
    "torch.Size": Entry("record", {"lengths": ["tuple"]}, ["lengths"], items={"lengths": ["int"]}),
    "torch.dtype": Entry("record", {"name": ["str"]}, ["name"]),
    "torch.device": Entry("record", {"name": ["str"]}, ["name"]),
    "torch._C.Generator": Entry("record", {"state": ["type:torch.Tensor"]}, ["state"]),
}


def seen() -> dict[str, tuple[dict[str, set[str]], set[str]]]:
    """Return, for each class, the kinds of each attribute, and the attributes that all instances have."""
    found: dict[str, tuple[dict[str, set[str]], set[str]]] = {}
    for specimen in specimens():
        for module in (specimen.module, specimen.module.train()):
            made = dump(module)
            view = View(Graph(made.tree, len(made.tensors)), None)  # type: ignore[arg-type]
            for table in made.tree.tables:
                if type(table) is t.Objects:
                    kinds, always = found.setdefault(table.type, ({}, set(table.fields)))
                    always &= set(table.fields)
                    for field, column in zip(table.fields, table.columns, strict=True):
                        kinds.setdefault(field, set()).update(kinds_of(view, column, table.rows))
    return found


def entry(kinds: dict[str, set[str]], always: set[str]) -> Entry:
    """Return the line of one class."""
    for allowed in kinds.values():
        for wider in WIDER:
            if allowed & wider:
                allowed |= wider
    return Entry(
        how="shell",
        kinds={field: sorted(allowed) for field, allowed in sorted(kinds.items()) if field not in HOOKS},
        params=sorted(always),
        items={field: PARTS[field] for field in sorted(PARTS) if field in kinds},
    )


def main() -> int:
    """Write the list."""
    types: dict[str, Any] = {**FIXED, **{name: entry(*found) for name, found in sorted(seen().items())}}
    live = [getattr(owner, name) for owner in (torch.nn.functional, torch) for name in FUNCTIONS if hasattr(owner, name)]
    values = {name for one in live if (name := name_of(one)) is not None}
    library = Library(tried_with={"torch": torch.__version__.partition("+")[0]}, types=types, values=sorted(values))
    TARGET.write_bytes(msgspec.json.format(msgspec.json.encode(library), indent=1) + b"\n")
    sys.stdout.write(f"{len(types)} types, {TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
