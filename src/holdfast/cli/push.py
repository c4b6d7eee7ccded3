"""``holdfast push``: versions into another store, or a registry."""

from __future__ import annotations

import click

from holdfast.cli.carrying import carry_options, export_option, exported, far, is_registry, plan, user_option
from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import REF, json_option, opened, plain, store_option, usage


@click.command()
@click.argument("other")
@click.argument("refs", type=REF, nargs=-1, metavar="[REF]...")
@export_option
@carry_options
@user_option
@store_option
@json_option
@usage
def command(other: str, refs: tuple[str, ...], exports: tuple[str, ...], aliases: bool, renumber: bool, dry_run: bool, user: str | None, store: str | None, as_json: bool) -> int:
    """Bring versions of the store into the store OTHER, which is made where there is none, or into a registry (oci://host/prefix).

    A REF is churn:7, churn@production, or churn for all of its versions; without one everything is meant. What is there already does not travel, so a
    push that was stopped goes on where it was.
    """
    files = exported(exports)
    with opened(store, read_only=True) as source:
        if dry_run:
            # a registry says what it lacks when it is asked for each blob, and not before
            return plan(source, "" if is_registry(other) else other, refs, as_json)
        with far(other, create=True, user=user) as target, progress(None, "pushing") as bar:
            done = source.transfer.push(target, list(refs) or None, aliases=aliases, renumber=renumber, exports=files, on_bytes=bar, on_stage=bar.stage)
    if as_json:
        give_json(plain(done))
    else:
        give(str(done))
    return 0
