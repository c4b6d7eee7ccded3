"""``holdfast search``: versions of all models, by what is known of them."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json, say, table
from holdfast.cli.stores import HEADER, json_option, opened, store_option, usage, version_json, version_row


@click.command()
@click.argument("query", default="")
@store_option
@click.option("--order", default="at desc", show_default=True, help="A field, and desc for the largest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Versions of a page.")
@click.option("--after", metavar="CURSOR", help="The cursor that the page before ended with.")
@json_option
@usage
def command(query: str, store: str | None, order: str, limit: int, after: str | None, as_json: bool) -> int:
    """Find versions, as in: holdfast search "metrics.auc > 0.9 and tags.team = 'risk'" --order "metrics.auc desc".

    Fields are metrics.KEY, tags.KEY, model, n, type, who, note, at, size, alias, parent. They are compared by = != < <= > >=, in (...), like, contains,
    is null, and joined by and, or, not. Exit code 1 when nothing is found.
    """
    with opened(store, read_only=True) as found:
        page = found.search(query, order=order, limit=limit, after=after)
    if as_json:
        give_json({"versions": [version_json(one) for one in page], "after": page.after})
    elif page:
        give(table(HEADER, [version_row(one) for one in page]))
    else:
        say("nothing was found")
    if page.after is not None and not as_json:
        say(f"there are more: --after {page.after}")
    return 0 if page else 1
