"""CatBoost to ONNX: its trees exactly, or as CatBoost itself writes them, in float32.

The one rule: its map of probabilities is taken off, so that the answer is a tensor.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation, quoted
from holdfast.exports.exporting import Plan
from holdfast.values.manifest import Signature


def plans(model: Any, signature: Signature) -> Iterator[Plan]:
    """Yield the plans, the exact one first."""
    yield Plan("exact trees", functools.partial(_exact, model))
    yield Plan("float32, CatBoost's own", functools.partial(_make, model))


def _classes(model: Any) -> Any:
    classes = getattr(model, "classes_", None)
    return np.asarray(classes) if hasattr(model, "predict_proba") and classes is not None and len(classes) else None


def _exact(model: Any, path: str) -> dict[str, str]:
    from holdfast.exports.onnx_booster import graph_of
    from holdfast.exports.onnx_target import finished

    return finished(*graph_of(model, len(model.feature_names_), _classes(model)), path)


def _make(model: Any, path: str) -> dict[str, str]:
    import onnx

    from holdfast.exports import onnx_file
    from holdfast.exports.onnx_target import finished

    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "model.onnx")
        try:
            model.save_model(place, format="onnx", export_parameters={"onnx_graph_name": "holdfast"})
        except Exception as error:
            raise UnsupportedOperation(f"CatBoost cannot write this model as ONNX: {quoted(' '.join(str(error).split()), 300)}") from None
        graph = onnx.load(place)
    onnx_file.without_zipmap(graph)
    classifies = _classes(model) is not None
    return finished(graph, {"label": "predict", "probabilities": "predict_proba"} if classifies else {"value": "predict"}, path)
