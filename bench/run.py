"""Run the benchmark: ``python -m bench.run [--quick] [--only NAME] [--rounds N] [--render]``.

Strategy: every workload with all systems in turns, then memory in child processes, then the extra rows. What there is so far is
written to build/bench/partial.json after each step, so that a run that breaks off leaves what it had.

The one rule: only a whole, full run writes to docs/; everything else goes to build/bench.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import extras, memory, plot, report
from bench.ratios import Results, ratio
from bench.targets import verdicts
from bench.timing import ENOUGH, FEW, PLENTY, Contest
from bench.workloads import WORKLOADS, Workload

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
"""Git-ignored; models are saved to a folder in it, on the disk of the checkout, since /tmp may be memory."""

PACKAGES = ("holdfast", "numpy", "scipy", "scikit-learn", "msgspec", "blake3", "joblib", "skops", "mlflow-skinny", "zstandard", "torch", "safetensors", "xgboost-cpu",
            "lightgbm", "catboost", "keras")

BUSY = 0.5
"""Load average per core above which a run begins with a warning."""

QUICK_MEMORY = frozenset({"forest_100", "dense_100mb", "dense_1gb"})
"""Workloads whose memory a quick run looks at; every one costs several new processes."""


def machine() -> dict[str, object]:
    """Return what the numbers were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    versions = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    line = f"{cores} cores of {model}, {total:.0f} GiB memory, {platform.system()} {platform.release()}, files on {_disk(BUILD)}"
    return {
        "line": line,
        "cores": cores,
        "busy": os.getloadavg()[0] > BUSY * cores,
        "versions": versions,
        "date": time.strftime("%Y-%m-%d"),
        "load before": _load(),
    }


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _disk(folder: Path) -> str:
    """Return the kind of file system that a folder is on."""
    kinds = {words[1]: words[2] for line in Path("/proc/mounts").read_text().splitlines() if len(words := line.split()) > 2}
    return next((kinds[str(place)] for place in (folder, *folder.parents) if str(place) in kinds), "an unknown file system")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _contest(workload: Workload, folder: Path, quick: bool, most: int) -> dict[str, object]:
    start = time.perf_counter()
    contest = Contest(workload, workload.model(quick), folder, most)
    found = contest.run()
    results: Results = {"workloads": {workload.name: found}}
    shown = "  ".join(
        f"{work} {value:.2f}"
        for work in ("save", "save durable", "load")
        if (value := ratio(results, workload.name, "pickle 5", work))
    )
    _say(f"{workload.name:12} {time.perf_counter() - start:6.1f} s   ÷ pickle 5: {shown or '-'}")
    for system, text in found["problems"].items():
        _say(f"{'':12} {system}: {text}")
    return found


def measure(folder: Path, quick: bool, only: str | None, most: int, partial: Path) -> Results:
    """Measure everything, or what `only` names."""
    if os.getloadavg()[0] > BUSY * len(os.sched_getaffinity(0)):
        _say(f"the machine is busy (load average {_load()}): the numbers will say so, and are worth little")
    results: Results = {
        "quick": quick,
        "rounds": min(most, ENOUGH),
        "machine": machine(),
        "workloads": {},
        "memory": {},
        "extras": {},
    }
    wanted = [workload for workload in WORKLOADS if only in (None, workload.name)]
    for workload in wanted:
        results["workloads"][workload.name] = _contest(workload, folder, quick, most)
        gc.collect()
        write_json(results, partial)
    for workload in wanted:
        if not quick or only or workload.name in QUICK_MEMORY:
            _say(f"{workload.name:12} memory")
            skip = {*results["workloads"][workload.name]["problems"]}
            results["memory"][workload.name] = memory.measure(workload, folder, quick, skip)
            write_json(results, partial)
    for name in extras.EXTRAS:
        if only in (None, name):
            _say(f"{name:12} extra row")
            results["extras"][name] = extras.run(name, folder, quick)
            write_json(results, partial)
    results["machine"]["load after"] = _load()
    return results


