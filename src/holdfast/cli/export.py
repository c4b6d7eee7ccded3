"""``holdfast export``: a model for another runtime, with the proof that it answers as the model."""

from __future__ import annotations

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json, notices


@click.command()
@click.argument("file")
@click.argument("out")
@click.option("--rows", help="Rows to replay beside the stored example: a .csv, .parquet or .json file, or - for CSV on stdin.")
@click.option("--tolerance", type=click.FloatRange(min=0), help="Deviation up to which a row counts as the same; that of the model's family unless told.")
@click.option("--allow-changed-labels", type=click.IntRange(min=0), default=0, help="Labels that may differ; none unless told.")
@click.option("--json", "as_json", is_flag=True, help="Print the proof as one JSON document.")
@trust_options
def command(file: str, out: str, rows: str | None, tolerance: float | None, allow_changed_labels: int, as_json: bool, trusted: tuple[str, ...], trusted_functions: tuple[str, ...]) -> int:
    """Translate the model in FILE to OUT (.onnx or .pmml), replay it in its runtime, and write it with its proof; nothing is written when it deviates."""
    from holdfast.api import export
    from holdfast.cli.predict import read_rows

    example = None if rows is None else read_rows(rows)
    with notices():
        made = export(file, out, example=example, tolerance=tolerance, allow_changed_labels=allow_changed_labels, **lists(trusted, trusted_functions))
    if as_json:
        give_json({**made._asdict(), "proven": made.proof.ok, "rows": made.proof.count})
    else:
        give(str(made))
    return 0
