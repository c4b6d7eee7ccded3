"""The speed targets of the design (section 10) and what the numbers say to each.

The one rule: a verdict is computed from the measured number and the bound that the design wrote down before; neither is adjusted
to the other. A target over a whole suite in which holdfast could not do a workload is "incomplete", even when the others meet it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.ratios import Results, extra, geometric_mean, memory, names, ratio, ratios, seconds

MIB = 1024 * 1024


class Measured(NamedTuple):
    """A number beside its bound.

    Attributes:
        value: smaller is better; None when it was not measured.
        detail: which workload it is, or over how many.
        missing: workloads that holdfast could not do.
    """

    value: float | None
    detail: str = ""
    missing: tuple[str, ...] = ()


class Target(NamedTuple):
    """One line of the table: the value has to be at most the bound."""

    work: str
    against: str
    must: str
    bound: float
    unit: str
    measure: Callable[[Results], Measured]


class Verdict(NamedTuple):
    """A target with its number and what follows."""

    target: Target
    measured: Measured
    verdict: str


def judge(target: Target, results: Results) -> Verdict:
    """Compare a number with its bound."""
    measured = target.measure(results)
    if measured.value is None:
        return Verdict(target, measured, "not measured")
    if measured.value > target.bound:
        return Verdict(target, measured, "missed")
    return Verdict(target, measured, "incomplete" if measured.missing else "met")


def _not_done(results: Results, work: str, group: str) -> tuple[str, ...]:
    return tuple(name for name in names(results, group) if seconds(results, name, "holdfast", work) is None)


def _mean(peer: str, work: str) -> Callable[[Results], Measured]:
    def measure(results: Results) -> Measured:
        found = ratios(results, peer, work, "suite")
        return Measured(geometric_mean([*found.values()]), f"over {len(found)} of {len(names(results, 'suite'))} workloads",
                        _not_done(results, work, "suite"))  # fmt: skip

    return measure


def _worst(peer: str, work: str, group: str = "suite") -> Callable[[Results], Measured]:
    def measure(results: Results) -> Measured:
        found = ratios(results, peer, work, group)
        worst = max(found, key=lambda name: found[name], default=None)
        return Measured(None if worst is None else found[worst], worst or "", _not_done(results, work, group))

    return measure


def _ratio(workload: str, other: str, work: str) -> Callable[[Results], Measured]:
    return lambda results: Measured(ratio(results, workload, other, work))


def _memory(workload: str, kind: str) -> Callable[[Results], Measured]:
    def measure(results: Results) -> Measured:
        found = memory(results, workload, "holdfast", kind)
        return Measured(None if found is None else found / MIB)

    return measure


def _milliseconds(workload: str, work: str) -> Callable[[Results], Measured]:
    def measure(results: Results) -> Measured:
        found = seconds(results, workload, "holdfast", work)
        return Measured(None if found is None else found * 1000)

    return measure


def _verify(results: Results) -> Measured:
    ours, bare = extra(results, "verify", "holdfast verify"), extra(results, "verify", "bare blake3")
    return Measured(ours / bare if ours and bare else None)


def _mlflow(way: str) -> Callable[[Results], Measured]:
    def measure(results: Results) -> Measured:
        ours, theirs = extra(results, "mlflow", "holdfast"), extra(results, "mlflow", way)
        return Measured((ours["save"] + ours["load"]) / (theirs["save"] + theirs["load"]) if ours and theirs else None)

    return measure


def _import(name: str, beyond: str) -> Callable[[Results], Measured]:
    def measure(results: Results) -> Measured:
        found, floor = extra(results, "import_cost", name), extra(results, "import_cost", beyond) if beyond else 0.0
        return Measured(None if found is None or floor is None else (found - floor) * 1000)

    return measure


def _brought_in(results: Results) -> Measured:
    found = extra(results, "import_cost", "brought in")
    return Measured(None if found is None else float(len(found)), ", ".join(found or ()))


def _version_numpy(results: Results) -> Measured:
    found = extra(results, "import_cost", "version imports numpy")
    return Measured(None if found is None else float(found))


def _lines_of_peer(peer: str, times: float, text: str, worst: dict[str, tuple[float, str]]) -> list[Target]:
    """Return the lines of one peer: as it is, with fsync, and loading."""
    lines = []
    for work, shown in _SHOWN.items():
        must = f"at least {text} times faster"
        lines.append(Target(f"{shown}: geometric mean of the suite", peer, must, 1 / times, "x", _mean(peer, work)))
        if work in worst:
            bound, said = worst[work]
            lines.append(Target(f"{shown}: slowest workload of the suite", peer, said, bound, "x", _worst(peer, work)))
    return lines


_NEVER = (1.0, "never slower")
_HARDLY = (1.2, "at most 1.2 times")
_SHOWN = {"save": "save", "save durable": "save, durable (peer + fsync)", "load": "load"}


def _lines_of_containers() -> list[Target]:
    lines = []
    for work, bound, text in (("save", 3.0, "3"), ("save durable", 3.0, "3"), ("load", 1.5, "1.5")):
        measure = _worst("pickle 5", work, "containers")
        lines.append(Target(f"{_SHOWN[work]}: slowest plain container", "pickle 5", f"at most {text} times", bound, "x", measure))
    return lines


def _lines_of_arrays() -> list[Target]:
    lines = []
    for name, size in (("dense_100mb", "100 MB"), ("dense_1gb", "1 GB")):
        load, resident = _milliseconds(name, "load"), _memory(name, "load_mapped")
        lines.append(Target(f"load of {size} of arrays that no validator reads", "-", "under 5 ms", 5.0, "ms", load))
        lines.append(Target("the same: of the file resident before first use", "-", "none (under 1 MiB)", 1.0, "MiB", resident))
    for work, floor in (("save", "plain write"), ("save durable", "plain write + fsync")):
        measure = _ratio("dense_1gb", "plain write", work)
        lines.append(Target(f"{_SHOWN[work]}: 1 GB of arrays", floor, "at most 1.5 times", 1.5, "x", measure))
    extra_memory = _memory("dense_1gb", "save_extra")
    return [*lines, Target("save of 1 GB of arrays: extra resident memory", "-", "at most 64 MiB", 64.0, "MiB", extra_memory)]


def _lines_of_mlflow() -> list[Target]:
    work = "save + load, small pipeline, warm"
    ways = ("MLflow", "MLflow, requirements given")
    return [Target(work, way, "at least 100 times faster", 0.01, "x", _mlflow(way)) for way in ways]


def _lines_of_imports() -> list[Target]:
    alone, whole = _import("numpy and holdfast", "numpy"), _import("numpy, holdfast's save and load", "numpy")
    return [
        Target("import holdfast, beyond numpy's import", "-", "at most 50 ms", 50.0, "ms", alone),
        Target("the same with save and load brought in", "-", "at most 50 ms", 50.0, "ms", whole),
        Target("machine-learning libraries imported by that", "-", "none", 0.0, "n", _brought_in),
        Target("holdfast --version, the whole process", "-", "under 100 ms", 100.0, "ms", _import("holdfast --version", "")),
        Target("holdfast --version imports numpy", "-", "no", 0.0, "yes", _version_numpy),
    ]


def _line(shown: str, workload: str, work: str, peer: str, must: str, bound: float) -> Target:
    return Target(f"{work}: {shown}", ".keras" if workload == "keras" else peer, must, bound, "x", _ratio(workload, peer, work))


def _lines_of_libraries() -> list[Target]:
    states = {"resnet_state": "ResNet-50-sized state dict", "bert_state": "BERT-base-sized state dict"}
    nets = {"resnet": "ResNet-50-sized net", "bert": "BERT-base-sized net"}
    boosters = {"xgboost": "XGBoost, 500 trees", "lightgbm": "LightGBM, 500 trees", "catboost": "CatBoost, 500 trees"}
    fast, hardly = ("at least as fast", 1.0), ("at most 1.2 times", 1.2)
    return [
        *(_line(shown, name, "load", peer, *fast) for name, shown in states.items() for peer in ("safetensors", "torch mmap")),
        *(_line(shown, name, "save", "safetensors", "at most 1.3 times", 1.3) for name, shown in states.items()),
        *(Target(f"load: {shown}: of the file resident before first use", "-", "none (under 1 MiB)", 1.0, "MiB", _memory(name, "load_mapped"))
          for name, shown in states.items()),
        *(_line(shown, name, "load", "torch mmap", *fast) for name, shown in nets.items()),
        *(_line(shown, name, work, "its own", *hardly) for name, shown in boosters.items() for work in ("save", "load")),
        *(_line("Keras", "keras", work, "its own", "faster", 1.0) for work in ("save", "load")),
    ]  # fmt: skip


TARGETS: tuple[Target, ...] = (
    *_lines_of_peer("skops", 10.0, "10", {"save": _NEVER, "save durable": _NEVER, "load": _NEVER}),
    *_lines_of_peer("joblib", 2.0, "2", {"load": _HARDLY}),
    *_lines_of_peer("pickle 5", 1.5, "1.5", {"save": _HARDLY, "save durable": _HARDLY, "load": _HARDLY}),
    *_lines_of_containers(),
    *_lines_of_arrays(),
    Target("verify: digests of 1 GB", "bare BLAKE3, all cores", "at most 1.2 times", 1.2, "x", _verify),
    *_lines_of_libraries(),
    *_lines_of_mlflow(),
    *_lines_of_imports(),
)

NOT_HERE = (
    "20 fine-tuned versions of a net with a frozen 400 MB body: needs the store, not measured yet",
)
"""Targets of the design that no number here speaks to."""


def verdicts(results: Results) -> list[Verdict]:
    """Return every target with its verdict."""
    return [judge(target, results) for target in TARGETS]
