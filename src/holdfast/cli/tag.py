"""``holdfast tag``: tags of a version."""

from __future__ import annotations

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import REF, json_option, opened, store_option, usage, version_json, write_options
from holdfast.errors import quoted


@click.command()
@click.argument("ref", type=REF)
@click.argument("tags", nargs=-1, metavar="KEY=VALUE...")
@click.option("--remove", multiple=True, metavar="KEY", help="Take this tag away; may be repeated.")
@store_option
@write_options
@json_option
@usage
def command(ref: str, tags: tuple[str, ...], remove: tuple[str, ...], store: str | None, who: str, why: str, dry_run: bool, as_json: bool) -> int:
    """Set tags of the version REF, as in: holdfast tag churn@staging team=risk stage=test."""
    given: dict[str, str | None] = dict.fromkeys(remove)
    for one in tags:
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise click.UsageError(f"a tag is written KEY=VALUE, and {one!r} is not")
        given[key] = value
    if not given:
        raise click.UsageError("give tags as KEY=VALUE, or --remove KEY")
    with opened(store, who=who, dry_run=dry_run) as found:
        version = found.find(ref)
        after = found.tag(version, given, why=why)
    if dry_run:
        after = after._replace(tags={key: value for key, value in {**version.tags, **given}.items() if value is not None})
    if as_json:
        give_json({"version": version_json(after), "dry_run": dry_run})
    else:
        give(f"{after} {'would have' if dry_run else 'has'} the tags {quoted(', '.join(f'{key}={value}' for key, value in after.tags.items()) or 'none', 1000)}")
    return 0
