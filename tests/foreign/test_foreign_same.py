"""Old files of every library come back without any trust, and the model answers with the same bits."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest

import holdfast
from holdfast.errors import HoldfastError
from holdfast.testing import zoo
from holdfast.testing.contract import bits
from holdfast.testing.specimen import makers
from tests.foreign.samples import dumped

EVERY_PROTOCOL = (
    "LogisticRegression", "RandomForestClassifier", "HistGradientBoostingClassifier", "KNeighborsClassifier", "Pipeline", "ColumnTransformer", "GaussianProcessRegressor", "SVC", "MLPClassifier", "TfidfVectorizer",
)  # fmt: skip
PACKED = [("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)]


def pickles(number: int, every: bool) -> dict[str, Callable[[Any], bytes]]:
    """Return the ways in which Python's own tools write the specimen of a number."""
    ways: dict[str, Callable[[Any], bytes]] = {f"protocol {p}": (lambda model, p=p: pickle.dumps(model, p)) for p in range(6) if every or p == number % 6}
    ways["joblib"] = lambda model: dumped(joblib.dump, model)
    packed = PACKED if every else [PACKED[number % len(PACKED)]]
    return ways | {f"joblib {how}": (lambda model, how=how, level=level: dumped(joblib.dump, model, compress=(how, level))) for how, level in packed}


def tried(name: str, model: Any, ask: Callable[[Any], Any], ways: dict[str, Callable[[Any], bytes]], trusted: Any = None) -> Iterator[str]:
    """Yield, for each way that fails, what and why; what the library itself cannot write is no file."""
    for way, write in ways.items():
        try:
            data = write(model)
        except Exception:
            continue
        try:
            back = holdfast.loads(data, trusted=trusted)
        except HoldfastError as error:
            yield f"{name} {way}: {type(error).__name__}: {str(error)[:200]}"
            continue
        if not ask(back):
            yield f"{name} {way}: other answers"


def specimens(part: int, of: int) -> list[tuple[int, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [(number, one) for number, one in enumerate(zoo.specimens()) if number % of == part]


REFUSED_SKOPS: dict[str, str] = {}
"""Estimator -> part of the reason why its skops file is refused. Filled below by what is known; the test fails when that changes."""


@pytest.mark.parametrize("part", [0, *(pytest.param(one, marks=pytest.mark.long) for one in range(1, 8))])
def test_estimators_come_back_from_pickles_and_joblib(part: int) -> None:
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, one in specimens(part, 8):
            name = type(one.model).__name__
            before = zoo.answers(one.model, one.X)
            same = lambda back, before=before, rows=one.X: all(zoo.equal(before[key], value) for key, value in zoo.answers(back, rows).items())  # noqa: E731
            wrong += tried(name, one.model, same, pickles(number, name in EVERY_PROTOCOL))
    assert wrong == []


@pytest.mark.parametrize("part", [0, *(pytest.param(one, marks=pytest.mark.long) for one in range(1, 8))])
def test_estimators_come_back_from_skops(part: int) -> None:
    skops = pytest.importorskip("skops.io")
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _, one in specimens(part, 8):
            before = zoo.answers(one.model, one.X)
            same = lambda back, before=before, rows=one.X: all(zoo.equal(before[key], value) for key, value in zoo.answers(back, rows).items())  # noqa: E731
            wrong += tried(type(one.model).__name__, one.model, same, {"skops": skops.dumps})
    assert [line for line in wrong if not any(line.startswith(f"{name} ") and why in line for name, why in REFUSED_SKOPS.items())] == []


def boosters(library: str, model: Any, folder: Path) -> dict[str, Callable[[Any], bytes]]:
    def through(write: Callable[[str], Any], suffix: str) -> bytes:
        path = folder / f"model.{suffix}"
        write(str(path))
        return path.read_bytes()

    if library == "xgboost":
        booster = model.get_booster() if hasattr(model, "get_booster") else model
        return {form: (lambda _, form=form: bytes(booster.save_raw(form))) for form in ("ubj", "json")}
    if library == "lightgbm":
        return {"text": lambda _: (model.booster_ if hasattr(model, "booster_") else model).model_to_string().encode()}
    return {"cbm": lambda _: through(model.save_model, "cbm")} if library == "catboost" else {}


@pytest.mark.long
@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost", "imblearn"])
def test_models_of_a_library_come_back_from_pickles_and_joblib(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    wrong: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (name, make) in enumerate(makers(library).items()):
            one = make()
            before = bits(one.ask(one.model))
            same = lambda back, before=before, one=one: bits(one.ask(back)) == before  # noqa: E731
            wrong += tried(name, one.model, same, pickles(number, False), list(one.trusted) or None)
            wrong += tried(name, one.model, lambda back: back is not None, boosters(library, one.model, tmp_path))
    assert wrong == []


def torch_ways() -> dict[str, Callable[[Any], bytes]]:
    import torch

    def saved(model: Any, new: bool) -> bytes:
        out = io.BytesIO()
        torch.save(model, out, _use_new_zipfile_serialization=new)
        return out.getvalue()

    return {"zip": lambda model: saved(model, True), "before 1.6": lambda model: saved(model, False), "pickle": pickle.dumps}


@pytest.mark.parametrize("part", [0, *(pytest.param(one, marks=pytest.mark.long) for one in range(1, 12))])
def test_models_of_torch_come_back_from_its_own_files(part: int) -> None:
    pytest.importorskip("torch")
    wrong: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (name, make) in enumerate(makers("torch").items()):
            if number % 12 != part:
                continue
            one = make()
            before = bits(one.ask(one.model))
            same = lambda back, before=before, one=one: bits(one.ask(back)) == before  # noqa: E731
            wrong += tried(name, one.model, same, torch_ways(), list(one.trusted) or None)
    assert wrong == []
