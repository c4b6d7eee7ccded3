"""``holdfast predict``: rows of a table in, answers out."""

from __future__ import annotations

import sys
from typing import Any

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give_json
from holdfast.errors import EnvironmentMissing, FormatError, NotFound, UnsupportedOperation, quoted
from holdfast.frameworks.asking import CALLS, METHODS, ways_to_ask


@click.command()
@click.argument("file")
@click.argument("rows")
@click.option("--method", type=click.Choice((*METHODS, *CALLS)), help="What to ask the model; predict unless told, or what it has instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the answers as one JSON document instead of CSV.")
@trust_options
def command(file: str, rows: str, method: str | None, as_json: bool, trusted: tuple[str, ...], trusted_functions: tuple[str, ...]) -> int:
    """Load the model in FILE and answer ROWS: a .csv, .parquet or .json file (a list of records), or - for CSV on stdin."""
    from holdfast.api import inspect, load

    arguments = lists(trusted, trusted_functions)
    signature = inspect(file).signature
    table = read_rows(rows)
    model = load(file, **arguments)
    ways = ways_to_ask(model)
    method = method or next((name for name in ("predict", *CALLS) if name in ways), "predict")
    ask = ways.get(method)
    if ask is None:
        raise UnsupportedOperation(f"{type(model).__name__} has no {method}; it has {', '.join(ways) or 'nothing to ask'}", file=file)
    try:
        answer = ask(shaped(table, signature))
    except Exception as error:
        raise UnsupportedOperation(
            f"the model cannot answer these rows: {type(error).__name__}: {quoted(error, 400)}; compare the columns of {quoted(rows)!r} with: holdfast inspect {file}"
        ) from None
    give_answers(answer, method, getattr(model, "classes_", None), as_json)
    return 0


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


def shaped(table: Any, signature: Any) -> Any:
    """Return the table as the model takes it: its own columns in its own order, or an array."""
    if signature is None:
        return table
    names = [one.name for one in signature.inputs]
    if signature.kind == "frame" and all(name in table.columns for name in names):
        return table[names]
    if signature.kind in ("array", "sparse"):
        return table.to_numpy()
    if signature.kind == "rows" and len(table.columns) == 1:
        return table.iloc[:, 0].tolist()
    return table


def give_answers(answer: Any, method: str, classes: Any, as_json: bool) -> None:
    """Print answers as CSV with a header, or as JSON."""
    import csv

    import numpy as np

    dense = answer.toarray() if hasattr(answer, "toarray") else answer
    array = np.asarray(dense)
    if as_json:
        give_json({"method": method, "classes": None if classes is None else np.asarray(classes).tolist(), "answers": array.tolist()})
        return
    wide = array.reshape(len(array), -1)
    if wide.shape[1] == 1:
        header = [method]
    elif classes is not None and not isinstance(classes, list) and len(classes) == wide.shape[1]:
        header = [f"{method}_{label}" for label in classes]
    else:
        header = [f"{method}_{i}" for i in range(wide.shape[1])]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(wide.tolist())
