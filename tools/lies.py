"""State that lies: is every wrong state of every estimator refused, or harmless?

What it does. Each estimator of ``holdfast.testing.zoo`` is fitted, and the attributes of what came out are read from it,
and from one object of each class inside it: trees, predictors, sparse matrices, metrics, inner estimators. For each
attribute a generator makes lies (``lies_about.py``). Each is written into a file whose digests and seal hold, and a forked
child, whose heap is checked, loads the file and asks the model everything it can say. What came of it is counted.

What is allowed is a refusal by a `HoldfastError` while loading, or an outcome that a row of ``lies_permitted.toml``
permits with a reason, and no more often than the row says: the numbers only go down (``--tighten``). Outcomes in capital
letters, such as a signal, a hang or an untyped error while loading, cannot be permitted.

The one rule: an outcome that no row permits fails the run.

Run: python tools/lies.py [--only NAME ...] [--every N] [--tighten] [--write]
"""

from __future__ import annotations

import argparse
import collections
import fnmatch
import json
import os
import resource
import signal
import sys
import textwrap
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import msgspec
import numpy as np
from lies_about import Fields, Liar, Lie, lies_of, places

from holdfast.artifact.load import open_buffer
from holdfast.artifact.pack import Encoded, sections, write_sections
from holdfast.artifact.save import Prepared, prepare
from holdfast.errors import HoldfastError
from holdfast.native.codec import encode_tree
from holdfast.testing import zoo
from holdfast.trust.plan import UNCHECKED

ROOT = Path(__file__).parent.parent
PERMITTED = ROOT / "tools" / "lies_permitted.toml"
REPORT = ROOT / "docs" / "lies.md"
PATIENCE = 10.0
"""Seconds of processor time a child has for one lie; by the clock it has twelve times that, as a machine may be busy."""
MEMORY = 1 << 30
"""Bytes of address space that a child may take beyond what it is born with."""

