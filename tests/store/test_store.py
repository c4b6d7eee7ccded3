"""Versions, aliases and their history, over every kind of place and catalog."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import holdfast
from holdfast.errors import Conflict, NotFound, UntrustedType
from holdfast.store.store import Store

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
LINEAR = LogisticRegression().fit(X, Y)
TREE = DecisionTreeClassifier().fit(X, Y)




def test_a_version_is_loaded_by_number_and_by_alias(catalog: Store) -> None:
    first = catalog.save(LINEAR, "churn", example=X[:5], metrics={"auc": 0.9}, tags={"team": "risk"}, note="first", alias="production")
    second = catalog.save(TREE, "churn")
    assert (str(first), str(second)) == ("churn:1", "churn:2")
    assert first.proof is not None
    assert first.proof.verdict == "bit-equal"
    for ref, model in {"churn:1": LINEAR, "churn@production": LINEAR, "churn:2": TREE, "churn@latest": TREE}.items():
        assert catalog.load(ref).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    found = catalog["churn@production"]
    assert (found.n, found.who, found.note, found.metrics, found.tags, found.aliases) == (1, "ann", "first", {"auc": 0.9}, {"team": "risk"}, ("production",))


def test_a_version_is_the_file_that_save_writes(catalog: Store, tmp_path: Path) -> None:
    for model in (LINEAR, TREE, {"w": np.arange(300_000.0), "more": [np.arange(5.0), "text"]}):
        version = catalog.save(model, "m", example=None if isinstance(model, dict) else X[:4])
        saved = holdfast.save(model, tmp_path / "m.safetensors", example=None if isinstance(model, dict) else X[:4])
        with catalog.open(version) as opening:
            assert opening.id == saved.id == version.artifact
            assert bytes(opening.source.private(0, opening.source.size)) == (tmp_path / "m.safetensors").read_bytes()


def test_the_name_alone_is_no_version(catalog: Store) -> None:
    catalog.save(LINEAR, "churn", alias="production")
    with pytest.raises(NotFound, match=r"churn names no version; there are churn@production \(:1\), churn@latest \(:1\)"):
        catalog.load("churn")
    with pytest.raises(NotFound, match="there is no model 'chrn'; there are churn"):
        catalog.load("chrn:1")
    with pytest.raises(NotFound, match="there is no alias churn@staging"):
        catalog.load("churn@staging")
    with pytest.raises(NotFound, match="there is no version churn:9; the latest is churn:1"):
        catalog.load("churn:9")
    with pytest.raises(NotFound, match=r"there is no alias churn@1; the version is written churn:1; there are churn@production \(:1\)"):
        catalog.load("churn@1")


class Mean:
    def __init__(self) -> None:
        self.mean = 3.0


def test_the_line_that_would_allow_a_type_is_one_of_the_store(catalog: Store) -> None:
    """Typed as it is printed, it works."""
    catalog.save(Mean(), "mean")
    with pytest.raises(UntrustedType) as refused:
        catalog.load("mean@latest")
    (line,) = [one.partition(":  ")[2] for one in str(refused.value).splitlines() if one.startswith("To allow it")]
    assert line == "store.load('mean:1', trusted=['tests.store.test_store.Mean'])"
    assert eval(line, {"store": catalog}).mean == 3.0


def test_of_a_version_that_was_deleted_it_is_said(catalog: Store) -> None:
    """And of one whose number was never given, or was left out when others arrived, it is not."""
    for _ in range(3):
        catalog.save(LINEAR, "churn")
    catalog.delete("churn:2")
    with pytest.raises(NotFound, match="there is no version churn:2 any more: it was deleted, as holdfast log tells; the latest is churn:3"):
        catalog.load("churn:2")
    with holdfast.connect("memory://") as other:
        other.transfer.pull(catalog, ["churn:3"])
        with pytest.raises(NotFound, match="there is no version churn:2; the latest is churn:3"):
            other.load("churn:2")
        other.delete("churn:3")
        with pytest.raises(NotFound, match="it was deleted, as holdfast log tells; churn has no versions"):
            other.load("churn:3")


def test_aliases_move_back_the_way_they_came(catalog: Store) -> None:
    for _ in range(3):
        catalog.save(LINEAR, "churn")
    for n in (1, 2, 3):
        catalog.alias("churn@production", n, why=f"to {n}")
    assert catalog.rollback("churn@production", why="bad").n == 2
    assert catalog.rollback("churn@production").n == 1
    with pytest.raises(Conflict, match="nothing to go back to"):
        catalog.rollback("churn@production")
    assert catalog.alias("churn@production", "churn:3").n == 3
    assert catalog.rollback("churn@production").n == 1
    assert catalog.alias("churn@production", 1, why="it is there already, which is no move").n == 1
    told = [(one.kind, one.old, one.new, one.why) for one in catalog.history("churn@production")]
    assert told[0] == ("rollback", 3, 1, "")
    assert told[-4:] == [("rollback", 3, 2, "bad"), ("alias", 2, 3, "to 3"), ("alias", 1, 2, "to 2"), ("alias", None, 1, "to 1")]
    assert [one.seq for one in catalog.history("churn")] == list(range(len(told) + 3, 0, -1))


def test_what_an_alias_points_at_is_not_deleted_and_numbers_are_not_given_again(catalog: Store) -> None:
    for _ in range(3):
        catalog.save(LINEAR, "churn")
    catalog.alias("churn@production", 3)
    with pytest.raises(Conflict, match="churn:3 is what churn@production points at"):
        catalog.delete("churn:3")
    catalog.alias("churn@production", None)
    catalog.delete("churn:3")
    assert [one.n for one in catalog.versions("churn")] == [2, 1]
    assert catalog["churn@latest"].n == 2
    assert catalog.save(LINEAR, "churn").n == 4


def test_a_metric_that_no_record_could_be_read_back_with_is_refused(catalog: Store, tmp_path: Path) -> None:
    """What a record and a manifest hold is read back strictly: a list in one would end the line of its model, or be a file that nobody can open."""
    catalog.save(LINEAR, "other")
    for given in ({"a": [1, 2]}, {"a": {"b": 1}}, {1: 1.0}, {"a": 10**400}, {"a": float("inf")}):
        for wrong in (lambda given=given: catalog.save(LINEAR, "churn", metrics=given), lambda given=given: holdfast.save(LINEAR, tmp_path / "wrong.safetensors", metrics=given)):
            with pytest.raises((TypeError, ValueError), match=r"metric"):
                wrong()
    with pytest.raises(TypeError, match=r"the metric 'a' is a number, text, a truth or None, and not list"):
        catalog.metric("other:1", a=[1])  # type: ignore[arg-type]
    assert not (tmp_path / "wrong.safetensors").exists()
    holdfast.save(LINEAR, tmp_path / "m.safetensors", metrics={"auc": 0.9, "rows": 5})
    assert catalog.add(tmp_path / "m.safetensors", "churn", metrics={"f1": np.float32(0.5), "rows": 6}).metrics == {"auc": 0.9, "f1": 0.5, "rows": 6}
    assert catalog.admin.check("full").ok


def test_the_history_of_what_never_was_is_not_found(catalog: Store) -> None:
    version = catalog.save({"a": 1}, "m")
    catalog.alias("m@gone", version)
    catalog.alias("m@gone", None)
    assert len(catalog.history("m@gone")) == 2
    assert catalog.history("m@latest") == []
    assert catalog.history("m@gone", before=1) == []
    for ref in ("m@nope", "m:7", "nope"):
        with pytest.raises(NotFound, match="there is no"):
            catalog.history(ref)


def test_a_page_has_a_length(catalog: Store) -> None:
    catalog.save({"a": 1}, "m")
    for ask in (lambda limit: catalog.models(limit=limit), lambda limit: catalog.versions("m", limit=limit), lambda limit: catalog.history("m", limit=limit)):
        assert len(ask(1)) == 1
        for limit in (0, -1, 1.5, None):
            with pytest.raises(ValueError, match="is no number of a page; give 1 or more"):
                ask(limit)


def test_tags_metrics_and_notes_are_written_later(catalog: Store) -> None:
    version = catalog.save(LINEAR, "churn", metrics={"auc": 0.9})
    assert catalog.tag(version, team="risk", stage="test").tags == {"team": "risk", "stage": "test"}
    assert catalog.tag("churn:1", stage=None).tags == {"team": "risk"}
    assert catalog.metric(version, auc=0.8, drift=0.1).metrics == {"auc": 0.8, "drift": 0.1}
    assert catalog.note(version, "better words").note == "better words"
    assert catalog.models() == ["churn"]


def test_two_stores_of_one_folder_see_each_other(tmp_path: Path) -> None:
    first, second = holdfast.connect(tmp_path, who="ann"), holdfast.connect(tmp_path, who="ben")
    assert [first.save(LINEAR, "m").n, second.save(TREE, "m").n, first.save(TREE, "m").n] == [1, 2, 3]
    assert [one.who for one in second.versions("m")] == ["ann", "ben", "ann"]


def test_a_record_whose_writer_did_not_come_to_its_commit_is_adopted(catalog: Store) -> None:
    """Its number is taken, and what it says counts."""
    catalog.save(LINEAR, "churn")
    catalog.save(TREE, "churn")
    kept = catalog.blobs.get("log/churn/000000000002.json")
    with catalog.database.writing() as on:
        for line in ("DELETE FROM version WHERE n = 2", "DELETE FROM event WHERE seq = 2", "UPDATE model SET seq = 1, next_number = 2, latest = 1, versions = 1"):
            on.execute(sa.text(line))
    assert catalog.save(LINEAR, "churn").n == 3
    assert catalog.load("churn:2").predict(X).tobytes() == TREE.predict(X).tobytes()
    assert catalog.blobs.get("log/churn/000000000002.json") == kept


@pytest.mark.parametrize("name", ["a/b", "a:b", "a@b", "", " a", "a\n", "x" * 201, "..", "a\u202eb"])
def test_names_that_no_model_can_have_are_refused(catalog: Store, name: str) -> None:
    with pytest.raises(ValueError, match=r"model|name"):
        catalog.save(LINEAR, name)


@pytest.mark.parametrize("name", ["Churn", "churn", "CON", "größe", "a_b", "aB", "a b", "x" * 200, "名前", ".hidden"])
def test_names_of_every_kind_are_kept_apart(catalog: Store, name: str) -> None:
    catalog.save({"name": name}, name)
    assert catalog.load(f"{name}:1") == {"name": name}


def test_bytes_that_a_version_needs_cannot_be_deleted(catalog: Store) -> None:
    """The catalog's own keys forbid it, whoever asks."""
    catalog.save({"w": np.arange(200_000.0), "small": np.arange(3.0)}, "m")
    with catalog.database.reading() as on:
        blobs = on.scalars(sa.text("SELECT digest FROM blob")).all()
    assert len(blobs) == 2
    for line in ("DELETE FROM blob", *(f"DELETE FROM blob WHERE digest = '{one}'" for one in blobs), "DELETE FROM artifact"):
        with pytest.raises(Conflict), catalog.database.writing() as on:
            on.execute(sa.text(line))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_has_a_place_in_an_order(catalog: Store, value: float) -> None:
    catalog.save(LINEAR, "churn")
    with pytest.raises(ValueError, match="no place in an order"):
        catalog.metric("churn:1", auc=value)
    assert catalog["churn:1"].metrics == {}


