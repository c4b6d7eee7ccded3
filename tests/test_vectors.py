"""Golden files are read for ever.

A file under ``tests/vectors/`` was written once, by the version of the format and the libraries that its folder names, and
is never written again: not when the format changes, not when the code that wrote it changes, not when a test here fails.
A test that fails here has found that somebody's model can no longer be read, or comes back as another one. Mend the reader.

New files are added by ``tools/vectors.py``, which writes none that is there. What a file has to come back as is in the JSON
beside it, written without holdfast (``tests/described.py``).

Saved again, a model has to have the same content digest, and not the same bytes: the manifest also names the versions of
the libraries and of Python, and another release of zstd may compress better.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from blake3 import blake3
from safetensors import safe_open
from tools import vectors

import holdfast
from holdfast.errors import FormatError
from holdfast.values import tree as t
from holdfast.values.dtypes import has_x86_longdouble
from tests.described import array_of, described, difference

FOLDER = Path(__file__).parent / "vectors"
FILES = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.safetensors"))}
ALL = pytest.mark.parametrize("name", FILES)


@cache
def expected(name: str) -> dict[str, Any]:
    return json.loads(FILES[name].with_suffix(".json").read_text())  # type: ignore[no-any-return]


def is_plain(name: str) -> bool:
    return expected(name).get("plain", False)  # type: ignore[no-any-return]


OURS = pytest.mark.parametrize("name", [name for name in FILES if not is_plain(name)])
FOREIGN = pytest.mark.parametrize("name", [name for name in FILES if is_plain(name)])
ASKED = pytest.mark.parametrize("name", [name for name in FILES if expected(name).get("rows") is not None])


def cannot_be_here(name: str) -> bool:
    """Only x86 has 80-bit floats; elsewhere such a file has to be refused, and by name."""
    return name.endswith("/longdouble") and not has_x86_longdouble()


def rows_of(name: str) -> Any:
    rows = expected(name)["rows"]
    if "frame" in rows:
        import pandas as pd

        return pd.DataFrame(dict(rows["frame"]))
    if "sparse" in rows:
        import scipy.sparse as sp

        return sp.csr_matrix(array_of(rows["sparse"]))
    return rows["list"] if "list" in rows else array_of(rows)


@ALL
def test_a_golden_file_is_the_one_that_was_written(name: str) -> None:
    assert "blake3:" + blake3(FILES[name].read_bytes()).hexdigest() == expected(name)["file"], "restore it; golden files are never written again"


@OURS
def test_inspect_says_what_it_said(name: str) -> None:
    found, wanted = holdfast.inspect(FILES[name]), expected(name)
    if not cannot_be_here(name):
        assert found.verdict == "loads"
    assert found.format == int(name.partition("/")[0])
    assert (found.id, found.content, found.type) == (wanted["id"], wanted["content"], wanted["type"])
    assert {library: saved for library, (saved, _) in found.libraries.items()} == wanted["libraries"]
    assert (found.metrics, found.extra) == (wanted["metrics"], wanted["extra"])
    assert (found.has_example, found.compressed) == (wanted["example"], wanted["compressed"])


@OURS
@pytest.mark.filterwarnings("ignore")
def test_the_model_comes_back_to_the_last_bit_with_nothing_trusted(name: str) -> None:
    if cannot_be_here(name):
        with pytest.raises(FormatError, match="long double"):
            holdfast.load(FILES[name])
        return
    wanted = expected(name)["value"]
    for model in (holdfast.load(FILES[name]), holdfast.load(FILES[name], digests="all"), holdfast.loads(FILES[name].read_bytes(), copy=True)):
        assert not difference(described(model), wanted)


@ASKED
@pytest.mark.filterwarnings("ignore")
def test_the_model_answers_as_it_did(name: str) -> None:
    found = vectors.answers(holdfast.load(FILES[name]), rows_of(name))
    assert found.keys() == expected(name)["answers"].keys()
    for method, wanted in expected(name)["answers"].items():
        if expected(name)["exact"]:
            assert not difference(found[method], wanted, method)
        else:
            assert nearly(found[method], wanted), method


def nearly(one: Any, other: Any) -> bool:
    """Say whether two descriptions are the same but for the last bits of floats, which linear algebra takes from the processor."""
    if isinstance(one, dict) and "array" in one and one["array"]["dtype"] in ("<f8", "<f4") and isinstance(other, dict) and "array" in other:
        same = {**one["array"], "bytes": ""} == {**other["array"], "bytes": ""}
        return same and bool(np.allclose(array_of(one), array_of(other), rtol=1e-9, atol=1e-12, equal_nan=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(nearly(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(nearly, one, other))
    return type(one) is type(other) and bool(one == other)


@OURS
@pytest.mark.filterwarnings("ignore")
def test_every_digest_holds_and_the_example_is_answered_as_it_was(name: str) -> None:
    if cannot_be_here(name):
        return
    proof = holdfast.verify(FILES[name])
    assert proof.digests
    assert proof.ok
    assert (proof.verdict == "no example") is not expected(name)["example"]


@OURS
@pytest.mark.filterwarnings("ignore")
def test_saved_again_it_is_the_same_model(name: str) -> None:
    if cannot_be_here(name):
        return
    assert holdfast.inspect(holdfast.dumps(holdfast.load(FILES[name]))).content == expected(name)["content"]


@ALL
def test_the_reference_reader_opens_it(name: str) -> None:
    with safe_open(FILES[name], framework="np") as file:
        names = list(file.keys())
        shapes = {one: tuple(file.get_slice(one).get_shape()) for one in names}
        marked = (file.metadata() or {}).get("holdfast")
        arrays = {one: file.get_tensor(one) for one in names}
    if not expected(name).get("compressed"):
        listed = {one: tuple(shape) for one, _, shape, _ in holdfast.inspect(FILES[name]).tensors}
        assert listed.items() <= shapes.items()
    assert {one: array.shape for one, array in arrays.items()} == shapes
    assert marked == (None if is_plain(name) else name.partition("/")[0])


@FOREIGN
def test_a_file_of_another_tool_is_a_dict_of_arrays(name: str) -> None:
    found = holdfast.load(FILES[name])
    assert {key: described(array) for key, array in found.items()} == expected(name)["value"]
    assert holdfast.inspect(FILES[name]).verdict == "plain arrays"


def test_every_file_has_its_expectation_and_the_other_way_round() -> None:
    assert FILES
    assert {path.with_suffix("") for path in FILES.values()} == {path.with_suffix("") for path in FOLDER.rglob("*.json")}
    assert {path.suffix for path in FOLDER.rglob("*") if path.is_file()} == {".safetensors", ".json"}
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 1_000_000, "golden files stay small: all of them are in every checkout"


def test_every_table_every_column_every_atom_and_every_dtype_is_in_some_file() -> None:
    tables, columns, atoms, dtypes = set(), set(), set(), set()
    for name, path in FILES.items():
        if is_plain(name):
            continue
        with safe_open(path, framework="np") as file:
            tree = msgspec.msgpack.decode(file.get_tensor("holdfast.tree").tobytes(), type=t.Tree)
        for table in tree.tables:
            tables.add(type(table))
            columns |= {type(column) for column in t.columns_of(table)}
            if isinstance(table, t.Arrays):
                dtypes.add(table.dtype)
            elif isinstance(table, t.Atoms):
                atoms.add(table.kind)
    assert tables == {t.Objects, t.Records, t.Tuples, t.LongTuples, t.Lists, t.Maps, t.Dicts, t.Sets, t.FrozenSets, t.Arrays, t.ObjectArrays, t.Numbers, t.Views, t.Names, t.Atoms}
    assert columns == {t.Same, t.Plain, t.SameRef, t.Run, t.Refs, t.Mixed}
    assert atoms == set(t.ATOM_KINDS)
    assert {np.dtype(one).str for one in vectors.DTYPES} | {"longdouble:x86"} <= dtypes
    assert any(one.startswith("{") for one in dtypes)


def test_a_golden_file_is_never_written_over(tmp_path: Path) -> None:
    vector = vectors.Vector([1, 2])
    vectors.write("a", vector, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 2
    with pytest.raises(FileExistsError):
        vectors.write("a", vectors.Vector([3]), tmp_path)
    with pytest.raises(FileExistsError):
        vectors.write_foreign(vectors.FOLDER / FILES[next(name for name in FILES if is_plain(name))].parent.name)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
