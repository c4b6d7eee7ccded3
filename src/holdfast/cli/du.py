"""``holdfast du``: what the versions of a store really cost."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json, table
from holdfast.cli.stores import json_option, opened, plain, store_option, usage


@click.command()
@click.option("--models", is_flag=True, help="Sum up by model.")
@store_option
@json_option
@usage
def command(models: bool, store: str | None, as_json: bool) -> int:
    """Say what each version really costs: bytes that it alone needs and that go with it, and bytes that it shares with others."""
    from holdfast.artifact.inspect import size_text

    with opened(store, read_only=True) as found:
        used = found.admin.du()
    if as_json:
        give_json(plain(used))
        return 0
    costs = used.models if models else used.versions
    give(table(("model" if models else "version", "its own", "shared", "alone it would take"), [(one.name, size_text(one.own), size_text(one.shared), size_text(one.own + one.shared)) for one in costs]))
    sums = f"{size_text(used.stored)} are stored; without sharing it would be {size_text(used.alone)}"
    give(f"{sums}; {size_text(used.garbage)} are garbage, see holdfast collect" if used.garbage else sums)
    return 0
