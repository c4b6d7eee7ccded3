"""Write docs/formats.md: which formats are read and written for which library, tried with every model of the zoos.

Each model is written by its own library, read by holdfast with nothing trusted, and asked the same again, bit by bit.

Run: python tools/formats.py
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import holdfast
from holdfast.foreign.writers import core_of
from holdfast.testing import zoo
from holdfast.testing.contract import bits
from holdfast.testing.specimen import makers

OUT = Path(__file__).resolve().parents[1] / "docs" / "formats.md"
LIBRARIES = ("scikit-learn", "imblearn", "xgboost", "lightgbm", "catboost", "torch", "keras")

HEAD = """# Formats

Made by `make formats`. Every model of a library's zoo was written by its own library in the format of the row, read by holdfast
with nothing trusted, and asked the same again; a cell says how many answered with the same bits, out of those that the library
itself could write. (scikit-learn and CatBoost: the same bits as when their own reader loads the file.) What is refused is refused by name, with what to do; nothing of any of these files is run.

"""

TAIL = """
## How each is read and written

| format | suffix | read | written by `save` | how safely | refused |
| --- | --- | --- | --- | --- | --- |
| pickle, protocols 0 to 5 | `.pkl` `.pickle` | model | yes | our own opcode machine; no unpickler | calls of anything without a rule, by name |
| joblib, every compression, memory-mapped, several files | `.joblib` `.gz` ... | model | yes | the same | as pickle; links beside the file; LZ4 needs `pip install lz4` |
| cloudpickle, dill | `.cloudpickle` `.dill` | model | yes | the same | functions and classes out of the file: code |
| skops | `.skops` | model | yes | our own reader of its schema | methods, `operator` functions, types not on the list |
| numpy | `.npy` `.npz` | arrays | yes | our own reader; objects are read as a pickle is | as pickle |
| torch.save, zip and older | `.pt` `.pth` | tensors, modules | yes | our own reader of archive and pickle | hooks, packed quantized parameters, tar files |
| torch.export | `.pt2` | program, once `trusted=` names it | yes | the graph is checked, tensors are read, the example is kept as shapes | compiled code, several models in one archive |
| TorchScript | `.pt` | - | - | - | it is code; the weights can be saved |
| Keras | `.keras` | model | yes | the description is checked, weights are read in a confined child | Lambda layers, sharded weights |
| HDF5 | `.h5` | arrays | - | h5py in a confined child | links, external and virtual data, whole models of Keras 2 |
| SavedModel | folder | - | - | - | it is a program |
| XGBoost | `.ubj` `.json` | booster | yes | taken apart and checked before XGBoost sees it | categories in JSON (take `.ubj`) |
| LightGBM | `.txt` | booster | yes | every line is checked | other versions of the text form |
| CatBoost | `.cbm` | model | yes | its tables are checked | text and embedding features |
| ONNX | `.onnx` | predictor | yes, proven | the graph is scanned, then onnxruntime | data outside the folder, cycles, unknown operators; see [exports.md](exports.md) |
| PMML | `.pmml` | predictor | yes, proven | the XML is scanned, then jpmml-evaluator | DTDs, entities; see [exports.md](exports.md) |
| GGUF | `.gguf` | - (`inspect`) | - | our own reader | it runs in llama.cpp |
| MLflow folder | folder | the flavor's file | - | by the format of that file | `python_function` loaders, paths that lead out |

