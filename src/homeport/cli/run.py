"""`homeport run ARGS`: `modal run ARGS` against the engine, unless the check finds that it will fail."""

import click

from homeport.cli import verdict
from homeport.cli.modal import PASS_THROUGH, become_modal

EPILOG = """\b
Examples:
  homeport run app.py
  homeport run app.py::train --config-path configs/smoke_test.yaml
  homeport run --detach -m package.module
  homeport run --no-check app.py
  homeport modal run --help        modal run's own options
"""


@click.command(context_settings=PASS_THROUGH, epilog=EPILOG)
@click.option("--no-check", is_flag=True, help="Run it even if homeport check finds that it will fail.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, args: tuple[str, ...], no_check: bool) -> int:
    """Run `modal run ARGS` against the engine, which is started when it is not up.

    ARGS go to modal as they are, options included. First the app's source is checked, in a fraction of a
    second: what will fail for certain is said, and nothing is run. homeport check APP says more.

    Exits as modal does, but with 3 where the run did not keep its contract.
    """
    if not args or args in (("--help",), ("-h",)):
        click.echo(ctx.get_help())
        return 0
    if not no_check:
        from homeport.cli.check_run import will_fail

        if will_fail(args):
            return 1
    return become_modal(("run", *args), then=verdict.__name__ if verdict.may_be_held(args) else "")
