"""Decision trees: genuine ones pass in many configurations, and every altered number is refused."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomTreesEmbedding,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor
from sklearn.tree._tree import NODE_DTYPE as SKLEARN_NODE_DTYPE

from holdfast.errors import InvalidState
from holdfast.trust.state import tree, tree_walk
from tests.trust.live_state import Fields, at, boosted_fields, check_model, ensemble_fields, tree_fields

pytestmark = pytest.mark.filterwarnings("ignore")  # what scikit-learn says about odd data is not what is tested here

RNG = np.random.RandomState(0)
X = np.c_[RNG.randn(200, 3), RNG.randint(0, 3, (200, 2))]
HOLES = np.where(RNG.rand(*X.shape) < 0.2, np.nan, X)
CLASSES = RNG.randint(0, 4, 200)
NUMBERS = np.abs(RNG.randn(200)) + 0.1

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"max_depth": 1},
    {"max_leaf_nodes": 2},
    {"max_leaf_nodes": 40},
    {"ccp_alpha": 0.01},
    {"ccp_alpha": 10.0},
    {"ccp_alpha": 0.005, "max_leaf_nodes": 60},
    {"min_samples_leaf": 9},
    {"monotonic_cst": [1, 0, -1, 0, 0]},
)
KINDS = (
    (DecisionTreeClassifier, ("gini", "entropy"), CLASSES),
    (ExtraTreeClassifier, ("gini", "entropy"), CLASSES),
    (DecisionTreeRegressor, ("squared_error", "friedman_mse", "absolute_error", "poisson"), NUMBERS),
    (ExtraTreeRegressor, ("squared_error", "absolute_error"), NUMBERS),
)


def genuine() -> Fields:
    return tree_fields(DecisionTreeClassifier(random_state=0).fit(X, CLASSES).tree_)


def altered(**nodes: tuple[int, Any]) -> Fields:
    fields = genuine()
    for name, (place, value) in nodes.items():
        fields["nodes"][name][place] = value
    return fields


def test_the_node_layout_is_that_of_scikit_learn() -> None:
    assert tree.NODE_DTYPE == SKLEARN_NODE_DTYPE


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(("kind", "criteria", "y"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
def test_genuine_trees_pass(kind: Any, criteria: tuple[str, ...], y: Any, settings: dict[str, Any]) -> None:
    seen = 0
    targets = (y, np.c_[y, y[::-1]])
    for criterion, data, target in itertools.product(criteria, (X, HOLES, sp.csc_matrix(X), X[:1], X[:2]), targets):
        try:
            model = kind(criterion=criterion, random_state=1, **settings).fit(data, target[: data.shape[0]])
        except (ValueError, NotImplementedError):
            continue  # a combination that scikit-learn itself refuses
        seen += check_model(model)
    assert seen > 0


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(10, max_samples=0.5, random_state=0),
        ExtraTreesRegressor(10, bootstrap=True, random_state=0),
        GradientBoostingClassifier(n_estimators=5, subsample=0.7, random_state=0),
        GradientBoostingClassifier(n_estimators=5, init="zero", max_leaf_nodes=5),
        GradientBoostingRegressor(n_estimators=5, loss="huber"),
        IsolationForest(n_estimators=10, max_features=3, random_state=0),
        IsolationForest(n_estimators=10, random_state=0),
        RandomTreesEmbedding(n_estimators=5, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_genuine_ensembles_pass(model: Any) -> None:
    assert check_model(model.fit(X, CLASSES)) > 5


def test_leaves_are_marked_and_every_child_is_above_its_parent_in_best_first_order_too() -> None:
    nodes = tree_fields(DecisionTreeClassifier(max_leaf_nodes=50, random_state=0).fit(X, CLASSES).tree_)["nodes"]
    inner = np.flatnonzero(nodes["left_child"] != -1)
    assert (nodes["left_child"][inner] != inner + 1).any()  # not the depth-first order
    assert (nodes["left_child"][inner] > inner).all()
    assert (nodes["right_child"][inner] > inner).all()


def _last_leaf() -> int:
    return len(genuine()["nodes"]) - 1


@pytest.mark.parametrize("name", ["left_child", "right_child"])
@pytest.mark.parametrize("value", [-(2**63), -(2**40), -2, -1, 0, 5000, 2**31, 2**40, 2**63 - 1])
def test_a_child_out_of_range_is_refused(name: str, value: int) -> None:
    with pytest.raises(InvalidState, match=r"node 0 (has|is)|parent"):
        tree.check_tree(altered(**{name: (0, value)}), "t")


def test_the_message_names_the_tree_the_node_the_number_and_the_range() -> None:
    fields = altered(left_child=(0, 1099511627776))
    count = len(fields["nodes"])
    with pytest.raises(InvalidState) as caught:
        tree.check_tree(fields, "RandomForestClassifier.estimators_[17].tree_")
    assert caught.value.message == (
        "RandomForestClassifier.estimators_[17].tree_: node 0 has left child 1099511627776, "
        f"outside 1..{count - 1}; the file is damaged or was altered."
    )


ALTERATIONS: dict[str, Callable[[Fields], Any]] = {
    "a node that is its own child": lambda f: f["nodes"]["right_child"].__setitem__(2, 2),
    "a child below its parent": lambda f: f["nodes"]["left_child"].__setitem__(2, 1),
    "two equal children": lambda f: f["nodes"]["right_child"].__setitem__(0, f["nodes"]["left_child"][0]),
    "half a leaf": lambda f: f["nodes"]["left_child"].__setitem__(-1, len(f["nodes"]) - 1),
    "a leaf that is an inner node": lambda f: f["nodes"]["left_child"].__setitem__(-2, len(f["nodes"]) - 1),
    "an inner node made a leaf": lambda f: [f["nodes"][n].__setitem__(0, -1) for n in ("left_child", "right_child")],
    "leaves marked -2": lambda f: [f["nodes"][n].__setitem__(-1, -2) for n in ("left_child", "right_child")],
    "two parents": lambda f: f["nodes"]["left_child"].__setitem__(0, f["nodes"]["right_child"][0] + 1),
    "a feature at the end": lambda f: f["nodes"]["feature"].__setitem__(0, f["n_features"]),
    "a negative feature": lambda f: f["nodes"]["feature"].__setitem__(0, -1),
    "a huge feature": lambda f: f["nodes"]["feature"].__setitem__(0, 2**40),
    "a threshold NaN": lambda f: f["nodes"]["threshold"].__setitem__(0, np.nan),
    "max_depth one less": lambda f: f.__setitem__("max_depth", f["max_depth"] - 1),
    "max_depth one more": lambda f: f.__setitem__("max_depth", f["max_depth"] + 1),
    "max_depth negative": lambda f: f.__setitem__("max_depth", -1),
    "max_depth huge": lambda f: f.__setitem__("max_depth", 2**70),
    "max_depth a bool": lambda f: f.__setitem__("max_depth", True),
    "node_count one more": lambda f: f.__setitem__("node_count", f["node_count"] + 1),
    "node_count a float": lambda f: f.__setitem__("node_count", float(f["node_count"])),
    "fewer nodes": lambda f: f.__setitem__("nodes", f["nodes"][:-1].copy()),
    "no nodes": lambda f: f.update(nodes=f["nodes"][:0], values=f["values"][:0], node_count=0),
    "every second node": lambda f: f.__setitem__("nodes", np.repeat(f["nodes"], 2)[::2]),
    "nodes in two axes": lambda f: f.__setitem__("nodes", f["nodes"][None]),
    "nodes of another layout": lambda f: f.__setitem__(
        "nodes", f["nodes"].astype([(n, f["nodes"].dtype[n]) for n in f["nodes"].dtype.names])
    ),
    "nodes as a list": lambda f: f.__setitem__("nodes", f["nodes"].tolist()),
    "values too short": lambda f: f.__setitem__("values", f["values"][:-1].copy()),
    "values of other classes": lambda f: f.__setitem__("values", f["values"][..., :-1].copy()),
    "values of float32": lambda f: f.__setitem__("values", f["values"].astype(np.float32)),
    "values in Fortran order": lambda f: f.__setitem__("values", np.asfortranarray(f["values"])),
    "n_classes zero": lambda f: f.__setitem__("n_classes", np.zeros(1, np.int64)),
    "n_classes larger": lambda f: f.__setitem__("n_classes", f["n_classes"] + 1),
    "n_classes longer": lambda f: f.__setitem__("n_classes", np.r_[f["n_classes"], 1]),
    "n_classes of floats": lambda f: f.__setitem__("n_classes", f["n_classes"].astype(float)),
    "n_outputs zero": lambda f: f.__setitem__("n_outputs", 0),
    "n_outputs huge": lambda f: f.__setitem__("n_outputs", 2**40),
    "n_features zero": lambda f: f.__setitem__("n_features", 0),
    "n_features smaller": lambda f: f.__setitem__("n_features", 1),
    "n_features huge": lambda f: f.__setitem__("n_features", 2**40),
    "a field missing": lambda f: f.pop("max_depth"),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_an_altered_tree_is_refused_alone_and_among_others(alter: Callable[[Fields], Any]) -> None:
    fields = genuine()
    alter(fields)
    with pytest.raises(InvalidState, match=at("t")):
        tree.check_tree(fields, "t")
    with pytest.raises(InvalidState, match=r"^tree 3: "):
        tree.check_trees([genuine()] * 3 + [fields] + [genuine()] * 2, lambda i: f"tree {i}")


def test_every_single_field_of_every_node_is_looked_at_or_harmless() -> None:
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, CLASSES)
    fields = tree_fields(model.tree_)
    refused = 0
    for place, name in itertools.product(range(len(fields["nodes"])), ("left_child", "right_child", "feature")):
        inner = fields["nodes"]["left_child"][place] != -1
        for value in (-3, -1, 0, place, len(fields["nodes"]), 2**40):
            changed = tree_fields(model.tree_)
            if changed["nodes"][name][place] == value or (name == "feature" and (not inner or value in range(5))):
                continue
            changed["nodes"][name][place] = value
            with pytest.raises(InvalidState, match=at("t")):
                tree.check_tree(changed, "t")
            refused += 1
    assert refused > 150


def test_a_lattice_of_shared_children_ends_at_once() -> None:
    count = 61
    nodes = np.zeros(count, tree.NODE_DTYPE)
    nodes["left_child"] = np.arange(count) + 1
    nodes["right_child"] = np.arange(count) + 2
    nodes["left_child"][-2:] = nodes["right_child"][-2:] = -1
    fields = {**genuine(), "nodes": nodes, "values": np.zeros((count, 1, 4)), "node_count": count, "max_depth": 30}
    start = time.perf_counter()
    with pytest.raises(InvalidState, match="no parent or several"):
        tree.check_tree(fields, "t")
    assert time.perf_counter() - start < 1


def test_many_small_and_few_large_trees_give_the_same_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    forest = RandomForestClassifier(40, random_state=0).fit(X, CLASSES)
    trees = [tree_fields(one.tree_) for one in forest.estimators_] + [genuine()]
    trees[30]["nodes"]["feature"][0] = 7
    for small in (0, 10**6):
        monkeypatch.setattr(tree_walk, "_SMALL", small)
        for block in (1, 100, 10**6):
            monkeypatch.setattr(tree_walk, "_BLOCK", block)
            monkeypatch.setattr(tree_walk, "_SMALL_BLOCK", block)
            with pytest.raises(InvalidState, match=r"^30: node 0 splits on feature 7, outside 0..4"):
                tree.check_trees(trees, str)
            tree.check_trees(trees[:30] + trees[31:], str)


def test_no_trees_are_no_fault() -> None:
    tree.check_trees([], str)


def test_a_tree_of_another_width_than_its_model_is_refused() -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(X, CLASSES)
    fields = ensemble_fields(forest, [one.tree_ for one in forest.estimators_])
    tree.check_ensemble(fields, "f")
    for name, value in (("n_features_in_", 4), ("tree_n_features", [5, 5, 6]), ("n_features_in_", 0), ("n_features_in_", None)):
        with pytest.raises(InvalidState, match=at("f")):
            tree.check_ensemble({**fields, name: value}, "f")
    with pytest.raises(InvalidState, match="tree 1 has 2 outputs"):
        tree.check_ensemble({**fields, "n_outputs_": 1, "tree_n_outputs": [1, 2, 1]}, "f")


def test_columns_chosen_for_a_tree_have_to_be_there() -> None:
    forest = IsolationForest(n_estimators=3, max_features=2, random_state=0).fit(X)
    chosen = list(forest.estimators_features_)
    fields = ensemble_fields(forest, [one.tree_ for one in forest.estimators_], estimators_features_=chosen, _max_features=2)
    tree.check_ensemble(fields, "f")
    wrong = ([chosen[0], chosen[1]], [*chosen[:2], chosen[2][:1]], [*chosen[:2], np.array([0, 5])], [*chosen[:2], np.array([-1, 0])])
    for features in wrong:
        with pytest.raises(InvalidState, match=at("f")):
            tree.check_ensemble({**fields, "estimators_features_": features}, "f")
    with pytest.raises(InvalidState, match=at("f")):
        tree.check_ensemble({**fields, "_max_features": 5}, "f")


def test_stages_that_do_not_fit_the_first_guess_are_refused() -> None:
    model = GradientBoostingClassifier(n_estimators=3, random_state=0).fit(X, CLASSES)
    fields = boosted_fields(model)
    tree.check_boosted_trees(fields, "g")
    wrong: tuple[dict[str, Any], ...] = (
        {"estimators_shape": (4, 3)},
        {"estimators_shape": (12,)},
        {"n_trees_per_iteration_": 3},
        {"multiclass": False},
        {"init_columns": 3},
        {"tree_value_width": [1] * 11 + [2]},
        {"n_features_in_": 4},
    )
    for change in wrong:
        with pytest.raises(InvalidState, match=at("g")):
            tree.check_boosted_trees({**fields, **change}, "g")
