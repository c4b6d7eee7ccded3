"""Pictures of a comparison as SVG inside the page: how far answers deviate, how far tensors changed.

The one rule: everything that was not written here is escaped; colours come from the page, so that they suit light and dark.
"""

from __future__ import annotations

import html
import math

from holdfast.comparing.result import Answers, TensorDifference
from holdfast.comparing.text import most_changed
from holdfast.errors import quoted

WIDTH = 720
BARS = 30
"""Tensors in one picture."""
SMALLEST = 1e-8
"""The smallest relative change at which bars may begin: the axis is logarithmic, and begins a decade below the smallest that is shown."""


def escaped(text: object, limit: int = 200) -> str:
    """Return text from outside, bounded, without control and direction characters, as text of a page or of an attribute."""
    return html.escape(quoted(text, limit), quote=True)


def histogram(one: Answers) -> str:
    """Return how many rows deviate by how much."""
    most = max((count for _, count in one.histogram), default=0)
    if not most:
        return ""
    height, base, step = 170, 130, WIDTH / len(one.histogram)
    parts = []
    for place, (bound, count) in enumerate(one.histogram):
        tall = (base - 22) * math.sqrt(count / most)  # by the root: single rows that deviate are seen beside thousands that do not
        left, middle = place * step + 6, place * step + step / 2
        kind = "same" if place == 0 else "near" if bound <= 1e-6 else "off" if bound <= 1e-2 else "far"
        said = _bound(one, place)
        parts.append(f'<rect class="{kind}" x="{left:.1f}" y="{base - tall:.1f}" width="{step - 12:.1f}" height="{max(tall, 1 if count else 0):.1f}" rx="3">'
                     f"<title>{count} rows: {said}</title></rect>")  # fmt: skip
        if count:
            parts.append(f'<text class="value" x="{middle:.1f}" y="{base - tall - 6:.1f}">{count}</text>')
        parts.append(f'<text class="tick" x="{middle:.1f}" y="{base + 18}">{said}</text>')
    parts.append(f'<line class="axis" x1="0" y1="{base}" x2="{WIDTH}" y2="{base}"/>')
    parts.append(f'<text class="tick" x="{WIDTH / 2}" y="{base + 36}">deviation of a row: absolute up to one, relative beyond (heights by the square root)</text>')
    return _svg(height, f"rows by deviation of {one.method}", parts)


def _bound(one: Answers, place: int) -> str:
    bound = one.histogram[place][0]
    if place == 0:
        return "equal"
    return f"&gt; {one.histogram[place - 1][0]:g}" if math.isinf(bound) else f"≤ {bound:g}"


def agreement(one: Answers) -> str:
    """Return the share of rows that agree, as a bar."""
    agrees = WIDTH * one.agreement
    parts = [f'<rect class="far" x="0" y="0" width="{WIDTH}" height="16" rx="3"/>', f'<rect class="same" x="0" y="0" width="{agrees:.1f}" height="16" rx="3"/>']
    return _svg(18, f"share of rows that agree in {one.method}", parts)


def changes(tensors: list[TensorDifference]) -> str:
    """Return how far the tensors changed that changed most, a bar each; empty where none is measured."""
    measured = [one for one in most_changed(tensors) if one.relative is not None][:BARS]
    if not measured:
        return ""
    finite = [one.relative for one in measured if one.relative is not None and 0 < one.relative < math.inf]
    top = max([1.0, *finite])
    low = max(SMALLEST, 10 ** (math.floor(math.log10(min([1.0, *finite]))) - 1))
    label, row = 300, 22
    room = WIDTH - label - 90
    span = math.log10(top) - math.log10(low)
    parts = []
    for place, one in enumerate(measured):
        relative = one.relative or 0.0
        part = 1.0 if math.isinf(relative) else (math.log10(max(relative, low)) - math.log10(low)) / span
        kind = "near" if relative <= 1e-6 else "off" if relative <= 1e-2 else "far"
        y = place * row
        name = one.name if len(one.name) <= 44 else "…" + one.name[-43:]  # the end of a path tells tensors apart
        parts.append(f'<text class="name" x="{label - 8}" y="{y + 15}">{escaped(name)}<title>{escaped(one.name, 600)}</title></text>')
        parts.append(f'<rect class="{kind}" x="{label}" y="{y + 3}" width="{max(2.0, room * part):.1f}" height="{row - 7}" rx="3"/>')
        parts.append(f'<text class="amount" x="{label + max(2.0, room * part) + 6:.1f}" y="{y + 15}">{relative:.2g}</text>')
    parts.append(f'<text class="tick" x="{label + room / 2}" y="{len(measured) * row + 16}">norm of the change over the norm before (logarithmic)</text>')
    return _svg(len(measured) * row + 24, "how far tensors changed", parts)


def _svg(height: float, title: str, parts: list[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escaped(title)}">{"".join(parts)}</svg>'
