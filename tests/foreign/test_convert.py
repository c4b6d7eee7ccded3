"""``holdfast convert``: a folder of old files of every kind, read only, and new ones beside it that are proven to be the same models."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import holdfast
from holdfast.api import convert_folder
from holdfast.cli.convert import command
from holdfast.errors import AlreadyExists, FormatError, HoldfastError, NotFound, Truncated, UnsupportedModel
from tests.foreign.samples import X, Y, dumped


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("echo hello",)


PIPE = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
TREE = DecisionTreeClassifier(max_depth=2).fit(X, Y)


def mixed(folder: Path) -> Path:
    """Make a folder as people have them."""
    import skops.io

    whole = pickle.dumps(PIPE)
    files = {
        "2023/tree.joblib": dumped(joblib.dump, TREE, compress=3), "2023/q1/pipe.pkl": whole, "2023/q1/pipe.joblib": dumped(joblib.dump, PIPE), "2024/tree.skops": skops.io.dumps(TREE),
        "2024/evil.pkl": pickle.dumps(Evil()), "2024/cut.pkl": whole[: len(whole) // 2], "2024/lfs.pkl": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n",
        "2024/empty.pkl": b"", "2024/numbers.npz": dumped(lambda value, out: np.savez(out, a=value), np.arange(5.0)), "README.txt": b"hello", "2024/notes.md": b"# notes\n", "data.csv": b"a,b\n1,2\n",
        "2024/picture.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }  # fmt: skip
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


CONVERTED = ["2023/q1/pipe.joblib", "2023/q1/pipe.pkl", "2023/tree.joblib", "2024/numbers.npz", "2024/tree.skops"]
REFUSED = ["2024/cut.pkl", "2024/empty.pkl", "2024/evil.pkl", "2024/lfs.pkl"]


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()}


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any, dict[str, Any], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("mixed")
    old, new = mixed(folder / "old"), folder / "new"
    before = state_of(old)
    done = run(old, new, "--workers", 1, "--json")
    return old, new, done, json.loads(done.stdout), before


def by_name(old: Path, told: dict[str, Any], status: str) -> list[str]:
    return sorted(os.path.relpath(one["source"], old) for one in told["files"] if one["status"] == status)


def test_every_file_of_a_folder_is_accounted_for(converted: Any) -> None:
    old, _, done, told, before = converted
    assert by_name(old, told, "converted") == CONVERTED
    assert by_name(old, told, "refused") == REFUSED
    assert sorted(os.path.relpath(one["source"], old) for one in told["files"]) == sorted(before)
    assert told["counts"] == {"converted": 5, "refused": 4, "skipped": 4}
    assert done.return_value == 1


def test_the_old_files_are_untouched_and_nothing_is_beside_them(converted: Any) -> None:
    old, _, _, _, before = converted
    assert state_of(old) == before


def test_the_new_files_are_the_same_models(converted: Any) -> None:
    _, new, _, told, _ = converted
    assert sorted(str(path.relative_to(new)) for path in new.rglob("*") if path.is_file()) == [
        "2023/q1/pipe.joblib.safetensors", "2023/q1/pipe.pkl.safetensors", "2023/tree.safetensors", "2024/numbers.safetensors", "2024/tree.safetensors",
    ]  # fmt: skip
    for name, model in {"2023/q1/pipe.pkl": PIPE, "2023/q1/pipe.joblib": PIPE, "2023/tree": TREE, "2024/tree": TREE}.items():
        assert holdfast.load(new / f"{name}.safetensors").predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert holdfast.load(new / "2024/numbers.safetensors")["a"].tolist() == [0, 1, 2, 3, 4]
    assert all(one["same_content"] is True and one["needs_trust"] == [] for one in told["files"] if one["status"] == "converted")
    assert all(one["same_answers"] is True and one["rows"] > 0 for one in told["files"] if one["status"] == "converted" and "numbers" not in one["source"])


def test_each_refusal_says_why(converted: Any) -> None:
    old, _, _, told, _ = converted
    why = {os.path.relpath(one["source"], old): (one["error"], one["reason"]) for one in told["files"] if one["status"] == "refused"}
    assert why["2024/evil.pkl"][0] == "UntrustedType"
    assert "system" in why["2024/evil.pkl"][1]
    assert why["2024/cut.pkl"][0] == "Truncated"
    assert "git lfs pull" in why["2024/lfs.pkl"][1]


def test_the_report_as_text_says_the_same(converted: Any, tmp_path: Path) -> None:
    old, _, _, _, _ = converted
    done = run(old, tmp_path / "new", "--workers", 1)
    lines = done.stdout.rstrip().splitlines()
    assert sum(line.startswith("converted") for line in lines) == 5
    assert sum(line.startswith("refused") for line in lines) == 4
    assert lines[-1].startswith("5 converted, 4 refused, 4 skipped; ")
    assert done.return_value == 1


def test_two_workers_say_what_one_says(converted: Any, tmp_path: Path) -> None:
    old, new, _, told, _ = converted
    done = run(old, tmp_path / "new", "--workers", 2, "--json")
    again = json.loads(done.stdout.replace(str(tmp_path / "new"), str(new)))
    assert again == told
    for path in new.rglob("*.safetensors"):
        other = tmp_path / "new" / path.relative_to(new)
        assert holdfast.compare(path, other).same


def test_a_dry_run_names_the_files_and_writes_none(converted: Any, tmp_path: Path) -> None:
    old, *_ = converted
    done = run(old, tmp_path / "new", "--dry-run", "--json")
    told = json.loads(done.stdout)
    assert sorted(os.path.relpath(one["source"], old) for one in told["files"] if one["target"]) == sorted(CONVERTED + REFUSED)
    assert not (tmp_path / "new").exists()
    assert done.return_value == 0


def test_files_that_are_there_are_kept_unless_told(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "old" / "a.pkl").write_bytes(pickle.dumps([1, 2]))
    (tmp_path / "new" / "a.safetensors").write_bytes(b"mine")
    (found,) = convert_folder(tmp_path / "old", tmp_path / "new", workers=1)
    assert (found.status, found.error) == ("refused", "AlreadyExists")
    assert (tmp_path / "new" / "a.safetensors").read_bytes() == b"mine"
    with pytest.raises(AlreadyExists):
        holdfast.convert(tmp_path / "old" / "a.pkl", tmp_path / "new" / "a.safetensors")
    (found,) = convert_folder(tmp_path / "old", tmp_path / "new", workers=1, replace=True)
    assert found.status == "converted"
    assert holdfast.load(tmp_path / "new" / "a.safetensors") == [1, 2]


def test_names_that_would_meet_are_kept_apart(tmp_path: Path) -> None:
    names = ["a.pkl", "a.joblib", "A.p", "a.pkl.pkl", "b.pkl", "b.pkl.pkl"]
    (tmp_path / "old").mkdir()
    for number, name in enumerate(names):
        (tmp_path / "old" / name).write_bytes(pickle.dumps(number))
    found = convert_folder(tmp_path / "old", tmp_path / "new", workers=1)
    assert [one.status for one in found] == ["converted"] * len(names)
    assert len({one.target.lower() for one in found}) == len(names)
    assert {os.path.basename(one.source): holdfast.load(one.target) for one in found} == {name: number for number, name in enumerate(names)}


def test_links_pipes_and_loops_do_not_hold_it_up(tmp_path: Path) -> None:
    old = tmp_path / "old"
    (old / "inner").mkdir(parents=True)
    (old / "a.pkl").write_bytes(pickle.dumps([1]))
    (old / "inner" / "up").symlink_to(old)
    (old / "itself.pkl").symlink_to("itself.pkl")
    (old / "nowhere.pkl").symlink_to("gone.pkl")
    os.mkfifo(old / "pipe.pkl")
    found = {os.path.relpath(one.source, old): one for one in convert_folder(old, tmp_path / "new", workers=1)}
    assert found["a.pkl"].status == "converted"
    assert {found[name].status for name in ("itself.pkl", "nowhere.pkl", "pipe.pkl")} <= {"refused", "skipped"}
    assert "inner/up/a.pkl" not in found
    assert sorted(one.name for one in (tmp_path / "new").iterdir()) == ["a.safetensors"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may read everything")
def test_a_file_that_may_not_be_read_is_refused_and_the_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("a.pkl", "b.pkl"):
        (tmp_path / "old" / name).write_bytes(pickle.dumps(name))
    (tmp_path / "old" / "a.pkl").chmod(0)
    found = convert_folder(tmp_path / "old", tmp_path / "new", workers=1)
    assert [one.status for one in found] == ["refused", "converted"]


@pytest.mark.parametrize("new", ["old", "old/new", ".", "old/../old/x", "link/new"])
def test_a_target_inside_the_source_is_refused(new: str, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "old")
    (tmp_path / "old" / "a.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(FormatError, match="beside it"):
        convert_folder(tmp_path / "old", tmp_path / new, workers=1)
    assert sorted(path.name for path in (tmp_path / "old").iterdir()) == ["a.pkl"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        convert_folder(tmp_path / "gone", tmp_path / "new")


@pytest.mark.parametrize("data", [b"", b"\x80", pickle.dumps(PIPE)[:-1], pickle.dumps(Evil()), b"<html>", bytes(64)], ids=["empty", "short", "cut", "evil", "page", "zeros"])
def test_a_file_that_is_refused_leaves_nothing_behind(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(HoldfastError):
        holdfast.convert(tmp_path / "a.pkl", tmp_path / "a.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pkl"]


def test_a_file_that_does_what_it_must_not_is_not_converted_even_when_it_may_run(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(HoldfastError, match="tried to start"):
        holdfast.convert(tmp_path / "a.pkl", tmp_path / "a.safetensors", allow_pickle=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pkl"]


def test_a_function_without_a_name_says_how_to_go_on(tmp_path: Path) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    (tmp_path / "a.pkl").write_bytes(cloudpickle.dumps(make_pipeline(FunctionTransformer(lambda rows: rows * 2), LogisticRegression()).fit(X, Y)))
    with pytest.raises(HoldfastError):
        holdfast.convert(tmp_path / "a.pkl", tmp_path / "a.safetensors")
    assert "cloudpickle" in str(holdfast.inspect(tmp_path / "a.pkl"))


def test_the_command_ends_with_what_became_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1]))
    done = subprocess.run([*_PYTHON, "convert", str(tmp_path / "a.pkl"), str(tmp_path / "a.safetensors")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    again = subprocess.run([*_PYTHON, "convert", str(tmp_path / "a.pkl"), str(tmp_path / "a.safetensors")], capture_output=True, text=True, check=False)
    assert again.returncode == AlreadyExists.exit_code
    assert "Traceback" not in again.stderr


_PYTHON = (sys.executable, "-m", "holdfast")


def test_a_catboost_of_its_own_file_is_asked_though_it_says_it_has_no_features(tmp_path: Path) -> None:
    from catboost import CatBoostClassifier

    CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False).fit(X, Y).save_model(str(tmp_path / "m.cbm"))
    done = holdfast.convert(tmp_path / "m.cbm", tmp_path / "m.safetensors")
    assert (done.status, done.same_answers) == ("converted", True)
    assert done.rows > 0


def boosters_and_nets(folder: Path) -> None:
    """Write models as the boosters and Keras do themselves."""
    import keras
    import lightgbm
    import xgboost

    keras.utils.set_random_seed(0)
    xgboost.XGBClassifier(n_estimators=3).fit(X, Y).save_model(folder / "x.json")
    xgboost.train({}, xgboost.DMatrix(X, Y, feature_names=[f"column {i}" for i in range(X.shape[1])]), 3).save_model(folder / "named.ubj")
    lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, Y).booster_.save_model(folder / "l.txt")
    left, right = keras.Input((4,), name="left"), keras.Input((3, 2), name="right")
    joined = keras.layers.Concatenate()([keras.layers.Dense(2)(left), keras.layers.Flatten()(right)])
    keras.Model([left, right], joined).save(folder / "two.keras")
    keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(7, 3), keras.layers.LSTM(2)]).save(folder / "words.keras")


@pytest.mark.filterwarnings("ignore")
def test_files_of_boosters_and_keras_are_asked(tmp_path: Path) -> None:
    boosters_and_nets(tmp_path)
    for one in sorted(tmp_path.iterdir()):
        done = holdfast.convert(one, tmp_path / f"{one.name}.safetensors")
        assert (done.rows, done.same_answers) == (16, True), done


def test_a_file_of_which_nothing_could_be_compared_says_so(tmp_path: Path) -> None:
    import xgboost

    frame = pd.DataFrame({"kind": pd.Categorical(["a", "b", "a", "c"] * 10), "size": np.arange(40.0)})
    matrix = xgboost.DMatrix(frame, np.arange(40.0), enable_categorical=True)
    (tmp_path / "c.pkl").write_bytes(pickle.dumps(xgboost.train({"tree_method": "hist"}, matrix, 2)))
    done = holdfast.convert(tmp_path / "c.pkl", tmp_path / "c.safetensors")
    assert done.same_content or "ask both files rows of yours" in done.proof


def test_what_is_native_already_and_what_is_no_model_are_named(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    holdfast.save(TREE, old / "tree.safetensors")
    (old / "notes.md").write_text("# notes")
    (old / "tree.pkl").write_bytes(pickle.dumps(TREE))
    done = run(old, tmp_path / "new")
    assert done.return_value == 0
    assert "a safetensors file already" in done.stdout
    assert "notes.md" in done.stdout
    for number in range(30):
        (old / f"notes{number}.md").write_text("# notes")
    assert "and 12 more; --json names them all" in run(old, tmp_path / "new2").stdout


def test_catboost_in_json_is_told_what_to_do(tmp_path: Path) -> None:
    import catboost

    path = tmp_path / "c.json"
    catboost.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False).fit(X, Y).save_model(str(path), format="json")
    with pytest.raises(UnsupportedModel, match=r"load_model\(path, format='json'\)"):
        holdfast.load(path)
    assert [one.error for one in convert_folder(tmp_path, f"{tmp_path}-new")] == ["UnsupportedModel"]


@pytest.mark.parametrize("suffix", [".pkl", ".safetensors", ".onnx", ".keras", ".skops"])
def test_a_file_without_a_byte_is_called_empty(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    path.touch()
    with pytest.raises(Truncated, match="empty"):
        holdfast.load(path)
