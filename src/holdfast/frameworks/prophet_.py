"""Prophet: a model is its attributes; what Stan is run with is found again when it is needed.

The one rule: nothing is fitted or compiled to load.
"""

from __future__ import annotations

import importlib
from typing import Any

from holdfast.frameworks.adapter import Adapter, Shell
from holdfast.frameworks.making import put_attributes

_LEFT_OUT = ("stan_backend", "stan_fit", "fit_kwargs")
"""What runs Stan, and what it gave, of which the parameters were taken."""


def _make() -> Any:
    cls = importlib.import_module("prophet.forecaster").Prophet
    return cls.__new__(cls)


def _fill(model: Any, fields: dict[str, Any]) -> None:
    put_attributes(model, {**dict.fromkeys(_LEFT_OUT), "fit_kwargs": {}, "stan_backend": None, **fields["[state]"]})
    if model.history is None:
        model._load_stan_backend(None)


ADAPTERS: dict[str, Adapter] = {
    "prophet.forecaster.Prophet": Shell(
        lambda model: {"[state]": {name: value for name, value in vars(model).items() if name not in _LEFT_OUT}}, _make, _fill
    )
}
