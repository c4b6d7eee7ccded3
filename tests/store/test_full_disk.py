"""A real disk that is full: 4 MB in memory, mounted for the test."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import holdfast
from holdfast.cli.main import main
from holdfast.errors import NoSpace
from holdfast.store.store import Store

SIZE = 4 << 20
SAID = re.compile(r"No space left on device.*needs ([0-9]+) bytes, and the disk has ([0-9]+)")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux"):
        pytest.skip("a disk in memory is mounted by Linux alone")
    told = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "holdfast-test", str(folder)], capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip(f"a disk of 4 MB cannot be mounted here: {told.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def body(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=125_000)


def fill(store: Store) -> tuple[int, NoSpace]:
    """Save versions of a megabyte until the disk is full; return how many there are, and the error."""
    for n in range(1, 10):
        try:
            store.save({"body": body(n)}, "m")
        except NoSpace as error:
            return n - 1, error
    raise AssertionError("the disk was never full")


def objects(folder: Path) -> list[Path]:
    return sorted(path for kind in ("blobs", "artifacts", "layouts", "log", "tmp") for path in (folder / kind).rglob("*") if path.is_file())


def test_a_disk_that_fills_up_during_a_save_is_said_with_figures_and_nothing_is_lost(disk: Path) -> None:
    store = holdfast.connect(disk / "models", who="ann")
    count, error = fill(store)
    assert count >= 2
    found = SAID.search(str(error))
    assert found is not None, error
    needed, has = int(found[1]), int(found[2])
    assert needed >= 1_000_000
    assert 0 < has < needed
    assert shutil.disk_usage(disk).free >= has - 65536  # what was begun is gone
    assert not os.listdir(disk / "models" / "tmp")
    assert len(store.versions("m")) == count
    for n in range(1, count + 1):
        assert np.array_equal(store.load(f"m:{n}")["body"], body(n))
    assert store.admin.check("full").ok
    before = objects(disk / "models")
    store.delete("m:1")
    assert store.admin.collect(grace=0).blobs >= 1  # and what the save had announced
    assert len(objects(disk / "models")) < len(before)
    number = store.save({"body": body(9)}, "m").n
    assert number == count + 1
    assert store.admin.check("full").ok
    store.close()


def test_the_last_byte_is_gone_and_what_is_there_is_read_and_told(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = disk / "models"
    store = holdfast.connect(folder, who="ann")
    store.save({"body": body(1)}, "m")
    store.alias("m@production", 1)
    store.save({"body": body(2)}, "m")
    store.close()
    stuff = disk / "stuff"
    _stuffed(stuff)
    holdfast.save({"body": body(3)}, disk.parent / "three.safetensors")
    for arguments in (["save", str(disk.parent / "three.safetensors"), "m"], ["alias", "m@production", "2"], ["note", "m:1", "text"], ["collect"]):
        code = main([*arguments, "--store", str(folder)])
        told = capsys.readouterr().err
        assert (code, told.partition(":")[0]) in ((7, "NoSpace"), (7, "Unavailable"), (0, "")), (arguments, told)
        assert "Traceback" not in told
        if arguments[0] != "collect":  # it may find something to free
            assert code == 7
    reader = holdfast.connect(folder, read_only=True)
    assert np.array_equal(reader.load("m@production")["body"], body(1))
    assert np.array_equal(reader.load("m:2")["body"], body(2))
    reader.close()
    stuff.unlink()
    store = holdfast.connect(folder, who="ann")
    assert store.admin.check("full").ok
    assert store["m@production"].n == 1
    assert store.save({"body": body(3)}, "m").n == 3
    store.alias("m@production", 3)
    assert store.admin.check("full").ok
    store.close()


def _stuffed(path: Path) -> None:
    """Take all that a disk has, to the last byte."""
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017 -- any other would be a fault of the test
