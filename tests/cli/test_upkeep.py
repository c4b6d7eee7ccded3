"""Commands that keep a store well, and that bring versions from one to another."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdfast
from holdfast.cli.stores import duration
from tests.cli.test_stores import MODEL, Shell, X, shell, three

__all__ = ["shell", "three"]


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
