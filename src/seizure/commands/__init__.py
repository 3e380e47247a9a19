"""The commands: parse, call, print. Each file has one click command named `command`."""

import sys
from difflib import get_close_matches
from importlib import import_module

import click

from seizure.errors import SeizureError

# name -> (module, what it does); modules load when they are used, since torch takes seconds
COMMANDS = {
    "train": ("train", "build the cache, train, score and report, as a configuration says"),
    "fetch": ("fetch", "download CHB-MIT or Siena from PhysioNet"),
    "synth": ("synth", "make a synthetic corpus in TUSZ's layout"),
    "validate": ("validate", "read a whole corpus and list what is wrong with it"),
    "build-cache": ("build_cache", "preprocess recordings into the cache"),
    "scan-cache": ("scan_cache", "say how much of a cache is built, and whether it is sound"),
    "evaluate": ("evaluate", "score a trained model on whole recordings"),
    "predict": ("predict", "find seizures in an EDF file, write events as TSV or csv_bi"),
    "report": ("report", "write the HTML report of a run"),
    "verify": ("verify", "check a saved log against what its run should have done"),
}


NO_TORCH = "PyTorch is not installed here: `make seizure` sets up .venv with it, or pip install torch==2.13.0"


class Root(click.Group):
    """Loads a command's module when it is called, and lists all without loading any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"seizure.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"No such command '{args[0]}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
def root() -> None:
    """EEG seizure detection: train, score and use a detector.

    \b
    Examples:
      python -m seizure synth data/synthetic
      python -m seizure train configs/smoke_test.yaml --data data/synthetic
      python -m seizure predict recording.edf --model runs/smoke-…/checkpoints/best.pt
    """


def run(arguments: list[str]) -> int:
    """Runs one command; exit status 0: done, 1: an error in one sentence, 2: wrong usage, 130: Ctrl-C."""
    try:
        result = root.main(args=arguments, prog_name="python -m seizure", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return 130
    except SeizureError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        click.echo(f"error: {NO_TORCH}", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return result if isinstance(result, int) else 0
