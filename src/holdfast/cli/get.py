"""``holdfast get``: a version of a store as a file."""

from __future__ import annotations

import os

import click

from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import REF, json_option, opened, store_option, usage, version_json
from holdfast.errors import AlreadyExists


@click.command()
@click.argument("ref", type=REF)
@click.argument("out")
@click.option("--replace", is_flag=True, help="Write over a file that is there already.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@store_option
@json_option
@usage
def command(ref: str, out: str, replace: bool, dry_run: bool, store: str | None, as_json: bool) -> int:
    """Write the version REF out as OUT, a .safetensors file: byte for byte what holdfast save would have written."""
    if not replace and os.path.lexists(out):
        raise AlreadyExists("there is a file of this name already; give --replace to write over it", file=out)
    with opened(store, read_only=True) as found:
        version = found.find(ref)
        if dry_run:
            with found.open(version) as opening:
                size = opening.source.size
        else:
            with progress(version.size, "writing") as on_bytes:
                size = found.file(version, out, on_bytes=on_bytes)
    if as_json:
        give_json({"version": version_json(version), "file": out, "bytes": size, "dry_run": dry_run})
    else:
        give(f"{version} {'would be' if dry_run else 'was'} written to {out}: {size} bytes")
    return 0
