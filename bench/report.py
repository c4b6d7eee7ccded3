"""The results as Markdown: docs/bench.md.

The one rule: nothing is left out. What failed, what was measured fewer times and what missed its target is in the tables.
"""

from __future__ import annotations

from bench.ratios import WORKS, Results, extra, geometric_mean, memory, names, ratio, ratios, rounds, seconds
from bench.systems import PEERS
from bench.targets import MIB, NOT_HERE, Verdict, verdicts

HEADINGS = {
    "save": "Save, not durable (`durable=False`; peers as they are)",
    "save durable": "Save, durable (`durable=True`; peers followed by fsync of file and folder)",
    "load": "Load (warm cache)",
}
SYSTEMS_SHOWN = ("holdfast", *PEERS)

QUICK = "**A quick run with small sizes, to see that everything works: these are not the numbers.**"
BUSY = "**The machine was busy with other work when this run began: the numbers are worth little.**"
MADE = """\
Made by `make bench` (`python -m bench.run`) in one run on one machine. The systems take turns, in another order each round;
every save goes to a fresh file name, files are deleted outside the timing, loads read a file that was just written. Before
anything is timed, what each system loads is compared with what was saved. This page is written by the program; every time is in
`bench.json`."""
RATIOS = """\
Time of holdfast divided by the time of the peer: 0.5 is half the time; **bold** is slower than the peer. Medians of at least
{rounds} rounds, fewer where `(n×)` says so. *cannot*: the peer cannot save or load it; *wrong*: it loads something else than was saved;
*too slow*: given up. The reasons are below. A load is timed until the call returns: of a mapped file, pages that no validator
reads are then still to be read (see "Other rows" for a load with every number read). A durable save of a small model is mostly
the disk's own flush, which is the same for everybody (see "Other rows"), so these ratios tend to 1."""
MEMORY = """\
MiB, each in a child process of its own, beyond what it held with the model (or, for loads, the libraries) in memory. *Save*: the
high-water mark while saving. *Load, resident*: what the process holds more when the load has returned, before first use. *Load,
peak*: the high-water mark beyond that."""
AGAIN = """\
```
make bench                               # everything; best on a machine that does nothing else
python -m bench.run --quick              # small sizes, to see that it works; writes to build/bench
python -m bench.run --only forest_500    # one workload or extra row; writes to build/bench
python -m bench.run --render             # tables and picture again, from docs/bench.json
```

Fitted models are kept in `build/bench-models`; delete it to fit them anew. Workloads and systems are tables in
`bench/workloads.py` and `bench/systems.py`, the targets are in `bench/targets.py`."""


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table, all but the first column to the right."""
    return [f"| {' | '.join(row)} |" for row in (heads, ["---", *["---:"] * (len(heads) - 1)], *rows)] + [""]


def figure(value: float | None, digits: int = 2) -> str:
    """Return a number with two significant digits or so; a dash for none."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.{digits}f}" if value >= 0.1 or value == 0 else f"{value:.2g}"


def milliseconds(value: float | None) -> str:
    """Return seconds as milliseconds."""
    return figure(None if value is None else value * 1000)


def mebibytes(value: float | None) -> str:
    """Return bytes as MiB."""
    return figure(None if value is None else value / MIB)


def faster(value: float) -> str:
    """Return a ratio in words."""
    return f"{figure(1 / value, 1)} times faster" if value <= 1 else f"{figure(value, 1)} times slower"


def why_not(problems: dict[str, str], peer: str) -> str:
    """Return in a word why there is no ratio."""
    culprit = "holdfast" if "holdfast" in problems else peer
    text = problems.get(culprit, "")
    if not text:
        return "–"
    word = "wrong" if text.startswith("wrong") else "too slow" if text.startswith("TimeoutError") else "cannot"
    return f"holdfast {word}" if culprit == "holdfast" else word


def _cell(results: Results, workload: str, peer: str, work: str) -> str:
    found = ratio(results, workload, peer, work)
    if found is None:
        return why_not(results["workloads"][workload]["problems"], peer)
    few = min(rounds(results, workload, peer, work), rounds(results, workload, "holdfast", work))
    return (f"**{figure(found)}**" if found > 1 else figure(found)) + (f" ({few}×)" if few < results["rounds"] else "")


