"""Between a model and its tree: one file per library, and the walk and the build that they plug into.

The one rule: an adapter converts, and nothing else: no paths, no bytes, no environment, no decision about trust.

To add a library: write ``frameworks/<library>_.py`` with a table ``ADAPTERS`` and add its line to ``LIBRARIES``.
"""

from __future__ import annotations

LIBRARIES: dict[str, str] = {
    "builtins": "holdfast.frameworks.python_",
    "collections": "holdfast.frameworks.python_",
    "datetime": "holdfast.frameworks.python_",
    "decimal": "holdfast.frameworks.python_",
    "fractions": "holdfast.frameworks.python_",
    "functools": "holdfast.frameworks.python_",
    "pathlib": "holdfast.frameworks.python_",
    "random": "holdfast.frameworks.python_",
    "re": "holdfast.frameworks.python_",
    "types": "holdfast.frameworks.python_",
    "uuid": "holdfast.frameworks.python_",
    "zoneinfo": "holdfast.frameworks.python_",
    "numpy": "holdfast.frameworks.numpy_",
    "scipy": "holdfast.frameworks.scipy_",
    "pandas": "holdfast.frameworks.pandas_",
    "sklearn": "holdfast.frameworks.sklearn_",
    "catboost": "holdfast.frameworks.catboost_",
    "flax": "holdfast.frameworks.jax_",
    "jax": "holdfast.frameworks.jax_",
    "jaxlib": "holdfast.frameworks.jax_",
    "keras": "holdfast.frameworks.keras_",
    "lightgbm": "holdfast.frameworks.lightgbm_",
    "holdfast": "holdfast.frameworks.holdfast_",
    "onnx": "holdfast.frameworks.onnx_",
    "prophet": "holdfast.frameworks.prophet_",
    "statsmodels": "holdfast.frameworks.statsmodels_",
    "tensorflow": "holdfast.frameworks.tensorflow_",
    "torch": "holdfast.frameworks.torch_",
    "xgboost": "holdfast.frameworks.xgboost_",
}
"""First part of a type's name -> the module that holds the adapters of its library."""

FAMILIES: dict[str, str] = {
    "flax.linen.module.Module": "holdfast.frameworks.jax_",
    "flax.nnx.pytreelib.Pytree": "holdfast.frameworks.jax_",
    "flax.nnx.variablelib.Variable": "holdfast.frameworks.jax_",
    "keras.src.layers.layer.Layer": "holdfast.frameworks.keras_",
    **dict.fromkeys(
        (
            "statsmodels.base.data.ModelData",
            "statsmodels.base.model.Model",
            "statsmodels.base.model.Results",
            "statsmodels.base.wrapper.ResultsWrapper",
            "statsmodels.genmod.families.family.Family",
            "statsmodels.genmod.families.links.Link",
            "statsmodels.genmod.families.varfuncs.Binomial",
            "statsmodels.genmod.families.varfuncs.NegativeBinomial",
            "statsmodels.genmod.families.varfuncs.Power",
            "statsmodels.genmod.families.varfuncs.VarianceFunction",
            "statsmodels.tsa.statespace.initialization.Initialization",
            "statsmodels.tsa.statespace.representation.Representation",
        ),
        "holdfast.frameworks.statsmodels_",
    ),
    "peft.peft_model.PeftModel": "holdfast.frameworks.transformers_",
    "spacy.language.Language": "holdfast.frameworks.spacy_",
    "transformers.modeling_utils.PreTrainedModel": "holdfast.frameworks.transformers_",
    "transformers.tokenization_utils_tokenizers.TokenizersBackend": "holdfast.frameworks.transformers_",
    "tensorflow.python.module.module.Module": "holdfast.frameworks.tensorflow_",
    "torch.nn.modules.module.Module": "holdfast.frameworks.torch_",
    "torch.optim.optimizer.Optimizer": "holdfast.frameworks.torch_",
}
"""Exact name of a class -> the module that makes the adapters of all classes below it, in its table ``FAMILIES``."""
