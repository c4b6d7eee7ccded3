"""What runs in the child: read the request, note what happens, give up all rights, do the work, and report.

The one rule: the function that is called comes from the parent's own code, and runs only after the process was confined.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

_NOTED = {
    "import": "imported", "pickle.find_class": "named", "subprocess.Popen": "tried to start", "os.system": "tried to start", "os.exec": "tried to start",
    "os.posix_spawn": "tried to start", "os.spawn": "tried to start", "os.fork": "tried to start", "socket.__new__": "tried to connect", "socket.connect": "tried to connect",
    "socket.getaddrinfo": "tried to connect", "os.remove": "tried to change", "os.rename": "tried to change", "os.mkdir": "tried to change", "os.rmdir": "tried to change",
    "os.chmod": "tried to change", "shutil.rmtree": "tried to change", "os.truncate": "tried to change", "os.symlink": "tried to change", "os.link": "tried to change",
    "exec": "ran code", "compile": "compiled code", "ctypes.dlopen": "loaded", "webbrowser.open": "tried to start", "os.kill": "tried to signal",
}  # fmt: skip
"""Event of Python's audit -> what it is called in the report."""
_MOST = 400


def note_events() -> tuple[dict[str, list[str]], Callable[[], None]]:
    """Begin to note what the interpreter does.

    Returns:
        What was noted, by what it is called, and a function that starts it anew.
    """
    found: dict[str, list[str]] = {}
    busy = False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal busy
        what = _NOTED.get(event)
        if event == "open" and len(args) > 2 and not isinstance(args[0], int) and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            what = "tried to write"
        if what is None or busy:
            return
        busy = True
        try:
            shown = _shown(event, args)
            if event in ("exec", "compile") and shown.endswith((".py", ">")) and not shown.startswith("<string"):
                return  # an import does that; the import itself is noted
            known = found.setdefault(what, [])
            if shown not in known and len(known) < _MOST:
                known.append(shown)
        finally:
            busy = False

    sys.addaudithook(hook)
    return found, found.clear


def _shown(event: str, args: tuple[Any, ...]) -> str:
    if event == "pickle.find_class":
        return f"{args[0]}.{args[1]}"[:200]
    if event in ("exec", "compile"):
        return str(getattr(args[0] if event == "exec" else args[1], "co_filename", args[-1] if event == "compile" else ""))[:200]
    first = args[0] if args else ""
    if event == "import":
        return str(first).partition(".")[0][:200]  # a library has hundreds of modules, and names them all
    return (first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first))[:200]


def main() -> None:
    """Serve one request, which stands on stdin as JSON; the report goes to the descriptor that it names."""
    request = json.loads(sys.stdin.buffer.read())
    report = os.fdopen(request["report"], "wb", closefd=False)
    answer: dict[str, Any]
    try:
        module, _, name = request["function"].partition(":")
        work = getattr(importlib.import_module(module), name)
        prepare = getattr(importlib.import_module(module), "prepare", None)
        if prepare is not None:
            prepare(request["arguments"])  # imports that the honest case needs, while files may still be opened as usual
        from holdfast.isolate.sandbox import Unconfined, confine

        noted, _ = note_events()
        try:
            level = confine(request["memory"], request["seconds"], request["written"])
        except Unconfined:
            if request["required"]:
                raise
            level = {}
        noted.clear()
        try:
            answer = {"ok": True, "level": level, "result": work(**request["arguments"])}
        except BaseException as error:
            answer = {"ok": False, "level": level, "error": type(error).__name__, "message": str(error)[:4000]}
        answer["noted"] = {what: list(shown) for what, shown in noted.items()}
    except BaseException as error:
        answer = {"ok": False, "level": {}, "error": type(error).__name__, "message": str(error)[:4000], "noted": {}}
    report.write(json.dumps(answer).encode())
    report.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
