"""Where SQLite begins to look.

SQLite knows neither how often a tag has a value nor how many metrics lie in a range, and guesses. So the rows of each condition that an index answers are
counted first, up to a bound, which takes less than a millisecond. The rarest is begun with, unless going along the order will soon have found a page.

The one rule: this changes how long an answer takes, and never what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.store import catalog as c
from holdfast.store.clauses import indexed
from holdfast.store.query import Field, Node

MANY = 20_000
"""Rows that are counted of one condition."""
CANDIDATES = 8
"""Conditions that are counted."""
WALKED = ("at", "model", "metrics", "tags")
"""Orders that an index has."""


def begin_with(on: Any, needed: Sequence[Node], order: Field, limit: int) -> int | None:
    """Return the place of the condition to begin with, or None to go along the order.

    Args:
        on: a connection.
        needed: conditions that all have to hold.
        order: what the page is sorted by.
        limit: versions of a page.
    """
    found: dict[int, int] = {}
    for place, one in enumerate(needed):
        rows = indexed(one) if len(found) < CANDIDATES else None
        if rows is not None:
            found[place] = on.scalar(sa.select(sa.func.count()).select_from(rows.limit(MANY + 1).subquery()))
    if not found:
        return None
    place = min(found, key=lambda one: found[one])
    if order.kind not in WALKED or not found[place]:
        return place
    total = on.scalar(sa.select(sa.func.coalesce(sa.func.sum(c.model.c.versions), 0))) or 1
    # so many versions have to be passed for one that fits, if the conditions have nothing to do with each other
    passed = 1.0
    for count in found.values():
        passed *= max(1.0, total / max(1, count))
    return place if passed * limit > found[place] else None
