"""Is ``docs/format.md`` enough to write a file, and to read one?

Nothing of holdfast's own codec is used on either side: files are put together here from the page, with ``struct``,
``json``, plain MessagePack and BLAKE3, and files that holdfast wrote are taken apart here by the words of the page.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard
from blake3 import blake3

import holdfast
from holdfast.errors import Corrupt, FormatError

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "format.md").read_text()
SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1"}
MANIFEST_KEYS = ["format", "type", "content", "example", "types", "functions", "libraries", "python", "signature", "params", "metrics", "training_rows", "extra"]
LEAVES, ONE_STEP, SHELLS = (9, 11, 13, 14, 12), (1, 2, 3, 8), (0, 4, 5, 6, 7, 10)


def digest(data: bytes) -> str:
    return "blake3:" + blake3(data).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON as section 8 has it: no white space, non-ASCII as it is, exponents without a plus or zeros in front."""
    if isinstance(value, dict):
        return b"{" + b",".join(canonical(key) + b":" + canonical(item) for key, item in value.items()) + b"}"
    if isinstance(value, list | tuple):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, float):
        return re.sub(r"e([+-])0*(\d+)", lambda found: "e" + found[1].strip("+") + found[2], repr(value)).encode()
    return json.dumps(value, ensure_ascii=False).encode()


# -- writing, from the page ----------------------------------------------------------------------------------------------


