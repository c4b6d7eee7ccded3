"""Run tests against sources that change, each time in a fork of a process that has the libraries loaded: a run costs its tests, and no start of Python.

The one rule: nothing of holdfast and nothing of its tests is loaded before the fork, so that each run takes the sources as they lie there then.

``Warm`` is the side that asks; the file itself, run as a program, is the process that forks.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple, TextIO

SECONDS = 600
"""Longest run of tests."""
QUIET = 40
"""Longest single test: with a guard taken away, one may never come to its end."""
LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "sklearn", "joblib", "sqlalchemy", "alembic", "mako", "msgspec", "obstore", "rich", "click", "xgboost", "lightgbm", "catboost", "torch", "onnx", "skl2onnx", "onnxmltools", "psutil", "narwhals")
"""What is loaded before the fork as soon as one run has loaded it. No library that starts threads when it is imported, for those do not come along."""


class Ran(NamedTuple):
    """What came of a run.

    Attributes:
        code: the exit code of pytest, or -1 for a run without end, or one that a signal ended.
        failed: the tests that failed; in a run of -1 also the one that ran last.
        said: the last lines.
    """

    code: int
    failed: list[str]
    said: str


class Warm:
    """A process that runs the tests of one copy of the project."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self._folder = tempfile.TemporaryDirectory()
        environment = dict(
            os.environ, PYTHONPATH=os.pathsep.join((str(project / "src"), str(project))), PYTHONPYCACHEPREFIX=self._folder.name, PYTHONHASHSEED="0", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1"
        )
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._process = subprocess.Popen([sys.executable, __file__], cwd=project, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._written = 1_000_000_000

    def write(self, path: Path, text: str) -> None:
        """Change a source; its time is one that no other text of it had, for compiled files are told apart by size and seconds."""
        path.write_text(text)
        self._written += 1
        os.utime(path, (self._written, self._written))

    def run(self, tests: list[str], first: bool = False) -> Ran:
        """Run tests; up to the one that fails, if only the ``first`` is wanted."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([tests, first]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that runs tests ended with {self._process.wait()}")
        return Ran(*json.loads(line))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


class _Recorder:
    """Tells of each test that starts or fails, while it does: a run may not come to its end."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def tell(self, what: str, value: Any) -> None:
        self.out.write(json.dumps([what, value]) + "\n")
        self.out.flush()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.tell("start", nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.tell("failed", report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.tell("failed", report.nodeid)


def _child(tests: list[str], first: bool, told: int, said: int, folder: str) -> None:
    """Run tests in the fork, tell what became of them, and end."""
    try:
        os.setsid()
        os.dup2(said, 1)
        os.dup2(said, 2)
        import pytest  # here, for the process that only asks needs none

        with os.fdopen(told, "w") as out:
            recorder = _Recorder(out)
            given = ["-p", "no:cacheprovider", "-q", "--tb=no", "-m", "not long", f"--basetemp={folder}/tests", *(["-x"] if first else []), *tests]
            code = pytest.main(given, plugins=[recorder])
            recorder.tell("loaded", [name for name in sys.modules if name.partition(".")[0] in LIBRARIES])
            recorder.tell("end", int(code))
        sys.stdout.flush()
    finally:
        os._exit(0)


def _fork(tests: list[str], first: bool, folder: str) -> tuple[Ran, list[str]]:
    """Run tests in a fork, with a folder for their files; return what came of it, and the libraries that it loaded."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            os.close(reading)
            _child(tests, first, writing, said.fileno(), folder)
        os.close(writing)
        code, running = -1, tests[0]
        failed: list[str] = []
        loaded: list[str] = []
        end, left = time.monotonic() + SECONDS, b""
        while code == -1 and select.select([reading], [], [], max(0.0, min(QUIET, end - time.monotonic())))[0]:
            read = os.read(reading, 1 << 16)
            if not read:
                break
            *lines, left = (left + read).split(b"\n")
            for what, value in map(json.loads, lines):
                if what == "start":
                    running = value
                elif what == "failed":
                    failed.append(value)
                elif what == "loaded":
                    loaded = value
                else:
                    code = value
        os.close(reading)
        # what a test has started must not outlive it
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        said.seek(0)
        last = said.read().decode(errors="replace").strip().splitlines()[-12:]
    return Ran(code, list(dict.fromkeys(failed)) or ([running] if code == -1 else []), " / ".join(last)), loaded


def main() -> None:
    """Answer one line after the other: tests and whether only the first failure is wanted -> what came of them."""
    sys.path[0] = os.getcwd()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    importlib.import_module("pytest")
    known: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            ran, loaded = _fork(*json.loads(line), folder)
            for name in loaded:
                if name not in known:
                    known.add(name)
                    # what one test puts under the name of a library is not there for others
                    with contextlib.suppress(Exception):
                        importlib.import_module(name)
            gc.freeze()
            out.write(json.dumps(ran) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
