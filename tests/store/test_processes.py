"""One store object in many threads, in processes that a fork made, and in a `with` block."""

from __future__ import annotations

import copy
import itertools
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import holdfast
from holdfast.errors import Conflict, NotFound
from holdfast.store.store import Store

# threads of libraries that other tests brought in: the children here ask none of them
pytestmark = [pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"), pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_child(does: Callable[[], Any]) -> int:
    """Run something in a process that a fork made, without the end of this one; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        does()
        code = 0
    finally:
        os._exit(code)


def ended_well(pid: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@needs_fork
def test_a_forked_process_writes_on_when_its_parent_has_closed(tmp_path: Path) -> None:
    # the locks of SQLite are a process's own: on a connection that came along, the parent would be the last one out for the system, and take away the log that the child writes to
    store = holdfast.connect(tmp_path / "models")
    store.save({"a": 1}, "m")
    closed, close = os.pipe()
    saved, said = os.pipe()

    def child() -> None:
        store.save({"a": 2}, "m")
        os.write(said, b"x")
        os.read(closed, 1)
        store.save({"a": 3}, "m")
        assert len(store.versions("m")) == 3

    pid = in_child(child)
    assert os.read(saved, 1) == b"x"
    store.close()
    os.write(close, b"x")
    assert ended_well(pid)
    for fd in (closed, close, saved, said):
        os.close(fd)
    found = holdfast.connect(tmp_path / "models", read_only=True)
    assert [found.load(one) for one in found.versions("m")] == [{"a": 3}, {"a": 2}, {"a": 1}]
    assert found.admin.check("full").ok


@needs_fork
def test_a_forked_process_has_connections_of_its_own(catalog: Store) -> None:
    # two processes that talk over one connection read the answers of the other one
    if catalog.shown.startswith("memory"):
        pytest.skip("a catalog in memory is copied by a fork")
    catalog.save({"a": 0}, "m")

    def work(first: int) -> None:
        for number in range(5):
            version = catalog.save({"a": first + number}, "m")
            assert catalog.load(version) == {"a": first + number}
            assert catalog[str(version)].n == version.n

    pids = [in_child(lambda first=100 * number: work(first)) for number in (1, 2, 3)]  # type: ignore[misc]
    work(0)
    assert [ended_well(pid) for pid in pids] == [True] * 3
    assert [one.n for one in catalog.versions("m")] == list(range(21, 0, -1))
    assert catalog.admin.check("full").ok


@needs_fork
def test_a_fork_does_not_let_go_of_what_its_parent_claimed(tmp_path: Path) -> None:
    from holdfast.store.blobs.filesystem import CLAIM, Claim

    claim = Claim(str(tmp_path), "it is a test")
    assert ended_well(in_child(claim.release))
    assert (tmp_path / CLAIM).exists()
    claim.release()
    assert not (tmp_path / CLAIM).exists()


def test_threads_share_one_store(catalog: Store) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(4):
                version = catalog.save({"w": np.arange(100.0) + 10 * number + step}, "m", tags={"by": str(number)})
                assert catalog.load(version)["w"][0] == 10 * number + step
                for _ in range(100):
                    try:
                        catalog.alias("m@last", version)
                        break
                    except Conflict:  # somebody moved it at the same time
                        continue
                catalog.metric(version, step=step)
                assert version.n in [one.n for one in catalog.search(f"tags.by = '{number}'")]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert [one.n for one in catalog.versions("m")] == list(range(24, 0, -1))
    moves = catalog.history("m@last", limit=1000)
    assert all(later.old == earlier.new for later, earlier in itertools.pairwise(moves)), "a line"
    assert catalog.admin.check("full").ok


def test_a_store_ends_with_its_block(tmp_path: Path) -> None:
    ended = []
    with holdfast.connect(tmp_path / "models") as store:
        store.save({"a": 1}, "m")
        sa.event.listen(store.database.engine, "close", lambda *connection: ended.append(1))
    assert ended
    with pytest.raises(ZeroDivisionError), holdfast.connect(tmp_path / "models") as store:
        _ = 1 / 0


def test_a_version_travels_without_its_store(tmp_path: Path) -> None:
    with holdfast.connect(tmp_path / "models") as store:
        version = store.save({"a": 1}, "m", tags={"k": "v"})
        for other in (pickle.loads(pickle.dumps(version)), copy.copy(version), copy.deepcopy(version)):
            assert other == version
            assert store.load(other) == {"a": 1}
        with pytest.raises(NotFound, match=r"m:1 was not found in a store here; ask the store for it: store\['m:1'\]"):
            holdfast.compare(pickle.loads(pickle.dumps(version)), version)


def test_a_store_does_not_travel_and_says_why(tmp_path: Path) -> None:
    with holdfast.connect(tmp_path / "models") as store:
        with pytest.raises(TypeError, match=r"a store is of one process; send its address, and call holdfast.connect there"):
            pickle.dumps(store)
        with pytest.raises(TypeError, match="a store is of one process"):
            copy.deepcopy(store)
