"""What a store finds and lists: versions by what they are called, pages of them, and the history.

The one rule: nothing here reads an object; the catalog answers alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from holdfast.errors import NotFound
from holdfast.store import catalog as c
from holdfast.store.database import Database
from holdfast.store.version import Moved, Page, Version
from holdfast.values.reference import LATEST, Reference, checked_name, reference


def _versions(chosen: Any) -> Any:
    v, a = c.version.c, c.artifact.c
    wanted = sa.select(c.model.c.name, v.model, v.n, v.artifact, v.at, v.who, v.note, v.parent, v.data, v.code, a.content, a.type, a.size)
    return wanted.join_from(c.version, c.artifact).join(c.model, c.model.c.id == v.model).where(chosen(v.model, v.n))


def _said(chosen: Any) -> Any:
    """Ask for metrics, tags and aliases at once: a database elsewhere takes longer to be asked than to answer."""
    m, t, a = c.metric.c, c.tag.c, c.alias.c
    parts = (
        sa.select(sa.literal_column("0").label("what"), m.model, m.n, m.key, m.number, m.text).where(chosen(m.model, m.n)),
        sa.select(sa.literal_column("1"), t.model, t.n, t.key, sa.null(), t.value).where(chosen(t.model, t.n)),
        sa.select(sa.literal_column("2"), a.model, a.n, a.name, sa.null(), sa.null()).where(chosen(a.model, a.n)),
    )
    return sa.union_all(*parts).order_by("what", "key")


def _one(model: Any, n: Any) -> Any:
    return sa.and_(model == sa.bindparam("model"), n == sa.bindparam("n"))


_POINTED = (
    sa.select(c.model.c.id, c.model.c.latest, c.alias.c.n)
    .join_from(c.model, c.alias, sa.and_(c.alias.c.model == c.model.c.id, c.alias.c.name == sa.bindparam("alias")), isouter=True)
    .where(c.model.c.name == sa.bindparam("model"))
)
_ONE_VERSION, _ONE_SAID = _versions(_one), _said(_one)


class Listing:
    """The part of a store that asks the catalog."""

    database: Database
    shown: str

    def find(self, ref: str | Version) -> Version:
        """Return the version that a reference names."""
        if isinstance(ref, Version):
            return ref
        wanted = reference(ref)
        with self.database.reading() as on:
            return self._find(on, wanted)

    __getitem__ = find

    def _find(self, on: Any, wanted: Reference) -> Version:
        model = on.execute(_POINTED, {"model": wanted.model, "alias": wanted.alias or ""}).one_or_none()
        if model is None:
            raise NotFound(f"there is no model {wanted.model!r}{self._near(on, wanted.model)}", file=self.shown)
        n = wanted.number
        if wanted.alias == LATEST:
            n = model.latest
        elif wanted.alias is not None:
            n = model.n
        if n is None or wanted == Reference(wanted.model):
            aliases = on.execute(sa.select(c.alias.c.name, c.alias.c.n).where(c.alias.c.model == model.id).order_by(c.alias.c.name)).all()
            known = ", ".join([f"{wanted.model}@{row.name} (:{row.n})" for row in aliases[:10]] + ([f"{wanted.model}@latest (:{model.latest})"] if model.latest else []))
            said = f"{wanted} names no version" if wanted.alias is None else f"there is no alias {wanted}"
            meant = f"; the version is written {wanted.model}:{wanted.alias}" if (wanted.alias or "").isdecimal() else ""
            raise NotFound(f"{said}{meant}; there are {known or 'no versions'}", file=self.shown)
        return self._read(on, model.id, wanted.model, n)

    def _read(self, on: Any, model: int, name: str, n: int) -> Version:
        found = self._read_many(on, [(model, n)])
        if not found:
            latest = on.scalar(sa.select(c.model.c.latest).where(c.model.c.id == model))
            e = c.event.c
            gone = on.scalar(sa.select(e.seq).where(e.model == model, e.kind == "delete", e.n == n).limit(1)) is not None
            why = " any more: it was deleted, as holdfast log tells" if gone else ""
            raise NotFound(f"there is no version {name}:{n}{why}; {f'the latest is {name}:{latest}' if latest else f'{name} has no versions'}", file=self.shown)
        return found[0]

    def _read_many(self, on: Any, wanted: list[tuple[int, int]]) -> list[Version]:
        """Return versions in the order in which they are wanted, in two questions for each 300."""
        rows: dict[tuple[int, int], Any] = {}
        said: dict[tuple[int, int], tuple[dict[str, Any], dict[str, str], list[str]]] = {}
        for start in range(0, len(wanted), 300):
            some = wanted[start : start + 300]
            if len(some) == 1:
                ask: list[Any] = [(one, {"model": some[0][0], "n": some[0][1]}) for one in (_ONE_VERSION, _ONE_SAID)]
            else:
                ask = [(make(lambda model, n, some=some: c.these(on, model, n, some)), {}) for make in (_versions, _said)]
            rows.update({(row.model, row.n): row for row in on.execute(*ask[0])})
            for what, model, n, key, number, text in on.execute(*ask[1]):
                metrics, tags, aliases = said.setdefault((model, n), ({}, {}, []))
                if what == 0:
                    metrics[key] = text if number is None else number
                elif what == 1:
                    tags[key] = text
                else:
                    aliases.append(key)
        found = []
        for key_ in wanted:
            if (row := rows.get(key_)) is not None:
                metrics, tags, aliases = said.get(key_, ({}, {}, []))
                found.append(Version(
                    row.name, row.n, row.artifact, row.content, row.type, row.size, row.at, row.who, row.note, row.parent, metrics, tags, tuple(aliases),
                    json.loads(row.data), json.loads(row.code),
                )._of(self))  # fmt: skip
        return found

    def _version(self, name: str, n: int) -> Version:
        with self.database.reading() as on:
            return self._find(on, Reference(name, n))

    def _near(self, on: Any, name: str) -> str:
        names = on.scalars(sa.select(c.model.c.name).where(c.model.c.latest.is_not(None)).order_by(c.model.c.changed.desc()).limit(8)).all()
        return f"; there are {', '.join(sorted(names))}" if names else "; the store is empty"

    def models(self, *, limit: int = 100, after: str | None = None) -> list[str]:
        """Return the names of models that have versions, in order, a page at a time.

        Args:
            limit: names of a page.
            after: the last name of the page before.
        """
        of = c.model.c
        wanted = sa.select(of.name).where(of.latest.is_not(None)).order_by(of.name).limit(_page(limit))
        with self.database.reading() as on:
            return list(on.scalars(wanted if after is None else wanted.where(of.name > after)))

    def versions(self, name: str, *, limit: int = 100, before: int | None = None) -> list[Version]:
        """Return versions of a model, the newest first, a page at a time.

        Args:
            name: the model's name.
            limit: versions of a page.
            before: the number of the last version of the page before.

        Raises:
            NotFound: there is no such model.
        """
        with self.database.reading() as on:
            model = self._model(on, checked_name(name))
            v = c.version.c
            wanted = sa.select(v.model, v.n).where(v.model == model).order_by(v.n.desc()).limit(_page(limit))
            return self._read_many(on, [tuple(row) for row in on.execute(wanted if before is None else wanted.where(v.n < before))])

    def numbered(self, name: str, numbers: Iterable[int]) -> list[Version]:
        """Return the versions of a model that have these numbers, the smallest first; those that are not there are left out.

        Raises:
            NotFound: there is no such model.
        """
        with self.database.reading() as on:
            model = self._model(on, checked_name(name))
            return self._read_many(on, [(model, n) for n in sorted(set(numbers))])

    def next_number(self, name: str) -> int:
        """Return the number that the next version of a name will have, if nobody saves one before."""
        with self.database.reading() as on:
            return on.scalar(sa.select(c.model.c.next_number).where(c.model.c.name == checked_name(name))) or 1

    def search(self, query: str = "", *, order: str = "at desc", limit: int = 50, after: str | None = None) -> Page:
        """Find versions of all models, a page at a time.

        Args:
            query: such as ``"metrics.auc > 0.9 and tags.team = 'risk'"``; the language is in ``docs/store.md``. All versions when it is empty.
            order: a field, and ``desc`` for the largest first. Versions that have no such metric or tag come last.
            limit: versions of a page, at most 1000.
            after: the cursor of the page before.

        Returns:
            A list of versions, whose ``after`` is the cursor of the next page, or None.

        Raises:
            InvalidQuery: it is no question; shows where. Or the cursor is none, or of another question.
        """
        from holdfast.store.search import asked

        wanted = asked(query, order, limit, after)
        with self.database.reading() as on:
            found, cursor = wanted.page(on)
            return Page(self._read_many(on, found), cursor)

    def history(self, ref: str, *, limit: int = 100, before: int | None = None) -> list[Moved]:
        """Return what was changed of a model, or of one alias of it: who, when, why, from where, to where; the newest first.

        Args:
            ref: a model such as ``churn``, or an alias such as ``churn@production``.
            limit: entries of a page.
            before: ``seq`` of the last entry of the page before.

        Raises:
            NotFound: there is no such model, or never was such an alias or version.
        """
        wanted = reference(ref)
        with self.database.reading() as on:
            model = self._model(on, wanted.model)
            e = c.event.c
            chosen = sa.select(e.seq, e.kind, e.at, e.who, e.why, e.n, e.alias, e.old, e.new, e.key, e.value).where(e.model == model).order_by(e.seq.desc()).limit(_page(limit))
            if wanted.alias is not None:
                chosen = chosen.where(e.alias == wanted.alias)
            if wanted.number is not None:
                chosen = chosen.where(sa.or_(e.n == wanted.number, e.old == wanted.number, e.new == wanted.number))
            if before is not None:
                chosen = chosen.where(e.seq < before)
            found = [Moved(*row) for row in on.execute(chosen)]
            if not found and before is None and wanted != Reference(wanted.model):
                self._find(on, wanted)  # nothing was ever said of it: is it there at all?
            return found

    def _model(self, on: Any, name: str) -> int:
        found = on.scalar(sa.select(c.model.c.id).where(c.model.c.name == name))
        if found is None:
            raise NotFound(f"there is no model {name!r}{self._near(on, name)}", file=self.shown)
        return int(found)


def _page(limit: Any) -> int:
    """Return the length of a page; a negative one would be everything on SQLite, and an error on PostgreSQL."""
    if not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit={limit!r} is no number of a page; give 1 or more")
    return limit
