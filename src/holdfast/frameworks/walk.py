"""From a model to its tree: one pass over the object graph, without recursion.

Strategy. Every object that is not a plain scalar gets a provisional number when it is first met and waits in a queue;
expanding it appends one row to the *group* of its shape (class and attribute names, tuple length, dtype and rank ...)
and numbers the objects it refers to. Groups become tables at the end, when each column is looked at once as a whole:
`set(map(type, column))` decides its encoding in C. References are marked by their type, `Ref`, until the final node
numbers are known.

Values that are built in one step (tuples, records, frozen sets) must come after what they hold, so their groups are
split by *rank*, the longest chain of such values below them; a self-reference cannot occur among them.

The one rule: the order of tables and rows follows from the graph alone, so that equal models give equal trees in any process.
"""

from __future__ import annotations

import types
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from holdfast.errors import UnsupportedModel, quoted
from holdfast.frameworks.adapter import REGISTERED, Record, adapter_for, adapter_named, refuse, type_name
from holdfast.frameworks.arrays import SharedMemory, array_key, is_string_array, memory_order, number_bytes
from holdfast.frameworks.columns import Ref, column
from holdfast.frameworks.naming import TensorNames
from holdfast.frameworks.objects import is_enum, is_named_tuple, problem, reader_of
from holdfast.frameworks.places import place_arrays
from holdfast.values import limits
from holdfast.values import tree as t
from holdfast.values.dtypes import dtype_text
from holdfast.values.hashes import check_hashes

SCALARS = frozenset({type(None), bool, int, float, str})
_MAP_KEYS = 32
_MAP_LAYOUTS = 1000
_LEAVES = (t.Arrays, t.Views, t.Numbers, t.Names, t.Atoms)
_CONTAINERS = (t.Lists, t.Maps, t.Dicts, t.Sets, t.ObjectArrays)
_STRICT = (t.Records, t.Tuples, t.LongTuples, t.FrozenSets)


class Group:
    """The rows of one future table, with the provisional numbers of their nodes."""

    __slots__ = ("key", "kind", "nodes", "rank", "rows")

    def __init__(self, kind: type, key: Any) -> None:
        self.kind = kind
        self.key = key
        self.rows: list[Any] = []
        self.nodes: list[int] = []
        self.rank = 0


class Dumped:
    """What a walk gives: the tree, its tensors, and what was noticed on the way.

    Attributes:
        tree: the tree; its tables refer to `tensors` by index.
        tensors: the logical tensors, with the buffers to write.
        types: exact names of all classes met, in order of first sight.
        functions: exact names of all functions and classes met as values.
    """

    __slots__ = ("functions", "tensors", "tree", "types")

    def __init__(self, tree: t.Tree, tensors: list[t.Tensor], types_: list[str], functions: list[str]) -> None:
        self.tree = tree
        self.tensors = tensors
        self.types = types_
        self.functions = functions


def dump(model: Any, prefix: str = "", careful: bool = False) -> Dumped:
    """Return the tree of a model.

    Args:
        model: any object made of types that have an adapter, or of attributes.
        prefix: put before every tensor name, for a second tree in the same file.
        careful: look at every scalar, so that integers beyond 64 bits and text with lone surrogates become atoms.
            They are rare, and looking costs time: the caller asks for it after the encoder has refused one.

    Raises:
        UnsupportedModel: a part of the model cannot be saved; names it and the path to it.
    """
    return _Walker(plain_only=not careful).run(model, prefix)


