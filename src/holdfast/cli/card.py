"""``holdfast card``: the model card of a version."""

from __future__ import annotations

import sys

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import REF, json_option, opened, store_option, usage, write_options
from holdfast.errors import FormatError, NotFound, Unavailable, quoted


@click.command()
@click.argument("ref", type=REF)
@click.option("--set", "source", metavar="FILE", help="Keep the Markdown in FILE, or - for stdin, as the card of this version.")
@click.option("--clear", is_flag=True, help="Take away the card that was kept; the one that is made counts again.")
@click.option("--out", metavar="FILE", help="Write the card there, byte for byte; in a terminal, control characters are shown escaped.")
@store_option
@write_options
@json_option
@usage
def command(ref: str, source: str | None, clear: bool, out: str | None, store: str | None, who: str, why: str, dry_run: bool, as_json: bool) -> int:
    """Print the model card of the version REF: the one that was kept with it, or one made of what the store knows."""
    from holdfast.artifact.atomic import replacing

    if clear and source is not None:
        raise click.UsageError("give --set or --clear, and not both")
    given = "" if clear else None if source is None else _read(source)
    with opened(store, who=who, read_only=given is None, dry_run=dry_run) as found:
        version = found.find(ref)
        text = found.card(version, given, why=why)
    if out is not None:
        with replacing(out) as sink:
            sink.write(text.encode("utf-8", "backslashreplace"))
    if as_json:
        give_json({"version": str(version), "card": text, "changed": given is not None and not dry_run, "dry_run": dry_run})
    elif given is not None:
        give(f"{version} {'would have' if dry_run else 'has'} {'the card that is made' if clear else 'another card'}")
    elif out is None:
        give("\n".join(quoted(line, len(text)) for line in text.splitlines()))
    return 0


def _read(source: str) -> str:
    try:
        if source == "-":
            raw = sys.stdin.buffer.read()
        else:
            with open(source, "rb") as file:
                raw = file.read()
    except FileNotFoundError:
        raise NotFound("there is no such file", file=source) from None
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}", file=source) from None
    if not raw.strip():
        raise click.UsageError("this card is empty; --clear takes a card away")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise FormatError("a card is text in UTF-8, and this is not", file=source) from None
