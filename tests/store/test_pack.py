"""Versions in one file: read where they lie, taken into another store, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.artifact.atomic import Sink, replacing
from holdfast.artifact.source import buffer_source
from holdfast.errors import Conflict, Corrupt, FormatError, HoldfastError, LimitExceeded, NotFound, Truncated, Unavailable
from holdfast.store.objects import Layout, to_json
from holdfast.store.oci import documents, tar
from holdfast.store.store import Store
from holdfast.store.transfer import Transfer
from holdfast.values import limits
from tests.store.conftest import At

BODY = np.random.default_rng(0).normal(size=200_000)


def net(seed: int) -> dict[str, Any]:
    return {"body": BODY, "head": np.random.default_rng(seed).normal(size=50)}


@pytest.fixture
def store(tmp_path: Path, at: At) -> Any:
    with_store = holdfast.connect(at(tmp_path / "here"), who="ann")
    with_store.save(net(1), "churn", note="first", metrics={"auc": 0.9}, tags={"team": "risk"})
    with_store.save(net(2), "churn", parent="churn:1", alias="production")
    with_store.save({"w": [1.5]}, "Größe")
    yield with_store
    with_store.close()


@pytest.fixture
def packed(store: Store, tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"not really onnx" * 1000)
    store.transfer.pack(tmp_path / "all.tar", exports={"churn@production": [tmp_path / "model.onnx"]})
    return tmp_path / "all.tar"


def test_a_pack_is_taken_into_an_empty_store(store: Store, packed: Path, tmp_path: Path, at: At) -> None:
    there = holdfast.connect(at(tmp_path / "there"))
    done = there.transfer.unpack(packed, aliases=True, exports_to=tmp_path / "out")
    assert [one.ref for one in done.versions] == ["Größe:1", "churn:1", "churn:2"]
    for one in done.versions:
        assert there[one.ref]._replace(proof=None) == store[one.ref]._replace(proof=None)
    np.testing.assert_array_equal(there.load("churn@production")["head"], net(2)["head"])
    assert done.exports == (str(tmp_path / "out" / "churn-2" / "model.onnx"),)
    assert Path(done.exports[0]).read_bytes() == b"not really onnx" * 1000
    assert [one.new for one in there.transfer.unpack(packed).versions] == [False, False, False]
    # and they are the versions that they were
    assert [one.new for one in there.transfer.pull(store).versions] == [False, False, False]
    there.close()


def test_a_pack_is_read_where_it_lies(store: Store, packed: Path) -> None:
    view = Transfer.open_pack(packed)
    assert view.models() == ["Größe", "churn"]
    assert view["churn@production"].n == 2
    assert view["churn:1"].metrics == {"auc": 0.9}
    body = view.load("churn:1")["body"]
    np.testing.assert_array_equal(body, BODY)
    base: Any = body
    while getattr(base, "base", None) is not None:
        base = base.base
    assert isinstance(base, mmap.mmap)
    for change in (lambda: view.save({"a": 1}, "m"), lambda: view.tag("churn:1", a="b"), lambda: view.blobs.delete("blobs/x")):
        with pytest.raises(Unavailable, match=r"open for reading alone|opened for reading alone"):
            change()


def test_members_begin_at_pages_and_shared_bytes_are_there_once(packed: Path) -> None:
    with tarfile.open(packed) as opened:
        found = opened.getmembers()
    assert {one.offset_data % 4096 for one in found} == {0}
    assert sum(one.size == BODY.nbytes for one in found) == 1
    for one in found:
        if one.name.startswith("blobs/"):
            data = packed.read_bytes()[one.offset_data : one.offset_data + one.size]
            assert one.name == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"


def test_the_same_versions_give_the_same_file(store: Store, tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        done = store.transfer.pack(tmp_path / name, "churn")
        assert done.nbytes == os.path.getsize(tmp_path / name)
        assert done.versions == ["churn:1", "churn:2"]
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_documents_say_what_modelpack_asks_for(packed: Path) -> None:
    with tarfile.open(packed) as opened:
        files = {one.name: opened.extractfile(one).read() for one in opened.getmembers()}  # type: ignore[union-attr]
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads(files["index.json"])
    names = [one["annotations"]["org.opencontainers.image.ref.name"] for one in index["manifests"]]
    assert names == ["Gr--e-1", "churn-1", "churn-2"]
    manifest = json.loads(files[f"blobs/sha256/{index['manifests'][1]['digest'][7:]}"])
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    config = json.loads(files[f"blobs/sha256/{manifest['config']['digest'][7:]}"])
    assert config["modelfs"] == {"type": "layers", "diffIds": [one["digest"] for one in manifest["layers"]]}
    assert (config["descriptor"]["name"], config["descriptor"]["authors"]) == ("churn", ["ann"])


def test_a_number_that_is_taken_is_refused_and_then_counted_on(packed: Path, tmp_path: Path, at: At) -> None:
    there = holdfast.connect(at(tmp_path / "there"))
    there.save({"other": 1}, "churn")
    with pytest.raises(Conflict, match="churn:1 is another version there"):
        there.transfer.unpack(packed)
    assert there.models() == ["churn"]
    assert [one.ref for one in there.transfer.unpack(packed, "churn:1", renumber=True).versions] == ["churn:2"]
    there.close()


def test_what_cannot_be_packed_is_refused(store: Store, tmp_path: Path, at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = holdfast.connect(at(tmp_path / "empty"))
    target = tmp_path / "x.tar"
    with pytest.raises(NotFound, match="there is no version churn:9"):
        store.transfer.pack(target, "churn:9")
    with pytest.raises(NotFound, match="no version to pack; the store is empty"):
        empty.transfer.pack(target)
    with pytest.raises(NotFound, match="no version to pack; refs names none"):
        store.transfer.pack(target, [])
    with pytest.raises(TypeError, match="exports is a mapping"):
        store.transfer.pack(target, exports=[tmp_path / "c.onnx"])  # type: ignore[arg-type]
    empty.close()
    (tmp_path / "a b.onnx").write_bytes(b"x")
    (tmp_path / "c.onnx").write_bytes(b"x")
    with pytest.raises(ValueError, match="cannot go along"):
        store.transfer.pack(target, exports={"churn:1": [tmp_path / "a b.onnx"]})
    with pytest.raises(ValueError, match="which is not packed"):
        store.transfer.pack(target, "churn:2", exports={"churn:1": [tmp_path / "c.onnx"]})
    with pytest.raises(ValueError, match="have one name"):
        store.transfer.pack(target, exports={"churn:1": [tmp_path / "c.onnx"] * 2})
    with pytest.raises(LimitExceeded, match="500 layers"):
        store.transfer.pack(target, exports={"churn:1": [tmp_path / "c.onnx"] * 500})
    with monkeypatch.context() as smaller:
        smaller.setattr(documents, "MANIFEST_BYTES", 100)
        with pytest.raises(LimitExceeded, match="bytes of manifest; registries take 500 and 100: give fewer exports"):
            store.transfer.pack(target)
    large = max(store.blobs.list("blobs/"), key=lambda one: one.size)
    store.blobs.put(large.name, [bytes(large.size)], large.size)
    with pytest.raises(Corrupt, match="do not match their digest"):
        store.transfer.pack(target)
    store.blobs.delete(large.name)
    with pytest.raises(NotFound, match="is not there; holdfast check names the versions that this hurts"):
        store.transfer.pack(target)
    assert not target.exists()
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".tmp")] == []


def test_more_blobs_than_layers_are_joined(store: Store, tmp_path: Path, at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save({f"w{i}": BODY + i for i in range(8)}, "many")
    monkeypatch.setattr(documents, "LAYERS", 9)
    store.transfer.pack(tmp_path / "x.tar", "many")
    monkeypatch.undo()
    with tarfile.open(tmp_path / "x.tar") as opened:
        assert len(opened.getmembers()) == 8 + 4  # there is no card; config, manifest, index, oci-layout
    view = Transfer.open_pack(tmp_path / "x.tar")
    there = holdfast.connect(at(tmp_path / "there"))
    there.transfer.unpack(tmp_path / "x.tar")
    for one in (view, there):
        np.testing.assert_array_equal(one.load("many:1")["w7"], BODY + 7)
    there.close()


# -- what comes from elsewhere --------------------------------------------------------------------------------------------


def rewritten(packed: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> Path:
    """Write the pack anew with Python's own tarfile, changed."""
    with tarfile.open(packed) as opened:
        found = [(one, opened.extractfile(one).read()) for one in opened.getmembers()]  # type: ignore[union-attr]
    change(found)
    path = packed.with_name("changed.tar")
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as out:
        for one, data in found:
            if one.isreg():
                one.size = len(data)
            one.pax_headers = {}
            out.addfile(one, io.BytesIO(data) if one.isreg() else None)
    return path


