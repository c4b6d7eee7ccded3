"""What a folder stands on: promises that are tried, and the one writer where locks cannot be believed."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import NoSpace, NotFound, Unavailable
from holdfast.store.blobs import filesystem, local
from holdfast.store.blobs.filesystem import CLAIM, Claim, kind_of, look
from holdfast.store.blobs.local import LocalBlobs


def test_a_folder_of_this_machine_keeps_its_promises(tmp_path: Path) -> None:
    assert look(str(tmp_path)) == (None, True, True, True)
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says by a number what a folder stands on")
@pytest.mark.parametrize(("magic", "name"), [(0x6969, "NFS"), (0xFF534D42, "CIFS"), (0x65735546, "FUSE"), (0x0BD00BD0, "Lustre"), (0xEF53, None)])
def test_file_systems_of_the_network_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, magic: int, name: str | None) -> None:
    class Libc:
        @staticmethod
        def statfs(path: bytes, out: Any) -> int:
            ctypes.c_ulong.from_buffer(out).value = magic
            return 0

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Libc)
    assert kind_of(str(tmp_path)) == name
    assert look(str(tmp_path)).shared == name


def test_a_folder_that_breaks_a_promise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(what: str) -> None:
        with pytest.raises(Unavailable, match=rf"this folder is no place for a store: {what}.*read it with read_only=True, or keep the catalog in PostgreSQL"):
            holdfast.connect(tmp_path / "store")
        assert os.listdir(tmp_path / "store" / "tmp") == []
        monkeypatch.undo()

    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, *more: real(path, flags & ~os.O_EXCL, *more))
    refused("a name that was created exclusively can be created again")
    monkeypatch.setattr(os, "replace", lambda old, new: None)
    refused("a rename does not take the place of the file that was there")

    def no_flush(*_: Any) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", no_flush)
    refused("a file cannot be created and flushed .Invalid argument.")
    monkeypatch.setattr(filesystem, "sync_folder", no_flush)
    refused("a folder cannot be flushed")


def test_writes_that_are_cut_short_are_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:1]))
    assert look(str(tmp_path)) == (None, True, True, True)
    claim = Claim(str(tmp_path), "why")
    assert json.loads((tmp_path / CLAIM).read_text())["pid"] == os.getpid()
    claim.release()


def test_links_that_do_not_hold_are_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    assert not look(str(tmp_path)).links
    store = holdfast.connect(tmp_path / "store")
    assert [store.save({"a": n}, "m").n for n in range(3)] == [1, 2, 3]
    assert store.load("m:2") == {"a": 1}
    monkeypatch.setattr(os, "link", lambda *_: None)
    assert not look(str(tmp_path)).links
    other = holdfast.connect(tmp_path / "store")
    assert [other.save({"a": n}, "m").n for n in range(2)] == [4, 5]
    assert other.load("m:4") == {"a": 0}


def test_a_link_whose_answer_got_lost_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def lost(old: str, new: str) -> None:
        real(old, new)
        raise FileExistsError(errno.EEXIST, "File exists")

    place = LocalBlobs(str(tmp_path))
    monkeypatch.setattr(os, "link", lost)
    assert place.put_new("log/1.json", b"1")
    monkeypatch.undo()
    assert not place.put_new("log/1.json", b"2")
    assert place.get("log/1.json") == b"1"


def test_a_full_disk_is_no_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(NoSpace):
        LocalBlobs(str(tmp_path)).put_new("log/1.json", b"1")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


_HOLDER = """
import os, sys
from holdfast.store.blobs.local import LocalBlobs
place = LocalBlobs(sys.argv[1], links=False)
os.replace = lambda *_: (print("held", flush=True), sys.stdin.read())
place.put_new("log/1.json", b"1")
"""
"""Stops between the moment when it may give a name, and the name."""


@pytest.mark.skipif(os.name == "nt", reason="a rename has one winner there, and nobody waits")
def test_a_writer_who_is_killed_while_it_gives_a_name_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "TURN_SECONDS", 0.05)
    place = LocalBlobs(str(tmp_path), links=False)
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Unavailable, match=r"another process has held names.lock for 0.05 s: it was stopped while it wrote, or hangs; end it, and try again"):
            place.put_new("log/1.json", b"2")
        assert place.size("log/1.json") is None
        holder.kill()
    assert place.put_new("log/1.json", b"3")
    assert not place.put_new("log/1.json", b"4")
    assert place.get("log/1.json") == b"3"
    assert [one.name for one in place.list("log/")] == ["log/1.json"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # threads of libraries that other tests brought in: the child asks none of them
def test_a_fork_that_lives_on_does_not_keep_others_from_giving_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "TURN_SECONDS", 0.05)
    place = LocalBlobs(str(tmp_path), links=False)
    real, children = os.replace, []

    def forked(old: str, new: str) -> None:
        real(old, new)
        if child := os.fork():
            children.append(child)
        else:
            signal.pause()

    monkeypatch.setattr(os, "replace", forked)
    place.put_new("log/1.json", b"1")
    monkeypatch.undo()
    monkeypatch.setattr(local, "TURN_SECONDS", 0.05)
    try:
        assert place.put_new("log/2.json", b"2")
    finally:
        os.kill(children[0], signal.SIGKILL)
        os.waitpid(children[0], 0)


def _on_the_network(monkeypatch: pytest.MonkeyPatch, locks: bool = True) -> None:
    monkeypatch.setattr(filesystem, "kind_of", lambda _: "NFS")
    if not locks:
        monkeypatch.setattr(filesystem, "_OTHER", "print('got it')")


def test_a_folder_of_the_network_has_one_writer_and_no_wal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holdfast.connect(tmp_path).close()
    _on_the_network(monkeypatch)
    first = holdfast.connect(tmp_path)
    first.save({"a": 1}, "m")
    with sqlite3.connect(tmp_path / "catalog.sqlite") as on:
        assert on.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    on.close()
    assert not (tmp_path / "catalog.sqlite-wal").exists()
    with pytest.raises(Unavailable, match=rf"process {os.getpid()} on .* writes to this store, and a lock on NFS is not seen by every machine.*read_only=True.*postgresql://.*delete {CLAIM}"):
        holdfast.connect(tmp_path)
    reader = holdfast.connect(tmp_path, read_only=True)
    assert reader.load("m:1") == {"a": 1}
    first.close()
    assert not (tmp_path / CLAIM).exists()
    second = holdfast.connect(tmp_path)
    assert second.save({"a": 2}, "m").n == 2
    second.close()


def test_locks_that_lie_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _on_the_network(monkeypatch)
    assert look(str(tmp_path)).locks
    _on_the_network(monkeypatch, locks=False)
    assert not look(str(tmp_path)).locks
    with pytest.raises(Unavailable, match=r"this folder is on NFS, where the lock of one process does not keep another one out.*read_only=True.*postgresql://host/database.blobs=file:///"):
        holdfast.connect(tmp_path)
    assert not (tmp_path / CLAIM).exists()


def test_the_claim_of_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    code = f"import os; from holdfast.store.blobs.filesystem import Claim; Claim({str(tmp_path)!r}, 'w'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert (tmp_path / CLAIM).exists()
    claim = Claim(str(tmp_path), "why")
    assert json.loads((tmp_path / CLAIM).read_text())["pid"] == os.getpid()
    # one that was taken over by somebody else is left to him
    (tmp_path / CLAIM).write_text(json.dumps({"host": "another", "pid": 1}))
    claim.release()
    assert (tmp_path / CLAIM).exists()
    with pytest.raises(Unavailable, match="process 1 on another writes to this store"):
        Claim(str(tmp_path), "why")
    (tmp_path / CLAIM).write_text("\u202enothing")
    with pytest.raises(Unavailable, match="on another machine writes to this store"):
        Claim(str(tmp_path), "why")
    assert os.listdir(tmp_path) == [CLAIM]


@pytest.mark.skipif(not os.path.exists("/proc/self/ns/pid"), reason="only Linux says when a process began")
@pytest.mark.parametrize(("changed", "taken"), [("start", True), ("boot", False), ("numbers", False), ("host", False), (None, False)])
def test_a_process_that_has_the_number_of_one_that_is_gone_is_told_from_it(tmp_path: Path, changed: str | None, taken: bool) -> None:
    first = Claim(str(tmp_path), "why")
    told = json.loads((tmp_path / CLAIM).read_text())
    assert told.keys() == {"at", "host", "pid", "boot", "numbers", "start", "claim"}
    first.release()
    (tmp_path / CLAIM).write_text(json.dumps({**told, **({} if changed is None else {changed: "another"})}))
    if not taken:
        with pytest.raises(Unavailable, match=f"process {os.getpid()} on .* writes to this store"):
            Claim(str(tmp_path), "why")
        return
    Claim(str(tmp_path), "why").release()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_claimed_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"the folder cannot be claimed for writing .*connect with read_only=True"):
        Claim(str(tmp_path / "nothing"), "why")


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    code = f"from holdfast.store.blobs.filesystem import Claim; Claim({str(tmp_path)!r}, 'w')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("url", ["s3://bucket/x?secret_access_key=hidden", "postgresql://ann:hidden@host/db?password=hidden"])
def test_addresses_that_say_too_little_are_refused_without_their_keys(url: str) -> None:
    with pytest.raises(ValueError, match=r"says nothing of where the bytes lie|does not say in which region it is") as caught:
        holdfast.connect(url)
    assert "hidden" not in str(caught.value)


def test_keys_of_a_bucket_are_not_shown(tmp_path: Path) -> None:
    from holdfast.store.connecting import _shown

    assert _shown("postgresql://u:pw@h/d?blobs=s3://b/p?secret_access_key=k&sslmode=require&access_key_id=k2") == "postgresql://u:***@h/d?blobs=s3://b/p&sslmode=require&access_key_id=***"
    assert _shown(str(tmp_path / "what?")) == str(tmp_path / "what?")
    assert _shown("s3://b/p?secret_access_key=k") == "s3://b/p"


def test_a_reader_is_told_that_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no store here; correct the address, or connect without read_only=True to make one"):
        holdfast.connect(tmp_path / "nothing", read_only=True)
    assert not (tmp_path / "nothing").exists()
