"""The catalog's tables: made by steps that are the same as what the code says, on every database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import holdfast
from holdfast.errors import UnsupportedVersion
from holdfast.store.migrating import differences


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
