"""scipy: sparse matrices and arrays, splines, interpolators and frozen distributions.

The one rule: index arrays were checked by ``trust.state`` before anything here runs; scipy's own constructors do not.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from holdfast.errors import InvalidState, UnsupportedModel
from holdfast.frameworks.adapter import Adapter, Record, Shell

_COMPRESSED = ("csr", "csc", "bsr")


def _dump_compressed(m: Any) -> dict[str, Any]:
    used = int(m.indptr[-1])  # a matrix may carry more room than entries; nothing reads the rest
    return {"shape": tuple(map(int, m.shape)), "data": m.data[:used], "indices": m.indices[:used], "indptr": m.indptr}


def _dump_coo(m: Any) -> dict[str, Any]:
    return {"shape": tuple(map(int, m.shape)), "data": m.data, "coords": tuple(m.coords)}


def _dump_dia(m: Any) -> dict[str, Any]:
    return {"shape": tuple(map(int, m.shape)), "data": m.data, "offsets": m.offsets}


def _dump_lil(m: Any) -> dict[str, Any]:
    return {"shape": tuple(map(int, m.shape)), "dtype": m.dtype, "rows": m.rows, "data": m.data}


def _dump_dok(m: Any) -> dict[str, Any]:
    return {"shape": tuple(map(int, m.shape)), "dtype": m.dtype, "items": {_plain_key(key): value for key, value in m.items()}}


def _plain_key(key: Any) -> Any:
    """Return a position as Python integers: scipy keeps whichever kind of integer it was given."""
    return tuple(int(i) for i in key) if isinstance(key, tuple) else int(key)


def _dtype(dtype: Any) -> Any:
    """Return the dtype of a matrix that keeps one, and no text that numpy would read as one: it ends the process over some."""
    if not isinstance(dtype, np.dtype):
        raise InvalidState("scipy sparse matrix: its dtype is none; the file is damaged or was altered.")
    return dtype


def _class(name: str, suffix: str) -> Any:
    return getattr(importlib.import_module("scipy.sparse"), f"{name}_{suffix}")


def _sparse(name: str, suffix: str) -> Record:
    def build(f: dict[str, Any]) -> Any:
        cls = _class(name, suffix)
        shape = f["shape"]
        if name in _COMPRESSED:
            made = cls(shape, dtype=f["data"].dtype) if name != "bsr" else cls(shape, blocksize=f["data"].shape[1:], dtype=f["data"].dtype)
            made.data, made.indices, made.indptr = f["data"], f["indices"], f["indptr"]
        elif name == "coo":
            made = cls(shape, dtype=f["data"].dtype)
            made.data, made.coords = f["data"], f["coords"]
        elif name == "dia":
            made = cls(shape, dtype=f["data"].dtype)
            made.data, made.offsets = f["data"], f["offsets"]
        elif name == "lil":
            made = cls(shape, dtype=_dtype(f["dtype"]))
            made.rows, made.data = f["rows"], f["data"]
        else:
            made = cls(shape, dtype=_dtype(f["dtype"]))
            for key, value in f["items"].items():
                made[key] = value
        return made

    dumps = {"coo": _dump_coo, "dia": _dump_dia, "lil": _dump_lil, "dok": _dump_dok}
    return Record(dumps.get(name, _dump_compressed), build)


def _dump_spline(b: Any) -> dict[str, Any]:
    # BSpline's constructor makes both contiguous, so they are written as it would keep them
    return {
        "t": np.ascontiguousarray(b.t),
        "c": np.ascontiguousarray(b.c),
        "k": int(b.k),
        "extrapolate": b.extrapolate,
        "axis": int(b.axis),
    }


def _build_spline(f: dict[str, Any]) -> Any:
    from scipy.interpolate import BSpline

    return BSpline(f["t"], f["c"], f["k"], extrapolate=f["extrapolate"], axis=f["axis"])


def _dump_interp1d(i: Any) -> dict[str, Any]:
    if i._kind not in ("linear", "nearest", "nearest-up", "previous", "next"):
        raise UnsupportedModel(f"cannot save a scipy interp1d of kind {i._kind!r}; keep its points, or use make_interp_spline")
    fill = "extrapolate" if i._extrapolate else i.fill_value
    return {
        "x": i.x, "y": i.y, "kind": i._kind, "axis": int(i.axis),
        "bounds_error": i.bounds_error, "fill_value": fill,
    }  # fmt: skip


def _build_interp1d(f: dict[str, Any]) -> Any:
    from scipy.interpolate import interp1d

    if f["kind"] not in ("linear", "nearest", "nearest-up", "previous", "next"):
        raise InvalidState("scipy interp1d: unknown kind")
    return interp1d(
        f["x"], f["y"], kind=f["kind"], axis=f["axis"], bounds_error=f["bounds_error"], fill_value=f["fill_value"], assume_sorted=True
    )


def _dump_frozen(d: Any) -> dict[str, Any]:
    import scipy.stats

    name = getattr(d.dist, "name", "")
    generic = getattr(scipy.stats, str(name), None)
    if type(generic) is not type(d.dist):
        raise UnsupportedModel(f"cannot save a frozen distribution of {type(d.dist).__qualname__}, which is not one of scipy.stats")
    return {"name": name, "args": tuple(d.args), "kwds": dict(d.kwds), "random_state": d.dist._random_state if _seeded(d) else None}


def _seeded(d: Any) -> bool:
    return d.dist._random_state is not np.random.mtrand._rand


def _build_frozen(f: dict[str, Any]) -> Any:
    import scipy.stats
    from scipy.stats._distn_infrastructure import rv_generic

    generic = getattr(scipy.stats, f["name"], None) if f["name"].isidentifier() else None
    if not isinstance(generic, rv_generic):
        raise InvalidState(f"scipy frozen distribution: there is no distribution named {f['name'][:60]!r}")
    made = generic(*f["args"], **f["kwds"])
    if f["random_state"] is not None:
        made.random_state = f["random_state"]
    return made


def _dump_result(result: Any) -> dict[str, Any]:
    from scipy.sparse.linalg import LinearOperator

    # an inverse that is a procedure and no matrix is part of how the optimum was found, and not of it
    return {"[items]": {key: value for key, value in result.items() if not isinstance(value, LinearOperator)}}


def _result() -> Any:
    from scipy.optimize import OptimizeResult

    return OptimizeResult()


ADAPTERS: dict[str, Adapter] = {
    **{
        f"scipy.sparse._{name}.{name}_{suffix}": _sparse(name, suffix)
        for name in ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")
        for suffix in ("matrix", "array")
    },
    "scipy.interpolate._bsplines.BSpline": Record(_dump_spline, _build_spline),
    "scipy.interpolate._interpolate.interp1d": Record(_dump_interp1d, _build_interp1d),
    "scipy.optimize._optimize.OptimizeResult": Shell(_dump_result, _result, lambda result, f: result.update(f["[items]"])),
    "scipy.stats._distn_infrastructure.rv_continuous_frozen": Record(_dump_frozen, _build_frozen),
    "scipy.stats._distn_infrastructure.rv_discrete_frozen": Record(_dump_frozen, _build_frozen),
}
