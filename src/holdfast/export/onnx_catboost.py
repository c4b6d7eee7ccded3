"""CatBoost to ONNX: CatBoost writes it itself.

The one rule: its map of probabilities is taken off, so that the answer is a tensor.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from holdfast.errors import UnsupportedOperation, quoted
from holdfast.export.exporting import Plan
from holdfast.values.manifest import Signature


def plans(model: Any, signature: Signature) -> Iterator[Plan]:
    """Yield the one plan."""
    yield Plan("float32, CatBoost's own", functools.partial(_make, model))


def _make(model: Any, path: str) -> dict[str, str]:
    import onnx

    from holdfast.export import onnx_file
    from holdfast.export.onnx_target import finished

    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "model.onnx")
        try:
            model.save_model(place, format="onnx", export_parameters={"onnx_graph_name": "holdfast"})
        except Exception as error:
            raise UnsupportedOperation(f"CatBoost cannot write this model as ONNX: {quoted(' '.join(str(error).split()), 300)}") from None
        graph = onnx.load(place)
    onnx_file.without_zipmap(graph)
    classes = getattr(model, "classes_", None)
    classifies = hasattr(model, "predict_proba") and classes is not None and len(classes)
    return finished(graph, {"label": "predict", "probabilities": "predict_proba"} if classifies else {"value": "predict"}, path)
