"""What the world does to a store: bits that turn, clocks that jump, paths that are too long, releases that are older, readers that hold on."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import holdfast
from holdfast.errors import Conflict, Corrupt, NotFound, StoreError, Unavailable, UnsupportedVersion
from holdfast.store.objects import FORMAT_NAME, Format, artifact_name, layout_name, read_record, record_name, sealed, to_json
from holdfast.store.store import Store
from holdfast.values.reference import KEY_BYTES, key_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with holdfast.connect(tmp_path / "models", who="ann") as store:
        yield store


def files(store: Store) -> dict[str, bytes]:
    """Return every object, and what is in it; the catalog may write its log as it likes."""
    root = Path(store.shown)
    return {one.relative_to(root).as_posix(): one.read_bytes() for one in root.rglob("*") if one.is_file() and "catalog" not in one.name}


# -- I8: bit rot -------------------------------------------------------------------------------------------------------------


def test_every_bit_of_every_kind_of_object_counts(store: Store) -> None:
    version = store.save({"w": np.arange(4.0)}, "m")
    store.card(version, "words for people")
    (card,) = [name for name in files(store) if name.startswith("blobs/") and b"words" in files(store)[name]]
    (blob,) = [name for name in files(store) if name.startswith("blobs/") and name != card]
    reads: dict[str, Any] = {
        blob: lambda: store.load("m:1", digests="once"), card: lambda: store.card("m:1"), artifact_name(version.artifact): lambda: store.load("m:1"),
        layout_name(version.artifact): lambda: store.load("m:1"), record_name("m", 1): lambda: read_record(store.blobs.get(record_name("m", 1)), "record", "here"),
    }  # fmt: skip
    for name, read in reads.items():
        path = Path(store.shown) / name
        good = path.read_bytes()
        os.chmod(path, 0o644)
        for bit in range(0, 8 * len(good), 1 if len(good) < 200 else 7):
            hurt = bytearray(good)
            hurt[bit // 8] ^= 1 << bit % 8
            path.write_bytes(hurt)
            with pytest.raises(Corrupt):
                read()
        path.write_bytes(good)
        read()
    assert store.admin.check("full").ok


# -- I10: readers and collect --------------------------------------------------------------------------------------------------


def test_a_model_that_is_loaded_stays_when_its_version_is_collected(store: Store) -> None:
    large = np.arange(2_000_000.0)
    store.save({"w": large}, "m")
    held = store.load("m:1")
    opened = store.open("m:1")
    store.delete("m:1")
    assert store.admin.collect(grace=0).blobs
    assert not [name for name in files(store) if name.startswith("blobs/")]
    assert held["w"].tobytes() == large.tobytes()
    with opened, pytest.raises(NotFound, match="is not there"):
        opened.load()


# -- I11: folders without the right to write ----------------------------------------------------------------------------------


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Be somebody who may not write."""
    if os.name == "nt" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def use(folder: Path) -> None:
    reader = holdfast.connect(folder, read_only=True)
    assert reader.load("m@production")["w"][1] == 1.0
    assert [one.n for one in reader.search("tags.team = 'risk'")] == [1]
    assert reader.admin.check("full").ok
    for change in (lambda: reader.save({"a": 1}, "m"), lambda: reader.alias("m@x", 1), lambda: reader.delete("m:1"), lambda: reader.admin.collect()):
        with pytest.raises(Unavailable, match=r"opened for reading alone"):
            change()


@pytest.mark.skipif(os.name == "nt", reason="rights are of another kind there")
@pytest.mark.parametrize("with_catalog", [True, False])
def test_a_folder_without_the_right_to_write_is_read_and_says_so(with_catalog: bool) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "models"
        os.chmod(made, 0o755)
        with holdfast.connect(folder) as store:
            store.save({"w": np.arange(4.0)}, "m", tags={"team": "risk"}, alias="production")
        if not with_catalog:
            for one in folder.glob("catalog.sqlite*"):
                one.unlink()
        use(folder)  # what is imported late is imported now
        before = sorted(one for one in folder.rglob("*"))
        for one in (folder, *before):
            os.chmod(one, 0o555 if one.is_dir() else 0o444)
        try:
            with nobody():
                use(folder)
                with pytest.raises(Unavailable, match=r"no place for a store: .* cannot be created .*read_only=True"):
                    holdfast.connect(folder)
                with pytest.raises(Unavailable, match="could not be made: Permission denied"):
                    holdfast.connect(folder / "below")
        finally:
            for one in (folder, *before):
                os.chmod(one, 0o755)
        assert sorted(one for one in folder.rglob("*")) == before


