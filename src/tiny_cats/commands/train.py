"""`train`: train the classifier, judge and report."""

from pathlib import Path

import click

from tiny_cats.commands._training import begin, options
from tiny_cats.config import resolve_classifier


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
    """Train the classifier, judge and report, as the configuration file CONFIG says.

    Ctrl-C keeps the step at hand. Exit status 0: done; 1: failed, also by a gate; 130: interrupted.

    \b
    Examples:
      python -m tiny_cats train configs/classifier_smoke.yaml
      python -m tiny_cats train configs/classifier.yaml --data data --resume
      python -m tiny_cats train configs/classifier_smoke.yaml --set training.steps=100,training.batch_size=8
    """
    resolved = resolve_classifier(config, overrides)
    return begin("classifier", resolved, data_dir, results_dir, resume, max_steps)
