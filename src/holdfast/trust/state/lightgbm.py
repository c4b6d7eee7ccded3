"""LightGBM boosters: their text, line by line, and the trees in it.

LightGBM's parser believes the text: a child, a feature or a count that is not there is read outside of memory, and some text
ends the process. So the text has to be what LightGBM writes: its keys in its order, as many numbers as there are nodes.

The one rule: no line reaches LightGBM that was not understood here, and every number that is an index was compared with what it
points into.

Source: ``src/boosting/gbdt_model_text.cpp`` and ``src/io/tree.cpp`` of LightGBM 4.
"""

from __future__ import annotations

import re
from itertools import repeat

import numpy as np

from holdfast.trust.state.fields import Array, Fields, first, refuse, vector
from holdfast.trust.state.tree_levels import check_levels

UINT8 = np.dtype(np.uint8)
MOST = 10**9

_HEADER = re.compile(
    rb"tree\nversion=(?P<version>v[0-9]+)\nnum_class=(?P<classes>[0-9]{1,9})\nnum_tree_per_iteration=(?P<per>[0-9]{1,9})\nlabel_index=(?:0|[1-9][0-9]{0,8})\n"
    rb"max_feature_idx=(?P<last>[0-9]{1,9})\n(?:objective=(?P<objective>[^\n]{1,1000})\n)?(?:average_output\n)?feature_names=(?P<names>[^\n]*)\n"
    rb"(?:monotone_constraints=(?P<monotone>[-01 ]*)\n)?feature_infos=(?P<infos>[^\n]*)\ntree_sizes=(?P<sizes>[0-9 ]*)\n\n"
)
_OBJECTIVE = re.compile(rb"(?P<name>[a-z_0-9]{1,40})(?: (?:sqrt|[a-z_]{1,40}:[-+0-9.e]{1,30}))*")
_CLASSES = re.compile(rb" num_class:([^ ]*)")
_INFO = re.compile(rb"none|\[[-+0-9.einfa]{1,40}:[-+0-9.einfa]{1,40}\]|-?[0-9]{1,10}(?::-?[0-9]{1,10})*")
_TAIL = re.compile(rb"end of trees\n\nfeature_importances:\n(?:[^\n]*=[-+0-9.einfa]{1,40}\n)*(?:\nparameters:\n(?:\[[a-z_0-9A-Z]{1,80}: [^\n]*\n)*\nend of parameters\n)?(?:\npandas_categorical:[^\n]*\n)?")
_CLASSES_OF = frozenset({b"multiclass", b"multiclassova"})

_KEYS = (
    b"num_leaves", b"num_cat", b"split_feature", b"split_gain", b"threshold", b"decision_type", b"left_child", b"right_child", b"leaf_value",
    b"leaf_weight", b"leaf_count", b"internal_value", b"internal_weight", b"internal_count",
)  # fmt: skip
_CATEGORICAL = (b"cat_boundaries", b"cat_threshold")
_LINEAR = (b"leaf_const", b"num_features", b"leaf_features", b"leaf_coeff")


def check_lightgbm(fields: Fields, where: str) -> None:
    """Check a booster.

    Args:
        fields: ``model``, the bytes of LightGBM's text, and ``attributes``.

    Raises:
        InvalidState: names the line and what is wrong with it.
    """
    if set(fields) != {"model", "attributes"} or type(fields["attributes"]) is not dict or "_handle" in fields["attributes"]:
        refuse(where, "its fields are not those of a booster")
    text = vector(fields, "model", where, [UINT8]).tobytes()
    if b"\r" in text or b"\0" in text:
        refuse(where, "its text holds what LightGBM takes for the end of a line or of all")
    head = _HEADER.match(text)
    if head is None or head["version"] != b"v4":
        refuse(where, "it does not begin as a model of LightGBM 4")
    classes, per, last = (_whole(head[name], name, where) for name in ("classes", "per", "last"))
    features = last + 1
    sizes = list(map(int, head["sizes"].split()))
    if b" ".join(b"%d" % size for size in sizes) != head["sizes"]:
        refuse(where, "tree_sizes is not a list of sizes")
    if per < 1 or len(sizes) % per or per != classes or (not sizes and classes > 10_000):
        refuse(where, f"num_tree_per_iteration is {per}, with {classes} classes and {len(sizes)} trees")
    _check_header(head, classes, features, where)
    at = head.end()
    end = at + sum(sizes)
    tail = _TAIL.fullmatch(text, end) if end <= len(text) else None
    if tail is None:
        refuse(where, "what follows its trees is not what LightGBM writes, or tree_sizes does not lead there")
    blocks = []
    for size in sizes:
        blocks.append(text[at : at + size])
        at += size
    if blocks:
        _check_trees(blocks, features, where)


