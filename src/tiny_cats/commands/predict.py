"""`predict`: say which breed pictures show, with a trained classifier"""

import json
import sys
from pathlib import Path

import click

from tiny_cats.commands._given import refuse_given
from tiny_cats.commands._progress import amount


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE|DIR …")
@click.option(
    "--model", type=click.Path(path_type=Path),
    help="A folder that `export` wrote, the one in exported/ if none is named; or a run or checkpoint, "
    "if PyTorch is installed.",
)  # fmt: skip
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Classes to print of each.")
@click.option(
    "--batch-size", type=click.IntRange(1), default=16, show_default=True, help="Pictures at a time."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(images: tuple[Path, ...], model: Path | None, top: int, batch_size: int, form: str) -> int:
    """Say which breed pictures show, with the probability of each class.

    A picture that cannot be read is named and makes the exit status 1; the others are predicted all the
    same. JSON has all classes.

    \b
    Examples:
      python -m tiny_cats predict cat.jpg
      python -m tiny_cats predict photos/ --model exported/classifier --format json
      python -m tiny_cats predict cat.jpg --model runs/classifier-20260301-101500
    """
    if form == "json":
        refuse_given("top", "--top is for text: JSON has all classes, leave it out with --format json")
    from tiny_cats.opening import classifier_from
    from tiny_cats.runtime.classify import Failure, Prediction, find_pictures, predict

    found = find_pictures(images)
    classifier = classifier_from(model)
    done: list[Prediction] = []
    failed: list[Failure] = []
    # as text each line says how far it is
    with amount("Predicting", len(found), is_shown=form == "json") as announce:
        for number, result in enumerate(predict(classifier, found, batch_size=batch_size), 1):
            announce(number)
            if isinstance(result, Failure):
                failed.append(result)
                _say(f"error: {result.path}: {result.fault}: {result.detail}")
                continue
            for notice in result.notices:
                _say(f"note: {result.path}: {notice}")
            done.append(result)
            if form == "text":
                click.echo(result.line(top))
    if form == "json":
        result_json = {
            "model": f"{classifier.about.preset}, step {classifier.about.step}",
            "images": [one.as_json() for one in done],
            "failed": [one.as_json() for one in failed],
        }
        click.echo(json.dumps(result_json, indent=1, ensure_ascii=False))
    return 1 if failed else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # not click.echo: it writes into a bar's line, past the bar
