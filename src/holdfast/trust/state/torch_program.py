"""Exported programs of PyTorch, before PyTorch reads them: a graph of operators as JSON, and text that PyTorch evaluates.

PyTorch turns the graph into Python source, its symbols into expressions that are evaluated, and its operators into whatever
attribute of ``torch`` they name. So no text of a program is taken on trust: names are plain, expressions are arithmetic over
symbols, operators are on a list, and every other text is free of what could end a quotation.

And still the kernels of some operators believe the tensors that they are given, which nobody but PyTorch can look at. So a program is
loaded only by a caller who trusts it by name; what is here keeps a program from being more than a program.

The one rule: what is not known here is refused, even where PyTorch would take it.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
from collections.abc import Container
from math import prod
from typing import Any, NoReturn

from holdfast.trust.state.fields import refuse

BYTES = 64 * 2**20
"""Longest program. A large transformer has some megabytes."""
DEEPEST = 60
LAYERS = 10_000
TERMS = 1000
"""Most terms of an expression of sizes when it is multiplied out."""
EXPRESSION = 2000
"""Longest expression; those of real programs have some dozens of characters."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")
_PATH = re.compile(r"[A-Za-z0-9_.]{0,400}")
_KEY = re.compile(r"[A-Za-z0-9_ .-]{1,200}")
_TEXT = re.compile(r"[A-Za-z0-9_.,:;@$<>\[\] /+*-]{0,400}")
_MODULES = re.compile(r"[A-Za-z0-9_.,:;@$<>\[\] '-]{0,20000}")
_ARGUMENTS = {
    "num_layers": {"as_int"}, "dtype": {"as_scalar_type", "as_none"}, "layout": {"as_layout", "as_none"}, "device": {"as_device", "as_none"},
    "memory_format": {"as_memory_format", "as_none"},
}  # fmt: skip
"""Arguments that kernels take for what they say -> the ways in which they may be given."""
_OVERLOAD = re.compile(r"(?!out|data$|names|dimname|float$|str$|bool$|complex$)(?!.*(_out|_names|_dimname)$)[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
"""Overloads, but those that write into an argument, and the scalar ones of TorchScript."""
_SYMBOL = re.compile(r"[a-z]{1,6}[0-9]{1,4}")

_PYTHON = {
    f"_operator.{name}"
    for name in ("add", "and_", "eq", "floordiv", "ge", "getitem", "gt", "le", "lt", "mod", "mul", "ne", "neg", "not_", "or_", "sub", "truediv")
} | {
    *(f"math.{name}" for name in ("ceil", "floor", "trunc")),
    *(f"torch.sym_{name}" for name in ("float", "int", "max", "min", "not", "ite")),
    *(f"torch.ops.higher_order.{name}" for name in ("cond", "map_impl", "while_loop", "wrap_with_set_grad_enabled")),
}
"""Targets beside the operators of the list: arithmetic on sizes, and control flow over graphs of the same program."""

_FUNCTIONS = {
    "Abs", "Add", "And", "CeilDiv", "CeilToInt", "CleanDiv", "Equality", "FloatTrueDiv", "FloorDiv", "FloorToInt", "GreaterThan", "Identity", "IntTrueDiv", "LessThan",
    "Max", "Min", "Mod", "ModularIndexing", "Mul", "Not", "Or", "PythonMod", "RoundToInt", "StrictGreaterThan", "StrictLessThan", "ToFloat", "TruncToFloat",
    "TruncToInt", "Unequality", "Where",
}  # fmt: skip
"""Functions of expressions over sizes, as SymPy writes them out."""

_FACTS = {"integer", "positive", "nonnegative", "negative", "real", "finite", "zero"}
_FLOAT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?")
_CONTAINERS = {"builtins.tuple": None, "builtins.list": None, "builtins.dict": list, "collections.OrderedDict": list}
"""Containers of inputs and outputs -> what their context is: nothing, or the list of keys."""


def check_program(text: Any, operators: Container[str], where: str) -> dict[str, Any]:
    """Check an exported program, and return it read.

    Args:
        text: the program as JSON, as ``torch.export`` serialises it.
        operators: names of the operators that may occur, such as ``aten.linear``.
        where: what a refusal names.

    Raises:
        InvalidState: names the place in the program.
    """
    if type(text) is not str or len(text) > BYTES:
        refuse(where, f"a program is not a text of at most {BYTES} characters")
    try:
        program = json.loads(text, parse_constant=lambda name: refuse(where, f"it holds the number {name}"))
    except (ValueError, RecursionError):
        refuse(where, "a program is not JSON")
    if type(program) is not dict or program.get("guards_code"):
        refuse(where, "a program holds code of guards")
    _Check(operators, where).any(program, "", "program", 0)
    return program


def _whole(node: ast.expr) -> int | None:
    """Return the whole number of 64 bits that a term is, or None."""
    sign, inner = (-1, node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else (1, node)
    value = inner.value if isinstance(inner, ast.Constant) else None
    return sign * value if type(value) is int and value < 2**63 else None


class _Check:
    def __init__(self, operators: Container[str], where: str) -> None:
        self.operators, self.where = operators, where

    def refuse(self, place: str, what: str) -> NoReturn:
        refuse(self.where, f"{place.lstrip('.')[:200]} {what}")

    def any(self, value: Any, key: str, place: str, depth: int) -> None:
        """Check a value below a key, and everything in it."""
        if depth > DEEPEST:
            self.refuse(place, "is nested too deep")
        if type(value) is dict:
            self.names_of(value, key, place)
            for name, one in value.items():
                self.any(one, key if key == "metadata" else name, f"{place}.{name}", depth + 1)
            if key == "module_call_graph" and value.get("fqn") == "":
                self.arguments(value.get("signature"), place)
        elif type(value) is list:
            for number, one in enumerate(value):
                self.any(one, key, f"{place}[{number}]", depth + 1)
        elif type(value) is str:
            self.text(value, key, place)
        elif type(value) is int and not -(2**63) <= value < 2**63:
            self.refuse(place, "is a number beyond 64 bits")

    def names_of(self, value: dict[str, Any], key: str, place: str) -> None:
        """Check the keys of a map."""
        if key == "metadata" and not set(value) <= {"nn_module_stack"}:
            self.refuse(place, "holds more than the modules that an operator is from")
        if key in ("custom_obj", "custom_obj_values", "as_custom_obj", "treespec_namedtuple_fields") and value:
            self.refuse(place, "holds objects of code that is not in the program")
        for name in value:
            if not _PATH.fullmatch(name) or "__" in name.strip("_") or (key == "range_constraints" and not _SYMBOL.fullmatch(name)):
                self.refuse(place, "has a key that is no plain name")
        wanted = _ARGUMENTS.get(str(value.get("name"))) if "arg" in value else None
        if wanted is not None and (type(value["arg"]) is not dict or not set(value["arg"]) <= wanted):
            self.refuse(place, f"is not a {value['name']}")
        if wanted == {"as_int"} and value["arg"].get("as_int") not in range(1, LAYERS + 1):
            self.refuse(place, "is a number of layers that no layer has")

    def arguments(self, signature: Any, place: str) -> None:
        """Check that the arguments of the whole program are as many plain names as its inputs, those given by name at their end."""
        names = signature.get("forward_arg_names") if type(signature) is dict else None
        try:
            positional, keywords = json.loads(signature["in_spec"])[1]["children_spec"]
            given = json.loads(keywords["context"]) if type(keywords["context"]) is str else keywords["context"]
            count = len(positional["children_spec"])
        except (ValueError, TypeError, KeyError, RecursionError):
            self.refuse(place, "does not say how values are nested")
        if type(names) is not list or type(given) is not list or len(set(map(str, names))) != len(names) or names[count:] != given or len(names) != count + len(given):
            self.refuse(place, "has other names of arguments than inputs")

    def text(self, value: str, key: str, place: str) -> None:
        """Check a text by the key that it stands under."""
        check = {
            "target": self.target, "as_operator": self.target, "expr_str": self.expression, "in_spec": self.inputs, "out_spec": self.containers,
            "name": self.name, "as_name": self.name, "forward_arg_names": self.name, "metadata": self.modules, "fqn": self.path, "class_fqn": self.path,
        }.get(key)  # fmt: skip
        if check is not None:
            check(value, place)
        elif key.endswith("_name"):
            self.path(value, place)
        elif not _TEXT.fullmatch(value):
            self.refuse(place, "is a text with other characters than programs have")

    def name(self, value: str, place: str) -> None:
        if value and (not _NAME.fullmatch(value) or keyword.iskeyword(value) or "__" in value.strip("_")):
            self.refuse(place, "is no plain name")

    def path(self, value: str, place: str) -> None:
        if not _PATH.fullmatch(value) or "__" in value:
            self.refuse(place, "is no plain path of names")

    def modules(self, value: str, place: str) -> None:
        if not _MODULES.fullmatch(value):
            self.refuse(place, "does not name modules")

    def target(self, value: str, place: str) -> None:
        operator = ".".join(value.split(".")[2:4])
        if value in _PYTHON or (value.startswith("torch.ops.") and value.count(".") == 4 and _OVERLOAD.fullmatch(value.rpartition(".")[2]) and operator in self.operators):
            return
        shown = value[:80] if _TEXT.fullmatch(value[:80]) else "one that is no name"
        self.refuse(place, f"is the operator {shown}, which is not on the list of those that programs may use")

    def expression(self, value: str, place: str) -> None:
        try:
            if len(value) > EXPRESSION:
                raise ValueError
            tree = ast.parse(value, mode="eval")
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            self.refuse(place, "is no expression of sizes")
        if self.term(tree.body, place, 0) > TERMS:
            self.refuse(place, f"has more than {TERMS} terms when it is multiplied out")

    def term(self, node: ast.expr, place: str, depth: int) -> int:
        """Check one term of an expression, as SymPy writes it out: calls of known names, all the way down.

        Returns:
            How many terms it has when it is multiplied out, as SymPy may do.
        """
        match node:
            case _ if depth > DEEPEST:
                pass
            case ast.Name(id="true" | "false"):
                return 1
            case ast.Call(func=ast.Name(id="Symbol"), args=[ast.Constant(value=str(name))], keywords=facts) if _SYMBOL.fullmatch(name):
                if all(fact.arg in _FACTS and isinstance(fact.value, ast.Constant) and type(fact.value.value) is bool for fact in facts):
                    return 1
            case ast.Call(func=ast.Name(id="Integer"), args=[one], keywords=[]) if _whole(one) is not None:
                return 1
            case ast.Call(func=ast.Name(id="Rational"), args=[one, other], keywords=[]) if _whole(one) is not None and _whole(other):
                return 1
            case ast.Call(func=ast.Name(id="Float"), args=[ast.Constant(value=str(text))], keywords=[ast.keyword(arg="precision", value=ast.Constant(value=53))]) if _FLOAT.fullmatch(text):
                return 1
            case ast.Call(func=ast.Name(id="Pow"), args=[base, ast.Call(func=ast.Name(id="Integer"), args=[power], keywords=[])], keywords=[]):
                # a tower of powers would not end, and a power of a sum is long when it is multiplied out
                if not isinstance(base, ast.Call) or not isinstance(base.func, ast.Name) or base.func.id != "Symbol" or abs(_whole(power) or 99) > 8:
                    self.refuse(place, "has a power that no size has")
                return self.term(base, place, depth + 1)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                counts = [self.term(one, place, depth + 1) for one in args]
                return min(prod(counts) if name == "Mul" else sum(counts), 2 * TERMS)
            case _:
                pass
        return self.refuse(place, "is no arithmetic over sizes")

    def inputs(self, value: str, place: str) -> None:
        """Check how inputs are nested; their keys become names of arguments."""
        self.containers(value, place, _NAME)

    def containers(self, value: str, place: str, keys: re.Pattern[str] = _KEY) -> None:
        """Check how inputs or outputs are nested."""
        try:
            protocol, spec = json.loads(value)
        except (ValueError, TypeError, RecursionError):
            self.refuse(place, "does not say how values are nested")
        if protocol != 1:
            self.refuse(place, f"is of protocol {str(protocol)[:20]}")
        self.container(spec, place, keys, 0)

    def container(self, spec: Any, place: str, plain: re.Pattern[str], depth: int) -> None:
        if type(spec) is not dict or set(spec) != {"type", "context", "children_spec"} or type(spec["children_spec"]) is not list or depth > DEEPEST:
            self.refuse(place, "does not say how values are nested")
        kind, context, children = spec["type"], spec["context"], spec["children_spec"]
        if kind is None:
            if context is not None or children:
                self.refuse(place, "has a single value that holds others")
            return
        if kind not in _CONTAINERS:
            self.refuse(place, f"is nested in a {str(kind)[:60] if _PATH.fullmatch(str(kind)) else 'container'} that is neither a list, a tuple nor a dict")
        keys = self.context(context, place)
        expected = _CONTAINERS[kind]
        if expected is None and keys is not None:
            self.refuse(place, "has keys where there are none")
        if expected is list and (
            type(keys) is not list
            or len(keys) != len(children)
            or not all(type(key) is int or (type(key) is str and plain.fullmatch(key) and "__" not in key and not keyword.iskeyword(key)) for key in keys)
        ):
            self.refuse(place, "has keys that are no plain names")
        for child in children:
            self.container(child, place, plain, depth + 1)

    def context(self, context: Any, place: str) -> Any:
        if type(context) is not str:
            return context
        try:
            return json.loads(context)
        except (ValueError, RecursionError):
            self.refuse(place, "has keys that are not JSON")
