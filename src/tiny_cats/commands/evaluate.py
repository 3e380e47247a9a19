"""`evaluate`: judge what a run trained, on pictures it has not seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tiny_cats.commands._training import data_option


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@data_option
@click.option("--json", "is_json", is_flag=True, help="Print results.json; all else goes to stderr.")
def command(run: Path, data_dir: Path, is_json: bool) -> int:
    """Judge the best weights of RUN, a folder in runs/, on pictures that it was not trained on.

    Of a classifier: accuracy with its 95 % interval, calibration, the worst mistakes. Of TinyDiT: its gates.
    Writes results.json, pictures/ and report.html into the folder. Exit status 0: it passes its gates; 1: it
    does not, or an error.

    \b
    Examples:
      python -m tiny_cats evaluate runs/classifier-20260101-120000
      python -m tiny_cats evaluate runs/tinydit-20260101-120000 --data /data --json
    """

    def say(line: str) -> None:
        click.echo(line, err=is_json)

    from tiny_cats.report import write_report

    passes = _judge(run, data_dir, say)
    write_report(run)
    if is_json:
        click.echo((run / "results.json").read_text(encoding="utf-8"), nl=False)
    else:
        say(f"[EVAL] in {run}: results.json, pictures/, report.html")
    return 0 if passes else 1


def _judge(run: Path, data_dir: Path, say: Callable[[str], None]) -> bool:
    """Judges the run as what it is; whether it passes its gates."""
    from tiny_cats.config import ClassifierConfig, DitConfig
    from tiny_cats.training.pictures import ready_pictures
    from tiny_cats.training.places import this_place
    from training_kit.config import load_resolved

    checkpoint, device = run / "checkpoints" / "best.pt", this_place().device
    if _kind(run, checkpoint) == "tinydit":
        from tiny_cats.training.dit_judging import judge_run

        dit = load_resolved(run / "config.json", DitConfig).config
        judged = judge_run(
            run, dit, ready_pictures(dit.data, data_dir, say, results_dir=run.parent.parent), device, say
        )
        return judged.passes
    from tiny_cats.training.classifier_run import evaluate_run

    config = load_resolved(run / "config.json", ClassifierConfig).config
    judgement = evaluate_run(
        run, config, ready_pictures(config.data, data_dir, say, results_dir=run.parent.parent), device, say
    )
    for mistake, path in list(zip(judgement.mistakes, judgement.paths, strict=True))[:10]:
        say(f"[EVAL] {path}: named {mistake.named} ({mistake.confidence:.0%}), is {mistake.true}")
    return judgement.verdict.outcome == "passed"


def _kind(run: Path, checkpoint: Path) -> Any:
    from tiny_cats.errors import ConfigError
    from tiny_cats.training.resuming import FORMAT
    from training_kit.checkpoint import read_checkpoint

    if not (run / "config.json").exists():
        raise ConfigError(f"{run}: no run's folder: those are in runs/ of the results folder")
    return read_checkpoint(checkpoint, FORMAT)["task"]