def pack(value: Any) -> bytes:
    """MessagePack in its shortest form, by hand: nil, bool, int, float64, str, bytes, list."""
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        for low, high, code, form in ((0, 127, None, "B"), (-32, -1, None, "b"), (0, 2**8 - 1, 0xCC, ">B"), (0, 2**16 - 1, 0xCD, ">H"), (0, 2**32 - 1, 0xCE, ">I"),
                                      (0, 2**64 - 1, 0xCF, ">Q"), (-(2**7), -1, 0xD0, ">b"), (-(2**15), -1, 0xD1, ">h"), (-(2**31), -1, 0xD2, ">i"), (-(2**63), -1, 0xD3, ">q")):  # fmt: skip
            if low <= value <= high:
                return (b"" if code is None else bytes([code])) + struct.pack(form, value)
        raise OverflowError(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        raw = value.encode()
        return _count(len(raw), ((31, 0xA0), (2**8 - 1, 0xD9), (2**16 - 1, 0xDA), (2**32 - 1, 0xDB))) + raw
    if isinstance(value, bytes):
        return _count(len(value), ((2**8 - 1, 0xC4), (2**16 - 1, 0xC5), (2**32 - 1, 0xC6))) + value
    return _count(len(value), ((15, 0x90), (2**16 - 1, 0xDC), (2**32 - 1, 0xDD))) + b"".join(map(pack, value))


def _count(count: int, forms: tuple[tuple[int, int], ...]) -> bytes:
    for most, code in forms:
        if count <= most:
            if most in (15, 31):
                return bytes([code | count])
            return bytes([code]) + count.to_bytes({8: 1, 16: 2, 32: 4}[most.bit_length()], "big")
    raise OverflowError(count)


def file_of(tree: list[Any], tensors: list[tuple[str, str, list[int], bytes]], example: tuple[list[Any], list[Any]] | None = None, **changes: Any) -> bytes:
    """Put a file together: sections 2, 6 and 7 of the page."""
    sections: list[tuple[str, str, list[int], bytes]] = []

    def part(label: str, document: list[Any], own: list[tuple[str, str, list[int], bytes]]) -> dict[str, Any]:
        raw = pack(document)
        sections.append((label, "U8", [len(raw)], raw))
        sections.extend(own)
        lines = [[name, dtype, shape, digest(data)] for name, dtype, shape, data in own]
        return {"digest": digest(canonical([digest(raw), lines])), "tree": digest(raw), "tensors": lines}

    manifest: dict[str, Any] = dict.fromkeys(MANIFEST_KEYS)
    manifest |= {"format": 1, "type": "builtins.dict", "content": part("holdfast.tree", tree, tensors), "types": [], "functions": [], "libraries": {}, "python": "3.11"}
    manifest |= {"params": {}, "metrics": {}, "training_rows": [], "extra": {}}
    if example is not None:
        manifest["example"] = part("holdfast.example", *example)
    manifest |= changes
    raw_manifest = canonical(manifest)
    entries: list[tuple[str, str, list[int], int]] = []
    body = b""
    pads = 0
    for name, dtype, shape, data in sections:
        if len(body) % 64:
            gap = 64 - len(body) % 64
            entries.append((f"holdfast.pad.{pads}", "U8", [gap], gap))
            body += bytes(gap)
            pads += 1
        entries.append((name, dtype, shape, len(data)))
        body += data
    entries += [("holdfast.manifest", "U8", [len(raw_manifest)], len(raw_manifest)), ("holdfast.seal", "U8", [64], 64)]
    text = b'{"__metadata__":{"holdfast":"1"}'
    begin = 0
    for name, dtype, shape, size in entries:
        text += b"," + canonical(name) + b":" + canonical({"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + size]})
        begin += size
    text += b"}"
    text += b" " * (-(8 + len(text)) % 64)
    head = struct.pack("<Q", len(text)) + text
    return head + body + raw_manifest + blake3(head).digest() + blake3(raw_manifest).digest()


ARRAY = np.arange(6.0).reshape(2, 3)
TREE = [1, [2, 3], [
    [9, "<f8", 2, "C", True, 1, [2, 3], False, 0],
    [14, "bytes", [b"abc"]],
    [2, 1, [[0, 1], [0, 2.5], [0, None]]],
    [5, ["w", "t", "b", "n", "s"], 1, [[2, 0], [2, 2], [2, 1], [0, -7], [0, "ä"]]],
]]  # fmt: skip
"""``{"w": ARRAY, "t": (1, 2.5, None), "b": b"abc", "n": -7, "s": "ä"}``, written down by section 4."""


def by_hand(**changes: Any) -> bytes:
    return file_of(TREE, [("w", "F64", [2, 3], ARRAY.tobytes())], **changes)


def test_a_file_put_together_from_the_page_is_read() -> None:
    model = holdfast.loads(by_hand(), digests="all")
    assert list(model) == ["w", "t", "b", "n", "s"]
    assert model["w"].tolist() == ARRAY.tolist()
    assert (model["t"], model["b"], model["n"], model["s"]) == ((1, 2.5, None), b"abc", -7, "ä")
    assert holdfast.verify(by_hand()).digests


def test_what_is_put_together_from_the_page_is_what_the_writer_writes() -> None:
    model = {"w": ARRAY, "t": (1, 2.5, None), "b": b"abc", "n": -7, "s": "ä"}
    written = holdfast.dumps(model)
    own = json.loads(sections_of(written)["holdfast.manifest"])
    assert by_hand(**{key: own[key] for key in MANIFEST_KEYS if key != "content"}) == written


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ([4, 1, [0, 3], [1, [1, "a", None]]], [1, "a", None]),
        ([4, 1, [0, 4], [0, True]], [True] * 4),
        ([6, 1, [0, 2], [1, [1, 2.5]], [1, ["x", "y"]]], {1: "x", 2.5: "y"}),
        ([7, 1, [0, 2], [1, [1, 2]]], {1, 2}),
        ([8, 1, [1, [2]], [1, ["a", "b"]]], frozenset("ab")),
        ([3, 1, [0, 17], [0, 0]], (0,) * 17),
        ([2, 1, []], ()),
        ([14, "int", [b"-1ffffffffffffffffff"]], -0x1FFFFFFFFFFFFFFFFFF),
        ([14, "complex", [struct.pack("<dd", 1.0, -2.0)]], complex(1, -2)),
        ([14, "bytearray", [b"x"]], bytearray(b"x")),
        ([14, "surrogates", [b"\xed\xa0\x80"]], "\ud800"),
        ([14, "singleton", [b"Ellipsis"]], ...),
        ([11, "<f4", 1, struct.pack("<f", 1.5)], np.float32(1.5)),
        ([11, "<M8[D]", 1, struct.pack("<q", 1)], np.datetime64("1970-01-02")),
        ([13, ["builtins.len"]], len),
        ([1, "builtins.slice", ["start", "stop", "step"], 1, [[0, 1], [0, 2], [0, None]]], slice(1, 2)),
    ],
    ids=lambda one: str(one)[:30],
)
def test_every_kind_of_table_means_what_the_page_says(table: list[Any], wanted: Any) -> None:
    found = holdfast.loads(file_of([1, [2, 0], [table]], []))
    assert type(found) is type(wanted)
    assert found == wanted


def test_columns_mean_what_the_page_says() -> None:
    leaves = [14, "bytes", [b"a", b"b", b"c"]]
    for column, wanted in (([0, 5], [5, 5, 5]), ([1, [1, 2, 3]], [1, 2, 3]), ([2, 1], [b"b"] * 3), ([3, 0], [b"a", b"b", b"c"]), ([4, [2, 0, 1]], [b"c", b"a", b"b"]),
                           ([5, [7, 2, None], [1]], [7, b"c", None])):  # fmt: skip
        assert holdfast.loads(file_of([1, [2, 3], [leaves, [4, 1, [0, 3], column]]], [])) == wanted


def test_arrays_lie_as_the_page_says() -> None:
    fortran = np.asfortranarray(ARRAY)
    found = holdfast.loads(file_of([1, [2, 0], [[9, "<f8", 2, "F", True, 1, [2, 3], False, 0]]], [("a", "F64", [3, 2], fortran.T.tobytes())]))
    assert found.flags.f_contiguous
    assert found.tolist() == ARRAY.tolist()
    text = np.array(["ab", "c"])
    found = holdfast.loads(file_of([1, [2, 0], [[9, "<U2", 1, "C", True, 1, [2], False, 0]]], [("a", "U8", [16], text.tobytes())]))
    assert found.tolist() == ["ab", "c"]
    pool = b"".join(np.arange(n, dtype="<i4").tobytes() for n in (1, 2, 3))
    found = holdfast.loads(file_of([1, [2, 3], [[9, "<i4", 1, "C", True, 3, [1, 2, 3], True, 0], [4, 1, [0, 3], [3, 0]]]], [("~pool0", "I32", [6], pool)]))
    assert [one.tolist() for one in found] == [[0], [0, 1], [0, 1, 2]]
    views = [[9, "|u1", 1, "C", True, 1, [6], False, 0], [12, "|u1", 1, True, 2, [0, 0], [0, 5], [3, 3], [1, -2]], [4, 1, [0, 2], [3, 1]]]
    found = holdfast.loads(file_of([1, [2, 3], views], [("a", "U8", [6], bytes(range(6)))]))
    assert [one.tolist() for one in found] == [[0, 1, 2], [5, 3, 1]]
    objects = [[10, 2, "C", True, 1, [2, 1], [1, ["x", None]]]]
    assert holdfast.loads(file_of([1, [2, 0], objects], [])).tolist() == [["x"], [None]]


def test_an_object_that_is_referred_to_twice_is_one_and_a_cycle_is_nothing_special() -> None:
    found = holdfast.loads(file_of([1, [2, 0], [[4, 2, [0, 2], [4, [1, 1, 0, 1]]]]], []))
    assert found[0] is found[1]
    assert found[0][0] is found
    assert found[0][1] is found[0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b.replace(b'"holdfast":"1"', b'"holdfast":"0"'),
        lambda b: b[:-1] + bytes([b[-1] ^ 1]),
        lambda b: b[:-64] + bytes(64),
        lambda b: b.replace(b'"python":"3.11"', b'"python":"3.12"'),
        lambda b: b.replace(ARRAY.tobytes(), ARRAY[::-1].tobytes()),
        lambda b: b + b"\0",
    ],
    ids=["version", "seal", "no seal", "manifest", "tensor", "more"],
)
def test_what_the_page_binds_is_bound(damage: Any) -> None:
    assert damage(by_hand()) != by_hand()
    with pytest.raises(FormatError):
        holdfast.loads(damage(by_hand()))


