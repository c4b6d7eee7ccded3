"""Model folders of MLflow: the file of one flavor is read under the rules of its own format, and signature, example and metadata come along.

The one rule: ``MLmodel`` says where things are and nothing about what may be run; a loader that it names is never used.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any

import numpy as np

from holdfast.artifact.source import open_source
from holdfast.artifact.stranger import Stranger, kind_of
from holdfast.errors import FormatError, HoldfastError, LibraryMissing, LimitExceeded, UnsupportedModel, quoted
from holdfast.foreign.reading import Reading
from holdfast.foreign.strict_json import parse
from holdfast.values import limits
from holdfast.values.manifest import Feature, Signature

FILE = "MLmodel"
_FLAVORS: dict[str, tuple[str, ...]] = {
    "sklearn": ("pickled_model",), "xgboost": ("data",), "lightgbm": ("data",), "catboost": ("data",), "statsmodels": ("data",), "prophet": ("data",),
    "onnx": ("data",), "keras": ("data",), "tensorflow": ("data",), "pytorch": ("model_data",),
}  # fmt: skip
"""Flavor -> the keys that may name its file or folder."""
_INSIDE = ("model.keras", "data/model.keras", "model.pth", "model.pkl", "model.onnx", "model.ubj", "model.json")
"""Files that a flavor's folder may hold its model in."""
_DTYPES = {
    "double": "float64", "float": "float32", "long": "int64", "integer": "int32", "string": "object", "boolean": "bool", "binary": "object", "datetime": "datetime64[ns]",
}  # fmt: skip


class MlflowFolder(Stranger):
    """A model folder of MLflow."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.told = _mlmodel(os.path.join(folder, FILE), folder)
        self.flavor, place = _flavor(self.told, folder)
        source = open_source(_inside(folder, place))
        try:
            super().__init__(source, kind_of(source))
        except HoldfastError as error:
            source.close()
            raise error.at(source.name) from None

    def read(self, mapped: bool = False) -> Reading:
        """Return what the flavor's file holds, with what the folder says about it."""
        reading = super().read(mapped)
        signature = _signature(self.told.get("signature"))
        extra: dict[str, Any] = {"mlflow_version": str(self.told.get("mlflow_version", "?"))[:40], "flavor": self.flavor}
        if type(self.told.get("metadata")) is dict:
            extra["metadata"] = self.told["metadata"]
        return reading._replace(
            format=f"MLflow {self.flavor}: {reading.format}", signature=signature, example=None if mapped else _example(self.told, self.folder, signature), extra=extra
        )


def read_yaml(path: str, folder: str) -> dict[str, Any]:
    """Return a small YAML file that MLflow wrote.

    Args:
        path: of the file.
        folder: what messages name.

    Raises:
        FormatError: it is no YAML that MLflow writes.
        LibraryMissing: PyYAML is not installed.
        LimitExceeded: it is larger than it may be.
        NotFound: there is none.
    """
    name = os.path.basename(path)
    try:
        import yaml
    except ImportError:
        raise LibraryMissing(f"{name} is read with PyYAML; install it with: pip install PyYAML", file=folder) from None
    with open_source(path) as source:
        if source.size > limits.MLMODEL_BYTES:
            raise LimitExceeded(f"{name} has {source.size} bytes, more than {limits.MLMODEL_BYTES} (MLMODEL_BYTES)", file=folder)
        raw = bytes(source.view(0, source.size) if source.whole else source.private(0, source.size))
    if re.search(rb"(?m)[:\-]\s+[&*]\w|!!|!\w", raw):
        raise FormatError(f"{name} uses tags or anchors of YAML, which MLflow does not write; refused", file=folder)
    try:
        told = yaml.safe_load(raw)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise FormatError(f"{name} is not valid YAML: {quoted(error)}", file=folder) from None
    if type(told) is not dict:
        raise FormatError(f"{name} says nothing by name; it is damaged or was altered", file=folder)
    return told


def _mlmodel(path: str, folder: str) -> dict[str, Any]:
    told = read_yaml(path, folder)
    if type(told.get("flavors")) is not dict:
        raise FormatError("MLmodel does not say how the model is kept (flavors); it is damaged or was altered", file=folder)
    return told


