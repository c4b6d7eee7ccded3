"""``holdfast demo``: the main job on real data, with every reload in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from holdfast.cli.output import give, give_json, say
from holdfast.errors import EnvironmentMissing, ProofFailed

CHILD = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import holdfast, joblib, numpy as np, sklearn
jobs = json.loads(sys.stdin.read())
found = []
for job in jobs:
    holdfast.load(job["file"]); joblib.load(job["joblib"])  # imports, once, for both
    times = {"ours": [], "theirs": []}
    for _ in range(7):
        start = time.perf_counter(); model = holdfast.load(job["file"]); times["ours"].append(time.perf_counter() - start)
        start = time.perf_counter(); joblib.load(job["joblib"]); times["theirs"].append(time.perf_counter() - start)
    proof = holdfast.verify(job["file"])
    rows = joblib.load(job["rows"])
    answer = model.predict(rows)
    found.append({"load": sorted(times["ours"])[3], "joblib_load": sorted(times["theirs"])[3], "proof": proof.verdict, "ok": proof.ok,
                  "rows": proof.rows, "answers": np.asarray(answer).tolist()[:3], "type": type(model).__name__})
print(json.dumps(found))
"""


def models() -> Iterator[tuple[str, str, Any, Any]]:
    """Yield name, data set, fitted model and new rows it has not seen."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC

    def parts(data: Any) -> tuple[Any, Any, Any]:
        X, fresh, y, _ = train_test_split(data.data, data.target, test_size=0.2, random_state=0)
        return X, y, fresh

    iris, cancer, digits, diabetes = load_iris(as_frame=True), load_breast_cancer(), load_digits(), load_diabetes()
    X, y, fresh = parts(iris)
    yield "logistic regression", "iris", make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), fresh
    X, y, fresh = parts(diabetes)
    yield "linear regression", "diabetes", LinearRegression().fit(X, y), fresh
    yield "hist gradient boosting", "diabetes", HistGradientBoostingRegressor(random_state=0).fit(X, y), fresh
    X, y, fresh = parts(digits)
    yield "random forest, 100 trees", "digits", RandomForestClassifier(100, random_state=0).fit(X, y), fresh
    yield "SVC", "digits", SVC(random_state=0).fit(X, y), fresh
    yield "nearest neighbours", "digits", KNeighborsClassifier(algorithm="ball_tree").fit(X, y), fresh
    X, y, fresh = parts(cancer)
    yield "gradient boosting", "breast cancer", GradientBoostingClassifier(random_state=0).fit(X, y), fresh

    X, y, fresh = parts(diabetes)

    def table(rows: Any) -> Any:
        frame = pd.DataFrame(rows, columns=diabetes.feature_names)
        frame["age"] = np.where(rows[:, 0] > 0.03, "older", np.where(rows[:, 0] < -0.03, "younger", "middle"))
        frame["sex"] = pd.Categorical(np.where(rows[:, 1] > 0, "a", "b"))
        return frame

    columns = make_column_transformer((OneHotEncoder(), ["age", "sex"]), (StandardScaler(), ["bmi", "bp", "s1"]), remainder="drop")
    yield "pipeline with categories", "diabetes", make_pipeline(columns, LinearRegression()).fit(table(X), y), table(fresh)
    text = [line for line in (iris.DESCR + cancer.DESCR + digits.DESCR + diabetes.DESCR).splitlines() if len(line) > 20]
    lengths = [len(one.DESCR) for one in (iris, cancer, digits, diabetes)]
    origin = np.repeat(["iris", "cancer", "digits", "diabetes"], lengths)
    spots = np.cumsum([0, *[len(line) + 1 for line in text]])[:-1]
    labels = origin[np.minimum(spots, len(origin) - 1)]
    words = make_pipeline(TfidfVectorizer(), SGDClassifier(random_state=0)).fit(text[::2], labels[::2])
    yield "pipeline with text", "descriptions", words, text[1::2]


def median(work: Any, times: int = 5) -> float:
    """Return the median seconds of some runs."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return sorted(spent)[times // 2]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON document.")
@click.option("--keep", type=click.Path(file_okay=False), help="Keep the files in this folder.")
def command(as_json: bool, keep: str | None) -> int:
    """Train models on data that ships with scikit-learn, save each, reload each in a fresh Python process, and prove it."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise EnvironmentMissing("the demo trains scikit-learn models; install it with: pip install 'holdfast[sklearn]'") from None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = run(folder, Path(scratch))
    if as_json:
        give_json(rows)
    else:
        show(rows)
    if not all(row["ok"] for row in rows):
        raise ProofFailed("a model of the demo does not answer as it did")
    return 0


def run(folder: Path, scratch: Path) -> list[dict[str, Any]]:
    """Train and save here, reload in a child, and return one row a model."""
    import warnings

    import joblib

    from holdfast.api import save

    rows: list[dict[str, Any]] = []
    jobs = []
    say("training on data sets that ship with scikit-learn …")
    for name, data, model, fresh in models():
        stem = name.replace(",", "").replace(" ", "-")
        path, other, new = folder / f"{stem}.safetensors", scratch / f"{stem}.joblib", scratch / f"{stem}.rows"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")

            def ours(model: Any = model, stem: str = stem) -> None:
                save(model, scratch / f"{stem}.timing.safetensors", durable=False)

            spent = median(ours)
            joblib_spent = median(lambda model=model, other=other: joblib.dump(model, other))  # type: ignore[misc]
            sample = fresh[:5]
            saved = save(model, path, example=sample)
        joblib.dump(fresh[5:8], new)
        expected = model.predict(fresh[5:8]).tolist()
        rows.append({"model": name, "data": data, "file": path.name, "bytes": saved.nbytes, "save": spent, "joblib_save": joblib_spent,
                     "expected": expected})  # fmt: skip
        jobs.append({"file": str(path), "joblib": str(other), "rows": str(new)})
        say(f"  saved {name}")
    say("reloading in a fresh Python process, replaying the examples, answering new rows …")
    child = subprocess.run([sys.executable, "-c", CHILD], input=json.dumps(jobs), capture_output=True, text=True, check=False)
    if child.returncode:
        raise ProofFailed(f"the fresh process failed:\n{child.stderr[-2000:]}")
    for row, found in zip(rows, json.loads(child.stdout), strict=True):
        row.update(found)
        row["ok"] = row["ok"] and row["expected"] == row["answers"]
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    from holdfast.artifact.inspect import size_text

    table = Table(
        title="saved here, reloaded in a fresh process (times in ms: ours / joblib's, medians of the same run)", title_justify="left"
    )
    for column in ("model", "data", "size", "save", "load", "proof", "new rows"):
        table.add_column(column, justify="right" if column in ("size", "save", "load") else "left", no_wrap=True)
    for row in rows:
        answers = ", ".join(f"{a:.1f}" if isinstance(a, float) else str(a) for a in row["answers"])
        table.add_row(
            row["model"], row["data"], size_text(row["bytes"]), f"{row['save'] * 1e3:.2f} / {row['joblib_save'] * 1e3:.2f}",
            f"{row['load'] * 1e3:.2f} / {row['joblib_load'] * 1e3:.2f}", f"{row['proof']}, {row['rows']} rows", answers if row["ok"] else "DIFFERS",
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    give("every row predicted there is the one predicted here" if all(row["ok"] for row in rows) else "some rows differ")
