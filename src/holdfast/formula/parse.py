"""Text to tree: the grammar of expressions.

Strategy. The characters are looked at first, so that what no expression can hold is refused with a hint of its own. Then Python's own parser
reads the text, which it does not run, and the few nodes of its tree that the language has are converted; any other is refused.

The one rule: a node is converted because it is listed, never because nobody thought of refusing it.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache

from holdfast.errors import InvalidExpression, pointed
from holdfast.formula.table import FUNCTIONS, HIDDEN, TABLE, arity
from holdfast.formula.tree import Apply, Column, Node, Number, Span, Text
from holdfast.values import limits

_TOKENS = re.compile(
    r"""\s+ | (?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)? | \w+ | "(?:[^"\\\r\n]|\\[^\r\n])*" | '(?:[^'\\\r\n]|\\[^\r\n])*'
    | \*\* | // | <= | >= | == | != | [-+*/%()<>,&|~]""",
    re.VERBOSE,
)
_HINTS = {
    ".": "there are no attributes: a function is called by its name alone, as in log(x0)",
    "[": 'columns are x0, x1, ... by place, names, or col("any name")',
    "=": "two values are compared with ==",
    "!": "the opposite of == is !=, and of a truth it is not",
    "^": "the power is **",
    "#": "an expression holds no comment",
    ":": "there are no definitions: name a part of it in a step before",
    '"': "a text ends with the sign that it began with, on the same line",
    "'": "a text ends with the sign that it began with, on the same line",
}
_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.BitAnd: "and", ast.BitOr: "or",
}  # fmt: skip
_COMPARE: dict[type[ast.AST], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_TRUTHS = frozenset({"<", "<=", ">", ">=", "==", "!=", "and", "or", "not", "isnan", "is_in"})
_PLACE = re.compile(r"x(0|[1-9][0-9]{0,8})")
_ALLOWED = "Allowed are numbers, texts, columns, + - * / // % **, comparisons, and or not, and the functions " + ", ".join(FUNCTIONS) + "."


def wrong(text: str, span: Span, why: str, more: str = "") -> InvalidExpression:
    """Return the error for a part of a text, with the part underlined.

    >>> print(wrong("x0 + y(1)", (5, 6), "there is no function 'y'"))
    there is no function 'y':
        x0 + y(1)
             ^
    """
    return InvalidExpression(pointed(text, *span, why, more), text=text, place=span[0])


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Args:
        text: at most ``limits.EXPRESSION_CHARACTERS`` characters.

    Raises:
        InvalidExpression: it is not one; shows where and says what is allowed.

    >>> parse("x0 / 2")
    Apply(name='/', args=(Column(key=0), Number(value=2.0)))
    """
    if type(text) is not str:
        raise InvalidExpression(f"an expression is a text, and not {type(text).__name__}: {'x0 / x1'!r}")
    if len(text) > limits.EXPRESSION_CHARACTERS:
        raise InvalidExpression(f"the expression has {len(text)} characters; {limits.EXPRESSION_CHARACTERS} are allowed. Make several of it, in two steps.")
    return _parse(text, False)


def parse_form(text: str) -> Node:
    """Return the tree of a form in the table, which may use names that users may not."""
    return _parse(text, True)


@lru_cache(maxsize=1024)
def _parse(text: str, form: bool) -> Node:
    plain = _checked(text)
    shift = len(text) - len(plain)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes and of "1or 2", which are read as Python reads them
            made = ast.parse(plain, mode="eval").body
    except SyntaxError as error:
        raise wrong(text, _where(error, len(text), shift), f"this is not an expression ({error.msg.partition(':')[0]})", _ALLOWED) from None
    except (RecursionError, MemoryError, ValueError, OverflowError):
        raise wrong(text, (0, 1), f"the expression cannot be read: it nests deeper than {limits.EXPRESSION_DEPTH}, or holds a number that is too long") from None
    return _Reader(text, plain, shift, form).node(made, 1)


def _where(error: SyntaxError, length: int, shift: int) -> Span:
    """Return where Python's parser stopped: it says nothing, or another line, when something is missing at the end."""
    place = length if not error.offset or error.lineno != 1 else min(length, shift + error.offset - 1)
    return place, place + 1


def _checked(text: str) -> str:
    """Return the text on one line and without what comes before it, once all its characters may stand in an expression."""
    end = 0
    parts = []
    while (token := _TOKENS.match(text, end)) is not None:
        end = token.end()
        parts.append(" " * len(token[0]) if token[0].isspace() else token[0])
    if end < len(text):
        why = f"{text[end]!r} is not part of an expression"
        raise wrong(text, (end, end + 1), f"{why}: {_HINTS[text[end]]}" if text[end] in _HINTS else why, _ALLOWED)
    plain = "".join(parts).lstrip(" ")
    if not plain:
        raise wrong(text, (0, 1), "the expression is empty", _ALLOWED)
    return plain


class _Reader:
    """Converts the nodes of Python's tree.

    Attributes:
        text: what the user wrote.
        line: the same without leading spaces, in UTF-8, as Python counts it.
        shift: how many spaces led.
        form: it is one of the table's own forms.
        count: nodes so far.
    """

    def __init__(self, text: str, plain: str, shift: int, form: bool) -> None:
        self.text = text
        self.line = None if plain.isascii() else plain.encode("utf-8", "surrogatepass")
        self.shift = shift
        self.form = form
        self.count = 0

    def span(self, node: ast.expr) -> Span:
        """Return where a node stands in the text."""
        return self._place(node.col_offset), self._place(node.end_col_offset or node.col_offset + 1)

    def _place(self, offset: int) -> int:
        if self.line is not None:
            offset = len(self.line[:offset].decode("utf-8", "surrogatepass"))
        return offset + self.shift

    def refuse(self, node: ast.expr, why: str, more: str = _ALLOWED) -> InvalidExpression:
        """Return the error for a node."""
        return wrong(self.text, self.span(node), why, more)

    def node(self, node: ast.expr, depth: int) -> Node:
        """Return our node for one of Python's, by the type of which it is converted."""
        self.count += 1
        if depth > limits.EXPRESSION_DEPTH:
            raise self.refuse(node, f"the expression nests deeper than {limits.EXPRESSION_DEPTH}", "Make several of it, in two steps.")
        if self.count > limits.EXPRESSION_NODES:
            raise self.refuse(node, f"the expression has more than {limits.EXPRESSION_NODES} parts", "Make several of it, in two steps.")
        kind = type(node)
        if kind is ast.Constant:
            return self._constant(node)
        if kind is ast.Name:
            return self._name(node)
        if kind is ast.Call:
            name, held = self._call(node)
            if name == "col":
                return self._named(node, held)
        else:
            name, held = self._operation(node)
        args = tuple(self.node(arg, depth + 1) for arg in held)
        if (kind is ast.BinOp and name in ("and", "or")) or (kind is ast.UnaryOp and type(node.op) is ast.Invert):  # type: ignore[attr-defined]
            for arg, made in zip(held, args, strict=True):
                if type(made) is not Apply or made.name not in _TRUTHS:
                    raise self.refuse(arg, "& | ~ are for truths, and bind closer than comparisons; put each comparison in parentheses, or write and, or, not", "")
        if kind is ast.UnaryOp and name == "+":
            return args[0]
        return Apply(name, args, self.span(node))

    def _constant(self, node: ast.expr) -> Node:
        value = node.value  # type: ignore[attr-defined]
        if type(value) is str:
            try:
                value.encode()
            except UnicodeEncodeError:
                raise self.refuse(node, "the text holds half a character, which no file can", "") from None
            return Text(value, self.span(node))
        if type(value) not in (int, float):
            raise self.refuse(node, f"a constant of type {type(value).__name__} is not part of an expression")
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if number == float("inf"):
            raise self.refuse(node, "the number is too large; the largest is 1.7976931348623157e308", "")
        return Number(number, self.span(node))

    def _name(self, node: ast.expr) -> Node:
        name: str = node.id  # type: ignore[attr-defined]
        place = _PLACE.fullmatch(name)
        if place is not None:
            return Column(int(place[1]), self.span(node))
        if name in FUNCTIONS or name == "col":
            raise self.refuse(node, f"{name} is a function; a column of that name is col({name!r})")
        return Column(name, self.span(node))

    def _named(self, node: ast.expr, held: list[ast.expr]) -> Node:
        if len(held) != 1 or type(held[0]) is not ast.Constant or type(held[0].value) is not str:
            raise self.refuse(node, 'col takes the name of a column as a constant text, as in col("monthly income")', "")
        made = self._constant(held[0])
        assert type(made) is Text
        return Column(made.value, self.span(node))

    def _call(self, node: ast.expr) -> tuple[str, list[ast.expr]]:
        call = node
        assert type(call) is ast.Call
        if type(call.func) is not ast.Name:
            raise self.refuse(call.func, "only functions of the table are called, by their names")
        name = call.func.id
        if name != "col" and name not in FUNCTIONS and not (self.form and name in HIDDEN):
            raise self.refuse(call.func, f"there is no function {name!r}")
        if call.keywords:
            raise self.refuse(call.keywords[0].value, f"{name} takes no arguments by name; give them in order", "")
        if name != "col":
            fewest, most = arity(TABLE[name].takes)
            if len(call.args) < fewest or (most is not None and len(call.args) > most):
                wanted = f"{fewest}{' or more' if most is None else ''}"
                raise self.refuse(call, f"{name} takes {wanted} argument{'s' * (wanted != '1')}, and got {len(call.args)}", "")
        return name, call.args

    def _operation(self, node: ast.expr) -> tuple[str, list[ast.expr]]:
        if type(node) is ast.BinOp and type(node.op) in _BINARY:
            return _BINARY[type(node.op)], [node.left, node.right]
        if type(node) is ast.UnaryOp:
            # the operators of one operand are four, and the language has them all
            return {ast.USub: "neg", ast.UAdd: "+", ast.Not: "not", ast.Invert: "not"}[type(node.op)], [node.operand]
        if type(node) is ast.BoolOp:
            return {ast.And: "and", ast.Or: "or"}[type(node.op)], node.values
        if type(node) is ast.Compare:
            if len(node.ops) > 1:
                raise self.refuse(node, "comparisons are not chained; write a < b and b < c", "")
            if type(node.ops[0]) in _COMPARE:
                return _COMPARE[type(node.ops[0])], [node.left, node.comparators[0]]
            raise self.refuse(node, "in and is are not part of an expression; is_in(x, 1, 2, 3) says whether a value is among others")
        if type(node) is ast.IfExp:
            raise self.refuse(node, "a choice is written where(condition, a, b)")
        kind = type(node.op) if type(node) is ast.BinOp else type(node)
        raise self.refuse(node, f"this is not part of an expression ({kind.__name__})")
