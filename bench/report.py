"""The results as Markdown: docs/bench.md.

The one rule: nothing is left out. What failed, what was measured fewer times and what missed its target is in the tables.
"""

from __future__ import annotations

from bench.ratios import WORKS, Results, extra, geometric_mean, memory, names, ratio, ratios, rounds, seconds
from bench.systems import PEERS
from bench.targets import MIB, NOT_HERE, Verdict, verdicts
from bench.timing import ENOUGH

HEADINGS = {
    "save": "Save, not durable (`durable=False`; peers as they are)",
    "save durable": "Save, durable (`durable=True`; peers followed by fsync of file and folder)",
    "load": "Load (warm cache)",
}
SYSTEMS_SHOWN = ("holdfast", *PEERS)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table, numbers to the right."""
    return ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1), *("| " + " | ".join(row) + " |" for row in rows), ""]


def figure(value: float | None, digits: int = 2) -> str:
    """Return a number with two significant digits or so."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.{digits}f}" if value >= 0.1 else f"{value:.2g}"


def _cell(results: Results, workload: str, peer: str, work: str) -> str:
    """Return a ratio, or why there is none; bold when holdfast is slower."""
    found = ratio(results, workload, peer, work)
    problems = results["workloads"][workload]["problems"]
    if found is None:
        culprit = "holdfast" if "holdfast" in problems else peer
        text = problems.get(culprit, "")
        short = "wrong" if text.startswith("wrong") else "too slow" if text.startswith("TimeoutError") else "cannot" if text else "–"
        return f"{short}{' (holdfast)' if culprit == 'holdfast' else ''}" if text else "–"
    shown = figure(found)
    few = rounds(results, workload, peer, work)
    return (f"**{shown}**" if found > 1 else shown) + (f" ({few}×)" if few < ENOUGH else "")


def _ratio_tables(results: Results) -> list[str]:
    lines = ["## Ratios to each peer", "",
             "Time of holdfast divided by the time of the peer: 0.5 is half the time; **bold** is slower than the peer. "
             f"Medians of at least {ENOUGH} interleaved rounds, fewer where `(n×)` says so. *cannot*: the peer cannot save or load it; *wrong*: it loads "
             "something else than was saved; *too slow*: given up. The reasons are below.", ""]  # fmt: skip
    for work in WORKS:
        peers = [peer for peer in PEERS if any(seconds(results, name, peer, work) is not None for name in names(results))]
        rows = []
        for group in ("suite", "more", "containers"):
            for name in names(results, group):
                found = results["workloads"][name]
                ours = seconds(results, name, "holdfast", work)
                rows.append([found["title"], figure(None if ours is None else ours * 1000), *(_cell(results, name, peer, work) for peer in peers)])
            if group == "suite":
                means = [geometric_mean([*ratios(results, peer, work, "suite").values()]) for peer in peers]
                rows.append(["*geometric mean of the suite (the rows above)*", "", *(f"*{figure(mean)}*" for mean in means)])
        lines += [f"### {HEADINGS[work]}", "", *table(["workload", "holdfast, ms", *(f"÷ {peer}" for peer in peers)], rows)]
    return lines


def _means(results: Results) -> list[str]:
    rows = []
    for peer in PEERS:
        cells = []
        for work in WORKS:
            found = ratios(results, peer, work, "suite")
            mean = geometric_mean([*found.values()])
            cells.append("–" if mean is None else f"{figure(mean)} ({figure(1 / mean, 1)} times faster; {len(found)} workloads)")
        rows.append([peer, *cells])
    return ["## Geometric means over the suite", "", *table(["peer", "save, as they are", "save, durable", "load"], rows)]


def _value(one: Verdict) -> str:
    value, unit = one.measured.value, one.target.unit
    if value is None:
        return "–"
    detail = f" ({one.measured.detail})" if one.measured.detail else ""
    if unit == "x":
        faster = f", {figure(1 / value, 1)} times faster" if "faster" in one.target.must else ""
        return f"{figure(value)} times{faster}{detail}"
    if unit == "n":
        return f"{value:.0f}{detail}"
    if unit == "yes":
        return "yes" if value else "no"
    return f"{figure(value)} {unit}{detail}"


def _targets(results: Results) -> list[str]:
    judged = verdicts(results)
    count = {word: sum(one.verdict == word for one in judged) for word in ("met", "missed", "incomplete", "not measured")}
    rows = []
    for one in judged:
        verdict = f"**{one.verdict}**" if one.verdict in ("missed", "incomplete") else one.verdict
        missing = f"; without {', '.join(one.measured.missing)}" if one.measured.missing else ""
        rows.append([one.target.work, one.target.against, one.target.must, _value(one) + missing, verdict])
    return ["## Targets", "",
            f"{', '.join(f'{number} {word}' for word, number in count.items() if number)}. *incomplete*: met by what was measured, "
            "and holdfast could not do the workloads named.", "",
            *table(["work", "against", "must reach", "measured", "verdict"], rows),
            "Not in this table:", "", *(f"- {line}" for line in NOT_HERE), ""]  # fmt: skip


