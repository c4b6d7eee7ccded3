"""The tree: the neutral form between a model and bytes.

A tree is a list of *tables*. All nodes of one shape (objects of one class with the same attributes, tuples of one
length, arrays of one dtype, ...) are the rows of one table, and a table keeps its values by column. Rows are
numbered through, table after table, so a node is an integer and a cycle is nothing special; 300 boosted trees are
a handful of columns and not 300 nested documents.

The one rule: a value in a column is a plain scalar, or a node number in a column that says so. Nothing here is
ever looked up, imported or called. ``docs/format.md`` section 4 is normative.

The structs are msgspec's: frozen, checked while decoding, and an order of magnitude quicker than dataclasses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

Scalar: TypeAlias = bool | int | float | str | None

TREE_VERSION = 1


class Same(msgspec.Struct, array_like=True, tag_field="$", tag=0, frozen=True, forbid_unknown_fields=True, gc=False):
    """Every row holds this one scalar."""

    value: Scalar


class Plain(msgspec.Struct, array_like=True, tag_field="$", tag=1, frozen=True, forbid_unknown_fields=True, gc=False):
    """One scalar a row."""

    values: list[Scalar]


class SameRef(msgspec.Struct, array_like=True, tag_field="$", tag=2, frozen=True, forbid_unknown_fields=True, gc=False):
    """Every row refers to this one node."""

    node: int


class Run(msgspec.Struct, array_like=True, tag_field="$", tag=3, frozen=True, forbid_unknown_fields=True, gc=False):
    """Row ``i`` refers to node ``start + i``."""

    start: int


class Refs(msgspec.Struct, array_like=True, tag_field="$", tag=4, frozen=True, forbid_unknown_fields=True, gc=False):
    """One node a row."""

    nodes: list[int]


class Mixed(msgspec.Struct, array_like=True, tag_field="$", tag=5, frozen=True, forbid_unknown_fields=True, gc=False):
    """Scalars and nodes; ``refs`` lists, ascending, the rows whose value is a node number."""

    values: list[Scalar]
    refs: list[int]


Column: TypeAlias = Same | Plain | SameRef | Run | Refs | Mixed


class Objects(msgspec.Struct, array_like=True, tag_field="$", tag=0, frozen=True, forbid_unknown_fields=True, gc=False):
    """Instances made empty and then given attributes; may take part in cycles."""

    type: str
    fields: list[str]
    rows: int
    columns: list[Column]


class Records(msgspec.Struct, array_like=True, tag_field="$", tag=1, frozen=True, forbid_unknown_fields=True, gc=False):
    """Values built in one step from explicit fields by the adapter of their type."""

    type: str
    fields: list[str]
    rows: int
    columns: list[Column]


class Tuples(msgspec.Struct, array_like=True, tag_field="$", tag=2, frozen=True, forbid_unknown_fields=True, gc=False):
    """Tuples of one length, a column for each place."""

    rows: int
    columns: list[Column]


class LongTuples(msgspec.Struct, array_like=True, tag_field="$", tag=3, frozen=True, forbid_unknown_fields=True, gc=False):
    """Tuples longer than WIDE, one after the other in ``items``."""

    rows: int
    lengths: Column
    items: Column


class Lists(msgspec.Struct, array_like=True, tag_field="$", tag=4, frozen=True, forbid_unknown_fields=True, gc=False):
    """Lists, one after the other in ``items``."""

    rows: int
    lengths: Column
    items: Column


class Maps(msgspec.Struct, array_like=True, tag_field="$", tag=5, frozen=True, forbid_unknown_fields=True, gc=False):
    """Dicts that share the same few text keys in the same order."""

    keys: list[str]
    rows: int
    columns: list[Column]


class Dicts(msgspec.Struct, array_like=True, tag_field="$", tag=6, frozen=True, forbid_unknown_fields=True, gc=False):
    """All other dicts: keys and values in insertion order, one dict after the other."""

    rows: int
    lengths: Column
    keys: Column
    values: Column


class Sets(msgspec.Struct, array_like=True, tag_field="$", tag=7, frozen=True, forbid_unknown_fields=True, gc=False):
    """Sets, each in canonical order."""

    rows: int
    lengths: Column
    items: Column


class FrozenSets(msgspec.Struct, array_like=True, tag_field="$", tag=8, frozen=True, forbid_unknown_fields=True, gc=False):
    """Frozen sets, each in canonical order."""

    rows: int
    lengths: Column
    items: Column


class Arrays(msgspec.Struct, array_like=True, tag_field="$", tag=9, frozen=True, forbid_unknown_fields=True, gc=False):
    """Arrays of one dtype, rank and layout.

    ``shapes`` holds ``rows * ndim`` lengths. ``pooled``: all rows lie one after the other in tensor ``tensor``;
    otherwise row ``i`` is tensor ``tensor + i``.
    """

    dtype: str
    ndim: int
    order: str
    writeable: bool
    rows: int
    shapes: list[int]
    pooled: bool
    tensor: int


class ObjectArrays(msgspec.Struct, array_like=True, tag_field="$", tag=10, frozen=True, forbid_unknown_fields=True, gc=False):
    """Arrays of Python objects, element after element in C order."""

    ndim: int
    order: str
    writeable: bool
    rows: int
    shapes: list[int]
    items: Column


class Numbers(msgspec.Struct, array_like=True, tag_field="$", tag=11, frozen=True, forbid_unknown_fields=True, gc=False):
    """numpy scalars of one dtype, as their bytes."""

    dtype: str
    rows: int
    data: bytes


class Views(msgspec.Struct, array_like=True, tag_field="$", tag=12, frozen=True, forbid_unknown_fields=True, gc=False):
    """Arrays that share memory: windows into byte arrays stored once."""

    dtype: str
    ndim: int
    writeable: bool
    rows: int
    buffers: list[int]
    offsets: list[int]
    shapes: list[int]
    strides: list[int]


class Names(msgspec.Struct, array_like=True, tag_field="$", tag=13, frozen=True, forbid_unknown_fields=True, gc=False):
    """Classes and functions as values, by exact name: keys into the reader's table."""

    names: list[str]


