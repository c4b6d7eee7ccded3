"""Universal Binary JSON as XGBoost writes it: to values with arrays, and back to the very same bytes.

Strategy. A model of 500 trees is 8,000 small arrays between a few hundred kinds of bytes that never change. A list of objects that
are all alike, as trees are, becomes one array a key for all of them together, and the lengths that cut it. Where the lengths
follow from the number of nodes, as they do without categories, the places are computed and not read; what `write` makes of
it is compared with what was read, so a wrong guess is noticed.

The one rule: ``write(read(raw)) == raw``, or it is `Unknown`; and no count is believed that is larger than the bytes that are there.

Source: the specification at ubjson.org, draft 12; counts are 64-bit here, as in XGBoost's ``src/common/json.cc``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import accumulate, chain
from typing import Any

import numpy as np

_ITEMS = {"U": ">u1", "i": ">i1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_CODES = {np.dtype(dtype).newbyteorder("<").str: code for code, dtype in _ITEMS.items()}
_NUMBERS = {"i": ">b", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}

TREES = "trees"
"""The key whose list of objects becomes columns."""

ALL = "[all]"
LENGTHS = "[lengths]"
"""Fields of such columns beside the keys: how many objects there are, and key -> length in each, where it is not that of the first."""


class Unknown(ValueError):
    """The bytes are not of the form that is known."""


# -- reading -------------------------------------------------------------------------------------------------------------


def read(raw: bytes) -> Any:
    """Return the value that bytes stand for: dicts, lists, text, numbers, truth, None, arrays, and columns for `TREES`.

    Raises:
        Unknown: they are not of the known form.
    """
    for trees in (_trees, _read_alike):
        try:
            value, end = _Reader(raw, trees).value(0)
            if end == len(raw) and write(value) == raw:
                return value
            problem = "it would not be written as it was read"
        except (IndexError, struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
            problem = f"it cannot be read: {error}"
    raise Unknown(problem)


class _Reader:
    """Values of one run of bytes, from a place to a place."""

    def __init__(self, raw: bytes, trees: Callable[[_Reader, int, int], tuple[dict[str, Any], int]]) -> None:
        self.raw = raw
        self.trees = trees

    def value(self, at: int) -> tuple[Any, int]:
        """Return the value that begins there, and where it ends."""
        raw = self.raw
        code = chr(raw[at])
        at += 1
        if code == "{":
            return self.object(at)
        if code == "[":
            return self.array(at)
        if code == "S":
            return self.text(at)
        if code in _NUMBERS:
            form = _NUMBERS[code]
            number = struct.unpack_from(form, raw, at)[0]
            return (np.float32(number) if code == "d" else number), at + struct.calcsize(form)
        if code in "TFZ":
            return {"T": True, "F": False, "Z": None}[code], at
        raise Unknown(f"a value begins with {code!r}")

    def count(self, at: int) -> tuple[int, int]:
        """Return a length."""
        if self.raw[at] != 76:  # L
            raise Unknown("a length is not of 64 bits")
        return int.from_bytes(self.raw[at + 1 : at + 9], "big"), at + 9

    def text(self, at: int) -> tuple[str, int]:
        """Return text."""
        size, at = self.count(at)
        return self.raw[at : at + size].decode(), at + size

    def object(self, at: int) -> tuple[dict[str, Any], int]:
        """Return an object as a dict."""
        made: dict[str, Any] = {}
        while self.raw[at] != 125:  # }
            key, at = self.text(at)
            if key == TREES and self.raw[at : at + 2] == b"[#":
                count, at = self.count(at + 2)
                if count > len(self.raw):
                    raise Unknown("it claims more trees than it has bytes")
                made[key], at = self.trees(self, at, count) if count else ({ALL: 0}, at)
            else:
                made[key], at = self.value(at)
        return made, at + 1

    def array(self, at: int) -> tuple[Any, int]:
        """Return an array of one type, or a list."""
        raw = self.raw
        if raw[at] == 36:  # $
            dtype = np.dtype(_ITEMS[chr(raw[at + 1])])
            if raw[at + 2] != 35:  # #
                raise Unknown("an array of one type has no length")
            count, at = self.count(at + 3)
            end = at + count * dtype.itemsize
            return np.frombuffer(raw[at:end], dtype).astype(dtype.newbyteorder("<")), end
        if raw[at] != 35:
            raise Unknown("a list has no length")
        count, at = self.count(at + 1)
        made = []
        for _ in range(count):
            value, at = self.value(at)
            made.append(value)
        return made, at


def _trees(reader: _Reader, at: int, count: int) -> tuple[dict[str, Any], int]:
    first, end = reader.value(at)
    made = _guessed(reader.raw, at, end, count, first) if count > 1 else None
    return made or _read_alike(reader, at, count)


def _read_alike(reader: _Reader, at: int, count: int) -> tuple[dict[str, Any], int]:
    """Read objects that have the same keys, one by one."""
    found = []
    for _ in range(count):
        one, at = reader.value(at)
        found.append(one)
    return columns_of(found), at


def columns_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return objects that have the same keys as columns.

    Raises:
        Unknown: they are not alike.
    """
    if not all(type(one) is dict for one in found):
        raise Unknown("its trees are no objects")
    count = len(found)
    keys = list(found[0])
    if any(list(one) != keys for one in found):
        raise Unknown("its trees are not alike")
    made: dict[str, Any] = {ALL: count}
    lengths: dict[str, Any] = {}
    for key in keys:
        values = [one[key] for one in found]
        if type(values[0]) is np.ndarray:
            lengths[key] = np.array(list(map(len, values)), np.int64)
            made[key] = np.concatenate(values)
        elif type(values[0]) is dict:
            inner = list(values[0])
            if any(list(value) != inner for value in values):
                raise Unknown("its trees are not alike")
            made[key] = {name: [value[name] for value in values] for name in inner}
        else:
            made[key] = values
    if not lengths:
        raise Unknown("its trees have no nodes")
    return _with_lengths(made, lengths)


