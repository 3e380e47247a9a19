"""What `train` and `train-dit` have in common: their options, and how a run is started."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tiny_cats.config import Resolved

if TYPE_CHECKING:
    from tiny_cats.config import Kind


data_option = click.option(
    "--data",
    "data_dir",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="The folder that data.root lies below.",
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            click.argument("config", type=click.Path(path_type=Path)),
            data_option,
            click.option(
                "--results",
                "results_dir",
                type=click.Path(path_type=Path),
                default=Path(),
                show_default=True,
                help="Where runs/ and cache/ are.",
            ),
            click.option(
                "--resume", is_flag=True, help="Go on with the newest unfinished run of this configuration."
            ),
            click.option(
                "--max-steps",
                type=click.IntRange(min=1),
                help="Stop training here; --resume goes further.",
            ),
            click.option(
                "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting."
            ),
        )
    ):
        command = option(command)
    return command


def begin(
    kind: "Kind",
    resolved: Resolved,
    data_dir: Path,
    results_dir: Path,
    resume: bool,
    max_steps: int | None,
) -> int:
    from tiny_cats.run import start

    return start(
        kind, resolved, data_dir=data_dir, results_dir=results_dir, resume=resume, max_steps=max_steps
    )
