"""Keeping a store well: collecting, checking, healing, and a catalog that was lost."""

from __future__ import annotations

import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import holdfast
from holdfast.errors import Conflict, Corrupt, HoldfastWarning, NotFound, Unavailable, UnsupportedVersion
from holdfast.store import catalog as c
from holdfast.store import collecting
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.mirror import contents
from holdfast.store.objects import FORMAT_NAME, artifact_name, blob_name, layout_name, record_name
from holdfast.store.replaying import snapshot
from holdfast.store.sessions import Session
from holdfast.store.store import Store
from tests.store.conftest import At

BODY = np.random.default_rng(0).normal(size=200_000)
"""1.6 MB: a blob of its own."""


def model(n: int) -> dict[str, Any]:
    return {"body": BODY, "head": np.full(10, float(n))}


def files(folder: Path, kind: str) -> list[Path]:
    return sorted(one for one in (folder / kind).rglob("*") if one.is_file())


def flip(path: Path, at: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[at if at >= 0 else len(data) // 2] ^= 1
    os.chmod(path, 0o644)
    path.write_bytes(data)


def rows(store: Store) -> dict[str, set[Any]]:
    with store.database.reading() as on:
        return contents(on)


def blob_states(store: Store) -> list[str]:
    with store.database.reading() as on:
        return sorted(on.scalars(sa.select(c.blob.c.state)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def store(folder: Path, at: At) -> Iterator[Store]:
    with_store = holdfast.connect(at(folder), who="ann")
    yield with_store
    with_store.close()


@pytest.fixture
def rich(store: Store) -> Store:
    """A store in which everything was done that can be."""
    for n in range(1, 5):
        store.save(model(n), "churn", metrics={"auc": 0.9}, tags={"team": "risk"}, note=f"note {n}", parent=f"churn:{n - 1}" if n > 1 else None)
    store.save({"other": 1}, "Größe")
    store.alias("churn@production", 1, why="first")
    store.alias("churn@production", 3)
    store.alias("churn@test", 4)
    store.rollback("churn@production", why="bad")
    store.alias("churn@production", 4)
    store.alias("churn@test", None)
    store.tag("churn:2", team=None, stage="old")
    store.metric("churn:2", auc=0.8, words="text")
    store.note("churn:2", "better")
    store.delete("churn:3")
    return store


# -- collecting -------------------------------------------------------------------------------------------------------------


def test_collect_frees_what_the_last_version_needed_alone_and_nothing_else(store: Store, folder: Path) -> None:
    store.save(model(1), "m")
    store.save(model(2), "m")
    before = {one.name: one.stat().st_size for one in files(folder, "blobs")}
    said = store.delete("m:1")
    assert 0 < said.frees < 1000
    assert store.admin.collect(grace=3600).freed == 0
    assert blob_states(store).count("condemned") == 1
    held = store.admin.collect(grace=3600).held
    assert [one.by for one in held] == ["the grace of 1 h (--grace)"]
    assert held[0].size == said.frees
    tried = store.admin.collect(grace=0, dry_run=True)
    assert (tried.freed, tried.blobs, tried.artifacts) == (said.frees, 1, 1)
    assert {one.name for one in files(folder, "blobs")} == before.keys()
    done = store.admin.collect(grace=0)
    assert (done.freed, done.blobs, done.artifacts, done.dry_run) == (said.frees, 1, 1, False)
    assert len(files(folder, "blobs")) == 2
    assert len(files(folder, "artifacts")) == len(files(folder, "layouts")) == 1
    assert store.load("m:2")["head"][0] == 2.0
    assert store.admin.check("full").ok


def test_nothing_goes_before_its_grace_is_over(store: Store, folder: Path) -> None:
    store.save(model(1), "m")
    store.delete("m:1")
    for _ in range(3):
        assert store.admin.collect().freed == 0
    with store.database.writing() as on:
        on.execute(sa.update(c.blob).values(condemned=c.blob.c.condemned - 86401))
        on.execute(sa.update(c.stray).values(since=c.stray.c.since - 86401))
    done = store.admin.collect()
    assert done.freed > 1_600_000
    assert not [*files(folder, "blobs"), *files(folder, "artifacts"), *files(folder, "layouts")]


def test_a_save_that_needs_a_condemned_blob_makes_it_live(store: Store) -> None:
    store.save(model(1), "m")
    store.delete("m:1")
    store.admin.collect(grace=3600)
    assert set(blob_states(store)) == {"condemned"}
    store.save(model(1), "m")
    assert set(blob_states(store)) == {"live"}
    store.admin.collect(grace=0)
    assert store.load("m:2")["head"][0] == 1.0


def test_what_a_session_relies_on_stays_until_the_session_ends(store: Store, folder: Path) -> None:
    store.save(model(1), "m")
    artifact = store["m:1"].artifact
    with store.database.reading() as on:
        sizes = {row.digest: row.size for row in on.execute(sa.select(c.blob.c.digest, c.blob.c.size))}
    with Session.opened(store.database) as session:
        assert session.pin(sizes) == set()
        session.pin({}, artifact)
        store.delete("m:1")
        for _ in range(2):
            done = store.admin.collect(grace=0)
            assert (done.freed, done.artifacts) == (0, 0)
        assert [one.by[:20] for one in done.held] == ["a save that goes on "]
        with store.database.writing() as on:
            session.end(on)
    assert store.admin.collect(grace=0).freed == sum(sizes.values())


def test_the_save_of_an_ended_session_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that jumped years ahead ends every session; what a save relied on may be gone, so it may not count."""
    store.save(model(1), "m")
    put = holdfast.store.store.put  # type: ignore[attr-defined]

    def put_then_jump(*args: Any) -> Any:
        done = put(*args)
        monkeypatch.setattr(collecting, "now", lambda: time.time() + 1e8)
        assert store.admin.collect(grace=0).sessions == 1
        monkeypatch.undo()
        return done

    monkeypatch.setattr("holdfast.store.store.put", put_then_jump)
    with pytest.raises(Unavailable, match="gave no sign of life"):
        store.save(model(2), "m")
    assert [one.n for one in store.versions("m")] == [1]
    assert store.save(model(3), "m").n == 2
    assert store.admin.check("full").ok


def test_sessions_without_a_sign_of_life_are_ended(store: Store) -> None:
    with Session.opened(store.database) as session:
        session.pin({"blake3:" + "0" * 64: 5})
        with store.database.writing() as on:
            on.execute(sa.update(c.session).values(ends=1.0))
        done = store.admin.collect(grace=0)
        assert (done.sessions, done.freed) == (1, 5)
        with pytest.raises(Unavailable, match="gave no sign of life"):
            session.pin({"blake3:" + "1" * 64: 5})


def test_blobs_that_the_catalog_does_not_know_go_when_they_are_old(store: Store, folder: Path) -> None:
    store.save(model(1), "m")
    stranger = folder / "blobs" / "ab" / ("ab" * 32)
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_bytes(b"12345")
    (folder / "blobs" / "note.txt").write_text("not ours")
    assert store.admin.collect().unknown == 0
    os.utime(stranger, (1, 1))
    with Session.opened(store.database) as session:
        session.pin({}, "blake3:" + "2" * 64)
        with store.database.writing() as on:
            on.execute(sa.update(c.session).values(began=0.5))
        assert store.admin.collect().unknown == 0, "it may be part of what goes on"
        with store.database.writing() as on:
            session.end(on)
    assert store.admin.collect(dry_run=True).freed == 5
    assert stranger.exists()
    assert (done := store.admin.collect()).unknown == 1
    assert done.freed == 5
    assert not stranger.exists()
    assert (folder / "blobs" / "note.txt").exists()


def test_old_files_on_their_way_are_swept(store: Store, folder: Path) -> None:
    store.save(model(1), "m")
    for name, when in {"1-aa": 1.0, "2-bb": time.time()}.items():
        (folder / "tmp" / name).write_bytes(b"half")
        os.utime(folder / "tmp" / name, (when, when))
    assert store.admin.collect(grace=0).swept == 1
    assert [one.name for one in files(folder, "tmp")] == ["2-bb"]


def test_a_collect_that_was_stopped_is_ended_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(model(1), "m")
    store.delete("m:1")
    delete = type(store.blobs).delete
    monkeypatch.setattr(type(store.blobs), "delete", lambda self, name: (_ for _ in ()).throw(Unavailable("no")))
    with pytest.raises(Unavailable, match="no"):
        store.admin.collect(grace=0)
    assert set(blob_states(store)) == {"deleting"}
    monkeypatch.setattr(type(store.blobs), "delete", delete)
    monkeypatch.setattr("holdfast.store.sessions.WAIT", 0.1)
    with pytest.raises(Unavailable, match="is just being deleted"):
        store.save(model(1), "m")
    assert store.admin.collect(grace=0).blobs == 2
    store.save(model(1), "m")
    assert store.admin.check("full").ok


def test_a_record_without_rows_is_adopted_before_anything_is_collected(store: Store) -> None:
    store.save(model(1), "m")
    store.save(model(2), "m")
    kept = forget(store, "m", 2)
    done = store.admin.collect(grace=0)
    assert done.adopted == 1
    assert rows(store) == kept
    assert store.load("m:2")["head"][0] == 2.0


def test_nothing_is_collected_while_a_record_cannot_be_read(store: Store, folder: Path) -> None:
    store.save(model(1), "m")
    store.save(model(2), "m")
    forget(store, "m", 2)
    flip(folder / record_name("m", 2))
    with pytest.raises(Corrupt, match="nothing is collected before it is known what that record needs"):
        store.admin.collect(grace=0)
    assert len(files(folder, "blobs")) == 3


def forget(store: Store, name: str, n: int) -> Any:
    """Take the rows of the last record away, as if its writer had not come to the commit, and give what they were."""
    before = rows(store)
    with store.database.writing() as on:
        artifact = on.scalar(sa.select(c.version.c.artifact).where(c.version.c.n == n))
        on.execute(sa.delete(c.version).where(c.version.c.n == n))
        on.execute(sa.delete(c.event).where(c.event.c.seq == n))
        on.execute(sa.delete(c.artifact).where(c.artifact.c.id == artifact))
        on.execute(sa.update(c.model).values(seq=n - 1, next_number=n, latest=n - 1, versions=n - 1))
    return before


def test_deleting_a_blob_that_a_version_needs_is_an_error_of_sql(store: Store) -> None:
    store.save(model(1), "m")
    for table in (c.blob, c.artifact, c.model):
        with pytest.raises(Conflict, match=r"FOREIGN KEY|foreign key"), store.database.writing() as on:
            on.execute(sa.delete(table))


def test_a_negative_grace_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        store.admin.collect(grace=-1)
    with pytest.raises(ValueError, match="level is one of quick, full"):
        store.admin.check("deep")


# -- a catalog that is not there -------------------------------------------------------------------------------------------------


def test_a_lost_catalog_is_made_anew_and_equal(rich: Store, folder: Path, tmp_path: Path, at: At) -> None:
    before = rows(rich)
    rich.admin.collect(grace=0)  # the objects of churn:3 are gone, and its records are not
    assert rows(rich) == before
    done = rich.admin.check("full", rebuild=True)
    assert (done.ok, done.rebuilt, done.damaged) == (True, True, ())
    assert rows(rich) == before
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("catalog.sqlite*"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = holdfast.connect(at(copy), who="ben")
    assert rows(again) == before
    assert str(again.save(model(9), "churn")) == "churn:5"
    assert again.rollback("churn@production").n == 1
    again.close()


def test_a_folder_without_a_catalog_is_read_and_nothing_is_written(rich: Store, folder: Path, tmp_path: Path) -> None:
    before = rows(rich)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("catalog.sqlite*"))
    again = holdfast.connect(copy, read_only=True)  # whatever kind of catalog it had: the objects are the same
    assert rows(again) == before
    assert again.load("churn@production")["head"][0] == 4.0
    assert again.admin.check("full").ok
    with pytest.raises(Unavailable, match="opened for reading alone"):
        again.save(model(5), "churn")
    assert not list(copy.glob("catalog*"))


def test_objects_alone_are_enough_in_any_place(rich: Store) -> None:
    place = MemoryBlobs("memory://bucket")
    for prefix in ("blobs/", "artifacts/", "layouts/", "log/"):
        for one in rich.blobs.list(prefix):
            place.put(one.name, [rich.blobs.get(one.name)], one.size)
    place.put_new(FORMAT_NAME, rich.blobs.get(FORMAT_NAME))
    reader = Store(place, snapshot(place, "memory://bucket"), "memory://bucket")
    assert rows(reader) == rows(rich)
    assert reader.load("churn:1")["head"][0] == 1.0


@pytest.mark.parametrize("at", ["sqlite"], indirect=True)
def test_a_version_that_is_not_all_there_does_not_count_for_a_reader_without_a_catalog(store: Store, folder: Path) -> None:
    """As when a folder is copied while somebody saves: the record came, and the blob did not."""
    store.save(model(1), "m", alias="production")
    store.save(model(2), "m", alias="production")
    store.tag("m:2", team="risk")
    store.close()
    head = next(one for one in files(folder, "blobs") if one.read_bytes() != b"" and one.stat().st_size < 1000 and np.full(10, 2.0).tobytes() in one.read_bytes())
    head.unlink()
    (folder / "catalog.sqlite").unlink()
    with pytest.warns(HoldfastWarning, match="m:2: the object blobs/.* is not there"):
        reader = holdfast.connect(folder, read_only=True)
    assert [one.n for one in reader.versions("m")] == [1]
    assert reader["m@production"].n == reader["m@latest"].n == 1
    with pytest.warns(HoldfastWarning, match="run holdfast check"):
        writer = holdfast.connect(folder)
    assert [one.n for one in writer.versions("m")] == [2, 1], "who writes is told by check what is lost, and gives no number twice"
    found = writer.admin.check()
    assert [(one.object, one.what, one.versions, one.aliases) for one in found.damaged] == [
        (blob_name("blake3:" + head.name), "it is not there", ("m:2",), ("m@production",)),
    ]
    writer.close()


@pytest.mark.parametrize("at", ["sqlite"], indirect=True)
def test_a_catalog_that_is_damaged_is_said_and_how_it_comes_back(rich: Store, folder: Path) -> None:
    before = rows(rich)
    rich.close()
    (folder / "catalog.sqlite").write_bytes(b"not a database at all" * 1000)
    for one in folder.glob("catalog.sqlite-*"):
        one.unlink()
    with pytest.raises(Unavailable, match=r"move catalog\.sqlite away and connect again"):
        holdfast.connect(folder)
    reader = holdfast.connect(folder, read_only=True)
    assert rows(reader) == before
    (folder / "catalog.sqlite").rename(folder / "old")
    again = holdfast.connect(folder)
    assert rows(again) == before
    again.close()


def test_a_catalog_without_tables_is_none(rich: Store, folder: Path) -> None:
    before = rows(rich)
    rich.close()
    for one in folder.glob("catalog.sqlite*"):
        one.unlink()
    (folder / "catalog.sqlite").touch()
    assert rows(holdfast.connect(folder, read_only=True)) == before
    with holdfast.connect(folder) as again:
        assert rows(again) == before


def test_what_a_check_looked_at_is_said(store: Store) -> None:
    store.save({"a": 1}, "m")
    assert str(store.admin.check()).endswith(" objects looked at by name and size: all is well; a full check compares their bytes, too")
    assert str(store.admin.check("full")).endswith(" bytes compared with their digests: all is well")


def test_a_record_that_does_not_fit_names_the_store(store: Store) -> None:
    store.save({"a": 1}, "m", alias="production")
    with pytest.raises(Conflict, match="m:1 is what m@production points at") as caught:
        store.delete("m:1")
    assert str(caught.value).startswith(f"{store.shown}: ")


def test_a_store_of_a_newer_format_is_read_and_not_written(rich: Store, folder: Path, at: At) -> None:
    before = rows(rich)
    with rich.database.writing() as on:
        on.execute(sa.update(c.about).values(value="2"))
    with pytest.raises(UnsupportedVersion, match="the catalog has format 2"):
        holdfast.connect(at(folder))
    reader = holdfast.connect(at(folder), read_only=True)
    assert rows(reader) == before
    reader.close()


def test_what_a_damaged_record_said_is_lost_alone(rich: Store, folder: Path) -> None:
    """Records behind it count: a rebuild from a line with a hole keeps everything else."""
    flip(folder / record_name("churn", 5))  # production goes to 1
    found = rich.admin.check("quick", rebuild=True)
    assert [one.object for one in found.damaged] == [record_name("churn", 5)]
    assert "does not match its seal" in found.damaged[0].what
    assert rich["churn@production"].n == 4
    assert [(one.old, one.new) for one in rich.history("churn@production", limit=3)] == [(1, 4), (3, 1), (1, 3)]
    assert rich.save(model(5), "churn").n == 5


# -- bit rot --------------------------------------------------------------------------------------------------------------------


def blob_of(store: Store, folder: Path, large: bool) -> Path:
    return next(one for one in files(folder, "blobs") if (one.stat().st_size > 100_000) == large)


KINDS: dict[str, Callable[[Store, Path], Path]] = {
    "large blob": lambda store, folder: blob_of(store, folder, True),
    "small blob": lambda store, folder: blob_of(store, folder, False),
    "manifest": lambda store, folder: folder / artifact_name(store["m:1"].artifact),
    "layout": lambda store, folder: folder / layout_name(store["m:1"].artifact),
    "record": lambda store, folder: folder / record_name("m", 1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("harm", ["flipped", "shorter", "gone"])
def test_damage_is_named_with_those_it_hurts_and_healed(store: Store, folder: Path, tmp_path: Path, kind: str, harm: str) -> None:
    store.save(model(1), "m", alias="production")
    store.save({"other": 2}, "n")
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("catalog.sqlite*"))
    path = KINDS[kind](store, folder)
    good = path.read_bytes()
    if harm == "flipped":
        flip(path)
    elif harm == "shorter":
        os.chmod(path, 0o644)
        os.truncate(path, len(good) - 1)
    else:
        path.unlink()
    damaged = path.read_bytes() if harm != "gone" else None
    if kind != "record":
        with pytest.raises(NotFound if harm == "gone" else Corrupt):
            store.load("m@production")
    name = path.relative_to(folder).as_posix()
    found = store.admin.check("full")
    assert [(one.object, one.versions, one.aliases) for one in found.damaged] == [(name, ("m:1",), ("m@production",))]
    assert not found.ok
    assert found.exit_code == 6
    assert f"{name}: " in str(found)
    assert "hurts m@production, m:1" in str(found)
    aside = [one.read_bytes() for one in files(folder, "aside")]
    assert aside == ([damaged] if kind != "record" and harm != "gone" else []), "what is damaged is kept, and a record stays in its line"
    healed = store.admin.check("full", repair_from=tmp_path / "copy")
    assert [(one.object, one.done) for one in healed.damaged] == [(name, "repaired")]
    assert healed.ok
    assert path.read_bytes() == good
    assert [one.read_bytes() for one in files(folder, "aside")] == ([] if damaged is None else [damaged])
    again = store.admin.check("full")
    assert (again.ok, again.damaged) == (True, ())
    assert store.load("m@production")["head"][0] == 1.0


def test_every_byte_of_a_small_object_counts(store: Store, folder: Path) -> None:
    store.save({"a": 1}, "m", metrics={"auc": 0.91}, note="words")
    for path in (folder / record_name("m", 1), folder / layout_name(store["m:1"].artifact)):
        good = path.read_bytes()
        os.chmod(path, 0o644)
        for at in range(len(good)):
            path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            with pytest.raises(Corrupt):
                _read(store, path.relative_to(folder).as_posix())
        path.write_bytes(good)
        _read(store, path.relative_to(folder).as_posix())


def _read(store: Store, name: str) -> None:
    from holdfast.store.objects import read_layout, read_record

    data = store.blobs.get(name)
    if name.startswith("log/"):
        read_record(data, name, "here")
    else:
        read_layout(data, store["m:1"].artifact, "here")


def test_a_save_of_the_same_model_heals_what_was_moved_aside(store: Store, folder: Path) -> None:
    store.save(model(1), "m")
    flip(blob_of(store, folder, True))
    assert [one.done for one in store.admin.check("full").damaged] == ["moved aside"]
    assert [one.what for one in store.admin.check().damaged] == ["it is not there"]
    store.save(model(1), "m")
    assert store.admin.check("full").ok
    assert store.load("m:1")["body"].tobytes() == BODY.tobytes()


def test_a_repair_takes_nothing_that_does_not_fit(store: Store, folder: Path, tmp_path: Path, at: At) -> None:
    """Another store has a record of that name that says something else, and a blob of that name that is damaged too."""
    other = holdfast.connect(at(tmp_path / "other"))
    for one in (store, other):
        one.save(model(1), "m")
    large = blob_of(store, folder, True)
    for place in (large, tmp_path / "other" / large.relative_to(folder)):
        flip(place, 7)
    flip(folder / record_name("m", 1))
    found = store.admin.check("full", repair_from=other)
    assert {one.object.partition("/")[0]: one.done for one in found.damaged} == {"blobs": "moved aside", "log": ""}
    assert not found.ok
    other.close()


def test_rows_that_records_do_not_say_are_found(store: Store) -> None:
    store.save(model(1), "m", metrics={"auc": 0.5})
    with store.database.writing() as on:
        on.execute(sa.update(c.metric).values(number=0.99))
    assert store.admin.check("quick").ok
    found = store.admin.check("full")
    assert [(one.object, one.what) for one in found.damaged] == [("catalog", "the rows of metric are not what the records say; holdfast check --rebuild makes them anew")]
    assert store.admin.check("full", rebuild=True).ok
    assert store["m:1"].metrics == {"auc": 0.5}


def test_a_rebuild_leaves_what_sessions_rely_on(store: Store, folder: Path) -> None:
    store.save(model(1), "m")
    with Session.opened(store.database) as session:
        session.pin({"blake3:" + "0" * 64: 5})
        assert store.admin.check(rebuild=True).ok
        assert len(blob_states(store)) == 3
        with store.database.writing() as on:
            session.end(on)


# -- keeping and counting ---------------------------------------------------------------------------------------------------------


def test_keep_leaves_the_last_the_young_and_what_aliases_point_at(store: Store) -> None:
    for n in range(1, 8):
        store.save({"n": n}, "m")
    store.alias("m@production", 2)
    with store.database.writing() as on:
        on.execute(sa.update(c.version).where(c.version.c.n < 4).values(at=time.time() - 10 * 86400))
    assert [one.version for one in store.keep("m", last=2, days=5, dry_run=True)] == ["m:1", "m:3"]
    assert len(store.versions("m")) == 7
    assert [one.version for one in store.keep("m", last=2, days=5)] == ["m:1", "m:3"]
    assert [one.n for one in store.versions("m")] == [7, 6, 5, 4, 2]
    store.keep("m", last=1, why="room")
    assert [one.n for one in store.versions("m")] == [7, 2]
    assert store.history("m")[0].why == "room"
    with pytest.raises(NotFound, match="there is no model 'x'"):
        store.keep("x")
    with pytest.raises(ValueError, match="0 or more"):
        store.keep("m", last=-1)


def test_delete_says_what_still_points_there(store: Store) -> None:
    store.save(model(1), "m")
    store.save(model(1), "copy")
    store.save(model(2), "m", parent="m:1")
    said = store.delete("m:1")
    assert (said.same, said.children, said.frees) == (("copy:1",), ("m:2",), 0)
    assert str(said) == "m:1 is deleted; copy:1 is the same artifact; m:2 was made of it; collect will free 0 bytes"
    assert store.delete("m:2").frees < 1000
    assert store.delete("copy:1").frees > BODY.nbytes


def test_du_counts_shared_bytes_once(store: Store) -> None:
    for n in range(1, 4):
        store.save(model(n), "m")
    store.save({"alone": np.arange(1000.0)}, "other")
    found = store.admin.du()
    heads = {one.name: one for one in found.versions}
    assert list(heads) == ["m:3", "m:2", "m:1", "other:1"]
    assert {heads[f"m:{n}"].shared for n in (1, 2, 3)} == {BODY.nbytes}
    assert heads["other:1"].shared == 0
    assert heads["m:1"].total == heads["m:1"].own + BODY.nbytes
    models = {one.name: one for one in found.models}
    assert (models["m"].versions, models["m"].shared) == (3, 0)
    assert models["m"].own == BODY.nbytes + sum(heads[f"m:{n}"].own for n in (1, 2, 3))
    assert found.stored == models["m"].own + models["other"].own
    assert found.alone == found.stored + 2 * BODY.nbytes
    assert found.garbage == 0
    store.delete("m:3")
    assert store.admin.du().garbage == heads["m:3"].own
