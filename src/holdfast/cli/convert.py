"""``holdfast convert``: old files become native ones, proven to be the same models."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json, say
from holdfast.cli.stores import usage
from holdfast.errors import quoted


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON document.")
@click.option("--dry-run", is_flag=True, help="Say what would be converted, and read or write nothing more.")
@click.option("--replace", is_flag=True, help="Write over files that are there already.")
@click.option("--workers", type=click.IntRange(1, 64), default=None, help="Processes for a folder; as many as there are cores unless told.")
@click.option(
    "--allow-pickle", is_flag=True,
    help="Run what cannot be read as data, in a child process: no network, no programs, nothing writable but the new file; and report what it did.",
)  # fmt: skip
@trust_options
@usage
def command(
    old: str, new: str, as_json: bool, dry_run: bool, replace: bool, workers: int | None, allow_pickle: bool, trusted: tuple[str, ...], trusted_functions: tuple[str, ...]
) -> int:
    """Convert OLD to NEW: one file, or a whole folder of pickles, joblib, skops and other files.

    NEW of one file may have any suffix that holdfast writes. The old files are only read. Exit code 1 when a file was refused.
    """
    from holdfast.api import convert, convert_folder

    options: dict[str, Any] = {**lists(trusted, trusted_functions), "allow_pickle": allow_pickle, "replace": replace}
    if os.path.isdir(old) and not os.path.exists(os.path.join(old, "MLmodel")):
        if dry_run:
            found = convert_folder(old, new, dry_run=True, **options)
        else:
            with _progress() as on_done:
                found = convert_folder(old, new, workers=workers, on_done=on_done, **options)
    elif dry_run:
        say(f"would convert {old} to {new}")
        return 0
    else:
        found = [convert(old, new, **options)]
    if as_json:
        import msgspec

        give_json({"files": [{**msgspec.to_builtins(one), "proof": one.proof if one.status == "converted" else ""} for one in found], "counts": _counts(found)})
    else:
        give(report(found, dry_run, old if os.path.isdir(old) else None))
    return 1 if any(one.status == "refused" for one in found) else 0


_SKIPPED = 20
"""Files that are named though they are no models."""


def _counts(found: list[Any]) -> dict[str, int]:
    return {status: sum(one.status == status for one in found) for status in ("converted", "refused", "skipped")}


def report(found: list[Any], dry_run: bool = False, folder: str | None = None) -> str:
    """Return the report as text: a line a file, named as it lies in the folder, then the sums."""
    from holdfast.artifact.inspect import size_text

    def named(one: Any) -> str:
        return quoted(os.path.relpath(one.source, folder) if folder and one.source != folder else one.source, 120)

    lines = []
    width = min(60, max((len(named(one)) for one in found), default=0))
    for one in found:
        if one.status == "skipped":
            continue
        head = f"{'would convert' if dry_run else one.status:<9}  {named(one):<{width}}  "
        if one.status == "converted":
            lines.append(head + (f"{one.format}; {one.proof}" if not dry_run else one.target))
            if one.needs_trust:
                lines.append(f"{'':<11}loading it will need trusted=[...] for {', '.join(quoted(name, 60) for name in one.needs_trust[:4])}")
            lines += [f"{'':<11}it {what}: {', '.join(quoted(name, 60) for name in names[:8])}{', …' if len(names) > 8 else ''}" for what, names in one.ran.items()]
        else:
            lines.append(head + f"{one.error}: " + quoted(one.reason.partition("\n")[0], 400))
            lines += [f"{'':<11}{quoted(line, 300)}" for line in one.reason.split("\n")[1:6]]
    skipped = [one for one in found if one.status == "skipped"]
    lines += [f"{'skipped':<9}  {named(one):<{width}}  {one.reason}" for one in skipped[:_SKIPPED]]
    if len(skipped) > _SKIPPED:
        lines.append(f"{'skipped':<9}  and {len(skipped) - _SKIPPED} more; --json names them all")
    counts = _counts(found)
    old, new = sum(one.old_bytes for one in found if one.status == "converted"), sum(one.new_bytes for one in found)
    sums = f"{counts['converted']} converted, {counts['refused']} refused, {counts['skipped']} skipped"
    lines.append(sums if dry_run else f"{sums}; {size_text(old)} became {size_text(new)}; the old files are as they were")
    return "\n".join(lines)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[Any, int], None]]:
    """Show a bar of files on stderr, when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda one, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("converting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[name]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("converting", total=None, name="")
        yield lambda one, total: bar.update(task, advance=1, total=total, name=quoted(os.path.basename(one.source), 40))
