"""Model cards: what a version is, in Markdown, made of what the store knows, or kept as somebody wrote it.

The one rule: everything that was not written here is escaped, so that a name is shown as a name whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from holdfast.artifact.inspect import Inspection, inspect_opening
from holdfast.errors import LimitExceeded, quoted
from holdfast.store import catalog as c
from holdfast.store.beside import held, keep
from holdfast.store.database import now
from holdfast.store.lineage import ancestors
from holdfast.store.objects import Record
from holdfast.store.times import shown_time
from holdfast.values import limits
from holdfast.values.manifest import Feature

if TYPE_CHECKING:
    from holdfast.store.store import Store
    from holdfast.store.version import Version

ROWS = 100
"""Rows of a table in a card."""
_MARKUP = re.compile(r"[\\`*_{}\[\]()#!|~$]|^[+-]")  # a list or a line begins with the last two, which are plain elsewhere


def escaped(text: object, limit: int = 300) -> str:
    """Return text from outside as plain text of Markdown, on one line, also inside a table.

    >>> escaped("<b>|*x*")
    '&lt;b&gt;\\\\|\\\\*x\\\\*'
    """
    shown = quoted(" ".join(str(text).split()), limit)
    return _MARKUP.sub(r"\\\g<0>", shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def read(store: Store, version: Version) -> str:
    """Return the card of a version: the one that was kept with it, or else one made now.

    Args:
        store: that it is in.
        version: which.

    Raises:
        Corrupt: the card that was kept is damaged.
        LimitExceeded: it is longer than a card may be; another tool wrote it.
        NotFound: there is no such version, or its card is gone.
    """
    with store.database.reading() as on:
        chosen = sa.select(c.version.c.card).join(c.model, c.model.c.id == c.version.c.model).where(c.model.c.name == version.model, c.version.c.n == version.n)
        kept = on.scalar(chosen)
    if kept is None:
        return generated(store, version)
    return held(store, kept, limits.CARD_BYTES, f"the card of {version}", "write it anew, or take it away with holdfast card --clear").decode("utf-8", "replace")


def write(store: Store, version: Version, text: str, who: str, why: str) -> None:
    """Keep a card with a version; an empty one takes it away, and the one that is made counts again.

    Args:
        store: that it is in.
        version: which.
        text: Markdown.
        who: author.
        why: as given.

    Raises:
        TypeError: it is no text.
        LimitExceeded: it is longer than a card may be.
        NotFound: there is no such version.
    """
    if not isinstance(text, str):
        raise TypeError(f"a card is text, and not {type(text).__name__}")
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) > limits.CARD_BYTES:
        raise LimitExceeded(f"the card takes {len(raw)} bytes, more than {limits.CARD_BYTES} (CARD_BYTES); put figures beside it", file=store.shown)

    def record(blob: str | None) -> Record:
        return Record(version.model, 0, "card", now(), who, why, "", n=version.n, blob=blob)

    if not raw:
        store.journal.write(lambda on, row: record(None), version.model)
        return
    keep(store, version.model, raw, lambda on, row, blob: record(blob), "card")


def generated(store: Store, version: Version) -> str:
    """Return a card made of what the store knows.

    Args:
        store: that it is in.
        version: which.
    """
    with store.open(version) as opening:
        inside = inspect_opening(opening)
    parts = [f"# {escaped(version)}", *([escaped(version.note, 2000)] if version.note else []), _what(version, inside)]
    parts.append(_section("Metrics", ("metric", "value"), version.metrics.items()))
    parts += [_signature(inside), _section("Parameters", ("parameter", "value"), inside.params.items())]
    parts += [_origin(store, version), _loading(version, inside), _limits(inside)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(version: Version, inside: Inspection) -> str:
    saved = f"{shown_time(version.at)} UTC"
    needs = ", ".join(f"{name} {was}" for name, (was, _) in inside.libraries.items())
    facts = {
        "type": version.type, "saved": f"{saved}{f' by {version.who}' if version.who else ''}", "aliases": ", ".join(version.aliases),
        "tags": ", ".join(f"{key}={value}" for key, value in version.tags.items()), "size": f"{version.size:,} bytes", "libraries": f"{needs}; Python {inside.python}" if needs else "",
        "artifact": version.artifact, "content": version.content,
    }  # fmt: skip
    return _table(("", ""), [(name, value) for name, value in facts.items() if value])


def _signature(inside: Inspection) -> str:
    signature = inside.signature
    if signature is None:
        return ""
    parts = []
    if signature.inputs:
        parts.append(f"It takes {'a frame of these columns' if signature.kind == 'frame' else 'rows of this form'}:\n\n{_features((one.name or '', one) for one in signature.inputs)}")
    if signature.outputs:
        parts.append(f"It answers:\n\n{_features(signature.outputs.items())}")
    if signature.classes is not None:
        more = f", and {len(signature.classes) - ROWS} more" if len(signature.classes) > ROWS else ""
        parts.append(f"Labels: {', '.join(escaped(one, 60) for one in signature.classes[:ROWS])}{more}.")
    return "## What it takes and answers\n\n" + "\n\n".join(parts)


def _features(features: Iterable[tuple[str, Feature]]) -> str:
    return _table(("name", "dtype", "shape"), [(name, one.dtype, " x ".join("rows" if n is None else str(n) for n in one.shape)) for name, one in features])


def _origin(store: Store, version: Version) -> str:
    lines = []
    chain = ancestors(store, version)
    if chain:
        lines.append(f"Made of {', which was made of '.join(escaped(one) for one in chain)}.")
    if "commit" in version.code:
        state = {True: ", with changes that were not committed", False: ", without other changes"}.get(version.code.get("dirty", None), "")
        lines.append(f"Code: commit {escaped(version.code['commit'])}{state}.")
    others = {key: value for key, value in version.code.items() if key not in ("commit", "dirty")}
    if others:
        lines.append(_table(("code", ""), list(others.items())))
    if version.data:
        lines.append(f"Data, of which the store keeps the digest alone:\n\n{_table(('data', 'digest'), list(version.data.items()))}")
    return "## Where it comes from\n\n" + "\n\n".join(lines) if lines else ""


def _loading(version: Version, inside: Inspection) -> str:
    trusted = f", trusted={inside.untrusted!r}" if inside.untrusted else ""
    lines = ["import holdfast", "", "store = holdfast.connect(STORE)  # its folder or address", f"model = store.load({str(version)!r}{trusted})"]
    needs = "\n\nLoading asks to trust these names; look at what they are first." if inside.untrusted else ""
    return "## How to load it\n\n" + "\n".join(f"    {quoted(line, 2000)}" for line in lines) + needs


def _limits(inside: Inspection) -> str:
    said = []
    if inside.never:
        said.append(f"It holds what is never loaded: {', '.join(escaped(one) for one in inside.never[:20])}.")
    if inside.training_rows:
        said.append(f"It contains rows that it was trained on, and whoever gets it gets them: {', '.join(escaped(one) for one in inside.training_rows[:20])}.")
    if not inside.has_example:
        said.append("It was saved without an example, so that nothing proves that it answers as it did.")
    said.append("What it is for, what it must not be used for, and on whom it was not tried: nobody has written that here yet.")
    return "## Limits\n\n" + "\n".join(f"- {one}" for one in said)


def _section(title: str, heads: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> str:
    table = _table(heads, list(rows))
    return f"## {title}\n\n{table}" if table else ""


def _table(heads: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    """Return a table of texts from outside; nothing when it has no rows."""
    if not rows:
        return ""
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    lines += [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in rows[:ROWS]]
    if len(rows) > ROWS:
        lines.append(f"| and {len(rows) - ROWS} more |{' |' * (len(heads) - 1)}")
    return "\n".join(lines)
