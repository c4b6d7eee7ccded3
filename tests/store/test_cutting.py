"""Where an artifact is cut into blobs: what did not change is stored once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

import holdfast
from holdfast.store.cutting import FULL, LEAST, _least
from holdfast.store.store import Store

RNG = np.random.default_rng(0)
SMALL = [RNG.normal(size=int(size)) for size in RNG.integers(200, 900, 3000)]
"""A pool of 13 MB."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return holdfast.connect(tmp_path / "models")


def added(store: Store, model: Any) -> float:
    """Save, and return the bytes of blobs that this added, as a part of the model's."""
    before = sum(one.size for one in store.blobs.list("blobs/"))
    version = store.save(model, "m")
    assert store.load(version) is not None
    return (sum(one.size for one in store.blobs.list("blobs/")) - before) / version.size


@pytest.mark.parametrize("place", [0, 1500, 3000])
@pytest.mark.parametrize("what", ["put in", "taken out", "changed"])
def test_one_item_of_a_pool_costs_the_blocks_around_it(store: Store, place: int, what: str) -> None:
    added(store, SMALL)
    place = min(place, len(SMALL) - (what != "put in"))
    other = [*SMALL[:place], *([] if what == "taken out" else [np.arange(500.0)]), *SMALL[place + (what != "put in") :]]
    assert 0 < added(store, other) < 3 * LEAST / sum(one.nbytes for one in SMALL)


def test_blocks_are_neither_too_small_nor_too_large(store: Store) -> None:
    store.save(SMALL, "m")
    store.save([np.zeros(500) for _ in range(3000)], "zeros")  # no item says that a block ends, or each does
    sizes = sorted(one.size for one in store.blobs.list("blobs/"))
    large = [size for size in sizes if size >= LEAST]
    assert len(large) > 20
    assert max(sizes) < FULL * LEAST + 8_000


def test_a_large_model_does_not_lie_in_more_and_more_blocks() -> None:
    assert [_least(megabytes * 1024 * 1024) // 1024 for megabytes in (1, 63, 64, 127, 128, 256, 10_000)] == [256, 256, 512, 512, 1024, 2048, 2048]


def test_a_forest_that_grew_shares_the_trees_that_it_had(store: Store) -> None:
    X, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(300, warm_start=True, random_state=0).fit(X, y)
    added(store, forest)
    forest.set_params(n_estimators=310).fit(X, y)
    assert added(store, forest) < 0.25


def test_layers_that_were_not_trained_are_stored_once(store: Store) -> None:
    body, head = RNG.normal(size=1_000_000), RNG.normal(size=200_000)
    added(store, {"body": body, "head": head})
    assert added(store, {"body": body, "head": head + 1}) == pytest.approx(head.nbytes / (head.nbytes + body.nbytes), rel=0.01)
