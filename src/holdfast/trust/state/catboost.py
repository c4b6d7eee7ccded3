"""CatBoost models: the core and the tables of category statistics, both FlatBuffers, read by their schemas.

CatBoost verifies the first buffer's offsets and believes the rest: where a split, a step to a child, a leaf or a bucket leads.

The one rule: what evaluation indexes with is compared with what it points into, and what it derives is derived here too.

Source: ``catboost/libs/model/flatbuffers/*.fbs`` and ``model.cpp`` of CatBoost 1.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.trust.state.catboost_info import check_beside, check_info
from holdfast.trust.state.fields import Array, Fields, first, refuse, vector
from holdfast.trust.state.flatbuffers import Reader, Schema
from holdfast.trust.state.tree_levels import check_levels

UINT8 = np.dtype(np.uint8)
MOST = 10**7
BINS = 254
"""Borders of one feature that share a byte when rows are binned."""

DEPTH = 32
"""Levels of a symmetric tree: it has two to this power of leaves."""

_FLOAT_SPLIT = np.dtype([("index", "<i4"), ("border", "<f4")])
_ONE_HOT_SPLIT = np.dtype([("index", "<i4"), ("value", "<i4")])
_STEP = np.dtype([("left", "<u2"), ("right", "<u2")])
_BIN = np.dtype([("feature", "<u2"), ("mask", "u1"), ("split", "u1")])
_BUCKET = np.dtype([("hash", "<u8"), ("index", "<u4")])
_EMPTY = 2**64 - 1

_COMBINATION = Schema({"CatFeatures": "[<i4", "FloatSplits": _FLOAT_SPLIT, "OneHotSplits": _ONE_HOT_SPLIT})
_CTR_BASE = Schema({"FeatureCombination": _COMBINATION, "CtrType": "byte", "TargetBorderClassifierIdx": "int"})
_CTR = Schema({"Base": _CTR_BASE, "TargetBorderIdx": "int", "PriorNum": "float", "PriorDenom": "float", "Shift": "float", "Scale": "float"})
_NOTHING = Schema({})
_TREES = Schema(
    {
        "ApproxDimension": "int", "TreeSplits": "[<i4", "TreeSizes": "[<i4", "TreeStartOffsets": "[<i4",
        "CatFeatures": [Schema({"Index": "int", "FlatIndex": "int", "FeatureId": "string", "UsedInModel": "bool"})],
        "FloatFeatures": [Schema({"HasNans": "bool", "Index": "int", "FlatIndex": "int", "Borders": "[<f4", "FeatureId": "string", "NanValueTreatment": "byte"})],
        "OneHotFeatures": [Schema({"Index": "int", "Values": "[<i4", "StringValues": "[string"})],
        "CtrFeatures": [Schema({"Ctr": _CTR, "Borders": "[<f4"})],
        "LeafValues": "[<f8", "LeafWeights": "[<f8", "NonSymmetricStepNodes": _STEP, "NonSymmetricNodeIdToLeafId": "[<u4",
        "TextFeatures": [_NOTHING], "EstimatedFeatures": [_NOTHING], "Scale": "double", "Bias": "double", "MultiBias": "[<f8",
        "RepackedBins": _BIN, "EmbeddingFeatures": [_NOTHING],
    }
)  # fmt: skip
_CORE = Schema({"FormatVersion": "string", "ModelTrees": _TREES, "InfoMap": [Schema({"Key": "string", "Value": "string"})], "ModelPartIds": "[string"})
_TABLE = Schema({"ModelCtrBase": _CTR_BASE, "IndexHashRaw": "[|u1", "CTRBlob": "[|u1", "CounterDenominator": "int", "TargetClassesCount": "int"})

BORDERS, BUCKETS, BINARIZED_MEAN, FLOAT_MEAN, COUNTER, FREQUENCY = range(6)


def check_catboost(fields: Fields, where: str) -> None:
    """Check a model.

    Args:
        fields: ``model``, the bytes that CatBoost serialises to, when it is fitted.

    Raises:
        InvalidState: names the part.
    """
    check_beside(fields, where)
    if "model" not in fields:
        return
    raw = vector(fields, "model", where, [UINT8]).tobytes()
    size = int.from_bytes(raw[4:8], "little")
    if raw[:4] != b"CBM1" or size > len(raw) - 8:
        refuse(where, "it does not begin as a model of CatBoost")
    core = Reader(raw[8 : 8 + size], where).root(_CORE)
    if core.get("FormatVersion") != b"FlabuffersModel_v1" or "ModelTrees" not in core:
        refuse(where, "it is not of a version of the format that is known")
    trees = core["ModelTrees"]
    check_info(core.get("InfoMap", ()), trees.get("ApproxDimension", 0), fields.get("params", {}), where)
    parts = core.get("ModelPartIds", [])
    if parts not in ([], [b"static_provider_v1"]):
        refuse(where, f"it has the parts {parts!r:.100}, and only statistics of categories are known")
    floats, cats = _features(trees, where)
    splits, bins = _bins(trees, floats, cats, where)
    _check_trees(trees, splits, bins, where)
    _check_tables(raw[8 + size :], bool(parts), trees.get("CtrFeatures", []), floats, cats, where)


def _features(trees: dict[str, Any], where: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Check that features are numbered from 0 in order, and that each has a column of its own."""
    for name in ("TextFeatures", "EstimatedFeatures", "EmbeddingFeatures"):
        if trees.get(name):
            refuse(where, f"it has {name}, which are not known")
    columns: list[int] = []
    found = []
    for name in ("FloatFeatures", "CatFeatures"):
        listed = trees.get(name, [])
        for number, one in enumerate(listed):
            if one.get("Index", -1) != number:
                refuse(where, f"{name} are not numbered in order")
        own = [one.get("FlatIndex", -1) for one in listed]
        if own != sorted(own):
            refuse(where, f"columns of {name} are not in order")  # only the last is compared with how many columns a row has
        columns += own
        found.append(listed)
    if sorted(columns) != list(range(len(columns))):
        refuse(where, "two features have one column, or a column has none")
    return found[0], found[1]


