"""A question's text as tokens, each with its place.

The one rule: a character that no token begins with is refused and shown; none is skipped.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from holdfast.errors import InvalidQuery, pointed

_TOKENS = re.compile(
    r"""(?P<space>\s+) | (?P<keyed>(?:metrics|tags)\.(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[\w][\w.\-/]*)) | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)(?!\w) | (?P<word>[^\W\d]\w*) | (?P<sign><=|>=|!=|==|[=<>(),])""",
    re.VERBOSE | re.ASCII,
)
_HINTS = {
    "'": "a text ends with the sign that it began with",
    '"': "a text ends with the sign that it began with",
    "!": "the opposite of = is !=, and of a condition it is not",
    "&": "conditions are joined by and",
    "|": "conditions are joined by or",
    "%": "a pattern is a text, as in like 'a%'",
}


class Token(NamedTuple):
    """A piece of the text: its kind (keyed, text, number, word, sign or end), and where it is."""

    kind: str
    text: str
    begin: int
    end: int


def wrong(text: str, token: Token, why: str, more: str = "") -> InvalidQuery:
    """Return the error for a token of a text, with the token underlined."""
    return InvalidQuery(pointed(text, token.begin, token.end, why, more), text=text, place=token.begin)


def cut(text: str, allowed: str) -> list[Token]:
    """Return the tokens of a text, with one for its end.

    Args:
        text: a question.
        allowed: what a refusal says in the end.

    Raises:
        InvalidQuery: there is something that no question holds.
    """
    found = []
    end = 0
    while (match := _TOKENS.match(text, end)) is not None:
        assert match.lastgroup is not None
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match[match.lastgroup], end, match.end()))
        end = match.end()
    if end < len(text):
        why, hint = f"{text[end]!r} is not part of a question", _HINTS.get(text[end])
        raise wrong(text, Token("", text[end], end, end + 1), f"{why}: {hint}" if hint else why, allowed)
    return [*found, Token("end", "", end, end + 1)]
