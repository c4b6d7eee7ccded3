"""What a file store of MLflow says (a folder ``mlruns`` with ``models`` in it): the same as its SQLite file would.

The one rule: files are read as text, up to a bound, and no link is followed.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from typing import Any

from holdfast.artifact.mlflow import read_yaml
from holdfast.errors import FormatError, quoted
from holdfast.store.mlflow_registry import OF_MODEL, OF_RUN, Registered
from holdfast.store.said import TEXT

META = "meta.yaml"
FILES = 10_000
"""Files of one folder that are read."""
HISTORY = 64 * 1024
"""Bytes of a metric's history that are read, from its end."""


def registered_in(root: str) -> list[Registered]:
    """Return all versions of a file store, by model and number.

    Args:
        root: the folder that has ``models`` in it.

    Raises:
        FormatError: a version cannot be read, or this is no file store.
        LibraryMissing: PyYAML is not installed.
    """
    found = []
    runs = _runs(root)
    try:
        for model in _folders(os.path.join(root, "models")):
            if not os.path.isfile(os.path.join(model, META)):
                continue
            name = str(read_yaml(os.path.join(model, META), model)["name"])
            whole = {OF_MODEL + key: value for key, value in _texts(os.path.join(model, "tags"))}
            aliases: dict[int, list[str]] = {}
            for alias, points_at in _texts(os.path.join(model, "aliases")):
                aliases.setdefault(int(points_at), []).append(alias)
            for folder in _folders(model):
                number = re.fullmatch(r"version-([1-9][0-9]{0,11})", os.path.basename(folder))
                if number is not None and os.path.isfile(os.path.join(folder, META)):
                    found.append(_version(root, name, int(number[1]), folder, whole, aliases.get(int(number[1]), []), runs))
    except FormatError:
        raise  # it says which file and why
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise FormatError(f"this is no file store of MLflow, or a damaged one ({quoted(error, 120)})", file=root) from None
    return sorted(found, key=lambda one: (one.model, one.n))


def is_file_store(folder: str) -> bool:
    """Say whether registered models of MLflow lie in a folder, each with its ``meta.yaml``."""
    return any(os.path.isfile(os.path.join(model, META)) for model in _folders(os.path.join(folder, "models")))


def _version(root: str, model: str, n: int, folder: str, whole: dict[str, str], aliases: list[str], runs: dict[str, str]) -> Registered:
    told = read_yaml(os.path.join(folder, META), folder)
    run, source = str(told.get("run_id") or ""), str(told.get("source") or "")
    tags = dict(whole)
    metrics: dict[str, float] = {}
    if run in runs:
        tags.update({OF_RUN + key: value for key, value in _texts(os.path.join(runs[run], "params"))})
        metrics = dict(_metrics(os.path.join(runs[run], "metrics")))
    tags.update(_texts(os.path.join(folder, "tags")))
    if told.get("current_stage") not in (None, "", "None"):
        tags.setdefault("mlflow.stage", str(told["current_stage"]))
    place = str(told.get("storage_location") or _logged(root, source) or source)
    return Registered(model, n, place, float(told.get("creation_timestamp") or 0) / 1000, str(told.get("user_id") or ""), str(told.get("description") or ""), run, tags, metrics, sorted(aliases))


def _folders(place: str) -> list[str]:
    try:
        with os.scandir(place) as entries:
            return sorted(one.path for one in entries if one.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _runs(root: str) -> dict[str, str]:
    """Return run -> its folder."""
    return {os.path.basename(run): run for experiment in _folders(root) if os.path.basename(experiment) not in ("models", ".trash") for run in _folders(experiment)}


def _logged(root: str, source: str) -> str:
    """Return the folder of a model that is named by its id."""
    id_ = source.removeprefix("models:/")
    if id_ == source or not re.fullmatch(r"[A-Za-z0-9-]+", id_):
        return ""
    return next((place for experiment in _folders(root) if os.path.isdir(place := os.path.join(experiment, "models", id_, "artifacts"))), "")


def _files(place: str) -> Iterator[tuple[str, str]]:
    """Yield the files below a folder, as the keys that they stand for and their paths: a key may have slashes."""
    count = 0
    for folder, _, names in os.walk(place):
        for name in sorted(names):
            path = os.path.join(folder, name)
            count += 1
            if count > FILES:
                raise FormatError(f"there are more than {FILES} files in one folder of a file store of MLflow", file=place)
            if not os.path.islink(path) and os.path.isfile(path):
                yield os.path.relpath(path, place).replace(os.sep, "/"), path


def _texts(place: str) -> Iterator[tuple[str, str]]:
    for key, path in _files(place):
        yield key, _read(path, 0, TEXT).decode("utf-8", "replace").rstrip("\n")


def _metrics(place: str) -> Iterator[tuple[str, float]]:
    """Yield the last value of each metric: that of the largest step, then of the latest time."""
    for key, path in _files(place):
        lines: list[tuple[int, int, float]] = []
        for line in _read(path, -HISTORY, HISTORY).decode("utf-8", "replace").splitlines():
            parts: list[Any] = line.split(" ")
            try:
                lines.append((int(parts[2]) if len(parts) > 2 else 0, int(parts[0]), float(parts[1])))
            except (ValueError, IndexError):
                continue  # the first line may be the end of one
        if lines and math.isfinite(max(lines)[2]):
            yield key, max(lines)[2]


def _read(path: str, start: int, most: int) -> bytes:
    """Return bytes of a file; a start below zero counts from its end."""
    try:
        with open(path, "rb") as file:
            if start < 0:
                file.seek(max(0, os.fstat(file.fileno()).st_size + start))
            return file.read(most)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", file=path) from None