# -- I12: clocks -----------------------------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_changes_no_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    times = itertools.cycle([2e9, 1.0, 4e9, 0.5])
    for part in ("store", "changing", "journal", "sessions"):
        monkeypatch.setattr(f"holdfast.store.{part}.now", lambda: next(times))
    for number in range(1, 5):
        store.alias("m@production", store.save({"n": number}, "m"))
    assert [one.n for one in store.versions("m")] == [4, 3, 2, 1]
    assert store["m@latest"].n == 4
    assert [(one.old, one.new) for one in store.history("m@production")] == [(3, 4), (2, 3), (1, 2), (None, 1)]
    assert [store.rollback("m@production").n for _ in range(3)] == [3, 2, 1]
    assert store.admin.collect(grace=0).blobs == 0
    assert store.admin.check("full", rebuild=True).ok
    assert (store["m@production"].n, store["m@latest"].n) == (1, 4)


# -- I13: names and paths -----------------------------------------------------------------------------------------------------------


def test_no_two_names_meet_on_any_file_system() -> None:
    names = [
        "churn", "Churn", "CHURN", "_churn", "__churn", "c_hurn", "=churn", "==churn", "café", "cafe", "CAFÉ", "ﬁ", "fi", "con", "con.txt", "aux", "lpt1", ".hidden", "dot.", "a b", "a%20b",
        "ß", "ss", "ẞ", "ı", "i", "I", "İ", "K", "k", "x" * 200, "X" * 200, "é" * 200, "-", "~", "*", "?", '"', "<", ">", "|", "$HOME", "`id`", "emoji😀", "a.b", "a-b",
    ]  # fmt: skip
    keys = [key_of(name) for name in names]
    assert len({key.casefold() for key in keys}) == len(names)
    for key in keys:
        assert key.isascii()
        assert key == key.lower()
        assert len(key) <= KEY_BYTES
        assert re.fullmatch(r"[a-z0-9._=-]+", key)
        assert key[0] != "."
        assert key[-1] != "."
        assert not re.match(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)", key)


def test_names_that_are_places_elsewhere_are_only_names(store: Store) -> None:
    for name in ("CON", "con", "dot.", ".hidden", "$HOME", "~", "%41", "*", "x" * 200, "é" * 200, "emoji😀", "-rf"):
        assert store.load(store.save({"name": name}, name)) == {"name": name}
    assert len(store.models()) == 12
    assert {one.parts[0] for one in (Path(name) for name in files(store))} == {"artifacts", "blobs", "format.json", "layouts", "log"}


@pytest.mark.parametrize("url", ["", "models\0", "models\ud800"], ids=repr)
def test_an_address_that_is_none_makes_nothing(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for read_only in (False, True):
        with pytest.raises(ValueError, match="is no address of a store; give a folder"):
            holdfast.connect(url, read_only=read_only)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="paths are of another length there")
@pytest.mark.parametrize("parts", [["d" * 300], ["d" * 200] * 25], ids=["a name of 300", "a path of 5000"])
def test_a_path_that_is_too_long_is_told(parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="File name too long") as caught:
        holdfast.connect(tmp_path.joinpath(*parts))
    assert len(str(caught.value)) < 600
    with pytest.raises(StoreError):
        holdfast.connect(tmp_path.joinpath(*parts), read_only=True)


@pytest.mark.parametrize("limit", [0, -1, "3", None, 1.5], ids=repr)
def test_a_page_has_a_length(catalog: Store, limit: Any) -> None:
    catalog.save({"a": 1}, "m")
    for ask in (lambda: catalog.models(limit=limit), lambda: catalog.versions("m", limit=limit), lambda: catalog.history("m", limit=limit), lambda: catalog.search(limit=limit)):
        with pytest.raises(ValueError, match="limit="):
            ask()


# -- I14: other releases -------------------------------------------------------------------------------------------------------------


