"""A catalog of many versions, and how long it takes to ask it: python -m bench.store_catalog [address of a database].

Rows are written straight into the tables: there are no objects behind them, and nothing is loaded.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tests.store import postgres_server

from holdfast.store import catalog as c
from holdfast.store.blobs.memory import MemoryBlobs
from holdfast.store.database import Database
from holdfast.store.store import Store

MODELS, VERSIONS = 1000, 100
TIMES = 15
ALIAS = "resolve an alias"
ALIAS_MS, PAGE_MS = 2, 50
"""Bounds of an alias, and of a page of anything."""
SHOWN = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
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
    "by a tag": ("metrics.auc > 0.9", "tags.team"),
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


def timed(work: Callable[[], Any], clock: Callable[[], float], times: int = TIMES) -> tuple[float, float]:
    """Return the least and the median milliseconds of some runs, after two that warm up."""
    work()
    work()
    spent = []
    for _ in range(times):
        start = clock()
        work()
        spent.append((clock() - start) * 1000)
    return min(spent), statistics.median(spent)


def ways(store: Store) -> dict[str, Callable[[], Any]]:
    """Return everything that is asked of a catalog, by what it is called."""
    found: dict[str, Callable[[], Any]] = {
        ALIAS: lambda: store.find("model 0500@production"), "page of versions": lambda: store.versions("model 0500", limit=50), "page of models": store.models,
        "page of history": lambda: store.history("model 0500", limit=50),
    }  # fmt: skip
    for name, (query, order) in QUESTIONS.items():
        found[f"search: {name}"] = lambda query=query, order=order: store.search(query, order=order)  # type: ignore[misc]
    for name, query, order in (("by metric", "metrics.auc > 0.1", "metrics.auc desc"), ("by time", "", "at desc")):
        cursor = None
        for _ in range(100):
            cursor = store.search(query, order=order, after=cursor).after
        found[f"search: page 101, {name}"] = lambda query=query, order=order, cursor=cursor: store.search(query, order=order, after=cursor)  # type: ignore[misc]
    return found


def asked(url: str, clock: Callable[[], float], models: int = MODELS) -> dict[str, tuple[float, float]]:
    """Fill a catalog, and return the least and the median milliseconds of each question.

    Args:
        url: of an empty database, of SQLAlchemy's kind.
        clock: what measures; SQLite works in this process, so that there what others do meanwhile does not have to count.
        models: how many of them, with a hundred versions each.
    """
    database = Database(url, "bench")
    database.make()
    fill(database, models)
    with database.writing() as on:
        on.execute(sa.text("ANALYZE" if url.startswith("postgresql") else "SELECT 1"))  # as PostgreSQL does by itself within a minute
    store = Store(MemoryBlobs("memory://bench"), database, "bench")
    found = {name: timed(work, clock) for name, work in ways(store).items()}
    store.close()
    return found


def measured(folder: Path, quick: bool) -> dict[str, Any]:
    """Return what is asked of both kinds of catalogs, and how long each takes."""
    models = 600 if quick else MODELS  # the questions are about the five-hundredth
    folder.mkdir()
    found: dict[str, Any] = {"versions": models * VERSIONS, "models": models, "sqlite": asked(f"sqlite:///{folder / 'catalog.sqlite'}", time.perf_counter, models)}
    if postgres_server.postgres_programs() is not None:
        with postgres_server.postgres(flushes=True) as server:
            found["postgresql"] = asked(postgres_server.made(server).replace("postgresql://", "postgresql+psycopg://"), time.perf_counter, models)
    return found


def targets(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Return the lines of the table of bounds."""
    lines = []
    for kind, shown in SHOWN.items():
        if kind not in found:
            continue
        took = {name: median for name, (_, median) in found[kind].items()}
        pages = {name: median for name, median in took.items() if name != ALIAS}
        slowest = max(pages, key=lambda name: pages[name])
        of = f"{found['versions']:,} versions of {found['models']:,} models in {shown}"
        lines.append((f"{of}: resolve an alias", f"{took[ALIAS]:.2f} ms", f"{ALIAS_MS} ms", took[ALIAS] < ALIAS_MS))
        lines.append((f"{of}: the slowest of {len(pages)} pages and searches ({slowest.removeprefix('search: ')})", f"{pages[slowest]:.1f} ms", f"{PAGE_MS} ms", pages[slowest] < PAGE_MS))
    return lines


def lines(found: dict[str, Any]) -> list[str]:
    """Return the lines of the page."""
    kinds = [kind for kind in SHOWN if kind in found]
    rows = ["\n| asked of the catalog, a page of 50 | " + " | ".join(f"{SHOWN[kind]}, ms" for kind in kinds) + " |", "| --- |" + " --- |" * len(kinds)]
    for name in found["sqlite"]:
        query, order = QUESTIONS.get(name.removeprefix("search: "), ("", ""))
        said = f"{name}: `{query or 'everything'}`, by `{order}`" if order else name
        rows.append(f"| {said} | " + " | ".join(f"{found[kind][name][1]:.2f}" for kind in kinds) + " |")
    return rows


def main() -> None:
    """Fill a catalog, and print how long each question takes."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'catalog.sqlite'}"
        # SQLite works in this process: what others do on the machine meanwhile does not count
        found = asked(url, time.process_time if url.startswith("sqlite") else time.perf_counter)
        print(f"{MODELS * VERSIONS} versions of {MODELS} models; milliseconds, the least and the median of {TIMES}")
        for name, (least, median) in found.items():
            print(f"{name:<36}{least:9.2f}{median:9.2f}")


if __name__ == "__main__":
    main()
