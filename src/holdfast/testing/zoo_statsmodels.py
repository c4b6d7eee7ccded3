"""A zoo of statsmodels: results of regressions, generalised linear models, discrete choice, time series and formulas.

The one rule: seeded, and as small as each of them allows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen


def _data() -> tuple[Any, Any, Any]:
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = np.column_stack([np.ones(60), rng.normal(size=(60, 2))])
    y = rows @ [1.0, 2.0, -1.0] + rng.normal(size=60)
    table = pd.DataFrame(rows[:, 1:], columns=["age", "income"]).assign(y=y, city=rng.choice(["A", "B", "C"], 60))
    return rows, y, table


def _results(make: Callable[[Any, Any, Any], Any], ask: Callable[[Any, Any, Any], Any] | None = None) -> Specimen:
    rows, y, table = _data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = make(rows, y, table)

    def answers(one: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # without its data a model does not know its errors
            known = getattr(getattr(one, "model", None), "endog", None) is not None and hasattr(one, "bse")
            return [np.asarray(one.params), np.asarray(one.bse) if known else None, ask(one, rows, table) if ask else np.asarray(one.predict(rows[:5]))]

    return Specimen(results, answers)


def _sm() -> Any:
    import statsmodels.api

    return statsmodels.api


def _without_data(results: Any) -> Any:
    results.remove_data()
    return results


def _dated(y: Any, step: str) -> Any:
    import pandas as pd

    return pd.Series(y, index=pd.date_range("2015-01-01", periods=len(y), freq=step))


def _formula(name: str, formula: str, **options: Any) -> Callable[[], Specimen]:
    def make(rows: Any, y: Any, table: Any) -> Any:
        import statsmodels.formula.api as api

        return getattr(api, name)(formula, table.assign(binary=(table.y > 1).astype(int)), **options).fit(**({"disp": 0} if name == "logit" else {}))

    return lambda: _results(make, lambda one, rows, table: np.asarray(one.predict(table[:5])))


MAKERS: dict[str, Callable[[], Specimen]] = {
    "OLS": lambda: _results(lambda rows, y, table: _sm().OLS(y, rows).fit()),
    "OLS with robust errors": lambda: _results(lambda rows, y, table: _sm().OLS(y, rows).fit(cov_type="HC1")),
    "OLS of a frame": lambda: _results(lambda rows, y, table: _sm().OLS(table.y, table[["age", "income"]]).fit(), lambda one, rows, table: np.asarray(one.predict(table[["age", "income"]][:5]))),
    "WLS": lambda: _results(lambda rows, y, table: _sm().WLS(y, rows, weights=np.arange(1, 61)).fit()),
    "GLS": lambda: _results(lambda rows, y, table: _sm().GLS(y, rows, sigma=2.0).fit()),
    "RLM": lambda: _results(lambda rows, y, table: _sm().RLM(y, rows).fit()),
    "QuantReg": lambda: _results(lambda rows, y, table: _sm().QuantReg(y, rows).fit(q=0.3)),
    **{f"GLM {name}": (lambda name=name: _results(lambda rows, y, table: _sm().GLM(np.abs(y) / (1 + np.abs(y)) if name == "Binomial" else np.abs(y) + 0.1, rows, family=getattr(_sm().families, name)()).fit()))
       for name in ("Gaussian", "Binomial", "Gamma", "Poisson", "InverseGaussian", "Tweedie")},
    "Logit": lambda: _results(lambda rows, y, table: _sm().Logit((y > 1).astype(int), rows).fit(disp=0)),
    "Probit": lambda: _results(lambda rows, y, table: _sm().Probit((y > 1).astype(int), rows).fit(disp=0)),
    "MNLogit": lambda: _results(lambda rows, y, table: _sm().MNLogit(np.arange(60) % 3, rows).fit(disp=0)),
    "Poisson": lambda: _results(lambda rows, y, table: _sm().Poisson(np.floor(np.abs(y)), rows).fit(disp=0)),
    "OLS of an array and a frame": lambda: _results(lambda rows, y, table: _sm().OLS(y, table[["age", "income"]]).fit(), lambda one, rows, table: np.asarray(one.predict(table[["age", "income"]][:5]))),
    "OLS of a series and an array": lambda: _results(lambda rows, y, table: _sm().OLS(table.y, rows).fit()),
    "OLS without its data": lambda: _results(lambda rows, y, table: _without_data(_sm().OLS(y, rows).fit())),
    "Logit of a series of integers": lambda: _results(lambda rows, y, table: _sm().Logit((table.y > 1).astype(int), table[["age", "income"]]).fit(disp=0), lambda one, rows, table: np.asarray(one.predict(table[["age", "income"]][:5]))),
    "formula OLS without its data": lambda: _results(lambda rows, y, table: _without_data(_formula("ols", "y ~ age")().model), lambda one, rows, table: np.asarray(one.predict(table[:5]))),
    "formula OLS": _formula("ols", "y ~ age + np.log(income ** 2) + C(city) + age:income"),
    "formula GLM": _formula("glm", "binary ~ age * income"),
    "formula Logit": _formula("logit", "binary ~ age + C(city)"),
    "ARIMA": lambda: _results(lambda rows, y, table: _sm().tsa.ARIMA(y, order=(1, 0, 1)).fit(), lambda one, rows, table: np.asarray(one.forecast(5))),
    "SARIMAX": lambda: _results(lambda rows, y, table: _sm().tsa.SARIMAX(y, exog=rows[:, 1:], order=(1, 0, 0), seasonal_order=(1, 0, 0, 4)).fit(disp=0), lambda one, rows, table: np.asarray(one.forecast(3, exog=rows[:3, 1:]))),
    "AutoReg": lambda: _results(lambda rows, y, table: _sm().tsa.AutoReg(y, 2).fit(), lambda one, rows, table: np.asarray(one.forecast(4))),
    "ARIMA of days": lambda: _results(lambda rows, y, table: _sm().tsa.ARIMA(_dated(y, "D"), order=(1, 0, 1)).fit(), lambda one, rows, table: np.asarray(one.forecast(5))),
    "SARIMAX of months": lambda: _results(lambda rows, y, table: _sm().tsa.SARIMAX(_dated(y, "MS"), order=(1, 0, 0)).fit(disp=0), lambda one, rows, table: np.asarray(one.forecast(3))),
    "AutoReg of days": lambda: _results(lambda rows, y, table: _sm().tsa.AutoReg(_dated(y, "D"), 2).fit(), lambda one, rows, table: np.asarray(one.forecast(4))),
    "ExponentialSmoothing of quarters": lambda: _results(lambda rows, y, table: _sm().tsa.ExponentialSmoothing(_dated(y, "QS"), trend="add").fit(), lambda one, rows, table: np.asarray(one.forecast(4))),
    "ExponentialSmoothing": lambda: _results(lambda rows, y, table: _sm().tsa.ExponentialSmoothing(y, trend="add").fit(), lambda one, rows, table: np.asarray(one.forecast(4))),
}  # fmt: skip
"""Name -> what makes a specimen."""
