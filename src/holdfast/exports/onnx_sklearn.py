"""scikit-learn, and boosters inside its pipelines, to ONNX: skl2onnx translates, with our own translation of everything that has trees.

The one rule: rows enter as float64, as scikit-learn takes them, and are rounded only where the model itself rounds them.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from holdfast.exports.families import parts
from holdfast.exports.onnx_converters import translations
from holdfast.values.manifest import Signature

OPSET, ML_OPSET = 18, 3
"""What skl2onnx is asked for; ``TreeEnsemble`` needs a later one for ``ai.onnx.ml``, which is set afterwards."""


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
        UnsupportedOperation: one of our own translations does not know a setting. What skl2onnx raises is put into words by `holdfast.exports.reasons`.
    """
    import skl2onnx

    from holdfast.formula.onnx_ import register_onnx

    register_onnx()
    # a step that is not named is given an option that it may not know
    kept = {id(one): {"zipmap": False} if _takes_zipmap(one) else {} for one in parts(model) if not hasattr(one, "steps")}
    classes, shapes = translations(model) if own_trees else ({}, {})
    with _quiet(), _plain_transforms(model), _registered(model, classes, shapes):
        return skl2onnx.convert_sklearn(
            model, "holdfast", _types(signature, double, named), target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET}, options={**kept, **{key: {**kept.get(key, {}), **more} for key, more in (options or {}).items()}},
            custom_conversion_functions=classes, custom_shape_calculators=shapes,
        )  # fmt: skip


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
    """Set aside, for the time of a conversion, what has no part in answers and stops the converter: an option of voting, and steps that pass rows through."""
    voting = [one for one in parts(model) if getattr(one, "flatten_transform", None) is True]
    skipping = [(one, one.steps) for one in parts(model) if isinstance(getattr(one, "steps", None), list)]
    try:
        for one in voting:
            one.flatten_transform = False
        for one, steps in skipping:
            one.steps = [step for step in steps if step[1] is not None and not isinstance(step[1], str)] or steps
        yield
    finally:
        for one in voting:
            one.flatten_transform = True
        for one, steps in skipping:
            one.steps = steps


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
    shapes = importlib.import_module("skl2onnx.common.shape_calculator")
    wanted = shapes.calculate_linear_classifier_output_shapes if hasattr(cls, "predict_proba") else shapes.calculate_linear_regressor_output_shapes
    if cls.__module__.startswith("xgboost"):
        return wanted, importlib.import_module("onnxmltools.convert.xgboost.operator_converters.XGBoost").convert_xgboost
    return wanted, importlib.import_module("onnxmltools.convert.lightgbm.operator_converters.LightGbm").convert_lightgbm