def refused(path: Path, tmp_path: Path, error: type[Exception], match: str) -> None:
    there = holdfast.connect(tmp_path / "there")
    with pytest.raises(error, match=match):
        there.transfer.unpack(path)
    assert there.models() == []
    assert list(there.blobs.list("blobs/")) == list(there.blobs.list("artifacts/")) == []


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_a_pack_that_another_tool_wrote_is_read(packed: Path, tmp_path: Path) -> None:
    def dotted(found: list[Any]) -> None:
        for one, _ in found:
            one.name = f"./{one.name}"
        found.insert(0, (info("./blobs/sha256", tarfile.DIRTYPE), b""))
        found.insert(0, (info("./", tarfile.DIRTYPE), b""))

    there = holdfast.connect(tmp_path / "there")
    assert len(there.transfer.unpack(rewritten(packed, dotted)).versions) == 3
    np.testing.assert_array_equal(Transfer.open_pack(tmp_path / "changed.tar").load("churn:1")["body"], BODY)


@pytest.mark.parametrize(
    ("one", "match"),
    [
        (info("../../etc/passwd"), "is none of a pack"),
        (info("/etc/passwd"), "is none of a pack"),
        (info("blobs/sha256/../../x"), "is none of a pack"),
        (info("blobs/sha256/" + "A" * 64), "is none of a pack"),
        (info("C:\\x"), "is none of a pack"),
        (info("x" * 300), "is none of a pack|a link, a device or something else"),
        (info("blobs/sha256/" + "a" * 64, tarfile.SYMTYPE, "/etc/passwd"), "a link, a device or something else"),
        (info("blobs/sha256/" + "a" * 64, tarfile.LNKTYPE, "index.json"), "a link, a device or something else"),
        (info("index.json", tarfile.FIFOTYPE), "a link, a device or something else"),
        (info("index.json", tarfile.CHRTYPE), "a link, a device or something else"),
        (info("evil", tarfile.DIRTYPE), "the folder 'evil/' is none of a pack"),
        (info("index.json"), "is there twice"),
        (info("./index.json"), "is there twice"),
        (info("blobs/sha256/" + "a" * 64), "belongs to nothing in the pack"),
    ],
)
def test_members_that_no_pack_has_are_refused(packed: Path, tmp_path: Path, one: tarfile.TarInfo, match: str) -> None:
    refused(rewritten(packed, lambda found: found.append((one, b"x" if one.isreg() else b""))), tmp_path, FormatError, match)


