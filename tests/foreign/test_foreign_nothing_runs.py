"""Foreign files are data: no unpickler reads them, no library's code runs before the plan, and what is hostile runs never."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from holdfast import errors
from tests.foreign import hostile_files, samples
from tests.foreign.hostile_files import HARMLESS, MARKER, archives, files
from tests.hostile.oracle import ROOT, printable

LIBRARIES = ("sklearn.linear_model", "sklearn.pipeline", "sklearn.tree", "sklearn.neighbors", "scipy.sparse", "torch", "xgboost", "lightgbm", "catboost", "joblib", "zoneinfo", "numpy.random")


def watched(warm: Iterable[Path], paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return what happened when files were opened in a child."""
    lines = [*map(str, warm), "", *map(str, paths), ""]
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=os.pathsep.join([str(Path(errors.__file__).parents[1]), str(ROOT)]))
    command = [sys.executable, "-m", "tests.foreign.canary", *LIBRARIES]
    done = subprocess.run(command, input="\n".join(lines).encode(), capture_output=True, cwd=ROOT, env=environment, timeout=400, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return [json.loads(line[1:]) for line in done.stdout.decode().split("\n") if line.startswith("\x1e")]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("honest")
    made = []
    for name, data in (samples.python_files() | samples.torch_files() | samples.booster_files(folder)).items():
        made.append(folder / name)
        made[-1].write_bytes(data)
    return made


@pytest.fixture(scope="module")
def opened(honest: list[Path]) -> list[dict[str, Any]]:
    return watched(honest, honest)


@pytest.fixture(scope="module")
def attacked(honest: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("hostile")
    every = files() | archives()
    for name, data in every.items():
        (folder / name).write_bytes(data)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for one in watched(honest, sorted(folder.iterdir())):
        found.setdefault(Path(one["path"]).name, {})[one["action"]] = one
    assert set(found) == set(every)
    return found


def test_honest_files_are_loaded(opened: list[dict[str, Any]], honest: list[Path]) -> None:
    assert len(opened) == 2 * len(honest)
    assert [(Path(one["path"]).name, one["message"]) for one in opened if "error" in one] == []


def test_honest_files_reach_no_unpickler(opened: list[dict[str, Any]]) -> None:
    seen = {f"{Path(one['path']).name} {one['action']}: {event}" for one in opened for event in one["events"] if event.startswith(("pickle.", "marshal.", "exec", "open for"))}
    assert seen == set()


def test_no_code_of_a_library_runs_before_there_is_a_plan(opened: list[dict[str, Any]]) -> None:
    early = {f"{Path(one['path']).name} {one['action']}: {name}" for one in opened for name in one["early"]}
    assert early == set()


def test_hostile_files_run_and_import_nothing(attacked: dict[str, dict[str, dict[str, Any]]]) -> None:
    seen = [f"{name} {action}: {one['events'][:3]}" for name, both in attacked.items() for action, one in both.items() if one["events"]]
    assert seen == []
    assert not os.path.exists(MARKER)


def test_hostile_files_reach_no_code_of_a_library(attacked: dict[str, dict[str, dict[str, Any]]]) -> None:
    early = {f"{name} {action}: {one['early']}" for name, both in attacked.items() for action, one in both.items() if one["early"]}
    assert early == set()


def test_hostile_files_are_refused_by_typed_errors_that_can_be_shown(attacked: dict[str, dict[str, dict[str, Any]]]) -> None:
    loaded = {name for name, both in attacked.items() if "error" not in both["load"]}
    assert loaded == set(HARMLESS)
    for name in set(attacked) - loaded:
        one = attacked[name]["load"]
        assert one["ours"], (name, one["error"][0], one["message"])
        assert {"FormatError", "TrustError", "AdapterError"} & set(one["error"]), (name, one["error"])
        assert len(one["message"]) > 10, name
        assert printable(one["message"]), (name, ascii(one["message"]))


def test_a_look_at_a_hostile_file_gives_a_verdict_or_a_typed_error(attacked: dict[str, dict[str, dict[str, Any]]]) -> None:
    for name, both in attacked.items():
        one = both["inspect"]
        if "error" in one:
            assert one["ours"], (name, one["error"][0], one["message"])
        else:
            assert one["verdict"] in ("dangerous", "unread", "needs trust", "loads as data"), name
            assert printable(one["shown"]), name


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_named_and_not_held_is_called_dangerous_by_a_look(name: str, attacked: dict[str, dict[str, dict[str, Any]]]) -> None:
    assert attacked[name]["inspect"]["verdict"] == "dangerous"
    assert attacked[name]["load"]["made"] in ("NoneType", "VoidDType", "dtype[void]")


def test_what_is_dangerous_is_called_so(attacked: dict[str, dict[str, dict[str, Any]]]) -> None:
    verdicts = {name: attacked[f"{name}.pkl"]["inspect"].get("verdict") for name in hostile_files.CALLED}
    assert {name for name, verdict in verdicts.items() if verdict != "dangerous"} <= hostile_files.ONLY_UNKNOWN
    assert set(verdicts.values()) <= {"dangerous", "unread"}, "none of them may load as data"


@pytest.mark.parametrize("name", hostile_files.CALLED)
def test_a_name_that_a_file_would_call_is_told(name: str, attacked: dict[str, dict[str, dict[str, Any]]]) -> None:
    both = attacked[f"{name}.pkl"]
    assert name in both["inspect"]["called"]
    assert name in both["load"]["message"]


def test_the_payload_of_the_hostile_files_is_one() -> None:
    """Else the tests above would be true of anything."""
    import pickle

    try:
        pickle.loads(files()["os.system.pkl"])
        assert os.path.exists(MARKER)
    finally:
        Path(MARKER).unlink(missing_ok=True)
