"""``holdfast collect``: bytes that no version needs, deleted."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import duration, json_option, opened, plain, store_option, usage


@click.command()
@click.option("--grace", default="24h", show_default=True, help="How long bytes stay after they were needed for the last time: 30m, 24h, 7d.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@store_option
@json_option
@usage
def command(grace: str, dry_run: bool, store: str | None, as_json: bool) -> int:
    """Delete the bytes of a store that no version needs any more; others may use it at the same time."""
    with opened(store) as found, progress(None, "deleting") as bar:
        done = found.admin.collect(grace=duration(grace), dry_run=dry_run, on_bytes=bar, on_stage=bar.stage)
    if as_json:
        give_json(plain(done))
    else:
        give(str(done))
    return 0