def test_extended_headers_may_not_rename(packed: Path, tmp_path: Path) -> None:
    with tarfile.open(packed) as opened:
        found = [(one, opened.extractfile(one).read()) for one in opened.getmembers()]  # type: ignore[union-attr]
    for headers, match in (({"path": "../x"}, "gives 'path'"), ({"linkpath": "x"}, "gives 'linkpath'"), ({"GNU.sparse.major": "1"}, "gives 'GNU.sparse.major'"), ({"comment": "x" * 70000}, "PAX_BYTES")):
        path = tmp_path / "changed.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as out:
            for one, data in found:
                one.pax_headers = headers if one.name == "index.json" else {}
                out.addfile(one, io.BytesIO(data))
        if "path" in headers:  # tarfile takes the name for it
            continue
        refused(path, tmp_path, FormatError, match)


def test_every_truncation_is_refused(store: Store, tmp_path: Path) -> None:
    store.transfer.pack(tmp_path / "small.tar", "Größe")
    data = (tmp_path / "small.tar").read_bytes()
    cut = tmp_path / "cut.tar"
    for size in [0, 1, 511, 512, 513, *range(1000, len(data), 1711), len(data) - 1024, len(data) - 512, len(data) - 1]:
        cut.write_bytes(data[:size])
        with pytest.raises((Truncated, FormatError)):
            Transfer.open_pack(cut)


