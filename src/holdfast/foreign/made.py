"""What a pickle says it makes: names, and calls that were never made.

A `Made` becomes a stand-in of the tree, or a plain value, when the walk meets it: by the rule of its name in one of the
modules of `RULES`, or as an object that is its attributes.

The one rule: a name is text until the plan has looked at it. No rule imports, and none calls what a file names.
"""

from __future__ import annotations

import importlib
from typing import Any

from holdfast.errors import FormatError, HoldfastError, LimitExceeded, UnsupportedModel, quoted
from holdfast.frameworks.adapter import REGISTERED, type_name
from holdfast.trust.catalog import catalog
from holdfast.trust.policy import REGISTERED_CLASSES
from holdfast.values import limits
from holdfast.values.outline import CALL, Members, Named, Outline, Pairs, Unfinished

HELD = 1024
"""Bytes from which the content of a byte string is not copied out of the file before somebody needs it."""

RULES: dict[str, str] = {
    **dict.fromkeys(
        ("builtins", "collections", "datetime", "decimal", "fractions", "functools", "pathlib", "random", "re", "types", "uuid", "zoneinfo", "copyreg", "_codecs"),
        "holdfast.foreign.rules_python",
    ),
    "numpy": "holdfast.foreign.rules_numpy",
    "scipy": "holdfast.foreign.rules_scipy",
    "sklearn": "holdfast.foreign.rules_sklearn",
    "xgboost": "holdfast.foreign.rules_boosters",
    "lightgbm": "holdfast.foreign.rules_boosters",
    "catboost": "holdfast.foreign.rules_boosters",
    "torch": "holdfast.foreign.rules_torch",
    "dill": "holdfast.foreign.rules_dill",
    "holdfast": "holdfast.foreign.rules_holdfast",
    "pandas": "holdfast.foreign.rules_pandas",
    "pyarrow": "holdfast.foreign.rules_arrow",
    **dict.fromkeys(("pytz", "dateutil"), "holdfast.foreign.rules_zones"),
}  # fmt: skip
"""First part of a name -> the module with the table ``RULES`` of what its library's pickles mean. To add a library: a line and a module."""

_MOVED = {
    "__builtin__": "builtins", "copy_reg": "copyreg", "cPickle": "pickle", "UserDict": "collections", "exceptions": "builtins",
}  # fmt: skip
VALUES = frozenset(("pandas.NA", "pandas._libs.missing.NA")) | frozenset(
    f"torch.{name}"
    for name in (
        "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool", "complex64", "complex128",
        "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
    )
)  # fmt: skip
"""Names that are neither classes nor functions: PyTorch pickles its dtypes so, and pandas what is missing."""
_ALIASES = {"numpy.core.": "numpy._core."}
"""Beginnings of names that libraries have moved since, with nothing else changed."""


