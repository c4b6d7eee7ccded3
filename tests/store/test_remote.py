"""Buckets: what a server may do wrong, what is asked of the environment (nothing), and stores and files that lie there."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import holdfast
from holdfast.errors import Conflict, NotFound, StoreError, Truncated, Unavailable
from holdfast.store.blobs.cached import CachedBlobs
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.blobs.places import bucket
from holdfast.store.blobs.probe import NAME, probe, races
from holdfast.store.blobs.wrapped import RetryingBlobs
from holdfast.store.connecting import _check_format, blobs_at
from holdfast.store.database import Database
from holdfast.store.store import Store
from tests.store.servers import CuttingProxy, StubS3, stub

KEYS = {"access_key_id": "key", "secret_access_key": "secret"}
X = np.random.default_rng(0).normal(size=(60, 3))
MODEL = LogisticRegression().fit(X, X[:, 0] > 0)


@pytest.fixture
def server() -> Iterator[StubS3]:
    with stub() as made:
        yield made


@pytest.fixture
def proxy(server: StubS3) -> Iterator[CuttingProxy]:
    made = CuttingProxy(server.server_port)
    yield made
    made.close()


def _at(server: Any, prefix: str = "store", **options: Any) -> Any:
    return bucket(f"s3://bucket/{prefix}?endpoint={server.endpoint}", KEYS | options)


def _quick(place: Any, waits: list[float] | None = None) -> RetryingBlobs:
    return RetryingBlobs(place, sleep=(waits if waits is not None else []).append)


# -- what a server may do wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 60, 5_000])
def test_an_answer_that_breaks_off_is_asked_for_again(server: StubS3, proxy: CuttingProxy, after: int) -> None:
    data = os.urandom(10_000)
    place = _quick(_at(proxy))
    place.put("layouts/aa/x", [data], len(data))
    for times in (1, 3):
        proxy.cut(times, after)
        assert place.get("layouts/aa/x") == data
        assert proxy.cuts == 0
        proxy.cut(times, after)
        with place.open("layouts/aa/x") as source:
            assert bytes(source.view(0, source.size)) == data
        proxy.cuts = 0


def test_a_download_that_breaks_off_goes_on_part_by_part(server: StubS3, proxy: CuttingProxy, tmp_path: Path) -> None:
    from blake3 import blake3

    data = os.urandom(40 << 20)
    key = blake3(data).hexdigest()
    name = f"blobs/{key[:2]}/{key}"
    server.objects[f"store/{name}"] = data
    place = CachedBlobs(_quick(_at(proxy)), str(tmp_path / "cache"))
    proxy.cut(3, 3 << 20)
    with place.open(name) as source:
        assert bytes(source.view(0, source.size)) == data
    assert proxy.made == 3
    gets = [headers["range"] for method, path, headers in server.asked if method == "GET" and path.endswith(key)]
    assert len(gets) == 8
    spans = [[int(number) for number in one.removeprefix("bytes=").split("-")] for one in gets]
    assert sum(last + 1 - first for first, last in spans) <= (40 + 3 * 8) << 20


@pytest.mark.parametrize("skip", range(9))
def test_an_upload_whose_answers_get_lost_is_whole_or_told(server: StubS3, proxy: CuttingProxy, skip: int) -> None:
    """Its six answers, each in one or two packets: of the beginning, of three parts, of the end, of the look at its size."""
    data = os.urandom(40 << 20)
    place = _quick(_at(proxy))
    proxy.cut(1, 0, skip)
    try:
        place.put("blobs/aa/x", iter([data]), len(data))
    except Unavailable as error:
        assert "blobs/aa/x could not be" in str(error)
        assert server.objects.get("store/blobs/aa/x", data) == data
        place.put("blobs/aa/x", iter([data]), len(data))
    assert proxy.made or skip >= 6
    assert server.objects["store/blobs/aa/x"] == data


def test_a_new_object_whose_answer_got_lost_counts_as_ours(server: StubS3, proxy: CuttingProxy) -> None:
    place = _quick(_at(proxy))
    place.put("layouts/aa/x", [b"warm"], 4)
    proxy.cut(1, 0)
    assert place.put_new("log/m/000000000001.json", b"ours")
    assert proxy.made == 1
    assert server.objects["store/log/m/000000000001.json"] == b"ours"
    proxy.cut(1, 0)
    assert not place.put_new("log/m/000000000001.json", b"of somebody else")
    assert server.objects["store/log/m/000000000001.json"] == b"ours"


def test_a_record_whose_answer_got_lost_is_written_once(server: StubS3, proxy: CuttingProxy, tmp_path: Path) -> None:
    with_proxy = Store(_quick(_at(proxy)), _database(tmp_path), "s3")
    with_proxy.save(MODEL, "churn")
    put = with_proxy.blobs.put_new

    def lossy(name: str, data: bytes) -> bool:
        if name.startswith("log/"):
            proxy.cut(1, 0)
        return put(name, data)

    with_proxy.blobs.put_new = lossy
    assert with_proxy.save(MODEL, "churn").n == 2
    assert with_proxy.alias("churn@production", 2).n == 2
    assert proxy.made == 2
    assert [one for one in server.objects if one.startswith("store/log/")] == [f"store/log/churn/{seq:012d}.json" for seq in (1, 2, 3)]
    assert [one.kind for one in with_proxy.history("churn")] == ["alias", "version", "version"]


def test_a_fault_that_passes_is_tried_again_and_one_that_lasts_is_told(server: StubS3) -> None:
    waits: list[float] = []
    place = _quick(_at(server), waits)
    place.put("layouts/aa/x", [b"1"], 1)
    server.answers = [503] * 6
    assert place.get("layouts/aa/x") == b"1"
    assert len(waits) >= 1
    waits.clear()
    server.answers = [500] * 100
    with pytest.raises(Unavailable, match=r"layouts/aa/x could not be read.*500.*tried 4 times"):
        place.get("layouts/aa/x")
    assert len(waits) == 3
    assert waits == sorted(waits)


@pytest.mark.parametrize(("status", "text"), [(403, "the server refuses it .status 403.; check the key, and that it may write to this bucket"), (400, "status code: 400")])
def test_a_fault_that_is_ours_is_told_at_once(server: StubS3, status: int, text: str) -> None:
    waits: list[float] = []
    place = _quick(_at(server), waits)
    server.answers = [status] * 9
    with pytest.raises(Unavailable, match=text):
        place.put("layouts/aa/x", [b"1"], 1)
    assert waits == []
    assert len(server.answers) == 8


def test_retrying_never_hides_a_lasting_fault() -> None:
    class Broken(MemoryBlobs):
        def size(self, name: str) -> int | None:
            raise Unavailable("the disk is gone")

        def get(self, name: str) -> bytes:
            raise Conflict("somebody else")

    waits: list[float] = []
    place = _quick(Broken(), waits)
    with pytest.raises(Unavailable, match=r"the disk is gone$"):
        place.size("x")
    with pytest.raises(Conflict):
        place.get("x")
    assert waits == []


def test_a_listing_that_breaks_off_gives_each_name_once() -> None:
    class Flaky(MemoryBlobs):
        left = 3

        def list(self, prefix: str) -> Any:
            for number, one in enumerate(sorted(super().list(prefix), key=lambda one: one.name[::-1] if self.left % 2 else one.name)):
                if number == 4 - self.left and self.left:
                    self.left -= 1
                    raise Unavailable("gone for a moment", passing=True)
                yield one

    inner = Flaky()
    names = [f"log/m/{number}.{9 - number}" for number in range(9)]
    for name in names:
        inner.put(name, [b"1"], 1)
    assert sorted(one.name for one in _quick(inner).list("log/")) == names
    assert inner.left == 0


def test_an_upload_of_another_size_leaves_neither_object_nor_parts(server: StubS3) -> None:
    place = _at(server)
    for size in (50 << 20, 30 << 20):
        with pytest.raises(Truncated, match=r"bytes (more|fewer) were given for the object blobs/aa/x than announced"):
            place.put("blobs/aa/x", (bytes(10 << 20) for _ in range(4)), size)
    assert server.uploads == {}
    assert server.objects == {}
    assert "POST" in server.methods()
    assert "DELETE" in server.methods()


def test_a_server_that_keeps_less_than_it_took_is_found_out(server: StubS3) -> None:
    server.cut_size = 3
    with pytest.raises(Unavailable, match="was written with 5 bytes, and the server says that it has 3; save it again"):
        _at(server).put("layouts/aa/x", [b"12345"], 5)


@pytest.mark.parametrize("status", [409, 412])
def test_an_answer_that_there_is_one_is_looked_at(server: StubS3, status: int) -> None:
    """Another one is just writing that name, and then does not: the answer is believed for no longer than it is true."""
    place = _at(server)
    server.answers = [status]
    with pytest.raises(Unavailable, match=r"log/m/1.json was being written by somebody else, and is not there; try again") as caught:
        place.put_new("log/m/1.json", b"ours")
    assert caught.value.passing
    server.answers = [status]
    assert _quick(place).put_new("log/m/1.json", b"ours")
    assert server.objects["store/log/m/1.json"] == b"ours"


def test_fewer_bytes_than_wanted_are_no_answer(server: StubS3) -> None:
    place = _at(server)
    place.put("layouts/aa/x", [b"12345"], 5)
    with pytest.raises(Unavailable, match="3 bytes of the object layouts/aa/x came from 2 on, and 4 were wanted; try again") as caught:
        place.read_into("layouts/aa/x", 2, memoryview(bytearray(4)))
    assert caught.value.passing
    with pytest.raises(NotFound, match="layouts/aa/y is not there"):
        place.read_into("layouts/aa/y", 0, memoryview(bytearray(4)))
    with place.open("layouts/aa/x") as source:
        for ask in (lambda: source.view(2, 4), lambda: source.private(2, 4), lambda: source.read_into(2, memoryview(bytearray(4)))):
            with pytest.raises(Truncated, match=r"bytes 2..6 were wanted, and there are 5"):
                ask()
        assert bytes(source.private(1, 3)) == b"234"
        assert bytes(source.view(1, 3)) == b"234"
        assert bytes(source.private(0, 2)) == b"12"


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda place: place.delete("layouts/aa/x"), "the object layouts/aa/x could not be deleted: the server refuses it .status 403.; check the key, and that it may write to this bucket"),
        (lambda place: place.put_new("layouts/aa/x", b"1"), "the object layouts/aa/x could not be written: the server refuses it"),
        (lambda place: place.get("layouts/aa/x"), "the object layouts/aa/x could not be read: the server refuses it .status 403.; check the key, and that it may read this bucket"),
        (lambda place: place.size("layouts/aa/x"), "the object layouts/aa/x could not be looked at: the server refuses it"),
        (lambda place: list(place.list("layouts/")), "the objects below layouts/ could not be listed: the server refuses it"),
    ],
)
def test_a_key_that_may_not_is_named_at_every_step(server: StubS3, ask: Any, text: str) -> None:
    server.answers = [403] * 9
    with pytest.raises(Unavailable, match=text):
        ask(_quick(_at(server)))
    assert len(server.answers) == 8


def test_a_bucket_that_is_not_there_is_named(server: StubS3) -> None:
    place = bucket(f"s3://other/x?endpoint={server.endpoint}", KEYS)
    for ask in (lambda: place.put("layouts/aa/x", [b"1"], 1), lambda: place.get("layouts/aa/x"), lambda: list(place.list("log/"))):
        with pytest.raises(NotFound, match=r"s3://other/x.*there is no such bucket; make it first"):
            ask()


def test_a_server_that_does_not_answer_is_named() -> None:
    place = bucket("s3://bucket/x?endpoint=http://127.0.0.1:9", KEYS)
    with pytest.raises(Unavailable, match=r"s3://bucket/x: the object probe.json could not be read: .*127.0.0.1:9") as caught:
        place.get(NAME)
    assert caught.value.passing


# -- what a server really does ------------------------------------------------------------------------------------------


def test_a_server_that_takes_a_condition_and_ignores_it_is_found_out() -> None:
    with stub(honours=False) as server:
        place = _at(server)
        assert not races(place)
        assert probe(place, place.place) is False
        assert place.put_new("log/m/1.json", b"first")
        assert not place.put_new("log/m/1.json", b"second")
        assert place.put_new("log/m/1.json", b"first")
        assert server.objects["store/log/m/1.json"] == b"first"
        assert [name for name in server.objects if "probe-" in name] == []


def test_what_was_found_is_noted_for_the_next_one_and_asked_again_elsewhere(server: StubS3) -> None:
    place = _at(server)
    assert probe(place, place.place)
    noted = json.loads(server.objects[f"store/{NAME}"])
    assert (noted["creates"], noted["place"]) == (True, f"s3://bucket/store at {server.endpoint}")
    server.asked.clear()
    assert probe(place, place.place)
    assert server.methods() == ["GET"]
    server.honours = False
    assert probe(place, "another place") is False
    old = json.dumps(noted | {"at": time.time() - 31 * 86400}).encode()
    for broken in (old, b"no note"):
        server.honours = True
        server.objects[f"store/{NAME}"] = broken
        server.asked.clear()
        assert probe(place, place.place)
        assert len(server.asked) > 10


def test_a_place_that_cannot_be_written_to_promises_nothing(server: StubS3) -> None:
    place = _at(server)
    assert probe(place, place.place, write=False) is False
    assert server.objects == {}


def test_a_place_that_loses_what_was_written_is_refused(server: StubS3) -> None:
    server.blind = True
    with pytest.raises(Unavailable, match=r"just written is not there.*Give it another one"):
        races(_at(server))


def test_several_winners_are_found_out() -> None:
    class Slow(MemoryBlobs):
        def put_new(self, name: str, data: bytes) -> bool:
            if self.size(name) is not None:
                return False
            time.sleep(0.02)
            self.put(name, [data], len(data))
            return True

    assert not races(Slow())
    assert races(MemoryBlobs())


# -- addresses and the environment --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "options", "text"),
    [
        ("s3://", {}, "is no address of a bucket"),
        ("s3://bucket/a//b?region=x", {}, "is no address of a bucket"),
        ("s3://bucket/../b?region=x", {}, "is no address of a bucket"),
        ("s3://key:secret@bucket/b", {}, "is no address of a bucket"),
        ("s3://bucket/x", KEYS, "does not say in which region it is; give .region=eu-central-1"),
        ("s3://bucket/x?region=eu-central-1", {}, "needs a key, and none is taken from the environment; give access_key_id and secret_access_key"),
        ("s3://bucket/x?region=eu-central-1&regoin=x", KEYS, "there is no option 'regoin'; there are access_key_id"),
        ("az://container/x", {}, "does not say in which account it is"),
        ("az://container/x?account_name=me", {}, "give account_key, bearer_token or sas_token"),
        ("gs://bucket/x", {}, "give bearer_token, or credential_provider=obstore.auth.google.GoogleCredentialProvider"),
        ("s3://bucket/x?region=x&credential_provider=mine", KEYS, "credential_provider is a callable, and stands in blob_options"),
        ("ftp://bucket/x", {}, "is no place for objects that holdfast knows; there are s3://"),
    ],
)
def test_addresses_that_say_too_little_are_refused(address: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        blobs_at(address, options=options)
    assert "secret" not in str(caught.value).replace("secret_access_key", "").replace("key:secret@", "")


def test_addresses_of_every_kind_are_understood() -> None:
    for address, options in {
        "gs://bucket/x": {"bearer_token": "t"},
        "gs://bucket": {"skip_signature": True},
        "az://container/x?account_name=me": {"account_key": "a2V5"},
        "az://container/a/b?account_name=me&skip_signature=true": {},
        "s3://bucket?region=eu-central-1": {"credential_provider": lambda: {"access_key_id": "a", "secret_access_key": "b", "expires_at": None}},
    }.items():
        place = bucket(address, options)
        assert place.shown == address.partition("?")[0]
        assert " at https://" in place.place


def test_a_proxy_is_one_that_was_named(server: StubS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROXY_EXCLUDES", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    place = bucket(f"s3://bucket/store?endpoint=http://nowhere.invalid&proxy_url={server.endpoint}", KEYS)
    with pytest.raises(StoreError):
        place.get("layouts/aa/x")
    assert [path for _, path, _ in server.asked] == ["http://nowhere.invalid/bucket/store/layouts/aa/x"]


def test_a_plus_in_a_key_stays_one(server: StubS3) -> None:
    place = bucket(f"s3://bucket/store?endpoint={server.endpoint}&access_key_id=a+b%2Fc&secret_access_key=s", {})
    place.put("layouts/aa/x", [b"1"], 1)
    assert "Credential=a+b/c/" in server.asked[0][2]["authorization"]


_POISON = {
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "poison", "AWS_SECRET_ACCESS_KEY": "poison",
    "AWS_SESSION_TOKEN": "poison", "AWS_REGION": "poison-1", "AWS_DEFAULT_REGION": "poison-1", "AWS_SKIP_SIGNATURE": "true", "AWS_REQUEST_PAYER": "true", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    "AWS_UNSIGNED_PAYLOAD": "true", "AWS_S3_EXPRESS": "true", "AWS_BUCKET": "poison", "AWS_ALLOW_HTTP": "false", "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9", "AWS_PROXY_URL": "http://127.0.0.1:9", "AWS_CHECKSUM_ALGORITHM": "crc64nvme", "AWS_ROLE_ARN": "poison",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/poison", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/poison", "AWS_CONDITIONAL_PUT": "disabled", "AWS_DEFAULT_CONTENT_TYPE": "text/poison",
}  # fmt: skip


def test_nothing_is_taken_from_the_environment(server: StubS3) -> None:
    code = (
        "import sys; from holdfast.store.blobs.places import bucket\n"
        "place = bucket('s3://bucket/store?endpoint=' + sys.argv[1] + '&region=eu-central-1', {'access_key_id': 'mine', 'secret_access_key': 'secret'})\n"
        "place.put('layouts/aa/x', [b'1'], 1)\nassert place.put_new('log/m/1.json', b'1')\nassert not place.put_new('log/m/1.json', b'2')\nassert place.get('layouts/aa/x') == b'1'\n"
    )
    done = subprocess.run([sys.executable, "-c", code, server.endpoint], env=os.environ | _POISON, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert server.objects == {"store/layouts/aa/x": b"1", "store/log/m/1.json": b"1"}
    for _, path, headers in server.asked:
        assert path.startswith("/bucket/store/")
        assert "Credential=mine/" in headers["authorization"]
        assert "/eu-central-1/s3/" in headers["authorization"]
        assert "poison" not in str(headers)
        assert headers["x-amz-content-sha256"] != "UNSIGNED-PAYLOAD"
    assert [headers for method, _, headers in server.asked if method == "PUT"][0]["x-amz-checksum-sha256"]


_POISON_OTHERS = {
    "GOOGLE_APPLICATION_CREDENTIALS": "/poison", "GOOGLE_BASE_URL": "http://127.0.0.1:9", "GOOGLE_BEARER_TOKEN": "poison", "GOOGLE_BUCKET": "poison", "GOOGLE_SKIP_SIGNATURE": "true",
    "AZURE_STORAGE_ACCOUNT_NAME": "poison", "AZURE_STORAGE_ACCOUNT_KEY": "cG9pc29u", "AZURE_STORAGE_SAS_TOKEN": "sig=poison", "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9",
    "AZURE_STORAGE_USE_EMULATOR": "true", "AZURE_STORAGE_TOKEN": "poison", "AZURE_CLIENT_ID": "poison", "AZURE_FEDERATED_TOKEN_FILE": "/poison", "AZURE_USE_AZURE_CLI": "true",
    "AZURE_CONTAINER_NAME": "poison", "AZURE_SKIP_SIGNATURE": "true", "AZURITE_BLOB_STORAGE_URL": "http://127.0.0.1:9", "AZURE_USE_FABRIC_ENDPOINT": "true", "http_proxy": "http://127.0.0.1:9",
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "options", "authorization"),
    [
        ("gs://bucket/store?", {"bearer_token": "mine"}, "Bearer mine"),
        ("gs://bucket/store?skip_signature=true&", {}, "Bearer none"),
        ("az://bucket/store?account_name=me&", {"account_key": "bWluZQ=="}, "SharedKey me:"),
        ("az://bucket/store?account_name=me&", {"bearer_token": "mine"}, "Bearer mine"),
        ("az://bucket/store?account_name=me&skip_signature=true&", {}, ""),
    ],
)
def test_nothing_is_taken_from_the_environment_of_google_and_azure(server: StubS3, address: str, options: dict[str, str], authorization: str) -> None:
    """The server speaks neither; what counts is who asked it for what."""
    code = (
        "import sys, json; from holdfast.errors import StoreError; from holdfast.store.blobs.places import bucket\n"
        "place = bucket(sys.argv[1], json.loads(sys.argv[2]))\n"
        "for ask in (lambda: place.size('a'), lambda: place.put_new('a', b'1')):\n"
        "    try:\n        ask()\n    except StoreError:\n        pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"{address}endpoint={server.endpoint}", json.dumps(options)], env=os.environ | _POISON_OTHERS, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    puts = [(path, headers) for method, path, headers in server.asked if method == "PUT"]
    assert puts
    assert all(path.replace("%2F", "/").startswith("/bucket/store/a") for _, path, _ in server.asked)
    assert all(headers.get("authorization", "").startswith(authorization) for _, headers in puts)
    assert "poison" not in str(server.asked)
    assert "cG9pc29u" not in str(server.asked)


def test_options_that_the_environment_spoils_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", "/there/is/none.json")
    with pytest.raises(holdfast.EnvironmentMissing, match=r"obstore refuses these options .*variables of the environment that begin with AWS_, GOOGLE_ or AZURE_ may be in its way"):
        bucket("gs://bucket/x", {"bearer_token": "mine"})


# -- a store and a file in a bucket -------------------------------------------------------------------------------------


def _database(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder / 'catalog.sqlite'}", "catalog")
    database.make()
    return database


def test_a_store_in_a_bucket_keeps_and_gives_versions(server: StubS3, tmp_path: Path) -> None:
    address = f"s3://bucket/store?endpoint={server.endpoint}"
    blobs = blobs_at(address, options=KEYS, cache=tmp_path / "cache")
    _check_format(blobs, False)
    store = Store(blobs, _database(tmp_path), "s3://bucket/store")
    body = {"weights": np.random.default_rng(0).normal(size=(600, 600)), "head": np.arange(5.0)}
    assert str(store.save(MODEL, "churn", example=X[:5], alias="production")) == "churn:1"
    store.save(body, "body")
    assert store.load("churn@production").predict_proba(X).tobytes() == MODEL.predict_proba(X).tobytes()
    assert store.load("body:1")["weights"].tobytes() == body["weights"].tobytes()
    server.asked.clear()
    assert store.load("body:1")["weights"].tobytes() == body["weights"].tobytes()
    assert {path.split("/")[3] for _, path, _ in server.asked} == {"layouts"}, "blobs and manifests come from the cache"
    reader = Store(blobs_at(address, options=KEYS, cache=tmp_path / "other", read_only=True), _database(tmp_path), "s3://bucket/store")
    assert reader.load("body:1")["head"].tobytes() == body["head"].tobytes()
    with pytest.raises(Unavailable, match="for reading alone"):
        reader.save(MODEL, "churn")


@pytest.mark.parametrize("honours", [True, False])
def test_writers_whose_catalogs_do_not_see_each_other_share_one_line_of_records(tmp_path: Path, honours: bool) -> None:
    """The second fence: a number is taken by its record, whatever a catalog says; and who writes learns what others wrote."""
    with stub(honours=honours) as server:
        stores = []
        for who in ("ann", "ben"):
            (tmp_path / who).mkdir()
            blobs = blobs_at(f"s3://bucket/store?endpoint={server.endpoint}", options=KEYS, cache=tmp_path / "cache")
            assert blobs.creates is honours
            _check_format(blobs, False)
            stores.append(Store(blobs, _database(tmp_path / who), "s3://bucket/store", who))
        ann, ben = stores
        assert [store.save({"by": store.who}, "m").n for store in (ann, ben, ben, ann)] == [1, 2, 3, 4]
        ben.tag("m:3", team="risk")
        assert [ben.load(f"m:{n}")["by"] for n in (1, 2, 3, 4)] == ["ann", "ben", "ben", "ann"]
        assert [one.who for one in ben.history("m")] == ["ben", "ann", "ben", "ben", "ann"]


def test_a_bucket_alone_is_read(server: StubS3, tmp_path: Path) -> None:
    address = f"s3://bucket/store?endpoint={server.endpoint}"
    blobs = blobs_at(address, options=KEYS, cache=tmp_path / "cache")
    _check_format(blobs, False)
    store = Store(blobs, _database(tmp_path), "s3://bucket/store", "ann")
    store.save(MODEL, "churn", alias="production", metrics={"auc": 0.9})
    store.save({"a": 1}, "other")
    reader = holdfast.connect(address, read_only=True, blob_options=KEYS, cache=tmp_path / "there")
    assert reader.load("churn@production").predict_proba(X).tobytes() == MODEL.predict_proba(X).tobytes()
    assert (reader.models(), reader["churn:1"].metrics, reader["churn:1"].who) == (["churn", "other"], {"auc": 0.9}, "ann")
    with pytest.raises(Unavailable, match="for reading alone"):
        reader.tag("churn:1", team="risk")


def test_several_write_to_a_bucket_alone_and_its_records_keep_the_order(server: StubS3, tmp_path: Path) -> None:
    """Each has a catalog of its own, in memory; of those who put a record under a number one wins, and the others read it first."""
    address = f"s3://bucket/store?endpoint={server.endpoint}"
    writers = [holdfast.connect(address, who=who, blob_options=KEYS, cache=tmp_path / who) for who in ("ann", "ben", "cy")]

    def work(store: Store) -> list[int]:
        numbers = []
        for number in range(6):
            version = store.save({"by": store.who, "number": number}, "m")
            numbers.append(version.n)
            with contextlib.suppress(holdfast.Conflict):  # somebody else moved it in between
                store.alias("m@production", version, why=str(number))
        return numbers

    with ThreadPoolExecutor(3) as threads:
        given = [n for numbers in threads.map(work, writers) for n in numbers]
    assert sorted(given) == list(range(1, 19))
    reader = holdfast.connect(address, read_only=True, blob_options=KEYS, cache=tmp_path / "reader")
    assert [one.n for one in reader.versions("m")] == list(range(18, 0, -1))
    assert sorted((reader.load(f"m:{n}")["by"], reader.load(f"m:{n}")["number"]) for n in given) == sorted((who, number) for who in ("ann", "ben", "cy") for number in range(6))
    moves = reader.history("m@production")[::-1]
    assert all(before.new == after.old for before, after in itertools.pairwise(moves))
    with pytest.raises(Unavailable, match="a bucket without a database is not collected from"):
        writers[0].admin.collect()


def test_a_bucket_that_lets_several_win_is_not_written_to_alone(tmp_path: Path) -> None:
    with stub(honours=False) as lying, pytest.raises(Unavailable, match="lets several writers win one conditional PUT"):
        holdfast.connect(f"s3://bucket/store?endpoint={lying.endpoint}", blob_options=KEYS, cache=tmp_path)


def test_a_file_in_a_bucket_is_loaded_by_its_address(server: StubS3, tmp_path: Path) -> None:
    saved = holdfast.save(MODEL, tmp_path / "m.safetensors", example=X[:5])
    server.objects["models/m.safetensors"] = (tmp_path / "m.safetensors").read_bytes()
    server.objects["models/m.pkl"] = server.objects["models/m.safetensors"]
    address = f"s3://bucket/models/m.safetensors?endpoint={server.endpoint}&access_key_id=key&secret_access_key=hidden"
    assert holdfast.load(address).predict_proba(X).tobytes() == MODEL.predict_proba(X).tobytes()
    assert holdfast.verify(address).id == saved.id
    with pytest.raises(NotFound, match=r"^s3://bucket/models/n.safetensors: there is no such object$"):
        holdfast.load(address.replace("m.safetensors", "n.safetensors"))
    with pytest.raises(NotFound, match=r"^s3://other/models/m.safetensors: there is no such object$"):
        holdfast.load(address.replace("s3://bucket", "s3://other"))
    with pytest.raises(holdfast.FormatError, match=r"^s3://bucket/models/m.pkl: "):
        holdfast.load(address.replace("m.safetensors", "m.pkl"))
    with pytest.raises(ValueError, match="names a bucket and no object in it"):
        holdfast.load("s3://bucket?region=eu-central-1")
    server.objects["models/m.safetensors"] = server.objects["models/m.safetensors"][:-9]
    with pytest.raises(holdfast.FormatError, match=r"^s3://bucket/models/m.safetensors: ") as caught:
        holdfast.load(address)
    assert "hidden" not in str(caught.value)
