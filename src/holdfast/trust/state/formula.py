"""State of expressions: texts, which are parsed before an object of them is made.

The one rule: what is not an expression of the language is refused with the file, and never kept until somebody asks it.
"""

from __future__ import annotations

import numpy as np

from holdfast.errors import InvalidExpression, quoted
from holdfast.formula.state import check_state
from holdfast.trust.state.fields import Fields, field, integer, refuse
from holdfast.trust.state.others import LARGEST_COUNT


def check_expression(fields: Fields, where: str) -> None:
    """Check the texts, the names and the columns of a transformer.

    Fields: expressions (text, or a list or a tuple of texts), names (None, or as many texts), keep (bool); and of one that was fitted
    n_features_in_, and feature_names_in_ (an array of as many texts) where the columns had names.
    """
    names = fields.get("feature_names_in_")
    width = integer(fields, "n_features_in_", where, 1, LARGEST_COUNT) if "n_features_in_" in fields else None
    if names is not None and (type(names) is not np.ndarray or names.shape != (width,) or not all(type(name) is str for name in names.tolist())):
        refuse(where, f"feature_names_in_ are not a text for each of {width or 0} columns")
    try:
        texts, outputs, keep = (field(fields, name, where) for name in ("expressions", "names", "keep"))
        check_state(texts, outputs, keep, width, None if names is None else names.tolist())
    except InvalidExpression as error:
        why = error.message.partition("\n")[0].rstrip(":")
        refuse(where, f"{why} (in {quoted(error.text)!r})" if error.text else why)
