"""Keras to ONNX: Keras' own ``export``, on TensorFlow or PyTorch.

The one rule: nothing of where it was written stays in the file.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

from holdfast.errors import LibraryMissing, UnsupportedOperation, quoted
from holdfast.exports import onnx_file
from holdfast.exports.exporting import Plan
from holdfast.values.manifest import Signature


def plans(model: Any, signature: Signature) -> Iterator[Plan]:
    """Yield the one plan."""
    if not hasattr(model, "export"):
        raise UnsupportedOperation(f"{type(model).__name__} is a layer; put it into a keras.Sequential, and export that")
    if "predict" not in signature.outputs:
        raise UnsupportedOperation(f"{type(model).__name__} answers with several tensors; export a model that answers with one")
    yield Plan("as Keras computes", functools.partial(_make, model))


def _make(model: Any, path: str) -> dict[str, str]:
    import onnx

    from holdfast.exports.onnx_target import finished

    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "model.onnx")
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                model.export(place, format="onnx", verbose=False)
        except ImportError as error:
            name = next((one for one in ("tf2onnx", "jax2onnx", "onnxscript") if one in str(error)), "onnx")
            raise LibraryMissing(f"Keras writes ONNX with {name} on this backend; install it with: pip install {name}, or load the model with KERAS_BACKEND=torch") from None
        except Exception as error:
            raise UnsupportedOperation(f"Keras cannot write this model as ONNX: {quoted(' '.join(str(error).split()), 400)}") from None
        finally:
            logging.disable(level)
        graph = onnx.load(place)
    onnx_file.without_traces(graph)
    return finished(graph, {"value": "predict"}, path)
