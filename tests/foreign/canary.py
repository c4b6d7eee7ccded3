"""The child process that opens foreign files and tells what ran while it did.

Read from stdin: paths, a line each; those before an empty line are only opened, so that everything that is imported at its first use is there.
Written: a JSON line a file and action, with what Python's audit saw, and which functions of libraries ran before there was a plan.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import warnings
from typing import Any

from holdfast import errors

WATCHED = (
    "import", "exec", "compile", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "os.kill", "os.putenv", "subprocess.", "pty.", "code.__new__", "marshal.", "pickle.", "socket.", "ctypes.", "shutil.", "tempfile.", "webbrowser.", "cpython.run_", "builtins.breakpoint",
)  # fmt: skip
LIBRARIES = ("sklearn", "torch", "xgboost", "lightgbm", "catboost", "imblearn", "joblib", "skops", "scipy", "pandas")
OURS = os.path.dirname(errors.__file__)
_events: list[str] | None = None


def _hook(event: str, arguments: Any) -> None:
    if _events is None:
        return
    if event == "open":
        if isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            _events.append(f"open for writing {arguments[0]!r:.80}")
    elif event in ("compile", "exec") and str(arguments[1] if event == "compile" else getattr(arguments[0], "co_filename", "")).startswith(OURS):
        return  # a module of holdfast that is imported when it is needed
    elif event == "compile":
        if arguments[1] != "<unknown>":  # the header of a .npy file is parsed, and not compiled, by ast.literal_eval
            _events.append(f"compile {arguments[1]!r:.80}")
    elif event == "import":
        if not str(arguments[0]).startswith("holdfast"):
            _events.append(f"import {arguments[0]}")
    elif event.startswith(WATCHED):
        _events.append(f"{event} {arguments!r:.80}")


def run() -> None:
    """Serve until there is nothing more to read."""
    global _events
    warnings.simplefilter("ignore")
    import holdfast
    from holdfast import foreign
    from holdfast.artifact import stranger
    from holdfast.errors import HoldfastError

    for library in sys.argv[1:]:
        __import__(library)
    for module in pkgutil.iter_modules(foreign.__path__):
        importlib.import_module(f"holdfast.foreign.{module.name}")
    planned = False
    early: set[str] = set()
    make_plan = stranger.make_plan

    def planning(*args: Any, **options: Any) -> Any:
        nonlocal planned
        made = make_plan(*args, **options)
        planned = True
        return made

    def profile(frame: Any, event: str, argument: Any) -> None:
        if planned:
            return
        if event == "call":
            module = frame.f_globals.get("__name__") or ""
            if module.partition(".")[0] in (*LIBRARIES, "pickle", "_compat_pickle"):
                early.add(f"{module}.{frame.f_code.co_qualname}")
        elif event == "c_call" and argument.__name__ in ("__setstate__", "__reduce__", "__reduce_ex__", "Unpickler", "loads", "_reconstruct", "find_class"):
            module = getattr(argument, "__module__", None) or type(getattr(argument, "__self__", None)).__module__
            if module not in ("json", "msgspec", "msgspec._core"):
                early.add(f"{module}.{argument.__name__}")

    stranger.make_plan = planning
    warm = True
    sys.addaudithook(_hook)
    for line in sys.stdin:
        path = line.rstrip("\n")
        if not path:
            warm = False
            continue
        for action in ("load", "inspect"):
            made = None  # models of before have finalizers
            planned = False
            early.clear()
            answer: dict[str, Any] = {"path": path, "action": action}
            _events = []
            sys.setprofile(None if warm else profile)
            try:
                made = holdfast.load(path) if action == "load" else holdfast.inspect(path)
                sys.setprofile(None)
                seen, _events = _events, None
                answer["made"] = type(made).__name__
                if action == "inspect":
                    answer.update(verdict=made.verdict, shown=str(made)[:3000], called=[one.name for one in getattr(made, "names", []) if one.called])
            except BaseException as error:
                sys.setprofile(None)
                seen, _events = _events, None
                answer["error"] = [one.__name__ for one in type(error).__mro__]
                answer["message"] = str(error)[:1000]
                answer["ours"] = isinstance(error, HoldfastError)
            if not warm:
                sys.stdout.write("\x1e" + json.dumps({**answer, "events": seen, "early": sorted(early)}) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    run()
