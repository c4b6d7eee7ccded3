"""Where versions come from: digests of data, states of code, parents."""

from __future__ import annotations

import datetime
import decimal
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from blake3 import blake3

import holdfast
from holdfast.errors import EnvironmentMissing, FormatError, NotFound, Unavailable
from holdfast.store import lineage
from holdfast.store.lineage import data_digest, git_state
from holdfast.store.store import Store

FRAME = pd.DataFrame({
    "age": [31, 45, 27], "income": [1.5, np.nan, -0.0], "city": ["Köln", None, "x"], "kind": pd.Categorical(["a", "b", "a"], ["a", "b", "c"]), "member": [True, False, True],
    "since": pd.to_datetime(["2024-01-01", "2024-02-29", None]), "at": pd.to_datetime(["2024-01-01T10:00Z", None, "2024-01-02T10:00Z"]),
    "count": pd.array([1, None, 3], dtype="Int64"), "paid": [decimal.Decimal("1.10"), None, decimal.Decimal("2")], "day": [datetime.date(2024, 1, 1)] * 3,
})  # fmt: skip
DATA: dict[str, Any] = {
    "bytes": b"abc", "array": np.arange(6.0).reshape(2, 3), "integers": np.arange(6), "texts": np.array(["a", "bc"]), "objects": np.array(["a", 1, None, 2.5], dtype=object), "frame": FRAME,
    "column": FRAME["city"], "sparse": scipy.sparse.csr_matrix([[0, 1.0], [2.0, 0]]), "pair": (np.arange(3), ["a", "b", "c"]), "named": {"X": np.ones(2), "y": [1, 0]},
    "records": np.array([(1, 2.0)], dtype=[("a", "i1"), ("b", "f8")]), "empty": np.empty((0, 3)), "huge": [10**30, True, 1, 1.0],
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with_store = holdfast.connect(tmp_path / "models", who="ann")
    yield with_store
    with_store.close()


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    raw = os.urandom(3_000_000)
    (tmp_path / "train.csv").write_bytes(raw)
    expected = "blake3:" + blake3(raw).hexdigest()
    assert data_digest(tmp_path / "train.csv") == data_digest(str(tmp_path / "train.csv")) == data_digest(raw) == data_digest(bytearray(raw)) == expected
    with pytest.raises(NotFound):
        data_digest(tmp_path / "test.csv")


def test_the_digest_of_a_folder_is_that_of_its_files_and_their_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "inner").mkdir(parents=True)
        for file in (("a", "inner/b") if name == "one" else ("inner/b", "a")):
            (tmp_path / name / file).write_text(file)
    same = data_digest(tmp_path / "one")
    assert data_digest(tmp_path / "two") == same
    (tmp_path / "two" / "a").rename(tmp_path / "two" / "c")
    assert data_digest(tmp_path / "two") != same
    (tmp_path / "one" / "link").symlink_to(tmp_path / "two" / "c")
    with pytest.raises(FormatError, match="no file, such as a link"):
        data_digest(tmp_path / "one")


def test_digests_are_the_same_in_another_process_with_another_seed() -> None:
    code = "from tests.store.test_lineage import DATA, data_digest\nfor name, one in DATA.items(): print(name, data_digest(one))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"})
    assert dict(line.split() for line in done.stdout.splitlines()) == {name: data_digest(one) for name, one in DATA.items()}
    assert len({data_digest(one) for one in DATA.values()}) == len(DATA)


def test_the_digest_of_an_array_is_that_of_its_values() -> None:
    array = np.arange(12.0).reshape(3, 4)
    for one in (array.copy(), np.asfortranarray(array), array[:, ::-1][:, ::-1], array.astype(">f8"), np.ma.asarray(array).data):
        assert data_digest(one) == data_digest(array)
    for other in (array.astype("f4"), array.reshape(4, 3), np.add(array, [[0, 0, 0, 1e-12]]), array.ravel(), array.tolist()):
        assert data_digest(other) != data_digest(array)
    torch = pytest.importorskip("torch")
    assert data_digest(torch.from_numpy(array).requires_grad_()) == data_digest(array)
    rows = scipy.sparse.random(20, 10, 0.2, format="coo", random_state=0)
    assert data_digest(rows) == data_digest(rows.tocsr()) == data_digest(rows.tocsc())


@pytest.mark.parametrize("column", list(FRAME))
def test_every_column_of_a_frame_counts(column: str) -> None:
    expected = data_digest(FRAME)
    assert data_digest(FRAME.copy()) == expected
    assert data_digest(FRAME.set_axis([7, 9, 8])) == expected, "numbers of rows are no values"
    others = {"kind": FRAME["kind"].cat.reorder_categories(["b", "a", "c"]), "count": pd.array([1, None, 4], dtype="Int64"), "day": [datetime.date(2024, 1, 2)] * 3}
    changed = FRAME.assign(**{column: others.get(column, FRAME[column].iloc[[0, 0, 0]].to_numpy())})
    for other in (changed, FRAME.drop(columns=column), FRAME.rename(columns={column: "other"}), FRAME.iloc[::-1], FRAME.set_index(column)):
        assert data_digest(other) != expected


