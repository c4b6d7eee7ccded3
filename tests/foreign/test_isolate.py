"""``convert --allow-pickle``: whatever a pickle tries in the confined child, the caller lives, and nothing is left behind."""

from __future__ import annotations

import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.artifact.unpickle import convert
from holdfast.errors import HoldfastError, IsolationError, PolicyRefused, WorkerCrashed, WorkerTimedOut

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are confined on Linux")

PROTECTED = b"the content of a file that is not the pickle's"


class Running:
    """A value whose pickle runs a text."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> Any:
        return (exec, (self.code,))


CTYPES = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
WITNESS = "raise SystemExit('reached ' + str(got))"
TRIES: dict[str, str] = {
    "a shell": "import os; got = os.system('touch {folder}/hacked'); assert got == 0",
    "a program": "import subprocess; got = subprocess.run(['/bin/touch', '{folder}/hacked'])",
    "a program in its place": "import os; os.execv('/bin/touch', ['touch', '{folder}/hacked'])",
    "a spawned program": "import os; os.posix_spawn('/bin/touch', ['touch', '{folder}/hacked'], {{}})",
    "a second process": "import os; got = os.fork()",
    "a connection": "import socket; got = socket.create_connection(('127.0.0.1', 9))",
    "a socket of the machine": "import socket; got = socket.socket(socket.AF_UNIX)",
    "a new file": "got = open('{folder}/hacked', 'w').write('x')",
    "a file that is there": "got = open('{folder}/protected', 'r+').write('x')",
    "a file cut": "import os; got = os.truncate('{folder}/protected', 0)",
    "a file gone": "import os; got = os.unlink('{folder}/protected')",
    "a file renamed": "import os; got = os.rename('{folder}/protected', '{folder}/hacked')",
    "a new folder": "import os; got = os.mkdir('{folder}/hacked')",
    "a link": "import os; got = os.symlink('/etc', '{folder}/hacked')",
    "rights": "import os; got = os.chmod('{folder}/protected', 0)",
    "the original": "got = open('{source}', 'wb').write(b'')",
    "the end of its parent": "import os; got = os.kill(os.getppid(), 9)",
    "a file by number, raw": CTYPES + "got = libc.syscall(2, b'{folder}/hacked', 0o102, 0o600)\nassert got >= 0",
    "a socket, raw": CTYPES + "got = libc.syscall(41, 2, 1, 0)\nassert got >= 0",
    "a process, raw": CTYPES + "got = libc.syscall(57)\nassert got >= 0",
    "a clone, raw": CTYPES + "got = libc.syscall(56, 17, 0, 0, 0, 0)\nassert got >= 0",
    "a new kind of clone, raw": CTYPES + "got = libc.syscall(435, 0, 0)\nassert ctypes.get_errno() != 38 or got >= 0",
    "a signal, raw": CTYPES + "import os\ngot = libc.syscall(62, os.getppid(), 9)\nassert got == 0",
    "its parent traced": CTYPES + "import os\ngot = libc.ptrace(16, os.getppid(), 0, 0)\nassert got == 0",
    "its parent's memory": "import os; got = open('/proc/%d/mem' % os.getppid(), 'r+b').write(b'x')",
    "a call of the 32-bit kind": CTYPES + "got = libc.syscall(0x40000000 + 41, 2, 1, 0)\nassert got >= 0",
    "rings of the kernel": CTYPES + "got = libc.syscall(425, 8, ctypes.create_string_buffer(120))\nassert got >= 0",
    "its own sandbox undone": CTYPES + "got = libc.prctl(22, 0, 0)\nassert got == 0",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("isolate")


def tried(folder: Path, code: str, **options: Any) -> tuple[BaseException | None, float]:
    """Convert a pickle that runs a text, and see that nothing but the answer came of it."""
    (folder / "protected").write_bytes(PROTECTED)
    source = folder / "old.pkl"
    source.write_bytes(pickle.dumps(Running(code.format(folder=folder, source=source))))
    before, listed = source.read_bytes(), sorted(os.listdir(folder))
    began, error = time.monotonic(), None
    try:
        convert(str(source), str(folder / "new.safetensors"), **{"seconds": 20, "memory": 4 << 30, **options})
    except HoldfastError as raised:
        error = raised
    seconds = time.monotonic() - began
    assert (folder / "protected").read_bytes() == PROTECTED
    assert source.read_bytes() == before
    (folder / "new.safetensors").unlink(missing_ok=True) if error is None else None
    assert sorted(os.listdir(folder)) == listed, "something was left behind"
    return error, seconds


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (number % 4 != 0)) for number, name in enumerate(TRIES)])
def test_what_a_pickle_tries_in_the_child_fails_and_is_said(name: str, folder: Path) -> None:
    error, _ = tried(folder, TRIES[name] + "\n" + WITNESS)
    assert isinstance(error, IsolationError | PolicyRefused)
    assert "reached" not in str(error), error


def test_a_pickle_that_hides_what_failed_is_refused_for_trying(folder: Path) -> None:
    error, _ = tried(folder, "import os\ntry:\n    os.system('touch {folder}/hacked')\nexcept BaseException:\n    pass")
    assert isinstance(error, PolicyRefused)
    assert "tried to start" in str(error)


def test_a_loop_without_end_is_ended(folder: Path) -> None:
    error, seconds = tried(folder, "while True: pass", seconds=2)
    assert isinstance(error, WorkerTimedOut | WorkerCrashed)
    assert seconds < 60


@pytest.mark.long
def test_a_signal_that_is_ignored_ends_the_loop_all_the_same(folder: Path) -> None:
    error, seconds = tried(folder, "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", seconds=2)
    assert isinstance(error, WorkerTimedOut | WorkerCrashed)
    assert seconds < 60


def test_memory_without_end_is_refused(folder: Path) -> None:
    error, _ = tried(folder, "x = [bytearray(1 << 28) for _ in range(1000)]", memory=1 << 30)
    assert isinstance(error, IsolationError)
    assert "MemoryError" in str(error)


@pytest.mark.parametrize("code", ["import os; os._exit(0)", "import os; os._exit(3)", "import ctypes; ctypes.string_at(0)", "import os; os.abort()"])
def test_a_child_that_dies_is_an_error(code: str, folder: Path) -> None:
    error, _ = tried(folder, code)
    assert isinstance(error, WorkerCrashed)


@pytest.mark.parametrize("text", ['{{"ok": true, "result": []}}', "x" * 100, "[1]", '{{"ok": true, "result": [], "level": 5, "noted": 7}}', '{{"ok": false, "error": "Done", "message": 5}}'])
def test_a_report_that_the_pickle_writes_itself_is_a_typed_error_or_a_file_that_is_none(text: str, folder: Path) -> None:
    """It can claim success; what it wrote is then judged like any file."""
    code = f"import os\nfor fd in range(3, 40):\n    try: os.write(fd, b'''{text}''')\n    except OSError: pass\nos._exit(0)"
    source = folder / "lying.pkl"
    source.write_bytes(pickle.dumps(Running(code.replace("{{", "{").replace("}}", "}"))))
    with pytest.raises(HoldfastError):
        holdfast.convert(source, folder / "lying.safetensors", allow_pickle=True)
    assert sorted(one.name for one in folder.iterdir() if "lying" in one.name) == ["lying.pkl"]


def test_an_honest_pickle_is_converted_in_the_child_and_needs_no_trust(folder: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    X = np.arange(40.0).reshape(20, 2)
    model = LogisticRegression().fit(X, np.array([0, 1] * 10))
    source = folder / "honest.pkl"
    source.write_bytes(pickle.dumps(model))
    done = convert(str(source), str(folder / "honest.safetensors"))
    assert done.needs_trust == []
    assert done.level["no_new_privileges"] is True
    assert "sklearn.linear_model._logistic.LogisticRegression" in done.noted["named"]
    assert holdfast.load(folder / "honest.safetensors").predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


@pytest.mark.parametrize("size", [3, 5000])
@pytest.mark.parametrize("old", [False, True])
def test_what_torch_saved_is_unpickled_by_torch(size: int, old: bool, folder: Path) -> None:
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.arange(float(size)))
    schedule = torch.optim.lr_scheduler.StepLR(torch.optim.SGD([weight], 0.1), 2, gamma=0.5)
    source, target = folder / f"schedule{size}{old}.pt", folder / f"schedule{size}{old}.safetensors"
    torch.save({"weight": weight, "schedule": schedule}, source, _use_new_zipfile_serialization=not old)
    with pytest.raises(HoldfastError):
        holdfast.load(source)
    done = holdfast.convert(source, target, allow_pickle=True)
    assert done.status == "converted"
    assert any("torch" in name for name in done.ran["named"])
    back = holdfast.load(target)
    assert torch.equal(back["weight"], weight)
    assert back["schedule"].gamma == 0.5


def test_what_dill_wrote_is_unpickled_by_dill(folder: Path) -> None:
    """With its own names for the builtins and for ``__main__``, which pickle does not know."""
    dill = pytest.importorskip("dill")
    notebook: dict[str, Any] = {"__name__": "__main__"}
    exec("class Made:\n    shift = 1\n    def predict(self, rows):\n        return rows + self.shift\nmade = Made()\nmade.size = 5", notebook)
    made = notebook["made"]
    source = folder / "own.dill"
    source.write_bytes(dill.dumps({"model": made, "mean": np.arange(3000.0)}))
    done = holdfast.convert(source, folder / "own.safetensors", allow_pickle=True)
    assert done.needs_trust == ["__main__.Made"]
    assert done.ran["named"]


def test_a_lambda_is_refused_after_it_was_run_too(folder: Path) -> None:
    """A native file holds no code: running a pickle gives no way around that."""
    cloudpickle = pytest.importorskip("cloudpickle")
    from sklearn.preprocessing import FunctionTransformer

    source = folder / "lambda.cloudpickle"
    source.write_bytes(cloudpickle.dumps(FunctionTransformer(lambda rows: rows * 2)))
    with pytest.raises(HoldfastError, match=r"<lambda> cannot be found again.*holdfast\.expression"):
        holdfast.convert(source, folder / "lambda.safetensors", allow_pickle=True)


def test_text_about_dill_makes_no_file_of_dills(folder: Path) -> None:
    """Who wrote a pickle is said by the names in it, and not by what its texts say: joblib's arrays are nothing that dill reads."""
    import collections

    import joblib

    source = folder / "about.joblib"
    joblib.dump({"note": "not dill._dill", "mean": np.arange(3000.0), "kind": collections.UserDict(a=1)}, source)
    with pytest.raises(HoldfastError):
        holdfast.load(source)
    done = holdfast.convert(source, folder / "about.safetensors", allow_pickle=True)
    assert done.status == "converted"
    assert done.ran["named"]
