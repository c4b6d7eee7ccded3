"""Objects that stand beside estimators as their parameters: scorers, splitters, kernels, selectors of columns.

The miner notes their classes and what they hold; tests round-trip them.

The one rule: each class that scikit-learn offers, with each of its parameters set at least once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["helpers", "kernels", "scorers", "selectors", "splitters"]

SEEDS: tuple[Any, ...] = (None, 1, np.int64(1), np.random.RandomState(1))
"""Where random numbers of a splitter come from."""
_TEST_FOLD = [0, 1, -1, 0, 1, 1]
_ARGUMENTS: dict[str, tuple[tuple[Any, ...], ...]] = {"LeavePOut": ((2,),), "LeavePGroupsOut": ((2,),), "PredefinedSplit": ((_TEST_FOLD,), (np.array(_TEST_FOLD),))}
"""Splitter -> arguments that it cannot do without."""
_SIZES = ((0.5, None), (None, 0.5), (20, 10), (np.float64(0.3), np.float32(0.3)), (np.int64(9), None))


def scorers() -> dict[str, Any]:
    """Return every scorer that has a name, and some that users make."""
    from sklearn import metrics

    found = {name: metrics.get_scorer(name) for name in metrics.get_scorer_names()}
    for form in ("predict", "predict_proba", ("decision_function", "predict_proba"), ["decision_function", "predict_proba"]):
        found[f"made to ask by {form}"] = metrics.make_scorer(metrics.log_loss, response_method=form, greater_is_better=False)
    found["made with options"] = metrics.make_scorer(metrics.fbeta_score, beta=2, pos_label="yes")
    return found


def splitters() -> Iterator[Any]:
    """Yield every splitter with each of its parameters."""
    from sklearn import model_selection

    for name in model_selection.__all__:
        cls = vars(model_selection).get(name)  # what is experimental may not be there yet
        if not isinstance(cls, type) or not cls.__module__.endswith("._split") or name.startswith("Base"):
            continue
        known = set(inspect.signature(cls).parameters)
        if name.startswith("Repeated"):  # it hands on what it is given
            known |= {"n_splits", "n_repeats"}
        counts = {key: 2 for key in ("n_splits", "n_repeats") if key in known}
        for required in _ARGUMENTS.get(name, ((),)):
            yield cls(*required, **counts)
        for seed in SEEDS if "random_state" in known else ():
            yield cls(**counts, **({"shuffle": True} if "shuffle" in known else {}), random_state=seed)
        for test, train in _SIZES if "train_size" in known else ():
            yield cls(**counts, test_size=test, train_size=train)
    yield model_selection.TimeSeriesSplit(np.int64(2), max_train_size=20, test_size=5, gap=2)
    yield model_selection.check_cv([(np.arange(3), np.arange(3, 6))])


def kernels() -> Iterator[Any]:
    """Yield every kernel of Gaussian processes, with one length for all columns and with one for each, with bounds and fixed."""
    from sklearn.gaussian_process import kernels as of

    bounds: tuple[Any, ...] = ((1e-3, 1e3), "fixed", [1e-3, 1e3], np.array([[1e-3, 1e3]]))
    for cls in (of.ConstantKernel, of.WhiteKernel, of.RBF, of.Matern, of.RationalQuadratic, of.ExpSineSquared, of.DotProduct, of.PairwiseKernel):
        hyper = [name for name in inspect.signature(cls).parameters if f"{name}_bounds" in inspect.signature(cls).parameters]
        for bound in bounds:
            yield cls(**{f"{name}_bounds": bound for name in hyper})
        for value in (2, np.float64(0.5), np.float32(0.5)):
            yield cls(**dict.fromkeys(hyper, value))
    for lengths in ([0.5, 2.0], (0.5, 2.0), np.array([0.5, 2.0])):
        yield of.RBF(lengths)
        yield of.Matern(lengths, [(1e-3, 1e3), (1e-2, 1e2)], nu=np.inf)
    yield of.PairwiseKernel(metric="rbf", pairwise_kernels_kwargs={})
    yield of.Exponentiation(of.RBF(), 2.5)
    yield of.ConstantKernel(2) * of.RBF() + of.WhiteKernel()
    yield of.CompoundKernel([of.RBF(), of.Matern()])


def selectors() -> Iterator[Any]:
    """Yield selectors of columns by dtype and by name."""
    from sklearn.compose import make_column_selector

    for kinds in (np.number, np.float64, float, object, "number", "category", [np.number], ["float", "int"], (np.integer, np.floating), np.dtype("f8"), np.dtype("i8"), np.dtype(bool)):
        yield make_column_selector(dtype_include=kinds)
        yield make_column_selector(dtype_exclude=kinds)
    yield make_column_selector("^[ab]$", dtype_include=np.number, dtype_exclude=bool)
    yield make_column_selector(pattern="^[ab]$")


def helpers() -> Iterator[Any]:
    """Yield all of them, those with requests for metadata as well."""
    from sklearn import config_context
    from sklearn.metrics import accuracy_score, make_scorer
    from sklearn.model_selection import GroupKFold

    yield from scorers().values()
    yield from splitters()
    yield from kernels()
    yield from selectors()
    with config_context(enable_metadata_routing=True):
        yield make_scorer(accuracy_score).set_score_request(sample_weight=True)
        yield GroupKFold(2).set_split_request(groups=True)
