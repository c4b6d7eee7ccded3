"""How two saved models differ, from their manifests and trees alone; nothing is loaded.

The one rule: only what differs is said, and two artifacts are the same model exactly when their content digests agree.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from holdfast.artifact.load import Opening
from holdfast.errors import quoted
from holdfast.native.container import Stored
from holdfast.values.dtypes import NUMPY

SHOWN = 30


class TensorDifference(msgspec.Struct, frozen=True):
    """One tensor that differs.

    Attributes:
        name: its name.
        what: ``only in the first``, ``only in the second``, ``shape``, ``dtype`` or ``values``.
        first: dtype and shape in the first.
        second: dtype and shape in the second.
        worst: the largest absolute difference, for numbers of one shape.
        changed: number of elements that differ.
    """

    name: str
    what: str
    first: str = ""
    second: str = ""
    worst: float | None = None
    changed: int | None = None


class Comparison(msgspec.Struct, frozen=True):
    """What differs between two artifacts.

    Attributes:
        first: name of the first file.
        second: name of the second file.
        same: whether both hold the same model, by content digest.
        fields: what differs in the manifests: name -> (first, second).
        params: parameters that differ.
        metrics: metrics that differ.
        libraries: library versions that differ.
        tensors: tensors that differ.
        equal_tensors: how many tensors are equal.
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

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, in a stable shape."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    def __str__(self) -> str:
        """Say what differs."""
        if self.same:
            rest = [
                name for name, group in (("metrics", self.metrics), ("libraries", self.libraries), ("other fields", self.fields)) if group
            ]
            note = f" (different: {', '.join(rest)})" if rest else ""
            return f"the same model{note}: every tensor and the whole tree are equal, {self.equal_tensors} tensors"
        lines = ["different models"]
        for title, group in (("", self.fields), ("parameter ", self.params), ("metric ", self.metrics), ("library ", self.libraries)):
            for name, (a, b) in group.items():
                lines.append(f"  {title}{quoted(name, 60)}: {quoted(_shown(a), 80)} -> {quoted(_shown(b), 80)}")
        for one in self.tensors[:SHOWN]:
            far = "" if one.worst is None else f", {one.changed} elements, by up to {one.worst:.3g}"
            shapes = f" ({one.first} -> {one.second})" if one.first != one.second and one.what in ("shape", "dtype") else ""
            lines.append(f"  tensor {quoted(one.name, 80)}: {one.what}{shapes}{far}")
        if len(self.tensors) > SHOWN:
            lines.append(f"  … {len(self.tensors) - SHOWN} more tensors differ")
        lines.append(f"  {self.equal_tensors} tensors are equal")
        return "\n".join(lines)


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value)


def compare_openings(first: Opening, second: Opening) -> Comparison:
    """Return what differs between two opened files; see `holdfast.compare`."""
    a, b = _facts(first), _facts(second)
    tensors: list[TensorDifference] = []
    equal = 0
    ours, theirs = _tensors(first), _tensors(second)
    for name in dict.fromkeys([*ours, *theirs]):
        difference = _difference(name, first, ours.get(name), second, theirs.get(name))
        if difference is None:
            equal += 1
        else:
            tensors.append(difference)
    return Comparison(
        first.source.name,
        second.source.name,
        _same(first, second, tensors),
        _pairs(a["fields"], b["fields"]),
        _pairs(a["params"], b["params"]),
        _pairs(a["metrics"], b["metrics"]),
        _pairs(a["libraries"], b["libraries"]),
        tensors,
        equal,
    )


def _same(first: Opening, second: Opening, tensors: list[TensorDifference]) -> bool:
    if first.opened is None or second.opened is None:
        return first.opened is None and second.opened is None and not tensors
    return first.opened.manifest.content.digest == second.opened.manifest.content.digest


def _pairs(a: dict[str, Any], b: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)}


def _facts(opening: Opening) -> dict[str, dict[str, Any]]:
    if opening.opened is None:
        return {"fields": {"type": "a plain safetensors file"}, "params": {}, "metrics": {}, "libraries": {}}
    manifest = opening.opened.manifest
    signature = msgspec.to_builtins(manifest.signature) if manifest.signature is not None else {}
    fields = {
        "type": manifest.type,
        "inputs": [f"{one['name'] or ''}:{one['dtype']}{one['shape']}" for one in signature.get("inputs", [])] or None,
        "classes": signature.get("classes"),
        "python": manifest.python,
    }
    return {"fields": fields, "params": manifest.params, "metrics": manifest.metrics, "libraries": manifest.libraries}


def _tensors(opening: Opening) -> dict[str, Stored]:
    if opening.opened is not None:
        return {one.name: one for one in opening.opened.content.tensors}
    return {
        name: Stored(name, e.dtype, e.shape, e.data_offsets[0], e.data_offsets[1] - e.data_offsets[0], "", "")
        for name, e in opening.header.entries.items()
    }


def _text(one: Stored) -> str:
    return f"{one.dtype}{one.shape}"


def _difference(name: str, first: Opening, a: Stored | None, second: Opening, b: Stored | None) -> TensorDifference | None:
    if a is None or b is None:
        return TensorDifference(
            name, "only in the second" if a is None else "only in the first", _text(a) if a else "", _text(b) if b else ""
        )
    if a.digest and a.digest == b.digest and a.dtype == b.dtype and a.shape == b.shape:
        return None
    if a.dtype != b.dtype or a.shape != b.shape:
        return TensorDifference(name, "dtype" if a.dtype != b.dtype else "shape", _text(a), _text(b))
    x, y = _values(first, a), _values(second, b)
    if x is None or y is None:
        return TensorDifference(name, "values", _text(a), _text(b))
    different = (x != y) & ~((x != x) & (y != y))
    if not different.any() and x.tobytes() == y.tobytes():
        return None
    worst = None
    if x.dtype.kind in "fiu" and different.any():
        with np.errstate(all="ignore"):
            worst = float(np.abs(x.astype(float) - y.astype(float))[different].max())
    return TensorDifference(name, "values", _text(a), _text(b), worst, int(different.sum()))


def _values(opening: Opening, one: Stored) -> Any:
    if one.dtype not in NUMPY or one.name.startswith("~"):
        return None
    from holdfast.artifact.compression import decompress

    raw = opening.source.view(opening.header.data_start + one.start, one.nbytes)
    if one.encoding:
        raw = decompress(raw, one)
    return np.frombuffer(raw, NUMPY[one.dtype]) if one.nbytes else np.empty(0, NUMPY[one.dtype])
