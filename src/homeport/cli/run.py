"""`homeport run ARGS`: `modal run ARGS` against the engine, unless the check finds that it will fail."""

from pathlib import Path

import click

from homeport.cli import verdict
from homeport.cli.modal import PASS_THROUGH, become_modal
from homeport.model.errors import NotFoundError

EPILOG = """\b
Examples:
  homeport run app.py
  homeport run app.py::train --config-path configs/smoke_test.yaml
  homeport run --detach -m package.module
  homeport run --no-check app.py
  homeport run --contract full app.py::train
  homeport modal run --help        modal run's own options
"""


@click.command(context_settings=PASS_THROUGH, epilog=EPILOG)
@click.option(
    "--contract",
    metavar="NAME",
    help="Hold the run to this contract of homeport.toml, whatever it calls and with which arguments.",
)
@click.option("--no-check", is_flag=True, help="Run it even if homeport check finds that it will fail.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, args: tuple[str, ...], contract: str | None, no_check: bool) -> int:
    """Run `modal run ARGS` against the engine, which is started when it is not up.

    ARGS go to modal as they are, options included. First the app's source is checked, in a fraction of a
    second: what will fail for certain is said, and nothing is run. homeport check APP says more.

    Exits as modal does, but with 3 where the run did not keep its contract.
    """
    if not args or args in (("--help",), ("-h",)):
        click.echo(ctx.get_help())
        return 0
    if contract is not None:
        _require_contract(args, contract)
    if not no_check:
        from homeport.cli.check_run import will_fail

        if will_fail(args):
            return 1
    is_asked = contract is not None
    then = verdict.__name__ if is_asked or verdict.may_be_held(args) else ""
    return become_modal(("run", *args), then=then, must_note=is_asked)


def _require_contract(args: tuple[str, ...], name: str) -> None:
    """Raises NotFoundError, InvalidError, BadContractsError before anything is started. Of an app's file that
    is not there modal has to speak."""
    from homeport.control.contracts.files import contract_path, entry_of
    from homeport.record.contracts.reading import decode
    from homeport.record.run import Launcher

    folder = str(Path.cwd())
    entry = entry_of(Launcher(("homeport", "run", *args), folder))
    if entry is None:
        return
    path = contract_path(entry, folder)
    if path is None:
        raise NotFoundError(
            f"There is no homeport.toml beside {entry.name} or above it, and so no contract {name!r}. To "
            "write one from a good run: homeport contract init RUN"
        )
    decode(path.read_bytes(), str(path)).named(name)
