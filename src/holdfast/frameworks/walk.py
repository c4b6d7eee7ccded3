"""From a model to its tree: one pass over the object graph, without recursion.

Strategy. Every object that is not a plain scalar gets a provisional number when it is first met and waits in a queue;
expanding it appends one row to the *group* of its shape (class and attribute names, tuple length, dtype and rank ...)
and numbers the objects it refers to. Groups become tables at the end, when each column is looked at once as a whole:
`set(map(type, column))` decides its encoding in C. References are marked by their type, `Ref`, until the final node
numbers are known.

The queue is worked off in waves. Of a large wave, the objects of one type are expanded together and column by column,
which leaves the loops to C and gives what lies in one column consecutive numbers.

The one rule: the order of tables and rows follows from the graph alone, so that equal models give equal trees in any process.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from itertools import accumulate, chain, repeat
from operator import itemgetter
from typing import Any

import numpy as np

from holdfast.errors import quoted
from holdfast.frameworks.adapter import REGISTERED, Record, adapter_for, adapter_named, family_adapter, refuse, type_name
from holdfast.frameworks.arrays import SMALL, SharedMemory, array_key, is_string_array, memory_order, number_bytes
from holdfast.frameworks.columns import column
from holdfast.frameworks.groups import LARGE, Group, cell_count, final_numbers, ranked, table
from holdfast.frameworks.naming import TensorNames
from holdfast.frameworks.objects import is_enum, is_named_tuple, misfit, problem, reader_of
from holdfast.frameworks.places import place_arrays
from holdfast.frameworks.set_order import canonical_order
from holdfast.frameworks.walking import MANY, SCALARS, Walking, alike
from holdfast.values import limits
from holdfast.values import tree as t
from holdfast.values.dtypes import dtype_text

NAMED = frozenset({"jax._src.custom_derivatives.custom_jvp", "jax._src.custom_derivatives.custom_vjp", "jaxlib._jax.PjitFunction"})
"""Types of functions beyond Python's own and numpy's, which go by their names as those do."""

_MAP_KEYS = 32
_MAP_LAYOUTS = 1000


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


class _Walker(Walking):
    """A walk over live objects."""

    def __init__(self, plain_only: bool) -> None:
        super().__init__(plain_only)
        self.maps = 0
        self.dispatch: dict[type, Callable[[Any], None]] = dict(self._builtin_dispatch())
        self.many: dict[type, Callable[[list[int], list[Any]], None]] = {
            tuple: self.expand_tuples, dict: self.expand_dicts, list: self.expand_lists, np.ndarray: self.expand_arrays
        }  # fmt: skip
        self.shared = SharedMemory()

    # -- the pass ------------------------------------------------------------------------------------------------

    def run(self, model: Any, prefix: str) -> Dumped:
        """Return the tree of a model."""
        root = self.value(model)
        done = 0
        while done < len(self.queue):
            wave = range(done, len(self.queue))
            self.settle(wave)
            if len(wave) >= 2 * MANY and self.plain_only:
                self.expand_together(wave)
            else:
                for number in wave:
                    self.expand(number)
            done = wave.stop
        return self.finish(root, prefix)

    def settle(self, wave: range) -> None:
        """Look at the objects of a wave before they are expanded; live objects are what they are."""

    def expand(self, number: int) -> None:
        """Make the row of one object."""
        obj = self.queue[number]
        self.current = number
        expand = self.dispatch.get(type(obj))
        if expand is None:
            expand = self.resolve(obj)
        expand(obj)

    def expand_together(self, wave: range) -> None:
        """Make the rows of the objects of a wave, type by type where there are many of one, and then the others."""
        objects = self.queue[wave.start :]
        rest: list[int] = []
        for kind, nodes, mine in alike(list(map(type, objects)), list(wave), objects):
            if len(mine) >= MANY and kind not in self.dispatch:
                self.current = nodes[0]
                self.resolve(mine[0])
            together = self.many.get(kind)
            if len(mine) >= MANY and together is not None:
                together(nodes, mine)
            else:
                rest += nodes
        for number in sorted(rest):
            self.expand(number)

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
        yield int, self.expand_int
        yield str, lambda obj: self.add(self.group(t.Atoms, "surrogates"), obj.encode("utf-8", "surrogatepass"))
        for name, single in t.SINGLETONS.items():
            yield type(single), lambda _, name=name: self.add(self.group(t.Atoms, "singleton"), name)  # type: ignore[misc]
        for kind in (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.mean)):
            yield kind, self.expand_name

    def expand_int(self, obj: int) -> None:
        if obj.bit_length() > 4 * (limits.INT_DIGITS - 1):  # a sign takes a digit
            bits = obj.bit_length()
            raise refuse(
                obj, self.path_of(self.current), f"an integer of {bits} bits, more than {4 * (limits.INT_DIGITS - 1)} (INT_DIGITS)"
            )
        self.add(self.group(t.Atoms, "int"), format(obj, "x").encode())

    def resolve(self, obj: Any) -> Callable[[Any], None]:
        """Find, and remember, how objects of a type met for the first time are expanded."""
        cls = type(obj)
        expand: Callable[[Any], None]
        adapter = adapter_for(cls)
        if adapter is not None:
            expand = self.by_adapter(cls, adapter.dump, t.Records if isinstance(adapter, Record) else t.Objects)
        elif issubclass(cls, np.generic):
            expand = self.expand_number
        elif isinstance(obj, type) or type_name(cls) in NAMED:
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
                self.check_fields(obj, fields)
                group = groups[fields] = self.group(kind, (name, fields))
            self.add(group, self.values(state.values()))

        def expand_many(nodes: list[int], objects: list[Any]) -> None:
            states = list(map(read, objects))
            for fields, some, mine in alike(list(map(tuple, states)), nodes, states):
                group = groups.get(fields)
                if group is None:
                    self.current = some[0]
                    self.check_fields(self.queue[self.current], fields)
                    group = groups[fields] = self.group(kind, (name, fields))
                self.add_together(group, some, zip(*map(dict.values, mine), strict=True), fields)

        self.many[cls] = expand_many
        return expand

    def check_fields(self, obj: Any, fields: tuple[Any, ...]) -> None:
        """Refuse attributes that no reader would put back."""
        cls: Any = type(obj)
        if not all(type(field) is str for field in fields):
            raise refuse(obj, self.path_of(self.current), "it has attributes whose names are not text")
        adapter = adapter_for(cls)
        # a family's objects keep their attributes, as those without an adapter do; explicit fields may have any name
        plain = not isinstance(adapter, Record) and (adapter is None or family_adapter(cls) is adapter) and not is_enum(cls) and not is_named_tuple(cls)
        wrong = misfit(cls, fields) if plain else None
        if wrong is not None:
            raise refuse(obj, self.path_of(self.current), f"{wrong}; rename or delete it")

    def expand_list(self, obj: list[Any]) -> None:
        self.add(self.group(t.Lists, None), self.values(obj))

    def expand_tuple(self, obj: tuple[Any, ...]) -> None:
        if len(obj) <= t.WIDE:
            self.add(self.group(t.Tuples, len(obj)), self.values(obj))
        else:
            self.add(self.group(t.LongTuples, None), self.values(obj))

    def expand_dict(self, obj: dict[Any, Any]) -> None:
        if len(obj) <= _MAP_KEYS:
            group = self.map_group(tuple(obj))
            if group is not None:
                self.add(group, self.values(obj.values()))
                return
        self.add(self.group(t.Dicts, None), (self.hashed(obj), self.values(obj.values())))

    def expand_lists(self, nodes: list[int], lists: list[list[Any]]) -> None:
        if SCALARS.issuperset(set(map(type, chain.from_iterable(lists)))):
            group = self.group(t.Lists, None)
            group.rows += lists
            group.nodes += nodes
            return
        # what all of them hold becomes cells in one go, and lies in one stretch where it is met for the first time
        counts = list(map(len, lists))
        cells = self.cells(chain.from_iterable(lists), chain.from_iterable(map(repeat, nodes, counts)))
        group = self.group(t.Lists, None)
        group.rows += [cells[end - count : end] for count, end in zip(counts, accumulate(counts), strict=True)]
        group.nodes += nodes

    def expand_tuples(self, nodes: list[int], tuples: list[tuple[Any, ...]]) -> None:
        for length, some, mine in alike(list(map(len, tuples)), nodes, tuples):
            if length <= t.WIDE:
                self.add_together(self.group(t.Tuples, length), some, zip(*mine, strict=True))
            else:
                for node in some:
                    self.expand(node)

    def expand_dicts(self, nodes: list[int], dicts: list[dict[Any, Any]]) -> None:
        if max(map(len, dicts)) > _MAP_KEYS or set(map(type, chain.from_iterable(dicts))) != {str}:
            for node in nodes:
                self.expand(node)
            return
        for layout, some, mine in alike(list(map(tuple, dicts)), nodes, dicts):
            group = self.map_group(layout)
            if group is None:
                for node in some:
                    self.expand(node)
            else:
                self.add_together(group, some, (map(itemgetter(key), mine) for key in layout), layout)

    def map_group(self, keys: tuple[Any, ...]) -> Group | None:
        """Return the group of dicts with these keys, or None when they have none of their own."""
        if not all(type(key) is str for key in keys):
            return None
        group = self.groups.get((t.Maps, keys))
        if group is None and self.maps < _MAP_LAYOUTS and all(key.isascii() for key in keys):
            self.maps += 1
            group = self.group(t.Maps, keys)
        return group

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

    def expand_arrays(self, nodes: list[int], arrays: list[np.ndarray[Any, Any]]) -> None:
        marks = []
        for array in arrays:
            flags = array.flags
            marks.append((array.dtype, array.ndim, flags.c_contiguous and flags.writeable, array.nbytes <= SMALL))
        for (dtype, ndim, plain, small), some, mine in alike(marks, nodes, arrays):
            text = None if dtype.hasobject or not plain else dtype_text(dtype)
            if text is None:
                for node in some:
                    self.expand(node)
                continue
            for node, array in zip(some, mine, strict=True):
                if array.base is not None:
                    self.shared.see(node, array)
            group = self.group(t.Arrays, (text, ndim, "C", True, small))
            group.rows += mine
            group.nodes += some

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
                "class cannot; define it at the top level of an importable module, then load with trusted_functions=[its name]; "
                "what it does to columns may be a holdfast.expression, which needs no code",
            )
        self.add(self.group(t.Names, None), name)

    # -- from groups to tables -----------------------------------------------------------------------------------

    def finish(self, root: Any, prefix: str) -> Dumped:
        self.in_order()
        buffers = self.shared.settle(self)
        self.in_order()  # views come cluster by cluster
        groups = ranked(self)
        final = final_numbers(groups, len(self.queue))
        names = TensorNames(self, prefix)
        placed = place_arrays(groups, names)
        large = len(self.queue) > LARGE or sum(map(cell_count, groups)) > LARGE
        tables = [table(group, final, placed, buffers, large) for group in groups]
        kinds = (t.Objects, t.Records)
        types_ = list(dict.fromkeys(group.key[0] for group in groups if group.kind in kinds))
        functions = [name for group in groups if group.kind is t.Names for name in group.rows]
        tree = t.Tree(t.TREE_VERSION, column([root], final), tables)
        return Dumped(tree, placed.tensors, types_, functions)


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
