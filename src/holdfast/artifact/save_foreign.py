"""Saving in somebody else's format: written by its own library, read back by our reader, asked, and only then given its name.

The one rule: a file that holdfast can read and that does not give the same model back is not left behind.
"""

from __future__ import annotations

import os
import warnings
from types import FunctionType
from typing import Any

from holdfast.artifact.atomic import sync_folder, translate
from holdfast.artifact.environment import python_version
from holdfast.artifact.replay import Proof, answers, compare_answers, keep_rows, row_count
from holdfast.artifact.same import same
from holdfast.artifact.save import Saved
from holdfast.artifact.source import open_source
from holdfast.artifact.stranger import Stranger, kind_of
from holdfast.artifact.synthetic import synthetic_rows
from holdfast.errors import HoldfastError, HoldfastWarning, ProofFailed, TrustError, UnsupportedModel, UnsupportedTarget, quoted
from holdfast.foreign.writers import WRITERS, Writer, core_of
from holdfast.frameworks.names import find_live
from holdfast.trust.catalog import catalog
from holdfast.trust.plan import NEVER
from holdfast.trust.policy import policy

COMPRESSED = (".gz", ".bz2", ".xz", ".lzma", ".z", ".lz4")
"""Suffixes after ``.joblib`` by which joblib compresses."""


def writer_of(name: str, format_: str | None) -> Writer | None:
    """Return how a file is written by its suffix or the format that was asked for, or None for a native one.

    Raises:
        ValueError: there is no such format, or the suffix says another one.
    """
    stem, suffix = os.path.splitext(name.lower())
    packed = suffix in COMPRESSED and os.path.splitext(stem)[1] == ".joblib"
    found = WRITERS[".joblib"] if packed else WRITERS.get(suffix)
    if format_ is None:
        return found
    if format_ in ("holdfast", "safetensors"):
        if found is not None:
            raise ValueError(f"format={format_!r} and the suffix {suffix!r} say two things; whoever reads the file goes by one of them")
        return None
    wanted = next((one for one in WRITERS.values() if one.format == format_), None)
    if wanted is None:
        raise ValueError(f"format={format_!r} is not known; there are {', '.join(sorted({one.format for one in WRITERS.values()}))}, onnx and pmml")
    if found is not None and found.format != format_:
        raise ValueError(f"format={format_!r} and the suffix {suffix!r} say two things; whoever reads the file goes by one of them")
    return wanted


def save_foreign(model: Any, name: str, writer: Writer, example: Any, durable: bool) -> Saved:
    """Write a model in a foreign format, and prove the file.

    Args:
        model: any model that the format takes.
        name: where to.
        writer: how it is written.
        example: rows to ask; made up from the model where none are given and that can be done.
        durable: flush the file to the disk before it takes its name.

    Raises:
        UnsupportedTarget: the format does not take this model.
        ProofFailed: the file gives another model back.
    """
    folder, base = os.path.split(os.path.realpath(name) if os.path.islink(name) else name)
    own = os.path.splitext(base)[1]
    suffix = own if own.lower() in (*WRITERS, *COMPRESSED) else next(key for key, one in WRITERS.items() if one is writer)
    temporary = os.path.join(folder or ".", f".{base[:200]}.{os.urandom(6).hex()}.tmp{suffix}")
    try:
        _write(model, temporary, writer)
        proof = _proved(model, temporary, name, writer, example)
        size = os.path.getsize(temporary)
        if durable:
            _flush(temporary)
        os.replace(temporary, os.path.join(folder, base))
        if durable:
            sync_folder(folder or ".")
    except OSError as error:
        if isinstance(error, HoldfastError):
            raise
        raise translate(error, name, "was not saved") from None
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    return Saved("", "", size, proof, [], [])


def _write(model: Any, path: str, writer: Writer) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            writer.write(model, path)
    except (HoldfastError, OSError, MemoryError):
        raise
    except Exception as error:
        raise UnsupportedTarget(
            f"the format {writer.format} does not take this {type(model).__name__} ({type(error).__name__}: {quoted(error, 300)}); it takes {writer.takes}"
        ) from None


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _proved(model: Any, path: str, shown: str, writer: Writer, example: Any) -> Proof | None:
    core = core_of(model) if writer.format in ("xgboost", "xgboost-json", "lightgbm") else model
    source = open_source(path)
    source.name = shown
    with Stranger(source, kind_of(source)) as stranger:
        try:
            reading = stranger.read()
            lists = catalog()
            own = [one for one in stranger.names.found if one not in lists.types and one not in lists.values and one not in NEVER]
            live = [found for one in own if (found := find_live(one)) is not None]
            back, _ = stranger.built(reading, policy([one for one in live if isinstance(one, type)], [one for one in live if isinstance(one, FunctionType)]))
        except (TrustError, UnsupportedModel, TypeError) as error:
            said = error.message if isinstance(error, HoldfastError) else str(error)
            warnings.warn(f"holdfast itself does not load this file again, so nothing of it was proven ({said.partition(chr(10))[0]}); save as .safetensors too", HoldfastWarning, stacklevel=5)
            return None
    rows = _rows(core, example)
    if rows is None:
        return None
    ask = _raw_answers if writer.format == "catboost" else answers
    before, again = ask(core, rows), ask(core, rows)
    steady = [method for method in before if same(before[method], again[method])]
    now = ask(back, rows)
    methods = [compare_answers(method, before[method], now.get(method), 0.0) for method in steady]
    if not all(one.bit_equal for one in methods):
        raise ProofFailed(f"the model does not answer after loading the {writer.format} file as it does now, so it was not saved", file=shown)
    return Proof("", "bit-equal", row_count(rows), methods, python=python_version()) if methods else None


def _raw_answers(model: Any, rows: Any) -> dict[str, Any]:
    """Return what a CatBoost model says before its kind of task, which its file leaves out, makes labels of it."""
    return {"predict": model.predict(rows, prediction_type="RawFormulaVal", thread_count=1)}


def _rows(model: Any, example: Any) -> Any:
    """Return rows that a model answers to, or None."""
    if example is not None and not isinstance(example, str):
        return keep_rows(example)
    try:
        rows = synthetic_rows(model)
        answers(model, rows)
    except Exception:
        if example is not None:
            raise
        return None
    return rows