def test_padding_that_is_not_zero_is_refused_when_digests_are_checked() -> None:
    blob = bytearray(by_hand())
    start = 8 + struct.unpack("<Q", blob[:8])[0]
    header = json.loads(blob[8:start])
    blob[start + header["holdfast.pad.0"]["data_offsets"][0]] = 1
    for check in (lambda: holdfast.loads(bytes(blob), digests="all"), lambda: holdfast.verify(bytes(blob))):
        with pytest.raises(Corrupt):
            check()


# -- reading, by the page -------------------------------------------------------------------------------------------------


def sections_of(blob: bytes) -> dict[str, bytes]:
    """Take a file apart and hold it against section 2: header, order, alignment, padding."""
    size = struct.unpack("<Q", blob[:8])[0]
    text = blob[8 : 8 + size]
    assert text.startswith(b'{"__metadata__":{"holdfast":"')
    assert (8 + size) % 64 == 0
    bare = text.rstrip(b" ")
    assert len(text) - len(bare) < 64
    pairs = json.loads(bare, object_pairs_hook=list)
    assert pairs[0] == ("__metadata__", [("holdfast", "1")])
    assert canonical({"__metadata__": {"holdfast": "1"}} | {name: dict(entry) for name, entry in pairs[1:]}) == bare
    found: dict[str, bytes] = {}
    position = pads = 0
    for name, pair in pairs[1:]:
        assert [key for key, _ in pair] == ["dtype", "shape", "data_offsets"]
        entry = dict(pair)
        begin, end = entry["data_offsets"]
        assert begin == position <= end
        assert name not in found
        assert len(name.encode()) <= 512
        data = blob[8 + size + begin : 8 + size + end]
        if name.startswith("holdfast.pad."):
            assert name == f"holdfast.pad.{pads}"
            assert (entry["dtype"], entry["shape"]) == ("U8", [end - begin])
            assert 0 < end - begin < 64
            assert not any(data)
            assert end % 64 == 0
            pads += 1
        else:
            assert name in ("holdfast.manifest", "holdfast.seal") or begin % 64 == 0
            found[name] = data
        position = end
    assert 8 + size + position == len(blob)
    assert list(found)[0] == "holdfast.tree"
    assert list(found)[-2:] == ["holdfast.manifest", "holdfast.seal"]
    seal = blake3(blob[: 8 + size]).digest() + blake3(found["holdfast.manifest"]).digest()
    assert found["holdfast.seal"] == seal
    return found


