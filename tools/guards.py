"""Take every guard away in turn, and see a test fail: ``python tools/guards.py``.

A guard that no test misses may be dead code already. Each line of ``guarded.GUARDS`` names a check in the sources, the exact text of
it, the text without it, and the tests that have to fail then. The sources are copied to a temporary folder, one guard is taken
out of the copy, and its tests run against the copy; those that failed have to pass against the untouched copy.

Beside those, every ``if`` in the modules of ``guarded.MODULES`` that does nothing but refuse is found by itself, and taken away in turn
too: some test of its module's files has to fail.

Written: ``docs/guards.md``, which is read too: the test that missed a guard the last time is tried first. For those that are left, one run of all tests of
their modules says which tests come to them, and these are tried.

Exit code 1: a guard was not found in the sources, its tests do not pass as it is, or none of
them fails without it and ``SECOND`` does not say why.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

from guarded import GUARDS, MODULES, SECOND, SOURCES, Guard
from warm import Warm

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guards.md"
T = TypeVar("T")
R = TypeVar("R")


def refusals(file: str) -> list[Guard]:
    """Return every ``if`` of a module that does nothing but refuse. Its condition is still asked when it is taken away: what asking does is not the guard's."""
    text = (SOURCES / "holdfast" / file).read_text()
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.If) and len(node.body) == 1 and not node.orelse and _refuses(node.body[0]):
            condition = ast.get_source_segment(text, node.test) or ""
            # the number of its line before it, since the same condition may stand in several places
            found.append(Guard(" ".join(condition.split()), file, f"{node.test.lineno}\0{condition}", f"(({condition}) and False)", MODULES[file]))
    return sorted(found, key=lambda guard: int(guard.old.partition("\0")[0]))


def _refuses(body: ast.stmt) -> bool:
    if isinstance(body, ast.Raise):
        return True
    call = body.value if isinstance(body, ast.Expr) else None
    name = getattr(call.func, "id", getattr(call.func, "attr", "")) if isinstance(call, ast.Call) else ""
    return name.lstrip("_").startswith("refuse")


def without(guard: Guard, text: str) -> str | None:
    """Return a module without a guard, or None when the guard is not there exactly once."""
    number, mark, old = guard.old.partition("\0")
    if not mark:
        return text.replace(guard.old, guard.new) if text.count(guard.old) == 1 else None
    lines = text.splitlines(keepends=True)
    before, after = "".join(lines[: int(number) - 1]), "".join(lines[int(number) - 1 :])
    return before + after.replace(old, guard.new, 1) if old in after else None


class Result(NamedTuple):
    """What came of one guard: a problem, or the test that misses it, or neither where ``SECOND`` says why there is no such test."""

    guard: Guard
    problem: str
    failed: str


def copied(folder: str) -> Path:
    """Return a copy of the project, without what is made in it: with a guard taken away, a test may write wherever it runs."""
    target = Path(folder) / "project"
    shutil.copytree(ROOT, target, ignore=lambda place, names: [one for one in names if one == "__pycache__" or (place == str(ROOT) and one.startswith(".") and one != ".ci")])
    return target


def try_guard(guard: Guard, warm: Warm, tests: list[str]) -> Result:
    """Take one guard away and see what some tests say."""
    path = warm.project / "src" / "holdfast" / guard.file
    text = path.read_text()
    changed = without(guard, text)
    if changed is None:
        return Result(guard, f"its text is not once in {guard.file}", "")
    try:
        warm.write(path, changed)
        ran = warm.run(tests, first=True)
    finally:
        warm.write(path, text)
    if ran.failed and ran.code in (1, -1):
        return Result(guard, "", ran.failed[0])
    return Result(guard, MISSED if ran.code in (0, 1, 4) else f"the tests did not run without it (exit code {ran.code}): {ran.said}", "")


