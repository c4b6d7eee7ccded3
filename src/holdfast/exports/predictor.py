"""An export behind the one interface: the same rows in, the same answers out, whatever the runtime.

The one rule: rows are arranged by the code that arranges them for a loaded model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from holdfast.artifact.predictor import ModelPredictor
from holdfast.values.manifest import Signature


class Runtime(Protocol):
    """What runs an export."""

    def ways(self) -> dict[str, Callable[[Any], Any]]:
        """Return what it can be asked: method -> a function of arranged rows."""


class ExportPredictor(ModelPredictor):
    """An export as a `holdfast.values.predictor.Predictor`.

    Attributes:
        model: what runs it.
        methods: what it can be asked, ``predict`` first.
        classes: labels in the order of the columns of ``predict_proba``, or None.
        signature: its named, typed inputs and outputs.
    """

    def __init__(self, runtime: Runtime, signature: Signature | None, file: str | None = None) -> None:
        super().__init__(runtime, signature, file, runtime.ways())
