"""A run as training leaves it: a small corpus, splits, the checkpoint of a model that learned nothing."""

import json
from pathlib import Path

import torch

from seizure import corpus
from seizure.config import resolve
from seizure.model import build_model
from seizure.signal.channels import REFERENTIAL19
from seizure.synth import make_corpus
from seizure.training.checkpoint import describe_model
from training_kit.checkpoint import write_checkpoint

SMOKE = Path(__file__).parents[3] / "configs" / "smoke_test.yaml"


def make_run(base: Path, corpus_dir: Path, **settings: str) -> Path:
    """`base/results/runs/smoke-…`; `settings`: overrides of the smoke configuration, `.` written `__`."""
    folder = base / "results" / "runs" / "smoke-20260301-101500"
    (folder / "checkpoints").mkdir(parents=True)
    overrides = [
        "cache.processes=1",
        *(f"{key.replace('__', '.')}={value}" for key, value in settings.items()),
    ]
    resolved = resolve(SMOKE, overrides)
    resolved.save(folder / "config.json")
    recordings = corpus.discover(corpus_dir)
    splits = corpus.split(recordings, {}, resolved.config.data).ids()
    (folder / "splits.json").write_text(json.dumps(splits))
    write_checkpoint(folder / "checkpoints" / "best.pt", untrained(resolved.config))
    return folder


def untrained(config, channels=REFERENTIAL19):
    """A checkpoint's content: the configuration's model, as it is before any step."""
    torch.manual_seed(0)
    model = build_model(config.model.preset, len(channels))
    return describe_model(config, channels, model, step=0)


def make_small_corpus(folder: Path) -> Path:
    """2 dev recordings and 2 eval ones of 2 minutes, one of each with a seizure."""
    make_corpus(folder, train_files=1, dev_files=2, eval_files=2, minutes=2, seed=3)
    return folder