def _check_header(head: re.Match[bytes], classes: int, features: int, where: str) -> None:
    if len(head["names"].split(b" ")) != features:
        refuse(where, f"there are not {features} feature_names")
    if head["monotone"] is not None and len(head["monotone"].split(b" ")) != features:
        refuse(where, f"there are not {features} monotone_constraints")
    infos = head["infos"].split(b" ")
    if len(infos) != features or not all(map(_INFO.fullmatch, infos)):
        refuse(where, f"there are not {features} feature_infos")
    if head["objective"] is not None:
        objective = _OBJECTIVE.fullmatch(head["objective"])
        if objective is None:
            refuse(where, "objective is not one that LightGBM writes")
        said = _CLASSES.findall(head["objective"])
        if objective["name"] in _CLASSES_OF:
            if said != [b"%d" % classes] or classes < 2:
                refuse(where, f"the objective is not one for {classes} classes")
        elif said or classes != 1:
            refuse(where, f"the objective is for one class, and there are {classes}")


def _check_trees(blocks: list[bytes], features: int, where: str) -> None:
    plain: list[list[bytes]] = []
    for number, block in enumerate(blocks):
        lines = block.split(b"\n")
        if lines[0] != b"Tree=%d" % number or lines[-3:] != [b"", b"", b""]:
            refuse(where, f"tree {number} does not begin or end as trees do")
        plain.append(lines[1:-3])
    # trees of the same keys are looked at together
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for number, lines in enumerate(plain):
        cat = lines[1:2] != [b"num_cat=0"]
        linear = b"is_linear=1" in lines[14:17]
        keys = (*_KEYS, *(_CATEGORICAL if cat else ()), b"is_linear", *(_LINEAR if linear else ()), b"shrinkage")
        groups.setdefault(keys, []).append(number)
    for keys, numbers in groups.items():
        columns: dict[bytes, list[bytes]] = {}
        some = [plain[number] for number in numbers]
        if set(map(len, some)) != {len(keys)}:
            refuse(where, f"a tree, one of {numbers[0]} and those like it, has other lines than LightGBM writes")
        for key, column in zip(keys, zip(*some, strict=True), strict=True):
            lead = key + b"="
            size = len(lead)
            if not all(map(bytes.startswith, column, repeat(lead))):
                refuse(where, f"a tree, one of {numbers[0]} and those like it, lacks {key.decode()} in its place")
            columns[key] = [line[size:] for line in column]
        _check_alike(columns, features, where)


