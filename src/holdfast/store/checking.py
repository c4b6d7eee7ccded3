"""Looking whether a store still holds what it should: rows against objects, objects against their digests.

Strategy. What is wrong is gathered as (object, what is wrong); only then is it asked which versions and aliases it hurts, and healed from another store
if there is one. A damaged object is moved to ``aside/`` once a second look says the same, so that a save or a repair writes it anew.

The one rule: nothing is deleted, and what cannot be kept aside stays where it is.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from holdfast.store import catalog as c
from holdfast.store.amounts import OnBytes, OnStage
from holdfast.store.blobs import Blobs, Object
from holdfast.store.hurt import Hurt, hurt_by
from holdfast.store.lines import adopt_all, lines
from holdfast.store.mirror import unlike
from holdfast.store.objects import FORMAT, FORMAT_NAME, artifact_name, blob_name, digest_in, layout_name, place_in_log, read_format
from holdfast.store.repairing import fault, put_aside, repaired
from holdfast.store.replaying import rebuild as rebuilt
from holdfast.values.reference import key_of

if TYPE_CHECKING:
    from holdfast.store.store import Store

THREADS = 8
"""Objects that are read at the same time."""
LEVELS = ("quick", "full")


class Damage(NamedTuple):
    """One object that is not as it should be.

    Attributes:
        object: its name in the store; ``catalog`` for the rows.
        what: is wrong with it.
        versions: that need it, such as ``churn:7``.
        aliases: that point at those, such as ``churn@production``.
        done: what was done about it: ``repaired``, ``moved aside``, or nothing.
    """

    object: str
    what: str
    versions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    done: str = ""


class Checked(NamedTuple):
    """What `check` found.

    Attributes:
        ok: nothing is wrong any more.
        damaged: what was wrong, that which was repaired too.
        adopted: records whose writers did not come to their commit, and that count now.
        rebuilt: whether the catalog was made anew.
        objects: how many were looked at.
        size: bytes that were compared with digests.
        level: how closely.
    """

    ok: bool
    damaged: tuple[Damage, ...] = ()
    adopted: int = 0
    rebuilt: bool = False
    objects: int = 0
    size: int = 0
    level: str = "quick"

    @property
    def exit_code(self) -> int:
        """What a command ends with: 0, or 6 as for a damaged file."""
        return 0 if self.ok else 6

    def __str__(self) -> str:
        """Say it in lines."""
        closely = f"{self.objects} objects looked at, {self.size} bytes compared with their digests" if self.level == "full" else f"{self.objects} objects looked at by name and size"
        said = [f"{closely}: {'all is well' if self.ok else 'damaged'}{'' if self.level == 'full' or not self.ok else '; a full check compares their bytes, too'}"]
        for one in self.damaged:
            hurt = ", ".join((*one.aliases, *one.versions)) or "nothing that is needed"
            said.append(f"{one.object}: {one.what}; hurts {hurt}{f'; {one.done}' if one.done else ''}")
        return "\n".join(said)


def check(store: Store, level: str = "quick", rebuild: bool = False, repair_from: Store | None = None, on_bytes: OnBytes | None = None, on_stage: OnStage | None = None) -> Checked:
    """Look whether a store holds what it should; see `Admin.check`."""
    if level not in LEVELS:
        raise ValueError(f"level is one of {', '.join(LEVELS)}, and not {level!r}")
    wrong, first = _format(store, repair_from)
    writes = not store.database.read_only and store.database.refused is None
    adopted = 0
    if rebuild:
        wrong.update(rebuilt(store.journal).damaged)
        wrong = {name: what for name, what in wrong.items() if place_in_log(name)}  # versions that are not all there are found below, by their objects
    there = lines(store.blobs)
    if writes:
        adopted, _ = adopt_all(store.journal, there)  # what stood in the way is found below
    listed = {one.name: one for prefix in ("blobs/", "artifacts/", "layouts/") for one in store.blobs.list(prefix)}
    with store.database.reading() as on:
        wrong.update(_absent(on, listed))
        wrong.update(_gaps(on, there, writes))
    objects = len(listed) + sum(map(len, there.values())) + 1
    size = 0
    if level == "full":
        logged = [one for numbers in there.values() for one in numbers.values()]
        wanted = [one for one in (*listed.values(), *logged) if one.name not in wrong]
        size = sum(one.size for one in wanted)
        if on_stage is not None:
            on_stage("comparing", size)
        wrong.update(_bytes(store.blobs, wanted, on_bytes))
        if not wrong:
            wrong.update(unlike(store))
    hurts = hurt_by(store, wrong)
    damaged = [_healed(store, repair_from, name, what, hurts[name], writes, first.get(name, "")) for name, what in sorted(wrong.items())]
    if any(one.done == "repaired" and place_in_log(one.object) for one in damaged):
        more, refused = adopt_all(store.journal, lines(store.blobs))
        adopted += more
        damaged += [Damage("catalog", error.message) for error in refused]
    return Checked(all(one.done == "repaired" for one in damaged), tuple(damaged), adopted, rebuild, objects, size, level)


def _healed(store: Store, other: Store | None, name: str, what: str, hurt: Hurt, writes: bool, done: str) -> Damage:
    if not done and writes and name != "catalog":
        if other is not None and repaired(store, other, name):
            done = "repaired"
        elif digest_in(name) is not None and put_aside(store.blobs, name):
            done = "moved aside"
    return Damage(name, what, hurt.versions, hurt.aliases, done)


def _format(store: Store, other: Store | None) -> tuple[dict[str, str], dict[str, str]]:
    """Look at what the store says about itself, and heal it before anything else: nothing may be written as long as it cannot be read.

    Returns:
        What is wrong with it, and what was done about that.
    """
    what = fault(store.blobs, FORMAT_NAME)
    if what is None:  # what somebody else healed counts, unless it is of a newer format
        if store.database.refused is not None and read_format(store.blobs.get(FORMAT_NAME), store.shown).format <= FORMAT:
            store.database.refused = None
        return {}, {}
    if other is None or store.database.read_only or not repaired(store, other, FORMAT_NAME):
        return {FORMAT_NAME: what}, {}
    store.database.refused = None
    return {FORMAT_NAME: what}, {FORMAT_NAME: "repaired"}


def _absent(on: Any, listed: dict[str, Object]) -> dict[str, str]:
    """Return what rows need and is not there, or has another size."""
    wrong = {}
    for id_ in on.scalars(sa.select(c.artifact.c.id)):
        wrong.update({name: "it is not there" for name in (artifact_name(id_), layout_name(id_)) if name not in listed})
    for digest, size in on.execute(sa.select(c.blob.c.digest, c.blob.c.size).where(c.needs(c.blob.c.digest))):
        name = blob_name(digest)
        found = listed.get(name)
        if found is None:
            wrong[name] = "it is not there"
        elif found.size != size:
            wrong[name] = f"it has {found.size} bytes and not {size}"
    return wrong


def _gaps(on: Any, there: dict[str, dict[int, Object]], adopting: bool) -> dict[str, str]:
    """Return the records that rows were made of and that are not there, and those that should have rows by now."""
    wrong = {}
    known = {key_of(row.name): row.seq for row in on.execute(sa.select(c.model.c.name, c.model.c.seq))}
    for key in known.keys() | there.keys():
        numbers = there.get(key, {})
        last = known.get(key, 0)
        for seq in {*range(1, max([last, *numbers]) + 1)} - numbers.keys():
            wrong[f"log/{key}/{seq:012d}.json"] = "it is not there"
        for seq, one in numbers.items():
            if adopting and seq > last:
                wrong[one.name] = "the catalog has no rows of it, and they could not be made"
    return wrong


def _bytes(blobs: Blobs, wanted: list[Object], on_bytes: OnBytes | None) -> dict[str, str]:
    """Compare objects with their digests or seals, several at a time."""
    wrong = {}
    with ThreadPoolExecutor(THREADS, "holdfast-check") as pool:
        for one, what in zip(wanted, pool.map(lambda one: fault(blobs, one.name), wanted), strict=True):
            if what is not None and (again := fault(blobs, one.name)) is not None:  # a second look: the disk may be right and a cable wrong
                wrong[one.name] = again
            if on_bytes is not None:
                on_bytes(one.size)
    return wrong
