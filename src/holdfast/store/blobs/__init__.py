"""Where the objects of a store lie: one interface, a file for each kind of place.

The one rule: an object is whole or absent, and `put_new` has one winner, or the place says in ``creates`` that it cannot promise that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

SCHEMES = ("s3", "gs", "az")
"""What addresses of buckets begin with."""


class Object(NamedTuple):
    """One object in a listing: its name, its bytes, and when it was written (seconds since 1970)."""

    name: str
    size: int
    written: float


class Blobs(Protocol):
    """Objects by name; names are made by `holdfast.store.names`, and hold only characters that every place takes.

    Attributes:
        shown: how messages call the place.
        creates: whether `put_new` has one winner when several race.
    """

    shown: str
    creates: bool

    def put(self, name: str, pieces: Iterable[Any], size: int) -> None:
        """Write an object, over one of that name; it is whole or absent, and once this returns it is there after a power cut."""

    def put_new(self, name: str, data: bytes) -> bool:
        """Write a small object if there is none of that name; says whether it was written.

        Where an answer can get lost, an object that is there with the same bytes may count as written by us: what must have one winner holds
        something of its writer's own.
        """

    def get(self, name: str) -> bytes:
        """Return a small object.

        Raises:
            NotFound: there is none.
        """

    def open(self, name: str) -> Any:
        """Return a large object as a `holdfast.artifact.source.Source`.

        Raises:
            NotFound: there is none.
        """

    def size(self, name: str) -> int | None:
        """Return how many bytes an object has, or None when there is none."""

    def list(self, prefix: str) -> Iterator[Object]:
        """Yield the objects below a prefix that ends with ``/``, each once. In order of their names, but for servers that have another one."""

    def delete(self, name: str) -> None:
        """Take an object away, if it is there."""


def put_all(blobs: Blobs, objects: list[tuple[str, Iterable[Any], int]]) -> None:
    """Write several objects, each whole or absent, of which none is there before its bytes; quicker than one by one where the place knows how.

    Args:
        blobs: where to.
        objects: name, pieces and size of each.
    """
    together = getattr(blobs, "put_all", None)
    if together is not None and len(objects) > 1:
        together(objects)
        return
    if len(objects) < 2:
        for one in objects:
            blobs.put(*one)
        return
    with ThreadPoolExecutor(min(8, len(objects)), "holdfast-put") as pool:
        for done in [pool.submit(blobs.put, *one) for one in objects]:
            done.result()
