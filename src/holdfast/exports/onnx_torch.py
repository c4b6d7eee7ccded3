"""PyTorch to ONNX: ``torch.onnx.export`` through ``torch.export``.

The one rule: the module is as it was before, and nothing of where it was written (paths, lines of code) stays in the file.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from holdfast.errors import LibraryMissing, UnsupportedOperation, quoted
from holdfast.exports import onnx_file
from holdfast.exports.exporting import Plan
from holdfast.values import limits
from holdfast.values.manifest import Signature

ROWS = 3
"""Rows with which a module is traced: one would be taken for a fixed number."""


def plans(model: Any, signature: Signature) -> Iterator[Plan]:
    """Yield the plans: any number of rows, the dtype that the module has."""
    if "forward" not in signature.outputs:
        raise UnsupportedOperation(f"{type(model).__name__} answers with several tensors or with none; export a module that answers with one")
    yield Plan("as PyTorch computes", functools.partial(_make, model, signature))


@contextlib.contextmanager
def _evaluating(model: Any) -> Iterator[Any]:
    """Give the module in evaluation mode on the CPU."""
    if any(one.device.type != "cpu" for one in model.parameters()):
        model = copy.deepcopy(model).cpu()
    training = [one for one in model.modules() if one.training]
    try:
        yield model.eval()
    finally:
        for one in training:
            one.training = True


def _make(model: Any, signature: Signature, path: str) -> dict[str, str]:
    import torch

    from holdfast.exports.onnx_target import finished

    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise LibraryMissing("PyTorch writes ONNX with onnxscript; install it with: pip install 'holdfast[onnx]'") from None
    with _evaluating(model) as module, _quiet():
        like = next((one.dtype for one in module.parameters() if one.is_floating_point()), torch.float32)
        made = {one.name or "X": _example(one, like) for one in signature.inputs}
        rows = torch.export.Dim("rows")
        given: dict[str, Any] = {"kwargs": made} if signature.kind == "dict" else {"args": tuple(made.values())}
        shapes: Any = {name: {0: rows} for name in made} if signature.kind == "dict" else tuple({0: rows} for _ in made)
        try:
            program = torch.onnx.export(module, **given, dynamo=True, dynamic_shapes=shapes, input_names=list(made), verbose=False)
            assert program is not None
        except Exception as error:
            raise UnsupportedOperation(f"PyTorch cannot write this module as ONNX: {quoted(' '.join(str(error).split()), 400)}") from None
        weights = sum(one.numel() * one.element_size() for one in module.state_dict().values() if hasattr(one, "numel"))
        if weights < limits.EXPORT_BYTES:
            graph = program.model_proto
            onnx_file.without_traces(graph)
            return finished(graph, {"value": "forward"}, path)
        return _beside(program, path)


def _beside(program: Any, path: str) -> dict[str, str]:
    """Write a graph, and its weights in a file beside it."""
    import onnx

    program.save(path, external_data=True)
    graph = onnx.load(path, load_external_data=False)
    onnx_file.without_traces(graph)
    onnx_file.with_outputs(graph, ["value"])
    with open(path, "wb") as file:
        file.write(graph.SerializeToString())
    if os.listdir(os.path.dirname(path)) == [os.path.basename(path)]:
        raise UnsupportedOperation("PyTorch wrote no file for the weights, and they are too large for one")
    return {"value": "forward"}


def _example(one: Any, like: Any) -> Any:
    """Return a tensor of a few rows as an input announces them."""
    import torch

    shape = [ROWS, *(int(length or 1) for length in one.shape[1:])]
    kind = np.dtype(one.dtype) if one.dtype not in ("numeric", "any") else np.dtype(np.float32)
    if kind.kind == "f":
        return torch.zeros(shape, dtype=like)
    return torch.as_tensor(np.zeros(shape, kind))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
