"""The language of `Store.search`: text to tree.

Strategy. A parser by recursive descent makes a tree of the text's tokens, and counts levels and conditions on the way. What a field may be compared with is checked here, so that the database is asked nothing that makes no sense.

The one rule: a text from outside becomes values and names of fields that are listed here, never a part of SQL.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from holdfast.errors import InvalidQuery
from holdfast.store.times import Span, span_of
from holdfast.store.tokens import Token, cut, wrong
from holdfast.values import limits

TEXTS = ("model", "type", "who", "note", "alias", "parent")
NUMBERS = ("n", "size")
KEYED = ("metrics", "tags")
FIELDS = (*NUMBERS, "at", *TEXTS)
ORDERS = ("at", "n", "size", "model", "type", "who")
ALLOWED = (
    "Fields are metrics.KEY, tags.KEY, " + ", ".join(FIELDS) + '; a key of odd characters is quoted, as in metrics."val auc". '
    "They are compared by = != < <= > >=, in (...), like 'a%', contains 'text', is null, and joined by and, or, not and parentheses."
)
_COMPARED = ("=", "!=", "<", "<=", ">", ">=")

Value = float | int | str | bool | Span


class Field(NamedTuple):
    """What is compared: its kind, and the key of a metric or a tag."""

    kind: str
    key: str = ""


class Condition(NamedTuple):
    """One comparison: ``op`` is one of ``= < <= > >= in like contains null``."""

    field: Field
    op: str
    values: tuple[Value, ...] = ()


class Not(NamedTuple):
    """The opposite."""

    of: Node


class Both(NamedTuple):
    """All of them, or with ``any`` one of them."""

    parts: tuple[Node, ...]
    any: bool = False


Node = Condition | Not | Both


def parse(text: str) -> Node | None:
    """Return the tree of a question; None when it is empty.

    Args:
        text: at most ``limits.QUERY_CHARACTERS`` characters.

    Raises:
        InvalidQuery: it is none; shows where, and says what is allowed.

    >>> parse("metrics.auc > 0.9 and not tags.team = 'risk'").parts[1]
    Not(of=Condition(field=Field(kind='tags', key='team'), op='=', values=('risk',)))
    """
    reader = _Reader(text)
    if reader.now.kind == "end":
        return None
    found = reader.either(1)
    reader.finish()
    return found


def parse_order(text: str) -> tuple[Field, bool]:
    """Return a field to sort by, and whether the largest come first.

    Raises:
        InvalidQuery: it is none.

    >>> parse_order("metrics.auc desc")
    (Field(kind='metrics', key='auc'), True)
    """
    reader = _Reader(text)
    token = reader.now
    field = reader.field()
    if field.kind not in (*ORDERS, *KEYED):
        raise reader.wrong(token, f"there is no order by {field.kind}; sort by metrics.KEY, tags.KEY, {', '.join(ORDERS)}")
    down = reader.taken("desc")
    if not down:
        reader.taken("asc")
    if reader.now.text == ",":
        raise reader.wrong(reader.now, "one field gives the order; equal ones are ordered by model and number")
    reader.finish()
    return field, down


class _Reader:
    """A text, token by token."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise InvalidQuery(f"a question is a text, and not {type(text).__name__}: \"metrics.auc > 0.9 and tags.team = 'risk'\"")
        if len(text) > limits.QUERY_CHARACTERS:
            raise InvalidQuery(f"the question has {len(text)} characters; {limits.QUERY_CHARACTERS} are allowed. Ask for less at a time.")
        self.text = text
        self.tokens = cut(text, ALLOWED)
        self.place = 0
        self.conditions = 0
        self.values = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.place]

    def wrong(self, token: Token, why: str, more: str = "") -> InvalidQuery:
        """Return the error for a token."""
        return wrong(self.text, token, why, more)

    def taken(self, word: str) -> bool:
        """Say whether this word or sign comes next, and go on behind it."""
        if self.now.kind not in ("word", "sign") or self.now.text.lower() != word:
            return False
        self.place += 1
        return True

    def expect(self, word: str, why: str) -> None:
        if not self.taken(word):
            raise self.wrong(self.now, why, ALLOWED)

    def finish(self) -> None:
        """Refuse what is left."""
        if self.now.kind != "end":
            raise self.wrong(self.now, "this does not follow from what stands before; conditions are joined by and, or", ALLOWED)

    # -- conditions, the weakest binding first --------------------------------------------------------------------------

    def either(self, depth: int) -> Node:
        parts = [self.both(depth)]
        while self.taken("or"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts), True)

    def both(self, depth: int) -> Node:
        parts = [self.one(depth)]
        while self.taken("and"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def one(self, depth: int) -> Node:
        if depth > limits.QUERY_DEPTH:
            raise self.wrong(self.now, f"the question nests deeper than {limits.QUERY_DEPTH} (QUERY_DEPTH)")
        if self.taken("not"):
            return Not(self.one(depth + 1))
        if self.taken("("):
            found = self.either(depth + 1)
            self.expect(")", "a parenthesis is not closed here")
            return found
        return self.condition()

    def condition(self) -> Node:
        self.conditions += 1
        if self.conditions > limits.QUERY_CONDITIONS:
            raise self.wrong(self.now, f"the question has more than {limits.QUERY_CONDITIONS} conditions (QUERY_CONDITIONS)")
        field = self.field()
        if self.taken("is"):
            opposite = self.taken("not")
            self.expect("null", "behind 'is' stands null, or not null")
            return _turned(Condition(field, "null"), opposite)
        opposite = self.taken("not")
        if self.taken("in"):
            return _turned(Condition(field, "in", self.list_of(field)), opposite)
        for op in ("like", "contains"):
            if self.taken(op):
                return _turned(Condition(field, op, (self.pattern(field, op),)), opposite)
        token = self.now
        op = "=" if token.text == "==" else token.text
        if opposite or token.kind != "sign" or op not in _COMPARED:
            raise self.wrong(token, "in, like or contains is missing here" if opposite else "a comparison is missing here", ALLOWED)
        self.place += 1
        made = Condition(field, "=" if op == "!=" else op, (self.value(field),))
        return _turned(made, op == "!=")

    def field(self) -> Field:
        token = self.now
        if token.kind == "keyed":
            self.place += 1
            kind, _, key = token.text.partition(".")
            key = _unquoted(key) if key[0] in "'\"" else key
            if not key:
                raise self.wrong(token, f"a key of {kind} is missing here")
            return Field(kind, self.clean(token, key))
        if token.kind == "word" and token.text in FIELDS:
            self.place += 1
            return Field(token.text)
        if token.kind == "word" and token.text in KEYED:
            raise self.wrong(token, f"a key is missing here, as in {token.text}.auc")
        why = "the question ends here; a field is missing" if token.kind == "end" else "this is no field"
        raise self.wrong(token, why, ALLOWED)

    def list_of(self, field: Field) -> tuple[Value, ...]:
        self.expect("(", "behind 'in' stands a list in parentheses, as in ('a', 'b')")
        found = [self.value(field)]
        while self.taken(","):
            found.append(self.value(field))
        self.expect(")", "the list is not closed here")
        return tuple(found)

    def value(self, field: Field) -> Value:
        """Return a value that this field can be compared with."""
        token = self.now
        self.values += 1
        if self.values > limits.QUERY_VALUES:
            raise self.wrong(token, f"the question has more than {limits.QUERY_VALUES} values (QUERY_VALUES)")
        found: Value
        if token.kind == "number":
            found = self.number(token)
        elif token.kind == "text":
            found = self.clean(token, _unquoted(token.text))
        elif token.kind == "word" and token.text.lower() in ("true", "false"):
            found = token.text.lower() == "true"
        elif token.kind == "word" and token.text.lower() == "null":
            raise self.wrong(token, "what is absent is found by: is null")
        else:
            raise self.wrong(token, "a value is missing here: a number, or a text in quotes", ALLOWED)
        self.place += 1
        return self.fitting(token, field, found)

    def fitting(self, token: Token, field: Field, value: Value) -> Value:
        kind = field.kind
        if kind == "metrics":
            return value
        if kind == "at":
            try:
                return span_of(value)
            except ValueError as error:
                raise self.wrong(token, str(error)) from None
        if kind == "size" and isinstance(value, str):
            from holdfast.artifact.shards import bytes_of

            try:
                return bytes_of(value)
            except ValueError:
                raise self.wrong(token, "a size is a number of bytes, or text such as '2GB'") from None
        if kind in NUMBERS:
            if isinstance(value, str | bool):
                raise self.wrong(token, f"{kind} is compared with a number")
            return value
        if not isinstance(value, str):
            raise self.wrong(token, f"{kind} is compared with a text in quotes, as in '{token.text}'")
        # names are kept in this form, so that however an accent was typed it is found
        return unicodedata.normalize("NFC", value) if kind in ("model", "alias", "parent") else value

    def number(self, token: Token) -> int | float:
        found = float(token.text)
        if found in (float("inf"), float("-inf")):
            raise self.wrong(token, "this number is too large")
        return int(token.text) if token.text.lstrip("+-").isdigit() else found

    def pattern(self, field: Field, op: str) -> str:
        token = self.now
        if field.kind in (*NUMBERS, "at"):
            raise self.wrong(token, f"{field.kind} is no text, so there is no {op} for it")
        if token.kind != "text":
            raise self.wrong(token, f"behind {op} stands a text in quotes")
        self.place += 1
        found = self.clean(token, _unquoted(token.text))
        if op == "like" and found.count("%") > limits.QUERY_WILDCARDS:
            raise self.wrong(token, f"the pattern has more than {limits.QUERY_WILDCARDS} signs % (QUERY_WILDCARDS)")
        return found

    def clean(self, token: Token, text: str) -> str:
        """Refuse text that no database takes."""
        if "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
            raise self.wrong(token, "this text holds a NUL or half a character, and nothing in a store is called so")
        return text


def _turned(made: Condition, opposite: bool) -> Node:
    return Not(made) if opposite else made


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])