A file is what its bytes say; a suffix that says something else is refused. `holdfast inspect` says of each what it names and what
it would do, without running any of it. More in [foreign.md](foreign.md).
"""


def cases(library: str) -> Iterator[tuple[str, Any, Callable[[Any], Any]]]:
    """Yield each model of a library with its name and how it is asked."""
    if library == "scikit-learn":
        for one in zoo.specimens():
            yield type(one.model).__name__, one.model, lambda model, X=one.X: zoo.answers(model, X)
        return
    for name, make in makers(library).items():
        specimen = make()
        if not specimen.trusted:
            yield name, specimen.model, specimen.ask


def _pickled(protocol: int) -> Callable[[Any, str], None]:
    def write(model: Any, path: str) -> None:
        Path(path).write_bytes(pickle.dumps(model, protocol))

    return write


def _joblib(**options: Any) -> Callable[[Any, str], None]:
    def write(model: Any, path: str) -> None:
        import joblib

        joblib.dump(model, path, **options)

    return write


def _skops(model: Any, path: str) -> None:
    import skops.io

    skops.io.dump(model, path)


def _torch(zipped: bool) -> Callable[[Any, str], None]:
    def write(model: Any, path: str) -> None:
        import torch

        torch.save(model, path, _use_new_zipfile_serialization=zipped)

    return write


def _own(model: Any, path: str) -> None:
    core = core_of(model)
    if type(core).__module__.startswith("keras"):
        core.save(path)
    elif path.endswith(".txt"):
        core.save_model(path, num_iteration=-1)
    else:
        core.save_model(path)


EVERYWHERE = ("scikit-learn", "imblearn", "xgboost", "lightgbm", "catboost", "torch")
FORMATS: dict[str, tuple[str, Callable[[Any, str], None], tuple[str, ...]]] = {
    "pickle, protocol 0": (".pkl", _pickled(0), EVERYWHERE[:5]),  # protocol 0 of a quantized layer ends PyTorch's own process
    "pickle, protocol 2": (".pkl", _pickled(2), EVERYWHERE),
    "pickle, protocol 5": (".pkl", _pickled(5), EVERYWHERE),
    "joblib": (".joblib", _joblib(), EVERYWHERE),
    "joblib, zlib": (".joblib", _joblib(compress=3), EVERYWHERE),
    "joblib, xz": (".joblib", _joblib(compress=("xz", 1)), EVERYWHERE[:4]),
    "skops": (".skops", _skops, EVERYWHERE[:2]),
    "torch.save": (".pt", _torch(True), ("torch",)),
    "torch.save, older": (".pt", _torch(False), ("torch",)),
    ".keras": (".keras", _own, ("keras",)),
    "XGBoost .ubj": (".ubj", _own, ("xgboost",)),
    "XGBoost .json": (".json", _own, ("xgboost",)),
    "LightGBM .txt": (".txt", _own, ("lightgbm",)),
    "CatBoost .cbm": (".cbm", _own, ("catboost",)),
}


def same(library: str, model: Any, back: Any, ask: Callable[[Any], Any], path: str) -> bool:
    """Say whether a model that was read answers as the one that was written; of a bare booster, whether it is the same booster."""
    if path.endswith((".ubj", ".json")):
        return bytes(back.save_raw("ubj")) == bytes(core_of(model).save_raw("ubj"))
    if path.endswith(".txt"):
        return back.model_to_string(num_iteration=-1) == core_of(model).model_to_string(num_iteration=-1)
    if path.endswith(".cbm"):
        return back.tree_count_ == model.tree_count_ and bits(back.get_leaf_values()) == bits(model.get_leaf_values())
    if library in ("catboost", "scikit-learn"):
        # what its own reader makes of the file: CatBoost pickles less of the training than the live model knows, and arrays with gaps
        # become whole, which changes the last bits of one estimator
        model = _by_its_own(path)
    if library == "scikit-learn":
        before, after = ask(model), ask(back)
        return all(zoo.equal(before[key], after[key]) for key in before)
    return bits(ask(model)) == bits(ask(back))


def _by_its_own(path: str) -> Any:
    if path.endswith(".skops"):
        import skops.io

        return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    import joblib

    return joblib.load(path)


def table() -> tuple[dict[str, dict[str, Counter[str]]], dict[str, Counter[str]]]:
    """Try everything; return the counts by format and library, and why models were refused."""
    counts: dict[str, dict[str, Counter[str]]] = {name: {} for name in FORMATS}
    reasons: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for library in LIBRARIES:
            for name, model, ask in cases(library):
                for format_, (suffix, write, libraries) in FORMATS.items():
                    if library not in libraries:
                        continue
                    found = counts[format_].setdefault(library, Counter())
                    path = os.path.join(folder, f"m{suffix}")
                    try:
                        with contextlib.redirect_stdout(io.StringIO()):
                            write(model, path)
                    except Exception:
                        continue  # the library itself does not write it
                    found["written"] += 1
                    try:
                        if same(library, model, holdfast.load(path), ask, path):
                            found["same"] += 1
                        else:
                            found["different"] += 1
                            reasons.setdefault(library, Counter())[f"{name}: answers differ in the last bits ({format_})"] += 1
                    except holdfast.HoldfastError as error:
                        found["refused"] += 1
                        said = error.message.partition("; load it with")[0].partition("\n")
                        reasons.setdefault(library, Counter())[f"{name}: {said[0] if 'needs' not in said[0] else said[2].strip().partition(chr(10))[0]}"] += 1
                    finally:
                        Path(path).unlink(missing_ok=True)
            print(library, {format_: dict(found[library]) for format_, found in counts.items() if library in found}, flush=True)
    return counts, reasons


def page() -> str:
    """Return the page."""
    counts, reasons = table()
    lines = [HEAD, f"| format | {' | '.join(LIBRARIES)} |", f"| --- |{' --- |' * len(LIBRARIES)}"]
    for format_, found in counts.items():
        cells = [f"{found[one]['same']} of {found[one]['written']}" if one in found else "" for one in LIBRARIES]
        lines.append(f"| {format_} | {' | '.join(cells)} |")
    lines.append("\n## What is refused, and why\n")
    for library, why in reasons.items():
        seen: dict[str, list[str]] = {}
        for text in why:
            name, _, said = text.partition(": ")
            seen.setdefault(said.replace("|", "/")[:200], []).append(name)
        lines += [f"- {library}: {said} ({', '.join(dict.fromkeys(names[:4]))}{', ...' if len(names) > 4 else ''})" for said, names in seen.items()]
    return "\n".join(lines) + "\n" + TAIL


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    OUT.write_text(page())
    print(f"wrote {OUT}")
