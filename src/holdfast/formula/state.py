"""What a transformer of expressions is: texts, names, and the columns that it saw. Checked here, wherever it comes from.

The one rule: plain values in, trees out; scikit-learn is not needed to look at a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from holdfast.errors import InvalidExpression, quoted
from holdfast.formula.columns import place_of, places
from holdfast.formula.kinds import Resolved, resolve
from holdfast.formula.parse import parse
from holdfast.formula.tree import Column, columns_of
from holdfast.values import limits


class Output(NamedTuple):
    """One output of a transformer that was fitted.

    Attributes:
        name: the name of its column.
        text: its text.
        resolved: its tree, with the kinds of everything.
        places: key of a column in the tree -> its place among the inputs.
    """

    name: str
    text: str
    resolved: Resolved
    places: dict[int | str, int]


@lru_cache(maxsize=1024)
def read(text: str) -> tuple[Resolved, tuple[Column, ...]]:
    """Return the tree of a text with the kinds of everything, and its columns.

    Raises:
        InvalidExpression: it is not an expression.
    """
    tree = parse(text)
    return resolve(tree, text), tuple(columns_of(tree))


def checked_texts(expressions: Any) -> tuple[str, ...]:
    """Return the texts of a transformer, once all of them are expressions.

    Args:
        expressions: a text, or a list or a tuple of texts.

    Raises:
        InvalidExpression: one of them is not; or there are none, or too many.
    """
    texts = (expressions,) if type(expressions) is str else tuple(expressions) if type(expressions) in (list, tuple) else ()
    if not texts:
        raise InvalidExpression("give at least one expression, as in expression('x0 / x1')")
    if len(texts) > limits.EXPRESSIONS:
        raise InvalidExpression(f"there are {len(texts)} expressions; {limits.EXPRESSIONS} are allowed in one transformer")
    for text in texts:
        if type(text) is not str:
            raise InvalidExpression(f"an expression is a text, and not {type(text).__name__}; write one as in 'x0 / x1'")
        read(text)
    return texts


def checked_names(names: Any, texts: Sequence[str]) -> list[str]:
    """Return the names of the outputs: those that were given, or the texts themselves.

    Args:
        names: None, a text for a single output, or a list or a tuple of texts.
        texts: the expressions.

    Raises:
        InvalidExpression: there are not as many names as outputs, or two are the same.
    """
    if names is None:
        made, doubled = [text.strip() for text in texts], "two expressions are the same text; give names="
    else:
        made, doubled = [names] if type(names) is str else list(names) if type(names) in (list, tuple) else [], "two outputs have the same name"
    if len(made) != len(texts) or not all(type(name) is str for name in made):
        raise InvalidExpression(f"names= has to hold one text for each of the {len(texts)} expressions, and holds {len(made)}")
    if len(set(made)) != len(made):
        raise InvalidExpression(doubled)
    return made


def outputs_of(expressions: Any, names: Any, width: int, inputs: Sequence[str] | None) -> list[Output]:
    """Return the outputs of a transformer that was fitted.

    Args:
        expressions: its texts.
        names: names of the outputs, or None.
        width: how many columns it saw.
        inputs: their names, or None.

    Raises:
        InvalidExpression: a text is not an expression, or names a column that is not there.
    """
    texts = checked_texts(expressions)
    known = places(inputs)
    made = []
    for name, text in zip(checked_names(names, texts), texts, strict=True):
        resolved, columns = read(text)
        made.append(Output(name, text, resolved, {one.key: place_of(one, text, known, width) for one in columns}))
    return made


def check_state(expressions: Any, names: Any, keep: Any, width: int | None, inputs: Sequence[str] | None) -> None:
    """Look at all that a transformer is; its width is None before it was fitted.

    Raises:
        InvalidExpression: it cannot be one.
    """
    if type(keep) is not bool:
        raise InvalidExpression(f"keep={quoted(keep)!r} is neither True nor False")
    outputs = checked_names(names, checked_texts(expressions))
    if width is not None:
        outputs_of(expressions, names, width, inputs)
        held = list(inputs or (f"x{place}" for place in range(min(width, limits.EXPRESSION_CHARACTERS)))) if keep else []
        shared = set(held).intersection(outputs)
        if shared:
            raise InvalidExpression(f"an output has the name of an input that is kept, {quoted(min(shared))!r}; give names=")
