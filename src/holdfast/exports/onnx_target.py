"""The target ONNX: which plans there are for a model of which library, and how a file is read, sealed and run.

The one rule: a plan only says how; whether it is good is decided by replay.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.errors import LibraryMissing, UnsupportedOperation
from holdfast.exports import onnx_file, onnx_text
from holdfast.exports.about import About, Description
from holdfast.exports.exporting import Plan
from holdfast.exports.families import has_classes, has_trees, parts
from holdfast.values.manifest import Signature

NAME = "onnx"
LIBRARIES = ("onnx", "onnxruntime", "skl2onnx", "onnxmltools")
MAKERS = {"catboost": "holdfast.exports.onnx_catboost", "torch": "holdfast.exports.onnx_torch", "keras": "holdfast.exports.onnx_keras"}
"""Library -> module with ``plans(model, signature)``, for those that write ONNX themselves."""


def need() -> None:
    """Say what is missing.

    Raises:
        LibraryMissing: holds the install command.
    """
    for name in ("onnx", "onnxruntime", "skl2onnx"):
        try:
            importlib.import_module(name)
        except ImportError:
            raise LibraryMissing(f"exports to ONNX need {name}; install it with: pip install 'holdfast[onnx]'") from None


def plans(model: Any, signature: Signature) -> Iterator[Plan]:
    """Yield the plans for a model, the most exact first."""
    for cls in type(model).__mro__:
        maker = MAKERS.get(cls.__module__.partition(".")[0])
        if maker is not None:
            yield from importlib.import_module(maker).plans(model, signature)
            return
    if not hasattr(model, "get_params"):
        yield from _boosters(model)
        return
    kinds = {kind_of(one.dtype) for one in signature.inputs}
    named = signature.kind == "frame" and (len(kinds) > 1 or any(hasattr(one, "transformers_") for one in parts(model)) or any(one.dtype == "category" for one in signature.inputs))
    for locale in onnx_text.locales(model):
        trees = ", exact trees" if has_trees(model) else ""
        yield Plan(f"float64{trees}{locale and ', locale ' + locale}", functools.partial(_sklearn, model, signature, named=named, locale=locale))
    yield Plan("float64, the library's own converters", functools.partial(_sklearn, model, signature, named=named, own_trees=False))
    yield Plan("float32, exact division", functools.partial(_sklearn, model, signature, named=named, own_trees=False, double=False))


def kind_of(dtype: str) -> str:
    """Return what a column of this dtype enters as."""
    from holdfast.exports.onnx_sklearn import is_number

    return "number" if is_number(dtype) else "text"


def _sklearn(model: Any, signature: Signature, path: str, named: bool, own_trees: bool = True, double: bool = True, locale: str = "") -> dict[str, str]:
    from holdfast.exports import onnx_sklearn

    options = None if double else _exact_division(model)
    graph = onnx_sklearn.convert(model, signature, own_trees, double, named, options)
    onnx_text.with_locale(graph, locale)
    return finished(graph, answers_of(model, len(graph.graph.output)), path)


def _exact_division(model: Any) -> dict[Any, Any]:
    return {id(one): {"div": "div"} for one in parts(model) if type(one).__name__ == "StandardScaler"}


def finished(graph: Any, answers: dict[str, str], path: str) -> dict[str, str]:
    """Write a graph with the names that its answers have everywhere.

    Returns:
        Output -> method.
    """
    onnx_file.with_versions(graph)
    onnx_file.with_types(graph)
    onnx_file.with_outputs(graph, list(answers))
    onnx_file.write(graph, path)
    return answers


def answers_of(model: Any, count: int) -> dict[str, str]:
    """Return output -> method for a model whose graph has so many outputs.

    Raises:
        UnsupportedOperation: the graph does not answer what the model answers.
    """
    if hasattr(model, "get_support") and hasattr(model, "predict"):
        raise UnsupportedOperation(f"{type(model).__name__} chooses columns and predicts from them, and an export does one of both; export its estimator_, for the columns of get_support()")
    if has_classes(model) and hasattr(model, "predict"):
        second = {"probabilities": "predict_proba"} if hasattr(model, "predict_proba") else {"scores": "decision_function"}
        found = {"label": "predict", **second}
    elif _finds_outliers(model):
        found = {"label": "predict", "scores": "decision_function"}
    elif hasattr(model, "predict") and hasattr(model, "predict_proba") and count == 2:  # a mixture
        found = {"label": "predict", "probabilities": "predict_proba"}
    elif hasattr(model, "predict") and hasattr(model, "transform") and count == 2:
        found = {"label": "predict", "scores": "transform"}
    elif hasattr(model, "predict"):
        found = {"value": "predict"}
    else:
        found = {"transformed": "transform"}
    if len(found) > count:
        found = dict(list(found.items())[:count])
    if len(found) != count:
        raise UnsupportedOperation(f"the graph of {type(model).__name__} has {count} outputs, and {len(found)} were expected")
    return found


def _finds_outliers(model: Any) -> bool:
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return getattr(last, "_estimator_type", None) == "outlier_detector" or type(last).__name__ in ("IsolationForest", "OneClassSVM", "LocalOutlierFactor", "EllipticEnvelope", "SGDOneClassSVM")


def labels(model: Any) -> bool:
    """Say whether a model answers with labels though it has no classes."""
    return _finds_outliers(model) or hasattr(model, "cluster_centers_")


def _boosters(model: Any) -> Iterator[Plan]:
    if type(model).__module__.partition(".")[0] not in ("xgboost", "lightgbm"):
        raise UnsupportedOperation(f"ONNX has no translation of {type(model).__module__}.{type(model).__name__}")
    yield Plan("exact trees", functools.partial(_booster, model))


def _booster(model: Any, path: str) -> dict[str, str]:
    """Write a bare booster, whose one answer is what its own ``predict`` gives."""
    from holdfast.exports import onnx_booster

    width = model.num_features() if hasattr(model, "num_features") else model.num_feature()
    return finished(*onnx_booster.graph_of(model, int(width)), path)


def runtime_name() -> str:
    """Return the runtime and its version."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"


