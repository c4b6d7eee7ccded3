"""Group K of the threat table: what a file must not tell about the people and the machine that made it."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import HoldfastWarning
from tests.hostile.oracle import ROOT


def notices(model: Any, **options: Any) -> list[str]:
    """Return the notices that a save of a model gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        holdfast.dumps(model, **options)
    return [str(one.message) for one in caught if issubclass(one.category, HoldfastWarning)]


# -- K1: rows of training data --------------------------------------------------------------------------------------------


def test_a_model_that_keeps_rows_it_was_trained_on_says_so_at_save_and_in_the_file(tmp_path: Path) -> None:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = np.arange(40.0).reshape(20, 2) % 7, np.array([0, 1] * 10)
    for model in (KNeighborsClassifier(2).fit(X, y), make_pipeline(StandardScaler(), KNeighborsClassifier(2)).fit(X, y)):
        path = tmp_path / "m.safetensors"
        with pytest.warns(HoldfastWarning, match="contains rows it was trained on"):
            saved = holdfast.save(model, path)
        assert any("_fit_X" in place for place in saved.training_rows)
        found = holdfast.inspect(path)
        assert found.training_rows == saved.training_rows
        assert "holds rows the model was trained on" in str(found)


def test_a_model_without_training_rows_does_not_cry_wolf() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    X, y = np.arange(40.0).reshape(20, 2) % 7, np.array([0, 1] * 10)
    for model in (LogisticRegression().fit(X, y), DecisionTreeClassifier().fit(X, y), {"_fit_X": X}, [1, 2]):
        assert notices(model) == []


# -- K2: who and where ----------------------------------------------------------------------------------------------------

WHO = """
import holdfast, numpy as np, os, sys
from sklearn.preprocessing import StandardScaler
X = np.arange(12.0).reshape(6, 2)
model = StandardScaler().fit(X)
os.makedirs("secretfolder7", exist_ok=True)
holdfast.save({"a": np.zeros(3), "scaler": model}, os.path.abspath("secretfolder7/secretname7.safetensors"))
holdfast.save(model, os.path.abspath("secretfolder7/example.safetensors"), example=X[:3], metrics={"auc": 0.5}, compress="zstd")
"""


def test_a_file_tells_neither_user_nor_host_nor_folder_nor_environment_nor_time(tmp_path: Path) -> None:
    secrets = {
        "USER": "secretuser7", "LOGNAME": "secretuser7", "HOME": str(tmp_path / "secrethome7"), "HOSTNAME": "secrethost7", "SECRET_TOKEN": "secrettoken7",
        "VIRTUAL_ENV": "/secretenv7", "PWD": str(tmp_path),
    }  # fmt: skip
    environment = {**os.environ, **secrets, "PYTHONPATH": os.pathsep.join([str(Path(holdfast.__file__).parents[1]), str(ROOT)])}
    runs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        subprocess.run([sys.executable, "-c", WHO], cwd=folder, env=environment, check=True)
        runs.append({path.name: path.read_bytes() for path in sorted((folder / "secretfolder7").iterdir())})
    names = [platform.node(), socket.gethostname(), str(tmp_path), str(Path.home()), sys.prefix, sys.executable, str(ROOT), platform.release()]
    words = [b"secret", *(name.encode() for name in names if len(name) > 4)]
    for name, blob in runs[0].items():
        for word in words:
            assert word not in blob, f"{name} holds {word!r}"
        found = holdfast.inspect(blob)
        assert set(found.libraries) <= {"numpy", "scipy", "scikit-learn"}
        assert found.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert runs[0] == runs[1], "the same model gives the same bytes, in another folder and at another time"


# -- K3: bytes that belong to nobody --------------------------------------------------------------------------------------


def dirty(dtype: Any, fill: int, count: int = 40) -> np.ndarray[Any, Any]:
    """Return an array of structures whose padding holds a pattern."""
    array = np.empty(count, dtype)
    array.view(np.uint8)[:] = fill
    for name in array.dtype.names or ():
        array[name] = np.arange(count) if array.dtype[name].shape == () else 1
    return array


ALIGNED = np.dtype([("a", "u1"), ("b", "<f8")], align=True)
SPREAD = np.dtype({"names": ["a", "b"], "formats": ["<i2", "<f4"], "offsets": [3, 9], "itemsize": 21})
NESTED = np.dtype({"names": ["x", "y"], "formats": [ALIGNED, ("<i4", (2,))], "offsets": [5, 30], "itemsize": 50})


