"""``holdfast save``: a file becomes the next version of a model in a store."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Any

import click

from holdfast.cli.commands import lists, trust_options
from holdfast.cli.output import give, give_json, notices, progress
from holdfast.cli.stores import REF, json_option, opened, store_option, usage, version_json, who_option
from holdfast.errors import NotFound, UnsupportedModel


@click.command()
@click.argument("file")
@click.argument("name", type=REF)
@click.option("--alias", help="Point this alias at the new version, as in --alias staging.")
@click.option("--note", default="", help="A line for people.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag; may be repeated.")
@click.option("--metric", "metrics", multiple=True, metavar="KEY=VALUE", help="A metric, beside those that the file has; may be repeated.")
@click.option("--parent", metavar="REF", help="The version or artifact that it was made of.")
@click.option("--data", "data", multiple=True, metavar="NAME=PATH", help="A file or folder that it was made with, or a digest; its digest alone is kept. May be repeated.")
@click.option("--code", metavar="FOLDER", help="A folder under git with the code that made it; its commit is kept, and whether something was changed.")
@click.option("--allow-pickle", is_flag=True, help="Run a pickle that cannot be read as data, in a child process without network, programs or files to write.")
@click.option("--dry-run", is_flag=True, help="Say what would be saved, and change nothing.")
@store_option
@who_option
@trust_options
@json_option
@usage
def command(file: str, name: str, alias: str | None, note: str, tags: tuple[str, ...], metrics: tuple[str, ...], parent: str | None, data: tuple[str, ...],
            code: str | None, allow_pickle: bool, store: str | None, who: str, dry_run: bool, trusted: tuple[str, ...], trusted_functions: tuple[str, ...], as_json: bool) -> int:  # fmt: skip
    """Put FILE into a store as the next version of the model NAME. A store is made where there is none.

    A native file is put in as it is: its id, its metrics and its example stay. Pickles, joblib, skops and other files are converted first, with proof, as
    holdfast convert does.
    """
    from holdfast.api import inspect
    from holdfast.opening import open_saved
    from holdfast.store.lineage import code_state, data_digests
    from holdfast.store.said import metrics_of
    from holdfast.values.reference import checked_name

    name = checked_name(name)
    given: dict[str, Any] = {
        "alias": alias, "note": note, "parent": parent, "tags": dict(_pair("tag", one) for one in tags), "metrics": metrics_of({key: _number(value) for key, value in (_pair("metric", one) for one in metrics)}),
        "data": data_digests(dict(_pair("data", one) for one in data)), "code": code_state(code),
    }  # fmt: skip
    if alias is not None:
        checked_name(alias, "alias")
    arguments = {**lists(trusted, trusted_functions), "allow_pickle": allow_pickle}
    if dry_run:
        type_ = inspect(file).type
        n = _next(store, name)
        if as_json:
            give_json({"version": {"ref": f"{name}:{n}", "model": name, "n": n, "type": type_}, "proof": "", "dry_run": True})
        else:
            give(f"{file} would be saved as {name}:{n}")
        return 0
    if "://" not in file:
        with open_saved(file):
            pass  # what is not there, or is no model, makes no store
    with opened(store, who=who, create=True) as found, notices():
        version, proof = _put(found, file, name, arguments, given)
    if as_json:
        give_json({"version": version_json(version), "proof": proof, "dry_run": False})
    else:
        give(f"saved {version}{f' ({proof})' if proof else ''}")
    return 0


def _pair(what: str, text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key or (what == "data" and not value):
        raise click.UsageError(f"{'data is written NAME=PATH' if what == 'data' else f'a {what} is written KEY=VALUE'}, and {text!r} is not")
    return key, value


def _number(text: str) -> int | float | str:
    """Return a metric of the command line: a number where it is one, else text."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _next(store: str | None, name: str) -> int:
    """Return the number that a version would have; numbers of deleted ones are not given again, so it may be a larger one."""
    try:
        with opened(store, read_only=True) as found:
            return found.next_number(name)
    except NotFound:
        return 1


def _put(store: Any, file: str, name: str, arguments: dict[str, Any], given: dict[str, Any]) -> tuple[Any, str]:
    from holdfast.api import convert
    from holdfast.artifact.load import Opening
    from holdfast.opening import open_saved

    with open_saved(file) as opening:
        if isinstance(opening, Opening):
            if opening.opened is None:
                return store.save(opening.load(), name, **given), ""
            with progress(opening.source.size, "saving") as on_bytes:
                return store.add(opening, name, on_bytes=on_bytes, **given), ""
        kind = opening.kind
    if kind in ("onnx", "pmml"):
        raise UnsupportedModel("this is an export, from which no model comes back; save the model that it was made from", file=file)
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        native = os.path.join(folder, "model.safetensors")
        done = convert(file, native, durable=False, **arguments)
        return store.add(native, name, **given), f"{done.format}; {done.proof}"
