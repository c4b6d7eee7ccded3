"""``holdfast export``: a model for another runtime, with the proof that it answers as the model."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json, notices
from holdfast.cli.stores import REF, artifact, store_option, usage


@click.command()
@click.argument("file", type=REF)
@click.argument("out")
@store_option
@click.option("--rows", help="Rows to replay beside the stored example: a .csv, .parquet or .json file, or - for CSV on stdin.")
@click.option("--tolerance", type=click.FloatRange(min=0), help="Deviation up to which a row counts as the same; that of the model's family unless told.")
@click.option("--allow-changed-labels", type=click.IntRange(min=0), default=0, help="Labels that may differ; none unless told.")
@click.option("--json", "as_json", is_flag=True, help="Print the proof as one JSON document.")
@trust_options
@click.pass_context
@usage
def command(ctx: click.Context, file: str, out: str, store: str | None, rows: str | None, tolerance: float | None, allow_changed_labels: int, as_json: bool, trusted: tuple[str, ...], trusted_functions: tuple[str, ...]) -> int:
    """Translate the model in FILE, or with --store a version such as churn@production, to OUT (.onnx or .pmml), replay it in its runtime, and write it with its proof; nothing is written when it deviates."""
    from holdfast.api import export
    from holdfast.cli.predict import read_rows

    example = None if rows is None else read_rows(rows)
    arguments = lists(trusted, trusted_functions)
    options: dict[str, Any] = {"tolerance": tolerance, "allow_changed_labels": allow_changed_labels}
    with notices(), artifact(ctx, file, store) as opening:
        made = export(file, out, example=example, **options, **arguments) if opening is None else _of(opening, out, example, options, arguments)
    if as_json:
        give_json({**made._asdict(), "proven": made.proof.ok, "rows": made.proof.count})
    else:
        give(str(made))
    return 0


def _of(opening: Any, out: str, example: Any, options: dict[str, Any], arguments: dict[str, Any]) -> Any:
    """Export an open version."""
    from holdfast.exports.exporting import export
    from holdfast.trust.policy import policy

    model = opening.load(policy(**arguments))
    kept = opening.example() if example is None else None
    return export(model, out, example=example if kept is None else kept["inputs"], signature=opening.opened.manifest.signature, **options)
