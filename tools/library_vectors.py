"""Golden files of the other libraries: a few small models each, with what they answer.

Files lie under ``tests/libraries/vectors/FORMAT/LIBRARY-VERSION/``. Beside ``NAME.safetensors`` is ``NAME.json``: the specimen of the zoo whose
question it is asked, the digests that ``inspect`` has to give, and the numbers of the answer.

The one rule: a golden file is never written twice; another version of a library gets another folder.

Run: python tools/library_vectors.py
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import holdfast
from holdfast.testing.specimen import makers
from holdfast.values.manifest import FORMAT_VERSION

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "libraries" / "vectors" / str(FORMAT_VERSION)
CHOSEN: dict[str, tuple[str, ...]] = {
    "catboost": ("classifier of categories", "regressor by leaves", "ranker"),
    "imblearn": ("SMOTE", "Pipeline"),
    "jax": ("pytree", "nnx Sequential", "linen Dense", "Adam"),
    "keras": ("sequential", "functional", "trained by Adam"),
    "lightgbm": ("classifier of categories", "regressor with linear leaves", "booster of classes"),
    "onnx": ("onnx: graph",),
    "prophet": ("prophet: logistic growth",),
    "spacy": ("spacy: rules",),
    "statsmodels": ("OLS of a frame", "formula OLS", "GLM Poisson", "ARIMA"),
    "tensorflow": ("variables", "tf.Module"),
    "torch": ("LSTM", "BatchNorm2d", "TransformerEncoderLayer", "weight norm", "training with AdamW", "training on a OneCycleLR",
              "quantized dynamically", "quantized convolutions", "program", "program with a branch"),
    "transformers": ("transformers: BERT, classifier", "transformers: tokenizer", "transformers: LoRA adapter"),
    "xgboost": ("classifier of categories", "regressor of three targets, one tree", "regressor with dropout", "booster of classes"),
}
NUMBERS = 300
"""Numbers of an answer that are kept."""


def numbers(value: Any) -> list[float]:
    """Return the numbers of an answer in order, at most so many."""
    found: list[float] = []
    waiting = [value]
    while waiting and len(found) < NUMBERS:
        one = waiting.pop(0)
        if isinstance(one, Mapping):
            waiting[:0] = list(one.values())
        elif isinstance(one, list | tuple):
            waiting[:0] = list(one)
        elif hasattr(one, "detach"):
            waiting.insert(0, one.detach().cpu().float().numpy())
        else:
            array = np.asarray(one)
            if array.dtype.kind in "biuf":
                found += array.astype(float).ravel().tolist()
    return found[:NUMBERS]


def main() -> int:
    warnings.simplefilter("ignore")
    for library, names in CHOSEN.items():
        version = str(importlib.import_module(library).__version__).partition("+")[0]
        folder = FOLDER / f"{library}-{version}"
        for name in names:
            path = folder / f"{re.sub('[^a-zA-Z0-9]+', '-', name.removeprefix(f'{library}: ')).strip('-').lower()}.safetensors"
            if path.exists():
                continue
            folder.mkdir(parents=True, exist_ok=True)
            specimen = makers(library)[name]()
            holdfast.save(specimen.model, path)
            found = holdfast.inspect(path)
            answer = numbers(specimen.ask(holdfast.load(path, trusted=list(specimen.trusted))))
            expected = {"library": library, "specimen": name, "id": found.id, "content": found.content, "answer": [repr(one) for one in answer]}
            path.with_suffix(".json").write_text(json.dumps(expected) + "\n")
            sys.stdout.write(f"{path.relative_to(FOLDER)} {path.stat().st_size}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
