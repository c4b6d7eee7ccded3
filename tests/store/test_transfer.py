"""Versions between two stores: what comes along, what is refused, and what a stopped transfer leaves."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import holdfast
from holdfast.errors import Conflict, Corrupt, LimitExceeded, NotFound, Unavailable
from holdfast.store import arriving, carrying
from holdfast.store.objects import Layout, Record, artifact_name, blob_name, layout_name, read_layout, read_record, to_json
from holdfast.store.store import Store
from holdfast.values import limits
from tests.store.conftest import At

BODY = np.random.default_rng(0).normal(size=200_000)  # 1.6 MB: a blob of its own


def net(seed: int) -> dict[str, Any]:
    return {"body": BODY, "head": np.random.default_rng(seed).normal(size=50)}


@pytest.fixture
def stores(tmp_path: Path, at: At) -> Any:
    both = holdfast.connect(at(tmp_path / "here"), who="ann"), holdfast.connect(at(tmp_path / "there"), who="ben")
    yield both
    for one in both:
        one.close()


def blobs_of(store: Store) -> set[str]:
    return {one.name for one in store.blobs.list("blobs/")}


def test_everything_of_a_version_comes_along(stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.save(net(1), "churn", note="first", metrics={"auc": 0.9, "set": "B"}, tags={"team": "risk"}, data={"train": "blake3:" + "a" * 64}, code={"commit": "abc", "dirty": False})
    here.save(net(2), "churn", parent="churn:1", alias="production")
    here.metric("churn:1", auc=0.8)
    done = there.transfer.pull(here, "churn", aliases=True)
    assert [(one.ref, one.new) for one in done.versions] == [("churn:1", True), ("churn:2", True)]
    assert str(done).startswith("2 versions arrived: churn:1, churn:2; 0 were there; 3 blobs, ")
    for n in (1, 2):
        old, new = here.find(f"churn:{n}"), there.find(f"churn:{n}")
        assert old._replace(proof=None) == new._replace(proof=None)
        np.testing.assert_array_equal(there.load(new)["head"], net(n)["head"])
    assert there["churn@production"].n == 2
    assert there["churn:1"].metrics == {"auc": 0.8, "set": "B"}
    assert (there["churn:1"].code, there["churn:1"].note, there["churn:2"].parent) == ({"commit": "abc", "dirty": False}, "first", "churn:1")


def test_whoever_waits_is_told_how_much_there_is(stores: tuple[Store, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said at the beginning of a stage is what is told of in it, also where there is something already, and where versions travel in several batches."""
    here, there = stores
    monkeypatch.setattr(carrying, "BATCH", 2)
    for seed in range(5):
        here.card(here.save(net(seed), "churn"), f"# card {seed}")
    here.save(net(0), "again")
    told: list[tuple[str, int, int]] = []

    def stage(what: str, total: int) -> None:
        told.append((what, total, 0))

    def count(more: int) -> None:
        told[-1] = (*told[-1][:2], told[-1][2] + more)

    def said() -> list[str]:
        assert all(total == done for what, total, done in told if what != "packing"), told
        words = [what for what, _, _ in told]
        told.clear()
        return words

    there.transfer.pull(here, "churn:1", on_bytes=count, on_stage=stage)
    there.transfer.pull(here, on_bytes=count, on_stage=stage)
    assert said() == ["copying", "copying"]
    here.transfer.pack(tmp_path / "x.tar", on_bytes=count, on_stage=stage)
    assert 0.9 < told[0][1] / told[0][2] < 1.1
    third = holdfast.connect(tmp_path / "third")
    third.transfer.unpack(tmp_path / "x.tar", on_bytes=count, on_stage=stage)
    assert third.admin.check("full", on_bytes=count, on_stage=stage).ok
    third.delete("churn:5")
    third.admin.collect(grace=0, on_bytes=count, on_stage=stage)
    assert said() == ["packing", "comparing", "copying", "comparing", "deleting"]


