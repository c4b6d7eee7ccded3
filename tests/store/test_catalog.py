"""The catalog's tables: made by steps that are the same as what the code says, on every database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import holdfast
from holdfast.errors import UnsupportedVersion
from holdfast.store.migrating import differences
from tests.store.conftest import At


def test_the_steps_make_the_tables_that_the_code_says(catalog: Any) -> None:
    with catalog.database.reading() as on:
        assert differences(on) == []


def test_a_catalog_of_a_newer_format_is_read_and_not_written(tmp_path: Path) -> None:
    store = holdfast.connect(tmp_path)
    store.save({"a": 1}, "m")
    with store.database.writing() as on:
        on.execute(sa.text("UPDATE about SET value = '2' WHERE key = 'format'"))
    store.close()
    with pytest.raises(UnsupportedVersion, match="format 2, and this holdfast writes 1; upgrade"):
        holdfast.connect(tmp_path)
    assert holdfast.connect(tmp_path, read_only=True).load("m:1") == {"a": 1}


def test_what_was_opened_for_reading_is_not_written(tmp_path: Path) -> None:
    holdfast.connect(tmp_path).save({"a": 1}, "m")
    store = holdfast.connect(tmp_path, read_only=True)
    assert store.load("m@latest") == {"a": 1}
    with pytest.raises(holdfast.Unavailable, match="for reading alone"):
        store.save({"a": 2}, "m")


def test_a_full_disk_under_the_catalog_is_said(tmp_path: Path) -> None:
    store = holdfast.connect(tmp_path)
    store.save({"a": 1}, "m")
    with store.database.reading() as on:
        pages = on.scalar(sa.text("PRAGMA page_count"))

    def fill() -> None:
        with store.database.writing() as on:
            on.execute(sa.text(f"PRAGMA max_page_count = {pages}"))
            on.execute(sa.text("INSERT INTO about VALUES ('x', :long)"), {"long": "y" * 3_000_000})

    with pytest.raises(holdfast.NoSpace, match="the catalog is on is full"):
        fill()
    store.close()
    assert holdfast.connect(tmp_path).load("m:1") == {"a": 1}


@pytest.mark.parametrize("at", ["sqlite", "postgresql"], indirect=True)
def test_a_reader_sees_one_state(at: At, tmp_path: Path) -> None:
    """What is put together of several questions is not of two states."""
    store, other = holdfast.connect(at(tmp_path)), holdfast.connect(at(tmp_path))
    store.save({"a": 1}, "m")
    asked = sa.text("SELECT count(*) FROM version")
    with store.database.reading() as on:
        assert on.scalar(asked) == 1
        other.save({"a": 2}, "m")
        assert on.scalar(asked) == 1
        if "postgresql" in store.shown:
            with pytest.raises(sa.exc.DBAPIError, match="read-only transaction"):
                on.execute(sa.text("DELETE FROM alias"))
    assert [one.n for one in store.versions("m")] == [2, 1]
    assert store.save({"a": 3}, "m").n == 3
    for one in (store, other):
        one.close()
