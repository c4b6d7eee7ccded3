"""Keeping the last few of a row of numbered files, such as the checkpoints of a training loop.

The one rule: only files that holdfast has written, of the same name but for its last number, are ever deleted.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from holdfast.artifact.load import Opening
from holdfast.errors import HoldfastError


def numbered(path: str) -> tuple[re.Pattern[str], int]:
    """Return the pattern of the names in a row, and the number of this one.

    Raises:
        ValueError: the name has no number.

    >>> numbered("run/step-0100.safetensors")[1]
    100
    """
    name = Path(path).name
    stem, suffix = name.rpartition(".")[::2] if "." in name else (name, "")
    found = list(re.finditer(r"[0-9]+", stem))
    if not found:
        raise ValueError(f"keep_last needs a number in the file's name, as in 'step-0100.safetensors'; there is none in {name!r}")
    last = found[-1]
    tail = re.escape(stem[last.end() :]) + (rf"\.{re.escape(suffix)}" if suffix else "")
    return re.compile(f"{re.escape(stem[: last.start()])}([0-9]+){tail}"), int(last[0])


def keep(path: str, count: int) -> list[str]:
    """Delete the files of a row but the last few up to and with this one, and return the names of those that are gone."""
    pattern, number = numbered(path)
    folder = Path(path).parent
    row = sorted((int(match[1]), name) for name in os.listdir(folder) if (match := pattern.fullmatch(name)) and int(match[1]) <= number)
    gone = []
    for _, name in row[:-count]:
        if _is_ours(folder / name):
            os.unlink(folder / name)
            gone.append(name)
    return gone


def _is_ours(path: Path) -> bool:
    try:
        with Opening.of_path(path) as opening:
            return opening.opened is not None
    except HoldfastError:
        return False
