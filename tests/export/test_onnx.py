"""Exports to ONNX, run by onnxruntime: every family answers as its model does, and what does not is not handed over."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import NotFound, ProofFailed, UnsupportedModel, UnsupportedOperation, UnsupportedTarget
from holdfast.exports import onnx_target
from holdfast.exports.exporting import Plan, prove
from holdfast.exports.opening import describe_export, open_export
from holdfast.exports.proof import ExportProof
from holdfast.exports.replaying import Replay
from holdfast.frameworks.asking import ways_to_ask
from tests.export.models import NAMES, data, made

pytest.importorskip("skl2onnx")

IN_SINGLE = {"xgboost", "xgboost of two", "xgboost for counts", "scaled xgboost", "xgboost with holes", "xgboost of a frame", "xgboost of categories"}
"""Models that compute in float32 themselves: the others deviate by no more than a few bits of float64."""


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_exported_and_answers_as_before(name: str, tmp_path: Path) -> None:
    """The proof holds without a changed label, and the file, opened anew, answers the example as the model does."""
    model, example = made(name)
    done = holdfast.export(model, tmp_path / "m.onnx", example=example)
    proof = done.proof
    assert proof.ok
    assert proof.changed_labels == 0
    assert proof.beyond == 0
    assert not proof.failed
    assert proof.worst <= (1e-6 if name in IN_SINGLE else 1e-9)
    assert proof.count >= 3000
    assert {"examples", "spread", "alone", "large batch"} <= set(proof.rows)
    asked = open_export(done.path)
    for method in proof.methods:
        expected = np.asarray(ways_to_ask(model)[method](example))
        got = asked.ask(method, example)
        assert got.shape == expected.shape
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
        else:
            assert got.tolist() == expected.tolist()
    said = describe_export(done.path)
    assert said.about is not None
    assert said.about.proof is not None
    assert said.about.proof.worst == proof.worst
    assert "proven" in str(said)


def _naive(model: Any, path: str) -> dict[str, str]:
    """What a guide on the web does: float32 in, and no more thought."""
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType

    graph = skl2onnx.convert_sklearn(model, initial_types=[("X", FloatTensorType([None, model.n_features_in_]))], options={"zipmap": False}, target_opset={"": 18, "ai.onnx.ml": 3})
    return onnx_target.finished(graph, {"label": "predict", "probabilities": "predict_proba"}, path)


def _naive_plans(model: Any, signature: Any) -> Iterator[Plan]:
    yield Plan("naive float32", functools.partial(_naive, model))


def test_a_naive_export_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scaler and a forest in float32, with a column of large integers: the mistake that this package exists for."""
    model, example = made("scaled forest")
    monkeypatch.setattr(onnx_target, "plans", _naive_plans)
    path = tmp_path / "m.onnx"
    path.write_bytes(b"before")
    with pytest.raises(ProofFailed) as caught:
        holdfast.export(model, path, example=example)
    assert "naive float32" in str(caught.value)
    assert path.read_bytes() == b"before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["m.onnx"]


def test_the_proof_of_a_naive_export_has_its_figures(tmp_path: Path) -> None:
    model, example = made("scaled forest")
    replay = Replay(model, example, classifies=True)
    path = str(tmp_path / "naive.onnx")
    from holdfast.artifact.describe import signature_of
    from holdfast.exports.about import About

    signature = signature_of(model, example, replay.batches[0].expected)
    about = About("", "forest", signature, _naive(model, path), None)
    assert signature is not None
    proof = prove(replay, lambda: onnx_target.open_runtime(path, about), signature, ExportProof("onnx", "", "naive", 1e-6))
    assert not proof.ok
    assert proof.worst > 0.01
    assert proof.beyond > 10
    assert proof.worst_row
    assert set(proof.differing) >= {"thresholds"}


