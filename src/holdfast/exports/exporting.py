"""The way of an export: ask the model, try plans, replay each in its own runtime, hand over the best that is proven.

The one rule: nothing stands at the path that was not replayed, and after a refusal what stood there before still does.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np

from holdfast.artifact.describe import signature_of
from holdfast.artifact.environment import libraries
from holdfast.artifact.synthetic import synthetic_rows
from holdfast.errors import (
    FormatError,
    HoldfastError,
    NotFound,
    ProofFailed,
    UnsupportedModel,
    UnsupportedOperation,
    UnsupportedTarget,
    quoted,
)
from holdfast.exports.about import About, Exported
from holdfast.exports.families import families_of, has_classes
from holdfast.exports.predictor import ExportPredictor
from holdfast.exports.proof import ExportProof
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
    name = (target or os.path.splitext(path)[1].lstrip(".")).lower()
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
    family, own = families_of(model)
    allowed = _checked(tolerance, own)
    rows = _rows(model, example, signature)
    replay = Replay(model, rows, classifies=has_classes(model) or made_for.labels(model))
    described = signature_of(model, rows, replay.batches[0].expected) or Signature()
    if not described.classes:
        described = msgspec.structs.replace(described, classes=None)
    if described.classes is None and signature is not None:
        described = msgspec.structs.replace(described, classes=signature.classes or None)
    versions = libraries([type_name(type(model)), *made_for.LIBRARIES])
    with _folder(path) as folder:
        best: tuple[str, About] | None = None
        refused: Exception | None = None
        for number, plan in enumerate(made_for.plans(model, described)):
            place = os.path.join(folder, f"{number}", os.path.basename(path))
            os.mkdir(os.path.dirname(place))
            try:
                answers = plan.make(place)
            except UnsupportedOperation as error:
                refused = refused or error
                continue
            about = About(type_name(type(model)), family, described, answers, None)
            blank = ExportProof(made_for.NAME, made_for.runtime_name(), plan.name, allowed, allowed_labels=allow_changed_labels, libraries=versions)
            try:
                proof = prove(replay, lambda place=place, about=about: made_for.open_runtime(place, about), described, blank)  # type: ignore[misc]
            except FormatError as error:  # what a converter wrote is not what its runtime takes
                refused = refused or UnsupportedOperation(error.message)
                continue
            except HoldfastError as error:
                refused = refused or error
                continue
            about = msgspec.structs.replace(about, proof=proof)
            if best is None or _rank(proof) < _rank(best[1].proof):
                best = place, about
            if proof.ok and proof.worst <= AS_GOOD_AS_EQUAL and not proof.not_taken:
                break
        if best is None:
            raise _named(refused or UnsupportedOperation(f"{made_for.NAME} has no translation of {type(model).__name__}"), path)
        if isinstance(refused, UnsupportedOperation) and best[1].proof is not None and not best[1].proof.ok:
            raise UnsupportedOperation(f"{refused.message}. Another translation was tried, and does not answer as the model:\n{best[1].proof}", file=path)
        return _hand_over(made_for, *best, path)


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


def _named(error: Exception, path: str) -> Exception:
    return error.at(path) if isinstance(error, HoldfastError) else error


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


def _rows(model: Any, example: Any, signature: Signature | None) -> Any:
    """Return example rows in the form that the model was fitted on."""
    if example is None or isinstance(example, str):
        try:
            example = synthetic_rows(model)
        except UnsupportedModel as error:
            raise UnsupportedModel(f"an export is replayed before it is handed over, and this needs rows: give example= a few, as predict takes them ({error.message})") from None
    if hasattr(example, "toarray"):
        example = example.toarray()
    if hasattr(example, "detach"):
        example = example.detach().cpu().numpy()
    if isinstance(example, list) and example and all(isinstance(one, dict) for one in example):
        import pandas as pd

        example = pd.DataFrame(example)
    names = getattr(model, "feature_names_in_", None)
    if hasattr(example, "columns"):
        if len(example.columns) == 1 and not hasattr(model, "n_features_in_") and all(isinstance(one, str) for one in example.iloc[:, 0]):
            return example.iloc[:, 0].tolist()  # texts, as a table has them
        fitted = hasattr(model, "n_features_in_") and names is None and not hasattr(model, "feature_names_")
        return example.to_numpy() if fitted and all(dtype.kind in "fiub" for dtype in example.dtypes) else example.reset_index(drop=True)
    if isinstance(example, dict):
        return {str(name): np.asarray(value) for name, value in example.items()}
    if isinstance(example, list | tuple) and (not example or isinstance(example[0], str)):
        return list(example)
    array = np.asarray(example)
    if isinstance(names, np.ndarray) and array.ndim == 2 and array.shape[1] == len(names) and names.dtype.kind in "OU":
        import pandas as pd

        return pd.DataFrame(array, columns=[str(name) for name in names]).infer_objects()
    if array.dtype == object and array.ndim == 2:
        with contextlib.suppress(TypeError, ValueError):
            return array.astype(float)
    return array.astype(float) if array.dtype.kind in "iub" and hasattr(model, "n_features_in_") else array
