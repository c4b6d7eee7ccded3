"""``holdfast predict``: rows of a table in, answers out."""

from __future__ import annotations

import math
import sys
from typing import Any

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give_json
from holdfast.cli.stores import REF, artifact, store_option, usage
from holdfast.errors import EnvironmentMissing, FormatError, NotFound, UnsupportedOperation, quoted
from holdfast.frameworks.asking import CALLS, METHODS


@click.command()
@click.argument("file", type=REF)
@click.argument("rows")
@store_option
@click.option("--method", type=click.Choice((*METHODS, *CALLS)), help="What to ask the model; predict unless told, or what it has instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the answers as one JSON document instead of CSV.")
@trust_options
@click.pass_context
@usage
def command(ctx: click.Context, file: str, rows: str, store: str | None, method: str | None, as_json: bool, trusted: tuple[str, ...], trusted_functions: tuple[str, ...]) -> int:
    """Load the model in FILE, or with --store a version such as churn@production, and answer ROWS: a .csv, .parquet or .json file (a list of records), or - for CSV on stdin."""
    from holdfast.api import predictor

    table = read_rows(rows)
    arguments = lists(trusted, trusted_functions)
    with artifact(ctx, file, store) as opening:
        model = predictor(file, **arguments) if opening is None else _of(opening, arguments)
    try:
        answer = model.ask(method or "predict", table)
    except UnsupportedOperation as error:
        if (method or "predict") not in model.methods:  # then it is not about the rows
            raise
        raise UnsupportedOperation(f"{error.message}; compare the columns of {quoted(rows)!r} with: holdfast inspect {file}", file=file) from None
    give_answers(answer, method or "predict", model.classes, as_json)
    return 0


def _of(opening: Any, arguments: dict[str, Any]) -> Any:
    """Return the predictor of an open version."""
    from holdfast.artifact.describe import signature_of
    from holdfast.artifact.predictor import ModelPredictor
    from holdfast.trust.policy import policy

    model = opening.load(policy(**arguments))
    return ModelPredictor(model, opening.opened.manifest.signature or signature_of(model), opening.source.name)


def read_rows(rows: str) -> Any:
    """Return a table from a file or from stdin.

    Raises:
        NotFound: there is no such file.
        FormatError: it cannot be read as its suffix says.
    """
    try:
        import pandas as pd
    except ImportError:
        raise EnvironmentMissing("tables are read with pandas; install it with: pip install pandas") from None
    suffix = rows.rpartition(".")[2].lower() if "." in rows else ""
    try:
        if rows == "-":
            return pd.read_csv(sys.stdin)
        if suffix == "parquet":
            return pd.read_parquet(rows)
        if suffix == "json":
            return pd.read_json(rows, orient="records", convert_dates=False)
        if suffix in ("csv", "tsv"):
            return pd.read_csv(rows, sep="\t" if suffix == "tsv" else ",")
    except FileNotFoundError:
        raise NotFound("there is no such file", file=rows) from None
    except ImportError:
        raise EnvironmentMissing("parquet is read with pyarrow; install it with: pip install 'holdfast[arrow]'") from None
    except Exception as error:
        raise FormatError(f"cannot be read as {suffix or 'CSV'}: {quoted(error)}", file=rows) from None
    raise click.UsageError(f"rows come from a .csv, .tsv, .parquet or .json file, or from - for CSV on stdin; {rows!r} is none of these")


def give_answers(answer: Any, method: str, classes: Any, as_json: bool) -> None:
    """Print answers as CSV with a header, or as JSON."""
    import csv

    import numpy as np

    outputs = answer if isinstance(answer, dict) else {f"{method}_{place}": one for place, one in enumerate(answer)} if isinstance(answer, tuple) else {method: answer}
    arrays = {name: np.asarray(one.toarray() if hasattr(one, "toarray") else one) for name, one in outputs.items()}
    if as_json:
        given = {name: _without_nan(array.tolist()) for name, array in arrays.items()}
        give_json({"method": method, "classes": classes, "answers": given if isinstance(answer, dict | tuple) else given[method]})
        return
    header, columns = [], []
    for name, array in arrays.items():
        wide = array.reshape(len(array), -1)
        if wide.shape[1] == 1:
            header.append(name)
        elif classes is not None and len(classes) == wide.shape[1]:
            header += [f"{name}_{label}" for label in classes]
        else:
            header += [f"{name}_{place}" for place in range(wide.shape[1])]
        columns.append(wide)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([value for array in row for value in array.tolist()] for row in zip(*columns, strict=True))


def _without_nan(value: Any) -> Any:
    """Return an answer with null where JSON has no number."""
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