def test_a_tolerance_lets_a_worse_export_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, example = made("scaled forest")
    monkeypatch.setattr(onnx_target, "plans", _naive_plans)
    with pytest.raises(ProofFailed):
        holdfast.export(model, tmp_path / "m.onnx", example=example, tolerance=1.0)
    done = holdfast.export(model, tmp_path / "m.onnx", example=example, tolerance=1.0, allow_changed_labels=10_000)
    assert done.proof.ok
    assert done.proof.changed_labels > 0
    assert describe_export(done.path).about.proof.changed_labels == done.proof.changed_labels  # type: ignore[union-attr]


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "1", True])
def test_a_tolerance_is_a_number(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        holdfast.export(made("linear")[0], tmp_path / "m.onnx", example=data()[0][:5], tolerance=wrong)


def test_labels_come_back_as_the_user_had_them(tmp_path: Path) -> None:
    for name, labels in (("logistic", ["high", "low", "mid"]), ("logistic of bools", [False, True]), ("svc", [0, 1, 2])):
        model, example = made(name)
        asked = open_export(holdfast.export(model, tmp_path / "m.onnx", example=example).path)
        assert asked.classes == labels
        assert {type(one) for one in asked.predict(example).tolist()} == {type(labels[0])}


def test_columns_go_by_name(tmp_path: Path) -> None:
    model, example = made("mixed forest")
    asked = open_export(holdfast.export(model, tmp_path / "m.onnx", example=example).path)
    turned = example[example.columns[::-1]]
    assert asked.predict(turned).tolist() == model.predict(example).tolist()
    assert asked.predict(example.to_dict("records")).tolist() == model.predict(example).tolist()
    with pytest.raises(UnsupportedOperation, match="city"):
        asked.predict(example.drop(columns="city"))


def test_the_outputs_have_names_and_are_tensors_of_any_number_of_rows(tmp_path: Path) -> None:
    wanted = {"logistic": {"label", "probabilities"}, "ridge": {"value"}, "components": {"transformed"}, "isolation forest": {"label", "scores"}, "sgd": {"label", "scores"}}
    for name, outputs in wanted.items():
        model, example = made(name)
        done = holdfast.export(model, tmp_path / "m.onnx", example=example)
        said = describe_export(done.path)
        assert set(said.outputs) == outputs
        assert all("(" in text for text in said.outputs.values())
        asked = open_export(done.path)
        assert [len(asked.predict(np.resize(example, (count, example.shape[1])))) for count in (1, 7)] == [1, 7]


def test_a_file_is_exported_with_its_own_example(tmp_path: Path) -> None:
    model, example = made("scaled forest")
    holdfast.save(model, tmp_path / "m.safetensors", example=example)
    done = holdfast.export(tmp_path / "m.safetensors", tmp_path / "m.onnx")
    assert done.proof.rows["examples"] == len(example)
    assert done.proof.ok


def test_two_exports_of_a_model_are_the_same_bytes(tmp_path: Path) -> None:
    model, example = made("forest")
    first, second = (Path(holdfast.export(model, tmp_path / name, example=example).path).read_bytes() for name in ("a.onnx", "b.onnx"))
    assert first == second


def test_what_cannot_be_exported_is_refused_by_name(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.preprocessing import FunctionTransformer

    x = data()[0]
    with pytest.raises(UnsupportedOperation, match="FunctionTransformer"):
        holdfast.export(FunctionTransformer(np.log1p).fit(np.abs(x)), tmp_path / "m.onnx", example=np.abs(x[:5]))
    several = RandomForestRegressor(3, random_state=0).fit(x, x[:, :2])
    with pytest.raises(UnsupportedOperation, match="several outputs"):
        holdfast.export(several, tmp_path / "m.onnx", example=x[:5])
    assert list(tmp_path.iterdir()) == []


def test_a_target_has_to_be_known_and_a_folder_to_be_there(tmp_path: Path) -> None:
    model, example = made("linear")
    with pytest.raises(UnsupportedTarget, match=r"\.onnx"):
        holdfast.export(model, tmp_path / "m.coreml", example=example)
    with pytest.raises(NotFound, match="folder"):
        holdfast.export(model, tmp_path / "no" / "m.onnx", example=example)
    assert holdfast.export(model, tmp_path / "m.bin", example=example, target="onnx").target == "onnx"


def test_without_rows_there_is_no_proof_and_no_export(tmp_path: Path) -> None:
    import torch

    with pytest.raises(UnsupportedModel, match="example="):
        holdfast.export(torch.nn.Linear(2, 1), tmp_path / "m.onnx")


def test_a_model_is_as_it_was_before(tmp_path: Path) -> None:
    for name in ("voting", "mixed lightgbm", "catboost"):
        model, example = made(name)
        before = holdfast.dumps(model)
        holdfast.export(model, tmp_path / "m.onnx", example=example)
        assert holdfast.dumps(model) == before


def test_graphs_that_others_made_are_asked_as_well(tmp_path: Path) -> None:
    """With maps of probabilities, in float32, without anything of ours inside."""
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType

    model, example = made("logistic")
    graph = skl2onnx.convert_sklearn(model, initial_types=[("X", FloatTensorType([None, 6]))], target_opset={"": 18, "ai.onnx.ml": 3})
    path = tmp_path / "other.onnx"
    path.write_bytes(graph.SerializeToString())
    asked = open_export(path)
    assert asked.methods == ("predict", "predict_proba")
    assert asked.classes == ["high", "low", "mid"]
    assert asked.predict(example).tolist() == model.predict(example).tolist()
    np.testing.assert_allclose(asked.predict_proba(example), model.predict_proba(example), atol=1e-5)
    said = describe_export(path)
    assert said.about is None
    assert "no proof" in str(said)
