"""Sparse matrices: every format passes as scipy makes it, and an index out of place is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from holdfast.errors import InvalidState
from holdfast.trust.state.sparse import check_sparse
from tests.trust.live_state import Fields, at, sparse_fields

RNG = np.random.RandomState(0)
DENSE = np.where(RNG.rand(6, 8) < 0.4, RNG.rand(6, 8), 0)
FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")


def of(name: str, **change: Any) -> Fields:
    return {**sparse_fields(sp.csr_matrix(DENSE).asformat(name)), **change}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array], ids=["matrix", "array"])
def test_what_scipy_makes_passes(kind: Any, name: str) -> None:
    for data in (
        DENSE,
        DENSE[:1],
        DENSE * 0,
        DENSE[:0],
        DENSE[:, :0],
        np.eye(6),
        DENSE.astype(bool),
        DENSE.astype("c16"),
        DENSE.astype("f4"),
    ):
        check_sparse(sparse_fields(kind(data).asformat(name)), "m")


def test_unsorted_indices_and_duplicates_are_legal() -> None:
    check_sparse(of("csr", indices=np.array([3, 1, 1]), indptr=np.array([0, 3, 3, 3, 3, 3, 3]), data=np.ones(3)), "m")
    check_sparse(of("coo", coords=(np.array([0, 0]), np.array([1, 1])), data=np.ones(2)), "m")


def test_arrays_of_one_axis_and_of_three_pass() -> None:
    check_sparse(sparse_fields(sp.coo_array(DENSE[0])), "m")
    check_sparse(sparse_fields(sp.csr_array(DENSE[0])), "m")
    check_sparse(sparse_fields(sp.dok_array(sp.coo_array(DENSE[0]))), "m")
    check_sparse(sparse_fields(sp.coo_array(RNG.rand(2, 3, 4))), "m")


CSR = of("csr")
BAD = {
    **{f"an index {value}": {"indices": np.r_[CSR["indices"][:-1].astype("i8"), value]} for value in (-1, 8, 2**31 - 1, 2**40, -(2**40))},
    "an index of int32 that is negative": {"indices": np.r_[CSR["indices"][:-1], -1].astype("i4")},
    "indices every second": {"indices": np.repeat(np.r_[CSR["indices"][:-1], 99], 2)[::2]},
    "indices of floats": {"indices": CSR["indices"].astype(float)},
    "fewer indices": {"indices": CSR["indices"][:-1]},
    "fewer data": {"data": CSR["data"][:-1]},
    "data of objects": {"data": CSR["data"].astype(object)},
    "data in two axes": {"data": CSR["data"][None]},
    "pointers that fall": {"indptr": np.r_[0, 9, 2, CSR["indptr"][3:]]},
    "pointers from 1": {"indptr": np.r_[1, CSR["indptr"][1:]]},
    "a negative pointer": {"indptr": np.r_[0, -5, CSR["indptr"][2:]]},
    "pointers to the end and more": {"indptr": np.r_[CSR["indptr"][:-1], CSR["indptr"][-1] + 1]},
    "pointers that end early": {"indptr": np.r_[CSR["indptr"][:-1], CSR["indptr"][-2]]},
    "fewer pointers": {"indptr": CSR["indptr"][:-1]},
    "no pointers": {"indptr": CSR["indptr"][:0]},
    "fewer columns": {"shape": (6, 3)},
    "more rows": {"shape": (7, 8)},
    "a negative shape": {"shape": (6, -8)},
    "a shape of floats": {"shape": (6.0, 8.0)},
    "a shape of bools": {"shape": (True, True)},
    "a huge shape": {"shape": (2**70, 8)},
    "no shape": {"shape": None},
    "an unknown format": {"format": "csf"},
    "a format that is a list": {"format": []},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_an_altered_csr_is_refused(change: dict[str, Any]) -> None:
    check_sparse(CSR, "m")
    with pytest.raises(InvalidState, match=at("m")):
        check_sparse({**CSR, **change}, "m")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("csc", {"indices": of("csc")["indices"] + 5}),
        ("csc", {"shape": (8, 6)}),
        ("bsr", {"indices": of("bsr")["indices"] + 7}),
        ("bsr", {"data": np.ones((len(of("bsr")["data"]), 5, 1))}),
        ("bsr", {"data": np.ones((len(of("bsr")["data"]), 0, 1))}),
        ("coo", {"coords": (np.array([6]), np.array([0])), "data": np.ones(1)}),
        ("coo", {"coords": (np.array([0]), np.array([-1])), "data": np.ones(1)}),
        ("coo", {"coords": (np.array([0]),), "data": np.ones(1)}),
        ("coo", {"coords": (np.array([0, 1]), np.array([0])), "data": np.ones(1)}),
        ("dia", {"offsets": np.array([8]), "data": np.ones((1, 8))}),
        ("dia", {"offsets": np.array([-6]), "data": np.ones((1, 8))}),
        ("dia", {"offsets": np.array([2, 2]), "data": np.ones((2, 8))}),
        ("dia", {"offsets": np.array([2]), "data": np.ones((2, 8))}),
        ("lil", {"rows": [[8]] + [[]] * 5, "data": [[1.0]] + [[]] * 5}),
        ("lil", {"rows": [[-1]] + [[]] * 5, "data": [[1.0]] + [[]] * 5}),
        ("lil", {"rows": [[2, 1]] + [[]] * 5, "data": [[1.0, 1.0]] + [[]] * 5}),
        ("lil", {"rows": [[1, 2]] + [[]] * 5, "data": [[1.0]] + [[]] * 5}),
        ("lil", {"rows": [["1"]] + [[]] * 5, "data": [[1.0]] + [[]] * 5}),
        ("lil", {"rows": [[]] * 5}),
        ("dok", {"items": {(6, 0): 1.0}}),
        ("dok", {"items": {(0, -1): 1.0}}),
        ("dok", {"items": {(0,): 1.0}}),
        ("dok", {"items": {("0", "1"): 1.0}}),
    ],
    ids=str,
)
def test_another_altered_format_is_refused(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidState, match=at("m")):
        check_sparse(of(name, **change), "m")


def test_row_and_col_are_taken_for_coordinates_too() -> None:
    fields: Fields = {"format": "coo", "shape": (2, 2), "data": np.ones(1), "row": np.array([1]), "col": np.array([0])}
    check_sparse(fields, "m")
    with pytest.raises(InvalidState, match=r"coords\[1\]\[0\] is 2, outside 0..1"):
        check_sparse({**fields, "col": np.array([2])}, "m")
