"""What a comparison found, as plain data.

The one rule: the shape is stable; fields are added behind the others, and never change what they mean.
"""

from __future__ import annotations

import math
import os
from typing import Any

import msgspec


class TensorDifference(msgspec.Struct, frozen=True):
    """One tensor that differs.

    Attributes:
        name: its name.
        what: ``only in the first``, ``only in the second``, ``shape``, ``dtype`` or ``values``.
        first: dtype and shape in the first.
        second: dtype and shape in the second.
        worst: the largest absolute difference, for numbers of one shape.
        changed: number of elements that differ.
        mean: the mean absolute difference of all elements.
        relative: the norm of the difference over the norm of the first.
        elements: number of elements.
    """

    name: str
    what: str
    first: str = ""
    second: str = ""
    worst: float | None = None
    changed: int | None = None
    mean: float | None = None
    relative: float | None = None
    elements: int | None = None

    @property
    def share(self) -> float | None:
        """Share of the elements that differ, where they can be counted."""
        return None if self.changed is None or not self.elements else self.changed / self.elements


class SignatureChange(msgspec.Struct, frozen=True):
    """One change of what a model takes or answers.

    Attributes:
        what: ``kind``, ``input``, ``output``, ``classes`` or ``signature``.
        name: of the input or output, or "".
        first: what it was.
        second: what it is.
        breaking: whether callers of the first meet something that they are not made for.
        why: what callers meet.
    """

    what: str
    name: str
    first: str
    second: str
    breaking: bool
    why: str


class WorstRow(msgspec.Struct, frozen=True):
    """A row to which the two answer differently.

    Attributes:
        row: its place, from 0.
        deviation: of its answers; None where they are labels or cannot be compared.
        inputs: its values, as text.
        first: what the first answers.
        second: what the second answers.
    """

    row: int
    deviation: float | None
    inputs: list[str]
    first: str
    second: str


class Answers(msgspec.Struct, frozen=True):
    """How the two answered one question.

    Attributes:
        rows_of: ``example of the first``, ``example of the second``, ``example of both`` or ``given rows``.
        method: what was asked, such as ``predict_proba``; of several named outputs with the name behind it.
        rows: how many.
        labels: whether the answers are labels.
        agreement: share of the rows with the same label, or with numbers that deviate by at most 1e-9.
        changed_labels: rows whose label differs.
        worst: the largest deviation of numbers: absolute up to one, relative beyond.
        mean: the mean deviation.
        quantiles: share of the rows -> the deviation up to which they lie, such as ``"0.9"``.
        histogram: upper bounds of deviations, the first 0, and how many rows lie between that and the one before.
        worst_rows: a few rows that differ most.
    """

    rows_of: str
    method: str
    rows: int
    labels: bool
    agreement: float
    changed_labels: int = 0
    worst: float = 0.0
    mean: float = 0.0
    quantiles: dict[str, float] = {}
    histogram: list[tuple[float, int]] = []
    worst_rows: list[WorstRow] = []


class Checked(msgspec.Struct, frozen=True):
    """One limit that was stated.

    Attributes:
        name: such as ``changed_labels`` or ``metric:auc``.
        bound: as given.
        value: what was found; None where nothing could be.
        held: whether the limit holds; never where nothing could be found.
        why: what was looked at, or why nothing could be found.
    """

    name: str
    bound: float
    value: float | None
    held: bool
    why: str = ""


class Comparison(msgspec.Struct, frozen=True):
    """What differs between two models. Print it for a text; `to_html` writes a page with pictures.

    Attributes:
        first: name of the first.
        second: name of the second.
        same: whether both hold the same model, by content digest.
        fields: what differs in the manifests: name -> (first, second).
        params: parameters that differ.
        metrics: metrics that differ.
        libraries: library versions that differ.
        tensors: tensors that differ.
        equal_tensors: how many tensors are equal.
        signature: changes of what they take and answer.
        sizes: bytes of both files.
        predictions: how both answered to the same rows.
        not_asked: why rows were not asked, or not of both.
        notes: what else to know of the predictions.
        limits: the limits that were stated, and whether they hold.
    """

    first: str
    second: str
    same: bool
    fields: dict[str, tuple[Any, Any]]
    params: dict[str, tuple[str | None, str | None]]
    metrics: dict[str, tuple[Any, Any]]
    libraries: dict[str, tuple[str | None, str | None]]
    tensors: list[TensorDifference]
    equal_tensors: int
    signature: list[SignatureChange] = []
    sizes: tuple[int, int] = (0, 0)
    predictions: list[Answers] = []
    not_asked: list[str] = []
    notes: list[str] = []
    limits: list[Checked] = []

    @property
    def passed(self) -> bool:
        """Whether every limit holds that was stated; true where none was."""
        return all(one.held for one in self.limits)

    @property
    def breaking(self) -> int:
        """How many changes of the signature break callers."""
        return sum(one.breaking for one in self.signature)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data that JSON can hold, in a stable shape; what is no finite number is None."""
        found: dict[str, Any] = _finite(msgspec.to_builtins(self))
        for one, made in zip(self.tensors, found["tensors"], strict=True):
            made["share"] = one.share
        found["passed"] = self.passed
        return found

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the comparison as one page that needs no other file and runs no script, with pictures, for light and dark.

        Args:
            path: where to write it as well; a file of that name is replaced.

        Raises:
            NoSpace, Unavailable, NotFound: the file cannot be written.
        """
        from holdfast.artifact.atomic import replacing
        from holdfast.comparing.page import page

        text = page(self)
        if path is not None:
            with replacing(path) as sink:
                sink.write(text.encode())
        return text

    def __str__(self) -> str:
        """Say what differs."""
        from holdfast.comparing.text import text

        return text(self)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
