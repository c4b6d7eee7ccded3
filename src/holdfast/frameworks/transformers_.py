"""Hugging Face: a model is its class, its configuration and its tensors; a tokenizer its own description; an adapter is its own small file.

Strategy. A model is made on no device from its configuration, so that nothing is initialised or allocated, and given its tensors
as they are mapped: parameters, and all buffers, also those that a state dict leaves out. A PEFT model is saved as its adapter
alone, to be attached to the body that it belongs to.

The one rule: a configuration that would fetch or run code - remote classes, kernels or backbones by name - is neither saved nor loaded.
"""

from __future__ import annotations

import importlib
import json
import warnings
from typing import Any

import msgspec

from holdfast.errors import HoldfastError, HoldfastWarning, InvalidState, UnsupportedModel, VersionMismatch
from holdfast.frameworks.adapter import Adapter, Record

_FETCHING = ("auto_map", "quantization_config", "custom_pipelines", "trust_remote_code")
"""Keys of a configuration that lead to code or data elsewhere, when they hold anything."""


def check_configuration(text: Any) -> dict[str, Any]:
    """Return a configuration as a dict.

    Raises:
        InvalidState: it is not one, or it would fetch something.
    """
    try:
        config = msgspec.json.decode(text) if type(text) is str else None
    except (msgspec.DecodeError, RecursionError, ValueError):
        config = None
    if type(config) is not dict:
        raise InvalidState("the configuration of a model cannot be read; the file is damaged or was altered.")
    waiting: list[tuple[str, Any, int]] = [("", config, 0)]
    while waiting:
        name, one, depth = waiting.pop()
        if depth > 64:
            raise InvalidState("the configuration of a model nests deeper than 64; the file is damaged or was altered.")
        if name in _FETCHING and one not in (None, {}, [], False):
            raise InvalidState(f"the configuration has {name}, which leads to code or data elsewhere; no model that needs it is kept")
        if name == "use_pretrained_backbone" and one:
            raise InvalidState("the configuration asks for a pretrained backbone, which would be fetched; no model that needs it is kept")
        if "attn_implementation" in name and type(one) is str and "/" in one:
            raise InvalidState(f"the configuration names the kernel {one[:80]!r}, which would be fetched; no model that needs it is kept")
        if type(one) is dict:
            waiting += [(key, value, depth + 1) for key, value in one.items()]
        elif type(one) is list:
            waiting += [("", value, depth + 1) for value in one]
    return config


# -- models ----------------------------------------------------------------------------------------------------------------


def _dump_model(model: Any) -> dict[str, Any]:
    kind = type(model)
    if type(model.config) is not kind.config_class:
        raise UnsupportedModel(f"cannot save a {kind.__name__}: its configuration is a {type(model.config).__name__} and no {kind.config_class.__name__}")
    if getattr(model, "_hf_peft_config_loaded", False):
        raise UnsupportedModel(f"cannot save a {kind.__name__} with adapters loaded into it; save the PeftModel, or merge them first")
    text = _text(model.config)
    try:
        check_configuration(text)
    except InvalidState as error:
        raise UnsupportedModel(f"cannot save a {kind.__name__}: {error.message}") from None
    state = model.state_dict(keep_vars=True)
    fields: dict[str, Any] = {
        "configuration": text,
        "state": {name: tensor.detach() for name, tensor in state.items()},
        "buffers": {name: buffer for name, buffer in model.named_buffers(remove_duplicate=False) if name not in state},
        "frozen": tuple(name for name, parameter in model.named_parameters() if not parameter.requires_grad),
        "training": bool(model.training),
    }
    generation = getattr(model, "generation_config", None)
    if generation is not None:
        fields["generation"] = json.dumps(generation.to_diff_dict(), sort_keys=True, default=str)
    return fields


def _text(config: Any) -> str:
    found = config.to_dict()
    found.pop("transformers_version", None)  # the manifest says it
    found["_attn_implementation"] = config._attn_implementation
    return json.dumps(found, sort_keys=True, default=str)


def _model(cls: Any) -> Record:
    def build(fields: dict[str, Any]) -> Any:
        torch = importlib.import_module("torch")
        config = check_configuration(fields["configuration"])
        attention = config.pop("_attn_implementation", None)
        state, buffers = fields["state"], fields["buffers"]
        try:
            made = cls.config_class.from_dict(config)
            made._attn_implementation = attention
            with torch.device("meta"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = cls(made)
            _same_shapes(model.state_dict(), state, cls)
            model.load_state_dict(state, assign=True)
            model.tie_weights()
            for name, buffer in buffers.items():
                owner, _, short = name.rpartition(".")
                module = model.get_submodule(owner)
                if short not in module._buffers:
                    raise InvalidState(f"{cls.__name__} has no buffer {name[:80]!r}; the file is damaged or was altered.")
                module._buffers[short] = buffer
        except HoldfastError:
            raise
        except Exception as error:
            raise VersionMismatch(
                f"transformers cannot make a {cls.__name__} of this configuration again ({type(error).__name__}: {str(error)[:300]}); "
                "load it with the version that it was saved with (holdfast inspect shows it)"
            ) from None
        left = [name for name, tensor in (*model.named_parameters(), *model.named_buffers()) if tensor.is_meta]
        if left:
            raise InvalidState(f"{cls.__name__}: {left[0]} is not in the file; it is damaged or was altered.")
        frozen = set(fields["frozen"])
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name not in frozen and parameter.is_floating_point())
        if "generation" in fields:
            model.generation_config = importlib.import_module("transformers").GenerationConfig.from_dict(check_configuration(fields["generation"]))
        return model.train(fields["training"] is True)

    return Record(_dump_model, build)


