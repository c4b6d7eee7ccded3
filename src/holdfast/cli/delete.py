"""``holdfast delete``: versions out of a store."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import REF, deleted_text, json_option, opened, plain, store_option, usage, write_options


@click.command()
@click.argument("refs", type=REF, nargs=-1, required=True, metavar="REF...")
@store_option
@write_options
@json_option
@usage
def command(refs: tuple[str, ...], store: str | None, who: str, why: str, dry_run: bool, as_json: bool) -> int:
    """Take versions out of a store. What an alias points at stays; the bytes go with the next: holdfast collect.

    All of them are looked up first, so that a wrong one deletes nothing.
    """
    with opened(store, who=who, dry_run=dry_run) as found:
        versions = list({str(one): one for one in map(found.find, refs)}.values())
        held = [one for one in versions if one.aliases]
        for one in held:
            found.trial().delete(one)  # says what points at it
        gone = [found.delete(one, why=why) for one in versions]
    if as_json:
        give_json({"deleted": plain(gone), "dry_run": dry_run})
    else:
        give("\n".join(deleted_text(one, dry_run) for one in gone))
    return 0
