"""A store does what a dict of models would, whatever is done to it in whatever order."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import holdfast
from holdfast.errors import Conflict, NotFound
from holdfast.store import catalog as c
from holdfast.store.mirror import contents

NAMES = st.sampled_from(["a", "A", "ä b"])
ALIASES = st.sampled_from(["production", "test"])
VALUES = st.integers(0, 3)


class Machine(RuleBasedStateMachine):
    """The store, and beside it what a dict would hold."""

    def __init__(self) -> None:
        super().__init__()
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(dir=where))
        self.store = holdfast.connect(self.folder, who="ann")
        self.versions: dict[str, dict[int, int]] = {}
        self.given: dict[str, int] = {}
        self.tags: dict[tuple[str, int], dict[str, str]] = {}
        self.aliases: dict[tuple[str, str], int] = {}
        self.moves: dict[tuple[str, str], list[int | None]] = {}

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.save("a", 0)

    def some(self, data: Any) -> tuple[str, int]:
        found: tuple[str, int] = data.draw(st.sampled_from([(name, n) for name, all_ in self.versions.items() for n in all_]))
        return found

    @rule(name=NAMES, value=VALUES)
    def save(self, name: str, value: int) -> None:
        n = self.given[name] = self.given.get(name, 0) + 1
        assert self.store.save({"value": value}, name, tags={"v": str(value)}).n == n
        self.versions.setdefault(name, {})[n] = value
        self.tags[name, n] = {"v": str(value)}

    @precondition(lambda self: any(self.versions.values()))
    @rule(data=st.data(), alias=ALIASES)
    def alias(self, data: Any, alias: str) -> None:
        name, n = self.some(data)
        before = self.aliases.get((name, alias))
        self.store.alias(f"{name}@{alias}", n)
        if before != n:
            self.moves.setdefault((name, alias), []).append(before)
        self.aliases[name, alias] = n

    @precondition(lambda self: self.aliases)
    @rule(data=st.data())
    def unalias(self, data: Any) -> None:
        key = data.draw(st.sampled_from(sorted(self.aliases)))
        self.store.alias(f"{key[0]}@{key[1]}", None)
        self.moves[key].append(self.aliases.pop(key))

    @precondition(lambda self: self.moves)
    @rule(data=st.data())
    def rollback(self, data: Any) -> None:
        key = data.draw(st.sampled_from(sorted(self.moves)))
        before = self.moves[key][-1] if self.moves[key] else None
        if before is None or before not in self.versions[key[0]]:
            with pytest.raises((Conflict, NotFound)):
                self.store.rollback(f"{key[0]}@{key[1]}")
            return
        assert self.store.rollback(f"{key[0]}@{key[1]}").n == before
        self.aliases[key] = before
        self.moves[key].pop()

    @precondition(lambda self: any(self.versions.values()))
    @rule(data=st.data(), key=st.sampled_from(["v", "team"]), value=st.none() | st.text(max_size=5))
    def tag(self, data: Any, key: str, value: str | None) -> None:
        name, n = self.some(data)
        if value is not None and "\0" in value:
            with pytest.raises(ValueError, match="number 0"):
                self.store.tag(f"{name}:{n}", **{key: value})
            return
        self.store.tag(f"{name}:{n}", **{key: value})
        if value is None:
            self.tags[name, n].pop(key, None)
        else:
            self.tags[name, n][key] = value

    @precondition(lambda self: any(self.versions.values()))
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        name, n = self.some(data)
        if n in [at for (of, _), at in self.aliases.items() if of == name]:
            with pytest.raises(Conflict):
                self.store.delete(f"{name}:{n}")
            return
        self.store.delete(f"{name}:{n}")
        del self.versions[name][n], self.tags[name, n]

    @rule(name=NAMES, last=st.integers(0, 2))
    def keep(self, name: str, last: int) -> None:
        if name not in self.given:
            return
        pointed = {at for (of, _), at in self.aliases.items() if of == name}
        going = [n for n in sorted(self.versions[name], reverse=True)[last:] if n not in pointed]
        assert [one.version for one in self.store.keep(name, last)] == [f"{name}:{n}" for n in sorted(going)]
        for n in going:
            del self.versions[name][n], self.tags[name, n]

    @rule(grace=st.sampled_from([0.0, 1000.0]))
    def collect(self, grace: float) -> None:
        self.store.admin.collect(grace)
        if grace == 0:
            with self.store.database.reading() as on:
                needed = {row[0] for row in contents(on)["blob"]}
                assert needed == set(on.scalars(sa.select(c.blob.c.digest)))
            assert len([one for one in self.store.blobs.list("blobs/")]) == len(needed)
            assert self.store.admin.du().garbage == 0

    @rule(rebuild=st.booleans())
    def check(self, rebuild: bool) -> None:
        assert self.store.admin.check("full", rebuild=rebuild).ok

    @rule()
    def lose_the_catalog(self) -> None:
        with self.store.database.reading() as on:
            before = contents(on)
        self.store.close()
        for one in self.folder.glob("catalog.sqlite*"):
            one.unlink()
        self.store = holdfast.connect(self.folder, who="ann")
        with self.store.database.reading() as on:
            assert contents(on) == before

    @invariant()
    def is_what_the_dict_says(self) -> None:
        assert self.store.models() == sorted(name for name, all_ in self.versions.items() if all_)
        for name, all_ in self.versions.items():
            found = self.store.versions(name)
            assert {one.n: self.store.load(one)["value"] for one in found} == all_
            assert {one.n: one.tags for one in found} == {n: self.tags[name, n] for n in all_}
            assert {(name, alias): one.n for one in found for alias in one.aliases} == {key: n for key, n in self.aliases.items() if key[0] == name}


Machine.TestCase.settings = settings(max_examples=6, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
TestAgainstADict = Machine.TestCase


@pytest.mark.long
def test_against_a_dict_for_longer() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Machine, settings=settings(max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)))
