"""Our own classes in somebody's pickle: they are pickled by their attributes.

The one rule: what comes out has exactly the fields of `holdfast.frameworks.holdfast_`, and its texts are parsed by the validator there is for native files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.foreign.made import Made
from holdfast.values.outline import Outline


def _expression(made: Made) -> Any:
    made.only(state=True)
    if made.how != "new" or made.args:
        raise TypeError("arguments")
    return Outline(made.name, made.fields())


RULES: dict[str, Callable[[Made], Any]] = {"holdfast.formula.transformer.Expression": _expression}
