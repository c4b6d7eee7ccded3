"""A zoo of fitted scikit-learn estimators, to round-trip and to mine.

Tests take ``specimens()``: one fitted model of every class scikit-learn has, with rows to ask it about. The
miner takes ``variants()``: thousands of small fits that between them show which attributes a class has and of
what kinds. ``answers`` is all a model says about some rows, and ``equal`` tells whether two sayings are the same
to the bit.

The one rule: everything here is made from a seed, and holds no function of this package or of a user, so that a
specimen is always an honest model that a saver ought to be able to save.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import inspect
import io
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Data", "Specimen", "answers", "datasets", "equal", "estimator_classes", "specimens", "variants"]

# In the order in which a model is asked. Only what is a function of rows, or of nothing, can be compared.
_ASKED = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "score_samples",
    "kneighbors",
    "apply",
    "decision_path",
    "mahalanobis",
)
_SPARSE_PARTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
    "lil": ("data", "rows"),
}


@dataclass(frozen=True)
class Specimen:
    """A fitted model, the rows its methods take, and what it was fitted on."""

    name: str
    model: Any
    X: Any
    y: Any | None
    data: str


@dataclass(frozen=True)
class Data:
    """Something to fit on; the part of the name before the slash says which estimators it is for."""

    name: str
    X: Any
    y: Any = None
    weight: Any = None

    @property
    def role(self) -> str:
        """Which estimators it is for: the name up to the slash."""
        return self.name.partition("/")[0]

    def copied(self) -> Data:
        """Return data of its own for a fit: a model with ``copy=False`` writes into what it is given."""
        return copy.deepcopy(self)


def estimator_classes() -> list[type]:
    """Return every concrete estimator class of the installed scikit-learn, the experimental ones too, by name."""
    return list(_by_name().values())


def specimens(only: str | None = None) -> Iterator[Specimen]:
    """Yield one fitted specimen of every class; a fit that fails raises.

    ``only`` is a class name, a dotted path or the start of one.
    """
    from holdfast.testing import zoo_variants

    for cls in chosen(only):
        name, settings = zoo_variants.recipes_of(cls)[0]
        data = datasets()[name]
        yield Specimen(qualified(cls), fit(build(cls, settings), data), data.X, data.y, data.name)


def variants(only: str | None = None, seed: int = 0) -> Iterator[Specimen]:
    """Yield many fitted variants of every class, leaving out those that do not fit or take too long.

    ``only`` is as for ``specimens``; ``seed`` changes the data and which settings meet which data.
    """
    from holdfast.testing import zoo_variants

    for cls in chosen(only):
        yield from zoo_variants.variants_of(cls, seed)


def answers(model: Any, X: Any) -> dict[str, Any]:
    """Return what every method says about the rows; for a call that raises, the name of the exception's type.

    The rows are copied for every call, as a model with ``copy=False`` writes into them. A model that keeps a
    ``RandomState`` may draw from it to answer: ask a copy when the model is still needed.
    """
    said: dict[str, Any] = {}

    def ask(method: str, *args: Any) -> None:
        try:
            said[method] = getattr(model, method)(*copy.deepcopy(args))
        except Exception as e:  # which error it is belongs to the answer, whatever it is
            said[method] = type(e).__name__

    with quiet():
        for method in _ASKED:
            if hasattr(model, method):
                ask(method, X)
        if hasattr(model, "inverse_transform") and not isinstance(said.get("transform"), str):
            ask("inverse_transform", said.get("transform", X))
        if hasattr(model, "get_feature_names_out"):
            ask("get_feature_names_out")
    return said


def equal(a: Any, b: Any) -> bool:
    """Tell whether two answers are the same: types, dtypes, shapes, orders of keys, and every bit of every number."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return _equal_arrays(a, b)
    if isinstance(a, np.generic):
        return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    if isinstance(a, complex):
        return struct.pack("<dd", a.real, a.imag) == struct.pack("<dd", b.real, b.imag)
    if isinstance(a, (str, bytes, int)) or a is None:
        return bool(a == b)
    if isinstance(a, Mapping):
        return len(a) == len(b) and all(equal(p, q) and equal(v, w) for (p, v), (q, w) in zip(a.items(), b.items(), strict=True))
    if isinstance(a, Sequence):
        return len(a) == len(b) and all(equal(p, q) for p, q in zip(a, b, strict=True))
    if hasattr(a, "format") and hasattr(a, "tocsr"):
        return _equal_sparse(a, b)
    if hasattr(a, "iloc"):
        return _equal_frames(a, b)
    return a is b or bool(a == b)


