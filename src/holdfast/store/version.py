"""A version, an entry of a history, and a page of versions: what a store tells about itself.

The one rule: they say what was so when they were asked for, and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from holdfast.artifact.load import Opening
from holdfast.artifact.replay import Proof
from holdfast.errors import NotFound


class _Version(NamedTuple):
    """The fields of a version."""

    model: str
    n: int
    artifact: str
    content: str
    type: str
    size: int
    at: float
    who: str = ""
    note: str = ""
    parent: str | None = None
    metrics: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    aliases: tuple[str, ...] = ()
    data: Mapping[str, str] = {}
    code: Mapping[str, Any] = {}
    proof: Proof | None = None


class Version(_Version):
    """One version of a model.

    Attributes:
        model: the model's name.
        n: its number.
        artifact: the artifact id.
        content: the content digest.
        type: exact name of the model's type.
        size: bytes of its tensors and trees.
        at: when it was saved, in seconds since 1970, UTC.
        who: author, as given.
        note: as given.
        parent: the version or artifact it was made of, or None.
        metrics: name -> value.
        tags: key -> value.
        aliases: that point at it.
        data: name -> digest of data it was made with.
        code: commit, and whether there were changes beside it.
        proof: of a save with an example.
    """

    _store: Any = None  # where it was found; no part of what it is, so two are equal without it

    def __str__(self) -> str:
        """Return the reference, such as ``churn:7``."""
        return f"{self.model}:{self.n}"

    def _replace(self, **changes: Any) -> Version:
        """Return a version with other values, found in the same store."""
        return super()._replace(**changes)._of(self._store)

    def _of(self, store: Any) -> Version:
        self._store = store
        return self

    def __getstate__(self) -> None:
        """Leave the store out of copies in other processes."""

    def __holdfast_opening__(self) -> Opening:
        """Open it as the file that it is: how `holdfast.compare` takes versions."""
        if self._store is None:
            raise NotFound(f"{self} was not found in a store here; ask the store for it: store[{str(self)!r}]")
        opening: Opening = self._store.open(self)
        return opening


class Moved(NamedTuple):
    """One entry of a history: who changed what, when and why."""

    seq: int
    kind: str
    at: float
    who: str
    why: str
    n: int | None = None
    alias: str | None = None
    old: int | None = None
    new: int | None = None
    key: str | None = None
    value: Any = None


class Page(list[Version]):
    """Versions that a search found.

    Attributes:
        after: the cursor of the next page, to be given to `Store.search`; None when this is the last.
    """

    def __init__(self, versions: Iterable[Version], after: str | None) -> None:
        super().__init__(versions)
        self.after = after
