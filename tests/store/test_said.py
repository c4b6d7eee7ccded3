"""What may be said of a version: every catalog can hold it and every reader can read it, or it is refused before anything is written."""

from __future__ import annotations

import datetime
import math
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import holdfast
from holdfast.errors import Corrupt
from holdfast.store.carried import carried_of, from_json, to_json
from holdfast.store.objects import Record, read_record
from holdfast.store.objects import to_json as sealed_json
from holdfast.store.said import TEXT, VALUE, VALUE_BYTES, WHO, checked_key, checked_record, shortened
from holdfast.store.store import Store

MODEL = {"w": np.arange(3.0)}
NO_TEXT = [None, True, 3, math.nan, b"x", ["a"], np.float32(1)]
NOT_WRITTEN = ["a\0b", "\ud800"]
NO_KEY = ["", " a", "a\n", "a\0b", "x" * 201, "a\u202eb", "a\ud800", 5, None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = holdfast.connect(str(tmp_path / "models"), who="ann")
    store.save(MODEL, "m", metrics={"auc": 0.5}, tags={"team": "risk"})
    return store


def refused(store: Store, does: Any) -> str:
    """Do what is refused, and prove that nothing of it was written; returns the reason."""
    before = sorted(path for path in Path(store.shown).rglob("*.json"))
    with pytest.raises((ValueError, TypeError)) as caught:
        does()
    assert not isinstance(caught.value, UnicodeError)
    assert sorted(path for path in Path(store.shown).rglob("*.json")) == before
    assert len(str(caught.value)) < 400
    return str(caught.value)


def changes(store: Store, value: Any) -> dict[str, Any]:
    """Return each way to say a text."""
    return {
        "note=": lambda: store.save(MODEL, "m", note=value or [value]), "who=": lambda: store.save(MODEL, "m", who=[value] if value is None else value),
        "note": lambda: store.note("m:1", [value] if value is None else value), "why": lambda: store.alias("m@a", "m:1", why=value),
        "why of a tag": lambda: store.tag("m:1", why=value, a="b"), "why of a rollback": lambda: store.rollback("m@two", why=value),
        "why of a delete": lambda: store.delete("m:1", why=value), "who of a card": lambda: store.card("m:1", "text", who=[value] if value is None else value),
        "tag": lambda: store.tag("m:1", a=[value] if value is None else value), "tags=": lambda: store.save(MODEL, "m", tags={"a": value}),
    }  # fmt: skip


@pytest.mark.parametrize("value", [*NO_TEXT, *NOT_WRITTEN], ids=repr)
def test_what_is_no_text_never_becomes_a_record(store: Store, value: Any) -> None:
    # a record with another type in the place of a text is one that nobody reads again, and that no collect goes past
    store.save(MODEL, "m")
    store.alias("m@two", "m:1")
    store.alias("m@two", "m:2")
    for name, change in changes(store, value).items():
        reason = refused(store, change)
        assert name.split()[0].rstrip("=s") in reason or "tag" in reason, (name, reason)
    assert store.admin.check("full").ok


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x", 1 + 2j, datetime.date(2026, 1, 1), math.nan, -math.inf, 10**400, "a\0b", "\ud800", np.arange(3)], ids=lambda value: repr(value)[:20])
def test_a_metric_that_no_reader_reads_is_refused(store: Store, value: Any) -> None:
    for does in (lambda: store.save(MODEL, "m", metrics={"k": value}), lambda: store.metric("m:1", k=value)):
        assert "'k'" in refused(store, does)


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x", datetime.date(2026, 1, 1)], ids=repr)
def test_a_file_takes_no_metric_that_it_could_not_be_read_with(tmp_path: Path, value: Any) -> None:
    with pytest.raises(TypeError, match=r"metrics\['k'\] is a number, text, a truth or None, and not"):
        holdfast.save(MODEL, tmp_path / "m.safetensors", metrics={"k": value})
    assert not list(tmp_path.iterdir())


def test_metrics_of_numpy_are_numbers(store: Store) -> None:
    kept = store.save(MODEL, "m", metrics={"a": np.float32(0.5), "b": np.int64(3), "c": np.array(1.5), "d": True, "e": None, "f": "text"})
    assert kept.metrics == {"a": 0.5, "b": 3, "c": 1.5, "d": True, "e": None, "f": "text"}
    assert store.metric("m:1", g=np.float64(0.25), h=np.int8(1)).metrics == {"auc": 0.5, "g": 0.25, "h": 1}
    assert store.admin.check("full").ok


@pytest.mark.parametrize("key", NO_KEY, ids=lambda key: repr(key)[:12])
def test_keys_are_the_same_wherever_they_are_given(store: Store, key: Any) -> None:
    for does in (
        lambda: store.save(MODEL, "m", tags={key: "v"}), lambda: store.tag("m:1", {key: "v"}), lambda: store.save(MODEL, "m", metrics={key: 1}),
        lambda: store.save(MODEL, "m", data={key: b"1"}), lambda: store.metric("m:1", **{key: 1}),
    ):  # fmt: skip
        refused(store, does)


def test_keys_hold_what_names_may_not(catalog: Store) -> None:
    for key in ("val/auc", "recall@10", "a:b", "val auc", 'q"q', "x" * 200, "größe"):
        version = catalog.save(MODEL, "m", tags={key: "v"}, metrics={key: 0.5}, data={key: b"1"})
        assert catalog.metric(catalog.tag(version, {key: "w"}), **{key: 0.75}).tags == {key: "w"}
        shown = key.replace('"', '""')
        assert [str(one) for one in catalog.search(f'metrics."{shown}" = 0.75 and tags."{shown}" = \'w\'')] == [str(version)]


def test_one_key_however_its_accents_are_written(store: Store) -> None:
    version = store.save(MODEL, "m", tags={"cafe\u0301": "a"}, metrics={"cafe\u0301": 1})
    assert store.tag(version, {"caf\u00e9": "b"}).tags == {"caf\u00e9": "b"}
    decomposed = {"cafe\u0301": 2}
    assert store.metric(version, **decomposed).metrics == {"caf\u00e9": 2}


def test_everything_is_looked_at_before_the_first_is_written(store: Store) -> None:
    refused(store, lambda: store.tag("m:1", {"first": "fine", "": "no key"}))
    refused(store, lambda: store.metric("m:1", first=1, second=math.inf))
    assert store["m:1"].tags == {"team": "risk"}


def test_the_longest_that_is_taken_fits_into_every_catalog(catalog: Store) -> None:
    wide = "\U0001f600"
    version = catalog.save(MODEL, "m" * 200, tags={wide * 200: wide * (VALUE_BYTES // 4)}, who="w" * WHO, note="n" * TEXT, metrics={wide * 200: "t"})
    child = catalog.save(MODEL, "m" * 200, parent=version)
    assert catalog.find(str(version)).tags == {wide * 200: wide * (VALUE_BYTES // 4)}
    assert child.parent == str(version)
    for does in (
        lambda: catalog.tag(version, a="x" * (VALUE + 1)), lambda: catalog.tag(version, a=wide * (VALUE_BYTES // 4 + 1)), lambda: catalog.note(version, "n" * (TEXT + 1)),
        lambda: catalog.save(MODEL, "m", who="w" * (WHO + 1)), lambda: catalog.save(MODEL, "m", parent="p" * 301), lambda: catalog.alias("m@a", 1, why="w" * (TEXT + 1)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="at most"):
            does()


@pytest.mark.parametrize("given", [{"metrics": [1]}, {"metrics": "x"}, {"tags": ["a"]}, {"data": [1]}, {"code": 5}, {"code": {"a": math.nan}}, {"code": {"a": []}}, {"code": {1: "a"}}, {"parent": 5}, {"parent": ["m:1"]}], ids=repr)
def test_what_is_no_mapping_is_refused_by_its_name(store: Store, given: Any) -> None:
    (name,) = given
    assert name in refused(store, lambda: store.save(MODEL, "m", **given))


def test_nobody_sets_latest_and_no_version_is_made_on_the_way(store: Store) -> None:
    for does in (lambda: store.save(MODEL, "m", alias="latest"), lambda: store.alias("m@latest", 1), lambda: store.rollback("m@latest")):
        assert "is no alias that can be set" in refused(store, does)
    assert len(store.versions("m")) == 1


@pytest.mark.parametrize("change", [{"tags": {"": "v"}}, {"tags": {"k": "x" * 1001}}, {"metrics": {"a\n": 1.0}}, {"who": "a\0b"}, {"note": "n\0"}, {"data": {"train": "no digest"}}, {"parent": "p" * 301}], ids=repr)
def test_nothing_comes_from_elsewhere_that_could_not_be_said_here(store: Store, change: dict[str, Any]) -> None:
    (one,) = carried_of(store, "m:1")
    assert from_json(to_json(one), "pack") == one
    with pytest.raises(Corrupt, match="could not stand in a store"):
        from_json(to_json(msgspec.structs.replace(one, **change)), "pack")


def test_what_the_journal_takes_can_be_read_again() -> None:
    record = Record("m", 1, "version", 1.0, "ann", "why", "0" * 32, n=1, tags={"k": "v"}, metrics={"a": 1, "b": None}, data={"train": "blake3:" + "0" * 64}, code={"a": 1.5}, text="note")
    assert read_record(sealed_json(checked_record(record)), "log/m/1.json", "here") == record
    for change in ({"kind": "tag", "key": "k", "value": 5}, {"kind": "metric", "key": "k", "value": math.inf}, {"kind": "tag", "key": "", "value": "v"}):
        with pytest.raises((ValueError, TypeError)):
            checked_record(msgspec.structs.replace(record, **change))


def test_longer_text_is_cut_between_characters() -> None:
    assert shortened("short") == "short"
    for long in ("x" * 5000, "ä" * 5000, "\U0001f600" * 5000, "a" + "\U0001f600" * 900):
        cut = shortened(long)
        assert cut.endswith("…")
        assert long.startswith(cut[:-1])
        assert len(cut) <= VALUE
        assert VALUE_BYTES - 8 < len(cut.encode()) <= VALUE_BYTES or len(cut) == VALUE
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checked_key("é", "tag") == "é"