def _flavor(told: dict[str, Any], folder: str) -> tuple[str, str]:
    flavors = told["flavors"]
    for name, keys in _FLAVORS.items():
        flavor = flavors.get(name)
        if type(flavor) is dict:
            place = next((flavor[key] for key in keys if type(flavor.get(key)) is str), None)
            if place is not None:
                return name, _file_of(folder, place)
    said = flavors.get("python_function")
    loader = quoted(said.get("loader_module"), 80) if type(said) is dict else "none"
    raise UnsupportedModel(
        f"the folder has no flavor that holdfast reads ({', '.join(quoted(name, 40) for name in list(flavors)[:6])}); a python_function is code behind a loader ({loader}), "
        "which is never run; load it with mlflow, and save the model inside it with holdfast",
        file=folder,
    )


def _file_of(folder: str, place: str) -> str:
    path = _inside(folder, place)
    if not os.path.isdir(path):
        return place
    for name in _INSIDE:
        if os.path.isfile(os.path.join(path, name)):
            return f"{place}/{name}"
    raise UnsupportedModel(f"the folder {quoted(place, 60)!r} of the model holds no file that holdfast reads", file=folder)


def _inside(folder: str, place: str) -> str:
    """Return the path of a part of the folder, which must not lead out of it.

    Raises:
        FormatError: it does, or a link stands on the way.
    """
    parts = place.split("/")
    if place.startswith("/") or "\\" in place or "\0" in place or any(part in ("", ".", "..") for part in parts):
        raise FormatError(f"MLmodel names the file {quoted(place, 80)!r}, which leads out of its folder; refused", file=folder)
    path = folder
    for part in parts:
        path = os.path.join(path, part)
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            raise FormatError(f"MLmodel names the file {quoted(place, 80)!r}, which is not there; copy the whole folder", file=folder) from None
        if stat.S_ISLNK(mode):
            raise FormatError(f"{quoted(place, 80)!r} of the folder is a link, or behind one; refused", file=folder)
    return path


def _signature(told: Any) -> Signature | None:
    if type(told) is not dict or type(told.get("inputs")) is not str:
        return None
    inputs = _features(parse(told["inputs"].encode(), "the signature of MLmodel"))
    outputs = _features(parse(told["outputs"].encode(), "the signature of MLmodel")) if type(told.get("outputs")) is str else []
    kind = "frame" if inputs and inputs[0].name is not None else "array"
    return Signature(kind, inputs, {"predict": outputs[0]} if len(outputs) == 1 else {})


def _features(listed: Any) -> list[Feature]:
    found = []
    for one in listed if type(listed) is list else []:
        if type(one) is not dict:
            continue
        name = one.get("name") if type(one.get("name")) is str else None
        tensor = one.get("tensor-spec")
        if type(tensor) is dict and type(tensor.get("shape")) is list:
            shape = [None if length == -1 else int(length) for length in tensor["shape"] if type(length) is int]
            found.append(Feature(name, str(tensor.get("dtype"))[:40], shape))
        else:
            found.append(Feature(name, _DTYPES.get(str(one.get("type")), "any"), [None]))
    return found


def _example(told: dict[str, Any], folder: str, signature: Signature | None) -> Any:
    """Return the rows of the folder's example, or None where it has none that can be read."""
    said = told.get("saved_input_example_info")
    if type(said) is not dict or type(said.get("artifact_path")) is not str or not said["artifact_path"].endswith(".json"):
        return None
    with open_source(_inside(folder, said["artifact_path"])) as source:
        if source.size > limits.EXAMPLE_JSON_BYTES:
            return None
        rows = parse(bytes(source.view(0, source.size)), "the example of the MLflow folder")
    try:
        if type(rows) is dict and set(rows) >= {"columns", "data"}:
            import pandas as pd

            frame = pd.DataFrame(rows["data"], columns=rows["columns"])
            dtypes = {one.name: one.dtype for one in signature.inputs if one.name in frame.columns and one.dtype != "any"} if signature is not None else {}
            return frame.astype(dtypes)
        if type(rows) is dict and set(rows) == {"inputs"}:
            rows = rows["inputs"]
        if type(rows) is list:
            dtype = signature.inputs[0].dtype if signature is not None and len(signature.inputs) == 1 and signature.inputs[0].name is None else None
            return np.asarray(rows, dtype)
    except (ValueError, TypeError, ImportError):
        return None
    return None
