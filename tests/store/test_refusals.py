"""What a store refuses of its own objects when they are others than those that were written, and of whoever asks for what cannot be."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import sqlalchemy as sa

import holdfast
from holdfast.artifact.source import buffer_source
from holdfast.errors import Conflict, Corrupt, FormatError, HoldfastError, NotFound, ProofFailed, Truncated, Unavailable, UnsupportedVersion
from holdfast.store.apply import apply
from holdfast.store.carried import Carried, checked
from holdfast.store.objects import (
    FORMAT_NAME,
    Format,
    Layout,
    Record,
    artifact_name,
    layout_name,
    read_format,
    read_layout,
    read_record,
    record_name,
    to_json,
)
from holdfast.store.oci.shelf import Region
from holdfast.store.pieces import PiecesSource
from holdfast.store.replaying import replay_all
from holdfast.store.store import Store

BODY = np.random.default_rng(0).normal(size=200_000)
"""1.6 MB: a blob of its own."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with_store = holdfast.connect(tmp_path / "models", who="ann")
    with_store.save({"body": BODY, "head": [1.0]}, "m")
    with_store.save({"other": 1}, "other", alias="production")
    yield with_store
    with_store.close()


def put(store: Store, name: str, data: bytes) -> None:
    store.blobs.put(name, [data], len(data))


def record(store: Store, model: str, seq: int) -> Record:
    name = record_name(model, seq)
    return read_record(store.blobs.get(name), name, "")


def lay(store: Store, change: Callable[[Layout], Layout]) -> None:
    """Change the layout of m:1; its seal holds."""
    id_ = store["m:1"].artifact
    put(store, layout_name(id_), to_json(change(read_layout(store.blobs.get(layout_name(id_)), id_, ""))))


def body(store: Store) -> str:
    return max(store.blobs.list("blobs/"), key=lambda one: one.size).name


# -- records ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"seq": 7}, Corrupt, "is the record of something else"),
        ({"model": "other", "seq": 2}, Corrupt, "is the record of something else"),
        ({"seq": 2, "kind": "merge"}, UnsupportedVersion, "is a 'merge', which this holdfast does not know; upgrade"),
        ({"seq": 2, "kind": "tag", "n": 9, "key": "a", "value": "b"}, Corrupt, "does not follow from those before it"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_the_next_one_is_not_adopted(store: Store, change: dict[str, Any], error: type[HoldfastError], match: str) -> None:
    put(store, record_name("m", 2), to_json(msgspec.structs.replace(record(store, "m", 1), **change)))
    with pytest.raises(error, match=match):
        store.save({"a": 1}, "m")
    assert [one.n for one in store.versions("m")] == [1]


def test_a_record_under_the_name_of_another_is_damage_to_a_reader(store: Store) -> None:
    put(store, record_name("m", 2), to_json(msgspec.structs.replace(record(store, "m", 1), model="a third", seq=2)))
    with store.database.writing() as on:
        on.execute(sa.text("DELETE FROM alias"))
        for table in ("event", "version", "model"):
            on.execute(sa.text(f"DELETE FROM {table}"))
        assert replay_all(on, store.journal).damaged == {record_name("m", 2): "the record is that of something else"}


def test_rows_are_made_in_the_order_of_the_line(store: Store) -> None:
    note = msgspec.structs.replace(record(store, "m", 1), seq=3, kind="note", text="too early")
    with pytest.raises(Conflict, match="the record 3 of m does not follow 1"), store.database.writing() as on:
        apply(on, note, None)
    assert store["m:1"].note == ""


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda store, id_: put(store, artifact_name(id_), store.blobs.get(artifact_name(store["other:1"].artifact))), "artifacts/.* does not match its digest"),
        (lambda store, id_: put(store, body(store), b"short"), "has 5 bytes and not"),
        (lambda store, id_: store.blobs.delete(body(store)), "is not there: a version needs it"),
    ],
)  # fmt: skip
def test_a_record_whose_artifact_is_damaged_is_not_adopted(store: Store, damage: Callable[[Store, str], None], match: str) -> None:
    damage(store, store["m:1"].artifact)
    put(store, record_name("m", 2), to_json(msgspec.structs.replace(record(store, "m", 1), seq=2, n=2)))
    with pytest.raises(Corrupt, match=match):
        store.note("m:1", "more")
    assert [one.n for one in store.versions("m")] == [1]


# -- the mark of a store, layouts ------------------------------------------------------------------------------------------


