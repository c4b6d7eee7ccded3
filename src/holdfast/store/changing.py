"""What a store lets be changed of models and versions: aliases, tags, metrics, notes, cards, and that a version goes.

The one rule: every change is a record, which the journal writes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from holdfast.errors import Conflict
from holdfast.store import catalog as c
from holdfast.store.database import now
from holdfast.store.journal import Journal
from holdfast.store.keeping import Deleted, keep, pointing
from holdfast.store.listing import Listing
from holdfast.store.objects import Record
from holdfast.store.said import checked_key, checked_metric, checked_tag
from holdfast.store.version import Version
from holdfast.values.reference import LATEST, checked_name, reference

if TYPE_CHECKING:
    from holdfast.store.beside import Attachment
    from holdfast.store.store import Store


class Changing(Listing):
    """The part of a store that changes what is said about versions."""

    journal: Journal
    who: str

    def alias(self, ref: str, to: str | int | Version | None, *, why: str = "", who: str | None = None) -> Version | None:
        """Point an alias at a version, or take it away with None."""
        wanted = reference(ref)
        if wanted.alias is None:
            raise ValueError(f"{ref!r} is no alias that can be set; give one such as {wanted.model}@production")
        settable(wanted.alias, wanted.model)
        n = self._number(wanted.model, to)

        def make(on: Any, row: Any) -> Record:
            old = on.scalar(sa.select(c.alias.c.n).where(c.alias.c.model == row.id, c.alias.c.name == wanted.alias))
            if old == n:
                raise _Same
            return Record(wanted.model, 0, "alias", now(), self.who if who is None else who, why, "", alias=wanted.alias, old=old, new=n)

        with contextlib.suppress(_Same):
            self.journal.write(make, wanted.model)
        return None if n is None else self._version(wanted.model, n)

    def rollback(self, ref: str, *, why: str = "", who: str | None = None) -> Version:
        """Undo the last move of an alias."""
        wanted = reference(ref)
        if wanted.alias is None:
            raise ValueError(f"{ref!r} is no alias; give one such as {wanted.model}@production")
        settable(wanted.alias, wanted.model)
        found: list[int] = []

        def make(on: Any, row: Any) -> Record:
            e = c.event.c
            moves = on.execute(sa.select(e.kind, e.old, e.new).where(e.model == row.id, e.alias == wanted.alias).order_by(e.seq)).all()
            before: list[int | None] = []
            for move in moves:
                if move.kind == "rollback":
                    before.pop()
                else:
                    before.append(move.old)
            if not before or before[-1] is None:
                raise Conflict(f"{wanted} has nothing to go back to; its moves: holdfast log {wanted.model}", file=self.shown)
            found.append(before[-1])
            return Record(wanted.model, 0, "rollback", now(), self.who if who is None else who, why, "", alias=wanted.alias, old=moves[-1].new, new=before[-1])

        self.journal.write(make, wanted.model)
        return self._version(wanted.model, found[-1])

    def _number(self, model: str, to: str | int | Version | None) -> int | None:
        if to is None or isinstance(to, int):
            return to
        version = self.find(to)
        if version.model != model:
            raise ValueError(f"{version} is a version of another model than {model}")
        return version.n

    def tag(self, ref: str | Version, values: Mapping[str, str | None] | None = None, /, *, why: str = "", who: str | None = None, **tags: str | None) -> Version:
        """Set tags of a version, by their names or as a mapping, which may hold any key; None takes one away."""
        return self._each(ref, "tag", checked_tag, {**(values or {}), **tags}, why, who)

    def metric(self, ref: str | Version, *, why: str = "", who: str | None = None, **metrics: float | int | str | None) -> Version:
        """Set metrics of a version, such as those of a later evaluation; None takes one away. The artifact keeps those of its save."""
        return self._each(ref, "metric", checked_metric, metrics, why, who)

    def _each(self, ref: str | Version, kind: str, checked: Callable[[str, Any], Any], given: Mapping[str, Any], why: str, who: str | None) -> Version:
        # all of them are looked at before the first is written
        wanted = {(kept := checked_key(key, kind)): None if value is None else checked(kept, value) for key, value in given.items()}
        version = self.find(ref)
        for key, value in wanted.items():
            self.journal.write(self._about(version, kind, why, who, key=key, value=value), version.model)
        return self._version(version.model, version.n)

    def note(self, ref: str | Version, text: str, *, why: str = "", who: str | None = None) -> Version:
        """Give a version another note."""
        version = self.find(ref)
        self.journal.write(self._about(version, "note", why, who, text=text), version.model)
        return self._version(version.model, version.n)

    def card(self, ref: str | Version, text: str | None = None, *, why: str = "", who: str | None = None) -> str:
        """Return the model card of a version, or keep another one with it.

        Args:
            ref: such as ``churn@production``.
            text: Markdown to keep. Without it nothing is changed; an empty one takes away what was kept.
            why: for the history.
            who: author; that of the store unless told.

        Returns:
            The card that was kept with the version; or one made of what the store knows: what it is, metrics, signature, parameters, digests of the
            data, parents and code, how to load it, and limits.

        Raises:
            NotFound: there is no such version.
            LimitExceeded: the text is longer than a card may be.
            Corrupt: the card that was kept is damaged.
        """
        from holdfast.store import card

        version = self.find(ref)
        if text is not None:
            card.write(cast("Store", self), version, text, self.who if who is None else who, why)
        return card.read(cast("Store", self), version)

    def attach(
        self, ref: str | Version, name: str, data: bytes | None, media_type: str = "application/octet-stream", *, why: str = "", who: str | None = None
    ) -> dict[str, Attachment]:  # fmt: skip
        """Keep a small file with a version, such as a signature or a report; it goes along wherever the version goes.

        Args:
            ref: such as ``churn@production``.
            name: of the file; one of that name is replaced.
            data: its bytes; None takes it away.
            media_type: what kind of file it is.
            why: for the history.
            who: author; that of the store unless told.

        Returns:
            All attachments of the version, by their names.

        Raises:
            NotFound: there is no such version, or no such attachment to take away.
            LimitExceeded: it is larger than an attachment may be, or there are too many.
            ValueError: the name is none that every file system takes, or the media type is none.
        """
        from holdfast.store import beside

        version = self.find(ref)
        beside.attach(cast("Store", self), version, name, data, media_type, self.who if who is None else who, why)
        return beside.attachments(cast("Store", self), version)

    def attachments(self, ref: str | Version) -> dict[str, Attachment]:
        """Return the files that are kept with a version, by their names."""
        from holdfast.store import beside

        return beside.attachments(cast("Store", self), self.find(ref))

    def attached(self, ref: str | Version, name: str) -> bytes:
        """Return the bytes of an attachment, compared with their digest.

        Raises:
            NotFound: there is no such version, or no such attachment.
            Corrupt: it is damaged.
        """
        from holdfast.store import beside

        return beside.attached(cast("Store", self), self.find(ref), name)

    def delete(self, ref: str | Version, *, why: str = "", who: str | None = None) -> Deleted:
        """Take a version out of the store. Its number is not given again; its bytes go with a later `collect`, if nobody else needs them.

        Args:
            ref: the version.
            why: kept in the history.
            who: author, if it is another than that of this store.

        Returns:
            What still points at it, and what its end frees.

        Raises:
            Conflict: an alias points at it.
            NotFound: it is not there.
        """
        version = self.find(ref)
        found = pointing(cast("Store", self), version)
        self.journal.write(self._about(version, "delete", why, who), version.model)
        return found

    def keep(self, name: str, last: int = 10, *, days: float | None = None, dry_run: bool = False, why: str = "", who: str | None = None) -> list[Deleted]:
        """Delete the old versions of a model: all but the last, and but those that an alias points at.

        Args:
            name: of the model.
            last: how many of the newest stay.
            days: those that are younger stay too.
            dry_run: delete nothing, and say what would go.
            why: kept in the history.
            who: author, if it is another than that of this store.

        Returns:
            What went, the oldest first.

        Raises:
            NotFound: there is no such model.
            ValueError: a number is negative.
        """
        return keep(cast("Store", self), name, last, days, dry_run, why, who)

    def _about(self, version: Version, kind: str, why: str, who: str | None, **more: Any) -> Callable[[Any, Any], Record]:
        return lambda on, row: Record(version.model, 0, kind, now(), self.who if who is None else who, why, "", n=version.n, **more)


class _Same(Exception):
    """The alias points there already."""


def settable(alias: str, model: str) -> str:
    """Return the name of an alias that somebody may point at a version."""
    found = checked_name(alias, "alias")
    if found == LATEST:
        raise ValueError(f"'{model}@{LATEST}' is no alias that can be set; give one such as {model}@production")
    return found
