"""Tree to text: one text for one tree.

The one rule: read again, the text gives the same tree.
"""

from __future__ import annotations

import keyword
import re
import unicodedata

from holdfast.formula.table import FUNCTIONS, OPERATORS
from holdfast.formula.tree import Column, Node, Number, Text, fold

_LEVELS = ({"or": 1, "and": 2, "not": 3} | dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), 4) | dict.fromkeys("+-", 5) | dict.fromkeys(("*", "/", "//", "%"), 6)
           | {"neg": 7, "**": 8})  # fmt: skip
_WHOLE = 10
"""How closely operators bind; what needs no parentheses anywhere."""


def write(tree: Node) -> str:
    """Return the text of a tree.

    >>> from holdfast.formula.parse import parse
    >>> write(parse("(x0+x1) *-2"))
    '(x0 + x1) * -2'
    """
    return fold(tree, _one)[0]


def _one(node: Node, args: list[tuple[str, int]]) -> tuple[str, int]:
    if type(node) is Number:
        return number_text(node.value), _WHOLE
    if type(node) is Text:
        return repr(node.value), _WHOLE
    if type(node) is Column:
        return column_text(node.key), _WHOLE
    name = node.name  # type: ignore[union-attr]
    if name not in OPERATORS:
        return f"{name}({', '.join(text for text, _ in args)})", _WHOLE
    level = _LEVELS[name]
    if name in ("and", "or"):
        return f" {name} ".join(_in(arg, level + 1) for arg in args), level
    if name == "not":
        return f"not {_in(args[0], level)}", level
    if name == "neg":
        return f"-{_in(args[0], level)}", level
    left, right = args
    if name == "**":  # binds to the right, and its exponent may begin with a minus
        return f"{_in(left, level + 1)} ** {_in(right, level - 1)}", level
    # comparisons are not chained
    return f"{_in(left, level + (level == 4))} {name} {_in(right, level + 1)}", level


def _in(arg: tuple[str, int], least: int) -> str:
    return arg[0] if arg[1] >= least else f"({arg[0]})"


def number_text(value: float) -> str:
    """Return a number in its shortest form.

    >>> number_text(2.0), number_text(0.1), number_text(1e300)
    ('2', '0.1', '1e+300')
    """
    return str(int(value)) if value < 1e15 and value == int(value) else repr(value)


def column_text(key: int | str) -> str:
    """Return how a column is named in a text.

    >>> column_text(3), column_text("age"), column_text("monthly income")
    ('x3', 'age', "col('monthly income')")
    """
    if type(key) is int:
        return f"x{key}"
    name = str(key)
    plain = name.isidentifier() and unicodedata.normalize("NFKC", name) == name and not keyword.iskeyword(name)
    taken = name in FUNCTIONS or name == "col" or re.fullmatch(r"x(0|[1-9][0-9]{0,8})", name)
    return name if plain and not taken else f"col({name!r})"
