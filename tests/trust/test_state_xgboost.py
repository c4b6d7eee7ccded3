"""XGBoost boosters: genuine ones pass, and each number, text or part that does not fit the others is refused by the check it is for.

The one rule: what is altered is a genuine booster, in one place; so nothing but that place can be what is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from holdfast.errors import InvalidState
from holdfast.frameworks import xgboost_
from holdfast.testing.specimen import makers
from holdfast.testing.zoo_xgboost import frame, rows_and_target
from holdfast.trust.state import tree_levels
from holdfast.trust.state import xgboost as checks
from holdfast.trust.state.xgboost import check_xgboost
from tests.trust.live_state import at

pytestmark = pytest.mark.filterwarnings("ignore")  # what the library says about odd data is not what is tested here

State = dict[str, Any]

PLAIN, CATEGORIES, CLASSES = "regressor", "classifier of categories", "classifier of four classes"
TARGETS, PRUNED, DROPOUT = "regressor of three targets, one tree", "regressor, pruned", "regressor with dropout"
LINEAR, QUANTILES = "regressor, linear", "regressor of quantiles"


def state_of(model: Any) -> State:
    return xgboost_._dump_booster(model.get_booster() if hasattr(model, "get_booster") else model)


@cache
def kept(name: str) -> State:
    return state_of(makers("xgboost")[name]().model)


def genuine(name: str = PLAIN) -> State:
    return copy.deepcopy(kept(name))


def refused(state: State, said: str) -> None:
    with pytest.raises(InvalidState, match=at("x")) as caught:
        check_xgboost(state, "x")
    assert said in caught.value.message


# -- where things are ----------------------------------------------------------------------------------------------------


def learner(state: State) -> State:
    return state["Model"]["learner"]  # type: ignore[no-any-return]


def settings(state: State) -> State:
    return state["Config"]["learner"]  # type: ignore[no-any-return]


def booster(state: State) -> State:
    made = learner(state)["gradient_booster"]
    return made.get("gbtree", made)["model"]  # type: ignore[no-any-return]


def trees(state: State) -> State:
    return booster(state)["trees"]  # type: ignore[no-any-return]


def params(state: State, **texts: str) -> None:
    """Set parameters of the learner in both places where they stand."""
    learner(state)["learner_model_param"].update(texts)
    settings(state)["learner_model_param"].update(texts)


def no_trees(state: State, count: str = "0") -> None:
    booster(state).update(tree_info=[], iteration_indptr=[0])
    booster(state)["gbtree_model_param"]["num_trees"] = count
    settings(state)["gradient_booster"]["gbtree_model_param"]["num_trees"] = count


def put(name: str, place: int, value: Any) -> Callable[[State], None]:
    """Return what sets one number of a field of all trees."""
    return lambda state: trees(state)[name].__setitem__(place, value)


def of_trees(name: str, *texts: str) -> Callable[[State], None]:
    """Return what sets a parameter of the first trees."""
    return lambda state: trees(state)["tree_param"][name].__setitem__(slice(len(texts)), texts)


def cut(name: str, lengths: list[int]) -> Callable[[State], None]:
    """Return what gives a field lengths of its own."""
    return lambda state: trees(state)["[lengths]"].__setitem__(name, np.array(lengths, np.int64))


def one_tree(state: State, left: list[int], right: list[int], **fields: list[int]) -> None:
    """Put one hand-made tree in the place of all trees."""
    count = len(left)
    made = trees(state)
    columns: dict[str, Any] = {"left_children": left, "right_children": right, "parents": [-1] * count, "split_indices": [0] * count, **fields}
    for node in range(count):
        for child in (left[node], right[node]):
            if child > 0 and "parents" not in fields:
                columns["parents"][child] = node
    for name, dtype in checks._TREE_ARRAYS.items():
        if name in made and not name.startswith("categories"):
            made[name] = np.array(columns.get(name, [0] * count), dtype)
    made.update({"[all]": 1, "id": [0], "[lengths]": {"base_weights": np.array([count], np.int64)}})
    made["tree_param"].update(num_nodes=[str(count)], num_deleted=["0"], num_feature=["5"], size_leaf_vector=["1"])
    booster(state).update(tree_info=[0], iteration_indptr=[0, 1])
    booster(state)["gbtree_model_param"]["num_trees"] = "1"
    settings(state)["gradient_booster"]["gbtree_model_param"]["num_trees"] = "1"


def chain(levels: int) -> tuple[list[int], list[int]]:
    """Return the children of a tree in which each left child is a leaf and each right one goes on."""
    left, right = [], []
    for level in range(levels - 1):
        left += [2 * level + 1, -1]
        right += [2 * level + 2, -1]
    return [*left, -1], [*right, -1]


# -- genuine ones --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", makers("xgboost"))
def test_genuine_boosters_pass(name: str) -> None:
    check_xgboost(kept(name), "x")


def more() -> dict[str, Callable[[], Any]]:
    import xgboost

    rows, y = rows_and_target()
    classes, labels = np.arange(len(y)) % 4, np.c_[y, 1 - y, y]
    groups = np.repeat(range(len(y) // 10), 10)

    def train(count: int = 3, data: Any = None, before: Any = None, **said: Any) -> Any:
        given = xgboost.DMatrix(rows, y, nthread=1) if data is None else data
        return xgboost.train({"nthread": 1, **said}, given, count, xgb_model=before)

    def both(**said: Any) -> dict[str, Any]:
        return {"n_estimators": 3, "n_jobs": 1, "multi_strategy": "multi_output_tree", **said}

    return {
        "classes in one tree": lambda: xgboost.XGBClassifier(**both()).fit(rows, classes),
        "labels in one tree": lambda: xgboost.XGBClassifier(**both()).fit(rows, labels),
        "targets in one tree that never splits": lambda: xgboost.XGBRegressor(**both(gamma=1e9)).fit(rows, labels),
        "a ranker that learned what positions do": lambda: xgboost.XGBRanker(n_estimators=3, n_jobs=1, lambdarank_unbiased=True).fit(rows, y, qid=groups),
        "no rounds": lambda: train(0),
        "no rounds of classes": lambda: train(0, objective="multi:softprob", num_class=3),
        "no rounds, linear": lambda: train(0, booster="gblinear"),
        "a slice": lambda: train(5, objective="multi:softprob", num_class=2)[1:3],
        "pruned twice": lambda: train(3, tree_method="exact", gamma=2.0, before=train(3, tree_method="exact", max_depth=9, gamma=0.5)),
        "refreshed": lambda: train(3, process_type="update", updater="refresh", before=train(3)),
        "a linear one of classes": lambda: train(booster="gblinear", objective="multi:softprob", num_class=3),
        "many categories": lambda: train(8, xgboost.DMatrix(frame(), y, enable_categorical=True, nthread=1), max_cat_to_onehot=1, min_child_weight=0),
        "categories that were pruned": lambda: train(3, xgboost.DMatrix(frame(), y, enable_categorical=True, nthread=1), max_cat_to_onehot=1, gamma=1, updater="grow_quantile_histmaker,prune"),
        "one row": lambda: train(3, xgboost.DMatrix(rows[:1], y[:1], nthread=1)),
        "no threads named": lambda: xgboost.train({}, xgboost.DMatrix(rows, y), 2),
    }  # fmt: skip


@pytest.mark.parametrize("name", more())
def test_boosters_of_other_ways_to_train_pass(name: str) -> None:
    check_xgboost(state_of(more()[name]()), "x")


# -- the parts -------------------------------------------------------------------------------------------------------------


def shared_text(state: State) -> None:
    text = "x" * 1_000_000
    learner(state)["attributes"].update({f"{number}": text for number in range(300)})


def shared_lists(state: State) -> None:
    part: Any = "text"
    for _ in range(12):
        part = [part] * 1000
    settings(state)["more"] = part


def shared_array(state: State) -> None:
    settings(state)["more"] = [np.zeros(1 << 20)] * 100


PARTS: dict[str, tuple[str, Callable[[State], Any], str]] = {
    "another part": (PLAIN, lambda s: s.update(More={}), "its parts are not Model and Config"),
    "a part too many": (PLAIN, lambda s: s.update(Other={}), "its parts are not Model and Config"),
    "attributes that are a list": (PLAIN, lambda s: s.update({"[attributes]": []}), "not ones that a booster has"),
    "attributes with a handle": (PLAIN, lambda s: s.update({"[attributes]": {"handle": None}}), "not ones that a booster has"),
    "a Model that is a list": (PLAIN, lambda s: s.update(Model=[]), "Model is not a dict"),
    "a text in three hundred places": (PLAIN, shared_text, "refers to the same parts too often"),
    "lists of the same lists": (PLAIN, shared_lists, "refers to the same parts too often"),
    "an array in a hundred places": (PLAIN, shared_array, "refers to the same parts too often"),
    "a field of Model": (PLAIN, lambda s: s["Model"].update(more=1), "Model has the field 'more', which is not known"),
    "a version of four numbers": (PLAIN, lambda s: s["Model"]["version"].append(0), "version has 4 elements"),
    "a version that is no number": (PLAIN, lambda s: s["Model"]["version"].__setitem__(1, "x"), "version is not three numbers"),
    "a version below zero": (PLAIN, lambda s: s["Model"].update(version=[3, -1, 0]), "version is not three numbers"),
    "a version of text": (PLAIN, lambda s: s["Model"].update(version=["3", "2", "0"]), "version is not three numbers"),
    "a field of the learner": (PLAIN, lambda s: learner(s).update(more=1), "the learner has the field 'more'"),
    "num_feature that is a number": (PLAIN, lambda s: params(s, num_feature=5), "num_feature is not text"),  # type: ignore[arg-type]
    "num_feature that is no number": (PLAIN, lambda s: params(s, num_feature="5.0"), "num_feature is not a number"),
    "num_feature with two signs": (PLAIN, lambda s: params(s, num_feature="--5"), "num_feature is not a number"),
    "num_feature in other digits": (PLAIN, lambda s: params(s, num_feature="\u0665"), "num_feature is not a number"),
    "num_feature without end": (PLAIN, lambda s: params(s, num_feature="1" * 5000), "num_feature is not a number"),
    "num_feature below zero": (PLAIN, lambda s: params(s, num_feature="-5"), "num_feature is -5, outside 0.."),
    "rows that take gigabytes": (PLAIN, lambda s: params(s, num_feature=str(2**30)), f"num_feature is {2**30}, outside 0.."),
    "num_class below zero": (PLAIN, lambda s: params(s, num_class="-1"), "num_class is -1, outside 0.."),
    "base_score of two numbers": (PLAIN, lambda s: params(s, base_score="[1,2]"), "base_score has 2 numbers, 1 expected"),
    "attributes of numbers": (PLAIN, lambda s: learner(s)["attributes"].update(best=1), "attributes holds something else than text"),
    "names of fewer features": (CATEGORIES, lambda s: learner(s)["feature_names"].pop(), "feature_names are not 5 texts"),
    "types of more features": (CATEGORIES, lambda s: learner(s)["feature_types"].append("c"), "feature_types are not 5 texts"),
    "a name that is a number": (CATEGORIES, lambda s: learner(s)["feature_names"].__setitem__(0, 1), "feature_names are not 5 texts"),
    "an objective without a name": (PLAIN, lambda s: learner(s)["objective"].pop("name"), "name is missing"),
    "a part of the objective that is text": (PLAIN, lambda s: learner(s)["objective"].update(more="1"), "more is not a dict"),
    "parameters of the objective that are numbers": (PLAIN, lambda s: learner(s)["objective"]["reg_loss_param"].update(a=1), "reg_loss_param holds something else than text"),
    "positions of a ranker that are text": (PLAIN, lambda s: learner(s)["objective"].update({"ti+": "1"}), "ti+ is of type str"),
    "classes of the objective": (CLASSES, lambda s: learner(s)["objective"]["softmax_multiclass_param"].update(num_class="5"), "num_class of the objective is not 4"),
    "quantiles of the objective": (QUANTILES, lambda s: learner(s)["objective"]["quantile_loss_param"].update(quantile_alpha="[0.1]"), "quantile_alpha has not one number for each of 2 targets"),
    "an unknown booster": (PLAIN, lambda s: learner(s)["gradient_booster"].update(name="gbforest"), "name is gbforest, one of gbtree, gblinear, dart is expected"),
    "a field of the booster": (PLAIN, lambda s: learner(s)["gradient_booster"].update(more=1), "the booster has the field 'more'"),
    "a field of the booster with dropout": (DROPOUT, lambda s: learner(s)["gradient_booster"].update(more=1), "the booster has the field 'more'"),
    "dropout inside dropout": (DROPOUT, lambda s: learner(s)["gradient_booster"]["gbtree"].update(name="dart"), "name is dart, one of gbtree is expected"),
    "fewer weights of trees": (DROPOUT, lambda s: learner(s)["gradient_booster"]["weight_drop"].pop(), "weight_drop has 3 elements, 4 expected"),
    "a weight that is text": (DROPOUT, lambda s: learner(s)["gradient_booster"]["weight_drop"].__setitem__(0, "1"), "weight_drop holds something else"),
    "a field of the linear model": (LINEAR, lambda s: booster(s).update(more=1), "the linear model has the field 'more'"),
    "fewer weights": (LINEAR, lambda s: booster(s).update(weights=booster(s)["weights"][:-1]), "weights has 5 elements, 6 expected"),
    "many numbers and no weights": (LINEAR, lambda s: (params(s, num_class="20000"), booster(s).update(weights=np.zeros(0, np.float32))), "it predicts 20000 numbers, and has no weights"),
    "many numbers and four trees": (PLAIN, lambda s: params(s, num_target="20000"), "it predicts 20000 numbers, and has 4 trees"),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_does_not_fit_is_refused(name: str) -> None:
    specimen, change, said = PARTS[name]
    state = genuine(specimen)
    change(state)
    refused(state, said)


# -- the training parameters ---------------------------------------------------------------------------------------------

CONFIG: dict[str, tuple[Callable[[State], Any], str]] = {
    "a key that is a number": (lambda s: s["Config"].update({1: "x"}), "Config has a key that is not text"),
    "threads without end": (lambda s: settings(s)["generic_param"].update(nthread="100000"), "nthread is more than 1024"),
    "threads below what means all": (lambda s: settings(s)["generic_param"].update(n_jobs="-2"), "n_jobs is more than 1024"),
    "threads that are a number": (lambda s: settings(s)["generic_param"].update(nthread=1), "nthread is more than 1024"),
    "other trees than the model": (lambda s: settings(s)["gradient_booster"]["gbtree_model_param"].update(num_trees="5"), "num_trees of Config is not that of Model"),
    "trees": (lambda s: settings(s).update(trees={"[all]": 2**40, "[lengths]": {}}), "Config holds trees"),
    "trees inside a list": (lambda s: settings(s).update(more=[{"trees": {}}]), "Config holds trees"),
    "a float": (lambda s: settings(s).update(more=[1.0]), "Config holds a float"),
    "a table": (lambda s: settings(s).update(more=np.zeros((2, 2))), "Config holds a ndarray"),
    "another learner": (lambda s: settings(s)["learner_model_param"].update(num_feature="6"), "learner_model_param of Config is not that of Model"),
    "no learner": (lambda s: s["Config"].pop("learner"), "learner is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIG)
def test_a_configuration_that_does_not_fit_is_refused(name: str) -> None:
    change, said = CONFIG[name]
    state = genuine()
    change(state)
    refused(state, said)


# -- trees as a whole ------------------------------------------------------------------------------------------------------


def no_features(state: State) -> None:
    params(state, num_feature="0")
    trees(state)["tree_param"]["num_feature"] = ["0"] * 4
    trees(state)["split_indices"][:] = 0


def lengths_last(state: State) -> None:
    lengths = trees(state)["[lengths]"]
    lengths["base_weights"] = lengths.pop("base_weights")


FOREST: dict[str, tuple[str, Callable[[State], Any], str]] = {
    "a field of the trees' model": (PLAIN, lambda s: booster(s).update(more=1), "the trees has the field 'more'"),
    "num_trees one less": (PLAIN, lambda s: booster(s)["gbtree_model_param"].update(num_trees="3"), "tree_info has 4 elements, 3 expected"),
    "no trees a round": (PLAIN, lambda s: booster(s)["gbtree_model_param"].update(num_parallel_tree="0"), "num_parallel_tree is 0, outside 1.."),
    "parameters that are numbers": (PLAIN, lambda s: booster(s)["gbtree_model_param"].update(more=1), "gbtree_model_param holds something else than text"),
    "a group that is not there": (PLAIN, lambda s: booster(s)["tree_info"].__setitem__(1, 1), "tree_info names a group that is not there"),
    "a group below zero": (CLASSES, lambda s: booster(s)["tree_info"].__setitem__(1, -1), "tree_info names a group that is not there"),
    "a group of trees that give all": (TARGETS, lambda s: booster(s)["tree_info"].__setitem__(1, 1), "tree_info names a group that is not there"),
    "a group that is text": (PLAIN, lambda s: booster(s)["tree_info"].__setitem__(1, "0"), "tree_info holds something else than indices"),
    "a group beyond all indices": (PLAIN, lambda s: booster(s)["tree_info"].__setitem__(1, 2**31), "tree_info holds something else than indices"),
    "groups that are floats": (PLAIN, lambda s: booster(s).update(tree_info=np.zeros(4)), "tree_info has elements of"),
    "rounds that start late": (PLAIN, lambda s: booster(s)["iteration_indptr"].__setitem__(0, 1), "iteration_indptr does not lead from 0"),
    "rounds that end early": (PLAIN, lambda s: booster(s)["iteration_indptr"].__setitem__(-1, 3), "iteration_indptr does not lead from 0"),
    "rounds that go back": (PLAIN, lambda s: booster(s).update(iteration_indptr=[0, 3, 1, 4]), "iteration_indptr does not lead from 0"),
    "no rounds": (PLAIN, lambda s: booster(s).update(iteration_indptr=[]), "iteration_indptr does not lead from 0"),
    "trees, and num_trees is 0": (PLAIN, no_trees, "there are trees, and num_trees is 0"),
    "another field": (PLAIN, lambda s: trees(s).update(more=np.zeros(4)), "other fields than XGBoost's, or are not 4"),
    "another count": (PLAIN, lambda s: trees(s).update({"[all]": 5}), "other fields than XGBoost's, or are not 4"),
    "a count that is a float": (PLAIN, lambda s: trees(s).update({"[all]": 4.0}), "other fields than XGBoost's, or are not 4"),
    "lengths of fewer trees": (PLAIN, cut("base_weights", [15, 15, 13]), "base_weights has 3 elements, 4 expected"),
    "other lengths in front": (CATEGORIES, lengths_last, "the lengths that cut all other fields do not come first"),
    "lengths below zero": (CATEGORIES, cut("categories", [-1, 1, 9, 5]), "the lengths of categories are not lengths"),
    "lengths of an unknown field": (PLAIN, cut("more", [1, 1, 1, 1]), "the lengths of more are not lengths"),
    "vectors of numbers": (PLAIN, of_trees("size_leaf_vector", *"3333"), "size_leaf_vector is 3, and 1 numbers are predicted"),
    "trees of different widths": (TARGETS, of_trees("size_leaf_vector", "3", "1"), "size_leaf_vector is 3, and 3 numbers are predicted"),
    "vectors that are wider than what is predicted": (TARGETS, of_trees("size_leaf_vector", *"4444"), "size_leaf_vector is 4, and 3 numbers are predicted"),
    "features of a tree": (PLAIN, of_trees("num_feature", "6"), "num_feature of a tree is not 5"),
    "nodes of a tree": (PLAIN, of_trees("num_nodes", "14"), "num_nodes of a tree does not fit its arrays"),
    "no nodes": (PLAIN, lambda s: (one_tree(s, [], []), trees(s)["tree_param"].update(num_nodes=["0"])), "num_nodes of a tree does not fit its arrays"),
    "a parameter of trees below zero": (PLAIN, of_trees("num_deleted", "-1"), "num_deleted of a tree is -1"),
    "a parameter of trees that is no number": (PLAIN, of_trees("num_nodes", "many"), "num_nodes is not a number"),
    "a parameter of fewer trees": (PLAIN, lambda s: trees(s)["tree_param"]["num_nodes"].pop(), "num_nodes has 3 elements, 4 expected"),
    "an unknown parameter of trees": (PLAIN, lambda s: trees(s)["tree_param"].update(more=["1"] * 4), "tree_param has the field 'more'"),
    "a shorter field": (PLAIN, lambda s: trees(s).update(split_conditions=trees(s)["split_conditions"][:-1]), "split_conditions has 57 elements, 58 expected"),
    "a field of doubles": (PLAIN, lambda s: trees(s).update(split_conditions=trees(s)["split_conditions"].astype("f8")), "split_conditions has elements of"),
    "a field cut elsewhere": (PLAIN, lambda s: cut("loss_changes", np.roll(trees(s)["[lengths]"]["base_weights"], 1).tolist())(s), "loss_changes has not one element a node"),
    "numbers of trees in another order": (PLAIN, lambda s: trees(s)["id"].reverse(), "id of a tree is not its number"),
    "a tree that splits, and no features": (PLAIN, no_features, "a tree splits, and there are no features"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREST)
def test_a_forest_that_does_not_fit_is_refused(name: str) -> None:
    specimen, change, said = FOREST[name]
    state = genuine(specimen)
    change(state)
    refused(state, said)


# -- nodes -----------------------------------------------------------------------------------------------------------------


def deleted(state: State) -> int:
    """Return the place of a node that pruning has deleted."""
    return int(np.flatnonzero(trees(state)["split_indices"] == checks.DELETED)[0])


def swapped(name: str, first: int, second: int) -> Callable[[State], None]:
    def change(state: State) -> None:
        array = trees(state)[name]
        array[first], array[second] = array[second], array[first]

    return change


NODES: dict[str, tuple[str, Callable[[State], Any], str]] = {
    "a left child behind its tree": (PLAIN, put("left_children", 0, 15), "node 0 of its trees has left child 15, outside its tree"),
    "a right child without end": (PLAIN, put("right_children", 0, 2**31 - 1), "has right child 2147483647, outside its tree"),
    "a left child below zero": (PLAIN, put("left_children", 0, -2), "has left child -2, outside its tree"),
    "the root as a child": (PLAIN, put("right_children", 2, 0), "has right child 0, outside its tree"),
    "half a leaf": (PLAIN, put("right_children", 14, 3), "a leaf has a right child"),
    "more deleted nodes": (PRUNED, of_trees("num_deleted", "15"), "num_deleted is not the number of deleted nodes"),
    "a deleted root": (PLAIN, lambda s: one_tree(s, [-1], [-1], split_indices=[checks.DELETED]) or trees(s)["tree_param"].update(num_deleted=["1"]), "num_deleted is not the number of deleted nodes"),
    "a feature behind the last": (PLAIN, put("split_indices", 0, 5), "node 0 of its trees splits on feature 5, outside 0..4"),
    "a feature below zero": (PLAIN, put("split_indices", 0, -1), "splits on feature -1, outside 0..4"),
    "a leaf of no feature": (PLAIN, put("split_indices", 14, -7), "splits on feature -7, outside 0..4"),
    "a split of a third kind": (PLAIN, put("split_type", 0, 2), "split_type or default_left is neither 0 nor 1"),
    "a direction of a third kind": (PLAIN, put("default_left", 0, 2), "split_type or default_left is neither 0 nor 1"),
    "a threshold that is none": (PLAIN, put("split_conditions", 0, np.nan), "a threshold is not finite"),
    "a threshold without end": (PLAIN, put("split_conditions", 0, np.inf), "a threshold is not finite"),
    "two parents": (PLAIN, lambda s: trees(s)["left_children"].__setitem__(1, trees(s)["right_children"][0]), "a node of its trees has no parent, or two"),
    "equal children": (PLAIN, lambda s: trees(s)["left_children"].__setitem__(0, trees(s)["right_children"][0]), "a node of its trees has no parent, or two"),
    "a child that is deleted": (PRUNED, lambda s: trees(s)["left_children"].__setitem__(0, deleted(s)), "a node of its trees has no parent, or two"),
    "a parent that does not know it": (PLAIN, put("parents", 3, 2), "parents do not agree with children"),
    "a root with a parent": (PLAIN, put("parents", 0, 3), "a root has a parent"),
    "a deleted node with a parent behind the tree": (PRUNED, lambda s: put("parents", deleted(s), 21)(s), "a node has a parent outside its tree"),
    "a deleted node with a parent below zero": (PRUNED, lambda s: put("parents", deleted(s), -1)(s), "a node has a parent outside its tree"),
    "nodes that lead to each other": (PLAIN, lambda s: one_tree(s, [-1, 2, 1, -1, -1], [-1, 3, 4, -1, -1], parents=[-1, 2, 1, 1, 2]), "some nodes of its trees cannot be reached"),
    "a tree that is too deep": (PLAIN, lambda s: one_tree(s, *chain(1025)), "a tree is deeper than 1024"),
}  # fmt: skip


@pytest.mark.parametrize("name", NODES)
def test_a_node_that_leads_elsewhere_is_refused(name: str) -> None:
    specimen, change, said = NODES[name]
    state = genuine(specimen)
    change(state)
    refused(state, said)


def test_a_tree_as_deep_as_any_may_be_passes() -> None:
    state = genuine()
    one_tree(state, *chain(1024))
    check_xgboost(state, "x")


def test_a_single_leaf_is_a_tree() -> None:
    state = genuine()
    one_tree(state, [-1], [-1])
    check_xgboost(state, "x")


def test_levels_are_counted_and_a_circle_has_no_end() -> None:
    for levels in (1, 2, 1023, 1024):
        left, right = (np.array(side) for side in chain(levels))
        assert tree_levels.check_levels(np.array([0]), left, right, "t") == len(left)
    left, right = (np.array(side) for side in chain(1025))
    for one, other in ((left, right), (np.array([0]), np.array([-1]))):
        with pytest.raises(InvalidState, match=r"^t: a tree is deeper than 1024, or leads back into itself"):
            tree_levels.check_levels(np.array([0]), one, other, "t")


# -- vectors in leaves -------------------------------------------------------------------------------------------------------

LEAVES: dict[str, tuple[str, Callable[[State], Any], str]] = {
    "no weights": (TARGETS, lambda s: (trees(s).pop("leaf_weights"), trees(s)["[lengths]"].pop("leaf_weights")), "leaf_weights is missing"),
    "weights of fewer leaves": (TARGETS, lambda s: (trees(s).update(leaf_weights=trees(s)["leaf_weights"][:-3]), cut("leaf_weights", [24, 24, 24, 21])(s)), "leaf_weights has not one row a leaf"),
    "weights of other trees": (TARGETS, cut("leaf_weights", [27, 21, 24, 24]), "leaf_weights has not one row a leaf"),
    "a row behind the last": (TARGETS, put("right_children", 7, 8), "a leaf names a row of weights that is not there"),
    "a row below zero": (TARGETS, put("right_children", 7, -1), "a leaf names a row of weights that is not there"),
    "rows and leaves that are numbers": (PLAIN, lambda s: trees(s).update(leaf_weights=trees(s)["base_weights"].copy()), "there are weights of leaves, and leaves are numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAVES)
def test_leaves_that_do_not_fit_their_weights_are_refused(name: str) -> None:
    specimen, change, said = LEAVES[name]
    state = genuine(specimen)
    change(state)
    refused(state, said)


# -- categories ------------------------------------------------------------------------------------------------------------


def numeric_made_categorical(state: State) -> None:
    trees(state)["split_type"][0] = 1


def features(state: State) -> State:
    return booster(state)["cats"]  # type: ignore[no-any-return]


CATS: dict[str, tuple[str, Callable[[State], Any], str]] = {
    "sizes of other trees": (CATEGORIES, cut("categories_sizes", [0, 0, 1, 2]), "categories_sizes has not one element for each node"),
    "segments of other trees": (CATEGORIES, cut("categories_segments", [0, 0, 1, 2]), "categories_segments has not one element for each node"),
    "a node behind the last": (CATEGORIES, put("categories_nodes", 0, 15), "categories_nodes names a node that is not there"),
    "a node below zero": (CATEGORIES, put("categories_nodes", 0, -1), "categories_nodes names a node that is not there"),
    "nodes in another order": (CATEGORIES, swapped("categories_nodes", 0, 1), "categories_nodes are not in order"),
    "a node twice": (CATEGORIES, put("categories_nodes", 1, 1), "categories_nodes are not in order"),
    "a node without categories": (CATEGORIES, numeric_made_categorical, "a node that splits on categories has none"),
    "a set that begins behind all": (CATEGORIES, put("categories_segments", 1, 2**62), "categories_segments lead outside categories"),
    "a set that ends behind all": (CATEGORIES, put("categories_sizes", 1, 3), "categories_segments lead outside categories"),
    "a set that begins below zero": (CATEGORIES, put("categories_segments", 1, -1), "categories_segments lead outside categories"),
    "a set of fewer than none": (CATEGORIES, put("categories_sizes", 1, -1), "categories_segments lead outside categories"),
    "a category below zero": (CATEGORIES, put("categories", 0, -1), "a category is not one that XGBoost has"),
    "a category beyond all": (CATEGORIES, put("categories", 0, 1 << 24), "a category is not one that XGBoost has"),
    "segments and no categories": (PLAIN, lambda s: features(s).update(sorted_idx=np.zeros(1, np.int32)), "there are segments of categories and no categories"),
    "a field of the categories": (PLAIN, lambda s: features(s).update(more=1), "cats has the field 'more'"),
    "categories of fewer features": (CATEGORIES, lambda s: features(s)["enc"].pop(), "feature_segments do not fit the features"),
    "segments that start late": (CATEGORIES, lambda s: features(s)["feature_segments"].__setitem__(0, 1), "feature_segments do not fit the features"),
    "segments that go back": (CATEGORIES, lambda s: features(s)["feature_segments"].__setitem__(3, 13), "feature_segments do not fit the features"),
    "segments that end early": (CATEGORIES, lambda s: features(s)["feature_segments"].__setitem__(5, 11), "feature_segments do not fit the features"),
    "an order of fewer categories": (CATEGORIES, lambda s: features(s).update(sorted_idx=features(s)["sorted_idx"][:-1]), "feature_segments do not fit the features"),
    "categories of a feature that are a list": (CATEGORIES, lambda s: features(s)["enc"].__setitem__(0, []), "the categories of a feature are not a dict"),
    "a field of the categories of a feature": (CATEGORIES, lambda s: features(s)["enc"][2].update(more=1), "the categories of a feature has the field 'more'"),
    "a field of the categories that are numbers": (CATEGORIES, lambda s: features(s)["enc"][3].update(more=1), "the categories of a feature has the field 'more'"),
    "names cut behind their letters": (CATEGORIES, lambda s: features(s)["enc"][2]["offsets"].__setitem__(-1, 99), "offsets do not cut the names of categories"),
    "names cut back": (CATEGORIES, lambda s: features(s)["enc"][2]["offsets"].__setitem__(1, 99), "offsets do not cut the names of categories"),
    "letters of no names": (CATEGORIES, lambda s: features(s)["enc"][0].update(values=np.zeros(1, np.int8)), "offsets do not cut the names of categories"),
    "numbers of an unknown kind": (CATEGORIES, lambda s: features(s)["enc"][3].update(type=99), "type is 99"),
    "numbers of another kind": (CATEGORIES, lambda s: features(s)["enc"][3].update(type=8), "values has elements of"),
    "an order that names one twice": (CATEGORIES, lambda s: features(s)["sorted_idx"].__setitem__(0, 0), "sorted_idx is not an order of the categories"),
    "an order that names one behind the last": (CATEGORIES, lambda s: features(s)["sorted_idx"].__setitem__(0, 2**31 - 1), "sorted_idx is not an order of the categories"),
}  # fmt: skip


@pytest.mark.parametrize("name", CATS)
def test_categories_that_do_not_fit_are_refused(name: str) -> None:
    specimen, change, said = CATS[name]
    state = genuine(specimen)
    change(state)
    refused(state, said)


def test_sets_of_categories_cannot_ask_for_more_memory_than_any_model_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    sets, largest = len(trees(genuine(CATEGORIES))["categories_nodes"]), int(trees(genuine(CATEGORIES))["categories"].max())
    monkeypatch.setattr(checks, "CATEGORY_BITS", sets * (largest + 32))
    check_xgboost(genuine(CATEGORIES), "x")
    monkeypatch.setattr(checks, "CATEGORY_BITS", sets * (largest + 32) - 1)
    refused(genuine(CATEGORIES), "its sets of categories take more than")


# -- what a check would miss -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [PLAIN, CATEGORIES, TARGETS, PRUNED])
def test_no_index_of_a_tree_may_be_anything_else_without_notice(name: str) -> None:
    state = genuine(name)
    count = len(trees(state)["parents"])
    for field in ("left_children", "right_children", "split_indices", "parents", "categories_nodes", "categories_segments", "categories_sizes"):
        array = trees(state)[field]
        for place in range(0, len(array), 5):
            for value in (-(2**31), -2, count, 2**31 - 2):
                before = array[place]
                array[place] = value
                with pytest.raises(InvalidState, match=at("x")):
                    check_xgboost(state, "x")
                array[place] = before
    check_xgboost(state, "x")
