"""Frozen distributions of scipy.stats out of pickles: made anew from their name and parameters, and with the random numbers of the pickle."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.stats as ss
from sklearn.linear_model import Ridge
from sklearn.model_selection import RandomizedSearchCV

import holdfast
from holdfast.errors import FormatError, HoldfastError

FROZEN = [ss.loguniform(0.1, 1), ss.randint(1, 5), ss.uniform(0, 1), ss.norm(loc=2.0), ss.vonmises_line(1.0), ss.expon(scale=3), ss.poisson(mu=2), ss.levy(0, 1)]


@pytest.mark.parametrize("protocol", range(6))
def test_frozen_distributions_draw_what_the_unpickled_ones_draw(protocol: int) -> None:
    for frozen in FROZEN:
        for written in ways(frozen, protocol):
            back = holdfast.loads(written)["by"]
            expected = pickle.loads(written)["by"]
            assert back.dist.name == frozen.dist.name
            assert (back.args, back.kwds) == (frozen.args, frozen.kwds)
            assert np.array_equal(back.rvs(5), expected.rvs(5))


def ways(frozen: Any, protocol: int) -> list[bytes]:
    dill = pytest.importorskip("dill")
    return [pickle.dumps({"by": frozen}, protocol), dill.dumps({"by": frozen}, protocol)]


@pytest.mark.parametrize("protocol", [2, 4])
def test_what_their_files_name_is_known(protocol: int) -> None:
    for written in ways(ss.randint(1, 5), protocol):
        seen = holdfast.inspect(written)
        assert seen.verdict == "loads as data"
        assert [one.name for one in seen.names if one.verdict == "dangerous"] == []


def test_the_same_name_beside_them_is_not_known() -> None:
    seen = holdfast.inspect(pickle.dumps([ss.randint(1, 5), getattr]))
    assert seen.verdict == "dangerous"
    assert {one.name for one in seen.names if one.verdict == "dangerous"} == {"builtins.getattr"}


def test_a_seed_is_kept() -> None:
    frozen = ss.norm(0, 1)
    frozen.random_state = np.random.default_rng(7)
    expected = ss.norm(0, 1).rvs(4, random_state=np.random.default_rng(7))
    assert np.array_equal(holdfast.loads(pickle.dumps(frozen)).rvs(4), expected)


def test_a_search_over_distributions_comes_back() -> None:
    rows = np.arange(12.0)[:, None]
    search = RandomizedSearchCV(Ridge(), {"alpha": ss.loguniform(0.1, 1), "max_iter": ss.randint(5, 9)}, n_iter=2, cv=2, random_state=0).fit(rows, rows[:, 0])
    back = holdfast.loads(pickle.dumps(search))
    assert back.predict(rows).tobytes() == search.predict(rows).tobytes()
    assert back.fit(rows, rows[:, 0]).best_params_ == search.best_params_


def forged(**state: Any) -> bytes:
    genuine = ss.norm(0, 1)
    vars(genuine).update(state)
    return pickle.dumps([genuine])


@pytest.mark.parametrize(
    "state",
    [
        {"dist": None}, {"dist": 3}, {"dist": FROZEN[0]}, {"dist": np.zeros(3)}, {"args": [0, 1]}, {"args": None}, {"args": ("x", "y", "z", "u")}, {"kwds": ()}, {"kwds": {"nothing": 1}}, {"kwds": {1: 2}},
        {"args": (np.zeros(3), {}, [])},
    ],
    ids=range(11),
)  # fmt: skip
def test_a_forged_one_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(HoldfastError) as caught:
        holdfast.loads(forged(**state))
    assert "\n  " not in str(caught.value)


@pytest.mark.parametrize("name", ["os", "rv_continuous", "norm.__class__", "", "fit", 3])
def test_a_name_that_is_no_distribution_is_refused(name: Any) -> None:
    frozen = ss.norm(0, 1)
    frozen.dist.name = name
    with pytest.raises(FormatError if name == 3 else HoldfastError):
        holdfast.loads(pickle.dumps(frozen))


def test_a_method_beside_that_of_a_distribution_is_a_call() -> None:
    frozen = ss.randint(1, 5)
    frozen.dist.vecentropy.pyfunc = frozen.dist.rvs
    with pytest.raises(holdfast.UntrustedType, match=r"would call .*builtins\.getattr"):
        holdfast.loads(pickle.dumps(frozen))
    other = ss.randint(1, 5)
    other.dist.more = other.dist.rvs
    with pytest.raises(holdfast.UntrustedType, match=r"would call builtins\.getattr"):
        holdfast.loads(pickle.dumps(other))
