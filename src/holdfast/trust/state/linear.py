"""State of models that multiply rows by a matrix and add to it: linear models and networks.

numpy stretches what it adds, so an intercept of a wrong length gives answers of a wrong shape and no error.

The one rule: what comes out has one row for each row that goes in, and as many columns as the matrix has.
"""

from __future__ import annotations

from holdfast.errors import quoted
from holdfast.trust.state.fields import Fields, array, field, integer, is_int, refuse, sequence

__all__ = ["check_linear", "check_network"]

_MOST = 2**31 - 1


def check_linear(fields: Fields, where: str) -> None:
    """Check a linear model.

    Fields: n_features_in_, coef_shape, and intercept_shape, which is () for a number.
    """
    columns = integer(fields, "n_features_in_", where, 0, _MOST)
    coef, intercept = (tuple(sequence(fields, name, where)) for name in ("coef_shape", "intercept_shape"))
    for name, shape in (("coef_", coef), ("intercept_", intercept)):
        if not all(map(is_int, shape)):
            refuse(where, f"{name} has shape {quoted(shape, 60)}, which is none")
    if not (coef == () and columns == 1) and not (coef[-1:] == (columns,) and len(coef) <= 2 and coef[0] > 0):
        refuse(where, f"coef_ has shape {coef}, and there are {columns} columns")
    outputs = coef[0] if len(coef) == 2 else 1
    if intercept not in ((), (1,), (outputs,)):
        refuse(where, f"intercept_ has shape {intercept}, a number or ({outputs},) expected")


def check_network(fields: Fields, where: str) -> None:
    """Check a network: coefs_, intercepts_, n_features_in_, n_outputs_, n_layers_. Each layer is as wide as the next one expects."""
    wide = integer(fields, "n_features_in_", where, 1, _MOST)
    layers = integer(fields, "n_layers_", where, 2, _MOST) - 1
    coefs, intercepts = (sequence(fields, name, where, layers) for name in ("coefs_", "intercepts_"))
    for i, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        shape = array(coef, f"coefs_[{i}]", where, 2).shape
        if shape[0] != wide or not shape[1]:
            refuse(where, f"coefs_[{i}] has shape {shape}, and {wide} columns come in")
        wide = shape[1]
        if array(intercept, f"intercepts_[{i}]", where, 1).shape != (wide,):
            refuse(where, f"intercepts_[{i}] has {len(intercept)} elements, {wide} expected")
    if field(fields, "n_outputs_", where) != wide:
        refuse(where, f"n_outputs_ is not {wide}, as the last layer is")
