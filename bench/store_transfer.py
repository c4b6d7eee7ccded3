"""What carrying versions costs: push, pull, pack and unpack of a gigabyte, against a plain copy of its bytes; and to a bucket against a plain upload.

The one rule: each begins with nothing at its target, and what it wrote is flushed, or acknowledged by the server, when the clock stops.
"""

from __future__ import annotations

import gc
import os
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ARRAYS = 20
"""Arrays of the model that travels, of the same size."""
ROUNDS = 5
BOUND = 1.2


class Way(NamedTuple):
    """One way to carry: what is opened first, below a folder of its own, and what is done with it then. Making a store is not carrying, and is not timed."""

    work: Callable[[Any], Any]
    opened: Callable[[Path], Any] = lambda target: target


def _model(nbytes: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {f"a{number:02}": rng.normal(size=nbytes // ARRAYS // 8) for number in range(ARRAYS)}


def _copy(source: Path, target: Path) -> None:
    """Copy a file as ``cp`` does, and flush it and its folder."""
    shutil.copyfile(source, target / "copy")
    for path in (target / "copy", target):
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def _turns(folder: Path, ways: dict[str, Way], rounds: int) -> dict[str, float]:
    """Return the median seconds of some ways, which take turns; what they wrote is taken away in between."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds):
        for name in list(ways) if round_ % 2 else reversed(ways):
            target = folder / f"{name}-{round_}"
            target.mkdir()
            given = ways[name].opened(target)
            gc.collect()
            os.sync()  # what others wrote is not to be waited for
            start = time.perf_counter()
            ways[name].work(given)
            took[name].append(time.perf_counter() - start)
            for one in given if isinstance(given, tuple) else ():
                one.close()
            shutil.rmtree(target, ignore_errors=True)
        print({name: round(times[-1], 2) for name, times in took.items()}, flush=True)
    return {name: statistics.median(times) for name, times in took.items()}


def folders(folder: Path, quick: bool) -> dict[str, Any]:
    """Carry a gigabyte between two stores in folders, and through one file."""
    import holdfast

    nbytes = 20_000_000 if quick else 1_000_000_000
    store = holdfast.connect(folder / "here")
    store.save(_model(nbytes), "m")
    tar = folder / "m.tar"
    store.transfer.pack(tar)

    def there(target: Path) -> Any:
        return (holdfast.connect(target / "there"),)

    ways = {
        "copy": Way(lambda target: _copy(tar, target)),
        "push": Way(lambda given: store.transfer.push(given[0]), there),
        "pull": Way(lambda given: given[0].transfer.pull(store), there),
        "pack": Way(lambda target: store.transfer.pack(target / "m.tar")),
        "unpack": Way(lambda given: given[0].transfer.unpack(tar), there),
    }
    took = _turns(folder, ways, 2 if quick else ROUNDS)
    store.close()
    return {"mb": nbytes / 1e6, "seconds": took}


def buckets(folder: Path, quick: bool) -> dict[str, Any] | None:
    """Carry versions to a bucket of radosgw, and from there, against obstore alone; None where there is no such server."""
    if shutil.which("radosgw") is None:
        return None
    import obstore
    from tests.store.real import running

    import holdfast

    nbytes = 20_000_000 if quick else 250_000_000
    store = holdfast.connect(folder / "first")
    store.save(_model(nbytes), "m")
    data = folder / "m.tar"
    store.transfer.pack(data)
    (folder / "server").mkdir()
    with running("radosgw", folder / "server") as server:
        address, options = server.address, server.options
        plain = server.place("plain")._store
        obstore.put(plain, "m.tar", data)

        def bucket(target: Path, prefix: str, **more: Any) -> Any:
            return holdfast.connect(address.replace("PREFIX", prefix), blob_options=options, cache=target / "cache", **more)

        def download(target: Path) -> None:
            with (target / "copy").open("wb") as file:
                for piece in obstore.get(plain, "m.tar").stream(min_chunk_size=8 << 20):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())

        ways = {
            "upload": Way(lambda target: obstore.put(plain, target.name, data)),
            "push": Way(lambda given: store.transfer.push(given[0]), lambda target: (bucket(target, target.name),)),
            "download": Way(download),
            # as a machine that has nothing of it: a cache of its own
            "pull": Way(lambda given: given[0].transfer.pull(given[1]), lambda target: (holdfast.connect(target / "there"), bucket(target, "full", read_only=True))),
        }
        full = bucket(folder, "full")
        store.transfer.push(full)
        took = _turns(folder, ways, 2 if quick else 3)  # the server keeps everything in memory, and what was deleted for hours
        full.close()
    store.close()
    return {"mb": nbytes / 1e6, "seconds": took}


def measured(folder: Path, quick: bool) -> dict[str, Any]:
    """Return the seconds of every way to carry, and of its peer."""
    (folder / "carried").mkdir()
    (folder / "bucket").mkdir()
    return {"folders": folders(folder / "carried", quick), "buckets": buckets(folder / "bucket", quick)}


PEERS = {("folders", name): "copy" for name in ("push", "pull", "pack", "unpack")} | {("buckets", "push"): "upload", ("buckets", "pull"): "download"}
SAID = {
    ("folders", "copy"): "a copy of them as one file, flushed", ("folders", "push"): "push to a folder", ("folders", "pull"): "pull from a folder",
    ("folders", "pack"): "pack into one file", ("folders", "unpack"): "unpack from one file", ("buckets", "upload"): "an upload with obstore",
    ("buckets", "push"): "push to a bucket of radosgw", ("buckets", "download"): "a download with obstore, flushed", ("buckets", "pull"): "pull from it",
}  # fmt: skip


def targets(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Return the lines of the table of bounds."""
    lines = []
    for (where, name), peer in PEERS.items():
        if found.get(where) is None or name in ("pack", "unpack"):
            continue
        ratio = found[where]["seconds"][name] / found[where]["seconds"][peer]
        lines.append((f"{SAID[where, name]} of {found[where]['mb']:.0f} MB, against {SAID[where, peer]}", f"{ratio:.2f}", f"{BOUND}", ratio <= BOUND))
    return lines


def lines(found: dict[str, Any]) -> list[str]:
    """Return the lines of the page."""
    rows = ["\n| carried | s | MB/s | against its peer |", "| --- | --- | --- | --- |"]
    for where in ("folders", "buckets"):
        if found.get(where) is None:
            continue
        took, mb = found[where]["seconds"], found[where]["mb"]
        for name, seconds in took.items():
            ratio = f"{seconds / took[PEERS[where, name]]:.2f}" if (where, name) in PEERS else ""
            rows.append(f"| {mb:.0f} MB in {ARRAYS} arrays: {SAID[where, name]} | {seconds:.2f} | {mb / seconds:.0f} | {ratio} |")
    return [*rows, "\nA pack names its parts by their SHA-256, and all of them are compared before anything of it is taken in."]
