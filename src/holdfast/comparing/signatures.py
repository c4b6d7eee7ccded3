"""What changed in what a model takes and answers, and whether that breaks those who call it.

A change breaks when callers that fit the first, and know nothing of the second, are refused, read wrongly, or get what they are not made for:
a model that is asked itself, and not through `holdfast.predictor`, counts as well.

The one rule: where it cannot be known, it breaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from holdfast.comparing.result import SignatureChange
from holdfast.values.manifest import Feature, Signature

ANY = "any"
NUMERIC = "numeric"
TEXTS = ("object", "str", "string")
TABLES = ("array", "frame", "sparse")


def signature_changes(first: Signature | None, second: Signature | None) -> list[SignatureChange]:
    """Return the changes from one signature to another."""
    if first is None and second is None:
        return []
    if first is None:
        return [SignatureChange("signature", "", "not known", "known", False, "what it takes is known now")]
    if second is None:
        return [SignatureChange("signature", "", "known", "not known", True, "nothing is known of what it takes, so nobody can rely on it; save it with example=")]
    return [*_kind(first, second), *_inputs(first, second), *_outputs(first, second), *_classes(first.classes, second.classes)]


def _kind(a: Signature, b: Signature) -> Iterator[SignatureChange]:
    if a.kind == b.kind or not a.inputs or not b.inputs:
        return
    tables = a.kind in TABLES and b.kind in TABLES
    why = "rows go by their order or by their names, as far as the columns agree" if tables else "rows have another form"
    yield SignatureChange("kind", "", a.kind, b.kind, not tables, why)


def _inputs(a: Signature, b: Signature) -> Iterator[SignatureChange]:
    if a.inputs and not b.inputs:
        yield SignatureChange("input", "", _all(a.inputs), "not known", True, "nothing is known of what it takes; save it with example=")
        return
    if not a.inputs:
        return
    if all(one.name is not None for one in (*a.inputs, *b.inputs)):
        yield from _named(a.inputs, b.inputs)
        return
    if len(a.inputs) == len(b.inputs) == 1:
        yield from _feature("input", a.inputs[0], b.inputs[0])
        return
    width = [_width(one.inputs) for one in (a, b)]
    if width[0] != width[1] or width[0] is None:
        yield SignatureChange("input", "", _all(a.inputs), _all(b.inputs), True, "rows have another width")
    else:
        yield SignatureChange("input", "", _all(a.inputs), _all(b.inputs), False, "the columns have names on one side alone; their number is the same")


def _named(a: list[Feature], b: list[Feature]) -> Iterator[SignatureChange]:
    ours, theirs = {str(one.name): one for one in a}, {str(one.name): one for one in b}
    for name, one in ours.items():
        if name not in theirs:
            yield SignatureChange("input", name, _said(one), "absent", True, "the model itself refuses a column that it does not know; holdfast.predictor leaves it out")
    for name, one in theirs.items():
        if name not in ours:
            yield SignatureChange("input", name, "absent", _said(one), True, "callers do not give it")
    kept = [name for name in ours if name in theirs]
    for name in kept:
        yield from _feature("input", ours[name], theirs[name])
    if kept != [name for name in theirs if name in ours]:
        order = ", ".join(kept), ", ".join(name for name in theirs if name in ours)
        yield SignatureChange("input", "", *order, True, "the columns have another order: rows without names are read wrongly")


def _outputs(a: Signature, b: Signature) -> Iterator[SignatureChange]:
    if not a.outputs or not b.outputs:
        return  # known only of a model that was saved with an example
    for name, one in a.outputs.items():
        if name not in b.outputs:
            yield SignatureChange("output", name, _said(one), "absent", True, "it cannot be asked any more")
        else:
            yield from _feature("output", one, b.outputs[name])
    for name, one in b.outputs.items():
        if name not in a.outputs:
            yield SignatureChange("output", name, "absent", _said(one), False, "it can be asked now")


def _feature(what: str, a: Feature, b: Feature) -> Iterator[SignatureChange]:
    name = b.name or ""
    if a.dtype != b.dtype:
        # what callers give has to become what is taken; what is answered has to become what they await
        fits = _becomes(a.dtype, b.dtype) if what == "input" else _becomes(b.dtype, a.dtype)
        why = "one becomes the other" if fits else "values of the one are none of the other" if what == "input" else "answers are of another kind"
        yield SignatureChange(what, name, a.dtype, b.dtype, not fits, why)
    if a.shape != b.shape:
        fits = len(a.shape) == len(b.shape) and all(new is None or new == old for old, new in zip(a.shape, b.shape, strict=True))
        why = "every length is taken now" if fits else "rows have another width" if what == "input" else "answers have another shape"
        yield SignatureChange(what, name, _shape(a.shape), _shape(b.shape), not (fits and what == "input"), why)


def _becomes(old: str, new: str) -> bool:
    """Say whether values of one dtype can stand for those of another: of the same kind or of a wider one."""
    if ANY in (old, new):
        return True
    if old in TEXTS or new in TEXTS:
        return old in TEXTS and new in TEXTS
    try:
        known = [np.dtype(one) for one in (old, new) if one != NUMERIC]
    except TypeError:
        return False
    if len(known) < 2:
        return all(one.kind in "biuf" for one in known)
    return bool(np.can_cast(known[0], known[1], "same_kind"))


def _classes(a: list[Any] | None, b: list[Any] | None) -> Iterator[SignatureChange]:
    if a == b:
        return
    if a is None or b is None:
        yield SignatureChange("classes", "", _list(a), _list(b), True, "answers are labels now" if a is None else "answers are no labels any more")
        return
    before, after = set(map(repr, a)), set(map(repr, b))  # lists of any length, of whatever a file says
    gone, new = [one for one in a if repr(one) not in after], [one for one in b if repr(one) not in before]
    if gone:
        why = f"no answer is {_list(gone)} any more"
    elif new:
        why = f"answers may be {_list(new)}, which callers do not know"
    else:
        why = "the columns of predict_proba have another order"
    yield SignatureChange("classes", "", _list(a), _list(b), True, why)


def _width(inputs: list[Feature]) -> int | None:
    if all(one.name is not None for one in inputs):
        return len(inputs)
    return inputs[0].shape[1] if len(inputs) == 1 and len(inputs[0].shape) == 2 else None


def _said(one: Feature) -> str:
    return f"{one.dtype}{_shape(one.shape)}"


def _shape(shape: list[int | None]) -> str:
    return f"({', '.join('rows' if one is None else str(one) for one in shape)})"


def _all(inputs: list[Feature]) -> str:
    return ", ".join(f"{one.name or ''}{':' if one.name else ''}{_said(one)}" for one in inputs[:12]) + (f" and {len(inputs) - 12} more" if len(inputs) > 12 else "")


def _list(values: list[Any] | None) -> str:
    if values is None:
        return "none"
    return ", ".join(map(str, values[:12])) + (f" and {len(values) - 12} more" if len(values) > 12 else "")
