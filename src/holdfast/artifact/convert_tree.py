"""Converting a whole tree of old files: which of them are models, what the new ones are called, and a worker for each core.

The one rule: every file of the tree is accounted for: converted, refused with the reason, or said to be no model.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.artifact.convert import Converted, refused
from holdfast.errors import FormatError, NotFound
from holdfast.foreign.sniff import HEAD, SUFFIXES, sniff

MARKS = {"MLmodel": "mlflow", "saved_model.pb": "saved model"}
"""A file whose folder, whole, is one model -> what such a folder is."""


class Job(NamedTuple):
    """One conversion: from where, to where."""

    source: str
    target: str


def jobs_of(old: str, new: str) -> tuple[list[Job], list[Converted]]:
    """Return what is to be converted below a folder, and a record for each file that is no model.

    Raises:
        NotFound: there is no such folder.
        FormatError: the new folder lies in the old one, or the other way round.
    """
    if not os.path.isdir(old):
        raise NotFound("there is no such folder", file=old)
    inner, outer = os.path.realpath(new), os.path.realpath(old)
    if inner == outer or inner.startswith(outer + os.sep) or outer.startswith(inner + os.sep):
        raise FormatError("the new folder lies in the old one, or holds it; give one beside it, so that nothing old is touched", file=new)
    jobs: list[Job] = []
    skipped: list[Converted] = []
    for source in _found(old):
        kind = "folder" if os.path.isdir(source) and not os.path.islink(source) else _kind(source)
        if kind and kind != "safetensors":
            jobs.append(Job(source, ""))
        else:
            size = os.path.getsize(source) if os.path.isfile(source) else 0
            reason = "a safetensors file already" if kind else "no model, by its first bytes"
            skipped.append(Converted(source, status="skipped", reason=reason, old_bytes=size))
    return _named(jobs, old, new), skipped


def _found(folder: str) -> Iterator[str]:
    """Yield the files of a tree in order, and instead of its files a folder that is one model. Links to folders are not followed."""
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        yield folder  # the reader says why it cannot be read
        return
    if any(entry.name in MARKS and entry.is_file() for entry in inside):
        yield folder
        return
    names = {one.name for one in inside}
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            yield from _found(entry.path)
        elif not _belongs(entry.name, names):
            yield entry.path


def _belongs(name: str, names: set[str]) -> bool:
    """Say whether a file is part of another: an array that joblib before 0.10 wrote beside its pickle."""
    stem = name
    while "_" in stem and name.endswith((".npy", ".z")):
        stem = stem.rpartition("_")[0]
        if stem in names:
            return True
    return False


def _kind(path: str) -> str | None:
    """Return what a file is, or None for what is no model; what only looks like one is for the reader to refuse."""
    suffix = os.path.splitext(path)[1].lower()
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None  # opening a pipe waits for ever
        with open(path, "rb") as file:
            head = file.read(HEAD)
        found = sniff(head, os.path.getsize(path))
    except FormatError:
        return "refused" if suffix in SUFFIXES else None
    except OSError:
        return "unreadable"
    if found in ("unknown", "safetensors", "json", "zip", "tar", "pmml", "onnx", "tflite", "gguf"):
        return found if suffix in SUFFIXES and suffix not in (".json", ".txt", ".gz", ".bz2", ".xz") else None
    if found == "pickle" or found.startswith("compressed "):
        # text may look like an old pickle, and any compressed file like joblib's
        return found if suffix in SUFFIXES or head[:1] == b"\x80" else None
    return found


def _named(jobs: Iterable[Job], old: str, new: str) -> list[Job]:
    """Give every job its target: the same place below the new folder, with our suffix; two that would meet keep their own as well."""
    listed = list(jobs)
    plain = [str(Path(new, os.path.relpath(job.source, old)).with_suffix(".safetensors")) for job in listed]
    longer = [str(Path(new, os.path.relpath(job.source, old) + ".safetensors")) for job in listed]
    names = plain
    while True:  # a longer name may be that of another file, which then gets its longer one too
        counts = Counter(name.lower() for name in names)
        again = [long if counts[name.lower()] > 1 else name for name, long in zip(names, longer, strict=True)]
        if again == names:
            return [Job(job.source, name) for job, name in zip(listed, names, strict=True)]
        names = again


def convert_all(
    jobs: list[Job], work: Callable[..., Converted], options: dict[str, Any], workers: int, on_done: Callable[[Converted], None]
) -> list[Converted]:
    """Convert files, several at a time, and return the records in their order.

    Args:
        jobs: what is to be done.
        work: ``work(source, target, **options)``, a function of a module: it runs in other processes.
        options: its keyword arguments.
        workers: processes; 1 works in this one.
        on_done: told of each that is done, as soon as it is.
    """
    if workers <= 1 or len(jobs) < 2:
        made = []
        for job in jobs:
            made.append(work(job.source, job.target, **options))
            on_done(made[-1])
        return made
    import multiprocessing

    results: dict[int, Converted] = {}
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(work, job.source, job.target, **options): number for number, job in enumerate(jobs)}
        from concurrent.futures import as_completed

        for done in as_completed(waiting):
            number = waiting[done]
            try:
                results[number] = done.result()
            except Exception as error:  # a worker that died; the others go on
                results[number] = refused(jobs[number].source, FormatError(f"the process that converted it ended ({type(error).__name__}); nothing was kept"))
            on_done(results[number])
    return [results[number] for number in range(len(jobs))]
