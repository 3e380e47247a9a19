"""`homeport run ARGS`: `modal run ARGS` against the engine."""

import click

from homeport.cli.modal import PASS_THROUGH, become_modal

EPILOG = """\b
Examples:
  homeport run app.py
  homeport run app.py::train --config-path configs/smoke_test.yaml
  homeport run --detach -m package.module
  homeport modal run --help        modal run's own options
"""


@click.command(context_settings=PASS_THROUGH, epilog=EPILOG)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, args: tuple[str, ...]) -> None:
    """Run `modal run ARGS` against the engine, which is started when it is not up.

    ARGS go to modal as they are, options included.
    """
    if not args or args in (("--help",), ("-h",)):
        click.echo(ctx.get_help())
        return
    become_modal(("run", *args))
