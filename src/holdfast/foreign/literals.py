"""Literals of Python as the header of a .npy file has them: a dict of texts, numbers, truth, lists and tuples.

The one rule: no compiler sees the text of a stranger, not even one that only makes a syntax tree.
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r"\s*(?:([bu]?'[^'\\\n]*'|[bu]?\"[^\"\\\n]*\")|(-?\d{1,20}L?)|(True|False|None)|([][(){},:]))")
_WORDS = {"True": True, "False": False, "None": None}
_DEPTH = 20


def literal(text: str) -> Any:
    """Return the value of a literal.

    Raises:
        ValueError: it is none of those known here.

    Examples:
        >>> literal("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }")
        {'descr': '<f8', 'fortran_order': False, 'shape': (3,)}
    """
    reader = _Reader(text)
    value = reader.value(0)
    if reader.token() is not None:
        raise ValueError("something follows the literal")
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def token(self) -> re.Match[str] | None:
        """Return the next token, without taking it; None at the end."""
        found = _TOKEN.match(self.text, self.at)
        if found is None and self.text[self.at :].strip():
            raise ValueError(f"no literal at character {self.at}")
        return found

    def take(self) -> re.Match[str]:
        found = self.token()
        if found is None:
            raise ValueError("the literal ends too early")
        self.at = found.end()
        return found

    def ends(self, mark: str) -> bool:
        """Take a closing mark if it is next."""
        found = self.token()
        if found is not None and found[4] == mark:
            self.at = found.end()
            return True
        return False

    def value(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError(f"the literal nests deeper than {_DEPTH}")
        text, number, word, mark = self.take().groups()
        if text is not None:
            return text.lstrip("bu")[1:-1]
        if number is not None:
            return int(number.rstrip("L"))
        if word is not None:
            return _WORDS[word]
        if mark == "{":
            return dict(self.items("}", lambda: self.pair(depth)))
        if mark in ("[", "("):
            items = self.items("]" if mark == "[" else ")", lambda: self.value(depth + 1))
            return items if mark == "[" else tuple(items)
        raise ValueError(f"a literal does not begin with {mark!r}")

    def pair(self, depth: int) -> Any:
        key = self.value(depth + 1)
        if self.take()[4] != ":" or type(key) is not str:
            raise ValueError("a key without a value, or no text")
        return key, self.value(depth + 1)

    def items(self, end: str, one: Any) -> list[Any]:
        made: list[Any] = []
        while not self.ends(end):
            if made and self.take()[4] != ",":
                raise ValueError("items without a comma between them")
            if made and self.ends(end):
                break
            made.append(one())
        return made
