"""Runs with the shim preloaded: forks a process for each command, so that each is fresh and costs no start of an interpreter.

Commands come as lines of JSON on stdin; answers go as lines of JSON to stdout.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import holdfast
from holdfast.errors import HoldfastError
from holdfast.store.blobs import local
from holdfast.store.mirror import contents

warnings.simplefilter("ignore")
shim = ctypes.CDLL(None)
MODES = {"": 0, "kill": 1, "fail": 2, "short": 3, "full": 4}
BODY = np.arange(200_000.0)
"""1.6 MB: a blob of its own."""


def model(n: int) -> dict[str, Any]:
    return {"body": BODY, "head": np.full(10, float(n))}


def prepare(root: str, said: Any) -> None:
    """Two versions that stay, one that was deleted, and an alias."""
    store = holdfast.connect(root, who="ann")
    for n in (1, 2, 3):
        store.save(model(n), "m", metrics={"auc": 0.9})
    store.alias("m@production", 1)
    store.delete("m:3")
    store.close()


def save(root: str, said: Any) -> None:
    store = holdfast.connect(root, who="ann")
    version = store.save({"body": BODY + 1, "head": np.full(10, 4.0)}, "m", metrics={"auc": 0.7}, tags={"team": "risk"}, note="new")
    said(f"m:{version.n}")
    store.close()


def first(root: str, said: Any) -> None:
    store = holdfast.connect(root, who="ann")
    version = store.save(model(1), "m", alias="production")
    said(f"m:{version.n}")
    store.close()


def alias(root: str, said: Any) -> None:
    store = holdfast.connect(root, who="ann")
    store.alias("m@production", 2, why="better")
    said("m@production")
    store.close()


def collect(root: str, said: Any) -> None:
    store = holdfast.connect(root, who="ann")
    store.admin.collect(grace=0)
    said("collected")
    store.close()


def rebuild(root: str, said: Any) -> None:
    store = holdfast.connect(root, who="ann")
    store.admin.check(rebuild=True)
    said("rebuilt")
    store.close()


def repair(root: str, said: Any) -> None:
    store = holdfast.connect(root, who="ann")
    store.admin.check("full", repair_from=root + "-copy")
    said("repaired")
    store.close()


def verify(root: str, said: Any) -> None:
    """Say what a fresh process finds wrong; the acknowledged versions come in the environment of the command."""
    acknowledged = VERIFIED["acknowledged"]
    store = holdfast.connect(root, who="ben")
    if VERIFIED["healed"]:
        store.admin.check("full", repair_from=root + "-copy")
    for ref in acknowledged:
        if ref.startswith("m:"):
            found = store.load(ref)
            if found["head"][0] != float(ref[2:]) or found["body"].nbytes != BODY.nbytes:
                said(f"{ref} is not what was saved")
    if "m@production" in acknowledged and store["m@production"].n != 2:
        said("the alias is not where it was acknowledged to be")
    listed = store.versions("m") if store.models() else []
    for version in listed:
        if store.load(version)["head"][0] != float(version.n):
            said(f"{version} is not what was saved")
    for again in range(2):
        checked = store.admin.check("full")
        if not checked.ok:
            said(f"check {again}: {checked}")
        for one in Path(root, "tmp").glob("*"):
            os.utime(one, (1, 1))
        with store.database.writing() as on:
            on.exec_driver_sql("UPDATE session SET ends = 1")
        store.admin.collect(grace=0)
        if left := os.listdir(Path(root, "tmp")) if Path(root, "tmp").exists() else []:
            said(f"left in tmp: {left}")
    number = store.save({"body": BODY, "head": np.full(10, 9.0)}, "m").n
    if number <= max([0, *(one.n for one in listed)]):
        said(f"the number {number} was given again")
    for version in store.versions("m"):
        store.load(version)
    with store.database.reading() as on:
        before = contents(on)
    store.close()
    for one in Path(root).glob("catalog.sqlite*"):
        one.unlink()
    reader = holdfast.connect(root, read_only=True)
    with reader.database.reading() as on:
        if contents(on) != before:
            said("the objects alone say something else than the catalog")


VERIFIED: dict[str, Any] = {}


def run(command: dict[str, Any]) -> dict[str, Any]:
    told_read, told = os.pipe()
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND) if command.get("log") else -1
    child = os.fork()
    if child == 0:
        try:
            os.close(told_read)
            VERIFIED.update(command)

            def said(text: str) -> None:
                os.write(told, (text.replace("\n", " ") + "\n").encode())

            for name in command.get("without", ()):
                if name == "folder":
                    local.sync_folder = lambda folder: None  # type: ignore[assignment]
                else:
                    os.fsync = lambda fd: None  # type: ignore[assignment]
            if command.get("limit"):
                resource.setrlimit(resource.RLIMIT_FSIZE, (command["limit"], command["limit"]))
            if command.get("armed"):
                shim.shim_arm(command.get("watch", command["root"]).encode(), command.get("n", 0), MODES[command.get("mode", "")], command.get("errno", 0), log)
            try:
                globals()[command["do"]](command["root"], said)
            except HoldfastError as error:
                said(f"refused {type(error).__name__}: {error}")
            except BaseException as error:
                said(f"untyped {type(error).__name__}: {error}")
            shim.shim_disarm()
            said(f"count {shim.shim_count()}")
            said(f"fired {shim.shim_fired()}")
        finally:
            os._exit(0)
    os.close(told)
    if log >= 0:
        os.close(log)
    with os.fdopen(told_read, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return {"said": lines, "killed": killed, "died": os.WIFSIGNALED(status) and not killed}


def modules(root: str, said: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder, said)
        VERIFIED.update(acknowledged=[], healed=False)
        verify(folder, said)
    said("modules " + " ".join(sys.modules))


def warm() -> None:
    """Import what forks will need, once. A fork finds out what that is: threads that this process had started would be missing in its forks."""
    (names,) = [line for line in run({"do": "modules", "root": ""})["said"] if line.startswith("modules ")]
    for name in names.split()[1:]:
        if name.startswith(("holdfast", "sqlalchemy", "sqlite3")):
            importlib.import_module(name)


if __name__ == "__main__":
    warm()
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
