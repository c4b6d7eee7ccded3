"""Random changes to a tree that keep it a tree: what a hostile writer with our own code could send.

Used by the property tests and by the fuzz target, so that both get past digests and encodings.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec

from holdfast.native.codec import decode_tree, encode_tree
from holdfast.native.container import Section
from holdfast.values import tree as t
from holdfast.values.manifest import manifest_bytes
from tests.hostile.crafted import part_of, sealed, taken, tree_section

NUMBERS = (0, 1, 2, 3, 7, 8, 63, 64, 255, 256, 1000, -1, -2, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63))
TEXTS = (
    "", "a", "predict", "__class__", "__dict__", "os.system", "builtins.eval", "<f8", "|O", "<U3", "|b1", "<M8[ns]", "C", "F", "K", "int", "bytes", "singleton",
    "complex", "surrogates", "numpy.log1p", "builtins.slice", "builtins.range", "collections.OrderedDict", "collections.deque", "re.Pattern", "functools.partial",
    "datetime.date", "scipy.sparse._csr.csr_matrix", "sklearn.preprocessing._data.StandardScaler", "numpy.dtype", "[items]", "format", "x\x1b[31m", "\u202e",
)  # fmt: skip
SCALARS = (None, True, False, 0.0, -1.5, float("nan"), float("inf"), *NUMBERS, *TEXTS)


class Mutator:
    """Makes one to three random changes."""

    def __init__(self, source: random.Random) -> None:
        self.random = source

    def tree(self, tree: t.Tree) -> t.Tree:
        """Return a changed tree."""
        for _ in range(self.random.choice((1, 1, 2, 3))):
            tree = self.once(tree)
        return tree

    def once(self, tree: t.Tree) -> t.Tree:
        """Return a tree with one change."""
        r = self.random
        tables = list(tree.tables)
        if not tables or r.random() < 0.05:
            return t.Tree(tree.version, self.column(tree.root), tables)
        place = r.randrange(len(tables))
        kind = r.random()
        if kind < 0.05:
            other = r.randrange(len(tables))
            tables[place], tables[other] = tables[other], tables[place]
        elif kind < 0.08:
            del tables[place]
        elif kind < 0.11:
            tables.insert(place, tables[r.randrange(len(tables))])
        else:
            tables[place] = self.table(tables[place])
        return t.Tree(tree.version, tree.root, tables)

    def table(self, table: Any) -> Any:
        """Return a table with one field changed."""
        r = self.random
        name = r.choice(table.__struct_fields__)
        old = getattr(table, name)
        changes: dict[str, Any] = {name: self.value(name, old)}
        if name in ("fields", "keys") and r.random() < 0.7 and isinstance(old, list):
            count = len(changes[name]) - len(old)
            if count < 0:
                changes["columns"] = list(table.columns)[:count]
            elif count > 0:
                changes["columns"] = [*table.columns, *[t.Same(r.choice(SCALARS))] * count]
        return msgspec.structs.replace(table, **changes)

    def value(self, name: str, old: Any) -> Any:
        """Return another value for a field of a table."""
        r = self.random
        if isinstance(old, bool):
            return not old
        if isinstance(old, int):
            return r.choice((old + 1, old - 1, r.choice(NUMBERS)))
        if isinstance(old, str):
            return r.choice(TEXTS)
        if isinstance(old, bytes):
            return r.choice((old[:-1], old + b"\0", b"", bytes(r.randrange(256) for _ in old)))
        if isinstance(old, list):
            return self.items(old)
        return self.column(old)

    def items(self, old: list[Any]) -> list[Any]:
        """Return a list with an item changed, more, fewer, twice, or in another order."""
        r = self.random
        new = list(old)
        if not new or r.random() < 0.1:
            if not new or isinstance(new[0], str):
                return [*new, r.choice(TEXTS)] if not new or isinstance(new[0], str) else new
        place = r.randrange(len(new))
        kind = r.random()
        if kind < 0.1:
            del new[place]
        elif kind < 0.2:
            new.insert(place, new[r.randrange(len(new))])
        elif kind < 0.3:
            r.shuffle(new)
        else:
            one = new[place]
            new[place] = self.column(one) if isinstance(one, t.Column) else self.value("", one) if one is not None and not isinstance(one, float) else r.choice(SCALARS)
        return new

    def column(self, old: Any) -> t.Column:
        """Return another column."""
        r = self.random
        kind = r.random()
        if kind < 0.35:
            return t.Same(r.choice(SCALARS))
        if kind < 0.5:
            return t.SameRef(r.choice((0, 1, 2, 3, 5, 8, r.choice(NUMBERS))))
        if kind < 0.6:
            return t.Run(r.choice((0, 1, 2, 5)))
        if isinstance(old, t.Plain) and old.values:
            new = list(old.values)
            new[r.randrange(len(new))] = r.choice(SCALARS)
            return t.Plain(new)
        if isinstance(old, t.Refs) and old.nodes:
            nodes = list(old.nodes)
            nodes[r.randrange(len(nodes))] = r.choice((0, 1, 2, r.choice(NUMBERS)))
            return t.Refs(nodes)
        if isinstance(old, t.Mixed):
            return t.Mixed(list(old.values), [max(0, one - 1) for one in old.refs])
        return t.Refs([r.choice((0, 1, 2, 3))]) if r.random() < 0.5 else t.Plain([r.choice(SCALARS)])


def sealed_again(blob: bytes, mutator: Mutator) -> bytes:
    """Return a file whose tree was changed, with a manifest and a seal that hold. A change that cannot be encoded is left out."""
    old = taken(blob)
    for _ in range(20):
        try:
            raw = encode_tree(mutator.tree(decode_tree(old.tree)))
        except (OverflowError, UnicodeEncodeError, TypeError, ValueError):
            continue
        return with_tree(blob, raw)
    return blob


def with_tree(blob: bytes, raw: bytes) -> bytes:
    """Return a file with other bytes for its tree, sealed again."""
    old = taken(blob)
    new = msgspec.structs.replace(old.manifest, content=part_of(raw, old.pieces))
    sections: list[Section] = [tree_section(raw), *(one.section for one in old.pieces)]
    return sealed(sections, manifest_bytes(new))