def test_what_is_there_does_not_travel_again(stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.save(net(1), "churn")
    told: list[int] = []
    assert there.transfer.pull(here, on_bytes=told.append).nbytes == sum(told) > BODY.nbytes
    here.save(net(2), "churn")
    done = here.transfer.push(there)
    assert done.nbytes < 5000
    assert [one.new for one in done.versions] == [False, True]
    assert here.transfer.push(there).blobs == 0
    # and back again: they are where they were born
    assert [one.new for one in here.transfer.pull(there).versions] == [False, False]
    assert [one.n for one in here.versions("churn")] == [2, 1]


def test_where_a_version_was_born_stays_with_it(stores: tuple[Store, Store], tmp_path: Path, at: At) -> None:
    here, there = stores
    here.save(net(1), "churn")
    there.save({"other": 1}, "churn")
    there.transfer.pull(here, renumber=True)
    third = holdfast.connect(at(tmp_path / "third"))
    third.transfer.pull(there, "churn:2")
    assert [one.new for one in third.transfer.pull(here).versions] == [False]
    born = here.blobs.get("format.json")
    name = "log/churn/000000000001.json"
    record = read_record(third.blobs.get(name), name, "")
    assert record.origin["store"].encode() in born
    assert (record.origin["model"], record.origin["n"], record.n) == ("churn", 1, 2)
    assert record.origin["from"].encode() in there.blobs.get("format.json")
    third.close()


def test_a_taken_number_is_refused_before_anything_travels_or_gets_the_next(stores: tuple[Store, Store]) -> None:
    here, there = stores
    for seed in (1, 2):
        here.save(net(seed), "churn")
    there.save({"other": 1}, "churn")
    with pytest.raises(Conflict, match=r"churn:1 is another version there; nothing was changed.*renumber=True"):
        there.transfer.pull(here)
    assert len(blobs_of(there)) == 1
    done = there.transfer.pull(here, renumber=True)
    assert [(one.source, one.ref) for one in done.versions] == [("churn:2", "churn:2"), ("churn:1", "churn:3")]
    assert "from churn:1" in str(done)
    assert [one.new for one in there.transfer.pull(here).versions] == [False, False]
    np.testing.assert_array_equal(there.load("churn:3")["head"], net(1)["head"])


def test_a_dry_run_says_what_would_be_done(stores: tuple[Store, Store], tmp_path: Path) -> None:
    here, there = stores
    for seed in (1, 2):
        here.save(net(seed), "churn")
    here.transfer.pack(tmp_path / "x.tar")
    there.save({"other": 1}, "churn")
    with pytest.raises(Conflict, match="churn:1 is another version there"):
        there.transfer.pull(here, dry_run=True)
    before = sorted(one.name for one in there.blobs.list("blobs/"))
    plan = there.transfer.pull(here, renumber=True, dry_run=True)
    assert there.transfer.unpack(tmp_path / "x.tar", renumber=True, dry_run=True) == here.transfer.push(there, renumber=True, dry_run=True) == plan
    assert sorted(one.name for one in there.blobs.list("blobs/")) == before
    assert [one.n for one in there.versions("churn")] == [1]
    assert there.transfer.pull(here, renumber=True) == plan
    plan = there.transfer.pull(here, renumber=True, dry_run=True)
    assert (plan.blobs, [one.new for one in plan.versions]) == (0, [False, False])


def test_a_number_that_was_deleted_is_not_given_again(stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.save(net(1), "churn")
    there.transfer.pull(here)
    there.delete("churn:1")
    with pytest.raises(Conflict, match="churn:1 was deleted there, and numbers are not given again"):
        there.transfer.pull(here)
    assert there.transfer.pull(here, renumber=True).versions[0].ref == "churn:2"


def test_parents_are_called_what_they_are_there(stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.save(net(1), "churn")
    here.save(net(2), "churn", parent="churn:1")
    there.save({"other": 1}, "churn")
    there.transfer.pull(here, "churn:2")
    assert there["churn:2"].parent == here["churn:1"].artifact
    there.transfer.pull(here, "churn:1", renumber=True)
    here.save(net(3), "churn", parent="churn:1")
    here.save(net(4), "churn", parent="an email of ann")
    there.save({"other": 2}, "churn")
    there.transfer.pull(here, "churn", renumber=True)
    assert [(one.n, one.parent) for one in there.versions("churn")][:2] == [(6, "an email of ann"), (5, "churn:3")]


def test_gaps_are_filled_with_the_numbers_that_versions_had(stores: tuple[Store, Store]) -> None:
    here, there = stores
    for seed in range(3):
        here.save(net(seed), "churn")
    there.transfer.pull(here, "churn:3")
    there.transfer.pull(here, ["churn:1"])
    assert [one.n for one in there.versions("churn")] == [3, 1]
    assert there.save({"new": 1}, "churn").n == 4


def test_a_damaged_blob_does_not_arrive(stores: tuple[Store, Store]) -> None:
    here, there = stores
    version = here.save(net(1), "churn")
    large = max(here.blobs.list("blobs/"), key=lambda one: one.size)
    data = bytearray(here.blobs.get(large.name))
    data[1_000_000] ^= 1
    here.blobs.put(large.name, [data], len(data))
    with pytest.raises(Corrupt, match="do not match their digest"):
        there.transfer.pull(here)
    assert large.name not in blobs_of(there)
    assert not list(Path(there.blobs.folder, "tmp").iterdir())  # type: ignore[attr-defined]
    assert there.models() == []
    with pytest.raises(NotFound):
        there.find(version.model + ":1")
    data[1_000_000] ^= 1
    here.blobs.put(large.name, [data], len(data))
    assert there.transfer.pull(here).versions[0].new


def test_a_stopped_transfer_goes_on_where_it_was(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = stores
    for seed in range(3):
        here.save({"own": np.random.default_rng(seed).normal(size=150_000)}, "churn")
    real, puts = there.blobs.put, []

    def put(name: str, pieces: Any, size: int) -> None:
        if len(puts) == 2:
            raise Unavailable("the line is gone")
        puts.append(name)
        real(name, pieces, size)

    monkeypatch.setattr(there.blobs, "put", put)
    with pytest.raises(Unavailable, match="the line is gone"):
        there.transfer.pull(here)
    assert there.models() == []
    with there.database.reading() as on:
        assert on.scalar(sa.text("SELECT count(*) FROM session")) == 0
    monkeypatch.undo()
    done = there.transfer.pull(here)
    assert done.blobs == len(blobs_of(here)) - 2
    assert [one.new for one in done.versions] == [True, True, True]


def test_large_blobs_do_not_travel_on_when_another_failed(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = stores
    here.save({"large": BODY, "more": BODY[:150_000] + 1, "small": [1]}, "churn")
    monkeypatch.setattr(arriving, "CHUNK", 100_000)
    real, failed, told = there.blobs.put, threading.Event(), []

    def put(name: str, pieces: Any, size: int) -> None:
        if size < 1_500_000:
            failed.set()
            raise Unavailable("the line is gone")
        failed.wait(10)

        def slowly() -> Any:
            for piece in pieces:
                told.append(len(piece))
                yield piece
                time.sleep(0.05)

        real(name, slowly(), size)

    monkeypatch.setattr(there.blobs, "put", put)
    with pytest.raises(Unavailable, match="the line is gone"):
        there.transfer.pull(here)
    assert sum(told) < BODY.nbytes
    assert blobs_of(there) == set()


def test_a_layout_that_swaps_two_tensors_is_refused(stores: tuple[Store, Store]) -> None:
    """Each blob is what its name says, and the model would be another."""
    here, there = stores
    version = here.save({"a": BODY, "b": BODY + 1}, "churn")
    name = layout_name(version.artifact)
    where = read_layout(here.blobs.get(name), version.artifact, "")
    large = [one for one in where.pieces if one[2] == BODY.nbytes]
    swapped = [large[1] if one == large[0] else large[0] if one == large[1] else one for one in where.pieces]
    data = to_json(Layout(where.artifact, where.trees, swapped, where.cuts))
    here.blobs.put(name, [data], len(data))
    with pytest.raises(Corrupt, match=r"the layout gives .* other bytes than the manifest says"):
        there.transfer.pull(here)
    assert there.models() == []


def test_sizes_that_are_others_than_those_of_the_catalog_are_refused(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = stores
    version = here.save(net(1), "churn")
    large = max(here.blobs.list("blobs/"), key=lambda one: one.size)
    data = here.blobs.get(large.name)
    here.blobs.put(large.name, [data[:-1]], len(data) - 1)
    with pytest.raises(Corrupt, match=f"has {large.size - 1} bytes and not {large.size}"):
        there.transfer.pull(here)
    here.blobs.put(large.name, [data], len(data))
    name = layout_name(version.artifact)
    where = read_layout(here.blobs.get(name), version.artifact, "")
    further = to_json(Layout(where.artifact, where.trees, [(blob, 64 if length == large.size else offset, length) for blob, offset, length in where.pieces], where.cuts))
    kept = here.blobs.get(name)
    here.blobs.put(name, [further], len(further))
    with pytest.raises(Corrupt, match=r"the layout wants bytes of .* that it does not have"):
        there.transfer.pull(here)
    here.blobs.put(name, [kept], len(kept))
    monkeypatch.setattr(limits, "MANIFEST_BYTES", 10)
    with pytest.raises(LimitExceeded, match=r"the object artifacts/.* has \d+ bytes, more than 10 \(MANIFEST_BYTES\)"):
        there.transfer.pull(here)
    assert there.models() == []


@pytest.mark.parametrize("renumber", [False, True])
def test_a_number_that_somebody_takes_while_bytes_travel(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch, renumber: bool) -> None:
    here, there = stores
    here.save(net(1), "churn")
    real = carrying._artifacts

    def quicker(*given: Any) -> Any:
        there.save({"own": 1}, "churn")
        return real(*given)

    monkeypatch.setattr(carrying, "_artifacts", quicker)
    if renumber:
        assert there.transfer.pull(here, renumber=True).versions[0].ref == "churn:2"
    else:
        with pytest.raises(Conflict, match="churn:1"):
            there.transfer.pull(here)
    assert there.load("churn:1") == {"own": 1}


@pytest.mark.parametrize("blob", ["blake3:../../../../etc/passwd", "../x", "", "blake3:" + "A" * 64])
def test_objects_named_by_no_digest_are_refused(stores: tuple[Store, Store], blob: str) -> None:
    here, there = stores
    version = here.save(net(1), "churn")
    name = layout_name(version.artifact)
    where = read_layout(here.blobs.get(name), version.artifact, "")
    data = to_json(Layout(where.artifact, where.trees, [(blob, 0, length) for _, _, length in where.pieces], where.cuts))
    here.blobs.put(name, [data], len(data))
    with pytest.raises(Corrupt, match="is not the layout of that artifact"):
        there.transfer.pull(here)
    with pytest.raises(Corrupt, match="something that is no digest"):
        read_record(to_json(Record("m", 1, "version", 1.0, "", "", "", n=1, artifact="../../x")), "log/m/000000000001.json", "")


def test_a_catalog_that_lies_about_names_is_refused(stores: tuple[Store, Store]) -> None:
    """An empty card has no bytes that could be compared, and its name would lead out of the store."""
    here, there = stores
    here.save(net(1), "churn")
    for line in ("INSERT INTO blob VALUES ('blake3:../../x', 0, 'live', NULL)", "UPDATE version SET card = 'blake3:../../x'"):
        with here.database.writing() as on:
            on.execute(sa.text(line))
    with pytest.raises(Corrupt, match="its card is not what a store writes"):
        there.transfer.pull(here)
    empty = "blake3:" + "0" * 64
    with here.database.writing() as on:
        on.execute(sa.text(f"INSERT INTO blob VALUES ('{empty}', 0, 'live', NULL)"))
        on.execute(sa.text(f"UPDATE version SET card = '{empty}'"))
    here.blobs.put(blob_name(empty), [], 0)
    with pytest.raises(Corrupt, match="is empty"):
        there.transfer.pull(here)
    assert there.models() == []


def test_text_of_every_kind_comes_along(stores: tuple[Store, Store], tmp_path: Path, at: At) -> None:
    here, there = stores
    here.save(net(1), "churn", tags={"a:b/c": "x" * 1000, "two words": "\u202e"}, metrics={"auc (test)": 0.5}, note="\n\x1b[31m" * 9, who="é" * 190)
    here.transfer.pack(tmp_path / "x.tar")
    third = holdfast.connect(at(tmp_path / "third"))
    third.transfer.unpack(tmp_path / "x.tar")
    there.transfer.pull(here)
    assert here["churn:1"]._replace(proof=None) == there["churn:1"] == third["churn:1"]
    third.close()


def test_a_manifest_that_is_another_is_refused(stores: tuple[Store, Store]) -> None:
    here, there = stores
    first, second = here.save(net(1), "churn"), here.save(net(2), "churn")
    data = here.blobs.get(artifact_name(second.artifact))
    here.blobs.put(artifact_name(first.artifact), [data], len(data))
    with pytest.raises(Corrupt, match="does not match its digest"):
        there.transfer.pull(here)
    here.blobs.delete(artifact_name(first.artifact))
    with pytest.raises(NotFound, match="is not there"):
        there.transfer.pull(here)


def test_a_missing_blob_is_named(stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.save(net(1), "churn")
    gone = next(iter(here.blobs.list("blobs/")))
    here.blobs.delete(gone.name)
    with pytest.raises(NotFound, match=gone.name):
        there.transfer.pull(here)


def test_an_artifact_that_is_laid_out_otherwise_there_keeps_its_layout(stores: tuple[Store, Store]) -> None:
    here, there = stores
    version = here.save(net(1), "churn")
    there.save(net(1), "own")
    name = layout_name(version.artifact)
    kept = there.blobs.get(name)
    where = read_layout(here.blobs.get(name), version.artifact, "")
    cut: list[Any] = []
    for blob, offset, length in where.pieces:
        cut += [(blob, offset, length // 2), (blob, offset + length // 2, length - length // 2)] if length > 1 else [(blob, offset, length)]
    data = to_json(Layout(where.artifact, where.trees, cut, [2 * one for one in where.cuts]))
    here.blobs.put(name, [data], len(data))
    assert there.transfer.pull(here).blobs == 0
    assert there.blobs.get(name) == kept
    np.testing.assert_array_equal(there.load("churn:1")["body"], BODY)


def test_a_layout_left_behind_does_not_count(stores: tuple[Store, Store]) -> None:
    """Of a save that was stopped: its blobs may be gone."""
    here, there = stores
    version = here.save(net(1), "churn")
    where = read_layout(here.blobs.get(layout_name(version.artifact)), version.artifact, "")
    lost = to_json(Layout(where.artifact, where.trees, [("blake3:" + "0" * 64, 0, length) for _, _, length in where.pieces], where.cuts))
    there.blobs.put(layout_name(version.artifact), [lost], len(lost))
    there.transfer.pull(here)
    np.testing.assert_array_equal(there.load("churn:1")["body"], BODY)


def test_a_store_open_for_reading_gives_and_does_not_take(stores: tuple[Store, Store], tmp_path: Path, at: At) -> None:
    here, there = stores
    here.save(net(1), "churn")
    reading = holdfast.connect(at(tmp_path / "here"), read_only=True)
    assert there.transfer.pull(reading).versions[0].new
    with pytest.raises(Unavailable, match="opened for reading alone"):
        there.transfer.push(reading)
    reading.close()


def test_cards_come_along(stores: tuple[Store, Store]) -> None:
    from holdfast.store.sessions import Session
    from holdfast.values.digest import digest

    here, there = stores
    version = here.save(net(1), "churn")
    text = b"# churn\n"
    card = digest(text)
    with Session.opened(here.database) as session:
        session.pin({card: len(text)})
        here.blobs.put(blob_name(card), [text], len(text))
        here.journal.write(lambda on, row: Record("churn", 0, "card", 1.0, "", "", "", n=version.n, blob=card), "churn")
    for _ in range(2):
        there.transfer.pull(here)
    assert there.blobs.get(blob_name(card)) == text
    with there.database.reading() as on:
        assert on.scalar(sa.text("SELECT card FROM version")) == card
        assert on.scalar(sa.text("SELECT count(*) FROM event")) == 2


def test_versions_come_in_batches(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken in before the line broke is there, whole."""
    here, there = stores
    monkeypatch.setattr(carrying, "BATCH", 2)
    for seed in range(5):
        here.save(net(seed), "churn", parent=f"churn:{seed}" if seed else None)
    gone = read_layout(here.blobs.get(layout_name(here["churn:5"].artifact)), here["churn:5"].artifact, "").pieces[0][0]
    kept = here.blobs.get(blob_name(gone))
    here.blobs.delete(blob_name(gone))
    with pytest.raises(NotFound):
        there.transfer.pull(here)
    assert [one.n for one in there.versions("churn")] == [4, 3, 2, 1]
    here.blobs.put(blob_name(gone), [kept], len(kept))
    assert [one.new for one in there.transfer.pull(here).versions] == [False] * 4 + [True]
    assert there["churn:5"].parent == "churn:4"


def test_two_that_pull_at_once_take_each_version_in_once(stores: tuple[Store, Store], tmp_path: Path, at: At) -> None:
    here, there = stores
    for seed in range(4):
        here.save(net(seed), "churn")

    def pull(number: int) -> list[str]:
        mine = holdfast.connect(at(tmp_path / "there"))
        other = holdfast.connect(at(tmp_path / "here"), read_only=True)
        done = [one.ref for one in mine.transfer.pull(other, renumber=number % 2 == 1).versions]
        mine.close()
        other.close()
        return done

    with ThreadPoolExecutor(4) as workers:
        assert {tuple(one) for one in workers.map(pull, range(4))} == {("churn:1", "churn:2", "churn:3", "churn:4")}
    assert [one.n for one in there.versions("churn")] == [4, 3, 2, 1]
    for n in range(1, 5):
        np.testing.assert_array_equal(there.load(f"churn:{n}")["head"], net(n - 1)["head"])


KILLED = """
import os, signal, sys
import holdfast
here, there = holdfast.connect(sys.argv[1], read_only=True), holdfast.connect(sys.argv[2])
left = [int(sys.argv[3])]

def counted(real):
    def step(*given):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)
    return step

there.blobs.put, there.blobs.put_new = counted(there.blobs.put), counted(there.blobs.put_new)
there.transfer.pull(here)
print(int(sys.argv[3]) - left[0])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_pull_that_is_killed_leaves_whole_versions(stores: tuple[Store, Store], tmp_path: Path, at: At) -> None:
    """Killed before each of its writes; the next one brings the rest."""
    here, _ = stores
    for seed in range(2):
        here.save(net(seed), "churn")

    def run(target: Path, steps: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", KILLED, at(tmp_path / "here"), at(target), str(steps)], capture_output=True, text=True)

    steps = int(run(tmp_path / "whole", 1000).stdout)
    assert steps == 3 + 2 * 2 + 2  # blobs, layouts and manifests, records
    for n in range(0, steps, 2):
        target = tmp_path / f"killed{n}"
        assert run(target, n).returncode == -9
        there = holdfast.connect(at(target))
        for name in there.models():
            for version in there.versions(name):
                np.testing.assert_array_equal(there.load(version)["head"], net(version.n - 1)["head"])
        assert len(there.transfer.pull(here).versions) == 2
        np.testing.assert_array_equal(there.load("churn:2")["body"], BODY)
        there.close()
