"""Objects that are read by ranges: in their order, ahead, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.artifact.source import Source
from holdfast.errors import Unavailable
from holdfast.store.blobs.cached import CachedBlobs
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.blobs.ranges import AT_ONCE, pieces_of
from holdfast.store.blobs.wrapped import RetryingBlobs, opened_once
from tests.store.conftest import KEYS
from tests.store.servers import stub

DATA = os.urandom(10_050)


class Far(Source):
    """An object of a server that answers in the wrong order, and counts who waits."""

    def __init__(self, refuses: int = -1) -> None:
        super().__init__("far", len(DATA), None)
        self.refuses = refuses
        self.now = self.most = self.asked = 0
        self.lock = threading.Lock()

    def private(self, start: int, length: int) -> Any:
        with self.lock:
            self.asked += 1
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.002 if (start // 100) % 2 else 0.01)
        with self.lock:
            self.now -= 1
        if start == self.refuses:
            raise Unavailable("the line is gone")
        return memoryview(DATA)[start : start + length]


def test_pieces_come_in_their_order_and_are_asked_for_ahead() -> None:
    far = Far()
    pieces = [bytes(one) for one in pieces_of(far, 100)]
    assert b"".join(pieces) == DATA
    assert [len(one) for one in pieces] == [100] * 100 + [50]
    assert 1 < far.most <= AT_ONCE


def test_whoever_stops_reading_leaves_nothing_under_way() -> None:
    far = Far()
    with contextlib.closing(pieces_of(far, 100)) as pieces:
        next(pieces)
    assert (far.now, far.asked <= 2 * AT_ONCE + 1) == (0, True)
    far = Far(refuses=300)
    got = []
    with pytest.raises(Unavailable, match="the line is gone"):
        got += [bytes(one) for one in pieces_of(far, 100)]
    assert far.now == 0


def test_what_is_read_once_is_taken_from_the_cache_and_never_kept_there(tmp_path: Path) -> None:
    inner = MemoryBlobs()
    cached = CachedBlobs(RetryingBlobs(inner), str(tmp_path / "cache"))
    name = "blobs/" + "0" * 2 + "/" + "0" * 64
    inner.put(name, [b"x"], 1)
    with opened_once(cached, name) as source:
        assert bytes(source.view(0, 1)) == b"x"
    assert not list((tmp_path / "cache" / "blobs").rglob("*"))


def test_a_pull_from_a_bucket_fills_no_cache_and_uses_a_full_one(tmp_path: Path) -> None:
    with stub() as server:
        address = f"s3://bucket/store?endpoint={server.endpoint}"
        first = holdfast.connect(address, blob_options=KEYS, cache=tmp_path / "first")
        first.save({"body": np.arange(200_000.0), "more": np.arange(300_000.0)}, "m")
        source = holdfast.connect(address, blob_options=KEYS, cache=tmp_path / "cache", read_only=True)
        there = holdfast.connect(tmp_path / "there")
        there.transfer.pull(source)
        assert not list((tmp_path / "cache" / "blobs").rglob("*"))
        assert there.load("m:1")["more"][-1] == 299_999.0
        source.load("m:1")["more"].sum()
        server.asked.clear()
        again = holdfast.connect(tmp_path / "again")
        again.transfer.pull(source)
        assert not [path for method, path, _ in server.asked if method == "GET" and "/blobs/" in path]
        for store in (first, source, there, again):
            store.close()
