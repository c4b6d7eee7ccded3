"""KDTree, BallTree and the neighbour models: genuine ones pass, altered ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.neighbors import (
    VALID_METRICS,
    BallTree,
    KDTree,
    KernelDensity,
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
)
from sklearn.neighbors._ball_tree import BallTree32
from sklearn.neighbors._kd_tree import KDTree32

from holdfast.errors import InvalidState
from holdfast.trust.state import binary_tree, neighbors
from tests.trust.live_state import Fields, at, binary_tree_fields, check_model, neighbors_fields

pytestmark = pytest.mark.filterwarnings("ignore")  # what scikit-learn says about odd data is not what is tested here

RNG = np.random.RandomState(0)
DATA = RNG.rand(200, 3)
CLASSES = RNG.randint(0, 3, 200)


@pytest.mark.parametrize("kind", [KDTree, BallTree, KDTree32, BallTree32], ids=lambda kind: kind.__name__)
def test_genuine_trees_of_every_size_pass(kind: Any) -> None:
    for rows in [*range(1, 40), 63, 64, 65, 127, 129, 1000, 1023, 1025]:
        for leaf_size in (1, 2, 3, 30, 500):
            binary_tree.check_binary_tree(binary_tree_fields(kind(RNG.rand(rows, 2), leaf_size=leaf_size)), "t")
    weighted = kind(RNG.rand(30, 2), sample_weight=np.ones(30))
    binary_tree.check_binary_tree(binary_tree_fields(weighted), "t")


@pytest.mark.parametrize("metric", [name for name in VALID_METRICS["ball_tree"] if name != "pyfunc"])
def test_genuine_distances_pass(metric: str) -> None:
    given: dict[str, Any] = {"seuclidean": {"V": np.ones(2)}, "mahalanobis": {"VI": np.eye(2)}, "p": {"p": 3}}.get(metric, {})
    data = RNG.rand(50, 2)
    binary_tree.check_binary_tree(binary_tree_fields(BallTree(data, metric=metric, **given)), "t")
    if metric in VALID_METRICS["kd_tree"]:
        binary_tree.check_binary_tree(binary_tree_fields(KDTree(data, metric=metric, **given)), "t")


def test_a_weighted_minkowski_distance_and_a_function_pass() -> None:
    weighted = BallTree(DATA, metric="minkowski", p=1.5, w=np.ones(3))
    binary_tree.check_binary_tree(binary_tree_fields(weighted), "t")
    called = BallTree(DATA, metric=lambda a, b: float(abs(a - b).sum()))
    binary_tree.check_binary_tree(binary_tree_fields(called), "t")


def _node(name: str, place: int, value: int) -> Callable[[Fields], None]:
    return lambda fields: fields["node_data"][name].__setitem__(place, value)


def _metric(**change: Any) -> Callable[[Fields], None]:
    return lambda fields: fields["dist_metric"].update(change)


ALTERATIONS: dict[str, Callable[[Fields], Any]] = {
    **{f"row number {value}": lambda f, v=value: f["idx_array"].__setitem__(0, v) for value in (-1, 200, 2**40, -(2**63))},  # type: ignore[misc]
    "a row twice": lambda f: f["idx_array"].__setitem__(0, f["idx_array"][1]),
    "fewer rows": lambda f: f.update(idx_array=f["idx_array"][:-1]),
    "row numbers of int32": lambda f: f.update(idx_array=f["idx_array"].astype("i4")),
    **{f"a start at {value}": _node("idx_start", 0, value) for value in (-1, 1, 2**40)},
    **{f"an end at {value}": _node("idx_end", 0, value) for value in (-1, 199, 201, 2**40)},
    "an inner end": _node("idx_end", 3, 199),
    "an inner node made a leaf": _node("is_leaf", 0, 1),
    "a leaf made an inner node": _node("is_leaf", -1, 0),
    "is_leaf 2": _node("is_leaf", -1, 2),
    "a node less": lambda f: f.update(node_data=f["node_data"][:-1]),
    "nodes of another layout": lambda f: f.update(node_data=f["node_data"].view("i8")),
    "fewer bounds": lambda f: f.update(node_bounds=f["node_bounds"][:, :-1].copy()),
    "narrower bounds": lambda f: f.update(node_bounds=f["node_bounds"][..., :-1].copy()),
    "half of the bounds": lambda f: f.update(node_bounds=f["node_bounds"][:1].copy()),
    "bounds of float32": lambda f: f.update(node_bounds=f["node_bounds"].astype("f4")),
    "more levels": lambda f: f.update(n_levels=f["n_levels"] + 1),
    "n_levels of a thousand": lambda f: f.update(n_levels=1000),
    "other n_nodes": lambda f: f.update(n_nodes=f["n_nodes"] + 1),
    "n_nodes and levels of a larger tree": lambda f: f.update(n_levels=20, n_nodes=2**20 - 1),
    "leaf_size 0": lambda f: f.update(leaf_size=0),
    "n_calls beyond an int": lambda f: f.update(n_calls=2**31),
    "fewer data": lambda f: f.update(data=f["data"][:-1]),
    "narrower data": lambda f: f.update(data=f["data"][:, :2].copy()),
    "no data": lambda f: f.update(data=f["data"][:0]),
    "data in Fortran order": lambda f: f.update(data=np.asfortranarray(f["data"])),
    "data of float32": lambda f: f.update(data=f["data"].astype("f4")),
    "fewer weights": lambda f: f.update(sample_weight=np.ones(199)),
    "another class": lambda f: f.update(type="Tree"),
    "a ball tree's name": lambda f: f.update(type="BallTree"),
    "a 32-bit name": lambda f: f.update(type="KDTree32"),
    "no distance": lambda f: f.update(dist_metric=None),
    "an unknown distance": _metric(type="WMinkowskiDistance64"),
    "a distance for ball trees": _metric(type="CanberraDistance64"),
    "a distance of 32 bits": _metric(type="EuclideanDistance32"),
    "another exponent": _metric(p=3.0),
    "an exponent NaN": _metric(type="MinkowskiDistance64", p=float("nan"), vec=np.zeros(0)),
    "an exponent 0": _metric(type="MinkowskiDistance64", p=0.0, vec=np.zeros(0)),
    "weights of another width": _metric(type="MinkowskiDistance64", p=3.0, vec=np.ones(2)),
    "negative weights": _metric(type="MinkowskiDistance64", p=3.0, vec=-np.ones(3)),
    "a vector where none belongs": _metric(vec=np.ones(3)),
    "a matrix where none belongs": _metric(mat=np.eye(3)),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_an_altered_tree_is_refused(alter: Callable[[Fields], Any]) -> None:
    fields = binary_tree_fields(KDTree(DATA, leaf_size=9))
    binary_tree.check_binary_tree(fields, "t")
    alter(fields)
    with pytest.raises(InvalidState, match=at("t")):
        binary_tree.check_binary_tree(fields, "t")


@pytest.mark.parametrize(
    ("metric", "given", "change"),
    [
        ("seuclidean", {"V": np.ones(3)}, {"vec": np.ones(2)}),
        ("mahalanobis", {"VI": np.eye(3)}, {"mat": np.eye(2)}),
        ("mahalanobis", {"VI": np.eye(3)}, {"mat": np.eye(4)}),
        ("mahalanobis", {"VI": np.eye(3)}, {"mat": np.ones((3, 2))}),
    ],
)
def test_a_distance_of_another_width_than_the_data_is_refused(metric: str, given: Any, change: Any) -> None:
    fields = binary_tree_fields(BallTree(DATA, metric=metric, **given))
    binary_tree.check_binary_tree(fields, "t")
    fields["dist_metric"].update(change)
    with pytest.raises(InvalidState, match=at("t")):
        binary_tree.check_binary_tree(fields, "t")


def test_haversine_takes_two_columns() -> None:
    fields = {"type": "HaversineDistance64", "p": 2.0, "vec": np.zeros(1), "mat": np.zeros((1, 1))}
    binary_tree.check_distance_metric({**fields, "n_features": 2}, "d")
    with pytest.raises(InvalidState, match="Haversine takes 2"):
        binary_tree.check_distance_metric({**fields, "n_features": 1}, "d")


@pytest.mark.parametrize("algorithm", ["auto", "brute", "kd_tree", "ball_tree"])
@pytest.mark.parametrize("kind", [KNeighborsClassifier, KNeighborsRegressor, RadiusNeighborsClassifier, NearestNeighbors])
def test_genuine_models_pass(kind: Any, algorithm: str) -> None:
    for data in (DATA, DATA.astype(np.float32), sp.csr_matrix(DATA), np.asfortranarray(DATA)):
        for target in (CLASSES, np.c_[CLASSES, CLASSES[::-1]], np.array(list("abc"))[CLASSES]):
            if kind is KNeighborsRegressor and target.dtype.kind == "U":
                continue
            assert check_model(kind(algorithm=algorithm).fit(data, target)) > 2


def test_genuine_models_of_other_distances_pass() -> None:
    square = np.abs(DATA[:, :1] - DATA[:, 0])
    params: tuple[dict[str, Any], ...] = (
        {"metric": "mahalanobis", "metric_params": {"VI": np.eye(3)}},
        {"metric": "seuclidean", "metric_params": {"V": np.ones(3)}},
        {"metric": "minkowski", "metric_params": {"w": np.ones(3)}},
        {"metric": "minkowski", "p": 0.5, "algorithm": "brute"},
        {"metric": "cosine"},
    )
    for settings in params:
        assert check_model(KNeighborsClassifier(**settings).fit(DATA, CLASSES)) > 2
    assert check_model(NearestNeighbors(metric="precomputed").fit(square)) > 1
    assert check_model(LocalOutlierFactor(novelty=True).fit(DATA)) > 2
    assert check_model(KernelDensity(metric="manhattan").fit(DATA, sample_weight=np.ones(200))) >= 1


MODEL_ALTERATIONS: dict[str, dict[str, Any]] = {
    "fewer samples": {"n_samples_fit_": 199},
    "more samples": {"n_samples_fit_": 201},
    "another width": {"n_features_in_": 2},
    "another shape": {"fit_shape": (199, 3)},
    "an unknown way": {"_fit_method": "auto"},
    "brute force with a tree": {"_fit_method": "brute"},
    "another kind of tree": {"tree_type": "BallTree"},
    "no tree": {"tree_type": None},
    "a tree of other data": {"tree_shape": (100, 3)},
    "a precomputed distance": {"effective_metric_": "precomputed"},
    "fewer targets": {"_y": CLASSES[:-1]},
    "a class too many": {"_y": np.where(np.arange(200) == 7, 3, CLASSES)},
    "a negative class": {"_y": np.where(np.arange(200) == 7, -1, CLASSES)},
    "classes as floats": {"_y": CLASSES.astype(float)},
    "two columns of targets": {"_y": np.c_[CLASSES, CLASSES]},
    "targets in a list": {"_y": CLASSES.tolist()},
}


@pytest.mark.parametrize("change", MODEL_ALTERATIONS.values(), ids=MODEL_ALTERATIONS.keys())
def test_an_altered_model_is_refused(change: dict[str, Any]) -> None:
    fields = neighbors_fields(KNeighborsClassifier(algorithm="kd_tree").fit(DATA, CLASSES))
    neighbors.check_neighbors_base(fields, "k")
    with pytest.raises(InvalidState, match=at("k")):
        neighbors.check_neighbors_base({**fields, **change}, "k")


@pytest.mark.parametrize(
    "params", [{"VI": np.eye(2)}, {"VI": np.ones(3)}, {"V": np.ones(2)}, {"V": np.ones((2, 2))}, {"w": [1.0]}, {"p": 0}, {"p": "2"}, "p=2"]
)
def test_altered_parameters_of_a_distance_are_refused(params: Any) -> None:
    with pytest.raises(InvalidState, match=at("k")):
        neighbors.check_metric_params({"params": params, "n_features": 3}, "k")


def test_the_points_of_a_scipy_tree_have_to_be_finite() -> None:
    fields: Fields = {"data": DATA, "leafsize": 10, "boxsize": None}
    binary_tree.check_ckdtree(fields, "c")
    for change in ({"data": DATA * np.nan}, {"data": DATA[0]}, {"leafsize": 0}, {"boxsize": np.ones(2)}, {"boxsize": -np.ones(3)}):
        with pytest.raises(InvalidState, match=at("c")):
            binary_tree.check_ckdtree({**fields, **change}, "c")
