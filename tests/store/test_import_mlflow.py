"""A model registry of MLflow becomes versions: what comes along, what is refused, and that nothing of it is run."""

from __future__ import annotations

import contextlib
import os
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import holdfast
from holdfast.errors import FormatError, NotFound, UnsupportedModel
from holdfast.store import importing
from holdfast.store.mlflow_registry import folder_of
from holdfast.store.store import Store
from tests.store.conftest import At

pytest.importorskip("yaml")

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)

TABLES = """
CREATE TABLE registered_models (name TEXT, creation_time INTEGER, last_updated_time INTEGER, description TEXT);
CREATE TABLE model_versions (name TEXT, version INTEGER, creation_time INTEGER, description TEXT, user_id TEXT, current_stage TEXT, source TEXT, run_id TEXT, storage_location TEXT);
CREATE TABLE registered_model_aliases (alias TEXT, version INTEGER, name TEXT);
CREATE TABLE model_version_tags (key TEXT, value TEXT, name TEXT, version INTEGER);
CREATE TABLE latest_metrics (key TEXT, value REAL, timestamp INTEGER, step INTEGER, is_nan INTEGER, run_uuid TEXT);
CREATE TABLE logged_models (model_id TEXT, artifact_location TEXT);
"""


class Danger:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/holdfast-was-here",)


def model_folder(root: Path, name: str, model: Any) -> Path:
    folder = root / "mlruns" / "0" / "models" / name / "artifacts"
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    (folder / "MLmodel").write_text("flavors:\n  sklearn:\n    pickled_model: model.pkl\n    serialization_format: pickle\nmlflow_version: 3.1.0\n")
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    root = tmp_path / "mlflow"
    first, second, third, bad = (model_folder(root, name, model) for name, model in (
        ("m-1", LogisticRegression().fit(X, Y)), ("m-2", LogisticRegression(C=9.0).fit(X, Y)), ("m-3", LogisticRegression(C=5.0).fit(X, Y)), ("m-4", Danger())))  # fmt: skip
    with sqlite3.connect(root / "mlflow.db") as on:
        on.executescript(TABLES)
        on.executemany("INSERT INTO model_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [
            ("churn", 1, 1_700_000_000_000, "the first", "ann", "None", "runs:/r1/model", "r1", str(first)),
            ("churn", 3, 1_700_000_001_000, None, None, "Production", "models:/m-2", "r2", None),
            ("fraud", 1, 1_700_000_002_000, None, None, "None", f"file://{third}", None, None),
            ("fraud", 2, 1_700_000_003_000, None, None, "None", "s3://bucket/model", None, None),
            ("danger", 1, 1_700_000_004_000, None, None, "None", str(bad), None, None),
            ("a/b", 1, 1_700_000_005_000, None, None, "None", str(first), None, None),
        ])  # fmt: skip
        on.execute("INSERT INTO logged_models VALUES ('m-2', ?)", (second.as_uri(),))
        on.execute("INSERT INTO registered_model_aliases VALUES ('champion', 3, 'churn')")
        on.executemany("INSERT INTO model_version_tags VALUES (?, ?, ?, ?)", [("team", "risk", "churn", 1), ("mlflow.source", "x", "churn", 1)])
        on.executemany("INSERT INTO latest_metrics VALUES (?, ?, 0, 0, ?, ?)", [("auc", 0.91, 0, "r1"), ("loss", 0.0, 1, "r1"), ("auc", 0.92, 0, "r2")])
    on.close()
    return root


@pytest.fixture
def store(tmp_path: Path, at: At) -> Any:
    with_store = holdfast.connect(at(tmp_path / "models"))
    yield with_store
    with_store.close()


def test_versions_aliases_tags_and_metrics_come_along(registry: Path, store: Store) -> None:
    told: list[Any] = []
    done = store.transfer.import_mlflow(registry, ["churn"], on_version=told.append)
    assert done == told
    assert [(one.source, one.ref, one.status) for one in done] == [("churn:1", "churn:1", "imported"), ("churn:3", "churn:3", "imported")]
    assert done[0].rows > 0
    first, second = store["churn:1"], store["churn@champion"]
    assert (first.note, first.who, first.at, first.metrics, first.tags) == ("the first", "ann", 1_700_000_000.0, {"auc": 0.91}, {"team": "risk", "mlflow.source": "x"})
    assert (second.n, second.tags) == (3, {"mlflow.stage": "Production"})
    assert store.load("churn@champion").predict_proba(X).tobytes() == LogisticRegression(C=9.0).fit(X, Y).predict_proba(X).tobytes()
    assert store.save({"a": 1}, "churn").n == 4


