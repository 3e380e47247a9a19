"""What commands that take a run's configuration have in common: its argument and options."""

from pathlib import Path

import click

config_argument = click.argument("config", type=click.Path(path_type=Path))
data_option = click.option(
    "--data",
    "data_dir",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="The corpus, or the folder that data.root lies below.",
)
results_option = click.option(
    "--results",
    "results_dir",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default=True,
    help="Where cache/ and runs/ are.",
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting."
)
