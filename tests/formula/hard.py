"""Values that arithmetic stumbles over, and expressions that call each function of the table with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.formula.table import OPERATORS, TABLE, arity

HARD = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -3.0, 0.1, 0.7, -0.9999999, np.pi, 7.0, 8.0, 100.0, 1000.0, 123456.789, 1e-10, -1e-10, 1e-300, 5e-324,
    709.0, -709.0, 710.4, 1e15, 1e16 + 2, 1e300, -1e300, np.inf, -np.inf, np.nan,
)  # fmt: skip
FIRST, SECOND = (one.ravel() for one in np.meshgrid(HARD, HARD))
"""All pairs; the first ones of them have all values in the first place."""
ROWS = np.column_stack([FIRST, SECOND, np.roll(FIRST, 7)])
TEXTS = np.array([["Aarhus", "Aarhus"], ["aarhus", "Århus"], ["", "x"], ["Århus", "Århus"], ["x'y\"z", "x"]], object)
NUMERIC = tuple(name for name, line in TABLE.items() if "s" not in line.takes + line.gives and not name.startswith("_"))
TEXTUAL = {
    "== text": "x0 == 'Aarhus' or text(x0) == x1", "!= text": "x0 != 'Aarhus' and text(x0) != x1", "where text": "where(x1 == 'x', x0, 'Aarhus') == 'Aarhus'", "text": "text(x0) == 'Aarhus'",
    "is_in text": "is_in(x0, 'Aarhus', x1, 'Århus')", "isnan text": "isnan(text(x0))", "fillna text": "fillna(x0, 'gone') == 'gone'",
    "len": "len(x0) + len(x1)", "lower": "lower(x0) == 'aarhus'", "upper": "upper(x0) == 'ÅRHUS'",
}  # fmt: skip
"""Line for texts -> an expression that uses it."""


def call(name: str) -> str:
    """Return an expression that calls a function of numbers, with one column for each argument.

    >>> call("neg"), call("+"), call("clip")
    ('-x0', 'x0 + x1', 'clip(x0, x1, x2)')
    """
    fewest, most = arity(TABLE[name].takes)
    args = [f"x{place}" for place in range(fewest + (most is None and name not in OPERATORS))]
    if name not in OPERATORS:
        return f"{name}({', '.join(args)})"
    return f"{name} x0".replace("neg ", "-") if len(args) == 1 else f"x0 {name} x1"


WAVES = frozenset({"sin", "cos", "tan"})
"""Functions that are as near to 0 as a runtime has digits of pi."""


def differing(wanted: Any, got: Any, tolerance: float = 1e-12, name: str = "") -> Any:
    """Return the places where two arrays differ, but for the sign of zero and the last digits."""
    same = (wanted == got) | (np.isnan(wanted) & np.isnan(got))
    with np.errstate(all="ignore"):
        near = np.isfinite(wanted) & np.isfinite(got) & (np.abs(wanted - got) <= tolerance * np.abs(wanted) + (1e-15 if name in WAVES else 0))
    return np.flatnonzero(~(same | near))
