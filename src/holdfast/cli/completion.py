"""``holdfast completion``: the script a shell sources."""

from __future__ import annotations

import click

from holdfast.cli.output import give


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script for SHELL, as in: source <(holdfast completion bash)."""
    from click.shell_completion import get_completion_class

    from holdfast.cli.commands import group

    found = get_completion_class(shell)
    assert found is not None
    give(found(group, {}, "holdfast", "_HOLDFAST_COMPLETE").source())
    return 0
