"""Turning files of one format into another: one file, or a folder of them.

The one rule: nothing old is touched, and every file of a folder is accounted for.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

from holdfast.artifact import convert as native
from holdfast.artifact import convert_tree as trees
from holdfast.artifact.convert import Converted
from holdfast.artifact.load import Opening
from holdfast.artifact.save import Saved
from holdfast.artifact.save_foreign import save_foreign, writer_of
from holdfast.errors import AlreadyExists, FormatError, HoldfastError, UnsupportedModel, UntrustedType, quoted
from holdfast.opening import EXPORTS, Export, is_export_name, open_saved
from holdfast.trust.policy import Policy, policy


def save_elsewhere(model: Any, name: str, format: str | None, example: Any, durable: bool, **given: Any) -> Saved | None:
    """Save a model in the format of another library or runtime, if that is what a path or ``format`` says.

    Args:
        model: what is saved.
        name: where to.
        format: as for `holdfast.save`.
        example: rows to ask.
        durable: see `holdfast.save`.
        given: other options of `holdfast.save`, of which none but the defaults can be kept there.

    Returns:
        None when it is to be a native file.

    Raises:
        ValueError: an option was given that the format cannot keep.
    """
    export_wanted = format in EXPORTS or (format is None and is_export_name(name))
    writer = None if export_wanted else writer_of(name, format)
    if writer is None and not export_wanted:
        return None
    unkept = sorted(option for option, value in given.items() if value is not None)
    if unkept:
        what = "an export" if writer is None else f"a {writer.format} file"
        raise ValueError(f"{what} keeps the model alone, and not {', '.join(unkept)}; save as .safetensors for that")
    if writer is not None:
        return save_foreign(model, name, writer, example, durable)
    from holdfast.artifact.describe import signature_of
    from holdfast.exports.exporting import export

    made = export(model, name, example=example, target=format, signature=signature_of(model))
    return Saved("", "", made.nbytes, made.proof, [], [])


def convert(source: Any, target: str, allowed: Policy, allow_pickle: bool, replace: bool, durable: bool) -> Converted:
    """Convert one file; see `holdfast.convert`."""
    if not replace and os.path.lexists(target):
        raise AlreadyExists("there is a file of this name already; give replace=True (--replace) to write over it", file=target)
    with open_saved(source) as opening:
        if isinstance(opening, Export):
            raise UnsupportedModel("this is an export, from which no model comes back; convert the model that it was made from", file=opening.source.name)
        if is_export_name(target) or writer_of(target, None) is not None:
            kept = opening.example()
            model = opening.load(allowed)
            saved = save_elsewhere(model, target, None, None if kept is None else kept["inputs"], durable)
            assert saved is not None
            return native.written(opening, target, model, saved)
        if isinstance(opening, Opening):
            raise FormatError("this is a safetensors file already; give the new file the suffix of another format", file=opening.source.name)
        try:
            return native.convert_stranger(opening, target, allowed, durable)
        except (UntrustedType, UnsupportedModel):
            if not allow_pickle or opening.kind not in ("pickle", "torch"):
                raise
        return native.run_pickle(opening, target)


def convert_folder(
    old: str, new: str, workers: int | None, dry_run: bool, on_done: Callable[[Converted, int], None] | None, options: dict[str, Any]
) -> list[Converted]:
    """Convert every model below a folder; see `holdfast.api.convert_folder`."""
    jobs, skipped = trees.jobs_of(old, new)
    if dry_run:
        return [Converted(job.source, job.target) for job in jobs] + skipped
    for folder in sorted({os.path.dirname(job.target) for job in jobs}):
        os.makedirs(folder, exist_ok=True)
    tell = (lambda one: on_done(one, len(jobs))) if on_done is not None else lambda one: None
    return trees.convert_all(jobs, _job, options, os.cpu_count() or 1 if workers is None else workers, tell) + skipped


def _job(
    source: str, target: str, *, trusted: Any = None, trusted_functions: Any = None, allow_pickle: bool = False, replace: bool = False, durable: bool = True
) -> Converted:
    """Convert one file of a folder; a refusal is a record like any other."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return convert(source, target, policy(trusted, trusted_functions), allow_pickle, replace, durable)
    except HoldfastError as error:
        return native.refused(source, error)
    except Exception as error:  # a file that trips a reader over something unforeseen must not end the others
        return native.refused(source, FormatError(f"it cannot be read ({type(error).__name__}: {quoted(error, 300)}); please report it"))
