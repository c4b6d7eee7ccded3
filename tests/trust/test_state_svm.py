"""libsvm's models: genuine ones pass for every kernel, dense and sparse, and altered ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from holdfast.errors import InvalidState
from holdfast.trust.state.svm import check_libsvm
from tests.trust.live_state import Fields, at, check_model, libsvm_fields

pytestmark = pytest.mark.filterwarnings("ignore")  # what scikit-learn says about odd data is not what is tested here

RNG = np.random.RandomState(0)
X = np.where((noise := RNG.randn(50, 4)) > 1, 0, noise)
KERNELS = ("linear", "poly", "rbf", "sigmoid", "precomputed", lambda a, b: a @ b.T)
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"probability": True},
    {"class_weight": "balanced"},
    {"gamma": 2},
    {"max_iter": 1},
    {"epsilon": 99.0},
)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel if isinstance(kernel, str) else "callable")
@pytest.mark.parametrize("kind", [SVC, NuSVC, SVR, NuSVR, OneClassSVM], ids=lambda kind: kind.__name__)
def test_genuine_models_pass(kind: Any, kernel: Any) -> None:
    data = X @ X.T if kernel == "precomputed" else X
    seen = 0
    for settings in SETTINGS:
        for make in (np.asarray, sp.csr_matrix, sp.csr_array, sp.csc_matrix):
            for classes in (2, 4):
                try:
                    model = kind(kernel=kernel, **settings).fit(make(data), np.arange(50) % classes)
                except (TypeError, ValueError):
                    continue  # a combination that scikit-learn itself refuses
                seen += check_model(model)
    assert seen > 5


def dense() -> Fields:
    return libsvm_fields(SVC(probability=True, random_state=0).fit(X, np.arange(50) % 3))


def thin() -> Fields:
    return libsvm_fields(SVC().fit(sp.csr_matrix(X), np.arange(50) % 3))


def regression() -> Fields:
    return libsvm_fields(SVR().fit(X, X[:, 0]))


def precomputed() -> Fields:
    return libsvm_fields(SVC(kernel="precomputed").fit(X @ X.T, np.arange(50) % 3))


def called() -> Fields:
    return libsvm_fields(SVC(kernel=KERNELS[5]).fit(X, np.arange(50) % 3))


def _cut(name: str, end: Any = -1) -> Callable[[Fields], None]:
    return lambda f: f.update({name: f[name][:end].copy()})


def _thin(name: str, part: str, value: Callable[[Any], Any]) -> Callable[[Fields], None]:
    return lambda f: f.update({name: {**f[name], part: value(f[name][part])}})


def _at(place: int, value: int) -> Callable[[Any], Any]:
    def change(values: Any) -> Any:
        values = values.copy()
        values[place] = value
        return values

    return change


ALTERATIONS: dict[str, tuple[Callable[[], Fields], Callable[[Fields], Any]]] = {
    **{f"{name} one less": (dense, _cut(name)) for name in ("support_", "support_vectors_", "_n_support", "_dual_coef_", "dual_coef_")},
    **{f"{name} one less": (dense, _cut(name)) for name in ("_intercept_", "intercept_", "_probA", "_probB", "class_weight_")},
    **{f"{name} empty": (dense, _cut(name, 0)) for name in ("_intercept_", "_dual_coef_", "support_vectors_", "_probA", "_probB")},
    "the right sum, wrong split": (dense, lambda f: f["_n_support"].__iadd__(np.array([-40, 40, 0], "i4"))),
    "another sum": (dense, lambda f: f["_n_support"].__iadd__(1)),
    "one support vector twice": (dense, lambda f: f.update(support_=np.r_[f["support_"], f["support_"][:1]])),
    "coefficients cut in width": (dense, lambda f: f.update(_dual_coef_=f["_dual_coef_"][:, :-1].copy())),
    "coefficients turned": (dense, lambda f: f.update(_dual_coef_=f["_dual_coef_"].T.copy())),
    "coefficients in Fortran order": (dense, lambda f: f.update(_dual_coef_=np.asfortranarray(f["_dual_coef_"]))),
    "coefficients of float32": (dense, lambda f: f.update(_dual_coef_=f["_dual_coef_"].astype("f4"))),
    "narrower vectors": (dense, lambda f: f.update(support_vectors_=f["support_vectors_"][:, :3].copy())),
    "another width": (dense, lambda f: f.update(n_features_in_=3)),
    "support of int64": (dense, lambda f: f.update(support_=f["support_"].astype("i8"))),
    "support negative": (dense, lambda f: f["support_"].__setitem__(0, -1)),
    "support too large": (dense, lambda f: f["support_"].__setitem__(0, 50)),
    "more classes": (dense, lambda f: f.update(classes_=np.arange(4))),
    "one class": (dense, lambda f: f.update(classes_=np.arange(1))),
    "probabilities that were not fitted": (thin, lambda f: f.update(_effective_probability=True)),
    "probabilities that are not used": (dense, lambda f: f.update(_effective_probability=False)),
    "a precomputed kernel": (dense, lambda f: f.update(kernel="precomputed")),
    "an unknown kernel": (dense, lambda f: f.update(kernel="rbf2")),
    "a callable kernel": (dense, lambda f: f.update(kernel=None)),
    "sparse where it is dense": (dense, lambda f: f.update(_sparse=True)),
    "_sparse 1": (dense, lambda f: f.update(_sparse=1)),
    "gamma None": (dense, lambda f: f.update(_gamma=None)),
    "degree negative": (dense, lambda f: f.update(degree=-1)),
    "no training rows": (dense, lambda f: f.update(shape_fit_=(0, 4))),
    "a training shape of nothing": (dense, lambda f: f.update(shape_fit_=())),
    "dense where it is sparse": (thin, lambda f: f.update(_sparse=False)),
    "a sparse precomputed kernel": (thin, lambda f: f.update(kernel="precomputed")),
    "a column out of range": (thin, _thin("support_vectors_", "indices", _at(0, 4))),
    "a column far away": (thin, _thin("support_vectors_", "indices", _at(0, 2**31 - 1))),
    "columns that fall": (thin, _thin("support_vectors_", "indices", lambda v: v[::-1].copy())),
    "rows that fall": (thin, _thin("support_vectors_", "indptr", _at(3, 0))),
    "rows that end early": (thin, _thin("support_vectors_", "indptr", _at(-1, 5))),
    "indices of int64": (thin, _thin("support_vectors_", "indices", lambda v: v.astype("i8"))),
    "fewer stored coefficients": (thin, _thin("_dual_coef_", "data", lambda v: v[:-1])),
    "another shape of coefficients": (thin, _thin("_dual_coef_", "shape", lambda v: (v[0] + 1, v[1]))),
    "another shape of vectors": (thin, _thin("support_vectors_", "shape", lambda v: (v[0], v[1] + 1))),
    "dense coefficients": (thin, lambda f: f.update(_dual_coef_=np.ones((2, 50)))),
    "counts of a regression": (regression, lambda f: f["_n_support"].__setitem__(0, 1)),
    "one count of a regression": (regression, _cut("_n_support")),
    "no intercept of a regression": (regression, _cut("_intercept_")),
    "a regression with classes": (regression, lambda f: f.update(classes_=np.arange(3))),
    "support beyond the kernel": (precomputed, lambda f: f["support_"].__setitem__(-1, 50)),
    "a kernel of another width": (precomputed, lambda f: f.update(n_features_in_=49)),
    "a precomputed kernel made a linear one": (precomputed, lambda f: f.update(kernel="linear")),
    "training rows that are missing": (called, lambda f: f.update(x_fit_rows=49)),
    "support beyond the training rows": (called, lambda f: f["support_"].__setitem__(-1, 50)),
}


@pytest.mark.parametrize(("make", "alter"), ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_an_altered_model_is_refused(make: Callable[[], Fields], alter: Callable[[Fields], Any]) -> None:
    fields = make()
    check_libsvm(fields, "s")
    alter(fields)
    with pytest.raises(InvalidState, match=at("s")):
        check_libsvm(fields, "s")


def test_counts_that_scikit_learn_leaves_unset_are_no_fault() -> None:
    fields = libsvm_fields(SVR().fit(sp.csr_matrix(X), X[:, 0]))
    fields["_n_support"] = np.array([-7, 2**31 - 1], np.int32)
    check_libsvm(fields, "s")