SURROUNDINGS = {
    # A C library that ends the process when somebody wrote behind the memory he was given; without it most of that goes unseen.
    "LD_PRELOAD": "libc_malloc_debug.so.0",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    # Forked children and thread pools do not go together.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
"""What has to stand in the environment before Python starts."""


# -- files and children ------------------------------------------------------------------------------------------------


def forge(ready: Prepared, lie: Lie | None) -> bytes:
    """Return a whole file, sealed, with the lie in it."""
    liar = Liar(lie.place.number, lie.make) if lie is not None else Liar()
    dumped = liar.run(ready.model, "")
    content = Encoded(dumped, encode_tree(dumped.tree))
    manifest = msgspec.structs.replace(ready.manifest, content=content.part(), types=dumped.types, functions=dumped.functions)
    parts: list[Any] = []
    write_sections(sections(content, None, False), manifest, parts.extend)
    return b"".join(parts)


def outcome_of(blob: bytes, X: Any, genuine: Fields) -> tuple[str, str]:
    """Return what came of loading a file and asking its model: a word, and what there is to say."""
    _fill[0] = _FILLS[0]
    try:
        with open_buffer(blob) as opening:
            model = opening.load()
    except HoldfastError as error:
        # What a check tripped over is refused as well, but somebody should have thought of it.
        return ("UNTYPED", str(error)[:200]) if UNCHECKED in str(error) else ("refused", type(error).__name__)
    except Exception as error:
        return "UNTYPED", f"{type(error).__name__}: {error}"[:200]
    said = _said(model, X)
    broken = [method for method, answer in said.items() if not _sound(answer)]
    if broken:
        return "UNSOUND", ", ".join(broken)
    wrong = {m: said.get(m) for m in {**genuine, **said} if m not in said or m not in genuine or not zoo.equal(said[m], genuine[m])}
    raised = {m: v for m, v in wrong.items() if isinstance(v, str)}
    if raised:
        return "raised", ", ".join(f"{m}: {v}" for m, v in raised.items())
    if not wrong:
        return "same", ""
    _fill[0] = _FILLS[1]
    with open_buffer(blob) as opening:
        again = _said(opening.load(), X)
    # A model that does not say the same twice draws at random, or reads memory that is not its own.
    return "other" if all(zoo.equal(again.get(m), v) for m, v in said.items()) else "unsteady", ", ".join(wrong)


_FILLS = (0x55, 0xAA)
_fill = [_FILLS[0]]


def _filled(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return numpy's maker of arrays that are not written to, with something in them: a model that leaves it there tells on itself."""

    def made(*args: Any, **settings: Any) -> Any:
        array = make(*args, **settings)
        if type(array) is np.ndarray and array.dtype.kind in "iufcb" and array.flags.writeable:
            array.view(np.uint8 if array.flags.c_contiguous and array.ndim else array.dtype)[...] = _fill[0]
        return array

    return made


def _said(model: Any, X: Any) -> Fields:
    with joblib.parallel_config(backend="threading"):  # to start seven processes for one lie takes longer than all else
        return zoo.answers(model, X)


def _sound(answer: Any) -> bool:
    """Tell whether a sparse matrix points only into itself: whoever computes with one that does not is the one to crash."""
    if not hasattr(answer, "check_format"):
        return True
    try:
        answer.check_format(full_check=True)
    except ValueError:
        return False
    return True


def many(X: Any) -> Any:
    """Return the rows repeated. numpy never gives memory under a kilobyte back, so only beyond is an overflow noticed."""
    times = -(-300 // len(X)) if not hasattr(X, "shape") else -(-300 // X.shape[0])
    if hasattr(X, "iloc"):
        return X.iloc[list(range(len(X))) * times]
    if hasattr(X, "tocsr"):
        return X.tocsr()[list(range(X.shape[0])) * times].asformat(X.format)
    return np.concatenate([X] * times) if isinstance(X, np.ndarray) else type(X)(list(X) * times)


def children(ready: Prepared, X: Any, genuine: Fields, lies: list[Lie]) -> Iterator[tuple[Lie, str, str]]:
    """Yield each lie with its outcome. A child works them off; when one ends it, another goes on behind that one."""
    done = 0
    while done < len(lies):
        for number, outcome, info in _child(ready, X, genuine, lies, range(done, len(lies))):
            done = number + 1
            if outcome in ("SIGNAL", "DIED", "HANG"):
                # Is it this lie, or what an earlier one left behind in the child?
                alone = next(iter(_child(ready, X, genuine, lies, range(number, number + 1))))
                info = f"{info}; alone: {alone[1]} {alone[2]}"
            yield lies[number], outcome, info


def _child(ready: Prepared, X: Any, genuine: Fields, lies: list[Lie], numbers: range) -> Iterator[tuple[int, str, str]]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _work(writer, ready, X, genuine, lies, numbers)
    os.close(writer)
    last = numbers.start - 1
    with os.fdopen(reader, "rb") as lines:
        for line in lines:
            last, outcome, info = json.loads(line)
            yield last, outcome, info
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code and last + 1 < numbers.stop:
        ended = "SIGNAL" if code < 0 else "DIED"
        yield last + 1, "HANG" if -code in (signal.SIGPROF, signal.SIGALRM) else ended, f"exit status {code}"


def _work(writer: int, ready: Prepared, X: Any, genuine: Fields, lies: list[Lie], numbers: range) -> None:
    """Be the child: no line of this returns."""
    code = 70
    try:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        # The default actions end the process, even inside C code that never comes back to Python.
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        np.empty, np.empty_like = _filled(np.empty), _filled(np.empty_like)
        born = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in numbers:
            blob = forge(ready, lies[number])
            signal.setitimer(signal.ITIMER_PROF, PATIENCE)
            signal.setitimer(signal.ITIMER_REAL, 12 * PATIENCE)
            outcome, info = outcome_of(blob, X, genuine)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - born
            if grown << 10 > MEMORY // 4:
                outcome, info = "MEMORY", f"grew by {grown >> 10} MiB; {info}"
            os.write(writer, json.dumps([number, outcome, info]).encode() + b"\n")
            if outcome == "MEMORY":
                break  # a process does not shrink again; another child goes on
        code = 0
    finally:
        os._exit(code)


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


def asked(ready: Prepared, X: Any) -> tuple[Any, Fields]:
    """Return the rows to ask about and the genuine answers: the rows repeated, where the model takes any number of rows."""
    blob = forge(ready, None)
    found = []
    for rows in (X, many(X)):
        with open_buffer(blob) as opening:
            found.append((rows, _said(opening.load(), rows)))
    few, more = ([m for m, said in answers.items() if isinstance(said, str)] for _, answers in found)
    return found[more == few]


def results(estimator: str, model: Any, X: Any, every: int = 1) -> Iterator[Result]:
    """Yield what comes of each lie about a fitted estimator, or of each so-manieth."""
    ready = prepare(model)
    try:
        rows, genuine = asked(ready, X)
    except HoldfastError as error:
        yield Result(estimator, estimator, "", "", "", "", "", "", "", "GENUINE", f"the genuine one is refused: {error}")
        return
    told = [lie for place in places(model) for lie in lies_of(place)][::every]
    for lie, outcome, info in children(ready, rows, genuine, told):
        place = lie.place
        yield Result(estimator, place.type, place.path, lie.attribute, lie.role, lie.kind, lie.detail, lie.before, lie.after, outcome, info)


# -- what is permitted -------------------------------------------------------------------------------------------------


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


def report(found: list[Result], rows: list[Row], permitted: list[list[Result]], wrong: list[Result], seconds: float) -> str:
    """Return the page about a run over everything."""
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
        f"heap loads it and asks the model everything it can say about at least 300 rows; it has {PATIENCE:.0f} seconds of processor time.",
        "",
        "- **refused**: a typed error while loading. **same**: the genuine answers, to the bit. **other**: other answers, the same",
        "  ones each time. **unsteady**: not the same twice. **raised**: a Python exception when asked.",
        "- Never permitted, and counted here when there is any: SIGNAL (the child was killed), DIED (it ended itself), HANG, MEMORY",
        f"  (it grew by more than {MEMORY // 4 >> 20} MiB), UNTYPED (another error than holdfast's while loading), UNSOUND (a sparse answer that points",
        "  outside itself), GENUINE (the genuine model was refused).",
        "",
        f"Signals: **{sum(one.outcome == 'SIGNAL' for one in found)}**. Hangs: **{sum(one.outcome == 'HANG' for one in found)}**. Not permitted by a row: **{len(wrong)}**.",
        "",
        "Attributes and kinds of lies are complete; nothing is sampled there. Of objects of one class with the same attributes in one",
        "model (the trees of a forest) the first is lied about; of arrays, the first element, one at a third, and the last; of",
        "containers, the first and the last item, two levels down.",
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


def main() -> int:
    """Run, report, and say whether everything was refused or permitted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="class names of estimators")
    parser.add_argument("--every", type=int, default=1, help="tell only each so-manieth lie")
    parser.add_argument("--out", type=Path, help="write every result there, a line of JSON each")
    parser.add_argument("--write", action="store_true", help="write docs/lies.md")
    parser.add_argument("--tighten", action="store_true", help="lower what is permitted to what came")
    given = parser.parse_args()
    if (given.write or given.tighten) and (given.only or given.every > 1):
        parser.error("only a run over everything can be written down")
    warnings.simplefilter("ignore")
    began = time.monotonic()
    if given.out:
        given.out.write_text("")
    found: list[Result] = []
    chosen = [specimen for name in given.only for specimen in zoo.specimens(name)] if given.only else zoo.specimens()
    for specimen in chosen:
        started = time.monotonic()
        mine = list(results(specimen.name, specimen.model, specimen.X, given.every))
        found += mine
        if given.out:
            with given.out.open("a") as lines:
                lines.writelines(json.dumps(one) + "\n" for one in mine)
        counts = collections.Counter(one.outcome for one in mine)
        print(f"{specimen.name}: {dict(counts)} {time.monotonic() - started:.1f} s", flush=True)
    rows = permitted_rows()
    permitted, wrong = judged(found, rows)
    if given.tighten:
        rows = tightened(rows, permitted)
        PERMITTED.write_text(written(rows))
        permitted, wrong = judged(found, rows)
    if given.write:
        REPORT.write_text(report(found, rows, permitted, wrong, time.monotonic() - began))
    for one in wrong[:60]:
        print(line(one))
    print(
        f"{len(found)} lies, {sum(one.outcome == 'refused' for one in found)} refused, {len(wrong)} not permitted, {time.monotonic() - began:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    if not SURROUNDINGS.items() <= os.environ.items():
        os.environ.update(SURROUNDINGS)
        os.execv(sys.executable, [sys.executable, *sys.argv])
    sys.exit(main())
