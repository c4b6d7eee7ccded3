"""Examples: rows kept with a model, what it answered to them, and the proof of asking it again.

The one rule: a model is asked in one thread, because parallel sums differ in the last bit, and it is asked twice at
save, so that an answer that is random anyway is not taken for an example.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from holdfast.artifact.environment import installed, python_version
from holdfast.artifact.same import same
from holdfast.errors import UnsupportedModel
from holdfast.frameworks.asking import METHODS, ways_to_ask
from holdfast.values.manifest import Manifest

ROWS = 100
"""Rows of an example that are kept."""


class MethodProof(msgspec.Struct, frozen=True):
    """How one method answered.

    Attributes:
        method: its name.
        bit_equal: whether every element has the same bits, dtype and shape.
        worst: the largest absolute deviation, or None where answers are not numbers or differ in shape.
        mean: the mean absolute deviation.
        beyond: rows that deviate by more than the tolerance.
        changed_labels: rows whose label differs, for answers that are labels.
        worst_row: the row that deviates most.
    """

    method: str
    bit_equal: bool
    worst: float | None = 0.0
    mean: float | None = 0.0
    beyond: int = 0
    changed_labels: int = 0
    worst_row: int | None = None


class Proof(msgspec.Struct, frozen=True):
    """The record of replaying a stored example.

    Attributes:
        id: the artifact that was replayed.
        verdict: ``bit-equal``, ``within tolerance``, ``differs``, or ``no example`` when only digests were checked.
        rows: rows replayed.
        methods: one record a method.
        tolerance: absolute deviation up to which a row counts as the same.
        digests: whether all digests were checked, and held.
        python: Python that replayed.
        runtime: what answered, such as ``numpy 2.4.6``.
        changed_libraries: distribution -> (version at save, version here), where they differ.
    """

    id: str
    verdict: str
    rows: int = 0
    methods: list[MethodProof] = []
    tolerance: float = 1e-9
    digests: bool = False
    python: str = ""
    runtime: str = ""
    changed_libraries: dict[str, tuple[str, str | None]] = {}

    @property
    def ok(self) -> bool:
        """Whether the model answers as it did, within the tolerance."""
        return self.verdict != "differs"

    def __str__(self) -> str:
        """Say it in a line, and a line for each method that differs."""
        checked = ", all digests hold" if self.digests else ""
        if self.verdict == "no example":
            return f"no example stored, nothing replayed{checked}"
        lines = [f"{self.verdict}: {self.rows} rows, {', '.join(one.method for one in self.methods)}{checked}"]
        lines += [
            f"  {one.method}: worst deviation {one.worst if one.worst is not None else 'not a number'}"
            f"{f' at row {one.worst_row}' if one.worst_row is not None else ''}, {one.beyond} rows beyond {self.tolerance:g}, "
            f"{one.changed_labels} labels changed"
            for one in self.methods
            if not one.bit_equal
        ]
        lines += [f"  {name}: saved with {old}, here {new or 'not installed'}" for name, (old, new) in self.changed_libraries.items()]
        return "\n".join(lines)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run numeric libraries in one thread."""
    with contextlib.ExitStack() as stack:
        if "sklearn" in sys.modules:
            import joblib
            import threadpoolctl

            stack.enter_context(threadpoolctl.threadpool_limits(limits=1))
            stack.enter_context(joblib.parallel_config(backend="sequential"))
        if "torch" in sys.modules:
            torch = sys.modules["torch"]
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        yield


