"""``holdfast compare``: how two models differ, and whether that keeps within limits."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json
from holdfast.cli.stores import json_option, looks_like_ref, opened, store_option, usage


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--on", "rows", metavar="ROWS", help="Ask both these rows as well: a .csv, .tsv, .parquet or .json file, or - for CSV on stdin.")
@click.option("--limit", "limits", multiple=True, metavar="NAME=BOUND", help="A limit, such as changed_labels=0, deviation=1e-6, metric:auc=-0.01 or breaking=0; may be repeated.")
@click.option("--html", "html", metavar="FILE", help="Write a page with pictures.")
@click.option("--no-predictions", is_flag=True, help="Do not load the models to ask them their stored examples.")
@store_option
@trust_options
@json_option
@click.pass_context
@usage
def command(
    ctx: click.Context, first: str, second: str, rows: str | None, limits: tuple[str, ...], html: str | None, store: str | None, no_predictions: bool,
    trusted: tuple[str, ...], trusted_functions: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Say how FIRST and SECOND differ: parameters, metrics, signature, tensors, answers.

    Each is a file, or with a store a version such as churn:7 or churn@production; ./churn:7 is always a file.

    Exit code 1 when they do; with --limit, when a limit does not hold.
    """
    from holdfast.api import compare
    from holdfast.cli.predict import read_rows
    from holdfast.comparing.limits import checked_limits

    try:
        bounds = checked_limits(dict(_limit(one) for one in limits))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    table = None if rows is None else read_rows(rows)
    told = ctx.get_parameter_source("store") is click.core.ParameterSource.COMMANDLINE
    meant = [store is not None and looks_like_ref(one) and (told or not os.path.exists(one)) for one in (first, second)]
    with contextlib.ExitStack() as stack:
        found_in = stack.enter_context(opened(store, read_only=True)) if any(meant) else None
        sides: list[Any] = [found_in.find(one) if found_in is not None and of_store else one for one, of_store in zip((first, second), meant, strict=True)]
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
