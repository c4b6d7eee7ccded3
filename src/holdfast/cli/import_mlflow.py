"""``holdfast import-mlflow``: the versions of a model registry of MLflow."""

from __future__ import annotations

from collections import Counter

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json, say, table
from holdfast.cli.stores import json_option, opened, plain, store_option, usage, who_option


@click.command()
@click.argument("where")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--artifacts", metavar="FOLDER", help="Where the files of models lie, when that is not the folder of mlflow.db.")
@click.option("--renumber", is_flag=True, help="Give a version whose number is taken here the next one; without it that is refused.")
@click.option("--dry-run", is_flag=True, help="Say what the registry holds, and change nothing.")
@store_option
@who_option
@trust_options
@json_option
@usage
def command(where: str, models: tuple[str, ...], artifacts: str | None, renumber: bool, dry_run: bool, store: str | None, who: str, trusted: tuple[str, ...],
            trusted_functions: tuple[str, ...], as_json: bool) -> int:  # fmt: skip
    """Bring the registered models of MLflow at WHERE (a folder with mlflow.db, that file, or a file store: mlruns) into the store, with versions, aliases, tags, metrics and parameters.

    Nothing of them is run. Exit code 1 when a version was refused; the others are there.
    """
    chosen = lists(trusted, trusted_functions)
    if dry_run:
        from holdfast.store.mlflow_registry import database_of, registered

        names = [f"{one.model}:{one.n}" for one in registered(database_of(where)) if not models or one.model in models]
        if as_json:
            give_json({"versions": names, "dry_run": True})
        else:
            give("\n".join(f"{one} would be imported" for one in names))
        return 0
    if chosen["trusted_functions"]:
        raise click.UsageError("an import trusts types alone; convert what needs a function by itself: holdfast convert")
    with opened(store, who=who, create=True) as found:
        done = found.transfer.import_mlflow(where, list(models) or None, artifacts=artifacts, trusted=chosen["trusted"], renumber=renumber)
    counts = Counter(one.status for one in done)
    if as_json:
        give_json({"versions": plain(done), "counts": dict(counts), "dry_run": False})
    else:
        if done:
            give(table(("there", "here", "", "why"), [(one.source, one.ref, one.status, one.reason.partition("\n")[0]) for one in done]))
        say(", ".join(f"{count} {status}" for status, count in counts.items()) or "the registry has no versions")
    return 1 if counts["refused"] else 0
