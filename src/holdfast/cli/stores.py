"""What commands on stores share: where the store is, who writes and why, references on the command line, versions as text and JSON.

The one rule: a store that is only asked is opened for reading alone, and none is made by mistake.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.output import notices
from holdfast.errors import HoldfastError, NotFound

if TYPE_CHECKING:
    from holdfast.store.keeping import Deleted
    from holdfast.store.store import Store
    from holdfast.store.version import Version

STORE = "HOLDFAST_STORE"
WHO = "HOLDFAST_WHO"


class RefType(click.ParamType):  # type: ignore[type-arg]
    """A model, a version or an alias; a shell completes it from the store."""

    name = "ref"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Return models that begin so; and behind a ``@`` or ``:`` the aliases or the newest versions of the model."""
        from click.shell_completion import CompletionItem

        url = ctx.params.get("store") or os.environ.get(STORE)
        if not url:
            return []
        try:
            with opened(url, read_only=True) as store:
                return [CompletionItem(one) for one in _beginning(store, incomplete)]
        except Exception:  # whoever presses a key wants no message
            return []


def _beginning(store: Store, text: str) -> list[str]:
    for sign in "@:":
        name, found, rest = text.partition(sign)
        if found:
            versions = store.versions(name, limit=100)
            ends = [str(one.n) for one in versions] if sign == ":" else sorted({*(alias for one in versions for alias in one.aliases), "latest"})
            return [f"{name}{sign}{end}" for end in ends if end.startswith(rest)]
    # names are in order, and these follow one another
    after = text[:-1] + chr(ord(text[-1]) - 1) + "\uffff" if text else None
    return [one for one in store.models(limit=200, after=after) if one.startswith(text)]


REF = RefType()


def store_option(function: Any) -> Any:
    """Add the option that says where the store is."""
    return click.option("--store", envvar=STORE, show_envvar=True, metavar="URL", help="A folder, or the address of a database.")(function)


def write_options(function: Any) -> Any:
    """Add the options of a command that changes something: who, why, and whether only to try."""
    function = click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")(function)
    return who_option(click.option("--why", default="", help="Why; kept in the history.")(function))


def who_option(function: Any) -> Any:
    """Add the option that says who writes; it is never taken from the machine."""
    return click.option("--who", envvar=WHO, show_envvar=True, default="", help="Author of this change; kept in the history.")(function)


def json_option(function: Any) -> Any:
    """Add the option for JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")(function)


def duration(text: str) -> float:
    """Return seconds.

    >>> duration("36h")
    129600.0
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([smhd]?)", text.strip().lower(), re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is no length of time; give seconds, or text such as 30m, 24h or 7d")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def usage(function: Callable[..., int]) -> Callable[..., int]:
    """Turn what cannot be a name, a number or a reference into an error of usage."""

    @wraps(function)
    def command(*args: Any, **options: Any) -> int:
        try:
            return function(*args, **options)
        except HoldfastError:
            raise
        except (ValueError, TypeError) as error:
            raise click.UsageError(str(error)) from None

    return command


@contextlib.contextmanager
def opened(url: str | None, *, who: str = "", read_only: bool = False, create: bool = False, dry_run: bool = False) -> Iterator[Store]:
    """Give the store of a command.

    Args:
        url: where it is.
        who: author.
        read_only: nothing will be written.
        create: make one where there is none.
        dry_run: changes are tried and not made.

    Raises:
        NotFound: there is none.
        UsageError: nobody said where.
    """
    from holdfast.api import connect

    if not url:
        raise click.UsageError(f"where is the store? Give --store URL (a folder, or the address of a database), or set {STORE}")
    if not create:
        _check_there(url)
    with notices():
        store = connect(url, who=who, read_only=read_only)
    try:
        yield store.trial() if dry_run else store
    finally:
        store.close()


def _check_there(url: str) -> None:
    """Refuse an address where no store is: connecting to write would make one."""
    from holdfast.api import connect

    folder = url.removeprefix("file://")
    if "://" in folder:
        try:
            connect(url, read_only=True).close()
        except NotFound as error:
            raise NotFound("there is no store here; correct the address, or make one: holdfast save FILE NAME --store URL", file=error.file) from None
    elif not os.path.exists(folder):
        raise NotFound("there is no store here; the first one who saves makes it: holdfast save FILE NAME --store URL", file=folder)
    elif os.path.isdir(folder) and not any(os.path.exists(os.path.join(folder, name)) for name in ("format.json", "log")):
        raise NotFound("this folder is no store; the first one who saves makes one: holdfast save FILE NAME --store URL", file=folder)


@contextlib.contextmanager
def artifact(ctx: click.Context, name: str, store: str | None) -> Iterator[Any]:
    """Give an `Opening` of a version where a reference is meant, and None where a file is.

    With ``--store`` a reference is meant; with the variable alone, when the text looks like one and no file is called so.
    """
    told = ctx.get_parameter_source("store") is click.core.ParameterSource.COMMANDLINE
    if not store or not (told or (looks_like_ref(name) and not os.path.exists(name))):
        yield None
        return
    with opened(store, read_only=True) as found:
        try:
            version = found.find(name)
        except HoldfastError:
            raise
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        with found.open(version) as opening:
            yield opening


def looks_like_ref(text: str) -> bool:
    """Say whether a text names a version or an alias; a path with a slash never does."""
    from holdfast.values.reference import reference

    try:
        found = reference(text)
    except ValueError:
        return False
    return found.number is not None or found.alias is not None


def version_json(version: Version) -> dict[str, Any]:
    """Return a version for JSON; its keys change only as the README promises."""
    found = {"ref": str(version), **version._asdict()}
    del found["proof"]
    return {**found, "metrics": dict(version.metrics), "tags": dict(version.tags), "aliases": list(version.aliases), "data": dict(version.data), "code": dict(version.code)}


HEADER = ("version", "saved (UTC)", "type", "size", "who", "aliases", "metrics", "tags", "note")


def version_row(version: Version) -> tuple[str, ...]:
    """Return a version as a row of a table."""
    from holdfast.artifact.inspect import size_text
    from holdfast.store.times import shown_time

    return (
        str(version), shown_time(version.at), version.type.rpartition(".")[2], size_text(version.size), version.who, ", ".join(version.aliases), metrics_text(version),
        ", ".join(f"{key}={short(value)}" for key, value in version.tags.items()), short(version.note, 100),
    )  # fmt: skip


def short(text: object, limit: int = 40) -> str:
    """Return the beginning of the first line: one long text would make every line of a table as long; JSON has the whole.

    >>> short("a" * 50)[-3:]
    'aa…'
    """
    first = str(text).partition("\n")[0]
    return first if len(first) <= limit else f"{first[: limit - 1]}…"


def metrics_text(version: Version) -> str:
    """Return metrics on one line."""
    return ", ".join(f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={short(value)}" for key, value in version.metrics.items())


def deleted_text(one: Deleted, dry_run: bool) -> str:
    """Return what became of a version that goes, and what still leads to it."""
    rest = str(one).partition("; ")[2]
    return f"{one.version} {'would be' if dry_run else 'was'} deleted; {rest}"


def plain(value: Any) -> Any:
    """Return a report of the store as JSON has it: names with their values."""
    if hasattr(value, "_asdict"):
        return {key: plain(one) for key, one in value._asdict().items()}
    if hasattr(value, "__struct_fields__"):
        return {key: plain(getattr(value, key)) for key in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value
