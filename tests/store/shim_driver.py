"""Runs with the shim preloaded: forks a process for each command, so that each is fresh and costs no start of an interpreter.

Commands come as lines of JSON on stdin; answers go as lines of JSON to stdout.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import holdfast
from holdfast.cli.main import main
from holdfast.errors import HoldfastError, UnsupportedVersion
from holdfast.store import catalog, migrating
from holdfast.store.blobs import local
from holdfast.store.mirror import contents

warnings.simplefilter("ignore")
shim = ctypes.CDLL(None)
shim.shim_hit.restype = ctypes.c_char_p
MODES = {"": 0, "kill": 1, "fail": 2, "short": 3, "full": 4}
BODY = np.arange(200_000.0)
"""1.6 MB: a blob of its own."""


def model(n: int) -> dict[str, Any]:
    return {"body": BODY, "head": np.full(10, float(n))}


def prepare(root: str, said: Any) -> None:
    """A store of two versions that stay, one that was deleted, and an alias; the same in one file; another store; a file to save; a catalog's second form."""
    store = holdfast.connect(root, who="ann")
    for n in (1, 2, 3):
        store.save(model(n), "m", metrics={"auc": 0.9})
    store.alias("m@production", 1)
    store.delete("m:3")
    store.transfer.pack(root + ".tar")
    store.close()
    other = holdfast.connect(root + "-other", who="ben")
    for n in (1, 2):
        other.save(model(n), "k")
    other.close()
    holdfast.save({"body": BODY + 1, "head": np.full(10, 4.0)}, root + ".safetensors")
    shutil.copytree(migrating.FOLDER, root + "-migrations", ignore=shutil.ignore_patterns("__pycache__"))
    Path(root + "-migrations", "versions", "0002_second.py").write_text(SECOND)


SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade():
    op.add_column("version", sa.Column("extra", sa.Text(), nullable=True))
    op.execute("UPDATE version SET extra = 'was ' || n")
    op.drop_index("ix_version_at", "version")
    op.create_index("ix_version_extra", "version", ["extra"])
    op.create_table("more", sa.Column("id", sa.Integer(), primary_key=True))
