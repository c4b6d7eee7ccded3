"""Every scikit-learn estimator that can be fitted: the same to the last bit, with nothing trusted.

The fitted models come from `holdfast.testing.zoo`; scikit-learn's own pickle check runs as a second oracle, with our
functions in place of pickle's and of its memory-mapping.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.testing.zoo import Specimen, answers, build, equal, estimator_classes, specimens, variants
from holdfast.testing.zoo_variants import recipes_of
from tests.frameworks.exact import exact


@cache
def zoo() -> dict[str, Specimen]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {one.name: one for one in specimens()}


def fits_the_check(instance: Any) -> bool:
    """Say whether scikit-learn's check can be run at all: its own copy of it, with real pickle, gets through."""
    from sklearn.utils import estimator_checks

    try:
        estimator_checks.check_estimators_pickle(type(instance).__name__, instance)
    except Exception:
        return False
    return True


def names() -> list[str]:
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in estimator_classes()]


def asked(model: Any, rows: Any) -> dict[str, Any]:
    """Ask with numpy's global generator at one place, from which a model with ``random_state=None`` draws its answers."""
    np.random.seed(0)  # noqa: NPY002
    return answers(model, rows)


def round_trip(one: Specimen) -> None:
    blob = holdfast.dumps(one.model)
    back = holdfast.loads(blob)
    assert holdfast.dumps(back) == blob
    # a copy, because linear algebra takes another way when a model is asked with its own array
    rows = copy.deepcopy(one.X)
    before, after = asked(one.model, rows), asked(back, rows)
    if not before:  # clusterings and embeddings that only describe what they were fitted on
        assert exact(vars(one.model), vars(holdfast.loads(blob, copy=True)))
    assert equal(before, after)


@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore")
def test_every_estimator_answers_the_same_to_the_last_bit(name: str) -> None:
    found = [one for key, one in zoo().items() if key.partition("/")[0] == name]
    assert found, f"{name} is not in the zoo"
    for one in found:
        round_trip(one)


@pytest.mark.parametrize("name", names())
def test_an_estimator_that_is_not_fitted_comes_back_with_nothing_trusted(name: str) -> None:
    """Some classes set more than their parameters when they are made; that does not make a model of them."""
    found = next(cls for cls in estimator_classes() if f"{cls.__module__}.{cls.__qualname__}" == name)
    for _, settings in recipes_of(found):
        made = build(found, settings)
        back = holdfast.loads(holdfast.dumps(made))
        assert exact(vars(made), vars(back))


@pytest.mark.long
@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore")
def test_estimators_in_many_settings_answer_the_same(name: str) -> None:
    """Settings drawn with another seed than the one the lists were proposed from."""
    for count, one in enumerate(variants(name, seed=1)):
        if count % 8 == 0:
            round_trip(one)


OTHER_EACH_TIME = {
    **dict.fromkeys(("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"), "it keeps how long each fit took"),
    **dict.fromkeys(("StackingClassifier", "VotingClassifier"), "the tree inside it is grown without a seed"),
}
"""Specimens that are another model each time they are fitted, and why."""

DIGESTS = """
import json, warnings
warnings.simplefilter("ignore")
import holdfast
from holdfast.testing.zoo import answers, specimens
found = {}
for one in specimens():
    answers(one.model, one.X)
    found[type(one.model).__name__] = holdfast.inspect(holdfast.dumps(one.model)).content
print("digests", json.dumps(found))
"""


@pytest.mark.long
def test_every_estimator_is_the_same_model_in_another_process() -> None:
    """No address, no order of a set and no clock is in a digest, also of models that were used."""
    found = []
    for seed in ("1", "2"):
        environment = dict(os.environ, PYTHONHASHSEED=seed, OMP_NUM_THREADS="1")
        done = subprocess.run([sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.rpartition("digests ")[2]))
    assert len(found[0]) == len(names())
    assert {name for name, digest in found[0].items() if digest != found[1][name]} <= set(OTHER_EACH_TIME)


NOT_FOR_THE_CHECK = {
    "CountVectorizer",
    "DictVectorizer",
    "FeatureHasher",
    "FrozenEstimator",
    "HashingVectorizer",
    "LabelBinarizer",
    "LabelEncoder",
    "MultiLabelBinarizer",
    "PatchExtractor",
    "TfidfVectorizer",
}
"""Estimators on which scikit-learn's check fails with pickle as well, because of its data."""


class _Blob(bytes):
    """Bytes that pass scikit-learn's look for its own version in a pickle; our manifest holds it."""

    def __contains__(self, item: Any) -> bool:
        return item == b"_sklearn_version" or super().__contains__(item)


class _AsPickle:
    @staticmethod
    def dumps(model: Any) -> bytes:
        return _Blob(holdfast.dumps(model))

    @staticmethod
    def loads(blob: bytes) -> Any:
        return holdfast.loads(blob)


def _mapped(model: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        # past the size up to which a file is read whole
        holdfast.save([model, b"\0" * 1_100_000], path, durable=False)
        return holdfast.load(path)[0]


@pytest.mark.parametrize("mapped", [False, True], ids=["bytes", "mapped file"])
@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_pickle_check_passes_with_holdfast(name: str, mapped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.base import BaseEstimator
    from sklearn.utils import estimator_checks
    from sklearn.utils._test_common.instance_generator import _construct_instances

    cls = next(c for c in estimator_classes() if f"{c.__module__}.{c.__qualname__}" == name)
    try:
        instances: list[BaseEstimator] = [one for one in _construct_instances(cls) if fits_the_check(one)]
    except Exception:
        instances = []
    if not instances:
        # its data is dense numbers: text, labels and partial models do not fit it, nor does pickle itself pass there
        assert name.rpartition(".")[2] in NOT_FOR_THE_CHECK
        return
    monkeypatch.setattr(estimator_checks, "pickle", _AsPickle)
    monkeypatch.setattr(estimator_checks, "create_memmap_backed_data", _mapped)
    for instance in instances:
        estimator_checks.check_estimators_pickle(name, instance, readonly_memmap=mapped)
