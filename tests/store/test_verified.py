"""Blobs are compared with their digests once on a host, and again when anything about them changed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import Corrupt
from holdfast.store import verified
from holdfast.store.store import Store
from holdfast.store.verified import Verified

BODY = np.random.default_rng(0).normal(size=200_000)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of blobs that were compared."""
    seen: list[int] = []
    real = verified.digest_of

    def digest_of(raw: Any) -> str:
        seen.append(len(raw))
        return real(raw)

    monkeypatch.setattr(verified, "digest_of", digest_of)
    return seen


def opened(folder: Path, marks: Path) -> Store:
    store = holdfast.connect(folder)
    store.verified = Verified(os.fspath(marks))
    return store


def settled(folder: Path) -> Path:
    """Make the large blob old enough that its times tell a change apart."""
    path = next(one for one in (folder / "blobs").rglob("*") if one.is_file() and one.stat().st_size > 1_000_000)
    os.utime(path, (1000, 1000))
    return path


def test_a_large_blob_is_compared_once_by_all_processes_of_a_user(tmp_path: Path, counted: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path / "m", tmp_path / "marks")
    store.save({"body": BODY}, "m")
    settled(tmp_path / "m")
    later = time.time() + 10
    monkeypatch.setattr(verified.time, "time", lambda: later)
    for _ in range(3):
        store.load("m:1")
    assert counted.count(BODY.nbytes) == 1
    again = opened(tmp_path / "m", tmp_path / "marks")  # as another process would
    again.load("m:1")
    assert counted.count(BODY.nbytes) == 1
    again.load("m:1", digests="never")
    os.chmod(tmp_path / "marks", 0o777)  # others could have put marks there
    opened(tmp_path / "m", tmp_path / "marks").load("m:1")
    assert counted.count(BODY.nbytes) == 2
    os.chmod(tmp_path / "marks", 0o700)
    later += verified.COUNTS
    opened(tmp_path / "m", tmp_path / "marks").load("m:1")
    assert counted.count(BODY.nbytes) == 3


def test_a_change_is_found_although_the_blob_was_compared_before(tmp_path: Path) -> None:
    store = opened(tmp_path / "m", tmp_path / "marks")
    store.save({"body": BODY}, "m")
    path = settled(tmp_path / "m")
    store.load("m:1")
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"\xff")
    with pytest.raises(Corrupt, match="does not match its digest; holdfast check --full says what that hurts"):
        store.load("m:1")
    assert store.load("m:1", digests="never")["body"][0] != BODY[0]
    with pytest.raises(ValueError, match="digests is once, all or never"):
        store.load("m:1", digests="some")


def test_a_blob_that_changed_just_now_is_compared_each_time(tmp_path: Path, counted: list[int]) -> None:
    store = opened(tmp_path / "m", tmp_path / "marks")
    store.save({"body": BODY}, "m")
    store.load("m:1")
    store.load("m:1")
    assert counted.count(BODY.nbytes) == 2
