"""``holdfast check``: is a store whole, and can it be healed?"""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import json_option, opened, plain, store_option, usage
from holdfast.errors import quoted


@click.command()
@click.option("--full", is_flag=True, help="Read every byte, and compare it with its digest; without it names and sizes are compared.")
@click.option("--rebuild", is_flag=True, help="Make the catalog anew from the records first.")
@click.option("--repair-from", metavar="URL", help="Take what is damaged or missing here from another store; what was here is kept in aside/.")
@click.option("--dry-run", is_flag=True, help="Look, and neither rebuild nor repair.")
@store_option
@json_option
@usage
def command(full: bool, rebuild: bool, repair_from: str | None, dry_run: bool, store: str | None, as_json: bool) -> int:
    """Say whether a store is whole: every damaged object, with the versions and aliases that it hurts. Exit code 6 when something is wrong."""
    heals = not dry_run and (rebuild or repair_from is not None)
    with opened(store, read_only=not heals) as found, progress(None, "reading") as bar:
        done = found.admin.check("full" if full else "quick", rebuild=rebuild and heals, repair_from=repair_from if heals else None, on_bytes=bar, on_stage=bar.stage)
    if as_json:
        give_json(plain(done))
    else:
        give("\n".join(quoted(line, 2000) for line in str(done).split("\n")))  # names of stray files come from whoever put them there
    return 0 if done.ok else 6
