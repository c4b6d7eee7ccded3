"""CatBoost models: genuine ones pass, and each number, text or part that CatBoost would not have written is refused by the check it is for.

The one rule: what is altered is what a genuine model says, in one place, written again; so nothing but that place can be what is refused.
"""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks import catboost_
from holdfast.testing.specimen import makers
from holdfast.testing.zoo_catboost import _frame
from holdfast.testing.zoo_xgboost import ROWS, rows_and_target
from holdfast.trust.state import catboost as checks
from holdfast.trust.state import catboost_info as info_checks
from holdfast.trust.state.catboost import check_catboost
from holdfast.trust.state.flatbuffers import Reader, Schema
from tests.trust.flatbuffer import written
from tests.trust.live_state import at

pytestmark = pytest.mark.filterwarnings("ignore")  # what the library says about odd data is not what is tested here

State = dict[str, Any]

PLAIN, CLASSES, TWO, LEAVES = "regressor", "classifier of four classes", "regressor with uncertainty", "regressor by leaves"
BINARY, CATEGORIES, COMBINED = "classifier", "classifier of categories", "classifier of categories in combinations"
VALUES, COUNTS, MEANS = "classifier of categories in values", "classifier of categories by counts", "regressor of categories by means"


@cache
def kept(name: str) -> State:
    return catboost_._dump_model(makers("catboost")[name]().model)


def genuine(name: str = PLAIN) -> State:
    return copy.deepcopy(kept(name))


class Parts:
    """What the bytes of a model say.

    Attributes:
        core: its root table.
        tables: those of the statistics of categories.
        behind: bytes that follow all that.
    """

    def __init__(self, state: State) -> None:
        raw = state["model"].tobytes()
        end = 8 + int.from_bytes(raw[4:8], "little")
        self.core = copy.deepcopy(Reader(raw[8:end], "x").root(checks._CORE))
        self.tables: list[State] = []
        self.behind = b""
        if self.core.get("ModelPartIds"):
            count, end = int.from_bytes(raw[end : end + 4], "little"), end + 4
            for _ in range(count):
                start, end = end + 4, end + 4 + int.from_bytes(raw[end : end + 4], "little")
                self.tables.append(copy.deepcopy(Reader(raw[start:end], "x").root(checks._TABLE)))

    @property
    def trees(self) -> State:
        return self.core["ModelTrees"]  # type: ignore[no-any-return]

    @property
    def bases(self) -> list[State]:
        """What names the statistics, in the features that ask for them and in their tables."""
        return [one["Ctr"]["Base"] for one in self.trees["CtrFeatures"]] + [one["ModelCtrBase"] for one in self.tables]

    def put_into(self, state: State) -> None:
        core = written(checks._CORE, self.core)
        core += bytes(-len(core) % 16)
        raw = b"CBM1" + struct.pack("<I", len(core)) + core
        if self.core.get("ModelPartIds"):
            raw += struct.pack("<I", len(self.tables))
            for one in self.tables:
                table = written(checks._TABLE, one)
                raw += struct.pack("<I", len(table)) + table
        state["model"] = np.frombuffer(bytearray(raw + self.behind), np.uint8)


def refused(state: State, said: str) -> None:
    with pytest.raises(InvalidState, match=at("x")) as caught:
        check_catboost(state, "x")
    assert said in caught.value.message


Line = tuple[str, Callable[[Parts], Any], str]


def refused_parts(line: Line) -> None:
    specimen, change, said = line
    state = genuine(specimen)
    parts = Parts(state)
    change(parts)
    parts.put_into(state)
    refused(state, said)


# -- genuine ones --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", makers("catboost"))
def test_genuine_models_pass(name: str) -> None:
    check_catboost(kept(name), "x")


@pytest.mark.parametrize("name", [PLAIN, CLASSES, LEAVES, CATEGORIES, COMBINED, VALUES, COUNTS, MEANS])
def test_what_is_taken_apart_and_written_again_passes(name: str) -> None:
    state = genuine(name)
    Parts(state).put_into(state)
    check_catboost(state, "x")
    assert str(Parts(state).core) == str(Parts(genuine(name)).core)
    assert str(Parts(state).tables) == str(Parts(genuine(name)).tables)


