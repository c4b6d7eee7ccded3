"""``holdfast pull``: versions of another store."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import REF, carry_options, carry_plan, json_option, opened, plain, store_option, usage


@click.command()
@click.argument("other")
@click.argument("refs", type=REF, nargs=-1, metavar="[REF]...")
@carry_options
@store_option
@json_option
@usage
def command(other: str, refs: tuple[str, ...], aliases: bool, renumber: bool, dry_run: bool, store: str | None, as_json: bool) -> int:
    """Bring versions of the store OTHER into the store.

    A REF is churn:7, churn@production, or churn for all of its versions; without one everything is meant. What is there already does not travel, so a
    pull that was stopped goes on where it was.
    """
    if dry_run:
        return carry_plan(other, store, refs, as_json)
    with opened(other, read_only=True) as source, opened(store, create=True) as target, progress(None, "pulling") as on_bytes:
        done = target.transfer.pull(source, list(refs) or None, aliases=aliases, renumber=renumber, on_bytes=on_bytes)
    if as_json:
        give_json(plain(done))
    else:
        give(str(done))
    return 0
