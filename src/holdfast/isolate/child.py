"""Starting a confined child, and what becomes of it.

The one rule: the caller lives. A child that dies, hangs or answers nonsense is a typed error, and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any, NamedTuple

from holdfast import errors
from holdfast.errors import EnvironmentMissing, IsolationError, WorkerCrashed, WorkerTimedOut, quoted

_REPORT_BYTES = 16 * 1024 * 1024
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from holdfast.isolate.worker import main; main()"


class Done(NamedTuple):
    """What a child gave.

    Attributes:
        result: what its function returned, as JSON can hold it.
        level: how it was confined; see `holdfast.isolate.sandbox.confine`.
        noted: what it did and tried, by what that is called.
    """

    result: Any
    level: dict[str, Any]
    noted: dict[str, list[str]]


class Failed(IsolationError):
    """The function in the child raised an error.

    Attributes:
        error: name of its class.
        noted: what the child did and tried.
    """

    def __init__(self, message: str, error: str, noted: dict[str, list[str]]) -> None:
        super().__init__(message)
        self.error = error
        self.noted = noted


def run(function: str, arguments: dict[str, Any], *, descriptors: tuple[int, ...] = (), memory: int, seconds: int, written: int, required: bool = True) -> Done:
    """Run one of our functions in a child that may compute, read files, and write to the descriptors that it is given.

    Args:
        function: ``module:name``, a constant of our own code.
        arguments: keyword arguments, as JSON can hold them.
        descriptors: open files that the child inherits under the same numbers.
        memory: bytes it may use.
        seconds: seconds it may take, of processor time and by the clock twice that.
        written: bytes of the largest file it may write.
        required: refuse to go on where this system cannot confine a child. False is for work that is no code of a stranger.

    Raises:
        EnvironmentMissing: this system cannot confine a child.
        Failed: the function raised an error.
        WorkerCrashed: the child died.
        WorkerTimedOut: it took too long, and was ended.
    """
    read_end, write_end = os.pipe()
    request = {"function": function, "arguments": arguments, "memory": memory, "seconds": seconds, "written": written, "report": write_end, "required": required}
    # nothing from the caller's environment, working folder or stdin reaches the child; it finds modules where the caller does
    paths = [path for path in sys.path if path and os.path.isabs(path) and os.path.realpath(path) != os.path.realpath(os.getcwd())]
    environment = {"PATH": "", "HOME": "/nonexistent", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "2", "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", _START, json.dumps(paths)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(write_end, *descriptors),
            env=environment, start_new_session=True, cwd="/",
        )  # fmt: skip
    finally:
        os.close(write_end)
    with os.fdopen(read_end, "rb") as report:
        answer = _answer(child, report, json.dumps(request).encode(), 2 * seconds + 30)
    level, noted = answer.get("level") or {}, answer.get("noted") or {}
    if type(level) is not dict or not _is_noted(noted):  # what runs in the child can write here too
        raise WorkerCrashed("the child answered nonsense; nothing was kept")
    if answer.get("ok") is True:
        return Done(answer.get("result"), level, noted)
    if answer.get("error") == "Unconfined":
        raise EnvironmentMissing(f"{quoted(answer.get('message'), 400)}; run it on Linux, in a container if need be")
    name, message = str(answer.get("error")), quoted(answer.get("message"), 2000)
    if name in errors.__all__ and name != "HoldfastWarning":
        raise getattr(errors, name)(message)
    raise Failed(f"{quoted(name, 80)}: {message}", name, noted)


def _is_noted(noted: Any) -> bool:
    return type(noted) is dict and all(type(shown) is list and all(type(one) is str for one in shown) for shown in noted.values())


def _answer(child: subprocess.Popen[bytes], report: Any, request: bytes, patience: int) -> dict[str, Any]:
    import threading

    ended = threading.Timer(patience, _end, (child,))
    ended.start()
    raw = b""
    try:
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died before it listened; its exit says why
            child.stdin.write(request)
            child.stdin.close()
        raw = report.read(_REPORT_BYTES)
        child.wait()
    finally:
        timed_out = not ended.is_alive() and child.returncode == -signal.SIGKILL
        ended.cancel()
        _end(child)
    try:
        answer = json.loads(raw)
        if type(answer) is dict:
            return answer
    except (ValueError, RecursionError):
        pass
    if timed_out:
        raise WorkerTimedOut(f"the child took longer than {patience} seconds and was ended; nothing was kept")
    if child.returncode == -signal.SIGXCPU:
        raise WorkerTimedOut("the child used up its processor time and was ended; nothing was kept")
    died = f"signal {-child.returncode} ({signal.Signals(-child.returncode).name})" if child.returncode < 0 else f"exit code {child.returncode}"
    raise WorkerCrashed(f"the child ended with {died} and without an answer; nothing was kept")


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
