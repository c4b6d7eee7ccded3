"""Refusals that stand in front of others, each by its own words: limits lowered to what a small file can pass, and first bytes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

import holdfast
from holdfast.artifact.source import buffer_source, open_source
from holdfast.errors import FormatError, LimitExceeded, Truncated, Unavailable
from holdfast.native.codec import decode_tree, encode_tree
from holdfast.native.container import Section, logical_bytes
from holdfast.native.header import header_length
from holdfast.trust.view import View
from holdfast.values import dtypes, limits
from holdfast.values import tree as t
from holdfast.values.dtypes import parse_dtype
from holdfast.values.graph import elements
from holdfast.values.manifest import manifest_bytes
from tests.hostile.crafted import array_piece, framed, manifest_of, packed, record, sealed, taken, tree_section

MODEL = {"a": np.arange(3.0), "b": np.arange(4), "c": np.zeros(2, np.float32), "d": [1, 2.5, "text", (1, 2)]}
BLOB = holdfast.dumps(MODEL)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TENSORS", 2, "the header names 9 tensors, more than the limit of 2"),
        ("MANIFEST_BYTES", 10, "MANIFEST_BYTES"),
        ("TREE_BYTES", 10, "the tree takes .* bytes, more than the limit of 10"),
        ("TABLES", 2, "the tree has . tables, more than the limit of 2"),
        ("NODES", 2, "the tree has . nodes, more than the limit of 2"),
        ("HEADER_BYTES", 64, "the header claims .* more than the limit of 64"),
        ("TENSOR_NAME_BYTES", 3, "longer than 3 bytes"),
        ("FIELDS", 2, "4 fields, more than the limit of 2"),
    ],
)
def test_a_limit_is_kept_and_named(monkeypatch: pytest.MonkeyPatch, name: str, value: int, words: str) -> None:
    assert holdfast.loads(BLOB, copy=True)["d"] == MODEL["d"]
    monkeypatch.setattr(limits, name, value)
    with pytest.raises(LimitExceeded, match=words):
        holdfast.loads(BLOB)


def test_a_plain_file_of_too_many_tensors_is_refused_before_its_header_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"{" + b",".join(b'"t%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i for i in range(5)) + b"}"
    assert len(holdfast.loads(framed(text))) == 5
    monkeypatch.setattr(limits, "TENSORS", 4)
    with pytest.raises(LimitExceeded, match="the header names more than 4 tensors"):
        holdfast.loads(framed(text))


def test_a_tree_alone_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = taken(BLOB).tree
    monkeypatch.setattr(limits, "TREE_BYTES", len(raw) - 1)
    with pytest.raises(LimitExceeded, match="TREE_BYTES"):
        decode_tree(raw)


@pytest.mark.parametrize(
    ("start", "size", "error", "words"),
    [
        (b"", 0, Truncated, "the file is empty"),
        (b"\x01\x02", 2, Truncated, "ends after 2 bytes"),
        ((1000).to_bytes(8, "little") + b"{", 30, Truncated, "the header claims 1000 bytes, and only 22 follow"),
        ((1).to_bytes(8, "little") + b"{", 30, FormatError, "fewer than any header has"),
        (b"a,b\n1,2\n", 8, FormatError, r"this is text and no model: it begins with 'a,b\\n1,2\\n'"),
    ],
)
def test_first_bytes_are_refused_for_what_they_are(start: bytes, size: int, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        header_length(start, size)


@pytest.mark.parametrize(
    ("dtype", "shape", "error", "words"),
    [
        ("X9", [1], FormatError, "unknown dtype"),
        ("F4", [1], FormatError, "unknown dtype"),
        ("F64", [-1], FormatError, "declares a tensor of shape"),
        ("F64", [2**63], FormatError, "declares a tensor of shape"),
        ("F64", [2**40, 2**40], LimitExceeded, "more than 2\\*\\*62 bytes"),
    ],
)
def test_what_a_compressed_tensor_declares_is_bounded(dtype: str, shape: list[int], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        logical_bytes(dtype, shape)


@pytest.mark.parametrize(("name", "value"), [("KEY_DEPTH", 3), ("KEY_PARTS", 3)])
def test_a_key_is_bounded(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    model = {((((1, (2,)),), 3), 4): "x"}
    blob = holdfast.dumps(model)
    assert holdfast.loads(blob) == model
    monkeypatch.setattr(limits, name, value)
    with pytest.raises(LimitExceeded, match=name):
        holdfast.loads(blob)


def test_a_long_tuple_of_a_run_of_nodes_with_itself_among_them_is_refused() -> None:
    """Both ends of the run are where they may be: before the tuple, and among what is made empty first."""
    tables: list[t.Table] = [t.Atoms("bytes", [b"a", b"b"]), t.LongTuples(1, t.Same(20), t.Run(0)), t.Lists(20, t.Same(0), t.Plain([]))]
    with pytest.raises(FormatError, match="cannot be there yet"):
        holdfast.loads(packed(t.Tree(1, t.SameRef(2), tables)))


def test_a_compressed_tensor_is_stored_as_bytes_in_a_row() -> None:
    from zstandard import ZstdCompressor

    array = np.zeros(200)
    tree = t.Tree(1, t.SameRef(0), [t.Arrays("<f8", 1, "C", True, 1, [200], False, 0)])
    raw, piece = encode_tree(tree), array_piece("array", array)
    stored = ZstdCompressor().compress(array.tobytes())
    for dtype, lengths in (("U8", (1, len(stored))), ("I8", (len(stored),)), ("U8", (len(stored),))):
        section = Section("array|zstd", dtype, lengths, len(stored), lambda: iter((stored,)), None)
        made = sealed([tree_section(raw), section], manifest_bytes(manifest_of(raw, [piece])))
        if (dtype, len(lengths)) == ("U8", 1):
            assert np.array_equal(holdfast.loads(made, copy=True), array)
        else:
            with pytest.raises(FormatError, match="the compressed tensor 'array' is not stored as bytes"):
                holdfast.loads(made)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"fields":[["a","<f8",0,[-1]]],"itemsize":8,"align":false}', "bad sub-array"),
        ('{"fields":[["a","|u1",0,[2147483648]]],"itemsize":8,"align":false}', "bad sub-array"),
        ('{"fields":[["a","|u1",0,[' + ",".join(["1"] * 70) + ']]],"itemsize":8,"align":false}', "bad sub-array"),
        ('{"fields":[["a","<f8",-8,[]]],"itemsize":8,"align":false}', "bad offset"),
        ('{"fields":[["a","<f8",2147483648,[]]],"itemsize":8,"align":false}', "bad offset"),
    ],
)
def test_a_structured_dtype_is_refused_by_what_is_wrong_with_it(text: str, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        parse_dtype(text)


def test_long_doubles_of_another_processor_are_refused_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtypes, "has_x86_longdouble", lambda: False)
    dtypes.parse_dtype.cache_clear()
    try:
        with pytest.raises(FormatError, match="80-bit long doubles"):
            parse_dtype("longdouble:x86")
    finally:
        dtypes.parse_dtype.cache_clear()


def test_an_array_of_too_many_elements_is_refused_by_its_count() -> None:
    with pytest.raises(FormatError, match="TENSOR_ELEMENTS"):
        elements(t.Arrays("|u1", 3, "C", True, 1, [2**30, 2**30, 2**30], False, 0), 1)


def test_a_list_that_many_objects_share_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    items, sharers = 3000, 500
    seen = 0
    real = View.items

    def counted(view: View, cell: object) -> list[object]:
        nonlocal seen
        found = real(view, cell)
        seen += len(found)
        return found

    monkeypatch.setattr(View, "items", counted)
    # a slice, objects that hold one list of it, and lists: that one, one with a number, which their class may not hold, and one of all objects
    lists = t.Mixed([0] * items + [5, *range(1, sharers + 1)], [*range(items), *range(items + 1, items + 1 + sharers)])
    name, fields = "sklearn.multioutput.MultiOutputRegressor", ["estimator", "n_jobs", "estimators_"]
    tree = t.Tree(1, t.SameRef(sharers + 3), [
        record("builtins.slice", start=t.Same(1), stop=t.Same(2), step=t.Same(None)),
        t.Objects(name, fields, sharers, [t.SameRef(0), t.Same(None), t.SameRef(sharers + 1)]),
        t.Lists(3, t.Plain([items, 1, sharers]), lists),
    ])  # fmt: skip
    assert len(holdfast.loads(packed(tree))) == sharers
    assert seen < 10 * (items + sharers)


def test_bytes_beyond_the_end_of_a_source_are_refused(tmp_path: Path) -> None:
    source = buffer_source(b"0123456789")
    for start, length in ((-1, 2), (0, -1), (5, 6)):
        with pytest.raises(Truncated, match="were wanted, and there are 10"):
            source.view(start, length)
    path = tmp_path / "short"
    path.write_bytes(bytes(2**20 + 10))
    with open_source(path) as opened:
        path.write_bytes(b"now it is short")
        with pytest.raises(Truncated, match="truncated while it was read"):
            opened.private(0, 100)


def test_a_disk_that_cannot_be_read_is_named_and_the_descriptor_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(BLOB)
    before = len(list(Path("/proc/self/fd").iterdir()))

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "preadv", broken)
    with pytest.raises(Unavailable, match="cannot be read: Input/output error"):
        holdfast.load(path)
    monkeypatch.undo()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
