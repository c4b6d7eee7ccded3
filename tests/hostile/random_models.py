"""Random models of plain Python and numpy: the same for a seed in every process, and a comparison that forgives nothing.

Two consumers: the property tests here, and child processes that repeat a seed under another hash seed.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import random
import struct
import sys
import uuid
from typing import Any

import numpy as np

DTYPES = ("<f8", "<f4", "<f2", ">f8", "<i8", "<i4", ">i2", "|i1", "<u8", "|u1", "|b1", "<c16", "<U3", "|S4", "|V3", "<M8[ns]", "<m8[D]", "<M8[Y]", ">U2")
STRUCTURE = np.dtype([("a", "<i4"), ("b", "<f8", (2,)), ("c", "<U2")], align=True)
WORDS = ("", "a", "b", "coef_", "ä", "\u4e2d", "\U0001f600", "x" * 40, "with space", "a.b", "a/b", "a|zstd", "holdfast.tree", "\n", "\0", "\ud800", "a\udfff", "__class__")


class Maker:
    """Makes one random model from a seed; parts that were made before may turn up again."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.known: list[Any] = []

    def model(self, depth: int = 4) -> Any:
        """Return a random object."""
        draw = self.random.random()
        if depth == 0 or draw < 0.25:
            return self.scalar()
        if self.known and draw < 0.33:
            return self.random.choice(self.known)
        if draw < 0.5:
            made: Any = self.array()
        elif draw < 0.9:
            made = self.container(depth - 1)
        else:
            made = self.value()
        if not isinstance(made, np.generic):
            self.known.append(made)
        return made

    def scalar(self) -> Any:
        """Return a random scalar, the awkward ones among them."""
        r = self.random
        return r.choice(
            [
                None, True, False, 0, 1, -1, r.randrange(-(2**63), 2**64), r.randrange(-(2**90), 2**90), 2**63, -(2**63) - 1, 0.0, -0.0, float("inf"),
                float("-inf"), struct.unpack("<d", r.randbytes(8))[0], r.random(), r.choice(WORDS), r.choice(WORDS) + str(r.randrange(100)),
                r.randbytes(r.randrange(6)), bytearray(r.randbytes(3)), complex(r.random(), -0.0), self.number(),
            ]
        )  # fmt: skip

    def number(self) -> Any:
        """Return a random numpy scalar."""
        return self.flat(self.random.choice(DTYPES), 1)[0]

    def flat(self, dtype: str, count: int) -> Any:
        """Return a random array of one axis, valid in every item."""
        kind = np.dtype(dtype).kind
        if kind == "b":
            return self.numbers.integers(0, 2, count).astype(dtype)
        if kind in "US":
            return np.array([self.random.choice(("", "a", "bc", "xyz")) for _ in range(count)]).astype(dtype)
        return np.frombuffer(self.random.randbytes(np.dtype(dtype).itemsize * count), dtype).copy()

    def array(self) -> Any:
        """Return a random array: any order, strided, empty, structured, of objects, or a view of one that was made before."""
        r = self.random
        arrays = [one for one in self.known if type(one) is np.ndarray and one.ndim and len(one) > 1 and not one.dtype.hasobject]
        if arrays and r.random() < 0.25:
            whole = r.choice(arrays)
            return whole[r.randrange(2) :: r.choice((1, 2, -1))]
        shape = tuple(r.randrange(4) for _ in range(r.randrange(4)))
        if r.random() < 0.1:
            array = np.empty(shape, object)
            for i in range(array.size):
                array.flat[i] = self.scalar()
            return array
        if r.random() < 0.1:
            array = np.zeros(shape, STRUCTURE)
            array["a"] = self.numbers.integers(0, 9, shape)
            return array
        array = self.flat(r.choice(DTYPES), int(np.prod(shape, dtype=int))).reshape(shape, order=r.choice("CF"))
        if r.random() < 0.1:
            array.flags.writeable = False
        return array

    def container(self, depth: int) -> Any:
        """Return a random container of random things."""
        r = self.random
        count = r.choice((0, 1, 2, 3, 5, 20))
        items = [self.model(depth) for _ in range(count if depth else min(count, 3))]
        kind = r.randrange(9)
        if kind == 0:
            return items
        if kind == 1:
            return tuple(items)
        if kind == 2:
            return dict(zip([f"{r.choice(WORDS)}{i}" for i in range(len(items))], items, strict=True))
        if kind == 3:
            return {key: item for key, item in zip(self.keys(len(items)), items, strict=False)}
        if kind == 4:
            return set(self.keys(count))
        if kind == 5:
            return frozenset(self.keys(count))
        if kind == 6:
            return collections.OrderedDict((f"k{i}", item) for i, item in enumerate(items))
        if kind == 7:
            return collections.deque(items, maxlen=r.choice((None, 30)))
        made: list[Any] = [items]
        made.append(made)
        return made

    def keys(self, count: int) -> list[Any]:
        """Return different keys of types whose order does not depend on the process."""
        r = self.random
        made = [r.choice((r.randrange(1000), f"s{r.randrange(1000)}", r.random(), (r.randrange(50), "t"), None, r.randrange(2**70), bytes([r.randrange(256)]))) for _ in range(count)]
        return list(dict.fromkeys(made))

    def value(self) -> Any:
        """Return a random value of the standard library."""
        r = self.random
        return r.choice(
            [
                slice(r.randrange(5), None, -1), range(r.randrange(9), 20, 3), decimal.Decimal(r.randrange(1000)) / 8, fractions.Fraction(r.randrange(9), 7),
                uuid.UUID(int=r.randrange(2**128)), datetime.date(2000 + r.randrange(50), 1, 2), datetime.timedelta(r.randrange(100), 5, 7),
                datetime.datetime(2020, 1, 2, 3, 4, 5, r.randrange(10**6), tzinfo=datetime.UTC), np.dtype(r.choice(DTYPES)), len, np.log1p,
            ]
        )  # fmt: skip


