"""``holdfast unpack``: the versions of one file into a store."""

from __future__ import annotations

import click

from holdfast.cli.carrying import carry_options, chosen, exports_to_option
from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import REF, json_option, opened, plain, store_option, usage


@click.command()
@click.argument("file")
@click.argument("refs", type=REF, nargs=-1, metavar="[REF]...")
@exports_to_option
@carry_options
@store_option
@json_option
@usage
def command(file: str, refs: tuple[str, ...], exports_to: str | None, aliases: bool, renumber: bool, dry_run: bool, store: str | None, as_json: bool) -> int:
    """Bring the versions in FILE, which holdfast pack wrote, into the store, which is made where there is none. The file is compared with its digests first."""
    from holdfast.store.transfer import Transfer

    if dry_run:
        packed = Transfer.open_pack(file)
        try:
            versions = [str(one) for one in chosen(packed, refs)]
        finally:
            packed.close()
        if as_json:
            give_json({"versions": versions, "dry_run": True})
        else:
            give("\n".join(f"{one} would be brought in" for one in versions))
        return 0
    Transfer.open_pack(file).close()  # before a store is made for what is no pack
    with opened(store, create=True) as found, progress(None, "unpacking") as bar:
        done = found.transfer.unpack(file, list(refs) or None, aliases=aliases, renumber=renumber, exports_to=exports_to, on_bytes=bar, on_stage=bar.stage)
    if as_json:
        give_json(plain(done))
    else:
        give(str(done))
    return 0
