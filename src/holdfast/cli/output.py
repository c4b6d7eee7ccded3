"""How commands talk: errors and notices on stderr, JSON on stdout, a progress bar when somebody is watching.

The one rule: nothing from a file reaches a terminal unescaped.
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from holdfast.errors import HoldfastError, HoldfastWarning, quoted


def say(text: str) -> None:
    """Say something to the person, not to the pipe."""
    sys.stderr.write(text + "\n")


def say_error(error: HoldfastError) -> None:
    """Say what went wrong."""
    import os

    if os.environ.get("HOLDFAST_JSON_ERRORS") == "1":
        import json

        sys.stderr.write(json.dumps({"error": type(error).__name__, "message": str(error), "exit_code": error.exit_code}) + "\n")
        return
    sys.stderr.write(f"{type(error).__name__}: {error}\n")


def give_json(value: Any) -> None:
    """Print one JSON document."""
    import json

    import msgspec

    # everything beyond ASCII is escaped, and so is DEL: a terminal may be reading
    text = json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=True)
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")


def give(text: str) -> None:
    """Print data."""
    sys.stdout.write(text + "\n")


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], colours: Sequence[str | None] = ()) -> str:
    """Return rows under a header, in columns as wide as they need; what is in them is shown escaped.

    Args:
        header: names of the columns.
        rows: their cells.
        colours: of each row, where stdout is a terminal that has any.
    """
    import os

    shown = [header, *[tuple(quoted(cell, 200) for cell in row) for row in rows]]
    widths = [max(len(row[place]) for row in shown) for place in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        import click

        lines[0] = click.style(lines[0], dim=True)
        lines[1:] = [line if colour is None else click.style(line, fg=colour) for line, colour in zip_longest(lines[1:], colours)]
    return "\n".join(lines)


@contextlib.contextmanager
def notices() -> Iterator[None]:
    """Show our warnings as plain sentences on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for one in caught:
        if issubclass(one.category, HoldfastWarning):
            say(f"notice: {one.message}")


class Bar:
    """Shows work on bytes that takes more than a second: what is being done, how much of how much, how fast, and how long it will take."""

    def __init__(self, what: str, total: int | None, watched: bool) -> None:
        """Take what is done, of how many bytes, and whether somebody is watching."""
        self._what = what
        self._total = total
        self._watched = watched
        self._begun = time.monotonic()
        self._done = 0
        self._shown: Any = None
        self._task: Any = None

    def __call__(self, count: int) -> None:
        """Tell that more bytes are done."""
        self._done += count
        if not self._watched:
            return
        if self._shown is None and time.monotonic() - self._begun > 1:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
            self._shown.start()
            self._task = self._shown.add_task(self._what, total=self._total)
        if self._shown is not None:
            # what was said before may have been a little less than what came
            more = {"total": self._done} if self._total is not None and self._done > self._total else {}
            self._shown.update(self._task, completed=self._done, **more)

    def stage(self, what: str, total: int) -> None:
        """Tell that something else begins, and how many bytes it is about."""
        self._what, self._total, self._done = what, total, 0
        if self._shown is not None:
            self._shown.remove_task(self._task)
            self._task = self._shown.add_task(what, total=total)

    def end(self) -> None:
        """Take it off the terminal."""
        if self._shown is not None:
            self._shown.stop()


@contextlib.contextmanager
def progress(total: int | None, what: str) -> Iterator[Bar]:
    """Show a bar on stderr for work on bytes, when stderr is a terminal; without a total it says how much is done."""
    bar = Bar(what, total, sys.stderr.isatty())
    try:
        yield bar
    finally:
        bar.end()
