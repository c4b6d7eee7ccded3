"""The target PMML: sklearn2pmml writes it, jpmml-evaluator runs it; both need Java, and both are AGPL-3.0.

The one rule: the file is judged by what Java answers, and never by what Python thinks that it says.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import io
import os
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.errors import HoldfastError, UnsupportedOperation, VersionMismatch, quoted
from holdfast.exports import pmml_edits
from holdfast.exports.about import KEY, About, Description, about_text, read_about
from holdfast.exports.exporting import Plan
from holdfast.exports.families import family_of, has_classes, parts
from holdfast.exports.onnx_target import labels
from holdfast.exports.pmml_runtime import PmmlModel
from holdfast.exports.pmml_runtime import need as _need
from holdfast.exports.pmml_scan import Found, read_pmml
from holdfast.values.manifest import Feature, Signature

__all__ = ["LIBRARIES", "NAME", "describe", "labels", "need", "open_runtime", "open_stranger", "plans", "runtime_name", "seal"]

NAME = "pmml"
LIBRARIES = ("sklearn2pmml", "jpmml_evaluator")
TARGET = "y"


def need() -> None:
    """Say what is missing; see `holdfast.exports.pmml_runtime.need`."""
    _need("sklearn2pmml", "jpmml_evaluator", "jpype")


def plans(model: Any, signature: Signature) -> Iterator[Plan]:
    """Yield the plans: as sklearn2pmml writes it, with an answer for missing values, and with missing values refused."""
    if not hasattr(model, "get_params") or not hasattr(model, "predict"):
        raise UnsupportedOperation(f"PMML describes models that predict, as scikit-learn has them, and not {type(model).__name__}; try .onnx")
    if type(model).__module__.startswith("catboost"):
        raise UnsupportedOperation("CatBoost writes PMML with thresholds of six digits and without labels, which is another model; export to .onnx")
    if signature.kind == "rows":
        names = [TEXT]
    elif signature.kind == "frame":
        names = [str(one.name) for one in signature.inputs]
    else:
        names = [f"x{place}" for place in range(int(signature.inputs[0].shape[1] or 0))]
    for missing in MISSING:
        yield Plan(MISSING[missing], functools.partial(_sklearn, model, names, missing))


MISSING = {"": "as sklearn2pmml writes it", "answered": "missing values answered", "refused": "missing values refused"}
"""What is done about missing values -> the name of the plan."""
TEXT = "text"
"""The one column of models of texts."""
NO_REPORTS = ["-Dhttps.proxyHost=127.0.0.1", "-Dhttps.proxyPort=1", "-Djava.net.useSystemProxies=false"]
"""sklearn2pmml reports each failure to its makers over the network, without asking; it is led to a place where nobody listens."""


def _sklearn(model: Any, names: list[str], missing: str, path: str) -> dict[str, str]:
    import sklearn2pmml

    from holdfast.formula.pmml_ import for_pmml

    said = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            warnings.simplefilter("ignore")
            # a copy, because names of features are escaped in place
            own = for_pmml(model)
            if missing == "answered":
                for one in parts(own):
                    if family_of(one) in ("tree", "forest"):
                        one.pmml_options_ = {"allow_missing": True}
            sklearn2pmml.sklearn2pmml(sklearn2pmml.make_pmml_pipeline(own, names, [TARGET]), path, java_opts=NO_REPORTS)
    except HoldfastError:
        raise
    except Exception as error:
        raise _translated(error, said.getvalue()) from None
    pmml_edits.edit(path, read_pmml(path), missing, zero=_is_lightgbm(model))
    return _answers(model, read_pmml(path))


def _is_lightgbm(model: Any) -> bool:
    """Say whether rows reach LightGBM as they are given."""
    return type(model).__module__.startswith("lightgbm")


def _translated(error: Exception, said: str) -> Exception:
    text = f"{error}\n{said}"
    version = re.search(r"Scikit-Learn version '?([\w.]+)'? is not supported[^\n]*", text)
    if version is not None:
        last = re.search(r"downgrade[^\n]*?(\d+\.\d+(?:\.\d+)?)", text)
        wanted = last.group(1) if last else "1.9.0"
        return VersionMismatch(f"sklearn2pmml {_version('sklearn2pmml')} does not know scikit-learn {version.group(1)}; install the one it knows: pip install scikit-learn=={wanted}, or export to .onnx")
    if "has expired" in text:
        return VersionMismatch(f"sklearn2pmml {_version('sklearn2pmml')} is older than a year and refuses to work; update it: pip install --upgrade sklearn2pmml")
    reasons = re.findall(r"(?:Exception|Error): ([^\n]+)", text) or [" ".join(str(error).split())]
    steps = re.findall(r"Python class (?:[\w.]+\.)?(\w+)\)", text)
    what = f"the step {quoted(steps[-1], 60)}" if steps else "this model"
    if UNKNOWN_CLASS.search(reasons[-1]):
        return UnsupportedOperation(f"PMML has no translation of {what}, or of a part of it; try .onnx, or keep the model as .safetensors")
    if "features, got" in reasons[-1]:
        return UnsupportedOperation(f"PMML cannot express what comes before {what}: it has another number of columns there, as with add_indicator=True; try .onnx, or leave that setting out")
    reason = "" if INSIDE.search(reasons[-1]) else f" ({quoted(reasons[-1], 300)})"
    return UnsupportedOperation(f"PMML cannot express {what} with its settings{reason}; try .onnx, or keep the model as .safetensors")


UNKNOWN_CLASS = re.compile(r"^Cannot cast|is not supported$|ClassDict|not a supported")
"""What sklearn2pmml says of a class that it does not know."""
INSIDE = re.compile(r"\b(?:java|net|org)\.\w+\.|null$|Index \d+")
"""What stands in a text about the translator and not about the model."""


def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution)


def _answers(model: Any, found: Found) -> dict[str, str]:
    answers = {TARGET: "predict"}
    if has_classes(model):
        if hasattr(model, "predict_proba") and any(feature == "probability" for feature, _ in found.outputs.values()):
            answers["probability"] = "predict_proba"
    elif "decisionFunction" in found.outputs:
        answers = {"decisionFunction": "decision_function"}
    return answers


def runtime_name() -> str:
    """Return the runtime and its version."""
    return f"jpmml-evaluator {_version('jpmml-evaluator')}"


def open_runtime(path: str, about: About | None) -> PmmlModel:
    """Return what runs a file."""
    return PmmlModel(path, read_pmml(path), about)


def open_stranger(path: str) -> tuple[PmmlModel, Signature | None]:
    """Return what runs a file that may come from anywhere, and its signature."""
    found = read_pmml(path)
    about = read_about(found.about) if found.about is not None else None
    classes = _classes(found)
    runtime = PmmlModel(path, found, about, classes)
    if about is not None and about.signature is not None:
        return runtime, about.signature
    inputs = [Feature(name, found.fields.get(name, ("", "any"))[1], [None]) for name in runtime.columns]
    return runtime, Signature("frame", inputs, {}, classes)


def _classes(found: Found) -> list[Any] | None:
    """Return the labels that a classifier from elsewhere names, in the dtype that it names."""
    if found.model[1] != "classification":
        return None
    target = next((name for name, role in found.roles.items() if role in ("target", "predicted")), "")
    texts = found.values.get(target, [])
    kind = found.fields.get(target, ("", ""))[1]
    makers: dict[str, Callable[[str], Any]] = {"integer": int, "double": float, "float": float, "boolean": lambda text: text == "true"}
    made = makers.get(kind, str)
    try:
        return [made(text) for text in texts] or None
    except ValueError:
        return texts


def describe(path: str) -> Description:
    """Return what a file says about itself, without Java."""
    found = read_pmml(path)
    inputs = {name: " ".join(found.fields.get(name, ("", ""))) for name, role in found.roles.items() if role == "active"}
    outputs = {name: f"{feature} {value}".strip() for name, (feature, value) in found.outputs.items()}
    outputs |= {name: " ".join(found.fields.get(name, ("", ""))) for name, role in found.roles.items() if role in ("target", "predicted")}
    details = {"version": found.version, "model": found.model[0], "function": found.model[1], "elements": str(found.elements)}
    return Description(path, NAME, os.path.getsize(path), inputs, outputs, details, read_about(found.about) if found.about is not None else None)


def seal(path: str, about: About) -> None:
    """Put the proof into the header of a file."""
    pmml_edits.with_extension(path, KEY, about_text(about))
