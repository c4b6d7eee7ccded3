"""A comparison as one page that needs no other file, runs nothing, and suits light and dark.

The one rule: every text that was not written here goes through `escaped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.comparing import pictures
from holdfast.comparing.pictures import escaped
from holdfast.comparing.result import Answers, Checked, Comparison
from holdfast.comparing.text import how_far, most_changed, question

ROWS = 500
"""Rows of one table; the JSON document has them all."""

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --card: #f5f6f8; --text: #1c1f24; --quiet: #626a76; --line: #dde1e6; --same: #2e9d64; --near: #7bb8dc; --off: #e0a63a; --far: #cf4d43; }
@media (prefers-color-scheme: dark) {
  :root { --back: #15181c; --card: #1e2227; --text: #e6e8eb; --quiet: #9aa3ae; --line: #333a42; --same: #3fb57a; --near: #5a9cc4; --off: #d69b35; --far: #e0675d; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; } h3 { font-size: .95rem; margin: 1.25rem 0 .35rem; }
.sides, p.quiet { color: var(--quiet); margin: .15rem 0; overflow-wrap: anywhere; }
.verdicts { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0; }
.verdict { border-radius: 999px; padding: .15rem .8rem; background: var(--card); border: 1px solid var(--line); }
.good { border-color: var(--same); } .bad { border-color: var(--far); color: var(--far); font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .25rem 0 .75rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--quiet); font-weight: 500; white-space: nowrap; } td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .88em/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
td:first-child { min-width: 2.8em; } td:nth-last-child(-n+3) { min-width: 5.5em; overflow-wrap: break-word; } td:nth-last-child(-n+3) code { overflow-wrap: break-word; }
svg { display: block; width: 100%; height: auto; margin: .5rem 0 1rem; }
svg text { fill: var(--text); font: 11px system-ui, sans-serif; text-anchor: middle; } svg .tick { fill: var(--quiet); } svg .name { text-anchor: end; } svg .amount { text-anchor: start; fill: var(--quiet); }
svg .same { fill: var(--same); } svg .near { fill: var(--near); } svg .off { fill: var(--off); } svg .far { fill: var(--far); } svg .axis { stroke: var(--line); }
"""


def page(found: Comparison) -> str:
    """Return a comparison as HTML."""
    parts = [_head(found), _limits(found.limits)]
    parts.append(_pairs("Model", {name: pair for name, pair in found.fields.items() if not found.signature or name not in ("inputs", "classes")}))
    parts += [_signature(found), _pairs("Metrics", found.metrics, change=True), _predictions(found), _pairs("Parameters", found.params)]
    parts += [_tensors(found), _pairs("Libraries", found.libraries)]
    title = f"{escaped(found.first, 100)} and {escaped(found.second, 100)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _head(found: Comparison) -> str:
    verdicts = [_verdict("the same model", True) if found.same else _verdict("different models", None)]
    if found.limits:
        broken = sum(not one.held for one in found.limits)
        verdicts.append(_verdict(f"{broken} of {len(found.limits)} limits do not hold" if broken else "all limits hold", not broken))
    if found.signature:
        verdicts.append(_verdict(f"{found.breaking} breaking change{'s' * (found.breaking != 1)}" if found.breaking else "no breaking change", not found.breaking))
    if labels := [one for one in found.predictions if one.labels]:
        changed = max(one.changed_labels for one in labels)
        verdicts.append(_verdict(f"{changed} changed labels", None if changed else True))
    if found.not_asked:
        verdicts.append(_verdict("not everything could be compared", False))
    sides = "".join(f'<p class="sides">{title}: <code>{escaped(name, 400)}</code>, {size:,} bytes</p>'
                    for title, name, size in (("first", found.first, found.sizes[0]), ("second", found.second, found.sizes[1])))  # fmt: skip
    return f'<h1>How two models differ</h1>{sides}<div class="verdicts">{"".join(verdicts)}</div>'


