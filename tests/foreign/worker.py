"""The child process that opens damaged files one after the other, and says of each what came of it before it goes on.

Arguments: bytes of memory, and seconds of processor time for one file. Read from stdin: a path a line. Written: a JSON line before and one
after each file, so that a file which ends the process, or holds it up, is known.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import warnings
from typing import Any

AGAIN = 77
"""Exit code of a child that is to be started again for the files that are left."""


def run() -> None:
    """Serve until there is nothing more to read."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    warnings.simplefilter("ignore")
    import numpy as np

    import holdfast
    from holdfast.errors import HoldfastError

    np.seterr(all="ignore")
    for module in sys.argv[3:]:
        __import__(module)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, wherever it is

    fresh = _peak()

    def tell(**what: Any) -> None:
        sys.stdout.write("\x1e" + json.dumps(what) + "\n")
        sys.stdout.flush()

    for line in sys.stdin:
        path = line.rstrip("\n")
        for action in ("load", "inspect"):
            tell(path=path, action=action, started=True)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            began, before = time.process_time(), _peak()
            outcome: dict[str, Any] = {}
            try:
                made = holdfast.load(path) if action == "load" else str(holdfast.inspect(path))
                outcome["made"] = f"{type(made).__module__}.{type(made).__qualname__}"
                del made
            except HoldfastError as error:
                outcome["refused"] = type(error).__name__
                outcome["message"] = str(error)[:600]
            except BaseException as error:
                import traceback

                outcome["foreign"] = f"{type(error).__name__}: {str(error)[:200]}"
                outcome["trace"] = traceback.format_exc()[-1500:]
            signal.setitimer(signal.ITIMER_PROF, 0)
            tell(path=path, action=action, seconds=round(time.process_time() - began, 2), grown=_peak() - before, **outcome)
        if _peak() > fresh + memory // 4:
            os._exit(AGAIN)  # memory that is in pieces would make the next file fail
    os._exit(0)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    run()
