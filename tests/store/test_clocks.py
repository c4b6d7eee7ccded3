"""Clocks that jump by years, forward and back: orders follow numbers and never times, and what somebody relies on stays."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import holdfast
from holdfast.errors import NotFound, Unavailable
from holdfast.store import catalog as c
from holdfast.store.mirror import contents
from holdfast.store.store import Store

YEAR = 365.25 * 86400
REAL = time.time
JUMPS = [0.0, 9.0, -40.0, 3.0, -9.0, 0.0, 50.0, -60.0]
"""Years from now, one after another; the one below zero is before 1970."""


class Clock:
    """What the processes of a test take for the time."""

    def __init__(self) -> None:
        self.years = 0.0

    def __call__(self) -> float:
        return REAL() + self.years * YEAR


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "time", made)
    return made


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with_store = holdfast.connect(tmp_path / "models", who="ann")
    yield with_store
    with_store.close()


def rows(store: Store) -> dict[str, set[Any]]:
    with store.database.reading() as on:
        return contents(on)


def test_numbers_aliases_and_histories_follow_one_another_whatever_the_clock_says(store: Store, clock: Clock, tmp_path: Path) -> None:
    for n, clock.years in enumerate(JUMPS, 1):
        assert store.save({"w": float(n)}, "m", metrics={"n": n}).n == n
        assert store["m@latest"].n == n
        store.alias("m@production", n)
        store.tag(f"m:{n}", turn=str(n))
    clock.years = -30.0
    assert [one.n for one in store.versions("m")] == list(range(len(JUMPS), 0, -1))
    pages = list(itertools.chain(store.versions("m", limit=3), store.versions("m", limit=3, before=6), store.versions("m", limit=3, before=3)))
    assert [one.n for one in pages] == list(range(len(JUMPS), 0, -1))
    assert [one.new for one in store.history("m@production")] == list(range(len(JUMPS), 0, -1))
    assert [one.seq for one in store.history("m")] == sorted((one.seq for one in store.history("m")), reverse=True)
    store.rollback("m@production")
    assert store["m@production"].n == len(JUMPS) - 1
    store.rollback("m@production")
    assert store["m@production"].n == len(JUMPS) - 2
    before = rows(store)
    assert store.admin.check("full", rebuild=True).ok
    assert rows(store) == before
    shutil.copytree(tmp_path / "models", tmp_path / "copy", ignore=shutil.ignore_patterns("catalog*"))
    clock.years = 20.0
    copy = holdfast.connect(tmp_path / "copy")
    assert rows(copy) == before
    assert copy.save({"w": 0.0}, "m").n == len(JUMPS) + 1
    copy.close()


def test_every_version_is_found_by_its_time_and_once_on_pages(store: Store, clock: Clock) -> None:
    times = []
    for n, clock.years in enumerate(JUMPS, 1):
        times.append(store.save({"w": float(n)}, "m").at)
    found: list[Any] = []
    after = None
    while page := store.search("", order="at", limit=3, after=after):
        found += page
        after = page.after
        if after is None:
            break
    assert [one.at for one in found] == sorted(times)
    assert len(store.search("at < '1970-01-01'")) == sum(at < 0 for at in times) == 1


def stopped_save(store: Store, between: Callable[[], None]) -> Any:
    """Save a model, and do something after its bytes came and before it is named; return the version or the error."""
    real = store.journal.write

    def write(*arguments: Any, **more: Any) -> Any:
        store.journal.write = real  # type: ignore[method-assign]
        between()
        return real(*arguments, **more)

    store.journal.write = write  # type: ignore[method-assign]
    try:
        return store.save({"body": np.arange(200_000.0), "w": 1.0}, "m")
    except Unavailable as error:
        return error


@pytest.mark.parametrize("grace", [0.0, 86400.0])
@pytest.mark.parametrize("years", [10.0, -10.0])
def test_a_clock_that_jumps_during_a_save_loses_nothing(store: Store, clock: Clock, tmp_path: Path, years: float, grace: float) -> None:
    """Whoever collects in between has the other clock; a save that is acknowledged is whole, and one that is not was refused before its record."""
    other = holdfast.connect(tmp_path / "models", who="ben")

    def between() -> None:
        clock.years = years
        for _ in range(2):
            other.admin.collect(grace=grace)
        clock.years += years / 5  # whatever waited for a grace has waited for it now
        other.admin.collect(grace=grace)

    found = stopped_save(store, between)
    if years < 0:
        assert found.n == 1
    else:
        assert "or a clock was put forward" in str(found)
        assert "nothing was changed, save again" in str(found)
        with pytest.raises(NotFound):
            other.load("m:1")
        assert other.admin.check("full").ok
    clock.years = 0.0
    again = store.save({"body": np.arange(200_000.0), "w": 1.0}, "m")
    for one in other.versions("m"):
        assert other.load(one)["w"] == 1.0
    assert again.n == len(other.versions("m"))
    assert other.admin.check("full").ok
    other.close()


def test_a_signal_of_life_after_a_jump_keeps_a_lease(store: Store, clock: Clock, tmp_path: Path) -> None:
    other = holdfast.connect(tmp_path / "models", who="ben")

    def between() -> None:
        clock.years = -10.0  # and the sessions of now end in ten years from then
        other.admin.collect(grace=0.0)
        clock.years = 0.0
        other.admin.collect(grace=0.0)

    assert stopped_save(store, between).n == 1
    assert other.load("m:1")["w"] == 1.0
    other.close()


def test_files_on_their_way_survive_whoever_sweeps_with_another_clock_or_the_save_is_refused(store: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in ``tmp/`` looks years old to a clock that is ahead: the save whose file goes is told, and comes again."""
    other = holdfast.connect(tmp_path / "models", who="ben")
    real = os.fsync
    swept = threading.Event()

    def sweeps(fd: int) -> None:
        if not swept.is_set():
            swept.set()
            clock.years = 10.0
            other.admin.collect(grace=0.0)
            clock.years = 0.0
        real(fd)

    monkeypatch.setattr(os, "fsync", sweeps)
    with pytest.raises(Unavailable, match=r"a file on its way is gone from tmp/: .* a clock that is ahead by a day; nothing was changed, try again"):
        store.save({"w": 1.0}, "m")
    monkeypatch.undo()
    assert store.save({"w": 1.0}, "m").n == 1
    assert other.admin.check("full").ok
    other.close()


def test_what_was_condemned_by_a_clock_that_was_wrong_goes_later_and_never_what_is_needed(store: Store, clock: Clock) -> None:
    body = np.arange(200_000.0)
    store.save({"body": body, "w": 1.0}, "m")
    store.save({"body": body + 1, "w": 2.0}, "m")
    store.delete("m:1")
    clock.years = 10.0
    assert store.admin.collect().condemned == 2
    clock.years = 0.0
    assert store.admin.collect().blobs == 0
    clock.years = 10.1
    assert store.admin.collect().blobs == 2
    clock.years = -60.0
    store.admin.collect(grace=0.0)
    assert store.load("m:2")["w"] == 2.0
    with store.database.reading() as on:
        assert set(on.scalars(sa.select(c.blob.c.state))) == {"live"}
    assert store.admin.check("full").ok


def test_keep_leaves_the_last_ones_by_number(store: Store, clock: Clock) -> None:
    for n, clock.years in enumerate(JUMPS, 1):
        store.save({"w": float(n)}, "m")
    clock.years = 100.0
    store.keep("m", last=3, days=1)
    assert [one.n for one in store.versions("m")] == [8, 7, 6]
