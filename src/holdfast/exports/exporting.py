"""The way of an export: ask the model, try plans, replay each in its own runtime, hand over the best that is proven.

The one rule: nothing stands at the path that was not replayed, and after a refusal what stood there before still does.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from holdfast.artifact.describe import signature_of
from holdfast.artifact.environment import libraries
from holdfast.errors import (
    FormatError,
    HoldfastError,
    NotFound,
    ProofFailed,
    UnsupportedOperation,
    UnsupportedTarget,
    quoted,
)
from holdfast.exports.about import About, Exported
from holdfast.exports.example import rows_of
from holdfast.exports.families import families_of, has_classes
from holdfast.exports.predictor import ExportPredictor
from holdfast.exports.proof import ExportProof
from holdfast.exports.reasons import typed
from holdfast.exports.replaying import Replay
from holdfast.frameworks.adapter import type_name
from holdfast.values.manifest import Signature

TARGETS = {"onnx": "holdfast.exports.onnx_target", "pmml": "holdfast.exports.pmml_target"}
"""Target, which is also its suffix -> the module that makes and runs it."""

AS_GOOD_AS_EQUAL = 1e-9
"""A plan that deviates no further than this is taken at once, and no other is tried."""


class Plan(NamedTuple):
    """One way of keeping precision.

    Attributes:
        name: what proofs call it.
        make: writes the file and returns output -> method.
    """

    name: str
    make: Callable[[str], dict[str, str]]


def target_of(path: str, target: str | None) -> Any:
    """Return the module of a target.

    Raises:
        UnsupportedTarget: there is none of this name or suffix.
    """
    name = str(target or os.path.splitext(path)[1].lstrip(".")).lower()
    if name not in TARGETS:
        raise UnsupportedTarget(f"there is no export to {quoted(name) or 'a name without suffix'}; known are {', '.join('.' + one for one in TARGETS)}", file=path)
    return importlib.import_module(TARGETS[name])


def export(
    model: Any,
    path: str,
    *,
    example: Any = None,
    target: str | None = None,
    tolerance: float | None = None,
    allow_changed_labels: int = 0,
    signature: Signature | None = None,
) -> Exported:
    """Export a live model; see `holdfast.export`."""
    made_for = target_of(path, target)
    made_for.need()
    _checked_labels(allow_changed_labels)
    with typed(model, made_for.NAME, path):
        family, own = families_of(model)
    allowed = _checked(tolerance, own)
    with typed(model, made_for.NAME, path):
        rows = rows_of(model, example)
        replay = Replay(model, rows, classifies=has_classes(model) or made_for.labels(model))
        described = signature_of(model, rows, replay.batches[0].expected) or Signature()
        if not described.classes:
            described = msgspec.structs.replace(described, classes=None)
        if described.classes is None and signature is not None:
            described = msgspec.structs.replace(described, classes=signature.classes or None)
        versions = libraries([type_name(type(model)), *made_for.LIBRARIES])
        blank = ExportProof(made_for.NAME, made_for.runtime_name(), "", allowed, allowed_labels=allow_changed_labels, libraries=versions)
        with _folder(path) as folder:
            about = About(type_name(type(model)), family, described, {}, None)
            return _hand_over(made_for, *_best(made_for, model, replay, about, blank, folder, path), path)


def _best(made_for: Any, model: Any, replay: Replay, about: About, blank: ExportProof, folder: str, path: str) -> tuple[str, About]:
    """Try plans until one is as good as equal.

    Args:
        made_for: the module of the target.
        model: what is translated.
        replay: its answers.
        about: what the file will say about itself, without answers and proof.
        blank: the proof with everything but the plan and the figures.
        folder: where the files of plans go.
        path: the file that is asked for.

    Returns:
        The file of the best plan, and what it says about itself.
    """
    best: tuple[str, About] | None = None
    refused: HoldfastError | None = None
    signature = about.signature
    assert signature is not None
    for number, plan in enumerate(made_for.plans(model, signature)):
        place = os.path.join(folder, f"{number}", os.path.basename(path))
        os.mkdir(os.path.dirname(place))
        try:
            with typed(model, made_for.NAME, path):
                answers = plan.make(place)
        except UnsupportedOperation as error:
            refused = refused or error
            continue
        one = msgspec.structs.replace(about, answers=answers)
        try:
            with typed(model, made_for.NAME, path):
                proof = prove(replay, functools.partial(made_for.open_runtime, place, one), signature, msgspec.structs.replace(blank, plan=plan.name))
        except FormatError as error:  # what a converter wrote is not what its runtime takes
            refused = refused or UnsupportedOperation(error.message)
            continue
        except HoldfastError as error:
            refused = refused or error
            continue
        one = msgspec.structs.replace(one, proof=proof)
        if best is None or _rank(proof) < _rank(best[1].proof):
            best = place, one
        if proof.ok and proof.worst <= AS_GOOD_AS_EQUAL and not proof.not_taken:
            break
    if best is None:
        raise (refused or UnsupportedOperation(f"{made_for.NAME} has no translation of {type(model).__name__}")).at(path)
    if isinstance(refused, UnsupportedOperation) and best[1].proof is not None and not best[1].proof.ok:
        raise UnsupportedOperation(f"{refused.message}. Another translation was tried, and does not answer as the model:\n{best[1].proof}", file=path)
    return best


def prove(replay: Replay, opened: Callable[[], Any], signature: Signature, blank: ExportProof) -> ExportProof:
    """Return the proof of a file, asked through the same predictor that users ask.

    Args:
        replay: the model's answers.
        opened: gives what runs the file.
        signature: inputs and outputs of the model.
        blank: the proof with everything but the figures.
    """
    runtime = opened()
    try:
        asked = ExportPredictor(runtime, signature)
        ways = {method: (lambda rows, method=method: asked.ask(method, rows)) for method in runtime.ways()}
        return replay.against(ways, blank)
    finally:
        if hasattr(runtime, "close"):
            runtime.close()


def _rank(proof: ExportProof | None) -> tuple[Any, ...]:
    assert proof is not None
    return (not proof.ok, bool(proof.failed), len(proof.not_taken), proof.changed_labels, proof.worst, proof.mean)


def _hand_over(made_for: Any, place: str, about: About, path: str) -> Exported:
    proof = about.proof
    assert proof is not None
    if not proof.ok:
        raise ProofFailed(
            f"the export does not answer as the model, so nothing was written.\n{proof}\n"
            "Give tolerance= (and allow_changed_labels=) if this is close enough for you; with --tolerance on the command line",
            file=path, proof=proof,
        )  # fmt: skip
    made_for.seal(place, about)
    runtime = made_for.open_runtime(place, about)  # what was sealed still opens
    if hasattr(runtime, "close"):
        runtime.close()
    folder = os.path.dirname(place)
    nbytes = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    # the weights first: a graph without them would be damaged
    for name in sorted(os.listdir(folder), key=lambda name: name == os.path.basename(place)):
        one = os.path.join(folder, name)
        with open(one, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(one, os.path.join(os.path.dirname(path) or ".", name))
    return Exported(path, made_for.NAME, about.family, proof.plan, nbytes, proof)


def _checked_labels(allowed: object) -> None:
    if isinstance(allowed, bool) or not isinstance(allowed, int) or allowed < 0:
        raise ValueError(f"allow_changed_labels={allowed!r} is not a whole number of zero or more")


def _checked(tolerance: float | None, own: float) -> float:
    if tolerance is None:
        return own
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not math.isfinite(tolerance) or tolerance < 0:
        raise ValueError(f"tolerance={tolerance!r} is not a number of zero or more")
    return float(tolerance)


@contextlib.contextmanager
def _folder(path: str) -> Iterator[str]:
    """Give a folder beside the path, so that the last step is a rename."""
    where = os.path.dirname(path) or "."
    if not os.path.isdir(where):
        raise NotFound(f"cannot be written: the folder {where!r} does not exist; make it first", file=path)
    folder = tempfile.mkdtemp(prefix=".export-", dir=where)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