class Atoms(msgspec.Struct, array_like=True, tag_field="$", tag=14, frozen=True, forbid_unknown_fields=True, gc=False):
    """Rare scalars by kind: ``int`` beyond 64 bits, ``bytes``, ``bytearray``, ``complex``, ``surrogates``, ``singleton``."""

    kind: str
    values: list[bytes]


Table: TypeAlias = (
    Objects
    | Records
    | Tuples
    | LongTuples
    | Lists
    | Maps
    | Dicts
    | Sets
    | FrozenSets
    | Arrays
    | ObjectArrays
    | Numbers
    | Views
    | Names
    | Atoms
)


class Tree(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A whole tree: the root is a column of one row."""

    version: int
    root: Column
    tables: list[Table]


WIDE = 16
"""Tuples up to this length get a column for each place."""

ATOM_KINDS = frozenset({"int", "bytes", "bytearray", "complex", "surrogates", "singleton"})
SINGLETONS = {b"Ellipsis": Ellipsis, b"NotImplemented": NotImplemented}


def row_count(table: Table) -> int:
    """Return how many nodes a table holds."""
    if type(table) is Names:
        return len(table.names)
    if type(table) is Atoms:
        return len(table.values)
    return table.rows


def columns_of(table: Table) -> Sequence[Column]:
    """Return the columns of a table that may refer to other nodes, in the order of the format."""
    kind = type(table)
    if kind in (Objects, Records, Tuples, Maps):
        return table.columns
    if kind in (Lists, LongTuples, Sets, FrozenSets):
        return (table.lengths, table.items)
    if kind is Dicts:
        return (table.lengths, table.keys, table.values)  # type: ignore[return-value]
    if kind is ObjectArrays:
        return (table.items,)
    return ()


class Tensor(msgspec.Struct, frozen=True):
    """One logical tensor of an artifact: what the content digest binds.

    Attributes:
        name: unique path-like name, such as ``steps.clf.coef_``.
        dtype: a safetensors dtype, such as ``F64``; ``U8`` for everything that safetensors has no name for.
        shape: lengths as stored, C order (an array in Fortran order is stored transposed).
        nbytes: raw bytes.
        pieces: contiguous buffers whose bytes, one after the other, are the tensor; for writers only.
        items: of a pool, gives the bytes of each array in it; no array lies in two pieces. For writers only.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    pieces: Any = None
    items: Any = None
