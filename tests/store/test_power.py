"""A power cut: in which order things come to the disk, and what is there when all that was not flushed is gone.

`shim.c` keeps the bytes of each file and the names in each folder as they were at their last flush. A command is killed at a call, what lies there is
replaced by what the disk has, and a fresh process loads every acknowledged version.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.shimmed import Call, Driver, at_call, calls_made, driving, sample


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with driving(tmp_path_factory) as made:
        yield made


# -- the order in which a power cut finds things --------------------------------------------------------------------------------------


def above(path: str) -> str:
    return ".." if path == "." else os.path.dirname(path) or "."


def assert_order(calls: list[Call]) -> int:
    """Fail unless bytes are on the disk before they get a name, and names and folders before the rows that rely on them; return of how many objects."""
    wal = [n for n, (call, path, _) in enumerate(calls) if call == "fsync" and path == "catalog.sqlite-wal"]
    objects = [n for n, (call, _, other) in enumerate(calls) if call in ("rename", "link") and not other.startswith("tmp/")]
    for n in objects:
        _, path, other = calls[n]
        written = max(m for m, earlier in enumerate(calls[:n]) if earlier[:2] == ("write", path))
        assert ("fsync", path, "") in calls[written:n], f"{other} got its name before its bytes were on the disk"
        commit = next((m for m in wal if m > n), None)
        assert commit is not None, f"nothing is committed after {other} came"
        assert ("fsync", above(other), "") in calls[n:commit], f"rows rely on {other} before its name is on the disk"
        folder = other
        while (folder := above(folder)) != "..":
            made = next((m for m, (call, what, _) in enumerate(calls) if call == "mkdir" and what == folder), None)
            if made is not None:
                assert ("fsync", above(folder), "") in calls[made:commit], f"rows rely on {other} before its folder {folder} is on the disk"
    return len(objects)


@pytest.mark.parametrize(("command", "objects"), [("save", 5), ("first", 7), ("alias", 1)])
def test_what_rows_rely_on_is_on_the_disk_before_they_are(driver: Driver, command: str, objects: int) -> None:
    assert assert_order(driver.trace(command, watch=str(driver.folder))) == objects


@pytest.mark.parametrize("without", ["folder", "file"])
def test_the_order_is_seen_to_be_wrong_without_a_flush(driver: Driver, without: str) -> None:
    calls = driver.trace("save", watch=str(driver.folder), without=[without])
    with pytest.raises(AssertionError, match=r"before its name is on the disk|before its bytes were on the disk"):
        assert_order(calls)


# -- what is there afterwards ---------------------------------------------------------------------------------------------------------

DISKS = ["nothing that was not flushed", "every name, and no bytes that were not flushed"]
"""What a disk may have: both are allowed, and most have something in between."""


def cut(driver: Driver, flushed: Path, disk: str) -> None:
    """Replace the store by what a disk has of it after a power cut.

    Args:
        driver: whose command has just ended, well or not.
        flushed: what shim.c kept.
        disk: one of `DISKS`.
    """
    dead = driver.folder / "dead"
    names = _names(driver.folder, flushed, disk)
    if driver.root.exists():
        driver.root.rename(dead)
        if "work" in names:
            _written(dead, names["work"], driver.root, flushed, disk)
        shutil.rmtree(dead)


def _names(folder: Path, flushed: Path, disk: str, inode: int = 0) -> dict[str, int]:
    kept = flushed / f"{inode or folder.stat().st_ino}.names"
    if disk == DISKS[0]:
        return {name: int(number) for number, name in (line.split("\t") for line in kept.read_text().splitlines())} if kept.exists() else {}
    return {one.name: one.inode() for one in os.scandir(folder)}


def _written(dead: Path, inode: int, alive: Path, flushed: Path, disk: str) -> None:
    """Write a file or a folder as the disk has it; what it was is told by the folder, and what it held by what was flushed."""
    if dead.is_dir() or (flushed / f"{inode}.names").exists():
        alive.mkdir()
        for name, number in _names(dead, flushed, disk, inode).items():
            if name not in (".", ".."):
                _written(dead / name, number, alive / name, flushed, disk)
        return
    kept = flushed / f"{inode}.bytes"
    alive.write_bytes(kept.read_bytes() if kept.exists() else b"")


def after_a_cut(driver: Driver, command: str, n: int, disk: str, **more: Any) -> tuple[bool, int, list[str]]:
    """Cut the power at a call; return whether there was that call, how many there were if not, and what a fresh process finds wrong."""
    flushed = driver.folder / "flushed"
    shutil.rmtree(flushed, ignore_errors=True)
    flushed.mkdir()
    driver.begin(command)
    found = driver.ask(command, armed=True, n=n, mode="kill", watch=str(driver.folder), flushed=str(flushed), **more)
    cut(driver, flushed, disk)
    return found["killed"], calls_made(found["said"]), driver.wrong(command, found["said"])


def in_memory(driver: Driver) -> None:
    if not str(driver.folder).startswith("/dev/shm"):
        pytest.skip("files are told apart by their inodes here, which only a file system in memory never gives again")


def cut_at(driver: Driver, command: str, disk: str, step: int | None) -> None:
    in_memory(driver)
    count = len(driver.trace(command, watch=str(driver.folder)))
    numbers = sample(count, step)

    def attempt(n: int) -> tuple[bool, int]:
        stopped, made, wrong = after_a_cut(driver, command, n, disk)
        assert not wrong, (n, wrong)
        return stopped, made

    fired = sum(at_call(n, attempt) for n in numbers)
    print(f"{command}, {disk}: {fired} power cuts at {count} calls, and one behind them")
    assert fired == len(numbers)
    assert not attempt(count + 10)[0]


EVERY, SOME = ("save", "alias", "push"), ("unlinked", "first", "unpack", "collect", "migrate")
"""Commands whose power goes at every call (of a push, which makes many like ones, at each fifth), and those that write in the same ways."""


@pytest.mark.parametrize("command", ["save", "first", "push"])
@pytest.mark.parametrize("disk", DISKS)
def test_the_power_goes_at_some_calls(driver: Driver, command: str, disk: str) -> None:
    cut_at(driver, command, disk, None)


@pytest.mark.long
@pytest.mark.parametrize("command", EVERY)
@pytest.mark.parametrize("disk", DISKS)
def test_the_power_goes_at_every_call(driver: Driver, command: str, disk: str) -> None:
    cut_at(driver, command, disk, 5 if command == "push" else 1)


@pytest.mark.long
@pytest.mark.parametrize("command", SOME)
@pytest.mark.parametrize("disk", DISKS)
def test_the_power_goes_at_some_calls_of_the_others(driver: Driver, command: str, disk: str) -> None:
    cut_at(driver, command, disk, None)


@pytest.mark.parametrize(("without", "disk"), [("folder", DISKS[0]), ("file", DISKS[0]), ("file", DISKS[1])])
def test_a_version_is_lost_without_a_flush(driver: Driver, without: str, disk: str) -> None:
    in_memory(driver)
    assert after_a_cut(driver, "save", 0, disk)[::2] == (False, [])
    _, _, wrong = after_a_cut(driver, "save", 0, disk, without=[without])
    assert wrong
