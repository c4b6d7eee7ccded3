"""Our own translations of estimators, which skl2onnx calls in place of its own: trees, and what it knows in float32 only.

The one rule: the arithmetic is the estimator's, in its precision; a setting that is not written here is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import UnsupportedOperation
from holdfast.exports import onnx_columns, onnx_svm, onnx_text, onnx_trees, onnx_votes
from holdfast.exports.families import parts
from holdfast.exports.onnx_runtime import text_of
from holdfast.exports.onnx_writer import ML, ContainerWriter

LINEAR = ("RidgeClassifier", "RidgeClassifierCV", "LinearSVC", "Perceptron")
"""Linear models that decide without probabilities, which the converters know in float32 only."""

MIXTURES = ("GaussianMixture", "BayesianGaussianMixture")
FORESTS = ("DecisionTree", "ExtraTree", "ExtraTrees", "RandomForest")


def translations(model: Any) -> tuple[dict[type, Any], dict[type, Any]]:
    """Return class -> converter, and class -> shapes, for the classes of trees in a model."""
    converters: dict[type, Any] = {}
    shapes: dict[type, Any] = {}
    left: set[type] = set()
    for one in parts(model):
        cls = type(one)
        voting = {"OneVsRestClassifier": _convert_decided, "OneVsOneClassifier": _convert_decided, "BaggingClassifier": _convert_voted}.get(cls.__name__)
        if (cls.__name__ in ("SVC", "NuSVC") and hasattr(one, "predict_proba")) or (voting is not None and hasattr(one, "estimators_") and not onnx_votes.is_voting(one)):
            left.add(cls)  # answers out of probabilities, which the converter knows
        found = voting or _translation(cls)
        if found is not None:
            converters[cls], shapes[cls] = found, _shapes_of(cls.__name__)
    return ({cls: one for cls, one in converters.items() if cls not in left}, {cls: one for cls, one in shapes.items() if cls not in left})


def _translation(cls: type) -> Callable[..., None] | None:
    module, name = cls.__module__.partition(".")[0], cls.__name__
    if module in ("xgboost", "lightgbm") and hasattr(cls, "get_params"):
        return _convert_booster
    if module != "sklearn":
        return None
    if name in ("TfidfVectorizer", "CountVectorizer"):
        return onnx_text.convert_texts
    if name in ("SVR", "NuSVR", "OneClassSVM", "SVC", "NuSVC"):
        return _convert_svm
    if name in onnx_columns.WRITTEN:
        return _convert_columns
    if name == "LinearDiscriminantAnalysis":
        return _convert_discriminant
    if name in LINEAR:
        return _convert_linear
    if name in MIXTURES:
        return _convert_mixture
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
    known = {"IsolationForest": _outlier_shapes, "OneClassSVM": _outlier_shapes}
    return {**known, **dict.fromkeys(onnx_columns.WRITTEN, _column_shapes), **dict.fromkeys(MIXTURES, _mixture_shapes), "TfidfVectorizer": onnx_text.shapes, "CountVectorizer": onnx_text.shapes}.get(name, _shapes)


def _column_shapes(operator: Any) -> None:
    model, given = operator.raw_operator, type(operator.inputs[0].type)
    _, width = onnx_columns.WRITTEN[type(model).__name__]
    operator.outputs[0].type = given([None, width(model)])


def _mixture_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType

    operator.outputs[0].type = Int64TensorType([None])
    operator.outputs[1].type = DoubleTensorType([None, int(operator.raw_operator.n_components)])


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
    w, model = ContainerWriter(scope, container), operator.raw_operator
    rows = operator.inputs[0].full_name
    if len(operator.inputs) > 1 or _is_text(operator.inputs[0]):
        rows = _joined(w, model, operator.inputs)
    return w, model, rows, operator.outputs


def _is_text(variable: Any) -> bool:
    return type(variable.type).__name__ == "StringTensorType"


def _joined(w: ContainerWriter, model: Any, inputs: list[Any]) -> str:
    """Write columns that come one by one as one tensor, texts as the numbers of their categories."""
    known = codes_of_texts(model)
    if known is None and any(map(_is_text, inputs)):
        raise UnsupportedOperation(f"{type(model).__name__} cannot take texts; put a ColumnTransformer in front of it")
    columns, number = [], 0
    for place, one in enumerate(inputs):
        if not _is_text(one):
            columns.append(w.node("Cast", [one.full_name], to=onnx_trees.DOUBLE))
            continue
        texts = known[place] if isinstance(known, dict) else (known or [])[number]
        number += 1
        coded = w.node("LabelEncoder", [one.full_name], domain=ML, keys_strings=[text_of(text) for text in texts], values_int64s=list(range(len(texts))), default_int64=-1)
        numbers = w.node("Cast", [coded], to=onnx_trees.DOUBLE)
        columns.append(w.node("Where", [w.node("Less", [numbers, w.constant(np.zeros(1))]), w.constant(np.array([np.nan])), numbers]))
    return w.node("Concat", columns, axis=1)


def codes_of_texts(model: Any) -> dict[int, list[Any]] | list[list[Any]] | None:
    """Return the categories of a booster's columns, by column or in the order of its columns of categories; None where it has none."""
    if getattr(model, "_preprocessor", None) is not None:
        places = np.flatnonzero(np.asarray(model.is_categorical_, bool)).tolist()
        encoder = model._preprocessor.named_transformers_["encoder"]
        return {place: [one for one in categories.tolist() if one == one and one is not None] for place, categories in zip(places, encoder.categories_, strict=True)}
    known = getattr(getattr(model, "booster_", None), "pandas_categorical", None)
    return known or None