def open_runtime(path: str, about: About | None) -> Any:
    """Return what runs a file of our own."""
    from holdfast.exports.onnx_runtime import OnnxModel

    return OnnxModel(path, about)


def open_stranger(path: str) -> tuple[Any, Signature | None]:
    """Return what runs a file that may come from anywhere, and its signature; it is looked at before the runtime sees it."""
    need()
    from holdfast.exports.onnx_runtime import OnnxModel
    from holdfast.exports.onnx_scan import classes_in, read_graph

    graph = read_graph(path)
    about = onnx_file.about_in(graph)
    beside = any(one.data_location or one.external_data for one in graph.graph.initializer)
    # what was looked at is what runs: the file may be another by now
    runtime = OnnxModel(path if beside else graph.SerializeToString(), about, path, classes_in(graph))
    return runtime, about.signature if about is not None and about.signature is not None else runtime.guessed_signature()


def describe(path: str) -> Description:
    """Return what a file says about itself, without a runtime."""
    try:
        import onnx
    except ImportError:
        raise LibraryMissing("ONNX files are read with onnx; install it with: pip install 'holdfast[onnx]'") from None
    from holdfast.exports.onnx_scan import read_graph

    graph = read_graph(path)
    inner = graph.graph
    weights = {one.name for one in inner.initializer}

    def shape(one: Any) -> str:
        kind = one.type.tensor_type
        lengths = ", ".join(str(part.dim_value) if part.HasField("dim_value") else "rows" if not number else "any" for number, part in enumerate(kind.shape.dim))
        return f"{onnx.TensorProto.DataType.Name(kind.elem_type).lower()} ({lengths})"

    details = {
        "ir": str(graph.ir_version), **{f"opset {one.domain or 'ai.onnx'}": str(one.version) for one in graph.opset_import},
        "producer": graph.producer_name, "nodes": str(len(inner.node)), "weights": str(len(inner.initializer)),
    }  # fmt: skip
    inputs = {one.name: shape(one) for one in inner.input if one.name not in weights}
    return Description(path, NAME, os.path.getsize(path), inputs, {one.name: shape(one) for one in inner.output}, details, onnx_file.about_in(graph))


def seal(path: str, about: About) -> None:
    """Put the proof into a file, without touching weights that lie beside it."""
    import onnx

    graph = onnx.load(path, load_external_data=False)
    onnx_file.seal(graph, about)
    with open(path, "wb") as file:
        file.write(graph.SerializeToString())


Maker = Callable[[Any, Signature], Iterator[Plan]]
"""What a module of ``MAKERS`` has as ``plans``."""
