"""Hostile files of the libraries beyond scikit-learn: boosters, formulas, configurations, graphs, tensors.

The one rule: every refusal is typed, no process dies, and nothing is fetched, opened or evaluated.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.errors import HoldfastError, InvalidState, TrustError, UnsupportedModel, UntrustedType
from holdfast.frameworks.adapter import Record, Shell
from holdfast.testing.specimen import makers

pytestmark = pytest.mark.filterwarnings("ignore")

BOOSTERS = [
    ("xgboost", "holdfast.frameworks.xgboost_", "xgboost.core.Booster", ("classifier", "classifier of categories", "regressor, pruned", "regressor of three targets, one tree", "regressor with dropout")),
    ("lightgbm", "holdfast.frameworks.lightgbm_", "lightgbm.basic.Booster", ("classifier", "classifier of categories", "regressor with linear leaves", "booster of classes")),
    ("catboost", "holdfast.frameworks.catboost_", "catboost.core.CatBoostClassifier", ("classifier", "classifier of categories", "classifier of categories in combinations", "classifier of categories in values")),
    ("catboost", "holdfast.frameworks.catboost_", "catboost.core.CatBoostRegressor", ("regressor by leaves", "regressor of two targets")),
]  # fmt: skip
CASES = [(library, module, kind, name) for library, module, kind, names in BOOSTERS for name in names]


def mutate(library: str, module: str, kind: str, name: str, count: int, seed: int) -> tuple[int, int]:
    """Run mutations in a process of their own, and return how many files loaded and how many were refused."""
    arguments = [library, module, kind, name, str(count), str(seed)]
    run = subprocess.run([sys.executable, "-m", "tests.hostile.booster_mutations", *arguments], capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, f"exit {run.returncode} at {run.stderr.strip().splitlines()[-1:]}"
    loaded, refused = map(int, run.stdout.split()[-2:])
    return loaded, refused


@pytest.mark.parametrize(("library", "module", "kind", "name"), CASES, ids=[f"{case[0]} {case[3]}" for case in CASES])
def test_three_hundred_altered_boosters_are_refused_or_harmless(library: str, module: str, kind: str, name: str) -> None:
    loaded, refused = mutate(library, module, kind, name, 300, 1)
    assert refused > 100
    assert loaded + refused > 250


@pytest.mark.long
@pytest.mark.parametrize(("library", "module", "kind", "name"), CASES, ids=[f"{case[0]} {case[3]}" for case in CASES])
def test_a_thousand_altered_boosters_are_refused_or_harmless(library: str, module: str, kind: str, name: str) -> None:
    loaded, refused = mutate(library, module, kind, name, 1000, 2)
    assert refused > 400
    assert loaded + refused > 850


# -- fields of adapters that lie -------------------------------------------------------------------------------------------


def altered(table: dict[str, Any], kind: str, model: Any, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return a file whose fields were changed before they were written."""
    genuine = table[kind]

    def dump(one: Any) -> dict[str, Any]:
        fields = dict(genuine.dump(one))
        change(fields)
        return fields

    table[kind] = Record(dump, genuine.build) if isinstance(genuine, Record) else Shell(dump, genuine.make, genuine.fill)
    try:
        return holdfast.dumps(model)
    finally:
        table[kind] = genuine


TENSOR_LIES: dict[str, dict[str, Any]] = {
    "another dtype": {"dtype": "float64"},
    "a dtype that is none": {"dtype": "float31"},
    "a dtype that is a function": {"dtype": "compile"},
    "no array": {"array": "text"},
    "an unknown layout": {"layout": "strided"},
    "a shape that is none": {"layout": "meta", "shape": (-1, 2)},
    "a shape beyond memory": {"layout": "meta", "shape": (2**62, 2**62)},
    "quantized without a scale": {"layout": "quantized", "values": None, "scale": 0.0, "zero_point": 0, "dtype": "qint8"},
    "attributes that are none": {"attributes": [1]},
}


@pytest.mark.parametrize("name", TENSOR_LIES)
def test_a_tensor_that_lies_is_refused(name: str) -> None:
    import torch

    from holdfast.frameworks import torch_

    blob = altered(torch_.ADAPTERS, "torch.Tensor", torch.ones(2, 2), lambda fields: fields.update(TENSOR_LIES[name]))
    with pytest.raises(HoldfastError):
        holdfast.loads(blob)


