"""Write docs/libraries.md: every kind of model of every library, saved, loaded and asked again, and what cannot be kept.

The same verdicts are taken by ``tests/libraries/test_contract.py`` in every test run, which compares them with the page.

Run: python tools/libraries.py
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from holdfast.testing.contract import Verdict, judge
from holdfast.testing.specimen import ZOOS, makers

OUT = Path(__file__).resolve().parents[1] / "docs" / "libraries.md"

AGAIN_DIFFERENT = {
    ("statsmodels", "OLS of a frame"): "pandas shares the memory of a frame with its arrays, and a copy does not",
    ("statsmodels", "OLS of an array and a frame"): "as above",
    ("statsmodels", "OLS of a series and an array"): "as above",
    ("statsmodels", "Logit of a series of integers"): "as above",
    ("statsmodels", "ARIMA of days"): "as above",
    ("statsmodels", "SARIMAX of months"): "as above",
    ("statsmodels", "AutoReg of days"): "as above",
    ("statsmodels", "ExponentialSmoothing of quarters"): "as above",
    ("statsmodels", "formula OLS"): "as above",
    ("statsmodels", "formula GLM"): "as above",
    ("statsmodels", "formula Logit"): "as above",
    ("transformers", "transformers: LoRA adapter"): "it loads as an adapter, without the body that it was trained on",
    ("torch", "program of a transformer layer"): "PyTorch simplifies the expressions of sizes when it reads them",
    ("spacy", "spacy: rules"): "spaCy writes the words that it has met",
}
"""Models that give another digest when they are saved again, and why. They answer the same."""

HEAD = """# Libraries

Made by `make libraries`. Each model was saved, loaded with nothing trusted (or with its class named, where it says so), asked again, and
compared bit by bit; then saved again and its content digest compared. `tests/libraries/test_contract.py` does the same in every test
run and compares the result with this page. *Opaque* is the share of the tensor bytes that only the library itself can read.

scikit-learn has a page of its own: [estimators.md](estimators.md), 211 of 211.

"""

TEXTS = {
    "catboost": """CatBoost's own bytes, two kinds of FlatBuffers, are kept as they are and read by their schemas before CatBoost sees them: features, borders,
splits, leaves, packed bins, statistics of categories. Kept beside them is what its own saver drops: best iteration, best score, the scores of
each iteration, the number of features, parameters. Training goes on from a loaded model as it does from one of CatBoost's own files; from the
live model CatBoost goes on differently the first time. **Not kept:** text and embedding features (their parts of the file are not understood
here, so nobody could check them); refused at save.""",
    "holdfast": "What `holdfast.expression` makes: texts, which are parsed again before they are built; see [expressions.md](expressions.md).",
    "imblearn": "Samplers and classifiers are plain Python over scikit-learn's, whose checks apply to what is inside.",
    "jax": """Arrays of every dtype that numpy has, bfloat16, float8 and int4; keys; any pytree; nnx modules by their attributes, linen modules by their
arguments; states of Optax. **Not kept:** closures, such as an initialiser that is not the default of its class, a `GradientTransformation` or a
`TrainState`, which hold functions made inside functions: save the parameters and the state of the optimizer.""",
    "keras": """A model is its description, the names that it uses, and its variables; it is made without being initialised. The same files load on
TensorFlow, PyTorch and JAX. **Never kept:** a `Lambda` layer, or another that holds code or a path (`TorchModuleWrapper`, `TFSMLayer`, `JaxLayer`,
`FlaxLayer`). A class of your own needs `get_config`, a `build` that makes its variables, and `trusted=`; a function of your own needs
`@keras.saving.register_keras_serializable`. An optimizer is kept with its model and not alone. On PyTorch, dropout without a seed draws from PyTorch's own generator, so training goes on to other
losses than uninterrupted training would, as with `.keras`; give the layer a seed.""",
    "lightgbm": """LightGBM's own text is kept as it is and read line by line before LightGBM sees it: half of its numbers have 17 digits, and to write them anew
at each load would take longer than LightGBM takes to read them. Parameters, classes, best iteration, scores, categories and names are kept.
**Not kept:** the training set of a booster that can be trained on; give it again.""",
    "onnx": "The graph is ONNX's own bytes; weights above a kilobyte are tensors of the file. **Not kept:** a model whose data lies in other files.",
    "prophet": "By its attributes; what Stan was run with is found again when it is needed.",
    "spacy": """A pipeline is the files that spaCy writes, which only it can read and nobody else can check; so it is the one library that is never trusted by
