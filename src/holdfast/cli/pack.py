"""``holdfast pack``: versions in one file."""

from __future__ import annotations

import os

import click

from holdfast.cli.carrying import chosen, export_option, exported
from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import REF, json_option, opened, plain, store_option, usage
from holdfast.errors import AlreadyExists


@click.command()
@click.argument("out")
@click.argument("refs", type=REF, nargs=-1, metavar="[REF]...")
@export_option
@click.option("--replace", is_flag=True, help="Write over a file that is there already.")
@click.option("--dry-run", is_flag=True, help="Say what would be packed, and write nothing.")
@store_option
@json_option
@usage
def command(out: str, refs: tuple[str, ...], exports: tuple[str, ...], replace: bool, dry_run: bool, store: str | None, as_json: bool) -> int:
    """Write versions into the one file OUT, an OCI image layout in a tar, for a machine without a network.

    A REF is churn:7, churn@production, or churn for all of its versions; without one everything is meant.
    """
    files = exported(exports)
    if not replace and os.path.lexists(out):
        raise AlreadyExists("there is a file of this name already; give --replace to write over it", file=out)
    with opened(store, read_only=True) as found:
        if dry_run:
            versions = [str(one) for one in chosen(found, refs)]
            if as_json:
                give_json({"path": out, "versions": versions, "dry_run": True})
            else:
                give("\n".join(f"{one} would be packed" for one in versions))
            return 0
        with progress(None, "packing") as bar:
            done = found.transfer.pack(out, list(refs) or None, exports=files, on_bytes=bar, on_stage=bar.stage)
    if as_json:
        give_json({**plain(done), "dry_run": False})
    else:
        give(f"{', '.join(done.versions)} packed into {out}: {done.nbytes} bytes")
    return 0
