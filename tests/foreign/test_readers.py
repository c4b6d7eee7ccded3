"""Keras, HDF5, MLflow folders, GGUF and older releases: what is read, what comes along, and what is refused."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast

pytestmark = pytest.mark.filterwarnings("ignore")
X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


# -- HDF5 and Keras -------------------------------------------------------------------------------------------------------


def hdf5(fill: Callable[[Any], None], path: Path) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def test_arrays_of_an_hdf5_file_are_read_in_their_groups(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file["a"] = X
        file.create_group("g/h")["b"] = Y
        file["g"].create_dataset("packed", data=np.arange(1000), compression="gzip")

    found = holdfast.load(hdf5(fill, tmp_path / "m.h5"))
    assert found["a"].tobytes() == X.tobytes()
    assert found["g"]["h"]["b"].tolist() == Y.tolist()
    assert found["g"]["packed"].tolist() == list(range(1000))


def external(file: Any) -> None:
    file.create_dataset("a", (8,), "u1", external=[("/etc/passwd", 0, 8)])


def virtual(file: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("a", layout)


def links(kind: str) -> Callable[[Any], None]:
    def fill(file: Any) -> None:
        import h5py

        file["a"] = X
        file["b"] = h5py.SoftLink("/a") if kind == "soft" else h5py.ExternalLink("/etc/passwd", "/x")

    return fill


def circle(file: Any) -> None:
    file.create_group("g")["again"] = file["/"]


@pytest.mark.parametrize(
    ("fill", "says"),
    [(external, "other files"), (virtual, "other files"), (links("soft"), "leads elsewhere"), (links("external"), "leads elsewhere"), (circle, "holds itself"),
     (lambda file: file.__setitem__("t", "text"), "not read"), (lambda file: file.attrs.__setitem__("model_config", "{}"), "old HDF5 form")],
    ids=["external", "virtual", "soft link", "external link", "circle", "text", "a whole model"],
)  # fmt: skip
def test_what_leads_out_of_an_hdf5_file_is_refused(fill: Callable[[Any], None], says: str, tmp_path: Path) -> None:
    with pytest.raises(holdfast.FormatError, match=says):
        holdfast.load(hdf5(fill, tmp_path / "m.h5"))


@pytest.mark.parametrize("cut", [8, 100, 600, -1])
def test_a_damaged_hdf5_file_is_refused_and_the_caller_lives(cut: int, tmp_path: Path) -> None:
    path = hdf5(lambda file: file.__setitem__("a", X), tmp_path / "m.h5")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(holdfast.FormatError):
        holdfast.load(path)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    path = tmp_path_factory.mktemp("keras") / "m.keras"
    model.save(path)
    return model, path


def test_a_keras_file_gives_the_model_with_its_optimizer(net: tuple[Any, Path]) -> None:
    model, path = net
    back = holdfast.load(path)
    assert back.predict(X, verbose=0).tobytes() == model.predict(X, verbose=0).tobytes()
    assert [one.numpy().tobytes() for one in back.optimizer.variables] == [one.numpy().tobytes() for one in model.optimizer.variables]
    assert "keras" in holdfast.inspect(path).libraries


def keras_changed(path: Path, change: Callable[[dict[str, Any]], None] | None = None, weights: Callable[[Any], None] | None = None, more: str = "") -> bytes:
    import h5py

    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json" and change is not None:
                told = json.loads(content)
                change(told)
                content = json.dumps(told).encode()
            if name.endswith(".h5") and weights is not None:
                inner = io.BytesIO(content)
                with h5py.File(inner, "r+") as file:
                    weights(file)
                content = inner.getvalue()
            new.writestr(name, content)
        if more:
            new.writestr(more, b"x")
    return out.getvalue()


def layer(told: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = told["config"]["layers"][1]
    return found


KERAS: dict[str, tuple[dict[str, Any], type[holdfast.HoldfastError], str]] = {
    "a lambda": ({"change": lambda t: layer(t).update(class_name="Lambda")}, holdfast.HoldfastError, "code"),
    "code in a value": ({"change": lambda t: layer(t)["config"].update(activation={"class_name": "__lambda__", "config": {"value": "x"}})}, holdfast.InvalidState, "code"),
    "a class of a stranger": ({"change": lambda t: layer(t).update(module="evil", class_name="Boom", registered_name="evil>Boom")}, holdfast.UntrustedType, "evil.Boom"),
    "a path": ({"change": lambda t: layer(t)["config"].update(vocabulary="/etc/passwd")}, holdfast.InvalidState, "path"),
    "weights of another shape": ({"weights": lambda f: (f.__delitem__("layers/dense/vars/0"), f.__setitem__("layers/dense/vars/0", X))}, holdfast.HoldfastError, ""),
    "weights too many": ({"weights": lambda f: f.__setitem__("layers/dense_9/vars/0", X)}, holdfast.HoldfastError, "place"),
    "weights missing": ({"weights": lambda f: f.__delitem__("layers/dense/vars/1")}, holdfast.HoldfastError, ""),
    "a file that is not read": ({"more": "model.weights.json"}, holdfast.UnsupportedModel, "not read"),
}


@pytest.mark.parametrize("name", KERAS)
def test_an_altered_keras_file_is_refused(name: str, net: tuple[Any, Path]) -> None:
    options, error, says = KERAS[name]
    with pytest.raises(error, match=says):
        holdfast.loads(keras_changed(net[1], **options))


# -- MLflow ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    mlflow = pytest.importorskip("mlflow.sklearn")
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    path = tmp_path_factory.mktemp("mlflow") / "model"
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = LogisticRegression().fit(frame, Y)
    mlflow.save_model(model, str(path), serialization_format="cloudpickle", signature=infer_signature(frame, model.predict(frame)), input_example=frame[:4], metadata={"team": "risk"})
    return path


def test_signature_example_and_metadata_of_an_mlflow_folder_come_along(folder: Path, tmp_path: Path) -> None:
    done = holdfast.convert(folder, tmp_path / "m.safetensors")
    assert done.proof == "same content, same answers to 4 rows"
    found = holdfast.inspect(tmp_path / "m.safetensors")
    assert [one.name for one in found.signature.inputs] == ["a", "b", "c"]
    assert found.extra["metadata"] == {"team": "risk"}
    assert holdfast.verify(tmp_path / "m.safetensors").verdict == "bit-equal"
    assert holdfast.predictor(folder).predict([{"a": 3.0, "b": 0.0, "c": 0.0}]).tolist() == [1]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [("pickled_model: model.pkl", "pickled_model: ../model.pkl", "leads out"), ("pickled_model: model.pkl", "pickled_model: /etc/passwd", "leads out"),
     ("pickled_model: model.pkl", "pickled_model: other.pkl", "not there"), ("sklearn:", "strange:", "python_function"), ("code: null", "code: &a null", "anchors"),
     ("code: null", "code: !!python/object:os.system null", "anchors"), ("flavors:", "flowers:", "flavors"), ("pickled_model: model.pkl", "pickled_model: link.pkl", "link")],
    ids=["above", "absolute", "missing", "a loader alone", "an anchor", "a tag", "no flavors", "a link"],
)  # fmt: skip
def test_an_mlflow_folder_names_no_loader_and_leads_nowhere(old: str, new: str, says: str, folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    (copy / "link.pkl").symlink_to(copy / "model.pkl")
    text = (copy / "MLmodel").read_text()
    assert old in text
    (copy / "MLmodel").write_text(text.replace(old, new))
    with pytest.raises(holdfast.HoldfastError, match=says):
        holdfast.load(copy)


def test_folders_that_are_programs_or_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(holdfast.FormatError, match="folder"):
        holdfast.load(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    with pytest.raises(holdfast.UnsupportedModel, match="SavedModel"):
        holdfast.load(tmp_path)


# -- GGUF -----------------------------------------------------------------------------------------------------------------


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(version: int = 3, tensors: int | None = None, pairs: int | None = None, alignment: int = 32, twice: bool = False, kind: int = 2, offset: int = 0) -> bytes:
    said = [text("general.architecture") + struct.pack("<I", 8) + text("llama"), text("general.alignment") + struct.pack("<II", 4, alignment),
            text("tokens") + struct.pack("<IIQ", 9, 8, 20) + b"".join(text(f"t{n}") for n in range(20))]  # fmt: skip
    said += said[:1] * twice
    listed = text("w") + struct.pack("<IQQIQ", 2, 32, 4, kind, offset)
    head = b"GGUF" + struct.pack("<IQQ", version, 1 if tensors is None else tensors, len(said) if pairs is None else pairs) + b"".join(said) + listed
    return head + bytes(-len(head) % 32) + bytes(72)


def test_a_gguf_file_is_looked_at_and_not_loaded() -> None:
    found = holdfast.inspect(gguf())
    assert found.tensors == [("w", "Q4_0", [4, 32], 72)]
    assert found.extra["tokens"][-1] == "… 20 in all"
    with pytest.raises(holdfast.UnsupportedModel, match=r"llama\.cpp"):
        holdfast.loads(gguf())


@pytest.mark.parametrize(
    ("blob", "error"),
    [(gguf(version=9), holdfast.UnsupportedVersion), (gguf(tensors=2**64 - 1), holdfast.LimitExceeded), (gguf(pairs=2**64 - 1), holdfast.LimitExceeded),
     (gguf(alignment=0), holdfast.FormatError), (gguf(alignment=24), holdfast.FormatError), (gguf(twice=True), holdfast.FormatError), (gguf(kind=999), holdfast.FormatError),
     (gguf(offset=7), holdfast.FormatError), (gguf(offset=1 << 40), holdfast.Truncated), (gguf()[:-1], holdfast.Truncated), (gguf()[:60], holdfast.HoldfastError)],
    ids=["version", "tensors", "pairs", "alignment 0", "alignment 24", "a key twice", "a type", "an offset", "a far offset", "cut", "cut early"],
)  # fmt: skip
def test_a_gguf_file_that_lies_is_refused(blob: bytes, error: type[holdfast.HoldfastError]) -> None:
    with pytest.raises(error):
        holdfast.inspect(blob)


# -- versions -------------------------------------------------------------------------------------------------------------


def aged(version: str, **changes: Any) -> bytes:
    from sklearn.preprocessing import StandardScaler

    class Aged(StandardScaler):
        def __reduce__(self) -> Any:
            return StandardScaler, (), {**vars(self), **changes, "_sklearn_version": version}

    made = pickle.dumps(Aged().fit(X), 2)
    # a call of the class and an empty object are two opcodes; the model is the same
    return made.replace(b"cpandas", b"cpandas").replace(b")R", b")\x81")


def test_a_release_whose_answers_are_known_to_be_equal_loads_with_a_notice() -> None:
    with pytest.warns(holdfast.HoldfastWarning, match=r"1\.7\.2"):
        assert holdfast.loads(aged("1.7.2")).mean_.tobytes()


@pytest.mark.parametrize("version", ["1.3.2", "1.5.2", "0.24.1", "2.0.0", "nonsense"])
def test_other_releases_are_refused_with_what_to_do(version: str) -> None:
    with pytest.raises(holdfast.VersionMismatch, match="nothing was loaded"):
        holdfast.loads(aged(version))


def test_a_state_that_looks_different_in_another_release_is_no_damage() -> None:
    with pytest.raises(holdfast.VersionMismatch, match="looks different"):
        holdfast.loads(aged("1.7.2", mean_="gone"))
