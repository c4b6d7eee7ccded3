"""Files of joblib before 0.10, which kept arrays in files of their own beside the pickle, plain or compressed; and LZ4."""

from __future__ import annotations

import io
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast

A = np.arange(12.0).reshape(3, 4)
F = np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3))


def z_file(raw: bytes) -> bytes:
    """Return bytes as old joblib compressed them: a mark, the length in hexadecimal, a zlib stream."""
    return b"ZF" + f"{len(raw):#x}".ljust(len(f"{2**64:#x}")).encode() + zlib.compress(raw)


def written(path: Path, packed: bool, name: str | None = None) -> Path:
    """Write a dict of two arrays as joblib before 0.10 did."""
    compat = pytest.importorskip("joblib.numpy_pickle_compat")
    parts: dict[str, Any] = {}
    for number, (key, array) in enumerate({"a": A, "f": F}.items(), 1):
        beside = name or f"{path.name}_{number:02}.npy{'.z' if packed else ''}"
        if packed:
            state = array.__reduce__()[2]
            parts[key] = compat.ZNDArrayWrapper(beside, (np.ndarray, (0,), b"b"), state[:-1])
            (path.parent / beside).write_bytes(z_file(state[-1])) if name is None else None
        else:
            parts[key] = compat.NDArrayWrapper(beside, np.ndarray)
            out = io.BytesIO()
            np.save(out, array)
            (path.parent / beside).write_bytes(out.getvalue()) if name is None else None
    raw = pickle.dumps({**parts, "kind": "old"}, 2)
    path.write_bytes(z_file(raw) if packed else raw)
    return path


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_arrays_in_files_beside_the_pickle_are_read(packed: bool, tmp_path: Path) -> None:
    found = holdfast.load(written(tmp_path / "m.joblib", packed))
    assert found["kind"] == "old"
    assert (found["a"].tobytes(), found["a"].shape) == (A.tobytes(), A.shape)
    assert (found["f"] == F).all()
    assert found["f"].flags.f_contiguous


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../m.joblib_01.npy", "other.npy", "m.joblib_01.npy/../../x", "m.joblib_\\x", "m.joblib_99.npy"],
    ids=["absolute", "above", "another name", "through itself", "a backslash", "missing"],
)  # fmt: skip
def test_a_file_beside_it_bears_its_name_or_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(holdfast.FormatError):
        holdfast.load(written(tmp_path / "m.joblib", False, name))


@pytest.mark.parametrize("how", ["symbolic", "hard"])
def test_a_link_beside_it_is_refused(how: str, tmp_path: Path) -> None:
    path = written(tmp_path / "m.joblib", False)
    beside = tmp_path / "m.joblib_01.npy"
    moved = beside.rename(tmp_path / "secret.npy")
    os.symlink(moved, beside) if how == "symbolic" else os.link(moved, beside)
    with pytest.raises(holdfast.FormatError, match="link"):
        holdfast.load(path)


def test_a_pickle_in_bytes_has_no_files_beside_it(tmp_path: Path) -> None:
    with pytest.raises(holdfast.FormatError):
        holdfast.loads(written(tmp_path / "m.joblib", False).read_bytes())


def test_a_length_that_lies_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "m.joblib", True)
    raw = path.read_bytes()
    path.write_bytes(raw[:2] + b"0x3".ljust(19) + raw[21:])
    with pytest.raises(holdfast.FormatError, match="announces"):
        holdfast.load(path)


def test_lz4_is_read_or_named_with_its_package(tmp_path: Path) -> None:
    try:
        import lz4.frame
    except ImportError:
        (tmp_path / "m.joblib").write_bytes(b"\x04\x22\x4d\x18" + bytes(40))
        with pytest.raises(holdfast.LibraryMissing, match="pip install lz4"):
            holdfast.load(tmp_path / "m.joblib")
        return
    (tmp_path / "m.joblib").write_bytes(lz4.frame.compress(pickle.dumps({"a": 1})))
    assert holdfast.load(tmp_path / "m.joblib") == {"a": 1}
