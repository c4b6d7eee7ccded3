"""What is in a model that its owner may not want to hand out: rows it was trained on, passwords and tokens.

The one rule: only the tree is read, never the arrays; a notice is given and nothing is taken out.
"""

from __future__ import annotations

import re
from typing import Any

from holdfast.errors import quoted
from holdfast.trust.catalog import catalog
from holdfast.values import tree as t
from holdfast.values.graph import Graph, Node
from holdfast.values.paths import Paths

_SECRET = re.compile(
    r"://[^/\s:@]{1,200}:[^/\s:@]{3,200}@|-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}|\bglpat-[\w-]{20}"
    r"|\bxox[abpr]-[\w-]{10,}|\bsk-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."
)
_NAMED = re.compile(r"(password|passwd|secret|api_?key|access_?token|auth_?token|private_?key)", re.IGNORECASE)
_LONG = 64


def training_rows(tree: t.Tree, tensors: int) -> list[str]:
    """Return the paths of attributes that hold training rows, by what the list says of each class."""
    known = catalog().types
    found: list[tuple[int, str, Any]] = []
    for index, table in enumerate(tree.tables):
        if type(table) is not t.Objects and type(table) is not t.Records:
            continue
        entry = known.get(table.type)
        if entry is None or not entry.training:
            continue
        for field, column in zip(table.fields, table.columns, strict=True):
            if field in entry.training and type(column) not in (t.Same, t.Plain):
                found.append((index, field, table))
    if not found:
        return []
    graph = Graph(tree, tensors)
    paths = Paths(graph)
    places = []
    for index, field, table in found[:20]:
        for row in range(min(table.rows, 20)):
            cells = graph.cells(table.columns[table.fields.index(field)], table.rows)
            if type(cells[row]) is Node:
                path = paths.path(graph.bases[index] + row)
                places.append(f"{path}.{field}" if path else field)
    return places


def secrets_in(tree: t.Tree) -> list[str]:
    """Return where text looks like a secret: attributes and small dicts, not long columns of words."""
    places = []
    table: Any
    for table in tree.tables:
        kind = type(table)
        if kind is t.Objects or kind is t.Records or kind is t.Maps:
            names = table.keys if kind is t.Maps else table.fields
            owner = "a dict" if kind is t.Maps else table.type.rpartition(".")[2]
            for name, column in zip(names, table.columns, strict=True):  # type: ignore[arg-type]
                if any(_secret(name, value) for value in _texts(column)):
                    places.append(f"{quoted(name)!r} of {quoted(owner)}")
        elif kind is t.Tuples:
            if any(_SECRET.search(value) for column in table.columns for value in _texts(column)):
                places.append("text in a tuple")
        elif kind is t.Dicts:
            if any(_SECRET.search(value) for value in (*_texts(table.values), *_texts(table.keys))):
                places.append("text in a dict")
        elif kind in (t.Lists, t.LongTuples, t.Sets, t.FrozenSets) and any(_SECRET.search(value) for value in _texts(table.items)):
            places.append("text in a list")
    return places


def _secret(name: str, value: str) -> bool:
    return len(value) >= 8 and (_SECRET.search(value) is not None or (_NAMED.search(name) is not None and " " not in value))


def _texts(column: t.Column) -> list[str]:
    kind = type(column)
    if kind is t.Same:
        return [column.value] if type(column.value) is str and len(column.value) >= 8 else []
    if kind is t.Plain or kind is t.Mixed:
        values: list[Any] = column.values
        return [value for value in values[:_LONG] if type(value) is str and len(value) >= 8]
    return []
