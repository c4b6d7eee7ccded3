"""Does the state of an object look like that of a genuine one of its class?

Kinds are words: ``none bool int float str`` for scalars; ``list tuple dict set frozenset name bytes`` for nodes;
``array:f2`` for an array of floats with two axes (``O`` for objects, ``U`` for text ...), ``number:i`` for a numpy scalar,
``type:<name>`` for an object of one class, ``object`` for an object of any trusted class, ``any`` for anything.

Lengths are terms: an integer attribute (``n_features_in_``), a length of an array (``coef_.1``), or the items of a
container (``estimators_.len``); axis -1 is the last, and some numbers follow from how many classes there are
(``classes_.votes``). A pair of terms has to be equal wherever both are there.

The one rule: what is checked is what will be built; nothing is looked up outside the graph and the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from holdfast.errors import InvalidState, quoted
from holdfast.trust.catalog import Entry
from holdfast.trust.view import View
from holdfast.values import tree as t
from holdfast.values.graph import Node, elements

SCALAR_KINDS = {type(None): "none", bool: "bool", int: "int", float: "float", str: "str"}
PLAIN_KINDS = ("none", "bool", "int", "float", "str", "list", "tuple", "dict", "set", "frozenset", "bytes", "bytearray", "complex")
CONTAINERS = ("list", "tuple", "dict", *(f"array:O{axes}" for axes in range(4)))
"""Kinds whose items a schema may speak of."""
DERIVED: dict[str, Callable[[int], int]] = {
    "votes": lambda classes: 1 if classes == 2 else classes,
    "pairs": lambda classes: classes * (classes - 1) // 2,
}
"""What follows from the number of classes: rows of a linear model's coefficients, and models of one class against one other."""


def check_table(view: View, index: int, entry: Entry) -> None:
    """Check all rows of a table of objects against the entry of their class.

    Raises:
        InvalidState: names the attribute and the path to the object.
    """
    table: Any = view.graph.tables[index]
    fields = table.fields
    present = set(fields)
    kinds, items, params, made, wanted, _ = _compiled(entry)
    missing = (params | made) - present if made else params - present
    if not missing and not present.isdisjoint(wanted):
        missing = wanted - present
    if missing:
        raise _wrong(view, index, 0, f"the attribute {quoted(min(missing))!r} is missing")
    fitted = not entry.fitted or entry.fitted[0] in present
    for field, column in zip(fields, table.columns, strict=True):
        allowed = kinds.get(field)
        if allowed is None:
            _check_extra(view, index, field, column, table.rows)
        elif fitted or field not in params:
            # The parameters of an estimator that is not fitted are the user's own until `fit` looks at them.
            if type(column) is t.Same and SCALAR_KINDS[type(column.value)] in allowed:
                continue
            if "any" not in allowed:
                _check_kinds(view, index, field, column, table.rows, allowed)
        if field in items:
            _check_items(view, index, field, column, table.rows, items[field])
    for left, right in entry.equal:
        _check_equal(view, index, left, right)


class _Compiled(NamedTuple):
    kinds: dict[str, frozenset[str]]
    items: dict[str, frozenset[str]]
    params: frozenset[str]
    made: frozenset[str]
    fitted: frozenset[str]
    entry: Entry


_cache: dict[int, _Compiled] = {}


def _compiled(entry: Entry) -> _Compiled:
    """Return the sets of an entry, made once; the entry is kept with them, so that its id stays its own."""
    found = _cache.get(id(entry))
    if found is None:
        kinds, items = ({field: frozenset(allowed) for field, allowed in one.items()} for one in (entry.kinds, entry.items))
        found = _Compiled(kinds, items, frozenset(entry.params), frozenset(entry.made), frozenset(entry.fitted), entry)
        _cache[id(entry)] = found
    return found


def kinds_of(view: View, column: t.Column, rows: int) -> set[str]:
    """Return the kinds of all cells of a column."""
    kind = type(column)
    if kind is t.Same:
        return {SCALAR_KINDS[type(column.value)]}
    if kind is t.Plain:
        return {SCALAR_KINDS[one] for one in set(map(type, column.values))}
    if kind is t.SameRef:
        return {view.kind(column.node)}
    if kind is t.Run:
        start = column.start
        first, last = view.graph.locate(start)[0], view.graph.locate(start + rows - 1)[0]
        return {view.table_kind(i) for i in range(first, last + 1)}
    if kind is t.Refs:
        return set(map(view.table_kind, view.graph.tables_of(column.nodes)))
    cells = view.graph.cells(column, rows)
    return {view.kind(cell) if type(cell) is Node else SCALAR_KINDS[type(cell)] for cell in cells}


def _check_kinds(view: View, index: int, field: str, column: t.Column, rows: int, allowed: frozenset[str]) -> None:
    for kind in kinds_of(view, column, rows):
        if not _fits(kind, allowed):
            row = _row_of_kind(view, column, rows, kind)
            raise _wrong(view, index, row, f"the attribute {quoted(field)!r} is {_said(kind)}, where {_options(allowed)} was expected")


def _fits(kind: str, allowed: frozenset[str]) -> bool:
    return kind in allowed or ("object" in allowed and kind.startswith("type:"))


def _row_of_kind(view: View, column: t.Column, rows: int, kind: str) -> int:
    for row, cell in enumerate(view.graph.cells(column, rows)):
        if (view.kind(cell) if type(cell) is Node else SCALAR_KINDS[type(cell)]) == kind:
            return row
    return 0