def keep_rows(inputs: Any) -> Any:
    """Return the rows that are kept, as a copy of their own.

    A copy, because linear algebra takes another way, with other last bits, when a model is asked with its own array.
    """
    if hasattr(inputs, "iloc"):
        return inputs.iloc[:ROWS].copy()
    if isinstance(inputs, dict):
        return {name: keep_rows(value) for name, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        return type(inputs)(inputs[:ROWS])
    if hasattr(inputs, "tocsr"):
        return inputs.tocsr()[:ROWS].copy() if inputs.shape[0] > ROWS else inputs.copy()
    array = np.asarray(inputs)
    if array.ndim == 0:
        raise UnsupportedModel("an example is rows, as predict takes them: an array, a frame, a list; this is a single value")
    return array[:ROWS].copy()


def answers(model: Any, inputs: Any) -> dict[str, Any]:
    """Return what each method of a model answers to rows; methods that it does not have are left out."""
    import warnings

    found: dict[str, Any] = {}
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method, ask in ways_to_ask(model).items():
            found[method] = ask(inputs)
    return found


def make_example(model: Any, inputs: Any) -> dict[str, Any]:
    """Return an example: the rows and what the model answers.

    Raises:
        UnsupportedModel: the model answers nothing, or not to these rows.
    """
    rows = keep_rows(inputs)
    try:
        first, second = answers(model, rows), answers(model, rows)
    except Exception as error:
        raise UnsupportedModel(
            f"the model cannot answer to its example: {type(error).__name__}: {error}; give rows as predict takes them"
        ) from error
    outputs = {method: value for method, value in first.items() if same(value, second[method])}
    if not outputs:
        raise UnsupportedModel(
            f"the model has nothing to replay: {type(model).__name__} has none of {', '.join(METHODS)} with repeatable answers; save it without an example"
        )
    return {"inputs": rows, "outputs": outputs}


def row_count(inputs: Any) -> int:
    """Return how many rows an example has."""
    if isinstance(inputs, dict):
        return max((row_count(value) for value in inputs.values()), default=0)
    return int(inputs.shape[0]) if hasattr(inputs, "shape") else len(inputs)


def replay(model: Any, example: dict[str, Any], manifest: Manifest, id_: str, tolerance: float, digests: bool) -> Proof:
    """Ask a model again, and compare."""
    inputs, outputs = example["inputs"], example["outputs"]
    methods = []
    import warnings

    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ways = ways_to_ask(model)
        for method, before in outputs.items():
            try:
                now = ways[method](inputs) if method in ways else getattr(model, method)(inputs)
            except Exception as error:
                methods.append(MethodProof(f"{method} ({type(error).__name__}: {error})"[:200], False, None, None, row_count(inputs), 0))
                continue
            methods.append(compare_answers(method, before, now, tolerance))
    if all(one.bit_equal for one in methods):
        verdict = "bit-equal"
    elif any(one.beyond or one.changed_labels for one in methods):
        verdict = "differs"
    else:
        verdict = "within tolerance"
    changed = {name: (version, now) for name, version in manifest.libraries.items() if (now := installed(name)) != version}
    return Proof(id_, verdict, row_count(inputs), methods, tolerance, digests, python_version(), f"numpy {np.__version__}", changed)


def compare_answers(method: str, before: Any, now: Any, tolerance: float) -> MethodProof:
    """Compare two answers, element by element.

    Args:
        method: what answered; only named.
        before: the stored answer.
        now: the answer here.
        tolerance: absolute deviation up to which a row counts as the same.
    """
    if same(before, now):
        return MethodProof(method, True)
    a, b = _dense(before), _dense(now)
    if a is None or b is None or a.shape != b.shape or not a.size:
        return MethodProof(method, False, None, None, len(a) if a is not None and a.ndim else 1, 0)
    if a.dtype.kind not in "fc" or b.dtype.kind not in "fc":
        different = (a != b) & ~((a != a) & (b != b))
        rows = np.asarray(different).reshape(len(a), -1).any(axis=1)
        first = int(np.argmax(rows)) if rows.any() else None
        kind_changed = int(a.dtype != b.dtype and not rows.any())
        return MethodProof(method, False, None, None, kind_changed, int(rows.sum()), first)
    with np.errstate(all="ignore"):
        off = np.abs(a - b)
    off = np.where((a != a) & (b != b) | (a == b), 0.0, off)
    off = np.where(off != off, np.inf, off)
    by_row = off.reshape(len(a), -1).max(axis=1)
    return MethodProof(method, False, float(off.max()), float(off.mean()), int((by_row > tolerance).sum()), 0, int(by_row.argmax()))


def _dense(value: Any) -> Any:
    if hasattr(value, "toarray"):
        return value.toarray()
    try:
        return np.asarray(value)
    except Exception:
        return None