def test_every_flipped_bit_of_what_matters_is_refused(store: Store, tmp_path: Path) -> None:
    store.transfer.pack(tmp_path / "small.tar", "Größe")
    data = bytearray((tmp_path / "small.tar").read_bytes())
    with tarfile.open(tmp_path / "small.tar") as opened:
        spans = [(one.offset_data, one.offset_data + one.size, one.name) for one in opened.getmembers()]
    there = holdfast.connect(tmp_path / "there")
    rng = np.random.default_rng(0)
    count = 0
    for start, end, name in spans:
        for at in {start, end - 1, *rng.integers(start, end, 4).tolist()}:
            changed = bytearray(data)
            changed[at] ^= 1 << int(rng.integers(8))
            (tmp_path / "flipped.tar").write_bytes(changed)
            if name in ("index.json", "oci-layout"):
                # these two are named by nothing: what they name is
                continue
            with pytest.raises(FormatError):
                there.transfer.unpack(tmp_path / "flipped.tar")
            count += 1
    assert count > 30
    assert there.models() == []


def test_a_flipped_bit_of_a_model_is_found_when_it_is_loaded_from_the_pack(packed: Path) -> None:
    data = bytearray(packed.read_bytes())
    data[data.index(BODY[1000:1010].tobytes())] ^= 1
    packed.write_bytes(data)
    view = Transfer.open_pack(packed)
    with pytest.raises(Corrupt, match="does not match its digest"):
        view.load("churn:1")
    assert view.load("Größe:1") == {"w": [1.5]}
    assert view.load("churn:1", digests="never")["body"].shape == BODY.shape


def test_random_changes_give_an_error_of_ours_or_the_same_model(store: Store, tmp_path: Path) -> None:
    store.transfer.pack(tmp_path / "small.tar", "Größe")
    data = (tmp_path / "small.tar").read_bytes()
    rng = np.random.default_rng(1)
    refused_count = 0
    for _ in range(300):
        changed = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 6)).tolist():
            changed[at] = int(rng.integers(256))
        (tmp_path / "changed.tar").write_bytes(changed)
        try:
            view = Transfer.open_pack(tmp_path / "changed.tar")
            assert view.load("Größe:1") == {"w": [1.5]}
        except HoldfastError:
            refused_count += 1
    assert refused_count > 20


def test_sizes_that_lie_are_refused_before_memory_is_taken(packed: Path, tmp_path: Path) -> None:
    data = bytearray(packed.read_bytes())
    with tarfile.open(packed) as opened:
        last = opened.getmember("index.json")
    for size, kind in (((8**11 - 1), b"%011o\0"), (2**80, None)):
        changed = bytearray(data)
        at = last.offset_data - 512
        changed[at + 124 : at + 136] = kind % size if kind else b"\x80" + size.to_bytes(11, "big")
        changed[at + 148 : at + 156] = b" " * 8
        changed[at + 148 : at + 156] = b"%06o\0 " % sum(changed[at : at + 512])
        (tmp_path / "changed.tar").write_bytes(changed)
        refused(tmp_path / "changed.tar", tmp_path, Truncated, "the file ends before")


