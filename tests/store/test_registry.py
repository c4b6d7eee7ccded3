"""Versions in and out of a registry: who may, what is sent, what breaks on the way, and what is not believed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import Conflict, Corrupt, LimitExceeded, NotFound, Unavailable
from holdfast.store.oci import http, uploading
from holdfast.store.oci.registry import Registry
from holdfast.store.store import Store

from .registry import StubRegistry

BODY = np.random.default_rng(0).normal(size=200_000)


def net(seed: int) -> dict[str, Any]:
    return {"body": BODY, "head": np.random.default_rng(seed).normal(size=50)}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubRegistry]:
    monkeypatch.setattr(http, "PAUSE", 0.01)
    running = StubRegistry()
    yield running
    running.close()


@pytest.fixture
def stores(tmp_path: Path) -> Any:
    both = holdfast.connect(tmp_path / "here", who="ann"), holdfast.connect(tmp_path / "there")
    both[0].save(net(1), "churn", note="first", metrics={"auc": 0.9})
    both[0].save(net(2), "churn", parent="churn:1", alias="production")
    yield both
    for one in both:
        one.close()


def place(stub: StubRegistry, **more: Any) -> Registry:
    return Registry(f"oci+http://{stub.host}/team", timeout=10, **more)


def test_versions_go_out_and_come_back(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    told: list[int] = []
    done = here.transfer.push(f"oci+http://{stub.host}/team", aliases=True, on_bytes=told.append)
    assert [one.source for one in done.versions] == ["churn:1", "churn:2"]
    assert re.fullmatch(rf"{stub.host}/team/churn:1@sha256:[0-9a-f]{{64}}", done.versions[0].ref)
    assert set(stub.manifests) == {("team/churn", "1"), ("team/churn", "2"), ("team/churn", "production")}
    assert hashlib.sha256(stub.manifests["team/churn", "1"]).hexdigest() == done.versions[0].ref[-64:]
    assert sum(len(one) == BODY.nbytes for one in stub.blobs.values()) == 1
    assert sum(told) >= done.nbytes > BODY.nbytes
    there.transfer.pull(f"oci+http://{stub.host}/team", "churn", aliases=True)
    for ref in ("churn:1", "churn:2", "churn@production"):
        assert there[ref]._replace(proof=None) == here[ref]._replace(proof=None)
        np.testing.assert_array_equal(there.load(ref)["head"], here.load(ref)["head"])
    assert [one.new for one in there.transfer.pull(here).versions] == [False, False]


def test_what_is_there_is_not_sent_again(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, _ = stores
    assert [one.new for one in here.transfer.push(place(stub), "churn:1", dry_run=True).versions] == [True]
    assert (stub.blobs, stub.manifests) == ({}, {})
    here.transfer.push(place(stub), "churn:1")
    sent = stub.count("PUT", "/up/")
    done = here.transfer.push(place(stub), "churn:1")
    assert (done.blobs, done.nbytes, done.versions[0].new) == (0, 0, False)
    assert stub.count("PUT", "/up/") == sent
    assert here.transfer.push(place(stub), "churn:2").nbytes < 20_000


@pytest.mark.parametrize("mounts", [True, False])
def test_what_another_model_has_there_is_mounted(stub: StubRegistry, stores: tuple[Store, Store], mounts: bool) -> None:
    """A body that two models share goes into the registry once, where it lets one repository have a blob of another."""
    here, there = stores
    stub.mounts = mounts
    stub.auth = "bearer"
    registry = place(stub, user="ann", password="secret")
    here.transfer.push(registry, "churn:1")
    here.save(net(3), "other")
    told: list[int] = []
    done = here.transfer.push(registry, "other:1", on_bytes=told.append)
    assert (done.nbytes < BODY.nbytes) == mounts
    assert sum(told) > BODY.nbytes  # it is there, however it came
    body = max(stub.blobs, key=lambda one: len(stub.blobs[one]))
    assert {path for method, path in stub.seen if method == "POST" and "mount=" in path} == {f"/v2/team/other/blobs/uploads/?mount={body}&from=team/churn"}
    there.transfer.pull(registry, "other:1")
    np.testing.assert_array_equal(there.load("other:1")["body"], BODY)
    assert len([one for one in here.transfer.push(registry, "other:1").versions if one.new]) == 0


def test_files_go_along_into_a_registry_and_stay_there(stub: StubRegistry, stores: tuple[Store, Store], tmp_path: Path) -> None:
    here, there = stores
    for name, data in (("a.onnx", b"one" * 1000), ("b.pmml", b"two")):
        (tmp_path / name).write_bytes(data)
    here.transfer.push(place(stub), "churn", exports={"churn@production": [tmp_path / "a.onnx"]})
    here.transfer.push(place(stub), "churn:2", exports={"churn:2": tmp_path / "b.pmml"})
    layers = {one["annotations"]["org.cncf.model.filepath"]: one for one in json.loads(stub.manifests["team/churn", "2"])["layers"]}
    assert [name for name in layers if name.startswith("exports/")] == ["exports/a.onnx", "exports/b.pmml"]
    assert there.transfer.pull(place(stub), "churn:2").exports == ()
    done = there.transfer.pull(place(stub), "churn", exports_to=tmp_path / "out")
    assert sorted(done.exports) == [str(tmp_path / "out" / "churn-2" / name) for name in ("a.onnx", "b.pmml")]
    assert (tmp_path / "out" / "churn-2" / "a.onnx").read_bytes() == b"one" * 1000
    assert there.transfer.pull(place(stub), "churn:1", exports_to=tmp_path / "none").exports == ()
    (tmp_path / "a.onnx").write_bytes(b"changed")
    here.transfer.push(place(stub), "churn:2", exports={"churn:2": [tmp_path / "a.onnx"]})
    there.transfer.pull(place(stub), "churn:2", exports_to=tmp_path / "out")
    assert [(tmp_path / "out" / "churn-2" / name).read_bytes() for name in ("a.onnx", "b.pmml")] == [b"changed", b"two"]
    stub.blobs["sha256:" + hashlib.sha256(b"changed").hexdigest()] = b"damaged"
    with pytest.raises(Corrupt, match="does not match its digest"):
        there.transfer.pull(place(stub), "churn:2", exports_to=tmp_path / "bad")
    assert not (tmp_path / "bad" / "churn-2" / "a.onnx").exists()
    with pytest.raises(ValueError, match="not packed or pushed"):
        here.transfer.push(place(stub), "churn:1", exports={"churn:2": [tmp_path / "a.onnx"]})
    with pytest.raises(ValueError, match="into packs and registries"):
        here.transfer.push(there, "churn:1", exports={"churn:1": [tmp_path / "a.onnx"]})


def test_the_tag_comes_last(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    stores[0].transfer.push(place(stub), "churn:1")
    order = [method for method, path in stub.seen if method == "PUT"]
    assert [path for _, path in stub.seen][-1].endswith("/manifests/1")
    assert len(order) > 6


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_who_asks_is_said_when_it_is_asked(stub: StubRegistry, stores: tuple[Store, Store], auth: str) -> None:
    here, there = stores
    stub.auth = auth
    with pytest.raises(Unavailable, match=r"user=\.\.\., password="):
        here.transfer.push(place(stub))
    with pytest.raises(Unavailable, match="401"):
        here.transfer.push(place(stub, user="ann", password="wrong"))
    here.transfer.push(place(stub, user="ann", password="secret"))
    there.transfer.pull(place(stub, user="ann", password="secret"), ["churn:2"])
    if auth == "bearer":
        here.transfer.push(place(stub, token="good"))
    assert "secret" not in repr(place(stub, user="ann", password="secret"))


@pytest.mark.parametrize("token", ["a b", 3, "x\r\nHost: elsewhere", "é", ""])
def test_a_token_that_is_none_is_not_sent(stub: StubRegistry, stores: tuple[Store, Store], token: Any) -> None:
    stub.auth, stub.token = "bearer", token
    with pytest.raises(Unavailable, match="answer to the request for a token cannot be read"):
        stores[0].transfer.push(place(stub, user="ann", password="secret"))
    assert not [one for one in stub.told if one.startswith("Bearer")]


def test_a_password_goes_nowhere_else(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub))
    other = StubRegistry()
    try:
        other.blobs = stub.blobs
        stub.redirect = f"http://{other.host}/cdn/"
        stub.auth = "basic"
        there.transfer.pull(place(stub, user="ann", password="secret"), "churn:1")
        assert other.seen
        assert set(other.told) == {""}
        other.auth = "bearer"
        stub.redirect = f"http://{other.host}/v2/x/blobs/"
        with pytest.raises(Unavailable, match="401"):
            there.transfer.pull(place(stub, user="ann", password="secret"), "churn:2")
        assert set(other.told) == {""}
    finally:
        other.close()
    stub.redirect, stub.auth, stub.realm = None, "bearer", "ftp://elsewhere/token"
    with pytest.raises(Unavailable, match="not safe; nothing was sent"):
        there.transfer.pull(place(stub, user="ann", password="secret"), "churn:2")
    stub.auth, stub.redirect = None, "file:///etc/"
    with pytest.raises(Unavailable, match="not safe"):
        there.transfer.pull(place(stub), "churn:2")


def test_from_https_nothing_goes_to_http() -> None:
    client = http.Client("example.invalid", False, "ann", "secret", None, 1.0)
    with pytest.raises(Unavailable, match="not safe; nothing was sent there"):
        client._followed("GET", "http://example.invalid/v2/", {}, None, 10, (200,), None)
    with pytest.raises(Unavailable, match=r"wants a password to be sent to 'http://example.invalid/token'"):
        client._allowed('Bearer realm="http://example.invalid/token",service="x"', "s")


def test_a_redirect_without_end_is_given_up(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub))
    stub.redirect = f"http://{stub.host}/v2/x/blobs/"
    with pytest.raises(Unavailable, match="from one place to the next"):
        there.transfer.pull(place(stub), "churn:1")


def test_a_layer_that_breaks_off_goes_on_where_it_broke(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub))
    stub.cut = 700_000
    there.transfer.pull(place(stub), "churn:1")
    np.testing.assert_array_equal(there.load("churn:1")["body"], BODY)


@pytest.mark.parametrize("chunks", [True, False])
def test_large_blobs_go_in_parts_where_that_is_known(stub: StubRegistry, stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch, chunks: bool) -> None:
    here, there = stores
    monkeypatch.setattr(uploading, "CHUNK", 500_000)
    monkeypatch.setattr("holdfast.store.arriving.CHUNK", 100_000)
    stub.chunks = chunks
    here.transfer.push(place(stub), "churn:1")
    assert stub.count("PATCH", "/up/") == (4 if chunks else 1)
    there.transfer.pull(place(stub), "churn:1")
    np.testing.assert_array_equal(there.load("churn:1")["body"], BODY)


def test_a_part_that_breaks_off_is_sent_from_where_it_broke(stub: StubRegistry, stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = stores
    monkeypatch.setattr(uploading, "CHUNK", 500_000)
    monkeypatch.setattr("holdfast.store.arriving.CHUNK", 100_000)
    stub.cut_patch = 123_456
    here.transfer.push(place(stub), "churn:1")
    assert stub.count("PATCH", "/up/") == 5
    there.transfer.pull(place(stub), "churn:1")
    np.testing.assert_array_equal(there.load("churn:1")["body"], BODY)


def test_a_document_that_breaks_off_is_fetched_again(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub))
    stub.cut = 50
    there.transfer.pull(place(stub), "churn:1")
    assert there["churn:1"]._replace(proof=None) == here["churn:1"]._replace(proof=None)


def test_an_upload_goes_where_the_registry_says_and_no_further(stub: StubRegistry, stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    stub.says_where = False
    with pytest.raises(Corrupt, match="took an upload and does not say where it goes on"):
        stores[0].transfer.push(place(stub))
    stub.says_where = True
    monkeypatch.setattr(uploading, "CHUNK", 500_000)
    monkeypatch.setattr("holdfast.store.arriving.CHUNK", 100_000)
    stub.cut_patch, stub.has = 200_000, "0-99999999"
    with pytest.raises(Corrupt, match="says that it has 100000000 bytes of an upload of which it was sent 0 to 500000"):
        stores[0].transfer.push(place(stub))
    assert stub.manifests == {}
    # what is no number is taken for nothing, and the whole part is sent again
    for has in ("0-" + "9" * 5000, "0-²"):
        stub.cut_patch, stub.has = 0, has
        stores[0].transfer.push(place(stub), "churn:1")


def test_a_busy_registry_is_asked_again_and_a_dead_one_given_up(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, _ = stores
    stub.busy = 2
    here.transfer.push(place(stub), "churn:1")
    stub.busy = 1000
    with pytest.raises(Unavailable, match="503"):
        here.transfer.push(place(stub), "churn:2")
    stub.close()
    with pytest.raises(Unavailable, match="does not answer"):
        here.transfer.push(place(stub), "churn:2")


def test_another_version_under_that_number_stays(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub), "churn:1")
    before = dict(stub.manifests)
    there.save({"other": 1}, "churn")
    with pytest.raises(Conflict, match="churn:1 is another version in team/churn"):
        there.transfer.push(place(stub))
    assert stub.manifests == before
    with pytest.raises(ValueError, match="its own number in a registry"):
        there.transfer.push(place(stub), renumber=True)


def test_references_that_name_nothing(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub))
    for ref, match in (("churn:9", "404"), ("nothing", "404|no version"), ("churn@staging", "404"), ("churn@a b", "cannot be a tag")):
        with pytest.raises(NotFound, match=match):
            there.transfer.pull(place(stub), ref)
    with pytest.raises(ValueError, match="a registry does not list its models"):
        there.transfer.pull(place(stub))
    assert [one.ref for one in there.transfer.pull(place(stub), "churn@latest").versions] == ["churn:2"]
    here.alias("churn@2024", 1)
    with pytest.raises(ValueError, match="cannot be a tag"):
        here.transfer.push(place(stub), aliases=True)


def test_aliases_are_what_tags_say_now(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub), aliases=True)
    here.alias("churn@production", 1)
    here.transfer.push(place(stub), aliases=True)
    stub.manifests["team/churn", "sha256-abc.sig"] = json.dumps({"schemaVersion": 2, "config": {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 2}, "layers": []}).encode()
    there.transfer.pull(place(stub), "churn", aliases=True)
    assert there["churn@production"].n == 1
    assert [one.aliases for one in there.versions("churn")] == [(), ("production",)]


@pytest.mark.parametrize("name", ["Größe", "A B", "Churn", "x" * 150, "a--b", "a..b"])
def test_models_of_every_name_have_a_repository(stub: StubRegistry, stores: tuple[Store, Store], name: str) -> None:
    here, there = stores
    here.save({"name": name}, name)
    here.transfer.push(place(stub), name)
    there.transfer.pull(place(stub), f"{name}:1")
    assert there.load(f"{name}:1") == {"name": name}


@pytest.mark.parametrize("address", ["oci://", "oci://ghcr.io/Team", "oci://user:pass@ghcr.io/x", "oci://ghcr.io/../x", "oci://ghcr.io/a b", "https://ghcr.io/x", "oci://ghcr.io/x?y=1", "oci://h\r\nX: y/x"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match="no place in a registry"):
        Registry(address)


def changed(stub: StubRegistry, path: str | None, change: Callable[[Any], Any]) -> None:
    """Change a document of churn:1 so that its digest holds, or its manifest."""
    manifest = json.loads(stub.manifests["team/churn", "1"])
    if path is None:
        change(manifest)
    else:
        layer = next(one for one in manifest["layers"] if one["annotations"]["org.cncf.model.filepath"] == path)
        data = json.dumps(change(json.loads(stub.blobs[layer["digest"]]))).encode()
        layer["digest"], layer["size"] = "sha256:" + hashlib.sha256(data).hexdigest(), len(data)
        stub.blobs[layer["digest"]] = data
    stub.manifests["team/churn", "1"] = json.dumps(manifest).encode()


@pytest.mark.parametrize(
    ("path", "change", "match"),
    [
        ("holdfast/version.json", lambda told: {**told, "model": "other"}, "and not churn:1"),
        ("holdfast/version.json", lambda told: {**told, "n": 7}, "and not churn:1"),
        ("holdfast/version.json", lambda told: {**told, "artifact": "blake3:" + "0" * 64}, "is not that of its artifact"),
        ("holdfast/blobs.json", lambda told: {"blobs": {key: ["0" * 64, 0, 5] for key in told["blobs"]}}, "no layer"),
        (None, lambda told: told.update(artifactType="x"), "no version that holdfast wrote"),
        (None, lambda told: told.update(layers=[]), "no document"),
        (None, lambda told: told["layers"][0].update(digest="sha256:../../../x"), "no SHA-256"),
    ],
)  # fmt: skip
def test_a_registry_that_lies_is_not_believed(stub: StubRegistry, stores: tuple[Store, Store], path: str | None, change: Callable[[Any], Any], match: str) -> None:
    here, there = stores
    here.transfer.push(place(stub))
    changed(stub, path, change)
    with pytest.raises(Corrupt, match=match):
        there.transfer.pull(place(stub), "churn:1")
    assert there.models() == []


def test_documents_that_are_too_large_or_missing_are_said(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub))
    changed(stub, None, lambda told: [one.update(size=10**12) for one in told["layers"]])
    with pytest.raises(LimitExceeded, match="MANIFEST_BYTES"):
        there.transfer.pull(place(stub), "churn:1")
    changed(stub, None, lambda told: told.update(layers=[]))
    with pytest.raises(Corrupt, match=r"team/churn:1 has no document holdfast/version\.json"):
        here.transfer.push(place(stub), "churn:1")


def test_bytes_of_a_registry_are_compared(stub: StubRegistry, stores: tuple[Store, Store]) -> None:
    here, there = stores
    here.transfer.push(place(stub))
    good = dict(stub.blobs)
    listed = json.dumps(json.loads(stub.manifests["team/churn", "1"])["layers"])
    count = 0
    for digest, data in good.items():
        for bad, error in ((bytes([data[0] ^ 1]) + data[1:], Corrupt), (data + b"x", (Corrupt, LimitExceeded))):
            stub.blobs[digest] = bad
            if digest in listed:
                empty = holdfast.connect("memory://empty")  # what arrives stays, and would not be asked for again
                with pytest.raises(error):
                    empty.transfer.pull(place(stub), "churn:1")
                assert empty.models() == []
                count += 1
        stub.blobs[digest] = data
    assert count == 12  # four documents and two blobs, twice each
    large = max(good, key=lambda one: len(good[one]))
    told = next(digest for digest, data in good.items() if b'"note":"first"' in data)
    # such bytes have a meaning, and a layer of the right length is whole
    for digest, bad, match in (
        (told, good[told].replace(b'"note":"first"', b'"note":"First"'), f"the document {told} of team/churn:1 does not match its digest"), (large, good[large] + b"x", "goes on behind its"),
        (large, good[large][:-1] + b"x", f"the layer {large} does not match its digest"),
    ):  # fmt: skip
        stub.blobs[digest] = bad
        with pytest.raises((Corrupt, LimitExceeded), match=match):
            there.transfer.pull(place(stub), "churn:1")
        stub.blobs[digest] = good[digest]
    stub.blobs[large] = good[large][:-10]
    with pytest.raises((Unavailable, Corrupt)):
        there.transfer.pull(place(stub), "churn:1")
    stub.manifests["team/churn", "1"] = b" " * (5 * 1024 * 1024)
    with pytest.raises(LimitExceeded):
        there.transfer.pull(place(stub), "churn:1")
    stub.manifests["team/churn", "1"] = b"[" * 100_000
    with pytest.raises(Corrupt, match="cannot be read"):
        there.transfer.pull(place(stub), "churn:1")
    assert there.models() == []


@pytest.mark.long
@pytest.mark.skipif(shutil.which("docker-registry") is None, reason="Debian's docker-registry is not installed: apt-get install docker-registry")
def test_debians_registry_takes_and_gives_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yml").write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\nhttp: {{addr: '127.0.0.1:5917'}}\n")
    running = subprocess.Popen(["docker-registry", "serve", str(tmp_path / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    here, there = holdfast.connect(tmp_path / "here"), holdfast.connect(tmp_path / "there")
    registry = Registry("oci+http://127.0.0.1:5917/team")
    try:
        for _ in range(100):
            try:
                registry.client.ask("GET", "/v2/", "", again=False)
                break
            except Unavailable:
                time.sleep(0.1)
        monkeypatch.setattr(uploading, "CHUNK", 16 * 1024 * 1024)
        here.save({"large": np.random.default_rng(0).normal(size=6_000_000), **net(1)}, "Churn", alias="production")
        here.save({f"w{i}": BODY[i:] for i in range(520)} | net(2), "many")
        done = here.transfer.push(registry, aliases=True)
        assert [one.new for one in done.versions] == [True, True]
        assert here.transfer.push(registry, aliases=True).blobs == 0
        there.transfer.pull(registry, ["Churn@production", "many"], aliases=True)
        for one in there.models():
            np.testing.assert_array_equal(there.load(f"{one}@latest")["head"], here.load(f"{one}@latest")["head"])
        np.testing.assert_array_equal(there.load("Churn@production")["large"], here.load("Churn:1")["large"])
        here.save({"large": here.load("Churn:1")["large"], "w": np.zeros(3)}, "other")
        (tmp_path / "m.onnx").write_bytes(b"not really onnx" * 1000)
        assert here.transfer.push(registry, "other", exports={"other:1": tmp_path / "m.onnx"}).nbytes < 100_000  # the large one stands in both
        assert [Path(one).read_bytes() for one in there.transfer.pull(registry, "other", exports_to=tmp_path / "out").exports] == [b"not really onnx" * 1000]
        if shutil.which("skopeo") is not None:
            here.save(net(5), "packed", alias="best")
            here.attach("packed:1", "model.sig", b"signed", "application/vnd.dev.sigstore.bundle.v0.3+json")
            here.transfer.pack(tmp_path / "x.tar", "packed", exports={"packed:1": [tmp_path / "m.onnx"]})
            copied = ("skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", "--src-tls-verify=false")
            subprocess.run([*copied, f"oci-archive:{tmp_path / 'x.tar'}", "docker://127.0.0.1:5917/team/packed:1"], check=True, capture_output=True)
            assert len(there.transfer.pull(registry, "packed:1", exports_to=tmp_path / "out").exports) == 1
            subprocess.run([*copied, "docker://127.0.0.1:5917/team/packed:1", f"oci-archive:{tmp_path / 'y.tar'}:packed"], check=True, capture_output=True)
            assert len(holdfast.connect(tmp_path / "third").transfer.unpack(tmp_path / "y.tar", exports_to=tmp_path / "out").exports) == 1
            np.testing.assert_array_equal(there.load("packed:1")["head"], net(5)["head"])
            assert there.attached("packed:1", "model.sig") == b"signed"
            name = f"docker://127.0.0.1:5917/{registry.repository('many')}:1"
            raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", name], capture_output=True, check=True).stdout
            assert len(json.loads(raw)["layers"]) <= 500
    finally:
        running.terminate()
        running.wait()


@pytest.mark.long
@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed: apt-get install skopeo")
def test_skopeo_reads_and_copies_packs(tmp_path: Path) -> None:
    here, there = holdfast.connect(tmp_path / "here"), holdfast.connect(tmp_path / "there")
    here.save(net(1), "churn")
    here.transfer.pack(tmp_path / "one.tar")
    raw = subprocess.run(["skopeo", "inspect", "--raw", f"oci-archive:{tmp_path / 'one.tar'}"], capture_output=True, check=True).stdout
    assert json.loads(raw)["annotations"]["holdfast.version"] == "churn:1"
    subprocess.run(["skopeo", "copy", "--insecure-policy", f"oci-archive:{tmp_path / 'one.tar'}", f"oci-archive:{tmp_path / 'two.tar'}:churn"], check=True, capture_output=True)
    there.transfer.unpack(tmp_path / "two.tar")
    np.testing.assert_array_equal(there.load("churn:1")["body"], BODY)
