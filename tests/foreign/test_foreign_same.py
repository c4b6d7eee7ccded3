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


def tried(name: str, model: Any, answers: Callable[[Any], Any], equal: Callable[[Any, Any], bool], ways: dict[str, Callable[[Any], bytes]], trusted: Any = None) -> Iterator[str]:
    """Yield, for each way that fails, what and why; what the library itself cannot write is no file, and what it loses itself is not there."""
    before = answers(model)
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
        after = answers(back)
        if not equal(before, after) and not equal(answers(own_load(way, data)), after):
            yield f"{name} {way}: other answers"


def own_load(way: str, data: bytes) -> Any:
    """Return what the library makes of its file."""
    if way in ("zip", "before 1.6"):
        import torch

        return torch.load(io.BytesIO(data), weights_only=False)
    if way == "skops":
        import skops.io

        return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    return joblib.load(io.BytesIO(data)) if way.startswith("joblib") else pickle.loads(data)


def expected(wrong: list[str], refused: dict[str, str]) -> None:
    """Hold what failed against the table of what is refused."""
    unknown = [line for line in wrong if not any(line.startswith(name) and why in line and any(one in line for one in REFUSAL) for name, why in refused.items())]
    assert unknown == []


def as_zoo(before: Any, after: Any) -> bool:
    return all(zoo.equal(before[key], value) for key, value in after.items())


def as_bits(before: Any, after: Any) -> bool:
    return bool(before == after)


def specimens(part: int, of: int) -> list[tuple[int, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [(number, one) for number, one in enumerate(zoo.specimens()) if number % of == part]


REFUSED: dict[str, str] = {
    "program": "TreeSpec", "quantized": "", "training": "is pickled", "TripletMarginWithDistanceLoss": "not on the trusted list", "classifier of categories": "categories in JSON",
}  # fmt: skip
"""Beginning of a specimen's name -> part of the reason why its files are refused: exported programs, packed weights and schedules of PyTorch hold what only it can make."""
REFUSAL = ("UnsupportedModel", "UntrustedType")


@pytest.mark.parametrize("part", [0, *(pytest.param(one, marks=pytest.mark.long) for one in range(1, 8))])
def test_estimators_come_back_from_pickles_and_joblib(part: int) -> None:
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, one in specimens(part, 8):
            name = type(one.model).__name__
            wrong += tried(name, one.model, lambda model, rows=one.X: zoo.answers(model, rows), as_zoo, pickles(number, name in EVERY_PROTOCOL))
    expected(wrong, REFUSED)


@pytest.mark.parametrize("part", [0, *(pytest.param(one, marks=pytest.mark.long) for one in range(1, 8))])
def test_estimators_come_back_from_skops(part: int) -> None:
    skops = pytest.importorskip("skops.io")
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _, one in specimens(part, 8):
            wrong += tried(type(one.model).__name__, one.model, lambda model, rows=one.X: zoo.answers(model, rows), as_zoo, {"skops": skops.dumps})
    expected(wrong, REFUSED)


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
            wrong += tried(name, one.model, lambda model, one=one: bits(one.ask(model)), as_bits, pickles(number, False), list(one.trusted) or None)
            wrong += tried(name, one.model, lambda model: model is not None, as_bits, boosters(library, one.model, tmp_path))
    expected(wrong, REFUSED)


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
            wrong += tried(name, one.model, lambda model, one=one: bits(one.ask(model)), as_bits, torch_ways(), list(one.trusted) or None)
    expected(wrong, REFUSED)
