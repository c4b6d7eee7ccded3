"""Several processes use one store at once: no version is lost, no number is shared, and the history of an alias is a line."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import holdfast
from holdfast.store import catalog as c
from holdfast.store.collecting import _strays
from tests.store.conftest import address

WORK = """
import json, random, sys
import numpy as np
import holdfast
url, me, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(me)
store = holdfast.connect(url, who=f"worker {me}")
done = []
shared = np.arange(200_000.0)
for number in range(rounds):
    name = chance.choice(["a", "b"])
    version = store.save({"by": me, "number": number, "shared": shared, "own": np.full(30, me * 1000.0 + number)}, name)
    done.append([name, version.n, number])
    if chance.random() < 0.5:
        try:
            store.alias(f"{name}@production", version, why=str(number))
        except holdfast.Conflict:
            pass
    if chance.random() < 0.1:
        store.admin.collect(grace=0)
print(json.dumps(done))
"""


def at_once(url: str, processes: int, rounds: int) -> list[tuple[int, str, int, int]]:
    """Let processes save beside each other; returns (process, model, number, which) of every version that was acknowledged."""
    running = [subprocess.Popen([sys.executable, "-c", WORK, url, str(me), str(rounds)], stdout=subprocess.PIPE, text=True) for me in range(processes)]
    told = [(me, one.communicate()[0], one.returncode) for me, one in enumerate(running)]
    assert [code for _, _, code in told] == [0] * processes
    return [(me, name, n, which) for me, out, _ in told for name, n, which in json.loads(out)]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("processes", "rounds"), [(3, 8), pytest.param(8, 100, marks=pytest.mark.long)])
def test_nothing_is_lost_between_processes(kind: str, processes: int, rounds: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = address(kind, tmp_path, request)
    holdfast.connect(url).close()
    done = at_once(url, processes, rounds)
    assert len(done) == processes * rounds
    assert max(Counter((name, n) for _, name, n, _ in done).values()) == 1
    store = holdfast.connect(url)
    for me, name, n, which in done:
        held: Any = store.load(f"{name}:{n}")
        assert (held["by"], held["number"]) == (me, which)
        assert held["own"].tolist() == [me * 1000.0 + which] * 30
        assert float(held["shared"][-1]) == 199_999.0
    for name in store.models():
        versions = store.versions(name, limit=10_000)
        assert [one.n for one in versions] == list(range(len(versions), 0, -1))
        moves = store.history(f"{name}@production", limit=10_000)[::-1]
        assert all(before.new == after.old for before, after in itertools.pairwise(moves))
        assert store[f"{name}@production"].n == moves[-1].new
    np.testing.assert_equal(len({(one.model, one.n) for name in store.models() for one in store.versions(name, limit=10_000)}), len(done))
    store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_collects_may_note_the_same_stray(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Objects of an artifact that no row names are noted by whoever comes first, and the second one goes on."""
    url = address(kind, tmp_path, request)
    ids = [f"blake3:{number:064x}" for number in range(20)]
    with holdfast.connect(url) as one, holdfast.connect(url) as two, ThreadPoolExecutor(1) as beside:
        with one.database.writing() as on:
            assert _strays(on, dict.fromkeys(ids), 1.0, 1000.0) == []

            def note() -> list[str]:
                with two.database.writing() as other:
                    return _strays(other, dict.fromkeys(reversed(ids)), 2000.0, 1000.0)

            found = beside.submit(note)
            time.sleep(0.3)  # it waits for the first one, or has not begun: both are well
        assert set(found.result(60)) <= set(ids)
        with one.database.reading() as on:
            assert {row.artifact: row.since for row in on.execute(sa.select(c.stray))} == dict.fromkeys(ids, 1.0)
