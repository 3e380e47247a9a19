"""`train`: one configuration, resolved once, run as a process of its own."""

import os
from importlib.util import find_spec
from pathlib import Path

import click

from seizure.commands.options import config_argument, data_option, results_option, set_option
from seizure.config import resolve
from seizure.errors import SeizureError
from training_kit.commands import NO_TORCH


@click.command()
@config_argument
@data_option
@results_option
@click.option("--resume", is_flag=True, help="Go on with the newest unfinished run of this configuration.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Stop training here; --resume goes further.")
@set_option
def command(
    config: Path,
    data_dir: Path,
    results_dir: Path,
    resume: bool,
    max_steps: int | None,
    overrides: tuple[str, ...],
) -> int:
    """Build the cache, train, score and report, as the configuration file CONFIG says.

    \b
    Examples:
      python -m seizure synth data/synthetic
      python -m seizure train configs/smoke_test.yaml --data data/synthetic
      python -m seizure train configs/tusz_train_local.yaml --data /corpora/tusz --resume
      python -m seizure train configs/smoke_test.yaml --set data.limit_files=20 --set training.steps=100
    """
    from seizure.launch import launch

    resolved = resolve(config, overrides)
    if find_spec("torch") is None:
        raise SeizureError(NO_TORCH.format(name="seizure"))
    return launch(
        resolved,
        data_dir=data_dir,
        results_dir=results_dir,
        resume=resume,
        max_steps=max_steps,
        environ=os.environ,
    )
