"""Real servers for tests, each started once, in a folder of its own, and ended with the tests."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def postgres_programs() -> str | None:
    """Return the folder of PostgreSQL's server, or None where it is not installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return os.path.dirname(found[-1]) if found else (os.path.dirname(one) if (one := shutil.which("initdb")) else None)


@contextmanager
def postgres(flushes: bool = False) -> Iterator[str]:
    """Give the address of a server without databases of anybody's: ``postgresql://holdfast@127.0.0.1:PORT``.

    Args:
        flushes: write to the disk what was committed; for figures, and not for tests, in which nobody takes the server's power away.
    """
    programs = postgres_programs()
    assert programs is not None
    folder = tempfile.mkdtemp(prefix="holdfast-postgres-")
    as_user = {}
    if os.getuid() == 0:  # the server does not run as the administrator
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid}
    data, port = os.path.join(folder, "data"), free_port()

    def run(*line: str) -> None:
        subprocess.run([os.path.join(programs, line[0]), *line[1:]], check=True, capture_output=True, cwd=folder, **as_user)  # type: ignore[call-overload]

    try:
        run("initdb", "-D", data, "-U", "holdfast", "--auth=trust", "--encoding=UTF8", "--no-sync")
        run("pg_ctl", "-D", data, "-w", "-l", os.path.join(folder, "log"), "-o", f"-p {port} -h 127.0.0.1 -k {folder} -c max_connections=200 -c fsync={'on' if flushes else 'off'}", "start")
        yield f"postgresql://holdfast@127.0.0.1:{port}"
    finally:
        subprocess.run([os.path.join(programs, "pg_ctl"), "-D", data, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder, **as_user)  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)


def made(server: str, name: str | None = None, template: str | None = None) -> str:
    """Make a database; returns its address.

    Args:
        server: what `postgres` gave.
        name: of the database; a new one unless told.
        template: the database that it is a copy of, which nobody may be connected to.
    """
    name = name or f"store_{uuid.uuid4().hex}"
    _tell(server, f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    return f"{server}/{name}"


def dropped(server: str, address: str) -> None:
    """Take a database away, whoever is connected to it."""
    _tell(server, f"DROP DATABASE {address.rpartition('/')[2]} WITH (FORCE)")


def _tell(server: str, line: str) -> None:
    engine = sa.create_engine(server.replace("postgresql://", "postgresql+psycopg://") + "/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as on:
        on.execute(sa.text(line))
