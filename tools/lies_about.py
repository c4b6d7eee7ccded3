"""What may be wrong with a fitted model: the lies that ``lies.py`` tells.

Strategy. A walk over the model takes down every object it reads, with its fields. A lie is a change of the fields of one
of them, applied when a second walk comes by that object again; so C types, records and objects deep inside are lied about
in the same way as the attributes of an estimator, and the tree that comes out is one that the writer would write.

The one rule: nothing here is a list of attributes. What a fitted object holds is what is lied about.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.frameworks.walk import _Walker
from holdfast.testing import zoo

Fields = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """One object inside a model, as the walk meets it."""

    number: int
    type: str
    path: str
    cls: type
    fields: Fields


@dataclass(frozen=True)
class Lie:
    """One wrong state: which attribute of which object, what is wrong with it, and how to make it."""

    place: Place
    attribute: str
    kind: str
    detail: str
    before: str
    after: str
    make: Callable[[Fields], Fields] = field(repr=False)

    @property
    def role(self) -> str:
        """Return what the attribute is to its object: a parameter of an estimator, or state."""
        named = hasattr(self.place.cls, "get_params") and self.attribute in inspect.signature(self.place.cls.__init__).parameters
        return "parameter" if named else "state"


class Liar(_Walker):
    """A walk that takes down every object it reads, and that puts other fields into one of them."""

    def __init__(self, number: int = -1, make: Callable[[Fields], Fields] | None = None) -> None:
        super().__init__(plain_only=True)
        self.number, self.make = number, make
        self.met: list[Place] = []
        self.count = -1

    def check_fields(self, obj: Any, fields: tuple[Any, ...]) -> None:
        """Let every lie through: the writer would not write some of them, and somebody else's might."""

    def by_adapter(self, cls: type, read: Callable[[Any], Fields], kind: type) -> Any:
        def altered(obj: Any) -> Fields:
            fields = read(obj)
            self.count += 1
            if self.make is None:
                self.met.append(Place(self.count, zoo.qualified(cls), self.path_of(self.current), cls, dict(fields)))
            elif self.count == self.number:
                return self.make(dict(fields))
            return fields

        return super().by_adapter(cls, altered, kind)


def places(model: Any) -> list[Place]:
    """Return the model itself and, of the objects in it, the first of each class and set of attributes."""
    liar = Liar()
    liar.run(model, "")
    first: dict[Any, Place] = {}
    for place in liar.met:
        # By attributes too: an estimator that is not fitted says nothing of the fitted one behind it.
        first.setdefault((place.type, tuple(place.fields)), place)
    return list(first.values())


def lies_of(place: Place) -> Iterator[Lie]:
    """Yield every lie about an object."""
    names = list(place.fields)

    def lie(attribute: str, kind: str, detail: str, before: str, after: str, make: Callable[[Fields], Fields]) -> Lie:
        return Lie(place, attribute, kind, detail, before, after, make)

    for i, name in enumerate(names):
        value = place.fields[name]
        before = kind_of(value)
        yield lie(name, "delete", "", before, "", lambda f, n=name: {k: v for k, v in f.items() if k != n})
        for kind, detail, wrong in lies_about(value):
            yield lie(name, kind, detail, before, kind_of(wrong), lambda f, n=name, w=wrong: {**f, n: w})
        other = names[(i + 1) % len(names)]
        if other != name and not zoo.equal(value, place.fields[other]):
            yield lie(name, "swap", other, before, kind_of(place.fields[other]), lambda f, n=name, o=other: {**f, n: f[o], o: f[n]})
    for method in ("predict", "transform", "fit", "get_params", "__class__", "__sklearn_tags__"):
        if hasattr(place.cls, method) and method not in place.fields:
            yield lie(method, "shadow", "3.5", "", "float", lambda f, n=method: {**f, n: 3.5})
            yield lie(method, "shadow", "numpy.mean", "", "name", lambda f, n=method: {**f, n: np.mean})


def lies_about(value: Any, depth: int = 0) -> Iterator[tuple[str, str, Any]]:
    """Yield what a value may be replaced by: kind of the lie, detail, replacement."""
    for label, wrong in _wrong_kinds() if depth == 0 else _wrong_kinds()[:3]:
        if kind_of(wrong) != kind_of(value):
            yield "kind", label, wrong
    yield from _lengths(value)
    yield from _numbers(value)
    yield from _swapped_inside(value)
    if depth < 2:
        yield from _inside(value, depth)


def _wrong_kinds() -> list[tuple[str, Any]]:
    """Return one value of each kind; the model is an estimator that every list knows, so the file needs no trust."""
    scaler = zoo.Kinds().StandardScaler
    return [("None", None), ("text", "text"), ("array", np.zeros(3)), ("dict", {}), ("list", [1]), ("float", 3.5), ("int", 7),
            ("ints", np.arange(3)), ("object", scaler())]  # fmt: skip


