"""What is a number, a truth or a text in an expression, worked out before anything is evaluated.

Strategy. A column is a text where it is used as one: compared with a text, or given to a function of texts. All other columns are numbers.
Then the tree is written anew with every change of kind as an operation of its own, so that whatever evaluates or translates it has no
rules of kinds to know.

The one rule: a column is of one kind in the whole expression.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast.errors import InvalidExpression
from holdfast.formula.parse import wrong
from holdfast.formula.table import TABLE, kinds_taken
from holdfast.formula.tree import Apply, Column, Node, Number, Text, ordered

_WORDS = {"n": "a number", "t": "a truth", "s": "a text"}


class Resolved(NamedTuple):
    """A tree in which every operation gets exactly the kinds that it takes.

    Attributes:
        tree: the tree; it gives numbers.
        texts: columns that are texts.
    """

    tree: Node
    texts: frozenset[int | str]


def resolve(tree: Node, text: str = "") -> Resolved:
    """Return a tree with its kinds worked out; truths come out as 1.0 and 0.0.

    Args:
        tree: the tree of an expression.
        text: its text, for messages.

    Raises:
        InvalidExpression: a text is used as a number, or a number as a text.

    >>> from holdfast.formula.parse import parse
    >>> sorted(resolve(parse("where(city == 'Aarhus', x0, 0)")).texts)
    ['city']
    """
    result, kind, texts = resolve_any(tree, text)
    if kind == "s":
        raise wrong(text, tree.span, "an expression gives numbers or truths, and this one gives a text", "Texts are there to be compared, as in city == 'Aarhus'.")
    return Resolved(Apply("_number", (result,), tree.span) if kind == "t" else result, texts)


def resolve_any(tree: Node, text: str = "", given: frozenset[int | str] = frozenset()) -> tuple[Node, str, frozenset[int | str]]:
    """Return a tree with its kinds worked out, what it gives, and the columns that are texts.

    Args:
        tree: the tree of an expression.
        text: its text, for messages.
        given: columns that are known to be texts.

    Raises:
        InvalidExpression: as `resolve`.
    """
    nodes = ordered(tree)
    texts = _texts(nodes, given)
    made: dict[int, Node] = {}
    kinds: dict[int, str] = {}
    for node in nodes:
        if type(node) is Apply:
            made[id(node)], kinds[id(node)] = _applied(node, made, kinds, text)
        else:
            made[id(node)] = node
            kinds[id(node)] = "s" if type(node) is Text or (type(node) is Column and node.key in texts) else "n"
    return made[id(tree)], kinds[id(tree)], texts


def _texts(nodes: list[Node], given: frozenset[int | str]) -> frozenset[int | str]:
    """Return the columns that are used as texts.

    What has to be of one kind is put into one group: all uses of a column, and the values that one operation compares or chooses among.
    """
    above: dict[object, object] = {}

    def group(one: object) -> object:
        while one in above:
            if above[one] in above:
                above[one] = above[above[one]]
            one = above[one]
        return one

    def join(one: object, other: object) -> None:
        first, second = group(one), group(other)
        if first != second:
            above[first] = second

    texts: list[object] = [("column", key) for key in given]
    for node in nodes:
        if type(node) is Text:
            texts.append(id(node))
        elif type(node) is Column:
            join(id(node), ("column", node.key))
        elif type(node) is Apply:
            line = TABLE[node.name]
            taken = list(zip(kinds_taken(line.takes, len(node.args)), node.args, strict=True))
            values: list[object] = [*(id(arg) for kind, arg in taken if kind == "v"), *([id(node)] if line.gives == "v" else [])]
            for value in values[1:]:
                join(values[0], value)
            texts += [id(arg) for kind, arg in taken if kind == "s"] + ([id(node)] if line.gives == "s" else [])
    groups = {group(one) for one in texts}
    return frozenset(node.key for node in nodes if type(node) is Column and group(("column", node.key)) in groups)


def _applied(node: Apply, made: dict[int, Node], kinds: dict[int, str], text: str) -> tuple[Node, str]:
    line = TABLE[node.name]
    name = node.name
    taken = kinds_taken(line.takes, len(node.args))
    if "v" in taken:
        value = "s" if any(kind == "v" and kinds[id(arg)] == "s" for kind, arg in zip(taken, node.args, strict=True)) else "n"
        taken = taken.replace("v", value)
        if value == "s":
            name = f"{name} text"
    args = []
    for kind, arg in zip(taken, node.args, strict=True):
        has = kinds[id(arg)]
        if has == kind:
            args.append(made[id(arg)])
        elif "s" in (has, kind):
            raise _unfit(arg, node, kind, has, text)
        else:
            args.append(Apply("_number" if kind == "n" else "_truth", (made[id(arg)],), arg.span))
    return Apply(name, tuple(args), node.span), TABLE[name].gives.replace("v", "n")


def _unfit(arg: Node, node: Apply, wanted: str, has: str, text: str) -> InvalidExpression:
    what = f"the column {arg.key!r} is" if type(arg) is Column else "this is"
    said = " because it is used as one elsewhere in the expression" if type(arg) is Column and has == "s" else ""
    order = "; texts are compared with == and != and is_in" if node.name in ("<", "<=", ">", ">=") else ""
    if type(arg) is Number:
        what = "this is"
    return wrong(text, arg.span, f"{what} {_WORDS[has]}{said}, and {node.name.replace('neg', '-')} takes {_WORDS[wanted]} here{order}")