def _check_alike(columns: dict[bytes, list[bytes]], features: int, where: str) -> None:
    """Check trees that have the same keys, all at once."""
    trees = len(columns[b"num_leaves"])
    leaves = _integers(columns[b"num_leaves"], np.ones(trees, np.int64), "num_leaves", where)
    if int(leaves.min()) < 1 or int(leaves.max()) > MOST:
        refuse(where, "num_leaves of a tree is less than 1")
    nodes = leaves - 1
    found = {key: _integers(columns[key], nodes, key.decode(), where) for key in (b"split_feature", b"decision_type", b"left_child", b"right_child")}
    _counts(columns[b"internal_count"], nodes, "internal_count", where)
    _counts(columns[b"leaf_count"], leaves, "leaf_count", where)
    # a tree of one leaf is written without its weight
    weighed = np.where((leaves == 1) & np.array([not one for one in columns[b"leaf_weight"]]), 0, leaves)
    numbers = {b"leaf_value": (columns[b"leaf_value"], leaves), b"leaf_weight": (columns[b"leaf_weight"], weighed)}
    numbers.update({key: (columns[key], nodes) for key in (b"split_gain", b"threshold", b"internal_value", b"internal_weight")})
    numbers[b"shrinkage"] = (columns[b"shrinkage"], np.ones(trees, np.int64))
    if set(columns[b"is_linear"]) - {b"0", b"1"}:
        refuse(where, "is_linear is neither 0 nor 1")
    split, kind, left, right = found.values()
    wrong = (split < 0) | (split >= features)
    if wrong.any():
        refuse(where, f"a node splits on feature {int(split[first(wrong)])}, outside 0..{features - 1}")
    if ((kind < 0) | (kind > 15) | (kind >> 2 == 3)).any():
        refuse(where, "a decision_type is not one of LightGBM's")
    starts, leaf_starts = np.cumsum(nodes) - nodes, np.cumsum(leaves) - leaves
    start, size, leaf_start, leaf_size = (np.repeat(one, nodes) for one in (starts, nodes, leaf_starts, leaves))
    here = np.arange(len(left)) - start
    for name, child in (("left", left), ("right", right)):
        wrong = np.where(child >= 0, (child <= here) | (child >= size), -child > leaf_size)
        if wrong.any():
            refuse(where, f"node {int(here[first(wrong)])} of a tree has {name} child {int(child[first(wrong)])}, which is not behind it in the tree")
    children = np.concatenate([left, right])
    base, leaf_base = np.concatenate([start, start]), np.concatenate([leaf_start, leaf_start])
    inner = children >= 0
    to_node = np.bincount((children + base)[inner], minlength=len(left))
    to_leaf = np.bincount((leaf_base - 1 - children)[~inner], minlength=int(leaves.sum()))
    roots = starts[nodes > 0]
    to_node[roots] += 1
    to_leaf[leaf_starts[leaves == 1]] += 1
    if (to_node != 1).any() or (to_leaf != 1).any():
        refuse(where, "a node or a leaf of a tree has no parent, or two")
    check_levels(roots, np.where(left >= 0, left + start, -1), np.where(right >= 0, right + start, -1), where)
    _check_categories(columns, kind, nodes, where)
    if b"num_features" in columns:
        counts = _integers(columns[b"num_features"], leaves, "num_features", where)
        if len(counts) and (int(counts.min()) < 0 or int(counts.max()) > features):
            refuse(where, "num_features of a leaf is not a number of features")
        each = np.add.reduceat(counts, leaf_starts)
        squeezed = {key: [b" ".join(filter(None, line.split(b" "))) for line in columns[key]] for key in (b"leaf_features", b"leaf_coeff")}
        named = _integers(squeezed[b"leaf_features"], each, "leaf_features", where)
        if len(named) and (int(named.min()) < 0 or int(named.max()) >= features):
            refuse(where, "a linear leaf names a feature that is not there")
        numbers[b"leaf_coeff"] = (squeezed[b"leaf_coeff"], each)
        numbers[b"leaf_const"] = (columns[b"leaf_const"], leaves)
    _floats(numbers, where)


def _check_categories(columns: dict[bytes, list[bytes]], kind: Array, nodes: Array, where: str) -> None:
    trees = len(nodes)
    held = _integers(columns[b"num_cat"], np.ones(trees, np.int64), "num_cat", where)
    if int(held.min()) < 0:
        refuse(where, "num_cat of a tree is negative")
    categorical = (kind & 1).astype(bool)
    owner = np.repeat(np.arange(trees), nodes)
    if categorical.any() or held.any():
        named = _integers([_of(one, mask) for one, mask in zip(columns[b"threshold"], np.split(categorical, np.cumsum(nodes)[:-1]), strict=True)],
                          np.bincount(owner[categorical], minlength=trees), "the threshold of a categorical split", where)  # fmt: skip
        if ((named < 0) | (named >= held[owner[categorical]])).any():
            refuse(where, "a categorical split names a set of categories that is not there")
    if b"cat_boundaries" not in columns:
        return
    bounds = _integers(columns[b"cat_boundaries"], held + 1, "cat_boundaries", where)
    ends = np.cumsum(held + 1)
    steps = np.diff(bounds)
    steps[ends[:-1] - 1] = 0  # from one tree to the next
    if bounds[ends - held - 1].any() or (steps < 0).any():
        refuse(where, "cat_boundaries of a tree do not rise from 0")
    words = _integers(columns[b"cat_threshold"], bounds[ends - 1], "cat_threshold", where)
    if len(words) and (int(words.min()) < 0 or int(words.max()) >= 2**32):
        refuse(where, "cat_threshold holds more than 32 bits")


def _of(line: bytes, mask: Array) -> bytes:
    if not mask.any():
        return b""
    return b" ".join([word for word, wanted in zip(line.split(b" "), mask.tolist(), strict=True) if wanted])


# -- numbers in text -----------------------------------------------------------------------------------------------------


def _whole(text: bytes, name: str, where: str) -> int:
    number = int(text)
    if b"%d" % number != text or number > MOST:
        refuse(where, f"{name} is not a plain number")
    return number


