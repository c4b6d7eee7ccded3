"""Blobs of a bucket that are kept on this machine: fetched once, compared once, and never believed by their size."""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3

from holdfast.artifact import atomic
from holdfast.errors import Corrupt, NoSpace, NotFound, Unavailable
from holdfast.store.blobs import cached
from holdfast.store.blobs.cached import CachedBlobs, default_folder
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.blobs.wrapped import ReadOnlyBlobs, RetryingBlobs
from holdfast.store.connecting import _check_format
from holdfast.store.database import Database
from holdfast.store.store import Store


class Counting(MemoryBlobs):
    opened = 0

    def open(self, name: str) -> Any:
        self.opened += 1
        return super().open(name)


@pytest.fixture
def inner() -> Counting:
    return Counting()


@pytest.fixture
def place(inner: Counting, tmp_path: Path) -> CachedBlobs:
    return CachedBlobs(inner, str(tmp_path / "cache"))


def _put(inner: MemoryBlobs, data: bytes) -> str:
    key = blake3(data).hexdigest()
    name = f"blobs/{key[:2]}/{key}"
    inner.put(name, [data], len(data))
    return name


def _read(place: CachedBlobs, name: str) -> bytes:
    with place.open(name) as source:
        return bytes(source.view(0, source.size))


def test_a_blob_is_fetched_once(inner: Counting, place: CachedBlobs, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    name = _put(inner, data)
    for _ in range(3):
        assert _read(place, name) == data
    assert _read(CachedBlobs(inner, str(tmp_path / "cache")), name) == data
    assert inner.opened == 1
    assert stat.S_IMODE(os.stat(tmp_path / "cache").st_mode) == 0o700
    assert os.listdir(tmp_path / "cache" / "tmp") == []


def test_several_that_want_one_blob_fetch_it_once(inner: Counting, place: CachedBlobs) -> None:
    data = os.urandom(2 << 20)
    name = _put(inner, data)
    together = threading.Barrier(6)

    def read(_: int) -> bytes:
        together.wait(30)
        return _read(place, name)

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(read, range(6))) == {data}
    assert inner.opened == 1


