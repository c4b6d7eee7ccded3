"""What a store costs: ``python -m bench.store [--quick] [--only PART ...]`` writes docs/bench_store.{md,json}.

Beside each figure stands its peer from the same run: a file, a copy, MLflow with its SQLite store. The catalog of 100,000 versions is
filled by its tables, as a store of many years has it.

The one rule: a figure stands beside its peer, from the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import store_catalog, store_transfer
from bench.foreign import contest
from bench.run import BUILD, machine

ROOT = Path(__file__).resolve().parent.parent


def _bytes_below(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def _timed(work: Callable[[], Any], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def tuned(folder: Path, quick: bool) -> dict[str, float]:
    """Keep 20 versions of a net with a frozen body."""
    import torch

    import holdfast

    width = 512 if quick else 3600
    body = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(8)))
    head = torch.nn.Linear(width, 10)
    net = torch.nn.Sequential(body, head)
    body_bytes = sum(one.nbytes for one in body.parameters())
    head_bytes = sum(one.nbytes for one in head.parameters())
    store = holdfast.connect(folder / "tuned")
    for number in range(20):
        with torch.no_grad():
            head.weight.fill_(float(number))
        store.save(net, "net")
    stored = _bytes_below(folder / "tuned" / "blobs")
    return {"versions": 20, "body_mb": body_bytes / 1e6, "heads_mb": 20 * head_bytes / 1e6, "stored_mb": stored / 1e6, "ratio": (stored - 20 * head_bytes) / body_bytes}


def saving(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Save to a store and to a file, in turns; each save has other bytes, so that nothing is there already."""
    import holdfast

    rows = []
    store = holdfast.connect(folder / "saving")
    rng = np.random.default_rng(0)
    for name, count, each in (("12 kB", 1, 1_500), ("100 MB in one array", 1, 12_500_000), ("200 MB in 50 arrays", 50, 500_000)):
        if quick and each > 100_000:
            each //= 50
        model = {f"a{number}": rng.normal(size=each) for number in range(count)}
        turn = iter(range(10_000))

        def changed(model: Any = model, turn: Any = turn) -> Any:
            for array in model.values():
                array[:: max(1, len(array) // 7)] = float(next(turn))
            return model

        rounds = 25 if each < 10_000 else 11  # a disk has its moods
        names = iter(range(10_000))
        # each file stays, as each version does: one that takes the place of another has its memory, too
        ours, theirs = contest(lambda: store.save(changed(), "m"), lambda names=names, each=each: holdfast.save(changed(), folder / f"{each}-{next(names)}.safetensors"), rounds)
        rows.append({"model": name, "store": ours, "file": theirs, "ratio": ours / theirs})
        print(rows[-1], flush=True)
        store.load("m@latest")
    return rows


def loading(folder: Path, quick: bool) -> dict[str, float]:
    """Load by alias and from a file, in turns."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import holdfast

    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 20))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
    store = holdfast.connect(folder / "loading")
    store.save(model, "churn", alias="production")
    holdfast.save(model, folder / "churn.safetensors")
    for _ in range(3):
        store.load("churn@production")
    ours, theirs = contest(lambda: store.load("churn@production"), lambda: holdfast.load(folder / "churn.safetensors"), 30 if quick else 300)
    return {"alias_ms": ours * 1e3, "file_ms": theirs * 1e3, "more_ms": (ours - theirs) * 1e3}


MLFLOW = """
import contextlib, io, json, logging, os, statistics, sys, time, warnings
warnings.simplefilter("ignore")
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
folder, kind, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
logging.disable(logging.WARNING)
import mlflow, numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
import holdfast
address = f"sqlite:///{folder}/mlflow.db" if kind == "sqlite" else f"file://{folder}/mlruns"
mlflow.set_tracking_uri(address)
mlflow.set_registry_uri(address)
experiment = mlflow.create_experiment("bench", artifact_location=f"file://{folder}/artifacts")
X = np.random.default_rng(0).normal(size=(500, 20))
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
store = holdfast.connect(f"{folder}/store")
def log(**more):
    with mlflow.start_run(experiment_id=experiment):
        mlflow.sklearn.log_model(model, name="model", registered_model_name="churn", **more)
def save(**more):
    model[1].intercept_[0] += 1e-9  # as a model that was trained again: its bytes are not there yet
    store.save(model, "churn", **more)
lean = {"pip_requirements": ["scikit-learn"], "serialization_format": "pickle"}
pairs = {
    "log_lean": (save, lambda: log(**lean), rounds),
    "log": (save, log, 2),
    "log_example": (lambda: save(example=X[:5]), lambda: log(input_example=X[:5]), 2),
    "load": (lambda: store.load("churn:1"), lambda: mlflow.sklearn.load_model("models:/churn/1"), rounds),
    "load_pyfunc": (lambda: store.load("churn:1"), lambda: mlflow.pyfunc.load_model("models:/churn/1"), rounds),
}
times = {}
with contextlib.redirect_stdout(io.StringIO()):
    for name, (ours, theirs, count) in pairs.items():
        if count == rounds:
            ours(); theirs()
        took = ([], [])
        for _ in range(count):
            for which, work in enumerate((ours, theirs)):
                start = time.perf_counter(); work(); took[which].append(time.perf_counter() - start)
        times[name] = [statistics.median(one) for one in took]
print(json.dumps(times | {"version": mlflow.__version__}))
"""
MLFLOW_ROWS = {
    "log": "log a small pipeline, as one calls it",
    "both": "log it so, and load it with `mlflow.sklearn`",
    "log_example": "log it with an example of five rows",
    "log_lean": "log it with pickle and what it needs told",
    "load": "load it with `mlflow.sklearn`",
    "load_pyfunc": "load it with `mlflow.pyfunc`",
}


def mlflow(folder: Path, quick: bool) -> dict[str, Any]:
    """Log and load the same model with MLflow and its two stores, each in a process of its own."""
    found = {}
    for kind in ("sqlite", "file"):
        where = folder / f"mlflow-{kind}"
        where.mkdir()
        done = subprocess.run([sys.executable, "-c", MLFLOW, str(where), kind, "2" if quick else "9"], check=True, capture_output=True, text=True)
        found[kind] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _mlflow_rows(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    rows = []
    for kind, shown in (("sqlite", "SQLite"), ("file", "files")):
        both = [log + load for log, load in zip(found[kind]["log"], found[kind]["load"], strict=True)]
        for name, what in MLFLOW_ROWS.items():
            ours, theirs = both if name == "both" else found[kind][name]
            measured = f"{theirs / ours:.0f} times ({ours * 1e3:.3g}, {theirs * 1e3:.4g} ms)"
            rows.append((f"{what}: MLflow {found[kind]['version']} on {shown} against holdfast", measured, "20 times", theirs / ours >= 20))
    return rows


def page(found: dict[str, Any]) -> str:
    """Return the page."""
    tuned_, load, flow = found["tuned"], found["loading"], found["mlflow"]
    large = [one for one in found["saving"] if "MB" in one["model"]]
    targets = [
        (f"{tuned_['versions']} versions of a net with a frozen body of {tuned_['body_mb']:.0f} MB: bytes without the heads, against one copy", f"{tuned_['ratio']:.3f}", "1.1", tuned_["ratio"] <= 1.1),
        *((f"save of {one['model']} to a folder, against files that stay, too", f"{one['ratio']:.2f}", "1.2", one["ratio"] <= 1.2) for one in large),
        ("load by alias: beyond loading the file", f"{load['more_ms']:.2f} ms ({load['alias_ms']:.2f}, {load['file_ms']:.2f})", "2 ms", load["more_ms"] <= 2),
        *store_catalog.targets(found["catalog"]),
        *store_transfer.targets(found["carried"]),
        *_mlflow_rows(flow),
    ]  # fmt: skip
    lines = [
        "# What a store costs\n", f"Made by `python -m bench.store`. {found['machine']['line']}. Medians, taken in turns.\n", "| target | measured | bound | |", "| --- | --- | --- | --- |",
        *(f"| {what} | {value} | {bound} | {'met' if met else 'missed'} |" for what, value, bound, met in targets),
        "\n| saved | store, ms | file, ms | ratio |", "| --- | --- | --- | --- |",
        *(f"| {one['model']} | {one['store'] * 1e3:.1f} | {one['file'] * 1e3:.1f} | {one['ratio']:.2f} |" for one in found["saving"]),
        "\nA save of a small model waits for the disk: its blob, layout, manifest, record and the catalog's log are each flushed, a file is flushed once.",
        *store_transfer.lines(found["carried"]),
        *store_catalog.lines(found["catalog"]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


PARTS: dict[str, Callable[[Path, bool], Any]] = {
    "tuned": tuned, "saving": saving, "loading": loading, "mlflow": mlflow,
    "catalog": lambda folder, quick: store_catalog.measured(folder / "catalog", quick), "carried": lambda folder, quick: store_transfer.measured(folder, quick),
}  # fmt: skip


def main() -> None:
    """Run everything."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="small models, written to build/bench only")
    options.add_argument("--only", nargs="+", choices=PARTS, help="measure these anew, and keep what docs/bench_store.json says of the others")
    given = options.parse_args()
    quick = given.quick
    warnings.simplefilter("ignore")
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    out = BUILD / "bench" if quick else ROOT / "docs"
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "bench_store.json"
    found = json.loads(kept.read_text()) if given.only else {}
    folder = Path(tempfile.mkdtemp(dir=BUILD))
    try:
        found["machine"] = machine()
        for name in given.only or PARTS:
            found[name] = PARTS[name](folder, quick)
            kept.write_text(json.dumps(found, indent=1) + "\n")  # what was measured is kept, whatever comes next
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    (out / "bench_store.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
