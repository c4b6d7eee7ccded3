"""Expressions in ONNX, through skl2onnx.

Strategy. Every input is cast to float64, everything is reckoned in it as here, and the answer is cast to what the input was. Functions that
ONNX or its runtime has in float32 only are written with others, see ``formula/table.py``.

The one rule: an operation whose answer would differ is refused, and not approximated.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from holdfast.errors import LibraryMissing, UnsupportedOperation
from holdfast.formula.expand import expanded, placed
from holdfast.formula.table import TABLE, Function, Op
from holdfast.formula.tree import Apply, Column, Node, Number, Text, ordered


def register_onnx() -> None:
    """Teach skl2onnx to convert `holdfast.expression`, alone and as a part of pipelines.

    Inputs may be one matrix or one input a column, of float32, float64, integers, truths and texts; see docs/expressions.md.

    Raises:
        LibraryMissing: skl2onnx is not installed.
    """
    try:
        skl2onnx = importlib.import_module("skl2onnx")
    except ImportError as error:
        raise LibraryMissing(f"export to ONNX needs skl2onnx ({error}); run: pip install skl2onnx onnx") from None
    from holdfast.formula.transformer import Expression

    skl2onnx.update_registered_converter(Expression, "HoldfastExpression", _shape, _convert, overwrite=True)


def _double(inputs: Any) -> bool:
    return any(type(one.type).__name__ == "DoubleTensorType" for one in inputs)


def _form(line: Function) -> Any:
    return line.onnx


def _shape(operator: Any) -> None:
    types = importlib.import_module("skl2onnx.common.data_types")
    made = types.DoubleTensorType if _double(operator.inputs) else types.FloatTensorType
    expression = operator.raw_operator
    width = len(expression.outputs()) + (expression.n_features_in_ if expression.keep else 0)
    operator.outputs[0].type = made([operator.inputs[0].get_first_dimension(), width])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    writer = _Writer(scope, operator, container)
    expression = operator.raw_operator
    parts = [writer.number(place) for place in range(expression.n_features_in_)] if expression.keep else []
    for output in expression.outputs():
        tree = expanded(placed(output.resolved.tree, output.places), _form)
        parts.append(writer.column(tree, frozenset(output.places[key] for key in output.resolved.texts)))
    whole = parts[0] if len(parts) == 1 else writer.add("Concat", parts, axis=1)
    container.add_node("Cast", [whole], [operator.outputs[0].full_name], to=writer.double if _double(operator.inputs) else writer.float, name=scope.get_unique_operator_name("Cast"))


class _Writer:
    """Writes nodes of one operator into the graph.

    Attributes:
        double, float: numbers of these types in ONNX.
    """

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self._onnx = importlib.import_module("onnx")
        self.scope, self.operator, self.container = scope, operator, container
        self.double, self.float = self._onnx.TensorProto.DOUBLE, self._onnx.TensorProto.FLOAT
        self._columns: dict[tuple[int, bool], str] = {}
        self._rows: str | None = None
        self._at: list[tuple[Any, int, int]] = []
        for variable in operator.inputs:
            width = variable.type.shape[1] if len(variable.type.shape) == 2 else 1
            if not isinstance(width, int):
                raise UnsupportedOperation(f"the input {variable.raw_name} does not say how many columns it has; give it, as in FloatTensorType([None, 4])")
            self._at += [(variable, place, width) for place in range(width)]
        wanted = operator.raw_operator.n_features_in_
        if len(self._at) != wanted:
            raise UnsupportedOperation(f"the expressions were fitted on {wanted} columns, and the inputs have {len(self._at)}")

    def add(self, op: str, inputs: list[str], opset: int | None = None, **attributes: Any) -> str:
        """Write one node, and return the name of what it gives."""
        out: str = self.scope.get_unique_variable_name("expression")
        version = self.container.target_opset_any_domain("") if hasattr(self.container, "target_opset_any_domain") else self.container.target_opset
        if opset is not None and version < opset:
            raise UnsupportedOperation(f"{op} of these kinds needs opset {opset} of ONNX, and {version} was asked for; give target_opset={opset}")
        self.container.add_node(op, inputs, [out], name=self.scope.get_unique_operator_name(op), op_version=version, **attributes)
        return out

    def constant(self, array: Any) -> str:
        """Write a constant."""
        name: str = self.scope.get_unique_variable_name("constant")
        flat = [one.encode() for one in array.ravel().tolist()] if array.dtype == object else array.ravel().tolist()
        kind = {"O": self._onnx.TensorProto.STRING, "f": self.double, "i": self._onnx.TensorProto.INT64}[array.dtype.kind]
        self.container.add_initializer(name, kind, list(array.shape), flat)
        return name

    def picked(self, place: int, text: bool) -> str:
        """Return the name of a column of shape (rows, 1), as it was given or as float64."""
        if (place, text) not in self._columns:
            variable, at, width = self._at[place]
            texts = type(variable.type).__name__ == "StringTensorType"
            if texts is not text:
                raise UnsupportedOperation(f"column {place} is used as {'texts' if text else 'numbers'}, and the input {variable.raw_name} holds {'texts' if texts else 'numbers'}")
            name = variable.full_name
            if width > 1:
                name = self.add("Gather", [name, self.constant(np.array([at]))], axis=1)
            elif len(variable.type.shape) != 2:
                name = self.add("Reshape", [name, self.constant(np.array([-1, 1]))])
            self._columns[place, text] = name if text else self.add("Cast", [name], to=self.double)
        return self._columns[place, text]

    def number(self, place: int) -> str:
        """Return the name of a column as float64."""
        return self.picked(place, False)

    def column(self, tree: Node, texts: frozenset[int]) -> str:
        """Write an expression, and return the name of its values, of shape (rows, 1)."""
        made: dict[int, str] = {}
        for node in ordered(tree):
            if type(node) is Number:
                made[id(node)] = self.constant(np.array([[node.value]]))
            elif type(node) is Text:
                made[id(node)] = self.constant(np.array([[node.value]], object))
            elif type(node) is Column:
                made[id(node)] = self.picked(int(node.key), node.key in texts)
            elif type(node) is Apply:
                made[id(node)] = self.applied(node.name, [made[id(arg)] for arg in node.args])
        # an expression of constants alone has one row, whatever the rows are
        if not any(type(node) is Column for node in ordered(tree)):
            return self.add("Expand", [made[id(tree)], self.rows()])
        return made[id(tree)]

    def rows(self) -> str:
        """Return the name of the shape (rows, 1)."""
        if self._rows is None:
            whole = self.add("Shape", [self.operator.inputs[0].full_name])
            count = self.add("Gather", [whole, self.constant(np.array([0]))], axis=0)
            self._rows = self.add("Concat", [count, self.constant(np.array([1]))], axis=0)
        return self._rows

    def applied(self, name: str, args: list[str]) -> str:
        """Write an operation."""
        op = TABLE[name].onnx
        if type(op) is not Op:
            raise UnsupportedOperation(f"ONNX cannot express the function {name.partition(' ')[0]} of an expression; do that step before the model")
        if name == "_number":
            return self.add("Cast", args, to=self.double)
        if op.single:
            return self.add("Cast", [self.add(op.name, [self.add("Cast", args, to=self.float)], op.opset, **dict(op.attributes))], to=self.double)
        if name.startswith("is_in"):
            args = [self.add(op.name, [args[0], one], op.opset) for one in args[1:]]
            return self._chain("Or", args)
        if name in ("and", "or"):
            return self._chain(op.name, args)
        return self.add(op.name, args, op.opset, **dict(op.attributes))

    def _chain(self, op: str, args: list[str]) -> str:
        whole = args[0]
        for one in args[1:]:
            whole = self.add(op, [whole, one])
        return whole
