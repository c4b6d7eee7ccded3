"""Commands that keep a store well, and that bring versions from one to another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import holdfast
from holdfast.cli.output import Bar
from holdfast.cli.stores import duration
from tests.cli.test_stores import MODEL, Shell, X, shell, three
from tests.store.registry import StubRegistry
from tests.store.test_import_mlflow import registry
from tests.store.test_registry import stub

__all__ = ["registry", "shell", "stub", "three"]


def test_old_versions_go_and_what_an_alias_points_at_stays(three: Shell) -> None:
    assert three("keep", "churn", "--last", "1", "--dry-run") == "churn:2 would be deleted; churn:1 is the same artifact; collect will free 0 bytes\n"
    assert [one["n"] for one in three.json("versions", "churn")["versions"]] == [3, 2, 1]
    found = three.json("keep", "churn", "--last", "1", "--why", "space")
    assert ([one["version"] for one in found["deleted"]], found["dry_run"]) == (["churn:2"], False)
    assert three("keep", "churn", "--last", "1") == "every version stays\n"
    assert [one["n"] for one in three.json("versions", "churn")["versions"]] == [3, 1]
    three("keep", "nothing", code=3)
    three("keep", "churn", "--last", "-1", code=2)


def test_bytes_go_after_the_grace(three: Shell) -> None:
    three("delete", "churn:3")
    before = set(Path(three.url, "blobs").rglob("*"))
    assert three.json("collect", "--grace", "0s", "--dry-run")["dry_run"] is True
    assert set(Path(three.url, "blobs").rglob("*")) == before
    three("collect")
    for _ in range(2):
        three("collect", "--grace", "0")
    assert {path for path in Path(three.url, "blobs").rglob("*") if path.is_file()} < before
    assert three("verify", "churn:1").startswith("bit-equal")
    three("collect", "--grace", "soon", code=2)
    assert "'soon' is no length of time" in three.err


def test_lengths_of_time() -> None:
    assert [duration(text) for text in ("90", "90s", "1.5m", "24h", "7 D")] == [90, 90, 90, 86400, 604800]
    for text in ("", "-1", "1w", "nan", "1e3", "٣"):
        with pytest.raises(ValueError, match="no length of time"):
            duration(text)


def test_damage_is_named_and_healed(three: Shell) -> None:
    other = three.folder / "other"
    three("push", other)
    assert three.json("check", "--full")["ok"] is True
    blob = max((path for path in Path(three.url, "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    raw = bytearray(blob.read_bytes())
    raw[0] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(raw)
    assert "churn:1" in three("check", "--full", code=6)
    three("check", "--full", "--repair-from", other, "--dry-run", code=6)
    assert three.json("check", "--full", "--repair-from", other)["ok"] is True
    assert three("verify", "churn:1").startswith("bit-equal")
    for name in Path(three.url).glob("catalog.sqlite*"):
        name.unlink()
    three("check", "--rebuild")
    assert [one["n"] for one in three.json("versions", "churn")["versions"]] == [3, 2, 1]


def test_what_versions_cost(three: Shell) -> None:
    assert {line.split()[0] for line in three("du").splitlines()[1:-1]} == {"churn:1", "churn:2", "churn:3"}
    assert three("du", "--models").splitlines()[1].split()[0] == "churn"
    found = three.json("du")
    assert found["alone"] > found["stored"] > 0


def test_versions_go_between_stores(three: Shell) -> None:
    other, third = three.folder / "other", three.folder / "third"
    assert three("push", other, "churn@production", "--dry-run") == "churn:1 would travel\n"
    assert not other.exists()
    assert three.json("push", other, "churn@production", "--aliases")["versions"] == [{"ref": "churn:1", "source": "churn:1", "new": True}]
    assert three("push", other, "churn", "--dry-run") == "churn:3 would travel\nchurn:2 would travel\nchurn:1 is there\n"
    assert three.json("pull", other, "--dry-run") == {"versions": [{"ref": "churn:1", "there": True}], "dry_run": True}
    three("pull", three.url, "--store", third)
    store = holdfast.connect(third)
    assert [one.n for one in store.versions("churn")] == [3, 2, 1]
    assert store.load("churn:1").predict(X).tobytes() == MODEL.predict(X).tobytes()
    store.close()
    store = holdfast.connect(other)
    assert store["churn@production"].n == 1
    store.close()
    three("pull", three.folder / "nowhere", code=3)
    assert "there is no store here" in three.err
    assert not (three.folder / "nowhere").exists()


def test_versions_travel_in_one_file(three: Shell) -> None:
    out, other = three.folder / "models.tar", three.folder / "other"
    assert three("pack", out, "churn@production", "churn:3", "--dry-run") == "churn:1 would be packed\nchurn:3 would be packed\n"
    assert not out.exists()
    export = three.folder / "extra.txt"
    export.write_text("beside it")
    assert three("pack", out, "churn@production", "churn:3", "--export", f"churn:3={export}") == f"churn:1, churn:3 packed into HERE/models.tar: {out.stat().st_size} bytes\n"
    three("pack", out, code=7)
    assert three.json("pack", out, "--replace")["versions"] == ["churn:1", "churn:2", "churn:3"]
    three("pack", out, "--replace", "--export", "churn:1", code=2)
    assert three("unpack", out, "churn:2", "--dry-run") == "churn:2 would be brought in\n"
    three("pack", out, "churn:3", "--export", f"churn:3={export}", "--replace")
    three("unpack", out, "--store", other, "--exports-to", three.folder / "exports")
    assert three.json("versions", "churn", "--store", other)["versions"][0]["ref"] == "churn:3"
    assert [path.read_text() for path in Path(three.folder / "exports").rglob("*") if path.is_file()] == ["beside it"]
    out.write_bytes(out.read_bytes()[:-3000])
    three("unpack", out, "--store", three.folder / "more", code=6)


def test_versions_go_through_a_registry(three: Shell, stub: StubRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    url, other = f"oci+http://{stub.host}/team", three.folder / "other"
    assert three("push", url, "churn@production", "--dry-run") == "churn:1 would travel\n"
    assert stub.seen == []
    stub.auth = "basic"
    three("push", url, "churn@production", code=7)
    monkeypatch.setenv("HOLDFAST_REGISTRY_PASSWORD", "secret")
    assert [one["source"] for one in three.json("push", url, "churn@production", "--aliases", "--user", "ann")["versions"]] == ["churn:1"]
    monkeypatch.setenv("HOLDFAST_REGISTRY_USER", "ann")
    assert three("pull", url, "churn", "--store", other, "--dry-run") == "churn:1 would travel\n"
    assert not other.exists()
    assert three.json("pull", url, "churn@production", "--aliases", "--store", other)["versions"] == [{"ref": "churn:1", "source": "churn:1", "new": True}]
    assert three.json("versions", "churn", "--store", other)["versions"][0]["aliases"] == ["production"]
    three("pull", url, "--store", other, code=2)
    assert "a registry does not list its models" in three.err
    three("push", "oci://Not A Place", code=2)


def test_models_of_mlflow_come_in(shell: Shell, registry: Path) -> None:
    assert "churn:3 would be imported\n" in shell("import-mlflow", registry, "--dry-run")
    assert not Path(shell.url).exists()
    assert [line.split()[:3] for line in shell("import-mlflow", registry, "churn").splitlines()[1:]] == [["churn:1", "churn:1", "imported"], ["churn:3", "churn:3", "imported"]]
    assert shell.err == "2 imported\n"
    found = shell.json("import-mlflow", registry, code=1)
    assert found["counts"]["there"] == 2
    assert found["counts"]["refused"] >= 2
    assert shell.json("versions", "churn")["versions"][0]["aliases"] == ["champion"]
    shell("import-mlflow", registry, "nothing", code=3)
    shell("import-mlflow", registry, "--trusted-function", "numpy.log", code=2)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_stray_file_cannot_speak_to_the_terminal(three: Shell) -> None:
    for folder in ("blobs/ab", "log/churn", "log/\x1b[31m", "artifacts/ab"):
        place = Path(three.url, folder)
        place.mkdir(parents=True, exist_ok=True)
        (place / "\x1b[2Jevil\u202e.json").write_bytes(b"{}")
    out = three("check", "--full", code=0 if three.json("check", "--full", code=None)["ok"] else 6)
    assert "\x1b" not in out + three.err
    assert "\u202e" not in out + three.err
    out = three("collect", "--grace", "0", code=None)
    assert "\x1b" not in out + three.err


def test_files_go_along_into_a_registry_and_come_back(three: Shell, stub: StubRegistry) -> None:
    place, file = f"oci+http://{stub.host}/team", three.folder / "m.onnx"
    file.write_bytes(b"onnx")
    three("push", place, "churn", "--export", f"churn@production={file}")
    assert len(three.json("pull", place, "churn", "--exports-to", three.folder / "out")["exports"]) == 1
    assert (three.folder / "out" / "churn-1" / "m.onnx").read_bytes() == b"onnx"
    three("push", place, "churn", "--export", "churn:1", code=2)
    three("push", three.folder / "other", "churn", "--export", f"churn:1={file}", code=2)
    assert "into packs and registries" in three.err


def test_a_bar_says_what_is_done_and_how_much_of_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins after a second, begins anew with each stage, and never shows more than there is."""
    moment = 0.0
    monkeypatch.setattr("holdfast.cli.output.time.monotonic", lambda: moment)
    bar = Bar("pushing", None, True)
    bar.stage("comparing", 100)
    bar(40)
    assert bar._shown is None
    moment = 2.0
    bar(10)

    def shown() -> list[tuple[str, float | None, float]]:
        return [(one.description, one.total, one.completed) for one in bar._shown.tasks]

    assert shown() == [("comparing", 100, 50)]
    bar.stage("copying", 30)
    assert shown() == [("copying", 30, 0)]
    bar(33)
    assert shown() == [("copying", 33, 33)]
    bar.end()
    unwatched = Bar("pushing", 5, False)
    unwatched(5)
    unwatched.stage("copying", 5)
    assert unwatched._shown is None


