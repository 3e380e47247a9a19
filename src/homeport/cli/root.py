"""The table of commands, and the one place where a command's errors become a sentence and an exit status.

Each command is a file `cli/NAME.py` with an attribute `command`. The summaries stand here, so that
`homeport --help` loads none of the files.
"""

import errno
import os
import sys
from importlib import import_module
from typing import Any

import click

from homeport import __version__
from homeport.model.errors import HomeportError

SECTIONS: dict[str, dict[str, str]] = {
    "Engine": {
        "up": "Start the engine, a background service of this user.",
        "down": "Stop the engine and its containers.",
        "status": "Say what the engine holds and how limits are held here.",
        "doctor": "Check this machine and name the cure for what is missing.",
    },
    "Modal": {
        "check": "Say what would fail in an app's containers, before anything is built.",
        "run": "modal run ARGS, against the engine.",
        "modal": "Any modal command, against the engine.",
        "env": "Print what points a shell's modal command at the engine.",
        "activate": "Point every modal command of this user at the engine.",
        "deactivate": "Undo activate.",
    },
    "Runs": {
        "explain": "Say where a run's variable, argument, setting or file came from.",
        "diff": "Show what differs between two runs, the likeliest cause first.",
        "runs": "List what was run here, newest first.",
        "show": "Show the record of a run.",
        "contract": "Say what runs have to look like, from a good one.",
        "ui": "Open the pages of runs in a browser.",
        "guard": "Hold a run on Modal's cloud to a contract.",
    },
    "Data": {
        "volume": "Serve folders of this machine as Volumes.",
        "image": "List, prune and export the images of this home.",
    },
}

HELP = """Run Modal apps on your own machine, with the official modal client.

\b
Examples:
  homeport run app.py::train          run a function, starting the engine if it is not up
  eval "$(homeport env)"              from here on, plain modal commands use the engine
  modal run --detach app.py::train
  homeport down
"""


class LazyGroup(click.Group):
    """Lists commands from the table and imports a command's file when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"homeport.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()), col_max=14)


@click.group(cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="homeport")
def homeport() -> None:
    pass


def run(arguments: list[str]) -> int:
    """Runs one command line. Returns its exit status; errors of the user's are one sentence on stderr."""
    try:
        result: Any = homeport.main(args=arguments, prog_name="homeport", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        return 130  # Ctrl-C
    except HomeportError as error:
        return _fail(str(error))
    except BrokenPipeError:
        _discard_stdout()  # the reader, such as head, has what it wanted
        return 0
    except OSError as error:
        return _fail(_os_sentence(error))
    return result if isinstance(result, int) else 0


def _fail(sentence: str) -> int:
    click.secho(f"homeport: {sentence}", err=True, fg="red" if "NO_COLOR" not in os.environ else None)
    return 1


def _os_sentence(error: OSError) -> str:
    what = error.strerror or str(error)
    where = f"{error.filename}: " if error.filename else ""
    cure = {
        errno.ENOSPC: " Free some space, or set HOMEPORT_HOME to a folder on another disk.",
        errno.EDQUOT: " Free some space, or set HOMEPORT_HOME to a folder on another disk.",
        errno.EROFS: " Set HOMEPORT_HOME to a folder that can be written.",
        errno.EACCES: " Set HOMEPORT_HOME to a folder of yours, or ask its owner for access.",
        errno.EPERM: " It belongs to another user.",
    }.get(error.errno or 0, "")
    return f"{where}{what}.{cure}"


def _discard_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
