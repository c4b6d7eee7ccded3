"""Rows made to hurt, the measure of deviation, the tolerances, and the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import holdfast
from holdfast.artifact.deviation import differences
from holdfast.cli.main import main
from holdfast.errors import LibraryMissing, UnsupportedOperation
from holdfast.exports.cuts import around, cuts_of
from holdfast.exports.families import families_of, tolerances
from holdfast.exports.rows import UNHOLDABLE, hard_rows, length
from tests.export.models import data, frame, made


def test_values_around_a_threshold_are_its_neighbours_in_both_precisions() -> None:
    for value in (0.1, 2.5, -1e-30, 16_777_217.0, 1.0):
        near = around(np.array([value]))
        below, above = np.nextafter(value, -np.inf), np.nextafter(value, np.inf)
        assert {value, below, above} <= set(near.tolist())
        singles = [one for one in near.tolist() if float(np.float32(one)) == one]
        assert any(one <= value for one in singles)
        assert any(one > value for one in singles)
    assert around(np.array([np.inf, 1e300])).tolist() == []


def test_thresholds_are_carried_back_through_a_scaler() -> None:
    """The scaled value is the threshold again, so that the row lies where the tree decides."""
    model = made("scaled forest")[0]
    scaler, trees = model[0], model[-1].estimators_
    column = int(trees[0].tree_.feature[0])
    threshold = float(trees[0].tree_.threshold[0])
    back = cuts_of(model)[column]
    table = np.zeros((len(back), scaler.n_features_in_))
    table[:, column] = back
    scaled = scaler.transform(table)[:, column]
    assert np.abs(scaled - threshold).min() <= 4 * np.spacing(abs(threshold))
    assert (scaled <= threshold).any()
    assert (scaled > threshold).any()


@pytest.mark.parametrize("name", ["tree", "forest", "gradient boosting", "histogram boosting", "xgboost", "lightgbm", "catboost", "mixed forest", "bagging", "stacking"])
def test_every_kind_of_trees_gives_its_thresholds(name: str) -> None:
    model, example = made(name)
    kinds = dict(hard_rows(model, example))
    assert length(kinds["thresholds"]) > 500


def test_the_kinds_of_rows() -> None:
    model, example = made("mixed forest")
    kinds = dict(hard_rows(model, example))
    assert list(kinds) == ["examples", "spread", "thresholds", "beyond float32", "out of range", "zeros", "missing", "unseen categories", "missing categories", "alone", "large batch"]
    assert length(kinds["spread"]) == 1000
    assert length(kinds["large batch"]) == 2000
    assert np.isin(kinds["beyond float32"][["a", "d"]].to_numpy(), UNHOLDABLE).any()
    assert any(float(np.float32(one)) != one for one in UNHOLDABLE)
    assert kinds["missing"][["a", "big one", "c (cm)", "d"]].isna().to_numpy().any(axis=1).mean() > 0.5
    assert not set(kinds["unseen categories"]["city"]) <= set(frame()["city"])
    assert kinds["missing categories"]["city"].isna().any()
    assert all(list(rows.columns) == list(example.columns) for rows in kinds.values())


def test_the_same_model_gives_the_same_rows() -> None:
    model, example = made("scaled forest")
    first, second = dict(hard_rows(model, example)), dict(hard_rows(model, example))
    assert all(np.array_equal(first[kind], second[kind], equal_nan=True) for kind in first)


def test_the_measure_is_absolute_up_to_one_and_relative_beyond() -> None:
    off = differences(np.array([0.5, 1e6]), np.array([0.5 + 1e-6, 1e6 + 1]), labels=False).off
    np.testing.assert_allclose(off, [1e-6, 1e-6], rtol=1e-6)


def test_what_cannot_be_compared_is_infinitely_far() -> None:
    assert differences(np.zeros(3), np.zeros(4), labels=False).off.tolist() == [np.inf] * 3
    assert differences(np.array([1.0, np.nan]), np.array([np.nan, np.nan]), labels=False).off.tolist() == [np.inf, 0.0]
    assert differences(np.array([np.inf, np.inf]), np.array([np.inf, -np.inf]), labels=False).off.tolist() == [0.0, np.inf]
    assert differences(np.array(["a", "b"]), np.array(["a", "c"]), labels=True).changed.tolist() == [False, True]


def test_a_pipeline_may_deviate_as_far_as_its_loosest_step() -> None:
    known = tolerances()
    assert families_of(made("scaled forest")[0]) == ("forest", known["forest"]["tolerance"])
    assert families_of(made("logistic")[0]) == ("linear", known["linear"]["tolerance"])
    assert families_of(made("stacking")[0])[1] == known["forest"]["tolerance"]
    assert families_of(made("xgboost booster")[0])[0] == "gbdt"
    assert families_of(object())[0] == "other"
    assert all(one["reason"] and 0 < one["tolerance"] <= 1e-4 for one in known.values())


def test_a_missing_library_is_said_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(LibraryMissing, match=r"pip install 'holdfast\[onnx\]'"):
        holdfast.export(made("linear")[0], tmp_path / "m.onnx", example=data()[0][:5])
    monkeypatch.setitem(sys.modules, "sklearn2pmml", None)
    with pytest.raises(LibraryMissing, match=r"pip install 'holdfast\[pmml\]'.*AGPL"):
        holdfast.export(made("linear")[0], tmp_path / "m.pmml", example=data()[0][:5])


def test_the_command_exports_and_says_the_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, example = made("mixed forest")
    saved = tmp_path / "m.safetensors"
    holdfast.save(model, saved, example=example)
    rows = tmp_path / "rows.csv"
    frame()[:30].to_csv(rows, index=False)
    out = tmp_path / "m.onnx"
    assert main(["export", str(saved), str(out), "--rows", str(rows), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["proven"] is True
    assert said["rows"] > 3000
    assert said["proof"]["rows"]["examples"] == 30
    assert main(["export", str(saved), str(out)]) == 0
    assert "proven" in capsys.readouterr().out
    assert out.exists()


def test_the_command_ends_with_the_code_of_its_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "m.safetensors"
    holdfast.save(made("linear")[0], saved, example=data()[0][:5])
    assert main(["export", str(tmp_path / "no.safetensors"), str(tmp_path / "m.onnx")]) == 3
    assert main(["export", str(saved), str(tmp_path / "m.coreml")]) == 1
    assert main(["export", str(saved), str(tmp_path / "m.onnx"), "--tolerance", "-1"]) == 2
    assert main(["export", str(saved), str(tmp_path / "m.onnx"), "--tolerance", "0"]) == 1
    assert "NOT proven" in capsys.readouterr().err
    assert not (tmp_path / "m.onnx").exists()


def test_texts_may_come_as_a_table(tmp_path: Path) -> None:
    model, example = made("tf-idf")
    saved, rows = tmp_path / "m.safetensors", tmp_path / "rows.csv"
    holdfast.save(model, saved)
    rows.write_text("words\n" + "\n".join(example) + "\n")
    assert main(["export", str(saved), str(tmp_path / "m.onnx"), "--rows", str(rows)]) == 0


@pytest.mark.parametrize("form", ["array", "lists", "one row", "float32", "objects", "frame", "nothing", "synthetic"])
def test_an_example_may_come_in_any_form_that_predict_takes(form: str, tmp_path: Path) -> None:
    import pandas as pd

    model, rows = made("scaled forest")
    given = {
        "array": rows, "lists": rows.tolist(), "one row": rows[:1], "float32": rows.astype(np.float32), "objects": rows.astype(object), "frame": pd.DataFrame(rows),
        "nothing": None, "synthetic": "synthetic",
    }  # fmt: skip
    assert holdfast.export(model, tmp_path / "m.onnx", example=given[form]).proof.ok


@pytest.mark.parametrize("wrong", ["one dimension", "few columns", "empty", "a number"])
def test_rows_that_the_model_does_not_take_are_said(wrong: str, tmp_path: Path) -> None:
    model, rows = made("scaled forest")
    given = {"one dimension": rows[0], "few columns": rows[:, :3], "empty": rows[:0], "a number": 3}
    with pytest.raises(holdfast.UnsupportedOperation, match="give example= as predict takes it"):
        holdfast.export(model, tmp_path / "m.onnx", example=given[wrong])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["onnx", "pmml"])
@pytest.mark.parametrize("given", [{"metrics": {"auc": 0.9}}, {"extra": {"team": "risk"}}, {"compress": "zstd"}, {"keep_last": 2}, {"wait": False}])
def test_what_an_export_cannot_keep_is_not_dropped_in_silence(suffix: str, given: dict[str, object], tmp_path: Path) -> None:
    (option,) = given
    with pytest.raises(ValueError, match=f"not {option}; save as .safetensors"):
        holdfast.save(made("linear")[0], tmp_path / f"m.{suffix}", example=data()[0][:5], **given)  # type: ignore[call-overload]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("asked", [{"part": "steps"}, {"max_memory": 1 << 30}, {"device": "cuda:0"}])
def test_an_export_is_opened_whole_and_by_its_own_runtime(asked: dict[str, object], tmp_path: Path) -> None:
    made_ = holdfast.export(made("linear")[0], tmp_path / "m.onnx", example=data()[0][:5])
    with pytest.raises(UnsupportedOperation, match="opened whole, by its own runtime"):
        holdfast.load(made_.path, **asked)  # type: ignore[arg-type]
