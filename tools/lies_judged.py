"""What came of the lies that ``lies.py`` tells: what of it is permitted and why, and the page about it.

The one rule: a row speaks of an outcome, of kinds of lies and of attributes, and says how often at most; the first row
that fits is the one that permits. Outcomes in capital letters are never permitted.
"""

from __future__ import annotations

import collections
import fnmatch
import json
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

PERMITTED = Path(__file__).parent / "lies_permitted.toml"


class Result(NamedTuple):
    """What came of one lie, in words that go into JSON."""

    estimator: str
    type: str
    path: str
    attribute: str
    role: str
    lie: str
    detail: str
    before: str
    after: str
    outcome: str
    info: str


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """Outcomes that are permitted, and why.

    Attributes:
        outcome: one of ``same``, ``other``, ``raised`` and ``unsteady``.
        role: of the attribute, ``parameter`` or ``state``.
        lies: which kinds of lies, as patterns.
        reason: why this is harmless, or why nobody can tell it from a genuine model.
        at_most: how often it may come in a run over everything.
        attributes: of which attributes, as names or patterns with spaces between: ``coef_`` of any class, or ``Ridge.coef_``.
        alike: permit it only where the wrong value is of the kind of the true one.
    """

    outcome: str
    role: str
    lies: list[str]
    reason: str
    at_most: int
    attributes: str
    alike: bool = False

    def fits(self, one: Result) -> bool:
        """Tell whether this row speaks of a result."""
        return (
            self.outcome == one.outcome
            and self.role == one.role
            and (not self.alike or one.before == one.after)
            and any(fnmatch.fnmatchcase(one.lie, pattern) for pattern in self.lies)
            and any(_speaks(pattern, one) for pattern in self.attributes.split())
        )


def _speaks(pattern: str, one: Result) -> bool:
    name = one.attribute if "." not in pattern else f"{one.type.rpartition('.')[2]}.{one.attribute}"
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def judged(found: list[Result], rows: list[Row]) -> tuple[list[list[Result]], list[Result]]:
    """Return the results that each row permits, and those that nothing permits."""
    permitted: list[list[Result]] = [[] for _ in rows]
    wrong = []
    for one in found:
        if one.outcome == "refused":
            continue
        number = next((i for i, row in enumerate(rows) if row.fits(one)), None)
        if number is None or one.outcome.isupper() or len(permitted[number]) >= rows[number].at_most:
            wrong.append(one)
        else:
            permitted[number].append(one)
    return permitted, wrong


def tightened(rows: list[Row], permitted: list[list[Result]]) -> list[Row]:
    """Return the rows without what a run over everything did not need."""
    made = []
    for row, used in zip(rows, permitted, strict=True):
        kept = [pattern for pattern in row.attributes.split() if any(_speaks(pattern, one) for one in used)]
        if used:
            made.append(msgspec.structs.replace(row, attributes=" ".join(kept), at_most=len(used)))
    return made


def permitted_rows() -> list[Row]:
    """Return the rows of the file."""
    return msgspec.convert(tomllib.loads(PERMITTED.read_text())["row"], list[Row])


def written(rows: list[Row]) -> str:
    """Return the rows as the text of their file: the first one that speaks of an outcome is the one that permits it."""
    parts = ["# What tools/lies.py permits, and why. The numbers only go down: python tools/lies.py --tighten\n"]
    for row in rows:
        names = textwrap.fill(row.attributes, 126, break_on_hyphens=False)
        lines = [f"{name} = {json.dumps(getattr(row, name), ensure_ascii=False)}" for name in ("outcome", "role", "lies", "reason", "at_most")]
        parts.append("\n".join(["[[row]]", *lines, *(["alike = true"] if row.alike else []), f'attributes = """\n{names}"""\n']))
    return "\n".join(parts)


# -- the report --------------------------------------------------------------------------------------------------------

OUTCOMES = ("refused", "same", "other", "unsteady", "raised")


def table(title: str, groups: dict[str, collections.Counter[str]]) -> list[str]:
    """Return a table of counts in Markdown, with a line for all together."""
    others = sorted({outcome for counts in groups.values() for outcome in counts if outcome.isupper()})
    names = [*OUTCOMES, *others]
    groups = {**groups, "**all**": sum(groups.values(), collections.Counter())}
    lines = [f"| {title} | lies | {' | '.join(names)} |", f"| --- {'| ---: ' * (len(names) + 1)}|"]
    lines += [f"| {name} | {counts.total()} | {' | '.join(str(counts[one]) for one in names)} |" for name, counts in groups.items()]
    return lines


