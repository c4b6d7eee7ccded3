"""The child process that opens hostile files and tells its parent, line by line, what came of each.

Everything that holdfast needs is imported before the first file, by loading and refusing files of its own. From then on
an audit hook writes down whatever would be a sign that a file was believed: an import, code compiled or run, a file
opened for writing, a process, a socket, a foreign function, a pickle. The address space is bounded too.

Read: one JSON document a line, ``{"name", "path", "actions", "options"}``. Written: ``{"name", "action", ...}`` a line.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import warnings
from typing import Any

import numpy as np

import holdfast
from holdfast.artifact.inspect_foreign import DESCRIBED
from holdfast.errors import HoldfastError, HoldfastWarning
from holdfast.exports.exporting import TARGETS
from holdfast.foreign import READERS
from holdfast.foreign.made import RULES
from tests.hostile import strangers
from tests.hostile.crafted import objects, packed, tree_of

WATCHED = (
    "import", "exec", "compile", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.remove",
    "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.kill", "os.putenv",
    "subprocess.Popen", "pty.spawn", "code.__new__", "marshal.", "pickle.", "socket.", "ctypes.", "shutil.", "tempfile.", "sqlite3.",
    "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.", "sys.addaudithook", "sys.setprofile", "sys.settrace", "cpython.run_",
)  # fmt: skip
_events: list[str] | None = None


def _hook(event: str, arguments: Any) -> None:
    if _events is None:
        return
    if event == "open":
        path, mode, flags = arguments
        writing = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if writing or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)):
            _events.append(f"open for writing {path!r:.100}")
    elif event == "import":
        if not str(arguments[0]).startswith("holdfast"):
            _events.append(f"import {arguments[0]}")
    elif event.startswith(WATCHED):
        _events.append(f"{event} {arguments!r:.100}")


def warm_up(sklearn: bool) -> None:
    """Do once, with files that are known, whatever imports something at its first use."""
    import zoneinfo  # noqa: F401
    from datetime import date
    from decimal import Decimal

    for name in (*set(READERS.values()), *set(RULES.values()), *set(DESCRIBED.values()), "holdfast.artifact.inspect_foreign", "holdfast.exports.opening", *TARGETS.values()):
        importlib.import_module(name)  # our own readers, which come when the first file of their kind does
    import numpy.random  # noqa: F401  standard parts of Python and numpy that come with the first value that needs them

    plain = {"a": np.arange(300.0), "b": [1, "x", {2: 3}], "c": np.float64(1), "d": 1 << 90, "e": date(2020, 1, 1), "f": Decimal("1")}
    models: list[Any] = [plain]
    if sklearn:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler
        from sklearn.tree import DecisionTreeClassifier

        X = np.arange(12.0).reshape(6, 2)
        y = np.array([0, 1, 0, 1, 0, 1])
        models += [LogisticRegression().fit(X, y), StandardScaler().fit(X), DecisionTreeClassifier().fit(X, y)]
    for model in models:
        for options in ({}, {"compress": "zstd"}, {"extra": {"a": 1}, "metrics": {"b": 1.5}}):
            blob = holdfast.dumps(model, **options)
            holdfast.loads(blob, digests="all")
            str(holdfast.inspect(blob))
            holdfast.verify(blob)
            for part in (blob[:20], blob[:-1], blob.replace(b'"U8"', b'"X\xc4\x808"'), b"x", blob[:-3] + b"abc"):
                _refused(part)
    for name in ("acme.б", "acme.X", "a b"):
        _refused(packed(tree_of(objects(name))))


def _refused(blob: bytes) -> None:
    try:
        holdfast.loads(blob)
    except HoldfastError as error:
        str(error)


def act(action: str, path: str, options: dict[str, Any]) -> Any:
    """Do one thing with one file."""
    if action == "load":
        return holdfast.load(path, **options)
    if action == "loads":
        with open(path, "rb") as file:
            data = file.read()
        return holdfast.loads(data, **options)
    if action == "inspect":
        found = holdfast.inspect(path)
        return str(found) + json.dumps(found.to_dict())
    if action == "verify":
        return str(holdfast.verify(path, **options))
    raise ValueError(action)


def tell(answer: dict[str, Any]) -> None:
    """Give one answer to the parent."""
    sys.stdout.write("\x1e" + json.dumps(answer) + "\n")
    sys.stdout.flush()


def peak() -> int:
    """Return the largest resident size so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run() -> None:
    """Serve until there is nothing more to read."""
    global _events
    sklearn, memory = sys.argv[1] == "sklearn", int(sys.argv[2])
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", HoldfastWarning)
    warm_up(sklearn)
    sys.addaudithook(_hook)
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tell({"ready": True})
    for line in sys.stdin:
        task = json.loads(line)
        for action in task["actions"]:
            before = peak()
            _events = []
            start = time.process_time()
            error: BaseException | None = None
            made = None
            try:
                made = act(action, task["path"], task["options"])
            except BaseException as raised:
                error = raised.with_traceback(None)
            seconds = time.process_time() - start
            events, _events = _events, None
            answer = {"name": task["name"], "action": action, "events": events, "seconds": seconds, "grown": peak() - before}
            if error is None:
                answer["made"] = f"{type(made).__module__}.{type(made).__qualname__}"
            else:
                answer["error"] = [one.__name__ for one in type(error).__mro__]
                answer["message"] = str(error) or repr(error)
                answer["names_file"] = getattr(error, "file", None) is not None
            del made, error
            answer["called"] = list(strangers.CALLED)
            tell(answer)


if __name__ == "__main__":
    run()