def test_damage_of_headers_and_things_behind_the_end_are_refused(packed: Path, tmp_path: Path) -> None:
    data = packed.read_bytes()
    for changed, error, match in (
        (data + b"x" * 512, Corrupt, "something follows the end"), (data[:-1] + b"x", Corrupt, "something follows the end"), (data + bytes(2_000_000), Corrupt, "something follows the end"),
        (b"\x7fELF" + data, FormatError, "this is no tar"), (b"PK\3\4" + bytes(2000), FormatError, "this is no tar"), (b"y" + data[1:], Corrupt, "does not match its sum"),
    ):  # fmt: skip
        (tmp_path / "changed.tar").write_bytes(changed)
        refused(tmp_path / "changed.tar", tmp_path, error, match)
    with pytest.raises(NotFound):
        Transfer.open_pack(tmp_path / "nothing.tar")


def swap(found: list[Any], path: str, change: Callable[[Any], Any]) -> None:
    """Change a document of churn:1, and everything that names it, so that all SHA-256 hold."""
    files = {one.name: number for number, (one, _) in enumerate(found)}

    def put(old: str, data: bytes) -> str:
        one, _ = found[files[f"blobs/sha256/{old}"]]
        new = hashlib.sha256(data).hexdigest()
        one.name = f"blobs/sha256/{new}"
        found[files[f"blobs/sha256/{old}"]] = one, data
        return new

    index = json.loads(found[files["index.json"]][1])
    told = next(one for one in index["manifests"] if one["annotations"]["holdfast.version"] == "churn:1")
    manifest = json.loads(found[files[f"blobs/sha256/{told['digest'][7:]}"]][1])
    layer = next((one for one in manifest["layers"] if one["annotations"]["org.cncf.model.filepath"] == path), None)
    if layer is None:
        change(manifest)
    else:
        changed = change(json.loads(found[files[f"blobs/sha256/{layer['digest'][7:]}"]][1]))
        data = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        layer["digest"], layer["size"] = f"sha256:{put(layer['digest'][7:], data)}", len(data)
    data = json.dumps(manifest).encode()
    told["digest"], told["size"] = f"sha256:{put(told['digest'][7:], data)}", len(data)
    one, _ = found[files["index.json"]]
    found[files["index.json"]] = one, json.dumps(index).encode()


def with_key(**more: Any) -> Callable[[Any], Any]:
    return lambda told: {**told, **more}