def _bins(trees: dict[str, Any], floats: list[dict[str, Any]], cats: list[dict[str, Any]], where: str) -> tuple[int, Array]:
    """Return how many conditions there are, and of each how evaluation packs it."""
    groups: list[tuple[int, bool]] = []
    for one in floats:
        groups.append((_sorted(one.get("Borders", ()), where), False))
        if not 0 <= one.get("NanValueTreatment", 0) <= 2:
            refuse(where, "a feature treats what is missing in an unknown way")
    for one in trees.get("OneHotFeatures", []):
        index = one.get("Index", -1)
        if not 0 <= index < len(cats) or not cats[index].get("UsedInModel", True):
            refuse(where, "a one-hot feature is of a category that is not there")
        groups.append((len(one.get("Values", ())), True))
        if len(one.get("StringValues", ())) not in (0, groups[-1][0]):
            refuse(where, "a one-hot feature has not one name a value")
    groups += [(_sorted(one.get("Borders", ()), where), False) for one in trees.get("CtrFeatures", [])]
    packed = np.zeros(sum(count for count, _ in groups), _BIN)
    bucket = start = 0
    for count, hot in groups:
        number = np.arange(count)
        place = number % BINS + 1
        here = packed[start : start + count]
        here["feature"] = bucket + number // BINS
        here["mask"], here["split"] = (~place & 255, 255) if hot else (0, place)
        start += count
        bucket += -(-count // BINS)
        if bucket > 65_535:
            refuse(where, "its features take more than 65535 bytes a row")
    return len(packed), packed


def _sorted(borders: Any, where: str) -> int:
    if len(borders) and (not np.isfinite(borders).all() or (np.diff(borders) < 0).any()):
        refuse(where, "borders of a feature are not finite, or not in order")
    return len(borders)


def _check_trees(trees: dict[str, Any], conditions: int, bins: Array, where: str) -> None:
    width = trees.get("ApproxDimension", 0)
    splits, sizes, starts, values, weights, many = (
        np.asarray(trees.get(name, np.zeros(0, kind)))
        for name, kind in (("TreeSplits", "<i4"), ("TreeSizes", "<i4"), ("TreeStartOffsets", "<i4"), ("LeafValues", "<f8"), ("LeafWeights", "<f8"), ("MultiBias", "<f8"))
    )  # fmt: skip
    if not 1 <= width <= max(1, len(values), 1000) or len(many) not in (0, width):
        refuse(where, f"ApproxDimension is {width}, or there is not one bias for each of as many outputs")
    if (len(sizes) and int(sizes.min()) < 0) or int(sizes.astype(np.int64).sum()) != len(splits) or len(starts) != len(sizes):
        refuse(where, "TreeSizes do not divide the splits")
    ends = np.cumsum(sizes, dtype=np.int64)
    if (starts != ends - sizes).any():
        refuse(where, "TreeStartOffsets are not those of the trees")
    packed = trees.get("RepackedBins", np.zeros(0, _BIN))
    steps, leaf_of = trees.get("NonSymmetricStepNodes", np.zeros(0, _STEP)), np.asarray(trees.get("NonSymmetricNodeIdToLeafId", np.zeros(0, "<u4")))
    if len(splits) and (int(splits.min()) < 0 or int(splits.max()) >= max(1, conditions)):
        refuse(where, f"a tree splits on condition {int(splits.max())}, outside 0..{conditions - 1}")
    bins = bins if conditions else np.zeros(1, _BIN)  # what CatBoost writes for a tree that does not split
    if len(packed) and (len(packed) != len(splits) or (packed != bins[splits]).any()):
        refuse(where, "RepackedBins are not those of the splits")
    if not len(steps):
        if len(leaf_of):
            refuse(where, "there are leaves of trees that are not symmetric, and no such trees")
        if len(sizes) and int(sizes.max()) > DEPTH:
            refuse(where, f"a tree is deeper than {DEPTH}")
        leaves = sum(1 << int(size) for size in sizes)
        if len(splits) and not conditions:
            refuse(where, "a tree splits, and there are no conditions")
        if len(values) != leaves * width:
            refuse(where, f"there are {len(values)} values of leaves, {leaves * width} expected")
        _check_weights(weights, leaves, where)
        return
    if len(steps) != len(splits) or len(leaf_of) != len(splits) or (len(sizes) and int(sizes.min()) < 1):
        refuse(where, "there is not one step and one leaf for each node")
    here = np.arange(len(steps))
    end = np.repeat(ends, sizes)
    left, right = (here + steps[side].astype(np.int64) for side in ("left", "right"))
    inner = [steps[side] > 0 for side in ("left", "right")]
    if (inner[0] & (left >= end)).any() or (inner[1] & (right >= end)).any():
        refuse(where, "a step leads outside of its tree")
    seen = np.bincount(np.concatenate([left[inner[0]], right[inner[1]], ends - sizes]), minlength=len(steps))
    if (seen != 1).any():
        refuse(where, f"node {first(seen != 1)} has no parent, or two")
    check_levels(ends - sizes, np.where(inner[0], left, -1), np.where(inner[1], right, -1), where)
    stops = ~inner[0] | ~inner[1]
    tree = np.repeat(np.arange(len(sizes)), sizes)[stops]
    leaves = leaf_of[stops].astype(np.int64)
    # those of a tree stand together, behind those of the tree before
    if (leaves[np.lexsort((leaves, tree))] != np.arange(len(leaves)) * width).any() or len(values) != len(leaves) * width:
        refuse(where, "a leaf has no value, or not one of its own")
    if conditions == 0 and (inner[0].any() or inner[1].any()):
        refuse(where, "a tree splits, and there are no conditions")
    _check_weights(weights, len(leaves), where)


def _check_weights(weights: Array, leaves: int, where: str) -> None:
    # exports read the weight of each leaf; none at all has only a model that was read from CoreML, or from JSON without them
    if len(weights) != leaves:
        refuse(where, f"there are {len(weights)} weights of leaves, {leaves} expected")


# -- statistics of categories ----------------------------------------------------------------------------------------------


def _key(base: dict[str, Any], floats: list[dict[str, Any]], cats: list[dict[str, Any]], where: str, asked: bool) -> tuple[Any, ...]:
    """Return what tells statistics from others, after its features were looked up; a table may have outlived the trees that asked for it."""
    combination = base.get("FeatureCombination", {})
    kind = base.get("CtrType", 0)
    used, by_float, by_value = (combination.get(name, ()) for name in ("CatFeatures", "FloatSplits", "OneHotSplits"))
    if not 0 <= kind <= FREQUENCY or not 0 <= base.get("TargetBorderClassifierIdx", 0) <= MOST:
        refuse(where, "statistics of a category are of an unknown kind")
    for index in [*(int(i) for i in used), *(int(i) for i in (by_value["index"] if len(by_value) else ()))]:
        if not 0 <= index < len(cats) or (asked and not cats[index].get("UsedInModel", True)):
            refuse(where, "statistics are of a category that is not there")
    for index in by_float["index"] if len(by_float) else ():
        if not 0 <= index < len(floats):
            refuse(where, "statistics are of a feature that is not there")
    return (kind, base.get("TargetBorderClassifierIdx", 0), *(bytes(np.asarray(part)) for part in (used, by_float, by_value)))


def _check_tables(raw: bytes, there: bool, features: list[dict[str, Any]], floats: list[dict[str, Any]], cats: list[dict[str, Any]], where: str) -> None:
    known: dict[tuple[Any, ...], int] = {}
    if there:
        count = int.from_bytes(raw[:4], "little")
        at = 4
        for _ in range(count):
            size = int.from_bytes(raw[at : at + 4], "little")
            if len(raw) < at + 4 + size or not size:
                refuse(where, "a table of statistics is cut off")
            table = Reader(raw[at + 4 : at + 4 + size], where).root(_TABLE)
            at += 4 + size
            key = _key(table.get("ModelCtrBase", {}), floats, cats, where, False)
            if key in known:
                refuse(where, "there are two tables of the same statistics")
            known[key] = _check_table(table, key[0], where)
    else:
        at = 0
    if at != len(raw):
        refuse(where, "there are bytes behind the model")
    for one in features:
        ctr = one.get("Ctr", {})
        key = _key(ctr.get("Base", {}), floats, cats, where, True)
        if key not in known:
            refuse(where, "a feature needs statistics that are not there")
        border = ctr.get("TargetBorderIdx", 0)
        if border < 0 or (key[0] in (BORDERS, BUCKETS) and border >= known[key]):
            refuse(where, "a feature asks for a class that its statistics do not have")


def _check_table(table: dict[str, Any], kind: int, where: str) -> int:
    """Check one table, and return for how many classes it is."""
    hashes, blob = (np.asarray(table.get(name, np.zeros(0, UINT8))) for name in ("IndexHashRaw", "CTRBlob"))
    classes = table.get("TargetClassesCount", 0)
    if len(hashes) % _BUCKET.itemsize:
        refuse(where, "buckets of statistics are cut off")
    buckets = hashes.view(_BUCKET)
    if not len(buckets) or len(buckets) & (len(buckets) - 1):
        refuse(where, f"statistics have {len(buckets)} buckets, which is not a power of two")
    used = buckets["hash"] != _EMPTY
    if used.all():
        refuse(where, "statistics have no empty bucket, where a search would end")
    if kind in (BORDERS, BUCKETS) and not 1 <= classes <= MOST:
        refuse(where, "statistics have no classes")
    item = 4 * classes if kind in (BORDERS, BUCKETS) else 8 if kind in (BINARIZED_MEAN, FLOAT_MEAN) else 4
    if len(blob) % item:
        refuse(where, "statistics are cut off")
    if used.any() and int(buckets["index"][used].max()) >= len(blob) // item:
        refuse(where, "a bucket names statistics that are not there")
    return int(classes)
