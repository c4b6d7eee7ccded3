"""Golden files: one small file for each interesting thing, and beside it what has to come back out of it.

Files lie under ``tests/vectors/FORMAT/LIBRARIES/``: the version of the format, then the libraries that the models are from.
Beside ``NAME.safetensors`` is ``NAME.json``: the digests that ``inspect`` has to give, the value to the last bit
(``tests/described.py``), and rows with the answers to them. ``tests/test_vectors.py`` reads them all.

The one rule: a golden file is never written twice. A file that is there stays as it is; what is new gets a new name, and
another version of the format or of a library gets another folder.

Run: python tools/vectors.py
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import json
import pathlib
import random
import re
import sys
import types
import uuid
import warnings
import zoneinfo
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from blake3 import blake3

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.described import described  # noqa: E402

import holdfast  # noqa: E402
from holdfast.values.manifest import FORMAT_VERSION  # noqa: E402

METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples", "kneighbors", "apply")
FOLDER = ROOT / "tests" / "vectors" / str(FORMAT_VERSION)


class Vector(NamedTuple):
    """What one golden file is made of.

    Attributes:
        model: what is saved.
        rows: what the model is asked, or None.
        exact: whether its answers are the same bits on every processor; those of linear algebra are not.
        options: how it is saved.
    """

    model: Any
    rows: Any = None
    exact: bool = True
    options: dict[str, Any] = {}  # noqa: RUF012


RECORD = np.dtype({"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 24})
NESTED = np.dtype([("a", "<f8", (2, 2)), ("b", [("c", "<i4"), ("d", "S3")])])
DTYPES = ("?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16", ">i2", ">i4", ">i8", ">u2", ">u4", ">u8",
          ">f2", ">f4", ">f8", ">c8", ">c16", "<U3", ">U3", "S4", "V5", "<M8[ns]", "<M8[D]", "<m8[s]", "<m8[h]", ">M8[us]")  # fmt: skip
TEXTS = ["a red buoy", "the green buoy", "a gaff and a jib", "the red gaff", "jib and keel", "a keel"]


def _rows(count: int = 24, width: int = 4) -> Any:
    """Return rows whose numbers are exact in few bits, so that sums of them are exact as well."""
    numbers = np.random.RandomState(0).randint(-40, 40, size=(count, width))
    return numbers / 8.0


def _classes(rows: Any) -> Any:
    return (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 1).astype(int)


def _nans() -> Any:
    return np.array([0x7FF8000000001234, 0xFFF8000000000001, 0x7FF0000000000001], np.uint64).view(np.float64)


def _read_only() -> Any:
    made = np.arange(4.0)
    made.flags.writeable = False
    return made


def _cycle() -> Any:
    made: dict[str, Any] = {"list": [1]}
    made["list"].append(made["list"])
    made["self"] = made
    made["both"] = (made["list"], made["list"])
    return made


def _objects() -> Any:
    made = np.empty((2, 3), object)
    for place, item in enumerate([[1], None, "x", (2, 3), 2.5, {"a": 1}]):
        made.flat[place] = item
    return made


def _views() -> Any:
    memory = np.arange(24.0)
    return {"all": memory, "part": memory[::2], "table": memory.reshape(4, 6)[:, 1:3], "back": memory[::-1], "bytes": memory.view(np.uint8)[8:24]}


def _noted(**attributes: Any) -> Any:
    return types.SimpleNamespace(**attributes)


def plain() -> dict[str, Callable[[], Vector]]:
    """Values of Python and numpy: every kind of scalar, column, table and dtype."""
    used = random.Random(3)
    used.gauss(0, 1)
    return {
        "scalars": lambda: Vector([None, True, False, 0, 1, -1, 127, 128, -32, -33, 2**31, -(2**63), 2**63, 2**64 - 1, 0.0, -0.0, 1.5, 5e-324, 1.7e308,
                                   float("inf"), float("-inf"), *_nans().tolist(), "", "a", "ä", "日本語", "\0\x7f\u2028", "\U0001f600", "x" * 300]),
        "one-scalar": lambda: Vector("the root may be a scalar"),
        "atoms": lambda: Vector([2**64, -(2**63) - 1, 10**60, -(10**60), b"", b"\0\xff", bytearray(b"abc"), 1 + 2j, complex(-0.0, float("inf")), "\ud800", "a\udfffb",
                                 ..., NotImplemented]),
        "tuples": lambda: Vector([(), (1,), (1, "a", 2.5), (2, "b", None), tuple(range(16)), tuple(range(17)), tuple("abcdefghijklmnopqrs"), (1, ((2, (3, ())), [4]))]),
        "lists": lambda: Vector([[], [1, 2], [[[]]], [None] * 50, [1, "a", None, 2.5, True, [], ()], list(range(100))]),
        "maps": lambda: Vector([{}, {"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"b": 1, "a": 2}, {"a": {"b": {"c": []}}}, [{"n": i, "s": str(i)} for i in range(20)]]),
        "dicts": lambda: Vector([{1: "a", "1": "b"}, {None: 1, False: 2, 2.5: 3, (1, 2): 4, b"k": 5, frozenset({1}): 6}, {f"k{i}": i for i in range(40)}, {float("inf"): 1}]),
        "sets": lambda: Vector([set(), {1, 2, 3}, {"a", 1, None, (1, 2), 2.5}, frozenset(), frozenset({frozenset({1}), frozenset()}), frozenset("abc")]),
        "shared-and-cyclic": lambda: Vector([_cycle(), *([same := [1]] * 2), (same, same)]),
        "names": lambda: Vector([len, int, list, np.float64, np.log1p, np.mean, np.median]),
        "standard-library": lambda: Vector([
            datetime.datetime(2020, 1, 2, 3, 4, 5, 6), datetime.datetime(2020, 1, 2, fold=1, tzinfo=datetime.timezone(datetime.timedelta(hours=2), "x")),
            datetime.datetime(2020, 7, 1, tzinfo=datetime.UTC), datetime.date(2020, 2, 29), datetime.time(1, 2, 3, 4), datetime.timedelta(-1, 5, 7),
            decimal.Decimal("1.10"), decimal.Decimal("-0"), decimal.Decimal("NaN"), fractions.Fraction(3, -7), uuid.UUID(int=5), pathlib.PurePosixPath("a/b"),
            re.compile(r"(?u)\b\w\w+\b", re.IGNORECASE), slice(1, None, 2), range(1, 10, 3), _noted(a=1, b=[2]), functools.partial(np.add, 1, where=True),
            collections.deque([1, 2, 3], maxlen=5), collections.Counter("abca"), collections.OrderedDict([("b", 1), ("a", 2)]),
            collections.defaultdict(list, {1: [2]}), random.Random(3), used, zoneinfo.ZoneInfo("UTC")]),
        "dtypes": lambda: Vector({name: np.arange(3).astype(name) if "V" not in name else np.frombuffer(b"abcdefghij", name).copy() for name in DTYPES}),
        "floats-with-payloads": lambda: Vector([_nans(), _nans()[::-1].astype(">f8"), np.array([-0.0, np.inf], np.float16)]),
        "longdouble": lambda: Vector([np.arange(3, dtype=np.longdouble) / 3, np.longdouble(1) / 3]),
        "structures": lambda: Vector([np.array([(1, 2.5), (3, 4.5)], RECORD), np.zeros(2, NESTED), np.zeros(1, np.dtype([("a", "u1"), ("b", "<f8")], align=True)),
                                      np.zeros(2, RECORD)[0], np.rec.fromarrays([[1, 2], [3.5, 4.5]], names="a,b")]),
        "layouts": lambda: Vector([np.zeros(0), np.zeros((2, 0, 3)), np.array(5), np.eye(3), np.asfortranarray(np.arange(12.0).reshape(3, 4)), np.arange(12).reshape(1, 3, 4, 1),
                                   np.arange(20.0).reshape(4, 5)[::2, 1::2], np.arange(10)[::-1], _read_only(), np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3))]),
        "pools": lambda: Vector([[np.arange(i % 5, dtype="<f8") for i in range(40)], [np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3) + i) for i in range(20)],
                                 [np.arange(i % 3).astype("M8[s]") for i in range(20)], [np.zeros(i % 2, RECORD) for i in range(20)]]),
        "views": lambda: Vector(_views()),
        "object-arrays": lambda: Vector([_objects(), _objects().T.copy(order="F"), np.empty((0, 3), object), np.array(None, object)]),
        "numbers": lambda: Vector([np.float64(1.5), np.int8(-3), np.bool_(True), np.str_("x"), np.bytes_(b"y"), np.complex64(1j), np.datetime64("2020-01-01"), np.float32(0.1),
                                   np.timedelta64(3, "h"), np.uint64(2**64 - 1), np.float16(0.5)]),
        "numpy-objects": lambda: Vector([
            np.dtype("<f8"), np.dtype(">i2"), np.dtype([("a", "<f4")]), np.dtype(object), np.matrix([[1, 2], [3, 4]]), np.ma.MaskedArray([1.0, 2.0, 3.0], mask=[0, 1, 0], fill_value=-7),
            np.ma.MaskedArray([1, 2]), np.array(["a", "ü" * 40], np.dtypes.StringDType())]),
        "random-generators": lambda: Vector([
            *(np.random.Generator(getattr(np.random, name)(3)) for name in ("PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937")), np.random.RandomState(5),
            np.random.SeedSequence(7).spawn(3)[1], np.random.SeedSequence(2**300), np.random.PCG64(9)]),
        "with-a-note": lambda: Vector({"w": np.arange(6.0).reshape(2, 3)}, options={"metrics": {"auc": 0.5, "n": 3}, "extra": {"by": "a tool", "tags": ["a", None, 1.5]}}),
        "compressed": lambda: Vector({"ramp": np.arange(1000.0), "zeros": np.zeros((30, 30), np.float32), "words": np.array(["buoy", "gaff"] * 200), "small": np.arange(3)},
                                     options={"compress": "zstd"}),
    }  # fmt: skip


def scientific() -> dict[str, Callable[[], Vector]]:
    """Objects of scipy and pandas."""
    import pandas as pd
    import scipy.interpolate as si
    import scipy.sparse as sp

    dense = np.array([[0, 1.5, 0], [2.5, 0, 0], [0, 0, 0], [0, 3.5, 4.5]])
    kinds = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
    dates = pd.date_range("2020-01-01", periods=3, tz="Europe/Berlin")
    return {
        "sparse-matrices": lambda: Vector({kind: getattr(sp, f"{kind}_matrix")(dense) for kind in kinds}),
        "sparse-arrays": lambda: Vector({kind: getattr(sp, f"{kind}_array")(dense) for kind in kinds}),
        "splines": lambda: Vector([si.BSpline(np.arange(8.0), np.arange(4.0), 3), si.interp1d([0.0, 1.0, 2.0], [1.0, 3.0, 2.0])]),
        "frame": lambda: Vector(pd.DataFrame({
            "i": [1, 2, 3], "f": [0.5, None, -0.0], "t": ["a", None, "ä"], "b": [True, False, True], "d": dates, "c": pd.Categorical(["x", "y", "x"], ordered=True),
            "n": pd.array([1, None, 3], dtype="Int32"), "o": pd.Series([1, "a", None], dtype=object), "m": pd.to_timedelta([1, 2, None], unit="h")}, index=["p", "q", "r"])),
        "series": lambda: Vector([pd.Series([1.5, 2.5], name="s"), pd.Series([], dtype="float32"), pd.Series(["a", pd.NA], dtype="string"), pd.Series(pd.arrays.SparseArray([0, 0, 1]))]),
        "indexes": lambda: Vector([
            pd.RangeIndex(2, 9, 3), pd.Index([3, 1], name="n"), pd.Index(["a", None]), pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]), dates,
            pd.interval_range(0, 2), pd.period_range("2020-01", periods=2, freq="M"), pd.CategoricalIndex(["a", "b"])]),
        "timestamps": lambda: Vector([pd.Timestamp("2020-01-02", tz="UTC"), pd.Timedelta("1h"), pd.Period("2020-03", "M"), pd.Interval(0, 1.5, "both"), pd.NaT, pd.NA]),
    }  # fmt: skip


def models() -> dict[str, Callable[[], Vector]]:
    """Fitted estimators of scikit-learn, of each family whose state native code reads."""
    import pandas as pd
    from sklearn import (
        cluster,
        compose,
        decomposition,
        dummy,
        ensemble,
        feature_extraction,
        gaussian_process,
        isotonic,
        linear_model,
        mixture,
        model_selection,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
        tree,
    )  # fmt: skip

    X = _rows()
    y = _classes(X)
    z = X[:, 0] * 2 - X[:, 2]
    frame = pd.DataFrame({"port": ["Ems", "Jade", "Oste"] * 8, "depth": X[:, 0], "crew": np.arange(24) % 4})
    columns = compose.ColumnTransformer([("port", preprocessing.OneHotEncoder(), ["port"]), ("depth", preprocessing.StandardScaler(), ["depth", "crew"])])

    def of(model: Any, target: Any = y, rows: Any = X, **more: Any) -> Callable[[], Vector]:
        def make() -> Vector:
            model.fit(rows, target) if target is not None else model.fit(rows)
            return Vector(model, rows[:5].copy() if hasattr(rows, "copy") and not isinstance(rows, list) else rows[:5], **more)

        return make

    example = {"exact": False, "options": {"example": X[:5]}}
    return {
        "pipeline": of(pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()), **example),
        "pipeline-of-a-frame": of(pipeline.make_pipeline(columns, linear_model.Ridge()), z, frame, exact=False, options={"example": frame[:5]}),
        "decision-tree": of(tree.DecisionTreeClassifier(max_depth=3, random_state=0)),
        "random-forest": of(ensemble.RandomForestRegressor(4, max_depth=3, random_state=0), z),
        "gradient-boosting": of(ensemble.GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=0), options={"example": "synthetic"}, exact=False),
        "histogram-boosting": of(ensemble.HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3, categorical_features=[3], random_state=0),
                                 y, np.column_stack([X[:, :3], np.arange(24) % 4]), exact=False),
        "isolation-forest": of(ensemble.IsolationForest(n_estimators=3, max_samples=8, random_state=0), None, exact=False),
        "neighbors-kd-tree": of(neighbors.KNeighborsClassifier(3, algorithm="kd_tree", leaf_size=4)),
        "neighbors-ball-tree": of(neighbors.KNeighborsRegressor(3, algorithm="ball_tree", metric="manhattan", leaf_size=4), z),
        "kernel-density": of(neighbors.KernelDensity(bandwidth=0.5), None, exact=False),
        "support-vectors": of(svm.SVC(), exact=False),
        "support-vectors-sparse": lambda: Vector(svm.NuSVR(kernel="linear").fit(_sparse(X), z), _sparse(X)[:5], exact=False),
        "words": of(pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), naive_bayes.MultinomialNB()), [0, 1, 0, 1, 0, 1], TEXTS, exact=False),
        "hashed-words": of(feature_extraction.text.HashingVectorizer(n_features=16), None, TEXTS, exact=False),
        "encoders": of(preprocessing.OrdinalEncoder(), None, frame[["port", "crew"]]),
        "spline-features": of(preprocessing.SplineTransformer(n_knots=3), None, exact=False),
        "polynomial-features": of(preprocessing.PolynomialFeatures(2), None),
        "quantiles": of(preprocessing.QuantileTransformer(n_quantiles=5), None, exact=False),
        "isotonic": of(isotonic.IsotonicRegression(out_of_bounds="clip"), z, X[:, 0], exact=False),
        "k-means": of(cluster.KMeans(3, n_init=1, random_state=0), None, exact=False),
        "birch": of(cluster.Birch(n_clusters=3), None, exact=False),
        "clusters-of-density": of(cluster.HDBSCAN(min_cluster_size=3, copy=True), None),
        "gaussian-mixture": of(mixture.GaussianMixture(2, random_state=0), None, exact=False),
        "gaussian-process": of(gaussian_process.GaussianProcessRegressor(random_state=0), z, exact=False),
        "network": of(neural_network.MLPClassifier([4], max_iter=3, random_state=0), exact=False),
        "components": of(decomposition.PCA(2), None, exact=False),
        "stochastic-gradient": of(linear_model.SGDClassifier(max_iter=5, tol=None, random_state=0), exact=False),
        "grid-search": of(model_selection.GridSearchCV(tree.DecisionTreeRegressor(random_state=0), {"max_depth": [1, 2]}, cv=2), z),
        "voting": of(ensemble.VotingClassifier([("a", dummy.DummyClassifier()), ("b", tree.DecisionTreeClassifier(max_depth=1, random_state=0))], voting="soft"), exact=False),
        "label-encoder": lambda: Vector(preprocessing.LabelEncoder().fit(["b", "a", "c"]), np.array(["a", "c"])),
        "not-fitted": lambda: Vector(ensemble.StackingRegressor([("a", linear_model.Lasso())], final_estimator=svm.LinearSVR())),
    }  # fmt: skip


def _sparse(rows: Any) -> Any:
    import scipy.sparse as sp

    return sp.csr_matrix(rows * (rows > 0))


def answers(model: Any, rows: Any) -> dict[str, Any]:
    """Return what a model says to rows, described; methods that it does not have are left out."""
    return {method: described(getattr(model, method)(rows)) for method in METHODS if hasattr(model, method)}


def rows_as_json(rows: Any) -> Any:
    """Return rows in a form that the test makes them from again."""
    if hasattr(rows, "tocsr"):
        return {"sparse": described(rows.toarray())}
    if hasattr(rows, "columns"):
        return {"frame": [[name, rows[name].tolist()] for name in rows.columns]}
    return {"list": rows} if isinstance(rows, list) else described(rows)


def write(name: str, vector: Vector, folder: Path) -> None:
    """Write one golden file and what is expected of it; both are new, or it fails."""
    path = folder / f"{name}.safetensors"
    value = described(vector.model)
    said = {} if vector.rows is None else answers(vector.model, vector.rows)
    blob = holdfast.dumps(vector.model, **vector.options)
    found = holdfast.inspect(blob)
    expected = {
        "file": "blake3:" + blake3(blob).hexdigest(), "id": found.id, "content": found.content, "type": found.type, "libraries": {n: v[0] for n, v in found.libraries.items()},
        "metrics": found.metrics, "extra": found.extra, "example": found.has_example, "compressed": found.compressed, "exact": vector.exact,
        "rows": None if vector.rows is None else rows_as_json(vector.rows), "answers": said, "value": value,
    }  # fmt: skip
    with path.open("xb") as file:
        file.write(blob)
    with path.with_suffix(".json").open("x") as file:
        file.write(json.dumps(expected, ensure_ascii=True, separators=(",", ":")) + "\n")


def write_foreign(folder: Path) -> None:
    """Write a file with the reference library of safetensors, as other tools do."""
    from safetensors.numpy import save

    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3), "b": np.array([True, False, True]), "h": np.arange(3, dtype="f2"), "e": np.zeros((0, 4)), "i": np.arange(5)}
    path = folder / "of-another-tool.safetensors"
    blob = save(arrays, metadata={"format": "np"})
    expected = {"file": "blake3:" + blake3(blob).hexdigest(), "plain": True, "value": {name: described(array) for name, array in sorted(arrays.items())}}
    with path.open("xb") as file:
        file.write(blob)
    path.with_suffix(".json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


def main() -> None:
    """Write what is not there yet."""
    warnings.simplefilter("ignore")
    libraries = "-".join(f"{short}{version(name)}" for short, name in (("numpy", "numpy"), ("scipy", "scipy"), ("pandas", "pandas"), ("sklearn", "scikit-learn")))
    folder = FOLDER / libraries
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in {**plain(), **scientific(), **models()}.items():
        if (folder / f"{name}.safetensors").exists():
            continue
        write(name, make(), folder)
        print(f"{name}: {(folder / f'{name}.safetensors').stat().st_size:,} bytes", file=sys.stderr)
    if not (folder / "of-another-tool.safetensors").exists():
        write_foreign(folder)


if __name__ == "__main__":
    main()
