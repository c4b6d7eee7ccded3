"""Objects that other savers get wrong, kill the process with, or cannot save; each by name."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import functools
import random
import re
import types
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.special import expit


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1


class Flags(enum.Flag):
    A = 1
    B = 2


class Point(NamedTuple):
    x: int
    y: Any


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: Any) -> None:
        self.a = a


class SlottedWithDict(Slotted):
    def __init__(self, a: Any) -> None:
        super().__init__(a)
        self.extra = 1


@dataclass(frozen=True)
class Frozen:
    name: str
    values: tuple[int, ...]


class Plain:
    pass


OWN = [Colour, Level, Flags, Point, Slotted, SlottedWithDict, Frozen, Plain]


def _plain(**attributes: Any) -> Plain:
    made = Plain()
    vars(made).update(attributes)
    return made


def _read_only() -> Any:
    array = np.arange(3.0)
    array.flags.writeable = False
    return array


def _object_array(*items: Any) -> Any:
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def _nan(bits: int) -> float:
    return float(np.array(bits, np.uint64).view(np.float64))


RECORD = np.dtype({"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 24})

OBJECTS: dict[str, Any] = {
    "none": None,
    "bools": [True, False],
    "ints of any size": [0, -1, 2**31, -(2**63), 2**64 - 1, 2**64, -(2**200), 10**400],
    "floats": [0.0, -0.0, 1e-320, 1.7e308, float("inf"), float("-inf")],
    "nan payloads": [_nan(0x7FF8000000001234), _nan(0xFFF8000000000001)],
    "complex": [1 + 2j, complex(-0.0, float("inf"))],
    "text": ["", "ä", "日本語", "\0", "a" * 1000, "\U0001f600"],
    "lone surrogates": ["\ud800", "a\udfffb"],
    "bytes": [b"", b"\0\xff", b"x" * 100_000],
    "bytearray": bytearray(b"abc"),
    "ellipsis": [..., NotImplemented],
    "nested": [[1, [2, [3, ()]]], {"a": {"b": []}}],
    "tuple of 17": tuple(range(17)),
    "tuples of one shape": [(1, "a", 2.5), (2, "b", None), (3, (), [])],
    "int and text keys": {1: "a", "1": "b"},
    "false and zero": {False: 1, "x": 0},
    "none key": {None: 1},
    "tuple keys": {(1, 2): "a", ("b", (3,)): "c"},
    "bytes keys": {b"a": 1},
    "float keys": {1.5: 1, float("inf"): 2},
    "many text keys": {f"k{i}": i for i in range(100)},
    "records": [{"a": i, "b": str(i)} for i in range(50)],
    "insertion order": {"z": 1, "a": 2},
    "set": {1, "a", None, (1, 2), 2.5, True and 3},
    "frozenset": frozenset({frozenset({1}), frozenset()}),
    "deque": collections.deque([1, 2, 3], maxlen=5),
    "counter": collections.Counter("abca"),
    "ordered dict": collections.OrderedDict([("b", 1), ("a", 2)]),
    "defaultdict with int keys": collections.defaultdict(list, {1: [2]}),
    "namedtuple": Point(1, [2]),
    "enum": [Colour.RED, Colour.BLUE, Level.LOW, Flags.A | Flags.B],
    "slots": Slotted([1]),
    "slots and dict": SlottedWithDict("x"),
    "frozen dataclass": Frozen("n", (1, 2)),
    "frozen dataclass in a set": {Frozen("a", (1,)), Frozen("b", ())},
    "frozenset of dataclasses": frozenset({Frozen("a", (1,))}),
    "attributes": _plain(a=1, b=[2.5], c=_plain(d=np.arange(3))),
    "datetime": datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
    "datetime with zone": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
    "datetime with offset and fold": datetime.datetime(2020, 1, 2, fold=1, tzinfo=datetime.timezone(datetime.timedelta(hours=2), "x")),
    "date": datetime.date(2020, 2, 29),
    "time": datetime.time(1, 2, 3, 4),
    "timedelta": datetime.timedelta(-1, 5, 7),
    "decimal": [decimal.Decimal("1.10"), decimal.Decimal("NaN"), decimal.Decimal("-0")],
    "fraction": fractions.Fraction(3, -7),
    "uuid": uuid.UUID(int=5),
    "pattern": re.compile(r"(?u)\b\w\w+\b", re.IGNORECASE),
    "slice": slice(1, None, 2),
    "range": range(1, 10, 3),
    "namespace": types.SimpleNamespace(a=1, b=[2]),
    "partial of a ufunc": functools.partial(np.add, 1),
    "partial with keywords": functools.partial(np.mean, axis=0),
    "ufunc": np.log1p,
    "ufunc of scipy": expit,
    "function": np.median,
    "class": [np.float64, int, list],
    "random": random.Random(3),
    "arrays": [np.arange(5), np.eye(3), np.zeros((2, 0, 3)), np.array(5), np.zeros(0), np.array(True)],
    "dtypes of arrays": [np.arange(3).astype(d) for d in ("i1", "u2", "f2", "f4", "c8", "c16", ">i4", ">f8", "<U5", "S4", "?", "M8[ns]", "m8[D]", "g")],
    "many small arrays": [np.arange(i % 5, dtype="f8") for i in range(40)],
    "many small arrays of dates": [np.arange(i % 5).astype("M8[s]") for i in range(40)],
    "many small fortran arrays": [np.asfortranarray(np.arange(6.0).reshape(2, 3) + i) for i in range(40)],
    "many small records": [np.zeros(i % 3, RECORD) for i in range(40)],
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "strided": np.arange(20.0).reshape(4, 5)[::2, 1::2],
    "strided fortran": np.asfortranarray(np.arange(20.0).reshape(4, 5))[:3, :4],
    "negative strides": np.arange(10)[::-1],
    "read-only": _read_only(),
    "nan payload array": np.array([0x7FF8000000001234, 0x7FF0000000000001], np.uint64).view(np.float64),
    "structured with padding": np.array([(1, 2.5), (3, 4.5)], RECORD),
    "structured nested": np.zeros(2, [("a", "f8", (2, 3)), ("b", [("c", "i4"), ("d", "S3")])]),
    "object array of lists": _object_array([1], [2, 3], None, "x", _object_array(1)),
    "object array (0, 3)": np.empty((0, 3), object),
    "object array 0-d": np.array(None, object),
    "object matrix": np.array([["a", 1], [None, 2.5]], object),
    "recarray": np.rec.fromarrays([[1, 2], [3.5, 4.5]], names="a,b"),
    "matrix": np.matrix([[1, 2], [3, 4]]),
    "masked array": np.ma.MaskedArray([1.0, 2.0, 3.0], mask=[0, 1, 0], fill_value=-7, hard_mask=True),
    "masked without mask": np.ma.MaskedArray([1, 2]),
    "string dtype": np.array(["a", "ü" * 100], np.dtypes.StringDType()),
    "numpy scalars": [np.float64(1.5), np.int8(-3), np.bool_(True), np.str_("x"), np.bytes_(b"y"), np.complex64(1j), np.datetime64("2020-01-01"), np.float32(0.1), np.longdouble(1) / 3],
    "void scalar": np.zeros(1, RECORD)[0],
    "dtype": [np.dtype("f8"), np.dtype(">i2"), np.dtype([("a", "f4")]), np.dtype(object), np.dtype("M8[us]")],
    "random state": np.random.RandomState(5),
    "random state used": (lambda r: (r.standard_normal(3), r)[1])(np.random.RandomState(5)),
    "seed sequence": np.random.SeedSequence(7).spawn(3)[1],
    "seed sequence spawned": (lambda s: (s.spawn(2), s)[1])(np.random.SeedSequence(7)),
    **{f"generator {name}": np.random.Generator(getattr(np.random, name)(3)) for name in ("PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937")},
    "bit generator": np.random.PCG64(9),
    **{
        f"sparse {name}_{suffix}": getattr(sp, f"{name}_{suffix}")(np.array([[0, 1.5, 0], [2.5, 0, 0], [0, 0, 0], [0, 3.5, 4.5]]))
        for name in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
        for suffix in ("matrix", "array")
    },
    "sparse empty": sp.csr_matrix((0, 5)),
    "sparse with explicit zeros": sp.csr_matrix((np.array([0.0, 1.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 3)),
}  # fmt: skip

REFUSED: dict[str, Any] = {
    "lambda": lambda x: x,
    "closure": (lambda n: lambda x: x + n)(3),
    "generator": (i for i in range(3)),
    "open file": open(__file__, encoding="utf-8"),  # noqa: SIM115
    "lock": __import__("threading").Lock(),
    "bound method": [].append,
    "own method": _plain(a=1).__init__,
    "module": np,
    "memoryview": memoryview(b"abc"),
    "list subclass": type("MyList", (list,), {})([1]),
    "structured with objects": np.zeros(1, [("a", object)]),
    "c type": __import__("struct").Struct("i"),
    "iterator": iter([1]),
}