def _lengths(value: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, np.ndarray):
        for axis in range(value.ndim):
            if value.shape[axis]:
                yield "length", f"axis {axis} short", value.take(range(value.shape[axis] - 1), axis)
                yield "length", f"axis {axis} twice", np.concatenate([value, value], axis)
                yield "length", f"axis {axis} empty", value.take(range(0), axis)
        if value.ndim and value.size:
            yield "length", "one axis more", value[None].copy()
            yield "length", "one axis less", value[0].copy() if value.ndim > 1 else np.array(value[0])
    elif isinstance(value, list | tuple) and type(value) in (list, tuple) and value:
        yield "length", "short", value[:-1]
        yield "length", "twice", value * 2
        if len(value) > 1:
            yield "length", "empty", value[:0]
    elif type(value) is dict and value:
        yield "length", "short", dict(list(value.items())[:-1])
        yield "length", "more", {**value, "another": 3}
    elif type(value) in (set, frozenset) and value:
        yield "length", "empty", type(value)()


_FAR = 2**40


def _numbers(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield integers replaced by -1 and 2**40 (or the most their dtype holds), and floats by NaN."""
    if type(value) is int:
        yield "index", "-1", -1
        yield "index", "2**40", _FAR
        yield "index", "2**31-1", 2**31 - 1  # the last that C code with 32 bits takes without a word
    elif value is None:
        yield "kind", "int -1", -1
        yield "kind", "int 2**40", _FAR
    elif type(value) is float:
        yield "number", "nan", float("nan")
    elif isinstance(value, np.number) and value.dtype.kind in "iu":
        for label, wrong in _bounds(value.dtype):
            yield "index", label, value.dtype.type(wrong)
    elif isinstance(value, np.ndarray) and value.size:
        if value.dtype.names is not None:
            for name in value.dtype.names:
                yield from _elements(value, name)
        else:
            yield from _elements(value, None)


def _bounds(dtype: np.dtype[Any]) -> list[tuple[str, int]]:
    most = int(np.iinfo(dtype).max)
    return [("-1", -1 if dtype.kind == "i" else most), ("2**40", min(_FAR, most))]


def _elements(value: Any, name: str | None) -> Iterator[tuple[str, str, Any]]:
    dtype = value.dtype if name is None else value.dtype[name]
    if dtype.kind in "iu":
        kind, wrongs = "index", _bounds(dtype)
    elif dtype.kind in "fc":
        kind, wrongs = "number", [("nan", float("nan"))]
    else:
        return
    spots = sorted({0, value.size // 3, value.size - 1}) if kind == "index" else [0]
    for spot in spots:
        for label, wrong in wrongs:
            made = value.copy()
            part = made if name is None else made[name]
            where = np.unravel_index(spot, value.shape)
            if part[where] != wrong:
                part[where] = wrong
                yield kind, f"{name or ''}[{spot}] {label}", made


def _swapped_inside(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield the value with its first item and the last that differs from it in each other's place."""
    if isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind != "O":
        for name in value.dtype.names or (None,):
            part = value if name is None else value[name]
            flat = part.ravel()
            differ = np.flatnonzero(flat != flat[0])
            if len(differ):
                made = value.copy()
                inner = made if name is None else made[name]
                a, b = np.unravel_index(0, value.shape), np.unravel_index(int(differ[-1]), value.shape)
                inner[a], inner[b] = flat[differ[-1]], flat[0]
                yield "swap inside", name or "", made
    elif type(value) in (list, tuple) and len(value) > 1 and not zoo.equal(value[0], value[-1]):
        yield "swap inside", "", type(value)([value[-1], *value[1:-1], value[0]])
    elif type(value) is dict and len(value) > 1:
        keys, values = list(value), list(value.values())
        if not zoo.equal(values[0], values[-1]):
            yield "swap inside", "", dict(zip(keys, [values[-1], *values[1:-1], values[0]], strict=True))


def _inside(value: Any, depth: int) -> Iterator[tuple[str, str, Any]]:
    """Yield a container with a lie about its first or its last item."""
    if type(value) in (list, tuple):
        items: list[Any] = list(value)
        again: Callable[[list[Any]], Any] = type(value)
    elif type(value) is dict:
        items, keys = list(value.values()), list(value)
        again = lambda changed: dict(zip(keys, changed, strict=True))  # noqa: E731
    elif isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.size:
        items = value.ravel().tolist()
        again = lambda changed: _objects(changed, value.shape)  # noqa: E731
    else:
        return
    for spot in sorted({0, len(items) - 1}) if items else ():
        for kind, detail, wrong in lies_about(items[spot], depth + 1):
            yield (
                f"{kind} inside" if not kind.endswith("inside") else kind,
                f"[{spot}] {detail}",
                again([*items[:spot], wrong, *items[spot + 1 :]]),
            )


def _objects(items: list[Any], shape: tuple[int, ...]) -> Any:
    made = np.empty(len(items), object)
    for i, item in enumerate(items):
        made[i] = item
    return made.reshape(shape)


def kind_of(value: Any) -> str:
    """Return the kind of a value in the words of ``trust.schema``."""
    if isinstance(value, np.ndarray):
        return f"array:{value.dtype.kind}{value.ndim}"
    if isinstance(value, np.generic):
        return f"number:{value.dtype.kind}"
    if value is None:
        return "none"
    if type(value) in (bool, int, float, str, list, tuple, dict, set, frozenset, bytes):
        return type(value).__name__
    return "name" if callable(value) and hasattr(value, "__name__") else f"type:{zoo.qualified(type(value))}"
