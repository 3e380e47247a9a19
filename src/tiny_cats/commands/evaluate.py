"""`evaluate`: judge a trained classifier on pictures it has not seen."""

import json
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--data",
    "data_dir",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="The folder that data.root lies below.",
)
@click.option("--json", "is_json", is_flag=True, help="Print the figures as JSON; all else goes to stderr.")
def command(run: Path, data_dir: Path, is_json: bool) -> int:
    """Judge the best weights of the classifier's RUN, a folder in runs/, on its test pictures.

    Prints accuracy with its 95 % interval, calibration and the worst mistakes, and writes results.json and
    pictures/ into the folder. Exit status 0: better than guessing, by its interval; 1: not, or failed.

    \b
    Examples:
      python -m tiny_cats evaluate runs/classifier-20260101-120000
      python -m tiny_cats evaluate runs/classifier-20260101-120000 --data /data --json
    """
    from tiny_cats.config import ClassifierConfig
    from tiny_cats.training.classifier_run import evaluate_run
    from tiny_cats.training.pictures import ready_pictures
    from tiny_cats.training.places import this_place
    from training_kit.config import load_resolved

    config = load_resolved(run / "config.json", ClassifierConfig).config

    def say(line: str) -> None:
        click.echo(line, err=is_json)

    dataset = ready_pictures(config.data, data_dir, say)
    judgement = evaluate_run(run, config, dataset, this_place().device, say)
    if is_json:
        click.echo(json.dumps(judgement.facts() | {"gates": [judgement.gate()]}, ensure_ascii=False))
    else:
        for mistake, path in list(zip(judgement.mistakes, judgement.paths, strict=True))[:10]:
            say(f"  {path}: named {mistake.named} ({mistake.confidence:.0%}), is {mistake.true}")
        say(f"[EVAL] pictures of it: {run / 'pictures'}")
    return 0 if judgement.passes else 1
