"""Stores over every catalog."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import holdfast
from tests.store import postgres_server

CATALOGS = ["memory", "sqlite", "postgresql"]


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
    server = request.getfixturevalue("postgres")
    name = f"store_{uuid.uuid4().hex}"
    engine = sa.create_engine(server.replace("postgresql://", "postgresql+psycopg://") + "/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as on:
        on.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}?blobs=file://{folder}/blobs"


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
