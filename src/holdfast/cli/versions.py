"""``holdfast versions``: the versions of a model."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json, say, table
from holdfast.cli.stores import HEADER, REF, json_option, opened, store_option, usage, version_json, version_row


@click.command()
@click.argument("model", type=REF)
@store_option
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Versions of a page.")
@click.option("--before", type=click.IntRange(1), help="Only versions with smaller numbers: the last one of the page before.")
@json_option
@usage
def command(model: str, store: str | None, limit: int, before: int | None, as_json: bool) -> int:
    """List the versions of MODEL, the newest first."""
    with opened(store, read_only=True) as found:
        versions = found.versions(model, limit=limit + 1, before=before)
    shown = versions[:limit]
    following = shown[-1].n if len(versions) > limit else None
    if as_json:
        give_json({"model": model, "versions": [version_json(one) for one in shown], "before": following})
        return 0
    if shown:
        give(table(HEADER, [version_row(one) for one in shown]))
    else:
        say("there are no versions")
    if following is not None:
        say(f"there are more: --before {following}")
    return 0
