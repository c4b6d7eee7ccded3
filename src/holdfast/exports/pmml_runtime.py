"""A PMML file in jpmml-evaluator, on Java in this process: rows in, answers out.

The one rule: a row that Java refuses ends the call with what Java says; no answer is made up for it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.errors import EnvironmentMissing, FormatError, LibraryMissing, UnsupportedOperation, quoted
from holdfast.exports.about import About
from holdfast.exports.onnx_runtime import labels
from holdfast.exports.pmml_scan import Found

JAVA = "Java 11 or newer is needed; install it with: apt-get install default-jre-headless (Debian, Ubuntu), brew install openjdk (macOS), winget install Microsoft.OpenJDK.21 (Windows)"


def need_java() -> None:
    """Say what is missing.

    Raises:
        EnvironmentMissing: there is no Java; holds the install command.
    """
    if shutil.which("java") is None:
        raise EnvironmentMissing(f"PMML files are made and run by Java, and there is none. {JAVA}")


def need(*names: str) -> None:
    """Say what is missing.

    Raises:
        LibraryMissing, EnvironmentMissing: hold the install command.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            raise LibraryMissing(f"PMML needs {name}; install it with: pip install 'holdfast[pmml]' (its licence is AGPL-3.0)") from None
    need_java()


class PmmlModel:
    """A PMML file that can be asked.

    Attributes:
        about: what holdfast wrote into it, or None.
        found: what stands in the file.
    """

    def __init__(self, path: str, found: Found, about: About | None, classes: list[Any] | None = None) -> None:
        need("jpmml_evaluator", "jpype")
        from jpmml_evaluator import make_evaluator

        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._evaluator = make_evaluator(path, backend="jpype")
                self.inputs = [str(one.getName()) for one in self._evaluator.getInputFields()]
        except Exception as error:
            raise FormatError(f"jpmml-evaluator does not take this file: {_first_line(error)}", file=path) from None
        self.found, self.about, self.classes = found, about, classes
        self.columns = [name for name, role in found.roles.items() if role == "active"] or self.inputs
        self.target = next((name for name, role in found.roles.items() if role in ("target", "predicted")), None)

    def ways(self) -> dict[str, Callable[[Any], Any]]:
        """Return what it can be asked: method -> a function of rows."""
        if self.about is not None:
            methods = list(self.about.answers.values())
        else:
            methods = ["predict", *(["predict_proba"] if any(feature == "probability" for feature, _ in self.found.outputs.values()) else [])]
        return {method: functools.partial(self._ask, method) for method in methods}

    def _ask(self, method: str, rows: Any) -> Any:
        import pandas as pd

        if isinstance(rows, list):
            rows = pd.DataFrame({self.inputs[0]: rows})
        elif not hasattr(rows, "columns"):
            array = np.asarray(rows)
            rows = pd.DataFrame({name: array[:, place] for place, name in enumerate(self._names(array.shape[1]))})
        answer, errors = self._evaluator.evaluateAll(rows[[name for name in rows.columns if name in self.inputs]], error_col=None, parallelism=1)
        if errors is not None and any(one is not None and one == one for one in errors):
            raise UnsupportedOperation(f"jpmml-evaluator refuses rows: {_first_line(next(one for one in errors if one is not None and one == one))}")
        values = self._answer(method, answer)
        none = np.array([one is None or one != one for one in values.ravel().tolist()], bool).reshape(len(values), -1).any(axis=1)
        if none.any():
            raise UnsupportedOperation(f"jpmml-evaluator gives no answer to {int(none.sum())} rows, the first of which is row {int(none.argmax())}")
        return values

    def _answer(self, method: str, answer: Any) -> Any:
        """Return the columns of what Java gave that answer a method."""
        known = self.about.signature if self.about is not None else None
        classes = known.classes if known is not None else self.classes
        if method == "predict":
            column = next((name for name in (self.target, "predictedValue") if name in answer.columns), answer.columns[0])
            values = answer[column].to_numpy()
            if any(one is None for one in values.tolist()):
                return values
            if classes is not None:
                return labels(values, classes)
            announced = known.outputs.get("predict") if known is not None else None
            # numbers of clusters are texts in PMML
            return values.astype(announced.dtype) if announced is not None and values.dtype.kind in "OUT" and announced.dtype.startswith("int") else values
        if method == "predict_proba":
            names = [name for name, (feature, _) in self.found.outputs.items() if feature == "probability" and name in answer.columns]
            order = {value: name for name, (feature, value) in self.found.outputs.items() if feature == "probability"}
            if classes is not None:
                wanted = [next((order[text] for text in texts_of(one) if text in order), None) for one in classes]
                names = [name for name in wanted if name is not None] if None not in wanted else names
            if not names or any(name not in answer.columns for name in names):
                raise UnsupportedOperation("the file gives no probabilities of its labels")
            return answer[names].to_numpy(dtype=float, na_value=np.nan)
        output = next((name for name, given in (self.about.answers if self.about is not None else {}).items() if given == method), None)
        if output not in answer.columns:
            raise UnsupportedOperation(f"the file has no output for {method}")
        return answer[output].to_numpy(dtype=float, na_value=np.nan)

    def _names(self, width: int) -> list[str]:
        if self.about is not None and self.about.signature is not None and self.about.signature.kind == "array":
            return [f"x{place}" for place in range(width)]
        if width != len(self.columns):
            raise UnsupportedOperation(f"the rows have {width} columns, and the file takes {len(self.columns)}")
        return self.columns


def texts_of(label: Any) -> list[str]:
    """Return how a label may be written in PMML."""
    if isinstance(label, bool):
        return [str(label).lower(), str(label), str(int(label))]
    return [str(label), str(int(label))] if isinstance(label, float) and label.is_integer() else [str(label)]


def _first_line(error: Any) -> str:
    return quoted(" ".join(str(error).split()), 300)
