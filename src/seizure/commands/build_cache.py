"""`build-cache`: the recordings of a run, preprocessed, without training."""

import os
from pathlib import Path

import click

from seizure.commands.options import config_argument, data_option, results_option, set_option
from seizure.config import resolve


@click.command()
@config_argument
@data_option
@results_option
@click.option(
    "--processes", type=click.IntRange(min=1), help="Processes that build. [default: cache.processes]"
)
@click.option(
    "--deep", is_flag=True, help="Read the shards that are there, and rebuild those with damaged samples."
)
@set_option
def command(
    config: Path,
    data_dir: Path,
    results_dir: Path,
    processes: int | None,
    deep: bool,
    overrides: tuple[str, ...],
) -> None:
    """Preprocess the recordings of the run that CONFIG says into its cache, and stop there.

    An interrupted build goes on where it was; several may run at once. `train` uses what is there.

    \b
    Examples:
      python -m seizure build-cache configs/tusz_train_local.yaml --data /corpora/tusz --processes 8
      python -m seizure build-cache configs/smoke_test.yaml --data data/synthetic --set data.limit_files=20
      python -m seizure build-cache configs/tusz_train_local.yaml --data /corpora/tusz --deep
    """
    from seizure.launch.corpus_folder import corpus_folder
    from seizure.launch.environment import child_environment
    from seizure.training.recordings import choose_recordings, fill_cache

    if processes:
        overrides = (*overrides, f"cache.processes={processes}")
    resolved = resolve(config, overrides)
    settings = resolved.config
    for line in child_environment(resolved, os.environ).lines:
        say(line)
    data = corpus_folder(resolved, data_dir)
    limit_files = settings.data.limit_files if settings.kind == "smoke" else None
    labelled, splits = choose_recordings(settings, data, limit_files, say)
    folder, skipped = fill_cache(settings, splits, labelled, results_dir / settings.cache.dir, say, deep=deep)
    for one in skipped:
        say(f"[SKIPPED] {one.recording_id}: {one.fault.value}: {one.detail}")
    say(f"[DONE] {folder}")


def say(line: str, *, quiet: bool = False) -> None:
    if not quiet:
        click.echo(line)
