"""Finding versions: a question's tree to SQL, a page at a time.

Strategy. Every condition on a metric or a tag that has to hold becomes a join by the whole primary key, which multiplies no row, so that the database is
free to begin with the rarest; every other one becomes a subquery. A page ends with a cursor that says what its last row was, and the next begins
behind that: nothing is counted or skipped.

The one rule: what a user wrote reaches the database as bound values alone.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.errors import InvalidQuery
from holdfast.store import catalog as c
from holdfast.store.query import Both, Condition, Field, Node, Not, parse, parse_order
from holdfast.store.times import Span
from holdfast.values.digest import digest
from holdfast.values.reference import LATEST

PAGE = 1000
"""Most versions of a page."""
JOINS = 12
"""Conditions that become joins; databases plan more tables than that slowly."""
CURSOR = 10_000
"""Characters of a cursor; the value of a tag is the longest part of one."""
_LARGEST = {"n": 2**31 - 1, "size": 2**63 - 1}


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
        for absent in (False, True) if self.order.key else (False,):
            # those without the metric or the tag come last, whichever way the others are sorted
            if self.after is not None and self.after[0] and not absent:
                continue
            left = self.limit + 1 - len(rows)
            if left > 0:
                after = self.after if self.after is not None and self.after[0] == absent else None
                chosen = _Select(on.engine.dialect.name).select(self, absent, after).limit(left)
                rows += [(absent, *row) for row in on.execute(chosen)]
        kept = rows[: self.limit]
        return [(row[2], row[3]) for row in kept], self._cursor(kept[-1]) if len(rows) > self.limit else None

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
    if order.kind in _LARGEST:
        return type(value) is int and 0 <= value <= _LARGEST[order.kind]
    return type(value) in (int, float) and abs(value) < math.inf


class _Select:
    """One SELECT, in the making: its conditions, and the tables that they need."""

    def __init__(self, dialect: str) -> None:
        self.sqlite = dialect == "sqlite"
        self.source: Any = c.version
        self.where: list[Any] = []
        self.joined: set[str] = set()
        self.joins = 0

    def select(self, asked: Asked, absent: bool, after: tuple[bool, Any, int, int] | None) -> Any:
        v = c.version.c
        key = self._key(asked.order, absent)
        if asked.tree is not None:
            for part in asked.tree.parts if isinstance(asked.tree, Both) and not asked.tree.any else (asked.tree,):
                self.where.append(self._needed(part))
        columns = [v.model, v.n] if absent else [key, v.model, v.n]
        if after is not None:
            last = after[2:] if absent else after[1:]
            bound = sa.tuple_(*[sa.literal(value, column.type) for value, column in zip(last, columns, strict=True)])
            behind = sa.tuple_(*columns) < bound if asked.down else sa.tuple_(*columns) > bound
            self.where.append(behind)
        ordered = [column.desc() if asked.down else column.asc() for column in columns]
        shown = [sa.null().label("key") if absent else key.label("key"), v.model, v.n]
        return sa.select(*shown).select_from(self.source).where(*self.where).order_by(*ordered)

    def _key(self, order: Field, absent: bool) -> Any:
        if order.key:
            table = c.metric if order.kind == "metrics" else c.tag
            if absent:
                there = [table.c.number.is_not(None)] if order.kind == "metrics" else []
                self.where.append(~self._exists(table, table.c.key == order.key, *there))
                return None
            column = self._join(table, order.key).number if order.kind == "metrics" else self._join(table, order.key).value
            if order.kind == "metrics":
                self.where.append(column.is_not(None))
            return column if order.kind == "metrics" else self._text(column)
        column = self._column(order.kind)
        return self._text(column) if order.kind in ("model", "type", "who") else column

    def _text(self, column: Any) -> Any:
        # one order everywhere: that of code points, as SQLite has it; a server's own may differ from host to host
        return column if self.sqlite else column.collate("C")

    def _column(self, kind: str) -> Any:
        """Return the column of a plain field; its table is joined once."""
        if kind in ("type", "size"):
            if "artifact" not in self.joined:
                self.joined.add("artifact")
                self.source = self.source.join(c.artifact, c.artifact.c.id == c.version.c.artifact)
            return c.artifact.c[kind]
        if kind == "model":
            if "model" not in self.joined:
                self.joined.add("model")
                self.source = self.source.join(c.model, c.model.c.id == c.version.c.model)
            return c.model.c.name
        return c.version.c[kind]

    def _join(self, table: Any, key: str) -> Any:
        """Join the one row that a version has in a table under a key."""
        self.joins += 1
        other = table.alias()
        self.source = self.source.join(other, sa.and_(other.c.model == c.version.c.model, other.c.n == c.version.c.n, other.c.key == key))
        return other.c

    @staticmethod
    def _exists(table: Any, *where: Any) -> Any:
        mine = (table.c.model == c.version.c.model, table.c.n == c.version.c.n)
        return sa.exists(sa.select(table.c.n).where(*mine, *where).correlate(c.version))

    # -- conditions -----------------------------------------------------------------------------------------------------

    def _needed(self, node: Node) -> Any:
        """Return a condition that every version has to fulfil, by a join where that multiplies nothing."""
        if isinstance(node, Condition) and node.op != "null" and node.field.key and self.joins < JOINS:
            table = c.metric if node.field.kind == "metrics" else c.tag
            return self._keyed_test(self._join(table, node.field.key), node)
        if isinstance(node, Condition) and node.field.kind == "alias" and node.op in ("=", "in") and LATEST not in node.values:
            return sa.tuple_(c.version.c.model, c.version.c.n).in_(sa.select(c.alias.c.model, c.alias.c.n).where(self._test(c.alias.c.name, node)))
        return self._clause(node)

    def _clause(self, node: Node) -> Any:
        """Return a condition that is true or false, and never unknown."""
        if isinstance(node, Not):
            return sa.not_(self._clause(node.of))
        if isinstance(node, Both):
            parts = [self._clause(one) for one in node.parts]
            return sa.or_(*parts) if node.any else sa.and_(*parts)
        kind = node.field.kind
        if node.field.key:
            table = c.metric if kind == "metrics" else c.tag
            tests = [table.c.key == node.field.key]
            if node.op == "null":
                return ~self._exists(table, *tests, *([sa.or_(table.c.number.is_not(None), table.c.text.is_not(None))] if kind == "metrics" else []))
            return self._exists(table, *tests, self._keyed_test(table.c, node))
        if kind == "alias":
            return self._alias(node)
        column = self._column(kind)
        if node.op == "null":
            return column.is_(None) if kind == "parent" else column == "" if kind in ("who", "note") else sa.false()
        test = self._test(column, node)
        return sa.and_(column.is_not(None), test) if kind == "parent" else test

    def _alias(self, node: Condition) -> Any:
        if node.op == "null":
            return ~self._exists(c.alias)
        if node.op not in ("=", "in") or LATEST not in node.values:
            return self._exists(c.alias, self._test(c.alias.c.name, node))
        self._column("model")
        latest = c.model.c.latest == c.version.c.n
        others = tuple(one for one in node.values if one != LATEST)
        return sa.or_(latest, self._exists(c.alias, self._test(c.alias.c.name, node._replace(op="in", values=others)))) if others else latest

    def _keyed_test(self, row: Any, node: Condition) -> Any:
        if node.field.kind == "tags":
            return self._test(row.value, node)
        # a metric is a number or a text; whichever the value is, it is compared with those of its kind
        texts = [one for one in node.values if isinstance(one, str)]
        numbers = [float(one) for one in node.values if isinstance(one, int | float)]
        found = [
            sa.and_(column.is_not(None), self._test(column, node._replace(values=tuple(values)))) for column, values in ((row.number, numbers), (row.text, texts)) if values
        ]  # fmt: skip
        return found[0] if len(found) == 1 else sa.or_(*found)

    def _test(self, column: Any, node: Condition) -> Any:
        """Return the comparison of a column, by its operator and the kind of its values."""
        if node.op == "in":
            if not isinstance(node.values[0], Span):
                largest = _LARGEST.get(node.field.kind)
                return column.in_([one for one in node.values if largest is None or (one == int(one) and 0 <= one <= largest)])  # type: ignore[arg-type, operator]
            return sa.or_(*[self._test(column, Condition(node.field, "=", (one,))) for one in node.values])
        value = node.values[0]
        if isinstance(value, Span):
            return _of_time(column, node.op, value)
        if node.op == "contains":
            return (sa.func.instr if self.sqlite else sa.func.strpos)(column, value) > 0
        if node.op == "like":
            # LIKE of SQLite takes letters of both cases for the same, that of PostgreSQL does not; GLOB does not either
            return column.op("GLOB", is_comparison=True)(_glob(str(value))) if self.sqlite else column.like(str(value).replace("\\", "\\\\"), escape="\\")
        if node.field.kind in _LARGEST:
            return _of_integer(column, node.op, value, _LARGEST[node.field.kind])
        if isinstance(value, str) and node.op != "=":
            return _COMPARE[node.op](self._text(column), value)
        return _COMPARE[node.op](column, value)


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda column, value: column == value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}


def _of_time(column: Any, op: str, span: Span) -> Any:
    if op == "=":
        return sa.and_(column >= span.begin, column < span.end) if span.end > span.begin else column == span.begin
    if op in ("<", ">="):
        return _COMPARE[op](column, span.begin)
    moment = span.end == span.begin
    return (column <= span.begin if moment else column < span.end) if op == "<=" else (column > span.begin if moment else column >= span.end)


def _of_integer(column: Any, op: str, value: Any, largest: int) -> Any:
    """Compare whole numbers with any number, in the range that the database has."""
    if op == "=":
        return column == int(value) if value == int(value) and 0 <= value <= largest else sa.false()
    whole = {"<": math.ceil, ">=": math.ceil, "<=": math.floor, ">": math.floor}[op](value)
    if whole > largest or whole < -1:
        return sa.true() if (whole > largest) is (op in ("<", "<=")) else sa.false()
    return _COMPARE[op](column, whole)


def _glob(pattern: str) -> str:
    """Return a pattern of LIKE as one of GLOB, in which only * and ? mean something.

    >>> _glob("a_b%[x]*")
    'a?b*[[]x][*]'
    """
    return "".join({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(one, one) for one in pattern)