@pytest.mark.parametrize("dtype", [ALIGNED, SPREAD], ids=["aligned", "spread"])
@pytest.mark.parametrize(
    "shape",
    [
        lambda a: a,
        lambda a: a[::2],
        lambda a: a.reshape(5, 8),
        lambda a: np.asfortranarray(a.reshape(5, 8)),
        lambda a: [one.copy() for one in a.reshape(20, 2)],
        lambda a: a[3],
        lambda a: [a[:20], a[10:]],
        lambda a: {"both": a, "view": a[1:]},
    ],
    ids=["whole", "strided", "matrix", "Fortran", "pool", "scalar", "overlapping", "view"],
)
def test_padding_of_structures_is_zero_in_the_file_and_makes_no_other_model(dtype: Any, shape: Any) -> None:
    """What lay in memory before is nobody's business, and a digest of it would be another one every time."""
    one, two = holdfast.dumps(shape(dirty(dtype, 0xA5))), holdfast.dumps(shape(dirty(dtype, 0x5A)))
    assert one == two
    assert b"\xa5\xa5\xa5" not in one


def test_padding_inside_nested_structures_is_zero() -> None:
    arrays = [np.zeros(9, NESTED), np.zeros(9, NESTED)]
    arrays[0].view(np.uint8)[:], arrays[1].view(np.uint8)[:] = 0xA5, 0x5A
    for array in arrays:
        array["x"]["a"], array["x"]["b"], array["y"] = 1, 2.0, 3
    assert holdfast.dumps(arrays[0]) == holdfast.dumps(arrays[1])


@pytest.mark.parametrize(
    "views",
    [
        lambda whole: [whole[:, 0], whole[1:, 0]],
        lambda whole: {"odd": whole[::2, 0], "all": whole[:, 0]},
        lambda whole: [whole[:, 0].reshape(5, 2), whole[::-1, 0]],
    ],
    ids=["columns", "steps", "reversed"],
)
def test_memory_between_the_windows_of_a_model_is_not_in_the_file(views: Any) -> None:
    """Two columns of a table that share memory are stored once; the columns that the model does not hold stay at home."""
    blobs = []
    for other in (424242.0, -171717.0):
        whole = np.empty((10, 3))
        whole[:, 0], whole[:, 1:] = np.arange(10.0), other
        blobs.append(holdfast.dumps(views(whole)))
        assert np.float64(other).tobytes() not in blobs[-1]
    assert blobs[0] == blobs[1], "what the model does not hold makes no other model"


def test_slack_of_sparse_matrices_is_not_in_the_file() -> None:
    import scipy.sparse as sp

    made = sp.csr_matrix((np.array([1.0, 424242.0]), np.array([0, 1], np.int32), np.array([0, 1, 1], np.int32)), shape=(2, 2))
    assert np.float64(424242.0).tobytes() not in holdfast.dumps(made)


# -- K4: secrets ----------------------------------------------------------------------------------------------------------

SECRETS = {
    "a connection": "postgresql://admin:hunter2secret@db.example.com:5432/x",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n",
    "an AWS key": "AKIA" + "ABCDEFGH12345678",
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "an API key": "sk-" + "abcdEFGH1234" * 3,
    "a Hugging Face token": "hf_" + "abcDEF123" * 4,
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
@pytest.mark.parametrize(
    "place",
    [
        lambda s: {"connection": s},
        lambda s: [1, s],
        lambda s: ("x", s),
        lambda s: {"deep": [{"deeper": {"url": s}}]},
        lambda s: {f"key{i}": s if i == 20 else i for i in range(40)},
        lambda s: __import__("sklearn.pipeline").pipeline.Pipeline([("a", None)], memory=s),
        lambda s: __import__("types").SimpleNamespace(url=s),
    ],
    ids=["dict", "list", "tuple", "deep", "many keys", "parameter", "namespace"],
)
def test_a_secret_in_a_model_is_noticed_at_save_and_not_repeated(secret: str, place: Any) -> None:
    said = notices(place(secret))
    assert any("password, a token or a key" in one for one in said)
    assert not any(secret in one for one in said)


@pytest.mark.parametrize("name", ["password", "db_password", "PASSWD", "api_key", "apikey", "secret", "client_secret", "access_token", "auth_token", "private_key"])
def test_a_parameter_with_the_name_of_a_secret_is_noticed(name: str) -> None:
    assert any(name in one for one in notices({name: "correcthorse"}))
    assert notices({name: None}) == []
    assert notices({name: ""}) == []


@pytest.mark.parametrize(
    "model",
    [
        {"text": "an ordinary sentence about a password that is none"}, {"url": "https://example.com/a/b?c=d"}, {"tokens": ["alpha", "beta"], "n_tokens": 5},
        {"token_pattern": r"(?u)\b\w\w+\b"}, {"words": ["word%d" % i for i in range(500)]}, {"keys": 3, "monkey": "banana-banana"}, {"email": "a@b.example"},
    ],
    ids=lambda one: next(iter(one)),
)  # fmt: skip
def test_ordinary_text_is_not_taken_for_a_secret(model: Any) -> None:
    assert notices(model) == []