def _same_shapes(wanted: Any, given: Any, cls: Any) -> None:
    """Refuse tensors that are missing, too many, or of another shape, before anything is made of them."""
    missing, extra = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    wrong = [name for name in wanted if name in given and tuple(wanted[name].shape) != tuple(given[name].shape)]
    if missing or extra or wrong:
        said = [f"{what}: {', '.join(names[:5])}" for what, names in (("missing", missing), ("not of the model", extra), ("of another shape", wrong)) if names]
        raise InvalidState(f"the tensors do not fit {cls.__name__} ({'; '.join(said)}); the file is damaged or was altered, or made by another version")


# -- tokenizers --------------------------------------------------------------------------------------------------------------


def _dump_tokenizer(tokenizer: Any) -> dict[str, Any]:
    options = {key: value for key, value in tokenizer.init_kwargs.items() if _is_plain(value) and key not in ("chat_template", "name_or_path", "tokenizer_file", "vocab_file")}
    if getattr(tokenizer, "chat_template", None):
        warnings.warn(
            f"the chat template of a {type(tokenizer).__name__} is a program, and is not saved; set tokenizer.chat_template again after loading",
            HoldfastWarning,
            stacklevel=2,
        )
    kept = {name: getattr(tokenizer, name) for name in _KEPT}
    return {"tokenizer": tokenizer.backend_tokenizer.to_str(), "options": json.dumps({"options": options, "kept": kept}, sort_keys=True)}


_KEPT = ("model_max_length", "padding_side", "truncation_side", "clean_up_tokenization_spaces")
"""Attributes of a tokenizer that people set after it was made."""


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _tokenizer(cls: Any) -> Record:
    def build(fields: dict[str, Any]) -> Any:
        both = check_configuration(fields["options"])
        options, kept = both.get("options"), both.get("kept")
        if type(options) is not dict or type(kept) is not dict or not set(kept) <= set(_KEPT):
            raise InvalidState("the options of a tokenizer are not ones; the file is damaged or was altered.")
        if any(key.endswith("_file") or key in ("chat_template", "tokenizer_object") for key in options):
            raise InvalidState("the options of a tokenizer name a file or a program; the file is damaged or was altered.")
        tokens = importlib.import_module("tokenizers").Tokenizer.from_str(fields["tokenizer"])
        # the class itself would make its vocabulary anew; this one takes the description as it stands
        made = importlib.import_module("transformers").PreTrainedTokenizerFast(tokenizer_object=tokens, **options)
        made.init_kwargs = options
        made.__dict__.update(kept)
        made.__class__ = cls
        return made

    return Record(_dump_tokenizer, build)


# -- adapters ----------------------------------------------------------------------------------------------------------------


class LoadedAdapter:
    """The adapter of a PEFT model, which a file holds without the body that it belongs to.

    Attributes:
        configuration: what PEFT is told to make it, a dict.
        weights: tensors by name.
    """

    def __init__(self, configuration: dict[str, Any], weights: dict[str, Any]) -> None:
        self.configuration = configuration
        self.weights = weights

    def attach(self, body: Any) -> Any:
        """Return a PEFT model of a body with this adapter.

        Args:
            body: the model that the adapter was trained on; it is changed, as PEFT does.

        Raises:
            InvalidState: the adapter does not fit the body; names the tensors.
        """
        peft = importlib.import_module("peft")
        kinds = importlib.import_module("peft.mapping").PEFT_TYPE_TO_CONFIG_MAPPING
        kind = kinds.get(self.configuration.get("peft_type"))
        if kind is None:
            raise InvalidState("the adapter is of a kind that PEFT does not know; the file is damaged or was altered.")
        import dataclasses

        known = {field.name for field in dataclasses.fields(kind) if field.init}
        model = peft.get_peft_model(body, kind(**{key: value for key, value in self.configuration.items() if key in known and key != "peft_type"}))
        wanted = peft.get_peft_model_state_dict(model)
        _same_shapes(wanted, self.weights, type(body))
        peft.set_peft_model_state_dict(model, dict(self.weights))
        return model


def _dump_adapter(model: Any) -> dict[str, Any]:
    peft = importlib.import_module("peft")
    if len(model.peft_config) != 1:
        raise UnsupportedModel(f"cannot save a PEFT model with {len(model.peft_config)} adapters; delete all but one, and save each on its own")
    config = next(iter(model.peft_config.values())).to_dict()
    plain = {key: sorted(value) if isinstance(value, set) else getattr(value, "value", value) for key, value in config.items()}
    plain = {key: value for key, value in plain.items() if value is not None and key not in ("base_model_name_or_path", "auto_mapping", "peft_version")}
    text = json.dumps(plain, sort_keys=True, default=str)
    check_configuration(text)
    return {"configuration": text, "weights": {name: tensor.detach() for name, tensor in peft.get_peft_model_state_dict(model).items()}}


def _adapter(cls: Any) -> Record:
    def build(fields: dict[str, Any]) -> Any:
        return LoadedAdapter(check_configuration(fields["configuration"]), fields["weights"])

    return Record(_dump_adapter, build)


ADAPTERS: dict[str, Adapter] = {
    "holdfast.frameworks.transformers_.LoadedAdapter": Record(
        lambda one: {"configuration": json.dumps(one.configuration, sort_keys=True), "weights": dict(one.weights)},
        lambda fields: LoadedAdapter(check_configuration(fields["configuration"]), fields["weights"]),
    )
}

FAMILIES = {
    "peft.peft_model.PeftModel": _adapter,
    "transformers.modeling_utils.PreTrainedModel": _model,
    "transformers.tokenization_utils_tokenizers.TokenizersBackend": _tokenizer,
}
"""Exact name of a class -> what makes the adapter of a class below it."""