def counted(found: list[Result], of: Callable[[Result], str]) -> dict[str, collections.Counter[str]]:
    """Return how often each outcome came, by a property of the results."""
    groups: dict[str, collections.Counter[str]] = {}
    for one in sorted(found, key=of):
        groups.setdefault(of(one), collections.Counter())[one.outcome] += 1
    return groups


def report(found: list[Result], rows: list[Row], permitted: list[list[Result]], wrong: list[Result], bounds: tuple[float, float, int]) -> str:
    """Return the page about a run over everything; the bounds are the seconds it took, and a child's seconds and bytes."""
    seconds, patience, memory = bounds
    from sklearn import __version__

    estimators = {one.estimator for one in found}
    objects = {(one.estimator, one.type, one.path) for one in found}
    attributes = {(one.estimator, one.type, one.path, one.attribute) for one in found if one.lie != "shadow"}
    lines = [
        "# State that lies",
        "",
        "Made by `python tools/lies.py --write`; do not edit. What may be where is in `tools/lies_permitted.toml`, and",
        "`tests/trust/test_lies.py` runs a part of this with every change and all of it in the long tests.",
        "",
        f"scikit-learn {__version__}: **{len(estimators)} estimators** were fitted, and **{len(found)} lies** told about {len(attributes)} attributes of",
        f"{len(objects)} objects in them, in {seconds / 60:.0f} minutes. Each lie is in a file whose digests and seal hold. A child process with a checked",
        f"heap loads it and asks the model everything it can say about at least 300 rows; it has {patience:.0f} seconds of processor time.",
        "",
        "- **refused**: a typed error while loading. **same**: the genuine answers, to the bit. **other**: other answers, the same",
        "  ones each time. **unsteady**: not the same twice. **raised**: a Python exception when asked.",
        "- Never permitted, and counted here when there is any: SIGNAL (the child was killed), DIED (it ended itself), HANG, MEMORY",
        f"  (it grew by more than {memory // 4 >> 20} MiB), UNTYPED (another error than holdfast's while loading), UNSOUND (a sparse answer that points",
        "  outside itself), GENUINE (the genuine model was refused).",
        "",
        f"Signals: **{sum(one.outcome == 'SIGNAL' for one in found)}**. Hangs: **{sum(one.outcome == 'HANG' for one in found)}**. Not permitted by a row: **{len(wrong)}**.",
        "",
        "Attributes and kinds of lies are complete; nothing is sampled there. Of objects of one class with the same attributes in one",
        "model (the trees of a forest) the first is lied about; of arrays, the first element, one at a third, and the last; of",
        "containers, the first and the last item, two levels down.",
        "",
        "`python tools/lies.py --other 6` tells the same lies about more fits of each class, with other settings and data; what is never",
        "permitted may not come there either.",
        "",
        "## By kind of lie",
        "",
        *table("lie", counted(found, lambda one: one.lie)),
        "",
        "`kind`: another kind of value in its place. `length`: one less, twice, none, along each axis; an axis more or less. `index`: -1,",
        "2**40 (or the most the dtype holds), 2**31-1. `number`: NaN. `swap`: with the next attribute. `swap inside`: two items with each other.",
        "`shadow`: an attribute with the name of a method. `... inside`: the same within a container.",
        "",
        "## By family",
        "",
        *table("sklearn.", counted(found, lambda one: one.estimator.split(".")[1])),
        "",
        "## What is permitted, and why",
        "",
        "| outcome | of | lies | attributes | reason | came | at most |",
        "| --- | --- | --- | --- | --- | ---: | ---: |",
    ]
    for row, used in zip(rows, permitted, strict=True):
        names = row.attributes.split()
        shown = ", ".join(f"`{name}`" for name in names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        alike = ", of the same kind" if row.alike else ""
        lines.append(
            f"| {row.outcome} | {row.role} | {', '.join(row.lies)}{alike} | {shown} | {row.reason} | {len(used)} | {row.at_most} |"
        )
    if wrong:
        lines += ["", "## Not permitted", "", *(f"- {line(one)}" for one in wrong[:200])]
    return "\n".join(lines) + "\n"


def line(one: Result) -> str:
    """Return a result in one line."""
    place = f"{one.estimator.rpartition('.')[2]}{f' {one.path}' if one.path else ''} ({one.type.rpartition('.')[2]})"
    return f"{one.outcome}: {place}.{one.attribute}: {one.lie} {one.detail}: {one.before} -> {one.after or 'gone'}: {one.info[:160]}"
