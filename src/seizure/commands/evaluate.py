"""`evaluate`: scores of a trained run on whole recordings."""

import json
from pathlib import Path

import click

from seizure.commands.bar import counting


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["val", "eval"]), default="val", show_default=True)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="In place of the one fitted on validation; it is not stored.",
)
@click.option(
    "--data",
    "data_dir",
    type=click.Path(path_type=Path),
    help="The corpus, or the folder that data.root lies below: for recordings that the cache lacks.",
)
@click.option(
    "--results",
    "results_dir",
    type=click.Path(path_type=Path),
    help="Where cache/ and runs/ are; the run's own place if none is named.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    run: Path,
    split: str,
    threshold: float | None,
    data_dir: Path | None,
    results_dir: Path | None,
    as_json: bool,
) -> int:
    """Score RUN, a run's folder or its name, on the stitched whole recordings of a split.

    On val the threshold is fitted, with the lengths of post-processing that the configuration sets to `fit`,
    and stored in the checkpoint. Eval takes them from there, and each scoring of eval is written to
    eval_log.jsonl: a second one shows.

    \b
    Examples:
      python -m seizure evaluate runs/smoke-20250101-120000
      python -m seizure evaluate smoke-20250101-120000 --split eval --results results --data data/tusz
      python -m seizure evaluate runs/smoke-20250101-120000 --threshold 0.8 --json
    """
    from seizure.config import load_resolved
    from seizure.scoring import evaluate_run

    folder = run if run.is_dir() else (results_dir or Path()) / "runs" / run
    config = load_resolved(folder / "config.json").config
    with counting(f"Scoring {split}", quiet=as_json) as announce:
        result = evaluate_run(
            folder,
            split,
            lambda line: click.echo(line, err=as_json),
            corpus_dir=data_dir / config.data.root if data_dir is not None else None,
            results_dir=results_dir,
            threshold=threshold,
            announce=announce,
        )
    if as_json:
        click.echo(json.dumps(result, indent=1))
    return 0
