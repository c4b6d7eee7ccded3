"""Running a pickle for real, in a confined child: for what cannot be read as data and is wanted all the same.

The child unpickles, saves the model as a native file, and says what it imported, called and tried. The caller gets the file and
the report, and has unpickled nothing.

The one rule: nothing here is reached but by ``holdfast convert --allow-pickle``.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, NamedTuple

from holdfast.artifact.atomic import replacing
from holdfast.artifact.load import Opening
from holdfast.errors import PolicyRefused, WorkerCrashed, quoted
from holdfast.isolate.child import Done, run

MEMORY = 16 * 1024**3
SECONDS = 600


class Unpickled(NamedTuple):
    """What running a pickle gave.

    Attributes:
        needs_trust: types and functions that a load of the new file will ask to be trusted.
        level: how the child was confined.
        noted: what the pickle imported, named, ran and tried.
    """

    needs_trust: list[str]
    level: dict[str, Any]
    noted: dict[str, list[str]]


def convert(path: str, target: str, kind: str = "pickle", seconds: int = SECONDS, memory: int = MEMORY) -> Unpickled:
    """Unpickle a file in a child, and save what it gives as a native file.

    Args:
        path: the pickle, joblib or torch.save file.
        target: where to; a file of that name is replaced when everything went well.
        kind: whose reader it wants: ``pickle``, ``torch`` or ``dill``.
        seconds: processor time for the child.
        memory: bytes for the child.

    Raises:
        IsolationError: the child failed, died or took too long; nothing is left behind.
        EnvironmentMissing: this system cannot confine a child.
    """
    source = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        with replacing(target, True) as sink:
            done: Done = run(
                "holdfast.artifact.unpickle:work", {"source": source, "target": sink.fd, "kind": kind}, descriptors=(source, sink.fd),
                memory=memory, seconds=seconds, written=1 << 40,
            )  # fmt: skip
            tried = [f"{what} {', '.join(quoted(one, 60) for one in shown[:3])}" for what, shown in done.noted.items() if what.startswith("tried")]
            if tried:
                raise PolicyRefused(f"the pickle {'; it '.join(tried)}, which no model needs; the child was kept from it, and nothing was saved", file=path)
            if type(done.result) is not list or not all(type(one) is str for one in done.result):
                raise WorkerCrashed("the child answered nonsense; nothing was kept")
            with Opening.of_path(sink.path, shown=target):
                pass  # what the child wrote is a file of ours, or it gets no name
        return Unpickled(done.result, done.level, done.noted)
    finally:
        os.close(source)


# -- in the child ---------------------------------------------------------------------------------------------------------


def prepare(arguments: dict[str, Any]) -> None:
    """Import what the honest case needs, before the process is confined."""
    import tempfile

    import joblib  # noqa: F401
    import numpy  # noqa: F401

    with contextlib.suppress(ImportError):
        import dill  # noqa: F401 - teaches pickle what dill wrote
    tempfile.gettempdir()  # libraries ask for it when they are imported, and it is found by writing to it

    import holdfast.artifact.save  # noqa: F401

    if arguments["kind"] == "torch":
        import torch  # noqa: F401


def work(source: int, target: int, kind: str) -> list[str]:
    """Unpickle from one descriptor and save to another; returns what a load will ask to be trusted."""
    import warnings

    from holdfast.artifact.pack import sections, write_sections
    from holdfast.artifact.save import prepare as prepare_save

    warnings.simplefilter("ignore")
    with open(source, "rb", closefd=False) as file:
        model = _unpickled(file, kind)
    ready = prepare_save(model)
    made = sections(ready.content, None, False)
    with open(target, "wb", closefd=False) as out:
        write_sections(made, ready.manifest, lambda parts: out.writelines(parts))
    return ready.needs_trust


def _unpickled(file: Any, kind: str) -> Any:
    if kind == "torch":
        import torch

        return torch.load(file, weights_only=False, map_location="cpu")
    if kind == "dill":
        import dill

        return dill.load(file)
    import joblib

    return joblib.load(file)
