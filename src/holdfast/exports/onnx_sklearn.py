"""scikit-learn, and boosters inside its pipelines, to ONNX: skl2onnx translates, with our own translation of everything that has trees.

The one rule: rows enter as float64, as scikit-learn takes them, and are rounded only where the model itself rounds them.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError, UnsupportedOperation, quoted
from holdfast.exports import onnx_svm, onnx_text, onnx_trees
from holdfast.exports.families import parts
from holdfast.exports.onnx_writer import ContainerWriter
from holdfast.values.manifest import Signature

OPSET, ML_OPSET = 18, 3
"""What skl2onnx is asked for; ``TreeEnsemble`` needs a later one for ``ai.onnx.ml``, which is set afterwards."""

LINEAR = ("RidgeClassifier", "RidgeClassifierCV", "LinearSVC", "Perceptron")
"""Linear models that decide without probabilities, which the converters know in float32 only."""

FORESTS = ("DecisionTree", "ExtraTree", "ExtraTrees", "RandomForest")


def convert(model: Any, signature: Signature, own_trees: bool = True, double: bool = True, named: bool = False, options: dict[Any, Any] | None = None) -> Any:
    """Return a model as an ONNX graph.

    Args:
        model: an estimator or a pipeline.
        signature: what it takes; one input a column for frames, one tensor ``X`` for arrays, texts for rows.
        own_trees: translate trees ourselves, exactly; otherwise as the converters of their libraries do.
        double: numbers enter as float64; otherwise as float32.
        named: one input for each column of a frame; otherwise one tensor.
        options: options of skl2onnx by class.

    Raises:
        UnsupportedOperation: a step has no translation; names it.
    """
    import skl2onnx

    # a step that is not named is given an option that it may not know
    kept = {id(one): {"zipmap": False} if _takes_zipmap(one) else {} for one in parts(model) if not hasattr(one, "steps")}
    classes, shapes = _translations(model) if own_trees else ({}, {})
    try:
        with _quiet(), _plain_transforms(model), _registered(model, classes, shapes):
            return skl2onnx.convert_sklearn(
                model, "holdfast", _types(signature, double, named), target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET}, options={**kept, **{key: {**kept.get(key, {}), **more} for key, more in (options or {}).items()}},
                custom_conversion_functions=classes, custom_shape_calculators=shapes,
            )  # fmt: skip
    except HoldfastError:
        raise
    except Exception as error:
        raise UnsupportedOperation(f"ONNX cannot express this model: {_step(model, error)}") from error


def _step(model: Any, error: Exception) -> str:
    said = " ".join(str(error).split())
    named = [type(one).__name__ for one in parts(model) if type(one).__name__ in said]
    about = f"the step {named[-1]}: " if named else ""
    return f"{about}{type(error).__name__}: {quoted(said, 300)}"


def _takes_zipmap(model: Any) -> bool:
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common._registration import _converter_pool

    known = _converter_pool.get(sklearn_operator_name_map.get(type(model)))
    if known is None:
        return _is_booster(model) and hasattr(model, "classes_")
    return "zipmap" in (getattr(known, "_options", None) or {})


def _is_booster(model: Any) -> bool:
    return type(model).__module__.partition(".")[0] in ("xgboost", "lightgbm") and hasattr(model, "get_params")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep a converter from talking to the person."""
    level = logging.getLogger("skl2onnx").level
    logging.getLogger("skl2onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("skl2onnx").setLevel(level)


@contextlib.contextmanager
def _plain_transforms(model: Any) -> Iterator[None]:
    """Set aside, for the time of a conversion, an option of voting that has no part in its answers and stops the converter."""
    voting = [one for one in parts(model) if getattr(one, "flatten_transform", None) is True]
    try:
        for one in voting:
            one.flatten_transform = False
        yield
    finally:
        for one in voting:
            one.flatten_transform = True


def _types(signature: Signature, double: bool, named: bool) -> list[tuple[str, Any]]:
    """Return the inputs of a graph as skl2onnx describes them."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    number = DoubleTensorType if double else FloatTensorType
    if signature.kind == "rows":
        return [("X", StringTensorType([None, 1]))]
    if signature.kind == "frame":
        if named:
            return [(str(one.name), (number if is_number(one.dtype) else StringTensorType)([None, 1])) for one in signature.inputs]
        return [("X", (number if is_number(signature.inputs[0].dtype) else StringTensorType)([None, len(signature.inputs)]))]
    only = signature.inputs[0]
    return [("X", (number if is_number(only.dtype) else StringTensorType)([None, only.shape[1]]))]


def is_number(dtype: str) -> bool:
    """Say whether a column of this dtype enters as numbers."""
    return dtype.lower().startswith(("float", "int", "uint", "bool", "numeric"))


# -- our own translations --------------------------------------------------------------------------------------------------


def _translations(model: Any) -> tuple[dict[type, Any], dict[type, Any]]:
    """Return class -> converter, and class -> shapes, for the classes of trees in a model."""
    converters: dict[type, Any] = {}
    shapes: dict[type, Any] = {}
    for one in parts(model):
        cls = type(one)
        found = _translation(cls)
        if found is not None:
            converters[cls], shapes[cls] = found, _shapes_of(cls.__name__)
    return converters, shapes


def _translation(cls: type) -> Callable[..., None] | None:
    module, name = cls.__module__.partition(".")[0], cls.__name__
    if module in ("xgboost", "lightgbm") and hasattr(cls, "get_params"):
        return _convert_booster
    if module != "sklearn":
        return None
    if name in ("TfidfVectorizer", "CountVectorizer"):
        return onnx_text.convert_texts
    if name in ("SVR", "NuSVR", "OneClassSVM"):
        return _convert_svm
    if name in LINEAR:
        return _convert_linear
    if name == "SimpleImputer":
        return _convert_imputer
    if name == "IsolationForest":
        return _convert_isolation
    if name == "AdaBoostClassifier":
        return _convert_adaptive
    if name.startswith("HistGradientBoosting"):
        return _convert_hist
    if name.startswith("GradientBoosting"):
        return _convert_boosting
    if name.removesuffix("Classifier").removesuffix("Regressor") in FORESTS:
        return _convert_forest
    return None


def _shapes_of(name: str) -> Callable[[Any], None]:
    known = {"IsolationForest": _outlier_shapes, "OneClassSVM": _outlier_shapes, "SimpleImputer": _same_shapes}
    return {**known, "TfidfVectorizer": onnx_text.shapes, "CountVectorizer": onnx_text.shapes}.get(name, _shapes)


def _same_shapes(operator: Any) -> None:
    operator.outputs[0].type = type(operator.inputs[0].type)([None, len(operator.raw_operator.statistics_)])


def _shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType

    classes = getattr(operator.raw_operator, "classes_", None)
    if classes is None:
        operator.outputs[0].type = DoubleTensorType([None, 1])
        return
    operator.outputs[0].type = (Int64TensorType if np.asarray(classes).dtype.kind in "iubf" else StringTensorType)([None])
    operator.outputs[1].type = DoubleTensorType([None, len(classes)])


def _outlier_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType

    operator.outputs[0].type = Int64TensorType([None])
    operator.outputs[1].type = DoubleTensorType([None, 1])


def _begin(scope: Any, operator: Any, container: Any) -> tuple[ContainerWriter, Any, str, list[Any]]:
    if len(operator.inputs) != 1:
        raise UnsupportedOperation(f"{type(operator.raw_operator).__name__} gets its columns one by one; put a ColumnTransformer in front of it")
    return ContainerWriter(scope, container), operator.raw_operator, operator.inputs[0].full_name, operator.outputs


def _give(w: ContainerWriter, name: str, output: Any) -> None:
    """Give a result the name and the dtype that were announced for it."""
    kind = onnx_trees.DOUBLE if type(output.type).__name__ == "DoubleTensorType" else onnx_trees.FLOAT
    w.node("Cast", [name], [output.full_name], to=kind)


def _classify(w: ContainerWriter, model: Any, answer: str, places: str, outputs: list[Any]) -> None:
    onnx_trees.labelled(w, places, model.classes_, outputs[0].full_name)
    if len(outputs) > 1:
        _give(w, answer, outputs[1])


def _convert_linear(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    rows = w.node("Cast", [rows], to=onnx_trees.DOUBLE)
    offset = np.resize(np.asarray(model.intercept_, float), len(model.coef_))
    scores = w.node("Add", [w.node("MatMul", [rows, w.constant(np.asarray(model.coef_, float).T)]), w.constant(offset)])
    places = onnx_trees.above(w, scores, np.zeros(1)) if len(model.coef_) == 1 else onnx_trees.argmax(w, scores)
    _classify(w, model, scores, places, outputs)


def _convert_svm(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    decided = onnx_svm.decision(w, model, w.node("Cast", [rows], to=onnx_trees.DOUBLE))
    if len(outputs) == 1:
        _give(w, decided, outputs[0])
        return
    inside = w.node("Cast", [w.node("Greater", [decided, w.constant(np.zeros(1))])], to=onnx_trees.INT64)
    flat = w.node("Reshape", [inside, w.constant(np.array([-1], np.int64))])
    w.node("Sub", [w.node("Mul", [flat, w.constant(np.array([2], np.int64))]), w.constant(np.array([1], np.int64))], [outputs[0].full_name])
    _give(w, decided, outputs[1])


def _convert_imputer(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    values = np.asarray(model.statistics_)
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all() or model.add_indicator or model.missing_values == model.missing_values:
        raise UnsupportedOperation("SimpleImputer is exported for numbers that are missing as NaN, with a finite value for each column")
    kind = np.float64 if type(outputs[0].type).__name__ == "DoubleTensorType" else np.float32
    w.node("Where", [w.node("IsNaN", [rows]), w.constant(values.astype(kind)[None, :]), rows], [outputs[0].full_name])


def _convert_forest(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    total = onnx_trees.forest(w, model, rows)
    if hasattr(model, "classes_"):
        _classify(w, model, total, onnx_trees.argmax(w, total), outputs)
    else:
        _give(w, total, outputs[0])


def _convert_boosting(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    total, trees = onnx_trees.boosting(w, model, rows)
    if hasattr(model, "classes_"):
        answer, places = onnx_trees.classifier_answers(w, total, trees, "sum>=0")
        _classify(w, model, answer, places, outputs)
    else:
        _give(w, total, outputs[0])


def _convert_hist(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    total, trees = onnx_trees.hist_boosting(w, model, rows)
    if hasattr(model, "classes_"):
        answer, places = onnx_trees.classifier_answers(w, total, trees, "sum>0")
        _classify(w, model, answer, places, outputs)
    else:
        _give(w, onnx_trees.linked(w, total, trees), outputs[0])


def _convert_adaptive(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    if not all(hasattr(one, "tree_") for one in model.estimators_):
        raise UnsupportedOperation("AdaBoostClassifier of anything but trees cannot be exported; boost trees")
    answer, places = onnx_trees.adaptive(w, model, rows)
    _classify(w, model, answer, places, outputs)


def _convert_isolation(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    label, scores = onnx_trees.isolation(w, model, rows)
    w.node("Identity", [label], [outputs[0].full_name])
    _give(w, scores, outputs[1])


def _convert_booster(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    total, trees, zero = onnx_trees.booster_answers(w, model, rows)
    if hasattr(model, "classes_"):
        answer, places = onnx_trees.classifier_answers(w, total, trees, zero)
        _classify(w, model, answer, places, outputs)
    else:
        _give(w, onnx_trees.linked(w, total, trees), outputs[0])


# -- boosters that skl2onnx does not know ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _registered(model: Any, converters: dict[type, Any], shapes: dict[type, Any]) -> Iterator[None]:
    """Make the classes of boosters known to skl2onnx for the time of one conversion, and leave its tables as they were."""
    from skl2onnx import _parse, _supported_operators
    from skl2onnx.common import _registration

    names = _supported_operators.sklearn_operator_name_map
    tables: list[dict[Any, Any]] = [names, _parse.sklearn_parsers_map, _registration._converter_pool, _registration._shape_calculator_pool]
    before = [dict(table) for table in tables]
    try:
        for cls in {type(one) for one in parts(model) if _is_booster(one)}:
            own = (shapes[cls], converters[cls]) if cls in converters else _of_onnxmltools(cls)
            options = {"zipmap": [True, False, "columns"], "nocl": [True, False]} if hasattr(cls, "predict_proba") else None
            _parse_registered(cls, f"Holdfast{cls.__name__}", *own, options)
        yield
    finally:
        for table, old in zip(tables, before, strict=True):
            table.clear()
            table.update(old)


def _parse_registered(cls: type, alias: str, shapes: Any, converter: Any, options: Any) -> None:
    import skl2onnx

    skl2onnx.update_registered_converter(cls, alias, shapes, converter, options=options, overwrite=True)


def _of_onnxmltools(cls: type) -> tuple[Any, Any]:
    """Return shapes and converter of onnxmltools for a class."""
    kind = "Classifier" if hasattr(cls, "predict_proba") else "Regressor"
    if cls.__module__.startswith("xgboost"):
        converters = importlib.import_module("onnxmltools.convert.xgboost.operator_converters.XGBoost")
        shapes = importlib.import_module(f"onnxmltools.convert.xgboost.shape_calculators.{kind}")
        return getattr(shapes, f"calculate_xgboost_{kind.lower()}_output_shapes"), converters.convert_xgboost
    converters = importlib.import_module("onnxmltools.convert.lightgbm.operator_converters.LightGbm")
    if kind == "Classifier":
        common = importlib.import_module("skl2onnx.common.shape_calculator")
        return common.calculate_linear_classifier_output_shapes, converters.convert_lightgbm
    common = importlib.import_module("skl2onnx.common.shape_calculator")
    return common.calculate_linear_regressor_output_shapes, converters.convert_lightgbm
