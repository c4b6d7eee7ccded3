"""Fuzz the loader with coverage for some seconds: ``python fuzz/run.py --seconds 60``.

The corpus is made anew by holdfast itself, so it is always in the current format. Exit code 0: nothing but models and
typed errors. 5: atheris is not installed. Anything else: an input was found; it is kept, and the command that repeats it is
shown.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MEMORY = 3000
"""Megabytes that one input may take."""


def seeds() -> dict[str, bytes]:
    """Return small files of every kind: plain data, arrays, views, sparse matrices, frames, fitted models, compressed, with an example."""
    import datetime
    import decimal
    import re

    import numpy as np
    import scipy.sparse as sp
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    import holdfast
    from holdfast.native.header import Entry, write_header

    X, y = np.arange(24.0).reshape(12, 2) % 7, np.array([0, 1] * 6)
    base = np.arange(8.0)
    models: dict[str, Any] = {
        "scalar": 7,
        "plain": {"a": [1, 2.5, None, "ä"], "b": (True, {1: 2}), "c": {3, 4}, "d": frozenset({"x"}), "e": 1 << 80, "f": b"x", "g": 1j, "h": "\ud800"},
        "arrays": {"a": base, "b": base.astype("<i2").reshape(2, 4, order="F"), "c": np.array(["a", "bc"]), "d": np.zeros(2, [("a", "<i4"), ("b", "<f8")])},
        "views": [base, base[::2], base[::-1]],
        "pool": [np.arange(i + 1) for i in range(17)],
        "objects": np.array([1, "a", None, [2]], object),
        "values": [datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), decimal.Decimal("1.5"), re.compile("a+"), slice(1, 2), np.float32(1), len],
        "random": [np.random.default_rng(1), np.random.RandomState(1)],
        "sparse": [sp.csr_matrix(np.eye(3)), sp.coo_array(np.eye(2)), sp.dia_matrix(np.eye(2)), sp.lil_matrix(np.eye(2)), sp.dok_matrix(np.eye(2))],
        "logistic": LogisticRegression().fit(X, y),
        "scaler": StandardScaler().fit(X),
        "tree": DecisionTreeClassifier(max_depth=2).fit(X, y),
    }
    if importlib.util.find_spec("pandas") is not None:
        import pandas as pd

        models["frame"] = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])})
    found = {name: holdfast.dumps(model) for name, model in models.items()}
    found["example"] = holdfast.dumps(models["scaler"], example=X[:2], extra={"a": [1]}, metrics={"b": 0.5})
    found["zstd"] = holdfast.dumps({"a": np.arange(200.0)}, compress="zstd")
    plain = write_header({"a": Entry("F64", [1], (0, 8))})[8:].replace(b'"holdfast":"1"', b'"format":"np"', 1)
    found["safetensors"] = len(plain).to_bytes(8, "little") + plain + bytes(8)
    return found


def main() -> int:
    """Fuzz, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=60, help="how long to fuzz")
    parser.add_argument("--seed", type=int, default=0, help="seed of the run; 0 draws one")
    parser.add_argument("--keep", default=str(ROOT / "build" / "fuzz"), help="folder for inputs that were found")
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("the fuzz run needs atheris; install it with: pip install atheris\n")
        return 5
    sys.path.insert(0, str(ROOT))
    keep = Path(arguments.keep)
    keep.mkdir(parents=True, exist_ok=True)
    before = set(keep.iterdir())
    with tempfile.TemporaryDirectory() as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, blob in seeds().items():
                (Path(folder) / name).write_bytes(blob)
        command = [
            sys.executable, str(ROOT / "fuzz" / "target.py"), folder, f"-max_total_time={arguments.seconds}", f"-seed={arguments.seed}", "-max_len=32768", "-mutate_depth=2",
            "-timeout=20", f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={keep}{os.sep}", "-print_final_stats=1", "-verbosity=0",
        ]  # fmt: skip
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        try:
            done = subprocess.run(command, env=environment, cwd=ROOT, timeout=arguments.seconds + 300, check=False, capture_output=True, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            sys.stderr.write("the fuzz run did not end by itself; an input takes for ever\n")
            return 1
    found = sorted(set(keep.iterdir()) - before)
    lines = [line for line in done.stderr.splitlines() if line.startswith(("stat::number_of_executed_units", "stat::average_exec_per_sec"))]
    if done.returncode == 0 and not found:
        sys.stdout.write(f"{arguments.seconds} s of fuzzing, nothing but models and typed errors\n" + "\n".join(lines) + "\n")
        return 0
    sys.stdout.write(done.stdout[-4000:])
    sys.stderr.write(done.stderr[-4000:] + "\n")
    for path in found:
        sys.stderr.write(f"found: {path} ({path.stat().st_size} bytes); repeat with: {sys.executable} fuzz/target.py {path}\n")
    return done.returncode or 1


if __name__ == "__main__":
    sys.exit(main())
