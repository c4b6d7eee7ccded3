"""LightGBM boosters: genuine text passes, and each line, word and number that LightGBM would not have written is refused by the check it is for.

The one rule: what is altered is genuine text, in one place, with ``tree_sizes`` made to fit again; so nothing but that place can be what is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from holdfast.errors import InvalidState
from holdfast.frameworks import lightgbm_
from holdfast.testing.specimen import makers
from holdfast.testing.zoo_xgboost import frame, rows_and_target
from holdfast.trust.state.lightgbm import check_lightgbm
from tests.trust.live_state import at

pytestmark = pytest.mark.filterwarnings("ignore")  # what the library says about odd data is not what is tested here

State = dict[str, Any]

PLAIN, CLASSES, LINEAR, FOREST, MONOTONE = "booster", "booster of classes", "booster with linear leaves", "regressor by random forest", "classifier with constraints"
SETS = "sets of categories"
NUMBERS = np.random.default_rng(0)
WITH_SETS = np.c_[NUMBERS.integers(0, 40, 200), NUMBERS.integers(0, 70, 200), NUMBERS.normal(size=200)]
FREELY = {"min_data_per_group": 1, "cat_smooth": 0, "cat_l2": 0, "max_cat_to_onehot": 1, "min_data_in_leaf": 3}


def train(data: Any = None, target: Any = None, rounds: int = 3, columns: dict[str, Any] | None = None, **params: Any) -> Any:
    import lightgbm

    rows, y = rows_and_target()
    given = lightgbm.Dataset(rows if data is None else data, y if target is None else target, free_raw_data=False, **(columns or {}))
    return lightgbm.train({"num_threads": 1, "verbose": -1, "min_data_in_leaf": 3, "num_leaves": 5, **params}, given, rounds)


def with_sets(**params: Any) -> Any:
    return train(WITH_SETS, WITH_SETS[:, 0] % 3 + WITH_SETS[:, 2], columns={"categorical_feature": [0, 1]}, **{**FREELY, **params})


def state_of(model: Any) -> State:
    return lightgbm_._dump_booster(getattr(model, "booster_", model))


@cache
def kept(name: str) -> State:
    return state_of(with_sets() if name == SETS else makers("lightgbm")[name]().model)


def genuine(name: str = PLAIN) -> State:
    return copy.deepcopy(kept(name))


class Text:
    """The text of a booster in its parts.

    Attributes:
        head: the lines in front of the trees, by key; a line without a value has None.
        trees: of each tree the lines behind its first one, by key.
        tail: what follows the trees.
    """

    def __init__(self, state: State) -> None:
        head, _, rest = state["model"].tobytes().decode().partition("\n\nTree=")
        body, end, tail = rest.partition("end of trees\n")
        self.head = dict(_pair(line) for line in head.split("\n"))
        self.trees = [dict(_pair(line) for line in block.rstrip("\n").split("\n")[1:]) for block in f"Tree={body}".split("Tree=")[1:]]
        self.tail = end + tail
        self.sizes = ""

    def blocks(self) -> list[str]:
        """Return the text of each tree."""
        return [f"Tree={number}\n" + "".join(_line(key, value) for key, value in one.items()) + "\n\n" for number, one in enumerate(self.trees)]

    def put_into(self, state: State) -> None:
        """Write the text, with the sizes that its trees have."""
        self.head["tree_sizes"] = self.sizes or " ".join(str(len(block)) for block in self.blocks())
        text = "".join(_line(key, value) for key, value in self.head.items()) + "\n" + "".join(self.blocks()) + self.tail
        state["model"] = np.frombuffer(bytearray(text.encode()), np.uint8)


def _pair(line: str) -> tuple[str, str | None]:
    key, mark, value = line.partition("=")
    return key, value if mark else None


def _line(key: str, value: str | None) -> str:
    return f"{key}\n" if value is None else f"{key}={value}\n"


def refused(state: State, said: str) -> None:
    with pytest.raises(InvalidState, match=at("x")) as caught:
        check_lightgbm(state, "x")
    assert said in caught.value.message


# -- genuine ones --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", makers("lightgbm"))
def test_genuine_boosters_pass(name: str) -> None:
    check_lightgbm(kept(name), "x")


@pytest.mark.parametrize("name", [PLAIN, CLASSES, LINEAR, FOREST, MONOTONE, SETS])
def test_text_that_is_taken_apart_and_written_again_is_the_same(name: str) -> None:
    state = genuine(name)
    Text(state).put_into(state)
    assert state["model"].tobytes() == kept(name)["model"].tobytes()


def more() -> dict[str, Callable[[], Any]]:
    rows, y = rows_and_target()
    classes, holes = np.arange(len(y)) % 4, np.isnan(rows)
    four = {"objective": "multiclass", "num_class": 4}
    rng = np.random.default_rng(2)

    def of_own(given: Any, _: Any) -> Any:
        return rng.random(given.shape), np.ones(given.shape)

    return {
        "sets of categories": with_sets,
        "categories, one at a time": lambda: with_sets(max_cat_to_onehot=100),
        "categories and linear leaves": lambda: with_sets(linear_tree=True),
        "categories without order": lambda: train(np.c_[WITH_SETS[:, 0] * 5_000, WITH_SETS[:, 2]], WITH_SETS[:, 0] % 3, columns={"categorical_feature": [0]}, **FREELY),
        "names with spaces and letters": lambda: train(columns={"feature_name": ["é", "b b", "ç", "日本", "x=y"]}),
        "names of a frame": lambda: makers("lightgbm")["classifier of categories"]().model,
        "classes in a random forest": lambda: train(target=classes, boosting="rf", bagging_fraction=0.5, bagging_freq=1, **four),
        "classes that do not occur": lambda: train(target=classes, objective="multiclassova", num_class=6),
        "an objective of one's own": lambda: train(objective=of_own),
        "an objective of one's own for classes": lambda: train(objective=of_own, num_class=3),
        "rows without end": lambda: train(np.where(holes, np.inf, rows)),
        "rows that are huge": lambda: train(rows * 1e300),
        "rows that are tiny": lambda: train(rows * 1e-300),
        "a target that is huge": lambda: train(target=y * 1e37),
        "a target that is none": lambda: train(target=np.where(y == 1, np.nan, 0.0)),
        "zeros as missing": lambda: train(np.nan_to_num(rows), zero_as_missing=True),
        "a root of the target": lambda: train(reg_sqrt=True),
        "an odd sigmoid": lambda: train(objective="binary", sigmoid=2.5, is_unbalance=True),
        "columns that do not vary": lambda: train(np.ones((len(y), 3))),
        "one row": lambda: train(rows[:1], y[:1], min_data_in_leaf=1, min_data_in_bin=1),
        "from a part of its text": lambda: __import__("lightgbm").Booster(model_str=train(rounds=5).model_to_string(num_iteration=2)),
        "leaves set by hand": lambda: train().set_leaf_output(0, 0, float("inf")),
        "shuffled": lambda: train(rounds=5).shuffle_models(),
        "refitted": lambda: train().refit(rows, 1 - y),
    }  # fmt: skip


@pytest.mark.parametrize("name", more())
def test_boosters_of_other_ways_to_train_pass(name: str) -> None:
    check_lightgbm(state_of(more()[name]()), "x")


# -- what is no text -------------------------------------------------------------------------------------------------------

FIELDS: dict[str, tuple[Callable[[State], Any], str]] = {
    "no attributes": (lambda s: s.pop("attributes"), "its fields are not those of a booster"),
    "another field": (lambda s: s.update(more=1), "its fields are not those of a booster"),
    "attributes that are a list": (lambda s: s.update(attributes=[]), "its fields are not those of a booster"),
    "a handle among the attributes": (lambda s: s["attributes"].update(_handle="tree"), "its fields are not those of a booster"),
    "text as text": (lambda s: s.update(model=s["model"].tobytes().decode()), "model is of type str"),
    "text in wider letters": (lambda s: s.update(model=s["model"].astype(np.uint16)), "model has elements of"),
    "nothing": (lambda s: s.update(model=np.zeros(0, np.uint8)), "it does not begin as a model of LightGBM 4"),
    "half": (lambda s: s.update(model=s["model"][: len(s["model"]) // 2]), "what follows its trees is not what LightGBM writes"),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_fields_that_are_not_those_of_a_booster_are_refused(name: str) -> None:
    change, said = FIELDS[name]
    state = genuine()
    change(state)
    refused(state, said)


# -- the head --------------------------------------------------------------------------------------------------------------


def head(**lines: str) -> Callable[[Text], None]:
    return lambda text: text.head.update(lines)


def without_trees(classes: str) -> Callable[[Text], None]:
    def change(text: Text) -> None:
        text.trees = []
        text.head.update(num_class=classes, num_tree_per_iteration=classes, objective=f"multiclass num_class:{classes}")

    return change


def sizes(words: Callable[[list[str]], str]) -> Callable[[Text], None]:
    return lambda text: setattr(text, "sizes", words([str(len(block)) for block in text.blocks()]))


LINES = "its text holds what LightGBM takes for the end of a line or of all"
HEADS: dict[str, tuple[str, Callable[[Text], Any], str]] = {
    "a line inside a line": (PLAIN, head(feature_names="a b c d e\rnum_tree_per_iteration=3"), LINES),
    "an end inside a line": (PLAIN, lambda t: setattr(t, "tail", t.tail.replace("gbdt", "\0")), LINES),
    "an older version": (PLAIN, head(version="v3"), "it does not begin as a model of LightGBM 4"),
    "another line in front": (PLAIN, lambda t: setattr(t, "head", {"more": None, **t.head}), "it does not begin as a model of LightGBM 4"),
    "no label": (PLAIN, lambda t: t.head.pop("label_index"), "it does not begin as a model of LightGBM 4"),
    "sizes with two spaces": (PLAIN, sizes("  ".join), "tree_sizes is not a list of sizes"),
    "sizes with zeros in front": (PLAIN, sizes(lambda all: "0" + " ".join(all)), "tree_sizes is not a list of sizes"),
    "sizes of fewer trees": (PLAIN, sizes(lambda all: " ".join(all[:-1])), "what follows its trees is not what LightGBM writes"),
    "sizes beyond the end": (PLAIN, sizes(lambda all: " ".join([*all[:-1], "9" * 18])), "what follows its trees is not what LightGBM writes"),
    "sizes that cut elsewhere": (PLAIN, sizes(lambda all: " ".join([str(int(all[0]) - 1), str(int(all[1]) + 1), *all[2:]])), "tree 0 does not begin or end as trees do"),
    "classes with zeros in front": (PLAIN, head(num_class="01"), "classes is not a plain number"),
    "no trees a round": (PLAIN, head(num_class="0", num_tree_per_iteration="0"), "num_tree_per_iteration is 0, with 0 classes"),
    "trees of half a round": (PLAIN, head(num_class="2", num_tree_per_iteration="2", objective="multiclass num_class:2"), "num_tree_per_iteration is 2, with 2 classes and 3 trees"),
    "more classes than trees a round": (PLAIN, head(num_class="999999999"), "num_tree_per_iteration is 1, with 999999999 classes"),
    "more trees a round than classes": (PLAIN, head(num_tree_per_iteration="3"), "num_tree_per_iteration is 3, with 1 classes"),
    "classes without end and no trees": (CLASSES, without_trees("10001"), "with 10001 classes and 0 trees"),
    "fewer names": (PLAIN, head(feature_names="a b c d"), "there are not 5 feature_names"),
    "a name that is cut": (PLAIN, head(feature_names="a b c d e f"), "there are not 5 feature_names"),
    "fewer constraints": (MONOTONE, head(monotone_constraints="1 0 0 0"), "there are not 5 monotone_constraints"),
    "fewer infos": (PLAIN, head(feature_infos="none none none none"), "there are not 5 feature_infos"),
    "an info that is none": (PLAIN, head(feature_infos="none none none none [a:b"), "there are not 5 feature_infos"),
    "more features": (PLAIN, head(max_feature_idx="5"), "there are not 6 feature_names"),
    "an objective in capitals": (PLAIN, head(objective="REGRESSION"), "objective is not one that LightGBM writes"),
    "an objective with quotes": (PLAIN, head(objective='regression "'), "objective is not one that LightGBM writes"),
    "an objective of other classes": (CLASSES, head(objective="multiclass num_class:4"), "the objective is not one for 3 classes"),
    "an objective of no classes": (CLASSES, head(objective="multiclass"), "the objective is not one for 3 classes"),
    "an objective of classes, twice": (CLASSES, head(objective="multiclass num_class:3 num_class:70000"), "the objective is not one for 3 classes"),
    "an objective of classes with a sign": (CLASSES, head(objective="multiclass num_class:3 num_class:+70000"), "the objective is not one for 3 classes"),
    "an objective of classes with a dot": (CLASSES, head(objective="multiclass num_class:70000.9 num_class:3"), "the objective is not one for 3 classes"),
    "an objective of one class": (PLAIN, head(objective="multiclass num_class:1"), "the objective is not one for 1 classes"),
    "an objective for one class, and three": (CLASSES, head(objective="regression"), "the objective is for one class, and there are 3"),
    "an objective for one class that names some": (PLAIN, head(objective="regression num_class:7"), "the objective is for one class, and there are 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_does_not_fit_is_refused(name: str) -> None:
    specimen, change, said = HEADS[name]
    state = genuine(specimen)
    text = Text(state)
    change(text)
    text.put_into(state)
    refused(state, said)


def test_as_many_classes_as_there_may_be_without_trees() -> None:
    state = genuine(CLASSES)
    text = Text(state)
    without_trees("10000")(text)
    text.put_into(state)
    check_lightgbm(state, "x")


@pytest.mark.parametrize(
    "change",
    [
        lambda tail: tail + "more\n",
        lambda tail: tail.replace("end of trees\n", "end of trees\nmore\n"),
        lambda tail: tail.replace("end of parameters\n", ""),
        lambda tail: tail.replace("[num_leaves: ", "num_leaves: "),
        lambda tail: tail.replace("a=", "a=x", 1),
        lambda tail: tail.replace("pandas_categorical:", "more:"),
        lambda tail: "Tree=3\n" + tail,
    ],
)
def test_what_follows_the_trees_is_read_too(change: Callable[[str], str]) -> None:
    state = genuine()
    text = Text(state)
    assert change(text.tail) != text.tail
    text.tail = change(text.tail)
    text.put_into(state)
    refused(state, "what follows its trees is not what LightGBM writes, or tree_sizes does not lead there")


# -- trees -----------------------------------------------------------------------------------------------------------------


def line(key: str, value: str, tree: int = 0) -> Callable[[Text], None]:
    return lambda text: text.trees[tree].update({key: value})


def word(key: str, place: int, value: str, tree: int = 0) -> Callable[[Text], None]:
    """Return what puts one word of a line in the place of another."""

    def change(text: Text) -> None:
        words = str(text.trees[tree][key]).split(" ")
        words[place] = value
        text.trees[tree][key] = " ".join(words)

    return change


def last_set(text: Text) -> int:
    """Return a tree with categories in it."""
    return next(number for number, one in enumerate(text.trees) if one["num_cat"] != "0")


def of_sets(key: str, change: Callable[[str], str]) -> Callable[[Text], None]:
    def changed(text: Text) -> None:
        tree = text.trees[last_set(text)]
        tree[key] = change(str(tree[key]))

    return changed


def moved(text: Text) -> None:
    tree = text.trees[0]
    keys = list(tree)
    place = keys.index("leaf_value")
    keys[place : place + 2] = keys[place + 1], keys[place]
    text.trees[0] = {key: tree[key] for key in keys}


def split_on_a_set_of_none(text: Text) -> None:
    word("decision_type", 0, "1")(text)
    word("threshold", 0, "0")(text)


def deep(text: Text) -> None:
    """Make the first tree one in which each node but the last has a leaf and a node below it."""
    leaves = 1026
    nodes = leaves - 1
    zeros = " ".join(["0"] * nodes)
    text.trees[0].update(
        num_leaves=str(leaves),
        left_child=" ".join(str(-1 - node) for node in range(nodes)),
        right_child=" ".join([*(str(node + 1) for node in range(nodes - 1)), str(-leaves)]),
        decision_type=" ".join(["2"] * nodes),
        **dict.fromkeys(("split_feature", "split_gain", "threshold", "internal_value", "internal_weight", "internal_count"), zeros),
        **dict.fromkeys(("leaf_value", "leaf_weight", "leaf_count"), f"{zeros} 0"),
    )


TREES: dict[str, tuple[str, Callable[[Text], Any], str]] = {
    "a line less": (PLAIN, lambda t: t.trees[0].pop("shrinkage"), "has other lines than LightGBM writes"),
    "a line more": (PLAIN, line("more", "1"), "has other lines than LightGBM writes"),
    "a line elsewhere": (PLAIN, moved, "lacks leaf_value in its place"),
    "no leaves": (PLAIN, line("num_leaves", "0"), "num_leaves of a tree is less than 1"),
    "leaves without end": (PLAIN, line("num_leaves", "9999999999"), "num_leaves of a tree is less than 1"),
    "leaves that are a word": (PLAIN, line("num_leaves", "four"), "num_leaves of a tree holds something else than numbers"),
    "a leaf more": (PLAIN, line("num_leaves", "5"), "split_feature of a tree has 3 numbers, 4 expected"),
    "linear leaves of a third kind": (PLAIN, line("is_linear", "2"), "is_linear is neither 0 nor 1"),
    "a feature behind the last": (PLAIN, word("split_feature", 0, "5"), "a node splits on feature 5, outside 0..4"),
    "a feature below zero": (PLAIN, word("split_feature", 0, "-1"), "a node splits on feature -1, outside 0..4"),
    "a feature with zeros in front": (PLAIN, word("split_feature", 0, "00"), "split_feature of a tree holds something else than numbers"),
    "a feature with a sign": (PLAIN, word("split_feature", 0, "+1"), "split_feature of a tree holds something else than numbers"),
    "a feature that is zero below zero": (PLAIN, word("split_feature", 0, "-0"), "split_feature of a tree holds something else than numbers"),
    "a feature without end": (PLAIN, word("split_feature", 0, "1" * 11), "split_feature of a tree holds something else than numbers"),
    "a sign alone": (PLAIN, word("split_feature", 0, "-"), "split_feature of a tree holds something else than numbers"),
    "two spaces": (PLAIN, word("split_feature", 0, ""), "split_feature of a tree holds something else than numbers"),
    "a decision of an unknown kind": (PLAIN, word("decision_type", 0, "16"), "a decision_type is not one of LightGBM's"),
    "a decision below zero": (PLAIN, word("decision_type", 0, "-1"), "a decision_type is not one of LightGBM's"),
    "missing values of a fourth kind": (PLAIN, word("decision_type", 0, "12"), "a decision_type is not one of LightGBM's"),
    "a child that is its parent": (PLAIN, word("left_child", 1, "1"), "node 1 of a tree has left child 1, which is not behind it in the tree"),
    "a child in front of its parent": (PLAIN, word("right_child", 2, "0"), "has right child 0, which is not behind it in the tree"),
    "a child behind the last": (PLAIN, word("left_child", 0, "3"), "has left child 3, which is not behind it in the tree"),
    "a leaf behind the last": (PLAIN, word("right_child", 2, "-5"), "has right child -5, which is not behind it in the tree"),
    "a leaf with two parents": (PLAIN, lambda t: line("left_child", str(t.trees[0]["left_child"]).replace("-1", "-2"))(t), "a node or a leaf of a tree has no parent, or two"),
    "a node with two parents": (PLAIN, word("left_child", 0, "2"), "a node or a leaf of a tree has no parent, or two"),
    "a tree that is too deep": (PLAIN, deep, "a tree is deeper than 1024"),
    "a count with a sign": (PLAIN, word("leaf_count", 0, "-1"), "leaf_count of a tree holds something else than counts"),
    "a count that is a word": (PLAIN, word("internal_count", 0, "x"), "internal_count of a tree holds something else than counts"),
    "counts that begin with a space": (PLAIN, word("leaf_count", 0, ""), "leaf_count of a tree holds something else than counts"),
    "counts that end with a space": (PLAIN, word("internal_count", -1, ""), "internal_count of a tree holds something else than counts"),
    "counts with two spaces": (PLAIN, word("leaf_count", 1, ""), "leaf_count of a tree holds something else than counts"),
    "fewer counts": (PLAIN, line("leaf_count", "1 2 3"), "leaf_count of a tree has 3 numbers, 4 expected"),
    "a value that is a word": (PLAIN, word("leaf_value", 0, "x"), "of a tree holds something else than numbers"),
    "a value with two dots": (PLAIN, word("leaf_value", 0, "1.2.3"), "of a tree holds something else than numbers"),
    "a value with two exponents": (PLAIN, word("leaf_value", 0, "1e+5e+5"), "of a tree holds something else than numbers"),
    "a value with a dot in its exponent": (PLAIN, word("leaf_value", 0, "1e+5.5"), "of a tree holds something else than numbers"),
    "a value that begins with a dot": (PLAIN, word("leaf_value", 0, ".5"), "of a tree holds something else than numbers"),
    "a value that ends with a dot": (PLAIN, word("leaf_value", -1, "5."), "of a tree holds something else than numbers"),
    "an exponent without a sign": (PLAIN, word("leaf_value", 0, "1e5"), "of a tree holds something else than numbers"),
    "a minus inside a value": (PLAIN, word("leaf_value", 0, "1-2"), "of a tree holds something else than numbers"),
    "a hexadecimal value": (PLAIN, word("leaf_value", 0, "0x10"), "of a tree holds something else than numbers"),
    "a weight that is none": (PLAIN, word("leaf_weight", 0, "nan"), "of a tree holds something else than numbers"),
    "a threshold that is none": (PLAIN, word("threshold", 0, "nan"), "of a tree holds something else than numbers"),
    "a value that is no infinity": (PLAIN, word("leaf_value", 0, "infinite"), "of a tree holds something else than numbers"),
    "a shrinkage that is a word": (PLAIN, line("shrinkage", "x"), "of a tree holds something else than numbers"),
    "two shrinkages": (PLAIN, line("shrinkage", "1 1"), "shrinkage of a tree has 2 numbers, 1 expected"),
    "no values": (PLAIN, line("leaf_value", ""), "leaf_value of a tree has 0 numbers, 4 expected"),
    "fewer sets than none": (SETS, of_sets("num_cat", lambda _: "-1"), "num_cat of a tree is negative"),
    "fewer sets": (SETS, lambda t: t.trees[last_set(t)].update(num_cat="1", cat_boundaries="0 0", cat_threshold=""), "a categorical split names a set of categories that is not there"),
    "a split on a set of none": (PLAIN, split_on_a_set_of_none, "a categorical split names a set of categories that is not there"),
    "a split on a set that is half a number": (PLAIN, word("decision_type", 0, "1"), "the threshold of a categorical split of a tree holds something else than numbers"),
    "sets that begin late": (SETS, of_sets("cat_boundaries", lambda old: old.replace("0", "1", 1)), "cat_boundaries of a tree do not rise from 0"),
    "sets that go back": (SETS, of_sets("cat_boundaries", lambda old: " ".join(["0", "9", "1", *old.split(" ")[3:]])), "cat_boundaries of a tree do not rise from 0"),
    "more bits than are there": (SETS, of_sets("cat_threshold", lambda old: old.rpartition(" ")[0]), "cat_threshold of a tree has"),
    "bits below zero": (SETS, of_sets("cat_threshold", lambda old: "-1 " + old.partition(" ")[2]), "cat_threshold holds more than 32 bits"),
    "bits beyond 32": (SETS, of_sets("cat_threshold", lambda old: "4294967296 " + old.partition(" ")[2]), "cat_threshold holds more than 32 bits"),
    "a leaf of more features than there are": (LINEAR, word("num_features", 0, "6", 1), "num_features of a leaf is not a number of features"),
    "a leaf of fewer features than none": (LINEAR, word("num_features", 0, "-1", 1), "num_features of a leaf is not a number of features"),
    "a leaf of other features": (LINEAR, word("leaf_features", 0, "5", 1), "a linear leaf names a feature that is not there"),
    "a leaf of a feature below zero": (LINEAR, word("leaf_features", 0, "-1", 1), "a linear leaf names a feature that is not there"),
    "fewer features of leaves": (LINEAR, line("leaf_features", "0", 1), "leaf_features of a tree has 1 numbers"),
    "features between tabs": (LINEAR, lambda t: line("leaf_features", str(t.trees[1]["leaf_features"]).replace("  ", "\t", 1), 1)(t), "leaf_features of a tree has"),
    "numbers between tabs": (LINEAR, lambda t: line("leaf_coeff", str(t.trees[1]["leaf_coeff"]).replace("  ", "\t  ", 1), 1)(t), "of a tree holds something else than numbers"),
    "a constant that is a word": (LINEAR, word("leaf_const", 0, "x", 1), "of a tree holds something else than numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_a_tree_that_does_not_fit_is_refused(name: str) -> None:
    specimen, change, said = TREES[name]
    state = genuine(specimen)
    text = Text(state)
    change(text)
    text.put_into(state)
    refused(state, said)


@pytest.mark.parametrize(("key", "value"), [("leaf_value", "nan"), ("leaf_value", "-inf"), ("threshold", "inf"), ("split_gain", "inf"), ("internal_value", "-nan"), ("leaf_value", "-1.5e-07"), ("leaf_value", "0")])
def test_numbers_that_lightgbm_writes_pass(key: str, value: str) -> None:
    state = genuine()
    text = Text(state)
    word(key, 0, value)(text)
    text.put_into(state)
    check_lightgbm(state, "x")


@pytest.mark.parametrize("name", [PLAIN, SETS, LINEAR])
def test_no_index_of_a_tree_may_be_anything_else_without_notice(name: str) -> None:
    state = genuine(name)
    for key in ("split_feature", "left_child", "right_child", "num_cat", "cat_boundaries", "num_features", "leaf_features"):
        for tree in (0, 1, 2):
            words = str(Text(state).trees[tree].get(key, "")).split(" ")
            for place in range(len(words)):
                for value in ("-4294967297", "-99", "99", "2147483648", "9999999999"):
                    if not words[place]:
                        continue
                    changed = genuine(name)
                    text = Text(changed)
                    word(key, place, value, tree)(text)
                    text.put_into(changed)
                    with pytest.raises(InvalidState, match=at("x")):
                        check_lightgbm(changed, "x")


def test_a_frame_has_names_and_passes() -> None:
    import lightgbm

    rows, y = rows_and_target()
    del rows
    check_lightgbm(state_of(lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1).fit(frame(), y)), "x")