def _with_lengths(made: dict[str, Any], lengths: dict[str, Any]) -> dict[str, Any]:
    """Keep the lengths of the first key, and of others where they differ; an empty array needs none."""
    first = next(iter(lengths))
    kept = {key: each for key, each in lengths.items() if key == first or (len(made[key]) and not np.array_equal(each, lengths[first]))}
    return {**made, LENGTHS: kept}


def _guessed(raw: bytes, at: int, end: int, count: int, first: dict[str, Any]) -> tuple[dict[str, Any], int] | None:
    """Compute where everything is, from the places in the first object; None when that cannot be right."""
    arrays = {key: value for key, value in first.items() if type(value) is np.ndarray}
    nodes = len(next(iter(arrays.values()), ()))
    if not nodes or any(len(value) not in (0, nodes) for value in arrays.values()) or list(first)[-1] != "tree_param":
        return None
    if next(iter(first)) not in arrays or first.get("id") != 0 or first["tree_param"].get("num_nodes") != str(nodes):
        return None
    # where the arrays begin, beyond the start of an object, with what each node adds to that
    places: dict[str, tuple[int, int]] = {}
    where, per_node, ids_before = at + 1, 0, True
    after_id: set[str] = set()
    for key, value in first.items():
        where += 9 + len(key)
        if key in arrays:
            where += 13
            places[key] = (where - at - per_node * nodes, per_node)
            if not ids_before:
                after_id.add(key)
            where += value.nbytes
            per_node += value.itemsize if len(value) else 0
        elif key == "id":
            ids_before = False
            where += 2
        elif key != "tree_param":
            return None
    fixed = end - at - per_node * nodes - len(str(nodes)) - 1
    starts, sizes = [], []
    to_count = places[next(iter(arrays))][0] - 8
    for number in range(count):
        some = int.from_bytes(raw[at + to_count : at + to_count + 8], "big")
        starts.append(at)
        sizes.append(some)
        at += fixed + per_node * some + len(str(some)) + _width(number)
    if at > len(raw) or not all(sizes):
        return None
    start, size = np.array(starts), np.array(sizes)
    shift = np.array([_width(number) - 1 for number in range(count)])
    made: dict[str, Any] = {ALL: count}
    for key, value in first.items():
        if key == "id":
            made[key] = list(range(count))
        elif key in arrays:
            dtype = value.dtype.newbyteorder(">")
            if not len(value):
                made[key] = np.zeros(0, value.dtype)
                continue
            constant, per = places[key]
            low = start + constant + per * size + (shift if key in after_id else 0)
            bounds = zip(low.tolist(), (low + size * dtype.itemsize).tolist(), strict=True)
            made[key] = np.frombuffer(b"".join([raw[a:b] for a, b in bounds]), dtype).astype(value.dtype)
        else:
            made[key] = {name: list(map(str, sizes)) if name == "num_nodes" else [text] * count for name, text in value.items()}
    return _with_lengths(made, {next(iter(arrays)): size.astype(np.int64)}), at


