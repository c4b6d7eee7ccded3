"""Asking a model and its export the same rows, and measuring how far their answers lie apart.

The one rule: every plan of every target is judged by this code, whoever made it.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from holdfast.artifact.deviation import differences, shown_row
from holdfast.artifact.replay import one_thread
from holdfast.errors import UnsupportedOperation, quoted
from holdfast.exports.proof import CLOSE, ExportProof
from holdfast.exports.rows import hard_rows, length, rows_at
from holdfast.exports.taken import said, sifted, with_gentler
from holdfast.frameworks.asking import ways_to_ask

Ways = Mapping[str, Callable[[Any], Any]]
"""Method -> a function of rows."""


MAY_BE_REFUSED = ("missing", "missing categories")
"""Kinds of rows that an export may refuse, when it says so of each: what is refused is never wrong."""
ORDINARY = ("spread", "alone", "large batch")
"""Kinds of rows of which there have to be as many as were made: rows that the model refuses are replaced."""


class Batch(NamedTuple):
    """Rows of one kind and what the model answers to them."""

    kind: str
    rows: Any
    expected: dict[str, Any]


class Replay:
    """What a model answers to its examples and to rows made to hurt, asked once and compared with any number of exports.

    Attributes:
        batches: rows and answers.
        left_out: kind of rows -> why the model itself does not take them, or not all of them.
        left_out_rows: kind of rows -> how many it does not take.
        labels: methods whose answers are labels.
    """

    def __init__(self, model: Any, example: Any, methods: tuple[str, ...] | None = None, classifies: bool = False) -> None:
        self.batches: list[Batch] = []
        self.left_out: dict[str, str] = {}
        self.left_out_rows: dict[str, int] = {}
        self._model, self._example = model, example
        self._ways = {name: ask for name, ask in ways_to_ask(model).items() if methods is None or name in methods}
        for kind, rows in hard_rows(model, example):
            batch = self._batch(kind, rows)
            if batch is not None:
                self.batches.append(batch)
        first = self.batches[0].expected.get("predict")
        self.labels = {"predict"} if classifies or (isinstance(first, np.ndarray) and first.dtype.kind not in "f") else set()

    def _batch(self, kind: str, rows: Any) -> Batch | None:
        """Return rows of one kind and their answers: those that the model takes, and for ordinary kinds others in place of those that it refuses."""
        try:
            return self._asked(kind, rows)
        except UnsupportedOperation:
            raise
        except Exception as error:
            if kind == "examples":
                raise UnsupportedOperation(f"the model cannot answer to its own examples: {said(error, 300)}; give example= as predict takes it") from error
            why = said(error, 120)
        count = length(rows)
        ask = functools.partial(answers, self._ways)
        spread = next((one.rows for one in self.batches if one.kind == "spread"), None)
        if kind != "spread" and kind in ORDINARY and spread is not None and "spread" in self.left_out:
            kept = rows_at(spread, np.resize(np.arange(length(spread)), count))  # where the model refuses ordinary rows is known by now
        else:
            kept, found = sifted(ask, rows)
            self.left_out[kind] = found or why
            self.left_out_rows[kind] = count - (0 if kept is None else length(kept))
            if kind in ORDINARY:
                kept = with_gentler(ask, kept, self._model, self._example, count)
        try:
            if kept is not None:
                return self._asked(kind, kept)
        except Exception as error:  # it takes them one by one, and not together
            why = said(error, 120)
        if kind == "spread":
            raise UnsupportedOperation(f"the model answers the example, and no other rows made from it: {why}; give more rows as example=")
        self.left_out[kind], self.left_out_rows[kind] = why, count
        return None

    def _asked(self, kind: str, rows: Any) -> Batch | None:
        batch = Batch(kind, rows, answers(self._ways, rows, alone=kind == "alone"))
        if kind in MAY_BE_REFUSED and any(value.dtype.kind == "f" and np.isnan(value).any() for value in batch.expected.values()):
            self.left_out[kind], self.left_out_rows[kind] = "it answers that it does not know (NaN)", length(rows)
            return None
        return batch

    def against(self, ways: Ways, blank: ExportProof) -> ExportProof:
        """Return the proof of one export.

        Args:
            ways: what the export can be asked.
            blank: the proof with everything but the figures.
        """
        tally = _Tally(blank.tolerance)
        not_taken: dict[str, str] = {}
        try:
            for batch in self.batches:
                methods = {name: ask for name, ask in ways.items() if name in batch.expected}
                try:
                    got = answers(methods, batch.rows, alone=batch.kind == "alone")
                except UnsupportedOperation as error:
                    if batch.kind not in MAY_BE_REFUSED:
                        raise
                    not_taken[batch.kind] = quoted(error, 200)
                    batch, got = _answered(methods, batch)
                for method, answer in got.items():
                    tally.add(batch, method, answer, method in self.labels)
                tally.rows[batch.kind] = length(batch.rows)
        except Exception as error:
            return _with(blank, rows=tally.rows, left_out=self.left_out, left_out_rows=self.left_out_rows, worst=float("inf"), failed=f"{type(error).__name__}: {quoted(' '.join(str(error).split()), 400)}")
        return _with(blank, rows=tally.rows, left_out=self.left_out, left_out_rows=self.left_out_rows, not_taken=not_taken, **tally.figures())


def _answered(ways: Ways, batch: Batch) -> tuple[Batch, dict[str, Any]]:
    """Return the rows of a batch to which an export does answer, asked one by one, and its answers."""
    places: list[int] = []
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for place in range(length(batch.rows)):
        try:
            one = answers(ways, rows_at(batch.rows, np.array([place])))
        except UnsupportedOperation:
            continue
        places.append(place)
        for name, answer in one.items():
            found[name].append(np.atleast_1d(answer))
    kept = Batch(batch.kind, rows_at(batch.rows, np.array(places, int)), {name: value[places] for name, value in batch.expected.items()})
    return kept, {name: np.concatenate(values) for name, values in found.items() if values}


def answers(ways: Ways, rows: Any, alone: bool = False) -> dict[str, Any]:
    """Return what each method answers, to all rows at once or one by one, in one thread."""
    with one_thread(), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if not alone:
            return {name: _array(ask(rows)) for name, ask in ways.items()}
        singles = [rows_at(rows, np.array([place])) for place in range(length(rows))]
        return {name: np.concatenate([np.atleast_1d(_array(ask(one))) for one in singles]) for name, ask in ways.items()}


def _array(answer: Any) -> Any:
    if isinstance(answer, dict | tuple) or (isinstance(answer, list) and len(answer) > 0 and np.ndim(answer[0]) > 0 and hasattr(answer[0], "dtype")):
        raise UnsupportedOperation("it answers with several tensors, and an export answers with one; wrap the model so that it gives the one you need")
    if hasattr(answer, "toarray"):
        return answer.toarray()
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    return np.asarray(answer.to_numpy() if hasattr(answer, "to_numpy") else answer)


class _Tally:
    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.rows: dict[str, int] = {}
        self.methods: list[str] = []
        self.worst, self.worst_in, self.worst_row = 0.0, "", list[str]()
        self.sums, self.count = 0.0, 0
        self.differing: dict[str, int] = {}
        self.beyond = self.beyond_tolerance = self.changed = 0

    def add(self, batch: Batch, method: str, answer: Any, labels: bool) -> None:
        found = differences(batch.expected[method], answer, labels)
        if method not in self.methods:
            self.methods.append(method)
        self.beyond += int((found.off > CLOSE).sum())
        self.beyond_tolerance += int((found.off > self.tolerance).sum())
        apart = int(((found.off > self.tolerance) | found.changed).sum())
        if apart:
            self.differing[batch.kind] = max(apart, self.differing.get(batch.kind, 0))
        first_change = found.changed.any() and not self.changed
        self.changed += int(found.changed.sum())
        self.sums += found.mean * len(found.off)
        self.count += len(found.off)
        place = int(found.changed.argmax()) if first_change else int(found.off.argmax()) if len(found.off) else 0
        if first_change or (len(found.off) and found.off[place] > self.worst):
            self.worst_in, self.worst_row = f"{method}, {batch.kind}", shown_row(batch.rows, place)
        self.worst = max(self.worst, float(found.off.max(initial=0.0)))

    def figures(self) -> dict[str, Any]:
        return {
            "worst": self.worst, "mean": self.sums / max(1, self.count), "beyond": self.beyond, "beyond_tolerance": self.beyond_tolerance,
            "changed_labels": self.changed, "differing": self.differing, "worst_in": self.worst_in, "worst_row": self.worst_row, "methods": self.methods,
        }  # fmt: skip


def _with(proof: ExportProof, **changes: Any) -> ExportProof:
    import msgspec

    return msgspec.structs.replace(proof, **changes)