@pytest.mark.parametrize("size", [100, 2 << 20])
def test_bytes_that_are_not_what_was_saved_are_refused_and_not_kept(inner: Counting, place: CachedBlobs, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    name = _put(inner, data)
    inner.put(name, [data[:-1] + bytes([data[-1] ^ 1])], size)
    with pytest.raises(Corrupt, match=f"the object {name} does not match its digest.*holdfast check names the versions"):
        place.open(name)
    inner.put(name, [data], size)
    assert _read(place, name) == data
    manifest = name.replace("blobs/", "artifacts/")
    inner.put(manifest, [data[1:] + b"x"], size)
    with pytest.raises(Corrupt):
        place.get(manifest)


@pytest.mark.parametrize("kept", ["size", "size and times"])
def test_a_file_that_was_touched_is_compared_again_and_fetched_anew(inner: Counting, place: CachedBlobs, tmp_path: Path, kept: str) -> None:
    data = os.urandom(2 << 20)
    name = _put(inner, data)
    assert _read(place, name) == data
    path = tmp_path / "cache" / name
    before = os.stat(path)
    path.chmod(0o600)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    if kept == "size and times":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _read(place, name) == data
    assert inner.opened == 2
    # one that was only copied is compared, and not fetched
    (tmp_path / "cache" / f"{name}.ok").unlink()
    assert _read(place, name) == data
    assert inner.opened == 2


def test_what_can_change_is_not_kept(inner: Counting, place: CachedBlobs) -> None:
    inner.put("log/m/1.json", [b"1"], 1)
    assert place.get("log/m/1.json") == b"1"
    inner.put("log/m/1.json", [b"2"], 1)
    assert place.get("log/m/1.json") == b"2"
    with place.open("log/m/1.json") as source:
        assert bytes(source.view(0, 1)) == b"2"


def test_what_was_not_used_for_longest_goes_first(inner: Counting, tmp_path: Path) -> None:
    place = CachedBlobs(inner, str(tmp_path / "cache"), size=10_000)
    names = [_put(inner, os.urandom(3_000)) for _ in range(4)]
    for age, name in enumerate(names[:3]):
        _read(place, name)
        os.utime(tmp_path / "cache" / f"{name}.ok", (1e9 + age, 1e9 + age))
    _read(place, names[0])
    with place.open(names[0]) as held:
        _read(place, names[3])
        assert not (tmp_path / "cache" / names[1]).exists()
        assert not (tmp_path / "cache" / f"{names[1]}.ok").exists()
        assert (tmp_path / "cache" / names[0]).exists()
        assert len(bytes(held.view(0, held.size))) == 3_000
    for name in names:
        assert len(_read(place, name)) == 3_000
    assert sum(path.stat().st_size for path in (tmp_path / "cache" / "blobs").rglob("*") if path.is_file() and path.suffix != ".ok") <= 10_000


def test_what_others_put_into_the_folder_counts_and_what_they_left_goes(inner: Counting, tmp_path: Path) -> None:
    ours, theirs = (CachedBlobs(inner, str(tmp_path / "cache"), size=10_000) for _ in range(2))
    old, young = (tmp_path / "cache" / "tmp" / name for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"on its way")
    os.utime(old, (1e9, 1e9))
    for _ in range(12):
        _read(ours, _put(inner, os.urandom(1_000)))
        _read(theirs, _put(inner, os.urandom(1_000)))
        held = sum(path.stat().st_size for path in (tmp_path / "cache" / "blobs").rglob("*") if path.is_file() and path.suffix != ".ok")
        assert held <= 12_500, "each may be an eighth of the size behind"
    assert not old.exists()
    assert young.exists()


def test_a_blob_larger_than_the_cache_is_given_all_the_same(inner: Counting, tmp_path: Path) -> None:
    place = CachedBlobs(inner, str(tmp_path / "cache"), size=1_000)
    data = os.urandom(2 << 20)
    assert _read(place, _put(inner, data)) == data


def test_a_folder_that_others_may_write_to_is_refused(inner: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    for one in (folder, link, tmp_path / "file"):
        with pytest.raises(Unavailable, match=f"^{one}: this folder for the cache of blobs is not yours alone to write to; take it away, or connect with another one: cache="):
            CachedBlobs(inner, str(one))
    with pytest.raises(Unavailable, match="the cache of blobs cannot be made"):
        CachedBlobs(inner, str(tmp_path / "file" / "below"))
    folder.chmod(0o700)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(Unavailable, match="not yours alone"):
        CachedBlobs(inner, str(folder))
    assert default_folder().endswith("holdfast-cache-12345")


def test_a_full_disk_is_told_and_leaves_nothing(inner: Counting, place: CachedBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = _put(inner, os.urandom(2 << 20))

    class Full(atomic.Sink):
        def write(self, buffer: Any) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(cached, "Sink", Full)
    with pytest.raises(NoSpace, match="the cache of blobs could not be written"):
        place.open(name)
    assert os.listdir(tmp_path / "cache" / "tmp") == []
    with pytest.raises(NotFound, match="is not there"):
        place.open("blobs/aa/" + "0" * 64)


def test_what_a_bucket_says_is_not_said_of_the_cache(inner: Counting, place: CachedBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the server is an `OSError` as well, and is about the server."""
    name = _put(inner, os.urandom(2 << 20))

    def gone(*_: Any) -> str:
        raise Unavailable("the server is gone", file="there")

    monkeypatch.setattr(cached, "_transfer", gone)
    with pytest.raises(Unavailable, match=r"^there: the server is gone$"):
        place.open(name)


def test_check_looks_at_the_bucket_and_not_at_the_cache(inner: Counting, tmp_path: Path) -> None:
    """A copy on this machine that is whole says nothing about the bucket."""
    database = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}", "catalog")
    database.make()
    store = Store(ReadOnlyBlobs(CachedBlobs(RetryingBlobs(inner), str(tmp_path / "cache"))), database, "there")
    writer = Store(store.blobs.inner, database, "there")  # type: ignore[attr-defined]
    _check_format(inner, False)
    writer.save({"w": np.arange(300_000.0)}, "m")
    assert writer.load("m:1")["w"][7] == 7.0
    assert writer.admin.check("full").ok
    for kind in ("blobs/", "artifacts/"):
        name = next(iter(inner.list(kind))).name
        data = inner.get(name)
        inner.put(name, [data[:-1] + bytes([data[-1] ^ 1])], len(data))
        assert store.load("m:1")["w"][7] == 7.0
        found = writer.admin.check("full")
        assert [(one.object, one.versions) for one in found.damaged] == [(name, ("m:1",))]
        assert inner.size(f"aside/{name}") == len(data)
        inner.put(name, [data], len(data))
        assert writer.admin.check("full").ok
