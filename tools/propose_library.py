"""Propose the list of trusted types of a library from its zoo: ``python tools/propose_library.py [LIBRARY ...]``.

Every class of the library that a specimen holds is put down with the attributes that its instances have, and the kinds of
each; a person reviews the difference. Written: ``src/holdfast/trust/data/LIBRARY.json``.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from widening import GIVEN, widened_by_meaning

from holdfast.frameworks.adapter import type_name
from holdfast.frameworks.names import name_of
from holdfast.frameworks.walk import dump
from holdfast.testing.specimen import ZOOS, makers
from holdfast.trust.catalog import SHARED, Entry, Library
from holdfast.trust.schema import kinds_of
from holdfast.trust.view import View
from holdfast.values import tree as t
from holdfast.values.graph import Graph

DATA = Path(__file__).resolve().parents[1] / "src" / "holdfast" / "trust" / "data"
WIDER = [{"int", "float"}, {"none", "int"}, {"int", "tuple"}, {"list", "tuple"}]
"""Kinds that users give for one another: where one of a set was seen, the others are proposed as well."""
GIVEN_DATA = ["none", *(f"array:{kind}{axes}" for kind in "biuf" for axes in (1, 2)), "type:pandas.DataFrame", "type:pandas.Series", "object"]
"""Forms in which users give data, which models of statsmodels keep as they were given, or drop when they are told to."""

NEVER = {"torch.export.exported_program.ExportedProgram"}
"""Classes of the zoos that are not trusted by default: kernels believe what a program gives them."""

HOW: dict[str, str] = {}
"""Class -> how it is rebuilt, when that was seen."""

Seen = dict[str, tuple[dict[str, set[str]], set[str]]]


def seen(library: str) -> tuple[Seen, set[str]]:
    """Return, for each class, the kinds of each attribute and the attributes that all instances have; and the functions that they hold."""
    found: Seen = {}
    HOW.clear()
    functions: set[str] = set()
    for make in makers(library).values():
        specimen = make()
        states = [specimen.model]
        if hasattr(specimen.model, "train") and library == "torch":
            states.append(specimen.model.train())
        for model in states:
            _note(model, library, found, functions)
    for name in list(found):
        live = live_class(name)
        if hasattr(live, "get_params"):
            with contextlib.suppress(TypeError):  # one without defaults
                _note(live(), library, found, functions)  # not fitted, as the steps of an ensemble are
    return found, functions


def _note(model: Any, library: str, found: Seen, functions: set[str]) -> None:
    made = dump(model)
    functions |= {name for name in made.functions if belongs(name, library)}
    view = View(Graph(made.tree, len(made.tensors)), None)  # type: ignore[arg-type]
    for table in made.tree.tables:
        if type(table) in (t.Objects, t.Records) and belongs(table.type, library):
            HOW[table.type] = "record" if type(table) is t.Records else ""
            kinds, always = found.setdefault(table.type, ({}, set(table.fields)))
            always &= set(table.fields)
            for field, column in zip(table.fields, table.columns, strict=True):
                kinds.setdefault(field, set()).update(kinds_of(view, column, table.rows))


def live_class(name: str) -> Any:
    """Return the class of a name."""
    module, _, cls = name.rpartition(".")
    return getattr(importlib.import_module(module), cls, None)


def belongs(name: str, library: str) -> bool:
    """Say whether a name is for the list of a library."""
    top = name.partition(".")[0]
    return SHARED.get(top, top) == library


def entry(kinds: dict[str, set[str]], always: set[str], params: set[str], how: str, items: dict[str, list[str]], wide: bool = False, cls: Any = None) -> Entry:
    """Return the line of one class."""
    for name, allowed in kinds.items():
        if wide and any(one.startswith(("array:", "type:pandas.")) for one in allowed):
            allowed |= set(GIVEN_DATA)
        if wide and allowed & {"bool", "str"}:
            allowed |= {"none"}
        for wider in WIDER:
            if allowed & wider:
                allowed |= wider
        if name in params:
            allowed |= set(GIVEN)
    return Entry(
        how=how,
        kinds=widened_by_meaning({field: sorted(allowed) for field, allowed in kinds.items()}, cls),
        params=sorted(always),
        items={field: kinds_ for field, kinds_ in items.items() if field in kinds},
    )


def parameters(name: str) -> set[str]:
    """Return the names of the constructor parameters of an estimator; none for other classes."""
    live = live_class(name)
    try:
        return set(live().get_params()) if hasattr(live, "get_params") else set()
    except TypeError:  # one without a default
        return set(live._get_param_names())


# -- what is not found by looking at instances ------------------------------------------------------------------------

_TENSOR = {
    "array": ["any"], "dtype": ["str"], "requires_grad": ["bool"], "attributes": ["dict"], "layout": ["str"], "shape": ["tuple"],
    "indices": ["type:torch.Tensor"], "values": ["type:torch.Tensor"], "indptr": ["type:torch.Tensor"], "coalesced": ["bool"],
    "scale": ["float", "type:torch.Tensor"], "zero_point": ["int", "type:torch.Tensor"], "axis": ["int"],
}  # fmt: skip
_PACKED = {
    "kind": ["str"], "weight": ["type:torch.Tensor", "type:torch.nn.parameter.Parameter"], "weights": ["tuple"], "biases": ["tuple"],
    "bias": ["none", "type:torch.Tensor", "type:torch.nn.parameter.Parameter"], "numbers": ["tuple"], "reduced": ["bool"],
}  # fmt: skip
_TF_VALUE = {"array": ["any"], "dtype": ["str"], "shape": ["tuple"], "texts": ["list"]}
_TF_ITEMS = {"shape": ["int"], "texts": ["bytes"]}
_MODULE_PARTS = {
    "_parameters": ["none", "type:torch.nn.parameter.Parameter"],
    "_buffers": ["none", "type:torch.Tensor"],
    "_modules": ["none", "object"],
}
_FUNCTIONS = (
    "relu", "relu6", "gelu", "silu", "mish", "elu", "selu", "celu", "leaky_relu", "hardswish", "hardtanh", "hardsigmoid", "softplus", "softsign",
    "tanh", "sigmoid", "logsigmoid", "tanhshrink", "pairwise_distance", "cosine_similarity", "pdist",
)  # fmt: skip
"""Functions of ``torch.nn.functional`` and of ``torch`` that layers hold: activations and distances, pure arithmetic."""


class Extra:
    """What is put down for a library beside what its zoo shows.

    Attributes:
        types: entries of types that are not objects of attributes, or what makes them.
        how: how its classes are rebuilt.
        items: attribute -> kinds that its items may have, for all classes.
        values: makes the names of functions that may be held.
        operators: makes the names of operators that programs may use.
    """

    def __init__(self, types: dict[str, Entry] | Callable[[], dict[str, Entry]] = dict, how: str = "object", items: dict[str, list[str]] | None = None,
                 values: Callable[[], set[str]] = set, operators: Callable[[], set[str]] = set) -> None:  # fmt: skip
        self.types, self.how, self.items, self.values, self.operators = types, how, items or {}, values, operators


def _torch_functions() -> set[str]:
    import torch

    live = [getattr(owner, name) for owner in (torch.nn.functional, torch) for name in _FUNCTIONS if hasattr(owner, name)]
    return {name for one in live if (name := name_of(one)) is not None}


_LEFT_OUT = re.compile(
    r"(fbgemm|mkldnn|miopen|cudnn|quantized|sparse|segment|fused|batch_norm_|choose_qparams|ctc|_fft|_foreach|_cudnn|_mkldnn|_sparse|_nested|rename|align_|refine_names).*"
    r"|.*(backward|empty|resize|_csr|_csc|_bsr|_bsc|_coo|storage|qparams).*"
    r"|(Generator|as_tensor|as_strided_|backward|data|data_ptr|device|fill_diagonal_|from_file|get_device|grad|hash|is_pinned|load|manual_seed|pin_memory|put_?|record_stream|save|seed|set_?|"
    r"set_data|set_grad_enabled|share_memory|tensor|to_mkldnn|to_sparse|untyped_storage|wait|lift_fresh|bin|split_with_sizes_copy|q_.*|int_repr)"
)
"""Operators that no forward pass needs: what opens files, swaps storages, tells addresses, gives memory as it was left, or believes indices."""
_ALSO = {
    "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "_assert_async", "_assert_scalar", "_linalg_check_errors", "_assert_tensor_metadata", "_log_softmax", "_native_batch_norm_legit", "_native_batch_norm_legit_functional",
    "_native_batch_norm_legit_no_training", "_softmax", "_to_copy", "_unsafe_view", "cross_entropy_loss", "detach_", "gelu_", "hardswish_", "im2col", "lift_fresh_copy", "log_sigmoid",
    "matrix_H", "mish_", "nll_loss2d", "nll_loss_forward", "nll_loss_nd", "numpy_T", "pad_sequence", "relu6_", "replication_pad1d", "rrelu_with_noise",
    "scaled_dot_product_attention", "sym_constrain_range", "sym_constrain_range_for_size", "sym_is_contiguous", "sym_numel", "sym_size", "sym_storage_offset", "sym_stride",
    "upsample_bicubic2d", "upsample_linear1d", "upsample_nearest1d", "upsample_nearest3d", "upsample_trilinear3d", "zero",
}  # fmt: skip
"""Operators of programs that are documented under another name."""


def _is_core(name: str) -> bool:
    """Say whether an operator is one of those that every program can be brought down to."""
    import torch

    packet = getattr(torch.ops.aten, name, None)
    return packet is not None and any(torch.Tag.core in getattr(packet, overload).tags for overload in packet.overloads())


def _torch_operators() -> set[str]:
    """Return the operators that PyTorch documents as functions, which check what they are given."""
    import torch

    documented = {*dir(torch), *dir(torch.Tensor), *dir(torch.nn.functional)}
    for prefix in ("linalg", "special", "fft"):
        documented |= {f"{prefix}_{name}" for name in dir(getattr(torch, prefix))}
    found = {schema.name[6:] for schema in torch._C._jit_get_all_schemas() if schema.name.startswith("aten::")}
    public = {name for name in found if name in documented or name.rstrip("_") in documented if not name.startswith("_")} | {name for name in found if _is_core(name)}
    kept = {name for name in public | (_ALSO & found) if name in _ALSO or not _LEFT_OUT.fullmatch(name)}
    return {f"aten.{name}" for name in kept}


def _keras_names() -> set[str]:
    """Return the public classes that a description may name: layers, models, operations, and what they are configured with."""
    from keras.src.ops.operation import Operation

    from holdfast.trust.state.keras import NEVER

    found = {"keras.Sequential", "keras.Model", "keras.DTypePolicy", "keras.src.models.functional.Functional"}
    for place in ("layers", "initializers", "regularizers", "constraints", "optimizers", "optimizers.schedules", "losses", "metrics", "dtype_policies", "quantizers"):
        module = importlib.import_module(f"keras.{place}")
        found |= {name_of(live) or "" for live in vars(module).values() if isinstance(live, type)}
    waiting = [Operation]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        found |= {f"{cls.__module__}.{cls.__qualname__}" for cls in below if cls.__module__.startswith("keras.src.ops.")}
    return {name for name in found if name.startswith("keras.")} - NEVER - {"keras.layers.Layer", "keras.layers.Wrapper", "keras.layers.TensorFlowOpLayer"}


def _keras_types() -> dict[str, Entry]:
    """Return entries of all layers that a file may hold on their own, and of models."""
    import keras

    fields = {"description": ["str"], "classes": ["tuple"], "custom": ["dict"], "variables": ["dict"], "vocabularies": ["dict"], "optimizer": ["list"]}
    required = ["classes", "custom", "description", "variables", "vocabularies"]
    names = _keras_names()
    live = {cls for cls in vars(keras.layers).values() if isinstance(cls, type) and name_of(cls) in names}
    live |= {keras.Sequential, keras.Model, keras.src.models.functional.Functional}
    return {type_name(cls): Entry("record", fields, required, items={"classes": ["name"]}) for cls in live}


def _jax_types() -> dict[str, Entry]:
    """Return entries of all modules of Flax, and of all states of Optax' rules, which are named tuples."""
    import optax  # noqa: F401  its modules are looked through
    from flax import linen, nnx

    found: dict[str, Entry] = {}
    for module, base, entry_ in (
        (nnx, nnx.Variable, Entry("shell", {"[value]": ["object", "any"], "[metadata]": ["dict"]}, ["[metadata]", "[value]"])),
        (nnx, nnx.Pytree, Entry("shell", {"[state]": ["dict"], "[nodes]": ["dict"]}, ["[nodes]", "[state]"])),
        (linen, linen.Module, Entry("record", {"[arguments]": ["dict"], "[name]": ["none", "str"]}, ["[arguments]", "[name]"])),
    ):
        live = {cls for cls in vars(module).values() if isinstance(cls, type) and issubclass(cls, base)}
        found.update({type_name(cls): entry_ for cls in live if cls.__module__.startswith("flax.") and "transforms" not in cls.__module__})
    for name in [name for name in sys.modules if name.startswith("optax")]:
        for cls in vars(sys.modules[name]).values():
            named = isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields") and cls.__module__.startswith("optax.")
            if named and not any(word in cls.__name__ for word in ("Transformation", "Fn")):
                found[type_name(cls)] = Entry("record")
    return found