def write_json(results: Results, path: Path) -> None:
    """Write the numbers, a list of times to a line."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    # one number a line would make thousands of lines
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_joined(text) + "\n")


def _joined(text: str) -> str:
    """Put lists of numbers on one line each."""
    lines: list[str] = []
    inside: list[str] | None = None
    for line in text.splitlines():
        word = line.strip()
        if inside is None and word.endswith("["):
            inside = [line]
        elif inside is not None and word.rstrip(",") == "]":
            lines.append("".join(inside) + word)
            inside = None
        elif inside is not None:
            inside.append(word + (" " if word.endswith(",") else ""))
        else:
            lines.append(line)
    return "\n".join(lines)


def render(results: Results, out: Path) -> None:
    """Write tables and picture."""
    out.joinpath("bench.md").write_text(report.markdown(results))
    if results["workloads"]:
        plot.draw(results, out / "bench.png")
    for one in verdicts(results):
        if one.verdict in ("missed", "incomplete"):
            _say(f"{one.verdict}: {one.target.work}, against {one.target.against}: {report.value_of(one)}, {one.target.must}")


def libraries_alone(out: Path, again: bool, most: int) -> int:
    """Measure the workloads of the other libraries in a run of their own, and write their page."""
    BUILD.mkdir(exist_ok=True)
    if not again:
        folder = Path(tempfile.mkdtemp(prefix="bench-files-", dir=BUILD))
        results: Results = {"quick": False, "rounds": min(most, ENOUGH), "machine": machine(), "workloads": {}, "memory": {}, "extras": {}}
        try:
            for workload in WORKLOADS:
                if workload.group == "libraries":
                    results["workloads"][workload.name] = _contest(workload, folder, False, most)
                    gc.collect()
                    results["memory"][workload.name] = memory.measure(workload, folder, False, {*results["workloads"][workload.name]["problems"]})
                    write_json(results, BUILD / "bench" / "partial.json")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        results["machine"]["load after"] = _load()
        write_json(results, out / "bench_libraries.json")
    results = json.loads(out.joinpath("bench_libraries.json").read_text())
    out.joinpath("bench_libraries.md").write_text(report.libraries(results))
    return 0


def _ended(*_: object) -> None:
    """Leave through finally, so that the saved models go too."""
    sys.exit("ended by SIGTERM; what was measured is in build/bench/partial.json")


def main() -> int:
    """Run from the command line."""
    choices = [*(workload.name for workload in WORKLOADS), *extras.EXTRAS]
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="holdfast beside pickle, joblib, skops and MLflow")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: to see that everything works")
    parser.add_argument("--only", metavar="NAME", choices=choices, help=f"one of: {', '.join(choices)}")
    parser.add_argument("--libraries", action="store_true", help="the workloads of the libraries beyond scikit-learn alone; writes docs/bench_libraries")
    parser.add_argument("--rounds", type=int, metavar="N", help="at most so many rounds, for a try with the full sizes")
    parser.add_argument("--render", action="store_true", help="measure nothing; write tables and picture again from bench.json")
    parser.add_argument("--out", type=Path, help="the folder to write to; docs/ for a whole full run, else build/bench")
    chosen = parser.parse_args()
    whole = not (chosen.quick or chosen.only or chosen.rounds or chosen.libraries)
    most = chosen.rounds or (FEW if chosen.quick else PLENTY)
    alone = chosen.libraries and not chosen.quick
    out: Path = chosen.out or (ROOT / "docs" if whole or alone else ROOT / "build" / "bench")
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")  # the peers' and our own notices say nothing about time
    if alone:
        return libraries_alone(out, chosen.render, most)
    if chosen.render:
        render(json.loads(out.joinpath("bench.json").read_text()), out)
        return 0
    signal.signal(signal.SIGTERM, _ended)
    BUILD.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-files-", dir=BUILD))
    try:
        results = measure(folder, chosen.quick, chosen.only, most, BUILD / "bench" / "partial.json")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write_json(results, out / "bench.json")
    render(results, out)
    _say(f"written: {out}/bench.json, bench.md{', bench.png' if results['workloads'] else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