def test_a_tag_that_is_longer_than_a_store_takes_is_cut(registry: Path, store: Store) -> None:
    with contextlib.closing(sqlite3.connect(registry / "mlflow.db")) as on, on:
        on.execute("INSERT INTO model_version_tags VALUES ('long', ?, 'churn', 1)", ("ä" * 5000,))
        on.execute("UPDATE model_versions SET user_id = ? WHERE name = 'churn'", ("u" * 250,))
    assert [one.status for one in store.transfer.import_mlflow(registry, ["churn"])] == ["imported"] * 2
    kept = store["churn:1"].tags["long"]
    assert kept == "ä" * (len(kept) - 1) + "…"
    assert len(kept) > 800
    assert store["churn:1"].who == "u" * 200


def test_parameters_and_what_was_said_of_the_whole_model_become_tags(registry: Path, store: Store) -> None:
    with sqlite3.connect(registry / "mlflow.db") as on:
        on.executescript("CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT); CREATE TABLE registered_model_tags (key TEXT, value TEXT, name TEXT);")
        on.executemany("INSERT INTO params VALUES (?, ?, ?)", [("C", "1.0", "r1"), ("long", "x" * 5000, "r1"), ("k" * 300, "1", "r1"), ("C", "9.0", "r2")])
        on.execute("INSERT INTO registered_model_tags VALUES ('owner', 'ann', 'churn')")
    on.close()
    store.transfer.import_mlflow(registry, ["churn"])
    tags = dict(store["churn:1"].tags)
    assert len(tags.pop("mlflow.param.long")) == 1000
    assert tags == {"team": "risk", "mlflow.source": "x", "mlflow.param.C": "1.0", "mlflow.model.owner": "ann"}
    assert store["churn:3"].tags == {"mlflow.stage": "Production", "mlflow.param.C": "9.0", "mlflow.model.owner": "ann"}


def test_a_file_store_is_imported_like_a_database(tmp_path: Path, store: Store) -> None:
    """Aliases, tags, metrics and parameters are files there; none of them is a link, and none is believed to lie elsewhere."""
    root = tmp_path / "old" / "mlruns"
    place = model_folder(tmp_path / "old", "m-1", LogisticRegression().fit(X, Y))
    (tmp_path / "secret").write_text("secret")

    def write(name: str, text: str) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    write("models/churn model/meta.yaml", "name: churn model\ndescription: all of it\n")
    write("models/churn model/tags/owner", "ann")
    write("models/churn model/aliases/champion", "2")
    for n, source in ((2, place.as_uri()), (10, "models:/m-1"), (11, "s3://bucket/x")):
        write(f"models/churn model/version-{n}/meta.yaml", f"version: {n}\ncreation_timestamp: 1700000000000\ncurrent_stage: Staging\ndescription: v{n}\nrun_id: r{n}\nsource: {source}\nuser_id: bo\n")
    write("models/churn model/version-2/tags/team/x", "risk")
    (root / "models/churn model/version-2/tags/linked").symlink_to(tmp_path / "secret")
    write("0/r2/metrics/val/auc", "5 0.1 1\n7 0.9 3\n6 0.5 2\n")
    write("0/r2/metrics/loss", "5 nan 1\n")
    write("0/r2/params/C", "1.0")
    done = store.transfer.import_mlflow(tmp_path / "old")
    assert [(one.ref, one.status) for one in done] == [("churn model:2", "imported"), ("churn model:10", "imported"), ("", "refused")]
    version = store["churn model@champion"]
    assert (version.n, version.note, version.who, version.at, version.metrics) == (2, "v2", "bo", 1_700_000_000.0, {"val/auc": 0.9})
    assert version.tags == {"mlflow.model.owner": "ann", "mlflow.param.C": "1.0", "mlflow.stage": "Staging", "team/x": "risk"}
    assert store.load(version).predict_proba(X).tobytes() == LogisticRegression().fit(X, Y).predict_proba(X).tobytes()
    assert [one.status for one in store.transfer.import_mlflow(root)] == ["there", "there", "refused"]


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    version = tmp_path / "mlruns" / "models" / "churn" / "version-1"
    (version / "tags").mkdir(parents=True)
    (version.parent / "meta.yaml").write_text("name: churn\n")
    (version / "meta.yaml").write_text("version: 1\nsource: /absent\n")
    for number in range(3):
        (version / "tags" / f"t{number}").write_text("x")
    monkeypatch.setattr("holdfast.store.mlflow_files.FILES", 2)
    with pytest.raises(FormatError, match="there are more than 2 files in one folder"):
        store.transfer.import_mlflow(tmp_path)


