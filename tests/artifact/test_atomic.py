"""A file appears whole or not at all, and behaves as if it had been opened for writing."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import holdfast
from holdfast.artifact import atomic

ROOT = Path(__file__).parent.parent.parent
posix = pytest.mark.skipif(os.name == "nt", reason="modes, links and signals of POSIX")


@posix
def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        holdfast.save([1], tmp_path / "m.safetensors")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "m.safetensors").stat().st_mode) == 0o640


@posix
def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"")
    path.chmod(0o604)
    holdfast.save([1], path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@posix
def test_a_symlink_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real.safetensors", tmp_path / "link.safetensors"
    link.symlink_to(real)
    holdfast.save([1], link)
    assert link.is_symlink()
    assert holdfast.load(real) == [1]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(holdfast.NotFound, match="does not exist"):
        holdfast.save([1], tmp_path / "no" / "m.safetensors")


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(holdfast.FormatError, match="not a regular file"):
        holdfast.save([1], tmp_path)


@pytest.mark.parametrize("step", ["write", "fsync", "replace", "close"])
def test_whatever_fails_the_old_file_stays_and_nothing_else(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.safetensors"
    holdfast.save(["old"], path)
    before = path.read_bytes()

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if step == "close":
            closed = os.close
            patch.setattr(atomic.os, "close", lambda fd: (closed(fd), broken()))
        else:
            patch.setattr(atomic.os, step, broken)
        with pytest.raises(holdfast.NoSpace, match="older file"):
            holdfast.save(["new"], path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.safetensors"]


def test_ctrl_c_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        holdfast.save({"w": np.zeros(1_000_000)}, path, on_bytes=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_durable_save_flushes_file_then_renames_then_flushes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(
        atomic.os, "fsync", lambda fd: (order.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), real_fsync(fd))
    )
    monkeypatch.setattr(atomic.os, "replace", lambda a, b: (order.append("rename"), real_replace(a, b)))
    holdfast.save([1], tmp_path / "m.safetensors")
    assert order == ["file", "rename", "folder"]
    order.clear()
    holdfast.save([1], tmp_path / "m.safetensors", durable=False)
    assert order == ["rename"]


@posix
def test_a_file_size_limit_is_an_error_and_not_a_signal(tmp_path: Path) -> None:
    code = f"""
        import resource, sys; sys.path.insert(0, {str(ROOT)!r})
        import numpy as np, holdfast
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            holdfast.save({{"w": np.zeros(1_000_000)}}, {str(tmp_path / "m.safetensors")!r})
        except holdfast.NoSpace as error:
            print("refused", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused")
    assert list(tmp_path.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)


@posix
def test_killed_at_any_point_the_old_file_or_the_new_one_is_there(tmp_path: Path) -> None:
    """SIGKILL at every system call of a save, by a child that counts them itself."""
    path = tmp_path / "m.safetensors"
    holdfast.save({"v": "old", "w": np.zeros(1000)}, path)
    code = f"""
        import os, signal, sys; sys.path.insert(0, {str(ROOT)!r})
        import numpy as np, holdfast
        from holdfast.artifact import atomic
        at, count = int(sys.argv[1]), 0
        def counted(real):
            def call(*args, **options):
                global count
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **options)
            return call
        for name in ("open", "write", "fsync", "close", "replace", "fchmod", "stat"):
            setattr(os, name, counted(getattr(os, name)))
        count = 0
        holdfast.save({{"v": "new", "w": np.zeros(400_000)}}, {str(path)!r})
        print(count)
    """
    outcomes = []
    for at in range(1, 40):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(at)], capture_output=True, text=True, check=False)
        outcomes.append(holdfast.load(path)["v"])
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert done.returncode == 0
    assert set(outcomes) <= {"old", "new"}
    assert outcomes[0] == "old"
    assert len(outcomes) > 8
