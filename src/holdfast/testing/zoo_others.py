"""A zoo of libraries with a few kinds of model each: transformers and PEFT, ONNX, Prophet, spaCy. A name begins with its library.

The one rule: everything is made from a configuration here, and nothing is fetched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from holdfast.testing.specimen import Specimen

_SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 50}


def _tokens() -> Any:
    import torch

    return torch.arange(12).reshape(2, 6) % 50


def _transformer(config: str, cls: str, **more: Any) -> Specimen:
    import torch
    import transformers

    torch.manual_seed(0)
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    model = getattr(transformers, cls)(getattr(transformers, config)(**{**special, **more})).eval()

    def ask(one: Any) -> Any:
        with torch.no_grad():
            out = one(input_ids=_tokens(), **({"decoder_input_ids": _tokens()} if "T5" in cls else {}))
        return [np.asarray(value) for value in out.to_tuple() if isinstance(value, torch.Tensor)]

    return Specimen(model, ask)


def _half() -> Specimen:
    import torch

    made = _transformer("LlamaConfig", "LlamaForCausalLM", num_key_value_heads=2, **_SMALL)
    model = made.model.to(torch.bfloat16)
    model.model.embed_tokens.weight.requires_grad_(False)

    def ask(one: Any) -> Any:
        with torch.no_grad():
            return [one(input_ids=_tokens()).logits.float().numpy(), [p.requires_grad for p in one.parameters()], str(one.dtype)]

    return Specimen(model, ask)


def _vision() -> Specimen:
    import torch
    import transformers

    torch.manual_seed(0)
    small = {key: value for key, value in _SMALL.items() if key != "vocab_size"}
    model = transformers.ViTForImageClassification(transformers.ViTConfig(image_size=16, patch_size=8, num_labels=3, **small)).eval()
    pixels = torch.randn(2, 3, 16, 16)

    def ask(one: Any) -> Any:
        with torch.no_grad():
            return one(pixel_values=pixels).logits.numpy()

    return Specimen(model, ask)


def _tokenizer() -> Specimen:
    import tokenizers
    import transformers

    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"hold": 0, "fast": 1, "[UNK]": 2, "[PAD]": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64)
    return Specimen(made, lambda one: [one(["hold fast", "hold on fast"], padding=True)["input_ids"], one.pad_token_id, one.model_max_length, one.decode([0, 1])])


def _lora() -> Specimen:
    import peft
    import torch

    def body() -> Any:
        return _transformer("BertConfig", "BertForSequenceClassification", **_SMALL).model

    model = peft.get_peft_model(body(), peft.LoraConfig(r=4, lora_alpha=8, target_modules=["query", "value"], task_type="SEQ_CLS"))
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_()
    model.eval()

    def ask(one: Any) -> Any:
        whole = one.attach(body()).eval() if hasattr(one, "attach") else one
        with torch.no_grad():
            return whole(input_ids=_tokens()).logits.numpy()

    return Specimen(model, ask)


def _onnx() -> Specimen:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).normal(size=(20, 30)).astype("float32")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Relu", ["y"], ["z"])], "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 20])], [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 30])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    def ask(one: Any) -> Any:
        import onnxruntime

        onnx.checker.check_model(one)
        session = onnxruntime.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": weight.T[:3, :20].copy()})

    return Specimen(model, ask)


def _prophet(**settings: Any) -> Specimen:
    import pandas as pd
    import prophet

    for name in ("cmdstanpy", "prophet", "prophet.plot"):
        logging.getLogger(name).setLevel(logging.ERROR)
    days = pd.date_range("2025-01-01", periods=90)
    table = pd.DataFrame({"ds": days, "y": np.sin(np.arange(90) / 7) + np.arange(90) / 50, "cap": 10.0})
    model = prophet.Prophet(uncertainty_samples=0, **settings)
    if settings.get("growth") != "logistic":
        model.add_country_holidays("DK")
    model.fit(table, seed=0)
    future = pd.DataFrame({"ds": pd.date_range("2025-03-01", periods=60), "cap": 10.0})
    return Specimen(model, lambda one: one.predict(future)["yhat"].to_numpy())


def _spacy() -> Specimen:
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "CITY", "pattern": "Aarhus"}])

    def ask(one: Any) -> Any:
        doc = one("Aarhus is a city. It holds fast.")
        return [[(ent.text, ent.label_) for ent in doc.ents], [str(sent) for sent in doc.sents], one.pipe_names]

    return Specimen(pipeline, ask, ("spacy.lang.en.English",))


def _spacy_trained() -> Specimen:
    import spacy
    from spacy.training import Example

    spacy.util.fix_random_seed(0)
    pipeline = spacy.blank("en")
    pipeline.add_pipe("textcat").add_label("GOOD")
    pipeline.get_pipe("textcat").add_label("BAD")
    examples = [Example.from_dict(pipeline.make_doc(text), {"cats": {"GOOD": good, "BAD": 1 - good}}) for text, good in (("hold fast", 1.0), ("let go", 0.0))]
    optimizer = pipeline.initialize(lambda: examples)
    for _ in range(3):
        pipeline.update(examples, sgd=optimizer)
    return Specimen(pipeline, lambda one: [one("hold on").cats, one("go").cats], ("spacy.lang.en.English",))


MAKERS: dict[str, Callable[[], Specimen]] = {
    "transformers: BERT, classifier": lambda: _transformer("BertConfig", "BertForSequenceClassification", num_labels=3, **_SMALL),
    "transformers: BERT, tied": lambda: _transformer("BertConfig", "BertForMaskedLM", **_SMALL),
    "transformers: GPT-2": lambda: _transformer("GPT2Config", "GPT2LMHeadModel", n_embd=16, n_layer=2, n_head=2, vocab_size=50),
    "transformers: Llama": lambda: _transformer("LlamaConfig", "LlamaForCausalLM", num_key_value_heads=2, **_SMALL),
    "transformers: Llama in bfloat16, partly frozen": _half,
    "transformers: T5": lambda: _transformer("T5Config", "T5ForConditionalGeneration", d_model=16, num_layers=2, num_heads=2, d_kv=8, d_ff=24, vocab_size=50, decoder_start_token_id=0),
    "transformers: ViT": _vision,
    "transformers: tokenizer": _tokenizer,
    "transformers: LoRA adapter": _lora,
    "onnx: graph": _onnx,
    "prophet: trend, seasons, holidays": _prophet,
    "prophet: logistic growth": lambda: _prophet(growth="logistic", seasonality_mode="multiplicative"),
    "spacy: rules": _spacy,
    "spacy: text classifier": _spacy_trained,
}  # fmt: skip
"""Library: kind -> what makes a specimen."""
