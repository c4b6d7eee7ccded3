"""More families whose state native code believes: clusterings, encoders, splines, random generators.

Here are those whose check takes the attributes of one object as they are, or nearly so; models made of several objects
are in ``native_state.py``.

The one rule: as there; a line in `FAMILIES` for each exact type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.trust.fields_of import Validator, array_from_list, cells_of, rows_as_fields, type_of, where_of
from holdfast.trust.state import clusters, encoders, random_states, splines
from holdfast.trust.view import View
from holdfast.values import limits
from holdfast.values import tree as t
from holdfast.values.graph import Node

Check = Callable[[dict[str, Any], str], None]


def _fitted(
    check: Check, mark: str, mapped: tuple[str, ...] = (), also: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> Validator:
    """Return a validator that gives the attributes of each fitted row to a check."""
    unread = frozenset(mapped)

    def validate(view: View, index: int) -> None:
        table: Any = view.graph.tables[index]
        if mark not in table.fields:
            return
        where = where_of(view, index)
        for row, fields in enumerate(rows_as_fields(view, index, unread)):
            check({**fields, **also(fields)} if also is not None else fields, where(row))

    return validate


def _vocabulary(view: View, index: int) -> None:
    """Column numbers of a vocabulary are read as one array; its words are never looked at."""
    table: Any = view.graph.tables[index]
    if "vocabulary_" not in table.fields:
        return
    where = where_of(view, index)
    for row in range(table.rows):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        fields: dict[str, Any] = {"vocabulary": _numbers(view, cells["vocabulary_"])}
        size = _size(view, cells)
        if size is not None:
            fields["size"] = size
        encoders.check_vocabulary(fields, where(row))


def _numbers(view: View, cell: Any) -> Any:
    if type(cell) is not Node:
        return cell
    index, _ = view.graph.locate(cell)
    table: Any = view.graph.tables[index]
    if type(table) is t.Dicts and table.rows == 1 and type(table.values) is t.Plain:
        return array_from_list(table.values.values)
    found = view.value(cell, depth=1)
    return array_from_list(list(found.values())) if isinstance(found, dict) else found


def _size(view: View, cells: dict[str, Any]) -> int | None:
    names = cells.get("feature_names_")
    if type(names) is Node:
        return len(view.items(names))
    inner = cells_of(view, cells.get("_tfidf"))
    shape = view.shape(inner["idf_"]) if type(inner.get("idf_")) is Node else None
    return shape[0] if shape else None


def _labels(fields: dict[str, Any]) -> dict[str, Any]:
    return {"size": fields.get("n_features_in_"), "n_clusters": fields.get("n_clusters_"), "lowest": 0}


def _linkage(fields: dict[str, Any]) -> dict[str, Any]:
    labels = fields.get("labels_")
    return {"n_samples": len(labels) if isinstance(labels, np.ndarray) else None}


def _one_hot(fields: dict[str, Any]) -> dict[str, Any]:
    def lengths(name: str) -> list[int | None] | None:
        parts = fields.get(name)
        return [None if part is None else np.size(part) for part in parts] if isinstance(parts, list | tuple) else None

    grouped = fields.get("_infrequent_enabled")
    return {
        "n_categories": lengths("categories_"),
        "infrequent": lengths("_infrequent_indices") if grouped else None,
        "mappings": fields.get("_default_to_infrequent_mappings") if grouped else None,
    }


def _spline_transformer(view: View, index: int) -> None:
    table: Any = view.graph.tables[index]
    if "bsplines_" not in table.fields:
        return
    where = where_of(view, index)
    for row, fields in enumerate(rows_as_fields(view, index)):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        parts = view.items(cells["bsplines_"])
        if any(type_of(view, part) != SPLINE for part in parts):
            raise splines_refusal(where(row))
        fields["splines"] = [{name: view.value(cell) for name, cell in cells_of(view, part).items()} for part in parts]
        splines.check_spline_transformer(fields, where(row))


def splines_refusal(where: str) -> Exception:
    """Return the refusal of a list that holds something else than splines."""
    from holdfast.trust.fields_of import refuse

    return refuse(where, "bsplines_ holds something that is not a spline")


def _unhexed(value: Any) -> Any:
    """Undo the hexadecimal text in which the numpy adapter keeps integers of 128 bits; anything else stays for the check to refuse."""
    if isinstance(value, dict):
        return {key: part if key == "bit_generator" else _unhexed(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_unhexed(part) for part in value)
    if type(value) is str and 0 < len(value) <= limits.SEED_BITS // 4 and set(value) <= set("0123456789abcdef"):
        return int(value, 16)
    return value


def _bit_generator(fields: dict[str, Any], where: str) -> None:
    random_states.check_bit_generator(_unhexed({key: value for key, value in fields.items() if key != "seed_seq"}), where)


def _seed_sequence(view: View, index: int) -> None:
    where = where_of(view, index)
    for row, fields in enumerate(rows_as_fields(view, index)):
        cells = cells_of(view, Node(view.graph.bases[index] + row))
        for name in ("entropy", "spawn_key"):
            if isinstance(fields.get(name), list | tuple):
                fields[name] = [_whole(view, cell) for cell in view.items(cells[name])]
        random_states.check_seed_sequence(_unhexed(fields), where(row))


def _whole(view: View, cell: Any) -> Any:
    """Return an item of a seed, which may be an integer beyond 64 bits; whether it is in its one form is seen when it is built."""
    if type(cell) is Node:
        index, row = view.graph.locate(cell)
        table: Any = view.graph.tables[index]
        if type(table) is t.Atoms and table.kind == "int" and len(table.values[row]) <= limits.SEED_BITS // 4:
            return _unhexed(bytes(table.values[row]).decode("latin-1"))
    return view.value(cell)


SPLINE = "scipy.interpolate._bsplines.BSpline"
_NAMES = ("mt19937.MT19937", "pcg64.PCG64", "pcg64.PCG64DXSM", "philox.Philox", "sfc64.SFC64")
_COVARIANCES = (
    "_elliptic_envelope.EllipticEnvelope", "_empirical_covariance.EmpiricalCovariance", "_graph_lasso.GraphicalLasso",
    "_graph_lasso.GraphicalLassoCV", "_robust_covariance.MinCovDet", "_shrunk_covariance.LedoitWolf", "_shrunk_covariance.OAS",
    "_shrunk_covariance.ShrunkCovariance",
)  # fmt: skip

FAMILIES: dict[str, Validator] = {
    **dict.fromkeys(
        (f"sklearn.cluster.{name}" for name in ("_kmeans.KMeans", "_kmeans.MiniBatchKMeans", "_bisect_k_means.BisectingKMeans")),
        _fitted(clusters.check_centers, "cluster_centers_"),
    ),
    "sklearn.cluster._birch.Birch": _fitted(clusters.check_birch, "subcluster_centers_", ("subcluster_centers_", "_subcluster_norms")),
    "sklearn.cluster._agglomerative.FeatureAgglomeration": _fitted(clusters.check_labels, "labels_", also=_labels),
    "sklearn.cluster._agglomerative.AgglomerativeClustering": _fitted(clusters.check_merges, "children_"),
    "sklearn.cluster._hdbscan.hdbscan.HDBSCAN": _fitted(clusters.check_single_linkage, "_single_linkage_tree_", also=_linkage),
    **dict.fromkeys((f"sklearn.covariance.{name}" for name in _COVARIANCES), _fitted(clusters.check_covariance, "covariance_")),
    **dict.fromkeys(
        (f"sklearn.mixture.{name}" for name in ("_gaussian_mixture.GaussianMixture", "_bayesian_mixture.BayesianGaussianMixture")),
        _fitted(clusters.check_mixture, "means_"),
    ),
    **dict.fromkeys(
        (
            f"sklearn.feature_extraction.{name}"
            for name in ("text.CountVectorizer", "text.TfidfVectorizer", "_dict_vectorizer.DictVectorizer")
        ),
        _vocabulary,
    ),
    **dict.fromkeys(
        (f"sklearn.feature_extraction.{name}" for name in ("_hash.FeatureHasher", "text.HashingVectorizer")),
        _fitted(encoders.check_hashing, "n_features"),
    ),
    "sklearn.preprocessing._polynomial.PolynomialFeatures": _fitted(encoders.check_polynomial, "n_output_features_"),
    "sklearn.preprocessing._polynomial.SplineTransformer": _spline_transformer,
    SPLINE: _fitted(splines.check_bspline, "t"),
    "scipy.interpolate._interpolate.interp1d": _fitted(splines.check_interp1d, "x"),
    "sklearn.isotonic.IsotonicRegression": _fitted(splines.check_isotonic, "X_thresholds_"),
    "numpy.random.bit_generator.SeedSequence": _seed_sequence,
    **dict.fromkeys((f"numpy.random._{name}" for name in _NAMES), _fitted(_bit_generator, "state")),
}
"""Exact type name -> what checks all rows of a table of it."""
