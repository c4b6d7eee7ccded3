"""What reading foreign files costs, beside their own readers: ``python -m bench.foreign [--quick]`` writes docs/bench_foreign.{md,json}.

Each round asks both systems in turns in one process; the figures are medians. A large pickle is inspected in a fresh process, whose
memory is measured. Folder conversion is a command, on one worker and on two.

The one rule: a figure stands beside its peer, from the same run.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pickle
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

from bench.run import BUILD, machine

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7


def contest(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Return the medians, in seconds, of two that take turns; each begins half of the rounds."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds):
        for which in (0, 1) if round_ % 2 else (1, 0):
            gc.collect()
            start = time.perf_counter()
            made = (ours, theirs)[which]()
            times[which].append(time.perf_counter() - start)
            del made
    return statistics.median(times[0]), statistics.median(times[1])


def models(quick: bool) -> dict[str, Any]:
    """Return the models that are read."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 40))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=20_000) > 0).astype(int)
    words = [f"w{number:x}" for number in rng.permutation(50_000 if quick else 500_000)]
    texts = [" ".join(words[start : start + 1000]) for start in range(0, len(words), 1000)]
    return {
        "scaler + logistic regression": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
        f"forest, {50 if quick else 500} trees": RandomForestClassifier(50 if quick else 500, random_state=0, n_jobs=2).fit(X, y),
        "hist gradient boosting": HistGradientBoostingClassifier(max_iter=300, random_state=0).fit(X, y),
        f"tf-idf, {len(words):,} words": TfidfVectorizer(token_pattern=r"\S+").fit(texts),
    }


def reading(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Time the readers."""
    import joblib
    import skops.io

    import holdfast

    rows = []
    for name, model in models(quick).items():
        paths = {form: folder / f"m{suffix}" for form, suffix in (("joblib", ".joblib"), ("pickle 5", ".pkl"), ("skops", ".skops"), ("joblib, zlib 3", ".zlib.joblib"))}
        joblib.dump(model, paths["joblib"])
        joblib.dump(model, paths["joblib, zlib 3"], compress=3)
        paths["pickle 5"].write_bytes(pickle.dumps(model, 5))
        skops.io.dump(model, paths["skops"])
        for form, path in paths.items():
            theirs: Callable[[], Any] = {
                "pickle 5": lambda path=path: pickle.loads(path.read_bytes()),
                "skops": lambda path=path: skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path)),
            }.get(form, lambda path=path: joblib.load(path))
            ours, peer = contest(lambda path=path: holdfast.load(path), theirs, 3 if quick or form == "skops" else ROUNDS)
            rows.append({"model": name, "format": form, "mb": path.stat().st_size / 1e6, "holdfast": ours, "its own reader": peer, "ratio": ours / peer})
            print(rows[-1], flush=True)
            path.unlink()
    return rows


LOOK = """
import sys, time
import holdfast
start = time.perf_counter()
found = holdfast.inspect(sys.argv[1])
took = time.perf_counter() - start
assert found.type, found
# the peak of this process alone: what getrusage says begins with that of the parent
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(took, int(peak.split()[1]) / 1024)
"""


def looking(folder: Path, quick: bool) -> dict[str, float]:
    """Inspect a pickle of a gigabyte, in a fresh process."""
    path = folder / "large.pkl"
    arrays = {f"a{number}": np.ones((1 << (18 if quick else 24)), np.float64) for number in range(8)}
    path.write_bytes(pickle.dumps({"weights": arrays, "kind": "dense"}, 5))
    size = path.stat().st_size
    done = subprocess.run([sys.executable, "-c", LOOK, str(path)], check=True, capture_output=True, text=True)
    seconds, resident = map(float, done.stdout.split())
    path.unlink()
    return {"gb": size / 1e9, "seconds": seconds, "resident_mib": resident}


def folders(folder: Path, quick: bool) -> dict[str, float]:
    """Convert a folder of pickles with one worker and with two."""
    from sklearn.ensemble import RandomForestRegressor

    old = folder / "old"
    old.mkdir()
    rng = np.random.default_rng(1)
    X = rng.normal(size=(5000, 20))
    for number in range(4 if quick else 24):
        model = RandomForestRegressor(60, random_state=number).fit(X, X[:, 0] * X[:, 1])
        (old / f"m{number}.pkl").write_bytes(pickle.dumps(model, 5))
    took = {}
    for workers in (1, 2):
        new = folder / f"new{workers}"
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "holdfast", "convert", str(old), str(new), "--workers", str(workers)], check=True, capture_output=True)
        took[f"workers {workers}"] = time.perf_counter() - start
        shutil.rmtree(new)
    return {"files": len(list(old.iterdir())), **took, "mb": sum(one.stat().st_size for one in old.iterdir()) / 1e6}


def page(found: dict[str, Any]) -> str:
    """Return the page."""
    rows = [
        f"| {one['model']} | {one['format']} | {one['mb']:.1f} | {one['holdfast'] * 1e3:.1f} | {one['its own reader'] * 1e3:.1f} | {one['ratio']:.2f} |" for one in found["reading"]
    ]
    look, folder = found["looking"], found["folders"]
    forest = next(one for one in found["reading"] if one["model"].startswith("forest") and one["format"] == "joblib")
    targets = [
        ("joblib file of the forest, against `joblib.load`", f"{forest['ratio']:.2f}", "1.5", forest["ratio"] <= 1.5),
        (f"`inspect` of a pickle of {look['gb']:.2f} GB", f"{look['seconds']:.2f} s, {look['resident_mib']:.0f} MiB resident at most", "2 s, arrays not read", look["seconds"] <= 2),
        (f"folder of {folder['files']} files, {folder['mb']:.0f} MB: two workers against one", f"{folder['workers 2'] / folder['workers 1']:.2f} ({folder['workers 2']:.1f} s, {folder['workers 1']:.1f} s)", "below 0.75",
         folder["workers 2"] / folder["workers 1"] < 0.75),
    ]  # fmt: skip
    lines = [
        "# Foreign files: what reading them costs\n",
        f"Made by `python -m bench.foreign`. {found['machine']['line']}. Medians in milliseconds, taken in turns in one process.\n",
        "A load of holdfast's reads the file as data, checks types and state, and builds the model; the peers run it (skops: reads and builds it).\n",
        "| target | measured | bound | |", "| --- | --- | --- | --- |",
        *(f"| {what} | {value} | {bound} | {'met' if met else 'missed'} |" for what, value, bound, met in targets),
        "\n| model | format | MB | holdfast, ms | its own reader, ms | ratio |", "| --- | --- | --- | --- | --- | --- |", *rows,
        "\nA large vocabulary costs most: half a million words are a million and a half opcodes, each followed in Python.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run everything."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="small models, written to build/bench only")
    quick = options.parse_args().quick
    warnings.simplefilter("ignore")
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    out = BUILD / "bench" if quick else ROOT / "docs"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        folder = Path(name)
        found = {"machine": machine(), "looking": looking(folder, quick), "folders": folders(folder, quick), "reading": reading(folder, quick)}
    (out / "bench_foreign.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "bench_foreign.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
