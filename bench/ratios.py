"""What the numbers say: medians, ratios, geometric means. Reads the results, changes nothing.

The one rule: a ratio is the time of holdfast divided by that of the peer, so below 1 holdfast is faster; a peer that failed or
that loads something else than was saved has no ratio.
"""

from __future__ import annotations

from math import exp, log
from statistics import median
from typing import Any

Results = dict[str, Any]

WORKS = ("save", "save durable", "load")


def names(results: Results, group: str | None = None) -> list[str]:
    """Return the workloads of a group that were run, in the order of the table."""
    return [name for name, found in results["workloads"].items() if group is None or found["group"] == group]


def seconds(results: Results, workload: str, system: str, work: str) -> float | None:
    """Return the median seconds, or None when the system did not do it or did it wrong."""
    found = results["workloads"].get(workload)
    if found is None or system in found["problems"]:
        return None
    taken = found["times"].get(system, {}).get(work)
    return median(taken) if taken else None


def rounds(results: Results, workload: str, system: str, work: str) -> int:
    """Return how often it was measured."""
    return len(results["workloads"][workload]["times"].get(system, {}).get(work, ()))


def ratio(results: Results, workload: str, peer: str, work: str) -> float | None:
    """Return the time of holdfast by that of a peer."""
    ours, theirs = seconds(results, workload, "holdfast", work), seconds(results, workload, peer, work)
    return None if ours is None or theirs is None else ours / theirs


def ratios(results: Results, peer: str, work: str, group: str) -> dict[str, float]:
    """Return workload -> ratio for a group, those without one left out."""
    return {name: found for name in names(results, group) if (found := ratio(results, name, peer, work)) is not None}


def geometric_mean(values: list[float]) -> float | None:
    """Return the geometric mean; None of nothing."""
    return exp(sum(log(value) for value in values) / len(values)) if values else None


def memory(results: Results, workload: str, system: str, kind: str) -> float | None:
    """Return bytes from the memory pass."""
    found = results.get("memory", {}).get(workload, {}).get(system, {}).get(kind)
    return None if found is None else float(found)


def extra(results: Results, name: str, *path: str) -> Any:
    """Return something out of the extra rows, None when it was not measured."""
    found = results.get("extras", {}).get(name)
    for key in path:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found
