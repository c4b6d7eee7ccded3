"""Rows A1, A9-A14, B6 and D2 of the threat table: a file that is cut, damaged, renamed, or not a file at all."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import marshal
import os
import pickle
import socket
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import (
    Corrupt,
    FormatError,
    HoldfastError,
    LimitExceeded,
    NotFound,
    Truncated,
    Unavailable,
    UnsupportedModel,
    UnsupportedVersion,
    UntrustedType,
)
from holdfast.native.codec import encode_tree
from holdfast.native.container import MANIFEST, PAD, SEAL, TREE, Section, seal
from holdfast.native.header import Entry, read_header, write_header
from holdfast.values import tree as t
from holdfast.values.manifest import Part, content_digest, manifest_bytes
from tests.hostile.crafted import Piece, altered, array_piece, framed, manifest_of, packed, plain_list, sealed, taken, tree_of, tree_section
from tests.hostile.oracle import Case, Watcher, check


def small_model() -> dict[str, Any]:
    """Return a model of plain data that takes every kind of section: tree, tensors, a pool, padding, manifest, seal."""
    return {
        "weights": np.arange(60.0).reshape(5, 12),
        "bias": np.arange(7, dtype=np.float32),
        "names": ["a", "b", "ä"],
        "layers": [(1, 2.5, None, True), (2, -0.0, "x", False)],
        "large": 1 << 90,
        "many": [np.arange(i + 1) for i in range(17)],
    }


SMALL = holdfast.dumps(small_model(), extra={"ticket": 7})


def header_of(blob: bytes) -> bytes:
    return blob[8 : 8 + int.from_bytes(blob[:8], "little")]


def regions(blob: bytes) -> Iterator[tuple[str, int]]:
    """Yield, for every byte of a file, what it belongs to, and its offset."""
    header = read_header(header_of(blob), len(blob))
    for at in range(header.data_start):
        yield "header", at
    for name, entry in header.entries.items():
        kind = "padding" if name.startswith(PAD) else "manifest and seal" if name in (MANIFEST, SEAL) else "tree" if name == TREE else "tensors"
        for at in range(*entry.data_offsets):
            yield kind, header.data_start + at


def refusal(act: Callable[[], Any]) -> HoldfastError | None:
    """Return the typed error of an action, or None when it went through; any other error ends the test."""
    try:
        act()
    except HoldfastError as error:
        return error
    return None


# -- A1: cut -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [holdfast.loads, holdfast.inspect, holdfast.verify], ids=["loads", "inspect", "verify"])
def test_a_file_cut_at_any_length_is_called_truncated(act: Callable[[bytes], Any]) -> None:
    for length in range(len(SMALL)):
        error = refusal(lambda length=length: act(SMALL[:length]))  # type: ignore[misc]
        assert type(error) is Truncated, f"cut at {length} of {len(SMALL)}: {error!r}"
        assert str(length) in str(error) or "empty" in str(error) or "truncated" in str(error)


def test_a_mapped_file_cut_at_any_length_is_called_truncated(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    holdfast.save({"a": np.zeros(300_000), "b": [1, 2]}, path, durable=False)
    size = path.stat().st_size
    for length in (size - 1, size - 64, size - 65, size - 500, size // 2, 1024 * 1024 + 1, 1024 * 1024, 400, 9, 8, 7, 1, 0):
        os.truncate(path, length)
        assert type(refusal(lambda: holdfast.load(path))) is Truncated, length


@pytest.mark.parametrize("count", range(31))
@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"{", b" ", b"a", b"\x80"], ids=lambda one: f"{one[0]:02x}")
def test_a_few_bytes_are_not_a_file(count: int, fill: bytes) -> None:
    assert isinstance(refusal(lambda: holdfast.loads(fill * count)), FormatError)
    assert isinstance(refusal(lambda: holdfast.inspect(fill * count)), FormatError)


def test_a_buffer_longer_than_its_file_is_refused() -> None:
    for more in (b"\0", b" ", b"\0" * 64, SMALL):
        assert isinstance(refusal(lambda more=more: holdfast.loads(SMALL + more)), FormatError)  # type: ignore[misc]
        assert isinstance(refusal(lambda more=more: holdfast.loads(more + SMALL)), FormatError)  # type: ignore[misc]


# -- A11: one damaged byte -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["header", "tree", "tensors", "padding", "manifest and seal"])
@pytest.mark.parametrize("act", [holdfast.loads, holdfast.verify, holdfast.inspect], ids=["loads", "verify", "inspect"])
def test_a_flipped_bit_in_any_byte_is_noticed(region: str, act: Callable[[bytes], Any]) -> None:
    silent = []
    places = [at for kind, at in regions(SMALL) if kind == region]
    assert places
    for at in places:
        damaged = bytearray(SMALL)
        damaged[at] ^= 1 << (at % 8)
        if refusal(lambda damaged=damaged: act(bytes(damaged))) is None:  # type: ignore[misc]
            silent.append(at)
    if act is holdfast.inspect and region in ("tensors", "padding"):
        return  # inspect reads no tensor, so it cannot notice; that it ends in nothing but a typed error is checked
    assert not silent, f"{len(silent)} of {len(places)} flips in the {region} were accepted, the first at {silent[:10]}"


@pytest.mark.long
@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_of_every_byte_is_noticed(bit: int) -> None:
    silent = []
    for at in range(len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[at] ^= 1 << bit
        for act in (holdfast.loads, holdfast.verify):
            if refusal(lambda act=act, damaged=damaged: act(bytes(damaged))) is None:  # type: ignore[misc]
                silent.append((at, act.__name__))
    assert not silent, f"{len(silent)} accepted: {silent[:10]}"


def test_a_flipped_bit_in_a_stored_example_is_noticed() -> None:
    """The example of a small file is part of it: its tree and its tensors are compared at a load as everything else is."""
    from sklearn.preprocessing import StandardScaler

    X = np.arange(12.0).reshape(6, 2)
    blob = holdfast.dumps(StandardScaler().fit(X), example=X[:2])
    header = read_header(header_of(blob), len(blob))
    for act in (holdfast.verify, holdfast.loads):
        silent = []
        for name, entry in header.entries.items():
            for at in range(*entry.data_offsets) if name.startswith("holdfast.example") else ():
                damaged = bytearray(blob)
                damaged[header.data_start + at] ^= 1 << (at % 8)
                if refusal(lambda act=act, damaged=damaged: act(bytes(damaged))) is None:  # type: ignore[misc]
                    silent.append(name)
        assert not silent, f"{act.__name__} accepted {len(silent)} flips, in {sorted(set(silent))}"


def test_a_damaged_compressed_file_gives_an_error_or_the_same_model() -> None:
    """A zstd frame has bits that mean nothing; the digest is of what comes out, and that has to be right."""
    model = {"a": np.arange(200.0), "b": np.zeros(900, np.int8)}
    blob = holdfast.dumps(model, compress="zstd")
    for at in range(len(blob)):
        damaged = bytearray(blob)
        damaged[at] ^= 1 << (at % 8)
        for act in (holdfast.verify, holdfast.loads):
            try:
                found = act(bytes(damaged))
            except HoldfastError:
                continue
            if act is holdfast.loads:
                assert list(found) == ["a", "b"], f"byte {at} made another model"
                assert found["a"].tobytes() == model["a"].tobytes()
                assert found["b"].tobytes() == model["b"].tobytes()


def test_two_tensors_that_change_places_are_noticed() -> None:
    one, two = array_piece("a", np.arange(8.0)), array_piece("b", np.arange(8.0) + 1)
    raw = encode_tree(tree_of(plain_list(1)))
    manifest = manifest_bytes(manifest_of(raw, [one, two]))
    swapped = sealed([tree_section(raw), Piece("a", *two[1:]).section, Piece("b", *one[1:]).section], manifest)
    with pytest.raises(Corrupt):
        holdfast.loads(swapped)


# -- A9: not what it is called -------------------------------------------------------------------------------------------

MARKER = Path("/tmp/holdfast-hostile-marker")


class Boom:
    """What every hostile pickle does."""

    def __reduce__(self) -> Any:
        return os.system, (f"touch {MARKER}",)


def _zip(names: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("model.pkl")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    return out.getvalue()


def _npy(array: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0") + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


HOSTILE_PICKLE = pickle.dumps(Boom())
KNOWN_FORMATS = {
    **{f"pickle of protocol {n}": pickle.dumps(Boom(), n) for n in (0, 2, 3, 4, 5)},
    "pickle of a dict, protocol 0": pickle.dumps({"a": Boom()}, 0),
    "pickle of a list, protocol 0": pickle.dumps([Boom()], 0),
    "joblib, compressed with zlib": zlib.compress(HOSTILE_PICKLE),
    "gzip of a pickle": gzip.compress(HOSTILE_PICKLE),
    "bzip2 of a pickle": bz2.compress(HOSTILE_PICKLE),
    "xz of a pickle": lzma.compress(HOSTILE_PICKLE),
    "zip as torch makes it": _zip({"archive/data.pkl": HOSTILE_PICKLE}),
    "zip as skops makes it": _zip({"schema.json": b'{"__class__":"system","__module__":"os"}'}),
    "npy of objects": _npy(np.array([Boom()], object), allow_pickle=True),
    "npy": _npy(np.arange(3.0)),
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(64),
    "zstandard": b"\x28\xb5\x2f\xfd" + bytes(64),
    "PNG": _png(),
    "PDF": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "GGUF": b"GGUF\3\0\0\0" + b"\xff" * 16,
    "HTML": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "HTML without a doctype": b"<html><head><script>alert(1)</script></head></html>",
    "XML": b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><PMML>&a;</PMML>',
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n",
    "ELF": b"\x7fELF\2\1\1\0" + bytes(56),
    "age": b"age-encryption.org/v1\n-> X25519 abc\n",
}
OTHER_FORMATS = {
    "pickle of protocol 1": pickle.dumps(Boom(), 1),
    "tar": _tar(),
    "marshalled code": marshal.dumps(compile("import os", "x", "exec")),
    "JSON": json.dumps({"__class__": "os.system", "args": [f"touch {MARKER}"]}).encode(),
    "YAML": b"!!python/object/apply:os.system ['touch /tmp/x']\n",
    "shell script": f"#!/bin/sh\ntouch {MARKER}\n".encode(),
    "Python source": b"import os; os.system('true')\n",
    "text": b"hello, this is not a model at all\n",
    "spaces": b" " * 100,
    "zeros": bytes(100),
    "UTF-16 text": "hello hello hello".encode("utf-16"),
    "a safetensors header after a space": framed(b" {}")[:-1],
}
SUFFIXES = (".pkl", ".joblib", ".dill", ".onnx", ".npz", ".npy", ".pt", ".h5", ".keras", ".skops", ".zip", ".json", ".gguf", ".PKL", ".Onnx")
ORDINARY = ("load", "inspect", "verify")

RENAMED = {
    **{f"{name} called safetensors": Case(data, FormatError, says="looks like", actions=ORDINARY, lenient=()) for name, data in KNOWN_FORMATS.items()},
    **{f"{name} called safetensors": Case(data, FormatError, actions=ORDINARY, lenient=()) for name, data in OTHER_FORMATS.items()},
    **{
        f"{name} without a suffix": Case(data, FormatError, UntrustedType, UnsupportedModel, name="model")
        for name, data in KNOWN_FORMATS.items()
        if name not in ("npy", "HDF5")  # an array that loads; and what is read in a child process, which this watcher would report
    },
    **{
        f"a holdfast file called {suffix}": Case(SMALL, FormatError, says=("suffix", "rename"), actions=ORDINARY, lenient=(), name=f"m{suffix}")
        for suffix in SUFFIXES
    },
    **{f"a pickle called {suffix}": Case(HOSTILE_PICKLE, UntrustedType, says="nothing was loaded", name=f"m{suffix}") for suffix in SUFFIXES[:3]},
    "a pickle called .onnx": Case(HOSTILE_PICKLE, FormatError, says="looks like a pickle", lenient=(), name="m.onnx"),
}  # fmt: skip

# -- A10, A12: sections that are not listed, and versions ------------------------------------------------------------------


def unlisted(name: str) -> bytes:
    old = taken(SMALL)
    extra = Section(name, "U8", (5,), 5, lambda: iter((b"extra",)), None)
    return sealed([tree_section(old.tree), *(one.section for one in old.pieces), extra], manifest_bytes(old.manifest))


def without(position: int) -> bytes:
    old = taken(SMALL)
    pieces = [one.section for i, one in enumerate(old.pieces) if i != position]
    return sealed([tree_section(old.tree), *pieces], manifest_bytes(old.manifest))


def version(text: str) -> bytes:
    return altered(SMALL, header=lambda h: h.replace(b'"holdfast":"1"', f'"holdfast":"{text}"'.encode(), 1))


def entry(old: str, new: str) -> bytes:
    """Return the file with one text of its header replaced, sealed again."""
    assert old.encode() in header_of(SMALL)
    return altered(SMALL, header=lambda h: h.replace(old.encode(), new.encode(), 1))


def moved(name: str, begin: int = 0, end: int = 0) -> bytes:
    """Return the file with the offsets of one tensor changed by so many bytes."""
    found = read_header(header_of(SMALL), len(SMALL)).entries[name].data_offsets
    return entry(f"[{found[0]},{found[1]}]", f"[{found[0] + begin},{found[1] + end}]")


def in_bytes(size: int) -> str:
    return f'"shape":[{size}]'


def same_name() -> bytes:
    """Return a file whose manifest names a tensor twice, which a header does not allow unless one of the two is compressed."""
    import zstandard

    array = np.zeros(100, np.uint8)
    twice = [array_piece("a", array), array_piece("a", array)._replace(stored_name="a|zstd", stored=zstandard.compress(array.tobytes()))]
    return packed(tree_of(t.Arrays("|u1", 1, "C", True, 2, [100, 100], False, 0), t.Lists(1, t.Same(2), t.Run(0))), twice)


def other_digest(text: str) -> bytes:
    """Return a file whose manifest has a digest of another kind for the tree, and is right in everything else."""
    tree = encode_tree(tree_of(plain_list(1)))
    part = Part(content_digest(text, []), text, [])
    return sealed([tree_section(tree)], manifest_bytes(manifest_of(tree, content=part)))


def unpadded() -> bytes:
    """Return a file whose second tensor follows the first directly, so that it does not begin at a multiple of 64."""
    sections = [array_piece("a", np.zeros(3)), array_piece("b", np.zeros(8))]
    tables = [t.Arrays("<f8", 1, "C", True, 2, [3, 8], False, 0), t.Lists(1, t.Same(2), t.Run(0))]
    blob = packed(tree_of(*tables), sections)
    header = read_header(header_of(blob), len(blob))
    parts = {name: blob[header.data_start + e.data_offsets[0] : header.data_start + e.data_offsets[1]] for name, e in header.entries.items()}
    pads = [name for name in parts if name.startswith(PAD)]
    del parts[pads[-1]]
    entries, position = {}, 0
    for name, data in parts.items():
        entries[name] = Entry(header.entries[name].dtype, header.entries[name].shape, (position, position + len(data)))
        position += len(data)
    head = write_header(entries)
    parts[SEAL] = seal(head, parts[MANIFEST])
    return head + b"".join(parts.values())


TREE_BYTES = len(taken(SMALL).tree)
LAYOUT = {
    "an extra tensor that the manifest does not name": Case(unlisted("zzz"), Corrupt, says="which its manifest does not know"),
    "an extra tensor with a name of ours": Case(unlisted("holdfast.more"), FormatError),
    "an extra tensor called padding": Case(unlisted("holdfast.pad.9"), FormatError),
    "the first tensor is missing": Case(without(0), Corrupt, says=taken(SMALL).pieces[0].name),
    "the last tensor is missing": Case(without(len(taken(SMALL).pieces) - 1), Corrupt),
    **{f"version {text!r:.30}": Case(version(text), UnsupportedVersion, says="upgrade", lenient=())
       for text in ("2", "3", "10", "999999999", "1 sparse", "1 a b", "2 sparse")},
    **{f"version {text!r:.30}": Case(version(text), FormatError, lenient=())
       for text in ("0", "-1", "1.0", "01", "+1", "", " 1", "1 ", "1  a", "one", "１", "²", "0x1", "1e0", str(2**64), "9" * 5000, "1\\u0000", "1\\n")},
    "a tensor begins too early": Case(moved("weights", begin=-64), FormatError, lenient=()),
    "a tensor begins too late": Case(moved("weights", begin=64), FormatError, lenient=()),
    "a tensor ends too early": Case(moved("weights", end=-8), FormatError, lenient=()),
    "a tensor ends too late": Case(moved("weights", end=8), FormatError, lenient=()),
    "a tensor ends far behind the file": Case(moved("weights", end=1 << 40), FormatError, lenient=()),
    "a tensor ends before it begins": Case(moved("weights", begin=480, end=-480), FormatError, lenient=()),
    "a tensor at a negative offset": Case(moved("holdfast.tree", begin=-64), FormatError, lenient=()),
    "the last tensor does not reach the end": Case(moved("holdfast.seal", end=-1), FormatError, lenient=()),
    **{f"a digest like {text:.12}": Case(other_digest(text), FormatError, says="not a digest that this holdfast can check", lenient=()) for text in (
        "sha256:" + "0" * 64, "md5:" + "0" * 32, "none:", "", "blake3:" + "0" * 63, "BLAKE3:" + "0" * 64)},
    "a tensor that is not aligned": Case(unpadded(), FormatError, says="multiple of 64", lenient=()),
    "no seal": Case(entry("holdfast.seal", "holdfast.soul"), FormatError, lenient=()),
    "no manifest": Case(entry("holdfast.manifest", "holdfast.missing_"), FormatError, lenient=()),
    "no tree": Case(entry("holdfast.tree", "holdfast.free"), FormatError, lenient=()),
    "a tensor of another dtype than its manifest says": Case(entry('"weights":{"dtype":"F64"', '"weights":{"dtype":"I64"'), Corrupt, lenient=()),
    "a tensor of another shape than its manifest says": Case(entry('"shape":[5,12]', '"shape":[12,5]'), Corrupt, lenient=()),
    "a tensor of another name than its manifest says": Case(entry('"weights"', '"heights"'), Corrupt, lenient=()),
    "a tensor that declares 8 TiB": Case(entry('"shape":[5,12]', f'"shape":[{1 << 40}]'), FormatError, lenient=()),
    "a shape whose product overflows": Case(entry('"shape":[5,12]', f'"shape":[{1 << 32},{1 << 32},{1 << 32}]'), LimitExceeded, lenient=()),
    "a negative length": Case(entry('"shape":[5,12]', '"shape":[-5,-12]'), FormatError, lenient=()),
    "a zero length with data": Case(entry('"shape":[5,12]', '"shape":[0,12]'), FormatError, lenient=()),
    "65 axes": Case(entry('"shape":[5,12]', f'"shape":[5,12{",1" * 63}]'), LimitExceeded, says="DIMENSIONS", lenient=()),
    "100,000 axes": Case(entry('"shape":[5,12]', f'"shape":[5,12{",1" * 100_000}]'), LimitExceeded, lenient=()),
    "a name of 513 bytes": Case(entry('"weights"', f'"{"w" * 513}"'), LimitExceeded, says="TENSOR_NAME_BYTES", lenient=()),
    "an unknown dtype": Case(entry('"weights":{"dtype":"F64"', '"weights":{"dtype":"O64"'), FormatError, says="O64", lenient=()),
    "an unknown dtype that is text of theirs": Case(entry('"dtype":"F64"', '"dtype":"\\u001b[31m"'), FormatError, lenient=()),
    # One form and no other: sections of ours whose bytes are right, and that are not described as the writer does.
    "a seal that says it is signed bytes": Case(entry('"holdfast.seal":{"dtype":"U8"', '"holdfast.seal":{"dtype":"I8"'), FormatError, lenient=()),
    "a manifest that says it is signed bytes": Case(entry('"holdfast.manifest":{"dtype":"U8"', '"holdfast.manifest":{"dtype":"I8"'), FormatError, lenient=()),
    "a manifest with two axes": Case(entry('"holdfast.manifest":{"dtype":"U8","shape":[', '"holdfast.manifest":{"dtype":"U8","shape":[1,'), FormatError, lenient=()),
    "a tree with two axes": Case(entry(in_bytes(TREE_BYTES), f'"shape":[1,{TREE_BYTES}]'), FormatError, lenient=()),
    "padding with two axes": Case(entry('"holdfast.pad.0":{"dtype":"U8","shape":[', '"holdfast.pad.0":{"dtype":"U8","shape":[1,'), FormatError, lenient=()),
    "padding with another number": Case(entry('"holdfast.pad.0"', '"holdfast.pad.7"'), FormatError, lenient=()),
    "two tensors of one name, one of them compressed": Case(same_name(), FormatError, lenient=()),
    # B6
    **{f"header length {n}": Case(n.to_bytes(8, "little") + SMALL[8:], FormatError, lenient=())
       for n in (0, 1, 2, 3, len(header_of(SMALL)) - 1, len(header_of(SMALL)) - 64, len(header_of(SMALL)) + 1, len(header_of(SMALL)) + 64, len(SMALL))},
    **{f"header length {n}": Case(n.to_bytes(8, "little") + SMALL[8:], FormatError, says="HEADER_BYTES", lenient=())
       for n in (100_000_000, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)},
}  # fmt: skip

CASES = {**RENAMED, **LAYOUT}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    MARKER.unlink(missing_ok=True)
    with Watcher(tmp_path_factory.mktemp("container"), CASES) as watcher:
        yield watcher


@pytest.mark.parametrize("name", RENAMED)
def test_the_bytes_decide_what_a_file_is(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])
    assert not MARKER.exists()


@pytest.mark.parametrize("name", LAYOUT)
def test_a_layout_that_nothing_wrote_is_refused(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])


def test_a_bit_in_the_mark_does_not_turn_a_model_into_a_dict_of_arrays() -> None:
    """A holdfast file whose mark is damaged must not be read as a plain one that has no digests."""
    found = SMALL.find(b"holdfast")
    for at in range(found, found + 8):
        damaged = bytearray(SMALL)
        damaged[at] ^= 1
        assert isinstance(refusal(lambda damaged=damaged: holdfast.loads(bytes(damaged))), FormatError), f"flip at {at}"  # type: ignore[misc]


# -- A13, A14: what is at the path ---------------------------------------------------------------------------------------


def strange_places(folder: Path) -> dict[str, Case]:
    """Return paths that are no model, made in a folder."""
    os.mkfifo(folder / "fifo.safetensors")
    (folder / "folder.safetensors").mkdir()
    (folder / "zero.safetensors").symlink_to("/dev/zero")
    (folder / "loop.safetensors").symlink_to("loop.safetensors")
    (folder / "broken.safetensors").symlink_to("nowhere")
    unix = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    try:
        os.chdir(folder)  # the path of a socket has to be short
        unix.bind("socket.safetensors")
    finally:
        os.chdir(here)
        unix.close()
    sparse = folder / "sparse.safetensors"
    sparse.write_bytes(b"")
    os.truncate(sparse, 1 << 40)
    claims = folder / "claims.safetensors"
    claims.write_bytes((60 << 20).to_bytes(8, "little"))
    os.truncate(claims, 1 << 40)
    plain = folder / "plain.safetensors"
    head = framed(b'{"a":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (1 << 40, 1 << 40))
    plain.write_bytes(head)
    os.truncate(plain, len(head) + (1 << 40))
    (folder / "secret.safetensors").write_bytes(SMALL)
    every = ("load", "inspect", "verify")
    return {
        "fifo": Case(folder / "fifo.safetensors", FormatError, says="not a regular file", actions=every, lenient=()),
        "folder": Case(folder / "folder.safetensors", FormatError, says="folder", actions=every, lenient=()),
        "device": Case(Path("/dev/zero"), FormatError, says="not a regular file", actions=every, lenient=()),
        "link to a device": Case(folder / "zero.safetensors", FormatError, says="not a regular file", actions=every, lenient=()),
        "link to itself": Case(folder / "loop.safetensors", Unavailable, actions=every, lenient=()),
        "broken link": Case(folder / "broken.safetensors", NotFound, actions=every, lenient=()),
        "socket": Case(folder / "socket.safetensors", FormatError, Unavailable, actions=every, lenient=()),
        "nothing": Case(folder / "nothing.safetensors", NotFound, says="in that folder there are", actions=every, lenient=()),
        "nothing in no folder": Case(folder / "no" / "nothing.safetensors", NotFound, actions=every, lenient=()),
        "a path through a file": Case(folder / "secret.safetensors" / "x", NotFound, Unavailable, actions=every, lenient=()),
        "standard input": Case(Path("-"), NotFound, actions=every, lenient=()),
        "a path that is too long": Case(folder / ("x" * 300), NotFound, Unavailable, actions=every, lenient=()),
        "a sparse terabyte": Case(sparse, FormatError, actions=every, lenient=()),
        "a sparse terabyte with a header of 60 MB": Case(claims, FormatError, actions=every, lenient=()),
        "a sparse terabyte with a plain header": Case(plain, FormatError, Unavailable, actions=("load", "inspect", "verify"), lenient=("inspect",)),
        "a file of the system": Case(Path("/proc/self/status"), FormatError, actions=every, lenient=()),
    }  # fmt: skip


def test_only_a_regular_file_is_opened_and_no_more_of_it_is_read_than_needed(tmp_path: Path) -> None:
    cases = strange_places(tmp_path)
    wrong = []
    with Watcher(tmp_path, cases, memory=256 << 20, seconds=10) as answers:
        for name, case in cases.items():
            try:
                check(case, answers[name], memory=200 << 20)
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", ["", "a\0b.safetensors", "x" * 5000, "\udcff.safetensors"], ids=["empty", "NUL", "long", "odd"])
def test_a_path_that_cannot_be_one_is_refused(path: Any) -> None:
    for act in (holdfast.load, holdfast.inspect, holdfast.verify):
        assert isinstance(refusal(lambda act=act: act(path)), FormatError | NotFound | Unavailable)  # type: ignore[misc]


def test_a_file_replaced_by_our_own_save_while_it_is_mapped_leaves_the_old_model_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    first, second = np.arange(400_000.0), np.arange(400_000.0) * -1
    holdfast.save({"a": first}, path, durable=False)
    model = holdfast.load(path)
    holdfast.save({"a": second}, path, durable=False)
    assert np.array_equal(model["a"], first)
    assert np.array_equal(holdfast.load(path)["a"], second)
    path.unlink()
    assert np.array_equal(model["a"], first)


def test_a_small_file_that_is_cut_or_overwritten_after_a_load_does_not_touch_the_model(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    holdfast.save({"a": np.arange(1000.0)}, path, durable=False)
    model = holdfast.load(path)
    path.write_bytes(b"")
    assert np.array_equal(model["a"], np.arange(1000.0))


def test_a_model_never_writes_back_to_its_file(tmp_path: Path) -> None:
    """D10: arrays of a mapped file can be changed, and the file stays as it was."""
    for count in (1000, 400_000):
        path = tmp_path / f"m{count}.safetensors"
        holdfast.save({"a": np.arange(float(count)), "b": np.arange(float(count), dtype=np.float32)}, path, durable=False)
        before = path.read_bytes()
        model = holdfast.load(path)
        model["a"][:] = -1.0
        model["b"] += 1
        del model
        assert path.read_bytes() == before
        assert holdfast.verify(path).digests
