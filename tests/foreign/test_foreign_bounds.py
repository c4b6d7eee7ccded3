"""Time, memory and damage: whatever is in a foreign file, it is loaded or refused by a typed error, soon, and nothing dies of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import samples
from tests.foreign.batches import GIGABYTE, outcomes, trouble
from tests.foreign.bombs import bombs
from tests.foreign.mutants import mutant

MODULES = ("sklearn.linear_model", "sklearn.neighbors", "sklearn.pipeline", "sklearn.tree", "scipy.sparse")
MAY_LOAD = (
    "floats_of_one_hash", "list_in_itself", "tuple_in_itself", "deep_lists", "deep_dicts", "state_in_itself", "windows_of_one_number", "nothing_of_a_large_shape", "argument_in_itself", "description", "shape", "files_in_files",
    "claims.npz", "fields.npy", "deep_states", "lengths.skops", "deep_tuples", "float_as_text", "system.pt", "place_in_memo",
)  # fmt: skip
"""Bombs that are none for a careful reader, or what it may make of them."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in bombs().items():
        (folder / name).write_bytes(data)
    return outcomes(sorted(folder.iterdir()), memory=2 * GIGABYTE, modules=(*MODULES, "torch"))


def test_no_bomb_ends_the_process_or_holds_it_up(opened: list[dict[str, Any]]) -> None:
    assert {Path(one["path"]).name for one in opened} == set(bombs())
    wrong = trouble(opened)
    assert not wrong, f"{len(wrong)}\n" + "\n".join(wrong)


def test_what_only_a_bomb_does_is_refused(opened: list[dict[str, Any]]) -> None:
    loaded = {Path(one["path"]).name for one in opened if one["action"] == "load" and "made" in one}
    assert {name for name in loaded if not name.startswith(MAY_LOAD)} == set()


def test_a_bomb_takes_no_more_memory_than_its_size_can_account_for(opened: list[dict[str, Any]]) -> None:
    grown = {f"{Path(one['path']).name} {one['action']}": one["grown"] for one in opened if one.get("grown", 0) > GIGABYTE}
    assert grown == {}


def damaged(folder: Path, files: dict[str, bytes], each: int, modules: tuple[str, ...], start: int = 0) -> tuple[int, int, list[str]]:
    """Open mutants of files; returns how many there were, how many were refused, and what went wrong."""
    paths = []
    for name, data in files.items():
        stem, _, suffix = name.rpartition(".")
        for number in range(start, start + each):
            path = folder / f"{stem}_{number}.{suffix}"
            path.write_bytes(mutant(data, f"{name} {number}"))
            paths.append(path)
    found = outcomes(paths, modules=modules)
    assert {one["path"] for one in found} == {str(path) for path in paths}
    return len(paths), sum("refused" in one for one in found if one["action"] == "load"), trouble(found)


FAMILIES: dict[str, tuple[Callable[[Path], dict[str, bytes]], tuple[str, ...]]] = {
    "python": (lambda folder: samples.python_files(), MODULES),
    "torch": (lambda folder: samples.torch_files(), ("torch",)),
    "boosters": (samples.booster_files, ("xgboost", "lightgbm", "catboost")),
}


@pytest.mark.parametrize(("each", "start"), [(8, 0), pytest.param(150, 1000, marks=pytest.mark.long)])
@pytest.mark.parametrize("family", FAMILIES)
def test_damaged_files_are_refused_by_name_or_harmless(family: str, each: int, start: int, tmp_path: Path) -> None:
    make, modules = FAMILIES[family]
    files = make(tmp_path)
    (tmp_path / "mutants").mkdir()
    count, refused, wrong = damaged(tmp_path / "mutants", files, each, modules, start)
    assert not wrong, f"{len(wrong)} of {count}\n" + "\n".join(wrong[:20])
    assert refused > count // 4


@pytest.mark.parametrize("family", FAMILIES)
def test_files_that_end_early_are_refused(family: str, tmp_path: Path) -> None:
    make, modules = FAMILIES[family]
    paths = []
    files = make(tmp_path)
    (tmp_path / "cut").mkdir()
    for name, data in files.items():
        for place in sorted({1, 2, 9, len(data) // 3, len(data) // 2, len(data) - 2, len(data) - 1}):
            paths.append(tmp_path / "cut" / f"{place}_{name}")
            paths[-1].write_bytes(data[:place])
    found = outcomes(paths, modules=modules)
    assert trouble(found) == []
    loaded = [Path(one["path"]).name for one in found if one["action"] == "load" and "made" in one]
    assert [name for name in loaded if not name.endswith("lgb.txt")] == [], "LightGBM's text may lose its last line, which says nothing"