@pytest.mark.parametrize(
    ("path", "change", "match"),
    [
        ("holdfast/version.json", with_key(model="../../x"), "could not stand in a store"),
        ("holdfast/version.json", with_key(model="a\u202eb"), "could not stand in a store"),
        ("holdfast/version.json", with_key(n=0), "its number"),
        ("holdfast/version.json", with_key(n=2), "changed the store at the same time|could not stand"),
        ("holdfast/version.json", with_key(artifact="x"), "its artifact"),
        ("holdfast/version.json", with_key(card="../x"), "its card"),
        ("holdfast/version.json", with_key(aliases=["production"]), "could not stand in one store"),
        ("holdfast/version.json", with_key(aliases=["latest"]), "an alias"),
        ("holdfast/version.json", with_key(note="x" * 20_000_000), "DOCUMENT_BYTES"),
        ("holdfast/version.json", with_key(origin={}), "where it was born"),
        ("holdfast/version.json", with_key(__class__="os.system"), "cannot be read"),
        ("holdfast/version.json", lambda told: b"[" * 100_000, "cannot be read"),
        ("holdfast/manifest.json", lambda told: {**told, "type": "os.system"}, "is not that of its artifact"),
        ("holdfast/layout.json", lambda told: {**told, "pieces": [["blake3:../../x", 0, 1]], "cuts": [1]}, "does not match its seal"),
        ("holdfast/layout.json", lambda told: to_json(Layout(told["artifact"], told["trees"], [("blake3:../../x", 0, 1)], [1])), "is not the layout"),
        ("holdfast/blobs.json", lambda told: {"blobs": {"blake3:../../../x": next(iter(told["blobs"].values()))}}, "what is no blob"),
        ("holdfast/blobs.json", lambda told: {"blobs": {key: [one[0], 10**15, 10] for key, one in told["blobs"].items()}}, "no layer"),
        ("holdfast/blobs.json", lambda told: {"blobs": {key: [one[0], -5, 10] for key, one in told["blobs"].items()}}, "what is no blob"),
        ("holdfast/blobs.json", lambda told: {"blobs": {key: [one[0], 0, 1] for key, one in told["blobs"].items()}}, "two versions disagree about the bytes of blobs/"),
        ("holdfast/blobs.json", lambda told: {"blobs": {}}, "is not there|a version needs it"),
        ("manifest", lambda told: told["layers"].pop(0), "no document|belongs to nothing"),
        ("manifest", lambda told: told["layers"][0].update(digest="sha256:../../x"), "no SHA-256"),
        ("manifest", lambda told: told["layers"][0].update(size=1), "bytes and not 1"),
        ("manifest", lambda told: told["layers"].append(told["layers"][0]), "are called"),
        ("manifest", lambda told: told["layers"].append({**told["layers"][-1], "annotations": {"org.cncf.model.filepath": "exports/../../x"}}), "leads elsewhere"),
    ],
)  # fmt: skip
def test_documents_that_lie_are_refused(packed: Path, tmp_path: Path, path: str, change: Callable[[Any], Any], match: str) -> None:
    """Whoever makes a pack can make its digests hold; what it says must still be something that a store could hold."""
    refused(rewritten(packed, lambda found: swap(found, path, change)), tmp_path, FormatError, match)


