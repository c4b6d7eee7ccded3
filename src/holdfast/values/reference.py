"""References: how a person names a model, a version or an alias, and how a name becomes part of a path.

The one rule: a name from outside never reaches a file system as it is; `key_of` gives what does.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from blake3 import blake3

NAME_LENGTH = 200
"""Characters of a name."""
KEY_BYTES = 200
"""Bytes of an encoded name: file systems take 255, and a suffix comes behind it."""
LATEST = "latest"
"""The alias that nobody sets: the version with the largest number."""

_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


class Reference(NamedTuple):
    """What a text such as ``churn:7`` or ``churn@production`` names.

    Attributes:
        model: the model's name.
        number: of the version, or None.
        alias: or None.
    """

    model: str
    number: int | None = None
    alias: str | None = None

    def __str__(self) -> str:
        """Return the text again."""
        if self.number is not None:
            return f"{self.model}:{self.number}"
        return self.model if self.alias is None else f"{self.model}@{self.alias}"


def reference(text: str) -> Reference:
    """Parse a reference.

    Raises:
        ValueError: it is none; says what one looks like.

    >>> reference("churn:7")
    Reference(model='churn', number=7, alias=None)
    >>> reference("team churn@production").alias
    'production'
    """
    if not isinstance(text, str):
        raise TypeError(f"a reference is text such as 'churn:7' or 'churn@production', and not {type(text).__name__}")
    model, colon, number = text.partition(":")
    if colon:
        if not re.fullmatch(r"[1-9][0-9]{0,11}", number) or not number.isascii():
            raise ValueError(f"{text!r} is no reference: behind the colon stands the number of a version, as in 'churn:7'")
        return Reference(checked_name(model), int(number))
    model, at, alias = text.partition("@")
    if at:
        return Reference(checked_name(model), None, checked_name(alias, "alias"))
    return Reference(checked_name(model))


def checked_name(name: str, what: str = "model") -> str:
    """Return a name in the one form in which it is kept.

    Raises:
        ValueError: no model or alias can be called so; says why.

    >>> checked_name("Kunden-Abwanderung 2")
    'Kunden-Abwanderung 2'
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a{'n' * (what[0] in 'aeiou')} {what} is text, and not {type(name).__name__}")
    try:
        found = unicodedata.normalize("NFC", name)
        found.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the {what} {name!r} holds half a character, which cannot be written") from None
    if not 1 <= len(found) <= NAME_LENGTH:
        raise ValueError(f"the name of a{'n' * (what[0] in 'aeiou')} {what} has 1 to {NAME_LENGTH} characters, and this one {len(found)}")
    wrong = next((one for one in found if one in ":@/\\" or unicodedata.category(one) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")), None)
    if wrong is not None:
        raise ValueError(f"the {what} {name!r} holds {wrong!r}; a name holds no ':', '@', '/', '\\\\' and nothing that cannot be seen")
    if found != found.strip() or found in (".", ".."):
        raise ValueError(f"the {what} {name!r} begins or ends with white space, or is a place of the file system")
    return found


def key_of(name: str) -> str:
    """Return a checked name so that every file system keeps it apart from all others.

    >>> key_of("Churn_2")
    '_churn__2'
    >>> key_of("Größe")
    '_gr=c3=b6=c3=9fe'
    """
    parts = []
    for one in name:
        if one in _PLAIN:
            parts.append(one)
        elif one == "_":
            parts.append("__")
        elif "A" <= one <= "Z":
            parts.append("_" + one.lower())
        else:
            parts += [f"={byte:02x}" for byte in one.encode()]
    key = "".join(parts)
    if len(key) > KEY_BYTES or _DEVICES.match(key) or key[0] == "." or key[-1] == ".":
        return "==" + blake3(name.encode()).hexdigest()
    return key
