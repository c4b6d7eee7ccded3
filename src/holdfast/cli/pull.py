"""``holdfast pull``: versions of another store, or of a registry."""

from __future__ import annotations

import click

from holdfast.cli.carrying import carry_options, exports_to_option, far, plan, user_option
from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import REF, json_option, opened, plain, store_option, usage


@click.command()
@click.argument("other")
@click.argument("refs", type=REF, nargs=-1, metavar="[REF]...")
@exports_to_option
@carry_options
@user_option
@store_option
@json_option
@usage
def command(other: str, refs: tuple[str, ...], exports_to: str | None, aliases: bool, renumber: bool, dry_run: bool, user: str | None, store: str | None, as_json: bool) -> int:
    """Bring versions of the store OTHER, or of a registry (oci://host/prefix), into the store, which is made where there is none.

    A REF is churn:7, churn@production, or churn for all of its versions; without one everything is meant, but of a registry, which has no list. What is
    there already does not travel, so a pull that was stopped goes on where it was.
    """
    with far(other, refs, read_only=True, user=user) as source:
        if dry_run:
            return plan(source, store, refs, as_json)
        with opened(store, create=True) as target, progress(None, "pulling") as bar:
            done = target.transfer.pull(source, list(refs) or None, aliases=aliases, renumber=renumber, exports_to=exports_to, on_bytes=bar, on_stage=bar.stage)
    if as_json:
        give_json(plain(done))
    else:
        give(str(done))
    return 0