def test_texts_and_other_tables_have_the_digest_of_their_values() -> None:
    words = pd.DataFrame({"w": pd.Series(["a", None, "ü"], dtype=object)})
    assert data_digest(words) == data_digest(words.astype("string"))
    pyarrow = pytest.importorskip("pyarrow")
    assert data_digest(pyarrow.table({"n": [1, 2, 3]})) == data_digest(pd.DataFrame({"n": [1, 2, 3]}))
    assert data_digest(pd.DataFrame({"n": [1]}, index=["a"])) != data_digest(pd.DataFrame({"n": [1]}, index=["b"]))


@pytest.mark.parametrize("data", [3, None, object(), [object()], np.array([object()]), {1: [2]}, {"a": object()}, pd.DataFrame({"f": [len, print]}), np.ones(2, np.longdouble)])
def test_what_is_no_data_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=r"data|no one form on every machine"):
        data_digest(data)


def test_a_save_keeps_digests_and_no_data(store: Store, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("a,b\n1,2\n")
    given = {"train": FRAME, "test": tmp_path / "test.csv", "before": data_digest(b"x")}
    version = store.save({"w": np.ones(3)}, "m", data=given)
    assert version.data == store["m:1"].data == {name: one if name == "before" else data_digest(one) for name, one in given.items()}
    held = b"".join(path.read_bytes() for path in (tmp_path / "models").rglob("*") if path.is_file())
    assert "Köln".encode() not in held
    with pytest.raises(NotFound):
        store.save({"w": np.ones(3)}, "m", data={"train": tmp_path / "nothing.csv"})
    with pytest.raises(TypeError, match="no name"):
        store.save({"w": np.ones(3)}, "m", data={1: FRAME})
    assert len(store.versions("m")) == 1


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "inner").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "train.py").write_text("print(1)\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_state_of_code_is_its_commit_and_whether_there_is_more(repository: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = subprocess.run(["git", "-C", str(repository), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert git_state(repository) == git_state(repository / "inner") == {"commit": commit, "dirty": False}
    (repository / "run.log").write_text("ignored")
    assert not git_state(repository)["dirty"]
    (repository / "new.py").write_text("")
    assert git_state(repository)["dirty"], "what git does not know is not in the commit"
    (repository / "new.py").unlink()
    (repository / "train.py").write_text("print(2)\n")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert store.save({"w": 1}, "m", code=repository).code == {"commit": commit, "dirty": True}
    assert store.save({"w": 1}, "m", code={"commit": "abc", "dirty": False}).code == {"commit": "abc", "dirty": False}


def test_no_program_of_a_repository_is_run(repository: Path, tmp_path: Path) -> None:
    program = tmp_path / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    assert not git_state(repository)["dirty"]
    assert not (tmp_path / "ran").exists()


def test_what_has_no_state_says_what_to_give(repository: Path, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match="no git repository"):
        git_state(tmp_path)
    with pytest.raises(NotFound, match="no such folder"):
        git_state(tmp_path / "nothing")
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    with pytest.raises(NotFound, match="without a commit"):
        git_state(empty)
    for wrong in (3, {"commit": ["a"]}, {1: "a"}):
        with pytest.raises(TypeError, match="code"):
            store.save({"w": 1}, "m", code=wrong)  # type: ignore[arg-type]
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(EnvironmentMissing, match="git is not installed"):
        git_state(repository)
    (programs / "git").write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    (programs / "git").chmod(0o755)
    monkeypatch.setattr(lineage, "GIT_SECONDS", 0.2)
    with pytest.raises(Unavailable, match="did not answer"):
        git_state(repository)
    (programs / "git").write_text("#!/bin/sh\necho 'fatal: detected dubious ownership' >&2\nexit 128\n")
    monkeypatch.setattr(lineage, "GIT_SECONDS", 20)
    with pytest.raises(Unavailable, match="dubious ownership"):
        git_state(repository)


def test_an_alias_as_parent_is_the_version_that_it_points_at(store: Store, tmp_path: Path) -> None:
    store.save({"w": 1}, "m", alias="production")
    saved = holdfast.save({"w": 5}, tmp_path / "m.safetensors")
    assert store.save({"w": 2}, "m", parent="m@production", alias="production").parent == "m:1"
    assert store.save({"w": 3}, "m", parent=store["m@production"]).parent == "m:2"
    assert store.save({"w": 4}, "m", parent=saved).parent == saved.id
    assert store.save({"w": 4}, "m", parent="a line: of text").parent == "a line: of text"
    with pytest.raises(NotFound, match="no alias m@staging"):
        store.save({"w": 4}, "m", parent="m@staging")
    assert [str(one) for one in lineage.ancestors(store, store["m:3"])] == ["m:2", "m:1"]
    assert lineage.ancestors(store, store["m:4"]) == [saved.id]
    store.save({"w": 4}, "other", parent="m:3")
    store.alias("m@production", None)
    store.delete("m:2")
    assert [str(one) for one in lineage.ancestors(store, store["other:1"])] == ["m:3", "m:2"]
