"""Keras to ONNX: Keras' own ``export``, through tf2onnx on TensorFlow and through torch.onnx on PyTorch.

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
            with _plain_constants(model), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                model.export(place, format="onnx", verbose=False)
        except ImportError as error:
            name = next((one for one in ("tf2onnx", "jax2onnx", "onnxscript") if one in str(error)), "onnx")
            command = f"pip install {name}" if name == "jax2onnx" else "pip install 'holdfast[onnx]'"
            raise LibraryMissing(f"Keras writes ONNX with {name} on this backend; install it with: {command}") from None
        except Exception as error:
            raise UnsupportedOperation(f"Keras cannot write this model as ONNX: {quoted(' '.join(str(error).split()), 400)}") from None
        finally:
            logging.disable(level)
        graph = onnx.load(place)
    _known_operators(graph)
    onnx_file.without_traces(graph)
    return finished(graph, {"value": "predict"}, path)


@contextlib.contextmanager
def _plain_constants(model: Any) -> Iterator[None]:
    """Let layers hold numpy arrays where they hold tensors of TensorFlow, such as the mean of a ``Normalization``: tf2onnx takes those for inputs."""
    held = []
    for layer in model._flatten_layers():
        for name, value in list(vars(layer).items()):
            if type(value).__name__ == "EagerTensor":
                held.append((layer, name, value))
                setattr(layer, name, value.numpy())
    try:
        yield
    finally:
        for layer, name, value in held:
            setattr(layer, name, value)


def _known_operators(graph: Any) -> None:
    """Write what tf2onnx left as operators of TensorFlow in operators of ONNX.

    Raises:
        UnsupportedOperation: there is an operator that ONNX does not have; names it.
    """
    import onnx

    nodes = graph.graph.node
    for at in reversed([at for at, node in enumerate(nodes) if node.op_type == "Erfc"]):
        node = nodes[at]
        one, erf, (rows,), (out,) = f"{node.output[0]}/one", f"{node.output[0]}/erf", node.input, node.output
        graph.graph.initializer.append(onnx.helper.make_tensor(one, onnx.TensorProto.FLOAT, [], [1.0]))
        made = [("Erf", [rows], [erf]), ("CastLike", [one, erf], [f"{one}/cast"]), ("Sub", [f"{one}/cast", erf], [out])]
        del nodes[at]
        for new in reversed(made):
            nodes.insert(at, onnx.helper.make_node(*new))
    version = next((one.version for one in graph.opset_import if one.domain == ""), 1)
    unknown = sorted({node.op_type for node in nodes if not node.domain and not onnx.defs.has(node.op_type, version, "")})
    if unknown:
        shown = ", ".join(quoted(one, 40) for one in unknown[:5])
        raise UnsupportedOperation(f"Keras wrote this model with {shown}, which ONNX does not have; load it with KERAS_BACKEND=torch, or use another layer")
