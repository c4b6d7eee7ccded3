"""A version is whole or absent: killed, refused and cut short at every call that changes a file, those of SQLite too.

`shim.c` counts the calls of a real command once; then the command is run again and ends badly at each of them. After each, a fresh process
loads every acknowledged version, checks every byte, saves again, and reads the store without its catalog.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
COMMANDS = ("save", "first", "alias", "collect", "rebuild", "repair")
KEPT = ["m:1", "m:2"]


class Driver:
    """A process with the shim preloaded, and a store that each command begins with."""

    def __init__(self, folder: Path, shim: Path) -> None:
        self.folder = folder
        self.root = folder / "work"
        environment = {**os.environ, "LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen([sys.executable, str(HERE / "shim_driver.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.ask("prepare", root=str(folder / "start"))

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, "root": str(self.root), **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the driver died"
        found: dict[str, Any] = json.loads(line)
        return found

    def begin(self, command: str) -> None:
        for place in (self.root, self.folder / "work-copy"):
            shutil.rmtree(place, ignore_errors=True)
        if command == "first":
            return
        shutil.copytree(self.folder / "start", self.root)
        if command == "repair":
            shutil.copytree(self.folder / "start", self.folder / "work-copy", ignore=shutil.ignore_patterns("catalog*"))
            large = next(one for one in (self.root / "blobs").rglob("*") if one.is_file() and one.stat().st_size > 1_000_000)
            os.chmod(large, 0o644)
            with open(large, "r+b") as file:
                file.write(b"\xff")

    def run(self, command: str, n: int = 0, mode: str = "", **more: Any) -> dict[str, Any]:
        self.begin(command)
        return self.ask(command, armed=True, n=n, mode=mode, **more)

    def trace(self, command: str, **more: Any) -> list[tuple[str, str, str]]:
        """Run a command to its end; return the calls that changed files, their paths below the store."""
        log = self.folder / "log"
        found = self.run(command, log=str(log), **more)
        assert not any(line.startswith(("refused", "untyped")) for line in found["said"]), found
        names = {str(self.root): ".", str(self.folder): ".."}
        return [tuple(names.get(part, part.removeprefix(f"{self.root}/")) for part in line.split("\t")) for line in log.read_text().splitlines()]  # type: ignore[misc]

    def verify(self, command: str, said: list[str]) -> None:
        kept = [] if command == "first" else KEPT
        names = [one for one in said if one.startswith("m:") or one == "m@production"]
        found = self.ask("verify", acknowledged=[*kept, *names], healed=command == "repair")
        wrong = [line for line in found["said"] if not line.startswith(("count", "fired"))]
        assert not wrong, wrong
        assert not found["killed"]
        assert not found["died"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    if sys.platform != "linux":
        pytest.skip("preloading is a thing of Linux")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("the shim is built with gcc, which is not here")
    # in memory where that can be had: what is proven is the order of calls, not the speed of a disk
    folder = Path(tempfile.mkdtemp(dir="/dev/shm")) if os.access("/dev/shm", os.W_OK) else tmp_path_factory.mktemp("promises")
    shim = folder / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(shim), str(HERE / "shim.c"), "-ldl"], check=True)
    made = Driver(folder, shim)
    yield made
    assert made.process.stdin is not None
    assert made.process.stdout is not None
    made.process.stdin.close()
    made.process.wait(30)
    made.process.stdout.close()
    shutil.rmtree(folder)


def sample(count: int, full: bool) -> list[int]:
    """Return all numbers, or some that are spread over them."""
    return list(range(1, count + 1)) if full else list(range(2, count + 1, max(1, count // 4)))


def killed(driver: Driver, command: str, full: bool) -> None:
    count = len(driver.trace(command))
    assert count > 5
    numbers = sample(count, full)
    fired = 0
    for n in numbers:
        found = driver.run(command, n, "kill")
        fired += found["killed"]
        driver.verify(command, found["said"])
    print(f"{command}: {fired} kills at {len(numbers)} of {count} calls")
    assert fired == len(numbers)


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_some_calls(driver: Driver, command: str) -> None:
    killed(driver, command, False)


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_every_call(driver: Driver, command: str) -> None:
    killed(driver, command, True)


MODES = {
    "no space": ("fail", errno.ENOSPC),
    "a disk error": ("fail", errno.EIO),
    "a quota": ("fail", errno.EDQUOT),
    "a disk that stays full": ("full", 0),
    "a write cut short": ("short", 0),
}


def refused(driver: Driver, command: str, mode: str, full: bool) -> None:
    calls = driver.trace(command)
    what, number = MODES[mode]
    numbers = [n for n in sample(len(calls), full) if what == "fail" or any(call[0] == "write" for call in calls[n - 1 :])]
    if what == "short":
        numbers = [n for n, call in enumerate(calls, 1) if call[0] == "write"]
        numbers = numbers if full else numbers[:: max(1, len(numbers) // 3)]
    fired = 0
    for n in numbers:
        found = driver.run(command, n, what, errno=number)
        said = found["said"]
        fired += "fired 1" in said
        assert not found["killed"]
        assert not found["died"]
        assert not [one for one in said if one.startswith("untyped")], (calls[n - 1], said)
        stopped = [one for one in said if one.startswith("refused")]
        assert all("refused NoSpace" in one or "refused Unavailable" in one for one in stopped), (calls[n - 1], said)
        if what == "short":
            assert not stopped, (calls[n - 1], said)
        tmp = driver.root / "tmp"
        if calls[n - 1][0] != "unlink" and tmp.exists():
            assert not os.listdir(tmp), (calls[n - 1], said)
        driver.verify(command, [] if stopped else said)
    print(f"{command}, {mode}: {fired} at {len(numbers)} of {len(calls)} calls")
    assert fired == len(numbers)


@pytest.mark.parametrize("mode", MODES)
def test_refused_at_some_calls_of_a_save(driver: Driver, mode: str) -> None:
    refused(driver, "save", mode, False)


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mode", MODES)
def test_refused_at_every_call(driver: Driver, command: str, mode: str) -> None:
    refused(driver, command, mode, True)


def test_a_file_that_may_not_grow_is_an_error_and_no_signal(driver: Driver) -> None:
    found = driver.run("save", limit=1_000_000)
    assert [one[:15] for one in found["said"] if one.startswith(("refused", "untyped"))] == ["refused NoSpace"], found
    assert not os.listdir(driver.root / "tmp")
    driver.verify("save", [])


# -- the order in which a power cut finds things --------------------------------------------------------------------------------------


def above(path: str) -> str:
    return ".." if path == "." else os.path.dirname(path) or "."


def assert_order(calls: list[tuple[str, str, str]]) -> int:
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