def _give(w: ContainerWriter, name: str, output: Any) -> None:
    """Give a result the name and the dtype that were announced for it."""
    kind = onnx_trees.DOUBLE if type(output.type).__name__ == "DoubleTensorType" else onnx_trees.FLOAT
    w.node("Cast", [name], [output.full_name], to=kind)


def _classify(w: ContainerWriter, model: Any, answer: str, places: str, outputs: list[Any]) -> None:
    onnx_trees.labelled(w, places, model.classes_, outputs[0].full_name)
    if len(outputs) > 1:
        _give(w, answer, outputs[1])


def _linear_scores(w: ContainerWriter, model: Any, rows: str) -> str:
    weights = np.atleast_2d(np.asarray(model.coef_, float))
    offset = np.resize(np.asarray(model.intercept_, float), len(weights))
    product = w.node("MatMul", [w.node("Cast", [rows], to=onnx_trees.DOUBLE), w.constant(weights.T)])
    return w.node("Add", [product, w.constant(offset)])


def _convert_linear(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    scores = _linear_scores(w, model, rows)
    places = onnx_trees.above(w, scores, np.zeros(1)) if len(np.atleast_2d(model.coef_)) == 1 else onnx_trees.argmax(w, scores)
    _classify(w, model, scores, places, outputs)


def _convert_svm(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    decided = onnx_svm.decision(w, model, w.node("Cast", [rows], to=onnx_trees.DOUBLE))
    if len(outputs) == 1:
        _give(w, decided, outputs[0])
        return
    if hasattr(model, "classes_"):
        scores, places = onnx_svm.classified(w, model, decided)
        _classify(w, model, scores, places, outputs)
        return
    inside = w.node("Cast", [w.node("Greater", [decided, w.constant(np.zeros(1))])], to=onnx_trees.INT64)
    flat = w.node("Reshape", [inside, w.constant(np.array([-1], np.int64))])
    w.node("Sub", [w.node("Mul", [flat, w.constant(np.array([2], np.int64))]), w.constant(np.array([1], np.int64))], [outputs[0].full_name])
    _give(w, decided, outputs[1])


def _convert_decided(scope: Any, operator: Any, container: Any) -> None:
    w, model, _, outputs = _begin(scope, operator, container)
    scores, places = onnx_votes.decided(w, operator)
    _classify(w, model, scores, places, outputs)


def _convert_voted(scope: Any, operator: Any, container: Any) -> None:
    w, model, _, outputs = _begin(scope, operator, container)
    shares = onnx_votes.voted(w, operator)
    _classify(w, model, shares, onnx_trees.argmax(w, shares), outputs)


def _convert_columns(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    write, _ = onnx_columns.WRITTEN[type(model).__name__]
    kind = np.float64 if type(outputs[0].type).__name__ == "DoubleTensorType" else np.float32
    rows = w.node("Cast", [rows], to=onnx_trees.DOUBLE if kind is np.float64 else onnx_trees.FLOAT)
    w.node("Identity", [write(w, model, rows, kind)], [outputs[0].full_name])


def _convert_discriminant(scope: Any, operator: Any, container: Any) -> None:
    w, model, rows, outputs = _begin(scope, operator, container)
    scores = _linear_scores(w, model, rows)
    if len(model.classes_) > 2:
        _classify(w, model, w.node("Softmax", [scores], axis=1), onnx_trees.argmax(w, scores), outputs)
        return
    second = w.node("Sigmoid", [scores])
    shares = w.node("Concat", [w.node("Sub", [w.constant(np.ones(1)), second]), second], axis=1)
    _classify(w, model, shares, onnx_trees.above(w, scores, np.zeros(1)), outputs)


def _convert_mixture(scope: Any, operator: Any, container: Any) -> None:
    """Let skl2onnx write it, which here takes its opsets for one number."""
    from skl2onnx.operator_converters.gaussian_mixture import convert_sklearn_gaussian_mixture

    asked = operator.target_opset
    operator.target_opset = container.target_opset_any_domain("")
    try:
        convert_sklearn_gaussian_mixture(scope, operator, container)
    finally:
        operator.target_opset = asked


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
    total, trees = onnx_trees.hist_boosting(w, model, rows, frozenset(place for place, one in enumerate(operator.inputs) if _is_text(one)))
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
