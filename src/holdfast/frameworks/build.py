"""From a frozen plan to the model: everything empty first, then one-step values in order, then the fillings.

Strategy. `objects` has one place a node. Tables are visited in file order: arrays and other leaves, then one-step
values, whose references lead to earlier nodes or to shells that already exist. Containers that a one-step value is
given directly are filled just before it; all other containers are filled at the end, attributes first and dicts and
sets last, because a key may need its attributes for its hash.

The one rule: only what the plan names is imported, and what is built is exactly the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Protocol

import numpy as np

from holdfast.errors import Corrupt, FormatError, HoldfastError, InvalidState, UnsupportedModel, quoted
from holdfast.frameworks.adapter import REGISTERED, Record, Shell, adapter_named
from holdfast.frameworks.making import (
    COPIED,
    Used,
    atom,
    check_fields,
    check_text,
    distinct,
    member,
    not_rebuilt,
    own_memory,
    put_keys,
    read_only,
)
from holdfast.frameworks.names import find
from holdfast.frameworks.objects import attributes_of, is_enum, is_named_tuple, problem
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import Graph, Node, elements
from holdfast.values.paths import Paths
from holdfast.values.pools import cut_pool

_CONTAINERS = frozenset({t.Lists, t.Maps, t.Dicts, t.Sets, t.ObjectArrays})
_UNBUILT = type("Unbuilt", (), {})()


class Plan(Protocol):
    """What has been accepted: the graph, the classes that stand for its type names, and its tensors."""

    graph: Graph
    given: dict[str, type]
    """Type name -> class object that the caller handed over."""

    def buffer(self, tensor: int) -> Any:
        """Return the raw bytes of a tensor: the private copy, where a validator has looked at it."""

    def pool(self, index: int) -> list[Any]:
        """Return the small arrays of a table, where a validator has looked at them: those very arrays. Else nothing."""


def build(plan: Plan) -> Any:
    """Return the model that a plan describes.

    Raises:
        LibraryMissing: a library is not installed.
        InvalidState: an adapter found that its fields cannot be genuine.
        UnsupportedModel: a class the caller trusts cannot be rebuilt by its attributes.
    """
    return _Builder(plan).run()


class _Builder:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.graph = plan.graph
        self.objects: list[Any] = [_UNBUILT] * self.graph.total
        self.early: set[int] = set()
        self.paths = Paths(self.graph)
        self.fills: list[Callable[[], None]] = []
        # memory that read-only views look into has to be the model's own, to be told from bytes that merely lie there
        self.own = {node for table in self.graph.tables if type(table) is t.Views and not table.writeable for node in table.buffers}

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

    # -- columns ---------------------------------------------------------------------------------------------------

    def cells(self, column: t.Column, rows: int) -> list[Any]:
        """Return a column as a list of built objects."""
        kind = type(column)
        objects = self.objects
        if kind is t.Plain:
            return column.values
        if kind is t.Same:
            return [column.value] * rows
        if kind is t.SameRef:
            return [objects[column.node]] * rows
        if kind is t.Run:
            start = column.start
            return objects[start : start + rows]
        if kind is t.Refs:
            return list(map(objects.__getitem__, column.nodes))
        values: list[Any] = list(column.values)
        for i in column.refs:
            values[i] = objects[values[i]]
        return values

    def rows_of(self, table: Any, rows: int) -> Any:
        columns = [self.cells(column, rows) for column in table.columns]
        return zip(*columns, strict=True) if columns else [()] * rows

    def split(self, lengths: t.Column, items: t.Column, rows: int) -> list[list[Any]]:
        """Return the cells of each row, to be copied from: they may be the column itself."""
        if type(lengths) is t.Same:
            each: int = lengths.value  # type: ignore[assignment]
            flat = self.cells(items, each * rows)
            if rows == 1:
                return [flat]
            return [flat[i * each : i * each + each] for i in range(rows)]
        counts: list[int] = lengths.values  # type: ignore[assignment]
        ends = list(accumulate(counts))
        flat = self.cells(items, ends[-1])
        return [flat[end - count : end] for end, count in zip(ends, counts, strict=True)]

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
            made = [distinct(put_keys(frozenset, row, row if ask else ()), len(row)) for row in self.split(table.lengths, table.items, rows)]
        else:
            make = self.record_maker(table)
            made = [make(row) for row in self.rows_of(table, rows)]
        return made

    def arrays(self, index: int, table: t.Arrays, rows: int) -> list[Any]:
        base = self.graph.bases[index]
        dtype, ndim, order = parse_dtype(table.dtype), table.ndim, table.order
        shapes = table.shapes
        made: list[Any] = []
        if table.pooled:
            made = self.plan.pool(index)
            if not made or not made[0].flags.writeable:
                buffer = self.plan.buffer(table.tensor)
                made = cut_pool(own_memory(buffer) if len(buffer) <= COPIED else buffer, table)
        else:
            for row, count in enumerate(elements(table, rows)):
                buffer = self.plan.buffer(table.tensor + row)
                if count * dtype.itemsize != len(buffer):
                    raise Corrupt(f"an array of {count} elements of {table.dtype} has {len(buffer)} bytes")
                if len(buffer) <= COPIED:
                    buffer = own_memory(buffer)
                shape = shapes[row * ndim : row * ndim + ndim]
                made.append(np.ndarray(shape, dtype, buffer, order=order) if len(buffer) else np.zeros(shape, dtype, order))  # type: ignore[arg-type, call-overload]
        if "U" in table.dtype:
            for one in made:
                check_text(one)
        if self.own and table.dtype == "|u1":
            made = [one.copy() if base + row in self.own and not one.flags.writeable else one for row, one in enumerate(made)]
        return made if table.writeable else [read_only(array) for array in made]

    def views(self, table: t.Views, rows: int) -> list[Any]:
        dtype, ndim = parse_dtype(table.dtype), table.ndim
        made = []
        for row in range(rows):
            memory = self.objects[table.buffers[row]]
            cut = slice(row * ndim, row * ndim + ndim)
            array = np.ndarray(table.shapes[cut], dtype, memory, table.offsets[row], table.strides[cut])
            if not table.writeable:
                array.flags.writeable = False
            made.append(array)
        return made

    def named(self, name: str) -> Any:
        return self.plan.given[name] if name in self.plan.given else find(name, "the model")

    def class_named(self, name: str) -> type:
        cls = self.plan.given.get(name)
        if cls is None:
            cls = find(name, "the model")
        if not isinstance(cls, type):
            raise FormatError(f"{quoted(name)} is not a class")
        return cls

    def record_maker(self, table: t.Records) -> Callable[[Any], Any]:
        fields = tuple(table.fields)
        adapter = self.adapter(table.type)
        if isinstance(adapter, Record):
            construct = adapter.build
            name = table.type

            first = True

            def make(row: Any) -> Any:
                nonlocal first
                given = dict(zip(fields, row, strict=True))
                try:
                    # pandas leaves fields aside that do not matter for a dtype at hand, and so may somebody else's adapter
                    if not first or name.startswith("pandas.") or name in self.plan.given:
                        return construct(given)
                    first = False
                    asked = Used(given)
                    made = construct(asked)
                    asked.check(name)
                    return made
                except HoldfastError:
                    raise
                except Exception as error:
                    # what a constructor raises on fields that it cannot have written is as various as the constructors
                    raise not_rebuilt(name, error) from None

            return make
        if adapter is not None:
            raise FormatError(f"{quoted(table.type)} is not built in one step")
        cls = self.class_named(table.type)
        if is_enum(cls):
            return lambda row: member(cls, fields, row)
        if is_named_tuple(cls):
            if cls._fields != fields:  # type: ignore[attr-defined]
                raise InvalidState(f"{quoted(table.type)} has the fields {cls._fields}, and the file holds {quoted(fields)}")  # type: ignore[attr-defined]
            return lambda row: tuple.__new__(cls, row)
        raise FormatError(f"{quoted(table.type)} is not built in one step")

    def adapter(self, name: str) -> Record | Shell | None:
        given = self.plan.given.get(name)
        if given is not None:
            registered = REGISTERED.get(given)
            return None if registered is None else registered.adapter
        return adapter_named(name)

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

    def shell_maker(self, table: t.Objects) -> Callable[[], Any]:
        adapter = self.adapter(table.type)
        if isinstance(adapter, Shell):
            return adapter.make
        if adapter is not None:
            raise FormatError(f"{quoted(table.type)} is not made empty first")
        cls = self.class_named(table.type)
        reason = "it is an enumeration or a named tuple" if is_enum(cls) or is_named_tuple(cls) else problem(cls)
        if reason is not None:
            raise UnsupportedModel(f"cannot rebuild {quoted(table.type)} from its attributes: {reason}")
        check_fields(cls, table.type, tuple(table.fields))
        return lambda: object.__new__(cls)

    def fill(self, index: int, table: Any) -> None:
        kind = type(table)
        rows = t.row_count(table)
        base = self.graph.bases[index]
        shells = self.objects[base : base + rows]
        if kind is t.Objects:
            self.fill_objects(table, rows, shells)
        elif kind is t.Lists:
            for shell, items in zip(shells, self.split(table.lengths, table.items, rows), strict=True):
                if not shell:
                    shell.extend(items)
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
        kind = type(table)
        if kind not in (t.Records, t.FrozenSets):
            return
        shells = self.graph.shells
        for column in t.columns_of(table):
            for node in _nodes(column, rows):
                if node >= shells and node not in self.early:
                    index, row = self.graph.locate(node)
                    kind_there = type(self.graph.tables[index])
                    if kind_there in _CONTAINERS or (kind is t.FrozenSets and kind_there is t.Objects):
                        self.early.add(node)
                        self.fill_row(index, row)

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

    def built(self, cells: list[Any]) -> list[Any]:
        """Return the objects that cells stand for; each has to be there already."""
        values = [self.objects[cell] if type(cell) is Node else cell for cell in cells]
        if any(value is _UNBUILT for value in values):
            raise FormatError("a value is needed before it can be built; the tree is out of order")
        return values


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