def test_a_store_whose_objects_are_newer_is_read_and_not_written(store: Store) -> None:
    store.save({"a": 1}, "m")
    data = to_json(Format("store", 2, "0" * 32))
    store.blobs.put(FORMAT_NAME, [data], len(data))
    with pytest.raises(UnsupportedVersion, match=r"the store has format 2, and this holdfast writes 1; upgrade with: pip install -U holdfast, or connect with read_only=True"):
        holdfast.connect(store.shown)
    assert holdfast.connect(store.shown, read_only=True).load("m:1") == {"a": 1}


def test_a_record_of_a_newer_release_is_not_taken_for_another(store: Store) -> None:
    store.save({"a": 1}, "m")
    newer = msgspec.structs.replace(read_record(store.blobs.get(record_name("m", 1)), "record", "here"), kind="promise", seq=2)
    store.blobs.put_new(record_name("m", 2), to_json(newer))
    before = files(store)
    for change in (lambda: store.save({"a": 2}, "m"), lambda: store.alias("m@a", 1), lambda: store.admin.collect(grace=0)):
        with pytest.raises((UnsupportedVersion, Unavailable), match=r"a 'promise', which this holdfast does not know; upgrade with: pip install -U holdfast"):
            change()
    after = files(store)
    assert {name: after[name] for name in before} == before, "nothing that was there is changed or gone"
    assert store.load("m:1") == {"a": 1}


def test_what_a_newer_release_adds_to_a_record_is_let_be(store: Store) -> None:
    store.save({"a": 1}, "m")
    raw = store.blobs.get(record_name("m", 1))
    body = msgspec.json.decode(raw)
    del body["seal"]
    data = sealed(msgspec.json.encode({**body, "weather": "fine"}, order="deterministic"))
    store.blobs.put(record_name("m", 1), [data], len(data))
    assert store.admin.check("full", rebuild=True).ok
    assert store.load("m:1") == {"a": 1}


# -- I15: repairs --------------------------------------------------------------------------------------------------------------------


def test_a_repair_of_a_healthy_store_changes_nothing(store: Store, tmp_path: Path) -> None:
    store.alias("m@a", store.save({"w": np.arange(9.0)}, "m", tags={"k": "v"}))
    with holdfast.connect(tmp_path / "other") as other:
        other.save({"another": 1}, "m")
        before = files(store)
        for _ in range(2):
            assert store.admin.check("full", rebuild=True, repair_from=other).damaged == ()
        assert files(store) == before
    assert store["m@a"].tags == {"k": "v"}


def test_a_repair_never_takes_away_the_last_copy(store: Store, tmp_path: Path) -> None:
    """Both copies of one blob are damaged, each elsewhere: what is here is kept aside, and nothing damaged comes."""
    version = store.save({"w": np.arange(9.0)}, "m")
    with holdfast.connect(tmp_path / "other") as other:
        other.transfer.pull(store)
        blob = next(name for name in files(store) if name.startswith("blobs/"))
        hurt = {}
        for one, at in ((store, 0), (other, 5)):
            path = Path(one.shown) / blob
            data = bytearray(path.read_bytes())
            data[at] ^= 1
            os.chmod(path, 0o644)
            path.write_bytes(data)
            hurt[one] = bytes(data)
        for _ in range(2):
            found = store.admin.check("full", repair_from=other)
            assert not found.ok
            assert [one.versions for one in found.damaged] == [("m:1",)]
            assert hurt[store] in [data for name, data in files(store).items() if name.startswith("aside/")]
        assert files(other)[blob] == hurt[other], "the other store is only read"
    assert store.save({"w": np.arange(9.0)}, "m").artifact == version.artifact
    assert store.admin.check("full").ok, "the same model heals it"
    with pytest.raises(Conflict):
        store.rollback("m@nothing")


# -- the table -----------------------------------------------------------------------------------------------------------------------


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "store.md").read_text(encoding="utf-8").partition("\n## 17. ")[2]
    assert page
    named = re.findall(r"`(tests/[a-z_/]+\.py)`|`(test_[a-z0-9_]+)`", page)
    file, count = "", 0
    for path, test in named:
        if path:
            file = path
        else:
            assert re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file} has no {test}"
            count += 1
    rows = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) >= 20
    assert all("`test_" in row for row in rows), "each promise has a test"
    assert count >= len(rows)
