"""Expressions in PMML, through sklearn2pmml.

Strategy. PMML has no NaN: a value is there or it is missing, and an operation whose result would be NaN ends the evaluation unless it is told
to make its field missing, which only a field of one operation can be. So an expression becomes a row of fields, one an operation, each of
which sees the fields before it; and missing stands for NaN, with the truths that NaN has here written out.

The one rule: an operation whose answer would differ is refused, and not approximated.
"""

from __future__ import annotations

import copy
import importlib
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from holdfast.errors import LibraryMissing, UnsupportedOperation
from holdfast.formula.expand import expanded, placed
from holdfast.formula.table import TABLE, Function, Step
from holdfast.formula.tree import Apply, Column, Number, Text, ordered

DEPTH = 45
"""Fields that may be made of one another: sklearn2pmml's converter follows 50, and other steps have theirs."""

_MOST = repr(float(np.finfo(np.float64).max))


def for_pmml(pipeline: Any) -> Any:
    """Return a copy of a fitted pipeline in which sklearn2pmml understands every `holdfast.expression`.

    Args:
        pipeline: a fitted estimator: a pipeline, a union, columns, or what holds such. It stays as it is.

    Raises:
        UnsupportedOperation: PMML cannot express a function; names it.
        LibraryMissing: sklearn2pmml is not installed.
    """
    from holdfast.formula.transformer import Expression

    memo: dict[int, Any] = {}
    for number, one in enumerate(_found(pipeline, Expression)):
        # what a column transformer was given, and has not fitted, is not looked at by anybody
        memo[id(one)] = translated(one, f"expression{number}") if hasattr(one, "n_features_in_") else "passthrough"
    return copy.deepcopy(pipeline, memo)


def _found(model: Any, kind: type) -> list[Any]:
    """Return all objects of a class in a model."""
    found, seen, waiting = [], set(), [model]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, kind):
            found.append(one)
        elif isinstance(one, (list, tuple)):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif hasattr(one, "__dict__") and not isinstance(one, (type, ModuleType, FunctionType)):
            waiting.extend(vars(one).values())
    return found


def translated(expression: Any, name: str = "expression") -> Any:
    """Return a fitted pipeline of sklearn2pmml's transformers that answers as an expression that was fitted.

    Args:
        expression: the transformer.
        name: how the names of its fields begin, which no other fields of the same document may.

    Raises:
        UnsupportedOperation: PMML cannot express a function; names it.
        LibraryMissing: sklearn2pmml is not installed.
    """
    try:
        importlib.import_module("sklearn2pmml")
    except ImportError as error:
        raise LibraryMissing(f"export to PMML needs sklearn2pmml ({error}); run: pip install sklearn2pmml") from None
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import FeatureUnion, Pipeline

    fields = _Fields(expression.n_features_in_, name)
    texts: set[int] = set()
    outputs = list(range(expression.n_features_in_)) if expression.keep else []
    for output in expression.outputs():
        texts |= {output.places[key] for key in output.resolved.texts}
        outputs.append(fields.of(expanded(placed(output.resolved.tree, output.places), _form)))
    steps = [(f"field{number}", FeatureUnion([("before", "passthrough"), ("field", step)])) for number, step in enumerate(fields.steps)]
    # a pipeline of sklearn2pmml does not begin with what passes its inputs through, since nothing says what they are
    steps.insert(0, ("inputs", FeatureUnion([(f"input{place}", fields.given(place, place in texts)) for place in range(expression.n_features_in_)])))
    # no rows are needed to fit it, and none are there
    chosen = ColumnTransformer([("outputs", "passthrough", outputs)]).fit(np.zeros((1, fields.width)))
    return Pipeline([*steps, ("outputs", chosen)])


def _form(line: Function) -> Any:
    return line.pmml


class _Fields:
    """The fields of an expression, in order.

    Attributes:
        steps: transformers, each of which makes one field of those before.
        width: how many fields there are, the inputs first.
    """

    def __init__(self, inputs: int, name: str) -> None:
        self._transformer = importlib.import_module("sklearn2pmml.preprocessing").ExpressionTransformer
        self._alias = importlib.import_module("sklearn2pmml.decoration").Alias
        self._name = name
        self._known: dict[str, str] = {}
        self._depths: dict[str, int] = {}
        self.steps: list[Any] = []
        self.width = inputs

    def of(self, tree: Any) -> int:
        """Return the place of the field that an expression is."""
        made: dict[int, str] = {}
        for node in ordered(tree):
            if type(node) is Number or type(node) is Text:
                made[id(node)] = repr(node.value)
            elif type(node) is Column:
                made[id(node)] = f"X[{node.key}]"
            elif type(node) is Apply:
                made[id(node)] = self.applied(node.name, [made[id(arg)] for arg in node.args])
        last = made[id(tree)]
        if not last.startswith("X["):
            last = self.field(last, [])  # a constant
        return int(last[2:-1])

    def applied(self, name: str, args: list[str]) -> str:
        """Make the field of an operation, and return how it is named."""
        step = TABLE[name].pmml
        if type(step) is not Step:
            raise UnsupportedOperation(f"PMML cannot express the function {name.partition(' ')[0]} of an expression; do that step before the model")
        if name.startswith("is_in"):
            return self.chained("or", [self.written(step, [args[0], one]) for one in args[1:]])
        if name in ("and", "or"):
            return self.chained(name, args)
        return self.written(step, args)

    def chained(self, name: str, args: list[str]) -> str:
        """Make the fields of an operation of many truths."""
        whole = args[0]
        for one in args[1:]:
            step = TABLE[name].pmml
            assert type(step) is Step
            whole = self.written(step, [whole, one])
        return whole

    def written(self, step: Step, args: list[str]) -> str:
        """Make one field."""
        text = step.text.format(*args, most=_MOST)
        if step.missing:
            for arg in dict.fromkeys(arg for arg in args if arg.startswith("X[")):
                text = f"{step.missing} if pandas.isnull({arg}) else ({text})"
        return self.field(text, args, step.invalid)

    def given(self, place: int, text: bool) -> Any:
        """Return what takes an input as it is; one that is a text has to be said to be one."""
        taken = self._transformer(f"X[{place}]")
        if not text:
            return taken
        from sklearn.pipeline import Pipeline

        domain = importlib.import_module("sklearn2pmml.decoration").CategoricalDomain
        told = domain(with_data=False, with_statistics=False, invalid_value_treatment="as_is", missing_value_treatment="as_is", dtype="str")
        return Pipeline([("taken", taken), ("text", told.fit(np.array([["text"]], object)))])

    def field(self, text: str, args: list[str], invalid: bool = False) -> str:
        """Return how the field of a text is named, once it is there; they are named anew, since by default fields of the same text have one name."""
        if text not in self._known:
            depth = self._depths[f"X[{self.width}]"] = 1 + max((self._depths.get(one, 0) for one in args), default=0)
            if depth > DEPTH:
                raise UnsupportedOperation(f"PMML cannot express this: more than {DEPTH} operations are inside one another; make the expression flatter")
            made = self._transformer(text, invalid_value_treatment="as_missing" if invalid else None)
            self.steps.append(self._alias(made, f"{self._name}.{len(self.steps)}").fit(np.zeros((1, self.width))))
            self._known[text] = f"X[{self.width}]"
            self.width += 1
        return self._known[text]
