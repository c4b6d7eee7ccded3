"""The rows that are not "save and load this": digests, first touch, import cost, compression, MLflow.

Each function takes a folder and whether to be quick, and returns medians by name.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.systems import BY_NAME as SYSTEMS
from bench.systems import flush as flushed
from bench.timing import remove, size_of, timed
from bench.workloads import BY_NAME as WORKLOADS


def _in_turn(actions: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Run all once, untimed, then in turns; return the medians."""
    for action in actions.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            seconds, result = timed(action)
            times[name].append(seconds)
            del result
    return {name: median(taken) for name, taken in times.items()}


def flush(folder: Path, quick: bool) -> dict[str, Any]:
    """What the disk itself asks for a durable file, without any model."""
    numbers = iter(range(1_000_000))

    def written(durable: bool, renamed: bool) -> None:
        path = folder / f"flush-{next(numbers)}"
        path.write_bytes(b"x" * 4096)
        if durable:
            flushed(str(path), folder=not renamed)
        if renamed:
            path = path.rename(folder / f"flush-{next(numbers)}")
            flushed(str(folder), folder=False)
        leftover.append(str(path))

    leftover: list[str] = []
    ways = {
        "write": partial(written, False, False),
        "write, flush file and folder": partial(written, True, False),
        "write, flush, rename, flush folder": partial(written, True, True),
    }
    try:
        return _in_turn(ways, 5 if quick else 41)
    finally:
        for path in leftover:
            remove(path)


def verify(folder: Path, quick: bool) -> dict[str, Any]:
    """`verify` of 1 GB beside BLAKE3 on all cores over the mapped file, and nothing else."""
    from blake3 import blake3

    import holdfast

    path = str(folder / "verify.safetensors")

    def bare() -> str:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return str(blake3(mapped, max_threads=blake3.AUTO).hexdigest())

    try:
        holdfast.save(WORKLOADS["dense_1gb"].model(quick), path, durable=False)
        taken = _in_turn({"holdfast verify": partial(holdfast.verify, path), "bare blake3": bare}, 9)
        return {**taken, "nbytes": size_of(path)}
    finally:
        remove(path)


def first_touch(folder: Path, quick: bool) -> dict[str, Any]:
    """Load 1 GB of arrays and read every number once: what a mapped load still has before it."""
    names = ("holdfast", "pickle 5", "joblib", "joblib mmap")
    paths: dict[str, str] = {}

    def touched(name: str) -> float:
        load = SYSTEMS[name].load
        assert load is not None
        return float(sum(float(array.sum()) for array in load(paths[name]).values()))

    try:
        model = WORKLOADS["dense_1gb"].model(quick)
        for name in names:
            writer = SYSTEMS[SYSTEMS[name].file_of or name]
            paths[name] = str(folder / f"touch-{writer.name.replace(' ', '-')}.safetensors")
            if writer.name == name and writer.save is not None:
                writer.save(model, paths[name], False)
        del model
        return _in_turn({name: partial(touched, name) for name in names}, 7)
    finally:
        for path in paths.values():
            remove(path)


def compression(folder: Path, quick: bool) -> dict[str, Any]:
    """``compress="zstd"`` beside ``joblib.dump(compress=3)`` on the large forest: size, save and load."""
    import joblib

    import holdfast

    model = WORKLOADS["forest_500"].model(quick)
    ours, theirs, plain = (str(folder / f"small-{name}.safetensors") for name in ("holdfast", "joblib", "plain"))
    saves: dict[str, tuple[str, Callable[[], Any]]] = {
        "holdfast zstd": (ours, partial(holdfast.save, model, ours, compress="zstd", durable=False)),
        "joblib compress=3": (theirs, partial(joblib.dump, model, theirs, compress=3)),
        "holdfast plain": (plain, partial(holdfast.save, model, plain, durable=False)),
    }
    loads: dict[str, Callable[[], Any]] = {
        "holdfast zstd": partial(holdfast.load, ours),
        "joblib compress=3": partial(joblib.load, theirs),
        "holdfast plain": partial(holdfast.load, plain),
    }
    found: dict[str, Any] = {name: {} for name in saves}
    times: dict[str, dict[str, list[float]]] = {name: {"save": [], "load": []} for name in saves}
    try:
        for turn in range(4 if quick else 8):
            for name, (path, save) in saves.items():
                remove(path)  # a fresh file, as everywhere
                saving = timed(save)[0]
                found[name]["nbytes"] = size_of(path)
                loading, loaded = timed(loads[name])
                del loaded
                if turn:  # the first one warms up
                    times[name]["save"].append(saving)
                    times[name]["load"].append(loading)
        for name, taken in times.items():
            found[name].update({work: median(seconds) for work, seconds in taken.items()})
        return found
    finally:
        for path in (ours, theirs, plain):
            remove(path)


