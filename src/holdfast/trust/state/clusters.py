"""State of clusterings, mixtures and covariances: arrays that C code and LAPACK take for as large as their neighbours.

The one rule: whatever belongs to one cluster has one row for each cluster, and one column for each feature.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from holdfast.trust.state.fields import (
    FLOAT32,
    FLOAT64,
    INDEX_DTYPES,
    Array,
    Fields,
    choice,
    contiguous,
    first,
    integer,
    matrix,
    refuse,
    vector,
)

__all__ = [
    "LINKAGE_DTYPE",
    "check_birch",
    "check_centers",
    "check_covariance",
    "check_labels",
    "check_merges",
    "check_mixture",
    "check_single_linkage",
    "check_threads",
]

LINKAGE_DTYPE: Final = np.dtype([("left_node", "<i8"), ("right_node", "<i8"), ("value", "<f8"), ("cluster_size", "<i8")])
"""scikit-learn's HIERARCHY_dtype (HDBSCAN) where pointers have 64 bits."""

_FLOATS = (FLOAT64, FLOAT32)
_MOST = 2**31 - 1
_THREADS = 4096
_COVARIANCES = ("full", "tied", "diag", "spherical")


def check_centers(fields: Fields, where: str) -> None:
    """Check KMeans, MiniBatchKMeans, BisectingKMeans: cluster_centers_, n_features_in_, _n_threads, labels_, _counts; the last three may be absent."""
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    centers = contiguous(matrix(fields, "cluster_centers_", where, _FLOATS, (None, columns)), "cluster_centers_", where)
    if not len(centers):
        refuse(where, "cluster_centers_ is empty")
    check_threads(fields, where)
    if "_counts" in fields:  # MiniBatchKMeans goes on with them in partial_fit
        contiguous(vector(fields, "_counts", where, (centers.dtype,), len(centers)), "_counts", where)
    if "labels_" in fields:
        _check_numbers(vector(fields, "labels_", where, INDEX_DTYPES), 0, len(centers), "labels_", where)


def check_birch(fields: Fields, where: str) -> None:
    """Check Birch: subcluster_centers_, _subcluster_norms, subcluster_labels_, n_features_in_."""
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    centers = contiguous(matrix(fields, "subcluster_centers_", where, _FLOATS, (None, columns)), "subcluster_centers_", where)
    if not len(centers):
        refuse(where, "subcluster_centers_ is empty")
    contiguous(vector(fields, "_subcluster_norms", where, _FLOATS, len(centers)), "_subcluster_norms", where)
    vector(fields, "subcluster_labels_", where, INDEX_DTYPES, len(centers))


def check_labels(fields: Fields, where: str) -> None:
    """Check labels that something counts or indexes: labels_, size (how many), n_clusters, lowest (0, or -1 for noise)."""
    labels = vector(fields, "labels_", where, INDEX_DTYPES, integer(fields, "size", where))
    clusters = integer(fields, "n_clusters", where, 0, _MOST)
    _check_numbers(labels, integer({"lowest": fields.get("lowest", 0)}, "lowest", where, -3, 0), clusters, "labels_", where)


def check_merges(fields: Fields, where: str) -> None:
    """Check AgglomerativeClustering's children_ against n_leaves_: a merge names what is there before it, each once."""
    leaves = integer(fields, "n_leaves_", where, 1, _MOST)
    merges = matrix(fields, "children_", where, INDEX_DTYPES, (None, 2))
    if len(merges) >= leaves:  # fewer when the model stopped at n_clusters
        refuse(where, f"children_ has {len(merges)} merges of {leaves} leaves")
    _check_forest(merges, leaves, "children_", where)


def check_single_linkage(fields: Fields, where: str) -> None:
    """Check HDBSCAN's _single_linkage_tree_ against n_samples (len(labels_)): the union-find in C trusts its numbers."""
    samples = integer(fields, "n_samples", where, 1, _MOST)
    name = "_single_linkage_tree_"
    table = contiguous(vector(fields, name, where, (LINKAGE_DTYPE,), samples - 1), name, where)
    _check_forest(np.stack([table["left_node"], table["right_node"]], 1), samples, name, where)


def check_covariance(fields: Fields, where: str) -> None:
    """Check EmpiricalCovariance and its kin: location_, covariance_, precision_ (or None), n_features_in_."""
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    vector(fields, "location_", where, _FLOATS, columns)
    contiguous(matrix(fields, "covariance_", where, _FLOATS, (columns, columns)), "covariance_", where)
    if fields.get("precision_") is not None:
        # scipy's Mahalanobis distance reads this matrix without a look at its shape.
        contiguous(matrix(fields, "precision_", where, _FLOATS, (columns, columns)), "precision_", where)


def check_mixture(fields: Fields, where: str) -> None:
    """Check a mixture: covariance_type, weights_, means_, covariances_, precisions_cholesky_, precisions_, n_features_in_."""
    columns = integer(fields, "n_features_in_", where, 1, _MOST)
    weights = vector(fields, "weights_", where, _FLOATS)
    count = len(weights)
    matrix(fields, "means_", where, _FLOATS, (count, columns))
    kind = choice(fields, "covariance_type", where, _COVARIANCES)
    shapes = {"full": (count, columns, columns), "tied": (columns, columns), "diag": (count, columns), "spherical": (count,)}
    for name in ("covariances_", "precisions_cholesky_", "precisions_"):
        table = matrix(fields, name, where, _FLOATS, shapes[kind])
        if not np.isfinite(table).all():  # sampling hands covariances to a decomposition that does not end on infinity
            refuse(where, f"{name} holds NaN or infinity")


def check_threads(fields: Fields, where: str) -> None:
    """Check a stored number of threads: ``_n_threads`` or ``n_threads``; -1 ends the process inside OpenMP."""
    for name in ("_n_threads", "n_threads"):
        if fields.get(name) is not None:
            integer(fields, name, where, 1, _THREADS)


def _check_numbers(values: Array, low: int, end: int, name: str, where: str) -> None:
    if (wrong := (values < low) | (values >= end)).any():
        refuse(where, f"{name}[{first(wrong)}] is {values[first(wrong)]}, outside {low}..{end - 1}")


def _check_forest(merges: Array, leaves: int, name: str, where: str) -> None:
    """Refuse a merge of something that is not there yet, or that was merged before."""
    if not len(merges):
        return
    made = leaves + np.arange(len(merges))
    wrong = (merges < 0) | (merges >= made[:, None])
    if wrong.any():
        at = first(wrong.ravel()) // 2
        refuse(where, f"{name}[{at}] merges {merges[at].tolist()}, outside 0..{made[at] - 1}")
    uses = np.bincount(merges.ravel(), minlength=leaves + len(merges))
    if (uses > 1).any():
        refuse(where, f"{name} merges {first(uses > 1)} more than once")