def more() -> dict[str, Callable[[], Any]]:
    import catboost

    rows, y = rows_and_target()
    groups = np.repeat(range(ROWS // 10), 10)

    def fitted(data: Any = None, target: Any = None, cls: str = "CatBoostRegressor", before: Any = None, weights: Any = None, **said: Any) -> Any:
        settings = {"iterations": 3, "thread_count": 1, "verbose": 0, "allow_writing_files": False, "random_seed": 0, **said}
        made = getattr(catboost, cls)(**settings)
        more = {} if cls != "CatBoostRanker" else {"group_id": groups}
        return made.fit(rows if data is None else data, y if target is None else target, init_model=before, sample_weight=weights, **more)

    def shrunk(model: Any) -> Any:
        model.shrink(1)
        return model

    names = {"cat_features": ["city", "code", "member"]}
    return {
        "trees that do not split": lambda: fitted(target=np.ones(len(y)), allow_const_label=True, bootstrap_type="No"),
        "leaves that do not split": lambda: fitted(grow_policy="Depthwise", min_data_in_leaf=ROWS),
        "a tree of one condition": lambda: fitted(iterations=1, depth=1),
        "a sum": lambda: catboost.sum_models([fitted(), fitted(random_seed=1)], [0.5, 0.5]),
        "a sum of categories": lambda: catboost.sum_models([fitted(_frame(), **names), fitted(_frame(), random_seed=1, **names)], ctr_merge_policy="IntersectingCountersAverage"),
        "a sum of leaves": lambda: catboost.sum_models([fitted(grow_policy="Lossguide"), fitted(grow_policy="Depthwise")]),
        "training that went on": lambda: fitted(before=fitted()),
        "a part of its trees": lambda: shrunk(fitted(_frame(), iterations=9, max_ctr_complexity=4, **names)),
        "classes by leaves": lambda: fitted(target=np.arange(len(y)) % 4, cls="CatBoostClassifier", grow_policy="Lossguide"),
        "classes by categories": lambda: fitted(_frame(), np.arange(len(y)) % 4, "CatBoostClassifier", **names),
        "classes that do not occur": lambda: fitted(target=np.arange(len(y)) % 3, cls="CatBoostClassifier", classes_count=6, loss_function="MultiClass"),
        "classes of numbers": lambda: fitted(target=(np.arange(len(y)) % 3) * 0.5, cls="CatBoostClassifier", loss_function="MultiClass"),
        "classes of booleans": lambda: fitted(target=y.astype(bool), cls="CatBoostClassifier"),
        "labels": lambda: fitted(target=np.c_[y, 1 - y, y], cls="CatBoostClassifier", loss_function="MultiLogloss"),
        "a ranker of pairs": lambda: fitted(cls="CatBoostRanker", loss_function="YetiRank"),
        "rows that weigh nothing": lambda: fitted(weights=np.arange(len(y)) % 2),
        "columns that do not vary": lambda: fitted(np.c_[np.ones(len(y)), rows]),
        "values of categories by leaves": lambda: fitted(_frame(), grow_policy="Depthwise", one_hot_max_size=100, **names),
    }  # fmt: skip


@pytest.mark.parametrize("name", more())
def test_models_of_other_ways_to_train_pass(name: str) -> None:
    check_catboost(catboost_._dump_model(more()[name]()), "x")


# -- what stands beside the bytes, and their frame -----------------------------------------------------------------------


def frame(change: Callable[[bytes], bytes]) -> Callable[[State], None]:
    return lambda state: state.update(model=np.frombuffer(bytearray(change(state["model"].tobytes())), np.uint8))


BESIDE = "hold what CatBoost makes itself"
BEGINS = "it does not begin as a model of CatBoost"
FIELDS: dict[str, tuple[str, Callable[[State], Any], str]] = {
    "bytes among the parameters": ("not fitted", lambda s: s["params"].update(__model=b"CBM1"), f"params {BESIDE}"),
    "bytes among the attributes": ("not fitted", lambda s: s["attributes"].update(__model=b"CBM1"), f"attributes {BESIDE}"),
    **{f"{name} among the attributes": (PLAIN, lambda s, name=name: s["attributes"].update({name: 5}), f"attributes {BESIDE}") for name in sorted(info_checks.DERIVED)},
    "parameters that are a list": (PLAIN, lambda s: s.update(params=[]), f"params {BESIDE}"),
    "attributes that are none": (PLAIN, lambda s: s.update(attributes=None), f"attributes {BESIDE}"),
    "two numbers of a loss in Python": (PLAIN, lambda s: s["params"].update(loss_function="RMSEWithUncertainty"), "RMSEWithUncertainty needs two numbers a row, and the trees give 1"),
    "two numbers of an objective in Python": (CLASSES, lambda s: s["params"].update(objective="RMSEWithUncertainty:more=1"), "and the trees give 4"),
    "a model that is text": (PLAIN, lambda s: s.update(model="CBM1"), "model is of type str"),
    "wider numbers": (PLAIN, lambda s: s.update(model=s["model"].astype(np.uint16)), "model has elements of"),
    "nothing": (PLAIN, frame(lambda raw: b""), BEGINS),
    "another mark": (PLAIN, frame(lambda raw: b"CBM2" + raw[4:]), BEGINS),
    "half": (PLAIN, frame(lambda raw: raw[: len(raw) // 2]), BEGINS),
    "a size beyond the end": (PLAIN, frame(lambda raw: raw[:4] + struct.pack("<I", len(raw) - 7) + raw[8:]), BEGINS),
    "no bytes inside": (PLAIN, frame(lambda raw: b"CBM1" + bytes(4)), "an offset leads outside of its bytes"),
    "bytes behind": (PLAIN, frame(lambda raw: raw + b"\0"), "there are bytes behind the model"),
    "bytes behind the tables": (CATEGORIES, frame(lambda raw: raw + b"\0"), "there are bytes behind the model"),
    "nothing where tables are": (CATEGORIES, frame(lambda raw: raw[: 8 + int.from_bytes(raw[4:8], "little")]), "there are bytes behind the model"),
    "no tables": (CATEGORIES, frame(lambda raw: raw[: 8 + int.from_bytes(raw[4:8], "little")] + bytes(4)), "a feature needs statistics that are not there"),
    "half a table": (CATEGORIES, frame(lambda raw: raw[:-8]), "a table of statistics is cut off"),
    "tables without end": (CATEGORIES, frame(lambda raw: raw[: (end := 8 + int.from_bytes(raw[4:8], "little"))] + b"\xff" * 4 + raw[end + 4 :]), "a table of statistics is cut off"),
    "a table of no bytes": (CATEGORIES, frame(lambda raw: raw[: (end := 8 + int.from_bytes(raw[4:8], "little"))] + struct.pack("<II", 2, 0) + raw[end + 4 :]), "a table of statistics is cut off"),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_fields_that_are_not_those_of_a_model_are_refused(name: str) -> None:
    specimen, change, said = FIELDS[name]
    state = genuine(specimen)
    change(state)
    refused(state, said)


# -- what it says about itself -------------------------------------------------------------------------------------------


def entry(name: str, text: bytes) -> Callable[[Parts], None]:
    """Return what sets the text of an entry, which may be a new one."""

    def change(parts: Parts) -> None:
        others = [one for one in parts.core["InfoMap"] if one["Key"] != name.encode()]
        parts.core["InfoMap"] = [*others, {"Key": name.encode(), "Value": text}]

    return change


def said_of(name: str, **what: Any) -> Callable[[Parts], None]:
    """Return what sets a part of the JSON of an entry."""

    def change(parts: Parts) -> None:
        found = next(one for one in parts.core["InfoMap"] if one["Key"] == name.encode())
        found["Value"] = json.dumps({**json.loads(found["Value"]), **what}).encode()

    return change


def loss(kind: Any, **texts: Any) -> Callable[[Parts], None]:
    return said_of("params", loss_function={"type": kind, "params": texts})


def without(name: str, part: str) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        found = next(one for one in parts.core["InfoMap"] if one["Key"] == name.encode())
        found["Value"] = json.dumps({key: value for key, value in json.loads(found["Value"]).items() if key != part}).encode()

    return change


KNOWN = "it is not of a version of the format that is known"
UNKNOWN_LOSS = "its loss_function is not one that CatBoost 1.2 has"
DESCRIBED = "its classes are not described as CatBoost does"
NAMED = "class_to_label does not name one of"
DEEP = f"InfoMap nests deeper than {info_checks.DEPTH}"
ENTRY = "InfoMap has an entry without a key or a value, or one twice"
INFOS: dict[str, Line] = {
    "another version": (PLAIN, lambda p: p.core.update(FormatVersion=b"FlabuffersModel_v2"), KNOWN),
    "no version": (PLAIN, lambda p: p.core.pop("FormatVersion"), KNOWN),
    "no trees": (PLAIN, lambda p: p.core.pop("ModelTrees"), KNOWN),
    "parts of another kind": (CATEGORIES, lambda p: p.core.update(ModelPartIds=[b"dynamic_provider_v1"]), "and only statistics of categories are known"),
    "parts twice": (CATEGORIES, lambda p: p.core.update(ModelPartIds=[b"static_provider_v1"] * 2), "and only statistics of categories are known"),
    "an entry twice": (PLAIN, lambda p: p.core["InfoMap"].append(dict(p.core["InfoMap"][0])), ENTRY),
    "an entry without a key": (PLAIN, lambda p: p.core["InfoMap"][0].pop("Key"), ENTRY),
    "an entry without a value": (PLAIN, lambda p: p.core["InfoMap"][0].pop("Value"), ENTRY),
    "an entry that nests deeply": (PLAIN, entry("more", b"[" * 65), DEEP),
    "an entry that nests deeply, in both ways": (PLAIN, entry("more", b'{"a":[' * 33), DEEP),
    "an entry that closes what a text opened": (PLAIN, entry("params", b'{"x":"' + b"]" * 100 + b'","y":' + b"[" * 100), DEEP),
    "an entry with a mark inside its text": (PLAIN, entry("params", rb'{"x":"\"]]]]]]]","y":' + b"[" * 65), DEEP),
    "a text that ends with a stroke": (PLAIN, entry("params", rb'{"x":"]]]]]]]]\\","y":' + b"[" * 65), DEEP),
    "classes that nest deeply": (BINARY, entry("class_params", b'{"x":"' + b"]" * 100 + b'","y":' + b"[" * 100), DEEP),
    "parameters with a comment": (PLAIN, entry("params", b'{"x":1,/*"*/"y":' + b"[" * 99 + b'/*"*/'), "params of InfoMap is not JSON"),
    "parameters that are no number": (PLAIN, entry("params", b'{"x":NaN}'), "params of InfoMap is not JSON"),
    "parameters in other letters": (PLAIN, entry("params", b'{"x":"\xff"}'), "params of InfoMap is not JSON"),
    "parameters that are a list": (PLAIN, entry("params", b"[]"), "params of InfoMap is not a dict, or holds a name twice"),
    "parameters twice": (PLAIN, entry("params", b'{"x":1,"y":{"a":1,"a":1}}'), "params of InfoMap is not a dict, or holds a name twice"),
    "a loss that is none": (PLAIN, loss("Nothing"), UNKNOWN_LOSS),
    "a loss that is a number": (PLAIN, loss(5), UNKNOWN_LOSS),
    "a loss that is a list": (PLAIN, loss([]), UNKNOWN_LOSS),
    "a loss that is text": (PLAIN, said_of("params", loss_function="RMSE"), UNKNOWN_LOSS),
    "a loss without a name": (PLAIN, said_of("params", loss_function={"params": {}}), UNKNOWN_LOSS),
    "a loss with more": (PLAIN, said_of("params", loss_function={"type": "RMSE", "params": {}, "more": 1}), UNKNOWN_LOSS),
    "a loss with parameters that are a list": (PLAIN, said_of("params", loss_function={"type": "RMSE", "params": []}), UNKNOWN_LOSS),
    "a loss with a parameter that is a number": (PLAIN, loss("Lq", q=2), UNKNOWN_LOSS),
    "a loss of a sum that is none": (PLAIN, entry("loss_function", b'{"type":"Nothing"}'), UNKNOWN_LOSS),
    "a loss of a sum that is no JSON": (PLAIN, entry("loss_function", b"RMSE"), "loss_function of InfoMap is not JSON"),
    "a loss of two numbers": (PLAIN, loss("RMSEWithUncertainty"), "RMSEWithUncertainty needs two numbers a row, and the trees give 1"),
    "a loss of two numbers of a sum": (PLAIN, entry("loss_function", b'{"type":"RMSEWithUncertainty"}'), "RMSEWithUncertainty needs two numbers a row, and the trees give 1"),
    "classes of nothing": (CLASSES, entry("class_params", b"{}"), DESCRIBED),
    "classes that are empty": (CLASSES, entry("class_params", b""), "class_params of InfoMap is not JSON"),
    "classes that are a list": (CLASSES, entry("class_params", b"[]"), "class_params of InfoMap is not a dict"),
    "classes with more": (CLASSES, said_of("class_params", more=1), DESCRIBED),
    "classes of an unknown kind": (CLASSES, said_of("class_params", class_label_type="Complex"), DESCRIBED),
    "classes of no names": (CLASSES, said_of("class_params", class_names="0123"), DESCRIBED),
    "classes without labels": (CLASSES, without("class_params", "class_to_label"), DESCRIBED),
    "classes under their older name": (CLASSES, entry("multiclass_params", b'{"class_to_label":[0]}'), NAMED),
    "a count without end": (CLASSES, said_of("class_params", classes_count=1_000_000_000), "classes_count is 1000000000, outside 0..100000"),
    "a count below zero": (CLASSES, said_of("class_params", classes_count=-1), "classes_count is -1, outside 0..100000"),
    "a count that is true": (CLASSES, said_of("class_params", classes_count=True), "classes_count is True, outside 0..100000"),
    "names of two kinds": (CLASSES, said_of("class_params", class_names=["a", 1, 2, 3]), "class_names are not of one kind"),
    "names that are lists": (CLASSES, said_of("class_params", class_names=[[], [], [], []]), "class_names are not of one kind"),
    "labels behind the last": (CLASSES, said_of("class_params", class_to_label=[99, 1_000_000, 3_000_000, -1]), NAMED),
    "a label below zero": (CLASSES, said_of("class_params", class_to_label=[0, 1, 2, -1]), NAMED),
    "a label that is half": (CLASSES, said_of("class_params", class_to_label=[0, 1, 2, 2.5]), NAMED),
    "a label that is true": (CLASSES, said_of("class_params", class_to_label=[0, True, 2, 3]), NAMED),
    "a label that is text": (CLASSES, said_of("class_params", class_to_label=[0, 1, 2, "3"]), NAMED),
    "a label twice": (CLASSES, said_of("class_params", class_to_label=[1, 1, 2, 3]), NAMED),
    "fewer labels": (CLASSES, said_of("class_params", class_to_label=[0]), NAMED),
    "more labels": (CLASSES, said_of("class_params", class_names=list(range(9)), class_to_label=list(range(9))), NAMED),
    "fewer names": (CLASSES, said_of("class_params", class_names=[0]), NAMED),
    "names of other classes": (CLASSES, said_of("class_params", class_label_type="String", class_names=["a", "b"]), NAMED),
}  # fmt: skip


@pytest.mark.parametrize("name", INFOS)
def test_what_a_model_cannot_say_about_itself_is_refused(name: str) -> None:
    refused_parts(INFOS[name])


@pytest.mark.parametrize(
    "change",
    [
        entry("more", b'{"a":"' + b"[" * 100 + b'"}'),
        entry("more", b'{"a":"' + rb"\"" + b"[" * 100 + b'"}'),
        entry("more", b'{"a":"' + b"[" * 100 + rb"\\" + b'"}'),
        entry("more", b"[" * 64 + b"]" * 64),
        entry("more", b"[]" * 100),
        entry("params", b""),
        lambda parts: parts.core.update(InfoMap=[]),
        lambda parts: parts.core.pop("InfoMap"),
        entry("loss_function", b'{"type":"RMSE"}'),
        loss("Tweedie", variance_power="1.5"),
    ],
)
def test_what_a_model_may_say_about_itself_passes(change: Callable[[Parts], None]) -> None:
    state = genuine()
    parts = Parts(state)
    change(parts)
    parts.put_into(state)
    check_catboost(state, "x")


# -- features --------------------------------------------------------------------------------------------------------------


def of_feature(name: str, number: int, **fields: Any) -> Callable[[Parts], None]:
    return lambda parts: parts.trees[name][number].update(fields)


def swap(name: str, field: str) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        a, b = parts.trees[name][:2]
        a[field], b[field] = b[field], a[field]

    return change


def borders(*numbers: float) -> Callable[[Parts], None]:
    return of_feature("FloatFeatures", 0, Borders=np.array(numbers, "<f4"))


COLUMNS = "two features have one column, or a column has none"
BORDERS = "borders of a feature are not finite, or not in order"
HOT = "a one-hot feature is of a category that is not there"
FEATURES: dict[str, Line] = {
    **{f"one of {name}": (PLAIN, lambda p, name=name: p.trees.update({name: [{}]}), f"it has {name}, which are not known") for name in ("TextFeatures", "EstimatedFeatures", "EmbeddingFeatures")},
    "features in another order": (PLAIN, swap("FloatFeatures", "Index"), "FloatFeatures are not numbered in order"),
    "categories in another order": (CATEGORIES, swap("CatFeatures", "Index"), "CatFeatures are not numbered in order"),
    "a feature without a number": (PLAIN, lambda p: p.trees["FloatFeatures"][0].pop("Index"), "FloatFeatures are not numbered in order"),
    "columns in another order": (PLAIN, swap("FloatFeatures", "FlatIndex"), "columns of FloatFeatures are not in order"),
    "columns of categories in another order": (CATEGORIES, swap("CatFeatures", "FlatIndex"), "columns of CatFeatures are not in order"),
    "columns the other way round": (PLAIN, lambda p: [one.update(FlatIndex=4 - i) for i, one in enumerate(p.trees["FloatFeatures"])], "columns of FloatFeatures are not in order"),
    "a column behind all others": (PLAIN, of_feature("FloatFeatures", 4, FlatIndex=65_535), COLUMNS),
    "a column twice": (PLAIN, of_feature("FloatFeatures", 4, FlatIndex=3), COLUMNS),
    "a column below zero": (PLAIN, of_feature("FloatFeatures", 0, FlatIndex=-1), COLUMNS),
    "a column of a number and of a category": (CATEGORIES, of_feature("CatFeatures", 0, FlatIndex=1), COLUMNS),
    "a feature without a column": (PLAIN, lambda p: p.trees["FloatFeatures"][0].pop("FlatIndex"), COLUMNS),
    "missing values of a fourth kind": (PLAIN, of_feature("FloatFeatures", 0, NanValueTreatment=3), "a feature treats what is missing in an unknown way"),
    "missing values below zero": (PLAIN, of_feature("FloatFeatures", 0, NanValueTreatment=-1), "a feature treats what is missing in an unknown way"),
    "borders that go down": (PLAIN, borders(0, 1, 2, 4, 3), BORDERS),
    "a border that is none": (PLAIN, borders(0, 1, 2, 3, float("nan")), BORDERS),
    "a border without end": (PLAIN, borders(0, 1, 2, 3, float("inf")), BORDERS),
    "borders of statistics that go down": (COMBINED, lambda p: [one.update(Borders=one["Borders"][::-1].copy()) for one in p.trees["CtrFeatures"]], BORDERS),
    "a value of a category behind the last": (VALUES, of_feature("OneHotFeatures", 2, Index=3), HOT),
    "a value of a category below zero": (VALUES, of_feature("OneHotFeatures", 0, Index=-1), HOT),
    "a value of no category": (VALUES, lambda p: p.trees["OneHotFeatures"][0].pop("Index"), HOT),
    "a value of a category that is not used": (VALUES, of_feature("CatFeatures", 0, UsedInModel=False), HOT),
    "fewer names than values": (VALUES, of_feature("OneHotFeatures", 0, StringValues=[b"a"]), "a one-hot feature has not one name a value"),
}  # fmt: skip


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_that_does_not_fit_is_refused(name: str) -> None:
    refused_parts(FEATURES[name])


@pytest.mark.parametrize("count", [65_535, 65_536])
def test_features_take_no_more_bytes_than_can_be_counted(count: int) -> None:
    hot = {"OneHotFeatures": [{"Index": 0, "Values": np.zeros(1, "<i4")}] * count}
    if count == 65_535:
        assert checks._bins(hot, [], [{}], "x")[0] == count
        return
    with pytest.raises(InvalidState, match="more than 65535 bytes a row"):
        checks._bins(hot, [], [{}], "x")


# -- trees -----------------------------------------------------------------------------------------------------------------


def trees(**fields: Any) -> Callable[[Parts], None]:
    return lambda parts: parts.trees.update({name: np.array(value, parts.trees[name].dtype) if isinstance(value, list) else value for name, value in fields.items()})


def number(name: str, place: int, value: Any, column: str | None = None) -> Callable[[Parts], None]:
    """Return what sets one number of the trees."""

    def change(parts: Parts) -> None:
        made = parts.trees[name].copy()
        (made if column is None else made[column])[place] = value
        parts.trees[name] = made

    return change


def both(*changes: Callable[[Parts], Any]) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        for one in changes:
            one(parts)

    return change


def last(name: str) -> Callable[[Parts], None]:
    """Return what takes the last number away."""
    return lambda parts: parts.trees.update({name: parts.trees[name][:-1]})


def twice(name: str) -> Callable[[Parts], None]:
    return lambda parts: parts.trees.update({name: np.concatenate([parts.trees[name], parts.trees[name]])})


def unpacked(parts: Parts) -> None:
    parts.trees["RepackedBins"] = np.zeros(0, checks._BIN)


def no_conditions(parts: Parts) -> None:
    """Take all borders away; each split is on the condition that CatBoost writes where there is none."""
    unpacked(parts)
    for one in parts.trees["FloatFeatures"]:
        one["Borders"] = np.zeros(0, "<f4")
    parts.trees["TreeSplits"] = np.zeros_like(parts.trees["TreeSplits"])


def one_tree(left: list[int], right: list[int], leaf_of: list[int], leaves: int) -> Callable[[Parts], None]:
    """Return what puts one hand-made tree that is not symmetric in the place of all trees."""

    def change(parts: Parts) -> None:
        steps = np.zeros(len(left), checks._STEP)
        steps["left"], steps["right"] = left, right
        trees(TreeSplits=[0] * len(left), TreeSizes=[len(left)], TreeStartOffsets=[0], LeafValues=[0.0] * leaves, LeafWeights=[0.0] * leaves)(parts)
        parts.trees.update(NonSymmetricStepNodes=steps, NonSymmetricNodeIdToLeafId=np.array(leaf_of, "<u4"))
        unpacked(parts)

    return change


def chain(levels: int) -> tuple[list[int], list[int], list[int], int]:
    """Return a tree in which each node but the last has a leaf on one side, and a node below it on the other."""
    return [0] * levels, [1] * (levels - 1) + [0], list(range(levels)), levels


def stops(parts: Parts) -> Any:
    steps = parts.trees["NonSymmetricStepNodes"]
    return np.flatnonzero((steps["left"] == 0) | (steps["right"] == 0))


def leaves(change: Callable[[Any], Any]) -> Callable[[Parts], None]:
    """Return what changes which leaf the nodes name that stop."""

    def changed(parts: Parts) -> None:
        made, places = parts.trees["NonSymmetricNodeIdToLeafId"].copy(), stops(parts)
        made[places] = change(made[places])
        parts.trees["NonSymmetricNodeIdToLeafId"] = made

    return changed


DIVIDE, STARTS, PACKED = "TreeSizes do not divide the splits", "TreeStartOffsets are not those of the trees", "RepackedBins are not those of the splits"
WIDTH, OWN, EACH = "or there is not one bias for each of as many outputs", "a leaf has no value, or not one of its own", "there is not one step and one leaf for each node"
TREES: dict[str, Line] = {
    "no outputs": (PLAIN, trees(ApproxDimension=0), f"ApproxDimension is 0, {WIDTH}"),
    "outputs below zero": (PLAIN, trees(ApproxDimension=-1), f"ApproxDimension is -1, {WIDTH}"),
    "outputs without end": (PLAIN, both(trees(ApproxDimension=1001), lambda p: p.trees.pop("MultiBias")), f"ApproxDimension is 1001, {WIDTH}"),
    "more biases than outputs": (PLAIN, trees(MultiBias=[0.0, 0.0]), WIDTH),
    "more outputs": (PLAIN, both(trees(ApproxDimension=2), lambda p: p.trees.pop("MultiBias")), "there are 32 values of leaves, 64 expected"),
    "fewer splits": (PLAIN, both(last("TreeSplits"), unpacked), DIVIDE),
    "sizes below zero": (PLAIN, trees(TreeSizes=[-1, 7, 3, 3], TreeStartOffsets=[0, -1, 6, 9]), DIVIDE),
    "fewer starts": (PLAIN, last("TreeStartOffsets"), DIVIDE),
    "starts of others": (PLAIN, trees(TreeStartOffsets=[0, 4, 6, 9]), STARTS),
    "starts below zero": (PLAIN, trees(TreeStartOffsets=[-1, 3, 6, 9]), STARTS),
    "a condition behind the last": (PLAIN, both(number("TreeSplits", 0, 12), unpacked), "a tree splits on condition 12, outside 0..11"),
    "a condition below zero": (PLAIN, both(number("TreeSplits", 0, -1), unpacked), "outside 0..11"),
    "no features": (PLAIN, both(lambda p: p.trees.pop("FloatFeatures"), unpacked), "a tree splits on condition 11, outside 0..-1"),
    "another condition": (PLAIN, number("TreeSplits", 0, 3), PACKED),
    "another condition, packed": (PLAIN, number("RepackedBins", 0, 7, "feature"), PACKED),
    "another mask, packed": (PLAIN, number("RepackedBins", 0, 1, "mask"), PACKED),
    "another border, packed": (PLAIN, number("RepackedBins", 0, 77, "split"), PACKED),
    "another value, packed": (VALUES, lambda p: number("RepackedBins", int(np.flatnonzero(p.trees["RepackedBins"]["mask"])[0]), 1, "mask")(p), PACKED),
    "fewer conditions, packed": (PLAIN, last("RepackedBins"), PACKED),
    "leaves of no trees": (PLAIN, trees(NonSymmetricNodeIdToLeafId=np.zeros(12, "<u4")), "there are leaves of trees that are not symmetric, and no such trees"),
    "a tree that is too deep": (PLAIN, both(trees(TreeSplits=[0] * 33, TreeSizes=[33], TreeStartOffsets=[0]), unpacked), "a tree is deeper than 32"),
    "splits on nothing": (PLAIN, no_conditions, "a tree splits, and there are no conditions"),
    "fewer values": (PLAIN, last("LeafValues"), "there are 31 values of leaves, 32 expected"),
    "fewer weights": (PLAIN, last("LeafWeights"), "there are 31 weights of leaves, 32 expected"),
    "no weights": (PLAIN, lambda p: p.trees.pop("LeafWeights"), "there are 0 weights of leaves, 32 expected"),
    "a weight of each output": (CLASSES, trees(LeafWeights=[1.0] * 128), "there are 128 weights of leaves, 32 expected"),
    "fewer steps": (LEAVES, last("NonSymmetricStepNodes"), EACH),
    "fewer leaves": (LEAVES, last("NonSymmetricNodeIdToLeafId"), EACH),
    "a tree of no nodes": (LEAVES, trees(TreeSizes=[0, 14, 6, 6], TreeStartOffsets=[0, 0, 14, 20]), EACH),
    "a left step into the next tree": (LEAVES, number("NonSymmetricStepNodes", 7, 1, "left"), "a step leads outside of its tree"),
    "a right step into the next tree": (LEAVES, number("NonSymmetricStepNodes", 0, 8, "right"), "a step leads outside of its tree"),
    "a step behind the last": (LEAVES, number("NonSymmetricStepNodes", 0, 65_535, "left"), "a step leads outside of its tree"),
    "two steps to one node": (LEAVES, number("NonSymmetricStepNodes", 0, 4, "left"), "node 1 has no parent, or two"),
    "a step that is not made": (LEAVES, number("NonSymmetricStepNodes", 0, 0, "right"), "node 4 has no parent, or two"),
    "a tree of many levels": (LEAVES, one_tree(*chain(1025)), "a tree is deeper than 1024, or leads back into itself"),
    "leaves the other way round": (LEAVES, leaves(lambda ids: ids[::-1]), OWN),
    "one leaf for all": (LEAVES, leaves(lambda ids: 0 * ids), OWN),
    "the last leaf for all": (LEAVES, leaves(lambda ids: 0 * ids + ids.max()), OWN),
    "a leaf of another tree": (LEAVES, leaves(lambda ids: np.r_[ids[-1], ids[1:-1], ids[0]]), OWN),
    "a leaf behind the last": (LEAVES, leaves(lambda ids: np.r_[ids[:-1], 2**32 - 1]), OWN),
    "fewer values of leaves": (LEAVES, both(last("LeafValues"), last("LeafWeights")), OWN),
    "fewer weights of leaves": (LEAVES, last("LeafWeights"), "there are 19 weights of leaves, 20 expected"),
    "no weights of leaves": (LEAVES, lambda p: p.trees.pop("LeafWeights"), "there are 0 weights of leaves, 20 expected"),
    "steps on nothing": (LEAVES, no_conditions, "a tree splits, and there are no conditions"),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_a_tree_that_does_not_fit_is_refused(name: str) -> None:
    refused_parts(TREES[name])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (PLAIN, unpacked),
        (LEAVES, unpacked),
        (LEAVES, one_tree(*chain(1024))),
        (LEAVES, one_tree([0], [0], [0], 1)),
        (PLAIN, both(trees(TreeSplits=[], TreeSizes=[0] * 32, TreeStartOffsets=[0] * 32), unpacked)),
        (PLAIN, both(trees(TreeSplits=[], TreeSizes=[], TreeStartOffsets=[], LeafValues=[], LeafWeights=[]), unpacked)),
        (PLAIN, lambda parts: parts.trees.pop("MultiBias")),
    ],
)
def test_trees_that_catboost_writes_seldom_pass(name: str, change: Callable[[Parts], Any]) -> None:
    state = genuine(name)
    parts = Parts(state)
    change(parts)
    parts.put_into(state)
    check_catboost(state, "x")


def test_a_model_without_weights_of_leaves_is_not_saved(tmp_path: Path) -> None:
    import catboost

    makers("catboost")[PLAIN]().model.save_model(str(tmp_path / "model"), format="coreml")
    read_again = catboost.CatBoost()
    read_again.load_model(str(tmp_path / "model"), format="coreml")
    with pytest.raises(UnsupportedModel, match=r"cannot save a CatBoost of CatBoost .*there are 0 weights of leaves, 32 expected"):
        holdfast.dumps(read_again)


# -- statistics of categories ----------------------------------------------------------------------------------------------


def bases(change: Callable[[State], Any]) -> Callable[[Parts], None]:
    """Return what changes the names of all statistics, where they are and where they are asked for."""
    return lambda parts: [change(one) for one in parts.bases] and None


def combinations(**fields: Any) -> Callable[[Parts], None]:
    return lambda parts: [one["FeatureCombination"].update(fields) for one in parts.bases] and None


def table(change: Callable[[State], Any]) -> Callable[[Parts], None]:
    return lambda parts: change(parts.tables[0])


def bucket(column: str, value: int, used: bool = True) -> Callable[[Parts], None]:
    """Return what sets a number of a bucket of the first table."""

    def change(parts: Parts) -> None:
        made = parts.tables[0]["IndexHashRaw"].copy()
        found = made.view(checks._BUCKET)
        found[column][np.flatnonzero((found["hash"] != checks._EMPTY) == used)] = value
        parts.tables[0]["IndexHashRaw"] = made

    return change


ASKED = "a feature asks for a class that its statistics do not have"
CATEGORY, KINDS = "statistics are of a category that is not there", "statistics of a category are of an unknown kind"
TABLES: dict[str, Line] = {
    "statistics of an unknown kind": (CATEGORIES, bases(lambda one: one.update(CtrType=6)), KINDS),
    "statistics of a kind below zero": (CATEGORIES, bases(lambda one: one.update(CtrType=-1)), KINDS),
    "statistics of a target below zero": (CATEGORIES, bases(lambda one: one.update(TargetBorderClassifierIdx=-1)), KINDS),
    "statistics of a target without end": (CATEGORIES, bases(lambda one: one.update(TargetBorderClassifierIdx=10**7 + 1)), KINDS),
    "a category behind the last": (CATEGORIES, combinations(CatFeatures=[3]), CATEGORY),
    "a category below zero": (CATEGORIES, combinations(CatFeatures=[-1]), CATEGORY),
    "a category that is not used": (CATEGORIES, combinations(CatFeatures=[1]), CATEGORY),
    "a value of a category behind the last": (CATEGORIES, combinations(OneHotSplits=[(3, 7)]), CATEGORY),
    "a value of a category that is not used": (CATEGORIES, combinations(OneHotSplits=[(1, 7)]), CATEGORY),
    "a border of a feature behind the last": (CATEGORIES, combinations(FloatSplits=[(2, 0.5)]), "statistics are of a feature that is not there"),
    "a border of a feature below zero": (CATEGORIES, combinations(FloatSplits=[(-1, 0.5)]), "statistics are of a feature that is not there"),
    "two tables of one name": (CATEGORIES, lambda p: p.tables.append(p.tables[0]), "there are two tables of the same statistics"),
    "tables that were told apart": (COMBINED, combinations(FloatSplits=[(0, 1.5)], OneHotSplits=[]), "there are two tables of the same statistics"),
    "a table less": (COMBINED, lambda p: p.tables.pop(), "a feature needs statistics that are not there"),
    "a table of another kind": (CATEGORIES, table(lambda one: one["ModelCtrBase"].update(CtrType=1)), "a feature needs statistics that are not there"),
    "a table of another target": (CATEGORIES, table(lambda one: one["ModelCtrBase"].update(TargetBorderClassifierIdx=5)), "a feature needs statistics that are not there"),
    "a class behind the last": (CATEGORIES, lambda p: p.trees["CtrFeatures"][0]["Ctr"].update(TargetBorderIdx=2), ASKED),
    "a class below zero": (MEANS, lambda p: p.trees["CtrFeatures"][0]["Ctr"].update(TargetBorderIdx=-1), ASKED),
    "a bucket behind the last": (COUNTS, lambda p: p.trees["CtrFeatures"][0]["Ctr"].update(TargetBorderIdx=2), ASKED),
    "half a bucket": (CATEGORIES, table(lambda one: one.update(IndexHashRaw=one["IndexHashRaw"][:-1])), "buckets of statistics are cut off"),
    "seven buckets": (CATEGORIES, table(lambda one: one.update(IndexHashRaw=one["IndexHashRaw"][12:])), "statistics have 7 buckets, which is not a power of two"),
    "no buckets": (CATEGORIES, table(lambda one: one.pop("IndexHashRaw")), "statistics have 0 buckets, which is not a power of two"),
    "no empty bucket": (CATEGORIES, bucket("hash", 5, used=False), "statistics have no empty bucket, where a search would end"),
    "no classes": (CATEGORIES, table(lambda one: one.update(TargetClassesCount=0)), "statistics have no classes"),
    "classes below zero": (CATEGORIES, table(lambda one: one.update(TargetClassesCount=-1)), "statistics have no classes"),
    "classes without end": (CATEGORIES, table(lambda one: one.update(TargetClassesCount=2**31 - 1)), "statistics have no classes"),
    "half a number": (CATEGORIES, table(lambda one: one.update(CTRBlob=one["CTRBlob"][:-1])), "statistics are cut off"),
    "half a mean": (MEANS, table(lambda one: one.update(CTRBlob=one["CTRBlob"][:-4])), "statistics are cut off"),
    "fewer numbers": (CATEGORIES, table(lambda one: one.update(CTRBlob=one["CTRBlob"][:-8])), "a bucket names statistics that are not there"),
    "no numbers": (CATEGORIES, table(lambda one: one.pop("CTRBlob")), "a bucket names statistics that are not there"),
    "a bucket of numbers behind the last": (CATEGORIES, bucket("index", 3), "a bucket names statistics that are not there"),
    "more classes than numbers": (CATEGORIES, table(lambda one: one.update(TargetClassesCount=3)), "a bucket names statistics that are not there"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_statistics_that_do_not_fit_are_refused(name: str) -> None:
    refused_parts(TABLES[name])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (CATEGORIES, lambda parts: parts.tables[0]["ModelCtrBase"]["FeatureCombination"].update(CatFeatures=[1]) or parts.trees.update(CtrFeatures=[]) or fewer_conditions(parts)),
        (CATEGORIES, combinations(FloatSplits=[(0, 12345.5)])),
        (CATEGORIES, combinations(OneHotSplits=[(0, 12345)])),
        (CATEGORIES, bucket("index", 2**32 - 1, used=False)),
        (COUNTS, lambda parts: [one.update(CounterDenominator=0) for one in parts.tables]),
    ],
)
def test_statistics_that_catboost_may_have_pass(name: str, change: Callable[[Parts], Any]) -> None:
    state = genuine(name)
    parts = Parts(state)
    change(parts)
    parts.put_into(state)
    check_catboost(state, "x")


def fewer_conditions(parts: Parts) -> None:
    """Leave the conditions of features alone; a table may have outlived the trees that asked for it."""
    unpacked(parts)
    parts.trees["TreeSplits"] = np.minimum(parts.trees["TreeSplits"], 4)


# -- buffers ---------------------------------------------------------------------------------------------------------------

INNER = Schema({"Text": "string"})
OUTER = Schema({"Number": "int", "Wide": "double", "Text": "string", "Floats": "[<f8", "Texts": "[string", "Part": INNER, "Parts": [INNER]})
WHOLE = {"Number": 7, "Wide": 0.5, "Text": b"abc", "Floats": np.arange(3.0), "Texts": [b"", b"x"], "Part": {"Text": b"p"}, "Parts": [{"Text": b"q"}, {}]}


def read(raw: bytes) -> State:
    return Reader(raw, "x").root(OUTER)


def test_a_buffer_is_read_as_it_was_written() -> None:
    assert str(read(written(OUTER, WHOLE))) == str(WHOLE)
    assert read(written(OUTER, {})) == {}


def by_hand(fields: list[int], inside: bytes, behind: bytes = b"", size: int | None = None, table: int | None = None) -> bytes:
    """Return a buffer of one table: where its fields lie, what is in it, and what follows."""
    names = struct.pack(f"<HH{len(fields)}H", 4 + 2 * len(fields) if size is None else size, 4 + len(inside) if table is None else table, *fields)
    return struct.pack("<I", 4 + len(names)) + names + struct.pack("<i", len(names)) + inside + behind


LEADS, SIZE = "an offset leads outside of its bytes", "a table has no size"
BUFFERS: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", LEADS),
    "a root behind the end": (struct.pack("<I", 4), LEADS),
    "names in front of the beginning": (struct.pack("<Ii", 4, 8), LEADS),
    "names behind the end": (struct.pack("<Ii", 4, -8), LEADS),
    "names that are cut off": (by_hand([4], b"", size=100), LEADS),
    "a table that is cut off": (by_hand([4], bytes(4), table=100), LEADS),
    "names of no size": (by_hand([], b"", size=2), SIZE),
    "names of an odd size": (by_hand([4], bytes(4), size=5), SIZE),
    "a table of no size": (by_hand([], b"", table=3), SIZE),
    "a field more": (by_hand([0] * 7 + [4], bytes(4)), "a table has a field that is not known"),
    "a field in front of its table": (by_hand([3], bytes(4)), "Number lies outside of its table"),
    "a field behind its table": (by_hand([8], bytes(4), bytes(4)), "Number lies outside of its table"),
    "a field that is half inside": (by_hand([0, 4], bytes(4), bytes(8)), "Wide lies outside of its table"),
    "text behind the end": (by_hand([0, 0, 4], struct.pack("<I", 100)), LEADS),
    "text without end": (by_hand([0, 0, 4], struct.pack("<I", 4), struct.pack("<I", 2**32 - 1)), LEADS),
    "text that goes on": (by_hand([0, 0, 4], struct.pack("<I", 4), struct.pack("<I", 1) + b"ab"), "text does not end where it says"),
    "numbers without end": (by_hand([0, 0, 0, 4], struct.pack("<I", 4), struct.pack("<I", 2**29) + bytes(8)), LEADS),
    "numbers that begin elsewhere": (by_hand([0, 0, 0, 4], struct.pack("<I", 5), bytes(1) + struct.pack("<I", 1) + bytes(8)), "numbers do not lie where numbers of their size do"),
    "texts without end": (by_hand([0, 0, 0, 0, 4], struct.pack("<I", 4), struct.pack("<I", 2**30)), LEADS),
    "parts behind the end": (by_hand([0, 0, 0, 0, 0, 0, 4], struct.pack("<I", 4), struct.pack("<II", 1, 100)), LEADS),
}  # fmt: skip


@pytest.mark.parametrize("name", BUFFERS)
def test_a_buffer_that_leads_elsewhere_is_refused(name: str) -> None:
    raw, said = BUFFERS[name]
    with pytest.raises(InvalidState, match=at("x")) as caught:
        read(raw)
    assert said in caught.value.message


def test_bytes_that_are_met_without_end_are_refused() -> None:
    nested = Schema({"Parts": [Schema({"Parts": [Schema({"Texts": "[string"})]})]})
    raw = bytearray(written(nested, {"Parts": [{"Parts": [{"Texts": [b"x" * 40]}]}]}))
    assert Reader(bytes(raw), "x").root(nested)["Parts"][0]["Parts"][0]["Texts"] == [b"x" * 40]
    # each list names the same part a hundred times
    raw = bytearray(by_hand([4], struct.pack("<I", 4)))
    inner = Schema({"Text": "string"})
    part = by_hand([4], struct.pack("<I", 4), struct.pack("<I", 40) + b"x" * 40 + b"\0")
    start = len(raw) + 4 + 4 * 100
    target = start + int.from_bytes(part[:4], "little")
    raw += struct.pack("<I", 100) + b"".join(struct.pack("<I", target - (len(raw) + 4 + 4 * place)) for place in range(100)) + part
    with pytest.raises(InvalidState, match="it refers to the same bytes too often"):
        Reader(bytes(raw), "x").root(Schema({"Parts": [inner]}))


@pytest.mark.parametrize("name", [PLAIN, LEAVES, CATEGORIES])
def test_no_byte_that_is_altered_ends_in_another_error(name: str) -> None:
    raw = kept(name)["model"].tobytes()
    rng = np.random.default_rng(0)
    told = 0
    for place in rng.permutation(len(raw))[:500]:
        made = bytearray(raw)
        made[place] ^= 1 << int(rng.integers(8))
        try:
            check_catboost({**kept(name), "model": np.frombuffer(made, np.uint8)}, "x")
        except InvalidState:
            told += 1
    assert told > 50