def _width(number: int) -> int:
    return 1 if number < 127 else 2 if number < 32767 else 4


# -- writing -------------------------------------------------------------------------------------------------------------


def write(value: Any) -> bytearray:
    """Return the bytes of a value.

    Raises:
        Unknown: a part of it has no form.
    """
    parts: list[bytes] = []
    _write(value, parts.append, parts.extend)
    return bytearray().join(parts)


def _write(value: Any, put: Callable[[bytes], None], put_all: Callable[[Any], None]) -> None:
    kind = type(value)
    if kind is dict:
        put(b"{")
        for key, inner in value.items():
            put(_text_bytes(key))
            if key == TREES and type(inner) is dict:
                _write_trees(inner, put, put_all)
            else:
                _write(inner, put, put_all)
        put(b"}")
    elif kind is np.ndarray:
        put(_head(value.dtype) + len(value).to_bytes(8, "big"))
        put(_big(value))
    elif kind is list:
        put(b"[#L" + len(value).to_bytes(8, "big"))
        for inner in value:
            _write(inner, put, put_all)
    elif kind is str:
        put(b"S" + _text_bytes(value))
    elif kind is bool or value is None:
        put(b"Z" if value is None else b"T" if value else b"F")
    elif kind is int:
        put(_number(value))
    elif kind is np.float32:
        put(b"d" + struct.pack(">f", value))
    elif kind is float:
        put(b"D" + struct.pack(">d", value))
    else:
        raise Unknown(f"a {kind.__name__} has no form")


def _text_bytes(text: str) -> bytes:
    raw = text.encode()
    return b"L" + len(raw).to_bytes(8, "big") + raw


_WIDTHS = tuple((code.encode(), size, (1 << 8 * size - 1) - 1) for code, size in (("i", 1), ("I", 2), ("l", 4), ("L", 8)))
"""Code, bytes, and the largest number of that width, which XGBoost leaves to the next one, as it does the smallest."""


def _number(number: int) -> bytes:
    for code, size, most in _WIDTHS:
        if -most - 1 < number < most:
            return code + number.to_bytes(size, "big", signed=True)
    raise Unknown(f"{number} does not fit into 64 bits")


def _head(dtype: Any) -> bytes:
    return b"[$" + _CODES[dtype.str].encode() + b"#L"


def _big(array: Any) -> bytes:
    return array.astype(array.dtype.newbyteorder(">")).tobytes()  # type: ignore[no-any-return]


def _write_trees(trees: dict[str, Any], put: Callable[[bytes], None], put_all: Callable[[Any], None]) -> None:
    count = trees[ALL]
    put(b"[#L" + count.to_bytes(8, "big"))
    if not count:
        return
    columns: list[Any] = []
    lengths = trees[LENGTHS]
    usual = next(iter(lengths))
    cuts: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}
    for key, each in lengths.items():
        some = each.tolist()
        ends = list(accumulate(some))
        cuts[key] = (some, list(zip([0, *ends[:-1]], ends, strict=True)))
    lead = b"{"
    for key, value in trees.items():
        if key in (ALL, LENGTHS):
            continue
        lead += _text_bytes(key)
        if type(value) is np.ndarray:
            head, size = lead + _head(value.dtype), value.itemsize
            lead = b""
            if not len(value) and key not in lengths:
                lead = head + bytes(8)
                continue
            some, spans = cuts[key if key in lengths else usual]
            heads = {n: head + n.to_bytes(8, "big") for n in set(some)}
            raw = _big(value)
            columns += ([heads[n] for n in some], [raw[a * size : b * size] for a, b in spans])
        elif type(value) is dict:
            columns.append([lead + b"{"] * count)
            for name, texts in value.items():
                known = {text: _text_bytes(name) + b"S" + _text_bytes(text) for text in set(texts)}
                columns.append([known[text] for text in texts])
            lead = b"}"
        else:
            make = _number if set(map(type, value)) == {int} else _value_bytes
            columns += ([lead] * count, list(map(make, value)))
            lead = b""
    columns.append([lead + b"}"] * count)
    put_all(chain.from_iterable(zip(*columns, strict=True)))


def _value_bytes(value: Any) -> bytes:
    parts: list[bytes] = []
    _write(value, parts.append, parts.extend)
    return b"".join(parts)
