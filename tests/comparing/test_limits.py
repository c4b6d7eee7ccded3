"""Gates: what holds, what does not, and what could not be found out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

import holdfast
from holdfast.cli.main import main
from tests.artifact.models import data, pipeline

X, Y = data()
FIRST = holdfast.dumps(pipeline(), example=X[:20], metrics={"auc": 0.9, "loss": 0.3, "name": "x"})
SECOND = holdfast.dumps(clone(pipeline()).set_params(clf__C=0.01).fit(X[:40], Y[:40]), example=X[:20], metrics={"auc": 0.89, "loss": 0.31, "name": "x"})


def held(a: Any, b: Any, **more: Any) -> dict[str, bool]:
    return {one.name: one.held for one in holdfast.compare(a, b, **more).limits}


@pytest.mark.parametrize(
    ("name", "fits", "does_not"),
    [
        ("changed_labels", 4, 3), ("deviation", 1.0, 0.9), ("agreement", 0.0, 0.01), ("tensors", 6, 5), ("size", 1.1, 1.0), ("metric:auc", -0.01, -0.009),
        ("metric:loss", 0.01, 0.009), ("metric:auc", 0.5, 0),
    ],
)  # fmt: skip
def test_a_limit_holds_up_to_its_bound(name: str, fits: float, does_not: float) -> None:
    assert held(FIRST, SECOND, limits={name: fits}) == {name: True}
    found = holdfast.compare(FIRST, SECOND, limits={name: does_not})
    assert not found.passed
    assert found.limits[0].value is not None
    assert "DOES NOT HOLD" in str(found)


def test_what_could_not_be_found_out_does_not_hold() -> None:
    tensors = {"w": np.zeros(2)}
    for name in ("changed_labels", "deviation", "agreement", "metric:auc"):
        found = holdfast.compare(tensors, {"w": np.ones(2)}, limits={name: 1})
        assert (found.limits[0].held, found.limits[0].value) == (False, None), name
    assert held(FIRST, SECOND, on=X[:, :2], limits={"changed_labels": 100})["changed_labels"] is False, "the rows that were given could not be asked"
    assert held(FIRST, SECOND, limits={"metric:name": 1})["metric:name"] is False
    regression = LinearRegression().fit(X, Y)
    assert held(regression, LinearRegression().fit(X[:40], Y[:40]), on=X, limits={"changed_labels": 0})["changed_labels"] is False, "there are no labels"


def test_the_same_model_keeps_every_limit_without_being_asked() -> None:
    assert all(held(FIRST, FIRST, limits=dict.fromkeys(("changed_labels", "deviation", "breaking", "tensors"), 0) | {"agreement": 1.0, "size": 1}).values())


@pytest.mark.parametrize("limits", [{"labels": 0}, {"metric:": 0}, {"deviation": "0.1"}, {"deviation": float("nan")}, {"breaking": True}, {"tensors": -1}, {3: 1}])
def test_limits_that_are_none_are_refused(limits: Any) -> None:
    with pytest.raises(ValueError, match="limit"):
        holdfast.compare(FIRST, SECOND, limits=limits)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    for name, blob in (("a", FIRST), ("b", SECOND)):
        (tmp_path / f"{name}.safetensors").write_bytes(blob)
    return str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors")


def test_the_command_is_a_gate(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *files, "--limit", "changed_labels=4", "--limit", "metric:auc=-0.01"]) == 0
    assert main(["compare", *files, "--limit", "changed_labels=3"]) == 1
    assert "DOES NOT HOLD" in capsys.readouterr().out
    rows = tmp_path / "rows.csv"
    np.savetxt(rows, X, delimiter=",", header="a,b,c,d", comments="")
    assert main(["compare", *files, "--on", str(rows), "--limit", "changed_labels=7", "--json", "--html", str(tmp_path / "page.html")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["limits"][0]["value"] == 8
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert main(["compare", *files, "--no-predictions"]) == 1
    assert "labels changed" not in capsys.readouterr().out
    for wrong in ("deviation", "deviation=x", "labels=0"):
        assert main(["compare", *files, "--limit", wrong]) == 2


def test_the_command_takes_versions_of_a_store(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_store = holdfast.connect(tmp_path / "models")
    with_store.save(pipeline(), "churn", example=X[:20])
    with_store.save(clone(pipeline()).set_params(clf__C=0.01).fit(X[:40], Y[:40]), "churn", alias="production")
    with_store.close()
    url = str(tmp_path / "models")
    assert main(["compare", "churn:1", "churn@production", "--store", url, "--limit", "changed_labels=4"]) == 0
    assert main(["compare", "churn@production", "churn@latest", "--store", url]) == 0
    assert main(["compare", files[0], "churn:1", "--store", url]) == 0
    assert main(["compare", "churn:3", "churn:1", "--store", url]) == 3
    assert main(["compare", "churn:1", "churn:1", "--store", str(tmp_path / "nothing")]) != 0
    assert not (tmp_path / "nothing").exists(), "a comparison makes no store"
