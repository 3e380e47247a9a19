"""The commands: parse, call, print. Each file has one click command named `command`."""

from typing import ClassVar

import click

from training_kit import commands

# name -> (module, what it does); modules load when they are used, since torch takes seconds
COMMANDS = {
    "train": ("train", "build the cache, train, score and report, as a configuration says"),
    "fetch": ("fetch", "download CHB-MIT or Siena from PhysioNet"),
    "synth": ("synth", "make a synthetic corpus in TUSZ's layout"),
    "validate": ("validate", "read a whole corpus and list what is wrong with it"),
    "build-cache": ("build_cache", "preprocess recordings into the cache"),
    "scan-cache": ("scan_cache", "say how much of a cache is built, and whether it is sound"),
    "evaluate": ("evaluate", "score a trained model on whole recordings"),
    "predict": ("predict", "find seizures in an EDF file, write events as TSV or csv_bi"),
    "report": ("report", "write the HTML report of a run"),
    "verify": ("verify", "check a saved log against what its run should have done"),
}


class Root(commands.Commands):
    modules: ClassVar = {
        name: (f"seizure.commands.{module}", words) for name, (module, words) in COMMANDS.items()
    }


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
def root() -> None:
    """EEG seizure detection: train, score and use a detector.

    \b
    Examples:
      python -m seizure synth data/synthetic
      python -m seizure train configs/smoke_test.yaml --data data/synthetic
      python -m seizure predict recording.edf --model runs/smoke-…/checkpoints/best.pt
    """


def run(arguments: list[str]) -> int:
    """Runs one command; exit status 0: done, 1: an error in one sentence, 2: wrong usage, 130: Ctrl-C."""
    return commands.run(root, "seizure", arguments)
