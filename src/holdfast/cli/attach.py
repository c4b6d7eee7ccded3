"""``holdfast attach``: small files that are kept with a version."""

from __future__ import annotations

import os

import click

from holdfast.cli.output import give, give_json, table
from holdfast.cli.stores import REF, json_option, opened, plain, store_option, usage, write_options
from holdfast.errors import LimitExceeded
from holdfast.values import limits


@click.command()
@click.argument("ref", type=REF)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--type", "media_type", default="application/octet-stream", show_default=True, metavar="TYPE", help="What kind of files they are.")
@click.option("--remove", "removed", multiple=True, metavar="NAME", help="Take this one away; may be repeated.")
@click.option("--out", metavar="FOLDER", help="Write the attachments of the version there.")
@store_option
@write_options
@json_option
@usage
def command(ref: str, files: tuple[str, ...], media_type: str, removed: tuple[str, ...], out: str | None, store: str | None, who: str, why: str, dry_run: bool, as_json: bool) -> int:
    """Keep FILEs with the version REF under their names; they go along wherever it goes. Without a FILE, list what is kept."""
    from holdfast.artifact.atomic import replacing

    given = {os.path.basename(path): _read(path) for path in files}
    if len(given) < len(files):
        raise click.UsageError("two of these files have one name; rename one")
    with opened(store, who=who, read_only=not (given or removed), dry_run=dry_run) as found:
        version = found.find(ref)
        for name in removed:
            found.attach(version, name, None, why=why)
        for name, data in given.items():
            found.attach(version, name, data, media_type, why=why)
        kept = found.attachments(version)
        written = []
        for name in kept if out is not None and not dry_run else ():
            os.makedirs(str(out), exist_ok=True)
            written.append(os.path.join(str(out), name))
            with replacing(written[-1]) as sink:
                sink.write(found.attached(version, name))
    if as_json:
        give_json({"version": str(version), "attachments": [plain(one) for one in kept.values()], "written": written, "dry_run": dry_run})
    elif given or removed:
        give(f"{version} {'would have' if dry_run else 'has'} {', '.join([*given, *(f'no {name}' for name in removed)])}")
    else:
        give(table(("name", "type", "bytes", "digest"), [(one.name, one.media_type, str(one.size), one.blob) for one in kept.values()]))
    return 0


def _read(path: str) -> bytes:
    from holdfast.artifact.source import open_source

    with open_source(path) as source:
        if source.size > limits.ATTACHMENT_BYTES:
            raise LimitExceeded(f"an attachment has at most {limits.ATTACHMENT_BYTES} bytes (ATTACHMENT_BYTES), and this file {source.size}; let it go along as an export", file=path)
        return bytes(source.private(0, source.size))