def portrait(model: Any) -> Any:
    """Return everything that a program can see of a model, as a value that can be compared: types, bits, order, identity."""
    numbers: dict[int, int] = {}
    kept: list[Any] = []

    def of(one: Any) -> Any:
        kind = type(one)
        name = kind.__qualname__
        if kind in (int, bool, str, bytes) or one is None:
            return name, one
        if kind is float:
            return name, struct.pack("<d", one)
        if kind is complex:
            return name, struct.pack("<dd", one.real, one.imag)
        if isinstance(one, np.generic):
            return name, str(one.dtype), one.tobytes() if one.dtype.names is None else one.item()
        if isinstance(one, np.dtype) or callable(one):
            return name, repr(one)
        if isinstance(one, slice | range | decimal.Decimal | fractions.Fraction | uuid.UUID | datetime.date | datetime.timedelta):
            return name, repr(one)
        if id(one) in numbers:
            return "again", numbers[id(one)]
        numbers[id(one)] = len(numbers)
        kept.append(one)
        if isinstance(one, np.ndarray):
            flags = (one.flags.writeable, one.flags.c_contiguous, one.flags.f_contiguous) if one.flags.forc else (one.flags.writeable,)
            if one.dtype.hasobject:
                return name, one.shape, flags, [of(item) for item in one.ravel().tolist()]
            return name, one.dtype.str if one.dtype.names is None else str(one.dtype), one.shape, flags, _bytes(one)
        if isinstance(one, dict):
            return name, [(of(key), of(item)) for key, item in one.items()]
        if isinstance(one, set | frozenset):
            return name, sorted(repr(of(item)) for item in one)
        if isinstance(one, bytearray):
            return name, bytes(one)
        return name, getattr(one, "maxlen", None), [of(item) for item in one]

    return of(model)


def _bytes(array: Any) -> Any:
    if array.dtype.names is None:
        return array.tobytes()
    return [array[field].tobytes() for field in array.dtype.names]


def shared(model: Any) -> list[Any]:
    """Return, for every pair of arrays of a model in the order of sight, whether they share memory."""
    arrays: list[Any] = []
    seen: set[int] = set()
    queue = [model]
    while queue:
        one = queue.pop(0)
        if id(one) in seen or isinstance(one, str | bytes):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray) and not one.dtype.hasobject:
            arrays.append(one)
        elif isinstance(one, dict):
            queue += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | collections.deque):
            queue += list(one)
        elif isinstance(one, np.ndarray):
            queue += one.ravel().tolist()
    return [bool(a.size and b.size and np.shares_memory(a, b)) for i, a in enumerate(arrays) for b in arrays[:i]]


def digests(seeds: range) -> list[str]:
    """Return the artifact id and the length of the file of the model of every seed."""
    import holdfast

    found = []
    for seed in seeds:
        blob = holdfast.dumps(Maker(seed).model())
        found.append(f"{holdfast.inspect(blob).id} {len(blob)} {hash_of(blob)}")
    return found


def hash_of(blob: bytes) -> str:
    from blake3 import blake3

    return blake3(blob).hexdigest()


if __name__ == "__main__":
    sys.stdout.write("\n".join(digests(range(int(sys.argv[1]), int(sys.argv[2])))))
