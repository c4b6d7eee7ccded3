"""The lines of records as they lie in a store: which there are, and which have no rows yet.

The one rule: a record that is there counts, whoever put it and whatever became of them.
"""

from __future__ import annotations

import sqlalchemy as sa

from holdfast.errors import Corrupt, HoldfastError
from holdfast.store import catalog as c
from holdfast.store.blobs import Blobs, Object
from holdfast.store.journal import Journal
from holdfast.store.objects import place_in_log, read_record
from holdfast.values.reference import key_of


def lines(blobs: Blobs) -> dict[str, dict[int, Object]]:
    """Return the records that are there: encoded model -> number -> object, in order."""
    found: dict[str, dict[int, Object]] = {}
    for one in blobs.list("log/"):
        place = place_in_log(one.name)
        if place is not None:
            found.setdefault(place[0], {})[place[1]] = one
    return found


def adopt_all(journal: Journal, there: dict[str, dict[int, Object]]) -> tuple[int, list[HoldfastError]]:
    """Make the rows of all records that have none.

    Args:
        journal: of the store.
        there: what `lines` gave.

    Returns:
        Of how many records, and what stood in the way of others.
    """
    with journal.database.reading() as on:
        known = {key_of(row.name): row for row in on.execute(sa.select(c.model.c.name, c.model.c.seq))}
    count = 0
    refused: list[HoldfastError] = []
    for key, numbers in there.items():
        row = known.get(key)
        if row is not None and max(numbers) <= row.seq:
            continue
        try:
            count += journal.adopt(row.name if row is not None else model_of(journal.blobs, key, numbers))
        except HoldfastError as error:
            refused.append(error)
    return count, refused


def model_of(blobs: Blobs, key: str, numbers: dict[int, Object]) -> str:
    """Return the name of a model, which its records hold.

    Raises:
        Corrupt: none of them does.
    """
    for one in numbers.values():
        try:
            name = read_record(blobs.get(one.name), one.name, blobs.shown).model
        except HoldfastError:
            continue
        if key_of(name) == key:
            return name
    raise Corrupt(f"no record below log/{key}/ says of which model it is", file=blobs.shown)
