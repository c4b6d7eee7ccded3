"""What a place for objects really does, found out by doing it: one winner of several, sizes, listings.

The one rule: a server's word counts for nothing; s3rver takes a conditional PUT and writes over what is there, and Swift lets several of
sixteen win.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from holdfast.errors import NotFound, Unavailable
from holdfast.store.blobs import Blobs

NAME = "probe.json"
RACERS = 8
ROUNDS = 2
LASTS = 30 * 86400.0
"""Seconds after which a place is asked again: servers are upgraded, and buckets are moved."""


class Probed(msgspec.Struct, frozen=True):
    """What a place was found to do.

    Attributes:
        place: which one; a bucket that was copied elsewhere carries the note of another one.
        creates: whether `put_new` has one winner.
        at: when, in seconds since 1970.
    """

    place: str
    creates: bool
    at: float


def probe(blobs: Blobs, place: str, write: bool = True) -> bool:
    """Find out whether `put_new` of a place has one winner, and note it there for the next one who asks.

    Args:
        blobs: the place; its ``creates`` is set.
        place: what it is called in its note.
        write: whether it may be written to; otherwise the note counts, or nothing is promised.

    Returns:
        What ``creates`` is now.

    Raises:
        Unavailable: the place loses what was just written, or has other bytes of it.
    """
    noted = _noted(blobs)
    if noted is not None and noted.place == place and 0 <= time.time() - noted.at < LASTS:
        blobs.creates = noted.creates
    elif not write:
        blobs.creates = False
    else:
        blobs.creates = races(blobs)
        data = msgspec.json.encode(Probed(place, blobs.creates, time.time()))
        blobs.put(NAME, [data], len(data))
    return blobs.creates


def _noted(blobs: Blobs) -> Probed | None:
    try:
        return msgspec.json.decode(blobs.get(NAME), type=Probed)
    except (NotFound, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def races(blobs: Blobs, racers: int = RACERS, rounds: int = ROUNDS) -> bool:
    """Say whether `put_new` has one winner: nobody writes over an object that is there, and of several at once one wins and its bytes stay.

    Raises:
        Unavailable: the place loses what was just written.
    """
    before, blobs.creates = blobs.creates, True  # so that nothing but the place's own condition is tried
    try:
        return all(_round(blobs, racers) for _ in range(rounds))
    finally:
        blobs.creates = before


def _round(blobs: Blobs, racers: int) -> bool:
    name = f"tmp/probe-{os.urandom(8).hex()}"
    together = threading.Barrier(racers)

    def race(number: int) -> tuple[bytes, bool]:
        data = b"%04d" % number + os.urandom(16)
        together.wait(30)
        return data, blobs.put_new(name, data)

    try:
        with ThreadPoolExecutor(racers, "holdfast-probe") as threads:
            told = list(threads.map(race, range(racers)))
        there = _sane(blobs, name, told)
        late = blobs.put_new(name, b"somebody who comes late")
        won = [data for data, first in told if first]
        return won == [there] and not late and blobs.get(name) == there
    finally:
        with contextlib.suppress(Exception):
            blobs.delete(name)


def _sane(blobs: Blobs, name: str, told: list[tuple[bytes, bool]]) -> bytes:
    """Return what is there, after a look at it from every side."""
    try:
        there = blobs.get(name)
    except NotFound:
        there = b""
    listed: list[Any] = [one for one in blobs.list("tmp/") if one.name == name]
    if there not in [data for data, _ in told] or blobs.size(name) != len(there) or [one.size for one in listed] != [len(there)]:
        raise Unavailable(
            "an object that was just written is not there, or has another size in a listing; a store needs a place whose writes are seen at once. Give it another one, or ask who runs this server",
            file=blobs.shown,
        )
    return there
