"""State that lies: is every wrong state of every estimator refused, or harmless?

What it does. Each estimator of ``holdfast.testing.zoo`` is fitted, and the attributes of what came out are read from it,
and from one object of every class inside it: trees, predictors, sparse matrices, metrics, inner estimators. For each
attribute a generator makes lies (`lies_about`), each is written into a file whose digests and seal hold, and a forked
child loads the file and asks the model everything it can say. What came of it is counted.

What is allowed is a refusal by a `HoldfastError` while loading, or an outcome that a row of ``lies_permitted.toml``
permits with a reason. A signal, a hang or an untyped error while loading cannot be permitted.

The one rule: nothing here is a list of attributes. What a fitted object holds is what is lied about.

Run: python tools/lies.py [--only NAME ...] [--every N] [--write]
"""

from __future__ import annotations

import os

# Before numpy comes in: forked children and thread pools do not go together.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import collections
import fnmatch
import json
import resource
import signal
import sys
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np

from holdfast.artifact.load import open_buffer
from holdfast.artifact.pack import Encoded, sections, write_sections
from holdfast.artifact.save import Prepared, prepare
from holdfast.errors import HoldfastError
from holdfast.frameworks.walk import _Walker
from holdfast.native.codec import encode_tree
from holdfast.testing import zoo
from holdfast.trust.catalog import catalog

ROOT = Path(__file__).parent.parent
PERMITTED = ROOT / "tools" / "lies_permitted.toml"
REPORT = ROOT / "docs" / "lies.md"
PATIENCE = 10.0
"""Seconds of processor time a child has for one lie; by the clock it has twelve times that, as a machine may be busy."""
MEMORY = 1 << 30
"""Bytes of address space that a child may take beyond what it is born with."""

Fields = dict[str, Any]


# -- the generator -----------------------------------------------------------------------------------------------------


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


class Liar(_Walker):
    """A walk that takes down every object it reads, and that puts other fields into one of them."""

    def __init__(self, number: int = -1, make: Callable[[Fields], Fields] | None = None) -> None:
        super().__init__(plain_only=True)
        self.number, self.make = number, make
        self.met: list[Place] = []
        self.count = -1

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


# -- files and children ------------------------------------------------------------------------------------------------


def forge(ready: Prepared, lie: Lie | None) -> bytes:
    """Return a whole file, sealed, with the lie in it."""
    liar = Liar(lie.place.number, lie.make) if lie is not None else Liar()
    dumped = liar.run(ready.model, "")
    content = Encoded(dumped, encode_tree(dumped.tree))
    manifest = msgspec.structs.replace(ready.manifest, content=content.part(), types=dumped.types, functions=dumped.functions)
    parts: list[Any] = []
    write_sections(sections(content, None, False), manifest, parts.append)
    return b"".join(parts)


def outcome_of(blob: bytes, X: Any, genuine: Fields) -> tuple[str, str]:
    """Return what came of loading a file and asking its model: a word, and what there is to say."""
    try:
        with open_buffer(blob) as opening:
            model = opening.load()
    except HoldfastError as error:
        return "refused", type(error).__name__
    except Exception as error:
        return "UNTYPED", f"{type(error).__name__}: {error}"[:200]
    with joblib.parallel_config(backend="threading"):  # to start seven processes for one lie takes longer than all else
        said = zoo.answers(model, X)
    wrong = {m: said.get(m) for m in {**genuine, **said} if m not in said or m not in genuine or not zoo.equal(said[m], genuine[m])}
    raised = {m: v for m, v in wrong.items() if isinstance(v, str)}
    if raised:
        return "raised", ", ".join(f"{m}: {v}" for m, v in raised.items())
    return ("other", ", ".join(wrong)) if wrong else ("same", "")


def children(ready: Prepared, X: Any, genuine: Fields, lies: list[Lie]) -> Iterator[tuple[Lie, str, str]]:
    """Yield each lie with its outcome. A child works them off; when one ends it, another goes on behind that one."""
    done = 0
    while done < len(lies):
        for number, outcome, info in _child(ready, X, genuine, lies, range(done, len(lies))):
            done = number + 1
            if outcome in ("SIGNAL", "DIED", "HANG"):
                # Is it this lie, or what an earlier one left behind in the child?
                alone = next(iter(_child(ready, X, genuine, lies, range(number, number + 1))))
                info = f"{info}; alone: {alone[1]} {alone[2]}"
            yield lies[number], outcome, info


def _child(ready: Prepared, X: Any, genuine: Fields, lies: list[Lie], numbers: range) -> Iterator[tuple[int, str, str]]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _work(writer, ready, X, genuine, lies, numbers)
    os.close(writer)
    last = numbers.start - 1
    with os.fdopen(reader, "rb") as lines:
        for line in lines:
            last, outcome, info = json.loads(line)
            yield last, outcome, info
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code and last + 1 < numbers.stop:
        ended = "SIGNAL" if code < 0 else "DIED"
        yield last + 1, "HANG" if -code in (signal.SIGPROF, signal.SIGALRM) else ended, f"exit status {code}"


def _work(writer: int, ready: Prepared, X: Any, genuine: Fields, lies: list[Lie], numbers: range) -> None:
    """Be the child: no line of this returns."""
    code = 70
    try:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        # The default actions end the process, even inside C code that never comes back to Python.
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        born = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in numbers:
            blob = forge(ready, lies[number])
            signal.setitimer(signal.ITIMER_PROF, PATIENCE)
            signal.setitimer(signal.ITIMER_REAL, 12 * PATIENCE)
            outcome, info = outcome_of(blob, X, genuine)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - born
            if grown << 10 > MEMORY // 4:
                outcome, info = "MEMORY", f"grew by {grown >> 10} MiB; {info}"
            os.write(writer, json.dumps([number, outcome, info]).encode() + b"\n")
            if outcome == "MEMORY":
                break  # a process does not shrink again; another child goes on
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    out = open(sys.argv[1], "w")
    every = int(sys.argv[2])
    only = sys.argv[3:]
    t0 = time.time()
    counts = collections.Counter()
    total = collections.Counter()
    for s in zoo.specimens():
        if only and s.name.rpartition(".")[2] not in only:
            continue
        t1 = time.time()
        ready = prepare(s.model)
        pl = places(s.model)
        lies = [l for p in pl for l in lies_of(p)]
        lies = lies[::every]
        try:
            with open_buffer(forge(ready, None)) as o:
                genuine = zoo.answers(o.load(), s.X)
        except HoldfastError as e:
            print(s.name, "GENUINE REFUSED", e, flush=True)
            continue
        c = collections.Counter()
        for lie, outcome, info in children(ready, s.X, genuine, lies):
            c[outcome.split()[0]] += 1
            out.write(
                json.dumps(
                    [s.name, lie.place.type, lie.place.path, lie.attribute, lie.kind, lie.detail, lie.before, lie.after, outcome, info]
                )
                + "\n"
            )
        total += c
        print(f"{s.name.rpartition('.')[2]} places={len(pl)} lies={len(lies)} {dict(c)} {time.time() - t1:.1f}s", flush=True)
    print(dict(total), time.time() - t0)
