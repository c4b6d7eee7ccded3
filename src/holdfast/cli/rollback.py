"""``holdfast rollback``: the last move of an alias undone."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import REF, json_option, opened, store_option, usage, write_options


@click.command()
@click.argument("ref", type=REF)
@store_option
@write_options
@json_option
@usage
def command(ref: str, store: str | None, who: str, why: str, dry_run: bool, as_json: bool) -> int:
    """Point the alias REF (churn@production) back at where it was before its last move that was not undone yet."""
    with opened(store, who=who, dry_run=dry_run) as found:
        old = found.find(ref).n
        new = found.rollback(ref, why=why).n
    if as_json:
        give_json({"alias": ref, "from": old, "to": new, "dry_run": dry_run})
    else:
        give(f"{ref} {'would go' if dry_run else 'went'} back from :{old} to :{new}")
    return 0
