"""Writing nodes of ONNX into whatever collects them: a converter's container, or a graph of our own.

The one rule: what a model computes is written once, whoever asks for it.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

ML = "ai.onnx.ml"


class Writer(Protocol):
    """Where nodes go."""

    def node(self, kind: str, inputs: list[str], outputs: list[str] | None = None, domain: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its first output."""

    def constant(self, value: Any) -> str:
        """Add a constant and return its name."""


class GraphWriter:
    """Nodes of a graph of our own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: list[str], outputs: list[str] | None = None, domain: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its first output."""
        import onnx

        outputs = outputs or [f"{kind.lower()}_{len(self.nodes)}"]
        self.nodes.append(onnx.helper.make_node(kind, inputs, outputs, name=f"{kind}_{len(self.nodes)}", domain=domain, **attributes))
        return outputs[0]

    def constant(self, value: Any) -> str:
        """Add a constant and return its name."""
        import onnx

        name = f"constant_{len(self.constants)}"
        array = np.asarray(value)
        if array.dtype.kind in "OU":
            texts: Any = [str(one).encode() for one in array.ravel().tolist()]
            made = onnx.helper.make_tensor(name, onnx.TensorProto.STRING, array.shape, texts)
        else:
            made = onnx.numpy_helper.from_array(array, name)
        self.constants.append(made)
        return name


class ContainerWriter:
    """Nodes of the container that skl2onnx hands to a converter."""

    def __init__(self, scope: Any, container: Any) -> None:
        self.scope, self.container = scope, container

    def node(self, kind: str, inputs: list[str], outputs: list[str] | None = None, domain: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its first output."""
        outputs = outputs or [self.scope.get_unique_variable_name(kind.lower())]
        self.container.add_node(kind, inputs, outputs, op_domain=domain, op_version=3 if domain else None, name=self.scope.get_unique_operator_name(kind), **attributes)
        return outputs[0]

    def constant(self, value: Any) -> str:
        """Add a constant and return its name."""
        import onnx

        array = np.asarray(value)
        name: str = self.scope.get_unique_variable_name("constant")
        if array.dtype.kind in "OU":
            self.container.add_initializer(name, onnx.TensorProto.STRING, list(array.shape), [str(one).encode() for one in array.ravel().tolist()])
        else:
            kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            self.container.add_initializer(name, kind, list(array.shape), array.ravel().tolist())
        return name