"""
"""What a later holdfast may do to a catalog: a column that is filled, an index that goes, another that comes, a table."""


def begun(root: str) -> str:
    """Return what the paths begin with of what `prepare` made beside the store."""
    return str(Path(root).parent / "start")


def commanded(said: Any, names: list[str], *arguments: str) -> None:
    """Run a command of the command line; say which versions it says to be there, or how it ended and what it wrote."""
    wrote = io.StringIO()
    with contextlib.redirect_stderr(wrote), contextlib.redirect_stdout(wrote):
        code = main(list(arguments))
    for one in names if code == 0 else [f"exit {code} {wrote.getvalue()}"]:
        said(one)


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
    said("m@production=2")
    store.close()


def cli_save(root: str, said: Any) -> None:
    commanded(said, ["m:4", "m@production=4"], "save", begun(root) + ".safetensors", "m", "--alias", "production", "--store", root)


def cli_alias(root: str, said: Any) -> None:
    commanded(said, ["m@production=2"], "alias", "m@production", "2", "--store", root)


def push(root: str, said: Any) -> None:
    commanded(said, ["m:1", "m:2", "m@production=1"], "push", root, "--aliases", "--store", root + "-copy")


def pull(root: str, said: Any) -> None:
    commanded(said, ["m:1", "m:2", "m@production=1"], "pull", root + "-copy", "--aliases", "--store", root)


def unpack(root: str, said: Any) -> None:
    commanded(said, ["m:1", "m:2", "m@production=1"], "unpack", begun(root) + ".tar", "--aliases", "--store", root)


def pack(root: str, said: Any) -> None:
    commanded(said, ["packed"], "pack", root + "/../packed.tar", "--store", root)


def unlinked(root: str, said: Any) -> None:
    """A save where there are no hard links."""
    without_links()
    save(root, said)


def without_links() -> None:
    def none(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    os.link = none  # type: ignore[assignment]


def migrate(root: str, said: Any) -> None:
    """The catalog brought to its second form."""
    second_form(root)
    holdfast.connect(root, who="ann").close()
    said("migrated")


def second_form(root: str) -> None:
    catalog.FORMAT = 2
    migrating.FOLDER = Path(begun(root) + "-migrations")


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


def first_form(root: str, said: Any, migrated: bool) -> None:
    """Say whether an older holdfast does something else than to read and write the catalog as ever, or to refuse it."""
    try:
        store = holdfast.connect(root)
    except UnsupportedVersion:
        return
    if migrated:
        said("an older holdfast writes to a catalog of a newer form")
    if store.load("m:1")["head"][0] != 1.0:
        said("an older holdfast does not find what it wrote")
    store.close()


def migrated_well(on: Any, said: Any) -> None:
    """Say what is not as the second form has it."""
    if on.exec_driver_sql("SELECT count(*) FROM version WHERE extra IS NULL OR extra != 'was ' || n").scalar():
        said("a row was not filled")
    names = set(on.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    if not {"more", "ix_version_extra"} <= names or "ix_version_at" in names:
        said(f"the catalog has {sorted(names)}")
    if list(on.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()) != ["0002"]:
        said("Alembic says something else")


def once_more(store: Any, root: str, command: str, said: Any) -> None:
    """Do a transfer once more, and say what is not there then."""
    for new in (None, False):
        transfer = store.transfer
        done = transfer.unpack(begun(root) + ".tar", aliases=True) if command == "unpack" else transfer.pull(root + "-copy", aliases=True)
        if {one.ref for one in done.versions} != {"m:1", "m:2"} or (new is False and any(one.new for one in done.versions)):
            said(f"done again: {done}")
    if store["m@production"].n != 1 or any(store.load(f"m:{n}")["head"][0] != n for n in (1, 2)):
        said("what was to come did not come whole")


def verify(root: str, said: Any) -> None:
    """Say what a fresh process finds wrong; the acknowledged versions come in the environment of the command."""
    acknowledged, command = VERIFIED["acknowledged"], VERIFIED["command"]
    if command == "unlinked":
        without_links()
    if command == "migrate":
        first_form(root, said, "migrated" in acknowledged)
        second_form(root)
    if command == "pack" and ("packed" in acknowledged or os.path.exists(root + "/../packed.tar")):
        packed = holdfast.connect(tempfile.mkdtemp(dir=Path(root).parent))
        packed.transfer.unpack(root + "/../packed.tar")
        if [packed.load(f"m:{n}")["head"][0] for n in (1, 2)] != [1.0, 2.0]:
            said("the pack holds something else")
        packed.close()
        shutil.rmtree(packed.shown)
    store = holdfast.connect(root, who="ben")
    if command == "migrate":
        with store.database.reading() as on:
            migrated_well(on, said)
    if command == "repair":
        store.admin.check("full", repair_from=root + "-copy")
    for ref in acknowledged:
        if ref.startswith(("m:", "k:")):
            found = store.load(ref)
            if found["head"][0] != float(ref[2:]) or found["body"].nbytes != BODY.nbytes:
                said(f"{ref} is not what was saved")
        alias_, _, n = ref.partition("=")
        if n and store[alias_].n != int(n):
            said("the alias is not where it was acknowledged to be")
    listed = [version for name in store.models() for version in store.versions(name)]
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
    if command in ("push", "pull", "unpack"):
        once_more(store, root, command, said)
        listed = store.versions("m")
    number = store.save({"body": BODY, "head": np.full(10, 9.0)}, "m").n
    if number <= max([0, *(one.n for one in listed if one.model == "m")]):
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
            if command.get("flushed"):
                on_the_disk(Path(command["flushed"]), Path(command["watch"]))
                shim.shim_keep_flushed(command["flushed"].encode())
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
            said(f"hit {shim.shim_hit().decode()}")
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


def on_the_disk(flushed: Path, folder: Path) -> None:
    """Note that everything below a folder is on the disk: what shim.c notes at each flush."""
    for above, folders, files in os.walk(folder):
        names = [f"{os.lstat(Path(above, name)).st_ino}\t{name}\n" for name in (*folders, *files)]
        (flushed / f"{os.stat(above).st_ino}.names").write_text("".join(names))
        for name in files:
            shutil.copy(Path(above, name), flushed / f"{os.lstat(Path(above, name)).st_ino}.bytes")


def modules(root: str, said: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder + "/start", said)
        shutil.copytree(folder + "/start", folder + "/start-copy")
        for command in (cli_save, cli_alias):
            command(folder + "/start", said)
        pull(folder + "/start-other", lambda _: None)
        VERIFIED.update(acknowledged=[], command="")
        verify(folder + "/start", said)
    said("modules " + " ".join(sys.modules))


def warm() -> None:
    """Import what forks will need, once. A fork finds out what that is: threads that this process had started would be missing in its forks."""
    (names,) = [line for line in run({"do": "modules", "root": ""})["said"] if line.startswith("modules ")]
    for name in names.split()[1:]:
        if name.startswith(("holdfast", "sqlalchemy", "sqlite3", "alembic", "mako", "click")):
            importlib.import_module(name)


if __name__ == "__main__":
    warm()
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