class _Walker:
    def __init__(self, plain_only: bool) -> None:
        self.plain_only = plain_only
        self.memo: dict[int, Ref] = {}
        self.by_value: dict[Any, Ref] = {}
        self.queue: list[Any] = []
        self.parents: list[int] = []
        self.current = -1
        self.groups: dict[Any, Group] = {}
        self.group_of: list[Group] = []
        self.maps = 0
        self.dispatch: dict[type, Callable[[Any], None]] = dict(self._builtin_dispatch())
        self.shared = SharedMemory()

    # -- the pass ------------------------------------------------------------------------------------------------

    def run(self, model: Any, prefix: str) -> Dumped:
        root = self.value(model)
        queue, dispatch = self.queue, self.dispatch
        for number, obj in enumerate(queue):
            self.current = number
            expand = dispatch.get(type(obj))
            if expand is None:
                expand = self.resolve(obj)
            expand(obj)
        return self.finish(root, prefix)

    def ref(self, obj: Any) -> Ref:
        """Return the number of an object, a new one when it is met for the first time."""
        key = id(obj)
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = Ref(len(self.queue))
            self.queue.append(obj)  # the queue also keeps temporaries alive, so that no id is used twice
            self.parents.append(self.current)
        return found

    def value(self, obj: Any) -> Any:
        """Return what a column holds for an object: the scalar itself, or a reference."""
        kind = type(obj)
        if kind not in SCALARS:
            return self.ref(obj)
        return obj if self.plain_only else self.careful(obj)

    def values(self, items: Iterable[Any]) -> list[Any]:
        """Return what a column holds for each of the objects."""
        row = list(items)
        if not self.plain_only:
            return [self.careful(v) if type(v) in SCALARS else self.ref(v) for v in row]
        if len(row) > 16 and SCALARS.issuperset(set(map(type, row))):
            return row
        ref = self.ref
        return [v if type(v) in SCALARS else ref(v) for v in row]

    def hashed(self, keys: Collection[Any]) -> list[Any]:
        """Return what a column holds for keys; those that no reader would take are refused now, and not when the model is needed."""
        row = self.values(keys)
        if len(row) > limits.SAME_HASH and Ref in set(map(type, row)):
            check_hashes(keys)
        return row

    def careful(self, scalar: Any) -> Any:
        """Return a scalar that fits a column, or a reference to an atom for one that does not."""
        kind = type(scalar)
        if kind is int and not -(2**63) <= scalar < 2**64:
            return self.atom_by_value(scalar)
        if kind is str and not scalar.isascii():
            try:
                scalar.encode()
            except UnicodeEncodeError:
                return self.atom_by_value(scalar)
        return scalar

    def atom_by_value(self, scalar: Any) -> Ref:
        # By value and not by id: two equal integers are one object or two by accident of the process.
        found = self.by_value.get(scalar)
        if found is None:
            found = self.by_value[scalar] = Ref(len(self.queue))
            self.queue.append(scalar)
            self.parents.append(self.current)
        return found

    def group(self, kind: type, key: Any) -> Group:
        found = self.groups.get((kind, key))
        if found is None:
            found = self.groups[(kind, key)] = Group(kind, key)
        return found

    def add(self, group: Group, row: Any) -> None:
        group.rows.append(row)
        group.nodes.append(self.current)
        self.group_of.append(group)

    # -- how each kind of object becomes a row -------------------------------------------------------------------

    def _builtin_dispatch(self) -> Iterable[tuple[type, Callable[[Any], None]]]:
        yield list, self.expand_list
        yield tuple, self.expand_tuple
        yield dict, self.expand_dict
        yield set, lambda obj: self.expand_set(obj, t.Sets)
        yield frozenset, lambda obj: self.expand_set(obj, t.FrozenSets)
        yield np.ndarray, self.expand_array
        yield bytes, lambda obj: self.add(self.group(t.Atoms, "bytes"), obj)
        yield bytearray, lambda obj: self.add(self.group(t.Atoms, "bytearray"), bytes(obj))
        yield complex, lambda obj: self.add(self.group(t.Atoms, "complex"), np.complex128(obj).tobytes())
        yield int, lambda obj: self.add(self.group(t.Atoms, "int"), format(obj, "x").encode())
        yield str, lambda obj: self.add(self.group(t.Atoms, "surrogates"), obj.encode("utf-8", "surrogatepass"))
        for name, single in t.SINGLETONS.items():
            yield type(single), lambda _, name=name: self.add(self.group(t.Atoms, "singleton"), name)  # type: ignore[misc]
        for kind in (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.mean)):
            yield kind, self.expand_name

    def resolve(self, obj: Any) -> Callable[[Any], None]:
        """Find, and remember, how objects of a type met for the first time are expanded."""
        cls = type(obj)
        expand: Callable[[Any], None]
        adapter = adapter_for(cls)
        if adapter is not None:
            expand = self.by_adapter(cls, adapter.dump, t.Records if isinstance(adapter, Record) else t.Objects)
        elif issubclass(cls, np.generic):
            expand = self.expand_number
        elif isinstance(obj, type):
            expand = self.expand_name
        elif is_enum(cls):
            expand = self.by_adapter(cls, lambda member: {"name": member.name, "value": member.value}, t.Records)
        elif is_named_tuple(cls):
            expand = self.by_adapter(cls, lambda row: dict(zip(row._fields, row, strict=True)), t.Records)
        else:
            reason = advice(obj) or problem(cls)  # type: ignore[arg-type]
            if reason is not None:
                raise refuse(obj, self.path_of(self.current), reason)
            expand = self.by_adapter(cls, reader_of(cls), t.Objects)
        self.dispatch[cls] = expand
        return expand

    def by_adapter(self, cls: type, read: Callable[[Any], dict[str, Any]], kind: type) -> Callable[[Any], None]:
        registered = REGISTERED.get(cls)
        name = type_name(cls) if registered is None else registered.name
        groups: dict[tuple[str, ...], Group] = {}

        def expand(obj: Any) -> None:
            state = read(obj)
            fields = tuple(state)
            group = groups.get(fields)
            if group is None:
                if not all(type(field) is str for field in fields):
                    raise refuse(obj, self.path_of(self.current), "it has attributes whose names are not text")
                group = groups[fields] = self.group(kind, (name, fields))
            self.add(group, self.values(state.values()))

        return expand

    def expand_list(self, obj: list[Any]) -> None:
        self.add(self.group(t.Lists, None), self.values(obj))

    def expand_tuple(self, obj: tuple[Any, ...]) -> None:
        if len(obj) <= t.WIDE:
            self.add(self.group(t.Tuples, len(obj)), self.values(obj))
        else:
            self.add(self.group(t.LongTuples, None), self.values(obj))

    def expand_dict(self, obj: dict[Any, Any]) -> None:
        if len(obj) <= _MAP_KEYS:
            keys = tuple(obj)
            group = self.groups.get((t.Maps, keys)) if all(type(key) is str for key in keys) else None
            if group is None and self.maps < _MAP_LAYOUTS and all(type(key) is str and key.isascii() for key in keys):
                self.maps += 1
                group = self.group(t.Maps, keys)
            if group is not None:
                self.add(group, self.values(obj.values()))
                return
        self.add(self.group(t.Dicts, None), (self.hashed(obj), self.values(obj.values())))

    def expand_set(self, obj: Iterable[Any], kind: type) -> None:
        self.add(self.group(kind, None), self.hashed(canonical_order(obj)))

    def expand_array(self, obj: np.ndarray[Any, Any]) -> None:
        if obj.dtype.hasobject:
            if is_string_array(obj):
                self.expand_string_array(obj)
                return
            if obj.dtype.names is not None:
                raise refuse(obj, self.path_of(self.current), "a structured array that holds Python objects; save its columns instead")
            group = self.group(t.ObjectArrays, (obj.ndim, memory_order(obj), obj.flags.writeable))
            self.add(group, (obj.shape, self.values(obj.ravel("C").tolist())))
            return
        text = dtype_text(obj.dtype)
        if text is None:
            raise refuse(obj, self.path_of(self.current), f"arrays of dtype {quoted(obj.dtype)!r} have no form in the file")
        self.shared.see(self.current, obj)
        self.add(self.group(t.Arrays, array_key(obj, text)), obj)

    def expand_string_array(self, obj: np.ndarray[Any, Any]) -> None:
        adapter = adapter_named("numpy.StringArray")
        assert isinstance(adapter, Record)
        state = adapter.dump(obj)
        self.add(self.group(t.Records, ("numpy.StringArray", tuple(state))), self.values(state.values()))

    def expand_number(self, obj: np.generic) -> None:
        text = dtype_text(obj.dtype)
        if text is None:
            raise refuse(obj, self.path_of(self.current), f"numpy scalars of dtype {quoted(obj.dtype)!r} have no form in the file")
        self.add(self.group(t.Numbers, text), number_bytes(obj))

    def expand_name(self, obj: Any) -> None:
        from holdfast.frameworks.names import name_of

        name = name_of(obj)
        if name is None:
            raise refuse(
                obj,
                self.path_of(self.current),
                f"{quoted(getattr(obj, '__qualname__', obj))} cannot be found again by its name, as a lambda, a closure or a local "
                "class cannot; define it at the top level of an importable module, then load with trusted_functions=[its name]",
            )
        self.add(self.group(t.Names, None), name)

    # -- from groups to tables -----------------------------------------------------------------------------------

    def finish(self, root: Any, prefix: str) -> Dumped:
        buffers = self.shared.settle(self)
        groups = self.ranked()
        base = 0
        final = [0] * len(self.queue)
        for group in groups:
            for position, node in enumerate(group.nodes):
                final[node] = base + position
            base += len(group.nodes)
        names = TensorNames(self, prefix)
        placed = place_arrays(groups, names)
        large = len(self.queue) > LARGE or sum(_cells(group) for group in groups) > LARGE
        tables = [self.table(group, final, placed, buffers, large) for group in groups]
        kinds = (t.Objects, t.Records)
        types_ = list(dict.fromkeys(group.key[0] for group in groups if group.kind in kinds))
        functions = [name for group in groups if group.kind is t.Names for name in group.rows]
        tree = t.Tree(t.TREE_VERSION, column([root], final), tables)
        return Dumped(tree, placed.tensors, types_, functions)

    def table(self, group: Group, final: list[int], placed: Any, buffers: Any, large: bool) -> t.Table:
        kind, key, rows = group.kind, group.key, group.rows
        count = len(rows)
        if kind is t.Objects or kind is t.Records:
            name, fields = key
            return kind(name, list(fields), count, [column(list(c), final, large) for c in zip(*rows, strict=True)])  # type: ignore[no-any-return]
        if kind is t.Tuples:
            return t.Tuples(count, [column(list(c), final, large) for c in zip(*rows, strict=True)])
        if kind is t.Maps:
            return t.Maps(list(key), count, [column(list(c), final, large) for c in zip(*rows, strict=True)])
        if kind in (t.Lists, t.LongTuples, t.Sets, t.FrozenSets):
            return kind(count, column(list(map(len, rows)), final, large), column(_flat(rows), final, large))  # type: ignore[no-any-return]
        if kind is t.Dicts:
            keys, values = [row[0] for row in rows], [row[1] for row in rows]
            return t.Dicts(
                count, column(list(map(len, keys)), final, large), column(_flat(keys), final, large), column(_flat(values), final, large)
            )
        if kind is t.Arrays:
            place = placed.of[id(group)]
            dtype, ndim, order, writeable, _ = key
            shapes = [n for array in rows for n in array.shape]
            return t.Arrays(dtype, ndim, order, writeable, count, shapes, place.pooled, place.tensor)
        if kind is t.ObjectArrays:
            ndim, order, writeable = key
            return t.ObjectArrays(
                ndim, order, writeable, count, [n for row in rows for n in row[0]], column(_flat([row[1] for row in rows]), final, large)
            )
        if kind is t.Numbers:
            return t.Numbers(key, count, b"".join(rows))
        if kind is t.Views:
            return buffers.table(group, final)  # type: ignore[no-any-return]
        if kind is t.Names:
            return t.Names(rows)
        return t.Atoms(key, rows)

    def ranked(self) -> list[Group]:
        """Return the groups in table order: leaves, one-step values by rank, then everything made empty first."""
        leaves, strict, shells = [], [], []  # type: ignore[var-annotated]
        for group in self.groups.values():
            if not group.rows:
                continue
            (leaves if group.kind in _LEAVES else strict if group.kind in _STRICT else shells).append(group)
        # Views are built from the byte arrays they look into, so those come first.
        leaves.sort(key=lambda group: group.kind is t.Views)
        if strict:
            strict = self.split_by_rank(strict)
        return [*leaves, *strict, *shells]

    def split_by_rank(self, groups: list[Group]) -> list[Group]:
        members: dict[int, tuple[Group, int]] = {}
        for group in groups:
            for position, node in enumerate(group.nodes):
                members[node] = (group, position)
        below: dict[int, list[int]] = {}
        for group in groups:
            # Records and frozen sets are given containers that are already filled, so what those hold counts as well.
            deep = group.kind is t.Records or group.kind is t.FrozenSets
            for node, row in zip(group.nodes, group.rows, strict=True):
                refs = [int(v) for v in row if type(v) is Ref and v in members]
                if deep:
                    for v in row:
                        if type(v) is Ref and v not in members:
                            refs += [int(w) for w in self.direct(v, group.kind is t.FrozenSets) if w in members]
                if refs:
                    below[node] = refs
        if not below:
            return groups
        rank: dict[int, int] = {}
        for start in below:
            stack = [start]
            while stack:
                node = stack[-1]
                waiting = [child for child in below.get(node, ()) if child not in rank]
                if node in rank or not waiting:
                    stack.pop()
                    rank[node] = 1 + max((rank[child] for child in below.get(node, ())), default=-1)
                else:
                    for child in waiting:
                        if child in below:
                            stack.append(child)
                        else:
                            rank[child] = 0
                    if len(stack) > 2 * len(members) + 2:
                        raise UnsupportedModel(
                            f"cannot save {type_name(type(self.queue[node]))} at {self.path_of(node)}: it holds itself through values "
                            "that are built in one step (tuples, frozen sets, records)"
                        )
        split: dict[tuple[int, int], Group] = {}
        for order, group in enumerate(groups):
            for node, row in zip(group.nodes, group.rows, strict=True):
                level = rank.get(node, 0)
                part = split.get((level, order))
                if part is None:
                    part = split[(level, order)] = Group(group.kind, group.key)
                part.rows.append(row)
                part.nodes.append(node)
        return [split[key] for key in sorted(split)]

    def direct(self, node: int, with_objects: bool) -> list[Ref]:
        """Return what a container that is filled early refers to."""
        group = self.group_of[node]
        kind = group.kind
        if kind not in _CONTAINERS and not (with_objects and kind is t.Objects):
            return []
        row = group.rows[bisect_left(group.nodes, node)]
        if kind is t.Dicts:
            row = [*row[0], *row[1]]
        elif kind is t.ObjectArrays:
            row = row[1]
        return [v for v in row if type(v) is Ref]

    def path_of(self, node: int) -> str:
        return TensorNames(self, "").path(node)