class NameTable:
    """What a stream names, and what it would call.

    Attributes:
        found: name -> its one stand-in: a `Named`, or a `Made` for the names of values.
        offsets: name -> where in the stream it is met first.
        calls: name -> where it is called first; calls of classes that make an empty object count as well.
        times: name -> how often it is called.
        excused: id of a call -> that call, which a rule knows as part of something whose value holdfast makes by itself.
        spelled: names of calls that only spelled another name.
        versions: distribution -> versions that objects in the stream say they were made with.
        read: bytes of the streams.
        copied: items and bytes that calls were given; a stream may name one thing in many calls, and each may copy it.
    """

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.offsets: dict[str, int] = {}
        self.calls: dict[str, int] = {}
        self.times: dict[str, int] = {}
        self.excused: dict[int, Made] = {}
        self.spelled: set[str] = set()
        self.versions: dict[str, set[str]] = {}
        self.read = 0
        self.copied = 0

    def named(self, module: str, name: str, at: int, protocol: int) -> Any:
        """Return the stand-in for a name."""
        if protocol < 3:
            module = _MOVED.get(module, module)
        whole = f"{module}.{name}" if module else name
        for old, new in _ALIASES.items():
            if whole.startswith(old):
                whole = new + whole[len(old) :]
        found = self.found.get(whole)
        if found is None and whole in VALUES:
            found = self.found[whole] = Made(self, whole, "value", ())
            self.offsets[whole] = at
        if found is None:
            if len(whole) > limits.TYPE_NAME_BYTES:
                raise FormatError(f"the pickle names something in {len(whole)} characters, more than {limits.TYPE_NAME_BYTES} (TYPE_NAME_BYTES)")
            found = self.found[whole] = Named(whole)
            self.offsets[whole] = at
        return found

    def copies(self, given: Any) -> None:
        """Note that what a call was given may be copied.

        Raises:
            LimitExceeded: all calls together copy more than their stream can pay for.
        """
        for one in given:
            kind = type(one)
            if kind is Pairs:
                self.copied += len(one.keys)
            elif kind is Members:
                self.copied += len(one.items)
            elif kind is HeldBytearray:
                self.copied += len(one.view)
            elif kind in _SIZED:
                self.copied += len(one)
        self.pay(0)

    def pay(self, amount: int) -> None:
        """Note items or bytes that a rule copies.

        Raises:
            LimitExceeded: all of them together are more than the stream can pay for.
        """
        self.copied += amount
        if self.copied > limits.FREE_COPIES + limits.COPIES_PER_BYTE * self.read:
            raise LimitExceeded("the file gives one thing to many calls, each of which would copy it (COPIES_PER_BYTE); refused")

    def said(self) -> dict[str, str]:
        """Return what the objects say they were made with, once they were finished; of several versions all."""
        return {name: ", ".join(sorted(found)) for name, found in self.versions.items()}

    def called(self, name: str, at: int) -> None:
        """Note a call."""
        self.calls.setdefault(name, at)
        self.times[name] = self.times.get(name, 0) + 1

    def excuse(self, made: Made) -> None:
        """Note that one call, and no other of its name, is part of a value that a rule knows."""
        self.excused[id(made)] = made

    def explained(self) -> set[str]:
        """Return the names of calls, each of which was excused or only spelled a name."""
        return (self.spelled | {made.name for made in self.excused.values()}).difference(self.uncounted())

    def uncounted(self) -> list[str]:
        """Return the names of which at least one call is not excused."""
        excused: dict[str, int] = {}
        for made in self.excused.values():
            excused[made.name] = excused.get(made.name, 0) + 1
        return [name for name, times in self.times.items() if times > excused.get(name, 0)]


_SIZED = frozenset({str, bytes, bytearray, memoryview, list, tuple})


class HeldBytearray(Unfinished):
    """A bytearray whose content is still in the file."""

    __slots__ = ("made", "view")

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.made: bytearray | None = None

    def finish(self) -> bytearray:
        """Return it."""
        if self.made is None:
            self.made = bytearray(self.view)
        return self.made


_OPEN = object()


