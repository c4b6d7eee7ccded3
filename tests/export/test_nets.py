"""PyTorch and Keras to ONNX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import LibraryMissing, UnsupportedOperation
from holdfast.exports import onnx_torch
from holdfast.exports.opening import describe_export, open_export
from holdfast.values import limits

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")


class Two(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.known, self.last = torch.nn.Embedding(10, 4), torch.nn.Linear(7, 2)

    def forward(self, ids: Any, x: Any) -> Any:
        return self.last(torch.cat([self.known(ids).mean(1), x], 1))


def nets() -> dict[str, tuple[Any, Any]]:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    nn = torch.nn
    return {
        "dense": (nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3)), torch.randn(5, 8)),
        "images": (nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)), torch.randn(4, 3, 12, 12)),
        "two inputs": (Two(), {"ids": rng.integers(0, 10, (4, 6)), "x": rng.normal(size=(4, 3)).astype(np.float32)}),
        "attention": (nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1, enable_nested_tensor=False), torch.randn(4, 5, 8)),
    }


@pytest.mark.parametrize("name", ["dense", "images", "two inputs", pytest.param("attention", marks=pytest.mark.long)])
def test_a_module_is_exported_and_answers_as_before(name: str, tmp_path: Path) -> None:
    model, example = nets()[name]
    model.train()
    done = holdfast.export(model, tmp_path / "m.onnx", example=example)
    assert model.training
    assert done.proof.ok
    assert done.proof.count >= 3000
    assert done.proof.worst < 1e-4
    rows = example.numpy() if hasattr(example, "numpy") else example
    expected = holdfast.predictor(model).predict(rows)
    np.testing.assert_allclose(open_export(done.path).predict(rows), expected, atol=1e-5)
    assert set(describe_export(done.path).outputs) == {"value"}
    assert b"test_nets.py" not in Path(done.path).read_bytes()
    assert b"site-packages" not in Path(done.path).read_bytes()


@pytest.mark.parametrize("given", [list, tuple])
def test_several_inputs_may_come_as_a_list(given: Any, tmp_path: Path) -> None:
    """In the order of the arguments of ``forward``."""
    model, example = nets()["two inputs"]
    done = holdfast.export(model, tmp_path / "m.onnx", example=given(example.values()))
    assert done.proof.ok
    assert set(describe_export(done.path).inputs) == {"ids", "x"}
    one = nets()["dense"][0]
    assert holdfast.export(one, tmp_path / "m.onnx", example=[np.zeros(8, np.float32), np.ones(8, np.float32)]).proof.rows["examples"] == 2


def test_several_inputs_of_keras_may_come_as_a_list(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    model, rows = keras_nets()["two inputs"]
    done = holdfast.export(model, tmp_path / "m.onnx", example=[rows["left"], rows["right"]])
    assert done.proof.ok
    np.testing.assert_allclose(holdfast.load(done.path).predict(rows), model.predict(rows, verbose=0), atol=1e-5)


def test_large_weights_lie_beside_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for nets of more than two gigabytes, with a lower limit."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64))
    monkeypatch.setattr(limits, "EXPORT_BYTES", 12_000)
    example = torch.randn(3, 8)
    done = holdfast.export(model, tmp_path / "m.onnx", example=example)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    assert done.nbytes == sum(one.stat().st_size for one in tmp_path.iterdir())
    expected = holdfast.predictor(model).predict(example.numpy())
    np.testing.assert_allclose(open_export(done.path).predict(example.numpy()), expected, atol=1e-6)


def test_several_answers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOperation, match="several tensors"):
        holdfast.export(torch.nn.LSTM(3, 4, batch_first=True), tmp_path / "m.onnx", example=torch.randn(4, 5, 3))


def test_a_missing_library_is_said_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(LibraryMissing, match=r"pip install 'holdfast\[onnx\]'") as caught:
        holdfast.export(nets()["dense"][0], tmp_path / "m.onnx", example=np.zeros((2, 8), np.float32))
    assert caught.value.exit_code == 5
    assert onnx_torch.ROWS > 1


def keras_nets() -> dict[str, tuple[Any, Any]]:
    """Models of Keras, and rows for them."""
    import keras

    keras.utils.set_random_seed(0)
    layers, rng = keras.layers, np.random.default_rng(0)
    scaled = layers.Normalization()
    scaled.adapt(rng.normal(3, 2, (50, 6)).astype(np.float32))
    left, right, words = keras.Input((4,), name="left"), keras.Input((6,), name="right"), keras.Input((7, 8))
    joined = layers.Concatenate()([layers.Dense(8, activation="gelu")(left), layers.Dense(5, activation="selu")(right)])
    mixed = layers.LayerNormalization()(layers.Add()([words, layers.MultiHeadAttention(2, 4)(words, words)]))
    rows = {name: rng.normal(size=(5, *shape)).astype(np.float32) for name, shape in {"flat": (6,), "left": (4,), "series": (10, 4), "words": (7, 8), "image": (16, 16, 3)}.items()}
    return {
        "a layer that holds a mean": (keras.Sequential([keras.Input((6,)), scaled, layers.BatchNormalization(), layers.Dense(3, activation="softmax")]), rows["flat"]),
        "two inputs": (keras.Model([left, right], layers.Dense(2)(joined)), {"left": rows["left"], "right": rows["flat"]}),
        "images": (keras.Sequential([keras.Input((16, 16, 3)), layers.SeparableConv2D(4, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)]), rows["image"]),
        "series": (keras.Sequential([keras.Input((10, 4)), layers.Bidirectional(layers.GRU(4)), layers.Dense(1)]), rows["series"]),
        "attention": (keras.Model(words, layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.Dense(8, activation="gelu")(mixed)))), rows["words"]),
        "words": (keras.Sequential([keras.Input((9,), dtype="int32"), layers.Embedding(30, 4), layers.LSTM(4), layers.Dense(1)]), rng.integers(0, 30, (5, 9)).astype(np.int32)),
    }


@pytest.mark.parametrize("name", ["a layer that holds a mean", "two inputs", "images", "series", "attention", "words"])
def test_keras_is_exported_on_tensorflow(name: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    model, rows = keras_nets()[name]
    held = [vars(layer).get("mean") for layer in model.layers]
    done = holdfast.export(model, tmp_path / "m.onnx", example=rows)
    assert done.proof.ok
    assert done.proof.count > 3000
    found = holdfast.load(done.path).predict(rows)
    np.testing.assert_allclose(found.reshape(5, -1), model.predict(rows, verbose=0), atol=1e-5)
    assert all(vars(layer).get("mean") is one for layer, one in zip(model.layers, held, strict=True))  # the model is as it was


def test_what_keras_cannot_write_is_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    import keras

    layers = keras.layers
    cut = layers.TextVectorization(max_tokens=20)
    cut.adapt(["a b", "c d e"])
    text = keras.Input((1,), dtype="string")
    model = keras.Model(text, layers.Dense(2)(layers.GlobalAveragePooling1D()(layers.Embedding(20, 4)(cut(text)))))
    with pytest.raises(UnsupportedOperation, match=r"LookupTableFind.*which ONNX does not have"):
        holdfast.export(model, tmp_path / "m.onnx", example=np.array([["a b"], ["c"], ["e a"]]))
    wide = keras.Sequential([keras.Input((6,), dtype="float64"), layers.Dense(3, dtype="float64", activation="gelu")])
    with pytest.raises(UnsupportedOperation, match="onnxruntime does not take this graph") as caught:
        holdfast.export(wide, tmp_path / "m.onnx", example=np.ones((3, 6)))
    assert caught.value.file == str(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_converter_of_keras_is_said_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow")
    from keras.src.utils import module_utils

    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setattr(module_utils, "tf2onnx", module_utils.LazyModule("tf2onnx"))
    model, rows = keras_nets()["series"]
    with pytest.raises(LibraryMissing, match=r"tf2onnx.*pip install 'holdfast\[onnx\]'"):
        holdfast.export(model, tmp_path / "m.onnx", example=rows)


@pytest.mark.long
def test_keras_is_exported_on_pytorch(tmp_path: Path) -> None:
    """In a process of its own, since the backend is chosen once."""
    code = f"""
import numpy as np, keras, holdfast
from holdfast.exports.opening import open_export
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3, activation="softmax")])
rows = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
done = holdfast.export(model, {str(tmp_path / "m.onnx")!r}, example=rows)
assert done.proof.ok and done.proof.count > 3000
assert np.abs(open_export(done.path).predict(rows) - model.predict(rows, verbose=0)).max() < 1e-5
print("proven")
"""
    import os

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "torch"})
    assert done.stdout.strip().endswith("proven"), done.stderr[-2000:]
