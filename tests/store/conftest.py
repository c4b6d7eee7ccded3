"""Stores over every catalog.

The one rule: whatever a test asks of a store that stays, it asks of each kind of catalog; objects lie in the folder that the test names.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from tests.store import postgres_server
from tests.store.real import Real, running

CATALOGS = ["memory", "sqlite", "postgresql"]
KEYS = {"access_key_id": "key", "secret_access_key": "secret"}
"""Keys that moto and the small S3 of `tests.store.servers` take."""
At = Callable[[Path], str]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    if postgres_server.postgres_programs() is None:
        pytest.skip("PostgreSQL's server is not installed; .ci/run installs it")
    with postgres_server.postgres() as url:
        yield url


def address(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Return the address of a new store."""
    if kind == "memory":
        return "memory://"
    if kind == "sqlite":
        return str(folder / "models")
    return f"{postgres_server.made(request.getfixturevalue('postgres'))}?blobs=file://{folder}/blobs"


@pytest.fixture(scope="session")
def made_catalog(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database that holds the tables of a catalog, and nothing: a copy of it is there sooner than tables are made."""
    url = postgres_server.made(postgres, name="made_catalog")
    holdfast.connect(f"{url}?blobs=file://{tmp_path_factory.mktemp('made')}").close()
    return "made_catalog"


@pytest.fixture(params=["sqlite", "postgresql"])
def at(request: pytest.FixtureRequest) -> Iterator[At]:
    """Give what says the address of a store whose objects lie in a folder: the same for the same folder."""
    if request.param == "sqlite":
        yield str
        return
    server: str = request.getfixturevalue("postgres")
    template: str = request.getfixturevalue("made_catalog")
    given: dict[Path, str] = {}

    def url(folder: Path) -> str:
        if folder not in given:
            # records that are there already are to be found by a catalog that is empty
            given[folder] = postgres_server.made(server, template=None if (folder / "log").exists() else template)
        return f"{given[folder]}?blobs=file://{folder}"

    yield url
    for one in given.values():
        postgres_server.dropped(server, one)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The endpoint of a server of moto, with a bucket."""
    if importlib.util.find_spec("moto") is None:
        pytest.skip("moto is not installed; it is in requirements-libraries.txt")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, str(Path(__file__).parent / "moto_server.py"), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            endpoint = f"http://127.0.0.1:{port}"
            ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
            for _ in range(150):
                try:
                    ask(urllib.request.Request(f"{endpoint}/bucket", method="PUT"), timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                pytest.fail("moto did not start")
            yield endpoint
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Real]]:
    """Starts a real server when it is first asked for, and gives it."""
    with contextlib.ExitStack() as ended:
        started: dict[str, Real] = {}

        def start(name: str) -> Real:
            if name not in started:
                started[name] = ended.enter_context(running(name, tmp_path_factory.mktemp(name)))
            return started[name]

        yield start


@pytest.fixture(params=CATALOGS)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Give a store over each kind of catalog."""
    store = holdfast.connect(address(request.param, tmp_path, request), who="ann")
    yield store
    store.close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep caches of tests out of the user's own."""
    folder = str(tmp_path_factory.getbasetemp() / "cache")
    monkeypatch.setattr("holdfast.store.blobs.cached.default_folder", lambda: folder)