def checked(blob: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Hold a file against sections 3, 6 and 7; return its manifest and the raw bytes of trees and tensors."""
    found = sections_of(blob)
    text = found["holdfast.manifest"]
    manifest = json.loads(text)
    assert list(manifest) == MANIFEST_KEYS
    assert canonical(manifest) == text
    raw: dict[str, bytes] = {}
    order = []
    for label, tree_name in (("content", "holdfast.tree"), ("example", "holdfast.example")):
        part = manifest[label]
        if part is None:
            continue
        assert list(part) == ["digest", "tree", "tensors"]
        assert part["digest"] == digest(canonical([part["tree"], part["tensors"]]))
        assert part["tree"] == digest(found[tree_name])
        raw[tree_name] = found[tree_name]
        order.append(tree_name)
        for name, dtype, shape, wanted in part["tensors"]:
            stored = next(one for one in found if one == name or re.fullmatch(re.escape(name) + r"\|zstd(-shuffle[1-9][0-9]{0,3})?", one))
            order.append(stored)
            raw[name] = data = _decoded(found[stored], stored[len(name) :])
            assert digest(data) == wanted
            assert re.fullmatch("blake3:[0-9a-f]{64}", wanted)
            assert len(data) == np.dtype(SAFETENSORS[dtype]).itemsize * int(np.prod(shape, dtype=object))
            assert label == "content" or name.startswith("holdfast.example/")
    assert order == list(found)[:-2]
    return manifest, raw


def _decoded(data: bytes, encoding: str) -> bytes:
    if not encoding:
        return data
    raw: bytes = zstandard.ZstdDecompressor().decompress(data)
    assert zstandard.get_frame_parameters(data).content_size == len(raw)
    if encoding == "|zstd":
        return raw
    distance = int(encoding.removeprefix("|zstd-shuffle"))
    return np.frombuffer(raw, np.uint8).reshape(distance, -1).T.tobytes()


class Reader:
    """Section 4 for plain data, in the fewest words: from a decoded document and its tensors to a model."""

    def __init__(self, raw: bytes, tensors: list[bytes]) -> None:
        document = msgspec.msgpack.decode(raw)
        assert pack(document) == raw
        version, self.root, self.tables = document
        assert version == 1
        self.tensors = tensors
        self.bases: list[int] = []
        total = 0
        for table in self.tables:
            self.bases.append(total)
            assert self.rows(table) >= 1
            total += self.rows(table)
        kinds = [table[0] for table in self.tables]
        phases = [0 if kind in LEAVES else 1 if kind in ONE_STEP else 2 for kind in kinds]
        assert phases == sorted(phases)
        if 12 in kinds and 9 in kinds:
            assert max(i for i, kind in enumerate(kinds) if kind == 9) < min(i for i, kind in enumerate(kinds) if kind == 12)
        self.built: list[Any] = [None] * total
        self.shells = next((base for base, phase in zip(self.bases, phases, strict=True) if phase == 2), total)

    @staticmethod
    def rows(table: list[Any]) -> int:
        place = {0: 3, 1: 3, 2: 1, 3: 1, 4: 1, 5: 2, 6: 1, 7: 1, 8: 1, 9: 5, 10: 4, 11: 2, 12: 4}
        if table[0] in place:
            return int(table[place[table[0]]])
        return len(table[1] if table[0] == 13 else table[2])

    def column(self, column: list[Any], count: int) -> list[Any]:
        tag, value = column[:2]
        if tag == 0:
            return [value] * count
        if tag == 1:
            assert len(value) == count
            return list(value)
        if tag == 5:
            assert column[2] == sorted(set(column[2]))
            assert 0 < len(column[2]) < count == len(value)
            return [self.built[cell] if i in column[2] else cell for i, cell in enumerate(value)]
        nodes = [value] * count if tag == 2 else list(range(value, value + count)) if tag == 3 else value
        assert len(nodes) == count
        return [self.built[node] for node in nodes]

    def split(self, lengths: list[Any], items: list[Any], rows: int) -> list[list[Any]]:
        assert lengths[0] in (0, 1)
        counts = self.column(lengths, rows)
        flat = self.column(items, sum(counts))
        return [flat[sum(counts[:i]) : sum(counts[: i + 1])] for i in range(rows)]

    def run(self) -> Any:
        taken = 0
        empty: dict[int, Any] = {4: list, 5: dict, 6: dict, 7: set}
        for base, table in zip(self.bases, self.tables, strict=True):
            for row in range(self.rows(table) if table[0] in empty else 0):
                self.built[base + row] = empty[table[0]]()
        for base, table in zip(self.bases, self.tables, strict=True):
            rows = self.rows(table)
            if table[0] == 9:
                _, dtype, ndim, order, _, _, shapes, pooled, first = table
                assert first == taken
                taken += 1 if pooled else rows
                at = 0
                for row in range(rows):
                    shape = shapes[row * ndim : row * ndim + ndim]
                    size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
                    data = self.tensors[first][at : at + size] if pooled else self.tensors[first + row]
                    at += size
                    self.built[base + row] = np.frombuffer(data, dtype).reshape(shape, order=order)
            elif table[0] == 12:
                _, dtype, ndim, _, _, buffers, offsets, shapes, strides = table
                for row in range(rows):
                    cut = slice(row * ndim, row * ndim + ndim)
                    self.built[base + row] = np.ndarray(shapes[cut], dtype, self.built[buffers[row]].tobytes(), offsets[row], strides[cut])
            elif table[0] == 11:
                self.built[base : base + rows] = list(np.frombuffer(table[3], table[1]))
            elif table[0] == 14:
                make = {"bytes": bytes, "bytearray": bytearray, "int": lambda v: int(v, 16), "complex": lambda v: complex(*struct.unpack("<dd", v))}
                self.built[base : base + rows] = [make[table[1]](value) for value in table[2]]
            elif table[0] == 2:
                columns = [self.column(column, rows) for column in table[2]]
                self.built[base : base + rows] = [tuple(column[row] for column in columns) for row in range(rows)]
            elif table[0] in (3, 8):
                self.built[base : base + rows] = [(tuple if table[0] == 3 else frozenset)(row) for row in self.split(table[2], table[3], rows)]
        assert taken == len(self.tensors)
        for base, table in sorted(zip(self.bases, self.tables, strict=True), key=lambda one: one[1][0] in (6, 7)):
            rows = self.rows(table)
            if table[0] in (4, 7):
                for row, items in enumerate(self.split(table[2], table[3], rows)):
                    (self.built[base + row].extend if table[0] == 4 else self.built[base + row].update)(items)
            elif table[0] == 5:
                columns = [self.column(column, rows) for column in table[3]]
                for row in range(rows):
                    self.built[base + row].update({key: column[row] for key, column in zip(table[1], columns, strict=True)})
            elif table[0] == 6:
                keys, values = self.split(table[2], table[3], rows), self.split(table[2], table[4], rows)
                for row in range(rows):
                    self.built[base + row].update(zip(keys[row], values[row], strict=True))
        return self.column(self.root, 1)[0]


def models() -> dict[str, Any]:
    base = np.arange(40.0)
    shared = [1, 2]
    return {
        "plain": {"a": 1, "b": [1.5, None, "ä\n\u2028\"\\/"], "c": (True, -(2**63), 2**64 - 1), "d": {1: 2, "x": (3,)}},
        "scalar": "only text",
        "arrays": {"f": ARRAY, "F": np.asfortranarray(ARRAY), "u": np.arange(300, dtype="<u2"), "bool": np.ones(3, bool), "U": np.array(["a", "bc"]), "t": np.array(["2020-01-01"], "M8[D]")},
        "pool": [np.arange(i + 1, dtype="<i4") for i in range(20)],
        "views": {"all": base, "head": base[:5], "odd": base[1::2], "back": base[::-1]},
        "shared": {"one": shared, "two": shared, "three": [shared]},
        "atoms": [1 << 80, -(1 << 70), b"x", bytearray(b"y"), 1 + 2j, np.float32(1.5), np.int8(-1)],
        "sets": {"s": {3, 1, 2}, "f": frozenset({"b", "a"}), "long": tuple(range(30)), "nested": ((1, (2, (3,))),)},
        "empty": {"l": [], "d": {}, "t": (), "s": set(), "a": np.empty((0, 3)), "n": [[], [[]]]},
        "many": [{"x": i, "y": [i, str(i)]} for i in range(50)],
        "large": {"a": np.arange(5000.0), "z": np.zeros(9000, np.int8)},
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


@pytest.mark.parametrize("compress", [None, "zstd"])
@pytest.mark.parametrize("name", models())
def test_a_file_that_holdfast_wrote_is_read_by_the_words_of_the_page(name: str, compress: str | None) -> None:
    model = models()[name]
    blob = holdfast.dumps(model, compress=compress, metrics={"auc": 0.5}, extra={"b": [1, {"z": None, "a": "ä"}], "a": -1.5e-7})
    manifest, raw = checked(blob)
    found = Reader(raw["holdfast.tree"], [raw[line[0]] for line in manifest["content"]["tensors"]]).run()
    assert same(found, model)
    assert digest(sections_of(blob)["holdfast.manifest"]) == holdfast.inspect(blob).id
    assert manifest["content"]["digest"] == holdfast.inspect(blob).content
    if compress:
        assert checked(holdfast.dumps(model, metrics={"auc": 0.5}, extra=manifest["extra"]))[0] == manifest


def test_a_file_with_an_example_is_read_by_the_words_of_the_page() -> None:
    from sklearn.preprocessing import StandardScaler

    X = np.arange(12.0).reshape(6, 2)
    manifest, raw = checked(holdfast.dumps(StandardScaler().fit(X), example=X[:3]))
    tensors = [raw[line[0]] for line in manifest["example"]["tensors"]]
    found = Reader(raw["holdfast.example"], tensors).run()
    assert found["inputs"].tolist() == X[:3].tolist()
    assert list(found["outputs"]) == ["transform"]
    assert manifest["libraries"].keys() == {"numpy", "scipy", "scikit-learn"}


def test_pools_and_pads_are_as_the_page_says() -> None:
    tensors = json.loads(sections_of(holdfast.dumps([np.zeros(3)] + [np.zeros(3) for _ in range(15)]))["holdfast.manifest"])["content"]["tensors"]
    assert len(tensors) == 1
    tensors = json.loads(sections_of(holdfast.dumps([np.zeros(3) for _ in range(15)]))["holdfast.manifest"])["content"]["tensors"]
    assert len(tensors) == 15
    tensors = json.loads(sections_of(holdfast.dumps([np.zeros(2049) for _ in range(16)]))["holdfast.manifest"])["content"]["tensors"]
    assert len(tensors) == 16


def test_the_page_names_every_tag_that_is_used_here() -> None:
    """A table or a column that the page does not explain could not be read by its words."""
    from holdfast.values import tree as t

    for table in t.Table.__args__:
        assert re.search(rf"\b{table.__struct_config__.tag} {table.__name__}\b", PAGE), table.__name__
    for column in t.Column.__args__:
        assert re.search(rf"\| {column.__struct_config__.tag} {column.__name__} \|", PAGE), column.__name__
    for key in MANIFEST_KEYS:
        assert f"`{key}`" in PAGE
    for kind in t.ATOM_KINDS:
        assert f"`{kind}`" in PAGE
