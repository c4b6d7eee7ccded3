"""``holdfast models``: what a store has."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json, say, table
from holdfast.cli.stores import HEADER, json_option, opened, store_option, usage, version_json, version_row


@click.command()
@store_option
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Models of a page.")
@click.option("--after", metavar="CURSOR", help="The cursor that the page before ended with.")
@json_option
@usage
def command(store: str | None, limit: int, after: str | None, as_json: bool) -> int:
    """List the models of a store by name, each with its latest version."""
    with opened(store, read_only=True) as found:
        page = found.search("alias = 'latest'", order="model", limit=limit, after=after)
    if as_json:
        give_json({"models": [{"model": one.model, "latest": version_json(one)} for one in page], "after": page.after})
        return 0
    if page:
        give(table(("model", "latest", *HEADER[1:]), [(one.model, f":{one.n}", *version_row(one)[1:]) for one in page]))
    else:
        say("there are no models")
    if page.after is not None:
        say(f"there are more: --after {page.after}")
    return 0
