"""State that lies: is every wrong state of every estimator refused, or harmless?

What it does. Each estimator of ``holdfast.testing.zoo`` is fitted, and the attributes of what came out are read from it,
and from one object of each class inside it: trees, predictors, sparse matrices, metrics, inner estimators. For each
attribute a generator makes lies (``lies_about.py``). Each is written into a file whose digests and seal hold, and a forked
child, whose heap is checked, loads the file and asks the model everything it can say. What came of it is counted.

What is allowed is a refusal by a `HoldfastError` while loading, or an outcome that a row of ``lies_permitted.toml``
permits with a reason, and no more often than the row says: the numbers only go down (``--tighten``). Outcomes in capital
letters, such as a signal, a hang or an untyped error while loading, cannot be permitted.

The one rule: an outcome that no row permits fails the run.

Run: python tools/lies.py [--only NAME ...] [--every N] [--other N] [--tighten] [--write]
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
from lies_about import Fields, Liar, Lie, kind_of, lies_of, places
from lies_judged import PERMITTED, Result, judged, line, permitted_rows, report, tightened, written

from holdfast.artifact.load import open_buffer
from holdfast.artifact.pack import Encoded, sections, write_sections
from holdfast.artifact.save import Prepared, prepare
from holdfast.errors import HoldfastError
from holdfast.native.codec import encode_tree
from holdfast.testing import zoo
from holdfast.trust.plan import UNCHECKED

ROOT = Path(__file__).parent.parent
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
    # one after the other: threads add up in the order in which they end, and to start seven processes takes longer than all else
    with joblib.parallel_config(backend="sequential"):
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


def others(names: list[str], count: int) -> Iterator[zoo.Specimen]:
    """Yield more fits of each class, each with attributes of other kinds than the ones before it."""
    for cls in [cls for name in names for cls in zoo.chosen(name)] or zoo.estimator_classes():
        seen: set[Any] = set()
        for specimen in zoo.variants(zoo.qualified(cls)):
            kinds = tuple((name, kind_of(value)) for name, value in vars(specimen.model).items() if name.endswith("_") or name.startswith("_"))
            if kinds not in seen:
                seen.add(kinds)
                yield specimen
                if len(seen) == count:
                    break


def main() -> int:
    """Run, report, and say whether everything was refused or permitted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="class names of estimators")
    parser.add_argument("--every", type=int, default=1, help="tell only each so-manieth lie")
    parser.add_argument("--other", type=int, default=0, metavar="N", help="lie about N more fits of each class, with other settings and data")
    parser.add_argument("--out", type=Path, help="write every result there, a line of JSON each")
    parser.add_argument("--write", action="store_true", help="write docs/lies.md")
    parser.add_argument("--tighten", action="store_true", help="lower what is permitted to what came")
    given = parser.parse_args()
    if (given.write or given.tighten) and (given.only or given.every > 1 or given.other):
        parser.error("only a run over everything can be written down")
    warnings.simplefilter("ignore")
    began = time.monotonic()
    if given.out:
        given.out.write_text("")
    found: list[Result] = []
    chosen = [specimen for name in given.only for specimen in zoo.specimens(name)] if given.only else zoo.specimens()
    for specimen in others(given.only, given.other) if given.other else chosen:
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
    if given.other:  # rows are about the fits that are always made; what no row may permit is looked for everywhere
        wrong = [one for one in wrong if one.outcome.isupper()]
    if given.tighten:
        rows = tightened(rows, permitted)
        PERMITTED.write_text(written(rows))
        permitted, wrong = judged(found, rows)
    if given.write:
        REPORT.write_text(report(found, rows, permitted, wrong, (time.monotonic() - began, PATIENCE, MEMORY)))
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
