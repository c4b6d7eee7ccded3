"""Group C of the threat table: files that name code, in our format, with digests that hold.

The table of the case names what the file asks for; nothing of it may be imported, called or built.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import FormatError, HoldfastError, InvalidState, LibraryMissing, TrustError, UnsupportedModel, UntrustedType
from holdfast.frameworks.adapter import REGISTERED
from holdfast.trust.catalog import catalog
from holdfast.trust.plan import NEVER
from holdfast.trust.policy import NOTHING_MORE, REGISTERED_CLASSES
from holdfast.values import tree as t
from tests.hostile import strangers
from tests.hostile.crafted import altered, objects, packed, plain_list, record, tree_of
from tests.hostile.oracle import ROOT, Case, Watcher, check

LOGISTIC = "sklearn.linear_model._logistic.LogisticRegression"
SCALER = "sklearn.preprocessing._data.StandardScaler"
STRANGERS = "tests.hostile.strangers."


def an_object(name: str, /, **fields: t.Column) -> bytes:
    return packed(tree_of(objects(name, **fields)))


def a_record(name: str, /, **fields: t.Column) -> bytes:
    return packed(tree_of(record(name, **fields)))


def a_name(name: str) -> bytes:
    """Return a file whose model is a dict that holds a class or a function by name."""
    return packed(tree_of(t.Names([name]), t.Maps(["func"], 1, [t.SameRef(0)])))


def a_call(name: str) -> bytes:
    """Return a file of ``functools.partial(name, "touch /tmp/x")``."""
    partial = record("functools.partial", func=t.SameRef(0), args=t.SameRef(1), keywords=t.SameRef(3))
    return packed(t.Tree(1, t.SameRef(2), [t.Names([name]), t.Tuples(1, [t.Same("touch /tmp/holdfast-hostile-marker")]), partial, t.Maps([], 1, [])]))


DANGEROUS = (
    "os.system", "posix.system", "os.popen", "os.execv", "os.remove", "subprocess.Popen", "subprocess.run", "builtins.eval", "builtins.exec", "builtins.compile",
    "builtins.getattr", "builtins.setattr", "builtins.open", "builtins.__import__", "builtins.globals", "builtins.breakpoint", "builtins.type", "builtins.print",
    "builtins.map", "builtins.vars", "builtins.dir", "builtins.memoryview", "builtins.property", "importlib.import_module", "pkgutil.resolve_name",
    "operator.attrgetter", "operator.methodcaller", "operator.itemgetter", "functools.reduce", "functools.partialmethod", "pickle.loads", "_pickle.loads",
    "marshal.loads", "ctypes.CDLL", "pty.spawn", "socket.create_connection", "urllib.request.urlopen", "webbrowser.open", "antigravity.geohash", "this.s",
    "runpy.run_path", "code.interact", "shutil.rmtree", "timeit.timeit", "cProfile.run", "pdb.run", "doctest.debug_script", "idlelib.run.main", "asyncio.run",
    "numpy.load", "numpy.f2py.compile", "numpy.testing._private.utils.runstring", "numpy.distutils.exec_command.exec_command", "joblib.load", "pandas.read_pickle",
    "pandas.core.computation.eval.eval", "scipy.io.loadmat", "torch.load", "sklearn.datasets._openml.fetch_openml", "sklearn.utils._testing.create_memmap_backed_data",
    "yaml.unsafe_load", "types.FunctionType", "types.CodeType", "types.CodeType.replace", "inspect.getattr_static", "logging.config.dictConfig", "sys.exit",
    "builtins.str.format", "builtins.str.join", "builtins.object.__subclasses__", "builtins.type.__call__", "holdfast.load", "holdfast.api.loads",
)  # fmt: skip
"""Things that exist and that no model needs: of the interpreter, of the standard library, of the libraries models are made with."""

ODD = (
    "", ".", "..", "...", "os", "system", ".os.system", "os..system", "os.system.", "os.system ", " os.system", "os. system", "os.system\n", "os.system\0",
    "os.\tsystem", "оs.system", "os.sуstem", "os.system\u200b", "os\u2024system", "os\uff0esystem", "\u202emetsys.so", "os:system", "os/system", "../os.system",
    "os.system()", "os.__dict__.system", "os.system.__call__", "1os.system", "os.1system", "os-system.x", "class.def", "a" * 200, "None.x", "\x1b[31mos.system",
    "ſklearn.x", "<script>.x", "%s.%s", "{0}.x", "__main__.X", "__main__.os.system", "builtins", "\ufeffos.system", "e\u0301.x", "x.\U0001f600",
)  # fmt: skip

UNTRUSTED = {
    **{f"the function {name}": Case(a_name(name), UntrustedType, says=(name, "func")) for name in DANGEROUS},
    **{f"a call of {name}": Case(a_call(name), UntrustedType, says=name) for name in DANGEROUS[:30]},
    **{f"an object of {name}": Case(an_object(name, command=t.Same("true")), UntrustedType, says=name) for name in DANGEROUS},
    **{f"a record of {name}": Case(a_record(name, args=t.Same("true")), UntrustedType, FormatError) for name in DANGEROUS},
    **{f"an object of the odd name {name!r}": Case(an_object(name), UntrustedType, FormatError) for name in ODD},
    **{f"a record of the odd name {name!r}": Case(a_record(name), UntrustedType, FormatError) for name in ODD},
    **{f"a function of the odd name {name!r}": Case(a_name(name), UntrustedType, FormatError) for name in ODD},
    **{f"{name}, trusted by its name and still refused": Case(a_name(name), UntrustedType, says="never trusted", trusted=[name], trusted_functions=[name])
       for name in ("builtins.eval", "os.system", "builtins.getattr", "subprocess.Popen", "importlib.import_module", "pickle.loads", "operator.attrgetter")},
    # C3: beside what is trusted
    **{f"{name}, which is beside something trusted": Case(make(name), UntrustedType, says=name) for make in (a_name, an_object) for name in (
        f"{LOGISTIC}.fit", f"{LOGISTIC}.__init__", f"{LOGISTIC}.__class__", "sklearn.linear_model.LogisticRegression", "sklearn.linear_model._logistic",
        "sklearn.linear_model._logistic.np", "sklearn.linear_model._logistic.np.load", "sklearn.linear_model._logistic.LogisticRegressionX",
        "sklearn.base.BaseEstimator", "numpy.core._multiarray_umath.ufunc", "numpy.os.system", "numpy.ndarray.tofile", "collections.abc.sys.exit", "json.codecs.open",
        "numpy.add.at", "numpy.ufunc", "builtins.dict.update", "datetime.datetime.strptime", "decimal.Decimal.__new__")},
    # the right name, the other way: a class where a function is expected, a function where a class is
    "a trusted function as the class of an object": Case(an_object("numpy.log1p"), UntrustedType, FormatError),
    "a trusted function as the class of a record": Case(a_record("numpy.log1p"), UntrustedType, FormatError),
    "a trusted class as a function": Case(a_name(LOGISTIC), UntrustedType),
    "a class trusted as a function": Case(an_object("acme.Model"), UntrustedType, trusted_functions=["acme.Model"]),
    "a class trusted by another spelling": Case(an_object("acme.Model"), UntrustedType, trusted=["acme.model", "Acme.Model", "acme.models.Model"]),
    "a class below a trusted one": Case(an_object("acme.Model.Inner"), UntrustedType, trusted=["acme.Model"]),
    "a class above a trusted one": Case(an_object("acme.Model"), UntrustedType, trusted=["acme.Model.Inner"]),
    # C10: exactly this class
    "a subclass of a trusted class": Case(an_object(STRANGERS + "Child"), UntrustedType, trusted=[STRANGERS + "Plain"]),
    "the base of a trusted class": Case(an_object(STRANGERS + "Plain"), UntrustedType, trusted=[STRANGERS + "Child"]),
    # where they sit
    "an untrusted type as a key": Case(packed(t.Tree(1, t.SameRef(1), [record("acme.Key", a=t.Same(1)), t.Dicts(1, t.Same(1), t.SameRef(0), t.Same(1))])), UntrustedType, says="acme.Key"),
    "an untrusted type in a set": Case(packed(t.Tree(1, t.SameRef(1), [record("acme.Key"), t.Sets(1, t.Same(1), t.SameRef(0))])), UntrustedType, says="acme.Key"),
    "an untrusted type deep inside": Case(packed(tree_of(objects("acme.Deep"), *(t.Lists(1, t.Same(1), t.SameRef(i)) for i in range(200)))), UntrustedType, says=("acme.Deep", "0.0.0")),
    "an untrusted type that nothing refers to": Case(packed(t.Tree(1, t.SameRef(0), [plain_list(1), objects("acme.Hidden")])), UntrustedType, FormatError),
    "an untrusted type as the default of a dict": Case(packed(tree_of(
        t.Names(["os.getcwd"]), t.Maps([], 1, []), objects("collections.defaultdict", **{"default_factory": t.SameRef(0), "[items]": t.SameRef(1)}))), UntrustedType, says="os.getcwd"),
}  # fmt: skip

# -- C2, C6, C7: a trusted type whose state or whose way is not its own --------------------------------------------------


def fitted() -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    X = np.arange(24.0).reshape(12, 2) % 7
    y = np.array([0, 1] * 6)
    return {"logistic": LogisticRegression().fit(X, y), "scaler": StandardScaler().fit(X), "tree": DecisionTreeClassifier(max_depth=2).fit(X, y)}


BLOBS = {name: holdfast.dumps(model) for name, model in fitted().items()}


def changed(which: str, /, **fields: t.Column | None) -> bytes:
    """Return a fitted estimator with attributes added, replaced, or (None) taken away."""

    def edit(tree: t.Tree) -> t.Tree:
        tables = list(tree.tables)
        place = next(i for i, table in enumerate(tables) if type(table) is t.Objects and table.type.startswith("sklearn."))
        table: Any = tables[place]
        state = dict(zip(table.fields, table.columns, strict=True))
        for name, column in fields.items():
            if column is None:
                del state[name]
            else:
                # a reference to node -1 is one to the estimator itself
                state[name] = t.SameRef(sum(map(t.row_count, tables[:place]))) if column == t.SameRef(-1) else column
        tables[place] = t.Objects(table.type, list(state), table.rows, list(state.values()))
        return t.Tree(tree.version, tree.root, tables)

    return altered(BLOBS[which], tree=edit)


def retyped(which: str, name: str) -> bytes:
    """Return a fitted estimator that claims to be of another class."""

    def edit(tree: t.Tree) -> t.Tree:
        tables = [
            t.Objects(name, table.fields, table.rows, table.columns) if type(table) is t.Objects and table.type.startswith("sklearn.") else table
            for table in tree.tables
        ]
        return t.Tree(tree.version, tree.root, tables)

    return altered(BLOBS[which], tree=edit)


def as_record(which: str) -> bytes:
    """Return a fitted estimator as a value that is built in one step."""

    def edit(tree: t.Tree) -> t.Tree:
        tables = list(tree.tables)
        place = next(i for i, table in enumerate(tables) if type(table) is t.Objects)
        table: Any = tables[place]
        tables[place] = t.Records(table.type, table.fields, table.rows, table.columns)
        return t.Tree(tree.version, tree.root, sorted(tables, key=lambda one: type(one) in (t.Objects, t.Lists, t.Maps, t.Dicts)))

    return altered(BLOBS[which], tree=edit)


ANY = ("*",)
"""The type is trusted, so its library may be imported before the state is refused."""

ISOTONIC = "sklearn.isotonic.IsotonicRegression"
STATE = {
    **{f"the attribute {name} of an estimator": Case(changed("logistic", **{name: t.Same(value)}), InvalidState, says=name, may_import=ANY)
       for name, value in {
           "predict": "x", "fit": 1, "predict_proba": None, "decision_function": "os.system", "score": 1.0, "get_params": "x", "set_params": "x", "sparsify": "x",
           "__class__": "os.system", "__dict__": "x", "__reduce__": "x", "__reduce_ex__": "x", "__setstate__": "x", "__getattr__": "x", "__getattribute__": "x",
           "__init__": "x", "__call__": "x", "__doc__": "x", "__module__": "os", "__del__": "x", "__eq__": "x", "__hash__": "x", "__sklearn_tags__": "x",
           "__weakref__": "x", "__slots__": "x", "_repr_html_": "x", "_get_param_names": "x", "_validate_params": "x",
       }.items()},
    **{f"an attribute with the odd name {name!r}": Case(changed("scaler", **{name: t.Same(1)}), InvalidState, FormatError, may_import=ANY)
       for name in ("", "_ x", "_\x1b[31m", "_a-b", "__a b__")},
    "a method of an estimator that is filled by an adapter": Case(an_object(
        ISOTONIC, y_min=t.Same(None), y_max=t.Same(None), increasing=t.Same(True), out_of_bounds=t.Same("nan"), predict=t.Same("x")), InvalidState, says="predict", may_import=ANY),
    "a dunder of an estimator that is filled by an adapter": Case(an_object(
        ISOTONIC, y_min=t.Same(None), y_max=t.Same(None), increasing=t.Same(True), out_of_bounds=t.Same("nan"), __class__=t.Same("x")), InvalidState, says="__class__", may_import=ANY),
    **{f"{name} is missing": Case(changed("logistic", **{name: None}), InvalidState, says=name) for name in ("coef_", "intercept_", "classes_", "C", "solver")},
    **{f"{name} is missing in a scaler": Case(changed("scaler", **{name: None}), InvalidState, says=name) for name in ("with_mean", "copy")},
    **{f"{name} is {value!r}": Case(changed("logistic", **{name: t.Same(value)}), InvalidState, says=name)
       for name, value in {"coef_": "x", "intercept_": 1.5, "classes_": None, "n_features_in_": "2", "n_iter_": True}.items()},
    "n_features_in_ is not the width of coef_": Case(changed("logistic", n_features_in_=t.Same(3)), InvalidState, says="n_features_in_"),
    "n_features_in_ is not the width of the tree": Case(changed("tree", n_features_in_=t.Same(5)), InvalidState, says="n_features_in_"),
    "the tree of an estimator is text": Case(changed("tree", tree_=t.Same("x")), InvalidState, says="tree_"),
    "the tree of an estimator is the estimator": Case(changed("tree", tree_=t.SameRef(3)), InvalidState),
    "an attribute that is not of the class, and no plain data": Case(changed("logistic", helper_=t.SameRef(-1)), InvalidState, says="helper_"),
    # C2: the class of one, the way of another
    "an estimator as a value": Case(as_record("logistic"), FormatError, says="stored in a way"),
    "a scaler that says it is a classifier": Case(retyped("scaler", LOGISTIC), InvalidState),
    "a classifier that says it is a scaler": Case(retyped("logistic", SCALER), InvalidState),
    "a classifier that says it is a slice": Case(retyped("logistic", "builtins.slice"), FormatError),
    "a classifier that says it is a dict": Case(retyped("logistic", "builtins.dict"), UntrustedType),
    "a slice as an object": Case(an_object("builtins.slice", start=t.Same(1), stop=t.Same(2), step=t.Same(None)), FormatError, InvalidState),
    "a dict as an object": Case(an_object("builtins.dict"), UntrustedType),
    "an array as an object": Case(an_object("numpy.ndarray"), UntrustedType),
    "a list as a record": Case(a_record("builtins.list"), UntrustedType),
    "a C tree as an object": Case(an_object("sklearn.tree._tree.Tree", node_count=t.Same(1)), FormatError, InvalidState),
    "an ordered dict as a record": Case(packed(t.Tree(1, t.SameRef(0), [record("collections.OrderedDict", **{"[items]": t.SameRef(1)}), t.Maps([], 1, [])])), FormatError),
    "a slice of other fields": Case(a_record("builtins.slice", begin=t.Same(1), end=t.Same(2)), InvalidState, FormatError),
    "a slice without fields": Case(a_record("builtins.slice"), InvalidState, FormatError),
    "a slice with a field too many": Case(a_record("builtins.slice", start=t.Same(1), stop=t.Same(2), step=t.Same(None), codec=t.Same("os.system")), InvalidState, FormatError),
    "a fraction with a field too many": Case(a_record("fractions.Fraction", numerator=t.Same(1), denominator=t.Same(2), more=t.Same(1)), InvalidState, FormatError),
    "an ordered dict with a field too many": Case(packed(tree_of(t.Maps([], 1, []), objects("collections.OrderedDict", **{"[items]": t.SameRef(0), "__class__": t.Same("x")}))), InvalidState, FormatError),
    # values that their constructor refuses
    **{f"a {name.rpartition('.')[2]} of {fields}": Case(a_record(name, **{key: t.Same(value) for key, value in fields.items()}), InvalidState)
       for name, fields in (
           ("fractions.Fraction", {"numerator": 1, "denominator": 0}), ("decimal.Decimal", {"text": "x"}), ("uuid.UUID", {"hex": "x"}), ("uuid.UUID", {"hex": None}),
           ("datetime.date", {"text": "2020-13-01"}), ("datetime.timedelta", {"days": 10**18, "seconds": 0, "microseconds": 0}),
           ("datetime.datetime", {"text": "x", "fold": 0, "zone": None}), ("datetime.datetime", {"text": "2020-01-01T00:00:00", "fold": 7, "zone": None}),
           ("zoneinfo.ZoneInfo", {"key": "../../etc/passwd"}), ("zoneinfo.ZoneInfo", {"key": "/etc/passwd"}), ("zoneinfo.ZoneInfo", {"key": "Nowhere/Land"}),
           ("zoneinfo.ZoneInfo", {"key": 1}), ("builtins.range", {"start": 0, "stop": 1, "step": 0}), ("builtins.range", {"start": "a", "stop": 1, "step": 1}),
           ("re.Pattern", {"pattern": "(", "flags": 32}), ("re.Pattern", {"pattern": "a" * 100_001, "flags": 32}), ("re.Pattern", {"pattern": 1, "flags": 32}),
           ("re.Pattern", {"pattern": "(" * 90_000 + ")" * 90_000, "flags": 32}), ("re.Pattern", {"pattern": "a", "flags": 1 << 60}),
           ("re.Pattern", {"pattern": "a", "flags": "x"}), ("functools.partial", {"func": 1, "args": 1, "keywords": 1}),
           ("pathlib.PurePosixPath", {"path": None}), ("pathlib.PosixPath", {"path": 7}),
           ("numpy.random._pcg64.PCG64", {"bit_generator": "PCG64", "seed_seq": None}),
       )},
    **{f"the dtype {text!r:.40}": Case(a_record("numpy.dtype", dtype=t.Same(text)), FormatError, InvalidState)
       for text in ("O", "x" * 1000, "<f3", "object_", ">U4294967296", "<M8[5x]", None, 7, "{}", "f8,f8", "numpy.float64", "|O8")},
    "a pattern that is compiled with debugging on": Case(a_record("re.Pattern", pattern=t.Same("abc"), flags=t.Same(32 + 128)), InvalidState),
    "a named tuple of other fields": Case(a_record(STRANGERS + "Pair", a=t.Same(1), c=t.Same(2)), InvalidState, trusted=[STRANGERS + "Pair"], may_import=("tests",)),
    "a named tuple of fewer fields": Case(a_record(STRANGERS + "Pair", a=t.Same(1)), InvalidState, trusted=[STRANGERS + "Pair"], may_import=("tests",)),
    "a member that an enumeration does not have": Case(a_record(STRANGERS + "Colour", name=t.Same("BLUE"), value=t.Same(9)), InvalidState, trusted=[STRANGERS + "Colour"], may_import=("tests",)),
    "a member called like a method": Case(a_record(STRANGERS + "Colour", name=t.Same("mro"), value=t.Same(9)), InvalidState, trusted=[STRANGERS + "Colour"], may_import=("tests",)),
    "a distribution that is a module": Case(packed(t.Tree(1, t.SameRef(1), [
        t.Tuples(1, []), record("scipy.stats._distn_infrastructure.rv_continuous_frozen", name=t.Same("distributions"), args=t.SameRef(0), kwds=t.SameRef(2), random_state=t.Same(None)),
        t.Maps([], 1, [])])), InvalidState, may_import=ANY),
    "an interpolator of an unknown kind": Case(a_record("scipy.interpolate._interpolate.interp1d", x=t.Same(1), y=t.Same(1), kind=t.Same("os.system"), axis=t.Same(0),
                                                        bounds_error=t.Same(None), fill_value=t.Same(0.0)), InvalidState, may_import=ANY),
    # C5: what is not there
    "a trusted class of a library that is not installed": Case(an_object("acme_not_there.Model"), LibraryMissing, says="pip install acme_not_there", trusted=["acme_not_there.Model"], may_import=("acme_not_there",)),
    "a trusted class that its library does not have": Case(an_object("tests.hostile.strangers.Nothing"), LibraryMissing, trusted=["tests.hostile.strangers.Nothing"], may_import=("tests",)),
    "a trusted alias of a class": Case(an_object(STRANGERS + "Alias"), UntrustedType, says="Plain", trusted=[STRANGERS + "Alias"], may_import=("tests",)),
    "a trusted function for a class": Case(an_object(STRANGERS + "doubled"), FormatError, UntrustedType, trusted=[STRANGERS + "doubled"], may_import=("tests",)),
    "a trusted module for a class": Case(an_object("tests.hostile.strangers"), FormatError, UntrustedType, trusted=["tests.hostile.strangers"], may_import=("tests",)),
    "a trusted class made in C": Case(an_object("builtins.bytes"), UnsupportedModel, FormatError, trusted=["builtins.bytes"]),
    # C9, C10: a trusted class that wants to run
    **{f"a trusted class with {name}": Case(an_object(STRANGERS + cls, x=t.Same(1)), UnsupportedModel, says="register", trusted=[STRANGERS + cls], may_import=("tests",))
       for name, cls in {"__setstate__": "Restored", "__reduce__": "Reduced", "__reduce_ex__": "ReducedEx", "__new__": "Made", "__getnewargs__": "NewArguments"}.items()},
    **{f"the attribute {name} of a trusted class": Case(an_object(STRANGERS + "Plain", **{name: t.Same(1)}), InvalidState, says=name, trusted=[STRANGERS + "Plain"], may_import=("tests",))
       for name in ("predict", "size", "helper", "made", "__class__", "__init__", "__dict__", "__reduce__")},
    "an attribute beside the slots": Case(an_object(STRANGERS + "Slotted", x=t.Same(1), y=t.Same(2)), InvalidState, UnsupportedModel, FormatError, trusted=[STRANGERS + "Slotted"], may_import=("tests",)),
}  # fmt: skip

# -- C18: very many, and very long ----------------------------------------------------------------------------------------

MANY = {
    "10,000 classes": Case(packed(tree_of(*(objects(f"acme.X{i:05}") for i in range(10_000)), t.Lists(1, t.Same(10_000), t.Run(0)))), UntrustedType, says=("10000 types", "acme.X00019", "9980 more")),
    "10,000 functions": Case(packed(tree_of(t.Names([f"acme.f{i:05}" for i in range(10_000)]), t.Lists(1, t.Same(10_000), t.Run(0)))), UntrustedType, says=("10000 types", "9980 more")),
    "10,000 classes of somebody's notebook": Case(packed(tree_of(*(objects(f"__main__.X{i:05}") for i in range(10_000)), t.Lists(1, t.Same(10_000), t.Run(0)))), UntrustedType, says="10000 types"),
    "twenty names of 250 characters": Case(packed(tree_of(*(objects(f"acme.{'x' * 240}{i}") for i in range(20)), t.Lists(1, t.Same(20), t.Run(0)))), UntrustedType),
    "a function with a name of 250 characters": Case(a_name("acme." + "f" * 250), UntrustedType),
}  # fmt: skip

CASES = {**UNTRUSTED, **STATE, **MANY}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    with Watcher(tmp_path_factory.mktemp("types"), CASES) as watcher:
        yield watcher


@pytest.mark.parametrize("name", UNTRUSTED)
def test_what_is_not_on_the_list_is_neither_imported_nor_run(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])


@pytest.mark.parametrize("name", STATE)
def test_a_state_that_no_genuine_object_has_is_refused(name: str, answers: Watcher) -> None:
    check(CASES[name], answers[name])


@pytest.mark.parametrize("name", MANY)
def test_a_refusal_stays_short(name: str, answers: Watcher) -> None:
    found = answers[name]
    check(CASES[name], found)
    assert len(found["load"]["message"]) < 10_000


def test_every_untrusted_type_is_named_with_its_path() -> None:
    blob = packed(tree_of(
        t.Names(["acme.f"]), record("acme.A"), objects("acme.B"), t.Maps(["left", "right", "call"], 1, [t.SameRef(1), t.SameRef(2), t.SameRef(0)])))  # fmt: skip
    with pytest.raises(UntrustedType) as caught:
        holdfast.loads(blob)
    text = str(caught.value)
    assert set(caught.value.names) == {"acme.A", "acme.B", "acme.f"}
    for name, path in (("acme.A", "left"), ("acme.B", "right"), ("acme.f", "call")):
        line = next(line for line in text.splitlines() if name in line)
        assert path in line
    assert "trusted=['acme.A', 'acme.B']" in text
    assert "trusted_functions=['acme.f']" in text
    assert "nothing was loaded" in text


@pytest.mark.parametrize("name", sorted(NEVER))
def test_the_recipe_is_not_offered_for_what_is_never_trusted(name: str) -> None:
    with pytest.raises(UntrustedType) as caught:
        holdfast.loads(a_name(name))
    assert "never trusted" in str(caught.value)
    assert "trusted_functions=" not in str(caught.value)


@pytest.mark.parametrize("function", [eval, getattr, os.system, __import__])
def test_what_is_never_trusted_is_refused_even_as_an_object(function: Any) -> None:
    with pytest.raises(UntrustedType, match="never trusted"):
        holdfast.loads(a_name(f"{function.__module__}.{function.__qualname__}"), trusted_functions=[function])


@pytest.mark.parametrize("cls", [name for name in vars(strangers) if isinstance(getattr(strangers, name), type)])
def test_nothing_of_a_class_of_ones_own_runs_at_a_load(cls: str) -> None:
    """C9, C10: given as an object, whatever comes of it."""
    strangers.CALLED.clear()
    kind = getattr(strangers, cls)
    name = f"{kind.__module__}.{kind.__qualname__}"
    for blob in (an_object(name, x=t.Same(1)), a_record(name, x=t.Same(1)), a_record(name, name=t.Same("RED"), value=t.Same(1)), a_name(name)):
        for trusted in ([kind], [name]):
            try:
                found = holdfast.loads(blob, trusted=trusted)
            except HoldfastError:
                continue
            if cls != "Deleted":
                assert not strangers.CALLED, strangers.CALLED
            assert type(found) in (kind, dict)
            del found
    strangers.CALLED.clear()


def test_a_class_of_ones_own_comes_back_without_its_methods_being_called() -> None:
    made = strangers.Started()
    made.more = [1, 2]  # type: ignore[attr-defined]
    strangers.CALLED.clear()
    back = holdfast.loads(holdfast.dumps(made), trusted=[strangers.Started])
    assert vars(back) == {"x": 1, "more": [1, 2]}
    assert not strangers.CALLED


# -- C5: beside the working directory -------------------------------------------------------------------------------------

CHILD = """
import sys
sys.path.insert(0, "")
import holdfast, numpy
try:
    holdfast.load({path!r})
