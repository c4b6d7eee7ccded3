"""What a zoo holds: a model, and how it is asked.

The one rule: everything is seeded, so that a model and its answers are the same in every process.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple


class Specimen(NamedTuple):
    """A model and how to ask it.

    Attributes:
        model: the model.
        ask: a function of the model, or of one that was loaded, to an answer: arrays, numbers, text, and containers of such.
        trusted: exact names that a load has to be told of.
    """

    model: Any
    ask: Callable[[Any], Any]
    trusted: tuple[str, ...] = ()


ZOOS: dict[str, str] = {
    "catboost": "holdfast.testing.zoo_catboost",
    "holdfast": "holdfast.testing.zoo_holdfast",
    "imblearn": "holdfast.testing.zoo_imblearn",
    "jax": "holdfast.testing.zoo_jax",
    "keras": "holdfast.testing.zoo_keras",
    "lightgbm": "holdfast.testing.zoo_lightgbm",
    "onnx": "holdfast.testing.zoo_others",
    "prophet": "holdfast.testing.zoo_others",
    "spacy": "holdfast.testing.zoo_others",
    "transformers": "holdfast.testing.zoo_others",
    "statsmodels": "holdfast.testing.zoo_statsmodels",
    "tensorflow": "holdfast.testing.zoo_tensorflow",
    "torch": "holdfast.testing.zoo_torch",
    "xgboost": "holdfast.testing.zoo_xgboost",
}
"""Library -> module with a table ``MAKERS`` of name -> function that makes a specimen. To add a library: a line here and its module."""


def makers(library: str) -> dict[str, Callable[[], Specimen]]:
    """Return the makers of a library's specimens, by name."""
    table: dict[str, Callable[[], Specimen]] = importlib.import_module(ZOOS[library]).MAKERS
    shared = ZOOS[library].endswith("zoo_others")
    return {name: make for name, make in table.items() if not shared or name.startswith(f"{library}:")}
