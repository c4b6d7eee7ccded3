"""The command line as people and scripts meet it: exit codes, streams, JSON, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.cli.commands import COMMANDS
from holdfast.cli.main import main
from tests.artifact.models import data, forest, pipeline


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    holdfast.save(pipeline(), path, example=data()[0][:5], metrics={"auc": 0.9})
    return path


def run(*arguments: str) -> int:
    return main([str(argument) for argument in arguments])


def test_inspect_shows_the_model_and_its_tree(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", str(saved)) == 0
    out = capsys.readouterr().out
    for text in ("sklearn.pipeline.Pipeline", "clf: LogisticRegression", "coef_: array f8[1, 4]", "auc=0.9", "loads without trusting"):
        assert text in out


def test_inspect_json_has_a_stable_shape(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", "--json", str(saved)) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(holdfast.Inspection.__struct_fields__)
    assert found["verdict"] == "loads"
    assert found["signature"]["classes"] == [0, 1]


def test_verify_proves_and_its_exit_code_says_so(saved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("verify", str(saved)) == 0
    assert capsys.readouterr().out.startswith("bit-equal: 5 rows")
    assert run("verify", "--json", str(saved)) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(LogisticRegression, "predict_proba", lambda self, X: np.zeros((len(X), 2)))
    assert run("verify", str(saved)) == 1
    assert capsys.readouterr().out.startswith("differs")


def test_compare_exits_1_when_models_differ(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.safetensors"
    holdfast.save(forest(), other)
    assert run("compare", str(saved), str(saved)) == 0
    assert run("compare", str(saved), str(other)) == 1
    assert "different models" in capsys.readouterr().out
    assert run("compare", "--json", str(saved), str(other)) == 1
    assert json.loads(capsys.readouterr().out)["same"] is False


@pytest.mark.parametrize("kind", ["csv", "parquet", "json", "-"])
def test_predict_reads_tables_of_every_kind(
    kind: str, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    import pandas as pd

    X, _ = data()
    table = pd.DataFrame(X[:6], columns=list("abcd"))
    rows = tmp_path / f"rows.{kind}"
    if kind == "-":
        monkeypatch.setattr(sys, "stdin", io.StringIO(table.to_csv(index=False)))
    elif kind == "parquet":
        table.to_parquet(rows)
    elif kind == "json":
        table.to_json(rows, orient="records", double_precision=15)
    else:
        table.to_csv(rows, index=False)
    assert run("predict", str(saved), "-" if kind == "-" else str(rows)) == 0
    lines = capsys.readouterr().out.split()
    assert lines == ["predict", *map(str, pipeline().predict(X[:6]))]


def test_predict_gives_probabilities_by_class(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X, _ = data()
    np.savetxt(tmp_path / "rows.csv", X[:2], delimiter=",", header="a,b,c,d", comments="")
    assert run("predict", str(saved), str(tmp_path / "rows.csv"), "--method", "predict_proba") == 0
    assert capsys.readouterr().out.splitlines()[0] == "predict_proba_0,predict_proba_1"
    assert run("predict", str(saved), str(tmp_path / "rows.csv"), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"method": "predict", "classes": [0, 1], "answers": pipeline().predict(X[:2]).tolist()}


def damaged(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


class Mine:
    pass


@pytest.mark.parametrize(
    ("case", "code", "text"),
    [
        ("missing file", 3, "NotFound"),
        ("unknown command", 2, "Usage"),
        ("no arguments to inspect", 2, "Usage"),
        ("damaged", 6, "Corrupt"),
        ("a pickle", 6, "looks like a pickle"),
        ("untrusted", 4, "UntrustedType"),
        ("bad trusted name", 2, "wildcards"),
        ("folder", 6, "folder"),
        ("wrong rows", 1, "columns"),
        ("rows of no kind", 2, ".csv"),
        ("no method", 1, "transform"),
    ],
)
def test_each_failure_has_its_exit_code_and_one_message(
    case: str, code: int, text: str, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n1,2\n")
    arguments: list[Any] = {
        "missing file": ["inspect", tmp_path / "no.safetensors"],
        "unknown command": ["diff", saved, saved],
        "no arguments to inspect": ["inspect"],
        "folder": ["inspect", tmp_path],
        "bad trusted name": ["verify", saved, "--trusted", "acme.*"],
        "wrong rows": ["predict", saved, rows],
        "rows of no kind": ["predict", saved, tmp_path / "rows.xls"],
        "no method": ["predict", saved, rows, "--method", "transform"],
    }.get(case, ["verify", saved])
    if case == "damaged":
        damaged(saved)
    elif case == "a pickle":
        saved.write_bytes(b"\x80\x04\x95abc")
    elif case == "untrusted":
        holdfast.save(Mine(), saved)
    assert run(*arguments) == code
    captured = capsys.readouterr()
    assert text in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def holdfast_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "holdfast", *arguments], capture_output=True, text=True, check=False, **options)


def test_version_needs_neither_numpy_nor_click() -> None:
    code = "import sys; sys.argv = ['holdfast', '--version']; from holdfast.cli.main import run; run(); print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = done.stdout.splitlines()
    assert version == f"holdfast {holdfast.__version__}"
    assert not {"numpy", "click", "msgspec", "rich"} & set(modules.split())


def test_inspect_imports_no_machine_learning_library(saved: Path) -> None:
    code = (
        "import sys; from holdfast.cli.main import main; code = main(sys.argv[1:]); "
        "sys.stderr.write(' '.join({m.partition('.')[0] for m in sys.modules})); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, "inspect", str(saved)], capture_output=True, text=True, check=True)
    assert "LogisticRegression" in done.stdout
    assert not {"sklearn", "scipy", "pandas", "joblib", "torch"} & set(done.stderr.split())


def test_the_folder_one_stands_in_is_not_imported_from(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "sklearn.py").write_text("open('marker', 'w').close()")
    done = holdfast_process("verify", str(saved), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "marker").exists()


def test_output_to_a_pipe_has_no_colour_and_no_bar(saved: Path) -> None:
    done = holdfast_process("verify", str(saved), env={**os.environ, "FORCE_COLOR": ""})
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("completion", shell) == 0
    assert "_HOLDFAST_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    assert "Usage: holdfast" in capsys.readouterr().out


@pytest.mark.long
def test_the_demo_proves_every_model_in_a_fresh_process(tmp_path: Path) -> None:
    done = holdfast_process("demo", "--json", "--keep", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) >= 8
    assert {row["proof"] for row in rows} == {"bit-equal"}
    assert len(list(tmp_path.glob("*.safetensors"))) == len(rows)


@pytest.mark.parametrize(("typed", "meant"), [("serch", "search"), ("inspct", "inspect"), ("verison", "versions")])
def test_a_command_that_is_mistyped_is_told_the_one_that_is_near(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([typed]) == 2
    assert f"No such command '{typed}'. Did you mean '{meant}'?" in capsys.readouterr().err
    assert main(["qqqqqq"]) == 2
    assert "mean" not in capsys.readouterr().err


def test_a_method_that_the_model_has_not_is_not_blamed_on_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sklearn.linear_model import LinearRegression

    holdfast.save(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "line.safetensors")
    (tmp_path / "rows.csv").write_text("a\n1\n")
    (tmp_path / "wide.csv").write_text("a,b\n1,2\n")
    words = ["predict", str(tmp_path / "line.safetensors")]
    assert main([*words, str(tmp_path / "rows.csv"), "--method", "predict_proba"]) == 1
    said = capsys.readouterr().err
    assert "has no predict_proba; it has predict" in said
    assert "compare the columns" not in said
    assert main([*words, str(tmp_path / "wide.csv")]) == 1
    assert "compare the columns" in capsys.readouterr().err