class Made(Unfinished):
    """What a call in a pickle would have made.

    Attributes:
        names: the table of the stream.
        name: what would have been called.
        how: ``new`` for an object made empty, ``reduce`` for a call.
        args: with what.
        options: keyword arguments, or None.
        states: what it was given as its state, in order.
        items: items that were put into it.
        pairs: keys and values that were put into it.
    """

    __slots__ = ("args", "how", "items", "name", "names", "options", "pairs", "result", "states")

    def __init__(self, names: NameTable, name: str, how: str, args: tuple[Any, ...]) -> None:
        self.names = names
        self.name = name
        self.how = how
        self.args = args
        self.options: Pairs | None = None
        self.states: list[Any] = []
        self.items: list[Any] = []
        self.pairs = Pairs()
        self.result: Any = None

    def finish(self) -> Any:
        """Return what it stands for."""
        if self.result is None:
            self.result = _OPEN
            self.result = self._finish()
        elif self.result is _OPEN:
            raise FormatError(f"{quoted(self.name)} holds itself in a way that no object of its type can; the file is damaged or was altered.")
        return self.result

    def _finish(self) -> Any:
        self.names.copies(self.args)
        for state in self.states:
            self.names.copies(state if type(state) is tuple else (state,))
        rules = RULES.get(self.name.partition(".")[0])
        if rules is not None:
            module = importlib.import_module(rules)
            rule = module.RULES.get(self.name)
            if rule is None and hasattr(module, "otherwise"):
                rule = module.otherwise(self)
            if rule is not None:
                try:
                    return rule(self)
                except HoldfastError:
                    raise
                except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
                    raise FormatError(
                        f"the pickled {quoted(self.name)} is not one ({type(error).__name__}: {quoted(error)}); the file is damaged or was altered."
                    ) from None
        return plain_object(self)

    # -- what rules ask ---------------------------------------------------------------------------------------------------

    def state(self) -> Any:
        """Return the one state it was given, or None."""
        if len(self.states) > 1:
            if self.name not in catalog().types:
                raise UnsupportedModel(f"{quoted(self.name)} is given its state in several parts, which holdfast does not read; {NEXT}")
            raise FormatError(f"{quoted(self.name)} is given a state twice; the file is damaged or was altered.")
        return self.states[0] if self.states else None

    def fields(self) -> dict[str, Any]:
        """Return its attributes, those of slots included, without what a library adds to them for pickle alone."""
        state = self.state()
        slots: Any = None
        if type(state) is tuple and len(state) == 2 and all(type(part) in (Pairs, type(None)) for part in state):
            state, slots = state
        found: dict[str, Any] = {}
        for part in (slots, state):
            if type(part) is Pairs:
                found.update(part.fields(self.name))
            elif part is not None:
                raise UnsupportedModel(f"{quoted(self.name)} is given a {kind_of(part)} and not its attributes as its state, which holdfast does not read; {NEXT}")
        version = found.pop("_sklearn_version", None)
        if type(version) is str:
            self.names.versions.setdefault("scikit-learn", set()).add(version)
        return found

    def only(self, *, items: bool = False, pairs: bool = False, state: bool = False) -> None:
        """Refuse parts that objects of its type do not have."""
        if (self.items and not items) or (self.pairs.keys and not pairs) or (self.states and not state) or self.options is not None:
            raise FormatError(f"{quoted(self.name)} is given what no object of its type takes; the file is damaged or was altered.")


def kind_of(value: Any) -> str:
    """Say what kind of value something is, for a message."""
    if type(value) is Made:
        return quoted(value.name, 60)
    return {Pairs: "dict", Members: "set", Named: "name", memoryview: "bytes"}.get(type(value), type(value).__name__)


def plain_object(made: Made) -> Any:
    """Return the stand-in of an object that is its attributes.

    A call of anything else is kept under its name with a field that nothing builds: the plan refuses the name, and says where.
    """
    name = registered_name(made.name)
    entry = catalog().types.get(name)
    if entry is None and made.how == "new" and not made.args and type(made.state()) is Pairs and "_parameters" in made.state().keys:
        from holdfast.foreign.rules_torch import is_module, module_fields

        if is_module(made.fields()):  # a module of the user's own class
            return Outline(made.name, module_fields(made.fields()))
    if made.how == "new" and not made.args and made.options is None and not made.items and not made.pairs.keys:
        if entry is None or entry.how == "object":
            return Outline(name, made.fields())
        if name in REGISTERED_CLASSES:
            raise UnsupportedModel(
                f"{quoted(made.name)} is registered with dump= and build=, and its pickle holds its attributes and not these fields; "
                "load it with pickle, where its class is defined, and save the model with holdfast as .safetensors"
            )
        raise UnsupportedModel(f"holdfast does not know how {quoted(made.name)} is pickled; {NEXT}")
    if entry is not None:
        raise UnsupportedModel(f"holdfast does not know how {quoted(made.name)} is pickled; {NEXT}")
    return Outline(made.name, {CALL: made.args}, True)


def registered_name(name: str) -> str:
    """Return the name that files of ours have for a class that was registered in code, for that of a pickle: its module and qualified name."""
    for one in REGISTERED.values():
        if type_name(one.cls) == name:
            return one.name
    return name


NEXT = "load it with the library that wrote it, and save the model with holdfast; or: holdfast convert --allow-pickle, which runs it in a child process"
"""What to do with a pickle that cannot be read as data."""