LARGE = 1_000_000
"""Nodes and cells from which every column pays for its rows in bytes; see `holdfast.values.limits.FREE_CELLS`."""


def _cells(group: Group) -> int:
    rows = group.rows
    if group.kind in (t.Objects, t.Records, t.Tuples, t.Maps):
        return len(rows) * len(rows[0])
    if group.kind is t.Dicts or group.kind is t.ObjectArrays:
        return sum(2 * len(row[1]) for row in rows)
    return sum(map(len, rows)) if group.kind in (t.Lists, t.LongTuples, t.Sets, t.FrozenSets) else 0


def _flat(rows: list[Any]) -> list[Any]:
    if len(rows) == 1:
        return list(rows[0])
    return [value for row in rows for value in row]


def canonical_order(items: Iterable[Any]) -> list[Any]:
    """Return the items of a set in an order that depends on them alone, as far as they have one.

    Plain values, numpy scalars, enum members and tuples of such are sorted; other objects follow in iteration order.
    """
    rows = list(items)
    if len(set(map(type, rows))) == 1 and type(rows[0]) in (str, int):
        return sorted(rows)
    keyed = []
    rest = []
    for item in rows:
        key = _sort_key(item, 0)
        if key is None:
            rest.append(item)
        else:
            keyed.append((key, item))
    keyed.sort(key=lambda pair: pair[0])
    return [item for _, item in keyed] + rest


