"""What a model registry of MLflow says: models, versions, aliases, tags and metrics, out of its SQLite file.

The one rule: the file is read as data and never changed; where it says that files lie is believed only inside the folder that was given.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from holdfast.errors import FormatError, NotFound, UnsupportedModel, quoted

NAME = "mlflow.db"
OF_MODEL, OF_RUN = "mlflow.model.", "mlflow.param."
"""What tags begin with that say what was said of the model as a whole, and what the run was given."""


class Registered(NamedTuple):
    """One version of a registered model.

    Attributes:
        model: its name there.
        n: its number there.
        place: where its folder lies, as MLflow says it.
        at: when it was made, in seconds since 1970.
        who: the user, or "".
        note: its description.
        run: id of the run that made it, or "".
        tags: key -> value; those of the model as a whole, and the parameters of the run, behind `OF_MODEL` and `OF_RUN`.
        metrics: the last values of the run.
        aliases: that point at it.
    """

    model: str
    n: int
    place: str
    at: float
    who: str
    note: str
    run: str
    tags: dict[str, str]
    metrics: dict[str, float]
    aliases: list[str]

    def __str__(self) -> str:
        """Return the reference that it would have."""
        return f"{quoted(self.model, 80)}:{self.n}"


def database_of(where: str) -> str:
    """Return the SQLite file that an address names, or the folder of a file store of MLflow.

    Raises:
        NotFound: there is none.
        UnsupportedModel: it is the address of a server.
    """
    scheme, _, rest = where.partition("://")
    if rest and scheme != "sqlite":
        raise UnsupportedModel(f"{quoted(scheme, 40)}:// is a server; give the folder with its {NAME}, or that file itself", file=where)
    # sqlite:///relative, and sqlite:////absolute
    path = unquote(rest[1:] if rest.startswith("/") else rest).partition("?")[0] if rest else where
    if os.path.isdir(path):
        if not os.path.isfile(os.path.join(path, NAME)):
            from holdfast.store.mlflow_files import is_file_store

            for folder in (path, os.path.join(path, "mlruns")):
                if is_file_store(folder):
                    return folder
        path = os.path.join(path, NAME)
    if not os.path.isfile(path):
        raise NotFound(f"there is no {NAME}, nor a file store with registered models; give the folder in which MLflow keeps them, or the file itself", file=path)
    return path


def registered(path: str) -> list[Registered]:
    """Return all versions of a registry, by model and number.

    Args:
        path: its SQLite file, or the folder of a file store.

    Raises:
        FormatError: it is no registry of MLflow.
    """
    if os.path.isdir(path):
        from holdfast.store.mlflow_files import registered_in

        return registered_in(path)
    try:
        with closing(sqlite3.connect(f"file:{_quoted_path(path)}?mode=ro", uri=True)) as on:
            on.row_factory = sqlite3.Row
            on.text_factory = lambda raw: raw.decode("utf-8", "replace")
            return list(_versions(on))
    except (sqlite3.Error, ValueError, TypeError, KeyError, IndexError, OverflowError) as error:  # tables or columns that are not there, and what is no number
        raise FormatError(f"this is no registry of MLflow ({quoted(error, 120)}); if MLflow made it, upgrade it with: mlflow db upgrade sqlite:///{NAME}", file=path) from None


def _quoted_path(path: str) -> str:
    return os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _versions(on: sqlite3.Connection) -> Iterator[Registered]:
    places = {f"models:/{row['model_id']}": row["artifact_location"] for row in _rows(on, "logged_models")}
    tags: dict[Any, dict[str, str]] = {}
    for row in _rows(on, "model_version_tags"):
        tags.setdefault(_key(row), {})[str(row["key"])] = str(row["value"])
    aliases: dict[Any, list[str]] = {}
    for row in _rows(on, "registered_model_aliases"):
        aliases.setdefault(_key(row), []).append(str(row["alias"]))
    whole: dict[Any, dict[str, str]] = {}
    for row in _rows(on, "registered_model_tags"):
        told = dict(row)
        whole.setdefault((told.get("workspace"), told["name"]), {})[OF_MODEL + str(told["key"])] = str(told["value"])
    params: dict[str, dict[str, str]] = {}
    for row in _rows(on, "params"):
        params.setdefault(str(row["run_uuid"]), {})[OF_RUN + str(row["key"])] = str(row["value"])
    metrics: dict[str, dict[str, float]] = {}
    for row in _rows(on, "latest_metrics"):
        if not row["is_nan"] and isinstance(row["value"], int | float):
            metrics.setdefault(str(row["run_uuid"]), {})[str(row["key"])] = float(row["value"])
    for row in on.execute("SELECT * FROM model_versions ORDER BY name, version"):
        told = dict(row)
        source, run = str(told.get("source") or ""), str(told.get("run_id") or "")
        own = {**whole.get(_key(row)[:2], {}), **params.get(run, {}), **tags.get(_key(row), {})}
        if told.get("current_stage") not in (None, "", "None"):
            own.setdefault("mlflow.stage", str(told["current_stage"]))
        name = str(told["name"]) if told.get("workspace") in (None, "default") else f"{told['workspace']} {told['name']}"
        yield Registered(
            name, int(told["version"]), str(told.get("storage_location") or places.get(source) or source), float(told.get("creation_time") or 0) / 1000, str(told.get("user_id") or ""), str(told.get("description") or ""), run, own,
            metrics.get(run, {}), sorted(aliases.get(_key(row), [])),
        )  # fmt: skip


def _key(row: sqlite3.Row) -> Any:
    told = dict(row)
    return told.get("workspace"), told["name"], int(told["version"])


def _rows(on: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
    """Yield the rows of a table that older or newer MLflow may not have."""
    if on.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone() is not None:
        yield from on.execute(f"SELECT * FROM {table}")


def folder_of(place: str, root: str) -> str:
    """Return the model folder of a version.

    Args:
        place: where MLflow says that it lies.
        root: the folder that it must lie in; one that was moved is found below it by the end of its path.

    Raises:
        NotFound: it does not lie there.
    """
    scheme, _, rest = place.partition("://")
    if not rest and place.startswith("mlflow-artifacts:"):
        path = place.partition(":")[2]
    elif rest and scheme == "file":
        path = unquote(urlsplit(place).path)
    elif rest and scheme == "mlflow-artifacts":
        path = urlsplit(place).path
    elif rest:
        raise NotFound(f"its files lie at {quoted(place, 200)}; copy that folder next to {NAME}, keeping the end of its path, and import again", file=root)
    else:
        path = place
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    inside = os.path.realpath(root)
    if ".." not in parts and "\0" not in path:
        for start in range(len(parts)):
            found = os.path.realpath(os.path.join(inside, *parts[start:]))
            if os.path.isfile(os.path.join(found, "MLmodel")) and os.path.commonpath([found, inside]) == inside:
                return found
        full = os.path.realpath(path)
        if os.path.isabs(path) and os.path.isfile(os.path.join(full, "MLmodel")) and os.path.commonpath([full, inside]) == inside:
            return full
    raise NotFound(f"its files, {quoted(place, 200)}, are not below this folder; give the folder that they are in as artifacts=...", file=root)
