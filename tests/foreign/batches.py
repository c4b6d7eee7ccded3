"""Opening many damaged files in child processes: one that ends its process, or holds it up, is told like any other outcome."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from holdfast import errors
from tests.foreign.worker import AGAIN
from tests.hostile.oracle import ROOT, printable

GIGABYTE = 1 << 30


def outcomes(paths: Iterable[Path], memory: int = 2 * GIGABYTE, seconds: float = 8, modules: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return what came of each file and action: ``refused`` with the name of the error, ``made``, ``foreign``, ``died`` or ``hung``."""
    waiting, found = [str(path) for path in paths], []
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1", PYTHONFAULTHANDLER="")
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(errors.__file__).parents[1]), str(ROOT)])
    while waiting:
        command = [sys.executable, "-m", "tests.foreign.worker", str(memory), str(seconds), *modules]
        done = subprocess.run(command, input="\n".join(waiting).encode(), capture_output=True, cwd=ROOT, env=environment, timeout=60 + 2 * seconds * len(waiting), check=False)
        lines = [json.loads(line[1:]) for line in done.stdout.decode().split("\n") if line.startswith("\x1e")]
        finished = [line for line in lines if "started" not in line]
        found += finished
        if done.returncode == 0:
            break
        assert lines, f"the child did not start: {done.stderr[-2000:]!r}"
        last = lines[-1]
        if done.returncode == AGAIN:
            waiting = waiting[waiting.index(last["path"]) + 1 :]
            continue
        how = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit code {done.returncode}"
        found.append({"path": last["path"], "action": last["action"], "hung" if how == "SIGPROF" else "died": how, "message": done.stderr.decode()[-400:]})
        waiting = waiting[waiting.index(last["path"]) + 1 :]
    return found


def trouble(found: Iterable[dict[str, Any]]) -> list[str]:
    """Return what no file may do: another exception than ours, the end of its process, a hang, or a message that is none."""
    wrong = []
    for one in found:
        where = f"{os.path.basename(one['path'])} {one['action']}"
        if "foreign" in one:
            wrong.append(f"{where}: {one['foreign']}\n{one['trace']}")
        elif "died" in one or "hung" in one:
            wrong.append(f"{where}: {one.get('died') or 'took too long'} {one['message'][-300:]}")
        elif "refused" in one and not (len(one["message"]) > 10 and printable(one["message"])):
            wrong.append(f"{where}: the message {one['message'][:200]!a}")
    return wrong