MISSED = "no test fails without it"
REACHED = """
import os
def reached(number):
    try:
        with open({log!r}, "a") as log:
            log.write(f"{{number}} {{os.environ.get('PYTEST_CURRENT_TEST', '').rpartition(' ')[0]}}\\n")
    except OSError:
        pass
    return True
"""


def reaching(guards: list[Guard], warms: list[Warm]) -> dict[Guard, list[str]]:
    """Return the tests that come to some refusals, by one run of all tests of their modules. A refusal that no test comes to is one that no test can miss."""
    logs = [warm.project.parent / "reached" for warm in warms]
    places: dict[str, list[tuple[int, Guard]]] = {}
    for number, guard in enumerate(guards):
        places.setdefault(guard.file, []).append((number, guard))
    changed = []
    for warm, log in zip(warms, logs, strict=True):
        log.write_text("")
        (warm.project / "src" / "holdfast" / "reached.py").write_text(REACHED.format(log=str(log)))
        for file, found in places.items():
            path = warm.project / "src" / "holdfast" / file
            changed.append((warm, path, path.read_text()))
            text = changed[-1][-1]
            # from the last to the first, so that the numbers of lines stay true
            for number, guard in reversed(found):
                condition = guard.old.partition("\0")[2]
                text = without(guard._replace(new=f"(({condition}) and __import__('holdfast.reached', fromlist=['reached']).reached({number}))"), text) or text
            warm.write(path, text)
    try:
        share(warms, dict.fromkeys(test for guard in guards for test in guard.tests), lambda test, warm: warm.run([test]))
    finally:
        for warm, path, text in changed:
            warm.write(path, text)
    tests: dict[Guard, list[str]] = {}
    for line in "".join(log.read_text() for log in logs).splitlines():
        number, _, test = line.partition(" ")
        own = tests.setdefault(guards[int(number)], [])
        if test and test not in own:
            own.append(test)
    return tests


def table(results: list[Result]) -> str:
    """Return the page: one line a guard."""
    own = [one for one in results if _found(one.guard)]
    missed = sum(bool(one.failed) for one in own)
    lines = [
        "# Guards, and the test that misses each",
        "",
        "Made by `python tools/guards.py`, which takes every guard out of a copy of the sources in turn and runs the test that stands here; where that one",
        "does not fail, those that come to the guard.",
        "",
        "| what holds | where | the test that fails without it |",
        "| --- | --- | --- |",
        *(_row(one.guard.what, one) for one in results if not _found(one.guard)),
        "",
        "## Every refusal in these modules",
        "",
        f"Each `if` that does nothing but refuse: {len(own)} of them, {missed} missed by a test when taken away.",
        "",
        "| taken away | where | a test that fails without it |",
        "| --- | --- | --- |",
        *(_row(f"`{one.guard.what}`", one) for one in own),
    ]
    return "\n".join(lines) + "\n"


def _found(guard: Guard) -> bool:
    return "\0" in guard.old


def _row(what: str, one: Result) -> str:
    said = f"`{one.failed}`" if one.failed else SECOND.get((one.guard.file, one.guard.what)) or f"**{one.problem}**"
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (what, f"`{one.guard.file}`", said)) + " |"