def _memory(results: Results) -> list[str]:
    if not results.get("memory"):
        return []
    lines = ["## Memory", "",
             "MiB, each in a child process of its own, beyond what it held with model and libraries loaded. *Save*: the high-water mark "
             "while saving. *Load, peak*: the high-water mark beyond what stays. *Load, resident*: what the process holds more once the load has "
             "returned, before first use.", ""]  # fmt: skip
    for title, kind in (("save", "save_extra"), ("load, resident", "load_resident"), ("load, peak beyond it", "load_extra")):
        rows = []
        for name in names(results):
            if name in results["memory"]:
                found = [memory(results, name, system, kind) for system in SYSTEMS_SHOWN]
                rows.append([results["workloads"][name]["title"], *("–" if value is None else figure(value / MIB, 1) for value in found)])
        lines += table([f"{title} (MiB)", *SYSTEMS_SHOWN], rows)
    return lines


def _extras(results: Results) -> list[str]:
    lines = ["## Other rows", ""]
    touch = extra(results, "first_touch") or {}
    if "holdfast" in touch:
        rows = [[name, figure(touch[name] * 1000), figure(touch["holdfast"] / touch[name])] for name in ("holdfast", "pickle 5", "joblib", "joblib mmap")]
        lines += ["A mapped load puts reading off. Load of 1 GB of float32 **and** the sum of every number:", "", *table(["system", "ms", "holdfast ÷"], rows)]
    small = extra(results, "compression") or {}
    if "holdfast zstd" in small:
        rows = [[name, figure(found["nbytes"] / MIB), figure(found["save"] * 1000), figure(found["load"] * 1000)]
                for name, found in small.items() if isinstance(found, dict)]  # fmt: skip
        lines += ["Compressed, the forest of 500 trees:", "", *table(["system", "MiB", "save, ms", "load, ms"], rows)]
    flow = extra(results, "mlflow") or {}
    if "MLflow" in flow:
        rows = [[name, figure(found["save"] * 1000), figure(found["load"] * 1000)] for name, found in flow.items() if isinstance(found, dict)]
        lines += ["The small pipeline, warm. MLflow finds out requirements by loading the model in a new process unless they are given:", "",
                  *table(["system", "save, ms", "load, ms"], rows)]  # fmt: skip
    cost = extra(results, "import_cost") or {}
    if "python" in cost:
        rows = [[name, figure(value * 1000)] for name, value in cost.items() if isinstance(value, float) and name != "seconds"]
        lines += ["A new process that imports and ends:", "", *table(["process", "ms"], rows)]
    check = extra(results, "verify") or {}
    if "bare blake3" in check:
        lines += ["Digests of 1 GB:", "", *table(["system", "ms"], [[name, figure(check[name] * 1000)] for name in ("holdfast verify", "bare blake3")])]
    return lines if len(lines) > 2 else []


def _sizes(results: Results) -> list[str]:
    shown = ("holdfast", "pickle 5", "joblib", "skops")
    rows = [[found["title"], *(figure(found["nbytes"][one] / MIB) if one in found["nbytes"] else "–" for one in shown)]
            for found in results["workloads"].values()]  # fmt: skip
    return ["## Size of the files, MiB", "", *table(["workload", *shown], rows)]


def _problems(results: Results) -> list[str]:
    found = [f"- {one['title']}, {system}: {text.replace('|', '/')}" for one in results["workloads"].values() for system, text in one["problems"].items()]
    found += [f"- {name}: {one['problem'].replace('|', '/')}" for name, one in results.get("extras", {}).items() if "problem" in one]
    found += [f"- memory of {name}, {system}: {one['problem']}" for name, systems in results.get("memory", {}).items()
              for system, one in systems.items() if "problem" in one and system not in results["workloads"][name]["problems"]]  # fmt: skip
    return ["## What failed, and why", "", *found, ""] if found else []


def markdown(results: Results) -> str:
    """Return the whole page."""
    machine = results["machine"]
    lines = ["# Speed and memory, beside the peers", "",
             *(["**A quick run with small sizes, to see that everything works: these are not the numbers.**", ""] if results["quick"] else []),
             "Made by `make bench` (`python -m bench.run`) in one run on one machine; the systems take turns. Written by the program, "
             "not by hand; every time measured is in `bench.json`.", "",
             f"Machine: {machine['line']}", "",
             f"Versions: {', '.join(f'{name} {version}' for name, version in machine['versions'].items())}", "",
             f"Load average {machine['load before']} before and {machine['load after']} after the run, on {machine['cores']} cores.", "",
             "![Time to save and to load, by that of pickle](bench.png)", ""]  # fmt: skip
    for part in (_targets, _means, _ratio_tables, _memory, _extras, _sizes, _problems):
        lines += part(results)
    lines += ["## How to make this page again", "",
              "```", "make bench                               # everything; about half an hour on two cores",
              "python -m bench.run --quick              # small sizes, to see that it works; writes to build/bench",
              "python -m bench.run --only forest_500    # one workload or extra row; writes to build/bench",
              "python -m bench.run --render             # tables and picture again from docs/bench.json", "```", "",
              "Fitted models are kept in `build/bench-models`; delete it to fit them anew. Workloads and systems are tables in "
              "`bench/workloads.py` and `bench/systems.py`, the targets in `bench/targets.py`."]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"