def _jax_functions() -> set[str]:
    """Return the names of what modules hold: activations, kinds of numbers, and the two products that layers are made of."""
    import jax
    from flax import linen, nnx

    live = [getattr(owner, name, None) for owner in (jax.nn, nnx, linen) for name in (
        "relu", "gelu", "silu", "swish", "elu", "selu", "celu", "glu", "leaky_relu", "hard_tanh", "hard_sigmoid", "hard_swish", "sigmoid", "softplus",
        "soft_sign", "tanh", "log_sigmoid", "softmax", "log_softmax", "relu6", "dot_product_attention", "avg_pool", "max_pool", "mish")]  # fmt: skip
    live += [getattr(jax.numpy, name) for name in ("float32", "float16", "bfloat16", "float64", "int32", "int8", "uint8", "int64", "uint32", "bool_", "tanh", "sin")]
    return {name for one in live if one is not None and (name := name_of(one)) is not None}


FAMILIES = (
    "albert", "bart", "beit", "bert", "big_bird", "bloom", "camembert", "clip", "convbert", "convnext", "convnextv2", "deberta", "deberta_v2", "deit", "detr",
    "dinov2", "distilbert", "electra", "ernie", "falcon", "flaubert", "funnel", "gemma", "gemma2", "gemma3", "gpt2", "gpt_neo", "gpt_neox", "gptj",
    "granite", "hubert", "layoutlm", "led", "llama", "longformer", "luke", "mbart", "mistral", "mixtral", "mobilebert", "mobilenet_v2", "mobilevit",
    "modernbert", "mpnet", "mpt", "mt5", "nystromformer", "olmo", "olmo2", "opt", "pegasus", "phi", "phi3", "poolformer", "qwen2", "qwen3", "regnet",
    "rembert", "resnet", "roberta", "roformer", "rwkv", "segformer", "siglip", "smollm3", "squeezebert", "stablelm", "starcoder2", "swin", "swinv2", "t5",
    "umt5", "vit", "vit_mae", "wav2vec2", "wavlm", "whisper", "xglm", "xlm_roberta", "xlnet", "yolos",
)  # fmt: skip
"""Families of transformers whose modules were looked through for code that fetches or evaluates: `frameworks.transformers_` refuses what does."""


