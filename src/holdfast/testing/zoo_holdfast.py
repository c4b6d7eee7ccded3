"""A zoo of holdfast's own classes that models are made of: expressions.

The one rule: as in the zoos of other libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import holdfast
from holdfast.testing.specimen import Specimen

_HARD = np.array([0.0, -0.0, 1.0, -2.5, 1e300, np.inf, -np.inf, np.nan])
ROWS = np.column_stack([one.ravel() for one in np.meshgrid(_HARD, _HARD)])
_NUMBERS = (
    "x0 / x1", "x0 // x1", "x0 % x1", "x0 ** x1", "-x0 + 2.5e-3", "x0 <= x1 and not isnan(x0)", "where(x0 > 1 or x1 < 0, maximum(x0, x1), clip(x0, -1, 1))",
    "log1p(abs(x0)) - sqrt(x1)", "is_in(x0, 1, x1)", "fillna(tanh(x0), 7)",
)  # fmt: skip


def _frame() -> Any:
    import pandas as pd

    return pd.DataFrame({"age": [31.0, 44.0, np.nan, 27.0], "monthly income": [1000.0, 0.0, 2500.0, 10.0], "city": ["Aarhus", None, "Århus", "aarhus"]})


def _numbers() -> Specimen:
    return Specimen(holdfast.expression(*_NUMBERS, keep=True).fit(ROWS), lambda one: [one.transform(ROWS), one.get_feature_names_out()])


def _texts() -> Specimen:
    rows = _frame()
    made = holdfast.expression("col('monthly income') / age", "lower(city) == 'aarhus'", "len(fillna(city, ''))", names=["ratio", "there", "length"])
    return Specimen(made.set_output(transform="pandas").fit(rows), lambda one: [one.transform(rows), list(one.transform(rows).columns)])


def _pipeline() -> Specimen:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    rows = _frame().iloc[[0, 1, 3] * 5]
    columns = make_column_transformer((holdfast.expression("col('monthly income') / age"), ["age", "monthly income"]), (holdfast.expression("city == 'Aarhus'"), ["city"]))
    model = make_pipeline(columns, holdfast.expression("fillna(x0, 0) + x1", "clip(x0, 0, 9)"), RandomForestClassifier(5, random_state=0))
    return Specimen(model.fit(rows, [0, 1, 1] * 5), lambda one: one.predict_proba(rows))


MAKERS: dict[str, Callable[[], Specimen]] = {
    "expressions over numbers": _numbers,
    "expressions over texts": _texts,
    "expressions in a pipeline": _pipeline,
    "expressions, not fitted": lambda: Specimen(holdfast.expression("x0 / x1"), lambda one: [repr(one), one.fit_transform(ROWS)]),
}
"""Kind -> what makes a specimen."""
