"""The commands of a pipeline: loaded when they are called, errors in one sentence, exit status."""

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import ClassVar

import click

from training_kit.errors import UserError

NO_TORCH = "PyTorch is not installed here: `make {name}` sets up .venv with it, or pip install torch==2.13.0"


class Commands(click.Group):
    """Lists commands without loading any. `modules` says where each is: name -> (module, what it does)."""

    modules: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.modules:
            return None
        command: click.Command = import_module(self.modules[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.modules and not args[0].startswith("-"):
            near = get_close_matches(args[0], self.modules, n=1)
            ctx.fail(f"No such command '{args[0]}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        lines = [(name, words) for name, (_, words) in self.modules.items()]
        if lines:
            with formatter.section("Commands"):
                formatter.write_dl(lines)


def run(root: click.Command, name: str, arguments: Sequence[str]) -> int:
    """Runs one command; exit status 0: done, 1: an error in one sentence, 2: wrong usage, 130: Ctrl-C.

    A command returns its own status, or nothing for 0. `name` is the pipeline's: `python -m NAME`.
    """
    try:
        result = root.main(args=list(arguments), prog_name=f"python -m {name}", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        click.echo(f"error: {NO_TORCH.format(name=name.removeprefix('tiny_'))}", err=True)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return result if isinstance(result, int) else 0
