"""Commands on stores, as a person meets them: what they print, what they change, and what they refuse."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import holdfast
from holdfast.cli.main import main
from holdfast.cli.stores import STORE, WHO
from holdfast.store.lineage import data_digest
from tests.store.conftest import address, postgres

__all__ = ["postgres"]

X = np.random.default_rng(0).normal(size=(60, 3))
MODEL = LogisticRegression().fit(X, X[:, 0] > 0)
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class Shell:
    """Runs commands in a folder with a store, and keeps what they said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.url = str(folder / "models")
        self.capsys = capsys
        self.err = ""

    def __call__(self, *arguments: object, code: int | None = 0, store: bool = True) -> str:
        """Run a command that ends with this code (None: with any), and return what it printed, with times made the same."""
        given = [str(one) for one in arguments]
        ended = main([given[0], *(["--store", self.url] if store else []), *given[1:]])
        assert code in (None, ended), (ended, self.capsys.readouterr())
        said = self.capsys.readouterr()
        self.err = said.err
        assert "Traceback" not in said.err
        return TIME.sub("TIME", said.out).replace(str(self.folder), "HERE")

    def json(self, *arguments: object, code: int | None = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.delenv(STORE, raising=False)
    monkeypatch.delenv(WHO, raising=False)
    holdfast.save(MODEL, tmp_path / "m.safetensors", example=X[:5], metrics={"auc": 0.91})
    return Shell(tmp_path, capsys)


@pytest.fixture
def three(shell: Shell) -> Shell:
    """A store of three versions, of which one was promoted and brought back."""
    file = shell.folder / "m.safetensors"
    shell("save", file, "churn", "--who", "ann", "--note", "the first", "--alias", "production", "--tag", "team=risk")
    shell("save", file, "churn", "--who", "ben", "--parent", "churn:1")
    holdfast.save({"threshold": 0.5}, file)
    shell("save", file, "churn", "--who", "ben")
    shell("alias", "churn@production", "2", "--who", "ann", "--why", "better auc")
    shell("rollback", "churn@production", "--who", "cem", "--why", "slow")
    return shell


def test_a_transcript_of_three_versions(three: Shell) -> None:
    lines = three("log", "churn").splitlines()
    assert [re.sub(r" +", " ", line) for line in lines] == [
        "# when (UTC) what who why",
        "6 TIME production :2 -> :1 (rolled back) cem slow",
        "5 TIME production :1 -> :2 ann better auc",
        "4 TIME :3 saved: dict ben",
        "3 TIME :2 saved: LogisticRegression, auc=0.91, from churn:1 ben",
        "2 TIME production -> :1 ann",
        '1 TIME :1 saved: LogisticRegression, auc=0.91 "the first" <- production ann',
    ]
    assert len({line.index(word) for line, word in zip(lines[1:4], ("cem", "ann", "ben"), strict=True)}) == 1
    assert [line.split()[0] for line in three("log", "churn@production").splitlines()] == ["#", "6", "5", "2"]
    assert [line.split()[0] for line in three("log", "churn:2").splitlines()] == ["#", "6", "5", "3"]
    found = three.json("log", "churn", "--limit", "2")
    assert found["before"] == 5
    assert [(one["seq"], one["kind"], one["from"], one["to"], one["who"], one["why"]) for one in found["events"]] == [(6, "rollback", 2, 1, "cem", "slow"), (5, "alias", 1, 2, "ann", "better auc")]
    assert set(found["events"][0]) == {"seq", "kind", "at", "who", "why", "n", "alias", "from", "to", "key", "value"}
    three("log", "churn", "--limit", "2")
    assert three.err == "there are more: --before 5\n"
    assert [one["seq"] for one in three.json("log", "churn", "--before", "3")["events"]] == [2, 1]


def test_a_save_says_what_the_file_does_not(shell: Shell) -> None:
    """Metrics, data, code and parents of a version, as `Store.save` has them; data is named by its digest alone."""
    file, rows = shell.folder / "m.safetensors", shell.folder / "rows.csv"
    rows.write_bytes(b"a,b\n1,2\n")
    subprocess.run(["git", "init", "-q", shell.folder], check=True)
    subprocess.run(["git", "-C", shell.folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    told = ("--metric", "f1=0.5", "--metric", "rows=100", "--metric", "auc=0.8", "--metric", "split=first", "--data", f"train={rows}", "--data", f"test=blake3:{'0' * 64}")
    version = shell.json("save", file, "churn", *told, "--code", shell.folder, "--parent", "none", "--tag", "a=b=c")["version"]
    assert version["metrics"] == {"auc": 0.8, "f1": 0.5, "rows": 100, "split": "first"}
    assert version["data"] == {"train": data_digest(rows), "test": f"blake3:{'0' * 64}"}
    assert (len(version["code"]["commit"]), version["code"]["dirty"], version["parent"], version["tags"]) == (40, True, "none", {"a": "b=c"})
    with holdfast.connect(shell.url).open("churn:1") as opening:
        assert opening.opened is not None
        assert opening.opened.manifest.metrics == {"auc": 0.91}  # the artifact keeps its own
    for arguments, code in ((("--metric", "auc"), 2), (("--metric", "auc=nan"), 2), (("--data", "train="), 2), (("--data", f"train={shell.folder}/none.csv"), 3), (("--code", f"{shell.folder}/none"), 3)):
        shell("save", file, "churn", *arguments, code=code)
        shell("save", file, "churn", *arguments, "--dry-run", code=code)
    assert shell.json("versions", "churn")["versions"][0]["n"] == 1


def test_a_terminal_has_colours_and_a_pipe_has_none(three: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = three("log", "churn")
    assert "\x1b" not in plain
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    coloured = three("log", "churn")
    assert "\x1b[33m6  TIME" in coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert three("log", "churn") == plain


def test_versions_and_models_are_listed(three: Shell) -> None:
    three("save", three.folder / "m.safetensors", "Abc")
    out = three("versions", "churn").splitlines()
    assert out[0].split() == ["version", "saved", "(UTC)", "type", "size", "who", "aliases", "metrics", "tags", "note"]
    assert [line.split()[0] for line in out[1:]] == ["churn:3", "churn:2", "churn:1"]
    assert out[3].split()[-6:] == ["ann", "production", "auc=0.91", "team=risk", "the", "first"]
    assert [line.split()[:2] for line in three("models").splitlines()[1:]] == [["Abc", ":1"], ["churn", ":3"]]
    found = three.json("versions", "churn", "--limit", "2")
    assert ([one["ref"] for one in found["versions"]], found["before"]) == (["churn:3", "churn:2"], 2)
    assert set(found["versions"][0]) == {"ref", *holdfast.Version._fields} - {"proof"}
    assert three.json("models", "--limit", "1")["models"][0]["latest"]["ref"] == "Abc:1"
    after = three.json("models", "--limit", "1")["after"]
    assert [one["model"] for one in three.json("models", "--after", after)["models"]] == ["churn"]
    assert three("versions", "nothing", code=3) == ""
    assert "there is no model 'nothing'; there are Abc, churn" in three.err


def test_search_finds_and_says_by_its_exit_code_whether(three: Shell) -> None:
    assert [line.split()[0] for line in three("search", "metrics.auc > 0.9", "--order", "n").splitlines()] == ["version", "churn:1", "churn:2"]
    assert three("search", "metrics.auc > 2", code=1) == ""
    assert three.err == "nothing was found\n"
    assert three.json("search", "metrics.auc > 2", code=1) == {"versions": [], "after": None}
    page = three.json("search", "--limit", "2")
    assert [one["n"] for one in three.json("search", "--limit", "2", "--after", page["after"])["versions"]] == [1]
    three("search", "metrics.auc >", code=2)
    assert three.err.splitlines()[:3] == ["InvalidQuery: a value is missing here: a number, or a text in quotes:", "    metrics.auc >", "                 ^"]


def test_aliases_are_moved_and_taken_away(three: Shell) -> None:
    assert three("alias", "churn@production", "churn:2") == "churn@production was moved from :1 to :2\n"
    assert three("alias", "churn@production", "2") == "churn@production is at :2 already\n"
    assert three("alias", "churn@staging", "churn@latest") == "churn@staging was set to :3\n"
    assert three.json("alias", "churn@staging", "1") == {"alias": "churn@staging", "from": 3, "to": 1, "dry_run": False}
    assert three("rollback", "churn@staging") == "churn@staging went back from :1 to :3\n"
    assert three("alias", "churn@staging", "--remove") == "churn@staging was taken away; it was at :3\n"
    assert three.json("versions", "churn")["versions"][0]["aliases"] == []
    for arguments, said in (
        (("churn@staging",), "say where to"), (("churn@staging", "1", "--remove"), "say where to"), (("churn", "1"), "is no alias that can be set"), (("churn@latest", "1"), "is no alias that can be set"),
        (("a/b@c", "1"), "holds '/'"),
    ):  # fmt: skip
        three("alias", *arguments, code=2)
        assert said in three.err
    three("alias", "churn@staging", "9", code=3)
    assert "there is no version churn:9" in three.err
    three("rollback", "churn@nothing", code=3)
    three("rollback", "churn:1", code=2)
    assert "is no alias" in three.err


def test_tags_and_notes_are_set(three: Shell) -> None:
    assert three("tag", "churn:1", "stage=a=b", "why=not") == "churn:1 has the tags stage=a=b, team=risk, why=not\n"
    assert three("tag", "churn@production", "--remove", "team", "--remove", "why") == "churn:1 has the tags stage=a=b\n"
    assert three("note", "churn:1", "other words") == "churn:1 has another note\n"
    assert three.json("versions", "churn")["versions"][-1]["note"] == "other words"
    assert three("log", "churn:1").splitlines()[1].split(None, 2)[2] == ':1 note "other words"'
    for arguments in (("churn:1",), ("churn:1", "word"), ("churn:1", "=x")):
        three("tag", *arguments, code=2)
        assert "KEY=VALUE" in three.err


def test_versions_are_deleted_all_or_none(three: Shell) -> None:
    three("delete", "churn:2", "churn:1", code=7)
    assert "churn:1 is what churn@production points at" in three.err
    three("delete", "churn:2", "churn:7", code=3)
    assert [one["n"] for one in three.json("versions", "churn")["versions"]] == [3, 2, 1]
    assert three("delete", "churn:2", "churn@latest", "churn:3", "--why", "old").splitlines() == [
        "churn:2 was deleted; churn:1 is the same artifact; collect will free 0 bytes", "churn:3 was deleted; collect will free 32 bytes",
    ]  # fmt: skip
    assert [one["n"] for one in three.json("versions", "churn")["versions"]] == [1]
    assert ":2 saved (deleted since)" in three("log", "churn")
    assert three.json("save", three.folder / "m.safetensors", "churn")["version"]["n"] == 4


def test_a_version_comes_out_as_the_file_that_went_in(three: Shell) -> None:
    out = three.folder / "out.safetensors"
    assert three("get", "churn@latest", out) == f"churn:3 was written to HERE/out.safetensors: {out.stat().st_size} bytes\n"
    assert out.read_bytes() == (three.folder / "m.safetensors").read_bytes()
    three("get", "churn:1", out, code=7)
    assert "give --replace" in three.err
    assert three.json("get", "churn:1", out, "--replace")["bytes"] == out.stat().st_size
    assert holdfast.verify(out).verdict == "bit-equal"
    three("get", "churn:1", three.folder / "out.onnx", code=1)
    assert "holdfast convert" in three.err


def test_a_dry_run_changes_nothing(three: Shell) -> None:
    before = {path: path.read_bytes() for path in Path(three.url).rglob("*") if path.is_file() and not path.name.startswith("catalog")}
    listed, told = three("versions", "churn"), three("log", "churn")
    file = three.folder / "m.safetensors"
    said = [
        three("alias", "churn@production", "3", "--dry-run"), three("alias", "churn@production", "--remove", "--dry-run"), three("rollback", "churn@production", "--dry-run", code=7),
        three("tag", "churn:1", "team=x", "--dry-run"), three("note", "churn:1", "x", "--dry-run"), three("delete", "churn:3", "--dry-run"), three("save", file, "churn", "--dry-run"),
        three("save", file, "new", "--dry-run"), three("get", "churn:1", three.folder / "x.safetensors", "--dry-run"),
    ]  # fmt: skip
    assert said[:-1] == [
        "churn@production would be moved from :1 to :3\n", "churn@production would be taken away; it was at :1\n", "", "churn:1 would have the tags team=x\n",
        "churn:1 would have another note\n", "churn:3 would be deleted; collect will free 32 bytes\n", "HERE/m.safetensors would be saved as churn:4\n", "HERE/m.safetensors would be saved as new:1\n",
    ]  # fmt: skip
    assert not (three.folder / "x.safetensors").exists()
    three("delete", "churn:1", "--dry-run", code=7)
    assert (three("versions", "churn"), three("log", "churn")) == (listed, told)
    assert {path: path.read_bytes() for path in Path(three.url).rglob("*") if path.is_file() and not path.name.startswith("catalog")} == before
    other = str(three.folder / "nowhere")
    assert main(["save", str(file), "new", "--store", other, "--dry-run"]) == 0
    assert not Path(other).exists()


@pytest.mark.parametrize("kind", ["pickle", "joblib", "npz", "plain"])
def test_foreign_files_are_converted_on_the_way(shell: Shell, kind: str) -> None:
    path = shell.folder / {"pickle": "m.pkl", "joblib": "m.joblib", "npz": "m.npz", "plain": "plain.safetensors"}[kind]
    if kind == "npz":
        np.savez(path, w=np.arange(3.0))
    elif kind == "plain":
        from safetensors.numpy import save_file

        save_file({"w": np.arange(3.0)}, path)
    elif kind == "joblib":
        import joblib

        joblib.dump(MODEL, path)
    else:
        path.write_bytes(pickle.dumps(MODEL))
    said = shell("save", path, "m", "--note", "old")
    assert said.startswith("saved m:1")
    assert ("same content" in said) is (kind != "plain")
    store = holdfast.connect(shell.url)
    found = store.load("m:1")
    assert np.array_equal(found.predict(X), MODEL.predict(X)) if kind in ("pickle", "joblib") else np.array_equal(found["w"], np.arange(3.0))
    store.close()


def test_what_cannot_become_a_version_is_refused(shell: Shell) -> None:
    bad = shell.folder / "bad.pkl"
    bad.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    for arguments, code in ((("save", bad, "m"), 4), (("save", shell.folder / "no.pkl", "m"), 3), (("save", shell.folder / "m.safetensors", "a/b"), 2),
                            (("save", shell.folder / "m.safetensors", "m", "--tag", "x"), 2), (("save", shell.folder / "m.safetensors", "m", "--alias", "a b/"), 2)):  # fmt: skip
        assert shell(*arguments, code=code) == ""
    assert shell("models", code=0) == ""
    assert shell.err == "there are no models\n"


@pytest.mark.parametrize("command", [("log", "m"), ("models",), ("versions", "m"), ("search",), ("alias", "m@a", "1"), ("delete", "m:1"), ("get", "m:1", "x.safetensors"), ("inspect", "m:1")])
def test_no_store_is_made_by_mistake(shell: Shell, command: tuple[str, ...]) -> None:
    assert shell(*command, code=3) == ""
    assert "there is no store here" in shell.err
    assert not Path(shell.url).exists()
    Path(shell.url).mkdir()
    assert shell(*command, code=3) == ""
    assert "this folder is no store" in shell.err
    assert list(Path(shell.url).iterdir()) == []


@pytest.mark.parametrize("command", [("models",), ("alias", "m@a", "1"), ("collect",)])
def test_no_catalog_is_made_by_mistake(command: tuple[str, ...], shell: Shell, request: pytest.FixtureRequest) -> None:
    import sqlalchemy as sa

    shell.url = address("postgresql", shell.folder, request)
    assert shell(*command, code=3) == ""
    engine = sa.create_engine(shell.url.replace("postgresql://", "postgresql+psycopg://").partition("?")[0])
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
    assert not any(shell.folder.glob("blobs/*"))
    assert shell("save", shell.folder / "m.safetensors", "m") == "saved m:1\n"
    assert shell("alias", "m@a", "1") == "m@a was set to :1\n"


def test_the_store_is_named_by_option_or_variable_or_not_at_all(three: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    three("models", code=2, store=False)
    assert "Give --store URL" in three.err
    monkeypatch.setenv(STORE, three.url)
    assert three("models", store=False) == three("models")
    monkeypatch.setenv(WHO, "dee")
    three("note", "churn:1", "by variable", store=False)
    assert three.json("log", "churn:1", "--limit", "1")["events"][0]["who"] == "dee"


def test_inspect_verify_predict_and_export_take_references(three: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = three.folder / "rows.csv"
    np.savetxt(rows, X[:3], delimiter=",", header="a,b,c", comments="")
    answers = ["predict", *map(str, MODEL.predict(X[:3]))]
    assert three("predict", "churn@production", rows).split() == answers
    assert "LogisticRegression" in three("inspect", "churn:1")
    assert three.json("inspect", "churn:1")["type"].endswith("LogisticRegression")
    assert three("verify", "churn:1").startswith("bit-equal: 5 rows")
    assert three.json("verify", "churn:1")["ok"] is True
    three("predict", "churn:9", rows, code=3)
    three("predict", "churn:x", rows, code=2)
    three("predict", "churn:3", rows, code=1)
    # with the variable, a file is a file
    monkeypatch.setenv(STORE, three.url)
    assert three("predict", "churn@production", rows, store=False).split() == answers
    assert "dict" in three("inspect", three.folder / "m.safetensors", store=False)
    monkeypatch.chdir(three.folder)
    holdfast.save({"here": 1}, "churn:1.safetensors")
    Path("churn:1.safetensors").rename("churn:1")
    assert "dict" in three("inspect", "churn:1", store=False)
    assert "LogisticRegression" in three("inspect", "churn:1")
    out = three.folder / "churn.onnx"
    pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    found = three.json("export", "churn@production", out)
    assert found["proven"] is True
    assert out.stat().st_size == found["nbytes"]


def test_what_a_store_holds_cannot_speak_to_the_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.store.said.checked_key", lambda key, what: key)  # somebody else's program wrote it
    store = holdfast.connect(shell.url)
    evil = "\x1b[31m\u202eevil\r\n"
    store.save({"a": 1}, "m", note=evil, tags={evil: evil}, metrics={evil: evil, "b": 1.0}, who=evil)
    store.alias("m@a", 1, why=evil, who=evil)
    store.close()
    for command in (("log", "m"), ("versions", "m"), ("models",), ("search",), ("tag", "m:1", "x=y")):
        out = shell(*command)
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "\r" not in out
        assert "\\x1b" in out
        assert "\x1b" not in shell(*command, "--json")


def test_one_long_text_does_not_widen_a_table(shell: Shell) -> None:
    with holdfast.connect(shell.url) as store:
        store.tag(store.save({"a": 1}, "m", tags={"t": "x" * 1000}, metrics={"m": "y" * 1000}, note="z" * 1000), k="w" * 1000)
    for command in (("versions", "m"), ("models",), ("search",), ("log", "m")):
        assert max(map(len, shell(*command).splitlines())) < 400
    (version,) = shell.json("versions", "m")["versions"]
    assert (version["tags"], version["note"]) == ({"t": "x" * 1000, "k": "w" * 1000}, "z" * 1000)


def test_what_is_no_model_makes_no_store(shell: Shell) -> None:
    (shell.folder / "rows.csv").write_text("a,b\n1,2\n")
    for file in ("absent.safetensors", "rows.csv"):
        shell("save", shell.folder / file, "m", code=None)
        assert not Path(shell.url).exists()
    shell("models", "--store", f"memory://{uuid.uuid4().hex}", code=3, store=False)
    assert "there is no store here; correct the address, or make one: holdfast save" in shell.err


def test_shells_complete_names_from_the_store(three: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    three("save", three.folder / "m.safetensors", "chess")
    from click.shell_completion import ShellComplete

    from holdfast.cli.commands import group

    complete = ShellComplete(group, {}, "holdfast", "_HOLDFAST_COMPLETE")
    for args, text, wanted in (
        (["log", "--store", three.url], "ch", ["chess", "churn"]), (["log", "--store", three.url], "chu", ["churn"]), (["get", "--store", three.url], "churn@", ["churn@latest", "churn@production"]),
        (["get", "--store", three.url], "churn:", ["churn:3", "churn:2", "churn:1"]), (["get", "--store", three.url], "nothing:", []), (["get"], "ch", []), (["log", "--store", "/nowhere"], "c", []),
    ):  # fmt: skip
        assert [one.value for one in complete.get_completions(args, text)] == wanted, (args, text)
    monkeypatch.setenv(STORE, three.url)
    assert [one.value for one in complete.get_completions(["versions"], "x")] == []
    assert [one.value for one in complete.get_completions(["versions"], "")] == ["chess", "churn"]


@pytest.mark.parametrize("words", [("predict", "rows.csv"), ("inspect",), ("verify",), ("compare", "m.safetensors"), ("convert", "new.safetensors"), ("export", "new.onnx")], ids=lambda words: words[0])
def test_an_address_that_says_too_little_is_an_error_of_usage_for_every_command(shell: Shell, words: tuple[str, ...]) -> None:
    """Each of them takes the address of a file in a bucket, and none answers with a traceback."""
    (shell.folder / "rows.csv").write_text("a,b,c\n1,2,3\n")
    for place in ("s3://team/models", "s3://team", "s3://team/m.safetensors?colour=red", "s3:///m"):
        shell(words[0], place, *[shell.folder / one for one in words[1:]], code=2, store=False)
        assert "Error: s3://" in shell.err


def test_what_a_store_warns_of_is_a_plain_notice(three: Shell) -> None:
    """No line of ours, and no path of the package, stands in it."""
    (three.folder / "models" / "format.json").unlink()
    assert "churn" in three("models")
    assert three.err.startswith("notice: ")
    assert "HoldfastWarning" not in three.err


def test_what_is_no_pack_makes_no_store(shell: Shell) -> None:
    (shell.folder / "rows.csv").write_text("a,b\n1,2\n")
    for name in ("rows.csv", "m.safetensors"):
        shell("unpack", shell.folder / name, code=6)
        assert "no tar, and so no pack" in shell.err
    shell("unpack", shell.folder / "missing.tar", code=3)
    assert not (shell.folder / "models").exists()
