"""From a frozen plan to the model: everything empty first, then one-step values in order, then the fillings.

Strategy. `objects` has one place a node. Tables are visited in file order: arrays and other leaves, then one-step
values, whose references lead to earlier nodes or to shells that already exist. Containers that a one-step value is
given directly are filled just before it; all other containers are filled at the end, attributes first and dicts and
sets last, because a key may need its attributes for its hash.

The one rule: only what the plan names is imported, and what is built is exactly the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, InvalidState, quoted
from holdfast.frameworks.adapter import Shell
from holdfast.frameworks.building import Building, Plan
from holdfast.frameworks.making import (
    Used,
    atom,
    check_fields,
    check_text,
    distinct,
    not_rebuilt,
    put_keys,
)
from holdfast.frameworks.names import missing
from holdfast.frameworks.objects import attributes_of
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import Node, elements
from holdfast.values.paths import Paths

_CONTAINERS = frozenset({t.Lists, t.Maps, t.Dicts, t.Sets, t.ObjectArrays})


def build(plan: Plan) -> Any:
    """Return the model that a plan describes.

    Raises:
        LibraryMissing: a library is not installed.
        InvalidState: an adapter found that its fields cannot be genuine.
        UnsupportedModel: a class the caller trusts cannot be rebuilt by its attributes.
    """
    return _Builder(plan).run()


class _Builder(Building):
    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.early: set[int] = set()
        self.paths = Paths(self.graph)
        self.fills: list[Callable[[], None]] = []

    def run(self) -> Any:
        tables, bases = self.graph.tables, self.graph.bases
        shells = [(i, table) for i, table in enumerate(tables) if bases[i] >= self.graph.shells]
        for index, table in shells:
            self.make_shells(index, table)
        for index, table in enumerate(tables):
            if bases[index] < self.graph.shells:
                self.put(index, self.one_step(index, table))
        for index, table in sorted(shells, key=lambda one: (_FILL_ORDER[type(one[1])], one[0])):  # type: ignore[index]
            self.fill(index, table)
        for finish in self.fills:
            finish()
        root = self.graph.root
        return self.objects[root] if type(root) is Node else root

    def put(self, index: int, made: list[Any]) -> None:
        base = self.graph.bases[index]
        self.objects[base : base + len(made)] = made

    # -- leaves and one-step values --------------------------------------------------------------------------------

    def one_step(self, index: int, table: Any) -> list[Any]:
        kind = type(table)
        rows = t.row_count(table)
        if kind is t.Arrays:
            return self.arrays(index, table, rows)
        if kind is t.Numbers:
            dtype = parse_dtype(table.dtype)
            if "U" in table.dtype:
                check_text(np.frombuffer(table.data, dtype) if dtype.itemsize else np.zeros(0, dtype))
            if dtype.itemsize == 0:
                return [np.zeros((), dtype)[()] for _ in range(rows)]
            return list(np.frombuffer(bytes(table.data), dtype)) if rows != 1 else [np.frombuffer(table.data, dtype)[0]]
        if kind is t.Atoms:
            return [atom(table.kind, value) for value in table.values]
        if kind is t.Names:
            return [self.named(name) for name in table.names]
        if kind is t.Views:
            return self.views(table, rows)
        self.fill_early(table, rows)
        if kind is t.Tuples:
            made: list[Any] = list(self.rows_of(table, rows))
        elif kind is t.LongTuples:
            made = [tuple(row) for row in self.split(table.lengths, table.items, rows)]
        elif kind is t.FrozenSets:
            ask = _has_nodes(table.items)
            made = [
                distinct(put_keys(frozenset, row, row if ask else ()), len(row)) for row in self.split(table.lengths, table.items, rows)
            ]
        else:
            make = self.record_maker(table)
            made = [make(row) for row in self.rows_of(table, rows)]
        return made

    # -- shells ----------------------------------------------------------------------------------------------------

    def make_shells(self, index: int, table: Any) -> None:
        kind = type(table)
        rows = t.row_count(table)
        made: list[Any]
        if kind is t.Objects:
            make = self.shell_maker(table)
            made = [make() for _ in range(rows)]
        elif kind is t.Lists:
            made = [[] for _ in range(rows)]
        elif kind is t.Sets:
            made = [set() for _ in range(rows)]
        elif kind is t.ObjectArrays:
            ndim = table.ndim
            made = [np.empty(table.shapes[i * ndim : i * ndim + ndim], object, table.order) for i in range(rows)]
        elif kind is t.Maps:
            # with the keys in their order already, so that filling is a matter of one column after the other
            template = dict.fromkeys(table.keys)
            made = [template.copy() for _ in range(rows)]
        else:
            made = [{} for _ in range(rows)]
        self.put(index, made)

    def fill(self, index: int, table: Any) -> None:
        kind = type(table)
        rows = t.row_count(table)
        base = self.graph.bases[index]
        shells = self.objects[base : base + rows]
        if kind is t.Objects:
            self.fill_objects(table, rows, shells)
        elif kind is t.Lists:
            for shell, items in zip(shells, self.split(table.lengths, table.items, rows), strict=True):
                shell[:] = items  # one that was filled early may lack what was made after it
        elif kind is t.Sets:
            ask = _has_nodes(table.items)
            for shell, items in zip(shells, self.split(table.lengths, table.items, rows), strict=True):
                put_keys(shell.update, items, items if ask else ())
                distinct(shell, len(items))
        elif kind is t.Maps:
            for key, column in zip(table.keys, table.columns, strict=True):
                for shell, value in zip(shells, self.cells(column, rows), strict=True):
                    shell[key] = value
        elif kind is t.Dicts:
            all_keys = self.split(table.lengths, table.keys, rows)
            all_values = self.split(table.lengths, table.values, rows)
            ask = _has_nodes(table.keys)
            for shell, keys, values in zip(shells, all_keys, all_values, strict=True):
                put_keys(shell.update, zip(keys, values, strict=True), keys if ask else ())
                distinct(shell, len(keys))
        else:
            self.fill_object_arrays(table, rows, shells)

    def fill_objects(self, table: t.Objects, rows: int, shells: list[Any]) -> None:
        fields = table.fields
        adapter = self.adapter(table.type)
        if isinstance(adapter, Shell):
            put = adapter.fill
            states = [dict(zip(fields, row, strict=True)) for row in self.rows_of(table, rows)]

            if not any(field.startswith("[") for field in fields):
                check_fields(type(shells[0]), table.type, tuple(fields))  # type: ignore[arg-type]

            def finish() -> None:
                for position, (shell, state) in enumerate(zip(shells, states, strict=True)):
                    try:
                        if position:
                            put(shell, state)
                        else:
                            asked = Used(state)
                            put(shell, asked)
                            asked.check(table.type)
                    except HoldfastError:
                        raise
                    except ImportError as error:
                        raise missing(table.type, error) from None
                    except Exception as error:
                        raise not_rebuilt(table.type, error) from None

            self.fills.append(finish)
            return
        cls = type(shells[0])
        slots = set(attributes_of(cls).slots)  # type: ignore[arg-type]
        if not hasattr(shells[0], "__dict__") and not slots.issuperset(fields):
            raise InvalidState(f"{quoted(table.type)} has an attribute beside its slots; the file is damaged or was altered.")
        if slots.intersection(fields):
            for shell, row in zip(shells, self.rows_of(table, rows), strict=True):
                for field, value in zip(fields, row, strict=True):
                    if field in slots:
                        object.__setattr__(shell, field, value)
                    else:
                        shell.__dict__[field] = value
            return
        if fields:
            for shell, row in zip(shells, self.rows_of(table, rows), strict=True):
                shell.__dict__.update(zip(fields, row, strict=True))

    def fill_object_arrays(self, table: t.ObjectArrays, rows: int, shells: list[Any]) -> None:
        flat = self.cells(table.items, sum(elements(table, rows)))
        start = 0
        for shell in shells:
            # fromiter puts each item into one place; assigning a list would take nested lists apart
            part = np.fromiter(flat[start : start + shell.size], object, shell.size)
            start += shell.size
            shell[...] = part.reshape(shell.shape)
            if not table.writeable:
                shell.flags.writeable = False

    # -- containers that a one-step value is given -------------------------------------------------------------------

    def fill_early(self, table: Any, rows: int) -> None:
        """Fill the containers that a value made in one step is given, and those inside them, before it is made."""
        kind = type(table)
        if kind not in (t.Records, t.FrozenSets):
            return
        shells, tables = self.graph.shells, self.graph.tables
        direct = {node for column in t.columns_of(table) for node in _nodes(column, rows) if self.may_hold(node)}
        waiting = list(direct)
        while waiting:
            node = waiting.pop()
            if node in self.early:
                continue
            index, row = self.graph.locate(node)
            kind_there = type(tables[index])
            if node >= shells and not (kind_there in _CONTAINERS or (kind is t.FrozenSets and kind_there is t.Objects)):
                continue
            self.early.add(node)
            children = [cell for _, cell in self.paths.children(node) if type(cell) is Node]
            waiting += filter(self.may_hold, children)
            # further inside may be what is made later; it is put in then
            if node >= shells and (node in direct or all(map(self.is_built, children))):
                self.fill_row(index, row)

    def may_hold(self, node: int) -> bool:
        """Say whether a node is a shell, or a tuple that may hold one."""
        if node >= self.graph.shells:
            return node not in self.early
        index, _ = self.graph.locate(node)
        return type(self.graph.tables[index]) in (t.Tuples, t.LongTuples)

    def fill_row(self, index: int, row: int) -> None:
        """Fill one container from its row alone."""
        table: Any = self.graph.tables[index]
        kind = type(table)
        node = self.graph.bases[index] + row
        shell = self.objects[node]
        if kind is t.Dicts:
            pairs = self.paths.pairs(node)
            keys = self.built([key for key, _ in pairs])
            put_keys(shell.update, zip(keys, self.built([value for _, value in pairs]), strict=True), keys)
            distinct(shell, len(keys))
            return
        if kind is t.Objects and isinstance(self.adapter(table.type), Shell):
            return
        children = list(self.paths.children(node))
        values = self.built([cell for _, cell in children])
        if kind is t.Lists:
            shell.extend(values)
        elif kind is t.Sets:
            put_keys(shell.update, values, values)
        elif kind is t.ObjectArrays:
            shell[...] = np.fromiter(values, object, shell.size).reshape(shell.shape)
        elif kind is t.Maps:
            shell.update(zip(table.keys, values, strict=True))
        else:
            for field, value in zip(table.fields, values, strict=True):
                object.__setattr__(shell, field, value)


_FILL_ORDER = {t.Objects: 0, t.Lists: 1, t.ObjectArrays: 2, t.Maps: 3, t.Dicts: 4, t.Sets: 5}


def _nodes(column: t.Column, rows: int) -> Any:
    kind = type(column)
    if kind is t.SameRef:
        return (column.node,)
    if kind is t.Run:
        return range(column.start, column.start + rows)
    if kind is t.Refs:
        return column.nodes
    if kind is t.Mixed:
        return [column.values[i] for i in column.refs]
    return ()


def _has_nodes(column: t.Column) -> bool:
    """Say whether a column of keys holds more than scalars, of which only few have the same hash."""
    return type(column) is not t.Plain and type(column) is not t.Same
