"""What answers predictions: the one interface of loaded models, and of whatever stands in for one.

The one rule: rows in, arrays out, whatever the library behind it takes and gives.
"""

from __future__ import annotations

from typing import Any, Protocol

from holdfast.values.manifest import Signature


class Predictor(Protocol):
    """Whatever answers predictions."""

    signature: Signature | None
    """Named, typed inputs and outputs, or None when nothing is known."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of what it can be asked, ``predict`` first where there is one."""

    @property
    def classes(self) -> list[Any] | None:
        """Labels in the order of the columns of ``predict_proba``, or None."""

    def predict(self, rows: Any) -> Any:
        """Return an array with an answer for each row, or a dict of such arrays for several named outputs."""

    def predict_proba(self, rows: Any) -> Any:
        """Return an array (rows, classes)."""

    def ask(self, method: str, rows: Any) -> Any:
        """Return what one of ``methods`` answers."""