def _equal_arrays(a: Any, b: Any) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if isinstance(a, np.ma.MaskedArray):
        return equal(a.data, b.data) and equal(np.ma.getmaskarray(a), np.ma.getmaskarray(b))
    if a.dtype.hasobject:
        return all(equal(p, q) for p, q in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
    return bool(a.tobytes() == b.tobytes())


def _equal_sparse(a: Any, b: Any) -> bool:
    if a.format != b.format or a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.format not in _SPARSE_PARTS:
        return equal(dict(a.items()), dict(b.items()))
    return all(equal(getattr(a, part), getattr(b, part)) for part in _SPARSE_PARTS[a.format])


def _equal_frames(a: Any, b: Any) -> bool:
    if a.shape != b.shape or not equal(_plain(a.index), _plain(b.index)):
        return False
    if a.ndim == 1:
        return bool(a.dtype == b.dtype and a.name == b.name) and equal(_plain(a), _plain(b))
    return equal(_plain(a.columns), _plain(b.columns)) and all(_equal_frames(a.iloc[:, i], b.iloc[:, i]) for i in range(a.shape[1]))


def _plain(values: Any) -> Any:
    """Return the values of a Series or an Index as an array: its own where numpy has the dtype, else one of objects."""
    return values.to_numpy() if isinstance(values.dtype, np.dtype) else values.to_numpy(dtype=object)


# ---------------------------------------------------------------- making specimens


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let no warning and no progress line out. Never hold this across a yield: it would silence the caller too."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@functools.cache
def _by_name() -> dict[str, Any]:
    # The two experimental estimators exist only once their switch has been imported.
    for switch in ("enable_halving_search_cv", "enable_iterative_imputer"):
        importlib.import_module(f"sklearn.experimental.{switch}")
    with quiet():
        return dict(importlib.import_module("sklearn.utils.discovery").all_estimators())


class Kinds:
    """The estimator classes as attributes: ``Kinds().Ridge(alpha=2)``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return _by_name()[name]
        except KeyError:
            raise AttributeError(name) from None


def qualified(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def chosen(only: str | None) -> list[type]:
    return [c for c in estimator_classes() if only is None or c.__name__ == only or qualified(c).startswith(only)]


def build(cls: Any, settings: Mapping[str, Any]) -> Any:
    """Return a fresh model; the settings are copied, so that one fit never shows in another."""
    own = copy.deepcopy(dict(settings))
    seeded = inspect.signature(cls.__init__).parameters.get("random_state")
    if seeded is not None and seeded.default != "deprecated":
        own.setdefault("random_state", 0)
    with quiet():
        return cls(**own)


def fit(model: Any, data: Data) -> Any:
    """Fit the model, with target and weights where the data has them."""
    data = data.copied()
    targets = () if data.y is None else (data.y,)
    weights = {} if data.weight is None else {"sample_weight": data.weight}
    with quiet():
        model.fit(data.X, *targets, **weights)
    return model


@functools.cache
def datasets(seed: int = 0) -> dict[str, Data]:
    """Return all the data by name. It is shared, so nobody may write into it."""
    import pandas as pd
    from scipy import sparse

    rng = np.random.default_rng(seed)
    found: dict[str, Data] = {}

    def add(name: str, X: Any, y: Any | None = None, weight: Any | None = None) -> None:
        found[name] = Data(name, X, y, weight)

    def frame(X: Any) -> Any:
        return pd.DataFrame(X, columns=[f"column {chr(97 + i)}" for i in range(X.shape[1])])

    def groups(n: int, p: int, c: int) -> tuple[Any, Any]:
        y = rng.permutation(np.arange(n) % c)
        return rng.normal(size=(n, p)) + 3 * rng.normal(size=(c, p))[y], y

    def line(n: int, p: int, outputs: int = 1) -> tuple[Any, Any]:
        X = rng.normal(size=(n, p))
        y = X @ rng.normal(size=(p, outputs)) + 0.3 * rng.normal(size=(n, outputs))
        return X, y[:, 0] if outputs == 1 else y

    def holed(X: Any) -> Any:
        return np.where(rng.random(X.shape) < 0.12, np.nan, X)

    def apart(X: Any) -> Any:
        return np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))

    def shapes(role: str, X: Any, y: Any | None) -> None:
        """Add the same rows in every container and dtype that estimators tell apart."""
        small, counts = X[:45], rng.poisson(1.5, size=X.shape)
        few = None if y is None else y[:45]
        add(f"{role}/frame", frame(X), None if y is None else pd.Series(y, name="target"))
        add(f"{role}/csr-matrix", sparse.csr_matrix(X * (X > 0)), y)
        add(f"{role}/csr-array", sparse.csr_array(X * (X > 0)), y)
        add(f"{role}/csc-matrix", sparse.csc_matrix(X * (X > 0)), y)
        add(f"{role}/float32", X.astype(np.float32), y)
        add(f"{role}/ints", np.round(3 * X).astype(np.int64), y)
        add(f"{role}/objects", small.astype(object), few)
        add(f"{role}/fortran", np.asfortranarray(X), y)
        add(f"{role}/lists", small.tolist(), None if few is None else few.tolist())
        add(f"{role}/weights", X, y, rng.integers(1, 4, size=len(X)).astype(float))
        add(f"{role}/one-feature", X[:, :1], y)
        add(f"{role}/geo", np.clip(X[:, :2] / 4, -1.4, 1.4), y)  # two features, in radians
        add(f"{role}/missing", holed(X), y)
        add(f"{role}/missing-frame", frame(holed(X)), y)
        add(f"{role}/counts", counts.astype(float), y)
        add(f"{role}/counts-int", counts, y)
        add(f"{role}/counts-csr", sparse.csr_matrix(counts.astype(float)), y)
        add(f"{role}/bools", X > 0, y)
        add(f"{role}/unit", rng.random(X.shape), y)
        add(f"{role}/distances", apart(small), few)
        add(f"{role}/gram", np.exp(-(apart(small) ** 2) / 20), few)
        near = apart(small)
        add(f"{role}/graph", sparse.csr_matrix(np.where(near <= np.sort(near, axis=1)[:, 11:12], near, 0)), few)

    for name, n, p, c, labels in (
        ("three", 75, 5, 3, [0, 1, 2]),
        ("two", 60, 4, 2, [0, 1]),
        ("two-text", 50, 5, 2, ["no", "yes"]),
        ("two-objects", 40, 7, 2, np.array(["ham", "spam"], dtype=object)),
        ("two-floats", 40, 5, 2, [0.0, 1.0]),
        ("two-bools", 40, 4, 2, [False, True]),
        ("two-signs", 44, 5, 2, [-1, 1]),
        ("two-bytes", 40, 5, 2, np.array([3, 7], dtype=np.uint8)),
        ("three-text", 75, 4, 3, ["setosa", "versicolor", "virginica"]),
        ("three-int32", 60, 9, 3, np.array([-5, 2, 40], dtype=np.int32)),
        ("four", 120, 9, 4, [0, 1, 2, 3]),
        ("four-objects", 100, 7, 4, np.array(["a", "b", "c", "d"], dtype=object)),
        ("wide", 36, 40, 3, [0, 1, 2]),
        ("one-class", 30, 4, 1, [1]),
    ):
        X, y = groups(n, p, c)
        add(f"classes/{name}", X, np.asarray(labels)[y])
    X, y = groups(60, 5, 3)
    shapes("classes", X, y)
    shapes("rows", *groups(75, 5, 3)[:1], None)
    add("classes/unlabelled", X, np.where(rng.random(60) < 0.4, -1, y % 2))
    add("classes/label-sets", X, np.stack([y == 0, y != 1, X[:, 0] > 0], axis=1).astype(int))
    add("classes/label-sets-sparse", X, sparse.csr_matrix(found["classes/label-sets"].y))
    add("classes/two-outputs", X, np.stack([y, (X[:, 1] > 0).astype(int)], axis=1))
    add("classes/two-outputs-text", X, np.stack([np.array(["x", "y", "z"], dtype=object)[y], np.where(y, "p", "q")], axis=1))
    for name, n, p in (("plain", 75, 5), ("four", 30, 4), ("seven", 90, 7), ("nine", 150, 9), ("wide", 30, 40)):
        add(f"rows/{name}", groups(n, p, 3)[0])
        add(f"numbers/{name}", *line(n, p))
    X, y = line(60, 5)
    shapes("numbers", X, y)
    add("numbers/float32-both", X.astype(np.float32), y.astype(np.float32))
    add("numbers/positive", X, np.exp(y / 3))
    add("numbers/whole", X, rng.poisson(np.exp(y / 4)))
    add("numbers/column", X, y[:, None])
    add("numbers/two-outputs", *line(60, 5, 2))
    add("numbers/three-outputs", *line(60, 7, 3))
    X, y = line(45, 4, 2)
    add("numbers/frame-outputs", frame(X), pd.DataFrame(y, columns=["left", "right"]))

    x, y = np.sort(rng.random(40)), np.sort(rng.random(40)) + 0.1 * rng.normal(size=40)
    add("line/plain", x, y)
    add("line/down", x, -y)
    add("line/column", x[:, None], y)
    add("line/float32", x.astype(np.float32), y.astype(np.float32))
    add("line/weights", x, y, rng.integers(1, 4, size=40).astype(float))
    add("line/ints", np.round(20 * x).astype(int), np.round(20 * y).astype(int))
    add("line/lists", x.tolist(), y.tolist())
    add("line/series", pd.Series(x), pd.Series(y))

    words = "anchor buoy cleat davit ensign fender gaff halyard jib keel Éclair the and of 42".split()  # noqa: SIM905
    texts = [" ".join(rng.choice(words, size=rng.integers(3, 9))) for _ in range(40)]
    add("text/list", texts)
    add("text/array", np.array(texts))
    add("text/objects", np.array(texts, dtype=object))
    add("text/series", pd.Series(texts))
    add("text/bytes", [t.encode() for t in texts])
    add("text/short", texts[:4])
    add("records/dicts", [{"depth": float(i), "port": f"p{i % 3}", "open": bool(i % 2)} for i in range(30)])
    add("records/numbers", [{"a": i, "b": i * 0.5} for i in range(20)])
    add("records/lists", [{"tags": [f"t{i % 3}", "all"]} for i in range(20)])
    add("records/pairs", [[("a", i), ("b", 0.5)] for i in range(20)])
    add("records/strings", [[f"w{i % 5}", "w"] for i in range(20)])
    add("images/gray", rng.random((5, 8, 8)))
    add("images/colour", rng.random((3, 6, 7, 3)))
    add("images/float32", rng.random((4, 8, 6)).astype(np.float32))
    add("images/bytes", rng.integers(0, 255, size=(4, 8, 8)).astype(np.uint8))

    for name in ("three", "two", "two-text", "two-objects", "two-floats", "two-bools", "two-signs", "three-text",
                 "three-int32", "four-objects", "one-class", "label-sets", "label-sets-sparse", "lists"):  # fmt: skip
        add(f"labels/{name}", found[f"classes/{name}"].y)
    add("labels/series", pd.Series(["b", "a", "b", "c"]))
    add("labels/columns", np.array(["b", "a", "b", "c"], dtype=object)[:, None].ravel())
    add("sets/numbers", [(1, 2), (3,), (), (2, 3)])
    add("sets/text", [{"sea", "land"}, {"air"}, {"sea"}])
    add("sets/lists", [["b"], ["a", "c"]])
    add("sets/mixed", [(1, 2.5), (4,)])

    port, crew, y = rng.choice(["Ems", "Jade", "Oste"], size=60), rng.integers(0, 4, size=60), rng.integers(0, 2, size=60)
    flag, size = rng.choice(["red", "white"], size=60), rng.normal(size=60)
    two = np.stack([port, flag], axis=1).astype(object)
    add("categories/objects", two, y)
    add("categories/text", np.stack([port, flag], axis=1), rng.integers(0, 3, size=60))
    add("categories/ints", np.stack([crew, y], axis=1), np.array(["lo", "hi"])[y])
    add("categories/ints-three", rng.integers(0, 5, size=(60, 4)), np.array(["a", "b", "c"])[rng.integers(0, 3, size=60)])
    add("categories/floats", rng.integers(0, 3, size=(50, 4)).astype(float), rng.normal(size=50))
    add("categories/float32", rng.integers(0, 3, size=(50, 2)).astype(np.float32), rng.normal(size=50))
    add("categories/bools", rng.random((40, 3)) > 0.5, rng.integers(0, 2, size=40))
    add("categories/one", two[:, :1], y)
    add("categories/mixed", np.stack([port.astype(object), crew.astype(object)], axis=1), y)
    add("categories/none", np.where(rng.random((60, 2)) < 0.1, np.array(None), two), y)
    add("categories/nan", np.where(rng.random((60, 2)) < 0.1, np.nan, two), y)
    add("categories/float-nan", holed(rng.integers(0, 3, size=(60, 2)).astype(float)), y)
    add("categories/lists", two.tolist(), y.tolist())
    add("categories/frame", pd.DataFrame({"port": port, "flag": flag}), pd.Series(y))
    add("categories/frame-objects", pd.DataFrame(two, columns=["port", "flag"], dtype=object), pd.Series(y))
    add("categories/frame-dtype", pd.DataFrame({"port": pd.Categorical(port), "crew": pd.Categorical(crew)}), y)
    table = pd.DataFrame({"port": port, "crew": crew, "size": size, "flag": pd.Categorical(flag), "age": holed(size)})
    add("table/frame", table, y)
    add("table/three", table.iloc[::-1], pd.Series(np.array(["a", "b", "c"])[crew % 3]))
    add("table/numbers", table, size + crew)
    add("table/numeric", frame(rng.normal(size=(60, 4))), y)
    add("table/array", rng.normal(size=(60, 5)), y)
    add("table/csr", sparse.csr_matrix(rng.poisson(1.0, size=(60, 5)).astype(float)), y)
    add("table/dtype", pd.DataFrame({"flag": pd.Categorical(flag), "size": size, "crew": pd.Categorical(crew)}), y)

    def some_shapes(name: str, X: Any, y: Any) -> None:
        """Add the containers and dtypes again for a target that only few estimators take."""
        add(f"{name}-frame", frame(X), y)
        add(f"{name}-csr", sparse.csr_matrix(X * (X > 0)), y)
        add(f"{name}-float32", X.astype(np.float32), y)
        add(f"{name}-weights", X, y, rng.integers(1, 4, size=len(X)).astype(float))
        add(f"{name}-missing", holed(X), y)
        add(f"{name}-few", X[:, :2], y)

    some_shapes("classes/two", found["classes/two"].X, found["classes/two"].y)
    some_shapes("classes/label-sets", found["classes/label-sets"].X, found["classes/label-sets"].y)
    some_shapes("numbers/positive", found["numbers/positive"].X, found["numbers/positive"].y)
    some_shapes("numbers/two-outputs", found["numbers/two-outputs"].X, found["numbers/two-outputs"].y)
    add("rows/broad", rng.normal(size=(30, 100)))
    add("text/labelled", texts, np.array(["jib" in t for t in texts]).astype(int))
    return found