SPARSE_LIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "an index outside": lambda fields: fields["indices"][0].__setitem__(0, 99),
    "a negative index": lambda fields: fields["indices"][0].__setitem__(0, -5),
    "unsorted, and says that it is coalesced": lambda fields: fields.update(indices=fields["indices"].flip(1)),
    "fewer values": lambda fields: fields.update(values=fields["values"][:1]),
    "a shape that is too small": lambda fields: fields.update(shape=(1, 1)),
}


@pytest.mark.parametrize("name", SPARSE_LIES)
def test_a_sparse_tensor_that_lies_is_refused(name: str) -> None:
    import torch

    from holdfast.frameworks import torch_

    def change(fields: dict[str, Any]) -> None:
        if "indices" in fields:
            fields["indices"] = fields["indices"].clone()
            SPARSE_LIES[name](fields)

    blob = altered(torch_.ADAPTERS, "torch.Tensor", torch.eye(4).to_sparse(), change)
    with pytest.raises(HoldfastError):
        holdfast.loads(blob)


# -- text that would be evaluated or fetched -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "formula",
    ["y ~ __import__('os').system('touch /tmp/holdfast-was-here')", "y ~ open('/etc/passwd')", "y ~ x.__class__", "y ~ np.load('x')", "y ~ (lambda: 1)()", "y ~ [c for c in x]",
     "y ~ eval('1')", "y ~ I(getattr(x, 'y'))", "y ~ __builtins__", "y ~ f'{x}'", "y ~ x if x else y", "y ~ np.lib.format", "y ~ " + "(" * 500 + "x" + ")" * 500, 5, None],
)  # fmt: skip
def test_a_formula_that_is_a_program_is_refused_before_it_is_evaluated(formula: Any) -> None:
    from holdfast.frameworks.statsmodels_ import check_formula

    with pytest.raises(InvalidState):
        check_formula(formula)


@pytest.mark.parametrize("formula", ["y ~ a + b", "np.log(y) ~ C(city) + a:b + a*b - 1", "y ~ bs(a, df=4) + I(a**2) + Q('an odd name') + np.log1p(b)", "y ~ C(city, Treatment('A'))", "y ~ a + 0"])
def test_ordinary_formulas_are_not(formula: str) -> None:
    from holdfast.frameworks.statsmodels_ import check_formula

    check_formula(formula)


def test_a_stored_formula_is_looked_at_when_it_is_loaded() -> None:
    from holdfast.frameworks import statsmodels_
    from holdfast.frameworks.adapter import family_adapter

    results = makers("statsmodels")["formula OLS"]().model
    family_adapter.cache_clear()
    genuine = statsmodels_.FAMILIES["statsmodels.base.data.ModelData"]

    def altered_data(cls: type) -> Shell:
        made = genuine(cls)
        return Shell(lambda data: {**made.dump(data), "formula": "y ~ __import__('os').getcwd()"}, made.make, made.fill)

    statsmodels_.FAMILIES["statsmodels.base.data.ModelData"] = altered_data
    try:
        blob = holdfast.dumps(results)
    finally:
        statsmodels_.FAMILIES["statsmodels.base.data.ModelData"] = genuine
        family_adapter.cache_clear()
    with pytest.raises(InvalidState, match="evaluated as Python"):
        holdfast.loads(blob)


