"""``holdfast compare``: how two models differ, and whether that keeps within limits."""

from __future__ import annotations

import contextlib
from typing import Any

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--on", "rows", metavar="ROWS", help="Ask both these rows as well: a .csv, .tsv, .parquet or .json file, or - for CSV on stdin.")
@click.option("--limit", "limits", multiple=True, metavar="NAME=BOUND", help="A limit, such as changed_labels=0, deviation=1e-6, metric:auc=-0.01 or breaking=0; may be repeated.")
@click.option("--html", "html", metavar="FILE", help="Write a page with pictures.")
@click.option("--store", "url", metavar="URL", help="The store that references such as churn:7 and churn@production are of; what is no reference is a file, and ./churn:7 always is.")
@click.option("--no-predictions", is_flag=True, help="Do not load the models to ask them their stored examples.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
@trust_options
def command(
    first: str, second: str, rows: str | None, limits: tuple[str, ...], html: str | None, url: str | None, no_predictions: bool, as_json: bool,
    trusted: tuple[str, ...], trusted_functions: tuple[str, ...],
) -> int:  # fmt: skip
    """Say how FIRST and SECOND differ: parameters, metrics, signature, tensors, answers.

    Exit code 1 when they do; with --limit, when a limit does not hold.
    """
    from holdfast.api import compare, connect
    from holdfast.cli.predict import read_rows
    from holdfast.comparing.limits import checked_limits

    try:
        bounds = checked_limits(dict(_limit(one) for one in limits))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    table = None if rows is None else read_rows(rows)
    with contextlib.ExitStack() as stack:
        store = None
        if url is not None:
            store = connect(url, read_only=True)
            stack.callback(store.close)
        sides = [_side(one, store) for one in (first, second)]
        found = compare(*sides, on=table, limits=bounds, predictions=not no_predictions, **lists(trusted, trusted_functions))
    if html is not None:
        found.to_html(html)
    if as_json:
        give_json(found.to_dict())
    else:
        give(str(found))
    return int(not found.passed) if bounds else int(not found.same)


def _limit(text: str) -> tuple[str, float]:
    name, _, bound = text.rpartition("=")
    try:
        return name, float(bound)
    except ValueError:
        raise click.UsageError(f"{text!r} is no limit; give a name and a number, such as changed_labels=0 or metric:auc=-0.01") from None


def _side(text: str, store: Any) -> Any:
    """Return the version that a reference names, or else the path of a file."""
    from holdfast.values.reference import reference

    if store is None:
        return text
    try:
        wanted = reference(text)
    except ValueError:
        return text
    return text if wanted.number is None and wanted.alias is None else store.find(text)
