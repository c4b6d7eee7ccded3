"""``holdfast inspect``: what is in a file."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json


@click.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
def command(file: str, as_json: bool) -> int:
    """Say what FILE holds: model, types, verdict, libraries, signature, and a tree of the model. Nothing is loaded."""
    from holdfast.api import inspect

    found = inspect(file)
    if as_json:
        give_json(found.to_dict())
    else:
        give(str(found))
    return 0
