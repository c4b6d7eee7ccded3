"""Finding versions: a question's tree to SQL, a page at a time.

Strategy. A question becomes one statement (`clauses`), which on SQLite begins where little is to be looked at (`planning`). A page ends with a cursor
that says what its last row was, and the next begins behind that: nothing is counted or skipped.

The one rule: what a user wrote reaches the database as bound values alone.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any, NamedTuple

from holdfast.errors import InvalidQuery
from holdfast.store.clauses import LARGEST, Clauses
from holdfast.store.planning import begin_with
from holdfast.store.query import Both, Field, Node, parse, parse_order
from holdfast.values.digest import digest

PAGE = 1000
"""Most versions of a page."""
CURSOR = 10_000
"""Characters of a cursor; the value of a tag is the longest part of one."""


class Asked(NamedTuple):
    """A question, read and ready to be asked of a catalog."""

    tree: Node | None
    order: Field
    down: bool
    limit: int
    mark: str
    after: tuple[bool, Any, int, int] | None

    def page(self, on: Any) -> tuple[list[tuple[int, int]], str | None]:
        """Return (model, n) of the versions of this page, and the cursor of the next, or None."""
        rows: list[Any] = []
        sqlite = on.engine.dialect.name == "sqlite"
        first = begin_with(on, self.needed, self.order, self.limit) if sqlite else None
        for absent in (False, True) if self.order.key else (False,):
            # those without the metric or the tag come last, whichever way the others are sorted
            if self.after is not None and self.after[0] and not absent:
                continue
            left = self.limit + 1 - len(rows)
            if left > 0:
                after = self.after if self.after is not None and self.after[0] == absent else None
                chosen = Clauses(sqlite).select(self.needed, first, self.order, self.down, absent, None if after is None else after[1:])
                rows += [(absent, *row) for row in on.execute(chosen.limit(left))]
        kept = rows[: self.limit]
        return [(row[2], row[3]) for row in kept], self._cursor(kept[-1]) if len(rows) > self.limit else None

    @property
    def needed(self) -> tuple[Node, ...]:
        """The conditions that all have to hold."""
        if self.tree is None:
            return ()
        return self.tree.parts if isinstance(self.tree, Both) and not self.tree.any else (self.tree,)

    def _cursor(self, row: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.mark, *row]).encode()).decode().rstrip("=")


def asked(query: str, order: str, limit: int, after: str | None) -> Asked:
    """Read a question.

    Args:
        query: of the language in ``docs/store.md``; all versions when it is empty.
        order: a field, and ``desc`` or ``asc``.
        limit: versions of a page, 1 to 1000.
        after: the cursor of the page before.

    Raises:
        InvalidQuery: it is none; shows where.
        ValueError: the limit is none.
    """
    if type(limit) is not int or not 1 <= limit <= PAGE:
        raise ValueError(f"limit={limit!r} is no number of versions; give 1 to {PAGE}")
    tree = parse(query)
    field, down = parse_order(order)
    mark = digest(json.dumps([query, order]).encode())[-16:]
    return Asked(tree, field, down, limit, mark, None if after is None else _read_cursor(after, mark, field))


def _read_cursor(text: str, mark: str, order: Field) -> tuple[bool, Any, int, int]:
    try:
        if len(text) > CURSOR:
            raise ValueError
        own, absent, value, model, n = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        numbers = all(type(one) is int and 0 <= one < 2**31 for one in (model, n))
        if not numbers or type(absent) is not bool or (bool(order.key) < absent) or not _can_be(value, order, absent):
            raise ValueError
    except (TypeError, ValueError, AttributeError, RecursionError):
        raise InvalidQuery("this is no cursor of a page; give what the page before said, or none for the first") from None
    if own != mark:
        raise InvalidQuery("this cursor is of another question; ask with the same query and order as for the page before")
    return absent, value, model, n


def _can_be(value: Any, order: Field, absent: bool) -> bool:
    """Say whether a value can be that of the last row of a page: a database refuses what does not fit its columns."""
    if absent:
        return value is None
    if order.kind in ("tags", "model", "type", "who"):
        return isinstance(value, str) and "\0" not in value and not any("\ud800" <= one <= "\udfff" for one in value)
    if order.kind in LARGEST:
        return type(value) is int and 0 <= value <= LARGEST[order.kind]
    return type(value) in (int, float) and abs(value) < math.inf
