"""``holdfast log``: the history of a model, as a timeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.output import give, give_json, say, table
from holdfast.cli.stores import REF, json_option, metrics_text, opened, short, store_option, usage

if TYPE_CHECKING:
    from holdfast.store.version import Moved, Version

COLOURS = {"version": "green", "alias": "cyan", "rollback": "yellow", "delete": "red"}


@click.command()
@click.argument("ref", type=REF)
@store_option
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Entries of a page.")
@click.option("--before", type=click.IntRange(1), help="Only entries before this one: the last of the page before.")
@json_option
@usage
def command(ref: str, store: str | None, limit: int, before: int | None, as_json: bool) -> int:
    """Say what was changed of REF, the newest first: a model, or one alias (churn@production), or one version (churn:7) of it.

    Each line has its number, when it was (UTC), what was done, who did it, and why.
    """
    from holdfast.store.times import shown_time
    from holdfast.values.reference import reference

    model = reference(ref).model
    with opened(store, read_only=True) as found:
        events = found.history(ref, limit=limit + 1, before=before)
        saved = [one.n for one in events if one.kind == "version" and one.n is not None]
        versions = {one.n: one for one in found.numbered(model, saved)}
    shown = events[:limit]
    following = shown[-1].seq if len(events) > limit else None
    if as_json:
        give_json({"model": model, "events": [_json(one) for one in shown], "before": following})
        return 0
    if shown:
        rows = [(str(one.seq), shown_time(one.at), _told(one, versions.get(one.n or 0)), one.who, one.why) for one in shown]
        give(table(("#", "when (UTC)", "what", "who", "why"), rows, [COLOURS.get(one.kind) for one in shown]))
    else:
        say("nothing was changed yet")
    if following is not None:
        say(f"there are more: --before {following}")
    return 0


def _json(event: Moved) -> dict[str, Any]:
    found = event._asdict()
    found["from"], found["to"] = found.pop("old"), found.pop("new")
    found["value"] = _value(event)
    return found


def _value(event: Moved) -> Any:
    if event.kind not in ("tag", "metric", "attachment") or event.value is None:
        return event.value
    return json.loads(event.value)


def _told(event: Moved, version: Version | None) -> str:
    """Return one entry in words."""
    if event.kind == "version":
        return _saved(event, version)
    if event.kind in ("alias", "rollback"):
        if event.new is None:
            return f"{event.alias} taken away (was :{event.old})"
        back = " (rolled back)" if event.kind == "rollback" else ""
        return f"{event.alias} -> :{event.new}{back}" if event.old is None else f"{event.alias} :{event.old} -> :{event.new}{back}"
    if event.kind in ("tag", "metric"):
        value = _value(event)
        return f":{event.n} {event.kind} {event.key} taken away" if value is None else f":{event.n} {event.kind} {event.key}={short(value)}"
    if event.kind == "note":
        return f":{event.n} note \"{short(event.value or '', 100)}\""
    if event.kind == "attachment":
        return f":{event.n} attachment {event.key}{' taken away' if event.value is None else ''}"
    return f":{event.n} {'deleted' if event.kind == 'delete' else 'has another model card'}"


def _saved(event: Moved, version: Version | None) -> str:
    if version is None:
        return f":{event.n} saved (deleted since)"
    parts = [version.type.rpartition(".")[2], *([metrics_text(version)] if version.metrics else []), *([f"from {version.parent}"] if version.parent else [])]
    now = f"  <- {', '.join(version.aliases)}" if version.aliases else ""
    note = f' "{short(version.note, 100)}"' if version.note else ""
    return f":{event.n} saved: {', '.join(parts)}{note}{now}"