def _check_items(view: View, index: int, field: str, column: t.Column, rows: int, allowed: frozenset[str]) -> None:
    cells = view.graph.cells(column, rows)
    held = dict.fromkeys(cell for cell in cells if type(cell) is Node)
    if all(_fits(kind, allowed) for kind in _all_items(view, view.graph.tables_of(held))):
        return
    for cell in held:
        for kind in _kinds_inside(view, cell):
            if not _fits(kind, allowed):
                what = f"the attribute {quoted(field)!r} holds {_said(kind)}, where {_options(allowed)} was expected"
                raise _wrong(view, index, cells.index(cell), what)


def _kinds_inside(view: View, node: int) -> dict[str, None]:
    """Return the kinds of the items of a container, in order; found once, however many objects hold it."""
    found = view.inside.get(node)
    if found is None:
        items = view.items(node) if view.kind(node) in CONTAINERS else []
        found = view.inside[node] = dict.fromkeys(view.kind(item) if type(item) is Node else SCALAR_KINDS[type(item)] for item in items)
    return found


def _all_items(view: View, tables: set[int]) -> set[str]:
    """Return the kinds of everything inside all containers of these tables, which is quickly found; "" where it is not."""
    found: set[str] = set()
    for index in tables:
        if index in view.inside_tables:
            found |= view.inside_tables[index]
            continue
        kinds: set[str] = set()
        table: Any = view.graph.tables[index]
        if type(table) is t.Lists or type(table) is t.LongTuples:
            count = sum(view.graph.cells(table.lengths, table.rows))
            kinds = kinds_of(view, table.items, count) if count else kinds
        elif type(table) is t.ObjectArrays:
            count = sum(elements(table, table.rows))
            kinds = kinds_of(view, table.items, count) if count else kinds
        elif view.table_kind(index) in CONTAINERS:
            kinds = {""}
        view.inside_tables[index] = kinds
        found |= kinds
    return found


def _check_extra(view: View, index: int, field: str, column: t.Column, rows: int) -> None:
    """An attribute that the class does not have: people add plain data of their own, and keep it."""
    for kind in kinds_of(view, column, rows):
        if kind not in PLAIN_KINDS and not kind.startswith(("array:", "number:", "type:pandas.", "type:datetime.", "type:collections.")):
            row = _row_of_kind(view, column, rows, kind)
            raise _wrong(view, index, row, f"the attribute {quoted(field)!r} is not one of the class, and {_said(kind)} is not plain data")


def _check_equal(view: View, index: int, left: str, right: str) -> None:
    table: Any = view.graph.tables[index]
    ours, theirs = _term(view, table, left), _term(view, table, right)
    if ours is None or theirs is None or ours == theirs:
        return
    for row, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a is not None and b is not None and a != b:
            raise _wrong(view, index, row, f"{_term_text(left)} is {a}, and {_term_text(right)} is {b}; they have to be equal")


def _term(view: View, table: Any, term: str) -> list[int | None] | None:
    if term.isdigit():
        return [int(term)] * int(table.rows)
    name, _, part = term.partition(".")
    if name not in table.fields:
        return None
    column = table.columns[table.fields.index(name)]
    if not part:
        return view.numbers(column, table.rows)
    if part == "len":
        cells = view.graph.cells(column, table.rows)
        held = dict.fromkeys(cell for cell in cells if type(cell) is Node)  # each once, however many objects hold it
        sizes = {cell: len(view.items(cell)) for cell in held if view.kind(cell) in ("list", "tuple", "dict")}
        return [sizes.get(cell) if type(cell) is Node else None for cell in cells]
    if part in DERIVED:
        return [_derived(view, cell, DERIVED[part]) for cell in view.graph.cells(column, table.rows)]
    return view.lengths(column, table.rows, int(part))


def _derived(view: View, cell: Any, of: Callable[[int], int]) -> int | None:
    shape = view.shape(cell) if type(cell) is Node else None
    return of(shape[0]) if shape is not None and len(shape) == 1 else None


def _wrong(view: View, index: int, row: int, what: str) -> InvalidState:
    table: Any = view.graph.tables[index]
    path = view.paths.path(view.graph.bases[index] + row)
    name = table.type.rpartition(".")[2]
    return InvalidState(
        f"{quoted(name)}{f' at {quoted(path)}' if path else ''}: {what}; the file is damaged or was altered. "
        f"If it is your own, made with a setting that the list does not know: trusted=[{table.type!r}] loads it, and please report it."
    )


_WORDS = {"none": "None", "bool": "a bool", "int": "an integer", "float": "a float", "str": "text", "name": "a function or a class"}


def _said(kind: str) -> str:
    if kind.startswith("array:"):
        return f"an array of kind {kind[6]!r} with {kind[7:]} axes"
    if kind.startswith("number:"):
        return f"a numpy scalar of kind {kind[7:]!r}"
    if kind.startswith("type:"):
        return f"a {quoted(kind[5:], 80)}"
    return _WORDS.get(kind, f"a {kind}")


def _options(allowed: frozenset[str]) -> str:
    shown = sorted(allowed)
    text = " or ".join(_said(kind) if kind != "object" else "an object" for kind in shown[:4])
    return text if len(shown) <= 4 else f"{text} or {len(shown) - 4} other kinds"


def _term_text(term: str) -> str:
    name, _, part = term.partition(".")
    if not part:
        return name
    if part in DERIVED:
        return f"the number of {part} among {name}"
    if part == "len":
        return f"the number of items of {name}"
    return f"axis {part} of {name}" if part != "-1" else f"the last axis of {name}"
