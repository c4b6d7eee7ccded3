"""The table of commands: a name, the module that holds it, and one line of help.

The one rule: to add a command, write ``cli/<name>.py`` with a click command called ``command``, and add its line here.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

COMMANDS = {
    "alias": "Point an alias of a store's model at a version, or take it away.",
    "attach": "Keep small files with a version of a store, such as signatures, or list them.",
    "card": "Print the model card of a version of a store, or keep another one.",
    "check": "Say whether a store is whole, and heal it from another one; exit code 6 when it is not.",
    "collect": "Delete the bytes of a store that no version needs any more.",
    "compare": "Say how two models differ, and check limits; exit code 1 when they do, or when a limit does not hold.",
    "completion": "Print the script that completes holdfast commands in a shell.",
    "convert": "Turn pickles, joblib, skops and other files into native ones, proven to be the same models.",
    "delete": "Take versions out of a store.",
    "demo": "Train, save, reload in a fresh process and prove some models on real data.",
    "du": "Say what the versions of a store really cost.",
    "export": "Translate a model to ONNX or PMML, replay it there, and write it with its proof.",
    "get": "Write a version of a store out as a file.",
    "import-mlflow": "Bring the models of a registry of MLflow into a store.",
    "inspect": "Say what is in a file, without loading it.",
    "keep": "Take the old versions of a model out of a store, all but the last ones.",
    "log": "Say who changed what of a model, when and why.",
    "models": "List the models of a store with their latest versions.",
    "note": "Give a version of a store another note.",
    "pack": "Write versions of a store into one file.",
    "predict": "Answer rows from a table with a saved model.",
    "pull": "Bring versions of another store into a store.",
    "push": "Bring versions of a store into another one.",
    "rollback": "Point an alias back at where it was before its last move.",
    "save": "Put a file into a store, as the next version of a model.",
    "search": "Find versions of a store by their metrics, tags and more.",
    "tag": "Set tags of a version of a store, or take them away.",
    "unpack": "Bring the versions in one file into a store.",
    "verify": "Check every digest and replay the stored example; exit code 1 when the answers differ.",
    "versions": "List the versions of a model.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: Any = importlib.import_module(f"holdfast.cli.{cmd_name.replace('-', '_')}").command
        return found  # type: ignore[no-any-return]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            if not near or error.message.endswith("?"):
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="holdfast", message="holdfast %(version)s")
def group() -> None:
    """Keep trained models: save once, load anywhere, safely, fast, and provably the same."""


def trust_options(function: Any) -> Any:
    """Add the options that trust more types and functions for one command."""
    function = click.option(
        "--trusted", "trusted", multiple=True, metavar="NAME", help="Trust this type, by its exact name; may be repeated."
    )(function)
    return click.option(
        "--trusted-function",
        "trusted_functions",
        multiple=True,
        metavar="NAME",
        help="Trust this function, by its exact name; may be repeated.",
    )(function)


def lists(trusted: tuple[str, ...], trusted_functions: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments for `load` from the options; what cannot be a name is a usage error."""
    from holdfast.trust.policy import policy

    try:
        policy(list(trusted), list(trusted_functions))
    except TypeError as error:
        raise click.UsageError(str(error)) from None
    return {"trusted": list(trusted), "trusted_functions": list(trusted_functions)}
