"""A catalog of many versions, and how long it takes to ask it: python -m bench.store_catalog [address of a database].

Rows are written straight into the tables: there are no objects behind them, and nothing is loaded.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.store import catalog as c
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.database import Database
from holdfast.store.store import Store

MODELS, VERSIONS = 1000, 100
START = 1_700_000_000.0
TEAMS = ("risk", "growth", "fraud", "search", "ads", "pricing", "support", "core", "lab", "ops")
TYPES = ("sklearn.pipeline.Pipeline", "sklearn.linear_model.LogisticRegression", "xgboost.XGBClassifier", "torch.nn.Sequential")

QUESTIONS = {
    "newest page": ("", "at desc"),
    "two conditions, by metric": ("metrics.auc > 0.9 and tags.team = 'risk'", "metrics.auc desc"),
    "two conditions, newest": ("metrics.auc > 0.9 and tags.team = 'risk'", "at desc"),
    "best of all": ("", "metrics.auc desc"),
    "rare tag": ("tags.special = 'yes'", "at desc"),
    "rare tag or rare metric": ("tags.special = 'yes' or metrics.auc > 0.9999", "at desc"),
    "nothing": ("tags.team = 'nobody'", "at desc"),
    "nothing, by metric": ("metrics.auc > 2 and tags.team = 'risk'", "metrics.auc desc"),
    "in production": ("alias = 'production'", "metrics.auc desc"),
    "latest of each model": ("alias = 'latest'", "model"),
    "one model": ("model = 'model 0500' and metrics.auc > 0.5", "n desc"),
    "without a tag": ("tags.team is null", "at desc"),
    "not of a team": ("not tags.team in ('risk', 'ads')", "metrics.auc desc"),
    "a day": ("at = '2023-11-20'", "at"),
    "words in notes": ("note contains 'note 77'", "at desc"),
    "nothing in notes": ("note contains 'nothing like it'", "at desc"),
    "large ones": ("size > '1GB'", "size desc"),
    "a type": ("type contains 'XGB' and who = 'ann'", "at desc"),
}


def fill(database: Database, models: int = MODELS, versions: int = VERSIONS, seed: int = 0) -> None:
    """Write rows of models and versions into an empty catalog: metrics and tags for most, a production alias for each model."""
    picked = random.Random(seed)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("model", "artifact", "version", "metric", "tag", "alias", "event")}
    number = 0
    for model in range(1, models + 1):
        rows["model"].append({"id": model, "name": f"model {model:04}", "seq": versions + 1, "next_number": versions + 1, "latest": versions, "versions": versions, "changed": START})
        for n in range(1, versions + 1):
            number += 1
            at = START + number * 60 + picked.random()
            id_ = f"blake3:{number:064x}"
            rows["artifact"].append({"id": id_, "content": id_, "type": picked.choice(TYPES), "size": int(10 ** picked.uniform(3, 9.2))})
            rows["version"].append({"model": model, "n": n, "artifact": id_, "at": at, "who": picked.choice(("ann", "ben", "cem")), "note": f"note {number}", "parent": None,
                                    "data": "{}", "code": "{}", "origin": "{}"})  # fmt: skip
            if picked.random() < 0.9:
                rows["metric"].append({"model": model, "n": n, "key": "auc", "number": picked.random(), "text": None})
            rows["metric"].append({"model": model, "n": n, "key": "loss", "number": picked.random(), "text": None})
            if picked.random() < 0.8:
                rows["tag"].append({"model": model, "n": n, "key": "team", "value": picked.choice(TEAMS)})
            if number % (models * versions // 20 or 1) == 0:
                rows["tag"].append({"model": model, "n": n, "key": "special", "value": "yes"})
            rows["event"].append({"model": model, "seq": n, "kind": "version", "at": at, "who": "ann", "why": "", "n": n})
        rows["alias"].append({"model": model, "name": "production", "n": picked.randint(1, versions)})
    with database.writing() as on:
        for name, made in rows.items():
            for start in range(0, len(made), 20_000):
                on.execute(sa.insert(c.tables.tables[name]), made[start : start + 20_000])


def timed(work: Callable[[], Any], clock: Callable[[], float], times: int = 7) -> tuple[float, float]:
    """Return the least and the median milliseconds of some runs, after one that warms up."""
    work()
    spent = []
    for _ in range(times):
        start = clock()
        work()
        spent.append((clock() - start) * 1000)
    return min(spent), sorted(spent)[times // 2]


def main() -> None:
    """Fill a catalog, and print how long each question takes."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'catalog.sqlite'}"
        # SQLite works in this process: what others do on the machine meanwhile does not count
        clock = time.process_time if url.startswith("sqlite") else time.perf_counter
        database = Database(url, "bench")
        database.make()
        start = time.perf_counter()
        fill(database)
        print(f"{MODELS * VERSIONS} versions of {MODELS} models in {time.perf_counter() - start:.1f} s; milliseconds, the least and the median of seven")
        store = Store(MemoryBlobs("memory://bench"), database, "bench")
        ways: dict[str, Callable[[], Any]] = {
            "resolve an alias": lambda: store.find("model 0500@production"), "page of versions": lambda: store.versions("model 0500", limit=50), "page of models": store.models,
            "page of history": lambda: store.history("model 0500", limit=50),
        }  # fmt: skip
        for name, (query, order) in QUESTIONS.items():
            ways[f"search: {name}"] = lambda query=query, order=order: store.search(query, order=order)  # type: ignore[misc]
        cursor = None
        for _ in range(100):
            cursor = store.search("metrics.auc > 0.1", order="metrics.auc desc", after=cursor).after
        ways["search: page 101"] = lambda: store.search("metrics.auc > 0.1", order="metrics.auc desc", after=cursor)
        for name, work in ways.items():
            least, median = timed(work, clock)
            print(f"{name:<36}{least:9.2f}{median:9.2f}")
        store.close()


if __name__ == "__main__":
    main()
