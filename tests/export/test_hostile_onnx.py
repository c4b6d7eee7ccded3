"""ONNX files that are no honest models: refused by our own look at them, before a runtime sees them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import FormatError, LimitExceeded, NotFound, Truncated, UnsupportedVersion
from holdfast.exports import onnx_scan
from holdfast.exports.opening import describe_export, open_export
from holdfast.values import limits
from tests.export.models import made

onnx = pytest.importorskip("onnx")
h = onnx.helper


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("genuine") / "m.onnx"
    model, example = made("extra trees")
    return Path(holdfast.export(model, path, example=example).path).read_bytes()


def refused(path: Path, kind: type[Exception], match: str) -> None:
    """Both ways of reading refuse a file, with our error, naming the file."""
    for read in (describe_export, open_export):
        with pytest.raises(kind, match=match) as caught:
            read(path)
        assert path.name in str(caught.value)


def with_weights(folder: Path, **said: str) -> Path:
    """Return a graph that adds four numbers which lie in another file."""
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[4], data_location=1)
    for key, value in said.items():
        one = tensor.external_data.add()
        one.key, one.value = key, value
    info = h.make_tensor_value_info
    graph = h.make_graph([h.make_node("Add", ["X", "w"], ["value"])], "g", [info("X", 1, [None, 4])], [info("value", 1, [None, 4])], [tensor])
    path = folder / "m.onnx"
    path.write_bytes(h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=10).SerializeToString())
    return path


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"pad " + np.arange(4, dtype="<f4").tobytes())
    path = with_weights(tmp_path, location="w.bin", offset="4", length="16")
    assert open_export(path).predict(np.zeros((2, 4), np.float32)).tolist() == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "sub/w.bin", "..", ".", "", "a\\w.bin", "c:w.bin", "x" * 300, "w\0.bin", "missing.bin"])
def test_weights_elsewhere_are_not_followed(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path, folder, folder / "sub"):
        (place / "w.bin").write_bytes(bytes(16))
    refused(with_weights(folder, location=location), FormatError, "followed|beside")


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_weights_behind_links_are_not_followed(link: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    link(tmp_path / "secret", tmp_path / "w.bin")
    refused(with_weights(tmp_path, location="w.bin"), FormatError, "link")


@pytest.mark.parametrize("said", [{"offset": "-1"}, {"offset": "8"}, {"offset": str(2**63)}, {"length": "-16"}, {"length": "8"}, {"length": str(2**62)}, {"offset": "x"}, {"length": "1e3"}])
def test_places_of_weights_lie_inside_their_file(said: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(16))
    refused(with_weights(tmp_path, location="w.bin", **said), FormatError, "lies at|no number")


def test_a_folder_is_no_file_with_weights(tmp_path: Path) -> None:
    (tmp_path / "w.bin").mkdir()
    refused(with_weights(tmp_path, location="w.bin"), FormatError, "no plain file")


@pytest.mark.parametrize(
    ("content", "kind", "match"),
    [
        (b"", Truncated, "empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", FormatError, "HTML"),
        (b"<html>", FormatError, "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", FormatError, "LFS"),
        (b"PK\x03\x04" + bytes(100), FormatError, "zip"),
        (b"\x80\x04\x95" + bytes(100), FormatError, "pickle"),
        (b"garbage that is no protobuf at all", FormatError, "not an ONNX file"),
        (bytes(1000), FormatError, "not an ONNX file"),
        (b"\x08\x08", FormatError, "not an ONNX file"),
    ],
)
def test_what_is_no_graph_is_refused(content: bytes, kind: type[Exception], match: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    refused(path, kind, match)


def test_nothing_is_not_found(tmp_path: Path) -> None:
    refused(tmp_path / "m.onnx", NotFound, "no such file")


def test_a_file_cut_anywhere_is_refused(forest: bytes, tmp_path: Path) -> None:
    """Never anything but our own error. The metadata comes last, so that a cut before it may leave a whole graph."""
    path = tmp_path / "m.onnx"
    for place in np.linspace(1, len(forest) - 1, 60).astype(int).tolist():
        path.write_bytes(forest[:place])
        with pytest.raises((FormatError, UnsupportedVersion)):
            describe_export(path)


def changed(forest: bytes, path: Path, change: Callable[[Any], None]) -> Path:
    model = onnx.ModelProto.FromString(forest)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def _trees(model: Any) -> dict[str, Any]:
    node = next(one for one in model.graph.node if one.op_type == "TreeEnsemble")
    return {one.name: one for one in node.attribute}


def _loop(model: Any) -> None:
    model.graph.node[0].input[0] = model.graph.node[2].output[0]


def _missing(model: Any) -> None:
    del model.graph.initializer[:]


def _twice(model: Any) -> None:
    model.graph.node.append(model.graph.node[0])


def _no_output(model: Any) -> None:
    model.graph.output[0].name = "nothing"


def _set(name: str, place: int, value: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        _trees(model)[name].ints[place] = value

    return change


def _short(model: Any) -> None:
    del _trees(model)["nodes_truenodeids"].ints[-1]


def _short_splits(model: Any) -> None:
    _trees(model)["nodes_splits"].t.dims[0] -= 1


def _huge_shape(model: Any) -> None:
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([2**40, 2**30])


def _negative_shape(model: Any) -> None:
    model.graph.initializer[0].dims[:] = [-1]


def _wrong_bytes(model: Any) -> None:
    one = model.graph.initializer[0]
    for field in ("float_data", "double_data", "int64_data"):
        one.ClearField(field)
    one.raw_data = b"123"


def _wrong_dtype(model: Any) -> None:
    model.graph.initializer[0].data_type = 99


def _training(model: Any) -> None:
    model.training_info.add().algorithm.name = "x"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_loop, "circle"), (_missing, "nothing gives"), (_twice, "given twice"), (_no_output, "no node gives"), (_short, "lengths"), (_short_splits, "length|bytes|values"),
        (_set("nodes_featureids", 0, 6), "column"), (_set("nodes_featureids", 0, -1), "column"), (_set("nodes_truenodeids", 0, 10**9), "out of the table"),
        (_set("nodes_falsenodeids", 0, 0), "two parents"), (_set("tree_roots", 0, 10**9), "outside"), (_set("tree_roots", 1, 1), "two parents"),
        (_set("leaf_targetids", 0, 77), "column"), (_negative_shape, "shape"), (_wrong_bytes, "bytes"), (_wrong_dtype, "dtype"), (_training, "training"),
    ],
)  # fmt: skip
def test_a_graph_that_contradicts_itself_is_refused(change: Callable[[Any], None], match: str, forest: bytes, tmp_path: Path) -> None:
    refused(changed(forest, tmp_path / "m.onnx", change), FormatError, match)


def test_limits_are_kept(forest: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(forest, tmp_path / "m.onnx", _huge_shape)
    refused(path, LimitExceeded, "TENSOR_ELEMENTS")
    path.write_bytes(forest)
    monkeypatch.setattr(limits, "GRAPH_NODES", 3)
    refused(path, LimitExceeded, "GRAPH_NODES")
    monkeypatch.setattr(limits, "EXPORT_BYTES", 1000)
    refused(path, LimitExceeded, "EXPORT_BYTES")


@pytest.mark.parametrize(("domain", "version"), [("", 0), ("", -5), ("", 999), ("ai.onnx.ml", 6)])
def test_versions_that_nobody_knows_are_refused(domain: str, version: int, forest: bytes, tmp_path: Path) -> None:
    def change(model: Any) -> None:
        next(one for one in model.opset_import if one.domain == domain).version = version

    refused(changed(forest, tmp_path / "m.onnx", change), UnsupportedVersion, "update")


def test_a_version_of_the_format_that_nobody_knows_is_refused(forest: bytes, tmp_path: Path) -> None:
    refused(changed(forest, tmp_path / "m.onnx", lambda model: setattr(model, "ir_version", 999)), UnsupportedVersion, "update")


def test_graphs_inside_graphs_are_looked_at_too(tmp_path: Path) -> None:
    """What lies in a branch is as much a part of the file."""
    info = h.make_tensor_value_info
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[1], data_location=1)
    one = tensor.external_data.add()
    one.key, one.value = "location", "/etc/hostname"
    branch = h.make_graph([h.make_node("Identity", ["w"], ["b"])], "b", [], [info("b", 1, [1])], [tensor])
    node = h.make_node("If", ["X"], ["value"], then_branch=branch, else_branch=branch)
    graph = h.make_graph([node], "g", [info("X", 9, [1])], [info("value", 1, [1])])
    path = tmp_path / "m.onnx"
    path.write_bytes(h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=10).SerializeToString())
    refused(path, FormatError, "plain name")


def test_deep_graphs_are_refused(tmp_path: Path) -> None:
    info = h.make_tensor_value_info
    inner = h.make_graph([h.make_node("Identity", ["X"], ["b0"])], "b", [], [info("b0", 9, [1])])
    for depth in range(1, limits.GRAPH_DEPTH + 2):
        inner = h.make_graph([h.make_node("If", ["X"], [f"b{depth}"], then_branch=inner)], "b", [], [info(f"b{depth}", 9, [1])])
    inner.input.append(info("X", 9, [1]))
    path = tmp_path / "m.onnx"
    path.write_bytes(h.make_model(inner, opset_imports=[h.make_opsetid("", 18)], ir_version=10).SerializeToString())
    refused(path, FormatError, "GRAPH_DEPTH|not an ONNX")


def test_what_a_file_says_about_itself_is_not_believed_when_it_is_nonsense(forest: bytes, tmp_path: Path) -> None:
    def change(model: Any) -> None:
        model.metadata_props[0].value = '{"model": 1}'

    path = changed(forest, tmp_path / "m.onnx", change)
    assert describe_export(path).about is None
    assert open_export(path).predict(made("extra trees")[1]).tolist() == made("extra trees")[0].predict(made("extra trees")[1]).tolist()


def test_damaged_files_never_end_in_anything_but_our_errors(forest: bytes, tmp_path: Path) -> None:
    """Random bytes are changed; describing either works or says what is wrong."""
    rng = np.random.default_rng(0)
    path = tmp_path / "m.onnx"
    for _ in range(150):
        damaged = bytearray(forest)
        for place in rng.integers(0, len(damaged), 3).tolist():
            damaged[place] = int(rng.integers(0, 256))
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(holdfast.HoldfastError):
            describe_export(path)


def test_the_scan_needs_no_runtime(forest: bytes, tmp_path: Path) -> None:
    import subprocess
    import sys

    path = tmp_path / "m.onnx"
    path.write_bytes(forest)
    code = f"import sys; from holdfast.exports.opening import describe_export; describe_export({str(path)!r}); print('onnxruntime' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_old_tables_of_trees_are_looked_at() -> None:
    def node(**changes: Any) -> Any:
        fields = {"nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0], "nodes_featureids": [0, 0, 0],
                  "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "target_treeids": [0, 0], "target_nodeids": [1, 2]}  # fmt: skip
        return h.make_node("TreeEnsembleRegressor", ["X"], ["Y"], domain="ai.onnx.ml", **{**fields, **changes})

    onnx_scan.check_trees(node(), {"X": 1})
    for wrong in ({"nodes_truenodeids": [7, 0, 0]}, {"nodes_truenodeids": [0, 0, 0], "nodes_falsenodeids": [0, 0, 0], "nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"]},
                  {"nodes_nodeids": [0, 1, 1]}, {"target_nodeids": [1, 9]}, {"nodes_featureids": [3, 0, 0]}, {"nodes_modes": ["LEAF"]}):  # fmt: skip
        with pytest.raises(FormatError):
            onnx_scan.check_trees(node(**wrong), {"X": 1})