MANY_BLOBS = """
import os, resource, sys
import numpy as np
import holdfast
from holdfast.artifact import source
from holdfast.store import cutting
cutting.ALONE, source.SMALL_FILE = 8_000, 4_000  # blobs and mappings of small arrays, as if they were large
folder, count = sys.argv[1], 600
store = holdfast.connect(folder)
store.save({f"a{i}": np.full(10_000 + i, float(i)) for i in range(count)}, "m")
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
for digests in ("once", "all", "never"):
    before = len(os.listdir("/proc/self/fd"))
    model = store.load("m:1", digests=digests)
    mapped = sum("/blobs/" in line for line in open("/proc/self/maps"))
    assert all(model[f"a{i}"].shape == (10_000 + i,) and model[f"a{i}"][-1] == i for i in range(count))
    assert len(os.listdir("/proc/self/fd")) == before, "a loaded model holds descriptors"
    assert mapped >= count, f"{mapped} blobs are mapped in place"
    del model
    assert not any("/blobs/" in line for line in open("/proc/self/maps")), "a model that is gone holds memory"
"""


def test_a_model_of_a_store_never_writes_to_its_blobs(tmp_path: Path) -> None:
    store = holdfast.connect(tmp_path / "store")
    store.save({"w": np.zeros(500_000)}, "m")
    blobs = {path: path.read_bytes() for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file()}
    store.load("m:1")["w"][:] = 5
    assert {path: path.read_bytes() for path in blobs} == blobs
    assert store.load("m:1")["w"][0] == 0


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc here")
def test_a_model_of_more_blobs_than_descriptors_is_mapped_in_place(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", MANY_BLOBS, str(tmp_path / "m")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
