"""``holdfast inspect``: what is in a file."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import REF, artifact, store_option, usage


@click.command()
@click.argument("file", type=REF)
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
@click.pass_context
@usage
def command(ctx: click.Context, file: str, store: str | None, as_json: bool) -> int:
    """Say what FILE, or with --store a version such as churn@production, holds: model, types, verdict, libraries, signature, and a tree of the model.

    Nothing is loaded.
    """
    from holdfast.api import inspect
    from holdfast.artifact.inspect import inspect_opening

    with artifact(ctx, file, store) as opening:
        found = inspect(file) if opening is None else inspect_opening(opening)
    if as_json:
        give_json(found.to_dict())
    else:
        give(str(found))
    return 0
