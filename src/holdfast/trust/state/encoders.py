"""State of models that turn words and categories into columns: vocabularies, one-hot encoders, hashing, polynomials.

The one rule: a number that becomes a column of a sparse matrix is below the number of columns; scipy takes it as it
is, and ``toarray`` writes there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.trust.state.fields import (
    FLOAT32,
    FLOAT64,
    INDEX_DTYPES,
    Fields,
    choice,
    field,
    first,
    flag,
    integer,
    is_int,
    refuse,
    sequence,
    vector,
)

__all__ = [
    "check_categories",
    "check_hashing",
    "check_label_sets",
    "check_ngrams",
    "check_one_hot",
    "check_polynomial",
    "check_target_encoder",
    "check_vocabulary",
]

_MOST = 2**31 - 1
_LONGEST_NGRAM = 100_000
_INTEGERS = {int, np.int64, np.int32}


def check_vocabulary(fields: Fields, where: str) -> None:
    """Check the numbers of a vocabulary: each of 0..n-1 once.

    Fields: vocabulary (a mapping, or an array with the numbers alone), and size where something else tells it (idf_,
    feature_names_, classes_). Also for DictVectorizer, and for MultiLabelBinarizer's ``_cached_dict``.
    """
    table = field(fields, "vocabulary", where)
    if isinstance(table, Mapping):
        if not {*map(type, table.values())} <= _INTEGERS:
            refuse(where, "vocabulary has numbers that are not integers")
        try:
            numbers: Any = np.fromiter(table.values(), np.int64, len(table))
        except OverflowError:
            refuse(where, f"vocabulary has a number outside 0..{len(table) - 1}")
    else:
        numbers = vector(fields, "vocabulary", where, INDEX_DTYPES)
    count = len(numbers)
    if (wrong := (numbers < 0) | (numbers >= count)).any():
        refuse(where, f"vocabulary has the number {numbers[first(wrong)]} for term {first(wrong)}, outside 0..{count - 1}")
    seen = np.zeros(count, bool)
    seen[numbers] = True
    if not seen.all():
        refuse(where, f"vocabulary does not have the number {first(~seen)}, and another one twice")
    if "size" in fields:
        integer(fields, "size", where, count, count)


def check_hashing(fields: Fields, where: str) -> None:
    """Check n_features of FeatureHasher and HashingVectorizer: C code divides by it."""
    integer(fields, "n_features", where, 1, _MOST)


def check_ngrams(fields: Fields, where: str) -> None:
    """Check ngram_range of the text vectorizers: a Python loop runs from its first number to its second, for each text."""
    low, high = sequence(fields, "ngram_range", where, 2)
    span = {"ngram_range[0]": low, "ngram_range[1]": high}
    integer(span, "ngram_range[0]", where, 0, integer(span, "ngram_range[1]", where, 0, _LONGEST_NGRAM))


def check_one_hot(fields: Fields, where: str) -> None:
    """Check a OneHotEncoder.

    Fields: n_features_in_, n_categories (lengths of categories_), _n_features_outs; _drop_idx_after_grouping (a list
    of integers and None, or None); infrequent (sizes of _infrequent_indices, with None) and mappings
    (_default_to_infrequent_mappings) where the model groups infrequent categories.
    """
    counts = _integers(fields, "n_categories", where)
    integer(fields, "n_features_in_", where, len(counts), len(counts))
    made = _integers(fields, "_n_features_outs", where)
    dropped = _optional(fields, "_drop_idx_after_grouping", where, len(counts))
    groups = _optional(fields, "infrequent", where, len(counts))
    mappings = _optional(fields, "mappings", where, len(counts)) if groups is not None else None
    if len(made) != len(counts):
        refuse(where, f"_n_features_outs has {len(made)} elements, {len(counts)} expected")
    for i, count in enumerate(counts):
        width = count
        if groups is not None and groups[i] is not None:
            width -= integer({"size": groups[i]}, "size", f"{where}._infrequent_indices[{i}]", 1, count) - 1
            _check_mapping(mappings[i] if mappings is not None else None, count, width, f"{where}._default_to_infrequent_mappings[{i}]")
        elif mappings is not None and mappings[i] is not None:
            refuse(where, f"_default_to_infrequent_mappings[{i}] is there, and no category {i} is infrequent")
        if dropped is not None and dropped[i] is not None:
            integer({"index": dropped[i]}, "index", f"{where}._drop_idx_after_grouping[{i}]", 0, width - 1)
            width -= 1
        if made[i] != width:
            refuse(where, f"_n_features_outs[{i}] is {made[i]}, {width} expected")


def check_categories(fields: Fields, where: str) -> None:
    """Check categories_ of the encoders: rows are searched by halves among numbers, so these ascend, each once, NaN last."""
    for i, values in enumerate(sequence(fields, "categories_", where)):
        place = f"{where}.categories_[{i}]"
        if type(values) is not np.ndarray or values.ndim != 1:
            refuse(place, "it is not an array of one axis")
        if values.dtype.kind in "iufc" and len(values) > 1:
            known = values[:-1] if values[-1] != values[-1] else values
            if (wrong := ~(known[1:] > known[:-1])).any():
                refuse(place, f"its element {first(wrong) + 1} is not above the one before")


def check_target_encoder(fields: Fields, where: str) -> None:
    """Check a TargetEncoder: columns for which there is no encoding would be given out as they lie in memory.

    Fields: n_features_in_, categories_, encodings_, target_type_, classes_ (or None).
    """
    check_categories(fields, where)
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    kind = choice(fields, "target_type_", where, ("continuous", "binary", "multiclass"))
    each = len(vector(fields, "classes_", where)) if kind == "multiclass" else 1
    categories = sequence(fields, "categories_", where, columns)
    for i, encoding in enumerate(sequence(fields, "encodings_", where, columns * each)):
        vector({"encoding": encoding}, "encoding", f"{where}.encodings_[{i}]", (FLOAT64, FLOAT32), len(categories[i // each]))


def check_label_sets(fields: Fields, where: str) -> None:
    """Check a MultiLabelBinarizer: classes_, each once, as there are as many columns as different ones; and its _cached_dict."""
    classes = vector(fields, "classes_", where)
    labels = classes.tolist()
    if not all(_plain(label) for label in labels):
        refuse(where, "classes_ holds something that is neither text nor a number")
    if len(set(labels)) < len(labels):
        refuse(where, "classes_ names a class twice")
    cached = fields.get("_cached_dict")
    if cached is not None:
        check_vocabulary({"vocabulary": cached, "size": len(classes)}, f"{where}._cached_dict")


def check_polynomial(fields: Fields, where: str) -> None:
    """Check that PolynomialFeatures makes as many columns as it says: its loops run as long as there are terms.

    Fields: n_features_in_, _min_degree, _max_degree, interaction_only, include_bias, n_output_features_, _n_out_full.
    """
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    high = integer(fields, "_max_degree", where, 0, 1_000_000)
    low = integer(fields, "_min_degree", where, 0, high)
    only, bias = flag(fields, "interaction_only", where), flag(fields, "include_bias", where)
    terms, below, total = 1, 0, 0
    for degree in range(1, high + 1):
        terms = terms * (columns - degree + 1) // degree if only else terms * (columns + degree - 1) // degree
        total += terms
        below += terms if degree < low else 0
        if total > _MOST:
            refuse(where, f"degree {high} of {columns} features makes more than {_MOST} columns")
        if terms == 0:
            break
    integer(fields, "n_output_features_", where, total - below + bias, total - below + bias)
    integer(fields, "_n_out_full", where, total + bias, total + bias)


def _plain(label: Any) -> bool:
    """Say whether two such labels are equal exactly when Python, too, will find them so."""
    return all(map(_plain, label)) if type(label) is tuple else isinstance(label, str | int | float | bytes | complex | np.generic | None)


def _check_mapping(mapping: Any, count: int, width: int, where: str) -> None:
    table = vector({"mapping": mapping}, "mapping", where, INDEX_DTYPES)
    # A missing value is a category, and has no place in the mapping.
    if not count - 1 <= len(table) <= count:
        refuse(where, f"there are {len(table)} elements for {count} categories")
    if len(table) and not (table.min() >= 0 and table.max() < width):
        refuse(where, f"a category is mapped outside 0..{width - 1}")


def _optional(fields: Fields, name: str, where: str, size: int) -> list[Any] | None:
    return None if fields.get(name) is None else sequence(fields, name, where, size)


def _integers(fields: Fields, name: str, where: str) -> list[int]:
    values = field(fields, name, where)
    if type(values) is not list or not all(is_int(value) and 0 <= value <= _MOST for value in values):
        refuse(where, f"{name} is not a list of numbers of columns")
    return [int(value) for value in values]
