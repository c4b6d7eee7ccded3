"""What hostile files get: the oracle of ``threats.md``, asked in a child process that is watched."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from holdfast import errors

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1 << 20
LONGEST_MESSAGE = 20_000
"""Characters of the longest refusal: twenty types in full, with their paths."""


class Case:
    """One hostile file and the refusal it has to get.

    Attributes:
        data: the bytes, or the path of something that is there already.
        errors: names of error classes, one of which has to be raised.
        says: words that the message has to hold.
        actions: what is tried: ``load``, ``loads``, ``inspect``, ``verify``.
        lenient: actions that may also succeed, such as ``inspect`` of a file that only a load refuses.
        name: file name to give it.
        options: keyword arguments of the load.
        may_import: first parts of modules that may be imported, because the type that names them is trusted; ``*`` for any.
        within: seconds of processor time that an answer may take.
    """

    def __init__(
        self,
        data: bytes | Path,
        *refusals: type[errors.HoldfastError],
        says: str | Sequence[str] = (),
        actions: Sequence[str] = ("load", "inspect"),
        lenient: Sequence[str] = ("inspect",),
        name: str = "model.safetensors",
        may_import: Sequence[str] = (),
        within: float = 3,
        **options: Any,
    ) -> None:
        self.data = data
        self.refusals = refusals or (errors.FormatError,)
        self.says = (says,) if isinstance(says, str) else tuple(says)
        self.actions = tuple(actions)
        self.lenient = tuple(lenient)
        self.name = name
        self.may_import = tuple(may_import)
        self.within = within
        self.options = options


class Watcher:
    """A child that opens files as they are asked for, started again when a file has ended it."""

    def __init__(
        self, folder: Path, cases: Mapping[str, Case], sklearn: bool = False, memory: int = 1024 * MEGABYTE, seconds: float = 20
    ) -> None:
        self.folder = folder
        self.cases = cases
        self.arguments = ["sklearn" if sklearn else "plain", str(memory)]
        self.seconds = seconds
        self.child: subprocess.Popen[bytes] | None = None
        self.rest = b""

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return the answers for a case, by action."""
        return self._one(name, self.cases[name])

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _one(self, name: str, case: Case) -> dict[str, Any]:
        path = case.data
        if isinstance(path, bytes):
            place = self.folder / f"case{len(os.listdir(self.folder))}"
            place.mkdir()
            path = place / case.name
            path.write_bytes(case.data)  # type: ignore[arg-type]
        answers: dict[str, Any] = {}
        for action in case.actions:
            if self.child is None:
                self._start()
            assert self.child is not None
            assert self.child.stdin is not None
            task = {"name": name, "path": str(path), "actions": [action], "options": case.options}
            self.child.stdin.write(json.dumps(task).encode() + b"\n")
            self.child.stdin.flush()
            answers[action] = self._answer(self.seconds)
        return answers

    def _start(self) -> None:
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=_python_path())
        command = [sys.executable, "-m", "tests.hostile.watched", *self.arguments]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
        self.rest = b""
        ready = self._answer(120)
        assert ready.get("ready"), f"the child did not start: {ready}"

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self.child is not None
        assert self.child.stdout is not None
        while b"\n" not in self.rest or b"\x1e" not in self.rest.partition(b"\n")[0]:
            if b"\n" in self.rest:
                self.rest = self.rest.partition(b"\n")[2]
                continue
            if not select.select([self.child.stdout], [], [], seconds)[0]:
                self._end()
                return {"error": ["Hang"], "message": f"no answer within {seconds} seconds", "events": []}
            part = os.read(self.child.stdout.fileno(), 1 << 20)
            if not part:
                code = self.child.wait()
                self._end()
                died = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                return {"error": ["Died"], "message": f"the process ended: {died}", "events": []}
            self.rest += part
        line, _, self.rest = self.rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line.partition(b"\x1e")[2])
        return found

    def _end(self) -> None:
        child, self.child = self.child, None
        if child is not None:
            assert child.stdin is not None
            assert child.stdout is not None
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()


def _python_path() -> str:
    """Return the path on which this process found holdfast, so that the child tests the same sources."""
    return os.pathsep.join([str(Path(errors.__file__).parents[1]), str(ROOT)])


def check(case: Case, answers: Mapping[str, Any], memory: int = 1024 * MEGABYTE) -> None:
    """Hold the answers for a case against the oracle.

    One typed error that says what is wrong in a bounded, printable text; nothing run, imported or written; the process
    alive; memory and time within their limits.
    """
    wanted = {one.__name__ for one in case.refusals}
    for action in case.actions:
        answer = answers[action]
        if "error" not in answer:
            assert action in case.lenient, f"{action}: accepted, as {answer['made']}"
        else:
            kinds = answer["error"]
            assert "HoldfastError" in kinds, f"{action}: {kinds[0]}: {answer['message'][:300]}"
            assert wanted & set(kinds), f"{action}: {kinds[0]} instead of {wanted}: {answer['message'][:300]}"
            message = answer["message"]
            assert 10 < len(message) < LONGEST_MESSAGE, f"{action}: a message of {len(message)} characters"
            assert answer["names_file"], f"{action}: does not name the file: {message[:300]}"
            assert printable(message), f"{action}: {ascii(message)[:300]}"
            if action not in case.lenient:
                for words in case.says:
                    assert words in message, f"{action}: {words!r} is not said: {message[:300]}"
        events = [event for event in answer["events"] if not _allowed(event, case.may_import)]
        assert not events, f"{action}: {events[:5]}"
        assert not answer.get("called"), f"{action}: ran {answer['called']}"
        assert answer.get("grown", 0) < memory, f"{action}: grew by {answer['grown']} bytes"
        assert answer.get("seconds", 0) < case.within, f"{action}: took {answer['seconds']:.1f} s"


def _allowed(event: str, may_import: Sequence[str]) -> bool:
    kind, _, rest = event.partition(" ")
    if kind == "import":
        return "*" in may_import or rest.partition(".")[0] in may_import
    return bool(may_import) and kind in ("exec", "compile", "marshal.loads", "code.__new__")


def printable(text: str) -> bool:
    """Say whether a text can be shown: no control characters but line breaks, no direction marks, no lone surrogates."""
    import unicodedata

    marks = {"\u200e", "\u200f", "\u061c"}
    directions = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    return not any(
        (unicodedata.category(c) in ("Cc", "Cs") and c != "\n") or c in marks or unicodedata.bidirectional(c) in directions for c in text
    )
