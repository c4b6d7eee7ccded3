"""``holdfast compare``: how two saved models differ."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
def command(first: str, second: str, as_json: bool) -> int:
    """Say how FIRST and SECOND differ: parameters, metrics, libraries, tensors. Nothing is loaded. Exit code 1 when they do."""
    from holdfast.api import compare

    found = compare(first, second)
    if as_json:
        give_json(found.to_dict())
    else:
        give(str(found))
    return 0 if found.same else 1