def _ratio_tables(results: Results) -> list[str]:
    lines = ["## Ratios to each peer", "", RATIOS.format(rounds=results["rounds"]), ""]
    for work in WORKS:
        peers = [peer for peer in PEERS if any(seconds(results, name, peer, work) is not None for name in names(results))]
        rows = []
        for group in ("suite", "more", "containers"):
            for name in names(results, group):
                title, ours = results["workloads"][name]["title"], seconds(results, name, "holdfast", work)
                rows.append([title, milliseconds(ours), *(_cell(results, name, peer, work) for peer in peers)])
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
            found = [*ratios(results, peer, work, "suite").values()]
            mean = geometric_mean(found)
            cells.append(f"{figure(mean)}: {faster(mean)} ({len(found)} workloads)" if mean else "–")
        rows.append([peer, *cells])
    rest = []
    for peer in PEERS:
        kept = {name: value for name, value in ratios(results, peer, "load", "suite").items() if name != "dense_1gb"}
        mean = geometric_mean([*kept.values()])
        rest += [f"{peer} {figure(mean)}"] if mean else []
    said = rest and f"Loading 1 GB of arrays is a mapping and pulls its mean down. Load without that workload: {', '.join(rest)}."
    return [
        "## Geometric means over the suite",
        "",
        *([said, ""] if said else []),
        *table(["peer", "save, as they are", "save, durable", "load"], rows),
    ]


def value_of(one: Verdict) -> str:
    """Return what was measured for a target, with its unit and what it is of."""
    value, unit = one.measured.value, one.target.unit
    detail = f" ({one.measured.detail})" if one.measured.detail else ""
    without = f"; without {', '.join(one.measured.missing)}" if one.measured.missing else ""
    if value is None:
        return "–" + without
    if unit == "x":
        words = f", {faster(value)}" if "faster" in one.target.must else ""
        return f"{figure(value)} times{words}{detail}{without}"
    if unit == "n":
        return f"{value:.0f}{detail}"
    if unit == "yes":
        return "yes" if value else "no"
    return f"{figure(value)} {unit}{detail}{without}"


def _targets(results: Results) -> list[str]:
    judged = verdicts(results)
    rows = []
    for one in judged:
        verdict = one.verdict if one.verdict == "met" else f"**{one.verdict}**"
        rows.append([one.target.work, one.target.against, one.target.must, value_of(one), verdict])
    counts = [(word, sum(one.verdict == word for one in judged)) for word in ("met", "missed", "incomplete", "not measured")]
    said = ", ".join(f"{number} {word}" for word, number in counts if number)
    return [
        *(
            "## Targets",
            "",
            f"{said}. *incomplete*: met by what was measured, and holdfast could not do the workloads named.",
            "",
        ),
        *table(["work", "against", "must reach", "measured", "verdict"], rows),
        *("Not in this table:", "", *(f"- {line}" for line in NOT_HERE), ""),
    ]


def _memory(results: Results) -> list[str]:
    if not results.get("memory"):
        return []
    lines = ["## Memory", "", MEMORY, ""]
    for title, kind in (("save", "save_extra"), ("load, resident", "load_resident"), ("load, peak", "load_extra")):
        rows = [
            [results["workloads"][name]["title"], *(mebibytes(memory(results, name, one, kind)) for one in SYSTEMS_SHOWN)]
            for name in results["memory"]
        ]
        lines += table([f"{title}, MiB", *SYSTEMS_SHOWN], rows)
    return lines


def _extras(results: Results) -> list[str]:
    """Return the tables of what is not a workload; those that were not measured are left out."""
    touch, flow = extra(results, "first_touch") or {}, extra(results, "mlflow") or {}
    small, cost = extra(results, "compression") or {}, extra(results, "import_cost") or {}
    digests, flush = extra(results, "verify") or {}, extra(results, "flush") or {}
    lines: list[str] = []
    if "holdfast" in touch:
        rows = [
            [name, milliseconds(touch[name]), figure(touch["holdfast"] / touch[name])] for name in SYSTEMS_SHOWN if name in touch
        ]
        lines += ["Load of 1 GB of float32 **and** the sum of every number, since a mapped load puts reading off:", ""]
        lines += table(["system", "ms", "holdfast ÷"], rows)
    if "write" in flush:
        rows = [
            [name, milliseconds(flush[name])]
            for name in ("write", "write, flush file and folder", "write, flush, rename, flush folder")
        ]
        lines += [
            "A file of 4 KiB, the floor under any durable save. Only with the rename is an older file safe until the new one is:",
            "",
        ]
        lines += table(["work", "ms"], rows)
    if "bare blake3" in digests:
        rows = [[name, milliseconds(digests[name])] for name in ("holdfast verify", "bare blake3")]
        lines += ["All digests of 1 GB:", "", *table(["system", "ms"], rows)]
    if "holdfast zstd" in small:
        rows = [
            [name, mebibytes(one["nbytes"]), milliseconds(one["save"]), milliseconds(one["load"])]
            for name, one in small.items()
            if isinstance(one, dict)
        ]
        lines += ["The forest of 500 trees, compressed:", "", *table(["system", "MiB", "save, ms", "load, ms"], rows)]
    if "MLflow" in flow:
        rows = [
            [name, milliseconds(one["save"]), milliseconds(one["load"])] for name, one in flow.items() if isinstance(one, dict)
        ]
        lines += [
            "The small pipeline, warm. Unless requirements are given, MLflow finds them by loading the model in a new process:",
            "",
        ]
        lines += table(["system", "save, ms", "load, ms"], rows)
    if "python" in cost:
        rows = [[name, milliseconds(one)] for name, one in cost.items() if isinstance(one, float) and name != "seconds"]
        lines += ["A new process that imports, or says its version, and ends:", "", *table(["process", "ms"], rows)]
    return ["## Other rows", "", *lines] if lines else []


