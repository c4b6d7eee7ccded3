"""``holdfast note``: the note of a version."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import REF, json_option, opened, store_option, usage, version_json, write_options


@click.command()
@click.argument("ref", type=REF)
@click.argument("text")
@store_option
@write_options
@json_option
@usage
def command(ref: str, text: str, store: str | None, who: str, why: str, dry_run: bool, as_json: bool) -> int:
    """Give the version REF the note TEXT; the old one stays in its history."""
    with opened(store, who=who, dry_run=dry_run) as found:
        after = found.note(ref, text, why=why)
    after = after._replace(note=text)
    if as_json:
        give_json({"version": version_json(after), "dry_run": dry_run})
    else:
        give(f"{after} {'would have' if dry_run else 'has'} another note")
    return 0
