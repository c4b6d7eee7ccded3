"""Files that are kept with a version, and the card: the same law for both, wherever the version goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import holdfast
from holdfast.errors import Conflict, Corrupt, LimitExceeded, NotFound
from holdfast.store.beside import Attachment
from holdfast.store.objects import blob_name
from holdfast.store.oci import documents as d
from holdfast.store.oci.registry import Registry
from holdfast.store.store import Store
from holdfast.values import limits
from holdfast.values.digest import digest

from .registry import StubRegistry
from .test_registry import stub

__all__ = ["stub"]

BUNDLE = b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}'
TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture
def store(tmp_path: Path) -> Any:
    found = holdfast.connect(tmp_path / "store", who="ann")
    found.save({"w": np.arange(5.0)}, "churn", alias="production")
    found.attach("churn:1", "model.sig", BUNDLE, TYPE, why="released")
    found.card("churn:1", "# Ours")
    yield found
    found.close()


def same(store: Store, ref: str = "churn:1") -> None:
    assert store.attachments(ref) == {"model.sig": Attachment("model.sig", TYPE, digest(BUNDLE), len(BUNDLE))}
    assert (store.attached(ref, "model.sig"), store.card(ref)) == (BUNDLE, "# Ours")


def test_an_attachment_is_kept_replaced_and_taken_away(catalog: Store) -> None:
    catalog.save({"w": 1.0}, "churn")
    assert catalog.attachments("churn:1") == {}
    catalog.attach("churn:1", "a.txt", b"one", "text/plain")
    assert catalog.attach("churn:1", "a.txt", b"two", "text/plain")["a.txt"].size == 3
    catalog.attach("churn:1", "empty", b"")
    assert [catalog.attached("churn:1", name) for name in ("a.txt", "empty")] == [b"two", b""]
    assert [(one.kind, one.key, one.value) for one in catalog.history("churn", limit=2)] == [("attachment", "empty", '"application/octet-stream"'), ("attachment", "a.txt", '"text/plain"')]
    assert catalog.admin.check("full").ok
    assert list(catalog.attach("churn:1", "a.txt", None)) == ["empty"]
    with pytest.raises(NotFound, match="it has empty"):
        catalog.attached("churn:1", "a.txt")
    with pytest.raises(NotFound, match=r"no attachment 'a\.txt'"):
        catalog.attach("churn:1", "a.txt", None)
    assert catalog.admin.check("full", rebuild=True).ok
    assert catalog.attached("churn:1", "empty") == b""


def test_its_bytes_are_pinned_counted_and_checked(store: Store, tmp_path: Path) -> None:
    assert store.admin.collect(grace=0).blobs == 0
    same(store)
    with pytest.raises(Conflict), store.database.writing() as on:
        on.execute(sa.text("DELETE FROM blob WHERE digest = :one"), {"one": digest(BUNDLE)})
    before = store.admin.du().versions[0].own
    store.attach("churn:1", "more", b"x" * 100)
    assert store.admin.du().versions[0].own == before + 100
    place = tmp_path / "store" / blob_name(digest(BUNDLE))
    place.write_bytes(BUNDLE[:-1] + b" ")
    with pytest.raises(Corrupt, match=r"attachment model.sig of churn:1 does not match its digest; attach it anew"):
        store.attached("churn:1", "model.sig")
    assert [(one.versions, one.aliases) for one in store.admin.check("full").damaged] == [(("churn:1",), ("churn@production",))]
    store.attach("churn:1", "model.sig", BUNDLE, TYPE)
    store.attach("churn:1", "more", None)
    same(store)
    store.alias("churn@production", None)
    store.delete("churn:1")
    assert store.admin.collect(grace=0).condemned > 2
    assert store.admin.check("full").ok


def test_what_is_no_attachment_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("../x", "", "a b", ".hidden", "x" * 101):
        with pytest.raises(ValueError, match="cannot be the name"):
            store.attach("churn:1", name, b"x")
    for kind in ("", "text", "Text/Plain", "a/b\n"):
        with pytest.raises(ValueError, match="no media type"):
            store.attach("churn:1", "x", b"x", kind)
    with pytest.raises(TypeError, match="read the file first"):
        store.attach("churn:1", "x", "text")  # type: ignore[arg-type]
    monkeypatch.setattr(limits, "ATTACHMENTS", 1)
    with pytest.raises(LimitExceeded, match="has 1 attachments"):
        store.attach("churn:1", "x", b"x")
    store.attach("churn:1", "model.sig", BUNDLE, TYPE)
    monkeypatch.setattr(limits, "ATTACHMENT_BYTES", 10)
    with pytest.raises(LimitExceeded, match="let it go along as an export"):
        store.attach("churn:1", "model.sig", b"x" * 11)
    with pytest.raises(LimitExceeded, match="attach it anew"):
        store.attached("churn:1", "model.sig")


def test_it_goes_along_wherever_the_version_goes(store: Store, stub: StubRegistry, tmp_path: Path) -> None:
    places = [holdfast.connect(tmp_path / name) for name in "abc"]
    places[0].transfer.pull(store)
    store.transfer.pack(tmp_path / "x.tar")
    places[1].transfer.unpack(tmp_path / "x.tar")
    same(places[1].transfer.open_pack(tmp_path / "x.tar"))
    registry = Registry(f"oci+http://{stub.host}/team")
    store.transfer.push(registry)
    layers = {one["annotations"][d.PATH]: one for one in json.loads(stub.manifests["team/churn", "1"])["layers"]}
    assert layers["attachments/model.sig"]["mediaType"] == TYPE
    assert stub.blobs[layers["attachments/model.sig"]["digest"]] == BUNDLE
    places[2].transfer.pull(registry, "churn")
    for one in places:
        same(one)
        assert one.admin.check("full", rebuild=True).ok


def test_what_was_attached_later_comes_later_and_what_is_there_stays(store: Store, tmp_path: Path) -> None:
    there = holdfast.connect(tmp_path / "there")
    there.transfer.pull(store)
    there.attach("churn:1", "model.sig", b"of there")
    store.attach("churn:1", "second.sig", b"second")
    store.transfer.push(there)
    assert (there.attached("churn:1", "model.sig"), there.attached("churn:1", "second.sig")) == (b"of there", b"second")
    seq = there.history("churn")[0].seq
    store.transfer.push(there)
    assert there.history("churn")[0].seq == seq


def test_a_trial_attaches_nothing(store: Store) -> None:
    trial = store.trial()
    trial.attach("churn:1", "x", b"new")
    assert list(store.attachments("churn:1")) == ["model.sig"]
    assert store.blobs.size(blob_name(digest(b"new"))) is None


@pytest.mark.parametrize("path", ["README.md", "attachments/model.sig", "attachments/other"])
@pytest.mark.parametrize("how", ["other", "gone"])
def test_a_card_or_an_attachment_that_is_shown_as_something_else_is_refused(store: Store, stub: StubRegistry, path: str, how: str) -> None:
    """Other tools show the layer of that name, and a store takes the blob that the version says: they have to be the same."""
    registry = Registry(f"oci+http://{stub.host}/team")
    store.transfer.push(registry, "churn:1")
    told = json.loads(stub.manifests["team/churn", "1"])
    found = [one for one in told["layers"] if one["annotations"][d.PATH] == path]
    other = next(one for one in told["layers"] if one["annotations"][d.PATH] == "holdfast/layout.json")
    if how == "gone" and found:
        told["layers"].remove(found[0])
    elif found:
        found[0].update(digest=other["digest"], size=other["size"])
    else:
        told["layers"].append({**other, "annotations": {d.PATH: path}})
    stub.manifests["team/churn", "1"] = json.dumps(told).encode()
    there = holdfast.connect("memory://there")
    with pytest.raises(Corrupt, match=r"is shown as another layer|should lie where no layer"):
        there.transfer.pull(registry, "churn:1")
    assert there.models() == []
