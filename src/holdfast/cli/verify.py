"""``holdfast verify``: is it whole, and does it answer as it did?"""

from __future__ import annotations

import os

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json, progress


@click.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print the proof as one JSON document.")
@click.option("--tolerance", type=float, default=1e-9, show_default=True, help="Absolute deviation up to which a row counts as the same.")
@trust_options
def command(file: str, as_json: bool, tolerance: float, trusted: tuple[str, ...], trusted_functions: tuple[str, ...]) -> int:
    """Check every digest of FILE, load it, and ask it its stored example again."""
    import msgspec

    from holdfast.api import verify

    arguments = lists(trusted, trusted_functions)
    size = os.path.getsize(file) if os.path.isfile(file) else 0
    with progress(size, "checking digests") as on_bytes:
        proof = verify(file, tolerance=tolerance, on_bytes=on_bytes, **arguments)
    if as_json:
        give_json({**msgspec.to_builtins(proof), "ok": proof.ok})
    else:
        give(str(proof))
    return 0 if proof.ok else 1
