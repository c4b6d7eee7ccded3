"""Two models beside each other: what differs, how far, and whether it breaks anybody."""

from __future__ import annotations

import copy
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

import holdfast
from holdfast.artifact.load import open_buffer
from holdfast.comparing import tensors as streaming
from holdfast.comparing.result import TensorDifference
from tests.artifact.models import data, forest, pipeline

X, Y = data()
OTHER = clone(pipeline()).set_params(clf__C=0.01).fit(X[:40], Y[:40])
FRAME = pd.DataFrame(X, columns=["age", "income", "debt", "years"])


def named(found: Any) -> dict[str, TensorDifference]:
    return {one.name: one for one in found.tensors}


def test_everything_can_stand_on_a_side(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    holdfast.save(pipeline(), path)
    store = holdfast.connect(tmp_path / "store")
    version = store.save(pipeline(), "m")
    blob = path.read_bytes()
    with store.open(version) as opening:
        for one in (path, str(path), blob, io.BytesIO(blob), opening, version, store["m:1"], store.versions("m")[0], version._replace(note="x"), pipeline()):
            found = holdfast.compare(one, OTHER)
            assert not found.same
            assert found.params == {"clf__C": ("1.0", "0.01")}
            assert set(named(found)) == {f"steps.{one}" for one in ("scale.mean_", "scale.var_", "scale.scale_", "clf.coef_", "clf.intercept_", "clf.n_iter_")}
        assert holdfast.compare(opening, pipeline()).same
        assert opening.load().predict(X).tolist() == pipeline().predict(X).tolist(), "what the caller opened stays open"


def test_a_version_says_nothing_of_its_store_but_to_compare(tmp_path: Path) -> None:
    import pickle

    store = holdfast.connect(tmp_path)
    version = store.save(pipeline(), "m")
    alone = pickle.loads(pickle.dumps(version))
    assert alone == version == store["m:1"]
    with pytest.raises(holdfast.NotFound, match=r"store\['m:1'\]"):
        holdfast.compare(alone, version)


def test_files_of_other_libraries_are_compared_as_what_they_hold(tmp_path: Path) -> None:
    import joblib

    joblib.dump(pipeline(), tmp_path / "old.joblib")
    assert holdfast.compare(tmp_path / "old.joblib", pipeline()).same
    assert holdfast.compare(OTHER, tmp_path / "old.joblib", on=X).predictions[0].changed_labels == 8


def test_an_export_is_asked_and_has_no_tensors(tmp_path: Path) -> None:
    holdfast.export(pipeline(), tmp_path / "m.onnx", example=X[:20])
    found = holdfast.compare(pipeline(), tmp_path / "m.onnx", on=X, limits={"changed_labels": 0, "deviation": 1e-5, "tensors": 0, "breaking": 0})
    assert not found.same
    assert {one.name: one.held for one in found.limits} == {"changed_labels": True, "deviation": True, "tensors": False, "breaking": True}
    assert found.fields["type"][1] == "onnx"


def test_how_far_tensors_lie_apart() -> None:
    first = {"w": np.arange(6.0).reshape(2, 3), "same": np.ones(3), "gone": np.ones(2), "shape": np.ones(3), "dtype": np.ones(2), "zero": np.zeros(2), "text": np.array(["a", "b"])}
    second = {**first, "w": first["w"] + [[0, 0, 3], [0, 0, -4]], "shape": np.ones(4), "dtype": np.ones(2, np.float32), "zero": np.array([0.0, -0.0]), "text": np.array(["a", "c"]), "new": np.ones(1)}
    del second["gone"]
    found = holdfast.compare(first, second)
    by_name = named(found)
    w = by_name["w"]
    assert (w.what, w.worst, w.changed, w.elements, w.share) == ("values", 4.0, 2, 6, 2 / 6)
    assert (w.mean, w.relative) == (7 / 6, 5 / math.sqrt(55))
    assert {name: one.what for name, one in by_name.items() if name != "w"} == {
        "gone": "only in the first", "new": "only in the second", "shape": "shape", "dtype": "dtype", "zero": "values", "text": "values"}  # fmt: skip
    assert (by_name["zero"].changed, by_name["zero"].worst) == (0, None), "another sign of zero is no other number, and no equal tensor"
    assert by_name["text"].changed == 1
    assert found.equal_tensors == 1


def test_tensors_are_read_block_by_block_with_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    first = {"w": rng.normal(size=(300, 7)), "nan": np.array([1.0, np.nan, np.nan])}
    second = {"w": first["w"] + rng.normal(size=(300, 7)) * (rng.random((300, 7)) > 0.5), "nan": np.array([1.0, np.nan, 2.0])}
    whole = named(holdfast.compare(first, second))
    monkeypatch.setattr(streaming, "BLOCK", 100)
    parts = named(holdfast.compare(first, second))
    assert parts["w"].changed == whole["w"].changed == int((first["w"] != second["w"]).sum())
    assert parts["w"].worst == whole["w"].worst == np.abs(first["w"] - second["w"]).max()
    assert parts["w"].relative == pytest.approx(whole["w"].relative)
    assert parts["w"].relative == pytest.approx(np.linalg.norm(first["w"] - second["w"]) / np.linalg.norm(first["w"]))
    assert (whole["nan"].changed, whole["nan"].worst) == (1, math.inf), "NaN is infinitely far from a number, and not from NaN"


def test_tensors_of_every_kind_are_measured_in_their_own_items() -> None:
    import torch

    net = torch.nn.Linear(8, 4).to(torch.bfloat16)
    other = copy.deepcopy(net)
    with torch.no_grad():
        other.weight += 0.5
    weight = named(holdfast.compare(net, other))["weight"]
    assert weight.worst == pytest.approx(0.5, abs=0.01), "as numbers, and not as the integers that hold their bits"
    (nodes,) = [one for one in holdfast.compare(forest(1), clone(forest(1)).set_params(random_state=0, criterion="entropy").fit(X, Y)).tensors if one.name.endswith("nodes")]
    assert nodes.what == "shape" or (nodes.elements is not None and nodes.elements < 1000), "nodes are counted, and not their bytes"


def test_compressed_and_plain_files_are_compared_by_their_numbers(tmp_path: Path) -> None:
    first, second = {"w": np.zeros(5000)}, {"w": np.r_[np.zeros(4999), 1.0]}
    found = holdfast.compare(holdfast.dumps(first, compress="zstd"), holdfast.dumps(second))
    assert (found.tensors[0].changed, found.tensors[0].worst) == (1, 1.0)
    from safetensors.numpy import save_file

    for name, held in (("a", first), ("b", second), ("c", first)):
        save_file(held, tmp_path / f"{name}.safetensors")
    found = holdfast.compare(tmp_path / "a.safetensors", tmp_path / "b.safetensors", on=[[1.0]])
    assert (found.tensors[0].changed, found.tensors[0].relative) == (1, math.inf)
    assert "nothing to ask" in found.not_asked[0]
    assert holdfast.compare(tmp_path / "a.safetensors", tmp_path / "c.safetensors").same


def test_a_tree_that_is_damaged_is_refused(tmp_path: Path) -> None:
    raw = bytearray(holdfast.dumps(pipeline()))
    at = raw.index(b"sklearn.pipeline.Pipeline")
    raw[at] ^= 1
    with pytest.raises(holdfast.FormatError):
        holdfast.compare(bytes(raw), OTHER)


def test_examples_are_asked_of_both() -> None:
    with_example, without = holdfast.dumps(pipeline(), example=X[:20]), holdfast.dumps(OTHER)
    found = holdfast.compare(with_example, without)
    assert [(one.rows_of, one.method, one.rows) for one in found.predictions] == [("example of the first", name, 20) for name in ("predict", "predict_proba", "decision_function")]
    labels, proba, _ = found.predictions
    expected = pipeline().predict(X[:20]) != OTHER.predict(X[:20])
    assert (labels.changed_labels, labels.agreement) == (expected.sum(), 1 - expected.mean())
    assert [row.row for row in labels.worst_rows] == np.flatnonzero(expected)[:5].tolist()
    assert labels.worst_rows[0].inputs[0] == repr(float(X[labels.worst_rows[0].row, 0]))
    off = np.abs(pipeline().predict_proba(X[:20]) - OTHER.predict_proba(X[:20])).max(axis=1)
    assert proba.worst == off.max() == proba.worst_rows[0].deviation == proba.quantiles["1"]
    assert proba.worst_rows[0].row == off.argmax()
    assert proba.quantiles["0.5"] == np.quantile(off, 0.5, method="higher")
    assert sum(count for _, count in proba.histogram) == 20
    assert holdfast.compare(without, with_example).predictions[0].rows_of == "example of the second"
    assert {one.rows_of for one in holdfast.compare(with_example, holdfast.dumps(OTHER, example=X[:20])).predictions} == {"example of both"}
    assert holdfast.compare(with_example, without, predictions=False).predictions == []


def test_given_rows_are_asked_as_a_predictor_takes_them() -> None:
    one, two = (clone(pipeline()).set_params(clf__C=c).fit(FRAME, Y) for c in (1.0, 0.01))
    for rows in (FRAME, FRAME[["years", "debt", "income", "age"]], FRAME.to_dict("list"), FRAME.to_dict("records")):
        found = holdfast.compare(one, two, on=rows)
        assert found.predictions[0].changed_labels == (one.predict(FRAME) != two.predict(FRAME)).sum()
        worst = found.predictions[0].worst_rows[0]
        assert sorted(worst.inputs) == sorted(f"{name}={float(FRAME[name][worst.row])!r}" for name in FRAME)
    assert holdfast.compare(one, one, on=FRAME).predictions[0].agreement == 1.0
    refused = holdfast.compare(one, two, on=FRAME[["age"]])
    assert "the rows lack 'income'" in refused.not_asked[0]
    assert refused.predictions == []


class Mean:
    def predict(self, rows: Any) -> Any:
        return np.full(len(rows), 0.5)


class Pair:
    def predict(self, rows: Any) -> Any:
        return np.full(len(rows), 0.5), np.zeros(len(rows))


def test_outputs_of_other_names_are_said_and_not_compared() -> None:
    found = holdfast.compare(Mean(), Pair(), on=X, trusted=[Mean, Pair], limits={"agreement": 0.0})
    assert found.predictions == []
    assert found.not_asked == ["given rows, predict: the answers cannot be compared (the outputs are one array and [0], [1])"]
    assert not found.passed


def test_a_model_that_cannot_be_loaded_here_is_said_and_not_raised() -> None:
    blob = holdfast.dumps(Mean(), example=X[:3])
    found = holdfast.compare(blob, pipeline(), limits={"agreement": 0.0})
    assert "cannot be asked here" in found.not_asked[0]
    assert "Mean" in found.not_asked[0]
    assert not found.passed, "what could not be found out does not hold"
    assert holdfast.compare(blob, Mean(), on=X, trusted=[Mean]).predictions[0].agreement == 1.0


def test_models_without_a_method_in_common_say_so() -> None:
    steps = make_pipeline(FunctionTransformer()).fit(X)
    found = holdfast.compare(steps, LinearRegression().fit(X, Y), on=X)
    assert found.not_asked or found.notes


def test_the_whole_is_plain_data_that_json_takes() -> None:
    found = holdfast.compare({"w": np.zeros(2)}, {"w": np.array([0.0, np.inf])}, limits={"tensors": 0})
    told = found.to_dict()
    json.dumps(told, allow_nan=False)
    assert told["tensors"][0]["worst"] is None
    assert told["tensors"][0]["share"] == 0.5
    assert told["passed"] is False
    assert set(told) == {"first", "second", "same", "fields", "params", "metrics", "libraries", "tensors", "equal_tensors", "signature", "sizes", "predictions",
                         "not_asked", "notes", "limits", "passed"}  # fmt: skip
    assert set(told["tensors"][0]) == {"name", "what", "first", "second", "worst", "changed", "mean", "relative", "elements", "share"}
    assert set(told["limits"][0]) == {"name", "bound", "value", "held", "why"}
    asked = holdfast.compare(pipeline(), OTHER, on=X).to_dict()["predictions"]
    assert set(asked[0]) == {"rows_of", "method", "rows", "labels", "agreement", "changed_labels", "worst", "mean", "quantiles", "histogram", "worst_rows"}
    assert set(asked[0]["worst_rows"][0]) == {"row", "deviation", "inputs", "first", "second"}


def test_the_text_says_only_what_differs() -> None:
    first = holdfast.dumps(pipeline(), metrics={"auc": 0.9, "f1": 0.5}, example=X[:10])
    text = str(holdfast.compare(first, holdfast.dumps(OTHER, metrics={"auc": 0.8, "f1": 0.5})))
    assert "metric auc: 0.9 -> 0.8 (-0.1)" in text
    assert "f1" not in text
    assert "classes_" not in text
    assert "labels changed" in text
    assert str(holdfast.compare(first, first)) == "the same model: every tensor and the whole tree are equal, 7 tensors"


def test_a_linear_model_of_labels_and_one_of_numbers_are_not_mixed_up() -> None:
    numbers = holdfast.compare(LinearRegression().fit(X, Y), LinearRegression().fit(X[:40], Y[:40]), on=X)
    assert not numbers.predictions[0].labels
    assert numbers.predictions[0].worst > 0
    texts = [LogisticRegression().fit(X[:count], np.where(Y[:count] > 0, "yes", "no")) for count in (80, 30)]
    assert holdfast.compare(*texts, on=X).predictions[0].labels


def test_versions_are_compared_with_where_they_come_from_and_what_was_measured_since(tmp_path: Path) -> None:
    store = holdfast.connect(tmp_path)
    one = store.save(pipeline(), "m", data={"train": X[:40], "test": X[40:]}, code={"commit": "abc"}, metrics={"auc": 0.9})
    store.save(OTHER, "m", data={"train": X, "test": X[40:]}, code={"commit": "def"}, parent=one, metrics={"auc": 0.9}, tags={"team": "risk"})
    store.metric("m:2", auc=0.7)
    found = holdfast.compare(store["m:1"], store["m:2"], limits={"metric:auc": -0.1})
    assert found.fields == {"parent": (None, "m:1"), "code commit": ("abc", "def"), "data train": (one.data["train"], store["m:2"].data["train"]), "tag team": (None, "risk")}
    assert found.metrics == {"auc": (0.9, 0.7)}
    assert not found.passed
    assert holdfast.compare(pipeline(), store["m:2"]).fields == {}


def test_parameters_of_another_type_are_counted_and_not_listed() -> None:
    text = str(holdfast.compare(LogisticRegression(C=3.0).fit(X, Y), LinearRegression(fit_intercept=False).fit(X, Y)))
    assert "parameter fit_intercept: True -> False" in text
    assert "C: 3.0" not in text
    assert "parameters are of one type alone" in text


@pytest.mark.parametrize("compress", [None, "zstd"])
def test_small_arrays_that_lie_together_are_compared_one_by_one(compress: str | None) -> None:
    first = {f"t{number}": np.full(2 + number % 3, float(number)) for number in range(40)}
    second = {**first, "t7": first["t7"] + 0.5, "t8": np.ones(9), "new": np.ones(2)}
    del second["t9"]
    blobs = [holdfast.dumps(one, compress=compress) for one in (first, second)]
    with_pools = [one.name for one in open_buffer(blobs[0]).opened.content.tensors]  # type: ignore[union-attr]
    assert with_pools == ["~pool0"]
    found = holdfast.compare(*blobs)
    assert {name: one.what for name, one in named(found).items()} == {"t7": "values", "t8": "shape", "t9": "only in the first", "new": "only in the second"}
    assert (named(found)["t7"].worst, named(found)["t7"].elements) == (0.5, 3)
    assert found.equal_tensors == 37


def test_the_trees_of_a_forest_are_named_whether_they_lie_together_or_not() -> None:
    few, many = forest(3), forest(60)
    found = holdfast.compare(few, many)
    assert not {name for name in named(found) if name.startswith("~")}
    only = {name for name, one in named(found).items() if one.what == "only in the second"}
    assert "estimators_.59.tree_.nodes" in only
    assert not {name for name in named(found) if name.startswith(("estimators_.0.tree_", "estimators_.2.tree_"))}, "the trees that both have are equal"
    assert all(holdfast.loads(holdfast.dumps(many), part=name.removesuffix(".nodes")) is not None for name in ("estimators_.59.tree_.nodes",))


def test_a_pool_that_is_too_large_is_compared_as_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.comparing.pools.ROWS", 10)
    first = {f"t{number}": np.full(2, float(number)) for number in range(40)}
    found = holdfast.compare(first, {**first, "t7": np.zeros(2)})
    assert [(one.name, one.changed, one.worst) for one in found.tensors] == [("~pool0", 2, 7.0)]


def test_answers_of_another_shape_are_infinitely_far_and_asked_once() -> None:
    from sklearn.decomposition import PCA

    found = holdfast.compare(PCA(2).fit(X), PCA(3).fit(X), on=X, limits={"deviation": 1e9})
    assert [one.method for one in found.predictions] == ["transform", "score_samples"], "predict of the one interface is transform here"
    assert found.predictions[0].worst == math.inf
    assert found.to_dict()["predictions"][0]["worst"] is None
    assert "they have other shapes" in str(found)
    assert not found.passed
    found.to_html()


@pytest.mark.parametrize(
    ("one", "other", "name", "said"),
    [
        (TfidfVectorizer(ngram_range=(1, 1)), TfidfVectorizer(ngram_range=(1, 2)), "ngram_range", ("(1, 1)", "(1, 2)")),
        (OneHotEncoder(dtype=np.float64), OneHotEncoder(dtype=np.float32), "dtype", ("numpy.float64", "numpy.float32")),
        (OneHotEncoder(categories=[["a", "b"]]), OneHotEncoder(categories=[["a", "c"]]), "categories", ("[['a', 'b']]", "[['a', 'c']]")),
        (FunctionTransformer(np.log1p), FunctionTransformer(np.expm1), "func", ("numpy.log1p", "numpy.expm1")),
    ],
)
def test_settings_that_are_no_numbers_are_told_apart(tmp_path: Path, one: Any, other: Any, name: str, said: tuple[str, str]) -> None:
    holdfast.save(one, tmp_path / "one.safetensors")
    holdfast.save(other, tmp_path / "other.safetensors")
    text = str(holdfast.compare(tmp_path / "one.safetensors", tmp_path / "other.safetensors"))
    line = next(line for line in text.splitlines() if name in line)
    assert all(part in line for part in said), text


def test_two_nets_are_asked_once_and_nothing_is_said_to_be_asked_of_one_side(tmp_path: Path) -> None:
    """Their ``predict`` is their ``forward``; tensors are rows as well as arrays are."""
    torch = pytest.importorskip("torch")
    rows = torch.tensor([[1.0, 2.0], [3.0, 400.0]])
    for name in ("a", "b"):
        torch.manual_seed(ord(name))
        holdfast.save(torch.nn.Sequential(torch.nn.Linear(2, 1)), tmp_path / f"{name}.safetensors", example=rows)
    found = holdfast.compare(tmp_path / "a.safetensors", tmp_path / "b.safetensors", on=rows)
    assert (found.notes, found.not_asked) == ([], [])
    assert [(one.method, one.rows) for one in found.predictions] == [("forward", 2), ("forward", 2)]
    assert "deviation (relative beyond 1): " in str(found)
