"""The state of boosters: one record each, whose nested fields a check in ``trust.state`` takes as a whole.

The one rule: nothing of a record reaches the library before its check has seen all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.trust.fields_of import Validator, cells_of, where_of
from holdfast.trust.state.catboost import check_catboost
from holdfast.trust.state.lightgbm import check_lightgbm
from holdfast.trust.state.xgboost import check_xgboost
from holdfast.trust.view import View
from holdfast.values.graph import Node

DEPTH = 16
"""Nesting of a record's fields that is looked into; the deepest genuine one has 9."""


def _whole(check: Callable[[dict[str, Any], str], None]) -> Validator:
    def validate(view: View, index: int) -> None:
        where = where_of(view, index)
        table: Any = view.graph.tables[index]
        for row in range(table.rows):
            cells = cells_of(view, Node(view.graph.bases[index] + row))
            check({name: view.value(cell, DEPTH) for name, cell in cells.items()}, where(row))

    return validate


BOOSTERS: dict[str, Validator] = {
    **{f"catboost.core.{name}": _whole(check_catboost) for name in ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")},
    "lightgbm.basic.Booster": _whole(check_lightgbm),
    "xgboost.core.Booster": _whole(check_xgboost),
}
"""Exact type name -> what checks all rows of a table of it."""