default: `trusted=["spacy.lang.en.English"]`.""",
    "statsmodels": """Results hold the model and the training data; `results.remove_data()` before saving leaves it out. A formula is Python that would be
evaluated: only columns, arithmetic and known functions (`C`, `np.log`, `bs`, ...) are accepted, at save and at load. Models beyond those listed here,
such as mixed linear ones, ask for `trusted=`.""",
    "tensorflow": """Without Keras: variables with their names, shapes and settings, tensors, generators, and `tf.Module` by its attributes; modules of
your own classes need `trusted=`, and their `tf.function`s are traced anew. **Not kept:** constraints of variables, which are code; sparse and ragged
tensors (keep their parts); lookup tables; a `tf.function` in an attribute; graphs and SavedModels.""",
    "torch": """Tensors are mapped; tied weights stay tied, views of one storage share it again, and a tensor keeps its strides (quantized ones lie in
rows). Modules of your own classes need `trusted=`. Optimizers and schedules are kept with the parameters that they step. Quantized layers are packed
again for the engine of the machine that loads them. **Not kept:** hooks, lazy layers without weights yet, results with a graph behind them,
TorchScript, graph modules of FX, layers quantized to 2 or 4 bits.

`torch.export` programs are their graph and their tensors, without source lines and without the rows that they were traced with. They are never
trusted by default, `trusted=["torch.export.exported_program.ExportedProgram"]`: no text of a program is evaluated that is not arithmetic over sizes
and its operators are on a list of those that forward passes need, but kernels of PyTorch believe the tensors that a program gives them.
**Not kept:** programs with operators of other packages, or that hand out memory as it was left (`empty`).""",
    "transformers": """A model is its class, its configuration and its tensors, and is made on no device and given them as they are mapped. Classes of the families
on the list need no trust; others do, by name. **Never kept:** what fetches code or data (`auto_map`, quantization configurations, kernels or
backbones by name). Chat templates are programs and are left out with a warning. A PEFT model is saved as its adapter alone; `load(path,
into=body)` attaches it, and `parent=` names the artifact it belongs to.""",
    "xgboost": """A booster's snapshot is taken apart into arrays, one a field for all trees, and written again byte for byte at load, so XGBoost's parser sees
only what was written here from values that were checked. Parameters, classes, best iteration, categories and names are kept, and so is the state
of training. **Not kept:** callbacks that are not plain data, custom objectives without a name.""",
}


def row_of(library: str, name: str, verdict: Verdict) -> str | None:
    """Return the row of one model; None for a plain layer, of which there are too many to list."""
    if library == "torch" and verdict.type.startswith("torch.nn."):
        return None
    answer = "bit-equal" if verdict.same_answer else f"within {verdict.deviation:.0e}"
    again = AGAIN_DIFFERENT.get((library, name), "same" if verdict.same_bytes else "different")
    kind = name.removeprefix(f"{library}: ")
    trusted = "yes" if verdict.trusted else "by name"
    return f"| {kind} | {answer} | {again} | {trusted} | {round(verdict.opaque * 100)} % |"


def main() -> int:
    warnings.simplefilter("ignore")
    lines = [HEAD]
    for library in sorted(ZOOS):
        version = str(importlib.import_module(library).__version__).partition("+")[0]
        lines += [f"## {library} {version}\n", TEXTS[library] + "\n", "| kind | answers | digest when saved again | trusted by default | opaque |", "| --- | --- | --- | --- | --- |"]
        layers = [0, 0]
        for name, make in makers(library).items():
            verdict = judge(make())
            row = row_of(library, name, verdict)
            if row is None:
                layers[0] += 1
                layers[1] += verdict.same_answer and verdict.same_bytes and verdict.trusted
            else:
                lines.append(row)
            sys.stderr.write(f"{library} {name}\n")
        if layers[0]:
            lines.insert(len(lines), f"| layers of torch.nn, {layers[0]} in all | {layers[1]} bit-equal | {layers[1]} same | yes | 0 % |")
        lines.append("")
    OUT.write_text("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