def test_what_a_pack_lacks_is_said(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read of a pack but what it was found to hold when it was opened."""
    card = "blake3:" + "ab" * 32
    refused(rewritten(packed, lambda found: swap(found, "holdfast/version.json", with_key(card=card))), tmp_path, Corrupt, "the card or an attachment of churn:1 is shown as another layer than the version says")
    refused(rewritten(packed, lambda found: found.__delitem__(next(at for at, (one, _) in enumerate(found) if one.name.startswith("blobs/")))), tmp_path, Corrupt, "the member blobs/.* is not there; get the file again")
    with monkeypatch.context() as smaller:
        smaller.setattr(documents, "MANIFEST_BYTES", 100)
        refused(packed, tmp_path, LimitExceeded, "the document sha256:.* has .* bytes, more than 100")
    (tmp_path / "changed.tar").write_bytes(packed.read_bytes().replace(b'"note":"first"', b'"note":"First"'))
    with pytest.raises(Corrupt, match=r"the member blobs/sha256/.* does not match its digest"):
        Transfer.open_pack(tmp_path / "changed.tar")
    with pytest.raises(NotFound, match="is not there"):
        Transfer.open_pack(packed).blobs.open("blobs/ab/" + "ab" * 32)


def test_a_file_that_goes_along_and_is_damaged_is_not_written(packed: Path, tmp_path: Path) -> None:
    data = packed.read_bytes()
    (tmp_path / "changed.tar").write_bytes(data.replace(b"not really onnx", b"Not really onnx", 1))
    with pytest.raises(Corrupt, match=r"the file model.onnx does not match its digest: damaged; get the file again"):
        Transfer.open_pack(tmp_path / "changed.tar").blobs.write_exports(tmp_path / "out", {"churn:1", "churn:2"})
    assert [one for one in (tmp_path / "out").rglob("*") if one.is_file()] == []


def test_a_file_that_changes_while_it_is_packed_is_no_member(tmp_path: Path) -> None:
    with replacing(tmp_path / "x.tar") as sink, pytest.raises(Truncated, match="3 bytes came of 5: changed while it was packed"):
        tar.TarWriter(sink).blob([b"abc"], 5)


def test_a_pack_without_versions_of_ours_is_refused(packed: Path, tmp_path: Path) -> None:
    def emptied(found: list[Any]) -> None:
        found[:] = [(one, b'{"schemaVersion":2,"manifests":[]}' if one.name == "index.json" else data) for one, data in found if one.name in ("oci-layout", "index.json")]

    refused(rewritten(packed, emptied), tmp_path, Corrupt, "no version that holdfast wrote")
    refused(rewritten(packed, lambda found: found.__delitem__(slice(0, 1))), tmp_path, Corrupt, "no image layout")


def test_a_store_whose_id_is_none_is_refused(packed: Path, tmp_path: Path) -> None:
    def other(found: list[Any]) -> None:
        swap(found, "manifest", lambda told: told["annotations"].update({"holdfast.store": "x"}))
        index = next(at for at, (one, _) in enumerate(found) if one.name == "index.json")
        told = json.loads(found[index][1])
        told["manifests"].sort(key=lambda one: one["annotations"]["holdfast.version"] != "churn:1")
        found[index] = found[index][0], json.dumps(told).encode()

    refused(rewritten(packed, other), tmp_path, Corrupt, "no id of a store")


def test_more_members_than_a_pack_may_have(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PACK_MEMBERS", 5)
    refused(packed, tmp_path, LimitExceeded, "PACK_MEMBERS")


def test_members_of_eight_gigabytes_are_written_as_pax_says(tmp_path: Path) -> None:
    """Of such a member only the headers are looked at: a sparse file stands for it."""
    path = tmp_path / "large.tar"
    size = tar.LARGE + 5
    front = tar._front(0, size)
    with open(path, "wb") as out:
        Sink(out.fileno(), str(path)).write(tar._headers("blobs/sha256/" + "a" * 64, front, size))
        out.flush()
        out.truncate(front + 512 + size + -size % 512 + 1024)
    with tarfile.open(path) as opened:
        assert [(one.size, one.offset_data % 4096) for one in opened.getmembers()] == [(size, 0)]
    from holdfast.artifact.source import open_source

    with open_source(path) as source:
        assert tar.members(source) == {"blobs/sha256/" + "a" * 64: tar.Member(front + 512, size)}


def test_headers_that_hold_no_numbers_are_refused() -> None:
    good = tar._headers("index.json", 0, 0)
    for at, value in ((124, b"+0000000001\0"), (124, b"           \0"), (148, b"zzzzzz\0 ")):
        bad = bytearray(good + bytes(1024))
        bad[at : at + len(value)] = value
        if at == 124:
            bad[148:156] = b" " * 8
            bad[148:156] = b"%06o\0 " % sum(bad[:512])
        with pytest.raises(FormatError, match="where a number should be"):
            tar.members(buffer_source(bytes(bad)))
    with pytest.raises(Truncated, match="the file ends at byte 300, in the middle of a pack"):
        tar.members(buffer_source(bytes(good[:300])))
    with pytest.raises(FormatError, match="no tar, and so no pack"):
        tar.members(buffer_source(b"a,b\n1,2\n"))
    for told in (b"5 a=b\n\n", b"99 comment=x\n", b"x comment=y\n", b"12 comment=x"):
        head = bytearray(tar._header("PaxHeaders/x", len(told), b"x"))
        with pytest.raises(FormatError, match="extended header"):
            tar.members(buffer_source(bytes(head) + told.ljust(512, b"\0") + good + bytes(1024)))