def _transformers_types() -> dict[str, Entry]:
    """Return entries of the models of well-known families, of tokenizers and of adapters."""
    import transformers  # noqa: F401
    from transformers import PreTrainedModel

    model = Entry(
        "record",
        {"configuration": ["str"], "state": ["dict"], "buffers": ["dict"], "frozen": ["tuple"], "training": ["bool"], "generation": ["str"]},
        ["buffers", "configuration", "frozen", "state", "training"],
    )
    found: dict[str, Entry] = {}
    for family in FAMILIES:
        try:
            module = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
        except ImportError:
            continue
        live = [cls for cls in vars(module).values() if isinstance(cls, type) and issubclass(cls, PreTrainedModel) and cls.__module__ == module.__name__]
        found.update({type_name(cls): model for cls in live if cls.config_class is not None})
    tokens = Entry("record", {"tokenizer": ["str"], "options": ["str"]}, ["options", "tokenizer"])
    found["transformers.tokenization_utils_tokenizers.TokenizersBackend"] = tokens
    adapter = Entry("record", {"configuration": ["str"], "weights": ["dict"]}, ["configuration", "weights"])
    import peft

    for cls in {cls for cls in vars(peft).values() if isinstance(cls, type) and issubclass(cls, peft.PeftModel)}:
        found[type_name(cls)] = adapter
    return found