CONFIGURATIONS: dict[str, Any] = {
    "code elsewhere": {"auto_map": {"AutoModel": "someone/else--modeling.Model"}},
    "a kernel": {"_attn_implementation": "kernels-community/flash"},
    "a kernel inside": {"text_config": {"attn_implementation": "a/b"}},
    "a backbone": {"backbone": "resnet50", "use_pretrained_backbone": True},
    "quantization": {"quantization_config": {"quant_method": "gptq"}},
    "no dict": [],
    "deep": json.loads("[" * 80 + "]" * 80),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_that_would_fetch_something_is_refused(name: str) -> None:
    from holdfast.frameworks.transformers_ import check_configuration

    value = CONFIGURATIONS[name]
    with pytest.raises(InvalidState):
        check_configuration(json.dumps({"inner": value} if name == "deep" else value))


def test_a_transformer_whose_tensors_do_not_fit_is_refused_with_their_names() -> None:
    from holdfast.frameworks import transformers_
    from holdfast.frameworks.adapter import family_adapter

    model = makers("transformers")["transformers: BERT, classifier"]().model
    genuine = transformers_.FAMILIES["transformers.modeling_utils.PreTrainedModel"]

    def lying(change: Callable[[dict[str, Any]], None]) -> bytes:
        family_adapter.cache_clear()

        def dump(one: Any) -> dict[str, Any]:
            fields = transformers_._dump_model(one)
            change(fields)
            return fields

        transformers_.FAMILIES["transformers.modeling_utils.PreTrainedModel"] = lambda cls: Record(dump, genuine(cls).build)
        try:
            return holdfast.dumps(model)
        finally:
            transformers_.FAMILIES["transformers.modeling_utils.PreTrainedModel"] = genuine
            family_adapter.cache_clear()

    def huge(fields: dict[str, Any]) -> None:
        fields["configuration"] = json.dumps({**json.loads(fields["configuration"]), "hidden_size": 2**30})

    for change, said in (
        (lambda fields: fields["state"].pop("classifier.weight"), "missing: classifier.weight"),
        (lambda fields: fields["state"].update(more=fields["state"]["classifier.bias"]), "not of the model: more"),
        (lambda fields: fields["state"].update({"classifier.bias": fields["state"]["classifier.weight"]}), "of another shape: classifier.bias"),
        (huge, "of another shape"),
    ):
        blob = lying(change)  # type: ignore[arg-type]
        with pytest.raises(InvalidState, match=said):
            holdfast.loads(blob)


def test_an_onnx_model_whose_data_lies_elsewhere_is_refused_both_ways() -> None:
    from holdfast.frameworks import onnx_

    model = makers("onnx")["onnx: graph"]().model

    def outside(one: Any) -> Any:
        one.graph.initializer[0].data_location = 1
        one.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
        return one

    copy = type(model)()
    copy.CopyFrom(model)
    with pytest.raises(UnsupportedModel, match="other files"):
        holdfast.dumps(outside(copy))

    def change(fields: dict[str, Any]) -> None:
        one = type(model)()
        one.ParseFromString(fields["graph"].tobytes())
        fields["graph"] = np.frombuffer(bytearray(outside(one).SerializeToString()), np.uint8)

    blob = altered(onnx_.ADAPTERS, "onnx.onnx_ml_pb2.ModelProto", model, change)
    with pytest.raises(InvalidState, match="other files"):
        holdfast.loads(blob)


def test_a_spacy_pipeline_is_never_trusted_by_default_and_writes_nothing_elsewhere() -> None:
    specimen = makers("spacy")["spacy: rules"]()
    blob = holdfast.dumps(specimen.model)
    with pytest.raises(UntrustedType, match=r"spacy\.lang\.en\.English"):
        holdfast.loads(blob)
    from holdfast.frameworks import spacy_

    adapter = spacy_.FAMILIES["spacy.language.Language"](type(specimen.model))
    for name in ("../x", "/tmp/x", "a/../../x", "..", "", ".hidden/../x", "a\\b", "a\0b"):
        with pytest.raises(InvalidState, match="file called"):
            adapter.build({"files": {name: np.zeros(1, np.uint8)}})


def test_a_jax_array_that_lies_is_refused() -> None:
    import jax

    from holdfast.frameworks import jax_

    kind = "jaxlib._jax.ArrayImpl"
    for change in ({"array": "x"}, {"dtype": "bfloat16"}, {"dtype": "nothing"}, {"array": np.zeros(3)}):
        blob = altered(jax_.ADAPTERS, kind, jax.numpy.ones(3), lambda fields, change=change: fields.update(change))  # type: ignore[misc]
        with pytest.raises(HoldfastError):
            holdfast.loads(blob)


# -- functions, closures, callables ------------------------------------------------------------------------------------------


def local() -> Any:
    return lambda rows: rows


@pytest.mark.parametrize("make", [lambda: local(), lambda: local, lambda: (lambda: 1), lambda: {"f": print}.get], ids=["closure", "function of a test", "lambda", "bound method"])
def test_callables_are_refused_with_advice_or_need_trust(make: Callable[[], Any]) -> None:
    try:
        blob = holdfast.dumps({"model": make()})
    except UnsupportedModel as error:
        assert any(word in str(error) for word in ("found again", "bound method", "top level"))  # noqa: PT017
        return
    with pytest.raises(TrustError, match="trusted_functions"):
        holdfast.loads(blob)


@pytest.mark.parametrize("library", ["torch", "xgboost", "lightgbm", "catboost", "keras", "statsmodels", "prophet", "transformers", "onnx", "jax"])
def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(library: str) -> None:
    first = next(iter(makers(library)))
    blob = holdfast.dumps(makers(library)[first]().model)
    code = """
import sys, holdfast
from holdfast.errors import LibraryMissing
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
try:
    holdfast.loads(sys.stdin.buffer.read())
except LibraryMissing as error:
    sys.stdout.write(str(error))
"""
    blocked = {"jax": "jax,jaxlib,flax", "onnx": "onnx"}.get(library, library)
    run = subprocess.run([sys.executable, "-c", code, blocked], input=blob, capture_output=True, timeout=120)
    assert run.returncode == 0, run.stderr.decode()[-600:]
    assert b"pip install" in run.stdout, run.stdout


# -- layers --------------------------------------------------------------------------------------------------------------


def test_layers_with_other_tensors_and_numbers_are_refused_or_harmless() -> None:
    arguments = [sys.executable, "-m", "tests.hostile.layer_mutations", "4", "0"]
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, f"exit {run.returncode} at {run.stderr.strip().splitlines()[-1:]}"
    loaded, refused = map(int, run.stdout.split()[-2:])
    assert loaded > 100
    assert refused > 10


RECURRENT: dict[str, tuple[str, Any]] = {
    "no layers": ("num_layers", 0),
    "fewer layers": ("num_layers", 1),
    "more layers": ("num_layers", 3),
    "layers without end": ("num_layers", 2**31 - 1),
    "no width": ("hidden_size", 0),
    "another width": ("hidden_size", 6),
    "another input": ("input_size", 7),
    "one way": ("bidirectional", False),
    "with projections": ("proj_size", 2),
    "projections wider than the layer": ("proj_size", 9),
    "another kind": ("mode", "GRU"),
    "an unknown kind": ("mode", "MLP"),
    "with a bias": ("bias", True),
    "names of other weights": ("_flat_weights_names", ["weight_ih_l0"]),
    "other groups of names": ("_all_weights", [["weight_ih_l0"]]),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_layer_whose_numbers_are_not_those_of_its_weights_is_refused(name: str) -> None:
    model = makers("torch")["LSTM, deep, both ways"]().model
    attribute, value = RECURRENT[name]
    model.__dict__[attribute] = value
    blob = holdfast.dumps(model)
    with pytest.raises(InvalidState):
        holdfast.loads(blob)


def test_a_recurrent_layer_with_other_weights_is_refused() -> None:
    import torch

    for name, tensor in (("weight_ih_l0", torch.zeros(20, 7)), ("more", torch.zeros(1))):
        model = makers("torch")["LSTM"]().model
        model._parameters[name] = torch.nn.Parameter(tensor)
        blob = holdfast.dumps(model)
        with pytest.raises(InvalidState):
            holdfast.loads(blob)


def test_a_form_of_a_booster_that_is_not_known_is_refused_when_it_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.frameworks import lightgbm_, ubj, xgboost_

    model = makers("lightgbm")["booster"]().model
    monkeypatch.setattr(lightgbm_, "_text", lambda booster: b"tree\nversion=v5\n")
    with pytest.raises(UnsupportedModel, match="does not know"):
        holdfast.dumps(model)
    booster = makers("xgboost")["booster"]().model
    monkeypatch.setattr(xgboost_.ubj, "write", lambda value: bytearray(b"{}"))
    assert ubj is xgboost_.ubj
    with pytest.raises(UnsupportedModel, match="does not know"):
        holdfast.dumps(booster)


def shadowed(kind: str) -> Any:
    """Return a model with an attribute in the place of one of its methods."""
    import torch

    if kind == "tensor":
        made: Any = torch.ones(2)
        made.add = "x"
    elif kind == "layer":
        made = torch.nn.Linear(2, 2)
        made.__dict__["forward"] = "x"
    elif kind == "optimizer":
        made = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))])
        made.zero_grad = "x"
    elif kind == "nnx":
        from flax import nnx

        made = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
        vars(made)["train"] = "x"
    elif kind == "tensorflow":
        import tensorflow as tf

        made = tf.Module()
        vars(made)["with_name_scope"] = "x"
    elif kind == "prophet":
        made = next(make for name, make in makers("prophet").items() if "logistic" in name)().model
        made.predict = "x"
    else:
        made = makers("catboost")["classifier"]().model
        made.predict = "x"
    return made


@pytest.mark.parametrize("kind", ["tensor", "layer", "optimizer", "nnx", "tensorflow", "prophet", "catboost"])
def test_an_attribute_in_the_place_of_a_method_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.frameworks import walk

    monkeypatch.setattr(walk, "misfit", lambda *_: None)  # a save says no as well
    blob = holdfast.dumps(shadowed(kind))
    with pytest.raises(InvalidState, match="would shadow a method"):
        holdfast.loads(blob)
