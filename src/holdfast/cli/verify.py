"""``holdfast verify``: is it whole, and does it answer as it did?"""

from __future__ import annotations

import os

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json, progress
from holdfast.cli.stores import REF, artifact, store_option, usage


@click.command()
@click.argument("file", type=REF)
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print the proof as one JSON document.")
@click.option("--tolerance", type=float, default=1e-9, show_default=True, help="Absolute deviation up to which a row counts as the same.")
@trust_options
@click.pass_context
@usage
def command(ctx: click.Context, file: str, store: str | None, as_json: bool, tolerance: float, trusted: tuple[str, ...], trusted_functions: tuple[str, ...]) -> int:
    """Check every digest of FILE, or with --store of a version such as churn@production, load it, and ask it its stored example again."""
    import msgspec

    from holdfast.api import verify
    from holdfast.artifact.verify import verify_opening
    from holdfast.trust.policy import policy

    arguments = lists(trusted, trusted_functions)
    with artifact(ctx, file, store) as opening:
        size = opening.source.size if opening is not None else os.path.getsize(file) if os.path.isfile(file) else 0
        with progress(size, "checking digests") as on_bytes:
            if opening is None:
                proof = verify(file, tolerance=tolerance, on_bytes=on_bytes, **arguments)
            else:
                proof = verify_opening(opening, policy(**arguments), tolerance, on_bytes)
    if as_json:
        give_json({**msgspec.to_builtins(proof), "ok": proof.ok})
    else:
        give(str(proof))
    return 0 if proof.ok else 1
