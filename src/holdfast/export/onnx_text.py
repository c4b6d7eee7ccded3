"""Texts in ONNX: the locale in which letters are made small.

skl2onnx writes the one of the United States, which many machines lack, and then the file does not open. The plain one of C is
everywhere, and knows no letters beyond ASCII.

The one rule: which locale answers as the model is found out by replay, with texts of many alphabets.
"""

from __future__ import annotations

from typing import Any

from holdfast.export.families import family_of, parts

LOCALES = ("C.UTF-8", "en_US.UTF-8", "C")
"""Tried in this order."""


def locales(model: Any) -> tuple[str, ...]:
    """Return the locales to try for a model; one empty text for a model without texts."""
    return LOCALES if any(family_of(one) == "text" for one in parts(model)) else ("",)


def with_locale(graph: Any, locale: str) -> None:
    """Set the locale of every node that has one."""
    if not locale:
        return
    for node in graph.graph.node:
        if node.op_type == "StringNormalizer":
            for one in [one for one in node.attribute if one.name == "locale"]:
                node.attribute.remove(one)
            one = node.attribute.add()
            one.name, one.type, one.s = "locale", 3, locale.encode()
