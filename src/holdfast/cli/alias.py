"""``holdfast alias``: an alias of a model, and where it points."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import REF, json_option, opened, store_option, usage, write_options


@click.command()
@click.argument("ref", type=REF)
@click.argument("to", type=REF, required=False)
@click.option("--remove", is_flag=True, help="Take the alias away.")
@store_option
@write_options
@json_option
@usage
def command(ref: str, to: str | None, remove: bool, store: str | None, who: str, why: str, dry_run: bool, as_json: bool) -> int:
    """Point the alias REF (churn@production) at TO: a number (7), a version (churn:7) or another alias (churn@staging)."""
    from holdfast.errors import NotFound

    if remove is (to is not None):
        raise click.UsageError("say where to: a number, a version or an alias; or --remove")
    with opened(store, who=who, dry_run=dry_run) as found:
        try:
            old = found.find(ref).n
        except NotFound:
            old = None
        target = int(to) if to is not None and to.isascii() and to.isdigit() else to
        moved = found.alias(ref, target, why=why)
    new = None if moved is None else moved.n
    if as_json:
        give_json({"alias": ref, "from": old, "to": new, "dry_run": dry_run})
        return 0
    would = "would be " if dry_run else ""
    if old == new:
        give(f"{ref} is at :{new} already" if new is not None else f"{ref} is not there")
    elif new is None:
        give(f"{ref} {would or 'was '}taken away; it was at :{old}")
    else:
        give(f"{ref} {would or 'was '}moved from :{old} to :{new}" if old is not None else f"{ref} {would or 'was '}set to :{new}")
    return 0
