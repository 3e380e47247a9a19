"""`train-dit`: train TinyDiT, draw samples, hold them to the gates and report."""

from pathlib import Path

import click

from tiny_cats.commands._training import begin, options
from tiny_cats.config import resolve_dit


@click.command()
@options
def command(
    config: Path,
    data_dir: Path,
    results_dir: Path,
    resume: bool,
    max_steps: int | None,
    overrides: tuple[str, ...],
) -> int:
    """Train TinyDiT, draw samples, hold them to the gates and report, as the file CONFIG says.

    Ctrl-C keeps the step at hand. Exit status 0: done; 1: failed, also by a gate; 130: interrupted.

    \b
    Examples:
      python -m tiny_cats train-dit configs/tinydit_smoke.yaml
      python -m tiny_cats train-dit configs/tinydit.yaml --data data --resume
      python -m tiny_cats train-dit configs/tinydit_smoke.yaml --set training.steps=100,training.batch_size=8
    """
    resolved = resolve_dit(config, overrides)
    return begin("dit", resolved, data_dir, results_dir, resume, max_steps)
