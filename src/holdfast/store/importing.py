"""Versions out of a model registry of MLflow: each is read as data, saved, asked the same rows, and gets its number, aliases, tags and metrics.

The one rule: what one version cannot do stops none of the others; each is in the report, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from holdfast.artifact.convert import asked as asked
from holdfast.artifact.convert import prepared as prepared
from holdfast.artifact.convert import told_digest
from holdfast.artifact.load import Opening
from holdfast.artifact.mlflow import MlflowFolder
from holdfast.artifact.save import live_classes, live_functions
from holdfast.errors import HoldfastError, NotFound, ProofFailed, quoted
from holdfast.store.carried import Carried, checked, store_id
from holdfast.store.coming import Coming, known_of, place_of
from holdfast.store.mlflow_registry import Registered, database_of, folder_of, registered
from holdfast.store.objects import blob_name
from holdfast.store.pieces import as_file
from holdfast.store.publish import Put, put
from holdfast.store.said import WHO, shortened
from holdfast.store.sessions import Session
from holdfast.trust.policy import Policy, policy
from holdfast.values.reference import NAME_LENGTH

if TYPE_CHECKING:
    from holdfast.store.store import Store


class Imported(NamedTuple):
    """What became of one version of a registry.

    Attributes:
        source: what it is called there.
        ref: what it is called here, "" when it was refused.
        status: ``imported``, ``there`` (from an earlier import) or ``refused``.
        reason: why it was refused.
        rows: rows that the old and the new model answered alike.
    """

    source: str
    ref: str
    status: str
    reason: str = ""
    rows: int = 0


def import_mlflow(
    store: Store,
    where: str | os.PathLike[str],
    models: Iterable[str] | Mapping[str, str] | None,
    artifacts: str | os.PathLike[str] | None,
    trusted: Iterable[Any] | None,
    renumber: bool,
    on_version: Callable[[Imported], None] | None,
) -> list[Imported]:
    """Bring versions of a registry into a store; see `holdfast.store.transfer.Transfer.import_mlflow`."""
    path = database_of(os.fspath(where))
    root = (path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path))) if artifacts is None else os.fspath(artifacts)
    listed = registered(path)
    called = _called(listed, [models] if isinstance(models, str) else models, path)
    allowed = policy(trusted, None)
    done: list[Imported] = []
    for one in listed:
        if one.model not in called:
            continue
        try:
            found = _import(store, one, called[one.model], root, allowed, renumber)
        except HoldfastError as error:
            found = Imported(str(one), "", "refused", error.message)
        done.append(found)
        if on_version is not None:
            on_version(found)
    return done


def _called(listed: list[Registered], models: Iterable[str] | Mapping[str, str] | None, path: str) -> dict[str, str]:
    """Return model there -> model here."""
    names = {one.model: one.model for one in listed}
    if models is None:
        return names
    called = dict(models) if isinstance(models, Mapping) else {name: name for name in models}
    for name in called:
        if name not in names:
            near = ", ".join(quoted(one, 60) for one in sorted(names)[:8])
            raise NotFound(f"there is no registered model {quoted(name, 80)!r}; there are {near or 'none'}", file=path)
    return called


def _import(store: Store, one: Registered, model: str, root: str, allowed: Policy, renumber: bool) -> Imported:
    origin = {"store": f"mlflow:{one.run}", "model": one.model, "n": one.n}
    # the artifact is not known yet, and none is made for a version that has no name or number here
    empty = "blake3:" + "0" * 64
    tags = {key: shortened(value) for key, value in one.tags.items() if len(key) <= NAME_LENGTH}  # MLflow keeps longer ones
    told = checked(Carried(model, one.n, empty, one.at, origin, one.who[:WHO], one.note, None, dict(one.metrics), tags, aliases=one.aliases), store.shown)
    target_id = store_id(store)
    known = known_of(store, model, target_id)
    there = next((n for key, n in known.born.items() if key[:3] == told.birth[:3]), None)
    if there is not None:
        n, rows = there, 0
    else:
        place = place_of(told, known, renumber, store)
        folder = MlflowFolder(folder_of(one.place, root))
        with folder, Session.opened(store.database, "import") as session:
            done, rows = _saved(store, folder, session, allowed)
            told = msgspec.structs.replace(told, artifact=done.id)
            n = Coming(told, place.n, None, {**origin, "from": "mlflow"}, renumber).write(store, target_id, done.parts)
            with store.database.writing() as on:
                session.end(on)
    for alias in one.aliases:
        store.alias(f"{model}@{alias}", n, why="as in the registry of MLflow")
    return Imported(str(one), f"{model}:{n}", "imported" if there is None else "there", "", rows)


def _saved(store: Store, folder: MlflowFolder, session: Session, allowed: Policy) -> tuple[Put, int]:
    """Put the model of a folder into the store, and ask it the rows that the old one is asked."""
    reading = folder.read()
    model, dumped = folder.built(reading, allowed)
    ready = prepared(model, reading, {"converted_from": reading.format, **reading.extra})
    done = put(store.blobs, session, ready)
    live = policy(live_classes(ready), live_functions(ready))
    with Opening(as_file(done.manifest, done.raw, done.layout, store.shown, lambda digest: store.blobs.open(blob_name(digest)))) as opening:
        rows, same = asked(model, opening.load(live), reading.example)
    if same is False or (same is None and done.manifest.content.digest != told_digest(dumped)):
        raise ProofFailed(f"the model does not answer to {rows} rows as it did, or could not be asked and holds other content; it was not taken in", file=folder.folder)
    return done, rows
