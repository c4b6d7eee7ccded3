"""What the commands share that bring versions from one place to another.

The one rule: a trial looks at both sides and changes neither.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.output import give, give_json
from holdfast.cli.stores import opened
from holdfast.errors import NotFound

if TYPE_CHECKING:
    from holdfast.store.store import Store
    from holdfast.store.version import Version

USER, PASSWORD = "HOLDFAST_REGISTRY_USER", "HOLDFAST_REGISTRY_PASSWORD"
PAGE = 500


def carry_options(function: Any) -> Any:
    """Add the options of a command that brings versions from one place to another."""
    function = click.option("--dry-run", is_flag=True, help="Say which versions would travel, and change nothing.")(function)
    function = click.option("--renumber", is_flag=True, help="Give a version whose number is taken there the next one; without it that is refused.")(function)
    return click.option("--aliases", is_flag=True, help="Set the aliases of these versions there too.")(function)


def user_option(function: Any) -> Any:
    """Add the option that says who asks a registry."""
    return click.option("--user", envvar=USER, show_envvar=True, help=f"Who asks, of a registry; the password, or without a user a token, is taken from {PASSWORD}.")(function)


def export_option(function: Any) -> Any:
    """Add the option for files that go along with versions."""
    return click.option(
        "--export", "exports", multiple=True, metavar="REF=FILE", help="A file that goes along with a version into a pack or a registry, such as its ONNX form; may be repeated."
    )(function)  # fmt: skip


def exported(given: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the files that go along, by reference."""
    files: dict[str, list[str]] = {}
    for one in given:
        ref, sign, path = one.partition("=")
        if not sign or not path:
            raise click.UsageError(f"an export is written REF=FILE, and {one!r} is not")
        files.setdefault(ref, []).append(path)
    return files


def exports_to_option(function: Any) -> Any:
    """Add the option for where files go that come along with versions."""
    return click.option("--exports-to", metavar="FOLDER", help="Write the files that go along with the versions of a pack or a registry here.")(function)


@contextlib.contextmanager
def far(other: str, refs: tuple[str, ...] = (), *, read_only: bool = False, create: bool = False, user: str | None = None) -> Iterator[Any]:
    """Give the other side: a store, or a place in a registry of OCI; that is a store as well when it is only read.

    The password of a user is taken from a variable: what stands on a command line is seen by everybody on the machine.
    """
    if not is_registry(other):
        with opened(other, read_only=read_only, create=create) as store:
            yield store
        return
    from holdfast.store.oci.registry import Registry

    registry = Registry(other, user=user, password=os.environ.get(PASSWORD) if user else None, token=None if user else os.environ.get(PASSWORD))
    if not read_only:
        yield registry
        return
    store = registry.store(list(refs) or None)
    try:
        yield store
    finally:
        store.close()


def is_registry(other: str) -> bool:
    """Say whether an address is that of a registry."""
    return other.startswith(("oci://", "oci+http://"))


def plan(here: Store, other: str | None, refs: tuple[str, ...], as_json: bool) -> int:
    """Say which versions would travel.

    Args:
        here: where they are.
        other: address of the store that they would go to, which may not be there yet; "" when it is not to be looked at.
        refs: which.
        as_json: as JSON.
    """
    versions = chosen(here, refs)
    there: set[tuple[str, str]] = set()
    if other != "":
        with contextlib.suppress(NotFound), opened(other, read_only=True) as store:
            for name in dict.fromkeys(one.model for one in versions):
                with contextlib.suppress(NotFound):
                    there |= {(str(one), one.artifact) for one in store.numbered(name, [one.n for one in versions if one.model == name])}
    known = [(one, (str(one), one.artifact) in there) for one in versions]
    if as_json:
        give_json({"versions": [{"ref": str(one), "there": is_there} for one, is_there in known], "dry_run": True})
    else:
        give("\n".join(f"{one} {'is there' if is_there else 'would travel'}" for one, is_there in known))
    return 0


def chosen(store: Store, refs: tuple[str, ...]) -> list[Version]:
    """Return the versions that references name, a model being all of its versions; all of the store without any."""
    from holdfast.values.reference import Reference, reference

    found: dict[str, Version] = {}
    for ref in refs or _names(store):
        wanted = reference(ref)
        for one in _all(store, wanted.model) if wanted == Reference(wanted.model) else [store.find(ref)]:
            found[str(one)] = one
    return list(found.values())


def _names(store: Store) -> Iterator[str]:
    after = None
    while page := store.models(limit=PAGE, after=after):
        yield from page
        after = page[-1]


def _all(store: Store, name: str) -> Iterator[Version]:
    before = None
    while page := store.versions(name, limit=PAGE, before=before):
        yield from page
        before = page[-1].n