def _verdict(text: str, good: bool | None) -> str:
    return f'<span class="verdict{"" if good is None else " good" if good else " bad"}">{escaped(text)}</span>'


def _limits(limits: list[Checked]) -> str:
    rows = [(escaped(one.name), f"{one.bound:g}", "nothing to compare it with" if one.value is None else f"{one.value:.6g}",
             _verdict("holds" if one.held else "does not hold", one.held), escaped(one.why, 400)) for one in limits]  # fmt: skip
    return _table("Limits", ("limit", "bound", "found", "", ""), rows)


def _pairs(title: str, group: dict[str, tuple[Any, Any]], change: bool = False) -> str:
    rows = []
    for name, pair in group.items():
        row = [f"<code>{escaped(name)}</code>", *(f"<code>{escaped('absent' if one is None else one, 400)}</code>" for one in pair)]
        if change:
            numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in pair)
            row.append(f"{pair[1] - pair[0]:+.6g}" if numbers else "")
        rows.append(tuple(row))
    return _table(title, ("", "first", "second", *(["change"] if change else [])), rows)


def _signature(found: Comparison) -> str:
    rows = [(_verdict("breaking" if one.breaking else "fits", not one.breaking), f"{escaped(one.what)} <code>{escaped(one.name)}</code>" if one.name else escaped(one.what),
             f"<code>{escaped(one.first)}</code>", f"<code>{escaped(one.second)}</code>", escaped(one.why, 300)) for one in found.signature]  # fmt: skip
    return _table("What it takes and answers", ("", "", "first", "second", "what callers meet"), rows)


def _predictions(found: Comparison) -> str:
    parts = [_question(one) for one in found.predictions]
    parts += [f'<p class="quiet">{escaped(one, 600)}</p>' for one in found.notes]
    parts += [f'<p class="bad">not compared: {escaped(one, 800)}</p>' for one in found.not_asked]
    return f"<h2>Answers to the same rows</h2>{''.join(parts)}" if parts else ""


def _question(one: Answers) -> str:
    rows = [(str(row.row), f"<code>{escaped(', '.join(row.inputs), 600)}</code>", f"<code>{escaped(row.first)}</code>", f"<code>{escaped(row.second)}</code>",
             "" if row.deviation is None else f"{row.deviation:.3g}") for row in one.worst_rows]  # fmt: skip
    picture = pictures.agreement(one) if one.labels else pictures.histogram(one)
    title = "" if not rows else "rows whose label changed" if one.labels else "rows that deviate most"
    table = _table(title, ("row", "its values", "first", "second", "" if one.labels else "deviation"), rows, level=3)
    return f'<h3><code>{escaped(one.method)}</code>, {escaped(one.rows_of)}</h3><p class="quiet">{escaped(question(one), 400)}</p>{picture}{table}'


def _tensors(found: Comparison) -> str:
    if not found.tensors:
        return ""
    shown = most_changed(found.tensors)[:ROWS]
    rows = [(f"<code>{escaped(one.name)}</code>", f"<code>{escaped(one.first or one.second)}</code>", escaped(how_far(one))) for one in shown]
    more = len(found.tensors) - len(shown)
    rest = f'<p class="quiet">{found.equal_tensors} tensors are equal{f"; {more} more differ" if more else ""}.</p>'
    return f"<h2>Tensors</h2>{pictures.changes(found.tensors)}{_table('', ('tensor', 'dtype and shape', 'difference'), rows)}{rest}"


def _table(title: str, heads: Iterable[str], rows: Sequence[tuple[str, ...]], level: int = 2) -> str:
    """Return a table of cells that are escaped already; nothing when it has no rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[:ROWS])
    if len(rows) > ROWS:
        body += f'<tr><td colspan="{len(rows[0])}">and {len(rows) - ROWS} more</td></tr>'
    over = f"<h{level}>{escaped(title)}</h{level}>" if title else ""
    return f'{over}<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