def mlflow(folder: Path, quick: bool) -> dict[str, Any]:
    """Save and load of the small pipeline beside MLflow: as it is by default, and with its requirements given (no inference)."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow.sklearn

    import holdfast

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    model = WORKLOADS["logistic"].model(quick)
    ways: dict[str, tuple[Callable[[str], Any], Callable[[str], Any]]] = {
        "holdfast": (partial(holdfast.save, model, durable=False), holdfast.load),
        "MLflow, requirements given": (
            partial(mlflow.sklearn.save_model, model, pip_requirements=["scikit-learn"]),
            mlflow.sklearn.load_model,
        ),
        "MLflow": (partial(mlflow.sklearn.save_model, model), mlflow.sklearn.load_model),
    }
    rounds = 2 if quick else 8  # the first warms up
    times: dict[str, dict[str, list[float]]] = {name: {"save": [], "load": []} for name in ways}
    for turn in range(rounds):
        for name, (save, load) in ways.items():
            path = str(folder / f"flow-{turn}.safetensors")
            try:
                for work, action in (("save", save), ("load", load)):
                    seconds, result = timed(partial(action, path))
                    del result
                    if turn:
                        times[name][work].append(seconds)
            finally:
                remove(path)
    return {name: {work: median(seconds) for work, seconds in taken.items()} for name, taken in times.items()}


def import_cost(folder: Path, quick: bool) -> dict[str, Any]:
    """What the import and the command line cost, each in a fresh process."""
    script = Path(sys.executable).parent / "holdfast"
    command = [str(script)] if script.exists() else [sys.executable, "-m", "holdfast"]
    code = {
        "python": "pass",
        "numpy": "import numpy",
        "numpy and holdfast": "import numpy, holdfast",
        "numpy, holdfast's save and load": "import numpy; from holdfast import save, load",
    }
    runs = {name: [sys.executable, "-c", text] for name, text in code.items()} | {"holdfast --version": [*command, "--version"]}

    # an installed package has its compiled files beside it, so ours are written too
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start(arguments: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(arguments, check=True, capture_output=True, text=True, cwd=folder, env=surroundings)

    found: dict[str, Any] = _in_turn({name: partial(start, arguments) for name, arguments in runs.items()}, 7 if quick else 21)
    brought = "import sys; from holdfast import save, load; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    found["brought in"] = [
        name
        for name in start([sys.executable, "-c", brought]).stdout.split()
        if name in ("sklearn", "scipy", "pandas", "torch", "joblib", "skops")
    ]
    timed_imports = start([sys.executable, "-X", "importtime", "-m", "holdfast", "--version"]).stderr
    found["version imports numpy"] = any(line.rpartition("|")[2].strip() == "numpy" for line in timed_imports.splitlines())
    return found


EXTRAS: dict[str, Callable[[Path, bool], dict[str, Any]]] = {
    "flush": flush,
    "verify": verify,
    "first_touch": first_touch,
    "compression": compression,
    "mlflow": mlflow,
    "import_cost": import_cost,
}


def run(name: str, folder: Path, quick: bool) -> dict[str, Any]:
    """Run one; what goes wrong is part of the result and stops nothing else."""
    start = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found = EXTRAS[name](folder, quick)
    except Exception as error:
        found = {"problem": " ".join(f"{type(error).__name__}: {error}".split())[:400]}
    return {**found, "seconds": round(time.perf_counter() - start, 1)}