def _sort_key(item: Any, depth: int) -> Any:
    kind = type(item)
    name = type_name(kind)
    if kind is float:
        return (name, float(item).hex())
    if kind in (bool, int, str, bytes):
        return (name, item)
    if item is None:
        return (name, 0)
    if isinstance(item, np.generic):
        return (name, item.tobytes())
    if is_enum(kind):
        return (name, str(item.name))
    if kind in (tuple, frozenset) and depth < 16:
        parts = [_sort_key(part, depth + 1) for part in item]
        if any(part is None for part in parts):
            return None
        return (name, tuple(parts if kind is tuple else sorted(parts)))
    if depth < 16 and kind.__eq__ is not object.__eq__ and problem(kind) is None:  # type: ignore[arg-type, comparison-overlap]
        # objects that are told apart by their content, such as frozen dataclasses, have an order by it too
        state = [(field, _sort_key(value, depth + 1)) for field, value in reader_of(kind)(item).items()]
        if all(key is not None for _, key in state):
            return (name, tuple(state))
    return None


_ADVICE: dict[str, str] = {
    "builtins.method": "a bound method; keep the object and the name of the method instead",
    "builtins.generator": "a running generator has no state that can be saved; keep a list",
    "_io.TextIOWrapper": "an open file; keep its path",
    "_io.BufferedReader": "an open file; keep its path",
    "_io.BufferedWriter": "an open file; keep its path",
    "_thread.lock": "a lock belongs to this process; create it when it is first needed",
    "_thread.RLock": "a lock belongs to this process; create it when it is first needed",
    "builtins.module": "a module; import it where it is used",
    "builtins.memoryview": "a memory view; keep bytes or an array",
    "builtins.method-wrapper": "a bound method; keep the object and the name of the method instead",
    "_thread._local": "thread-local data belongs to this process",
    "weakref.ReferenceType": "a weak reference; keep the object itself",
}


def advice(obj: Any) -> str | None:
    """Return what to do instead of saving an object that no file can hold, or None."""
    return _ADVICE.get(type_name(type(obj)))