def remembered() -> dict[tuple[str, str], list[str]]:
    """Return (module, condition) -> the tests that missed it, as the page has them."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in PAGE.read_text().splitlines() if PAGE.exists() else ():
        cells = [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |"))]
        if len(cells) == 3 and cells[2].startswith("`tests/"):
            found.setdefault((cells[1].strip("`"), cells[0].removeprefix("`").removesuffix("`")), []).append(cells[2].strip("`"))
    return found


def _as_it_was(guard: Guard, known: dict[tuple[str, str], list[str]]) -> Result:
    """Return what the page has of a guard that is not tried now."""
    tests = list(guard.tests) if not _found(guard) else known.get((guard.file, guard.what), [])
    return Result(guard, "" if tests else "not tried", tests.pop(0) if tests else "")


def share(warms: list[Warm], work: Iterable[T], do: Callable[[T, Warm], R]) -> list[R]:
    """Do all work, each piece in a process that is idle."""
    idle: SimpleQueue[Warm] = SimpleQueue()
    for warm in warms:
        idle.put(warm)

    def one(piece: T) -> R:
        warm = idle.get()
        try:
            return do(piece, warm)
        finally:
            idle.put(warm)

    with ThreadPoolExecutor(len(warms)) as pool:
        return list(pool.map(one, work))


def sick(tests: set[str], warms: list[Warm]) -> dict[str, str]:
    """Return the tests that fail although no guard is taken away -> what is said of them. Such a test misses nothing."""
    files: dict[str, list[str]] = {}
    for test in sorted(tests):
        files.setdefault(test.partition("::")[0], []).append(test)

    def run(tests: list[str], warm: Warm) -> dict[str, str]:
        ran = warm.run(tests)
        return dict.fromkeys(tests if ran.code not in (0, 1) else ran.failed, ran.said)

    return {test: said for found in share(warms, files.values(), run) for test, said in found.items()}


def main() -> int:
    """Try all guards, or those whose line holds a word."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="try only guards whose file or text holds this, and leave the other lines of the page as they are")
    parser.add_argument("--fresh", action="store_true", help="forget which test missed a guard the last time, and try those too that SECOND has a reason for")
    arguments = parser.parse_args()
    every = [*GUARDS, *(guard for file in MODULES for guard in refusals(file))]
    chosen = [guard for guard in every if arguments.only in f"{guard.file} {guard.what}"]
    known = remembered()

    def told(result: Result) -> Result:
        sys.stdout.write(f"{'MISS' if result.problem else 'ok  '} {result.guard.file} {result.guard.what}{': ' if result.problem else ''}{result.problem}\n")
        sys.stdout.flush()
        return result

    def attempt(guard: Guard, warm: Warm) -> Result:
        key = (guard.file, guard.what)
        if not _found(guard):
            return told(try_guard(guard, warm, list(guard.tests)))
        if key in SECOND and not arguments.fresh:
            return Result(guard, "", "")
        tests = [] if arguments.fresh else known.get(key, [])
        result = try_guard(guard, warm, tests) if tests else Result(guard, MISSED, "")
        return result if result.problem else told(result)

    def again(guard: Guard, warm: Warm) -> Result:
        # a test on PostgreSQL starts a server
        tests = sorted(reached.get(guard, []), key=lambda test: "postgresql" in test)
        if not tests:
            return told(Result(guard, "no test comes to it", ""))
        # the first ones by themselves, for nearly always one of them fails
        result = try_guard(guard, warm, tests[:3])
        return told(try_guard(guard, warm, tests[3:40]) if result.problem and tests[3:] else result)

    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        warms = [Warm(copied(folder)) for folder in (first, second)]
        try:
            tried = share(warms, chosen, attempt)
            missed = [one.guard for one in tried if one.problem and _found(one.guard)]
            reached = reaching(missed, warms)
            found = {one.guard: one for one in (*tried, *share(warms, missed, again))}
            tried = [found[one.guard] for one in tried]
            ill = sick({one.failed for one in tried if one.failed}, warms)
        finally:
            for warm in warms:
                warm.close()
    tried = [one._replace(problem=f"its test does not pass as it is: {one.failed}", failed="") if one.failed in ill else one for one in tried]
    left = [one for one in tried if one.problem and (one.guard.file, one.guard.what) not in SECOND]
    found = {one.guard: one for one in tried}
    PAGE.write_text(table([found.get(guard) or _as_it_was(guard, known) for guard in every]))
    sys.stdout.write("".join(f"{test} does not pass as it is: {said}\n" for test, said in ill.items()))
    sys.stdout.write("".join(f"MISS {one.guard.file} {one.guard.what}: {one.problem}\n" for one in left))
    sys.stdout.write(f"{len(tried) - len(left)} of {len(tried)} guards are missed by a test when they are taken away, or have a reason\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
