"""Files into a store and out of one, and changes that are only tried."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import Conflict, Corrupt, FormatError, NotFound, UnsupportedModel, UnsupportedTarget
from holdfast.store.objects import layout_name, read_layout
from holdfast.store.store import Store
from tests.store.test_store import LINEAR, TREE, X

LARGE = {"w": np.arange(400_000.0), "small": [np.arange(5.0), "text"], "empty": np.zeros((0, 3))}


@pytest.fixture
def store(tmp_path: Path) -> Any:
    found = holdfast.connect(tmp_path / "models", who="ann")
    yield found
    found.close()


@pytest.mark.parametrize("compress", [None, "zstd"])
@pytest.mark.parametrize("kind", ["small", "with an example", "large"])
def test_a_file_keeps_its_id_and_comes_out_as_it_went_in(store: Store, tmp_path: Path, kind: str, compress: str | None) -> None:
    path, again = tmp_path / "m.safetensors", tmp_path / "again.safetensors"
    model, example = (LARGE, None) if kind == "large" else (TREE, X[:4] if kind == "with an example" else None)
    saved = holdfast.save(model, path, example=example, metrics={"auc": 0.9}, compress=compress)
    version = store.add(path, "churn", tags={"team": "risk"}, note="from a file", alias="production", parent="churn:9")
    assert (version.artifact, version.content, version.metrics) == (saved.id, saved.content, {"auc": 0.9})
    assert (version.tags, version.note, version.who, version.parent) == ({"team": "risk"}, "from a file", "ann", "churn:9")
    assert store["churn@production"].n == 1
    told: list[int] = []
    assert store.file("churn@production", again, on_bytes=told.append) == again.stat().st_size == sum(told)
    holdfast.save(model, path, example=example, metrics={"auc": 0.9})
    assert again.read_bytes() == path.read_bytes()
    # the same model, saved from memory, is the same artifact: its bytes are there once
    assert store.save(model, "other", example=example, metrics={"auc": 0.9}).artifact == saved.id


@pytest.mark.parametrize("compress", [None, "zstd"])
def test_a_pool_of_a_file_is_cut_as_that_of_a_save(store: Store, tmp_path: Path, compress: str | None) -> None:
    """So a forest that came as a file shares its blocks with the one that it grew from."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(rng.integers(0, 60), 50)) for _ in range(400)]
    holdfast.save(arrays, tmp_path / "m.safetensors", compress=compress)
    added = store.add(tmp_path / "m.safetensors", "added")
    other = holdfast.connect(tmp_path / "other")
    saved = other.save(arrays, "saved")
    layouts = [one.blobs.get(layout_name(saved.artifact)) for one in (store, other)]
    other.close()
    assert added.artifact == saved.artifact
    assert layouts[0] == layouts[1]
    assert len(read_layout(layouts[0], saved.artifact, "").pieces) > 5
    loaded = store.load("added:1")
    assert all(np.array_equal(one, two) for one, two in zip(loaded, arrays, strict=True))


def test_what_is_no_whole_native_file_is_not_put_in(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    holdfast.save(LARGE, path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(Corrupt, match="does not match its digest"):
        store.add(path, "churn")
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(3)}, tmp_path / "plain.safetensors")
    with pytest.raises(FormatError, match="plain safetensors file and no native one"):
        store.add(tmp_path / "plain.safetensors", "churn")
    holdfast.save({f"w{number}": np.zeros(1000) + number for number in range(4)}, tmp_path / "parts.safetensors", shard_bytes=9000)
    with pytest.raises(UnsupportedModel, match="lies in several files"):
        store.add(tmp_path / "parts.safetensors", "churn")
    with pytest.raises(NotFound):
        store.add(tmp_path / "nothing.safetensors", "churn")
    assert store.models() == []


def test_a_file_that_changes_while_it_is_read_becomes_no_version(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.safetensors"
    holdfast.save(LARGE, path)
    from holdfast.store import filing

    whole = filing._pieces

    def changing(*given: Any) -> Any:
        piece = bytearray(b"".join(whole(*given)))
        if len(piece) > 100_000:
            piece[7] ^= 1
        yield bytes(piece)

    monkeypatch.setattr(filing, "_pieces", changing)
    with pytest.raises(Corrupt, match="was changed while it was read"):
        store.add(path, "churn")
    assert store.models() == []


def test_a_version_is_written_out_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    store.save(LARGE, "churn")
    out = tmp_path / "out.safetensors"
    with pytest.raises(UnsupportedTarget, match="turn that into another format with holdfast convert"):
        store.file("churn:1", tmp_path / "out.onnx")
    with pytest.raises(NotFound, match="make it first"):
        store.file("churn:1", tmp_path / "no" / "out.safetensors")
    with pytest.raises(NotFound, match="no version churn:2"):
        store.file("churn:2", out)
    blob = max((tmp_path / "models" / "blobs").rglob("*"), key=lambda one: one.stat().st_size)
    raw = bytearray(blob.read_bytes())
    raw[1000] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(raw)
    with pytest.raises(Corrupt):
        store.file("churn:1", out)
    assert not out.exists()


def dump(store: Store) -> list[str]:
    with sqlite3.connect(Path(store.shown) / "catalog.sqlite") as on:
        return list(on.iterdump())


def test_a_trial_refuses_what_would_be_refused_and_changes_nothing(store: Store) -> None:
    for _ in range(3):
        store.save(LINEAR, "churn")
    store.alias("churn@production", 1)
    store.alias("churn@production", 2)
    before, log = dump(store), sorted((Path(store.shown) / "log").rglob("*"))
    trial = store.trial()
    trial.alias("churn@production", 3)
    trial.alias("churn@new", 3)
    trial.alias("churn@production", None)
    assert trial.rollback("churn@production").n == 1
    trial.tag("churn:1", team="risk")
    trial.metric("churn:1", auc=1)
    trial.note("churn:1", "words")
    trial.delete("churn:3")
    with pytest.raises(Conflict, match="is what churn@production points at"):
        trial.delete("churn:2")
    with pytest.raises(NotFound, match="there is no version churn:9"):
        trial.alias("churn@production", 9)
    with pytest.raises(NotFound):
        trial.alias("nothing@production", 1)
    assert dump(store) == before
    assert sorted((Path(store.shown) / "log").rglob("*")) == log
    assert store.delete("churn:3").version == "churn:3"  # nothing is left locked
