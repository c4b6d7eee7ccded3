"""A question's tree to SQL.

The one rule: what a user wrote reaches the database as bound values alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.store import catalog as c
from holdfast.store.query import Both, Condition, Field, Node, Not
from holdfast.store.times import Span
from holdfast.values.reference import LATEST

LARGEST = {"n": 2**31 - 1, "size": 2**63 - 1}
"""The largest numbers that columns of whole numbers hold."""


class Clauses:
    """One SELECT, in the making: its conditions, and the tables that they need."""

    def __init__(self, sqlite: bool) -> None:
        self.sqlite = sqlite
        self.source: Any = c.version
        self.where: list[Any] = []
        self.joined: set[str] = set()
        self.sorted_by: tuple[Field, Any] | None = None
        """A metric or a tag, and the columns of its row, which every version that comes out has."""

    def select(self, needed: Sequence[Node], first: int | None, order: Field, down: bool, absent: bool, after: tuple[Any, int, int] | None) -> Any:
        """Return the statement.

        Args:
            needed: conditions that all have to hold.
            first: which of them the database should begin with, or None to go along the order.
            order: what to sort by.
            down: the largest first.
            absent: those that have no such metric or tag, in place of those that have.
            after: value, model and number of the row to begin behind.
        """
        v = c.version.c
        ends: list[Any] = [v.model, v.n]
        key: Any = None
        if not order.key:
            key = self._column(order.kind)
            if order.kind == "at" and first is not None:
                key = key + 0.0  # no index is in this order, so that SQLite does not go along it after all
        elif absent:
            self.where.append(~self._value(order).exists())
        elif first is None:
            # the index of the key is in this order: its last columns go along
            other = self._join(_table(order), order.key)
            key, ends = other[_column(order)], [other.model, other.n]
            self.sorted_by = order, other
            self.where.append(key.is_not(None))
        self.where += [self._begun(one) if place == first else self.clause(one) for place, one in enumerate(needed)]
        if order.key and not absent and first is not None:
            # what to sort by is looked up once for each version that fits: SQLite opens no SELECT that has a LIMIT, and repeats nothing of it
            inner = sa.select(self._value(order).scalar_subquery().label("key"), v.model, v.n).select_from(self.source).where(*self.where).limit(-1).subquery()
            self.source, self.where = inner, [inner.c.key.is_not(None)]
            key, ends = inner.c.key, [inner.c.model, inner.c.n]
        columns = ends if absent else [key, *ends]
        if after is not None:
            last = after[1:] if absent else after
            bound = sa.tuple_(*[sa.literal(value, column.type) for value, column in zip(last, columns, strict=True)])
            self.where.append(sa.tuple_(*columns) < bound if down else sa.tuple_(*columns) > bound)
        ordered = [column.desc() if down else column.asc() for column in columns]
        shown = sa.null() if absent else key
        return sa.select(shown.label("key"), *ends).select_from(self.source).where(*self.where).order_by(*ordered)

    @staticmethod
    def _value(order: Field) -> Any:
        """Return the SELECT of what a version is sorted by."""
        table = _table(order)
        column = table.c[_column(order)]
        return sa.select(column).where(table.c.model == c.version.c.model, table.c.n == c.version.c.n, table.c.key == order.key, column.is_not(None)).correlate(c.version)

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
        """Join the one row that a version has in a table under a key; that multiplies nothing."""
        other = table.alias()
        self.source = self.source.join(other, sa.and_(other.c.model == c.version.c.model, other.c.n == c.version.c.n, other.c.key == key))
        return other.c

    @staticmethod
    def _exists(table: Any, *where: Any) -> Any:
        mine = (table.c.model == c.version.c.model, table.c.n == c.version.c.n)
        return sa.exists(sa.select(table.c.n).where(*mine, *where).correlate(c.version))

    def _absent(self, table: Any, *where: Any) -> Any:
        """Return the condition that a version has no such row, of which there is one at most."""
        if self.sqlite:
            return ~self._exists(table, *where)
        found = sa.select(table.c.n).where(table.c.model == c.version.c.model, table.c.n == c.version.c.n, *where).correlate(c.version).scalar_subquery()
        # PostgreSQL takes the other form for a join, and a bare IS NULL for next to nothing: either way it makes all of it before it gives a page.
        # Of a CASE it believes that half of them fit
        return sa.case((found.is_(None), sa.true()), else_=sa.false())

    # -- conditions -----------------------------------------------------------------------------------------------------

    def _begun(self, node: Node) -> Any:
        """Return a condition in a form that SQLite, which knows little of how many rows there are, begins with."""
        if isinstance(node, Both):
            # each version once, however many of the parts it fits
            found = sa.union(*[indexed(one) for one in node.parts]).limit(-1).subquery()
            self.source = self.source.join(found, sa.and_(found.c.model == c.version.c.model, found.c.n == c.version.c.n))
            return sa.true()
        assert isinstance(node, Condition)
        if node.field.key:
            return self.keyed(self._join(_table(node.field), node.field.key), node)
        if node.field.kind == "alias":
            return sa.tuple_(c.version.c.model, c.version.c.n).in_(sa.select(c.alias.c.model, c.alias.c.n).where(self.test(c.alias.c.name, node)))
        if node.field.kind == "model":
            return c.version.c.model.in_(sa.select(c.model.c.id).where(self.test(c.model.c.name, node)))
        return self.clause(node)

    def clause(self, node: Node) -> Any:
        """Return a condition that is true or false, and never unknown."""
        if isinstance(node, Not):
            return self._opposite(node.of)
        if isinstance(node, Both):
            parts = [self.clause(one) for one in node.parts]
            return sa.or_(*parts) if node.any else sa.and_(*parts)
        kind = node.field.kind
        if self.sorted_by is not None and node.field == self.sorted_by[0]:
            return sa.false() if node.op == "null" else self.keyed(self.sorted_by[1], node)
        if node.field.key:
            table = _table(node.field)
            tests = [table.c.key == node.field.key]
            if node.op == "null":
                return self._absent(table, *tests, *([sa.or_(table.c.number.is_not(None), table.c.text.is_not(None))] if kind == "metrics" else []))
            return self._exists(table, *tests, self.keyed(table.c, node))
        if kind == "alias":
            return self._alias(node)
        column = self._column(kind)
        if node.op == "null":
            return column.is_(None) if kind == "parent" else column == "" if kind in ("who", "note") else sa.false()
        test = self.test(column, node)
        return sa.and_(column.is_not(None), test) if kind == "parent" else test

    def _opposite(self, node: Node) -> Any:
        """Return the condition that another does not hold: what it is made of is turned, so that each is one that a database knows how to look up."""
        if isinstance(node, Not):
            return self.clause(node.of)
        if isinstance(node, Both):
            return self.clause(Both(tuple(Not(one) for one in node.parts), not node.any))
        if node.field.key and node.op != "null" and (self.sorted_by is None or node.field != self.sorted_by[0]):
            table = _table(node.field)
            return self._absent(table, table.c.key == node.field.key, self.keyed(table.c, node))
        return sa.not_(self.clause(node))

    def _alias(self, node: Condition) -> Any:
        if node.op == "null":
            return ~self._exists(c.alias)
        if node.op not in ("=", "in") or LATEST not in node.values:
            return self._exists(c.alias, self.test(c.alias.c.name, node))
        self._column("model")
        latest = c.model.c.latest == c.version.c.n
        others = tuple(one for one in node.values if one != LATEST)
        return sa.or_(latest, self._exists(c.alias, self.test(c.alias.c.name, node._replace(op="in", values=others)))) if others else latest

    def keyed(self, row: Any, node: Condition) -> Any:
        """Return the comparison of a metric or a tag, given the columns of its row."""
        if node.field.kind == "tags":
            return self.test(row.value, node)
        # a metric is a number or a text; whichever the value is, it is compared with those of its kind
        texts = [one for one in node.values if isinstance(one, str)]
        numbers = [float(one) for one in node.values if isinstance(one, int | float)]
        found = [
            sa.and_(column.is_not(None), self.test(column, node._replace(values=tuple(values)))) for column, values in ((row.number, numbers), (row.text, texts)) if values
        ]  # fmt: skip
        return found[0] if len(found) == 1 else sa.or_(*found)

    def test(self, column: Any, node: Condition) -> Any:
        """Return the comparison of a column, by its operator and the kind of its values."""
        if node.op == "in":
            if not isinstance(node.values[0], Span):
                largest = LARGEST.get(node.field.kind)
                return column.in_([one for one in node.values if largest is None or (one == int(one) and 0 <= one <= largest)])  # type: ignore[arg-type, operator]
            return sa.or_(*[self.test(column, Condition(node.field, "=", (one,))) for one in node.values])
        value = node.values[0]
        if isinstance(value, Span):
            return _of_time(column, node.op, value)
        if node.op == "contains":
            return (sa.func.instr if self.sqlite else sa.func.strpos)(column, value) > 0
        if node.op == "like":
            # LIKE of SQLite takes letters of both cases for the same, that of PostgreSQL does not; GLOB does not either
            return column.op("GLOB", is_comparison=True)(_glob(str(value))) if self.sqlite else column.like(str(value).replace("\\", "\\\\"), escape="\\")
        if node.field.kind in LARGEST:
            return _of_integer(column, node.op, value, LARGEST[node.field.kind])
        return _COMPARE[node.op](column, value)


_INDEXED = ("=", "<", "<=", ">", ">=", "in")


def indexed(node: Node) -> Any:
    """Return the SELECT of model and number of the versions that fit, where indexes have them; else None."""
    if isinstance(node, Both):
        parts = [found for one in node.parts if (found := indexed(one)) is not None]
        return sa.union_all(*parts) if node.any and len(parts) == len(node.parts) else None
    if not isinstance(node, Condition) or node.op not in _INDEXED:
        return None
    test = Clauses(True)
    if node.field.key:
        row = _table(node.field).c
        return sa.select(row.model, row.n).where(row.key == node.field.key, test.keyed(row, node))
    v = c.version.c
    if node.field.kind == "alias" and node.op in ("=", "in") and LATEST not in node.values:
        return sa.select(c.alias.c.model, c.alias.c.n).where(test.test(c.alias.c.name, node))
    if node.field.kind == "model" and node.op in ("=", "in"):
        return sa.select(v.model, v.n).where(v.model.in_(sa.select(c.model.c.id).where(test.test(c.model.c.name, node))))
    return sa.select(v.model, v.n).where(test.test(v.at, node)) if node.field.kind == "at" else None


def _table(field: Field) -> Any:
    return c.metric if field.kind == "metrics" else c.tag


def _column(field: Field) -> str:
    """Return the column that a metric or a tag is sorted by: texts of metrics are none to sort by."""
    return "number" if field.kind == "metrics" else "value"


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