def _sizes(results: Results) -> list[str]:
    shown = ("holdfast", "pickle 5", "joblib", "skops")
    rows = [[one["title"], *(mebibytes(one["nbytes"].get(name)) for name in shown)] for one in results["workloads"].values()]
    return ["## Size of the files, MiB", "", *table(["workload", *shown], rows)] if rows else []


def _problems(results: Results) -> list[str]:
    found = []
    for name, one in results["workloads"].items():
        found += [f"{one['title']}, {system}: {text}" for system, text in one["problems"].items()]
        found += [
            f"{one['title']}, {system}, memory: {kinds['problem']}"
            for system, kinds in results.get("memory", {}).get(name, {}).items()
            if "problem" in kinds
        ]
    found += [f"{name}: {one['problem']}" for name, one in results.get("extras", {}).items() if "problem" in one]
    return ["## What failed, and why", "", *(f"- {line}" for line in found), ""] if found else []


def markdown(results: Results) -> str:
    """Return the whole page."""
    machine = results["machine"]
    after = machine.get("load after", "an unknown one")
    load = f"{machine['load before']} before and {after} after the run, on {machine['cores']} cores"
    lines = ["# Speed and memory, beside the peers", ""]
    lines += [QUICK, ""] if results["quick"] else []
    lines += [BUSY, ""] if machine["busy"] else []
    lines += [MADE, "", f"Machine: {machine['line']}. Load average {load}. {machine['date']}.", ""]
    lines += [f"Versions: {', '.join(f'{name} {version}' for name, version in machine['versions'].items())}.", ""]
    lines += ["![Time to save and to load, by that of pickle](bench.png)", ""]
    for part in (_targets, _means, _ratio_tables, _memory, _extras, _sizes, _problems):
        lines += part(results)
    return "\n".join([*lines, "## How to make this page again", "", AGAIN]) + "\n"


LIBRARIES_MADE = """\
# Speed beside the libraries' own savers

Made by `python -m bench.run --libraries` in one run on one machine, as [bench.md](bench.md) is for everything else: the systems take turns, in
another order each round; what each loads is compared with what was saved before anything is timed. *Its own* is the library's saver:
`save_model` of the boosters, `.keras`. Nothing was flushed to the disk unless it says durable. Times in milliseconds, medians; ratios below 1
are faster than the peer."""


def libraries(results: Results) -> str:
    """Return the page of the libraries' workloads."""
    machine = results["machine"]
    lines = [LIBRARIES_MADE, "", f"{machine['line']}. {', '.join(f'{name} {one}' for name, one in machine['versions'].items())}. {machine['date']}.", ""]
    lines += [BUSY, ""] if machine.get("busy") else []
    peers = ("safetensors", "torch mmap", "its own", "pickle 5")
    for work in WORKS:
        rows = []
        for name in results["workloads"]:
            ours = seconds(results, name, "holdfast", work)
            cells = [f"{figure(ours * 1000)}" if ours is not None else "–"]
            for peer in peers:
                theirs = seconds(results, name, peer, work)
                cells.append("–" if theirs is None or ours is None else f"{figure(theirs * 1000)} ({figure(ours / theirs)}×)")
            rows.append([results["workloads"][name]["title"], *cells])
        lines += [f"## {HEADINGS[work]}", "", *table(["model", "holdfast", *peers], rows)]
    lines += ["## Targets", ""]
    found = [one for one in verdicts(results) if one.verdict != "not measured"]
    lines += table(["what", "against", "asked", "found", "verdict"], [[one.target.work, one.target.against, one.target.must, value_of(one), one.verdict] for one in found])
    rows = [
        [results["workloads"][name]["title"], *(mebibytes(memory(results, name, "holdfast", kind)) for kind in ("save_extra", "load_resident", "load_extra", "load_mapped"))]
        for name in results["memory"]
    ]
    lines += ["## Memory of holdfast, MiB", "", MEMORY, "", *table(["model", "save", "load, resident", "load, peak", "of the file, resident"], rows)]
    problems = [f"- {name}, {system}: {text}" for name, one in results["workloads"].items() for system, text in one["problems"].items()]
    return "\n".join([*lines, *(["## What could not be measured", "", *problems, ""] if problems else [])])
