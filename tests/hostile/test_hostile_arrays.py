"""Group D of the threat table: arrays, tensors, compression, sparse matrices; and the rules of plain safetensors files."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import zstandard
from safetensors import safe_open
from safetensors.numpy import load_file, save, save_file

import holdfast
from holdfast.errors import Corrupt, FormatError, InvalidState, LibraryMissing, LimitExceeded, Truncated, UnsupportedModel
from holdfast.native.codec import encode_tree
from holdfast.values import tree as t
from holdfast.values.digest import digest
from holdfast.values.dtypes import NUMPY
from holdfast.values.manifest import Part, content_digest, manifest_bytes
from tests.hostile.crafted import Piece, altered, array_piece, framed, manifest_of, packed, record, sealed, tree_of, tree_section
from tests.hostile.oracle import Case, Watcher, check

MEGA = 1 << 20


def array(dtype: str, shape: list[int], raw: bytes = b"", order: str = "C") -> bytes:
    """Return a file of one array, described freely."""
    return packed(tree_of(t.Arrays(dtype, len(shape), order, True, 1, shape, False, 0)), [Piece("a", "U8", (len(raw),), raw)])


def number(dtype: str, raw: bytes) -> bytes:
    return packed(tree_of(t.Numbers(dtype, 1, raw)))


def fields(*parts: list[Any], itemsize: int = 8, align: str = "false") -> str:
    import json

    return json.dumps({"fields": [list(one) for one in parts]}, separators=(",", ":"))[:-1] + f',"itemsize":{itemsize},"align":{align}}}'


def nested(levels: int) -> str:
    import json

    text: Any = "<f8"
    for _ in range(levels):
        text = json.dumps({"fields": [["a", text, 0, []]], "itemsize": 8, "align": False}, separators=(",", ":"))
    return str(text)


# -- D4: dtypes -----------------------------------------------------------------------------------------------------------

TEXTS = (
    "", "O", "|O", "|O8", "object", "f8", "=f8", "@f8", "!f8", "float64", "<f3", "<f16", "<f12", "<g", "<i3", "<i16", "<u0", "<b1", ">b1", "|b2", ">i1", "<u1",
    "<c4", "<c32", "<x8", "?", "d", "L", "P", "<p8", "T", "|T16", "<V8", ">S3", "|U3", "<U", "|S", "|V", "<U-1", "<U01", "<U 1", "|S+1", "<U1000000000", "<U999999999",
    "<U536870912", "|S9999999999", "|V99999999999999999999", "<M8[", "<M8[]", "<M8[x]", "<M8[ns", "<M8[0s]", "<M8[01s]", "<M8[-1s]", "<M8[9999999999s]", "<M4[s]", "|M8[s]",
    "<M8[s]x", "<m8[Ms]", "<M8[generic]", "longdouble", "longdouble:ppc", "longdouble:x86 ", "<f8\n", " <f8", "<f8 ", "<f8,<f8", "(2,)<f8", "2f8", "{'names':['a']}",
    "numpy.float64", "<f８", "\x1b[31m<f8", "{", "{}", "[]", "null", '"<f8"', "x" * 100_000,
)  # fmt: skip
STRUCTURES = {
    "fields of objects": fields(["a", "|O", 0, []]),
    "fields of unknown types": fields(["a", "<f3", 0, []]),
    "a field outside the item": fields(["a", "<f8", 1, []]),
    "a field far outside the item": fields(["a", "<f8", 2**31 - 8, []]),
    "a field at a negative offset": fields(["a", "<f8", -8, []]),
    "a field at an offset of 64 bits": fields(["a", "<f8", 2**63, []]),
    "a field twice": fields(["a", "<f4", 0, []], ["a", "<f4", 4, []]),
    "a title for a field": '{"fields":[[["t","a"],"<f8",0,[]]],"itemsize":8,"align":false}',
    "a sub-array that is too large": fields(["a", "<f8", 0, [2, 2]]),
    "a sub-array of 2**62 items": fields(["a", "<f8", 0, [2**31 - 1, 2**31 - 1]]),
    "a sub-array of -1 items": fields(["a", "<f8", 0, [-1]]),
    "a sub-array of 65 axes": fields(["a", "<f8", 0, [1] * 65]),
    "an item of -1 bytes": fields(["a", "<f8", 0, []], itemsize=-1),
    "an item of 2**31 bytes": fields(["a", "<f8", 0, []], itemsize=2**31),
    "an item of 2**63 bytes": fields(["a", "<f8", 0, []], itemsize=2**63),
    "an item of no bytes": fields(["a", "<f8", 0, []], itemsize=0),
    "9 levels": nested(9),
    "13 levels": nested(13),
    "4,097 fields": fields(*[[f"f{i}", "|u1", i, []] for i in range(4097)], itemsize=4097),
    "an unknown key": '{"fields":[["a","<f8",0,[]]],"itemsize":8,"align":false,"metadata":{}}',
    "keys in another order": '{"itemsize":8,"fields":[["a","<f8",0,[]]],"align":false}',
    "white space": '{"fields": [["a","<f8",0,[]]],"itemsize":8,"align":false}',
    "a field of three parts": '{"fields":[["a","<f8",0]],"itemsize":8,"align":false}',
    "a field of five parts": '{"fields":[["a","<f8",0,[],1]],"itemsize":8,"align":false}',
    "fields as a map": '{"fields":{"a":"<f8"},"itemsize":8,"align":false}',
    "a name that is a number": '{"fields":[[1,"<f8",0,[]]],"itemsize":8,"align":false}',
    "an offset that is a float": '{"fields":[["a","<f8",0.0,[]]],"itemsize":8,"align":false}',
    "an alignment that is a number": '{"fields":[["a","<f8",0,[]]],"itemsize":8,"align":1}',
    "an alignment that cannot be": fields(["a", "|u1", 0, []], ["b", "<f8", 1, []], itemsize=9, align="true"),
    "no alignment": '{"fields":[["a","<f8",0,[]]],"itemsize":8}',
    "fields twice": '{"fields":[["a","<f8",0,[]]],"fields":[["a","<f8",0,[]]],"itemsize":8,"align":false}',
    "text that is cut": '{"fields":[["a","<f8",0,[]]],"itemsize":8,',
    "lists 10,000 deep": '{"fields":' + "[" * 10_000 + "]" * 10_000 + ',"itemsize":8,"align":false}',
}
DTYPES = {
    **{f"an array of {text!r:.40}": Case(array(text, [0])) for text in TEXTS},
    **{f"a number of {text!r:.40}": Case(number(text, b"")) for text in TEXTS},
    **{f"an array of structures: {name}": Case(array(text, [1], bytes(8))) for name, text in STRUCTURES.items()},
    **{f"a number of structures: {name}": Case(number(text, bytes(8))) for name, text in STRUCTURES.items()},
    **{f"text with the code point {point:#x}": Case(array("<U1", [1], point.to_bytes(4, "little"))) for point in (0x110000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)},
    **{f"big-endian text with the code point {point:#x}": Case(array(">U1", [1], point.to_bytes(4, "big"))) for point in (0x110000, 0xFFFFFFFF)},
    **{f"a text scalar with the code point {point:#x}": Case(number("<U1", point.to_bytes(4, "little"))) for point in (0x110000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)},
    "a structure with text that has no code point": Case(array(fields(["a", "<U1", 0, []], itemsize=4), [1], b"\xff" * 4)),
    "a structure scalar with text that has no code point": Case(number(fields(["a", "<U1", 0, []], itemsize=4), b"\xff" * 4)),
}  # fmt: skip

# -- D7: compressed tensors -----------------------------------------------------------------------------------------------

ZEROS = bytes(1000)
FRAME = zstandard.ZstdCompressor().compress(ZEROS)
LARGE = bytes(64 * MEGA)
LARGE_FRAME = zstandard.ZstdCompressor().compress(LARGE)
DICTIONARY = zstandard.ZstdCompressionDict(b"abcdefgh" * 100, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def compressed(stored: bytes, encoding: str = "|zstd", raw: bytes = ZEROS, shape: tuple[int, ...] | None = None, items: list[int] | None = None) -> bytes:
    """Return a file of one array of bytes whose stored form is given."""
    shape = (len(raw),) if shape is None else shape
    piece = Piece("a", "U8", shape, raw, f"a{encoding}", stored)
    return packed(tree_of(t.Arrays("|u1", 1, "C", True, 1, list(shape)[:1] if items is None else items, False, 0)), [piece])


def lying_frame(declared: int, blocks: int) -> bytes:
    """Return a zstd frame, by hand from RFC 8878, that declares a size and holds so many runs of 128 kB of zeros."""
    run = (128 * 1024) << 3 | 1 << 1
    return b"\x28\xb5\x2f\xfd\x80\x68" + declared.to_bytes(4, "little") + (run.to_bytes(3, "little") + b"\0") * (blocks - 1) + (run | 1).to_bytes(3, "little") + b"\0"


def many_large(count: int) -> bytes:
    """Return a file of many tensors of zeros, of 64 MB each and of 2 kB stored."""
    tree = encode_tree(tree_of(t.Arrays("|u1", 1, "C", True, count, [len(LARGE)] * count, False, 0), t.Lists(1, t.Same(count), t.Run(0))))
    tensors = [(f"a{i}", "U8", [len(LARGE)], digest(LARGE) if i == 0 else "") for i in range(count)]
    tensors = [(name, dtype, shape, tensors[0][3]) for name, dtype, shape, _ in tensors]
    part = Part(content_digest(digest(tree), tensors), digest(tree), tensors)
    pieces = [Piece(f"a{i}", "U8", (len(LARGE),), b"", f"a{i}|zstd", LARGE_FRAME) for i in range(count)]
    return sealed([tree_section(tree), *(one.section for one in pieces)], manifest_bytes(manifest_of(tree, content=part)))


ALL = ("load", "verify", "inspect")
COMPRESSED = {
    "nothing stored": Case(compressed(b""), actions=ALL),
    "something after the frame": Case(compressed(FRAME + b"garbage"), actions=ALL),
    "the frame twice": Case(compressed(FRAME * 2), actions=ALL),
    "an empty frame after the frame": Case(compressed(FRAME + zstandard.ZstdCompressor().compress(b"")), actions=ALL),
    "a frame to be skipped after the frame": Case(compressed(FRAME + b"\x50\x2a\x4d\x18\x04\0\0\0abcd"), actions=ALL),
    "a frame to be skipped before the frame": Case(compressed(b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + FRAME), actions=ALL),
    "a frame in two halves": Case(compressed(zstandard.ZstdCompressor().compress(ZEROS[:500]) * 2), actions=ALL),
    "a frame of fewer bytes": Case(compressed(zstandard.ZstdCompressor().compress(ZEROS[:-1])), Corrupt, actions=ALL),
    "a frame of more bytes": Case(compressed(zstandard.ZstdCompressor().compress(ZEROS + b"\0")), Corrupt, actions=ALL),
    "a frame of other bytes": Case(compressed(zstandard.ZstdCompressor().compress(ZEROS[:-1] + b"\1")), Corrupt, says="digest", actions=ALL),
    "a frame that does not say its size": Case(compressed(zstandard.ZstdCompressor(write_content_size=False).compress(ZEROS)), Corrupt, actions=ALL),
    "a frame with a dictionary": Case(compressed(zstandard.ZstdCompressor(dict_data=DICTIONARY).compress(b"abcdefgh" * 125), raw=b"abcdefgh" * 125), Corrupt, actions=ALL),
    "a frame without its magic": Case(compressed(FRAME[4:]), Corrupt, actions=ALL),
    "gzip": Case(compressed(__import__("gzip").compress(ZEROS)), Corrupt, actions=ALL),
    "the raw bytes": Case(compressed(ZEROS), Corrupt, actions=ALL),
    **{f"a frame cut at {n}": Case(compressed(FRAME[:n]), Corrupt, actions=ALL) for n in range(len(FRAME))},
    **{f"the encoding {name!r}": Case(compressed(FRAME, name), actions=ALL) for name in (
        "|zstd-shuffle1", "|zstd-shuffle0", "|zstd-shuffle7", "|zstd-shuffle08", "|zstd-shuffle10000", "|zstd-shuffle-8", "|zstd-shuffle", "|zstd-shuffle8x", "|zstd-", "|ZSTD",
        "|zstd|zstd", "|gzip", "|lz4", "|", "zstd", "|zstd ", "|zstd\\u0000", "|pickle", "|zstd-shuffle999999999999", "|zstd-shuffle８")},
    "a tensor that declares 8 TiB": Case(compressed(FRAME, shape=(1 << 43,)), LimitExceeded, says="DECODED_BYTES_PER_STORED", actions=ALL),
    "a tensor whose shape overflows": Case(compressed(FRAME, shape=(1 << 62, 1 << 62)), LimitExceeded, actions=ALL),
    "a tensor of 1,000 axes": Case(compressed(FRAME, shape=(1000, *[1] * 999)), LimitExceeded, FormatError, actions=ALL),
    "a tensor of 100,000 axes of 2**62": Case(compressed(FRAME, shape=(1 << 62,) * 100_000, items=[1000]), LimitExceeded, FormatError, actions=ALL, within=2),
    "a tensor of a negative length": Case(compressed(FRAME, shape=(-1000,), items=[1000]), FormatError, actions=ALL),
    "a frame whose window is 2 GB": Case(compressed(b"\x28\xb5\x2f\xfd\x80\xa8" + (1000).to_bytes(4, "little") + b"\x01\x00\x00"), Corrupt, actions=ALL),
    "a frame that says 1,000 bytes and holds a gigabyte": Case(compressed(lying_frame(1000, 8192)), Corrupt, actions=ALL, within=0.5),
    "a frame that says 4 MB and holds a gigabyte": Case(compressed(lying_frame(4 << 20, 8192), raw=bytes(4 << 20)), Corrupt, actions=ALL, within=0.5),
    "a tree that is compressed": Case(altered(compressed(FRAME), header=lambda h: h.replace(b'"holdfast.tree"', b'"holdfast.tree|zstd"')), actions=ALL, lenient=()),
    "a manifest that is compressed": Case(altered(holdfast.dumps([1]), header=lambda h: h.replace(b'"holdfast.manifest"', b'"holdfast.manifest|zstd"')), actions=ALL, lenient=()),
    "a gigabyte out of a tenth of a megabyte": Case(many_large(16), LimitExceeded, actions=("load", "inspect")),
}  # fmt: skip

# -- D12: sparse matrices -------------------------------------------------------------------------------------------------


def compressed_matrix(kind: str = "csr_matrix", shape: Any = (2, 3), indices: Any = (0, 2), indptr: Any = (0, 1, 2), data: Any = (1.0, 2.0), dtype: Any = np.int32,
                      more: dict[str, t.Column] | None = None, last: list[t.Table] | None = None) -> bytes:  # fmt: skip
    """Return a file of a csr, csc or bsr matrix of these parts, unchecked."""
    parts = [np.array(data), np.array(indices, dtype), np.array(indptr, dtype)]
    tables: list[t.Table] = [t.Arrays(one.dtype.str, one.ndim, "C", True, 1, list(one.shape), False, i) for i, one in enumerate(parts)]
    tables.append(t.Tuples(1, [t.Same(n) for n in shape]))
    state: dict[str, t.Column] = {"shape": t.SameRef(3), "data": t.SameRef(0), "indices": t.SameRef(1), "indptr": t.SameRef(2), **(more or {})}
    tables.append(record(f"scipy.sparse._{kind[:3]}.{kind}", **state))
    return packed(t.Tree(1, t.SameRef(4), tables + (last or [])), [array_piece(f"p{i}", one) for i, one in enumerate(parts)])


def other_matrix(kind: str, shape: Any, *arrays: Any, **names: int) -> bytes:
    """Return a file of a sparse matrix whose parts are arrays, by field."""
    parts = [np.array(one) for one in arrays]
    tables: list[t.Table] = [t.Arrays(one.dtype.str, one.ndim, "C", True, 1, list(one.shape), False, i) for i, one in enumerate(parts)]
    tables += [t.Tuples(1, [t.Same(n) for n in shape]), t.Tuples(1, [t.SameRef(names["row"]), t.SameRef(names["col"])])] if "row" in names else [t.Tuples(1, [t.Same(n) for n in shape])]
    state: dict[str, t.Column] = {"shape": t.SameRef(len(parts))}
    state |= {name: t.SameRef(i) for name, i in names.items() if name not in ("row", "col")}
    if "row" in names:
        state["coords"] = t.SameRef(len(parts) + 1)
    tables.append(record(f"scipy.sparse._{kind[:3]}.{kind}", **state))
    return packed(t.Tree(1, t.SameRef(len(tables) - 1), tables), [array_piece(f"p{i}", one) for i, one in enumerate(parts)])


def repeated(count: int) -> bytes:
    """Return a file of a csr matrix whose entries are windows of stride zero into eight bytes."""
    views: list[t.Table] = [t.Views(dtype, 1, True, 1, [0], [0], [count], [0]) for dtype in ("<f8", "<i4")]
    tables = [t.Arrays("|u1", 1, "C", True, 1, [8], False, 0), t.Arrays("<i8", 1, "C", True, 1, [2], False, 1), *views, t.Tuples(1, [t.Same(1), t.Same(1)])]
    state = {"shape": t.SameRef(4), "data": t.SameRef(2), "indices": t.SameRef(3), "indptr": t.SameRef(1)}
    pieces = [array_piece("a", np.zeros(8, np.uint8)), array_piece("b", np.array([0, count]))]
    return packed(tree_of(*tables, record("scipy.sparse._csr.csr_matrix", **state)), pieces)


WRONG: dict[str, dict[str, Any]] = {
    "an index behind the last": {"indices": (0, 3)},
    "an index far away": {"indices": (0, 2**31 - 1)},
    "an index below zero": {"indices": (0, -1)},
    "pointers that go back": {"indptr": (0, 2, 1), "indices": (0, 2)},
    "pointers that go back and end right": {"shape": (3, 3), "indptr": (0, 2, 1, 2)},
    "pointers that start late": {"indptr": (1, 1, 2)},
    "pointers that start below zero": {"indptr": (-1, 1, 2)},
    "pointers that end early": {"indptr": (0, 1, 1)},
    "pointers that end late": {"indptr": (0, 1, 3)},
    "pointers that end far away": {"indptr": (0, 1, 2**31 - 1)},
    "pointers for fewer rows": {"indptr": (0, 2)},
    "pointers for more rows": {"indptr": (0, 1, 2, 2, 2, 2)},
    "no pointers": {"indptr": ()},
    "fewer values than indices": {"data": (1.0,)},
    "more values than indices": {"data": (1.0, 2.0, 3.0)},
    "values that are text": {"data": ("a", "b")},
    "indices that are floats": {"dtype": np.float64},
    "indices of sixteen bits": {"dtype": np.int16},
    "indices without a sign": {"dtype": np.uint32},
    "indices that are bools": {"dtype": np.bool_},
    "indices of two axes": {"indices": ((0,), (2,))},
    "a negative shape": {"shape": (-2, 3)},
    "a shape of three axes": {"shape": (2, 3, 1)},
    "a shape of no axes": {"shape": ()},
    "a shape of floats": {"shape": (2.0, 3.0)},
    "a shape of bools": {"shape": (True, 3)},
    "a shape of more rows than pointers": {"shape": (2**40, 3)},
    "no columns": {"shape": (2, 0)},
}
WRONG_SQUARE = {name: {**one, "shape": {(2, 3): (3, 2)}.get(one.get("shape", (2, 3)), one.get("shape", (3, 2)))} for name, one in WRONG.items()}
SPARSE = {
    **{f"{kind}: {name}": Case(compressed_matrix(kind, **parts), InvalidState) for kind in ("csr_matrix", "csr_array") for name, parts in WRONG.items()},
    **{f"{kind}: {name}": Case(compressed_matrix(kind, **parts), InvalidState) for kind in ("csc_matrix", "csc_array") for name, parts in WRONG_SQUARE.items()
       if name not in ("a shape of more rows than pointers", "a shape of floats", "no columns", "pointers that go back and end right")},
    # The class decides what is checked, and no field of the file does.
    **{f"a csr matrix that says it is {kind}": Case(compressed_matrix(indices=(0, 2**31 - 1), more={"format": t.Same(kind), "items": t.SameRef(5)}, last=[t.Maps([], 1, [])]),
                                                  InvalidState, FormatError) for kind in ("dok", "coo", "csr", "x")},
    "a csr matrix with a field too many": Case(compressed_matrix(more={"_has_canonical_format": t.Same(True)}), InvalidState, FormatError, may_import=("*",)),
    "a csr matrix of a trillion entries in sixteen bytes": Case(repeated(1 << 40), InvalidState, FormatError, LimitExceeded, within=2),
    "a csr matrix of no arrays": Case(packed(tree_of(record("scipy.sparse._csr.csr_matrix", shape=t.Same(1), data=t.Same(1), indices=t.Same(1), indptr=t.Same(1)))), InvalidState),
    "a csr matrix without a shape": Case(packed(tree_of(record("scipy.sparse._csr.csr_matrix", data=t.Same(1)))), InvalidState),
    "a csr matrix whose shape is text": Case(packed(tree_of(record("scipy.sparse._csr.csr_matrix", shape=t.Same("2,3"), data=t.Same(1), indices=t.Same(1), indptr=t.Same(1)))), InvalidState),
    **{f"bsr: {name}": Case(other_matrix("bsr_matrix", shape, data, np.array(indices, np.int32), np.array(indptr, np.int32), data=0, indices=1, indptr=2), InvalidState)
       for name, (shape, data, indices, indptr) in {
           "blocks that do not fill it": ((3, 4), np.ones((1, 2, 2)), [0], [0, 1]), "blocks of no rows": ((2, 2), np.ones((1, 0, 2)), [0], [0, 1]),
           "an index behind the last block": ((2, 4), np.ones((1, 2, 2)), [2], [0, 1]), "an index below zero": ((2, 4), np.ones((1, 2, 2)), [-1], [0, 1]),
           "values of one axis": ((2, 2), np.ones(1), [0], [0, 1]), "fewer blocks than indices": ((2, 4), np.ones((1, 2, 2)), [0, 1], [0, 2]),
       }.items()},
    **{f"coo: {name}": Case(other_matrix("coo_matrix", shape, np.array(data, np.float64), np.array(row, np.int32), np.array(col, np.int32), data=0, row=1, col=2), InvalidState)
       for name, (shape, data, row, col) in {
           "a row behind the last": ((2, 3), [1], [2], [0]), "a column behind the last": ((2, 3), [1], [0], [3]), "a row below zero": ((2, 3), [1], [-1], [0]),
           "more rows than values": ((2, 3), [1], [0, 1], [0]), "more columns than values": ((2, 3), [1], [0], [0, 1]), "more values than places": ((2, 3), [1, 2], [0], [0]),
           "coordinates for another number of axes": ((2, 3, 4), [1], [0], [0]), "a negative shape": ((-2, 3), [1], [0], [0]),
       }.items()},
    **{f"dia: {name}": Case(other_matrix("dia_matrix", shape, data, np.array(offsets, np.int32), data=0, offsets=1), InvalidState)
       for name, (shape, data, offsets) in {
           "a diagonal outside": ((2, 3), np.ones((1, 3)), [3]), "a diagonal far below": ((2, 3), np.ones((1, 3)), [-(2**31)]), "a diagonal twice": ((2, 3), np.ones((2, 3)), [0, 0]),
           "more diagonals than values": ((2, 3), np.ones((1, 3)), [0, 1]), "values of one axis": ((2, 3), np.ones(3), [0]),
       }.items()},
}  # fmt: skip

CASES = {**DTYPES, **COMPRESSED, **SPARSE}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    with Watcher(tmp_path_factory.mktemp("arrays"), CASES, memory=512 * MEGA, seconds=8) as watcher:
        yield watcher


@pytest.mark.parametrize("name", DTYPES)
def test_a_dtype_outside_the_grammar_is_refused(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_compressed_tensor_that_is_not_one_whole_frame_is_refused(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name], memory=300 * MEGA)


@pytest.mark.parametrize("name", SPARSE)
def test_a_sparse_matrix_that_points_outside_itself_is_refused(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo", "dia", "lil", "dok"])
@pytest.mark.parametrize("suffix", ["matrix", "array"])
def test_a_genuine_sparse_matrix_is_accepted(kind: str, suffix: str) -> None:
    made = getattr(sp, f"{kind}_{suffix}")(np.array([[0.0, 1.0, 0.0, 2.0], [3.0, 0.0, 0.0, 0.0]]))
    back = holdfast.loads(holdfast.dumps(made))
    assert type(back) is type(made)
    assert (back.toarray() == made.toarray()).all()
    assert (back @ np.ones(4) == made @ np.ones(4)).all()


def test_duplicate_and_unsorted_indices_are_legal_as_they_are_for_scipy() -> None:
    made = sp.csr_matrix((np.array([1.0, 2.0, 3.0]), np.array([2, 0, 0]), np.array([0, 3])), shape=(1, 3))
    back = holdfast.loads(holdfast.dumps(made))
    assert (back.toarray() == [[5.0, 0.0, 1.0]]).all()


def test_the_frame_that_the_cases_are_made_from_is_accepted() -> None:
    assert holdfast.loads(compressed(FRAME)).tobytes() == ZEROS
    assert holdfast.loads(compressed(lying_frame(4 << 20, 32), raw=bytes(4 << 20))).nbytes == 4 << 20
    assert holdfast.loads(compressed(FRAME, "|zstd-shuffle8")).tobytes() == ZEROS
    assert holdfast.loads(compressed_matrix()).shape == (2, 3)
    assert holdfast.loads(compressed_matrix("csc_matrix", shape=(3, 2))).shape == (3, 2)
    assert holdfast.loads(repeated(3)).toarray().tolist() == [[0.0]]
    assert holdfast.loads(many_large(1))[0].nbytes == 64 * MEGA
    assert holdfast.loads(array(fields(["a", "<f8", 0, []]), [1], bytes(8)))["a"][0] == 0.0


def test_an_array_without_items_never_shows_memory_of_others() -> None:
    for dtype in ("|S0", "<U0", "|V0"):
        try:
            found = holdfast.loads(array(dtype, [64]))
        except FormatError:
            continue
        assert not any(found.tobytes()), dtype


def test_long_doubles_with_dirty_padding_are_the_same_model_and_keep_their_value() -> None:
    if np.dtype(np.longdouble).itemsize != 16:
        pytest.skip("long double has another size here")
    clean = np.array([1.5, -2.5], np.longdouble)
    dirty = clean.copy()
    dirty.view(np.uint8).reshape(2, 16)[:, 10:] = 0xAA
    assert holdfast.dumps({"a": clean}) == holdfast.dumps({"a": dirty})


# -- D6, D10, D11 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0, 1, 3, 4, 7, 8, 33])
def test_arrays_of_a_buffer_at_any_address_hold_what_was_written(shift: int) -> None:
    model = {"f8": np.arange(100.0), "c16": np.arange(5) + 1j, "i2": np.arange(7, dtype=np.int16), "U": np.array(["a", "bcd"]), "pool": [np.arange(i + 1.0) for i in range(20)]}
    blob = bytes(shift) + holdfast.dumps(model)
    back = holdfast.loads(memoryview(blob)[shift:])
    for name in ("f8", "c16", "i2", "U"):
        assert back[name].tobytes() == model[name].tobytes()  # type: ignore[attr-defined]
        assert (back[name] == model[name]).all()
    assert all((a == b).all() for a, b in zip(back["pool"], model["pool"], strict=True))
    assert float(back["f8"].sum()) == 4950.0


def test_a_plain_file_whose_tensors_are_not_aligned_is_copied() -> None:
    values = np.arange(4.0)
    body = b"\x07" + values.tobytes() + np.arange(3, dtype=np.int32).tobytes()
    head = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F64","shape":[4],"data_offsets":[1,33]},"c":{"dtype":"I32","shape":[3],"data_offsets":[33,45]}}'
    for spaces in range(8):
        blob = (len(head) + spaces).to_bytes(8, "little") + head + b" " * spaces + body
        back = holdfast.loads(blob)
        assert back["b"].flags.aligned
        assert (back["b"] == values).all()
        assert (back["c"] == [0, 1, 2]).all()


def test_arrays_of_read_only_bytes_cannot_be_written_and_a_copy_can() -> None:
    blob = holdfast.dumps({"a": np.arange(200_000.0), "small": np.arange(10.0)})
    with pytest.raises(ValueError, match="read-only"):
        holdfast.loads(blob)["a"][0] = 1
    copy = bytes(bytearray(blob))
    holdfast.loads(blob)["small"][0] = 1
    holdfast.loads(blob, copy=True)["a"][0] = 1
    assert blob == copy


def test_memory_that_two_arrays_share_is_shared_again_and_is_stored_once() -> None:
    """D11: writing through one is seen by the other, as in the model that was saved; digest and file stay as they were."""
    base = np.arange(1000.0)
    model = {"all": base, "head": base[:10], "even": base[::2], "back": base[::-1]}
    blob = holdfast.dumps(model)
    assert len(blob) < 1.5 * base.nbytes
    back = holdfast.loads(blob, copy=True)
    back["all"][0] = -5.0
    assert back["head"][0] == back["even"][0] == back["back"][-1] == -5.0
    back["even"][1] = -7.0
    assert back["all"][2] == -7.0
    assert holdfast.dumps(holdfast.loads(blob)) == blob


def test_one_array_in_two_places_is_one_array() -> None:
    array = np.arange(3.0)
    back = holdfast.loads(holdfast.dumps([array, array, array.copy()]))
    assert back[0] is back[1]
    assert back[0] is not back[2]
    assert not np.shares_memory(back[0], back[2])


# -- plain safetensors files ----------------------------------------------------------------------------------------------


def plain(header: str, data: bytes = bytes(8)) -> bytes:
    return framed(header.encode(), 1) + data


A = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
PLAIN = {
    "a gap": (f'{{{A},"b":{{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}}}', bytes(12), FormatError),
    "a gap at the start": ('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', bytes(8), FormatError),
    "an overlap": (f'{{{A},"b":{{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}}}', bytes(6), FormatError),
    "the same place twice": (f'{{{A},"b":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}', bytes(4), FormatError),
    "one inside the other": ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', bytes(8), FormatError),
    "bytes after the last": (f"{{{A}}}", bytes(5), FormatError),
    "bytes without a tensor": ("{}", bytes(1), FormatError),
    "fewer bytes than declared": (f"{{{A}}}", bytes(3), Truncated),
    "8 TiB declared": ('{"a":{"dtype":"U8","shape":[8796093022208],"data_offsets":[0,8796093022208]}}', bytes(100), Truncated),
    "an end before its beginning": ('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', bytes(4), FormatError),
    "a negative beginning": ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[-4,4]}}', bytes(4), FormatError),
    "offsets of 64 bits": ('{"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551616]}}', bytes(4), FormatError),
    "a shape that does not fit": ('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', bytes(4), FormatError),
    "a size that is no items": ('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}}', bytes(5), FormatError),
    "half items that are no bytes": ('{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}', bytes(1), FormatError),
    "a shape that overflows to it": ('{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}', b"", LimitExceeded),
    "a negative shape": ('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', bytes(4), FormatError),
    "two negative lengths": ('{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}', bytes(4), FormatError),
    "65 axes": (f'{{"a":{{"dtype":"F32","shape":[{",".join(["1"] * 65)}],"data_offsets":[0,4]}}}}', bytes(4), LimitExceeded),
    "an unknown dtype": ('{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}', bytes(16), FormatError),
    "a dtype in small letters": ('{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}', bytes(4), FormatError),
    "a dtype of numpy": ('{"a":{"dtype":"<f4","shape":[1],"data_offsets":[0,4]}}', bytes(4), FormatError),
    "a dtype of objects": ('{"a":{"dtype":"O","shape":[1],"data_offsets":[0,8]}}', bytes(8), FormatError),
    "a space before the brace": (" " + f"{{{A}}}", bytes(4), FormatError),
    "our mark in its metadata": ('{"__metadata__":{"holdfast":"1","format":"pt"},' + A + "}", bytes(4), FormatError),
    "our mark after other metadata": ('{"__metadata__":{"format":"pt","holdfast":"1"},' + A + "}", bytes(4), FormatError),
    "our mark with a space": ('{"__metadata__": {"holdfast":"1"},' + A + "}", bytes(4), FormatError),
    "our mark at the end": ("{" + A + ',"__metadata__":{"holdfast":"1"}}', bytes(4), FormatError),
    "our mark, escaped": ('{"__metadata__":{"\\u0068oldfast":"1"},' + A + "}", bytes(4), FormatError),
    "an empty array of an impossible shape": ('{"a":{"dtype":"F64","shape":[0,4611686018427387904],"data_offsets":[0,0]}}', b"", FormatError),
    "an empty array of impossible shapes": ('{"a":{"dtype":"F64","shape":[4611686018427387904,4611686018427387904,0],"data_offsets":[0,0]}}', b"", FormatError),
    "items that are not whole bytes": ('{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}', bytes(1), UnsupportedModel),
    "items that numpy does not have": ('{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}', bytes(4), (LibraryMissing, UnsupportedModel)),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_file_that_breaks_the_rules_is_refused(name: str) -> None:
    header, data, refusal = PLAIN[name]
    if name == "items that numpy does not have":
        try:
            import ml_dtypes  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("ml_dtypes is installed")
    with pytest.raises(refusal) as caught:
        holdfast.loads(plain(header, data))
    assert 10 < len(str(caught.value)) < 1000


@pytest.mark.parametrize("dtype", sorted(NUMPY))
def test_a_file_of_the_stock_writer_is_read(dtype: str, tmp_path: Path) -> None:
    arrays = {"x": np.arange(6).reshape(2, 3).astype(NUMPY[dtype]), "empty": np.empty((0, 4), NUMPY[dtype]), "scalar": np.array(1).astype(NUMPY[dtype]), "a": np.ones(3, np.uint8)}
    save_file(arrays, tmp_path / "m.safetensors", metadata={"format": "np", "k": "ä"})
    for back in (holdfast.load(tmp_path / "m.safetensors"), holdfast.loads(save(arrays))):
        assert set(back) == set(arrays)
        for name, wanted in arrays.items():
            assert (back[name].dtype, back[name].shape) == (wanted.dtype, wanted.shape)
            assert back[name].tobytes() == wanted.tobytes()
    assert holdfast.inspect(tmp_path / "m.safetensors").extra == {"format": "np", "k": "ä"}


@pytest.mark.parametrize("compress", [None, "zstd"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: {"a": np.arange(2000.0), "b": [1, "x"], "nothing": np.empty(0)},
        lambda: [np.arange(i) for i in range(40)],
        lambda: {"text": np.array(["a", "bcd"]), "time": np.array(["2020"], "M8[D]"), "bool": np.ones(700, bool), "F": np.asfortranarray(np.ones((30, 40)))},
        lambda: 7,
        lambda: {"ä|x/y": np.zeros(3), "holdfast.tree": np.zeros(2), "__metadata__": np.zeros(100), "\x1b[31m": np.zeros(1)},
    ],
    ids=["dict", "pool", "dtypes", "scalar", "names"],
)
def test_the_stock_reader_opens_every_file_we_write(make: Callable[[], Any], compress: str | None, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = make()
    holdfast.save(model, path, compress=compress, durable=False)
    read = load_file(path)
    with safe_open(path, "numpy") as stock:
        assert set(stock.keys()) == set(read)
        assert stock.metadata() == {"holdfast": "1"}
    assert {"holdfast.tree", "holdfast.manifest", "holdfast.seal"} <= set(read)
    if isinstance(model, dict) and compress is None:
        for name in ("a", "bool"):
            if name in model:
                assert read[name].tobytes() == model[name].tobytes()
    holdfast.verify(path)


def test_the_stock_reader_opens_a_file_with_an_example(tmp_path: Path) -> None:
    from sklearn.preprocessing import StandardScaler

    X = np.arange(12.0).reshape(6, 2)
    path = tmp_path / "m.safetensors"
    holdfast.save(StandardScaler().fit(X), path, example=X[:2], compress="zstd", durable=False)
    assert "holdfast.example" in load_file(path)


def test_a_file_that_another_tool_wrote_again_is_refused(tmp_path: Path) -> None:
    """The stock writer keeps our metadata and moves our tensors: what comes out is no model any more, and no dict either."""
    path = tmp_path / "m.safetensors"
    holdfast.save({"a": np.arange(5.0)}, path, durable=False)
    save_file(load_file(path), tmp_path / "again.safetensors", metadata={"holdfast": "1"})
    with pytest.raises(FormatError):
        holdfast.load(tmp_path / "again.safetensors")
    save_file(load_file(path), tmp_path / "bare.safetensors")
    with pytest.raises(FormatError):
        holdfast.load(tmp_path / "bare.safetensors")


def test_a_stream_gives_the_same_refusals_as_a_path(tmp_path: Path) -> None:
    blob = holdfast.dumps({"a": np.arange(5.0)})
    assert list(holdfast.load(io.BytesIO(blob))) == ["a"]
    for bad in (blob[:-1], b"", b"PK\x03\x04abc", blob[:100] + b"x" + blob[101:]):
        with pytest.raises(FormatError):
            holdfast.load(io.BytesIO(bad))


def test_a_process_lives_on_after_using_what_it_loaded() -> None:
    """Everything that a load accepts here can also be used: shown, copied, summed, compared, saved again."""
    code = """
import sys, numpy as np, holdfast
from tests.hostile.test_hostile_arrays import *
for name, case in {**DTYPES, **SPARSE}.items():
    try:
        found = holdfast.loads(case.data)
    except holdfast.HoldfastError:
        continue
    except Exception:
        continue
    print(name, file=sys.stderr)
    try:
        repr(found); found.copy(); found == found; found.tolist() if getattr(found, "size", 0) < 1000 else None
        holdfast.dumps(found) if getattr(found, "size", 0) < 1000 else None
    except Exception as error:
        print(type(error), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"exit code {done.returncode} after {done.stderr.splitlines()[-1:]}"
