"""The contract of places for objects, over every kind of place and each wrapper."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from blake3 import blake3

from holdfast.errors import NoSpace, NotFound, StoreError, Truncated, Unavailable
from holdfast.store.blobs import Blobs
from holdfast.store.blobs.cached import CachedBlobs
from holdfast.store.blobs.local import LocalBlobs
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.blobs.places import bucket
from holdfast.store.blobs.probe import probe
from holdfast.store.blobs.remote import _Counted
from holdfast.store.blobs.wrapped import ReadOnlyBlobs, RetryingBlobs
from tests.store.conftest import KEYS
from tests.store.real import CREATES
from tests.store.servers import stub

QUICK = ["memory", "folder", "folder without links", "s3", "lying s3", "moto", "cached folder", "cached s3", "retrying memory"]
PLACES = [*QUICK, *(pytest.param(name, marks=pytest.mark.long) for name in CREATES)]


@pytest.fixture(params=PLACES)
def place(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blobs]:
    kind = request.param
    if kind == "moto":
        remote = bucket(f"s3://bucket/{tmp_path.name}?endpoint={request.getfixturevalue('moto')}", KEYS)
        assert probe(remote, remote.place)
        yield remote
    elif kind in CREATES:
        remote = request.getfixturevalue("real")(kind).place(tmp_path.name)
        assert probe(remote, remote.place) is CREATES[kind]
        yield RetryingBlobs(remote)
    elif "s3" in kind:
        with stub(honours=kind != "lying s3") as server:
            remote = bucket(f"s3://bucket/pre/fix?endpoint={server.endpoint}", KEYS)
            assert probe(remote, remote.place) is (kind != "lying s3")
            yield CachedBlobs(RetryingBlobs(remote), str(tmp_path / "cache")) if kind == "cached s3" else remote
            assert server.uploads == {}
    elif "memory" in kind:
        yield RetryingBlobs(MemoryBlobs()) if "retrying" in kind else MemoryBlobs()
    else:
        if "without links" in kind:

            def refuse(*_: Any) -> None:
                raise OSError(errno.EPERM, "no links here")

            monkeypatch.setattr(os, "link", refuse)
        local = LocalBlobs(str(tmp_path / "objects"))
        yield CachedBlobs(local, str(tmp_path / "cache")) if "cached" in kind else local


def _put(place: Blobs, data: bytes) -> str:
    key = blake3(data).hexdigest()
    name = f"blobs/{key[:2]}/{key}"
    place.put(name, [data], len(data))
    return name


def test_what_was_put_is_there(place: Blobs) -> None:
    for data in (b"", b"x", bytes(range(256)) * 100):
        name = _put(place, data)
        assert place.get(name) == data
        assert place.size(name) == len(data)
        with place.open(name) as source:
            assert source.size == len(data)
            assert bytes(source.view(0, source.size)) == data
            assert bytes(source.private(0, source.size)) == data
            if len(data) > 300:
                assert bytes(source.view(10, 300)) == data[10:310]
        with place.open(name) as source:
            if not source.whole and len(data) > 300:
                part = memoryview(bytearray(300))
                source.read_into(10, part)
                assert bytes(part) == data[10:310]


def test_pieces_of_every_kind_are_taken(place: Blobs) -> None:
    pieces = [b"", memoryview(np.arange(5.0)), bytearray(b"abc"), memoryview(np.arange(6, dtype="<i4").reshape(2, 3)), b""]
    whole = np.arange(5.0).tobytes() + b"abc" + np.arange(6, dtype="<i4").tobytes()
    place.put("artifacts/aa/x", iter(pieces), len(whole)) if not isinstance(place, CachedBlobs) else place.put("layouts/aa/x", iter(pieces), len(whole))
    assert place.get("layouts/aa/x" if isinstance(place, CachedBlobs) else "artifacts/aa/x") == whole


def test_an_object_is_written_over(place: Blobs) -> None:
    place.put("log/m/1.json", [b"old and long"], 12)
    place.put("log/m/1.json", [b"new"], 3)
    assert place.get("log/m/1.json") == b"new"


@pytest.mark.parametrize("size", [4, 6])
def test_another_number_of_bytes_than_announced_leaves_nothing(place: Blobs, size: int) -> None:
    with pytest.raises((Truncated, Unavailable), match=r"bytes"):
        place.put("layouts/aa/x", [b"12", b"345"], size)
    assert place.size("layouts/aa/x") is None


@pytest.mark.parametrize(("size", "said"), [(4, "1 bytes more were given for the object x than announced"), (6, "1 bytes fewer were given")])
def test_bytes_on_their_way_are_counted(size: int, said: str) -> None:
    with pytest.raises(Truncated, match=said):
        list(_Counted([b"12", b"", b"345"], size, "x", "there"))


def test_what_the_giver_of_bytes_says_comes_through_as_it_is(place: Blobs) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"12"
        raise NoSpace("the other disk is full", file="elsewhere")

    with pytest.raises(NoSpace, match=r"^elsewhere: the other disk is full$"):
        place.put("layouts/aa/x", pieces(), 5)
    assert place.size("layouts/aa/x") is None


def test_what_is_not_there_is_not_found(place: Blobs) -> None:
    for name in ("format.json", "blobs/aa/" + "a" * 64, "log/m/000000000001.json"):
        with pytest.raises(NotFound, match=r"is not there"):
            place.get(name)
        with pytest.raises(NotFound, match=r"is not there"):
            place.open(name)
        assert place.size(name) is None
        place.delete(name)
    assert list(place.list("log/")) == []


def test_an_object_is_taken_away(place: Blobs) -> None:
    place.put("layouts/aa/x", [b"1"], 1)
    place.delete("layouts/aa/x")
    assert place.size("layouts/aa/x") is None
    assert place.put_new("layouts/aa/x", b"2")


def test_a_new_object_is_put_once(place: Blobs) -> None:
    assert place.put_new("log/m/000000000001.json", b"first")
    assert not place.put_new("log/m/000000000001.json", b"second")
    assert place.get("log/m/000000000001.json") == b"first"


def test_one_of_several_wins(place: Blobs) -> None:
    if not place.creates:
        pytest.skip("this place says itself that it cannot promise that")
    together = Barrier(8)

    def race(number: int) -> bytes | None:
        data = b"%d" % number
        together.wait(30)
        return data if place.put_new("log/m/000000000001.json", data) else None

    with ThreadPoolExecutor(8) as threads:
        won = [one for one in threads.map(race, range(8)) if one is not None]
    assert won == [place.get("log/m/000000000001.json")]


def test_a_listing_is_whole_and_in_order(place: Blobs, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["place"]
    names = ["log/a/1.json", "log/a/2.json", "log/a.b/1.json", "log/ab/1.json", "log/_a/1.json", "log/a=c3=b6__x/1.json", f"log/=={'0' * 64}/1.json", "layouts/aa/x", "log/b/1.json"]
    for number, name in enumerate(names):
        place.put(name, [b"x" * number], number)
    expected = {name: number for number, name in enumerate(names)}
    listed = [(one.name, one.size) for one in place.list("log/")]
    assert sorted(listed) == sorted((name, size) for name, size in expected.items() if name.startswith("log/"))
    assert listed == sorted(listed) or kind == "s3rver", "folder by folder"
    assert [one.name for one in place.list("log/a/")] == ["log/a/1.json", "log/a/2.json"]
    assert all(one.written > 1_600_000_000 for one in place.list("log/"))


def test_a_large_object_goes_there_and_back_in_parts(place: Blobs) -> None:
    data = np.random.default_rng(0).bytes(35 << 20)
    key = blake3(data).hexdigest()
    name = f"blobs/{key[:2]}/{key}"
    place.put(name, (memoryview(data)[at : at + (3 << 20)] for at in range(0, len(data), 3 << 20)), len(data))
    assert place.size(name) == len(data)
    with place.open(name) as source:
        assert bytes(source.view(0, source.size)) == data
    with pytest.raises(StoreError), place.open("blobs/aa/" + "0" * 64):
        pass


def test_a_place_for_reading_alone_is_not_written_to() -> None:
    inner = MemoryBlobs()
    inner.put("layouts/aa/x", [b"1"], 1)
    place = ReadOnlyBlobs(inner)
    for write in (lambda: place.put("y", [b"1"], 1), lambda: place.put_new("y", b"1"), lambda: place.delete("layouts/aa/x")):
        with pytest.raises(Unavailable, match="opened for reading alone; connect without read_only=True"):
            write()
    assert place.get("layouts/aa/x") == b"1"
    assert place.size("y") is None
    assert [one.name for one in place.list("layouts/")] == ["layouts/aa/x"]
    with place.open("layouts/aa/x") as source:
        assert source.size == 1
