"""``holdfast keep``: old versions out of a store."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import REF, deleted_text, json_option, opened, plain, store_option, usage, write_options


@click.command()
@click.argument("model", type=REF)
@click.option("--last", type=click.IntRange(0), default=10, show_default=True, help="How many of the newest stay.")
@click.option("--days", type=click.FloatRange(0), help="Those that are younger stay too.")
@store_option
@write_options
@json_option
@usage
def command(model: str, last: int, days: float | None, store: str | None, who: str, why: str, dry_run: bool, as_json: bool) -> int:
    """Take the old versions of MODEL out of a store: all but the last, and but those that an alias points at."""
    with opened(store, who=who) as found:
        gone = found.keep(model, last, days=days, dry_run=dry_run, why=why)
    if as_json:
        give_json({"deleted": plain(gone), "dry_run": dry_run})
    elif gone:
        give("\n".join(deleted_text(one, dry_run) for one in gone))
    else:
        give("every version stays")
    return 0
