"""Export every family of models to every target, replay it there, and write docs/fidelity.md and docs/fidelity.json.

    python tools/fidelity.py [NAME ...]     only these models, and print instead of writing

The one rule: figures come from the proofs that users get, through the same function.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

import holdfast  # noqa: E402
from holdfast.errors import ProofFailed  # noqa: E402
from holdfast.exports import onnx_sklearn, onnx_target  # noqa: E402
from holdfast.exports.exporting import Plan  # noqa: E402
from holdfast.exports.families import families_of  # noqa: E402

TARGETS = ("onnx", "pmml")


def models() -> dict[str, Any]:
    """Return name -> a function that gives a model and its example."""
    from tests.export.models import NAMES, made
    from tests.export.test_nets import keras_nets, nets

    found: dict[str, Any] = {name: functools.partial(made, name) for name in NAMES}
    for name in nets():
        found[f"PyTorch: {name}"] = functools.partial(lambda name: nets()[name], name)
    for name in keras_nets():
        found[f"Keras: {name}"] = functools.partial(lambda name: keras_nets()[name], name)
    return found


def tried(model: Any, example: Any, target: str) -> dict[str, Any]:
    """Return the figures of one export, or why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            proof: Any = holdfast.export(model, os.path.join(folder, f"m.{target}"), example=example).proof
            verdict = "proven"
        except ProofFailed as error:
            proof, verdict = error.proof, "refused: it does not answer as the model"
        except holdfast.HoldfastError as error:
            return {"verdict": "refused", "reason": error.message.splitlines()[0][:300]}
    figures = {name: getattr(proof, name) for name in ("plan", "worst", "mean", "beyond", "changed_labels", "tolerance", "rows", "left_out", "not_taken", "differing", "failed", "runtime")}
    return {"verdict": verdict, **figures, "count": proof.count, "left_out": sorted(proof.left_out), "not_taken": sorted(proof.not_taken)}


def naive(model: Any, example: Any) -> dict[str, Any] | None:
    """Return the figures of what most guides do: skl2onnx, float32 in. None where that is no question."""
    if not type(model).__module__.startswith("sklearn") or not hasattr(example, "shape") or hasattr(example, "columns"):
        return None

    def recipe(model: Any, signature: Any) -> Any:
        def make(path: str) -> dict[str, str]:
            graph = onnx_sklearn.convert(model, signature, own_trees=False, double=False)
            return onnx_target.finished(graph, onnx_target.answers_of(model, len(graph.graph.output)), path)

        yield Plan("naive float32", make)

    before = onnx_target.plans
    onnx_target.plans = recipe
    try:
        return tried(model, example, "onnx")
    finally:
        onnx_target.plans = before


def line(name: str, record: dict[str, Any]) -> str:
    """Return one line of the table."""
    cells = [name, record["family"]]
    for target in ("naive", *TARGETS):
        one = record.get(target)
        if one is None:
            cells.append("-")
        elif "worst" not in one:
            cells.append("-" if target == "naive" else f"refused: {one['reason']}".replace("|", "/"))
        else:
            cells.append(cell(one, target != "naive"))
    return "| " + " | ".join(cells) + " |"


def cell(one: dict[str, Any], full: bool) -> str:
    """Return figures as text."""
    if one["failed"]:
        return f"**refused**: the runtime says: {one['failed'].rpartition('refuses rows: ')[2][:120]}".replace("|", "/")
    parts = [f"{one['worst']:.1e}", f"{one['beyond']} / {one['changed_labels']} of {one['count']}"]
    if full:
        parts.append(one["plan"])
        if one["not_taken"]:
            parts.append(f"refuses {', '.join(one['not_taken'])}")
        if one["differing"]:
            parts.append("in " + ", ".join(f"{kind} {count}" for kind, count in one["differing"].items()))
    text = "; ".join(parts)
    return text if one["verdict"] == "proven" else f"**refused**: {text}"


def write(records: dict[str, Any]) -> None:
    """Write both documents."""
    proven = {target: sum(one[target]["verdict"] == "proven" for one in records.values()) for target in TARGETS}
    hurt = [one["naive"] for one in records.values() if one.get("naive") and "worst" in one["naive"]]
    wrong = sum(bool(one["beyond"] or one["changed_labels"] or one["failed"]) for one in hurt)
    worst = max((one["worst"] for one in hurt if not one["failed"]), default=0.0)
    versions = sorted({one[target]["runtime"] for one in records.values() for target in TARGETS if "runtime" in one[target]})
    text = f"""# Fidelity of exports

Written by `make fidelity` (`tools/fidelity.py`) with {', '.join(versions)}. Every line is a model that was exported with `holdfast.export` and
replayed in its own runtime on its example and on rows made to hurt: thresholds of trees and their neighbours, numbers that float32 cannot
hold, values out of range, missing ones, unknown categories, single rows, a large batch. See `exports.md`.

{len(records)} models: {proven['onnx']} proven in ONNX, {proven['pmml']} in PMML. What is not proven is refused and nothing is written.
Of {len(hurt)} models that the usual recipe translates (skl2onnx, float32 in), {wrong} answer a row by more than 1e-5
differently or change a label; the worst deviation among them is {worst:.2g}.

A cell says: worst deviation (absolute up to one, relative beyond); rows beyond 1e-5 / changed labels of rows replayed; plan.

| model | family | the usual recipe | ONNX | PMML |
| --- | --- | --- | --- | --- |
"""
    text += "\n".join(line(name, record) for name, record in records.items()) + "\n"
    (ROOT / "docs" / "fidelity.md").write_text(text, encoding="utf-8")
    (ROOT / "docs" / "fidelity.json").write_text(json.dumps(records, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    warnings.simplefilter("ignore")
    chosen = sys.argv[1:]
    records: dict[str, Any] = {}
    for name, make in models().items():
        if chosen and name not in chosen:
            continue
        model, example = make()
        records[name] = {"family": families_of(model)[0], **{target: tried(model, example, target) for target in TARGETS}, "naive": naive(model, example)}
        print(line(name, records[name]), flush=True)
    if not chosen:
        write(records)


if __name__ == "__main__":
    main()
