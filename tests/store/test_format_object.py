"""A store whose ``format.json`` is damaged: it is read, named, healed from a copy, and written to by nobody before that."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.cli.main import main
from holdfast.errors import Corrupt, HoldfastWarning, NotFound, UnsupportedVersion
from holdfast.store.objects import FORMAT_NAME, Format, to_json
from holdfast.store.store import Store


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    replaced(path, bytes(data))


def replaced(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a flipped bit": flipped,
    "no bytes": lambda path: replaced(path, b""),
    "half of it": lambda path: replaced(path, path.read_bytes()[:40]),
    "gone": Path.unlink,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with a version and an alias, and a copy of its objects beside it."""
    with_store = holdfast.connect(tmp_path / "models", who="ann")
    with_store.save({"w": 1.0}, "churn")
    with_store.alias("churn@production", 1)
    with_store.close()
    shutil.copytree(tmp_path / "models", tmp_path / "copy", ignore=shutil.ignore_patterns("catalog*"))
    return tmp_path / "models"


@pytest.fixture(params=DAMAGE)
def hurt(folder: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    DAMAGE[request.param](folder / FORMAT_NAME)
    with pytest.warns(HoldfastWarning, match=rf"the object {FORMAT_NAME} .*; the store is read, and not written to"):
        store = holdfast.connect(folder, who="ann")
    yield store
    store.close()


def test_it_is_read_and_not_written_to(hurt: Store, folder: Path) -> None:
    before = sorted(path for path in folder.rglob("*") if "catalog" not in path.name)
    assert hurt.load("churn@production") == {"w": 1.0}
    for change in (lambda: hurt.save({"w": 2.0}, "churn"), lambda: hurt.alias("churn@production", None), lambda: hurt.delete("churn:1"), lambda: hurt.admin.collect(grace=0)):
        with pytest.raises(Corrupt, match=rf"{FORMAT_NAME} .*nothing is written before it is healed: holdfast check --repair-from URL takes it from a copy of this store"):
            change()
    assert sorted(path for path in folder.rglob("*") if "catalog" not in path.name) == before


def test_check_names_it_and_what_it_hurts(hurt: Store) -> None:
    checked = hurt.admin.check("full")
    assert not checked.ok
    assert [(one.object, one.versions, one.aliases, one.done) for one in checked.damaged] == [(FORMAT_NAME, ("churn:1",), ("churn@production",), "")]


def test_check_heals_it_from_a_copy_and_the_store_is_written_to_again(hurt: Store, folder: Path) -> None:
    copy = folder.parent / "copy"
    checked = hurt.admin.check(repair_from=copy)
    assert checked.ok, checked
    assert [(one.object, one.done) for one in checked.damaged] == [(FORMAT_NAME, "repaired")]
    assert (folder / FORMAT_NAME).read_bytes() == (copy / FORMAT_NAME).read_bytes()
    assert hurt.save({"w": 2.0}, "churn").n == 2
    again = hurt.admin.check("full")
    assert again.ok
    assert again.damaged == ()


def test_another_store_is_no_copy(hurt: Store, folder: Path) -> None:
    other = holdfast.connect(folder.parent / "other", who="ben")
    other.save({"w": 1.0}, "churn")
    assert [one.done for one in hurt.admin.check(repair_from=other).damaged] == [""]
    with pytest.raises(Corrupt):
        hurt.save({"w": 2.0}, "churn")
    other.close()


def test_what_somebody_else_healed_counts(hurt: Store, folder: Path) -> None:
    shutil.copy(folder.parent / "copy" / FORMAT_NAME, folder / "new")
    os.replace(folder / "new", folder / FORMAT_NAME)
    assert hurt.admin.check().damaged == ()
    assert hurt.save({"w": 2.0}, "churn").n == 2


def test_what_a_newer_holdfast_put_there_is_not_written_to(hurt: Store, folder: Path) -> None:
    (folder / FORMAT_NAME).unlink(missing_ok=True)
    (folder / FORMAT_NAME).write_bytes(to_json(Format("store", 2, "0" * 32)))
    assert hurt.admin.check().damaged == ()
    with pytest.raises(Corrupt):
        hurt.save({"w": 2.0}, "churn")


def test_a_copy_of_a_newer_format_heals_nothing(hurt: Store, folder: Path) -> None:
    copy = folder.parent / "copy" / FORMAT_NAME
    replaced(copy, to_json(Format("store", 2, "0" * 32)))
    assert [one.done for one in hurt.admin.check(repair_from=copy.parent).damaged] == [""]


def test_a_copy_that_is_damaged_itself_heals_nothing(folder: Path) -> None:
    flipped(folder.parent / "copy" / FORMAT_NAME)
    record = next((folder / "log" / "churn").iterdir())
    flipped(record)
    store = holdfast.connect(folder, who="ann")
    store.close()
    (folder / "catalog.sqlite").unlink()
    with pytest.warns(HoldfastWarning):
        store = holdfast.connect(folder, who="ann")
    with pytest.warns(HoldfastWarning):
        checked = store.admin.check("full", repair_from=folder.parent / "copy")
    assert not checked.ok
    assert [one.done for one in checked.damaged if one.object.endswith(record.name)] == [""]
    store.close()


def test_the_command_line_names_it_and_heals_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / FORMAT_NAME).unlink()
    assert main(["check", "--store", str(folder)]) == 6
    assert f"{FORMAT_NAME}: it is not there; hurts churn@production, churn:1" in capsys.readouterr().out
    assert main(["alias", "churn@test", "1", "--store", str(folder)]) == 6
    assert f"Corrupt: {folder}: the object {FORMAT_NAME} is not there, and there are records; nothing is written before it is healed" in capsys.readouterr().err
    assert main(["check", "--store", str(folder), "--repair-from", str(folder.parent / "copy")]) == 0
    assert f"{FORMAT_NAME}: it is not there; hurts churn@production, churn:1; repaired" in capsys.readouterr().out
    assert main(["alias", "churn@test", "1", "--store", str(folder)]) == 0


def test_what_is_whole_and_no_store_of_ours_is_refused_as_ever(folder: Path) -> None:
    path = folder / FORMAT_NAME
    replaced(path, to_json(Format("something", 1, "0" * 32)))
    with pytest.raises(Corrupt, match=rf"the object {FORMAT_NAME} is not that of a store"):
        holdfast.connect(folder)
    replaced(path, to_json(Format("store", 2, "0" * 32)))
    with pytest.raises(UnsupportedVersion, match="the store has format 2, and this holdfast writes 1"):
        holdfast.connect(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        holdfast.connect(folder, read_only=True).close()
    with pytest.raises(NotFound):
        holdfast.connect(folder.parent / "nothing", read_only=True)