def test_the_mark_of_something_else_or_of_a_newer_store(store: Store, tmp_path: Path) -> None:
    id_ = read_format(store.blobs.get(FORMAT_NAME), "").store
    put(store, FORMAT_NAME, to_json(Format("warehouse", 1, id_)))
    with pytest.raises(Corrupt, match="is not that of a store"):
        holdfast.connect(tmp_path / "models")
    put(store, FORMAT_NAME, to_json(Format("store", 2, id_)))
    with pytest.raises(UnsupportedVersion, match="the store has format 2, and this holdfast writes 1; upgrade"):
        holdfast.connect(tmp_path / "models")
    assert holdfast.connect(tmp_path / "models", read_only=True).load("other:1") == {"other": 1}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda where: msgspec.structs.replace(where, trees=[*where.trees, 0]), "the layout has 2 trees, and the manifest 1"),
        (lambda where: msgspec.structs.replace(where, cuts=[*where.cuts, 0]), "sections, and the manifest"),
        (lambda where: msgspec.structs.replace(where, pieces=[(blob, offset, length - (length == BODY.nbytes)) for blob, offset, length in where.pieces]), "other bytes than it has"),
        (lambda where: msgspec.structs.replace(where, cuts=[*where.cuts[:-1], where.cuts[-1] + 1]), "is not the layout of that artifact"),
        (lambda where: msgspec.structs.replace(where, pieces=[(blob, -1, length) for blob, _, length in where.pieces]), "is not the layout of that artifact"),
    ],
)  # fmt: skip
def test_a_layout_that_does_not_fit_its_manifest(store: Store, change: Callable[[Layout], Layout], match: str) -> None:
    lay(store, change)
    with pytest.raises(Corrupt, match=match):
        store.open("m:1")


@pytest.mark.parametrize("source", [PiecesSource("x", [(b"abc", 0, 2), (b"abc", 1, 2)], buffer_source), Region(buffer_source(b"abcdef"), 1, 4, "x")])
@pytest.mark.parametrize(("start", "length"), [(-1, 2), (0, -1), (3, 2), (5, 1)])
def test_no_byte_outside_a_source_is_given(source: Any, start: int, length: int) -> None:
    assert bytes(source.view(0, 4)) in (b"abbc", b"bcde")
    with pytest.raises(Truncated, match="were wanted, and there are 4"):
        source.view(start, length)


# -- what comes from another store --------------------------------------------------------------------------------------------


def test_a_name_in_another_form_than_it_is_kept_in_does_not_come_in() -> None:
    born = {"store": "0" * 32, "model": "é", "n": 1}
    good = Carried("é", 1, "blake3:" + "0" * 64, 1.0, born, "", "", None, {}, {})
    assert checked(good, "there") is good
    for bad in (msgspec.structs.replace(good, model="e\u0301"), msgspec.structs.replace(good, aliases=["e\u0301"])):
        with pytest.raises(Corrupt, match="is not written in the form in which names are kept"):
            checked(bad, "there")


# -- where a store is ----------------------------------------------------------------------------------------------------------


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(FormatError, match="this is a file; a store is a folder, or the address of a database"):
        holdfast.connect(tmp_path / "model.safetensors")


def test_a_server_that_is_away_is_not_read_around(store: Store, tmp_path: Path) -> None:
    """What the objects alone say may be older than what others were told of the catalog."""
    pytest.importorskip("psycopg")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        holdfast.connect(f"postgresql://ann@127.0.0.1:1/nothing?blobs=file://{tmp_path}/models", read_only=True)


# -- what is asked for ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "error", "match"),
    [
        (lambda store: store.alias("m:1", 1), ValueError, "'m:1' is no alias that can be set; give one such as m@production"),
        (lambda store: store.alias("m@latest", 1), ValueError, "'m@latest' is no alias that can be set"),
        (lambda store: store.rollback("m:1"), ValueError, "'m:1' is no alias; give one such as m@production"),
        (lambda store: store.alias("m@production", "other:1"), ValueError, "other:1 is a version of another model than m"),
        (lambda store: store.history("absent"), NotFound, "there is no model 'absent'; there are m, other"),
        (lambda store: store.tag("m:1", team=3), TypeError, "tags are text: team=3"),
        (lambda store: store.save({}, "m", tags={"team": 3}), TypeError, "tags are text: team=3"),
        (lambda store: store.save({}, "m", tags={3: "risk"}), TypeError, "the key of a tag is text, and 3 is none"),
        (lambda store: holdfast.compare(pickle.loads(pickle.dumps(store["m:1"])), {}), NotFound, r"ask the store for it: store\['m:1'\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_written(store: Store, ask: Callable[[Store], Any], error: type[Exception], match: str) -> None:
    with store.database.reading() as on:
        before = on.execute(sa.text("SELECT * FROM event")).all()
    with pytest.raises(error, match=match):
        ask(store)
    with store.database.reading() as on:
        assert on.execute(sa.text("SELECT * FROM event")).all() == before


class Other:
    """Answers as where it lies, and so not as what was saved of it."""

    def predict(self, rows: Any) -> Any:
        return np.full(len(rows), float(id(self)))


def test_a_model_that_does_not_answer_as_it_did_becomes_no_version(store: Store) -> None:
    with pytest.raises(ProofFailed, match="does not answer after loading as it does now, so it was not saved"):
        store.save(Other(), "third", example=np.zeros((4, 2)))
    assert "third" not in store.models()
