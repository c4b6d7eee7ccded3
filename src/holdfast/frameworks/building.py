"""What a build knows, and how the leaves and one-step values of a plan are made.

The one rule: only what the plan names is imported, and a value is made only of what was built before it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Protocol

import numpy as np

from holdfast.errors import Corrupt, FormatError, HoldfastError, InvalidState, UnsupportedModel, quoted
from holdfast.frameworks.adapter import REGISTERED, Record, Shell, adapter_named, family_adapter
from holdfast.frameworks.making import COPIED, Used, check_fields, check_text, member, not_rebuilt, own_memory, read_only
from holdfast.frameworks.names import find, missing
from holdfast.frameworks.objects import is_enum, is_named_tuple, problem
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import Graph, Node, elements
from holdfast.values.pools import cut_pool

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


class Building:
    """The objects of a plan that are there so far, and how more of them are made.

    Attributes:
        plan: what has been accepted.
        graph: its graph.
        objects: one place a node.
        own: nodes of memory that read-only views look into: it has to be the model's own, to be told from bytes that merely lie there.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.graph = plan.graph
        self.objects: list[Any] = [_UNBUILT] * self.graph.total
        self.own = {node for table in self.graph.tables if type(table) is t.Views and not table.writeable for node in table.buffers}

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
        """Return the rows of a table of columns, as tuples of built objects."""
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

    def is_built(self, node: int) -> bool:
        """Say whether the object of a node is there."""
        return self.objects[node] is not _UNBUILT

    def built(self, cells: list[Any]) -> list[Any]:
        """Return the objects that cells stand for; each has to be there already."""
        values = [self.objects[cell] if type(cell) is Node else cell for cell in cells]
        if any(value is _UNBUILT for value in values):
            raise FormatError("a value is needed before it can be built; the tree is out of order")
        return values

    # -- leaves and one-step values --------------------------------------------------------------------------------

    def arrays(self, index: int, table: t.Arrays, rows: int) -> list[Any]:
        """Return the arrays of a table, each over its tensor or its piece of a pool.

        Raises:
            Corrupt: a tensor has other bytes than the shape needs, or text no code points.
        """
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
        """Return arrays that look into the memory of others; the graph has seen that they stay inside."""
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
        """Return what a name that the plan accepted stands for."""
        return self.plan.given[name] if name in self.plan.given else find(name, "the model")

    def class_named(self, name: str) -> type:
        """Return the class of a name that the plan accepted.

        Raises:
            FormatError: it names something else.
        """
        cls = self.plan.given.get(name)
        if cls is None:
            cls = find(name, "the model")
        if not isinstance(cls, type):
            raise FormatError(f"{quoted(name)} is not a class")
        return cls

    def record_maker(self, table: t.Records) -> Callable[[Any], Any]:
        """Return what makes a record of one row of a table.

        Raises:
            FormatError: its type is not built in one step.
            InvalidState: the fields are not those of its type.
        """
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
                except ImportError as error:
                    raise missing(name, error) from None
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
        """Return the adapter of a type, or None for a class that is rebuilt by its attributes."""
        given = self.plan.given.get(name)
        if given is not None and given in REGISTERED:
            return REGISTERED[given].adapter
        found = adapter_named(name) if given is None else None
        return found or family_adapter(self.class_named(name))

    def shell_maker(self, table: t.Objects) -> Callable[[], Any]:
        """Return what makes the empty objects of a table.

        Raises:
            FormatError: its type is not made empty first.
            UnsupportedModel: a class the caller trusts cannot be rebuilt by its attributes.
        """
        adapter = self.adapter(table.type)
        if isinstance(adapter, Shell):
            empty = adapter.make

            def make() -> Any:
                try:
                    return empty()
                except ImportError as error:
                    raise missing(table.type, error) from None

            return make
        if adapter is not None:
            raise FormatError(f"{quoted(table.type)} is not made empty first")
        cls = self.class_named(table.type)
        reason = "it is an enumeration or a named tuple" if is_enum(cls) or is_named_tuple(cls) else problem(cls)
        if reason is not None:
            raise UnsupportedModel(f"cannot rebuild {quoted(table.type)} from its attributes: {reason}")
        check_fields(cls, table.type, tuple(table.fields))
        return lambda: object.__new__(cls)