def test_what_one_version_cannot_do_stops_none_of_the_others(registry: Path, store: Store) -> None:
    done = {one.source: one for one in store.transfer.import_mlflow(registry / "mlflow.db")}
    assert [name for name, one in done.items() if one.status == "imported"] == ["churn:1", "churn:3", "fraud:1"]
    assert "s3://bucket/model; copy that folder" in done["fraud:2"].reason
    assert "nothing was loaded" in done["danger:1"].reason
    assert "could not stand in a store" in done["a/b:1"].reason
    assert not Path("/tmp/holdfast-was-here").exists()
    assert store.models() == ["churn", "fraud"]
    again = store.transfer.import_mlflow(f"sqlite:///{registry / 'mlflow.db'}", {"a/b": "a-b", "churn": "churn"})
    assert [(one.ref, one.status) for one in again] == [("a-b:1", "imported"), ("churn:1", "there"), ("churn:3", "there")]


def test_a_number_that_is_taken_is_refused_or_counted_on(registry: Path, store: Store) -> None:
    store.save({"a": 1}, "churn")
    first, second = store.transfer.import_mlflow(registry, ["churn"])
    assert (first.status, second.status) == ("refused", "imported")
    assert "churn:1 is another version there" in first.reason
    assert [one.ref for one in store.transfer.import_mlflow(registry, ["churn"], renumber=True)] == ["churn:4", "churn:3"]


@pytest.mark.parametrize(("answers", "reason"), [((5, False), "does not answer to 5 rows as it did"), ((0, None), "")])
def test_a_model_that_answers_otherwise_is_not_taken_in(registry: Path, store: Store, monkeypatch: pytest.MonkeyPatch, answers: tuple[int, bool | None], reason: str) -> None:
    """One that cannot be asked comes in if it holds the same content."""
    monkeypatch.setattr(importing, "asked", lambda *_: answers)
    first = store.transfer.import_mlflow(registry, ["churn"])[0]
    assert first.status == ("refused" if reason else "imported")
    assert reason in first.reason
    monkeypatch.setattr(importing, "told_digest", lambda _: "blake3:" + "0" * 64)
    assert store.transfer.import_mlflow(registry, ["fraud"])[0].status == "refused"


def test_a_registry_that_was_moved_is_found(registry: Path, store: Store, tmp_path: Path) -> None:
    registry.rename(tmp_path / "moved")
    assert [one.status for one in store.transfer.import_mlflow(tmp_path / "moved", "churn")] == ["imported", "imported"]


def test_files_elsewhere_are_not_read(registry: Path, store: Store, tmp_path: Path) -> None:
    outside = model_folder(tmp_path / "outside", "m-9", LogisticRegression().fit(X, Y))
    (registry / "link").symlink_to(outside)
    for place in (str(outside), outside.as_uri(), f"../outside/{outside.relative_to(tmp_path / 'outside')}", "/etc", "", "\0", str(registry / "link"), "mlflow-artifacts:/0/nothing", "models:/m-77"):
        with pytest.raises(NotFound):
            folder_of(place, str(registry))
    assert folder_of("mlflow-artifacts:/0/models/m-1/artifacts", str(registry / "mlruns")).endswith("m-1/artifacts")
    with sqlite3.connect(registry / "mlflow.db") as on:
        on.execute("UPDATE model_versions SET storage_location = ? WHERE name = 'churn'", (str(outside),))
    on.close()
    assert {one.status for one in store.transfer.import_mlflow(registry, ["churn"])} == {"refused"}
    assert [one.status for one in store.transfer.import_mlflow(registry, ["churn"], artifacts=tmp_path / "outside")] == ["imported", "imported"]