def test_files_are_kept_with_a_version(three: Shell) -> None:
    sig = three.folder / "model.sig"
    sig.write_bytes(b"signed")
    assert three("attach", "churn@production", sig, "--type", "text/plain", "--dry-run") == "churn:1 would have model.sig\n"
    assert three.json("attach", "churn:1")["attachments"] == []
    assert three("attach", "churn@production", sig, "--type", "text/plain", "--why", "released") == "churn:1 has model.sig\n"
    found = three.json("attach", "churn:1", "--out", three.folder / "out")
    assert [(one["name"], one["media_type"], one["size"]) for one in found["attachments"]] == [("model.sig", "text/plain", 6)]
    assert (three.folder / "out" / "model.sig").read_bytes() == b"signed"
    assert three("attach", "churn:1").splitlines()[1].split()[:3] == ["model.sig", "text/plain", "6"]
    assert three("attach", "churn:1", "--remove", "model.sig") == "churn:1 has no model.sig\n"
    said = three("log", "churn").splitlines()
    assert [line.split("TIME")[1].split("  ")[1] for line in said[1:3]] == [":1 attachment model.sig taken away", ":1 attachment model.sig"]
    three("attach", "churn:1", "--remove", "model.sig", code=3)
    three("attach", "churn:1", three.folder / "none", code=3)
    three("attach", "churn:1", sig, "--type", "x", code=2)
