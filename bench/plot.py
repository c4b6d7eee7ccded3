"""The picture: how long each system takes to save and to load, by the time of pickle 5, on a logarithmic scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.ratios import Results, names, seconds
from bench.report import why_not

COLOURS = {"holdfast": "#0b6e4f", "joblib": "#8da0cb", "joblib mmap": "#c3cde6", "skops": "#d9a05b"}
"""Holdfast stands out; the peers are pale. They differ in lightness too, for those who see colours otherwise."""


_SMALL: dict[str, Any] = {"va": "center", "fontsize": 7.5, "color": "#555555"}
_LARGE: dict[str, Any] = {"va": "center", "fontsize": 9, "color": "black", "fontweight": "bold"}


def _short(number: float) -> str:
    return (
        f"{number:.1g}"
        if number < 0.1
        else f"{number:.2f}"
        if number < 1
        else f"{number:.1f}"
        if number < 9.95
        else f"{number:.0f}"
    )


def draw(results: Results, path: Path) -> None:
    """Write the picture as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator

    groups = [name for group in ("suite", "more", "containers") for name in names(results, group)]
    panels = (
        ("save", "save (not durable)", ("holdfast", "joblib", "skops")),
        ("load", "load", ("holdfast", "joblib", "joblib mmap", "skops")),
    )
    figure, axes = pyplot.subplots(1, 2, figsize=(15, 1.8 + 0.62 * len(groups)), sharey=True, layout="constrained")
    for axis, (work, title, systems) in zip(axes, panels, strict=True):
        height = 0.8 / len(systems)
        seen = [1.0]
        for place, name in enumerate(groups):
            floor = seconds(results, name, "pickle 5", work)
            for at, system in enumerate(systems):
                taken = seconds(results, name, system, work)
                y = place - 0.4 + height * (at + 0.5)
                if floor is None or taken is None:
                    word = why_not(results["workloads"][name]["problems"], system)
                    axis.annotate(
                        f"{system}: {word.removeprefix('holdfast ')}", (1, y), (4, 0), textcoords="offset points", **_SMALL
                    )
                    continue
                value = taken / floor
                seen.append(value)
                axis.barh(y, value - 1, height, left=1, color=COLOURS[system], label=system, zorder=2)
                side, shift = ("left", 4) if value >= 1 else ("right", -4)
                style = _LARGE if system == "holdfast" else _SMALL
                axis.annotate(_short(value), (value, y), (shift, 0), textcoords="offset points", ha=side, **style)
        axis.set_xscale("log")
        axis.set_xlim(min(seen) / 8, max(seen) * 2.5)
        axis.axvline(1, color="black", linewidth=1.2, zorder=3)
        axis.set_title(f"{title}: time ÷ time of pickle 5", fontsize=13)
        axis.set_xlabel("logarithmic; left of the line: faster than pickle 5", fontsize=11)
        axis.xaxis.set_major_locator(LogLocator(10))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.grid(axis="x", color="#dddddd", zorder=0)
        for place in range(len(groups) - 1):
            # a darker line where the suite ends and where the containers begin
            ends = results["workloads"][groups[place]]["group"] != results["workloads"][groups[place + 1]]["group"]
            axis.axhline(place + 0.5, color="#888888" if ends else "#eeeeee", linewidth=0.8, zorder=0)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[0].set_yticks(range(len(groups)), [results["workloads"][name]["title"] for name in groups], fontsize=11)
    axes[0].set_ylim(len(groups) - 0.5, -0.5)
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend([handles[name] for name in COLOURS if name in handles], [name for name in COLOURS if name in handles],
                  loc="outside upper center", ncols=len(COLOURS), fontsize=12, frameon=False)  # fmt: skip
    if results["quick"]:
        figure.supxlabel("quick run with small sizes: not the numbers", color="#b00020", fontsize=12)
    figure.savefig(path, dpi=110, bbox_inches="tight", pad_inches=0.2)
    pyplot.close(figure)