def _count_words(lines: list[bytes], counts: Array, name: str, where: str) -> bytes:
    """Return all words of all lines in one, after as many were found in each line as have to be there."""
    words = np.array([line.count(b" ") for line in lines], np.int64)
    words += np.array(list(map(bool, lines)), np.int64)
    if (words != counts).any():
        tree = first(words != counts)
        refuse(where, f"{name} of a tree has {int(words[tree])} numbers, {int(counts[tree])} expected")
    return b" ".join(filter(None, lines))


def _integers(lines: list[bytes], counts: Array, name: str, where: str) -> Array:
    """Return integers written as ``-12 0 7``, without signs or zeros in front that are not needed."""
    text = _count_words(lines, counts, name, where)
    total = int(counts.sum())
    if not total:
        return np.zeros(0, np.int64)
    letters = np.frombuffer(text + b" ", np.uint8)
    ends = np.flatnonzero(letters == 32)
    starts = np.concatenate([[0], ends[:-1] + 1])
    negative = letters[starts] == 45
    starts = starts + negative
    width = ends - starts
    digits = letters.astype(np.int64) - 48
    digits[ends] = 0
    digits[starts[negative] - 1] = 0
    plain = len(ends) == total and int(width.min()) >= 1 and int(width.max()) <= 10 and not ((digits < 0) | (digits > 9)).any()
    if not plain or ((letters[starts] == 48) & ((width > 1) | negative)).any():
        refuse(where, f"{name} of a tree holds something else than numbers")
    numbers = np.zeros(total, np.int64)
    for place in range(int(width.max())):
        there = width > place
        numbers[there] = numbers[there] * 10 + digits[starts[there] + place]
    return np.where(negative, -numbers, numbers)


def _counts(lines: list[bytes], counts: Array, name: str, where: str) -> None:
    """Refuse what is not as many whole numbers as have to be there; what they are does not matter."""
    text = _count_words(lines, counts, name, where)
    if text.translate(None, b"0123456789 ") or b"  " in text or text[:1] == b" " or text[-1:] == b" ":
        refuse(where, f"{name} of a tree holds something else than counts")


def _floats(columns: dict[bytes, tuple[list[bytes], Array]], where: str) -> None:
    """Refuse what is not as many decimal numbers as have to be there; the text of anything else may end the process."""
    text = b" ".join(filter(None, [_count_words(lines, counts, key.decode(), where) for key, (lines, counts) in columns.items()]))
    if not _are_numbers(text):
        for key in _MAY_BE_NOTHING & set(columns):
            # infinite thresholds are genuine: what is missing may have a bin of its own behind all numbers
            for name in _NO_NUMBERS if key != b"threshold" else (b"inf",):
                columns[key] = ([re.sub(rb"(?<![^ ])-?%s(?![^ ])" % name, b"0", line) for line in columns[key][0]], columns[key][1])
        text = b" ".join(filter(None, [b" ".join(filter(None, lines)) for lines, _ in columns.values()]))
        if not _are_numbers(text):
            refuse(where, f"one of {', '.join(key.decode() for key in columns)} of a tree holds something else than numbers")


def _are_numbers(text: bytes) -> bool:
    """Say whether text is decimal numbers with a space between two: by which kind of letter follows which, for all letters at once."""
    kinds = np.frombuffer((b" " + text + b" ").translate(_KIND), np.uint8)
    if not text or (kinds[:-1] * 8 + kinds[1:]).tobytes().translate(None, _PAIRS):
        return not text
    marks = kinds[(kinds == 0) | (kinds >= 4)]
    return not (marks[:-1] * 8 + marks[1:]).tobytes().translate(None, _MARKS)


_NO_NUMBERS = (b"inf", b"nan")
_MAY_BE_NOTHING = frozenset({b"threshold", b"leaf_value", b"split_gain", b"internal_value", b"leaf_const", b"leaf_coeff"})
_ALPHABET = (b" ", b"0123456789", b"-", b"+", b".", b"e")
_KIND = bytes(next((kind for kind, letters in enumerate(_ALPHABET) if letter in letters), 6) for letter in range(256))
_PAIRS = bytes(8 * a + b for a, b in ((0, 1), (0, 2), (1, 0), (1, 1), (1, 4), (1, 5), (2, 1), (3, 1), (4, 1), (5, 2), (5, 3)))
"""What may follow what: a number begins with a digit or a minus, a dot stands between digits, and behind an e is a sign."""
_MARKS = bytes(8 * a + b for a, b in ((0, 0), (0, 4), (0, 5), (4, 0), (4, 5), (5, 0)))
"""The same for spaces, dots and e alone: one of each in a number, and the dot first."""
