"""Commands that end badly at a call that was chosen: a process with ``shim.c`` preloaded, and the stores that each command begins with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).parent
Call = tuple[str, str, str]
"""What was called, and for which paths."""


class Begin(NamedTuple):
    """What a command begins with.

    Attributes:
        store: what the store is made of; None where there is none yet.
        beside: what lies beside it, as a store to take from.
        kept: versions that were acknowledged before.
    """

    store: str | None = "start"
    beside: str | None = None
    kept: tuple[str, ...] = ("m:1", "m:2")


COMMANDS = {
    "save": Begin(),
    "unlinked": Begin(),
    "first": Begin(None, kept=()),
    "alias": Begin(),
    "cli_save": Begin(),
    "cli_alias": Begin(),
    "collect": Begin(),
    "rebuild": Begin(),
    "repair": Begin(beside="start"),
    "push": Begin(None, "start", ()),
    "pull": Begin("start-other", "start", ("k:1", "k:2")),
    "unpack": Begin("start-other", kept=("k:1", "k:2")),
    "pack": Begin(),
    "migrate": Begin(),
}


class Driver:
    """A process with the shim preloaded, and a store that each command begins with."""

    def __init__(self, folder: Path, shim: Path) -> None:
        self.folder = folder
        self.root = folder / "work"
        self.beside = folder / "work-copy"
        environment = {**os.environ, "LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen([sys.executable, str(HERE / "shim_driver.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        found = self.ask("prepare", root=str(folder / "start"))
        assert not [line for line in found["said"] if line.startswith(("refused", "untyped"))], found

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """Have a process of its own do something."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, "root": str(self.root), **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the driver died"
        found: dict[str, Any] = json.loads(line)
        return found

    def begin(self, command: str) -> None:
        """Make what a command begins with."""
        for place in (self.root, self.beside):
            shutil.rmtree(place, ignore_errors=True)
        (self.folder / "packed.tar").unlink(missing_ok=True)
        begin = COMMANDS[command]
        if begin.store is not None:
            shutil.copytree(self.folder / begin.store, self.root)
        if begin.beside is not None:
            shutil.copytree(self.folder / begin.beside, self.beside, ignore=shutil.ignore_patterns("catalog*") if command == "repair" else None)
        if command == "repair":
            large = next(one for one in (self.root / "blobs").rglob("*") if one.is_file() and one.stat().st_size > 1_000_000)
            for damaged in (large, self.root / "format.json"):
                os.chmod(damaged, 0o644)
                with open(damaged, "r+b") as file:
                    file.write(b"\xff")

    def run(self, command: str, n: int = 0, mode: str = "", **more: Any) -> dict[str, Any]:
        """Run a command whose n-th call ends badly."""
        self.begin(command)
        return self.ask(command, armed=True, n=n, mode=mode, **self.watched(command), **more)

    def watched(self, command: str) -> dict[str, str]:
        """Return the folder whose calls are counted: of most, the store; a pack lies beside it."""
        return {"watch": str(self.folder)} if command == "pack" else {}

    def trace(self, command: str, **more: Any) -> list[Call]:
        """Run a command to its end; return the calls that changed files, their paths below the store."""
        log = self.folder / "log"
        self.begin(command)
        found = self.ask(command, armed=True, log=str(log), **self.watched(command) | more)
        assert not any(line.startswith(("refused", "untyped", "exit")) for line in found["said"]), found
        names = {str(self.root): ".", str(self.folder): ".."}
        return [tuple(names.get(part, part.removeprefix(f"{self.root}/")) for part in line.split("\t")) for line in log.read_text().splitlines()]  # type: ignore[misc]

    def wrong(self, command: str, said: list[str]) -> list[str]:
        """Return what a fresh process finds wrong after a command that said these things."""
        names = [one for one in said if one.startswith(("m:", "m@")) or one in ("migrated", "packed")]
        found = self.ask("verify", acknowledged=[*COMMANDS[command].kept, *names], command=command)
        assert not found["killed"]
        assert not found["died"]
        lines = [line for line in found["said"] if not line.startswith(("count", "fired", "hit"))]
        if self.beside.exists() and _objects(self.beside) != _objects(self.folder / "start"):
            lines.append("the store that was taken from has changed")
        return lines

    def verify(self, command: str, said: list[str]) -> None:
        """Fail when a fresh process finds anything wrong after a command that said these things."""
        wrong = self.wrong(command, said)
        assert not wrong, (wrong, said)


def _objects(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "catalog" not in path.name}


@contextmanager
def driving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """Give a driver, where there can be one."""
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
    try:
        yield made
    finally:
        assert made.process.stdin is not None
        assert made.process.stdout is not None
        made.process.stdin.close()
        made.process.wait(30)
        made.process.stdout.close()
        shutil.rmtree(folder)


def at_call(n: int, attempt: Callable[[int], tuple[bool, int]]) -> int:
    """Have a command end badly at its n-th call; at its last one when it makes fewer than the run that was traced. Return 1 when it did.

    Threads that want the same folder at once each try to make it, so one run may have some calls more than another.

    Args:
        n: which call of the traced run.
        attempt: runs the command; returns whether it ended badly, and how many calls it made.
    """
    while n > 0:
        ended, made = attempt(n)
        if ended or made >= n:
            return int(ended)
        n = made
    return 0


def calls_made(said: list[str]) -> int:
    """Return how many calls a command says that it made; a killed one says nothing, and 0 is returned."""
    return next((int(one.split()[1]) for one in said if one.startswith("count ")), 0)


def sample(count: int, step: int | None) -> list[int]:
    """Return every so-manieth number, or four or five that are spread over them."""
    return list(range(1, count + 1, step)) if step else list(range(2, count + 1, max(1, count // 4)))