except holdfast.HoldfastError as error:
    print(type(error).__name__)
print([name for name in sys.modules if name.startswith(("acme", "shadow"))])
"""


@pytest.mark.parametrize("make", [an_object, a_record, a_name], ids=["object", "record", "name"])
def test_a_module_beside_the_working_directory_is_not_imported(tmp_path: Path, make: Callable[[str], bytes]) -> None:
    marker = tmp_path / "marker"
    (tmp_path / "shadowed.py").write_text(f"open({str(marker)!r}, 'w')\nclass Model: pass\n")
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "__init__.py").write_text(f"open({str(marker)!r}, 'w')\nclass Model: pass\n")
    for name in ("shadowed.Model", "acme.Model"):
        path = tmp_path / "m.safetensors"
        path.write_bytes(make(name))
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(Path(holdfast.__file__).parents[1]), str(ROOT)]))
        done = subprocess.run([sys.executable, "-c", CHILD.format(path=str(path))], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == ["UntrustedType", "[]"]
    assert not marker.exists()


def test_a_trusted_class_is_found_when_only_its_package_is_imported(tmp_path: Path) -> None:
    """What happens to be imported already must not decide whether a class is found."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "__init__.py").write_text("")
    (tmp_path / "acme" / "encoders.py").write_text("class TargetMean: pass\n")
    (tmp_path / "m.safetensors").write_bytes(an_object("acme.encoders.TargetMean", x=t.Same(1)))
    code = "{}import holdfast; print(type(holdfast.load('m.safetensors', trusted=['acme.encoders.TargetMean'])).__name__)"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(tmp_path), str(Path(holdfast.__file__).parents[1])]))
    for first in ("", "import acme; "):
        done = subprocess.run([sys.executable, "-c", code.format(first)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.stdout == "TargetMean\n", done.stderr[-300:]


# -- C11, C13: text that a library might evaluate -------------------------------------------------------------------------


def test_text_that_a_library_might_open_or_evaluate_is_only_text_at_a_load(tmp_path: Path) -> None:
    """A cache folder, a URL, a scorer, code: they come back as the text they were, and nothing is opened, made or fetched."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    marker = tmp_path / "marker"
    code = f"__import__('os').system('touch {marker}')"
    model = {
        "pipeline": Pipeline([("scale", StandardScaler())], memory=str(tmp_path / "cache")),
        "scoring": code, "func": "os:system", "url": "http://127.0.0.1:1/x", "template": "{{ ''.__class__.__mro__ }}", "yaml": "!!python/object/apply:os.system [x]",
    }  # fmt: skip
    path = tmp_path / "m.safetensors"
    holdfast.save(model, path)
    case = Case(path, HoldfastError, lenient=("load", "inspect", "verify"), actions=("load", "inspect", "verify"), may_import=ANY)
    with Watcher(tmp_path, {"text": case}) as answers:
        found = answers["text"]
    assert [answer.get("made") for answer in found.values()] == ["builtins.dict", "builtins.str", "builtins.str"]
    check(case, found)
    back = holdfast.load(path)
    assert {key: back[key] for key in model if key != "pipeline"} == {key: model[key] for key in model if key != "pipeline"}
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(one.name for one in tmp_path.iterdir() if one.name not in ("marker", "cache"))


# -- C14-C17: the policy -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trusted",
    ["*", "acme.Model", "", True, False, ["*"], ["acme.*"], ["*.Model"], [True], [1], [None], [["acme.Model"]], ["__main__.Model"], [""], ["acme"], ["acme..Model"],
     [" acme.Model"], ["acme.Model "], ["acme.Mоdel"], ["acme.Model()"], [b"acme.Model"], b"acme.Model", 1, strangers.Plain, [strangers.Plain()], [strangers.doubled],
     ["acme/Model"], ["acme:Model"], ["os.system\n"]],
    ids=lambda one: re.sub(r" at 0x[0-9a-f]+", "", repr(one)),
)  # fmt: skip
def test_trust_is_a_list_of_exact_names_or_classes(trusted: Any) -> None:
    """C15: a hint and no traceback of ours; ``False`` and an empty text mean nothing, and may be taken for an empty list."""
    for act in (holdfast.loads, holdfast.verify):
        with pytest.raises((TypeError, UntrustedType)) as caught:
            act(an_object("acme.Model"), trusted=trusted)
        text = str(caught.value)
        assert isinstance(caught.value, TypeError) or trusted is False or trusted == ""
        assert "trusted" in text, "the hint says what to pass"
        assert len(text) < 600
        if isinstance(caught.value, TypeError):
            items = trusted if isinstance(trusted, list) else [trusted]
            if trusted is True:
                assert "no such switch" in text
            elif isinstance(trusted, str):
                assert "is one string and not a list" in text
            elif isinstance(trusted, type):
                assert "is one class and not a list" in text
            elif any(isinstance(item, str) and "*" in item for item in items):
                assert "no wildcards" in text


@pytest.mark.parametrize("functions", ["*", True, ["*"], ["acme.*"], [1], [None], ["__main__.f"], ["f"], [strangers.Plain()], [""], ["acme.f "]], ids=lambda one: re.sub(r" at 0x[0-9a-f]+", "", repr(one)))
def test_trusted_functions_are_a_list_of_exact_names_or_functions(functions: Any) -> None:
    with pytest.raises(TypeError):
        holdfast.loads(a_name("acme.f"), trusted_functions=functions)


def test_no_file_alters_what_is_trusted() -> None:
    """C16: the lists, the registrations and the policy are what they were, whatever was loaded."""

    def state() -> Any:
        lists = catalog()
        return set(lists.types), set(lists.values), dict(REGISTERED_CLASSES), set(REGISTERED), NOTHING_MORE, NEVER

    before = state()
    holdfast.loads(holdfast.dumps(strangers.Pair(1, 2)), trusted=[strangers.Pair])
    for case in list(CASES.values())[::5]:
        assert isinstance(case.data, bytes)
        with contextlib.suppress(HoldfastError):
            holdfast.loads(case.data, **case.options)
    assert state() == before
    with pytest.raises(UntrustedType):
        holdfast.loads(holdfast.dumps(strangers.Pair(1, 2)))
    with pytest.raises(AttributeError):
        NOTHING_MORE.names = frozenset({"os.system"})  # type: ignore[misc]


@pytest.mark.parametrize("name", [LOGISTIC, SCALER, "builtins.slice", "builtins.anything", "os.anything", "sys.x", "subprocess.x", "functools.partial", "sklearn.tree._tree.Tree"])
def test_a_shipped_type_cannot_be_taken_over_by_a_registration(name: str) -> None:
    class Mine:
        pass

    before = catalog().types.get(name)
    with pytest.raises(ValueError, match="taken over"):
        holdfast.register(Mine, name=name)
    assert catalog().types.get(name) is before
    assert name not in REGISTERED_CLASSES


def test_a_registration_after_a_file_was_opened_does_not_reach_into_it() -> None:
    """C14: only exact classes, registered by running code; the name of another class is not taken over."""

    class First:
        pass

    class Second:
        pass

    First.__qualname__, Second.__qualname__ = "First", "Second"
    holdfast.register(First, name="acme.Registered")
    try:
        with pytest.raises(ValueError, match="registered"):
            holdfast.register(Second, name="acme.Registered")
        assert type(holdfast.loads(an_object("acme.Registered", x=t.Same(1)))) is First
        with pytest.raises(TrustError):
            holdfast.loads(an_object("acme.Registered", __class__=t.Same(1)))
    finally:
        for table in (REGISTERED_CLASSES, catalog().types):
            table.pop("acme.Registered", None)
        REGISTERED.pop(First, None)


def test_what_is_built_is_what_was_planned() -> None:
    """C17: every class in the result is one that the file names or one of Python's and numpy's own."""
    import datetime
    import decimal

    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = np.arange(20.0).reshape(10, 2) % 7, np.array([0, 1] * 5)
    model = {"pipe": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), "more": [datetime.date(2020, 1, 1), decimal.Decimal(1), {1: slice(1, 2)}]}
    blob = holdfast.dumps(model)
    named = set(holdfast.inspect(blob).types)
    own = {"builtins.dict", "builtins.list", "builtins.tuple", "builtins.set", "builtins.int", "builtins.float", "builtins.str", "builtins.bool", "builtins.NoneType", "numpy.ndarray"}
    seen: set[int] = set()
    queue: list[Any] = [holdfast.loads(blob)]
    while queue:
        one = queue.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        name = f"{type(one).__module__}.{type(one).__qualname__}"
        assert name in named | own or isinstance(one, np.generic), name
        queue += list(one.values()) if isinstance(one, dict) else list(one) if isinstance(one, list | tuple | set) else list(getattr(one, "__dict__", {}).values())
    assert named >= {LOGISTIC, SCALER, "datetime.date", "decimal.Decimal", "builtins.slice"}


@pytest.mark.parametrize("field", ["type", "types", "functions"])
def test_an_inspection_says_what_the_tree_says_and_not_what_the_manifest_claims(field: str) -> None:
    """Audit of one thing, construction of another: the manifest's own words must not hide what would be built."""
    lies = {"type": "sklearn.linear_model._logistic.LogisticRegression", "types": ["sklearn.linear_model._logistic.LogisticRegression"], "functions": ["numpy.log1p"]}
    blob = packed(tree_of(t.Names(["acme.f"]), objects("acme.Evil", call=t.SameRef(0))), **{field: lies[field]})
    try:
        found = holdfast.inspect(blob)
    except FormatError:
        return
    assert "acme.Evil" in found.untrusted
    assert "acme.f" in found.untrusted
    assert found.verdict == "needs trust"
    assert found.type != lies["type"]
    assert found.types == ["acme.Evil"]
    assert found.functions == ["acme.f"]


@pytest.mark.parametrize(("state", "said"), [({1: "x"}, "has a name that is no text"), ({"keep": 1}, "would shadow a method"), ({"__class__": 1}, "is never loaded")])
def test_attributes_that_are_put_on_an_object_are_looked_at(state: Any, said: str) -> None:
    from holdfast.frameworks.making import put_attributes

    class Kept:
        def keep(self) -> None: ...

    with pytest.raises(InvalidState, match=said):
        put_attributes(Kept(), state)
