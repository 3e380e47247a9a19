"""`python -m seizure synth DIR`: a corpus in TUSZ's layout, with seizures put in."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from click.core import ParameterSource


@click.command(epilog="\b\nA corpus of a given seed is the same to the byte on any number of processes.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--train", default=50, show_default=True, help="Recordings of the train folder.")
@click.option("--dev", default=10, show_default=True, help="Recordings of the dev folder.")
@click.option("--eval", "eval_", default=10, show_default=True, help="Recordings of the eval folder.")
@click.option("--minutes", default=6.0, show_default=True, help="Length of a recording.")
@click.option("--short", is_flag=True, help="One-minute recordings: the same as --minutes 1.")
@click.option("--patients", default=0, help="Patients of the train folder. [default: one for five files]")
@click.option("--seed", default=0, show_default=True, help="Another number, another corpus.")
@click.option("--processes", default=0, help="Processes that make recordings. [default: one a core]")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    folder: Path,
    train: int,
    dev: int,
    eval_: int,
    minutes: float,
    short: bool,
    patients: int,
    seed: int,
    processes: int,
    as_json: bool,
) -> None:
    """Make a synthetic corpus in TUSZ's layout, with seizures put in.

    An interrupted corpus is continued by the same command. A folder that holds anything else is refused.

    \b
    Examples:
      python -m seizure synth data/synthetic
      python -m seizure synth data/short --train 4667 --dev 10 --eval 10 --short
    """
    from seizure.synth import make_corpus
    from seizure.synth.progress import Progress

    if seed < 0 or processes < 0 or patients < 0:
        raise click.UsageError("--seed, --processes and --patients cannot be negative")
    is_said = click.get_current_context().get_parameter_source("minutes") is ParameterSource.COMMANDLINE
    if short and is_said:
        raise click.UsageError("--short is --minutes 1: say one of the two")
    with Progress(quiet=as_json) as progress:
        summary = make_corpus(
            folder,
            train_files=train,
            dev_files=dev,
            eval_files=eval_,
            minutes=1.0 if short else minutes,
            seed=seed,
            patients=patients,
            processes=processes,
            announce=progress.announce,
        )
    if as_json:
        json.dump({**asdict(summary), "root": str(folder)}, sys.stdout, indent=1)
        click.echo()
        return
    for partition, files in summary.files.items():
        click.echo(
            f"{partition:5}  {files:5} recordings  {summary.patients[partition]:4} patients  "
            f"{summary.seizures[partition]:5} seizures in {summary.files_with_seizures[partition]} recordings"
        )
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.kinds.items()))
    click.echo(f"{summary.hours:.1f} hours, of them {summary.seizure_hours:.2f} of seizures ({kinds})")
    click.echo(
        f"{summary.size_bytes / 1e6:,.0f} MB in {folder}, {summary.made} made and {summary.kept} kept "
        f"in {summary.elapsed_s:.0f} s"
    )
    click.echo("Next:")
    click.echo(f"  python -m seizure validate {folder}")
    click.echo(f"  python -m seizure train configs/smoke_test.yaml --data {folder}")
