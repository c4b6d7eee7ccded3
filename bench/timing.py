"""Timing: the systems take turns, round after round, and the medians are compared.

The one rule: every save goes to a fresh file name and every file is deleted outside the timing. (Truncating a file and writing
it anew makes ext4 flush it, which would be measured as the system's own.) Loads read a file that was written just before, so it
is in the page cache. A load is timed until the call returns.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from bench.systems import System, taking_part
from bench.workloads import Workload, same

LIMIT = 150.0
"""Seconds after which one call of a peer is given up, and the table says so."""

PLENTY, MANY, ENOUGH, FEW, ONE = 41, 15, 7, 3, 1
"""Rounds by how long one takes; below ENOUGH the table says how many there were."""


def rounds_for(seconds: float, most: int) -> int:
    """Return how often something that takes so long is measured, at most as often as asked."""
    wanted = PLENTY if seconds < 0.05 else MANY if seconds < 0.5 else ENOUGH if seconds < 12 else FEW if seconds < 40 else ONE
    return min(most, wanted)


def due(turn: int, wanted: int, rounds: int) -> bool:
    """Say whether a system with fewer rounds takes part in this one: its turns are spread evenly over all."""
    return (turn + 1) * wanted // rounds > turn * wanted // rounds


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after so many seconds."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a call took, and what it gave. Garbage of earlier calls is collected before."""
    gc.collect()
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def remove(path: str) -> None:
    """Delete a file or a folder, when it is there."""
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        Path(path).unlink(missing_ok=True)


def size_of(path: str) -> int:
    """Return the bytes of a file or of the files in a folder."""
    place = Path(path)
    return sum(file.stat().st_size for file in place.rglob("*")) if place.is_dir() else place.stat().st_size


class Contest:
    """All systems on one workload.

    Attributes:
        times: system -> "save", "save durable" or "load" -> seconds, one a round.
        nbytes: system -> bytes of its file.
        problems: system -> why it did not take part, or that its answer was not the model's.
    """

    def __init__(self, workload: Workload, model: Any, folder: Path, rounds: int) -> None:
        self.workload = workload
        self.model = model
        self.folder = folder
        self.rounds = rounds
        self.times: dict[str, dict[str, list[float]]] = {}
        self.nbytes: dict[str, int] = {}
        self.problems: dict[str, str] = {}
        self.wanted: dict[str, int] = {}
        self._files = 0

    def run(self) -> dict[str, Any]:
        """Warm up and try every system, then measure."""
        systems = taking_part(self.workload.name)
        answer = self.workload.ask(self.model)
        for system in systems:
            if system.save is not None:
                self._warm_up(system, [one for one in systems if one.file_of == system.name], answer)
        rounds = max(self.wanted.values(), default=0)
        for turn in range(rounds):
            # another order each round, so that nobody always follows the same one and what it left in memory and on the disk
            for system in Random(turn).sample(systems, len(systems)):
                if system.save is not None and due(turn, self.wanted.get(system.name, 0), rounds):
                    self._round(system, [one for one in systems if one.file_of == system.name])
        return {
            "title": self.workload.title,
            "group": self.workload.group,
            "times": self.times,
            "nbytes": self.nbytes,
            "problems": self.problems,
        }

    def _fresh(self) -> str:
        self._files += 1
        return str(self.folder / f"{self.workload.name}-{self._files}.safetensors")

    def _warm_up(self, system: System, readers: list[System], answer: Any) -> None:
        """Save and load once, untimed but for the choice of rounds; whoever fails or answers differently is named."""
        path = self._fresh()
        assert system.save is not None
        try:
            start = time.perf_counter()
            with limited(LIMIT):
                system.save(self.model, path, False)
            taken = time.perf_counter() - start
            if system.prepare is not None:
                with limited(LIMIT):
                    system.prepare(path)
            self.nbytes[system.name] = size_of(path)
            for reader in [system, *readers]:
                if reader.load is not None:
                    start = time.perf_counter()
                    with limited(LIMIT):
                        loaded = reader.load(path)
                    taken = max(taken, time.perf_counter() - start)
                    if not same(answer, self.workload.ask(loaded)):
                        self.problems[reader.name] = "wrong: what it loads is not what was saved"
                    del loaded
            self.wanted[system.name] = rounds_for(taken, self.rounds)
        except Exception as error:
            self.problems[system.name] = " ".join(f"{type(error).__name__}: {error}".split())[:400]
        finally:
            remove(path)

    def _round(self, system: System, readers: list[System]) -> None:
        assert system.save is not None
        save = system.save
        path = self._fresh()
        try:
            self._note(system.name, "save", timed(partial(save, self.model, path, False))[0])
            for reader in [system, *readers]:
                load = reader.load
                if load is not None and reader.name not in self.problems:
                    seconds, loaded = timed(partial(load, path))
                    self._note(reader.name, "load", seconds)
                    del loaded
        finally:
            remove(path)
        path = self._fresh()
        try:
            self._note(system.name, "save durable", timed(partial(save, self.model, path, True))[0])
        finally:
            remove(path)

    def _note(self, system: str, work: str, seconds: float) -> None:
        self.times.setdefault(system, {}).setdefault(work, []).append(round(seconds, 7))
