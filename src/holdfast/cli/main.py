"""Entry point: ``holdfast --version`` at once, everything else by its own module.

The one rule: a module of a command is imported when the command is used.
"""

from __future__ import annotations

import sys
from typing import Any


def run() -> None:
    """Run the command line of this process and exit."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from holdfast import __version__

        sys.stdout.write(f"holdfast {__version__}\n")
        return
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0 done, 1 differs, 2 usage, 3 not found, 4 refused, 5 missing, 6 damaged, 7 unavailable."""
    import click

    from holdfast.cli.commands import group
    from holdfast.cli.output import say_error
    from holdfast.errors import HoldfastError

    try:
        result: Any = group.main(arguments, prog_name="holdfast", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except HoldfastError as error:
        say_error(error)
        return error.exit_code
    except click.exceptions.Abort:
        sys.stderr.write("stopped\n")
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away, as head does; nothing to say
        return 0
    except MemoryError:
        sys.stderr.write("holdfast: not enough memory for this model; load a part of it, or use a larger machine\n")
        return 7
    except RecursionError:
        sys.stderr.write("holdfast: the model nests deeper than Python can follow\n")
        return 4
