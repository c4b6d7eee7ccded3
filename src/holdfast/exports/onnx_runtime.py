"""An ONNX graph in onnxruntime: rows in, answers out, in one thread.

The one rule: rows are put into the dtype that an input announces, and no other; what it cannot hold shows in the replay.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import FormatError, UnsupportedOperation, quoted
from holdfast.exports.about import About
from holdfast.values.manifest import Feature, Signature

DTYPES = {
    "tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64, "tensor(int32)": np.int32,
    "tensor(int16)": np.int16, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8, "tensor(uint16)": np.uint16, "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64, "tensor(bool)": np.bool_, "tensor(string)": object,
}  # fmt: skip
"""What onnxruntime calls a dtype -> numpy's."""

MISSING = "nan"
"""The text that stands for a category that is missing."""


class OnnxModel:
    """A graph that can be asked.

    Attributes:
        about: what holdfast wrote into it, or None.
        inputs: name -> dtype.
        methods: method -> output that answers it.
    """

    def __init__(self, source: str | bytes, about: About | None, shown: str | None = None, classes: list[Any] | None = None) -> None:
        import onnxruntime

        path = source if isinstance(source, str) else None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        except Exception as error:
            raise FormatError(f"onnxruntime does not take this graph: {quoted(_reason(error), 400)}", file=shown or path) from None
        self.about = about
        self.classes = classes
        self.inputs = {one.name: (DTYPES.get(one.type), one.shape) for one in self._session.get_inputs()}
        self.outputs = {one.name: one.type for one in self._session.get_outputs()}
        self.methods = {method: name for name, method in (about.answers if about is not None else _guessed(list(self.outputs))).items() if name in self.outputs}
        unknown = [one.type for one in self._session.get_inputs() if one.type not in DTYPES]
        if unknown:
            raise UnsupportedOperation(f"an input is a {quoted(unknown[0])}, and only tensors can be given", file=shown or path)

    def ways(self) -> dict[str, Callable[[Any], Any]]:
        """Return what it can be asked: method -> a function of rows."""
        return {method: functools.partial(self._ask, method) for method in self.methods}

    def guessed_signature(self) -> Signature:
        """Return a signature from the inputs, for a graph that has none of ours."""
        inputs = [Feature(name, "str" if kind is object else str(np.dtype(kind)), [None, *(one if isinstance(one, int) else None for one in shape[1:])])
                  for name, (kind, shape) in self.inputs.items()]  # fmt: skip
        if len(inputs) == 1:
            only = inputs[0]
            numbers = "numeric" if len(only.shape) == 2 and self.inputs[str(only.name)][0] is not object else only.dtype
            return Signature("array", [Feature(None, numbers, only.shape)], {}, self.classes)
        columns = all(one.shape == [None, 1] for one in inputs)
        return Signature("frame" if columns else "dict", inputs, {}, self.classes)

    def _ask(self, method: str, rows: Any) -> Any:
        name = self.methods[method]
        (answer,) = self._session.run([name], self.fed(rows))
        answer = _tensor(answer)
        signature = self.about.signature if self.about is not None else None
        known = signature.outputs.get(method) if signature is not None else None
        flat = len(known.shape) == 1 if known is not None else name in ("value", "variable", "label", "output_label")
        if flat and answer.ndim == 2 and answer.shape[1] == 1:
            answer = answer.ravel()
        if method == "predict" and signature is not None and signature.classes is not None and answer.ndim == 1:
            answer = labels(answer, signature.classes)
        # CatBoost's labels of several classes are a column
        return answer.reshape(-1, 1) if known is not None and known.shape == [None, 1] and answer.ndim == 1 else answer

    def fed(self, rows: Any) -> dict[str, Any]:
        """Return rows as the inputs of the graph."""
        names = list(self.inputs)
        if hasattr(rows, "columns"):
            if len(names) == 1 and len(self.inputs[names[0]][1]) == 2:
                return {names[0]: _cast(rows.to_numpy(), self.inputs[names[0]][0])}
            columns = list(rows.columns)
            by_name = {name: columns[place] for place, name in enumerate(names)} if len(names) == len(columns) else {}
            by_name |= {name: name for name in names if name in columns}
            return {name: _cast(rows[by_name[name]].to_numpy(), self.inputs[name][0]).reshape(-1, 1) for name in names}
        if isinstance(rows, dict):
            if len(names) == len(rows) and not set(names) <= set(rows):
                rows = dict(zip(names, rows.values(), strict=True))
            return {name: _cast(np.asarray(rows[name]), self.inputs[name][0]) for name in names}
        kind, shape = self.inputs[names[0]]
        array = np.asarray(rows, object) if kind is object else np.asarray(rows)
        if kind is object and array.ndim == 1 and len(shape) == 2:
            array = array.reshape(-1, 1)
        if len(names) > 1 and array.ndim == 2 and array.shape[1] == len(names):
            return {name: _cast(array[:, [place]], self.inputs[name][0]) for place, name in enumerate(names)}
        return {names[0]: _cast(array, kind)}


def _reason(error: Exception) -> str:
    """Return what onnxruntime says, without its codes and the path, which may be a temporary one."""
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed: ?)?", "", " ".join(str(error).split()))


def text_of(value: Any) -> str:
    """Return a category as the text that enters a graph. A column of whole numbers is one of floats as soon as one is missing."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return MISSING
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _cast(array: Any, kind: Any) -> Any:
    if kind is not object:
        with np.errstate(all="ignore"):
            return np.ascontiguousarray(np.asarray(array), dtype=kind)
    flat = [text_of(one) for one in np.asarray(array, object).ravel().tolist()]
    return np.array(flat, object).reshape(np.shape(array))


def _tensor(answer: Any) -> Any:
    """Return an answer as an array, also where an old graph answers with a map for each row."""
    if isinstance(answer, list):
        return np.array([list(one.values()) for one in answer]) if answer and isinstance(answer[0], dict) else np.asarray(answer)
    return np.asarray(answer)


def _guessed(outputs: list[str]) -> dict[str, str]:
    """Return output -> method for a graph that does not say."""
    found: dict[str, str] = {}
    for name in outputs:
        low = name.lower()
        if "prob" in low:
            found[name] = "predict_proba"
        elif "score" in low:
            found[name] = "decision_function"
        elif "predict" not in found.values():
            found[name] = "predict"
    return found or {outputs[0]: "predict"}


def labels(answer: Any, classes: list[Any]) -> Any:
    """Return labels as the user had them.

    Args:
        answer: labels as a runtime knows them: integers or texts.
        classes: all labels in order.
    """
    known = {one if isinstance(one, str) else str(int(one)) if float(one).is_integer() else str(one): one for one in classes}
    given = [one if isinstance(one, str) else str(int(one)) if float(one).is_integer() else str(one) for one in answer.tolist()]
    return np.array([known.get(one, one) for one in given])
