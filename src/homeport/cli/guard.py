"""`homeport guard -- modal run …`: holds a run elsewhere, on Modal's cloud, to a contract."""

from pathlib import Path

import click

from homeport.cli.modal import PASS_THROUGH

EPILOG = """\b
Examples:
  homeport guard -- modal run --detach app.py::train --config-path configs/full.yaml
  homeport guard --contract full -- python launch.py
  homeport guard --file contracts/full.toml -- modal run app.py::train

\b
Exit status: the command's; 3 where the contract was not kept.
"""


@click.command(context_settings={**PASS_THROUGH, "help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.option(
    "--contract",
    "name",
    metavar="NAME",
    help="The contract; without it, the one that the command's function and options match.",
)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file with the contract; without it, homeport.toml beside the app or above it.",
)
@click.argument("args", nargs=-1, required=True, type=click.UNPROCESSED)
def command(name: str | None, file: Path | None, args: tuple[str, ...]) -> int:
    """Run a command that runs a Modal app, anywhere, and hold it to a contract by what it prints.

    Where a line breaks the contract, or the run takes too long, the app is stopped, the reason is said, and
    the exit status is 3. What only Homeport's own containers tell (variables, files, memory) is not looked
    at, which is said. Runs on this machine's engine need no guard: it holds them to homeport.toml itself.
    """
    from homeport.cli.guarding.choose import choose
    from homeport.cli.guarding.guarded import Guarded

    return Guarded(choose(args, file, name), args).run()