def _holdfast_types() -> dict[str, Entry]:
    """Return entries of our own classes that models are made of."""
    adapter = Entry("record", {"configuration": ["str"], "weights": ["dict"]}, ["configuration", "weights"])
    fields = {"expressions": ["list", "str", "tuple"], "feature_names_in_": ["array:O1"], "keep": ["bool"], "n_features_in_": ["int"], "names": ["list", "none", "str", "tuple"]}
    texts = {name: ["str"] for name in ("expressions", "feature_names_in_", "names")}
    expression = Entry("shell", fields, ["expressions", "keep", "names"], items=texts)
    return {"holdfast.formula.transformer.Expression": expression, "holdfast.frameworks.transformers_.LoadedAdapter": adapter}


EXTRA: dict[str, Extra] = {
    "holdfast": Extra(_holdfast_types),
    "transformers": Extra(_transformers_types),
    "onnx": Extra({"onnx.onnx_ml_pb2.ModelProto": Entry("record", {"graph": ["array:u1"], "weights": ["dict"]}, ["graph", "weights"])}),
    "prophet": Extra({"prophet.forecaster.Prophet": Entry("shell", {"[state]": ["dict"]}, ["[state]"])}),
    "jax": Extra(_jax_types, values=_jax_functions),
    "torch": Extra(
        {
            "torch.Tensor": Entry("record", _TENSOR),
            "torch.nn.parameter.Parameter": Entry("record", _TENSOR, ["requires_grad"]),
            "torch.Size": Entry("record", {"lengths": ["tuple"]}, ["lengths"], items={"lengths": ["int"]}),
            "torch.dtype": Entry("record", {"name": ["str"]}, ["name"]),
            "torch.device": Entry("record", {"name": ["str"]}, ["name"]),
            "torch.ScriptObject": Entry("record", _PACKED, ["kind"], items={"numbers": ["int"]}),
            "torch._C.Generator": Entry("record", {"state": ["type:torch.Tensor"]}, ["state"]),
        },
        "shell",
        _MODULE_PARTS,
        _torch_functions,
        _torch_operators,
    ),
    "catboost": Extra(
        {
            f"catboost.core.{name}": Entry(
                "shell",
                {"model": ["array:u1"], "params": ["dict"], "attributes": ["dict"], "training": ["dict"]},
                ["attributes", "params"],
            )
            for name in ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")
        },
    ),
    "keras": Extra(_keras_types, values=_keras_names),
    "lightgbm": Extra(
        {"lightgbm.basic.Booster": Entry("shell", {"model": ["array:u1"], "attributes": ["dict"]}, ["attributes", "model"])},
    ),
    "tensorflow": Extra(
        {
            "tensorflow.DType": Entry("record", {"name": ["str"]}, ["name"]),
            "tensorflow.Module": Entry("shell", {"[name]": ["str"], "[attributes]": ["dict"]}, ["[attributes]", "[name]"]),
            "tensorflow.Tensor": Entry("record", _TF_VALUE, ["dtype"], items=_TF_ITEMS),
            "tensorflow.TensorShape": Entry("record", {"lengths": ["none", "tuple"]}, ["lengths"], items={"lengths": ["int", "none"]}),
            "tensorflow.Variable": Entry(
                "record",
                {**_TF_VALUE, "aggregation": ["str"], "lengths": ["none", "tuple"], "name": ["str"], "synchronization": ["str"], "trainable": ["bool"]},
                ["aggregation", "dtype", "lengths", "name", "synchronization", "trainable"],
                items={**_TF_ITEMS, "lengths": ["int", "none"]},
            ),
            "tensorflow.random.Generator": Entry("record", {"algorithm": ["int"], "state": ["array:i1"]}, ["algorithm", "state"]),
        },
    ),
    "xgboost": Extra(
        {
            "xgboost.core.Booster": Entry(
                "shell", {"Model": ["dict"], "Config": ["dict"], "[attributes]": ["dict"]}, ["Model", "[attributes]"]
            )
        },
    ),
}


def propose(library: str) -> int:
    """Write the list of one library, and return how many types it has."""
    extra = EXTRA.get(library, Extra())
    types: dict[str, Any] = dict(extra.types() if callable(extra.types) else extra.types)
    found, functions = seen(library)
    for name, (kinds, always) in sorted(found.items()):
        if name not in types and name not in NEVER:
            types[name] = entry(kinds, always, parameters(name), HOW[name] or extra.how, extra.items, library == "statsmodels", live_class(name))
    version = str(importlib.import_module(library).__version__).partition("+")[0]
    made = Library(tried_with={library: version}, types=types, values=sorted(extra.values() | functions), operators=sorted(extra.operators()))
    (DATA / f"{library}.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return len(types)


def main() -> int:
    """Write the lists that were asked for, or all."""
    warnings.simplefilter("ignore")
    for library in sys.argv[1:] or ZOOS:
        sys.stdout.write(f"{library}: {propose(library)} types\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