def test_what_is_no_registry_is_refused(registry: Path, store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for where, error, match in (
        (tmp_path / "nothing", NotFound, "there is no mlflow.db"), (tmp_path / "empty", NotFound, "there is no mlflow.db"), ("http://localhost:5000", UnsupportedModel, "http:// is a server"),
        ("postgresql://x/y", UnsupportedModel, "is a server"),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            store.transfer.import_mlflow(where)
    (tmp_path / "mlruns" / "models" / "churn").mkdir(parents=True)
    with pytest.raises(NotFound, match="nor a file store with registered models"):
        store.transfer.import_mlflow(tmp_path / "mlruns")
    (tmp_path / "mlruns" / "models" / "churn" / "meta.yaml").write_text("nothing: said")
    with pytest.raises(FormatError, match="no file store of MLflow, or a damaged one"):
        store.transfer.import_mlflow(tmp_path / "mlruns")
    with pytest.raises(NotFound, match="no registered model 'chrn'; there are a/b, churn, danger, fraud"):
        store.transfer.import_mlflow(registry, ["chrn"])
    for data in (b"", b"no database" * 100):
        (tmp_path / "bad.db").write_bytes(data)
        with pytest.raises(FormatError, match="no registry of MLflow"):
            store.transfer.import_mlflow(tmp_path / "bad.db")
    for line in ("UPDATE model_versions SET version = 'x' WHERE name = 'churn'", "UPDATE model_version_tags SET version = NULL", "ALTER TABLE model_versions DROP COLUMN name"):
        with sqlite3.connect(registry / "mlflow.db") as on:
            on.execute(line)
        on.close()
        with pytest.raises(FormatError, match="no registry of MLflow"):
            store.transfer.import_mlflow(registry)
        assert store.models() == []


def test_the_registry_is_not_changed(registry: Path, store: Store) -> None:
    before = (registry / "mlflow.db").read_bytes(), sorted(os.listdir(registry))
    store.transfer.import_mlflow(registry)
    assert ((registry / "mlflow.db").read_bytes(), sorted(os.listdir(registry))) == before


WRITER = """
import sys
import mlflow, mlflow.sklearn, numpy as np
from sklearn.linear_model import LogisticRegression
mlflow.set_tracking_uri(sys.argv[1])
X = np.random.default_rng(0).normal(size=(60, 3))
with mlflow.start_run():
    mlflow.log_metric("auc", 0.1)
    mlflow.log_metric("auc", 0.9)
    mlflow.log_param("C", 1.0)
    mlflow.sklearn.log_model(LogisticRegression().fit(X, X[:, 0] > 0), name="model", registered_model_name="churn", input_example=X[:2])
client = mlflow.MlflowClient()
client.set_registered_model_alias("churn", "champion", 1)
client.set_model_version_tag("churn", "1", "team", "risk")
client.set_registered_model_tag("churn", "owner", "ann")
"""


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite:///mlflow.db", "mlruns"])
def test_what_mlflow_itself_wrote_is_imported(tmp_path: Path, store: Store, kind: str) -> None:
    pytest.importorskip("mlflow.store.tracking.sqlalchemy_store")
    root = tmp_path / "mlflow"
    root.mkdir()
    subprocess.run([sys.executable, "-W", "ignore", "-c", WRITER, kind if "://" in kind else (root / kind).as_uri()], cwd=root, env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"}, check=True, capture_output=True)
    assert [(one.ref, one.status) for one in store.transfer.import_mlflow(root)] == [("churn:1", "imported")]
    version = store["churn@champion"]
    assert (version.metrics, version.tags) == ({"auc": 0.9}, {"team": "risk", "mlflow.param.C": "1.0", "mlflow.model.owner": "ann"})
    assert store.load(version).predict_proba(X).tobytes() == LogisticRegression().fit(X, X[:, 0] > 0).predict_proba(X).tobytes()
