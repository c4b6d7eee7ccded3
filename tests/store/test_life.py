"""The life of a model over PostgreSQL, with its objects in a folder and in buckets: each step of it, and what is there afterwards.

The one rule: the steps are the same in every place; what a place alone has is tested with that place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import holdfast
from holdfast.errors import Conflict, Corrupt
from holdfast.store.blobs import Blobs
from holdfast.store.blobs.local import LocalBlobs
from holdfast.store.blobs.places import bucket
from holdfast.store.mirror import contents
from holdfast.store.objects import artifact_name, log_prefix
from holdfast.store.store import Store
from tests.store import postgres_server
from tests.store.conftest import KEYS

BODY = np.random.default_rng(0).normal(size=200_000)
"""1.6 MB: a blob of its own."""


class Open(NamedTuple):
    """Opens stores by their names, each with a catalog of its own unless one is given, and gives their objects as they lie there."""

    store: Callable[..., Store]
    objects: Callable[[str], Blobs]


@pytest.fixture(params=["folder", "moto", pytest.param("radosgw", marks=pytest.mark.long)])
def opened(request: pytest.FixtureRequest, postgres: str, tmp_path: Path) -> Iterator[Open]:
    made: list[Any] = []
    options: dict[str, Any] | None = None
    if request.param == "folder":
        place = f"file://{tmp_path}/NAME"
    elif request.param == "moto":
        place, options = f"s3://bucket/{tmp_path.name}/NAME?endpoint={request.getfixturevalue('moto')}", KEYS
    else:
        server = request.getfixturevalue("real")(request.param)
        place, options = server.address.replace("PREFIX", f"{tmp_path.name}/NAME"), server.options

    def store(name: str, catalog: str | None = None) -> Store:
        if catalog is None:
            catalog = postgres_server.made(postgres)
            made.append(catalog)
        found = holdfast.connect(f"{catalog}?blobs={place.replace('NAME', name)}", who="ann", blob_options=options, cache=tmp_path / "cache")
        made.append(found)
        return found

    yield Open(store, lambda name: LocalBlobs(str(tmp_path / name)) if options is None else bucket(place.replace("NAME", name), options))
    for one in reversed(made):
        if isinstance(one, str):
            postgres_server.dropped(postgres, one)
        else:
            one.close()


def net(n: int) -> dict[str, Any]:
    return {"body": BODY, "head": np.full(50, float(n))}


def rows(store: Store) -> dict[str, set[Any]]:
    with store.database.reading() as on:
        return contents(on)


def names(blobs: Blobs, prefix: str = "blobs/") -> set[str]:
    return {one.name for one in blobs.list(prefix)}


def heads(store: Store) -> dict[int, float]:
    """Return what every version holds, read anew and compared with its digests."""
    return {one.n: float(store.load(one, digests="all")["head"][0]) for one in store.versions("churn")}


def lived(store: Store) -> None:
    """Do all that is done to the versions of one store."""
    for n in range(1, 5):
        store.save(net(n), "churn", metrics={"auc": n / 10}, tags={"team": "risk"}, parent=f"churn:{n - 1}" if n > 1 else None)
    store.alias("churn@production", 1, why="the first")
    store.alias("churn@production", 3)
    assert store.rollback("churn@production", why="bad").n == 1
    store.alias("churn@production", 2)
    store.tag("churn:1", team=None, stage="old")
    store.metric("churn:1", auc=0.05)
    store.note("churn:2", "better")
    assert store.card("churn:2", "# churn\n") == "# churn\n"


def test_saved_promoted_rolled_back_and_found(opened: Open) -> None:
    store = opened.store("here")
    lived(store)
    moves = store.history("churn@production")[::-1]
    assert [(one.old, one.new, one.why) for one in moves] == [(None, 1, "the first"), (1, 3, ""), (3, 1, "bad"), (1, 2, "")]
    assert [one.n for one in store.search("metrics.auc > 0.04 and tags.team = 'risk'", order="metrics.auc desc", limit=2)] == [4, 3]
    assert (dict(store["churn:1"].tags), store["churn@production"].note, store.card("churn:2")) == ({"stage": "old"}, "better", "# churn\n")
    assert heads(store) == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}


def test_deleted_and_collected(opened: Open) -> None:
    store = opened.store("here")
    lived(store)
    before = names(store.blobs)
    with pytest.raises(Conflict, match="churn@production points at"):
        store.delete("churn:2")
    store.delete("churn:4")
    assert store.admin.collect(grace=3600).freed == 0
    assert names(opened.objects("here")) == before
    done = store.admin.collect(grace=0)
    assert (done.blobs, done.artifacts) == (1, 1)
    assert len(before - names(opened.objects("here"))) == 1
    assert store.admin.check("full").ok
    assert heads(store) == {1: 1.0, 2: 2.0, 3: 3.0}
    assert store.save(net(5), "churn").n == 5


def test_pushed_and_pulled(opened: Open) -> None:
    here, there = opened.store("here"), opened.store("there")
    lived(here)
    done = here.transfer.push(there, aliases=True)
    assert [(one.ref, one.new) for one in done.versions] == [(f"churn:{n}", True) for n in range(1, 5)]
    assert done.nbytes > BODY.nbytes
    assert [one._replace(proof=None) for one in there.versions("churn")] == [one._replace(proof=None) for one in here.versions("churn")]
    assert (heads(there), there.card("churn:2")) == (heads(here), "# churn\n")
    assert here.transfer.push(there).blobs == 0
    there.save(net(5), "churn")
    back = here.transfer.pull(there)
    assert ([one.new for one in back.versions], back.blobs) == ([False] * 4 + [True], 1)
    assert heads(here)[5] == 5.0
    for store in (here, there):
        assert store.admin.check("full").ok


@pytest.mark.parametrize("kind", ["blob", "manifest"])
@pytest.mark.parametrize("harm", ["flipped", "gone"])
def test_damage_is_found_and_healed_from_another_store(opened: Open, kind: str, harm: str) -> None:
    here, there = opened.store("here"), opened.store("there")
    lived(here)
    here.transfer.push(there)
    objects = opened.objects("here")
    name = max(objects.list("blobs/"), key=lambda one: one.size).name if kind == "blob" else artifact_name(here["churn:2"].artifact)
    good = objects.get(name)
    if harm == "gone":
        objects.delete(name)
    else:
        objects.put(name, [good[:100], bytes([good[100] ^ 1]), good[101:]], len(good))
    hurt = {"blob": {f"churn:{n}" for n in range(1, 5)}, "manifest": {"churn:2"}}[kind]
    found = here.admin.check("full")
    assert [(one.object, set(one.versions), one.aliases) for one in found.damaged] == [(name, hurt, ("churn@production",))]
    assert found.exit_code == Corrupt.exit_code
    healed = here.admin.check("full", repair_from=there)
    assert [(one.object, one.done) for one in healed.damaged] == [(name, "repaired")]
    assert objects.get(name) == good
    assert here.admin.check("full").ok
    assert heads(here) == {n: float(n) for n in range(1, 5)}


def test_the_catalog_is_made_anew_from_the_objects(opened: Open) -> None:
    store = opened.store("here")
    lived(store)
    store.delete("churn:4")
    store.admin.collect(grace=0)
    before = rows(store)
    done = store.admin.check("full", rebuild=True)
    assert (done.ok, done.rebuilt, rows(store)) == (True, True, before)
    other = opened.store("here")  # another database, with nothing in it
    assert rows(other) == before
    assert other.save(net(5), "churn").n == 5
    assert len(names(opened.objects("here"), log_prefix("churn"))) == len(store.history("churn")) + 1
    # the first catalog does not know of that version: whoever writes there next makes its rows first
    assert store.save(net(6), "churn").n == 6
    assert rows(store)["version"] > rows(other)["version"]
